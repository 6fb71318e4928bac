//! What a store has used of its limits. Each store pays for what it causes, also when a shared memory grows that another one made.

use wasmer_runtime_core::layout::VMOffsets;
use wasmer_runtime_core::types::{MemoryIdx, TableIdx};
use wasmer_runtime_core::vmcontext::VMFuncRef;

use crate::exceptions::Tag;
use crate::foreign::Foreign;
use crate::host::VMHostContext;
use crate::instance::Instance;
use crate::limiter::StoreLimiter;
use crate::limits::{Limit, LimitError, StoreLimits};
use crate::memory::Memory;
use crate::module_code::ModuleCode;
use crate::table::Table;

/// Amounts that limits are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of linear memories.
    pub memory_bytes: u64,
    /// Elements of tables.
    pub table_elements: u64,
    /// Bytes of the heap of garbage collection.
    pub gc_heap_bytes: u64,
    /// Bytes of the host's records.
    pub record_bytes: u64,
    /// Number of memories.
    pub memories: u64,
    /// Number of tables.
    pub tables: u64,
    /// Number of instances.
    pub instances: u64,
    /// Number of functions that the host made.
    pub host_funcs: u64,
}

/// Size of a table's element on the host, in bytes.
const ELEMENT_BYTES: u64 = size_of::<u64>() as u64;

impl Usage {
    /// What an instance of a module takes of its store's budget.
    pub fn of_instance(code: &ModuleCode, imported_memories: usize, limits: &StoreLimits) -> Result<Self, LimitError> {
        let image = &code.image;
        let counts = image.counts();
        let imported_memories = imported_memories as u32;
        let (memories, tables) = (counts.memories - imported_memories, counts.tables - counts.imported_tables);
        let records = size_of::<Instance>()
            + VMOffsets::new(counts).size() as usize
            + image.escaping_len() * size_of::<VMFuncRef>()
            + counts.imported_functions as usize * (size_of::<Foreign>() + size_of::<VMHostContext>())
            + counts.tags as usize * size_of::<Tag>()
            + memories as usize * size_of::<Memory>()
            + tables as usize * size_of::<Table>()
            + image.elements_len()
            + image.made_elements_len() * size_of::<u64>()
            + image.data_len();
        let mut usage = Self {
            record_bytes: records as u64,
            memories: memories.into(),
            tables: tables.into(),
            instances: 1,
            ..Self::default()
        };
        for index in imported_memories..counts.memories {
            let ty = image.memory_type(MemoryIdx(index));
            usage.memory_bytes = usage.memory_bytes.saturating_add(limits.memory_bytes(&ty)?);
        }
        for index in counts.imported_tables..counts.tables {
            let elements = image.table_type(TableIdx(index)).limits.min;
            limits.check(Limit::TableElements, elements)?;
            usage.table_elements = usage.table_elements.saturating_add(elements);
        }
        Ok(usage)
    }

    /// Both. More than fits counts as the most that does, which no limit but none allows.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.combine(other, u64::saturating_add)
    }

    fn combine(self, other: Self, op: fn(u64, u64) -> u64) -> Self {
        Self {
            memory_bytes: op(self.memory_bytes, other.memory_bytes),
            table_elements: op(self.table_elements, other.table_elements),
            gc_heap_bytes: op(self.gc_heap_bytes, other.gc_heap_bytes),
            record_bytes: op(self.record_bytes, other.record_bytes),
            memories: op(self.memories, other.memories),
            tables: op(self.tables, other.tables),
            instances: op(self.instances, other.instances),
            host_funcs: op(self.host_funcs, other.host_funcs),
        }
    }

    fn bytes(&self) -> u64 {
        let elements = self.table_elements.saturating_mul(ELEMENT_BYTES);
        [elements, self.gc_heap_bytes, self.record_bytes].into_iter().fold(self.memory_bytes, u64::saturating_add)
    }

    fn get(&self, what: Limit) -> Option<u64> {
        Some(match what {
            Limit::TotalMemoryBytes => self.memory_bytes,
            Limit::TotalTableElements => self.table_elements,
            Limit::GcHeapBytes => self.gc_heap_bytes,
            Limit::TotalBytes => self.bytes(),
            Limit::Memories => self.memories,
            Limit::Tables => self.tables,
            Limit::Instances => self.instances,
            Limit::HostFuncs => self.host_funcs,
            Limit::MemoryBytes | Limit::TableElements => return None,
        })
    }
}

