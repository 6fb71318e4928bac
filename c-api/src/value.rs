//! Values.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::Arc;

use wasmer_runtime::{Error, RawValue, TypeError, Val, ValType};

use crate::fault::guard;
use crate::object::{Entity, Object, Reference};
use crate::store::StoreCell;
use crate::types::{kind, kind_of};
use crate::vector::{vector_functions, write};

/// `wasm_val_t`. It owns its reference if the function that it is given to says so, as a copy does.
#[repr(C)]
pub(crate) struct CVal {
    kind: u8,
    of: Of,
}

/// What a value is.
#[repr(C)]
#[derive(Clone, Copy)]
union Of {
    i32: i32,
    i64: i64,
    f32: u32,
    f64: u64,
    reference: *mut Reference,
}

impl CVal {
    /// The zero of a type, or null.
    pub(crate) fn zero(ty: ValType) -> Self {
        Self { kind: kind_of(ty), of: Of { i64: 0 } }
    }

    fn reference(kind: u8, reference: Option<Box<Reference>>) -> Self {
        Self { kind, of: Of { reference: reference.map_or(std::ptr::null_mut(), Box::into_raw) } }
    }

    /// The reference of a value that is one, if it is not null.
    fn as_reference(&self) -> Option<&Reference> {
        if self.kind < kind::EXTERNREF {
            return None;
        }
        // SAFETY: the kind says that it is a reference, null or valid.
        unsafe { self.of.reference.as_ref() }
    }

    /// Reads a reference, or null, as a value. It stays whose it is.
    pub(crate) fn with_reference<R>(reference: Option<&Reference>, read: impl FnOnce(&Self) -> R) -> R {
        let reference = reference.map_or(std::ptr::null_mut(), |reference| std::ptr::from_ref(reference).cast_mut());
        read(&ManuallyDrop::new(Self { kind: kind::EXTERNREF, of: Of { reference } }))
    }

    /// The reference, whose owner the caller becomes.
    pub(crate) fn into_reference(self) -> Option<Box<Reference>> {
        let value = ManuallyDrop::new(self);
        // SAFETY: a value owns its reference, which is not dropped here.
        value.as_reference().map(|_| unsafe { Box::from_raw(value.of.reference) })
    }

    /// The value for a place of a type. A reference of either kind is one of the type if what it refers to is.
    pub(crate) fn to_val(&self, ty: ValType) -> Result<Val, Error> {
        let is_reference = self.kind >= kind::EXTERNREF;
        let expected = kind_of(ty);
        // SAFETY: the kind says which it is; every bit pattern of a number is one.
        unsafe {
            Ok(match (expected, self.kind) {
                (kind::I32, kind::I32) => Val::I32(self.of.i32),
                (kind::I64, kind::I64) => Val::I64(self.of.i64),
                (kind::F32, kind::F32) => Val::F32(self.of.f32),
                (kind::F64, kind::F64) => Val::F64(self.of.f64),
                (kind::FUNCREF, _) if is_reference => Val::FuncRef(match self.as_reference() {
                    None => None,
                    Some(Reference { object: Object::Entity(Entity::Func(func)), .. }) => Some(*func),
                    Some(_) => return Err(TypeError::other("the reference refers to no function").into()),
                }),
                (kind::EXTERNREF, _) if is_reference => {
                    Val::ExternRef(self.as_reference().map(|reference| reference.object.to_extern_ref()))
                }
                _ => return Err(mismatch(ty, self.kind)),
            })
        }
    }

    /// The value in C, with a reference of its own.
    pub(crate) fn of_val(value: Val, store: &Arc<StoreCell>) -> Result<Self, Error> {
        Ok(match value {
            Val::I32(value) => Self { kind: kind::I32, of: Of { i32: value } },
            Val::I64(value) => Self { kind: kind::I64, of: Of { i64: value } },
            Val::F32(bits) => Self { kind: kind::F32, of: Of { f32: bits } },
            Val::F64(bits) => Self { kind: kind::F64, of: Of { f64: bits } },
            Val::FuncRef(func) => {
                let reference = func.map(|func| Reference::of_entity(store, Entity::Func(func)));
                Self::reference(kind::FUNCREF, reference)
            }
            Val::ExternRef(value) => {
                let reference = value.map(|value| Reference::in_store(store, Object::of_extern_ref(value)));
                Self::reference(kind::EXTERNREF, reference)
            }
            // More kinds than the standard has.
            other => return Err(TypeError::other(format!("the C interface has no values like {other:?}")).into()),
        })
    }

    /// Writes the number of a kind that an array call's buffer holds. Into its place, and read as it was written: what is copied as a whole, or read as more than was
    /// just written, makes the processor wait until that has reached its cache.
    ///
    /// # Safety
    /// `place` is one for a value.
    #[inline(always)]
    pub(crate) unsafe fn write_number(place: *mut Self, raw: &RawValue, kind: u8) {
        // SAFETY: the caller's promise; every bit pattern of a number is one.
        unsafe {
            (*place).kind = kind;
            (*place).of.i64 = if is_wide(kind) { raw.i64 } else { i64::from(raw.i32) };
        }
    }

    /// Writes numbers of these types and kinds to an array call's buffer.
    #[inline(always)]
    pub(crate) fn to_raw(values: &[Self], types: &[ValType], kinds: &[u8], raw: &mut [RawValue]) -> Result<(), Error> {
        // By position: to make an iterator of several is a call in builds without link-time optimisation, here and below.
        for (position, value) in values.iter().enumerate() {
            let kind = kinds[position];
            if value.kind != kind {
                return Err(mismatch(types[position], value.kind));
            }
            // SAFETY: C has written as much as the kind says; every bit pattern of a number is one.
            unsafe {
                match is_wide(kind) {
                    true => raw[position].i64 = value.of.i64,
                    false => raw[position].i32 = value.of.i32,
                }
            }
        }
        Ok(())
    }

    /// The kinds of types, if all are numbers that C has.
    pub(crate) fn number_kinds(types: &[ValType]) -> Option<Box<[u8]>> {
        types.iter().map(|ty| Some(kind_of(*ty)).filter(|kind| *kind < kind::V128)).collect()
    }
}

/// Whether a number of this kind has 64 bits.
const fn is_wide(kind: u8) -> bool {
    matches!(kind, kind::I64 | kind::F64)
}

#[cold]
fn mismatch(ty: ValType, found: u8) -> Error {
    TypeError::other(format!("a value of kind {found} is none of type {ty}")).into()
}

impl Clone for CVal {
    fn clone(&self) -> Self {
        match self.as_reference() {
            Some(reference) => Self::reference(self.kind, Some(Box::new(reference.clone()))),
            None => Self { kind: self.kind, of: self.of },
        }
    }
}

impl Drop for CVal {
    fn drop(&mut self) {
        if self.as_reference().is_some() {
            // SAFETY: a value that is dropped owns its reference, which is valid.
            drop(unsafe { Box::from_raw(self.of.reference) });
        }
    }
}

vector_functions!("val", CVal);

#[unsafe(no_mangle)]
extern "C" fn wasm_val_delete(value: Option<&mut CVal>) {
    if let Some(value) = value {
        // Deleting it twice does no harm.
        let before = std::mem::replace(value, CVal::reference(kind::EXTERNREF, None));
        let _ = guard(|| {
            drop(before);
            Some(())
        });
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasm_val_copy(out: Option<&mut MaybeUninit<CVal>>, value: Option<&CVal>) {
    write(out, value.map_or_else(|| CVal::reference(kind::EXTERNREF, None), CVal::clone));
}
