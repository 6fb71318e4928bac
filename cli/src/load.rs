//! From a path on the command line to a compiled module.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use wasmer_runtime::artifact::Parts;
use wasmer_runtime::cache::{Cache, CacheConfig, ContentHash, Trust};
use wasmer_runtime::cached::{CachedLoader, Outcome, Program, Recognition, Report};
use wasmer_runtime::input;
use wasmer_runtime::wast::{assemble, assemble_with_lines};
use wasmer_runtime::{Artifact, Backend, Cpu, Engine, EngineConfig, Error, MalformedError};

use crate::args::{BackendArgs, CacheOptions, FeatureArgs, TrustArg};
use crate::exit::Usage;
use crate::patience::{is_stream, within};
use crate::progress::Progress;
use crate::tier::Plan;
use crate::units::parse_size;
use crate::{output, package, suggest, worker};

/// First bytes of a binary module.
const WASM_MAGIC: &[u8] = b"\0asm";
/// First bytes of artifacts, of modules and of components.
const ARTIFACT_MAGICS: [&[u8; 8]; 2] = [b"\x7fwart\r\n\x1a", b"\x7fwcmp\r\n\x1a"];
/// So many files of a folder are looked at for one that was meant.
const FILES_LOOKED_AT: usize = 1000;
/// Ending of modules in the text format.
const TEXT_ENDING: &str = "wat";
/// Ending of artifact files.
pub(crate) const ARTIFACT_ENDING: &str = "wart";
/// Sets the size above which the cache removes what was not used for long.
const SIZE_VARIABLE: &str = "WASMER_CACHE_SIZE";

/// What `--backend` is unless given.
pub(crate) const AUTO: &str = "auto";

/// The backend that the user asked for.
pub(crate) fn backend(args: &BackendArgs) -> anyhow::Result<Backend> {
    if args.backend == AUTO {
        return Backend::default_backend()
            .context("this build contains no backend\nhint: build with `--features cranelift`");
    }
    Ok(named_backend(&args.backend)?)
}

/// The backend of a name.
pub(crate) fn named_backend(name: &str) -> Result<Backend, Usage> {
    let known = Backend::ALL.map(Backend::name);
    name.parse::<Backend>().map_err(|error| {
        let meant = suggest::similar(name, known).map(|name| format!("\nhint: did you mean `{name}`?"));
        Usage(format!("{error}{}", meant.unwrap_or_default()))
    })
}

/// Settings of an engine from the command line.
pub(crate) fn config(
    backend: &BackendArgs,
    features: &FeatureArgs,
    cpu: Cpu,
    compile_timeout: Option<Duration>,
) -> anyhow::Result<EngineConfig> {
    let features = crate::features::features(features)?;
    Ok(worker::config(self::backend(backend)?, cpu, compile_timeout)?.features(features))
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
    let mut config = CacheConfig { trust, ..CacheConfig::new(dir) };
    if let Some(size) = std::env::var_os(SIZE_VARIABLE).filter(|size| !size.is_empty()) {
        let bytes = parse_size(&size.to_string_lossy());
        config.budget_bytes = bytes.map_err(|error| anyhow::anyhow!("`{SIZE_VARIABLE}`: {error}"))?;
    }
    Ok(Cache::open(config)?)
}

/// Reads a module in binary or text format; `-` is standard input.
pub(crate) fn read_module(path: &Path) -> anyhow::Result<Vec<u8>> {
    Ok(to_binary(read(path)?, path)?)
}

/// The same; a module in the text format gets debug information that names the lines of the text. Its code is the same as without.
pub(crate) fn read_module_with_lines(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = read(path)?;
    let wasm = to_binary(bytes.clone(), path)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if wasm != bytes => Ok(assemble_with_lines(text, path)?),
        _ => Ok(wasm),
    }
}

/// A file that is looked at, not run.
pub(crate) enum Any {
    /// A module or component in the binary format.
    Module(Vec<u8>),
    Artifact(File),
}

/// Opens whatever `path` names; `-` is standard input. Artifacts are recognised by how they begin.
pub(crate) fn read_any(path: &Path) -> anyhow::Result<Any> {
    let path = &*package::file(path)?;
    if path.is_file()
        && let Ok(mut file) = File::open(path)
        && is_artifact(&mut file)?
    {
        return Ok(Any::Artifact(file));
    }
    Ok(Any::Module(read_module(path)?))
}

fn is_artifact(file: &mut File) -> std::io::Result<bool> {
    let mut start = Vec::new();
    file.by_ref().take(8).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(ARTIFACT_MAGICS.iter().any(|magic| start == *magic))
}

