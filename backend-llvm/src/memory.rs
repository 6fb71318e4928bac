//! Linear memory: addresses and their checks, loads, stores, atomics.
//!
//! A load or store whose check is elided traps by a fault, which any instruction of ours may raise: a fault without an
//! entry in the trap table is an access out of bounds (`BackendId::untabled_fault`). LLVM knows nothing of that, and would
//! delete a load that nobody uses. So such accesses are born volatile; [`crate::exact`] takes the mark away from
//! those that cannot trap.

use inkwell::attributes::AttributeLoc;
use inkwell::types::{BasicType, BasicTypeEnum};
use inkwell::values::{InstructionOpcode as Op, InstructionValue, PointerValue};
use inkwell::{AtomicOrdering, AtomicRMWBinOp, InlineAsmDialect, IntPredicate};
use wasmer_runtime_core::layout::VMMEMORY_LEN;
use wasmer_runtime_core::translate::codegen::{Access, Bounds, MemoryRef, Region, Result};
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::Width;

use crate::codegen::{Codegen, V};
use crate::intrinsics::{AliasClass, Built, instruction_of, internal, value_of};

/// The size and alignment of the heap's cursor.
const CURSOR_BYTES: u32 = 4;

/// What holds of an access outside: `lhs` is above (`a`) or not below (`ae`) `rhs`, as unsigned 64-bit numbers.
#[derive(Clone, Copy)]
pub(crate) struct Outside<'ctx> {
    /// The condition, as assembly names it.
    pub(crate) condition: &'static str,
    pub(crate) lhs: V<'ctx>,
    pub(crate) rhs: V<'ctx>,
}

