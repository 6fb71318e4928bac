//! What tail calls leave behind.

use crate::common::*;
use wasmer_runtime::TrapCode;

#[test]
fn frames_replaced_by_tail_calls_are_not_in_backtraces() {
    let wat = r#"(module
        (func $trap (unreachable))
        (func $many (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (return_call $trap))
        (func $few (return_call $many (i64.const 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
            (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9)))
        (func $count (param i32)
            (if (local.get 0) (then (return_call $count (i32.sub (local.get 0) (i32.const 1)))))
            (return_call $few))
        (func $caller (param i32) (call $count (local.get 0)) (drop (i32.const 0)))
        (func (export "run") (param i32) (call $caller (local.get 0))))"#;
    let exported = "func[5]";
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, wat);
        for depth in [0, 1, 100_000] {
            let result = func::<_, i32, ()>(&mut store, instance, "run").call(&mut store, depth);
            let frames = &trap(&result, TrapCode::Unreachable).backtrace.frames;
            let names: Vec<_> = places(frames).into_iter().map(|(name, _)| name).collect();
            // LLVM may have put the caller into the exported function.
            let expected: &[_] = if names.len() == 2 { &["trap", exported] } else { &["trap", "caller", exported] };
            assert_eq!(names, expected, "{backend}, {depth}");
        }
    }
}
