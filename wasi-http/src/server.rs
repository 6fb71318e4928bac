//! The network's side of requests that come: connections, limits, the end.
//!
//! Connections and guests are tasks of tokio, on as many threads as there are processors. A guest that computes gives way from time to time, and one that makes a system
//! call that may block (`wasi:io/poll` is one) hands over the other tasks of its thread before. So there are at most as many threads more as requests are answered at a time,
//! which is bounded; what comes beyond waits for its turn as long as its time lasts.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout, timeout_at};
use wasmer_api::Error;
use wasmer_wasi::ExitStatus;
use wasmer_wasi_p2::Grants;
use wasmer_wasi_p2::host::GuestWaker;

use crate::app::App;
use crate::client::Client;
use crate::deadlines::Deadlines;
use crate::incoming::IncomingRequest;
use crate::log::Access;
use crate::net::{PipeBody, pump};
use crate::pipe::Pipe;
use crate::types::{ErrorCode, HttpFailure};

/// Somebody who is told of something, on any thread.
pub type Listener<T> = Box<dyn Fn(&T) + Send + Sync>;

/// How requests are served.
pub struct Options {
    /// How long a request may take, from its header to the last byte of its answer that the guest hands over.
    pub timeout: Duration,
    /// How many requests are answered at a time: each has an instance, and a thread while it waits.
    pub requests_max: usize,
    /// How many connections there may be.
    pub connections_max: usize,
    /// How long requests that are being answered may go on after [`Stop::stop`].
    pub grace: Duration,
    /// Where guests may send requests.
    pub net: Grants,
    /// The certificates that those are trusted with whom guests send requests to: a file (PEM), or else a built-in list.
    pub certificates: Option<PathBuf>,
    /// Whether SIGTERM and SIGINT do what [`Stop::stop`] does.
    pub obeys_signals: bool,
    /// Is told of each request once it has been answered.
    pub log: Option<Listener<Access>>,
    /// Is told of each guest that failed.
    pub failed: Option<Listener<Error>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            timeout: Duration::from_secs(30),
            requests_max: 128,
            connections_max: 1024,
            grace: Duration::from_secs(10),
            net: Grants::none(),
            certificates: None,
            obeys_signals: false,
            log: None,
            failed: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Ends a server, from any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<u32>);

impl Stop {
    /// Nothing is stopped yet.
    pub fn new() -> Stop {
        Stop(watch::Sender::new(0))
    }

    /// No connection is accepted any more, and no request on those that there are; what is being answered goes on for the time of [`Options::grace`]. A second call
    /// ends that, too.
    pub fn stop(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Done when it has been called so often.
    async fn called(&self, times: u32) {
        let mut calls = self.0.subscribe();
        // The sender is there: it is ours.
        let _ = calls.wait_for(|count| *count >= times).await;
    }
}

impl Default for Stop {
    fn default() -> Stop {
        Stop::new()
    }
}

/// How long clients are waited for.
#[derive(Clone, Copy)]
struct Timeouts {
    /// For the header of a request, between requests, and for a sign of life on a connection of HTTP/2.
    header: Duration,
    /// Until something is taken of what is sent.
    send: Duration,
}

const TIMEOUTS: Timeouts = Timeouts { header: Duration::from_secs(30), send: Duration::from_secs(30) };
/// How long a client that has connected and said nothing is waited for in the end: what it said may only just have come.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_millis(100);
/// The most that a header may take.
const HEADER_BYTES_MAX: usize = 1 << 16;
/// How many requests a connection of HTTP/2 may have at a time.
const STREAMS_MAX: u32 = 100;
/// How long is waited after a connection could not be accepted, for want of descriptors for instance.
const RETRY: Duration = Duration::from_millis(50);
/// How long guests that were interrupted may take to notice.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// What all connections share.
struct Server {
    app: App,
    options: Options,
    timeouts: Timeouts,
    client: Arc<Client>,
    /// One for each request that may be answered at a time.
    turns: Arc<Semaphore>,
    wakers: Mutex<Vec<GuestWaker>>,
    deadlines: Arc<Deadlines>,
    stop: Stop,
    /// Whether guests that still run are to end.
    is_over: watch::Sender<bool>,
}

/// Serves until `stop` says so, on this thread and others.
///
/// # Errors
/// If the system refuses threads, or the certificates cannot be read.
pub fn serve(listener: TcpListener, app: App, options: Options, stop: &Stop) -> io::Result<()> {
    serve_with(listener, app, options, TIMEOUTS, stop)
}

fn serve_with(listener: TcpListener, app: App, options: Options, timeouts: Timeouts, stop: &Stop) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        // For each guest that waits in the system a thread takes over from it; and lookups of names.
        .max_blocking_threads(options.requests_max.saturating_add(threads))
        .thread_name("wasmer serve")
        .enable_all()
        .build()?;
    let client = Client::new(runtime.handle().clone(), options.net.clone(), options.certificates.as_deref())?;
    let server = Arc::new(Server {
        app,
        client: Arc::new(client),
        turns: Arc::new(Semaphore::new(options.requests_max.min(Semaphore::MAX_PERMITS))),
        wakers: Mutex::default(),
        deadlines: Arc::default(),
        stop: stop.clone(),
        is_over: watch::Sender::new(false),
        options,
        timeouts,
    });
    let result = runtime.block_on(run(listener, &server, stop));
    // Whoever does not notice an interrupt ends with the process.
    runtime.shutdown_background();
    result
}

