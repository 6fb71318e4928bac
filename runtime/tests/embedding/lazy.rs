//! Modules whose functions are compiled when they are called. What guests do is tested with all other engines; here is what only lazy ones have.

mod gradual;
mod loops;
mod switching;

use std::fmt::Write;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use crate::common::*;
use wasmer_runtime::*;

/// A chain of functions, each of which calls the next one in a way of its own.
pub(crate) fn chain(len: usize) -> String {
    let mut wat = "(module (type $next (func (param i32) (result i32))) (table 100 funcref)\n".to_owned();
    for index in 0..len {
        let next = index + 1;
        let call = match index % 4 {
            _ if next == len => "(local.get 0)".to_owned(),
            0 => format!("(i32.add (i32.const {index}) (call $f{next} (local.get 0)))"),
            1 => format!("(return_call $f{next} (i32.add (i32.const {index}) (local.get 0)))"),
            2 => format!("(i32.add (i32.const {index}) (call_indirect (type $next) (local.get 0) (i32.const {next})))"),
            _ => format!("(i32.add (i32.const {index}) (call_ref $next (local.get 0) (ref.func $f{next})))"),
        };
        writeln!(
            wat,
            "(func $f{index} (export \"f{index}\") (type $next) {call}) (elem (i32.const {index}) $f{index})"
        )
        .unwrap();
    }
    wat + ")"
}

#[test]
fn a_call_compiles_what_it_needs_and_no_more() {
    let Some(engine) = lazy_engine(Validation::Before) else { return };
    let module = module(&engine, &chain(20));
    assert_eq!(module.functions_compiled(), Some(0));
    let mut store = Store::new(&engine, ());
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    for start in [19, 18, 18, 10, 0, 0] {
        let call = func::<_, i32, i32>(&mut store, instance, &format!("f{start}"));
        assert_eq!(call.call(&mut store, 1000).unwrap(), 1000 + (start..19).sum::<i32>());
        assert_eq!(module.functions_compiled(), Some(20 - start as usize));
    }
    // Another store finds what is there.
    let (mut store, instance) = {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        (store, instance)
    };
    assert_eq!(func::<_, i32, i32>(&mut store, instance, "f0").call(&mut store, 0).unwrap(), (0..19).sum::<i32>());
    assert_eq!(module.functions_compiled(), Some(20));
}

#[test]
fn threads_that_race_into_functions_compile_each_once() {
    const THREADS: usize = 8;
    let Some(engine) = lazy_engine(Validation::Before) else { return };
    for _ in 0..10 {
        let (module, barrier) = (module(&engine, &chain(60)), Barrier::new(THREADS));
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (engine, module, barrier) = (&engine, &module, &barrier);
                scope.spawn(move || {
                    let mut store = Store::new(engine, ());
                    let instance = Linker::new().instantiate(&mut store, module).unwrap();
                    barrier.wait();
                    for index in 0..60 {
                        // Half of them meet in each function, the others come from all sides.
                        let start = if number % 2 == 0 { 59 - index } else { (index * 7 + number * 13) % 60 };
                        let call = func::<_, i32, i32>(&mut store, instance, &format!("f{start}"));
                        assert_eq!(call.call(&mut store, 5).unwrap(), 5 + (start..59).sum::<usize>() as i32);
                    }
                });
            }
        });
        assert_eq!(module.functions_compiled(), Some(60));
    }
}

/// What functions could call has its code before they do.
#[test]
fn what_functions_call_is_compiled_ahead() {
    const LEN: usize = 1000;
    let Some(engine) = lazy_engine_with(|config| config.threads(2)) else { return };
    let module = module(&engine, &fan(LEN));
    let mut store = Store::new(&engine, ());
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    let mut call = |index: usize, argument: i32| {
        let result = func::<_, i32, i32>(&mut store, instance, &format!("f{index}")).call(&mut store, argument);
        assert_eq!(result.unwrap(), index as i32 + argument);
        module.functions_compiled().unwrap()
    };
    let is_ahead = |index: &usize| {
        // The thread may be late.
        thread::sleep(Duration::from_millis(1));
        call(*index, 0) > *index + 1
    };
    let found = (0..LEN).find(is_ahead).expect("something is compiled ahead");
    let compiled = (0..LEN).map(|index| call(index, 1 + found as i32)).last();
    assert_eq!(compiled, Some(2 * LEN));
}

