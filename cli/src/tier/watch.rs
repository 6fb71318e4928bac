//! A program that runs on code that could be better: how much it runs, and when that is enough.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use wasmer_runtime::cache::{Cache, ContentHash, RunRecord};
use wasmer_runtime::cached::CachedLoader;
use wasmer_runtime::payoff::pays_after;
use wasmer_runtime::{Backend, Cpu, Engine, EngineConfig, Module, WasmFeatures};

use super::policy::Policy;
use crate::worker;

/// Shorter runs are not counted: nobody notices what better code would save of them, and a start that writes nothing stays one.
const COUNTED_MIN: Duration = Duration::from_millis(1);
/// Before that no program is looked after while it runs: most have ended.
pub(super) const LOOK_MIN: Duration = Duration::from_millis(100);
/// Between looks at a finisher that is busy with another module.
const BUSY: Duration = Duration::from_secs(1);
/// Of the thread that looks.
pub(super) const STACK_BYTES: usize = 256 << 10;

/// A program whose module has no artifact of the best compiler yet.
pub(crate) struct Watch {
    job: Job,
    /// What it had run before.
    before: RunRecord,
    /// How long it has to have run in all.
    after: Duration,
    /// Whether a finisher was started for it; held while one is.
    is_started: Mutex<bool>,
    /// What goes over to the better code when it is there, if its code can be left while it runs.
    module: Option<Module>,
}

/// What a finisher is to make, and of what.
#[derive(Clone)]
pub(super) struct Job {
    cache: Arc<Cache>,
    content: ContentHash,
    path: PathBuf,
    backend: Backend,
    features: WasmFeatures,
    fuel: bool,
}

impl Watch {
    /// Watches a program that was loaded through the cache from a file, if there is a better compiler and the policy allows its use.
    pub(super) fn new(policy: Policy, module: &Module, job: &Job) -> Option<Arc<Self>> {
        // Where the code is the best one already, nothing else is asked.
        let from = job.backend;
        if from == Backend::Llvm {
            return None;
        }
        let backend = super::best()?;
        let rule = |tries| pays_after(from, backend, code_bytes(module), tries);
        rule(0)?;
        let before = job.cache.recorded_runs(&job.content);
        let after = policy.after.or_else(|| rule(before.tries))?;
        let job = Job { backend, ..job.clone() };
        let module = module.functions_compiled().map(|_| module.clone());
        Some(Arc::new(Self { job, before, after, is_started: Mutex::new(false), module }))
    }

    /// Starts the finisher when the program has run long enough, even if it never ends, or is killed. `started` is [`processor_time`] at its start.
    pub(super) fn look_after(self: &Arc<Self>, started: Duration) {
        let watch = Arc::clone(self);
        let look = move || {
            let mut wait = watch.missing(Duration::ZERO).max(LOOK_MIN);
            loop {
                thread::sleep(wait);
                // The program cannot use more of the processor than passes of the time; one that waits uses less.
                wait = watch.missing(processor_time().saturating_sub(started));
                if wait.is_zero() {
                    break;
                }
                wait = wait.max(LOOK_MIN);
            }
            // What there is to say is said at the end, if it comes.
            let _ = watch.finish();
        };
        // Without a thread it is looked at in the end.
        let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(look);
    }

    /// Has a finisher make better code, and the program go over to it. While the finisher is busy otherwise, the code may come from somebody else.
    fn finish(&self) -> anyhow::Result<()> {
        loop {
            if let Start::Started(mut child) = self.start()? {
                // No zombie is left of it.
                child.wait()?;
                return self.improve().map(drop);
            }
            if self.module.is_none() || self.improve()? {
                return Ok(());
            }
            thread::sleep(BUSY);
        }
    }

    /// Has the program go over to better code, if it can and the cache has it now.
    fn improve(&self) -> anyhow::Result<bool> {
        let Some(module) = &self.module else { return Ok(false) };
        let Job { cache, content, backend, .. } = &self.job;
        let engine = Engine::new(self.job.config(*backend)?)?;
        let Some(better) = CachedLoader::new(&engine, cache).stored(content)? else { return Ok(false) };
        // SAFETY: the artifact is that of the same bytes, by their hash.
        unsafe { module.improve_with(&better) }?;
        Ok(true)
    }

    /// How long the program still has to run.
    fn missing(&self, ran: Duration) -> Duration {
        self.after.saturating_sub(Duration::from_micros(self.before.ran_us)).saturating_sub(ran)
    }

