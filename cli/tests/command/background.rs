//! `--backend auto`: what is run, and what is made in the background. The compiler in the background is a script where its time matters.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{Bench, Ran, files, large_printer, printer};
use crate::programs::backends;

/// No program of this name is there, so that Cranelift is the best compiler.
const NOWHERE: &str = "/nowhere/wasmer-llvm";

/// Runs for some milliseconds of the processor's time, then waits for a byte, runs again, and ends.
pub(crate) const WORKER: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func $spin (local i64)
        (loop
            (local.set 0 (i64.add (local.get 0) (i64.const 1)))
            (br_if 0 (i64.lt_u (local.get 0) (i64.const 100000000)))))
    (func $wait
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 1))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func (export "_start") BODY))"#;

/// A module with so many functions that both compilers are at work for a while.
const FUNCTIONS: usize = 150;

/// `wasmer run --verbose` of a module under a policy and a worker, which compiles all of it first: what is left for later is the business of `lazy`.
fn command(bench: &Bench, background: &str, worker: impl AsRef<Path>, words: &[&str]) -> Command {
    let mut command = bench.command(["run", "--verbose"].iter().chain(words));
    command.env("WASMER_BACKGROUND", background).env("WASMER_LLVM", worker.as_ref()).env("WASMER_LAZY", "off");
    command
}

fn run(bench: &Bench, background: &str, worker: impl AsRef<Path>, words: &[&str]) -> Ran {
    Ran::of(command(bench, background, worker, words).output().expect("the command starts"))
}

/// The name of a finisher's lock file.
fn lock(bench: &Bench) -> PathBuf {
    bench.cache().join("locks/finisher")
}

/// Waits until no finisher is at work.
fn wait(bench: &Bench) {
    if let Ok(file) = fs::File::open(lock(bench)) {
        file.lock().expect("it can be waited for");
    }
}

/// The records of runs: their texts.
fn runs(bench: &Bench) -> Vec<String> {
    let text = |path: &PathBuf| fs::read_link(path).expect("a record").into_os_string().into_string().expect("text");
    files(&bench.cache().join("runs")).iter().map(text).collect()
}

/// That the store has so many artifacts, all sound, and that nothing else is left.
#[track_caller]
fn assert_clean(bench: &Bench, artifacts: usize) {
    assert_eq!(bench.run(["cache", "status"]).printed_lines().last().unwrap(), "finisher: none at work");
    let found = bench.artifacts();
    assert_eq!(found.len(), artifacts, "{found:?}");
    assert!(found.iter().all(|path| path.extension().is_some_and(|ending| ending == "wart")), "{found:?}");
    assert_eq!(files(&bench.cache().join("locks")), Vec::<PathBuf>::new());
    bench.run(["cache", "verify"]).printed(&format!("{artifacts} sound, 0 damaged\n"));
}

