//! What this crate asks of the operating system. Nothing else in it names a system (`cargo xtask tidy` looks), and nothing here knows what a guest may do: that
//! is decided before.
//!
//! WASI's words are those of POSIX, so the wall's are, too: what a seat for another system has to provide has the names, the flags and the errors of POSIX, each
//! named below. Where Linux has them, they are passed on as they are.
//!
//! | file | what a system has to provide |
//! |---|---|
//! | `mod` | Errors with a number each, among them those in the table of `errno.rs`. Descriptors that are owned or borrowed. Names as bytes. |
//! | `files` | What is done to open files, and to names in open directories, neither of which ever follows a symbolic link at the name's end unless it is told to. Attributes as `stat` has them; flags that are asked and set. |
//! | `confined` | Opening below a directory such that no component, no `..` and no symbolic link leads out. Whether a file is a view of a process, which is refused. |
//! | `io` | Vectored transfers between descriptors and guest memory without references to it, at a place, at the end of a file, or at the descriptor's own position; messages of sockets. No signal when nobody reads. |
//! | `sockets` | Accepting without waiting, closing a direction. Sockets are never made. |
//! | `wait` | Waiting for any of several descriptors, with a limit of time; it ends when a signal arrives. |
//! | `clocks` | The time, and how exact it is: since 1970, steady, of the process, of the thread. |
//! | `process` | Random bytes that nobody can guess, giving way to other threads, how many files may be open. |
//!
//! A call that a signal interrupts fails with `INTR`: [`Interrupt::retry`](crate::ctx::Interrupt::retry) asks then whether the guest is to stop.

pub(crate) mod buffers;
pub(crate) mod clocks;
pub(crate) mod confined;
pub(crate) mod files;
pub(crate) mod io;
pub(crate) mod process;
pub(crate) mod sockets;
pub(crate) mod wait;

/// Descriptors.
pub(crate) mod fd {
    pub(crate) use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
}

/// Names and arguments as bytes.
pub(crate) mod text {
    pub(crate) use std::os::unix::ffi::{OsStrExt, OsStringExt};
}

pub(crate) use rustix::io::{Errno as HostErrno, Result as HostResult};
