//! Calls that wait for host functions without a thread: parked guests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::common::executor::{block_on, pending, poll, ready};
use crate::common::*;
use wasmer_runtime::*;

/// Recurses `depth` deep with a live value in each frame, waits at the bottom, then adds the values up.
const DEEP: &str = r#"(module (import "host" "wait" (func $wait (param i64) (result i64)))
    (func $deep (export "deep") (param $depth i64) (param $tag i64) (result i64) (local $value i64)
        (local.set $value (i64.mul (local.get $tag) (local.get $depth)))
        (if (i64.eqz (local.get $depth))
            (then (local.set $value (call $wait (local.get $tag))))
            (else (local.set $value (i64.add (local.get $value)
                (call $deep (i64.sub (local.get $depth) (i64.const 1)) (local.get $tag))))))
        (local.get $value)))"#;

fn expected(depth: i64, tag: i64) -> i64 {
    tag * depth * (depth + 1) / 2 + tag + 1
}

/// A linker whose `wait` is pending so many times, counts its calls in the store, and adds one.
fn linker(times: usize) -> Linker<u64> {
    let mut linker = Linker::new();
    linker
        .func_wrap_async("host", "wait", move |mut caller: AsyncCaller<'_, u64>, (value,): (i64,)| {
            Box::new(async move {
                pending(times).await;
                *caller.data_mut() += 1;
                value + 1
            })
        })
        .unwrap();
    linker
}

type Guest = Pin<Box<dyn Future<Output = Result<i64>> + Send>>;

/// A guest with its store.
fn guest(engine: &Engine, module: &Module, times: usize, depth: i64, tag: i64) -> Guest {
    let (engine, module) = (engine.clone(), module.clone());
    Box::pin(async move {
        let mut store = Store::new(&engine, 0);
        let instance = linker(times).instantiate_async(&mut store, &module).await?;
        let deep = instance.typed_func::<(i64, i64), i64>(&mut store, "deep")?;
        deep.call_async(&mut store, (depth, tag)).await
    })
}

#[test]
fn parked_guests_go_on_in_any_order_and_on_any_thread() {
    const ORDERS: [[usize; 3]; 6] = [[2, 1, 0], [2, 0, 1], [1, 2, 0], [1, 0, 2], [0, 1, 2], [0, 2, 1]];
    for (_, engine) in engines() {
        let module = module(&engine, DEEP);
        for (round, order) in ORDERS.into_iter().enumerate() {
            let numbers = [(200, 3), (700, 1_000_000_007), (50, 11)];
            let mut guests = numbers.map(|(depth, tag)| guest(&engine, &module, 2, depth, tag));
            guests.iter_mut().for_each(|guest| assert!(poll(guest).is_pending()));
            for which in order {
                let (depth, tag) = numbers[which];
                // Others come and go, with and without waiting.
                assert_eq!(ready(&mut guest(&engine, &module, 0, 400, 5)).unwrap(), expected(400, 5));
                assert!(poll(&mut guest(&engine, &module, 1, 300, 5)).is_pending());
                let guest = &mut guests[which];
                assert!(poll(guest).is_pending());
                let result = match round % 2 {
                    0 => ready(guest),
                    _ => thread::scope(|scope| scope.spawn(|| ready(guest)).join().unwrap()),
                };
                assert_eq!(result.unwrap(), expected(depth, tag), "{order:?}");
            }
        }
    }
}

/// More values live than there are registers, some in those that C preserves, while the guest goes from thread to thread.
#[test]
fn registers_survive_a_wait() {
    const VALUES: usize = 12;
    let locals = "(local i64)".repeat(VALUES);
    let begin: String =
        (0..VALUES).map(|at| format!("(local.set {at} (i64.load offset={} (i32.const 0)))", 8 * at)).collect();
    let add: String = (0..VALUES)
        .map(|at| {
            format!("(local.set {at} (i64.add (local.get {at}) (i64.mul (local.get $n) (i64.const {}))))", at + 1)
        })
        .collect();
    let sum: String = (0..VALUES).map(|at| format!("(local.get {at})")).collect();
    let adds = "i64.xor ".repeat(VALUES - 1);
    let wat = format!(
        r#"(module (import "host" "wait" (func $wait (param i64) (result i64))) (memory 1)
        (func (export "run") (result i64) {locals} (local $n i64) {begin}
            (loop
                (local.set $n (call $wait (local.get $n))) {add}
                (br_if 0 (i64.lt_s (local.get $n) (i64.const 5))))
            {sum} {adds}))"#
    );
    let expected = (1..=VALUES as i64).map(|factor| factor * 15).fold(0, |sum, value| sum ^ value);
    for (backend, engine) in engines() {
        let module = module(&engine, &wat);
        let mut store = Store::new(&engine, 0);
        let instance = linker(1).instantiate(&mut store, &module).unwrap();
        let run = func::<_, (), i64>(&mut store, instance, "run");
        let mut future = Box::pin(run.call_async(&mut store, ()));
        let mut polls = 0;
        let result = loop {
            polls += 1;
            let polled = match polls % 2 {
                0 => poll(&mut future),
                _ => thread::scope(|scope| scope.spawn(|| poll(&mut future)).join().unwrap()),
            };
            if let Poll::Ready(result) = polled {
                break result.unwrap();
            }
        };
        drop(future);
        assert_eq!((result, polls, *store.data()), (expected, 6, 5), "{backend}");
    }
}