/// A worker in the place of LLVM's: a shell script.
fn script(bench: &Bench, body: &str) -> PathBuf {
    let path = bench.file("worker.sh", format!("#!/bin/sh\n{body}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A worker that says in `worker.txt` who it is, and waits until the test's folder, or whoever started it, is gone.
fn waiting_worker(bench: &Bench) -> PathBuf {
    let folder = bench.path("").display().to_string();
    script(
        bench,
        &format!(
            "{{ cat /proc/$$/stat /proc/$$/oom_score_adj; cat /proc/$$/autogroup; }} 2>/dev/null > {folder}/worker.new
            mv {folder}/worker.new {folder}/worker.txt
            while [ -d {folder} ] && [ -d /proc/$PPID ]; do sleep 0.02; done
            exit 3"
        ),
    )
}

/// Waits until something is so, without a limit: the runner of the tests has one.
pub(crate) fn until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn worker_program(bench: &Bench, body: &str) {
    bench.file("worker.wat", WORKER.replace("BODY", body));
}

#[test]
fn the_best_artifact_is_run_and_a_named_compiler_is_that_one() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    let code = |backend: &str| format!("code of {backend}\n");
    let auto = || bench.run(["run", "--verbose", "hello.wat"]);
    let backends = backends();
    auto().printed("hello").said(&["cache miss: compiled and stored", &code(backends[0])]);
    let mut made: Vec<Vec<PathBuf>> = vec![bench.artifacts()];
    for backend in &backends {
        bench.run(["run", "--backend", backend, "hello.wat"]).printed("hello").silent();
        auto().printed("hello").said(&["cache hit", &code(backend)]);
        made.push(bench.artifacts());
        for exact in &backends[..made.len() - 1] {
            let ran = bench.run(["run", "--verbose", "--backend", exact, "hello.wat"]);
            ran.printed("hello").said(&["cache hit", &code(exact)]);
        }
    }
    assert_eq!(bench.artifacts().len(), backends.len());
    // The other way round.
    for (rank, backend) in backends.iter().enumerate().rev().take(backends.len() - 1) {
        let newer = made[rank + 1].iter().find(|path| !made[rank].contains(path)).expect("one was made");
        fs::remove_file(newer).unwrap();
        auto().printed("hello").said(&["cache hit", &code(backends[rank - 1])]);
        bench.run(["run", "--disable-cache", "--verbose", "--backend", backend, "hello.wat"]).said(&[&code(backend)]);
    }
    bench
        .run(["run", "--optimize", "idle", "--backend", "singlepass", "hello.wat"])
        .failed(2, &["`--optimize` is for `--backend auto`"]);
    bench.run(["run", "--optimize", "never", "--backend", "singlepass", "hello.wat"]).printed("hello").silent();
}

#[test]
fn a_program_is_started_first_and_compiled_better_behind_it() {
    let bench = Bench::new();
    bench.file("large.wat", large_printer("done", FUNCTIONS));
    let first = run(&bench, "0s", NOWHERE, &["large.wat"]);
    first.printed("done").said(&[
        "compiled and stored",
        "code of singlepass",
        "cranelift compiles it in the background",
    ]);
    wait(&bench);
    assert_clean(&bench, 2);
    assert!(runs(&bench).is_empty(), "{:?}", runs(&bench));
    let list = bench.run(["cache", "list"]);
    for (tier, backend) in [(1, "singlepass"), (2, "cranelift")] {
        let is_it = |line: &&str| line.ends_with(&format!("\ttier {tier}\t{backend}\tlarge.wat"));
        assert_eq!(list.out.lines().filter(is_it).count(), 1, "{list:?}");
    }
    let next = run(&bench, "0s", NOWHERE, &["large.wat"]);
    next.printed("done").said(&["cache hit", "code of cranelift"]);
    assert!(!next.err.contains("background"), "there is nothing better: {}", next.err);
    // It is what everybody else makes.
    let other = Bench::new();
    other.file("large.wat", large_printer("done", FUNCTIONS));
    other.run(["run", "--backend", "cranelift", "large.wat"]).printed("done");
    let expected = fs::read(&other.artifacts()[0]).unwrap();
    assert!(bench.artifacts().iter().any(|path| fs::read(path).unwrap() == expected));
    assert!(bench.artifacts().iter().any(|path| path.file_name() == other.artifacts()[0].file_name()));
}

#[test]
fn features_and_fuel_are_those_of_the_run() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    for options in [&["--fuel", "1000000"][..], &["--disable", "simd"]] {
        run(&bench, "0s", NOWHERE, &[options, &["hello.wat"]].concat()).printed("hello").said(&["code of singlepass"]);
        wait(&bench);
        run(&bench, "0s", NOWHERE, &[options, &["hello.wat"]].concat()).printed("hello").said(&["code of cranelift"]);
    }
    run(&bench, "off", NOWHERE, &["hello.wat"]).printed("hello").said(&["cache miss", "code of singlepass"]);
    assert_clean(&bench, 5);
}

#[test]
fn runs_add_up_until_it_pays() {
    let bench = Bench::new();
    worker_program(&bench, "(call $spin)");
    let ran_us = || {
        let record = &runs(&bench)[0];
        let numbers: Vec<u64> = record.split(' ').take(3).map(|number| number.parse().unwrap()).collect();
        assert_eq!(numbers[2], 0, "{record}");
        (numbers[0], numbers[1])
    };
    run(&bench, "1h", NOWHERE, &["worker.wat"]).printed("").said(&["once it has run", "more\n"]);
    let first = ran_us();
    assert!(first.0 == 1 && first.1 > 1000, "{first:?}");
    run(&bench, "1h", NOWHERE, &["worker.wat"]).printed("").said(&["once it has run", "more\n"]);
    let second = ran_us();
    assert!(second.0 == 2 && second.1 > first.1, "{second:?}");
    // Without better code in sight nothing is counted, and nothing is forgotten.
    run(&bench, "off", NOWHERE, &["worker.wat"]).printed("");
    assert_eq!(ran_us(), second);
    // What it has run already is enough now.
    run(&bench, &format!("{}ms", second.1 / 1000), NOWHERE, &["worker.wat"]).said(&["compiles it in the background"]);
    wait(&bench);
    assert_clean(&bench, 2);
    assert!(runs(&bench).is_empty());
}

type Variables<'a> = &'a [(&'a str, &'a str)];

#[test]
fn nothing_goes_on_behind_the_back_of_who_does_not_want_it() {
    let bench = Bench::new();
    worker_program(&bench, "(call $spin)");
    let cases: &[(&[&str], Variables)] = &[
        (&[], &[("WASMER_BACKGROUND", "off")]),
        (&[], &[("WASMER_BACKGROUND", ""), ("CI", "true")]),
        (&["--optimize", "never"], &[("WASMER_BACKGROUND", "0s")]),
        (&["--disable-cache"], &[("WASMER_BACKGROUND", "0s")]),
        (&["--disable-cache", "--optimize", "idle"], &[("WASMER_BACKGROUND", "0s")]),
        (&["--backend", "singlepass"], &[("WASMER_BACKGROUND", "0s")]),
    ];
    for (options, variables) in cases {
        let mut command = command(&bench, "", NOWHERE, &[options, &["worker.wat"][..]].concat());
        command.envs(variables.iter().copied());
        let ran = Ran::of(command.output().unwrap());
        ran.printed("").said(&["code of singlepass"]);
        assert!(!ran.err.contains("background"), "{options:?}: {}", ran.err);
        assert!(!lock(&bench).exists() && runs(&bench).is_empty(), "{options:?}");
    }
    assert_eq!(bench.artifacts().len(), 1);
    let said = |variables: Variables| {
        let mut command = bench.command(["cache", "status"]);
        Ran::of(command.envs(variables.iter().copied()).output().unwrap()).printed_lines()[0].clone()
    };
    assert_eq!(said(&[]), "background: off, by `WASMER_BACKGROUND`");
    assert_eq!(said(&[("WASMER_BACKGROUND", "")]), "background: on");
    assert_eq!(said(&[("WASMER_BACKGROUND", "10s")]), "background: on, after programs ran 10s, by `WASMER_BACKGROUND`");
    assert_eq!(said(&[("WASMER_BACKGROUND", ""), ("CI", "1")]), "background: off, because `CI` is set");
    let ran = run(&bench, "sometimes", NOWHERE, &["worker.wat"]);
    ran.printed("").said(&["warning", "`WASMER_BACKGROUND`: `sometimes` is neither `off`, `on` nor a time"]);
    assert!(!lock(&bench).exists());
}

#[test]
fn what_does_not_come_from_a_file_is_not_made_again() {
    let bench = Bench::new();
    let mut command = command(&bench, "0s", NOWHERE, &["-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), printer("hello").as_bytes()).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert!(!ran.printed("hello").err.contains("background"), "{}", ran.err);
    assert!(!lock(&bench).exists());
    assert!(bench.run(["cache", "list"]).out.ends_with("\tsinglepass\t-\n"));
}

#[test]
fn now_means_before_the_program_starts() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    bench.run(["run", "--backend", "singlepass", "hello.wat"]).printed("hello");
    let now = |worker: &Path, options: &[&str]| {
        run(&bench, "0s", worker, &[&["--optimize", "now"], options, &["hello.wat"]].concat())
    };
    now(Path::new(NOWHERE), &[]).printed("hello").said(&["cache miss", "code of cranelift"]);
    now(Path::new(NOWHERE), &[]).printed("hello").said(&["cache hit", "code of cranelift"]);
    now(Path::new(NOWHERE), &["--disable-cache"]).printed("hello").said(&["no cache", "code of cranelift"]);
    // There is never another compiler in its place.
    now(&script(&bench, "exit 3"), &[]).failed(1, &["failed with status 3"]);
    assert!(!lock(&bench).exists());
}

#[test]
fn a_program_that_runs_long_is_compiled_while_it_runs() {
    let bench = Bench::new();
    worker_program(&bench, "(call $spin) (call $wait)");
    let mut child = pipes(&mut command(&bench, "25ms", NOWHERE, &["worker.wat"]));
    until(|| bench.artifacts().iter().filter(|path| path.extension().is_some_and(|it| it == "wart")).count() == 2);
    wait(&bench);
    assert!(child.try_wait().unwrap().is_none(), "it still runs");
    let ran = feed(child);
    ran.printed("").said(&["code of singlepass", "cranelift compiles it in the background, since the program ran"]);
    assert!(runs(&bench).is_empty());
    run(&bench, "off", NOWHERE, &["--invoke", "_start", "worker.wat"]).said(&["code of cranelift"]);
    assert_clean(&bench, 2);
}

pub(crate) fn pipes(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the command starts")
}

/// Gives a program its byte, and waits for its end.
pub(crate) fn feed(mut child: Child) -> Ran {
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"x").unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

#[test]
fn a_module_that_is_changed_or_deleted_meanwhile_is_not_compiled() {
    let changes: [fn(&Path); 2] =
        [|path| fs::write(path, printer("other")).unwrap(), |path| fs::remove_file(path).unwrap()];
    for change in changes {
        let bench = Bench::new();
        worker_program(&bench, "(call $wait) (call $spin)");
        let child = pipes(&mut command(&bench, "25ms", NOWHERE, &["worker.wat"]));
        until(|| bench.artifacts().iter().any(|path| path.extension().is_some_and(|it| it == "wart")));
        change(&bench.path("worker.wat"));
        let ran = feed(child);
        ran.printed("").said(&["cranelift c"]);
        wait(&bench);
        assert_clean(&bench, 1);
        if bench.path("worker.wat").exists() {
            run(&bench, "off", NOWHERE, &["worker.wat"]).printed("other").said(&["cache miss", "code of singlepass"]);
        } else {
            ran.said(&["cannot compile it in the background: could not open `worker.wat`"]);
        }
    }
}

/// The fields of `/proc/PID/stat` behind the name, from the third on.
fn stat(text: &str) -> Vec<i128> {
    let fields = text.lines().next().unwrap().rsplit_once(')').unwrap().1.split_whitespace();
    fields.skip(1).map(|field| field.parse().expect("a number")).collect()
}

#[test]
fn a_finisher_is_seen_and_stopped_and_disturbs_nobody() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    bench.file("other.wat", printer("other"));
    let worker = waiting_worker(&bench);
    // That this comes back means that the finisher has none of its pipes.
    run(&bench, "0s", &worker, &["hello.wat"]).printed("hello").said(&["llvm compiles it in the background"]);
    until(|| bench.path("worker.txt").exists());
    let text = fs::read_to_string(bench.path("worker.txt")).unwrap();
    let stat = stat(&text);
    // Fields 5 and 6: group and session; 19: nice; 41: the class for idle times.
    let own = stat_of_test();
    assert!(stat[1] != own[1] && stat[2] != own[2], "its own group and session: {text}");
    assert_eq!((stat[15], stat[37]), (19, 5), "{text}");
    assert!(text.contains("\n1000\n"), "{text}");
    // Not every system has groups of sessions.
    assert!(!text.contains("autogroup") || text.contains(" nice 19\n"), "{text}");
    let status = bench.run(["cache", "status"]).printed_lines()[1].clone();
    assert!(status.starts_with("finisher: llvm compiles `hello.wat` since "), "{status}");
    // There is one at a time, and nobody waits for it: not for the same artifact either.
    run(&bench, "0s", &worker, &["hello.wat"]).printed("hello").said(&["llvm will compile it later", "busy"]);
    run(&bench, "0s", &worker, &["other.wat"]).printed("other").said(&["llvm will compile it later", "busy"]);
    run(&bench, "0s", script(&bench, "exit 4"), &["--backend", "llvm", "hello.wat"]).failed(1, &["status 4"]);
    let stopped = bench.run(["cache", "status", "--stop"]).printed_lines()[0].clone();
    assert!(stopped.starts_with("stopped: llvm compiles `hello.wat` since "), "{stopped}");
    bench.run(["cache", "status", "--stop"]).printed("finisher: none at work\n");
    assert_clean(&bench, 2);
    // It has to run as long again, and is told of it.
    assert!(runs(&bench).iter().any(|record| record == "0 0 1 "), "{:?}", runs(&bench));
}

fn stat_of_test() -> Vec<i128> {
    stat(&fs::read_to_string("/proc/self/stat").unwrap())
}

#[test]
fn a_compiler_that_fails_is_not_asked_again_at_once() {
    let bench = Bench::new();
    worker_program(&bench, "(call $spin)");
    let worker = script(&bench, "exit 3");
    run(&bench, "0s", &worker, &["worker.wat"]).printed("").said(&["llvm compiles it in the background"]);
    wait(&bench);
    assert_eq!(runs(&bench), ["0 0 1 the compile worker failed with status 3"]);
    let ran = run(&bench, "1h", &worker, &["worker.wat"]);
    ran.printed("").said(&[
        "llvm will compile it in the background once",
        "; tried 1 times: the compile worker failed with status 3",
    ]);
    assert_clean(&bench, 1);
}

#[test]
fn a_finisher_killed_at_any_moment_leaves_a_clean_store() {
    let bench = Bench::new();
    bench.file("large.wat", large_printer("done", FUNCTIONS));
    for round in 0..6 {
        bench.run(["cache", "clean"]);
        run(&bench, "0s", NOWHERE, &["large.wat"]).printed("done");
        std::thread::sleep(Duration::from_millis(round * 14));
        if round % 2 == 0 {
            assert_eq!(bench.run(["cache", "status", "--stop"]).code, Some(0));
        } else if let Some(pid) =
            fs::read_to_string(lock(&bench)).ok().as_deref().and_then(|text| text.split(' ').next())
        {
            let _ = Command::new("kill").args(["-KILL", pid]).stderr(Stdio::null()).status();
        }
        wait(&bench);
        run(&bench, "off", NOWHERE, &["large.wat"]).printed("done").said(&["cache hit"]);
        bench.run(["cache", "prune"]);
        assert_clean(&bench, bench.artifacts().len());
    }
    run(&bench, "0s", NOWHERE, &["large.wat"]).printed("done");
    wait(&bench);
    run(&bench, "off", NOWHERE, &["large.wat"]).printed("done").said(&["code of cranelift"]);
    assert_clean(&bench, 2);
}

#[test]
fn processes_that_end_at_once_start_one_finisher() {
    let bench = Bench::new();
    let modules = ["one.wat", "two.wat"];
    for module in modules {
        bench.file(module, large_printer("done", FUNCTIONS));
    }
    // The same bytes are the same module, so that they differ.
    bench.file("two.wat", large_printer("done", FUNCTIONS + 1));
    let racers: Vec<_> =
        (0..8).map(|number| pipes(&mut command(&bench, "0s", NOWHERE, &[modules[number % 2]]))).collect();
    for racer in racers {
        let ran = Ran::of(racer.wait_with_output().unwrap());
        assert!(!ran.printed("done").err.contains("warning"), "{ran:?}");
    }
    wait(&bench);
    for module in modules {
        // Whose turn it was not comes now.
        run(&bench, "0s", NOWHERE, &[module]).printed("done");
        wait(&bench);
        run(&bench, "0s", NOWHERE, &[module]).printed("done").said(&["cache hit", "code of cranelift"]);
    }
    assert_clean(&bench, 4);
}

#[test]
fn the_finisher_is_started_by_nobody_else() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    bench.run(["run", "hello.wat"]).printed("hello");
    let content = "0".repeat(64);
    let words = ["cache", "finish", "--backend", "cranelift", "--content", &content, "--features", "1", "--name", "x"];
    let ran = bench.run(words.map(Into::into).into_iter().chain(["--cache-dir".into(), bench.cache()]));
    ran.failed(1, &["is started by `wasmer run`, not by hand"]);
    assert_clean(&bench, 1);
    for words in [&["completions", "--words", "cache", ""][..], &["cache", "--help"], &["man", "cache"]] {
        let text = bench.run(words).out;
        assert!(text.contains("status") && !text.contains("finish"), "{text}");
    }
}
