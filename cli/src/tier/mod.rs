//! `--backend auto`: which compilers a program is run with, and how it comes by better code.
//!
//! The best artifact of the cache is run; where there is none, the fastest compiler starts the program. [`policy`] says whether better code is made,
//! [`watch`] when, [`finisher`] makes it.

pub(crate) mod finisher;
pub(crate) mod policy;
mod priority;
pub(crate) mod watch;

use anyhow::Context;
use wasmer_runtime::tiers::{LazyEngine, Tiers};
use wasmer_runtime::{Backend, BackendError, Cpu, Engine, EngineConfig, Profile, WasmFeatures};

use crate::args::{ProfileArg, RunArgs};
use crate::exit::Usage;
use crate::load::{AUTO, named_backend};
use crate::worker;

use policy::{Optimize, Policy};

/// The engines that may run a program, and what is done about better ones.
pub(crate) struct Plan<'a> {
    pub(crate) tiers: Tiers<'a>,
    pub(crate) policy: Policy,
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
            return Ok(Self { tiers: settings.only(backend)?, policy: Policy::NEVER });
        }
        let policy = Policy::of(args.tier.optimize);
        let tiers = match policy.optimize {
            Optimize::Now => settings.only(best().with_context(no_backend)?)?,
            Optimize::Never | Optimize::Idle => settings.tiers(),
        };
        Ok(Self { tiers, policy })
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

    /// One compiler and no other.
    fn only(&self, backend: Backend) -> anyhow::Result<Tiers<'a>> {
        Ok(Tiers::from(&Engine::new(self.config(backend)?)?))
    }

    /// All compilers that are here: the one that compiles fastest compiles.
    fn tiers(self) -> Tiers<'a> {
        let mut from_the_fastest = Backend::ALL.into_iter().filter(|backend| is_looked_for(*backend));
        let Some(fastest) = from_the_fastest.next() else {
            return Tiers::new(Vec::new(), LazyEngine::new(|| Err(wasmer_runtime::Error::Resource(no_backend()))));
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
