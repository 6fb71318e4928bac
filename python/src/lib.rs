//! The Python package `wasmer-embed`, on top of `wasmer-runtime` as any other program that embeds it.
//!
//! What classes and functions do is said in their documentation, which Python shows; here only how.
//!
//! * A [`Store`](store::Store) is a Python object, and everything in it, a function or a memory, an object that keeps it. Who may use the runtime's store now is
//!   decided in one place, [`Store::enter`](store::Store::enter): one thread at a time, and of one that waits in a guest only the host function that it called.
//! * While a guest runs, other Python threads run too: the interpreter's lock is given back in [`Store::run`](store::Store::run) and taken again for host functions.
//! * Callables that guests can call belong to the store, so that Python's collector sees cycles through them.
//! * Exceptions are classes in Python (`_errors.py`), made in [`error`].

mod engine;
mod entities;
mod error;
mod func;
mod instance;
mod interrupt;
mod module;
mod store;
mod timeout;
mod types;
mod value;
mod wasi;

use pyo3::prelude::*;

/// What is written in Rust.
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use super::{
        engine::Engine,
        entities::{Global, Memory, Table, Tag},
        func::Func,
        instance::Instance,
        module::{Module, validate, wat2wasm},
        store::Store,
        value::Reference,
        wasi::{Output, Wasi},
    };
}
