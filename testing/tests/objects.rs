//! Objects of the collected heap are the same on every backend, also where each chance to collect is taken.
//!
//! `WASMER_DIFFERENTIAL_MODULES`, `WASMER_DIFFERENTIAL_SEED` and `WASMER_DIFFERENTIAL_SAVE` are as for the other differential tests.

use wasmer_runtime::Engine;
use wasmer_testing::behaviour::*;
use wasmer_testing::engines::*;
use wasmer_testing::generate::{smith, smith_config};
use wasmer_testing::objects::objects;

/// Modules of an everyday run, for each of the comparisons.
const MODULES: u64 = 30;

/// Runs modules everywhere. Returns how many calls returned.
fn compare(ways: &[(String, Engine)], module: impl Fn(u64) -> Vec<u8>) -> usize {
    let (mut returned, mut differences) = (0, Vec::new());
    for seed in seeds(MODULES) {
        let wasm = module(seed);
        let (first, found) = compare_one(ways, None, &wasm, seed);
        returned += first.count(|outcome| matches!(outcome, Outcome::Values(_)));
        if let Some(found) = found {
            if let Ok(folder) = std::env::var("WASMER_DIFFERENTIAL_SAVE") {
                std::fs::write(format!("{folder}/{seed}.wasm"), &wasm).unwrap();
            }
            differences.push(format!("seed {seed}: {found}"));
        }
    }
    differences.truncate(10);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    returned
}

fn graph(seed: u64) -> Vec<u8> {
    wat::parse_str(objects(seed)).unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

#[test]
fn backends_agree_on_objects() {
    let returned = compare(&ways(), graph);
    assert!(returned > 30, "{returned} returned");
}

#[test]
fn backends_agree_on_objects_where_code_is_metered() {
    let returned = compare(&ways_with(|config| config.fuel(true)), graph);
    assert!(returned > 5, "{returned} returned");
}

#[test]
fn backends_agree_on_any_module_with_objects() {
    let config = wasm_smith::Config { gc_enabled: true, exceptions_enabled: true, ..smith_config() };
    let returned = compare(&ways(), |seed| smith(seed, &config));
    assert!(returned > 30, "{returned} returned");
}
