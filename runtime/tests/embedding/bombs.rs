//! Small modules whose compilation could take any amount of time or memory: each is compiled or refused, soon.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::common::*;
use wasmer_runtime::*;

/// How long one may take, in whatever build the test is.
const SECONDS: u64 = 240;

/// Address space that the process may use: memory is what these modules are after.
const BYTES: u64 = 6 << 30;

/// A function of a number and so many locals, with this body.
fn function(locals: usize, body: &str) -> String {
    let locals = "i32 ".repeat(locals);
    format!("(module (func (export \"f\") (param i32) (result i32) (local {locals})\n{body}\nlocal.get 0))")
}

/// One line for each number.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, index| {
        writeln!(text, "{}", line(index)).unwrap();
        text
    })
}

/// Values of many locals, merged at the heads of many loops within each other.
fn loops() -> String {
    let (depth, locals) = (5000, 10_000);
    let uses = lines(locals, |local| format!("local.get {local} drop"));
    let ends = "local.get 0 br_if 0 end\n".repeat(depth);
    function(locals, &format!("{}{uses}{ends}", "loop\n".repeat(depth)))
}

/// Loops one behind the other, each of which uses every local.
fn loops_in_a_row() -> String {
    let locals = 30_000;
    let uses = lines(locals, |local| format!("local.get {local} drop"));
    function(locals, &format!("loop\n{uses} local.get 0 br_if 0 end\n").repeat(20))
}

/// Values of many locals, through many blocks.
fn merges() -> String {
    let (blocks, locals) = (50_000, 49_000);
    let merges = "local.get 0 if end\n".repeat(blocks);
    function(locals, &(merges + &lines(locals, |local| format!("local.get {local} drop"))))
}

/// The same, but the locals are only written.
fn sets() -> String {
    let (blocks, locals) = (50_000, 49_000);
    let merges = "local.get 0 if end\n".repeat(blocks);
    function(locals, &(merges + &lines(locals, |local| format!("i32.const {local} local.set {local}"))))
}

/// A thousand operands on each of many branches.
fn wide_branches() -> String {
    let results = "i32 ".repeat(1000);
    let values = "local.get 0 ".repeat(1000);
    let branches = "local.get 0 br_if 0\n".repeat(10_000);
    let drops = "drop ".repeat(1000);
    function(0, &format!("(block (result {results}) {values}\n{branches}) {drops}"))
}

/// Many long tables of branches.
fn tables() -> String {
    let targets: String = (0..5000).map(|target| format!("{} ", target % 50)).collect();
    let table = format!("block local.get 0 br_table {targets} end\n");
    function(0, &format!("{}{}{}", "block\n".repeat(50), table.repeat(40), "end\n".repeat(50)))
}

/// Blocks within each other.
fn deep() -> String {
    let depth = 50_000;
    function(0, &format!("{}{}", "block local.get 0 if\n".repeat(depth), "end end\n".repeat(depth)))
}

/// Many operands on the stack at once.
fn wide_expression() -> String {
    let count = 50_000;
    function(0, &format!("{}{} drop", "local.get 0\n".repeat(count), "i32.add\n".repeat(count - 1)))
}

/// Calls that have a thousand results.
fn wide_calls() -> String {
    let results = "i64 ".repeat(1000);
    let values = "i64.const 1 ".repeat(1000);
    let calls = format!("call $g {}\n", "drop ".repeat(1000)).repeat(500);
    format!("(module (func $g (result {results}) {values}) (func (export \"f\") {calls}))")
}

