//! Stores, and who may use one now: its owner, or the host function that one of its guests has called.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Weak};

use wasmer_runtime::wasi::WasiCtx;
use wasmer_runtime::{AsStoreMut, Caller, Error, InterruptHandle, ResourceError, Store, StoreLimits, StoreMut};

use crate::config::{CEngine, EngineShared};
use crate::fault::{attempt, guard};
use crate::host_info::HostInfo;
use crate::object::Entity;

/// What the runtime's store knows of us.
pub(crate) struct Data {
    /// The store that it is in. Weak, because that owns it.
    pub(crate) cell: Weak<StoreCell>,
    /// What WASI functions act on, once it is given.
    pub(crate) wasi: Option<WasiCtx>,
}

/// `wasm_store_t`.
pub(crate) struct CStore {
    pub(crate) cell: Arc<StoreCell>,
}

/// A store, which every reference to something of it keeps.
pub(crate) struct StoreCell {
    pub(crate) engine: Arc<EngineShared>,
    interrupt: InterruptHandle,
    access: Cell<Access>,
    /// What is attached to the store's entities. Finalized before the store goes.
    infos: RefCell<HashMap<Entity, HostInfo>>,
    store: UnsafeCell<Store<Data>>,
}

/// Who may use the store.
#[derive(Clone, Copy)]
enum Access {
    /// Nobody uses it.
    Free,
    /// Something is being done with it: a finalizer that is called then finds it closed.
    Taken,
    /// A guest waits in a call of this host function, which may.
    Lent(NonNull<Caller<'static, Data>>),
}

/// The store, as its owner or a host function has it.
pub(crate) enum Context<'a> {
    Owner(&'a mut Store<Data>),
    HostFunction(&'a mut Caller<'static, Data>),
}

/// Ends what began with a change of [`StoreCell::access`].
struct Restore<'a> {
    access: &'a Cell<Access>,
    before: Access,
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        self.access.set(self.before);
    }
}

impl StoreCell {
    fn new(engine: &Arc<EngineShared>, limits: StoreLimits) -> Arc<Self> {
        Arc::new_cyclic(|cell| {
            let store = Store::with_limits(&engine.engine, Data { cell: cell.clone(), wasi: None }, limits);
            Self {
                engine: Arc::clone(engine),
                interrupt: store.interrupt_handle(),
                access: Cell::new(Access::Free),
                infos: RefCell::default(),
                store: UnsafeCell::new(store),
            }
        })
    }

    /// Uses the store.
    ///
    /// # Errors
    /// In a finalizer that runs while the store is in use.
    #[inline]
    pub(crate) fn with_context<R>(&self, run: impl FnOnce(Context<'_>) -> R) -> Result<R, Error> {
        let (context, _restore) = self.take()?;
        Ok(run(context))
    }

    /// As [`StoreCell::with_context`], for what owners and host functions can do.
    #[inline]
    pub(crate) fn with<R>(&self, run: impl FnOnce(StoreMut<'_, Data>) -> Result<R, Error>) -> Result<R, Error> {
        let (context, _restore) = self.take()?;
        run(match context {
            Context::Owner(store) => store.as_store_mut(),
            Context::HostFunction(caller) => caller.as_store_mut(),
        })
    }

    /// The store, for as long as what gives it back is there.
    #[inline(always)]
    fn take(&self) -> Result<(Context<'_>, Restore<'_>), Error> {
        let before = self.access.replace(Access::Taken);
        let restore = Restore { access: &self.access, before };
        let context = match before {
            // SAFETY: one thread at a time uses a store, as the header says, and nobody on it has borrowed it: the access would be taken.
            Access::Free => Context::Owner(unsafe { &mut *self.store.get() }),
            // SAFETY: the host function waits for the program, which is here, and does not use its borrow until `lend` ends.
            Access::Lent(caller) => Context::HostFunction(unsafe { &mut *caller.as_ptr() }),
            Access::Taken => return Err(taken()),
        };
        Ok((context, restore))
    }

    /// Lets the program use the store from a host function.
    #[inline]
    pub(crate) fn lend<R>(caller: &mut Caller<'_, Data>, run: impl FnOnce() -> R) -> R {
        // SAFETY: the function that entered wasm was given a reference to something of the store, which keeps it until that function returns.
        let cell = unsafe { &*caller.data().cell.as_ptr() };
        // The lifetime is the one of `run`: the pointer is forgotten behind it.
        let lent = Access::Lent(NonNull::from(caller).cast());
        let _restore = Restore { access: &cell.access, before: cell.access.replace(lent) };
        run()
    }

    pub(crate) fn interrupt_handle(&self) -> InterruptHandle {
        self.interrupt.clone()
    }

    pub(crate) fn host_info(&self, entity: &Entity) -> *mut c_void {
        self.infos.borrow().get(entity).map_or(ptr::null_mut(), HostInfo::pointer)
    }

    pub(crate) fn set_host_info(&self, entity: Entity, info: HostInfo) {
        let before = self.infos.borrow_mut().insert(entity, info);
        // Its finalizer may look at what is attached to others.
        drop(before);
    }
}

#[cold]
fn taken() -> Error {
    ResourceError::other("a finalizer used the store that called it").into()
}

/// A new store. The standard knows no limits, so without any it counts nothing.
pub(crate) fn new_store(engine: &CEngine, limits: StoreLimits) -> Option<Box<CStore>> {
    attempt(|| Ok(Box::new(CStore { cell: StoreCell::new(&engine.0, limits) })))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_store_new(engine: Option<&CEngine>) -> Option<Box<CStore>> {
    let any = u64::MAX;
    let limits = StoreLimits::new().memories_max(any).tables_max(any).instances_max(any).host_funcs_max(any);
    new_store(engine?, limits)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_store_delete(store: Option<Box<CStore>>) {
    let _ = guard(|| store.map(drop));
}
