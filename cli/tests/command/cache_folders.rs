//! Folders and disks that the cache cannot use, or not as it would like. The program always runs, and the user is told once.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use crate::common::{Bench, Ran, large_printer, printer};

/// That one warning was given, which contains all of this.
#[track_caller]
fn warned_once(ran: &Ran, parts: &[&str]) {
    ran.said(parts);
    assert_eq!(ran.err.matches("warning").count(), 1, "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
}

#[test]
fn folders_that_others_can_enter_are_not_used() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    fs::create_dir(bench.cache()).unwrap();
    for mode in [0o777, 0o770, 0o707, 0o755] {
        fs::set_permissions(bench.cache(), fs::Permissions::from_mode(mode)).unwrap();
        warned_once(bench.run([&program]).printed("hello"), &["0700", "without a cache"]);
    }
    assert!(crate::common::files(&bench.cache()).is_empty());
    fs::set_permissions(bench.cache(), fs::Permissions::from_mode(0o700)).unwrap();
    bench.run([&program]).printed("hello").silent();
    assert_eq!(bench.artifacts().len(), 1);
}

#[test]
fn folders_of_others_are_not_used() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    fs::create_dir(bench.cache()).unwrap();
    fs::set_permissions(bench.cache(), fs::Permissions::from_mode(0o700)).unwrap();
    if let Err(error) = chown(bench.cache(), Some(65534), None) {
        eprintln!("left out: a folder cannot be given to another user here: {error}");
        return;
    }
    warned_once(bench.run([&program]).printed("hello"), &["belongs to another user", "without a cache"]);
    assert!(crate::common::files(&bench.cache()).is_empty());
}

#[test]
fn links_and_files_are_not_used() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    fs::create_dir(bench.path("elsewhere")).unwrap();
    fs::set_permissions(bench.path("elsewhere"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink(bench.path("elsewhere"), bench.cache()).unwrap();
    warned_once(bench.run([&program]).printed("hello"), &["a link or not a folder", "without a cache"]);

    fs::remove_file(bench.cache()).unwrap();
    fs::create_dir(bench.cache()).unwrap();
    fs::set_permissions(bench.cache(), fs::Permissions::from_mode(0o700)).unwrap();
    symlink(bench.path("elsewhere"), bench.cache().join("artifacts")).unwrap();
    warned_once(bench.run([&program]).printed("hello"), &["a link or not a folder", "without a cache"]);
    assert!(crate::common::files(&bench.path("elsewhere")).is_empty());

    fs::remove_dir_all(bench.cache()).unwrap();
    fs::write(bench.cache(), "a file").unwrap();
    warned_once(bench.run([&program]).printed("hello"), &["a link or not a folder", "without a cache"]);
}

#[test]
fn without_a_place_for_the_cache_the_program_runs() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    let mut command = bench.command([&program]);
    let ran = Ran::of(command.env_remove("WASMER_CACHE_DIR").output().unwrap());
    warned_once(ran.printed("hello"), &["no place for the cache", "without a cache"]);
}

/// Runs a shell script in a mount namespace of its own, where it may mount what it likes: `$CACHE` is the cache, `"$@"` the command.
/// None, with a statement, where the system does not permit that.
fn in_namespace(bench: &Bench, script: &str, program: &Path) -> Option<Ran> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-e", "-c", script, "sh"]);
        command.arg(env!("CARGO_BIN_EXE_wasmer")).arg(program).env("CACHE", bench.cache());
        command.env("WASMER_CACHE_DIR", bench.cache()).env_remove("NO_COLOR").output()
    };
    fs::create_dir_all(bench.cache()).unwrap();
    fs::set_permissions(bench.cache(), fs::Permissions::from_mode(0o700)).unwrap();
    match unshare("mount -t tmpfs tmpfs \"$CACHE\"") {
        Ok(output) if output.status.success() => Some(Ran::of(unshare(script).unwrap())),
        Ok(output) => {
            eprintln!("left out: nothing may be mounted here: {}", String::from_utf8_lossy(&output.stderr).trim());
            None
        }
        Err(error) => {
            eprintln!("left out: `unshare` cannot be run: {error}");
            None
        }
    }
}

#[test]
fn a_full_disk_costs_only_the_caching() {
    let bench = Bench::new();
    let program = bench.file("large.wat", large_printer("done", 200));
    let script = "mount -t tmpfs -o size=16k,mode=0700 tmpfs \"$CACHE\"
        \"$@\"
        find \"$CACHE\" -type f";
    let Some(ran) = in_namespace(&bench, script, &program) else { return };
    warned_once(ran.printed("done"), &["could not store an artifact", "No space left on device"]);
}

#[test]
fn a_disk_without_room_for_files_costs_only_the_caching() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    for inodes in 1..8 {
        let script = format!(
            "mount -t tmpfs -o nr_inodes={inodes},mode=0700 tmpfs \"$CACHE\"
            \"$@\""
        );
        let Some(ran) = in_namespace(&bench, &script, &program) else { return };
        warned_once(ran.printed("hello"), &["No space left on device"]);
    }
}

#[test]
fn a_read_only_cache_serves_what_it_has() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    let other = bench.file("other.wat", printer("other"));
    // An empty one, where not even folders can be made.
    let script = "mount -t tmpfs -o ro,mode=0700 tmpfs \"$CACHE\"; \"$@\"";
    let Some(ran) = in_namespace(&bench, script, &program) else { return };
    warned_once(ran.printed("hello"), &["Read-only file system", "without a cache"]);

    std::thread::sleep(std::time::Duration::from_millis(50));
    bench.run([&program]).printed("hello").silent();
    let read_only = "mount --bind \"$CACHE\" \"$CACHE\"; mount -o remount,bind,ro \"$CACHE\"; \"$@\"";
    in_namespace(&bench, read_only, &program).expect("it was permitted before").printed("hello").silent();
    let ran = in_namespace(&bench, read_only, &other).expect("it was permitted before");
    warned_once(ran.printed("other"), &["Read-only file system"]);
}

#[test]
fn where_files_may_not_be_executed_the_code_is_copied() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    let no_exec = |options: &str| {
        format!(
            "mount --bind \"$CACHE\" \"$CACHE\"; mount -o remount,bind,noexec \"$CACHE\"
            command=$1; shift; \"$command\" run {options} \"$@\""
        )
    };
    for _ in 0..2 {
        let Some(ran) = in_namespace(&bench, &no_exec(""), &program) else { return };
        ran.printed("hello").silent();
    }
    let ran = in_namespace(&bench, &no_exec("--verbose"), &program).expect("it was permitted before");
    ran.printed("hello").said(&["cache hit", "the code was copied"]);
}
