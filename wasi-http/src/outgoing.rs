//! What goes: `outgoing-request`, `outgoing-handler`, and what comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use hyper::{HeaderMap, Method as HyperMethod, Request, Uri};
use wasmer_component::{Borrow, Own};
use wasmer_wasi_p2::host::{GuestWaker, HostEvent};
use wasmer_wasi_p2::{Outcome, Pollable};

use crate::body::{IncomingBody, OutgoingBody};
use crate::ctx::WasiHttp;
use crate::fields::{Fields, content_length, take};
use crate::net::PipeBody;
use crate::pipe::Pipe;
use crate::types::{ErrorCode, Method, Scheme};

/// A request that the guest makes.
pub(crate) struct OutgoingRequest {
    method: Method,
    path: Option<String>,
    scheme: Option<Scheme>,
    authority: Option<String>,
    headers: Arc<HeaderMap>,
    /// Once the guest has asked for it.
    body: Option<Arc<Pipe>>,
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestOptions {
    pub(crate) connect: Option<u64>,
    pub(crate) first_byte: Option<u64>,
    pub(crate) between_bytes: Option<u64>,
}

/// A response that came.
pub(crate) struct IncomingResponse {
    pub(crate) status: u16,
    pub(crate) headers: Arc<HeaderMap>,
    /// Until the guest takes it.
    pub(crate) body: Option<Arc<Pipe>>,
}

/// A response that will come.
pub(crate) struct FutureIncomingResponse {
    slot: Arc<Slot>,
    is_taken: bool,
}

/// Where a response appears.
pub(crate) struct Slot {
    result: Mutex<Option<Result<IncomingResponse, ErrorCode>>>,
    /// Stays so when the response is taken.
    is_filled: AtomicBool,
    waker: GuestWaker,
}

impl Slot {
    pub(crate) fn waker(&self) -> &GuestWaker {
        &self.waker
    }

    fn new(waker: GuestWaker) -> Slot {
        Slot { result: Mutex::new(None), is_filled: AtomicBool::new(false), waker }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Result<IncomingResponse, ErrorCode>>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the response there.
    pub(crate) fn fill(&self, result: Result<IncomingResponse, ErrorCode>) {
        *self.lock() = Some(result);
        // The order matters: who is woken must find both.
        self.is_filled.store(true, Ordering::Release);
        self.waker.wake();
    }
}

struct ResponseReady(Arc<Slot>);

impl HostEvent for ResponseReady {
    fn is_ready(&self) -> bool {
        self.0.is_filled.load(Ordering::Acquire)
    }
}

impl Drop for IncomingResponse {
    fn drop(&mut self) {
        if let Some(body) = &self.body {
            body.abandon();
        }
    }
}

impl WasiHttp {
    pub(crate) fn new_request(&mut self, headers: Own<Fields>) -> Outcome<Own<OutgoingRequest>> {
        let headers = self.take_fields(headers)?;
        self.outgoing_requests.insert(OutgoingRequest {
            method: Method::Get,
            path: None,
            scheme: None,
            authority: None,
            headers,
            body: None,
        })
    }

    pub(crate) fn outgoing_request_body(
        &mut self,
        request: Borrow<OutgoingRequest>,
    ) -> Outcome<Result<Own<OutgoingBody>, ()>> {
        let request = self.outgoing_requests.get_mut(request)?;
        if request.body.is_some() {
            return Ok(Err(()));
        }
        let pipe = Pipe::with_length(self.waker.clone(), content_length(&request.headers));
        request.body = Some(Arc::clone(&pipe));
        self.outgoing_bodies.insert(OutgoingBody::new(pipe, false)).map(Ok)
    }

    pub(crate) fn outgoing_method(&mut self, request: Borrow<OutgoingRequest>) -> Outcome<Method> {
        Ok(self.outgoing_requests.get(request)?.method.clone())
    }

    pub(crate) fn set_outgoing_method(
        &mut self,
        request: Borrow<OutgoingRequest>,
        method: Method,
    ) -> Outcome<Result<(), ()>> {
        let request = self.outgoing_requests.get_mut(request)?;
        Ok(set(&mut request.method, HyperMethod::try_from(&method).is_ok(), method))
    }

    pub(crate) fn outgoing_path(&mut self, request: Borrow<OutgoingRequest>) -> Outcome<Option<String>> {
        Ok(self.outgoing_requests.get(request)?.path.clone())
    }

    pub(crate) fn set_outgoing_path(
        &mut self,
        request: Borrow<OutgoingRequest>,
        path: Option<String>,
    ) -> Outcome<Result<(), ()>> {
        let request = self.outgoing_requests.get_mut(request)?;
        let is_good = path.as_deref().is_none_or(|path| path.parse::<PathAndQuery>().is_ok());
        Ok(set(&mut request.path, is_good, path))
    }

