//! Files and directories: contents, positions, attributes, listings.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use common::{BUFFER, DIR, Guest, OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_EXCL, OUT};
use wasmer_wasi::{Errno, Rights, Snapshot, WasiCtxBuilder};

const FILE: Rights = Rights::REGULAR_FILE;

#[test]
fn reading_and_writing_at_positions() {
    let (mut guest, dir) = Guest::with_dir();
    let fd = guest.open("f", OFLAGS_CREAT, FILE).unwrap();
    assert_eq!(guest.write(fd, b"hello world"), Ok(11));
    assert_eq!(guest.seek(fd, -5, 1), Ok(6));
    assert_eq!(guest.read(fd, 100).unwrap(), b"world");
    assert_eq!(guest.read(fd, 100).unwrap(), b"");
    assert_eq!(guest.seek(fd, 0, 2), Ok(11));
    assert_eq!(guest.seek(fd, -1, 0), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, -12, 2), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, 0, 3), Err(Errno::Inval));
    guest.mem().write_bytes(BUFFER, b"HELLO").unwrap();
    let [iovs, count] = guest.iovecs(&[(BUFFER, 2), (BUFFER + 2, 3)]);
    let args = [fd.into(), iovs, count, 0, OUT.into()];
    assert_eq!(guest.call("fd_pwrite", &args), Ok(()));
    let args = [fd.into(), iovs, count, u64::MAX, OUT.into()];
    assert_eq!(guest.call("fd_pwrite", &args), Err(Errno::Inval));
    assert_eq!(guest.call("fd_pread", &args), Err(Errno::Inval));
    assert_eq!(guest.call("fd_tell", &[fd.into(), OUT.into()]), Ok(()));
    assert_eq!(guest.mem().read_u64(OUT), Ok(11));
    assert_eq!(fs::read(dir.path().join("f")).unwrap(), b"HELLO world");
}

#[test]
fn overlapping_buffers_are_harmless() {
    let (mut guest, dir) = Guest::with_dir();
    fs::write(dir.path().join("f"), "abcdefgh").unwrap();
    let fd = guest.open("f", 0, FILE).unwrap();
    let [iovs, count] = guest.iovecs(&[(BUFFER, 4), (BUFFER + 2, 4), (BUFFER, 0)]);
    let args = [fd.into(), iovs, count, OUT.into()];
    guest.call("fd_read", &args).unwrap();
    assert_eq!(guest.mem().read_u32(OUT), Ok(8));
    assert_eq!(guest.bytes(BUFFER, 6), b"abefgh");
}

#[test]
fn whence_is_numbered_differently_in_the_older_snapshot() {
    let (mut guest, dir) = Guest::with_dir();
    fs::write(dir.path().join("f"), "0123456789").unwrap();
    let fd = guest.open("f", 0, FILE).unwrap();
    guest.snapshot = Snapshot::Unstable;
    assert_eq!(guest.seek(fd, 4, 2), Ok(4));
    assert_eq!(guest.seek(fd, 2, 0), Ok(6));
    assert_eq!(guest.seek(fd, -1, 1), Ok(9));
    assert_eq!(guest.stat_size(DIR, 0, "f"), Ok(10));
    guest.mem().write_u64(56, 0xabcd).unwrap();
    guest.call("fd_filestat_get", &[fd.into(), 0]).unwrap();
    assert_eq!(guest.mem().read_u32(20), Ok(1), "link count");
    assert_eq!(guest.mem().read_u64(24), Ok(10), "size");
    assert_eq!(guest.mem().read_u64(56), Ok(0xabcd), "beyond the record");
}

#[test]
fn flags_of_open_files() {
    let (mut guest, dir) = Guest::with_dir();
    for flags in [0, 1, 2, 4, 5, 16, 21] {
        let fd = guest.open_with(DIR, "f", 0, OFLAGS_CREAT, (FILE, FILE), flags).unwrap();
        guest.call("fd_fdstat_get", &[fd.into(), OUT.into()]).unwrap();
        assert_eq!(guest.mem().read_u8(OUT), Ok(4));
        assert_eq!(guest.mem().read_u16(OUT + 2), Ok(flags as u16));
        assert_eq!(guest.mem().read_u64(OUT + 8), Ok(FILE.bits()));
    }
    let fd = guest.open_with(DIR, "f", 0, 0, (FILE, FILE), 1).unwrap();
    guest.write(fd, b"one").unwrap();
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b"two").unwrap();
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd.into(), 4]), Ok(()));
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b"ONE").unwrap();
    assert_eq!(fs::read(dir.path().join("f")).unwrap(), b"ONEtwo");
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd.into(), 16]), Err(Errno::Notsup));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd.into(), 32]), Err(Errno::Inval));
}

