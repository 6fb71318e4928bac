//! What sections become.

use wasmparser::WasmFeatures;

use super::binary;
use crate::compiler::CompileError;
use crate::module::*;
use crate::translate::module::{default_features, translate_module, validate};
use crate::types::*;

fn info(text: &str) -> ModuleInfo {
    translate_module(&binary(text), default_features()).expect("the test is valid").info
}

fn constant(value: i32) -> ConstExpr {
    ConstExpr(Box::new([ConstOp::Const(Const::I32(value))]))
}

#[test]
fn index_spaces_have_imports_first() {
    let info = info(
        r#"(module $top
            (import "a" "f" (func $f (param i64)))
            (import "a" "g" (global $g i32))
            (import "a" "t" (table 3 7 funcref))
            (import "b" "m" (memory 1 2 shared))
            (memory i64 4)
            (table i64 5 externref)
            (global $h (mut f64) (f64.const 1))
            (func $start)
            (func $other (export "x") (result i32) i32.const 0)
            (start $start))"#,
    );
    assert_eq!(info.name.as_deref(), Some("top"));
    assert_eq!((info.imported_functions, info.functions.len()), (1, 3));
    assert_eq!((info.imported_globals, info.globals.len(), info.global_inits.len()), (1, 2, 1));
    assert_eq!((info.imported_tables, info.tables.len(), info.table_inits.len()), (1, 2, 1));
    assert_eq!((info.imported_memories, info.memories.len()), (1, 2));
    assert_eq!(info.imports[3].module, "b");
    let shared =
        MemoryType { limits: Limits { min: 1, max: Some(2) }, index: Width::W32, shared: true, page_size_log2: 16 };
    assert_eq!(info.imports[3].ty, ImportType::Memory(shared));
    assert_eq!(info.memories[1].index, Width::W64);
    assert_eq!(info.tables[1].element, RefType::EXTERNREF);
    assert_eq!(info.start, Some(FuncIdx(1)));
    assert_eq!(info.escaping, [FuncIdx(1), FuncIdx(2)]);
    assert_eq!(info.function_name(FuncIdx(0)), Some("f"));
    assert_eq!(info.function_name(FuncIdx(2)), Some("other"));
    assert_eq!(info.exports[0].entity, Entity::Func(FuncIdx(2)));
    assert_eq!(info.bodies.len(), 2);
    assert_eq!(info.resolved.signatures.len(), info.types.len());
    assert_eq!(info.resolved.globals[1].ty, Ty::F64);
    assert_eq!(info.resolved.memories[1].width, Width::W64);
    assert_eq!(info.resolved.tables[1].min, 5);
}

#[test]
fn segments_keep_their_bytes_and_elements() {
    let text = r#"(module
        (import "a" "g" (global i32))
        (memory 1)
        (table 8 funcref)
        (func) (func) (func)
        (data (i32.const 5) "hello")
        (data "passive")
        (data (offset global.get 0 i32.const 2 i32.mul) "")
        (elem (i32.const 1) func 2 0)
        (elem funcref (ref.func 1) (ref.func 1))
        (elem funcref (ref.func 0) (ref.null func))
        (elem declare func 0))"#;
    let wasm = binary(text);
    let info = info(text);
    assert_eq!(&wasm[info.data[0].range.clone()], b"hello");
    assert_eq!(info.data[0].active, Some((MemoryIdx(0), constant(5))));
    assert_eq!(&wasm[info.data[1].range.clone()], b"passive");
    assert!(info.data[1].active.is_none());
    let product = [ConstOp::GlobalGet(GlobalIdx(0)), ConstOp::Const(Const::I32(2)), ConstOp::Mul(Width::W32)];
    assert_eq!(info.data[2].active, Some((MemoryIdx(0), ConstExpr(Box::new(product)))));
    assert!(info.data[2].range.is_empty());
    let functions = |position: usize| match &info.elements[position].items {
        ElementItems::Functions(functions) => functions.clone(),
        ElementItems::Expressions(_) => panic!("not functions"),
    };
    assert_eq!(functions(0), [FuncIdx(2), FuncIdx(0)]);
    assert!(
        matches!(&info.elements[0].mode, ElementMode::Active { table: TableIdx(0), offset } if *offset == constant(1))
    );
    // Expressions that are functions all are functions.
    assert_eq!(functions(1), [FuncIdx(1), FuncIdx(1)]);
    assert_eq!(info.elements[1].ty, RefType::FUNCREF);
    assert!(matches!(&info.elements[2].items, ElementItems::Expressions(items) if items.len() == 2));
    assert!(matches!(info.elements[3].mode, ElementMode::Declared));
    assert_eq!(info.escaping, [FuncIdx(0), FuncIdx(1), FuncIdx(2)]);
}

