//! What code at a handler finds: locals and operands of every class as they were at the call, whatever the frames between have done with registers,
//! on every backend and on each two.

use std::fmt::Write;

use crate::common::*;
use wasmer_runtime::*;

/// Functions of a module of keepers.
const KEEPERS: usize = 9;
/// The most locals of each class that a function with a handler has.
const LOCALS_MAX: usize = 6;

/// What all modules share: a tag, words in memory of which a compiler knows nothing, and a table of keepers.
const SHARED: &str = r#"(module
    (tag (export "tag") (param i32 i64 f32 f64 v128))
    (memory (export "memory") 1)
    (data (i32.const 0) "the quick brown fox jumps over the lazy dog, and nobody knows whatever for, except the dog")
    (table (export "table") 64 funcref))"#;

const IMPORTS: &str = r#"
    (type $keeper (func (param i32 i64) (result i64)))
    (import "shared" "tag" (tag $tag (param i32 i64 f32 f64 v128)))
    (import "shared" "memory" (memory 1))
    (import "shared" "table" (table $table 64 funcref))"#;

/// Functions that keep a number of values over a call of the next one, `n` deep; the last one throws. They stand in the table from `base` on, of `all`.
fn keepers(base: usize, all: usize) -> String {
    let mut text = format!("(module {IMPORTS} (elem (i32.const {base}) func");
    (0..KEEPERS).for_each(|kept| write!(text, " $keep{kept}").unwrap());
    text.push_str(
        ") (func $throw (param $seed i64)
            (throw $tag (i32.wrap_i64 (local.get $seed)) (local.get $seed) (f32.convert_i64_s (local.get $seed))
                (f64.convert_i64_s (local.get $seed)) (i64x2.splat (local.get $seed))))",
    );
    for kept in 0..KEEPERS {
        write!(text, "(func $keep{kept} (type $keeper)").unwrap();
        (0..kept).for_each(|value| write!(text, "(local $v{value} i64)").unwrap());
        text.push_str("(if (i32.lt_s (local.get 0) (i32.const 0)) (then (return (local.get 1))))");
        for value in 0..kept {
            let place = 8 * value;
            write!(text, "(local.set $v{value} (i64.mul (local.get 1) (i64.load (i32.const {place}))))").unwrap();
        }
        write!(
            text,
            "(if (i32.eqz (local.get 0)) (then (call $throw (local.get 1))))
             (call_indirect $table (type $keeper) (i32.sub (local.get 0) (i32.const 1))
                (i64.add (i64.mul (local.get 1) (i64.const 3)) (i64.const 1))
                (i32.rem_u (i32.mul (local.get 0) (i32.const 7)) (i32.const {all})))"
        )
        .unwrap();
        (0..kept).for_each(|value| write!(text, "(i64.xor (local.get $v{value}))").unwrap());
        text.push(')');
    }
    text + ")"
}

/// Classes of values: a type, how one is made of the integer `$word`, and how it becomes an integer again.
const CLASSES: [(&str, &str, &str); 5] = [
    ("i32", "i32.wrap_i64", "i64.extend_i32_u"),
    ("i64", "i64.extend32_s", ""),
    ("f32", "f32.convert_i64_s", "i32.reinterpret_f32 i64.extend_i32_u"),
    ("f64", "f64.convert_i64_s", "i64.reinterpret_f64"),
    ("v128", "i64x2.splat", "i64x2.extract_lane 1"),
];

