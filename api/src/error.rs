//! Failures in the public interface: the user's input or host (*error*) and the guest (*trap*).

use std::error::Error as StdError;
use std::fmt;

use wasmer_runtime_core::compiler::CompileError;
use wasmer_runtime_core::image::ImageError;
use wasmer_runtime_core::trap::{MemoryFault, TrapCode};
use wasmer_vm::limits::LimitError;

use crate::exception::UncaughtException;

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Anything that can go wrong in the public interface.
#[derive(Debug)]
pub enum Error {
    /// What was given is not a module in any format that it could have.
    Malformed(String),
    /// The module could not be validated or compiled.
    Compile(CompileError),
    /// An artifact could not be loaded.
    Image(ImageError),
    /// Imports do not fit, or an entity does not exist.
    Link(String),
    /// Values or types that do not fit together, or handles of another store: nothing that takes a store and a handle panics.
    Type(String),
    /// Fuel where there is none.
    Fuel(FuelError),
    /// The host has no memory, address space or other resource left.
    Resource(String),
    /// A limit of the store forbids it.
    Limit(LimitError),
    /// The guest trapped.
    Trap(Box<Trap>),
    /// The guest threw an exception that nothing caught, or a host function throws one; see [`ExnRef`](crate::ExnRef).
    Exception(Box<UncaughtException>),
    /// A host function failed; see [`Error::host`] and [`Error::downcast_host`].
    Host(Box<HostFailure>),
}

/// Why fuel cannot be used so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FuelError {
    /// The store's engine makes code that uses no fuel.
    #[error("the store's engine does not use fuel\nhint: `EngineConfig::fuel` makes one that does")]
    Off,
    /// More than [`FUEL_MAX`](crate::FUEL_MAX).
    #[error("a store can have at most {} units of fuel", crate::FUEL_MAX)]
    TooMuch,
    /// An artifact's code uses fuel and the engine does not, or the other way round.
    #[error("{}", artifact_message(*uses_fuel))]
    Artifact {
        /// Whether the artifact's code uses fuel.
        uses_fuel: bool,
    },
    /// A module's code uses fuel and the store does not, or the other way round.
    #[error("a module of an engine {} fuel cannot be in a store of an engine {} it", with(*uses_fuel), with(!uses_fuel))]
    Store {
        /// Whether the module's code uses fuel.
        uses_fuel: bool,
    },
}

fn artifact_message(uses_fuel: bool) -> &'static str {
    if uses_fuel {
        "its code uses fuel, and none is given\nhint: run it with `--fuel N`, or load it into an engine with `EngineConfig::fuel`"
    } else {
        "its code uses no fuel, so it cannot be limited by fuel\nhint: `wasmer compile --fuel` makes artifacts that use it"
    }
}

const fn with(fuel: bool) -> &'static str {
    if fuel { "with" } else { "without" }
}

/// A failure of a host function, and where the guest called it.
#[derive(Debug)]
pub struct HostFailure {
    /// What the host function returned.
    pub error: Box<dyn StdError + Send + Sync>,
    /// The guest's frames.
    pub backtrace: Backtrace,
}

/// A trap: why, and where.
#[derive(Debug)]
pub struct Trap {
    /// Why.
    pub code: TrapCode,
    /// The guest's frames, innermost first.
    pub backtrace: Backtrace,
    /// Where it left a memory, for [`TrapCode::MemoryOutOfBounds`] if that is known.
    pub memory_fault: Option<MemoryFault>,
}

impl Trap {
    /// A trap of which nothing else is known.
    pub(crate) fn new(code: TrapCode) -> Self {
        Self { code, backtrace: Backtrace::default(), memory_fault: None }
    }

    /// Why, with the address if it is known. [`Display`](fmt::Display) says the code alone, which is the same for every input.
    pub fn reason(&self) -> String {
        match &self.memory_fault {
            Some(fault) => format!("{} {fault}", self.code),
            None => self.code.to_string(),
        }
    }
}

