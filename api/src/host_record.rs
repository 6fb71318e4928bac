//! Host functions in a store: a record for each, which code points to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use wasmer_runtime_core::vmcontext::{RawValue, VMFuncRef};
use wasmer_vm::activation;
use wasmer_vm::budget::Usage;
use wasmer_vm::host::VMHostContext;

use crate::error::{Error, ResourceError, Result};
use crate::func::{Caller, Func, HostFunc};
use crate::instance::Instance;
use crate::store::StoreInner;

/// A host function in a store: what the `vmctx` of its function reference points to.
#[repr(C)]
pub(crate) struct HostRecord<T> {
    /// First, so that a pointer to it is one to the record.
    context: VMHostContext,
    /// The closure in `func`.
    pub(crate) closure: *const (),
    pub(crate) store: *mut StoreInner<T>,
    pub(crate) instance: Option<Instance>,
    /// What a [`BoundFunc`](crate::BoundFunc) is bound to, or null. The store keeps it.
    bound: *const (),
    func: Arc<HostFunc<T>>,
}

impl<T: 'static> HostRecord<T> {
    /// A record at a stable address, bound to an instance or to none.
    pub(crate) fn new(store: &mut StoreInner<T>, func: &Arc<HostFunc<T>>, instance: Option<Instance>) -> Box<Self> {
        let new = if func.parks() { VMHostContext::new_parking } else { VMHostContext::new };
        let context = new(store.vm_context(), func.entry(), HostFunc::type_id(func));
        let closure = func.closure();
        let func = Arc::clone(func);
        let mut record = Box::new(Self { context, closure, store, instance, bound: std::ptr::null(), func });
        record.context.link();
        record
    }

    /// Binds it to something that the store keeps.
    pub(crate) fn bound_to(mut self: Box<Self>, bound: *const ()) -> Box<Self> {
        self.bound = bound;
        self
    }

    /// Whether it is bound to something, and so to no instance.
    pub(crate) fn is_bound(&self) -> bool {
        !self.bound.is_null()
    }

    pub(crate) fn func_ref(&self) -> NonNull<VMFuncRef> {
        NonNull::from(&self.context.func_ref)
    }

    pub(crate) fn context(&mut self) -> NonNull<VMHostContext> {
        NonNull::from(&mut self.context)
    }

    pub(crate) fn func(&self) -> &Arc<HostFunc<T>> {
        &self.func
    }
}

/// Where the exit stub calls a host function: on the host's stack.
///
/// # Safety
/// `context` is the first field of a `HostRecord<T>` for a closure of type `F`, `values` has the entries that its type needs, and the
/// store that it belongs to is the one that is running.
pub(crate) unsafe extern "C" fn host_entry<T, F>(context: *mut VMHostContext, values: *mut RawValue) -> bool
where
    T: 'static,
    F: Fn(Caller<'_, T>, *mut RawValue) -> Result<()>,
{
    // SAFETY: the caller's promise.
    unsafe { enter_host::<T, F>(context, |closure, caller, _| closure(caller, values)) }
}

/// What entries have in common: `call` calls the closure, and is given what the record is bound to.
///
/// # Safety
/// As of [`host_entry`].
#[inline(always)]
pub(crate) unsafe fn enter_host<T: 'static, F>(
    context: *mut VMHostContext,
    call: impl FnOnce(&F, Caller<'_, T>, *const ()) -> Result<()>,
) -> bool {
    // SAFETY: the caller's promise. The store is borrowed by the call that entered wasm, which is suspended until this one returns.
    let (record, store) = unsafe {
        let record = &*context.cast::<HostRecord<T>>();
        (record, &mut *record.store)
    };
    // SAFETY: the record's function keeps the closure, whose type is `F`.
    let closure = unsafe { &*record.closure.cast::<F>() };
    let call = AssertUnwindSafe(|| call(closure, Caller { store, instance: record.instance }, record.bound));
    let entered = activation::current();
    let outcome = catch_unwind(call);
    let is_innermost = std::ptr::eq(activation::current(), entered);
    let unwind = match outcome {
        Ok(Ok(())) if is_innermost => return true,
        // The guest's frames stand above those of another call, which its next one would overwrite.
        Ok(Ok(())) => wasmer_vm::Unwind::Error(Box::new(Error::from(ResourceError::OutOfOrder))),
        // SAFETY: the store outlives the call, and the borrow above has ended.
        Ok(Err(error)) if is_innermost && unsafe { (*record.store).throw(&error) } => return false,
        Ok(Err(error)) => wasmer_vm::Unwind::Error(Box::new(error)),
        Err(payload) => wasmer_vm::Unwind::Panic(payload),
    };
    // SAFETY: the store outlives the call, and the borrow above has ended.
    unsafe { record_unwind(record.store, unwind) };
    false
}

/// # Safety
/// Nobody borrows the store.
#[cold]
pub(crate) unsafe fn record_unwind<T: 'static>(store: *mut StoreInner<T>, unwind: wasmer_vm::Unwind) {
    // SAFETY: the caller's promise.
    unsafe { (*store).record_unwind(unwind) };
}

