//! Host functions that are futures. A call of one makes the future and parks the guest; the call into WebAssembly ([`crate::async_call`]) then waits for it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use wasmer_runtime_core::types::{FuncType, ValType};
use wasmer_runtime_core::vmcontext::RawValue;
use wasmer_vm::Unwind;
use wasmer_vm::host::VMHostContext;

use crate::error::{Error, Place, Result, TypeError};
use crate::externs::{Extern, Memory};
use crate::func::{Caller, Func, HostFunc, check_raw};
use crate::host_record::{HostRecord, record_unwind};
use crate::instance::Instance;
use crate::store::{AsStore, AsStoreMut, StoreAccess, StoreInner, StoreMut, StoreRef};
use crate::value::{HostResult, Val, WasmTyList};

/// What a guest waits for: it writes the results to the buffer of the guest's call.
pub(crate) type HostCall = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Who calls a host function that is a future: as [`Caller`], but it may go to other threads with the future, if the store's data may.
///
/// ```
/// # use wasmer_api::AsyncCaller;
/// fn send(caller: AsyncCaller<'_, String>) { std::thread::scope(|scope| { scope.spawn(move || drop(caller)); }); }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::AsyncCaller;
/// fn send(caller: AsyncCaller<'_, std::rc::Rc<()>>) { std::thread::scope(|scope| { scope.spawn(move || drop(caller)); }); }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::AsyncCaller;
/// fn keep(caller: AsyncCaller<'_, ()>) -> AsyncCaller<'static, ()> { caller }
/// ```
pub struct AsyncCaller<'a, T>(Caller<'a, T>);

// SAFETY: the guest is parked while there is one of these, so that the thread and the store's context know nothing of its call: whatever thread uses the store
// meanwhile makes a call like any other. The store's data are the only part of a store that may be bound to a thread.
unsafe impl<T: Send> Send for AsyncCaller<'_, T> {}

impl<T: 'static> AsyncCaller<'_, T> {
    /// The store's data.
    pub fn data(&self) -> &T {
        self.0.data()
    }

    /// The store's data.
    pub fn data_mut(&mut self) -> &mut T {
        self.0.data_mut()
    }

    /// As [`Store::gc`](crate::Store::gc), while the guest is parked.
    pub fn gc(&mut self) {
        self.0.gc();
    }

    /// The instance that imported the function; none when the host calls it.
    pub fn instance(&self) -> Option<Instance> {
        self.0.instance()
    }

    /// An export of the instance that imported the function.
    pub fn export(&mut self, name: &str) -> Option<Extern> {
        self.0.export(name)
    }

    /// The memory that the instance exports as `memory`.
    pub fn memory(&mut self) -> Option<Memory> {
        self.0.memory()
    }

    /// For what takes the caller of a function that is not a future.
    pub fn caller(&mut self) -> Caller<'_, T> {
        Caller { store: self.0.store, instance: self.0.instance }
    }
}

impl<T: 'static> AsStore for AsyncCaller<'_, T> {
    type Data = T;

    fn as_store(&self) -> StoreRef<'_, T> {
        self.0.as_store()
    }
}

impl<T: 'static> AsStoreMut for AsyncCaller<'_, T> {
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        self.0.as_store_mut()
    }
}

/// Where a call's values are.
struct Values<T> {
    store: *mut StoreInner<T>,
    raw: *mut RawValue,
}

// SAFETY: a future that has one is polled by the call that borrows the store, wherever that is; the values are on the parked guest's stack.
unsafe impl<T> Send for Values<T> {}

/// A typed host function's future, which ends by writing the results.
struct Typed<T, R> {
    future: Pin<Box<dyn Future<Output = R> + Send>>,
    values: Values<T>,
}

impl<T: 'static, R: HostResult> Future for Typed<T, R> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Poll::Ready(results) = self.future.as_mut().poll(context) else { return Poll::Pending };
        let write = |results: R::Results| {
            // SAFETY: there is room for the results; the future's use of the store has ended.
            unsafe { results.store(self.values.raw, &mut *self.values.store) }
        };
        Poll::Ready(results.into_results().and_then(write))
    }
}

