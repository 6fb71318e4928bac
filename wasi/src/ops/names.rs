//! What acts on a path below a directory, except opening it.
//!
//! Every path is taken as it is: [`check_path`](crate::check_path) comes before.

use std::fs::File;

use crate::ctx::{Interrupt, WasiCtx};
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host::HostErrno;
use crate::host::fd::AsRawFd;
use crate::host::files::{self, AtFlags, CWD, Mode, Timestamps};
use crate::ops::NewTime;
use crate::ops::attributes::timestamps;
use crate::resolve::{self, Leaf};
use crate::types::{FileStat, FileType};

/// Permissions of a new directory, before the process's mask.
const NEW_DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

/// The longest target of a symbolic link, as on Linux.
const LINK_BYTES_MAX: usize = 4096;

impl WasiCtx {
    /// Creates a directory.
    pub fn create_directory(&mut self, fd: u32, path: &[u8]) -> WasiResult {
        self.make_name(path.len(), |ctx| {
            let dir = ctx.dir_to_change(fd)?;
            let leaf = Leaf::resolve(&ctx.interrupt, dir, path)?;
            let name = leaf.name_or(Errno::Exist)?;
            Ok(files::mkdirat(leaf.dir(), name, NEW_DIRECTORY_MODE)?)
        })
    }

    /// Removes an empty directory.
    pub fn remove_directory(&self, fd: u32, path: &[u8]) -> WasiResult {
        let dir = self.dir_to_change(fd)?;
        let leaf = Leaf::resolve(&self.interrupt, dir, path)?;
        let name = leaf.name_or(Errno::Inval)?;
        Ok(files::unlinkat(leaf.dir(), name, AtFlags::REMOVEDIR)?)
    }

    /// Removes a name of something that is not a directory.
    pub fn unlink_file(&self, fd: u32, path: &[u8]) -> WasiResult {
        let dir = self.dir_to_change(fd)?;
        let leaf = Leaf::resolve(&self.interrupt, dir, path)?;
        let name = leaf.name_or(Errno::Isdir)?;
        if leaf.slash {
            // Only a directory may be named like this, and this function removes none.
            leaf.check_slash(name)?;
            return Err(Errno::Isdir.into());
        }
        Ok(files::unlinkat(leaf.dir(), name, AtFlags::empty())?)
    }

    /// The attributes of what a path leads to.
    pub fn stat_at(&self, fd: u32, path: &[u8], follow: bool) -> WasiResult<FileStat> {
        let dir = self.dir_to_ask(fd)?;
        Ok(FileStat::from(&resolve::stat(&self.interrupt, dir, path, follow)?))
    }

    /// Sets the timestamps of what a path leads to.
    pub fn set_times_at(&self, fd: u32, path: &[u8], follow: bool, accessed: NewTime, modified: NewTime) -> WasiResult {
        let dir = self.dir_to_change(fd)?;
        set_times(&self.interrupt, dir, path, follow, &timestamps(accessed, modified)?)
    }

    /// Hands the target of a symbolic link to `take`. An absolute one is not told, as none can be made.
    pub fn read_link<R>(&self, fd: u32, path: &[u8], take: impl FnOnce(&[u8]) -> R) -> WasiResult<R> {
        let dir = self.dir_to_ask(fd)?;
        let leaf = Leaf::resolve(&self.interrupt, dir, path)?;
        let name = leaf.name_or(Errno::Inval)?;
        if leaf.slash {
            // The slash means what the link leads to, and that is no link.
            resolve::stat(&self.interrupt, dir, path, true)?;
            return Err(Errno::Inval.into());
        }
        let mut target = [std::mem::MaybeUninit::uninit(); LINK_BYTES_MAX];
        let (target, _) = files::readlinkat_raw(leaf.dir(), name, &mut target)?;
        // It leads out, so it cannot be followed, and where it leads says how the host's folders are named.
        if target.starts_with(b"/") {
            return Err(Errno::Notcapable.into());
        }
        Ok(take(target))
    }

