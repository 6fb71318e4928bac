//! Folders and disks that the cache cannot use, or not as it would like. The program always runs, and the user is told once.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
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
        command.env("WASMER_CACHE_DIR", bench.cache()).env("WASMER_BACKGROUND", "off").env_remove("NO_COLOR").output()
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

/// Room for one artifact, then for a few pages, then for another artifact.
#[test]
fn a_full_disk_costs_only_what_is_made_in_the_background() {
    let bench = Bench::new();
    let program = bench.file("large.wat", large_printer("done", 200));
    let script = "mount -t tmpfs -o size=1m,mode=0700 tmpfs \"$CACHE\"
        export WASMER_LLVM=/nowhere
        finish() {
            WASMER_BACKGROUND=0s \"$@\"
            if [ -e \"$CACHE/locks/finisher\" ]; then flock \"$CACHE/locks/finisher\" true; rm -f \"$CACHE/locks/finisher\"; fi
            echo
            ls \"$CACHE/artifacts\" | wc -l
        }
        \"$@\"
        echo
        for left in 0 8 12; do
            head -c 2000000 /dev/zero > \"$CACHE/filler\" 2>/dev/null || true
            truncate -s -${left}K \"$CACHE/filler\"
            finish \"$@\"
        done
        rm \"$CACHE/filler\"
        finish \"$@\"";
    let Some(ran) = in_namespace(&bench, script, &program) else { return };
    ran.printed("done\ndone\n1\ndone\n1\ndone\n1\ndone\n2\n").silent();
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

/// The command with no right to write files of more than so many bytes.
fn limited(bench: &Bench, bytes: u64, arguments: &[&str]) -> Ran {
    let mut command = bench.command(arguments);
    // SAFETY: one system call between fork and exec.
    unsafe {
        command.pre_exec(move || {
            let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
            if libc::setrlimit(libc::RLIMIT_FSIZE, &limit) == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        })
    };
    Ran::of(command.output().expect("the command starts"))
}

#[test]
fn a_limit_of_file_sizes_costs_only_the_caching() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    for bytes in [4096, 8191] {
        let ran = limited(&bench, bytes, &["run", "hello.wat"]);
        warned_once(ran.printed("hello"), &["could not store an artifact", "File too large"]);
        assert!(bench.artifacts().is_empty(), "{:?}", bench.artifacts());
        limited(&bench, bytes, &["run", "--disable-cache", "hello.wat"]).printed("hello").silent();
        limited(&bench, bytes, &["compile", "hello.wat"])
            .failed(1, &["could not write `hello.wart`", "File too large"]);
        assert!(!bench.path("hello.wart").exists());
    }
    // The memory's contents have to stand in a file, too.
    for arguments in [&["run", "hello.wat"][..], &["run", "--disable-cache", "hello.wat"]] {
        limited(&bench, 1000, arguments).failed(1, &["could not make a memory", "`ulimit -f`"]);
    }
    bench.run(["run", "hello.wat"]).printed("hello").silent();
    limited(&bench, 0, &["run", "hello.wat"]).printed("hello").silent();
}

/// Once others could write to the folder; what they left there runs with the rights of whoever makes it private later.
#[test]
fn planted_artifacts_do_not_run() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    let others = bench.file("others.wat", printer("planted"));
    bench.run([&program]).printed("hello");
    let key = bench.artifacts().remove(0);
    bench.run([&others]).printed("planted");
    let planted = bench.artifacts().into_iter().find(|path| *path != key).expect("there are two");
    // Its header names another key, which would be damage and a warning: its owner decides before that.
    fs::rename(planted, &key).unwrap();
    if let Err(error) = chown(&key, Some(65534), Some(65534)) {
        eprintln!("left out: a file cannot be given to another user here: {error}");
        return;
    }
    let ran = bench.run(["run", "--verbose", "hello.wat"]);
    assert!(!ran.printed("hello").said(&["cache miss: compiled and stored"]).err.contains("damaged"), "{}", ran.err);
    chown(bench.cache().join("artifacts"), Some(65534), Some(65534)).unwrap();
    warned_once(bench.run([&program]).printed("hello"), &["artifacts", "belongs to another user", "without a cache"]);
}

#[test]
fn a_home_that_cannot_be_written_is_one_short_line() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    let mut command = bench.command([&program]);
    command.env("WASMER_CACHE_DIR", "/proc/nowhere/cache");
    let ran = Ran::of(command.output().expect("the command starts"));
    warned_once(ran.printed("hello"), &["the cache folder `/proc/nowhere/cache`: could not make it: "]);
    assert_eq!(ran.err.matches("os error").count(), 1, "{}", ran.err);
}

#[test]
fn artifacts_go_where_the_user_says() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    bench.run(["compile", "hello.wat", "-o", "hello.wart"]).printed("").silent();
    let expected = fs::read(bench.path("hello.wart")).unwrap();
    let output = bench.command(["compile", "hello.wat", "-o", "-"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty() && output.stdout == expected);
    assert!(!bench.path("-").exists());
    // A link stays one, a device is written to, a folder is refused.
    symlink("hello.wart", bench.path("link")).unwrap();
    fs::write(bench.path("hello.wart"), "old").unwrap();
    bench.run(["compile", "hello.wat", "-o", "link"]).printed("").silent();
    assert!(bench.path("link").is_symlink() && fs::read(bench.path("hello.wart")).unwrap() == expected);
    let mode = fs::metadata(bench.path("hello.wart")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, fs::metadata(bench.path("hello.wat")).unwrap().permissions().mode() & 0o777);
    bench.run(["compile", "hello.wat", "-o", "/dev/null"]).printed("").silent();
    assert!(!Path::new("/dev/null").is_file());
    bench.run(["compile", "hello.wat", "-o", "/dev/full"]).failed(1, &["could not write `/dev/full`", "No space left"]);
    bench.run(["compile", "hello.wat", "-o", "."]).failed(1, &["could not write `.`"]);
    bench
        .run(["compile", "hello.wat", "-o", "missing/hello.wart"])
        .failed(1, &["could not write `missing/hello.wart`"]);
    let text = bench.run(["compile", "--emit", "asm", "hello.wat", "-o", "-"]);
    assert!(text.code == Some(0) && text.out.contains("ret"), "{text:?}");
    let left: Vec<_> =
        crate::common::files(&bench.path("")).into_iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(left, ["hello.wart", "hello.wat", "link"]);
}

/// Damage that the artifact's user would meet at some later time, or as a wrong trap.
#[test]
fn a_damaged_artifact_of_the_users_is_refused_wherever_it_is_damaged() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    bench.run(["compile", "hello.wat", "-o", "hello.wart"]).printed("").silent();
    let image = fs::read(bench.path("hello.wart")).unwrap();
    let run = || bench.run(["run", "--allow-precompiled", "hello.wart"]);
    run().printed("hello").silent();
    let sections = (0..11).map(|index| {
        let number = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap()) as usize;
        number(64 + index * 24)..number(64 + index * 24) + number(72 + index * 24)
    });
    for section in sections.filter(|section| !section.is_empty()) {
        for at in [section.start, section.start + section.len() / 2, section.end - 1] {
            let mut damaged = image.clone();
            damaged[at] ^= 0x40;
            fs::write(bench.path("hello.wart"), damaged).unwrap();
            run().failed(1, &["could not load `hello.wart`", "damaged"]);
        }
    }
    for len in [0, 1, 7, 8, 351, 352, 4096, image.len() - 1] {
        fs::write(bench.path("hello.wart"), &image[..len]).unwrap();
        run().failed(1, &["could not load `hello.wart`"]);
    }
}
