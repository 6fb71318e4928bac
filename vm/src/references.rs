//! What a store's guests hold by reference: values of the host, and exceptions.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::exceptions::Exception;
use crate::host::VMHostContext;
use crate::host_refs::{Full, HostRefs, Trace};

/// Something that a guest holds.
#[derive(Debug)]
pub enum Held {
    /// A value of the host.
    Host(Arc<dyn Any + Send + Sync>),
    /// An exception.
    Exception(Exception),
}

impl Trace for Held {
    fn trace(&self, word: &mut impl FnMut(u64)) {
        match self {
            Self::Host(_) => {}
            Self::Exception(exception) => exception.trace(word),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Host(_) => 1,
            Self::Exception(exception) => exception.weight(),
        }
    }
}

/// Entries of the list of roots before the first of them are forgotten.
const ROOTS_MIN: usize = 64;

/// Whether the host still holds a root.
fn is_held(root: &Arc<u64>) -> bool {
    Arc::strong_count(root) > 1
}

/// Keeps what a handle means for the host, as long as a clone of it lives.
#[derive(Clone, Debug)]
pub struct Root(Arc<u64>);

impl Root {
    /// The handle.
    pub fn handle(&self) -> u64 {
        *self.0
    }
}

/// Who makes a collection when code needs one: the store's owner knows all globals and tables.
#[derive(Clone, Copy, Debug)]
pub struct Collector {
    /// Passed to `collect`.
    pub owner: *mut c_void,
    /// # Safety
    /// Called while code of the store is suspended in a libcall, and nobody borrows the store.
    pub collect: unsafe fn(owner: *mut c_void),
}

/// References of a store.
#[derive(Default)]
pub struct References {
    /// By handle.
    pub held: HostRefs<Held>,
    /// What the host holds, and how much that may be before what it no longer holds is forgotten.
    roots: RefCell<Vec<Arc<u64>>>,
    roots_due: Cell<usize>,
    /// What the libcall that runs was given.
    pub(crate) operand: u64,
    /// The contexts of the store's host functions.
    host_contexts: Vec<NonNull<VMHostContext>>,
    /// Whether host functions leave wasm's registers where a collection finds them: from the first reference on. Guests that were suspended before cannot
    /// have had one.
    saves_registers: bool,
    pub(crate) collector: Option<Collector>,
}

impl References {
    /// Sets who makes a collection when code needs one.
    ///
    /// # Safety
    /// As long as the store's code runs, `collect` may be called.
    pub unsafe fn set_collector(&mut self, collector: Collector) {
        self.collector = Some(collector);
    }

    /// The handle of a value of the host; equal references have equal handles.
    pub fn host_handle(&mut self, value: &Arc<dyn Any + Send + Sync>) -> Result<u64, Full> {
        self.begin();
        let identity = NonNull::from(&**value).cast::<()>();
        self.held.handle(NonZeroUsize::from(identity.addr()), || Held::Host(Arc::clone(value)))
    }

    /// The handle of a new exception.
    pub(crate) fn exception_handle(&mut self, exception: Exception) -> Result<u64, Full> {
        self.begin();
        self.held.fresh_handle(Held::Exception(exception))
    }

    /// The value of the host behind a handle.
    pub fn host_value(&self, handle: u64) -> Option<&Arc<dyn Any + Send + Sync>> {
        match self.held.get(handle)? {
            Held::Host(value) => Some(value),
            Held::Exception(_) => None,
        }
    }

    /// The exception behind a handle.
    pub fn exception(&self, handle: u64) -> Option<&Exception> {
        match self.held.get(handle)? {
            Held::Exception(exception) => Some(exception),
            Held::Host(_) => None,
        }
    }

    /// Keeps what a handle means.
    pub fn root(&self, handle: u64) -> Root {
        let root = Arc::new(handle);
        let mut roots = self.roots.borrow_mut();
        if roots.len() >= self.roots_due.get() {
            roots.retain(is_held);
            self.roots_due.set(ROOTS_MIN.max(2 * roots.len()));
        }
        roots.push(Arc::clone(&root));
        Root(root)
    }

    /// Marks what the host holds, and tells `root` of it.
    pub fn mark_roots(&mut self, mut root: impl FnMut(u64)) {
        let roots = self.roots.get_mut();
        roots.retain(is_held);
        for word in roots.iter().map(|root| **root).chain([self.operand]) {
            self.held.mark(word);
            root(word);
        }
    }

    /// Before the first reference goes to a guest.
    pub(crate) fn begin(&mut self) {
        if !std::mem::replace(&mut self.saves_registers, true) {
            // SAFETY: the contexts live as long as the store; nothing reads them but compiled code, which does not run now.
            self.host_contexts.iter().for_each(|context| unsafe { (*context.as_ptr()).save_registers() });
        }
    }

    /// A host function of the store.
    ///
    /// # Safety
    /// The context was just made, nobody uses it yet, and it lives until [`References::truncate_host_contexts`].
    pub unsafe fn add_host_context(&mut self, context: NonNull<VMHostContext>) {
        if self.saves_registers {
            // SAFETY: the caller's promise.
            unsafe { (*context.as_ptr()).save_registers() };
        }
        self.host_contexts.push(context);
    }

    /// Forgets the host functions that were made last.
    pub fn truncate_host_contexts(&mut self, len: usize) {
        self.host_contexts.truncate(len);
    }
}
