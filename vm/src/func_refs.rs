//! The references to an instance's own functions: made on first use, never moved.

use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, slice_from_raw_parts_mut};

use wasmer_runtime_core::vmcontext::VMFuncRef;

/// How many references stand together at most.
const CHUNK_MAX: usize = 64;

type Slot = MaybeUninit<VMFuncRef>;

/// References by their position among those that there can be. A large program makes a few of thousands, all over the list, and each page that is touched
/// costs more than a reference does: so they stand one behind the other in the order in which they are made.
pub(crate) struct FuncRefs {
    /// By position: the number of the reference, counted from one; zero if it was not made yet.
    numbers: Box<[Cell<u32>]>,
    made: Cell<u32>,
    /// Each the start of [`FuncRefs::chunk`] slots, made by [`Box::into_raw`], so that references are written and given away without one to the whole chunk.
    chunks: RefCell<Vec<NonNull<Slot>>>,
}

impl FuncRefs {
    /// Room for references at so many positions.
    pub(crate) fn new(len: usize) -> Self {
        // SAFETY: zero is a number.
        let numbers = unsafe { Box::new_zeroed_slice(len).assume_init() };
        Self { numbers, made: Cell::new(0), chunks: RefCell::default() }
    }

    /// How many references stand together. A small module needs no more room than it can have references: hosts have thousands of instances of such.
    fn chunk(&self) -> usize {
        self.numbers.len().clamp(1, CHUNK_MAX)
    }

    /// The reference at a position, which was made before.
    pub(crate) fn get(&self, position: usize) -> Option<NonNull<VMFuncRef>> {
        let number = self.numbers.get(position)?.get().checked_sub(1)?;
        Some(self.place(number as usize))
    }

    /// Makes the reference at a position, or another one in its place. None if there is no such position.
    pub(crate) fn set(&self, position: usize, reference: VMFuncRef) -> Option<NonNull<VMFuncRef>> {
        let number = self.numbers.get(position)?;
        if number.get() == 0 {
            if (self.made.get() as usize).is_multiple_of(self.chunk()) {
                let chunk = Box::into_raw(Box::<[VMFuncRef]>::new_uninit_slice(self.chunk()));
                self.chunks.borrow_mut().push(NonNull::new(chunk.cast()).expect("a box has an address"));
            }
            self.made.set(self.made.get() + 1);
            number.set(self.made.get());
        }
        let place = self.place(number.get() as usize - 1);
        // SAFETY: the place is inside a chunk, to which there is no reference.
        unsafe { place.write(reference) };
        Some(place)
    }

    /// The place of the reference of a number, counted from zero.
    fn place(&self, number: usize) -> NonNull<VMFuncRef> {
        let chunk = self.chunks.borrow()[number / self.chunk()];
        // SAFETY: inside the chunk.
        unsafe { chunk.cast::<VMFuncRef>().add(number % self.chunk()) }
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
