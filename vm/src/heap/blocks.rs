//! What a heap's blocks are used for.

use super::space::{BLOCK_BYTES, BLOCKS_MAX, Block, Space};
use crate::budget::{Budget, Usage};

/// What a block is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// For nothing.
    Free,
    /// For a run of objects that is newer than the last collection.
    New,
    /// For objects that the last collection has found, and runs between them.
    Old,
    /// For one object, which starts in the block of this number.
    Large(u32),
}

/// Blocks that a heap grows by at least.
const GROWTH_MIN: u32 = 16;
/// Part of its blocks that it grows by at least.
const GROWTH_SHARE: u32 = 8;

/// All blocks.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    uses: Vec<Use>,
    /// Which of the starts are those of the last collection.
    pub(super) current: usize,
    /// From which on there may be some with holes, and free ones.
    next_with_holes: u32,
    next_free: u32,
    /// From which on nothing was ever written.
    fresh: u32,
}

impl Blocks {
    /// What a block is used for; none if it is not the heap's.
    pub(super) fn use_of(&self, block: Block) -> Option<Use> {
        self.uses.get(block.index()).copied()
    }

    /// Frees blocks that were just taken.
    pub(super) fn free(&mut self, first: Block, count: u32) {
        self.uses[first.index()..first.index() + count as usize].fill(Use::Free);
        self.next_free = self.next_free.min(first.0);
    }

    /// All blocks, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = (Block, Use)> + '_ {
        (0..).map(Block).zip(self.uses.iter().copied())
    }

    /// The next block that had objects after the last collection.
    pub(super) fn next_with_holes(&mut self) -> Option<Block> {
        while self.next_with_holes < self.uses.len() as u32 {
            let block = Block(self.next_with_holes);
            self.next_with_holes += 1;
            if self.uses[block.index()] == Use::Old {
                return Some(block);
            }
        }
        None
    }

    /// Nothing is known of holes.
    pub(super) fn forget_holes(&mut self) {
        self.next_with_holes = self.uses.len() as u32;
    }

    /// After a collection: blocks have other uses, and other starts are those of objects.
    pub(super) fn begin_anew(&mut self, uses: impl Fn(Block, Use) -> Use) {
        for (use_, block) in self.uses.iter_mut().zip((0..).map(Block)) {
            *use_ = uses(block, *use_);
        }
        self.current ^= 1;
        (self.next_with_holes, self.next_free) = (0, 0);
    }

    /// Uses so many blocks in a row that nothing is in, with what `usage` says of the first. None if the budget has no more.
    pub(super) fn take(
        &mut self,
        count: u32,
        usage: impl Fn(Block) -> Use,
        space: &mut Space,
        budget: &mut Budget,
    ) -> Option<BlockRun> {
        let first = self.free_run(count);
        let missing = (first.0 + count).saturating_sub(self.uses.len() as u32);
        if missing > 0 {
            self.grow(missing, space, budget)?;
        }
        let range = first.index()..first.index() + count as usize;
        self.uses[range].fill(usage(first));
        if first.0 == self.next_free {
            self.next_free += count;
        }
        let is_zero = first.0 >= self.fresh;
        self.fresh = self.fresh.max(first.0 + count);
        Some(BlockRun { first, is_zero })
    }

    /// Where so many free blocks are, or would be if there were more at the end.
    fn free_run(&mut self, count: u32) -> Block {
        let is_free = |block: &u32| self.uses[*block as usize] == Use::Free;
        let len = self.uses.len() as u32;
        self.next_free = (self.next_free..len).find(is_free).unwrap_or(len);
        let mut start = self.next_free;
        for block in self.next_free..len {
            if !is_free(&block) {
                start = block + 1;
            } else if block + 1 - start == count {
                break;
            }
        }
        Block(start)
    }

    /// Makes the heap larger by so many blocks at least.
    fn grow(&mut self, missing: u32, space: &mut Space, budget: &mut Budget) -> Option<()> {
        let len = self.uses.len() as u32;
        let wished = missing.max(GROWTH_MIN).max(len / GROWTH_SHARE).min(BLOCKS_MAX - len);
        let usage =
            |blocks: u32| Usage { gc_heap_bytes: u64::from(blocks) * u64::from(BLOCK_BYTES), ..Usage::default() };
        // All that is wished, or what must be.
        let blocks = [wished, missing].into_iter().find(|blocks| budget.take(usage(*blocks)).is_ok())?;
        if blocks < missing || space.grow(blocks).is_err() {
            budget.give_back(usage(blocks));
            return None;
        }
        self.uses.resize((len + blocks) as usize, Use::Free);
        Some(())
    }

    /// Gives free blocks at the end back to the system, if there are many more than `wanted` bytes need.
    pub(super) fn shrink(&mut self, wanted_bytes: u64, space: &mut Space, budget: &mut Budget) {
        let wanted = wanted_bytes.div_ceil(BLOCK_BYTES.into());
        let free = self.uses.iter().filter(|usage| **usage == Use::Free).count() as u64;
        let at_end = self.uses.iter().rev().take_while(|usage| **usage == Use::Free).count() as u64;
        let surplus = free.saturating_sub(wanted).min(at_end) as u32;
        if surplus >= SHRINK_MIN && u64::from(surplus) > wanted / 2 {
            space.shrink(surplus);
            self.uses.truncate(space.blocks() as usize);
            self.fresh = self.fresh.min(space.blocks());
            budget.give_back(Usage { gc_heap_bytes: u64::from(surplus) * u64::from(BLOCK_BYTES), ..Usage::default() });
        }
    }

    /// From which block on nothing was ever written.
    pub(super) fn fresh(&self) -> Block {
        Block(self.fresh)
    }
}

/// Blocks to give back at least: the system takes its time.
const SHRINK_MIN: u32 = 64;

/// Blocks that were taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockRun {
    /// The first of them.
    pub(super) first: Block,
    /// Whether there is nothing but zero.
    pub(super) is_zero: bool,
}
