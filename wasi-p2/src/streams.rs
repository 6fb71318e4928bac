//! `wasi:io/streams`: bytes to and from files, the standard streams and connections.

use std::time::{Duration, Instant};

use wasmer_component::{Borrow, Own};
use wasmer_wasi::ops::{Direction, WaitFor};
use wasmer_wasi::{Errno, Position};

use crate::ctx::WasiP2;
use crate::failure::{Outcome, for_guest, trap};
use crate::filesystem::Descriptor;
use crate::host::{HostInput, HostOutput, StreamEnd};
use crate::io::{IoError, Pollable, Source};
use crate::sockets::TcpSocket;
use crate::types::StreamError;

/// Where a stream comes from, and what lives as long as it does.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    /// A standard stream.
    Host,
    File(Borrow<Descriptor>),
    Tcp(Borrow<TcpSocket>),
}

/// What is behind a stream.
enum Origin<H: ?Sized> {
    Descriptor {
        fd: u32,
        owner: Owner,
        at: Position,
    },
    /// Another interface.
    Host(Box<H>),
}

/// A stream to read from.
pub struct InputStream {
    origin: Origin<dyn HostInput>,
    is_closed: bool,
    pub(crate) pollables: u32,
}

/// A stream to write to.
pub struct OutputStream {
    origin: Origin<dyn HostOutput>,
    is_closed: bool,
    /// What the guest may still write after it asked.
    permit: u64,
    /// What a pipe had room for when that was last found out, less what was written since, and when that was.
    room: Option<(u64, Instant)>,
    /// What a connection did not take yet.
    pending: Vec<u8>,
    pub(crate) pollables: u32,
}

/// The most that is read at once from a file, for which room is made before.
const FILE_READ_MAX: u64 = 1 << 20;

/// The most that is read at once from anything else: what a pipe holds.
const STREAM_READ_MAX: u64 = 1 << 16;

/// What may be written to a file after asking once. Files are always ready, so this is only to have a number.
const FILE_PERMIT: u64 = 1 << 20;

/// What may be written to a connection after asking once; what it does not take at once is kept here.
const SOCKET_PERMIT: u64 = 1 << 16;

/// What a pipe that is ready takes without blocking, and the most of a call that blocks and flushes.
const PIPE_PERMIT: u64 = 4096;

/// Less room than this is not offered without asking again, so that nothing is cut into small pieces.
const ROOM_MIN: u64 = PIPE_PERMIT / 2;

/// For so long a pipe is taken to have the room that it had: others may write to it, too.
const ROOM_KNOWN_FOR: Duration = Duration::from_millis(1);

/// What both kinds of stream return.
type StreamResult<T> = Outcome<Result<T, StreamError>>;

impl<H: ?Sized> Origin<H> {
    /// Whether there may be nothing to do now and something later.
    fn may_wait(&self) -> bool {
        matches!(self, Origin::Host(_) | Origin::Descriptor { at: Position::Current, .. })
    }

    /// Where the next bytes are.
    fn moved_by(&mut self, count: usize) {
        if let Origin::Descriptor { at, .. } = self {
            *at = at.moved_by(count);
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Origin::Descriptor { owner, .. } => *owner,
            Origin::Host(_) => Owner::Host,
        }
    }
}

impl InputStream {
    pub(crate) fn new(fd: u32, owner: Owner, at: Position) -> InputStream {
        InputStream { origin: Origin::Descriptor { fd, owner, at }, is_closed: false, pollables: 0 }
    }

    pub(crate) fn host(input: Box<dyn HostInput>) -> InputStream {
        InputStream { origin: Origin::Host(input), is_closed: false, pollables: 0 }
    }

    fn bytes_max(&self, len: u64) -> usize {
        let max = if self.is_closed || !self.origin.may_wait() { FILE_READ_MAX } else { STREAM_READ_MAX };
        len.min(max) as usize
    }
}

impl OutputStream {
    pub(crate) fn new(fd: u32, owner: Owner, at: Position) -> OutputStream {
        OutputStream::of(Origin::Descriptor { fd, owner, at })
    }

    pub(crate) fn host(output: Box<dyn HostOutput>) -> OutputStream {
        OutputStream::of(Origin::Host(output))
    }

    /// What can be written without asking the system. A pipe that is ready has room for a page, in which small pieces stand one behind the other, so they may come in
    /// several calls.
    fn known_room(&self) -> Option<u64> {
        let (room, since) = self.room?;
        (room >= ROOM_MIN && since.elapsed() < ROOM_KNOWN_FOR).then_some(room)
    }

    fn of(origin: Origin<dyn HostOutput>) -> OutputStream {
        OutputStream { origin, is_closed: false, permit: 0, room: None, pending: Vec::new(), pollables: 0 }
    }
}

