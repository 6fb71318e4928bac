//! The guest does not choose how much the host allocates, and no argument makes the host panic.

mod common;

use common::{BUFFER, DIR, Guest, OFLAGS_CREAT, OFLAGS_EXCL, OFLAGS_TRUNC, OUT};
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
    let mut guest = Guest::new(WasiCtxBuilder::new().dir(dir.path(), "/").output_bytes_max(NAME_BYTES + 1 + 20));
    let fd = guest.open("f", OFLAGS_CREAT, Rights::REGULAR_FILE).unwrap();
    // What is there already is not made.
    assert_eq!(guest.open("f", OFLAGS_CREAT, Rights::REGULAR_FILE), Ok(fd + 1));
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

/// What a new name counts as, besides its own bytes.
const NAME_BYTES: u64 = 256;

/// A guest with a folder that may write so much.
fn with_output(bytes: u64) -> (Guest, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Guest::new(WasiCtxBuilder::new().dir(dir.path(), "/").output_bytes_max(bytes)), dir)
}

#[test]
fn names_are_output() {
    let (at, target) = (1024, 2048);
    let calls: [(&str, u64, &[u64]); 4] = [
        ("path_create_directory", 4, &[DIR as u64, at, 4]),
        ("path_symlink", 4 + 9, &[target, 9, DIR as u64, at, 4]),
        ("path_link", 4, &[DIR as u64, 0, target, 3, DIR as u64, at, 4]),
        ("path_open", 4, &[DIR as u64, 0, at, 4, OFLAGS_CREAT as u64, Rights::REGULAR_FILE.bits(), 0, 0, OUT as u64]),
    ];
    for (name, bytes, arguments) in calls {
        for (limit, expected) in [(NAME_BYTES + bytes - 1, Err(Errno::Nospc)), (NAME_BYTES + bytes, Ok(()))] {
            let (mut guest, dir) = with_output(limit);
            std::fs::write(dir.path().join("old"), "").unwrap();
            guest.mem().write_bytes(at as u32, b"name").unwrap();
            guest.mem().write_bytes(target as u32, b"old/there").unwrap();
            assert_eq!(guest.call(name, arguments), expected, "{name} with {limit}");
            assert_eq!(dir.path().join("name").symlink_metadata().is_ok(), expected.is_ok(), "{name} with {limit}");
            // What fails costs nothing; nothing is left.
            assert_eq!(guest.write(1, b"x"), if expected.is_ok() { Err(Errno::Nospc) } else { Ok(1) });
        }
    }
}

#[test]
fn what_is_there_opens_as_without_a_limit() {
    let kinds = |output: Option<u64>| {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "12345").unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("dangling")).unwrap();
        let builder = WasiCtxBuilder::new().dir(dir.path(), "/");
        let mut guest = Guest::new(match output {
            Some(bytes) => builder.output_bytes_max(bytes),
            None => builder,
        });
        let mut opened = Vec::new();
        for name in ["file", "folder", "dangling", "missing/file", "file/file", "new"] {
            for flags in [0, OFLAGS_EXCL, OFLAGS_TRUNC] {
                opened.push((name, flags, guest.open(name, OFLAGS_CREAT | flags, Rights::REGULAR_FILE)));
            }
        }
        (opened, std::fs::read(dir.path().join("file")).unwrap())
    };
    assert_eq!(kinds(Some(1 << 20)), kinds(None));
}

#[test]
fn holes_are_output() {
    let make = |bytes: u64| {
        let (mut guest, dir) = with_output(bytes);
        std::fs::write(dir.path().join("f"), "12345").unwrap();
        let fd = guest.open("f", 0, Rights::REGULAR_FILE).unwrap();
        (guest, dir, u64::from(fd))
    };
    let len = |dir: &tempfile::TempDir| std::fs::metadata(dir.path().join("f")).unwrap().len();
    let (mut guest, dir, fd) = make(100);
    assert_eq!(guest.call("fd_filestat_set_size", &[fd, 106]), Err(Errno::Nospc));
    assert_eq!(guest.call("fd_filestat_set_size", &[fd, 45]), Ok(()));
    // To the same size, to a smaller one and back: what was given up once is written once more.
    assert_eq!([45, 35, 45].map(|size| guest.call("fd_filestat_set_size", &[fd, size])), [Ok(()); 3]);
    assert_eq!(guest.call("fd_filestat_set_size", &[fd, 96]), Err(Errno::Nospc));
    assert_eq!(len(&dir), 45);

    let (mut guest, dir, fd) = make(100);
    let [iovs, count] = guest.iovecs(&[(BUFFER, 10)]);
    let write_at = |guest: &mut Guest, offset: u64| guest.call("fd_pwrite", &[fd, iovs, count, offset, OUT.into()]);
    // 101 zeros in between.
    assert_eq!(write_at(&mut guest, 106), Err(Errno::Nospc));
    assert_eq!(len(&dir), 5);
    // 60 zeros and 10 bytes, then 10 bytes over what is there, then 15 zeros and the 5 bytes that are left.
    assert_eq!([65, 0, 90].map(|offset| write_at(&mut guest, offset)), [Ok(()); 3]);
    assert_eq!(len(&dir), 95);
    assert_eq!(write_at(&mut guest, 0), Err(Errno::Nospc));

    let (mut guest, dir, fd) = make(20);
    assert_eq!(guest.call("fd_seek", &[fd, 1 << 40, 0, OUT.into()]), Ok(()));
    assert_eq!(guest.write(fd as u32, b"x"), Err(Errno::Nospc));
    assert_eq!(guest.call("fd_seek", &[fd, 15, 0, OUT.into()]), Ok(()));
    assert_eq!(guest.write(fd as u32, b"12345678901"), Ok(10));
    assert_eq!(len(&dir), 25);
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
            for _ in 0..50 {
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
