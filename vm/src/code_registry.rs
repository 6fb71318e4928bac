//! Which module a program counter belongs to.
//!
//! The signal handler looks programs counters up too. It does so only for a thread that was interrupted on a wasm stack;
//! such a thread runs compiled code or a stub, never the code below, so it cannot wait for a lock that it holds itself.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use wasmer_runtime_core::trap::TrapCode;

use crate::image::Image;
use crate::memory_space;

struct Entry {
    start: usize,
    image: Arc<Image>,
}

/// Entries by the last address of their code.
static REGISTRY: RwLock<BTreeMap<usize, Entry>> = RwLock::new(BTreeMap::new());

/// The lock, for the thread that forks.
pub(crate) fn lock() -> Box<dyn std::any::Any> {
    Box::new(REGISTRY.write().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps a range of code registered.
pub struct Registration {
    last: Option<usize>,
}

impl Registration {
    /// Registers code at these addresses. Empty code is never looked up.
    pub fn new(range: Range<usize>, image: Arc<Image>) -> Self {
        if range.is_empty() {
            return Self { last: None };
        }
        let last = range.end - 1;
        let entry = Entry { start: range.start, image };
        REGISTRY.write().unwrap_or_else(PoisonError::into_inner).insert(last, entry);
        Self { last: Some(last) }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(last) = self.last {
            let entry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner).remove(&last);
            // Dropped without the lock.
            drop(entry);
        }
    }
}

fn find<R>(pc: usize, then: impl FnOnce(&Entry, u32) -> R) -> Option<R> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    let (_, entry) = registry.range(pc..).next()?;
    let offset = pc.checked_sub(entry.start)?;
    Some(then(entry, offset as u32))
}

/// The code that an address belongs to, and the offset in it.
pub fn lookup(pc: usize) -> Option<(Arc<Image>, u32)> {
    find(pc, |entry, offset| (Arc::clone(&entry.image), offset))
}

/// Why the instruction at an address of compiled code traps; for the signal handler. `address` is where it accessed memory, if that is what
/// failed.
pub(crate) fn trap_at(pc: usize, address: Option<usize>) -> Option<TrapCode> {
    find(pc, |entry, offset| {
        // Any other fault that the table does not know is no trap but a mistake in the code, and must not look like one.
        let untabled = || entry.image.untabled_fault().filter(|_| address.is_some_and(memory_space::contains));
        let damaged = || Some(TrapCode::DamagedArtifact).filter(|_| entry.image.are_traps_damaged());
        entry.image.trap_at(offset).or_else(untabled).or_else(damaged)
    })?
}

/// What is known of a call of compiled code that throws.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Call {
    /// Where it goes on, if in the function that makes it.
    pub(crate) handler: Option<Handler>,
    /// The registers that the function saves, see [`SavedRegisters`](wasmer_runtime_core::compiler::SavedRegisters).
    pub(crate) saved_registers: u8,
}

/// As [`wasmer_runtime_core::compiler::Handler`], in addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handler {
    pub(crate) landing: usize,
    pub(crate) frame_bytes: usize,
}

/// The call that returns to an address.
pub(crate) fn call_at(return_address: usize) -> Call {
    // The next function may begin at the return address of a call that never returns.
    let call = find(return_address.wrapping_sub(1), |entry, offset| {
        let handler = entry.image.handler_at(offset + 1).map(|handler| Handler {
            landing: entry.start + handler.landing as usize,
            frame_bytes: handler.frame_bytes as usize,
        });
        Call { handler, saved_registers: entry.image.saved_registers_at(offset) }
    });
    call.unwrap_or_default()
}

/// Whether an address is compiled code; for the signal handler.
pub(crate) fn is_code(pc: usize) -> bool {
    find(pc, |_, _| ()).is_some()
}
