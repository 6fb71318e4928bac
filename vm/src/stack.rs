//! Wasm stacks: mapped once per thread, reused from call to call, with a guard region below. A call that is parked takes its thread's stack with it.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::activation::{current, prepare_thread};
use crate::here;
use crate::host_stack;
use crate::stack_pool;
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
pub(crate) struct WasmStack {
    reservation: Reservation,
}

impl WasmStack {
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        let bytes = round_up(bytes).ok_or(io::ErrorKind::InvalidInput)?;
        let reservation = Reservation::new(GUARD_BYTES + bytes)?;
        reservation.commit(GUARD_BYTES..GUARD_BYTES + bytes)?;
        // A stack is as large as the deepest guest needs it and mostly used at its upper end: one small page then, not 2 MiB of zeros.
        reservation.keep_pages_small();
        Ok(Self { reservation })
    }

    pub(crate) fn bounds(&self) -> StackBounds {
        let base = self.reservation.base() as usize;
        StackBounds { guard: base, low: base + GUARD_BYTES, high: base + self.reservation.bytes() }
    }

    /// Gives back the memory of a stack on which there is nothing.
    pub(crate) fn drop_pages(&self) -> io::Result<()> {
        self.reservation.drop_pages(GUARD_BYTES..self.reservation.bytes())
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
    /// Names the thread and its stack: no other pair has the number. Zero for a thread without a stack.
    pub token: u64,
    /// Names the thread that was prepared. Zero for one that was not.
    pub owner: u64,
    /// The thread's stack for wasm.
    pub stack: StackBounds,
    /// The system's number of the thread.
    pub thread: ThreadId,
}

/// What a thread runs wasm on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CurrentStack {
    token: u64,
    stack: StackBounds,
}

/// A thread without a stack.
const NO_STACK: CurrentStack = CurrentStack { token: 0, stack: StackBounds { guard: 0, low: 0, high: 0 } };

/// A [`Ready`], one by one: to read two words as one that were just written one by one takes longer than a call into wasm.
struct Known {
    token: Cell<u64>,
    owner: Cell<u64>,
    guard: Cell<usize>,
    low: Cell<usize>,
    high: Cell<usize>,
    thread: Cell<ThreadId>,
}

/// Where a store's outermost calls start, as long as they come on the same thread and stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// The [`Ready::token`] for which the rest holds.
    pub token: u64,
    /// The [`Ready::owner`] of the thread that the store was on last.
    pub owner: u64,
    /// The end of the part of the stack that the store may use.
    pub top: usize,
}

impl Start {
    /// Of a store that has been called on no thread yet.
    pub(crate) const NOWHERE: Self = Self { token: u64::MAX, owner: u64::MAX, top: 0 };
}

thread_local! {
    static STACK: RefCell<Option<ThreadStack>> = const { RefCell::new(None) };
    /// What is known of `STACK`, where a signal handler can read it. While a call that was parked goes on, of that one's stack instead.
    static READY: Known = const {
        Known {
            token: Cell::new(0),
            owner: Cell::new(0),
            guard: Cell::new(0),
            low: Cell::new(0),
            high: Cell::new(0),
            thread: Cell::new(ThreadId::NONE),
        }
    };
}

/// Has this thread run wasm on another stack, or on none.
#[inline]
fn stand_on(ground: CurrentStack) {
    here::with(&READY, |known| {
        known.token.set(ground.token);
        known.guard.set(ground.stack.guard);
        known.low.set(ground.stack.low);
        known.high.set(ground.stack.high);
    });
}

fn name_thread(owner: u64, thread: ThreadId) {
    here::with(&READY, |known| {
        known.owner.set(owner);
        known.thread.set(thread);
    });
}

/// A number that nothing else has: of a thread, or of one with its stack.
fn fresh_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Prepares this thread for a store with a stack of so many bytes, which was on the thread `owner` last. Must not be called while wasm code is suspended on
/// the thread, because a stack that is too small is replaced. One that is larger is used in part.
#[cold]
pub(crate) fn make_ready(stack_bytes: usize, owner: u64) -> io::Result<Start> {
    prepare(owner);
    let bytes = round_up(stack_bytes).ok_or(io::ErrorKind::InvalidInput)?;
    if ready().stack.usable().len() < bytes {
        replace_stack(bytes)?;
    }
    let ready = ready();
    Ok(Start { token: ready.token, owner: ready.owner, top: ready.stack.low + bytes })
}

/// Prepares this thread for a store that was on the thread `owner` last, and says which one this is.
#[inline]
pub(crate) fn prepare(owner: u64) -> u64 {
    if ready().owner != owner {
        prepare_thread();
    }
    if ready().owner == 0 {
        name_thread(fresh_number(), ThreadId::current());
    }
    ready().owner
}

