//! Limiters that take time to decide: guests are parked meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use crate::common::executor::{block_on, pending, poll, ready};
use crate::common::*;
use wasmer_runtime::*;

const PAGE: u64 = 1 << 16;

/// What a limiter was asked, and what of it did not come to be.
#[derive(Default)]
struct Log {
    asked: Vec<(&'static str, u64, u64)>,
    failed: Vec<&'static str>,
    /// How often its futures are pending.
    waits: usize,
}

/// Allows up to 10 pages, 10 elements and two instances.
#[derive(Clone, Default)]
struct Limiter(Arc<Mutex<Log>>);

impl Limiter {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap()
    }

    fn take(&self) -> Vec<(&'static str, u64, u64)> {
        std::mem::take(&mut self.log().asked)
    }

    fn take_failed(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.log().failed)
    }

    fn decide(&mut self, what: &'static str, growth: (u64, u64), allows: bool) -> Answer<'_> {
        Box::new(async move {
            let waits = self.log().waits;
            pending(waits).await;
            assert!(growth.1 != 13 * PAGE, "thirteen");
            self.log().asked.push((what, growth.0, growth.1));
            allows
        })
    }
}

impl AsyncResourceLimiter for Limiter {
    fn memory_growing(&mut self, growth: Growth) -> Answer<'_> {
        self.decide("memory", (growth.current, growth.desired), growth.desired <= 10 * PAGE)
    }

    fn memory_growth_failed(&mut self, _: Growth) {
        self.log().failed.push("memory");
    }

    fn table_growing(&mut self, growth: Growth) -> Answer<'_> {
        self.decide("table", (growth.current, growth.desired), growth.desired <= 10)
    }

    fn table_growth_failed(&mut self, _: Growth) {
        self.log().failed.push("table");
    }

    fn instance_making(&mut self) -> Answer<'_> {
        self.decide("instance", (0, 1), true)
    }

    fn instance_failed(&mut self) {
        self.log().failed.push("instance");
    }
}

/// Lets a memory and a table grow, deep in its stack, with values in frames and registers.
const GROWS: &str = r#"(module
    (memory (export "memory") 2 12) (table (export "table") 3 30 funcref)
    (func $deep (param $depth i32) (param $pages i32) (param $elements i32) (result i32)
        (if (result i32) (local.get $depth)
            (then (i32.add (i32.mul (local.get $depth) (i32.const 1000000))
                (call $deep (i32.sub (local.get $depth) (i32.const 1)) (local.get $pages) (local.get $elements))))
            (else (i32.add
                (i32.mul (memory.grow (local.get $pages)) (i32.const 1000))
                (table.grow (ref.func $deep) (local.get $elements))))))
    (func (export "grow") (param $pages i32) (param $elements i32) (result i32)
        (call $deep (i32.const 3) (local.get $pages) (local.get $elements)))
    (func (export "pages") (result i32) (memory.size))
    (elem declare func $deep))"#;

fn store(engine: &Engine, waits: usize) -> (Store<()>, Limiter) {
    let limiter = Limiter::default();
    limiter.log().waits = waits;
    let mut store = Store::new(engine, ());
    store.set_async_limiter(limiter.clone());
    (store, limiter)
}

fn instance(store: &mut Store<()>, engine: &Engine) -> Instance {
    block_on(Linker::new().instantiate_async(store, &module(engine, GROWS))).unwrap()
}

