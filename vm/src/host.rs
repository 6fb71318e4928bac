//! Host functions as compiled code sees them.

use wasmer_runtime_core::vmcontext::*;

use crate::arch;

/// A host function's Rust entry, called on the host's stack. Returns false after recording why the guest must stop.
pub type HostEntry = unsafe extern "C" fn(context: *mut VMHostContext, values: *mut RawValue) -> bool;

/// The vmctx of a host function. Must not move after [`VMHostContext::link`].
#[repr(C)]
pub struct VMHostContext {
    /// So that it can be the vmctx of a wasm call too.
    pub import: VMImportContext,
    /// What the exit stub calls.
    pub func: HostEntry,
    /// The function's reference.
    pub func_ref: VMFuncRef,
    /// Whether the function parks its caller.
    parks: bool,
}

impl VMHostContext {
    /// A context that still has to be linked.
    pub fn new(store: *mut VMStoreContext, func: HostEntry, type_id: u32) -> Self {
        let header = VMContextHeader { libcalls: arch::libcall_table(), store };
        let func_ref = VMFuncRef::new(arch::exit_host, std::ptr::null(), std::ptr::null_mut(), type_id);
        Self { import: VMImportContext { header, callee: std::ptr::null() }, func, func_ref, parks: false }
    }

    /// The same of a function that parks its caller: it returns true when it has left what has to be done before the caller can go on.
    pub fn new_parking(store: *mut VMStoreContext, func: HostEntry, type_id: u32) -> Self {
        let mut context = Self::new(store, func, type_id);
        context.func_ref.array_call = arch::exit_parking;
        Self { parks: true, ..context }
    }

    /// From now on, wasm's registers are where a collection of references looks when the function is called.
    pub fn save_registers(&mut self) {
        // The other stub does that always.
        if !self.parks {
            self.func_ref.array_call = arch::exit_host_saving;
        }
    }

    /// Makes the context point to itself, at its final place.
    pub fn link(&mut self) {
        self.func_ref.vmctx = std::ptr::from_mut(self).cast();
        self.import.callee = &self.func_ref;
    }
}
