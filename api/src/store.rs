//! The store: owner of instances, host functions and everything that they share. One thread at a time uses it.

use std::any::Any;
use std::cell::Cell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmer_runtime_core::trap::MemoryFault;
use wasmer_runtime_core::types::CanonicalId;
use wasmer_runtime_core::vmcontext::{RawValue, VMFuncRef, VMStoreContext};
use wasmer_vm as vm;
use wasmer_vm::budget::Budget;
use wasmer_vm::exceptions::Tag as VmTag;
use wasmer_vm::heap::Outside;
use wasmer_vm::host_refs::Full;
use wasmer_vm::lazy::CompileFailure;
use wasmer_vm::limiter::ResourceLimiter;
use wasmer_vm::limits::StoreLimits;
use wasmer_vm::memory::Memory as VmMemory;
use wasmer_vm::references::Collector;
use wasmer_vm::slices::SLICE_MIN;

pub use crate::access::{AsStore, AsStoreMut, StoreMut, StoreRef};
pub(crate) use crate::access::{StoreAccess, StoreView};
use crate::async_func::HostCall;
use crate::checked::KnownTypes;
use crate::collect::{collect_for_code, full};
use crate::engine::Engine;
use crate::error::{Error, ResourceError, Result, Trap, TypeError};
use crate::externs::{HostGlobal, HostTable};
use crate::func::host_error;
use crate::host_record::HostRecord;
use crate::instance::InstanceRecord;
use crate::object::AnyRef;
use crate::object_type::ObjectType;
use crate::value::ExternRef;

/// What a call ends with that needs a function for which there is no code.
#[cold]
fn not_compiled(failure: CompileFailure) -> Error {
    match failure {
        CompileFailure::Compile(error) => error.into(),
        CompileFailure::Room(_) => ResourceError::room("code", failure).into(),
    }
}

#[cold]
fn of_another_store(what: &'static str) -> Error {
    TypeError::Store { what }.into()
}

/// The identity of a store: handles carry it, so that one store's handle is never used in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(u64);

impl StoreId {
    /// An id that no other store has. Threads take them by the block, to keep out of each other's way.
    fn fresh() -> Self {
        const BLOCK: u64 = 1 << 10;
        static NEXT_BLOCK: AtomicU64 = AtomicU64::new(BLOCK);
        thread_local! {
            static NEXT: Cell<u64> = const { Cell::new(0) };
        }
        let next = NEXT.get();
        let id = if next.is_multiple_of(BLOCK) { NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed) } else { next };
        NEXT.set(id + 1);
        Self(id)
    }
}

/// Owner of instances, with the embedder's data `T`. It may move between threads, one of which uses it at a time.
///
/// ```
/// # use wasmer_api::Store;
/// fn same<'a>(store: Store<&'a str>) -> Store<&'a str> { store }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::Store;
/// fn share(store: &Store<()>) { std::thread::scope(|scope| { scope.spawn(move || store.data()); }); }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::Store;
/// fn shorten<'a>(store: Store<&'static str>) -> Store<&'a str> { store }
/// ```
pub struct Store<T> {
    /// Boxed, because compiled code and host functions point to it.
    pub(crate) inner: Box<StoreInner<T>>,
}

/// What handles and callers borrow.
pub(crate) struct StoreInner<T> {
    opaque: StoreOpaque,
    /// Records of host functions are of this store's data type; kept until the end of the store.
    pub(crate) host_records: Vec<Box<HostRecord<T>>>,
    /// Function references of host functions by the address of the function, which their records keep alive, so that a linker's
    /// function becomes one record per store.
    pub(crate) host_funcs: HashMap<usize, NonNull<VMFuncRef>>,
    /// What functions of the host are bound to: an `Arc` each, at a place that stays.
    pub(crate) bound: Vec<Box<dyn Any + Send + Sync>>,
    data: T,
}

