//! Limits of the embedder's own: asked when something is made or grows.

use std::fmt;
use std::future::{Future, ready};

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

/// What an [`AsyncResourceLimiter`] answers, once it knows.
pub type Answer<'a> = Box<dyn Future<Output = bool> + Send + 'a>;

/// A [`ResourceLimiter`] that takes time to decide: it may wait for another service, or until somebody else gives something back. A guest whose memory or table is to grow is
/// parked meanwhile, so only calls that can wait reach it; others end with an error. What comes before the future has answered holds the thread, as everywhere.
///
/// ```
/// use std::sync::Arc;
/// use wasmer_vm::limiter::{Answer, AsyncResourceLimiter, Growth};
///
/// # struct Quota;
/// # impl Quota { async fn take(&self, bytes: u64) -> bool { bytes < 1 << 20 } fn give_back(&self, _: u64) {} }
/// /// What another service allows.
/// struct Tenant(Arc<Quota>);
///
/// impl AsyncResourceLimiter for Tenant {
///     fn memory_growing(&mut self, growth: Growth) -> Answer<'_> {
///         Box::new(async move { self.0.take(growth.desired - growth.current).await })
///     }
///
///     fn memory_growth_failed(&mut self, growth: Growth) {
///         self.0.give_back(growth.desired - growth.current);
///     }
/// }
/// ```
pub trait AsyncResourceLimiter: Send {
    /// Whether a memory may be made or grow.
    fn memory_growing(&mut self, growth: Growth) -> Answer<'_> {
        let _ = growth;
        Box::new(ready(true))
    }

    /// What [`AsyncResourceLimiter::memory_growing`] allowed did not come to be: for another reason, or because nobody waits for it any more.
    fn memory_growth_failed(&mut self, growth: Growth) {
        let _ = growth;
    }

    /// Whether a table may be made or grow.
    fn table_growing(&mut self, growth: Growth) -> Answer<'_> {
        let _ = growth;
        Box::new(ready(true))
    }

    /// What [`AsyncResourceLimiter::table_growing`] allowed did not come to be, as for memories.
    fn table_growth_failed(&mut self, growth: Growth) {
        let _ = growth;
    }

    /// Whether an instance may be made. Its memories and tables are asked for one by one.
    fn instance_making(&mut self) -> Answer<'_> {
        Box::new(ready(true))
    }

    /// What [`AsyncResourceLimiter::instance_making`] allowed did not come to be, as for memories.
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

    fn asked_of(self, limiter: &mut dyn AsyncResourceLimiter) -> Answer<'_> {
        match self {
            Self::Instance => limiter.instance_making(),
            Self::Memory(growth) => limiter.memory_growing(growth),
            Self::Table(growth) => limiter.table_growing(growth),
        }
    }

    fn undo(self, limiter: &mut Limiter) {
        match (self, limiter) {
            (_, Limiter::None) => {}
            (Self::Instance, Limiter::Sync(limiter)) => limiter.instance_failed(),
            (Self::Instance, Limiter::Async(limiter)) => limiter.instance_failed(),
            (Self::Memory(growth), Limiter::Sync(limiter)) => limiter.memory_growth_failed(growth),
            (Self::Memory(growth), Limiter::Async(limiter)) => limiter.memory_growth_failed(growth),
            (Self::Table(growth), Limiter::Sync(limiter)) => limiter.table_growth_failed(growth),
            (Self::Table(growth), Limiter::Async(limiter)) => limiter.table_growth_failed(growth),
        }
    }

    fn refused(self, is_unasked: bool) -> LimitError {
        let (what, asked, limit) = match self {
            Self::Instance => (Limit::Instances, 1, 0),
            Self::Memory(growth) => (Limit::MemoryBytes, growth.desired, growth.current),
            Self::Table(growth) => (Limit::TableElements, growth.desired, growth.current),
        };
        LimitError { what, asked, limit, by_limiter: true, is_unasked }
    }
}

#[derive(Default)]
enum Limiter {
    #[default]
    None,
    Sync(Box<dyn ResourceLimiter>),
    Async(Box<dyn AsyncResourceLimiter>),
}

/// A store's limiter, if it has one.
#[derive(Default)]
pub struct StoreLimiter {
    limiter: Limiter,
    /// Whether what is asked next was allowed before, by one that takes time to decide.
    is_allowed: bool,
}

impl fmt::Debug for StoreLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreLimiter").field(&self.is_set()).finish()
    }
}

impl StoreLimiter {
    /// Asks this one from now on.
    pub fn set(&mut self, limiter: Box<dyn ResourceLimiter>) {
        self.limiter = Limiter::Sync(limiter);
    }

    /// Asks this one from now on.
    pub fn set_async(&mut self, limiter: Box<dyn AsyncResourceLimiter>) {
        self.limiter = Limiter::Async(limiter);
    }

    /// Asks for all of this. Undoes what was allowed if not all is. One that takes time to decide has to have decided before.
    pub fn ask(&mut self, requests: &[Request]) -> Result<(), LimitError> {
        let limiter = match &mut self.limiter {
            Limiter::None => return Ok(()),
            Limiter::Async(_) if std::mem::take(&mut self.is_allowed) => return Ok(()),
            Limiter::Async(_) => return requests.first().map_or(Ok(()), |request| Err(request.refused(true))),
            Limiter::Sync(limiter) => limiter,
        };
        match requests.iter().position(|request| !request.is_allowed(&mut **limiter)) {
            None => Ok(()),
            Some(refused) => {
                self.undo(&requests[..refused]);
                Err(requests[refused].refused(false))
            }
        }
    }

    /// Has one that takes time decide about all of this, so that it may be asked for next. What was allowed is undone if not all is, or if nobody waits for it.
    pub async fn decide(&mut self, requests: &[Request]) -> Result<(), LimitError> {
        self.is_allowed = false;
        let mut deciding = Deciding { limiter: &mut self.limiter, requests, allowed: 0 };
        for request in requests {
            let Limiter::Async(limiter) = &mut *deciding.limiter else { return Ok(()) };
            if !Box::into_pin(request.asked_of(&mut **limiter)).await {
                return Err(request.refused(false));
            }
            deciding.allowed += 1;
        }
        deciding.allowed = 0;
        self.is_allowed = true;
        Ok(())
    }

    /// Undoes what was decided if it was not asked for after all.
    pub fn forget(&mut self, requests: &[Request]) {
        if std::mem::take(&mut self.is_allowed) {
            self.undo(requests);
        }
    }

    /// Says that nothing of this came to be.
    pub fn undo(&mut self, requests: &[Request]) {
        requests.iter().for_each(|request| request.undo(&mut self.limiter));
    }

    /// Whether there is somebody to ask.
    pub fn is_set(&self) -> bool {
        !matches!(self.limiter, Limiter::None)
    }

    /// Whether there is somebody who takes time to decide.
    pub fn takes_time(&self) -> bool {
        matches!(self.limiter, Limiter::Async(_))
    }
}

/// What was allowed so far, which does not come to be if this is dropped.
struct Deciding<'a> {
    limiter: &'a mut Limiter,
    requests: &'a [Request],
    allowed: usize,
}

impl Drop for Deciding<'_> {
    fn drop(&mut self) {
        self.requests[..self.allowed].iter().for_each(|request| request.undo(self.limiter));
    }
}
