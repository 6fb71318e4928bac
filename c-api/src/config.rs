//! Settings and engines.

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use wasmer_runtime::cache::{Cache, CacheConfig};
use wasmer_runtime::cached::CachedLoader;
use wasmer_runtime::{
    Backend, BackendError, Compiler, Engine, EngineConfig, Error, FEATURES, Module, ResourceError, WasmFeatures,
    default_features,
};

use crate::fault::{attempt, guard, note, null};

/// `wasm_config_t`.
pub(crate) struct CConfig {
    backend: Option<Backend>,
    features: WasmFeatures,
    stack_bytes: Option<usize>,
    threads: Option<usize>,
    fuel: bool,
    cache: Option<PathBuf>,
}

/// `wasm_engine_t`.
pub(crate) struct CEngine(pub(crate) Arc<EngineShared>);

/// An engine, which its stores keep.
pub(crate) struct EngineShared {
    pub(crate) engine: Engine,
    cache: Option<Cache>,
}

impl EngineShared {
    fn new(config: CConfig) -> Result<Self, Error> {
        let backend = config.backend.map_or_else(default_backend, Ok)?;
        let mut settings = EngineConfig::with_compiler(compiler(backend)?).features(config.features).fuel(config.fuel);
        if let Some(bytes) = config.stack_bytes {
            settings = settings.stack_bytes(bytes);
        }
        if let Some(threads) = config.threads {
            settings = settings.threads(threads);
        }
        let open =
            |dir: PathBuf| Cache::open(CacheConfig::new(dir)).map_err(|error| Error::from(ResourceError::other(error)));
        Ok(Self { engine: Engine::new(settings)?, cache: config.cache.map(open).transpose()? })
    }

    /// Compiles a module, or finds it in the cache.
    pub(crate) fn load(&self, wasm: &[u8]) -> Result<Module, Error> {
        match &self.cache {
            Some(cache) => Ok(CachedLoader::new(&self.engine, cache).load_bytes(wasm)?.0),
            None => Module::new(&self.engine, wasm),
        }
    }

    /// As [`EngineShared::load`], from a file, which is not read if the cache knows it.
    pub(crate) fn load_file(&self, path: &OsStr) -> Result<Module, Error> {
        let loader = match &self.cache {
            Some(cache) => CachedLoader::new(&self.engine, cache),
            None => CachedLoader::without_cache(&self.engine),
        };
        Ok(loader.load_file(path.as_ref(), &Ok)?.0)
    }
}

/// The compilers that this library was built with. Others that the same build has for other programs are not linked in.
const BUILT: &[Backend] = &[
    #[cfg(feature = "cranelift")]
    Backend::Cranelift,
    #[cfg(feature = "singlepass")]
    Backend::Singlepass,
    #[cfg(feature = "llvm")]
    Backend::Llvm,
];

fn default_backend() -> Result<Backend, Error> {
    BUILT.first().copied().ok_or_else(|| ResourceError::other("this library was built without a compiler").into())
}

fn compiler(backend: Backend) -> Result<Arc<dyn Compiler>, BackendError> {
    #[cfg(any(feature = "cranelift", feature = "singlepass", feature = "llvm"))]
    use wasmer_runtime::{Cpu, backend as backends};
    match backend {
        #[cfg(feature = "cranelift")]
        Backend::Cranelift => backends::cranelift(Cpu::Native),
        #[cfg(feature = "singlepass")]
        Backend::Singlepass => backends::singlepass(Cpu::Native),
        #[cfg(feature = "llvm")]
        Backend::Llvm => backends::llvm(Cpu::Native),
        #[allow(unreachable_patterns, reason = "reachable unless every backend is built")]
        other => Err(BackendError::NotBuilt(other)),
    }
}

/// The text that a pointer leads to, which is valid as long as that is.
pub(crate) fn c_str<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: pointers to text are null or lead to text with a NUL at its end.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// Likewise, as a path, an argument or a variable of the environment.
pub(crate) fn os_str<'a>(text: *const c_char) -> Option<&'a OsStr> {
    c_str(text).map(|text| OsStr::from_bytes(text.to_bytes()))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_config_new() -> Option<Box<CConfig>> {
    Some(Box::new(CConfig {
        backend: None,
        features: default_features(),
        stack_bytes: None,
        threads: None,
        fuel: false,
        cache: None,
    }))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_config_delete(config: Option<Box<CConfig>>) {
    drop(config);
}

#[unsafe(no_mangle)]
extern "C" fn wasm_engine_new() -> Option<Box<CEngine>> {
    wasm_engine_new_with_config(wasm_config_new())
}

#[unsafe(no_mangle)]
extern "C" fn wasm_engine_new_with_config(config: Option<Box<CConfig>>) -> Option<Box<CEngine>> {
    attempt(|| {
        let config = *config.ok_or_else(|| null("the configuration"))?;
        Ok(Box::new(CEngine(Arc::new(EngineShared::new(config)?))))
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasm_engine_delete(engine: Option<Box<CEngine>>) {
    let _ = guard(|| engine.map(drop));
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_config_set_backend(config: Option<&mut CConfig>, name: *const c_char) -> bool {
    let (Some(config), Some(name)) = (config, c_str(name)) else { return false };
    let found = attempt(|| {
        let backend: Backend = name.to_string_lossy().parse()?;
        if BUILT.contains(&backend) { Ok(backend) } else { Err(BackendError::NotBuilt(backend).into()) }
    });
    config.backend = found.or(config.backend);
    found.is_some()
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_config_set_feature(config: Option<&mut CConfig>, name: *const c_char, enabled: bool) -> bool {
    let (Some(config), Some(name)) = (config, c_str(name)) else { return false };
    let known = FEATURES.iter().find(|(known, _)| known.as_bytes() == name.to_bytes());
    match known {
        Some((_, feature)) => config.features.set(*feature, enabled),
        None => note(format_args!("there is no feature `{}`", name.to_string_lossy())),
    }
    known.is_some()
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_config_set_stack_bytes(config: Option<&mut CConfig>, bytes: usize) {
    if let Some(config) = config {
        config.stack_bytes = Some(bytes);
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_config_set_threads(config: Option<&mut CConfig>, threads: usize) {
    if let Some(config) = config {
        config.threads = Some(threads);
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_config_set_fuel(config: Option<&mut CConfig>, enabled: bool) {
    if let Some(config) = config {
        config.fuel = enabled;
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_config_set_cache(config: Option<&mut CConfig>, dir: *const c_char) -> bool {
    let Some(config) = config else { return false };
    let dir = match os_str(dir) {
        Some(dir) => Some(PathBuf::from(dir)),
        None => attempt(|| CacheConfig::default_dir().map_err(|error| Error::from(ResourceError::other(error)))),
    };
    let is_known = dir.is_some();
    config.cache = dir.or(config.cache.take());
    is_known
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version has no NUL"),
    };
    VERSION.as_ptr()
}