    /// The program has run so long and has ended: notes that, or starts the finisher. Says what was done.
    pub(super) fn ended(&self, ran: Duration) -> Option<String> {
        let backend = self.job.backend;
        let is_whole = |module: &Module| module.tier() == backend.name() && module.functions_improved().is_none();
        if self.module.as_ref().is_some_and(is_whole) {
            return Some(format!("the program went over to the code of {backend} while it ran"));
        }
        if *self.is_started.lock().unwrap_or_else(PoisonError::into_inner) {
            return Some(format!("{backend} compiles it in the background, since the program ran"));
        }
        let missing = self.missing(ran);
        let what = if missing.is_zero() {
            match self.start() {
                Ok(Start::Started(child)) => {
                    return Some(format!("{backend} compiles it in the background (process {})", child.id()));
                }
                Ok(Start::Busy) => {
                    format!("{backend} will compile it later: the background process is busy")
                }
                Err(error) => format!("{backend} cannot compile it in the background: {error:#}"),
            }
        } else {
            let failed = match (self.before.tries, self.before.failure.as_str()) {
                (0, _) => String::new(),
                (tries, "") => format!("; tried {tries} times"),
                (tries, failure) => format!("; tried {tries} times: {failure}"),
            };
            format!("{backend} will compile it in the background once it has run {missing:.1?} more{failed}")
        };
        if ran >= COUNTED_MIN {
            let ran_us = u64::try_from(ran.as_micros()).unwrap_or(u64::MAX).saturating_add(self.before.ran_us);
            let runs = RunRecord { runs: self.before.runs + 1, ran_us, ..self.before.clone() };
            // A store that cannot be written is no reason to disturb a program that has ended.
            let _ = self.job.cache.record_runs(&self.job.content, &runs);
        }
        Some(what)
    }

    fn start(&self) -> anyhow::Result<Start> {
        let mut is_started = self.is_started.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_started {
            return Ok(Start::Busy);
        }
        let start = self.job.start()?;
        *is_started = matches!(start, Start::Started(_));
        Ok(start)
    }
}

/// Machine code of Singlepass for a byte of a body, roughly: for the size of code that is not there yet.
const CODE_PER_BYTE: u64 = 2;

/// The size of a module's code, when all of it is compiled.
fn code_bytes(module: &Module) -> u64 {
    module.lazy_body_bytes().map_or(module.code_bytes() as u64, |bytes| bytes as u64 * CODE_PER_BYTE)
}

/// What became of an attempt to start a finisher.
pub(super) enum Start {
    Started(Child),
    Busy,
}

impl Job {
    /// To make what the compiler of a module makes of all of it; none for a compiler that this program does not know.
    pub(super) fn new(cache: Cache, module: &Module, content: ContentHash, path: &Path) -> Option<Self> {
        let engine = module.engine();
        let backend = engine.backend()?.name.parse().ok()?;
        let (features, fuel) = (engine.features(), engine.uses_fuel());
        Some(Self { cache: Arc::new(cache), content, path: path.to_owned(), backend, features, fuel })
    }

    /// The engine of a compiler for this program.
    pub(super) fn config(&self, backend: Backend) -> anyhow::Result<EngineConfig> {
        Ok(worker::config(backend, Cpu::Native, None)?.features(self.features).fuel(self.fuel))
    }

    pub(super) fn start(&self) -> anyhow::Result<Start> {
        let Some(lock) = self.cache.become_finisher()? else { return Ok(Start::Busy) };
        // Opened here, so that nothing depends on its name any more. What is in it is compared with the hash.
        let module = File::open(&self.path).with_context(|| format!("could not open `{}`", self.path.display()))?;
        let dir = std::path::absolute(self.cache.dir())?;
        // Not the name of this file, which may have been replaced by another version.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("wasmer").args(["cache", "finish", "--backend", self.backend.name()]);
        command.args(["--content", &self.content.to_string(), "--features", &self.features.bits().to_string()]);
        command.args(self.fuel.then_some("--fuel"));
        command.arg("--name").arg(&self.path).arg("--cache-dir").arg(dir);
        if let Some(worker) = worker::find().and_then(|path| std::path::absolute(path).ok()) {
            command.env(worker::WORKER_VARIABLE, worker);
        }
        command.stdin(module).stdout(lock.into_file()).stderr(Stdio::null());
        Ok(Start::Started(command.spawn().context("could not start it")?))
    }
}

/// What this process has used of the processor.
pub(crate) fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is valid; this clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
