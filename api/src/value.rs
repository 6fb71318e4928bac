//! Values at run time, and the Rust types that stand for them.

use std::any::Any;
use std::error::Error as StdError;
use std::sync::Arc;

use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::RawValue;
use wasmer_vm::types_registry;

use crate::error::{Error, Result};
use crate::exception::ExnRef;
use crate::func::Func;
use crate::object::{AnyRef, ArrayRef, I31, StructRef};
use crate::store::StoreOpaque;

/// A host value that WebAssembly holds as `externref`: shared, opaque to the guest.
///
/// A store keeps the value as long as a guest holds it, and drops it in a later collection
/// ([`Store::gc`](crate::Store::gc)). What the value's `Drop` does happens there or when the store is dropped: it may panic, or use other stores.
#[derive(Clone, Debug)]
pub struct ExternRef(Arc<dyn Any + Send + Sync>);

impl ExternRef {
    /// Wraps a host value.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Arc::new(value))
    }

    /// The host value.
    pub fn data(&self) -> &(dyn Any + Send + Sync) {
        &*self.0
    }

    /// Whether both are clones of one reference.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What clones share.
    pub(crate) fn shared(&self) -> &Arc<dyn Any + Send + Sync> {
        &self.0
    }

    pub(crate) fn from_shared(value: Arc<dyn Any + Send + Sync>) -> Self {
        Self(value)
    }
}

/// A WebAssembly value. Floating point numbers are kept as bits, so that NaN payloads survive.
#[derive(Clone, Debug)]
pub enum Val {
    /// An `i32`.
    I32(i32),
    /// An `i64`.
    I64(i64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// A `v128`, little-endian lanes.
    V128(u128),
    /// A function reference, or null.
    FuncRef(Option<Func>),
    /// A host reference, or null.
    ExternRef(Option<ExternRef>),
    /// A reference to an exception, or null.
    ExnRef(Option<ExnRef>),
    /// A reference to a struct or an array, an integer of 31 bits, or anything else of `anyref`, or null.
    AnyRef(Option<AnyRef>),
}

impl Val {
    /// The zero or null of a type; none for types that have no such value.
    pub fn default_for(ty: ValType) -> Option<Self> {
        Some(match ty {
            ValType::I32 => Self::I32(0),
            ValType::I64 => Self::I64(0),
            ValType::F32 => Self::F32(0),
            ValType::F64 => Self::F64(0),
            ValType::V128 => Self::V128(0),
            ValType::Ref(reference) if !reference.nullable => return None,
            ValType::Ref(reference) => match reference.heap.ref_kind() {
                RefKind::Func => Self::FuncRef(None),
                RefKind::Extern => Self::ExternRef(None),
                RefKind::Exn => Self::ExnRef(None),
                RefKind::Internal => Self::AnyRef(None),
            },
        })
    }

    /// The `i32`, if it is one.
    pub fn i32(&self) -> Option<i32> {
        match self {
            Self::I32(value) => Some(*value),
            _ => None,
        }
    }

    /// The `i64`, if it is one.
    pub fn i64(&self) -> Option<i64> {
        match self {
            Self::I64(value) => Some(*value),
            _ => None,
        }
    }

    /// The `f32`, if it is one.
    pub fn f32(&self) -> Option<f32> {
        match self {
            Self::F32(bits) => Some(f32::from_bits(*bits)),
            _ => None,
        }
    }

