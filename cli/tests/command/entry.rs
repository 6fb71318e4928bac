//! Where a module is entered, and what functions that are called by name are given.

use crate::common::{Bench, Ran};

/// Ends with the number of its arguments, plus 100 unless it was initialised before.
const COUNTS: &str = r#"
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (global $late (mut i32) (i32.const 100))
    (func $initialize (global.set $late (i32.const 0)))
    (func $run
        (drop (call $args (i32.const 0) (i32.const 4)))
        (call $exit (i32.add (i32.load (i32.const 0)) (global.get $late))))
    (func $typed (param i32) unreachable)
    (func $number (result i32) (i32.const 7))"#;

fn run(bench: &Bench, exports: &str, options: &[&str], words: &[&str]) -> Ran {
    let exports: String = exports.lines().map(|export| format!("(export {})", export.trim())).collect();
    bench.file("m.wat", format!("(module {COUNTS} {exports})"));
    bench.run(["run"].iter().chain(options).chain(&["m.wat"]).chain(words))
}

#[test]
fn every_entry_is_entered() {
    let bench = Bench::new();
    let start = "\"_start\" (func $run)";
    let default = "\"\" (func $run)";
    let initialize = "\"_initialize\" (func $initialize)";
    for (exports, status) in [
        (start.to_owned(), 103),
        (default.to_owned(), 103),
        (format!("{initialize}\n{default}"), 3),
        // A command initialises itself.
        (format!("{start}\n{initialize}\n\"\" (func $typed)"), 103),
    ] {
        assert_eq!(run(&bench, &exports, &[], &["a", "b"]).silent().code, Some(status), "{exports}");
    }
    let both = format!("{initialize}\n{default}");
    assert_eq!(run(&bench, &both, &["--invoke", ""], &["a", "b", "c"]).silent().code, Some(4));
    assert_eq!(run(&bench, start, &["--invoke", "_start"], &["a"]).silent().code, Some(102));
    // Nothing to enter, but a start function.
    bench.file("s.wat", "(module (func $f unreachable) (start $f))");
    assert_eq!(bench.run(["s.wat"]).said(&["unreachable"]).code, Some(134));
    bench.file("s.wat", "(module (func $f) (start $f))");
    bench.run(["s.wat"]).printed("").silent();
}

#[test]
fn what_is_no_entry_is_an_error_that_says_so() {
    let bench = Bench::new();
    let neither = "exports neither `_start` nor `\"\"`";
    let cases = [
        ("\"f\" (func $run)", &["is not a program", neither, "hint: `--invoke NAME`"][..]),
        (
            "\"_initialize\" (func $initialize)",
            &["is a library", "exports `_initialize`, but neither `_start` nor `\"\"`"],
        ),
        ("\"_start\" (func $typed)", &["`_start` has type [i32] -> [], a program needs [] -> []", "--invoke _start"]),
        ("\"_start\" (func $number)", &["`_start` has type [] -> [i32], a program needs [] -> []"]),
        ("\"\" (func $typed)", &["`\"\"` has type [i32] -> [], a program needs [] -> []"]),
        (
            "\"_initialize\" (func $typed)\n\"\" (func $run)",
            &["`_initialize` has type [i32] -> [], a program needs [] -> []"],
        ),
        ("\"_start\" (global $late)", &["`_start` is a global, not a function"]),
        ("\"\" (memory 0)", &["`\"\"` is a memory, not a function"]),
    ];
    for (exports, parts) in cases {
        run(&bench, exports, &[], &["a"]).failed(1, &[&["error: `m.wat` "], parts].concat());
    }
    bench.file("empty.wat", "(module)");
    bench.run(["empty.wat", "a"]).failed(1, &[neither]);
    let invoke = |exports: &str, name: &str, words: &[&str]| run(&bench, exports, &["--invoke", name], words);
    invoke("\"f\" (func $typed)", "g", &[]).failed(1, &["exports no function `g`"]);
    invoke("\"f\" (func $typed)", "", &[]).failed(1, &["exports no function `\"\"`"]);
    invoke("\"f\" (memory 0)", "f", &[]).failed(1, &["the export `f` of `m.wat` is a memory, not a function"]);
    invoke("\"\" (func $typed)", "", &[]).failed(1, &["`\"\"` has type [i32] -> []: it takes 1 argument, not 0"]);
    invoke("\"_start\" (func $number)", "_start", &[]).printed("7\n");
    invoke("\"f\" (func $number)\n\"_initialize\" (func $typed)", "f", &[]).failed(1, &["`_initialize` has type"]);
    invoke("\"f\" (func $number)", "f", &["1"]).failed(1, &["it takes 0 arguments, not 1"]);
}

