//! The guest does not choose how much the host allocates, and no argument makes the host panic.

mod common;

use common::{BUFFER, DIR, Guest, OFLAGS_CREAT, OUT};
use wasmer_wasi::{Errno, OutputBuffer, Rights, Snapshot, Stdout, WasiCtxBuilder, functions};

#[test]
fn huge_buffer_counts() {
    let (mut guest, _dir) = Guest::with_dir();
    let fd = guest.open("f", OFLAGS_CREAT, Rights::REGULAR_FILE).unwrap();
    for name in ["fd_read", "fd_write"] {
        for count in [0x2000_0000, 0x1fff_ffff, u64::from(u32::MAX), 1 << 17] {
            let result = guest.call(name, &[fd.into(), 8, count, OUT.into()]);
            assert_eq!(result, Err(Errno::Fault), "{name} {count:#x}");
        }
    }
    // More than the kernel takes at once: the first 1024 are used.
    for index in 0..2000 {
        let at = BUFFER + index * 8;
        guest.mem().write_u32(at, 0).unwrap();
        guest.mem().write_u32(at + 4, 3).unwrap();
    }
    let args = [fd.into(), BUFFER.into(), 2000, OUT.into()];
    assert_eq!(guest.call("fd_write", &args), Ok(()));
    assert_eq!(guest.mem().read_u32(OUT), Ok(3 * 1024));
}

#[test]
fn huge_lengths() {
    let (mut guest, _dir) = Guest::with_dir();
    let all = u64::from(u32::MAX);
    assert_eq!(guest.call("random_get", &[0, all]), Err(Errno::Fault));
    assert_eq!(guest.call("random_get", &[1 << 20, 1]), Err(Errno::Fault));
    let dir = u64::from(DIR);
    let listed = guest.call("fd_readdir", &[dir, 0, all, 0, 0]);
    assert_eq!(listed, Err(Errno::Fault));
    let made = guest.call("path_create_directory", &[dir, 1, all]);
    assert_eq!(made, Err(Errno::Fault));
    let made = guest.call("path_create_directory", &[dir, 1, 100_000]);
    assert_eq!(made, Err(Errno::Nametoolong));
    for count in [all, 1 << 20, 4097] {
        let polled = guest.call("poll_oneoff", &[0, 0, count, 0]);
        assert_eq!(polled, Err(Errno::Inval), "{count}");
    }
    let polled = guest.call("poll_oneoff", &[(1 << 20) - 47, 0, 1, 0]);
    assert_eq!(polled, Err(Errno::Fault));
}

#[test]
fn random_bytes_fill_the_whole_buffer() {
    let mut guest = Guest::new(WasiCtxBuilder::new());
    let len = 100_000;
    guest.call("random_get", &[BUFFER.into(), len]).unwrap();
    let bytes = guest.bytes(BUFFER, len as u32);
    assert!(bytes.chunks(64).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    assert_eq!(guest.mem().read_u64(BUFFER + len as u32), Ok(0));
    assert_eq!(guest.call("random_get", &[1 << 20, 0]), Ok(()));
}

#[test]
fn a_bad_result_pointer_costs_nothing() {
    let (mut guest, dir) = Guest::with_dir();
    let outside = 1 << 20;
    std::fs::write(dir.path().join("f"), "data").unwrap();
    let fd = guest.open("f", 0, Rights::REGULAR_FILE).unwrap();
    let [iovs, count] = guest.iovecs(&[(BUFFER, 4)]);
    for name in ["fd_read", "fd_write"] {
        let result = guest.call(name, &[fd.into(), iovs, count, outside]);
        assert_eq!(result, Err(Errno::Fault), "{name}");
    }
    // Neither was anything read, nor written.
    assert_eq!(guest.read(fd, 10).unwrap(), b"data");
    // No descriptor without a place to tell its number.
    guest.mem().write_bytes(1024, b"new").unwrap();
    let args = [DIR.into(), 0, 1024, 3, 1, 0, 0, 0, outside];
    assert_eq!(guest.call("path_open", &args), Err(Errno::Fault));
    assert!(!dir.path().join("new").exists());
}

#[test]
fn output_buffers_can_be_limited() {
    let out = OutputBuffer::with_limit(10);
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(Stdout::buffer(&out)));
    assert_eq!(guest.write(1, b"12345678"), Ok(8));
    assert_eq!(guest.write(1, b"abcdef"), Ok(2));
    assert_eq!(guest.write(1, b"x"), Err(Errno::Nospc));
    assert_eq!(out.contents(), b"12345678ab");
}

