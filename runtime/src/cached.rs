//! Loading modules through the store of artifacts.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use wasmer_api::{Engine, Error, Module, Result};
use wasmer_cache::{ArtifactKey, Cache, ContentHash, FileIdentity, Found, NotRemembered, OriginRecord, Unrecognised};
use wasmer_runtime_core::image::ImageError;
use wasmer_vm::image::Image;

use crate::input::read_file;
use crate::tiers::{LazyEngine, Tiers};

/// How a module was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// From the store.
    Hit,
    /// From the store, after waiting for another process that compiled it.
    Awaited,
    /// Compiled and stored.
    Stored,
    /// Compiled; it could not be stored.
    NotStored,
    /// Compiled; there is no store.
    Uncached,
    /// Its functions are compiled when they are called; nothing was stored.
    Lazy,
}

/// How it was found out which module it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognition {
    /// Nobody asked: there is no store.
    Unneeded,
    /// By the identity of its file, which was not read.
    Identity,
    /// Its bytes were given, and hashed.
    Bytes,
    /// Its file was hashed; why, and why that will be so the next time, if it will.
    Hash(Unrecognised, Option<NotRemembered>),
}

impl fmt::Display for Recognition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unneeded => f.write_str("not recognised"),
            Self::Identity => f.write_str("recognised by its identity on disk"),
            Self::Bytes => f.write_str("recognised by its hash"),
            // One reason is enough.
            Self::Hash(why, None | Some(NotRemembered::Distrusted)) => {
                write!(f, "recognised by its hash: {why}")
            }
            Self::Hash(why, Some(again)) => write!(f, "recognised by its hash: {why}, not remembered because {again}"),
        }
    }
}

/// Where the time of loading a module went, and what was noticed: for `--verbose` and benchmarks.
#[derive(Clone, Debug)]
pub struct Report {
    /// The hash of the module, if it was needed.
    pub content: Option<ContentHash>,
    /// Hit or miss.
    pub outcome: Outcome,
    /// How the module was recognised.
    pub recognition: Recognition,
    /// Reading the module's bytes.
    pub read: Duration,
    /// Hashing them.
    pub hash: Duration,
    /// Waiting for another process that made the artifact.
    pub wait: Duration,
    /// Compiling.
    pub compile: Duration,
    /// Writing the artifact.
    pub save: Duration,
    /// Mapping the artifact.
    pub load: Duration,
    /// Whether the code had to be copied, because files may not be executed where the store is.
    pub code_copied: bool,
    /// What went wrong with the store, in the user's words; none of it fails the load.
    pub warnings: Vec<String>,
}

/// Told (done, total) functions while compiling.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Turns what is in a module file into WebAssembly's binary format, for instance text.
pub type Decode<'a> = &'a dyn Fn(Vec<u8>) -> Result<Vec<u8>>;

/// Loads modules through a [`Cache`].
pub struct CachedLoader<'a> {
    pub(crate) tiers: Tiers<'a>,
    name: &'a str,
    cache: Option<&'a Cache>,
    lazily: Option<&'a LazyEngine<'a>>,
    pub(crate) progress: Option<Progress<'a>>,
    pub(crate) report: Report,
}

/// What a file is.
#[derive(Clone, Debug)]
pub enum Program {
    /// A module.
    Module(Module),
    /// A component.
    #[cfg(feature = "component")]
    Component(wasmer_component::Component),
}

fn program((module, report): (Module, Report)) -> (Program, Report) {
    (Program::Module(module), report)
}

/// What is loaded.
pub(crate) trait Loaded {
    /// Whether code had to be copied.
    fn code_copied(&self) -> bool;
}

impl Loaded for Module {
    fn code_copied(&self) -> bool {
        self.code_copied()
    }
}

impl Loaded for Program {
    fn code_copied(&self) -> bool {
        match self {
            Self::Module(module) => module.code_copied(),
            #[cfg(feature = "component")]
            Self::Component(component) => component.modules().iter().any(Module::code_copied),
        }
    }
}

