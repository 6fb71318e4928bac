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
