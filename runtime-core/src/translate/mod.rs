//! From wasm bytes to calls of a code generator.

pub mod codegen;
pub mod func;
pub mod ops;
