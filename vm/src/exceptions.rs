//! Exceptions: objects that guests hold, tags, and the search for a handler.
//!
//! One exception is on its way at a time. The store's context says which ([`Caught`]), so that code needs nothing else at a landing. A search walks the frames from
//! where wasm was left, looks each return address up in its image's table of handlers, and notes what C's preserved registers were when the call was made.

use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::*;

use crate::arch::{self, ExitFrame};
use crate::budget::Usage;
use crate::code_registry::{self, Call};
use crate::stack::{StackBounds, ready};
use crate::store::{StoreVm, Unwind};
use crate::types_registry::{self, KnownFunc, TypeIds};

/// A tag: its identity is its address.
#[derive(Debug)]
pub struct Tag {
    ty: KnownFunc,
    id: CanonicalId,
    /// Keeps the type's id, if nobody else does.
    _owned: TypeIds,
}

impl Tag {
    /// A tag with the type of a canonical id.
    ///
    /// # Safety
    /// Somebody owns the id as long as the tag lives.
    pub(crate) unsafe fn of_module(id: CanonicalId) -> Self {
        Self { ty: types_registry::lookup_func(id), id, _owned: TypeIds::default() }
    }

    /// A tag of the host. None if the process knows too many types.
    pub fn new(ty: &FuncType) -> Option<Self> {
        let owned = TypeIds::of(&ty.clone().into())?;
        let id = owned[0];
        Some(Self { ty: types_registry::lookup_func(id), id, _owned: owned })
    }

    /// Its type, with canonical ids.
    pub fn ty(&self) -> &FuncType {
        &self.ty
    }

    /// The canonical id of its type.
    pub fn type_id(&self) -> CanonicalId {
        self.id
    }
}

/// An exception that somebody holds.
pub struct Exception {
    tag: NonNull<Tag>,
    values: Box<[RawValue]>,
}

impl std::fmt::Debug for Exception {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exception").field("tag", &self.tag).finish_non_exhaustive()
    }
}

/// Bytes that weigh as much as a reference to the host.
const WEIGHT_BYTES: usize = 256;

impl Exception {
    /// # Safety
    /// The tag lives as long as the store, and the values have the types that it says.
    pub unsafe fn new(tag: NonNull<Tag>, values: Box<[RawValue]>) -> Self {
        Self { tag, values }
    }

    /// Its tag.
    pub fn tag(&self) -> NonNull<Tag> {
        self.tag
    }

    /// Its values.
    pub fn values(&self) -> &[RawValue] {
        &self.values
    }

    /// Bytes of the host's memory that it takes.
    fn bytes(&self) -> u64 {
        (size_of::<Self>() + size_of_val(&*self.values)) as u64
    }

    pub(crate) fn weight(&self) -> usize {
        1 + size_of_val(&*self.values) / WEIGHT_BYTES
    }

    pub(crate) fn trace(&self, word: &mut impl FnMut(u64)) {
        // SAFETY: the promise of `new`.
        let types = unsafe { &self.tag.as_ref().ty.params };
        for (value, _) in self.values.iter().zip(types).filter(|(_, ty)| ty.is_host_ref()) {
            // SAFETY: the value is a reference, whose bits are these.
            word(unsafe { value.reference });
        }
    }
}

impl StoreVm {
    fn caught(&mut self) -> &mut Caught {
        // SAFETY: the context lives as long as the store, and its code does not run now.
        unsafe { &mut (*self.context()).caught }
    }

    /// The exception that is on its way, as an object of its own.
    fn copy_caught(&mut self) -> Option<Exception> {
        let Caught { tag, values, .. } = *self.caught();
        let tag = NonNull::new(tag.cast_mut().cast::<Tag>())?;
        // SAFETY: code puts tags of the store on their way, with the values that the tag says.
        unsafe {
            let len = tag.as_ref().ty.params.len();
            let values = (0..len).map(|index| values.add(index).read()).collect();
            Some(Exception::new(tag, values))
        }
    }

    /// A reference to an exception: what it takes of the host is the store's.
    pub fn hold_exception(&mut self, exception: Exception) -> Result<u64, TrapCode> {
        let usage = Usage { record_bytes: exception.bytes(), ..Usage::default() };
        self.budget.take(usage).map_err(|_| TrapCode::AllocationTooLarge)?;
        let held = self.refs.exception_handle(exception);
        held.map_err(|_| {
            self.budget.give_back(usage);
            TrapCode::AllocationTooLarge
        })
    }

