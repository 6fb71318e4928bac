//! What depends on the processor: one file per architecture, with the same names in each, and no system in any.
//!
//! | name | what it is |
//! |---|---|
//! | `enter` | The host calls wasm: switches to the wasm stack and makes an array call; says how it came back. |
//! | `unwind` | Leaves wasm from anywhere: goes back to the innermost `enter`, which then returns [`LEFT`]. |
//! | `exit_host`, `exit_host_saving` | The array-call entry of host functions: switches to the host's stack and back. |
//! | `libcall_stub!` | The same for one libcall, as an entry of [`libcall_table`]. |
//! | `forward`, `cross` | The array-call entries of adapters, and of functions of other conventions. |
//! | `ExitFrame`, `top_below` | What an exit leaves on the wasm stack, and where the free part below it begins. |
//! | `exit_parking`, `resume`, `prepare_return` | The same as `exit_host` where the guest may be parked meanwhile; how it goes on; where its outermost frame then returns to. |
//! | `prepare_preemption`, `preempt`, `resume_preempted` | Keeps all registers of a guest that a tick has found, on its stack, and parks it; how it goes on. |
//! | `compile_entries`, `compile_entry` | What stands in the place of functions that are compiled when they are called, and where it leads. |
//! | `return_entry` | Where the entries of better code lead of functions that have none yet. |
//! | `ask_at_loop`, `AskFrame` | What loops of a first tier call to go on in better code, and what that leaves on the wasm stack. |
//! | `refused_access` | What code says of an access that it has found outside of a memory. |
//! | `prefetch` | Has the processor fetch memory. |
//! | `flush_code`, `INSTRUCTIONS_ARE_FETCHED_AHEAD` | What it takes for new code to be executed: here, and on other threads. |
//!
//! Where a processor cannot park guests yet ([`PARKS`]), it has the names from `exit_parking` to `AskFrame` from `absent`.
//!
//! All stubs keep the chain of frame pointers whole. They are in sections of their own, so that it is known of an address whether it is in one.

use std::ffi::c_void;

/// The table of all libcalls, of entries that `$stub` makes. One that `saves` leaves what C preserves where a collection finds it.
macro_rules! libcall_table {
    ($stub:ident) => { wasmer_runtime_core::for_each_libcall!(libcall_table! @ $stub,) };
    (@ $stub:ident, $(
        $(#[$doc:meta])*
        $name:ident $function:ident($($immediate:ident: $kind:ident),*; $($operand:ident: $ty:ident),*) $(-> $result:ident)?,
        $metering:ident $(, $saves:ident)?;
    )*) => {
        [$($stub!($($saves)? $crate::libcalls::$function)),*]
    };
}

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
mod absent;
#[cfg(target_arch = "x86_64")]
mod x64;
#[cfg(target_arch = "x86_64")]
mod x64_better;
#[cfg(target_arch = "x86_64")]
mod x64_loops;
#[cfg(target_arch = "x86_64")]
mod x64_park;

#[cfg(target_arch = "aarch64")]
pub use aarch64::*;
#[cfg(target_arch = "aarch64")]
pub use absent::*;
#[cfg(target_arch = "x86_64")]
pub use x64::*;
#[cfg(target_arch = "x86_64")]
pub use x64_better::*;
#[cfg(target_arch = "x86_64")]
pub use x64_loops::*;
#[cfg(target_arch = "x86_64")]
pub use x64_park::*;

/// How [`enter`] and [`resume`] come back: the guest was left.
pub const LEFT: u8 = 0;
/// The guest's function has returned.
pub const RETURNED: u8 = 1;
/// The guest is parked where it called the host.
pub const PARKED: u8 = 2;
/// The guest is parked where a tick found it.
pub const PREEMPTED: u8 = 3;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("this processor has no stubs yet: see `vm/src/arch/mod.rs`");

/// An entry of the table of libcalls.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct LibcallEntry(*const c_void);

// SAFETY: the pointer is the address of a function.
unsafe impl Sync for LibcallEntry {}

/// The table that every context points to.
pub fn libcall_table() -> *const *const c_void {
    LIBCALLS.as_ptr().cast()
}

unsafe extern "C" {
    /// The linker gives these names to the bounds of the section that all stubs are in.
    #[link_name = "__start_wasmer_stubs"]
    static STUBS_START: u8;
    #[link_name = "__stop_wasmer_stubs"]
    static STUBS_END: u8;
    #[link_name = "__start_wasmer_cross"]
    static CROSS_START: u8;
    #[link_name = "__stop_wasmer_cross"]
    static CROSS_END: u8;
}

/// Whether an address is in [`cross`].
pub fn is_cross(pc: usize) -> bool {
    (&raw const CROSS_START as usize..&raw const CROSS_END as usize).contains(&pc)
}

/// Whether an address is in a stub. A thread with its stack pointer on a wasm stack can leave wasm from there as from compiled code:
/// [`unwind`] needs nothing but the store, and what the stubs change besides registers is only looked at between them.
pub fn is_stub(pc: usize) -> bool {
    (&raw const STUBS_START as usize..&raw const STUBS_END as usize).contains(&pc) || is_cross(pc)
}
