//! Resources that guests define and the host has.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use wasmer_api::{AsStoreMut, Func, RawValue, Result};

use crate::error::AbiTrap;
use crate::handles::TypeId;
use crate::resource::ResourceType;
use crate::state::Shared;

/// A resource as an untyped value.
#[derive(Clone, Debug, PartialEq)]
pub enum Resource {
    /// One of the host.
    Host {
        /// Its type.
        ty: ResourceType,
        /// The host's number for it.
        rep: u32,
    },
    /// One that a guest defines and the host has.
    Guest(GuestResource),
}

/// A resource that a guest defines and the host has. It is the guest's until [`GuestResource::drop`] or until it is given back; forgetting it leaks it in
/// the guest.
#[derive(Clone)]
pub struct GuestResource {
    pub(crate) shared: Arc<Shared>,
    pub(crate) place: u32,
    pub(crate) serial: u32,
}

impl GuestResource {
    /// Ends the resource: runs its destructor.
    ///
    /// # Errors
    /// [`AbiTrap`] if it is gone already or is lent; what the destructor fails with.
    pub fn drop(self, store: &mut impl AsStoreMut) -> Result<()> {
        let (ty, rep) = self.begin_drop(store)?;
        run_dtor(&self.shared, store, ty, rep)?;
        self.end_drop(store)
    }

    /// The same, and waits where the destructor calls functions of the host that are futures. Dropping it ends a call, as of
    /// [`TypedComponentFunc::call_async`](crate::TypedComponentFunc::call_async).
    ///
    /// # Errors
    /// As of [`GuestResource::drop`].
    pub async fn drop_async(self, store: &mut impl AsStoreMut) -> Result<()> {
        let (ty, rep) = self.begin_drop(store)?;
        if let Some((dtor, mut values)) = dtor(&self.shared, store, ty, rep)? {
            // SAFETY: as for `run_dtor`.
            unsafe { dtor.call_raw_async(store, &mut values) }.await?;
        }
        self.end_drop(store)
    }

    /// Takes the resource. From now on the instance cannot be entered, unless [`GuestResource::end_drop`] succeeds.
    fn begin_drop(&self, store: &mut impl AsStoreMut) -> Result<(TypeId, u32)> {
        let state = self.shared.state(store)?;
        // First: who is refused still has the resource.
        if state.busy {
            return Err(AbiTrap::CannotEnter.into());
        }
        let ty = state.held_type(self.place).ok_or(AbiTrap::UnknownHandle(self.place))?;
        let rep = state.release(self.place, self.serial, ty)?;
        state.busy = true;
        Ok((ty, rep))
    }

    fn end_drop(&self, store: &mut impl AsStoreMut) -> Result<()> {
        self.shared.state(store)?.busy = false;
        Ok(())
    }
}

/// A resource that a guest defines and the host has, by the Rust name `R` for its type: what typed functions take and return where a component exports the
/// type. It is the guest's until [`GuestOwn::drop`] or until it is given back. A function that borrows one takes it by reference.
///
/// ```no_run
/// use wasmer_component::{ComponentInstance, GuestOwn};
/// # use wasmer_api::{Result, Store};
///
/// /// Names `resource counter`, which the component exports; there are no values of it.
/// enum Counter {}
///
/// # fn count(instance: &ComponentInstance, store: &mut Store<()>) -> Result<u32> {
/// let new = instance.typed_func::<(), GuestOwn<Counter>>(store, "example:count/counters#[constructor]counter")?;
/// let next = instance.typed_func::<(&GuestOwn<Counter>,), u32>(store, "example:count/counters#[method]counter.next")?;
/// let counter = new.call(store, ())?;
/// let number = next.call(store, (&counter,))?;
/// counter.drop(store)?;
/// # Ok(number)
/// # }
/// ```
pub struct GuestOwn<R> {
    resource: GuestResource,
    ty: PhantomData<fn() -> R>,
}

impl<R> GuestOwn<R> {
    pub(crate) fn new(resource: GuestResource) -> Self {
        Self { resource, ty: PhantomData }
    }

    /// The resource, whatever its type.
    pub fn resource(&self) -> &GuestResource {
        &self.resource
    }

    /// Ends the resource: runs its destructor.
    ///
    /// # Errors
    /// As of [`GuestResource::drop`].
    pub fn drop(self, store: &mut impl AsStoreMut) -> Result<()> {
        self.resource.drop(store)
    }

    /// The same, and waits; see [`GuestResource::drop_async`].
    ///
    /// # Errors
    /// As of [`GuestResource::drop`].
    pub async fn drop_async(self, store: &mut impl AsStoreMut) -> Result<()> {
        self.resource.drop_async(store).await
    }
}

impl<R> Clone for GuestOwn<R> {
    fn clone(&self) -> Self {
        Self::new(self.resource.clone())
    }
}

impl<R> PartialEq for GuestOwn<R> {
    fn eq(&self, other: &Self) -> bool {
        self.resource == other.resource
    }
}

impl<R> fmt::Debug for GuestOwn<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.resource, f)
    }
}

/// Runs a guest's destructor, if it has one.
pub(crate) fn run_dtor(shared: &Shared, store: &mut impl AsStoreMut, ty: TypeId, rep: u32) -> Result<()> {
    let Some((dtor, mut values)) = dtor(shared, store, ty, rep)? else { return Ok(()) };
    // SAFETY: a destructor takes the representation, an `i32`, and has no result.
    unsafe { dtor.call_raw(store, &mut values) }
}

/// A guest's destructor, if it has one, and what it is called with.
fn dtor(shared: &Shared, store: &mut impl AsStoreMut, ty: TypeId, rep: u32) -> Result<Option<(Func, [RawValue; 1])>> {
    let dtor = shared.state(store)?.dtors[ty.number as usize];
    Ok(dtor.map(|dtor| (dtor, [RawValue { i32: rep.cast_signed() }])))
}

impl PartialEq for GuestResource {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared) && (self.place, self.serial) == (other.place, other.serial)
    }
}

impl fmt::Debug for GuestResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuestResource({})", self.place)
    }
}
