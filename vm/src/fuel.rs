//! Fuel: what a store's metered code may still use up, and what operators pay whose length only the host knows.
//!
//! Compiled code counts in the store's context, so the host finds it exact whenever code has left for it.

use wasmer_runtime_core::trap::TrapCode;

use crate::store::StoreVm;

/// The most fuel that a store can have: enough for more than a century.
pub const FUEL_MAX: u64 = i64::MAX as u64;

impl StoreVm {
    /// What is left.
    pub fn fuel(&self) -> u64 {
        // SAFETY: only this store's code and host use the field, on the thread that has the store.
        let fuel = unsafe { (*self.context()).fuel };
        u64::try_from(fuel).unwrap_or(0)
    }

    /// Replaces what is left by `fuel`, at most [`FUEL_MAX`].
    pub fn set_fuel(&mut self, fuel: u64) {
        let fuel = i64::try_from(fuel).unwrap_or(i64::MAX);
        // SAFETY: as above.
        unsafe { (*self.context()).fuel = fuel };
    }

    /// Takes `cost` from what is left. If there is less, nothing is left. Free in a store whose code is not metered.
    #[inline]
    pub fn spend(&mut self, cost: u64) -> Result<(), TrapCode> {
        if !self.metered {
            return Ok(());
        }
        let left = self.fuel().checked_sub(cost);
        self.set_fuel(left.unwrap_or(0));
        left.map(drop).ok_or(TrapCode::OutOfFuel)
    }
}
