//! A guest stays in the directories it was given, and does there only what it may.

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::{DIR, Guest, OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_EXCL, OFLAGS_TRUNC};
use wasmer_wasi::{DirGrant, Errno, Rights, WasiCtxBuilder};

const READ: Rights = Rights::FD_READ;
const WRITE: Rights = Rights::FD_WRITE;
const FOLLOW: u32 = 1;

/// A guest with `inside/`, next to which the host has `secret` and `outside/`.
fn guest_beside_secrets() -> (Guest, tempfile::TempDir) {
    let host = tempfile::tempdir().unwrap();
    let inside = host.path().join("inside");
    fs::create_dir_all(inside.join("sub")).unwrap();
    fs::create_dir(host.path().join("outside")).unwrap();
    fs::write(host.path().join("secret"), "s3cret").unwrap();
    fs::write(inside.join("file"), "data").unwrap();
    symlink("../secret", inside.join("link-up")).unwrap();
    symlink(host.path().join("secret"), inside.join("link-abs")).unwrap();
    symlink("../outside", inside.join("link-dir")).unwrap();
    symlink("/", inside.join("link-root")).unwrap();
    symlink("sub/../../secret", inside.join("link-round")).unwrap();
    symlink("file", inside.join("link-ok")).unwrap();
    let guest = Guest::new(WasiCtxBuilder::new().dir(&inside, "/"));
    (guest, host)
}

/// Paths that lead out.
const ESCAPES: [&str; 10] = [
    "..",
    "../secret",
    "sub/../../secret",
    "/",
    "/etc/passwd",
    "link-dir/x",
    "link-root/etc",
    "sub/../..",
    "../inside/file",
    "link-dir/..",
];

#[test]
fn opening_does_not_lead_out() {
    let (mut guest, _host) = guest_beside_secrets();
    let links = ["link-up", "link-abs", "link-dir", "link-root", "link-round"];
    for path in ESCAPES.iter().chain(&links) {
        for oflags in [0, OFLAGS_CREAT, OFLAGS_DIRECTORY] {
            let rights = (READ, Rights::NONE);
            let result = guest.open_with(DIR, path, FOLLOW, oflags, rights, 0);
            assert_eq!(result, Err(Errno::Notcapable), "{path} {oflags}");
        }
    }
    let rights = (READ, Rights::NONE);
    let fd = guest.open_with(DIR, "link-ok", FOLLOW, 0, rights, 0).unwrap();
    assert_eq!(guest.read(fd, 10).unwrap(), b"data");
}

#[test]
fn a_slash_does_not_turn_a_link_into_a_way_out() {
    let (mut guest, host) = guest_beside_secrets();
    for path in ["link-dir/", "link-dir//", "link-root/", "link-dir/."] {
        let opened = guest.open_with(DIR, path, 0, OFLAGS_DIRECTORY, (READ, READ), 0);
        assert_eq!(opened, Err(Errno::Notcapable), "{path}");
        assert_eq!(guest.stat_size(DIR, 0, path), Err(Errno::Notcapable), "{path}");
        let times = guest.set_path_times(0, path, 1);
        assert_eq!(times, Err(Errno::Notcapable), "{path}");
    }
    assert_eq!(guest.readlink("link-dir/"), Err(Errno::Notcapable));
    for name in ["path_remove_directory", "path_unlink_file"] {
        assert_eq!(guest.path_call(name, DIR, "link-dir/"), Err(Errno::Notdir), "{name}");
    }
    let made = guest.path_call("path_create_directory", DIR, "link-dir/");
    assert_eq!(made, Err(Errno::Exist));
    let renamed = guest.two_paths("path_rename", (DIR, "link-dir/"), (DIR, "moved"));
    assert_eq!(renamed, Err(Errno::Notdir));
    assert!(host.path().join("outside").is_dir());
}

