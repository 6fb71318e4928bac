//! The clocks: those of the system, and what stands in their place.

use crate::host::clocks::{ClockId as HostClock, Timespec, clock_getres, clock_gettime};

use crate::errno::Errno;
use crate::types::NS_PER_SECOND;

/// A clock (witx `clockid`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClockId {
    /// Time since 1970.
    Realtime,
    /// Time since some point in the past; never goes back.
    Monotonic,
    /// CPU time of the process.
    ProcessCpu,
    /// CPU time of the thread.
    ThreadCpu,
}

impl ClockId {
    pub(crate) fn from_guest(id: u32) -> Result<ClockId, Errno> {
        match id {
            0 => Ok(ClockId::Realtime),
            1 => Ok(ClockId::Monotonic),
            2 => Ok(ClockId::ProcessCpu),
            3 => Ok(ClockId::ThreadCpu),
            _ => Err(Errno::Inval),
        }
    }

    fn host(self) -> HostClock {
        match self {
            ClockId::Realtime => HostClock::Realtime,
            ClockId::Monotonic => HostClock::Monotonic,
            ClockId::ProcessCpu => HostClock::ProcessCPUTime,
            ClockId::ThreadCpu => HostClock::ThreadCPUTime,
        }
    }
}

/// The clocks that a guest sees. An embedder may replace them, for reproducible runs for instance.
///
/// Waiting (`poll_oneoff`) takes real time whatever these say; they only determine how long.
pub trait HostClocks: Send {
    /// The time in nanoseconds, or `None` if there is no such clock.
    fn now_ns(&self, clock: ClockId) -> Option<u64>;

    /// The resolution in nanoseconds, or `None` if there is no such clock.
    fn resolution_ns(&self, clock: ClockId) -> Option<u64>;
}

/// The clocks of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClocks;

impl HostClocks for SystemClocks {
    fn now_ns(&self, clock: ClockId) -> Option<u64> {
        Some(nanoseconds(clock_gettime(clock.host())))
    }

    fn resolution_ns(&self, clock: ClockId) -> Option<u64> {
        Some(nanoseconds(clock_getres(clock.host())))
    }
}

/// The host's monotonic clock, which waiting is measured by.
pub(crate) fn host_monotonic_ns() -> u64 {
    nanoseconds(clock_gettime(HostClock::Monotonic))
}

/// A clock set to a time before 1970 reads 0.
fn nanoseconds(time: Timespec) -> u64 {
    u64::try_from(time.tv_sec)
        .unwrap_or(0)
        .saturating_mul(NS_PER_SECOND)
        .saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Any 64-bit number of nanoseconds fits the host's type: it is less than 2^35 seconds.
pub(crate) fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / NS_PER_SECOND) as _, tv_nsec: (ns % NS_PER_SECOND) as _ }
}
