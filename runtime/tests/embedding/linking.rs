//! How modules are put together: imports that do not fit, constant expressions, and what errors know of what does not fit.

use crate::common::*;
use wasmer_runtime::*;

/// Memories, tables, globals and functions: as an export, and as an import of the same type.
fn entities() -> Vec<(String, String)> {
    let mut entities = Vec::new();
    let mut plain = |kind: &str, types: &[&str], rest: &str| {
        for ty in types {
            entities.push((format!("({kind} (export \"x\") {ty}{rest})"), format!("({kind} {ty})")));
        }
    };
    plain(
        "memory",
        &[
            "1",
            "2",
            "1 2",
            "1 3",
            "i64 1",
            "i64 1 2",
            "1 2 shared",
            "1 3 shared",
            "i64 1 2 shared",
            "1 (pagesize 1)",
            "65536 (pagesize 1)",
            "1 2 (pagesize 1)",
            "i64 1 (pagesize 1)",
        ],
        "",
    );
    plain(
        "table",
        &[
            "1 funcref",
            "2 funcref",
            "1 2 funcref",
            "i64 1 funcref",
            "i64 1 2 funcref",
            "1 externref",
            "1 (ref null $t)",
            "1 (ref null $u)",
            "i64 1 externref",
        ],
        "",
    );
    plain(
        "func",
        &[
            "",
            "(param i32)",
            "(param i64)",
            "(result i32)",
            "(param i32 i32)",
            "(param i32) (result i32)",
            "(param funcref)",
            "(param (ref func))",
            "(param (ref $t))",
            "(param (ref null $t))",
            "(param (ref $u))",
            "(result (ref null $u))",
        ],
        " unreachable",
    );
    for (ty, init) in [
        ("i32", "(i32.const 0)"),
        ("i64", "(i64.const 0)"),
        ("f32", "(f32.const 0)"),
        ("v128", "(v128.const i64x2 0 0)"),
        ("funcref", "(ref.null func)"),
        ("externref", "(ref.null extern)"),
        ("(ref func)", "(ref.func $f)"),
        ("(ref null $t)", "(ref.null $t)"),
        ("(ref $t)", "(ref.func $f)"),
        ("(ref null $u)", "(ref.null $u)"),
    ] {
        for ty in [ty.to_owned(), format!("(mut {ty})")] {
            entities.push((format!("(global (export \"x\") {ty} {init})"), format!("(global {ty})")));
        }
    }
    entities
}

/// Whatever does not fit, the message says what the difference is.
#[test]
fn types_that_do_not_link_are_written_differently() {
    let features = default_features() | WasmFeatures::CUSTOM_PAGE_SIZES;
    let engine = Engine::new(Backend::default_backend().unwrap().config().unwrap().features(features)).unwrap();
    let types = "(type $t (func)) (type $u (func (param (ref null $t))))";
    let entities = entities();
    let importers: Vec<_> = entities
        .iter()
        .map(|(_, import)| module(&engine, &format!("(module {types} (import \"m\" \"x\" {import}))")))
        .collect();
    let (mut linked, mut refused) = (0, 0);
    for (position, (export, _)) in entities.iter().enumerate() {
        let exporter =
            module(&engine, &format!("(module {types} {export} (func $f (type $t)) (elem declare func $f))"));
        for (other, importer) in importers.iter().enumerate() {
            let mut store = Store::new(&engine, ());
            let instance = Linker::new().instantiate(&mut store, &exporter).unwrap();
            let mut linker = Linker::new();
            linker.instance(&mut store, "m", instance).unwrap();
            let Err(error) = linker.instantiate(&mut store, importer) else {
                linked += 1;
                continue;
            };
            assert_ne!(position, other, "{export} is of its own type");
            refused += 1;
            let text = error.to_string();
            let rest = text.strip_prefix("incompatible import type for `m.x`: expected ").expect("the reason");
            let (expected, found) = rest.split_once(", found ").expect("both types");
            assert_ne!(expected, found, "{} for {}", export, entities[other].1);
        }
    }
    assert!(linked > entities.len() && refused > 1500, "{linked} and {refused}");
}

