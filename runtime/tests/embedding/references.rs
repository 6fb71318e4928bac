//! Calls by references of a type that few functions of the module have: code compares the reference with theirs first (ADR 48).

use crate::common::*;
use wasmer_runtime::{Func, Instance, Linker, Store, TrapCode};

const MODULE: &str = r#"(module
    (type $object (struct (field i32)))
    (type $binary (sub (func (param i32 (ref null $object)) (result i32 i64))))
    (type $special (sub $binary (func (param i32 (ref null $object)) (result i32 i64))))
    (type $many (func (param i32) (result i32)))
    (global $calls (mut i32) (i32.const 0))
    (elem declare func $first $second $a $b $c)
    (func $count (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
    (func $first (type $binary)
        (call $count)
        (i32.add (local.get 0) (struct.get $object 0 (local.get 1)))
        (i64.const 1))
    (func $second (type $special)
        (call $count)
        (i32.sub (local.get 0) (struct.get $object 0 (local.get 1)))
        (i64.const 2))
    (func $a (type $many) (local.get 0))
    (func $b (type $many) (i32.add (local.get 0) (i32.const 1)))
    (func $c (type $many) (i32.add (local.get 0) (i32.const 2)))
    (func (export "first") (result funcref) (ref.func $first))
    (func (export "second") (result funcref) (ref.func $second))
    (func (export "a") (result funcref) (ref.func $a))
    (func (export "c") (result funcref) (ref.func $c))
    (func (export "calls") (result i32) (global.get $calls))
    (func (export "call") (param i32 funcref) (result i32 i64)
        (call_ref $binary (local.get 0) (struct.new $object (i32.const 3)) (ref.cast (ref null $binary) (local.get 1))))
    (func (export "tail") (param i32 funcref) (result i32 i64)
        (return_call_ref $binary (local.get 0) (struct.new $object (i32.const 3)) (ref.cast (ref null $binary) (local.get 1))))
    (func (export "never_null") (param i32 funcref) (result i32 i64)
        (call_ref $binary (local.get 0) (struct.new $object (i32.const 3)) (ref.cast (ref $binary) (local.get 1))))
    (func (export "special") (param i32 funcref) (result i32 i64)
        (call_ref $special (local.get 0) (struct.new $object (i32.const 3)) (ref.cast (ref null $special) (local.get 1))))
    (func (export "many") (param i32 funcref) (result i32)
        (call_ref $many (local.get 0) (ref.cast (ref null $many) (local.get 1)))))"#;

/// What an export without parameters gives.
fn reference(store: &mut Store<()>, instance: Instance, export: &str) -> Option<Func> {
    func::<_, (), Option<Func>>(store, instance, export).call(store, ()).unwrap()
}

fn calls(store: &mut Store<()>, instance: Instance) -> i32 {
    func::<_, (), i32>(store, instance, "calls").call(store, ()).unwrap()
}

#[test]
fn a_reference_is_called_whichever_function_it_leads_to() {
    for (backend, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let (module, linker) = (module(&engine, MODULE), Linker::new());
        let [instance, other] = [(); 2].map(|()| linker.instantiate(&mut store, &module).unwrap());
        for (number, owner) in [instance, other].into_iter().enumerate() {
            let first = reference(&mut store, owner, "first");
            let second = reference(&mut store, owner, "second");
            for export in ["call", "tail", "never_null"] {
                let call = func::<_, (i32, Option<Func>), (i32, i64)>(&mut store, instance, export);
                assert_eq!(call.call(&mut store, (10, first)).unwrap(), (13, 1), "{backend}, {export}, {number}");
                assert_eq!(call.call(&mut store, (10, second)).unwrap(), (7, 2), "{backend}, {export}, {number}");
            }
            let special = func::<_, (i32, Option<Func>), (i32, i64)>(&mut store, instance, "special");
            assert_eq!(special.call(&mut store, (10, second)).unwrap(), (7, 2), "{backend}, {number}");
            trap(&special.call(&mut store, (10, first)), TrapCode::CastFailure);
            // Each function has counted in its own instance.
            assert_eq!(calls(&mut store, owner), 7, "{backend}, {number}");
            let many = func::<_, (i32, Option<Func>), i32>(&mut store, instance, "many");
            let (a, c) = (reference(&mut store, owner, "a"), reference(&mut store, owner, "c"));
            assert_eq!(many.call(&mut store, (5, a)).unwrap(), 5, "{backend}, {number}");
            assert_eq!(many.call(&mut store, (5, c)).unwrap(), 7, "{backend}, {number}");
        }
    }
}

#[test]
fn null_is_no_reference_that_was_not_made_yet() {
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, MODULE);
        for export in ["call", "tail", "special"] {
            let call = func::<_, (i32, Option<Func>), (i32, i64)>(&mut store, instance, export);
            trap(&call.call(&mut store, (1, None)), TrapCode::NullFunctionReference);
        }
        let many = func::<_, (i32, Option<Func>), i32>(&mut store, instance, "many");
        trap(&many.call(&mut store, (1, None)), TrapCode::NullFunctionReference);
        assert_eq!(calls(&mut store, instance), 0, "{backend}");
    }
}

#[test]
fn a_reference_is_the_same_each_time() {
    let wat = r#"(module
        (type $t (func))
        (type $object (struct))
        (elem declare func $f)
        (func $f (export "f") (type $t))
        (func (export "reference") (result funcref) (ref.func $f)))"#;
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, wat);
        let first = reference(&mut store, instance, "reference");
        assert!(first.is_some(), "{backend}");
        assert_eq!(first, reference(&mut store, instance, "reference"), "{backend}");
        assert_eq!(first, instance.func(&mut store, "f"), "{backend}");
    }
}

