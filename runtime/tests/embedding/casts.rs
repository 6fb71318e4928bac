//! Every test and cast of references against a model: all static types, all types to test for, all kinds of values.

use std::fmt::Write as _;

use crate::common::*;
use wasmer_runtime::{ExternRef, Instance, Store, TrapCode};

/// A value: how it is made, the static type that it then has, and the heap types of [`HEAPS`] that it is of.
type Value = (&'static str, &'static str, &'static [&'static str]);

const VALUES: &[Value] = &[
    ("(ref.null none)", "none", &[]),
    ("(ref.i31 (i32.const 0))", "i31", &["any", "eq", "i31"]),
    ("(ref.i31 (i32.const -1))", "i31", &["any", "eq", "i31"]),
    ("(struct.new $s0 (i32.const 1))", "$s0", &["any", "eq", "struct", "$s0"]),
    ("(struct.new $s1 (i32.const 2))", "$s1", &["any", "eq", "struct", "$s0", "$s1"]),
    ("(struct.new $s2 (i32.const 3) (i64.const 4))", "$s2", &["any", "eq", "struct", "$s0", "$s1", "$s2"]),
    ("(struct.new $other)", "$other", &["any", "eq", "struct"]),
    ("(array.new $a0 (i32.const 5) (i32.const 2))", "$a0", &["any", "eq", "array", "$a0"]),
    ("(array.new $a1 (i32.const 5) (i32.const 2))", "$a1", &["any", "eq", "array", "$a0", "$a1"]),
    ("(struct.new $d16 (f32.const 0))", "$d16", &["any", "eq", "struct", "$d0"]),
    ("(struct.new $d17 (f32.const 0))", "$d17", &["any", "eq", "struct", "$d0", "$d17"]),
    ("(any.convert_extern (local.get $host))", "any", &["any"]),
];

/// Heap types that values are tested for, each with those above it.
const HEAPS: &[(&str, &[&str])] = &[
    ("any", &[]),
    ("eq", &["any"]),
    ("i31", &["any", "eq"]),
    ("struct", &["any", "eq"]),
    ("array", &["any", "eq"]),
    ("$s0", &["any", "eq", "struct"]),
    ("$s1", &["any", "eq", "struct", "$s0"]),
    ("$s2", &["any", "eq", "struct", "$s0", "$s1"]),
    ("$a0", &["any", "eq", "array"]),
    ("$a1", &["any", "eq", "array", "$a0"]),
    ("$d0", &["any", "eq", "struct"]),
    ("$d17", &["any", "eq", "struct", "$d0"]),
    ("none", &["any", "eq", "i31", "struct", "array", "$s0", "$s1", "$s2", "$a0", "$a1", "$d0", "$d17"]),
];

/// A reference type.
#[derive(Clone, Copy)]
struct Type {
    heap: usize,
    nullable: bool,
}

impl Type {
    fn all() -> impl Iterator<Item = Self> {
        (0..HEAPS.len()).flat_map(|heap| [true, false].map(|nullable| Self { heap, nullable }))
    }

    fn name(self) -> &'static str {
        HEAPS[self.heap].0
    }

    fn text(self) -> String {
        format!("(ref {}{})", if self.nullable { "null " } else { "" }, self.name())
    }

    fn has(self, value: &Value) -> bool {
        if value.1 == "none" { self.nullable } else { value.2.contains(&self.name()) }
    }

    fn is_below(self, other: Self) -> bool {
        (self.heap == other.heap || HEAPS[self.heap].1.contains(&other.name())) && (!self.nullable || other.nullable)
    }
}

/// What a test finds, as bits: by `ref.test`, by a branch to where values of the type go, and by one to where the others go.
const TEST: i32 = 1;
const BRANCH: i32 = 2;
const BRANCH_FAIL: i32 = 4;

