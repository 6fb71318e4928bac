//! Memories of dropped instances, kept for the next instances of the module.
//!
//! Mapping and unmapping is most of what an instance costs, and the kernel changes the mappings of a process for one thread at a time. A
//! memory that is kept needs neither: what was written is dropped, so that it reads as its initial contents again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use wasmer_runtime_core::once;

use crate::memory_space::MemorySpace;
use crate::places::{PLACES, place};

/// How many memories a shelf keeps: address space, mappings and page tables, no pages.
const SHELF_KEEPS: usize = 16;
/// How many memories all shelves of a place keep, whatever the number of modules: a process may have 65,530 mappings, and a memory has a few.
const PLACE_KEEPS: usize = 256;

/// How many memories are kept at a place. In cache lines of its own: processors that write to the same one wait for each other.
#[derive(Debug)]
#[repr(align(128))]
struct Kept(AtomicUsize);

static KEPT: [Kept; PLACES] = [const { Kept(AtomicUsize::new(0)) }; PLACES];

/// Clean memories of one index of one module: initial contents, initial size.
#[derive(Debug, Default)]
pub struct MemoryPool([OnceLock<Arc<Shelf>>; PLACES]);

impl MemoryPool {
    /// Where the memories of this thread are kept.
    pub fn shelf(&self) -> Arc<Shelf> {
        let place = place();
        let new = || Arc::new(Shelf::new(&KEPT[place].0));
        Arc::clone(once::get_or_init(&self.0[place], new))
    }
}

/// Memories that few threads share. In cache lines of its own.
///
/// The lock is only tried for: in a process that was forked while another thread had it, nobody gives it back.
#[derive(Debug)]
#[repr(align(128))]
pub struct Shelf {
    memories: Mutex<Vec<MemorySpace>>,
    /// How many all shelves of the place keep.
    kept: &'static AtomicUsize,
}

impl Shelf {
    fn new(kept: &'static AtomicUsize) -> Self {
        // Never moved, so that it is whole whenever the process is forked.
        Self { memories: Mutex::new(Vec::with_capacity(SHELF_KEEPS)), kept }
    }

    fn memories(&self) -> Option<MutexGuard<'_, Vec<MemorySpace>>> {
        match self.memories.try_lock() {
            Ok(memories) => Some(memories),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// A clean memory, if there is one.
    pub fn take(&self) -> Option<MemorySpace> {
        let memory = self.memories()?.pop()?;
        self.kept.fetch_sub(1, Ordering::Relaxed);
        Some(memory)
    }

    /// Keeps a memory that has grown from `initial` to `committed` bytes, both whole pages. One that cannot be cleaned, or for which there is no
    /// room, is unmapped.
    pub fn give_back(&self, memory: MemorySpace, initial: usize, committed: usize) {
        let is_clean = memory.decommit(initial..committed).and_then(|()| memory.drop_pages(0..committed));
        if is_clean.is_err() {
            return;
        }
        let Some(mut memories) = self.memories() else { return };
        if memories.len() < SHELF_KEEPS && self.kept.load(Ordering::Relaxed) < PLACE_KEEPS {
            self.kept.fetch_add(1, Ordering::Relaxed);
            memories.push(memory);
        }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let memories = self.memories.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.kept.fetch_sub(memories.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_keeps_so_many_memories_for_all_modules() {
        static KEPT: AtomicUsize = AtomicUsize::new(0);
        let memory = || MemorySpace::new(1 << 16).unwrap();
        let shelves: Vec<_> = (0..2 * PLACE_KEEPS / SHELF_KEEPS)
            .map(|_| Shelf::new(&KEPT))
            .inspect(|shelf| (0..SHELF_KEEPS + 1).for_each(|_| shelf.give_back(memory(), 0, 0)))
            .collect();
        assert_eq!(KEPT.load(Ordering::Relaxed), PLACE_KEEPS);
        let taken: Vec<_> = (0..SHELF_KEEPS + 1).map_while(|_| shelves[0].take()).collect();
        assert_eq!((taken.len(), KEPT.load(Ordering::Relaxed)), (SHELF_KEEPS, PLACE_KEEPS - SHELF_KEEPS));
        drop(shelves);
        assert_eq!(KEPT.load(Ordering::Relaxed), 0);
    }
}
