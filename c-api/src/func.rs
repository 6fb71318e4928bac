//! Functions: calls, and callbacks as functions of the host.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::Arc;

use smallvec::SmallVec;

use wasmer_runtime::{Caller, Error, Func, FuncType, Linker, RawValue, TypeError, Val};

use crate::fault::{attempt, note, null, panic_message};
use crate::host_info::{Finalizer, HostInfo};
use crate::object::{Entity, Object, Reference};
use crate::raw::is_plain;
use crate::store::{CStore, Data, StoreCell};
use crate::trap;
use crate::types::CExternType;
use crate::value::CVal;
use crate::vector::Vector;

/// So many values lie on the stack.
const INLINE: usize = 8;

/// What a callback gets, and gives back.
type Values = Vector<CVal>;

/// `wasm_func_callback_t`.
type Plain = extern "C" fn(*const Values, *mut Values) -> Option<Box<Reference>>;
/// `wasm_func_callback_with_env_t`.
type WithEnv = extern "C" fn(*mut c_void, *const Values, *mut Values) -> Option<Box<Reference>>;

/// A function of the program.
enum Callback {
    Plain(Plain),
    /// With what is attached to it, which is finalized with the store.
    WithEnv(WithEnv, HostInfo),
}

impl Callback {
    #[inline]
    fn call(&self, arguments: &[CVal], results: &mut [CVal]) -> Result<(), Error> {
        let arguments = Vector::borrowed(arguments);
        let mut results = Vector::borrowed(results);
        let (arguments, results): (*const Values, *mut Values) = (&*arguments, &mut *results);
        let trap = match self {
            Self::Plain(function) => function(arguments, results),
            Self::WithEnv(function, env) => function(env.pointer(), arguments, results),
        };
        match trap {
            None => Ok(()),
            Some(trap) => Err(trap::returned_error(&trap)),
        }
    }

    /// Serves a call by the guest, on checked values.
    fn serve(
        &self,
        ty: &FuncType,
        mut caller: Caller<'_, Data>,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<(), Error> {
        let store = caller.data().cell.upgrade().ok_or_else(|| null("the store"))?;
        let arguments = params.iter().map(|value| CVal::of_val(value.clone(), &store));
        let arguments = arguments.collect::<Result<SmallVec<[CVal; INLINE]>, _>>()?;
        let mut returned: SmallVec<[CVal; INLINE]> = ty.results.iter().map(|ty| CVal::zero(*ty)).collect();
        // While the callback runs, the program may use the store through any of its pointers.
        StoreCell::lend(&mut caller, || self.call(&arguments, &mut returned))?;
        for ((result, value), ty) in results.iter_mut().zip(&returned).zip(&ty.results) {
            *result = value.to_val(*ty)?;
        }
        Ok(())
    }

    /// As [`Callback::serve`], where there are only numbers, on the buffer of the call.
    fn serve_numbers(
        &self,
        ty: &FuncType,
        kinds: &Kinds,
        mut caller: Caller<'_, Data>,
        values: &mut [RawValue],
    ) -> Result<(), Error> {
        let (params, results) = (kinds.params.len(), kinds.results.len());
        let (mut few, mut many);
        let places: *mut CVal = if params + results <= INLINE {
            few = [const { MaybeUninit::<CVal>::uninit() }; INLINE];
            few.as_mut_ptr().cast()
        } else {
            many = Vec::with_capacity(params + results);
            many.as_mut_ptr()
        };
        // By position, here and below: to make an iterator of several is a call in builds without link-time optimisation.
        // SAFETY: there is room for so many, and all are written before they are read.
        let (arguments, returned) = unsafe {
            for (position, kind) in kinds.params.iter().enumerate() {
                CVal::write_number(places.add(position), &values[position], *kind);
            }
            for (position, kind) in kinds.results.iter().enumerate() {
                CVal::write_number(places.add(params + position), &RawValue::ZERO, *kind);
            }
            (slice::from_raw_parts(places, params), slice::from_raw_parts_mut(places.add(params), results))
        };
        let called = StoreCell::lend(&mut caller, || self.call(arguments, returned))
            .and_then(|()| CVal::to_raw(returned, &ty.results, &kinds.results, values));
        if called.is_err() {
            // SAFETY: the places are not used again. What the program has put there may be references, which it has given up.
            unsafe { std::ptr::drop_in_place(returned) };
        }
        called
    }
}

/// What the values of a function are that has only numbers.
#[derive(Clone)]
struct Kinds {
    params: Box<[u8]>,
    results: Box<[u8]>,
}

