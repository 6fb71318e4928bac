//! What the virtual machine asks of the operating system: one folder per system, with the same names in each.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(not(target_os = "linux"))]
compile_error!("this system has no seat yet: see `vm/src/sys/`");
