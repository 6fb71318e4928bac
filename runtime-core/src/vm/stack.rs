//! Wasm stacks: mapped once per thread, reused from call to call, with a guard region below.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;

use crate::vm::mmap::{Reservation, round_up};

/// Bytes below a stack that are never accessible. Compiled frames that are larger than a page touch each of their pages, so that none
/// jumps over it.
pub const GUARD_BYTES: usize = 64 << 10;

/// Room that a nested entry needs to be worth trying, in bytes.
pub const NESTED_ROOM_BYTES: usize = 16 << 10;

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

thread_local! {
    static STACK: RefCell<Option<(usize, WasmStack)>> = const { RefCell::new(None) };
    /// The bounds of `STACK` and the size asked for, where they can be read without a borrow.
    static BOUNDS: Cell<(usize, StackBounds)> = const { Cell::new((0, StackBounds { guard: 0, low: 0, high: 0 })) };
}

/// This thread's stack, of the size asked for. Must not be called while wasm code is suspended on the thread, because a
/// stack of another size is replaced.
pub fn thread_stack(bytes: usize) -> io::Result<StackBounds> {
    let (known, bounds) = BOUNDS.get();
    if known == bytes && bytes != 0 {
        return Ok(bounds);
    }
    let stack = WasmStack::new(bytes)?;
    let bounds = stack.bounds();
    STACK.with_borrow_mut(|slot| *slot = Some((bytes, stack)));
    BOUNDS.set((bytes, bounds));
    Ok(bounds)
}
