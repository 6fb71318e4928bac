//! Cells that are filled once, and never found half filled by a fork.
//!
//! A process that forks copies one of its threads. A cell that another thread fills at that moment is never full in the copy. So whoever
//! forks first waits, by [`none_is_half_filled`], until nobody fills one.

use std::sync::{OnceLock, PoisonError, RwLock, RwLockWriteGuard};

/// Held for reading by whoever fills a cell.
static FILLING: RwLock<()> = RwLock::new(());

/// The value of a cell, made if there is none yet: `OnceLock::get_or_init`, but for forks. `make` must not fill another cell.
pub fn get_or_init<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(value) = cell.get() {
        return value;
    }
    let _filling = FILLING.read().unwrap_or_else(PoisonError::into_inner);
    cell.get_or_init(make)
}

/// Waits until no cell is being filled, and lets nobody begin as long as the guard lives.
pub fn none_is_half_filled() -> RwLockWriteGuard<'static, ()> {
    FILLING.write().unwrap_or_else(PoisonError::into_inner)
}
