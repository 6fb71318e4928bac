//! What is there of `components` in a build without them: a script that has one is told so.

use wasmer_api::{Engine, Error, Store, Val};
use wasmer_runtime_core::translate::module::WasmFeatures;
use wast::{WastInvoke, WastRet};

use super::{Miss, values};

/// What a call returned.
#[derive(Debug)]
pub(super) enum Results {
    Core(Vec<Val>),
}

/// There are none.
#[derive(Clone)]
pub(super) enum Component {}

/// There are none.
#[derive(Clone)]
pub(super) enum ComponentInstance {}

/// Bytes of one are to the engine what they are to every program without components: a module that it refuses by name.
pub(super) fn is_component(_: &[u8]) -> bool {
    false
}

pub(super) fn compile(_: &Engine, _: &[u8]) -> Result<Component, Error> {
    Err(Error::host("this build has no components"))
}

pub(super) fn instantiate(component: &Component, _: &mut Store<()>) -> Result<ComponentInstance, Error> {
    match *component {}
}

pub(super) fn call(
    instance: &ComponentInstance,
    _: &WastInvoke<'_>,
    _: &mut Store<()>,
) -> Result<Result<Results, Error>, Miss> {
    match *instance {}
}

pub(super) fn compare(found: &Results, expected: &[WastRet<'_>], store: &mut Store<()>) -> Result<(), Miss> {
    let Results::Core(found) = found;
    values::compare(found, expected, store)
}

/// No error is a trap of the canonical ABI.
pub(super) fn trapped(_: &Error, _: &str) -> bool {
    false
}

pub(super) fn refused(_: &[u8], _: WasmFeatures) -> Result<(), Miss> {
    Err("this build has no components".into())
}
