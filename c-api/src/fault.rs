//! What went wrong: the message of a thread's last failure, and the end of every panic.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Display;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmer_runtime::{Error, TypeError};

use crate::vector::Vector;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps a message for [`wasmer_last_error`].
pub(crate) fn note(message: impl Display) {
    // A thread that is ending asks no more.
    let _ = LAST.try_with(|last| *last.borrow_mut() = Some(message.to_string()));
}

/// Runs what may panic. Then there is no result, and the message is kept.
pub(crate) fn guard<R>(run: impl FnOnce() -> Option<R>) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(payload) => {
            note(panic_message(&*payload));
            None
        }
    }
}

/// As [`guard`], for what fails with a reason.
pub(crate) fn attempt<R>(run: impl FnOnce() -> Result<R, Error>) -> Option<R> {
    guard(|| run().inspect_err(|error| note(error)).ok())
}

/// What a panic says of itself.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("the runtime panicked: {}", text.unwrap_or("without a message"))
}

/// That an argument is null which must not be.
pub(crate) fn null(what: &str) -> Error {
    TypeError::other(format!("{what} is null")).into()
}

/// The text as C reads it: with a NUL at its end, which it has nowhere else.
pub(crate) fn c_text(text: &str) -> Vec<u8> {
    text.bytes().filter(|byte| *byte != 0).chain([0]).collect()
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_last_error(out: Option<&mut MaybeUninit<Vector<u8>>>) -> bool {
    let Some(out) = out else { return false };
    let message = LAST.try_with(|last| last.borrow_mut().take()).ok().flatten();
    let is_there = message.is_some();
    out.write(message.map_or(Vector::EMPTY, |message| Vector::copied(&c_text(&message))));
    is_there
}
