//! `path_open`: from a path to a descriptor.

use crate::ctx::WasiCtx;
use crate::error::WasiResult;
use crate::memory::GuestMemory;
use crate::ops::{Access, OpenRequest};
use crate::resolve;
use crate::rights::Rights;
use crate::types::{FdFlags, LookupFlags, OpenFlags};

impl WasiCtx {
    /// Opens a file or directory, creating or truncating it if asked to. Of the rights that are asked for only those to read and to write mean
    /// anything: guests ask for the others out of habit, also for what they only read.
    #[allow(clippy::too_many_arguments, reason = "the WASI signature has that many")]
    pub fn path_open(
        &mut self,
        mem: &GuestMemory<'_>,
        dirfd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        oflags: u32,
        rights: u64,
        _inheriting: u64,
        fdflags: u32,
        fd_out: u32,
    ) -> WasiResult {
        mem.check(fd_out, 4)?;
        let path = resolve::read_path(mem, path, path_len)?;
        let rights = Rights::from_bits(rights);
        let request = OpenRequest {
            path: &path,
            follow: LookupFlags::from_guest(lookup)?.contains(LookupFlags::SYMLINK_FOLLOW),
            open: OpenFlags::from_guest(oflags)?,
            flags: FdFlags::from_guest(fdflags)?,
            access: Access::new(rights.contains(Rights::FD_READ), rights.contains(Rights::FD_WRITE)),
        };
        let fd = self.open(dirfd, &request)?;
        Ok(mem.write_u32(fd_out, fd)?)
    }
}
