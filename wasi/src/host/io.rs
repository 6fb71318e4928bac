//! Vectored input and output between the host's descriptors and raw guest buffers.
//!
//! These calls go to the C library because rustix takes Rust slices, and the guest's buffers may overlap each other
//! or change under our hands, which slices must not.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::host::buffers::IoBuffers;
use crate::host::{HostErrno, HostResult};

/// One of the buffers.
pub(crate) use libc::iovec as IoVec;

/// Where a transfer takes place.
#[derive(Clone, Copy, Debug)]
pub enum Position {
    /// At the descriptor's own position, which moves on.
    Current,
    /// At this offset from the start; the descriptor's position stays.
    At(u64),
    /// At the end, which is only for writing; the descriptor's position stays.
    End,
}

impl Position {
    /// Where a transfer goes on after so many bytes.
    pub fn moved_by(self, bytes: usize) -> Position {
        match self {
            Position::Current => Position::Current,
            Position::At(offset) => Position::At(offset.saturating_add(bytes as u64)),
            Position::End => Position::End,
        }
    }

    fn offset(at: u64) -> HostResult<libc::off_t> {
        libc::off_t::try_from(at).map_err(|_| HostErrno::INVAL)
    }
}

/// Reads into the guest's buffers.
pub(crate) fn read(fd: BorrowedFd<'_>, buffers: &IoBuffers<'_>, at: Position) -> HostResult<usize> {
    let (fd, raw) = (fd.as_raw_fd(), buffers.raw());
    let (ptr, count) = (raw.as_ptr(), raw.len() as libc::c_int);
    check(match at {
        // SAFETY: `raw` describes checked guest memory that outlives the call, and Rust holds no reference to it.
        Position::Current => unsafe { libc::readv(fd, ptr, count) },
        Position::At(offset) => {
            let offset = Position::offset(offset)?;
            // SAFETY: as above.
            unsafe { libc::preadv(fd, ptr, count, offset) }
        }
        Position::End => return Err(HostErrno::INVAL),
    })
}

/// Writes from the guest's buffers.
pub(crate) fn write(fd: BorrowedFd<'_>, buffers: &IoBuffers<'_>, at: Position) -> HostResult<usize> {
    let (fd, raw) = (fd.as_raw_fd(), buffers.raw());
    let (ptr, count) = (raw.as_ptr(), raw.len() as libc::c_int);
    check(match at {
        // SAFETY: `raw` describes checked guest memory that outlives the call; the kernel only reads it.
        Position::Current => unsafe { libc::writev(fd, ptr, count) },
        Position::At(offset) => {
            let offset = Position::offset(offset)?;
            // SAFETY: as above.
            unsafe { libc::pwritev(fd, ptr, count, offset) }
        }
        // SAFETY: as above. The offset is not looked at, but must be one.
        Position::End => unsafe { libc::pwritev2(fd, ptr, count, 0, libc::RWF_APPEND) },
    })
}

/// What a receive call reports besides the count.
pub(crate) struct Received {
    pub(crate) bytes: usize,
    /// The message was longer than the buffers.
    pub(crate) truncated: bool,
}

/// Receives from a socket into the guest's buffers.
pub(crate) fn receive(fd: BorrowedFd<'_>, buffers: &IoBuffers<'_>, flags: libc::c_int) -> HostResult<Received> {
    let mut header = message_header(buffers);
    // SAFETY: `header` names no address and no control data, only the checked guest buffers, which outlive the call.
    let bytes = check(unsafe { libc::recvmsg(fd.as_raw_fd(), &mut header, flags) })?;
    Ok(Received { bytes, truncated: header.msg_flags & libc::MSG_TRUNC != 0 })
}

/// Sends the guest's buffers to a socket. Never raises `SIGPIPE`, which would end the host process.
pub(crate) fn send(fd: BorrowedFd<'_>, buffers: &IoBuffers<'_>) -> HostResult<usize> {
    let header = message_header(buffers);
    // SAFETY: as in `receive`; the kernel only reads the buffers.
    check(unsafe { libc::sendmsg(fd.as_raw_fd(), &header, libc::MSG_NOSIGNAL) })
}

fn message_header(buffers: &IoBuffers<'_>) -> libc::msghdr {
    // SAFETY: `msghdr` consists of integers and pointers, for which all zeroes are valid: no address, no control data.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    let raw = buffers.raw();
    header.msg_iov = raw.as_ptr().cast_mut();
    header.msg_iovlen = raw.len() as _;
    header
}

fn check(result: libc::ssize_t) -> HostResult<usize> {
    usize::try_from(result)
        .map_err(|_| HostErrno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(HostErrno::IO))
}