/// The guest's frames, innermost first.
#[derive(Clone, Debug, Default)]
pub struct Backtrace {
    /// The frames.
    pub frames: Vec<Frame>,
}

/// One frame of a backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The module's name, if it has one.
    pub module: Option<String>,
    /// Index of the function in its module.
    pub function: u32,
    /// The function's name, if the name section has one.
    pub name: Option<String>,
    /// Offset of the operator in the module's bytes, if known.
    pub wasm_offset: Option<u32>,
    /// Source file and line, for whoever has the module's debug information at hand. Not filled in by the runtime.
    pub source: Option<String>,
}

impl Error {
    /// A host function's failure.
    pub fn host(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Host(Box::new(HostFailure { error: error.into(), backtrace: Backtrace::default() }))
    }

    /// The trap, if this is one.
    pub fn as_trap(&self) -> Option<&Trap> {
        match self {
            Self::Trap(trap) => Some(trap),
            _ => None,
        }
    }

    /// The exception, if this is one.
    pub fn as_exception(&self) -> Option<&UncaughtException> {
        match self {
            Self::Exception(exception) => Some(exception),
            _ => None,
        }
    }

    /// Which limit of the store forbids it, if that is the reason.
    pub fn as_limit(&self) -> Option<&LimitError> {
        match self {
            Self::Limit(error) => Some(error),
            _ => None,
        }
    }

    /// The host function's failure, if it is of type `E`.
    pub fn downcast_host<E: StdError + 'static>(&self) -> Option<&E> {
        match self {
            Self::Host(failure) => failure.error.downcast_ref(),
            _ => None,
        }
    }

    /// The guest's frames, for traps, exceptions and failures of host functions.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        match self {
            Self::Trap(trap) => Some(&trap.backtrace),
            Self::Exception(exception) => Some(&exception.backtrace),
            Self::Host(failure) => Some(&failure.backtrace),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compile(error) => error.fmt(f),
            Self::Image(error) => error.fmt(f),
            Self::Fuel(error) => error.fmt(f),
            Self::Malformed(message) | Self::Link(message) | Self::Type(message) | Self::Resource(message) => {
                f.write_str(message)
            }
            Self::Limit(error) => error.fmt(f),
            Self::Trap(trap) => trap.fmt(f),
            Self::Exception(exception) => exception.fmt(f),
            Self::Host(failure) => failure.error.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Compile(error) => error.source(),
            Self::Image(error) => error.source(),
            Self::Fuel(error) => error.source(),
            Self::Host(failure) => failure.error.source(),
            Self::Malformed(_) | Self::Link(_) | Self::Type(_) | Self::Resource(_) | Self::Limit(_) => None,
            Self::Trap(_) | Self::Exception(_) => None,
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm trap: {}", self.code)
    }
}

impl fmt::Display for UncaughtException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("uncaught exception")
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Deep recursion repeats itself: equal frames stand once.
        let mut position = 0;
        for run in self.frames.chunk_by(|a, b| a == b) {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{position:4}: {}", run[0])?;
            if run.len() > 1 {
                write!(f, " (and {} more like this)", run.len() - 1)?;
            }
            position += run.len();
        }
        Ok(())
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(module) = &self.module {
            write!(f, "{module}!")?;
        }
        match &self.name {
            Some(name) => f.write_str(name)?,
            None => write!(f, "func[{}]", self.function)?,
        }
        if let Some(offset) = self.wasm_offset {
            write!(f, " @ {offset:#x}")?;
        }
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl From<CompileError> for Error {
    fn from(error: CompileError) -> Self {
        Self::Compile(error)
    }
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

impl From<FuelError> for Error {
    fn from(error: FuelError) -> Self {
        Self::Fuel(error)
    }
}

impl From<LimitError> for Error {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

impl From<TrapCode> for Error {
    fn from(code: TrapCode) -> Self {
        Self::Trap(Box::new(Trap::new(code)))
    }
}
