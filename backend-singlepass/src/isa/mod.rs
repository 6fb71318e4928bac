//! The machines that code is made for: a folder each, with the same files.

pub(crate) mod x64;
