//! `clock_*`: reading the clocks.

use crate::clocks::ClockId;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::memory::GuestMemory;

impl WasiCtx {
    /// The time of a clock that the guest sees, in nanoseconds.
    pub fn now_ns(&self, clock: ClockId) -> Result<u64, Errno> {
        self.clocks.now_ns(clock).ok_or(Errno::Inval)
    }

    /// The resolution of a clock that the guest sees, in nanoseconds.
    pub fn resolution_ns(&self, clock: ClockId) -> Result<u64, Errno> {
        self.clocks.resolution_ns(clock).ok_or(Errno::Inval)
    }

    /// Writes the resolution of a clock in nanoseconds.
    pub fn clock_res_get(&mut self, mem: &GuestMemory<'_>, id: u32, out: u32) -> WasiResult {
        let clock = ClockId::from_guest(id)?;
        let resolution = self.resolution_ns(clock)?;
        Ok(mem.write_u64(out, resolution)?)
    }

    /// Writes the time of a clock in nanoseconds. The precision is a hint that costs more to use than to ignore.
    pub fn clock_time_get(&mut self, mem: &GuestMemory<'_>, id: u32, _precision: u64, out: u32) -> WasiResult {
        let clock = ClockId::from_guest(id)?;
        let now = self.now_ns(clock)?;
        Ok(mem.write_u64(out, now)?)
    }
}
