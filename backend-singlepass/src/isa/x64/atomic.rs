//! Atomic accesses.

use wasmer_runtime_core::translate::codegen::Access;
use wasmer_runtime_core::translate::ops::{AtomicRmw, AtomicWidth, Load};
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Entry;
use crate::alloc::Loc;
use crate::isa::x64::asm::{Alu, Cc, Group3, MOVZX8_MEM, MOVZX16, Rm, X64};
use crate::isa::x64::regs::*;
use crate::isa::x64::{Codegen, Place};
use crate::masm::*;
use crate::memory::plain_load;
use crate::regs::Reg;

impl AtomicOps for X64 {
    /// Every aligned load is sequentially consistent where stores are locked.
    fn atomic_load(c: &mut Codegen, access: &Access, width: AtomicWidth, index: Entry) {
        c.load_later(access, plain_load(width), index);
    }

    fn atomic_store(c: &mut Codegen, access: &Access, width: AtomicWidth, index: Entry, mut value: Entry) {
        let Some(place) = c.place(access, index) else {
            c.al.drop_entry(value);
            return;
        };
        let reg = c.al.own(&mut c.a, &mut value);
        c.mark();
        // An exchange is locked without a prefix: shorter than a store and a fence, and no slower.
        c.a.xchg_mem(width.bytes, &place.mem, reg);
        c.al.release(reg);
        c.release_place(place);
    }

    fn atomic_rmw(c: &mut Codegen, access: &Access, op: AtomicRmw, width: AtomicWidth, index: Entry, mut value: Entry) {
        let ty = width.value.int();
        let Some(mut place) = c.place(access, index) else {
            c.al.drop_entry(value);
            c.push_anything(ty);
            return;
        };
        let bytes = width.bytes;
        let result = match op {
            AtomicRmw::Add | AtomicRmw::Sub => {
                let reg = c.al.own(&mut c.a, &mut value);
                if op == AtomicRmw::Sub {
                    // Only the low bytes are added, so the negative of all 64 bits will do for every width.
                    c.a.group_3(Group3::Neg, Width::W64, &Rm::Reg(reg));
                }
                c.mark();
                c.a.lock_xadd(bytes, &place.mem, reg);
                reg
            }
            AtomicRmw::Xchg => {
                let reg = c.al.own(&mut c.a, &mut value);
                c.mark();
                c.a.xchg_mem(bytes, &place.mem, reg);
                reg
            }
            // The processor has no instruction that gives back what there was before.
            AtomicRmw::And => c.atomic_loop(Alu::And, width, &mut place, value),
            AtomicRmw::Or => c.atomic_loop(Alu::Or, width, &mut place, value),
            AtomicRmw::Xor => c.atomic_loop(Alu::Xor, width, &mut place, value),
        };
        c.release_place(place);
        c.extend(bytes, result);
        c.push_reg(ty, result);
    }

    fn atomic_cmpxchg(
        c: &mut Codegen,
        access: &Access,
        width: AtomicWidth,
        index: Entry,
        expected: Entry,
        mut replacement: Entry,
    ) {
        let ty = width.value.int();
        let Some(mut place) = c.place(access, index) else {
            c.al.drop_entry(expected);
            c.al.drop_entry(replacement);
            c.push_anything(ty);
            return;
        };
        // `cmpxchg` compares only as many bytes as it accesses: the expected value is wrapped by that, as the specification demands.
        if expected.loc != Loc::Reg(RAX) {
            c.take_accumulator(&mut place, &mut [&mut replacement]);
            c.al.load_into(&mut c.a, expected, RAX);
            c.al.drop_entry(expected);
        }
        let new = c.al.in_reg(&mut c.a, &mut replacement);
        c.mark();
        c.a.lock_cmpxchg(width.bytes, &place.mem, new);
        c.al.drop_entry(replacement);
        c.extend(width.bytes, RAX);
        c.release_place(place);
        c.push_reg(ty, RAX);
    }

    fn atomic_fence(c: &mut Codegen) {
        c.a.mfence();
    }
}

impl Codegen {
    /// Makes a narrow value in a register one of the operand's type.
    fn extend(&mut self, bytes: u8, reg: Reg) {
        match bytes {
            1 => self.a.movzx8(reg, reg),
            2 => self.a.op(MOVZX16, reg.0, &Rm::Reg(reg)),
            4 => self.a.mov_int(Width::W32, reg, reg),
            _ => {}
        }
    }

    /// Moves the address' registers out of the accumulator, which the caller then has.
    fn take_accumulator(&mut self, place: &mut Place, values: &mut [&mut Entry]) {
        if self.al.is_free(RAX) {
            self.al.occupy(RAX);
            return;
        }
        if place.held.has(RAX) {
            let other = self.al.alloc(&mut self.a, Ty::I64);
            self.a.mov_int(Width::W64, other, RAX);
            place.held = place.held.without(RAX).with(other);
            if place.mem.base == RAX {
                place.mem.base = other;
            }
            place.mem.replace_index(RAX, other);
            return;
        }
        for value in values {
            if value.loc == Loc::Reg(RAX) {
                let other = self.al.alloc(&mut self.a, value.ty);
                self.a.mov_int(Width::W64, other, RAX);
                value.loc = Loc::Reg(other);
                return;
            }
        }
        self.al.take(&mut self.a, RAX);
    }

    /// Exchanges until nothing came between; the old value is in the accumulator.
    fn atomic_loop(&mut self, alu: Alu, width: AtomicWidth, place: &mut Place, mut value: Entry) -> Reg {
        // `cmpxchg` compares with the accumulator, and loads what it found instead there.
        self.take_accumulator(place, &mut [&mut value]);
        let operand = self.al.in_reg(&mut self.a, &mut value);
        let new = self.al.alloc(&mut self.a, width.value.int());
        self.mark();
        match plain_load(width) {
            Load::Int8 { .. } => self.a.op(MOVZX8_MEM, RAX.0, &Rm::Mem(place.mem)),
            Load::Int16 { .. } => self.a.op(MOVZX16, RAX.0, &Rm::Mem(place.mem)),
            Load::I64 => self.a.load_int(Width::W64, RAX, &place.mem),
            _ => self.a.load_int(Width::W32, RAX, &place.mem),
        }
        let again = self.a.create_label();
        self.a.bind(again);
        // What `cmpxchg` found extends no further than the access, and only these bytes are written.
        self.a.mov_int(Width::W64, new, RAX);
        self.a.alu(alu, Width::W64, new, &Rm::Reg(operand));
        self.mark();
        self.a.lock_cmpxchg(width.bytes, &place.mem, new);
        self.a.jcc(Cc::NE, again);
        self.al.release(new);
        self.al.drop_entry(value);
        RAX
    }
}
