//! `wasmer run` and its neighbours as a user meets them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use wasmer_runtime::Backend;

use crate::common::{Bench, Ran, printer};

#[test]
fn the_programs_status_is_the_commands() {
    let bench = Bench::new();
    let exit = |code: i32| {
        format!(
            r#"(module
                (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (memory (export "memory") 1)
                (func (export "_start") (call $exit (i32.const {code}))))"#
        )
    };
    for code in [0, 1, 7, 255] {
        let program = bench.file("exit.wat", exit(code));
        assert_eq!(bench.run([&program]).silent().code, Some(code));
    }
}

#[test]
fn traps_name_themselves_and_say_where() {
    let bench = Bench::new();
    let cases = [
        ("(unreachable)", "unreachable"),
        ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "integer divide by zero"),
        ("(drop (i32.load (i32.const -1)))", "out of bounds memory access"),
        ("(call_indirect (type $v) (i32.const 9))", "undefined element"),
        ("(call_indirect (type $v) (i32.const 0))", "uninitialized element"),
        ("(call $inner)", "stack overflow"),
    ];
    for (body, message) in cases {
        let module =
            format!("(module (type $v (func)) (memory 1) (table 1 funcref) (func $inner (export \"_start\") {body}))");
        let program = bench.file("trap.wat", module);
        let ran = bench.run([&program]);
        ran.said(&["trapped", message, "inner @ 0x"]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(134), ""), "{ran:?}");
    }
}

#[test]
fn fuel_ends_programs_at_the_same_operator_on_every_backend() {
    let bench = Bench::new();
    let program = bench.file(
        "spin.wat",
        "(module (func $spin (export \"_start\") (local i32) (local.set 0 (i32.const 100))
            (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))",
    );
    let artifact = bench.file("spin.wart", "");
    let (program, artifact) = (program.to_str().unwrap(), artifact.to_str().unwrap());
    for backend in Backend::built().map(Backend::name).filter(|name| *name != "llvm") {
        // Two to begin with, 5 for each way around, one for the end.
        let run = |fuel: &str| bench.run(["run", "--backend", backend, "--fuel", fuel, "--verbose", program]);
        assert_eq!(run("503").said(&["fuel: 503 used, 0 left"]).code, Some(0));
        assert_eq!(run("1000").said(&["fuel: 503 used, 497 left"]).code, Some(0));
        let ran = run("501");
        ran.said(&["fuel: 501 used, 0 left", "trapped: ran out of fuel", "spin @ 0x"]);
        assert_eq!(ran.code, Some(134));
        // It has returned, but what it used was too much: there is no frame to be shown.
        let ran = run("502");
        ran.said(&["fuel: 502 used, 0 left", "trapped: ran out of fuel"]);
        assert!(ran.code == Some(134) && !ran.err.contains("backtrace"), "{ran:?}");
        // An artifact has to be made for it, and only runs with it.
        let compile = |with: &[&str]| {
            bench.run(["compile", "--backend", backend, "-o", artifact].iter().chain(with).chain([&program])).silent();
        };
        let load = |with: &[&str]| {
            bench.run(["run", "--allow-precompiled", "--backend", backend].iter().chain(with).chain([&artifact]))
        };
        compile(&["--fuel"]);
        assert_eq!(load(&["--fuel", "503"]).silent().code, Some(0));
        assert_eq!(load(&["--fuel", "502"]).said(&["ran out of fuel"]).code, Some(134));
        load(&[]).failed(1, &["uses fuel", "hint: run it with `--fuel N`"]);
        compile(&[]);
        load(&["--fuel", "503"]).failed(1, &["uses no fuel", "hint: `wasmer compile --fuel`"]);
    }
    bench.run(["run", "--fuel", "9223372036854775808", program]).failed(1, &["at most 9223372036854775807 units"]);
    bench.run(["run", "--fuel", "some", program]).failed(2, &["--fuel"]);
}

#[test]
fn stacks_of_every_size_overflow() {
    let bench = Bench::new();
    let program = bench.file("deep.wat", "(module (func $deep (export \"_start\") (call $deep)))");
    for size in ["64KiB", "1MiB", "64MiB"] {
        let ran = bench.run(["run".as_ref(), "--stack-size".as_ref(), size.as_ref(), program.as_os_str()]);
        assert_eq!(ran.said(&["stack overflow"]).code, Some(134), "{size}");
    }
    bench.run(["run".as_ref(), "--stack-size".as_ref(), "1KiB".as_ref(), program.as_os_str()]).failed(1, &["stack"]);
}

