//! Modules of different backends in one store: through function imports, tables, globals and references.
//!
//! With one backend built, its modules are linked with each other: what holds for two must hold for one.

use crate::common::*;
use wasmer_runtime::*;

/// Every ordered pair of engines.
fn pairs() -> Vec<(Engine, Engine)> {
    let engines = engines();
    engines.iter().flat_map(|(_, a)| engines.iter().map(|(_, b)| (a.clone(), b.clone()))).collect()
}

const CALLEE: &str = r#"(module $callee
    (type $binary (func (param i32 i64) (result i64)))
    (import "host" "log" (func $log (param i32)))
    (global $calls (export "calls") (mut i32) (i32.const 0))
    (memory (export "memory") 1)
    (table (export "table") 4 funcref)
    (elem (i32.const 1) $add $sub)
    (global (export "global") (mut funcref) (ref.func $add))
    (global (export "typed") (mut (ref null $binary)) (ref.func $sub))
    (func $add (export "add") (type $binary)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (call $log (local.get 0))
        (i32.store (i32.const 16) (local.get 0))
        (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))
    (func $sub (export "sub") (type $binary) (i64.sub (i64.extend_i32_s (local.get 0)) (local.get 1)))
    (func $boom (export "boom") (type $binary) unreachable)
    (func (export "wide") (param i32 i64 f32 f64 v128 funcref externref i64 i64 i64 i64 i64 f32 f64)
        (result f64 v128 i32 i64 f32 externref funcref i64)
        (f64.add (local.get 3) (local.get 13)) (local.get 4) (local.get 0) (local.get 1)
        (f32.mul (local.get 2) (local.get 12)) (local.get 6) (local.get 5) (local.get 11)))"#;

