//! What a store's guests may use, in one table: settings, names and messages derive from it.

use std::fmt;

use wasmer_runtime_core::types::MemoryType;

/// Elements that tables may have by default: 800 MB on the host.
const TABLE_ELEMENTS_DEFAULT: u64 = 100_000_000;
/// Bytes of the heap of garbage collection by default. Its addresses have room for 2.7 GiB.
const GC_HEAP_BYTES_DEFAULT: u64 = 1 << 30;
/// Memories, tables, instances or functions of a store by default. A process has address space for some 30,000 memories.
const COUNT_DEFAULT: u64 = 10_000;

macro_rules! limits {
    ($($(#[$doc:meta])* $what:ident $setting:ident = $default:expr, $unit:literal;)*) => {
        /// Limits of a store: of one memory or table, and of everything in the store together. `u64::MAX` is no limit.
        ///
        /// A store owns what its instances and its host make until it is dropped: nothing that counts here is given back before.
        ///
        /// The defaults are more than programs need, and what the host can bear; linear memory, of which pages that are not used
        /// cost nothing, has no limit by default.
        /// ```
        /// use wasmer_vm::limits::StoreLimits;
        /// let limits = StoreLimits::new().memory_bytes_max(16 << 20).total_bytes_max(64 << 20);
        /// assert_eq!(limits.memory_bytes_max, 16 << 20);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct StoreLimits {
            $($(#[$doc])* pub $setting: u64,)*
        }

        impl StoreLimits {
            /// The defaults.
            pub const fn new() -> Self {
                Self { $($setting: $default,)* }
            }

            $($(#[$doc])*
            #[must_use]
            pub const fn $setting(mut self, max: u64) -> Self {
                self.$setting = max;
                self
            })*

            /// A limit.
            pub const fn get(&self, what: Limit) -> u64 {
                match what { $(Limit::$what => self.$setting,)* }
            }
        }

        /// One of the [`StoreLimits`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Limit {
            $($(#[$doc])* $what,)*
        }

        impl Limit {
            /// The name of the setting in [`StoreLimits`].
            pub const fn setting(self) -> &'static str {
                match self { $(Self::$what => stringify!($setting),)* }
            }

            /// What is counted.
            const fn unit(self) -> &'static str {
                match self { $(Self::$what => $unit,)* }
            }
        }
    };
}

limits! {
    /// Size in bytes that one memory may not grow beyond.
    MemoryBytes memory_bytes_max = u64::MAX, "bytes in one memory";
    /// Length in elements that one table may not grow beyond.
    TableElements table_elements_max = TABLE_ELEMENTS_DEFAULT, "elements in one table";
    /// Size in bytes of all memories together.
    TotalMemoryBytes total_memory_bytes_max = u64::MAX, "bytes in all memories";
    /// Length in elements of all tables together.
    TotalTableElements total_table_elements_max = TABLE_ELEMENTS_DEFAULT, "elements in all tables";
    /// Size in bytes of the heap of garbage collection, in which a collection makes room before it counts as too much.
    GcHeapBytes gc_heap_bytes_max = GC_HEAP_BYTES_DEFAULT, "bytes in the heap of garbage collection";
    /// Bytes of the host's memory: all memories, 8 bytes for each element of a table, the heap of garbage collection, and what the host keeps for each
    /// instance, memory, table, global and function.
    TotalBytes total_bytes_max = u64::MAX, "bytes of the host";
    /// Number of memories, without those that other stores made.
    Memories memories_max = COUNT_DEFAULT, "memories";
    /// Number of tables.
    Tables tables_max = COUNT_DEFAULT, "tables";
    /// Number of instances. They live as long as the store, also those whose start function failed.
    Instances instances_max = COUNT_DEFAULT, "instances";
    /// Number of functions that the host makes in the store, without those that a linker makes for instances.
    HostFuncs host_funcs_max = COUNT_DEFAULT, "functions of the host";
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self::new()
    }
}

impl StoreLimits {
    /// An error if there would be more than a limit allows.
    pub fn check(&self, what: Limit, asked: u64) -> Result<(), LimitError> {
        let limit = self.get(what);
        if asked <= limit {
            Ok(())
        } else {
            Err(LimitError { what, asked, limit, by_limiter: false, is_unasked: false })
        }
    }

    /// The initial size of a memory in bytes, if one memory may have it.
    pub fn memory_bytes(&self, ty: &MemoryType) -> Result<u64, LimitError> {
        let bytes = ty.limits.min.saturating_mul(1 << ty.page_size_log2);
        self.check(Limit::MemoryBytes, bytes).map(|()| bytes)
    }
}

/// That a store's limit forbids something.
///
/// ```
/// use wasmer_vm::limits::{Limit, StoreLimits};
///
/// let error = StoreLimits::new().tables_max(2).check(Limit::Tables, 3).unwrap_err();
/// assert_eq!((error.what, error.asked, error.limit), (Limit::Tables, 3, 2));
/// assert_eq!(error.to_string(), "3 tables are beyond the limit of 2 (`tables_max`)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitError {
    /// Which limit.
    pub what: Limit,
    /// How many or how much there would be with what was asked for, in the limit's unit; `u64::MAX` stands for more than that, too.
    pub asked: u64,
    /// How many or how much there may be; of what a limiter refuses, how much there is.
    pub limit: u64,
    /// Whether it was not the limit that forbids it, but the store's [`ResourceLimiter`](crate::limiter::ResourceLimiter).
    pub by_limiter: bool,
    /// Whether that could not even be asked, because it takes time to decide ([`AsyncResourceLimiter`](crate::limiter::AsyncResourceLimiter)) and this call cannot wait.
    pub is_unasked: bool,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, asked, limit, by_limiter, is_unasked } = self;
        if *is_unasked {
            return write!(
                f,
                "{asked} {}: the store's limiter takes time to decide, and this call cannot wait for it\n\
                 hint: use `call_async`, `instantiate_async`, and `new_async` and `grow_async` of memories and tables; between a call and what grows \
                 there may be no host function that is no future",
                what.unit()
            );
        }
        if *by_limiter {
            return write!(f, "{asked} {} are refused by the store's limiter", what.unit());
        }
        write!(f, "{asked} {} are beyond the limit of {limit} (`{}`)", what.unit(), what.setting())
    }
}

impl std::error::Error for LimitError {}