#[test]
fn guests_wait_for_what_they_want_to_grow() {
    for (backend, engine) in engines() {
        let (mut store, limiter) = store(&engine, 2);
        let instance = instance(&mut store, &engine);
        assert_eq!(limiter.take(), [("instance", 0, 1), ("memory", 0, 2 * PAGE), ("table", 0, 3)], "{backend}");
        let grow = func::<_, (i32, i32), i32>(&mut store, instance, "grow");
        for (arguments, expected) in [((1, 2), 2003), ((0, 0), 3005), ((8, 1), -1000 + 5), ((1, 5), 3000 - 1)] {
            let mut call = Box::pin(grow.call_async(&mut store, arguments));
            // Memory and table are asked about one after the other, each is pending twice; on whatever thread.
            for _ in 0..4 {
                thread::scope(|scope| scope.spawn(|| assert!(poll(&mut call).is_pending())).join().unwrap());
            }
            assert_eq!(ready(&mut call).unwrap(), 6_000_000 + expected, "{backend}, {arguments:?}");
        }
        let asked = limiter.take();
        let pages = |current, desired| ("memory", current * PAGE, desired * PAGE);
        assert_eq!(asked[..2], [pages(2, 3), ("table", 3, 5)]);
        assert_eq!(asked[4..], [pages(3, 11), ("table", 5, 6), pages(3, 4), ("table", 6, 11)]);
        assert_eq!(limiter.take_failed(), [""; 0]);
    }
}

#[test]
fn what_is_allowed_and_does_not_come_to_be_is_given_back() {
    let engine = engine();
    let (mut store, limiter) = store(&engine, 1);
    // The type forbids what the limiter allows.
    let memory = r#"(module (memory 2 3) (func (export "grow") (result i32) (memory.grow (i32.const 2))))"#;
    let made = block_on(Linker::new().instantiate_async(&mut store, &module(&engine, memory))).unwrap();
    let grow = func::<_, (), i32>(&mut store, made, "grow");
    assert_eq!(block_on(grow.call_async(&mut store, ())).unwrap(), -1);
    assert_eq!(limiter.take_failed(), ["memory"]);
    // The limiter forbids a part of an instance, or an import is missing.
    let error = block_on(
        Linker::new().instantiate_async(&mut store, &module(&engine, "(module (memory 2) (table 11 funcref))")),
    );
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "11 elements in one table are refused by the store's limiter");
    assert_eq!(limiter.take_failed(), ["instance", "memory"]);
    let linker = Linker::new();
    let module = module(&engine, r#"(module (import "a" "b" (func)) (memory 1))"#);
    assert!(matches!(block_on(linker.instantiate_async(&mut store, &module)), Err(Error::Link(_))));
    assert_eq!(limiter.take_failed(), ["instance", "memory"]);
    // Nobody waits for the answer.
    let again = made.module(&store).unwrap().clone();
    let linker = Linker::new();
    let mut given_up = Box::pin(linker.instantiate_async(&mut store, &again));
    for _ in 0..2 {
        assert!(poll(&mut given_up).is_pending());
    }
    drop(given_up);
    assert_eq!(limiter.take_failed(), ["instance"]);
    let mut given_up = Box::pin(grow.call_async(&mut store, ()));
    assert!(poll(&mut given_up).is_pending());
    drop(given_up);
    assert_eq!((limiter.take_failed(), block_on(grow.call_async(&mut store, ())).unwrap()), (vec![], -1));
}

#[test]
fn calls_that_cannot_wait_say_so() {
    for (_, engine) in engines() {
        let (mut store, limiter) = store(&engine, 0);
        let made = instance(&mut store, &engine);
        limiter.take();
        let grow = func::<_, (i32, i32), i32>(&mut store, made, "grow");
        let error = format!("{:#}", grow.call(&mut store, (1, 1)).unwrap_err());
        assert!(error.contains("196608 bytes in one memory: the store's limiter takes time to decide"), "{error}");
        assert!(error.contains("hint: use `call_async`"), "{error}");
        assert_eq!(func::<_, (), i32>(&mut store, made, "pages").call(&mut store, ()).unwrap(), 2);
        let unasked = |error: Error| error.as_limit().is_some_and(|error| error.is_unasked && error.by_limiter);
        assert!(unasked(Linker::new().instantiate(&mut store, &module(&engine, GROWS)).unwrap_err()));
        let memory = export(&mut store, made, "memory").memory().unwrap();
        assert!(unasked(memory.grow(&mut store, 1).unwrap_err()));
        assert_eq!(limiter.take(), []);
        // A host function that is no future stands between.
        let through = r#"(module (import "host" "grow" (func $grow (result i32)))
            (func (export "run") (result i32) (call $grow)))"#;
        let mut linker = Linker::new();
        linker.func_wrap("host", "grow", move |mut caller: Caller<'_, ()>| grow.call(&mut caller, (1, 1))).unwrap();
        let through = block_on(linker.instantiate_async(&mut store, &module(&engine, through))).unwrap();
        let run = func::<_, (), i32>(&mut store, through, "run");
        let error = format!("{:#}", block_on(run.call_async(&mut store, ())).unwrap_err());
        assert!(error.contains("takes time to decide"), "{error}");
        assert_eq!(block_on(grow.call_async(&mut store, (1, 1))).unwrap(), 6_002_003);
    }
}

