//! Sockets that others have made.

use std::ffi::c_int;

pub(crate) use rustix::net::{Shutdown, SocketFlags, accept_with, shutdown};

/// Receive without taking away.
pub(crate) const PEEK: c_int = libc::MSG_PEEK;
/// Receive until the buffers are full.
pub(crate) const WAIT_ALL: c_int = libc::MSG_WAITALL;
