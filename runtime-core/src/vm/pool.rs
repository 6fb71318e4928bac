//! Memories of dropped instances, kept for the next instances of the module.
//!
//! Mapping and unmapping is most of what an instance costs, and the kernel changes the mappings of a process for one thread at a time. A
//! memory that is kept needs neither: what was written is dropped, so that it reads as its initial contents again.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::vm::memory_space::MemorySpace;

/// How many threads have a place of their own; more share.
pub(crate) const PLACES: usize = 8;
/// How many memories a shelf keeps: address space and page tables, no pages.
const KEPT: usize = 16;

/// Clean memories of one index of one module: initial contents, initial size.
#[derive(Debug, Default)]
pub struct MemoryPool([OnceLock<Arc<Shelf>>; PLACES]);

impl MemoryPool {
    /// Where the memories of this thread are kept.
    pub fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(self.0[place()].get_or_init(Arc::default))
    }
}

/// This thread's place among [`PLACES`].
pub(crate) fn place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    let place = PLACE.get().unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed) % PLACES);
    PLACE.set(Some(place));
    place
}

/// Memories that few threads share. In cache lines of its own: processors that write to the same one wait for each other.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Shelf(Mutex<Vec<MemorySpace>>);

impl Shelf {
    /// A clean memory, if there is one.
    pub fn take(&self) -> Option<MemorySpace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps a memory that has grown from `initial` to `committed` bytes, both whole pages. One that cannot be cleaned is unmapped.
    pub fn give_back(&self, reservation: MemorySpace, initial: usize, committed: usize) {
        let is_clean = reservation.decommit(initial..committed).and_then(|()| reservation.drop_pages(0..committed));
        if is_clean.is_err() {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(reservation);
        }
    }
}
