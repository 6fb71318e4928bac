//! Functions that go on in better code where one of their loops begins.

use std::thread;
use std::time::Duration;

use crate::common::*;
use wasmer_runtime::*;

/// Loops in whatever can be around them, with values of all types in locals and on the stack. Each function mixes all it has into its result.
const WAYS: &str = r#"(module
    (type $pair (func (param i32 i64) (result i32 i64)))
    (type $two (func (result i32 i64)))
    (tag $tag (param i32))
    (elem declare func $odd)
    (global $seen (mut i64) (i64.const 0))
    (func $mix (param i64)
        (global.set $seen (i64.add (i64.mul (global.get $seen) (i64.const 31)) (local.get 0))))
    (func $odd (param i32) (result i32) (i32.and (local.get 0) (i32.const 1)))

    ;; A loop on operands of all types.
    (func (export "operands") (param $n i32) (result i64)
        (local $i i32) (local $f f32) (local $d f64) (local $v v128) (local $x i64) (local $r funcref)
        (local.set $r (ref.func $odd))
        (local.set $v (v128.const i64x2 3 5))
        (i64.const 7)
        (i32.add (local.get $n) (i32.const 2))
        (v128.const i64x2 11 13)
        (f64.convert_i32_s (local.get $n))
        (local.get $r)
        (loop $again
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (local.set $f (f32.add (local.get $f) (f32.const 1.5)))
            (local.set $d (f64.add (local.get $d) (f64.const 0.25)))
            (local.set $v (i64x2.add (local.get $v) (local.get $v)))
            (local.set $x (i64.add (local.get $x) (i64.extend_i32_u (local.get $i))))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
        (ref.is_null) (call $mix (i64.extend_i32_u))
        (i64.trunc_sat_f64_s) (call $mix)
        (i64x2.extract_lane 1) (call $mix)
        (i64.extend_i32_u) (call $mix)
        (call $mix)
        (call $mix (i64x2.extract_lane 0 (local.get $v)))
        (call $mix (i64.trunc_sat_f64_s (f64.add (local.get $d) (f64.promote_f32 (local.get $f)))))
        (call $mix (local.get $x))
        (global.get $seen))

    ;; Loops in loops, with code around them, and branches out of all of it.
    (func (export "nested") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $k i32)
        (block $out
            (loop $outer
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $out (i32.gt_u (local.get $i) (local.get $n)))
                (call $mix (i64.const 1))
                (block $next
                    (br_if $next (i32.eq (local.get $i) (i32.const 3)))
                    (if (call $odd (local.get $i))
                        (then
                            (i64.extend_i32_u (local.get $i))
                            (local.set $j (i32.const 0))
                            (loop $inner
                                (local.set $j (i32.add (local.get $j) (i32.const 1)))
                                (br_if $next (i32.eq (local.get $j) (i32.const 7)))
                                (local.set $k (i32.const 0))
                                (loop $innermost
                                    (local.set $k (i32.add (local.get $k) (local.get $j)))
                                    (call $mix (i64.extend_i32_u (local.get $k)))
                                    (br_table $innermost $inner $next $innermost (i32.div_u (local.get $k) (i32.const 9))))
                                (br_if $inner (i32.lt_u (local.get $j) (local.get $n))))
                            (call $mix))
                        (else
                            (local.set $j (local.get $i))
                            (loop $down
                                (local.set $j (i32.sub (local.get $j) (i32.const 1)))
                                (call $mix (i64.extend_i32_s (local.get $j)))
                                (br_if $down (i32.gt_s (local.get $j) (i32.const 0)))))))
                (br $outer)))
        (global.get $seen))

    ;; An arm before any loop, blocks with several values, loops with parameters.
    (func (export "values") (param $n i32) (result i32 i64) (local $i i32)
        (i32.const 5) (i64.const 6)
        (if (type $pair) (i32.gt_u (local.get $n) (i32.const 4))
            (then
                (block (type $pair)
                    (i64.add (i64.const 1))
                    (loop $again (type $pair)
                        (local.set $i (i32.add (local.get $i) (i32.const 1)))
                        (call $mix (i64.extend_i32_u (local.get $i)))
                        (i64.mul (i64.const 3))
                        (loop $inner (type $pair)
                            (local.set $i (i32.add (local.get $i) (i32.const 2)))
                            (i64.add (i64.extend_i32_u (local.get $i)))
                            (br_if $inner (call $odd (i32.div_u (local.get $i) (i32.const 2)))))
                        (br_if $again (i32.lt_u (local.get $i) (local.get $n))))))
            (else
                (loop $other (type $pair)
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (i64.sub (i64.const 3))
                    (br_if $other (i32.lt_u (local.get $i) (local.get $n)))))))

    ;; Exceptions of both encodings, caught around loops.
    (func $throws (param i32) (if (call $odd (local.get 0)) (then (throw $tag (local.get 0)))))
    (func (export "caught") (param $n i32) (result i64) (local $i i32) (local $j i32)
        (loop $again
            (call $mix (i64.extend_i32_u (block $h (result i32)
                (try_table (result i32) (catch $tag $h)
                    (local.set $j (i32.const 0))
                    (loop $in
                        (local.set $j (i32.add (local.get $j) (i32.const 1)))
                        (br_if $in (i32.lt_u (local.get $j) (local.get $i))))
                    (call $throws (local.get $i))
                    (i32.const 100)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
        (global.get $seen))
    (func (export "many") (param $n i32) (result i64 f32 i32 i64 f64 i32 i32 v128) (local $a i64) (local $i i32)
        (loop $again
            (local.set $a (i64.add (i64.mul (local.get $a) (i64.const 5)) (i64.extend_i32_u (local.get $i))))
            (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (local.get $a) (f32.convert_i64_u (local.get $a)) (local.get $i) (i64.const 8) (f64.convert_i32_u (local.get $i))
        (i32.const 9) (local.get $n) (i64x2.splat (local.get $a))))"#;

const LEGACY: &str = r#"(module
    (tag $tag (param i32))
    (func $throws (param i32) (if (i32.and (local.get 0) (i32.const 1)) (then (throw $tag (local.get 0)))))
    (func (export "caught") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $sum i64)
        (loop $again
            try
                (local.set $j (i32.const 0))
                (loop $in
                    (local.set $j (i32.add (local.get $j) (i32.const 1)))
                    (br_if $in (i32.lt_u (local.get $j) (local.get $i))))
                (call $throws (local.get $i))
            catch $tag
                i64.extend_i32_u
                local.get $sum
                i64.add
                local.set $sum
                (loop $in
                    (local.set $j (i32.add (local.get $j) (i32.const 1)))
                    (br_if $in (i32.lt_u (local.get $j) (local.get $n))))
            end
            (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $j))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $sum)))"#;

fn results(engine: &Engine, wat: &str, name: &str, argument: i32) -> (String, Option<usize>) {
    let module = module(engine, wat);
    let mut store = Store::new(engine, ());
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    let Extern::Func(func) = export(&mut store, instance, name) else { panic!("a function") };
    let mut results = vec![Val::I32(0); func.ty(&store).unwrap().results.len()];
    func.call(&mut store, &[Val::I32(argument)], &mut results).unwrap();
    (format!("{results:?}"), module.loops_continued())
}

/// What an eager engine does, at whatever loops the function goes over.
#[test]
fn functions_go_on_at_any_loop() {
    for better in Backend::built().filter(|backend| *backend != Backend::Singlepass) {
        let Some(singlepass) = Backend::built().find(|backend| *backend == Backend::Singlepass) else { return };
        let eager = Engine::new(better.config().unwrap()).unwrap();
        let seeds = if better == Backend::Llvm { 6 } else { 120 };
        let cases = ["operands", "nested", "values", "caught", "many"].map(|name| (WAYS, name));
        for (wat, name) in cases.into_iter().chain([(LEGACY, "caught")]) {
            for argument in [1, 3, 9, 20] {
                let (expected, _) = results(&eager, wat, name, argument);
                let mut continued = 0;
                for seed in 0..seeds {
                    let config = singlepass.config().unwrap().lazy(Validation::Before).switching(eager.clone(), seed);
                    let (found, times) = results(&Engine::new(config).unwrap(), wat, name, argument);
                    assert_eq!(found, expected, "{name} {argument}, seed {seed}");
                    continued += times.unwrap();
                }
                assert!(continued > 0 || argument < 9 || seeds < 100, "{name} {argument} stayed in its tier");
            }
        }
    }
}

/// A loop without a call, in a call that has begun before there was better code. What ends it is looked at anew at each turn, also by compilers that know that
/// nobody else writes to the memory.
const ENDLESS: &str = r#"(module $endless
    (import "host" "now" (func $now))
    (memory (export "memory") 1)
    (func $spin (param $how i32) (local $count i64)
        (loop $again
            (local.set $count (i64.add (local.get $count) (i64.const 1)))
            (i64.store (i32.const 8) (local.get $count))
            (br_if $again (i32.eqz (i32.atomic.load (i32.const 0)))))
        (if (local.get $how) (then unreachable)))
    (func $run (export "run") (param i32) (call $now) (call $spin (local.get 0)) (drop (i32.load (i32.const 8)))))"#;

#[test]
fn a_loop_that_runs_goes_over_and_ends_as_it_would() {
    for better in Backend::built().filter(|backend| *backend != Backend::Singlepass) {
        let Some(lazy) = lazy_engine(Validation::Before) else { return };
        let better = Engine::new(better.config().unwrap()).unwrap();
        for how in [0, 1, 2] {
            let endless = module(&lazy, ENDLESS);
            let mut store = Store::new(&lazy, ());
            let mut linker = Linker::new();
            let (improved, handle) = (endless.clone(), store.interrupt_handle());
            let better = better.clone();
            // The loop has begun long before there is better code for it to go on in.
            let now = move |mut caller: Caller<'_, ()>| {
                let address = caller.memory().unwrap().raw_parts(&caller).unwrap().0 as usize;
                let (module, better, handle) = (improved.clone(), better.clone(), handle.clone());
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(20));
                    module.improve(&better).unwrap();
                    while module.loops_continued() == Some(0) {
                        thread::sleep(Duration::from_millis(1));
                    }
                    if how == 2 {
                        return handle.interrupt();
                    }
                    // SAFETY: the memory lives as long as the guest runs, which looks there until it finds something.
                    unsafe { std::sync::atomic::AtomicU32::from_ptr(address as *mut u32) }
                        .store(1, std::sync::atomic::Ordering::Relaxed);
                });
            };
            linker.func_wrap("host", "now", now).unwrap();
            let instance = linker.instantiate(&mut store, &endless).unwrap();
            let result = func::<_, i32, ()>(&mut store, instance, "run").call(&mut store, how);
            let frames = |result| {
                let code = if how == 1 { TrapCode::Unreachable } else { TrapCode::Interrupted };
                let frames = &trap(result, code).backtrace.frames;
                frames
                    .iter()
                    .map(|frame| (frame.name.clone().unwrap(), frame.wasm_offset.is_some()))
                    .collect::<Vec<_>>()
            };
            match how {
                0 => result.unwrap(),
                _ => assert_eq!(frames(&result), [("spin".to_owned(), true), ("run".to_owned(), true)]),
            }
            assert_eq!(endless.loops_continued(), Some(1));
        }
    }
}