/// With one thread nothing is compiled that is not called.
#[test]
fn one_thread_compiles_nothing_ahead() {
    const LEN: usize = 100;
    let Some(engine) = lazy_engine_with(|config| config.threads(1)) else { return };
    let (mut store, instance) = instantiate(&engine, &fan(LEN));
    for index in 0..LEN {
        assert_eq!(
            func::<_, i32, i32>(&mut store, instance, &format!("f{index}")).call(&mut store, 0).unwrap(),
            index as i32
        );
    }
    thread::sleep(Duration::from_millis(20));
    assert_eq!(instance.module(&store).unwrap().functions_compiled(), Some(LEN));
}

/// The program compiles what the thread does not come to, or is not done with, and they never wait for each other.
#[test]
fn a_program_and_its_thread_compile_each_function_once() {
    const LEN: usize = 300;
    let Some(engine) = lazy_engine_with(|config| config.threads(2)) else { return };
    let wasm = wasm(&fan(LEN));
    for round in 0..30 {
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        for index in 0..LEN {
            let call = func::<_, i32, i32>(&mut store, instance, &format!("f{}", index * 7 % LEN));
            assert_eq!(call.call(&mut store, round + 1).unwrap(), (index * 7 % LEN) as i32 + round + 1);
        }
        assert_eq!(module.functions_compiled(), Some(2 * LEN));
    }
}

#[test]
fn a_module_is_dropped_while_functions_are_compiled_ahead() {
    let Some(engine) = lazy_engine_with(|config| config.threads(2)) else { return };
    let wasm = wasm(&fan(40));
    for round in 0..200 {
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        for index in 0..8 + round % 32 {
            let call = func::<_, i32, i32>(&mut store, instance, &format!("f{index}"));
            assert_eq!(call.call(&mut store, round % 3).unwrap(), index + round % 3);
        }
        drop((module, store));
    }
}

/// Arguments in all registers and in memory reach a function that is compiled meanwhile, whichever way it is called.
#[test]
fn arguments_survive_that_a_function_is_compiled() {
    let Some(engine) = lazy_engine(Validation::Before) else { return };
    let types = ["i32", "i64", "f32", "f64", "v128"];
    let params: Vec<&str> = (0..60).map(|index| types[index % 5]).collect();
    let constant = |index: usize| match types[index % 5] {
        "v128" => format!("(v128.const i64x2 {} {})", index + 100, index + 200),
        ty => format!("({ty}.const {})", index + 100),
    };
    let arguments: String = (0..60).map(constant).collect();
    // Where an argument is not what it was, its number is the result.
    let check = |index: usize| {
        let (get, constant) = (format!("(local.get {index})"), constant(index));
        let equal = match types[index % 5] {
            "v128" => format!("(i8x16.all_true (i8x16.eq {get} {constant}))"),
            ty => format!("({ty}.eq {get} {constant})"),
        };
        format!("(if (i32.eqz {equal}) (then (return (i32.const {index}))))\n")
    };
    let checks: String = (0..60).map(check).collect();
    let mut wat = format!("(module (type $t (func (param {}) (result i32))) (table 8 funcref)\n", params.join(" "));
    let calls = ["(call $f0", "(return_call $f1", "(call_indirect (type $t)", "(return_call_indirect (type $t)"];
    for (number, call) in calls.iter().enumerate() {
        let index = if call.contains("indirect") { format!("(i32.const {number})") } else { String::new() };
        write!(wat, "(func $f{number} (type $t) {checks} i32.const -1) (elem (i32.const {number}) $f{number})")
            .unwrap();
        writeln!(wat, "(func (export \"g{number}\") (result i32) {call} {arguments} {index}))").unwrap();
    }
    let (mut store, instance) = instantiate(&engine, &(wat + ")"));
    for (number, way) in calls.iter().enumerate() {
        for _ in 0..2 {
            let call = func::<_, (), i32>(&mut store, instance, &format!("g{number}"));
            assert_eq!(call.call(&mut store, ()).unwrap(), -1, "{way}");
        }
    }
}

#[test]
fn backends_that_cannot_are_refused_by_name() {
    for backend in Backend::built() {
        let made = Engine::new(backend.config().unwrap().lazy(Validation::Before));
        match backend {
            Backend::Singlepass => assert!(made.is_ok()),
            Backend::Cranelift | Backend::Llvm => {
                let message = made.err().unwrap().to_string();
                assert!(message.contains(backend.name()), "{message}");
            }
        }
    }
    assert!(Engine::new(EngineConfig::headless().lazy(Validation::Before)).is_err());
}

