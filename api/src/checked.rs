//! Calls with values that are checked when they are made, in both directions: [`Func::call`] and [`Func::new`].
//!
//! Numbers, which nearly all values are, go from their place to the other one without a stop; a reference among the values sends all of them the longer way.
//! Loops are by position: to make an iterator of several is a call in builds without link-time optimisation.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::RawValue;
use wasmer_vm::types_registry::{self, KnownFunc, TypeIds};

use crate::describe::Described;
use crate::error::{Place, Result, TypeError};
use crate::func::{Caller, Func, HostFunc};
use crate::store::{StoreInner, StoreOpaque};
use crate::value::Val;

/// So many values lie on the stack: most functions take fewer.
pub(crate) const INLINE: usize = 8;

/// Types of functions of a store that were called so: the registry has a lock, which all threads share.
#[derive(Default)]
pub(crate) struct KnownTypes {
    types: Vec<KnownType>,
    places: HashMap<CanonicalId, u32>,
    /// The places that were found last, by the ids' last bits.
    recent: [u32; RECENT],
}

/// How many types are found without a look into the table.
const RECENT: usize = 8;

struct KnownType {
    id: CanonicalId,
    /// The type that is kept beside it: to get there through the registry's wrappers is a chain of loads.
    ty: NonNull<FuncType>,
    _kept: KnownFunc,
    /// The id means this type until the store ends.
    _owned: TypeIds,
}

// SAFETY: what the pointer leads to is kept beside it, and all threads share it.
unsafe impl Send for KnownType {}
// SAFETY: as above.
unsafe impl Sync for KnownType {}

impl KnownTypes {
    /// The function type with an id that somebody owns. It stays where it is until the store ends.
    #[inline]
    fn get(&mut self, id: CanonicalId) -> NonNull<FuncType> {
        let recent = self.recent[id.0 as usize % RECENT] as usize;
        match self.types.get(recent) {
            Some(known) if known.id == id => known.ty,
            _ => self.find(id),
        }
    }

    #[cold]
    fn find(&mut self, id: CanonicalId) -> NonNull<FuncType> {
        let Self { types, places, recent } = self;
        let place = *places.entry(id).or_insert_with(|| {
            let reference = RefType { nullable: true, heap: HeapType::Concrete(TypeKind::Func, id.0) };
            let owned = TypeIds::in_ref(reference).expect("functions have function types, which somebody owns");
            let kept = types_registry::lookup_func(id);
            types.push(KnownType { id, ty: NonNull::from(&*kept), _kept: kept, _owned: owned });
            u32::try_from(types.len() - 1).expect("there are fewer than 2^28 types")
        });
        recent[id.0 as usize % RECENT] = place;
        types[place as usize].ty
    }
}

impl Func {
    /// The function's type, as calls look at it.
    ///
    /// # Safety
    /// The store outlives what is returned.
    #[inline]
    pub(crate) unsafe fn known_type<'a>(&self, store: &mut StoreOpaque) -> Result<&'a FuncType> {
        let id = self.canonical_id(store)?;
        // SAFETY: it is the store's until that ends, see `KnownTypes::get`.
        Ok(unsafe { store.known_types.get(id).as_ref() })
    }
}

/// Writes arguments to an array call's buffer, if they and the room for results fit the type.
#[inline]
pub(crate) fn write_arguments(
    ty: &FuncType,
    store: &mut StoreOpaque,
    params: &[Val],
    results: &[Val],
    values: &mut [RawValue],
) -> Result<()> {
    if params.len() != ty.params.len() || results.len() != ty.results.len() {
        return Err(wrong_count(ty, params, results));
    }
    for (position, param) in params.iter().enumerate() {
        if !param.write_number(ty.params[position], &mut values[position]) {
            return write_values(store, &ty.params, params, values, Place::Argument);
        }
    }
    Ok(())
}

/// Reads results from an array call's buffer.
///
/// # Safety
/// A function of the type has written them, and there are as many.
#[inline]
pub(crate) unsafe fn read_results(ty: &FuncType, store: &mut StoreOpaque, values: &[RawValue], results: &mut [Val]) {
    for (position, result) in results.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        if !unsafe { result.read_number(&values[position], ty.results[position]) } {
            for ((result, raw), ty) in results.iter_mut().zip(values).zip(&ty.results) {
                // SAFETY: as above.
                *result = unsafe { Val::from_raw(raw, *ty, store) };
            }
            return;
        }
    }
}

