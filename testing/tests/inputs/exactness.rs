//! Traps are exact on every backend: what stands before a trap has happened when it is observed, in memories, globals and tables, and nothing
//! that stands behind it has.
//!
//! Random modules ([`edge`]) run on every backend and, where it has the operators, in the interpreter `wasmi`; after every call their state is compared.
//! `WASMER_DIFFERENTIAL_MODULES`, `WASMER_DIFFERENTIAL_SEED` and `WASMER_DIFFERENTIAL_SAVE` are as for the other differential test.

use std::sync::mpsc;
use std::time::Duration;

use wasmer_runtime::*;
use wasmer_testing::behaviour::trap_of;
use wasmer_testing::edge::*;
use wasmer_testing::engines::*;

/// Modules of an everyday run, for each of the comparisons.
const MODULES: u64 = 150;

/// How a call ends that does not return.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Trap(TrapCode),
    Exception,
}

/// What is seen after a call.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    result: std::result::Result<i64, End>,
    /// Bits of the globals.
    globals: [u64; 4],
    /// Length and a hash of the bytes of each memory.
    memories: Vec<(usize, u64)>,
    /// What a call of each element gives.
    table: Vec<std::result::Result<i32, End>>,
    /// Fields and elements of objects.
    objects: Vec<std::result::Result<i64, End>>,
}

const GLOBALS: [&str; 4] = ["g0", "g1", "g2", "ge"];
const MEMORIES: [&str; 2] = ["m0", "m1"];
/// The largest size of the table.
const ELEMENTS: i32 = 8;

fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).chain(rest.iter().map(|byte| u64::from(*byte)));
    words.fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(23))
}

fn end<R>(result: Result<R>) -> std::result::Result<R, End> {
    result.map_err(|error| match error {
        Error::Trap(trap) => End::Trap(trap.code),
        Error::Exception(_) => End::Exception,
        other => panic!("neither result nor trap: {other}"),
    })
}

fn outcome<R>(result: Result<R>) -> std::result::Result<R, TrapCode> {
    end(result).map_err(|end| match end {
        End::Trap(code) => code,
        End::Exception => panic!("an exception"),
    })
}

fn compile(engine: &Engine, text: &str) -> Module {
    Module::new(engine, &wat::parse_str(text).unwrap()).unwrap()
}

/// What a module does here.
fn ours(engine: &Engine, module: &Edge) -> Vec<Seen> {
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new();
    let env = linker.instantiate(&mut store, &compile(engine, &module.env)).unwrap();
    linker.instance(&mut store, "env", env).unwrap();
    let main = linker.instantiate(&mut store, &compile(engine, &module.main)).unwrap();
    let run = main.typed_func::<(i32, i32, i64), i64>(&mut store, "run").unwrap();
    let probe = main.typed_func::<i32, i32>(&mut store, "probe").unwrap();
    let peek = main.typed_func::<i32, i64>(&mut store, "peek").ok();
    let mut seen = Vec::new();
    for &arguments in &module.calls {
        let result = end(run.call(&mut store, arguments));
        let globals = GLOBALS.map(|name| {
            let global = main.export(&mut store, name).unwrap().global().unwrap();
            match global.get(&store).unwrap() {
                Val::I32(value) => value as u32 as u64,
                Val::I64(value) => value as u64,
                Val::F64(bits) => bits,
                other => panic!("{other:?}"),
            }
        });
        let mut memories = Vec::new();
        for name in MEMORIES {
            let Some(memory) = main.export(&mut store, name) else { continue };
            let bytes = memory.memory().unwrap().data(&store).unwrap();
            memories.push((bytes.len(), hash(bytes)));
        }
        // Before the probes, which have effects themselves.
        let mut objects = Vec::new();
        if let Some(peek) = &peek {
            objects.extend((0..PEEKS).map(|at| end(peek.call(&mut store, at))));
        }
        let table = (0..ELEMENTS).map(|element| end(probe.call(&mut store, element))).collect();
        seen.push(Seen { result, globals, memories, table, objects });
    }
    seen
}

fn wasmi_outcome<R>(result: std::result::Result<R, wasmi::Error>) -> std::result::Result<R, End> {
    result.map_err(|error| End::Trap(trap_of(&error)))
}

