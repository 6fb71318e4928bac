//! Two versions of a loop over arrays: one whose accesses were proven in bounds before it began, and the exact one.
//!
//! In an innermost loop, an access at `a + i * s` in iteration `i`, of at most `n`, stays in bounds if the first and the last address do. Where that can be
//! computed for all accesses that may trap, the loop is copied; the copy, whose accesses are plain and so can be vectorised and moved, runs
//! if all are in bounds. All arithmetic about the range is done in 64 bits: what is in bounds there did not wrap around in 32.

use std::collections::{HashMap, HashSet};

use inkwell::IntPredicate as P;
use inkwell::basic_block::BasicBlock;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{
    AsValueRef, BasicValue, FunctionValue, InstructionOpcode as Op, InstructionValue, IntValue, Operand, PhiValue,
    PointerValue,
};
use wasmer_runtime_core::translate::codegen::Result;

use crate::codegen::{Codegen, V};
use crate::exact::{Region, bytes_of, is_effect, is_sum, is_volatile, place, pointer_of, region_of};
use crate::flow::{Flow, InnermostLoop, successors};
use crate::intrinsics::{Built, internal};

/// Instructions of the largest loop that is copied.
const LOOP_INSTRUCTIONS_MAX: usize = 400;
/// Ranges that are checked before a loop, at most.
const RANGES_MAX: usize = 12;
/// How deep an index is looked into.
const DEPTH_MAX: u32 = 8;
/// The largest step and stride in bytes.
const STRIDE_MAX: i64 = 1 << 24;

/// An index as a function of the iteration: `start + iteration * stride`, modulo 2^32.
#[derive(Clone, Copy)]
struct Affine<'ctx> {
    /// Computed before the loop.
    start: IntValue<'ctx>,
    stride: i64,
}

/// The addresses of one access over all iterations.
struct Range<'ctx> {
    base: PointerValue<'ctx>,
    /// The 32-bit number that is extended to the address.
    index: V<'ctx>,
    /// Bytes from there to the end of the access.
    end: u64,
}

/// How an iteration decides whether there is another one: `value predicate bound`.
struct Exit<'ctx> {
    value: V<'ctx>,
    predicate: P,
    bound: V<'ctx>,
}

/// One loop.
struct Versioned<'a, 'ctx> {
    at: &'a InnermostLoop<'ctx>,
    blocks: HashSet<BasicBlock<'ctx>>,
    vmctx: PointerValue<'ctx>,
}

