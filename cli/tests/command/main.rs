//! The `wasmer` command as its users meet it.

mod cache;
mod cache_folders;
mod common;
mod guide;
mod run;
