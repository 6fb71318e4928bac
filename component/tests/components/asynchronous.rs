//! Components that wait for functions of the host without a thread, on every backend.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::common::{ALLOCATOR, component, engines};
use wasmer_component::{AbiTrap, Borrow, ComponentLinker, GuestOwn, Own, ResourceType, Val, abi_trap};
use wasmer_runtime::{AsyncCaller, Error, Result, Store, TrapCode};

/// What the host knows.
#[derive(Default)]
struct Host {
    waits: u32,
    open: u32,
    dropped: Vec<u32>,
}

enum Door {}

/// Waits as often as it is told to, says a text twice, knocks at a door that it drops then. All of it stands in a component that another one calls.
fn waiter() -> String {
    let imports = r#"
        (import "wait" (func $wait (param "value" u32) (result u32)))
        (import "twice" (func $twice (param "text" string) (result (list string))))
        (import "door" (type $door (sub resource)))
        (import "open" (func $open (result (own $door))))
        (import "knock" (func $knock (param "door" (borrow $door)) (result bool)))"#;
    format!(
        r#"(component
        {imports}
        (component $Inner
            {imports}
            {ALLOCATOR}
            (core func $wait' (canon lower (func $wait)))
            (core func $twice' (canon lower (func $twice) (memory $memory) (realloc $realloc)))
            (core func $open' (canon lower (func $open)))
            (core func $knock' (canon lower (func $knock)))
            (core func $drop (canon resource.drop $door))
            (core module $M
                (import "host" "wait" (func $wait (param i32) (result i32)))
                (import "host" "twice" (func $twice (param i32 i32 i32)))
                (import "host" "open" (func $open (result i32)))
                (import "host" "knock" (func $knock (param i32) (result i32)))
                (import "host" "drop" (func $drop (param i32)))
                (func (export "sum") (param $times i32) (result i32) (local $sum i32)
                    (loop $next
                        (local.set $sum (i32.add (local.get $sum) (call $wait (local.get $times))))
                        (br_if $next (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
                    (local.get $sum))
                (func (export "twice") (param i32 i32) (result i32)
                    (call $twice (local.get 0) (local.get 1) (i32.const 512))
                    (i32.const 512))
                (func (export "visit") (result i32) (local $door i32) (local $opened i32)
                    (local.set $door (call $open))
                    (local.set $opened (call $knock (local.get $door)))
                    (call $drop (local.get $door))
                    (local.get $opened))
                (func (export "spin") (loop (br 0))))
            (core instance $m (instantiate $M (with "host" (instance (export "wait" (func $wait'))
                (export "twice" (func $twice')) (export "open" (func $open')) (export "knock" (func $knock'))
                (export "drop" (func $drop))))))
            (func (export "sum") (param "times" u32) (result u32) (canon lift (core func $m "sum")))
            (func (export "twice") (param "text" string) (result (list string))
                (canon lift (core func $m "twice") (memory $memory) (realloc $realloc)))
            (func (export "visit") (result bool) (canon lift (core func $m "visit")))
            (func (export "spin") (canon lift (core func $m "spin"))))
        (instance $inner (instantiate $Inner (with "wait" (func $wait)) (with "twice" (func $twice))
            (with "door" (type $door)) (with "open" (func $open)) (with "knock" (func $knock))))
        (component $Outer
            (import "sum" (func $sum (param "times" u32) (result u32)))
            (core func $sum' (canon lower (func $sum)))
            (core module $M
                (import "inner" "sum" (func $sum (param i32) (result i32)))
                (func (export "sum") (param i32) (result i32) (i32.add (call $sum (local.get 0)) (i32.const 1000))))
            (core instance $m (instantiate $M (with "inner" (instance (export "sum" (func $sum'))))))
            (func (export "sum") (param "times" u32) (result u32) (canon lift (core func $m "sum"))))
        (instance $outer (instantiate $Outer (with "sum" (func $inner "sum"))))
        (export "sum" (func $outer "sum"))
        (export "twice" (func $inner "twice"))
        (export "visit" (func $inner "visit"))
        (export "spin" (func $inner "spin")))"#
    )
}

/// Pending so many times, each of which wakes at once.
async fn pause(times: u32) {
    for _ in 0..times {
        let mut is_over = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// A linker whose functions are pending once, or for as long as there is nothing to wait for if the value is 13.
fn linker() -> ComponentLinker<Host> {
    let mut linker = ComponentLinker::<Host>::new();
    linker
        .root()
        .func_wrap_async("wait", |caller: &mut AsyncCaller<'_, Host>, (value,): (u32,)| {
            Box::new(async move {
                match value {
                    13 => pending().await,
                    666 => return Err(Error::host("no such number")),
                    _ => pause(1).await,
                }
                caller.data_mut().waits += 1;
                Ok(value)
            })
        })
        .unwrap()
        .func_new_async("twice", |caller, params| {
            Box::new(async move {
                pause(2).await;
                caller.data_mut().waits += 1;
                Ok(Some(Val::List(vec![params[0].clone(), params[0].clone()])))
            })
        })
        .unwrap()
        .resource("door", ResourceType::host::<Door>(), |caller, rep| {
            caller.data_mut().dropped.push(rep);
            Ok(())
        })
        .unwrap()
        .func_wrap("open", |caller, ()| {
            caller.data_mut().open += 1;
            Ok(Own::<Door>::new(caller.data().open))
        })
        .unwrap()
        .func_wrap_async("knock", |caller, (door,): (Borrow<Door>,)| {
            Box::new(async move {
                pause(1).await;
                Ok(door.rep == caller.data().open)
            })
        })
        .unwrap();
    linker
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn components_wait_and_go_on() {
    for engine in engines() {
        let component = component(&engine, &waiter());
        let mut store = Store::new(&engine, Host::default());
        let instance = linker().instantiate(&mut store, &component).unwrap();
        let sum = instance.typed_func::<(u32,), u32>(&mut store, "sum").unwrap();
        let twice = instance.func(&mut store, "twice").unwrap();
        let visit = instance.typed_func::<(), bool>(&mut store, "visit").unwrap();
        block_on(async {
            assert_eq!(sum.call_async(&mut store, (12,)).await.unwrap(), 1000 + 12 * 13 / 2);
            let text = Val::String("wörd".into());
            let result = twice.call_async(&mut store, std::slice::from_ref(&text)).await.unwrap();
            assert_eq!(result, Some(Val::List(vec![text.clone(), text])));
            for _ in 0..3 {
                assert!(visit.call_async(&mut store, ()).await.unwrap());
            }
        });
        assert_eq!((store.data().waits, &store.data().dropped[..]), (13, &[1, 2, 3][..]));
        assert!(!instance.is_closed(&mut store).unwrap());
    }
}

#[test]
fn tokio_runs_components_on_its_threads() {
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    for engine in engines() {
        let component = component(&engine, &waiter());
        let mut linker = linker();
        linker.allow_shadowing(true);
        linker
            .root()
            .func_wrap_async("wait", |caller: &mut AsyncCaller<'_, Host>, (value,): (u32,)| {
                Box::new(async move {
                    tokio::time::sleep(Duration::from_millis(u64::from(value % 3))).await;
                    caller.data_mut().waits += 1;
                    Ok(value)
                })
            })
            .unwrap();
        let pre = linker.instantiate_pre(&component).unwrap();
        let request = |times: u32| {
            let (pre, engine) = (pre.clone(), engine.clone());
            is_send(async move {
                let mut store = Store::new(&engine, Host::default());
                let instance = pre.instantiate_async(&mut store).await?;
                let sum = instance.typed_func::<(u32,), u32>(&mut store, "sum")?;
                Ok::<_, Error>((sum.call_async(&mut store, (times,)).await?, store.data().waits))
            })
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = (1..=60).map(|times| (times, tokio::spawn(request(times)))).collect();
            for (times, task) in tasks {
                assert_eq!(task.await.unwrap().unwrap(), (1000 + times * (times + 1) / 2, times));
            }
        });
    }
}

#[test]
fn only_calls_that_can_wait_reach_what_waits() {
    let refused = |error: Error| {
        let message = format!("{error:#}");
        assert!(message.contains("cannot wait for it") && message.contains("call_async"), "{message}");
    };
    let start = r#"(component
        (import "wait" (func $wait (param "value" u32) (result u32)))
        (core func $wait' (canon lower (func $wait)))
        (core module $M
            (import "host" "wait" (func $wait (param i32) (result i32)))
            (func $start (drop (call $wait (i32.const 1))))
            (start $start))
        (core instance $m (instantiate $M (with "host" (instance (export "wait" (func $wait')))))))"#;
    for engine in engines() {
        let waiter = component(&engine, &waiter());
        let mut store = Store::new(&engine, Host::default());
        let instance = linker().instantiate(&mut store, &waiter).unwrap();
        let sum = instance.typed_func::<(u32,), u32>(&mut store, "sum").unwrap();
        refused(sum.call(&mut store, (1,)).unwrap_err());
        // It failed in the middle of something.
        assert_eq!(abi_trap(&sum.call(&mut store, (1,)).unwrap_err()), Some(&AbiTrap::CannotEnter));
        let start = component(&engine, start);
        refused(linker().instantiate(&mut store, &start).map(drop).unwrap_err());
        block_on(linker().instantiate_async(&mut store, &start)).unwrap();
        assert_eq!(store.data().waits, 1);
    }
}

/// Counts how often it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_call_that_is_dropped_closes_its_instance_and_leaves_nothing_else() {
    for engine in engines() {
        let component = component(&engine, &waiter());
        let dropped = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&dropped);
        let mut linker = linker();
        linker.allow_shadowing(true);
        linker
            .root()
            .func_wrap_async("knock", move |_: &mut AsyncCaller<'_, Host>, (door,): (Borrow<Door>,)| {
                let guard = Dropped(Arc::clone(&count));
                Box::new(async move {
                    let _guard = guard;
                    if door.rep % 2 == 1 {
                        pending::<()>().await;
                    }
                    Ok(true)
                })
            })
            .unwrap();
        let mut store = Store::new(&engine, Host::default());
        let other = linker.instantiate(&mut store, &component).unwrap();
        let sum = other.typed_func::<(u32,), u32>(&mut store, "sum").unwrap();
        for round in 0..50 {
            let instance = linker.instantiate(&mut store, &component).unwrap();
            let visit = instance.typed_func::<(), bool>(&mut store, "visit").unwrap();
            // One that was never polled has not begun.
            drop(visit.call_async(&mut store, ()));
            assert!(!instance.is_closed(&mut store).unwrap());
            let mut call = Box::pin(visit.call_async(&mut store, ()));
            assert!(poll(&mut call).is_pending());
            drop(call);
            assert_eq!(dropped.load(Ordering::Relaxed), 2 * round + 1);
            assert!(instance.is_closed(&mut store).unwrap());
            let error = block_on(visit.call_async(&mut store, ())).unwrap_err();
            assert_eq!(abi_trap(&error), Some(&AbiTrap::CannotEnter));
            // Others are what they were, also what was lent to the call that is gone.
            assert_eq!(block_on(sum.call_async(&mut store, (3,))).unwrap(), 1006);
            let next = linker.instantiate(&mut store, &component).unwrap();
            let visit = next.typed_func::<(), bool>(&mut store, "visit").unwrap();
            assert!(block_on(visit.call_async(&mut store, ())).unwrap());
            assert!(!next.is_closed(&mut store).unwrap());
        }
        // What the closed ones own is not dropped, as after a trap: nothing of them runs any more.
        assert_eq!(store.data().dropped, (1..=50).map(|round| 2 * round).collect::<Vec<_>>());
    }
}

#[test]
fn failures_after_a_wait_are_those_without_one() {
    let text = waiter().replace("(call $wait (local.get $times))", "(call $wait (i32.const 666))");
    for engine in engines() {
        let component = component(&engine, &text);
        let mut store = Store::new(&engine, Host::default());
        let instance = linker().instantiate(&mut store, &component).unwrap();
        let sum = instance.func(&mut store, "sum").unwrap();
        let error = block_on(sum.call_async(&mut store, &[Val::U32(1)])).unwrap_err();
        assert!(format!("{error:#}").contains("no such number"), "{error:#}");
        assert!(instance.is_closed(&mut store).unwrap());
        // What does not fit is found before a guest sees it.
        let mut wrong = linker();
        wrong.allow_shadowing(true);
        wrong.root().func_wrap_async("wait", |_, (_,): (String,)| Box::new(async { Ok(()) })).unwrap();
        let error = wrong.instantiate(&mut store, &component).map(drop).unwrap_err().to_string();
        assert!(error.contains("has Rust type `(String,) -> ()`"), "{error}");
    }
}

#[test]
fn interrupts_and_time_slices_are_for_components_too() {
    for engine in engines() {
        let component = component(&engine, &waiter());
        let mut store = Store::new(&engine, Host::default());
        let handle = store.interrupt_handle();
        let instance = linker().instantiate(&mut store, &component).unwrap();
        let sum = instance.typed_func::<(u32,), u32>(&mut store, "sum").unwrap();
        let interrupted = thread::scope(|scope| {
            let mut call = Box::pin(sum.call_async(&mut store, (13,)));
            assert!(poll(&mut call).is_pending());
            scope.spawn(move || handle.interrupt());
            block_on(call)
        });
        assert!(matches!(interrupted, Err(Error::Trap(trap)) if trap.code == TrapCode::Interrupted));
        assert!(instance.is_closed(&mut store).unwrap());
        store.clear_interrupt();

        store.set_time_slice(Some(Duration::from_millis(1)));
        let instance = linker().instantiate(&mut store, &component).unwrap();
        let spin = instance.typed_func::<(), ()>(&mut store, "spin").unwrap();
        let mut call = Box::pin(spin.call_async(&mut store, ()));
        for _ in 0..3 {
            assert!(poll(&mut call).is_pending());
        }
        drop(call);
        assert!(instance.is_closed(&mut store).unwrap());
        assert_eq!(store.data().waits, 0);
    }
}

/// Data that stay on their thread cannot have functions that wait, but calls that can.
#[test]
fn calls_of_data_that_cannot_be_sent_wait_nowhere_but_here() -> Result<()> {
    let text = r#"(component (core module $M (func (export "one") (result i32) (i32.const 1)))
        (core instance $m (instantiate $M))
        (func (export "one") (result u32) (canon lift (core func $m "one"))))"#;
    let engine = engines().next().unwrap();
    let component = component(&engine, text);
    let mut store = Store::new(&engine, std::rc::Rc::new(1));
    let instance = block_on(ComponentLinker::new().instantiate_async(&mut store, &component))?;
    let one = instance.typed_func::<(), u32>(&mut store, "one")?;
    assert_eq!(block_on(one.call_async(&mut store, ()))?, 1);
    Ok(())
}

/// What the host drops has a destructor, which may wait.
#[test]
fn destructors_that_the_host_calls_wait() {
    let text = r#"(component
        (import "wait" (func $wait (param "value" u32) (result u32)))
        (core func $wait' (canon lower (func $wait)))
        (core module $D
            (import "host" "wait" (func $wait (param i32) (result i32)))
            (func (export "dtor") (param i32) (drop (call $wait (local.get 0)))))
        (core instance $d (instantiate $D (with "host" (instance (export "wait" (func $wait'))))))
        (type $thing' (resource (rep i32) (dtor (core func $d "dtor"))))
        (core func $new (canon resource.new $thing'))
        (core module $M
            (import "host" "new" (func $new (param i32) (result i32)))
            (func (export "make") (param i32) (result i32) (call $new (local.get 0))))
        (core instance $m (instantiate $M (with "host" (instance (export "new" (func $new))))))
        (export $thing "thing" (type $thing'))
        (func (export "make") (param "rep" u32) (result (own $thing)) (canon lift (core func $m "make"))))"#;
    for engine in engines() {
        let component = component(&engine, text);
        let mut store = Store::new(&engine, Host::default());
        let instance = linker().instantiate(&mut store, &component).unwrap();
        let make = instance.typed_func::<(u32,), GuestOwn<Door>>(&mut store, "make").unwrap();
        let things: Vec<_> = [1, 2, 13].iter().map(|rep| make.call(&mut store, (*rep,)).unwrap()).collect();
        block_on(things[0].clone().drop_async(&mut store)).unwrap();
        assert_eq!(store.data().waits, 1);
        let again = block_on(things[0].clone().drop_async(&mut store)).unwrap_err();
        assert!(matches!(abi_trap(&again), Some(AbiTrap::UnknownHandle(_))), "{again:#}");
        assert!(!instance.is_closed(&mut store).unwrap());
        // Dropped in the middle, it closes the instance, as a call does.
        let mut endless = Box::pin(things[2].clone().drop_async(&mut store));
        assert!(poll(&mut endless).is_pending());
        drop(endless);
        assert!(instance.is_closed(&mut store).unwrap());
        assert_eq!(
            abi_trap(&block_on(things[1].clone().drop_async(&mut store)).unwrap_err()),
            Some(&AbiTrap::CannotEnter)
        );
        // One that cannot wait says so.
        let instance = linker().instantiate(&mut store, &component).unwrap();
        let make = instance.typed_func::<(u32,), GuestOwn<Door>>(&mut store, "make").unwrap();
        let thing = make.call(&mut store, (1,)).unwrap();
        let error = format!("{:#}", thing.drop(&mut store).unwrap_err());
        assert!(error.contains("cannot wait for it"), "{error}");
    }
}
