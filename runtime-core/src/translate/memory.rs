//! Memory and table operators: loads, stores, atomics, bulk operations.

use wasmparser::{MemArg, MemArgTarget, Ordering};

use crate::libcall::{Libcall, atomic_place};
use crate::translate::codegen::{Access, Bounds, FuncCodegen, MemoryRef, Result};
use crate::translate::func::State;
use crate::translate::ops::*;
use crate::types::*;
use crate::vm::layout::MEMORY_GUARD_BYTES;

/// Page size whose memories have a guard region.
const PAGE_SIZE_LOG2: u8 = 16;

/// The check of an access of `bytes` bytes at a static offset.
fn bounds(memory: &MemoryRef, offset: u64, bytes: u32) -> Bounds {
    match offset.checked_add(u64::from(bytes)) {
        None => Bounds::AlwaysTraps,
        Some(end_offset) => match memory.width {
            Width::W32 if memory.page_size_log2 == PAGE_SIZE_LOG2 && end_offset <= MEMORY_GUARD_BYTES => Bounds::Elided,
            Width::W32 | Width::W64 => Bounds::Explicit { end_offset },
        },
    }
}

impl<C: FuncCodegen> State<'_, C> {
    fn memory(&self, index: u32) -> MemoryRef {
        self.module.memory_ref(&self.offsets, MemoryIdx(index))
    }

    fn index_ty(&self, memory: u32) -> Ty {
        self.module.memories[memory as usize].index.int()
    }

    /// The memory of an operand; arrays of garbage collection are refused.
    fn memory_of(&self, memarg: &MemArg) -> Result<u32> {
        match memarg.target {
            MemArgTarget::Memory(memory) => Ok(memory),
            MemArgTarget::Array(_) => self.refuse("load or store of an array").map(|()| 0),
        }
    }

    fn access(&self, memarg: &MemArg, bytes: u32, aligned_to: Option<u8>) -> Result<Access> {
        let memory = self.memory(self.memory_of(memarg)?);
        Ok(Access { memory, offset: memarg.offset, bounds: bounds(&memory, memarg.offset, bytes), aligned_to })
    }

    fn load(&mut self, op: Load, memarg: &MemArg) -> Result<()> {
        let access = self.access(memarg, op.bytes(), None)?;
        let index = self.pop();
        let value = self.codegen.load(&access, op, index)?;
        self.push(value);
        Ok(())
    }

    fn store(&mut self, op: Store, memarg: &MemArg) -> Result<()> {
        let access = self.access(memarg, op.bytes(), None)?;
        let value = self.pop();
        let index = self.pop();
        self.codegen.store(&access, op, index, value)
    }

    fn simd_load(&mut self, op: SimdLoad, memarg: &MemArg) -> Result<()> {
        let access = self.access(memarg, op.bytes(), None)?;
        let index = self.pop();
        let value = self.codegen.simd_load(&access, op, index)?;
        self.push(value);
        Ok(())
    }

    fn simd_load_lane(&mut self, bytes: u8, memarg: &MemArg, lane: u8) -> Result<()> {
        let access = self.access(memarg, u32::from(bytes), None)?;
        let vector = self.pop();
        let index = self.pop();
        let value = self.codegen.simd_load_lane(&access, bytes, lane, index, vector)?;
        self.push(value);
        Ok(())
    }

    fn simd_store_lane(&mut self, bytes: u8, memarg: &MemArg, lane: u8) -> Result<()> {
        let access = self.access(memarg, u32::from(bytes), None)?;
        let vector = self.pop();
        let index = self.pop();
        self.codegen.simd_store_lane(&access, bytes, lane, index, vector)
    }

    fn atomic_access(&self, memarg: &MemArg, width: AtomicWidth) -> Result<Access> {
        self.access(memarg, u32::from(width.bytes), Some(width.bytes))
    }

    fn atomic_load(&mut self, width: AtomicWidth, memarg: &MemArg) -> Result<()> {
        let access = self.atomic_access(memarg, width)?;
        let index = self.pop();
        let value = self.codegen.atomic_load(&access, width, index)?;
        self.push(value);
        Ok(())
    }

    fn atomic_store(&mut self, width: AtomicWidth, memarg: &MemArg) -> Result<()> {
        let access = self.atomic_access(memarg, width)?;
        let value = self.pop();
        let index = self.pop();
        self.codegen.atomic_store(&access, width, index, value)
    }

    fn atomic_rmw(&mut self, op: AtomicRmw, width: AtomicWidth, memarg: &MemArg) -> Result<()> {
        let access = self.atomic_access(memarg, width)?;
        let value = self.pop();
        let index = self.pop();
        let old = self.codegen.atomic_rmw(&access, op, width, index, value)?;
        self.push(old);
        Ok(())
    }

    fn atomic_cmpxchg(&mut self, width: AtomicWidth, memarg: &MemArg) -> Result<()> {
        let access = self.atomic_access(memarg, width)?;
        let replacement = self.pop();
        let expected = self.pop();
        let index = self.pop();
        let old = self.codegen.atomic_cmpxchg(&access, width, index, expected, replacement)?;
        self.push(old);
        Ok(())
    }

    pub(super) fn visit_atomic_fence(&mut self, _ordering: Ordering) -> Result<()> {
        self.codegen.atomic_fence()
    }

    /// A wait or notify: the operands behind the index have the types `rest`.
    fn atomic_libcall(&mut self, call: Libcall, memarg: &MemArg, rest: &[Ty]) -> Result<()> {
        let memory = self.memory_of(memarg)?;
        let mut operands = [self.index_ty(memory), Ty::I64, Ty::I64];
        operands[1..1 + rest.len()].copy_from_slice(rest);
        self.libcall(call, &[atomic_place(memory, memarg.offset)], &operands[..1 + rest.len()], false)
    }

    pub(super) fn visit_memory_atomic_notify(&mut self, memarg: MemArg) -> Result<()> {
        self.atomic_libcall(Libcall::AtomicNotify, &memarg, &[Ty::I32])
    }

    pub(super) fn visit_memory_atomic_wait32(&mut self, memarg: MemArg) -> Result<()> {
        self.atomic_libcall(Libcall::AtomicWait32, &memarg, &[Ty::I32, Ty::I64])
    }

    pub(super) fn visit_memory_atomic_wait64(&mut self, memarg: MemArg) -> Result<()> {
        self.atomic_libcall(Libcall::AtomicWait64, &memarg, &[Ty::I64, Ty::I64])
    }

    // Whole memories.

    pub(super) fn visit_memory_size(&mut self, memory: u32) -> Result<()> {
        let value = self.codegen.memory_size(&self.memory(memory))?;
        self.push(value);
        Ok(())
    }

    pub(super) fn visit_memory_grow(&mut self, memory: u32) -> Result<()> {
        let index = self.index_ty(memory);
        self.libcall(Libcall::MemoryGrow, &[u64::from(memory)], &[index], index == Ty::I32)
    }

    pub(super) fn visit_memory_copy(&mut self, destination: u32, source: u32) -> Result<()> {
        let (to, from) = (self.index_ty(destination), self.index_ty(source));
        let immediates = [u64::from(destination), u64::from(source)];
        self.libcall(Libcall::MemoryCopy, &immediates, &[to, from, narrower(to, from)], false)
    }

    pub(super) fn visit_memory_fill(&mut self, memory: u32) -> Result<()> {
        let index = self.index_ty(memory);
        self.libcall(Libcall::MemoryFill, &[u64::from(memory)], &[index, Ty::I32, index], false)
    }

    pub(super) fn visit_memory_init(&mut self, segment: u32, memory: u32) -> Result<()> {
        let operands = [self.index_ty(memory), Ty::I32, Ty::I32];
        self.libcall(Libcall::MemoryInit, &[u64::from(segment), u64::from(memory)], &operands, false)
    }

    pub(super) fn visit_data_drop(&mut self, segment: u32) -> Result<()> {
        self.libcall(Libcall::DataDrop, &[u64::from(segment)], &[], false)
    }

    // Tables.

    fn table_index_ty(&self, table: u32) -> Ty {
        self.module.tables[table as usize].index.int()
    }

    pub(super) fn visit_table_get(&mut self, table: u32) -> Result<()> {
        self.libcall(Libcall::TableGet, &[u64::from(table)], &[self.table_index_ty(table)], false)
    }

    pub(super) fn visit_table_set(&mut self, table: u32) -> Result<()> {
        self.libcall(Libcall::TableSet, &[u64::from(table)], &[self.table_index_ty(table), Ty::Ref], false)
    }

    pub(super) fn visit_table_size(&mut self, table: u32) -> Result<()> {
        self.libcall(Libcall::TableSize, &[u64::from(table)], &[], self.table_index_ty(table) == Ty::I32)
    }

    pub(super) fn visit_table_grow(&mut self, table: u32) -> Result<()> {
        let index = self.table_index_ty(table);
        self.libcall(Libcall::TableGrow, &[u64::from(table)], &[Ty::Ref, index], index == Ty::I32)
    }

    pub(super) fn visit_table_fill(&mut self, table: u32) -> Result<()> {
        let index = self.table_index_ty(table);
        self.libcall(Libcall::TableFill, &[u64::from(table)], &[index, Ty::Ref, index], false)
    }

    pub(super) fn visit_table_copy(&mut self, destination: u32, source: u32) -> Result<()> {
        let (to, from) = (self.table_index_ty(destination), self.table_index_ty(source));
        let immediates = [u64::from(destination), u64::from(source)];
        self.libcall(Libcall::TableCopy, &immediates, &[to, from, narrower(to, from)], false)
    }

    pub(super) fn visit_table_init(&mut self, segment: u32, table: u32) -> Result<()> {
        let operands = [self.table_index_ty(table), Ty::I32, Ty::I32];
        self.libcall(Libcall::TableInit, &[u64::from(segment), u64::from(table)], &operands, false)
    }

    pub(super) fn visit_elem_drop(&mut self, segment: u32) -> Result<()> {
        self.libcall(Libcall::ElemDrop, &[u64::from(segment)], &[], false)
    }
}

