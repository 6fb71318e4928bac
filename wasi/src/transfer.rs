//! Reading from and writing to the host's descriptors as the guest expects it, whatever others do to them.
//!
//! The standard streams are shared with other processes, and each may make them non-blocking for all. A guest that did not ask for that
//! waits as it would at a blocking stream; one that did never does, although the stream itself may block. The flags of a shared stream
//! are never changed.

use wasmer_system::file_size::limit_as_error;

use crate::ctx::Interrupt;
use crate::errno::Errno;
use crate::error::{WasiError, WasiResult};
use crate::host;
use crate::host::buffers::IoBuffers;
use crate::host::fd::{AsFd, BorrowedFd, OwnedFd};
use crate::host::io::Position;
use crate::host::wait::{PollFd, poll};
use crate::host::{HostErrno, HostResult};
use crate::readiness::{Direction, ready_now};
use crate::table::HostFile;
use crate::types::{FdFlags, FileType};

/// How much of a regular file is transferred between two looks at the interrupt: the kernel does not stop for a signal there.
const WINDOW_BYTES: usize = 32 << 20;

/// What a pipe that is ready for writing takes without blocking (POSIX `PIPE_BUF` on Linux).
const PIPE_BUF_BYTES: usize = 4096;

/// Transfers to or from a file, device or pipe.
pub(crate) fn transfer(
    interrupt: &Interrupt,
    file: &HostFile,
    direction: Direction,
    buffers: &IoBuffers<'_>,
    at: Position,
) -> WasiResult<usize> {
    if file.file_type == FileType::RegularFile {
        return in_windows(interrupt, file.fd.as_fd(), direction, buffers, at);
    }
    let call = |buffers: &IoBuffers<'_>, at| call(file.fd.as_fd(), direction, buffers, at);
    match file.shared_flags {
        None => interrupt.retry(|| call(buffers, at)),
        Some(flags) if flags.contains(FdFlags::NONBLOCK) => {
            if !ready_now(&file.fd, direction)? {
                return Err(Errno::Again.into());
            }
            match direction {
                Direction::Read => interrupt.retry(|| call(buffers, at)),
                Direction::Write => interrupt.retry(|| call(&buffers.part(0, PIPE_BUF_BYTES), at)),
            }
        }
        Some(_) => waiting(interrupt, &file.fd, direction, buffers, |buffers, done| call(buffers, at.moved_by(done))),
    }
}

fn call(fd: BorrowedFd<'_>, direction: Direction, buffers: &IoBuffers<'_>, at: Position) -> HostResult<usize> {
    match direction {
        Direction::Read => host::io::read(fd, buffers, at),
        Direction::Write => host::io::write(fd, buffers, at),
    }
}

/// A regular file: never blocks for long, but may take long.
fn in_windows(
    interrupt: &Interrupt,
    fd: BorrowedFd<'_>,
    direction: Direction,
    buffers: &IoBuffers<'_>,
    at: Position,
) -> WasiResult<usize> {
    let call = |buffers: &IoBuffers<'_>, at| match direction {
        Direction::Read => host::io::read(fd, buffers, at),
        Direction::Write => limit_as_error(|| host::io::write(fd, buffers, at)),
    };
    let bytes = buffers.bytes();
    if bytes <= WINDOW_BYTES {
        return interrupt.retry(|| call(buffers, at));
    }
    in_parts(bytes, |done| {
        let window = buffers.part(done, WINDOW_BYTES);
        let count = interrupt.retry(|| call(&window, at.moved_by(done)))?;
        Ok((count, count == window.bytes()))
    })
}

/// A stream that somebody may have made non-blocking. What is written is written whole, as to a blocking one.
fn waiting(
    interrupt: &Interrupt,
    fd: &OwnedFd,
    direction: Direction,
    buffers: &IoBuffers<'_>,
    call: impl Fn(&IoBuffers<'_>, usize) -> HostResult<usize>,
) -> WasiResult<usize> {
    let bytes = buffers.bytes();
    let once = |buffers: &IoBuffers<'_>, done| {
        interrupt.retry(|| {
            loop {
                match call(buffers, done) {
                    Err(HostErrno::AGAIN) => poll(&mut [PollFd::new(fd, direction.poll_flags())], None)?,
                    result => return result,
                };
            }
        })
    };
    let count = once(buffers, 0)?;
    match direction {
        Direction::Write if count < bytes => in_parts(bytes, |done| match done {
            0 => Ok((count, true)),
            _ => Ok((once(&buffers.part(done, bytes), done)?, true)),
        }),
        Direction::Read | Direction::Write => Ok(count),
    }
}

/// Transfers until all `bytes` are through, `part` says that it does not go on, or fails. What has been transferred counts: an error comes
/// back at the next call.
fn in_parts(bytes: usize, mut part: impl FnMut(usize) -> WasiResult<(usize, bool)>) -> WasiResult<usize> {
    let mut done = 0;
    while done < bytes {
        match part(done) {
            Ok((count, goes_on)) => {
                done += count;
                if count == 0 || !goes_on {
                    break;
                }
            }
            Err(WasiError::Errno(_)) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
