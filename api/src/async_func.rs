//! Host functions that are futures. A call of one makes the future and parks the guest; the call into WebAssembly ([`crate::async_call`]) then waits for it.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use wasmer_runtime_core::types::{FuncType, ValType};
use wasmer_runtime_core::vmcontext::RawValue;
use wasmer_vm::Unwind;
use wasmer_vm::growing::NOT_GROWN;
use wasmer_vm::host::VMHostContext;

use crate::error::{Error, Place, Result, TypeError};
use crate::externs::{Extern, Memory};
use crate::func::{Caller, Func, HostFunc, check_raw};
use crate::host_record::{HostRecord, record_unwind};
use crate::instance::Instance;
use crate::store::{AsStore, AsStoreMut, StoreAccess, StoreInner, StoreMut, StoreOpaque, StoreRef};
use crate::value::{HostResult, Val, WasmTyList};

/// A future in a box, whatever it ends with.
type BoxFuture<R> = Pin<Box<dyn Future<Output = R> + Send>>;

/// What the guest's call returns, or why the guest must not go on. In two registers, as everybody waits for it.
pub(crate) type Returned = Result<u64, Box<Unwind>>;

/// What a guest waits for. What it ends with, and what has to be done with that, the functions know: so that a call is in one box only.
pub(crate) struct HostCall {
    /// A [`BoxFuture`] of another type.
    future: ManuallyDrop<BoxFuture<()>>,
    /// What `poll` needs besides: of a function of the host, where its results go.
    store: *mut (),
    values: *mut RawValue,
    poll: unsafe fn(&mut Self, &mut Context<'_>) -> Poll<Returned>,
    drop: unsafe fn(&mut Self),
}

// SAFETY: the future can be sent. It is polled by the call that borrows the store, wherever that is; the values are on the parked guest's stack.
unsafe impl Send for HostCall {}

/// What a function of the host returns that has not failed: see [`wasmer_vm::host::HostEntry`].
const SUCCESS: u64 = 1;

impl HostCall {
    fn new<R>(
        future: BoxFuture<R>,
        store: *mut (),
        values: *mut RawValue,
        poll: unsafe fn(&mut Self, &mut Context<'_>) -> Poll<Returned>,
    ) -> Self {
        // SAFETY: both are the two words of a fat pointer, and it is used as what it was only.
        let future = unsafe { std::mem::transmute::<BoxFuture<R>, BoxFuture<()>>(future) };
        Self { future: ManuallyDrop::new(future), store, values, poll, drop: Self::drop_future::<R> }
    }

    /// Of a function of the host that ends with `R`, for a store of `T`.
    fn function<T: 'static, R: HostResult>(future: BoxFuture<R>, values: Values<StoreInner<T>>) -> Self {
        Self::new(future, values.store.cast(), values.raw, Self::poll_function::<T, R>)
    }

    /// Of one that writes its results itself.
    fn writing(future: BoxFuture<Result<()>>) -> Self {
        Self::new(future, std::ptr::null_mut(), std::ptr::null_mut(), Self::poll_writing)
    }

    /// Of a guest that was parked because it wants to grow something.
    fn growth(store: &mut StoreOpaque) -> Option<Self> {
        let growing = store.vm().take_growing()?;
        let store: *mut StoreOpaque = store;
        let store = Values { store, raw: std::ptr::null_mut() };
        let future: BoxFuture<Returned> = Box::pin(async move {
            // SAFETY: the store is borrowed by the call that waits for this future, and nobody else uses it meanwhile. What grows belongs to it.
            unsafe {
                let asked = &mut store.store().vm().budget.limiter;
                match asked.decide(&[growing.request()]).await {
                    Ok(()) => store.store().vm().grow(growing).map_err(Box::new),
                    Err(_) => Ok(NOT_GROWN),
                }
            }
        });
        Some(Self::new(future, std::ptr::null_mut(), std::ptr::null_mut(), Self::poll_growth))
    }

