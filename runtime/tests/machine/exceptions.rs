//! Exceptions between guests, backends and the host.

use std::sync::Arc;

use wasmer_runtime::*;

use crate::common::*;

/// Throws, by itself, through frames, and again.
const THROWER: &str = r#"(module
    (import "tags" "pair" (tag $pair (param i32 f64)))
    (import "tags" "empty" (tag $empty))
    (func $throw (export "throw") (param i32 f64) (throw $pair (local.get 0) (local.get 1)))
    (func (export "empty") (throw $empty))
    (func $deep (export "deep") (param i32 i32 f64)
        (if (local.get 0)
            (then (call $deep (i32.sub (local.get 0) (i32.const 1)) (local.get 1) (local.get 2)))
            (else (call $throw (local.get 1) (local.get 2)))))
    (func (export "again") (param i32 f64)
        (block $all (result exnref)
            (try_table (catch_all_ref $all) (call $throw (local.get 0) (local.get 1)))
            (return))
        throw_ref))"#;

/// Calls what it imports in one of five ways, with values in many locals, which it gives back when it catches.
const CATCHER: &str = r#"(module
    (import "tags" "pair" (tag $pair (param i32 f64)))
    (import "tags" "empty" (tag $empty))
    (import "thrower" "throw" (func $throw (param i32 f64)))
    (import "thrower" "deep" (func $deep (param i32 i32 f64)))
    (import "thrower" "again" (func $again (param i32 f64)))
    (import "thrower" "empty" (func $throw_empty))
    (type $throws (func (param i32 f64)))
    (table $functions 1 1 funcref)
    (elem (table $functions) (i32.const 0) func $throw)
    (func $call (param $way i32) (param i32 f64)
        (if (i32.eq (local.get $way) (i32.const 0)) (then (call $throw (local.get 1) (local.get 2))))
        (if (i32.eq (local.get $way) (i32.const 1)) (then (call $deep (i32.const 10000) (local.get 1) (local.get 2))))
        (if (i32.eq (local.get $way) (i32.const 2)) (then (call $again (local.get 1) (local.get 2))))
        (if (i32.eq (local.get $way) (i32.const 3)) (then (return_call $throw (local.get 1) (local.get 2))))
        (if (i32.eq (local.get $way) (i32.const 4))
            (then (call_indirect $functions (type $throws) (local.get 1) (local.get 2) (i32.const 0))))
        (if (i32.eq (local.get $way) (i32.const 5)) (then (call $throw_empty))))
    (func (export "catch") (param $way i32) (param $a i64) (param $b f32) (result i32 f64 i64 f32)
        (local $c i64) (local $d i64) (local $e i64) (local $f i64) (local $g f64)
        (local.set $c (i64.mul (local.get $a) (i64.const 3)))
        (local.set $d (i64.mul (local.get $a) (i64.const 5)))
        (local.set $e (i64.mul (local.get $a) (i64.const 7)))
        (local.set $f (i64.mul (local.get $a) (i64.const 11)))
        (local.set $g (f64.promote_f32 (local.get $b)))
        (block $caught (result i32 f64)
            (block $empty
                (try_table (catch $empty $empty) (catch $pair $caught)
                    (call $call (local.get $way) (i32.const 7) (f64.const 2.5))))
            (i32.const -1) (local.get $g))
        (i64.add (i64.add (local.get $a) (local.get $c))
            (i64.add (local.get $d) (i64.add (local.get $e) (local.get $f))))
        (local.get $b)))"#;

/// Runs with one collection at every point where there can be one.
fn store(engine: &Engine) -> Store<()> {
    let mut store = Store::new(engine, ());
    store.gc_always();
    store
}

/// A linker with the tags of both modules.
fn tags(store: &mut Store<()>) -> (Linker<()>, Tag) {
    let mut linker = Linker::new();
    let pair = Tag::new(store, FuncType::new([ValType::I32, ValType::F64], [])).unwrap();
    let empty = Tag::new(store, FuncType::new([], [])).unwrap();
    linker.define("tags", "pair", pair).unwrap().define("tags", "empty", empty).unwrap();
    (linker, pair)
}

/// Calls of the catcher, and what it must say.
fn check_catcher(store: &mut Store<()>, catcher: Instance, what: &str) {
    let catch = func::<_, (i32, i64, f32), (i32, f64, i64, f32)>(store, catcher, "catch");
    for way in 0..5 {
        assert_eq!(catch.call(store, (way, 1001, 1.5)).unwrap(), (7, 2.5, 27_027, 1.5), "{what}, way {way}");
    }
    assert_eq!(catch.call(store, (5, 1, 1.5)).unwrap(), (-1, 1.5, 27, 1.5), "{what}");
}

