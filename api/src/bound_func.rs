//! Host functions that are made once, and bound in each store to something of its own.

use std::marker::PhantomData;
use std::sync::Arc;

use wasmer_runtime_core::types::FuncType;
use wasmer_runtime_core::vmcontext::RawValue;
use wasmer_vm::host::VMHostContext;

use crate::error::Result;
use crate::func::{Caller, Func, HostFunc, check_raw};
use crate::host_record::{HostRecord, enter_host};
use crate::store::{AsStoreMut, StoreAccess};

/// A host function on the array call's buffer that is made once for any number of stores. In each it is bound to a value, which it is called with.
/// [`Caller::instance`] is none for it: who calls it is known from what it is bound to.
///
/// ```
/// use std::sync::Arc;
/// use wasmer_api::{BoundFunc, Engine, EngineConfig, Store};
/// use wasmer_runtime_core::types::{FuncType, ValType};
///
/// let ty = FuncType::new([], [ValType::I32]);
/// // SAFETY: it writes a value of its result type.
/// let answer = unsafe { BoundFunc::<(), u32>::new(&ty, |_, bound, values| Ok(values[0].i32 = **bound as i32)) }?;
///
/// let mut store = Store::new(&Engine::new(EngineConfig::headless())?, ());
/// let func = answer.bind(&mut store, &Arc::new(42))?.typed::<(), i32>(&store)?;
/// assert_eq!(func.call(&mut store, ())?, 42);
/// # Ok::<_, wasmer_api::Error>(())
/// ```
pub struct BoundFunc<T, C> {
    func: Arc<HostFunc<T>>,
    /// The closure takes one.
    bound: PhantomData<fn(C)>,
}

impl<T, C> Clone for BoundFunc<T, C> {
    fn clone(&self) -> Self {
        Self { func: Arc::clone(&self.func), bound: PhantomData }
    }
}

impl<T: 'static, C: Send + Sync + 'static> BoundFunc<T, C> {
    /// A function that is not bound to anything yet.
    ///
    /// # Safety
    /// As of [`Func::new_raw`].
    ///
    /// # Errors
    /// [`Error::Type`](crate::Error::Type) if there is a host reference in the type.
    pub unsafe fn new<F>(ty: &FuncType, func: F) -> Result<Self>
    where
        F: Fn(Caller<'_, T>, &Arc<C>, &mut [RawValue]) -> Result<()> + Send + Sync + 'static,
    {
        check_raw(ty)?;
        let closure = Bound { len: ty.params.len().max(ty.results.len()), func };
        let func = Arc::new(HostFunc::with_entry(ty, bound_entry::<T, C, F>, closure));
        Ok(Self { func, bound: PhantomData })
    }

    /// The function of a store that is bound to a value, which the store keeps.
    ///
    /// # Errors
    /// As for [`Func::wrap`].
    pub fn bind(&self, store: &mut impl AsStoreMut<Data = T>, bound: &Arc<C>) -> Result<Func> {
        let store = store.store_inner_mut();
        store.take_host_record()?;
        let bound = store.keep_bound(bound);
        let record = HostRecord::new(store, &self.func, None).bound_to(bound);
        Ok(Func::from_parts(store.id(), store.keep_host_record(record)))
    }
}

/// A closure, and how many entries its buffer has.
struct Bound<F> {
    len: usize,
    func: F,
}

/// Where the exit stub calls a function that is bound.
///
/// # Safety
/// `context` is the first field of a `HostRecord<T>` for a `Bound<F>`, bound to an `Arc<C>` that its store keeps; the rest as for functions that are not bound.
unsafe extern "C" fn bound_entry<T, C, F>(context: *mut VMHostContext, values: *mut RawValue) -> bool
where
    T: 'static,
    F: Fn(Caller<'_, T>, &Arc<C>, &mut [RawValue]) -> Result<()>,
{
    // SAFETY: the caller's promise. The buffer has as many entries as the longer list of the type, and nobody else uses it during the call.
    unsafe {
        enter_host::<T, Bound<F>>(context, |closure, caller, bound| {
            (closure.func)(caller, &*bound.cast(), std::slice::from_raw_parts_mut(values, closure.len))
        })
    }
}
