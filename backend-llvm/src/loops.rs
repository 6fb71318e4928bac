//! Loops that count from a negative number up to zero, as compilers to wasm like to make them, count from zero instead.
//!
//! The end of such a loop is a comparison with zero, and addresses in it are sums with its counter. LLVM widens the counter for the sake of the
//! addresses, whose zero-extension then makes the end a comparison of the counter's low half: the number of iterations is unknown from there on,
//! and with it goes the vectoriser. A counter that starts at zero is widened as it is.

use inkwell::IntPredicate;
use inkwell::values::{
    BasicValue, FunctionValue, InstructionOpcode as Op, InstructionValue, IntValue, Operand, PhiValue,
};
use wasmer_runtime_core::translate::codegen::Result;

use crate::codegen::{Codegen, V};
use crate::intrinsics::{Built, internal};
use crate::passes::user_of;

/// A counter: `phi [start, ..], [next, ..]` where `next` is `phi + step`.
struct Counter<'ctx> {
    phi: PhiValue<'ctx>,
    start: IntValue<'ctx>,
    step: IntValue<'ctx>,
    next: InstructionValue<'ctx>,
    /// Which of the two incoming values is `next`.
    next_position: u32,
}

impl<'ctx> Codegen<'ctx, '_> {
    /// Lets the counters of a function that run up to zero start there. It must be in SSA form.
    pub(crate) fn count_from_zero(&mut self, function: FunctionValue<'ctx>) -> Result<()> {
        let mut counters = Vec::new();
        for block in function.get_basic_block_iter() {
            let phis = block.get_instructions().map_while(|instruction| PhiValue::try_from(instruction).ok());
            counters.extend(phis.filter_map(counter).filter(runs_up_to_zero));
        }
        counters.into_iter().try_for_each(|counter| self.rebase(&counter))
    }

    /// Replaces a counter by the sum of its start and a counter from zero.
    fn rebase(&mut self, counter: &Counter<'ctx>) -> Result<()> {
        let Counter { phi, start, step, next, next_position } = counter;
        let header = phi.as_instruction().get_parent().ok_or_else(|| internal("a phi without a block"))?;
        self.b.position_before(&phi.as_instruction());
        let zero_based = self.b.build_phi(start.get_type(), "").built()?;
        let is_body =
            |instruction: &InstructionValue<'_>| !matches!(instruction.get_opcode(), Op::Phi | Op::LandingPad);
        let body = header.get_instructions().find(is_body);
        self.b.position_before(&body.ok_or_else(|| internal("a block without an end"))?);
        let old: V<'ctx> = self.bin(Op::Add, zero_based.as_basic_value(), *start)?;
        self.b.position_before(next);
        let zero_based_next = self.bin(Op::Add, zero_based.as_basic_value(), *step)?;
        let old_next = self.bin(Op::Add, zero_based_next, *start)?;

        let edge = |position: u32| phi.get_incoming(position).ok_or_else(|| internal("a phi with one edge"));
        let (entry, latch) = (edge(1 - next_position)?.1, edge(*next_position)?.1);
        zero_based.add_incoming(&[(&start.get_type().const_zero(), entry), (&zero_based_next, latch)]);
        let replacement = |value: V<'ctx>| value.as_instruction_value().ok_or_else(|| internal("a sum of constants"));
        next.replace_all_uses_with(&replacement(old_next)?);
        phi.as_instruction().replace_all_uses_with(&replacement(old)?);
        // The old step adds to the replacement now, for nobody.
        next.erase_from_basic_block();
        phi.as_instruction().erase_from_basic_block();
        Ok(())
    }
}

/// The counter that a phi is, if it is one.
fn counter(phi: PhiValue<'_>) -> Option<Counter<'_>> {
    if phi.count_incoming() != 2 || !phi.as_basic_value().is_int_value() {
        return None;
    }
    (0..2).find_map(|next_position| {
        let next = phi.get_incoming(next_position)?.0.as_instruction_value()?;
        let start = phi.get_incoming(1 - next_position)?.0.into_int_value();
        if next.get_opcode() != Op::Add {
            return None;
        }
        let operand = |position| next.get_operand(position).and_then(Operand::value).map(V::into_int_value);
        let (lhs, rhs) = (operand(0)?, operand(1)?);
        let counted = phi.as_basic_value().into_int_value();
        let step = if lhs == counted { rhs } else { lhs };
        let steps = (lhs == counted || rhs == counted) && step.get_sign_extended_constant()? > 0;
        steps.then_some(Counter { phi, start, step, next, next_position })
    })
}

/// Whether a counter starts below zero and is compared with zero.
fn runs_up_to_zero(counter: &Counter<'_>) -> bool {
    let starts_below = match counter.start.get_sign_extended_constant() {
        Some(start) => start < 0,
        None => counter.start.as_instruction_value().is_some_and(is_negation),
    };
    starts_below && [counter.phi.as_instruction(), counter.next].into_iter().any(is_compared_with_zero)
}

/// Whether an instruction subtracts from zero.
fn is_negation(instruction: InstructionValue<'_>) -> bool {
    instruction.get_opcode() == Op::Sub && constant(instruction, 0) == Some(0)
}

fn is_compared_with_zero(instruction: InstructionValue<'_>) -> bool {
    let uses = std::iter::successors(instruction.get_first_use(), |place| place.get_next_use());
    uses.filter_map(user_of).any(|user| {
        matches!(user.get_icmp_predicate(), Some(IntPredicate::EQ | IntPredicate::NE)) && constant(user, 1) == Some(0)
    })
}

/// The integer constant that an operand is.
fn constant(instruction: InstructionValue<'_>, operand: u32) -> Option<i64> {
    match instruction.get_operand(operand)?.value()? {
        V::IntValue(value) => value.get_sign_extended_constant(),
        _ => None,
    }
}