    /// An exception is gone.
    pub fn release_exception(&mut self, exception: &Exception) {
        // Another one may get its reference.
        if std::ptr::eq(self.caught().values, exception.values.as_ptr()) {
            self.caught().reference = 0;
        }
        self.budget.give_back(Usage { record_bytes: exception.bytes(), ..Usage::default() });
    }

    /// A reference to the exception that is on its way.
    pub fn caught_ref(&mut self) -> Result<u64, TrapCode> {
        if self.caught().reference == 0 {
            // There is one wherever code asks for it.
            let exception = self.copy_caught().ok_or(TrapCode::NullException)?;
            let reference = self.hold_exception(exception)?;
            // From now on the values are the object's: what code has written in the store's context will be written over.
            self.set_caught(reference)?;
        }
        Ok(self.caught().reference)
    }

    /// Marks what the exception that is on its way holds.
    ///
    /// # Safety
    /// One is on its way: nothing else of the store has run since it was thrown.
    pub unsafe fn mark_caught(&mut self) {
        let reference = self.caught().reference;
        self.refs.held.mark(reference);
        if let Some(exception) = self.copy_caught() {
            exception.trace(&mut |word| self.refs.held.mark(word));
        }
    }

    /// Puts an exception on its way.
    pub fn set_caught(&mut self, reference: u64) -> Result<(), TrapCode> {
        let exception = self.refs.exception(reference).ok_or(TrapCode::NullException)?;
        let (tag, values) = (exception.tag.as_ptr().cast_const().cast(), exception.values.as_ptr());
        *self.caught() = Caught { tag, values, reference };
        Ok(())
    }

    /// The exception that is on its way goes on among the frames from where wasm was left: the stub goes there, or leaves wasm.
    pub fn throw(&mut self) {
        // SAFETY: wasm was left, and its frames are suspended.
        let found = unsafe { find((*self.context()).exit.cast(), &ready().stack, &mut self.calls) };
        match found {
            Some(landing) => {
                // SAFETY: the context is this thread's.
                unsafe { (*self.context()).landing.write(landing) };
                self.stop().fetch_or(STOP_LAND, Ordering::AcqRel);
            }
            None => self.record_unwind(Unwind::Exception),
        }
    }
}

/// What was found of calls that exceptions have passed, by return address: most exceptions pass the same ones. Code of a store's modules stays where it is as
/// long as the store.
#[derive(Default)]
pub(crate) struct Calls(Vec<(usize, Call)>);

/// How many are remembered.
const CALLS: usize = 256;

impl Calls {
    fn get(&mut self, return_address: usize) -> Call {
        if self.0.is_empty() {
            self.0.resize(CALLS, (0, Call::default()));
        }
        let place = &mut self.0[(return_address ^ return_address >> 8) % CALLS];
        if place.0 != return_address {
            *place = (return_address, code_registry::call_at(return_address));
        }
        place.1
    }
}

/// The innermost handler among the frames of the activation that left wasm at `exit`.
///
/// # Safety
/// The frames are on this stack, and suspended.
unsafe fn find(exit: *const ExitFrame, stack: &StackBounds, calls: &mut Calls) -> Option<Landing> {
    // SAFETY: the exit frame is where the context says.
    let ExitFrame { mut pc, mut fp, .. } = *unsafe { exit.as_ref() }?;
    let mut landing = Landing { sp: exit as usize + size_of::<ExitFrame>(), ..Landing::default() };
    let usable = stack.usable();
    loop {
        let is_frame = fp.is_multiple_of(8)
            && usable.contains(&fp.wrapping_sub(size_of_val(&landing.registers)))
            && usable.contains(&(fp + 15));
        // Behind the outermost frame is the host's.
        if !is_frame {
            return None;
        }
        let found = calls.get(pc);
        if let Some(handler) = found.handler {
            if handler.frame_bytes != 0 {
                landing.sp = fp.wrapping_sub(handler.frame_bytes);
            }
            return Some(Landing { pc: handler.landing, fp, ..landing });
        }
        // SAFETY: a frame starts with the words below, and those of the registers that it saves are on the stack.
        unsafe {
            let mask = if arch::is_cross(pc) { u8::MAX } else { found.saved_registers };
            let saved = (0..PRESERVED_REGISTERS).filter(|register| mask >> register & 1 != 0);
            for (place, register) in saved.enumerate() {
                landing.saved |= 1 << register;
                landing.registers[register] = *((fp - 8 * (place + 1)) as *const usize);
            }
            (pc, landing.sp) = (*((fp + 8) as *const usize), fp + 16);
            fp = *(fp as *const usize);
        }
    }
}
