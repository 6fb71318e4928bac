//! Whether a descriptor is ready.

use crate::error::WasiResult;
use crate::host::HostErrno;
use crate::host::clocks::Timespec;
use crate::host::fd::AsFd;
use crate::host::wait::{PollFd, PollFlags, poll};
use crate::rights::Rights;

/// Which way a descriptor is to be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Bytes can be read, or a connection be accepted.
    Read,
    /// Bytes can be written.
    Write,
}

impl Direction {
    pub(crate) fn poll_flags(self) -> PollFlags {
        match self {
            Direction::Read => PollFlags::IN,
            Direction::Write => PollFlags::OUT,
        }
    }

    /// The right that says that a descriptor is open for this.
    pub(crate) fn right(self) -> Rights {
        match self {
            Direction::Read => Rights::FD_READ,
            Direction::Write => Rights::FD_WRITE,
        }
    }
}

/// Whether an operation on the host's descriptor would go through without waiting.
pub(crate) fn ready_now(fd: impl AsFd, direction: Direction) -> WasiResult<bool> {
    let mut polled = [PollFd::new(&fd, direction.poll_flags())];
    loop {
        match poll(&mut polled, Some(&Timespec::default())) {
            Err(HostErrno::INTR) => {}
            result => return Ok(result? > 0),
        }
    }
}
