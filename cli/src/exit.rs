//! Exit statuses. A guest's own status (`proc_exit`) is passed on as it is.

use std::fmt;

/// A command line that is wrong in a way that clap does not know of.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode(u8);

impl ExitCode {
    /// Everything worked.
    pub const SUCCESS: Self = Self(SUCCESS);
    /// A bug: the message of a panic was printed.
    pub const PANIC: Self = Self(101);
}

impl From<u8> for ExitCode {
    fn from(status: u8) -> Self {
        Self(status)
    }
}

impl From<ExitCode> for i32 {
    fn from(ExitCode(status): ExitCode) -> Self {
        Self::from(status)
    }
}

/// Everything worked.
pub(crate) const SUCCESS: u8 = 0;
/// The command failed: a bad module, a missing file, failed assertions.
pub(crate) const FAILURE: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// The guest ran longer than `--timeout` allows: the status that `timeout` of the core utilities uses.
pub(crate) const TIMEOUT: u8 = 124;
/// The guest trapped: 128 + SIGABRT, what a shell shows for a native program that aborts.
pub(crate) const TRAP: u8 = 134;
