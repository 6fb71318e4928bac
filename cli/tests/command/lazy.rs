//! Programs that start before all of their functions are compiled, and the artifact that is made behind them.

use std::fs;
use std::process::Command;
use std::time::Duration;

use wasmer_runtime::Backend;

use crate::background::{WORKER, feed, pipes, until};
use crate::common::{Bench, Ran, large_printer, printer};

const LAZY: &str = "functions are compiled when they are called";

/// `wasmer run --verbose`, with a background in which no better compiler than Cranelift is.
fn command(bench: &Bench, words: &[&str]) -> Command {
    let mut command = bench.command(["run", "--verbose"].iter().chain(words));
    command.env("WASMER_BACKGROUND", "on").env("WASMER_LLVM", "/nowhere/wasmer-llvm");
    command
}

fn run(bench: &Bench, words: &[&str]) -> Ran {
    Ran::of(command(bench, words).output().expect("the command starts"))
}

/// Waits until no finisher is at work.
fn wait(bench: &Bench) {
    if let Ok(file) = fs::File::open(bench.cache().join("locks/finisher")) {
        file.lock().expect("it can be waited for");
    }
}

#[test]
fn a_first_start_is_lazy_and_the_next_one_finds_the_artifact() {
    let bench = Bench::new();
    bench.file("hello.wat", large_printer("hello", 50));
    run(&bench, &["hello.wat"]).printed("hello").said(&[
        LAZY,
        "code of singlepass",
        "functions compiled: 1",
        "made in the background",
    ]);
    wait(&bench);
    assert_eq!(bench.artifacts().len(), 1);
    run(&bench, &["hello.wat"]).printed("hello").said(&["cache hit", "code of singlepass"]);
    // It is the one that is made where nothing is left for later.
    let artifact = |bench: &Bench| fs::read(&bench.artifacts()[0]).unwrap();
    let eager = Bench::new();
    eager.file("hello.wat", large_printer("hello", 50));
    eager.run(["run", "--backend", "singlepass", "hello.wat"]).printed("hello");
    assert!(artifact(&bench) == artifact(&eager));
}

/// Debug information is not read by a start, only hashed, beside what else there is to do.
#[test]
fn a_program_with_debug_information_is_known_by_all_of_its_bytes() {
    let bench = Bench::new();
    let mut wasm = wat::parse_str(large_printer("hello", 50)).unwrap();
    let contents = 3 << 20;
    wasm.extend([0, 0x8c, 0x80, 0xc0, 0x01, 11]);
    wasm.extend(b".debug_info");
    wasm.extend((0..contents).map(|at: u32| at as u8));
    bench.file("hello.wasm", &wasm);
    run(&bench, &["hello.wasm"]).printed("hello").said(&[LAZY, "made in the background"]);
    wait(&bench);
    run(&bench, &["hello.wasm"]).printed("hello").said(&["cache hit", "code of singlepass"]);
    // A file that nobody has seen, with the same contents, and with others.
    bench.file("copy.wasm", &wasm);
    run(&bench, &["copy.wasm"]).printed("hello").said(&["cache hit", "recognised by its hash"]);
    *wasm.last_mut().unwrap() ^= 1;
    bench.file("other.wasm", &wasm);
    run(&bench, &["other.wasm"]).printed("hello").said(&[LAZY]);
    wait(&bench);
    assert_eq!(bench.artifacts().len(), 2);
    // One that ends before it says.
    wasm.pop();
    bench.file("short.wasm", &wasm);
    for words in [&["short.wasm"][..], &["--disable-cache", "short.wasm"]] {
        run(&bench, words).failed(1, &["`short.wasm`", "unexpected end"]);
    }
}

#[test]
fn all_is_compiled_first_where_nothing_may_be_left_for_later() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    let eager = "cache miss: compiled and stored";
    for (variable, value) in [("WASMER_BACKGROUND", "off"), ("WASMER_LAZY", "off")] {
        let ran = Ran::of(command(&bench, &["hello.wat"]).env(variable, value).output().unwrap());
        ran.printed("hello").said(&[eager]);
        bench.run(["cache", "clean"]);
    }
    for words in [&["--optimize", "never"][..], &["--backend", "singlepass"], &["--profile", "jitdump"]] {
        run(&bench, &[words, &["hello.wat"]].concat()).printed("hello").said(&[eager]);
        bench.run(["cache", "clean"]);
    }
    let mut piped = command(&bench, &["-"]);
    let ran = Ran::of(piped.stdin(fs::File::open(bench.path("hello.wat")).unwrap()).output().unwrap());
    ran.printed("hello").said(&[eager]);
}