#[test]
fn opening_with_all_sorts_of_flags() {
    let (mut guest, dir) = Guest::with_dir();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::write(dir.path().join("f"), "").unwrap();
    let exclusive = OFLAGS_CREAT | OFLAGS_EXCL;
    assert_eq!(guest.open("f", exclusive, FILE), Err(Errno::Exist));
    assert_eq!(guest.open("f", OFLAGS_DIRECTORY, Rights::NONE), Err(Errno::Notdir));
    assert_eq!(guest.open("f/", 0, Rights::NONE), Err(Errno::Notdir));
    assert_eq!(guest.open("d", 0, Rights::FD_WRITE), Err(Errno::Isdir));
    assert_eq!(guest.open("no", 0, FILE), Err(Errno::Noent));
    let both = OFLAGS_CREAT | OFLAGS_DIRECTORY;
    assert_eq!(guest.open("new", both, Rights::NONE), Err(Errno::Inval));
    assert_eq!(guest.open("f", 16, FILE), Err(Errno::Inval));
    // A directory is told the rights of one, and read as one.
    let fd = guest.open("d", 0, Rights::FD_READ.union(Rights::FD_READDIR)).unwrap();
    guest.call("fd_fdstat_get", &[fd.into(), OUT.into()]).unwrap();
    assert_eq!(guest.mem().read_u64(OUT + 8), Ok(Rights::DIRECTORY.bits()));
    assert_eq!(guest.mem().read_u64(OUT + 16), Ok(Rights::INHERITED.bits()));
    assert_eq!(guest.read(fd, 1), Err(Errno::Isdir));
    // Unknown bits and rights of sockets are not held against a guest that asks for everything.
    let [ptr, len] = [1024, 1];
    guest.mem().write_bytes(1024, b"f").unwrap();
    let args = [DIR.into(), 0, ptr, len, 0, u64::MAX, u64::MAX, 0, OUT.into()];
    assert_eq!(guest.call("path_open", &args), Ok(()));
}

#[test]
fn files_without_rights_can_be_created_and_truncated() {
    let (mut guest, dir) = Guest::with_dir();
    guest.open("f", OFLAGS_CREAT, Rights::NONE).unwrap();
    fs::write(dir.path().join("f"), "data").unwrap();
    let fd = guest.open("f", common::OFLAGS_TRUNC, Rights::NONE).unwrap();
    // It is open for something, and that is reading.
    assert_eq!(guest.read(fd, 1), Ok(Vec::new()));
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Badf));
    assert_eq!(fs::metadata(dir.path().join("f")).unwrap().len(), 0);
}

