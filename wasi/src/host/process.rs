//! The process, and what it gets of the system that is no file.

use std::ffi::c_int;

pub(crate) use rustix::rand::{GetRandomFlags, getrandom};
pub(crate) use rustix::thread::sched_yield;

/// The signal of who writes where nobody reads.
pub(crate) const SIGPIPE: c_int = libc::SIGPIPE;

/// How many files the process may have open.
pub(crate) fn open_files_max() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}
