//! How failures are told: what went wrong, why, and where the guest was.

use std::error::Error as StdError;
use std::fmt::{self, Display};

use crate::error::{Backtrace, Error, Frame, HostFailure, Trap};
use crate::exception::{ExnRef, UncaughtException};

impl Error {
    /// What went wrong, without causes.
    fn message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compile(error) => error.fmt(f),
            Self::Image(error) => error.fmt(f),
            Self::Fuel(error) => error.fmt(f),
            Self::Malformed(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::Type(error) => error.fmt(f),
            Self::Resource(error) => error.fmt(f),
            Self::Limit(error) => error.fmt(f),
            Self::Trap(trap) => trap.fmt(f),
            Self::Exception(exception) => exception.fmt(f),
            // Its own words are the next of the causes.
            Self::Host(failure) => match failure.backtrace.frames.first() {
                Some(frame) => write!(f, "a host function called by `{}` failed", Function(frame)),
                None => f.write_str("a host function failed"),
            },
        }
    }

    /// The causes, and where the guest was: of this call, and of those that it failed for.
    fn causes(&self) -> (Vec<&dyn StdError>, Vec<&Backtrace>) {
        let (mut causes, mut backtraces) = (Vec::new(), Vec::new());
        for cause in std::iter::successors(self.source(), |&cause| cause.source()) {
            if let Some(backtrace) = cause.downcast_ref() {
                backtraces.push(backtrace);
            } else if let Some(HostFailure { backtrace, .. }) = cause.downcast_ref() {
                backtraces.push(backtrace);
            } else {
                causes.push(cause);
            }
        }
        (causes, backtraces)
    }

    fn fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, field): (_, &dyn fmt::Debug) = match self {
            Self::Malformed(error) => ("Malformed", error),
            Self::Compile(error) => ("Compile", error),
            Self::Image(error) => ("Image", error),
            Self::Link(error) => ("Link", error),
            Self::Type(error) => ("Type", error),
            Self::Fuel(error) => ("Fuel", error),
            Self::Resource(error) => ("Resource", error),
            Self::Limit(error) => ("Limit", error),
            Self::Trap(trap) => ("Trap", trap),
            Self::Exception(exception) => ("Exception", exception),
            Self::Host(failure) => ("Host", failure),
        };
        f.debug_tuple(name).field(field).finish()
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message(f)?;
        if !f.alternate() {
            return Ok(());
        }
        let (causes, backtraces) = self.causes();
        causes.iter().try_for_each(|cause| write!(f, ": {cause}"))?;
        backtraces.iter().try_for_each(|backtrace| write!(f, "\n{backtrace}"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return self.fields(f);
        }
        self.message(f)?;
        let (causes, backtraces) = self.causes();
        if !causes.is_empty() {
            f.write_str("\n\ncaused by:")?;
            causes.iter().try_for_each(|cause| write!(f, "\n    {cause}"))?;
        }
        backtraces.iter().try_for_each(|backtrace| write!(f, "\n\n{backtrace}"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Compile(error) => error.source(),
            Self::Image(error) => error.source(),
            Self::Fuel(error) => error.source(),
            Self::Host(failure) if failure.backtrace.frames.is_empty() => Some(&*failure.error),
            Self::Host(failure) => Some(&**failure),
            Self::Trap(trap) => trap.source(),
            Self::Exception(uncaught) => uncaught.source(),
            Self::Link(error) => error.source(),
            Self::Type(error) => error.source(),
            Self::Resource(error) => error.source(),
            Self::Malformed(_) | Self::Limit(_) => None,
        }
    }
}

impl Display for HostFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.backtrace.fmt(f)
    }
}

impl StdError for HostFailure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.error)
    }
}

impl Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm trap: {}", self.code)
    }
}

impl StdError for Trap {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.backtrace.as_cause()
    }
}

impl StdError for UncaughtException {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.backtrace.as_cause()
    }
}

impl Display for UncaughtException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("uncaught exception")
    }
}

impl Display for ExnRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("exception")
    }
}

/// So that a host function can throw it by `?`.
impl StdError for ExnRef {}

impl Backtrace {
    fn as_cause(&self) -> Option<&(dyn StdError + 'static)> {
        if self.frames.is_empty() { None } else { Some(self) }
    }

    /// The frames alone, one a line, without the heading that [`Display`] puts above.
    pub fn lines(&self) -> impl Display + '_ {
        Lines(&self.frames)
    }
}

impl StdError for Backtrace {}

impl Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guest backtrace:\n{}", self.lines())
    }
}

struct Lines<'a>(&'a [Frame]);

impl Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Deep recursion repeats itself: equal frames stand once.
        let mut position = 0;
        for run in self.0.chunk_by(|a, b| a == b) {
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

impl Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Function(self).fmt(f)?;
        if let Some(offset) = self.wasm_offset {
            write!(f, " @ {offset:#x}")?;
        }
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

/// The function of a frame.
struct Function<'a>(&'a Frame);

impl Display for Function<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Frame { module, function, name, .. }) = self;
        if let Some(module) = module {
            write!(f, "{module}!")?;
        }
        match name {
            Some(name) => f.write_str(name),
            None => write!(f, "func[{function}]"),
        }
    }
}
