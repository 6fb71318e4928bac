//! A collection of what a store's guests hold by reference: objects, exceptions, and values of the host. Together, because each can hold the others.

use wasmer_runtime_core::trap::TrapCode;

use crate::heap::{self, Heap, ProcessTypes};
use crate::pieces::InterruptCheck;
use crate::references::{Held, References};
use crate::store::{StoreVm, go_on};

/// What is known so far of what lives.
pub struct Collection {
    refs: References,
    heap: Option<(Box<Heap>, heap::Collection)>,
    /// Words that were looked at.
    looks: usize,
}

impl Collection {
    /// A word that may be a reference.
    #[inline]
    pub fn guess(&mut self, word: u64) {
        self.looks += 1;
        self.refs.held.mark(word);
        if let Some((_, found)) = &mut self.heap {
            found.guess(word);
        }
    }

    /// A reference that somebody holds, or null for another thing that had to be looked at.
    #[inline]
    pub fn root(&mut self, word: u64) {
        self.looks += 1;
        self.refs.held.mark(word);
        if let Some((_, found)) = &mut self.heap {
            found.root(word);
        }
    }

    /// Marks everything that is held by what was found.
    fn mark(&mut self, go_on: impl InterruptCheck) -> Result<(), TrapCode> {
        let Self { refs, heap, looks } = self;
        refs.mark_roots(|word| {
            if let Some((_, found)) = heap {
                found.root(word)
            }
        });
        let Some((heap, found)) = heap else { return Ok(()) };
        loop {
            // Objects that exceptions hold.
            refs.held.take_strays().for_each(|word| found.root(word));
            if !found.has_roots() {
                break;
            }
            heap.mark(found, &ProcessTypes, &mut |word| refs.held.mark(word), &go_on)?;
        }
        *looks += found.objects();
        Ok(())
    }
}

impl StoreVm {
    /// Begins a collection. Until it ends, nothing is held by reference, and no code runs.
    pub fn begin_collection(&mut self) -> Collection {
        let heap = self.heap.take().map(|mut heap| {
            let mut window = self.window();
            let found = heap.begin(&mut window);
            self.set_window(window);
            (heap, found)
        });
        Collection { refs: std::mem::take(&mut self.refs), heap, looks: 0 }
    }

    /// Ends a collection, and gives away what nobody holds of the host's, to be dropped last. Nothing is dropped if not everything that is held `is_known`, or
    /// the store was interrupted.
    #[must_use]
    pub fn end_collection(&mut self, mut collection: Collection, is_known: bool) -> Vec<Held> {
        // SAFETY: the context lives as long as the store.
        let go_on = unsafe { go_on(self.context()) };
        let is_whole = is_known && collection.mark(go_on).is_ok();
        let Collection { mut refs, heap, looks } = collection;
        self.heap = heap.map(|(mut heap, found)| {
            if is_whole {
                heap.end(&found, looks - found.objects(), &mut self.budget)
            } else {
                heap.abandon()
            }
            heap
        });
        let dead = if is_whole { refs.held.sweep(looks) } else { refs.held.keep() };
        self.refs = refs;
        for held in &dead {
            if let Held::Exception(exception) = held {
                self.release_exception(exception);
            }
        }
        dead
    }
}
