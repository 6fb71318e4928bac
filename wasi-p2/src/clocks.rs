//! `wasi:clocks` and `wasi:random`.

use wasmer_component::Own;
use wasmer_wasi::ClockId;

use crate::ctx::WasiP2;
use crate::failure::{Outcome, for_guest, or_trap, trap};
use crate::io::Pollable;
use crate::types::Datetime;

/// The most random bytes of one call: the host has to hold them.
const RANDOM_BYTES_MAX: u64 = 64 << 20;

impl WasiP2 {
    fn now_ns(&self, clock: ClockId) -> Outcome<u64> {
        or_trap(self.ctx.now_ns(clock), "there is no such clock")
    }

    fn resolution_ns(&self, clock: ClockId) -> Outcome<u64> {
        or_trap(self.ctx.resolution_ns(clock), "there is no such clock")
    }

    pub(crate) fn monotonic_now(&mut self) -> Outcome<u64> {
        self.now_ns(ClockId::Monotonic)
    }

    pub(crate) fn monotonic_resolution(&mut self) -> Outcome<u64> {
        self.resolution_ns(ClockId::Monotonic)
    }

    pub(crate) fn subscribe_instant(&mut self, when: u64) -> Outcome<Own<Pollable>> {
        let wait = when.saturating_sub(self.monotonic_now()?);
        self.subscribe_duration(wait)
    }

    pub(crate) fn subscribe_duration(&mut self, wait_ns: u64) -> Outcome<Own<Pollable>> {
        let pollable = match wait_ns {
            0 => Pollable::Ready,
            _ => Pollable::Deadline(self.ctx.deadline(wait_ns)),
        };
        self.pollables.insert(pollable)
    }

    pub(crate) fn wall_now(&mut self) -> Outcome<Datetime> {
        self.now_ns(ClockId::Realtime).map(Datetime::from_ns)
    }

    pub(crate) fn wall_resolution(&mut self) -> Outcome<Datetime> {
        self.resolution_ns(ClockId::Realtime).map(Datetime::from_ns)
    }

    /// Secure and insecure bytes alike: there is no faster source that would be worth a second one.
    pub(crate) fn random_bytes(&mut self, len: u64) -> Outcome<Vec<u8>> {
        if len > RANDOM_BYTES_MAX {
            return Err(trap(format!("more than {RANDOM_BYTES_MAX} random bytes were asked for at once")));
        }
        let mut bytes = vec![0; len as usize];
        or_trap(for_guest(self.ctx.fill_random(&mut bytes))?, "there is no source of random bytes")?;
        Ok(bytes)
    }

    pub(crate) fn random_u64(&mut self) -> Outcome<u64> {
        let mut bytes = [0; 8];
        or_trap(for_guest(self.ctx.fill_random(&mut bytes))?, "there is no source of random bytes")?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub(crate) fn insecure_seed(&mut self) -> Outcome<(u64, u64)> {
        Ok((self.random_u64()?, self.random_u64()?))
    }
}