impl<'a> CachedLoader<'a> {
    /// A loader for one module. With several [`Tiers`], [`Module::engine`] says whose it is.
    pub fn new(tiers: impl Into<Tiers<'a>>, cache: &'a Cache) -> Self {
        Self { cache: Some(cache), ..Self::without_cache(tiers) }
    }

    #[cfg(feature = "component")]
    pub(crate) fn cache(&self) -> Option<&'a Cache> {
        self.cache
    }

    /// A loader that compiles.
    pub fn without_cache(tiers: impl Into<Tiers<'a>>) -> Self {
        let report = Report {
            content: None,
            outcome: Outcome::Uncached,
            recognition: Recognition::Unneeded,
            read: Duration::ZERO,
            hash: Duration::ZERO,
            wait: Duration::ZERO,
            compile: Duration::ZERO,
            save: Duration::ZERO,
            load: Duration::ZERO,
            code_copied: false,
            warnings: Vec::new(),
        };
        Self { tiers: tiers.into(), name: "", cache: None, lazily: None, progress: None, report }
    }

    /// What the module is called in lists of what the store has, if it is not loaded from a file.
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    /// Has an engine that compiles functions when they are called ([`EngineConfig::lazy`](wasmer_api::EngineConfig::lazy)) load a module that the store does not have.
    /// Its artifact is not made: who wants it in the store makes it later, with [`Tiers::compiling`].
    pub fn lazily(mut self, engine: &'a LazyEngine<'a>) -> Self {
        self.lazily = Some(engine);
        self
    }

    /// Reports the progress of a compile.
    pub fn progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Loads a module from its bytes.
    pub fn load_bytes(mut self, wasm: &[u8]) -> Result<(Module, Report)> {
        let Some(cache) = self.cache else { return self.compile(wasm.into()) };
        self.report.recognition = Recognition::Bytes;
        let content = timed(&mut self.report.hash, || ContentHash::of(wasm));
        match self.find_best(cache, &content)? {
            Some(module) => Ok(self.found(module, Outcome::Hit)),
            None => {
                let name = self.name;
                self.make(cache, &content, name, wasm.into())
            }
        }
    }

    /// Loads a module from a file, which is not read at all when its identity and its artifact are known.
    pub fn load_file(self, path: &Path, decode: Decode<'_>) -> Result<(Module, Report)> {
        match self.load_program(path, decode)? {
            (Program::Module(module), report) => Ok((module, report)),
            #[cfg(feature = "component")]
            (Program::Component(_), _) => Err(Error::Malformed("this is a component, not a module".to_owned())),
        }
    }

    /// Loads a module or a component from a file, which is not read at all when its identity and its artifacts are known.
    pub fn load_program(mut self, path: &Path, decode: Decode<'_>) -> Result<(Program, Report)> {
        let unreadable = |error: io::Error| Error::Resource(format!("could not read `{}`: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        let Some(cache) = self.cache else {
            let bytes = timed(&mut self.report.read, || read_file(&file)).map_err(unreadable)?;
            return self.compile_program(decode(bytes)?);
        };
        let identity = FileIdentity::of(&file).map_err(unreadable)?;
        let recalled = cache.recall(&identity);
        if let Ok(content) = recalled {
            self.report.recognition = Recognition::Identity;
            if let Some(program) = self.find_program(cache, &content)? {
                return Ok(self.found(program, Outcome::Hit));
            }
        }
        let before = cache.before_reading(&file);
        let read_from = SystemTime::now();
        let bytes = timed(&mut self.report.read, || read_file(&file)).map_err(unreadable)?;
        let content = timed(&mut self.report.hash, || ContentHash::of(&bytes));
        if recalled != Ok(content) {
            let why = recalled.err().unwrap_or(Unrecognised::Changed);
            let remembered = match before {
                Ok(before) => cache.remember(&file, &before, read_from, &content).unwrap_or_else(|error| {
                    self.store_failed(&error);
                    None
                }),
                Err(reason) => Some(reason),
            };
            self.report.recognition = Recognition::Hash(why, remembered);
        }
        match self.find_program(cache, &content)? {
            Some(program) => Ok(self.found(program, Outcome::Hit)),
            None => self.make_program(cache, &content, &path.to_string_lossy(), decode(bytes)?),
        }
    }

    /// What the store has of a file: a module's artifact, or all of a component.
    fn find_program(&mut self, cache: &Cache, content: &ContentHash) -> Result<Option<Program>> {
        if let Some(module) = self.find_best(cache, content)? {
            return Ok(Some(Program::Module(module)));
        }
        #[cfg(feature = "component")]
        if let Some(component) = self.find_component(cache, content)? {
            return Ok(Some(Program::Component(component)));
        }
        Ok(None)
    }

    fn make_program(
        self,
        cache: &Cache,
        content: &ContentHash,
        name: &str,
        wasm: Vec<u8>,
    ) -> Result<(Program, Report)> {
        #[cfg(feature = "component")]
        if wasmer_component::is_component(&wasm) {
            return self.make_component(cache, content, name, &wasm);
        }
        self.make(cache, content, name, wasm.into()).map(program)
    }

    fn compile_program(self, wasm: Vec<u8>) -> Result<(Program, Report)> {
        #[cfg(feature = "component")]
        if wasmer_component::is_component(&wasm) {
            return self.compile_component(&wasm);
        }
        self.compile(wasm.into()).map(program)
    }

    /// A module that the store has an artifact of; none is made.
    pub fn stored(mut self, content: &ContentHash) -> Result<Option<Module>> {
        self.cache.map_or(Ok(None), |cache| self.find_best(cache, content))
    }

    /// The best artifact of the store.
    pub(crate) fn find_best(&mut self, cache: &Cache, content: &ContentHash) -> Result<Option<Module>> {
        self.report.content = Some(*content);
        let tiers = self.tiers.clone();
        for engine in tiers.engines() {
            let engine = engine?;
            if let Some(module) = self.find(cache, engine, &key(engine, content)?)? {
                return Ok(Some(module));
            }
        }
        Ok(None)
    }

    pub(crate) fn found<P: Loaded>(mut self, program: P, outcome: Outcome) -> (P, Report) {
        self.report.outcome = outcome;
        self.report.code_copied = program.code_copied();
        (program, self.report)
    }

    /// Notes what is wrong with the store. One thing leads to the next, so the first is all that the user is told.
    pub(crate) fn store_failed(&mut self, error: &dyn fmt::Display) {
        if self.report.warnings.is_empty() {
            self.report.warnings.push(error.to_string());
        }
    }

    /// The artifact of the store, if there is a sound one. A damaged one is removed and mentioned.
    fn find(&mut self, cache: &Cache, engine: &Engine, key: &ArtifactKey) -> Result<Option<Module>> {
        let started = Instant::now();
        let Some(found) = cache.get(key) else { return Ok(None) };
        let module = match self.accept(cache, key, found) {
            // SAFETY: the artifact stands in the user's private store under the key of this module and engine, and passed its checksums.
            Ok(image) => unsafe { Module::from_image(engine, image) }.map(Some),
            Err(error) => {
                self.refuse(cache, key, &error);
                Ok(None)
            }
        };
        self.report.load += started.elapsed();
        module
    }

    fn refuse(&mut self, cache: &Cache, key: &ArtifactKey, error: &ImageError) {
        let path = cache.artifact_path(key);
        match error {
            // Says nothing about the artifact.
            ImageError::Io(_) => {
                return self.store_failed(&format_args!("the artifact `{}` is not used: {error}", path.display()));
            }
            // It is sound, only not for this machine; where the folder is shared, it is another's. What is compiled here may take its place.
            ImageError::Architecture | ImageError::Processor { .. } => return,
            _ => {}
        }
        self.store_failed(&format_args!("the artifact `{}` is damaged and is removed: {error}", path.display()));
        if let Err(error) = cache.remove(key) {
            self.store_failed(&error);
        }
    }

    fn accept(&mut self, cache: &Cache, key: &ArtifactKey, found: Found) -> Result<Image, ImageError> {
        let seal = if found.verified { None } else { Some(found.file.try_clone()) };
        // SAFETY: the cache replaces files by renaming.
        let image = unsafe { Image::from_file(found.file, Some(&key.0)) }?;
        image.check_processor()?;
        if let Some(file) = seal {
            image.verify()?;
            let sealed = file.map_err(|error| error.to_string());
            let sealed = sealed.and_then(|file| cache.mark_verified(key, &file).map_err(|error| error.to_string()));
            if let Err(error) = sealed {
                self.store_failed(&error);
            }
        }
        Ok(image)
    }

    /// Compiles and stores. Of several processes one compiles, and the others wait for its artifact.
    fn make(
        mut self,
        cache: &Cache,
        content: &ContentHash,
        name: &str,
        wasm: Cow<'_, [u8]>,
    ) -> Result<(Module, Report)> {
        // Where making an artifact has failed before, whoever starts the program learns why.
        if let Some(engine) = self.lazily.filter(|_| cache.recorded_runs(content).tries == 0) {
            return self.prepare(engine.get()?, wasm);
        }
        let tiers = self.tiers.clone();
        let engine = tiers.compiling()?;
        let key = &key(engine, content)?;
        let lock = timed(&mut self.report.wait, || cache.lock(key));
        match &lock {
            Ok(_) => {
                if let Some(module) = self.find(cache, engine, key)? {
                    return Ok(self.found(module, Outcome::Awaited));
                }
            }
            Err(error) => self.store_failed(error),
        }
        let progress = self.progress;
        let bytes = timed(&mut self.report.compile, || engine.compile(&wasm, key.0, progress))?;
        let stored = timed(&mut self.report.save, || cache.put(key, bytes.as_bytes()));
        if stored.is_ok() {
            // Only lists of what the store has miss it.
            let _ = cache.note_origin(key, &OriginRecord { content: *content, name: name.to_owned() });
        }
        let started = Instant::now();
        let mapped = stored
            .map_err(|error| error.to_string())
            // SAFETY: as above.
            .and_then(|file| unsafe { Image::from_file(file, Some(&key.0)) }.map_err(|error| error.to_string()));
        let (outcome, image) = match mapped {
            Ok(image) => (Outcome::Stored, image),
            Err(error) => {
                self.store_failed(&error);
                (Outcome::NotStored, Image::from_bytes(bytes.as_bytes())?)
            }
        };
        // SAFETY: the image was just made by this engine.
        let module = unsafe { Module::from_image(engine, image) }?;
        self.report.load += started.elapsed();
        Ok(self.found(module, outcome))
    }

    fn prepare(mut self, engine: &Engine, wasm: Cow<'_, [u8]>) -> Result<(Module, Report)> {
        let module = timed(&mut self.report.compile, || Module::from_vec(engine, wasm.into_owned()))?;
        Ok(self.found(module, Outcome::Lazy))
    }

    fn compile(mut self, wasm: Cow<'_, [u8]>) -> Result<(Module, Report)> {
        if let Some(engine) = self.lazily {
            return self.prepare(engine.get()?, wasm);
        }
        let tiers = self.tiers.clone();
        let (engine, progress) = (tiers.compiling()?, self.progress);
        let module = timed(&mut self.report.compile, || Module::with_progress(engine, &wasm, progress))?;
        Ok(self.found(module, Outcome::Uncached))
    }
}

fn key(engine: &Engine, content: &ContentHash) -> Result<ArtifactKey> {
    Ok(ArtifactKey::new(content, &engine.key_material()?))
}

pub(crate) fn timed<R>(total: &mut Duration, run: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let result = run();
    *total += started.elapsed();
    result
}