#[test]
fn every_backend_catches_what_every_other_throws() {
    for (thrown_by, thrower) in engines() {
        for (caught_by, catcher) in engines() {
            let mut store = store(&catcher);
            let (mut linker, _) = tags(&mut store);
            let thrower = linker.instantiate(&mut store, &module(&thrower, THROWER)).unwrap();
            linker.instance(&mut store, "thrower", thrower).unwrap();
            let instance = linker.instantiate(&mut store, &module(&catcher, CATCHER)).unwrap();
            check_catcher(&mut store, instance, &format!("thrown by {thrown_by}, caught by {caught_by}"));
        }
    }
}

/// A module between that knows nothing of exceptions, and a function of the host that lets them pass.
#[test]
fn exceptions_pass_other_backends_and_the_host() {
    const BETWEEN: &str = r#"(module
        (import "thrower" "throw" (func $throw (param i32 f64)))
        (import "thrower" "deep" (func $deep (param i32 i32 f64)))
        (import "thrower" "again" (func $again (param i32 f64)))
        (import "thrower" "empty" (func $empty))
        (func (export "throw") (param i32 f64) (call $throw (local.get 0) (local.get 1)))
        (func (export "deep") (param i32 i32 f64) (call $deep (local.get 0) (local.get 1) (local.get 2)))
        (func (export "again") (param i32 f64) (call $again (local.get 0) (local.get 1)))
        (func (export "empty") (call $empty)))"#;
    for (between, middle) in engines() {
        for (outside, outer) in engines() {
            for through_host in [false, true] {
                let mut store = store(&outer);
                let (mut linker, _) = tags(&mut store);
                linker.allow_shadowing(true);
                let thrower = linker.instantiate(&mut store, &module(&outer, THROWER)).unwrap();
                linker.instance(&mut store, "thrower", thrower).unwrap();
                let middle = linker.instantiate(&mut store, &module(&middle, BETWEEN)).unwrap();
                linker.instance(&mut store, "thrower", middle).unwrap();
                if through_host {
                    for (name, entity) in middle.exports(&mut store).unwrap() {
                        let inner = entity.func().unwrap();
                        let ty = inner.ty(&store).unwrap();
                        let pass = move |mut caller: Caller<'_, ()>, params: &[Val], results: &mut [Val]| {
                            inner.call(&mut caller, params, results)
                        };
                        let passing = Func::new(&mut store, ty, pass).unwrap();
                        linker.define("thrower", &name, passing).unwrap();
                    }
                }
                let catcher = linker.instantiate(&mut store, &module(&outer, CATCHER)).unwrap();
                let what = format!("{outside} around {between}, through the host: {through_host}");
                check_catcher(&mut store, catcher, &what);
            }
        }
    }
}