impl<'ctx> Codegen<'ctx, '_> {
    /// Copies the loops of a function whose accesses can be proven in bounds before they begin.
    pub(crate) fn version_loops(
        &mut self,
        function: FunctionValue<'ctx>,
        regions: &HashMap<u64, Region>,
        harmless: &HashSet<InstructionValue<'ctx>>,
    ) -> Result<()> {
        let Some(V::PointerValue(vmctx)) = function.get_nth_param(0) else { return Ok(()) };
        for at in Flow::new(function).innermost_loops() {
            let versioned = Versioned { at: &at, blocks: at.blocks.iter().copied().collect(), vmctx };
            let Some(ranges) = versioned.ranges(regions, harmless)? else { continue };
            let Some(end) = at.preheader.get_terminator() else { continue };
            // A preheader that ends in a branch with a condition has no place for another one.
            if end.get_num_operands() != 1 {
                continue;
            }
            self.b.position_before(&end);
            let Some(inside) = self.all_inside(&versioned, &ranges, regions)? else { continue };
            let header = self.copy_loop(&versioned)?;
            self.b.position_before(&end);
            let branch = self.b.build_conditional_branch(inside, header, at.header).built()?;
            self.expect(branch, true)?;
            end.erase_from_basic_block();
        }
        Ok(())
    }

    /// Whether all ranges are in bounds, as a boolean before the loop. What is computed for a range that cannot be decided is left to LLVM to remove.
    fn all_inside(
        &mut self,
        versioned: &Versioned<'_, 'ctx>,
        ranges: &[Range<'ctx>],
        regions: &HashMap<u64, Region>,
    ) -> Result<Option<IntValue<'ctx>>> {
        let Some((mut inside, last)) = self.last_iteration(versioned)? else { return Ok(None) };
        for range in ranges {
            let Some(affine) = self.affine(versioned, range.index, 0)? else { return Ok(None) };
            let memory = self.info.memory_ref(&self.info.offsets(), region_of(range.base, regions).memory);
            let len = self.memory_len_of(versioned.vmctx, &memory)?;
            let first = self.cast(Op::ZExt, affine.start, self.t.i64)?;
            // Below 2^32 iterations of at most 2^24 bytes: 64 bits hold it.
            let way = self.bin(Op::Mul, last, self.const_i64(affine.stride as u64))?;
            let far = self.bin(Op::Add, first, way)?;
            let (highest, lowest) = if affine.stride < 0 { (first, far) } else { (far, first) };
            let end = self.bin(Op::Add, highest, self.const_i64(range.end))?;
            let mut holds = self.icmp(P::ULE, end, len)?;
            if affine.stride < 0 {
                let not_below = self.icmp(P::SGE, lowest, self.const_like(lowest, 0))?;
                holds = self.bin(Op::And, holds, not_below)?;
            }
            inside = self.bin(Op::And, inside, holds)?;
        }
        Ok(Some(inside.into_int_value()))
    }

    /// The number of the last iteration, at most, as a 64-bit number, and whether that is right.
    fn last_iteration(&mut self, versioned: &Versioned<'_, 'ctx>) -> Result<Option<(V<'ctx>, V<'ctx>)>> {
        for exit in versioned.exits() {
            let (Some(value), Some(bound)) =
                (self.affine(versioned, exit.value, 0)?, self.affine(versioned, exit.bound, 0)?)
            else {
                continue;
            };
            if bound.stride != 0 || value.stride == 0 {
                continue;
            }
            let step = value.stride.unsigned_abs();
            let is_up = value.stride > 0;
            if exit.predicate == P::NE {
                let (from, to) = if is_up { (value.start, bound.start) } else { (bound.start, value.start) };
                let distance = self.bin(Op::Sub, to, from)?;
                let distance = self.cast(Op::ZExt, distance, self.t.i64)?;
                // A counter that steps over the bound goes on around 2^32: how far is not known then.
                let rest = self.bin(Op::URem, distance, self.const_like(distance, step))?;
                let right = self.icmp(P::EQ, rest, self.const_like(rest, 0))?;
                return Ok(Some((right, self.bin(Op::UDiv, distance, self.const_like(distance, step))?)));
            }
            let (extend, more, closed) = match (exit.predicate, is_up) {
                (P::ULT, true) | (P::UGT, false) => (Op::ZExt, 0, [0, u64::from(u32::MAX)]),
                (P::ULE, true) | (P::UGE, false) => (Op::ZExt, 1, [0, u64::from(u32::MAX)]),
                (P::SLT, true) | (P::SGT, false) => (Op::SExt, 0, [i64::from(i32::MIN) as u64, i32::MAX as u64]),
                (P::SLE, true) | (P::SGE, false) => (Op::SExt, 1, [i64::from(i32::MIN) as u64, i32::MAX as u64]),
                _ => continue,
            };
            let (start, bound) =
                (self.cast(extend, value.start, self.t.i64)?, self.cast(extend, bound.start, self.t.i64)?);
            // The first value that is not before the bound must not wrap around.
            let slack = self.const_i64(more + step - 1);
            let (right, distance) = if is_up {
                let farthest = self.bin(Op::Add, bound, slack)?;
                (self.icmp(P::SLE, farthest, self.const_i64(closed[1]).into())?, self.bin(Op::Sub, farthest, start)?)
            } else {
                let farthest = self.bin(Op::Sub, bound, slack)?;
                (self.icmp(P::SGE, farthest, self.const_i64(closed[0]).into())?, self.bin(Op::Sub, start, farthest)?)
            };
            let distance = self.intrinsic_like("llvm.smax", &[distance, self.const_like(distance, 0)])?;
            return Ok(Some((right, self.bin(Op::UDiv, distance, self.const_like(distance, step))?)));
        }
        Ok(None)
    }

    /// A 32-bit number as a function of the iteration. Its start is computed at the builder's place, before the loop.
    fn affine(&mut self, versioned: &Versioned<'_, 'ctx>, value: V<'ctx>, depth: u32) -> Result<Option<Affine<'ctx>>> {
        let V::IntValue(int) = value else { return Ok(None) };
        if depth > DEPTH_MAX || int.get_type() != self.t.i32 {
            return Ok(None);
        }
        let inside = value.as_instruction_value().filter(|instruction| versioned.contains(*instruction));
        let Some(instruction) = inside else { return Ok(Some(Affine { start: int, stride: 0 })) };
        if let Ok(phi) = PhiValue::try_from(instruction) {
            return Ok(versioned.counter(phi));
        }
        let operand = |position| instruction.get_operand(position).and_then(Operand::value);
        let (Some(lhs), Some(rhs)) = (operand(0), operand(1)) else { return Ok(None) };
        let op = instruction.get_opcode();
        let is_known = is_sum(instruction)
            || matches!(op, Op::Sub | Op::Mul | Op::Shl | Op::And | Op::Or | Op::Xor | Op::LShr | Op::AShr);
        if !is_known {
            return Ok(None);
        }
        let (Some(a), Some(b)) = (self.affine(versioned, lhs, depth + 1)?, self.affine(versioned, rhs, depth + 1)?)
        else {
            return Ok(None);
        };
        let factor = b.start.get_sign_extended_constant().filter(|_| b.stride == 0);
        let stride = match op {
            _ if is_sum(instruction) => Some(a.stride + b.stride),
            Op::Sub => Some(a.stride - b.stride),
            Op::Mul if factor.is_some() => factor.and_then(|factor| a.stride.checked_mul(factor)),
            Op::Shl if matches!(factor, Some(0..=24)) => factor.map(|factor| a.stride << factor),
            _ if a.stride == 0 && b.stride == 0 => Some(0),
            _ => None,
        };
        let Some(stride) = stride.filter(|stride| stride.abs() <= STRIDE_MAX) else { return Ok(None) };
        // Built anew, without flags such as `nsw`: it may be computed where the loop would not have, and must not be poison there.
        let start = self.bin(if is_sum(instruction) { Op::Add } else { op }, a.start, b.start)?.into_int_value();
        Ok(Some(Affine { start, stride }))
    }

    /// Copies a loop, with plain accesses. Returns the header of the copy.
    fn copy_loop(&mut self, versioned: &Versioned<'_, 'ctx>) -> Result<BasicBlock<'ctx>> {
        let blocks: HashMap<_, _> = versioned
            .at
            .blocks
            .iter()
            .map(|block| (*block, self.ctx.insert_basic_block_after(versioned.at.preheader, "")))
            .collect();
        let mut values = HashMap::new();
        let mut phis = Vec::new();
        for block in &versioned.at.blocks {
            self.b.position_at_end(blocks[block]);
            // Copies keep their own places in the wasm.
            self.b.unset_current_debug_location();
            for instruction in block.get_instructions() {
                if let Ok(phi) = PhiValue::try_from(instruction) {
                    let copy = self.b.build_phi(phi.as_basic_value().get_type(), "").built()?;
                    values.insert(phi.as_value_ref() as usize, copy.as_basic_value());
                    phis.push((phi, copy));
                    continue;
                }
                let copy = instruction.explicit_clone();
                self.b.insert_instruction(&copy, None);
                if is_volatile(copy) {
                    copy.set_volatile(false).map_err(internal)?;
                }
                if BasicTypeEnum::try_from(copy.get_type()).is_ok() {
                    // SAFETY: the instruction is alive and has a result.
                    let value = unsafe { V::new(copy.as_value_ref()) };
                    values.insert(instruction.as_value_ref() as usize, value);
                }
            }
        }
        let copied = |value: V<'ctx>| values.get(&(value.as_value_ref() as usize)).copied().unwrap_or(value);
        for (phi, copy) in phis {
            for (value, from) in phi.get_incomings() {
                copy.add_incoming(&[(&copied(value), blocks.get(&from).copied().unwrap_or(from))]);
            }
        }
        for copy in blocks.values() {
            for instruction in copy.get_instructions().filter(|instruction| instruction.get_opcode() != Op::Phi) {
                for position in 0..instruction.get_num_operands() {
                    match instruction.get_operand(position) {
                        Some(Operand::Value(value)) if values.contains_key(&(value.as_value_ref() as usize)) => {
                            instruction.set_operand(position, copied(value));
                        }
                        _ => {}
                    }
                }
                if instruction.is_terminator() {
                    redirect(instruction, &blocks);
                }
            }
        }
        self.copy_exits(versioned, &blocks, copied);
        Ok(blocks[&versioned.at.header])
    }

    /// Lets the blocks behind a loop take values from its copy, too.
    fn copy_exits(
        &self,
        versioned: &Versioned<'_, 'ctx>,
        blocks: &HashMap<BasicBlock<'ctx>, BasicBlock<'ctx>>,
        copied: impl Fn(V<'ctx>) -> V<'ctx>,
    ) {
        let outside = |block: &BasicBlock<'ctx>| !versioned.blocks.contains(block);
        let exits: HashSet<_> =
            versioned.at.blocks.iter().flat_map(|block| successors(*block)).filter(outside).collect();
        for exit in exits {
            for phi in exit.get_instructions().map_while(|instruction| PhiValue::try_from(instruction).ok()) {
                let incoming: Vec<_> = phi.get_incomings().collect();
                for (value, from) in incoming {
                    if let Some(copy) = blocks.get(&from) {
                        phi.add_incoming(&[(&copied(value), *copy)]);
                    }
                }
            }
        }
    }
}