#[test]
fn a_lazy_module_has_the_artifact_of_an_eager_one() {
    let Some(lazy) = lazy_engine(Validation::Before) else { return };
    let eager = Engine::new(Backend::Singlepass.config().unwrap()).unwrap();
    let wat = chain(30);
    let module = module(&lazy, &wat);
    let serialized = module.serialize().unwrap();
    assert_eq!(serialized, crate::common::module(&eager, &wat).serialize().unwrap());
    assert_eq!(module.functions_compiled(), Some(0));
    // SAFETY: the bytes were just made.
    let again = unsafe { Module::deserialize(&lazy, &serialized) }.unwrap();
    assert_eq!(again.functions_compiled(), None);
}

/// `$bad` is valid text of an invalid function.
const INVALID: &str = r#"(module
    (func $good (export "good") (result i32) (i32.const 42))
    (func $bad (export "bad") (result i32) (i64.const 1))
    (func $calls (export "calls") (result i32) (i32.add (call $good) (call $bad))))"#;

#[test]
fn an_invalid_function_is_refused_before_anything_runs_or_when_it_is_called() {
    let (Some(before), Some(at_call)) = (lazy_engine(Validation::Before), lazy_engine(Validation::AtFirstCall)) else {
        return;
    };
    let eager = Engine::new(Backend::Singlepass.config().unwrap()).unwrap();
    let expected = Module::new(&eager, &wasm(INVALID)).unwrap_err().to_string();
    assert_eq!(Module::new(&before, &wasm(INVALID)).unwrap_err().to_string(), expected);
    let (mut store, instance) = instantiate(&at_call, INVALID);
    for _ in 0..2 {
        assert_eq!(func::<_, (), i32>(&mut store, instance, "good").call(&mut store, ()).unwrap(), 42);
        for name in ["bad", "calls"] {
            let error = func::<_, (), i32>(&mut store, instance, name).call(&mut store, ()).unwrap_err();
            assert!(matches!(error.as_compile(), Some(CompileError::Invalid { .. })), "{error}");
            assert_eq!(error.to_string(), expected);
        }
    }
}

/// Of many invalid functions the first is named, whatever the threads do.
#[test]
fn the_first_invalid_function_is_the_one_that_is_named() {
    let Some(lazy) = lazy_engine(Validation::Before) else { return };
    let eager = Engine::new(Backend::Singlepass.config().unwrap()).unwrap();
    let good = "(func (result i32) (i32.const 1))".repeat(500);
    let bad = "(func (result i32) (i64.const 1))".repeat(500);
    let wasm = wasm(&format!("(module {good} {bad} {good})"));
    let expected = Module::new(&eager, &wasm).unwrap_err().to_string();
    for _ in 0..20 {
        assert_eq!(Module::new(&lazy, &wasm).unwrap_err().to_string(), expected);
    }
}

/// Operators of garbage collection in bodies, of which nothing else of the module says a word.
#[test]
fn objects_that_only_bodies_mention_are_collected() {
    let other = "(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const 507)))".repeat(100);
    let body = "(i31.get_s (ref.i31 (local.get 0)))";
    let text = format!("(module {other} (func (export \"f\") (param i32) (result i32) {body}) {other})");
    for validation in [Validation::Before, Validation::AtFirstCall] {
        let Some(engine) = lazy_engine(validation) else { return };
        let (mut store, instance) = instantiate(&engine, &text);
        assert_eq!(func::<_, i32, i32>(&mut store, instance, "f").call(&mut store, -5).unwrap(), -5);
    }
}

/// A module that turns out behind its bodies to need another reading.
#[test]
fn bodies_are_looked_at_again_where_a_module_is_read_again() {
    if !Backend::Singlepass.is_built() {
        return;
    }
    let features = default_features() - WasmFeatures::GC;
    let read = "(func (export \"f\") (result i32) (i32.load (i32.const 8)))".to_owned();
    let data = "(memory 1) (global $a i32 (i32.const 8)) (data (offset (global.get $a)) \"\\2a\")";
    let text = |bodies: &str| format!("(module {bodies} {data})");
    for validation in [Validation::Before, Validation::AtFirstCall] {
        let engine = Engine::new(Backend::Singlepass.config().unwrap().features(features).lazy(validation)).unwrap();
        let (mut store, instance) = instantiate(&engine, &text(&(read.clone() + &"(func)".repeat(200))));
        assert_eq!(func::<_, (), i32>(&mut store, instance, "f").call(&mut store, ()).unwrap(), 42);
        let invalid = wasm(&text(&("(func)".repeat(200) + "(func (result i32))")));
        assert_eq!(Module::new(&engine, &invalid).is_err(), validation == Validation::Before);
        let broken = wasm(&text("(func)").replace("(offset (global.get $a))", "(offset (i64.const 8))"));
        assert!(Module::new(&engine, &broken).is_err());
    }
}

