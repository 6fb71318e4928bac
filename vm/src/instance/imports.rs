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
    ) -> Result<Box<[Foreign]>, Damage> {
        let (abi, image, store) = (code.abi(), &code.image, self.context());
        let entry = |(index, original): (usize, &NonNull<VMFuncRef>)| {
            let ty = image.function_type_index(FuncIdx::from_index(index))?;
            // SAFETY: the original lives as long as the store.
            Ok(unsafe { Foreign::new(*original, abi, image.wasm_to_array(ty)?.cast(), store) })
        };
        let imported: Result<Vec<Foreign>, Damage> = functions.iter().enumerate().map(entry).collect();
        let mut imported = imported?.into_boxed_slice();
        for (index, function) in imported.iter_mut().enumerate() {
            function.link();
            // SAFETY: the original lives as long as the store.
            let original = unsafe { *function.original.as_ref() };
            let own_entry = original.entry(function.func_ref.type_id);
            if own_entry.is_some() {
                function.func_ref = original;
            }
            let offset = offsets.imported_function(FuncIdx::from_index(index));
            // SAFETY: the offsets are the layout's.
            unsafe {
                self.field::<*const c_void>(offset).write(own_entry.unwrap_or(function.func_ref.wasm_call));
                self.field::<*mut VMContextHeader>(offset + VMCTX_IMPORT_VMCTX).write(function.func_ref.vmctx);
            }
        }
        Ok(imported)
    }
}
