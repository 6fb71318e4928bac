//! The engine: a compiler and the settings that modules and stores share.

use std::num::NonZeroUsize;
use std::sync::Arc;

use wasmparser::WasmFeatures;

use wasmer_runtime_core::SOURCE_DIGEST;
use wasmer_runtime_core::compile::{CompileOptions, ImageCompiler, InProcess};
use wasmer_runtime_core::compiler::{BackendId, CompileError, Compiler, IrRequest, KeyHasher};
use wasmer_runtime_core::cpu::PAGE_LOG2;
use wasmer_runtime_core::image::{FORMAT_VERSION, ImageBytes, ImageError};
use wasmer_runtime_core::lazy::{self, Validation};
use wasmer_runtime_core::translate::features::explain;
use wasmer_runtime_core::translate::module::default_features;
use wasmer_vm::fork;
use wasmer_vm::host_stack::with_room;
use wasmer_vm::image::Image;
use wasmer_vm::lazy::Runner;
use wasmer_vm::profile::Profile;

use crate::error::{Error, ResourceError, Result};
use crate::shared::Shared;

/// Default size of a wasm stack in bytes.
pub const STACK_BYTES_DEFAULT: usize = 8 << 20;
/// Smallest size of a wasm stack in bytes.
pub const STACK_BYTES_MIN: usize = 64 << 10;
/// Largest size of a wasm stack in bytes.
pub const STACK_BYTES_MAX: usize = 1 << 30;

/// What compilers may use of the host's stack in bytes. On a thread that has less they get another.
const COMPILE_STACK_BYTES: usize = 1 << 20;

/// Settings of an [`Engine`].
#[derive(Clone)]
pub struct EngineConfig {
    compiler: Option<Arc<dyn ImageCompiler>>,
    features: WasmFeatures,
    /// As many as there are processors unless said otherwise; only counted when something is compiled, because that reads files.
    threads: Option<usize>,
    stack_bytes: usize,
    fuel: bool,
    every_place: bool,
    profile: Option<Profile>,
    lazy: Option<Validation>,
    /// The engine whose code modules go over to, and the start of a sequence of random numbers.
    switching: Option<(Engine, u64)>,
}

impl EngineConfig {
    /// An engine without a compiler: it runs artifacts, and compiles nothing.
    pub fn headless() -> Self {
        Self {
            compiler: None,
            features: default_features(),
            threads: None,
            stack_bytes: STACK_BYTES_DEFAULT,
            fuel: false,
            every_place: false,
            profile: None,
            lazy: None,
            switching: None,
        }
    }

    /// An engine that compiles with `compiler`.
    pub fn new(compiler: impl Compiler + 'static) -> Self {
        Self::with_compiler(Arc::new(compiler))
    }

    /// An engine that compiles with a shared compiler.
    pub fn with_compiler(compiler: Arc<dyn Compiler>) -> Self {
        Self::with_image_compiler(Arc::new(InProcess(compiler)))
    }

    /// An engine whose artifacts are made elsewhere, for instance by another process.
    pub fn with_image_compiler(compiler: Arc<dyn ImageCompiler>) -> Self {
        Self { compiler: Some(compiler), ..Self::headless() }
    }

    /// Which WebAssembly features modules may use.
    pub fn features(mut self, features: WasmFeatures) -> Self {
        self.features = features;
        self
    }

    /// How many threads compile one module; at least one.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// Writes down the functions of every module that is loaded, for the system's profilers.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// Compiles functions when they are first called, instead of all of them when a module is made. Only for compilers that can do so in this process: Singlepass.
    ///
    /// A module is made in time that depends mostly on its length, and a call waits at most for one function to be compiled. What is slower: calls between
    /// functions, by an indirect jump. A function that the compiler refuses, because it exceeds a limit of the implementation, is an error of the call that
    /// needs it. Artifacts are the same: [`Module::serialize`](crate::Module::serialize) compiles everything.
    ///
    /// While a program starts, a thread of its own compiles ahead what functions call that were called, unless [`threads`](Self::threads) is one.
    pub fn lazy(mut self, validation: Validation) -> Self {
        self.lazy = Some(validation);
        self
    }

