//! Fuel: the same count everywhere, exact wherever code stops, and an end to everything that would not end.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::common::*;
use wasmer_runtime::*;

/// More than any test needs.
const PLENTY: u64 = 1 << 40;

fn metered_engines() -> Vec<(Backend, Engine)> {
    engines_with(|config| config.fuel(true))
}

/// A store with so much fuel, and an instance in it.
fn with_fuel(engine: &Engine, wat: &str, fuel: u64) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    store.set_fuel(fuel).unwrap();
    let instance = Linker::new().instantiate(&mut store, &module(engine, wat)).unwrap();
    (store, instance)
}

/// What a call of `run` costs.
fn cost(engine: &Engine, wat: &str) -> u64 {
    let (mut store, instance) = with_fuel(engine, wat, PLENTY);
    run(&mut store, instance, "run").unwrap();
    PLENTY - store.fuel().unwrap()
}

/// A function `run` with these locals and operators, with things to use around it.
fn body(text: &str) -> String {
    format!(
        r#"(module (memory 2 20) (table $t 40 100 funcref) (data $d "0123456789abcdef") (elem $e func $one $one)
             (type $u (func)) (global $g (mut i32) (i32.const 0)) (elem declare func $one)
             (func $one) (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
             (func $many (param i64 i64 i64 i64 i64) (result i64 i64 i64) (i64.const 1) (i64.const 2) (i64.const 3))
             (func (export "run") {text}))"#
    )
}

#[test]
fn costs_are_those_of_the_documented_table() {
    // The end of a function costs 1.
    let cases: &[(&str, u64)] = &[
        ("", 1),
        ("nop nop (block (nop)) (loop (nop))", 1),
        ("(drop (i32.const 1))", 2),
        ("(drop (i32.add (i32.const 1) (i32.const 2)))", 4),
        ("(drop (i32.div_u (i32.const 1) (i32.const 2)))", 11),
        ("(drop (f64.sqrt (f64.const 2)))", 10),
        ("(drop (f32x4.div (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0)))", 11),
        ("(drop (i32x4.add (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0)))", 4),
        ("(return)", 1),
        // Both arms of an `if`, and neither.
        ("(if (i32.const 1) (then (global.set $g (i32.const 1))) (else (nop)))", 5),
        ("(if (i32.const 0) (then (global.set $g (i32.const 1))) (else (nop)))", 3),
        ("(if (i32.const 0) (then (global.set $g (i32.const 1))))", 3),
        // A branch that is taken, one that is not, and code behind the one that is.
        ("(block (br_if 0 (i32.const 1)) (global.set $g (i32.const 1)))", 3),
        ("(block (br_if 0 (i32.const 0)) (global.set $g (i32.const 1)))", 5),
        ("(block (br 0) (global.set $g (i32.const 1)))", 2),
        ("(block (br_table 0 1 0 (i32.const 1)) (unreachable))", 2),
        // Seven times around: 5 each; two before, one behind.
        (
            "(local i32) (local.set 0 (i32.const 7)) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
            38,
        ),
        // Calls: 4 and what the callee costs, and for each four values that move one more.
        ("(call $one)", 4 + 1 + 1),
        ("(drop (call $add (i32.const 1) (i32.const 2)))", 2 + 4 + 4 + 1),
        (
            "(call $many (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)) drop drop drop",
            5 + (4 + 2) + 4 + 1,
        ),
        (
            "(table.set $t (i32.const 0) (ref.func $one)) (call_indirect $t (type $u) (i32.const 0))",
            1 + 32 + 32 + 1 + 4 + 1 + 1,
        ),
        ("(return_call $one)", 4 + 1),
        // Locals to begin with.
        ("(local i32 i32 i32)", 1),
        ("(local i32 i32 i32 i32) (local i64 i64 i64 i64 i64)", 3),
        // The host's work.
        ("(drop (table.size $t))", 33),
        ("(drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))", 11),
        ("(atomic.fence)", 9),
        ("(data.drop $d) (elem.drop $e)", 65),
        // So much for each length: the first of a unit counts as the whole.
        ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 0))", 36),
        ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 1))", 37),
        ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 8))", 37),
        ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 9))", 38),
        ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 1024))", 36 + 128),
        ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 1025))", 36 + 129),
        ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))", 36 + 8192),
        ("(memory.copy (i32.const 0) (i32.const 1) (i32.const 1024))", 36 + 128),
        ("(memory.copy (i32.const 0) (i32.const 1) (i32.const 65537))", 36 + 8193),
        ("(memory.init $d (i32.const 0) (i32.const 1) (i32.const 15))", 36 + 2),
        ("(table.fill $t (i32.const 0) (ref.null func) (i32.const 30))", 36 + 30),
        ("(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 30))", 36 + 30),
        ("(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 2))", 36 + 2),
        ("(drop (memory.grow (i32.const 0)))", 34),
        ("(drop (memory.grow (i32.const 2)))", 34 + 2 * 8192),
        // What is refused costs no more than the question.
        ("(drop (memory.grow (i32.const 1000)))", 34),
        ("(drop (table.grow $t (ref.null func) (i32.const 10)))", 35 + 10),
        ("(drop (table.grow $t (ref.null func) (i32.const -1)))", 35),
    ];
    for (backend, engine) in metered_engines() {
        for (text, expected) in cases {
            assert_eq!(cost(&engine, &body(text)), *expected, "{backend}: {text}");
        }
    }
}

