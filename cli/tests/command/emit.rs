//! `wasmer compile --emit`.

use crate::common::Bench;

const MODULE: &str = r#"(module
    (import "host" "log" (func $log (param i32)))
    (memory 1)
    (func $double (export "twice") (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))
    (func $divide (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    (func $choose (param i32) (result i32)
        (block (block (block (block (br_table 0 1 2 3 (local.get 0)))
            (return (i32.const 10))) (return (i32.const 11))) (return (i32.const 12)))
        (call $double (call $divide (i32.const 6) (local.get 0)))))"#;

fn emit(bench: &Bench, words: &[&str]) -> crate::common::Ran {
    bench.file("module.wat", MODULE);
    bench.run([&["compile", "module.wat", "--emit"], words].concat())
}

#[test]
fn machine_code_has_names_traps_and_places() {
    let bench = Bench::new();
    for backend in ["cranelift", "singlepass"] {
        let ran = emit(&bench, &["asm", "--backend", backend]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        for part in [
            "; function 1 double, ",
            "; function 2 divide, ",
            "; function 3 choose, ",
            "idiv",
            "integer divide by zero",
            "wasm 0x",
            "ret",
        ] {
            assert!(ran.out.contains(part), "{backend}: `{part}` is missing in\n{}", ran.out);
        }
        for target in ["double", "divide"] {
            assert!(
                ran.out.lines().any(|line| line.contains("call") && line.contains(target)),
                "{backend}: {}",
                ran.out
            );
        }
        // Tables and constants are not taken for code.
        assert!(ran.out.contains(" distances") && !ran.out.contains("(bad)"), "{backend}: {}", ran.out);
        assert!(!bench.path("module.wart").exists());
    }
}

/// Accesses with a check of their own, each in a function.
const CHECKED: &str = r#"(module
    (memory i64 1)
    (table 4 100 funcref)
    (type $nothing (func))
    (func (export "load") (param i64) (result i32) (i32.load (local.get 0)))
    (func (export "store") (param i64) (i32.store8 offset=100 (local.get 0) (i32.const 1)))
    (func (export "call") (param i32) (call_indirect (type $nothing) (local.get 0)))
    (func (export "branch") (param i32) (block (block (block (br_table 0 1 2 1 0 2 (local.get 0))) nop) nop)))"#;

/// A conditional move makes the address null, or the index zero or the last one, outside, also where the processor guesses that the check holds.
#[test]
fn checked_addresses_are_guarded_on_every_backend() {
    let bench = Bench::new();
    bench.file("checked.wat", CHECKED);
    for backend in ["cranelift", "singlepass", "llvm"] {
        if backend == "llvm" && !cfg!(feature = "llvm") {
            continue;
        }
        // LLVM makes branches or tables of a `br_table` as it likes.
        let branch = (backend != "llvm").then_some("branch");
        for function in ["load", "store", "call"].into_iter().chain(branch) {
            let ran =
                bench.run(["compile", "checked.wat", "--emit", "asm", "--backend", backend, "--function", function]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(ran.out.contains("cmov"), "{backend}, {function}: no conditional move in\n{}", ran.out);
        }
    }
}

#[test]
fn one_function_is_chosen_by_name_export_or_index() {
    let bench = Bench::new();
    let all = emit(&bench, &["asm"]).out;
    for word in ["double", "twice", "1"] {
        let ran = emit(&bench, &["asm", "--function", word]);
        assert!(ran.out.starts_with("; function 1 double") && ran.out.matches("; function").count() == 1, "{ran:?}");
        assert!(all.contains(ran.out.trim_end()), "{ran:?}");
    }
    let two = emit(&bench, &["asm", "--function", "divide", "--function", "3"]);
    assert_eq!(two.out.matches("; function").count(), 2);
    emit(&bench, &["asm", "--function", "doubel"]).failed(1, &["no function `doubel`", "did you mean `double`?"]);
    emit(&bench, &["asm", "--function", "zzz"]).failed(1, &["no function `zzz`", "wasmer inspect"]);
    emit(&bench, &["asm", "--function", "0"]).failed(1, &["function 0 is imported"]);
    emit(&bench, &["asm", "--function", "4"]).failed(1, &["no function 4", "the last one is 3"]);
}

#[test]
fn clif_is_shown_before_and_after_the_optimiser() {
    let bench = Bench::new();
    let difference = "(module (func $fold (param i32) (result i32)
        (i32.sub (i32.mul (local.get 0) (i32.const 8)) (i32.mul (local.get 0) (i32.const 8)))))";
    bench.file("fold.wat", difference);
    let optimized = bench.run(["compile", "--emit", "clif", "fold.wat"]);
    assert_eq!(optimized.code, Some(0), "{optimized:?}");
    assert!(optimized.out.starts_with("; function 0 fold\nfunction u0:"), "{}", optimized.out);
    assert!(!optimized.out.contains("imul"), "{}", optimized.out);
    let raw = bench.run(["compile", "--emit", "clif", "--unoptimized", "fold.wat"]);
    assert_eq!(raw.out.matches("imul").count(), 2, "{}", raw.out);
    let file = bench.path("all.clif");
    let ran = emit(&bench, &["clif", "-o", file.to_str().unwrap()]);
    ran.printed("");
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(text.matches("; function").count(), 3, "{text}");
}

#[test]
fn what_does_not_work_says_what_would() {
    let bench = Bench::new();
    emit(&bench, &["clif", "--backend", "singlepass"])
        .failed(1, &["`singlepass` has no `clif`", "--backend cranelift"]);
    emit(&bench, &["llvm-ir", "--backend", "cranelift"]).failed(1, &["`cranelift` has no `llvm-ir`", "--backend llvm"]);
    emit(&bench, &["asm", "--unoptimized"]).failed(1, &["no unoptimized form", "--emit clif"]);
    emit(&bench, &["wat"]).failed(2, &["asm", "clif", "llvm-ir"]);
    bench.run(["compile", "module.wat", "--function", "double"]).failed(2, &["--emit"]);
    bench.file("broken.wat", "(module (func (result i32)))");
    for what in ["asm", "clif"] {
        bench.run(["compile", "--emit", what, "broken.wat"]).failed(1, &["broken.wat", "type mismatch"]);
    }
}
