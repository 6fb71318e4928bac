//! Loops that ask for better code.

use wasmer_runtime_core::layout::VMCTX_STORE;
use wasmer_runtime_core::types::{Ty, Width};

use crate::isa::x64::Codegen;
use crate::isa::x64::asm::{Alu, Cc, Group5, Mem, Rm, X64};
use crate::isa::x64::frame::overflow_place;
use crate::isa::x64::regs::*;
use crate::labels::Label;
use crate::loops::{Ask, Asking};
use crate::masm::*;

impl LoopOps for X64 {
    fn look(c: &mut Codegen, asking: Asking, label: Label) {
        let words = c.al.alloc(&mut c.a, Ty::I64);
        c.a.load_int(Width::W64, words, &Mem::new(VMCTX, asking.field));
        c.a.alu_imm(Alu::Cmp, Width::W32, &Rm::Mem(Mem::new(words, asking.word)), 0);
        c.a.jcc(Cc::NE, label);
        c.al.release(words);
    }

    fn ask(c: &mut Codegen, ask: Ask) {
        // No operand is in a register.
        c.a.load_int(Width::W64, RCX, &Mem::new(VMCTX, ask.asking.field));
        c.a.int_constant(RAX, ask.number.into());
        // The first word is the address of the stub, which keeps the registers of pins.
        c.a.group_5(Group5::Call, &Rm::Mem(Mem::new(RCX, 0)));
        c.note_asked(ask);
        c.a.test(Width::W32, RAX, RAX);
        c.a.jcc(Cc::E, ask.back);
    }

    fn return_from_elsewhere(c: &mut Codegen) {
        c.a.load_int(Width::W64, MEMORY, &Mem::new(VMCTX, VMCTX_STORE));
        let mut assigner = RegisterAssigner::results();
        for position in 0..c.results.len() {
            let ty = c.results[position];
            // Those that no register is left for are where the caller looks for them.
            if let Some(reg) = assigner.next(ty) {
                c.a.load_value(ty, reg, &overflow_place(MEMORY, position));
            }
        }
        c.a.leave();
        c.a.ret();
    }
}
