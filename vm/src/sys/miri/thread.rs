//! Threads that nobody interrupts.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// The number of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadId(u32);

impl ThreadId {
    /// No thread.
    pub(crate) const NONE: Self = Self(0);

    /// This one.
    pub(crate) fn current() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        thread_local! {
            static OWN: u32 = NEXT.fetch_add(1, Ordering::Relaxed);
        }
        Self(OWN.with(|own| *own))
    }

    pub(crate) fn number(self) -> u32 {
        self.0
    }

    pub(crate) fn interrupt(self) {}
}

/// A [`ThreadId`] that several threads use.
#[derive(Debug)]
pub(crate) struct AtomicThreadId(AtomicU32);

impl AtomicThreadId {
    pub(crate) const fn new(thread: ThreadId) -> Self {
        Self(AtomicU32::new(thread.0))
    }

    pub(crate) fn load(&self, order: Ordering) -> ThreadId {
        ThreadId(self.0.load(order))
    }

    pub(crate) fn store(&self, thread: ThreadId, order: Ordering) {
        self.0.store(thread.0, order);
    }
}

/// There is none.
pub(crate) fn barrier() -> bool {
    false
}

/// Stacks have no addresses.
pub(crate) fn own_stack() -> Option<Range<usize>> {
    None
}

/// Nobody knows.
pub(crate) fn can_read_below<const PROBES: usize>(_address: usize) -> bool {
    true
}

/// There are no forks.
///
/// # Safety
/// As everywhere: the functions may be called around a fork.
pub(crate) unsafe fn at_fork(_before: extern "C" fn(), _after: extern "C" fn(), _in_child: extern "C" fn()) -> bool {
    true
}

/// Profilers see nothing.
pub(crate) fn profiler_clock_ns() -> u64 {
    0
}

/// Nobody executes new code.
pub(crate) fn sync_instructions() -> std::io::Result<()> {
    Ok(())
}
