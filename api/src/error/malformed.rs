//! What is not a module.

use std::path::PathBuf;

/// Why what was given is not a module in any format that it could have.
///
/// ```
/// use wasmer_api::{Error, MalformedError};
///
/// let error = Error::from(MalformedError::text("unknown operator `i32.ad`"));
/// assert!(matches!(error.as_malformed(), Some(MalformedError::Text { .. })));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedError {
    /// It is a component.
    #[error("this is a component, not a module")]
    Component,
    /// It is a component that uses what is not supported.
    #[error("{what}")]
    #[non_exhaustive]
    Unsupported {
        /// What it uses.
        what: String,
    },
    /// It is neither in the binary nor in the text format.
    #[error("`{}` is neither a WebAssembly module nor its text format", path.display())]
    #[non_exhaustive]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read as text.
    #[error("{}{message}", guess(guessed.as_ref()))]
    #[non_exhaustive]
    Text {
        /// What the parser says, with the place.
        message: String,
        /// A file that was read as text because it is not in the binary format, although its name does not say so.
        guessed: Option<PathBuf>,
    },
}

fn guess(path: Option<&PathBuf>) -> String {
    path.map_or_else(String::new, |path| {
        format!("`{}` is not a binary module, so it was read as text: ", path.display())
    })
}

impl MalformedError {
    /// It uses what is not supported.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    /// It is in no format that is known.
    pub fn format(path: impl Into<PathBuf>) -> Self {
        Self::Format { path: path.into() }
    }

    /// It cannot be read as text.
    pub fn text(message: impl ToString) -> Self {
        Self::Text { message: message.to_string(), guessed: None }
    }

    /// It cannot be read as text, and nothing but what it does not begin with said that it is text.
    pub fn guessed(path: impl Into<PathBuf>, message: impl ToString) -> Self {
        Self::Text { message: message.to_string(), guessed: Some(path.into()) }
    }
}
