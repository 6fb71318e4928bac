//! Engines for each backend that this build contains.

use wasmer_runtime::{Backend, Engine, EngineConfig};

/// An engine for each backend.
pub fn engines() -> Vec<(Backend, Engine)> {
    engines_with(|config| config)
}

/// The same, with other settings.
pub fn engines_with(change: impl Fn(EngineConfig) -> EngineConfig) -> Vec<(Backend, Engine)> {
    let engine = |backend: Backend| {
        let config = backend.config().expect("a compiler for this machine");
        (backend, Engine::new(change(config)).expect("good settings"))
    };
    Backend::built().map(engine).collect()
}

/// Every way that this build has to run a module: each backend, Cranelift without optimisation, Singlepass for the least of processors, which
/// compiles functions when they are called.
pub fn ways() -> Vec<(String, Engine)> {
    ways_with(|config| config)
}

/// The same, with other settings.
pub fn ways_with(change: impl Fn(EngineConfig) -> EngineConfig) -> Vec<(String, Engine)> {
    #[cfg(any(feature = "cranelift", feature = "singlepass"))]
    let engine = |config| Engine::new(change(config)).expect("good settings");
    let ways = engines_with(&change).into_iter().map(|(backend, engine)| (backend.to_string(), engine));
    #[cfg(feature = "cranelift")]
    let ways = {
        use wasmer_backend_cranelift::{Cranelift, OptLevel, Regalloc};
        let plain = Cranelift::builder().opt_level(OptLevel::None).regalloc(Regalloc::SinglePass).build();
        let config = EngineConfig::new(plain.expect("a compiler for this machine"));
        ways.chain([("cranelift, unoptimised".to_owned(), engine(config))])
    };
    #[cfg(feature = "singlepass")]
    let ways = {
        use wasmer_backend_singlepass::Singlepass;
        use wasmer_runtime::{Cpu, CpuFeature, CpuFeatures, Validation};
        let least = CpuFeatures::of(&[CpuFeature::Ssse3, CpuFeature::Sse41]);
        let config = EngineConfig::new(Singlepass::for_cpu(Cpu::With(least)).expect("a compiler for this machine"));
        let config = config.lazy(Validation::Before);
        ways.chain([("singlepass, SSE4.1 only, lazy".to_owned(), engine(config))])
    };
    ways.collect()
}
