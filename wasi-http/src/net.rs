//! Bodies between guests and hyper.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::pipe::Pipe;
use crate::types::{ErrorCode, HttpFailure};

/// The body of a guest, for hyper to send.
pub(crate) struct PipeBody(pub(crate) Arc<Pipe>);

impl Body for PipeBody {
    type Data = Bytes;
    type Error = HttpFailure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpFailure>>> {
        self.0.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_taken()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.bytes_left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for PipeBody {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Brings a guest the body that hyper receives, until its end or until the guest wants no more. `silence_max` is how long nothing may come.
pub(crate) async fn pump(mut body: Incoming, pipe: Arc<Pipe>, silence_max: Option<Duration>) {
    let mut timer = silence_max.map(|silence_max| (silence_max, Box::pin(tokio::time::sleep(silence_max))));
    let end = poll_fn(|cx| poll_pump(cx, &mut body, &pipe, &mut timer)).await;
    pipe.end(end);
}

type Timer = Option<(Duration, Pin<Box<Sleep>>)>;

fn poll_pump(cx: &mut Context<'_>, body: &mut Incoming, pipe: &Pipe, timer: &mut Timer) -> Poll<crate::pipe::End> {
    loop {
        // Room first: what has been received must be kept, so nothing is received that the guest has no room for.
        if !ready!(pipe.poll_room(cx)) {
            return Poll::Ready(Ok(None));
        }
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
            // The timer runs only while the network is waited for, not while the guest has no room.
            let Some((_, sleep)) = timer else { return Poll::Pending };
            ready!(sleep.as_mut().poll(cx));
            return Poll::Ready(Err(ErrorCode::ConnectionReadTimeout));
        };
        if let Some((silence_max, sleep)) = timer {
            sleep.as_mut().reset(Instant::now() + *silence_max);
        }
        match frame.map(|frame| frame.map(Frame::into_data)) {
            None => return Poll::Ready(Ok(None)),
            Some(Ok(Ok(bytes))) => pipe.push(bytes),
            Some(Ok(Err(frame))) => {
                if let Ok(mut trailers) = frame.into_trailers() {
                    crate::fields::without_connection(&mut trailers);
                    return Poll::Ready(Ok(Some(trailers)));
                }
            }
            Some(Err(error)) => return Poll::Ready(Err(code_of(&error))),
        }
    }
}

/// What went wrong with a connection.
pub(crate) fn code_of(error: &hyper::Error) -> ErrorCode {
    if error.is_timeout() {
        ErrorCode::ConnectionReadTimeout
    } else if error.is_parse_too_large() {
        ErrorCode::HttpResponseHeaderSectionSize(None)
    } else if error.is_incomplete_message() || error.is_closed() || error.is_body_write_aborted() {
        ErrorCode::ConnectionTerminated
    } else {
        ErrorCode::HttpProtocolError
    }
}
