//! Guests are ended by other threads: wherever they are, always, and without harm to what runs next.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::*;
use wasmer_runtime::*;

/// Seconds after which an interrupt counts as lost.
const LOST: u64 = 20;

const SPIN: &str = r#"(module $m
    (global $turns (export "turns") (mut i64) (i64.const 0))
    (func $spin (export "spin") (loop $again br $again))
    (func (export "count") (loop $again
        (global.set $turns (i64.add (global.get $turns) (i64.const 1)))
        br $again))
    (func (export "answer") (result i32) i32.const 42))"#;

#[test]
fn an_endless_loop_ends() {
    for (backend, engine) in engines() {
        for name in ["spin", "count"] {
            within(LOST, {
                let engine = engine.clone();
                move || {
                    let (mut store, instance) = instantiate(&engine, SPIN);
                    let handle = store.interrupt_handle();
                    let timer = thread::spawn(move || {
                        thread::sleep(Duration::from_millis(20));
                        handle.interrupt();
                    });
                    let result = run(&mut store, instance, name);
                    let trap = trap(&result, TrapCode::Interrupted);
                    assert_eq!(trap.backtrace.frames.len(), 1, "{backend}: {}", trap.backtrace);
                    timer.join().unwrap();
                }
            });
        }
    }
}

#[test]
fn an_interrupted_store_stays_so_until_it_is_cleared() {
    for (_, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, SPIN);
        let handle = store.interrupt_handle();
        assert!(!handle.is_interrupted());
        handle.interrupt();
        assert!(handle.is_interrupted());
        let answer = func::<_, (), i32>(&mut store, instance, "answer");
        for _ in 0..3 {
            trap(&answer.call(&mut store, ()), TrapCode::Interrupted);
        }
        store.clear_interrupt();
        assert_eq!(answer.call(&mut store, ()).unwrap(), 42);
        // A handle may outlive its store.
        drop(store);
        handle.interrupt();
    }
}

#[test]
fn no_interrupt_is_lost() {
    for (_, engine) in engines() {
        within(3 * LOST, move || {
            let (mut store, instance) = instantiate(&engine, SPIN);
            let spin = func::<_, (), ()>(&mut store, instance, "spin");
            let handle = store.interrupt_handle();
            for round in 0..200u32 {
                let handle = handle.clone();
                // From before the call starts to when it certainly runs.
                let delay = Duration::from_micros(u64::from(round % 50) * 7);
                let timer = thread::spawn(move || {
                    let started = Instant::now();
                    while started.elapsed() < delay {
                        std::hint::spin_loop();
                    }
                    handle.interrupt();
                });
                trap(&spin.call(&mut store, ()), TrapCode::Interrupted);
                timer.join().unwrap();
                store.clear_interrupt();
            }
        });
    }
}

#[test]
fn no_interrupt_is_lost_between_guest_and_host() {
    // The guest spends nearly all time in the stubs between wasm and host, in libcalls and in nested calls.
    let wat = r#"(module
        (import "host" "nothing" (func $nothing))
        (import "host" "nested" (func $nested))
        (memory 1)
        (func (export "inner"))
        (func (export "calls") (loop $again call $nothing br $again))
        (func (export "libcalls") (loop $again (drop (memory.grow (i32.const 0))) br $again))
        (func (export "nested") (loop $again call $nested br $again)))"#;
    for (_, engine) in engines() {
        within(3 * LOST, move || {
            let mut linker = Linker::new();
            linker.func_wrap("host", "nothing", || ()).unwrap();
            linker
                .func_wrap("host", "nested", |mut caller: Caller<'_, ()>| {
                    let inner = caller.export("inner").and_then(Extern::func).unwrap();
                    inner.typed::<(), ()>(&caller)?.call(&mut caller, ())
                })
                .unwrap();
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
            let handle = store.interrupt_handle();
            for round in 0..150u32 {
                let handle = handle.clone();
                let timer = thread::spawn(move || {
                    thread::sleep(Duration::from_micros(u64::from(round % 10) * 50));
                    handle.interrupt();
                });
                let name = ["calls", "libcalls", "nested"][round as usize % 3];
                trap(&run(&mut store, instance, name), TrapCode::Interrupted);
                timer.join().unwrap();
                store.clear_interrupt();
            }
        });
    }
}

