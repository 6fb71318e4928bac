//! `fd_*`: input, output, position, and the numbers of descriptors.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host::files::{self, SeekFrom};
use crate::host::io::Position;
use crate::memory::GuestMemory;
use crate::ops::io;
use crate::readiness::Direction;
use crate::table::Object;
use crate::types::Snapshot;

/// What an offset counts from (witx `whence`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whence {
    Start,
    Current,
    End,
}

impl Whence {
    /// The two snapshots number these differently.
    fn from_guest(whence: u32, snapshot: Snapshot) -> Result<Whence, Errno> {
        let order = match snapshot {
            Snapshot::Preview1 => [Whence::Start, Whence::Current, Whence::End],
            Snapshot::Unstable => [Whence::Current, Whence::End, Whence::Start],
        };
        order.get(whence as usize).copied().ok_or(Errno::Inval)
    }
}

/// A 32-bit pointer and length that describe an array of buffers in guest memory.
#[derive(Clone, Copy)]
struct IoVecs {
    ptr: u32,
    count: u32,
}

impl WasiCtx {
    /// Reads at the current position.
    pub fn fd_read(&mut self, mem: &GuestMemory<'_>, fd: u32, iovs: u32, iovs_len: u32, nread: u32) -> WasiResult {
        let iovs = IoVecs { ptr: iovs, count: iovs_len };
        self.read_vectored(mem, fd, iovs, Position::Current, nread)
    }

    /// Reads at an offset, without moving the current position.
    pub fn fd_pread(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        nread: u32,
    ) -> WasiResult {
        let iovs = IoVecs { ptr: iovs, count: iovs_len };
        self.read_vectored(mem, fd, iovs, Position::At(offset), nread)
    }

    /// Writes at the current position.
    pub fn fd_write(&mut self, mem: &GuestMemory<'_>, fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) -> WasiResult {
        let iovs = IoVecs { ptr: iovs, count: iovs_len };
        self.write_vectored(mem, fd, iovs, Position::Current, nwritten)
    }

    /// Writes at an offset, without moving the current position.
    pub fn fd_pwrite(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        nwritten: u32,
    ) -> WasiResult {
        let iovs = IoVecs { ptr: iovs, count: iovs_len };
        self.write_vectored(mem, fd, iovs, Position::At(offset), nwritten)
    }

    fn read_vectored(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        iovs: IoVecs,
        at: Position,
        count_out: u32,
    ) -> WasiResult {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require_open_for(Direction::Read)?;
        // Before any byte is consumed, so that a bad pointer loses nothing.
        mem.check(count_out, 4)?;
        let buffers = mem.io_buffers(iovs.ptr, iovs.count)?;
        let count = io::read(&self.interrupt, descriptor, &buffers, at)?;
        write_count(mem, count_out, count)
    }

    fn write_vectored(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        iovs: IoVecs,
        at: Position,
        count_out: u32,
    ) -> WasiResult {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require_open_for(Direction::Write)?;
        mem.check(count_out, 4)?;
        let buffers = mem.io_buffers(iovs.ptr, iovs.count)?;
        let count = io::write(&self.interrupt, &mut self.output, descriptor, buffers, at)?;
        write_count(mem, count_out, count)
    }

    /// Moves the position and writes the new one.
    pub fn fd_seek(&mut self, mem: &GuestMemory<'_>, fd: u32, offset: i64, whence: u32, newoffset: u32) -> WasiResult {
        let whence = Whence::from_guest(whence, Snapshot::Preview1)?;
        self.seek(mem, fd, offset, whence, newoffset)
    }

    /// `fd_seek` of the older snapshot.
    pub fn fd_seek_unstable(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        offset: i64,
        whence: u32,
        newoffset: u32,
    ) -> WasiResult {
        let whence = Whence::from_guest(whence, Snapshot::Unstable)?;
        self.seek(mem, fd, offset, whence, newoffset)
    }

    /// Writes the position.
    pub fn fd_tell(&mut self, mem: &GuestMemory<'_>, fd: u32, offset: u32) -> WasiResult {
        self.seek(mem, fd, 0, Whence::Current, offset)
    }

    fn seek(&mut self, mem: &GuestMemory<'_>, fd: u32, offset: i64, whence: Whence, out: u32) -> WasiResult {
        let descriptor = self.table.get(fd)?;
        mem.check(out, 8)?;
        let target = match whence {
            Whence::Start => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
            Whence::Current => SeekFrom::Current(offset),
            Whence::End => SeekFrom::End(offset),
        };
        let position = match &descriptor.object {
            Object::File(file) => files::seek(&file.fd, target)?,
            // Directories are read from cookies.
            Object::Dir(_) => return Err(Errno::Badf.into()),
            Object::Stream(_) | Object::Listener(..) | Object::Reader(_) | Object::Writer(_) => {
                return Err(Errno::Spipe.into());
            }
        };
        Ok(mem.write_u64(out, position)?)
    }

    /// Closes a descriptor. A preopened directory may be closed like any other.
    pub fn fd_close(&mut self, _mem: &GuestMemory<'_>, fd: u32) -> WasiResult {
        self.close(fd)
    }

    /// Gives the descriptor `from` the number `to` and closes what had that number, if anything had: programs put their output aside and
    /// back like this.
    pub fn fd_renumber(&mut self, _mem: &GuestMemory<'_>, from: u32, to: u32) -> WasiResult {
        Ok(self.table.renumber(from, to)?)
    }

    /// Waits until content and attributes are on the device.
    pub fn fd_sync(&mut self, _mem: &GuestMemory<'_>, fd: u32) -> WasiResult {
        self.sync(fd)
    }

    /// Waits until the content is on the device.
    pub fn fd_datasync(&mut self, _mem: &GuestMemory<'_>, fd: u32) -> WasiResult {
        self.sync_data(fd)
    }
}

/// The count fits: the kernel transfers at most 2^31 bytes at a time, and so does [`IoBuffers`](crate::host::buffers::IoBuffers).
fn write_count(mem: &GuestMemory<'_>, out: u32, count: usize) -> WasiResult {
    let count = u32::try_from(count).map_err(|_| Errno::Overflow)?;
    Ok(mem.write_u32(out, count)?)
}
