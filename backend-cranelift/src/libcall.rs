//! Calls of the host's functions.

use cranelift_codegen::ir::{AbiParam, InstBuilder, SigRef, Signature as ClifSignature, Value, types};
use cranelift_codegen::isa::CallConv;
use wasmer_runtime_core::layout::VMCTX_LIBCALLS;
use wasmer_runtime_core::libcall::{HostCall, Libcall};
use wasmer_runtime_core::types::Ty;

use crate::codegen::{Codegen, clif_type};
use crate::region::Region;

/// A call through the libcall table: the vmctx, the immediates, then the operands.
pub(crate) fn libcall(cg: &mut Codegen<'_>, call: HostCall, operand_types: &[Ty], operands: &[Value]) -> Option<Value> {
    let libcall = call.libcall();
    let block = cg.builder.current_block().filter(|_| cg.module.is_rare(call));
    if let Some(block) = block {
        cg.builder.set_cold_block(block);
    }
    let sig = libcall_sig(cg, libcall);
    let code = if block.is_some() {
        // Stays where it is: in front of a loop it would take a register that the loop needs.
        let flags = cg.trusted(Region::Constant).with_readonly();
        let vmctx = cg.vmctx;
        let table = cg.ins().load(types::I64, flags, vmctx, VMCTX_LIBCALLS);
        cg.ins().load(types::I64, flags, table, libcall.table_offset())
    } else {
        let table = cg.load_constant(VMCTX_LIBCALLS);
        let flags = cg.trusted(Region::Constant).with_readonly().with_can_move();
        cg.ins().load(types::I64, flags, table, libcall.table_offset())
    };
    let mut args = std::mem::take(&mut cg.scratch.call_args);
    args.clear();
    args.push(cg.vmctx);
    for &immediate in &*call.immediates() {
        args.push(cg.ins().iconst(types::I64, immediate as i64));
    }
    for ((&param, &ty), &operand) in libcall.params().iter().zip(operand_types).zip(operands) {
        // Lengths and indices are 32 or 64 bits by the memory's or table's width; the host takes 64.
        let widen = param == Ty::I64 && ty == Ty::I32;
        args.push(if widen { cg.ins().uextend(types::I64, operand) } else { operand });
    }
    let inst = cg.ins().call_indirect(sig, code, &args);
    cg.scratch.call_args = args;
    cg.builder.inst_results(inst).first().copied()
}

/// The declaration of a libcall's signature.
fn libcall_sig(cg: &mut Codegen<'_>, call: Libcall) -> SigRef {
    if let Some(sig) = cg.scratch.libcalls.get(&call) {
        return *sig;
    }
    // The vmctx and the immediates are 64 bits each.
    let mut signature = ClifSignature::new(CallConv::SystemV);
    signature.params.extend((0..=call.immediates()).map(|_| AbiParam::new(types::I64)));
    signature.params.extend(call.params().iter().map(|ty| AbiParam::new(clif_type(*ty))));
    signature.returns.extend(call.result().map(|ty| AbiParam::new(clif_type(ty))));
    let sig = cg.builder.import_signature(signature);
    cg.scratch.libcalls.insert(call, sig);
    sig
}
