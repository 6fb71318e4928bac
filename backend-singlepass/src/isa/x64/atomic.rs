//! Atomic accesses.

use wasmer_runtime_core::translate::codegen::Access;
use wasmer_runtime_core::translate::ops::{AtomicRmw, AtomicWidth, Load};
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Entry;
use crate::alloc::Loc;
use crate::codegen::Codegen;
use crate::isa::x64::asm::{Alu, Cc, Group3, MOVZX8_MEM, MOVZX16, Rm};
use crate::isa::x64::memory::Place;
use crate::isa::x64::regs::*;
use crate::regs::Reg;

/// The load that an atomic one is.
pub(crate) const fn plain_load(width: AtomicWidth) -> Load {
    match (width.bytes, width.value) {
        (1, to) => Load::Int8 { to, signed: false },
        (2, to) => Load::Int16 { to, signed: false },
        (4, Width::W64) => Load::Int32 { signed: false },
        (4, Width::W32) => Load::I32,
        _ => Load::I64,
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

    pub(crate) fn atomic_store_now(&mut self, access: &Access, width: AtomicWidth, index: Entry, mut value: Entry) {
        let Some(place) = self.place(access, index) else {
            self.al.drop_entry(value);
            return;
        };
        let reg = self.al.own(&mut self.a, &mut value);
        self.accesses(&place);
        self.a.xchg_mem(width.bytes, &place.mem, reg);
        self.al.release(reg);
        self.release_place(place);
    }

    pub(crate) fn atomic_rmw_now(
        &mut self,
        access: &Access,
        op: AtomicRmw,
        width: AtomicWidth,
        index: Entry,
        mut value: Entry,
    ) {
        let ty = width.value.int();
        let Some(mut place) = self.place(access, index) else {
            self.al.drop_entry(value);
            self.push_anything(ty);
            return;
        };
        let bytes = width.bytes;
        let result = match op {
            AtomicRmw::Add | AtomicRmw::Sub => {
                let reg = self.al.own(&mut self.a, &mut value);
                if op == AtomicRmw::Sub {
                    self.a.group_3(Group3::Neg, Width::W64, &Rm::Reg(reg));
                }
                self.accesses(&place);
                self.a.lock_xadd(bytes, &place.mem, reg);
                reg
            }
            AtomicRmw::Xchg => {
                let reg = self.al.own(&mut self.a, &mut value);
                self.accesses(&place);
                self.a.xchg_mem(bytes, &place.mem, reg);
                reg
            }
            AtomicRmw::And => self.atomic_loop(Alu::And, width, &mut place, value),
            AtomicRmw::Or => self.atomic_loop(Alu::Or, width, &mut place, value),
            AtomicRmw::Xor => self.atomic_loop(Alu::Xor, width, &mut place, value),
        };
        self.release_place(place);
        self.extend(bytes, result);
        self.push_reg(ty, result);
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
        self.take_accumulator(place, &mut [&mut value]);
        let operand = self.al.in_reg(&mut self.a, &mut value);
        let new = self.al.alloc(&mut self.a, width.value.int());
        self.accesses(place);
        match plain_load(width) {
            Load::Int8 { .. } => self.a.op(MOVZX8_MEM, RAX.0, &Rm::Mem(place.mem)),
            Load::Int16 { .. } => self.a.op(MOVZX16, RAX.0, &Rm::Mem(place.mem)),
            Load::I64 => self.a.load_int(Width::W64, RAX, &place.mem),
            _ => self.a.load_int(Width::W32, RAX, &place.mem),
        }
        let again = self.a.labels.create();
        self.a.bind(again);
        self.a.mov_int(Width::W64, new, RAX);
        self.a.alu(alu, Width::W64, new, &Rm::Reg(operand));
        self.accesses(place);
        self.a.lock_cmpxchg(width.bytes, &place.mem, new);
        self.a.jcc(Cc::NE, again);
        self.al.release(new);
        self.al.drop_entry(value);
        RAX
    }

    pub(crate) fn atomic_cmpxchg_now(
        &mut self,
        access: &Access,
        width: AtomicWidth,
        index: Entry,
        expected: Entry,
        mut replacement: Entry,
    ) {
        let ty = width.value.int();
        let Some(mut place) = self.place(access, index) else {
            self.al.drop_entry(expected);
            self.al.drop_entry(replacement);
            self.push_anything(ty);
            return;
        };
        if expected.loc != Loc::Reg(RAX) {
            self.take_accumulator(&mut place, &mut [&mut replacement]);
            self.al.load_into(&mut self.a, expected, RAX);
            self.al.drop_entry(expected);
        }
        let new = self.al.in_reg(&mut self.a, &mut replacement);
        self.accesses(&place);
        self.a.lock_cmpxchg(width.bytes, &place.mem, new);
        self.al.drop_entry(replacement);
        self.extend(width.bytes, RAX);
        self.release_place(place);
        self.push_reg(ty, RAX);
    }

    pub(crate) fn fence(&mut self) {
        self.a.mfence();
    }
}