#[test]
fn a_future_can_be_sent_if_the_data_can() {
    fn is_send(_: &impl Send) {}
    let (mut store, instance) = instantiate(&engine(), r#"(module (func (export "run") (param i32)))"#);
    let run = func::<_, i32, ()>(&mut store, instance, "run");
    let call = run.call_async(&mut store, 1);
    is_send(&call);
    block_on(call).unwrap();
    let untyped = run.func();
    let call = untyped.call_async(&mut store, &[Val::I32(1)], &mut []);
    is_send(&call);
    block_on(call).unwrap();
    block_on(untyped.call_async(&mut store, &[], &mut [])).unwrap_err();
    // Data that stay on their thread do not keep a call from it.
    let mut store = Store::new(&engine(), std::rc::Rc::new(1));
    let instance = Instance::new(&mut store, &module(&engine(), "(module (func (export \"run\")))"), &[]).unwrap();
    block_on(func::<_, (), ()>(&mut store, instance, "run").call_async(&mut store, ())).unwrap();
}

/// Counts how often it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_call_that_is_dropped_leaves_nothing() {
    for (backend, engine) in engines() {
        let module = module(&engine, DEEP);
        let dropped = Arc::new(AtomicUsize::new(0));
        let mut linker = Linker::<()>::new();
        let count = Arc::clone(&dropped);
        linker
            .func_wrap_async("host", "wait", move |_: AsyncCaller<'_, ()>, value: i64| {
                let guard = Dropped(Arc::clone(&count));
                Box::new(async move {
                    if value != 1 {
                        std::future::pending::<()>().await;
                    }
                    drop(guard);
                    value
                })
            })
            .unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let deep = func::<_, (i64, i64), i64>(&mut store, instance, "deep");
        for round in 0..200 {
            assert!(poll(&mut Box::pin(deep.call_async(&mut store, (100, 7)))).is_pending());
            assert_eq!(dropped.load(Ordering::Relaxed), 2 * round + 1);
            assert_eq!(block_on(deep.call_async(&mut store, (3, 1))).unwrap(), 7, "{backend}");
        }
        // A future that is forgotten borrows the store no longer.
        std::mem::forget({
            let mut call = Box::pin(deep.call_async(&mut store, (100, 7)));
            assert!(poll(&mut call).is_pending());
            call
        });
        store.gc();
        assert_eq!(block_on(deep.call_async(&mut store, (3, 1))).unwrap(), 7);
    }
}

#[test]
fn only_calls_that_can_wait_reach_what_waits() {
    let wat = r#"(module (import "host" "wait" (func $wait (param i64) (result i64))) (import "host" "again" (func $again))
        (func (export "run") (drop (call $wait (i64.const 1)))) (func (export "again") (call $again)))"#;
    for (_, engine) in engines() {
        let mut linker = linker(1);
        linker
            .func_wrap("host", "again", |mut caller: Caller<'_, u64>| {
                let run = caller.export("run").and_then(Extern::func).unwrap();
                run.call(&mut caller, &[], &mut [])
            })
            .unwrap();
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        let refused = |result: Result<()>| {
            let message = format!("{:#}", result.unwrap_err());
            assert!(message.contains("cannot wait for it") && message.contains("call_async"), "{message}");
        };
        refused(run(&mut store, instance, "run"));
        let again = func::<_, (), ()>(&mut store, instance, "again");
        refused(block_on(again.call_async(&mut store, ())));
        block_on(func::<_, (), ()>(&mut store, instance, "run").call_async(&mut store, ())).unwrap();
        assert_eq!(*store.data(), 1);
        let start = module(
            &engine,
            r#"(module (import "host" "wait" (func $wait (param i64) (result i64)))
            (func $start (drop (call $wait (i64.const 1)))) (start $start))"#,
        );
        refused(linker.instantiate(&mut store, &start).map(drop));
        block_on(linker.instantiate_async(&mut store, &start)).unwrap();
        block_on(linker.instantiate_pre(&start).unwrap().instantiate_async(&mut store)).unwrap();
        assert_eq!(*store.data(), 3);
    }
}