#[test]
fn sizes_and_allocation() {
    let (mut guest, dir) = Guest::with_dir();
    let fd = guest.open("f", OFLAGS_CREAT, FILE).unwrap();
    let fd = u64::from(fd);
    assert_eq!(guest.call("fd_filestat_set_size", &[fd, 100]), Ok(()));
    assert_eq!(fs::metadata(dir.path().join("f")).unwrap().len(), 100);
    assert_eq!(guest.call("fd_filestat_set_size", &[fd, u64::MAX]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_allocate", &[fd, 10, 190]), Ok(()));
    assert_eq!(fs::metadata(dir.path().join("f")).unwrap().len(), 200);
    assert_eq!(guest.call("fd_allocate", &[fd, 10, 20]), Ok(()));
    assert_eq!(fs::metadata(dir.path().join("f")).unwrap().len(), 200);
    assert_eq!(guest.call("fd_allocate", &[fd, u64::MAX, 2]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_advise", &[fd, 0, 0, 5]), Ok(()));
    assert_eq!(guest.call("fd_advise", &[fd, 0, 0, 6]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_sync", &[fd]), Ok(()));
    assert_eq!(guest.call("fd_datasync", &[fd]), Ok(()));
}

#[test]
fn extreme_timestamps() {
    let (mut guest, dir) = Guest::with_dir();
    fs::write(dir.path().join("f"), "").unwrap();
    for ns in [0, 1, 1_999_999_999, u64::MAX] {
        // The file system may clamp it, but nothing overflows on the way.
        assert_eq!(guest.set_path_times(0, "f", ns), Ok(()), "{ns}");
        assert_eq!(guest.set_path_times(1, "f", ns), Ok(()), "{ns}");
    }
    guest.set_path_times(0, "f", 5_000_000_007).unwrap();
    let meta = fs::metadata(dir.path().join("f")).unwrap();
    assert_eq!((meta.mtime(), meta.mtime_nsec()), (5, 7));
    assert_eq!((meta.atime(), meta.atime_nsec()), (5, 7));
    let fd = guest.open("f", 0, FILE).unwrap();
    let before_1970 = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec { tv_sec: -10, tv_nsec: 0 },
        last_modification: rustix::fs::Timespec { tv_sec: -10, tv_nsec: 5 },
    };
    let host = fs::File::open(dir.path().join("f")).unwrap();
    rustix::fs::futimens(&host, &before_1970).unwrap();
    guest.call("fd_filestat_get", &[fd.into(), OUT.into()]).unwrap();
    assert_eq!(guest.mem().read_u64(OUT + 48), Ok(0));
}

#[test]
fn times_of_a_link_and_of_its_target() {
    let (mut guest, dir) = Guest::with_dir();
    fs::write(dir.path().join("f"), "").unwrap();
    guest.symlink("f", "l").unwrap();
    guest.set_path_times(0, "l", 3_000_000_000).unwrap();
    assert_eq!(fs::symlink_metadata(dir.path().join("l")).unwrap().mtime(), 3);
    assert_ne!(fs::metadata(dir.path().join("f")).unwrap().mtime(), 3);
    guest.set_path_times(1, "l", 4_000_000_000).unwrap();
    assert_eq!(fs::metadata(dir.path().join("f")).unwrap().mtime(), 4);
    assert_eq!(fs::symlink_metadata(dir.path().join("l")).unwrap().mtime(), 3);
}

struct Entry {
    next: u64,
    inode: u64,
    file_type: u8,
    name: Vec<u8>,
}

/// Lists from `cookie` with a buffer of `len` bytes; the entries that are complete, and whether that was all.
fn list(guest: &mut Guest, fd: u32, len: u32, cookie: u64) -> (Vec<Entry>, bool) {
    let args = [fd.into(), BUFFER.into(), len.into(), cookie, OUT.into()];
    guest.call("fd_readdir", &args).unwrap();
    let used = guest.mem().read_u32(OUT).unwrap();
    assert!(used <= len);
    let mut entries = Vec::new();
    let mut at = 0;
    while at + 24 <= used {
        let mem = guest.mem();
        let ptr = BUFFER + at;
        let name_len = mem.read_u32(ptr + 16).unwrap();
        if at + 24 + name_len > used {
            break;
        }
        entries.push(Entry {
            next: mem.read_u64(ptr).unwrap(),
            inode: mem.read_u64(ptr + 8).unwrap(),
            file_type: mem.read_u8(ptr + 20).unwrap(),
            name: mem.read_vec(ptr + 24, name_len, 256).unwrap(),
        });
        at += 24 + name_len;
    }
    (entries, used < len)
}

#[test]
fn listings_are_complete_whatever_the_buffer() {
    let (mut guest, dir) = Guest::with_dir();
    let mut want = vec![b".".to_vec(), b"..".to_vec()];
    for index in 0..700 {
        let name = format!("file-{index}");
        fs::write(dir.path().join(&name), "").unwrap();
        want.push(name.into_bytes());
    }
    want.sort();
    for len in [40, 64, 100, 4096, 60000] {
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            let (entries, end) = list(&mut guest, DIR, len, cookie);
            cookie = entries.last().map_or(cookie, |entry| entry.next);
            names.extend(entries.into_iter().map(|entry| entry.name));
            if end {
                break;
            }
        }
        names.sort();
        assert_eq!(names, want, "with {len} bytes");
    }
}

#[test]
fn cookies_stay_valid() {
    let (mut guest, dir) = Guest::with_dir();
    for index in 0..300 {
        fs::write(dir.path().join(format!("file-{index}")), "").unwrap();
    }
    let (entries, _) = list(&mut guest, DIR, 60000, 0);
    assert!(entries.iter().all(|entry| entry.next < 1 << 31), "C programs keep them in a `long`");
    for (index, entry) in entries.iter().enumerate().rev().step_by(7) {
        let (rest, _) = list(&mut guest, DIR, 60000, entry.next);
        let want: Vec<_> = entries[index + 1..].iter().map(|entry| &entry.name).collect();
        assert_eq!(rest.iter().map(|entry| &entry.name).collect::<Vec<_>>(), want);
    }
    // New entries appear when the listing starts over.
    fs::write(dir.path().join("late"), "").unwrap();
    let (entries, _) = list(&mut guest, DIR, 60000, 0);
    assert!(entries.iter().any(|entry| entry.name == b"late"));
}

#[test]
fn made_up_cookies_do_no_harm() {
    let (mut guest, dir) = Guest::with_dir();
    fs::write(dir.path().join("file"), "").unwrap();
    for cookie in [1, 77, u64::from(u32::MAX), i64::MAX as u64, 1 << 63, u64::MAX] {
        let args = [DIR.into(), BUFFER.into(), 4096, cookie, OUT.into()];
        match guest.call("fd_readdir", &args) {
            Ok(()) => assert!(guest.mem().read_u32(OUT).unwrap() < 4096),
            Err(errno) => assert_eq!(errno, Errno::Inval, "{cookie}"),
        }
    }
    assert_eq!(list(&mut guest, DIR, 4096, 0).0.len(), 3);
}

#[test]
fn entries_tell_type_and_inode() {
    let (mut guest, dir) = Guest::with_dir();
    fs::write(dir.path().join("f"), "").unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    guest.symlink("f", "l").unwrap();
    let (entries, _) = list(&mut guest, DIR, 4096, 0);
    let inode = |path: &std::path::Path| fs::symlink_metadata(path).unwrap().ino();
    for (name, file_type) in [("f", 4), ("d", 3), ("l", 7), (".", 3), ("..", 3)] {
        let entry = entries.iter().find(|entry| entry.name == name.as_bytes()).unwrap();
        assert_eq!(entry.file_type, file_type, "{name}");
        // Above a granted directory there is nothing but itself.
        let host = if name == ".." { dir.path().to_owned() } else { dir.path().join(name) };
        assert_eq!(entry.inode, inode(&host), "{name}");
    }
    // The directory above, where that is the guest's as well; and the granted one, however it was reached.
    fs::create_dir(dir.path().join("d/e")).unwrap();
    for (path, above) in [("d", ""), ("d/e", "d"), (".", ""), ("d/..", ""), ("d/e/../..", "")] {
        let fd = guest.open_dir(path, Rights::NONE).unwrap();
        let (entries, _) = list(&mut guest, fd, 4096, 0);
        let entry = entries.iter().find(|entry| entry.name == b"..").unwrap();
        assert_eq!(entry.inode, inode(&dir.path().join(above)), "{path}");
    }
}

#[test]
fn names_need_not_be_utf8() {
    let (mut guest, dir) = Guest::with_dir();
    let name = b"caf\xe9-\xff";
    fs::write(dir.path().join(OsStr::from_bytes(name)), "latin").unwrap();
    let (entries, _) = list(&mut guest, DIR, 4096, 0);
    assert!(entries.iter().any(|entry| entry.name == name));
    let fd = guest.open(name, 0, FILE).unwrap();
    assert_eq!(guest.read(fd, 9).unwrap(), b"latin");
}

#[test]
fn trailing_slashes_of_new_names() {
    let (mut guest, dir) = Guest::with_dir();
    fs::write(dir.path().join("f"), "").unwrap();
    assert_eq!(guest.path_call("path_create_directory", DIR, "d///"), Ok(()));
    assert_eq!(guest.two_paths("path_rename", (DIR, "d/"), (DIR, "e/")), Ok(()));
    for (old, new) in [("f", "g/"), ("f/", "g"), ("f", "e/")] {
        let result = guest.two_paths("path_rename", (DIR, old), (DIR, new));
        assert_eq!(result, Err(Errno::Notdir), "{old} {new}");
    }
    assert_eq!(guest.two_paths("path_link", (DIR, "f"), (DIR, "g/")), Err(Errno::Noent));
    assert_eq!(guest.two_paths("path_link", (DIR, "f/"), (DIR, "g")), Err(Errno::Notdir));
    assert_eq!(guest.path_call("path_unlink_file", DIR, "f/"), Err(Errno::Notdir));
    assert_eq!(guest.path_call("path_remove_directory", DIR, "f/"), Err(Errno::Notdir));
    assert_eq!(guest.path_call("path_remove_directory", DIR, "e/"), Ok(()));
}

#[test]
fn renumbering_descriptors() {
    let (mut guest, dir) = Guest::with_dir();
    fs::write(dir.path().join("f"), "data").unwrap();
    let fd = guest.open("f", 0, FILE).unwrap();
    let fd = u64::from(fd);
    assert_eq!(guest.call("fd_renumber", &[fd, fd]), Ok(()));
    assert_eq!(guest.read(fd as u32, 2).unwrap(), b"da");
    assert_eq!(guest.call("fd_renumber", &[fd, u64::from(u32::MAX)]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_renumber", &[1000, fd]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_renumber", &[1, fd + 1]), Err(Errno::Badf), "nothing was ever there");
    // Standard output is moved away, replaced, and comes back.
    let aside = u64::from(guest.open("f", 0, FILE).unwrap());
    let log = u64::from(guest.open("f", 0, FILE).unwrap());
    for (from, to) in [(1, aside), (log, 1), (aside, 1)] {
        assert_eq!(guest.call("fd_renumber", &[from, to]), Ok(()), "{from} to {to}");
        assert_eq!(guest.call("fd_fdstat_get", &[from, OUT.into()]), Err(Errno::Badf));
    }
    assert_eq!(guest.write(1, b"nowhere"), Ok(7));
    // Standard output is replaced.
    let other = u64::from(guest.open("f", 0, FILE).unwrap());
    assert_eq!(guest.call("fd_renumber", &[other, 1]), Ok(()));
    assert_eq!(guest.call("fd_fdstat_get", &[other, OUT.into()]), Err(Errno::Badf));
    assert_eq!(guest.read(1, 2).unwrap(), b"da");
    // Onto the preopened directory: the number is a file then, and no directory is found there any more.
    assert_eq!(guest.call("fd_renumber", &[fd, DIR.into()]), Ok(()));
    assert_eq!(guest.read(DIR, 2).unwrap(), b"ta");
    assert_eq!(guest.call("fd_prestat_get", &[DIR.into(), 0]), Err(Errno::Badf));
    assert_eq!(guest.open("f", 0, FILE), Err(Errno::Notdir));
    assert_eq!(guest.call("fd_close", &[fd]), Err(Errno::Badf));
}

#[test]
fn preopened_directories_have_names() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let builder = WasiCtxBuilder::new().dir(a.path(), "/data");
    let mut guest = Guest::new(builder.read_only_dir(b.path(), "."));
    for (fd, name) in [(3, "/data"), (4, ".")] {
        guest.call("fd_prestat_get", &[fd, OUT.into()]).unwrap();
        assert_eq!(guest.mem().read_u8(OUT), Ok(0));
        assert_eq!(guest.mem().read_u32(OUT + 4), Ok(name.len() as u32));
        let args = [fd, BUFFER.into(), name.len() as u64 - 1];
        assert_eq!(guest.call("fd_prestat_dir_name", &args), Err(Errno::Nametoolong));
        let args = [fd, BUFFER.into(), 100];
        guest.call("fd_prestat_dir_name", &args).unwrap();
        assert_eq!(guest.bytes(BUFFER, name.len() as u32), name.as_bytes());
    }
    assert_eq!(guest.call("fd_prestat_get", &[5, OUT.into()]), Err(Errno::Badf));
}