#[test]
fn bodies_can_be_translated_on_any_thread() {
    fn is_send<T: Send>() {}
    is_send::<crate::translate::func::FuncInput<'static>>();
    fn is_sync<T: Sync>() {}
    is_sync::<ModuleInfo>();
}

#[test]
fn offsets_name_places_in_the_module() {
    let text = "(module (func nop) (func))";
    let wasm = binary(text);
    let info = info(text);
    // Two bodies follow the section's content, which starts with their number.
    assert_eq!(wasm[info.code_section_offset], 2);
    assert_eq!(&wasm[info.bodies[0].clone()], &[0, 1, 11]);
    assert_eq!(&wasm[info.bodies[1].clone()], &[0, 11]);
}

#[test]
fn page_sizes() {
    let wasm = binary("(module (memory 7 (pagesize 1)) (memory 1))");
    let error = translate_module(&wasm, default_features()).err().expect("switched off");
    assert!(matches!(&error, CompileError::Disabled { features, .. } if *features == ["custom-page-sizes"]), "{error}");
    let features = default_features() | WasmFeatures::CUSTOM_PAGE_SIZES;
    let info = translate_module(&wasm, features).expect("valid").info;
    assert_eq!([info.memories[0].page_size_log2, info.memories[1].page_size_log2], [0, 16]);
    assert_eq!(info.resolved.memories[0].page_size_log2, 0);
}

/// A module of one function, followed by a custom section.
fn with_custom(name: &str, content: &[u8]) -> Vec<u8> {
    let mut wasm = binary("(module (func) (func))");
    wasm.push(0);
    wasm.push((1 + name.len() + content.len()) as u8);
    wasm.push(name.len() as u8);
    wasm.extend_from_slice(name.as_bytes());
    wasm.extend_from_slice(content);
    wasm
}

