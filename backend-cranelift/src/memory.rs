//! Loads, stores and atomic accesses of linear memories.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Opcode, TrapCode as ClifTrap, Type, Value, types};
use wasmer_runtime_core::layout::VMMEMORY_LEN;
use wasmer_runtime_core::translate::codegen::{self, Access, Bounds, MemoryRef};
use wasmer_runtime_core::translate::ops::{AtomicRmw, AtomicWidth, Load, Store};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::Width;

use crate::codegen::{Codegen, V128, clif_trap};
use crate::control::continue_in;
use crate::int::int_type;
use crate::outside;
use crate::region::Region;

/// Stands for [`TrapCode::MemoryOutOfBounds`] at instructions that only fault in the address space of a memory: they need no entry in the trap
/// table.
pub(crate) const FAULT_IN_MEMORY: ClifTrap = ClifTrap::HEAP_OUT_OF_BOUNDS;

/// The integer type of a number of bytes.
pub(crate) fn bytes_type(bytes: u8) -> Type {
    match bytes {
        1 => types::I8,
        2 => types::I16,
        4 => types::I32,
        8 => types::I64,
        _ => unreachable!("no operator accesses an integer of {bytes} bytes"),
    }
}

/// An address that has been checked as far as the access demands.
pub(crate) struct Place {
    pub(crate) address: Value,
    pub(crate) offset: i32,
    pub(crate) flags: MemFlagsData,
}

/// Checks an access and computes its address.
pub(crate) fn place(cg: &mut Codegen<'_>, access: &Access, index: Value) -> Place {
    let memory = &access.memory;
    let region = memory.region.into();
    let flags = match access.bounds {
        // An access without a check faults inside its memory's address space, which needs no entry in the trap table.
        Bounds::Elided => cg.faulting(region, FAULT_IN_MEMORY),
        // Checked here; it must not move before its check all the same.
        Bounds::Explicit { .. } | Bounds::AlwaysTraps => cg.faulting(region, FAULT_IN_MEMORY),
        Bounds::Proven => cg.proven(region),
    };
    let index = cg.index64(memory.width, index);
    if let Some(bytes) = access.aligned_to {
        check_alignment(cg, index, access.offset, bytes);
    }
    let base = cg.load_constant(memory.base_offset);
    match access.bounds {
        Bounds::Elided | Bounds::Proven => {
            let address = match sum(cg, index) {
                // Where an array stays the same in a loop, what is added first is computed once.
                Some((array, element)) if access.memory.region == codegen::Region::Objects => {
                    let array = cg.ins().iadd(base, array);
                    cg.ins().iadd(array, element)
                }
                _ => cg.ins().iadd(base, index),
            };
            let offset = i32::try_from(access.offset).expect("offsets of unchecked accesses are below 2^31");
            Place { address, offset, flags }
        }
        Bounds::Explicit { end_offset } => {
            let outside = check_bounds(cg, access, index, end_offset);
            let address = cg.ins().iadd(base, index);
            let address = match access.offset {
                0 => address,
                offset => cg.ins().iadd_imm_u(address, offset as i64),
            };
            // Outside, when the processor only guesses, the address is null.
            let null = cg.ins().iconst(types::I64, 0);
            let address = cg.ins().select_spectre_guard(outside, null, address);
            Place { address, offset: 0, flags }
        }
        Bounds::AlwaysTraps => {
            trap_outside(cg, access, index);
            // The caller goes on to emit the access, which needs a block, though nothing comes there.
            let unreachable = cg.builder.create_block();
            continue_in(cg, unreachable);
            let base = cg.ins().iconst(types::I64, 0);
            Place { address: base, offset: 0, flags }
        }
    }
}

/// What a value is the sum of, if it is one.
fn sum(cg: &Codegen<'_>, value: Value) -> Option<(Value, Value)> {
    let dfg = &cg.builder.func.dfg;
    let inst = dfg.value_def(value).inst()?;
    match (dfg.insts[inst].opcode(), dfg.inst_args(inst)) {
        (Opcode::Iadd, &[lhs, rhs]) => Some((lhs, rhs)),
        _ => None,
    }
}