/// Reads a module again.
pub(crate) fn read_again(path: &Path) -> anyhow::Result<Vec<u8>> {
    Ok(to_binary(readable_again(path)?, path)?)
}

/// Only a regular file can be read twice: what came through a pipe is gone, and its name may wait for another writer.
fn readable_again(path: &Path) -> anyhow::Result<Vec<u8>> {
    anyhow::ensure!(path.is_file(), "`{}` cannot be read again", path.display());
    read(path)
}

/// Reads a module again for its debug information, which the text format gets here: its code is the same as without.
pub(crate) fn read_with_lines(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = readable_again(path)?;
    if bytes.starts_with(WASM_MAGIC) {
        return Ok(bytes);
    }
    Ok(assemble_with_lines(std::str::from_utf8(&bytes)?, path)?)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        return input::read(std::io::stdin().lock(), None).context("could not read standard input");
    }
    let path = &*package::file(path)?;
    let bytes = File::open(path).and_then(|file| input::read_file(&file));
    bytes.map_err(|error| anyhow::anyhow!("could not read `{}`: {error}{}", path.display(), absent(path)))
}

/// What may have been meant by the name of a file that is not there; nothing if it is.
fn absent(path: &Path) -> String {
    let text = path.to_string_lossy();
    if path.exists() {
        String::new()
    } else if text.contains("://") {
        "\nhint: files are run, and what `https://` and `oci://` lead to; fetch anything else first".to_owned()
    } else if let Some(name) = similar_file(path) {
        format!("\nhint: did you mean `{}`?", path.with_file_name(name).display())
    } else if is_of_registry(&text) {
        format!("\nhint: `oci://{text}` is fetched from that registry")
    } else if path.extension().is_none() && path.components().count() == 2 && text.contains('/') {
        "\nhint: files are run, and packages that are named with their registry, as in `oci://ghcr.io/someone/app:1.0`"
            .to_owned()
    } else {
        String::new()
    }
}

/// The file beside one that is not there whose name is most like its name.
fn similar_file(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = folder.read_dir().ok()?.take(FILES_LOOKED_AT).filter_map(Result::ok);
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()));
    let mut names: Vec<_> = files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    // The same answer whatever the order on disk. Common endings make no names alike.
    names.sort();
    let wanted = path.file_stem()?.to_str()?;
    names.retain(|name| {
        let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        strsim::osa_distance(wanted, stem) <= 1 || suggest::similar(wanted, [stem]).is_some()
    });
    suggest::similar(path.file_name()?.to_str()?, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Whether a path reads like `ghcr.io/someone/app:1.0`: a host, and a name behind it.
fn is_of_registry(text: &str) -> bool {
    text.split_once('/').is_some_and(|(host, name)| {
        if Path::new(host).exists() {
            return false;
        }
        let host = host.split(':').next().unwrap_or(host);
        let is_host = !host.starts_with('.') && (host.contains('.') || host == "localhost");
        is_host && name.contains('/') && !name.ends_with(".wasm") && !name.ends_with(".wat")
    })
}

/// Reads a file of text.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    let text = File::open(path).and_then(|file| input::read_text_file(&file));
    text.with_context(|| format!("could not read `{}`", path.display()))
}

/// The binary format of what was read from `path`.
pub(crate) fn to_binary(bytes: Vec<u8>, path: &Path) -> Result<Vec<u8>, Error> {
    if bytes.starts_with(WASM_MAGIC) {
        return Ok(bytes);
    }
    let has_text_ending = path.extension().is_some_and(|ending| ending == TEXT_ENDING);
    if bytes.is_empty() && !has_text_ending {
        return Err(MalformedError::text(format!("`{}` is empty", path.display())).into());
    }
    let is_text = has_text_ending || path == Path::new("-");
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(MalformedError::format(path).into());
    };
    match assemble(text, path) {
        Ok(binary) => Ok(binary),
        Err(error) if is_text => Err(MalformedError::text(error).into()),
        Err(error) => Err(MalformedError::guessed(path, error).into()),
    }
}

/// A module or component, and where it came from.
pub(crate) struct Loaded {
    pub(crate) program: Program,
    /// The cache that it was loaded through, or stored in.
    pub(crate) cache: Option<Cache>,
    /// Its hash, if that cache has its artifact or will have it.
    pub(crate) content: Option<ContentHash>,
}

