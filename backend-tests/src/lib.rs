//! What the tests of all backends share: from text to machine code without the virtual machine, and checks that every [`Compiler`]
//! must pass. The checks panic, as assertions do.

pub mod golden;
pub mod operators;
pub mod trampolines;

use wasmer_runtime_core::compiler::{Batch, Compiler, Output, Worker};
use wasmer_runtime_core::translate::module::{default_features, translate_module};

/// A module's bytes.
///
/// # Panics
/// If the text is no module.
pub fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is a module")
}

/// Compiles every function of a module with a new worker.
///
/// # Panics
/// If the module is invalid or the compiler fails.
pub fn compile(compiler: &dyn Compiler, wasm: &[u8]) -> Output {
    compile_by(&mut *compiler.worker(), wasm)
}

/// Compiles every function of a module.
fn compile_by(worker: &mut dyn Worker, wasm: &[u8]) -> Output {
    let mut output = Output::default();
    translated(wasm, |batch| worker.functions(batch, &mut output)).expect("the functions compile");
    output
}

/// Gives the functions of a module to a part of a compiler.
fn translated<R>(wasm: &[u8], work: impl FnOnce(&mut Batch<'_>) -> R) -> R {
    let translation = translate_module(wasm, default_features()).expect("the module is valid");
    let mut functions = translation.functions.into_iter();
    work(&mut Batch { module: &translation.info, functions: &mut functions })
}

/// Asserts that two outputs are the same in everything.
fn assert_same(first: &Output, second: &Output) {
    assert_eq!(first.text, second.text);
    assert_eq!(first.definitions, second.definitions);
    assert_eq!(first.relocs, second.relocs);
    assert_eq!(first.traps, second.traps);
    assert_eq!(first.locations, second.locations);
    assert_eq!(first.handlers, second.handlers);
    assert_eq!(first.saved_registers, second.saved_registers);
}
