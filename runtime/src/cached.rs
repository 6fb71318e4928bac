//! Loading modules through the store of artifacts.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek};
use std::ops::Deref;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use wasmer_api::{Engine, MalformedError, Module, ResourceError, Result};
use wasmer_cache::{ArtifactKey, Cache, ContentHash, FileIdentity, Found, NotRemembered, OriginRecord, Unrecognised};
use wasmer_runtime_core::compiler::KeyHasher;
use wasmer_runtime_core::image::ImageError;
use wasmer_vm::image::Artifact;

use crate::artifact::{self, Parts};
use crate::input::parts::Parts as FileParts;
use crate::input::{MAGIC, read_file};
use crate::tiers::{LazyEngine, Tiers};

pub use crate::artifact::Program;

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
    /// Hashing them, or waiting for that.
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

/// Turns what is in a module file that does not begin as one in WebAssembly's binary format into that, for instance text.
pub type Decode<'a> = &'a dyn Fn(Vec<u8>) -> Result<Vec<u8>>;

/// The bytes of a file, their hash, and a module that was made of them meanwhile.
type Hashed = (Arc<Vec<u8>>, ContentHash, Option<Result<Module>>);

/// A module is made while so many bytes and more are hashed: fewer are hashed at once.
const OVERLAP_BYTES: usize = 1 << 20;

/// A module's bytes.
enum Bytes<'a> {
    Borrowed(&'a [u8]),
    Shared(Arc<Vec<u8>>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl From<Bytes<'_>> for Arc<Vec<u8>> {
    fn from(bytes: Bytes<'_>) -> Self {
        match bytes {
            Bytes::Borrowed(bytes) => Self::new(bytes.to_vec()),
            Bytes::Shared(bytes) => bytes,
        }
    }
}

/// Loads modules through a [`Cache`].
pub struct CachedLoader<'a> {
    tiers: Tiers<'a>,
    name: &'a str,
    cache: Option<&'a Cache>,
    lazily: Option<&'a LazyEngine<'a>>,
    progress: Option<Progress<'a>>,
    report: Report,
}

impl Program {
    fn code_copied(&self) -> bool {
        match self {
            Self::Module(module) => module.code_copied(),
            #[cfg(feature = "component")]
            Self::Component(component) => component.modules().iter().any(Module::code_copied),
        }
    }

    fn module(self) -> Result<Module> {
        match self {
            Self::Module(module) => Ok(module),
            #[cfg(feature = "component")]
            Self::Component(_) => Err(MalformedError::Component.into()),
        }
    }
}

fn module((program, report): (Program, Report)) -> Result<(Module, Report)> {
    Ok((program.module()?, report))
}

