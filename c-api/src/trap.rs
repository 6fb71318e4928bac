//! Traps: why a call ended that did not return, and where.

use std::fmt;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::{Arc, OnceLock};

use wasmer_runtime::wasi::ExitStatus;
use wasmer_runtime::{Error, ExnRef, Frame, TrapCode};

use crate::fault::c_text;
use crate::host_info::SharedInfo;
use crate::object::{Object, Reference};
use crate::store::CStore;
use crate::vector::{Vector, vector_functions, write};

/// `wasm_trap_t`.
pub(crate) struct TrapObject {
    message: String,
    cause: Cause,
    /// Known once a guest was left with it.
    frames: OnceLock<Vec<CFrame>>,
    pub(crate) info: SharedInfo,
}

/// Why.
enum Cause {
    /// `wasm_trap_new`.
    Program,
    /// The guest's own fault, or what ended it from outside.
    Guest(TrapCode),
    /// The guest threw it, and nothing caught it.
    Exception(ExnRef),
    /// The guest ended itself.
    Exit(i32),
    /// The host could not do what was asked.
    Host,
}

/// A trap on its way through a guest.
#[derive(Clone)]
struct Thrown(Arc<TrapObject>);

impl fmt::Debug for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Thrown").field(&self.0.message).finish()
    }
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Thrown {}

impl TrapObject {
    fn new(message: String, cause: Cause) -> Self {
        Self { message, cause, frames: OnceLock::new(), info: SharedInfo::none() }
    }

    /// What a failure is for C. A trap that the program made comes back as itself.
    fn of_error(error: &Error) -> Arc<Self> {
        let trap = match (error.downcast_host::<Thrown>(), error) {
            (Some(Thrown(trap)), _) => Arc::clone(trap),
            (None, Error::Trap(trap)) => Arc::new(Self::new(error.to_string(), Cause::Guest(trap.code))),
            (None, Error::Exception(uncaught)) => {
                Arc::new(Self::new(error.to_string(), Cause::Exception(uncaught.exception.clone())))
            }
            (None, other) => {
                let exit = other.downcast_host::<ExitStatus>().map(|ExitStatus(status)| Cause::Exit(*status));
                Arc::new(Self::new(error.to_string(), exit.unwrap_or(Cause::Host)))
            }
        };
        if let Some(backtrace) = error.backtrace() {
            // The first guest that it left is where it began.
            trap.frames.get_or_init(|| backtrace.frames.iter().map(CFrame::of).collect());
        }
        trap
    }

    /// What a host function returns for it. Exceptions go on as such, for the guest to catch.
    pub(crate) fn to_error(self: &Arc<Self>) -> Error {
        match &self.cause {
            // As the exception itself, so that a guest further out can catch it.
            Cause::Exception(exception) => exception.clone().into(),
            Cause::Program | Cause::Guest(_) | Cause::Exit(_) | Cause::Host => Error::host(Thrown(Arc::clone(self))),
        }
    }

    fn frames(&self) -> &[CFrame] {
        self.frames.get().map_or(&[], Vec::as_slice)
    }
}

/// A trap for a failure.
pub(crate) fn of_error(error: &Error) -> Box<Reference> {
    Reference::of_object(Object::Trap(TrapObject::of_error(error)))
}

fn trap_of(reference: Option<&Reference>) -> Option<&Arc<TrapObject>> {
    match &reference?.object {
        Object::Trap(trap) => Some(trap),
        _ => None,
    }
}

/// The error for what a callback returned, if that is one.
pub(crate) fn returned_error(returned: &Reference) -> Error {
    match trap_of(Some(returned)) {
        Some(trap) => trap.to_error(),
        None => Error::host("a callback returned what is no trap"),
    }
}

/// `wasm_frame_t`.
#[derive(Clone)]
pub(crate) struct CFrame {
    func_index: u32,
    module_offset: Option<u32>,
}

