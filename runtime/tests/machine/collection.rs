//! Objects of garbage collection between guests and the host: what lives, what goes, and where it ends.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::*;
use wasmer_runtime::*;

/// Trees, lists, and values of every kind in objects.
const GUEST: &str = r#"(module
    (rec (type $tree (struct (field $left (ref null $tree)) (field $right (ref null $tree)))))
    (type $list (struct (field $value (mut i64)) (field $next (mut (ref null $list)))))
    (type $array (array (mut (ref null any))))
    (type $bytes (array (mut i8)))
    (type $mixed (struct (field i8) (field (mut externref)) (field (mut exnref)) (field (mut anyref)) (field (mut funcref)) (field f64)))
    (tag $tag (export "tag") (param anyref))
    (global $kept (export "kept") (mut anyref) (ref.null any))

    (func $make (param $depth i32) (result (ref $tree))
        (if (result (ref $tree)) (local.get $depth)
            (then (struct.new $tree
                (call $make (i32.sub (local.get $depth) (i32.const 1)))
                (call $make (i32.sub (local.get $depth) (i32.const 1)))))
            (else (struct.new_default $tree))))
    (func $count (param $tree (ref null $tree)) (result i32)
        (if (result i32) (ref.is_null (local.get $tree))
            (then (i32.const 0))
            (else (i32.add (i32.const 1) (i32.add
                (call $count (struct.get $tree $left (local.get $tree)))
                (call $count (struct.get $tree $right (local.get $tree))))))))
    (func (export "trees") (param $depth i32) (param $times i32) (result i32)
        (local $long (ref $tree)) (local $sum i32)
        (local.set $long (call $make (local.get $depth)))
        (loop $again
            (local.set $sum (i32.add (local.get $sum) (call $count (call $make (local.get $depth)))))
            (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (i32.add (local.get $sum) (call $count (local.get $long))))

    ;; Many references in locals and on the operand stack while others are made.
    (func (export "many") (param $seed i64) (result i64)
        (local $a (ref $list)) (local $b (ref $list)) (local $c (ref $list)) (local $d (ref $list)) (local $e (ref $list))
        (local $f (ref $list)) (local $g (ref $list)) (local $h (ref $list)) (local $i (ref $list)) (local $sum i64)
        (local.set $a (struct.new $list (local.get $seed) (ref.null $list)))
        (local.set $b (struct.new $list (i64.const 2) (local.get $a)))
        (local.set $c (struct.new $list (i64.const 3) (local.get $b)))
        (local.set $d (struct.new $list (i64.const 4) (ref.null $list)))
        (local.set $e (struct.new $list (i64.const 5) (local.get $d)))
        (local.set $f (struct.new $list (i64.const 6) (ref.null $list)))
        (local.set $g (struct.new $list (i64.const 7) (ref.null $list)))
        (local.set $h (struct.new $list (i64.const 8) (ref.null $list)))
        (local.set $i (struct.new $list (i64.const 9) (local.get $h)))
        (call $sum (struct.new $list (i64.const 10) (local.get $c)))
        (call $sum (struct.new $list (i64.const 11) (local.get $e)))
        (call $sum (struct.new $list (i64.const 12) (local.get $i)))
        (call $sum (local.get $f)) (call $sum (local.get $g))
        i64.add i64.add i64.add i64.add)
    (func $sum (param $list (ref null $list)) (result i64) (local $sum i64)
        (block $end (loop $again
            (br_if $end (ref.is_null (local.get $list)))
            (local.set $sum (i64.add (local.get $sum) (struct.get $list $value (local.get $list))))
            (drop (call $make (i32.const 2)))
            (local.set $list (struct.get $list $next (local.get $list)))
            (br $again)))
        (local.get $sum))

    ;; Elements one by one, with calls in between, so that a pointer into the array may be all that is left of it.
    (func (export "array") (param $len i32) (result i32) (local $array (ref $array)) (local $index i32) (local $sum i32)
        (local.set $array (array.new_default $array (local.get $len)))
        (loop $again
            (array.set $array (local.get $array) (local.get $index) (ref.i31 (local.get $index)))
            (drop (call $make (i32.const 1)))
            (br_if $again (i32.lt_u (local.tee $index (i32.add (local.get $index) (i32.const 1))) (local.get $len))))
        (local.set $index (i32.const 0))
        (loop $again
            (local.set $sum (i32.add (local.get $sum)
                (i31.get_u (ref.cast i31ref (array.get $array (local.get $array) (local.get $index))))))
            (drop (call $make (i32.const 1)))
            (br_if $again (i32.lt_u (local.tee $index (i32.add (local.get $index) (i32.const 1))) (array.len (local.get $array)))))
        (local.get $sum))

    (func (export "fill") (param $bytes i32) (result i32) (array.len (array.new $bytes (i32.const 7) (local.get $bytes))))
    (func (export "grow") (local $list (ref null $list))
        (loop $again (local.set $list (struct.new $list (i64.const 1) (local.get $list))) (br $again)))

    ;; An object and an exception that hold each other, and a value of the host.
    (func (export "cycle") (param $value externref) (local $object (ref $mixed)) (local $exception exnref)
        (local.set $object (struct.new $mixed (i32.const 1) (local.get $value) (ref.null exn) (ref.null any) (ref.null func) (f64.const 1)))
        (local.set $exception (block $all (result exnref)
            (try_table (catch_all_ref $all) (throw $tag (local.get $object)))
            unreachable))
        (struct.set $mixed 2 (local.get $object) (local.get $exception))
        (struct.set $mixed 3 (local.get $object) (any.convert_extern (local.get $value)))
        (global.set $kept (local.get $object)))
    (func (export "forget") (global.set $kept (ref.null any)))
    (func (export "same") (param anyref) (result anyref) (local.get 0))
    (func (export "outside") (param anyref) (result externref) (extern.convert_any (local.get 0)))
    (func (export "inside") (param externref) (result anyref) (any.convert_extern (local.get 0)))
    (func (export "record") (param i64 anyref) (result (ref null $list))
        (struct.new $list (local.get 0) (ref.cast (ref null $list) (local.get 1)))))"#;

fn guest(engine: &Engine, limits: StoreLimits, always: bool) -> (Store<()>, Instance) {
    let mut store = Store::with_limits(engine, (), limits);
    if always {
        store.gc_always();
    }
    let instance = Linker::new().instantiate(&mut store, &module(engine, GUEST)).unwrap();
    (store, instance)
}

#[test]
fn what_is_used_stays_and_what_is_not_makes_room() {
    for (backend, engine) in engines() {
        // The trees of all rounds are 65 MB.
        let (mut store, instance) = guest(&engine, StoreLimits::new().gc_heap_bytes_max(8 << 20), false);
        let trees = func::<_, (i32, i32), i32>(&mut store, instance, "trees");
        assert_eq!(trees.call(&mut store, (10, 2000)).unwrap(), 2047 * 2001, "{backend}");
        for always in [false, true] {
            let (mut store, instance) = guest(&engine, StoreLimits::new(), always);
            let trees = func::<_, (i32, i32), i32>(&mut store, instance, "trees");
            assert_eq!(trees.call(&mut store, (4, 3)).unwrap(), 31 * 4, "{backend}");
            let many = func::<_, i64, i64>(&mut store, instance, "many");
            assert_eq!(many.call(&mut store, 1).unwrap(), 78, "{backend}");
            let array = func::<_, i32, i32>(&mut store, instance, "array");
            for len in [1, 2, 3, 50] {
                assert_eq!(array.call(&mut store, len).unwrap(), len * (len - 1) / 2, "{backend}");
            }
        }
    }
}

#[test]
fn a_full_heap_is_a_trap_and_no_end() {
    for (backend, engine) in engines() {
        let (mut store, instance) = guest(&engine, StoreLimits::new().gc_heap_bytes_max(1 << 20), false);
        let fill = func::<_, i32, i32>(&mut store, instance, "fill");
        for _ in 0..3 {
            trap(&run(&mut store, instance, "grow"), TrapCode::GcHeapExhausted);
            // The next call may find in its frame what this one left there. When none runs, there are no frames.
            store.gc();
            assert_eq!(fill.call(&mut store, 900_000).unwrap(), 900_000, "{backend}");
            for bytes in [1 << 20, i32::MAX, -1] {
                trap(&fill.call(&mut store, bytes), TrapCode::GcHeapExhausted);
            }
        }
    }
}

#[test]
fn whoever_allocates_for_ever_is_interrupted() {
    for (_, engine) in engines() {
        within(30, move || {
            let (mut store, instance) = guest(&engine, StoreLimits::new(), false);
            let many = func::<_, i64, i64>(&mut store, instance, "many");
            for delay in [0, 1, 3, 40] {
                let handle = store.interrupt_handle();
                let timer = thread::spawn(move || {
                    thread::sleep(Duration::from_millis(delay));
                    handle.interrupt();
                    Instant::now()
                });
                trap(&run(&mut store, instance, "grow"), TrapCode::Interrupted);
                let asked = timer.join().unwrap();
                assert!(asked.elapsed() < Duration::from_secs(10));
                store.clear_interrupt();
                assert_eq!(many.call(&mut store, 1).unwrap(), 78);
                store.gc();
            }
        });
    }
}

#[test]
fn objects_exceptions_and_host_values_go_together() {
    for (backend, engine) in engines() {
        let (mut store, instance) = guest(&engine, StoreLimits::new(), false);
        let cycle = func::<_, Option<ExternRef>, ()>(&mut store, instance, "cycle");
        let value = Arc::new(7);
        cycle.call(&mut store, Some(ExternRef::new(Arc::clone(&value)))).unwrap();
        store.gc();
        assert_eq!(Arc::strong_count(&value), 2, "{backend}: a global holds the object, and that the value");
        run(&mut store, instance, "forget").unwrap();
        store.gc();
        assert_eq!(Arc::strong_count(&value), 1, "{backend}");
        // Memory stays the same, whatever goes around.
        for round in 0..3000 {
            cycle.call(&mut store, Some(ExternRef::new(Arc::clone(&value)))).unwrap();
            assert!(Arc::strong_count(&value) < 2000, "{backend}, round {round}");
        }
    }
}

#[test]
fn the_host_makes_and_holds_objects() {
    for (backend, engine) in engines() {
        for always in [false, true] {
            let (mut store, instance) = guest(&engine, StoreLimits::new(), always);
            let record = instance.func(&mut store, "record").unwrap();
            let ty = ObjectType::of(record.ty(&store).unwrap().results[0]).unwrap();
            // Types that are written alike are the same type: a list that the host has made.
            let mut list = None;
            for number in 0..20 {
                let fields = [Val::I64(number), Val::AnyRef(list.take())];
                list = Some(StructRef::new(&mut store, &ty, &fields).unwrap().into());
            }
            let mut results = [Val::I32(0)];
            record.call(&mut store, &[Val::I64(20), Val::AnyRef(list)], &mut results).unwrap();
            store.gc();
            let [Val::AnyRef(mut next)] = results else { panic!("a reference") };
            for number in (0..=20).rev() {
                let object = next.unwrap().as_struct(&store).unwrap().unwrap();
                assert_eq!(object.get(&mut store, 0).unwrap().i64(), Some(number), "{backend}");
                object.set(&mut store, 0, Val::I64(-number)).unwrap();
                let Val::AnyRef(after) = object.get(&mut store, 1).unwrap() else { panic!("a reference") };
                next = after;
            }
            assert!(next.is_none());
        }
    }
}

#[test]
fn references_go_in_and_out() {
    for (_, engine) in engines() {
        let (mut store, instance) = guest(&engine, StoreLimits::new(), true);
        let outside = func::<_, Option<AnyRef>, Option<ExternRef>>(&mut store, instance, "outside");
        let inside = func::<_, Option<ExternRef>, Option<AnyRef>>(&mut store, instance, "inside");
        let same = func::<_, Option<AnyRef>, Option<AnyRef>>(&mut store, instance, "same");
        assert!(outside.call(&mut store, None).unwrap().is_none() && inside.call(&mut store, None).unwrap().is_none());
        // A value of the host.
        let value = ExternRef::new("mine");
        let cell = inside.call(&mut store, Some(value.clone())).unwrap().unwrap();
        assert!(!cell.matches(&store, RefType { nullable: true, heap: HeapType::Eq }).unwrap());
        assert!(outside.call(&mut store, Some(cell.clone())).unwrap().unwrap().ptr_eq(&value));
        assert!(cell.external(&mut store).unwrap().ptr_eq(&value));
        // An object and a number.
        let bytes = FieldType { storage: StorageType::I8, mutable: true };
        let bytes = ObjectType::array(ArrayType { element: bytes }).unwrap();
        let values: Vec<Val> = (250..260).map(Val::I32).collect();
        let array = ArrayRef::from_values(&mut store, &bytes, &values).unwrap();
        for any in [AnyRef::from(array.clone()), I31::wrapping(u32::MAX).into()] {
            assert!(same.call(&mut store, Some(any.clone())).unwrap().unwrap().ref_eq(&any));
            let external = outside.call(&mut store, Some(any.clone())).unwrap().unwrap();
            assert!(external.data().downcast_ref::<AnyRef>().unwrap().ref_eq(&any));
            assert!(inside.call(&mut store, Some(external)).unwrap().unwrap().ref_eq(&any));
        }
        assert_eq!((array.len(&store).unwrap(), array.get(&mut store, 9).unwrap().i32()), (10, Some(3)));
        assert!(array.get(&mut store, 10).is_err() && array.set(&mut store, 0, Val::I64(1)).is_err());
        // Nothing of another store.
        let mut other = Store::new(&engine, ());
        assert!(array.len(&other).is_err() && array.get(&mut other, 0).is_err());
        assert!(StructRef::new(&mut other, &bytes, &[]).is_err());
    }
}

#[test]
fn what_the_host_forgets_goes() {
    let mut store = Store::new(&engine(), ());
    let any = FieldType { storage: StorageType::Val(ValType::EXTERNREF), mutable: true };
    let ty = ObjectType::structure(StructType { fields: [any].into() }).unwrap();
    let value = Arc::new(5);
    let held = StructRef::new(&mut store, &ty, &[ExternRef::new(Arc::clone(&value)).into()]).unwrap();
    store.gc();
    assert_eq!(Arc::strong_count(&value), 2);
    for _ in 0..200_000 {
        StructRef::new(&mut store, &ty, &[Val::ExternRef(None)]).unwrap();
    }
    drop(held);
    store.gc();
    assert_eq!(Arc::strong_count(&value), 1);
}
