//! The text format: names of labels mean what they meant, and no shape of text takes out of proportion.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use wasmer_runtime::wast::{assemble, assemble_with_lines};
use wasmer_testing::generate::Random;

/// Four times the text may take this many times as long, and this much more.
const TIME_FACTOR: u32 = 9;
const TIME_FREE: Duration = Duration::from_millis(600);

/// Lines of the smaller of two texts of a shape.
const SIZE: usize = 4000;

fn repeat(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, index| {
        writeln!(all, "{}", text(index)).unwrap();
        all
    })
}

/// A body in which blocks of every kind with few names stand within and behind each other, and branches of every kind go to them.
fn body(random: &mut Random, budget: &mut usize, depth: usize, text: &mut String) {
    const NAMES: [&str; 6] = ["$a", "$b", "$c", "$a", "$\"b\"", "$d"];
    while *budget > 0 {
        *budget -= 1;
        let name = NAMES[random.below(NAMES.len())];
        let label = |random: &mut Random| match random.below(3) {
            0 if depth > 0 => random.below(depth).to_string(),
            _ => "$outer".to_owned() + if random.below(2) == 0 { "" } else { "2" },
        };
        match random.below(13) {
            0 => text.push_str(&format!("br {} ", label(random))),
            1 => text.push_str(&format!("i32.const 1 br_if {name} ")),
            2 => text.push_str(&format!("i32.const 1 br_table {name} {} {name} 0 ", label(random))),
            3 => text.push_str(&format!("(br_if {name} (i32.const 0)) ")),
            4 => text.push_str(&format!("ref.null func br_on_null {name} drop ")),
            5 | 6 if depth > 0 => return,
            kind @ (7..=12) => {
                let (open, close) = [
                    (format!("block {name} "), format!("end {name} ")),
                    (format!("loop {name} "), "end ".to_owned()),
                    (format!("(block {name} "), ") ".to_owned()),
                    (format!("(if {name} (i32.const 1) (then "), ") (else nop)) ".to_owned()),
                    (format!("i32.const 1 if {name} nop else {name} "), format!("end {name} ")),
                    (format!("try_table {name} (catch_all {name}) "), "end ".to_owned()),
                ][kind - 7]
                    .clone();
                text.push_str(&open);
                body(random, budget, depth + 1, text);
                text.push_str(&close);
            }
            _ => text.push_str("nop "),
        }
    }
}

#[test]
fn labels_are_numbered_as_the_library_does() {
    let (mut same, mut refused) = (0, 0);
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let mut inside = String::new();
        body(&mut random, &mut (5 + seed as usize % 80), 0, &mut inside);
        // Without these around, most would be refused.
        let around = if seed % 5 == 0 {
            "block $a block $b block $outer"
        } else {
            "block $a block $b block $c block $d block $outer block $outer2"
        };
        let ends = "end ".repeat(around.split("block").count() - 1);
        let text = format!(
            "(module (func $f {around} {inside} {ends}) (global i32 block $x br $x end) (elem (offset block $y br $y end)))"
        );
        let path = Path::new("some.wat");
        match (assemble(&text, path), wat::Parser::new().parse_bytes(Some(path), text.as_bytes())) {
            (Ok(ours), Ok(theirs)) => {
                assert_eq!(ours, &*theirs, "{text}");
                same += 1;
            }
            (Err(ours), Err(theirs)) => {
                assert_eq!(ours.to_string(), theirs.to_string());
                refused += 1;
            }
            (ours, theirs) => panic!("{text}: {ours:?}, {theirs:?}"),
        }
        let mut parser = wat::Parser::new();
        let theirs = parser.generate_dwarf(wat::GenerateDwarf::Lines).parse_bytes(Some(path), text.as_bytes());
        assert_eq!(assemble_with_lines(&text, path).ok(), theirs.ok().map(std::borrow::Cow::into_owned));
    }
    assert!(same > 200 && refused > 50, "{same} the same, {refused} refused");
}

/// What makes a text of a size.
type Make = fn(usize) -> String;