/// The module: a table for each static type with all values that are of it, and two functions for each pair of types.
fn source() -> String {
    let mut text = "(module
        (type $s0 (sub (struct (field i32)))) (type $s1 (sub $s0 (struct (field i32))))
        (type $s2 (sub final $s1 (struct (field i32) (field i64)))) (type $other (sub (struct)))
        (type $a0 (sub (array i32))) (type $a1 (sub final $a0 (array i32))) (type $d0 (sub (struct (field f32))))"
        .to_owned();
    // More than a record of supertypes has places for.
    for depth in 1..=17 {
        write!(text, "(type $d{depth} (sub $d{} (struct (field f32))))", depth - 1).unwrap();
    }
    for (heap, _) in HEAPS {
        write!(text, "(table $of_{heap} {} (ref null {heap}))", VALUES.len()).unwrap();
    }
    text.push_str("(func (export \"make\") (param $host externref)");
    for (at, value) in VALUES.iter().enumerate() {
        for of in Type::all().filter(|of| of.nullable && of.has(value)) {
            write!(text, "(table.set $of_{} (i32.const {at}) {})", of.name(), value.0).unwrap();
        }
    }
    text.push(')');
    for from in Type::all() {
        let get = format!("(table.get $of_{} (local.get 0))", from.name());
        let get = if from.nullable { get } else { format!("(ref.as_non_null {get})") };
        for to in Type::all() {
            let (pair, from_text, to_text) = (pair(from, to), from.text(), to.text());
            write!(text, "(func (export \"test {pair}\") (param i32) (result i32) (ref.test {to_text} {get})").unwrap();
            if to.is_below(from) {
                write!(
                    text,
                    "(block $out (result i32)
                        (block $yes (result {to_text})
                            (drop (br_on_cast $yes {from_text} {to_text} {get})) (br $out (i32.const 0)))
                        (drop) (i32.const {BRANCH}))
                    (i32.or)
                    (block $out (result i32)
                        (block $no (result {from_text})
                            (drop (br_on_cast_fail $no {from_text} {to_text} {get})) (br $out (i32.const {BRANCH_FAIL})))
                        (drop) (i32.const 0))
                    (i32.or)"
                )
                .unwrap();
            }
            text.push(')');
            write!(text, "(func (export \"cast {pair}\") (param i32) (drop (ref.cast {to_text} {get})))").unwrap();
        }
    }
    text.push(')');
    text
}

fn pair(from: Type, to: Type) -> String {
    format!("{} {}", from.text(), to.text())
}

fn check(store: &mut Store<()>, instance: Instance, what: &str) {
    let make = func::<_, Option<ExternRef>, ()>(store, instance, "make");
    make.call(&mut *store, Some(ExternRef::new("mine"))).unwrap();
    for (from, to) in Type::all().flat_map(|from| Type::all().map(move |to| (from, to))) {
        let pair = pair(from, to);
        let test = func::<_, i32, i32>(store, instance, &format!("test {pair}"));
        let cast = func::<_, i32, ()>(store, instance, &format!("cast {pair}"));
        for (at, value) in VALUES.iter().enumerate().filter(|(_, value)| from.has(value)) {
            let all = if to.is_below(from) { TEST | BRANCH | BRANCH_FAIL } else { TEST };
            let expected = if to.has(value) { all } else { 0 };
            let found = test.call(&mut *store, at as i32).unwrap();
            assert_eq!(found, expected, "{what}: {pair}, {}", value.0);
            let result = cast.call(&mut *store, at as i32);
            match to.has(value) {
                true => result.unwrap_or_else(|error| panic!("{what}: {pair}, {}: {error}", value.0)),
                false => drop(trap(&result, TrapCode::CastFailure)),
            }
        }
    }
}

#[test]
fn all_references_are_tested_as_the_model_has_it() {
    let source = source();
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, &source);
        check(&mut store, instance, backend.name());
        store.gc_always();
        check(&mut store, instance, backend.name());
    }
}

#[test]
fn null_has_a_header_and_nothing_else() {
    let wat = r#"(module
        (type $first (sub (struct (field (mut i32))))) (type $second (sub $first (struct (field (mut i32)) (field (mut i64)))))
        (type $array (array (mut i32)))
        (func (export "get") (param $real i32) (result i32) (local $object (ref null $first))
            (if (local.get $real) (then (local.set $object (struct.new $first (i32.const 7)))))
            (if (result i32) (ref.test (ref $second) (local.get $object))
                (then (i32.const -1))
                (else (struct.get $first 0 (local.get $object)))))
        (func (export "set") (param $real i32) (result i32) (local $object (ref null $first))
            (if (local.get $real) (then (local.set $object (struct.new $second (i32.const 7) (i64.const 8)))))
            (block $no (result (ref null $first))
                (br_on_cast_fail $no (ref null $first) (ref $second) (local.get $object))
                (struct.set $second 0 (i32.const 9))
                (local.get $object))
            (struct.get $first 0))
        (func (export "len") (param $real i32) (result i32) (local $array (ref null $array))
            (if (local.get $real) (then (local.set $array (array.new_fixed $array 1 (i32.const 6)))))
            (if (ref.test (ref struct) (local.get $array)) (then (return (i32.const -1))))
            (i32.add (array.get $array (local.get $array) (i32.const 0)) (array.len (local.get $array)))))"#;
    for (_, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, wat);
        for (name, value, code) in
            [("get", 7, TrapCode::NullStructure), ("set", 9, TrapCode::NullStructure), ("len", 7, TrapCode::NullArray)]
        {
            let func = func::<_, i32, i32>(&mut store, instance, name);
            assert_eq!(func.call(&mut store, 1).unwrap(), value, "{name}");
            trap(&func.call(&mut store, 0), code);
        }
    }
}
