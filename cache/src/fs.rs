//! What the cache asks of the operating system. Nothing else in this crate names a system (`cargo xtask tidy` looks).
//!
//! The store is files and symbolic links in a few folders, all of which are used through descriptors that were looked at once. Its words are those of POSIX; what a
//! system has to provide for it is this:
//!
//! | what | for what |
//! |---|---|
//! | Folders that only one user can enter, and whose owner and mode can be examined by descriptor | Code is not taken from others. |
//! | Names in an open folder: open, examine without following a link, make, rename over another, remove | An artifact is there whole or not at all. |
//! | Small records in one call: symbolic links whose target is the record (ADR 4); elsewhere, files with as little in them | A warm start writes nothing and reads little. |
//! | Attributes that change with a file's contents: device, inode, size, times to the nanosecond, and whether the file system keeps them | A file is recognised without being read. |
//! | Locks of files that end with their process (`std`'s), and waiting for a process without a race for its number | One process compiles, and a finisher can be stopped. |

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FsWord, fstatfs};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

pub(crate) use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, fdatasync, fstat, mkdir, mkdirat, open, openat, readlinkat, renameat,
    statat, symlinkat, unlinkat,
};
pub(crate) use rustix::io::Errno;
pub(crate) use rustix::path::Arg;
pub(crate) use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
pub(crate) use std::os::unix::fs::FileExt;

/// File systems (`f_type` of `statfs`) that keep nanosecond change times themselves, and change them when a clean page is first written
/// through a mapping (`page_mkwrite` calls `file_update_time`). Missing on purpose: network and user-space ones, whose times come from
/// elsewhere, or from a cache; tmpfs, where such writes never change a time; ZFS, where they do when the page is written back, seconds
/// later; overlayfs, which can stand on any of them.
const TRUSTED_FILE_SYSTEMS: &[(FsWord, &str)] =
    &[(0xef53, "ext4"), (0x5846_5342, "xfs"), (0x9123_683e, "btrfs"), (0xf2f5_2010, "f2fs"), (0xca45_1a4e, "bcachefs")];

/// Whether what was examined belongs to the user that this process acts as.
pub(crate) fn is_ours(stat: &Stat) -> bool {
    stat.st_uid == rustix::process::geteuid().as_raw()
}

/// The names of all that is in a folder, but for folders.
pub(crate) fn names(folder: BorrowedFd<'_>) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." && entry.file_type() != FileType::Directory {
            names.push(name.to_vec());
        }
    }
    Ok(names)
}

/// Whether the file system of an open file keeps times that identify contents.
pub(crate) fn keeps_exact_times(file: &File) -> bool {
    fstatfs(file).is_ok_and(|stat| {
        TRUSTED_FILE_SYSTEMS.iter().any(|(number, _)| *number as u64 & 0xffff_ffff == stat.f_type as u64 & 0xffff_ffff)
    })
}

/// A process that is held, so that its number is nobody else's while it is examined.
pub(crate) struct Process {
    pid: Pid,
    held: OwnedFd,
}

impl Process {
    /// The process with this number, if it is there.
    pub(crate) fn hold(pid: u32) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        Some(Self { pid, held: pidfd_open(pid, PidfdFlags::empty()).ok()? })
    }

    /// Whether it has a file open. The number in a lock file may be of another container's process, and ours of that number somebody else.
    pub(crate) fn has_open(&self, file: &File) -> bool {
        let identity = |stat: std::fs::Metadata| (stat.dev(), stat.ino());
        let Ok(wanted) = file.metadata().map(identity) else { return false };
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.pid.as_raw_nonzero()));
        files
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.path().metadata().is_ok_and(|stat| identity(stat) == wanted))
    }

    /// Ends it, and waits until it is gone.
    pub(crate) fn end(&self, patience: Duration) -> io::Result<()> {
        match pidfd_send_signal(&self.held, Signal::TERM) {
            Ok(()) => {}
            // It has ended by itself.
            Err(Errno::SRCH) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let patience = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: 0 };
        match poll(&mut [PollFd::new(&self.held, PollFlags::IN)], Some(&patience))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}
