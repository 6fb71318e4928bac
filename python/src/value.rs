//! Values on their way between Python and WebAssembly.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt};

use wasmer_runtime::{ExternRef, HeapType, RefType, Val, ValType};

use crate::func::Func;
use crate::store::Store;

/// A reference of a guest's that Python can keep and give back, and cannot look into: an object or an exception.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Reference {
    value: Val,
}

/// A value of a type. Integers may be given as signed or as unsigned numbers; what is too large is refused.
pub(crate) fn to_val(object: &Bound<'_, PyAny>, ty: ValType) -> PyResult<Val> {
    match ty {
        ValType::I32 => integer(object, ty, i32::MIN.into(), u32::MAX.into()).map(|value| Val::I32(value as i32)),
        ValType::I64 => integer(object, ty, i64::MIN.into(), u64::MAX.into()).map(Val::I64),
        ValType::F32 => Ok(Val::from(object.extract::<f64>()? as f32)),
        ValType::F64 => Ok(Val::from(object.extract::<f64>()?)),
        ValType::V128 => vector(object),
        ValType::Ref(reference) => to_reference(object, reference),
    }
}

/// The number, if it is in the range that signed and unsigned numbers of the type have together.
fn integer(object: &Bound<'_, PyAny>, ty: ValType, min: i128, max: i128) -> PyResult<i64> {
    // Nearly every number is one of these.
    if let Ok(value) = object.extract::<i64>()
        && (min..=max).contains(&value.into())
    {
        return Ok(value);
    }
    if !object.is_instance_of::<PyInt>() {
        let class = object.get_type().name()?;
        return Err(PyTypeError::new_err(format!("a value of type {ty} is an int, not {class}")));
    }
    match object.extract::<u64>() {
        Ok(value) if i128::from(value) <= max => Ok(value as i64),
        _ => Err(PyOverflowError::new_err(format!("{object} is not a value of type {ty}"))),
    }
}

fn vector(object: &Bound<'_, PyAny>) -> PyResult<Val> {
    let bytes = <[u8; 16]>::try_from(bytes_of(object)?);
    let bytes = bytes.map_err(|_| PyTypeError::new_err("a value of type v128 has 16 bytes"))?;
    Ok(Val::V128(u128::from_le_bytes(bytes)))
}

fn to_reference(object: &Bound<'_, PyAny>, ty: RefType) -> PyResult<Val> {
    if object.is_none()
        && let Some(null) = Val::default_for(ValType::Ref(ty))
    {
        return Ok(null);
    }
    if let Ok(reference) = object.cast::<Reference>() {
        return Ok(reference.get().value.clone());
    }
    if ty.heap == HeapType::Extern {
        return Ok(Val::from(ExternRef::new(object.clone().unbind())));
    }
    match object.cast::<Func>() {
        Ok(func) => Ok(Val::from(func.get().func)),
        Err(_) => {
            let class = object.get_type().name()?;
            Err(PyTypeError::new_err(format!("{class} is not a value of type {}", ValType::Ref(ty))))
        }
    }
}

/// The Python object for a value of a store.
pub(crate) fn of_val<'py>(store: &Bound<'py, Store>, value: Val) -> PyResult<Bound<'py, PyAny>> {
    let py = store.py();
    match value {
        Val::I32(value) => Ok(value.into_pyobject(py)?.into_any()),
        Val::I64(value) => Ok(value.into_pyobject(py)?.into_any()),
        Val::F32(bits) => Ok(PyFloat::new(py, f32::from_bits(bits).into()).into_any()),
        Val::F64(bits) => Ok(PyFloat::new(py, f64::from_bits(bits)).into_any()),
        Val::V128(bits) => Ok(PyBytes::new(py, &bits.to_le_bytes()).into_any()),
        Val::FuncRef(Some(func)) => Ok(Bound::new(py, Func::new(store, func)?)?.into_any()),
        Val::ExternRef(Some(reference)) => match reference.data().downcast_ref::<Py<PyAny>>() {
            Some(object) => Ok(object.bind(py).clone()),
            None => opaque(py, Val::ExternRef(Some(reference))),
        },
        Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::AnyRef(None) => {
            Ok(py.None().into_bound(py))
        }
        Val::ExnRef(Some(_)) | Val::AnyRef(Some(_)) => opaque(py, value),
    }
}

fn opaque(py: Python<'_>, value: Val) -> PyResult<Bound<'_, PyAny>> {
    Ok(Bound::new(py, Reference { value })?.into_any())
}

/// The bytes of anything that has the buffer protocol.
pub(crate) fn bytes_of(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    match object.cast::<PyBytes>() {
        Ok(bytes) => Ok(bytes.as_bytes().to_vec()),
        Err(_) => PyBuffer::<u8>::get(object)?.to_vec(object.py()),
    }
}