#[test]
fn open_files_can_be_limited() {
    let dir = tempfile::tempdir().unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().dir(dir.path(), "/").open_files_max(6));
    for fd in 4..6 {
        assert_eq!(guest.open("f", OFLAGS_CREAT, Rights::REGULAR_FILE), Ok(fd));
    }
    assert_eq!(guest.open("new", OFLAGS_CREAT, Rights::REGULAR_FILE), Err(Errno::Mfile));
    assert!(!dir.path().join("new").exists(), "not even created");
    guest.call("fd_close", &[4]).unwrap();
    assert_eq!(guest.open("new", OFLAGS_CREAT, Rights::REGULAR_FILE), Ok(4));
    let too_many = WasiCtxBuilder::new().dir(dir.path(), "/").open_files_max(3).build();
    assert!(too_many.is_err());
}

/// By default, a guest leaves the process some descriptors.
#[test]
fn open_files_are_limited_by_default() {
    let (mut guest, _dir) = Guest::with_dir();
    let last = loop {
        match guest.open("f", OFLAGS_CREAT, Rights::REGULAR_FILE) {
            Ok(_) => {}
            Err(errno) => break errno,
        }
    };
    assert_eq!(last, Errno::Mfile);
    std::fs::File::open("/dev/null").expect("the host can still open files");
}

#[test]
fn all_output_together_can_be_limited() {
    let dir = tempfile::tempdir().unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().dir(dir.path(), "/").output_bytes_max(20));
    let fd = guest.open("f", OFLAGS_CREAT, Rights::REGULAR_FILE).unwrap();
    assert_eq!(guest.write(1, b"12345"), Ok(5));
    assert_eq!(guest.write(fd, b"12345"), Ok(5));
    assert_eq!(guest.call("fd_allocate", &[fd.into(), 0, 11]), Err(Errno::Nospc));
    assert_eq!(guest.call("fd_allocate", &[fd.into(), 0, 2]), Ok(()));
    assert_eq!(guest.write(fd, b"123456789"), Ok(8));
    for fd in [1, 2, fd] {
        assert_eq!(guest.write(fd, b"x"), Err(Errno::Nospc));
        assert_eq!(guest.write(fd, b""), Ok(0));
    }
    assert_eq!(std::fs::read(dir.path().join("f")).unwrap(), b"1234512345678");
}

/// Half a billion buffers in a small memory: all of them empty.
#[test]
fn lists_of_empty_buffers_take_no_time() {
    let (mut guest, _dir) = Guest::with_dir();
    let start = std::time::Instant::now();
    for count in [1 << 16, 1 << 17] {
        let mut entries = vec![0; count * 8];
        std::mem::swap(&mut guest.memory, &mut entries);
        let result = guest.call("fd_write", &[1, 0, count as u64, 0]);
        assert_eq!(result, if count > 1 << 16 { Err(Errno::Inval) } else { Ok(()) });
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(5));
}

/// Every function with extreme arguments: any error code will do, but not a panic.
#[test]
fn extreme_arguments_do_not_panic() {
    let values = [0, 1, 3, 4, 7, 64, 0xffff, 0xf_fff8, 0x7fff_ffff, 0xffff_ffff, u64::MAX];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        values[(state % values.len() as u64) as usize]
    };
    for snapshot in Snapshot::ALL {
        for function in functions(snapshot) {
            for _ in 0..200 {
                let (mut guest, _dir) = Guest::with_dir();
                guest.snapshot = snapshot;
                let args: Vec<u64> = function.params.iter().map(|_| next()).collect();
                // Waiting for a clock takes as long as it says: only those that name none.
                if function.name == "poll_oneoff" {
                    guest.memory.fill(0xff);
                }
                let _ = guest.call_raw(function.name, &args);
            }
        }
    }
}
