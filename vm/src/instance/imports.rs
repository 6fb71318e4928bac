//! Functions that an instance imports, as code of its module calls them.

use std::ffi::c_void;
use std::ptr::NonNull;

use wasmer_runtime_core::layout::{VMCTX_IMPORT_VMCTX, VMOffsets};
use wasmer_runtime_core::types::FuncIdx;
use wasmer_runtime_core::vmcontext::*;

use super::Instance;
use crate::foreign::Foreign;
use crate::image::Damage;
use crate::module_code::ModuleCode;

/// Functions that an instance imports. Modules of one component import thousands of each other, nearly all of the same convention: those are only what they are.
#[derive(Default)]
pub(super) struct Imported {
    pub(super) originals: Box<[NonNull<VMFuncRef>]>,
    pub(super) foreign: ForeignImports,
}

/// The imports of another convention, or of the host, by their index, ascending.
pub(super) type ForeignImports = Box<[(FuncIdx, Foreign)]>;

impl Imported {
    /// The function itself.
    pub(super) fn original(&self, index: FuncIdx) -> Option<NonNull<VMFuncRef>> {
        self.originals.get(index.index()).copied()
    }

    /// The function as one of the importing code's convention: one that has it keeps its identity.
    pub(super) fn reference(&self, index: FuncIdx) -> Option<NonNull<VMFuncRef>> {
        match self.foreign.binary_search_by_key(&index.0, |(index, _)| index.0) {
            Ok(position) => Some(NonNull::from(&self.foreign[position].1.func_ref)),
            Err(_) => self.original(index),
        }
    }
}

impl Instance {
    /// Imports functions for code with this view of the vmctx.
    ///
    /// # Safety
    /// The functions live as long as the store; the code is the module's, and none that has this view runs.
    pub(super) unsafe fn import(
        &self,
        code: &ModuleCode,
        offsets: &VMOffsets,
        functions: &[NonNull<VMFuncRef>],
    ) -> Result<ForeignImports, Damage> {
        let (abi, image, store) = (code.abi(), &code.image, self.context());
        let mut foreign = Vec::new();
        for (index, original) in functions.iter().enumerate() {
            let index = FuncIdx::from_index(index);
            // SAFETY: the original lives as long as the store.
            let function = unsafe { original.as_ref() };
            if let Some(entry) = function.entry(abi.type_id(canonical_of(function.type_id))) {
                // SAFETY: the caller's promise.
                unsafe { self.write_import(offsets, index, entry, function.vmctx) };
                continue;
            }
            let ty = image.function_type_index(index)?;
            // SAFETY: the original lives as long as the store.
            foreign.push((index, unsafe { Foreign::new(*original, abi, image.wasm_to_array(ty)?.cast(), store) }));
        }
        let mut foreign = foreign.into_boxed_slice();
        for (index, function) in &mut foreign {
            function.link();
            // SAFETY: the caller's promise.
            unsafe { self.write_import(offsets, *index, function.func_ref.wasm_call, function.func_ref.vmctx) };
        }
        Ok(foreign)
    }

    /// # Safety
    /// As for [`Instance::import`].
    unsafe fn write_import(
        &self,
        offsets: &VMOffsets,
        index: FuncIdx,
        entry: *const c_void,
        vmctx: *mut VMContextHeader,
    ) {
        let offset = offsets.imported_function(index);
        // SAFETY: the offsets are the layout's.
        unsafe {
            self.field::<*const c_void>(offset).write(entry);
            self.field::<*mut VMContextHeader>(offset + VMCTX_IMPORT_VMCTX).write(vmctx);
        }
    }
}
