//! Functions as code of another convention calls them.

use std::ffi::c_void;
use std::ptr::NonNull;

use wasmer_runtime_core::compiler::Abi;
use wasmer_runtime_core::vmcontext::*;

use crate::arch;

/// A function of another convention, or of the host, with a trampoline of the caller's convention. Must not move after [`Foreign::link`].
#[repr(C)]
pub(crate) struct Foreign {
    context: VMImportContext,
    /// The function as a reference in the caller's convention.
    pub(crate) func_ref: VMFuncRef,
    /// The function itself.
    pub(crate) original: NonNull<VMFuncRef>,
}

impl Foreign {
    /// `wasm_call` is the wasm-to-array trampoline of convention `abi` for the function's type.
    ///
    /// # Safety
    /// `original` lives as long as the store.
    pub(crate) unsafe fn new(
        original: NonNull<VMFuncRef>,
        abi: Abi,
        wasm_call: *const c_void,
        store: *mut VMStoreContext,
    ) -> Self {
        // SAFETY: the caller's promise.
        let type_id = abi.type_id(canonical_of(unsafe { original.as_ref() }.type_id));
        let header = VMContextHeader { libcalls: arch::libcall_table(), store };
        let context = VMImportContext { header, callee: original.as_ptr() };
        let func_ref = VMFuncRef::new(arch::forward, wasm_call, std::ptr::null_mut(), type_id);
        Self { context, func_ref, original }
    }

    /// Makes it point to itself, at its final place.
    pub(crate) fn link(&mut self) {
        self.func_ref.vmctx = (&raw mut self.context).cast();
        if !self.is_host() {
            self.func_ref.array_call = arch::cross;
            self.context.callee = &self.func_ref;
        }
    }

    /// Whether it is a function of the host, which leaves wasm in its first instructions.
    fn is_host(&self) -> bool {
        // SAFETY: the promise of `new`.
        let type_id = unsafe { self.original.as_ref() }.type_id;
        type_id == Abi::HOST.type_id(canonical_of(type_id))
    }
}