/// Traps if `index + end_offset`, computed without wrapping around, is beyond the end of the memory. Whether it is.
fn check_bounds(cg: &mut Codegen<'_>, access: &Access, index: Value, end_offset: u64) -> Value {
    let memory = &access.memory;
    let len = length(cg, memory);
    let end_offset_value = cg.ins().iconst(types::I64, end_offset as i64);
    let end = cg.ins().iadd(index, end_offset_value);
    // With an index of 32 bits the sum wraps around for the largest offsets only.
    if memory.width == Width::W64 || end_offset >= 1 << 63 {
        let has_wrapped = cg.ins().icmp(IntCC::UnsignedLessThan, end, index);
        trap_outside_if(cg, access, index, has_wrapped);
    }
    let outside = cg.ins().icmp(IntCC::UnsignedGreaterThan, end, len);
    trap_outside_if(cg, access, index, outside);
    outside
}

fn trap_outside_if(cg: &mut Codegen<'_>, access: &Access, index: Value, condition: Value) {
    let (outside, inside) = (cg.builder.create_block(), cg.builder.create_block());
    cg.builder.set_cold_block(outside);
    cg.ins().brif(condition, outside, [], inside, []);
    continue_in(cg, outside);
    trap_outside(cg, access, index);
    continue_in(cg, inside);
}

/// Traps, saying where: by a call that has the index and where the memory's definition is in the first registers for arguments, and a trap behind it.
/// [`outside`] makes one instruction of both.
fn trap_outside(cg: &mut Codegen<'_>, access: &Access, index: Value) {
    if let Some(offset) = access.short_offset() {
        let definition = cg.load_constant(access.memory.definition_offset);
        let function = outside::function(cg.builder.func, &mut cg.scratch.outside, offset);
        cg.ins().call(function, &[index, definition]);
    }
    cg.ins().trap(clif_trap(TrapCode::MemoryOutOfBounds));
}

/// Only the low bits matter, so the sum may wrap around.
fn check_alignment(cg: &mut Codegen<'_>, index: Value, offset: u64, bytes: u8) {
    if bytes <= 1 {
        return;
    }
    let mask = i64::from(bytes) - 1;
    // Memories start at a page, so the index is aligned as the address is.
    let address = match offset as i64 & mask {
        0 => index,
        offset => cg.ins().iadd_imm_u(index, offset),
    };
    let misalignment = cg.ins().band_imm_u(address, mask);
    cg.ins().trapnz(misalignment, clif_trap(TrapCode::UnalignedAtomic));
}

/// The current length of a memory in bytes.
fn length(cg: &mut Codegen<'_>, memory: &MemoryRef) -> Value {
    let definition = cg.load_constant(memory.definition_offset);
    let flags = cg.trusted(memory_length(memory));
    cg.ins().load(types::I64, flags, definition, VMMEMORY_LEN)
}

fn memory_length(memory: &MemoryRef) -> Region {
    match memory.region {
        codegen::Region::Memory(index) => Region::MemoryLength(index),
        region => unreachable!("only linear memories have lengths, not {region:?}"),
    }
}

pub(crate) fn size(cg: &mut Codegen<'_>, memory: &MemoryRef) -> Value {
    let len = length(cg, memory);
    let pages = cg.ins().ushr_imm_u(len, i64::from(memory.page_size_log2));
    match memory.width {
        Width::W32 => cg.ins().ireduce(types::I32, pages),
        Width::W64 => pages,
    }
}

pub(crate) fn load(cg: &mut Codegen<'_>, access: &Access, op: Load, index: Value) -> Value {
    let Place { address, offset, flags } = place(cg, access, index);
    let ins = cg.ins();
    match op {
        Load::I32 => ins.load(types::I32, flags, address, offset),
        Load::I64 => ins.load(types::I64, flags, address, offset),
        Load::F32 => ins.load(types::F32, flags, address, offset),
        Load::F64 => ins.load(types::F64, flags, address, offset),
        Load::V128 => ins.load(V128, flags, address, offset),
        Load::Int8 { to, signed: true } => ins.sload8(int_type(to), flags, address, offset),
        Load::Int8 { to, signed: false } => ins.uload8(int_type(to), flags, address, offset),
        Load::Int16 { to, signed: true } => ins.sload16(int_type(to), flags, address, offset),
        Load::Int16 { to, signed: false } => ins.uload16(int_type(to), flags, address, offset),
        Load::Int32 { signed: true } => ins.sload32(flags, address, offset),
        Load::Int32 { signed: false } => ins.uload32(flags, address, offset),
    }
}