/// What a module does in the interpreter.
fn theirs(module: &Edge) -> Vec<Seen> {
    let mut config = wasmi::Config::default();
    config.wasm_multi_memory(true).wasm_memory64(true);
    let engine = wasmi::Engine::new(&config);
    let mut store = wasmi::Store::new(&engine, ());
    let mut linker = wasmi::Linker::<()>::new(&engine);
    let load = |text: &str| wasmi::Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
    let env = linker.instantiate_and_start(&mut store, &load(&module.env)).unwrap();
    linker.instance(&mut store, "env", env).unwrap();
    let main = linker.instantiate_and_start(&mut store, &load(&module.main)).unwrap();
    let run = main.get_typed_func::<(i32, i32, i64), i64>(&store, "run").unwrap();
    let probe = main.get_typed_func::<i32, i32>(&store, "probe").unwrap();
    let mut seen = Vec::new();
    for &arguments in &module.calls {
        let result = wasmi_outcome(run.call(&mut store, arguments));
        let globals = GLOBALS.map(|name| match main.get_global(&store, name).unwrap().get(&store) {
            wasmi::Val::I32(value) => value as u32 as u64,
            wasmi::Val::I64(value) => value as u64,
            wasmi::Val::F64(value) => value.to_bits(),
            other => panic!("{other:?}"),
        });
        let memories = MEMORIES.iter().filter_map(|name| {
            let bytes = main.get_memory(&store, name)?.data(&store);
            Some((bytes.len(), hash(bytes)))
        });
        let memories = memories.collect();
        let table = (0..ELEMENTS).map(|element| wasmi_outcome(probe.call(&mut store, element))).collect();
        seen.push(Seen { result, globals, memories, table, objects: Vec::new() });
    }
    seen
}

/// The interpreter has one trap for all accesses beyond a table.
fn coarsen(all: &mut [Seen]) {
    for seen in all {
        if seen.result == Err(End::Trap(TrapCode::UndefinedElement)) {
            seen.result = Err(End::Trap(TrapCode::TableOutOfBounds));
        }
        for element in &mut seen.table {
            if *element == Err(End::Trap(TrapCode::UndefinedElement)) {
                *element = Err(End::Trap(TrapCode::TableOutOfBounds));
            }
        }
    }
}

/// Gives each function so many branches over so many locals that no backend keeps them in registers: LLVM does not optimise it.
fn crowd(module: Edge) -> Edge {
    let each = |text: fn(usize) -> String, count| (0..count).map(text).collect::<String>();
    let locals = each(|at| format!("(local $z{at} i32)"), 200);
    let writes = each(|at| format!("(local.set $z{at} (local.get $n))"), 200);
    let branches = "(br_if $z (i32.eq (local.get $n) (i32.const -7)))".repeat(400);
    let reads = each(|at| format!("(local.set $x (i32.xor (local.get $x) (local.get $z{at})))"), 200);
    let main = module.main.replace("(local $i1 i32)", &format!("(local $i1 i32) {locals}"));
    let begin = "(local.set $p (i32.add (local.get $at)";
    let main = main.replace(begin, &format!("(block $z {writes} {branches}) {reads} {begin}"));
    Edge { main, ..module }
}

/// Runs modules everywhere and compares what is seen after every call.
fn compare(operators: Operators, change: fn(Edge) -> Edge) {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let first = number("WASMER_DIFFERENTIAL_SEED", 0);
    let engines = engines_with(|config| config.features(default_features() | WasmFeatures::CUSTOM_PAGE_SIZES));
    let (mut returned, mut trapped, mut threw, mut differ, mut differences) = (0, 0, 0, 0, Vec::new());
    for seed in first..first + number("WASMER_DIFFERENTIAL_MODULES", MODULES) {
        let module = change(edge(seed, operators));
        let mut all: Vec<_> =
            engines.iter().map(|(backend, engine)| (backend.to_string(), ours(engine, &module))).collect();
        if operators == Operators::Common {
            all.iter_mut().for_each(|(_, seen)| coarsen(seen));
            all.insert(0, ("wasmi".to_owned(), theirs(&module)));
        }
        let (name, expected) = &all[0];
        returned += expected.iter().filter(|seen| seen.result.is_ok()).count();
        trapped += expected.iter().filter(|seen| matches!(seen.result, Err(End::Trap(_)))).count();
        threw += expected.iter().filter(|seen| seen.result == Err(End::Exception)).count();
        let found: Vec<_> = all[1..].iter().filter(|(_, seen)| seen != expected).collect();
        if found.is_empty() {
            continue;
        }
        differ += 1;
        if let Ok(folder) = std::env::var("WASMER_DIFFERENTIAL_SAVE") {
            std::fs::write(format!("{folder}/edge-{seed}.wat"), format!("{}\n{}", module.env, module.main)).unwrap();
        }
        for (other, seen) in found {
            let call = (0..expected.len()).find(|call| expected[*call] != seen[*call]).unwrap();
            differences.push(format!(
                "seed {seed}, call {call} of {:?}\n  {name}: {:?}\n  {other}: {:?}",
                module.calls[call], expected[call], seen[call]
            ));
        }
    }
    differences.truncate(10);
    assert!(differences.is_empty(), "{differ} modules differ\n{}", differences.join("\n"));
    eprintln!("{returned} returned, {trapped} trapped, {threw} threw");
    assert!(returned > 30 && trapped > 100, "{returned} returned, {trapped} trapped");
    assert_eq!(threw > 10, operators == Operators::Mixed, "{threw} threw");
}