/// A function that asks for more than compilers give is the call's problem, each time.
#[test]
fn a_function_beyond_a_limit_ends_the_call_that_needs_it() {
    let Some(engine) = lazy_engine(Validation::Before) else { return };
    let results = "i32 ".repeat(1000);
    let wat = format!(
        "(module (func (export \"good\") (result i32) (i32.const 42))
            (func (export \"wide\") (param i32) (block (result {results}) {} {}) {}))",
        "local.get 0 ".repeat(1000),
        "local.get 0 br_if 0 ".repeat(10_000),
        "drop ".repeat(1000)
    );
    let (mut store, instance) = instantiate(&engine, &wat);
    for _ in 0..2 {
        let error = func::<_, i32, ()>(&mut store, instance, "wide").call(&mut store, 0).unwrap_err();
        assert!(matches!(error.as_compile(), Some(CompileError::Limit(_))), "{error}");
        assert_eq!(func::<_, (), i32>(&mut store, instance, "good").call(&mut store, ()).unwrap(), 42);
    }
}

/// Whoever interrupts a guest while a function is compiled finds it stopped before the function.
#[test]
fn an_interrupt_while_a_function_is_compiled_is_noticed_after() {
    let Some(engine) = lazy_engine(Validation::Before) else { return };
    let long = "(global.set $sum (i32.add (global.get $sum) (i32.const 1)))".repeat(50_000);
    let module = module(
        &engine,
        &format!("(module (global $sum (export \"sum\") (mut i32) (i32.const 0)) (func (export \"long\") {long}))"),
    );
    let mut store = Store::new(&engine, ());
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    let handle = store.interrupt_handle();
    let timer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(1));
        handle.interrupt();
    });
    let result = run(&mut store, instance, "long");
    timer.join().unwrap();
    // A machine that was busy elsewhere may have come too late.
    if result.is_err() {
        trap(&result, TrapCode::Interrupted);
        store.clear_interrupt();
        run(&mut store, instance, "long").unwrap();
    }
    assert_eq!(module.functions_compiled(), Some(1));
}

/// A lazy module's functions are everybody's: other modules' imports, references and tables, of whatever compiler.
#[test]
fn other_modules_call_functions_without_code() {
    let Some(lazy) = lazy_engine(Validation::Before) else { return };
    let exporter = r#"(module (table (export "table") 3 funcref) (elem (i32.const 1) $b)
        (func (export "a") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func $b (param i32) (result i32) (i32.add (local.get 0) (i32.const 2))))"#;
    let importer = r#"(module (import "x" "a" (func $a (param i32) (result i32))) (import "x" "table" (table $t 3 funcref))
        (type $f (func (param i32) (result i32)))
        (func (export "run") (result i32) (call $a (call_indirect (type $f) (i32.const 10) (i32.const 1)))))"#;
    for (_, engine) in engines() {
        let mut store = Store::new(&lazy, ());
        let mut linker = Linker::new();
        let first = linker.instantiate(&mut store, &module(&lazy, exporter)).unwrap();
        for name in ["a", "table"] {
            linker.define("x", name, export(&mut store, first, name)).unwrap();
        }
        let second = linker.instantiate(&mut store, &module(&engine, importer)).unwrap();
        assert_eq!(func::<_, (), i32>(&mut store, second, "run").call(&mut store, ()).unwrap(), 13);
    }
}

/// Code is never writable and executable at the same time, also not while it comes into being.
#[test]
fn no_page_is_writable_and_executable() {
    let Some(engine) = lazy_engine(Validation::Before) else { return };
    let (mut store, instance) = instantiate(&engine, &chain(20));
    for start in (0..20).rev() {
        func::<_, i32, i32>(&mut store, instance, &format!("f{start}")).call(&mut store, 0).unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(maps.lines().all(|line| !line.contains(" rwx")), "{maps}");
    }
}