#[test]
fn the_host_waits_for_what_it_makes() {
    let engine = engine();
    let (mut store, limiter) = store(&engine, 1);
    let limits = |min| Limits { min, max: None };
    let ty = |min| MemoryType { limits: limits(min), index: Width::W32, shared: false, page_size_log2: 16 };
    let memory = block_on(Memory::new_async(&mut store, ty(4))).unwrap();
    assert_eq!(block_on(memory.grow_async(&mut store, 3)).unwrap(), 4);
    assert!(block_on(memory.grow_async(&mut store, 4)).unwrap_err().as_limit().is_some_and(|error| !error.is_unasked));
    assert!(block_on(Memory::new_async(&mut store, ty(11))).unwrap_err().as_limit().is_some());
    let ty = TableType { element: RefType::FUNCREF, limits: limits(1), index: Width::W32 };
    let table = block_on(Table::new_async(&mut store, ty, Val::FuncRef(None))).unwrap();
    assert_eq!(block_on(table.grow_async(&mut store, 2, Val::FuncRef(None))).unwrap(), 1);
    let pages = |current, desired| ("memory", current * PAGE, desired * PAGE);
    assert_eq!(
        limiter.take(),
        [pages(0, 4), pages(4, 7), pages(7, 11), pages(0, 11), ("table", 0, 1), ("table", 1, 3)]
    );
    // What is wrong otherwise gives back what was allowed, and no later question is answered by it.
    assert!(block_on(table.grow_async(&mut store, 1, Val::I32(0))).is_err());
    assert_eq!(limiter.take_failed(), ["table"]);
    assert!(
        table.grow(&mut store, 1, Val::FuncRef(None)).unwrap_err().as_limit().is_some_and(|error| error.is_unasked)
    );
}

#[test]
fn interrupts_and_panics_end_guests_that_wait() {
    for (_, engine) in engines() {
        let (mut store, limiter) = store(&engine, 3);
        let made = instance(&mut store, &engine);
        let grow = func::<_, (i32, i32), i32>(&mut store, made, "grow");
        let handle = store.interrupt_handle();
        let mut call = Box::pin(grow.call_async(&mut store, (1, 1)));
        assert!(poll(&mut call).is_pending());
        handle.interrupt();
        let ended = ready(&mut call);
        drop(call);
        trap(&ended, TrapCode::Interrupted);
        store.clear_interrupt();
        let call = AssertUnwindSafe(|| block_on(grow.call_async(&mut store, (11, 1))));
        assert_eq!(catch_unwind(call).unwrap_err().downcast_ref(), Some(&"thirteen"));
        limiter.log().waits = 0;
        assert_eq!(block_on(grow.call_async(&mut store, (1, 1))).unwrap(), 6_002_003);
    }
}

#[test]
fn growing_costs_the_same_fuel() {
    for (backend, engine) in engines_with(|config| config.fuel(true)) {
        let left = |with_limiter: bool, fuel: u64| {
            let mut store = Store::new(&engine, ());
            if with_limiter {
                let limiter = Limiter::default();
                limiter.log().waits = 1;
                store.set_async_limiter(limiter);
            }
            store.set_fuel(fuel).unwrap();
            let made = instance(&mut store, &engine);
            let grow = func::<_, (i32, i32), i32>(&mut store, made, "grow");
            let grown = block_on(grow.call_async(&mut store, (5, 5)));
            (grown.map_err(|error| error.to_string()), store.fuel().unwrap())
        };
        for fuel in [1_000_000, 60] {
            assert_eq!(left(true, fuel), left(false, fuel), "{backend}");
        }
    }
}
