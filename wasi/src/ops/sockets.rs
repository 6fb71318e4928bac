//! Sockets as entries of the table: they count as open files, are read, written and waited for like them.

use crate::host::fd::{BorrowedFd, OwnedFd};

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::rights::Rights;
use crate::table::{Descriptor, Object};

impl WasiCtx {
    /// Fails with [`Errno::Mfile`] when no further descriptor fits; to be asked before anything is made.
    pub fn check_room(&self) -> Result<(), Errno> {
        self.table.check_room()
    }

    /// Puts a socket, or what can be waited for like one, into the table.
    pub fn add_socket(&mut self, socket: OwnedFd) -> WasiResult<u32> {
        Ok(self.table.insert(Descriptor {
            object: Object::Stream(socket),
            rights: Rights::STREAM_SOCKET,
            inheriting: Rights::NONE,
            preopen: None,
            read_only: false,
        })?)
    }

    /// The host's socket behind a descriptor.
    pub fn socket(&self, fd: u32) -> WasiResult<BorrowedFd<'_>> {
        self.host_fd(fd, Errno::Notsock)
    }

    /// Takes so many bytes from what the guest may still write; none if that is too much.
    pub fn spend_output(&mut self, bytes: u64) -> Result<(), Errno> {
        self.output.bytes_left = self.output.bytes_left.checked_sub(bytes).ok_or(Errno::Nospc)?;
        Ok(())
    }
}
