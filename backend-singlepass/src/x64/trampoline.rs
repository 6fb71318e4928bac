//! Trampolines between array call and wasm call.
//!
//! Array call is C: `rdi` the callee's function reference, `rsi` the values, `al` whether it returned. A trampoline that is entered by it keeps
//! the values' address at `rbp - 8`, its vmctx at `rbp - 16`, and below them the registers that C wants preserved.

use dynasm::dynasm;
use dynasmrt::DynasmApi;
use wasmer_runtime_core::compiler::{NO_WASM_OFFSET, Symbol, Trampoline};
use wasmer_runtime_core::layout::*;
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::types::{Signature, Ty};

use crate::codegen::Codegen;
use crate::regs::Reg;
use crate::x64::asm::Mem;
use crate::x64::frame::overflow_place;
use crate::x64::regs::*;

/// Compiles a trampoline.
pub(crate) fn build(codegen: &mut Codegen, module: &ModuleInfo, trampoline: Trampoline) -> Result<()> {
    let (Trampoline::ArrayToWasm(ty) | Trampoline::WasmToArray(ty)) = trampoline;
    let signature = module.func_type(ty).signature();
    // A worker may make trampolines only.
    codegen.set_module(module);
    codegen.open(NO_WASM_OFFSET);
    match trampoline {
        Trampoline::ArrayToWasm(_) => array_to_wasm(codegen, &signature),
        Trampoline::WasmToArray(_) => wasm_to_array(codegen, &signature),
    }
    codegen.close(Symbol::Trampoline(trampoline))
}

/// The place of a value in the buffer of an array call.
fn value_place(base: Reg, position: usize) -> Mem {
    Mem::new(base, position as i32 * RAW_VALUE_BYTES)
}

/// Whether some of these values fit no register, but go through the store's room.
fn overflows(types: &[Ty], mut dealer: Dealer) -> bool {
    types.iter().any(|ty| dealer.next(*ty).is_none())
}

/// Values of a buffer to where a convention wants them. The buffer's address is in a register that the convention does not use, and so is
/// the store's.
fn load_values(codegen: &mut Codegen, types: &[Ty], mut dealer: Dealer, buffer: Reg, store: Reg) {
    for (position, &ty) in types.iter().enumerate() {
        let place = value_place(buffer, position);
        match dealer.next(ty) {
            Some(reg) => codegen.a.load_value(ty, reg, &place),
            None => codegen.a.copy_value(ty, &overflow_place(store, position), &place),
        }
    }
}

/// The reverse of [`load_values`].
fn store_values(codegen: &mut Codegen, types: &[Ty], mut dealer: Dealer, buffer: Reg, store: Reg) {
    for (position, &ty) in types.iter().enumerate() {
        let place = value_place(buffer, position);
        match dealer.next(ty) {
            Some(reg) => codegen.a.store_value(ty, &place, reg),
            None => codegen.a.copy_value(ty, &place, &overflow_place(store, position)),
        }
    }
}

fn array_to_wasm(codegen: &mut Codegen, signature: &Signature) {
    let a = &mut codegen.a;
    dynasm!(a
        ; .arch x64
        ; push rbp
        ; mov rbp, rsp
        ; sub rsp, 64
        ; mov [rbp - 24], rbx
        ; mov [rbp - 32], r12
        ; mov [rbp - 40], r13
        ; mov [rbp - 48], r14
        ; mov [rbp - 56], r15
        ; mov r14, [rdi + VMFUNCREF_VMCTX]
        ; mov [rbp - 8], rsi
        ; mov [rbp - 16], r14
    );
    let metered = codegen.metered;
    let a = &mut codegen.a;
    if metered || overflows(&signature.params, Dealer::args(metered)) {
        dynasm!(a ; .arch x64 ; mov rax, [r14 + VMCTX_STORE]);
    }
    if metered {
        dynasm!(a ; .arch x64 ; mov r13, [rax + VMSTORE_FUEL]);
    }
    load_values(codegen, &signature.params, Dealer::args(codegen.metered), RSI, RAX);
    let a = &mut codegen.a;
    dynasm!(a
        ; .arch x64
        ; call QWORD [rdi + VMFUNCREF_WASM_CALL]
        ; mov rsi, [rbp - 8]
    );
    if overflows(&signature.results, Dealer::results()) {
        dynasm!(a
            ; .arch x64
            ; mov rdi, [rbp - 16]
            ; mov rdi, [rdi + VMCTX_STORE]
        );
    }
    store_values(codegen, &signature.results, Dealer::results(), RSI, RDI);
    let a = &mut codegen.a;
    dynasm!(a
        ; .arch x64
        ; mov eax, 1
        ; mov rbx, [rbp - 24]
        ; mov r12, [rbp - 32]
        ; mov r13, [rbp - 40]
        ; mov r14, [rbp - 48]
        ; mov r15, [rbp - 56]
        ; leave
        ; ret
    );
}

fn wasm_to_array(codegen: &mut Codegen, signature: &Signature) {
    let slots = signature.params.len().max(signature.results.len()) as i32;
    let a = &mut codegen.a;
    dynasm!(a
        ; .arch x64
        ; push rbp
        ; mov rbp, rsp
        ; sub rsp, slots * RAW_VALUE_BYTES
        ; mov rdi, [r14 + VMIMPORT_CALLEE]
        ; mov rsi, rsp
    );
    let metered = codegen.metered;
    let a = &mut codegen.a;
    if overflows(&signature.params, Dealer::args(metered)) {
        dynasm!(a ; .arch x64 ; mov rax, [r14 + VMCTX_STORE]);
    }
    store_values(codegen, &signature.params, Dealer::args(codegen.metered), RSI, RAX);
    let a = &mut codegen.a;
    dynasm!(a
        ; .arch x64
        ; call QWORD [rdi + VMFUNCREF_ARRAY_CALL]
        ; mov rsi, rsp
    );
    let a = &mut codegen.a;
    if metered || overflows(&signature.results, Dealer::results()) {
        dynasm!(a ; .arch x64 ; mov rdi, [r14 + VMCTX_STORE]);
    }
    if metered {
        // The host may have changed it.
        dynasm!(a ; .arch x64 ; mov r13, [rdi + VMSTORE_FUEL]);
    }
    load_values(codegen, &signature.results, Dealer::results(), RSI, RDI);
    let a = &mut codegen.a;
    dynasm!(a
        ; .arch x64
        ; leave
        ; ret
    );
}
