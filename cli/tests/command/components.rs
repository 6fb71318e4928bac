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
    assert_eq!(bench.artifacts().len(), 1);
    let hit = bench.run(["run", "--verbose", "good.wat"]);
    hit.printed("").said(&["cache hit (recognised by its identity on disk)"]);
    // Taking a component apart is a part of compiling it.
    assert!(!hit.err.contains("compile") && !hit.err.contains("read"), "{}", hit.err);
    bench.run(["cache", "verify"]).printed("1 sound, 0 damaged\n");
    let backend = hit.err.lines().find_map(|line| line.trim().strip_prefix("code of ")).unwrap();
    let listed = bench.run(["cache", "list"]).out;
    assert!(listed.contains(&format!("\t{backend}\t")) && listed.contains("good.wat"), "{listed}");
    let text = fs::read_to_string(&path).unwrap();
    bench.file("same.wat", format!(";; the same\n{text}"));
    bench.run(["run", "--verbose", "same.wat"]).printed("").said(&["cache miss: compiled and stored"]);
    assert_eq!(bench.artifacts().len(), 2);
}

#[test]
fn each_backend_has_an_artifact_of_its_own() {
    let bench = Bench::new();
    bench.file("good.wat", command("(i32.const 0)"));
    for (backend, artifacts) in ["singlepass", "cranelift"].into_iter().zip(1..) {
        let run = ["run", "--verbose", "--backend", backend, "good.wat"];
        bench.run(run).printed("").said(&["cache miss: compiled and stored"]);
        bench.run(run).printed("").said(&["cache hit", &format!("code of {backend}")]);
        assert_eq!(bench.artifacts().len(), artifacts);
    }
    // The one with the better code.
    bench.run(["run", "--verbose", "good.wat"]).printed("").said(&["cache hit", "code of cranelift"]);
    bench.run(["cache", "prune", "--size", "0"]).silent();
    bench.run(["run", "--verbose", "good.wat"]).printed("").said(&["cache miss"]);
}

#[test]
fn a_damaged_artifact_is_replaced() {
    let bench = Bench::new();
    bench.file("good.wat", command("(i32.const 0)"));
    bench.run(["good.wat"]).printed("");
    let artifacts = bench.artifacts();
    let [artifact] = &artifacts[..] else { panic!("{artifacts:?}") };
    let sound = fs::read(artifact).unwrap();
    // The header of the component, what is known of it, and the last byte of its last module that is not only there to fill a page.
    for position in [20, 100, sound.iter().rposition(|byte| *byte != 0).unwrap()] {
        let mut bytes = sound.clone();
        bytes[position] ^= 1;
        fs::remove_file(artifact).unwrap();
        fs::write(artifact, &bytes).unwrap();
        bench.run(["good.wat"]).printed("").said(&["is damaged and is removed"]);
        assert_eq!(fs::read(artifact).unwrap(), sound);
        bench.run(["good.wat"]).printed("").silent();
    }
    fs::write(artifact, &sound[..sound.len() - 1]).unwrap();
    let verified = bench.run(["cache", "verify"]);
    assert_eq!(verified.code, Some(1), "{verified:?}");
    assert!(verified.out.ends_with("0 sound, 1 damaged\n"), "{verified:?}");
}

