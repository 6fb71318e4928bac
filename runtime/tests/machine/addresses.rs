//! A trap for leaving a memory says where that was.

use crate::common::*;
use wasmer_runtime::*;

const WAT: &str = r#"(module $m
    (memory $small 1) (memory $other 2) (memory $wide i64 1)
    (data $bytes "0123456789")
    (func (export "load") (param i32) (drop (i32.load $small (local.get 0))))
    (func (export "load8") (param i32) (drop (i32.load8_u $small (local.get 0))))
    (func (export "load64 of the other") (param i32) (drop (i64.load $other (local.get 0))))
    (func (export "vector") (param i32) (drop (v128.load $small (local.get 0))))
    (func (export "store") (param i32) (i32.store $small (local.get 0) (i32.const 1)))
    (func (export "store with offset") (param i32) (i64.store $small offset=0x10010 (local.get 0) (i64.const 1)))
    (func (export "fill") (param i32) (memory.fill $small (local.get 0) (i32.const 1) (i32.const 32)))
    (func (export "copy from") (param i32) (memory.copy $other $small (i32.const 0) (local.get 0) (i32.const 32)))
    (func (export "copy to") (param i32) (memory.copy $small $other (local.get 0) (i32.const 0) (i32.const 32)))
    (func (export "init") (param i32) (memory.init $small $bytes (local.get 0) (i32.const 0) (i32.const 10)))
    (func (export "init from") (param i32) (memory.init $small $bytes (i32.const 0) (local.get 0) (i32.const 10)))
    (func (export "wide fill") (param i64) (memory.fill $wide (local.get 0) (i32.const 1) (i64.const 32)))
    (func (export "far") (param i32) (drop (i32.load $small offset=0x3000000 (local.get 0))))
    (func (export "farthest") (param i32) (drop (i32.load8_u $small offset=0xffffffff (local.get 0))))
    (func (export "always outside") (param i32) (drop (i32.load $small offset=0xffffffff (local.get 0))))
    (func (export "wide load") (param i64) (drop (i32.load $wide (local.get 0))))
    (func (export "wide load8") (param i64) (drop (i32.load8_u $wide (local.get 0))))
    (func (export "wide load near") (param i64) (drop (i64.load $wide offset=16 (local.get 0))))
    (func (export "wide store far") (param i64) (i64.store $wide offset=0x10010 (local.get 0) (local.get 0)))
    (func (export "wide vector") (param i64) (v128.store $wide (local.get 0) (v128.load $wide (local.get 0))))
    (func (export "wide add") (param i64) (drop (i32.atomic.rmw.add $wide offset=8 (local.get 0) (i32.const 1))))
    (func (export "wide exchange") (param i64)
        (drop (i64.atomic.rmw16.cmpxchg_u $wide (local.get 0) (i64.const 0) (i64.const 1))))
    (func (export "wide loop") (param i64) (local i64)
        (loop $on
            (i64.store8 $wide (local.get 1) (i64.const 1))
            (local.set 1 (i64.add (local.get 1) (local.get 0)))
            (br $on)))
    (func (export "wide farthest") (param i64) (drop (i32.load $wide offset=0xffffffff (local.get 0))))
    (func (export "wide too far") (param i64) (drop (i32.load $wide offset=0x100000000 (local.get 0))))
    (func (export "wide always outside") (param i64) (drop (i64.load $wide offset=0xfffffffffffffffc (local.get 0))))
    (func (export "divide") (param i32) (drop (i32.div_u (i32.const 1) (local.get 0)))))"#;

/// What a fault is: address, length, memory, its size.
type Known = (u128, Option<u64>, u32, u64);

/// What is called with what, and what the fault is.
type Case = (&'static str, i32, Option<Known>);

const CASES: &[Case] = &[
    ("load", 0x10000, Some((0x10000, None, 0, 0x10000))),
    ("load", -1, Some((0xffff_ffff, None, 0, 0x10000))),
    ("load", 0x12345, Some((0x12345, None, 0, 0x10000))),
    // It begins inside; the first byte that is not.
    ("load", 0xfffe, Some((0x10000, None, 0, 0x10000))),
    ("load8", i32::MIN, Some((0x8000_0000, None, 0, 0x10000))),
    ("load64 of the other", 0x20000, Some((0x20000, None, 1, 0x20000))),
    ("vector", 0x10010, Some((0x10010, None, 0, 0x10000))),
    ("store", 0x10004, Some((0x10004, None, 0, 0x10000))),
    ("store with offset", -0x10000, Some((0x1_0000_0010, None, 0, 0x10000))),
    ("fill", 0xfff0, Some((0xfff0, Some(32), 0, 0x10000))),
    ("fill", -1, Some((0xffff_ffff, Some(32), 0, 0x10000))),
    ("copy from", 0x10000, Some((0x10000, Some(32), 0, 0x10000))),
    ("copy to", 0xffff, Some((0xffff, Some(32), 0, 0x10000))),
    ("init", 0xfff8, Some((0xfff8, Some(10), 0, 0x10000))),
    // The segment was left, not the memory.
    ("init from", 1, None),
    // Compared by compiled code.
    ("far", 5, Some((0x300_0005, None, 0, 0x10000))),
    ("far", -1, Some((0x1_02ff_ffff, None, 0, 0x10000))),
    ("farthest", 0, Some((0xffff_ffff, None, 0, 0x10000))),
    ("farthest", 1, Some((0x1_0000_0000, None, 0, 0x10000))),
    ("always outside", 2, Some((0x1_0000_0001, None, 0, 0x10000))),
];

const WIDE_CASES: &[(&str, i64, Option<u128>)] = &[
    ("wide load", 0x10000, Some(0x10000)),
    ("wide load", -1, Some(u64::MAX as u128)),
    ("wide load", 0x1234_5678_9abc_def0, Some(0x1234_5678_9abc_def0)),
    // It begins inside; the first byte that is not.
    ("wide load", 0xfffe, Some(0x10000)),
    ("wide load8", 0x10000, Some(0x10000)),
    ("wide load8", -1, Some(u64::MAX as u128)),
    ("wide load near", 0xfff0, Some(0x10000)),
    ("wide load near", -16, Some(1 << 64)),
    ("wide load near", -17, Some(u64::MAX as u128)),
    ("wide load near", -24, Some((1 << 64) - 8)),
    ("wide store far", 0, Some(0x10010)),
    ("wide store far", -0x10000, Some((1 << 64) + 0x10)),
    ("wide vector", 0xfff1, Some(0x10000)),
    ("wide vector", i64::MIN, Some(1 << 63)),
    ("wide add", 0xfff8, Some(0x10000)),
    ("wide add", -8, Some(1 << 64)),
    ("wide exchange", 0x20000, Some(0x20000)),
    ("wide loop", 0x1001, Some(0x10010)),
    ("wide farthest", 0, Some(0xffff_ffff)),
    ("wide farthest", -1, Some((1 << 64) + 0xffff_fffe)),
    // No compiler makes such offsets, and nobody has room to say them.
    ("wide too far", 0, None),
    ("wide always outside", 0, None),
];

fn fault_of(fault: Option<MemoryFault>) -> Option<Known> {
    fault.map(|fault| (fault.address, fault.len, fault.memory.unwrap(), fault.memory_bytes))
}

#[test]
fn traps_know_the_address() {
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, WAT);
        for (name, address, expected) in CASES {
            let result = func::<_, i32, ()>(&mut store, instance, name).call(&mut store, *address);
            let trap = trap(&result, TrapCode::MemoryOutOfBounds);
            assert_eq!(fault_of(trap.memory_fault), *expected, "{backend}: {name} {address:#x}");
        }
    }
}

