//! The ways in which a function ends that are not for the guest to handle.

use std::fmt;

use wasmer_api::Error;
use wasmer_wasi::{Errno, WasiResult};

/// What a function returns: a value for the guest, which may be an error of its own types, or why it must stop.
pub type Outcome<T> = Result<T, Error>;

/// That a component did what WASI says a trap follows on.
#[derive(Debug)]
pub struct WasiTrap(String);

impl fmt::Display for WasiTrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WasiTrap {}

/// The trap of a component that broke a rule.
#[cold]
pub fn trap(message: impl Into<String>) -> Error {
    Error::host(WasiTrap(message.into()))
}

/// Parts the failures that are for the guest from the others.
pub(crate) fn for_guest<T>(result: WasiResult<T>) -> Outcome<Result<T, Errno>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(error.into_errno()?)),
    }
}

/// For what cannot fail in the guest's eyes.
pub(crate) fn or_trap<T>(result: Result<T, Errno>, what: &str) -> Outcome<T> {
    result.map_err(|errno| trap(format!("{what}: {errno}")))
}
