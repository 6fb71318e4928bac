//! What the host, the process or an engine does not have.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use crate::engine::{STACK_BYTES_MAX, STACK_BYTES_MIN};

/// What the host, the process or an engine does not have, or cannot do.
///
/// ```
/// use wasmer_api::{Engine, EngineConfig, Module, ResourceError};
///
/// let engine = Engine::new(EngineConfig::headless())?;
/// let error = Module::new(&engine, b"\0asm\x01\0\0\0").unwrap_err();
/// assert!(matches!(error.as_resource(), Some(ResourceError::NoCompiler)));
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// An engine without a compiler was given a module that is not compiled.
    #[error("this engine has no compiler; it can only load artifacts")]
    NoCompiler,
    /// The settings ask for a stack of a size that there is not.
    #[error("a wasm stack of {bytes} bytes is not between {STACK_BYTES_MIN} and {STACK_BYTES_MAX}")]
    #[non_exhaustive]
    Stack {
        /// The size asked for.
        bytes: usize,
    },
    /// A compiler cannot compile functions one by one.
    #[error("{} cannot compile functions when they are called", compiler(backend.as_deref()))]
    #[non_exhaustive]
    NotLazy {
        /// Its name, if there is one at all.
        backend: Option<String>,
    },
    /// Profilers and functions that are compiled when they are called do not go together.
    #[error("profilers are told of a module's functions when it is loaded, not when they are compiled later")]
    LazyProfile,
    /// A module cannot get better code.
    #[error("only modules whose functions are compiled when they are called can get better code, once")]
    NotImprovable,
    /// Better code is of another kind than the module's.
    #[error("better code has to be of the same features and settings")]
    OtherSettings,
    /// As many types as the process can number are in use.
    #[error("the process knows too many types")]
    Types,
    /// The types of a module have no room.
    #[error("the process has no numbers or addresses left for types")]
    ModuleTypes,
    /// A memory or table cannot grow.
    #[error("the {what} cannot grow: {delta} {unit} more {reason}")]
    #[non_exhaustive]
    Growth {
        /// `memory` or `table`.
        what: &'static str,
        /// How many more were asked for.
        delta: u64,
        /// Of what.
        unit: &'static str,
        /// What is in the way.
        reason: GrowthRefusal,
    },
    /// Something cannot be made, because the host has no room for it.
    #[error("{message}")]
    #[non_exhaustive]
    Room {
        /// What it is.
        what: &'static str,
        /// What the host says.
        message: String,
    },
    /// A store's guests hold as many host references as there can be.
    #[error("guests of one store cannot hold more than 268 million host references")]
    HostReferences,
    /// A host function returned while a call that began after it goes on, as coroutines may do.
    #[error(
        "a host function returned before another call into WebAssembly that began after it on the same thread: \
         coroutines in which host functions wait have to go on in the reverse order"
    )]
    OutOfOrder,
    /// A file for profilers could not be written.
    #[error("could not write `{}` for profilers: {error}", path.display())]
    #[non_exhaustive]
    Profile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A core dump could not be written.
    #[error("the core dump could not be written: {error}")]
    #[non_exhaustive]
    CoreDump {
        /// What the system says.
        error: io::Error,
    },
    /// More is in a memory than a section of a core dump has room for.
    #[error("the memory holds more than a core dump can: 4 GiB")]
    CoreDumpSize,
    /// A file could not be read.
    #[error("could not read `{}`: {error}", path.display())]
    #[non_exhaustive]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// What a layer above this crate says: [`Error::downcast_ref`](crate::Error::downcast_ref) finds its error.
    #[error(transparent)]
    Other(Box<dyn StdError + Send + Sync>),
}

/// What is in the way of a memory or a table that is to grow. Limits of a store are a [`LimitError`](crate::LimitError).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrowthRefusal {
    /// The maximum of its type.
    #[error("is more than its type allows")]
    Type,
    /// The host has no room.
    #[error("is more than the host has room for")]
    Host,
    /// The store was interrupted meanwhile.
    #[error("could not be made before the store was interrupted")]
    Interrupted,
}

fn compiler(backend: Option<&str>) -> String {
    match backend {
        Some(backend) => format!("the backend `{backend}`"),
        None => "an engine without a compiler".to_owned(),
    }
}

impl ResourceError {
    /// What a layer above says.
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    /// That a file could not be read.
    pub fn file(path: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::File { path: path.into(), error }
    }

    pub(crate) fn room(what: &'static str, message: impl ToString) -> Self {
        Self::Room { what, message: message.to_string() }
    }

    pub(crate) fn within(&self) -> Option<&(dyn StdError + 'static)> {
        if let Self::Other(error) = self { Some(&**error) } else { None }
    }
}