    /// What the guest waits for that has just been parked in this store: nothing if it gives way.
    pub(crate) fn of_parked(store: &mut StoreOpaque) -> Option<Self> {
        store.host_call.take().or_else(|| Self::growth(store))
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Returned> {
        // SAFETY: the function was chosen for the type of the future.
        unsafe { (self.poll)(self, context) }
    }

    /// # Safety
    /// The future ends with `R`.
    unsafe fn future<R>(&mut self) -> &mut BoxFuture<R> {
        // SAFETY: the caller's promise.
        unsafe { &mut *(&raw mut self.future).cast() }
    }

    /// # Safety
    /// The future ends with `R`, and is not used again.
    unsafe fn drop_future<R>(&mut self) {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::drop_in_place(self.future::<R>()) }
    }

    /// # Safety
    /// The future ends with `R`, and the store is one of `T`, which nobody borrows.
    unsafe fn poll_function<T: 'static, R: HostResult>(&mut self, context: &mut Context<'_>) -> Poll<Returned> {
        // SAFETY: the caller's promise.
        let polled = unsafe { self.future::<R>() }.as_mut().poll(context);
        polled.map(|results| {
            // SAFETY: there is room for the results; the future's use of the store has ended.
            let write =
                |results: R::Results| unsafe { results.store(self.values, &mut *self.store.cast::<StoreInner<T>>()) };
            returned(results.into_results().and_then(write))
        })
    }

    /// # Safety
    /// The future ends with a `Result<()>`.
    unsafe fn poll_writing(&mut self, context: &mut Context<'_>) -> Poll<Returned> {
        // SAFETY: the caller's promise.
        unsafe { self.future::<Result<()>>() }.as_mut().poll(context).map(returned)
    }

    /// # Safety
    /// The future ends with what the guest's call returns.
    unsafe fn poll_growth(&mut self, context: &mut Context<'_>) -> Poll<Returned> {
        // SAFETY: the caller's promise.
        unsafe { self.future::<Returned>() }.as_mut().poll(context)
    }
}

impl Drop for HostCall {
    fn drop(&mut self) {
        // SAFETY: the function was chosen for the type of the future, and this is its end.
        unsafe { (self.drop)(self) }
    }
}

/// What a function of the host returns.
fn returned(result: Result<()>) -> Returned {
    result.map(|()| SUCCESS).map_err(|error| Box::new(Unwind::Error(Box::new(error))))
}

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

/// A store, and where a call's values are.
struct Values<S> {
    store: *mut S,
    raw: *mut RawValue,
}

impl<S> Values<S> {
    /// # Safety
    /// Nobody else uses the store meanwhile.
    unsafe fn store<'a>(&self) -> &'a mut S {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.store }
    }
}

// SAFETY: a future that has one is polled by the call that borrows the store, wherever that is; the values are on the parked guest's stack.
unsafe impl<T> Send for Values<T> {}

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
            HostCall::function(Box::into_pin(future), Values { store, raw })
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
            HostCall::writing(Box::into_pin(future))
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
            HostCall::writing(Box::pin(async move {
                let (types, func) = &*shared;
                let (params, results) = vals.split_at_mut(types.params.len());
                Box::into_pin(func(caller, params, results)).await?;
                write_results(&types.results, results, &values)
            }))
        })
    }

    fn on_future<F>(ty: &FuncType, call: F) -> Self
    where
        F: Fn(*mut StoreInner<T>, Option<Instance>, *mut RawValue) -> HostCall + Send + Sync + 'static,
    {
        Self::with_entry(ty, async_entry::<T, F>, call).parking()
    }
}

fn write_results<T: 'static>(types: &[ValType], results: &[Val], values: &Values<StoreInner<T>>) -> Result<()> {
    for (at, (result, ty)) in results.iter().zip(types).enumerate() {
        // SAFETY: see `Values`; the function's use of the store has ended.
        let (store, raw) = unsafe { (values.store(), &mut *values.raw.add(at)) };
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
