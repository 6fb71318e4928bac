//! Linux.

pub(crate) mod pagemap;
pub(crate) mod pages;
