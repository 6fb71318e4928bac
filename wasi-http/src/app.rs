//! A component that answers requests: an instance of it for each.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;
use wasmer_api::{InterruptHandle, LinkError, Result, Store, StoreLimits};
use wasmer_component::{Component, ComponentInstancePre, ComponentLinker, Own};
use wasmer_wasi_p2::WasiP2;
use wasmer_wasi_p2::host::Bell;

use crate::client::Client;
use crate::ctx::WasiHttp;
use crate::incoming::{Answer, IncomingRequest, ResponseOutparam};
use crate::link::add_imports_to_linker;

/// The function that answers a request.
const HANDLE: &str = "wasi:http/incoming-handler@0.2.0#handle";

/// What a component is given for a request.
type Grant = dyn Fn() -> Result<WasiP2> + Send + Sync;

/// A component that answers requests, of the world `wasi:http/proxy` and with all of `wasi:cli/command` besides.
pub struct App {
    pre: ComponentInstancePre<WasiHttp>,
    grant: Box<Grant>,
    limits: StoreLimits,
    fuel: Option<u64>,
}

impl App {
    /// A component of which each instance gets what `grant` makes.
    ///
    /// # Errors
    /// [`Error::Link`](wasmer_api::Error::Link) if something that it imports is not there, or it does not answer requests.
    pub fn new(component: &Component, grant: impl Fn() -> Result<WasiP2> + Send + Sync + 'static) -> Result<App> {
        let mut linker = ComponentLinker::new();
        add_imports_to_linker(&mut linker, component, |http: &mut WasiHttp| http)?;
        if !component.exports_func(HANDLE) {
            let message =
                "the component exports no `wasi:http/incoming-handler`, so there is nothing that answers requests";
            return Err(LinkError::other(message).into());
        }
        let pre = linker.instantiate_pre(component)?;
        Ok(App { pre, grant: Box::new(grant), limits: StoreLimits::new(), fuel: None })
    }

    /// What each instance may use.
    #[must_use]
    pub fn limits(mut self, limits: StoreLimits) -> App {
        self.limits = limits;
        self
    }

    /// How much fuel there is for each request.
    #[must_use]
    pub fn fuel(mut self, fuel: Option<u64>) -> App {
        self.fuel = fuel;
        self
    }

    /// Has an instance of its own answer a request. `interrupt` is filled as soon as there is something to interrupt.
    pub(crate) fn answer(
        &self,
        request: IncomingRequest,
        answer: oneshot::Sender<Answer>,
        bell: Bell,
        client: Arc<Client>,
        interrupt: &OnceLock<InterruptHandle>,
    ) -> Result<()> {
        let mut http = WasiHttp::new((self.grant)()?, bell, Some(client));
        http.is_head = request.is_head();
        let mut store = Store::with_limits(self.pre.component().engine(), http, self.limits);
        if let Some(fuel) = self.fuel {
            store.set_fuel(fuel)?;
        }
        let handle = store.interrupt_handle();
        let _ = interrupt.set(handle.clone());
        store.data_mut().p2.ctx_mut().set_interrupt_check(Some(Box::new(move || handle.is_interrupted())));
        let instance = self.pre.instantiate(&mut store)?;
        let func = instance.typed_func::<(Own<IncomingRequest>, Own<ResponseOutparam>), ()>(&mut store, HANDLE)?;
        let http = store.data_mut();
        let params = (http.incoming_requests.insert(request)?, http.outparams.insert(ResponseOutparam(answer))?);
        func.call(&mut store, params)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("component", self.pre.component()).finish_non_exhaustive()
    }
}
