//! Every operator compiles.

use wasmer_backend_llvm::LlvmCompiler;
use wasmer_backend_tests::{operators, trampolines};

fn llvm() -> LlvmCompiler {
    LlvmCompiler::new().expect("this machine is supported")
}

#[test]
fn every_operator_compiles() {
    operators::all_compile(&llvm());
}

#[test]
fn output_is_deterministic() {
    operators::output_is_deterministic(&llvm());
    trampolines::output_is_deterministic(&llvm());
}

#[test]
fn an_invalid_function_leaves_nothing_behind() {
    operators::an_invalid_function_leaves_nothing_behind(&llvm());
}

#[test]
fn values_arrive_whatever_their_number() {
    trampolines::values_arrive(&llvm());
}
