//! What the host makes and lets grow in a store whose limiter takes time to decide.

use wasmer_runtime_core::types::{ExternType, MemoryType, TableType};
use wasmer_vm::limiter::{AsyncResourceLimiter, Request};

use crate::error::Result;
use crate::externs::{Memory, Table};
use crate::module::Module;
use crate::store::{AsStoreMut, Store, StoreAccess, StoreOpaque};
use crate::value::Val;

/// Makes something once the store's limiter has allowed what `requests` says, if it takes time to decide; others are asked by who makes it.
pub(crate) async fn once_allowed<S: AsStoreMut, R>(
    store: &mut S,
    requests: impl FnOnce(&StoreOpaque) -> Result<Vec<Request>>,
    make: impl FnOnce(&mut S) -> Result<R>,
) -> Result<R> {
    if !store.store_inner_mut().budget().limiter.takes_time() {
        return make(store);
    }
    let requests = requests(store.store_inner_mut())?;
    let asked = &mut store.store_inner_mut().budget().limiter;
    asked.decide(&requests).await?;
    let made = make(store);
    store.store_inner_mut().budget().limiter.forget(&requests);
    made
}

/// What an instance of a module makes.
pub(crate) fn of_instance(module: &Module) -> Vec<Request> {
    let imported = module.imports().filter(|import| matches!(import.ty, ExternType::Memory(_)));
    Request::of_instance(module.code(), imported.count())
}

impl<T: 'static> Store<T> {
    /// As [`Store::set_limiter`], with a limiter that takes time to decide: a guest that lets something grow is parked meanwhile.
    ///
    /// What the host makes or lets grow in this store from now on, and what its guests do, needs the functions that can wait:
    /// [`Linker::instantiate_async`](crate::Linker::instantiate_async), [`TypedFunc::call_async`](crate::TypedFunc::call_async), [`Memory::new_async`],
    /// [`Memory::grow_async`] and those of tables. Others end with [`Error::Limit`](crate::Error::Limit), or [`Error::Host`](crate::Error::Host) where a guest grows.
    pub fn set_async_limiter(&mut self, limiter: impl AsyncResourceLimiter + 'static) {
        self.store_inner_mut().budget().limiter.set_async(Box::new(limiter));
    }
}

impl Memory {
    /// As [`Memory::new`], and waits for a limiter that takes time to decide ([`Store::set_async_limiter`]).
    pub async fn new_async(store: &mut impl AsStoreMut, ty: MemoryType) -> Result<Self> {
        let bytes = |pages: u64| pages.saturating_mul(1_u64.checked_shl(ty.page_size_log2.into()).unwrap_or(u64::MAX));
        let request = Request::memory(0, bytes(ty.limits.min), ty.limits.max.map(bytes));
        once_allowed(store, |_| Ok(vec![request]), |store| Self::new(store, ty)).await
    }

    /// As [`Memory::grow`], and waits for a limiter that takes time to decide.
    pub async fn grow_async(&self, store: &mut impl AsStoreMut, delta: u64) -> Result<u64> {
        let request = |store: &StoreOpaque| Ok(vec![self.vm(store)?.growth(delta)]);
        once_allowed(store, request, |store| self.grow(store, delta)).await
    }
}

impl Table {
    /// As [`Table::new`], and waits for a limiter that takes time to decide ([`Store::set_async_limiter`]).
    pub async fn new_async(store: &mut impl AsStoreMut, ty: TableType, init: Val) -> Result<Self> {
        let request = Request::table(0, ty.limits.min, ty.limits.max);
        once_allowed(store, |_| Ok(vec![request]), |store| Self::new(store, ty, init)).await
    }

    /// As [`Table::grow`], and waits for a limiter that takes time to decide.
    pub async fn grow_async(&self, store: &mut impl AsStoreMut, delta: u64, init: Val) -> Result<u64> {
        let request = |store: &StoreOpaque| Ok(vec![self.vm(store)?.growth(delta)]);
        once_allowed(store, request, |store| self.grow(store, delta, init)).await
    }
}
