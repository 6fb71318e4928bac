//! `wasi:io/error` and `wasi:io/poll`.

use wasmer_component::{Borrow, Own};
use wasmer_wasi::Errno;
use wasmer_wasi::ops::{Direction, WaitFor};

use crate::ctx::WasiP2;
use crate::failure::{Outcome, for_guest, or_trap, trap};
use crate::sockets::{ResolveAddressStream, TcpSocket, UdpSocket};
use crate::streams::{InputStream, OutputStream};

/// Why a stream failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IoError {
    pub(crate) errno: Errno,
    /// Whether the stream is a connection, whose codes are not those of files.
    pub(crate) is_network: bool,
}

/// Something to wait for.
///
/// What it belongs to lives as long as it does: a stream may not be dropped before, which traps; sockets and listings are kept.
pub(crate) enum Pollable {
    /// It is ready, and stays so.
    Ready,
    /// Until the host's monotonic clock shows this.
    Deadline(u64),
    /// Until a stream has something to read, or is at its end.
    Input(Borrow<InputStream>),
    /// Until a stream takes something.
    Output(Borrow<OutputStream>),
    /// Until the operation of a socket that is under way, whichever that will be, can be finished.
    Tcp(Borrow<TcpSocket>),
    /// Until a datagram can be received or sent.
    Udp(Borrow<UdpSocket>, Direction),
    /// Until the addresses of a name are there.
    Lookup(Borrow<ResolveAddressStream>),
}

/// The most that one call waits for: what a host with usual limits could poll.
const POLLABLES_MAX: usize = 4096;

impl WasiP2 {
    pub(crate) fn describe_error(&mut self, error: Borrow<IoError>) -> Outcome<String> {
        Ok(self.errors.get(error)?.errno.text().to_owned())
    }

    pub(crate) fn drop_error(&mut self, error: Own<IoError>) -> Outcome<()> {
        self.errors.release(Borrow::new(error.rep)).map(drop)
    }

    /// What a pollable waits for at this moment.
    fn source(&self, pollable: Borrow<Pollable>) -> Outcome<WaitFor> {
        match *self.pollables.get(pollable)? {
            Pollable::Ready => Ok(WaitFor::Ready),
            Pollable::Deadline(deadline) => Ok(WaitFor::Deadline(deadline)),
            Pollable::Input(stream) => self.input_source(stream),
            Pollable::Output(stream) => self.output_source(stream),
            Pollable::Tcp(socket) => self.tcp_source(socket),
            Pollable::Udp(socket, direction) => self.udp_source(socket, direction),
            Pollable::Lookup(lookup) => self.lookup_source(lookup),
        }
    }

    pub(crate) fn ready(&mut self, pollable: Borrow<Pollable>) -> Outcome<bool> {
        let source = self.source(pollable)?;
        or_trap(for_guest(self.ctx.is_ready(source))?, "cannot poll")
    }

    pub(crate) fn block(&mut self, pollable: Borrow<Pollable>) -> Outcome<()> {
        let source = self.source(pollable)?;
        self.wait_for(source)
    }

    pub(crate) fn wait_for(&self, source: WaitFor) -> Outcome<()> {
        or_trap(for_guest(self.ctx.wait(&[source]))?, "cannot poll").map(drop)
    }

    pub(crate) fn poll(&mut self, pollables: Vec<Borrow<Pollable>>) -> Outcome<Vec<u32>> {
        if pollables.is_empty() {
            return Err(trap("`poll` was called with an empty list"));
        }
        if pollables.len() > POLLABLES_MAX {
            return Err(trap(format!("`poll` was called with more than {POLLABLES_MAX} pollables")));
        }
        let sources = pollables.iter().map(|pollable| self.source(*pollable)).collect::<Outcome<Vec<_>>>()?;
        or_trap(for_guest(self.ctx.wait(&sources))?, "cannot poll")
    }

    pub(crate) fn drop_pollable(&mut self, pollable: Own<Pollable>) -> Outcome<()> {
        match self.pollables.release(Borrow::new(pollable.rep))? {
            Some(Pollable::Input(stream)) => self.inputs.get_mut(stream)?.pollables -= 1,
            Some(Pollable::Output(stream)) => self.outputs.get_mut(stream)?.pollables -= 1,
            Some(Pollable::Tcp(socket)) => self.release_tcp(socket)?,
            Some(Pollable::Udp(socket, _)) => self.release_udp(socket)?,
            Some(Pollable::Lookup(lookup)) => self.release_lookup(lookup)?,
            Some(Pollable::Ready | Pollable::Deadline(_)) | None => {}
        }
        Ok(())
    }
}
