//! Operations: what a guest can do, on Rust types and without guest memory.
//!
//! They are methods of [`WasiCtx`](crate::WasiCtx). Two *faces* stand on them: preview 1 in this crate, whose functions take pointers
//! into guest memory, and WASI 0.2 in another one, whose functions take and return values. Both share one table of open files, one
//! confinement of paths, one limit of output; nothing is implemented twice.
//!
//! A descriptor is a number in the context's table here, too. An operation fails with the code that preview 1 has for it; the other
//! faces have a table from these codes to theirs.

pub(crate) mod attributes;
pub(crate) mod io;
mod listing;
mod names;
pub(crate) mod open;
mod random;
mod sockets;
pub(crate) mod wait;

pub use attributes::{Advice, Description, NewTime};
pub use listing::{DirEntries, DirEntry};
pub use open::{Access, OpenRequest};
pub use wait::WaitFor;

pub use crate::readiness::Direction;
