//! Shapes of what later proposals brought, and of everything else that a module may have very many of.

use super::*;

/// What the pieces of [`objects`] need: types, functions of one parameter, a tag.
const TYPES: &str = "(type $node (sub (struct (field $v (mut i32)) (field $next (mut (ref null $node))))))
    (type $leaf (sub $node (struct (field $v (mut i32)) (field $next (mut (ref null $node))) (field $w (mut i64)))))
    (type $ints (array (mut i32))) (tag $e (param i32)) (memory 1) (memory $wide i64 1) (table $t 10 funcref)
    (type $f (func (param i32) (result i32))) (func $f (type $f) local.get 0) (elem declare func $f)";

/// Pieces of code over the locals `$i` (a number), `$n` (a node, or null), `$a` (an array, or null), `$e` (anything), `$x` (an exception), `$v` (a vector), `$w`.
const OBJECTS: [(&str, &str); 20] = [
    ("struct.get", "(local.set $i (struct.get $node $v (local.get $n)))"),
    ("chain of nodes", "(local.set $n (struct.get $node $next (local.get $n)))"),
    ("struct.set", "(struct.set $node $v (local.get $n) (local.get $i))"),
    ("struct.new", "(local.set $n (struct.new $node (local.get $i) (local.get $n)))"),
    ("array.get", "(local.set $i (array.get $ints (local.get $a) (local.get $i)))"),
    ("array.set", "(array.set $ints (local.get $a) (local.get $i) (i32.const 1))"),
    ("array.new", "(local.set $a (array.new $ints (i32.const 1) (local.get $i)))"),
    ("array.fill", "(array.fill $ints (local.get $a) (local.get $i) (i32.const 1) (local.get $i))"),
    (
        "array.copy",
        "(array.copy $ints $ints (local.get $a) (local.get $i) (local.get $a) (local.get $i) (local.get $i))",
    ),
    ("cast", "(local.set $n (ref.cast (ref null $leaf) (local.get $n)))"),
    ("test", "(local.set $i (ref.test (ref $leaf) (local.get $e)))"),
    (
        "branch on cast",
        "(drop (block $no (result anyref) (br_on_cast_fail $no anyref (ref $leaf) (local.get $e)) (local.set $n) (local.get $e)))",
    ),
    ("i31", "(local.set $e (ref.i31 (local.get $i)))"),
    (
        "throw and catch",
        "(block $h (result i32) (try_table (catch $e $h) (throw $e (local.get $i))) (unreachable)) (local.set $i)",
    ),
    (
        "rethrow",
        "(block $h (result exnref) (try_table (catch_all_ref $h) (drop (call $f (local.get $i)))) (local.get $x)) (local.set $x)",
    ),
    ("legacy try", "try (local.set $i (call $f (local.get $i))) catch $e (local.set $i) catch_all end"),
    ("call_ref", "(local.set $i (call_ref $f (local.get $i) (ref.func $f)))"),
    (
        "shuffle",
        "(local.set $v (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31 (local.get $v) (i8x16.swizzle (local.get $v) (local.get $v))))",
    ),
    (
        "wide",
        "(i64.mul_wide_u (local.get $w) (local.get $w)) (i64.add128 (local.get $w) (local.get $w)) (local.set $w) (drop)",
    ),
    (
        "wide memory",
        "(i64.store $wide offset=16 (local.get $w) (local.tee $w (i64.load $wide offset=8 (local.get $w))))",
    ),
];

/// Text of a function that does something many times over locals that nothing is known of.
fn objects(body: &str) -> String {
    format!(
        "{TYPES} (func (export \"run\") (param $i i32) (param $n (ref null $node)) (param $a (ref null $ints)) (param $e anyref) (param $x exnref)
         (param $v v128) (param $w i64) (result i32) {body} local.get $i)"
    )
}

fn types_of(count: usize, ty: &str) -> String {
    format!("{ty} ").repeat(count)
}