#[test]
fn names_outside_cannot_be_changed() {
    let (mut guest, host) = guest_beside_secrets();
    for path in ESCAPES {
        for name in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
            let result = guest.path_call(name, DIR, path);
            assert_eq!(result, Err(Errno::Notcapable), "{name} {path}");
        }
        for name in ["path_rename", "path_link"] {
            let out = guest.two_paths(name, (DIR, "file"), (DIR, path));
            assert_eq!(out, Err(Errno::Notcapable), "{name} to {path}");
            let into = guest.two_paths(name, (DIR, path), (DIR, "new"));
            assert_eq!(into, Err(Errno::Notcapable), "{name} from {path}");
        }
        assert_eq!(guest.symlink("file", path), Err(Errno::Notcapable), "{path}");
        assert_eq!(guest.readlink(path), Err(Errno::Notcapable), "{path}");
        assert_eq!(guest.stat_size(DIR, FOLLOW, path), Err(Errno::Notcapable), "{path}");
        let times = guest.set_path_times(FOLLOW, path, 1);
        assert_eq!(times, Err(Errno::Notcapable), "{path}");
    }
    assert_eq!(fs::read(host.path().join("secret")).unwrap(), b"s3cret");
    assert_eq!(fs::read_dir(host.path().join("outside")).unwrap().count(), 0);
}

#[test]
fn links_themselves_can_be_handled() {
    let (mut guest, host) = guest_beside_secrets();
    assert_eq!(guest.readlink("link-up").unwrap(), b"../secret");
    assert_eq!(guest.stat_size(DIR, 0, "link-up"), Ok(9));
    let linked = guest.two_paths("path_link", (DIR, "link-up"), (DIR, "sub/same"));
    assert_eq!(linked, Ok(()));
    // A hard link to the link, not to what it points at.
    assert!(host.path().join("inside/sub/same").is_symlink());
    assert_eq!(guest.path_call("path_unlink_file", DIR, "link-up"), Ok(()));
    assert!(host.path().join("secret").exists());
    assert_eq!(guest.symlink("/etc", "absolute"), Err(Errno::Notcapable));
    assert_eq!(guest.symlink("../x", "dangling"), Ok(()));
}

#[test]
fn dots_at_the_end_are_no_names() {
    let (mut guest, _host) = guest_beside_secrets();
    for (name, dot) in [
        ("path_create_directory", Errno::Exist),
        ("path_remove_directory", Errno::Inval),
        ("path_unlink_file", Errno::Isdir),
    ] {
        for path in [".", "sub/..", "sub/.", "sub/./"] {
            assert_eq!(guest.path_call(name, DIR, path), Err(dot), "{name} {path}");
        }
        assert_eq!(guest.path_call(name, DIR, ""), Err(Errno::Noent), "{name}");
        assert_eq!(guest.path_call(name, DIR, "a\0b"), Err(Errno::Inval), "{name}");
        let long = "x/".repeat(2049);
        assert_eq!(guest.path_call(name, DIR, long), Err(Errno::Nametoolong), "{name}");
    }
    let renamed = guest.two_paths("path_rename", (DIR, "sub/."), (DIR, "new"));
    assert_eq!(renamed, Err(Errno::Busy));
}