/// What a run leaves behind.
#[derive(Debug, PartialEq)]
struct Left {
    result: std::result::Result<i32, TrapCode>,
    fuel: u64,
    memory: Vec<u8>,
    progress: i32,
    /// What the host was told, and what fuel there was then.
    told: Vec<(i32, u64)>,
}

/// Everything that can be stopped in: loops, calls of all kinds, the host and back, blocks of memory, a table of branches.
const ERRANDS: &str = r#"
    (module
      (import "host" "tell" (func $tell (param i32)))
      (memory (export "memory") 1 4) (global $progress (export "progress") (mut i32) (i32.const 0))
      (table 4 funcref) (elem (i32.const 0) $step $tail)
      (type $unary (func (param i32) (result i32)))
      (func $step (type $unary)
        (global.set $progress (i32.add (global.get $progress) (i32.const 1)))
        (i32.store8 (global.get $progress) (local.get 0))
        (i32.mul (local.get 0) (i32.const 3)))
      (func $tail (type $unary)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 5))
          (else (return_call $tail (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "back") (param i32) (result i32)
        (call_indirect (type $unary) (local.get 0) (i32.const 0)))
      (func $switch (param i32) (result i32)
        (block (block (block (br_table 0 1 2 (local.get 0))) (return (i32.const 10))) (drop (call $step (i32.const 1))))
        (i32.const 20))
      (func (export "run") (result i32) (local $i i32) (local $sum i32)
        (local.set $i (i32.const 4))
        (loop $again
          (local.set $sum (i32.add (local.get $sum) (call $step (local.get $i))))
          (if (i32.and (local.get $i) (i32.const 1))
            (then (call $tell (local.get $i)))
            (else (local.set $sum (i32.add (local.get $sum) (call $switch (i32.sub (local.get $i) (i32.const 2)))))))
          (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
        (memory.fill (i32.const 100) (i32.const 7) (i32.const 33))
        (memory.copy (i32.const 90) (i32.const 101) (i32.const 12))
        (i32.add (local.get $sum) (call_indirect (type $unary) (i32.const 6) (i32.const 1)))))
"#;

fn errands(engine: &Engine, module: &Module, fuel: u64) -> Left {
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut linker = Linker::new();
    let list = Arc::clone(&told);
    let tell = move |mut caller: Caller<'_, ()>, value: i32| -> Result<()> {
        list.lock().unwrap().push((value, caller.fuel()?));
        // The host's own work, and the guest's on its behalf.
        caller.spend_fuel(3)?;
        let back = caller.export("back").and_then(Extern::func).unwrap().typed::<i32, i32>(&caller)?;
        back.call(&mut caller, value + 40).map(drop)
    };
    linker.func_wrap("host", "tell", tell).unwrap();
    let mut store = Store::new(engine, ());
    store.set_fuel(fuel).unwrap();
    let instance = linker.instantiate(&mut store, module).unwrap();
    let result = func::<_, (), i32>(&mut store, instance, "run").call(&mut store, ());
    let result = result.map_err(|error| error.as_trap().expect("a trap").code);
    let Extern::Global(progress) = export(&mut store, instance, "progress") else { panic!("a global") };
    let Val::I32(progress) = progress.get(&store).unwrap() else { panic!("an i32") };
    let memory = instance.memory(&mut store, "memory").unwrap();
    let memory = memory.data(&store).unwrap()[..200].to_vec();
    let told = told.lock().unwrap().clone();
    Left { result, fuel: store.fuel().unwrap(), memory, progress, told }
}

#[test]
fn whatever_there_is_to_use_the_same_is_done() {
    let engines: Vec<_> = metered_engines().into_iter().map(|(_, engine)| (module(&engine, ERRANDS), engine)).collect();
    let Some((first, engine)) = engines.first() else { return };
    let whole = errands(engine, first, PLENTY);
    let total = PLENTY - whole.fuel;
    assert!(whole.result.is_ok() && (100..1000).contains(&total), "{total}: {whole:?}");
    let mut before: Option<Left> = None;
    let mut stops = std::collections::BTreeSet::new();
    for fuel in 0..total + 3 {
        let left = errands(engine, first, fuel);
        for (module, engine) in &engines[1..] {
            assert_eq!(errands(engine, module, fuel), left, "{fuel} units, {:?}", engine.backend());
        }
        if fuel < total {
            assert_eq!((left.result, left.fuel), (Err(TrapCode::OutOfFuel), 0), "{fuel} of {total}");
        } else {
            assert_eq!((left.result, left.fuel), (whole.result, fuel - total));
            assert_eq!((&left.memory, left.progress), (&whole.memory, whole.progress));
        }
        // Nothing that was done with less is left undone with more.
        if let Some(before) = before {
            assert!(before.progress <= left.progress && before.told.len() <= left.told.len(), "{fuel}");
            assert!(before.memory.iter().zip(&left.memory).all(|(a, b)| *a == 0 || a == b), "{fuel}");
        }
        stops.insert((left.progress, left.told.len()));
        before = Some(left);
    }
    assert!(stops.len() > 8, "{stops:?}");
}

#[test]
fn what_is_paid_when_code_traps_is_the_same() {
    let wat = r#"
        (module (memory 1 1) (global $g (mut i32) (i32.const 0)) (table 2 funcref) (type $u (func))
          (func $trap (param i32)
            (block (block (block (block (block
              (br_table 0 1 2 3 4 (local.get 0)))
              (drop (i32.load (i32.const -8))) (return))
              (global.set $g (i32.div_u (i32.const 1) (global.get $g))) (return))
              (call_indirect (type $u) (i32.const 1)) (return))
              (drop (i32.trunc_f32_s (f32.const nan))) (return))
            (unreachable))
          (func (export "run") (param $which i32) (param $times i32)
            (loop $again
              (i32.store (i32.mul (local.get $times) (i32.const 4)) (local.get $which))
              (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
            (call $trap (local.get $which)))
          ;; Around a loop until an access at the memory's end traps.
          (func (export "edge") (param $at i32)
            (loop $again
              (i32.store16 (local.get $at) (i32.load16_u (local.get $at)))
              (local.set $at (i32.add (local.get $at) (i32.const 3)))
              (br $again))))
    "#;
    let codes = [
        TrapCode::MemoryOutOfBounds,
        TrapCode::IntegerDivideByZero,
        TrapCode::UninitializedElement,
        TrapCode::InvalidConversionToInteger,
        TrapCode::Unreachable,
    ];
    let mut all = Vec::new();
    for (_, engine) in metered_engines() {
        let module = module(&engine, wat);
        let mut left = Vec::new();
        for (which, code) in codes.into_iter().enumerate() {
            for times in [1, 2, 50] {
                let mut store = Store::new(&engine, ());
                let instance = Linker::new().instantiate(&mut store, &module).unwrap();
                store.set_fuel(1000).unwrap();
                let called =
                    func::<_, (i32, i32), ()>(&mut store, instance, "run").call(&mut store, (which as i32, times));
                trap(&called, code);
                left.push(store.fuel().unwrap());
            }
        }
        for at in [65_000, 65_500, 65_530, 65_536] {
            let mut store = Store::new(&engine, ());
            let instance = Linker::new().instantiate(&mut store, &module).unwrap();
            store.set_fuel(10_000).unwrap();
            let called = func::<_, i32, ()>(&mut store, instance, "edge").call(&mut store, at);
            trap(&called, TrapCode::MemoryOutOfBounds);
            // Every way around the loop but the last one is paid.
            let around = if at <= 65_534 { (65_534 - at) as u64 / 3 + 1 } else { 0 };
            assert_eq!(store.fuel().unwrap(), 10_000 - 9 * around, "{at}");
            left.push(store.fuel().unwrap());
        }
        all.push(left);
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
}

/// Two loops and a call that use so many locals.
fn crowded(locals: usize) -> String {
    let each = |text: &dyn Fn(usize) -> String| (0..locals).map(text).collect::<String>();
    let gets = each(&|local| format!("(local.get {local})"));
    let sums = each(&|local| {
        format!("(local.set {local} (i64.add (local.get {local}) (local.get {})))", (local + 1) % locals)
    });
    format!(
        "(module (memory 1)
          (func $last (param {params}) (result i64) (local.get {last}))
          (func $sums (param {params}) (result i64) (local $outer i32) (local $inner i32)
            (local.set $outer (i32.const 3))
            (loop $again
              (i64.store (local.get $outer) (call $last {gets}))
              (local.set $inner (i32.const 2))
              (loop $more {sums}
                (br_if $more (local.tee $inner (i32.sub (local.get $inner) (i32.const 1)))))
              (br_if $again (local.tee $outer (i32.sub (local.get $outer) (i32.const 1)))))
            (i64.add (local.get 0) (i64.load (i32.const 1))))
          (func (export \"run\") (result i64) (call $sums {consts})))",
        params = "i64 ".repeat(locals),
        last = locals - 1,
        consts = each(&|local| format!("(i64.const {})", local * local + 1)),
    )
}

#[test]
fn the_count_does_not_depend_on_the_registers_that_are_left() {
    for locals in [1, 3, 4, 5, 6, 7, 9] {
        let wat = crowded(locals);
        let mut all = Vec::new();
        for (backend, engine) in metered_engines() {
            let (mut store, instance) = with_fuel(&engine, &wat, PLENTY);
            let sums = func::<_, (), i64>(&mut store, instance, "run");
            let result = sums.call(&mut store, ()).unwrap();
            let cost = PLENTY - store.fuel().unwrap();
            for (fuel, ends) in [(cost, true), (cost - 1, false), (cost / 2, false)] {
                store.set_fuel(fuel).unwrap();
                assert_eq!(sums.call(&mut store, ()).is_ok(), ends, "{backend}, {locals} locals, {fuel} of {cost}");
                assert_eq!(store.fuel().unwrap(), 0, "{backend}, {locals} locals, {fuel} of {cost}");
            }
            all.push((result, cost));
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{locals} locals: {all:?}");
    }
}

#[test]
fn what_returns_on_credit_has_failed() {
    // Around the length from which on functions look themselves.
    let bodies = [0, 1, 80, 81, 82, 83, 84, 200].map(|drops| "(drop (i32.const 1))".repeat(drops));
    for (backend, engine) in metered_engines() {
        for body in &bodies {
            let wat = format!(
                r#"(module (import "host" "nested" (func $nested (result i32)))
                     (func $small (export "small") (result i32) {body} (i32.const 7))
                     (func (export "run") (result i32) (i32.add (call $small) (call $nested)))
                     (func $down (export "down") (param i32) (result i32)
                       (if (result i32) (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1)))) (else (call $small)))))"#
            );
            let mut linker = Linker::new();
            let nested = |mut caller: Caller<'_, ()>| -> Result<i32> {
                let small = caller.export("small").and_then(Extern::func).unwrap().typed::<(), i32>(&caller)?;
                caller.set_fuel(1)?;
                let called = small.call(&mut caller, ());
                trap(&called, TrapCode::OutOfFuel);
                assert_eq!(caller.fuel()?, 0);
                caller.set_fuel(1000)?;
                small.call(&mut caller, ())
            };
            linker.func_wrap("host", "nested", nested).unwrap();
            let mut store = Store::new(&engine, ());
            store.set_fuel(PLENTY).unwrap();
            let instance = linker.instantiate(&mut store, &module(&engine, &wat)).unwrap();
            let small = func::<_, (), i32>(&mut store, instance, "small");
            assert_eq!(small.call(&mut store, ()).unwrap(), 7);
            let cost = PLENTY - store.fuel().unwrap();
            for fuel in [0, 1, cost - 1] {
                store.set_fuel(fuel).unwrap();
                trap(&small.call(&mut store, ()), TrapCode::OutOfFuel);
                assert_eq!(store.fuel().unwrap(), 0, "{backend}, {fuel} of {cost}");
                // Nor with values that are not typed.
                trap(&small.func().call(&mut store, &[], &mut [Val::I32(0)]), TrapCode::OutOfFuel);
            }
            store.set_fuel(cost).unwrap();
            assert_eq!(small.call(&mut store, ()).unwrap(), 7);
            assert_eq!(store.fuel().unwrap(), 0);
            store.set_fuel(PLENTY).unwrap();
            assert_eq!(func::<_, (), i32>(&mut store, instance, "run").call(&mut store, ()).unwrap(), 14);
            // However deep, it ends before the host goes on.
            let down = func::<_, i32, i32>(&mut store, instance, "down");
            store.set_fuel(PLENTY).unwrap();
            down.call(&mut store, 100).unwrap();
            let cost = PLENTY - store.fuel().unwrap();
            for fuel in cost.saturating_sub(210)..cost {
                store.set_fuel(fuel).unwrap();
                trap(&down.call(&mut store, 100), TrapCode::OutOfFuel);
            }
        }
    }
}

#[test]
fn nothing_goes_on_for_ever() {
    let wat = r#"
        (module (table 1 funcref) (elem (i32.const 0) $indirect) (type $u (func)) (memory 1)
          (func (export "loop") (loop (br 0)))
          (func (export "two loops") (loop (loop (br 1))))
          (func (export "if") (local i32) (loop (if (i32.eqz (local.get 0)) (then (br 1)) (else (br 1)))))
          (func (export "table") (loop (br_table 0 0 0 (i32.const 1))))
          (func (export "null") (loop (drop (br_on_null 0 (ref.null func))) ))
          (func (export "not null") (param funcref) (loop (br 0)))
          (func $self (export "call") (call $self))
          (func $indirect (export "indirect") (call_indirect (type $u) (i32.const 0)))
          (func $tail (export "tail") (return_call $tail))
          (func (export "tail indirect") (return_call_indirect (type $u) (i32.const 0)))
          (func $a (export "mutual") (call $b)) (func $b (call $a) (drop (i32.const 1)))
          (func (export "memory") (loop (i32.store (i32.const 0) (i32.const 1)) (br 0))))
    "#;
    let endless =
        ["loop", "two loops", "if", "table", "null", "call", "indirect", "tail", "tail indirect", "mutual", "memory"];
    for (backend, engine) in metered_engines() {
        for name in endless {
            let engine = engine.clone();
            within(60, move || {
                let (mut store, instance) = with_fuel(&engine, wat, 20_000);
                let ended = run(&mut store, instance, name);
                let ended = trap(&ended, TrapCode::OutOfFuel);
                assert_eq!(store.fuel().unwrap(), 0, "{backend}: {name}");
                assert!(!ended.backtrace.frames.is_empty(), "{backend}: {name}");
                // It has run out for every other call, too, until there is more.
                trap(&run(&mut store, instance, "loop"), TrapCode::OutOfFuel);
            });
        }
    }
}

#[test]
fn the_backtrace_names_the_operator_that_could_not_be_paid() {
    let wat = r#"(module $m (func $spin (loop (br 0))) (func (export "run") nop (call $spin)))"#;
    let bytes = wasm(wat);
    let (branch, call) = (operator_offsets(&bytes, 0, "Br ")[0], operator_offsets(&bytes, 1, "Call ")[0]);
    for (backend, engine) in metered_engines() {
        let (mut store, instance) = with_fuel(&engine, wat, 1000);
        let ended = run(&mut store, instance, "run");
        let ended = trap(&ended, TrapCode::OutOfFuel);
        let place = |name: &str, offset: u32| (name.to_owned(), offset);
        let frames = places(&ended.backtrace.frames);
        // LLVM puts the first into the second.
        assert_eq!(frames[0].1, branch, "{backend}: {frames:?}");
        assert_eq!(frames.last(), Some(&place("func[1]", if frames.len() == 1 { branch } else { call })), "{backend}");
    }
}

#[test]
fn blocks_are_paid_before_they_are_moved() {
    let wat = r#"
        (module (memory (export "memory") 16) (table (export "table") 1000 funcref)
          (func (export "fill") (memory.fill (i32.const 0) (i32.const 1) (i32.const 1048576)))
          (func (export "short") (memory.fill (i32.const 0) (i32.const 1) (i32.const 1000)))
          (func (export "copy") (i32.store8 (i32.const 9) (i32.const 1))
            (memory.copy (i32.const 100) (i32.const 0) (i32.const 500000)))
          (func (export "table fill") (table.fill 0 (i32.const 0) (ref.null func) (i32.const 1000)))
          (func (export "outside") (memory.fill (i32.const 1) (i32.const 1) (i32.const 1048576))))
    "#;
    for (backend, engine) in metered_engines() {
        for name in ["fill", "short", "copy", "table fill"] {
            let (mut store, instance) = with_fuel(&engine, wat, 120);
            trap(&run(&mut store, instance, name), TrapCode::OutOfFuel);
            let memory = instance.memory(&mut store, "memory").unwrap();
            let bytes = memory.data(&store).unwrap();
            let written = bytes.iter().filter(|byte| **byte != 0).count();
            assert_eq!((written, store.fuel().unwrap()), (usize::from(name == "copy"), 0), "{backend}: {name}");
        }
        // What stays undone is not paid for.
        let (mut store, instance) = with_fuel(&engine, wat, 120);
        trap(&run(&mut store, instance, "outside"), TrapCode::MemoryOutOfBounds);
        assert_eq!(store.fuel().unwrap(), 120 - 35, "{backend}");
    }
}

#[test]
fn start_functions_use_fuel() {
    let wat = r#"(module (global $g (mut i32) (i32.const 9)) (start $s) (func $s
        (loop (br_if 0 (global.get $g) (global.set $g (i32.sub (global.get $g) (i32.const 1)))))) (func (export "run")))"#;
    for (backend, engine) in metered_engines() {
        let (store, _) = with_fuel(&engine, wat, PLENTY);
        let total = PLENTY - store.fuel().unwrap();
        assert_eq!(total, 10 * 6 + 1, "{backend}");
        for fuel in [0, 1, total - 1] {
            let mut store = Store::new(&engine, ());
            store.set_fuel(fuel).unwrap();
            trap(&Linker::new().instantiate(&mut store, &module(&engine, wat)), TrapCode::OutOfFuel);
            // The store is as good as before.
            store.set_fuel(total).unwrap();
            Linker::new().instantiate(&mut store, &module(&engine, wat)).unwrap();
            assert_eq!(store.fuel().unwrap(), 0);
        }
        let mut store = Store::new(&engine, ());
        assert_eq!(store.fuel().unwrap(), 0, "a store begins with none");
        trap(&Linker::new().instantiate(&mut store, &module(&engine, wat)), TrapCode::OutOfFuel);
    }
}