#[cold]
fn wrong_count(ty: &FuncType, params: &[Val], results: &[Val]) -> crate::Error {
    let ty = Described::func(ty);
    TypeError::Arity { ty, arguments: params.len(), results: results.len() }.into()
}

/// Writes values of any types, none before all are checked.
#[cold]
fn write_values(
    store: &mut StoreOpaque,
    types: &[ValType],
    vals: &[Val],
    values: &mut [RawValue],
    place: impl Fn(usize) -> Place,
) -> Result<()> {
    for (position, (val, ty)) in vals.iter().zip(types).enumerate() {
        if !val.matches(*ty, store) {
            return Err(TypeError::value(place(position), val, *ty).into());
        }
    }
    for (raw, val) in values.iter_mut().zip(vals) {
        *raw = val.to_raw(store)?;
    }
    Ok(())
}

impl<T: 'static> HostFunc<T> {
    /// On checked values.
    pub(crate) fn dynamic(
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let types = ty;
        Self::on_slice(&types.clone(), move |caller, values| {
            let store: *mut StoreInner<T> = caller.store;
            let count = types.params.len() + types.results.len();
            let (mut few, mut many);
            let places: *mut Val = if count <= INLINE {
                few = [const { MaybeUninit::<Val>::uninit() }; INLINE];
                few.as_mut_ptr().cast()
            } else {
                many = Vec::with_capacity(count);
                many.as_mut_ptr()
            };
            // SAFETY: parameters were written by the caller as its type says. The store outlives the call; the closure below
            // has the only other use of it, and has ended when the results are written. There are as many places.
            let vals = InPlace(unsafe { write_host_values(&types, values, &*store, places) });
            caller.store.safe_point();
            let (params, results) = vals.0.split_at_mut(types.params.len());
            func(caller, params, results)?;
            // SAFETY: see above.
            write_host_results(unsafe { &mut *store }, &types.results, results, values)
        })
    }
}

/// Values that are dropped where they are.
struct InPlace<'a>(&'a mut [Val]);

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        // SAFETY: they were written there, and are not used again.
        unsafe { std::ptr::drop_in_place(self.0) };
    }
}

/// Writes the parameters that a host function was called with, and what its results are at first.
///
/// # Safety
/// `values` holds parameters of the type; there are as many places as parameters and results.
unsafe fn write_host_values<'a>(
    ty: &FuncType,
    values: &[RawValue],
    store: &StoreOpaque,
    places: *mut Val,
) -> &'a mut [Val] {
    let count = ty.params.len() + ty.results.len();
    for position in 0..count {
        // SAFETY: the caller's promise.
        unsafe { places.add(position).write(Val::I32(0)) };
    }
    // SAFETY: they have just been written.
    let vals = unsafe { std::slice::from_raw_parts_mut(places, count) };
    let (params, results) = vals.split_at_mut(ty.params.len());
    for (position, param) in params.iter_mut().enumerate() {
        let (raw, ty) = (&values[position], ty.params[position]);
        // SAFETY: the caller's promise.
        if !unsafe { param.read_number(raw, ty) } {
            // SAFETY: as above.
            *param = unsafe { Val::from_raw(raw, ty, store) };
        }
    }
    for (position, result) in results.iter_mut().enumerate() {
        let ty = ty.results[position];
        // SAFETY: zero is a number of each type.
        if !unsafe { result.read_number(&RawValue::ZERO, ty) } {
            *result = Val::default_for(ty).unwrap_or(Val::FuncRef(None));
        }
    }
    vals
}

fn write_host_results(
    store: &mut StoreOpaque,
    types: &[ValType],
    results: &[Val],
    values: &mut [RawValue],
) -> Result<()> {
    for (position, result) in results.iter().enumerate() {
        if !result.write_number(types[position], &mut values[position]) {
            return write_values(store, types, results, values, |_| Place::HostResult);
        }
    }
    Ok(())
}
