//! Time and memory grow with the size of a body, whatever is in it: each shape is compiled in three sizes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use wasmer_backend_singlepass::Singlepass;
use wasmer_backend_tests::{compile, module};
use wasmer_runtime_core::translate::module::{default_features, translate_module};

/// A clock that stands still while other processes run.
fn cpu_time() -> Duration {
    // The kernel brings the number up to date at ticks, and when a thread gives way.
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let nanos = stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).expect("a number");
    Duration::from_nanos(nanos)
}

fn singlepass() -> Singlepass {
    Singlepass::new().expect("this machine is supported")
}

/// Counts what each thread allocates, so that tests beside each other do not count together.
struct Counting;

thread_local! {
    /// Bytes in use that this thread has allocated, and the most there were.
    static BYTES: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: isize) {
    // A thread that is ending has no counter any more.
    let _ = BYTES.try_with(|counter| {
        let (used, peak) = counter.get();
        counter.set((used + bytes, peak.max(used + bytes)));
    });
}

// SAFETY: the system's allocator does the work; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Compiles what `wasm` makes for three sizes, each four times as large as the one before. `--nocapture` shows what it took.
fn grows_linearly(name: &str, largest: usize, wasm: impl Fn(usize) -> Vec<u8>) {
    let mut last: Option<(Duration, isize)> = None;
    for size in [largest / 16, largest / 4, largest] {
        let wasm = wasm(size);
        let (used, _) = BYTES.get();
        BYTES.set((used, used));
        let start = cpu_time();
        let output = compile(&singlepass(), &wasm);
        let time = cpu_time() - start;
        let bytes = BYTES.get().1 - used;
        println!("{name} {size}: {time:?}, {bytes} bytes in use, {} of machine code", output.text.len());
        if let Some((time_before, bytes_before)) = last {
            // Four times as much would be linear; small sizes have constant costs, and clocks are coarse.
            assert!(time < time_before * 10 + Duration::from_millis(20), "{name}: {time_before:?}, then {time:?}");
            assert!(bytes < bytes_before * 6 + (1 << 16), "{name}: {bytes_before} bytes, then {bytes}");
        }
        last = Some((time, bytes));
    }
}

/// A module whose only function has such a body, without the count of locals and the last `end`.
fn one_function(code: &[u8]) -> Vec<u8> {
    let size = |size: usize| (0..5).map(move |at| (size >> (7 * at)) as u8 & 0x7f | if at < 4 { 0x80 } else { 0 });
    // Types, functions: `(func (param i32))`.
    let mut wasm = b"\0asm\x01\0\0\0\x01\x05\x01\x60\x01\x7f\0\x03\x02\x01\0\x0a".to_vec();
    wasm.extend(size(code.len() + 8));
    wasm.push(1);
    wasm.extend(size(code.len() + 2));
    wasm.push(0);
    wasm.extend(code);
    wasm.push(0x0b);
    wasm
}

#[test]
fn the_largest_function() {
    // As large as functions may be.
    grows_linearly("function", 7_654_000, |size| {
        // local.get 0, i32.const 7, i32.mul, local.tee 0, drop
        one_function(&[0x20, 0, 0x41, 7, 0x6c, 0x22, 0, 0x1a].repeat(size / 8))
    });
}

#[test]
fn larger_functions_are_refused() {
    let wasm = one_function(&[0x01].repeat(10_000_000));
    let error = translate_module(&wasm, default_features()).err().expect("a function of 10 MB is refused");
    assert!(error.to_string().contains("size"), "{error}");
}

#[test]
fn locals() {
    grows_linearly("locals", 50_000, |size| {
        let uses: String = (0..size)
            .map(|local| format!("(local.set {local} (i32.add (local.get {}) (i32.const 1)))", size - 1 - local))
            .collect();
        module(&format!("(module (func (local {}) {uses}))", "i32 ".repeat(size)))
    });
}

#[test]
fn nested_blocks() {
    grows_linearly("blocks", 100_000, |size| {
        let open = "block i32.const 1 br_if 0 ".repeat(size);
        module(&format!("(module (func {open} {}))", "end ".repeat(size)))
    });
}

#[test]
fn nested_loops() {
    grows_linearly("loops", 100_000, |size| {
        let open = "loop local.get 0 br_if 0 ".repeat(size);
        module(&format!("(module (memory 1) (func (param i32 i32 i32 f64) {open} {}))", "end ".repeat(size)))
    });
}

#[test]
fn branch_tables() {
    grows_linearly("table", 65_000, |size| {
        let depths: String = (0..size).map(|target| format!("{} ", target % 100)).collect();
        let open = "block (result i32) ".repeat(100);
        let close = "end ".repeat(100);
        module(&format!(
            "(module (func (param i32) (result i32) {open} i32.const 7 local.get 0 br_table {depths} 0 {close}))"
        ))
    });
}

#[test]
fn wide_expressions() {
    // A million operands before the first is used.
    grows_linearly("wide", 500_000, |size| {
        let push = "local.get 0 ".repeat(size);
        module(&format!("(module (func (param i32) (result i32) {push} {}))", "i32.add ".repeat(size - 1)))
    });
}

#[test]
fn operands_under_blocks() {
    // Every block finds all operands of the blocks around it.
    grows_linearly("operands", 50_000, |size| {
        let open = "local.get 0 block (result i32) ".repeat(size);
        module(&format!("(module (func (param i32) (result i32) {open} local.get 0 {}))", "end i32.add ".repeat(size)))
    });
}

#[test]
fn unread_locals_that_are_written() {
    // Every write looks for operands that stand for the local.
    grows_linearly("writes", 200_000, |size| {
        let body = "local.get 0 local.get 1 local.set 0 ".repeat(size);
        module(&format!("(module (func (param i32 i32) {body} {}))", "drop ".repeat(size)))
    });
}

#[test]
fn straight_lines() {
    grows_linearly("line", 400_000, |size| {
        let body =
            "(i64.store (i32.const 8) (i64.mul (i64.load (i32.const 16)) (i64.const 12345678901)))".repeat(size / 4);
        module(&format!("(module (memory 1) (func {body}))"))
    });
}

#[test]
fn calls() {
    grows_linearly("calls", 200_000, |size| {
        let body = "(local.set 0 (call 0 (local.get 1) (local.get 2) (local.get 0)))".repeat(size / 4);
        module(&format!("(module (func (param i32 i32 i32) (result i32) {body} local.get 0))"))
    });
}

#[test]
fn nested_regions() {
    grows_linearly("regions", 50_000, |size| {
        let open = "block try_table (catch_all 0) local.get 0 call 0 ".repeat(size);
        module(&format!("(module (func (param i32) {open} {}))", "end end ".repeat(size)))
    });
}

#[test]
fn throws_through_nested_regions() {
    // Each landing throws to the one around it.
    grows_linearly("throws", 50_000, |size| {
        let open = "try i32.const 1 local.set 0 ".repeat(size);
        module(&format!(
            "(module (tag $t) (func (param i32) {open} throw $t {}))",
            "catch $t rethrow 0 end ".repeat(size)
        ))
    });
}

#[test]
fn calls_in_a_region() {
    grows_linearly("caught calls", 200_000, |size| {
        let calls = "(call 0 (local.get 0))".repeat(size / 2);
        module(&format!("(module (func (param i32) (block (try_table (catch_all 0) {calls}))))"))
    });
}
