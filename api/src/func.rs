//! Functions: handles, calls, and host functions made of closures.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

use wasmer_runtime_core::compiler::Abi;
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::{RawValue, VMFuncRef};
use wasmer_vm::host::HostEntry;
use wasmer_vm::types_registry::{self, KnownFunc, TypeIds};

use crate::checked::{INLINE, read_results, write_arguments};
use crate::describe::Described;
use crate::error::{Error, HostFailure, Result, TypeError};
use crate::exception::UncaughtException;
use crate::externs::{Extern, Memory};
use crate::host_record::host_entry;
use crate::instance::Instance;
use crate::store::{
    AsStore, AsStoreMut, InterruptHandle, StoreAccess, StoreId, StoreInner, StoreMut, StoreOpaque, StoreRef, StoreView,
};
use crate::value::{HostResult, Val, WasmTy, WasmTyList, for_each_arity};

/// A function of a store: a small copyable handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Func {
    store: StoreId,
    func_ref: NonNull<VMFuncRef>,
}

// SAFETY: the pointer is only followed together with a borrow of the store that it belongs to, which is checked.
unsafe impl Send for Func {}
// SAFETY: as above.
unsafe impl Sync for Func {}

impl Func {
    /// A host function from a closure whose types Rust knows. Its first parameter may be a [`Caller`].
    ///
    /// The store keeps the function, and what the closure owns, until the store is dropped; [`StoreLimits::host_funcs_max`] bounds how many.
    /// A [`Linker`](crate::Linker) makes functions once for any number of stores and instances.
    ///
    /// ```
    /// use wasmer_api::{Engine, EngineConfig, Func, Limit, Store, StoreLimits};
    ///
    /// let engine = Engine::new(EngineConfig::headless())?;
    /// let mut store = Store::with_limits(&engine, (), StoreLimits::new().host_funcs_max(1));
    /// let double = Func::wrap(&mut store, |value: i32| value * 2)?.typed::<i32, i32>(&store)?;
    /// assert_eq!(double.call(&mut store, 21)?, 42);
    ///
    /// let error = Func::wrap(&mut store, || ()).unwrap_err();
    /// assert_eq!(error.as_limit().map(|error| error.what), Some(Limit::HostFuncs));
    /// # Ok::<_, wasmer_api::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`] if the store has as many as its limits allow.
    ///
    /// [`StoreLimits::host_funcs_max`]: crate::StoreLimits::host_funcs_max
    pub fn wrap<T: 'static, Params, Results>(
        store: &mut impl AsStoreMut<Data = T>,
        func: impl IntoHostFunc<T, Params, Results>,
    ) -> Result<Self> {
        store.store_inner_mut().host_func(&Arc::new(func.into_host_func()))
    }

    /// A host function of a type known only at run time. As for [`Func::wrap`].
    pub fn new<T: 'static>(
        store: &mut impl AsStoreMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        store.store_inner_mut().host_func(&Arc::new(HostFunc::dynamic(ty, func)))
    }

    /// A host function on the array call's buffer, as of [`Linker::func_raw`](crate::Linker::func_raw), for types without host references.
    ///
    /// # Safety
    /// `func` writes values of `ty`'s result types, and references only of the caller's store.
    ///
    /// # Errors
    /// As for [`Func::wrap`]; [`Error::Type`] if there is a host reference in the type.
    pub unsafe fn new_raw<T: 'static>(
        store: &mut impl AsStoreMut<Data = T>,
        ty: &FuncType,
        func: impl Fn(Caller<'_, T>, &mut [RawValue]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        check_raw(ty)?;
        store.store_inner_mut().host_func(&Arc::new(HostFunc::on_slice(ty, func)))
    }

    /// Calls the function on an array call's buffer: arguments on entry, results on return.
    ///
    /// # Safety
    /// `values` has as many entries as the longer list of the function's type, and holds values of its parameter types, references only of
    /// this store.
    #[inline(always)]
    pub unsafe fn call_raw(&self, store: &mut impl AsStoreMut, values: &mut [RawValue]) -> Result<()> {
        let store = store.store_inner_mut();
        let func_ref = self.func_ref(store)?;
        // SAFETY: the caller's promise; the function belongs to this store.
        unsafe { store.call(func_ref, values.as_mut_ptr()) }
    }

    /// The function's type; concrete references in it are canonical ids.
    pub fn ty(&self, store: &impl AsStore) -> Result<FuncType> {
        Ok(self.ty_in(store.store_inner())?.clone_type())
    }

    /// Calls the function with values checked against its type. `results` must have as many entries as the type.
    pub fn call(&self, store: &mut impl AsStoreMut, params: &[Val], results: &mut [Val]) -> Result<()> {
        self.call_checked(store.store_inner_mut(), params, results)
    }

    fn call_checked(&self, store: &mut StoreOpaque, params: &[Val], results: &mut [Val]) -> Result<()> {
        store.safe_point();
        let func_ref = self.func_ref(store)?;
        // SAFETY: the store is borrowed for the call.
        let ty = unsafe { self.known_type(store)? };
        let len = params.len().max(results.len());
        let (mut few, mut many);
        let values = if len <= INLINE {
            few = MaybeUninit::<[RawValue; INLINE]>::uninit();
            // SAFETY: there is room for so many. Any bits are a value, and of each no more is read than was written, by its type.
            unsafe { std::slice::from_raw_parts_mut(few.as_mut_ptr().cast(), len) }
        } else {
            many = vec![RawValue::ZERO; len];
            &mut many[..]
        };
        write_arguments(ty, store, params, results, values)?;
        // SAFETY: the function belongs to this store; the buffer has room for, and holds, what the type says. So it has written its results.
        unsafe {
            store.call(func_ref, values.as_mut_ptr())?;
            read_results(ty, store, values, results);
        }
        Ok(())
    }

    /// The same function with types that Rust knows: checked here once, not at every call.
    pub fn typed<P: WasmTyList, R: WasmTyList>(&self, store: &impl AsStore) -> Result<TypedFunc<P, R>> {
        let ty = self.ty_in(store.store_inner())?;
        if *ty.params != *P::types() || *ty.results != *R::types() {
            let asked = FuncType::new(P::types(), R::types());
            return Err(TypeError::Func { found: Described::func(&ty), asked }.into());
        }
        Ok(TypedFunc { func: *self, types: PhantomData })
    }

    pub(crate) fn from_parts(store: StoreId, func_ref: NonNull<VMFuncRef>) -> Self {
        Self { store, func_ref }
    }

    /// The function that a raw reference of this store stands for.
    ///
    /// # Safety
    /// `raw` is null or a function reference of this store.
    pub(crate) unsafe fn from_raw(raw: *const VMFuncRef, store: &StoreOpaque) -> Option<Self> {
        NonNull::new(raw.cast_mut()).map(|func_ref| Self { store: store.id(), func_ref })
    }

    /// The raw reference, if the function belongs to this store.
    #[inline]
    pub(crate) fn func_ref(&self, store: &StoreOpaque) -> Result<NonNull<VMFuncRef>> {
        store.check(self.store, "function")?;
        Ok(self.func_ref)
    }

    #[inline]
    pub(crate) fn canonical_id(&self, store: &StoreOpaque) -> Result<CanonicalId> {
        // SAFETY: a function reference of a store lives as long as the store.
        let type_id = unsafe { self.func_ref(store)?.as_ref() }.type_id;
        Ok(wasmer_runtime_core::vmcontext::canonical_of(type_id))
    }

    pub(crate) fn ty_in(&self, store: &StoreOpaque) -> Result<KnownFunc> {
        Ok(types_registry::lookup_func(self.canonical_id(store)?))
    }
}

