//! Cuts long blocks into pieces, because LLVM does some things for each pair of a block's instructions.
//!
//! What orders machine instructions compares each that changes the flags with all others of its block, and the vectoriser of straight code each access with
//! many: 50,000 accesses of globals one behind the other took minutes. A piece goes on in the next one by a jump that falls through, and LLVM does
//! not join them again, because it is told that the address of the second may be in use somewhere.

use inkwell::basic_block::BasicBlock;
use inkwell::values::{FunctionValue, InstructionOpcode as Op, InstructionValue};
use wasmer_runtime_core::translate::codegen::Result;

use crate::codegen::Codegen;
use crate::intrinsics::{Built, internal};

/// For whom blocks are cut.
#[derive(Clone, Copy)]
pub(crate) enum Pieces {
    /// The passes over LLVM's IR: what they do to a piece becomes better the longer it is.
    OfPasses,
    /// The code generator.
    OfCode,
}

impl Pieces {
    /// How many instructions a piece has.
    const fn len(self) -> usize {
        match self {
            Self::OfPasses => 3000,
            Self::OfCode => 1000,
        }
    }
}

impl<'ctx> Codegen<'ctx, '_> {
    /// Cuts the long blocks of all functions.
    pub(crate) fn cut_long_blocks(&mut self, pieces: Pieces) -> Result<()> {
        let blocks: Vec<_> = self.module.get_functions().flat_map(FunctionValue::get_basic_block_iter).collect();
        blocks.into_iter().try_for_each(|block| self.cut(block, pieces.len()))
    }

    /// The block becomes its last piece: what comes behind it still comes from it.
    fn cut(&mut self, block: BasicBlock<'ctx>, len: usize) -> Result<()> {
        let instructions: Vec<_> = block.get_instructions().collect();
        // What has to stand at the start of a block, or of the function, stays there, and what has to be together at the end.
        let fixed = instructions.iter().rposition(|instruction| is_fixed(*instruction)).map_or(0, |last| last + 1);
        let (first, end) = (fixed.max(len), instructions.len().saturating_sub(len / 2));
        if first >= end {
            return Ok(());
        }
        let parts: Vec<_> =
            std::iter::once(&instructions[..first]).chain(instructions[first..end].chunks(len)).collect();
        let pieces: Vec<_> = parts.iter().map(|_| self.ctx.prepend_basic_block(block, "")).collect();
        // What leads here leads to the first piece from now on. Without an end, nothing is told that it comes from there.
        let last = block.get_terminator().ok_or_else(|| internal("a block without an end"))?;
        last.remove_from_basic_block();
        block.replace_all_uses_with(&pieces[0]);
        self.b.position_at_end(block);
        self.b.unset_current_debug_location();
        self.b.insert_instruction(&last, None);
        for (position, (piece, part)) in pieces.iter().zip(parts).enumerate() {
            self.b.position_at_end(*piece);
            // Each instruction keeps its own place in the wasm.
            self.b.unset_current_debug_location();
            for instruction in part {
                instruction.remove_from_basic_block();
                self.b.insert_instruction(instruction, None);
            }
            let next = pieces.get(position + 1).copied().unwrap_or(block);
            self.b.build_unconditional_branch(next).built()?;
            // SAFETY: the block is one of a function, and nothing jumps to the address.
            unsafe { next.get_address() }.ok_or_else(|| internal("a piece of a block without an address"))?;
        }
        Ok(())
    }
}

fn is_fixed(instruction: InstructionValue<'_>) -> bool {
    matches!(instruction.get_opcode(), Op::Phi | Op::LandingPad | Op::Alloca)
}