    /// For tests: of the modules that are compiled lazily, some have better code by another engine from the start
    /// ([`Module::improve`](crate::Module::improve)), or function by function ([`Module::improve_gradually`](crate::Module::improve_gradually)), and go over to it at calls that random numbers choose. The same seed, modules and calls
    /// are the same choices.
    pub fn switching(mut self, better: Engine, seed: u64) -> Self {
        self.switching = Some((better, seed));
        self
    }

    /// Size of the stack that wasm code runs on, in bytes, between [`STACK_BYTES_MIN`] and [`STACK_BYTES_MAX`].
    pub fn stack_bytes(mut self, bytes: usize) -> Self {
        self.stack_bytes = bytes;
        self
    }

    /// Whether code uses up fuel, which its store must be given: see [`Store::set_fuel`](crate::Store::set_fuel). Code without fuel pays nothing for that
    /// there is such a thing; code with it and code without are different artifacts.
    pub fn fuel(mut self, fuel: bool) -> Self {
        self.fuel = fuel;
        self
    }

    /// Whether artifacts tell the operator of all code, as far as the compiler knows, and not just of what traps and calls: for looking at code
    /// ([`Image::wasm_offset_at`](wasmer_vm::image::Image::wasm_offset_at)). The code is the same, the artifacts are larger.
    pub fn every_place(mut self, every_place: bool) -> Self {
        self.every_place = every_place;
        self
    }
}

/// A compiler with its settings. Cheap to clone, shared by all threads.
#[derive(Clone)]
pub struct Engine(Shared<EngineConfig>);

impl Engine {
    /// Makes an engine.
    pub fn new(config: EngineConfig) -> Result<Self> {
        if !(STACK_BYTES_MIN..=STACK_BYTES_MAX).contains(&config.stack_bytes) {
            return Err(ResourceError::Stack { bytes: config.stack_bytes }.into());
        }
        if config.lazy.is_some() {
            check_lazy(&config)?;
        }
        fork::register();
        Ok(Self(Shared::new(config)))
    }

    /// The engine for what this thread makes.
    pub(crate) fn counted_here(&self) -> Self {
        Self(self.0.counted_here())
    }

    /// Which compiler this engine has.
    pub fn backend(&self) -> Option<BackendId> {
        self.0.compiler.as_ref().map(|compiler| compiler.id())
    }

    /// The features that modules may use.
    pub fn features(&self) -> WasmFeatures {
        self.0.features
    }

    /// Size of a wasm stack in bytes.
    pub fn stack_bytes(&self) -> usize {
        self.0.stack_bytes
    }

    /// Whether code uses up fuel.
    pub fn uses_fuel(&self) -> bool {
        self.0.fuel
    }

    /// When functions are validated that are compiled when they are first called; none if they are compiled before.
    pub fn lazy(&self) -> Option<Validation> {
        self.0.lazy
    }

    /// The engine whose code modules go over to at random, and the seed.
    pub(crate) fn switching(&self) -> Option<(Self, u64)> {
        self.0.switching.clone()
    }

    /// What is written for profilers.
    pub fn profile(&self) -> Option<Profile> {
        self.0.profile
    }

    /// Everything but the module that determines an artifact's bytes: the rest of a cache key.
    pub fn key_material(&self) -> Result<KeyHasher> {
        let compiler = self.compiler()?;
        let id = compiler.id();
        let mut key = KeyHasher::default();
        key.setting("image format", FORMAT_VERSION.to_le_bytes());
        key.setting("runtime sources", SOURCE_DIGEST);
        key.setting("architecture", std::env::consts::ARCH);
        key.setting("system", std::env::consts::OS);
        key.setting("page size", PAGE_LOG2.to_le_bytes());
        key.setting("backend", id.name);
        key.setting("backend version", id.version.as_bytes());
        key.setting("wasm features", self.0.features.bits().to_le_bytes());
        key.setting("fuel", [u8::from(self.0.fuel)]);
        key.setting("every place", [u8::from(self.0.every_place)]);
        compiler.fingerprint(&mut key);
        Ok(key)
    }

