//! Every function that takes a descriptor, on every kind of descriptor: the errors are those of POSIX, whose functions the C libraries make
//! of these. Where POSIX leaves a choice, it is Linux's; where POSIX has no such function, what other runtimes answer.

mod common;

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use common::{BUFFER, Guest, OFLAGS_CREAT, OUT};
use rustix::pipe::{PipeFlags, pipe_with};
use wasmer_wasi::{Errno, Rights, Stdin, Stdout, WasiCtxBuilder};

/// A column each: what the descriptor stands for.
const KINDS: [&str; 14] = [
    "rw",
    "ro",
    "wo",
    "append",
    "dir",
    "subdir",
    "ro-dir",
    "ro-file",
    "in-pipe",
    "out-pipe",
    "in-memory",
    "socket",
    "listener",
    "closed",
];

/// A row for each function; `-` is success.
const TABLE: &str = "
fd_read               -      -      Badf   -      Isdir  Isdir  Isdir  -      -      Badf   -      -       Notconn Badf
fd_pread              -      -      Badf   -      Isdir  Isdir  Isdir  -      Spipe  Badf   Spipe  Spipe   Notconn Badf
fd_write              -      Badf   -      -      Badf   Badf   Badf   Badf   Badf   -      Badf   -       Notconn Badf
fd_pwrite             -      Badf   -      -      Badf   Badf   Badf   Badf   Badf   Spipe  Badf   Spipe   Notconn Badf
fd_seek               -      -      -      -      Badf   Badf   Badf   -      Spipe  Spipe  Spipe  Spipe   Spipe   Badf
fd_tell               -      -      -      -      Badf   Badf   Badf   -      Spipe  Spipe  Spipe  Spipe   Spipe   Badf
fd_readdir            Notdir Notdir Notdir Notdir -      -      -      Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
fd_sync               -      -      -      -      -      -      -      -      Inval  Inval  Inval  Inval   Inval   Badf
fd_datasync           -      -      -      -      -      -      -      -      Inval  Inval  Inval  Inval   Inval   Badf
fd_advise             -      -      -      -      -      -      -      -      Spipe  Spipe  Spipe  -       -       Badf
fd_allocate           -      Badf   -      -      Badf   Badf   Rofs   Rofs   Badf   Badf   Badf   Badf    Badf    Badf
fd_filestat_get       -      -      -      -      -      -      -      -      -      -      -      -       -       Badf
fd_filestat_set_size  -      Inval  -      -      Inval  Inval  Rofs   Rofs   Badf   Badf   Badf   Badf    Badf    Badf
fd_filestat_set_times -      -      -      -      -      -      Rofs   Rofs   Badf   Badf   Badf   Badf    Badf    Badf
fd_fdstat_get         -      -      -      -      -      -      -      -      -      -      -      -       -       Badf
fd_fdstat_set_flags   -      -      -      -      -      -      -      -      -      -      -      -       -       Badf
fd_fdstat_set_rights  -      -      -      -      -      -      -      -      -      -      -      -       -       Badf
fd_prestat_get        Badf   Badf   Badf   Badf   -      Badf   -      Badf   Badf   Badf   Badf   Badf    Badf    Badf
fd_prestat_dir_name   Badf   Badf   Badf   Badf   -      Badf   -      Badf   Badf   Badf   Badf   Badf    Badf    Badf
path_open             Notdir Notdir Notdir Notdir -      -      -      Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
path_filestat_get     Notdir Notdir Notdir Notdir -      -      -      Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
path_filestat_set_times Notdir Notdir Notdir Notdir -    -      Rofs   Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
path_readlink         Notdir Notdir Notdir Notdir Inval  Inval  Inval  Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
path_create_directory Notdir Notdir Notdir Notdir Exist  Exist  Rofs   Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
path_remove_directory Notdir Notdir Notdir Notdir Notdir Notdir Rofs   Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
path_unlink_file      Notdir Notdir Notdir Notdir -      -      Rofs   Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
path_symlink          Notdir Notdir Notdir Notdir Exist  Exist  Rofs   Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
path_link             Notdir Notdir Notdir Notdir Exist  Exist  Rofs   Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
path_rename           Notdir Notdir Notdir Notdir -      -      Rofs   Notdir Notdir Notdir Notdir Notdir  Notdir  Badf
sock_recv             Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock - Notconn Badf
sock_send             Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock - Notconn Badf
sock_shutdown         Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock - Notconn Badf
sock_accept           Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Notsock Inval -    Badf
fd_renumber           -      -      -      -      -      -      -      -      -      -      -      -       -       Badf
fd_close              -      -      -      -      -      -      -      -      -      -      -      -       -       Badf
";

