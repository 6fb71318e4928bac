//! From wasm bytes to calls of a code generator.

pub mod codegen;
mod control;
pub mod func;
mod memory;
pub mod module;
mod numeric;
pub mod ops;
mod refused;
mod simd;
