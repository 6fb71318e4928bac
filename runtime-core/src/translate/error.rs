//! How the validator's complaints and our own become [`CompileError`]s.

use crate::compiler::CompileError;

/// Who refuses what the translation does not know.
const BY: &str = "this runtime";

/// Complaints about garbage collection that wasmparser gives no feature for.
const UNNAMED_GC: &[&str] = &["gc proposal must be enabled", "because the GC proposal is disabled"];

/// A complaint of the validator: invalid, or a proposal that is switched off.
#[cold]
pub(super) fn invalid(error: wasmparser::Error) -> CompileError {
    match error.missing_wasm_feature() {
        Some(features) => {
            let names: Vec<_> = features.iter_names().map(|(name, _)| name.to_lowercase().replace('_', "-")).collect();
            unsupported(format!("the `{}` proposal ({})", names.join("`, `"), error.message()), error.offset())
        }
        None if UNNAMED_GC.iter().any(|part| error.message().contains(part)) => {
            unsupported(format!("the `gc` proposal ({})", error.message()), error.offset())
        }
        None => error.into(),
    }
}

/// A valid construct that the translation refuses.
#[cold]
pub(super) fn unsupported(what: String, offset: u64) -> CompileError {
    CompileError::Unsupported { what, by: BY, offset }
}

/// An operator that the translation refuses; `visit` is the name of its visiting method.
#[cold]
pub(super) fn unsupported_operator(visit: &str, offset: u64) -> CompileError {
    unsupported(format!("operator `{}`", visit.strip_prefix("visit_").unwrap_or(visit)), offset)
}

/// The translation contradicts the validator.
#[cold]
pub(super) fn internal(message: &str) -> CompileError {
    CompileError::Internal { by: "translation", message: message.to_owned() }
}
