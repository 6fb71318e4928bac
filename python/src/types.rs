//! Types, as Python sees them: the named tuples of `_types.py`, in which value types are their names in the text format.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use wasmer_runtime::{ExportInfo, ExternType, FuncType, GlobalType, ImportInfo, MemoryType, RefType, TableType};
use wasmer_runtime::{HeapType, ValType, Width};

/// The value types that can be written in Python.
const NAMED: [(&str, ValType); 9] = [
    ("i32", ValType::I32),
    ("i64", ValType::I64),
    ("f32", ValType::F32),
    ("f64", ValType::F64),
    ("v128", ValType::V128),
    ("funcref", ValType::FUNCREF),
    ("externref", ValType::EXTERNREF),
    ("exnref", ValType::EXNREF),
    ("anyref", ValType::Ref(RefType { nullable: true, heap: HeapType::Any })),
];

/// The value type of a name.
pub(crate) fn val_type(name: &str) -> PyResult<ValType> {
    let found = NAMED.iter().find(|(known, _)| *known == name);
    found.map(|(_, ty)| *ty).ok_or_else(|| {
        let known = NAMED.map(|(known, _)| known).join(", ");
        PyValueError::new_err(format!("there is no type `{name}`; there are {known}"))
    })
}

/// The reference type of a name.
pub(crate) fn ref_type(name: &str) -> PyResult<RefType> {
    match val_type(name)? {
        ValType::Ref(ty) => Ok(ty),
        _ => Err(PyValueError::new_err(format!("`{name}` is not a type of references"))),
    }
}

/// The function type of two lists of names.
pub(crate) fn func_type(params: &[String], results: &[String]) -> PyResult<FuncType> {
    let list = |names: &[String]| names.iter().map(|name| val_type(name)).collect::<PyResult<Vec<_>>>();
    Ok(FuncType::new(list(params)?, list(results)?))
}

fn names<'py>(py: Python<'py>, types: &[ValType]) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, types.iter().map(|ty| name(py, *ty)))
}

fn name<'py>(py: Python<'py>, ty: ValType) -> Bound<'py, PyString> {
    match NAMED.iter().find(|(_, known)| *known == ty) {
        Some((name, _)) => PyString::new(py, name),
        None => PyString::new(py, &ty.to_string()),
    }
}

/// An instance of a class of `_types.py`.
fn named<'py>(py: Python<'py>, class: &str, fields: impl pyo3::call::PyCallArgs<'py>) -> PyResult<Bound<'py, PyAny>> {
    py.import("wasmer_embed._types")?.getattr(class)?.call1(fields)
}

pub(crate) fn of_func<'py>(py: Python<'py>, ty: &FuncType) -> PyResult<Bound<'py, PyAny>> {
    named(py, "FuncType", (names(py, &ty.params)?, names(py, &ty.results)?))
}

pub(crate) fn of_memory<'py>(py: Python<'py>, ty: &MemoryType) -> PyResult<Bound<'py, PyAny>> {
    let page_bytes = 1u64 << ty.page_size_log2;
    named(py, "MemoryType", (ty.limits.min, ty.limits.max, ty.shared, ty.index == Width::W64, page_bytes))
}

pub(crate) fn of_table<'py>(py: Python<'py>, ty: &TableType) -> PyResult<Bound<'py, PyAny>> {
    let element = name(py, ValType::Ref(ty.element));
    named(py, "TableType", (element, ty.limits.min, ty.limits.max, ty.index == Width::W64))
}

pub(crate) fn of_global<'py>(py: Python<'py>, ty: &GlobalType) -> PyResult<Bound<'py, PyAny>> {
    named(py, "GlobalType", (name(py, ty.content), ty.mutable))
}

pub(crate) fn of_tag<'py>(py: Python<'py>, ty: &FuncType) -> PyResult<Bound<'py, PyAny>> {
    named(py, "TagType", (names(py, &ty.params)?,))
}

fn of_extern<'py>(py: Python<'py>, ty: &ExternType) -> PyResult<Bound<'py, PyAny>> {
    match ty {
        ExternType::Func(ty) => of_func(py, ty),
        ExternType::Table(ty) => of_table(py, ty),
        ExternType::Memory(ty) => of_memory(py, ty),
        ExternType::Global(ty) => of_global(py, ty),
        ExternType::Tag(ty) => of_tag(py, ty),
    }
}

pub(crate) fn import_type<'py>(py: Python<'py>, import: &ImportInfo) -> PyResult<Bound<'py, PyAny>> {
    named(py, "ImportType", (&import.module, &import.name, of_extern(py, &import.ty)?))
}

pub(crate) fn export_type<'py>(py: Python<'py>, export: &ExportInfo) -> PyResult<Bound<'py, PyAny>> {
    named(py, "ExportType", (&export.name, of_extern(py, &export.ty)?))
}
