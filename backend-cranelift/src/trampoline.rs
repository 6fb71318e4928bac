//! Trampolines between array call and wasm call.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, MemFlagsData, Signature as ClifSignature, StackSlotData, StackSlotKind,
    UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use wasmer_runtime_core::compiler::Trampoline;
use wasmer_runtime_core::layout::{
    RAW_VALUE_BYTES, VMCTX_STORE, VMFUNCREF_ARRAY_CALL, VMFUNCREF_VMCTX, VMFUNCREF_WASM_CALL, VMIMPORT_CALLEE,
    VMSTORE_FUEL,
};
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::types::Signature;

use crate::codegen::{clif_type, wasm_signature};

/// log2 of [`RAW_VALUE_BYTES`].
const RAW_VALUE_ALIGN_SHIFT: u8 = 4;

/// Writes the IR of a trampoline into `func`.
pub(crate) fn build(
    module: &ModuleInfo,
    trampoline: Trampoline,
    isa: &dyn TargetIsa,
    func: &mut Function,
    context: &mut FunctionBuilderContext,
) {
    let (namespace, ty) = match trampoline {
        Trampoline::ArrayToWasm(ty) => (1, ty),
        Trampoline::WasmToArray(ty) => (2, ty),
    };
    let signature = module.func_type(ty).signature();
    func.name = UserFuncName::user(namespace, ty.0);
    func.signature = match trampoline {
        Trampoline::ArrayToWasm(_) => array_signature(),
        Trampoline::WasmToArray(_) => wasm_signature(module, &signature),
    };
    let mut builder = FunctionBuilder::new(func, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    builder.seal_block(entry);
    match trampoline {
        Trampoline::ArrayToWasm(_) => array_to_wasm(&mut builder, module, &signature),
        Trampoline::WasmToArray(_) => wasm_to_array(&mut builder, module, &signature),
    }
    builder.finalize(isa.frontend_config());
}

/// `extern "C" fn(callee: *const VMFuncRef, values: *mut RawValue) -> bool`.
fn array_signature() -> ClifSignature {
    let mut signature = ClifSignature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64), AbiParam::new(types::I64)]);
    signature.returns.push(AbiParam::new(types::I8));
    signature
}

/// The offset of a value in the buffer of an array call.
fn value_offset(position: usize) -> i32 {
    position as i32 * RAW_VALUE_BYTES
}

/// The fuel of the store of a context. Array calls pass none: while the host runs, it is there.
fn load_fuel(builder: &mut FunctionBuilder<'_>, vmctx: Value) -> Value {
    let flags = MemFlagsData::trusted();
    let store = builder.ins().load(types::I64, flags, vmctx, VMCTX_STORE);
    builder.ins().load(types::I64, flags, store, VMSTORE_FUEL)
}

fn array_to_wasm(builder: &mut FunctionBuilder<'_>, module: &ModuleInfo, signature: &Signature) {
    let flags = MemFlagsData::trusted();
    let entry = builder.current_block().expect("the entry block is open");
    let &[callee, values] = builder.block_params(entry) else { unreachable!("array call has two parameters") };
    let mut args = Vec::with_capacity(signature.params.len() + 2);
    let vmctx = builder.ins().load(types::I64, flags, callee, VMFUNCREF_VMCTX);
    args.push(vmctx);
    if module.metered {
        args.push(load_fuel(builder, vmctx));
    }
    for (position, ty) in signature.params.iter().enumerate() {
        args.push(builder.ins().load(clif_type(*ty), flags, values, value_offset(position)));
    }
    let code = builder.ins().load(types::I64, flags, callee, VMFUNCREF_WASM_CALL);
    let sig = builder.import_signature(wasm_signature(module, signature));
    let call = builder.ins().call_indirect(sig, code, &args);
    for position in 0..signature.results.len() {
        let result = builder.inst_results(call)[position + usize::from(module.metered)];
        builder.ins().store(flags, result, values, value_offset(position));
    }
    // A call that fails does not come back here: the exit stub leaves to the entry stub, which then says so. One that has returned on credit has failed, too.
    let returned = if module.metered {
        let left = builder.inst_results(call)[0];
        let store = builder.ins().load(types::I64, flags, vmctx, VMCTX_STORE);
        builder.ins().store(flags, left, store, VMSTORE_FUEL);
        builder.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, left, 0)
    } else {
        builder.ins().iconst(types::I8, 1)
    };
    builder.ins().return_(&[returned]);
}

fn wasm_to_array(builder: &mut FunctionBuilder<'_>, module: &ModuleInfo, signature: &Signature) {
    let flags = MemFlagsData::trusted();
    let entry = builder.current_block().expect("the entry block is open");
    let vmctx = builder.block_params(entry)[0];
    // Arguments and results share the buffer.
    let slots = signature.params.len().max(signature.results.len()) as u32;
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, slots * RAW_VALUE_BYTES as u32, RAW_VALUE_ALIGN_SHIFT);
    let slot = builder.create_sized_stack_slot(slot);
    let values = builder.ins().stack_addr(types::I64, slot, 0);
    for position in 0..signature.params.len() {
        let argument = builder.block_params(entry)[position + 1 + usize::from(module.metered)];
        builder.ins().store(flags, argument, values, value_offset(position));
    }
    let callee = builder.ins().load(types::I64, flags, vmctx, VMIMPORT_CALLEE);
    let code = builder.ins().load(types::I64, flags, callee, VMFUNCREF_ARRAY_CALL);
    let sig = builder.import_signature(array_signature());
    // The result is not checked: every entry that can fail is called through an exit stub, which then leaves wasm by itself.
    builder.ins().call_indirect(sig, code, &[callee, values]);
    let mut results = Vec::with_capacity(signature.results.len() + 1);
    if module.metered {
        results.push(load_fuel(builder, vmctx));
    }
    for (position, ty) in signature.results.iter().enumerate() {
        results.push(builder.ins().load(clif_type(*ty), flags, values, value_offset(position)));
    }
    builder.ins().return_(&results);
}
