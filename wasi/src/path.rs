//! `path_*`: everything that takes a path, except `path_open`.

use std::fs::File;
use std::os::fd::AsRawFd;

use rustix::fs::{AtFlags, CWD, Mode, Timestamps};

use crate::ctx::{Interrupt, WasiCtx};
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::fd_stat::timestamps;
use crate::memory::GuestMemory;
use crate::resolve::{self, Leaf, read_path};
use crate::types::{FileStat, FileType, LookupFlags, Snapshot};

/// Permissions of a new directory, before the process's mask.
const NEW_DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

/// The longest target of a symbolic link, as on Linux.
const LINK_BYTES_MAX: usize = 4096;

impl WasiCtx {
    /// Creates a directory.
    pub fn path_create_directory(&mut self, mem: &GuestMemory<'_>, fd: u32, path: u32, path_len: u32) -> WasiResult {
        let path = read_path(mem, path, path_len)?;
        self.make_name(path.len(), |ctx| {
            let dir = ctx.dir_to_change(fd)?;
            let leaf = Leaf::resolve(&ctx.interrupt, dir, &path)?;
            let name = leaf.name_or(Errno::Exist)?;
            Ok(rustix::fs::mkdirat(leaf.dir(), name, NEW_DIRECTORY_MODE)?)
        })
    }

    /// Removes an empty directory.
    pub fn path_remove_directory(&mut self, mem: &GuestMemory<'_>, fd: u32, path: u32, path_len: u32) -> WasiResult {
        let path = read_path(mem, path, path_len)?;
        let dir = self.dir_to_change(fd)?;
        let leaf = Leaf::resolve(&self.interrupt, dir, &path)?;
        let name = leaf.name_or(Errno::Inval)?;
        Ok(rustix::fs::unlinkat(leaf.dir(), name, AtFlags::REMOVEDIR)?)
    }

    /// Removes a name of something that is not a directory.
    pub fn path_unlink_file(&mut self, mem: &GuestMemory<'_>, fd: u32, path: u32, path_len: u32) -> WasiResult {
        let path = read_path(mem, path, path_len)?;
        let dir = self.dir_to_change(fd)?;
        let leaf = Leaf::resolve(&self.interrupt, dir, &path)?;
        let name = leaf.name_or(Errno::Isdir)?;
        if leaf.slash {
            // Only a directory may be named like this, and this function removes none.
            leaf.check_slash(name)?;
            return Err(Errno::Isdir.into());
        }
        Ok(rustix::fs::unlinkat(leaf.dir(), name, AtFlags::empty())?)
    }

    /// Writes the attributes of what a path leads to.
    pub fn path_filestat_get(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        out: u32,
    ) -> WasiResult {
        self.path_stat(mem, fd, lookup, (path, path_len), out, Snapshot::Preview1)
    }

    /// `path_filestat_get` of the older snapshot.
    pub fn path_filestat_get_unstable(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        out: u32,
    ) -> WasiResult {
        self.path_stat(mem, fd, lookup, (path, path_len), out, Snapshot::Unstable)
    }

    fn path_stat(
        &self,
        mem: &GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        (path, path_len): (u32, u32),
        out: u32,
        snapshot: Snapshot,
    ) -> WasiResult {
        let path = read_path(mem, path, path_len)?;
        let dir = self.dir_to_ask(fd)?;
        let follow = follows(lookup)?;
        mem.check(out, FileStat::size_bytes(snapshot))?;
        let stat = resolve::stat(&self.interrupt, dir, &path, follow)?;
        Ok(FileStat::from(&stat).write(mem, out, snapshot)?)
    }

    /// Sets the timestamps of what a path leads to.
    #[allow(clippy::too_many_arguments, reason = "the WASI signature has that many")]
    pub fn path_filestat_set_times(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        accessed_ns: u64,
        modified_ns: u64,
        flags: u32,
    ) -> WasiResult {
        let path = read_path(mem, path, path_len)?;
        let dir = self.dir_to_change(fd)?;
        let follow = follows(lookup)?;
        let times = timestamps(accessed_ns, modified_ns, flags)?;
        set_times(&self.interrupt, dir, &path, follow, &times)
    }

    /// Writes the target of a symbolic link, cut off at the end of the buffer. An absolute one is not told, as none can be made.
    #[allow(clippy::too_many_arguments, reason = "the WASI signature has that many")]
    pub fn path_readlink(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
        buf: u32,
        buf_len: u32,
        bufused: u32,
    ) -> WasiResult {
        let path = read_path(mem, path, path_len)?;
        let dir = self.dir_to_ask(fd)?;
        mem.check(buf, buf_len)?;
        mem.check(bufused, 4)?;
        let leaf = Leaf::resolve(&self.interrupt, dir, &path)?;
        let name = leaf.name_or(Errno::Inval)?;
        if leaf.slash {
            // The slash means what the link leads to, and that is no link.
            resolve::stat(&self.interrupt, dir, &path, true)?;
            return Err(Errno::Inval.into());
        }
        let mut target = [std::mem::MaybeUninit::uninit(); LINK_BYTES_MAX];
        let (target, _) = rustix::fs::readlinkat_raw(leaf.dir(), name, &mut target)?;
        // It leads out, so it cannot be followed, and where it leads says how the host's folders are named.
        if target.starts_with(b"/") {
            return Err(Errno::Notcapable.into());
        }
        let len = target.len().min(buf_len as usize);
        mem.write_bytes(buf, &target[..len])?;
        Ok(mem.write_u32(bufused, len as u32)?)
    }

