//! Exceptions: calls in a region have the region's landing as their other end. What is known there stands in the store's context.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmer_runtime_core::layout::{
    RAW_VALUE_BYTES, VMCTX_STORE, VMSTORE_CAUGHT_REF, VMSTORE_CAUGHT_TAG, VMSTORE_CAUGHT_VALUES, VMSTORE_VALUES,
};
use wasmer_runtime_core::libcall::HostCall;
use wasmer_runtime_core::translate::codegen::{BlockSig, TagRef};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::Ty;

use crate::codegen::{Codegen, Landing, clif_trap, clif_type};
use crate::control::{Frame, FrameKind, block_with, continue_in, fall_through, load_fuel};
use crate::libcall::libcall;
use crate::region::Region;

pub(crate) fn try_(cg: &mut Codegen<'_>, sig: BlockSig<'_>) -> Frame {
    let end = block_with(cg, sig.results);
    let block = cg.builder.create_block();
    // Exceptions are rare: landings are placed after the function's other code.
    cg.builder.set_cold_block(block);
    cg.scratch.landings.push(Landing { block, used: false });
    Frame::new(cg, FrameKind::Try { end, landing: cg.scratch.landings.len() - 1 })
}

pub(crate) fn landing(cg: &mut Codegen<'_>, frame: &mut Frame, fallthrough: Option<&[Value]>) -> bool {
    let FrameKind::Try { end, .. } = frame.kind else { unreachable!("only a region has a landing") };
    fall_through(cg, frame, end, fallthrough);
    let Some(Landing { block, used: true }) = cg.scratch.landings.pop() else { return false };
    continue_in(cg, block);
    // What threw has stored the fuel, and an exception carries no registers.
    load_fuel(cg);
    true
}

pub(crate) fn throw_on(cg: &mut Codegen<'_>, frame: Option<&mut Frame>) {
    match frame.map(|frame| frame.kind) {
        Some(FrameKind::Try { landing, .. }) => {
            let landing = &mut cg.scratch.landings[landing];
            landing.used = true;
            let block = landing.block;
            cg.ins().jump(block, &[]);
        }
        Some(_) => unreachable!("only a region has a landing"),
        None => {
            libcall(cg, HostCall::Throw {}, &[], &[]);
            // The libcall does not return.
            cg.ins().trap(clif_trap(TrapCode::Unreachable));
        }
    }
}

/// The store's context, and flags of accesses of the exception on its way.
fn caught(cg: &mut Codegen<'_>) -> (Value, MemFlagsData) {
    (cg.load_constant(VMCTX_STORE), cg.trusted(Region::Caught))
}

pub(crate) fn set_tag(cg: &mut Codegen<'_>, tag: &TagRef) {
    let (store, flags) = caught(cg);
    let tag = cg.load_constant(tag.offset);
    cg.ins().store(flags, tag, store, VMSTORE_CAUGHT_TAG);
    let values = cg.ins().iadd_imm_s(store, i64::from(VMSTORE_VALUES));
    cg.ins().store(flags, values, store, VMSTORE_CAUGHT_VALUES);
    // Zero: nobody has asked for a reference to this exception yet (ADR 30).
    let null = cg.ins().iconst(types::I64, 0);
    cg.ins().store(flags, null, store, VMSTORE_CAUGHT_REF);
}

pub(crate) fn set_value(cg: &mut Codegen<'_>, index: u32, value: Value) {
    let (store, flags) = caught(cg);
    let value = cg.canonical(value);
    cg.ins().store(flags, value, store, VMSTORE_VALUES + index as i32 * RAW_VALUE_BYTES);
}

pub(crate) fn tag_is(cg: &mut Codegen<'_>, tag: &TagRef) -> Value {
    let (store, flags) = caught(cg);
    let tag = cg.load_constant(tag.offset);
    let found = cg.ins().load(types::I64, flags, store, VMSTORE_CAUGHT_TAG);
    let same = cg.ins().icmp(IntCC::Equal, found, tag);
    cg.ins().uextend(types::I32, same)
}

/// The values are not always in the store's context: with a reference they are those of the exception's object.
pub(crate) fn value(cg: &mut Codegen<'_>, index: u32, ty: Ty) -> Value {
    let (store, flags) = caught(cg);
    let values = cg.ins().load(types::I64, flags, store, VMSTORE_CAUGHT_VALUES);
    cg.ins().load(clif_type(ty), flags, values, index as i32 * RAW_VALUE_BYTES)
}