/// The type of a length between two index types (specification, section 3.4.7).
fn narrower(a: Ty, b: Ty) -> Ty {
    if a == Ty::I64 && b == Ty::I64 { Ty::I64 } else { Ty::I32 }
}

macro_rules! accesses {
    ($($method:ident { $($visit:ident = $op:expr;)* })*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $($(
                pub(super) fn $visit(&mut self, memarg: MemArg) -> Result<()> {
                    self.$method($op, &memarg)
                }
            )*)*
        }
    };
}

use Width::{W32, W64};

accesses! {
    load {
        visit_i32_load = Load::I32;
        visit_i64_load = Load::I64;
        visit_f32_load = Load::F32;
        visit_f64_load = Load::F64;
        visit_v128_load = Load::V128;
        visit_i32_load8_s = Load::Int8 { to: W32, signed: true };
        visit_i32_load8_u = Load::Int8 { to: W32, signed: false };
        visit_i32_load16_s = Load::Int16 { to: W32, signed: true };
        visit_i32_load16_u = Load::Int16 { to: W32, signed: false };
        visit_i64_load8_s = Load::Int8 { to: W64, signed: true };
        visit_i64_load8_u = Load::Int8 { to: W64, signed: false };
        visit_i64_load16_s = Load::Int16 { to: W64, signed: true };
        visit_i64_load16_u = Load::Int16 { to: W64, signed: false };
        visit_i64_load32_s = Load::Int32 { signed: true };
        visit_i64_load32_u = Load::Int32 { signed: false };
    }
    store {
        visit_i32_store = Store::I32;
        visit_i64_store = Store::I64;
        visit_f32_store = Store::F32;
        visit_f64_store = Store::F64;
        visit_v128_store = Store::V128;
        visit_i32_store8 = Store::Int8 { from: W32 };
        visit_i32_store16 = Store::Int16 { from: W32 };
        visit_i64_store8 = Store::Int8 { from: W64 };
        visit_i64_store16 = Store::Int16 { from: W64 };
        visit_i64_store32 = Store::Int32;
    }
    simd_load {
        visit_v128_load8x8_s = SimdLoad::Extend { to: IntShape::I16x8, signed: true };
        visit_v128_load8x8_u = SimdLoad::Extend { to: IntShape::I16x8, signed: false };
        visit_v128_load16x4_s = SimdLoad::Extend { to: IntShape::I32x4, signed: true };
        visit_v128_load16x4_u = SimdLoad::Extend { to: IntShape::I32x4, signed: false };
        visit_v128_load32x2_s = SimdLoad::Extend { to: IntShape::I64x2, signed: true };
        visit_v128_load32x2_u = SimdLoad::Extend { to: IntShape::I64x2, signed: false };
        visit_v128_load8_splat = SimdLoad::Splat { bytes: 1 };
        visit_v128_load16_splat = SimdLoad::Splat { bytes: 2 };
        visit_v128_load32_splat = SimdLoad::Splat { bytes: 4 };
        visit_v128_load64_splat = SimdLoad::Splat { bytes: 8 };
        visit_v128_load32_zero = SimdLoad::Zero { bytes: 4 };
        visit_v128_load64_zero = SimdLoad::Zero { bytes: 8 };
    }
    atomic_load {
        visit_i32_atomic_load = atomic(4, W32);
        visit_i64_atomic_load = atomic(8, W64);
        visit_i32_atomic_load8_u = atomic(1, W32);
        visit_i32_atomic_load16_u = atomic(2, W32);
        visit_i64_atomic_load8_u = atomic(1, W64);
        visit_i64_atomic_load16_u = atomic(2, W64);
        visit_i64_atomic_load32_u = atomic(4, W64);
    }
    atomic_store {
        visit_i32_atomic_store = atomic(4, W32);
        visit_i64_atomic_store = atomic(8, W64);
        visit_i32_atomic_store8 = atomic(1, W32);
        visit_i32_atomic_store16 = atomic(2, W32);
        visit_i64_atomic_store8 = atomic(1, W64);
        visit_i64_atomic_store16 = atomic(2, W64);
        visit_i64_atomic_store32 = atomic(4, W64);
    }
    atomic_cmpxchg {
        visit_i32_atomic_rmw_cmpxchg = atomic(4, W32);
        visit_i64_atomic_rmw_cmpxchg = atomic(8, W64);
        visit_i32_atomic_rmw8_cmpxchg_u = atomic(1, W32);
        visit_i32_atomic_rmw16_cmpxchg_u = atomic(2, W32);
        visit_i64_atomic_rmw8_cmpxchg_u = atomic(1, W64);
        visit_i64_atomic_rmw16_cmpxchg_u = atomic(2, W64);
        visit_i64_atomic_rmw32_cmpxchg_u = atomic(4, W64);
    }
}

