//! Code that is rarely reached: it stands behind the function's other code.

use wasmer_runtime_core::layout::{DISPLAY_SCALE, TYPE_ID_ABI_SHIFT};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{CanonicalId, Ty, Width};

use crate::ABI;
use crate::alloc::Loc;
use crate::cold::{Cold, Resolve, Subtype};
use crate::isa::x64::Codegen;
use crate::isa::x64::asm::{Alu, Cc, Mem, Rm, Shift, X64};
use crate::isa::x64::call::C_ARGS;
use crate::isa::x64::regs::*;
use crate::labels::Label;
use crate::masm::*;
use crate::regs::{Machine, Reg, RegSet};

impl ColdOps for X64 {
    fn resolve(c: &mut Codegen, call: Resolve, result: Reg, saves: (u32, u32), pins: RegSet, offset: u32) {
        for at in saves.0..saves.1 {
            let entry = c.cold_saves[at as usize];
            if let Loc::Reg(reg) = entry.loc {
                let place = c.al.place(entry.end);
                c.a.store(entry.ty, place, reg);
            }
        }
        let immediates = call.call.immediates();
        let [vmctx, rest @ ..] = &C_ARGS;
        // First, because it may be where a constant goes.
        c.a.mov_int(Width::W64, rest[immediates.len()], call.operand);
        for (&dst, &immediate) in rest.iter().zip(&*immediates) {
            c.a.int_constant(dst, immediate);
        }
        c.a.mov_int(Width::W64, *vmctx, VMCTX);
        c.call_through_table(call.call.libcall(), offset);
        if result != RAX {
            c.a.mov_int(Width::W64, result, RAX);
        }
        // The state behind `back` is that of the hot code, so what it has in registers is put there again. Locals are in their places: they were saved
        // before the call.
        c.a.load(Ty::I64, VMCTX, VMCTX_PLACE);
        for at in saves.0..saves.1 {
            let entry = c.cold_saves[at as usize];
            match entry.loc {
                Loc::Reg(reg) => {
                    let place = c.al.place(entry.end);
                    c.a.load(entry.ty, reg, place);
                }
                Loc::Local(local) => {
                    let local = c.al.locals[local as usize];
                    if let Some(pin) = local.pin.filter(|pin| pins.has(*pin)) {
                        c.a.load(local.ty, pin, local.at);
                    }
                }
                _ => {}
            }
        }
    }

    fn go_on_with_subtype(c: &mut Codegen, subtype: Subtype, back: Label, slow: Label) {
        const OURS: i32 = ABI.type_id(CanonicalId(0)) as i32;
        let Subtype { reference, type_id, wanted, display, scratch } = subtype;
        c.a.load_int(Width::W32, scratch, &Mem::new(reference, type_id));
        // What is left of an id of our convention is a canonical one.
        c.a.alu_imm(Alu::Xor, Width::W32, &Rm::Reg(scratch), OURS);
        c.a.alu_imm(Alu::Cmp, Width::W32, &Rm::Reg(scratch), 1 << TYPE_ID_ABI_SHIFT);
        c.a.jcc(Cc::AE, slow);
        c.a.shift_imm(Shift::Shl, Width::W64, scratch, DISPLAY_SCALE as u8);
        c.a.alu(Alu::Add, Width::W64, scratch, &Rm::Mem(Mem::new(VMCTX, display.table)));
        c.a.load_int(Width::W32, scratch, &Mem::new(scratch, display.place));
        // Back to an id of our convention. Where there is no such supertype, the display has 0, and no type has that id.
        c.a.alu_imm(Alu::Xor, Width::W32, &Rm::Reg(scratch), OURS);
        c.a.alu(Alu::Cmp, Width::W32, scratch, &Rm::Reg(wanted));
        c.a.jcc(Cc::E, back);
    }
}

impl Codegen {
    /// Traps when the flags say so.
    pub(crate) fn trap_if(&mut self, cc: Cc, code: TrapCode) {
        let label = self.a.create_label();
        self.a.jcc(cc, label);
        self.cold.push(Cold::Trap { label, code, offset: self.offset });
    }
}
