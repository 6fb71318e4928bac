//! Failures as Python's exceptions.

use pyo3::exceptions::{PyKeyboardInterrupt, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use wasmer_runtime::wasi::ExitStatus;
use wasmer_runtime::{Backtrace, Error, HostFailure, Trap, TrapCode, UncaughtException};

/// The exception for an error. One that a Python function raised, and a guest let pass, is the same object.
#[cold]
pub(crate) fn raised(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::Malformed(_) | Error::Compile(_) => new(py, "CompileError", (error.to_string(),)),
        Error::Link(error) => new(py, "LinkError", (error.to_string(),)),
        Error::Type(error) => PyTypeError::new_err(error.to_string()),
        Error::Limit(limit) => {
            new(py, "LimitError", (limit.to_string(), limit.what.setting(), limit.asked, limit.limit))
        }
        Error::Trap(trap) => of_trap(py, &trap),
        Error::Exception(uncaught) => of_exception(py, &uncaught),
        Error::Host(failure) => of_host(py, *failure),
        error => new(py, "Error", (error.to_string(),)),
    }
}

/// That the store's time for a call is over.
pub(crate) fn timed_out(py: Python<'_>, error: &Error) -> PyErr {
    let empty = Backtrace::default();
    let backtrace = error.backtrace().unwrap_or(&empty);
    let code = TrapCode::Interrupted.message();
    with_frames(py, "Timeout", "the guest took longer than the store's timeout", backtrace, Some(code))
}

fn of_trap(py: Python<'_>, trap: &Trap) -> PyErr {
    let class = if trap.code == TrapCode::Interrupted { "Interrupted" } else { "Trap" };
    let message = format!("wasm trap: {}", trap.reason());
    with_frames(py, class, &message, &trap.backtrace, Some(trap.code.message()))
}

/// The values are told, and not given: what is a reference in them is of the store.
fn of_exception(py: Python<'_>, uncaught: &UncaughtException) -> PyErr {
    let values: Vec<_> = uncaught.values.iter().map(|value| format!("{value:?}")).collect();
    let message = format!("a guest's exception was not caught: ({})", values.join(", "));
    with_frames(py, "UncaughtException", &message, &uncaught.backtrace, None::<&str>)
}

fn of_host(py: Python<'_>, failure: HostFailure) -> PyErr {
    let HostFailure { error, backtrace } = failure;
    let error = match error.downcast::<PyErr>() {
        Ok(error) => {
            if !error.is_instance_of::<PyKeyboardInterrupt>(py) && !backtrace.frames.is_empty() {
                // A class without notes goes without.
                let _ = error.add_note(py, backtrace.to_string());
            }
            return *error;
        }
        Err(error) => error,
    };
    match error.downcast_ref::<ExitStatus>() {
        Some(ExitStatus(status)) => new(py, "Exit", (*status,)),
        None => {
            let causes = std::iter::successors(error.source(), |&cause| cause.source());
            let message = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
            with_frames(py, "GuestError", &message, &backtrace, None::<&str>)
        }
    }
}

/// An exception of a class in `_errors.py`.
fn new<'py>(py: Python<'py>, class: &str, arguments: impl pyo3::call::PyCallArgs<'py>) -> PyErr {
    let made = || py.import("wasmer_embed._errors")?.getattr(class)?.call1(arguments);
    made().map_or_else(|error| error, PyErr::from_value)
}

/// One with the guest's frames, which it also shows below its message.
fn with_frames(py: Python<'_>, class: &str, message: &str, backtrace: &Backtrace, more: Option<&str>) -> PyErr {
    let frame = |frame: &wasmer_runtime::Frame| {
        let fields = (&frame.module, frame.function, &frame.name, frame.wasm_offset, &frame.source);
        py.import("wasmer_embed._types")?.getattr("Frame")?.call1(fields)
    };
    let frames = backtrace.frames.iter().map(frame).collect::<PyResult<Vec<_>>>();
    let frames = match frames.and_then(|frames| PyTuple::new(py, frames)) {
        Ok(frames) => frames,
        Err(error) => return error,
    };
    let error = match more {
        Some(code) => new(py, class, (message, frames, code)),
        None => new(py, class, (message, frames)),
    };
    if !backtrace.frames.is_empty() {
        let _ = error.add_note(py, backtrace.to_string());
    }
    error
}