#[test]
fn without_a_cache_a_start_is_lazy_and_nothing_is_left() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    for _ in 0..2 {
        run(&bench, &["--disable-cache", "hello.wat"]).printed("hello").said(&[LAZY]);
    }
    assert!(!bench.cache().exists());
}

#[test]
fn a_program_goes_over_to_better_code_while_it_runs() {
    let bench = Bench::new();
    // Nothing runs before it is there: what runs would go over to what is compiled in the process.
    bench.file("worker.wat", WORKER.replace("BODY", "(call $wait) (call $spin)"));
    let child = pipes(command(&bench, &["worker.wat"]).env("WASMER_BACKGROUND", "0s"));
    let maps = format!("/proc/{}/maps", child.id());
    // All of its artifacts belong to better code: its own is anonymous.
    until(|| fs::read_to_string(&maps).unwrap().contains(".wart"));
    std::thread::sleep(Duration::from_millis(50));
    feed(child).printed("").said(&[LAZY, "code of singlepass", "functions compiled: 2", "the program went over"]);
    wait(&bench);
    assert_eq!(bench.artifacts().len(), 2);
}

#[test]
fn what_runs_of_a_program_is_compiled_in_its_process() {
    if !Backend::Cranelift.is_built() {
        return;
    }
    let bench = Bench::new();
    bench.file("worker.wat", WORKER.replace("BODY", "(call $wait) (call $spin)"));
    let child = pipes(command(&bench, &["worker.wat"]).env("WASMER_BACKGROUND", "1h"));
    let tasks = format!("/proc/{}/task", child.id());
    let is_one = |task: fs::DirEntry| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == "wasmer-improve")
    };
    until(|| fs::read_dir(&tasks).unwrap().any(|task| task.is_ok_and(is_one)));
    feed(child).printed("").said(&[LAZY, "code of singlepass", "functions compiled: 3"]);
    wait(&bench);
}

/// A trap says the same whenever the functions were compiled that led to it.
#[test]
fn a_trap_of_a_lazy_start_says_what_any_other_does() {
    let bench = Bench::new();
    bench.file(
        "trap.wat",
        r#"(module (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
            (func $outer (result i32) (i32.add (i32.const 1) (call $inner (i32.const 0))))
            (func (export "_start") (drop (call $outer))))"#,
    );
    let said = |words: &[&str]| bench.run([&["run"], words, &["trap.wat"]].concat());
    let (lazy, eager) = (said(&["--disable-cache"]), said(&["--backend", "singlepass"]));
    assert_eq!((lazy.code, &lazy.err), (eager.code, &eager.err));
    lazy.said(&["integer divide by zero", "inner", "outer"]);
}

#[test]
fn bodies_are_validated_first_unless_the_environment_says_otherwise() {
    let bench = Bench::new();
    let function = "(func (export";
    bench.file(
        "bad.wat",
        printer("hello").replacen(function, &format!("(func (result i32) (i64.const 1)) {function}"), 1),
    );
    let refused = &["bad.wat", "type mismatch"];
    run(&bench, &["bad.wat"]).failed(1, refused);
    let full = || Ran::of(command(&bench, &["bad.wat"]).env("WASMER_LAZY", "full").output().unwrap());
    full().printed("hello").said(&[LAZY, "functions compiled: 1"]);
    wait(&bench);
    // The process in the background has found out.
    full().failed(1, refused);
}

/// What can neither be stored nor made later is said, and costs the caching only.
#[test]
fn a_cache_that_cannot_be_written_to_is_mentioned() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    run(&bench, &["hello.wat"]).printed("hello");
    wait(&bench);
    bench.run(["cache", "clean"]);
    let locks = bench.cache().join("locks");
    fs::remove_dir_all(&locks).unwrap();
    fs::write(&locks, "in the way").unwrap();
    run(&bench, &["hello.wat"]).printed("hello").said(&["warning"]);
}
