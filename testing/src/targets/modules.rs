//! Modules that were damaged: byte flips, truncations, moved pieces, absurd counts.

use std::sync::OnceLock;

use wasmer_runtime::Engine;

use super::Verdict;
use crate::exercise::{Watchdog, survive};
use crate::generate::{Random, bases, mutate};

/// An engine for each backend, by name. Each compiles on the caller's own thread.
pub(super) fn engines() -> &'static [(String, Engine)] {
    static ENGINES: OnceLock<Vec<(String, Engine)>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let engines = crate::engines::engines_with(|config| config.threads(1));
        engines.into_iter().map(|(backend, engine)| (backend.to_string(), engine)).collect()
    })
}

/// The one watchdog of the process.
pub(super) fn watchdog() -> &'static Watchdog {
    static WATCHDOG: OnceLock<Watchdog> = OnceLock::new();
    WATCHDOG.get_or_init(Watchdog::start)
}

pub(super) fn input(seed: u64) -> Vec<u8> {
    static BASES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let bases = BASES.get_or_init(bases);
    let mut random = Random::new(seed + 1);
    let base = random.below(bases.len());
    mutate(&bases[base], &mut random)
}

pub(super) fn judge(wasm: &[u8]) -> Verdict {
    let mut verdict = "refused";
    for (backend, engine) in engines() {
        if survive(engine, wasm, watchdog()).map_err(|message| format!("{backend}: {message}"))? {
            verdict = "run";
        }
    }
    Ok(verdict)
}
