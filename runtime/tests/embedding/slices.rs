//! Time slices: guests that give way wherever they are.

use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::common::executor::{block_on, poll, ready};
use crate::common::*;
use wasmer_runtime::*;

/// A timeout drops the call; a guest that computes gives way, so that there is one.
#[test]
fn a_timeout_ends_a_guest_that_only_computes() {
    let wat = r#"(module (func (export "spin") (loop (br 0))) (func (export "run") (result i64) (i64.const 7)))"#;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, wat);
        store.set_time_slice(Some(Duration::from_millis(2)));
        let spin = func::<_, (), ()>(&mut store, instance, "spin");
        let timeout = Duration::from_millis(20);
        let result = runtime.block_on(async { tokio::time::timeout(timeout, spin.call_async(&mut store, ())).await });
        assert!(result.is_err(), "{backend}");
        assert_eq!(func::<_, (), i64>(&mut store, instance, "run").call(&mut store, ()).unwrap(), 7);
    }
}

/// Whatever a guest has in its registers when it gives way is there when it goes on, on whatever thread.
#[test]
fn guests_that_give_way_compute_what_others_do() {
    const ROUNDS: i32 = 600_000;
    let wat = r#"(module (memory 1)
        (func $mix (param i64) (result i64) (i64.xor (i64.rotl (local.get 0) (i64.const 13)) (i64.const 0x9e3779b97f4a7c15)))
        (func (export "run") (param $n i32) (result i64) (local $a i64) (local $x f64) (local $y f64) (local $v v128) (local $s f32)
            (local.set $x (f64.const 1)) (local.set $s (f32.const 1))
            (loop
                (local.set $a (call $mix (i64.add (local.get $a) (i64.extend_i32_u (local.get $n)))))
                (local.set $x (f64.add (f64.mul (local.get $x) (f64.const 0.999)) (f64.convert_i32_u (local.get $n))))
                (local.set $y (f64.sqrt (f64.add (local.get $y) (local.get $x))))
                (local.set $s (f32.add (f32.mul (local.get $s) (f32.const 0.5)) (f32.demote_f64 (local.get $y))))
                (local.set $v (i64x2.add (local.get $v) (i64x2.splat (local.get $a))))
                (i64.store (i32.and (local.get $n) (i32.const 0xfff8)) (local.get $a))
                (if (i32.lt_s (local.get $n) (i32.const 0)) (then (unreachable)))
                (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (i64.xor (local.get $a) (i64.xor (i64.reinterpret_f64 (f64.add (local.get $x) (local.get $y)))
                (i64.xor (i64x2.extract_lane 1 (local.get $v)) (i64.extend_i32_u (i32.reinterpret_f32 (local.get $s))))))))"#;
    for (backend, engine) in engines() {
        let module = module(&engine, wat);
        let run = |slice: Option<Duration>| {
            let mut store = Store::new(&engine, ());
            let instance = Linker::new().instantiate(&mut store, &module).unwrap();
            store.set_time_slice(slice);
            (func::<_, i32, i64>(&mut store, instance, "run"), store)
        };
        let (alone, mut store) = run(None);
        let expected = alone.call(&mut store, ROUNDS).unwrap();
        assert_eq!(block_on(alone.call_async(&mut store, ROUNDS)).unwrap(), expected);
        let slice = Some(Duration::from_millis(1));
        let (first, mut first_store) = run(slice);
        let (second, mut second_store) = run(slice);
        let mut guests = [
            Box::pin(first.call_async(&mut first_store, ROUNDS)),
            Box::pin(second.call_async(&mut second_store, 10 * ROUNDS)),
        ];
        let mut yields = 0;
        let result = loop {
            let [first, second] = &mut guests;
            assert!(poll(second).is_pending(), "{backend}");
            let polled = match yields % 2 {
                0 => poll(first),
                _ => thread::scope(|scope| scope.spawn(|| poll(first)).join().unwrap()),
            };
            if let Poll::Ready(result) = polled {
                break result.unwrap();
            }
            yields += 1;
        };
        assert_eq!(result, expected, "{backend} after {yields}");
    }
}

/// Interrupts and traps find guests that have given way, and a backtrace of them.
#[test]
fn a_guest_that_gave_way_is_interrupted() {
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, r#"(module (func $spin (export "spin") (loop (br 0))))"#);
        store.set_time_slice(Some(Duration::from_millis(1)));
        let handle = store.interrupt_handle();
        let spin = func::<_, (), ()>(&mut store, instance, "spin");
        let mut call = Box::pin(spin.call_async(&mut store, ()));
        assert!(poll(&mut call).is_pending() && poll(&mut call).is_pending());
        handle.interrupt();
        let result = ready(&mut call);
        assert_eq!(places(&trap(&result, TrapCode::Interrupted).backtrace.frames)[0].0, "spin", "{backend}");
    }
}