impl<'ctx> Codegen<'ctx, '_> {
    /// `value`, or zero outside: an address or the index of one. The check before has trapped there already, but a processor may guess past it
    /// (Spectre, variant 1): the zero comes without a branch, and by an instruction that LLVM does not look into, or it would know that the check
    /// has been made.
    pub(crate) fn guard(&mut self, outside: Outside<'ctx>, value: V<'ctx>) -> Result<V<'ctx>> {
        let (ty, word) = (value.get_type(), self.t.i64);
        let ty = ty.fn_type(&[ty.into(), word.into(), word.into(), word.into()], false);
        let asm = self.ctx.create_inline_asm(
            ty,
            format!("cmpq $3, $2\n\tcmov{}q $4, $0", outside.condition),
            "=&r,0,r,re,r,~{flags}".into(),
            false,
            false,
            Some(InlineAsmDialect::ATT),
            false,
        );
        let operands = [value.into(), outside.lhs.into(), outside.rhs.into(), word.const_zero().into()];
        let call = self.b.build_indirect_call(ty, asm, &operands, "").built()?;
        call.add_attribute(AttributeLoc::Function, self.nounwind);
        value_of(call)
    }

    pub(crate) fn class_of(&self, region: Region) -> AliasClass {
        match region {
            Region::Memory(memory) if memory.0 < self.info.imported_memories => AliasClass::ImportedMemories,
            Region::Memory(memory) => AliasClass::Memory(memory),
            Region::Objects => AliasClass::Objects,
            Region::Headers => AliasClass::Headers,
            Region::Cursor => AliasClass::Cursor,
            Region::TypeIds => AliasClass::Constant,
            Region::Displays => AliasClass::Displays,
            Region::FuncRefs => AliasClass::FuncRefs,
            Region::References => AliasClass::References,
            Region::Caught => AliasClass::Caught,
        }
    }

    /// Whether other threads may access it at the same time.
    fn is_shared(&self, region: Region) -> bool {
        matches!(region, Region::Memory(memory) if self.info.memories[memory.index()].shared)
    }

    /// The checked address of an access. If it always traps, code goes on in a block that nothing reaches.
    pub(crate) fn address(&mut self, access: &Access, index: V<'ctx>) -> Result<PointerValue<'ctx>> {
        self.locate();
        if let Some(bytes) = access.aligned_to {
            // Only the low bits count, so the sum may wrap around.
            let place = self.bin(Op::Add, index, self.const_like(index, access.offset))?;
            let low = self.bin(Op::And, place, self.const_like(index, bytes as u64 - 1))?;
            let unaligned = self.is_true(low)?;
            self.trap_if(unaligned, TrapCode::UnalignedAtomic)?;
        }
        let index = match access.memory.width {
            Width::W32 => self.cast(Op::ZExt, index, self.t.i64)?,
            Width::W64 => index,
        };
        let outside = match access.bounds {
            Bounds::Elided | Bounds::Proven => None,
            Bounds::Explicit { end_offset } => Some(self.check_bounds(access, end_offset, index)?),
            Bounds::AlwaysTraps => {
                self.trap_outside(access, index)?;
                let unreachable = self.new_block();
                self.b.position_at_end(unreachable);
                None
            }
        };
        let vmctx = self.f().vmctx;
        let base = self.load_constant_ptr(vmctx, access.memory.base_offset)?;
        let place = self.at(base, index.into_int_value())?;
        let place = self.at(place, access.offset as i64)?;
        match outside {
            Some(outside) => Ok(self.guard(outside, place.into())?.into_pointer_value()),
            None => Ok(place),
        }
    }

    /// Traps outside of the memory.
    fn check_bounds(&mut self, access: &Access, end_offset: u64, index: V<'ctx>) -> Result<Outside<'ctx>> {
        let memory = &access.memory;
        let len = self.memory_len(memory)?;
        let (outside, is_outside) = match memory.width {
            // The sum of a 32-bit index and an offset below 2^33 does not wrap; larger offsets always trap.
            Width::W32 if end_offset < 1 << 34 => {
                let past = self.bin(Op::Add, index, self.const_like(len, end_offset))?;
                (Outside { condition: "a", lhs: past, rhs: len }, self.icmp(IntPredicate::UGT, past, len)?)
            }
            // The first index outside is `len - end + 1`, or 0 where that would be below: the sum of index and end could wrap around. One comparison, because
            // of two LLVM would find that the first says when the difference wraps around, and look through the whole function again for each access.
            Width::W32 | Width::W64 => {
                let before = end_offset.checked_sub(1).ok_or_else(|| internal("an access of no bytes"))?;
                let first = self.intrinsic_like("llvm.usub.sat", &[len, self.const_like(len, before)])?;
                (Outside { condition: "ae", lhs: index, rhs: first }, self.icmp(IntPredicate::UGE, index, first)?)
            }
        };
        self.trap_by_if(is_outside.into_int_value(), |cg| cg.trap_outside(access, index))?;
        Ok(outside)
    }

    /// Traps by an instruction that says where the access was, to whom the virtual machine listens.
    fn trap_outside(&mut self, access: &Access, index: V<'ctx>) -> Result<()> {
        let Some(offset) = access.short_offset() else { return self.trap_here(TrapCode::MemoryOutOfBounds) };
        let definition = self.load_constant_ptr(self.f().vmctx, access.memory.definition_offset)?;
        let said = [self.const_i32(offset.cast_signed()).into(), index, definition.into()];
        self.trap_by("ud1l ${2:c}($3), ${4:k}", "i,i,i,r,r,~{memory}", TrapCode::MemoryOutOfBounds, &said)
    }

    /// The current length in bytes.
    pub(crate) fn memory_len(&mut self, memory: &MemoryRef) -> Result<V<'ctx>> {
        self.memory_len_of(self.f().vmctx, memory)
    }

    /// The current length in bytes of a memory of the instance of this vmctx.
    pub(crate) fn memory_len_of(&mut self, vmctx: PointerValue<'ctx>, memory: &MemoryRef) -> Result<V<'ctx>> {
        let definition = self.load_constant_ptr(vmctx, memory.definition_offset)?;
        let place = self.at(definition, VMMEMORY_LEN as i64)?;
        let len = self.load_from(self.t.i64, place, AliasClass::MemoryLength, 8)?;
        if self.is_shared(memory.region) {
            // Another thread may let it grow. For LLVM a plain load would be a race, whose result is undefined.
            instruction_of(len)?.set_atomic_ordering(AtomicOrdering::Monotonic).map_err(internal)?;
        }
        Ok(len)
    }

    pub(crate) fn emit_memory_size(&mut self, memory: &MemoryRef) -> Result<V<'ctx>> {
        let len = self.memory_len(memory)?;
        let pages = self.bin(Op::LShr, len, self.const_like(len, memory.page_size_log2 as u64))?;
        match memory.width {
            Width::W32 => self.cast(Op::Trunc, pages, self.t.i32),
            Width::W64 => Ok(pages),
        }
    }

    /// A plain load of `ty`, of alignment 1.
    pub(crate) fn load_guest(&mut self, access: &Access, ty: BasicTypeEnum<'ctx>, index: V<'ctx>) -> Result<V<'ctx>> {
        let address = self.address(access, index)?;
        let value = self.load_from(ty, address, self.class_of(access.memory.region), 1)?;
        // They stay what they are as long as the instance lives.
        if access.memory.region == Region::TypeIds {
            self.invariant(value)?;
        }
        self.keep(access, instruction_of(value)?)?;
        Ok(value)
    }

    /// Marks an access that traps by a fault, or that another thread may wait for.
    fn keep(&self, access: &Access, instruction: InstructionValue<'ctx>) -> Result<()> {
        if access.bounds == Bounds::Proven {
            return Ok(());
        }
        let is_shared = self.is_shared(access.memory.region);
        instruction.set_volatile(access.bounds == Bounds::Elided || is_shared).map_err(internal)
    }

    /// A plain store, of alignment 1.
    pub(crate) fn store_guest(&mut self, access: &Access, index: V<'ctx>, value: V<'ctx>) -> Result<()> {
        let address = self.address(access, index)?;
        let store = self.store_to(address, value, self.class_of(access.memory.region), 1)?;
        if access.memory.region == Region::Cursor {
            // No header that was written before moves behind it, so that an interrupt leaves whole objects below the cursor.
            store.set_alignment(CURSOR_BYTES).map_err(internal)?;
            store.set_atomic_ordering(AtomicOrdering::Release).map_err(internal)?;
        }
        self.keep(access, store)
    }

    pub(crate) fn emit_load(&mut self, access: &Access, op: Load, index: V<'ctx>) -> Result<V<'ctx>> {
        let (bits, signed) = match op {
            Load::I32 | Load::I64 | Load::F32 | Load::F64 | Load::V128 => {
                return self.load_guest(access, self.t.of(op.ty()), index);
            }
            Load::Int8 { signed, .. } => (8, signed),
            Load::Int16 { signed, .. } => (16, signed),
            Load::Int32 { signed } => (32, signed),
        };
        let narrow = self.load_guest(access, self.t.int_bits(bits).into(), index)?;
        self.cast(if signed { Op::SExt } else { Op::ZExt }, narrow, self.t.of(op.ty()))
    }

    pub(crate) fn emit_store(&mut self, access: &Access, op: Store, index: V<'ctx>, value: V<'ctx>) -> Result<()> {
        let value = match op {
            Store::I32 | Store::I64 | Store::F32 | Store::F64 | Store::V128 => value,
            Store::Int8 { .. } => self.cast(Op::Trunc, value, self.t.i8)?,
            Store::Int16 { .. } => self.cast(Op::Trunc, value, self.t.i16)?,
            Store::Int32 => self.cast(Op::Trunc, value, self.t.i32)?,
        };
        self.store_guest(access, index, value)
    }

    /// The low bits of an operand, as an atomic access moves them.
    fn narrow(&mut self, width: AtomicWidth, value: V<'ctx>) -> Result<V<'ctx>> {
        let bits = width.bytes as u32 * 8;
        if bits == width.value.bits() { Ok(value) } else { self.cast(Op::Trunc, value, self.t.int_bits(bits)) }
    }

    /// The zero-extended result of an atomic access.
    fn widen(&mut self, width: AtomicWidth, value: V<'ctx>) -> Result<V<'ctx>> {
        if width.bytes as u32 * 8 == width.value.bits() {
            return Ok(value);
        }
        self.cast(Op::ZExt, value, self.t.int(width.value))
    }

    pub(crate) fn emit_atomic_load(&mut self, access: &Access, width: AtomicWidth, index: V<'ctx>) -> Result<V<'ctx>> {
        let address = self.address(access, index)?;
        let ty = self.t.int_bits(width.bytes as u32 * 8);
        let class = self.class_of(access.memory.region);
        // LLVM's atomic accesses must be aligned; the check before has trapped otherwise.
        let value = self.load_from(ty, address, class, width.bytes as u32)?;
        let instruction = instruction_of(value)?;
        instruction.set_atomic_ordering(AtomicOrdering::SequentiallyConsistent).map_err(internal)?;
        self.keep(access, instruction)?;
        self.widen(width, value)
    }

    pub(crate) fn emit_atomic_store(
        &mut self,
        access: &Access,
        width: AtomicWidth,
        index: V<'ctx>,
        value: V<'ctx>,
    ) -> Result<()> {
        let address = self.address(access, index)?;
        let value = self.narrow(width, value)?;
        let store = self.b.build_store(address, value).built()?;
        store.set_alignment(width.bytes as u32).map_err(internal)?;
        store.set_atomic_ordering(AtomicOrdering::SequentiallyConsistent).map_err(internal)?;
        self.keep(access, store)?;
        self.tag(store, self.class_of(access.memory.region))
    }

    pub(crate) fn emit_atomic_rmw(
        &mut self,
        access: &Access,
        op: AtomicRmw,
        width: AtomicWidth,
        index: V<'ctx>,
        value: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let address = self.address(access, index)?;
        // LLVM makes a fence of an operation that changes nothing and whose result nobody needs, without the access that may trap.
        let narrow = self.narrow(width, value)?;
        let value = self.opaque(narrow)?.into_int_value();
        let op = match op {
            AtomicRmw::Add => AtomicRMWBinOp::Add,
            AtomicRmw::Sub => AtomicRMWBinOp::Sub,
            AtomicRmw::And => AtomicRMWBinOp::And,
            AtomicRmw::Or => AtomicRMWBinOp::Or,
            AtomicRmw::Xor => AtomicRMWBinOp::Xor,
            AtomicRmw::Xchg => AtomicRMWBinOp::Xchg,
        };
        let old: V<'ctx> =
            self.b.build_atomicrmw(op, address, value, AtomicOrdering::SequentiallyConsistent).built()?.into();
        let instruction = instruction_of(old)?;
        self.keep(access, instruction)?;
        self.tag(instruction, self.class_of(access.memory.region))?;
        self.widen(width, old)
    }

    pub(crate) fn emit_atomic_cmpxchg(
        &mut self,
        access: &Access,
        width: AtomicWidth,
        index: V<'ctx>,
        expected: V<'ctx>,
        replacement: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let address = self.address(access, index)?;
        let expected = self.narrow(width, expected)?;
        let replacement = self.narrow(width, replacement)?;
        let order = AtomicOrdering::SequentiallyConsistent;
        let pair = self.b.build_cmpxchg(address, expected, replacement, order, order).built()?;
        let instruction = instruction_of(pair.into())?;
        self.keep(access, instruction)?;
        self.tag(instruction, self.class_of(access.memory.region))?;
        let old = self.b.build_extract_value(pair, 0, "").built()?;
        self.widen(width, old)
    }

    pub(crate) fn emit_atomic_fence(&mut self) -> Result<()> {
        self.b.build_fence(AtomicOrdering::SequentiallyConsistent, false, "").built().map(drop)
    }

    // Vector accesses.
    pub(crate) fn emit_simd_load(&mut self, access: &Access, op: SimdLoad, index: V<'ctx>) -> Result<V<'ctx>> {
        match op {
            SimdLoad::Extend { to, signed } => {
                let wide = self.t.lanes(to);
                let narrow = self.t.int_bits(to.lane_bits() / 2).vec_type(wide.get_size());
                // As a number: LLVM could load half a vector in parts.
                let half = self.load_guest(access, self.t.i64.into(), index)?;
                let lanes = self.bitcast(half, narrow)?;
                let lanes = self.cast(if signed { Op::SExt } else { Op::ZExt }, lanes, wide)?;
                self.bitcast(lanes, self.t.v128)
            }
            SimdLoad::Splat { bytes } => {
                let lane = self.load_guest(access, self.t.int_bits(bytes as u32 * 8).into(), index)?;
                self.splat(lane)
            }
            SimdLoad::Zero { bytes } => {
                let lane = self.load_guest(access, self.t.int_bits(bytes as u32 * 8).into(), index)?;
                let zero = lane.get_type().into_int_type().vec_type(16 / bytes as u32).const_zero();
                let lanes =
                    self.b.build_insert_element(zero, lane.into_int_value(), self.t.i32.const_zero(), "").built()?;
                self.bitcast(lanes, self.t.v128)
            }
        }
    }

    pub(crate) fn emit_simd_load_lane(
        &mut self,
        access: &Access,
        bytes: u8,
        lane: u8,
        index: V<'ctx>,
        vector: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let ty = self.t.int_bits(bytes as u32 * 8);
        let value = self.load_guest(access, ty.into(), index)?;
        let lanes = self.bitcast(vector, ty.vec_type(16 / bytes as u32))?.into_vector_value();
        let lane = self.const_i32(lane as i32);
        let lanes = self.b.build_insert_element(lanes, value, lane, "").built()?;
        self.bitcast(lanes, self.t.v128)
    }

    pub(crate) fn emit_simd_store_lane(
        &mut self,
        access: &Access,
        bytes: u8,
        lane: u8,
        index: V<'ctx>,
        vector: V<'ctx>,
    ) -> Result<()> {
        let ty = self.t.int_bits(bytes as u32 * 8);
        let lanes = self.bitcast(vector, ty.vec_type(16 / bytes as u32))?.into_vector_value();
        let lane = self.const_i32(lane as i32);
        let value = self.b.build_extract_element(lanes, lane, "").built()?;
        self.store_guest(access, index, value)
    }
}
