//! Open files, and names in open directories.

pub(crate) use rustix::fs::{
    Advice, AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags, RawDir, SeekFrom, Stat, Timespec, Timestamps,
    UTIME_NOW, UTIME_OMIT, fadvise, fallocate, fcntl_getfl, fcntl_setfl, fdatasync, fstat, fsync, ftruncate, futimens,
    linkat, mkdirat, open, openat, readlinkat_raw, renameat, seek, statat, symlinkat, tell, unlinkat, utimensat,
};
pub(crate) use rustix::io::fcntl_dupfd_cloexec;

/// `O_DSYNC`. The constant in rustix stands for the stronger `O_SYNC` on Linux.
pub(crate) const DSYNC: OFlags = OFlags::from_bits_retain(libc::O_DSYNC as u32);
