//! The public interface: engines, modules, stores, instances, and what they export.

#![allow(clippy::vec_box, reason = "what compiled code points to must not move")]

mod access;
mod async_call;
mod async_func;
mod async_limits;
mod backtrace;
mod bound_func;
mod checked;
mod code;
mod collect;
mod core_dump;
mod describe;
mod engine;
mod error;
mod exception;
mod externs;
mod fuel;
mod func;
mod host_record;
mod instance;
mod linker;
mod module;
mod object;
mod object_type;
mod observe;
mod outline;
mod report;
mod shared;
mod stack_pointer;
mod store;
mod summary;
mod value;

pub use async_call::CALLS_CAN_WAIT;
pub use async_func::AsyncCaller;
pub use bound_func::BoundFunc;
pub use code::CodePiece;
pub use describe::Described;
pub use engine::{Engine, EngineConfig, STACK_BYTES_DEFAULT, STACK_BYTES_MAX, STACK_BYTES_MIN};
pub use error::{
    Backtrace, Error, Frame, FuelError, GrowthRefusal, HostFailure, LinkError, MalformedError, Place, ResourceError,
    Result, Trap, TypeError,
};
pub use exception::{ExnRef, Tag, UncaughtException};
pub use externs::{Extern, Global, Memory, MemoryPlace, SharedMemory, Table};
pub use fuel::FUEL_MAX;
pub use func::{Caller, Func, IntoHostFunc, TypedFunc};
pub use instance::Instance;
pub use linker::{InstancePre, Linker};
pub use module::{ExportInfo, ImportInfo, Module};
pub use object::{AnyRef, ArrayRef, I31, StructRef};
pub use object_type::ObjectType;
pub use observe::CallEvent;
pub use outline::{Outline, OutlineItem};
pub use stack_pointer::StackPointer;
pub use store::{AsStore, AsStoreMut, InterruptHandle, Store, StoreId, StoreMut, StoreRef};
pub use summary::{FunctionSummary, ModuleSummary, Producer, SectionSummary};
pub use value::{ExternRef, HostResult, Val, WasmTy, WasmTyList};
pub use wasmer_runtime_core::vmcontext::RawValue;
pub use wasmer_vm::limiter::{Answer, AsyncResourceLimiter, Growth, ResourceLimiter};
pub use wasmer_vm::limits::{Limit, LimitError, StoreLimits};
