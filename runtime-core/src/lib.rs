//! What a compiler and its host agree on, and everything on the way from WebAssembly to an artifact image.
//!
//! The way of the data: wasm bytes are translated ([`translate`]) into jobs for a [`compiler`], whose outputs are linked
//! into one position-independent artifact [`image`]. See `ARCHITECTURE.md`.
//!
//! Nothing here runs code or asks the system for memory: compilers build on every machine that Rust knows. Running images is for `wasmer-vm`.

pub mod compile;
pub mod compiler;
pub mod cpu;
mod error;
pub mod image;
pub mod layout;
pub mod lazy;
pub mod libcall;
pub mod loops;
pub mod module;
pub mod object;
pub mod once;
pub mod translate;
pub mod trap;
pub mod types;
pub mod vmcontext;

/// A digest of this crate's sources: the translator, the linker and what compilers and their host agree on. Part of every cache key.
pub const SOURCE_DIGEST: &str = env!("SOURCE_DIGEST");