#[test]
fn compile_bombs_do_no_harm() {
    if !is_child() {
        let output = in_child("bombs::compile_bombs_do_no_harm");
        return assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // SAFETY: limits this process, which is the test's own.
    unsafe { libc::setrlimit(libc::RLIMIT_AS, &libc::rlimit { rlim_cur: BYTES, rlim_max: BYTES }) };
    type Bomb = (&'static str, fn() -> String);
    let bombs: [Bomb; 9] = [
        ("loops", loops),
        ("loops in a row", loops_in_a_row),
        ("merges", merges),
        ("sets", sets),
        ("wide branches", wide_branches),
        ("tables", tables),
        ("deep", deep),
        ("wide expression", wide_expression),
        ("wide calls", wide_calls),
    ];
    // LLVM takes as long as it takes; whoever compiles what he does not know with it, does so in a process with a time limit.
    let engines = compilers_with(|config| config.threads(1));
    for (backend, engine) in engines.into_iter().filter(|(backend, _)| *backend != Backend::Llvm) {
        for (name, text) in bombs {
            let wasm = wasm(&text());
            let (begun, engine) = (Instant::now(), engine.clone());
            let result = within(SECONDS, move || engine.compile(&wasm, [0; 32], None).map(drop));
            let took: Duration = begun.elapsed();
            eprintln!("{backend}, {name}: {took:?}, {result:?}");
            let refused = matches!(result.as_ref().map_err(Error::as_compile), Err(Some(CompileError::Limit(_))));
            assert!(result.is_ok() || refused, "{backend}, {name}: {result:?}");
        }
    }
}

/// LLVM compiles so large functions by another pipeline, and gets so long blocks in pieces; the larger one's registers are allocated without care.
#[test]
fn a_function_of_many_operators_computes_the_same_on_every_backend() {
    let (shift, factor) = (|step: usize| step % 31 + 1, |step: usize| 0x0100_0193 + 2 * step);
    for steps in [18_000, 62_000] {
        let body = lines(steps, |step| {
            let (shift, factor) = (shift(step), factor(step));
            format!(
                "local.get 0 local.get 0 i32.const {shift} i32.shr_u i32.xor i32.const {factor} i32.mul local.set 0"
            )
        });
        let text = function(0, &body);
        let next = |x: u32, step: usize| (x ^ x >> shift(step)).wrapping_mul(factor(step) as u32);
        let expected = (0..steps).fold(7u32, next);
        for (backend, engine) in engines() {
            let (mut store, instance) = instantiate(&engine, &text);
            let computed = func::<_, i32, i32>(&mut store, instance, "f").call(&mut store, 7).unwrap();
            assert_eq!(computed, expected as i32, "{backend}, {steps} steps");
        }
    }
}

/// A loop of one block, so that values come to its first piece from its last; a trap in it leaves what stands before.
#[test]
fn a_long_block_of_accesses_computes_the_same_on_every_backend() {
    const STEPS: usize = 2000;
    const GLOBALS: usize = 300;
    let (from, to) = (|step: usize| step % GLOBALS, |step: usize| step * 7 % GLOBALS);
    let body = lines(STEPS, |step| {
        let (from, to) = (from(step), to(step));
        format!("global.get {from} local.get 1 i32.add local.tee 1 i32.const {step} i32.xor global.set {to}")
    });
    let text = format!(
        "(module (memory 1) {} (func (export \"run\") (param i32 i32 i32) (result i32) loop {body}
            local.get 2 i32.load8_u drop local.get 2 i32.const 1 i32.add local.set 2
            local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end local.get 1)
         (func (export \"digest\") (result i32) (local i32) {} local.get 0))",
        "(global (mut i32) (i32.const 0))".repeat(GLOBALS),
        lines(GLOBALS, |global| format!("local.get 0 i32.const 31 i32.mul global.get {global} i32.add local.set 0")),
    );
    let model = |rounds: usize, mut x: u32| {
        let mut globals = [0u32; GLOBALS];
        for step in (0..rounds).flat_map(|_| 0..STEPS) {
            x = x.wrapping_add(globals[from(step)]);
            globals[to(step)] = x ^ step as u32;
        }
        (x as i32, globals.iter().fold(0u32, |digest, global| digest.wrapping_mul(31).wrapping_add(*global)) as i32)
    };
    for (backend, engine) in engines() {
        let module = module(&engine, &text);
        for (at, rounds) in [(0, 3), (65534, 3), (65536, 1)] {
            let mut store = Store::new(&engine, ());
            let instance = Linker::new().instantiate(&mut store, &module).unwrap();
            let result = func::<_, (i32, i32, i32), i32>(&mut store, instance, "run").call(&mut store, (3, 77, at));
            let (expected, digest) = model(rounds, 77);
            match at {
                0 => assert_eq!(result.unwrap(), expected, "{backend}"),
                _ => assert_eq!(trap(&result, TrapCode::MemoryOutOfBounds).code, TrapCode::MemoryOutOfBounds),
            }
            let found = func::<_, (), i32>(&mut store, instance, "digest").call(&mut store, ()).unwrap();
            assert_eq!(found, digest, "{backend}, {at}");
        }
    }
}

#[test]
fn what_is_only_declared_costs_nothing() {
    if !is_child() {
        let output = in_child("bombs::what_is_only_declared_costs_nothing");
        return assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // SAFETY: as above.
    unsafe { libc::setrlimit(libc::RLIMIT_DATA, &libc::rlimit { rlim_cur: 1 << 30, rlim_max: 1 << 30 }) };
    let absurd = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let section = |id: u8, content: &[&[u8]]| {
        let content = content.concat();
        [&b"\0asm\x01\0\0\0"[..], &[id, content.len() as u8], &content].concat()
    };
    let types = [1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0];
    let locals = [&[10, 10, 1, 8, 1][..], &absurd, &[0x7f, 0x0b]].concat();
    let modules = [
        ("types", section(1, &[&absurd])),
        ("imports", section(2, &[&absurd])),
        ("functions", section(3, &[&absurd])),
        ("tables", section(4, &[&absurd])),
        ("memories", section(5, &[&absurd])),
        ("globals", section(6, &[&absurd])),
        ("exports", section(7, &[&absurd])),
        ("elements", section(9, &[&absurd])),
        ("bodies", section(10, &[&absurd])),
        ("data", section(11, &[&absurd])),
        ("data count", section(12, &[&absurd])),
        ("locals", [&b"\0asm\x01\0\0\0"[..], &types, &locals].concat()),
    ];
    for (backend, engine) in engines() {
        for (name, wasm) in &modules {
            let result = Module::new(&engine, wasm);
            let refused = matches!(
                result.as_ref().map_err(Error::as_compile),
                Err(Some(CompileError::Invalid { .. } | CompileError::Limit(_)))
            );
            assert!(refused, "{backend}, {name}");
        }
        for wat in ["(module (table 0xffffffff funcref))", "(module (table i64 0xffffffffff externref))"] {
            let result = Linker::new().instantiate(&mut Store::new(&engine, ()), &module(&engine, wat));
            assert!(matches!(result, Err(Error::Limit(_))), "{backend}, {wat}");
        }
        let begun = Instant::now();
        let limit =
            Linker::new().instantiate(&mut Store::new(&engine, ()), &module(&engine, "(module (memory 65536))"));
        assert!(limit.is_ok() || matches!(limit, Err(Error::Resource(_))), "{backend}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{backend}: {:?}", begun.elapsed());
    }
}
