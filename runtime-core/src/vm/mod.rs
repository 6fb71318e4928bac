//! The virtual machine: memory, tables, stacks, traps.

pub mod layout;
pub mod vmcontext;
