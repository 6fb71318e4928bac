//! What the allocator of registers has done: moves between registers, the frame and constants.

use wasmer_runtime_core::types::{Ty, Width};

use crate::isa::x64::asm::{Mem, Rm, X64, int_width};
use crate::isa::x64::regs::*;
use crate::masm::Assembler;
use crate::regs::{Machine, Reg, RegSet};

impl Machine for X64 {
    const INT_SCRATCH: RegSet = RegSet::of(&[RAX, RCX, RDX, RSI, RDI]);
    const FLOAT_SCRATCH: RegSet = RegSet::of(&[xmm(0), xmm(1), xmm(2), xmm(3), xmm(4), xmm(5), xmm(6)]);
    const FIXED: RegSet = RegSet::of(&[VMCTX, MEMORY]);

    fn mov(&mut self, ty: Ty, dst: Reg, src: Reg) {
        if ty.is_int_class() {
            self.mov_int(int_width(ty), dst, src);
        } else {
            self.mov_float(dst, src);
        }
    }

    fn swap(&mut self, a: Reg, b: Reg) {
        if a.is_float() {
            self.mov_float(XMM_TEMP, a);
            self.mov_float(a, b);
            self.mov_float(b, XMM_TEMP);
        } else {
            self.swap_ints(a, b);
        }
    }

    fn load(&mut self, ty: Ty, dst: Reg, at: i32) {
        if ty.is_int_class() {
            self.load_int_frame(int_width(ty), dst, at);
        } else {
            self.load_float(ty, dst, &Rm::Mem(Mem::frame(at)));
        }
    }

    fn store(&mut self, ty: Ty, at: i32, src: Reg) {
        if ty.is_int_class() {
            self.store_int_frame(int_width(ty), at, src);
        } else {
            self.store_float(ty, &Mem::frame(at), src);
        }
    }

    fn copy(&mut self, ty: Ty, to: i32, from: i32) {
        let ty = match ty {
            Ty::I32 => Ty::F32,
            Ty::I64 | Ty::Ref => Ty::F64,
            other => other,
        };
        // Through the temporary, whatever the type: no operand register has to be free.
        self.load(ty, XMM_TEMP, from);
        self.store(ty, to, XMM_TEMP);
    }

    fn constant(&mut self, ty: Ty, dst: Reg, bits: u64) {
        if ty.is_int_class() {
            self.int_constant(dst, bits);
        } else if bits == 0 {
            self.zero_float(dst);
        } else {
            let number = self.pool(bits.into());
            self.load_float(ty, dst, &Rm::Pool(number));
        }
    }

    fn store_constant(&mut self, ty: Ty, at: i32, bits: u64) {
        self.store_imm(int_width(ty), &Mem::frame(at), bits);
    }

    fn vector(&mut self, dst: Reg, number: u32) {
        if self.pool[number as usize] == 0 {
            self.zero_float(dst);
        } else {
            self.load_float(Ty::V128, dst, &Rm::Pool(number));
        }
    }

    fn store_vector(&mut self, at: i32, number: u32) {
        self.vector(XMM_TEMP, number);
        self.store(Ty::V128, at, XMM_TEMP);
    }

    fn reload(&mut self, reg: Reg, valid: &mut RegSet) {
        // The base address is read through the vmctx, so that comes first.
        if !valid.has(VMCTX) {
            self.load_int(Width::W64, VMCTX, &Mem::frame(VMCTX_PLACE));
            *valid = valid.with(VMCTX);
        }
        if reg == MEMORY {
            self.load_int(Width::W64, MEMORY, &Mem::new(VMCTX, self.kept_base));
            *valid = valid.with(MEMORY);
        }
    }
}