impl WasiP2 {
    pub(crate) fn input_source(&self, stream: Borrow<InputStream>) -> Outcome<Source> {
        let stream = self.inputs.get(stream)?;
        Ok(match &stream.origin {
            _ if stream.is_closed || !stream.origin.may_wait() => Source::Wasi(WaitFor::Ready),
            Origin::Descriptor { fd, .. } => Source::Wasi(WaitFor::Descriptor(*fd, Direction::Read)),
            Origin::Host(host) => Source::Host { is_ready: host.is_ready() },
        })
    }

    pub(crate) fn output_source(&self, stream: Borrow<OutputStream>) -> Outcome<Source> {
        let stream = self.outputs.get(stream)?;
        Ok(match &stream.origin {
            _ if stream.is_closed || !stream.origin.may_wait() => Source::Wasi(WaitFor::Ready),
            Origin::Descriptor { fd, .. } => Source::Wasi(WaitFor::Descriptor(*fd, Direction::Write)),
            Origin::Host(host) => Source::Host { is_ready: host.is_ready() },
        })
    }

    /// The end of a stream of another interface.
    fn ended(&mut self, end: StreamEnd) -> Outcome<StreamError> {
        Ok(match end {
            StreamEnd::Closed => StreamError::Closed,
            StreamEnd::Failed(error) => StreamError::LastOperationFailed(self.errors.insert(IoError::Host(error))?),
        })
    }

    /// The failure of an operation, once; from then on the stream is closed.
    fn failed(&mut self, errno: Errno, owner: Owner) -> Outcome<StreamError> {
        let error = match owner {
            Owner::Tcp(_) if errno == Errno::Pipe => return Ok(StreamError::Closed),
            Owner::Tcp(_) => IoError::Network(errno),
            Owner::Host | Owner::File(_) => IoError::File(errno),
        };
        Ok(StreamError::LastOperationFailed(self.errors.insert(error)?))
    }

    // Reading.

    pub(crate) fn read(&mut self, stream: Borrow<InputStream>, len: u64) -> StreamResult<Vec<u8>> {
        let input = self.inputs.get(stream)?;
        if input.is_closed {
            return Ok(Err(StreamError::Closed));
        }
        if len == 0 {
            return Ok(Ok(Vec::new()));
        }
        if self.is_ready(self.input_source(stream)?)? { self.read_ready(stream, len) } else { Ok(Ok(Vec::new())) }
    }

    pub(crate) fn blocking_read(&mut self, stream: Borrow<InputStream>, len: u64) -> StreamResult<Vec<u8>> {
        loop {
            match self.read_ready(stream, len)? {
                // A connection that has nothing yet.
                Ok(bytes) if bytes.is_empty() && len > 0 => self.wait_for(|wasi| wasi.input_source(stream))?,
                result => return Ok(result),
            }
        }
    }

    /// Reads from what has something, or blocks until it has; nothing from a connection that has nothing.
    fn read_ready(&mut self, stream: Borrow<InputStream>, len: u64) -> StreamResult<Vec<u8>> {
        let input = self.inputs.get_mut(stream)?;
        if input.is_closed {
            return Ok(Err(StreamError::Closed));
        }
        if len == 0 {
            return Ok(Ok(Vec::new()));
        }
        let bytes_max = input.bytes_max(len);
        let (fd, at, owner) = match &mut input.origin {
            Origin::Descriptor { fd, at, owner } => (*fd, *at, *owner),
            Origin::Host(host) => {
                let result = host.read(bytes_max);
                return match result {
                    Ok(bytes) => Ok(Ok(bytes)),
                    Err(end) => {
                        input.is_closed = true;
                        self.ended(end).map(Err)
                    }
                };
            }
        };
        if let Owner::Tcp(socket) = owner
            && self.tcp_sockets.get(socket)?.is_deaf
        {
            return Ok(Err(StreamError::Closed));
        }
        // Of a connection that was shut for receiving the system would still give what came before.
        let result = for_guest(self.ctx.read_vec(fd, bytes_max, at))?;
        let input = self.inputs.get_mut(stream)?;
        match result {
            // Bytes were asked for, so this is the end.
            Ok(bytes) if bytes.is_empty() => {
                input.is_closed = true;
                Ok(Err(StreamError::Closed))
            }
            Ok(bytes) => {
                input.origin.moved_by(bytes.len());
                Ok(Ok(bytes))
            }
            Err(Errno::Again) => Ok(Ok(Vec::new())),
            Err(errno) => {
                input.is_closed = true;
                self.failed(errno, owner).map(Err)
            }
        }
    }

    pub(crate) fn skip(&mut self, stream: Borrow<InputStream>, len: u64) -> StreamResult<u64> {
        Ok(self.read(stream, len)?.map(|bytes| bytes.len() as u64))
    }

