//! Every operator compiles, for every processor.

use wasmer_backend_singlepass::Singlepass;
use wasmer_backend_tests::golden::{LEAST, USUAL};
use wasmer_backend_tests::{compile, operators};

#[test]
fn every_operator_compiles() {
    operators::all_compile(&Singlepass::new().expect("this machine is supported"));
}

#[test]
fn every_operator_compiles_for_every_processor() {
    let wasm = operators::every_operator();
    let least = compile(&Singlepass::for_cpu(LEAST).unwrap(), &wasm);
    let more = compile(&Singlepass::for_cpu(USUAL).unwrap(), &wasm);
    assert_eq!(least.definitions.len(), more.definitions.len());
    assert_ne!(least.text, more.text);
}

#[test]
fn output_is_deterministic() {
    operators::output_is_deterministic(&Singlepass::for_cpu(USUAL).unwrap());
}

#[test]
fn functions_are_the_same_alone() {
    operators::functions_are_the_same_alone(&Singlepass::for_cpu(USUAL).unwrap());
}

#[test]
fn an_invalid_function_leaves_nothing_behind() {
    operators::an_invalid_function_leaves_nothing_behind(&Singlepass::for_cpu(USUAL).unwrap());
}
