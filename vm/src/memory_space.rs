//! Address space of linear memories, and which addresses belong to one.
//!
//! The signal handler asks for that, too, for a thread that was interrupted in compiled code: such a thread never runs the code below, so
//! it cannot wait for a lock that it holds itself.

use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;
use std::sync::{PoisonError, RwLock};

use crate::sys::pages::Reservation;

/// First addresses and lengths in bytes.
static SPACES: RwLock<BTreeMap<usize, usize>> = RwLock::new(BTreeMap::new());

/// The lock, for the thread that forks.
pub(crate) fn lock() -> Box<dyn std::any::Any> {
    Box::new(SPACES.write().unwrap_or_else(PoisonError::into_inner))
}

/// The reservation of a memory, registered as such.
#[derive(Debug)]
pub struct MemorySpace(Reservation);

impl MemorySpace {
    /// Reserves whole pages.
    pub fn new(bytes: usize) -> io::Result<Self> {
        let reservation = Reservation::new(bytes)?;
        let mut spaces = SPACES.write().unwrap_or_else(PoisonError::into_inner);
        spaces.insert(reservation.base() as usize, reservation.bytes());
        Ok(Self(reservation))
    }

    /// No pages at all.
    pub const fn empty() -> Self {
        Self(Reservation::empty())
    }
}

impl Deref for MemorySpace {
    type Target = Reservation;

    fn deref(&self) -> &Reservation {
        &self.0
    }
}

impl Drop for MemorySpace {
    /// The addresses are unmapped after this, so that nobody else can have registered them yet.
    fn drop(&mut self) {
        if self.0.bytes() > 0 {
            SPACES.write().unwrap_or_else(PoisonError::into_inner).remove(&(self.0.base() as usize));
        }
    }
}

/// Whether an address belongs to a memory: its contents, or what lies behind them and can never be accessed.
pub(crate) fn contains(address: usize) -> bool {
    let spaces = SPACES.read().unwrap_or_else(PoisonError::into_inner);
    spaces.range(..=address).next_back().is_some_and(|(start, bytes)| address - start < *bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_belong_to_memories_as_long_as_they_live() {
        let space = MemorySpace::new(3 << 16).unwrap();
        let (start, end) = (space.base() as usize, space.base() as usize + (3 << 16));
        assert!(contains(start) && contains(end - 1));
        drop(MemorySpace::empty());
        assert!(contains(start));
        let place = 0u8;
        assert!(!contains(0) && !contains(&raw const place as usize) && !contains(usize::MAX));
        drop(space);
        // Another test may have mapped a memory there, but hardly one of this length at the same place.
        assert_ne!(SPACES.read().unwrap().get(&start), Some(&(3 << 16)));
    }
}