impl<'ctx> Versioned<'_, 'ctx> {
    fn contains(&self, instruction: InstructionValue<'ctx>) -> bool {
        instruction.get_parent().is_some_and(|block| self.blocks.contains(&block))
    }

    /// The ranges of all accesses that may trap; nothing if there are none, if one has none, or if copying would not pay.
    fn ranges(
        &self,
        regions: &HashMap<u64, Region>,
        harmless: &HashSet<InstructionValue<'ctx>>,
    ) -> Result<Option<Vec<Range<'ctx>>>> {
        let mut ranges: Vec<Range<'ctx>> = Vec::new();
        let mut count = 0;
        for instruction in self.at.blocks.iter().flat_map(|block| block.get_instructions()) {
            count += 1;
            if !is_volatile(instruction) {
                match instruction.get_opcode() {
                    Op::Call | Op::Invoke if is_effect(instruction) => return Ok(None),
                    Op::Fence | Op::AtomicRMW | Op::AtomicCmpXchg => return Ok(None),
                    _ => continue,
                }
            }
            let place = pointer_of(instruction).and_then(place);
            let Some((place, index)) = place.and_then(|place| Some((place, place.number?))) else { return Ok(None) };
            if harmless.contains(&instruction) || region_of(place.base, regions).is_shared {
                return Ok(None);
            }
            let end = place.offset + bytes_of(instruction)?;
            match ranges.iter_mut().find(|range| range.base == place.base && range.index == index) {
                Some(range) => range.end = range.end.max(end),
                None => ranges.push(Range { base: place.base, index, end }),
            }
        }
        let pays = !ranges.is_empty() && ranges.len() <= RANGES_MAX && count <= LOOP_INSTRUCTIONS_MAX;
        Ok(pays.then_some(ranges))
    }

    /// The counter that a phi of the header is.
    fn counter(&self, phi: PhiValue<'ctx>) -> Option<Affine<'ctx>> {
        if phi.as_instruction().get_parent() != Some(self.at.header) || phi.count_incoming() != 2 {
            return None;
        }
        let of =
            |wanted: BasicBlock<'ctx>| phi.get_incomings().find(|(_, from)| *from == wanted).map(|(value, _)| value);
        let (V::IntValue(start), next) = (of(self.at.preheader)?, of(self.at.latch)?.as_instruction_value()?) else {
            return None;
        };
        let (lhs, rhs) = (next.get_operand(0)?.value()?, next.get_operand(1)?.value()?);
        let V::IntValue(step) = rhs else { return None };
        let stride = step.get_sign_extended_constant()?;
        let steps = is_sum(next) && lhs == phi.as_basic_value() && stride.abs() <= STRIDE_MAX;
        steps.then_some(Affine { start, stride })
    }

    /// How iterations may end the loop that come back otherwise.
    fn exits(&self) -> Vec<Exit<'ctx>> {
        let exits = self.at.always.iter().filter_map(|block| {
            let branch = block.get_terminator()?;
            let targets = successors(*block);
            if branch.get_opcode() != Op::Br || targets.len() != 2 {
                return None;
            }
            // Operands are the condition, where it goes if that is false, and where otherwise.
            let (Some(Operand::Block(no)), Some(Operand::Block(yes))) = (branch.get_operand(1), branch.get_operand(2))
            else {
                return None;
            };
            let goes_on = match (self.blocks.contains(&yes), self.blocks.contains(&no)) {
                (true, false) => true,
                (false, true) => false,
                _ => return None,
            };
            let compare = branch.get_operand(0)?.value()?.as_instruction_value()?;
            let predicate = compare.get_icmp_predicate()?;
            let (lhs, rhs) = (compare.get_operand(0)?.value()?, compare.get_operand(1)?.value()?);
            let predicate = if goes_on { predicate } else { inverse(predicate) };
            Some([
                Exit { value: lhs, predicate, bound: rhs },
                Exit { value: rhs, predicate: swapped(predicate), bound: lhs },
            ])
        });
        exits.flatten().collect()
    }
}

