//! Components from WIT: of a core module in text, or of one that hands every call of an export on to the import of the same name.

use std::fmt::Write;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Resolve, WorldId, WorldItem, WorldKey};

/// A memory, and an allocator that never frees. What is below 1024 is for results.
const ALLOCATOR: &str = r#"
    (memory (export "memory") 16)
    (global $next (mut i32) (i32.const 1024))
    (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
"#;

/// The component of a core module, which lacks its memory.
pub(crate) fn component(wit: &str, imports: &str, body: &str) -> Vec<u8> {
    let (resolve, world) = world(wit);
    encode(&resolve, world, &format!("(module {imports} {ALLOCATOR} {body})"))
}

/// A component whose exported functions call imports of the same name and type.
pub(crate) fn forwarder(wit: &str) -> Vec<u8> {
    let (resolve, world) = world(wit);
    let (mut imports, mut body) = (String::new(), String::new());
    let imported = functions(&resolve, &resolve.worlds[world].imports);
    for (number, (interface, function)) in functions(&resolve, &resolve.worlds[world].exports).into_iter().enumerate() {
        let twin = imported.iter().find(|(_, twin)| twin.name == function.name).expect("an import of the same name");
        let import = resolve.wasm_signature(AbiVariant::GuestImport, twin.1);
        let export = resolve.wasm_signature(AbiVariant::GuestExport, function);
        let list = |types: &[WasmType]| types.iter().map(|ty| core_type(*ty)).collect::<Vec<_>>().join(" ");
        let from = twin.0.as_deref().unwrap_or("$root");
        let (name, params, results) = (&function.name, list(&import.params), list(&import.results));
        writeln!(imports, r#"(import "{from}" "{name}" (func $f{number} (param {params}) (result {results})))"#)
            .unwrap();
        let path = interface.map_or_else(|| name.clone(), |interface| format!("{interface}#{name}"));
        let (params, results) = (list(&export.params), list(&export.results));
        let mut arguments: String = (0..export.params.len()).map(|index| format!("(local.get {index})")).collect();
        let mut result = "";
        if import.retptr {
            arguments.push_str("(i32.const 16)");
            result = "(i32.const 16)";
        }
        writeln!(
            body,
            r#"(func (export "{path}") (param {params}) (result {results}) (call $f{number} {arguments}) {result})"#
        )
        .unwrap();
    }
    encode(&resolve, world, &format!("(module {imports} {ALLOCATOR} {body})"))
}

fn world(wit: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    (resolve, world)
}

fn encode(resolve: &Resolve, world: WorldId, module: &str) -> Vec<u8> {
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).unwrap();
    encoder.encode().unwrap()
}

/// Functions with the interfaces that they are in.
fn functions<'a>(
    resolve: &'a Resolve,
    items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Vec<(Option<String>, &'a Function)> {
    let mut functions = Vec::new();
    for (key, item) in items {
        match item {
            WorldItem::Function(function) => functions.push((None, function)),
            WorldItem::Interface { id, .. } => {
                let of_it = resolve.interfaces[*id].functions.values();
                functions.extend(of_it.map(|function| (Some(resolve.name_world_key(key)), function)));
            }
            WorldItem::Type { .. } => {}
        }
    }
    functions
}

fn core_type(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}