/// The part of a store that does not depend on the embedder's data.
pub struct StoreOpaque {
    id: StoreId,
    engine: Engine,
    pub(crate) instances: Vec<InstanceRecord>,
    pub(crate) memories: Vec<Arc<VmMemory>>,
    pub(crate) tables: Vec<Box<HostTable>>,
    pub(crate) globals: Vec<Box<HostGlobal>>,
    /// Tags that the host made. Boxed, because exceptions point to them.
    pub(crate) tags: Vec<Box<VmTag>>,
    /// Types of objects that the host has made or looked into: kept as long as there can be such objects.
    pub(crate) object_types: HashMap<CanonicalId, ObjectType>,
    /// Of functions that were called with checked values.
    pub(crate) known_types: KnownTypes,
    /// Handles that host functions on raw values were given and may still give back.
    pub(crate) pinned: Vec<u64>,
    /// What the guest that has just been parked waits for, until its call takes it.
    pub(crate) host_call: Option<HostCall>,
    /// Last: instances point to it.
    pub(crate) vm: Box<vm::StoreVm>,
    /// A store is used by one thread at a time, but may move between threads.
    _not_sync: PhantomData<*const ()>,
}

// SAFETY: everything raw in a store points into it or into what it owns; using it needs `&mut`, so one thread at a time does.
unsafe impl<T: Send> Send for Store<T> {}

impl<T: 'static> Store<T> {
    /// An empty store.
    pub fn new(engine: &Engine, data: T) -> Self {
        Self::with_limits(engine, data, StoreLimits::default())
    }

    /// An empty store whose instances may not use more than `limits` allow.
    pub fn with_limits(engine: &Engine, data: T, limits: StoreLimits) -> Self {
        let mut vm = vm::StoreVm::new(engine.stack_bytes(), limits);
        vm.metered = engine.uses_fuel();
        let opaque = StoreOpaque {
            id: StoreId::fresh(),
            engine: engine.counted_here(),
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            object_types: HashMap::new(),
            known_types: KnownTypes::default(),
            pinned: Vec::new(),
            host_call: None,
            vm,
            _not_sync: PhantomData,
        };
        let (host_records, host_funcs, bound) = (Vec::new(), HashMap::new(), Vec::new());
        let mut inner = Box::new(StoreInner { opaque, host_records, host_funcs, bound, data });
        let owner = &raw mut inner.opaque;
        // SAFETY: the store owns its virtual machine, never moves out of its box, and is borrowed by the call that entered wasm when code runs.
        unsafe { (*owner).vm.refs.set_collector(Collector { owner: owner.cast(), collect: collect_for_code }) };
        Self { inner }
    }

    /// The embedder's data.
    pub fn data(&self) -> &T {
        &self.inner.data
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner.data
    }

    /// The embedder's data, when nothing else of the store is needed any more.
    pub fn into_data(self) -> T {
        self.inner.data
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.inner.opaque.engine
    }

    /// Drops what no guest holds any more, no global, no table, and no call that has not returned: host references ([`ExternRef`]), exceptions, and objects of
    /// the garbage collection proposal. Happens by itself from time to time, when there is much that is new. Takes time in proportion to what guests have of
    /// globals, tables of references, stack, and objects that are held.
    ///
    /// While a guest runs, a value may stay although its guest has forgotten it; after all calls have ended, it does not.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use wasmer_api::{Engine, EngineConfig, ExternRef, Store, Table, Val};
    /// use wasmer_runtime_core::types::{Limits, RefType, TableType, Width};
    ///
    /// let engine = Engine::new(EngineConfig::headless())?;
    /// let mut store = Store::new(&engine, ());
    /// let ty = TableType { element: RefType::EXTERNREF, limits: Limits { min: 1, max: None }, index: Width::W32 };
    /// let table = Table::new(&mut store, ty, Val::ExternRef(None))?;
    ///
    /// let session = Arc::new("what guests get but cannot look into");
    /// table.set(&mut store, 0, ExternRef::new(Arc::clone(&session)).into())?;
    /// store.gc();
    /// assert_eq!(Arc::strong_count(&session), 2);
    ///
    /// table.set(&mut store, 0, Val::ExternRef(None))?;
    /// store.gc();
    /// assert_eq!(Arc::strong_count(&session), 1);
    /// # Ok::<_, wasmer_api::Error>(())
    /// ```
    pub fn gc(&mut self) {
        self.inner.opaque.collect();
    }

    /// Makes a collection wherever one may be made: for tests. Much slower.
    #[doc(hidden)]
    pub fn gc_always(&mut self) {
        self.inner.opaque.vm.collect_always();
    }

    /// Has guests give way to others when they have run for so long in a call that can wait ([`TypedFunc::call_async`](crate::TypedFunc::call_async)): its future is pending once, and
    /// wakes. So guests that compute for long share an executor's thread with others. None, the default: a guest runs until it waits.
    ///
    /// The time is the processor time of the thread that polls, as exact as the system's clock of that (some milliseconds), at least a millisecond. A guest does not give way
    /// while a host function runs that is no future. Compiled code polls nothing for it.
    pub fn set_time_slice(&mut self, slice: Option<Duration>) {
        self.inner.opaque.vm.slice = slice.map(|slice| slice.max(SLICE_MIN));
    }

    /// Asks `limiter` before a guest or the host makes an instance, memory or table in this store, or lets one grow; both the
    /// limiter and the store's [`StoreLimits`] have to allow it. The store keeps the limiter until it is dropped.
    pub fn set_limiter(&mut self, limiter: impl ResourceLimiter + 'static) {
        self.inner.opaque.vm.budget.limiter.set(Box::new(limiter));
    }

    /// Stops this store's guest from another thread. Compiled code polls nothing for it.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.inner.opaque.interrupt_handle()
    }

    /// Forgets an interrupt, so that the store can run again.
    pub fn clear_interrupt(&mut self) {
        self.inner.opaque.vm.clear_interrupt();
    }
}