#[test]
fn broken_name_sections_cost_names_only() {
    // Subsection 1, function names: index 0 "a", then one that is cut short, out of order, or out of range.
    for broken in
        [&[1, 6, 2, 0, 1, b'a', 1, 9][..], &[1, 7, 2, 0, 1, b'a', 0, 1, b'b'], &[1, 7, 2, 0, 1, b'a', 9, 1, b'b']]
    {
        let wasm = with_custom("name", broken);
        let info = translate_module(&wasm, default_features()).expect("names do not matter").info;
        assert_eq!(info.function_names, [(FuncIdx(0), "a".to_owned())], "{broken:?}");
        validate(&wasm, default_features()).expect("names do not matter");
    }
    // A count that nothing follows.
    let wasm = with_custom("name", &[1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(translate_module(&wasm, default_features()).expect("valid").info.function_names.is_empty());
}

#[test]
fn custom_sections_for_tools_are_found() {
    let wasm = with_custom(".debug_info", b"dwarf");
    let info = translate_module(&wasm, default_features()).expect("valid").info;
    let (name, range) = &info.custom_sections[0];
    assert_eq!((name.as_str(), &wasm[range.clone()]), (".debug_info", &b"dwarf"[..]));
    let wasm = with_custom("other", b"");
    assert!(translate_module(&wasm, default_features()).expect("valid").info.custom_sections.is_empty());
}

#[test]
fn what_is_refused_is_named() {
    let refused = |wasm: &[u8]| match translate_module(wasm, default_features()).err() {
        Some(CompileError::Unsupported { what, .. }) => what,
        other => panic!("not refused: {other:?}"),
    };
    let continuation = refused(&binary("(module (type $f (func)) (type (cont $f)))"));
    assert!(continuation.starts_with("the `stack-switching` proposal"), "{continuation}");
}

#[test]
fn types_are_kept() {
    let info = info(
        "(module (type $s (sub (struct (field i8 (mut i16) (mut (ref null $s)) anyref))))
            (rec (type $t (sub final $s (struct (field i8 (mut i16) (mut (ref null $s)) (ref $a) (ref $f)))))
                (type $a (array (mut (ref null $t)))) (type $f (sub (func (param (ref $a)) (result i31ref))))))",
    );
    let types: Vec<_> = info.types.iter().map(TypeDef::to_string).collect();
    assert_eq!(
        types,
        [
            "(sub (struct (field i8) (field (mut i16)) (field (mut (ref null 0))) (field (ref null any))))",
            "(sub final 0 (struct (field i8) (field (mut i16)) (field (mut (ref null 0))) (field (ref 2)) (field (ref 3))))",
            "(array (mut (ref null 1)))",
            "(sub (func [(ref 2)] -> [(ref null i31)]))",
        ]
    );
    assert_eq!(info.rec_groups, [TypeIdx(1)..TypeIdx(4)]);
    let kinds: Vec<_> = info.types[1].values().map(|ty| matches!(ty, ValType::Ref(ty) if ty.heap.is_func())).collect();
    assert_eq!(kinds, [false, false, false, false, true], "types know the kinds of later ones");
    let [above, below] = [0, 1].map(|index| &info.struct_layout(TypeIdx(index)).unwrap().fields);
    assert!(above.iter().zip(below).all(|(above, below)| above.offset == below.offset));
}

#[test]
fn what_has_to_do_with_objects_is_found() {
    let uses = |text: &str| info(&format!("(module {text})")).uses_heap;
    for text in [
        "(type (struct))",
        "(type (array i8))",
        "(type (sub (func)))",
        "(func (param i31ref))",
        "(import \"m\" \"t\" (table 1 anyref))",
        "(global eqref (ref.null none))",
        "(elem (ref null struct))",
        "(global externref (extern.convert_any (ref.i31 (i32.const 1))))",
        "(func (param externref) (drop (ref.test (ref i31) (any.convert_extern (local.get 0)))))",
        "(func (drop (i32.const -5)) (drop (ref.i31 (i32.const 1))))",
    ] {
        assert!(uses(text), "{text}");
    }
    for text in [
        "(type $t (func (param (ref null $t) externref funcref)))",
        "(tag (param exnref)) (memory 1) (func (param (ref func)) (drop (ref.null any)))",
        // The prefix of its operators, and a byte that one of them has.
        "(func (drop (i32.const 0x17b)) (drop (i64.const 0xf7d)))",
    ] {
        assert!(!uses(text), "{text}");
    }
}

#[test]
fn constant_expressions_are_computed() {
    let info = info(
        r#"(module
            (import "m" "there" (global $there i32))
            (global $base i32 (i32.const 1024))
            (global $end i32 (i32.add (global.get $base) (i32.const 16)))
            (global $far i64 (i64.mul (i64.const -2) (i64.sub (i64.const 3) (i64.const 10))))
            (global $mixed i32 (i32.sub (global.get $there) (i32.mul (global.get $end) (i32.const 0x10000000))))
            (global $f (ref func) (ref.func 0))
            (global $g funcref (global.get $f))
            (global $none externref (ref.null extern))
            (global $vector v128 (v128.const i64x2 1 2))
            (global $same v128 (global.get $vector))
            (memory 1) (table 1 funcref) (func)
            (data (global.get $end) "x")
            (elem (table 0) (offset (i32.const 0)) funcref (item (global.get $g))))"#,
    );
    let constant = |value| vec![ConstOp::Const(value)];
    let expected = [
        constant(Const::I32(1024)),
        constant(Const::I32(1040)),
        constant(Const::I64(14)),
        // Wraps; the imported global is known to the instance only.
        vec![
            ConstOp::GlobalGet(GlobalIdx(0)),
            ConstOp::Const(Const::I32(0x1000_0000_i32.wrapping_mul(1040))),
            ConstOp::Sub(Width::W32),
        ],
        vec![ConstOp::RefFunc(FuncIdx(0))],
        vec![ConstOp::RefFunc(FuncIdx(0))],
        constant(Const::Null),
        constant(Const::V128(2 << 64 | 1)),
        constant(Const::V128(2 << 64 | 1)),
    ];
    let found: Vec<_> = info.global_inits.iter().map(|init| init.0.to_vec()).collect();
    assert_eq!(found, expected);
    assert_eq!(info.data[0].active, Some((MemoryIdx(0), ConstExpr(constant(Const::I32(1040)).into()))));
    assert!(matches!(&info.elements[0].items, ElementItems::Functions(items) if *items == [FuncIdx(0)]));
}