    pub(crate) fn outgoing_scheme(&mut self, request: Borrow<OutgoingRequest>) -> Outcome<Option<Scheme>> {
        Ok(self.outgoing_requests.get(request)?.scheme.clone())
    }

    pub(crate) fn set_outgoing_scheme(
        &mut self,
        request: Borrow<OutgoingRequest>,
        scheme: Option<Scheme>,
    ) -> Outcome<Result<(), ()>> {
        let request = self.outgoing_requests.get_mut(request)?;
        let is_good = match &scheme {
            Some(Scheme::Other(other)) => other.parse::<UriScheme>().is_ok(),
            Some(Scheme::Http | Scheme::Https) | None => true,
        };
        Ok(set(&mut request.scheme, is_good, scheme))
    }

    pub(crate) fn outgoing_authority(&mut self, request: Borrow<OutgoingRequest>) -> Outcome<Option<String>> {
        Ok(self.outgoing_requests.get(request)?.authority.clone())
    }

    pub(crate) fn set_outgoing_authority(
        &mut self,
        request: Borrow<OutgoingRequest>,
        authority: Option<String>,
    ) -> Outcome<Result<(), ()>> {
        let request = self.outgoing_requests.get_mut(request)?;
        let is_good = authority.as_deref().is_none_or(|authority| authority.parse::<Authority>().is_ok());
        Ok(set(&mut request.authority, is_good, authority))
    }

    pub(crate) fn outgoing_headers(&mut self, request: Borrow<OutgoingRequest>) -> Outcome<Own<Fields>> {
        let headers = Arc::clone(&self.outgoing_requests.get(request)?.headers);
        self.show_fields(headers)
    }

    pub(crate) fn drop_outgoing_request(&mut self, request: Own<OutgoingRequest>) -> Outcome<()> {
        take(&mut self.outgoing_requests, request).map(drop)
    }

    // Options.

    pub(crate) fn new_options(&mut self) -> Outcome<Own<RequestOptions>> {
        self.options.insert(RequestOptions::default())
    }

    pub(crate) fn connect_timeout(&mut self, options: Borrow<RequestOptions>) -> Outcome<Option<u64>> {
        Ok(self.options.get(options)?.connect)
    }

    pub(crate) fn set_connect_timeout(
        &mut self,
        options: Borrow<RequestOptions>,
        wait: Option<u64>,
    ) -> Outcome<Result<(), ()>> {
        self.options.get_mut(options)?.connect = wait;
        Ok(Ok(()))
    }

    pub(crate) fn first_byte_timeout(&mut self, options: Borrow<RequestOptions>) -> Outcome<Option<u64>> {
        Ok(self.options.get(options)?.first_byte)
    }

    pub(crate) fn set_first_byte_timeout(
        &mut self,
        options: Borrow<RequestOptions>,
        wait: Option<u64>,
    ) -> Outcome<Result<(), ()>> {
        self.options.get_mut(options)?.first_byte = wait;
        Ok(Ok(()))
    }

    pub(crate) fn between_bytes_timeout(&mut self, options: Borrow<RequestOptions>) -> Outcome<Option<u64>> {
        Ok(self.options.get(options)?.between_bytes)
    }

    pub(crate) fn set_between_bytes_timeout(
        &mut self,
        options: Borrow<RequestOptions>,
        wait: Option<u64>,
    ) -> Outcome<Result<(), ()>> {
        self.options.get_mut(options)?.between_bytes = wait;
        Ok(Ok(()))
    }

    pub(crate) fn drop_options(&mut self, options: Own<RequestOptions>) -> Outcome<()> {
        take(&mut self.options, options).map(drop)
    }

    // Sending.

    pub(crate) fn handle_request(
        &mut self,
        request: Own<OutgoingRequest>,
        options: Option<Own<RequestOptions>>,
    ) -> Outcome<Result<Own<FutureIncomingResponse>, ErrorCode>> {
        let request = take(&mut self.outgoing_requests, request)?;
        let options = options.map(|options| take(&mut self.options, options)).transpose()?.unwrap_or_default();
        // The resources are gone, whether or not the request is sent.
        let Some(client) = self.client.clone() else { return Ok(Err(ErrorCode::HttpRequestDenied)) };
        let (request, target) = match request.into_parts(&self.waker) {
            Ok(parts) => parts,
            Err(code) => return Ok(Err(code)),
        };
        let slot = Arc::new(Slot::new(self.waker.clone()));
        if let Err(code) = client.send(request, target, options, Arc::clone(&slot)) {
            return Ok(Err(code));
        }
        self.future_responses.insert(FutureIncomingResponse { slot, is_taken: false }).map(Ok)
    }

