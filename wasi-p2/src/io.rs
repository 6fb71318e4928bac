//! `wasi:io/error` and `wasi:io/poll`.

use std::error::Error;

use wasmer_component::{Borrow, Own};
use wasmer_wasi::Errno;
use wasmer_wasi::ops::{Direction, WaitFor};

use crate::ctx::WasiP2;
use crate::failure::{Outcome, for_guest, or_trap, trap};
use crate::host::HostEvent;
use crate::sockets::{ResolveAddressStream, TcpSocket, UdpSocket};
use crate::streams::{InputStream, OutputStream};

/// Why a stream failed.
pub enum IoError {
    /// Its file.
    File(Errno),
    /// Its connection, whose codes are not those of files.
    Network(Errno),
    /// A stream of another interface.
    Host(Box<dyn Error + Send + Sync>),
}

/// Something to wait for.
///
/// What it belongs to lives as long as it does: a stream may not be dropped before, which traps; sockets and listings are kept.
#[expect(private_interfaces, reason = "others only name the type")]
pub enum Pollable {
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
    /// Until something has happened that another interface brings.
    Host(Box<dyn HostEvent>),
}

/// What a pollable waits for at this moment.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    Wasi(WaitFor),
    /// Something of another interface, which calls the waker when it is ready.
    Host {
        is_ready: bool,
    },
}

/// The most that one call waits for: what a host with usual limits could poll.
const POLLABLES_MAX: usize = 4096;

impl WasiP2 {
    pub(crate) fn describe_error(&mut self, error: Borrow<IoError>) -> Outcome<String> {
        Ok(match self.errors.get(error)? {
            IoError::File(errno) | IoError::Network(errno) => errno.text().to_owned(),
            IoError::Host(error) => error.to_string(),
        })
    }

    /// What a stream of another interface failed with.
    pub fn host_error(&self, error: Borrow<IoError>) -> Outcome<Option<&(dyn Error + Send + Sync + 'static)>> {
        Ok(match self.errors.get(error)? {
            IoError::Host(error) => Some(&**error),
            IoError::File(_) | IoError::Network(_) => None,
        })
    }

    pub(crate) fn drop_error(&mut self, error: Own<IoError>) -> Outcome<()> {
        self.errors.release(Borrow::new(error.rep)).map(drop)
    }

    fn source(&self, pollable: Borrow<Pollable>) -> Outcome<Source> {
        let wait_for = match self.pollables.get(pollable)? {
            Pollable::Ready => WaitFor::Ready,
            Pollable::Deadline(deadline) => WaitFor::Deadline(*deadline),
            Pollable::Input(stream) => return self.input_source(*stream),
            Pollable::Output(stream) => return self.output_source(*stream),
            Pollable::Tcp(socket) => self.tcp_source(*socket)?,
            Pollable::Udp(socket, direction) => self.udp_source(*socket, *direction)?,
            Pollable::Lookup(lookup) => self.lookup_source(*lookup)?,
            Pollable::Host(event) => return Ok(Source::Host { is_ready: event.is_ready() }),
        };
        Ok(Source::Wasi(wait_for))
    }

    pub(crate) fn ready(&mut self, pollable: Borrow<Pollable>) -> Outcome<bool> {
        self.is_ready(self.source(pollable)?)
    }

    pub(crate) fn is_ready(&self, source: Source) -> Outcome<bool> {
        match source {
            Source::Wasi(WaitFor::Ready) => Ok(true),
            Source::Wasi(source) => or_trap(for_guest(self.ctx.is_ready(source))?, "cannot poll"),
            Source::Host { is_ready } => Ok(is_ready),
        }
    }

    pub(crate) fn block(&mut self, pollable: Borrow<Pollable>) -> Outcome<()> {
        self.wait_for(|wasi| wasi.source(pollable))
    }

    pub(crate) fn wait_for(&mut self, source: impl Fn(&WasiP2) -> Outcome<Source>) -> Outcome<()> {
        self.wait_for_any(|wasi| Ok(vec![source(wasi)?])).map(drop)
    }

    pub(crate) fn poll(&mut self, pollables: Vec<Borrow<Pollable>>) -> Outcome<Vec<u32>> {
        if pollables.is_empty() {
            return Err(trap("`poll` was called with an empty list"));
        }
        if pollables.len() > POLLABLES_MAX {
            return Err(trap(format!("`poll` was called with more than {POLLABLES_MAX} pollables")));
        }
        self.wait_for_any(|wasi| pollables.iter().map(|pollable| wasi.source(*pollable)).collect())
    }

    /// Waits until one is ready at least: the positions of those that are. `look` says what each waits for.
    fn wait_for_any(&mut self, look: impl Fn(&WasiP2) -> Outcome<Vec<Source>>) -> Outcome<Vec<u32>> {
        let mut sources = look(self)?;
        loop {
            let waker = if sources.iter().any(|source| matches!(source, Source::Host { is_ready: false })) {
                let fd = self.silent_bell()?;
                sources = look(self)?;
                WaitFor::Descriptor(fd, Direction::Read)
            } else {
                WaitFor::Ready
            };
            let waits = sources.iter().map(|source| match source {
                Source::Wasi(wait_for) => *wait_for,
                Source::Host { is_ready: true } => WaitFor::Ready,
                Source::Host { is_ready: false } => waker,
            });
            let mut ready = or_trap(for_guest(self.ctx.wait(&waits.collect::<Vec<_>>()))?, "cannot poll")?;
            ready.retain(|position| !matches!(sources[*position as usize], Source::Host { is_ready: false }));
            if !ready.is_empty() {
                return Ok(ready);
            }
            // It rang, for one of those that are to be looked at again.
            sources = look(self)?;
        }
    }

    pub(crate) fn drop_pollable(&mut self, pollable: Own<Pollable>) -> Outcome<()> {
        match self.pollables.release(Borrow::new(pollable.rep))? {
            Some(Pollable::Input(stream)) => self.inputs.get_mut(stream)?.pollables -= 1,
            Some(Pollable::Output(stream)) => self.outputs.get_mut(stream)?.pollables -= 1,
            Some(Pollable::Tcp(socket)) => self.release_tcp(socket)?,
            Some(Pollable::Udp(socket, _)) => self.release_udp(socket)?,
            Some(Pollable::Lookup(lookup)) => self.release_lookup(lookup)?,
            Some(Pollable::Ready | Pollable::Deadline(_) | Pollable::Host(_)) | None => {}
        }
        Ok(())
    }
}