/// The type of what is found is the one that it has by then.
#[test]
fn link_errors_know_sizes_and_pages() {
    let features = default_features() | WasmFeatures::CUSTOM_PAGE_SIZES;
    let engine = Engine::new(Backend::default_backend().unwrap().config().unwrap().features(features)).unwrap();
    let said = |export: &str, import: &str| {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &module(&engine, &format!("(module {export})"))).unwrap();
        if let Some(grow) = instance.func(&mut store, "grow") {
            grow.call(&mut store, &[], &mut []).unwrap();
        }
        let mut linker = Linker::new();
        linker.instance(&mut store, "m", instance).unwrap();
        let importer = module(&engine, &format!("(module (import \"m\" \"x\" {import}))"));
        linker.instantiate(&mut store, &importer).unwrap_err().to_string().split_once(": ").unwrap().1.to_owned()
    };
    assert_eq!(
        said(r#"(memory (export "x") 0 (pagesize 1))"#, "(memory 0)"),
        "expected 32-bit memory of 0.. pages of 65536 bytes, found 32-bit memory of 0.. pages of 1 byte"
    );
    assert_eq!(
        said(
            r#"(table $x (export "x") 1 funcref) (func (export "grow") (drop (table.grow $x (ref.null func) (i32.const 2))))"#,
            "(table 4 funcref)"
        ),
        "expected table of 4.. funcref elements, found table of 3.. funcref elements"
    );
    assert_eq!(
        said(r#"(table (export "x") i64 1 funcref)"#, "(table 1 funcref)"),
        "expected table of 1.. funcref elements, found 64-bit table of 1.. funcref elements"
    );
    // References to types are written out, as far as that says more.
    let of_type = |ty: &str, import: &str| format!("{import}) {ty}");
    let global = of_type("(type (func (param f32) (result f64))", "(global (ref null 0))");
    assert_eq!(
        said(r#"(type $f (func (param i32) (result i64))) (global (export "x") (ref null $f) (ref.null $f))"#, &global),
        "expected global (ref null (func [f32] -> [f64])), found global (ref null (func [i32] -> [i64]))"
    );
    let table = of_type("(type (func)) (type (func (param (ref 0)))", "(table 1 (ref null 1))");
    assert_eq!(
        said(r#"(table (export "x") 1 funcref)"#, &table),
        "expected table of 1.. (ref null (func [(ref (func [] -> []))] -> [])) elements, found table of 1.. funcref elements"
    );
    let types =
        "(type (func)) (type (func (param (ref 0)))) (type (func (param (ref 1)))) (type (func (param (ref 2)))";
    assert_eq!(
        said(r#"(func (export "x"))"#, &of_type(types, "(func (type 3))")),
        "expected function [(ref (func [(ref (func [(ref …)] -> []))] -> []))] -> [], found function [] -> []"
    );
}

/// Constant expressions read earlier globals of their module, in globals, segments and tables.
#[test]
fn constants_are_made_of_own_globals() {
    let text = r#"(module
        (import "m" "there" (global $there i32))
        (global $base i32 (i32.const 1024))
        (global $end (export "end") i32 (i32.add (global.get $base) (i32.const 16)))
        (global $mixed (export "mixed") i32 (i32.add (global.get $there) (global.get $end)))
        (global $f (ref func) (ref.func $seven))
        (global $one i64 (i64.const 1))
        (memory (export "memory") 1)
        (table $table i64 3 funcref)
        (table $initial 2 funcref (ref.func $seven))
        (data (global.get $end) "here")
        (data (global.get $mixed) "there")
        (elem (table $table) (offset (global.get $one)) funcref (item (global.get $f)))
        (func $seven (result i32) (i32.const 7))
        (func (export "call") (result i32) (call_indirect $table (result i32) (i64.const 1))))"#;
    for (backend, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new();
        let there = GlobalType { content: ValType::I32, mutable: false };
        let there = Global::new(&mut store, there, Val::I32(100)).unwrap();
        linker.define("m", "there", there).unwrap();
        let instance = linker.instantiate(&mut store, &module(&engine, text)).unwrap();
        for (name, expected) in [("end", 1040), ("mixed", 1140)] {
            let value = export(&mut store, instance, name).global().unwrap().get(&store).unwrap();
            assert_eq!(value.i32(), Some(expected), "{backend}: {name}");
        }
        let memory = instance.memory(&mut store, "memory").unwrap();
        assert_eq!(&memory.data(&store).unwrap()[1040..1044], b"here", "{backend}");
        assert_eq!(&memory.data(&store).unwrap()[1140..1145], b"there", "{backend}");
        assert_eq!(func::<_, (), i32>(&mut store, instance, "call").call(&mut store, ()).unwrap(), 7, "{backend}");
    }
}

/// A name that is removed is unknown.
#[test]
fn linkers_forget_modules() {
    let engine = engine();
    let mut linker: Linker<()> = Linker::new();
    linker.func_wrap("m", "f", || 1).unwrap().func_wrap("n", "f", || 1).unwrap();
    linker.remove_module("m");
    assert!(!linker.contains("m", "f") && linker.contains("n", "f"));
    let importer = module(&engine, r#"(module (import "m" "f" (func (result i32))))"#);
    let error = linker.instantiate(&mut Store::new(&engine, ()), &importer).unwrap_err();
    assert_eq!(error.to_string(), "unknown import: `m.f` has not been defined");
}

#[test]
fn imports_are_resolved_once_for_many_instances() {
    for (backend, engine) in engines() {
        let mut linker = Linker::new();
        linker
            .func_wrap("host", "add", |mut caller: Caller<'_, i32>, value: i32| {
                *caller.data_mut() += value;
                *caller.data()
            })
            .unwrap();
        let wat = r#"(module (import "host" "add" (func $add (param i32) (result i32))) (memory (export "memory") 1)
            (func (export "run") (result i32) (call $add (i32.const 2))))"#;
        let prepared = linker.instantiate_pre(&module(&engine, wat)).unwrap();
        // What is defined later changes nothing.
        linker.remove_module("host");
        std::thread::scope(|scope| {
            for start in [10, 20] {
                let prepared = prepared.clone();
                let engine = &engine;
                scope.spawn(move || {
                    let mut store = Store::new(engine, start);
                    for call in 1..=3 {
                        let instance = prepared.instantiate(&mut store).unwrap();
                        let run = instance.typed_func::<(), i32>(&mut store, "run").unwrap();
                        assert_eq!(run.call(&mut store, ()).unwrap(), start + 2 * call, "{backend}");
                    }
                    assert_eq!(*store.data(), start + 6);
                    // The memory and the data at the same time.
                    let memory = prepared.instantiate(&mut store).unwrap().memory(&mut store, "memory").unwrap();
                    let (bytes, data) = memory.data_and_store_mut(&mut store).unwrap();
                    bytes[0] = *data as u8;
                    *data += 1;
                    assert_eq!((memory.data(&store).unwrap()[0], *store.data()), (start as u8 + 6, start + 7));
                });
            }
        });
        let error = linker.instantiate_pre(prepared.module()).err().unwrap();
        assert_eq!(error.to_string(), "unknown import: `host.add` has not been defined");
        linker.func_wrap("host", "add", |_: i64| 1i32).unwrap();
        let error = linker.instantiate_pre(prepared.module()).err().unwrap();
        assert!(error.to_string().contains("incompatible import type for `host.add`"), "{error}");
        // An entity of a store fits that store alone.
        let mut store = Store::new(&engine, 0);
        let add = Func::wrap(&mut store, |value: i32| value).unwrap();
        linker.allow_shadowing(true).define("host", "add", add).unwrap();
        let bound = linker.instantiate_pre(prepared.module()).unwrap();
        bound.instantiate(&mut store).unwrap();
        assert!(bound.instantiate(&mut Store::new(&engine, 0)).is_err(), "{backend}");
    }
}

/// What a table holds: what its functions return when they are called, by an instance that has it.
fn called(store: &mut Store<()>, instance: Instance, len: i32) -> Vec<Option<i32>> {
    let call = func::<_, i32, i32>(store, instance, "call");
    let is_null = func::<_, i32, i32>(store, instance, "is_null");
    let mut value = |index| match call.call(store, index) {
        Ok(value) => Some(value),
        Err(_) => {
            assert_eq!(is_null.call(store, index).unwrap(), 1);
            None
        }
    };
    (0..len).map(&mut value).collect()
}

/// Segments whose place is known only when they are applied come over one another in a table of another module, and elements are asked for in every way.
#[test]
fn segments_fill_tables_of_other_modules() {
    let library = |elements: [&str; 3], base: i32, number: i32| {
        let ([kind, first, second], next) = (elements, number + 1);
        format!(
            r#"(module (import "a" "t" (table $t 8 12 funcref)) (import "a" "base" (global $base i32)) (type $f (func (result i32)))
            (elem (offset (i32.add (global.get $base) (i32.const {base}))) {kind} {first} {second})
            (func $f (result i32) i32.const {number}) (func $g (result i32) i32.const {next})
            (elem $later func $g)
            (func (export "call") (param i32) (result i32) (call_indirect $t (type $f) (local.get 0)))
            (func (export "null") (param i32) (table.set $t (local.get 0) (ref.null func)))
            (func (export "is_null") (param i32) (result i32) (ref.is_null (table.get $t (local.get 0))))
            (func (export "copy") (table.copy $t $t (i32.const 6) (i32.const 1) (i32.const 2)))
            (func (export "init") (table.init $t $later (i32.const 3) (i32.const 0) (i32.const 1)))
            (func (export "grow") (drop (table.grow $t (ref.null func) (i32.const 2))))
            (func (export "fill") (table.fill $t (i32.const 0) (ref.null func) (i32.const 2))))"#,
        )
    };
    let functions = ["func", "$f", "$g"];
    let with_null = ["funcref", "(ref.func $f)", "(ref.null func)"];
    for (backend, engine) in engines() {
        let (mut store, mut linker) = (Store::new(&engine, ()), Linker::new());
        let owner = r#"(module (table (export "t") 8 12 funcref) (elem (i32.const 0) $own) (elem (i32.const 5) $own)
            (func $own (result i32) i32.const 1))"#;
        let owner = linker.instantiate(&mut store, &module(&engine, owner)).unwrap();
        let base = GlobalType { content: ValType::I32, mutable: false };
        let base = Global::new(&mut store, base, Val::I32(1)).unwrap();
        linker.define("a", "t", export(&mut store, owner, "t")).unwrap().define("a", "base", base).unwrap();
        let apply = |store: &mut Store<()>, elements, base, number| {
            linker.instantiate(store, &module(&engine, &library(elements, base, number)))
        };
        apply(&mut store, functions, 0, 10).unwrap();
        // The later one counts where both are.
        let last = apply(&mut store, functions, 1, 20).unwrap();
        apply(&mut store, with_null, 2, 30).unwrap();
        let call = |store: &mut Store<()>, name| func::<_, (), ()>(store, last, name).call(store, ()).unwrap();
        // Before any other has been asked for.
        func::<_, i32, ()>(&mut store, last, "null").call(&mut store, 5).unwrap();
        let own = Some(1);
        let expected = [own, Some(10), Some(20), Some(30), None, None, None, None];
        assert_eq!(called(&mut store, last, 8), expected, "{backend}");
        call(&mut store, "grow");
        call(&mut store, "copy");
        call(&mut store, "init");
        let expected = [own, Some(10), Some(20), Some(21), None, None, Some(10), Some(20), None, None];
        assert_eq!(called(&mut store, last, 10), expected, "{backend}");
        // Over elements that are there already.
        apply(&mut store, functions, 0, 40).unwrap();
        assert_eq!(called(&mut store, last, 4), [own, Some(40), Some(41), Some(21)], "{backend}");
        call(&mut store, "fill");
        assert_eq!(called(&mut store, last, 4), [None, None, Some(41), Some(21)], "{backend}");
        // One that does not fit changes nothing.
        let error = apply(&mut store, functions, 8, 50).unwrap_err();
        assert_eq!(error.as_trap().unwrap().code, TrapCode::TableOutOfBounds, "{backend}");
        assert_eq!(called(&mut store, last, 10)[8..], [None, None], "{backend}");
    }
}

