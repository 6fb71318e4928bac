//! A WebAssembly runtime with three swappable compilers and a cache of compiled artifacts.
//!
//! ```
//! use wasmer_runtime::{Linker, Module, Store, StoreLimits};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In the text format; a program would read a `.wasm` file.
//! let wasm = wat::parse_str(
//!     r#"(module
//!         (import "host" "double" (func $double (param i32) (result i32)))
//!         (func (export "run") (param i32) (result i32) (call $double (local.get 0))))"#,
//! )?;
//! let engine = wasmer_runtime::default_engine()?;
//! let module = Module::new(&engine, &wasm)?;
//!
//! let mut linker = Linker::new();
//! linker.func_wrap("host", "double", |value: i32| value * 2)?;
//!
//! let limits = StoreLimits::new().memory_bytes_max(16 << 20);
//! let mut store = Store::with_limits(&engine, (), limits);
//! let instance = linker.instantiate(&mut store, &module)?;
//! let run = instance.typed_func::<i32, i32>(&mut store, "run")?;
//! assert_eq!(run.call(&mut store, 21)?, 42);
//! # Ok(())
//! # }
//! ```
//!
//! An [`Engine`] is a compiler with its settings, a [`Module`] compiled code; both are shared between threads. A [`Store`] owns instances and the
//! data that host functions work on; one thread at a time uses it. A [`Linker`] resolves imports by name. A call fails with [`Error::Trap`] (the
//! guest's fault), [`Error::Exception`] (what it threw) or [`Error::Host`] (what a host function returned), each with a backtrace.
//!
//! # Cargo features
//! `cranelift` (default), `singlepass` and `llvm` build a compiler in; `cache` (default) and `wasi` (default) the store of
//! artifacts and WASI preview 1; `component` the component model, `wasi-p2` WASI 0.2 for components, `wasi-http` a server and a client of HTTP for them.

pub mod artifact;
pub mod backend;
#[cfg(feature = "cache")]
pub mod cached;
pub mod input;
pub mod payoff;
#[cfg(feature = "cache")]
pub mod tiers;
#[cfg(feature = "wast")]
pub mod wast;

// Engines and modules.
pub use backend::{Backend, BackendError, default_engine};
pub use wasmer_api::{
    Engine, EngineConfig, ExportInfo, ImportInfo, Module, STACK_BYTES_DEFAULT, STACK_BYTES_MAX, STACK_BYTES_MIN,
};
pub use wasmer_runtime_core::cpu::{Cpu, CpuFeature, CpuFeatures, UnknownCpu};
pub use wasmer_runtime_core::lazy::Validation;
pub use wasmer_runtime_core::translate::features::FEATURES;
pub use wasmer_runtime_core::translate::module::{WasmFeatures, default_features};
pub use wasmer_vm::profile::Profile;

// Stores, instances and what they export.
pub use wasmer_api::{
    Answer, AsStore, AsStoreMut, AsyncCaller, AsyncResourceLimiter, BoundFunc, CALLS_CAN_WAIT, CallEvent, Caller,
    CodePiece, Extern, FUEL_MAX, Func, Global, Growth, HostResult, Instance, InstancePre, InterruptHandle,
    IntoHostFunc, Limit, Linker, Memory, RawValue, ResourceLimiter, SharedMemory, Store, StoreId, StoreLimits,
    StoreMut, StoreRef, Table, Tag, TypedFunc,
};

// Types and values.
pub use wasmer_api::{AnyRef, ArrayRef, ExnRef, ExternRef, I31, ObjectType, StructRef, Val, WasmTy, WasmTyList};
pub use wasmer_runtime_core::types::{
    ArrayType, CompositeType, ExternType, FieldType, FuncIdx, FuncType, GlobalType, HeapType, Limits, MemoryType,
    RefType, StorageType, StructType, TableType, TypeDef, TypeKind, ValType, Width,
};

// What can go wrong.
pub use wasmer_api::{
    Backtrace, Described, Error, Frame, FuelError, GrowthRefusal, HostFailure, LimitError, LinkError, MalformedError,
    Place, ResourceError, Result, StackPointer, Trap, TypeError, UncaughtException,
};
pub use wasmer_runtime_core::compiler::{CompileError, CompileLimit};
pub use wasmer_runtime_core::image::ImageError;
pub use wasmer_runtime_core::trap::{MemoryFault, TrapCode};

// What is known of a module without compiling it.
pub use wasmer_api::{FunctionSummary, ModuleSummary, Outline, OutlineItem, Producer, SectionSummary};
pub use wasmer_runtime_core::module::ModuleInfo;

// Artifacts, and compilers of your own.
pub use wasmer_runtime_core::SOURCE_DIGEST;
pub use wasmer_runtime_core::compile::{CompileOptions, ImageCompiler, Progress};
pub use wasmer_runtime_core::compiler::{
    Abi, BackendId, Batch, Compiler, IrRequest, IrStage, KeyHasher, Output, Trampoline, Worker,
};
pub use wasmer_runtime_core::image::ImageBytes;
pub use wasmer_vm::image::{Artifact, Bundle, Image};

#[cfg(feature = "cache")]
pub use wasmer_cache as cache;
#[cfg(feature = "component")]
pub use wasmer_component as component;
#[cfg(feature = "wasi")]
pub use wasmer_wasi as wasi;
#[cfg(feature = "wasi-http")]
pub use wasmer_wasi_http as wasi_http;
#[cfg(feature = "wasi-p2")]
pub use wasmer_wasi_p2 as wasi_p2;
