//! Finding out what guests still hold by reference.
//!
//! Globals and tables are known exactly. Frames are not: every word of the thread's wasm stack that looks like a handle is taken for one.
//! A collection is only made at a *safe point*: no handle is on its way between a Rust value and wasm, and the thread is not in wasm, or has left it through
//! a stub that put the registers on the wasm stack, too ([`wasmer_vm::arch::exit_host_saving`]). Parked guests have left it so. Those are: when the host calls a function or
//! gives a value to a table or global, when it makes an object, when a host function has its arguments, and in the libcalls that make objects or a reference to an
//! exception. Other libcalls never collect, and call nobody who could.

use std::ffi::c_void;

use wasmer_runtime_core::vmcontext::RawValue;

use crate::error::{Error, ResourceError, Result};
use crate::func::Caller;
use crate::store::{StoreInner, StoreOpaque};
use crate::value::Val;

impl StoreOpaque {
    /// Where references may be collected.
    #[inline(always)]
    pub(crate) fn safe_point(&mut self) {
        if self.vm.refs.held.is_due() {
            self.collect();
        }
    }

    /// The representation of a value that goes to guests alone, from the host: a safe point before it does.
    pub(crate) fn give(&mut self, value: &Val) -> Result<RawValue> {
        self.safe_point();
        value.to_raw(self)
    }

    /// Drops what no guest holds of host references, exceptions and objects. At safe points only.
    #[cold]
    pub(crate) fn collect(&mut self) {
        let mut found = self.vm.begin_collection();
        // A thread that is ending has given up its stack: nothing is known of its frames, so everything is kept.
        let is_known = self.vm.stack_words(&mut |word| found.guess(word));
        let mut root = |word| found.root(word);
        self.instances.iter().for_each(|record| record.vm.host_roots(&mut root));
        self.tables.iter().for_each(|table| table.host_roots(&mut root));
        self.globals.iter().for_each(|global| global.host_roots(&mut root));
        self.pinned.iter().for_each(|handle| root(*handle));
        // Last: what a host drops may panic, or do anything but use this store.
        drop(self.vm.end_collection(found, is_known));
    }
}

/// A collection that code asks for.
///
/// # Safety
/// `owner` is a store whose code is suspended in a libcall that saves registers, and that nobody borrows.
pub(crate) unsafe fn collect_for_code(owner: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { (*owner.cast::<StoreOpaque>()).collect() };
}

/// Keeps the host references at `positions` of the parameters while `func` runs, which may give them back.
///
/// # Safety
/// There are handles of the caller's store at these positions.
pub(crate) unsafe fn call_pinned<T: 'static>(
    positions: &[usize],
    func: &impl Fn(Caller<'_, T>, &mut [RawValue]) -> Result<()>,
    caller: Caller<'_, T>,
    values: &mut [RawValue],
) -> Result<()> {
    /// Ends what was pinned, also when `func` panics.
    struct Pins<T> {
        store: *mut StoreInner<T>,
        len: usize,
    }

    impl<T> Drop for Pins<T> {
        fn drop(&mut self) {
            // SAFETY: the store outlives the call, and its borrow by `func` has ended.
            let store = unsafe { &mut *self.store };
            store.pinned.truncate(self.len);
        }
    }

    let store: *mut StoreInner<T> = caller.store;
    // SAFETY: the caller lends the store for this call; `func` borrows it between these two uses. The rest is the caller's promise.
    unsafe {
        let pinned = &mut (&mut *store).pinned;
        let _pins = Pins { store, len: pinned.len() };
        pinned.extend(positions.iter().map(|position| values[*position].reference));
        func(Caller { store: &mut *store, instance: caller.instance }, values)
    }
}

/// There are as many references as handles.
#[cold]
pub(crate) fn full() -> Error {
    ResourceError::HostReferences.into()
}
