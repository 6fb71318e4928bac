//! From wasm bytes to calls of a code generator.

pub(crate) mod bodies;
pub mod budget;
pub mod codegen;
pub(crate) mod continuation;
pub mod features;
pub mod func;
mod heap_use;
pub mod meter;
pub mod module;
pub mod ops;
pub mod survey;

mod atomic;
mod call;
mod cast;
mod const_expr;
mod control;
mod convert;
mod error;
mod exceptions;
mod gc;
mod in_place;
mod memory;
mod names;
mod operators;
mod own_globals;
mod quick;
mod scope;
mod simd;
mod stack;
mod table;
#[cfg(test)]
mod tests;
