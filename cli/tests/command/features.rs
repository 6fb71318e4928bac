//! Features that are off, and proposals that are not supported.

use crate::common::Bench;

/// For each feature a module that needs it and no other that can be off with it.
const NEEDS: &[(&str, &str)] = &[
    ("bulk-memory", "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))"),
    ("bulk-memory", "(module (memory 1) (data \"x\") (func (data.drop 0)))"),
    ("custom-page-sizes", "(module (memory 1 (pagesize 1)))"),
    ("exceptions", "(module (tag))"),
    ("exceptions", "(module (func (try_table (catch_all 0))))"),
    ("extended-const", "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))"),
    ("function-references", "(module (type $t (func)) (func (param (ref $t)) (call_ref $t (local.get 0))))"),
    ("gc", "(module (type (struct)))"),
    ("gc", "(module (func (param anyref)))"),
    ("gc", "(module (func (drop (ref.i31 (i32.const 1)))))"),
    ("legacy-exceptions", "(module (func try nop catch_all end))"),
    ("memory64", "(module (memory i64 1))"),
    ("memory64", "(module (table i64 1 funcref))"),
    ("multi-memory", "(module (memory 1) (memory 1))"),
    ("multi-memory", "(module (memory 1) (memory $b 1) (func (result i32) (i32.load $b (i32.const 0))))"),
    ("multi-value", "(module (func (result i32 i32) unreachable))"),
    ("multi-value", "(module (func (i32.const 1) (block (param i32) (drop))))"),
    ("reference-types", "(module (func (param externref)))"),
    ("reference-types", "(module (table 1 funcref) (table 1 funcref))"),
    ("relaxed-simd", "(module (func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))"),
    ("saturating-float-to-int", "(module (func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0))))"),
    ("sign-extension", "(module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))"),
    ("simd", "(module (func (param v128)))"),
    ("simd", "(module (func (drop (i8x16.splat (i32.const 1)))))"),
    ("tail-call", "(module (func $f (return_call $f)))"),
    ("threads", "(module (memory 1 1 shared))"),
    ("threads", "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))"),
    ("wide-arithmetic", "(module (func (result i64 i64) (i64.mul_wide_u (i64.const 1) (i64.const 2))))"),
];

fn features(bench: &Bench) -> Vec<(String, String)> {
    let text = bench.run(["backends"]).out;
    let list = text.split_once("`--disable`):\n").unwrap().1.lines().take_while(|line| line.starts_with("  "));
    list.map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    })
    .collect()
}

#[test]
fn a_feature_that_is_off_is_called_off_with_the_option_that_allows_it() {
    let bench = Bench::new();
    let features = features(&bench);
    for (name, state) in &features {
        assert!(NEEDS.iter().any(|(needed, _)| needed == name), "no module needs {name}");
        assert!(state == "on" || state == "off");
    }
    for (name, text) in NEEDS {
        bench.file("m.wat", text);
        let is_on = features.iter().any(|(known, state)| known == name && state == "on");
        let disable = if is_on { vec!["--disable", name] } else { Vec::new() };
        for command in ["validate", "run", "compile"] {
            let words = [vec![command], disable.clone(), vec!["m.wat"]].concat();
            let ran = bench.run(&words);
            let hint = format!("\nhint: `--enable {name}` allows it\n");
            ran.failed(1, &[&format!("the feature `{name}` is off: "), &hint]);
            assert!(!ran.err.contains("not supported by"), "{name}: {}", ran.err);
        }
        let words = [vec!["bench", "--runs", "1", "--backend", "cranelift"], disable.clone(), vec!["m.wat"]].concat();
        bench.run(&words).failed(1, &[&format!("the feature `{name}` is off: ")]);
        let enable = if is_on { Vec::new() } else { vec!["--enable", name] };
        bench.run([vec!["validate"], enable, vec!["m.wat"]].concat()).printed("").silent();
    }
}

#[test]
fn several_features_are_named_together() {
    let bench = Bench::new();
    bench.file("m.wat", "(module (memory i64 1 (pagesize 1)) (func (param v128)))");
    bench
        .run(["validate", "--disable", "simd", "--disable", "memory64", "--disable", "tail-call", "m.wat"])
        .failed(1, &["the features `custom-page-sizes`, `memory64`, `simd` are off: "])
        .said(&["\nhint: `--enable custom-page-sizes --enable memory64 --enable simd` allows it\n"]);
    // What is wrong besides is said first, and no feature helps.
    bench.file("m.wat", "(module (memory i64 1 (pagesize 1)) (func (result i32)))");
    let ran = bench.run(["validate", "--enable", "custom-page-sizes", "m.wat"]);
    ran.failed(1, &["type mismatch"]);
    assert!(!ran.err.contains("--enable"), "{}", ran.err);
    bench.run(["validate", "--enable", "simd", "--disable", "simd", "m.wat"]).failed(2, &["contradict each other"]);
}

#[test]
fn a_proposal_that_is_not_supported_is_called_that() {
    let bench = Bench::new();
    bench.file("m.wat", "(module (type $f (func)) (type (cont $f)))");
    let ran = bench.run(["validate", "m.wat"]);
    ran.failed(1, &["`stack-switching`", "is not supported by this runtime"]);
    assert!(!ran.err.contains("--enable"), "{}", ran.err);
}

#[test]
fn inspect_shows_modules_whatever_is_off() {
    let bench = Bench::new();
    bench.file("m.wat", "(module (memory 1 (pagesize 1)) (global $a i32 (i32.const 1)) (global i32 (global.get $a)))");
    let ran = bench.run(["inspect", "m.wat"]);
    assert_eq!(ran.silent().code, Some(0));
    assert!(ran.out.contains("features needed: custom-page-sizes, extended-const"), "{}", ran.out);
}