async fn run(listener: TcpListener, server: &Arc<Server>, stop: &Stop) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let connections = Arc::new(Semaphore::new(server.options.connections_max.min(Semaphore::MAX_PERMITS)));
    if server.options.obeys_signals {
        obey_signals(stop)?;
    }
    let begin = |stream, peer, place: Option<OwnedSemaphorePermit>| {
        let connection = connection(stream, peer, Arc::clone(server));
        tokio::spawn(async move {
            connection.await;
            drop(place);
        })
    };
    let (deadlines, is_over) = (Arc::clone(&server.deadlines), server.is_over.subscribe());
    tokio::spawn(async move { deadlines.enforce(is_over).await });
    let mut stopped = pin!(stop.called(1));
    while let Some((stream, peer, place)) = until(&mut stopped, accept(&listener, &connections)).await {
        begin(stream, peer, place);
    }
    accept_waiting(listener.into_std()?, &connections, begin)?;
    let ended = async {
        let _ = connections.acquire_many(all(server.options.connections_max)).await;
        // A guest may have something to do after its answer.
        let _ = server.turns.acquire_many(all(server.options.requests_max)).await;
    };
    let hurried = async {
        let _ = timeout(server.options.grace, stop.called(2)).await;
    };
    let _ = until(&mut pin!(hurried), ended).await;
    server.is_over.send_replace(true);
    let _ = timeout(END_PATIENCE, server.turns.acquire_many(all(server.options.requests_max))).await;
    Ok(())
}

/// As many places as there can be.
fn all(places_max: usize) -> u32 {
    u32::try_from(places_max).unwrap_or(u32::MAX)
}

fn obey_signals(stop: &Stop) -> io::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, stop) = (signal(kind)?, stop.clone());
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                stop.stop();
            }
        });
    }
    Ok(())
}

/// What a future comes to, unless another one is done first.
pub(crate) async fn until<T>(
    end: &mut Pin<&mut impl Future<Output = ()>>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match end.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => future.as_mut().poll(cx).map(Some),
    })
    .await
}

async fn accept(
    listener: &tokio::net::TcpListener,
    connections: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // Never closed.
    let place = Arc::clone(connections).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(_) => sleep(RETRY).await,
        }
    }
}

/// Begins connections that clients made before the listener's end, which would reset them.
fn accept_waiting<T>(
    listener: TcpListener,
    connections: &Arc<Semaphore>,
    begin: impl Fn(TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) -> T,
) -> io::Result<()> {
    while let Ok(place) = Arc::clone(connections).try_acquire_owned()
        && let Ok((stream, peer)) = listener.accept()
    {
        stream.set_nonblocking(true)?;
        begin(TcpStream::from_std(stream)?, peer, Some(place));
    }
    Ok(())
}

/// How every connection of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// Whether a client begins as HTTP/2 does; none if it says too little for too long.
async fn is_http2(stream: &TcpStream, timeouts: Duration) -> Option<bool> {
    let mut start = [0; PREFACE.len()];
    let look = async {
        loop {
            let count = stream.peek(&mut start).await.ok().filter(|count| *count > 0)?;
            let seen = &start[..count];
            if !PREFACE.starts_with(seen) || count == PREFACE.len() {
                return Some(PREFACE == seen);
            }
            // Part of it is there, so that there is nothing to wait for.
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(timeouts, look).await.ok()?
}

async fn connection(stream: TcpStream, peer: SocketAddr, server: Arc<Server>) {
    let _ = stream.set_nodelay(true);
    let Timeouts { header, send } = server.timeouts;
    let send = u32::try_from(send.as_millis()).unwrap_or(u32::MAX);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, send);
    let stopped = async {
        server.stop.called(1).await;
        sleep(FIRST_REQUEST_TIMEOUT).await;
    };
    let begun = until(&mut pin!(stopped), is_http2(&stream, header)).await;
    let Some(is_http2) = begun.flatten() else { return };
    let asked = Notify::new();
    let service = service_fn(|request| {
        asked.notify_one();
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.respond(peer, request).await) }
    });
    // Of what came before the stop, a request at least is answered.
    let stopped = async {
        server.stop.called(1).await;
        asked.notified().await;
    };
    let io = TokioIo::new(stream);
    if is_http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
        builder.max_header_list_size(HEADER_BYTES_MAX as u32);
        builder.keep_alive_interval(header).keep_alive_timeout(header);
        drive(builder.serve_connection(io, service), stopped).await;
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(header);
        // A client that has sent everything may say so.
        builder.max_buf_size(HEADER_BYTES_MAX).half_close(true);
        drive(builder.serve_connection(io, service), stopped).await;
    }
}

