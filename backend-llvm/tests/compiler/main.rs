//! What the compiler makes of modules. One program, because each has the compiler in it.
#![cfg(feature = "llvm")]

mod golden;
mod operators;