    pub(crate) fn blocking_skip(&mut self, stream: Borrow<InputStream>, len: u64) -> StreamResult<u64> {
        Ok(self.blocking_read(stream, len)?.map(|bytes| bytes.len() as u64))
    }

    pub(crate) fn subscribe_input(&mut self, stream: Borrow<InputStream>) -> Outcome<Own<Pollable>> {
        self.inputs.get_mut(stream)?.pollables += 1;
        self.pollables.insert(Pollable::Input(stream))
    }

    pub(crate) fn drop_input(&mut self, stream: Own<InputStream>) -> Outcome<()> {
        let stream = Borrow::new(stream.rep);
        if self.inputs.get(stream)?.pollables > 0 {
            return Err(trap("an input stream was dropped before its pollables"));
        }
        match self.inputs.release(stream)? {
            Some(input) => self.release_owner(input.origin.owner()),
            None => Ok(()),
        }
    }

    fn release_owner(&mut self, owner: Owner) -> Outcome<()> {
        match owner {
            Owner::Host => Ok(()),
            Owner::File(descriptor) => self.release_descriptor(descriptor),
            Owner::Tcp(socket) => self.release_tcp(socket),
        }
    }

    // Writing.

    pub(crate) fn check_write(&mut self, stream: Borrow<OutputStream>) -> StreamResult<u64> {
        if let Err(error) = self.push_pending(stream)? {
            return Ok(Err(error));
        }
        let output = self.outputs.get_mut(stream)?;
        if let Some(room) = output.known_room() {
            output.permit = room;
            return Ok(Ok(room));
        }
        let is_kept = !output.pending.is_empty();
        let permit = match &mut output.origin {
            Origin::Descriptor { at, .. } if !matches!(at, Position::Current) => FILE_PERMIT,
            Origin::Descriptor { owner: Owner::Tcp(_), .. } => SOCKET_PERMIT,
            Origin::Descriptor { owner: Owner::Host | Owner::File(_), .. } => PIPE_PERMIT,
            Origin::Host(host) => match host.permit() {
                Ok(permit) => permit,
                Err(end) => {
                    output.is_closed = true;
                    return self.ended(end).map(Err);
                }
            },
        };
        let is_ready = self.is_ready(self.output_source(stream)?)?;
        // What is kept is bounded by this: nothing more is permitted until the connection has taken it.
        let permit = if is_ready && !is_kept { permit } else { 0 };
        let output = self.outputs.get_mut(stream)?;
        output.permit = permit;
        let is_pipe = matches!(
            output.origin,
            Origin::Descriptor { owner: Owner::Host | Owner::File(_), at: Position::Current, .. }
        );
        output.room = (is_pipe && permit > 0).then(|| (permit, Instant::now()));
        Ok(Ok(permit))
    }

    pub(crate) fn write(&mut self, stream: Borrow<OutputStream>, bytes: &[u8]) -> StreamResult<()> {
        self.spend_permit(stream, bytes.len() as u64)?;
        self.write_all(stream, bytes)
    }

    fn spend_permit(&mut self, stream: Borrow<OutputStream>, len: u64) -> Outcome<()> {
        let output = self.outputs.get_mut(stream)?;
        output.permit = output
            .permit
            .checked_sub(len)
            .ok_or_else(|| trap(format!("{len} bytes were written where `check-write` permitted {}", output.permit)))?;
        Ok(())
    }

    /// Writes everything; what a connection does not take now is kept.
    fn write_all(&mut self, stream: Borrow<OutputStream>, mut bytes: &[u8]) -> StreamResult<()> {
        let output = self.outputs.get_mut(stream)?;
        if output.is_closed {
            return Ok(Err(StreamError::Closed));
        }
        let (fd, owner) = match &mut output.origin {
            Origin::Descriptor { fd, owner, .. } => (*fd, *owner),
            Origin::Host(host) => {
                let result = host.write(bytes);
                return match result {
                    Ok(()) => Ok(Ok(())),
                    Err(end) => {
                        output.is_closed = true;
                        self.ended(end).map(Err)
                    }
                };
            }
        };
        if !output.pending.is_empty() {
            self.outputs.get_mut(stream)?.pending.extend_from_slice(bytes);
            return Ok(Ok(()));
        }
        while !bytes.is_empty() {
            let at = match self.outputs.get(stream)?.origin {
                Origin::Descriptor { at, .. } => at,
                Origin::Host(_) => Position::Current,
            };
            let result = for_guest(self.ctx.write(fd, bytes, at))?;
            let output = self.outputs.get_mut(stream)?;
            match result {
                Ok(count) => {
                    output.origin.moved_by(count);
                    if let Some((room, _)) = &mut output.room {
                        *room = room.saturating_sub(count as u64);
                    }
                    bytes = &bytes[count..];
                }
                Err(Errno::Again) => {
                    output.pending.extend_from_slice(bytes);
                    break;
                }
                Err(errno) => {
                    output.is_closed = true;
                    return self.failed(errno, owner).map(Err);
                }
            }
        }
        Ok(Ok(()))
    }

