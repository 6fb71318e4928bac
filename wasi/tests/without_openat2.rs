//! Old kernels and some containers have no `openat2`. Paths are then resolved component by component, and a guest must
//! not notice.
//!
//! A file of its own, because what the first call finds out about the kernel holds for the whole process.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::{BUFFER, DIR, Guest, OFLAGS_CREAT, OFLAGS_DIRECTORY, OUT};
use wasmer_wasi::{Errno, Rights, WasiCtxBuilder};

/// Makes `openat2` fail as if it did not exist, for this thread.
fn forbid_openat2() {
    let statement = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let missing = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    // The number of the system call is the first field of what the filter sees.
    let mut filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_openat2 as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, missing),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: `program` describes a valid filter, which the kernel copies.
    let results = unsafe {
        [
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program),
        ]
    };
    assert_eq!(results, [0, 0]);
    let (flags, mode) = (rustix::fs::OFlags::PATH, rustix::fs::Mode::empty());
    let resolve = rustix::fs::ResolveFlags::empty();
    let result = rustix::fs::openat2(rustix::fs::CWD, ".", flags, mode, resolve);
    assert_eq!(result.err(), Some(rustix::io::Errno::NOSYS));
}

#[test]
fn the_fallback_confines_and_works_as_well() {
    let host = tempfile::tempdir().unwrap();
    let inside = host.path().join("inside");
    fs::create_dir_all(inside.join("sub")).unwrap();
    fs::write(inside.join("sub/file"), "data").unwrap();
    fs::write(host.path().join("secret"), "s3cret").unwrap();
    symlink("../secret", inside.join("link-up")).unwrap();
    symlink("/", inside.join("link-root")).unwrap();
    symlink("sub", inside.join("link-sub")).unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().dir(&inside, "/"));
    forbid_openat2();

    let read = (Rights::FD_READ, Rights::NONE);
    for path in ["..", "/", "../secret", "sub/../../secret", "link-up", "link-root", "link-root/x"] {
        for oflags in [0, OFLAGS_CREAT, OFLAGS_DIRECTORY] {
            let result = guest.open_with(DIR, path, 1, oflags, read, 0);
            assert_eq!(result, Err(Errno::Notcapable), "{path} {oflags}");
        }
        let times = guest.set_path_times(1, path, 1);
        assert_eq!(times, Err(Errno::Notcapable), "{path}");
        assert_eq!(guest.stat_size(DIR, 1, path), Err(Errno::Notcapable), "{path}");
    }
    for path in ["link-sub", "link-sub/", "sub/", "sub/.", "./sub/../sub"] {
        let fd = guest.open_dir(path, Rights::INHERITED).unwrap();
        let args = [fd.into(), BUFFER.into(), 4096, 0, OUT.into()];
        assert_eq!(guest.call("fd_readdir", &args), Ok(()), "{path}");
        // Three entries: the dots and the file.
        assert_eq!(guest.mem().read_u32(OUT), Ok(3 * 24 + 1 + 2 + 4), "{path}");
        assert_eq!(guest.call("fd_sync", &[fd.into()]), Ok(()), "{path}");
        let file = guest.open_with(fd, "file", 0, 0, read, 0).unwrap();
        assert_eq!(guest.read(file, 9).unwrap(), b"data");
    }
    for path in ["link-sub", "link-up"] {
        let result = guest.open(path, 0, Rights::FD_READ);
        assert_eq!(result, Err(Errno::Loop), "{path}");
        let result = guest.open(path, OFLAGS_DIRECTORY, Rights::FD_READ);
        assert_eq!(result, Err(Errno::Notdir), "{path}");
    }
    let made = guest.path_call("path_create_directory", DIR, "sub/new/");
    assert_eq!(made, Ok(()));
    let renamed = guest.two_paths("path_rename", (DIR, "link-sub/new"), (DIR, "new"));
    assert_eq!(renamed, Ok(()));
    assert!(inside.join("new").is_dir());
}