impl<'a> CachedLoader<'a> {
    /// A loader for one module. With several [`Tiers`], [`Module::engine`] says whose it is.
    pub fn new(tiers: impl Into<Tiers<'a>>, cache: &'a Cache) -> Self {
        Self { cache: Some(cache), ..Self::without_cache(tiers) }
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
    pub fn load_bytes(self, wasm: &[u8]) -> Result<(Module, Report)> {
        if Kind::of(wasm) != Kind::Module {
            return Err(MalformedError::Component.into());
        }
        module(self.load_program_bytes(wasm)?)
    }

    /// Loads a module or a component from its bytes.
    pub fn load_program_bytes(mut self, wasm: &[u8]) -> Result<(Program, Report)> {
        let Some(cache) = self.cache else { return self.compile(Bytes::Borrowed(wasm)) };
        self.report.recognition = Recognition::Bytes;
        let content = timed(&mut self.report.hash, || ContentHash::of(wasm));
        match self.find_best(cache, &content)? {
            Some(program) => Ok(self.found(program, Outcome::Hit)),
            None => {
                let name = self.name;
                self.make(cache, &content, name, Bytes::Borrowed(wasm))
            }
        }
    }

    /// Loads a module from a file, which is not read at all when its identity and its artifact are known.
    pub fn load_file(self, path: &Path, decode: Decode<'_>) -> Result<(Module, Report)> {
        module(self.load_program(path, decode)?)
    }

    /// Loads a module or a component from a file, which is not read at all when its identity and its artifact are known.
    pub fn load_program(mut self, path: &Path, decode: Decode<'_>) -> Result<(Program, Report)> {
        let unreadable = |error: io::Error| ResourceError::file(path, error);
        let file = File::open(path).map_err(unreadable)?;
        let Some(cache) = self.cache else {
            let parts = timed(&mut self.report.read, || FileParts::read(&file)).map_err(unreadable)?;
            return self.compile(decoded(parts.bytes, decode)?);
        };
        let identity = FileIdentity::of(&file).map_err(unreadable)?;
        let recalled = cache.recall(&identity);
        if let Ok(content) = recalled {
            self.report.recognition = Recognition::Identity;
            if let Some(program) = self.find_best(cache, &content)? {
                return Ok(self.found(program, Outcome::Hit));
            }
        }
        let before = cache.before_reading(&file);
        let read_from = SystemTime::now();
        let parts = timed(&mut self.report.read, || FileParts::read(&file)).map_err(unreadable)?;
        // A program has no artifact if that of its file is gone, and hardly ever if nobody has seen the file.
        let is_first = matches!(recalled, Ok(_) | Err(Unrecognised::New));
        let (bytes, content, prepared) = self.hashed(&file, parts, is_first).map_err(unreadable)?;
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
        if let Some(program) = self.find_best(cache, &content)? {
            return Ok(self.found(program, Outcome::Hit));
        }
        match prepared {
            Some(module) if starts_lazily(cache, &content) => Ok(self.found(Program::Module(module?), Outcome::Lazy)),
            _ => self.make(cache, &content, &path.to_string_lossy(), decoded(bytes, decode)?),
        }
    }

    /// The hash of a file that was read. Of a large one, if this seems to be the first start, a module that is compiled lazily is made meanwhile.
    fn hashed(&mut self, mut file: &File, parts: FileParts, is_first: bool) -> io::Result<Hashed> {
        let is_large = is_first && parts.bytes.len() >= OVERLAP_BYTES && is_module(&parts.bytes);
        let engine = self.lazily.filter(|_| is_large).and_then(|engine| engine.get().ok());
        let (content, prepared) = match engine {
            None => (timed(&mut self.report.hash, || parts.hash(file))?, None),
            Some(engine) => thread::scope(|scope| {
                let hashing = thread::Builder::new().name("wasmer-hash".to_owned());
                let hashing = hashing.spawn_scoped(scope, || parts.hash(file));
                let prepare = || Module::from_vec(engine, Arc::clone(&parts.bytes));
                let prepared = timed(&mut self.report.compile, prepare);
                let wait = || match hashing {
                    Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                    Err(_) => parts.hash(file),
                };
                timed(&mut self.report.hash, wait).map(|content| (content, Some(prepared)))
            })?,
        };
        match content {
            Some(content) => Ok((parts.bytes, content, prepared)),
            // Somebody shortens the file, so the parts may never have been one module.
            None => {
                file.rewind()?;
                let bytes = timed(&mut self.report.read, || read_file(file))?;
                let content = timed(&mut self.report.hash, || ContentHash::of(&bytes));
                Ok((Arc::new(bytes), content, None))
            }
        }
    }

    /// A module that the store has an artifact of; none is made.
    pub fn stored(mut self, content: &ContentHash) -> Result<Option<Module>> {
        let Some(cache) = self.cache else { return Ok(None) };
        self.find_best(cache, content)?.map(Program::module).transpose()
    }

    /// The best artifact of the store.
    fn find_best(&mut self, cache: &Cache, content: &ContentHash) -> Result<Option<Program>> {
        self.report.content = Some(*content);
        let tiers = self.tiers.clone();
        // Modules start at the floor, so nothing is looked for before them.
        for kind in Kind::ALL {
            for engine in tiers.engines() {
                let engine = engine?;
                if let Some(program) = self.find(cache, engine, &key(engine, content, *kind)?)? {
                    return Ok(Some(program));
                }
            }
        }
        Ok(None)
    }

    fn found(mut self, program: Program, outcome: Outcome) -> (Program, Report) {
        self.report.outcome = outcome;
        self.report.code_copied = program.code_copied();
        (program, self.report)
    }

    /// Notes what is wrong with the store. One thing leads to the next, so the first is all that the user is told.
    fn store_failed(&mut self, error: &dyn fmt::Display) {
        if self.report.warnings.is_empty() {
            self.report.warnings.push(error.to_string());
        }
    }

    /// The artifact of the store, if there is a sound one. A damaged one is removed and mentioned.
    fn find(&mut self, cache: &Cache, engine: &Engine, key: &ArtifactKey) -> Result<Option<Program>> {
        let started = Instant::now();
        let Some(found) = cache.get(key) else { return Ok(None) };
        let program = match self.accept(cache, key, found) {
            // SAFETY: the artifact stands in the user's private store under the key of this program and engine, and passed its checksums.
            Ok(parts) => unsafe { parts.program(engine) }.map(Some),
            Err(error) => {
                self.refuse(cache, key, &error);
                Ok(None)
            }
        };
        self.report.load += started.elapsed();
        program
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

    fn accept(&mut self, cache: &Cache, key: &ArtifactKey, found: Found) -> Result<Parts, ImageError> {
        let seal = if found.verified { None } else { Some(found.file.try_clone()) };
        // SAFETY: the cache replaces files by renaming.
        let artifact = unsafe { Artifact::from_file(found.file, Some(&key.0)) }?;
        artifact.check_processor()?;
        if seal.is_some() {
            artifact.verify()?;
        }
        let parts = Parts::of(artifact)?;
        if let Some(file) = seal {
            let sealed = file.map_err(|error| error.to_string());
            let sealed = sealed.and_then(|file| cache.mark_verified(key, &file).map_err(|error| error.to_string()));
            if let Err(error) = sealed {
                self.store_failed(&error);
            }
        }
        Ok(parts)
    }

    /// Compiles and stores. Of several processes one compiles, and the others wait for its artifact.
    fn make(mut self, cache: &Cache, content: &ContentHash, name: &str, wasm: Bytes<'_>) -> Result<(Program, Report)> {
        let kind = Kind::of(&wasm);
        let lazily = self.lazily.filter(|_| kind == Kind::Module && starts_lazily(cache, content));
        if let Some(engine) = lazily {
            return self.prepare(engine.get()?, wasm);
        }
        let tiers = self.tiers.clone();
        let engine = tiers.compiling()?;
        let key = &key(engine, content, kind)?;
        let lock = timed(&mut self.report.wait, || cache.lock(key));
        match &lock {
            Ok(_) => {
                if let Some(program) = self.find(cache, engine, key)? {
                    return Ok(self.found(program, Outcome::Awaited));
                }
            }
            Err(error) => self.store_failed(error),
        }
        let progress = self.progress;
        let bytes = timed(&mut self.report.compile, || artifact::compile(engine, &wasm, key.0, progress))?;
        let stored = timed(&mut self.report.save, || cache.put(key, &bytes));
        if stored.is_ok() {
            // Only lists of what the store has miss it.
            let _ = cache.note_origin(key, &OriginRecord { content: *content, name: name.to_owned() });
        }
        let started = Instant::now();
        let mapped = stored
            .map_err(|error| error.to_string())
            // SAFETY: as above.
            .and_then(|file| unsafe { Artifact::from_file(file, Some(&key.0)) }.map_err(|error| error.to_string()));
        let (outcome, mapped) = match mapped {
            Ok(artifact) => (Outcome::Stored, artifact),
            Err(error) => {
                self.store_failed(&error);
                (Outcome::NotStored, Artifact::from_bytes(&bytes)?)
            }
        };
        // SAFETY: the artifact was just made by this engine.
        let program = unsafe { Parts::of(mapped)?.program(engine) }?;
        self.report.load += started.elapsed();
        Ok(self.found(program, outcome))
    }

    fn prepare(mut self, engine: &Engine, wasm: Bytes<'_>) -> Result<(Program, Report)> {
        let module = timed(&mut self.report.compile, || Module::from_vec(engine, wasm))?;
        Ok(self.found(Program::Module(module), Outcome::Lazy))
    }

    /// Without a store.
    fn compile(mut self, wasm: Bytes<'_>) -> Result<(Program, Report)> {
        let tiers = self.tiers.clone();
        #[cfg(feature = "component")]
        if Kind::of(&wasm) == Kind::Component {
            let engine = tiers.compiling()?;
            let component = timed(&mut self.report.compile, || wasmer_component::Component::new(engine, &wasm))?;
            return Ok(self.found(Program::Component(component), Outcome::Uncached));
        }
        if let Some(engine) = self.lazily {
            return self.prepare(engine.get()?, wasm);
        }
        let (engine, progress) = (tiers.compiling()?, self.progress);
        let module = timed(&mut self.report.compile, || Module::with_progress(engine, &wasm, progress))?;
        Ok(self.found(Program::Module(module), Outcome::Uncached))
    }
}

/// The binary format of what was read from a file.
fn decoded(bytes: Arc<Vec<u8>>, decode: Decode<'_>) -> Result<Bytes<'static>> {
    let binary = match bytes.starts_with(MAGIC) {
        true => bytes,
        false => Arc::new(decode(Arc::unwrap_or_clone(bytes))?),
    };
    Ok(Bytes::Shared(binary))
}

fn is_module(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) && Kind::of(bytes) == Kind::Module
}

/// Where making an artifact has failed before, whoever starts the program learns why: all is compiled first.
fn starts_lazily(cache: &Cache, content: &ContentHash) -> bool {
    cache.recorded_runs(content).tries == 0
}

/// What an artifact is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Module,
    #[cfg(feature = "component")]
    Component,
}

impl Kind {
    const ALL: &[Self] = &[
        Self::Module,
        #[cfg(feature = "component")]
        Self::Component,
    ];

    fn of(_wasm: &[u8]) -> Self {
        #[cfg(feature = "component")]
        if wasmer_component::is_component(_wasm) {
            return Self::Component;
        }
        Self::Module
    }

    /// What a key has to say besides what the engine is.
    fn add_to(self, _material: &mut KeyHasher) {
        match self {
            Self::Module => {}
            #[cfg(feature = "component")]
            Self::Component => artifact::add_translation(_material),
        }
    }
}

fn key(engine: &Engine, content: &ContentHash, kind: Kind) -> Result<ArtifactKey> {
    let mut material = engine.key_material()?;
    kind.add_to(&mut material);
    Ok(ArtifactKey::new(content, &material))
}

/// The key of the artifact that an engine makes of a module or component.
pub fn artifact_key(engine: &Engine, wasm: &[u8]) -> Result<ArtifactKey> {
    key(engine, &ContentHash::of(wasm), Kind::of(wasm))
}

fn timed<R>(total: &mut Duration, run: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let result = run();
    *total += started.elapsed();
    result
}
