//! Segments, for who makes arrays of them.

use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{DataIdx, ElemIdx};

use super::Instance;

impl Instance {
    /// A data segment's bytes: none if it was dropped.
    pub(crate) fn data(&self, segment: DataIdx) -> &[u8] {
        let rank = self.code.image.data_rank(segment).filter(|rank| !self.dropped_data[*rank].get());
        rank.map_or(&[], |rank| self.code.image.data_bytes(rank))
    }

    /// Whether an element segment has so many elements from `start` on.
    pub(crate) fn check_elements(&self, segment: ElemIdx, start: u64, len: u64) -> Result<(), TrapCode> {
        let available = self.element_rank(segment).map_or(0, |rank| self.code.image.element_items_len(rank) as u64);
        start.checked_add(len).filter(|end| *end <= available).map(drop).ok_or(TrapCode::TableOutOfBounds)
    }

    /// An element of a segment, which has it.
    pub(crate) fn element(&self, segment: ElemIdx, position: usize) -> Result<u64, TrapCode> {
        let rank = self.element_rank(segment).ok_or(TrapCode::TableOutOfBounds)?;
        self.element_of(rank, position)
    }

    /// The rank of an element segment that was not dropped.
    fn element_rank(&self, segment: ElemIdx) -> Option<usize> {
        self.code.image.element_rank(segment).filter(|rank| !self.dropped_elements[*rank].get())
    }
}
