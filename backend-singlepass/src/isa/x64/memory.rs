//! Loads and stores of linear memories, and their checks.

use wasmer_runtime_core::layout::VMMEMORY_LEN;
use wasmer_runtime_core::translate::codegen::{Access, Bounds, MemoryRef};
use wasmer_runtime_core::translate::ops::{Load, Store};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::{Entry, Loc};
use crate::codegen::Codegen;
use crate::isa::x64::asm::*;
use crate::isa::x64::regs::*;
use crate::regs::{Machine, Reg, RegSet};

/// A checked address, and the operand registers that it uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) mem: Mem,
    pub(crate) held: RegSet,
    /// Whether a fault here is outside the address space of memories, so that the trap table must say what it means.
    pub(crate) in_table: bool,
}

impl Codegen {
    pub(crate) fn release_place(&mut self, place: Place) {
        for reg in place.held {
            self.al.release(reg);
        }
    }

    /// Checks an access and computes its address, unless it always traps.
    pub(crate) fn place(&mut self, access: &Access, mut index: Entry) -> Option<Place> {
        if let Some(bytes) = access.aligned_to {
            self.check_alignment(&mut index, access.offset, bytes);
        }
        match access.bounds {
            Bounds::Elided => Some(self.unchecked(access, index)),
            Bounds::Explicit { end_offset } => Some(self.checked(access, end_offset, index)),
            Bounds::AlwaysTraps => {
                self.al.drop_entry(index);
                self.trap_now(TrapCode::MemoryOutOfBounds);
                None
            }
        }
    }

    /// The register with a memory's base, and those that must be given back.
    fn memory_base(&mut self, memory: &MemoryRef) -> (Reg, RegSet) {
        if memory.index.0 == 0 {
            if !self.al.state.regs.has(MEMORY) {
                self.a.reload(MEMORY, &mut self.al.state.regs);
            }
            return (MEMORY, RegSet::EMPTY);
        }
        self.need_vmctx();
        let base = self.al.alloc(&mut self.a, Ty::I64);
        self.a.load_int(Width::W64, base, &Mem::new(VMCTX, memory.base_offset));
        (base, RegSet::of(&[base]))
    }

    /// Index and offset stay within reservation and guard.
    #[inline]
    fn unchecked(&mut self, access: &Access, mut index: Entry) -> Place {
        let (base, mut held) = self.memory_base(&access.memory);
        if let Loc::Const(bits) = index.loc
            && let Ok(disp) = i32::try_from(bits + access.offset)
        {
            return Place { mem: Mem::new(base, disp), held, in_table: false };
        }
        let reg = self.al.in_reg(&mut self.a, &mut index);
        if let Loc::Reg(reg) = index.loc {
            held = held.with(reg);
        }
        Place { mem: Mem::indexed(base, reg, 0, access.offset as i32), held, in_table: false }
    }

    /// Outside, also when the processor only guesses, the address is null, which faults and so traps. Atomic operators hold two more
    /// operands, so there are three registers for this.
    fn checked(&mut self, access: &Access, end_offset: u64, mut index: Entry) -> Place {
        let memory = &access.memory;
        self.need_vmctx();
        let idx = self.al.in_reg(&mut self.a, &mut index);
        let end = self.al.alloc(&mut self.a, Ty::I64);
        if memory.width == Width::W32 && end_offset <= i32::MAX as u64 {
            self.a.lea(Width::W64, end, &Mem::new(idx, end_offset as i32));
        } else {
            self.a.int_constant(end, end_offset);
            self.a.alu(Alu::Add, Width::W64, end, &Rm::Reg(idx));
            if memory.width == Width::W64 {
                self.trap_if(Cc::B, TrapCode::MemoryOutOfBounds);
            }
        }
        self.al.drop_entry(index);
        // The access starts so many bytes before its end.
        let back = -((end_offset - access.offset) as i32);
        let (base, base_held) = self.memory_base(memory);
        for reg in base_held {
            self.al.release(reg);
        }
        let address = self.al.alloc(&mut self.a, Ty::I64);
        self.a.lea(Width::W64, address, &Mem::indexed(base, end, 0, back));
        let len = self.al.alloc(&mut self.a, Ty::I64);
        self.a.load_int(Width::W64, len, &Mem::new(VMCTX, memory.definition_offset));
        self.a.alu(Alu::Cmp, Width::W64, end, &Rm::Mem(Mem::new(len, VMMEMORY_LEN)));
        self.a.int_constant_keeping_flags(end, 0);
        self.a.cmov(Cc::A, Width::W64, address, &Rm::Reg(end));
        self.al.release(len);
        self.al.release(end);
        Place { mem: Mem::new(address, 0), held: RegSet::of(&[address]), in_table: true }
    }