#[test]
fn read_only_directories_refuse_every_change() {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("sub")).unwrap();
    fs::write(host.path().join("sub/file"), "data").unwrap();
    fs::create_dir(host.path().join("rw")).unwrap();
    let grant = DirGrant::parse(format!("{}::/:ro", host.path().display()));
    let builder = WasiCtxBuilder::new().dir_grant(grant);
    let mut guest = Guest::new(builder.dir(host.path().join("rw"), "/rw"));
    let rw = DIR + 1;
    let sub = guest.open_dir("sub", Rights::INHERITED).unwrap();
    for (fd, file) in [(DIR, "sub/file"), (sub, "file")] {
        for (oflags, rights) in [
            (0, WRITE),
            (0, WRITE.union(READ)),
            (OFLAGS_TRUNC, READ),
            (OFLAGS_TRUNC, Rights::NONE),
            (OFLAGS_CREAT | OFLAGS_TRUNC, READ),
        ] {
            let result = guest.open_with(fd, file, 0, oflags, (rights, Rights::NONE), 0);
            assert_eq!(result, Err(Errno::Rofs), "{file} {oflags} {rights:?}");
        }
        for name in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
            assert_eq!(guest.path_call(name, fd, file), Err(Errno::Rofs), "{name}");
        }
        for name in ["path_rename", "path_link"] {
            let within = guest.two_paths(name, (fd, file), (fd, "new"));
            assert_eq!(within, Err(Errno::Rofs), "{name}");
            // Not even out of it: a link would be a way to write.
            let out = guest.two_paths(name, (fd, file), (rw, "new"));
            assert_eq!(out, Err(Errno::Rofs), "{name}");
            let into = guest.two_paths(name, (rw, "x"), (fd, "new"));
            assert_eq!(into, Err(Errno::Rofs), "{name}");
        }
    }
    // What could not be opened anyway fails for that reason, as on a file system mounted read-only.
    for (path, oflags, error) in [
        ("none", 0, Errno::Noent),
        ("none", OFLAGS_CREAT, Errno::Rofs),
        ("sub", 0, Errno::Isdir),
        ("../x", 0, Errno::Notcapable),
        ("sub/file", OFLAGS_CREAT | OFLAGS_EXCL, Errno::Exist),
        ("sub/file", OFLAGS_DIRECTORY, Errno::Notdir),
    ] {
        assert_eq!(guest.open(path, oflags, WRITE), Err(error), "{path} {oflags}");
    }
    assert_eq!(guest.symlink("file", "link"), Err(Errno::Rofs));
    assert_eq!(guest.set_path_times(0, "sub/file", 1), Err(Errno::Rofs));
    let rights = READ.union(Rights::FD_FILESTAT_SET_TIMES);
    let fd = guest.open("sub/file", OFLAGS_CREAT, rights).unwrap();
    assert_eq!(guest.read(fd, 9).unwrap(), b"data");
    let times = guest.call("fd_filestat_set_times", &[fd.into(), 1, 1, 5]);
    assert_eq!(times, Err(Errno::Rofs));
    assert_eq!(guest.open("new", OFLAGS_CREAT, READ), Err(Errno::Rofs));
    let exclusive = guest.open("sub/file", OFLAGS_CREAT | OFLAGS_EXCL, READ);
    assert_eq!(exclusive, Err(Errno::Exist));
    assert_eq!(fs::read(host.path().join("sub/file")).unwrap(), b"data");
}

/// Rights were taken out of WASI, and libraries ask for too few or too many: only what a file is opened for counts.
#[test]
fn rights_are_no_limits() {
    let (mut guest, host) = guest_beside_secrets();
    for rights in [Rights::NONE, Rights::FD_READDIR, Rights::DIRECTORY] {
        let sub = guest.open_with(DIR, "sub", FOLLOW, OFLAGS_DIRECTORY, (rights, Rights::NONE), 0).unwrap();
        let fd = guest.open_with(sub, "new", 0, OFLAGS_CREAT, (READ.union(WRITE), Rights::NONE), 0).unwrap();
        assert_eq!(guest.write(fd, b"text"), Ok(4), "{rights:?}");
        for name in ["path_link", "path_rename"] {
            assert_eq!(guest.two_paths(name, (sub, "new"), (DIR, name)), Ok(()), "{name}");
        }
        assert_eq!(guest.path_call("path_create_directory", sub, "made"), Ok(()));
        assert_eq!(guest.path_call("path_remove_directory", sub, "made"), Ok(()));
        for name in ["path_link", "path_rename"] {
            assert_eq!(guest.path_call("path_unlink_file", DIR, name), Ok(()), "{name}");
        }
    }
    // What changes a file but is not writing does not open it for writing: Go asks for that of everything it reads.
    let asked = READ.union(Rights::FD_FILESTAT_SET_SIZE).union(Rights::FD_ALLOCATE);
    let fd = guest.open("file", 0, asked).unwrap();
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Badf));
    assert_eq!(fs::read(host.path().join("inside/file")).unwrap(), b"data");
}

