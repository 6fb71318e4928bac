//! How a WASI call can end other than with success.

use std::io;

use crate::errno::Errno;
use crate::host::HostErrno;

/// Why a WASI function did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasiError {
    /// An ordinary failure: the guest gets the code and goes on.
    Errno(Errno),
    /// The guest asked to end with this exit code; it must not run any further.
    Exit(i32),
    /// The host asked to stop the guest while it was blocked in a call.
    Interrupted,
}

/// The result of a WASI function.
pub type WasiResult<T = ()> = Result<T, WasiError>;

/// Why a guest must stop: the part of [`WasiError`] that is no business of the guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// `proc_exit`, or a fatal `proc_raise`.
    Exit(i32),
    /// The host's interrupt callback said so.
    Interrupted,
}

impl From<Errno> for WasiError {
    fn from(errno: Errno) -> WasiError {
        WasiError::Errno(errno)
    }
}

impl From<HostErrno> for WasiError {
    fn from(host: HostErrno) -> WasiError {
        WasiError::Errno(host.into())
    }
}

impl From<io::Error> for WasiError {
    fn from(error: io::Error) -> WasiError {
        WasiError::Errno(error.into())
    }
}

impl std::fmt::Display for WasiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WasiError::Errno(errno) => errno.fmt(f),
            WasiError::Exit(code) => write!(f, "exit with code {code}"),
            WasiError::Interrupted => f.write_str("interrupted by the host"),
        }
    }
}

impl std::error::Error for WasiError {}

impl WasiError {
    /// The failure that is the guest's to handle, or why the guest must stop.
    pub fn into_errno(self) -> Result<Errno, Termination> {
        match self {
            WasiError::Errno(errno) => Ok(errno),
            WasiError::Exit(code) => Err(Termination::Exit(code)),
            WasiError::Interrupted => Err(Termination::Interrupted),
        }
    }
}

/// Turns a result into what the wasm function returns: an error code, or a reason to stop.
pub(crate) fn to_raw(result: WasiResult) -> Result<u32, Termination> {
    match result {
        Ok(()) => Ok(u32::from(Errno::Success.code())),
        Err(error) => error.into_errno().map(|errno| u32::from(errno.code())),
    }
}
