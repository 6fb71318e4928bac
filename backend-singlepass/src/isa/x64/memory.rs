//! Loads and stores of linear memories, and their checks.

use wasmer_runtime_core::layout::VMMEMORY_LEN;
use wasmer_runtime_core::translate::codegen::{Access, MemoryRef};
use wasmer_runtime_core::translate::ops::{Load, Store};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::{Entry, Loc};
use crate::cold::{Cold, Outside};
use crate::isa::x64::asm::*;
use crate::isa::x64::regs::*;
use crate::isa::x64::{Codegen, Place};
use crate::masm::*;
use crate::regs::{Machine, Reg, RegSet};

impl MemoryOps for X64 {
    /// Index and offset stay within reservation and guard.
    #[inline]
    fn unchecked(c: &mut Codegen, access: &Access, mut index: Entry, scale: u8) -> Place {
        let (base, mut held) = c.memory_base(&access.memory);
        if let Loc::Const(bits) = index.loc
            && let Ok(disp) = i32::try_from((bits << scale) + access.offset)
        {
            return Place { mem: Mem::new(base, disp), held };
        }
        let reg = c.al.in_reg(&mut c.a, &mut index);
        if let Loc::Reg(reg) = index.loc {
            held = held.with(reg);
        }
        Place { mem: Mem::indexed(base, reg, scale, access.offset as i32), held }
    }

    /// Outside, when the processor only guesses, the address is null. Atomic operators hold two more operands, so there are three registers for this.
    fn checked(c: &mut Codegen, access: &Access, end_offset: u64, mut index: Entry) -> Place {
        let memory = &access.memory;
        let said = c.outside(access, &mut index);
        let end = c.al.alloc(&mut c.a, Ty::I64);
        if memory.width == Width::W32 && end_offset <= i32::MAX as u64 {
            c.a.lea(Width::W64, end, &Mem::new(said.index, end_offset as i32));
        } else {
            c.a.int_constant(end, end_offset);
            c.a.alu(Alu::Add, Width::W64, end, &Rm::Reg(said.index));
            if memory.width == Width::W64 {
                c.trap_outside_if(Cc::B, said);
            }
        }
        c.a.alu(Alu::Cmp, Width::W64, end, &Rm::Mem(Mem::new(said.definition, VMMEMORY_LEN)));
        c.trap_outside_if(Cc::A, said);
        // Nothing of what follows changes the flags.
        c.al.drop_entry(index);
        c.al.release(said.definition);
        // The access starts so many bytes before its end.
        let back = -((end_offset - access.offset) as i32);
        let (base, base_held) = c.memory_base(memory);
        for reg in base_held {
            c.al.release(reg);
        }
        let address = c.al.alloc(&mut c.a, Ty::I64);
        c.a.lea(Width::W64, address, &Mem::indexed(base, end, 0, back));
        c.a.int_constant_keeping_flags(end, 0);
        c.a.cmov(Cc::A, Width::W64, address, &Rm::Reg(end));
        c.al.release(end);
        Place { mem: Mem::new(address, 0), held: RegSet::of(&[address]) }
    }

    fn always_outside(c: &mut Codegen, access: &Access, mut index: Entry) {
        let said = c.outside(access, &mut index);
        c.traps(TrapCode::MemoryOutOfBounds);
        c.a.trap_outside(said);
        c.al.drop_entry(index);
        c.al.release(said.definition);
    }

    /// Only the low bits matter, so the sum may wrap around.
    fn check_alignment(c: &mut Codegen, index: &mut Entry, offset: u64, bytes: u8) {
        if bytes <= 1 {
            return;
        }
        let mask = i32::from(bytes) - 1;
        let reg = c.al.in_reg(&mut c.a, index);
        match offset as i32 & mask {
            0 => c.a.test_imm(Width::W32, &Rm::Reg(reg), mask),
            low => {
                let sum = c.al.alloc(&mut c.a, Ty::I32);
                c.a.lea(Width::W32, sum, &Mem::new(reg, low));
                c.a.test_imm(Width::W32, &Rm::Reg(sum), mask);
                c.al.release(sum);
            }
        }
        c.trap_if(Cc::NE, TrapCode::UnalignedAtomic);
    }