    pub(crate) fn subscribe_response(&mut self, future: Borrow<FutureIncomingResponse>) -> Outcome<Own<Pollable>> {
        let slot = Arc::clone(&self.future_responses.get(future)?.slot);
        self.p2.add_event(ResponseReady(slot))
    }

    #[allow(clippy::type_complexity, reason = "the type is the definition's")]
    pub(crate) fn get_response(
        &mut self,
        future: Borrow<FutureIncomingResponse>,
    ) -> Outcome<Option<Result<Result<Own<IncomingResponse>, ErrorCode>, ()>>> {
        let future = self.future_responses.get_mut(future)?;
        if future.is_taken {
            return Ok(Some(Err(())));
        }
        let Some(result) = future.slot.lock().take() else { return Ok(None) };
        future.is_taken = true;
        Ok(Some(Ok(match result {
            Ok(response) => Ok(self.incoming_responses.insert(response)?),
            Err(code) => Err(code),
        })))
    }

    pub(crate) fn drop_future_response(&mut self, future: Own<FutureIncomingResponse>) -> Outcome<()> {
        take(&mut self.future_responses, future).map(drop)
    }

    pub(crate) fn incoming_status(&mut self, response: Borrow<IncomingResponse>) -> Outcome<u16> {
        Ok(self.incoming_responses.get(response)?.status)
    }

    pub(crate) fn incoming_headers(&mut self, response: Borrow<IncomingResponse>) -> Outcome<Own<Fields>> {
        let headers = Arc::clone(&self.incoming_responses.get(response)?.headers);
        self.show_fields(headers)
    }

    pub(crate) fn consume_response(
        &mut self,
        response: Borrow<IncomingResponse>,
    ) -> Outcome<Result<Own<IncomingBody>, ()>> {
        let Some(pipe) = self.incoming_responses.get_mut(response)?.body.take() else { return Ok(Err(())) };
        self.incoming_bodies.insert(IncomingBody::new(pipe)).map(Ok)
    }

    pub(crate) fn drop_incoming_response(&mut self, response: Own<IncomingResponse>) -> Outcome<()> {
        take(&mut self.incoming_responses, response).map(drop)
    }
}

/// Changes something to what is good.
fn set<T>(place: &mut T, is_good: bool, value: T) -> Result<(), ()> {
    if !is_good {
        return Err(());
    }
    *place = value;
    Ok(())
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_tls: bool,
}

impl OutgoingRequest {
    /// The request as it is sent.
    fn into_parts(self, waker: &GuestWaker) -> Result<(Request<PipeBody>, Target), ErrorCode> {
        let is_tls = match self.scheme {
            Some(Scheme::Http) => false,
            // Without a word, the safe one.
            Some(Scheme::Https) | None => true,
            Some(Scheme::Other(_)) => return Err(ErrorCode::HttpProtocolError),
        };
        let authority = self.authority.as_deref().and_then(|authority| authority.parse::<Authority>().ok());
        let authority = authority.ok_or(ErrorCode::HttpRequestUriInvalid)?;
        let host = authority.host();
        // A name and password stand in a header, if anywhere.
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(ErrorCode::HttpRequestUriInvalid);
        }
        let port = match authority.port() {
            Some(port) => port.as_str().parse().map_err(|_| ErrorCode::HttpRequestUriInvalid)?,
            None if is_tls => 443,
            None => 80,
        };
        let target = Target { host: host.trim_matches(['[', ']']).to_owned(), port, is_tls };
        let body = PipeBody(self.body.unwrap_or_else(|| Pipe::empty(waker.clone())));
        let mut request = Request::new(body);
        *request.method_mut() = HyperMethod::try_from(&self.method).map_err(|_| ErrorCode::HttpRequestMethodInvalid)?;
        let path = self.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
        *request.uri_mut() = path.parse::<Uri>().map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
        *request.headers_mut() = Arc::unwrap_or_clone(self.headers);
        let name = authority.as_str().parse().map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
        request.headers_mut().insert(hyper::header::HOST, name);
        Ok((request, target))
    }
}

/// How long is waited unless a guest says otherwise.
const WAIT: Duration = Duration::from_secs(600);

impl RequestOptions {
    pub(crate) fn connect(self) -> Duration {
        self.connect.map_or(WAIT, Duration::from_nanos)
    }

    pub(crate) fn first_byte(self) -> Duration {
        self.first_byte.map_or(WAIT, Duration::from_nanos)
    }

    pub(crate) fn between_bytes(self) -> Duration {
        self.between_bytes.map_or(WAIT, Duration::from_nanos)
    }
}
