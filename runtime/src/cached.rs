//! Loading modules through the store of artifacts.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use wasmer_cache::{ArtifactKey, Cache, ContentHash, FileIdentity, Found};
use wasmer_runtime_core::api::{Engine, Error, Module, Result};
use wasmer_runtime_core::image::Image;

pub use wasmer_cache::Outcome;

/// Where the time of loading a module went, and what was noticed: for `--verbose` and benchmarks.
#[derive(Clone, Debug)]
pub struct Report {
    /// Hit or miss.
    pub outcome: Outcome,
    /// Whether the module file was recognised without being read.
    pub recognised: bool,
    /// Reading the module's bytes.
    pub read: Duration,
    /// Hashing them.
    pub hash: Duration,
    /// Compiling.
    pub compile: Duration,
    /// Writing the artifact.
    pub save: Duration,
    /// Mapping the artifact.
    pub load: Duration,
    /// What went wrong with the store, in the user's words; none of it fails the load.
    pub warnings: Vec<String>,
}

/// Told (done, total) functions while compiling.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Turns what is in a module file into WebAssembly's binary format, for instance text.
pub type Decode<'a> = &'a dyn Fn(Vec<u8>) -> Result<Vec<u8>>;

/// Loads modules through a [`Cache`].
pub struct CachedLoader<'a> {
    engine: &'a Engine,
    cache: &'a Cache,
    progress: Option<Progress<'a>>,
    report: Report,
}

impl<'a> CachedLoader<'a> {
    /// A loader for one module.
    pub fn new(engine: &'a Engine, cache: &'a Cache) -> Self {
        let report = Report {
            outcome: Outcome::Hit,
            recognised: false,
            read: Duration::ZERO,
            hash: Duration::ZERO,
            compile: Duration::ZERO,
            save: Duration::ZERO,
            load: Duration::ZERO,
            warnings: Vec::new(),
        };
        Self { engine, cache, progress: None, report }
    }

    /// Reports the progress of a compile.
    pub fn progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Loads a module from its bytes.
    pub fn load_bytes(mut self, wasm: &[u8]) -> Result<(Module, Report)> {
        let content = timed(&mut self.report.hash, || ContentHash::of(wasm));
        let key = self.key(&content)?;
        let module = match self.find(&key) {
            Some(module) => module,
            None => self.make(&key, wasm)?,
        };
        Ok((module, self.report))
    }

    /// Loads a module from a file, which is not read at all when its identity and its artifact are known.
    pub fn load_file(mut self, path: &Path, decode: Decode<'_>) -> Result<(Module, Report)> {
        let unreadable = |error: io::Error| Error::Resource(format!("could not read `{}`: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        let identity = FileIdentity::of(&file).map_err(unreadable)?;
        let recalled = self.cache.recall(&identity);
        if let Some(content) = recalled {
            let key = self.key(&content)?;
            if let Some(module) = self.find(&key) {
                self.report.recognised = true;
                return Ok((module, self.report));
            }
        }
        let bytes = timed(&mut self.report.read, || read(&file)).map_err(unreadable)?;
        let content = timed(&mut self.report.hash, || ContentHash::of(&bytes));
        if recalled != Some(content)
            && let Err(error) = self.cache.remember(&file, &identity, &content)
        {
            self.report.warnings.push(error.to_string());
        }
        let key = self.key(&content)?;
        let module = match self.find(&key) {
            Some(module) => module,
            None => self.make(&key, &decode(bytes)?)?,
        };
        Ok((module, self.report))
    }

    fn key(&self, content: &ContentHash) -> Result<ArtifactKey> {
        Ok(ArtifactKey::new(content, &self.engine.key_material()?))
    }

    /// The artifact of the store, if there is a sound one. A damaged one is removed and mentioned.
    fn find(&mut self, key: &ArtifactKey) -> Option<Module> {
        let started = Instant::now();
        let found = self.cache.get(key)?;
        let module = self.accept(key, found);
        self.report.load += started.elapsed();
        match module {
            Ok(module) => Some(module),
            Err(error) => {
                let path = self.cache.artifact_path(key);
                self.report
                    .warnings
                    .push(format!("the artifact `{}` is damaged, compiling again: {error}", path.display()));
                if let Err(error) = self.cache.remove(key) {
                    self.report.warnings.push(error.to_string());
                }
                None
            }
        }
    }

    fn accept(&mut self, key: &ArtifactKey, found: Found) -> Result<Module> {
        let seal = if found.verified { None } else { Some(found.file.try_clone()) };
        let image = Image::from_file(found.file, Some(&key.0))?;
        if let Some(file) = seal {
            image.verify()?;
            if let Err(error) = file
                .map_err(|error| error.to_string())
                .and_then(|file| self.cache.mark_verified(key, &file).map_err(|error| error.to_string()))
            {
                self.report.warnings.push(error);
            }
        }
        // SAFETY: the artifact stands in the user's private store under the key of this module and engine, and passed its checksums.
        unsafe { Module::from_image(self.engine, image) }
    }

    /// Compiles and stores. Of several processes one compiles, and the others wait for its artifact.
    fn make(&mut self, key: &ArtifactKey, wasm: &[u8]) -> Result<Module> {
        let lock = self.cache.lock(key);
        match &lock {
            Ok(_) => {
                if let Some(module) = self.find(key) {
                    return Ok(module);
                }
            }
            Err(error) => self.report.warnings.push(error.to_string()),
        }
        let (engine, progress) = (self.engine, self.progress);
        let bytes = timed(&mut self.report.compile, || engine.compile(wasm, key.0, progress))?;
        let cache = self.cache;
        let image = match timed(&mut self.report.save, || cache.put(key, bytes.as_bytes())) {
            Ok(file) => {
                self.report.outcome = Outcome::Stored;
                Image::from_file(file, Some(&key.0))?
            }
            Err(error) => {
                self.report.outcome = Outcome::NotStored;
                self.report.warnings.push(error.to_string());
                Image::from_bytes(bytes.as_bytes())?
            }
        };
        // SAFETY: the image was just made by this engine.
        timed(&mut self.report.load, || unsafe { Module::from_image(engine, image) })
    }
}

fn read(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(bytes)
}

fn timed<R>(total: &mut Duration, run: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let result = run();
    *total += started.elapsed();
    result
}