#[test]
fn traps_of_64_bit_memories_know_it_too() {
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, WAT);
        let wide = func::<_, i64, ()>(&mut store, instance, "wide fill").call(&mut store, -1);
        let expected = Some((u64::MAX.into(), Some(32), 2, 0x10000));
        assert_eq!(fault_of(trap(&wide, TrapCode::MemoryOutOfBounds).memory_fault), expected, "{backend}");
        for (name, address, expected) in WIDE_CASES {
            let result = func::<_, i64, ()>(&mut store, instance, name).call(&mut store, *address);
            let trap = trap(&result, TrapCode::MemoryOutOfBounds);
            let expected = expected.map(|address| (address, None, 2, 0x10000));
            assert_eq!(fault_of(trap.memory_fault), expected, "{backend}: {name} {address:#x}");
            assert!(!trap.backtrace.frames.is_empty() && trap.backtrace.frames[0].wasm_offset.is_some(), "{name}");
        }
        let divided = func::<_, i32, ()>(&mut store, instance, "divide").call(&mut store, 0);
        assert_eq!(trap(&divided, TrapCode::IntegerDivideByZero).memory_fault, None, "{backend}");
    }
}

#[test]
fn messages_say_it() {
    for (_, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, WAT);
        let mut message = |name: &str, address: i32| {
            let error = func::<_, i32, ()>(&mut store, instance, name).call(&mut store, address).unwrap_err();
            assert_eq!(error.to_string(), "wasm trap: out of bounds memory access", "the same for every address");
            error.as_trap().unwrap().reason()
        };
        let start = "out of bounds memory access at address";
        assert_eq!(message("store with offset", -0x10000), format!("{start} 0x1_0000_0010 (memory 0 has 65536 bytes)"));
        assert_eq!(message("fill", 0xfff0), format!("{start} 0xfff0 of 32 bytes (memory 0 has 65536 bytes)"));
    }
}

#[test]
fn the_number_is_that_of_the_module_that_runs() {
    let owner = r#"(module (memory 1) (memory 3) (export "memory" (memory 1)))"#;
    let user = r#"(module (memory (import "m" "memory") 1) (memory 1)
        (func (export "run") (param i32) (drop (i32.load 0 (local.get 0)))))"#;
    let twice = r#"(module (memory (import "m" "memory") 1) (memory (import "m" "memory") 1)
        (func (export "run") (param i32) (drop (i32.load 1 (local.get 0)))))"#;
    for (backend, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new();
        let owner = linker.instantiate(&mut store, &module(&engine, owner)).unwrap();
        linker.define("m", "memory", export(&mut store, owner, "memory")).unwrap();
        for (wat, number) in [(user, Some(0)), (twice, None)] {
            let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
            let result = func::<_, i32, ()>(&mut store, instance, "run").call(&mut store, 0x30000);
            let fault = trap(&result, TrapCode::MemoryOutOfBounds).memory_fault.unwrap();
            assert_eq!((fault.address, fault.memory, fault.memory_bytes), (0x30000, number, 0x30000), "{backend}");
        }
    }
}

#[test]
fn a_segment_that_does_not_fit_says_where() {
    let wat = r#"(module (global $at (import "m" "at") i32) (memory 1) (data (global.get $at) "0123456789"))"#;
    for (backend, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new();
        let ty = GlobalType { content: ValType::I32, mutable: false };
        let at = Global::new(&mut store, ty, Val::I32(0xfffa)).unwrap();
        linker.define("m", "at", at).unwrap();
        let result = linker.instantiate(&mut store, &module(&engine, wat));
        let fault = trap(&result, TrapCode::MemoryOutOfBounds).memory_fault;
        assert_eq!(fault_of(fault), Some((0xfffa, Some(10), 0, 0x10000)), "{backend}");
    }
}