/// What a host function does after it has waited or not.
const WAYS: &str = r#"(module (import "host" "way" (func $way (param i32) (result i32))) (import "host" "tag" (tag $tag (param i32)))
    (func $run (export "run") (param i32) (result i32)
        (block $caught (result i32)
            (try_table (catch $tag $caught) (return (call $way (local.get 0))))
            (unreachable))
        (i32.add (i32.const 1000)))
    (func (export "unreachable") (param i32) (result i32) (drop (call $way (local.get 0))) (unreachable)))"#;

#[test]
fn failures_after_a_wait_are_those_without_one() {
    for (backend, engine) in engines() {
        let module = module(&engine, WAYS);
        for times in [0, 1, 3] {
            let mut store = Store::new(&engine, 0);
            let tag = Tag::new(&mut store, FuncType::new([ValType::I32], [])).unwrap();
            let mut linker = Linker::new();
            linker.define("host", "tag", tag).unwrap();
            linker
                .func_wrap_async("host", "way", move |mut caller: AsyncCaller<'_, u64>, way: i32| {
                    Box::new(async move {
                        pending(times).await;
                        match way {
                            0 => Ok(7),
                            1 => anyhow::bail!("the second way"),
                            2 => panic!("the third way"),
                            _ => Err(Error::from(ExnRef::new(&mut caller, tag, &[Val::I32(way)])?).into()),
                        }
                    })
                })
                .unwrap();
            let instance = linker.instantiate(&mut store, &module).unwrap();
            let run = func::<_, i32, i32>(&mut store, instance, "run");
            assert_eq!(block_on(run.call_async(&mut store, 0)).unwrap(), 7, "{backend}");
            match block_on(run.call_async(&mut store, 1)) {
                Err(Error::Host(failure)) => {
                    assert_eq!(failure.error.to_string(), "the second way");
                    assert_eq!(places(&failure.backtrace.frames)[0].0, "run");
                }
                other => panic!("{other:?}"),
            }
            let panicked =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on(run.call_async(&mut store, 2))));
            assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"the third way"));
            assert_eq!(block_on(run.call_async(&mut store, 5)).unwrap(), 1005, "{backend}");
            let failing = func::<_, i32, i32>(&mut store, instance, "unreachable");
            let result = block_on(failing.call_async(&mut store, 0));
            assert_eq!(trap(&result, TrapCode::Unreachable).backtrace.frames.len(), 1);
            assert_eq!(block_on(run.call_async(&mut store, 0)).unwrap(), 7, "{backend}");
        }
    }
}

/// Calls that wait in calls that wait, in the same store, down to nothing.
#[test]
fn host_functions_that_wait_call_guests_that_wait() {
    let wat = r#"(module (import "host" "down" (func $down (param i64) (result i64)))
        (func (export "down") (param $n i64) (result i64)
            (if (result i64) (i64.eqz (local.get $n)) (then (i64.const 0))
                (else (i64.add (local.get $n) (call $down (i64.sub (local.get $n) (i64.const 1))))))))"#;
    for (backend, engine) in engines() {
        for before in [0, 1] {
            let mut linker = Linker::<()>::new();
            linker
                .func_wrap_async("host", "down", move |mut caller: AsyncCaller<'_, ()>, n: i64| {
                    Box::new(async move {
                        pending(before).await;
                        let down = caller.instance().unwrap().typed_func::<i64, i64>(&mut caller, "down")?;
                        let result = down.call_async(&mut caller, n).await?;
                        pending(1).await;
                        // Without waiting, too.
                        assert_eq!(down.call(&mut caller.caller(), 0)?, 0);
                        caller.gc();
                        Ok::<_, Error>(result)
                    })
                })
                .unwrap();
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
            let down = func::<_, i64, i64>(&mut store, instance, "down");
            assert_eq!(block_on(down.call_async(&mut store, 20)).unwrap(), 210, "{backend}");
            // Each level takes from the host's stack: it ends before that does.
            let result = thread::scope(|scope| {
                let small = thread::Builder::new().stack_size(192 << 10);
                small.spawn_scoped(scope, || block_on(down.call_async(&mut store, 1 << 40))).unwrap().join().unwrap()
            });
            match result {
                Err(error) => assert!(format!("{error:#}").contains("call stack exhausted"), "{error:#}"),
                Ok(_) => panic!("it has an end"),
            }
            assert_eq!(block_on(down.call_async(&mut store, 20)).unwrap(), 210, "{backend}");
        }
    }
}

