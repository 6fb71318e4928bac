//! `wasmer wast`: what scripts mean.

use crate::common::Bench;

fn script(text: &str) -> crate::common::Ran {
    let bench = Bench::new();
    bench.file("s.wast", text);
    bench.run(["wast", "s.wast"])
}

#[test]
fn a_name_stands_for_the_module_registered_last() {
    script(
        r#"(module $a (func (export "f") (result i32) (i32.const 1)) (global (export "old") i32 (i32.const 1)))
        (module $b (func (export "f") (result i32) (i32.const 2)))
        (register "m" $a)
        (module (import "m" "old" (global i32)))
        (register "m" $b)
        (module (import "m" "f" (func $f (result i32))) (func (export "f") (result i32) (call $f)))
        (assert_return (invoke "f") (i32.const 2))
        (assert_unlinkable (module (import "m" "old" (global i32))) "unknown import")
        (register "spectest" $b)
        (assert_unlinkable (module (import "spectest" "print" (func))) "unknown import")
        (register "m" $a)
        (module (import "m" "old" (global i32)))"#,
    )
    .printed("3 passed, 0 failed, 0 skipped\n");
}

#[test]
fn scripts_and_modules_may_be_empty() {
    for blank in ["", "\n", ";; nothing", "(; nothing ;)", " (; (; nested ;) ;)\n;; and a line"] {
        script(blank).printed("0 passed, 0 failed, 0 skipped\n").silent();
        let bench = Bench::new();
        bench.file("m.wat", blank);
        bench.run(["validate", "m.wat"]).printed("").silent();
        let ran = bench.run(["inspect", "m.wat"]);
        assert!(ran.out.starts_with("size: 8 bytes\n"), "{ran:?}");
    }
    script(
        r#"(module) (module quote "") (module quote " ;; nothing") (module binary "\00asm" "\01\00\00\00")
        (assert_malformed (module quote "(") "unexpected end")
        (assert_malformed (module quote "(; ") "unclosed comment")
        (assert_malformed (module quote "x") "unexpected token")
        (assert_malformed (module binary "") "unexpected end")"#,
    )
    .printed("4 passed, 0 failed, 0 skipped\n");
    for wrong in ["(", "(; ", "\"", "x"] {
        let ran = script(wrong);
        assert_eq!(ran.code, Some(1), "{wrong}: {ran:?}");
    }
    // A file that is no text and has nothing in it is more likely broken.
    let bench = Bench::new();
    bench.file("m.wasm", "");
    bench.run(["validate", "m.wasm"]).failed(1, &["`m.wasm` is empty"]);
}

#[test]
fn link_errors_say_the_page_size() {
    let bench = Bench::new();
    bench.file(
        "s.wast",
        r#"(module (memory (export "bytes") 0 (pagesize 1)))
        (register "m")
        (assert_unlinkable (module (memory (import "m" "bytes") 0))
            "incompatible import type for `m.bytes`: expected 32-bit memory of 0.. pages of 65536 bytes, found 32-bit memory of 0.. pages of 1 byte")"#,
    );
    bench.run(["wast", "--enable", "custom-page-sizes", "s.wast"]).printed("1 passed, 0 failed, 0 skipped\n");
}

/// The specification's suite has a comment with every letter of ASCII; and one file that cannot be read says nothing about the others.
#[test]
fn scripts_may_have_every_letter_and_one_that_is_no_text_stops_no_other() {
    let bench = Bench::new();
    let good = r#"(;\0\x01;) (module (func (export "f"))) (assert_return (invoke "f"))"#;
    bench.file("1.wast", good.replace(r"\0", "\0").replace(r"\x01", "\x01"));
    bench.run(["wast", "1.wast"]).printed("1 passed, 0 failed, 0 skipped\n");
    std::fs::write(bench.path("0.wast"), [0xff]).unwrap();
    let both = bench.run(["wast", "."]);
    assert_eq!(both.code, Some(1));
    assert!(both.out.contains("0.wast: could not read"), "{}", both.out);
    assert!(both.out.ends_with("1 passed, 0 failed, 0 skipped\n"), "{}", both.out);
    bench.run(["wast", "0.wast"]).failed(1, &["could not read `0.wast`", "not text in UTF-8"]);
}
