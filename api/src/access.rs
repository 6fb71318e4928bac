//! Access to a store, as its owner or a host function has it.

use crate::store::{Store, StoreId, StoreInner};

/// Anything that gives access to a store.
pub trait AsStore {
    /// The embedder's data.
    type Data: 'static;
    /// The store.
    fn as_store(&self) -> StoreRef<'_, Self::Data>;
}

/// Shared access to a store, for as long as it is borrowed.
///
/// ```
/// use wasmer_api::{AsStore, Engine, EngineConfig, Store};
///
/// fn name(store: &impl AsStore<Data = String>) -> &str { store.as_store().data() }
///
/// let store = Store::new(&Engine::new(EngineConfig::headless())?, "mine".to_owned());
/// assert_eq!(name(&store), "mine");
/// # Ok::<_, wasmer_api::Error>(())
/// ```
pub struct StoreRef<'a, T>(pub(crate) &'a StoreInner<T>);

impl<'a, T: 'static> StoreRef<'a, T> {
    /// The store's identity.
    #[inline]
    pub fn id(&self) -> StoreId {
        self.0.id()
    }

    /// The embedder's data.
    #[inline]
    pub fn data(&self) -> &'a T {
        self.0.data()
    }
}

/// Exclusive access to a store. What is behind it stays out of reach: compiled code and host functions point to it, so that it must
/// not be exchanged for another store's. A host function's stays on its thread.
///
/// ```
/// # use wasmer_api::StoreMut;
/// fn keep(store: StoreMut<'_, ()>) { drop(store); }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::StoreMut;
/// fn send(store: StoreMut<'_, ()>) { std::thread::scope(|scope| { scope.spawn(move || drop(store)); }); }
/// ```
pub struct StoreMut<'a, T>(pub(crate) &'a mut StoreInner<T>);

impl<T: 'static> StoreMut<'_, T> {
    /// The store's identity.
    #[inline]
    pub fn id(&self) -> StoreId {
        self.0.id()
    }

    /// The embedder's data.
    #[inline]
    pub fn data_mut(&mut self) -> &mut T {
        self.0.data_mut()
    }
}

/// Anything that gives exclusive access to a store.
pub trait AsStoreMut: AsStore {
    /// The store.
    fn as_store_mut(&mut self) -> StoreMut<'_, Self::Data>;
}

/// The way behind [`AsStore`], for this crate alone.
pub(crate) trait StoreView: AsStore {
    #[inline]
    fn store_inner(&self) -> &StoreInner<Self::Data> {
        self.as_store().0
    }
}

impl<S: AsStore + ?Sized> StoreView for S {}

/// The way behind [`AsStoreMut`], for this crate alone.
pub(crate) trait StoreAccess: AsStoreMut {
    #[inline]
    fn store_inner_mut(&mut self) -> &mut StoreInner<Self::Data> {
        self.as_store_mut().0
    }
}

impl<S: AsStoreMut + ?Sized> StoreAccess for S {}

impl<T: 'static> AsStore for Store<T> {
    type Data = T;

    #[inline]
    fn as_store(&self) -> StoreRef<'_, T> {
        StoreRef(&self.inner)
    }
}

impl<T: 'static> AsStoreMut for Store<T> {
    #[inline]
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        StoreMut(&mut self.inner)
    }
}

impl<T: 'static> AsStore for StoreMut<'_, T> {
    type Data = T;

    #[inline]
    fn as_store(&self) -> StoreRef<'_, T> {
        StoreRef(self.0)
    }
}

impl<T: 'static> AsStoreMut for StoreMut<'_, T> {
    #[inline]
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        StoreMut(self.0)
    }
}

impl<T: 'static> AsStore for StoreInner<T> {
    type Data = T;

    #[inline]
    fn as_store(&self) -> StoreRef<'_, T> {
        StoreRef(self)
    }
}

impl<T: 'static> AsStoreMut for StoreInner<T> {
    #[inline]
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        StoreMut(self)
    }
}

impl<S: AsStore> AsStore for &S {
    type Data = S::Data;

    #[inline]
    fn as_store(&self) -> StoreRef<'_, S::Data> {
        (**self).as_store()
    }
}

impl<S: AsStore> AsStore for &mut S {
    type Data = S::Data;

    #[inline]
    fn as_store(&self) -> StoreRef<'_, S::Data> {
        (**self).as_store()
    }
}

impl<S: AsStoreMut> AsStoreMut for &mut S {
    #[inline]
    fn as_store_mut(&mut self) -> StoreMut<'_, S::Data> {
        (**self).as_store_mut()
    }
}
