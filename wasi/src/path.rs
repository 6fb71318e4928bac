//! `path_*`: everything that takes a path, except `path_open`.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::fd_stat::new_times;
use crate::memory::GuestMemory;
use crate::resolve::read_path;
use crate::types::{FileStat, LookupFlags, Snapshot};

impl WasiCtx {
    /// Creates a directory.
    pub fn path_create_directory(&mut self, mem: &GuestMemory<'_>, fd: u32, path: u32, path_len: u32) -> WasiResult {
        let path = read_path(mem, path, path_len)?;
        self.create_directory(fd, &path)
    }

    /// Removes an empty directory.
    pub fn path_remove_directory(&mut self, mem: &GuestMemory<'_>, fd: u32, path: u32, path_len: u32) -> WasiResult {
        let path = read_path(mem, path, path_len)?;
        self.remove_directory(fd, &path)
    }

    /// Removes a name of something that is not a directory.
    pub fn path_unlink_file(&mut self, mem: &GuestMemory<'_>, fd: u32, path: u32, path_len: u32) -> WasiResult {
        let path = read_path(mem, path, path_len)?;
        self.unlink_file(fd, &path)
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
        self.dir_to_ask(fd)?;
        let follow = follows(lookup)?;
        mem.check(out, FileStat::size_bytes(snapshot))?;
        Ok(self.stat_at(fd, &path, follow)?.write(mem, out, snapshot)?)
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
        self.dir_to_change(fd)?;
        let follow = follows(lookup)?;
        let (accessed, modified) = new_times(accessed_ns, modified_ns, flags)?;
        self.set_times_at(fd, &path, follow, accessed, modified)
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
        self.dir_to_ask(fd)?;
        mem.check(buf, buf_len)?;
        mem.check(bufused, 4)?;
        let len = self.read_link(fd, &path, |target| {
            let len = target.len().min(buf_len as usize);
            mem.write_bytes(buf, &target[..len]).map(|()| len)
        })??;
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
        self.make_symlink(&target, fd, &path)
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
        self.dir_to_change(old_fd).and(self.dir_to_change(new_fd))?;
        if follows(old_lookup)? {
            return Err(Errno::Inval.into());
        }
        self.make_link((old_fd, &old_path), (new_fd, &new_path))
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
        self.rename((old_fd, &old_path), (new_fd, &new_path))
    }
}

fn follows(lookup: u32) -> Result<bool, Errno> {
    Ok(LookupFlags::from_guest(lookup)?.contains(LookupFlags::SYMLINK_FOLLOW))
}
