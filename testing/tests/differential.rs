//! Random modules do the same everywhere: on every backend, on Cranelift without optimisation, and in the interpreter `wasmi`.
//!
//! `WASMER_DIFFERENTIAL_MODULES` sets how many modules there are, `WASMER_DIFFERENTIAL_SEED` the first one; those that differ are saved in the
//! folder `WASMER_DIFFERENTIAL_SAVE`.

use wasmer_runtime::Engine;
use wasmer_testing::behaviour::*;
use wasmer_testing::engines::{ways, ways_with};
use wasmer_testing::generate::*;

/// Modules of an everyday run, for each of the comparisons.
const MODULES: u64 = 600;

/// Runs modules everywhere. Returns how many calls returned values, and how many trapped.
fn compare(ways: &[(String, Engine)], config: &wasm_smith::Config, reference: Option<Reference>) -> (usize, usize) {
    let (mut returned, mut trapped, mut differences) = (0, 0, Vec::new());
    for seed in seeds(MODULES) {
        let wasm = smith(seed, config);
        let (first, found) = compare_one(ways, reference, &wasm, seed);
        returned += first.count(|outcome| matches!(outcome, Outcome::Values(_)));
        trapped += first.count(|outcome| matches!(outcome, Outcome::Trap(_)));
        if let Some(found) = found {
            if let Ok(folder) = std::env::var("WASMER_DIFFERENTIAL_SAVE") {
                std::fs::write(format!("{folder}/{seed}.wasm"), &wasm).unwrap();
            }
            differences.push(format!("seed {seed}: {found}"));
        }
    }
    differences.truncate(10);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    (returned, trapped)
}

#[test]
fn backends_agree_with_an_interpreter() {
    let (returned, trapped) = compare(&ways(), &interpreter_config(), Some(theirs));
    assert!(returned > 100 && trapped > 20, "{returned} returned, {trapped} trapped");
}

#[test]
fn backends_agree_on_everything() {
    let config = wasm_smith::Config { threads_enabled: true, ..smith_config() };
    let (returned, trapped) = compare(&ways(), &config, None);
    assert!(returned > 100 && trapped > 20, "{returned} returned, {trapped} trapped");
}

#[test]
fn backends_agree_on_the_fuel_that_is_left() {
    let (returned, trapped) = compare(&ways_with(|config| config.fuel(true)), &smith_config(), None);
    assert!(returned > 100 && trapped > 100, "{returned} returned, {trapped} trapped");
}
