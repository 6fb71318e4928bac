//! Time and memory grow with the size of a body, whatever is in it: each shape is compiled in three sizes.

use std::time::Duration;

use wasmer_backend_singlepass::Singlepass;
use wasmer_backend_tests::{compile, module};

/// A clock that stands still while other processes run.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let nanos = stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).expect("a number");
    Duration::from_nanos(nanos)
}

fn singlepass() -> Singlepass {
    Singlepass::new().expect("this machine is supported")
}

/// Compiles what `body` makes for three sizes, each four times as large as the one before.
fn grows_linearly(name: &str, largest: usize, body: impl Fn(usize) -> String) {
    let mut last: Option<(Duration, usize)> = None;
    for size in [largest / 16, largest / 4, largest] {
        let wasm = module(&body(size));
        let start = cpu_time();
        let text_bytes = compile(&singlepass(), &wasm).text.len();
        let time = cpu_time() - start;
        if let Some((time_before, text_before)) = last {
            // Four times as much would be linear; small sizes have constant costs, and clocks are coarse.
            assert!(time < time_before * 10 + Duration::from_millis(20), "{name}: {time_before:?}, then {time:?}");
            assert!(text_bytes < text_before * 6 + 4096, "{name}: {text_before} bytes, then {text_bytes}");
        }
        last = Some((time, text_bytes));
    }
}

#[test]
fn locals() {
    grows_linearly("locals", 49_000, |size| {
        let uses: String = (0..size)
            .map(|local| format!("(local.set {local} (i32.add (local.get {}) (i32.const 1)))", size - 1 - local))
            .collect();
        format!("(module (func (local {}) {uses}))", "i32 ".repeat(size))
    });
}

#[test]
fn nested_blocks() {
    grows_linearly("blocks", 100_000, |size| {
        let open = "block i32.const 1 br_if 0 ".repeat(size);
        format!("(module (func {open} {}))", "end ".repeat(size))
    });
}

#[test]
fn nested_loops() {
    grows_linearly("loops", 100_000, |size| {
        let open = "loop local.get 0 br_if 0 ".repeat(size);
        format!("(module (memory 1) (func (param i32 i32 i32 f64) {open} {}))", "end ".repeat(size))
    });
}

#[test]
fn branch_tables() {
    grows_linearly("table", 65_000, |size| {
        let depths: String = (0..size).map(|target| format!("{} ", target % 100)).collect();
        let open = "block (result i32) ".repeat(100);
        let close = "end ".repeat(100);
        format!("(module (func (param i32) (result i32) {open} i32.const 7 local.get 0 br_table {depths} 0 {close}))")
    });
}

#[test]
fn wide_expressions() {
    // A million operands before the first is used.
    grows_linearly("wide", 500_000, |size| {
        let push = "local.get 0 ".repeat(size);
        format!("(module (func (param i32) (result i32) {push} {}))", "i32.add ".repeat(size - 1))
    });
}

#[test]
fn operands_under_blocks() {
    // Every block finds all operands of the blocks around it.
    grows_linearly("operands", 50_000, |size| {
        let open = "local.get 0 block (result i32) ".repeat(size);
        format!("(module (func (param i32) (result i32) {open} local.get 0 {}))", "end i32.add ".repeat(size))
    });
}

#[test]
fn unread_locals_that_are_written() {
    // Every write looks for operands that stand for the local.
    grows_linearly("writes", 200_000, |size| {
        let body = "local.get 0 local.get 1 local.set 0 ".repeat(size);
        format!("(module (func (param i32 i32) {body} {}))", "drop ".repeat(size))
    });
}

#[test]
fn straight_lines() {
    grows_linearly("line", 400_000, |size| {
        let body =
            "(i64.store (i32.const 8) (i64.mul (i64.load (i32.const 16)) (i64.const 12345678901)))".repeat(size / 4);
        format!("(module (memory 1) (func {body}))")
    });
}

#[test]
fn calls() {
    grows_linearly("calls", 200_000, |size| {
        let body = "(local.set 0 (call 0 (local.get 1) (local.get 2) (local.get 0)))".repeat(size / 4);
        format!("(module (func (param i32 i32 i32) (result i32) {body} local.get 0))")
    });
}
