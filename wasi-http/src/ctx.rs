//! The state of one component.

use std::fmt;
use std::sync::Arc;

use wasmer_component::Borrow;
use wasmer_wasi_p2::host::GuestWaker;
use wasmer_wasi_p2::{IoError, Outcome, Slab, WasiP2};

use crate::body::{FutureTrailers, IncomingBody, OutgoingBody};
use crate::client::Client;
use crate::fields::Fields;
use crate::incoming::{IncomingRequest, OutgoingResponse, ResponseOutparam};
use crate::outgoing::{FutureIncomingResponse, IncomingResponse, OutgoingRequest, RequestOptions};
use crate::types::{ErrorCode, HttpFailure};

/// What one component can reach by `wasi:http`, beside what a [`WasiP2`] has.
pub struct WasiHttp {
    pub(crate) p2: WasiP2,
    pub(crate) waker: GuestWaker,
    pub(crate) client: Option<Arc<Client>>,
    /// Whether the request that is answered asks for headers alone.
    pub(crate) is_head: bool,
    pub(crate) fields: Slab<Fields>,
    pub(crate) incoming_requests: Slab<IncomingRequest>,
    pub(crate) outparams: Slab<ResponseOutparam>,
    pub(crate) outgoing_responses: Slab<OutgoingResponse>,
    pub(crate) incoming_bodies: Slab<IncomingBody>,
    pub(crate) outgoing_bodies: Slab<OutgoingBody>,
    pub(crate) trailers: Slab<FutureTrailers>,
    pub(crate) outgoing_requests: Slab<OutgoingRequest>,
    pub(crate) options: Slab<RequestOptions>,
    pub(crate) future_responses: Slab<FutureIncomingResponse>,
    pub(crate) incoming_responses: Slab<IncomingResponse>,
}

impl WasiHttp {
    /// A component that reaches what `p2` reaches, and sends requests by `client`, if there is one.
    pub fn new(mut p2: WasiP2, waker: GuestWaker, client: Option<Arc<Client>>) -> WasiHttp {
        p2.set_waker(waker.clone());
        WasiHttp {
            p2,
            waker,
            client,
            is_head: false,
            fields: Slab::default(),
            incoming_requests: Slab::default(),
            outparams: Slab::default(),
            outgoing_responses: Slab::default(),
            incoming_bodies: Slab::default(),
            outgoing_bodies: Slab::default(),
            trailers: Slab::default(),
            outgoing_requests: Slab::default(),
            options: Slab::default(),
            future_responses: Slab::default(),
            incoming_responses: Slab::default(),
        }
    }

    /// What it reaches besides.
    pub fn p2_mut(&mut self) -> &mut WasiP2 {
        &mut self.p2
    }

    /// The code of HTTP that a stream failed with.
    pub(crate) fn http_error_code(&mut self, error: Borrow<IoError>) -> Outcome<Option<ErrorCode>> {
        let failure = self.p2.host_error(error)?.and_then(|error| error.downcast_ref::<HttpFailure>());
        Ok(failure.map(|failure| failure.0.clone()))
    }
}

impl fmt::Debug for WasiHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiHttp").field("p2", &self.p2).finish_non_exhaustive()
    }
}
