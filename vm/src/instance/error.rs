//! Instances that could not be made.

use wasmer_runtime_core::trap::TrapCode;

use crate::image::Damage;
use crate::limits::LimitError;

/// Why an instance could not be made.
#[derive(Debug)]
pub enum InstanceError {
    /// The host has no memory or address space left.
    Resource {
        /// What it has no room for.
        what: &'static str,
        /// What could not be made, and why.
        message: String,
    },
    /// A limit of the store forbids it.
    Limit(LimitError),
    /// The store was interrupted meanwhile.
    Trap(TrapCode),
    /// The module's image is not what the compiler wrote.
    Damage(Damage),
}

impl InstanceError {
    pub(super) fn resource(what: &'static str, message: String) -> Self {
        Self::Resource { what, message }
    }
}

impl From<Damage> for InstanceError {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl From<LimitError> for InstanceError {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

impl From<TrapCode> for InstanceError {
    fn from(code: TrapCode) -> Self {
        Self::Trap(code)
    }
}