#[test]
fn endless_loops_end_at_the_timeout() {
    let bench = Bench::new();
    let text = "(module $m (func $spin (loop (br 0))) (func $start (export \"_start\") (call $spin)))";
    let program = bench.file("loop.wat", text);
    let started = Instant::now();
    let ran = bench.run(["run".as_ref(), "--timeout".as_ref(), "200ms".as_ref(), program.as_os_str()]);
    let ran = ran.said(&["ran longer than 200ms", "0: m!spin @", "loop.wat:1", "1: m!start @"]);
    assert_eq!(ran.code, Some(124), "{ran:?}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn memory_is_limited() {
    let bench = Bench::new();
    let grow = r#"(module (memory (export "memory") 1)
        (func (export "grow") (result i32) (memory.grow (i32.const 100))))"#;
    let program = bench.file("grow.wat", grow);
    let run = |limit: &str| {
        let options = ["run", "--max-memory", limit, "--invoke", "grow"].map(std::ffi::OsStr::new);
        bench.run(options.into_iter().chain([program.as_os_str()]))
    };
    run("64MiB").printed("1\n");
    run("1MiB").printed("-1\n");
    run("1KiB").failed(1, &["memory"]);
}

#[test]
fn the_heap_of_objects_is_limited() {
    let bench = Bench::new();
    let list = r#"(module (type $list (struct (field (ref null $list))))
        (func (export "_start") (local $list (ref null $list)) (local $left i32)
            (local.set $left (i32.const 200000))
            (loop $again
                (local.set $list (struct.new $list (local.get $list)))
                (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))"#;
    bench.file("list.wat", list);
    bench.run(["run", "--max-gc-heap", "4MiB", "list.wat"]).printed("");
    bench.run(["run", "--max-gc-heap", "1MiB", "list.wat"]).failed(134, &["GC heap exhausted"]);
}

#[test]
fn tables_and_totals_are_limited() {
    let bench = Bench::new();
    let grow = r#"(module (memory 1) (memory 1) (table 1 externref)
        (func (export "grow") (result i32 i32)
            (table.grow (ref.null extern) (i32.const 20000000)) (memory.grow 1 (i32.const 16))))"#;
    bench.file("grow.wat", grow);
    let run = |options: &[&str]| bench.run([&["run"], options, &["--invoke", "grow", "grow.wat"]].concat());
    run(&[]).printed("1\n1\n");
    run(&["--max-table-elements", "1000"]).printed("-1\n1\n");
    run(&["--max-total-memory", "1MiB"]).printed("-1\n-1\n");
    run(&["--max-total-memory", "153MiB"]).printed("1\n-1\n");
    run(&["--max-total-memory", "64KiB"])
        .failed(1, &["bytes of the host", "limit of 65536", "hint: `--max-total-memory SIZE`"]);
    // 100 tables of 10 million elements that have an initial value: 1 KB of module, 8 GB if they were all filled in.
    let tables = "(table 10000000 funcref (ref.func $f))".repeat(100);
    bench.file("tables.wat", format!(r#"(module {tables} (func $f (export "_start")))"#));
    let hint = "hint: `--max-table-elements N`";
    bench.run(["run", "tables.wat"]).failed(1, &["1000000000 elements in all tables", "limit of 100000000", hint]);
    bench.run(["run", "--max-table-elements", "1000000000", "tables.wat"]).printed("");
    bench.run(["run", "--max-table-elements", "1e9", "tables.wat"]).failed(2, &["max-table-elements"]);
}

#[test]
fn functions_are_called_by_name() {
    let bench = Bench::new();
    let math = r#"(module
        (func (export "add") (param i32 i64) (result i64) (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))
        (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2))))"#;
    let program = bench.file("math.wat", math);
    let invoke = |words: &[&str]| {
        let options = ["run", "--invoke", words[0]].map(std::ffi::OsString::from);
        let program = [program.clone().into_os_string()];
        bench.run(options.into_iter().chain(program).chain(words[1..].iter().map(std::ffi::OsString::from)))
    };
    invoke(&["add", "-2", "5000000000"]).printed("4999999998\n");
    invoke(&["half", "-3"]).printed("-1.5\n");
    invoke(&["add", "1"]).failed(1, &["takes 2 arguments, not 1"]);
    invoke(&["add", "x", "1"]).failed(1, &["`x` is not a value of type i32"]);
    invoke(&["sub"]).failed(1, &["exports no function `sub`", "inspect"]);
}

