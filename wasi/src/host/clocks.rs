//! Clocks of the system.

pub(crate) use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};