    /// The `f64`, if it is one.
    pub fn f64(&self) -> Option<f64> {
        match self {
            Self::F64(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    /// Whether the value belongs to the type. Typed function references compare canonical types.
    pub(crate) fn matches(&self, ty: ValType, store: &StoreOpaque) -> bool {
        match (self, ty) {
            (Self::I32(_), ValType::I32)
            | (Self::I64(_), ValType::I64)
            | (Self::F32(_), ValType::F32)
            | (Self::F64(_), ValType::F64)
            | (Self::V128(_), ValType::V128) => true,
            (Self::FuncRef(None), ValType::Ref(reference)) => reference.nullable && reference.heap.is_func(),
            (Self::FuncRef(Some(func)), ValType::Ref(reference)) => match reference.heap {
                HeapType::Func => true,
                HeapType::Concrete(TypeKind::Func, id) => {
                    func.canonical_id(store).is_ok_and(|found| types_registry::is_subtype(found, CanonicalId(id)))
                }
                _ => false,
            },
            (Self::ExternRef(value), ValType::Ref(reference)) => match reference.heap {
                HeapType::Extern => reference.nullable || value.is_some(),
                HeapType::NoExtern => reference.nullable && value.is_none(),
                _ => false,
            },
            (Self::ExnRef(value), ValType::Ref(reference)) => match reference.heap {
                HeapType::Exn => reference.nullable || value.is_some(),
                HeapType::NoExn => reference.nullable && value.is_none(),
                _ => false,
            },
            (Self::AnyRef(None), ValType::Ref(reference)) => reference.nullable && reference.heap.is_internal(),
            // Of one of another store nothing is known but that it cannot be used.
            (Self::AnyRef(Some(value)), ValType::Ref(reference)) => {
                reference.heap.is_internal() && value.is_of(reference.heap, store).unwrap_or(true)
            }
            _ => false,
        }
    }

    /// Writes a number to its place in an array call's buffer. False if the value is none of this type, or the type none of a number.
    ///
    /// Field by field, here and in [`Val::read_number`]: to copy as a whole what was just written in parts makes the processor wait until the parts have reached
    /// its cache.
    #[inline(always)]
    pub(crate) fn write_number(&self, ty: ValType, raw: &mut RawValue) -> bool {
        match (self, ty) {
            (Self::I32(value), ValType::I32) => raw.i32 = *value,
            (Self::I64(value), ValType::I64) => raw.i64 = *value,
            (Self::F32(bits), ValType::F32) => raw.f32 = *bits,
            (Self::F64(bits), ValType::F64) => raw.f64 = *bits,
            (Self::V128(bits), ValType::V128) => raw.v128 = *bits,
            _ => return false,
        }
        true
    }

    /// Becomes the number of a type that an array call's buffer holds. False if the type is none of a number.
    ///
    /// # Safety
    /// As of [`Val::from_raw`].
    #[inline(always)]
    pub(crate) unsafe fn read_number(&mut self, raw: &RawValue, ty: ValType) -> bool {
        // SAFETY: by the caller's promise the field read is the one written.
        unsafe {
            match ty {
                ValType::I32 => *self = Self::I32(raw.i32),
                ValType::I64 => *self = Self::I64(raw.i64),
                ValType::F32 => *self = Self::F32(raw.f32),
                ValType::F64 => *self = Self::F64(raw.f64),
                ValType::V128 => *self = Self::V128(raw.v128),
                ValType::Ref(_) => return false,
            }
        }
        true
    }

    /// The representation in an array call's buffer.
    pub(crate) fn to_raw(&self, store: &mut StoreOpaque) -> Result<RawValue> {
        let mut raw = RawValue::ZERO;
        match self {
            Self::I32(value) => raw.i32 = *value,
            Self::I64(value) => raw.i64 = *value,
            Self::F32(bits) => raw.f32 = *bits,
            Self::F64(bits) => raw.f64 = *bits,
            Self::V128(bits) => raw.v128 = *bits,
            Self::FuncRef(None) | Self::ExternRef(None) | Self::ExnRef(None) | Self::AnyRef(None) => {}
            Self::FuncRef(Some(func)) => raw.funcref = func.func_ref(store)?.as_ptr(),
            Self::ExternRef(Some(value)) => raw.reference = store.intern_extern_ref(value)?,
            Self::ExnRef(Some(exception)) => raw.reference = exception.handle(store)?,
            Self::AnyRef(Some(value)) => raw.reference = value.word(store)?,
        }
        Ok(raw)
    }

    /// The value of a type that an array call's buffer holds.
    ///
    /// # Safety
    /// `raw` was written as a value of type `ty` by code of this store.
    pub(crate) unsafe fn from_raw(raw: &RawValue, ty: ValType, store: &StoreOpaque) -> Self {
        // SAFETY: by the caller's promise the field read is the one written; integers and floats have no invalid bits.
        unsafe {
            match ty {
                ValType::I32 => Self::I32(raw.i32),
                ValType::I64 => Self::I64(raw.i64),
                ValType::F32 => Self::F32(raw.f32),
                ValType::F64 => Self::F64(raw.f64),
                ValType::V128 => Self::V128(raw.v128),
                ValType::Ref(reference) => match reference.heap.ref_kind() {
                    RefKind::Func => Self::FuncRef(Func::from_raw(raw.funcref, store)),
                    RefKind::Extern => Self::ExternRef(store.extern_ref(raw.reference)),
                    RefKind::Exn => Self::ExnRef(ExnRef::from_raw(raw.reference, store)),
                    RefKind::Internal => Self::AnyRef(AnyRef::from_raw(raw.reference, store)),
                },
            }
        }
    }
}

macro_rules! val_from {
    ($($rust:ty => $variant:ident($convert:expr);)*) => {
        $(impl From<$rust> for Val {
            fn from(value: $rust) -> Self {
                let convert: fn($rust) -> _ = $convert;
                Self::$variant(convert(value))
            }
        })*
    };
}

val_from! {
    i32 => I32(|value| value);
    u32 => I32(|value| value as i32);
    i64 => I64(|value| value);
    u64 => I64(|value| value as i64);
    f32 => F32(f32::to_bits);
    f64 => F64(f64::to_bits);
    u128 => V128(|value| value);
    Func => FuncRef(Some);
    ExternRef => ExternRef(Some);
    ExnRef => ExnRef(Some);
    AnyRef => AnyRef(Some);
    StructRef => AnyRef(|value| Some(value.into()));
    ArrayRef => AnyRef(|value| Some(value.into()));
    I31 => AnyRef(|value| Some(value.into()));
}

/// A Rust type that stands for one WebAssembly value type.
///
/// # Safety
/// `store` writes, and `load` reads, the field of [`RawValue`] that belongs to `ty()`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not stand for a value of WebAssembly",
    label = "not a parameter or result of WebAssembly functions",
    note = "the types are `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, `u128`, `Option<Func>`, `Option<ExternRef>` and `Option<ExnRef>`",
    note = "text and other data is passed by its place in the guest's memory: see `Caller::memory` and `Memory::read`"
)]
pub unsafe trait WasmTy: Sized {
    /// Whether it is a host reference.
    const IS_HOST_REF: bool = false;
    /// The WebAssembly type.
    fn ty() -> ValType;
    /// Writes the value to an array call's buffer.
    fn store(self, raw: &mut RawValue, store: &mut StoreOpaque) -> Result<()>;
    /// Reads the value from an array call's buffer.
    ///
    /// # Safety
    /// `raw` holds a value of type `ty()` of this store.
    unsafe fn load(raw: &RawValue, store: &StoreOpaque) -> Self;
}

macro_rules! wasm_number {
    ($($rust:ty, $ty:ident, $field:ident, $to:expr, $from:expr;)*) => {
        $(
            // SAFETY: the field is the one of the type.
            unsafe impl WasmTy for $rust {
                #[inline]
                fn ty() -> ValType {
                    ValType::$ty
                }

                #[inline]
                fn store(self, raw: &mut RawValue, _: &mut StoreOpaque) -> Result<()> {
                    raw.$field = $to(self);
                    Ok(())
                }

                #[inline]
                unsafe fn load(raw: &RawValue, _: &StoreOpaque) -> Self {
                    // SAFETY: by the caller's promise the buffer holds this field; any bits are valid.
                    $from(unsafe { raw.$field })
                }
            }
        )*
    };
}

wasm_number! {
    i32, I32, i32, i32::from, i32::from;
    u32, I32, i32, u32::cast_signed, i32::cast_unsigned;
    i64, I64, i64, i64::from, i64::from;
    u64, I64, i64, u64::cast_signed, i64::cast_unsigned;
    f32, F32, f32, f32::to_bits, f32::from_bits;
    f64, F64, f64, f64::to_bits, f64::from_bits;
    u128, V128, v128, u128::from, u128::from;
}

// SAFETY: function references are stored and read as such.
unsafe impl WasmTy for Option<Func> {
    fn ty() -> ValType {
        ValType::FUNCREF
    }