/// Serves a connection until the client has had enough, or until what it has asked for when the server has stopped is answered.
async fn drive(connection: impl GracefulConnection, stopped: impl Future<Output = ()>) {
    let mut connection = pin!(connection);
    if until(&mut pin!(stopped), connection.as_mut()).await.is_none() {
        connection.as_mut().graceful_shutdown();
        // How a connection ends is the client's business.
        let _ = connection.await;
    }
}

impl Server {
    /// The answer to a request, whatever happens.
    async fn respond(self: Arc<Self>, peer: SocketAddr, request: Request<Incoming>) -> Response<LoggedBody> {
        let (begun, now) = (SystemTime::now(), Instant::now());
        let (method, target, version) = (request.method().clone(), request.uri().clone(), request.version());
        let deadline = (now + self.options.timeout).into();
        let result = if header_bytes(&request) > HEADER_BYTES_MAX {
            Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        } else {
            match timeout_at(deadline, Arc::clone(&self.turns).acquire_owned()).await {
                Ok(Ok(turn)) => self.have_answered(request, turn, deadline).await,
                Ok(Err(_)) | Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
            }
        };
        let (parts, body) = match result {
            Ok(response) => response.into_parts(),
            Err(status) => {
                let mut response = Response::new(None);
                *response.status_mut() = status;
                response.into_parts()
            }
        };
        let status = parts.status.as_u16();
        let access =
            Access { peer, begun, method, target, version, status, bytes: 0, took: Duration::ZERO, is_cut: false };
        Response::from_parts(parts, LoggedBody { body, access, now, server: self, end: End::NotYet })
    }

    async fn have_answered(
        self: &Arc<Self>,
        request: Request<Incoming>,
        turn: OwnedSemaphorePermit,
        deadline: tokio::time::Instant,
    ) -> Result<Response<Option<PipeBody>>, StatusCode> {
        let waker = self.take_waker().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let (parts, body) = request.into_parts();
        let pipe = if body.is_end_stream() {
            Pipe::empty(waker.clone())
        } else {
            let pipe = Pipe::new(waker.clone());
            tokio::spawn(pump(body, Arc::clone(&pipe), None));
            pipe
        };
        let request = IncomingRequest::new(parts, pipe);
        let (answer, answered) = oneshot::channel();
        let (time, watch) = self.deadlines.watch(deadline);
        let guest = {
            let (server, time) = (Arc::clone(self), Arc::clone(&time));
            tokio::spawn(async move {
                let client = Arc::clone(&server.client);
                let result = server.app.answer(request, answer, waker.clone(), client, &time.interrupt).await;
                if let Err(error) = result {
                    block_in_place(|| server.report(&error));
                }
                server.keep_waker(waker);
                drop((watch, turn));
            })
        };
        match answered.await {
            Ok(Ok(response)) => Ok(response.map(|pipe| Some(PipeBody(pipe)))),
            Ok(Err(code)) => Err(status_of(&code)),
            // The guest ends without an answer.
            Err(_) => {
                let _ = guest.await;
                Err(if time.is_up() { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::INTERNAL_SERVER_ERROR })
            }
        }
    }

    fn report(&self, error: &Error) {
        let is_exit = error.downcast_host::<ExitStatus>().is_some_and(|status| status.0 == 0);
        if let Some(failed) = self.options.failed.as_ref().filter(|_| !is_exit) {
            failed(error);
        }
    }

    fn take_waker(&self) -> io::Result<GuestWaker> {
        let kept = self.wakers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.map_or_else(GuestWaker::new, Ok)
    }

    /// Whoever still has it wakes it for nothing.
    fn keep_waker(&self, waker: GuestWaker) {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner).push(waker);
    }
}

/// What a header takes. The limits of connections are where a buffer is not made larger: what comes in one piece may be longer.
fn header_bytes(request: &Request<Incoming>) -> usize {
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    fields.sum::<usize>() + request.uri().path_and_query().map_or(0, |target| target.as_str().len())
}

/// What a client sees of a guest's failure.
fn status_of(code: &ErrorCode) -> StatusCode {
    match code {
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::DnsTimeout
        | ErrorCode::HttpResponseTimeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::InternalError(_) | ErrorCode::ConfigurationError => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// The body of an answer, and what is noted of it.
struct LoggedBody {
    body: Option<PipeBody>,
    access: Access,
    now: Instant,
    server: Arc<Server>,
    end: End,
}

/// How the body of an answer has ended.
enum End {
    NotYet,
    Whole,
    /// By a failure of the guest, or of what it waited for.
    Cut,
}

impl Body for LoggedBody {
    type Data = Bytes;
    type Error = HttpFailure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpFailure>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => self.access.bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => self.end = End::Cut,
            None => self.end = End::Whole,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for LoggedBody {
    fn drop(&mut self) {
        let Some(log) = &self.server.options.log else { return };
        self.access.took = self.now.elapsed();
        let is_wanted = self.access.method != Method::HEAD;
        self.access.is_cut = is_wanted
            && match self.end {
                End::NotYet => !self.is_end_stream(),
                End::Whole => false,
                End::Cut => true,
            };
        log(&self.access);
    }
}

#[cfg(test)]
mod tests;
