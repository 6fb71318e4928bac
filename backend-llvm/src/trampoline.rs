//! Trampolines between array call (C convention, values in a buffer) and our wasm call.

use inkwell::GlobalVisibility;
use inkwell::types::FunctionType;
use inkwell::values::FunctionValue;
use wasmer_runtime_core::compiler::Trampoline;
use wasmer_runtime_core::layout::*;
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::types::{Signature, TypeIdx};

use crate::abi::FuncAbi;
use crate::codegen::{Codegen, V};
use crate::intrinsics::{Built, params};

/// The symbol of the only trampoline of an LLVM module.
pub(crate) const TRAMPOLINE_SYMBOL: &str = "trampoline";

impl<'ctx> Codegen<'ctx, '_> {
    pub(crate) fn trampoline(&mut self, trampoline: Trampoline) -> Result<()> {
        match trampoline {
            Trampoline::ArrayToWasm(ty) => self.array_to_wasm(&self.signature_of(ty)),
            Trampoline::WasmToArray(ty) => self.wasm_to_array(&self.signature_of(ty)),
        }
    }

    fn signature_of(&self, ty: TypeIdx) -> Signature {
        self.info.func_type(ty).signature()
    }

    /// `fn(callee, values) -> bool`.
    fn array_call(&self) -> FunctionType<'ctx> {
        self.t.i8.fn_type(&params([self.t.ptr.into(), self.t.ptr.into()]), false)
    }

    fn define(&mut self, abi: FuncAbi<'ctx>) -> FunctionValue<'ctx> {
        let function = self.module.add_function(TRAMPOLINE_SYMBOL, abi.ty, None);
        function.as_global_value().set_visibility(GlobalVisibility::Hidden);
        self.attribute(function);
        self.open(function, TRAMPOLINE_SYMBOL, u32::MAX, abi);
        function
    }

    /// An array call: arguments out of the buffer, call, results into the buffer.
    fn array_to_wasm(&mut self, signature: &Signature) -> Result<()> {
        let abi = FuncAbi::foreign(self.array_call());
        let function = self.define(abi);
        let callee = self.f().vmctx;
        let values = function.get_nth_param(1).map(V::into_pointer_value).unwrap_or(callee);
        let mut args = Vec::with_capacity(signature.params.len());
        self.load_values(values, &signature.params, &mut args)?;
        let entry = self.load_constant_ptr(callee, VMFUNCREF_WASM_CALL)?;
        let vmctx = self.load_constant_ptr(callee, VMFUNCREF_VMCTX)?;
        self.load_fuel(vmctx)?;
        let mut results = Vec::with_capacity(signature.results.len());
        self.call_entry(entry, vmctx, signature, &args, &mut results)?;
        self.store_values(values, &results)?;
        let returned = self.store_fuel(vmctx)?.unwrap_or_else(|| self.t.i8.const_int(1, false));
        self.b.build_return(Some(&returned)).built()?;
        self.leave();
        Ok(())
    }

    /// A wasm function that stores its arguments, makes an array call and loads the results.
    fn wasm_to_array(&mut self, signature: &Signature) -> Result<()> {
        let abi = self.abi(signature);
        self.define(abi);
        let size = signature.params.len().max(signature.results.len()).max(1) as u32;
        let buffer = self.buffer(size)?;
        let args = self.incoming(signature)?;
        self.store_values(buffer, &args)?;
        let import = self.f().vmctx;
        let callee = self.load_constant_ptr(import, VMIMPORT_CALLEE)?;
        let entry = self.load_constant_ptr(callee, VMFUNCREF_ARRAY_CALL)?;
        self.b.build_indirect_call(self.array_call(), entry, &[callee.into(), buffer.into()], "").built()?;
        self.load_fuel(import)?;
        let mut results = Vec::with_capacity(signature.results.len());
        self.load_values(buffer, &signature.results, &mut results)?;
        self.emit_return(&results)?;
        self.leave();
        Ok(())
    }
}
