//! `wasmer cache finish`: the process that compiles a module with a better compiler when nobody waits for it.
//!
//! Started by `wasmer run` ([`super::watch`]) with the module as its standard input and the locked file of the finisher as its standard output. It tells
//! nobody how it ends: the artifact is there or not, and what went wrong stands in the record of the module's runs, for `--verbose`.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Args;
use wasmer_runtime::cache::{ArtifactKey, Cache, ContentHash, FinisherLock, OriginRecord, RunRecord};
use wasmer_runtime::{Backend, Cpu, Engine, WasmFeatures, input};

use super::priority;
use crate::args::TrustArg;
use crate::exit::ExitCode;
use crate::load::{named_backend, open_cache, to_binary};
use crate::worker;

/// What is compiled, with what, and where it goes. The module itself is standard input.
#[derive(Debug, Args)]
pub(crate) struct FinishArgs {
    #[arg(long)]
    backend: String,
    #[arg(long)]
    content: String,
    #[arg(long)]
    features: u64,
    #[arg(long)]
    fuel: bool,
    /// What the module is called.
    #[arg(long)]
    name: PathBuf,
    #[arg(long)]
    cache_dir: PathBuf,
}

/// Takes over the finisher's lock, compiles, and ends.
pub(crate) fn finish(args: &FinishArgs) -> anyhow::Result<ExitCode> {
    // SAFETY: a command opens nothing before this.
    unsafe { priority::leave() };
    let cache = open_cache(Some(&args.cache_dir), TrustArg::Stat)?;
    let lock = take_over(&cache)?;
    priority::step_back();
    // What others unmount is not kept busy.
    std::env::set_current_dir(cache.dir())?;
    let finished = lock.announce(&args.backend, &args.name.to_string_lossy()).map_err(Into::into);
    let finished = finished.and_then(|()| make(args, &cache));
    cache.retire_finisher(lock);
    finished.map(|()| ExitCode::SUCCESS)
}

/// The lock that whoever started this process handed on as standard output, of which nothing else may be left.
fn take_over(cache: &Cache) -> anyhow::Result<FinisherLock> {
    let file = io::stdout().as_fd().try_clone_to_owned()?;
    let lock = cache.adopt_finisher(file.into())?.context("is started by `wasmer run`, not by hand")?;
    let nowhere = File::options().write(true).open("/dev/null")?;
    // SAFETY: both descriptors are open; standard output is not used by anybody meanwhile.
    ensure!(unsafe { libc::dup2(nowhere.as_raw_fd(), io::stdout().as_raw_fd()) } != -1, io::Error::last_os_error());
    Ok(lock)
}

/// Compiles and stores. Takes no lock that anybody waits for: whoever wants the same artifact now makes it faster than this process.
fn make(args: &FinishArgs, cache: &Cache) -> anyhow::Result<()> {
    let backend = named_backend(&args.backend)?;
    // What a start that was in a hurry left out is made on a battery, too: the next one would do nearly as much.
    if priority::is_on_battery() && backend != Backend::Singlepass {
        bail!("the machine runs on a battery");
    }
    let content = ContentHash::from_hex(args.content.as_bytes()).context("`--content` is not a hash")?;
    let features = WasmFeatures::from_bits(args.features).context("`--features` are not known")?;
    let bytes = input::read_file(&File::from(io::stdin().as_fd().try_clone_to_owned()?))?;
    ensure!(ContentHash::of(&bytes) == content, "the module has changed");
    priority::limit(bytes.len());
    let config = worker::config(backend, Cpu::Native, None)?;
    // One thread: it shall not be noticed.
    let engine = Engine::new(config.features(features).fuel(args.fuel).threads(1))?;
    let key = ArtifactKey::new(&content, &engine.key_material()?);
    if backend == Backend::Singlepass {
        return complete(cache, &content, &key, || compile(args, cache, &engine, &content, &key, bytes));
    }
    if !cache.contains(&key) {
        // Should this be the last thing that it does, the module has to run as long again before the next try, and longer each time.
        let before = cache.recorded_runs(&content);
        let tried = RunRecord { tries: before.tries.saturating_add(1), ..RunRecord::default() };
        cache.record_runs(&content, &tried)?;
        let stored = compile(args, cache, &engine, &content, &key, bytes);
        if let Err(error) = stored {
            cache.record_runs(&content, &RunRecord { failure: format!("{error:#}"), ..tried })?;
            return Err(error);
        }
    }
    Ok(cache.forget_runs(&content)?)
}

/// Makes the artifact of a program that started without: no better code, so what its runs come to is not touched, but for a failure, after which starts ask no more.
fn complete(
    cache: &Cache,
    content: &ContentHash,
    key: &ArtifactKey,
    compile: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if cache.contains(key) {
        return Ok(());
    }
    compile().inspect_err(|error| {
        let before = cache.recorded_runs(content);
        let tries = before.tries.saturating_add(1);
        let _ = cache.record_runs(content, &RunRecord { tries, failure: format!("{error:#}"), ..before });
    })
}

fn compile(
    args: &FinishArgs,
    cache: &Cache,
    engine: &Engine,
    content: &ContentHash,
    key: &ArtifactKey,
    bytes: Vec<u8>,
) -> anyhow::Result<()> {
    let image = engine.compile(&to_binary(bytes, &args.name)?, key.0, None)?;
    cache.put(key, image.as_bytes())?;
    // Only lists of what the store has miss it.
    let _ = cache.note_origin(key, &OriginRecord { content: *content, name: args.name.to_string_lossy().into_owned() });
    Ok(())
}
