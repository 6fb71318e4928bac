//! The `wasmer` command as its users meet it.

mod cache;
mod common;
mod emit;
mod guide;
mod inspect;
mod polish;
mod profile;
mod programs;
mod run;