/// Functions `catch0` and so on that keep as many locals and an operand of each class over a call of the keeper at `index`. Results: a sum of what they
/// find behind that, whether it threw or not, and the values of the exception.
fn catchers() -> String {
    let mut text = format!("(module {IMPORTS}");
    for kept in 0..=LOCALS_MAX {
        write!(
            text,
            "(func (export \"catch{kept}\") (param $n i32) (param $index i32) (param $seed i64) (result i64 i32 i64 f32 f64 i64)
                (local $word i64) (local $sum i64) (local $c0 i32) (local $c1 i64) (local $c2 f32) (local $c3 f64) (local $c4 v128)"
        )
        .unwrap();
        let locals = (0..kept).flat_map(|local| CLASSES.iter().enumerate().map(move |(class, of)| (local, class, of)));
        locals.clone().for_each(|(local, _, (ty, ..))| write!(text, "(local ${ty}.{local} {ty})").unwrap());
        for (local, class, (ty, make, _)) in locals.clone() {
            let place = 8 * (local + class);
            write!(
                text,
                "(local.set $word (i64.add (local.get $seed) (i64.load offset={place} (i32.const 0))))
                 (local.set ${ty}.{local} ({make} (local.get $word)))"
            )
            .unwrap();
        }
        for (class, (_, make, _)) in CLASSES.iter().enumerate() {
            let place = 40 + class;
            write!(text, "({make} (i64.add (local.get $seed) (i64.load offset={place} (i32.const 0))))").unwrap();
        }
        text.push_str(
            "(block $handler (result i32 i64 f32 f64 v128)
                (try_table (catch $tag $handler)
                    (drop (call_indirect $table (type $keeper) (local.get $n) (local.get $seed) (local.get $index))))
                (i32.const 0) (i64.const 0) (f32.const 0) (f64.const 0) (v128.const i64x2 0 0))
             (local.set $c4) (local.set $c3) (local.set $c2) (local.set $c1) (local.set $c0)",
        );
        let add = "(i64.add (i64.mul (local.get $sum) (i64.const 31))) (local.set $sum)";
        CLASSES.iter().rev().for_each(|(_, _, back)| write!(text, "{back} {add}").unwrap());
        locals.for_each(|(local, _, (ty, _, back))| write!(text, "(local.get ${ty}.{local}) {back} {add}").unwrap());
        text.push_str(
            "(local.get $sum) (local.get $c0) (local.get $c1) (local.get $c2) (local.get $c3)
             (i64x2.extract_lane 1 (local.get $c4)))",
        );
    }
    text + ")"
}

/// Sum of what was found, and the values of the exception.
type Found = (i64, i32, i64, f32, f64, i64);

/// A store with keepers of two engines, and the functions with handlers of a third.
struct Linked {
    store: Store<()>,
    catchers: Instance,
}

impl Linked {
    fn new([first, second, catcher]: [&Engine; 3]) -> Self {
        let mut store = Store::new(first, ());
        store.set_fuel(PLENTY).ok();
        let mut linker = Linker::new();
        let shared = linker.instantiate(&mut store, &module(first, SHARED)).unwrap();
        linker.instance(&mut store, "shared", shared).unwrap();
        linker.instantiate(&mut store, &module(first, &keepers(0, 2 * KEEPERS))).unwrap();
        linker.instantiate(&mut store, &module(second, &keepers(KEEPERS, 2 * KEEPERS))).unwrap();
        let catchers = linker.instantiate(&mut store, &module(catcher, &catchers())).unwrap();
        Self { store, catchers }
    }

    fn catch(&mut self, kept: usize, depth: i32, index: usize, seed: i64) -> Found {
        let catch = func::<_, (i32, i32, i64), Found>(&mut self.store, self.catchers, &format!("catch{kept}"));
        catch.call(&mut self.store, (depth, index as i32, seed)).unwrap()
    }
}

const PLENTY: u64 = 1 << 50;

/// What is found is the same, whether the call throws or returns, and the values are those that were thrown.
fn finds_everything(linked: &mut Linked, kept: usize, depth: i32, index: usize, seed: i64) {
    let (expected, ..) = linked.catch(kept, -1, index, seed);
    let (sum, a, b, c, d, e) = linked.catch(kept, depth, index, seed);
    let thrown = (0..depth).fold(seed, |seed, _| seed.wrapping_mul(3).wrapping_add(1));
    let place = format!("{kept} locals of each class, {depth} deep from function {index}");
    assert_eq!(sum, expected, "{place}");
    assert_eq!((a, b, c, d, e), (thrown as i32, thrown, thrown as f32, thrown as f64, thrown), "{place}");
}