/// Whether host functions of this type may be on the array call's buffer.
pub(crate) fn check_raw(ty: &FuncType) -> Result<()> {
    if ty.params.iter().chain(&ty.results).any(|ty| ty.is_host_ref()) {
        return Err(TypeError::RawFunc { ty: Described::func(ty) }.into());
    }
    Ok(())
}

/// A function whose type Rust knows.
///
/// What was checked for one pair of Rust types holds for this pair alone: a subtype may stand for another WebAssembly type.
///
/// ```
/// # use wasmer_api::TypedFunc;
/// fn same<'a>(func: TypedFunc<&'a str, ()>) -> TypedFunc<&'a str, ()> { func }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::TypedFunc;
/// fn results<'a>(func: TypedFunc<(), &'static str>) -> TypedFunc<(), &'a str> { func }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::TypedFunc;
/// fn params<'a>(func: TypedFunc<&'a str, ()>) -> TypedFunc<&'static str, ()> { func }
/// ```
pub struct TypedFunc<P, R> {
    pub(crate) func: Func,
    types: Invariant<(P, R)>,
}

/// Keeps a type that has this from being taken for one with a subtype or supertype of `T`.
type Invariant<T> = PhantomData<fn(T) -> T>;

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

/// The buffer of an array call: as long as the longer list.
pub(crate) union CallBuffer<P: WasmTyList, R: WasmTyList> {
    _params: P::Values,
    _results: R::Values,
}

