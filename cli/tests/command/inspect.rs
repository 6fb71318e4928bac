//! `wasmer inspect`.

use serde_json::{Value, json};

use crate::common::Bench;

const MODULE: &str = r#"(module $shape
    (import "env" "f" (func (param i32)))
    (import "env" "shared" (memory 1 4 shared))
    (memory (export "memory") i64 2)
    (table 3 funcref)
    (global (mut i32) (i32.const 0))
    (func $small (export "s"))
    (func $large (param v128) (result v128) (i32x4.add (local.get 0) (i32x4.mul (local.get 0) (local.get 0))))
    (start $small)
    (data (memory 1) (i64.const 0) "hello")
    (@producers (language "Rust" "2024") (processed-by "hand" "")))"#;

fn inspect(bench: &Bench) -> Value {
    let ran = bench.run(["inspect", "--json", "module.wat"]);
    assert_eq!(ran.silent().code, Some(0));
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn everything_about_a_module_is_there() {
    let bench = Bench::new();
    bench.file("module.wat", MODULE);
    let module = inspect(&bench);
    assert_eq!(module["name"], "shape");
    assert_eq!(module["imports"][0], json!({ "name": "env.f", "type": "func [i32] -> []" }));
    assert_eq!(module["exports"][1]["name"], "s");
    assert_eq!(module["memories"], json!(["memory 1 to 4 pages shared, 32-bit", "memory from 2 pages, 64-bit"]));
    assert_eq!(module["tables"].as_array().unwrap().len(), 1);
    assert_eq!((&module["globals"], &module["start"], &module["data_bytes"]), (&json!(1), &json!(1), &json!(5)));
    assert_eq!(module["features"], json!(["memory64", "multi-memory", "simd", "threads"]));
    assert_eq!(
        module["producers"],
        json!([
            { "field": "language", "name": "Rust", "version": "2024" },
            { "field": "processed-by", "name": "hand", "version": "" },
        ])
    );
    assert_eq!(module["largest_functions"][0]["name"], "large");
    assert_eq!(module["largest_functions"][1]["exports"], json!(["s"]));
    let sections = module["sections"].as_array().unwrap();
    let kinds: Vec<_> = sections.iter().map(|section| section["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..4], ["type", "import", "function", "table"]);
    let mut custom: Vec<_> = sections.iter().filter_map(|section| section["name"].as_str()).collect();
    custom.sort();
    assert_eq!(custom, ["name", "producers"]);
    let bytes: u64 = sections.iter().map(|section| section["bytes"].as_u64().unwrap()).sum();
    let total = module["bytes"].as_u64().unwrap();
    assert!(bytes < total && bytes > total - 100, "{bytes} of {total}");

    let text = bench.run(["inspect", "module.wat"]).out;
    for part in [
        "name: shape",
        "custom `producers`",
        "language: Rust 2024",
        "features needed: memory64, multi-memory",
        "memories: 2",
        "start: func[1]",
        "large\n",
    ] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}

#[test]
fn types_that_others_name_are_shown() {
    let bench = Bench::new();
    let text = r#"(module (type $unused (struct)) (type $list (sub (struct (field i32 (ref null $list)))))
        (type $items (array (mut (ref $list)))) (type $longer (sub final $list (struct (field i32 (ref null $list) i8))))
        (func (export "f") (param (ref $items)) (result (ref null $longer)) (ref.null none)))"#;
    bench.file("module.wat", text);
    let module = inspect(&bench);
    assert_eq!(module["features"], json!(["gc", "reference-types"]));
    let types: Vec<_> = module["types"].as_array().unwrap().iter().map(|ty| (&ty["index"], &ty["type"])).collect();
    assert_eq!(
        types,
        [
            (&json!(1), &json!("(sub (struct (field i32) (field (ref null 1))))")),
            (&json!(2), &json!("(array (mut (ref 1)))")),
            (&json!(3), &json!("(sub final 1 (struct (field i32) (field (ref null 1)) (field i8)))")),
        ]
    );
    let text = bench.run(["inspect", "module.wat"]).out;
    assert!(
        text.contains("types: 3\n  1: (sub (struct") && text.contains("f: func [(ref 2)] -> [(ref null 3)]"),
        "{text}"
    );
}

#[test]
fn hostile_input_is_an_error() {
    let bench = Bench::new();
    let header = b"\0asm\x01\0\0\0".as_slice();
    let cases: [&[u8]; 7] = [
        b"",
        b"\0asm",
        b"\x7fELF\xff\xff\xff\xff",
        &[header, b"\x01\xff\xff\xff\xff\x0f"].concat(),
        // Four billion functions, declared only.
        &[header, b"\x03\x06\xff\xff\xff\xff\x0f\x00"].concat(),
        // A body that does not end, behind sound sections.
        &[header, b"\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x05\x01\x03\0\x01\x01"].concat(),
        b"(module (func (result i32) i64.const 0))",
    ];
    for case in cases {
        bench.file("hostile.wasm", case);
        for options in [&["inspect"][..], &["inspect", "--json"]] {
            let ran = bench.run(options.iter().chain(&["hostile.wasm"]));
            ran.failed(1, &["error: "]);
        }
    }
}

#[test]
fn a_malformed_custom_section_is_mentioned_and_nothing_worse() {
    let bench = Bench::new();
    bench.file("module.wat", r#"(module (@custom "producers" "\ff\ff"))"#);
    let module = inspect(&bench);
    assert_eq!((&module["producers"], &module["producers_malformed"]), (&json!([]), &json!(true)));
    assert!(bench.run(["inspect", "module.wat"]).out.contains("producers: the section is malformed"));
}

/// The same fields, whatever it is and whether it can run here.
#[test]
fn what_cannot_run_here_is_shown_and_validated_all_the_same() {
    let bench = Bench::new();
    bench.file(
        "future.wat",
        r#"(module $future (type $f (func)) (type $k (cont $f))
            (import "env" "f" (func $g (param i32)))
            (memory (export "memory") 2)
            (func (export "run") (param (ref $k))))"#,
    );
    let ran = bench.run(["inspect", "--json", "future.wat"]);
    let module: Value = serde_json::from_str(&ran.printed_lines().concat()).unwrap();
    assert_eq!((&module["kind"], &module["name"]), (&json!("module"), &json!("future")));
    assert_eq!(module["unsupported"], json!(["stack-switching"]));
    assert_eq!(module["imports"][0], json!({ "name": "env.f", "type": "func [i32] -> []" }));
    assert_eq!(module["memories"], json!(["memory from 2 pages, 32-bit"]));
    let text = bench.run(["inspect", "future.wat"]);
    assert!(text.out.contains("not supported: stack-switching\n"), "{text:?}");
    bench.run(["validate", "future.wat"]).failed(1, &["`future.wat` is not valid: ", "`stack-switching`"]);
    let ran = bench.run(["validate", "--json", "future.wat"]);
    let verdict: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (ran.code, &verdict["valid"], &verdict["unsupported"]),
        (Some(1), &json!(false), &json!(["stack-switching"]))
    );

    bench.file("off.wat", "(module (memory 1 (pagesize 1)))");
    let verdict: Value =
        serde_json::from_str(&bench.run(["validate", "--json", "--disable", "custom-page-sizes", "off.wat"]).out)
            .unwrap();
    assert_eq!((&verdict["valid"], &verdict["disabled"]), (&json!(false), &json!(["custom-page-sizes"])));
    let module: Value = serde_json::from_str(&bench.run(["inspect", "--json", "off.wat"]).out).unwrap();
    assert_eq!((&module["features"], &module["unsupported"]), (&json!(["custom-page-sizes"]), &json!([])));
}

/// A component: a module, what it imports and exports.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0\
    \x01\x14\0asm\x01\0\0\0\x05\x03\x01\0\x01\x07\x05\x01\x01m\x02\0\
    \x07\x05\x01\x40\0\x01\0";

#[test]
fn components_and_artifacts_are_shown_and_validated() {
    let bench = Bench::new();
    bench.file("c.wasm", COMPONENT);
    let ran = bench.run(["inspect", "--json", "c.wasm"]);
    let component: Value = serde_json::from_str(&ran.printed_lines().concat()).unwrap();
    assert_eq!((&component["kind"], &component["parts"][0]["kind"]), (&json!("component"), &json!("module")));
    assert_eq!(component["parts"][0]["exports"], json!([{ "name": "m", "type": "memory from 1 pages, 32-bit" }]));
    assert_eq!(component["sections"][0]["kind"], "core module");
    let text = bench.run(["inspect", "c.wasm"]);
    assert!(text.out.starts_with("// component: ") && text.out.contains("// module 0: "), "{text:?}");
    bench.run(["validate", "c.wasm"]).printed("").silent();
    let mut broken = COMPONENT.to_vec();
    // The memory has a maximum, which is not there.
    broken[21] = 1;
    bench.file("broken.wasm", broken);
    bench.run(["validate", "broken.wasm"]).failed(1, &["`broken.wasm` is not valid"]);

    bench.file("module.wat", MODULE.replace("(memory 1 4 shared)", "(memory 1 4)"));
    bench.run(["compile", "module.wat", "--backend", "cranelift", "-o", "m.wart"]).printed("");
    // To standard output it is the same.
    let piped = bench.command(["compile", "module.wat", "--backend", "cranelift", "-o", "-"]).output().unwrap();
    assert_eq!(piped.stdout, std::fs::read(bench.path("m.wart")).unwrap());
    let ran = bench.run(["inspect", "--json", "m.wart"]);
    let artifact: Value = serde_json::from_str(&ran.printed_lines().concat()).unwrap();
    assert_eq!((&artifact["kind"], &artifact["name"]), (&json!("artifact"), &json!("shape")));
    assert_eq!((&artifact["backend"], &artifact["fuel"]), (&json!("cranelift"), &json!(false)));
    assert_eq!(artifact["imports"][0], json!({ "name": "env.f", "type": "func [i32] -> []" }));
    assert!(bench.run(["inspect", "m.wart"]).out.contains("compiler: cranelift "));
    bench.run(["validate", "m.wart"]).printed("").silent();
    let mut damaged = piped.stdout;
    // Its middle may be room between sections, which nothing reads.
    *damaged.last_mut().unwrap() ^= 1;
    bench.file("d.wart", damaged);
    for command in ["validate", "inspect"] {
        bench.run([command, "d.wart"]).failed(1, &["`d.wart` is not valid"]);
    }
}
