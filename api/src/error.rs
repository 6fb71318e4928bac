//! Failures in the public interface: the user's input or host (*error*) and the guest (*trap*).

mod link;
mod malformed;
mod mismatch;
mod resource;

use std::any::Any;
use std::error::Error as StdError;

use wasmer_runtime_core::compiler::CompileError;
use wasmer_runtime_core::image::ImageError;
use wasmer_runtime_core::trap::{MemoryFault, TrapCode};
use wasmer_vm::limits::LimitError;

use crate::exception::{ExnRef, UncaughtException};

pub use link::LinkError;
pub use malformed::MalformedError;
pub use mismatch::{Place, TypeError};
pub use resource::{GrowthRefusal, ResourceError};

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Anything that can go wrong in the public interface. It takes two words, so that a call which does not fail carries nothing more around.
///
/// | format | what it prints |
/// |---|---|
/// | `{}` | what went wrong |
/// | `{:#}` | that, its causes, and the guest's frames below |
/// | `{:?}` | the same on lines of their own: what `unwrap` and a `main` that returns an error print |
/// | `{:#?}` | the fields |
///
/// [`source`](StdError::source) leads first to the guest's frames, if there are any, and then to what a host function returned, so that other crates'
/// reports have both. [`Error::downcast_ref`] finds an error by its type, whatever is around it; [`Error::downcast_host`] is for what host functions return.
// A case takes a word, too: a processor waits where a word is read of which a byte has just been written, and results are moved by words.
#[repr(usize)]
#[non_exhaustive]
pub enum Error {
    /// What was given is not a module in any format that it could have.
    Malformed(Box<MalformedError>),
    /// The module could not be validated or compiled.
    Compile(Box<CompileError>),
    /// An artifact could not be loaded.
    Image(Box<ImageError>),
    /// Imports do not fit, or an entity does not exist.
    Link(Box<LinkError>),
    /// Values or types that do not fit together, or handles of another store: nothing that takes a store and a handle panics.
    Type(Box<TypeError>),
    /// Fuel where there is none.
    Fuel(FuelError),
    /// The host has no memory, address space or other resource left, or the engine cannot do it.
    Resource(Box<ResourceError>),
    /// A limit of the store forbids it.
    Limit(Box<LimitError>),
    /// The guest trapped.
    Trap(Box<Trap>),
    /// The guest threw an exception that nothing caught, or a host function throws one; see [`ExnRef`].
    Exception(Box<UncaughtException>),
    /// A host function failed; see [`Error::host`] and [`Error::downcast_host`].
    Host(Box<HostFailure>),
}

/// Why fuel cannot be used so.
///
/// ```
/// use wasmer_api::{Engine, EngineConfig, Error, FuelError, Store};
///
/// let mut store = Store::new(&Engine::new(EngineConfig::headless())?, ());
/// assert!(matches!(store.set_fuel(100), Err(Error::Fuel(FuelError::Off))));
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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

/// A failure of a host function, and where the guest called it. Among an error's causes it stands for where.
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

    /// Why, with the address if it is known. [`Display`](std::fmt::Display) says the code alone, which is the same for every input.
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

/// An error of any type.
type AnyError = Box<dyn StdError + Send + Sync>;

impl Error {
    /// A host function's failure. Closures need not call it: they may return any error.
    pub fn host(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Host(Box::new(HostFailure { error: error.into(), backtrace: Backtrace::default() }))
    }