impl<P: WasmTyList, R: WasmTyList> TypedFunc<P, R> {
    /// Calls the function.
    #[inline]
    pub fn call(&self, store: &mut impl AsStoreMut, params: P) -> Result<R> {
        let store = store.store_inner_mut();
        let func_ref = self.func.func_ref(store)?;
        if P::HAS_HOST_REFS || R::HAS_HOST_REFS {
            store.safe_point();
        }
        let mut buffer = MaybeUninit::<CallBuffer<P, R>>::uninit();
        let values = buffer.as_mut_ptr().cast();
        // SAFETY: the types were checked when the handle was made; the buffer has room for either list, and the callee has written
        // the results when it returns.
        unsafe {
            params.store(values, store)?;
            store.call(func_ref, values)?;
            Ok(R::load(values, store))
        }
    }

    /// The untyped handle.
    pub fn func(&self) -> Func {
        self.func
    }
}

/// Who calls a host function: the store, and the instance that imported the function.
///
/// It borrows the store for the call, and stays in the call and on its thread, where the guest is suspended:
///
/// ```
/// # use wasmer_api::Caller;
/// fn same<'a>(caller: Caller<'a, ()>) -> Caller<'a, ()> { caller }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::Caller;
/// fn keep(caller: Caller<'_, ()>) -> Caller<'static, ()> { caller }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::Caller;
/// fn send(caller: Caller<'_, ()>) { std::thread::scope(|scope| { scope.spawn(move || drop(caller)); }); }
/// ```
pub struct Caller<'a, T> {
    pub(crate) store: &'a mut StoreInner<T>,
    pub(crate) instance: Option<Instance>,
}

impl<T: 'static> Caller<'_, T> {
    /// The store's data.
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The store's data.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// As [`Store::gc`](crate::Store::gc), while the guest is suspended.
    pub fn gc(&mut self) {
        self.store.collect();
    }

    /// As [`Store::interrupt_handle`](crate::Store::interrupt_handle), for what takes long: an interrupt ends the guest only once this function returns.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.store.interrupt_handle()
    }

    /// The instance that imported the function; none when the host calls it.
    pub fn instance(&self) -> Option<Instance> {
        self.instance
    }

    /// An export of the instance that imported the function.
    pub fn export(&mut self, name: &str) -> Option<Extern> {
        self.instance?.export(self, name)
    }

    /// The memory that the instance exports as `memory`.
    pub fn memory(&mut self) -> Option<Memory> {
        self.instance?.default_memory(self.store)
    }
}

impl<T: 'static> AsStore for Caller<'_, T> {
    type Data = T;

    fn as_store(&self) -> StoreRef<'_, T> {
        self.store.as_store()
    }
}

impl<T: 'static> AsStoreMut for Caller<'_, T> {
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        self.store.as_store_mut()
    }
}

/// A host function that is not bound to a store yet.
pub struct HostFunc<T> {
    /// One.
    type_ids: TypeIds,
    /// [`host_entry`] for the closure's type.
    entry: HostEntry,
    closure: Box<dyn Closure>,
    /// Whether it leaves a future in the store, see [`crate::async_func`].
    parks: bool,
    /// The closure writes to data of type `T` as well as it reads it.
    data: Invariant<T>,
}

/// Any closure: only its entry knows which.
trait Closure: Send + Sync {}

impl<F: Send + Sync> Closure for F {}

