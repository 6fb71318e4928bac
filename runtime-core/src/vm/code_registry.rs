//! Which module a program counter belongs to.
//!
//! The signal handler looks programs counters up too. It does so only for a thread that was interrupted on a wasm stack;
//! such a thread runs compiled code or a stub, never the code below, so it cannot wait for a lock that it holds itself.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use crate::trap::TrapCode;
use crate::types::FuncIdx;

/// What traps and backtraces need to know of a module's code. Offsets are from the start of its code.
pub trait CodeInfo: Send + Sync {
    /// Why the instruction at this offset traps, if it can. Called by the signal handler: must not allocate or lock.
    fn trap_at(&self, offset: u32) -> Option<TrapCode>;
    /// The function at this offset, and its name.
    fn function_at(&self, offset: u32) -> Option<(FuncIdx, Option<String>)>;
    /// The offset in the module's bytes of the operator at this offset.
    fn wasm_offset_at(&self, offset: u32) -> Option<u32>;
    /// The module's name.
    fn module_name(&self) -> Option<String>;
}

struct Entry {
    start: usize,
    info: Arc<dyn CodeInfo>,
}

/// Entries by the last address of their code.
static REGISTRY: RwLock<BTreeMap<usize, Entry>> = RwLock::new(BTreeMap::new());

/// Keeps a range of code registered.
pub struct Registration {
    last: Option<usize>,
}

impl Registration {
    /// Registers code at these addresses. Empty code is never looked up.
    pub fn new(range: Range<usize>, info: Arc<dyn CodeInfo>) -> Self {
        if range.is_empty() {
            return Self { last: None };
        }
        let last = range.end - 1;
        let entry = Entry { start: range.start, info };
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
pub fn lookup(pc: usize) -> Option<(Arc<dyn CodeInfo>, u32)> {
    find(pc, |entry, offset| (Arc::clone(&entry.info), offset))
}

/// Whether an address is compiled code; if so, why the instruction there traps. For the signal handler.
pub(crate) fn trap_at(pc: usize) -> Option<Option<TrapCode>> {
    find(pc, |entry, offset| entry.info.trap_at(offset))
}
