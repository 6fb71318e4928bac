//! Fuel: how far the guest of a store may go, counted the same on every backend.

use crate::error::{Error, FuelError, Result};
use crate::func::Caller;
use crate::store::{Store, StoreAccess, StoreOpaque, StoreView};
pub use wasmer_vm::fuel::FUEL_MAX;

impl StoreOpaque {
    fn check_fuel(&self) -> Result<()> {
        if self.engine().uses_fuel() { Ok(()) } else { Err(FuelError::Off.into()) }
    }

    fn fuel(&self) -> Result<u64> {
        self.check_fuel()?;
        Ok(self.vm_fuel())
    }

    fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.check_fuel()?;
        if fuel > FUEL_MAX {
            return Err(FuelError::TooMuch.into());
        }
        self.vm().set_fuel(fuel);
        Ok(())
    }

    fn add_fuel(&mut self, fuel: u64) -> Result<()> {
        let sum = self.fuel()?.checked_add(fuel).ok_or(FuelError::TooMuch)?;
        self.set_fuel(sum)
    }

    fn spend_fuel(&mut self, fuel: u64) -> Result<()> {
        self.check_fuel()?;
        self.vm().spend(fuel).map_err(Error::from)
    }
}

/// Methods of everything that has a store.
macro_rules! fuel_methods {
    () => {
        /// What the guest may still use up, in units: about one for each operator
        /// ([all costs](https://github.com/wasmerio/wasmer/blob/main/docs/adr/0016-fuel-is-counted-by-the-translator.md)). Nothing when it ran out.
        ///
        /// After a trap it is what was left where the code last looked: on the way around a loop, before a call or long operator. It is the same on
        /// every backend, but after [`TrapCode::Interrupted`](wasmer_runtime_core::trap::TrapCode::Interrupted), which can come anywhere.
        ///
        /// Fails if the engine does not use fuel, see [`EngineConfig::fuel`](crate::EngineConfig::fuel).
        pub fn fuel(&self) -> Result<u64> {
            self.store_inner().fuel()
        }

        /// Gives the guest so much fuel, in the place of what it has. A store begins with none. At most
        /// [`FUEL_MAX`](crate::FUEL_MAX).
        ///
        /// Code that finds too little left traps as [`TrapCode::OutOfFuel`](wasmer_runtime_core::trap::TrapCode::OutOfFuel). The call has ended then: with more fuel it can only be
        /// made anew. The same becomes, without frames, of a call that returns and has used more than there was: the returns of small functions do not look.
        pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
            self.store_inner_mut().set_fuel(fuel)
        }

        /// Gives the guest so much fuel beside what it has.
        pub fn add_fuel(&mut self, fuel: u64) -> Result<()> {
            self.store_inner_mut().add_fuel(fuel)
        }

        /// Takes so much fuel from the guest, for work that the host does for it. If there is less, nothing is left, and the error is the trap
        /// [`TrapCode::OutOfFuel`](wasmer_runtime_core::trap::TrapCode::OutOfFuel), which a host function returns to its guest.
        pub fn spend_fuel(&mut self, fuel: u64) -> Result<()> {
            self.store_inner_mut().spend_fuel(fuel)
        }
    };
}

/// Fuel.
impl<T: 'static> Store<T> {
    fuel_methods!();
}

/// Fuel.
impl<T: 'static> Caller<'_, T> {
    fuel_methods!();
}
