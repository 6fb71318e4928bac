//! State that belongs to a store without standing in it.

use std::cell::UnsafeCell;

use wasmer_api::{AsStoreMut, Result, StoreId};

use crate::guest::Guest;
use crate::mismatch::ComponentTypeError;

/// A value that whoever has its store exclusively may use.
pub(crate) struct StoreCell<T> {
    owner: StoreId,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only reached with its store borrowed exclusively, so by one thread at a time, and may go from thread to thread.
unsafe impl<T: Send> Sync for StoreCell<T> {}

impl<T> StoreCell<T> {
    pub(crate) fn new(store: &mut impl AsStoreMut, value: T) -> Self {
        Self { owner: store.as_store_mut().id(), value: UnsafeCell::new(value) }
    }

    /// The value, as long as the store stays borrowed.
    ///
    /// # Errors
    /// [`Error::Type`](wasmer_api::Error::Type) if it belongs to another store.
    #[inline]
    pub(crate) fn get<'a>(&'a self, store: &'a mut (impl Guest + ?Sized)) -> Result<&'a mut T> {
        // SAFETY: a store's identity is its own, and whoever else wants the value needs this store, which is borrowed for as long.
        self.place(store).map(|place| unsafe { &mut *place })
    }

    /// Where the value is: [`StoreCell::get`] for whoever goes on to have the store.
    ///
    /// # Errors
    /// As of [`StoreCell::get`].
    #[inline]
    pub(crate) fn place(&self, store: &mut (impl Guest + ?Sized)) -> Result<*mut T> {
        if store.id() == self.owner { Ok(self.value.get()) } else { Err(ComponentTypeError::Store.into()) }
    }
}