#[test]
fn a_store_counts_for_all_its_modules_whoever_compiled_them() {
    let inner = r#"(module (func (export "f") (param i32) (result i32)
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.const 3)))"#;
    let outer = r#"(module (import "inner" "f" (func $f (param i32) (result i32)))
        (func (export "run") (drop (i32.add (call $f (i32.const 5)) (call $f (i32.const 8))))))"#;
    let engines = metered_engines();
    let total = 2 * (1 + 4 + 2) + 13 * 5 + 1 + 1;
    for (first, a) in &engines {
        for (second, b) in &engines {
            let (inner, outer) = (module(a, inner), module(b, outer));
            for fuel in 0..=total {
                let mut store = Store::new(a, ());
                store.set_fuel(fuel).unwrap();
                let mut linker = Linker::new();
                let instance = linker.instantiate(&mut store, &inner).unwrap();
                linker.instance(&mut store, "inner", instance).unwrap();
                let instance = linker.instantiate(&mut store, &outer).unwrap();
                let called = run(&mut store, instance, "run");
                assert_eq!(called.is_ok(), fuel == total, "{first} called by {second}, {fuel} of {total}");
                assert_eq!(store.fuel().unwrap(), 0);
            }
        }
    }
}

#[test]
fn fuel_is_refused_where_there_is_none() {
    for (_, plain) in engines() {
        let mut store = Store::new(&plain, ());
        for refused in [store.fuel().map(drop), store.set_fuel(1), store.add_fuel(1), store.spend_fuel(1)] {
            let Err(Error::Fuel(FuelError::Off)) = refused else { panic!("{refused:?}") };
            assert!(refused.unwrap_err().to_string().contains("EngineConfig::fuel"));
        }
    }
}