#[test]
fn the_host_throws_and_gets_what_nobody_catches() {
    for (backend, engine) in engines() {
        let mut store = store(&engine);
        let (mut linker, pair) = tags(&mut store);
        let throws = move |mut caller: Caller<'_, ()>, number: i32| -> Result<()> {
            let values = [Val::I32(number), Val::from(0.5)];
            Err(ExnRef::new(&mut caller, pair, &values)?.into())
        };
        linker.func_wrap("host", "throw", throws).unwrap();
        let text = r#"(module $guest
            (import "host" "throw" (func $throw (param i32)))
            (import "tags" "pair" (tag $pair (param i32 f64)))
            (func $inner (call $throw (i32.const 5)))
            (func $outer (export "let") (call $inner))
            (func (export "catch") (result i32)
                (block $caught (result i32 f64)
                    (try_table (catch $pair $caught) (call $inner))
                    (unreachable))
                drop)
            (func (export "legacy") (result i32)
                try (result i32)
                    call $inner
                    i32.const 1
                catch $pair
                    drop
                end)
            (func (export "all") (result i32)
                try (result i32)
                    try (result i32)
                        call $inner
                        i32.const 1
                    catch_all
                        rethrow 0
                    end
                catch $pair
                    drop
                    i32.const 100
                    i32.add
                end))"#;
        let instance = linker.instantiate(&mut store, &module(&engine, text)).unwrap();
        for (name, expected) in [("catch", 5), ("legacy", 5), ("all", 105)] {
            let call = func::<_, (), i32>(&mut store, instance, name);
            assert_eq!(call.call(&mut store, ()).unwrap(), expected, "{backend}, {name}");
        }
        let error = run(&mut store, instance, "let").unwrap_err();
        let uncaught = error.as_exception().unwrap_or_else(|| panic!("{backend}: {error}"));
        assert_eq!(uncaught.exception.tag(&store).unwrap(), pair);
        let values: Vec<_> = uncaught.exception.values(&store).unwrap().iter().map(|value| value.f64()).collect();
        assert_eq!((values[1], uncaught.values[0].i32()), (Some(0.5), Some(5)), "{backend}");
        let names: Vec<_> = uncaught.backtrace.frames.iter().map(|frame| frame.name.as_deref()).collect();
        // A compiler may put the inner function into the outer one.
        assert!(matches!(names[..], [Some("inner"), Some("outer")] | [Some("outer")]), "{backend}: {names:?}");
        assert_eq!(error.to_string(), "uncaught exception");
        // An exception of another store is a failure like any other, which no guest catches.
        let mut other = Store::new(&engine, ());
        let foreign = Tag::new(&mut other, FuncType::new([], [])).unwrap();
        let foreign = ExnRef::new(&mut other, foreign, &[]).unwrap();
        let throws = Func::wrap(&mut store, move || Err::<(), _>(Error::from(foreign.clone()))).unwrap();
        assert!(throws.call(&mut store, &[], &mut []).unwrap_err().as_exception().is_some());
    }
}

#[test]
fn only_exceptions_are_caught() {
    let text = r#"(module
        (import "host" "fails" (func $fails))
        (memory 1)
        (func $overflow (export "overflow inside") (call $overflow))
        (func $trap (drop (i32.load (i32.const -1))))
        (func (export "trap") (try_table (catch_all 0) (call $trap)))
        (func (export "here") (try_table (catch_all 0) (unreachable)))
        (func (export "null") (try_table (catch_all 0) (throw_ref (ref.null exn))))
        (func (export "overflow") (try_table (catch_all 0) (call $overflow)))
        (func (export "error") (try_table (catch_all 0) (call $fails)))
        (func (export "legacy") try call $trap catch_all end))"#;
    for (backend, engine) in engines() {
        let mut store = store(&engine);
        let mut linker = Linker::new();
        linker.func_wrap("host", "fails", || Err::<(), _>(Error::host("it failed"))).unwrap();
        let instance = linker.instantiate(&mut store, &module(&engine, text)).unwrap();
        for (name, code) in [
            ("trap", TrapCode::MemoryOutOfBounds),
            ("here", TrapCode::Unreachable),
            ("null", TrapCode::NullException),
            ("overflow", TrapCode::StackOverflow),
            ("legacy", TrapCode::MemoryOutOfBounds),
        ] {
            trap(&run(&mut store, instance, name), code);
        }
        assert!(matches!(run(&mut store, instance, "error"), Err(Error::Host(_))), "{backend}");
    }
}

