//! The heap of a store: objects of garbage collection that never move.
//!
//! Blocks of 64 KiB, in which objects lie one behind the other. A collection marks what can be reached; what is between marked objects are *holes*,
//! into which new objects are put one behind the other again. Code does that itself as long as the hole has room ([`Window`]): what is left of the
//! hole is zero. So all that is new lies in *runs*, which can be walked from object to object. Holes are looked for when they are needed, block by block.
//!
//! Objects that are too large for holes take empty blocks.

mod blocks;
mod collect;
mod holes;
mod mark;
mod object;
mod resolve;
mod space;
#[cfg(test)]
mod tests;
mod types;

use std::io;

use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::vmcontext::VMMemory;

use crate::budget::Budget;
use crate::pieces::{self, InterruptCheck};
use blocks::{Blocks, Use};
pub use collect::Collection;
use holes::Holes;
pub use object::{HOST_CELL, Outside, Shape, Shapes};
use space::{BLOCK_BYTES, Block, CAGE_BYTES, GRANULE_BYTES, Space, bit_of};
pub use types::ProcessTypes;

/// Objects of more bytes take whole blocks.
const LARGE_BYTES: u32 = BLOCK_BYTES / 2;
/// Objects of so many bytes do not make the small ones skip a hole that is too small for them, but go to an empty block.
const MEDIUM_BYTES: u32 = 512;
/// How much of a hole becomes zero at once: so much that it is in the nearest cache when objects are put there.
const PIECE_BYTES: u32 = 16 << 10;
/// Bytes that are allocated between two collections at least. As many as live, too.
const BYTES_MIN: u64 = 2 << 20;
/// And so many for each byte that lives, of which the square root is taken: 8 MiB for one that lives, 64 MiB for 64. What collections cost falls with what
/// is allocated in between, and much more in small heaps.
const BYTES_PER_ROOT: u64 = 64 << 20;
/// Bytes that are allocated for each word that the last collection looked at besides the heap.
const BYTES_PER_LOOK: u64 = 16;

/// How far an allocation may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocLimit {
    /// Until the next collection is due.
    UntilDue,
    /// To the store's limits.
    UntilLimit,
}

/// Where code puts objects: from the cursor on all bytes up to the limit are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The offset at which the next object starts.
    pub cursor: u32,
    /// The offset that none may go beyond.
    pub limit: u32,
}

impl Window {
    /// One without room.
    pub const NONE: Self = Self { cursor: 0, limit: 0 };

    /// Room for an object, if it fits.
    #[inline]
    fn bump(&mut self, bytes: u32) -> Option<u32> {
        let object = self.cursor;
        (self.limit - object >= bytes).then(|| self.cursor += bytes)?;
        Some(object)
    }
}

/// A heap.
pub struct Heap {
    space: Space,
    /// What compiled code needs of a memory.
    memory: VMMemory,
    blocks: Blocks,
    /// The holes of the block that small objects are put into.
    holes: Holes,
    /// Where the hole ends of which the window is a part, and whether its rest is zero anyway.
    hole_end: u32,
    hole_is_zero: bool,
    /// For objects that holes were too small for: the rest of a block.
    medium: Window,
    /// Bytes that may be allocated before the next collection.
    until_due: i64,
    /// For tests: no window has room, and what is free is not zero.
    always: bool,
}

impl Heap {
    /// An empty heap. Takes addresses, and no memory yet.
    pub fn new() -> io::Result<Box<Self>> {
        let space = Space::new()?;
        let memory = VMMemory { len: CAGE_BYTES.into(), base: space.base() };
        Ok(Box::new(Self {
            space,
            memory,
            blocks: Blocks::default(),
            holes: Holes::default(),
            hole_end: 0,
            hole_is_zero: false,
            medium: Window::NONE,
            until_due: BYTES_MIN as i64,
            always: false,
        }))
    }

    /// What compiled code needs of it: as if it were a linear memory.
    pub fn memory(&self) -> &VMMemory {
        &self.memory
    }

    /// The address that references are offsets from.
    pub fn base(&self) -> *mut u8 {
        self.space.base()
    }

    /// The address of `len` bytes of an object.
    ///
    /// # Panics
    /// If they are not in the heap.
    pub fn address(&self, offset: u32, len: u32) -> *mut u8 {
        self.space.address(offset, len)
    }

    /// Bytes of all blocks.
    pub fn bytes(&self) -> u64 {
        u64::from(self.space.blocks()) * u64::from(BLOCK_BYTES)
    }

    /// Makes every allocation one for which a collection is due.
    pub fn always_due(&mut self) {
        self.always = true;
    }

    /// Whether a collection is due.
    pub fn is_due(&self) -> bool {
        self.always || self.until_due <= 0
    }

