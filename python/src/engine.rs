//! Engines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBool;

use wasmer_runtime::cache::{Cache, CacheConfig, CacheError};
use wasmer_runtime::cached::CachedLoader;
use wasmer_runtime::{Backend, BackendError, Error, FEATURES, ResourceError, WasmFeatures, default_features};

use crate::error::raised;

/// A compiler with its settings, which modules and stores share.
///
/// `backend` is `"cranelift"` (the default), `"singlepass"` (compiles fastest) or `"llvm"` (fastest code), if the package was built with it.
/// With `cache=True`, or the path of a folder, compiled modules are kept on disk and found again there.
/// `features` turns features of WebAssembly on or off by their names. With `fuel=True` code uses up fuel, which a store must be given.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Engine {
    pub(crate) engine: wasmer_runtime::Engine,
    cache: Option<Arc<Cache>>,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*, backend = None, cache = None, features = None, fuel = false, stack_bytes = None, threads = None))]
    fn new(
        py: Python<'_>,
        backend: Option<&str>,
        cache: Option<CacheChoice>,
        features: Option<BTreeMap<String, bool>>,
        fuel: bool,
        stack_bytes: Option<usize>,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let features = chosen_features(&features.unwrap_or_default())?;
        let make = || -> Result<Self, Error> {
            let backend = backend.map_or_else(default_backend, str::parse)?;
            let mut config = backend.config()?.features(features).fuel(fuel);
            if let Some(bytes) = stack_bytes {
                config = config.stack_bytes(bytes);
            }
            if let Some(threads) = threads {
                config = config.threads(threads);
            }
            let cache = cache.and_then(CacheChoice::folder).transpose().and_then(|dir| dir.map(open).transpose());
            let cache = cache.map_err(|error| Error::from(ResourceError::other(error)))?;
            Ok(Self { engine: wasmer_runtime::Engine::new(config)?, cache })
        };
        make().map_err(|error| raised(py, error))
    }

    /// The name of the compiler.
    #[getter]
    fn backend(&self) -> Option<&'static str> {
        self.engine.backend().map(|id| id.name)
    }

    /// Whether code uses up fuel.
    #[getter]
    fn fuel(&self) -> bool {
        self.engine.uses_fuel()
    }

    fn __repr__(&self) -> String {
        format!("<wasmer_embed.Engine {}>", self.backend().unwrap_or("without a compiler"))
    }
}

impl Engine {
    /// What loads modules.
    pub(crate) fn loader(&self) -> CachedLoader<'_> {
        match &self.cache {
            Some(cache) => CachedLoader::new(&self.engine, cache),
            None => CachedLoader::without_cache(&self.engine),
        }
    }
}

/// What `cache` may be.
#[derive(FromPyObject)]
enum CacheChoice {
    #[pyo3(transparent)]
    Switch(Switch),
    #[pyo3(transparent)]
    Folder(PathBuf),
}

/// A `bool`, and nothing that is like one.
struct Switch(bool);

impl<'a, 'py> FromPyObject<'a, 'py> for Switch {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(object.cast::<PyBool>()?.is_true()))
    }
}

impl CacheChoice {
    /// The folder, if there is to be a cache.
    fn folder(self) -> Option<Result<PathBuf, CacheError>> {
        match self {
            Self::Switch(Switch(on)) => on.then(CacheConfig::default_dir),
            Self::Folder(path) => Some(Ok(path)),
        }
    }
}

fn open(folder: PathBuf) -> Result<Arc<Cache>, CacheError> {
    Cache::open(CacheConfig::new(folder)).map(Arc::new)
}

fn default_backend() -> Result<Backend, BackendError> {
    Backend::default_backend().ok_or(BackendError::NotBuilt(Backend::Cranelift))
}

fn chosen_features(choices: &BTreeMap<String, bool>) -> PyResult<WasmFeatures> {
    let mut features = default_features();
    for (name, enabled) in choices {
        let Some((_, feature)) = FEATURES.iter().find(|(known, _)| known == name) else {
            let known = FEATURES.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
            return Err(PyValueError::new_err(format!("there is no feature `{name}`; there are {known}")));
        };
        features.set(*feature, *enabled);
    }
    Ok(features)
}
