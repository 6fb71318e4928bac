//! The measurements.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use wasmer_runtime::artifact::{self, Parts};
use wasmer_runtime::cache::ContentHash;
use wasmer_runtime::component::{self, is_component};
use wasmer_runtime::{Artifact, Backend, Cpu, Engine, EngineConfig, WasmFeatures};

use super::{Row, Spread};
use crate::args::{BenchArgs, FeatureArgs};
use crate::progress::Status;
use crate::timings::{Code, Timings};
use crate::worker;

/// Milliseconds that `action` takes, and its result.
fn timed<R>(action: impl FnOnce() -> R) -> (f64, R) {
    let start = Instant::now();
    let result = action();
    (start.elapsed().as_secs_f64() * 1e3, result)
}

/// What has taken so long in all, in milliseconds, is not measured again.
const LONG: f64 = 30_000.0;

/// As much as is told of why a program does not run.
const SAID_BYTES_MAX: u64 = 16 << 10;

/// The spread of several runs of something that can fail.
fn repeated(runs: usize, mut action: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Spread> {
    let mut times = Vec::new();
    while times.len() < runs && times.iter().sum::<f64>() < LONG {
        let (time, result) = timed(&mut action);
        result?;
        times.push(time);
    }
    Ok(Spread::of(times))
}

pub(super) fn validate(wasm: &[u8], features: WasmFeatures, runs: usize) -> anyhow::Result<Spread> {
    if is_component(wasm) {
        return repeated(runs, || Ok(component::validate(wasm, features).map_err(|error| component::refused(&error))?));
    }
    let engine = Engine::new(EngineConfig::headless().features(features))?;
    repeated(runs, || Ok(engine.validate(wasm)?))
}

pub(super) fn hash(wasm: &[u8], runs: usize) -> Spread {
    let times = (0..runs).map(|_| timed(|| std::hint::black_box(ContentHash::of(wasm))).0);
    Spread::of(times.collect())
}

/// A process that runs the module.
pub(super) struct Process<'a> {
    pub(super) args: &'a BenchArgs,
    /// The module's, wherever it is from.
    pub(super) file: &'a Path,
    pub(super) cache: &'a Path,
}

/// What one process took.
pub(super) struct ProcessRun {
    pub(super) total: f64,
    /// Spent in the program.
    pub(super) run: f64,
    pub(super) code: Code,
    memory_bytes: u64,
    status: ExitStatus,
}

impl Process<'_> {
    /// The cache that it uses.
    pub(super) fn cache_dir(&self) -> PathBuf {
        self.cache.join("cache")
    }

    /// Runs it with a backend, or as it is run where none is named.
    pub(super) fn run(&self, backend: Option<Backend>, options: &[&str]) -> anyhow::Result<ProcessRun> {
        let timings = self.cache.join("timings");
        let mut command = Command::new(std::env::current_exe().context("could not find this program")?);
        let named = backend.map(|backend| format!("--backend {backend}"));
        command.arg("run").args(named.iter().flat_map(|words| words.split(' '))).args(options);
        let FeatureArgs { enable, disable } = &self.args.features;
        command.args(enable.iter().flat_map(|name| ["--enable", name]));
        command.args(disable.iter().flat_map(|name| ["--disable", name]));
        command.arg("--cache-dir").arg(self.cache_dir()).arg("--timings").arg(&timings);
        command.args(self.args.fuel.iter().flat_map(|fuel| ["--fuel".to_owned(), fuel.to_string()]));
        command.args(self.args.dir.iter().flat_map(|dir| [OsString::from("--dir"), dir.clone()]));
        command.args(self.args.env.iter().flat_map(|variable| ["--env", variable]));
        command.arg("--").arg(self.file).args(self.args.args());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (total, ended) = timed(|| wait(command.spawn()?));
        let (status, memory_bytes) = ended.context("could not run this program again")?;
        let Some(Timings { run, code }) = Timings::read(&timings) else {
            let with = backend.map_or_else(String::new, |backend| format!(" with the backend `{backend}`"));
            bail!("the module does not run{with}: {}", said(&mut command));
        };
        Ok(ProcessRun { total, run, code, memory_bytes, status })
    }
}