const fn atomic(bytes: u8, value: Width) -> AtomicWidth {
    AtomicWidth { bytes, value }
}

macro_rules! atomic_rmws {
    ($($op:ident: $i32:ident $i64:ident $i32_8:ident $i32_16:ident $i64_8:ident $i64_16:ident $i64_32:ident;)*) => {
        $(atomic_rmws!(@each $op: $i32 4 W32, $i64 8 W64, $i32_8 1 W32, $i32_16 2 W32, $i64_8 1 W64, $i64_16 2 W64, $i64_32 4 W64);)*
    };
    (@each $op:ident: $($visit:ident $bytes:literal $value:ident),*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $(
                pub(super) fn $visit(&mut self, memarg: MemArg) -> Result<()> {
                    self.atomic_rmw(AtomicRmw::$op, atomic($bytes, $value), &memarg)
                }
            )*
        }
    };
}

atomic_rmws! {
    Add: visit_i32_atomic_rmw_add visit_i64_atomic_rmw_add visit_i32_atomic_rmw8_add_u visit_i32_atomic_rmw16_add_u visit_i64_atomic_rmw8_add_u visit_i64_atomic_rmw16_add_u visit_i64_atomic_rmw32_add_u;
    Sub: visit_i32_atomic_rmw_sub visit_i64_atomic_rmw_sub visit_i32_atomic_rmw8_sub_u visit_i32_atomic_rmw16_sub_u visit_i64_atomic_rmw8_sub_u visit_i64_atomic_rmw16_sub_u visit_i64_atomic_rmw32_sub_u;
    And: visit_i32_atomic_rmw_and visit_i64_atomic_rmw_and visit_i32_atomic_rmw8_and_u visit_i32_atomic_rmw16_and_u visit_i64_atomic_rmw8_and_u visit_i64_atomic_rmw16_and_u visit_i64_atomic_rmw32_and_u;
    Or: visit_i32_atomic_rmw_or visit_i64_atomic_rmw_or visit_i32_atomic_rmw8_or_u visit_i32_atomic_rmw16_or_u visit_i64_atomic_rmw8_or_u visit_i64_atomic_rmw16_or_u visit_i64_atomic_rmw32_or_u;
    Xor: visit_i32_atomic_rmw_xor visit_i64_atomic_rmw_xor visit_i32_atomic_rmw8_xor_u visit_i32_atomic_rmw16_xor_u visit_i64_atomic_rmw8_xor_u visit_i64_atomic_rmw16_xor_u visit_i64_atomic_rmw32_xor_u;
    Xchg: visit_i32_atomic_rmw_xchg visit_i64_atomic_rmw_xchg visit_i32_atomic_rmw8_xchg_u visit_i32_atomic_rmw16_xchg_u visit_i64_atomic_rmw8_xchg_u visit_i64_atomic_rmw16_xchg_u visit_i64_atomic_rmw32_xchg_u;
}

macro_rules! lane_accesses {
    ($($method:ident { $($visit:ident = $bytes:literal;)* })*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $($(
                pub(super) fn $visit(&mut self, memarg: MemArg, lane: u8) -> Result<()> {
                    self.$method($bytes, &memarg, lane)
                }
            )*)*
        }
    };
}

lane_accesses! {
    simd_load_lane {
        visit_v128_load8_lane = 1;
        visit_v128_load16_lane = 2;
        visit_v128_load32_lane = 4;
        visit_v128_load64_lane = 8;
    }
    simd_store_lane {
        visit_v128_store8_lane = 1;
        visit_v128_store16_lane = 2;
        visit_v128_store32_lane = 4;
        visit_v128_store64_lane = 8;
    }
}