    fn store(self, raw: &mut RawValue, store: &mut StoreOpaque) -> Result<()> {
        *raw = Val::FuncRef(self).to_raw(store)?;
        Ok(())
    }

    unsafe fn load(raw: &RawValue, store: &StoreOpaque) -> Self {
        // SAFETY: by the caller's promise the buffer holds a function reference of this store.
        unsafe { Func::from_raw(raw.funcref, store) }
    }
}

// SAFETY: host references are stored and read as handles.
unsafe impl WasmTy for Option<ExternRef> {
    const IS_HOST_REF: bool = true;

    fn ty() -> ValType {
        ValType::EXTERNREF
    }

    fn store(self, raw: &mut RawValue, store: &mut StoreOpaque) -> Result<()> {
        *raw = Val::ExternRef(self).to_raw(store)?;
        Ok(())
    }

    unsafe fn load(raw: &RawValue, store: &StoreOpaque) -> Self {
        // SAFETY: by the caller's promise the buffer holds a handle.
        store.extern_ref(unsafe { raw.reference })
    }
}

// SAFETY: references to exceptions are stored and read as handles.
unsafe impl WasmTy for Option<ExnRef> {
    const IS_HOST_REF: bool = true;

    fn ty() -> ValType {
        ValType::EXNREF
    }