/// A function's type, with what calls look at.
#[derive(Clone)]
pub(crate) struct Signature {
    ty: FuncType,
    /// Of one that has only numbers, as nearly all do: its calls need no values that could be something else.
    kinds: Option<Kinds>,
    /// The length of the longer list, if there are only numbers and vectors.
    plain_room: Option<usize>,
}

impl Signature {
    fn new(ty: FuncType) -> Self {
        let kinds = CVal::number_kinds(&ty.params).zip(CVal::number_kinds(&ty.results));
        let kinds = kinds.map(|(params, results)| Kinds { params, results });
        Self { kinds, plain_room: is_plain(&ty).then(|| ty.params.len().max(ty.results.len())), ty }
    }

    /// How many values a call without kinds needs, which functions with references do not have.
    #[inline]
    pub(crate) fn plain_room(&self) -> Option<usize> {
        self.plain_room
    }
}

fn new_func(store: &CStore, ty: &CExternType, callback: Callback) -> Result<Box<Reference>, Error> {
    let ty = ty.func().ok_or_else(|| TypeError::other("the type is none of a function"))?;
    let Signature { ty: types, kinds, .. } = Signature::new(ty.clone());
    let func = store.cell.with(|mut store| {
        let Some(kinds) = kinds else {
            return Func::new(&mut store, ty, move |caller, params, results| {
                callback.serve(&types, caller, params, results)
            });
        };
        let mut linker = Linker::new();
        let serve = move |caller: Caller<'_, Data>, values: &mut [RawValue]| {
            callback.serve_numbers(&types, &kinds, caller, values)
        };
        // SAFETY: it writes numbers of the types of the results.
        unsafe { linker.func_raw("", "", ty, serve)? };
        let func = linker.get(&mut store, "", "")?.and_then(|entity| entity.func());
        func.ok_or_else(|| null("the function"))
    })?;
    Ok(Reference::of_entity(&store.cell, Entity::Func(func)))
}

