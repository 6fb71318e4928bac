//! The cache as a user meets it: hits, races, damage, folders that cannot be used. Whatever happens, the program runs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use crate::common::{Bench, Ran, large_printer, printer};

#[test]
fn the_second_start_is_a_hit_and_says_nothing() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    bench.run([&program]).printed("hello").silent();
    assert_eq!(bench.artifacts().len(), 1);
    bench.run([&program]).printed("hello").silent();
    let ran = bench.run(["run".as_ref(), "--verbose".as_ref(), program.as_os_str()]);
    ran.printed("hello").said(&["cache hit", "load", "run"]);
    assert_eq!(bench.artifacts().len(), 1);
}

#[test]
fn a_changed_module_is_another_program() {
    let bench = Bench::new();
    let program = bench.file("program.wat", printer("one"));
    bench.run([&program]).printed("one");
    bench.file("program.wat", printer("two"));
    bench.run([&program]).printed("two");
    assert_eq!(bench.artifacts().len(), 2);
}

#[test]
fn without_a_cache_nothing_is_written() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    let ran = bench.run(["run".as_ref(), "--disable-cache".as_ref(), program.as_os_str()]);
    ran.printed("hello").silent();
    assert!(!bench.cache().exists());
}

#[test]
fn twenty_processes_compile_once() {
    let bench = Bench::new();
    let program = bench.file("large.wat", large_printer("done", 400));
    let spawn = |_| {
        let mut command = bench.command(["run".as_ref(), "--verbose".as_ref(), program.as_os_str()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts")
    };
    let racers: Vec<_> = (0..20).map(spawn).collect();
    let mut stored = 0;
    for racer in racers {
        let ran = Ran::of(racer.wait_with_output().expect("the racer ends"));
        ran.printed("done");
        stored += usize::from(ran.err.contains("compiled and stored"));
    }
    assert_eq!(stored, 1);
    assert_eq!(bench.artifacts().len(), 1);
}

#[test]
fn damaged_artifacts_are_made_again_and_mentioned_once() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    let other = bench.file("other.wat", printer("other"));
    bench.run([&other]).printed("other");
    let others = fs::read(&bench.artifacts()[0]).unwrap();
    bench.run([&program]).printed("hello");
    let artifact = bench.artifacts().into_iter().find(|path| fs::read(path).unwrap() != others).unwrap();
    let sound = fs::read(&artifact).unwrap();
    let flipped = |position: usize| {
        let mut bytes = sound.clone();
        bytes[position] ^= 0x10;
        bytes
    };
    let versioned = {
        let mut bytes = sound.clone();
        bytes[8] ^= 0xff;
        bytes
    };
    let damaged = [
        sound[..100].to_vec(),
        sound[..sound.len() - 1].to_vec(),
        Vec::new(),
        flipped(40),
        flipped(400),
        flipped(4100),
        versioned,
        others,
    ];
    for (case, bytes) in damaged.into_iter().enumerate() {
        fs::write(&artifact, bytes).unwrap();
        let ran = bench.run([&program]);
        ran.printed("hello").said(&["warning", "damaged"]);
        bench.run([&program]).printed("hello").silent();
        assert_eq!(fs::read(&artifact).unwrap(), sound, "case {case}: the same artifact was made again");
    }
}

#[test]
fn an_artifact_may_vanish_while_it_runs() {
    let bench = Bench::new();
    let sleeper = r#"(module
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 16))
            (i32.store (i32.const 4) (i32.const 1))
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $exit (i32.load8_u (i32.const 16)))))"#;
    let program = bench.file("sleeper.wat", sleeper);
    let mut running = bench.command([&program]).stdin(Stdio::piped()).spawn().expect("the command starts");
    while bench.artifacts().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let cleaned = bench.run(["cache", "clean"]);
    assert_eq!(cleaned.code, Some(0), "{cleaned:?}");
    assert!(bench.artifacts().is_empty());
    std::io::Write::write_all(running.stdin.as_mut().expect("it was piped"), &[42]).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(42));
}

#[test]
fn a_killed_writer_leaves_no_broken_artifact() {
    let bench = Bench::new();
    let program = bench.file("large.wat", large_printer("done", 3000));
    for delay in [5, 20, 60, 120, 200] {
        let mut writer = bench.command([&program]).stdout(Stdio::null()).spawn().expect("the command starts");
        std::thread::sleep(Duration::from_millis(delay));
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    bench.run([&program]).printed("done").silent();
    bench.run([&program]).printed("done").silent();
    let verified = bench.run(["cache", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let sound = bench.artifacts().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "wart"));
    assert_eq!(sound.count(), 1);
}

#[test]
fn a_full_disk_costs_only_the_caching() {
    let bench = Bench::new();
    let program = bench.file("large.wat", large_printer("done", 200));
    let mut command = bench.command([&program]);
    // SAFETY: both calls are allowed between fork and exec.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit { rlim_cur: 4096, rlim_max: 4096 };
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            if libc::setrlimit(libc::RLIMIT_FSIZE, &limit) == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        });
    }
    let ran = Ran::of(command.output().expect("the command starts"));
    // Images in memory are files too, so this limit takes more from the program than a full disk would; it must be told either way.
    assert!(ran.err.contains("warning") || ran.err.contains("error"), "{ran:?}");
    assert!(bench.artifacts().is_empty(), "nothing half-written stays");
    bench.run([&program]).printed("done").silent();
}

#[test]
fn folders_that_cannot_be_trusted_are_not_used() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    fs::create_dir(bench.cache()).unwrap();
    fs::set_permissions(bench.cache(), fs::Permissions::from_mode(0o777)).unwrap();
    bench.run([&program]).printed("hello").said(&["warning", "without a cache"]);
    assert!(bench.artifacts().is_empty());

    fs::remove_dir(bench.cache()).unwrap();
    fs::create_dir(bench.path("elsewhere")).unwrap();
    symlink(bench.path("elsewhere"), bench.cache()).unwrap();
    bench.run([&program]).printed("hello").said(&["warning", "without a cache"]);
    assert!(crate::common::files(&bench.path("elsewhere")).is_empty());

    fs::remove_file(bench.cache()).unwrap();
    fs::write(bench.cache(), "a file").unwrap();
    bench.run([&program]).printed("hello").said(&["warning", "without a cache"]);
}