impl<T: 'static> StoreInner<T> {
    /// The function of this store that a host function becomes, at the cost of the store's budget if it is a new one.
    pub(crate) fn host_func(&mut self, func: &Arc<HostFunc<T>>) -> Result<Func> {
        let address = Arc::as_ptr(func) as usize;
        let func_ref = match self.host_funcs.get(&address) {
            Some(func_ref) => *func_ref,
            None => {
                self.take_host_record()?;
                let func_ref = self.add_host_record(func, None);
                self.host_funcs.insert(address, func_ref);
                func_ref
            }
        };
        Ok(Func::from_parts(self.id(), func_ref))
    }

    /// The cost of a function of the host.
    pub(crate) fn take_host_record(&mut self) -> Result<()> {
        let record_bytes = size_of::<HostRecord<T>>() as u64;
        Ok(self.budget().take(Usage { record_bytes, host_funcs: 1, ..Usage::default() })?)
    }

    /// Keeps what functions of the host are bound to, until the end of the store: where it is, as an `Arc<C>`.
    pub(crate) fn keep_bound<C: Send + Sync + 'static>(&mut self, bound: &Arc<C>) -> *const () {
        // Most are bound one after the other.
        let last = self.bound.last().and_then(|last| last.downcast_ref::<Arc<C>>());
        if !last.is_some_and(|last| Arc::ptr_eq(last, bound)) {
            self.bound.push(Box::new(Arc::clone(bound)));
        }
        self.bound.last().map_or(std::ptr::null(), |bound| (&raw const **bound).cast())
    }

    /// The same host function, on behalf of an instance.
    ///
    /// # Safety
    /// `func_ref` is a host function of this store.
    pub(crate) unsafe fn bind_host_func(
        &mut self,
        func_ref: NonNull<VMFuncRef>,
        instance: Instance,
    ) -> NonNull<VMFuncRef> {
        // SAFETY: the vmctx of a host function is the record that this store made for it.
        let record = unsafe { &*func_ref.as_ref().vmctx.cast::<HostRecord<T>>() };
        if record.is_bound() {
            return func_ref;
        }
        let func = Arc::clone(record.func());
        self.add_host_record(&func, Some(instance))
    }

    /// How many records of host functions there are.
    pub(crate) fn host_records_len(&self) -> usize {
        self.host_records.len()
    }

    /// Drops the records of host functions that were made last.
    ///
    /// # Safety
    /// Nobody has references to them.
    pub(crate) unsafe fn truncate_host_records(&mut self, len: usize) {
        self.vm().refs.truncate_host_contexts(len);
        self.host_records.truncate(len);
    }

    /// Makes a host function callable by compiled code, on behalf of an instance or of none.
    pub(crate) fn add_host_record(
        &mut self,
        func: &Arc<HostFunc<T>>,
        instance: Option<Instance>,
    ) -> NonNull<VMFuncRef> {
        let record = HostRecord::new(self, func, instance);
        self.keep_host_record(record)
    }

    /// Keeps a record, whose function compiled code may call from now on.
    pub(crate) fn keep_host_record(&mut self, mut record: Box<HostRecord<T>>) -> NonNull<VMFuncRef> {
        let func_ref = record.func_ref();
        // SAFETY: the record was just made, and lives as long as the store.
        unsafe { self.vm().refs.add_host_context(record.context()) };
        self.host_records.push(record);
        func_ref
    }
}