    /// Tries again to write what was kept.
    fn push_pending(&mut self, stream: Borrow<OutputStream>) -> StreamResult<()> {
        let output = self.outputs.get_mut(stream)?;
        if output.is_closed {
            return Ok(Err(StreamError::Closed));
        }
        if output.pending.is_empty() {
            return Ok(Ok(()));
        }
        let kept = std::mem::take(&mut output.pending);
        self.write_all(stream, &kept)
    }

    pub(crate) fn blocking_write_and_flush(&mut self, stream: Borrow<OutputStream>, bytes: &[u8]) -> StreamResult<()> {
        check_blocking(bytes.len() as u64)?;
        match self.write_all(stream, bytes)? {
            Ok(()) => self.blocking_flush(stream),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Begins to flush. Nothing is kept but what a connection did not take, and that goes on by itself.
    pub(crate) fn flush(&mut self, stream: Borrow<OutputStream>) -> StreamResult<()> {
        if let Err(error) = self.push_pending(stream)? {
            return Ok(Err(error));
        }
        let (fd, owner) = match self.outputs.get(stream)?.origin {
            Origin::Descriptor { fd, owner, .. } => (fd, owner),
            // What was taken goes on by itself.
            Origin::Host(_) => return Ok(Ok(())),
        };
        match for_guest(self.ctx.flush(fd))? {
            Ok(()) => Ok(Ok(())),
            Err(errno) => {
                self.outputs.get_mut(stream)?.is_closed = true;
                self.failed(errno, owner).map(Err)
            }
        }
    }

    pub(crate) fn blocking_flush(&mut self, stream: Borrow<OutputStream>) -> StreamResult<()> {
        loop {
            let result = self.flush(stream)?;
            let output = self.outputs.get(stream)?;
            let is_flushed = match &output.origin {
                Origin::Descriptor { .. } => output.pending.is_empty(),
                Origin::Host(host) => host.is_ready(),
            };
            if result.is_err() || is_flushed {
                return Ok(result);
            }
            self.wait_for(|wasi| wasi.output_source(stream))?;
        }
    }

    pub(crate) fn subscribe_output(&mut self, stream: Borrow<OutputStream>) -> Outcome<Own<Pollable>> {
        self.outputs.get_mut(stream)?.pollables += 1;
        self.pollables.insert(Pollable::Output(stream))
    }

    pub(crate) fn write_zeroes(&mut self, stream: Borrow<OutputStream>, len: u64) -> StreamResult<()> {
        self.spend_permit(stream, len)?;
        let mut left = len;
        while left > 0 {
            let part = left.min(PIPE_PERMIT);
            if let Err(error) = self.write_all(stream, &[0; PIPE_PERMIT as usize][..part as usize])? {
                return Ok(Err(error));
            }
            left -= part;
        }
        Ok(Ok(()))
    }

    pub(crate) fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Borrow<OutputStream>,
        len: u64,
    ) -> StreamResult<()> {
        check_blocking(len)?;
        self.blocking_write_and_flush(stream, &[0; PIPE_PERMIT as usize][..len as usize])
    }

    pub(crate) fn splice(
        &mut self,
        to: Borrow<OutputStream>,
        from: Borrow<InputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        // In this order: what has been read cannot be given back.
        let permit = match self.check_write(to)? {
            Ok(permit) => permit,
            Err(error) => return Ok(Err(error)),
        };
        let bytes = match self.read(from, len.min(permit))? {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(error)),
        };
        Ok(self.write(to, &bytes)?.map(|()| bytes.len() as u64))
    }

    pub(crate) fn blocking_splice(
        &mut self,
        to: Borrow<OutputStream>,
        from: Borrow<InputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        if len > 0 {
            if let Err(error) = self.blocking_flush(to)? {
                return Ok(Err(error));
            }
            self.wait_for(|wasi| wasi.output_source(to))?;
            self.wait_for(|wasi| wasi.input_source(from))?;
        }
        self.splice(to, from, len)
    }

    pub(crate) fn drop_output(&mut self, stream: Own<OutputStream>) -> Outcome<()> {
        let stream = Borrow::new(stream.rep);
        if self.outputs.get(stream)?.pollables > 0 {
            return Err(trap("an output stream was dropped before its pollables"));
        }
        match self.outputs.release(stream)? {
            Some(output) => self.release_owner(output.origin.owner()),
            None => Ok(()),
        }
    }
}

fn check_blocking(len: u64) -> Outcome<()> {
    if len > PIPE_PERMIT {
        return Err(trap(format!("{len} bytes were to be written and flushed at once; {PIPE_PERMIT} are allowed")));
    }
    Ok(())
}
