//! How programs end that go too far, and what is said of it: addresses, the module's own stack, pipes that nobody writes to.

use std::time::{Duration, Instant};

use wasmer_runtime::Backend;

use crate::common::Bench;

#[test]
fn accesses_out_of_bounds_say_where() {
    let bench = Bench::new();
    let program = bench.file(
        "far.wat",
        "(module $m (memory 1) (func $far (export \"_start\") (drop (i64.load offset=0x10010 (i32.const -0x10000)))))",
    );
    for backend in Backend::built().map(Backend::name) {
        let ran = bench.run(["run".as_ref(), "--backend".as_ref(), backend.as_ref(), program.as_os_str()]);
        let what = "out of bounds memory access at address 0x1_0000_0010 (memory 0 has 65536 bytes)";
        ran.failed(134, &[what, "0: m!far @ 0x"]);
        assert!(!ran.err.contains("hint"), "{}", ran.err);
    }
}

/// A module as LLVM's linker makes it: the stack first, then data; `body` is what a function does that calls itself.
fn with_own_stack(global: &str, body: &str) -> String {
    format!(
        r#"(module $m (memory (export "memory") 2) {global} (data (i32.const 4096) "data")
        (func $deep (param $left i32) (local $frame i32)
            (global.set 0 (local.tee $frame (i32.sub (global.get 0) (i32.const 512))))
            (i64.store offset=8 (local.get $frame) (i64.const 1))
            (if (local.get $left) (then (call $deep (i32.sub (local.get $left) (i32.const 1)))))
            (global.set 0 (i32.add (local.get $frame) (i32.const 512))))
        (func (export "_start") {body}))"#
    )
}

const NAMED: &str = "(global $__stack_pointer (mut i32) (i32.const 4096))";
const EXPORTED: &str = "(global (export \"__stack_pointer\") (mut i32) (i32.const 4096))";
const STRIPPED: &str = "(global (mut i32) (i32.const 4096))";

#[test]
fn an_overflow_of_the_modules_own_stack_gets_a_hint() {
    let bench = Bench::new();
    for global in [NAMED, EXPORTED, STRIPPED] {
        let program = bench.file("deep.wat", with_own_stack(global, "(call $deep (i32.const 100))"));
        for backend in Backend::built().map(Backend::name) {
            let ran = bench.run(["run".as_ref(), "--backend".as_ref(), backend.as_ref(), program.as_os_str()]);
            ran.failed(
                134,
                &[
                    "out of bounds memory access at address 0xffff_fe08",
                    "hint:",
                    "it has 4096 bytes",
                    "-Wl,-z,stack-size=",
                ],
            );
        }
    }
    // Eight frames fit.
    let program = bench.file("fits.wat", with_own_stack(NAMED, "(call $deep (i32.const 7))"));
    bench.run([&program]).printed("").silent();
    // A function that calls no other does not move the pointer.
    let leaf = "(global.set 0 (i32.const 16)) (i32.store (i32.sub (global.get 0) (i32.const 64)) (i32.const 1))";
    bench.run([&bench.file("leaf.wat", with_own_stack(NAMED, leaf))]).failed(134, &["hint:", "stack-size"]);
}

#[test]
fn what_cannot_be_such_an_overflow_gets_none() {
    let bench = Bench::new();
    let access = "(drop (i32.load (i32.const -16)))";
    let cases = [
        // No such global at all, or one that cannot be it.
        ("", access),
        ("(global $__stack_pointer i32 (i32.const 4096))", access),
        ("(global $__stack_pointer (mut f32) (f32.const 4096))", access),
        // The pointer is where it should be.
        (NAMED, access),
        (STRIPPED, access),
        (NAMED, "(global.set 0 (i32.const 3000)) (drop (i32.load (i32.const -16)))"),
        // Below zero, but the access is somewhere else.
        (NAMED, "(global.set 0 (i32.const -512)) (drop (i32.load (i32.const 0x30000)))"),
        // No access at all.
        (NAMED, "(global.set 0 (i32.const -512)) unreachable"),
    ];
    for (global, body) in cases {
        let text = format!("(module (memory 2) {global} (func (export \"_start\") {body}))");
        let ran = bench.run([&bench.file("other.wat", &text)]);
        ran.said(&["trapped"]);
        assert!(!ran.err.contains("hint") && !ran.err.contains("stack"), "{text}:\n{}", ran.err);
    }
}

#[test]
fn pipes_that_nobody_writes_to_end_at_the_timeout() {
    let bench = Bench::new();
    bench.file("hello.wat", "(module (func (export \"_start\")))");
    let made = std::process::Command::new("mkfifo")
        .args(["m.wasm", "m.wart", "variables"])
        .current_dir(bench.path(""))
        .status();
    assert!(made.unwrap().success());
    let cases: [&[&str]; 3] =
        [&["m.wasm"], &["--allow-precompiled", "m.wart"], &["--env-file", "variables", "hello.wat"]];
    let started = Instant::now();
    for words in cases {
        let ran = bench.run([&["run", "--timeout", "200ms"], words].concat());
        ran.failed(124, &["could not be read within 200ms"]);
    }
    let mut command = bench.command(["run", "--timeout", "200ms", "-"]);
    let (reader, writer) = std::io::pipe().unwrap();
    let ran = crate::common::Ran::of(command.stdin(reader).output().unwrap());
    ran.failed(124, &["`-` could not be read within 200ms"]);
    drop(writer);
    assert!(started.elapsed() < Duration::from_secs(60));
    // What is written in time runs, and a trap does not wait for another writer.
    let mut command = bench.command(["run", "--timeout", "30s", "m.wasm"]);
    let child = command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::fs::write(bench.path("m.wasm"), "(module (func (export \"_start\") unreachable))").unwrap();
    crate::common::Ran::of(child.wait_with_output().unwrap()).failed(134, &["unreachable"]);
}

#[test]
fn a_small_stack_of_the_host_is_enough() {
    let bench = Bench::new();
    let functions: String = (0..200)
        .map(|number| {
            format!(
                "(func (param i32) (result i32) (i32.mul (local.get 0) (call {} (i32.const {number}))))",
                number / 2
            )
        })
        .collect();
    bench.file("large.wat", format!("(module {functions} (func (export \"_start\")))"));
    for backend in Backend::built().map(Backend::name) {
        for words in ["run", "run --timeout 30s", "compile -o m.wart"] {
            let line = format!("ulimit -s 64; exec \"$0\" {words} --backend {backend} large.wat");
            let shell = ["-c".to_owned(), line, env!("CARGO_BIN_EXE_wasmer").to_owned()];
            let mut command = std::process::Command::new("sh");
            command.args(shell).env_clear().env("WASMER_CACHE_DIR", bench.cache()).env("WASMER_BACKGROUND", "off");
            command.current_dir(bench.path(""));
            let ran = crate::common::Ran::of(command.output().unwrap());
            assert_eq!(ran.code, Some(0), "{backend}, {words}: {ran:?}");
        }
    }
}