/// What is checked when something is taken: counts first, so that a message names the plainest reason.
const TOTALS: [Limit; 8] = [
    Limit::Instances,
    Limit::HostFuncs,
    Limit::Memories,
    Limit::Tables,
    Limit::TotalMemoryBytes,
    Limit::TotalTableElements,
    Limit::GcHeapBytes,
    Limit::TotalBytes,
];

/// A store's limits and what was used of them.
#[derive(Debug)]
pub struct Budget {
    limits: StoreLimits,
    used: Usage,
    /// The embedder's limiter, asked besides.
    pub limiter: StoreLimiter,
}

impl Budget {
    /// Nothing is used yet.
    pub fn new(limits: StoreLimits) -> Self {
        Self { limits, used: Usage::default(), limiter: StoreLimiter::default() }
    }

    /// The limits.
    pub fn limits(&self) -> &StoreLimits {
        &self.limits
    }

    /// Takes everything of this, or nothing.
    pub fn take(&mut self, more: Usage) -> Result<(), LimitError> {
        let used = self.used.plus(more);
        for what in TOTALS {
            // What is not asked for is within its limit already.
            if more.get(what).is_some_and(|asked| asked > 0) {
                self.limits.check(what, used.get(what).unwrap_or(0))?;
            }
        }
        self.used = used;
        Ok(())
    }

    /// Gives back what was taken for something that could not be made.
    pub fn give_back(&mut self, less: Usage) {
        self.used = self.used.combine(less, u64::saturating_sub);
    }
}

/// Why a memory or table does not grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// By a limit of the store.
    Limit(LimitError),
    /// By its type.
    Type,
    /// The host has no room.
    Host,
    /// The guest was interrupted meanwhile.
    Interrupted,
}

impl From<LimitError> for Refused {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_taken_together_or_not_at_all() {
        let mut budget = Budget::new(StoreLimits::new().total_bytes_max(100).tables_max(2));
        budget.take(Usage { memory_bytes: 50, ..Usage::default() }).unwrap();
        let table = Usage { table_elements: 5, tables: 1, ..Usage::default() };
        budget.take(table).unwrap();
        let error = budget.take(table).unwrap_err();
        assert_eq!((error.what, error.asked, error.limit), (Limit::TotalBytes, 130, 100));
        budget.give_back(Usage { memory_bytes: 40, ..Usage::default() });
        budget.take(table).unwrap();
        let error = budget.take(table).unwrap_err();
        assert_eq!((error.what, error.asked, error.limit), (Limit::Tables, 3, 2));
        assert_eq!(error.to_string(), "3 tables are beyond the limit of 2 (`tables_max`)");
    }

    #[test]
    fn what_is_too_much_to_count_is_refused() {
        let mut budget = Budget::new(StoreLimits::new().total_bytes_max(u64::MAX - 1));
        let half = Usage { table_elements: u64::MAX / 16, ..Usage::default() };
        let error = Budget::new(StoreLimits::new().total_table_elements_max(u64::MAX).total_bytes_max(1 << 50))
            .take(half)
            .unwrap_err();
        assert_eq!(error.what, Limit::TotalBytes);
        let memory = Usage { memory_bytes: u64::MAX / 2 + 1, ..Usage::default() };
        budget.take(memory).unwrap();
        assert_eq!(budget.take(memory).unwrap_err().asked, u64::MAX);
    }
}