pub(crate) fn store(cg: &mut Codegen<'_>, access: &Access, op: Store, index: Value, value: Value) {
    let Place { address, offset, flags } = place(cg, access, index);
    match op {
        Store::I32 | Store::I64 | Store::F32 | Store::F64 => {
            cg.ins().store(flags, value, address, offset);
        }
        Store::V128 => {
            // One type, so that a later load of the place finds the stored value.
            let value = cg.canonical(value);
            cg.ins().store(flags, value, address, offset);
        }
        Store::Int8 { from: _ } => {
            cg.ins().istore8(flags, value, address, offset);
        }
        Store::Int16 { from: _ } => {
            cg.ins().istore16(flags, value, address, offset);
        }
        Store::Int32 => {
            cg.ins().istore32(flags, value, address, offset);
        }
    }
}

/// The address of an atomic access: its instructions take no displacement.
fn atomic_place(cg: &mut Codegen<'_>, access: &Access, index: Value) -> (Value, MemFlagsData) {
    let Place { address, offset, flags } = place(cg, access, index);
    match offset {
        0 => (address, flags),
        offset => (cg.ins().iadd_imm_s(address, i64::from(offset)), flags),
    }
}

/// A value of the operand's width as one of the access' width.
fn narrow(cg: &mut Codegen<'_>, width: AtomicWidth, value: Value) -> Value {
    let ty = bytes_type(width.bytes);
    if ty == int_type(width.value) { value } else { cg.ins().ireduce(ty, value) }
}

/// A value of the access' width as one of the operand's width.
fn widen(cg: &mut Codegen<'_>, width: AtomicWidth, value: Value) -> Value {
    let ty = int_type(width.value);
    if bytes_type(width.bytes) == ty { value } else { cg.ins().uextend(ty, value) }
}

pub(crate) fn atomic_load(cg: &mut Codegen<'_>, access: &Access, width: AtomicWidth, index: Value) -> Value {
    let (address, flags) = atomic_place(cg, access, index);
    let value = cg.ins().atomic_load(bytes_type(width.bytes), flags, address);
    widen(cg, width, value)
}

pub(crate) fn atomic_store(cg: &mut Codegen<'_>, access: &Access, width: AtomicWidth, index: Value, value: Value) {
    let (address, flags) = atomic_place(cg, access, index);
    let value = narrow(cg, width, value);
    cg.ins().atomic_store(flags, value, address);
}

pub(crate) fn atomic_rmw(
    cg: &mut Codegen<'_>,
    access: &Access,
    op: AtomicRmw,
    width: AtomicWidth,
    index: Value,
    value: Value,
) -> Value {
    let op = match op {
        AtomicRmw::Add => AtomicRmwOp::Add,
        AtomicRmw::Sub => AtomicRmwOp::Sub,
        AtomicRmw::And => AtomicRmwOp::And,
        AtomicRmw::Or => AtomicRmwOp::Or,
        AtomicRmw::Xor => AtomicRmwOp::Xor,
        AtomicRmw::Xchg => AtomicRmwOp::Xchg,
    };
    let (address, flags) = atomic_place(cg, access, index);
    let value = narrow(cg, width, value);
    let old = cg.ins().atomic_rmw(bytes_type(width.bytes), flags, op, address, value);
    widen(cg, width, old)
}

pub(crate) fn atomic_cmpxchg(
    cg: &mut Codegen<'_>,
    access: &Access,
    width: AtomicWidth,
    index: Value,
    expected: Value,
    replacement: Value,
) -> Value {
    let (address, flags) = atomic_place(cg, access, index);
    let (expected, replacement) = (narrow(cg, width, expected), narrow(cg, width, replacement));
    let old = cg.ins().atomic_cas(flags, address, expected, replacement);
    widen(cg, width, old)
}
