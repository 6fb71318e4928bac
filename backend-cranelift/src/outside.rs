//! What code says of an access that it has found outside of a memory: the index, the static offset, and where the memory's definition is.
//!
//! Cranelift has no instruction that traps and keeps values in registers, but calls do. So a call and the trap behind it are written, and one instruction
//! that traps is put in the place of both; the virtual machine reads its operands.

use cranelift_codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, FuncRef, Function, Signature, UserExternalName, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_codegen::{FinalizedMachReloc, FinalizedRelocTarget};
use rustc_hash::FxHashMap;

/// The functions that are called, by static offset.
pub(crate) type Functions = FxHashMap<u32, FuncRef>;

/// Where names of functions that do not exist are; their number is the static offset.
const NAMESPACE: u32 = 1;

/// What is called with the index and where the definition is.
pub(crate) fn function(func: &mut Function, functions: &mut Functions, offset: u32) -> FuncRef {
    if let Some(function) = functions.get(&offset) {
        return *function;
    }
    let signature = match functions.values().next() {
        Some(other) => func.dfg.ext_funcs[*other].signature,
        None => {
            let mut signature = Signature::new(CallConv::SystemV);
            signature.params.extend([AbiParam::new(types::I64); 2]);
            func.import_signature(signature)
        }
    };
    let name = func.declare_imported_user_function(UserExternalName { namespace: NAMESPACE, index: offset });
    let name = ExternalName::User(name);
    let function = func.import_function(ExtFuncData { name, signature, colocated: true, patchable: false });
    functions.insert(offset, function);
    function
}

/// The static offset, if this belongs to such a call.
pub(crate) fn offset(reloc: &FinalizedMachReloc, func: &Function) -> Option<u32> {
    let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = &reloc.target else { return None };
    let name = &func.params.user_named_funcs()[*name];
    (name.namespace == NAMESPACE).then_some(name.index)
}

/// Bytes of a call.
#[cfg(target_arch = "x86_64")]
pub(crate) const CALL_BYTES: u32 = 5;
/// Bytes of a call.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const CALL_BYTES: u32 = 4;

/// Where the call begins.
pub(crate) fn call(reloc: &FinalizedMachReloc) -> u32 {
    // The distance is its last four bytes.
    reloc.offset + 4 - CALL_BYTES
}

/// Puts the instruction in the place of the call that `text` begins with and the trap behind it. False if they are not there.
#[cfg(target_arch = "x86_64")]
pub(crate) fn say(text: &mut [u8], offset: u32) -> bool {
    let Some(place) = text.first_chunk_mut::<7>() else { return false };
    let is_call_and_trap = place[0] == 0xe8 && place[5..] == [0x0f, 0x0b];
    // ud1 esi, [rdi + offset]
    *place = [0x0f, 0xb9, 0xb7, 0, 0, 0, 0];
    place[3..].copy_from_slice(&offset.to_le_bytes());
    is_call_and_trap
}

/// Puts the instruction in the place of the call that `text` begins with and the trap behind it. False if they are not there.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn say(text: &mut [u8], offset: u32) -> bool {
    let Some(place) = text.first_chunk_mut::<8>() else { return false };
    let is_call_and_trap = place[3] >> 2 == 0b100101 && place[6..] == [0, 0];
    // udf: x0 is the index, x1 the definition.
    place[..4].copy_from_slice(&(1 << 11 | 1_u32 << 5).to_le_bytes());
    place[4..].copy_from_slice(&offset.to_le_bytes());
    is_call_and_trap
}
