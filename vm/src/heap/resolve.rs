//! Which objects a word of a frame may mean.
//!
//! Compilers keep a reference as an address in the cage, as an offset, as an offset in half a word, and as any of these that points into an object or
//! to its end, when nothing but an element of it is used any more. Whatever a word of a frame could be of that counts.

use super::blocks::{Blocks, Use};
use super::object::{Shapes, size_of_object};
use super::space::{BLOCK_GROUPS, Block, FIRST, GRANULE_BYTES, Space, bit_of};

/// Offsets that frames have.
#[derive(Debug, Default)]
pub(super) struct Guesses(Vec<u32>);

impl Guesses {
    /// A word of a frame. `base` is the heap's, and `end` the offset behind its last block.
    #[inline]
    pub(super) fn add(&mut self, word: u64, base: usize, end: u32) {
        let offset = word.wrapping_sub(base as u64);
        if offset <= u32::MAX.into() {
            self.add_offset(offset as u32, end);
        } else {
            self.add_offset(word as u32, end);
            self.add_offset((word >> 32) as u32, end);
        }
    }

    #[inline]
    fn add_offset(&mut self, offset: u32, end: u32) {
        // One that is the end of the last object is behind everything.
        if offset.wrapping_sub(FIRST) <= end - FIRST {
            self.0.push(offset);
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The objects that they mean.
    pub(super) fn resolve(
        mut self,
        space: &mut Space,
        blocks: &Blocks,
        shapes: &impl Shapes,
        mut object: impl FnMut(u32),
    ) {
        self.0.sort_unstable();
        self.0.dedup();
        let mut walk = Walk::default();
        for offset in self.0 {
            // An object may end here, and another start.
            let ends_here = offset.is_multiple_of(GRANULE_BYTES).then(|| offset - 1);
            for offset in ends_here.into_iter().chain([offset]) {
                if let Some(found) = walk.containing(space, blocks, shapes, offset) {
                    object(found);
                }
            }
        }
    }
}

/// How far the run was walked that the last offset was in.
#[derive(Debug, Default)]
struct Walk {
    run: u32,
    at: u32,
}

impl Walk {
    /// The object that an offset is in.
    fn containing(&mut self, space: &mut Space, blocks: &Blocks, shapes: &impl Shapes, offset: u32) -> Option<u32> {
        let start = match blocks.use_of(Block::of(offset))? {
            Use::Free => return None,
            Use::Large(head) => Block(head).start(),
            Use::New | Use::Old => match last_start(space, blocks.current, offset)? {
                Start::Object(object) => object,
                Start::Run(run) => self.walk(space, shapes, run, offset),
            },
        };
        let is_object = space.word(start) != 0 && offset - start < size_of_object(space, shapes, start);
        is_object.then_some(start)
    }

    /// The last object of a run that starts at an offset or before. Behind the run is a word that is zero, an object that is older, or another block.
    fn walk(&mut self, space: &Space, shapes: &impl Shapes, run: u32, offset: u32) -> u32 {
        if self.run != run || self.at > offset {
            (self.run, self.at) = (run, run);
        }
        while space.word(self.at) != 0 {
            let next = self.at + size_of_object(space, shapes, self.at);
            if next > offset {
                break;
            }
            self.at = next;
        }
        self.at
    }
}

/// What starts somewhere.
enum Start {
    Object(u32),
    Run(u32),
}

/// What starts at an offset or before, in its block.
fn last_start(space: &mut Space, current: usize, offset: u32) -> Option<Start> {
    let (last, bit) = bit_of(offset);
    let first = last / BLOCK_GROUPS * BLOCK_GROUPS;
    let groups = &space.groups()[first..=last];
    // Those up to the offset's own.
    let mut mask = bit | (bit - 1);
    for (group, index) in groups.iter().rev().zip((first..=last).rev()) {
        let starts = (group.starts[current] | group.runs) & mask;
        if starts != 0 {
            let position = 63 - starts.leading_zeros();
            let found = FIRST + (index as u32 * 64 + position) * GRANULE_BYTES;
            let is_run = group.runs >> position & 1 != 0;
            return Some(if is_run { Start::Run(found) } else { Start::Object(found) });
        }
        mask = u64::MAX;
    }
    None
}
