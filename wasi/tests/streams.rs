//! Sockets, standard streams, arguments, environment, processes.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use common::{BUFFER, DIR, Guest, OFLAGS_CREAT, OUT};
use wasmer_wasi::{Errno, OutputBuffer, Rights, Stdin, Stdout, Termination, WasiCtx, WasiCtxBuilder};

/// A guest with a directory (3) and a listening socket (4), and a way to connect.
fn server() -> (Guest, impl Fn() -> TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let builder = WasiCtxBuilder::new().dir(std::env::temp_dir(), "/tmp");
    let guest = Guest::new(builder.listener(listener));
    (guest, move || TcpStream::connect(address).unwrap())
}

const LISTENER: u64 = 4;

fn accept(guest: &mut Guest, flags: u64) -> Result<u32, Errno> {
    guest.call("sock_accept", &[LISTENER, flags, OUT.into()])?;
    Ok(guest.mem().read_u32(OUT).unwrap())
}

#[test]
fn a_connection_is_accepted_and_used() {
    let (mut guest, connect) = server();
    let mut client = connect();
    let fd = accept(&mut guest, 0).unwrap();
    client.write_all(b"ping pong").unwrap();
    let [iovs, count] = guest.iovecs(&[(BUFFER, 4)]);
    // Peek, then receive.
    for flags in [1, 0] {
        let args = [fd.into(), iovs, count, flags, 0, 8];
        assert_eq!(guest.call("sock_recv", &args), Ok(()));
        assert_eq!(guest.mem().read_u32(0), Ok(4));
        assert_eq!(guest.mem().read_u16(8), Ok(0));
        assert_eq!(guest.bytes(BUFFER, 4), b"ping");
    }
    assert_eq!(guest.read(fd, 20).unwrap(), b" pong");
    assert_eq!(guest.write(fd, b"hello "), Ok(6));
    guest.mem().write_bytes(BUFFER, b"you").unwrap();
    let [iovs, count] = guest.iovecs(&[(BUFFER, 1), (BUFFER + 1, 2)]);
    let args = [fd.into(), iovs, count, 0, 0];
    assert_eq!(guest.call("sock_send", &args), Ok(()));
    assert_eq!(guest.mem().read_u32(0), Ok(3));
    assert_eq!(guest.call("sock_shutdown", &[fd.into(), 2]), Ok(()));
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "hello you");
    drop(client);
    // A write to a closed connection is an error, not a signal that ends the host.
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Pipe));
    guest.call("fd_fdstat_get", &[fd.into(), OUT.into()]).unwrap();
    assert_eq!(guest.mem().read_u8(OUT), Ok(6));
}

#[test]
fn sockets_that_do_not_block() {
    let (mut guest, connect) = server();
    assert_eq!(guest.call("fd_fdstat_set_flags", &[LISTENER, 4]), Ok(()));
    assert_eq!(accept(&mut guest, 0), Err(Errno::Again));
    let _client = connect();
    let fd = accept(&mut guest, 4).unwrap();
    assert_eq!(guest.read(fd, 1), Err(Errno::Again));
    assert_eq!(accept(&mut guest, 1), Err(Errno::Inval));
}

#[test]
fn socket_functions_check_what_they_get() {
    let (mut guest, connect) = server();
    for (fd, errno) in
        [(99, Errno::Badf), (0, Errno::Notsock), (DIR.into(), Errno::Notsock), (LISTENER, Errno::Notconn)]
    {
        assert_eq!(guest.call("sock_shutdown", &[fd, 3]), Err(errno), "{fd}");
        let received = guest.call("sock_recv", &[fd, 0, 0, 0, 0, 8]);
        assert_eq!(received, Err(errno), "{fd}");
        let sent = guest.call("sock_send", &[fd, 0, 0, 0, 0]);
        assert_eq!(sent, Err(errno), "{fd}");
    }
    let accepted = guest.call("sock_accept", &[DIR.into(), 0, 0]);
    assert_eq!(accepted, Err(Errno::Notsock));
    let _client = connect();
    let fd = u64::from(accept(&mut guest, 0).unwrap());
    assert_eq!(guest.call("sock_accept", &[fd, 0, 0]), Err(Errno::Inval));
    assert_eq!(guest.call("sock_shutdown", &[fd, 0]), Err(Errno::Inval));
    assert_eq!(guest.call("sock_shutdown", &[fd, 4]), Err(Errno::Inval));
    assert_eq!(guest.call("sock_recv", &[fd, 0, 0, 4, 0, 8]), Err(Errno::Inval));
    assert_eq!(guest.call("sock_send", &[fd, 0, 0, 1, 0]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_prestat_get", &[LISTENER, 0]), Err(Errno::Badf));
    assert_eq!(guest.call("sock_shutdown", &[fd, 3]), Ok(()));
}

#[test]
fn streams_in_memory() {
    let (out, err) = (OutputBuffer::new(), OutputBuffer::new());
    let mut guest = Guest::new(
        WasiCtxBuilder::new()
            .stdin(Stdin::bytes("some input"))
            .stdout(Stdout::buffer(&out))
            .stderr(Stdout::buffer(&err)),
    );
    assert_eq!(guest.read(0, 4).unwrap(), b"some");
    assert_eq!(guest.read(0, 100).unwrap(), b" input");
    assert_eq!(guest.read(0, 100).unwrap(), b"");
    assert_eq!(guest.write(1, b"out"), Ok(3));
    assert_eq!(guest.write(2, b"err"), Ok(3));
    assert_eq!((out.take(), err.take()), (b"out".to_vec(), b"err".to_vec()));
    assert_eq!(guest.seek(1, 0, 1), Err(Errno::Spipe));
    assert_eq!(guest.read(1, 1), Err(Errno::Badf));
    assert_eq!(guest.write(0, b"x"), Err(Errno::Badf));
    assert_eq!(guest.call("fd_close", &[1]), Ok(()));
    assert_eq!(guest.write(1, b"x"), Err(Errno::Badf));
}

#[test]
fn a_file_as_standard_output() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let file = std::fs::File::create(&path).unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(Stdout::Fd(file.into())));
    guest.call("fd_fdstat_get", &[1, OUT.into()]).unwrap();
    assert_eq!(guest.mem().read_u8(OUT), Ok(4), "a regular file");
    assert_eq!(guest.write(1, b"hello"), Ok(5));
    assert_eq!(guest.seek(1, 1, 0), Ok(1));
    assert_eq!(guest.write(1, b"E"), Ok(1));
    assert_eq!(std::fs::read(&path).unwrap(), b"hEllo");
    assert_eq!(guest.call("fd_fdstat_set_flags", &[1, 1]), Err(Errno::Notsup));
    // Only what is written changes it.
    assert_eq!(guest.call("fd_filestat_set_size", &[1, 0]), Err(Errno::Badf));
    assert_eq!(std::fs::read(&path).unwrap(), b"hEllo");
}

