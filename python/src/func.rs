//! Functions: calls from Python, and Python's callables as functions of the host.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use smallvec::SmallVec;

use wasmer_runtime::{Caller, Error, FuncType, Val};

use crate::instance::Instance;
use crate::store::{Data, Store};
use crate::types;
use crate::value::{of_val, to_val};

/// So many values lie on the stack.
const INLINE: usize = 8;

/// A function: of a guest, or a callable of the program's that guests can call.
///
/// `Func(store, callable, params, results)` makes one of a callable; `params` and `results` are names of types. A callable that is given as an import needs none:
/// the import has a type. Calling a function runs it: no result is `None`, several are a tuple. What a callable raises ends the guest, and comes out of
/// the call as the same exception.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Func {
    store: Py<Store>,
    pub(crate) func: wasmer_runtime::Func,
    ty: FuncType,
}

impl Func {
    pub(crate) fn new(store: &Bound<'_, Store>, func: wasmer_runtime::Func) -> PyResult<Self> {
        let ty = Store::with(store, |store| func.ty(&store))?;
        Ok(Self { store: store.clone().unbind(), func, ty })
    }
}

#[pymethods]
impl Func {
    #[new]
    #[pyo3(signature = (store, callable, params = Vec::new(), results = Vec::new()))]
    fn of_callable(
        store: &Bound<'_, Store>,
        callable: &Bound<'_, PyAny>,
        params: Vec<String>,
        results: Vec<String>,
    ) -> PyResult<Self> {
        let ty = types::func_type(&params, &results)?;
        Self::new(store, host_func(store, callable, ty)?)
    }

    #[pyo3(signature = (*arguments))]
    fn __call__<'py>(&self, arguments: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let py = arguments.py();
        let (store, ty) = (self.store.bind(py), &self.ty);
        if arguments.len() != ty.params.len() {
            let (wanted, given) = (ty.params.len(), arguments.len());
            return Err(PyTypeError::new_err(format!("the function takes {wanted} arguments, {given} were given")));
        }
        let params = arguments.iter().zip(&ty.params).map(|(argument, ty)| to_val(&argument, *ty));
        let params = params.collect::<PyResult<SmallVec<[Val; INLINE]>>>()?;
        let results = Store::run(store, |mut store| {
            let mut results: SmallVec<[Val; INLINE]> = ty.results.iter().map(|_| Val::I32(0)).collect();
            self.func.call(&mut store, &params, &mut results)?;
            Ok(results)
        })?;
        let mut results = results.into_iter().map(|value| of_val(store, value));
        match results.len() {
            0 => Ok(py.None().into_bound(py)),
            1 => results.next().expect("there is one"),
            _ => Ok(PyTuple::new(py, results.collect::<PyResult<Vec<_>>>()?)?.into_any()),
        }
    }

    /// The types of its parameters and results.
    #[getter]
    fn r#type<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        types::of_func(py, &self.ty)
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.func == other.func
    }

    fn __hash__(&self) -> u64 {
        crate::entities::hash(&self.func)
    }

    fn __repr__(&self) -> String {
        format!("<wasmer_embed.Func {}>", self.ty)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.store)
    }
}

/// A callable as a function of the host.
pub(crate) fn host_func(
    store: &Bound<'_, Store>,
    callable: &Bound<'_, PyAny>,
    ty: FuncType,
) -> PyResult<wasmer_runtime::Func> {
    if !callable.is_callable() {
        let class = callable.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{class} cannot be called")));
    }
    let mark = callable.getattr_opt("__wasmer_takes_instance__")?;
    let takes_instance = mark.map_or(Ok(false), |mark| mark.is_truthy())?;
    let number = store.get().keep(callable);
    let host = Host { number, takes_instance, ty: ty.clone() };
    Store::with(store, |mut store| {
        wasmer_runtime::Func::new(&mut store, ty, move |caller, params, results| host.serve(caller, params, results))
    })
}

/// A callable of a store.
struct Host {
    number: usize,
    takes_instance: bool,
    ty: FuncType,
}

impl Host {
    /// Serves a call by the guest.
    fn serve(&self, mut caller: Caller<'_, Data>, params: &[Val], results: &mut [Val]) -> Result<(), Error> {
        let served = Python::try_attach(|py| {
            let instance = caller.instance();
            Store::lend(py, &mut caller, |store| self.call(store, instance, params, results)).map_err(Error::host)
        });
        served.unwrap_or_else(|| Err(Error::host("the Python interpreter is shutting down")))
    }

    fn call(
        &self,
        store: &Bound<'_, Store>,
        instance: Option<wasmer_runtime::Instance>,
        params: &[Val],
        results: &mut [Val],
    ) -> PyResult<()> {
        let py = store.py();
        let callable = store.get().callback(py, self.number);
        let callable = callable.ok_or_else(|| PyRuntimeError::new_err("the store is being taken apart"))?;
        let instance = match self.takes_instance {
            true => Some(instance.map(|instance| Instance::found(store, instance)).transpose()?.into_pyobject(py)?),
            false => None,
        };
        let values = params.iter().map(|value| of_val(store, value.clone()));
        let arguments = instance.map(Ok).into_iter().chain(values).collect::<PyResult<SmallVec<[_; INLINE]>>>()?;
        let returned = callable.call1(PyTuple::new(py, arguments)?)?;
        match (&*self.ty.results, results) {
            // As a statement would: most callables return something that nobody wants.
            ([], _) => {}
            ([ty], [result]) => *result = to_val(&returned, *ty)?,
            (types, results) => {
                let values = returned.try_iter()?.collect::<PyResult<Vec<_>>>()?;
                if values.len() != types.len() {
                    let (wanted, given) = (types.len(), values.len());
                    return Err(PyTypeError::new_err(format!("the callable returned {given} values, not {wanted}")));
                }
                for ((result, value), ty) in results.iter_mut().zip(&values).zip(types) {
                    *result = to_val(value, *ty)?;
                }
            }
        }
        Ok(())
    }
}
