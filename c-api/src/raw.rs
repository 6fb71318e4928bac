//! Calls in both directions on the buffer that compiled code itself uses: values without kinds, of which nothing is looked at.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::slice;

use wasmer_runtime::{Caller, Error, Func, FuncType, RawValue, TypeError, ValType};

use crate::fault::{attempt, null};
use crate::func::trap_or_none;
use crate::host_info::{Finalizer, HostInfo};
use crate::object::{Entity, Reference};
use crate::store::{CStore, Data, StoreCell};
use crate::trap;
use crate::types::CExternType;

/// `wasmer_func_raw_callback_t`.
type Callback = extern "C" fn(*mut c_void, *mut RawValue) -> Option<Box<Reference>>;

/// Whether the bits of all values that such a function takes and returns mean the same to everyone.
pub(crate) fn is_plain(ty: &FuncType) -> bool {
    let is_plain = |ty: &_| matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 | ValType::V128);
    ty.params.iter().chain(&ty.results).all(is_plain)
}

#[cold]
fn not_plain() -> Error {
    TypeError::other("calls without kinds are for functions without references").into()
}

#[inline]
fn call(func: &Reference, values: *mut RawValue, size: usize) -> Result<(), Error> {
    let (function, signature) = func.as_func()?;
    let room = signature.plain_room().ok_or_else(not_plain)?;
    let values = NonNull::new(values);
    if size < room || values.is_none() && room > 0 {
        return Err(too_small(room, size));
    }
    // SAFETY: the caller has so many values, which nobody else uses during the call; there is none without a pointer.
    let values = unsafe { slice::from_raw_parts_mut(values.unwrap_or(NonNull::dangling()).as_ptr(), room) };
    // SAFETY: there is room for either list. Every bit pattern is a value of each of the types, none of which is a reference.
    func.store()?.with(|mut store| unsafe { function.call_raw(&mut store, values) })
}

#[cold]
fn too_small(room: usize, size: usize) -> Error {
    TypeError::other(format!("the function needs room for {room} values, there is room for {size}")).into()
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_func_call_raw(
    func: Option<&Reference>,
    values: *mut RawValue,
    size: usize,
) -> Option<Box<Reference>> {
    trap_or_none(|| call(func.ok_or_else(|| null("the function"))?, values, size)).err()
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_func_new_raw(
    store: Option<&CStore>,
    ty: Option<&CExternType>,
    callback: Option<Callback>,
    env: *mut c_void,
    finalizer: Option<Finalizer>,
) -> Option<Box<Reference>> {
    let env = HostInfo::new(env, finalizer);
    attempt(|| {
        let callback = callback.ok_or_else(|| null("the callback"))?;
        let store = store.ok_or_else(|| null("the store"))?;
        let ty = ty.ok_or_else(|| null("the type"))?.func();
        let ty = ty.ok_or_else(|| TypeError::other("the type is none of a function"))?;
        if !is_plain(&ty) {
            return Err(not_plain());
        }
        let serve = move |mut caller: Caller<'_, Data>, values: &mut [RawValue]| {
            // While the callback runs, the program may use the store through any of its pointers.
            match StoreCell::lend(&mut caller, || callback(env.pointer(), values.as_mut_ptr())) {
                None => Ok(()),
                Some(trap) => Err(trap::returned_error(&trap)),
            }
        };
        // SAFETY: whatever the callback leaves in the buffer are values of the types of the results.
        let func = store.cell.with(|mut store| unsafe { Func::new_raw(&mut store, &ty, serve) })?;
        Ok(Reference::of_entity(&store.cell, Entity::Func(func)))
    })
}

const _: () = assert!(size_of::<RawValue>() == 16 && align_of::<RawValue>() == 16);
