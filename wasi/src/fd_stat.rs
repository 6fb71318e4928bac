//! `fd_fdstat_*`, `fd_filestat_*`, `fd_prestat_*`, `fd_advise`, `fd_allocate`: attributes of descriptors and files.

use wasmer_system::file_size::limit_as_error;

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host::fd::{AsFd, BorrowedFd};
use crate::host::files::{self, FallocateFlags, OFlags};
use crate::memory::GuestMemory;
use crate::ops::attributes::check_file_range;
use crate::ops::{Advice, NewTime};
use crate::rights::Rights;
use crate::table::{Object, shared_flags};
use crate::types::{FdFlags, NS_PER_SECOND, Snapshot, TimeFlags};

/// Size of the witx record `fdstat`.
const FDSTAT_BYTES: usize = 24;

/// Flags that an open file keeps for good: the host cannot change them.
const FIXED_FLAGS: FdFlags = FdFlags::DSYNC.union(FdFlags::RSYNC).union(FdFlags::SYNC);

impl WasiCtx {
    /// Writes type, flags and rights of a descriptor.
    pub fn fd_fdstat_get(&mut self, mem: &GuestMemory<'_>, fd: u32, out: u32) -> WasiResult {
        let descriptor = self.table.get(fd)?;
        let mut record = [0; FDSTAT_BYTES];
        record[0] = descriptor.file_type().code();
        record[2..4].copy_from_slice(&descriptor.flags()?.bits().to_le_bytes());
        record[8..16].copy_from_slice(&descriptor.rights.bits().to_le_bytes());
        record[16..24].copy_from_slice(&descriptor.inheriting.bits().to_le_bytes());
        Ok(mem.write_bytes(out, &record)?)
    }

    /// Sets the flags of a descriptor. As `fcntl(F_SETFL)` does, this changes appending and blocking; flags for
    /// synchronous writing can be named if they are set already, but not added.
    pub fn fd_fdstat_set_flags(&mut self, _mem: &GuestMemory<'_>, fd: u32, flags: u32) -> WasiResult {
        let descriptor = self.table.get_mut(fd)?;
        let flags = FdFlags::from_guest(flags)?;
        let added = flags.bits() & FIXED_FLAGS.bits() & !descriptor.flags()?.bits();
        if added != 0 {
            return Err(Errno::Notsup.into());
        }
        match &mut descriptor.object {
            Object::File(file) => match &mut file.shared_flags {
                Some(shared) => set_shared_flags(shared, file.fd.as_fd(), flags),
                None => set_host_flags(file.fd.as_fd(), flags),
            },
            Object::Listener(fd, shared) => set_shared_flags(shared, fd.as_fd(), flags),
            Object::Stream(fd) => set_host_flags(fd.as_fd(), flags),
            // Nothing to append to, and nothing that blocks.
            Object::Dir(_) | Object::Reader(_) | Object::Writer(_) => {
                if flags == FdFlags::default() || flags == FdFlags::NONBLOCK {
                    Ok(())
                } else {
                    Err(Errno::Notsup.into())
                }
            }
        }
    }

    /// Gives up rights. New ones cannot be had. Without the one to read or to write, a descriptor is no longer open for that; the others
    /// are only told ([`fd_fdstat_get`](Self::fd_fdstat_get)).
    pub fn fd_fdstat_set_rights(
        &mut self,
        _mem: &GuestMemory<'_>,
        fd: u32,
        rights: u64,
        inheriting: u64,
    ) -> WasiResult {
        let descriptor = self.table.get_mut(fd)?;
        let (rights, inheriting) = (Rights::from_bits(rights), Rights::from_bits(inheriting));
        if !descriptor.rights.contains(rights) || !descriptor.inheriting.contains(inheriting) {
            return Err(Errno::Notcapable.into());
        }
        descriptor.rights = rights;
        descriptor.inheriting = inheriting;
        Ok(())
    }

    /// Writes the attributes of an open file.
    pub fn fd_filestat_get(&mut self, mem: &GuestMemory<'_>, fd: u32, out: u32) -> WasiResult {
        self.file_stat(mem, fd, out, Snapshot::Preview1)
    }

    /// `fd_filestat_get` of the older snapshot.
    pub fn fd_filestat_get_unstable(&mut self, mem: &GuestMemory<'_>, fd: u32, out: u32) -> WasiResult {
        self.file_stat(mem, fd, out, Snapshot::Unstable)
    }

    fn file_stat(&self, mem: &GuestMemory<'_>, fd: u32, out: u32, snapshot: Snapshot) -> WasiResult {
        Ok(self.stat(fd)?.write(mem, out, snapshot)?)
    }

    /// Sets the size of an open file; what is added reads as zeroes.
    pub fn fd_filestat_set_size(&mut self, _mem: &GuestMemory<'_>, fd: u32, size: u64) -> WasiResult {
        self.set_size(fd, size)
    }

