//! Memories of dropped instances, kept for the next instances of the module.
//!
//! Mapping and unmapping is most of what an instance costs, and the kernel changes the mappings of a process for one thread at a time. A
//! memory that is kept needs neither: its pages are dropped, so that it reads as its initial contents again.

use std::sync::{Mutex, PoisonError};

use crate::vm::memory_space::MemorySpace;

/// How many memories are kept: address space and page tables, no pages.
const KEPT: usize = 64;

/// Clean memories of one index of one module: initial contents, initial size.
#[derive(Debug, Default)]
pub struct MemoryPool(Mutex<Vec<MemorySpace>>);

impl MemoryPool {
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