#[test]
fn locals_and_operands_are_as_at_the_call() {
    let engines = engines();
    let engines: Vec<_> = engines.iter().map(|(_, engine)| engine).collect();
    for &first in &engines {
        for &second in &engines {
            for &catcher in &engines {
                let mut linked = Linked::new([first, second, catcher]);
                for kept in 0..=LOCALS_MAX {
                    for index in 0..2 * KEEPERS {
                        finds_everything(
                            &mut linked,
                            kept,
                            (index * 5 % 23) as i32,
                            index,
                            0x1234_5678_9abc + index as i64,
                        );
                    }
                }
                finds_everything(&mut linked, 3, 1000, 4, -77);
            }
        }
    }
}

#[test]
fn handlers_cost_the_same_fuel_everywhere() {
    let mut costs = Vec::new();
    for (backend, engine) in engines_with(|config| config.fuel(true)) {
        let mut linked = Linked::new([&engine; 3]);
        for kept in [0, 2, LOCALS_MAX] {
            for index in 0..KEEPERS {
                finds_everything(&mut linked, kept, index as i32 * 3, index, 99);
            }
        }
        costs.push((backend, PLENTY - linked.store.fuel().unwrap()));
    }
    assert!(costs.iter().all(|(_, cost)| *cost == costs[0].1), "{costs:?}");
}

/// Functions of one module, which a compiler may put into each other.
const ALONE: &str = r#"(module
    (tag $number (param i32)) (tag $other (param i64)) (tag $none)
    (global $g (export "g") (mut i32) (i32.const 0))
    (memory (export "memory") 1)
    (func $always (param i32) (result i32) (throw $number (local.get 0)))
    (func $odd (param i32) (result i32)
        (if (i32.and (local.get 0) (i32.const 1)) (then (throw $number (local.get 0))))
        (i32.load (i32.shl (local.get 0) (i32.const 2))))

    ;; The call is the last of the function.
    (func (export "last") (param i32) (result i32)
        (block $h (result i32) (try_table (catch $number $h) (drop (call $always (local.get 0)))) (unreachable)))

    ;; A throw in its own region, also where the first clause is for others.
    (func (export "own") (param i32) (result i32)
        (block $h (result i32)
            (block $o (result i64)
                (try_table (catch $other $o) (catch $number $h) (throw $number (local.get 0)))
                (unreachable))
            (i32.wrap_i64)))

    ;; sum of 2 * i where i is odd, and minus one where it is even
    (func (export "loop") (param $end i32) (result i32)
        (local $i i32) (local $sum i32)
        (loop $next
            (block $h (result i32)
                (try_table (catch $number $h)
                    (local.set $sum (i32.add (local.get $sum) (local.get $i)))
                    (drop (call $odd (local.get $i)))
                    (local.set $sum (i32.sub (local.get $sum) (i32.add (local.get $i) (i32.const 1))))
                    (drop (call $odd (i32.const 0))))
                (i32.const 0))
            (local.set $sum (i32.add (local.get $sum)))
            (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $end))))
        (local.get $sum))

    ;; Nested regions: the inner ones catch something else, and let through what they do not know.
    (func $nested (export "nested") (param i32) (result i32)
        (block $outer (result i32)
            (try_table (catch $number $outer)
                (block $middle (result i64)
                    (try_table (catch $other $middle)
                        (block $inner
                            (try_table (catch $none $inner)
                                (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $none)))
                                (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $other (i64.const 20))))
                                (drop (call $odd (local.get 0)))
                                (return (i32.const 1)))
                            (unreachable))
                        (drop (call $odd (i32.const 55)))
                        (unreachable))
                    (unreachable))
                (return (i32.wrap_i64)))
            (unreachable)))

    ;; Effects before the call are there, those behind it are not.
    (func (export "effects") (param i32) (result i32)
        (block $h (result i32)
            (try_table (catch $number $h)
                (global.set $g (i32.const 1)) (i32.store (i32.const 1024) (i32.const 2))
                (drop (call $odd (local.get 0)))
                (global.set $g (i32.const 3)) (i32.store (i32.const 1024) (i32.const 4)))
            (i32.const 0))
        (drop)
        (i32.add (i32.mul (global.get $g) (i32.const 10)) (i32.load (i32.const 1024))))

    ;; A tail call leaves the region.
    (func $tail (export "tail") (param i32) (result i32)
        (block $h (result i32)
            (try_table (catch $number $h) (return_call $odd (local.get 0)))
            (unreachable))
        (drop) (i32.const -1))
    (func (export "around_tail") (param i32) (result i32)
        (block $h (result i32) (try_table (result i32) (catch $number $h) (call $tail (local.get 0)))))

    ;; Through many frames.
    (func $down (param i32 i64) (result i64)
        (if (i32.eqz (local.get 0)) (then (throw $other (local.get 1))))
        (i64.mul (call $down (i32.sub (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 2))) (local.get 1)))
    (func (export "deep") (param i32 i64) (result i64)
        (block $h (result i64) (try_table (result i64) (catch $other $h) (call $down (local.get 0) (local.get 1)))))
)"#;