    /// Emits a pending load.
    fn memory_load(c: &mut Codegen, op: Load, place: Place, offset: Option<u32>, hint: Option<Reg>) -> Reg {
        let ty = op.ty();
        // The address' registers are free from the moment that the load happens.
        c.release_place(place);
        let dst = c.result(ty, hint);
        if let Some(offset) = offset {
            c.mark_at(offset);
        }
        let mem = Rm::Mem(place.mem);
        match op {
            Load::I32 | Load::Int32 { signed: false } => c.a.load_int(Width::W32, dst, &place.mem),
            Load::I64 => c.a.load_int(Width::W64, dst, &place.mem),
            Load::F32 | Load::F64 | Load::V128 => c.a.load_float(ty, dst, &mem),
            Load::Int8 { signed: false, .. } => c.a.op(MOVZX8_MEM, dst.0, &mem),
            Load::Int8 { to, signed: true } => c.a.op(MOVSX8_MEM.width(to), dst.0, &mem),
            Load::Int16 { signed: false, .. } => c.a.op(MOVZX16, dst.0, &mem),
            Load::Int16 { to, signed: true } => c.a.op(MOVSX16.width(to), dst.0, &mem),
            Load::Int32 { signed: true } => c.a.op(MOVSXD, dst.0, &mem),
        }
        dst
    }

    fn memory_store(c: &mut Codegen, access: &Access, op: Store, index: Entry, mut value: Entry) {
        let Some(place) = c.place(access, index) else {
            c.al.drop_entry(value);
            return;
        };
        let imm = match value.loc {
            Loc::Const(bits) if bits as i32 as i64 == bits as i64 || value.ty.bytes() == 4 => Some(bits as i32),
            _ => None,
        };
        let mem = Rm::Mem(place.mem);
        if let Some(imm) = imm {
            c.mark();
            match op {
                Store::I32 | Store::F32 | Store::Int32 => c.a.store_imm(Width::W32, &place.mem, imm as u64),
                Store::I64 | Store::F64 => c.a.store_imm(Width::W64, &place.mem, imm as u64),
                Store::Int8 { .. } => c.a.store_imm8(&place.mem, imm as u8),
                Store::Int16 { .. } => c.a.store_imm16(&place.mem, imm as u16),
                Store::V128 => unreachable!("vectors are no such constants"),
            }
        } else {
            let reg = c.al.in_reg(&mut c.a, &mut value);
            c.mark();
            match op {
                Store::I32 | Store::Int32 => c.a.store_int(Width::W32, &place.mem, reg),
                Store::I64 => c.a.store_int(Width::W64, &place.mem, reg),
                Store::F32 | Store::F64 | Store::V128 => c.a.store_float(op.ty(), &place.mem, reg),
                Store::Int8 { .. } => c.a.op(MOV_TO_RM8, reg.0, &mem),
                Store::Int16 { .. } => c.a.op(MOV_TO_RM16, reg.0, &mem),
            }
        }
        c.al.drop_entry(value);
        c.release_place(place);
    }

    /// The length is read every time: other threads, and every call, may have grown the memory.
    fn memory_size(c: &mut Codegen, memory: &MemoryRef) {
        c.need_vmctx();
        let reg = c.al.alloc(&mut c.a, Ty::I64);
        c.a.load_int(Width::W64, reg, &Mem::new(VMCTX, memory.definition_offset));
        c.a.load_int(Width::W64, reg, &Mem::new(reg, VMMEMORY_LEN));
        if memory.page_size_log2 > 0 {
            c.a.shift_imm(Shift::Shr, Width::W64, reg, memory.page_size_log2);
        }
        if memory.width == Width::W32 {
            c.a.mov_int(Width::W32, reg, reg);
        }
        c.push_reg(memory.width.int(), reg);
    }
}

impl Codegen {
    /// What is said of an access if it is outside. Its index stays in a register.
    fn outside(&mut self, access: &Access, index: &mut Entry) -> Outside {
        self.need_vmctx();
        let index = self.al.in_reg(&mut self.a, index);
        let definition = self.al.alloc(&mut self.a, Ty::I64);
        self.a.load_int(Width::W64, definition, &Mem::new(VMCTX, access.memory.definition_offset));
        Outside { index, offset: access.short_offset(), definition }
    }

    /// Traps when the flags say so.
    fn trap_outside_if(&mut self, cc: Cc, said: Outside) {
        let label = self.a.create_label();
        self.a.jcc(cc, label);
        self.cold.push(Cold::Outside { label, said, offset: self.offset });
    }

    /// The register with a memory's base, and those that must be given back.
    fn memory_base(&mut self, memory: &MemoryRef) -> (Reg, RegSet) {
        if self.kept_base == Some(memory.base_offset) {
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
}
