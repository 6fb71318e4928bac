//! A WebAssembly runtime with three swappable compilers and a cache of compiled artifacts.
//!
//! ```no_run
//! use wasmer_runtime::{Engine, Linker, Module, Store};
//!
//! # fn main() -> wasmer_runtime::Result<()> {
//! let engine = wasmer_runtime::default_engine()?;
//! let module = Module::new(&engine, &std::fs::read("plugin.wasm").expect("the plugin is there"))?;
//! let mut linker = Linker::new();
//! linker.func_wrap("host", "double", |value: i32| value * 2)?;
//! let mut store = Store::new(&engine, ());
//! let instance = linker.instantiate(&mut store, &module)?;
//! let run = instance.typed_func::<i32, i32>(&mut store, "run")?;
//! assert_eq!(run.call(&mut store, 21)?, 42);
//! # Ok(())
//! # }
//! ```
//!
//! # Cargo features
//! `cranelift` (default), `singlepass` and `llvm` build a compiler in; `cache` (default) and `wasi` (default) the store of
//! artifacts and WASI preview 1.

pub mod backend;
#[cfg(feature = "cache")]
pub mod cached;
#[cfg(feature = "wast")]
pub mod wast;

pub use backend::{Backend, BackendError, default_engine};
pub use wasmer_runtime_core::api::*;
pub use wasmer_runtime_core::compile::{CompileOptions, ImageCompiler, Progress};
pub use wasmer_runtime_core::compiler::{
    BackendId, Batch, CompileError, Compiler, IrRequest, IrStage, KeyHasher, Output, Trampoline, Worker,
};
pub use wasmer_runtime_core::image::ImageBytes;
pub use wasmer_runtime_core::image::{Image, ImageError};
pub use wasmer_runtime_core::module::ModuleInfo;
pub use wasmer_runtime_core::profile::Profile;
pub use wasmer_runtime_core::translate::module::WasmFeatures;
pub use wasmer_runtime_core::translate::module::default_features;
pub use wasmer_runtime_core::trap::TrapCode;
pub use wasmer_runtime_core::types::{
    ExternType, FuncIdx, FuncType, GlobalType, HeapType, Limits, MemoryType, RefType, TableType, ValType, Width,
};

#[cfg(feature = "cache")]
pub use wasmer_cache as cache;
#[cfg(feature = "wasi")]
pub use wasmer_wasi as wasi;
