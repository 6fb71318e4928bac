//! A collection: from what is known to be held, and what frames may hold, to what lives.

use wasmer_runtime_core::trap::TrapCode;

use super::blocks::Use;
use super::holes::Holes;
use super::mark::Marker;
use super::object::{Outside, Shapes};
use super::resolve::Guesses;
use super::space::{BLOCK_BYTES, BLOCK_GROUPS, Block, GRANULE_BYTES};
use super::{BYTES_MIN, BYTES_PER_LOOK, BYTES_PER_ROOT, Heap, Window};
use crate::budget::Budget;
use crate::pieces::InterruptCheck;

/// What a collection of a heap has found so far.
pub struct Collection {
    marker: Marker,
    guesses: Guesses,
    roots: Vec<u32>,
    base: usize,
    end: u32,
}

impl Heap {
    /// Begins a collection. Code does not run until it has ended.
    pub fn begin(&mut self, window: &mut Window) -> Collection {
        self.close(window);
        self.medium = Window::NONE;
        let next = self.blocks.current ^ 1;
        for group in self.space.groups() {
            (group.starts[next], group.ends) = (0, 0);
        }
        Collection {
            marker: Marker::new(next, self.space.blocks()),
            guesses: Guesses::default(),
            roots: Vec::new(),
            base: self.base() as usize,
            end: self.space.end(),
        }
    }

    /// Marks all that can be reached from what was found so far. `handle` is told of references to the host's values in objects.
    pub fn mark(
        &mut self,
        found: &mut Collection,
        shapes: &impl Shapes,
        handle: &mut impl FnMut(u64),
        go_on: impl InterruptCheck,
    ) -> Result<(), TrapCode> {
        let Collection { marker, guesses, roots, .. } = found;
        std::mem::take(guesses).resolve(&mut self.space, &self.blocks, shapes, |object| roots.push(object));
        for root in roots.drain(..) {
            marker.found(&mut self.space, root);
            if marker.is_full() {
                marker.drain(&mut self.space, shapes, handle, &go_on)?;
            }
        }
        marker.drain(&mut self.space, shapes, handle, &go_on)
    }

    /// Ends a collection that has marked everything: what is not marked is room for others. `looks` is how many words besides the heap were looked at.
    pub fn end(&mut self, found: &Collection, looks: usize, budget: &mut Budget) {
        let next = self.blocks.current ^ 1;
        let groups = self.space.groups();
        groups.iter_mut().for_each(|group| group.runs = 0);
        let starts = |block: Block| {
            groups[block.index() * BLOCK_GROUPS..].iter().take(BLOCK_GROUPS).map(|group| group.starts[next])
        };
        self.blocks.begin_anew(|block, usage| match usage {
            Use::Large(head) if starts(Block(head)).next() != Some(0) => Use::Large(head),
            Use::New | Use::Old if starts(block).any(|starts| starts != 0) => Use::Old,
            Use::Large(_) | Use::New | Use::Old | Use::Free => Use::Free,
        });
        self.holes = Default::default();
        let live = found.marker.live_bytes;
        let fresh = BYTES_MIN.max(live).max((live * BYTES_PER_ROOT).isqrt()).max(looks as u64 * BYTES_PER_LOOK);
        self.until_due = fresh as i64;
        if self.always {
            self.poison();
        } else {
            self.blocks.shrink(fresh, &mut self.space, budget);
        }
    }

    /// Ends a collection that was left: everything is kept, and nothing is known of holes until the next one.
    pub fn abandon(&mut self) {
        self.holes = Default::default();
        self.blocks.forget_holes();
    }

    /// For tests: whoever uses an object that is gone finds no reference in it.
    fn poison(&mut self) {
        let fresh = self.blocks.fresh();
        for (block, usage) in self.blocks.all().take_while(|(block, _)| *block < fresh) {
            match usage {
                Use::Free => self.space.fill(block.start(), POISON, BLOCK_BYTES),
                Use::Old => {
                    let mut holes = Holes::of(block, self.space.groups_of(block), self.blocks.current);
                    while let Some((start, end)) = holes.next() {
                        self.space.fill(start, POISON, end - start);
                    }
                }
                Use::New | Use::Large(_) => {}
            }
        }
    }
}

/// What tests find where no object is.
const POISON: u8 = 0xa5;

impl Collection {
    /// A word that may mean an object.
    #[inline]
    pub fn guess(&mut self, word: u64) {
        self.guesses.add(word, self.base, self.end);
    }

    /// A reference, of whatever kind.
    #[inline]
    pub fn root(&mut self, word: u64) {
        if let Outside::Internal(reference) = Outside::of(word)
            && reference != 0
            && reference.is_multiple_of(GRANULE_BYTES)
        {
            self.roots.push(reference);
        }
    }

    /// Whether something was found that was not looked at yet.
    pub fn has_roots(&self) -> bool {
        !self.roots.is_empty() || !self.guesses.is_empty()
    }

    /// How many objects were found.
    pub fn objects(&self) -> usize {
        self.marker.objects
    }

    /// Bytes of the objects that were found.
    pub fn live_bytes(&self) -> u64 {
        self.marker.live_bytes
    }

    #[cfg(test)]
    pub(super) fn bound_stack(&mut self, max: usize) {
        self.marker.bound_stack(max);
    }
}