/// Shapes of whole modules.
pub(super) fn modules() -> Vec<(String, Make)> {
    let mut shapes: Vec<(String, Make)> = Vec::new();
    for (name, code) in OBJECTS {
        shapes.push(shape(name, move |size| objects(&repeat(size, |_| code.to_owned()))));
        let looped = move |size: usize| {
            let (open, close) = (format!("(loop {code} "), "(br_if 0 (local.get $i))) ");
            objects(&(open.repeat(size / 2) + &close.repeat(size / 2)))
        };
        shapes.push(shape(&format!("{name}, in loops in each other"), looped));
    }
    shapes.extend(handlers());
    shapes.extend(operands());
    shapes.extend(sections());
    shapes
}

/// The most clauses that a region may have is 10,000.
const CLAUSES_MAX: usize = 9000;

/// Regions with many clauses.
fn handlers() -> Vec<(String, Make)> {
    let tags = |count| repeat(count, |at| format!("(tag $e{at} (param i32))"));
    let clauses = |size: usize, different: bool, kind: &str| {
        repeat(size, |at| format!("({kind} $e{} $b)", if different { at } else { 0 }))
    };
    let one = move |different: bool, calls: usize| {
        move |size: usize| {
            let size = size.min(CLAUSES_MAX);
            format!(
                "{} (func $f) (func (result i32) (block $b (result i32) (try_table {} {}) i32.const 1))",
                tags(if different { size } else { 1 }),
                clauses(size, different, "catch"),
                "(call $f)".repeat(if calls == 0 { size } else { calls })
            )
        }
    };
    // Each region has some clauses of its own, and what they do not catch goes on to the next.
    let nested = move |within: usize, label: &'static str| {
        move |size: usize| {
            let count = size / within;
            let region = |at: usize| {
                format!(
                    "(block $b{at} (result i32) (try_table {} (call $f)",
                    repeat(within, |tag| format!(
                        "(catch $e{tag} {label})",
                        label = label.replace('#', &at.to_string())
                    ))
                )
            };
            format!(
                "{} (func $f) (func (result i32) (block $out (result i32) {} {} (i32.const 1)))",
                tags(within),
                repeat(count, region),
                ") (i32.const 2)) (drop)".repeat(count)
            )
        }
    };
    vec![
        shape("clauses of one region, one tag", one(false, 1)),
        shape("clauses of one region, many tags", one(true, 1)),
        shape("clauses of one region with many calls", one(true, 0)),
        shape("clauses with references", move |size: usize| {
            let size = size.min(CLAUSES_MAX);
            format!(
                "{} (func $f) (func (result i32 exnref) (block $b (result i32 exnref) (try_table {} (call $f)) unreachable))",
                tags(size),
                clauses(size, true, "catch_ref")
            )
        }),
        shape("clauses to many labels", move |size: usize| {
            let size = size.min(CLAUSES_MAX);
            let catches = repeat(size, |at| format!("(catch $e $b{at})"));
            let opened = repeat(size, |at| format!("(block $b{} (result i32)", size - 1 - at));
            format!(
                "(tag $e (param i32)) (func $f) (func (local $x i32) {opened} (try_table {catches} (call $f)) i32.const 1 {})",
                ") (local.set $x) (i32.const 2)".repeat(size) + "drop"
            )
        }),
        shape("clauses over locals", move |size: usize| {
            let size = size.min(CLAUSES_MAX);
            let sets = repeat(200, |at| format!("(local.set {at} (call $g (local.get {})))", at * 7 % 200));
            let uses = repeat(200, |at| format!("(i32.add (local.get {at}))"));
            format!(
                "{} (func $g (param i32) (result i32) local.get 0) (func (result i32) (local {}) (block $b (result i32) (try_table {} {sets}) i32.const 1) {uses})",
                tags(size),
                types_of(200, "i32"),
                clauses(size, true, "catch")
            )
        }),
        shape("regions in each other, 4 clauses each", nested(4, "$b#")),
        shape("regions in each other, 50 clauses each", nested(50, "$b#")),
        shape("regions in each other, 4 clauses each, one label", nested(4, "$out")),
        shape("regions in each other, one clause each", nested(1, "$b#")),
        shape("legacy clauses", move |size| {
            let catches = repeat(size, |at| format!("catch $e{at} (local.set 0)"));
            format!("{} (func $f) (func (local i32) try (call $f) {catches} end)", tags(size))
        }),
        shape("legacy regions in each other", move |size| {
            let open = "try (call $f) ".repeat(size);
            let close = "catch $e0 (local.set 0) catch_all (rethrow 0) end ".repeat(size);
            format!("{} (func $f) (func (local i32) {open} {close})", tags(1))
        }),
    ]
}