/// That something fails in these words, and with an error of this type that has these fields.
macro_rules! fails {
    ($result:expr, $kind:ty, $pattern:pat $(if $guard:expr)?, $message:expr) => {
        let error: Error = $result.err().expect("it fails");
        assert_eq!(error.to_string(), $message);
        let found: &$kind = error.downcast_ref().expect("it is there by its type");
        assert!(matches!(found, $pattern $(if $guard)?), "{found:?}");
    };
}

#[test]
fn errors_of_linking_have_fields() {
    let (engine, mut store, mut linker) = (engine(), Store::new(&engine(), ()), Linker::new());
    let importer = module(&engine, r#"(module (import "m" "f" (func (param i32))) (import "m" "g" (func)))"#);
    fails!(
        linker.instantiate(&mut store, &importer),
        LinkError,
        LinkError::Undefined { module, name, .. } if module == "m" && name == "f",
        "unknown import: `m.f` has not been defined"
    );
    fails!(
        Instance::new(&mut store, &importer, &[]),
        LinkError,
        LinkError::ImportCount { expected: 2, given: 0, .. },
        "the module has 2 imports, not 0"
    );
    linker.func_wrap("m", "f", || 1).unwrap();
    fails!(
        linker.instantiate_pre(&importer),
        LinkError,
        LinkError::Incompatible { name, expected, found, .. }
            if name == "f" && expected == "function [i32] -> []" && found == "function [] -> [i32]",
        "incompatible import type for `m.f`: expected function [i32] -> [], found function [] -> [i32]"
    );
    fails!(
        linker.func_wrap("m", "f", || 1),
        LinkError,
        LinkError::DefinedTwice { module, name, .. } if module == "m" && name == "f",
        "`m.f` is defined twice"
    );
    let (mut store, instance) = instantiate(&engine, r#"(module (func (export "f") (param i32)))"#);
    fails!(
        instance.typed_func::<(), ()>(&mut store, "g"),
        LinkError,
        LinkError::NoFunction { name, .. } if name == "g",
        "the module exports no function `g`"
    );
    fails!(
        instance.typed_func::<i64, ()>(&mut store, "f"),
        TypeError,
        TypeError::Export { name, error, .. } if name == "f" && matches!(**error, TypeError::Func { .. }),
        "export `f`: the function has type [i32] -> [], not [i64] -> []"
    );
}

#[test]
fn errors_of_types_have_fields() {
    let mut store = Store::new(&engine(), ());
    let double = Func::wrap(&mut store, |value: i32| value * 2).unwrap();
    fails!(
        double.call(&mut store, &[], &mut []),
        TypeError,
        TypeError::Arity { ty, arguments: 0, results: 0, .. } if ty.ty.params[..] == [ValType::I32],
        "a function of type [i32] -> [i32] was called with 0 arguments for 0 results"
    );
    fails!(
        double.call(&mut store, &[Val::I64(3)], &mut [Val::I32(0)]),
        TypeError,
        TypeError::Value { place: Place::Argument(0), value: Val::I64(3), expected, .. } if expected.ty == ValType::I32,
        "argument 0 is I64(3), not a value of type i32"
    );
    let ty = GlobalType { content: ValType::I32, mutable: false };
    fails!(
        Global::new(&mut store, ty, Val::I64(3)),
        TypeError,
        TypeError::Value { place: Place::Global, value: Val::I64(3), .. },
        "I64(3) is not a value of type i32"
    );
    let global = Global::new(&mut store, ty, Val::I32(3)).unwrap();
    fails!(
        global.set(&mut store, Val::I32(4)),
        TypeError,
        TypeError::Immutable { place: Place::Global, .. },
        "the global is immutable"
    );
    fails!(
        global.ty(&Store::new(&engine(), ())),
        TypeError,
        TypeError::Store { what: "global", .. },
        "the global belongs to another store"
    );
    let field = FieldType { storage: StorageType::I8, mutable: false };
    let pair = ObjectType::structure(StructType { fields: [field, field].into() }).unwrap();
    fails!(
        StructRef::new(&mut store, &pair, &[]),
        TypeError,
        TypeError::Count { of: "struct", parts: "fields", expected: 2, given: 0, .. },
        "the struct has 2 fields, not 0"
    );
    let object = StructRef::new(&mut store, &pair, &[Val::I32(1), Val::I32(2)]).unwrap();
    fails!(
        object.get(&mut store, 2),
        TypeError,
        TypeError::OutOfBounds { place: Place::Field(2), .. },
        "the struct has no field 2"
    );
}

#[test]
fn errors_that_pass_through_a_host_function_keep_their_fields() {
    let mut store = Store::new(&engine(), ());
    let fails = Func::wrap(&mut store, || Err::<(), _>(anyhow::Error::from(LinkError::other("no peer")))).unwrap();
    fails!(fails.call(&mut store, &[], &mut []), LinkError, LinkError::Other(_), "no peer");
    let refused = Engine::new(EngineConfig::headless().stack_bytes(1));
    fails!(
        refused,
        ResourceError,
        ResourceError::Stack { bytes: 1, .. },
        format!("a wasm stack of 1 bytes is not between {STACK_BYTES_MIN} and {STACK_BYTES_MAX}")
    );
    let headless = Engine::new(EngineConfig::headless()).unwrap();
    fails!(
        Module::new(&headless, &wasm("(module)")),
        ResourceError,
        ResourceError::NoCompiler,
        "this engine has no compiler; it can only load artifacts"
    );
}
