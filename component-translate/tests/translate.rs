//! What comes out of the translation of small components, and what is refused.

use wasmer_component_translate::info::*;
use wasmer_component_translate::{ComponentInfo, TranslateError, Translation, is_component, translate, validate, wit};
use wasmparser::WasmFeatures;

fn features() -> WasmFeatures {
    WasmFeatures::WASM2 | WasmFeatures::MULTI_MEMORY | WasmFeatures::EXCEPTIONS
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn translated(text: &str) -> Translation {
    translate(&wasm(text), features()).unwrap()
}

/// A component that passes a string from one part to another.
const TWO_PARTS: &str = r#"(component
    (component $A
        (core module $M
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
            (func (export "len") (param i32 i32) (result i32) (local.get 1)))
        (core instance $m (instantiate $M))
        (func (export "len") (param "text" string) (result u32) (canon lift (core func $m "len")
            (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
    (instance $a (instantiate $A))
    (component $B
        (import "len" (func $len (param "text" string) (result u32)))
        (core module $Memory (memory (export "memory") 1))
        (core instance $memory (instantiate $Memory))
        (core func $len' (canon lower (func $len) string-encoding=utf16 (memory (core memory $memory "memory"))))
        (core module $M
            (import "a" "len" (func $len (param i32 i32) (result i32)))
            (func (export "run") (result i32) (call $len (i32.const 0) (i32.const 3))))
        (core instance $m (instantiate $M (with "a" (instance (export "len" (func $len'))))))
        (func (export "run") (result u32) (canon lift (core func $m "run"))))
    (instance $b (instantiate $B (with "len" (func $a "len"))))
    (export "run" (func $b "run")))"#;

#[test]
fn a_call_between_parts_is_an_adapter() {
    let Translation { info, modules } = translated(TWO_PARTS);
    // Three modules, and one that is made.
    assert_eq!((modules.len(), info.modules, info.instances), (4, 4, 3));
    for module in &modules {
        assert!(!is_component(module));
        wasmparser::Validator::new_with_features(features()).validate_all(module).unwrap();
    }
    let ops = info
        .trampolines
        .iter()
        .filter(|trampoline| matches!(trampoline.kind, TrampolineKind::Transcode { op: Transcode::Utf16ToUtf8, .. }));
    assert_eq!(ops.count(), 1, "{:?}", info.trampolines);
    // Without concurrency, nobody keeps a record of calls without handles.
    assert!(!info.trampolines.iter().any(|trampoline| trampoline.kind == TrampolineKind::EnterCall));
    assert!(info.imports.is_empty());
    let [Export { path, kind: ExportKind::Func { ty, .. } }] = &*info.exports else { panic!("{:?}", info.exports) };
    assert_eq!(*path, ["run"]);
    assert_eq!(info.types.func(*ty).result, Some(Type::U32));
}

const WORLD: &str = r#"(component
    (import "test:a/b@0.2.0" (instance $b
        (export "stream" (type $stream (sub resource)))
        (type $error' (variant (case "closed") (case "failed" string)))
        (export "error" (type $error (eq $error')))
        (export "[constructor]stream" (func (param "size" u32) (result (own $stream))))
        (export "[method]stream.read" (func (param "self" (borrow $stream)) (param "len" u64)
            (result (result (list u8) (error $error)))))
        (export "[static]stream.both" (func (result (tuple (own $stream) (own $stream)))))
        (type $mode' (flags "read" "write"))
        (export "mode" (type $mode (eq $mode')))
        (type $stat' (record (field "size" u64) (field "mode" $mode) (field "name" (option string))))
        (export "stat" (type $stat (eq $stat')))
        (export "find" (func (param "name" string) (result (result $stat))))))
    (import "log" (func (param "level" u8) (param "at" (result)))))"#;

#[test]
fn what_is_imported_is_printed_as_wit() {
    let text = wit::world(&translated(WORLD).info);
    let expected = "world root {
  import test:a/b@0.2.0: interface {
    resource stream {
      constructor(size: u32);
      read: func(len: u64) -> result<list<u8>, error>;
      both: static func() -> tuple<stream, stream>;
    }
    variant error {
      closed,
      failed(string),
    }
    flags mode {
      read,
      write,
    }
    record stat {
      size: u64,
      mode: mode,
      name: option<string>,
    }
    find: func(name: string) -> result<stat>;
  }
  import log: func(level: u8, at: result);
}
";
    assert_eq!(text, expected);
}

#[test]
fn layouts_are_those_of_the_canonical_abi() {
    let info = translated(WORLD).info;
    let layout = |name: &str| {
        let items = info.interfaces.iter().flat_map(|interface| &interface.items);
        let item = items.clone().find(|item| item.name == name).unwrap();
        let ItemKind::Type(ty) = item.kind else { panic!("{name} is no type") };
        (info.types.layout(ty), info.types.flat(ty))
    };
    assert_eq!(layout("error"), ((12, 4), Some(3)));
    assert_eq!(layout("mode"), ((1, 1), Some(1)));
    assert_eq!(layout("stat"), ((24, 8), Some(5)));
}

#[test]
fn metadata_comes_back_as_it_went() {
    for text in [TWO_PARTS, WORLD, "(component)"] {
        let info = translated(text).info;
        let bytes = info.to_bytes();
        assert_eq!(ComponentInfo::from_bytes(&bytes), Some(info));
        for len in 0..bytes.len().min(64) {
            assert_eq!(ComponentInfo::from_bytes(&bytes[..len]), None);
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let cases = [
        (r#"(component (import "a" (func async)))"#, "asynchronous functions"),
        (r#"(component (type (stream u8)))"#, "asynchronous functions"),
        (r#"(component (type (map string u8)))"#, "`map` types"),
        (r#"(component (type (list u8 4)))"#, "fixed length"),
        (r#"(component (core func (canon context.get i32 0)))"#, "asynchronous"),
    ];
    for (text, part) in cases {
        let bytes = wasm(text);
        let Err(TranslateError::Unsupported(message)) = translate(&bytes, features()) else { panic!("{text}") };
        assert!(message.contains(part), "{text}: {message}");
        assert_eq!(validate(&bytes, features()), Err(TranslateError::Unsupported(message)));
    }
}

#[test]
fn what_cannot_be_taken_apart_is_named() {
    let cases = [
        (
            r#"(component (import "f" (func $f)) (export "g" (func $f)))"#,
            "a function that it imports and exports again",
        ),
        (
            r#"(component (type $f (func))
                (import "i" (instance (alias outer 1 $f (type $g)) (export "f" (type (eq $g))))))"#,
            "an exported type that is one of functions",
        ),
        // The validator of the translating crate is older than ours, and stricter.
        (
            r#"(component
                (type (instance
                    (export "r" (type (sub resource))) (type (own 0)) (type (func (result 1))) (export "f" (func (type 2)))))
                (export "t" (type 0)))"#,
            "valid by rules of the component model that this runtime does not support yet",
        ),
    ];
    for (text, part) in cases {
        let bytes = wasm(text);
        assert_eq!(validate(&bytes, features()), Ok(()));
        match translate(&bytes, features()) {
            Err(TranslateError::Unsupported(message)) => assert!(message.contains(part), "{text}: {message}"),
            other => panic!("{text}: {:?}", other.map(drop)),
        }
    }
}

#[test]
fn wrong_components_are_refused_with_the_place() {
    let unbound = wasm(r#"(component (core module (func (result i32))))"#);
    // The bodies of functions are for who compiles them, and for who asks.
    assert!(translate(&unbound, features()).is_ok());
    assert!(matches!(validate(&unbound, features()), Err(TranslateError::Invalid { offset: 1.., .. })));
    let cut = &wasm(TWO_PARTS)[..200];
    assert!(matches!(translate(cut, features()), Err(TranslateError::Invalid { .. })));
    assert!(matches!(translate(b"", features()), Err(TranslateError::Invalid { .. })));
    let module = wasm("(module)");
    for refused in [validate(&module, features()), translate(&module, features()).map(drop)] {
        assert!(refused.unwrap_err().to_string().contains("this is a module, not a component"));
    }
}

#[test]
fn damaged_components_are_refused_and_nothing_else() {
    let components = [TWO_PARTS, WORLD].map(wasm);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for round in 0..400 {
        let mut bytes = components[round % components.len()].clone();
        for _ in 0..=next() % 3 {
            let position = 8 + next() % (bytes.len() - 8);
            match next() % 3 {
                0 => bytes[position] = next() as u8,
                1 => bytes[position] = bytes[position].wrapping_add(1),
                _ => drop(bytes.remove(position)),
            }
        }
        if let Err(TranslateError::Bug(message)) = translate(&bytes, features()) {
            panic!("{message}: {bytes:?}");
        }
    }
}

/// Exceptions are on for the crate that translates only where there are tags; they can stand in types alone, however deep.
#[test]
fn tags_in_types_of_core_modules_are_translated() {
    let module = "(core type $m (module (import \"\" \"t\" (tag (param i32)))))";
    let exporting = "(core type $m (module (export \"t\" (tag (param i32)))))";
    for types in [
        module.to_owned(),
        exporting.to_owned(),
        format!("(type (component {module}))"),
        format!("(type (component (type (instance {exporting}))))"),
        format!("(component (type (instance (type (component {module})))))"),
    ] {
        let text = format!("(component {types})");
        assert!(translate(&wasm(&text), features()).is_ok(), "{text}");
    }
}

#[test]
fn names_with_attributes_are_told_as_unsupported() {
    let function = *b"\x07\x05\x01\x40\x00\x01\x00";
    let import = *b"\x0a\x07\x01\x02\x01c\x00\x01\x00";
    let component = [&b"\0asm\x0d\0\x01\0"[..], &function, &import].concat();
    let Err(TranslateError::Unsupported(what)) = translate(&component, features()) else {
        panic!("{:?}", translate(&component, features()));
    };
    assert_eq!(what, "the component has a name with attributes, which this runtime does not support");
}
