//! Functions of the host that are futures: a component that calls one is parked while it waits.
//!
//! What is lifted and lowered for it is what it is for other functions, at the two ends of the future. Between them nobody else can use the component: the
//! call under way has the store.

use std::future::Future;
use std::sync::Arc;

use wasmer_api::{AsyncCaller, Func, RawValue, Result, StoreMut};
use wasmer_component_translate::info::{FuncType, HandleIdx, InstanceIdx};
use wasmer_runtime_core::types::FuncType as CoreFuncType;

use crate::cx::CallPlan;
use crate::host::{AsyncHostFunc, Dynamic, HostCall, Mismatch, Typed, typed_mismatch};
use crate::state::Shared;
use crate::trampolines::take_handle;
use crate::typed::{Lift, Lower, TypeContext};
use crate::val::Val;

/// What an asynchronous function of the host returns: a future in a box. Its error stops the guest.
pub type HostFuture<'a, R> = Box<dyn Future<Output = Result<R>> + Send + 'a>;

/// How one is called.
trait AsyncCall<T>: Send + Sync + 'static {
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch>;

    fn call(
        &self,
        caller: &mut AsyncCaller<'_, T>,
        call: HostCall<'_>,
        values: &mut [RawValue],
    ) -> impl Future<Output = Result<()>> + Send;
}

impl<T: Send + 'static, C: AsyncCall<T>> AsyncHostFunc<T> for C {
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch> {
        AsyncCall::mismatch(self, ty, cx)
    }

    fn lower(
        self: Arc<Self>,
        store: &mut StoreMut<'_, T>,
        sig: &CoreFuncType,
        shared: &Arc<Shared>,
        crossing: CallPlan,
    ) -> Result<Func> {
        let shared = Arc::clone(shared);
        // SAFETY: as of the functions that are no futures, see `crate::instantiate`.
        unsafe {
            Func::new_raw_async(store, sig, move |mut caller: AsyncCaller<'_, T>, values| {
                let (func, shared) = (Arc::clone(&self), Arc::clone(&shared));
                Box::new(async move {
                    let call = crossing.begin(&shared, &mut caller)?;
                    func.call(&mut caller, call, values).await?;
                    call.end(&mut caller)
                })
            })
        }
    }
}

/// What ends resources of the host as a future.
pub(crate) trait AsyncDrop<T>: Send + Sync {
    /// Makes the core function that a component drops handles by.
    fn lower(
        self: Arc<Self>,
        store: &mut StoreMut<'_, T>,
        sig: &CoreFuncType,
        shared: &Arc<Shared>,
        of: (InstanceIdx, HandleIdx),
    ) -> Result<Func>;
}

impl<T, F> AsyncDrop<T> for F
where
    T: Send + 'static,
    F: for<'a, 'c> Fn(&'a mut AsyncCaller<'c, T>, u32) -> HostFuture<'a, ()> + Send + Sync + 'static,
{
    fn lower(
        self: Arc<Self>,
        store: &mut StoreMut<'_, T>,
        sig: &CoreFuncType,
        shared: &Arc<Shared>,
        of: (InstanceIdx, HandleIdx),
    ) -> Result<Func> {
        let shared = Arc::clone(shared);
        // SAFETY: `resource.drop` has one parameter and no result.
        unsafe {
            Func::new_raw_async(store, sig, move |mut caller: AsyncCaller<'_, T>, values| {
                let (drop, shared) = (Arc::clone(&self), Arc::clone(&shared));
                Box::new(async move {
                    let taken = take_handle(&shared, &mut caller, of, values)?;
                    match taken {
                        Some((_, rep)) => Box::into_pin(drop(&mut caller, rep)).await,
                        None => Ok(()),
                    }
                })
            })
        }
    }
}

impl<T, F, P, R> AsyncCall<T> for Typed<F, P, R>
where
    T: Send + 'static,
    F: for<'a, 'c> Fn(&'a mut AsyncCaller<'c, T>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
    P: Lift + 'static,
    R: Lower + 'static,
{
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch> {
        typed_mismatch::<P, R>(ty, cx)
    }

    async fn call(&self, caller: &mut AsyncCaller<'_, T>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()> {
        let params = call.lift_typed(caller, values)?;
        let result = Box::into_pin((self.func)(caller, params)).await?;
        call.lower_typed::<P, R>(caller, values, &result)
    }
}

impl<T, F> AsyncCall<T> for Dynamic<F>
where
    T: Send + 'static,
    F: for<'a, 'c> Fn(&'a mut AsyncCaller<'c, T>, &'a [Val]) -> HostFuture<'a, Option<Val>> + Send + Sync + 'static,
{
    fn mismatch(&self, _: &FuncType, _: &TypeContext<'_>) -> Option<Mismatch> {
        None
    }

    async fn call(&self, caller: &mut AsyncCaller<'_, T>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()> {
        let params = call.lift_vals(caller, values)?;
        let result = Box::into_pin((self.0)(caller, &params)).await?;
        call.lower_val(caller, values, result)
    }
}