/// A guest can still close a descriptor for one direction, and cannot open it again.
#[test]
fn rights_are_given_up_for_good() {
    let (mut guest, _host) = guest_beside_secrets();
    let fd = guest.open("file", 0, READ.union(WRITE)).unwrap();
    let set = |guest: &mut Guest, rights: Rights| guest.call("fd_fdstat_set_rights", &[fd.into(), rights.bits(), 0]);
    assert_eq!(set(&mut guest, WRITE), Ok(()));
    assert_eq!(guest.read(fd, 4), Err(Errno::Badf));
    assert_eq!(guest.write(fd, b"DATA"), Ok(4));
    assert_eq!(set(&mut guest, READ), Err(Errno::Notcapable));
    assert_eq!(set(&mut guest, Rights::NONE), Ok(()));
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Badf));
    assert_eq!(guest.call("fd_filestat_set_size", &[fd.into(), 0]), Err(Errno::Inval));
}

#[test]
fn processes_are_out_of_reach() {
    let host_proc = std::path::Path::new("/proc/self/environ");
    assert!(host_proc.exists(), "this test needs /proc");
    let error = WasiCtxBuilder::new().dir("/proc", "/proc").build().map(drop).unwrap_err();
    assert!(error.to_string().contains("`/proc`"), "{error}");
    let mut guest = Guest::new(WasiCtxBuilder::new().dir("/", "/"));
    for path in ["proc/self/environ", "proc/self/mem", "proc/version", "proc/self", "proc/.", "proc"] {
        for rights in [READ, WRITE] {
            let opened = guest.open_with(DIR, path, FOLLOW, 0, (rights, Rights::NONE), 0).unwrap_err();
            assert!(matches!(opened, Errno::Acces | Errno::Isdir), "{path}: {opened:?}");
        }
        assert_eq!(guest.open_with(DIR, path, FOLLOW, 0, (READ, Rights::NONE), 0), Err(Errno::Acces), "{path}");
    }
    for path in ["proc/self/environ", "proc/self/fd/0", "proc/self/cwd/"] {
        assert!(matches!(guest.stat_size(DIR, FOLLOW, path), Err(Errno::Acces | Errno::Loop)), "{path}");
        assert!(matches!(guest.readlink(path), Err(Errno::Acces | Errno::Loop)), "{path}");
    }
    assert_eq!(guest.readlink("proc/self/exe"), Err(Errno::Acces));
    assert_eq!(guest.readlink("proc/self"), Err(Errno::Acces));
}

#[test]
fn absolute_targets_are_not_told() {
    let (mut guest, _host) = guest_beside_secrets();
    assert_eq!(guest.readlink("link-abs"), Err(Errno::Notcapable));
    assert_eq!(guest.readlink("link-root"), Err(Errno::Notcapable));
    assert_eq!(guest.readlink("link-round").unwrap(), b"sub/../../secret");
}

#[test]
fn nothing_is_there_without_a_grant() {
    let mut guest = Guest::new(WasiCtxBuilder::new());
    assert_eq!(guest.call("fd_prestat_get", &[3, 0]), Err(Errno::Badf));
    assert_eq!(guest.open("x", 0, READ), Err(Errno::Badf));
    assert_eq!(guest.open_with(0, "x", 0, 0, (READ, READ), 0), Err(Errno::Notdir));
    for name in ["args_sizes_get", "environ_sizes_get"] {
        guest.call(name, &[0, 4]).unwrap();
        assert_eq!(guest.mem().read_u64(0), Ok(0), "{name}");
    }
    assert_eq!(guest.read(0, 10), Ok(Vec::new()));
    assert_eq!(guest.write(1, b"to nowhere"), Ok(10));
}
