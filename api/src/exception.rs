//! Exceptions and their tags (specification, sections 2.5.7 and 4.2.8).

use std::ptr::NonNull;

use wasmer_runtime_core::types::FuncType;
use wasmer_vm::Unwind;
use wasmer_vm::budget::Usage;
use wasmer_vm::exceptions::{Exception, Tag as VmTag};
use wasmer_vm::references::Root;

use crate::describe::Described;
use crate::error::{Backtrace, Error, Place, ResourceError, Result, Trap, TypeError};
use crate::store::{AsStore, AsStoreMut, StoreAccess, StoreId, StoreOpaque, StoreView};
use crate::value::Val;

/// A tag of a store: a small copyable handle. Exceptions with it can be told from those with others.
///
/// ```
/// use wasmer_api::{Engine, EngineConfig, ExnRef, Store, Tag, Val};
/// use wasmer_runtime_core::types::{FuncType, ValType};
///
/// let engine = Engine::new(EngineConfig::headless())?;
/// let mut store = Store::new(&engine, ());
/// let tag = Tag::new(&mut store, FuncType::new([ValType::I32], []))?;
/// let exception = ExnRef::new(&mut store, tag, &[Val::I32(5)])?;
/// assert_eq!(exception.tag(&store)?, tag);
/// assert_eq!(exception.values(&store)?[0].i32(), Some(5));
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    store: StoreId,
    vm: NonNull<VmTag>,
}

// SAFETY: the pointer is only followed together with a borrow of the store that it belongs to, which is checked.
unsafe impl Send for Tag {}
// SAFETY: as above.
unsafe impl Sync for Tag {}

impl Tag {
    /// A tag for exceptions with values of the type's parameters.
    ///
    /// # Errors
    /// [`Error::Type`] if the type has results; [`Error::Limit`] if the store's limits forbid another.
    pub fn new(store: &mut impl AsStoreMut, ty: FuncType) -> Result<Self> {
        let store = store.store_inner_mut();
        if !ty.results.is_empty() {
            return Err(TypeError::TagResults { ty: Described::func(&ty) }.into());
        }
        store.budget().take(Usage { record_bytes: size_of::<VmTag>() as u64, ..Usage::default() })?;
        let tag = VmTag::new(&ty).ok_or(ResourceError::Types)?;
        store.tags.push(Box::new(tag));
        let vm = store.tags.last().map(|tag| NonNull::from(&**tag)).expect("it was just added");
        Ok(Self { store: store.id(), vm })
    }

    /// The types of the exceptions' values, as parameters; concrete references in it are canonical ids.
    pub fn ty(&self, store: &impl AsStore) -> Result<FuncType> {
        Ok(self.raw(store.store_inner())?.ty().clone())
    }

    pub(crate) fn from_parts(store: StoreId, vm: NonNull<VmTag>) -> Self {
        Self { store, vm }
    }

    pub(crate) fn raw<'a>(&self, store: &'a StoreOpaque) -> Result<&'a VmTag> {
        store.check(self.store, "tag")?;
        // SAFETY: tags of a store live as long as the store.
        Ok(unsafe { self.vm.as_ref() })
    }

    pub(crate) fn pointer(&self, store: &StoreOpaque) -> Result<NonNull<VmTag>> {
        self.raw(store).map(NonNull::from)
    }
}

/// A reference to an exception of a store. The store keeps the exception as long as a clone of this lives.
///
/// A host function throws it by returning it as an error:
///
/// ```
/// use wasmer_api::{Engine, EngineConfig, Error, ExnRef, Func, Store, Tag};
/// use wasmer_runtime_core::types::FuncType;
///
/// let engine = Engine::new(EngineConfig::headless())?;
/// let mut store = Store::new(&engine, ());
/// let tag = Tag::new(&mut store, FuncType::new([], []))?;
/// let exception = ExnRef::new(&mut store, tag, &[])?;
///
/// let throws = Func::wrap(&mut store, move || Err::<(), _>(Error::from(exception.clone())))?;
/// let error = throws.call(&mut store, &[], &mut []).unwrap_err();
/// assert_eq!(error.as_exception().unwrap().exception.tag(&store)?, tag);
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExnRef {
    store: StoreId,
    root: Root,
}

