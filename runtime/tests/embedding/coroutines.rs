//! Host functions that wait in stackful coroutines: frames of several guests stand on one stack for wasm, and none overwrites another's.

use std::cell::RefCell;

use crate::common::*;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use wasmer_runtime::*;

/// Recurses `depth` deep with a live value in each frame, waits at the bottom, then adds the values up.
const DEEP: &str = r#"(module (import "host" "wait" (func $wait))
    (func $deep (export "deep") (param $depth i64) (param $tag i64) (result i64) (local $value i64)
        (local.set $value (i64.mul (local.get $tag) (local.get $depth)))
        (if (i64.eqz (local.get $depth))
            (then (call $wait))
            (else (local.set $value (i64.add (local.get $value)
                (call $deep (i64.sub (local.get $depth) (i64.const 1)) (local.get $tag))))))
        (local.get $value)))"#;

fn expected(depth: i64, tag: i64) -> i64 {
    tag * depth * (depth + 1) / 2
}

type Guest = Coroutine<(), (), Result<i64>>;

/// A guest in a store and a coroutine of its own.
fn guest(engine: &Engine, module: &Module, depth: i64, tag: i64) -> Guest {
    let (engine, module) = (engine.clone(), module.clone());
    Coroutine::with_stack(DefaultStack::new(1 << 20).unwrap(), move |yielder: &Yielder<(), ()>, ()| {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new();
        let yielder = std::ptr::from_ref(yielder).expose_provenance();
        linker
            .func_wrap("host", "wait", move || {
                // SAFETY: the coroutine to which it belongs runs now, and not yet for the last time.
                unsafe { (*std::ptr::with_exposed_provenance::<Yielder<(), ()>>(yielder)).suspend(()) };
            })
            .unwrap();
        let instance = linker.instantiate(&mut store, &module)?;
        instance.typed_func::<(i64, i64), i64>(&mut store, "deep")?.call(&mut store, (depth, tag))
    })
}

fn goes_on(guest: &mut Guest) {
    assert!(matches!(guest.resume(()), CoroutineResult::Yield(())));
}

fn ends(guest: &mut Guest) -> Result<i64> {
    match guest.resume(()) {
        CoroutineResult::Return(result) => result,
        CoroutineResult::Yield(()) => panic!("it waits once"),
    }
}

fn refused(result: Result<i64>) {
    match result {
        Err(Error::Resource(error)) => assert!(matches!(*error, ResourceError::OutOfOrder), "{error}"),
        other => panic!("{other:?}"),
    }
}

/// Every order in which three guests can end: those that end before one that began later are ended, the others are right.
#[test]
fn guests_end_in_any_order() {
    const ORDERS: [[usize; 3]; 6] = [[2, 1, 0], [2, 0, 1], [1, 2, 0], [1, 0, 2], [0, 1, 2], [0, 2, 1]];
    for (_, engine) in engines() {
        let module = module(&engine, DEEP);
        for order in ORDERS {
            let numbers = [(200, 3), (700, 1_000_000_007), (50, 11)];
            let mut guests = numbers.map(|(depth, tag)| guest(&engine, &module, depth, tag));
            guests.iter_mut().for_each(goes_on);
            for (position, which) in order.into_iter().enumerate() {
                let result = ends(&mut guests[which]);
                let is_innermost = order[position..].iter().all(|later| *later <= which);
                if is_innermost {
                    assert_eq!(result.unwrap(), expected(numbers[which].0, numbers[which].1), "{order:?}");
                } else {
                    refused(result);
                }
                // Another one comes and goes meanwhile.
                let mut other = guest(&engine, &module, 400, 5);
                goes_on(&mut other);
                assert_eq!(ends(&mut other).unwrap(), expected(400, 5), "{order:?}");
            }
            let (mut store, instance) = instantiate(&engine, "(module (func $down (export \"down\") call $down))");
            trap(&run(&mut store, instance, "down"), TrapCode::StackOverflow);
        }
    }
}

#[test]
fn guests_are_dropped_in_any_order() {
    for (_, engine) in engines() {
        let module = module(&engine, DEEP);
        let mut first = guest(&engine, &module, 100, 3);
        let mut second = guest(&engine, &module, 100, 7);
        goes_on(&mut first);
        goes_on(&mut second);
        // Unwinds the coroutine.
        drop(first);
        let mut third = guest(&engine, &module, 300, 9);
        goes_on(&mut third);
        assert_eq!(ends(&mut third).unwrap(), expected(300, 9));
        assert_eq!(ends(&mut second).unwrap(), expected(100, 7));
    }
}

#[test]
fn a_thread_may_end_while_guests_wait() {
    thread_local! {
        static EARLY: RefCell<Option<Guest>> = const { RefCell::new(None) };
        static LATE: RefCell<Option<Guest>> = const { RefCell::new(None) };
    }
    for (_, engine) in engines() {
        let module = module(&engine, DEEP);
        let end = move || {
            let waiting = || {
                let mut guest = guest(&engine, &module, 100, 3);
                goes_on(&mut guest);
                guest
            };
            // Thread locals are dropped in some order: of the two, one after the stack for wasm.
            EARLY.with_borrow_mut(|early| {
                *early = None;
                *early = Some(waiting());
            });
            LATE.set(Some(waiting()));
        };
        std::thread::spawn(end).join().unwrap();
    }
}

/// On a coroutine's stack, wherever it is, guests recurse through the host as far as there is room.
#[test]
fn recursion_through_the_host_traps_on_a_coroutine() {
    let wat = r#"(module (import "host" "again" (func $again)) (func $down (export "down") call $again))"#;
    for (backend, engine) in engines_with(|config| config.stack_bytes(64 << 20)) {
        let module = module(&engine, wat);
        let stacks = [256 << 10, 1 << 20, 1 << 20, 4 << 20].map(|bytes| DefaultStack::new(bytes).unwrap());
        let on_thread = move || {
            for stack in stacks {
                let (engine, module) = (engine.clone(), module.clone());
                let mut coroutine = Coroutine::with_stack(stack, move |_: &Yielder<(), ()>, ()| {
                    let mut linker = Linker::new();
                    linker
                        .func_wrap("host", "again", |mut caller: Caller<'_, u32>| {
                            *caller.data_mut() += 1;
                            let down = caller.export("down").and_then(Extern::func).unwrap();
                            down.typed::<(), ()>(&caller)?.call(&mut caller, ())
                        })
                        .unwrap();
                    let mut store = Store::new(&engine, 0);
                    let instance = linker.instantiate(&mut store, &module).unwrap();
                    trap(&run(&mut store, instance, "down"), TrapCode::StackOverflow);
                    *store.data()
                });
                let CoroutineResult::Return(depth) = coroutine.resume(()) else { panic!("it does not wait") };
                assert!(depth > 20, "{backend}: {depth} calls");
            }
        };
        std::thread::spawn(on_thread).join().unwrap();
    }
}
