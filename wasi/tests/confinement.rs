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
            (0, Rights::FD_ALLOCATE),
            (0, Rights::FD_FILESTAT_SET_SIZE),
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

#[test]
fn truncating_needs_its_right() {
    let (mut guest, host) = guest_beside_secrets();
    let weak = Rights::DIRECTORY.without(Rights::PATH_FILESTAT_SET_SIZE);
    let set = |guest: &mut Guest, rights: Rights, inheriting: Rights| {
        let args = [DIR.into(), rights.bits(), inheriting.bits()];
        guest.call("fd_fdstat_set_rights", &args)
    };
    assert_eq!(set(&mut guest, weak, Rights::INHERITED), Ok(()));
    for rights in [Rights::NONE, READ, READ.union(WRITE)] {
        let result = guest.open("file", OFLAGS_TRUNC, rights);
        assert_eq!(result, Err(Errno::Notcapable), "{rights:?}");
    }
    assert_eq!(fs::read(host.path().join("inside/file")).unwrap(), b"data");
    // Rights do not come back.
    let again = set(&mut guest, Rights::DIRECTORY, Rights::INHERITED);
    assert_eq!(again, Err(Errno::Notcapable));
}

#[test]
fn rights_are_passed_on_and_not_made() {
    let (mut guest, _host) = guest_beside_secrets();
    let sub = guest.open_dir("sub", READ).unwrap();
    let rights = (READ, Rights::NONE);
    let fd = guest.open_with(sub, "new", 0, OFLAGS_CREAT, rights, 0).unwrap();
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Notcapable));
    for rights in [(WRITE, Rights::NONE), (READ, WRITE)] {
        let result = guest.open_with(sub, "new", 0, 0, rights, 0);
        assert_eq!(result, Err(Errno::Notcapable), "{rights:?}");
    }
    // A file that may only be read must not get a name where it may be written.
    for name in ["path_link", "path_rename"] {
        let up = guest.two_paths(name, (sub, "new"), (DIR, "writable"));
        assert_eq!(up, Err(Errno::Notcapable), "{name}");
        let down = guest.two_paths(name, (DIR, "file"), (sub, name));
        assert_eq!(down, Ok(()), "{name}");
        let back = guest.two_paths("path_rename", (sub, name), (sub, "x"));
        assert_eq!(back, Ok(()), "{name}");
        fs::write(_host.path().join("inside/file"), "data").unwrap();
    }
}

#[test]
fn every_path_function_asks_for_its_right() {
    let (mut guest, _host) = guest_beside_secrets();
    let args = [DIR.into(), 0, Rights::INHERITED.bits()];
    guest.call("fd_fdstat_set_rights", &args).unwrap();
    for name in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
        assert_eq!(guest.path_call(name, DIR, "file"), Err(Errno::Notcapable), "{name}");
    }
    assert_eq!(guest.open("file", 0, READ), Err(Errno::Notcapable));
    assert_eq!(guest.stat_size(DIR, 0, "file"), Err(Errno::Notcapable));
    assert_eq!(guest.readlink("link-ok"), Err(Errno::Notcapable));
    assert_eq!(guest.symlink("file", "x"), Err(Errno::Notcapable));
    assert_eq!(guest.set_path_times(0, "file", 1), Err(Errno::Notcapable));
    for name in ["path_link", "path_rename"] {
        let result = guest.two_paths(name, (DIR, "file"), (DIR, "x"));
        assert_eq!(result, Err(Errno::Notcapable), "{name}");
    }
    let listed = guest.call("fd_readdir", &[DIR.into(), 0, 64, 0, 64]);
    assert_eq!(listed, Err(Errno::Notcapable));
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
