//! Objects of a store's heap, as the host makes and uses them on behalf of guests and of itself.

use std::io;

use wasmer_runtime_core::object::*;
use wasmer_runtime_core::trap::TrapCode;

use crate::heap::{AllocLimit, Heap, Window};
use crate::store::{StoreVm, go_on};

impl StoreVm {
    /// The heap, which is made if there is none.
    ///
    /// # Errors
    /// If the host has no addresses left.
    pub fn make_heap(&mut self) -> io::Result<&mut Heap> {
        let heap = match self.heap.take() {
            Some(heap) => heap,
            None => {
                let mut heap = Heap::new()?;
                if self.refs.held.is_always_due() {
                    heap.always_due();
                }
                self.refs.begin();
                heap
            }
        };
        Ok(self.heap.insert(heap))
    }

    /// Makes a collection due always: for tests.
    pub fn collect_always(&mut self) {
        self.refs.held.always_due();
        // What code sees has no room any more.
        self.close_window();
        if let Some(heap) = &mut self.heap {
            heap.always_due();
        }
    }

    /// Where code allocates.
    pub(crate) fn window(&self) -> Window {
        // SAFETY: the context lives as long as the store, and its code does not run now.
        unsafe { Window { cursor: (*self.context()).heap_cursor, limit: (*self.context()).heap_limit } }
    }

    pub(crate) fn set_window(&mut self, window: Window) {
        // SAFETY: as above.
        unsafe { ((*self.context()).heap_cursor, (*self.context()).heap_limit) = (window.cursor, window.limit) };
    }

    /// Code was left in the midst of something, maybe of an allocation: nothing is added to what it began.
    pub(crate) fn close_window(&mut self) {
        let mut window = self.window();
        if let Some(heap) = &mut self.heap {
            heap.close(&mut window);
        }
        self.set_window(window);
    }

    /// Whether there was so much new in the heap that a collection should be made.
    pub fn is_heap_due(&self) -> bool {
        self.heap.as_ref().is_some_and(|heap| heap.is_due())
    }

    /// A new object: all zero but for its header. None if there is no room for it without a collection, as far as that is permitted.
    ///
    /// # Errors
    /// If the guest was interrupted meanwhile.
    pub fn try_object(&mut self, header: u32, bytes: u32, permit: AllocLimit) -> Result<Option<u32>, TrapCode> {
        let mut window = self.window();
        // SAFETY: the context lives as long as the store.
        let go_on = unsafe { go_on(self.context()) };
        // Who makes objects has an instance with a heap, or made it.
        let heap = self.heap.as_mut().ok_or(TrapCode::GcHeapExhausted)?;
        let object = heap.alloc(&mut window, bytes, permit, &mut self.budget, go_on)?;
        if let Some(object) = object {
            // SAFETY: the first bytes of the new object.
            unsafe { heap.address(object, bytes).cast::<u32>().write(header) };
        }
        self.set_window(window);
        Ok(object)
    }

    /// Where `len` bytes of an object are.
    ///
    /// # Panics
    /// If they are not the heap's.
    pub fn object(&self, object: u32, at: u32, len: u32) -> *mut u8 {
        self.heap.as_ref().expect("there are objects").address(object + at, len)
    }

    /// The header of an object.
    pub fn object_header(&self, object: u32) -> u32 {
        // SAFETY: four bytes of the heap.
        unsafe { self.object(object, OBJECT_HEADER, 4).cast::<u32>().read() }
    }

    /// The length of an array in elements.
    pub fn array_len(&self, array: u32) -> u32 {
        // SAFETY: four bytes of the heap.
        unsafe { self.object(array, ARRAY_LENGTH, 4).cast::<u32>().read() }
    }

    /// Where elements of an array are. None if they are not all inside.
    pub fn array_elements(&self, array: u32, element_log2: u8, start: u32, len: u32) -> Option<*mut u8> {
        start.checked_add(len).filter(|end| *end <= self.array_len(array))?;
        Some(self.object(array, ARRAY_ELEMENTS + (start << element_log2), len << element_log2))
    }

    /// The handle in a value of the host that became an internal reference; none for other objects.
    pub fn host_cell(&self, object: u32) -> Option<u64> {
        // SAFETY: eight bytes of the heap.
        let handle = || unsafe { self.object(object, HOST_CELL_HANDLE, 8).cast::<u64>().read() };
        (self.object_header(object) == HOST_CELL_TYPE_ID).then(handle)
    }
}

/// Size in bytes of an array, if there can be one so long.
pub fn array_size(element_log2: u8, len: u32) -> Result<u32, TrapCode> {
    u32::try_from(array_bytes(element_log2, len)).map_err(|_| TrapCode::GcHeapExhausted)
}
