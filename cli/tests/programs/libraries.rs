//! What the libraries of C, Rust, Zig and Go rely on in WASI.
//!
//! The programs of the first three are sources of ours, `xtask/programs/wasi.*`; for Go it is its own tests of its package `os`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::shared::program;
use super::{Folder, Outcome, Run, grant};

/// Runs a program that checks what it relies on, in the folders that it expects.
pub(super) fn check(name: &str, more: &[&str]) -> Option<Outcome> {
    let path = program(name)?;
    let (writable, readable) = (Folder::new(&[]), Folder::new(&[("file", "content")]));
    let host = readable.host.path();
    fs::create_dir(host.join("dir")).expect("a folder");
    for (target, name) in [("file", "link"), ("../out", "out")] {
        std::os::unix::fs::symlink(target, host.join(name)).expect("a link");
    }
    let readable_option = grant(host, "/r:ro");
    let options = [&[&*writable.option, &*readable_option, "--env", "NAME=a=b"], more].concat();
    let outcome = Run::new(&options, &path, &["two words", ""]).input("input").outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(fs::read_dir(writable.host.path()).expect("the folder").count(), 0, "it cleans up: {outcome:?}");
    assert_eq!(readable.read("file"), "content");
    Some(outcome)
}

#[test]
fn c_library() {
    let Some(outcome) = check("wasi-c", &[]) else { return };
    let (held, all) = outcome.stdout.trim_end().split_once(" of ").expect("two numbers");
    assert_eq!(all.strip_suffix(" checks hold"), Some(held), "{outcome:?}");
    assert!(held.parse::<u32>().is_ok_and(|count| count > 800), "{outcome:?}");
}

#[test]
fn rust_library() {
    let Some(outcome) = check("wasi-rust", &[]) else { return };
    assert_eq!(outcome.stdout, "all checks hold\n", "{outcome:?}");
}

#[test]
fn zig_library() {
    let Some(outcome) = check("wasi-zig", &[]) else { return };
    assert_eq!(outcome.stdout, "all checks hold\n", "{outcome:?}");
}

/// How many of Go's tests pass.
const GO_PASSED: usize = 164;

/// The tests that Go leaves out on WASI, by the reason.
const GO_LEFT_OUT: &[(&str, &str)] = &[
    (
        "absolute symbolic links cannot be made, for which Go looks first",
        "DirFSLstat DirFSReadLink DirFSWalkDir CopyFSWithSymlinks DirAndSymlinkStats FileAndSymlinkStats Lchown LongSymlink MkdirAllWithSymlink \
         OpenFileCreateExclDanglingSymlink OpenInRoot RootConsistencySymlink RootSymlink RootSymlinkToRoot StatError StatRelativeSymlink \
         StatSymlinkLoop SymlinkWithTrailingSlash",
    ),
    (
        "there are no processes, signals or names of hosts",
        "Executable ExecutableDeleted FileChdirTestlog Getppid Hostname KillFindProcess KillStartProcess ProcessLiteral ProcessReleaseTwice \
         ProcessWithHandleUnsupported StartProcess StatStdin",
    ),
    ("no pipes can be made", "NewFileBlock NewFileNonBlock PipeCloseRace PipeIOCloseRace PipeThreads"),
    (
        "there are no owners and permissions",
        "Chmod Chown FileChown MkdirStickyUmask ReadOnlyWriteFile RemoveAllButReadOnlyAndPathError RemoveAllSymlinkRemovalFailure RootChmod \
         RootChown RootConsistencyChmod RootConsistencyChown RootConsistencyLchown RootLchown RootMultiChmod StatDirModeExec",
    ),
    (
        "Go's issue 69509: runtimes differ",
        "RootConsistencyCreate RootConsistencyLstat RootConsistencyMkdir RootConsistencyMkdirAll RootConsistencyOpen RootConsistencyReadlink \
         RootConsistencyRemove RootConsistencyRemoveAll RootConsistencyStat",
    ),
    ("a fault of Wasmtime", "RootMultiLink RootMultiRename"),
    ("Go has not implemented it for WASI", "RemoveAllLongPath RemoveAllNoFcntl RootNoLstat SeekError"),
    ("a link to `/proc`, which is not granted", "DirFSReadFileProc ReadDirFD ReadFileProc"),
    ("only for Windows, or for Go's own machines", "LargeWriteToConsole MkdirAllAtSlash StatConsole"),
];

/// The tests of one outcome in a report of Go's, without those inside of others.
fn go_tests<'a>(report: &'a str, outcome: &str) -> Vec<&'a str> {
    let line_begin = format!("--- {outcome}: ");
    let names = report.lines().filter_map(|line| line.strip_prefix(&line_begin)?.split(' ').next());
    names.map(|name| name.trim_start_matches("Test")).collect()
}

/// The tests that Go has for its package `os`, on files, folders, links and what leads out of a folder.
#[test]
fn go_library() {
    let Some(path) = program("go-os") else { return };
    // Where nothing waits for a disk, if there is such a place: the tests replace and flush thousands of files.
    let temporary = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
    let root = Folder::new(&[]);
    let folders = [
        (root.host.path(), "/"),
        (&path.with_extension("data"), "/go"),
        (temporary.path(), "/tmp"),
        (Path::new("/dev"), "/dev"),
    ];
    let grants = folders.map(|(host, guest)| grant(host, guest));
    let mut options: Vec<&str> = grants.iter().map(String::as_str).collect();
    for variable in ["GOROOT=/go", "PWD=/go/src/os", "TMPDIR=/tmp", "HOME=/tmp"] {
        options.extend(["--env", variable]);
    }
    let outcome = Run::new(&options, &path, &["-test.v"]).outcome();
    let report = &outcome.stdout;
    let failed: Vec<&str> = report.lines().filter(|line| line.trim_start().starts_with("--- FAIL")).collect();
    assert!(failed.is_empty() && outcome.code == Some(0), "{failed:#?} {}", outcome.stderr);

    let mut missing: BTreeMap<&str, &str> = BTreeMap::new();
    for (reason, names) in GO_LEFT_OUT {
        missing.extend(names.split_whitespace().map(|name| (name, *reason)));
    }
    let skipped: BTreeSet<&str> = go_tests(report, "SKIP").into_iter().collect();
    assert_eq!(skipped, missing.keys().copied().collect(), "left out, and why: {missing:#?}");
    assert_eq!(go_tests(report, "PASS").len(), GO_PASSED);
}