#[test]
fn values_are_given_and_printed_in_the_text_formats_notation() {
    let bench = Bench::new();
    let echo = |ty: &str| format!("(func (export \"{ty}\") (param {ty}) (result {ty}) (local.get 0))");
    let echoes: String = ["i32", "i64", "f32", "f64", "v128", "funcref", "externref"].map(echo).concat();
    bench.file("echo.wat", format!("(module {echoes})"));
    let call = |ty: &str, word: &str| bench.run(["run", "--invoke", ty, "echo.wat", word]);
    for (ty, word, printed) in [
        ("i32", "0xffff_ffff", "-1"),
        ("i64", "0xffffffffffffffff", "-1"),
        ("i64", "-9223372036854775808", "-9223372036854775808"),
        ("f32", "0x1.8p3", "12"),
        ("f32", "-nan:0x200001", "-nan:0x200001"),
        ("f64", "nan", "nan"),
        ("f64", "-inf", "-inf"),
        ("f64", "-0", "-0"),
        ("v128", "i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "i32x4 0x04030201 0x08070605 0x0c0b0a09 0x100f0e0d"),
        ("funcref", "null", "null"),
        ("externref", "null", "null"),
    ] {
        call(ty, word).printed(&format!("{printed}\n"));
        call(ty, printed).printed(&format!("{printed}\n"));
    }
    for (ty, word) in
        [("i32", "4294967296"), ("i64", "0x1_0000_0000_0000_0000"), ("f32", "1e39"), ("v128", "7"), ("funcref", "0")]
    {
        call(ty, word).failed(1, &[&format!("`{word}` is not a value of type {ty}\nhint: ")]);
    }
}

/// Everything that is missing is said at once, and what would help.
#[test]
fn what_is_not_there_to_import_is_named_with_what_helps() {
    let bench = Bench::new();
    let import = |interface: &str, name: &str| format!("(import \"{interface}\" \"{name}\" (func))");
    let cases = [
        (
            vec![("env", "f")],
            &["unknown import: `env.f` has not been defined\n", "--allow-undefined", "hint: `--trap-unknown-imports`"]
                [..],
        ),
        (vec![("my", "f")], &["`my.f`", "hint: a program finds WASI preview 1 here"]),
        (
            vec![("env", "f"), ("env", "g"), ("other", "h")],
            &[
                "3 unknown imports",
                "\n  of `env`: `f`, `g`\n  of `other`: `h`\n",
                "hint: `env`: the linker of C, C++ and Rust",
                "hint: `other`: a program finds WASI preview 1",
            ],
        ),
        (
            vec![("wbg", "__wbindgen_throw"), ("env", "f")],
            &["of `wbg`: `__wbindgen_throw`", "by wasm-bindgen", "wasm32-wasip1"],
        ),
        (vec![("__wbindgen_placeholder__", "x")], &["by wasm-bindgen"]),
        (vec![("gojs", "runtime.wasmExit")], &["by Go", "GOOS=wasip1"]),
        (vec![("js_code", "kotlin.captureStackTrace")], &["by Kotlin", "`wasmWasi`"]),
        (vec![("dart2wasm", "_1")], &["by Dart"]),
        (vec![("teavm", "currentTimeMillis"), ("teavmMath", "sin")], &["by TeaVM", "WEBASSEMBLY_WASI"]),
        (vec![("env", "napi_create_string_utf8"), ("emnapi", "f")], &["an add-on for Node.js"]),
        (vec![("canonical_abi", "resource_drop_x")], &["the first wit-bindgen"]),
        (vec![("wasix_32v1", "thread_spawn")], &["WASIX"]),
        (vec![("wasi:cli/run@0.2.0", "run")], &["a component"]),
        (vec![("wasm:js-string", "length")], &["JavaScript engines"]),
        (vec![("wasi", "thread-spawn")], &["starts threads", "without `-pthread`"]),
        (vec![("spectest", "print")], &["`wasmer wast`"]),
        (vec![("GOT.mem", "x")], &["a dynamic library"]),
        (vec![("a", "a"), ("a", "b")], &["by Emscripten"]),
        (vec![("env", "__cxa_throw"), ("env", "invoke_vii")], &["by Emscripten", "-fwasm-exceptions"]),
        (vec![("env", "proxy_log")], &["proxy-wasm"]),
        (vec![("extism:host/env", "alloc")], &["Extism"]),
        (vec![("wasi_snapshot_preview1", "fd_sing")], &["this part of WASI"]),
        (vec![("env", "emscripten_memcpy_js")], &["by Emscripten", "-sSTANDALONE_WASM"]),
        (vec![("env", "invoke_vii")], &["by Emscripten"]),
        (vec![("env", "abort")], &["AssemblyScript"]),
    ];
    for (imports, parts) in cases {
        let known = import("wasi_snapshot_preview1", "proc_exit").replace("(func)", "(func (param i32))");
        let imports: String = imports.iter().map(|(interface, name)| import(interface, name)).collect();
        for entry in ["", "(func (export \"_start\"))"] {
            bench.file("m.wat", format!("(module {known} {imports} {entry})"));
            let ran = bench.run(["m.wat"]);
            ran.failed(1, parts);
            assert!(!ran.err.contains("proc_exit"), "{}", ran.err);
        }
    }
    // What is no function cannot be left out.
    bench.file(
        "m.wat",
        "(module (import \"env\" \"memory\" (memory 1)) (import \"env\" \"f\" (func)) (func (export \"_start\")))",
    );
    let ran = bench.run(["m.wat"]);
    ran.failed(1, &["of `env`: `memory` (a memory), `f`", "--import-memory"]);
    assert!(!ran.err.contains("--trap-unknown-imports"), "{}", ran.err);
    let many: String = (0..10)
        .flat_map(|interface| (0..10).map(move |name| import(&interface.to_string(), &name.to_string())))
        .collect();
    bench.file("m.wat", format!("(module {many})"));
    bench.run(["m.wat"]).failed(1, &["100 unknown imports", "`7` and 2 more", "and of 2 more"]);
}

#[test]
fn what_is_not_there_to_import_can_be_left_out() {
    let bench = Bench::new();
    bench.file(
        "m.wat",
        r#"(module $m (import "env" "f" (func $f)) (func (export "_start")) (func $g (export "g") (call $f)))"#,
    );
    bench.run(["run", "--trap-unknown-imports", "m.wat"]).printed("").silent();
    let ran = bench.run(["run", "--trap-unknown-imports", "--invoke", "g", "m.wat"]);
    ran.failed(1, &["error: `m.wat` was ended: unknown import `env.f` was called\n   0: m!g @ 0x"]);
}

#[test]
fn the_environment_and_the_name_are_what_the_options_say() {
    let bench = Bench::new();
    // Prints its environment, then its name.
    let print = r#"(module
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_sizes_get" (func $arg_sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (drop (call $sizes (i32.const 0) (i32.const 12)))
            (drop (call $get (i32.const 1000) (i32.const 2000)))
            (i32.store (i32.const 8) (i32.const 2000))
            (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))
            (drop (call $arg_sizes (i32.const 0) (i32.const 12)))
            (drop (call $args (i32.const 1000) (i32.const 2000)))
            (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))))"#;
    bench.file("p.wat", print);
    bench.file("env", "\u{feff}A=1\r\n\n  # no\n  B= \"two words\" # \nHERE\nABSENT\nC=\n");
    let run = |options: &[&str]| {
        let words = ["run"].iter().chain(options).chain(&["p.wat"]);
        Ran::of(bench.command(words).env("HERE", "x=y").output().unwrap())
    };
    run(&[]).printed("p.wat\0").silent();
    run(&["--argv0", "other name"]).printed("other name\0");
    run(&["--env-file", "env"]).printed("A=1\0B= \"two words\" # \0HERE=x=y\0C=\0p.wat\0");
    run(&["--env-file", "env", "--env", "A=2", "--env", "HERE"])
        .printed("A=2\0B= \"two words\" # \0HERE=x=y\0C=\0p.wat\0");
    let all = run(&["--env-all"]);
    assert!(all.out.contains("HERE=x=y\0") && all.out.contains("WASMER_CACHE_DIR="), "{all:?}");
    bench.file("env", "A=1\n=2\n");
    run(&["--env-file", "env"]).failed(1, &["line 2 of `env` is neither NAME=VALUE nor NAME"]);
    for line in ["two words", "A = 1", "A "] {
        bench.file("env", format!("{line}\n"));
        run(&["--env-file", "env"]).failed(1, &["line 1 of `env` is neither"]);
    }
}
