//! A grammar of repeated constructs, each compiled in two sizes: whatever the shape of a module, time and artifact grow with its length, or it is
//! refused by name. `WASMER_SHAPES=8 cargo nextest run -p wasmer-runtime whatever_the_shape --no-capture` makes all eight times as large and prints a
//! line for each: the long search.

mod more;

use std::fmt::Write;
use std::time::Duration;

use crate::common::*;
use wasmer_runtime::*;

/// Names the factor by which modules are larger than in the everyday test.
const FACTOR: &str = "WASMER_SHAPES";
/// Names what the names of the shapes contain that are compiled.
const ONLY: &str = "WASMER_SHAPES_NAMED";

/// What an artifact may have for each byte of the module, and beside that.
const ARTIFACT_PER_BYTE: usize = 200;
const ARTIFACT_FREE: usize = 8 << 20;

/// Four times the module may take this many times as long, and this much more.
const TIME_FACTOR: u32 = 9;
const TIME_FREE: Duration = Duration::from_millis(400);
/// How often a shape is measured until it is in proportion: the processor's own speed changes from moment to moment.
const TRIES: usize = 6;

/// Address space that the process may use.
const BYTES: u64 = 12 << 30;

/// Pieces of code one behind the other. `A`, `B` and `C` are locals, `G` and `H` globals.
const ROWS: [(&str, &str); 24] = [
    ("drop", "local.get A drop"),
    ("set", "local.get A local.set B"),
    ("add", "local.get A local.get B i32.add local.set C"),
    ("if set", "local.get A if i32.const 1 local.set A end"),
    ("if else", "local.get A if (result i32) local.get B else local.get C end local.set A"),
    ("loop", "loop local.get A i32.const 1 i32.add local.set B local.get A br_if 0 end"),
    ("block", "block local.get A br_if 0 local.get B local.set C end"),
    ("return", "local.get A if local.get B return end"),
    ("br_table", "block block local.get A br_table 0 1 0 1 0 1 end local.get B local.set C end"),
    ("select", "local.get A local.get B local.get C select local.set A"),
    ("call", "local.get A call $f local.set B"),
    ("call_indirect", "local.get A local.get B call_indirect (type $t) local.set C"),
    ("globals", "global.get G i32.const 1 i32.add global.set H"),
    ("load", "local.get A i32.load offset=4 local.set B"),
    ("store", "local.get A local.get B i32.store offset=8"),
    ("load 64", "local.get A i64.extend_i32_u i32.load 1 offset=4 local.set B"),
    ("divide", "local.get A local.get B i32.div_s local.set C"),
    ("float", "local.get A f64.convert_i32_s f64.sqrt i32.trunc_f64_s local.set B"),
    ("simd", "local.get A i8x16.splat local.get B i8x16.splat i8x16.add_sat_s i8x16.extract_lane_s 1 local.set C"),
    ("grow", "local.get A memory.grow local.set B"),
    ("copy", "local.get A local.get B local.get C memory.copy"),
    ("table", "local.get A local.get B table.get 0 table.set 0"),
    ("atomic", "local.get A local.get B i32.atomic.rmw.add local.set C"),
    ("trap", "local.get A if unreachable end"),
];

/// Pieces of code within each other: before and behind what is inside.
const NESTS: [(&str, &str, &str); 6] = [
    ("loops", "loop local.get A i32.const 1 i32.add local.set B", "local.get C br_if 0 end"),
    ("blocks", "block local.get A br_if 0 local.get B local.set C", "end"),
    ("ifs", "local.get A if local.get B local.set C", "end"),
    ("elses", "local.get A if local.get B local.set C else", "end"),
    ("operands", "local.get A block (result i32) local.get B", "i32.add end i32.add"),
    ("loops with results", "local.get A loop (param i32) (result i32)", "local.get C br_if 0 end drop"),
];

/// Pieces of code one behind the other within one frame: what opens it, a piece, what closes it.
const WITHIN: [(&str, &str, &str, &str); 5] = [
    ("branches out", "block", "local.get A br_if 0 local.get B local.set C", "end"),
    ("branches back", "loop", "local.get A br_if 0 local.get B local.set C", "end"),
    ("tables out", "block", "block local.get A br_table 0 1 1 0 1 1 end local.get B local.set C", "end"),
    ("nulls out", "block", "local.get A table.get 0 br_on_null 0 drop local.get B local.set C", "end"),
    ("catches out", "block", "try_table (catch_all 0) local.get A call $f local.set B end", "end"),
];

