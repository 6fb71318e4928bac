//! Memories and tables that guests let grow: at once, or when a limiter that takes time has decided.

use std::sync::atomic::Ordering;

use wasmer_runtime_core::translate::meter;
use wasmer_runtime_core::vmcontext::STOP_PARK;

use crate::budget::Refused;
use crate::limiter::Request;
use crate::memory::Memory;
use crate::store::{StoreVm, Unwind, go_on};
use crate::table::Table;

/// What `memory.grow` and `table.grow` return where they fail.
pub const NOT_GROWN: u64 = u64::MAX;

/// What a guest wants to grow.
#[derive(Clone, Copy, Debug)]
pub enum Growing {
    /// A memory of its instance, by pages.
    Memory(*const Memory, u64),
    /// A table, by elements with a value.
    Table(*mut Table, u64, u64),
}

// SAFETY: what it points to is the store's, and is only used by who has the store for itself.
unsafe impl Send for Growing {}

impl Growing {
    /// What a limiter is asked.
    ///
    /// # Safety
    /// The memory or table is one of a store that is alive, and that the caller has for itself.
    pub unsafe fn request(&self) -> Request {
        // SAFETY: the caller's promise.
        unsafe {
            match *self {
                Self::Memory(memory, delta) => (*memory).growth(delta),
                Self::Table(table, delta, _) => (*table).growth(delta),
            }
        }
    }
}

impl StoreVm {
    /// Has the guest that has just called the host parked, if there is a limiter that takes time to decide about this, and the guest's call can wait.
    pub(crate) fn park_to_grow(&mut self, growing: Growing) -> bool {
        let parks = self.budget.limiter.takes_time() && self.can_park();
        if parks {
            self.growing = Some(growing);
            self.stop().fetch_or(STOP_PARK, Ordering::AcqRel);
        }
        parks
    }

    /// What the guest that has just been parked wants to grow.
    pub fn take_growing(&mut self) -> Option<Growing> {
        self.growing.take()
    }

    /// Lets something grow, as far as limits and limiter allow, and pays for it: the old size, or [`NOT_GROWN`].
    ///
    /// # Errors
    /// What ends the guest: it has too little fuel, or its call cannot wait for the limiter.
    ///
    /// # Safety
    /// The memory or table is one of this store, and nobody borrows it.
    pub unsafe fn grow(&mut self, growing: Growing) -> Result<u64, Unwind> {
        // SAFETY: the caller's promise; memories and tables are not part of the store's budget.
        let (grown, cost) = unsafe {
            match growing {
                Growing::Memory(memory, delta) => {
                    let memory = &*memory;
                    let cost = meter::of_bytes(delta << memory.ty().page_size_log2);
                    (memory.grow(delta, &mut self.budget), cost)
                }
                Growing::Table(table, delta, value) => {
                    let go_on = go_on(self.context());
                    ((*table).grow(delta, value, &mut self.budget, go_on), delta)
                }
            }
        };
        match grown {
            Ok(old) => self.spend(cost).map(|()| old).map_err(Unwind::Trap),
            Err(Refused::Limit(error)) if error.is_unasked => Err(Unwind::Error(Box::new(error))),
            Err(_) => Ok(NOT_GROWN),
        }
    }
}