#[test]
fn nothing_is_granted_that_was_not_asked_for() {
    let bench = Bench::new();
    // Prints the number of environment variables, and what opening a file in the first granted folder says.
    let probe = r#"(module
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "variables") (result i32)
            (drop (call $sizes (i32.const 0) (i32.const 4)))
            (i32.load (i32.const 0)))
        (func (export "folder") (result i32) (call $prestat (i32.const 3) (i32.const 0))))"#;
    let program = bench.file("probe.wat", probe);
    let ask = |options: &[&str], function: &str| {
        let mut words = vec!["run"];
        words.extend_from_slice(options);
        words.extend(["--invoke", function, program.to_str().unwrap()]);
        bench.run(words)
    };
    ask(&[], "variables").printed("0\n");
    ask(&["--env", "A=1", "--env", "B=2"], "variables").printed("2\n");
    // `badf`: there is no such descriptor.
    ask(&[], "folder").printed("8\n");
    ask(&["--dir", "."], "folder").printed("0\n");
}

#[test]
fn artifacts_run_only_when_allowed() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    let artifact = bench.path("hello.wart");
    let words = ["compile".as_ref(), program.as_os_str(), "-o".as_ref(), artifact.as_os_str()];
    bench.run(words).printed("");
    bench.run([&artifact]).failed(1, &["--allow-precompiled"]);
    let allowed = ["run".as_ref(), "--allow-precompiled".as_ref(), artifact.as_os_str()];
    bench.run(allowed).printed("hello").silent();
    let bytes = fs::read(&artifact).unwrap();
    fs::write(&artifact, &bytes[..bytes.len() - 9]).unwrap();
    bench.run(allowed).failed(1, &["hello.wart"]);
}

#[test]
fn compiling_is_deterministic() {
    let bench = Bench::new();
    let program = bench.file("large.wat", crate::common::large_printer("x", 300));
    let compile = |threads: &str, name: &str| {
        let output = bench.path(name);
        let words = ["compile".as_ref(), "--threads".as_ref(), threads.as_ref(), program.as_os_str(), "-o".as_ref()];
        bench.run(words.into_iter().chain([output.as_os_str()])).printed("");
        fs::read(output).unwrap()
    };
    let alone = compile("1", "a.wart");
    assert!(alone == compile("4", "b.wart") && alone == compile("1", "c.wart"));
}

#[test]
fn errors_are_in_the_users_words() {
    let bench = Bench::new();
    let hello = bench.file("hello.wat", printer("hello"));
    let hello = hello.to_str().unwrap();
    bench.run(["run", "--backend", "gcc", hello]).failed(2, &["unknown backend `gcc`", "cranelift"]);
    bench.run(["run", "absent.wasm"]).failed(1, &["error: could not read `absent.wasm`: "]);
    bench.file("lost.wat", r#"(module (import "env" "f" (func)))"#);
    bench.run(["run", "lost.wat"]).failed(1, &["unknown import: `env.f`", "hint:"]);
    bench.file("large.wat", r#"(module (memory 17) (func (export "_start")))"#);
    bench
        .run(["run", "--max-memory", "1MiB", "large.wat"])
        .failed(1, &["1114112 bytes in one memory", "limit of 1048576", "hint: `--max-memory SIZE`"]);
    bench.file("notes.txt", "no module");
    bench.run(["run", "notes.txt"]).failed(1, &["`notes.txt` is not a binary module", "as text", "notes.txt:1:1"]);
    bench.file("broken.wasm", b"\0asm\x01\0\0\0\x01\xff");
    bench.run(["validate", "broken.wasm"]).failed(1, &["broken.wasm", "offset"]);
    bench.file("text.wat", "(module (func (result i32)))");
    bench.run(["validate", "text.wat"]).failed(1, &["type mismatch"]);
    bench.file("cont.wat", "(module (type $f (func)) (type (cont $f)))");
    bench.file("simd.wat", "(module (func (param v128) (result v128) (local.get 0)))");
    let inspected = bench.run(["inspect", "--json", "simd.wat"]);
    let module: serde_json::Value = serde_json::from_str(&inspected.out).unwrap();
    assert_eq!(
        (&module["features"], &module["defined_functions"]),
        (&serde_json::json!(["simd"]), &serde_json::json!(1))
    );
    bench.run(["run", "cont.wat"]).failed(1, &["stack-switching", "not supported"]);
    bench.file(
        "throws.wat",
        r#"(module (tag $t (param i32 f64)) (func (export "_start") (throw $t (i32.const 7) (f64.const 0.5))))"#,
    );
    bench
        .run(["run", "throws.wat"])
        .failed(134, &["`throws.wat` threw an exception that nothing caught: (7, 0.5)", "func[0]"]);
    bench.run(["validate", hello]);
    bench.file("library.wat", "(module)");
    bench.run(["run", "library.wat"]).failed(1, &["_start"]);
    bench.run(["frobnicate"]).said(&["frobnicate"]);
}

#[test]
fn benches_compare_backends() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    let page = bench.path("page.html");
    let words = ["bench".as_ref(), "--runs".as_ref(), "2".as_ref(), "--html".as_ref(), page.as_os_str()];
    let ran = bench.run(words.into_iter().chain([program.as_os_str()]));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("cranelift") && ran.out.contains("warm start"), "{}", ran.out);
    let html = fs::read_to_string(page).unwrap();
    assert!(html.contains("<svg") && !html.contains("://"), "one self-contained page");
    assert!(html.contains("class=\"verdict\"") && html.contains("Time of all starts together"));
    let json = bench.run(["bench".as_ref(), "--runs".as_ref(), "1".as_ref(), "--json".as_ref(), program.as_os_str()]);
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert!(report["verdict"]["choice"].as_str().is_some_and(|choice| choice.ends_with('.')));
    assert!(report["backends"][0]["warm"]["median"].as_f64().is_some_and(|median| median > 0.0));
    bench.file("library.wat", "(module)");
    bench.run(["bench", "library.wat"]).failed(1, &["does not run", "is not a program"]);
}