/// Many operands, results, and labels that take them.
fn operands() -> Vec<(String, Make)> {
    let sixteen = types_of(16, "i32");
    let (blocks, tables) = (sixteen.clone(), sixteen.clone());
    vec![
        shape("operands", |size| {
            format!("(func (param i32) (result i32) {} {})", "local.get 0 ".repeat(size), "i32.add ".repeat(size - 1))
        }),
        shape("selects of selects", |size| {
            format!(
                "(func (param i32) (result i32) local.get 0 {})",
                "local.get 0 i32.eqz local.get 0 i32.const 5 i32.lt_u select ".repeat(size)
            )
        }),
        shape("blocks with results in each other", move |size| {
            let open = format!("(block (result {blocks}) ").repeat(size);
            let close = ") (br_if 0 (local.get 0))".repeat(size);
            format!(
                "(func (param i32) (result {sixteen}) {open} {} {})",
                "(local.get 0)".repeat(16),
                close.trim_end_matches("(br_if 0 (local.get 0))")
            )
        }),
        shape("tables of labels with results", move |size| {
            let count = size / 4;
            let open = format!("(block (result {tables}) ").repeat(count);
            let labels = repeat(count, |at| at.to_string());
            let close = format!(") {}", "(i32.add (i32.const 1)) ".to_owned()).repeat(count);
            format!(
                "(func (param i32) (result {tables}) {open} {} (br_table {labels} (local.get 0)) {close})",
                "(local.get 0)".repeat(16)
            )
        }),
        shape("one table of labels", |size| {
            let open = "(block ".repeat(size);
            let labels = repeat(size, |at| (at * 7 % size).to_string());
            format!(
                "(func (param i32) (local i32) {open} (br_table {labels} (local.get 0)) {})",
                ") (local.set 1 (i32.add (local.get 1) (i32.const 3)))".repeat(size)
            )
        }),
        shape("long tables", |size| {
            let labels = "0 1 ".repeat(size / 20);
            format!("(func (param i32) {})", format!("(block (block (br_table {labels} (local.get 0)))) ").repeat(20))
        }),
        shape("calls with many results", |size| {
            let many = types_of(1000, "i64");
            let call = format!("call $f {} ", types_of(1000, "drop"));
            format!("(func $f (result {many}) unreachable) (func {})", call.repeat(size / 50))
        }),
        shape("array.new_fixed", |size| {
            let values = "(local.get 0)".repeat(size);
            format!(
                "(type $a (array (mut i32))) (func (param i32) (result (ref $a)) (array.new_fixed $a {size} {values}))"
            )
        }),
        shape("array.new_fixed in a row", |size| {
            let new = format!("(drop (array.new_fixed $a 50 {}))", "(local.get 0)".repeat(50));
            format!("(type $a (array (mut i32))) (func (param i32) {})", new.repeat(size / 25))
        }),
        shape("struct.new of many fields", |size| {
            let new = format!("(drop (struct.new $s {}))", "(local.get 0)".repeat(100));
            format!("(type $s (struct {})) (func (param i32) {})", "(field i32)".repeat(100), new.repeat(size / 50))
        }),
        shape("vectors alive", |size| {
            let make = repeat(size, |at| format!("(i8x16.splat (i32.add (local.get 0) (i32.const {at})))"));
            format!("(func (param i32) (result v128) {make} {})", "i8x16.min_u ".repeat(size - 1))
        }),
    ]
}

