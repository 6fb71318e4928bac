//! Values of the thread that every call looks at: statically initialised and without a destructor, so that a signal handler may read them, too.
//!
//! `LocalKey::with` is a call through a pointer in programs that are built without link-time optimisation, and costs as much as a switch of stacks.

use std::cell::Cell;
use std::thread::LocalKey;

/// Looks at a value of this thread.
#[inline(always)]
pub(crate) fn with<T, R>(key: &'static LocalKey<T>, look: impl FnOnce(&T) -> R) -> R {
    match key.try_with(look) {
        Ok(result) => result,
        Err(_) => gone(),
    }
}

/// What a value is.
#[inline(always)]
pub(crate) fn get<T: Copy>(key: &'static LocalKey<Cell<T>>) -> T {
    with(key, Cell::get)
}

/// Replaces a value.
#[inline(always)]
pub(crate) fn set<T>(key: &'static LocalKey<Cell<T>>, value: T) {
    with(key, |cell| cell.set(value));
}

#[cold]
fn gone() -> ! {
    unreachable!("what has no destructor is there as long as the thread")
}
