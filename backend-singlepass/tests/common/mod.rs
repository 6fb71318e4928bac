//! From text to machine code, without the virtual machine.
#![allow(dead_code, reason = "no test needs all of it")]

use wasmer_backend_singlepass::Singlepass;
use wasmer_runtime_core::compiler::{Batch, Compiler, Output};
use wasmer_runtime_core::translate::module::{default_features, translate_module};

/// A module's bytes.
pub(crate) fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is a module")
}

/// Compiles every function of a module for this machine.
pub(crate) fn compile(wasm: &[u8]) -> Output {
    compile_with(&Singlepass::new().expect("this machine is supported"), wasm)
}

/// Compiles every function of a module.
pub(crate) fn compile_with(compiler: &Singlepass, wasm: &[u8]) -> Output {
    let translation = translate_module(wasm, default_features()).expect("the module is valid");
    let mut output = Output::default();
    let mut functions = translation.functions.into_iter();
    let mut batch = Batch { module: &translation.info, functions: &mut functions };
    compiler.worker().functions(&mut batch, &mut output).expect("the functions compile");
    output
}