    /// Creates a symbolic link. The target is not resolved now; whoever follows the link is confined anyway. An absolute
    /// target is refused nevertheless, lest it leads a program outside of the sandbox astray.
    pub fn make_symlink(&mut self, target: &[u8], fd: u32, path: &[u8]) -> WasiResult {
        self.make_name(path.len() + target.len(), |ctx| {
            let dir = ctx.dir_to_change(fd)?;
            if target.starts_with(b"/") {
                return Err(Errno::Notcapable.into());
            }
            let leaf = Leaf::resolve(&ctx.interrupt, dir, path)?;
            let name = leaf.name_or(Errno::Exist)?;
            check_new_name(&leaf, name)?;
            Ok(files::symlinkat(target, leaf.dir(), name)?)
        })
    }

    /// Gives a file another name. A symbolic link is linked itself, never followed.
    pub fn make_link(&mut self, (old_fd, old_path): (u32, &[u8]), (new_fd, new_path): (u32, &[u8])) -> WasiResult {
        self.make_name(new_path.len(), |ctx| {
            let (old_dir, new_dir) = (ctx.dir_to_change(old_fd)?, ctx.dir_to_change(new_fd)?);
            let old = Leaf::resolve(&ctx.interrupt, old_dir, old_path)?;
            let old_name = old.name_or(Errno::Perm)?;
            old.check_slash(old_name)?;
            let new = Leaf::resolve(&ctx.interrupt, new_dir, new_path)?;
            let new_name = new.name_or(Errno::Exist)?;
            check_new_name(&new, new_name)?;
            Ok(files::linkat(old.dir(), old_name, new.dir(), new_name, AtFlags::empty())?)
        })
    }

    /// Renames a file or directory, replacing what had the new name.
    pub fn rename(&self, (old_fd, old_path): (u32, &[u8]), (new_fd, new_path): (u32, &[u8])) -> WasiResult {
        let (old_dir, new_dir) = (self.dir_to_change(old_fd)?, self.dir_to_change(new_fd)?);
        let old = Leaf::resolve(&self.interrupt, old_dir, old_path)?;
        let old_name = old.name_or(Errno::Busy)?;
        let new = Leaf::resolve(&self.interrupt, new_dir, new_path)?;
        let new_name = new.name_or(Errno::Busy)?;
        // A slash after either name says that a directory is meant, and then the old one must be one.
        if (old.slash || new.slash) && old.file_type(old_name)? != FileType::Directory {
            return Err(Errno::Notdir.into());
        }
        Ok(files::renameat(old.dir(), old_name, new.dir(), new_name)?)
    }

    pub(crate) fn dir_to_ask(&self, fd: u32) -> WasiResult<&File> {
        Ok(&self.table.get(fd)?.dir()?.file)
    }

    pub(crate) fn dir_to_change(&self, fd: u32) -> WasiResult<&File> {
        let descriptor = self.table.get(fd)?;
        let dir = descriptor.dir()?;
        if descriptor.read_only {
            return Err(Errno::Rofs.into());
        }
        Ok(&dir.file)
    }
}

/// A new name that is no directory must not end in a slash. Which error that is depends on what is there already.
fn check_new_name(leaf: &Leaf<'_>, name: &[u8]) -> Result<(), Errno> {
    if !leaf.slash {
        return Ok(());
    }
    match leaf.file_type(name)? {
        FileType::Directory => Err(Errno::Exist),
        _ => Err(Errno::Notdir),
    }
}

fn set_times(interrupt: &Interrupt, dir: &File, path: &[u8], follow: bool, times: &Timestamps) -> WasiResult {
    if !follow {
        let leaf = Leaf::resolve(interrupt, dir, path)?;
        if let (resolve::LeafName::Name(name), false) = (leaf.name, leaf.slash) {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            return Ok(files::utimensat(leaf.dir(), name, times, flags)?);
        }
    }
    let file = resolve::open_path_only(interrupt, dir, path, follow)?;
    match files::utimensat(&file, "", times, AtFlags::EMPTY_PATH) {
        // Before Linux 5.8: name the same file through the list of open ones.
        Err(HostErrno::INVAL) => {
            let name = format!("/proc/self/fd/{}", file.as_raw_fd());
            Ok(files::utimensat(CWD, name, times, AtFlags::empty())?)
        }
        result => Ok(result?),
    }
}
