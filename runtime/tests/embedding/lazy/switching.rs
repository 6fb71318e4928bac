//! Better code that takes over from lazy code while it runs.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::chain;
use crate::common::*;
use wasmer_runtime::*;

/// A lazy engine, and every other one that this build has besides Singlepass.
pub(crate) fn tiers() -> impl Iterator<Item = (Engine, Engine)> {
    let better = Backend::built().filter(|backend| *backend != Backend::Singlepass);
    let better = better.map(|backend| Engine::new(backend.config().unwrap()).unwrap());
    better.filter_map(|better| Some((lazy_engine(Validation::Before)?, better)))
}

/// Goes down `depth` calls by all ways there are, calls the host half way down, and ends as it is told to. `$sum` counts the calls, the memory their parameters.
const DEEP: &str = r#"(module $deep
    (type $down (func (param i32 i32) (result i32)))
    (import "host" "half" (func $half (param i32)))
    (import "host" "add" (func $add (param i32 i32) (result i32)))
    (memory 1) (table (export "table") 2 funcref) (elem (i32.const 0) $down $other)
    (tag $tag (param i32))
    (global $sum (export "sum") (mut i32) (i32.const 0))
    (func $end (param i32) (result i32)
        (loop $again (br_if $again (i32.eq (local.get 0) (i32.const 3))))
        (if (i32.eq (local.get 0) (i32.const 1)) (then unreachable))
        (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $tag (i32.const 7))))
        (i32.const 1000))
    (func $down (export "down") (type $down)
        (global.set $sum (i32.add (global.get $sum) (i32.const 1)))
        (i32.store (i32.mul (i32.const 4) (local.get 0)) (local.get 0))
        (if (i32.eqz (local.get 0)) (then (return (call $end (local.get 1)))))
        (call $half (local.get 0))
        (i32.add (local.get 0) (call $other (i32.sub (local.get 0) (i32.const 1)) (local.get 1))))
    (func $other (type $down)
        (if (i32.eqz (i32.and (local.get 0) (i32.const 3))) (then (return (call $add
            (i32.load (i32.mul (i32.const 4) (i32.add (local.get 0) (i32.const 1))))
            (i32.sub (call_indirect (type $down) (local.get 0) (local.get 1) (i32.const 0)) (i32.const 1))))))
        (if (i32.and (local.get 0) (i32.const 1)) (then (return_call $down (local.get 0) (local.get 1))))
        (call_ref $down (local.get 0) (local.get 1) (ref.func $down)))
    (func (export "catch") (param i32) (result i32)
        (block $caught (result i32)
            (try_table (result i32) (catch $tag $caught) (call $down (local.get 0) (i32.const 2))))))"#;

/// What `DEEP` returns.
fn deep(depth: i32) -> i32 {
    // `$other` with a multiple of four adds the parameter above, less one.
    1000 + (1..=depth).sum::<i32>() + (0..depth).filter(|below| below % 4 == 0).sum::<i32>()
}

/// An instance of `DEEP`, whose host improves it when it is as far down as it says.
fn instance(lazy: &Engine, better: &Engine, at: i32) -> (Store<Option<Module>>, Instance, Module) {
    let module = module(lazy, DEEP);
    let mut store = Store::new(lazy, Some(module.clone()));
    let mut linker = Linker::new();
    let better = better.clone();
    let half = move |mut caller: Caller<'_, Option<Module>>, depth: i32| {
        if depth == at
            && let Some(module) = caller.data_mut().take()
        {
            module.improve(&better).unwrap();
        }
    };
    linker.func_wrap("host", "half", half).unwrap();
    linker.func_wrap("host", "add", |_: Caller<'_, Option<Module>>, a: i32, b: i32| a + b).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance, module)
}

#[test]
fn calls_go_over_in_the_middle_of_others_and_return_to_them() {
    for (lazy, better) in tiers() {
        let (depth, at) = (40, 20);
        let (mut store, instance, module) = instance(&lazy, &better, at);
        assert_eq!(module.tier(), "singlepass");
        for _ in 0..3 {
            let down = func::<_, (i32, i32), i32>(&mut store, instance, "down");
            assert_eq!(down.call(&mut store, (depth, 0)).unwrap(), deep(depth));
        }
        assert_eq!(module.tier(), better.backend().unwrap().name);
        let Extern::Global(sum) = export(&mut store, instance, "sum") else { panic!("a global") };
        assert!(matches!(sum.get(&store).unwrap(), Val::I32(count) if count == 3 * (depth + 1)));
        // `$end` was only reached afterwards.
        assert_eq!(module.functions_compiled(), Some(2));
        assert!(module.improve(&better).is_err());
    }
}