impl CFrame {
    fn of(frame: &Frame) -> Self {
        Self { func_index: frame.function, module_offset: frame.wasm_offset }
    }
}

vector_functions!("frame", Option<Box<CFrame>>);

#[unsafe(no_mangle)]
extern "C" fn wasm_frame_delete(frame: Option<Box<CFrame>>) {
    drop(frame);
}

#[unsafe(no_mangle)]
extern "C" fn wasm_frame_copy(frame: Option<&CFrame>) -> Option<Box<CFrame>> {
    frame.cloned().map(Box::new)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_frame_instance(_: Option<&CFrame>) -> *mut Reference {
    // Return addresses tell the module and not the instance.
    ptr::null_mut()
}

#[unsafe(no_mangle)]
extern "C" fn wasm_frame_func_index(frame: Option<&CFrame>) -> u32 {
    frame.map_or(u32::MAX, |frame| frame.func_index)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_frame_func_offset(_: Option<&CFrame>) -> usize {
    // Artifacts do not say where the bodies of functions begin in the module.
    usize::MAX
}

#[unsafe(no_mangle)]
extern "C" fn wasm_frame_module_offset(frame: Option<&CFrame>) -> usize {
    frame.and_then(|frame| frame.module_offset).map_or(usize::MAX, |offset| offset as usize)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_trap_new(store: Option<&CStore>, message: Option<&Vector<u8>>) -> Option<Box<Reference>> {
    let bytes = message.map_or(&[][..], Vector::as_slice);
    // The standard's messages end with a NUL, which may or may not be counted.
    let message = String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
    let trap = TrapObject::new(message, Cause::Program);
    store?;
    Some(Reference::of_object(Object::Trap(Arc::new(trap))))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_trap_message(trap: Option<&Reference>, out: Option<&mut MaybeUninit<Vector<u8>>>) {
    let message = trap_of(trap).map_or(Vector::EMPTY, |trap| Vector::copied(&c_text(&trap.message)));
    write(out, message);
}

#[unsafe(no_mangle)]
extern "C" fn wasm_trap_origin(trap: Option<&Reference>) -> Option<Box<CFrame>> {
    trap_of(trap)?.frames().first().cloned().map(Box::new)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_trap_trace(trap: Option<&Reference>, out: Option<&mut MaybeUninit<Vector<Option<Box<CFrame>>>>>) {
    let frames = trap_of(trap).map_or(&[][..], |trap| trap.frames());
    crate::types::write_boxes(out, frames.iter().cloned());
}

/// `wasmer_trap_kind_t`.
mod trap_kind {
    pub(super) const OTHER: u8 = 0;
    pub(super) const GUEST: u8 = 1;
    pub(super) const EXIT: u8 = 2;
    pub(super) const EXCEPTION: u8 = 3;
    pub(super) const INTERRUPTED: u8 = 4;
    pub(super) const OUT_OF_FUEL: u8 = 5;
    pub(super) const STACK_OVERFLOW: u8 = 6;
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_trap_kind(trap: Option<&Reference>) -> u8 {
    match trap_of(trap).map(|trap| &trap.cause) {
        None | Some(Cause::Program | Cause::Host) => trap_kind::OTHER,
        Some(Cause::Exit(_)) => trap_kind::EXIT,
        Some(Cause::Exception(_)) => trap_kind::EXCEPTION,
        Some(Cause::Guest(TrapCode::Interrupted)) => trap_kind::INTERRUPTED,
        Some(Cause::Guest(TrapCode::OutOfFuel)) => trap_kind::OUT_OF_FUEL,
        Some(Cause::Guest(TrapCode::StackOverflow)) => trap_kind::STACK_OVERFLOW,
        Some(Cause::Guest(_)) => trap_kind::GUEST,
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_trap_exit_status(trap: Option<&Reference>, out: Option<&mut MaybeUninit<i32>>) -> bool {
    let Some(Cause::Exit(status)) = trap_of(trap).map(|trap| &trap.cause) else { return false };
    write(out, *status);
    true
}
