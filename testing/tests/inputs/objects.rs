//! Objects of the collected heap are the same on every backend, also where each chance to collect is taken.
//!
//! `WASMER_DIFFERENTIAL_MODULES`, `WASMER_DIFFERENTIAL_SEED` and `WASMER_DIFFERENTIAL_SAVE` are as for the other differential tests;
//! `WASMER_DIFFERENTIAL_NODE` is a program `node` of version 24 or later, V8, with which backends are compared, too.

mod programs;

use wasmer_runtime::{Backend, Engine, Linker, Module, Store, Val};
use wasmer_testing::behaviour::*;
use wasmer_testing::engines::*;
use wasmer_testing::generate::{peer_config, smith, smith_config};
use wasmer_testing::objects::objects;
use wasmer_testing::peer::Peer;
use wasmer_testing::second::{Compared, compare};
use wasmer_testing::throws::throws_by_tables;

/// Modules of an everyday run, for each of the comparisons.
const MODULES: u64 = 30;

fn graph(seed: u64) -> Vec<u8> {
    wat::parse_str(objects(seed)).unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

#[test]
fn backends_agree_on_objects() {
    let Ends { returned, .. } = compare_all(&ways(), None, MODULES, graph);
    assert!(returned > 30, "{returned} returned");
}

#[test]
fn backends_agree_on_objects_where_code_is_metered() {
    let Ends { returned, .. } = compare_all(&ways_with(|config| config.fuel(true)), None, MODULES, graph);
    assert!(returned > 5, "{returned} returned");
}

#[test]
fn backends_agree_on_any_module_with_objects() {
    let config = wasm_smith::Config { gc_enabled: true, exceptions_enabled: true, ..smith_config() };
    let Ends { returned, .. } = compare_all(&ways(), None, MODULES, |seed| smith(seed, &config));
    assert!(returned > 10, "{returned} returned");
}

/// LLVM takes part in so many of the comparisons with another engine: it compiles much longer than the others.
const LLVM_EVERY: u64 = 8;

#[test]
fn another_engine_agrees_on_objects_and_exceptions() {
    let Some(mut peer) = Peer::find().unwrap() else {
        eprintln!("left out: `WASMER_DIFFERENTIAL_NODE` names no other engine");
        return;
    };
    let (engines, config) = (engines(), peer_config());
    let (fast, _): (Vec<_>, Vec<_>) = engines.iter().cloned().partition(|(backend, _)| *backend != Backend::Llvm);
    let (mut compared, mut differences) = (Compared::default(), Vec::new());
    for seed in seeds(MODULES) {
        let wasm = match seed % 4 {
            0 => graph(seed),
            1 => wat::parse_str(throws_by_tables(seed)).unwrap(),
            _ => smith(seed, &config),
        };
        let engines = if seed / 4 % LLVM_EVERY == 0 { &engines } else { &fast };
        if let Err(error) = compare(engines, &mut peer, &wasm, seed, &mut compared) {
            if let Ok(folder) = std::env::var("WASMER_DIFFERENTIAL_SAVE") {
                std::fs::write(format!("{folder}/{seed}.wasm"), &wasm).unwrap();
            }
            eprintln!("seed {seed}: {error:#}");
            differences.push(seed);
        }
        if seed % 500 == 499 {
            eprintln!("{seed}: {compared:?}, {} differ", differences.len());
        }
    }
    eprintln!("{compared:?}");
    assert!(differences.is_empty(), "seeds {differences:?}");
}

/// Kinds of elements: the type, a value that is not zero, and what makes a number of it that is 7.
const ELEMENTS: [(&str, &str, &str); 7] = [
    ("i8", "(i32.const 7)", "(i64.extend_i32_u (array.get_u $a"),
    ("i16", "(i32.const 7)", "(i64.extend_i32_u (array.get_s $a"),
    ("i32", "(i32.const 7)", "(i64.extend_i32_u (array.get $a"),
    ("i64", "(i64.const 7)", "(i64.add (i64.const 0) (array.get $a"),
    ("f64", "(f64.const 7)", "(i64.trunc_f64_u (array.get $a"),
    ("v128", "(v128.const i64x2 7 0)", "(i64x2.extract_lane 0 (array.get $a"),
    ("(ref null $s)", "(struct.new $s (i32.const 7))", "(call $of (array.get $a"),
];

/// What the elements of an array of sevens add up to: each, and one farther ahead where there is one, while garbage is made.
fn sum(engine: &Engine, (ty, value, number): (&str, &str, &str), ahead: u32, len: u32) -> Option<i64> {
    let text = format!(
        "(module (type $s (struct (field i32))) (type $a (array (mut {ty})))
            (func $of (param (ref null $s)) (result i64) (i64.extend_i32_u (struct.get $s 0 (local.get 0))))
            (func $garbage (param i32) (drop (array.new_default $a (local.get 0))) (drop (struct.new $s (local.get 0))))
            (func (export \"run\") (param $n i32) (result i64) (local $x (ref null $a)) (local $i i32) (local $sum i64)
                (local.set $x (array.new $a {value} (local.get $n)))
                (loop $l
                    (call $garbage (local.get $i))
                    (local.set $sum (i64.add (local.get $sum) {number} (local.get $x) (local.get $i)))))
                    (if (i32.lt_u (i32.add (local.get $i) (i32.const {ahead})) (local.get $n)) (then
                        (local.set $sum (i64.add (local.get $sum) {number} (local.get $x) (i32.add (local.get $i) (i32.const {ahead}))))))))
                    (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
                (local.get $sum)))"
    );
    let module = Module::new(engine, &wat::parse_str(&text).unwrap()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut store = Store::new(engine, ());
    store.gc_always();
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    let run = instance.export(&mut store, "run").unwrap().func().unwrap();
    let mut results = [Val::I64(0)];
    run.call(&mut store, &[Val::I32(len as i32)], &mut results).unwrap_or_else(|error| panic!("{error}\n{text}"));
    results[0].i64()
}

#[test]
fn an_array_lives_while_a_loop_goes_through_it() {
    for (_, engine) in &engines() {
        for elements in ELEMENTS {
            for ahead in [1, 3] {
                let expected = 7 * i64::from(20 + 20 - ahead);
                assert_eq!(sum(engine, elements, ahead as u32, 20), Some(expected), "{elements:?}");
            }
        }
    }
}