/// The frames of a trap are the same wherever in them the code was left for better code.
#[test]
fn traps_and_exceptions_pass_from_better_code_to_what_called_it() {
    for (lazy, better) in tiers() {
        // Compilers may put the function that traps into its caller.
        let callers = |store: &mut Store<_>, instance| {
            let result = func::<_, (i32, i32), i32>(store, instance, "down").call(store, (12, 1));
            let mut frames = places(&trap(&result, TrapCode::Unreachable).backtrace.frames);
            frames.split_off(frames.iter().position(|(name, _)| name == "other").unwrap())
        };
        let expected = {
            let (mut store, instance, _) = instance(&lazy, &better, -1);
            callers(&mut store, instance)
        };
        for at in 1..=12 {
            let (mut store, instance, module) = instance(&lazy, &better, at);
            for _ in 0..2 {
                assert_eq!(callers(&mut store, instance), expected, "at {at}");
            }
            assert_eq!(module.tier(), better.backend().unwrap().name);
            // At first what throws is better code, and what catches is not.
            let (mut store, instance, _) = self::instance(&lazy, &better, at);
            for _ in 0..2 {
                let caught = func::<_, i32, i32>(&mut store, instance, "catch").call(&mut store, 12);
                assert_eq!(caught.unwrap(), 7, "at {at}");
            }
        }
    }
}

#[test]
fn better_code_is_interrupted_under_what_called_it() {
    for (lazy, better) in tiers() {
        let (mut store, instance, module) = instance(&lazy, &better, 3);
        let handle = store.interrupt_handle();
        let timer = thread::spawn(move || {
            while module.tier() == "singlepass" {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_millis(20));
            handle.interrupt();
        });
        let result = func::<_, (i32, i32), i32>(&mut store, instance, "down").call(&mut store, (5, 3));
        timer.join().unwrap();
        // Compilers may put a function into its caller.
        assert!(trap(&result, TrapCode::Interrupted).backtrace.frames.len() >= 9);
        store.clear_interrupt();
        assert_eq!(func::<_, (i32, i32), i32>(&mut store, instance, "down").call(&mut store, (5, 0)).unwrap(), deep(5));
    }
}

/// Stores on several threads go over while they run, each by itself.
#[test]
fn threads_go_over_while_they_run() {
    const THREADS: usize = 3;
    for (lazy, better) in tiers() {
        let module = module(&lazy, &chain(30));
        let barrier = Barrier::new(THREADS + 1);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut store = Store::new(&lazy, ());
                    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
                    barrier.wait();
                    // Some calls more once there is better code.
                    let mut left = 3;
                    while left > 0 {
                        left -= i32::from(module.tier() != "singlepass");
                        for start in (0..30).rev() {
                            let call = func::<_, i32, i32>(&mut store, instance, &format!("f{start}"));
                            assert_eq!(call.call(&mut store, 1).unwrap(), 1 + (start..29).sum::<i32>());
                        }
                    }
                });
            }
            barrier.wait();
            module.improve(&better).unwrap();
        });
    }
}

/// Arguments in registers and in memory cross over, and results of all types come back.
#[test]
fn values_cross_over() {
    for (lazy, better) in tiers() {
        let types = ["i32", "i64", "f32", "f64", "v128"];
        let values: Vec<_> = (0..40).map(|index| types[index % 5]).collect();
        let gets: String = (0..40).map(|index| format!("(local.get {index})")).collect();
        let constants: String = (0..40)
            .map(|index| match types[index % 5] {
                "v128" => format!("(v128.const i64x2 {index} {index})"),
                ty => format!("({ty}.const {index})"),
            })
            .collect();
        // Each value is what it was: the last first, as they stand on the stack.
        let checks: String = (0..40)
            .rev()
            .map(|index| match types[index % 5] {
                "v128" => format!("(i64x2.extract_lane 1) (i64.ne (i64.const {index}))\n"),
                ty => format!("({ty}.ne ({ty}.const {index}))\n"),
            })
            .map(|check| format!("{check} (if (then unreachable))\n"))
            .collect();
        let wat = format!(
            "(module (import \"host\" \"now\" (func $now))
                (func $same (param {0}) (result {0}) (loop) {gets})
                (func (export \"run\") (call $now) (call $same {constants}) {checks}))",
            values.join(" ")
        );
        let module = module(&lazy, &wat);
        let mut store = Store::new(&lazy, ());
        let mut linker = Linker::new();
        let (improved, better) = (module.clone(), better);
        linker.func_wrap("host", "now", move |_: Caller<'_, ()>| drop(improved.improve(&better))).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        for _ in 0..2 {
            run(&mut store, instance, "run").unwrap();
        }
        assert_eq!(module.functions_compiled(), Some(1));
    }
}

#[test]
fn what_cannot_be_improved_says_so() {
    for (lazy, better) in tiers() {
        let eager = module(&better, "(module)");
        assert!(eager.improve(&better).is_err());
        let module = module(&lazy, "(module (func (export \"run\")))");
        assert!(module.improve(&lazy).is_err(), "the better code has to be there at once");
        let metered = Engine::new(Backend::Cranelift.config().unwrap().fuel(true)).unwrap();
        assert!(module.improve(&metered).is_err());
        assert_eq!(module.tier(), "singlepass");
        module.improve(&better).unwrap();
    }
}
