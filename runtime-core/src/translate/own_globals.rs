//! Constant expressions that read globals of their own module.
//!
//! A constant expression may read any immutable global before it (specification, section 3.4.13). wasmparser takes that for a part of
//! garbage collection: so a module that is refused for it is read once more as if that were on, and whatever else garbage collection brings is
//! refused by those who read types, constant expressions and functions, by the features that are on.

use wasmparser::WasmFeatures;

use crate::error::CompileError;
use crate::translate::error::is_own_global;

/// Does `read` with the features that the validator has to be told of.
pub(super) fn with<R>(
    features: WasmFeatures,
    mut read: impl FnMut(WasmFeatures) -> Result<R, CompileError>,
) -> Result<R, CompileError> {
    match read(features) {
        Err(error) if features.extended_const() && is_own_global(&error) => read(features | WasmFeatures::GC),
        result => result,
    }
}
