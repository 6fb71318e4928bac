//! Opening files below a directory, which nothing leads out of.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use cap_primitives::fs::{FollowSymlinks, OpenOptionsExt};
use rustix::fs::{OFlags, PROC_SUPER_MAGIC, fstatfs};

use crate::host::HostResult;

pub(crate) use cap_primitives::fs::OpenOptions;

/// Options for [`open`]. Creating, truncating and so on are among `flags`, because the methods of `OpenOptions` insist on
/// combinations that WASI does not.
pub(crate) fn options(read: bool, write: bool, follow: bool, flags: OFlags) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(read).write(write).custom_flags(flags.bits() as i32);
    // Not among the custom flags: the fallback for old kernels looks at this field only.
    options._cap_fs_ext_follow(if follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
    options
}

/// Opens a path below `start`.
pub(crate) fn open(start: &File, path: &[u8], options: &OpenOptions) -> io::Result<File> {
    cap_primitives::fs::open(start, as_path(path), options)
}

/// Opens a directory below `start`.
pub(crate) fn open_dir(start: &File, path: &[u8]) -> io::Result<File> {
    cap_primitives::fs::open_dir(start, as_path(path))
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// Whether a file lies on procfs, wherever that is mounted.
pub(crate) fn is_of_processes(file: impl AsFd) -> HostResult<bool> {
    Ok(fstatfs(file)?.f_type == PROC_SUPER_MAGIC)
}
