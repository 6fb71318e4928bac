//! Why a component cannot be taken apart.

use std::fmt;

/// Why a component could not be taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TranslateError {
    /// It is not valid.
    Invalid {
        /// Why.
        message: String,
        /// Where in the bytes.
        offset: u64,
    },
    /// It uses what is not supported, or a feature that is off.
    Unsupported(String),
    /// The crate that takes components apart failed on one that is valid: our fault.
    Bug(String),
}

impl fmt::Display for TranslateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { message, offset } => write!(f, "invalid component: {message} (at offset {offset:#x})"),
            Self::Unsupported(what) => f.write_str(what),
            Self::Bug(message) => write!(f, "the translation of a valid component failed, which is a bug: {message}"),
        }
    }
}

impl std::error::Error for TranslateError {}