/// Methods so short that they are put in the place of a guessed call.
const SHORT: &str = r#"(module
    (type $object (sub (struct (field (mut i32)))))
    (type $wide (sub $object (struct (field (mut i32)) (field (mut i64)))))
    (type $get (func (param (ref null $object) i32) (result i32)))
    (type $set (func (param (ref null $object) i32)))
    (elem declare func $plain $cast $store $narrow)
    (func $plain (type $get) (i32.add (struct.get $object 0 (local.get 0)) (local.get 1)))
    (func $cast (type $get)
        (i32.sub (i32.wrap_i64 (struct.get $wide 1 (ref.cast (ref $wide) (local.get 0)))) (local.get 1)))
    (func $store (type $set) (struct.set $object 0 (local.get 0) (local.get 1)))
    (func $narrow (type $set)
        (struct.set $wide 1 (ref.cast (ref $wide) (local.get 0)) (i64.extend_i32_u (local.get 1))))
    (func (export "plain") (result funcref) (ref.func $plain))
    (func (export "cast") (result funcref) (ref.func $cast))
    (func (export "store") (result funcref) (ref.func $store))
    (func (export "narrow") (result funcref) (ref.func $narrow))
    (func $make (param i32) (result (ref null $object))
        (if (i32.eqz (local.get 0)) (then (return (ref.null $object))))
        (if (i32.eq (local.get 0) (i32.const 1)) (then (return (struct.new $object (i32.const 50)))))
        (struct.new $wide (i32.const 70) (i64.const 90)))
    (func $sum (param (ref null $object)) (result i32)
        (block $no (result (ref null $object))
            (br_on_cast_fail $no (ref null $object) (ref $wide) (local.get 0))
            (i32.wrap_i64 (struct.get $wide 1))
            (return (i32.add (struct.get $object 0 (local.get 0)))))
        (struct.get $object 0))
    (func $get (export "get") (param $kind i32) (param $number i32) (param $method funcref) (result i32)
        (i32.mul (i32.const 2) (call_ref $get
            (call $make (local.get $kind)) (local.get $number) (ref.cast (ref null $get) (local.get $method)))))
    (func $set (export "set") (param $kind i32) (param $number i32) (param $method funcref) (result i32)
        (local $object (ref null $object))
        (local.set $object (call $make (local.get $kind)))
        (call_ref $set (local.get $object) (local.get $number) (ref.cast (ref null $set) (local.get $method)))
        (call $sum (local.get $object))))"#;

/// What a method gives for null, an object, and a wide one.
type Given = [std::result::Result<i32, TrapCode>; 3];

/// Methods by their type and name; the number is 3.
const METHODS: [(&str, &str, Given); 4] = [
    ("get", "plain", [Err(TrapCode::NullStructure), Ok(106), Ok(146)]),
    ("get", "cast", [Err(TrapCode::CastFailure), Err(TrapCode::CastFailure), Ok(174)]),
    ("set", "store", [Err(TrapCode::NullStructure), Ok(3), Ok(93)]),
    ("set", "narrow", [Err(TrapCode::CastFailure), Err(TrapCode::CastFailure), Ok(73)]),
];

#[test]
fn short_methods_trap_and_cost_as_if_they_were_called() {
    for (backend, engine) in engines_with(|config| config.fuel(true)) {
        let mut store = Store::new(&engine, ());
        store.set_fuel(1 << 40).unwrap();
        let (module, linker) = (module(&engine, SHORT), Linker::new());
        let [instance, other] = [(); 2].map(|()| linker.instantiate(&mut store, &module).unwrap());
        for (export, name, expected) in METHODS {
            let call = func::<_, (i32, i32, Option<Func>), i32>(&mut store, instance, export);
            // A method of the other instance is called by its address.
            let methods = [instance, other].map(|owner| reference(&mut store, owner, name));
            for (kind, expected) in expected.into_iter().enumerate() {
                let what = format!("{backend}, {name}, {kind}");
                let mut run = |method| {
                    let before = store.fuel().unwrap();
                    let result = call.call(&mut store, (kind as i32, 3, method));
                    (result, before - store.fuel().unwrap())
                };
                // The first time may also make an object of the host, or compile.
                methods.into_iter().for_each(|method| drop(run(method)));
                let [(near, near_fuel), (far, far_fuel)] = methods.map(run);
                assert_eq!(near_fuel, far_fuel, "{what}");
                let code = match expected {
                    Ok(value) => {
                        assert_eq!((near.unwrap(), far.unwrap()), (value, value), "{what}");
                        continue;
                    }
                    Err(code) => code,
                };
                let [near, far] = [near, far].map(|result| {
                    let frames = trap(&result, code).backtrace.frames.clone();
                    frames.into_iter().map(|frame| (frame.name, frame.wasm_offset)).collect::<Vec<_>>()
                });
                // LLVM may put any function in the place of a call, and has no frame for it then.
                if backend != wasmer_runtime::Backend::Llvm {
                    assert_eq!(near, far, "{what}");
                    let names: Vec<_> = near.iter().map(|(name, _)| name.as_deref()).collect();
                    assert_eq!(names, [Some(name), Some(export)], "{what}");
                }
            }
        }
    }
}
