//! The network's side of requests that guests make.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Handle, Runtime};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wasmer_wasi_p2::host::GuestWaker;
use wasmer_wasi_p2::{Grants, WasiP2};

use crate::ctx::WasiHttp;
use crate::fields::without_connection;
use crate::net::{PipeBody, code_of, pump};
use crate::outgoing::{IncomingResponse, RequestOptions, Slot, Target};
use crate::pipe::Pipe;
use crate::tls;
use crate::types::{DnsErrorPayload, ErrorCode};

/// Sends requests of guests to where [`Grants`] allow it.
pub struct Client {
    runtime: Handle,
    net: Grants,
    tls: TlsConnector,
}

/// Sends the requests of one program, which answers none itself: its network is served by a thread of its own.
pub struct Sender {
    client: Arc<Client>,
    /// Ended without waiting for what nobody has asked for yet.
    runtime: Option<Runtime>,
}

impl Sender {
    /// Requests go where `net` allows it, to servers with certificates of a file, or else of a built-in list.
    ///
    /// # Errors
    /// If the file cannot be read, or the system refuses a thread.
    pub fn new(net: Grants, certificates: Option<&Path>) -> io::Result<Sender> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("wasi:http").enable_all().build()?;
        let client = Client::new(runtime.handle().clone(), net, certificates)?;
        Ok(Sender { client: Arc::new(client), runtime: Some(runtime) })
    }

    /// A component that reaches what `p2` reaches, and sends requests.
    ///
    /// # Errors
    /// If the system refuses a descriptor.
    pub fn ctx(&self, p2: WasiP2) -> io::Result<WasiHttp> {
        Ok(WasiHttp::new(p2, GuestWaker::new()?, Some(Arc::clone(&self.client))))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("client", &self.client).finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("net", &self.net).finish_non_exhaustive()
    }
}

impl Client {
    /// A client whose connections are served by a runtime of tokio, and which trusts the certificates of a file, or else a built-in list.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn new(runtime: Handle, net: Grants, certificates: Option<&Path>) -> io::Result<Client> {
        Ok(Client { runtime, net, tls: tls::connector(certificates)? })
    }

    /// Begins to send a request; its response will be in the slot. Refused at once if it may not be sent.
    pub(crate) fn send(
        &self,
        request: Request<PipeBody>,
        target: Target,
        options: RequestOptions,
        slot: Arc<Slot>,
    ) -> Result<(), ErrorCode> {
        if !self.allows(&target) {
            return Err(ErrorCode::HttpRequestDenied);
        }
        let (waker, tls) = (slot.waker().clone(), target.is_tls.then(|| self.tls.clone()));
        self.runtime.spawn(async move {
            let result = exchange(request, &target, options, tls, waker).await;
            slot.fill(result);
        });
        Ok(())
    }

    fn allows(&self, target: &Target) -> bool {
        // By what the guest wrote, before anything is looked up: a name is not allowed because its address is.
        match target.host.parse::<IpAddr>() {
            Ok(address) => self.net.allows(SocketAddr::new(address, target.port)),
            Err(_) => self.net.allows_host(&target.host, target.port),
        }
    }
}

async fn exchange(
    request: Request<PipeBody>,
    target: &Target,
    options: RequestOptions,
    tls: Option<TlsConnector>,
    waker: GuestWaker,
) -> Result<IncomingResponse, ErrorCode> {
    let connected = timeout(options.connect(), connect(target)).await;
    let stream = connected.map_err(|_| ErrorCode::ConnectionTimeout)??;
    let Some(tls) = tls else { return answer(request, stream, options, waker).await };
    // The handshake has as long as the connection had: the definition has no time of its own for it.
    let secured = timeout(options.connect(), tls::secure(&tls, &target.host, stream)).await;
    let stream = secured.map_err(|_| ErrorCode::ConnectionTimeout)??;
    answer(request, stream, options, waker).await
}

async fn answer(
    request: Request<PipeBody>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    options: RequestOptions,
    waker: GuestWaker,
) -> Result<IncomingResponse, ErrorCode> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| code_of(&error))?;
    // It ends with the response's body, or when nobody wants that any more.
    tokio::spawn(connection);
    let response = timeout(options.first_byte(), sender.send_request(request)).await;
    let response = response.map_err(|_| ErrorCode::ConnectionReadTimeout)?;
    let (mut parts, body) = response.map_err(|error| code_of(&error))?.into_parts();
    without_connection(&mut parts.headers);
    let pipe = Pipe::new(waker);
    tokio::spawn(pump(body, Arc::clone(&pipe), Some(options.between_bytes())));
    Ok(IncomingResponse { status: parts.status.as_u16(), headers: Arc::new(parts.headers), body: Some(pipe) })
}

async fn connect(target: &Target) -> Result<TcpStream, ErrorCode> {
    let found = tokio::net::lookup_host((&*target.host, target.port))
        .await
        .map_err(|_| ErrorCode::DnsError(DnsErrorPayload { rcode: None, info_code: None }))?;
    let mut failure = ErrorCode::DestinationNotFound;
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A request is written in pieces, and none should wait for the answer to the one before.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => failure = refused(&error),
        }
    }
    Err(failure)
}

fn refused(error: &io::Error) -> ErrorCode {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorCode::ConnectionRefused,
        io::ErrorKind::TimedOut => ErrorCode::ConnectionTimeout,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => ErrorCode::DestinationIpUnroutable,
        _ => ErrorCode::DestinationUnavailable,
    }
}