/// Why a command fails that has failed before, as it tells that.
fn said(command: &mut Command) -> String {
    let Ok(mut child) = command.stderr(Stdio::piped()).spawn() else { return String::new() };
    let mut text = Vec::new();
    // The rest is not looked at, and whoever writes more is ended by that.
    let read = child.stderr.take().map(|stderr| stderr.take(SAID_BYTES_MAX).read_to_end(&mut text));
    let _ = (read, child.wait());
    let text = String::from_utf8_lossy(&text);
    text.trim_end().trim_start_matches("error: ").to_owned()
}

/// Waits for a process; its status, and the largest memory that it had in use, in bytes.
fn wait(child: Child) -> std::io::Result<(ExitStatus, u64)> {
    let mut status = 0;
    // SAFETY: zero is valid for every field.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places are valid; the child is ours, and nobody else waits for it.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) };
    if waited < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // Linux counts in units of 1024 bytes.
    Ok((ExitStatus::from_raw(status), usage.ru_maxrss as u64 * 1024))
}

/// Measures every backend.
pub(super) fn backends(
    backends: &[Backend],
    wasm: &[u8],
    process: &Process<'_>,
    runs: usize,
    status: &Status,
) -> anyhow::Result<Vec<Row>> {
    // The first warm run fills the cache, and shows that the module runs at all.
    for backend in backends {
        status.say(&format!("first run with {backend}"));
        process.run(Some(*backend), &[])?;
    }
    let is_long = |ran: &[ProcessRun]| ran.iter().map(|ran| ran.total).sum::<f64>() >= LONG;
    let mut ran: Vec<(Vec<ProcessRun>, Vec<ProcessRun>)> = backends.iter().map(|_| Default::default()).collect();
    for number in 1..=runs {
        for (backend, (cold, warm)) in backends.iter().zip(&mut ran) {
            status.say(&format!("starts with {backend}, {number} of {runs}"));
            if !is_long(cold) {
                cold.push(process.run(Some(*backend), &["--disable-cache"])?);
            }
            if !is_long(warm) {
                warm.push(process.run(Some(*backend), &[])?);
            }
        }
    }
    let features = crate::features::features(&process.args.features)?;
    let row = |(backend, (cold, warm)): (&Backend, (Vec<ProcessRun>, Vec<ProcessRun>))| {
        status.say(&format!("compiling with {backend}"));
        let config = worker::config(*backend, Cpu::Native, None)?.features(features);
        row(*backend, config.fuel(process.args.fuel.is_some()), wasm, &cold, &warm, runs)
    };
    backends.iter().zip(ran).map(row).collect()
}

fn row(
    backend: Backend,
    config: EngineConfig,
    wasm: &[u8],
    cold: &[ProcessRun],
    warm: &[ProcessRun],
    runs: usize,
) -> anyhow::Result<Row> {
    let one = Engine::new(config.clone().threads(1))?;
    let all = Engine::new(config)?;
    let spread = |ran: &[ProcessRun], of: fn(&ProcessRun) -> f64| Spread::of(ran.iter().map(of).collect());
    let memory = |ran: &[ProcessRun]| ran.iter().map(|ran| ran.memory_bytes).max().unwrap_or(0);
    let compile_one = repeated(runs, || Ok(artifact::compile(&one, wasm, [0; 32], None).map(drop)?))?;
    let mut image = None;
    let compile_all = repeated(runs, || {
        image = Some(artifact::compile(&all, wasm, [0; 32], None)?);
        Ok(())
    })?;
    let image = image.context("nothing was compiled")?;
    Ok(Row {
        backend: backend.name(),
        compile_one,
        compile_all,
        image_bytes: image.len(),
        load: load(&image, runs)?,
        cold: spread(cold, |ran| ran.total),
        warm: spread(warm, |ran| ran.total),
        run: spread(warm, |ran| ran.run),
        cold_memory_bytes: memory(cold),
        warm_memory_bytes: memory(warm),
        status: warm.last().map_or(0, |ran| ran.status.code().unwrap_or(-1)),
    })
}

/// Mapping an image that stands in a file.
fn load(image: &[u8], runs: usize) -> anyhow::Result<Spread> {
    let file = tempfile::NamedTempFile::new().context("could not make a file for the image")?;
    std::fs::write(file.path(), image)?;
    repeated(runs, || {
        // SAFETY: the file is this process's own.
        let artifact = unsafe { Artifact::from_file(std::fs::File::open(file.path())?, None) }?;
        Ok(Parts::of(artifact).map(drop)?)
    })
}
