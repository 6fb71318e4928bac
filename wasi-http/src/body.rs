//! `incoming-body`, `outgoing-body`, `future-trailers`: bodies as resources, and as streams of `wasi:io`.

use std::sync::Arc;

use hyper::HeaderMap;
use wasmer_component::{Borrow, Own};
use wasmer_wasi_p2::host::{HostEvent, HostInput, HostOutput, StreamEnd};
use wasmer_wasi_p2::{InputStream, Outcome, OutputStream, Pollable, trap};

use crate::ctx::WasiHttp;
use crate::fields::{Fields, take};
use crate::pipe::{End, Pipe};
use crate::types::ErrorCode;

/// What must be gone before that which has made it: who has a copy exists.
#[derive(Clone, Default)]
struct Child(Arc<()>);

impl Child {
    fn is_alive(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

/// A body that comes.
pub(crate) struct IncomingBody {
    pipe: Arc<Pipe>,
    stream: Child,
    is_streamed: bool,
    is_finished: bool,
}

/// A body that goes. One that is dropped before it is finished reaches nobody as a whole one.
pub(crate) struct OutgoingBody {
    pipe: Arc<Pipe>,
    stream: Child,
    is_streamed: bool,
    /// Whether it may be empty whatever the header says of its length: that of a response to `HEAD`.
    may_be_left_out: bool,
}

/// How a body that comes will end.
pub(crate) struct FutureTrailers {
    pipe: Arc<Pipe>,
    is_taken: bool,
    waiting: Child,
}

struct BodyInput(Arc<Pipe>, #[allow(dead_code, reason = "it is there as long as the stream is")] Child);

struct BodyOutput(Arc<Pipe>, #[allow(dead_code, reason = "it is there as long as the stream is")] Child);

struct BodyEnd(Arc<Pipe>, #[allow(dead_code, reason = "it is there as long as the pollable is")] Child);

impl HostInput for BodyInput {
    fn read(&mut self, bytes_max: usize) -> Result<Vec<u8>, StreamEnd> {
        self.0.take(bytes_max)
    }

    fn is_ready(&self) -> bool {
        self.0.can_take()
    }
}

impl HostOutput for BodyOutput {
    fn permit(&mut self) -> Result<u64, StreamEnd> {
        self.0.permit()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamEnd> {
        self.0.give(bytes)
    }

    fn is_ready(&self) -> bool {
        self.0.can_give()
    }
}

impl HostEvent for BodyEnd {
    fn is_ready(&self) -> bool {
        self.0.has_end()
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        if !self.is_finished {
            self.pipe.abandon();
        }
    }
}

impl Drop for FutureTrailers {
    fn drop(&mut self) {
        self.pipe.abandon();
    }
}

/// After `finish` this does nothing: the pipe has its end already.
impl Drop for OutgoingBody {
    fn drop(&mut self) {
        self.pipe.abort(ErrorCode::HttpResponseIncomplete);
    }
}

impl IncomingBody {
    pub(crate) fn new(pipe: Arc<Pipe>) -> IncomingBody {
        IncomingBody { pipe, stream: Child::default(), is_streamed: false, is_finished: false }
    }

    /// From now on only its end is of interest.
    fn finish(mut self) -> Arc<Pipe> {
        self.is_finished = true;
        self.pipe.ignore();
        Arc::clone(&self.pipe)
    }
}

impl OutgoingBody {
    pub(crate) fn new(pipe: Arc<Pipe>, may_be_left_out: bool) -> OutgoingBody {
        OutgoingBody { pipe, stream: Child::default(), is_streamed: false, may_be_left_out }
    }

    fn finish(&self, trailers: Option<HeaderMap>) -> Result<(), ErrorCode> {
        if self.may_be_left_out && self.pipe.is_unused() {
            self.pipe.leave_out();
            return Ok(());
        }
        self.pipe.finish(trailers)
    }
}

impl WasiHttp {
    pub(crate) fn incoming_body_stream(&mut self, body: Borrow<IncomingBody>) -> Outcome<Result<Own<InputStream>, ()>> {
        let body = self.incoming_bodies.get_mut(body)?;
        if std::mem::replace(&mut body.is_streamed, true) {
            // Once is all that the definition allows: there is one stream for a body.
            return Ok(Err(()));
        }
        let input = BodyInput(Arc::clone(&body.pipe), body.stream.clone());
        self.p2.add_input(input).map(Ok)
    }

    pub(crate) fn finish_incoming_body(&mut self, body: Own<IncomingBody>) -> Outcome<Own<FutureTrailers>> {
        let body = take(&mut self.incoming_bodies, body)?;
        if body.stream.is_alive() {
            return Err(trap("the body of a request or response was finished before its stream was dropped"));
        }
        let pipe = body.finish();
        self.trailers.insert(FutureTrailers { pipe, is_taken: false, waiting: Child::default() })
    }

    pub(crate) fn drop_incoming_body(&mut self, body: Own<IncomingBody>) -> Outcome<()> {
        let body = take(&mut self.incoming_bodies, body)?;
        if body.stream.is_alive() {
            return Err(trap("the body of a request or response was dropped before its stream"));
        }
        Ok(())
    }

    pub(crate) fn subscribe_trailers(&mut self, trailers: Borrow<FutureTrailers>) -> Outcome<Own<Pollable>> {
        let trailers = self.trailers.get(trailers)?;
        let end = BodyEnd(Arc::clone(&trailers.pipe), trailers.waiting.clone());
        self.p2.add_event(end)
    }

    #[allow(clippy::type_complexity, reason = "the type is the definition's")]
    pub(crate) fn get_trailers(
        &mut self,
        trailers: Borrow<FutureTrailers>,
    ) -> Outcome<Option<Result<Result<Option<Own<Fields>>, ErrorCode>, ()>>> {
        let future = self.trailers.get_mut(trailers)?;
        if future.is_taken {
            return Ok(Some(Err(())));
        }
        // Nothing: not there yet. `Err`: taken before (`future-trailers.get`).
        let Some(end): Option<End> = future.pipe.take_end() else { return Ok(None) };
        future.is_taken = true;
        let trailers = match end {
            Ok(None) => Ok(None),
            Ok(Some(map)) => Ok(Some(self.show_fields(Arc::new(map))?)),
            Err(code) => Err(code),
        };
        Ok(Some(Ok(trailers)))
    }

    pub(crate) fn drop_trailers(&mut self, trailers: Own<FutureTrailers>) -> Outcome<()> {
        let future = take(&mut self.trailers, trailers)?;
        if future.waiting.is_alive() {
            return Err(trap("the future of trailers was dropped before its pollables"));
        }
        Ok(())
    }

    pub(crate) fn outgoing_body_write(&mut self, body: Borrow<OutgoingBody>) -> Outcome<Result<Own<OutputStream>, ()>> {
        let body = self.outgoing_bodies.get_mut(body)?;
        if std::mem::replace(&mut body.is_streamed, true) {
            return Ok(Err(()));
        }
        let output = BodyOutput(Arc::clone(&body.pipe), body.stream.clone());
        self.p2.add_output(output).map(Ok)
    }

    pub(crate) fn finish_outgoing_body(
        &mut self,
        body: Own<OutgoingBody>,
        trailers: Option<Own<Fields>>,
    ) -> Outcome<Result<(), ErrorCode>> {
        let body = take(&mut self.outgoing_bodies, body)?;
        if body.stream.is_alive() {
            return Err(trap("the body of a request or response was finished before its stream was dropped"));
        }
        let trailers = trailers.map(|trailers| self.take_fields(trailers)).transpose()?;
        Ok(body.finish(trailers.map(|map| (*map).clone())))
    }

    pub(crate) fn drop_outgoing_body(&mut self, body: Own<OutgoingBody>) -> Outcome<()> {
        let body = take(&mut self.outgoing_bodies, body)?;
        if body.stream.is_alive() {
            return Err(trap("the body of a request or response was dropped before its stream"));
        }
        Ok(())
    }
}