const CALLER: &str = r#"(module $caller
    (type $binary (func (param i32 i64) (result i64)))
    (import "callee" "add" (func $add (type $binary)))
    (import "callee" "boom" (func $boom (type $binary)))
    (import "callee" "wide" (func $wide (param i32 i64 f32 f64 v128 funcref externref i64 i64 i64 i64 i64 f32 f64)
        (result f64 v128 i32 i64 f32 externref funcref i64)))
    (import "callee" "table" (table $table 4 funcref))
    (import "callee" "global" (global $global (mut funcref)))
    (import "callee" "typed" (global $typed (mut (ref null $binary))))
    (import "callee" "memory" (memory 1))
    (import "callee" "calls" (global $calls (mut i32)))
    (table $own 4 funcref)
    (elem declare func $mul $add)
    (func $mul (export "mul") (type $binary) (i64.mul (i64.extend_i32_s (local.get 0)) (local.get 1)))
    (func (export "direct") (type $binary) (call $add (local.get 0) (local.get 1)))
    (func (export "tail") (type $binary) (return_call $add (local.get 0) (local.get 1)))
    (func $outer (export "boom") (type $binary) (call $boom (local.get 0) (local.get 1)))
    (func (export "indirect") (param i32 i32 i64) (result i64)
        (call_indirect $table (type $binary) (local.get 1) (local.get 2) (local.get 0)))
    (func (export "wrong") (param i32) (call_indirect $table (local.get 0)))
    (func (export "put") (param i32) (table.set $table (local.get 0) (ref.func $mul)))
    (func (export "put_import") (param i32) (table.set $table (local.get 0) (ref.func $add)))
    (func (export "copy") (table.copy $own $table (i32.const 0) (i32.const 0) (i32.const 4)))
    (func (export "own") (param i32 i32 i64) (result i64)
        (call_indirect $own (type $binary) (local.get 1) (local.get 2) (local.get 0)))
    (func (export "tail_indirect") (param i32 i32 i64) (result i64)
        (return_call_indirect $table (type $binary) (local.get 1) (local.get 2) (local.get 0)))
    (func (export "typed") (type $binary) (call_ref $binary (local.get 0) (local.get 1) (global.get $typed)))
    (func (export "tail_typed") (type $binary) (return_call_ref $binary (local.get 0) (local.get 1) (global.get $typed)))
    (func (export "set_typed") (global.set $typed (ref.func $mul)))
    (func (export "from_global") (type $binary)
        (table.set $own (i32.const 3) (global.get $global))
        (call_indirect $own (type $binary) (local.get 0) (local.get 1) (i32.const 3)))
    (func (export "stored") (result i32) (i32.load (i32.const 16)))
    (func (export "wide") (param funcref externref) (result i32)
        (local $f f64) (local $v v128) (local $i i32) (local $l i64) (local $s f32) (local $e externref) (local $r funcref) (local $x i64)
        (call $wide (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (v128.const i64x2 5 6) (local.get 0) (local.get 1)
            (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (f32.const 12) (f64.const 13))
        (local.set $x) (local.set $r) (local.set $e) (local.set $s) (local.set $l) (local.set $i) (local.set $v) (local.set $f)
        (i32.and
            (i32.and
                (i32.and (f64.eq (local.get $f) (f64.const 17)) (i32.eq (local.get $i) (i32.const 1)))
                (i32.and (i64.eq (local.get $l) (i64.const 2)) (f32.eq (local.get $s) (f32.const 36))))
            (i32.and
                (i32.and (i64.eq (local.get $x) (i64.const 11)) (i64.eq (i64x2.extract_lane 1 (local.get $v)) (i64.const 6)))
                (i32.and (i32.eqz (ref.is_null (local.get $r))) (i32.eqz (ref.is_null (local.get $e))))))))"#;

/// A store with both modules.
fn link(callee: &Engine, caller: &Engine) -> (Store<Vec<i32>>, Instance, Instance) {
    let mut store = Store::new(caller, Vec::new());
    let mut linker = Linker::new();
    linker
        .func_wrap("host", "log", |mut caller: Caller<'_, Vec<i32>>, value: i32| caller.data_mut().push(value))
        .unwrap();
    let first = linker.instantiate(&mut store, &module(callee, CALLEE)).unwrap();
    linker.instance(&mut store, "callee", first).unwrap();
    let second = linker.instantiate(&mut store, &module(caller, CALLER)).unwrap();
    (store, first, second)
}

#[test]
fn functions_call_each_other() {
    for (a, b) in pairs() {
        let (mut store, _, caller) = link(&a, &b);
        for name in ["direct", "tail", "from_global"] {
            let call = func::<_, (i32, i64), i64>(&mut store, caller, name);
            assert_eq!(call.call(&mut store, (40, 2)).unwrap(), 42, "{name}");
            assert_eq!(call.call(&mut store, (-1, 1 << 40)).unwrap(), (1 << 40) - 1, "{name}");
        }
        assert_eq!(*store.data(), [40, -1, 40, -1, 40, -1]);
        assert_eq!(func::<_, (), i32>(&mut store, caller, "stored").call(&mut store, ()).unwrap(), -1);
        let wide = func::<_, (Option<Func>, Option<ExternRef>), i32>(&mut store, caller, "wide");
        let own = caller.func(&mut store, "direct");
        assert_eq!(wide.call(&mut store, (own, Some(ExternRef::new(1)))).unwrap(), 1);
    }
}

#[test]
fn tables_hold_functions_of_both() {
    for (a, b) in pairs() {
        let (mut store, callee, caller) = link(&a, &b);
        let table = export(&mut store, callee, "table").table().unwrap();
        run_put(&mut store, caller);
        let double = Func::wrap(&mut store, |a: i32, b: i64| i64::from(a) * b * 2).unwrap();
        table.grow(&mut store, 1, double.into()).unwrap();
        for name in ["indirect", "tail_indirect"] {
            let call = func::<_, (i32, i32, i64), i64>(&mut store, caller, name);
            let results = [1, 2, 0, 3, 4].map(|element| call.call(&mut store, (element, 6, 7)).unwrap());
            assert_eq!(results, [13, -1, 42, 13, 84], "{name}");
            trap(&call.call(&mut store, (5, 6, 7)), TrapCode::UndefinedElement);
        }
        let wrong = func::<_, i32, ()>(&mut store, caller, "wrong");
        for element in 0..5 {
            trap(&wrong.call(&mut store, element), TrapCode::IndirectCallTypeMismatch);
        }
        run(&mut store, caller, "copy").unwrap();
        let own = func::<_, (i32, i32, i64), i64>(&mut store, caller, "own");
        assert_eq!([0, 1, 2].map(|element| own.call(&mut store, (element, 6, 7)).unwrap()), [42, 13, -1]);
        table.set(&mut store, 1, Val::FuncRef(None)).unwrap();
        let call = func::<_, (i32, i32, i64), i64>(&mut store, caller, "indirect");
        trap(&call.call(&mut store, (1, 6, 7)), TrapCode::UninitializedElement);
        assert_eq!(own.call(&mut store, (1, 6, 7)).unwrap(), 13);
    }
}

fn run_put(store: &mut Store<Vec<i32>>, caller: Instance) {
    func::<_, i32, ()>(store, caller, "put").call(store, 0).unwrap();
    func::<_, i32, ()>(store, caller, "put_import").call(store, 3).unwrap();
}

#[test]
fn references_are_called_across() {
    for (a, b) in pairs() {
        let (mut store, callee, caller) = link(&a, &b);
        for name in ["typed", "tail_typed"] {
            let call = func::<_, (i32, i64), i64>(&mut store, caller, name);
            assert_eq!(call.call(&mut store, (50, 8)).unwrap(), 42);
        }
        run(&mut store, caller, "set_typed").unwrap();
        let call = func::<_, (i32, i64), i64>(&mut store, caller, "typed");
        assert_eq!(call.call(&mut store, (6, 7)).unwrap(), 42);
        // The callee's global now holds the caller's function; the host can call it, and put its own there.
        let typed = export(&mut store, callee, "typed").global().unwrap();
        let Val::FuncRef(Some(mul)) = typed.get(&store).unwrap() else { panic!("a function was set") };
        assert_eq!(mul.typed::<(i32, i64), i64>(&store).unwrap().call(&mut store, (3, 14)).unwrap(), 42);
        let host = Func::wrap(&mut store, |a: i32, b: i64| i64::from(a) - b * 3).unwrap();
        typed.set(&mut store, host.into()).unwrap();
        assert_eq!(call.call(&mut store, (48, 2)).unwrap(), 42);
        typed.set(&mut store, Val::FuncRef(None)).unwrap();
        trap(&call.call(&mut store, (48, 2)), TrapCode::NullFunctionReference);
        let other = Func::wrap(&mut store, |_: i64| ()).unwrap();
        assert!(typed.set(&mut store, other.into()).is_err());
    }
}

#[test]
fn traps_cross_backends_with_their_backtraces() {
    for (a, b) in pairs() {
        let (mut store, _, caller) = link(&a, &b);
        let result = func::<_, (i32, i64), i64>(&mut store, caller, "boom").call(&mut store, (1, 2));
        let frames = &trap(&result, TrapCode::Unreachable).backtrace.frames;
        let names: Vec<_> = frames.iter().map(|frame| frame.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["boom", "outer"]);
        let offset = |wat, function, name| operator_offsets(&wasm(wat), function, name).first().copied();
        assert_eq!(frames[0].wasm_offset, offset(CALLEE, 2, "Unreachable"));
        assert_eq!(frames[1].wasm_offset, offset(CALLER, 3, "Call"));
    }
}

#[test]
fn recursion_across_backends_ends() {
    let ping = r#"(module (table (export "table") 2 funcref) (elem (i32.const 0) $ping)
        (func $ping (export "ping") (call_indirect (i32.const 1))))"#;
    let pong = r#"(module (import "ping" "table" (table 2 funcref)) (elem (i32.const 1) $pong)
        (func $pong (export "pong") (call_indirect (i32.const 0))))"#;
    for (a, b) in pairs() {
        let mut store = Store::new(&a, ());
        let mut linker = Linker::new();
        let first = linker.instantiate(&mut store, &module(&a, ping)).unwrap();
        linker.instance(&mut store, "ping", first).unwrap();
        let second = linker.instantiate(&mut store, &module(&b, pong)).unwrap();
        trap(&run(&mut store, second, "pong"), TrapCode::StackOverflow);
        trap(&run(&mut store, first, "ping"), TrapCode::StackOverflow);
    }
}
