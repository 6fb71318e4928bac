//! Better code for what runs, which takes over function by function.

use std::thread;
use std::time::Duration;

use super::chain;
use super::switching::tiers;
use crate::common::*;
use wasmer_runtime::*;

/// Works until the host says that it is done, then calls what it never called before, which ends as it is told to.
const WORK: &str = r#"(module $work
    (type $step (func (param i32 i64 f32 f64) (result i32 f64 i64)))
    (import "host" "done" (func $done (result i32)))
    (memory 1) (table 2 funcref) (elem (i32.const 0) $step $rare)
    (tag $tag (param i32))
    (global $turns (export "turns") (mut i64) (i64.const 0))
    (func $step (type $step)
        (local $i i32)
        (loop $again
            (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (local.get 0)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 5))))
        (i32.add (local.get 0) (i32.const 1)) (f64.add (local.get 3) (f64.promote_f32 (local.get 2))) (local.get 1))
    (func $rare (param $how i32) (result i32) (local $i i32)
        (if (i32.eq (local.get $how) (i32.const 1)) (then unreachable))
        (if (i32.eq (local.get $how) (i32.const 2)) (then (throw $tag (i32.const 7))))
        (if (i32.eq (local.get $how) (i32.const 3)) (then (loop $ever (br $ever))))
        (if (i32.eq (local.get $how) (i32.const 4)) (then (return (call $rare (local.get $how)))))
        (i32.const 40))
    (func $work (param $how i32) (result i32) (local $a f64) (local $b i64) (local $c i32)
        (global.set $turns (i64.add (global.get $turns) (i64.const 1)))
        (call_indirect (type $step)
            (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 0))
        (local.set $b) (local.set $a) (local.set $c)
        (if (i64.ne (local.get $b) (i64.const 2)) (then unreachable))
        (if (f64.ne (local.get $a) (f64.const 7)) (then unreachable))
        (if (result i32) (local.get $how)
            (then (i32.add (local.get $c) (call $rare (local.get $how))))
            (else (local.get $c))))
    (func (export "run") (param $how i32) (result i32)
        (loop $again
            (if (i32.ne (call $work (i32.const 0)) (i32.const 2)) (then unreachable))
            (br_if $again (i32.eqz (call $done))))
        (call $work (local.get $how)))
    (func (export "catch") (result i32)
        (block $caught (result i32)
            (try_table (result i32) (catch $tag $caught) (call $work (i32.const 2))))))"#;

/// An instance of `WORK`, which goes over while it works, and is done when it has gone over in a loop and at calls.
fn at_work(lazy: &Engine, better: &Engine) -> (Store<()>, Instance, Module) {
    let module = module(lazy, WORK);
    let mut store = Store::new(lazy, ());
    let mut linker = Linker::new();
    let worked = module.clone();
    let done = move |_: Caller<'_, ()>| {
        i32::from(worked.functions_improved() >= Some(2) && worked.loops_continued() >= Some(1))
    };
    linker.func_wrap("host", "done", done).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    module.improve_gradually(better).unwrap();
    (store, instance, module)
}

#[test]
fn what_runs_goes_over_and_calls_what_has_not() {
    for (lazy, better) in tiers() {
        let (mut store, instance, module) = at_work(&lazy, &better);
        let run = func::<_, i32, i32>(&mut store, instance, "run");
        for how in [0, 5, 0, 5] {
            assert_eq!(run.call(&mut store, how).unwrap(), if how == 0 { 2 } else { 42 });
            assert_eq!(module.tier(), better.backend().unwrap().name);
        }
    }
}

/// The thread that has found nothing to run, and sleeps, finds what runs later.
#[test]
fn what_runs_after_a_rest_goes_over() {
    for (lazy, better) in tiers() {
        let (mut store, instance, module) = at_work(&lazy, &better);
        thread::sleep(Duration::from_millis(50));
        assert_eq!(module.functions_improved(), None);
        let run = func::<_, i32, i32>(&mut store, instance, "run");
        assert_eq!(run.call(&mut store, 0).unwrap(), 2);
        assert_eq!(module.tier(), better.backend().unwrap().name);
    }
}

#[test]
fn what_has_not_gone_over_ends_as_it_would() {
    for (lazy, better) in tiers() {
        let (mut store, instance, _module) = at_work(&lazy, &better);
        let run = func::<_, i32, i32>(&mut store, instance, "run");
        let frames = |trap: &Trap| places(&trap.backtrace.frames).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        for _ in 0..2 {
            let result = run.call(&mut store, 1);
            let names = frames(trap(&result, TrapCode::Unreachable));
            assert_eq!(names[0], "rare", "{names:?}");
            assert_eq!(names[1], "work", "{names:?}");
            assert!(trap(&run.call(&mut store, 4), TrapCode::StackOverflow).backtrace.frames.len() > 50);
            let caught = func::<_, (), i32>(&mut store, instance, "catch").call(&mut store, ());
            assert_eq!(caught.unwrap(), 7);
            let handle = store.interrupt_handle();
            let timer = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                handle.interrupt();
            });
            let result = run.call(&mut store, 3);
            timer.join().unwrap();
            trap(&result, TrapCode::Interrupted);
            store.clear_interrupt();
            assert_eq!(run.call(&mut store, 0).unwrap(), 2);
        }
    }
}

