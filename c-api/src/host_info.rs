//! What a program attaches to an object: a pointer, and who cleans up behind it.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// Called with the pointer when the object is gone.
pub(crate) type Finalizer = extern "C" fn(*mut c_void);

/// A pointer of the program's, which is finalized when this is dropped.
pub(crate) struct HostInfo {
    pointer: *mut c_void,
    finalizer: Option<Finalizer>,
}

// SAFETY: the pointer is only given back; the header says on which threads finalizers run.
unsafe impl Send for HostInfo {}
// SAFETY: as above.
unsafe impl Sync for HostInfo {}

impl HostInfo {
    /// Nothing attached.
    pub(crate) const NONE: Self = Self { pointer: ptr::null_mut(), finalizer: None };

    pub(crate) fn new(pointer: *mut c_void, finalizer: Option<Finalizer>) -> Self {
        Self { pointer, finalizer }
    }

    pub(crate) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for HostInfo {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer.take() {
            finalizer(self.pointer);
        }
    }
}

/// What is attached to an object that several stores or threads may have.
pub(crate) struct SharedInfo(Mutex<HostInfo>);

impl SharedInfo {
    pub(crate) const fn none() -> Self {
        Self(Mutex::new(HostInfo::NONE))
    }

    pub(crate) fn get(&self) -> *mut c_void {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pointer
    }

    /// The one before is finalized, without a lock: it may look here.
    pub(crate) fn set(&self, info: HostInfo) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), info);
        drop(before);
    }
}