    /// Only the low bits matter, so the sum may wrap around.
    fn check_alignment(&mut self, index: &mut Entry, offset: u64, bytes: u8) {
        if bytes <= 1 {
            return;
        }
        let mask = i32::from(bytes) - 1;
        let reg = self.al.in_reg(&mut self.a, index);
        match offset as i32 & mask {
            0 => self.a.test_imm(Width::W32, &Rm::Reg(reg), mask),
            low => {
                let sum = self.al.alloc(&mut self.a, Ty::I32);
                self.a.lea(Width::W32, sum, &Mem::new(reg, low));
                self.a.test_imm(Width::W32, &Rm::Reg(sum), mask);
                self.al.release(sum);
            }
        }
        self.trap_if(Cc::NE, TrapCode::UnalignedAtomic);
    }

    /// The instruction that follows accesses a memory.
    #[inline]
    pub(crate) fn accesses_at(&mut self, place: &Place, wasm_offset: u32) {
        if place.in_table {
            self.traps_at(TrapCode::MemoryOutOfBounds, wasm_offset);
        } else {
            self.mark_at(wasm_offset);
        }
    }

    /// The instruction that follows accesses a memory.
    #[inline]
    pub(crate) fn accesses(&mut self, place: &Place) {
        self.accesses_at(place, self.offset);
    }

    /// Emits a pending load.
    pub(crate) fn load_now(&mut self, op: Load, place: Place, offset: Option<u32>, hint: Option<Reg>) -> Reg {
        let ty = op.ty();
        // The address' registers are free from the moment that the load happens.
        self.release_place(place);
        let dst = self.result(ty, hint);
        if let Some(offset) = offset {
            self.accesses_at(&place, offset);
        }
        let mem = Rm::Mem(place.mem);
        match op {
            Load::I32 | Load::Int32 { signed: false } => self.a.load_int(Width::W32, dst, &place.mem),
            Load::I64 => self.a.load_int(Width::W64, dst, &place.mem),
            Load::F32 | Load::F64 | Load::V128 => self.a.load_float(ty, dst, &mem),
            Load::Int8 { signed: false, .. } => self.a.op(MOVZX8_MEM, dst.0, &mem),
            Load::Int8 { to, signed: true } => self.a.op(MOVSX8_MEM.width(to), dst.0, &mem),
            Load::Int16 { signed: false, .. } => self.a.op(MOVZX16, dst.0, &mem),
            Load::Int16 { to, signed: true } => self.a.op(MOVSX16.width(to), dst.0, &mem),
            Load::Int32 { signed: true } => self.a.op(MOVSXD, dst.0, &mem),
        }
        dst
    }

    pub(crate) fn store_now(&mut self, access: &Access, op: Store, index: Entry, mut value: Entry) {
        let Some(place) = self.place(access, index) else {
            self.al.drop_entry(value);
            return;
        };
        let imm = match value.loc {
            Loc::Const(bits) if bits as i32 as i64 == bits as i64 || value.ty.bytes() == 4 => Some(bits as i32),
            _ => None,
        };
        let mem = Rm::Mem(place.mem);
        if let Some(imm) = imm {
            self.accesses(&place);
            match op {
                Store::I32 | Store::F32 | Store::Int32 => self.a.store_imm(Width::W32, &place.mem, imm as u64),
                Store::I64 | Store::F64 => self.a.store_imm(Width::W64, &place.mem, imm as u64),
                Store::Int8 { .. } => self.a.store_imm8(&place.mem, imm as u8),
                Store::Int16 { .. } => self.a.store_imm16(&place.mem, imm as u16),
                Store::V128 => unreachable!("vectors are no such constants"),
            }
        } else {
            let reg = self.al.in_reg(&mut self.a, &mut value);
            self.accesses(&place);
            match op {
                Store::I32 | Store::Int32 => self.a.store_int(Width::W32, &place.mem, reg),
                Store::I64 => self.a.store_int(Width::W64, &place.mem, reg),
                Store::F32 | Store::F64 | Store::V128 => self.a.store_float(op.ty(), &place.mem, reg),
                Store::Int8 { .. } => self.a.op(MOV_TO_RM8, reg.0, &mem),
                Store::Int16 { .. } => self.a.op(MOV_TO_RM16, reg.0, &mem),
            }
        }
        self.al.drop_entry(value);
        self.release_place(place);
    }

    pub(crate) fn memory_size_now(&mut self, memory: &MemoryRef) {
        self.need_vmctx();
        let reg = self.al.alloc(&mut self.a, Ty::I64);
        self.a.load_int(Width::W64, reg, &Mem::new(VMCTX, memory.definition_offset));
        self.a.load_int(Width::W64, reg, &Mem::new(reg, VMMEMORY_LEN));
        if memory.page_size_log2 > 0 {
            self.a.shift_imm(Shift::Shr, Width::W64, reg, memory.page_size_log2);
        }
        if memory.width == Width::W32 {
            self.a.mov_int(Width::W32, reg, reg);
        }
        self.push_reg(memory.width.int(), reg);
    }
}
