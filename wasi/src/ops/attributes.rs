//! Attributes of descriptors and of open files.

use std::io::IsTerminal;
use std::num::NonZeroU64;

use wasmer_system::file_size::limit_as_error;

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host::files::{self, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use crate::rights::Rights;
use crate::types::{FdFlags, FileStat, FileType};

/// What a descriptor is, and what it is open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// What it stands for.
    pub file_type: FileType,
    /// How it reads and writes.
    pub flags: FdFlags,
    /// Whether it is open for reading.
    pub reads: bool,
    /// Whether it is open for writing.
    pub writes: bool,
    /// Whether any change through it is refused.
    pub read_only: bool,
    /// Whether it has positions, so that it can be read and written anywhere.
    pub has_positions: bool,
}

/// What to set a timestamp to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// What it is.
    Keep,
    /// The time of the host's file system.
    Now,
    /// A time after 1970.
    At {
        /// Whole seconds.
        seconds: u64,
        /// Less than a second.
        nanoseconds: u32,
    },
}

impl NewTime {
    fn to_host(self) -> Result<Timespec, Errno> {
        let special = |nanoseconds| Timespec { tv_sec: 0, tv_nsec: nanoseconds };
        match self {
            NewTime::Keep => Ok(special(UTIME_OMIT)),
            NewTime::Now => Ok(special(UTIME_NOW)),
            // Larger ones are special.
            NewTime::At { nanoseconds, .. } if nanoseconds >= 1_000_000_000 => Err(Errno::Inval),
            NewTime::At { seconds, nanoseconds } => {
                let tv_sec = seconds.try_into().map_err(|_| Errno::Overflow)?;
                Ok(Timespec { tv_sec, tv_nsec: nanoseconds.into() })
            }
        }
    }
}

pub(crate) fn timestamps(accessed: NewTime, modified: NewTime) -> Result<Timestamps, Errno> {
    Ok(Timestamps { last_access: accessed.to_host()?, last_modification: modified.to_host()? })
}

/// How a part of a file will be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing is known.
    Normal,
    /// From lower to higher offsets.
    Sequential,
    /// In any order.
    Random,
    /// Soon.
    WillNeed,
    /// Not soon.
    DontNeed,
    /// Once.
    NoReuse,
}

impl Advice {
    /// In the order in which every version of WASI numbers them.
    pub const ALL: [Advice; 6] =
        [Advice::Normal, Advice::Sequential, Advice::Random, Advice::WillNeed, Advice::DontNeed, Advice::NoReuse];

    fn to_host(self) -> files::Advice {
        match self {
            Advice::Normal => files::Advice::Normal,
            Advice::Sequential => files::Advice::Sequential,
            Advice::Random => files::Advice::Random,
            Advice::WillNeed => files::Advice::WillNeed,
            Advice::DontNeed => files::Advice::DontNeed,
            Advice::NoReuse => files::Advice::NoReuse,
        }
    }
}

impl WasiCtx {
    /// What a descriptor is.
    pub fn describe(&self, fd: u32) -> WasiResult<Description> {
        let descriptor = self.table.get(fd)?;
        let file_type = descriptor.file_type();
        Ok(Description {
            file_type,
            flags: descriptor.flags()?,
            reads: descriptor.rights.contains(Rights::FD_READ) || file_type == FileType::Directory,
            writes: descriptor.rights.contains(Rights::FD_WRITE),
            read_only: descriptor.read_only,
            has_positions: matches!(file_type, FileType::RegularFile | FileType::BlockDevice),
        })
    }

    /// Whether a descriptor is a terminal of the host.
    pub fn is_terminal(&self, fd: u32) -> bool {
        self.table.get(fd).is_ok_and(|descriptor| descriptor.host_fd().is_some_and(|host| host.is_terminal()))
    }

    /// The attributes of an open file.
    pub fn stat(&self, fd: u32) -> WasiResult<FileStat> {
        let descriptor = self.table.get(fd)?;
        Ok(match descriptor.host_fd() {
            Some(host) => FileStat::from(&files::fstat(host)?),
            None => FileStat::of_type(descriptor.file_type()),
        })
    }

    /// Sets the size of an open file; what is added reads as zeroes.
    pub fn set_size(&mut self, fd: u32, size: u64) -> WasiResult {
        let descriptor = self.table.get(fd)?;
        let host = descriptor.file_to_change()?;
        check_file_range(size, 0)?;
        if !descriptor.rights.contains(Rights::FD_WRITE) {
            return Err(Errno::Inval.into());
        }
        let added = match self.output.is_limited {
            true => size.saturating_sub(files::fstat(host)?.st_size as u64),
            false => 0,
        };
        if added > self.output.bytes_left {
            return Err(Errno::Nospc.into());
        }
        self.interrupt.retry(|| limit_as_error(|| files::ftruncate(host, size)))?;
        self.output.bytes_left -= added;
        Ok(())
    }

    /// Sets the timestamps of an open file.
    pub fn set_times(&self, fd: u32, accessed: NewTime, modified: NewTime) -> WasiResult {
        let host = self.table.get(fd)?.file_to_change()?;
        Ok(files::futimens(host, &timestamps(accessed, modified)?)?)
    }

    /// Tells the host how a part of a file will be used; a length of 0 means up to the end.
    pub fn advise(&self, fd: u32, offset: u64, len: u64, advice: Advice) -> WasiResult {
        let host = self.host_fd(fd, Errno::Spipe)?;
        check_file_range(offset, len)?;
        Ok(files::fadvise(host, offset, NonZeroU64::new(len), advice.to_host())?)
    }

    /// The name under which the guest finds a directory at start, if it is one of those.
    pub fn preopen_name(&self, fd: u32) -> Result<&[u8], Errno> {
        self.table.get(fd)?.preopen.as_deref().ok_or(Errno::Badf)
    }

    /// The directories that the guest finds at start, in the order in which they were granted.
    pub fn preopened_dirs(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.table.iter().filter_map(|(fd, descriptor)| Some((fd, descriptor.preopen.as_deref()?)))
    }
}

/// File offsets are signed on the host; what is beyond has no meaning there.
pub(crate) fn check_file_range(offset: u64, len: u64) -> Result<(), Errno> {
    match offset.checked_add(len) {
        Some(end) if i64::try_from(end).is_ok() => Ok(()),
        _ => Err(Errno::Inval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_ranges_are_signed() {
        assert_eq!(check_file_range(0, i64::MAX as u64), Ok(()));
        assert_eq!(check_file_range(1, i64::MAX as u64), Err(Errno::Inval));
        assert_eq!(check_file_range(u64::MAX, 1), Err(Errno::Inval));
    }

    #[test]
    fn no_time_is_taken_for_a_special_one() {
        for nanoseconds in [1_000_000_000, UTIME_NOW as u32, UTIME_OMIT as u32, u32::MAX] {
            assert_eq!(NewTime::At { seconds: 0, nanoseconds }.to_host().err(), Some(Errno::Inval), "{nanoseconds}");
        }
        let far = NewTime::At { seconds: u64::MAX, nanoseconds: 0 };
        assert_eq!(far.to_host().err(), Some(Errno::Overflow));
    }
}
