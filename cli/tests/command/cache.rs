//! The cache as a user meets it: hits, races, damage. Whatever happens, the program runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

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

/// Longer than the clock's granularity, so that a file written before is settled.
fn settle() {
    std::thread::sleep(Duration::from_millis(50));
}

#[test]
fn verbose_says_where_a_program_came_from_and_why() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    let run = |options: &[&str]| {
        let options = ["run", "--verbose"].into_iter().chain(options.iter().copied());
        let ran = bench.run(options.map(PathBuf::from).chain([program.clone()]));
        ran.printed("hello");
        ran
    };
    settle();
    run(&[]).said(&[
        "cache miss: compiled and stored",
        "by its hash: not seen before)",
        "read",
        "hash",
        "compile",
        "save",
    ]);
    run(&[]).said(&["cache hit (recognised by its identity on disk)", "load", "start", "run"]);
    run(&["--cache-trust=hash"]).said(&["cache hit (recognised by its hash: identities are not trusted)", "hash"]);
    bench.file("hello.wat", printer("hello"));
    run(&[]).said(&["cache hit (recognised by its hash: changed since it was seen"]);
    settle();
    run(&[]);
    run(&[]).said(&["cache hit (recognised by its identity on disk)"]);
    run(&["--disable-cache"]).said(&["no cache: functions are compiled when they are called", "read", "compile"]);
    run(&["--disable-cache", "--backend", "singlepass"]).said(&["no cache: compiled", "read", "compile"]);
    let untouched = run(&["--disable-cache"]);
    assert!(!untouched.err.contains("hash"), "nothing has to be hashed without a cache:\n{}", untouched.err);
}

/// Change times of a folder and of everything in it; they move with every change of contents, name or attributes.
fn change_times(path: &Path) -> Vec<(PathBuf, i64, i64)> {
    let stat = fs::symlink_metadata(path).unwrap();
    let inside = if stat.is_dir() { crate::common::files(path) } else { Vec::new() };
    let own = (path.to_owned(), stat.ctime(), stat.ctime_nsec());
    std::iter::once(own).chain(inside.iter().flat_map(|path| change_times(path))).collect()
}

#[test]
fn a_hit_writes_nothing() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    settle();
    bench.run([&program]).printed("hello").silent();
    let before = change_times(&bench.path(""));
    assert!(before.len() > 8, "{before:?}");
    settle();
    for _ in 0..3 {
        bench.run([&program]).printed("hello").silent();
    }
    assert_eq!(change_times(&bench.path("")), before);
}

/// Page faults of a run that succeeds.
#[allow(clippy::zombie_processes, reason = "`wait4` waits for the process")]
fn page_faults(bench: &Bench, program: &Path) -> i64 {
    let child = bench.command([program]).stdout(Stdio::null()).spawn().expect("the command starts");
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::uninit());
    // SAFETY: the pointers are valid; a child that is waited for here is not waited for again.
    let usage = unsafe {
        assert_eq!(libc::wait4(child.id() as i32, &mut status, 0, usage.as_mut_ptr()), child.id() as i32);
        usage.assume_init()
    };
    assert_eq!(status, 0);
    usage.ru_minflt
}

#[test]
fn a_warm_start_does_not_grow_with_the_module() {
    let bench = Bench::new();
    let small = bench.file("small.wat", printer("done"));
    let functions = large_printer("done", 2000);
    let data = format!("(memory $more 200) (data (memory $more) (i32.const 0) \"{}\"))", "x".repeat(12 << 20));
    let large = bench.file("large.wat", functions.strip_suffix(')').unwrap().to_owned() + &data);
    settle();
    for program in [&small, &large] {
        bench.run([program]).printed("done").silent();
        bench.run([program]).printed("done").silent();
    }
    let (small, large) = (page_faults(&bench, &small), page_faults(&bench, &large));
    assert!(large < small + 40, "{small} page faults for a small module, {large} for one of 3,000 pages more");
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
        let hit = ran.err.contains("cache hit");
        stored += usize::from(ran.err.contains("compiled and stored"));
        assert!(hit != ran.err.contains("compile  "), "either a hit or a compile: {ran:?}");
        assert!(!ran.err.contains("warning"), "{ran:?}");
    }
    assert_eq!(stored, 1);
    assert_clean(&bench, 1);
}

