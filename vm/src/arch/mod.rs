//! What depends on the processor: one file per architecture, with the same names in each.

#[cfg(target_arch = "x86_64")]
mod x64;

#[cfg(target_arch = "x86_64")]
pub use x64::*;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("this processor has no stubs yet: see `vm/src/arch/`");
