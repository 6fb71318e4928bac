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
