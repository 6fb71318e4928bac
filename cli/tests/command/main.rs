//! The `wasmer` command as its users meet it.

mod cache;
mod cache_folders;
mod common;
mod emit;
mod guide;
mod inspect;
mod polish;
mod processors;
mod profile;
mod programs;
mod run;
mod streams;
