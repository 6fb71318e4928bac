//! `memory.copy` and `memory.fill` (specification, section 4.4.7): short blocks without leaving compiled code.
//!
//! LLVM knows what they do, so that it moves blocks of a small constant length in registers and sees what a block overwrites. Long
//! blocks are a libcall, which costs less than the host's routines gain there. So are those that leave the memory: the libcall traps
//! before anything is written, and memories whose length can change meanwhile or that have 64-bit addresses are left to it altogether.

use inkwell::IntPredicate;
use inkwell::values::{InstructionOpcode as Op, PointerValue};
use wasmer_runtime_core::libcall::HostCall;
use wasmer_runtime_core::translate::codegen::{MemoryRef, Meter, Result};
use wasmer_runtime_core::translate::meter::BYTES_FOR_ONE_LOG2;
use wasmer_runtime_core::types::{MemoryIdx, Ty, Width};

use crate::codegen::{Codegen, V};
use crate::intrinsics::{Built, internal};

/// The longest block, in bytes, that is not left to the host.
const SHORT_BYTES_MAX: u64 = 1024;

/// Part of a memory, as operands give it.
struct Block<'ctx> {
    memory: MemoryRef,
    /// Where it begins.
    start: V<'ctx>,
}

impl<'ctx> Codegen<'ctx, '_> {
    /// `memory.copy` or `memory.fill` where a short block of such memories need not be a libcall; tells whether they were.
    pub(crate) fn emit_bulk(&mut self, call: HostCall, types: &[Ty], operands: &[V<'ctx>]) -> Result<bool> {
        let &[first, second, len] = operands else { return Ok(false) };
        let starts = match call {
            HostCall::MemoryCopy { to, from } => &[(to, first), (from, second)][..],
            HostCall::MemoryFill { memory } => &[(memory, first)],
            _ => return Ok(false),
        };
        let is_simple = |&(memory, _): &(MemoryIdx, _)| {
            let ty = &self.info.memories[memory.index()];
            ty.index == Width::W32 && !ty.shared
        };
        if !starts.iter().all(is_simple) {
            return Ok(false);
        }
        self.locate();
        let offsets = self.info.offsets();
        let len = self.cast(Op::ZExt, len, self.t.i64)?;
        let mut blocks = Vec::with_capacity(starts.len());
        for &(memory, start) in starts {
            let start = self.cast(Op::ZExt, start, self.t.i64)?;
            blocks.push(Block { memory: self.info.memory_ref(&offsets, memory), start });
        }
        let (short, long, done) = (self.new_block(), self.new_block(), self.new_block());
        let is_short = self.is_short(&blocks, len)?;
        let branch = self.b.build_conditional_branch(is_short.into_int_value(), short, long).built()?;
        self.expect(branch, true)?;
        self.b.position_at_end(short);
        self.move_block(&blocks, second, len)?;
        self.b.build_unconditional_branch(done).built()?;
        self.b.position_at_end(long);
        self.call_host(call, types, operands)?;
        self.b.build_unconditional_branch(done).built()?;
        self.b.position_at_end(done);
        Ok(true)
    }

    /// Whether blocks of this length are short and inside their memories.
    fn is_short(&mut self, blocks: &[Block<'ctx>], len: V<'ctx>) -> Result<V<'ctx>> {
        let mut holds = self.icmp(IntPredicate::ULE, len, self.const_like(len, SHORT_BYTES_MAX))?;
        for block in blocks {
            // The sum of two 32-bit numbers does not wrap.
            let end = self.bin(Op::Add, block.start, len)?;
            let bytes = self.memory_len(&block.memory)?;
            let inside = self.icmp(IntPredicate::ULE, end, bytes)?;
            holds = self.bin(Op::And, holds, inside)?;
        }
        Ok(holds)
    }

    fn block_place(&mut self, block: &Block<'ctx>) -> Result<PointerValue<'ctx>> {
        let vmctx = self.f().vmctx;
        let base = self.load_constant_ptr(vmctx, block.memory.base_offset)?;
        self.at(base, block.start.into_int_value())
    }

    /// Fills the only block with `byte`, or copies from the second block to the first.
    fn move_block(&mut self, blocks: &[Block<'ctx>], byte: V<'ctx>, len: V<'ctx>) -> Result<()> {
        // Paid before anything is written, as the host does.
        if self.info.metered {
            let rounded = self.bin(Op::Add, len, self.const_like(len, (1 << BYTES_FOR_ONE_LOG2) - 1))?;
            let cost = self.bin(Op::LShr, rounded, self.const_like(len, BYTES_FOR_ONE_LOG2.into()))?;
            self.pay(cost, Meter::Check)?;
        }
        let len = len.into_int_value();
        let class = self.class_of(blocks[0].memory.region);
        let (moved, is_one_class) = match blocks {
            [destination, source] => {
                let to = self.block_place(destination)?;
                let from = self.block_place(source)?;
                let is_one_class = self.class_of(source.memory.region) == class;
                (self.b.build_memmove(to, 1, from, 1, len).built()?, is_one_class)
            }
            _ => {
                let to = self.block_place(&blocks[0])?;
                let byte = self.cast(Op::Trunc, byte, self.t.i8)?.into_int_value();
                (self.b.build_memset(to, 1, byte, len).built()?, true)
            }
        };
        // One instruction has one class: a move between memories may be either, so it is left without.
        if is_one_class {
            let instruction = moved.as_instruction().ok_or_else(|| internal("a block that nothing moves"))?;
            self.tag(instruction, class)?;
        }
        Ok(())
    }
}