/// A host function that is no future waits on its thread for a call that is one: of its own store, and of others meanwhile.
#[test]
fn a_thread_that_is_in_a_guest_polls_others() {
    let wat = r#"(module (import "host" "outer" (func $outer (param i64) (result i64))) (import "host" "wait" (func $wait (param i64) (result i64)))
        (func (export "outer") (param i64) (result i64) (i64.add (local.get 0) (call $outer (local.get 0))))
        (func (export "inner") (param i64) (result i64) (i64.add (local.get 0) (call $wait (local.get 0)))))"#;
    for (backend, engine) in engines() {
        let (deep, other) = (module(&engine, DEEP), engine.clone());
        let mut linker = linker(2);
        linker
            .func_wrap("host", "outer", move |mut caller: Caller<'_, u64>, value: i64| {
                let inner = caller.instance().unwrap().typed_func::<i64, i64>(&mut caller, "inner")?;
                let mut before = guest(&other, &deep, 3, 100, 3);
                assert!(poll(&mut before).is_pending());
                let mut call = Box::pin(inner.call_async(&mut caller, value));
                assert!(poll(&mut call).is_pending());
                let mut after = guest(&other, &deep, 1, 200, 5);
                assert!(poll(&mut after).is_pending() && poll(&mut before).is_pending());
                let result = block_on(call)?;
                assert_eq!((ready(&mut after)?, block_on(before)?), (expected(200, 5), expected(100, 3)));
                Ok::<_, Error>(result)
            })
            .unwrap();
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        let outer = func::<_, i64, i64>(&mut store, instance, "outer");
        for _ in 0..3 {
            assert_eq!(outer.call(&mut store, 10).unwrap(), 31, "{backend}");
            assert_eq!(block_on(outer.call_async(&mut store, 10)).unwrap(), 31, "{backend}");
        }
    }
}

#[test]
fn an_interrupt_wakes_and_ends_a_parked_guest() {
    for (backend, engine) in engines() {
        let module = module(
            &engine,
            r#"(module (import "host" "wait" (func $wait))
            (func (export "park") (call $wait)) (func (export "spin") (call $wait) (loop (br 0))))"#,
        );
        let mut linker = Linker::<()>::new();
        let parks = Arc::new(AtomicUsize::new(0));
        let (count, dropped) = (Arc::clone(&parks), Arc::new(AtomicUsize::new(0)));
        let drops = Arc::clone(&dropped);
        linker
            .func_wrap_async("host", "wait", move |_: AsyncCaller<'_, ()>, (): ()| {
                let (count, guard) = (Arc::clone(&count), Dropped(Arc::clone(&drops)));
                Box::new(async move {
                    pending(1).await;
                    if count.fetch_add(1, Ordering::SeqCst) == 0 {
                        std::future::pending::<()>().await;
                    }
                    drop(guard);
                })
            })
            .unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let handle = store.interrupt_handle();
        for (round, name) in ["park", "spin"].into_iter().enumerate() {
            let call = func::<_, (), ()>(&mut store, instance, name);
            let (seen, handle) = (Arc::clone(&parks), handle.clone());
            let other = thread::spawn(move || {
                while seen.load(Ordering::SeqCst) == round {
                    thread::yield_now();
                }
                thread::sleep(Duration::from_millis(5));
                handle.interrupt();
            });
            let result = block_on(call.call_async(&mut store, ()));
            other.join().unwrap();
            let frames = &trap(&result, TrapCode::Interrupted).backtrace.frames;
            assert_eq!((frames.len(), dropped.load(Ordering::Relaxed)), (1, round + 1), "{backend}");
            trap(&block_on(call.call_async(&mut store, ())), TrapCode::Interrupted);
            store.clear_interrupt();
        }
    }
}

