//! Instances.

use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList};

use wasmer_runtime::wasi::{WasiCtx, add_imports_to_linker};
use wasmer_runtime::{Extern, ExternType, ImportInfo, LinkError, Linker};

use crate::entities::{of_extern, to_extern};
use crate::error::raised;
use crate::func::host_func;
use crate::module::Module;
use crate::store::{Data, Store};

/// A module that runs in a store: `instance["name"]` is an export.
///
/// `imports` has a mapping of names for each module name that is imported from: dictionaries, or other instances. A callable stands for a function, anything
/// else is a `Func`, `Memory`, `Table`, `Global` or `Tag` of the same store. What WASI has need not be given if the store has it.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Instance {
    store: Py<Store>,
    instance: wasmer_runtime::Instance,
    module: wasmer_runtime::Module,
}

impl Instance {
    /// An instance that is there already.
    pub(crate) fn found(store: &Bound<'_, Store>, instance: wasmer_runtime::Instance) -> PyResult<Self> {
        let module = Store::with(store, |store| instance.module(&store).cloned())?;
        Ok(Self { store: store.clone().unbind(), instance, module })
    }
}

#[pymethods]
impl Instance {
    #[new]
    #[pyo3(signature = (store, module, imports = None))]
    fn new(store: &Bound<'_, Store>, module: &Bound<'_, Module>, imports: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let module = module.get().module.clone();
        let externs = resolve(store, &module, imports)?;
        let instance = Store::run(store, |mut store| wasmer_runtime::Instance::new(&mut store, &module, &externs))?;
        Ok(Self { store: store.clone().unbind(), instance, module })
    }

    /// The store that it is in.
    #[getter]
    fn store<'py>(&self, py: Python<'py>) -> Bound<'py, Store> {
        self.store.bind(py).clone()
    }

    /// All exports by their names.
    #[getter]
    fn exports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let store = self.store.bind(py);
        let exports = PyDict::new(py);
        for (name, entity) in Store::with(store, |mut store| self.instance.exports(&mut store))? {
            exports.set_item(name, of_extern(store, entity)?)?;
        }
        Ok(exports)
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let store = self.store.bind(py);
        let found = Store::with(store, |mut store| Ok(self.instance.export(&mut store, name)))?;
        of_extern(store, found.ok_or_else(|| PyKeyError::new_err(name.to_owned()))?)
    }

    fn __contains__(&self, name: &str) -> bool {
        self.module.export(name).is_some()
    }

    fn __len__(&self) -> usize {
        self.module.exports().count()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, self.module.exports().map(|export| export.name).collect::<Vec<_>>())?.try_iter()
    }

    fn __repr__(&self) -> String {
        match self.module.name() {
            Some(name) => format!("<wasmer_embed.Instance of {name:?}>"),
            None => "<wasmer_embed.Instance>".to_owned(),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.store)
    }
}

/// What is given for each import, in the module's order.
fn resolve(
    store: &Bound<'_, Store>,
    module: &wasmer_runtime::Module,
    imports: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Extern>> {
    let wasi = wasi_functions(store, module)?;
    let (mut externs, mut missing) = (Vec::new(), Vec::new());
    for import in module.imports() {
        let given = match imports {
            Some(imports) => lookup(imports, &import)?,
            None => None,
        };
        let found = match (given, &wasi) {
            (Some(object), _) => Some(to_import(store, &import, &object)?),
            (None, Some(wasi)) => Store::with(store, |mut store| wasi.get(&mut store, &import.module, &import.name))?,
            (None, None) => None,
        };
        match found {
            Some(entity) => externs.push(entity),
            None => missing.push(format!("`{}.{}` ({})", import.module, import.name, import.ty.kind())),
        }
    }
    if missing.is_empty() {
        return Ok(externs);
    }
    let message =
        format!("the module imports what is not given: {}{}", missing.join(", "), hint(&missing, wasi.is_some()));
    Err(raised(store.py(), LinkError::other(message).into()))
}

fn hint(missing: &[String], has_wasi: bool) -> &'static str {
    let wants_wasi = missing.iter().any(|name| name.starts_with("`wasi_"));
    if wants_wasi && !has_wasi { "\nhint: `Store(engine, wasi=Wasi())` gives its guests WASI" } else { "" }
}

/// What WASI has for the module, if the store has WASI.
fn wasi_functions(store: &Bound<'_, Store>, module: &wasmer_runtime::Module) -> PyResult<Option<Linker<Data>>> {
    let has_wasi = Store::with(store, |mut store| Ok(store.data_mut().wasi.is_some()))?;
    if !has_wasi {
        return Ok(None);
    }
    let mut linker = Linker::new();
    let added = add_imports_to_linker(&mut linker, module, context);
    added.map_err(|error| raised(store.py(), error))?;
    Ok(Some(linker))
}

/// Where WASI functions find what they act on. They are only made for stores that have it, and nothing takes it away.
fn context(data: &mut Data) -> &mut WasiCtx {
    data.wasi.as_mut().expect("a store with WASI functions has a context")
}

/// What a mapping of mappings has for an import.
fn lookup<'py>(imports: &Bound<'py, PyAny>, import: &ImportInfo) -> PyResult<Option<Bound<'py, PyAny>>> {
    let item = |mapping: &Bound<'py, PyAny>, name: &str| match mapping.get_item(name) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_instance_of::<PyKeyError>(mapping.py()) => Ok(None),
        Err(error) => Err(error),
    };
    match item(imports, &import.module)? {
        Some(names) => item(&names, &import.name),
        None => Ok(None),
    }
}

fn to_import(store: &Bound<'_, Store>, import: &ImportInfo, object: &Bound<'_, PyAny>) -> PyResult<Extern> {
    if let Some(entity) = to_extern(object) {
        return Ok(entity);
    }
    match &import.ty {
        ExternType::Func(ty) if object.is_callable() => Ok(Extern::Func(host_func(store, object, ty.clone())?)),
        ty => {
            let (class, kind) = (object.get_type().name()?, ty.kind());
            let message = format!("the import `{}.{}` is {kind}, and {class} is given", import.module, import.name);
            Err(PyTypeError::new_err(message))
        }
    }
}