impl<T: 'static> HostFunc<T> {
    /// On the array call's buffer, which has an entry for each parameter, and for each result.
    pub(crate) fn raw<F>(ty: &FuncType, call: F) -> Self
    where
        F: Fn(Caller<'_, T>, *mut RawValue) -> Result<()> + Send + Sync + 'static,
    {
        Self::with_entry(ty, host_entry::<T, F>, call)
    }

    /// A closure and what calls it, which knows its type.
    pub(crate) fn with_entry(ty: &FuncType, entry: HostEntry, closure: impl Send + Sync + 'static) -> Self {
        // Whoever could make so many would have run out of memory before.
        let type_ids = TypeIds::of(&ty.clone().into()).expect("there are fewer than 2^28 function types");
        Self { type_ids, entry, closure: Box::new(closure), parks: false, data: PhantomData }
    }

    /// One whose entry leaves a future in the store.
    pub(crate) fn parking(self) -> Self {
        Self { parks: true, ..self }
    }

    /// What the exit stub calls.
    pub(crate) fn entry(&self) -> HostEntry {
        self.entry
    }

    /// Where the closure is that the entry calls.
    pub(crate) fn closure(&self) -> *const () {
        (&raw const *self.closure).cast()
    }

    /// Whether it leaves a future in the store.
    pub(crate) fn parks(&self) -> bool {
        self.parks
    }

    /// The type id that references to it have.
    pub(crate) fn type_id(&self) -> u32 {
        Abi::HOST.type_id(self.type_ids[0])
    }

    /// On the array call's buffer, as a slice.
    pub(crate) fn on_slice(
        ty: &FuncType,
        call: impl Fn(Caller<'_, T>, &mut [RawValue]) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let len = ty.params.len().max(ty.results.len());
        // SAFETY: the buffer has this many entries, and nobody else uses it during the call.
        Self::raw(ty, move |caller, values| call(caller, unsafe { std::slice::from_raw_parts_mut(values, len) }))
    }
}

/// Closures that can become host functions.
///
/// ```
/// # use wasmer_api::{Caller, Linker};
/// # fn define(linker: &mut Linker<Vec<i32>>) -> wasmer_api::Result<()> {
/// linker.func_wrap("host", "add", |left: i32, right: i32| left + right)?;
/// linker.func_wrap("host", "keep", |mut caller: Caller<'_, Vec<i32>>, value: i32| caller.data_mut().push(value))?;
/// linker.func_wrap("host", "parse", || -> Result<u32, std::num::ParseIntError> { "7".parse() })?;
/// linker.func_wrap("host", "open", || -> anyhow::Result<()> { anyhow::bail!("there is nothing to open") })?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "this cannot be a host function of a store with data `{T}`",
    label = "not a closure from values of WebAssembly to such values",
    note = "its parameters are, after a `Caller<'_, {T}>` if it needs one, up to 17 of the types `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, `u128`, \
            `Option<Func>`, `Option<ExternRef>` and `Option<ExnRef>`",
    note = "it returns nothing, one of these, a tuple of them, or a `Result` of that with any error that is `Send + Sync + 'static`",
    note = "it is `Fn + Send + Sync + 'static`: what it changes is in the store's data (`Caller::data_mut`) or behind a lock, what it uses is moved into it"
)]
pub trait IntoHostFunc<T, Params, Results>: Send + Sync + 'static {
    /// The host function.
    fn into_host_func(self) -> HostFunc<T>;
}

macro_rules! into_host_func {
    ($(($count:literal $($name:ident $position:tt)*))*) => {
        $(
            impl<T: 'static, Closure, R, $($name),*> IntoHostFunc<T, ($($name,)*), R> for Closure
            where
                Closure: Fn($($name),*) -> R + Send + Sync + 'static,
                R: HostResult,
                $($name: WasmTy,)*
            {
                fn into_host_func(self) -> HostFunc<T> {
                    host_func::<T, ($($name,)*), R>(move |_caller, _params| self($(_params.$position),*))
                }
            }

            impl<T: 'static, Closure, R, $($name),*> IntoHostFunc<T, (Caller<'_, T>, $($name,)*), R> for Closure
            where
                Closure: Fn(Caller<'_, T>, $($name),*) -> R + Send + Sync + 'static,
                R: HostResult,
                $($name: WasmTy,)*
            {
                fn into_host_func(self) -> HostFunc<T> {
                    host_func::<T, ($($name,)*), R>(move |caller, _params| self(caller, $(_params.$position),*))
                }
            }
        )*
    };
}

for_each_arity!(into_host_func);

fn host_func<T: 'static, P: WasmTyList, R: HostResult>(
    func: impl Fn(Caller<'_, T>, P) -> R + Send + Sync + 'static,
) -> HostFunc<T> {
    let ty = FuncType::new(P::types(), R::Results::types());
    HostFunc::raw(&ty, move |caller, values| {
        let store: *mut StoreInner<T> = caller.store;
        // SAFETY: the caller wrote values of the parameter types, and there is room for the results. The closure's use of the store has
        // ended when they are written.
        unsafe {
            let params = P::load(values, &*store);
            if P::HAS_HOST_REFS || R::Results::HAS_HOST_REFS {
                (*store).safe_point();
            }
            func(caller, params).into_results()?.store(values, &mut *store)
        }
    })
}

/// What a failed call means for the embedder.
pub(crate) fn host_error(error: Error, backtrace: crate::error::Backtrace) -> Error {
    match error {
        Error::Host(failure) if failure.backtrace.frames.is_empty() => {
            Error::Host(Box::new(HostFailure { error: failure.error, backtrace }))
        }
        Error::Trap(trap) if trap.backtrace.frames.is_empty() => {
            Error::Trap(Box::new(crate::error::Trap { backtrace, ..*trap }))
        }
        Error::Exception(uncaught) if uncaught.backtrace.frames.is_empty() => {
            Error::Exception(Box::new(UncaughtException { backtrace, ..*uncaught }))
        }
        other => other,
    }
}
