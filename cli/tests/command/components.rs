//! Components as a user meets them.

use std::fs;

use serde_json::Value;

use crate::common::Bench;

/// A command, which ends as `status` says: 0 for success.
fn command(status: &str) -> String {
    format!(
        r#"(component
        (core module $M (func (export "run") (result i32) {status}))
        (core instance $m (instantiate $M))
        (func $run (result (result)) (canon lift (core func $m "run")))
        (instance $cli (export "run" (func $run)))
        (export "wasi:cli/run@0.2.6" (instance $cli)))"#
    )
}

/// A library of functions.
const LIBRARY: &str = r#"(component
    (core module $M
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 64))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3))))
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "same") (param i32 i32) (result i32)
            (i32.store (i32.const 0) (local.get 0))
            (i32.store (i32.const 4) (local.get 1))
            (i32.const 0)))
    (core instance $m (instantiate $M))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $m "add")))
    (func $same (param "text" string) (result string) (canon lift (core func $m "same")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
    (instance $i (export "same" (func $same)))
    (export "test:a/strings@1.0.0" (instance $i)))"#;

#[test]
fn commands_end_as_they_say() {
    let bench = Bench::new();
    bench.file("good.wat", command("(i32.const 0)"));
    bench.run(["good.wat"]).printed("").silent();
    bench.run(["validate", "good.wat"]).printed("").silent();
    bench.file("bad.wat", command("(i32.const 1)"));
    bench.run(["bad.wat"]).failed(1, &[]).silent();
    bench.file("trap.wat", command("unreachable"));
    bench.run(["trap.wat"]).failed(134, &["`trap.wat` trapped: unreachable"]);
    bench.file("case.wat", command("(i32.const 2)"));
    bench.run(["case.wat"]).failed(134, &["`case.wat` trapped: invalid variant discriminant"]);
    bench.file("loop.wat", command("(loop (br 0)) unreachable"));
    bench.run(["run", "--timeout", "50ms", "loop.wat"]).failed(124, &["it ran longer than"]);
}

#[test]
fn the_second_start_takes_nothing_apart() {
    let bench = Bench::new();
    let path = bench.file("good.wat", command("(i32.const 0)"));
    // Longer than the clock's granularity, so that the file is settled.
    std::thread::sleep(std::time::Duration::from_millis(50));
    bench.run(["run", "--verbose", "good.wat"]).printed("").said(&["cache miss: compiled and stored"]);
    // The module's artifact, and the record of the component.
    assert_eq!(bench.artifacts().len(), 2);
    let hit = bench.run(["run", "--verbose", "good.wat"]);
    hit.printed("").said(&["cache hit (recognised by its identity on disk)"]);
    assert!(!hit.err.contains("compile") && !hit.err.contains("read"), "{}", hit.err);
    bench.run(["cache", "verify"]).printed("2 sound, 0 damaged\n");
    let text = fs::read_to_string(&path).unwrap();
    bench.file("same.wat", format!(";; the same\n{text}"));
    bench.run(["run", "--verbose", "same.wat"]).printed("");
    // Another record, and the same module.
    assert_eq!(bench.artifacts().len(), 3);
}

#[test]
fn a_damaged_record_is_replaced() {
    let bench = Bench::new();
    bench.file("good.wat", command("(i32.const 0)"));
    bench.run(["good.wat"]).printed("");
    let is_record = |path: &&std::path::PathBuf| fs::read(path).unwrap().starts_with(b"wasmer component");
    let artifacts = bench.artifacts();
    let record = artifacts.iter().find(is_record).unwrap();
    let sound = fs::read(record).unwrap();
    let mut bytes = sound.clone();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(record).unwrap();
    fs::write(record, &bytes).unwrap();
    bench.run(["good.wat"]).printed("").said(&["is damaged and is removed"]);
    assert_eq!(fs::read(record).unwrap(), sound);
    bench.run(["good.wat"]).printed("").silent();
}

#[test]
fn functions_are_called_with_words() {
    let bench = Bench::new();
    bench.file("lib.wat", LIBRARY);
    bench.run(["run", "--invoke", "add", "lib.wat", "2", "40"]).printed("42\n").silent();
    bench.run(["run", "--invoke", "test:a/strings@1.0.0#same", "lib.wat", "wörd"]).printed("\"wörd\"\n").silent();
    bench.run(["run", "--invoke", "test:a/strings@1.2.3#same", "lib.wat", "x"]).printed("\"x\"\n").silent();
    let cases: &[(&[&str], &[&str])] = &[
        (&["lib.wat"], &["exports no `wasi:cli/run`", "hint: `--invoke NAME`"]),
        (&["--invoke", "sub", "lib.wat"], &["there are `test:a/strings@1.0.0#same`, `add`"]),
        (&["--invoke", "add", "lib.wat", "1"], &["1 arguments are given", "func(a: u32, b: u32) -> u32"]),
        (&["--invoke", "add", "lib.wat", "1", "-1"], &["`-1` is not understood as a value of type `u32`"]),
    ];
    for (arguments, parts) in cases {
        bench.run(["run"].iter().chain(*arguments)).failed(1, parts);
    }
}

#[test]
fn what_is_missing_is_named_with_its_type() {
    let bench = Bench::new();
    bench.file(
        "m.wat",
        r#"(component
            (import "test:host/log@0.1.0" (instance $log (export "line" (func (param "text" string)))))
            (core module $Memory (memory (export "memory") 1))
            (core instance $memory (instantiate $Memory))
            (core func $line (canon lower (func $log "line") (memory (core memory $memory "memory"))))
            (core module $M (import "a" "line" (func (param i32 i32))))
            (core instance (instantiate $M (with "a" (instance (export "line" (func $line)))))))"#,
    );
    let line = "unknown import: function `line` of interface `test:host/log@0.1.0` has not been defined\nwit: line: func(text: string)";
    bench.run(["m.wat"]).failed(1, &[line]);
}

#[test]
fn components_are_inspected_as_wit() {
    let bench = Bench::new();
    bench.file("lib.wat", LIBRARY);
    let ran = bench.run(["inspect", "lib.wat"]);
    assert_eq!(ran.silent().code, Some(0));
    for part in [
        "// module 0: ",
        "world root {\n",
        "  export add: func(a: u32, b: u32) -> u32;\n",
        "  export test:a/strings@1.0.0: interface {\n    same: func(text: string) -> string;\n  }\n",
    ] {
        assert!(ran.out.contains(part), "`{part}` is missing in:\n{}", ran.out);
    }
    let json: Value = serde_json::from_str(&bench.run(["inspect", "--json", "lib.wat"]).out).unwrap();
    assert_eq!(json["parts"].as_array().map(Vec::len), Some(1));
    assert!(json["wit"].as_str().is_some_and(|wit| wit.starts_with("world root {")));
}

#[test]
fn what_is_not_supported_is_said() {
    let bench = Bench::new();
    bench.file("async.wat", "(component (import \"a\" (func async)))");
    for command in ["run", "validate"] {
        bench
            .run([command, "async.wat"])
            .failed(1, &["the component uses asynchronous functions, streams or futures (WASI 0.3)"]);
    }
    assert!(bench.run(["inspect", "async.wat"]).out.starts_with("component\n"));
    bench.file("lib.wat", LIBRARY);
    for command in [&["compile", "lib.wat", "-o", "x.wart"][..], &["bench", "lib.wat"]] {
        bench.run(command).failed(1, &["this is a component", "hint: components are for `wasmer run`"]);
    }
}