/// Stops a store's guest from another thread: the guest traps as `interrupted`, whatever it does. Cheap to clone.
#[derive(Clone)]
pub struct InterruptHandle(vm::InterruptHandle);

impl InterruptHandle {
    /// Stops the guest if it runs now, and every later call into the store until [`Store::clear_interrupt`].
    pub fn interrupt(&self) {
        self.0.interrupt();
    }

    /// Whether the store is interrupted: for host functions that block.
    pub fn is_interrupted(&self) -> bool {
        self.0.is_interrupted()
    }
}

impl<T: 'static> StoreInner<T> {
    /// The embedder's data.
    pub(crate) fn data(&self) -> &T {
        &self.data
    }

    /// The embedder's data.
    pub(crate) fn data_mut(&mut self) -> &mut T {
        &mut self.data
    }
}

impl<T> std::ops::Deref for StoreInner<T> {
    type Target = StoreOpaque;

    #[inline]
    fn deref(&self) -> &StoreOpaque {
        &self.opaque
    }
}

impl<T> std::ops::DerefMut for StoreInner<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut StoreOpaque {
        &mut self.opaque
    }
}

impl StoreOpaque {
    /// The store's identity.
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle(self.vm.interrupt_handle())
    }

    pub(crate) fn budget(&mut self) -> &mut Budget {
        &mut self.vm.budget
    }

    #[inline]
    pub(crate) fn vm(&mut self) -> &mut vm::StoreVm {
        &mut self.vm
    }

    pub(crate) fn vm_fuel(&self) -> u64 {
        self.vm.fuel()
    }

    pub(crate) fn vm_context(&self) -> *mut VMStoreContext {
        self.vm.context()
    }

    /// Refuses handles of other stores.
    #[inline]
    pub(crate) fn check(&self, owner: StoreId, what: &'static str) -> Result<()> {
        if owner == self.id { Ok(()) } else { Err(of_another_store(what)) }
    }

    /// Calls a function by array call.
    ///
    /// # Safety
    /// `func_ref` belongs to this store; `values` holds its arguments and has room for its results.
    #[inline(always)]
    pub(crate) unsafe fn call(&mut self, func_ref: NonNull<VMFuncRef>, values: *mut RawValue) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.vm.call(func_ref, values) }.map_err(|why| self.failure(why))
    }

    /// What a failed call means for the embedder. A host function's panic goes on here.
    #[cold]
    pub(crate) fn failure(&mut self, failure: Box<vm::Failure>) -> Error {
        let backtrace = crate::backtrace::resolve(&failure);
        let memory_fault = failure.place.and_then(|place| self.memory_fault(place, failure.pcs.first()));
        match failure.unwind {
            vm::Unwind::Trap(code) => Error::Trap(Box::new(Trap { code, backtrace, memory_fault })),
            vm::Unwind::Error(error) => match error.downcast::<Error>() {
                Ok(error) => host_error(*error, backtrace),
                Err(error) => match error.downcast::<CompileFailure>() {
                    Ok(failure) => not_compiled(*failure),
                    Err(error) => host_error(Error::host(error), backtrace),
                },
            },
            vm::Unwind::Exception => self.uncaught(backtrace),
            vm::Unwind::Panic(payload) => std::panic::resume_unwind(payload),
        }
    }

    /// Which memory of this store was left, and where. The number is that of the module whose code is at `pc`, unless its instances differ in it.
    fn memory_fault(&self, place: vm::Place, pc: Option<&usize>) -> Option<MemoryFault> {
        let left_at = |memory: &VmMemory| match place {
            vm::Place::Known(_) => None,
            vm::Place::Address(address) => memory.offset_behind(address).map(u128::from),
            vm::Place::Outside { address, definition } => {
                (memory.vm().addr() == definition).then(|| address.max(memory.len_bytes() as u128))
            }
        };
        if let vm::Place::Known(fault) = place {
            return Some(fault);
        }
        let memories = self.instances.iter().flat_map(|record| record.vm.all_memories());
        let (memory, address) = memories.filter_map(|memory| Some((memory, left_at(memory)?))).next()?;
        let image = pc.and_then(|pc| vm::code_registry::lookup(*pc)).map(|(image, _)| image);
        let is_running = |vm: &&vm::instance::Instance| image.as_ref().is_some_and(|image| vm.has_code_of(image));
        let running = self.instances.iter().map(|record| &*record.vm).filter(is_running);
        let numbers = running.flat_map(|vm| {
            let numbered = vm.all_memories().iter().zip(0..);
            numbered.filter(|(other, _)| Arc::ptr_eq(other, memory)).map(|(_, number)| number)
        });
        let numbers: std::collections::BTreeSet<u32> = numbers.collect();
        Some(MemoryFault {
            address,
            len: None,
            memory: numbers.first().copied().filter(|_| numbers.len() == 1),
            memory_bytes: memory.len_bytes() as u64,
        })
    }

    pub(crate) fn record_unwind(&mut self, unwind: vm::Unwind) {
        self.vm.record_unwind(unwind);
    }

    /// The handle of a host reference; equal references have equal handles. Zero is null.
    pub(crate) fn intern_extern_ref(&mut self, value: &ExternRef) -> Result<u64> {
        // What went outside is the same as it was inside.
        if let Some(inside) = value.data().downcast_ref::<AnyRef>() {
            return inside.external_word(self);
        }
        self.vm.refs.host_handle(value.shared()).map_err(|Full| full())
    }

    /// The host reference behind a handle.
    ///
    /// # Panics
    /// If a host function on raw values kept a handle longer than its call.
    pub(crate) fn extern_ref(&self, handle: u64) -> Option<ExternRef> {
        if let Outside::Internal(word) = Outside::of(handle) {
            return AnyRef::from_raw(word.into(), self).map(ExternRef::new);
        }
        let known = || self.vm.refs.host_value(handle).expect("a guest holds only references that are kept");
        Some(ExternRef::from_shared(Arc::clone(known())))
    }
}