/// What only a parked guest holds lives, wherever the collection is made from, and is gone when the guest is.
#[test]
fn collections_look_at_parked_guests() {
    let wat = r#"(module (type $s (struct (field i64))) (import "host" "make" (func $make (result externref)))
        (import "host" "wait" (func $wait (param externref) (result externref)))
        (func $deep (param $depth i32) (param $held externref) (param $object (ref $s)) (result externref)
            (if (result externref) (i32.eqz (local.get $depth))
                (then (drop (call $wait (ref.null extern))) (local.get $held))
                (else (drop (call $deep (i32.sub (local.get $depth) (i32.const 1)) (call $make) (struct.new $s (i64.const 3))))
                    (if (i64.ne (struct.get $s 0 (local.get $object)) (i64.const 3)) (then (unreachable)))
                    (local.get $held))))
        (func (export "run") (result externref) (call $deep (i32.const 10) (call $make) (struct.new $s (i64.const 3)))))"#;
    for (backend, engine) in engines() {
        let Ok(module) = Module::new(&engine, &wasm(wat)) else { continue };
        let alive = Arc::new(());
        let mut linker = Linker::<()>::new();
        let made = Arc::clone(&alive);
        linker.func_wrap("host", "make", move || Some(ExternRef::new(Arc::clone(&made)))).unwrap();
        let seen = Arc::clone(&alive);
        linker
            .func_wrap_async("host", "wait", move |mut caller: AsyncCaller<'_, ()>, _: Option<ExternRef>| {
                let seen = Arc::clone(&seen);
                Box::new(async move {
                    let held = Arc::strong_count(&seen);
                    for times in 0..3 {
                        thread::scope(|scope| {
                            scope.spawn(|| caller.gc());
                        });
                        caller.gc();
                        pending(times).await;
                    }
                    // What a compiler knows to be of no more use may be gone.
                    assert!(Arc::strong_count(&seen) <= held);
                    None::<ExternRef>
                })
            })
            .unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = func::<_, (), Option<ExternRef>>(&mut store, instance, "run");
        let before = Arc::strong_count(&alive);
        for always in [false, true] {
            if always {
                store.gc_always();
            }
            let result = block_on(run.call_async(&mut store, ())).unwrap();
            assert!(result.unwrap().data().is::<Arc<()>>(), "{backend}");
            // Dropped in the middle.
            assert!(poll(&mut Box::pin(run.call_async(&mut store, ()))).is_pending());
            store.gc();
            assert_eq!(Arc::strong_count(&alive), before, "{backend}");
        }
    }
}

#[test]
fn the_host_calls_its_own_functions_that_wait() {
    let mut store = Store::new(&engine(), ());
    let typed = Func::wrap_async(&mut store, |_: AsyncCaller<'_, ()>, (left, right): (i32, i64)| {
        Box::new(async move {
            pending(2).await;
            (right, left)
        })
    });
    let typed = typed.unwrap().typed::<(i32, i64), (i64, i32)>(&store).unwrap();
    assert_eq!(block_on(typed.call_async(&mut store, (1, 2))).unwrap(), (2, 1));
    let ty = FuncType::new([ValType::I32], [ValType::I64]);
    let untyped = Func::new_async(&mut store, ty.clone(), |_, params, results| {
        Box::new(async move {
            pending(1).await;
            results[0] = match params[0].i32() {
                Some(0) => Val::I32(0),
                value => Val::I64(value.unwrap_or(0).into()),
            };
            Ok(())
        })
    });
    let untyped = untyped.unwrap();
    let mut results = [Val::I32(0)];
    block_on(untyped.call_async(&mut store, &[Val::I32(5)], &mut results)).unwrap();
    assert_eq!(results[0].i64(), Some(5));
    let error = block_on(untyped.call_async(&mut store, &[Val::I32(0)], &mut results)).unwrap_err();
    assert!(error.to_string().contains("returned I32(0)"), "{error}");
    assert_eq!(untyped.ty(&store).unwrap(), ty);
}

#[test]
fn tokio_runs_guests_on_its_threads() {
    let engine = engine();
    let module = module(&engine, DEEP);
    let mut linker = Linker::<u64>::new();
    linker
        .func_wrap_async("host", "wait", |mut caller: AsyncCaller<'_, u64>, value: i64| {
            Box::new(async move {
                tokio::time::sleep(Duration::from_millis(value as u64 % 5)).await;
                tokio::task::yield_now().await;
                *caller.data_mut() += 1;
                value + 1
            })
        })
        .unwrap();
    let prepared = Arc::new(linker.instantiate_pre(&module).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let request = |tag: i64| {
        let (engine, prepared) = (engine.clone(), Arc::clone(&prepared));
        async move {
            let mut store = Store::new(&engine, 0);
            let instance = prepared.instantiate_async(&mut store).await?;
            let deep = instance.typed_func::<(i64, i64), i64>(&mut store, "deep")?;
            deep.call_async(&mut store, (20, tag)).await
        }
    };
    let results = runtime.block_on(async {
        let tasks: Vec<_> = (0..200).map(|tag| tokio::spawn(request(tag))).collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap().unwrap());
        }
        results
    });
    assert_eq!(results, (0..200).map(|tag| expected(20, tag)).collect::<Vec<_>>());
}
