//! The registers of a thread that a signal stopped. How the kernel lays them out depends on the processor, too: this is where system and processor
//! meet, a file for each processor.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x64;

use std::ffi::c_void;

/// What a handler reads and changes of a stopped thread.
///
/// Each processor's file gives it `pc`, `sp`, `fp`, `general`; `resume`, which has the thread go on at an address, with one argument as C passes it; and `divert`, which has it do so and keeps
/// what it takes to come back.
pub(crate) struct Context<'a>(&'a mut libc::ucontext_t);

impl Context<'_> {
    /// The context that a signal handler was given.
    ///
    /// # Safety
    /// `context` is the third argument of a handler that runs now.
    pub(super) unsafe fn new(context: *mut c_void) -> Self {
        // SAFETY: by the caller's promise it is a `ucontext_t` that nobody else uses.
        Self(unsafe { &mut *context.cast() })
    }
}
