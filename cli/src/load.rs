//! From a path on the command line to a compiled module.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wasmer_runtime::cache::{Cache, CacheConfig, Trust};
use wasmer_runtime::cached::{CachedLoader, Outcome, Report};
use wasmer_runtime::{Backend, Engine, EngineConfig, Error, Image, Module};

use crate::args::{BackendArgs, CacheOptions, FeatureArgs, TrustArg};
use crate::{output, suggest, worker};

/// First bytes of a binary module.
const WASM_MAGIC: &[u8] = b"\0asm";
/// Ending of artifact files.
pub(crate) const ARTIFACT_ENDING: &str = "wart";
/// Compiles shorter than this show no progress.
const PROGRESS_DELAY: Duration = Duration::from_millis(500);

/// What `--backend` is unless given.
pub(crate) const AUTO: &str = "auto";

/// The backend that the user asked for.
pub(crate) fn backend(args: &BackendArgs) -> anyhow::Result<Backend> {
    if args.backend == AUTO {
        return Backend::default_backend()
            .context("this build contains no backend\nhint: build with `--features cranelift`");
    }
    named_backend(&args.backend)
}

/// The backend of a name.
pub(crate) fn named_backend(name: &str) -> anyhow::Result<Backend> {
    let known = Backend::ALL.map(Backend::name);
    name.parse::<Backend>().map_err(|error| {
        let meant = suggest::similar(name, known).map(|name| format!("\nhint: did you mean `{name}`?"));
        anyhow::anyhow!("{error}{}", meant.unwrap_or_default())
    })
}

/// Settings of an engine from the command line.
pub(crate) fn config(
    backend: &BackendArgs,
    features: &FeatureArgs,
    compile_timeout: Option<Duration>,
) -> anyhow::Result<EngineConfig> {
    let features = crate::features::features(features)?;
    Ok(worker::config(self::backend(backend)?, compile_timeout)?.features(features))
}

/// Opens the cache where the user wants it.
pub(crate) fn open_cache(dir: Option<&Path>, trust: TrustArg) -> anyhow::Result<Cache> {
    let dir = match dir {
        Some(dir) => dir.to_owned(),
        None => CacheConfig::default_dir()?,
    };
    let trust = match trust {
        TrustArg::Stat => Trust::Stat,
        TrustArg::Hash => Trust::Hash,
    };
    Ok(Cache::open(CacheConfig { trust, ..CacheConfig::new(dir) })?)
}

/// Reads a module in binary or text format; `-` is standard input.
pub(crate) fn read_module(path: &Path) -> anyhow::Result<Vec<u8>> {
    Ok(to_binary(read(path)?, path)?)
}

/// Reads a module again for its debug information, which the text format gets here: its code is the same as without.
pub(crate) fn read_with_lines(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = read(path)?;
    if bytes.starts_with(WASM_MAGIC) {
        return Ok(bytes);
    }
    let mut parser = wat::Parser::new();
    Ok(parser.generate_dwarf(wat::GenerateDwarf::Lines).parse_bytes(Some(path), &bytes)?.into_owned())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).context("could not read standard input")?;
    } else {
        File::open(path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .with_context(|| format!("could not read `{}`", path.display()))?;
    }
    Ok(bytes)
}

/// The binary format of what was read from `path`.
fn to_binary(bytes: Vec<u8>, path: &Path) -> Result<Vec<u8>, Error> {
    if bytes.starts_with(WASM_MAGIC) {
        return Ok(bytes);
    }
    if bytes.is_empty() || std::str::from_utf8(&bytes).is_err() {
        let message = format!("`{}` is neither a WebAssembly module nor its text format", path.display());
        return Err(Error::Link(message));
    }
    match wat::Parser::new().parse_bytes(Some(path), &bytes) {
        Ok(binary) => Ok(binary.into_owned()),
        Err(error) => Err(Error::Link(error.to_string())),
    }
}

/// Loads a module through the cache, unless the user forbids it or the cache cannot be used.
pub(crate) fn load(engine: &Engine, path: &Path, options: &CacheOptions, verbose: bool) -> anyhow::Result<Module> {
    let refused = || format!("could not load `{}`", path.display());
    if options.disable_cache {
        let wasm = read_module(path)?;
        let bar = Bar::new();
        let module = Module::with_progress(engine, &wasm, Some(&|done, total| bar.tick(done, total)));
        drop(bar);
        return module.with_context(refused);
    }
    let cache = match open_cache(options.cache_dir.as_deref(), options.cache_trust) {
        Ok(cache) => cache,
        Err(error) => {
            output::warning(&format!("{error:#}; running without a cache"));
            return Module::new(engine, &read_module(path)?).with_context(refused);
        }
    };
    let bar = Bar::new();
    let progress = |done, total| bar.tick(done, total);
    let loader = CachedLoader::new(engine, &cache).progress(&progress);
    let loaded = if path == Path::new("-") {
        loader.load_bytes(&read_module(path)?)
    } else {
        loader.load_file(path, &|bytes| to_binary(bytes, path))
    };
    drop(bar);
    let (module, report) = loaded.with_context(refused)?;
    for warning in &report.warnings {
        output::warning(warning);
    }
    if verbose {
        describe(path, &report);
    }
    Ok(module)
}

/// Loads an artifact that the user vouches for.
pub(crate) fn load_artifact(engine: &Engine, path: &Path, allowed: bool) -> anyhow::Result<Module> {
    if !allowed {
        bail!(
            "`{}` is a precompiled artifact, whose machine code would run unchecked\n\
             hint: if you trust where it comes from, pass `--allow-precompiled`",
            path.display()
        );
    }
    let refused = || format!("could not load `{}`", path.display());
    let file = File::open(path).with_context(refused)?;
    let image = Image::from_file(file, None).with_context(refused)?;
    // SAFETY: the user vouches for the artifact by `--allow-precompiled`.
    unsafe { Module::from_image(engine, image) }.with_context(refused)
}

fn describe(path: &Path, report: &Report) {
    let how = match report.outcome {
        Outcome::Hit if report.recognised => "cache hit (recognised by its identity on disk)",
        Outcome::Hit => "cache hit (recognised by its hash)",
        Outcome::Stored => "cache miss: compiled and stored",
        Outcome::NotStored => "cache miss: compiled, not stored",
    };
    output::note(&format!("{}: {how}", path.display()));
    let phases = [
        ("read", report.read),
        ("hash", report.hash),
        ("compile", report.compile),
        ("save", report.save),
        ("load", report.load),
    ];
    for (name, time) in phases.into_iter().filter(|(_, time)| !time.is_zero()) {
        output::note(&format!("  {name:8} {:9.3} ms", time.as_secs_f64() * 1e3));
    }
}

/// The progress of a compile, as a bar on standard error that appears only if that is a terminal, and only after [`PROGRESS_DELAY`].
/// It is gone when it is dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_style(
            ProgressStyle::with_template("compiling {bar:30} {pos}/{len} functions")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self(bar)
    }

    pub(crate) fn tick(&self, done: usize, total: usize) {
        if self.0.is_hidden() && self.0.elapsed() > PROGRESS_DELAY {
            self.0.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
