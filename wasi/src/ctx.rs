//! The state of one guest: what it was given, and what it has opened.

use std::os::fd::BorrowedFd;

use crate::clock::HostClocks;
use crate::error::{WasiError, WasiResult};
use crate::rights::Rights;
use crate::table::{Descriptor, FdTable};

/// Everything that WASI functions act on. One per guest; made by [`WasiCtxBuilder`](crate::WasiCtxBuilder).
///
/// A guest reaches nothing that was not put in here: no directory, no environment variable, no socket.
pub struct WasiCtx {
    pub(crate) args: Vec<Vec<u8>>,
    /// Each in the form `NAME=value`.
    pub(crate) env: Vec<Vec<u8>>,
    pub(crate) table: FdTable,
    pub(crate) clocks: Box<dyn HostClocks>,
    pub(crate) interrupt: Interrupt,
}

/// Asks the host whether a blocked call should give up.
#[derive(Default)]
pub(crate) struct Interrupt(Option<Box<dyn Fn() -> bool + Send>>);

impl Interrupt {
    /// Fails if the host wants the guest to stop.
    pub(crate) fn check(&self) -> WasiResult {
        match &self.0 {
            Some(requested) if requested() => Err(WasiError::Interrupted),
            _ => Ok(()),
        }
    }

    /// Runs a system call that may block. When a signal interrupts it, it is repeated, unless the host wants to stop.
    pub(crate) fn retry<T>(&self, mut call: impl FnMut() -> rustix::io::Result<T>) -> WasiResult<T> {
        loop {
            self.check()?;
            match call() {
                Err(rustix::io::Errno::INTR) => {}
                result => return result.map_err(WasiError::from),
            }
        }
    }

    /// [`Interrupt::retry`] for calls that report `std::io::Error`.
    pub(crate) fn retry_io<T>(&self, mut call: impl FnMut() -> std::io::Result<T>) -> WasiResult<T> {
        loop {
            self.check()?;
            match call() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => return result.map_err(WasiError::from),
            }
        }
    }
}

impl WasiCtx {
    /// Sets the callback that tells whether the guest should stop. It is asked before a call that may block, and when a
    /// signal interrupts one; if it says yes, the call ends with [`WasiError::Interrupted`].
    ///
    /// To stop a guest: make the callback say yes, then signal the guest's thread (with a handler installed without
    /// `SA_RESTART`). A signal that arrives between the question and the system call is lost, so repeat it until the
    /// guest has ended.
    pub fn set_interrupt_check(&mut self, check: Option<Box<dyn Fn() -> bool + Send>>) {
        self.interrupt = Interrupt(check);
    }

    /// The descriptor `fd`, if it is open and has `rights`.
    pub(crate) fn descriptor(&self, fd: u32, rights: Rights) -> WasiResult<&Descriptor> {
        let descriptor = self.table.get(fd)?;
        descriptor.require(rights)?;
        Ok(descriptor)
    }

    /// The host's descriptor behind `fd`, if `fd` is open and has `rights`.
    pub(crate) fn host_fd(&self, fd: u32, rights: Rights) -> WasiResult<BorrowedFd<'_>> {
        let descriptor = self.descriptor(fd, rights)?;
        Ok(descriptor.host_fd().ok_or(crate::Errno::Notsup)?)
    }
}

impl std::fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment may hold secrets.
        f.debug_struct("WasiCtx").field("args", &self.args.len()).field("env", &self.env.len()).finish_non_exhaustive()
    }
}
