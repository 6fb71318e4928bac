//! Wasm stacks: mapped once per thread, reused from call to call, with a guard region below.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::activation::{current, prepare_thread};
use crate::host_stack;
use crate::sys::PROBE_BYTES;
use crate::sys::pages::{Reservation, round_up};
use crate::sys::thread::{ThreadId, can_read_below};

/// Bytes below a stack that are never accessible. Compiled frames that are larger than a page touch each of their pages, so that none
/// jumps over it.
pub(crate) const GUARD_BYTES: usize = 64 << 10;

/// Room that a nested entry needs to be worth trying, in bytes.
pub(crate) const NESTED_ROOM_BYTES: usize = 16 << 10;

/// Room that a nested entry leaves on the host's stack, in bytes; a quarter of stacks that are small.
const HOST_ROOM_BYTES: usize = 256 << 10;

/// The same on a stack of unknown size, which may be a small one.
const UNKNOWN_ROOM_BYTES: usize = 32 << 10;

/// A stack for wasm code.
#[derive(Debug)]
struct WasmStack {
    reservation: Reservation,
}

impl WasmStack {
    fn new(bytes: usize) -> io::Result<Self> {
        let bytes = round_up(bytes).ok_or(io::ErrorKind::InvalidInput)?;
        let reservation = Reservation::new(GUARD_BYTES + bytes)?;
        reservation.commit(GUARD_BYTES..GUARD_BYTES + bytes)?;
        // A stack is as large as the deepest guest needs it and mostly used at its upper end: one small page then, not 2 MiB of zeros.
        reservation.keep_pages_small();
        Ok(Self { reservation })
    }

    fn bounds(&self) -> StackBounds {
        let base = self.reservation.base() as usize;
        StackBounds { guard: base, low: base + GUARD_BYTES, high: base + self.reservation.bytes() }
    }
}

/// The addresses of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackBounds {
    /// Start of the guard region.
    pub guard: usize,
    /// Lowest usable address: the end of the guard region.
    pub low: usize,
    /// End of the stack: where it starts to grow down from.
    pub high: usize,
}

impl StackBounds {
    /// Whether a stack pointer, maybe one that ran into the guard region, belongs to this stack.
    pub fn contains(&self, sp: usize) -> bool {
        (self.guard..=self.high).contains(&sp)
    }

    /// Whether an address is in the guard region.
    pub fn guards(&self, address: usize) -> bool {
        (self.guard..self.low).contains(&address)
    }

    /// Where frames can be.
    pub fn usable(&self) -> Range<usize> {
        self.low..self.high
    }
}

/// What a thread needs to run wasm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// Names the thread and its stack: no other pair has the number.
    pub token: u64,
    /// The thread's stack for wasm.
    pub stack: StackBounds,
    /// The system's number of the thread.
    pub thread: ThreadId,
}

/// A thread without a stack.
const NOT_READY: Ready = Ready { token: 0, stack: StackBounds { guard: 0, low: 0, high: 0 }, thread: ThreadId::NONE };

/// Where a store's outermost calls start, as long as they come on the same thread and stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// The [`Ready::token`] for which the rest holds.
    pub token: u64,
    /// The end of the part of the stack that the store may use.
    pub top: usize,
}

impl Start {
    /// Of a store that has been called on no thread yet.
    pub(crate) const NOWHERE: Self = Self { token: u64::MAX, top: 0 };
}

thread_local! {
    static STACK: RefCell<Option<WasmStack>> = const { RefCell::new(None) };
    /// What is known of `STACK`, where a signal handler can read it.
    static READY: Cell<Ready> = const { Cell::new(NOT_READY) };
}