#[test]
fn regions_hold_wherever_functions_are_put() {
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, ALONE);
        let mut call =
            |name: &str, argument: i32| func::<_, i32, i32>(&mut store, instance, name).call(&mut store, argument).ok();
        assert_eq!(call("last", 5), Some(5), "{backend}");
        assert_eq!(call("own", 6), Some(6), "{backend}");
        let sum = |end: i32| (0..end).fold(0, |sum, i| if i % 2 == 1 { sum + 2 * i } else { sum - 1 });
        for end in [1, 2, 3, 1000] {
            assert_eq!(call("loop", end), Some(sum(end)), "{backend}");
        }
        assert_eq!([0, 1, 2, 3].map(|which| call("nested", which)), [1, 55, 20, 3].map(Some), "{backend}");
        assert_eq!([1, 2].map(|which| call("effects", which)), [12, 34].map(Some), "{backend}");
        assert_eq!([0, 1].map(|which| call("tail", which)), [Some(0), None], "{backend}");
        assert_eq!([0, 1].map(|which| call("around_tail", which)), [0, 1].map(Some), "{backend}");
        for (depth, seed) in [(0, 1), (1, 1), (10_000, -5)] {
            let deep = func::<_, (i32, i64), i64>(&mut store, instance, "deep");
            assert_eq!(deep.call(&mut store, (depth, seed)).unwrap(), seed + 2 * i64::from(depth), "{backend}");
        }
    }
}

#[test]
fn a_thousand_values_arrive() {
    const VALUES: usize = 1000;
    let params = "i64 f64 i32 f32 ".repeat(VALUES / 4);
    let mut text = format!("(module (tag $many (param {params})) (func $throw (param i64)");
    for value in 0..VALUES {
        let class = ["", "f64.convert_i64_s", "i32.wrap_i64", "f32.convert_i64_s"][value % 4];
        write!(text, "(i64.add (local.get 0) (i64.const {value})) {class} ").unwrap();
    }
    write!(
        text,
        "(throw $many)) (func (export \"run\") (param i64) (result i64) (local $sum i64)
           (block $h (result {params}) (try_table (catch $many $h) (call $throw (local.get 0))) (unreachable))"
    )
    .unwrap();
    for value in (0..VALUES).rev() {
        let class = ["", "i64.trunc_f64_s", "i64.extend_i32_s", "i64.trunc_f32_s"][value % 4];
        write!(text, "{class} (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)))) ").unwrap();
    }
    text.push_str("(local.get $sum)))");
    let expected = (0..VALUES as i64).rev().fold(0_i64, |sum, value| (7 + value).wrapping_add(sum.wrapping_mul(31)));
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, &text);
        let run = func::<_, i64, i64>(&mut store, instance, "run");
        assert_eq!(run.call(&mut store, 7).unwrap(), expected, "{backend}");
    }
}
