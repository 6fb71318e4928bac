//! Wasm stacks: mapped once per thread, reused from call to call, with a guard region below.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;

use crate::vm::mmap::{Reservation, round_up};
use crate::vm::signals::prepare_thread;

/// Bytes below a stack that are never accessible. Compiled frames that are larger than a page touch each of their pages, so that none
/// jumps over it.
pub const GUARD_BYTES: usize = 64 << 10;

/// Room that a nested entry needs to be worth trying, in bytes.
pub const NESTED_ROOM_BYTES: usize = 16 << 10;

/// Room that a nested entry leaves on the host's stack, in bytes; a quarter of stacks that are small.
const HOST_ROOM_BYTES: usize = 256 << 10;

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
pub struct Ready {
    /// The stack's size as it was asked for.
    stack_bytes: usize,
    /// The thread's stack for wasm.
    pub stack: StackBounds,
    /// The kernel's number of the thread.
    pub thread: i32,
}

/// A thread without a stack: no stack has this size.
const NOT_READY: Ready = Ready { stack_bytes: usize::MAX, stack: StackBounds { guard: 0, low: 0, high: 0 }, thread: 0 };

thread_local! {
    static STACK: RefCell<Option<WasmStack>> = const { RefCell::new(None) };
    /// What is known of `STACK`, where a signal handler can read it.
    static READY: Cell<Ready> = const { Cell::new(NOT_READY) };
}

/// Makes sure that this thread is ready to run wasm on a stack of the size asked for. Must not be called while wasm code is suspended on the
/// thread, because a stack of another size is replaced.
#[inline]
pub fn make_ready(stack_bytes: usize) -> io::Result<()> {
    if READY.get().stack_bytes == stack_bytes { Ok(()) } else { replace_stack(stack_bytes) }
}

/// What this thread was made ready with.
#[inline]
pub fn ready() -> Ready {
    READY.get()
}

#[cold]
fn replace_stack(stack_bytes: usize) -> io::Result<()> {
    prepare_thread();
    let stack = WasmStack::new(stack_bytes)?;
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    let ready = Ready { stack_bytes, stack: stack.bounds(), thread };
    let kept = STACK.try_with(|slot| *slot.borrow_mut() = Some(stack));
    kept.map_err(|_| io::Error::other("the thread is ending and has given up its stack for wasm"))?;
    READY.set(ready);
    Ok(())
}

impl Drop for WasmStack {
    fn drop(&mut self) {
        forget();
    }
}

/// Makes the next call of [`make_ready`] provide everything anew: when a thread ends, what it keeps for itself is dropped in some order,
/// and something of that may still want to run wasm.
pub fn forget() {
    READY.set(NOT_READY);
}

/// Whether this thread's own stack has room for another host function. Guests that recurse through the host take from both stacks.
pub fn host_has_room() -> bool {
    thread_local! {
        /// Stack pointers below this are too low; found out once.
        static LOWEST: Cell<Option<usize>> = const { Cell::new(None) };
    }
    let lowest = LOWEST.get().unwrap_or_else(|| {
        let lowest = host_stack().map_or(0, |stack| stack.start + HOST_ROOM_BYTES.min(stack.len() / 4));
        LOWEST.set(Some(lowest));
        lowest
    });
    let here = 0u8;
    &raw const here as usize >= lowest
}

/// The addresses of this thread's own stack, if the system knows them.
fn host_stack() -> Option<Range<usize>> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut bytes) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call if it succeeds, and only then used and destroyed.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let result = libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut bytes);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        (result == 0).then(|| low as usize..low as usize + bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_stack_is_known() {
        let here = 0u8;
        assert!(host_stack().unwrap().contains(&(&raw const here as usize)));
        assert!(host_has_room());
    }

    #[test]
    fn a_thread_reuses_its_stack() {
        std::thread::spawn(|| {
            let stack = |bytes| make_ready(bytes).map(|()| ready().stack).unwrap();
            let first = stack(1 << 20);
            assert_eq!(stack(1 << 20), first);
            assert_eq!(first.usable().len(), 1 << 20);
            assert!(first.guards(first.low - 1) && !first.guards(first.low) && first.contains(first.high));
            assert_eq!(stack(64 << 10).usable().len(), 64 << 10);
        })
        .join()
        .unwrap();
    }
}