#[test]
fn traps_are_exact_as_in_an_interpreter() {
    compare(Operators::Common, |module| module);
}

#[test]
fn traps_are_exact_with_every_operator() {
    compare(Operators::All, |module| module);
}

#[test]
fn traps_are_exact_among_objects_and_exceptions() {
    compare(Operators::Mixed, |module| module);
}

#[test]
fn traps_are_exact_where_locals_are_in_the_frame() {
    compare(Operators::Mixed, crowd);
}

fn call(store: &mut Store<()>, instance: Instance, name: &str, argument: i32) -> Result<i32> {
    instance.typed_func::<i32, i32>(store, name).unwrap().call(store, argument)
}

/// Calls the exports of a module that take and give 32-bit numbers, on every backend: name, argument, what must come.
fn check(wat: &str, calls: &[(&str, i32, std::result::Result<i32, TrapCode>)]) {
    for (backend, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &compile(&engine, wat)).unwrap();
        for (name, argument, expected) in calls {
            let called = call(&mut store, instance, name, *argument);
            assert_eq!(outcome(called), *expected, "{backend}: {name} {argument}");
        }
    }
}

const OUT_OF_BOUNDS: std::result::Result<i32, TrapCode> = Err(TrapCode::MemoryOutOfBounds);

#[test]
fn loads_trap_even_if_a_branch_does_not_need_them() {
    let wat = r#"(module (memory 1)
        (func (export "select") (param i32) (result i32)
            (i32.trunc_f64_s (select (f64.const 1) (f64.load (local.get 0)) (i32.ne (local.get 0) (i32.const 8)))))
        (func (export "if") (param i32) (result i32) (local f32)
            (local.set 1 (f32.load offset=4 (local.get 0)))
            (if (result i32) (i32.gt_u (local.get 0) (i32.const 100)) (then (i32.const 2)) (else (i32.trunc_f32_s (local.get 1)))))
        (func $ignores (param f64) (result i32) (i32.const 3))
        (func (export "argument") (param i32) (result i32) (call $ignores (f64.load (local.get 0))))
        (func $pair (param i32) (result i32 i64) (i32.const 4) (i64.load (local.get 0)))
        (func (export "result") (param i32) (result i32) (drop (call $pair (local.get 0)))))"#;
    let mut calls = Vec::new();
    for (name, inside) in [("select", 1), ("if", 2), ("argument", 3), ("result", 4)] {
        calls.extend([(name, 65_528, Ok(inside)), (name, 65_533, OUT_OF_BOUNDS), (name, -1, OUT_OF_BOUNDS)]);
    }
    check(wat, &calls);
}

#[test]
fn what_a_loop_did_before_it_trapped_is_there() {
    let wat = r#"(module (memory 1) (global $n (mut i32) (i32.const 0)) (table $t 40 funcref)
        (elem declare func $f) (func $f)
        (func (export "fill") (param i32) (result i32)
            (loop $next
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (table.set $t (global.get $n) (ref.func $f))
                (i32.store8 (local.get 0) (i32.const 7))
                (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (br_if $next (i32.lt_u (global.get $n) (i32.const 30))))
            (global.get $n))
        (func (export "backwards") (param i32) (result i32)
            (loop $next
                (i64.store offset=65520 (local.get 0) (i64.const -1))
                (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 8)))))
            (i32.const 1))
        (func (export "n") (param i32) (result i32) (global.get $n))
        (func (export "null") (param i32) (result i32) (ref.is_null (table.get $t (local.get 0))))
        (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;
    check(
        wat,
        &[
            ("fill", 65_526, OUT_OF_BOUNDS),
            ("n", 0, Ok(11)),
            ("null", 11, Ok(0)),
            ("null", 12, Ok(1)),
            ("byte", 65_525, Ok(0)),
            ("byte", 65_526, Ok(7)),
            ("byte", 65_535, Ok(7)),
            ("backwards", 64, OUT_OF_BOUNDS),
            ("byte", 65_528, Ok(7)),
            ("fill", 100, Ok(30)),
            ("byte", 118, Ok(7)),
            ("byte", 119, Ok(0)),
            ("backwards", 8, Ok(1)),
            ("byte", 65_528, Ok(255)),
        ],
    );
}