/// A guest with a descriptor of the kind, and what must live as long.
fn guest(kind: &str) -> (Guest, u32, Box<dyn std::any::Any>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    for name in ["f", "sub/f"] {
        std::fs::write(dir.path().join(name), "content").unwrap();
    }
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let (out_read, out_write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let mut write = std::fs::File::from(write);
    write.write_all(b"input").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"input").unwrap();
        client
    };
    let stdin = if kind == "in-memory" { Stdin::bytes("input") } else { Stdin::Fd(read) };
    let builder = WasiCtxBuilder::new().stdin(stdin).stdout(Stdout::Fd(out_write));
    let mut guest = Guest::new(
        builder.dir(dir.path(), "/").read_only_dir(dir.path(), "/ro").listener(listener.try_clone().unwrap()),
    );
    let clients = [connect(), connect()];
    let (rw, ro_dir) = (Rights::FD_READ.union(Rights::FD_WRITE), 4);
    let mut open = |fd, path, rights, flags| guest.open_with(fd, path, 0, 0, (rights, Rights::NONE), flags).unwrap();
    let fd = match kind {
        "rw" => open(3, "f", rw, 0),
        "ro" => open(3, "f", Rights::FD_READ, 0),
        "wo" => open(3, "f", Rights::FD_WRITE, 0),
        "append" => open(3, "f", rw, 1),
        "subdir" => open(3, "sub", Rights::FD_READ, 0),
        "ro-file" => open(ro_dir, "f", Rights::FD_READ, 0),
        "dir" => 3,
        "ro-dir" => ro_dir,
        "in-pipe" | "in-memory" => 0,
        "out-pipe" => 1,
        "listener" => 5,
        "closed" => 77,
        "socket" => {
            guest.call("sock_accept", &[5, 0, OUT.into()]).unwrap();
            guest.mem().read_u32(OUT).unwrap()
        }
        _ => panic!("{kind}"),
    };
    (guest, fd, Box::new((dir, write, out_read, listener, clients)))
}

