//! Components and their hosts. One program, because each has compilers in it.

mod common;

mod asynchronous;
mod bindgen;
mod derives;
mod host;
mod misfits;
mod traps;