#[test]
fn a_log_as_standard_output() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, "before ").unwrap();
    let file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(Stdout::Fd(file.into())));
    guest.call("fd_fdstat_get", &[1, OUT.into()]).unwrap();
    assert_eq!(guest.mem().read_u16(OUT + 2), Ok(1), "it appends");
    // As `fcntl(fd, F_SETFL, flags | O_NONBLOCK)` does.
    assert_eq!(guest.call("fd_fdstat_set_flags", &[1, 1 | 4]), Ok(()));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[1, 0]), Err(Errno::Notsup));
    assert_eq!(guest.seek(1, 0, 0), Ok(0));
    assert_eq!(guest.write(1, b"after"), Ok(5));
    assert_eq!(std::fs::read(&path).unwrap(), b"before after");
}

#[test]
fn strings_reach_the_guest() {
    let mut guest = Guest::new(WasiCtxBuilder::new().args(["prog", "", "ä b"]).env("PATH", "/bin=x").env("E", ""));
    let lists: [(&str, &[&[u8]]); 2] =
        [("args", &[b"prog", b"", "ä b".as_bytes()]), ("environ", &[b"PATH=/bin=x", b"E="])];
    for (kind, want) in lists {
        guest.call(&format!("{kind}_sizes_get"), &[0, 4]).unwrap();
        let (count, size) = (guest.mem().read_u32(0).unwrap(), guest.mem().read_u32(4).unwrap());
        assert_eq!(count as usize, want.len());
        assert_eq!(size as usize, want.iter().map(|s| s.len() + 1).sum::<usize>());
        guest.call(&format!("{kind}_get"), &[64, BUFFER.into()]).unwrap();
        for (index, want) in want.iter().enumerate() {
            let ptr = guest.mem().read_u32(64 + index as u32 * 4).unwrap();
            let mut want = want.to_vec();
            want.push(0);
            assert_eq!(guest.bytes(ptr, want.len() as u32), want);
        }
        let end = 1 << 20;
        let past = guest.call(&format!("{kind}_get"), &[64, end - u64::from(size) + 1]);
        assert_eq!(past, Err(Errno::Fault));
    }
}

#[test]
fn ending_and_signals() {
    let mut guest = Guest::new(WasiCtxBuilder::new());
    assert_eq!(guest.call_raw("proc_exit", &[0]), Err(Termination::Exit(0)));
    let minus_one = u64::from(u32::MAX);
    assert_eq!(guest.call_raw("proc_exit", &[minus_one]), Err(Termination::Exit(-1)));
    assert_eq!(guest.call_raw("proc_raise", &[6]), Err(Termination::Exit(134)));
    assert_eq!(guest.call("proc_raise", &[0]), Ok(()));
    assert_eq!(guest.call("proc_raise", &[16]), Ok(()));
    assert_eq!(guest.call("proc_raise", &[18]), Err(Errno::Notsup));
    assert_eq!(guest.call("proc_raise", &[31]), Err(Errno::Inval));
    assert_eq!(guest.call("sched_yield", &[]), Ok(()));
}

#[test]
fn a_context_can_move_to_another_thread() {
    fn needs_send<T: Send>() {}
    needs_send::<WasiCtx>();
}

#[test]
fn devices_are_not_terminals() {
    let mut guest = Guest::new(WasiCtxBuilder::new().dir("/dev", "/dev"));
    let Ok(fd) = guest.open("null", OFLAGS_CREAT, Rights::REGULAR_FILE) else {
        return;
    };
    guest.call("fd_fdstat_get", &[fd.into(), OUT.into()]).unwrap();
    assert_eq!(guest.mem().read_u8(OUT), Ok(2));
    let rights = Rights::from_bits(guest.mem().read_u64(OUT + 8).unwrap());
    assert!(rights.contains(Rights::FD_SEEK.union(Rights::FD_TELL)));
    assert_eq!(guest.write(fd, b"x"), Ok(1));
}
