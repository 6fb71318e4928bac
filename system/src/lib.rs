//! What the virtual machine, WASI and the cache all ask of the operating system in the same way.

pub mod file_size;
pub mod huge_pages;
