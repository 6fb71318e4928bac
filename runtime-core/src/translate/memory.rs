//! Linear memory (specification, section 4.4.7): accesses and their bounds checks, bulk operators.

use wasmparser::{MemArg, MemArgTarget};

use crate::layout::{MEMORY_GUARD_BYTES, MEMORY32_RESERVATION_BYTES};
use crate::libcall::HostCall;
use crate::translate::codegen::{Access, Bounds, FuncCodegen, MemoryRef, Result};
use crate::translate::error::unsupported;
use crate::translate::func::Visitor;
use crate::translate::ops::{Load, Store};
use crate::types::*;

/// How an access of `bytes` bytes at static offset `offset` is checked.
pub(super) fn bounds(memory: &MemoryRef, offset: u64, bytes: u32) -> Bounds {
    let Some(end_offset) = offset.checked_add(u64::from(bytes)) else { return Bounds::AlwaysTraps };
    match (memory.width, memory.page_size_log2) {
        // Index and offset stay within reservation and guard, neither of which is accessible beyond the length.
        (Width::W32, 16) if end_offset <= MEMORY_GUARD_BYTES => Bounds::Elided,
        // No 32-bit memory is that long.
        (Width::W32, _) if end_offset > MEMORY32_RESERVATION_BYTES => Bounds::AlwaysTraps,
        _ => Bounds::Explicit { end_offset },
    }
}

impl<C: FuncCodegen> Visitor<'_, C> {
    /// The memory that an operator's immediate names.
    pub(super) fn memory(&self, memarg: &MemArg) -> Result<MemoryRef> {
        Ok(self.module.resolved.memories[self.memory_index(memarg)?.index()])
    }

    /// The index of the memory that an operator's immediate names.
    pub(super) fn memory_index(&self, memarg: &MemArg) -> Result<MemoryIdx> {
        match memarg.target {
            MemArgTarget::Memory(index) => Ok(MemoryIdx(index)),
            MemArgTarget::Array(_) => Err(unsupported("memory access to an array".into(), self.offset)),
        }
    }

    #[inline]
    pub(super) fn access(&self, memarg: &MemArg, bytes: u32) -> Result<Access> {
        let memory = self.memory(memarg)?;
        Ok(Access { memory, offset: memarg.offset, bounds: bounds(&memory, memarg.offset, bytes), aligned_to: None })
    }

    pub(super) fn load(&mut self, op: Load, memarg: &MemArg) -> Result<()> {
        let access = self.access(memarg, op.bytes())?;
        self.unary(|c, index| c.load(&access, op, index))
    }

    pub(super) fn store(&mut self, op: Store, memarg: &MemArg) -> Result<()> {
        let access = self.access(memarg, op.bytes())?;
        let value = self.pop();
        let index = self.pop();
        self.codegen.store(&access, op, index, value)
    }

    /// The width of a memory's addresses.
    fn memory_width(&self, memory: u32) -> Width {
        self.module.resolved.memories[memory as usize].width
    }

    pub(super) fn memory_size(&mut self, memory: u32) -> Result<()> {
        let memory = &self.module.resolved.memories[memory as usize];
        self.nullary(|c| c.memory_size(memory))
    }

    pub(super) fn memory_grow(&mut self, memory: u32) -> Result<()> {
        let width = self.memory_width(memory);
        self.libcall(HostCall::MemoryGrow { memory: MemoryIdx(memory) }, &[width.int()], width == Width::W32)
    }

    pub(super) fn memory_copy(&mut self, to: u32, from: u32) -> Result<()> {
        let (to_width, from_width) = (self.memory_width(to), self.memory_width(from));
        let types = [to_width.int(), from_width.int(), to_width.min(from_width).int()];
        self.libcall(HostCall::MemoryCopy { to: MemoryIdx(to), from: MemoryIdx(from) }, &types, false)
    }

    pub(super) fn memory_fill(&mut self, memory: u32) -> Result<()> {
        let ty = self.memory_width(memory).int();
        self.libcall(HostCall::MemoryFill { memory: MemoryIdx(memory) }, &[ty, Ty::I32, ty], false)
    }

    pub(super) fn memory_init(&mut self, data: u32, memory: u32) -> Result<()> {
        let ty = self.memory_width(memory).int();
        let call = HostCall::MemoryInit { segment: DataIdx(data), memory: MemoryIdx(memory) };
        self.libcall(call, &[ty, Ty::I32, Ty::I32], false)
    }

    pub(super) fn data_drop(&mut self, data: u32) -> Result<()> {
        self.libcall(HostCall::DataDrop { segment: DataIdx(data) }, &[], false)
    }
}