impl<T: 'static> HostFunc<T> {
    /// Of a closure whose types Rust knows.
    pub(crate) fn wrap_async<P: WasmTyList, R: HostResult + 'static>(
        func: impl for<'a> Fn(AsyncCaller<'a, T>, P) -> Box<dyn Future<Output = R> + Send + 'a> + Send + Sync + 'static,
    ) -> Self {
        let ty = FuncType::new(P::types(), R::Results::types());
        Self::on_future(&ty, move |store: *mut StoreInner<T>, instance, raw| {
            // SAFETY: the caller wrote values of the parameter types. The store is borrowed by the call that waits for the future, which is dropped before that
            // call ends; until then nobody else uses it.
            let future = unsafe {
                let params = P::load(raw, &*store);
                if P::HAS_HOST_REFS || R::Results::HAS_HOST_REFS {
                    (*store).safe_point();
                }
                func(AsyncCaller(Caller { store: &mut *store, instance }), params)
            };
            Box::pin(Typed { future: Box::into_pin(future), values: Values { store, raw } })
        })
    }

    /// On the array call's buffer, as a slice.
    fn on_slice_async(
        ty: &FuncType,
        func: impl for<'a> Fn(AsyncCaller<'a, T>, &'a mut [RawValue]) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let len = ty.params.len().max(ty.results.len());
        Self::on_future(ty, move |store: *mut StoreInner<T>, instance, raw| {
            // SAFETY: as for `wrap_async`. The buffer has this many entries, and is the future's until it has ended.
            let future = unsafe {
                let values = std::slice::from_raw_parts_mut(raw, len);
                func(AsyncCaller(Caller { store: &mut *store, instance }), values)
            };
            Box::into_pin(future)
        })
    }

    /// On checked values.
    pub(crate) fn dynamic_async(
        ty: FuncType,
        func: impl for<'a> Fn(
            AsyncCaller<'a, T>,
            &'a [Val],
            &'a mut [Val],
        ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
        + Send
        + Sync
        + 'static,
    ) -> Self
    where
        T: Send,
    {
        let shared = Arc::new((ty.clone(), func));
        Self::on_future(&ty, move |store: *mut StoreInner<T>, instance, raw| {
            let (types, _) = &*shared;
            let mut vals: Vec<Val> = Vec::with_capacity(types.params.len() + types.results.len());
            // SAFETY: as for `wrap_async`.
            let caller = unsafe {
                vals.extend(types.params.iter().enumerate().map(|(at, ty)| Val::from_raw(&*raw.add(at), *ty, &*store)));
                vals.extend(types.results.iter().map(|ty| Val::default_for(*ty).unwrap_or(Val::FuncRef(None))));
                (*store).safe_point();
                AsyncCaller(Caller { store: &mut *store, instance })
            };
            let (shared, values) = (Arc::clone(&shared), Values { store, raw });
            Box::pin(async move {
                let (types, func) = &*shared;
                let (params, results) = vals.split_at_mut(types.params.len());
                Box::into_pin(func(caller, params, results)).await?;
                write_results(&types.results, results, &values)
            })
        })
    }

    fn on_future<F>(ty: &FuncType, call: F) -> Self
    where
        F: Fn(*mut StoreInner<T>, Option<Instance>, *mut RawValue) -> HostCall + Send + Sync + 'static,
    {
        Self::with_entry(ty, async_entry::<T, F>, call).parking()
    }
}

fn write_results<T: 'static>(types: &[ValType], results: &[Val], values: &Values<T>) -> Result<()> {
    for (at, (result, ty)) in results.iter().zip(types).enumerate() {
        // SAFETY: see `Values`; the function's use of the store has ended.
        let (store, raw) = unsafe { (&mut *values.store, &mut *values.raw.add(at)) };
        if !result.matches(*ty, store) {
            return Err(TypeError::value(Place::HostResult, result, *ty).into());
        }
        *raw = result.to_raw(store)?;
    }
    Ok(())
}

