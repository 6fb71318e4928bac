//! The `wasmer` command as its users meet it.

mod cache;
mod common;
mod guide;
mod programs;
mod run;