/// Copies of 16 bytes after a smaller store are split by LLVM's code generator where that is faster; what reaches over the end must not be.
#[test]
fn a_store_over_the_end_writes_nothing() {
    let wat = r#"(module (memory 1)
        (func (export "copy") (param i32) (result i32)
            (i32.store (i32.const 16) (i32.const 0x01010101))
            (v128.store (local.get 0) (v128.load (i32.const 16)))
            (i32.const 1))
        (func (export "copy again") (param i32) (result i32)
            (i32.store offset=32 (local.get 0) (i32.const 0x01010101))
            (v128.store offset=65528 (local.get 0) (v128.load offset=32 (local.get 0)))
            (i32.const 1))
        (func (export "pair") (param i32) (result i32)
            (i64.store (local.get 0) (i64.const 0x0101010101010101))
            (i64.store offset=8 (local.get 0) (i64.const 0x0202020202020202))
            (i32.const 1))
        (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;
    let mut calls = Vec::new();
    for (name, at) in [("copy", 65_521), ("copy", 65_535), ("copy again", 0), ("copy again", 7), ("pair", 65_529)] {
        calls.push((name, at, OUT_OF_BOUNDS));
        calls.extend((65_520..65_536).map(|at| ("byte", at, Ok(0))));
    }
    calls.extend([
        ("pair", 65_521, OUT_OF_BOUNDS),
        ("byte", 65_528, Ok(1)),
        ("byte", 65_529, Ok(0)),
        ("copy", 65_520, Ok(1)),
    ]);
    check(wat, &calls);
}

#[test]
fn effects_before_a_stack_overflow_are_there() {
    let wat = r#"(module (memory 1) (global $n (mut i32) (i32.const 0)) (global $after (mut i32) (i32.const 0))
        (func $down (export "down") (param i32) (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (i32.store (local.get 0) (global.get $n))
            (drop (call $down (i32.const 8)))
            (global.set $after (i32.const 1))
            (i32.const 0))
        (func $computes (param i32) (result i32)
            (i32.mul (call $computes (i32.add (local.get 0) (i32.const 3))) (i32.const 5)))
        (func (export "compute") (param i32) (result i32)
            (global.set $n (i32.const -1))
            (drop (call $computes (local.get 0)))
            (global.set $n (i32.const -2))
            (i32.const 0))
        (func (export "n") (param i32) (result i32) (global.get $n))
        (func (export "lost") (param i32) (result i32) (i32.sub (global.get $n) (i32.load (i32.const 8))))
        (func (export "after") (param i32) (result i32) (global.get $after)))"#;
    let overflow = Err(TrapCode::StackOverflow);
    check(
        wat,
        &[("down", 8, overflow), ("lost", 0, Ok(0)), ("after", 0, Ok(0)), ("compute", 1, overflow), ("n", 0, Ok(-1))],
    );
}

#[test]
fn a_loop_sees_what_another_thread_stores() {
    let wat = r#"(module (import "m" "memory" (memory 1 1 shared))
        (func (export "wait") (param i32) (result i32)
            (i32.store (i32.const 128) (i32.const 1))
            (loop $again (br_if $again (i32.eqz (i32.load (local.get 0)))))
            (i32.load (i32.const 68)))
        (func (export "wait for a constant place") (param i32) (result i32)
            (i32.store (i32.const 128) (i32.const 1))
            (loop $again (br_if $again (i32.eqz (i32.load (i32.const 64)))))
            (i32.load (i32.const 68)))
        (func (export "go") (param i32) (result i32)
            (loop $again (br_if $again (i32.eqz (i32.load (i32.const 128)))))
            (i32.atomic.store (i32.const 68) (i32.const 5))
            (i32.atomic.store (local.get 0) (i32.const 1))
            (i32.const 1)))"#;
    for (_, engine) in engines() {
        for name in ["wait", "wait for a constant place"] {
            let module = compile(&engine, wat);
            let mut store = Store::new(&engine, ());
            let limits = Limits { min: 1, max: Some(1) };
            let ty = MemoryType { limits, index: Width::W32, shared: true, page_size_log2: 16 };
            let memory = Memory::new(&mut store, ty).unwrap().to_shared(&store).unwrap().unwrap();
            let run = |name: &'static str| {
                let (engine, module, memory) = (engine.clone(), module.clone(), memory.clone());
                move || {
                    let mut store = Store::new(&engine, ());
                    let mut linker = Linker::new();
                    let memory = Memory::from_shared(&mut store, &memory);
                    linker.define("m", "memory", memory).unwrap();
                    let instance = linker.instantiate(&mut store, &module).unwrap();
                    call(&mut store, instance, name, 64).unwrap()
                }
            };
            let (sender, receiver) = mpsc::channel();
            for name in [name, "go"] {
                let (run, sender) = (run(name), sender.clone());
                std::thread::spawn(move || sender.send((name, run())).unwrap());
            }
            for _ in 0..2 {
                let (name, result) = receiver.recv_timeout(Duration::from_secs(20)).expect("both threads end");
                assert_eq!(result, if name == "go" { 1 } else { 5 }, "{name}");
            }
        }
    }
}
