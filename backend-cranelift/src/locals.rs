//! Locals: variables in SSA form, or, in a function where that grows out of proportion, places in the frame.
//!
//! Cranelift gives a block a parameter for each local that comes there with several values, and a loop one for each local used in it. A thousand
//! loops in each other over a hundred locals are a few kilobytes of code and a hundred thousand parameters, and what follows takes more than
//! linear time in them. In the frame, each use of a local is one load or store, whatever the blocks.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, StackSlotData, StackSlotKind, Value, types};
use cranelift_frontend::Variable;
use wasmer_runtime_core::types::{LocalIdx, Ty};

use crate::codegen::{Codegen, Locals, V128, clif_type};
use crate::region::Region;

/// Bytes that are set to zero at once; places of vectors are aligned to as many.
const CHUNK_BYTES: u32 = 16;

/// As much work as merging so many pairs is what one local costs at one call that has a landing: about two microseconds, and eight bytes of code.
const MERGING_PER_LANDED: u64 = 16;

/// Declares the locals: the parameters that the entry block has, and zeros.
pub(crate) fn declare(cg: &mut Codegen<'_>, entry: Block, params: usize, locals: &[Ty]) {
    if cg.locals_in_frame {
        declare_in_frame(cg, entry, params, locals);
    } else {
        declare_variables(cg, entry, params, locals);
    }
}

fn declare_variables(cg: &mut Codegen<'_>, entry: Block, params: usize, locals: &[Ty]) {
    // One zero for each type: a function may declare 50,000 locals.
    let mut zeros = [None; 6];
    for (position, &ty) in locals.iter().enumerate() {
        let variable = cg.builder.declare_var(clif_type(ty));
        let value = if position < params {
            cg.builder.block_params(entry)[cg.first_param() + position]
        } else if let Some(zero) = zeros[ty as usize] {
            zero
        } else {
            let zero = cg.zero(ty);
            zeros[ty as usize] = Some(zero);
            zero
        };
        cg.builder.def_var(variable, value);
    }
    cg.scratch.writes.clear();
    cg.scratch.writes.resize(locals.len(), (None, 0));
    cg.locals = Locals::Variables;
}

fn declare_in_frame(cg: &mut Codegen<'_>, entry: Block, params: usize, locals: &[Ty]) {
    let mut end = 0u32;
    let mut place = |ty: &Ty| {
        let ty = clif_type(*ty);
        let bytes = if ty == V128 { CHUNK_BYTES } else { 8 };
        let at = end.next_multiple_of(bytes);
        end = at + bytes;
        (at as i32, ty)
    };
    let places: Vec<_> = locals.iter().map(&mut place).collect();
    let bytes = end.next_multiple_of(CHUNK_BYTES);
    let align_shift = CHUNK_BYTES.trailing_zeros() as u8;
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, align_shift);
    let slot = cg.builder.create_sized_stack_slot(slot);
    let base = cg.ins().stack_addr(types::I64, slot, 0);
    if params < locals.len() {
        zero(cg, base, bytes);
    }
    let flags = cg.trusted(Region::Locals);
    for (position, &(at, _)) in places.iter().enumerate().take(params) {
        let value = cg.builder.block_params(entry)[cg.first_param() + position];
        cg.ins().store(flags, value, base, at);
    }
    cg.locals = Locals::Frame { base, places };
}

/// A loop that sets a number of bytes to zero, a multiple of [`CHUNK_BYTES`].
///
/// A body of a few bytes can declare 50,000 locals, so a store for each would be code out of proportion to it.
fn zero(cg: &mut Codegen<'_>, base: Value, bytes: u32) {
    let (head, behind) = (cg.builder.create_block(), cg.builder.create_block());
    let at = cg.builder.append_block_param(head, types::I64);
    let end = cg.ins().iadd_imm_s(base, i64::from(bytes));
    cg.ins().jump(head, &[base.into()]);
    cg.builder.switch_to_block(head);
    let flags = cg.trusted(Region::Locals);
    let zero = cg.ins().iconst(types::I64, 0);
    // Integers, because a vector of zeros would be loaded from memory or take one more instruction.
    for offset in [0, 8] {
        cg.ins().store(flags, zero, at, offset);
    }
    let next = cg.ins().iadd_imm_s(at, i64::from(CHUNK_BYTES));
    let more = cg.ins().icmp(IntCC::UnsignedLessThan, next, end);
    cg.ins().brif(more, head, &[next.into()], behind, &[]);
    cg.builder.seal_block(head);
    cg.builder.switch_to_block(behind);
    cg.builder.seal_block(behind);
}

pub(crate) fn get(cg: &mut Codegen<'_>, local: LocalIdx) -> Value {
    match &cg.locals {
        Locals::Variables => cg.builder.use_var(Variable::from_u32(local.0)),
        Locals::Frame { base, places } => {
            let (base, (at, ty)) = (*base, places[local.index()]);
            let flags = cg.trusted(Region::Locals);
            cg.ins().load(ty, flags, base, at)
        }
    }
}

/// `value` is in the type of its representation at boundaries.
pub(crate) fn set(cg: &mut Codegen<'_>, local: LocalIdx, value: Value) {
    match &cg.locals {
        Locals::Variables => {
            cg.builder.def_var(Variable::from_u32(local.0), value);
            note_write(cg, local);
        }
        Locals::Frame { base, places } => {
            let (base, (at, _)) = (*base, places[local.index()]);
            let flags = cg.trusted(Region::Locals);
            cg.ins().store(flags, value, base, at);
        }
    }
}

/// Counts a call that has a landing: there the locals of all calls of the region come together, and each of these calls moves them to their places.
pub(crate) fn note_landing(cg: &mut Codegen<'_>) {
    cg.merging += MERGING_PER_LANDED * cg.locals_written;
}

/// Counts the locals that a value may live beside, and the blocks that write a local: where they lead to, its values come together.
fn note_write(cg: &mut Codegen<'_>, local: LocalIdx) {
    cg.crowding += cg.locals_written;
    let block = cg.builder.current_block();
    let (last, blocks) = &mut cg.scratch.writes[local.index()];
    if *last != block {
        cg.locals_written += u64::from(*blocks == 0);
        // So `n` blocks count as n².
        cg.merging += 2 * u64::from(*blocks) + 1;
        cg.local_writes += 1;
        (*last, *blocks) = (block, *blocks + 1);
    }
}