    /// Compiles a module to the bytes of an artifact image. `key` is stored in its header; `progress` is told (done, total) functions.
    pub fn compile(
        &self,
        wasm: &[u8],
        key: [u8; 32],
        progress: Option<&(dyn Fn(usize, usize) + Sync)>,
    ) -> Result<ImageBytes> {
        let (options, compiler) = (self.options(key), self.compiler()?);
        let image = with_room(COMPILE_STACK_BYTES, || compiler.compile(wasm, &options, progress));
        image.map_err(|error| self.explained(wasm, error))
    }

    /// The image of a module whose functions will be compiled when they are called.
    pub(crate) fn prepare(&self, wasm: &Arc<Vec<u8>>, validation: Validation) -> Result<Image> {
        let options = self.options([0; 32]);
        let compiler = self.compiler()?.compiler().ok_or_else(|| not_lazy(self.0.compiler.as_ref()))?;
        let prepare = || lazy::prepare(Arc::clone(wasm), Arc::clone(compiler), &options, validation, &Runner);
        let prepared = with_room(COMPILE_STACK_BYTES, prepare);
        let (image, module, pages) = prepared.map_err(|error| self.explained(wasm, error))?;
        Ok(Image::lazy(&image, module, pages.map_err(ImageError::Io)?)?)
    }

    /// What compiles single functions, if that is done in this process.
    pub(crate) fn function_compiler(&self) -> Option<Arc<dyn Compiler>> {
        self.0.compiler.as_ref()?.compiler().cloned()
    }

    fn options(&self, key: [u8; 32]) -> CompileOptions {
        let EngineConfig { features, threads, fuel, every_place, .. } = *self.0;
        let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get));
        CompileOptions { features, threads, fuel, every_place, key }
    }

    /// The name of the compiler's intermediate form, for example `clif`; none for a compiler that has none to show.
    pub fn ir_name(&self) -> Option<&'static str> {
        self.0.compiler.as_ref().and_then(|compiler| compiler.ir_name())
    }

    /// Functions of a module in the compiler's intermediate form, as text.
    pub fn emit_ir(&self, wasm: &[u8], request: &IrRequest) -> Result<String> {
        let (options, compiler) = (self.options([0; 32]), self.compiler()?);
        let text = with_room(COMPILE_STACK_BYTES, || compiler.emit_ir(wasm, &options, request));
        text.map_err(|error| self.explained(wasm, error))
    }

    /// Whether `wasm` is a valid module under this engine's features.
    pub fn validate(&self, wasm: &[u8]) -> Result<()> {
        wasmer_runtime_core::translate::module::validate(wasm, self.0.features)
            .map_err(|error| self.explained(wasm, error))
    }

    #[cold]
    fn explained(&self, wasm: &[u8], error: CompileError) -> Error {
        explain(wasm, self.0.features, error).into()
    }

    fn compiler(&self) -> Result<&Arc<dyn ImageCompiler>> {
        self.0.compiler.as_ref().ok_or_else(|| ResourceError::NoCompiler.into())
    }
}

/// Whether functions can be compiled when they are called.
fn check_lazy(config: &EngineConfig) -> Result<()> {
    let compiler = config.compiler.as_ref();
    if compiler.and_then(|compiler| compiler.compiler()).is_none_or(|compiler| compiler.lazy_worker().is_none()) {
        return Err(not_lazy(compiler));
    }
    if config.profile.is_some() {
        return Err(ResourceError::LazyProfile.into());
    }
    Ok(())
}

#[cold]
fn not_lazy(compiler: Option<&Arc<dyn ImageCompiler>>) -> Error {
    ResourceError::NotLazy { backend: compiler.map(|compiler| compiler.id().name.to_owned()) }.into()
}
