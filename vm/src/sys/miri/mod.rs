//! An interpreter of Rust: Miri, which runs no compiled code, but the virtual machine around it, and finds what of that is undefined.
//!
//! Address space comes from the allocator, so that every access outside of it is found, and nothing ever faults.

pub(crate) mod context;
pub(crate) mod fault;
pub(crate) mod pages;
pub(crate) mod thread;
pub(crate) mod timer;
pub(crate) mod view;

/// There are no forks.
pub(crate) fn forget() {}
