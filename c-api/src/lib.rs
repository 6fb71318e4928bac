//! The C interface: the standard's `wasm.h`, complete, and `wasmer.h` for WASI, the cache, limits, interrupts and fuel.
//!
//! It is written on top of `wasmer-runtime` as any other program that embeds it. What functions do, who owns what, and what null means is said in the two
//! headers in `include/`; here only how.
//!
//! * Functions take references and boxes that may be absent where C has pointers that may be null: their callers promise that a pointer which is not null points
//!   to what its type says. Results that are not written yet are `MaybeUninit`; pointers that C may have twice are raw.
//! * All types of the standard that it calls references, `wasm_func_t` as well as `wasm_extern_t` and `wasm_ref_t`, are one type,
//!   [`Reference`](object::Reference), so that casts cost nothing but a look at what is referred to.
//! * Vectors and what C fills in lie in memory of `malloc`; everything that only has a pointer is a `Box`.
//! * No panic gets to C: what could panic runs in [`guard`](fault::guard).

mod config;
mod entities;
mod externs;
mod fault;
mod func;
mod host_info;
mod instance;
mod limits;
mod module;
mod object;
mod raw;
mod store;
mod trap;
mod types;
mod value;
mod vector;
mod wasi;