#[test]
fn starts_in_a_row_say_on_whose_code_they_ran() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    let starts = |background: &str, words: &[&str]| {
        let words = [&["bench", "--runs", "1", "--backend", "singlepass", "--starts"], words, &["hello.wat"]].concat();
        let mut command = bench.command(words);
        let ran = Ran::of(command.env("WASMER_BACKGROUND", background).output().expect("the command starts"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.out
    };
    // All is compiled by the first start, and found by the next ones.
    let json = starts("off", &["3", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let all = report["starts"].as_array().unwrap();
    let code = serde_json::json!({ "backend": "singlepass", "lazy": false, "then": null });
    assert!(all.len() == 3 && all.iter().all(|start| start["code"] == code), "{json}");
    assert!(all.iter().all(|start| start["total"].as_f64() > start["run"].as_f64()), "{json}");
    // The first one compiles what it calls, and what better code is made behind it is stopped.
    let text = starts("0s", &["1", "--pause", "1ms"]);
    assert!(text.contains("singlepass, functions compiled when called"), "{text}");
    bench.run(["bench", "--pause", "1ms", "hello.wat"]).failed(2, &["--starts"]);
    bench.file("library.wat", "(module)");
    bench
        .run(["bench", "--starts", "2", "library.wat"])
        .failed(1, &["the module does not run: `library.wat` is not a program"]);
}

#[test]
fn a_program_that_is_ended_leaves_a_core_dump() {
    let bench = Bench::new();
    let program =
        bench.file("trap.wat", r#"(module $m (memory (export "memory") 1) (func (export "_start") unreachable))"#);
    let dump = bench.path("core");
    let run = |program: &Path, dump: &Path| {
        let options = ["run".as_ref(), "--core-dump".as_ref(), dump.as_os_str(), program.as_os_str()];
        bench.run(options)
    };
    run(&program, &dump).failed(134, &["unreachable", "has a core dump"]);
    assert!(fs::read(&dump).unwrap().starts_with(b"\0asm"));
    run(&program, &bench.path("no-such-folder/core")).failed(134, &["unreachable", "could not write a core dump"]);
    let other = bench.path("other");
    run(&bench.file("hello.wat", printer("hello")), &other).printed("hello");
    assert!(!other.exists(), "it ended by itself");
}

#[test]
fn calls_are_traced() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    let call = "[call] wasi_snapshot_preview1.fd_write(1, ";
    let all = bench.run(["run", "--trace-calls", "hello.wat"]);
    all.printed("hello");
    all.said(&["[call] _start()\n", call, ") -> 0 (no error)\n", "[call] _start returned\n"]);
    let wasi = bench.run(["run", "--trace-calls=wasi", "hello.wat"]);
    wasi.printed("hello");
    wasi.said(&[call]);
    assert!(!wasi.err.contains("_start"), "{}", wasi.err);
    let exit = r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const 3))))"#;
    bench.file("exit.wat", exit);
    let exit = bench.run(["run", "--trace-calls", "exit.wat"]);
    exit.failed(3, &["proc_exit(3) ends the program", "[call] _start was ended"]);
}
