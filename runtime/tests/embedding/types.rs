//! Types of garbage collection: which are equal, which are subtypes, and objects in constant expressions.

use crate::common::*;
use wasmer_runtime::*;

/// A type section with types of every relation: equal, below each other, beside each other, of other groups.
const TYPES: &str = "
    (type $a (sub (func)))
    (type $b (sub $a (func)))
    (type $c (sub final $b (func)))
    (rec (type $d (sub $a (func))) (type (array i16)))
    (type $e (func))
    (rec (type $f (sub (func))) (type (struct)))
    (rec (type $g (sub (func))) (type (struct)))
    (rec (type $h (sub $f (func))) (type (array i8)))
    (type $s (sub (struct (field i32))))
    (type $t (sub $s (struct (field i32 i64))))
    (type $p (sub (func (param (ref $t)) (result (ref $s)))))
    (type $q (sub $p (func (param (ref $s)) (result (ref $t)))))";

/// Functions without parameters, and of which others each is a subtype.
const FUNCS: &[(&str, &str)] =
    &[("$a", ""), ("$b", "$a"), ("$c", "$a $b"), ("$d", "$a"), ("$e", ""), ("$f", "$g"), ("$g", "$f"), ("$h", "$f $g")];

fn is_subtype(position: usize, supertype: usize) -> bool {
    position == supertype || FUNCS[position].1.split(' ').any(|name| name == FUNCS[supertype].0)
}

