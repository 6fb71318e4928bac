//! The references to an instance's own functions: made on first use, never moved.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

use wasmer_runtime_core::vmcontext::VMFuncRef;

/// An array of function references, all zero at first, whose places never move.
pub(crate) struct FuncRefs {
    base: *mut VMFuncRef,
    len: usize,
}

impl FuncRefs {
    pub(crate) fn new(len: usize) -> Self {
        if len == 0 {
            return Self { base: std::ptr::null_mut(), len };
        }
        let layout = Self::layout(len);
        // SAFETY: the layout is not empty.
        let base: *mut VMFuncRef = unsafe { alloc_zeroed(layout) }.cast();
        if base.is_null() {
            handle_alloc_error(layout);
        }
        Self { base, len }
    }

    fn layout(len: usize) -> Layout {
        Layout::array::<VMFuncRef>(len).expect("module limits keep this small")
    }

    /// The place at a position, if there is one, and whether it was filled in before: a reference's vmctx is never null.
    pub(crate) fn place(&self, position: usize) -> Option<(*mut VMFuncRef, bool)> {
        if position >= self.len {
            return None;
        }
        // SAFETY: the position is inside the array; all-zero bytes may be read through a raw pointer field.
        unsafe {
            let place = self.base.add(position);
            Some((place, !(&raw const (*place).vmctx).read().is_null()))
        }
    }
}

impl Drop for FuncRefs {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: allocated in `new` with this layout.
            unsafe { dealloc(self.base.cast(), Self::layout(self.len)) };
        }
    }
}