#[test]
fn fuel_has_a_largest_amount() {
    for (_, engine) in metered_engines() {
        let mut store = Store::new(&engine, ());
        let too_much = |refused: Result<()>| assert!(matches!(refused, Err(Error::Fuel(FuelError::TooMuch))));
        too_much(store.set_fuel(FUEL_MAX + 1));
        too_much(store.set_fuel(u64::MAX));
        assert_eq!(store.fuel().unwrap(), 0);
        store.set_fuel(FUEL_MAX).unwrap();
        too_much(store.add_fuel(1));
        too_much(store.add_fuel(u64::MAX));
        assert_eq!(store.fuel().unwrap(), FUEL_MAX);
        // Code counts down from there, too.
        let instance = Linker::new().instantiate(&mut store, &module(&engine, &body("(call $one)"))).unwrap();
        run(&mut store, instance, "run").unwrap();
        assert_eq!(store.fuel().unwrap(), FUEL_MAX - 6);
        store.add_fuel(6).unwrap();
        assert_eq!(store.fuel().unwrap(), FUEL_MAX);
        // The host may take it all, and then no more.
        store.spend_fuel(FUEL_MAX - 5).unwrap();
        trap(&store.spend_fuel(6), TrapCode::OutOfFuel);
        assert_eq!(store.fuel().unwrap(), 0);
    }
}

