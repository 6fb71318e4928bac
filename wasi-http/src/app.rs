//! A component that answers requests: an instance of it for each.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::block_in_place;
use wasmer_api::{CALLS_CAN_WAIT, InterruptHandle, LinkError, Result, Store, StoreLimits};
use wasmer_component::{Component, ComponentInstancePre, ComponentLinker, Own};
use wasmer_wasi_p2::WasiP2;
use wasmer_wasi_p2::host::GuestWaker;

use crate::client::Client;
use crate::ctx::WasiHttp;
use crate::incoming::{Answer, IncomingRequest, ResponseOutparam};
use crate::link::add_imports_to_linker;

/// The function that answers a request.
const HANDLE: &str = "wasi:http/incoming-handler@0.2.0#handle";

/// How long a guest keeps a thread of the network that computes. Most have answered by then.
const SLICE: Duration = Duration::from_millis(5);

/// What a component is given for a request.
type Grant = dyn Fn() -> Result<WasiP2> + Send + Sync;

/// A component that answers requests, of the world `wasi:http/proxy` and with all of `wasi:cli/command` besides.
pub struct App {
    pre: ComponentInstancePre<WasiHttp>,
    /// What [`HANDLE`] is called in this version.
    handle: String,
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
        let handle = component.func_name(HANDLE).ok_or_else(|| {
            LinkError::other(
                "the component exports no `wasi:http/incoming-handler`, so there is nothing that answers requests",
            )
        })?;
        let pre = linker.instantiate_pre(component)?;
        Ok(App { pre, handle, grant: Box::new(grant), limits: StoreLimits::new(), fuel: None })
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
    pub(crate) async fn answer(
        &self,
        request: IncomingRequest,
        answer: oneshot::Sender<Answer>,
        waker: GuestWaker,
        client: Arc<Client>,
        interrupt: &OnceLock<InterruptHandle>,
    ) -> Result<()> {
        let mut http = WasiHttp::new((self.grant)()?, waker, Some(client));
        http.is_head = request.is_head();
        let mut store = Store::with_limits(self.pre.component().engine(), http, self.limits);
        if let Some(fuel) = self.fuel {
            store.set_fuel(fuel)?;
        }
        let handle = store.interrupt_handle();
        // From here on the deadline can end the guest. If it has passed already, the task that enforces it tries again, so it is not missed.
        let _ = interrupt.set(handle.clone());
        let ctx = store.data_mut().p2.ctx_mut();
        ctx.set_interrupt_check(Some(Box::new(move || handle.is_interrupted())));
        // The thread's other tasks go elsewhere before a call that may block.
        ctx.set_blocking(|call| block_in_place(call));
        store.set_time_slice(Some(SLICE));
        let instance = match CALLS_CAN_WAIT {
            // A start function may wait or compute as any other code of the guest.
            true => self.pre.instantiate_async(&mut store).await?,
            false => block_in_place(|| self.pre.instantiate(&mut store))?,
        };
        let func =
            instance.typed_func::<(Own<IncomingRequest>, Own<ResponseOutparam>), ()>(&mut store, &self.handle)?;
        let http = store.data_mut();
        let params = (http.incoming_requests.insert(request)?, http.outparams.insert(ResponseOutparam(answer))?);
        match CALLS_CAN_WAIT {
            true => making_room(func.call_async(&mut store, params)).await,
            false => block_in_place(|| func.call(&mut store, params)),
        }
    }
}

/// A call of a guest that makes room for the thread's other tasks, as one that waits does, once it has given way: it computes for long, and they would
/// wait for as many slices as there are such guests.
async fn making_room<C: Future>(call: C) -> C::Output {
    let mut call = pin!(call);
    let mut has_given_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_given_way, true) {
            block_in_place(|| call.as_mut().poll(context))
        } else {
            call.as_mut().poll(context)
        }
    })
    .await
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("component", self.pre.component()).finish_non_exhaustive()
    }
}
