//! `--backend auto`: which compilers a program is run with, and how it comes by better code.
//!
//! The best artifact of the cache is run; where there is none, the fastest compiler starts the program. [`policy`] says whether better code is made,
//! [`watch`] when, [`finisher`] makes it. A program that started before all of it was compiled is completed by the finisher, too ([`keep`]).

pub(crate) mod finisher;
mod keep;
pub(crate) mod policy;
mod priority;
pub(crate) mod watch;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use wasmer_runtime::cache::{Cache, ContentHash};
use wasmer_runtime::tiers::{LazyEngine, Tiers};
use wasmer_runtime::{Backend, BackendError, Cpu, Engine, EngineConfig, Module, Profile, ResourceError, WasmFeatures};

use crate::args::{ProfileArg, RunArgs};
use crate::exit::Usage;
use crate::load::{AUTO, named_backend};
use crate::{output, worker};

use keep::UnfinishedProgram;
use policy::{Optimize, Policy};
use watch::{Job, Watch, processor_time};

/// The engines that may run a program, and what is done about better ones.
pub(crate) struct Plan<'a> {
    pub(crate) tiers: Tiers<'a>,
    pub(crate) policy: Policy,
    /// What starts a program that the cache does not have, if its compiler can start before all functions are compiled.
    start: Option<LazyEngine<'a>>,
}

impl<'a> Plan<'a> {
    /// What the command line asks for.
    pub(crate) fn of(args: &'a RunArgs) -> anyhow::Result<Self> {
        let settings = Settings::of(args)?;
        if args.tier.backend != AUTO {
            let backend = named_backend(&args.tier.backend)?;
            if args.tier.optimize.is_some_and(|optimize| optimize != Optimize::Never) {
                let message = format!(
                    "`--optimize` is for `--backend {AUTO}`: `--backend {backend}` is that compiler and no other"
                );
                return Err(Usage(message).into());
            }
            return Ok(Self { tiers: settings.only(backend)?, policy: Policy::NEVER, start: None });
        }
        let policy = Policy::of(args.tier.optimize);
        let (tiers, start) = match policy.optimize {
            Optimize::Now => (settings.only(best().with_context(no_backend)?)?, None),
            Optimize::Never | Optimize::Idle => (settings.clone().tiers(), settings.start()),
        };
        Ok(Self { tiers, policy, start })
    }

    /// One compiler for all there is to run, from the start.
    #[cfg(feature = "serve")]
    pub(crate) fn only(engine: &Engine) -> Self {
        Self { tiers: Tiers::from(engine), policy: Policy::NEVER, start: None }
    }

    /// What starts a program whose functions are compiled when they are called. What the cache should have of it a process in the background makes, so where there may be none, or
    /// where it could not read the module again, all is compiled first and stored.
    pub(crate) fn start(&self, has_cache: bool, path: &Path) -> Option<&LazyEngine<'a>> {
        let is_kept = !has_cache || self.policy.optimize == Optimize::Idle && path.is_file();
        self.start.as_ref().filter(|_| is_kept)
    }
}

/// What goes on behind a program, for its next starts.
#[derive(Default)]
pub(crate) struct Background {
    keep: Option<Arc<UnfinishedProgram>>,
    watch: Option<Arc<Watch>>,
    /// [`processor_time`] when the program started.
    started: Duration,
}

impl Background {
    /// Of a program that was loaded through the cache from a file, as far as the policy allows.
    pub(crate) fn of(policy: Policy, cache: Cache, module: &Module, content: ContentHash, path: &Path) -> Self {
        if policy.optimize != Optimize::Idle {
            return Self::default();
        }
        let Some(job) = Job::new(cache, module, content, path) else { return Self::default() };
        let watch = Watch::new(policy, module, &job);
        let keep = module.functions_compiled().map(|_| UnfinishedProgram::new(job, module.clone()));
        Self { keep, watch, started: Duration::ZERO }
    }

    /// The program starts.
    pub(crate) fn look_after(&mut self) {
        if let Some(keep) = &self.keep {
            keep.look_after();
        }
        if let Some(watch) = &self.watch {
            self.started = processor_time();
            watch.look_after(self.started);
        }
    }

    /// The program has ended. Says what was done.
    pub(crate) fn ended(self) -> Vec<String> {
        let improved = self.keep.as_ref().and_then(|keep| keep.improved());
        let kept = self.keep.and_then(|keep| {
            keep.ended()
                .inspect_err(|error| {
                    output::warning(&format!("its artifact cannot be made in the background: {error:#}"));
                })
                .ok()
        });
        let watched = self.watch.and_then(|watch| watch.ended(processor_time().saturating_sub(self.started)));
        improved.into_iter().chain(kept).chain(watched).collect()
    }
}

/// The compiler with the best code that is here.
pub(crate) fn best() -> Option<Backend> {
    Backend::ALL.into_iter().rev().find(|backend| worker::is_available(*backend))
}

fn no_backend() -> String {
    "this build contains no backend\nhint: build with `--features singlepass`".to_owned()
}

/// What the engines of a program have in common.
#[derive(Clone)]
struct Settings<'a> {
    args: &'a RunArgs,
    features: WasmFeatures,
    stack_bytes: Option<usize>,
}

impl<'a> Settings<'a> {
    fn of(args: &'a RunArgs) -> anyhow::Result<Self> {
        let stack_bytes = args.stack_size.map(usize::try_from).transpose()?;
        Ok(Self { args, features: crate::features::features(&args.features)?, stack_bytes })
    }

    fn config(&self, backend: Backend) -> Result<EngineConfig, BackendError> {
        let args = self.args;
        let config = worker::config(backend, Cpu::Native, args.compile_timeout)?;
        let mut config = config.features(self.features).fuel(args.fuel.is_some());
        if let Some(bytes) = self.stack_bytes {
            config = config.stack_bytes(bytes);
        }
        if let Some(profile) = args.profile {
            config = config.profile(match profile {
                ProfileArg::Perfmap => Profile::PerfMap,
                ProfileArg::Jitdump => Profile::JitDump,
            });
        }
        Ok(config)
    }

    /// The engine that compiles functions when they are called. Profilers and debuggers want to know them all at once.
    fn start(self) -> Option<LazyEngine<'a>> {
        let is_possible = Backend::Singlepass.is_built() && self.args.profile.is_none() && !self.args.debugger;
        let validation = policy::lazy().filter(|_| is_possible)?;
        Some(LazyEngine::new(move || Engine::new(self.config(Backend::Singlepass)?.lazy(validation))))
    }

    /// One compiler and no other.
    fn only(&self, backend: Backend) -> anyhow::Result<Tiers<'a>> {
        Ok(Tiers::from(&Engine::new(self.config(backend)?)?))
    }

    /// All compilers that are here: the one that compiles fastest compiles.
    fn tiers(self) -> Tiers<'a> {
        let mut from_the_fastest = Backend::ALL.into_iter().filter(|backend| is_looked_for(*backend));
        let Some(fastest) = from_the_fastest.next() else {
            return Tiers::new(Vec::new(), LazyEngine::new(|| Err(ResourceError::other(no_backend()).into())));
        };
        let lazy = |backend| {
            let settings = self.clone();
            LazyEngine::new(move || Engine::new(settings.config(backend)?))
        };
        let mut better: Vec<_> = from_the_fastest.map(lazy).collect();
        better.reverse();
        Tiers::new(better, lazy(fastest))
    }
}

/// Whether artifacts of a compiler are looked for. Where LLVM's worker belongs to the build it is not looked for at every start.
fn is_looked_for(backend: Backend) -> bool {
    backend.is_built() || worker::is_available(backend)
}
