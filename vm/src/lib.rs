//! The virtual machine: maps artifact images, and runs what they hold: memories, tables, stacks, traps, instances.
//!
//! Everything that depends on the operating system lives in `sys`, everything that depends on the processor in `arch`.
//!
//! This crate serves `wasmer-api` and trusts it: stores, instances and references that are passed together belong together, and live as
//! long as they must. Programs that embed the runtime use `wasmer-runtime`, whose safe functions nobody can misuse.

#![allow(clippy::vec_box, reason = "what compiled code points to must not move")]

pub mod activation;
pub mod arch;
pub mod backtrace;
pub mod budget;
pub mod code_registry;
pub mod collection;
pub mod exceptions;
mod foreign;
pub mod fork;
pub mod fuel;
mod func_refs;
pub mod growing;
pub mod heap;
mod here;
pub mod host;
pub mod host_refs;
pub mod host_stack;
pub mod image;
pub mod instance;
pub mod lazy;
pub mod libcalls;
pub mod limiter;
pub mod limits;
mod mapping;
pub mod memory;
mod memory_space;
pub mod module_code;
pub mod objects;
pub mod park;
pub mod pieces;
pub mod places;
pub mod pool;
pub mod profile;
pub mod references;
pub mod slices;
mod stack;
mod stack_pool;
pub mod store;
mod sys;
pub mod table;
pub mod tier;
pub mod types_registry;
mod wait;

#[cfg(test)]
mod doc_tests;

pub use activation::Place;
pub use park::Parked;
pub use store::{Failure, InterruptHandle, StoreVm, Unwind};
