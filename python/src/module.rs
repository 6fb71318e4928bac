//! Modules.

use std::borrow::Cow;
use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use wasmer_runtime::{Error, MalformedError};

use crate::engine::Engine;
use crate::error::raised;
use crate::types;
use crate::value::bytes_of;

/// A compiled module, ready to be instantiated in any number of stores, on any thread.
///
/// `wasm` holds the module's bytes, or its text. Other threads run while it is compiled.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Module {
    pub(crate) module: wasmer_runtime::Module,
}

#[pymethods]
impl Module {
    #[new]
    fn new(engine: &Bound<'_, Engine>, wasm: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes = binary(wasm)?;
        made(engine, |engine| Ok(engine.loader().load_bytes(&bytes)?.0))
    }

    /// Loads a module from a file, in either format. An engine with a cache does not read a file that it knows.
    #[staticmethod]
    fn from_file(engine: &Bound<'_, Engine>, path: PathBuf) -> PyResult<Self> {
        made(engine, |engine| Ok(engine.loader().load_file(&path, &assembled)?.0))
    }

    /// Loads what `serialize` gave, with the same version of this package and for a processor like this one.
    ///
    /// The bytes hold machine code: load only what nobody else could change. Damage is noticed, malice is not.
    #[staticmethod]
    fn deserialize(engine: &Bound<'_, Engine>, artifact: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes = bytes_of(artifact)?;
        // SAFETY: the documentation says that the bytes must be those of `serialize`.
        made(engine, |engine| unsafe { wasmer_runtime::Module::deserialize(&engine.engine, &bytes) })
    }

    /// The compiled module as bytes.
    fn serialize<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.module.serialize()).map_err(|error| raised(py, error))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The name in the module's name section.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.module.name()
    }

    /// What the module imports, in order.
    #[getter]
    fn imports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let imports = self.module.imports().map(|import| types::import_type(py, &import));
        PyList::new(py, imports.collect::<PyResult<Vec<_>>>()?)
    }

    /// What the module exports, in order.
    #[getter]
    fn exports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let exports = self.module.exports().map(|export| types::export_type(py, &export));
        PyList::new(py, exports.collect::<PyResult<Vec<_>>>()?)
    }

    fn __repr__(&self) -> String {
        match self.name() {
            Some(name) => format!("<wasmer_embed.Module {name:?}>"),
            None => "<wasmer_embed.Module>".to_owned(),
        }
    }
}

/// Makes a module while other threads run.
fn made(
    engine: &Bound<'_, Engine>,
    make: impl FnOnce(&Engine) -> Result<wasmer_runtime::Module, Error> + Send,
) -> PyResult<Module> {
    let (py, engine) = (engine.py(), engine.get());
    let module = py.detach(|| make(engine)).map_err(|error| raised(py, error))?;
    Ok(Module { module })
}

/// The module's bytes, of whatever it is given as.
fn binary(wasm: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    match wasm.cast::<PyString>() {
        Ok(text) => assembled(text.to_str()?.as_bytes().to_vec()).map_err(|error| raised(wasm.py(), error)),
        Err(_) => bytes_of(wasm).map_err(|_| PyTypeError::new_err("a module is given as bytes, or as text in a `str`")),
    }
}

/// The binary format of either format.
fn assembled(bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    let binary = match wat::parse_bytes(&bytes) {
        Ok(Cow::Owned(binary)) => Some(binary),
        Ok(Cow::Borrowed(_)) => None,
        Err(error) => return Err(MalformedError::text(error).into()),
    };
    Ok(binary.unwrap_or(bytes))
}

/// Raises `CompileError` if the bytes or the text are not a valid module for the engine.
#[pyfunction]
pub(crate) fn validate(engine: &Bound<'_, Engine>, wasm: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, bytes) = (engine.py(), binary(wasm)?);
    let engine = &engine.get().engine;
    py.detach(|| engine.validate(&bytes)).map_err(|error| raised(py, error))
}

/// The binary format of a module's text.
#[pyfunction]
pub(crate) fn wat2wasm<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = assembled(text.as_bytes().to_vec()).map_err(|error| raised(py, error))?;
    Ok(PyBytes::new(py, &bytes))
}
