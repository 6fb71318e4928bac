//! WASI 0.2 for components: everything that `wasi:cli/command` imports.
//!
//! A [`WasiP2`] is what one component can reach: what was granted to a [`WasiCtx`](wasmer_wasi::WasiCtx), whose table of files, confinement and
//! limits it shares with preview 1, and of the network what [`Grants`] allow. [`add_to_linker`] defines all interfaces.
//!
//! The functions act on the [operations](wasmer_wasi::ops) of the crate `wasmer-wasi`. What is new here is what 0.2 adds: resources, streams
//! with a place in a file, pollables, sockets.
//! A function's own errors are values for the guest; what ends the guest is an [`Error`](wasmer_api::Error): a trap where the standard says so, its
//! exit ([`ExitStatus`](wasmer_wasi::ExitStatus)), or an interrupt.

mod cli;
mod clocks;
mod ctx;
mod failure;
mod filesystem;
pub mod host;
mod io;
mod link;
mod slab;
mod sockets;
mod streams;
#[cfg(test)]
mod tests;
mod types;

pub use ctx::WasiP2;
pub use failure::{Outcome, WasiTrap, trap};
pub use io::{IoError, Pollable};
pub use link::{VERSION, add_imports_to_linker, add_to_linker};
pub use slab::Slab;
pub use sockets::{GrantError, Grants};
pub use streams::{InputStream, OutputStream};
