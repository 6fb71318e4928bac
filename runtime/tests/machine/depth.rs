//! How deep guests may recurse by default: on every backend at least as deep as the best one did with 1 MiB, although frames differ in size
//! by a factor of six; small stacks of the host; and calls that do nothing but go deeper.

use std::thread;

use crate::common::*;
use wasmer_runtime::*;

/// A recursion `g`, what calls it first, and the calls that it must reach.
struct Shape {
    name: &'static str,
    first: &'static str,
    recursion: &'static str,
    depth: i32,
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "one parameter",
        first: "(call $g (local.get 0))",
        recursion: r#"(func $g (param i32) (result i32) (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $g (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.const 0))))"#,
        depth: 65_280,
    },
    Shape {
        name: "four locals",
        first: "(call $g (local.get 0))",
        recursion: r#"(func $g (param i32) (result i32) (local i64 i64 i64 i64) (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $g (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.const 0))))"#,
        depth: 65_280,
    },
    Shape {
        name: "eight parameters",
        first: r#"(call $g (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7))"#,
        recursion: r#"(func $g (param i32 i64 i64 i64 i64 i64 i64 i64) (result i32) (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $g (i32.sub (local.get 0) (i32.const 1))
                (i64.add (local.get 1) (local.get 2)) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7) (local.get 1))))
            (else (i32.const 0))))"#,
        depth: 16_320,
    },
    Shape {
        name: "floats",
        first: "(i32.trunc_sat_f64_s (call $g (local.get 0) (f64.const 1) (f64.const 2) (f64.const 3)))",
        recursion: r#"(func $g (param i32 f64 f64 f64) (result f64) (if (result f64) (local.get 0)
            (then (f64.add (f64.mul (local.get 1) (f64.add (local.get 2) (local.get 3)))
                (call $g (i32.sub (local.get 0) (i32.const 1)) (local.get 2) (local.get 3) (local.get 1))))
            (else (f64.const 0))))"#,
        depth: 32_640,
    },
    Shape {
        name: "two calls",
        first: "(call $g (local.get 0))",
        recursion: r#"(func $z (param i32) (result i32) (i32.const 1))
            (func $g (param i32) (result i32) (if (result i32) (local.get 0)
            (then (i32.add (call $g (i32.sub (local.get 0) (i32.const 1))) (call $z (local.get 0))))
            (else (i32.const 0))))"#,
        depth: 65_280,
    },
];

#[test]
fn all_backends_reach_what_the_best_one_did() {
    for (backend, engine) in engines() {
        for Shape { name, first, recursion, depth } in SHAPES {
            let wat = format!(r#"(module {recursion} (func (export "run") (param i32) (result i32) {first}))"#);
            let (mut store, instance) = instantiate(&engine, &wat);
            let run = func::<_, i32, i32>(&mut store, instance, "run");
            assert!(run.call(&mut store, *depth).is_ok(), "{backend}: {name}, {depth} deep");
            trap(&run.call(&mut store, i32::MAX), TrapCode::StackOverflow);
            assert!(run.call(&mut store, *depth).is_ok(), "{backend}: {name}, after an overflow");
        }
    }
}

/// Compiles, runs, and lets a guest recurse through the host until a stack is used up.
fn use_up(engine: &Engine) {
    let wat = r#"(module
        (import "host" "again" (func $again (param i32) (result i32)))
        (func (export "deeper") (param i32) (result i32) (i32.add (i32.const 1) (call $again (local.get 0))))
        (func (export "answer") (result i32) (i32.const 42)))"#;
    let mut linker = Linker::new();
    linker
        .func_wrap("host", "again", |mut caller: Caller<'_, ()>, level: i32| {
            let deeper = caller.export("deeper").and_then(Extern::func).unwrap();
            deeper.typed::<i32, i32>(&caller)?.call(&mut caller, level + 1)
        })
        .unwrap();
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &module(engine, wat)).unwrap();
    let deeper = func::<_, i32, i32>(&mut store, instance, "deeper");
    for _ in 0..3 {
        trap(&deeper.call(&mut store, 0), TrapCode::StackOverflow);
        assert_eq!(func::<_, (), i32>(&mut store, instance, "answer").call(&mut store, ()).unwrap(), 42);
    }
}

#[test]
fn small_stacks_of_the_host_are_enough() {
    for kib in [64, 128, 256] {
        for (_, engine) in engines() {
            let thread = thread::Builder::new().stack_size(kib << 10).spawn(move || use_up(&engine));
            thread.unwrap().join().unwrap();
        }
    }
}

/// A call that changes nothing, with a result that nobody needs, is made all the same: also by a function with so many parameters that LLVM does not
/// optimise it.
#[test]
fn calls_without_effect_exhaust_the_stack() {
    let (params, values) = ("i64 ".repeat(200), "(i64.const 1) ".repeat(200));
    let text = format!(
        "(module
            (func $nothing (call $nothing))
            (func $down (param i64) (result i64) (call $down (i64.add (local.get 0) (i64.const 1))))
            (func $wide (param {params}) (call $nothing))
            (func $wide_down (param {params}) (drop (call $down (local.get 7))))
            (func (export \"nothing\") (call $nothing))
            (func (export \"down\") (drop (call $down (i64.const 0))))
            (func (export \"wide\") (call $wide {values}))
            (func (export \"wide down\") (call $wide_down {values})))"
    );
    for (_, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, &text);
        for name in ["nothing", "down", "wide", "wide down"] {
            let result = func::<_, (), ()>(&mut store, instance, name).call(&mut store, ());
            trap(&result, TrapCode::StackOverflow);
        }
    }
}
