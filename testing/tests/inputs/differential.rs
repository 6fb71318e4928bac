//! Random modules do the same everywhere: on every backend, on Cranelift without optimisation, and in the interpreter `wasmi`.
//!
//! `WASMER_DIFFERENTIAL_MODULES` sets how many modules there are, `WASMER_DIFFERENTIAL_SEED` the first one; those that differ are saved in the
//! folder `WASMER_DIFFERENTIAL_SAVE`.

use wasmer_testing::behaviour::*;
use wasmer_testing::engines::{ways, ways_with};
use wasmer_testing::generate::*;

/// Modules of an everyday run, for each of the comparisons.
const MODULES: u64 = 300;

#[test]
fn backends_agree_with_an_interpreter() {
    let config = interpreter_config();
    let Ends { returned, trapped, .. } = compare_all(&ways(), Some(theirs), MODULES, |seed| smith(seed, &config));
    assert!(returned > 100 && trapped > 20, "{returned} returned, {trapped} trapped");
}

#[test]
fn backends_agree_on_everything() {
    let config = wasm_smith::Config { threads_enabled: true, ..smith_config() };
    let Ends { returned, trapped, .. } = compare_all(&ways(), None, MODULES, |seed| smith(seed, &config));
    assert!(returned > 100 && trapped > 20, "{returned} returned, {trapped} trapped");
}

#[test]
fn backends_agree_on_the_fuel_that_is_left() {
    let (ways, config) = (ways_with(|config| config.fuel(true)), smith_config());
    let Ends { returned, trapped, .. } = compare_all(&ways, None, MODULES, |seed| smith(seed, &config));
    assert!(returned > 100 && trapped > 100, "{returned} returned, {trapped} trapped");
}