/// A piece of code with its locals and globals chosen.
fn piece(code: &str, index: usize, locals: usize) -> String {
    let number = |step: usize, of: usize| (index * step % of).to_string();
    let word = |word: &str| match word {
        "A" => number(1, locals),
        "B" => number(3, locals),
        "C" => number(7, locals),
        "G" => number(1, 300),
        "H" => number(3, 300),
        other => other.to_owned(),
    };
    code.split(' ').map(|text| word(text) + " ").collect()
}

/// A module of one function of this many locals. They begin with values that no compiler knows, and end in memory: what is computed of zeros, or for nothing, is
/// no code.
fn function(locals: usize, body: &str) -> Vec<u8> {
    function_with(locals, locals, body)
}

/// The same, with so many of the locals alive.
fn function_with(locals: usize, alive: usize, body: &str) -> Vec<u8> {
    let begin = repeat(alive, |at| format!("(local.set {at} (i32.load offset={} (i32.const 0)))", 4 * at));
    let end = repeat(alive, |at| format!("(i32.store offset={} (i32.const 0) (local.get {at}))", 4 * at));
    let (locals, globals) = ("i32 ".repeat(locals), "(global (mut i32) (i32.const 0))".repeat(300));
    wasm(&format!(
        "(module (type $t (func (param i32) (result i32))) (memory 1) (memory i64 1) (table 10 funcref) {globals}
         (func $f (export \"f\") (type $t) (local {locals}) {begin} {body} {end} local.get 0))"
    ))
}

fn repeat(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, index| {
        writeln!(all, "{}", text(index)).unwrap();
        all
    })
}

/// What makes a module of a size.
type Make = Box<dyn Fn(usize) -> Vec<u8>>;

/// Every shape with its name. Locals are alive, because compiling takes time in proportion to that. Nests are there without, too, where nothing hides what the
/// nest itself takes.
fn shapes() -> Vec<(String, Make)> {
    let mut shapes: Vec<(String, Make)> = Vec::new();
    for locals in [4, 200, 1000] {
        for (name, code) in ROWS {
            let make = move |size| function(locals, &repeat(size, |index| piece(code, index, locals)));
            shapes.push((format!("{name} in a row, {locals} locals"), Box::new(make)));
        }
        for (name, open, close) in NESTS {
            let make = move |size: usize| {
                let size = size / 2;
                let code = |code| repeat(size, move |index| piece(code, index, locals));
                let (inside, behind) = if name == "operands" { ("i32.const 1", "drop") } else { ("", "") };
                format!("{} {inside} {} {behind}", code(open), code(close))
            };
            let name = format!("nested {name}, {locals} locals");
            shapes.push((name.clone(), Box::new(move |size| function(locals, &make(size)))));
            shapes.push((format!("{name}, none alive"), Box::new(move |size| function_with(locals, 0, &make(size)))));
        }
        for (name, open, code, close) in WITHIN {
            let make = move |size| {
                let body = repeat(size, |index| piece(code, index, locals));
                function(locals, &format!("{open} {body} {close}"))
            };
            shapes.push((format!("{name}, {locals} locals"), Box::new(make)));
        }
    }
    shapes.extend(modules());
    shapes.extend(more::modules());
    shapes
}

/// A shape whose modules have these fields.
fn shape(name: &str, make: impl Fn(usize) -> String + 'static) -> (String, Make) {
    (name.to_owned(), Box::new(move |size| wasm(&format!("(module {})", make(size)))))
}

/// Shapes of whole modules.
fn modules() -> Vec<(String, Make)> {
    let many = |ty: &str| format!("{ty} ").repeat(1000);
    let (params, results) = (many("i64"), many("i64"));
    let (wide, locals) = (params.clone(), many("i64"));
    vec![
        shape("params", move |size| format!("(type $t (func (param {params}))) {}", "(func (type $t))".repeat(size))),
        shape("results", move |size| {
            format!("(func $f (result {results}) unreachable) (func (result {results}) call $f)")
                + &format!("(func (result {results}) call $f)").repeat(size / 8)
        }),
        shape("calls with many params", move |size| {
            let values = "local.get 0 ".repeat(1000);
            format!("(func $f (param {wide})) (func (param i64) {})", format!("{values} call $f ").repeat(size / 50))
        }),
        shape("calls with a landing", |size| {
            let calls = repeat(size * 3 / 2, |at| {
                format!("(local.set {} (call $f (local.get {})))", 1 + at % 1000, 1 + at * 7 % 1000)
            });
            let uses = repeat(1000, |at| format!("(i32.add (local.get {}))", 1 + at));
            format!(
                "(tag $e (param i32)) (func $f (param i32) (result i32) local.get 0)
                (func (param i32) (result i32) (local {}) (block $b (result i32) (try_table (catch $e $b) {calls}) i32.const 1) {uses})",
                "i32 ".repeat(1000)
            )
        }),
        shape("locals", move |size| format!("(func (local {locals}))").repeat(size / 4)),
        shape("functions", |size| "(func)".repeat(size * 4)),
        shape("types", |size| repeat(size, |index| format!("(type (func (param {})))", piece_types(index)))),
        shape("globals", |size| "(global (mut i64) (i64.const 1))".repeat(size * 2)),
        shape("exports", |size| "(func $f)".to_owned() + &repeat(size, |at| format!("(export \"{at}\" (func $f))"))),
        shape("imports", |size| repeat(size, |at| format!("(import \"m\" \"{at}\" (func))"))),
        shape("data", |size| {
            "(memory 65536)".to_owned() + &repeat(size, |at| format!("(data (i32.const {}) \"x\")", at * 200_000))
        }),
        shape("elements", |size| {
            let segments = repeat(size, |at| format!("(elem (table {}) (i32.const {at}) func $f)", at % 50));
            "(func $f)".to_owned() + &"(table 60000 funcref)".repeat(50) + &segments
        }),
    ]
}

/// The digits of a number as types.
fn piece_types(number: usize) -> String {
    (0..12).map(|bit| if number >> bit & 1 == 1 { "i32 " } else { "f64 " }).collect()
}

/// A clock that stands still while others run.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a time that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Compiles by this thread: how long it took and how long the artifact is, or 0 if the module was refused.
fn measure(engine: &Engine, wasm: &[u8], name: &str) -> (Duration, usize) {
    let begun = processor_time();
    let result = engine.compile(wasm, [0; 32], None);
    let took = processor_time() - begun;
    let error = match result {
        Ok(image) => return (took, image.as_bytes().len()),
        Err(error) => error,
    };
    match error.as_compile() {
        Some(CompileError::Limit(limit)) => {
            let message = limit.to_string();
            assert!(message.contains("function ") && message.contains("hint: "), "{name}: {message}");
            (took, 0)
        }
        _ => panic!("{name}: {error}"),
    }
}

/// Compiles all shapes with one backend, if this build has it.
fn search(name: &str, test: &str) {
    if !is_child() {
        let output = in_child(&format!("shapes::{test}"));
        let said = String::from_utf8_lossy(&output.stderr);
        eprintln!("{said}");
        return assert!(output.status.success(), "{said}");
    }
    // SAFETY: limits this process, which is the test's own.
    unsafe { libc::setrlimit(libc::RLIMIT_AS, &libc::rlimit { rlim_cur: BYTES, rlim_max: BYTES }) };
    let factor = std::env::var(FACTOR).ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    let only = std::env::var(ONLY).unwrap_or_default();
    let mut faults = String::new();
    for (backend, engine) in compilers_with(|config| config.threads(1)) {
        let backend_name = backend.to_string();
        if !backend_name.eq_ignore_ascii_case(name) {
            continue;
        }
        let size = factor * if backend == Backend::Llvm { 100 } else { 500 };
        for (name, make) in shapes() {
            // LLVM takes minutes for those; the long search has them.
            let is_for_long_runs = backend == Backend::Llvm && factor == 1 && name.contains("1000 locals");
            if is_for_long_runs || !name.contains(&only) {
                continue;
            }
            let name = format!("{backend}: {name}");
            let [small, large] = [size, 4 * size].map(make);
            let grown = (large.len() / small.len().max(1)).max(4) as u32;
            let measured = || {
                let (before, _) = measure(&engine, &small, &name);
                let (took, artifact) = measure(&engine, &large, &name);
                (before, took, artifact, took > before * grown / 4 * TIME_FACTOR + TIME_FREE)
            };
            let (mut before, mut took, mut artifact, mut slow) = measured();
            for _ in 1..TRIES {
                if slow {
                    (before, took, artifact, slow) = measured();
                }
            }
            let line = format!(
                "{name}: {} bytes, {before:?}, then {took:?} for {}, {} ns and {:.1} bytes of artifact a byte",
                small.len(),
                large.len(),
                took.as_nanos() / large.len() as u128,
                artifact as f64 / large.len() as f64,
            );
            eprintln!("{line}");
            if slow || artifact > ARTIFACT_FREE + ARTIFACT_PER_BYTE * large.len() {
                writeln!(faults, "{line}").unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "out of proportion:\n{faults}");
}

#[test]
fn whatever_the_shape_cranelift_takes_time_in_proportion() {
    search("cranelift", "whatever_the_shape_cranelift_takes_time_in_proportion");
}

#[test]
fn whatever_the_shape_llvm_takes_time_in_proportion() {
    search("llvm", "whatever_the_shape_llvm_takes_time_in_proportion");
}

#[test]
fn whatever_the_shape_singlepass_takes_time_in_proportion() {
    search("singlepass", "whatever_the_shape_singlepass_takes_time_in_proportion");
}