/// Reading an own global is no part of garbage collection; everything that is one stays refused beside it, and so do globals that may not be
/// read.
#[test]
fn own_globals_let_nothing_else_in() {
    let own = "(global $a i32 (i32.const 1)) (global i32 (global.get $a))";
    let with = |more: &str| binary(&format!("(module {more} {own})"));
    let features = default_features().difference(WasmFeatures::GC);
    let check = |wasm: &[u8]| super::check_both(wasm, features);
    for fine in [
        "",
        "(type $t (func)) (func (param (ref $t)))",
        "(table 1 funcref) (elem (i32.const 0) func 0) (func)",
        "(func (param externref) (local funcref) (drop (ref.null func)))",
    ] {
        check(&with(fine)).unwrap_or_else(|error| panic!("{fine}: {error}"));
    }
    for collected in [
        "(type (struct))",
        "(type (array i8))",
        "(type (sub (func)))",
        "(rec (type (func)))",
        "(rec (type (func)) (type (func)))",
        "(type $t (func (param (ref null $t))))",
        "(func (param anyref))",
        "(func (result eqref) unreachable)",
        "(func (local i31ref))",
        "(func (drop (ref.null none)))",
        "(func (drop (ref.i31 (i32.const 1))))",
        "(table 1 structref)",
        "(table 1 nullfuncref)",
        "(global anyref (ref.null any))",
        "(global (ref null noextern) (ref.null noextern))",
        "(global externref (ref.null noextern))",
        "(global funcref (ref.null nofunc))",
        "(import \"m\" \"g\" (global arrayref))",
        "(elem arrayref)",
    ] {
        let error = check(&with(collected)).expect_err(collected);
        assert!(
            matches!(&error, CompileError::Disabled { features, .. } if features == &["gc"]),
            "{collected}: {error}"
        );
    }
    for invalid in [
        "(module (global $m (mut i32) (i32.const 1)) (global i32 (global.get $m)))",
        "(module (global i32 (global.get 0)))",
        "(module (global i32 (global.get 1)) (global i32 (i32.const 1)))",
        "(module (global i32 (i32.const 1)) (global i64 (global.get 0)))",
        "(module (table 1 funcref (global.get 0)) (global funcref (ref.null func)))",
    ] {
        let error = check(&binary(invalid)).expect_err(invalid);
        assert!(matches!(error, CompileError::Invalid { .. }), "{invalid}: {error}");
    }
    let before = features.difference(WasmFeatures::EXTENDED_CONST);
    assert!(super::check_both(&with(""), before).is_err());
}

#[test]
fn recursion_groups_of_functions_are_kept() {
    let wasm =
        binary("(module (type (func)) (rec (type $a (func (param (ref $b)))) (type $b (func (param (ref $a))))))");
    let info = translate_module(&wasm, default_features()).expect("valid").info;
    assert_eq!(info.rec_groups, [TypeIdx(1)..TypeIdx(3)]);
    assert_eq!(info.types[1].to_string(), "(func [(ref 2)] -> [])");
}

#[test]
fn damaged_modules_are_errors() {
    let wasm = binary(
        r#"(module (import "a" "b" (func)) (memory 1) (table 1 funcref) (global i32 (i32.const 1))
            (func (export "f") (param i32) (result i32) local.get 0) (elem (i32.const 0) 0) (data (i32.const 0) "abc"))"#,
    );
    validate(&wasm, default_features()).expect("valid");
    for len in 0..wasm.len() {
        // A module may end between sections; it must not do anything but succeed or fail then.
        let _ = validate(&wasm[..len], default_features());
        let _ = super::check_both(&wasm[..len], default_features());
    }
    for position in 0..wasm.len() {
        for bit in 0..8 {
            let mut damaged = wasm.clone();
            damaged[position] ^= 1 << bit;
            let valid = validate(&damaged, default_features()).is_ok();
            assert_eq!(super::check_both(&damaged, default_features()).is_ok(), valid, "bit {bit} of byte {position}");
        }
    }
}

#[test]
fn declared_counts_are_not_believed() {
    // A type, import, function, element or data section that announces 2^32 - 1 items.
    for section in [1_u8, 2, 3, 4, 5, 6, 7, 9, 10, 11] {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend([section, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]);
        let error = translate_module(&wasm, default_features()).err();
        assert!(matches!(error, Some(CompileError::Invalid { .. })), "section {section}: {error:?}");
    }
}

#[test]
fn too_many_locals_are_an_error() {
    let mut body = vec![1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b];
    body.insert(0, body.len() as u8);
    let mut wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0".to_vec();
    wasm.extend([10, 1 + body.len() as u8, 1]);
    wasm.extend(&body);
    let error = super::check_both(&wasm, default_features()).expect_err("4 billion locals");
    assert!(matches!(&error, CompileError::Invalid { message, .. } if message.contains("too many locals")), "{error}");
}
