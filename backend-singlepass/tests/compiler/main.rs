//! What the compiler makes of modules. One program, because each has the compiler in it.

mod golden;
mod operators;
mod trampolines;
