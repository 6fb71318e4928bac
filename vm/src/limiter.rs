//! Limits of the embedder's own: asked when something is made or grows.

use std::fmt;

use wasmer_runtime_core::types::{MemoryIdx, TableIdx};

use crate::limits::{Limit, LimitError};
use crate::module_code::ModuleCode;

/// How large something is and would be: a memory in bytes, a table in elements, instances in their number, which is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Growth {
    /// How large it is; zero for what is being made.
    pub current: u64,
    /// How large it would be.
    pub desired: u64,
    /// How large its type lets it become.
    pub max: Option<u64>,
}

/// Decides what a store's guests and its host may make and let grow. A store has its own limiter, which ends with the store; limiters of several stores can share
/// what they count.
///
/// What is refused is an error for the host, and -1 for a guest's `memory.grow` or `table.grow`. A limiter that panics ends the call, as a host function does.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use wasmer_vm::limiter::{Growth, ResourceLimiter};
///
/// /// So many bytes for the memories of all stores together.
/// struct Share { left: Arc<AtomicU64>, taken: u64 }
///
/// impl ResourceLimiter for Share {
///     fn memory_growing(&mut self, growth: Growth) -> bool {
///         let more = growth.desired - growth.current;
///         let take = |left: u64| left.checked_sub(more);
///         let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
///         self.taken += if taken { more } else { 0 };
///         taken
///     }
///
///     fn memory_growth_failed(&mut self, growth: Growth) {
///         self.taken -= growth.desired - growth.current;
///         self.left.fetch_add(growth.desired - growth.current, Ordering::Relaxed);
///     }
/// }
///
/// impl Drop for Share {
///     fn drop(&mut self) {
///         self.left.fetch_add(self.taken, Ordering::Relaxed);
///     }
/// }
/// ```
pub trait ResourceLimiter: Send {
    /// Whether a memory may be made or grow.
    fn memory_growing(&mut self, growth: Growth) -> bool {
        let _ = growth;
        true
    }

    /// What [`ResourceLimiter::memory_growing`] allowed did not come to be, for another reason.
    fn memory_growth_failed(&mut self, growth: Growth) {
        let _ = growth;
    }

    /// Whether a table may be made or grow.
    fn table_growing(&mut self, growth: Growth) -> bool {
        let _ = growth;
        true
    }

    /// What [`ResourceLimiter::table_growing`] allowed did not come to be, for another reason.
    fn table_growth_failed(&mut self, growth: Growth) {
        let _ = growth;
    }

    /// Whether an instance may be made. Its memories and tables are asked for one by one.
    fn instance_making(&mut self) -> bool {
        true
    }

    /// What [`ResourceLimiter::instance_making`] allowed did not come to be, for another reason.
    fn instance_failed(&mut self) {}
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Request {
    /// An instance.
    Instance,
    /// A memory, or more of one.
    Memory(Growth),
    /// A table, or more of one.
    Table(Growth),
}

impl Request {
    /// A memory, or more of one.
    pub fn memory(current: u64, desired: u64, max: Option<u64>) -> Self {
        Self::Memory(Growth { current, desired, max })
    }

    /// A table, or more of one.
    pub fn table(current: u64, desired: u64, max: Option<u64>) -> Self {
        Self::Table(Growth { current, desired, max })
    }

    /// What an instance of a module makes.
    pub fn of_instance(code: &ModuleCode, imported_memories: usize) -> Vec<Self> {
        let image = &code.image;
        let counts = image.counts();
        let memory = |index| {
            let ty = image.memory_type(MemoryIdx(index));
            let bytes = |pages: u64| pages.saturating_mul(1 << ty.page_size_log2);
            Self::memory(0, bytes(ty.limits.min), ty.limits.max.map(bytes))
        };
        let table = |index| {
            let limits = image.table_type(TableIdx(index)).limits;
            Self::table(0, limits.min, limits.max)
        };
        let memories = (imported_memories as u32..counts.memories).map(memory);
        let tables = (counts.imported_tables..counts.tables).map(table);
        std::iter::once(Self::Instance).chain(memories).chain(tables).collect()
    }

    fn is_allowed(self, limiter: &mut dyn ResourceLimiter) -> bool {
        match self {
            Self::Instance => limiter.instance_making(),
            Self::Memory(growth) => limiter.memory_growing(growth),
            Self::Table(growth) => limiter.table_growing(growth),
        }
    }

    fn undo(self, limiter: &mut dyn ResourceLimiter) {
        match self {
            Self::Instance => limiter.instance_failed(),
            Self::Memory(growth) => limiter.memory_growth_failed(growth),
            Self::Table(growth) => limiter.table_growth_failed(growth),
        }
    }

    fn refused(self) -> LimitError {
        let (what, asked, limit) = match self {
            Self::Instance => (Limit::Instances, 1, 0),
            Self::Memory(growth) => (Limit::MemoryBytes, growth.desired, growth.current),
            Self::Table(growth) => (Limit::TableElements, growth.desired, growth.current),
        };
        LimitError { what, asked, limit, by_limiter: true }
    }
}

/// A store's limiter, if it has one.
#[derive(Default)]
pub struct Asked(Option<Box<dyn ResourceLimiter>>);

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asked").field(&self.0.is_some()).finish()
    }
}

impl Asked {
    /// Asks this one from now on.
    pub fn set(&mut self, limiter: Box<dyn ResourceLimiter>) {
        self.0 = Some(limiter);
    }

    /// Asks for all of this. Undoes what was allowed if not all is.
    pub fn ask(&mut self, requests: &[Request]) -> Result<(), LimitError> {
        let Some(limiter) = &mut self.0 else { return Ok(()) };
        match requests.iter().position(|request| !request.is_allowed(&mut **limiter)) {
            None => Ok(()),
            Some(refused) => {
                requests[..refused].iter().for_each(|request| request.undo(&mut **limiter));
                Err(requests[refused].refused())
            }
        }
    }

    /// Says that nothing of this came to be.
    pub fn undo(&mut self, requests: &[Request]) {
        if let Some(limiter) = &mut self.0 {
            requests.iter().for_each(|request| request.undo(&mut **limiter));
        }
    }

    /// Whether there is somebody to ask.
    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }
}