/// Lets a copied terminator go to the copies of blocks.
fn redirect<'ctx>(terminator: InstructionValue<'ctx>, blocks: &HashMap<BasicBlock<'ctx>, BasicBlock<'ctx>>) {
    use inkwell::llvm_sys::core::{LLVMGetNumSuccessors, LLVMGetSuccessor, LLVMSetSuccessor};
    let by_pointer: HashMap<_, _> =
        blocks.iter().map(|(block, copy)| (block.as_mut_ptr(), copy.as_mut_ptr())).collect();
    // SAFETY: the terminator and the blocks are alive, and positions are below the number of successors.
    unsafe {
        for position in 0..LLVMGetNumSuccessors(terminator.as_value_ref()) {
            if let Some(copy) = by_pointer.get(&LLVMGetSuccessor(terminator.as_value_ref(), position)) {
                LLVMSetSuccessor(terminator.as_value_ref(), position, *copy);
            }
        }
    }
}

fn inverse(predicate: P) -> P {
    match predicate {
        P::EQ => P::NE,
        P::NE => P::EQ,
        P::UGT => P::ULE,
        P::UGE => P::ULT,
        P::ULT => P::UGE,
        P::ULE => P::UGT,
        P::SGT => P::SLE,
        P::SGE => P::SLT,
        P::SLT => P::SGE,
        P::SLE => P::SGT,
    }
}

fn swapped(predicate: P) -> P {
    match predicate {
        P::EQ | P::NE => predicate,
        P::UGT => P::ULT,
        P::UGE => P::ULE,
        P::ULT => P::UGT,
        P::ULE => P::UGE,
        P::SGT => P::SLT,
        P::SGE => P::SLE,
        P::SLT => P::SGT,
        P::SLE => P::SGE,
    }
}
