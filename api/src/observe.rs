//! Host functions whose calls somebody is told of: what traces are made of. Those that nobody observes are as they were.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::{RawValue, canonical_of};
use wasmer_vm::host::VMHostContext;
use wasmer_vm::types_registry;

use crate::func::HostFunc;
use crate::host_record::{HostRecord, record_unwind};
use crate::value::Val;

/// A moment in a call of a host function by a guest.
#[derive(Clone, Copy, Debug)]
pub enum CallEvent<'a> {
    /// It begins, with these arguments.
    Call(&'a [Val]),
    /// The function returns, with these results.
    Return(&'a [Val]),
    /// The function ends the guest instead of returning, or throws.
    End,
}

/// A host function, and who is told of its calls.
struct Observed<T, F> {
    func: Arc<HostFunc<T>>,
    ty: FuncType,
    observer: F,
}

/// The same function, with `observer` told of its calls.
pub(crate) fn observed<T: 'static, F>(func: Arc<HostFunc<T>>, observer: F) -> HostFunc<T>
where
    F: Fn(CallEvent<'_>) + Send + Sync + 'static,
{
    let ty = types_registry::lookup_func(canonical_of(func.type_id())).clone_type();
    HostFunc::with_entry(&ty.clone(), entry::<T, F>, Observed { func, ty, observer })
}

impl<T: 'static, F: Fn(CallEvent<'_>)> Observed<T, F> {
    /// What panics here is a panic of the host function's.
    fn tell(&self, event: CallEvent<'_>) -> Result<(), Box<dyn std::any::Any + Send>> {
        catch_unwind(AssertUnwindSafe(|| (self.observer)(event)))
    }

    /// Calls the function in the place of the one that was called.
    ///
    /// # Safety
    /// As for [`entry`].
    unsafe fn call(
        &self,
        record: &HostRecord<T>,
        values: *mut RawValue,
    ) -> Result<bool, Box<dyn std::any::Any + Send>> {
        let read = |types: &[ValType]| {
            let value = |(position, ty): (usize, &ValType)| {
                // SAFETY: the buffer holds values of these types of this store, which nobody uses meanwhile.
                unsafe { Val::from_raw(&*values.add(position), *ty, &*record.store) }
            };
            types.iter().enumerate().map(value).collect::<Vec<_>>()
        };
        self.tell(CallEvent::Call(&read(&self.ty.params)))?;
        // SAFETY: the store is borrowed by the call that entered wasm, which is suspended; this borrow ends here.
        let mut inner = HostRecord::new(unsafe { &mut *record.store }, &self.func, record.instance);
        // SAFETY: the record is one of this function and of this store, and the buffer is one for its type, which both have.
        let is_done = unsafe { (self.func.entry())(inner.context().as_ptr(), values) };
        if is_done {
            self.tell(CallEvent::Return(&read(&self.ty.results)))?;
        } else {
            self.tell(CallEvent::End)?;
        }
        Ok(is_done)
    }
}

/// Where the exit stub calls an observed function.
///
/// # Safety
/// As for the entry of any host function, whose closure is an [`Observed`] of these types.
unsafe extern "C" fn entry<T: 'static, F: Fn(CallEvent<'_>)>(
    context: *mut VMHostContext,
    values: *mut RawValue,
) -> bool {
    // SAFETY: the caller's promise; the record keeps what the closure is in.
    let record = unsafe { &*context.cast::<HostRecord<T>>() };
    // SAFETY: likewise.
    let observed = unsafe { &*record.closure.cast::<Observed<T, F>>() };
    // SAFETY: the caller's promise.
    match unsafe { observed.call(record, values) } {
        Ok(is_done) => is_done,
        Err(payload) => {
            // SAFETY: the store outlives the call, and nobody borrows it.
            unsafe { record_unwind(record.store, wasmer_vm::Unwind::Panic(payload)) };
            false
        }
    }
}