#[test]
fn a_host_function_finishes_and_the_guest_then_stops() {
    for (_, engine) in engines() {
        within(LOST, move || {
            let mut linker = Linker::new();
            let finished = Arc::new(AtomicU32::new(0));
            let counter = Arc::clone(&finished);
            let (began, has_begun) = mpsc::channel();
            linker
                .func_wrap("host", "sleep", move || {
                    began.send(()).unwrap();
                    thread::sleep(Duration::from_millis(150));
                    counter.fetch_add(1, Ordering::Relaxed);
                })
                .unwrap();
            let wat = r#"(module (import "host" "sleep" (func $sleep)) (func (export "run") call $sleep call $sleep))"#;
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
            let handle = store.interrupt_handle();
            let timer = thread::spawn(move || {
                has_begun.recv().unwrap();
                handle.interrupt();
            });
            trap(&run(&mut store, instance, "run"), TrapCode::Interrupted);
            assert_eq!(finished.load(Ordering::Relaxed), 1, "the first call ends, the second never begins");
            timer.join().unwrap();
        });
    }
}

#[test]
fn a_sleeping_guest_wakes_up() {
    let wat = r#"(module (memory (export "memory") 1 1 shared)
        (func (export "wait") (result i32) (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1))))"#;
    for (_, engine) in engines() {
        within(LOST, move || {
            let (mut store, instance) = instantiate(&engine, wat);
            let wait = func::<_, (), i32>(&mut store, instance, "wait");
            for _ in 0..5 {
                let handle = store.interrupt_handle();
                let timer = thread::spawn(move || {
                    thread::sleep(Duration::from_millis(10));
                    handle.interrupt();
                });
                trap(&wait.call(&mut store, ()), TrapCode::Interrupted);
                timer.join().unwrap();
                store.clear_interrupt();
            }
        });
    }
}

#[test]
fn a_nested_store_can_be_interrupted() {
    for (_, engine) in engines() {
        within(LOST, move || {
            let inner_module = module(&engine, SPIN);
            let inner_engine = engine.clone();
            let mut linker = Linker::new();
            // A store inside a host function of another store: each is interrupted for itself.
            linker
                .func_wrap("host", "inner", move || {
                    let mut store = Store::new(&inner_engine, ());
                    let instance = Linker::new().instantiate(&mut store, &inner_module).unwrap();
                    let handle = store.interrupt_handle();
                    let timer = thread::spawn(move || {
                        thread::sleep(Duration::from_millis(20));
                        handle.interrupt();
                    });
                    trap(&run(&mut store, instance, "spin"), TrapCode::Interrupted);
                    timer.join().unwrap();
                    7
                })
                .unwrap();
            let wat = r#"(module (import "host" "inner" (func $inner (result i32)))
                (func (export "run") (result i32) (call $inner)))"#;
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
            assert_eq!(func::<_, (), i32>(&mut store, instance, "run").call(&mut store, ()).unwrap(), 7);
        });
    }
}

#[test]
fn an_interrupt_stops_its_own_store_only() {
    for (_, engine) in engines() {
        within(LOST, move || {
            let wat = r#"(module (func (export "work") (param i32) (result i32)
                (loop $again (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                i32.const 42))"#;
            let module = module(&engine, wat);
            let others = [(); 3].map(|()| Store::new(&engine, ()).interrupt_handle());
            let worker = thread::spawn(move || {
                let mut store = Store::new(&engine, ());
                let instance = Linker::new().instantiate(&mut store, &module).unwrap();
                let work = func::<_, i32, i32>(&mut store, instance, "work");
                for _ in 0..20 {
                    assert_eq!(work.call(&mut store, 1_000_000).unwrap(), 42);
                }
            });
            while !worker.is_finished() {
                others.iter().for_each(InterruptHandle::interrupt);
            }
            worker.join().unwrap();
        });
    }
}
