//! Places: what threads would fight for exists several times, and each thread uses one.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many threads have a place of their own; more share.
pub const PLACES: usize = 8;

/// This thread's place among [`PLACES`].
pub fn place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    let place = PLACE.get().unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed) % PLACES);
    PLACE.set(Some(place));
    place
}
