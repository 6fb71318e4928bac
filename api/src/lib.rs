//! The public interface: engines, modules, stores, instances, and what they export.

#![allow(clippy::vec_box, reason = "what compiled code points to must not move")]

pub mod backtrace;
mod collect;
mod describe;
pub mod engine;
pub mod error;
pub mod externs;
mod fuel;
pub mod func;
pub mod instance;
pub mod linker;
pub mod module;
mod shared;
pub mod stack_pointer;
pub mod store;
pub mod summary;
pub mod value;

pub use engine::{Engine, EngineConfig};
pub use error::{Backtrace, Error, Frame, FuelError, HostFailure, Result, Trap};
pub use externs::{Extern, Global, Memory, SharedMemory, Table};
pub use fuel::FUEL_MAX;
pub use func::{Caller, Func, IntoHostFunc, TypedFunc};
pub use instance::Instance;
pub use linker::Linker;
pub use module::{ExportInfo, ImportInfo, Module};
pub use stack_pointer::StackPointer;
pub use store::{AsStore, AsStoreMut, InterruptHandle, Store, StoreMut};
pub use summary::{FunctionSummary, ModuleSummary, Producer, SectionSummary};
pub use value::{ExternRef, HostResult, Val, WasmTy, WasmTyList};
pub use wasmer_vm::limits::{Limit, LimitError, StoreLimits};
