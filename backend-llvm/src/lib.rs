//! The LLVM compiler: wasm to LLVM IR (by the shared translator), `default<O3>`, ELF, and from there to an image.
//!
//! Without the cargo feature `llvm` there is only the [`description`] of the compiler, so that a machine without LLVM builds the rest and
//! a program that leaves compiling to another process knows the keys of its artifacts.

pub mod description;

#[cfg(feature = "llvm")]
mod abi;
#[cfg(feature = "llvm")]
mod bulk;
#[cfg(feature = "llvm")]
mod call;
#[cfg(feature = "llvm")]
mod codegen;
#[cfg(feature = "llvm")]
mod compiler;
#[cfg(feature = "llvm")]
mod control;
#[cfg(feature = "llvm")]
mod convert;
#[cfg(feature = "llvm")]
mod cut;
#[cfg(feature = "llvm")]
mod debug_info;
#[cfg(feature = "llvm")]
mod dispatch;
#[cfg(feature = "llvm")]
mod exact;
#[cfg(feature = "llvm")]
mod exceptions;
#[cfg(feature = "llvm")]
mod float;
#[cfg(feature = "llvm")]
mod flow;
#[cfg(feature = "llvm")]
mod int;
#[cfg(feature = "llvm")]
mod intrinsics;
#[cfg(feature = "llvm")]
mod loops;
#[cfg(feature = "llvm")]
mod memory;
#[cfg(feature = "llvm")]
mod merges;
#[cfg(feature = "llvm")]
mod object;
#[cfg(feature = "llvm")]
mod passes;
#[cfg(feature = "llvm")]
mod roots;
#[cfg(feature = "llvm")]
mod runtime;
#[cfg(feature = "llvm")]
mod simd;
#[cfg(feature = "llvm")]
mod simd_lanes;
#[cfg(all(test, feature = "llvm"))]
mod tests;
#[cfg(feature = "llvm")]
mod trampoline;
#[cfg(feature = "llvm")]
mod unwind;
#[cfg(feature = "llvm")]
mod versions;

#[cfg(feature = "llvm")]
pub use compiler::LlvmCompiler;
