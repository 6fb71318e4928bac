//! What tests, fuzz targets and long runs share: generators of modules, oracles that say what is right, and attacks on every entrance.
//!
//! * [`generate`] makes modules: random valid ones, those of the specification's suite, and damage to both.
//! * [`edge`] makes modules that do things around accesses at the edge of memory and around other traps.
//! * [`throws`] makes modules that throw exceptions and catch them.
//! * [`objects`](mod@objects) makes modules whose objects are collected meanwhile.
//! * [`behaviour`] says what a module does, in a form that backends and another engine can be compared by.
//! * [`second`] compares with another engine that has objects and exceptions, which [`peer`] talks to.
//! * [`wasi_suite`] are the programs of the WASI test suite, for every way to run them.
//! * [`exercise`] runs what may be anything, under a watchdog.
//! * [`targets`] are the attacks: each turns bytes into a verdict. A fuzzer, an everyday test and [`soak`] drive the same ones.
//!
//! ```
//! use wasmer_testing::targets;
//!
//! let target = targets::find("text").expect("one of the targets");
//! let input = (target.input)(7);
//! assert_eq!(input, (target.input)(7), "a seed always makes the same input");
//! assert!((target.judge)(&input).is_ok());
//! ```

pub mod behaviour;
pub mod child;
pub mod edge;
pub mod engines;
pub mod exercise;
pub mod generate;
pub mod minimize;
pub mod objects;
pub mod peer;
pub mod programs;
pub mod second;
pub mod soak;
pub mod targets;
pub mod throws;
pub mod wasi_suite;
