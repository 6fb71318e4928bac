//! Trampolines between array call and wasm call.
//!
//! Array call is C: `rdi` the callee's function reference, `rsi` the values, `al` whether it returned. Wasm preserves nothing, so a
//! trampoline that is entered by it keeps the registers that C wants preserved.

use wasmer_runtime_core::layout::*;
use wasmer_runtime_core::types::{Signature, Ty, Width};

use crate::isa::x64::Codegen;
use crate::isa::x64::asm::{Alu, Cc, Group5, Mem, Rm, X64};
use crate::isa::x64::frame::overflow_place;
use crate::isa::x64::regs::*;
use crate::masm::*;
use crate::regs::Reg;

/// The place of a value in the buffer of an array call.
fn value_place(base: Reg, position: usize) -> Mem {
    Mem::new(base, position as i32 * RAW_VALUE_BYTES)
}

/// Whether some of these values fit no register, but go through the store's room.
fn overflows(types: &[Ty], mut assigner: RegisterAssigner) -> bool {
    types.iter().any(|ty| assigner.next(*ty).is_none())
}

/// Values of a buffer to where a convention wants them. The buffer's address is in a register that the convention does not use, and so is
/// the store's.
fn load_values(codegen: &mut Codegen, types: &[Ty], mut assigner: RegisterAssigner, buffer: Reg, store: Reg) {
    for (position, &ty) in types.iter().enumerate() {
        let place = value_place(buffer, position);
        match assigner.next(ty) {
            Some(reg) => codegen.a.load_value(ty, reg, &place),
            None => codegen.a.copy_value(ty, &overflow_place(store, position), &place),
        }
    }
}

/// The reverse of [`load_values`].
fn store_values(codegen: &mut Codegen, types: &[Ty], mut assigner: RegisterAssigner, buffer: Reg, store: Reg) {
    for (position, &ty) in types.iter().enumerate() {
        let place = value_place(buffer, position);
        match assigner.next(ty) {
            Some(reg) => codegen.a.store_value(ty, &place, reg),
            None => codegen.a.copy_value(ty, &place, &overflow_place(store, position)),
        }
    }
}

/// Where a trampoline that C enters keeps what it needs again, from `rbp`.
const VALUES_PLACE: i32 = -8;
const CALLEE_VMCTX_PLACE: i32 = -16;
/// What C wants preserved, and where it is.
const PRESERVED: [(Reg, i32); 5] = [(RBX, -24), (R12, -32), (R13, -40), (VMCTX, -48), (MEMORY, -56)];
/// Room for all of it, a multiple of 16 bytes.
const FRAME_BYTES: i32 = 64;

impl TrampolineOps for X64 {
    fn array_to_wasm(c: &mut Codegen, signature: &Signature) {
        let metered = c.metered;
        let a = &mut c.a;
        a.start_frame();
        a.alu_imm(Alu::Sub, Width::W64, &Rm::Reg(RSP), FRAME_BYTES);
        // Code of this compiler preserves no register, and C's callers rely on these.
        for (reg, at) in PRESERVED {
            a.store_int_frame(Width::W64, at, reg);
        }
        a.load_int(Width::W64, VMCTX, &Mem::new(RDI, VMFUNCREF_VMCTX));
        a.store_int_frame(Width::W64, VALUES_PLACE, RSI);
        a.store_int_frame(Width::W64, CALLEE_VMCTX_PLACE, VMCTX);
        if metered || overflows(&signature.params, RegisterAssigner::args(metered)) {
            a.load_int(Width::W64, RAX, &Mem::new(VMCTX, VMCTX_STORE));
        }
        if metered {
            a.mov_int(Width::W64, STORE, RAX);
            a.load_int(Width::W64, FUEL, &Mem::new(STORE, VMSTORE_FUEL));
        }
        load_values(c, &signature.params, RegisterAssigner::args(metered), RSI, RAX);
        let entry = Mem::new(RDI, c.offsets.func_ref_call());
        let a = &mut c.a;
        a.group_5(Group5::Call, &Rm::Mem(entry));
        a.load_int_frame(Width::W64, RSI, VALUES_PLACE);
        if overflows(&signature.results, RegisterAssigner::results()) {
            a.load_int_frame(Width::W64, RDI, CALLEE_VMCTX_PLACE);
            a.load_int(Width::W64, RDI, &Mem::new(RDI, VMCTX_STORE));
        }
        store_values(c, &signature.results, RegisterAssigner::results(), RSI, RDI);
        let a = &mut c.a;
        a.int_constant(RAX, 1);
        if metered {
            a.store_value(Ty::I64, &Mem::new(STORE, VMSTORE_FUEL), FUEL);
            // A call that has returned on credit has failed.
            a.alu_imm(Alu::Cmp, Width::W64, &Rm::Reg(FUEL), 0);
            a.setcc(Cc::NS, RAX);
        }
        for (reg, at) in PRESERVED {
            a.load_int_frame(Width::W64, reg, at);
        }
        a.leave();
        a.ret();
    }

    fn wasm_to_array(c: &mut Codegen, signature: &Signature) {
        let metered = c.metered;
        let slots = signature.params.len().max(signature.results.len()) as i32;
        let a = &mut c.a;
        a.start_frame();
        // At most 16,000 bytes, less than the guard region has, so no page of it has to be touched on the way.
        a.alu_imm(Alu::Sub, Width::W64, &Rm::Reg(RSP), slots * RAW_VALUE_BYTES);
        a.load_int(Width::W64, RDI, &Mem::new(VMCTX, VMIMPORT_CALLEE));
        a.mov_int(Width::W64, RSI, RSP);
        if overflows(&signature.params, RegisterAssigner::args(metered)) {
            a.load_int(Width::W64, RAX, &Mem::new(VMCTX, VMCTX_STORE));
        }
        store_values(c, &signature.params, RegisterAssigner::args(metered), RSI, RAX);
        let a = &mut c.a;
        a.group_5(Group5::Call, &Rm::Mem(Mem::new(RDI, VMFUNCREF_ARRAY_CALL)));
        // An array call preserves what C preserves, `r14` among it, and does not come back if it fails.
        a.mov_int(Width::W64, RSI, RSP);
        if overflows(&signature.results, RegisterAssigner::results()) {
            a.load_int(Width::W64, RDI, &Mem::new(VMCTX, VMCTX_STORE));
        }
        if metered {
            // The host may have changed it.
            a.load_int(Width::W64, FUEL, &Mem::new(STORE, VMSTORE_FUEL));
        }
        load_values(c, &signature.results, RegisterAssigner::results(), RSI, RDI);
        c.a.leave();
        c.a.ret();
    }
}