/// Loads a module or component through the cache, unless the user forbids it or the cache cannot be used. `timeout` bounds how long a pipe is waited for.
pub(crate) fn load(
    plan: &Plan<'_>,
    path: &Path,
    options: &CacheOptions,
    verbose: bool,
    timeout: Option<Duration>,
) -> anyhow::Result<Loaded> {
    let cache = if options.disable_cache {
        None
    } else {
        open_cache(options.cache_dir.as_deref(), options.cache_trust)
            .inspect_err(|error| output::warning(&format!("{error:#}; running without a cache")))
            .ok()
    };
    let bar = Progress::new();
    let progress = |done, total| bar.tick(done, total);
    let loader = match &cache {
        Some(cache) => CachedLoader::new(plan.tiers.clone(), cache),
        None => CachedLoader::without_cache(plan.tiers.clone()),
    };
    let loader = match plan.start(cache.is_some(), path) {
        Some(engine) => loader.lazily(engine),
        None => loader,
    };
    let loader = loader.progress(&progress);
    let loaded = if path == Path::new("-") || timeout.is_some() && is_stream(path) {
        let bytes = within(timeout, path, || read(path))?;
        let name = path.to_string_lossy();
        to_binary(bytes, path).and_then(|wasm| loader.name(&name).load_program_bytes(&wasm))
    } else {
        loader.load_program(path, &|bytes| to_binary(bytes, path))
    };
    drop(bar);
    let (program, report) = loaded.map_err(|error| could_not_load(path, error))?;
    for warning in &report.warnings {
        output::warning(warning);
    }
    if verbose {
        describe(path, &program, &report);
    }
    // One that is compiled function by function will be in the cache: the finisher sees to that.
    let is_kept = matches!(report.outcome, Outcome::Hit | Outcome::Awaited | Outcome::Stored | Outcome::Lazy);
    Ok(Loaded { program, cache, content: report.content.filter(|_| is_kept) })
}

fn could_not_load(path: &Path, error: Error) -> anyhow::Error {
    let name = path.display().to_string();
    let names_it = error.to_string().contains(&name);
    let error = anyhow::Error::from(error);
    let error = if names_it { error } else { error.context(format!("could not load `{name}`")) };
    match &*absent(path) {
        "" => error,
        hint => anyhow::anyhow!("{error:#}{hint}"),
    }
}

/// Loads an artifact that the user vouches for.
pub(crate) fn load_artifact(engine: &Engine, path: &Path, allowed: bool) -> anyhow::Result<Program> {
    if !allowed {
        bail!(
            "`{}` is a precompiled artifact, whose machine code would run unchecked\n\
             hint: if you trust where it comes from, pass `--allow-precompiled`",
            path.display()
        );
    }
    let refused = || format!("could not load `{}`", path.display());
    let file = File::open(path).with_context(refused)?;
    // SAFETY: the user vouches for the artifact by `--allow-precompiled`.
    let artifact = unsafe { Artifact::from_file(file, None) }.with_context(refused)?;
    // Nobody has looked at this file yet, unlike at those of the cache, which were verified when they were written.
    artifact.verify().with_context(refused)?;
    let parts = Parts::of(artifact).with_context(refused)?;
    // SAFETY: as above.
    unsafe { parts.program(engine) }.with_context(refused)
}

fn describe(path: &Path, program: &Program, report: &Report) {
    let how = match report.outcome {
        Outcome::Hit => "cache hit",
        Outcome::Awaited => "cache hit, after another process had compiled it",
        Outcome::Stored => "cache miss: compiled and stored",
        Outcome::NotStored => "cache miss: compiled, not stored",
        Outcome::Uncached => "no cache: compiled",
        Outcome::Lazy if report.content.is_none() => "no cache: functions are compiled when they are called",
        Outcome::Lazy => "cache miss: functions are compiled when they are called",
    };
    let recognition = match report.recognition {
        Recognition::Unneeded => String::new(),
        recognition => format!(" ({recognition})"),
    };
    output::note(&format!("{}: {how}{recognition}", path.display()));
    let engine = match program {
        Program::Module(module) => module.engine(),
        Program::Component(component) => component.engine(),
    };
    if let Some(backend) = engine.backend() {
        output::note(&format!("  code of {}", backend.name));
    }
    if report.code_copied {
        output::note("  the code was copied: files in the cache folder may not be executed");
    }
    let phases = [
        ("read", report.read),
        ("hash", report.hash),
        ("wait", report.wait),
        ("compile", report.compile),
        ("save", report.save),
        ("load", report.load),
    ];
    for (name, time) in phases.into_iter().filter(|(_, time)| !time.is_zero()) {
        output::phase(name, time);
    }
}
