//! The virtual machine: memories, tables, stacks, traps, instances.
//!
//! Everything that maps memory lives in [`mmap`] and [`mapping`]; everything that depends on the processor in [`arch`].

pub mod arch;
pub mod backtrace;
pub mod code_registry;
pub mod file_size;
pub mod fuel;
pub mod host;
pub mod instance;
pub mod layout;
pub mod libcalls;
pub mod mapping;
pub mod memory;
pub mod memory_space;
pub mod mmap;
pub mod module_code;
mod pagemap;
pub mod pool;
pub mod signals;
pub mod stack;
pub mod store;
pub mod table;
pub mod types_registry;
pub mod vmcontext;
pub mod wait;

pub use store::{Failure, InterruptHandle, StoreVm, Unwind, VmLimits};