#[test]
fn functions_are_called_with_words() {
    let bench = Bench::new();
    bench.file("lib.wat", LIBRARY);
    bench.run(["run", "--invoke", "add", "lib.wat", "2", "40"]).printed("42\n").silent();
    bench.run(["run", "--invoke", "test:a/strings@1.0.0#same", "lib.wat", "wörd"]).printed("\"wörd\"\n").silent();
    for version in ["@1.2.3", ""] {
        let name = format!("test:a/strings{version}#same");
        bench.run(["run", "--invoke", &name, "lib.wat", "x"]).printed("\"x\"\n").silent();
    }
    let twice = LIBRARY.trim_end().strip_suffix(')').unwrap();
    bench.file("two.wat", format!(r#"{twice} (export "test:a/strings@2.0.0" (instance $i)))"#));
    let cases: &[(&[&str], &[&str])] = &[
        (&["lib.wat"], &["exports no `wasi:cli/run`", "hint: `--invoke NAME`"]),
        (
            &["--invoke", "test:a/strings#same", "two.wat", "x"],
            &["there are several versions", "`test:a/strings@1.0.0#same`, `test:a/strings@2.0.0#same`"],
        ),
        (&["--invoke", "sub", "lib.wat"], &["there are `test:a/strings@1.0.0#same`, `add`"]),
        (&["--invoke", "add", "lib.wat", "1"], &["1 arguments are given", "func(a: u32, b: u32) -> u32"]),
        (&["--invoke", "add", "lib.wat", "1", "-1"], &["expected a value of type `u32`, at character 1: `-1`"]),
    ];
    for (arguments, parts) in cases {
        bench.run(["run"].iter().chain(*arguments)).failed(1, parts);
    }
}

/// Gives back what it gets, and has no memory of its own.
const ECHO: &str = r#"(component
    (core module $M
        (func (export "same") (param i32 i32 i32 i32 i32) (result i32)
            (i32.store (i32.const 0) (local.get 0))
            (i32.store8 (i32.const 4) (local.get 1))
            (i32.store8 (i32.const 8) (local.get 2))
            (i32.store (i32.const 12) (local.get 3))
            (i32.store8 (i32.const 16) (local.get 4))
            (i32.const 0))
        (func (export "take") (param i32) (result i32) (local.get 0))
        (memory (export "memory") 1))
    (core instance $m (instantiate $M))
    (type $color (enum "red" "none"))
    (type $rights (flags "read" "write"))
    (export $color' "color" (type $color))
    (export $rights' "rights" (type $rights))
    (type $point (record (field "x" s32) (field "color" $color') (field "z" (option u32)) (field "rights" $rights')))
    (export $point' "point" (type $point))
    (func (export "same") (param "point" $point') (result $point')
        (canon lift (core func $m "same") (memory (core memory $m "memory"))))
    (type $thing (resource (rep i32)))
    (export $thing' "thing" (type $thing))
    (core func $new (canon resource.new $thing))
    (core module $N
        (import "host" "new" (func $new (param i32) (result i32)))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0))))
    (core instance $n (instantiate $N (with "host" (instance (export "new" (func $new))))))
    (func (export "make") (param "rep" u32) (result (own $thing')) (canon lift (core func $n "make")))
    (func (export "take") (param "thing" (own $thing')) (result u32) (canon lift (core func $m "take"))))"#;

#[test]
fn functions_are_called_with_their_arguments_in_one_word() {
    let bench = Bench::new();
    bench.file("lib.wat", LIBRARY);
    bench.file("echo.wat", ECHO);
    let cases: &[(&str, &str, &str)] = &[
        ("lib.wat", "add(2, 40)", "42\n"),
        ("lib.wat", "add( 2, 40, ) // so", "42\n"),
        ("lib.wat", r#"test:a/strings@1.0.0#same("w\u{f6}rd \"it's\" \n")"#, "\"wörd \\\"it's\\\" \\n\"\n"),
        ("echo.wat", "same({x: -1, color: red, rights: {}})", "{x: -1, color: red, z: none, rights: {}}\n"),
        (
            "echo.wat",
            "same({rights: {write, read}, z: 7, color: %none, x: 1})",
            "{x: 1, color: %none, z: some(7), rights: {read, write}}\n",
        ),
        ("echo.wat", "make(1)", "<resource>\n"),
    ];
    for (file, call, printed) in cases {
        // What follows is the program's then.
        bench.run(["run", "--invoke", call, file, "not", "looked", "at"]).printed(printed).silent();
    }
    let refused: &[(&str, &str, &str)] = &[
        ("lib.wat", "add(2", "expected `,` or `)`, at character 6: the end"),
        ("lib.wat", "add(2)", "expected a value of type `u32`, at character 6: `)`"),
        ("lib.wat", "add(2, -1)", "expected a value of type `u32`, at character 8: `-1)`"),
        ("lib.wat", "sub(1)", "there are `test:a/strings@1.0.0#same`, `add`"),
        ("echo.wat", "same({x: 1})", "the field `color` is missing, at character 6"),
        ("echo.wat", "same({x: 1, color: none})", "(`%none`, if it is one), at character 20: `none})`"),
        ("echo.wat", "take(1)", "a resource cannot be written as text, at character 6: `1)`"),
    ];
    for (file, call, part) in refused {
        bench.run(["run", "--invoke", call, file]).failed(1, &[part]);
    }
    let deep = format!("same({})", "[".repeat(100_000));
    bench.run(["run", "--invoke", &deep, "echo.wat"]).failed(1, &["at character 6: `[[[[[[[["]);
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
    bench
        .run(["compile", "lib.wat", "--emit", "asm"])
        .failed(1, &["this is a component", "hint: components are for `wasmer run`"]);
}

#[test]
fn components_are_compiled_ahead() {
    let bench = Bench::new();
    bench.file("good.wat", command("(i32.const 0)"));
    bench.file("lib.wat", LIBRARY);
    let compile = |name: &str| {
        bench.run(["compile", "--backend", "singlepass", name]).printed("");
    };
    compile("good.wat");
    compile("lib.wat");
    bench.run(["good.wart"]).failed(1, &["hint: if you trust where it comes from"]);
    bench.run(["run", "--allow-precompiled", "good.wart"]).printed("").silent();
    let invoke = ["run", "--allow-precompiled", "--invoke", "add", "lib.wart", "2", "40"];
    bench.run(invoke).printed("42\n").silent();
    bench.run(["validate", "lib.wart"]).printed("").silent();
    let inspected = bench.run(["inspect", "lib.wart"]).out;
    for part in
        ["artifact\n", "compiler: singlepass ", "core modules: 1\n", "  export add: func(a: u32, b: u32) -> u32;\n"]
    {
        assert!(inspected.contains(part), "`{part}` is missing in:\n{inspected}");
    }
    let json: Value = serde_json::from_str(&bench.run(["inspect", "--json", "lib.wart"]).out).unwrap();
    assert_eq!((json["modules"].as_u64(), json["kind"].as_str()), (Some(1), Some("artifact")));
    let path = bench.path("lib.wart");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    for command in
        [&["run", "--allow-precompiled", "lib.wart"][..], &["inspect", "lib.wart"], &["validate", "lib.wart"]]
    {
        bench.run(command).failed(1, &["the artifact is damaged"]);
    }
}

#[test]
fn components_are_measured() {
    let bench = Bench::new();
    bench.file("good.wat", command("(i32.const 0)"));
    let run = bench.run(["bench", "--json", "--runs", "1", "--backend", "singlepass", "good.wat"]);
    let report: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{run:?}"));
    assert_eq!(report["backends"][0]["status"].as_i64(), Some(0), "{run:?}");
    assert!(report["backends"][0]["image_bytes"].as_u64().is_some_and(|bytes| bytes > 1000));
}
