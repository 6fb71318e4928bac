//! Reading, writing, flushing and closing.

use crate::ctx::{Interrupt, OutputBudget, WasiCtx};
use crate::errno::Errno;
use crate::error::{WasiError, WasiResult};
use crate::host;
use crate::host::HostErrno;
use crate::host::HostResult;
use crate::host::buffers::IoBuffers;
use crate::host::fd::{AsFd, OwnedFd};
use crate::host::files::{self, OFlags};
use crate::host::io::Position;
use crate::host::process;
use crate::proc::EXIT_CODE_SIGNAL_BASE;
use crate::readiness::Direction;
use crate::table::{Descriptor, HostFile, Object};
use crate::transfer::transfer;
use crate::types::FileType;

impl WasiCtx {
    /// Reads at most so many bytes, for which room is made at once: the limit must not be a guest's.
    pub fn read_vec(&mut self, fd: u32, bytes_max: usize, at: Position) -> WasiResult<Vec<u8>> {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require_open_for(Direction::Read)?;
        let mut bytes = Vec::with_capacity(bytes_max);
        let count = read(&self.interrupt, descriptor, &IoBuffers::of_spare(bytes.spare_capacity_mut(), bytes_max), at)?;
        // SAFETY: that many bytes of the room have been written, and there is room for `bytes_max` at least.
        unsafe { bytes.set_len(count.min(bytes_max)) };
        Ok(bytes)
    }

    /// Writes from a buffer of the host, and returns how many bytes, of which there may be fewer.
    pub fn write(&mut self, fd: u32, from: &[u8], at: Position) -> WasiResult<usize> {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require_open_for(Direction::Write)?;
        // Writing only reads them.
        write(&self.interrupt, &mut self.output, descriptor, IoBuffers::to_drain(from), at)
    }

    /// Closes a descriptor. A preopened directory may be closed like any other.
    pub fn close(&mut self, fd: u32) -> WasiResult {
        let mut closed = self.table.remove(fd)?;
        if let Object::Writer(sink) = &mut closed.object {
            sink.flush()?;
        }
        Ok(())
    }

    /// Waits until content and attributes are on the device.
    pub fn sync(&self, fd: u32) -> WasiResult {
        let host = self.host_fd(fd, Errno::Inval)?;
        self.interrupt.retry(|| files::fsync(host))
    }

    /// Waits until the content is on the device.
    pub fn sync_data(&self, fd: u32) -> WasiResult {
        let host = self.host_fd(fd, Errno::Inval)?;
        self.interrupt.retry(|| files::fdatasync(host))
    }

    /// Hands on what a stream in this process has kept back; a descriptor of the host keeps nothing.
    pub fn flush(&mut self, fd: u32) -> WasiResult {
        match &mut self.table.get_mut(fd)?.object {
            Object::Writer(sink) => Ok(sink.flush()?),
            Object::File(_) | Object::Dir(_) | Object::Stream(_) | Object::Listener(..) | Object::Reader(_) => Ok(()),
        }
    }
}

/// Reads from a descriptor that is open for reading.
pub(crate) fn read(
    interrupt: &Interrupt,
    descriptor: &mut Descriptor,
    buffers: &IoBuffers<'_>,
    at: Position,
) -> WasiResult<usize> {
    match &mut descriptor.object {
        Object::Dir(_) | Object::Listener(..) | Object::Writer(_) => Err(Errno::Badf.into()),
        _ if buffers.is_empty() => Ok(0),
        Object::File(file) => transfer(interrupt, file, Direction::Read, buffers, at),
        Object::Stream(fd) => interrupt.retry(|| host::io::read(fd.as_fd(), buffers, at)),
        Object::Reader(source) => {
            check_sequential(at)?;
            interrupt.retry_io(|| buffers.fill(|out| interrupt.io_error().and_then(|()| source.read(out))))
        }
    }
}

/// Writes to a descriptor that is open for writing, as much as the guest may still write.
pub(crate) fn write(
    interrupt: &Interrupt,
    output: &mut OutputBudget,
    descriptor: &mut Descriptor,
    buffers: IoBuffers<'_>,
    at: Position,
) -> WasiResult<usize> {
    let hole = match &descriptor.object {
        Object::File(file) if output.is_limited && !buffers.is_empty() => hole_bytes(file, at)?,
        _ => 0,
    };
    let bytes_left = output.bytes_left.checked_sub(hole).ok_or(Errno::Nospc)?;
    let buffers = within_budget(buffers, bytes_left)?;
    let count = match &mut descriptor.object {
        Object::Dir(_) | Object::Listener(..) | Object::Reader(_) => return Err(Errno::Badf.into()),
        _ if buffers.is_empty() => 0,
        Object::File(file) => match transfer(interrupt, file, Direction::Write, &buffers, at) {
            Err(WasiError::Errno(Errno::Pipe)) if output.ends_at_closed_pipe && file.shared_flags.is_some() => {
                return Err(WasiError::Exit(EXIT_CODE_SIGNAL_BASE + process::SIGPIPE));
            }
            result => result?,
        },
        Object::Stream(fd) => interrupt.retry(|| write_stream(fd, &buffers, at))?,
        Object::Writer(sink) => {
            check_sequential(at)?;
            interrupt.retry_io(|| buffers.drain(|bytes| interrupt.io_error().and_then(|()| sink.write(bytes))))?
        }
    };
    output.bytes_left = bytes_left.saturating_sub(count as u64) + if count == 0 { hole } else { 0 };
    Ok(count)
}

/// What of the buffers may still be written. At the limit a guest is told that nothing more fits, as on a full disk.
pub(crate) fn within_budget(buffers: IoBuffers<'_>, bytes_left: u64) -> Result<IoBuffers<'_>, Errno> {
    let bytes_left = usize::try_from(bytes_left).unwrap_or(usize::MAX);
    if buffers.bytes() <= bytes_left {
        return Ok(buffers);
    }
    if bytes_left == 0 { Err(Errno::Nospc) } else { Ok(buffers.part(0, bytes_left)) }
}

/// How many zeros a write at a position puts between the end of a file and what it writes.
fn hole_bytes(file: &HostFile, at: Position) -> WasiResult<u64> {
    if file.file_type != FileType::RegularFile || files::fcntl_getfl(&file.fd)?.contains(OFlags::APPEND) {
        return Ok(0);
    }
    let position = match at {
        Position::Current => files::tell(&file.fd)?,
        Position::At(offset) => offset,
        Position::End => return Ok(0),
    };
    Ok(position.saturating_sub(files::fstat(&file.fd)?.st_size as u64))
}

fn check_sequential(at: Position) -> Result<(), Errno> {
    match at {
        Position::Current => Ok(()),
        Position::At(_) | Position::End => Err(Errno::Spipe),
    }
}

fn write_stream(fd: &OwnedFd, buffers: &IoBuffers<'_>, at: Position) -> HostResult<usize> {
    match at {
        Position::Current => host::io::send(fd.as_fd(), buffers),
        Position::At(_) | Position::End => Err(HostErrno::SPIPE),
    }
}
