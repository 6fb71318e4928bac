//! `sock_*`: sockets. A guest cannot make any; it gets listening ones at start and accepts connections from them.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host;
use crate::host::HostErrno;
use crate::host::clocks::Timespec;
use crate::host::fd::{AsFd, OwnedFd};
use crate::host::sockets::{self, Shutdown, SocketFlags};
use crate::host::wait::{PollFd, PollFlags, poll};
use crate::memory::GuestMemory;
use crate::ops::io::within_budget;
use crate::rights::Rights;
use crate::table::{Descriptor, Object};
use crate::types::FdFlags;

/// Bits of `riflags`.
const RECV_PEEK: u32 = 1;
const RECV_WAITALL: u32 = 2;

/// Bit of `roflags`: the message was longer than the buffers.
const RECV_DATA_TRUNCATED: u16 = 1;

impl WasiCtx {
    /// Accepts a connection and writes its descriptor. Of the flags, only "do not block" makes sense.
    pub fn sock_accept(&mut self, mem: &GuestMemory<'_>, fd: u32, flags: u32, fd_out: u32) -> WasiResult {
        let descriptor = self.table.get(fd)?;
        let (listener, listener_flags) = match &descriptor.object {
            Object::Listener(listener, flags) => (listener, *flags),
            Object::Stream(_) => return Err(Errno::Inval.into()),
            _ => return Err(Errno::Notsock.into()),
        };
        let mut host_flags = SocketFlags::CLOEXEC;
        match FdFlags::from_guest(flags)? {
            FdFlags::NONBLOCK => host_flags |= SocketFlags::NONBLOCK,
            none if none == FdFlags::default() => {}
            _ => return Err(Errno::Inval.into()),
        }
        mem.check(fd_out, 4)?;
        // Before a connection is taken from the queue.
        self.table.check_room()?;
        let accepted = self.interrupt.retry(|| {
            loop {
                // Others share the socket, so its own flags are neither changed nor trusted.
                let timeout = listener_flags.contains(FdFlags::NONBLOCK).then(Timespec::default);
                if poll(&mut [PollFd::new(listener, PollFlags::IN)], timeout.as_ref())? == 0 {
                    return Err(HostErrno::AGAIN);
                }
                match sockets::accept_with(listener, host_flags) {
                    // Another process was quicker.
                    Err(HostErrno::AGAIN) if timeout.is_none() => {}
                    result => return result,
                }
            }
        })?;
        let fd = self.table.insert(Descriptor {
            object: Object::Stream(accepted),
            rights: Rights::STREAM_SOCKET,
            inheriting: Rights::NONE,
            preopen: None,
            read_only: false,
        })?;
        Ok(mem.write_u32(fd_out, fd)?)
    }

    /// Receives a message.
    #[allow(clippy::too_many_arguments, reason = "the WASI signature has that many")]
    pub fn sock_recv(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        ri_data: u32,
        ri_data_len: u32,
        ri_flags: u32,
        ro_datalen: u32,
        ro_flags: u32,
    ) -> WasiResult {
        let socket = connected(self.table.get(fd)?)?;
        if ri_flags & !(RECV_PEEK | RECV_WAITALL) != 0 {
            return Err(Errno::Inval.into());
        }
        let mut flags = 0;
        for (asked, host) in [(RECV_PEEK, sockets::PEEK), (RECV_WAITALL, sockets::WAIT_ALL)] {
            if ri_flags & asked != 0 {
                flags |= host;
            }
        }
        mem.check(ro_datalen, 4)?;
        mem.check(ro_flags, 2)?;
        let buffers = mem.io_buffers(ri_data, ri_data_len)?;
        let received = self.interrupt.retry(|| host::io::receive(socket.as_fd(), &buffers, flags))?;
        let bytes = u32::try_from(received.bytes).map_err(|_| Errno::Overflow)?;
        mem.write_u32(ro_datalen, bytes)?;
        let truncated = if received.truncated { RECV_DATA_TRUNCATED } else { 0 };
        Ok(mem.write_u16(ro_flags, truncated)?)
    }

    /// Sends a message. There are no flags yet.
    pub fn sock_send(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        si_data: u32,
        si_data_len: u32,
        si_flags: u32,
        so_datalen: u32,
    ) -> WasiResult {
        let socket = connected(self.table.get(fd)?)?;
        if si_flags != 0 {
            return Err(Errno::Inval.into());
        }
        mem.check(so_datalen, 4)?;
        let buffers = within_budget(mem.io_buffers(si_data, si_data_len)?, self.output.bytes_left)?;
        let sent = self.interrupt.retry(|| host::io::send(socket.as_fd(), &buffers))?;
        self.output.bytes_left -= sent as u64;
        let sent = u32::try_from(sent).map_err(|_| Errno::Overflow)?;
        Ok(mem.write_u32(so_datalen, sent)?)
    }

    /// Ends one or both directions of a connection.
    pub fn sock_shutdown(&mut self, _mem: &GuestMemory<'_>, fd: u32, how: u32) -> WasiResult {
        let socket = connected(self.table.get(fd)?)?;
        let how = match how {
            1 => Shutdown::Read,
            2 => Shutdown::Write,
            3 => Shutdown::Both,
            _ => return Err(Errno::Inval.into()),
        };
        Ok(sockets::shutdown(socket, how)?)
    }
}

/// The host's socket behind a connection.
fn connected(descriptor: &Descriptor) -> WasiResult<&OwnedFd> {
    match &descriptor.object {
        Object::Stream(socket) => Ok(socket),
        Object::Listener(..) => Err(Errno::Notconn.into()),
        Object::File(_) | Object::Dir(_) | Object::Reader(_) | Object::Writer(_) => Err(Errno::Notsock.into()),
    }
}