/// What this thread was made ready with.
#[inline(always)]
pub(crate) fn ready() -> Ready {
    here::with(&READY, |known| {
        let stack = StackBounds { guard: known.guard.get(), low: known.low.get(), high: known.high.get() };
        Ready { token: known.token.get(), owner: known.owner.get(), stack, thread: known.thread.get() }
    })
}

fn replace_stack(bytes: usize) -> io::Result<()> {
    let stack = stack_pool::take(bytes)?;
    let ground = CurrentStack { token: fresh_number(), stack: stack.bounds() };
    let kept = STACK.try_with(|slot| *slot.borrow_mut() = Some(ThreadStack(stack)));
    kept.map_err(|_| io::Error::other("the thread is ending and has given up its stack for wasm"))?;
    stand_on(ground);
    Ok(())
}

/// A stack that a call keeps while it is parked.
#[derive(Debug)]
pub(crate) struct OwnStack {
    /// None of a stack that is never freed.
    stack: Option<WasmStack>,
    pub bounds: StackBounds,
    /// Of the thread whose stack it was, with it.
    token: u64,
    owner: u64,
}

impl OwnStack {
    /// One that was no thread's.
    pub(crate) fn new(stack_bytes: usize) -> io::Result<Self> {
        let stack = stack_pool::take(round_up(stack_bytes).ok_or(io::ErrorKind::InvalidInput)?)?;
        Ok(Self { bounds: stack.bounds(), stack: Some(stack), token: 0, owner: 0 })
    }

    /// The stack that this thread runs wasm on, of which nothing but one call's frames are in use. The thread has none then.
    pub(crate) fn take_from_thread() -> Self {
        let ready = ready();
        let is_this = |stack: &mut ThreadStack| stack.0.bounds() == ready.stack;
        let taken = STACK.try_with(|slot| slot.borrow_mut().take_if(is_this)).ok().flatten();
        stand_on(NO_STACK);
        Self { stack: taken.map(ThreadStack::take), bounds: ready.stack, token: ready.token, owner: ready.owner }
    }

    /// Makes it the stack that this thread runs wasm on, and gives what that was before.
    #[inline]
    pub(crate) fn enter(&self) -> CurrentStack {
        let Ready { token, stack, .. } = ready();
        // No store's calls start here: they are nested ones.
        stand_on(CurrentStack { token: 0, stack: self.bounds });
        CurrentStack { token, stack }
    }

    /// Gives it to this thread, if that has none; to all of them otherwise. Nothing is on it.
    pub(crate) fn give_to_thread(&mut self) {
        let ready = ready();
        if ready.token != 0 || ready.owner == 0 {
            return;
        }
        let token = if ready.owner == self.owner { self.token } else { fresh_number() };
        let Some(stack) = self.stack.take() else { return };
        let mut stack = Some(ThreadStack(stack));
        let given = STACK.try_with(|slot| {
            let mut slot = slot.borrow_mut();
            if slot.is_none() {
                *slot = stack.take();
            }
            slot.is_some()
        });
        match stack {
            None if given.is_ok() => stand_on(CurrentStack { token, stack: self.bounds }),
            _ => self.stack = stack.map(ThreadStack::take),
        }
    }

    /// Never frees it: another call's frames are on it.
    pub(crate) fn leak(&mut self) {
        std::mem::forget(self.stack.take());
    }
}

impl Drop for OwnStack {
    fn drop(&mut self) {
        if let Some(stack) = self.stack.take() {
            stack_pool::give(stack);
        }
    }
}

/// Makes this thread's stack for wasm what it was before [`OwnStack::enter`].
#[inline]
pub(crate) fn leave(before: CurrentStack) {
    stand_on(before);
}

/// Finds out the system's number of this thread, which is the only one of a process that was forked.
pub(crate) fn renew_thread() -> ThreadId {
    let thread = ThreadId::current();
    name_thread(ready().owner, thread);
    thread
}

/// The stack of a thread, which has none when this is dropped.
#[derive(Debug)]
struct ThreadStack(WasmStack);

impl ThreadStack {
    fn take(mut self) -> WasmStack {
        let reservation = std::mem::replace(&mut self.0.reservation, Reservation::empty());
        std::mem::forget(self);
        WasmStack { reservation }
    }
}

impl Drop for ThreadStack {
    fn drop(&mut self) {
        forget();
        if !current().is_null() {
            // A coroutine that the thread leaves suspended has frames here, and may still be ended by whoever drops it.
            std::mem::forget(std::mem::replace(&mut self.0.reservation, Reservation::empty()));
        }
    }
}

/// Makes the next call of [`make_ready`] provide everything anew: when a thread ends, what it keeps for itself is dropped in some order,
/// and something of that may still want to run wasm.
pub(crate) fn forget() {
    stand_on(NO_STACK);
    name_thread(0, ThreadId::NONE);
}

/// Whether the host's stack has room for another host function. Guests that recurse through the host take from both stacks.
#[inline]
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
#[cold]
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
            let start = |bytes| make_ready(bytes, u64::MAX).unwrap();
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
