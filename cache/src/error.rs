//! What can go wrong with the store itself.

use std::io;
use std::path::PathBuf;

/// Why the store cannot be used, or why an artifact could not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// No place for the store is known.
    #[error("there is no place for the cache: neither `WASMER_CACHE_DIR`, `XDG_CACHE_HOME` nor `HOME` is set")]
    NoPlace,
    /// The folder exists and must not be trusted.
    #[error("the cache folder `{}` is not used: {reason}", .path.display())]
    Untrusted {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An operation of the system failed.
    #[error("the cache folder `{}`: {what}: {cause}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed: part of the message, so that no chain of errors says it again.
        cause: io::Error,
    },
}
