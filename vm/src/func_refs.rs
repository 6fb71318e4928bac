//! The references to an instance's own functions: made on first use, never moved.

use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, slice_from_raw_parts_mut};

use wasmer_runtime_core::vmcontext::VMFuncRef;

/// How many references stand together at most.
const CHUNK_MAX: usize = 64;

type Slot = MaybeUninit<VMFuncRef>;
/// A reference, or none if it was not made yet: to code, an address or null.
type Entry = Cell<Option<NonNull<VMFuncRef>>>;

/// References by their position among those that there can be. A large program makes a few of thousands, all over the list, and each page that is touched
/// costs more than a reference does: so they stand one behind the other in the order in which they are made.
pub(crate) struct FuncRefs {
    /// By position. Compiled code of modules with objects reads it.
    list: Box<[Entry]>,
    made: Cell<usize>,
    /// Each the start of [`FuncRefs::chunk`] slots, made by [`Box::into_raw`], so that references are written and given away without one to the whole chunk.
    chunks: RefCell<Vec<NonNull<Slot>>>,
}

impl FuncRefs {
    /// Room for references at so many positions.
    pub(crate) fn new(len: usize) -> Self {
        // SAFETY: zeros are no reference.
        let list = unsafe { Box::new_zeroed_slice(len).assume_init() };
        Self { list, made: Cell::new(0), chunks: RefCell::default() }
    }

    /// Where the list is, as long as the references live.
    pub(crate) fn list(&self) -> *const () {
        self.list.as_ptr().cast()
    }

    /// How many references stand together. A small module needs no more room than it can have references: hosts have thousands of instances of such.
    fn chunk(&self) -> usize {
        self.list.len().clamp(1, CHUNK_MAX)
    }

    /// The reference at a position, which was made before.
    pub(crate) fn get(&self, position: usize) -> Option<NonNull<VMFuncRef>> {
        self.list.get(position)?.get()
    }

    /// Makes the reference at a position, or another one in its place. None if there is no such position.
    pub(crate) fn set(&self, position: usize, reference: VMFuncRef) -> Option<NonNull<VMFuncRef>> {
        let entry = self.list.get(position)?;
        let place = entry.get().unwrap_or_else(|| self.next_place());
        // SAFETY: the place is inside a chunk, to which there is no reference.
        unsafe { place.write(reference) };
        entry.set(Some(place));
        Some(place)
    }

    /// The place of the next reference.
    fn next_place(&self) -> NonNull<VMFuncRef> {
        let number = self.made.replace(self.made.get() + 1);
        let mut chunks = self.chunks.borrow_mut();
        if number == chunks.len() * self.chunk() {
            let chunk = Box::into_raw(Box::<[VMFuncRef]>::new_uninit_slice(self.chunk()));
            chunks.push(NonNull::new(chunk.cast()).expect("a box has an address"));
        }
        // SAFETY: inside the chunk.
        unsafe { chunks[number / self.chunk()].cast::<VMFuncRef>().add(number % self.chunk()) }
    }
}

impl Drop for FuncRefs {
    fn drop(&mut self) {
        let len = self.chunk();
        for chunk in self.chunks.get_mut() {
            // SAFETY: made by `Box::into_raw` of so many slots; what is in them needs no drop.
            drop(unsafe { Box::from_raw(slice_from_raw_parts_mut(chunk.as_ptr(), len)) });
        }
    }
}