    /// Creates a symbolic link. The target is not resolved now; whoever follows the link is confined anyway. An absolute
    /// target is refused nevertheless, lest it leads a program outside of the sandbox astray.
    pub fn path_symlink(
        &mut self,
        mem: &GuestMemory<'_>,
        target: u32,
        target_len: u32,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> WasiResult {
        let target = read_path(mem, target, target_len)?;
        let path = read_path(mem, path, path_len)?;
        self.make_name(path.len() + target.len(), |ctx| {
            let dir = ctx.dir_to_change(fd)?;
            if target.starts_with(b"/") {
                return Err(Errno::Notcapable.into());
            }
            let leaf = Leaf::resolve(&ctx.interrupt, dir, &path)?;
            let name = leaf.name_or(Errno::Exist)?;
            check_new_name(&leaf, name)?;
            Ok(rustix::fs::symlinkat(&target[..], leaf.dir(), name)?)
        })
    }

    /// Gives a file another name. A symbolic link is linked itself, never followed.
    #[allow(clippy::too_many_arguments, reason = "the WASI signature has that many")]
    pub fn path_link(
        &mut self,
        mem: &GuestMemory<'_>,
        old_fd: u32,
        old_lookup: u32,
        old_path: u32,
        old_path_len: u32,
        new_fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> WasiResult {
        let old_path = read_path(mem, old_path, old_path_len)?;
        let new_path = read_path(mem, new_path, new_path_len)?;
        self.make_name(new_path.len(), |ctx| {
            let (old_dir, new_dir) = (ctx.dir_to_change(old_fd)?, ctx.dir_to_change(new_fd)?);
            if follows(old_lookup)? {
                return Err(Errno::Inval.into());
            }
            let old = Leaf::resolve(&ctx.interrupt, old_dir, &old_path)?;
            let old_name = old.name_or(Errno::Perm)?;
            old.check_slash(old_name)?;
            let new = Leaf::resolve(&ctx.interrupt, new_dir, &new_path)?;
            let new_name = new.name_or(Errno::Exist)?;
            check_new_name(&new, new_name)?;
            Ok(rustix::fs::linkat(old.dir(), old_name, new.dir(), new_name, AtFlags::empty())?)
        })
    }

    /// Renames a file or directory, replacing what had the new name.
    #[allow(clippy::too_many_arguments, reason = "the WASI signature has that many")]
    pub fn path_rename(
        &mut self,
        mem: &GuestMemory<'_>,
        old_fd: u32,
        old_path: u32,
        old_path_len: u32,
        new_fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> WasiResult {
        let old_path = read_path(mem, old_path, old_path_len)?;
        let new_path = read_path(mem, new_path, new_path_len)?;
        let (old_dir, new_dir) = (self.dir_to_change(old_fd)?, self.dir_to_change(new_fd)?);
        let old = Leaf::resolve(&self.interrupt, old_dir, &old_path)?;
        let old_name = old.name_or(Errno::Busy)?;
        let new = Leaf::resolve(&self.interrupt, new_dir, &new_path)?;
        let new_name = new.name_or(Errno::Busy)?;
        // A slash after either name says that a directory is meant, and then the old one must be one.
        if (old.slash || new.slash) && old.file_type(old_name)? != FileType::Directory {
            return Err(Errno::Notdir.into());
        }
        Ok(rustix::fs::renameat(old.dir(), old_name, new.dir(), new_name)?)
    }

    fn dir_to_ask(&self, fd: u32) -> WasiResult<&File> {
        Ok(&self.table.get(fd)?.dir()?.file)
    }

    fn dir_to_change(&self, fd: u32) -> WasiResult<&File> {
        let descriptor = self.table.get(fd)?;
        let dir = descriptor.dir()?;
        if descriptor.read_only {
            return Err(Errno::Rofs.into());
        }
        Ok(&dir.file)
    }
}

fn follows(lookup: u32) -> Result<bool, Errno> {
    Ok(LookupFlags::from_guest(lookup)?.contains(LookupFlags::SYMLINK_FOLLOW))
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
            return Ok(rustix::fs::utimensat(leaf.dir(), name, times, flags)?);
        }
    }
    let file = resolve::open_path_only(interrupt, dir, path, follow)?;
    match rustix::fs::utimensat(&file, "", times, AtFlags::EMPTY_PATH) {
        // Before Linux 5.8: name the same file through the list of open ones.
        Err(rustix::io::Errno::INVAL) => {
            let name = format!("/proc/self/fd/{}", file.as_raw_fd());
            Ok(rustix::fs::utimensat(CWD, name, times, AtFlags::empty())?)
        }
        result => Ok(result?),
    }
}