    /// What a host function returned: an error of this crate stays what it is, also in an `anyhow::Error` without context.
    pub(crate) fn of_host<E>(error: E) -> Self
    where
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        let mut error = Some(error);
        let given: &mut dyn Any = &mut error;
        let boxed = match given.downcast_mut::<Option<anyhow::Error>>().and_then(Option::take) {
            // The ordinary conversion hides the error's type.
            Some(error) => error.reallocate_into_boxed_dyn_error_without_backtrace(),
            None => error.expect("it is not `anyhow`'s, so it was not taken").into(),
        };
        Self::unboxed(boxed)
    }

    fn unboxed(error: AnyError) -> Self {
        const OWN: [fn(AnyError) -> Result<Error, AnyError>; 11] = [
            own::<Error>,
            own::<TrapCode>,
            own::<ExnRef>,
            own::<CompileError>,
            own::<ImageError>,
            own::<FuelError>,
            own::<LimitError>,
            own::<LinkError>,
            own::<TypeError>,
            own::<ResourceError>,
            own::<MalformedError>,
        ];
        let unboxed = OWN.iter().try_fold(error, |error, own| match own(error) {
            Ok(error) => Err(error),
            Err(error) => Ok(error),
        });
        unboxed.map_or_else(|own| own, Self::host)
    }

    /// Why what was given is no module, if that is the reason.
    pub fn as_malformed(&self) -> Option<&MalformedError> {
        match self {
            Self::Malformed(error) => Some(error),
            _ => None,
        }
    }

    /// Why a module could not be validated or compiled, if that is the reason.
    pub fn as_compile(&self) -> Option<&CompileError> {
        match self {
            Self::Compile(error) => Some(error),
            _ => None,
        }
    }

    /// Why an artifact could not be loaded, if that is the reason.
    pub fn as_image(&self) -> Option<&ImageError> {
        match self {
            Self::Image(error) => Some(error),
            _ => None,
        }
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

    /// Why imports and exports do not come together, if that is the reason.
    pub fn as_link(&self) -> Option<&LinkError> {
        match self {
            Self::Link(error) => Some(error),
            _ => None,
        }
    }

    /// What does not fit together, if that is the reason.
    pub fn as_type(&self) -> Option<&TypeError> {
        match self {
            Self::Type(error) => Some(error),
            _ => None,
        }
    }

    /// What there is not, if that is the reason.
    pub fn as_resource(&self) -> Option<&ResourceError> {
        match self {
            Self::Resource(error) => Some(error),
            _ => None,
        }
    }

    /// The error of type `E` that this is, or that is within: one of this crate, of a layer above it, or what a host function returned and its causes.
    ///
    /// ```
    /// use wasmer_api::{Engine, EngineConfig, Error, Func, Limit, LimitError, Store, StoreLimits};
    ///
    /// let engine = Engine::new(EngineConfig::headless())?;
    /// let mut store = Store::with_limits(&engine, (), StoreLimits::new().host_funcs_max(0));
    /// let error = Func::wrap(&mut store, || ()).unwrap_err();
    /// let limit = error.downcast_ref::<LimitError>().unwrap();
    /// assert_eq!((limit.what, limit.asked, limit.limit), (Limit::HostFuncs, 1, 0));
    /// # Ok::<_, wasmer_api::Error>(())
    /// ```
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        if let Self::Host(_) = self {
            return self.downcast_host();
        }
        std::iter::successors(self.own(), |&error| within(error)).find_map(|error| error.downcast_ref())
    }

    /// The error that this is, but for what host functions return.
    fn own(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match self {
            Self::Malformed(error) => &**error,
            Self::Compile(error) => &**error,
            Self::Image(error) => &**error,
            Self::Link(error) => &**error,
            Self::Type(error) => &**error,
            Self::Fuel(error) => error,
            Self::Resource(error) => &**error,
            Self::Limit(error) => &**error,
            Self::Trap(trap) => &**trap,
            Self::Exception(exception) => &**exception,
            Self::Host(_) => return None,
        })
    }

    /// What a host function returned, or the first of its causes, that is of type `E`.
    ///
    /// ```
    /// use std::num::ParseIntError;
    /// use anyhow::Context;
    /// use wasmer_api::{Engine, EngineConfig, Func, Store};
    ///
    /// let engine = Engine::new(EngineConfig::headless())?;
    /// let mut store = Store::new(&engine, ());
    /// let parse = Func::wrap(&mut store, || -> anyhow::Result<i32> {
    ///     Ok("seven".parse::<i32>().context("the table of prices is broken")?)
    /// })?;
    /// let error = parse.typed::<(), i32>(&store)?.call(&mut store, ()).unwrap_err();
    /// assert!(error.downcast_host::<ParseIntError>().is_some());
    /// assert_eq!(
    ///     format!("{error:#}"),
    ///     "a host function failed: the table of prices is broken: invalid digit found in string"
    /// );
    /// # Ok::<_, wasmer_api::Error>(())
    /// ```
    pub fn downcast_host<E: StdError + 'static>(&self) -> Option<&E> {
        let Self::Host(failure) = self else { return None };
        let first: &(dyn StdError + 'static) = &*failure.error;
        std::iter::successors(Some(first), |&error| error.source()).find_map(|error| error.downcast_ref())
    }

    /// What a host function returned, taken out, if it is of type `E`; the error itself otherwise.
    pub fn downcast<E: StdError + 'static>(self) -> Result<E> {
        match self {
            Self::Host(failure) => {
                let HostFailure { error, backtrace } = *failure;
                error
                    .downcast()
                    .map(|error| *error)
                    .map_err(|error| Self::Host(Box::new(HostFailure { error, backtrace })))
            }
            other => Err(other),
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

/// What is in an error of this crate that stands for another one.
fn within<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let link = || error.downcast_ref().and_then(LinkError::within);
    let mismatch = || error.downcast_ref().and_then(TypeError::within);
    let resource = || error.downcast_ref().and_then(ResourceError::within);
    let limit = || match error.downcast_ref()? {
        CompileError::Limit(limit) => Some(limit as _),
        _ => None,
    };
    link().or_else(mismatch).or_else(resource).or_else(limit).or_else(|| error.source())
}

macro_rules! error_from {
    ($($from:ty, $error:ident => $to:expr;)*) => {
        $(impl From<$from> for Error {
            fn from($error: $from) -> Self {
                $to
            }
        })*
    };
}

error_from! {
    MalformedError, error => Self::Malformed(Box::new(error));
    CompileError, error => Self::Compile(Box::new(error));
    ImageError, error => Self::Image(Box::new(error));
    LinkError, error => Self::Link(Box::new(error));
    TypeError, error => Self::Type(Box::new(error));
    FuelError, error => Self::Fuel(error);
    ResourceError, error => Self::Resource(Box::new(error));
    LimitError, error => Self::Limit(Box::new(error));
    TrapCode, code => Self::Trap(Box::new(Trap::new(code)));
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::of_host(error)
    }
}

const _: () = assert!(size_of::<Result<u64>>() == 16);

/// The error that is of this type, as this crate has it.
fn own<E>(error: AnyError) -> Result<Error, AnyError>
where
    E: StdError + Into<Error> + 'static,
{
    error.downcast::<E>().map(|error| (*error).into())
}
