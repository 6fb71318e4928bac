//! The compile worker: LLVM lives in a process of its own, `wasmer-llvm`, which compiles one module and ends.
//!
//! So the command is free of LLVM, and a crash or runaway of LLVM is an error message, not the end of the command.
//! [`protocol`] is what both sides say, [`process`] the command's side; the worker's is `src/bin/wasmer-llvm.rs`.

pub(crate) mod limits;
pub(crate) mod process;
pub mod protocol;

use std::env;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use wasmer_runtime::{Backend, BackendError, Cpu, EngineConfig};

use process::WorkerProcess;

/// Names another worker than the one beside the command.
pub(crate) const WORKER_VARIABLE: &str = "WASMER_LLVM";
/// The worker's file name.
const WORKER_NAME: &str = "wasmer-llvm";

/// Where the worker is: where the variable says, or else beside the command. Looked for once.
pub(crate) fn find() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let look = || {
        let path = match env::var_os(WORKER_VARIABLE).filter(|value| !value.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => env::current_exe().ok()?.with_file_name(WORKER_NAME),
        };
        path.is_file().then_some(path)
    };
    FOUND.get_or_init(look).clone()
}

/// Whether the command can compile with it.
pub(crate) fn is_available(backend: Backend) -> bool {
    match backend {
        Backend::Llvm => find().is_some(),
        Backend::Singlepass | Backend::Cranelift => backend.is_built(),
    }
}

/// Settings of an engine with a backend. LLVM's need no LLVM: its worker is only looked for when something has to be compiled.
pub(crate) fn config(
    backend: Backend,
    cpu: Cpu,
    compile_timeout: Option<Duration>,
) -> Result<EngineConfig, BackendError> {
    // Naming the functions one by one keeps LLVM's out of the command.
    match backend {
        Backend::Llvm => Ok(EngineConfig::with_image_compiler(Arc::new(WorkerProcess::new(cpu, compile_timeout)))),
        #[cfg(feature = "singlepass")]
        Backend::Singlepass => Ok(EngineConfig::with_compiler(wasmer_runtime::backend::singlepass(cpu)?)),
        #[cfg(feature = "cranelift")]
        Backend::Cranelift => Ok(EngineConfig::with_compiler(wasmer_runtime::backend::cranelift(cpu)?)),
        #[allow(unreachable_patterns, reason = "reachable unless every backend is built")]
        _ => Err(BackendError::NotBuilt(backend)),
    }
}