/// Prepares this thread for a store with a stack of so many bytes. Must not be called while wasm code is suspended on the thread, because a
/// stack that is too small is replaced. One that is larger is used in part.
#[cold]
pub(crate) fn make_ready(stack_bytes: usize) -> io::Result<Start> {
    prepare_thread();
    let bytes = round_up(stack_bytes).ok_or(io::ErrorKind::InvalidInput)?;
    if READY.get().stack.usable().len() < bytes {
        replace_stack(bytes)?;
    }
    let ready = READY.get();
    Ok(Start { token: ready.token, top: ready.stack.low + bytes })
}

/// What this thread was made ready with.
#[inline]
pub(crate) fn ready() -> Ready {
    READY.get()
}

fn replace_stack(bytes: usize) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let stack = WasmStack::new(bytes)?;
    let ready =
        Ready { token: NEXT.fetch_add(1, Ordering::Relaxed), stack: stack.bounds(), thread: ThreadId::current() };
    let kept = STACK.try_with(|slot| *slot.borrow_mut() = Some(stack));
    kept.map_err(|_| io::Error::other("the thread is ending and has given up its stack for wasm"))?;
    READY.set(ready);
    Ok(())
}

/// Finds out the system's number of this thread, which is the only one of a process that was forked.
pub(crate) fn renew_thread() -> ThreadId {
    let thread = ThreadId::current();
    READY.set(Ready { thread, ..READY.get() });
    thread
}

impl Drop for WasmStack {
    fn drop(&mut self) {
        forget();
        if !current().is_null() {
            // A coroutine that the thread leaves suspended has frames here, and may still be ended by whoever drops it.
            std::mem::forget(std::mem::replace(&mut self.reservation, Reservation::empty()));
        }
    }
}

/// Makes the next call of [`make_ready`] provide everything anew: when a thread ends, what it keeps for itself is dropped in some order,
/// and something of that may still want to run wasm.
pub(crate) fn forget() {
    READY.set(NOT_READY);
}

/// Whether the host's stack has room for another host function. Guests that recurse through the host take from both stacks.
pub(crate) fn host_has_room() -> bool {
    let here = 0u8;
    let here = &raw const here as usize;
    match host_stack::own().filter(|stack| stack.contains(&here)) {
        Some(stack) => here >= stack.start + HOST_ROOM_BYTES.min(stack.len() / 4),
        None => unknown_stack_has_room(here),
    }
}

/// Whether a stack that is not the thread's own, but a coroutine's, has room below an address. The system knows no bounds of such a stack, but
/// which pages can be accessed. Where it must not be asked there seems to be room.
fn unknown_stack_has_room(here: usize) -> bool {
    can_read_below::<{ UNKNOWN_ROOM_BYTES / PROBE_BYTES }>(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_room_at_first() {
        assert!(host_has_room());
    }

    #[test]
    fn a_coroutines_stack_has_room_as_far_as_it_is_mapped() {
        let stack = WasmStack::new(256 << 10).unwrap();
        let StackBounds { low, high: end, .. } = stack.bounds();
        assert!(unknown_stack_has_room(end - 1) && unknown_stack_has_room(end - (128 << 10)));
        assert!(unknown_stack_has_room(low + UNKNOWN_ROOM_BYTES));
        assert!(!unknown_stack_has_room(low + UNKNOWN_ROOM_BYTES - 1) && !unknown_stack_has_room(low));
    }

    #[test]
    fn a_thread_reuses_its_stack() {
        std::thread::spawn(|| {
            let start = |bytes| make_ready(bytes).unwrap();
            let first = start(1 << 20);
            let stack = ready().stack;
            assert_eq!(start(1 << 20).token, first.token);
            assert_eq!((stack.usable().len(), first.top), (1 << 20, stack.high));
            assert!(stack.guards(stack.low - 1) && !stack.guards(stack.low) && stack.contains(stack.high));
            // A smaller one is a part of it, a larger one another.
            let small = start(64 << 10);
            assert_eq!((small.token, small.top), (first.token, stack.low + (64 << 10)));
            assert_ne!(start(2 << 20).token, first.token);
            assert_eq!(ready().stack.usable().len(), 2 << 20);
        })
        .join()
        .unwrap();
    }
}
