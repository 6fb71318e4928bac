//! Tests of the translation.

mod checker;
mod continuation;
mod exceptions;
mod functions;
mod gc;
mod modules;
mod suite;

use wasmparser::WasmFeatures;

use crate::compiler::CompileError;
use crate::translate::func::FuncTranslator;
use crate::translate::module::{default_features, translate_module};
use checker::{Checker, Operand};

/// Translates all functions of a module with a checker; returns what it saw of each.
fn check<V: Operand>(wasm: &[u8], features: WasmFeatures, metered: bool) -> Result<Vec<String>, CompileError> {
    let mut translation = translate_module(wasm, features)?;
    translation.info.metered = metered;
    let mut translator = FuncTranslator::new();
    let mut logs = Vec::new();
    for input in translation.functions {
        let mut checker = Checker::<V>::new();
        translator.translate(&translation.info, input, &mut checker)?;
        logs.push(checker.log);
    }
    Ok(logs)
}

/// Translates with and without values and meters, which must make no difference.
fn check_both(wasm: &[u8], features: WasmFeatures) -> Result<Vec<String>, CompileError> {
    let with = check::<u32>(wasm, features, false)?;
    let without = check::<()>(wasm, features, false)?;
    assert_eq!(with, without);
    for (log, metered) in with.iter().zip(check::<u32>(wasm, features, true)?) {
        check_meters(log, &metered);
    }
    Ok(with)
}

/// Meters change nothing else, and stand before whatever leaves the function or comes again.
fn check_meters(log: &str, metered: &str) {
    let is_meter = |line: &&str| line.starts_with("meter ");
    let others: String = metered.lines().filter(|line| !is_meter(line)).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(log, others);
    let lines: Vec<_> = metered.lines().collect();
    for pair in lines.windows(2) {
        let name = pair[1].rsplit(" = ").next().unwrap_or(pair[1]);
        if ["call ", "return_call "].iter().any(|call| name.starts_with(call)) {
            assert!(is_meter(&pair[0]) && pair[0].ends_with(" Check"), "not paid: {}\n{metered}", pair[1]);
        }
    }
}

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the test's text is well-formed")
}

/// The calls for the last function of a module.
fn calls(text: &str) -> String {
    check_both(&binary(text), default_features()).expect("the test is valid").pop().expect("the test has a function")
}