fn new_if_whole(
    store: Option<&CStore>,
    ty: Option<&CExternType>,
    callback: Option<Callback>,
) -> Option<Box<Reference>> {
    attempt(|| {
        let callback = callback.ok_or_else(|| null("the callback"))?;
        new_func(store.ok_or_else(|| null("the store"))?, ty.ok_or_else(|| null("the type"))?, callback)
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasm_func_new(
    store: Option<&CStore>,
    ty: Option<&CExternType>,
    callback: Option<Plain>,
) -> Option<Box<Reference>> {
    new_if_whole(store, ty, callback.map(Callback::Plain))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_func_new_with_env(
    store: Option<&CStore>,
    ty: Option<&CExternType>,
    callback: Option<WithEnv>,
    env: *mut c_void,
    finalizer: Option<Finalizer>,
) -> Option<Box<Reference>> {
    let env = HostInfo::new(env, finalizer);
    new_if_whole(store, ty, callback.map(|callback| Callback::WithEnv(callback, env)))
}

impl Reference {
    /// The function and its type, if it is one.
    #[inline(always)]
    pub(crate) fn as_func(&self) -> Result<(Func, &Signature), Error> {
        match (&self.object, self.signature.get()) {
            (Object::Entity(Entity::Func(func)), Some(signature)) => Ok((*func, signature)),
            _ => self.ask_for_func(),
        }
    }

    /// The same for the first time.
    #[cold]
    fn ask_for_func(&self) -> Result<(Func, &Signature), Error> {
        let Object::Entity(Entity::Func(func)) = self.object else {
            return Err(TypeError::other("the reference refers to no function").into());
        };
        let ty = self.store()?.with(|store| func.ty(&store))?;
        Ok((func, self.signature.get_or_init(|| Signature::new(ty))))
    }
}

/// A type of the function that a reference refers to, if to any.
fn type_of(func: Option<&Reference>) -> Option<&FuncType> {
    attempt(|| Ok(&func.ok_or_else(|| null("the function"))?.as_func()?.1.ty))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_func_type(func: Option<&Reference>) -> Option<Box<CExternType>> {
    type_of(func).map(|ty| Box::new(CExternType::new(wasmer_runtime::ExternType::Func(ty.clone()))))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_func_param_arity(func: Option<&Reference>) -> usize {
    type_of(func).map_or(0, |ty| ty.params.len())
}

#[unsafe(no_mangle)]
extern "C" fn wasm_func_result_arity(func: Option<&Reference>) -> usize {
    type_of(func).map_or(0, |ty| ty.results.len())
}

/// Calls a function. The results are written when it has returned; `results` may be the same vector as `arguments`.
#[inline]
fn call(func: &Reference, arguments: *const Values, results: *mut Values) -> Result<(), Error> {
    let (function, Signature { ty, kinds, .. }) = func.as_func()?;
    // SAFETY: pointers to vectors are null or valid; only the values are borrowed, and nothing is written before this borrow ends.
    let arguments = unsafe { arguments.as_ref() }.map_or(&[][..], Vector::as_slice);
    if arguments.len() != ty.params.len() {
        return Err(wrong_count(ty.params.len(), arguments.len()));
    }
    let store = func.store()?;
    let Some(kinds) = kinds else { return call_on_values(function, ty, store, arguments, results) };
    let len = kinds.params.len().max(kinds.results.len());
    let (mut few, mut many);
    let values = if len <= INLINE {
        few = MaybeUninit::<[RawValue; INLINE]>::uninit();
        // SAFETY: there is room for so many. Any bits are a value, and of each no more is read than was written, by its kind.
        unsafe { slice::from_raw_parts_mut(few.as_mut_ptr().cast(), len) }
    } else {
        many = vec![RawValue::ZERO; len];
        &mut many[..]
    };
    CVal::to_raw(arguments, &ty.params, &kinds.params, values)?;
    // SAFETY: the buffer has room for either list, and holds numbers of the types of the parameters.
    store.with(|mut store| unsafe { function.call_raw(&mut store, values) })?;
    let places = places(results, kinds.results.len())?;
    for (position, kind) in kinds.results.iter().enumerate() {
        // SAFETY: it is one of the places.
        unsafe { CVal::write_number(places[position].as_mut_ptr(), &values[position], *kind) };
    }
    Ok(())
}

#[cold]
fn wrong_count(expected: usize, given: usize) -> Error {
    TypeError::other(format!("the function has {expected} parameters, not {given}")).into()
}

/// The same where there are not only numbers.
fn call_on_values(
    function: Func,
    ty: &FuncType,
    store: &Arc<StoreCell>,
    arguments: &[CVal],
    results: *mut Values,
) -> Result<(), Error> {
    let params = arguments.iter().zip(&ty.params).map(|(value, ty)| value.to_val(*ty));
    let params = params.collect::<Result<SmallVec<[Val; INLINE]>, _>>()?;
    let mut values: SmallVec<[Val; INLINE]> = ty.results.iter().map(|_| Val::I32(0)).collect();
    store.with(|mut store| function.call(&mut store, &params, &mut values))?;
    let values = values.into_iter().map(|value| CVal::of_val(value, store));
    let values = values.collect::<Result<SmallVec<[CVal; INLINE]>, _>>()?;
    // Only now: who expects a trap needs no room.
    for (place, value) in places(results, ty.results.len())?.iter_mut().zip(values) {
        place.write(value);
    }
    Ok(())
}

/// The places of results, which hold nothing that would have to be dropped. C may have room for more than there are.
#[inline]
fn places<'a>(results: *mut Values, count: usize) -> Result<&'a mut [MaybeUninit<CVal>], Error> {
    if count == 0 {
        return Ok(&mut []);
    }
    // SAFETY: pointers to vectors are null or valid.
    let places = unsafe { results.cast::<Vector<MaybeUninit<CVal>>>().as_mut() };
    let places = places.map_or(&mut [][..], Vector::as_mut_slice);
    let len = places.len();
    places.get_mut(..count).ok_or_else(|| too_small(count, len))
}

#[cold]
fn too_small(count: usize, len: usize) -> Error {
    TypeError::other(format!("the function has {count} results, there is room for {len}")).into()
}

#[unsafe(no_mangle)]
extern "C" fn wasm_func_call(
    func: Option<&Reference>,
    arguments: *const Values,
    results: *mut Values,
) -> Option<Box<Reference>> {
    trap_or_none(|| call(func.ok_or_else(|| null("the function"))?, arguments, results)).err()
}

/// Runs something that fails with a trap, also when it panics.
#[inline]
pub(crate) fn trap_or_none<R>(run: impl FnOnce() -> Result<R, Error>) -> Result<R, Box<Reference>> {
    let failure = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(result)) => return Ok(result),
        Ok(Err(error)) => error,
        Err(payload) => Error::host(panic_message(&*payload)),
    };
    Err(trap_of(failure))
}

#[cold]
fn trap_of(failure: Error) -> Box<Reference> {
    note(&failure);
    trap::of_error(&failure)
}

const _: () = assert!(size_of::<CVal>() == 16 && align_of::<CVal>() == 8);
const _: () = assert!(size_of::<Option<Plain>>() == size_of::<*const ()>());
