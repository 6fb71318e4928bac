//! Tests of the translation.

mod checker;
mod functions;
mod modules;
mod suite;

use wasmparser::WasmFeatures;

use crate::compiler::CompileError;
use crate::translate::func::FuncTranslator;
use crate::translate::module::{default_features, translate_module};
use checker::{Checker, Operand};

/// Translates all functions of a module with a checker; returns what it saw of each.
fn check<V: Operand>(wasm: &[u8], features: WasmFeatures) -> Result<Vec<String>, CompileError> {
    let translation = translate_module(wasm, features)?;
    let mut translator = FuncTranslator::new();
    let mut logs = Vec::new();
    for input in translation.functions {
        let mut checker = Checker::<V>::new();
        translator.translate(&translation.info, input, &mut checker)?;
        logs.push(checker.log);
    }
    Ok(logs)
}

/// Translates with and without values, which must make no difference.
fn check_both(wasm: &[u8], features: WasmFeatures) -> Result<Vec<String>, CompileError> {
    let with = check::<u32>(wasm, features)?;
    let without = check::<()>(wasm, features)?;
    assert_eq!(with, without);
    Ok(with)
}

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the test's text is well-formed")
}

/// The calls for the last function of a module.
fn calls(text: &str) -> String {
    check_both(&binary(text), default_features()).expect("the test is valid").pop().expect("the test has a function")
}