    /// Room for an object: `bytes` zero bytes, a multiple of 16. None if there is none without a collection.
    ///
    /// # Errors
    /// If the guest was interrupted meanwhile.
    pub fn alloc(
        &mut self,
        window: &mut Window,
        bytes: u32,
        permit: AllocLimit,
        budget: &mut Budget,
        go_on: impl InterruptCheck,
    ) -> Result<Option<u32>, TrapCode> {
        debug_assert!(bytes > 0 && bytes.is_multiple_of(GRANULE_BYTES), "{bytes} bytes are no size of an object");
        if let Some(object) = window.bump(bytes) {
            return Ok(Some(object));
        }
        if permit == AllocLimit::UntilDue && self.is_due() {
            return Ok(None);
        }
        if bytes > LARGE_BYTES {
            return self.alloc_large(bytes, budget, go_on);
        }
        let object = if bytes >= MEDIUM_BYTES {
            self.alloc_medium(window, bytes, budget).or_else(|| self.alloc_small(window, bytes, budget))
        } else {
            self.alloc_small(window, bytes, budget)
        };
        Ok(object)
    }

    /// In the hole, or the next one that is large enough.
    fn alloc_small(&mut self, window: &mut Window, bytes: u32, budget: &mut Budget) -> Option<u32> {
        while !self.extend(window, bytes) {
            match self.next_hole() {
                Some((start, end)) => self.open(window, start, end, false),
                None => {
                    let taken = self.blocks.take(1, |_| Use::New, &mut self.space, budget)?;
                    self.open(window, taken.first.start(), taken.first.end(), taken.is_zero);
                }
            }
        }
        window.bump(bytes)
    }

    /// Where a small one would go if there is room, else in an empty block: holes that are too small are left for others.
    fn alloc_medium(&mut self, window: &mut Window, bytes: u32, budget: &mut Budget) -> Option<u32> {
        if self.extend(window, bytes) {
            return window.bump(bytes);
        }
        if self.hole_end - window.cursor < MEDIUM_BYTES
            && let Some((start, end)) = self.next_hole()
        {
            if end - start >= bytes {
                self.open(window, start, end, false);
                return self.alloc_small(window, bytes, budget);
            }
            self.holes.put_back(start);
        }
        if self.medium.limit - self.medium.cursor < bytes {
            let first = self.blocks.take(1, |_| Use::New, &mut self.space, budget)?.first;
            self.medium = Window { cursor: first.start(), limit: first.end() };
            self.start_run(first.start());
        }
        let object = self.medium.bump(bytes)?;
        self.until_due -= i64::from(bytes);
        self.space.fill(object, 0, bytes);
        self.end_run(self.medium.cursor, self.medium.limit);
        Some(object)
    }

    /// In blocks of its own.
    fn alloc_large(
        &mut self,
        bytes: u32,
        budget: &mut Budget,
        go_on: impl InterruptCheck,
    ) -> Result<Option<u32>, TrapCode> {
        let count = bytes.div_ceil(BLOCK_BYTES);
        let usage = |first: Block| Use::Large(first.0);
        let Some(taken) = self.blocks.take(count, usage, &mut self.space, budget) else { return Ok(None) };
        let object = taken.first.start();
        self.until_due -= i64::from(bytes);
        if !taken.is_zero {
            // SAFETY: the object is in the blocks that were taken, which nobody has references into.
            let cleared = unsafe { pieces::fill(self.space.address(object, bytes), 0, bytes as usize, go_on) };
            cleared.inspect_err(|_| self.blocks.free(taken.first, count))?;
        }
        Ok(Some(object))
    }

    /// Makes so much of the hole zero that an object fits. False if the hole is too small.
    #[inline]
    fn extend(&mut self, window: &mut Window, bytes: u32) -> bool {
        if self.hole_end - window.cursor < bytes {
            return false;
        }
        let missing = bytes.saturating_sub(window.limit - window.cursor);
        let piece = if self.always { 0 } else { PIECE_BYTES };
        let len = missing.max(piece).min(self.hole_end - window.limit);
        self.until_due -= i64::from(len);
        if !self.hole_is_zero {
            self.space.fill(window.limit, 0, len);
        }
        window.limit += len;
        true
    }

    /// The next hole of the block, or of the next one that has some.
    fn next_hole(&mut self) -> Option<(u32, u32)> {
        loop {
            if let Some(hole) = self.holes.next() {
                return Some(hole);
            }
            let block = self.blocks.next_with_holes()?;
            self.holes = Holes::of(block, self.space.groups_of(block), self.blocks.current);
        }
    }

    /// Starts to put objects into a hole.
    fn open(&mut self, window: &mut Window, start: u32, end: u32, is_zero: bool) {
        self.close(window);
        *window = Window { cursor: start, limit: start };
        (self.hole_end, self.hole_is_zero) = (end, is_zero);
        self.start_run(start);
    }

    /// Puts no more objects into the hole.
    pub fn close(&mut self, window: &mut Window) {
        self.end_run(window.cursor, self.hole_end);
        *window = Window::NONE;
        self.hole_end = 0;
    }

    fn start_run(&mut self, start: u32) {
        let (group, bit) = bit_of(start);
        self.space.groups()[group].runs |= bit;
    }

    /// A walk of the run ends here, unless it is the hole's end. Code that was interrupted may have left the start of an object.
    fn end_run(&mut self, cursor: u32, hole_end: u32) {
        if cursor < hole_end {
            self.space.fill(cursor, 0, GRANULE_BYTES);
        }
    }
}
