//! Registers the functions of [`functions`] in a linker.

use std::fmt;

use wasmer_api::{Caller, Error, Linker, Module};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{FuncType, ValType};
use wasmer_runtime_core::vmcontext::RawValue;

use crate::ctx::WasiCtx;
use crate::error::Termination;
use crate::functions::{WasiFunction, WasmType, functions};
use crate::memory::GuestMemory;
use crate::types::Snapshot;

/// That the guest ended itself: what the failure of a call holds after `proc_exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitStatus(pub i32);

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the guest exited with status {}", self.0)
    }
}

impl std::error::Error for ExitStatus {}

impl From<Termination> for Error {
    fn from(halt: Termination) -> Error {
        match halt {
            Termination::Exit(status) => Error::host(ExitStatus(status)),
            Termination::Interrupted => TrapCode::Interrupted.into(),
        }
    }
}

/// No function has more parameters.
const PARAMS_MAX: usize = 16;

/// Defines every function of preview 1, and of the older `wasi_unstable`, for guests whose context `context` finds in the
/// store's data.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    context: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> Result<(), Error> {
    for snapshot in Snapshot::ALL {
        for function in functions(snapshot) {
            define(linker, snapshot, function, context)?;
        }
    }
    Ok(())
}

/// As [`add_to_linker`], but only for the functions that `module` imports: for starts of which every microsecond counts.
pub fn add_imports_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    module: &Module,
    context: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> Result<(), Error> {
    for (module, name) in module.import_names() {
        let Some(snapshot) = Snapshot::from_module_name(module).filter(|_| !linker.contains(module, name)) else {
            continue;
        };
        let functions = functions(snapshot);
        if let Ok(found) = functions.binary_search_by_key(&name, |function| function.name) {
            define(linker, snapshot, &functions[found], context)?;
        }
    }
    Ok(())
}

fn define<T: 'static>(
    linker: &mut Linker<T>,
    snapshot: Snapshot,
    function: &'static WasiFunction,
    context: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> Result<(), Error> {
    let call = move |caller: Caller<'_, T>, values: &mut [RawValue]| call(function, context, caller, values);
    // SAFETY: the function writes an `i32` exactly if its type has that result, and no references occur.
    unsafe { linker.func_raw(snapshot.module_name(), function.name, func_type(function), call)? };
    Ok(())
}

fn func_type(function: &WasiFunction) -> FuncType {
    let params = function.params.iter().map(|ty| match ty {
        WasmType::I32 => ValType::I32,
        WasmType::I64 => ValType::I64,
    });
    FuncType::new(params, function.has_result.then_some(ValType::I32))
}

fn call<T: 'static>(
    function: &WasiFunction,
    context: impl Fn(&mut T) -> &mut WasiCtx,
    mut caller: Caller<'_, T>,
    values: &mut [RawValue],
) -> Result<(), Error> {
    let memory = caller.memory().ok_or_else(|| {
        Error::host(format!("`{}` was called by a module that exports no memory named `memory`", function.name))
    })?;
    let (base, len) = memory.raw_parts(&caller)?;
    // SAFETY: the memory is mapped as long as the store lives, and never shrinks.
    let guest = unsafe { GuestMemory::new(base, len) };
    let mut arguments = [0; PARAMS_MAX];
    for ((argument, raw), ty) in arguments.iter_mut().zip(&*values).zip(function.params) {
        // SAFETY: the caller wrote parameters of these types.
        *argument = unsafe {
            match ty {
                WasmType::I32 => u64::from(raw.i32 as u32),
                WasmType::I64 => raw.i64 as u64,
            }
        };
    }
    match (function.call)(context(caller.data_mut()), &guest, &arguments[..function.params.len()]) {
        Ok(errno) => {
            if let Some(result) = values.first_mut().filter(|_| function.has_result) {
                result.i32 = errno as i32;
            }
            Ok(())
        }
        Err(halt) => Err(halt.into()),
    }
}