fn call(guest: &mut Guest, function: &str, fd: u32) -> Result<(), Errno> {
    // One buffer of 3 bytes, and a name.
    let [iovs, count] = guest.iovecs(&[(BUFFER, 3)]);
    guest.mem().write_bytes(1024, b"f").unwrap();
    guest.mem().write_bytes(1030, b"sub").unwrap();
    let (name, out, buffer, wide) = (1024, u64::from(OUT), u64::from(BUFFER), u64::from(fd));
    match function {
        "fd_read" | "fd_write" => guest.call(function, &[wide, iovs, count, out]),
        "fd_pread" | "fd_pwrite" => guest.call(function, &[wide, iovs, count, 0, out]),
        "fd_seek" => guest.call(function, &[wide, 0, 0, out]),
        "fd_tell" | "fd_filestat_get" | "fd_fdstat_get" | "fd_prestat_get" => guest.call(function, &[wide, out]),
        "fd_readdir" => guest.call(function, &[wide, buffer, 512, 0, out]),
        "fd_sync" | "fd_datasync" | "fd_close" => guest.call(function, &[wide]),
        "fd_advise" => guest.call(function, &[wide, 0, 0, 0]),
        "fd_allocate" => guest.call(function, &[wide, 0, 1]),
        "fd_filestat_set_size" => guest.call(function, &[wide, 2]),
        // Now, both.
        "fd_filestat_set_times" => guest.call(function, &[wide, 0, 0, 2 | 8]),
        "fd_fdstat_set_flags" => guest.call(function, &[wide, 0]),
        "fd_fdstat_set_rights" => guest.call(function, &[wide, 0, 0]),
        "fd_prestat_dir_name" => guest.call(function, &[wide, buffer, 64]),
        "fd_renumber" => guest.call(function, &[wide, 2]),
        "path_open" => {
            let rights = Rights::FD_READ.bits();
            guest.call(function, &[wide, 0, name, 1, 0, rights, 0, 0, out])
        }
        "path_filestat_get" => guest.call(function, &[wide, 0, name, 1, buffer]),
        "path_filestat_set_times" => guest.call(function, &[wide, 0, name, 1, 0, 0, 2 | 8]),
        "path_readlink" => guest.call(function, &[wide, name, 1, buffer, 64, out]),
        "path_create_directory" | "path_remove_directory" | "path_unlink_file" => guest.path_call(function, fd, "f"),
        "path_symlink" => guest.call(function, &[1030, 3, wide, name, 1]),
        "path_link" | "path_rename" => guest.two_paths(function, (fd, "f"), (fd, "f")),
        "sock_recv" => guest.call(function, &[wide, iovs, count, 0, out, buffer]),
        "sock_send" => guest.call(function, &[wide, iovs, count, 0, out]),
        "sock_shutdown" => guest.call(function, &[wide, 1]),
        "sock_accept" => guest.call(function, &[wide, 0, out]),
        _ => panic!("{function}"),
    }
}

#[test]
fn every_function_on_every_kind_of_descriptor() {
    let mut wrong = Vec::new();
    let mut functions = 0;
    for row in TABLE.trim().lines() {
        let mut words = row.split_whitespace();
        let function = words.next().unwrap();
        let expected: Vec<&str> = words.collect();
        assert_eq!(expected.len(), KINDS.len(), "{function}");
        functions += 1;
        for (kind, expected) in KINDS.into_iter().zip(expected) {
            let (mut guest, fd, _kept) = guest(kind);
            let got = match call(&mut guest, function, fd) {
                Ok(()) => "-".to_owned(),
                Err(errno) => format!("{errno:?}"),
            };
            if got != expected {
                wrong.push(format!("{function} of {kind}: {got}, not {expected}"));
            }
        }
    }
    // All but those that take no descriptor: args, environ, clock (2 each), poll, proc (2), random, yield.
    assert_eq!(functions, 46 - 11);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever is tried through a read-only directory: what is in it stays as it is.
#[test]
fn nothing_gets_past_read_only() {
    for row in TABLE.trim().lines() {
        let function = row.split_whitespace().next().unwrap();
        for kind in ["ro-dir", "ro-file"] {
            let (mut guest, fd, kept) = guest(kind);
            let (dir, ..) = kept
                .downcast_ref::<(tempfile::TempDir, std::fs::File, rustix::fd::OwnedFd, TcpListener, [TcpStream; 2])>()
                .unwrap();
            let state = || {
                let meta = std::fs::metadata(dir.path().join("f")).unwrap();
                let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
                (std::fs::read(dir.path().join("f")).unwrap(), meta.modified().unwrap(), names.collect::<Vec<_>>())
            };
            let before = state();
            let _ = call(&mut guest, function, fd);
            assert_eq!(state(), before, "{function} {kind}");
        }
    }
    let (mut guest, _, _kept) = guest("ro-dir");
    for rights in [Rights::FD_WRITE, Rights::REGULAR_FILE, Rights::from_bits(u64::MAX)] {
        assert_eq!(guest.open_with(4, "f", 0, OFLAGS_CREAT, (rights, Rights::NONE), 0), Err(Errno::Rofs));
    }
}