#[test]
fn code_with_fuel_and_code_without_do_not_mix() {
    for ((_, plain), (backend, metered)) in engines().into_iter().zip(metered_engines()) {
        let bytes = wasm(&body(""));
        for (from, to) in [(&plain, &metered), (&metered, &plain)] {
            let image = from.compile(&bytes, [0; 32], None).unwrap();
            let image = Image::from_bytes(image.as_bytes()).unwrap();
            assert_eq!(image.uses_fuel(), from.uses_fuel());
            // SAFETY: the image was made here, by a compiler of this process.
            let refused = unsafe { Module::from_image(to, image) };
            let Err(Error::Fuel(FuelError::Artifact { uses_fuel })) = refused else { panic!("{refused:?}") };
            assert_eq!(uses_fuel, from.uses_fuel());
            let mut store = Store::new(to, ());
            let refused = Linker::new().instantiate(&mut store, &Module::new(from, &bytes).unwrap());
            let Err(Error::Fuel(FuelError::Store { uses_fuel })) = refused else { panic!("{backend}: {refused:?}") };
            assert_eq!(uses_fuel, from.uses_fuel());
        }
    }
}

#[test]
fn threads_do_not_change_metered_code() {
    let text: String = (0..60)
        .map(|n| format!("(func (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const {n})))))) "))
        .collect();
    let bytes = wasm(&format!("(module {text})"));
    let compile = |threads: usize| -> Vec<_> {
        let engines = engines_with(|config| config.fuel(true).threads(threads));
        engines.iter().map(|(_, engine)| engine.compile(&bytes, [0; 32], None).unwrap().as_bytes().to_vec()).collect()
    };
    assert_eq!(compile(1), compile(3));
}

#[test]
fn interrupts_reach_guests_that_have_fuel() {
    for (backend, engine) in metered_engines() {
        let (mut store, instance) = with_fuel(&engine, r#"(module (func (export "run") (loop (br 0))))"#, FUEL_MAX);
        let handle = store.interrupt_handle();
        let timer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            handle.interrupt();
        });
        trap(&run(&mut store, instance, "run"), TrapCode::Interrupted);
        timer.join().unwrap();
        assert!(store.fuel().unwrap() < FUEL_MAX, "{backend}: what ran is paid");
        // Fuel that ends before the interrupt comes is another trap.
        store.clear_interrupt();
        store.set_fuel(1000).unwrap();
        trap(&run(&mut store, instance, "run"), TrapCode::OutOfFuel);
    }
}
