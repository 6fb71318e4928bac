//! Everything that the standard's world `wasi:cli/command` imports is there and has the standard's types.
//!
//! The definition is the one inside the adapter from preview 1, whose imports are that world. A component is made that imports all of it, so that
//! linking compares each type.

use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER;
use wasmer_component::{Component, ComponentLinker};
use wasmer_runtime::{Backend, Engine, Store};
use wasmer_wasi::WasiCtxBuilder;
use wasmer_wasi_p2::{WasiP2, add_imports_to_linker, add_to_linker};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve, WorldId, WorldItem};

/// How many functions and resources the world imports.
const FUNCTIONS: usize = 123;
const RESOURCES: usize = 14;

/// The world, and what it is found in.
fn world() -> (Resolve, WorldId) {
    let (_, bindgen) = wit_component::metadata::decode(WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER).unwrap();
    (bindgen.resolve, bindgen.world)
}

/// A component that imports all of the world.
fn component() -> Vec<u8> {
    let (resolve, world) = world();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).unwrap();
    encoder.encode().unwrap()
}

#[test]
fn the_definition_is_whole() {
    let (resolve, world) = world();
    let (mut functions, mut resources) = (0, 0);
    for item in resolve.worlds[world].imports.values() {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = &resolve.interfaces[*id];
        functions += interface.functions.len();
        let types = interface.types.values().map(|ty| &resolve.types[*ty].kind);
        resources += types.filter(|kind| matches!(kind, wit_parser::TypeDefKind::Resource)).count();
    }
    assert_eq!((functions, resources), (FUNCTIONS, RESOURCES));
}

#[test]
fn everything_links() {
    let backend = Backend::built().next().unwrap();
    let engine = Engine::new(backend.config().unwrap()).unwrap();
    let component = Component::new(&engine, &component()).unwrap();
    assert!(component.info().imports.len() >= FUNCTIONS, "{} imports", component.info().imports.len());
    let (mut all, mut imported) = (ComponentLinker::new(), ComponentLinker::new());
    add_to_linker(&mut all, |wasi: &mut WasiP2| wasi).unwrap();
    add_imports_to_linker(&mut imported, &component, |wasi: &mut WasiP2| wasi).unwrap();
    for linker in [all, imported] {
        assert_eq!(linker.missing(&component), Vec::<String>::new());
        let mut store = Store::new(&engine, WasiP2::new(WasiCtxBuilder::new().build().unwrap()));
        linker.instantiate(&mut store, &component).unwrap();
    }
}
