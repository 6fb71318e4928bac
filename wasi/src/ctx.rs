//! The state of one guest: what it was given, and what it has opened.

use crate::clocks::HostClocks;
use crate::errno::Errno;
use crate::error::{WasiError, WasiResult};
use crate::host::HostErrno;
use crate::host::HostResult;
use crate::host::fd::BorrowedFd;
use crate::table::FdTable;

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
    pub(crate) output: OutputBudget,
}

/// What the guest may still write, to files, streams and sockets together.
pub(crate) struct OutputBudget {
    pub(crate) bytes_left: u64,
    /// Whether that is a limit at all.
    pub(crate) is_limited: bool,
    /// Whether writing to a standard stream that nobody reads any more ends the guest, as it ends programs of the system.
    pub(crate) ends_at_closed_pipe: bool,
}

/// What a new name in a folder counts as besides its own bytes, and a link's target: about what a file system keeps of a file.
const NAME_BYTES: u64 = 256;

/// What makes a system call that may block.
type Blocking = fn(&mut dyn FnMut());

/// Asks the host whether a blocked call should give up, and tells it of calls that may block.
#[derive(Default)]
pub(crate) struct Interrupt {
    requested: Option<Box<dyn Fn() -> bool + Send>>,
    blocking: Option<Blocking>,
}

impl Interrupt {
    /// Whether the host wants the guest to stop.
    pub(crate) fn is_requested(&self) -> bool {
        self.requested.as_ref().is_some_and(|requested| requested())
    }

    /// Makes a system call that may block.
    pub(crate) fn block<R>(&self, call: impl FnOnce() -> R) -> R {
        let Some(blocking) = self.blocking else { return call() };
        let (mut call, mut result) = (Some(call), None);
        blocking(&mut || result = call.take().map(|call| call()));
        result.expect("what was set makes the call, once")
    }

    /// Fails if the host wants the guest to stop.
    pub(crate) fn check(&self) -> WasiResult {
        if self.is_requested() { Err(WasiError::Interrupted) } else { Ok(()) }
    }

    /// [`Interrupt::check`] between the parts of a transfer, where the error means to look again.
    pub(crate) fn io_error(&self) -> std::io::Result<()> {
        if self.is_requested() { Err(std::io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    /// Runs a system call that may block. When a signal interrupts it, it is repeated, unless the host wants to stop.
    pub(crate) fn retry<T>(&self, call: impl FnMut() -> HostResult<T>) -> WasiResult<T> {
        self.block(|| self.retry_here(call))
    }

    /// [`Interrupt::retry`] for a system call that takes no time to speak of.
    pub(crate) fn retry_here<T>(&self, mut call: impl FnMut() -> HostResult<T>) -> WasiResult<T> {
        loop {
            self.check()?;
            match call() {
                Err(HostErrno::INTR) => {}
                result => return result.map_err(WasiError::from),
            }
        }
    }

    /// [`Interrupt::retry`] for calls that report `std::io::Error`.
    pub(crate) fn retry_io<T>(&self, mut call: impl FnMut() -> std::io::Result<T>) -> WasiResult<T> {
        self.block(|| {
            loop {
                self.check()?;
                match call() {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    result => return result.map_err(WasiError::from),
                }
            }
        })
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
        self.interrupt.requested = check;
    }

    /// Has system calls that may block made by `blocking`, which makes the one that it is given, at once and on the same thread: for hosts whose thread has
    /// other things to do that somebody else can take over meanwhile.
    ///
    /// ```
    /// use wasmer_wasi::WasiCtxBuilder;
    ///
    /// let mut ctx = WasiCtxBuilder::new().build()?;
    /// ctx.set_blocking(|call| {
    ///     // Whoever else waits for this thread goes to another one.
    ///     call();
    /// });
    /// # Ok::<_, wasmer_wasi::BuildError>(())
    /// ```
    pub fn set_blocking(&mut self, blocking: fn(&mut dyn FnMut())) {
        self.interrupt.blocking = Some(blocking);
    }

    /// The arguments, the name of the program first.
    pub fn args(&self) -> impl Iterator<Item = &[u8]> {
        self.args.iter().map(Vec::as_slice)
    }

    /// The environment: names and values.
    pub fn env(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.env.iter().filter_map(|variable| {
            let at = variable.iter().position(|byte| *byte == b'=')?;
            Some((&variable[..at], &variable[at + 1..]))
        })
    }

    /// Makes a file, folder or link whose names have so many bytes, which are output like any other. At the limit nothing is made.
    pub(crate) fn make_name<R>(
        &mut self,
        name_bytes: usize,
        make: impl FnOnce(&Self) -> WasiResult<R>,
    ) -> WasiResult<R> {
        let cost = NAME_BYTES + name_bytes as u64;
        if cost > self.output.bytes_left {
            return Err(Errno::Nospc.into());
        }
        let made = make(self)?;
        self.output.bytes_left -= cost;
        Ok(made)
    }

    /// The host's descriptor behind `fd`. What has none is a stream in this process, of which `in_process` is the answer.
    pub(crate) fn host_fd(&self, fd: u32, in_process: Errno) -> WasiResult<BorrowedFd<'_>> {
        Ok(self.table.get(fd)?.host_fd().ok_or(in_process)?)
    }
}

impl std::fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment may hold secrets.
        f.debug_struct("WasiCtx").field("args", &self.args.len()).field("env", &self.env.len()).finish_non_exhaustive()
    }
}
