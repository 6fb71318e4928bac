//! What the runtime does for whoever embeds it. One program, because each has compilers in it; what looks at the whole process has a program of its
//! own beside it.

#[path = "../common/mod.rs"]
mod common;

mod api;
mod async_limits;
mod asynchronous;
mod blocks;
mod bombs;
mod casts;
mod coroutines;
mod fuel;
mod handlers;
mod host_refs;
#[cfg(feature = "cache")]
mod keys;
mod lazy;
mod linking;
mod mixed;
mod references;
mod reuse;
mod shapes;
mod slices;
mod soundness;
mod tail_calls;
#[cfg(all(feature = "cache", feature = "singlepass", feature = "cranelift"))]
mod tiers;
mod types;
#[cfg(feature = "wasi")]
mod wasi;