#[test]
fn references_keep_their_exceptions() {
    let text = r#"(module
        (import "host" "keep" (func $keep (param exnref) (result exnref)))
        (tag $number (export "number") (param i32 externref))
        (table $kept 4 exnref)
        (global $last (mut exnref) (ref.null exn))
        (func $make (export "make") (param i32 externref) (result exnref)
            (block $caught (result i32 externref exnref)
                (try_table (catch_ref $number $caught) (throw $number (local.get 0) (local.get 1)))
                (unreachable))
            (return))
        (func (export "keep") (param i32 externref)
            (table.set $kept (i32.and (local.get 0) (i32.const 3)) (call $make (local.get 0) (local.get 1)))
            (global.set $last (call $keep (table.get $kept (i32.and (local.get 0) (i32.const 3))))))
        (func (export "last") (result i32 externref)
            (block $caught (result i32 externref)
                (try_table (catch $number $caught) (throw_ref (global.get $last)))
                (unreachable)))
        (func (export "churn") (param i32)
            (loop $again
                (drop (call $make (local.get 0) (ref.null extern)))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    for (backend, engine) in engines() {
        let mut store = store(&engine);
        let mut linker = Linker::new();
        linker.func_wrap("host", "keep", |exception: Option<ExnRef>| exception).unwrap();
        let instance = linker.instantiate(&mut store, &module(&engine, text)).unwrap();
        let keep = func::<_, (i32, Option<ExternRef>), ()>(&mut store, instance, "keep");
        let last = func::<_, (), (i32, Option<ExternRef>)>(&mut store, instance, "last");
        let value = Arc::new(());
        for number in 0..100 {
            keep.call(&mut store, (number, Some(ExternRef::new(Arc::clone(&value))))).unwrap();
            let (found, _) = last.call(&mut store, ()).unwrap();
            assert_eq!(found, number, "{backend}");
        }
        store.gc();
        // What stands in the table, and the last once more.
        assert_eq!(Arc::strong_count(&value), 1 + 4, "{backend}");
        // An exception that the host holds lives as long as that.
        let make = func::<_, (i32, Option<ExternRef>), Option<ExnRef>>(&mut store, instance, "make");
        let held = make.call(&mut store, (7, Some(ExternRef::new(Arc::clone(&value))))).unwrap().unwrap();
        store.gc();
        assert_eq!((Arc::strong_count(&value), held.values(&store).unwrap()[0].i32()), (6, Some(7)), "{backend}");
        assert_eq!(held.tag(&store).unwrap(), export(&mut store, instance, "number").tag().unwrap());
        drop(held);
        store.gc();
        assert_eq!(Arc::strong_count(&value), 5, "{backend}");
        func::<_, i32, ()>(&mut store, instance, "churn").call(&mut store, 1000).unwrap();
    }
}

/// A million references, with room for some thousands.
#[test]
fn exceptions_do_not_pile_up() {
    let text = r#"(module
        (tag $t (param i64 i64 i64 i64))
        (table $kept 5000 exnref)
        (func $make (result exnref)
            (block $caught (result exnref)
                (try_table (catch_all_ref $caught)
                    (throw $t (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))
                (unreachable)))
        (func (export "churn") (param i32)
            (loop $again
                (drop (call $make))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "let") (throw $t (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))
        (func (export "hoard") (param i32)
            (loop $again
                (table.set $kept (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (call $make))
                (br_if $again (local.get 0)))))"#;
    for (_, engine) in engines() {
        let mut store = Store::with_limits(&engine, (), StoreLimits::new().total_bytes_max(200_000));
        let instance = Linker::new().instantiate(&mut store, &module(&engine, text)).unwrap();
        let churn = func::<_, i32, ()>(&mut store, instance, "churn");
        churn.call(&mut store, 1_000_000).unwrap();
        // Neither do those that reach the host, which holds none of them.
        for _ in 0..10_000 {
            assert!(run(&mut store, instance, "let").unwrap_err().as_exception().is_some());
        }
        // Those that the guest holds count.
        let hoard = func::<_, i32, ()>(&mut store, instance, "hoard");
        hoard.call(&mut store, 100).unwrap();
        trap(&hoard.call(&mut store, 5000), TrapCode::AllocationTooLarge);
    }
}

#[test]
fn a_thousand_values_are_thrown() {
    let params = "i64 f32 ".repeat(500);
    let locals: String = (0..500).map(|index| format!("(i64.const {index}) (f32.const {index}) ")).collect();
    let sum = "i64.trunc_f32_u local.get 0 i64.add local.set 0 local.get 0 i64.add local.set 0 ".repeat(500);
    let text = format!(
        r#"(module
            (tag $t (param {params}))
            (func $throw (throw $t {locals}))
            (func (export "sum") (result i64) (local i64)
                (block $caught (result {params})
                    (try_table (catch $t $caught) (call $throw))
                    (unreachable))
                {sum}
                local.get 0))"#
    );
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, &text);
        let sum = func::<_, (), i64>(&mut store, instance, "sum");
        assert_eq!(sum.call(&mut store, ()).unwrap(), 2 * (0..500).sum::<i64>(), "{backend}");
    }
}

#[test]
fn tags_fit_by_type_and_are_told_apart_by_identity() {
    for (backend, engine) in engines() {
        let mut store = store(&engine);
        let (linker, pair) = tags(&mut store);
        let wants = module(&engine, r#"(module (import "tags" "pair" (tag (param i32))))"#);
        let error = linker.instantiate(&mut store, &wants).unwrap_err().to_string();
        assert!(error.contains("tag [i32] -> []") && error.contains("tag [i32 f64] -> []"), "{backend}: {error}");
        let wants = module(&engine, r#"(module (import "tags" "pair" (func)))"#);
        let error = linker.instantiate(&mut store, &wants).unwrap_err().to_string();
        assert!(error.contains("a function") && error.contains("a tag"), "{backend}: {error}");
        assert_eq!(pair.ty(&store).unwrap().to_string(), "[i32 f64] -> []");
        assert!(matches!(Tag::new(&mut store, FuncType::new([], [ValType::I32])), Err(Error::Type(_))));
        assert!(matches!(ExnRef::new(&mut store, pair, &[Val::I32(1)]), Err(Error::Type(_))));
        assert!(matches!(ExnRef::new(&mut store, pair, &[Val::I32(1), Val::I32(1)]), Err(Error::Type(_))));
        let mut other = Store::new(&engine, ());
        assert!(pair.ty(&other).is_err() && ExnRef::new(&mut other, pair, &[]).is_err());
        let text = r#"(module
            (tag $one) (tag $other)
            (func $throw (throw $other))
            (func (export "which") (result i32)
                (block $2 (block $1
                    (try_table (catch $one $1) (catch $other $2) (call $throw)))
                    (return (i32.const 1)))
                (i32.const 2)))"#;
        let instance = linker.instantiate(&mut store, &module(&engine, text)).unwrap();
        assert_eq!(func::<_, (), i32>(&mut store, instance, "which").call(&mut store, ()).unwrap(), 2, "{backend}");
    }
}

#[test]
fn a_start_function_throws() {
    for (backend, engine) in engines() {
        let mut store = store(&engine);
        let thrower = module(&engine, "(module (tag $t (param i32)) (func $f (throw $t (i32.const 3))) (start $f))");
        let error = Linker::new().instantiate(&mut store, &thrower).unwrap_err();
        assert_eq!(error.as_exception().unwrap().values[0].i32(), Some(3), "{backend}");
    }
}

#[test]
fn fuel_is_counted_through_exceptions_alike() {
    let text = r#"(module
        (tag $t (param i32))
        (func $throw (param i32) (throw $t (local.get 0)))
        (func (export "run") (param i32) (result i32) (local $sum i32)
            (loop $again
                (block $caught (result i32)
                    (try_table (catch $t $caught) (call $throw (local.get 0)))
                    (unreachable))
                (local.set $sum (i32.add (local.get $sum)))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get $sum)))"#;
    let mut left = Vec::new();
    for (backend, engine) in engines_with(|config| config.fuel(true)) {
        let (mut store, instance) = instantiate(&engine, text);
        store.set_fuel(10_000).unwrap();
        let run = func::<_, i32, i32>(&mut store, instance, "run");
        assert_eq!(run.call(&mut store, 100).unwrap(), 5050, "{backend}");
        left.push(store.fuel().unwrap());
        trap(&run.call(&mut store, 10_000), TrapCode::OutOfFuel);
    }
    assert!(left.iter().all(|fuel| *fuel == left[0] && *fuel < 10_000), "{left:?}");
}

/// What the store knows of the last exception is not taken for another one that got its reference.
#[test]
fn a_reference_that_is_used_again_means_the_new_exception() {
    let text = r#"(module
        (tag $number (export "number") (param i32))
        (func (export "catch") (param i32)
            (block $all (result exnref)
                (try_table (catch_all_ref $all) (throw $number (local.get 0)))
                (unreachable))
            drop)
        (func (export "throw") (param exnref) (result i32)
            (block $caught (result i32)
                (try_table (catch $number $caught) (throw_ref (local.get 0)))
                (unreachable))))"#;
    for (backend, engine) in engines() {
        let mut store = store(&engine);
        let instance = Linker::new().instantiate(&mut store, &module(&engine, text)).unwrap();
        let tag = export(&mut store, instance, "number").tag().unwrap();
        let catch = func::<_, i32, ()>(&mut store, instance, "catch");
        let throw = func::<_, Option<ExnRef>, i32>(&mut store, instance, "throw");
        for number in 0..10 {
            catch.call(&mut store, -number).unwrap();
            store.gc();
            let other = ExnRef::new(&mut store, tag, &[Val::I32(number)]).unwrap();
            assert_eq!(throw.call(&mut store, Some(other)).unwrap(), number, "{backend}");
        }
        // Null is no exception, also where none was thrown.
        let error = throw.call(&mut store, None).unwrap_err();
        assert!(matches!(error, Error::Trap(trap) if trap.code == TrapCode::NullException), "{backend}");
    }
}
