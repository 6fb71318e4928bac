//! Keeps references to objects where a collection finds them.
//!
//! A collection finds an object by a word of the frame that is its address, or one inside or right behind it. What LLVM makes of an address leads
//! there, but for one thing: its code generator replaces addresses that grow by the same amount in each iteration of a loop by one that it
//! adds to, and leaves the array's own behind. Such an address can be anywhere while an access is skipped. So in loops that call something, which
//! may collect, the parts of an address of an element go through empty assembly: their sum is computed where it is needed.
//! Such loops are not vectorised anyway.

use inkwell::values::{AnyValue, BasicValue, FunctionValue, InstructionOpcode as Op, InstructionValue, Operand};
use wasmer_runtime_core::translate::codegen::Result;

use crate::codegen::{Codegen, V};
use crate::exact::{is_call, pointer_of};
use crate::flow::Flow;
use crate::intrinsics::{AliasClass, internal};

/// How deep an address is looked into.
const DEPTH_MAX: u32 = 8;

impl<'ctx> Codegen<'ctx, '_> {
    /// Lets no address of an array's element grow with the iterations of a loop with calls.
    pub(crate) fn keep_references(&mut self, function: FunctionValue<'ctx>) -> Result<()> {
        let calls = |block: &inkwell::basic_block::BasicBlock<'ctx>| block.get_instructions().any(is_call);
        if !function.get_basic_block_iter().any(|block| calls(&block)) {
            return Ok(());
        }
        let flow = Flow::new(function);
        let in_loops = flow.in_loops_with(|number| calls(&flow.blocks[number]));
        let class = self.alias_node(AliasClass::Objects);
        for (block, _) in flow.blocks.iter().zip(in_loops).filter(|(_, in_loop)| *in_loop) {
            let instructions: Vec<_> = block.get_instructions().collect();
            for access in instructions {
                if matches!(access.get_opcode(), Op::Load | Op::Store)
                    && access.get_metadata(self.kinds.tbaa) == Some(class)
                {
                    self.hide_parts(access)?;
                }
            }
        }
        Ok(())
    }

    fn hide_parts(&mut self, access: InstructionValue<'ctx>) -> Result<()> {
        let Some(pointer) = pointer_of(access) else { return Ok(()) };
        if !has_sum(pointer.into(), 0) {
            return Ok(());
        }
        let hidden = self.with_hidden_parts(access, pointer.into(), 0)?;
        let position = u32::from(access.get_opcode() == Op::Store);
        if access.set_operand(position, hidden) { Ok(()) } else { Err(internal("an access without an address")) }
    }

    /// The same address, computed right before the access from parts that LLVM knows nothing of.
    fn with_hidden_parts(&mut self, access: InstructionValue<'ctx>, value: V<'ctx>, depth: u32) -> Result<V<'ctx>> {
        if let Some(instruction) = step(value, depth) {
            let mut operands = Vec::new();
            for position in 0..instruction.get_num_operands() {
                let Some(Operand::Value(operand)) = instruction.get_operand(position) else { return Ok(value) };
                operands.push(self.with_hidden_parts(access, operand, depth + 1)?);
            }
            let copy = instruction.explicit_clone();
            self.b.position_before(&access);
            self.b.insert_instruction(&copy, None);
            for (position, operand) in operands.into_iter().enumerate() {
                copy.set_operand(position as u32, operand);
            }
            return V::try_from(copy.as_any_value_enum()).map_err(|()| internal("a sum without a value"));
        }
        match value {
            V::IntValue(int) if !int.is_const() => {
                self.b.position_before(&access);
                self.opaque(value)
            }
            _ => Ok(value),
        }
    }
}

/// The instruction by which an address is computed from others.
fn step(value: V<'_>, depth: u32) -> Option<InstructionValue<'_>> {
    value.as_instruction_value().filter(|instruction| {
        let op = instruction.get_opcode();
        depth < DEPTH_MAX
            && matches!(op, Op::GetElementPtr | Op::Add | Op::Or | Op::Sub | Op::Shl | Op::Mul | Op::ZExt | Op::Trunc)
    })
}

/// Whether an address is more than a reference and a constant: whether it is a sum of two numbers that vary.
fn has_sum(value: V<'_>, depth: u32) -> bool {
    let Some(instruction) = step(value, depth) else { return false };
    let operands: Vec<_> = instruction.get_operands().filter_map(|operand| operand?.value()).collect();
    let varies = |value: &&V<'_>| matches!(value, V::IntValue(int) if !int.is_const());
    let is_sum = matches!(instruction.get_opcode(), Op::Add | Op::Or | Op::Sub);
    is_sum && operands.iter().filter(varies).count() > 1 || operands.iter().any(|operand| has_sum(*operand, depth + 1))
}
