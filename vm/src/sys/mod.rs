//! What the virtual machine asks of the operating system: one folder per system, with the same names in each. Nothing else in this crate names
//! a system (`cargo xtask tidy` looks), and nothing here knows what a module or a store is.
//!
//! | file | what a system has to provide |
//! |---|---|
//! | `pages` | The size of a page, asked for at run time. [`Reservation`](pages::Reservation): address space that is accessible once committed, never both writable and executable, zero or a file's contents when touched first, and that again after `drop_pages`. |
//! | `view` | Files: read at a place, mapped to be read, made in memory so that memories can be mapped from them copy-on-write. |
//! | `fault` | A thread that faults in code, or that another thread interrupts, calls the [`Handler`](fault::Handler) on a stack of its own, with the registers of the place in a [`Context`](context::Context); where the handler wants no part of it, what was there before decides. |
//! | `thread` | Numbers of threads; an interrupt for one; a barrier for all, of memory and of instructions; the bounds of a thread's own stack; what happens around a fork. |
//! | `timer` | A timer of a thread's own processor time: each tick is one more cause for which the handler is called. |
//! | `context` | Program counter, stack pointer and frame pointer of such a thread, and going on elsewhere, for good or for a while: the one place where system and processor meet, a file for each pair. |
//!
//! Two things are promised to the handlers. The barrier orders everything that the calling thread did before it with everything that every other thread
//! does after it: entering wasm then needs no barrier of its own. And an interrupt that is asked for while a thread is in code arrives there, or later,
//! but never is lost.

#[cfg(all(target_os = "linux", not(miri)))]
mod linux;
#[cfg(miri)]
mod miri;

#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) use linux::*;
#[cfg(miri)]
pub(crate) use miri::*;

#[cfg(not(any(target_os = "linux", miri)))]
compile_error!("this system has no seat yet: see `vm/src/sys/mod.rs`");

/// No system has smaller pages: whoever looks at one place in each piece of so many bytes has seen every page.
pub(crate) const PROBE_BYTES: usize = 4096;
