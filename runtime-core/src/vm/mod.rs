//! The virtual machine: memories, tables, stacks, traps, instances.
//!
//! Everything that maps memory lives in `mmap` and `mapping`; everything that depends on the processor in `arch`. Only the layout that
//! compilers have to know is public: the rest trusts its callers.

#![allow(unreachable_pub, reason = "what is public in here is so for this crate alone")]

pub(crate) mod arch;
pub(crate) mod backtrace;
pub(crate) mod budget;
pub(crate) mod code_registry;
pub mod file_size;
pub mod fuel;
pub(crate) mod host;
pub(crate) mod instance;
pub mod layout;
pub(crate) mod libcalls;
pub(crate) mod mapping;
pub(crate) mod memory;
pub(crate) mod memory_space;
pub(crate) mod mmap;
pub(crate) mod module_code;
pub(crate) mod pagemap;
pub(crate) mod pool;
pub(crate) mod signals;
pub(crate) mod stack;
pub(crate) mod store;
pub(crate) mod table;
pub(crate) mod types_registry;
pub mod vmcontext;
pub(crate) mod wait;

pub(crate) use store::{Failure, InterruptHandle, StoreVm, Unwind};
