//! How the validator's complaints and our own become [`CompileError`]s.

use crate::error::CompileError;
use crate::translate::features;

/// Who refuses what the translation does not know.
const BY: &str = "this runtime";

/// Complaints about garbage collection that wasmparser gives no feature for.
const UNNAMED_GC: &[&str] = &["gc proposal must be enabled", "because the GC proposal is disabled"];

/// A complaint for which a proposal that nothing else is known of would be a remedy, but that is a rule of the language.
const TAG_RESULT: &str = "non-empty tag result type";

/// What wasmparser says of a constant expression that reads a global of its own module.
const OWN_GLOBAL: &str = "global.get of locally defined global";

/// A complaint of the validator: invalid, a feature that is switched off, or a proposal that is not supported.
#[cold]
pub(super) fn invalid(error: wasmparser::Error) -> CompileError {
    match error.missing_wasm_feature() {
        Some(_) if error.message().contains(TAG_RESULT) => error.into(),
        Some(missing) if let Some(features) = features::names_of(missing) => {
            CompileError::Disabled { features, message: error.message().to_owned(), offset: error.offset() }
        }
        Some(features) => {
            let names: Vec<_> = features.iter_names().map(|(name, _)| name.to_lowercase().replace('_', "-")).collect();
            unsupported(format!("the `{}` proposal ({})", names.join("`, `"), error.message()), error.offset())
        }
        None if UNNAMED_GC.iter().any(|part| error.message().contains(part)) => gc(error.message(), error.offset()),
        None => error.into(),
    }
}

/// Whether the validator complains about a constant expression that reads a global of its own module.
pub(super) fn is_own_global(error: &CompileError) -> bool {
    matches!(error, CompileError::Disabled { message, .. } if message.contains(OWN_GLOBAL))
}

/// Something that comes with garbage collection, which is switched off.
#[cold]
pub(super) fn gc(message: &str, offset: u64) -> CompileError {
    CompileError::Disabled { features: vec!["gc"], message: message.to_owned(), offset }
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
