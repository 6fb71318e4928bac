//! The bytes of a body on their way between a guest, which waits in system calls, and the network, which never waits.
//!
//! Between both there are never many more bytes than [`BYTES_MAX`]: who gives waits for who takes, on both sides.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::Frame;
use wasmer_wasi_p2::host::{GuestWaker, StreamEnd};

use crate::types::{ErrorCode, HttpFailure};

/// What is kept of a body before its giver has to wait.
pub(crate) const BYTES_MAX: usize = 1 << 16;

/// How a body ends: with its trailers, if it has any, or before its end.
pub(crate) type End = Result<Option<HeaderMap>, ErrorCode>;

/// One body on its way.
pub(crate) struct Pipe {
    state: Mutex<State>,
    /// Wakes the guest.
    waker: GuestWaker,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    /// Of all chunks.
    bytes: usize,
    /// Said by the giver, and behind all chunks unless it is a failure.
    end: Option<End>,
    /// Whether the end has been taken.
    is_over: bool,
    /// Whether nobody takes what comes, only how it ends.
    is_ignored: bool,
    /// Whether nobody takes anything any more.
    is_abandoned: bool,
    /// Whether the guest has found that it has to wait.
    guest_waits: bool,
    /// Whether the network has been made to wait before a failure.
    has_paused: bool,
    /// The network's side, if it waits.
    waker: Option<Waker>,
    /// All bytes that were given.
    given: u64,
    /// What the header says of the length of a guest's body.
    length: Option<u64>,
}

impl Pipe {
    pub(crate) fn new(waker: GuestWaker) -> Arc<Pipe> {
        Arc::new(Pipe { state: Mutex::default(), waker })
    }

    /// A body of no bytes.
    pub(crate) fn empty(waker: GuestWaker) -> Arc<Pipe> {
        let pipe = Pipe::new(waker);
        pipe.lock().end = Some(Ok(None));
        pipe
    }

    /// A guest's body, of a length that is known.
    pub(crate) fn with_length(waker: GuestWaker, length: Option<u64>) -> Arc<Pipe> {
        let pipe = Pipe::new(waker);
        pipe.lock().length = length;
        pipe
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is done under the lock that leaves a state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state for the guest's side, and wakes that if it waits.
    fn for_guest<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        let must_ring = std::mem::take(&mut state.guest_waits);
        drop(state);
        if must_ring {
            self.waker.wake();
        }
        result
    }

    /// Changes the state for the network's side, and wakes that if it waits.
    fn for_network<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    // The guest takes.

    /// At most so many bytes, none if there are none yet.
    pub(crate) fn take(&self, bytes_max: usize) -> Result<Vec<u8>, StreamEnd> {
        self.for_network(|state| state.take(bytes_max))
    }

    /// Whether there is something to take for the guest, or nothing will come.
    pub(crate) fn can_take(&self) -> bool {
        let mut state = self.lock();
        let can_take = state.bytes > 0 || state.end.is_some() || state.is_over;
        state.guest_waits = !can_take;
        can_take
    }

    /// Whether it is known how the body ends.
    pub(crate) fn has_end(&self) -> bool {
        let mut state = self.lock();
        let has_end = state.end.is_some() || state.is_over;
        state.guest_waits = !has_end;
        has_end
    }

    /// How the body ended, once it has; what comes before that is of no interest any more.
    pub(crate) fn take_end(&self) -> Option<End> {
        let mut state = self.lock();
        let end = state.end.take();
        state.is_over |= end.is_some();
        state.guest_waits = end.is_none();
        end
    }

    /// The guest wants to know how the body ends, and nothing before that.
    pub(crate) fn ignore(&self) {
        self.for_network(|state| {
            state.is_ignored = true;
            state.discard();
        });
    }

    // The guest gives.

    /// How many bytes the guest may give now.
    pub(crate) fn permit(&self) -> Result<u64, StreamEnd> {
        let state = self.lock();
        if state.is_abandoned { Err(StreamEnd::Closed) } else { Ok(BYTES_MAX.saturating_sub(state.bytes) as u64) }
    }

    pub(crate) fn can_give(&self) -> bool {
        let mut state = self.lock();
        let can_give = state.bytes < BYTES_MAX || state.is_abandoned;
        state.guest_waits = !can_give;
        can_give
    }

    pub(crate) fn give(&self, bytes: &[u8]) -> Result<(), StreamEnd> {
        self.for_network(|state| state.give(bytes))
    }

    /// Whether the guest has given nothing.
    pub(crate) fn is_unused(&self) -> bool {
        self.lock().given == 0
    }

