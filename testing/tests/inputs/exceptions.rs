//! Handlers of exceptions find on every backend what was there when it was thrown: locals and operands of all classes, and the exception's values.
//!
//! `WASMER_DIFFERENTIAL_MODULES`, `WASMER_DIFFERENTIAL_SEED` and `WASMER_DIFFERENTIAL_SAVE` are as for the other differential test.

mod cpp;

use wasmer_runtime::{Engine, Linker, Module, Store, Val};
use wasmer_testing::behaviour::*;
use wasmer_testing::engines::*;
use wasmer_testing::generate::{smith, smith_config};
use wasmer_testing::throws::throws;

/// Modules of an everyday run that throw: they are large.
const THROWING: u64 = 30;
/// Any others.
const ANY: u64 = 100;

fn throwing(seed: u64) -> Vec<u8> {
    wat::parse_str(throws(seed)).unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

#[test]
fn backends_agree_on_exceptions() {
    let Ends { returned, threw, .. } = compare_all(&ways(), None, THROWING, throwing);
    assert!(returned > 30 && threw > 30, "{returned} returned, {threw} threw");
}

#[test]
fn backends_agree_on_exceptions_where_code_is_metered() {
    let ways = ways_with(|config| config.fuel(true));
    let Ends { returned, trapped, threw } = compare_all(&ways, None, THROWING, throwing);
    assert!(returned > 30 && trapped > 6 && threw > 30, "{returned} returned, {trapped} trapped, {threw} threw");
}

#[test]
fn backends_agree_on_any_module_with_exceptions() {
    let config = wasm_smith::Config { exceptions_enabled: true, ..smith_config() };
    // They rarely throw.
    let Ends { returned, .. } = compare_all(&ways(), None, ANY, |seed| smith(seed, &config));
    assert!(returned > 100, "{returned} returned");
}

/// What `run` of a module returns on a backend, for each of the arguments.
fn run(engine: &Engine, text: &str, arguments: &[&[Val]], results: usize) -> Vec<Vec<Val>> {
    let module = Module::new(engine, &wat::parse_str(text).unwrap()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut store = Store::new(engine, ());
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    let run = instance.export(&mut store, "run").unwrap().func().unwrap();
    let mut call = |arguments: &&[Val]| {
        let mut values = vec![Val::I32(0); results];
        run.call(&mut store, arguments, &mut values).unwrap_or_else(|error| panic!("{error}\n{text}"));
        values
    };
    arguments.iter().map(&mut call).collect()
}

/// A class of values: its type, its numbers as text and as values.
struct Class {
    ty: &'static str,
    text: fn(u32) -> String,
    is: fn(&Val, u32) -> bool,
}

const CLASSES: [Class; 6] = [
    Class {
        ty: "i32",
        text: |n| format!("(i32.const {n})"),
        is: |val, n| matches!(val, Val::I32(m) if *m as u32 == n),
    },
    Class {
        ty: "i64",
        text: |n| format!("(i64.const {n})"),
        is: |val, n| matches!(val, Val::I64(m) if *m as u32 == n),
    },
    Class {
        ty: "f32",
        text: |n| format!("(f32.const {n})"),
        is: |val, n| matches!(val, Val::F32(bits) if f32::from_bits(*bits) == n as f32),
    },
    Class {
        ty: "f64",
        text: |n| format!("(f64.const {n})"),
        is: |val, n| matches!(val, Val::F64(bits) if f64::from_bits(*bits) == f64::from(n)),
    },
    Class {
        ty: "v128",
        text: |n| format!("(v128.const i64x2 {n} -1)"),
        is: |val, n| matches!(val, Val::V128(bits) if *bits == u128::from(n) | u128::from(u64::MAX) << 64),
    },
    Class {
        ty: "funcref",
        text: |n| if n.is_multiple_of(3) { "(ref.null func)".into() } else { "(ref.func $throw)".into() },
        is: |val, n| matches!(val, Val::FuncRef(func) if func.is_none() == n.is_multiple_of(3)),
    },
];

/// How the exception comes to the handler.
const WAYS: [&str; 6] = [
    "(throw $none)",
    "(call $throw)",
    "(call_indirect (i32.const 0))",
    "(call $through)",
    // The second time around.
    "(loop $l (if (global.get $again) (then (call $throw))) (global.set $again (i32.const 1)) (br $l))",
    "(try_table (catch $other $caught) (call $throw)) try (call $throw) delegate $caught",
];

const FRAME: &str = "(tag $none) (tag $other) (table funcref (elem $throw)) (global $again (mut i32) (i32.const 0))
    (func $throw (throw $none))
    (func $through (local i32 i64 f32) (local.set 0 (i32.const 99)) (local.set 1 (i64.const 98)) (local.set 2 (f32.const 97))
        (call $throw) (unreachable))";

/// What a local or an operand must be: those with even numbers are written in the region.
fn expected(position: u32) -> u32 {
    if position.is_multiple_of(2) { 1000 + position } else { position }
}

/// A function with so many locals and operands of a class around a region that is left in a certain way.
fn handler(class: &Class, count: u32, way: &str, is_legacy: bool) -> String {
    let Class { ty, text, .. } = class;
    let write = |from: u32, step: usize, add: u32| -> String {
        (from..count).step_by(step).map(|local| format!("(local.set {local} {})", text(local + add))).collect()
    };
    let get: String = (0..count).map(|local| format!("(local.get {local})")).collect();
    let types = format!("{ty} ").repeat(count as usize);
    // Operands: what locals were before the region writes them.
    let before = format!("{} {get}", write(0, 1, 0));
    let body = format!("{} {way} {}", write(0, 2, 1000), write(0, 1, 2000));
    let region = if is_legacy {
        format!("try $caught {body} (unreachable) catch $none end")
    } else {
        format!("(block $caught (try_table (catch $none $caught) {body} (unreachable)))")
    };
    format!("(module {FRAME} (func (export \"run\") (result {types} {types}) (local {types}) {before} {region} {get}))")
}

#[test]
fn handlers_find_locals_and_operands_as_they_were() {
    for (backend, engine) in engines() {
        for class in &CLASSES {
            for count in [1, 3, 12, 40] {
                for (position, way) in WAYS.iter().enumerate() {
                    for is_legacy in [false, true] {
                        let text = handler(class, count, way, is_legacy);
                        let values = run(&engine, &text, &[&[]], 2 * count as usize);
                        let (operands, locals) = values[0].split_at(count as usize);
                        for (number, (operand, local)) in (0..).zip(operands.iter().zip(locals)) {
                            let are_right = (class.is)(operand, number) && (class.is)(local, expected(number));
                            assert!(are_right, "{backend}, way {position}: {operand:?} {local:?}\n{text}");
                        }
                    }
                }
            }
        }
    }
}

/// What a region does, step by step.
const STEPS: [Step; 4] = [Step::Throw, Step::Call, Step::Write, Step::Read];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Throws if it is the one to do so.
    Throw,
    /// Calls what throws if it is the one to do so.
    Call,
    /// Writes every second local.
    Write,
    /// Reads all locals.
    Read,
}

/// So many steps are in a region.
const STEPS_COUNT: u32 = 4;
/// Some of these have registers.
const LOCALS: u32 = 10;

/// A function that takes the step that throws, and returns its locals; for each such step what those must be.
fn paths(class: &Class, pattern: usize) -> (String, Vec<(u32, Vec<u32>)>) {
    let Class { ty, text, .. } = class;
    let mut locals: Vec<u32> = (0..LOCALS).collect();
    let (mut body, mut exits) = (String::new(), Vec::new());
    let set = |local: u32, number: u32| format!("(local.set {} {})", local + 1, text(number));
    let before: String = (0..LOCALS).map(|local| set(local, local)).collect();
    for number in 0..STEPS_COUNT {
        let condition = format!("(i32.eq (local.get 0) (i32.const {number}))");
        let step = STEPS[pattern / STEPS.len().pow(number) % STEPS.len()];
        match step {
            Step::Throw => body += &format!("(if {condition} (then (throw $none)))"),
            Step::Call => body += &format!("(call $throw_if {condition})"),
            Step::Write => {
                for local in (number % 2..LOCALS).step_by(2) {
                    locals[local as usize] = (number + 1) * 100 + local;
                    body += &set(local, locals[local as usize]);
                }
            }
            Step::Read => body.extend((0..LOCALS).map(|local| format!("(global.set $sink (local.get {}))", local + 1))),
        }
        if matches!(step, Step::Throw | Step::Call) {
            exits.push((number, locals.clone()));
        }
    }
    let get: String = (0..LOCALS).map(|local| format!("(local.get {})", local + 1)).collect();
    let types = format!("{ty} ").repeat(LOCALS as usize);
    let module = format!(
        "(module (tag $none) (global $sink (mut {ty}) {})
            (func $throw_if (param i32) (if (local.get 0) (then (throw $none))))
            (func (export \"run\") (param i32) (result {types}) (local {types}) {before}
                (block $caught (try_table (catch $none $caught) {body} (unreachable))) {get}))",
        text(0)
    );
    (module, exits)
}

#[test]
fn whatever_throws_in_a_region_the_landing_is_the_same() {
    for (backend, engine) in engines() {
        for class in [&CLASSES[0], &CLASSES[3]] {
            for pattern in 0..STEPS.len().pow(STEPS_COUNT) {
                let (text, exits) = paths(class, pattern);
                let arguments: Vec<_> = exits.iter().map(|(number, _)| [Val::I32(*number as i32)]).collect();
                let arguments: Vec<_> = arguments.iter().map(|arguments| &arguments[..]).collect();
                let found = run(&engine, &text, &arguments, LOCALS as usize);
                for ((number, locals), found) in exits.iter().zip(found) {
                    let are_right = locals.iter().zip(&found).all(|(local, found)| (class.is)(found, *local));
                    assert!(are_right, "{backend}, step {number}: {found:?} instead of {locals:?}\n{text}");
                }
            }
        }
    }
}

#[test]
fn exceptions_carry_as_many_values_as_there_may_be() {
    let of = |position: usize| &CLASSES[position % CLASSES.len()];
    let types: String = (0..1000).map(|position| format!("{} ", of(position).ty)).collect();
    let values: String = (0..1000).map(|position| (of(position).text)(position as u32)).collect();
    let frame =
        format!("(tag $t (param {types})) (func $throw) (elem declare func $throw) (func $f (throw $t {values}))");
    let handlers = [
        "(block $b (result TYPES) (try_table (catch $t $b) (call $f)) (unreachable))",
        "try (result TYPES) (call $f) (unreachable) catch $t end",
        "(block $b (result TYPES) (block $c (result exnref) (try_table (catch_all_ref $c) (call $f)) (unreachable))
            (try_table (param exnref) (catch $t $b) (throw_ref)) (unreachable))",
        "try (result TYPES) try (call $f) catch_all rethrow 0 end (unreachable) catch $t end",
    ];
    for (backend, engine) in engines() {
        for handler in handlers {
            let handler = handler.replace("TYPES", &types);
            let text = format!("(module {frame} (func (export \"run\") (result {types}) {handler}))");
            for (position, value) in run(&engine, &text, &[&[]], 1000)[0].iter().enumerate() {
                assert!((of(position).is)(value, position as u32), "{backend}: {position} is {value:?}");
            }
        }
    }
}