    fn store(self, raw: &mut RawValue, store: &mut StoreOpaque) -> Result<()> {
        *raw = Val::ExnRef(self).to_raw(store)?;
        Ok(())
    }

    unsafe fn load(raw: &RawValue, store: &StoreOpaque) -> Self {
        // SAFETY: by the caller's promise the buffer holds a handle.
        ExnRef::from_raw(unsafe { raw.reference }, store)
    }
}

macro_rules! wasm_internal {
    ($($rust:ident $heap:ident $convert:expr;)*) => {
        $(
            // SAFETY: internal references are stored and read as such.
            unsafe impl WasmTy for Option<$rust> {
                const IS_HOST_REF: bool = true;

                fn ty() -> ValType {
                    ValType::Ref(RefType { nullable: true, heap: HeapType::$heap })
                }

                fn store(self, raw: &mut RawValue, store: &mut StoreOpaque) -> Result<()> {
                    *raw = Val::AnyRef(self.map(AnyRef::from)).to_raw(store)?;
                    Ok(())
                }

                unsafe fn load(raw: &RawValue, store: &StoreOpaque) -> Self {
                    let convert: fn(AnyRef) -> Option<$rust> = $convert;
                    // SAFETY: by the caller's promise the buffer holds an internal reference of this type.
                    AnyRef::from_raw(unsafe { raw.reference }, store).and_then(convert)
                }
            }
        )*
    };
}

wasm_internal! {
    AnyRef Any Some;
    StructRef Struct |value| Some(StructRef::from_any(value));
    ArrayRef Array |value| Some(ArrayRef::from_any(value));
    I31 I31 |value| value.as_i31();
}

/// A tuple of [`WasmTy`], or one: parameters or results.
///
/// # Safety
/// `Values`, `types`, `store` and `load` agree.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not stand for parameters or results of WebAssembly functions",
    label = "neither a value of WebAssembly nor a tuple of up to 17",
    note = "the values are `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, `u128`, `Option<Func>`, `Option<ExternRef>` and `Option<ExnRef>`; \
            nothing at all is `()`"
)]
pub unsafe trait WasmTyList: Sized {
    /// Whether a host reference is among them.
    const HAS_HOST_REFS: bool;
    /// Their places in an array call's buffer.
    type Values: Copy;
    /// Their types.
    fn types() -> Vec<ValType>;
    /// Writes them to an array call's buffer.
    ///
    /// # Safety
    /// `raw` points to at least `Values`, which need not be initialised.
    unsafe fn store(self, raw: *mut RawValue, store: &mut StoreOpaque) -> Result<()>;
    /// Reads them from an array call's buffer.
    ///
    /// # Safety
    /// `raw` points to values of `types()` of this store.
    unsafe fn load(raw: *const RawValue, store: &StoreOpaque) -> Self;
}