    /// The guest has given everything. Fails if that is not as much as its header says.
    pub(crate) fn finish(&self, trailers: Option<HeaderMap>) -> Result<(), ErrorCode> {
        self.for_network(|state| {
            let result = match state.length {
                Some(length) if length != state.given => Err(ErrorCode::HttpRequestBodySize(Some(state.given))),
                _ => Ok(()),
            };
            state.end_with(result.clone().map(|()| trailers));
            result
        })
    }

    /// The guest gives nothing, whatever its header says.
    pub(crate) fn leave_out(&self) {
        self.for_network(|state| state.end_with(Ok(None)));
    }

    /// The guest gives no more, and not everything.
    pub(crate) fn abort(&self, code: ErrorCode) {
        self.for_network(|state| state.end_with(Err(code)));
    }

    // The network takes.

    pub(crate) fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpFailure>>> {
        self.for_guest(|state| state.poll_frame(cx))
    }

    /// How many bytes are still to come, if that is known.
    pub(crate) fn bytes_left(&self) -> Option<u64> {
        let state = self.lock();
        match &state.end {
            Some(Ok(None)) => Some(state.bytes as u64),
            _ => state.length.map(|length| length - (state.given - state.bytes as u64).min(length)),
        }
    }

    /// Whether the network has taken everything, trailers, too.
    pub(crate) fn is_taken(&self) -> bool {
        let state = self.lock();
        state.is_over || state.bytes == 0 && matches!(state.end, Some(Ok(None)))
    }

    /// Nobody takes anything any more: for whichever side it is that does not.
    pub(crate) fn abandon(&self) {
        let abandon = |state: &mut State| {
            state.is_abandoned = true;
            state.discard();
        };
        self.for_network(abandon);
        self.for_guest(abandon);
    }

    // The network gives.

    /// Whether the guest still wants what comes, once there is room for it. Wakes if that changes, in any case.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        state.waker = Some(cx.waker().clone());
        match state.bytes < BYTES_MAX {
            _ if state.is_abandoned => Poll::Ready(false),
            true => Poll::Ready(true),
            false => Poll::Pending,
        }
    }

    pub(crate) fn push(&self, bytes: Bytes) {
        self.for_guest(|state| {
            if !bytes.is_empty() && !state.is_ignored && !state.is_abandoned {
                state.bytes += bytes.len();
                state.chunks.push_back(bytes);
            }
        });
    }

    pub(crate) fn end(&self, end: End) {
        self.for_guest(|state| state.end_with(end));
    }
}

impl State {
    /// The first end counts.
    fn end_with(&mut self, end: End) {
        if self.end.is_none() && !self.is_over {
            self.end = Some(end);
        }
    }

    fn discard(&mut self) {
        self.chunks.clear();
        self.bytes = 0;
    }

    fn take(&mut self, bytes_max: usize) -> Result<Vec<u8>, StreamEnd> {
        let mut taken = Vec::new();
        while let Some(chunk) = self.chunks.front_mut() {
            let room = bytes_max - taken.len();
            if chunk.len() > room {
                taken.extend_from_slice(&chunk.split_to(room));
                break;
            }
            taken.extend_from_slice(chunk);
            self.chunks.pop_front();
        }
        self.bytes -= taken.len();
        if !taken.is_empty() || bytes_max == 0 {
            return Ok(taken);
        }
        match &self.end {
            None if self.is_over => Err(StreamEnd::Closed),
            None => Ok(taken),
            // Trailers stay, for who asks for them.
            Some(Ok(_)) => Err(StreamEnd::Closed),
            Some(Err(code)) => Err(StreamEnd::Failed(Box::new(HttpFailure(code.clone())))),
        }
    }

    fn give(&mut self, bytes: &[u8]) -> Result<(), StreamEnd> {
        if self.is_abandoned || self.end.is_some() {
            return Err(StreamEnd::Closed);
        }
        let given = self.given + bytes.len() as u64;
        if self.length.is_some_and(|length| given > length) {
            let code = ErrorCode::HttpRequestBodySize(Some(given));
            self.end = Some(Err(code.clone()));
            return Err(StreamEnd::Failed(Box::new(HttpFailure(code))));
        }
        self.given = given;
        self.bytes += bytes.len();
        if !bytes.is_empty() {
            self.chunks.push_back(Bytes::copy_from_slice(bytes));
        }
        Ok(())
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpFailure>>> {
        if let Some(chunk) = self.chunks.pop_front() {
            self.bytes -= chunk.len();
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if let Some(Err(code)) = &self.end {
            // Once later, so that what was taken before is sent before the failure ends everything.
            if !std::mem::replace(&mut self.has_paused, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let failure = HttpFailure(code.clone());
            self.is_over = true;
            return Poll::Ready(Some(Err(failure)));
        }
        if self.is_over {
            return Poll::Ready(None);
        }
        match self.end.take() {
            Some(Ok(trailers)) => {
                self.is_over = true;
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            end => {
                self.end = end;
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