/// Sections with many items.
fn sections() -> Vec<(String, Make)> {
    let long = "n".repeat(200);
    let name = long.clone();
    vec![
        shape("tags", |size| "(tag (param i32 i64))".repeat(size * 4)),
        shape("groups of types", |size| {
            repeat(size, |at| {
                format!(
                    "(rec (type $a{at} (struct (field (ref null $b{at})))) (type $b{at} (sub (array (ref null $a{at})))))"
                )
            })
        }),
        shape("one group of types", |size| {
            let next = |at: usize| (at + 1) % size;
            format!(
                "(rec {})",
                repeat(size, |at| format!("(type $s{at} (sub (struct (field (ref null $s{})))))", next(at)))
            )
        }),
        shape("chains of subtypes", |size| {
            repeat(size, |at| {
                let above = if at % 60 == 0 { String::new() } else { format!("$t{}", at - 1) };
                format!("(type $t{at} (sub {above} (struct (field {}))))", piece_types(at / 60))
            })
        }),
        shape("wide types", |size| repeat(size / 50, |_| format!("(type (struct {}))", "(field i64)".repeat(200)))),
        shape("passive elements", |size| "(func $f)".to_owned() + &"(elem func $f $f $f)".repeat(size)),
        shape("one segment of elements", |size| {
            format!("(func $f) (table {0} funcref) (elem (i32.const 0) func {1})", size * 8, "$f ".repeat(size * 8))
        }),
        shape("elements by expressions", |size| {
            format!(
                "(func $f) (table {0} funcref) (elem (i32.const 0) funcref {1})",
                size,
                "(item (ref.func $f))".repeat(size)
            )
        }),
        shape("passive data", |size| {
            format!(
                "(memory 1) {} (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)))",
                "(data \"xyz\")".repeat(size * 2)
            )
        }),
        shape("data of imported memory", |size| {
            "(import \"m\" \"m\" (memory 1))".to_owned()
                + &repeat(size, |at| format!("(data (i32.const {}) \"x\")", at * 7))
        }),
        shape("constant expressions", |size| {
            format!("(global i32 (i32.const 1) {})", "i32.const 2 i32.add ".repeat(size))
        }),
        shape("globals of globals", |size| {
            "(global $g0 i32 (i32.const 1))".to_owned()
                + &repeat(size, |at| format!("(global $g{} i32 (i32.add (global.get $g{at}) (i32.const 1)))", at + 1))
        }),
        shape("objects in globals", |size| {
            "(type $s (struct (field i32)))".to_owned()
                + &"(global (ref $s) (struct.new $s (i32.const 1)))".repeat(size)
        }),
        shape("long names of exports", move |size| {
            "(func $f)".to_owned() + &repeat(size, |at| format!("(export \"{name}{at}\" (func $f))"))
        }),
        shape("long names of imports", move |size| {
            repeat(size, |at| format!("(import \"{long}\" \"{long}{at}\" (func))"))
        }),
        shape("custom sections", |size| repeat(size, |at| format!("(@custom \"c{at}\" \"{}\")", "x".repeat(50)))),
        shape("one long custom section", |size| format!("(@custom \"name\" \"{}\")", "x".repeat(size * 50))),
        shape("functions of one local each", |size| {
            repeat(size, |at| {
                format!("(func (param i32) (result i32) (local i64) (i32.add (local.get 0) (i32.const {at})))")
            })
        }),
        shape("functions that call each other", |size| {
            let next = |at: usize, step: usize| (at * step + 1) % size;
            repeat(size, |at| {
                format!(
                    "(func $f{at} (param i32) (result i32) (call $f{} (call $f{} (local.get 0))))",
                    next(at, 3),
                    next(at, 7)
                )
            })
        }),
        shape("a chain of calls", |size| {
            repeat(size, |at| {
                format!(
                    "(func $f{at} (param i32) (result i32) (i32.add (call $f{} (local.get 0)) (call $f{0} (i32.const 1))))",
                    at + 1
                )
            }) + &format!("(func $f{size} (param i32) (result i32) local.get 0)")
        }),
        shape("signatures of exported functions", |size| {
            repeat(size, |at| format!("(func (export \"{at}\") (param {}))", piece_types(at)))
        }),
    ]
}