/// All of the better code takes over from some of it.
#[test]
fn the_whole_module_follows() {
    for (lazy, better) in tiers() {
        let (mut store, instance, module) = at_work(&lazy, &better);
        let run = func::<_, i32, i32>(&mut store, instance, "run");
        assert_eq!(run.call(&mut store, 0).unwrap(), 2);
        module.improve(&better).unwrap();
        assert!(module.improve(&better).is_err());
        for how in [0, 5] {
            assert_eq!(run.call(&mut store, how).unwrap(), if how == 0 { 2 } else { 42 });
        }
        trap(&run.call(&mut store, 1), TrapCode::Unreachable);
    }
}

/// Stores on several threads go over while they run, each by itself; and modules go away while a thread compiles.
#[test]
fn threads_go_over_and_modules_go_away() {
    for (lazy, better) in tiers() {
        for _ in 0..5 {
            let module = module(&lazy, &chain(30));
            module.improve_gradually(&better).unwrap();
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        let mut store = Store::new(&lazy, ());
                        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
                        let mut left = 3;
                        while left > 0 {
                            left -= i32::from(module.functions_improved() >= Some(10));
                            for start in (0..30).rev() {
                                let call = func::<_, i32, i32>(&mut store, instance, &format!("f{start}"));
                                assert_eq!(call.call(&mut store, 1).unwrap(), 1 + (start..29).sum::<i32>());
                            }
                        }
                    });
                }
            });
        }
    }
}

/// A chain of tail calls that goes from one tier to the other and back takes no stack.
#[test]
fn tail_calls_stay_in_one_tier() {
    let wat = r#"(module
        (func $even (export "even") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
            (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
        (func $odd (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
            (drop (call $half (local.get 0)))
            (return_call $even (i32.sub (local.get 0) (i32.const 1))))
        (func $half (param i32) (result i32) (loop) (i32.shr_u (local.get 0) (i32.const 1))))"#;
    for (lazy, better) in tiers() {
        for seed in 0..40 {
            let config = Backend::Singlepass.config().unwrap().lazy(Validation::Before).switching(better.clone(), seed);
            let (mut store, instance) = instantiate(&Engine::new(config).unwrap(), wat);
            assert_eq!(func::<_, i32, i32>(&mut store, instance, "even").call(&mut store, 300_000).unwrap(), 1);
        }
        let module = module(&lazy, wat);
        let mut store = Store::new(&lazy, ());
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        module.improve_gradually(&better).unwrap();
        while module.functions_improved().is_none() {
            assert_eq!(func::<_, i32, i32>(&mut store, instance, "even").call(&mut store, 300_000).unwrap(), 1);
        }
        assert_eq!(func::<_, i32, i32>(&mut store, instance, "even").call(&mut store, 300_000).unwrap(), 1);
    }
}

/// A loop that asks for better code, of which there never is some, notices an interrupt when it asks: its function is in the backtrace then.
#[test]
fn a_loop_that_is_interrupted_while_it_asks_has_its_frame() {
    let wat = r#"(module
        (import "host" "hold" (func $hold))
        (func $stays (param i32) (result i32)
            (loop $again (br_if $again (local.get 0)))
            (return_call $stays (local.get 0)))
        (func $run (export "run") (call $hold) (drop (call $stays (i32.const 1)))))"#;
    for (lazy, better) in tiers() {
        let module = module(&lazy, wat);
        let mut store = Store::new(&lazy, ());
        let mut linker = Linker::new();
        let handle = store.interrupt_handle();
        let hold = move || {
            hold_interrupts(true);
            let handle = handle.clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                handle.interrupt();
            });
        };
        linker.func_wrap("host", "hold", hold).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        module.improve_gradually(&better).unwrap();
        let result = run(&mut store, instance, "run");
        hold_interrupts(false);
        let operator = operator_offsets(&wat::parse_str(wat).unwrap(), 0, "Loop")[0];
        let frames = places(&trap(&result, TrapCode::Interrupted).backtrace.frames);
        assert_eq!(frames[0], ("stays".to_owned(), operator));
        assert_eq!(frames.iter().map(|(name, _)| &name[..]).collect::<Vec<_>>(), ["stays", "run"]);
    }
}

#[test]
fn what_cannot_be_improved_gradually_says_so() {
    for (_, better) in tiers() {
        assert!(module(&better, "(module)").improve_gradually(&better).is_err());
        let alone = lazy_engine_with(|config| config.threads(1)).unwrap();
        assert!(module(&alone, "(module)").improve_gradually(&better).is_err());
        let lazy = lazy_engine_with(|config| config.threads(2)).unwrap();
        let module = module(&lazy, "(module (func (export \"run\")))");
        let metered = Engine::new(Backend::Cranelift.config().unwrap().fuel(true)).unwrap();
        assert!(module.improve_gradually(&metered).is_err());
        module.improve(&better).unwrap();
        assert!(module.improve_gradually(&better).is_err());
    }
}
