//! Modules.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::sync::Arc;

use wasmer_runtime::{Error, Module, TypeError};

use crate::config::os_str;
use crate::fault::{attempt, guard, null};
use crate::host_info::SharedInfo;
use crate::object::{Object, Reference};
use crate::store::CStore;
use crate::types::{CExportType, CImportType, write_boxes};
use crate::vector::{Vector, write};

/// `wasm_module_t`.
pub(crate) struct ModuleObject {
    pub(crate) module: Module,
    pub(crate) info: SharedInfo,
}

/// `wasm_shared_module_t`: for other stores, on any thread.
struct SharedModule(Module);

fn boxed(module: Module) -> Box<Reference> {
    Reference::of_object(Object::Module(Arc::new(ModuleObject { module, info: SharedInfo::none() })))
}

/// The module that a reference refers to.
pub(crate) fn module_of(reference: Option<&Reference>) -> Result<&Module, Error> {
    match reference.map(|reference| &reference.object) {
        Some(Object::Module(module)) => Ok(&module.module),
        Some(_) => Err(TypeError::other("the reference refers to no module").into()),
        None => Err(null("the module")),
    }
}

/// Makes a module in a store, of bytes.
fn from_bytes(
    store: Option<&CStore>,
    bytes: Option<&Vector<u8>>,
    make: impl FnOnce(&CStore, &[u8]) -> Result<Module, Error>,
) -> Option<Box<Reference>> {
    attempt(|| {
        let (store, bytes) = (store.ok_or_else(|| null("the store"))?, bytes.ok_or_else(|| null("the binary"))?);
        make(store, bytes.as_slice()).map(boxed)
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasm_module_new(store: Option<&CStore>, binary: Option<&Vector<u8>>) -> Option<Box<Reference>> {
    from_bytes(store, binary, |store, wasm| store.cell.engine.load(wasm))
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_module_new_from_file(store: Option<&CStore>, path: *const c_char) -> Option<Box<Reference>> {
    attempt(|| {
        let path = os_str(path).ok_or_else(|| null("the path"))?;
        store.ok_or_else(|| null("the store"))?.cell.engine.load_file(path).map(boxed)
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasm_module_validate(store: Option<&CStore>, binary: Option<&Vector<u8>>) -> bool {
    let valid = attempt(|| {
        let (store, binary) = (store.ok_or_else(|| null("the store"))?, binary.ok_or_else(|| null("the binary"))?);
        store.cell.engine.engine.validate(binary.as_slice())
    });
    valid.is_some()
}

#[unsafe(no_mangle)]
extern "C" fn wasm_module_imports(
    module: Option<&Reference>,
    out: Option<&mut MaybeUninit<Vector<Option<Box<CImportType>>>>>,
) {
    let imports = attempt(|| Ok(module_of(module)?.imports().map(CImportType::new).collect::<Vec<_>>()));
    write_boxes(out, imports.unwrap_or_default().into_iter());
}

#[unsafe(no_mangle)]
extern "C" fn wasm_module_exports(
    module: Option<&Reference>,
    out: Option<&mut MaybeUninit<Vector<Option<Box<CExportType>>>>>,
) {
    let exports = attempt(|| Ok(module_of(module)?.exports().map(CExportType::new).collect::<Vec<_>>()));
    write_boxes(out, exports.unwrap_or_default().into_iter());
}

#[unsafe(no_mangle)]
extern "C" fn wasm_module_serialize(module: Option<&Reference>, out: Option<&mut MaybeUninit<Vector<u8>>>) {
    let bytes = attempt(|| module_of(module)?.serialize());
    write(out, bytes.map_or(Vector::EMPTY, |bytes| Vector::copied(&bytes)));
}

#[unsafe(no_mangle)]
extern "C" fn wasm_module_deserialize(store: Option<&CStore>, bytes: Option<&Vector<u8>>) -> Option<Box<Reference>> {
    // SAFETY: the header says that the bytes must be those of `wasm_module_serialize`.
    from_bytes(store, bytes, |store, bytes| unsafe { Module::deserialize(&store.cell.engine.engine, bytes) })
}

#[unsafe(no_mangle)]
extern "C" fn wasm_module_share(module: Option<&Reference>) -> Option<Box<SharedModule>> {
    attempt(|| Ok(Box::new(SharedModule(module_of(module)?.clone()))))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_module_obtain(store: Option<&CStore>, shared: Option<&SharedModule>) -> Option<Box<Reference>> {
    attempt(|| {
        store.ok_or_else(|| null("the store"))?;
        Ok(boxed(shared.ok_or_else(|| null("the shared module"))?.0.clone()))
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasm_shared_module_delete(shared: Option<Box<SharedModule>>) {
    let _ = guard(|| shared.map(drop));
}
