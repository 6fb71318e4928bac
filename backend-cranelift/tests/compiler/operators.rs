//! Every operator compiles.

use wasmer_backend_cranelift::Cranelift;
use wasmer_backend_tests::operators;

fn cranelift() -> Cranelift {
    Cranelift::new().expect("this machine is supported")
}

#[test]
fn every_operator_compiles() {
    operators::all_compile(&cranelift());
}

#[test]
fn output_is_deterministic() {
    operators::output_is_deterministic(&cranelift());
}

#[test]
fn an_invalid_function_leaves_nothing_behind() {
    operators::an_invalid_function_leaves_nothing_behind(&cranelift());
}
