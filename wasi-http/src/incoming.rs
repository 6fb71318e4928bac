//! What comes: `incoming-request`, and how it is answered: `response-outparam`, `outgoing-response`.

use std::sync::Arc;

use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode, header};
use tokio::sync::oneshot;
use wasmer_component::{Borrow, Own};
use wasmer_wasi_p2::Outcome;

use crate::body::{IncomingBody, OutgoingBody};
use crate::ctx::WasiHttp;
use crate::fields::{Fields, content_length, take, without_connection};
use crate::pipe::Pipe;
use crate::types::{ErrorCode, Method, Scheme};

/// What a guest answers: a response, whose body is still to come, or why there is none.
pub(crate) type Answer = Result<Response<Arc<Pipe>>, ErrorCode>;

/// A request that came.
pub(crate) struct IncomingRequest {
    method: Method,
    path_with_query: Option<String>,
    authority: Option<String>,
    headers: Arc<HeaderMap>,
    /// Until the guest takes it.
    body: Option<Arc<Pipe>>,
}

/// Where the answer goes.
pub(crate) struct ResponseOutparam(pub(crate) oneshot::Sender<Answer>);

/// A response that the guest makes.
pub(crate) struct OutgoingResponse {
    status: StatusCode,
    headers: Arc<HeaderMap>,
    /// Once the guest has asked for it.
    body: Option<Arc<Pipe>>,
}

impl IncomingRequest {
    pub(crate) fn new(mut parts: Parts, body: Arc<Pipe>) -> IncomingRequest {
        // HTTP/2 has the authority in the request line's place, HTTP/1.1 in the header `host`.
        let of_header = || Some(parts.headers.get(header::HOST)?.to_str().ok()?.to_owned());
        let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned()).or_else(of_header);
        without_connection(&mut parts.headers);
        IncomingRequest {
            method: (&parts.method).into(),
            path_with_query: parts.uri.path_and_query().map(|path| path.as_str().to_owned()),
            authority,
            headers: Arc::new(parts.headers),
            body: Some(body),
        }
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::Head
    }
}

impl Drop for IncomingRequest {
    fn drop(&mut self) {
        if let Some(body) = &self.body {
            body.abandon();
        }
    }
}

impl WasiHttp {
    pub(crate) fn request_method(&mut self, request: Borrow<IncomingRequest>) -> Outcome<Method> {
        Ok(self.incoming_requests.get(request)?.method.clone())
    }

    pub(crate) fn request_path(&mut self, request: Borrow<IncomingRequest>) -> Outcome<Option<String>> {
        Ok(self.incoming_requests.get(request)?.path_with_query.clone())
    }

    /// The server speaks no TLS; what stands in front of it may.
    pub(crate) fn request_scheme(&mut self, request: Borrow<IncomingRequest>) -> Outcome<Option<Scheme>> {
        self.incoming_requests.get(request)?;
        Ok(Some(Scheme::Http))
    }

    pub(crate) fn request_authority(&mut self, request: Borrow<IncomingRequest>) -> Outcome<Option<String>> {
        Ok(self.incoming_requests.get(request)?.authority.clone())
    }

    pub(crate) fn request_headers(&mut self, request: Borrow<IncomingRequest>) -> Outcome<Own<Fields>> {
        let headers = Arc::clone(&self.incoming_requests.get(request)?.headers);
        self.show_fields(headers)
    }

    pub(crate) fn consume_request(
        &mut self,
        request: Borrow<IncomingRequest>,
    ) -> Outcome<Result<Own<IncomingBody>, ()>> {
        let Some(pipe) = self.incoming_requests.get_mut(request)?.body.take() else { return Ok(Err(())) };
        self.incoming_bodies.insert(IncomingBody::new(pipe)).map(Ok)
    }

    pub(crate) fn drop_incoming_request(&mut self, request: Own<IncomingRequest>) -> Outcome<()> {
        take(&mut self.incoming_requests, request).map(drop)
    }

    pub(crate) fn set_response(
        &mut self,
        outparam: Own<ResponseOutparam>,
        response: Result<Own<OutgoingResponse>, ErrorCode>,
    ) -> Outcome<()> {
        let answer = match response {
            Ok(response) => Ok(take(&mut self.outgoing_responses, response)?.send(self)),
            Err(code) => Err(code),
        };
        // Whoever asked may be gone.
        let _ = take(&mut self.outparams, outparam)?.0.send(answer);
        Ok(())
    }

    pub(crate) fn drop_outparam(&mut self, outparam: Own<ResponseOutparam>) -> Outcome<()> {
        take(&mut self.outparams, outparam).map(drop)
    }

    pub(crate) fn new_response(&mut self, headers: Own<Fields>) -> Outcome<Own<OutgoingResponse>> {
        let headers = self.take_fields(headers)?;
        self.outgoing_responses.insert(OutgoingResponse { status: StatusCode::OK, headers, body: None })
    }

    pub(crate) fn response_status(&mut self, response: Borrow<OutgoingResponse>) -> Outcome<u16> {
        Ok(self.outgoing_responses.get(response)?.status.as_u16())
    }

    pub(crate) fn set_response_status(
        &mut self,
        response: Borrow<OutgoingResponse>,
        status: u16,
    ) -> Outcome<Result<(), ()>> {
        let response = self.outgoing_responses.get_mut(response)?;
        // What comes before the answer is no answer.
        Ok(match StatusCode::from_u16(status) {
            Ok(status) if !status.is_informational() => {
                response.status = status;
                Ok(())
            }
            _ => Err(()),
        })
    }

    pub(crate) fn response_headers(&mut self, response: Borrow<OutgoingResponse>) -> Outcome<Own<Fields>> {
        let headers = Arc::clone(&self.outgoing_responses.get(response)?.headers);
        self.show_fields(headers)
    }

    pub(crate) fn response_body(
        &mut self,
        response: Borrow<OutgoingResponse>,
    ) -> Outcome<Result<Own<OutgoingBody>, ()>> {
        let response = self.outgoing_responses.get_mut(response)?;
        if response.body.is_some() {
            return Ok(Err(()));
        }
        // A body of another length than its header says would break the framing of the connection: the pipe refuses it.
        let pipe = Pipe::with_length(self.waker.clone(), content_length(&response.headers));
        response.body = Some(Arc::clone(&pipe));
        self.outgoing_bodies.insert(OutgoingBody::new(pipe, self.is_head)).map(Ok)
    }

    pub(crate) fn drop_outgoing_response(&mut self, response: Own<OutgoingResponse>) -> Outcome<()> {
        take(&mut self.outgoing_responses, response).map(drop)
    }
}

impl OutgoingResponse {
    fn send(self, http: &WasiHttp) -> Response<Arc<Pipe>> {
        let body = self.body.unwrap_or_else(|| Pipe::empty(http.waker.clone()));
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = Arc::unwrap_or_clone(self.headers);
        response
    }
}
