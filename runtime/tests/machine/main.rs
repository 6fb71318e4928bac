//! What depends on the processor and the system most: what stops code, who handles it, and how deep it is then. One program, because each has
//! compilers in it.

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod collection;
mod depth;
mod exceptions;
mod interrupts;
mod traps;
