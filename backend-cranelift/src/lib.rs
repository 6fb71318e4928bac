//! The Cranelift compiler: WebAssembly to Cranelift IR to machine code.
//!
//! [`Cranelift`] implements [`wasmer_runtime_core::compiler::Compiler`]; its workers drive the one operator translator with a
//! code generator that writes Cranelift IR (`codegen`, and a file per operator family), compile the result and
//! copy it into the runtime's terms (`emit`). Nothing else in the workspace knows that Cranelift exists.

mod call;
mod codegen;
mod compiler;
mod control;
mod convert;
mod description;
mod dispatch;
mod emit;
mod exceptions;
mod float;
mod int;
mod libcall;
mod locals;
mod memory;
mod nulls;
mod outside;
mod place;
mod region;
mod simd;
mod target;
mod trampoline;

pub use compiler::{Builder, Cranelift, OptLevel, Regalloc};
