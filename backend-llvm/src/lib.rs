//! The LLVM compiler: wasm to LLVM IR (by the shared translator), `default<O3>`, ELF, and from there to an image.
//!
//! Without the cargo feature `llvm` the crate is empty, so that a machine without LLVM builds the rest.
#![cfg(feature = "llvm")]

mod abi;
mod call;
mod codegen;
mod compiler;
mod control;
mod convert;
mod float;
mod int;
mod intrinsics;
mod memory;
mod object;
mod passes;
mod runtime;
mod simd;
mod simd_lanes;
#[cfg(test)]
mod tests;
mod trampoline;

pub use compiler::LlvmCompiler;
