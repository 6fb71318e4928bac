//! What a store's instances may use.

/// Limits of a store. The defaults allow what the implementation can.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Size in bytes that one memory may not grow beyond.
    pub memory_bytes_max: u64,
    /// Length in elements that one table may not grow beyond.
    pub table_elements_max: u64,
    /// Number of instances.
    pub instances_max: usize,
}

/// Elements of a table that are allowed by default.
pub const TABLE_ELEMENTS_DEFAULT: u64 = 10_000_000;

impl StoreLimits {
    pub(crate) fn to_vm(self) -> crate::vm::VmLimits {
        crate::vm::VmLimits { memory_bytes_max: self.memory_bytes_max, table_elements_max: self.table_elements_max }
    }
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { memory_bytes_max: u64::MAX, table_elements_max: TABLE_ELEMENTS_DEFAULT, instances_max: 1_000_000 }
    }
}