/// Texts in which something is repeated: one after the other, within each other, or named and used.
const SHAPES: &[(&str, Make)] = &[
    ("branches to the outermost", |size| {
        let blocks = repeat(size, |at| format!("block $b{at}"));
        format!("(func {blocks} {} {})", "br $b0 ".repeat(size), "end ".repeat(size))
    }),
    ("branches from every block to the outermost", |size| {
        let blocks = repeat(size, |at| format!("block $b{at} br $b0"));
        format!("(func {blocks} {})", "end ".repeat(size))
    }),
    ("folded blocks", |size| {
        let blocks = repeat(size, |at| format!("(block $b{at} (br $b0)"));
        format!("(func {blocks} {})", ")".repeat(size))
    }),
    ("tables of all labels", |size| {
        let blocks = repeat(size, |at| format!("block $b{at}"));
        let labels = repeat(size, |at| format!("$b{at}"));
        format!("(func {blocks} i32.const 0 br_table {labels} {})", "end ".repeat(size))
    }),
    ("labels of one name", |size| {
        format!("(func {} {} {})", "block $b ".repeat(size), "br $b ".repeat(size), "end ".repeat(size))
    }),
    ("labels in a global", |size| {
        let blocks = repeat(size, |at| format!("block $b{at}"));
        format!("(global i32 {blocks} {} {})", "br $b0 ".repeat(size), "end ".repeat(size))
    }),
    ("catches", |size| {
        let blocks = repeat(size, |at| format!("block $b{at}"));
        let catches = repeat(size, |_| "try_table (catch_all $b0) end".to_owned());
        format!("(func {blocks} {catches} {})", "end ".repeat(size))
    }),
    ("folded operands", |size| {
        format!("(func (drop {} (i32.const 1) {}))", "(i32.eqz ".repeat(size), ")".repeat(size))
    }),
    ("locals", |size| {
        let locals = repeat(size, |at| format!("(local $l{at} i32)"));
        format!("(func {locals} {})", repeat(size, |at| format!("local.get $l{at} drop")))
    }),
    ("functions", |size| repeat(size, |at| format!("(func $f{at} call $f{})", (at * 7 + 3) % size))),
    ("types", |size| repeat(size, |at| format!("(type $t{at} (func (param {})))", bits(at)))),
    ("types in place", |size| repeat(size, |at| format!("(func (param {}))", bits(at)))),
    ("types of blocks in place", |size| {
        format!("(func {})", repeat(size, |at| format!("block (param {}) end", bits(at))))
    }),
    ("types of calls in place", |size| {
        format!("(table 1 funcref) (func {})", repeat(size, |at| format!("call_indirect (param {})", bits(at))))
    }),
    ("one group of types", |size| {
        format!("(rec {})", repeat(size, |at| format!("(type $t{at} (func (param (ref $t0))))")))
    }),
    ("fields", |size| {
        let fields = repeat(size, |at| format!("(field $f{at} i32)"));
        format!("(type $s (struct {fields})) (func {})", repeat(size, |at| format!("struct.get $s $f{at}")))
    }),
    ("imports", |size| repeat(size, |at| format!("(import \"m\" \"n{at}\" (func $i{at} (param i32)))"))),
    ("exports in place", |size| repeat(size, |at| format!("(func (export \"e{at}\"))"))),
    ("exports of one function", |size| format!("(func {})", repeat(size, |at| format!("(export \"e{at}\")")))),
    ("globals", |size| repeat(size, |at| format!("(global $g{at} i32 (global.get $g{}))", at / 2))),
    ("elements", |size| format!("(func $f) (table 1 funcref) (elem (i32.const 0) {})", "$f ".repeat(size))),
    ("element segments", |size| "(elem func $f)".repeat(size) + "(func $f)"),
    ("tables in place", |size| "(table funcref (elem $f))".repeat(size) + "(func $f)"),
    ("data", |size| "(memory 1) (data (i32.const 0)".to_owned() + &repeat(size, |at| format!("\"{at}\"")) + ")"),
    ("memories in place", |size| "(memory (data \"x\"))".repeat(size)),
    ("escapes", |size| format!("(memory 1) (data (i32.const 0) \"{}\")", "\\u{1f600}\\00\\n".repeat(size * 4))),
    ("comments within each other", |size| format!("{} {} (func)", "(;".repeat(size * 4), ";)".repeat(size * 4))),
    ("comments", |size| ";; text (; \n".repeat(size * 4) + "(func)"),
    ("annotations", |size| "(@custom \"x\" \"y\")".repeat(size)),
    ("unknown annotations", |size| format!("{} x {} (func)", "(@x ".repeat(size), ")".repeat(size))),
    ("long numbers", |size| format!("(func i32.const {}1 drop)", "0".repeat(size * 10))),
    ("long floats", |size| format!("(func f64.const 0.{}e{} drop)", "1".repeat(size * 10), "0".repeat(size))),
    ("long hexadecimal floats", |size| format!("(func f64.const 0x1.{}p1 drop)", "f".repeat(size * 10))),
    ("long names", |size| format!("(func $\"{0}\" call $\"{0}\")", "x".repeat(size * 10))),
    ("parentheses", |size| "(".repeat(size * 4)),
    ("unknown words", |size| format!("(func {})", "thing ".repeat(size))),
    ("strings without an end", |size| format!("(data \"{}", "\\\"".repeat(size * 4))),
];

fn bits(number: usize) -> String {
    (0..13).map(|bit| if number >> bit & 1 == 1 { "i32 " } else { "f64 " }).collect()
}

#[test]
fn whatever_the_text_the_time_is_in_proportion() {
    let mut faults = String::new();
    for (name, make) in SHAPES {
        let time = |size: usize| {
            let text = format!("(module {})", make(size));
            let begun = Instant::now();
            let accepted = assemble(&text, Path::new("shape.wat")).is_ok();
            (begun.elapsed(), accepted)
        };
        let ((before, _), (took, accepted)) = (time(SIZE), time(4 * SIZE));
        let line = format!("{name}: {before:?}, then {took:?}, {}", if accepted { "accepted" } else { "refused" });
        eprintln!("{line}");
        if took > before * TIME_FACTOR + TIME_FREE {
            writeln!(faults, "{line}").unwrap();
        }
    }
    assert!(faults.is_empty(), "out of proportion:\n{faults}");
}