/// That the store holds so many artifacts and nothing that a writer leaves on its way.
#[track_caller]
fn assert_clean(bench: &Bench, artifacts: usize) {
    let found = bench.artifacts();
    assert_eq!(found.len(), artifacts, "{found:?}");
    assert!(found.iter().all(|path| path.extension().is_some_and(|ending| ending == "wart")), "{found:?}");
    assert_eq!(crate::common::files(&bench.cache().join("locks")), Vec::<PathBuf>::new());
    assert_eq!(crate::common::files(&bench.cache().join("used")).len(), artifacts);
    let verified = bench.run(["cache", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
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
fn artifacts_that_change_their_names_are_noticed() {
    let bench = Bench::new();
    let (one, two) = (bench.file("one.wat", printer("one")), bench.file("two.wat", printer("two")));
    bench.run([&one]).printed("one");
    bench.run([&two]).printed("two");
    let [first, second] = &bench.artifacts()[..] else { panic!("two artifacts") };
    let aside = bench.path("aside");
    for (from, to) in [(first, &aside), (second, first), (&aside, second)] {
        fs::rename(from, to).unwrap();
    }
    bench.run([&one]).printed("one").said(&["warning", "another one than its name says"]);
    bench.run([&two]).printed("two").said(&["warning", "another one than its name says"]);
    bench.run([&one]).printed("one").silent();
    bench.run([&two]).printed("two").silent();
    assert_clean(&bench, 2);
}

#[test]
fn a_store_of_another_version_does_not_matter() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    bench.run([&program]).printed("hello").silent();
    let artifact = bench.artifacts().remove(0);
    // An artifact of another format has another key; and records of another kind say nothing.
    let mut other = fs::read(&artifact).unwrap();
    other[8] += 1;
    fs::write(artifact.with_file_name(format!("{}.wart", "0".repeat(64))), other).unwrap();
    for folder in ["used", "memo"] {
        for record in crate::common::files(&bench.cache().join(folder)) {
            fs::remove_file(&record).unwrap();
            std::os::unix::fs::symlink("version 99: something else", &record).unwrap();
        }
    }
    fs::write(bench.cache().join("VERSION"), "99").unwrap();
    bench.run([&program]).printed("hello").silent();
    bench.run([&program]).printed("hello").silent();
    assert_eq!(bench.run(["cache", "verify"]).code, Some(1), "the artifact of the other format");
    assert_clean(&bench, 1);
}

/// A program that waits for a byte and ends with it as its status.
const WAITER: &str = r#"(module
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 16))
            (i32.store (i32.const 4) (i32.const 1))
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $exit (i32.load8_u (i32.const 16)))))"#;

/// Runs [`WAITER`] while `meanwhile` does something to the store.
fn while_running(bench: &Bench, meanwhile: impl FnOnce()) {
    let program = bench.file("waiter.wat", WAITER);
    let mut running = bench.command([&program]).stdin(Stdio::piped()).spawn().expect("the command starts");
    let is_stored = || bench.artifacts().iter().any(|path| path.extension().is_some_and(|ending| ending == "wart"));
    while !is_stored() {
        std::thread::sleep(Duration::from_millis(5));
    }
    meanwhile();
    std::io::Write::write_all(running.stdin.as_mut().expect("it was piped"), &[42]).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(42));
}

#[test]
fn an_artifact_may_vanish_while_it_runs() {
    let bench = Bench::new();
    while_running(&bench, || {
        let cleaned = bench.run(["cache", "clean"]);
        assert_eq!(cleaned.code, Some(0), "{cleaned:?}");
        assert!(bench.artifacts().is_empty());
    });
}

#[test]
fn an_artifact_may_be_evicted_while_it_runs() {
    let bench = Bench::new();
    while_running(&bench, || {
        let running = bench.artifacts();
        let other = bench.file("other.wat", printer("other"));
        let mut command = bench.command([&other]);
        Ran::of(command.env("WASMER_CACHE_SIZE", "1").output().unwrap()).printed("other").silent();
        assert_eq!(bench.artifacts().len(), 1);
        assert_ne!(bench.artifacts(), running, "the older one was evicted");
    });
}

#[test]
fn the_size_of_the_cache_can_be_set() {
    let bench = Bench::new();
    let (one, two) = (bench.file("one.wat", printer("one")), bench.file("two.wat", printer("two")));
    bench.run([&one]).printed("one").silent();
    bench.run([&two]).printed("two").silent();
    let stats = bench.run(["cache", "stats"]);
    assert!(stats.out.contains("artifacts: 2") && stats.out.contains("budget in bytes: 4294967296"), "{stats:?}");
    let pruned = bench.run(["cache", "prune", "--size", "20KiB"]);
    assert!(pruned.code == Some(0) && !pruned.out.starts_with("0 "), "{pruned:?}");
    assert_eq!(bench.artifacts().len(), 1);
    let mut command = bench.command([&one]);
    let ran = Ran::of(command.env("WASMER_CACHE_SIZE", "much").output().unwrap());
    ran.printed("one").said(&["warning", "`WASMER_CACHE_SIZE`: `much` is not a size", "without a cache"]);
}

/// Numbers that look random and are the same in every run.
fn scattered(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[test]
fn a_writer_killed_at_any_moment_leaves_a_clean_store() {
    let bench = Bench::new();
    let program = bench.file("large.wat", large_printer("done", 1500));
    let started = Instant::now();
    bench.run([&program]).printed("done").silent();
    let whole_us = started.elapsed().as_micros() as u64;
    let mut seed = 7;
    for _ in 0..16 {
        bench.run(["cache", "clean"]);
        let mut writer = bench.command([&program]).stdout(Stdio::null()).spawn().expect("the command starts");
        std::thread::sleep(Duration::from_micros(scattered(&mut seed) % whole_us));
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    bench.run([&program]).printed("done").silent();
    bench.run(["cache", "prune"]);
    bench.run([&program]).printed("done").silent();
    assert_clean(&bench, 1);
}