/// A function of each type, and a table of them. The module numbers its types otherwise than the others.
fn exporter() -> String {
    let func = |(position, (name, _)): (usize, &(&str, &str))| {
        format!("(func (export \"{position}\") (type {name}) (global.set $called (i32.const {position})))")
    };
    let funcs: String = FUNCS.iter().enumerate().map(func).collect();
    let items: String = (0..FUNCS.len()).map(|index| format!("(ref.func {index}) ")).collect();
    let len = FUNCS.len();
    format!(
        "(module (type (func (param f64))) {TYPES} (global $called (export \"called\") (mut i32) (i32.const -1)) {funcs}
            (table (export \"table\") {len} funcref) (elem (i32.const 0) funcref {items}))"
    )
}

fn importer(name: &str) -> String {
    format!("(module {TYPES} (import \"m\" \"f\" (func (type {name}))) (export \"f\" (func 0)))")
}

fn caller(name: &str) -> String {
    format!(
        "(module {TYPES} (import \"m\" \"table\" (table 1 funcref))
            (func (export \"call\") (param i32) (call_indirect (type {name}) (local.get 0)))
            (func (export \"cast\") (param i32) (call_ref {name} (ref.cast (ref {name}) (table.get (local.get 0)))))
            (func (export \"test\") (param i32) (result i32) (ref.test (ref {name}) (table.get (local.get 0)))))"
    )
}

/// Functions link, are called and cast exactly where their types are equal or subtypes, whatever compiled them.
#[test]
fn functions_are_taken_for_what_they_are() {
    let engines = engines();
    for (_, from) in &engines {
        let exporter = module(from, &exporter());
        for (_, to) in &engines {
            let mut store = Store::new(from, ());
            let exporter = Linker::new().instantiate(&mut store, &exporter).unwrap();
            let called = export(&mut store, exporter, "called").global().unwrap();
            for (supertype, (name, _)) in FUNCS.iter().enumerate() {
                let (importer, caller) = (module(to, &importer(name)), module(to, &caller(name)));
                let mut linker = Linker::new();
                linker.instance(&mut store, "m", exporter).unwrap();
                let caller = linker.instantiate(&mut store, &caller).unwrap();
                let call: TypedFunc<i32, ()> = func(&mut store, caller, "call");
                let cast: TypedFunc<i32, ()> = func(&mut store, caller, "cast");
                let test: TypedFunc<i32, i32> = func(&mut store, caller, "test");
                for (position, (given, _)) in FUNCS.iter().enumerate() {
                    let what = format!("{given} as {name}");
                    let expected = is_subtype(position, supertype);
                    let given = export(&mut store, exporter, &position.to_string());
                    let mut linker = Linker::new();
                    linker.define("m", "f", given).unwrap();
                    let linked = linker.instantiate(&mut store, &importer);
                    assert_eq!(linked.is_ok(), expected, "{what}: {:?}", linked.err());
                    let index = position as i32;
                    assert_eq!(test.call(&mut store, index).unwrap(), i32::from(expected), "{what}");
                    for (call, code) in [(call, TrapCode::IndirectCallTypeMismatch), (cast, TrapCode::CastFailure)] {
                        called.set(&mut store, Val::I32(-1)).unwrap();
                        let result = call.call(&mut store, index);
                        if expected {
                            result.unwrap();
                            assert_eq!(called.get(&store).unwrap().i32(), Some(index), "{what}");
                        } else {
                            trap(&result, code);
                        }
                    }
                }
            }
        }
    }
}

/// Where a call through a table finds a function of a subtype, what it was called with is what arrives: beside other operands, in registers and in
/// memory, in place of the caller, and above and below the depth to which displays reach.
#[test]
fn functions_of_subtypes_are_called_with_what_they_are_given() {
    const DEPTH: usize = 20;
    let params = "(param i64 i64 i64 i64 i64 i64 i64 i64 f64 f64) (result i64)";
    let types = (0..DEPTH).map(|depth| match depth.checked_sub(1) {
        None => format!("(type $t0 (sub (func {params})))"),
        Some(above) => format!("(type $t{depth} (sub $t{above} (func {params})))"),
    });
    let types: String = types.collect();
    let sum = (1..8).fold("(local.get 0)".to_owned(), |sum, at| {
        format!("(i64.add (i64.mul {sum} (i64.const 10)) (local.get {at}))")
    });
    let floats = "(i64.trunc_f64_s (f64.sub (local.get 8) (local.get 9)))";
    let functions = (0..DEPTH).map(|depth| {
        format!("(func $f{depth} (type $t{depth}) (i64.add (i64.mul {sum} (i64.const 100)) (i64.add {floats} (i64.const {depth}))))")
    });
    let functions: String = functions.collect();
    let names: String = (0..DEPTH).map(|depth| format!("$f{depth} ")).collect();
    let table = format!(
        "(module {types} {functions} (table (export \"table\") {DEPTH} funcref) (elem (i32.const 0) func {names}))"
    );
    let operands: String =
        (1..9).map(|value| format!("(i64.const {value}) ")).collect::<String>() + "(f64.const 70) (f64.const 30)";
    let callers = [0, 1, 14, 15, 16, 19].map(|depth| {
        format!(
            "(func (export \"call {depth}\") (param i32) (result i64) (local i64) (local.set 1 (i64.const 3))
                (i64.sub (i64.mul (i64.extend_i32_u (local.get 0)) (local.get 1))
                    (call_indirect (type $t{depth}) {operands} (local.get 0))))
            (func (export \"tail {depth}\") (param i32) (result i64)
                (return_call_indirect (type $t{depth}) {operands} (local.get 0)))"
        )
    });
    let caller = format!("(module {types} (import \"m\" \"table\" (table 1 funcref)) {})", callers.concat());
    let engines = engines();
    for (_, from) in &engines {
        let table = module(from, &table);
        for (backend, to) in &engines {
            let mut store = Store::new(from, ());
            let table = Linker::new().instantiate(&mut store, &table).unwrap();
            let mut linker = Linker::new();
            linker.instance(&mut store, "m", table).unwrap();
            let caller = linker.instantiate(&mut store, &module(to, &caller)).unwrap();
            for depth in [0, 1, 14, 15, 16, 19] {
                let call: TypedFunc<i32, i64> = func(&mut store, caller, &format!("call {depth}"));
                let tail: TypedFunc<i32, i64> = func(&mut store, caller, &format!("tail {depth}"));
                for index in 0..DEPTH as i32 {
                    let (called, replaced) = (call.call(&mut store, index), tail.call(&mut store, index));
                    if index < depth {
                        trap(&called, TrapCode::IndirectCallTypeMismatch);
                        trap(&replaced, TrapCode::IndirectCallTypeMismatch);
                        continue;
                    }
                    let result = 12_345_678 * 100 + 40 + i64::from(index);
                    assert_eq!(replaced.unwrap(), result, "{backend}: {index} as {depth}");
                    assert_eq!(called.unwrap(), i64::from(index) * 3 - result, "{backend}: {index} as {depth}");
                }
            }
        }
    }
}

/// Globals and tables are of subtypes or equal types, as it is safe.
#[test]
fn what_holds_references_links_as_it_is_safe() {
    let engine = engine();
    // Each is of the types that follow.
    let chains: &[&[&str]] = &[
        &["(ref $t)", "(ref $s)", "(ref struct)", "(ref eq)", "(ref any)", "anyref"],
        &["nullref", "(ref null $t)", "(ref null $s)", "structref", "eqref", "anyref"],
        &["(ref i31)", "i31ref", "eqref"],
        &["nullfuncref", "(ref null $q)", "(ref null $p)", "funcref"],
        &["nullexternref", "externref"],
    ];
    let init = |ty: &str| match ty {
        _ if ty.contains("$q)") => "(ref.null nofunc)",
        "(ref i31)" => "(ref.i31 (i32.const 1))",
        _ if ty.contains("null") || !ty.starts_with('(') => match ty {
            _ if ty.contains("func") || ty.contains("$p") => "(ref.null nofunc)",
            _ if ty.contains("extern") => "(ref.null noextern)",
            _ => "(ref.null none)",
        },
        _ => "(struct.new_default $t)",
    };
    let links = |export: &str, import: &str| {
        let mut store = Store::new(&engine, ());
        let exporter = module(&engine, &format!("(module {TYPES} {export})"));
        let instance = Linker::new().instantiate(&mut store, &exporter).unwrap();
        let mut linker = Linker::new();
        linker.instance(&mut store, "m", instance).unwrap();
        let importer = module(&engine, &format!("(module {TYPES} (import \"m\" \"x\" {import}))"));
        linker.instantiate(&mut store, &importer).is_ok()
    };
    for chain in chains {
        for (position, ty) in chain.iter().enumerate() {
            for (other, supertype) in chain.iter().enumerate() {
                let (same, below) = (position == other, position <= other);
                let what = format!("{ty} as {supertype}");
                let export = format!("(global (export \"x\") {ty} {})", init(ty));
                assert_eq!(links(&export, &format!("(global {supertype})")), below, "{what}");
                let export = format!("(global (export \"x\") (mut {ty}) {})", init(ty));
                assert_eq!(links(&export, &format!("(global (mut {supertype}))")), same, "{what}");
                let export = format!("(table (export \"x\") 1 {ty} {})", init(ty));
                assert_eq!(links(&export, &format!("(table 1 {supertype})")), same, "{what}");
            }
        }
    }
}

/// What constant expressions make is what the operators would have made; what segments hold is the same at each use.
#[test]
fn constant_expressions_make_objects() {
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(
            &engine,
            r#"(module
                (type $point (struct (field i8 (mut i16) i64 f32 (ref null $point))))
                (type $bytes (array (mut i8))) (type $wide (array v128)) (type $refs (array (ref $point)))
                (global $a (ref $point) (struct.new $point (i32.const 0x1ff) (i32.const -1) (i64.const 7) (f32.const 1.5)
                    (struct.new_default $point)))
                (global $bytes (ref $bytes) (array.new $bytes (i32.const 0x101) (i32.const 1000)))
                (global $wide (ref $wide) (array.new_fixed $wide 2 (v128.const i64x2 1 2) (v128.const i64x2 3 4)))
                (global $refs (ref $refs) (array.new_fixed $refs 2 (global.get $a) (struct.new_default $point)))
                (global $zeros (ref $bytes) (array.new_default $bytes (i32.const 3)))
                (global $small (ref i31) (ref.i31 (i32.const -5)))
                (global $out externref (extern.convert_any (global.get $small)))
                (global $in anyref (any.convert_extern (global.get $out)))
                (elem $passive anyref (item (struct.new_default $point)) (item (global.get $a)))
                (table $filled 3 anyref (array.new_default $bytes (i32.const 9)))
                (table $t 4 anyref)
                (elem (table $t) (i32.const 3) (ref $point) (item (struct.new_default $point)))
                (func (export "a") (result i32) (i32.add
                    (i32.mul (struct.get_u $point 0 (global.get $a)) (i32.const 0x10000))
                    (struct.get_u $point 1 (global.get $a))))
                (func (export "b") (result i64) (struct.get $point 2 (global.get $a)))
                (func (export "c") (result f32) (struct.get $point 3 (global.get $a)))
                (func (export "inner") (result i64) (struct.get $point 2 (struct.get $point 4 (global.get $a))))
                (func (export "bytes") (param i32) (result i32) (array.get_u $bytes (global.get $bytes) (local.get 0)))
                (func (export "wide") (result i64) (i64x2.extract_lane 1 (array.get $wide (global.get $wide) (i32.const 1))))
                (func (export "refs") (result i32)
                    (ref.eq (global.get $a) (array.get $refs (global.get $refs) (i32.const 0))))
                (func (export "zeros") (result i32) (i32.add (array.len (global.get $zeros))
                    (array.get_u $bytes (global.get $zeros) (i32.const 2))))
                (func (export "small") (result i32) (i31.get_s (ref.cast (ref i31) (global.get $in))))
                (func (export "filled") (result i32) (i32.add
                    (ref.eq (ref.cast eqref (table.get $filled (i32.const 0))) (ref.cast eqref (table.get $filled (i32.const 2))))
                    (array.len (ref.cast arrayref (table.get $filled (i32.const 1))))))
                (func (export "twice") (result i32)
                    (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 1))
                    (table.init $t $passive (i32.const 1) (i32.const 0) (i32.const 2))
                    (i32.add
                        (ref.eq (ref.cast eqref (table.get $t (i32.const 0))) (ref.cast eqref (table.get $t (i32.const 1))))
                        (ref.eq (ref.cast eqref (table.get $t (i32.const 2))) (global.get $a))))
                (func (export "active") (result i32) (ref.test (ref $point) (table.get $t (i32.const 3)))))"#,
        );
        store.gc();
        let mut int = |name: &str| func::<_, (), i32>(&mut store, instance, name).call(&mut store, ()).unwrap();
        let found = ["a", "refs", "zeros", "small", "filled", "twice", "active"].map(&mut int);
        assert_eq!(found, [0xff_ffff, 1, 3, -5, 10, 2, 1], "{backend:?}");
        let mut long = |name: &str| func::<_, (), i64>(&mut store, instance, name).call(&mut store, ()).unwrap();
        assert_eq!(["b", "inner", "wide"].map(&mut long), [7, 0, 4]);
        assert_eq!(func::<_, (), f32>(&mut store, instance, "c").call(&mut store, ()).unwrap(), 1.5);
        let bytes: TypedFunc<i32, i32> = func(&mut store, instance, "bytes");
        assert_eq!([0, 999].map(|index| bytes.call(&mut store, index).unwrap()), [1, 1]);
    }
}

/// Heap types of objects and what is above each of them, itself included.
const HEAP_TYPES: &[(&str, &[&str])] = &[
    ("any", &["any"]),
    ("eq", &["any", "eq"]),
    ("i31", &["any", "eq", "i31"]),
    ("struct", &["any", "eq", "struct"]),
    ("array", &["any", "eq", "array"]),
    ("none", &["any", "eq", "i31", "struct", "array", "none"]),
];

/// A branch that the static types decide may never be taken, or always; what is behind it, or at its label, is dead code then.
#[test]
fn casts_branch_however_much_is_known_of_them() {
    let nullable = |is: bool| if is { "null " } else { "" };
    for (from, _) in HEAP_TYPES {
        let below = HEAP_TYPES.iter().filter(|(_, above)| above.contains(from));
        for ((to, _), nulls) in
            below.flat_map(|to| [(false, false), (true, false), (true, true)].map(|nulls| (to, nulls)))
        {
            let (from_null, to_null) = nulls;
            let source = format!("(ref {}{from})", nullable(from_null));
            let target = format!("(ref {}{to})", nullable(to_null));
            let i31_above = HEAP_TYPES[2].1;
            // Null, then an unboxed integer, where those can be passed: whether they are of the type.
            let null = from_null.then_some(("(ref.null none)", to_null));
            let i31 = i31_above.contains(from).then_some(("(ref.i31 (i32.const 5))", i31_above.contains(to)));
            let cases: Vec<_> = null.into_iter().chain(i31).collect();
            for (operator, branches_if) in [("br_on_cast", true), ("br_on_cast_fail", false)] {
                let calls: String = cases
                    .iter()
                    .enumerate()
                    .map(|(at, (value, _))| format!(r#"(func (export "f{at}") (result i32) (call $f {value}))"#))
                    .collect();
                // Whoever does not branch returns 0.
                let wat = format!(
                    "(module (func $f (param {source}) (result i32)
                        (drop (block $taken (result {source})
                            (drop ({operator} $taken {source} {target} (local.get 0)))
                            (return (i32.const 0))))
                        (i32.const 1))
                    (func (param {source}) (result {source})
                        (block $taken (result {source}) ({operator} $taken {source} {target} (local.get 0)) unreachable))
                    {calls})"
                );
                for (backend, engine) in engines() {
                    let (mut store, instance) = instantiate(&engine, &wat);
                    for (at, (value, is_of)) in cases.iter().enumerate() {
                        let found = func::<_, (), i32>(&mut store, instance, &format!("f{at}")).call(&mut store, ());
                        let expected = i32::from(*is_of == branches_if);
                        assert_eq!(found.unwrap(), expected, "{backend}: {operator} {source} {target} {value}");
                    }
                }
            }
        }
    }
}