/// Where the exit stub calls a host function that is a future: leaves it in the store, and has the guest parked.
///
/// # Safety
/// `context` is the first field of a `HostRecord<T>` for a closure of type `F`, `values` has the entries that its type needs, and the
/// store that it belongs to is the one that is running.
unsafe extern "C" fn async_entry<T, F>(context: *mut VMHostContext, values: *mut RawValue) -> bool
where
    T: 'static,
    F: Fn(*mut StoreInner<T>, Option<Instance>, *mut RawValue) -> HostCall,
{
    // SAFETY: the caller's promise. The store is borrowed by the call that entered wasm, which is suspended until this one returns.
    let (record, can_park) = unsafe {
        let record = &*context.cast::<HostRecord<T>>();
        (record, (*record.store).vm().can_park())
    };
    // SAFETY: the record's function keeps the closure, whose type is `F`.
    let closure = unsafe { &*record.closure.cast::<F>() };
    let call = AssertUnwindSafe(|| closure(record.store, record.instance, values));
    let unwind = match can_park.then(|| catch_unwind(call)) {
        Some(Ok(future)) => {
            // SAFETY: the store outlives the call, and nobody borrows it: the future is not polled yet.
            let store = unsafe { &mut *record.store };
            store.host_call = Some(future);
            return true;
        }
        Some(Err(payload)) => Unwind::Panic(payload),
        None => Unwind::Error(Box::new(Error::host(NOT_ASYNC))),
    };
    // SAFETY: the store outlives the call, and the closure has ended.
    unsafe { record_unwind(record.store, unwind) };
    false
}

const NOT_ASYNC: &str = "a host function that is a future was called by a call that cannot wait for it\n\
    hint: call and instantiate with `call_async` and `instantiate_async`; between them and the function there may be no host function that is no future";

impl Func {
    /// A host function that is a future, from a closure whose types Rust knows. The guest is parked while it waits: no thread waits with it.
    ///
    /// Only calls that can wait may reach it, see [`TypedFunc::call_async`](crate::TypedFunc::call_async). Otherwise as [`Func::wrap`].
    pub fn wrap_async<T: 'static, P: WasmTyList, R: HostResult + 'static>(
        store: &mut impl AsStoreMut<Data = T>,
        func: impl for<'a> Fn(AsyncCaller<'a, T>, P) -> Box<dyn Future<Output = R> + Send + 'a> + Send + Sync + 'static,
    ) -> Result<Self> {
        store.store_inner_mut().host_func(&Arc::new(HostFunc::wrap_async(func)))
    }

    /// The same on the array call's buffer, as [`Func::new_raw`].
    ///
    /// # Safety
    /// As of [`Func::new_raw`].
    ///
    /// # Errors
    /// As of [`Func::new_raw`].
    pub unsafe fn new_raw_async<T: 'static>(
        store: &mut impl AsStoreMut<Data = T>,
        ty: &FuncType,
        func: impl for<'a> Fn(AsyncCaller<'a, T>, &'a mut [RawValue]) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
        + Send
        + Sync
        + 'static,
    ) -> Result<Self> {
        check_raw(ty)?;
        store.store_inner_mut().host_func(&Arc::new(HostFunc::on_slice_async(ty, func)))
    }

    /// The same of a type known only at run time.
    pub fn new_async<T: Send + 'static>(
        store: &mut impl AsStoreMut<Data = T>,
        ty: FuncType,
        func: impl for<'a> Fn(
            AsyncCaller<'a, T>,
            &'a [Val],
            &'a mut [Val],
        ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
        + Send
        + Sync
        + 'static,
    ) -> Result<Self> {
        store.store_inner_mut().host_func(&Arc::new(HostFunc::dynamic_async(ty, func)))
    }
}