// SAFETY: one value.
unsafe impl<A: WasmTy> WasmTyList for A {
    const HAS_HOST_REFS: bool = A::IS_HOST_REF;
    type Values = [RawValue; 1];

    fn types() -> Vec<ValType> {
        vec![A::ty()]
    }

    #[inline]
    unsafe fn store(self, raw: *mut RawValue, store: &mut StoreOpaque) -> Result<()> {
        // SAFETY: the caller's promise; every field of the union may be uninitialised.
        WasmTy::store(self, unsafe { &mut *raw }, store)
    }

    #[inline]
    unsafe fn load(raw: *const RawValue, store: &StoreOpaque) -> Self {
        // SAFETY: the caller's promise.
        unsafe { WasmTy::load(&*raw, store) }
    }
}

macro_rules! tuples {
    ($(($count:literal $($name:ident $position:tt)*))*) => {
        $(
            // SAFETY: all items follow the same list.
            unsafe impl<$($name: WasmTy),*> WasmTyList for ($($name,)*) {
                const HAS_HOST_REFS: bool = false $(|| $name::IS_HOST_REF)*;
                type Values = [RawValue; $count];

                fn types() -> Vec<ValType> {
                    vec![$($name::ty()),*]
                }

                #[inline]
                unsafe fn store(self, _raw: *mut RawValue, _store: &mut StoreOpaque) -> Result<()> {
                    // SAFETY: the caller's promise; every field of the union may be uninitialised.
                    $(self.$position.store(unsafe { &mut *_raw.add($position) }, _store)?;)*
                    Ok(())
                }

                #[inline]
                #[allow(clippy::unused_unit, reason = "the empty list")]
                unsafe fn load(_raw: *const RawValue, _store: &StoreOpaque) -> Self {
                    // SAFETY: the caller's promise.
                    ($(unsafe { $name::load(&*_raw.add($position), _store) },)*)
                }
            }
        )*
    };
}

macro_rules! for_each_arity {
    ($macro:ident) => {
        $macro! {
            (0)
            (1 A 0)
            (2 A 0 B 1)
            (3 A 0 B 1 C 2)
            (4 A 0 B 1 C 2 D 3)
            (5 A 0 B 1 C 2 D 3 E 4)
            (6 A 0 B 1 C 2 D 3 E 4 F 5)
            (7 A 0 B 1 C 2 D 3 E 4 F 5 G 6)
            (8 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
            (9 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8)
            (10 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9)
            (11 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10)
            (12 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11)
            (13 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12)
            (14 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13)
            (15 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14)
            (16 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14 P 15)
            (17 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14 P 15 Q 16)
        }
    };
}
pub(crate) use for_each_arity;

for_each_arity!(tuples);

/// What a host function returns: its results, or a `Result` of them with any error.
#[diagnostic::on_unimplemented(
    message = "a host function cannot return `{Self}`",
    label = "neither values for WebAssembly nor a `Result` of them",
    note = "it returns nothing, one value (`i32`, `u32`, `i64`, `u64`, `f32`, `f64`, `u128`, `Option<Func>`, `Option<ExternRef>`, \
            `Option<ExnRef>`), a tuple of up to 17, or a `Result` of these",
    note = "the error of that `Result` is anything that becomes a `Box<dyn std::error::Error + Send + Sync>`, for instance `anyhow::Error`"
)]
pub trait HostResult {
    /// The results.
    type Results: WasmTyList;
    /// The results, or why the guest must stop.
    fn into_results(self) -> Result<Self::Results>;
}

impl<R: WasmTyList> HostResult for R {
    type Results = R;

    fn into_results(self) -> Result<R> {
        Ok(self)
    }
}

impl<R: WasmTyList, E: Into<Box<dyn StdError + Send + Sync>> + 'static> HostResult for std::result::Result<R, E> {
    type Results = R;

    #[inline]
    fn into_results(self) -> Result<R> {
        self.map_err(Error::of_host)
    }
}