    /// Sets the timestamps of an open file.
    pub fn fd_filestat_set_times(
        &mut self,
        _mem: &GuestMemory<'_>,
        fd: u32,
        accessed_ns: u64,
        modified_ns: u64,
        flags: u32,
    ) -> WasiResult {
        self.table.get(fd)?.file_to_change()?;
        let (accessed, modified) = new_times(accessed_ns, modified_ns, flags)?;
        self.set_times(fd, accessed, modified)
    }

    /// Tells the host how a part of a file will be used.
    pub fn fd_advise(&mut self, _mem: &GuestMemory<'_>, fd: u32, offset: u64, len: u64, advice: u32) -> WasiResult {
        self.host_fd(fd, Errno::Spipe)?;
        let advice = *Advice::ALL.get(advice as usize).ok_or(Errno::Inval)?;
        self.advise(fd, offset, len, advice)
    }

    /// Makes sure that a part of a file has space on the device; the file grows if it has to.
    pub fn fd_allocate(&mut self, _mem: &GuestMemory<'_>, fd: u32, offset: u64, len: u64) -> WasiResult {
        let descriptor = self.table.get(fd)?;
        let host = descriptor.file_to_change()?;
        if !descriptor.rights.contains(Rights::FD_WRITE) {
            return Err(Errno::Badf.into());
        }
        check_file_range(offset, len)?;
        if len > self.output.bytes_left {
            return Err(Errno::Nospc.into());
        }
        let flags = FallocateFlags::empty();
        self.interrupt.retry(|| limit_as_error(|| files::fallocate(host, flags, offset, len)))?;
        self.output.bytes_left -= len;
        Ok(())
    }

    /// Writes what kind of preopened resource a descriptor is: the tag 0, a directory, and the length of its name.
    /// Guests stop looking at the first number for which this fails with "bad file descriptor".
    pub fn fd_prestat_get(&mut self, mem: &GuestMemory<'_>, fd: u32, out: u32) -> WasiResult {
        let len = self.preopen_name(fd)?.len() as u32;
        mem.check(out, 8)?;
        mem.write_u32(out, 0)?;
        Ok(mem.write_u32(out + 4, len)?)
    }

    /// Writes the name of a preopened directory, without a NUL.
    pub fn fd_prestat_dir_name(&mut self, mem: &GuestMemory<'_>, fd: u32, path: u32, path_len: u32) -> WasiResult {
        let name = self.preopen_name(fd)?;
        if (path_len as usize) < name.len() {
            return Err(Errno::Nametoolong.into());
        }
        Ok(mem.write_bytes(path, name)?)
    }
}

/// Sets the flags of what others share, without changing those of the host: only whether it blocks can be chosen.
fn set_shared_flags(shared: &mut FdFlags, fd: BorrowedFd<'_>, flags: FdFlags) -> WasiResult {
    let appends = shared_flags(*shared, fd)?.contains(FdFlags::APPEND);
    if flags.contains(FdFlags::APPEND) != appends {
        return Err(Errno::Notsup.into());
    }
    *shared = if flags.contains(FdFlags::NONBLOCK) { FdFlags::NONBLOCK } else { FdFlags::default() };
    Ok(())
}

fn set_host_flags(fd: BorrowedFd<'_>, flags: FdFlags) -> WasiResult {
    let changeable = OFlags::APPEND | OFlags::NONBLOCK;
    let current = files::fcntl_getfl(fd)?;
    let wanted = (current - changeable) | (flags.to_host() & changeable);
    Ok(files::fcntl_setfl(fd, wanted)?)
}

/// What to set the two timestamps to (witx `fstflags`); a time and "now" together make no sense.
pub(crate) fn new_times(accessed_ns: u64, modified_ns: u64, flags: u32) -> Result<(NewTime, NewTime), Errno> {
    let flags = TimeFlags::from_guest(flags)?;
    let choose = |given: TimeFlags, now: TimeFlags, ns: u64| match (flags.contains(given), flags.contains(now)) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(NewTime::At { seconds: ns / NS_PER_SECOND, nanoseconds: (ns % NS_PER_SECOND) as u32 }),
        (false, true) => Ok(NewTime::Now),
        (false, false) => Ok(NewTime::Keep),
    };
    Ok((
        choose(TimeFlags::ATIM, TimeFlags::ATIM_NOW, accessed_ns)?,
        choose(TimeFlags::MTIM, TimeFlags::MTIM_NOW, modified_ns)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_now_exclude_each_other() {
        for flags in [3, 12, 15, 7, 16] {
            assert_eq!(new_times(0, 0, flags).err(), Some(Errno::Inval), "{flags}");
        }
        let (accessed, modified) = new_times(5, u64::MAX, 4).unwrap();
        assert_eq!(accessed, NewTime::Keep);
        assert_eq!(modified, NewTime::At { seconds: 18_446_744_073, nanoseconds: 709_551_615 });
    }
}