impl ExnRef {
    /// A new exception.
    ///
    /// # Errors
    /// [`Error::Type`] if the values are not what the tag says, or something belongs to another store.
    pub fn new(store: &mut impl AsStoreMut, tag: Tag, values: &[Val]) -> Result<Self> {
        let store = store.store_inner_mut();
        store.safe_point();
        let types = tag.raw(store)?.ty().params.clone();
        if types.len() != values.len() {
            let (expected, given) = (types.len(), values.len());
            return Err(TypeError::Count { of: "tag", parts: "values", expected, given }.into());
        }
        let mut raw = Vec::with_capacity(values.len());
        for (position, (value, ty)) in values.iter().zip(&types).enumerate() {
            if !value.matches(*ty, store) {
                return Err(TypeError::value(Place::ExceptionValue(position), value, *ty).into());
            }
            raw.push(value.to_raw(store)?);
        }
        // SAFETY: the tag is the store's, and the values are of its types.
        let exception = unsafe { Exception::new(tag.pointer(store)?, raw.into()) };
        let handle =
            store.vm().hold_exception(exception).map_err(Trap::new).map_err(|trap| Error::Trap(Box::new(trap)))?;
        Ok(Self::root(handle, store))
    }

    /// Its tag.
    pub fn tag(&self, store: &impl AsStore) -> Result<Tag> {
        let store = store.store_inner();
        Ok(Tag::from_parts(store.id(), self.exception(store)?.tag()))
    }

    /// Its values, as the tag says.
    pub fn values(&self, store: &impl AsStore) -> Result<Vec<Val>> {
        self.values_in(store.store_inner())
    }

    fn values_in(&self, store: &StoreOpaque) -> Result<Vec<Val>> {
        let exception = self.exception(store)?;
        // SAFETY: the tag of an exception lives as long as the store, and says the types of the values.
        unsafe {
            let values = exception.values().iter().zip(&exception.tag().as_ref().ty().params);
            Ok(values.map(|(raw, ty)| Val::from_raw(raw, *ty, store)).collect())
        }
    }

    fn root(handle: u64, store: &StoreOpaque) -> Self {
        Self { store: store.id(), root: store.vm.refs.root(handle) }
    }

    fn exception<'a>(&self, store: &'a StoreOpaque) -> Result<&'a Exception> {
        let exception = store.vm.refs.exception(self.handle(store)?);
        Ok(exception.expect("the root keeps the exception"))
    }

    /// What guests have for it, if it belongs to this store.
    pub(crate) fn handle(&self, store: &StoreOpaque) -> Result<u64> {
        store.check(self.store, "exception")?;
        Ok(self.root.handle())
    }

    /// The exception that guests have a handle of; none for null.
    pub(crate) fn from_raw(handle: u64, store: &StoreOpaque) -> Option<Self> {
        (handle != 0).then(|| Self::root(handle, store))
    }
}

/// An exception that no guest has caught.
#[derive(Debug)]
pub struct UncaughtException {
    /// The exception.
    pub exception: ExnRef,
    /// Its values, for messages.
    pub values: Vec<Val>,
    /// The guest's frames where it was last thrown, innermost first.
    pub backtrace: Backtrace,
}

impl From<ExnRef> for Error {
    fn from(exception: ExnRef) -> Self {
        Self::Exception(Box::new(UncaughtException { exception, values: Vec::new(), backtrace: Backtrace::default() }))
    }
}

impl StoreOpaque {
    /// What the exception that is on its way means for the embedder.
    #[cold]
    pub(crate) fn uncaught(&mut self, backtrace: Backtrace) -> Error {
        let handle = self.vm().caught_ref().or_else(|_| {
            // SAFETY: nothing has run since it was thrown.
            unsafe { self.vm().mark_caught() };
            self.collect();
            self.vm().caught_ref()
        });
        let handle = match handle {
            Ok(handle) => handle,
            Err(code) => return Error::Trap(Box::new(Trap { backtrace, ..Trap::new(code) })),
        };
        let exception = ExnRef::root(handle, self);
        match exception.values_in(self) {
            Ok(values) => Error::Exception(Box::new(UncaughtException { exception, values, backtrace })),
            Err(error) => error,
        }
    }

    /// The exception of this store that a host function has returned.
    pub(crate) fn thrown(&mut self, unwind: Option<&Unwind>) -> Option<u64> {
        let Some(Unwind::Error(error)) = unwind else { return None };
        let Some(Error::Exception(uncaught)) = error.downcast_ref() else { return None };
        uncaught.exception.handle(self).ok()
    }

    /// Puts what a host function returned on its way, if it is an exception of this store.
    pub(crate) fn throw(&mut self, error: &Error) -> bool {
        let Error::Exception(uncaught) = error else { return false };
        let Ok(handle) = uncaught.exception.handle(self) else { return false };
        if self.vm().set_caught(handle).is_err() {
            return false;
        }
        self.vm().throw();
        true
    }
}
