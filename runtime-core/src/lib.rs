//! Translation, artifact images and the virtual machine of the wasmer runtime.
//!
//! The way of the data: wasm bytes are translated ([`translate`]) into jobs for a [`compiler`], whose outputs are linked
//! into one position-independent artifact image, which is mapped and instantiated. See `ARCHITECTURE.md`.

#![allow(clippy::vec_box, reason = "what compiled code points to must not move")]

pub mod api;
pub mod compile;
pub mod compiler;
pub mod cpu;
pub mod fork;
pub mod image;
pub mod libcall;
pub mod limits;
pub mod module;
pub mod profile;
pub mod translate;
pub mod trap;
pub mod types;
pub mod vm;

#[cfg(test)]
mod doc_tests;
