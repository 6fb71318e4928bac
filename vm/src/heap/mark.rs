//! Marking: finding every object that can be reached.
//!
//! Objects wait in a short ring between being found and being looked at, so that their memory is on its way to the processor meanwhile. What does
//! not fit waits on a stack that is short for the heap; what does not fit there either is found again by going through the objects that are marked.

use wasmer_runtime_core::object::{ARRAY_ELEMENTS, ARRAY_LENGTH, TracedRef, array_bytes};
use wasmer_runtime_core::trap::TrapCode;

use super::object::{Outside, Shape, Shapes};
use super::space::{BLOCK_GROUPS, FIRST, GRANULE_BYTES, Group, Space, bit_of};
use crate::arch;
use crate::pieces::InterruptCheck;

/// How many objects are on their way to the processor.
const RING: usize = 16;
/// How many of the ring's are left to come closer before the first is looked at.
const AHEAD: usize = 8;
/// Objects that are looked at between two questions whether to go on.
const OBJECTS_PER_QUESTION: u32 = 1024;
/// Elements of an array that are looked at before the objects that they refer to.
const CHUNK: usize = 4096;
/// Entries of the stack: so many at least, and for each block.
const STACK_MIN: usize = 4096;
const STACK_PER_BLOCK: usize = 128;

/// What a marking has to do yet, and what it has found.
pub(super) struct Marker {
    waiting: Waiting,
    /// Arrays of which only a part was looked at: the next element.
    spans: Vec<(u32, u32)>,
    /// Which of the starts are being written.
    which: usize,
    until_question: u32,
    /// Bytes of the objects found.
    pub(super) live_bytes: u64,
    /// How many there are.
    pub(super) objects: usize,
}

/// Objects that were found and not looked at.
#[derive(Default)]
struct Waiting {
    ring: [u32; RING],
    head: usize,
    tail: usize,
    stack: Vec<u32>,
    stack_max: usize,
    /// That something found had no room.
    has_lost: bool,
}

/// The heap while nothing of it but marks changes.
#[derive(Clone, Copy)]
struct View {
    base: *const u8,
    groups: *mut Group,
    end: u32,
}

impl View {
    fn new(space: &mut Space) -> Self {
        let (base, end) = (space.base().cast_const(), space.end());
        Self { base, groups: space.groups().as_mut_ptr(), end }
    }

    /// Whether a word is the reference of an object, rather than null or an integer: if so, it is in the heap.
    #[inline(always)]
    fn is_object(self, word: u32) -> bool {
        word.is_multiple_of(GRANULE_BYTES) && word.wrapping_sub(FIRST) < self.end - FIRST
    }

    /// # Safety
    /// The offset is in the heap, behind it are as many bytes as the value has, and any bits are one.
    #[inline(always)]
    unsafe fn read<T: Copy>(self, offset: u32) -> T {
        // SAFETY: the heap is accessible up to its end, and guests do not run now.
        unsafe { self.base.add(offset as usize).cast::<T>().read() }
    }

    /// # Safety
    /// The granule is in the heap.
    #[inline(always)]
    unsafe fn group(&mut self, group: usize) -> &mut Group {
        // SAFETY: each granule of the heap has a bit in the table, which the collection has for itself.
        unsafe { &mut *self.groups.add(group) }
    }

    #[inline(always)]
    fn prefetch(self, object: u32) {
        let (group, _) = bit_of(object);
        // Nothing is accessed.
        arch::prefetch(self.base.wrapping_add(object as usize));
        arch::prefetch(self.groups.wrapping_add(group).cast_const().cast());
    }
}

impl Waiting {
    /// A reference, or any other word that is none: null, integers of 31 bits.
    #[inline(always)]
    fn found(&mut self, view: View, word: u32) {
        if !view.is_object(word) {
            return;
        }
        view.prefetch(word);
        if self.tail - self.head == RING {
            let oldest = self.ring[self.head % RING];
            self.head += 1;
            self.push(oldest);
        }
        self.ring[self.tail % RING] = word;
        self.tail += 1;
    }

    #[inline(always)]
    fn push(&mut self, object: u32) {
        if self.stack.len() < self.stack_max {
            self.stack.push(object);
        } else {
            self.has_lost = true;
        }
    }

    /// The next object to look at.
    #[inline(always)]
    fn next(&mut self, view: View) -> Option<u32> {
        while self.tail - self.head < AHEAD {
            let Some(object) = self.stack.pop() else { break };
            self.found(view, object);
        }
        (self.tail > self.head).then(|| {
            self.head += 1;
            self.ring[(self.head - 1) % RING]
        })
    }
}

impl Marker {
    /// Nothing is found yet; marks go to the starts number `which`.
    pub(super) fn new(which: usize, blocks: u32) -> Self {
        let stack_max = STACK_MIN + blocks as usize * STACK_PER_BLOCK;
        Self {
            waiting: Waiting { stack_max, ..Waiting::default() },
            spans: Vec::new(),
            which,
            until_question: OBJECTS_PER_QUESTION,
            live_bytes: 0,
            objects: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn bound_stack(&mut self, max: usize) {
        self.waiting.stack_max = max;
    }

    /// A reference that somebody holds, or any other word.
    pub(super) fn found(&mut self, space: &mut Space, word: u32) {
        self.waiting.found(View::new(space), word);
    }

    /// Whether there is little room for more.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.stack.len() > self.waiting.stack_max / 2
    }

    /// Looks at everything that was found. `handle` is told of other references in objects.
    pub(super) fn drain(
        &mut self,
        space: &mut Space,
        shapes: &impl Shapes,
        handle: &mut impl FnMut(u64),
        go_on: impl InterruptCheck,
    ) -> Result<(), TrapCode> {
        let view = View::new(space);
        loop {
            self.drain_found(view, shapes, handle, &go_on)?;
            if !std::mem::take(&mut self.waiting.has_lost) {
                return Ok(());
            }
            self.find_lost(view, shapes, handle, &go_on)?;
        }
    }

    /// The inner loop: what it works with is its own meanwhile.
    fn drain_found(
        &mut self,
        mut view: View,
        shapes: &impl Shapes,
        handle: &mut impl FnMut(u64),
        go_on: impl InterruptCheck,
    ) -> Result<(), TrapCode> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let result = loop {
            let Some(object) = waiting.next(view) else {
                let Some((array, next)) = self.spans.pop() else { break Ok(()) };
                // SAFETY: an object that was looked at before.
                unsafe { self.look_at_elements(view, &mut waiting, shapes, array, next, handle) };
                if let Err(code) = go_on() {
                    break Err(code);
                }
                continue;
            };
            let (group, bit) = bit_of(object);
            // SAFETY: what waits is in the heap.
            let starts = unsafe { &mut view.group(group).starts[self.which] };
            if *starts & bit != 0 {
                continue;
            }
            *starts |= bit;
            // SAFETY: as above.
            let size = unsafe { self.look_into(view, &mut waiting, shapes, object, handle) };
            let (group, bit) = bit_of(object + size - GRANULE_BYTES);
            // SAFETY: the object ends in the heap.
            unsafe { view.group(group) }.ends |= bit;
            self.live_bytes += u64::from(size);
            self.objects += 1;
            self.until_question -= 1;
            if self.until_question == 0 {
                self.until_question = OBJECTS_PER_QUESTION;
                if let Err(code) = go_on() {
                    break Err(code);
                }
            }
        };
        self.waiting = waiting;
        result
    }

    /// Finds what an object refers to; its size in bytes. Whatever is there, it ends in the heap.
    ///
    /// # Safety
    /// The object is in the heap.
    #[inline(always)]
    unsafe fn look_into(
        &mut self,
        view: View,
        waiting: &mut Waiting,
        shapes: &impl Shapes,
        object: u32,
        handle: &mut impl FnMut(u64),
    ) -> u32 {
        let room = view.end - object;
        // SAFETY: at least a granule of the heap is there.
        match shapes.shape(unsafe { view.read(object) }) {
            Shape::Struct { size, refs } if size <= room => {
                for &(offset, kind) in refs {
                    // SAFETY: the fields of a type are within its size.
                    unsafe { look_at_part(view, waiting, kind, object + offset, handle) };
                }
                size
            }
            // No object that code made.
            Shape::Struct { .. } => GRANULE_BYTES,
            Shape::Array { element_log2, element } => {
                // SAFETY: as above.
                let len = unsafe { view.read(object + ARRAY_LENGTH) };
                if element.is_some() {
                    // SAFETY: as above.
                    unsafe { self.look_at_elements(view, waiting, shapes, object, 0, handle) };
                }
                array_bytes(element_log2, len).min(room.into()) as u32
            }
        }
    }

    /// Elements from a number on; what is more than a chunk later.
    ///
    /// # Safety
    /// The array is in the heap.
    unsafe fn look_at_elements(
        &mut self,
        view: View,
        waiting: &mut Waiting,
        shapes: &impl Shapes,
        array: u32,
        from: u32,
        handle: &mut impl FnMut(u64),
    ) {
        // SAFETY: at least a granule of the heap is there.
        let shape = shapes.shape(unsafe { view.read(array) });
        let Shape::Array { element_log2, element: Some(kind) } = shape else { return };
        let room = (view.end - array - ARRAY_ELEMENTS) >> element_log2;
        // SAFETY: as above.
        let len = unsafe { view.read::<u32>(array + ARRAY_LENGTH) }.min(room);
        // What refers to much does not lose it for that.
        let places = waiting.stack_max.saturating_sub(waiting.stack.len()).clamp(RING, CHUNK);
        let end = len.min(from.saturating_add(places as u32));
        if end < len {
            self.spans.push((array, end));
        }
        for index in from..end {
            // SAFETY: all of these elements are in the heap.
            unsafe { look_at_part(view, waiting, kind, array + ARRAY_ELEMENTS + (index << element_log2), handle) };
        }
    }

    /// Looks once more into every object that is marked, because what one of them refers to was lost.
    #[cold]
    fn find_lost(
        &mut self,
        mut view: View,
        shapes: &impl Shapes,
        handle: &mut impl FnMut(u64),
        go_on: impl InterruptCheck,
    ) -> Result<(), TrapCode> {
        for group in 0..((view.end - FIRST) / GRANULE_BYTES / 64) as usize {
            if group.is_multiple_of(BLOCK_GROUPS) {
                go_on()?;
            }
            // SAFETY: one of the heap's.
            let mut starts = unsafe { view.group(group) }.starts[self.which];
            while starts != 0 {
                let object = FIRST + (group as u32 * 64 + starts.trailing_zeros()) * GRANULE_BYTES;
                starts &= starts - 1;
                let mut waiting = std::mem::take(&mut self.waiting);
                // SAFETY: it is marked, so that it was looked at before.
                unsafe { self.look_into(view, &mut waiting, shapes, object, handle) };
                self.waiting = waiting;
                // Half of the stack is left for what these refer to in turn.
                if self.is_full() {
                    self.drain_found(view, shapes, handle, &go_on)?;
                }
            }
        }
        Ok(())
    }
}

/// A field or an element.
///
/// # Safety
/// It is in the heap, with 4 bytes if it is an internal reference, else 8.
#[inline(always)]
unsafe fn look_at_part(view: View, waiting: &mut Waiting, kind: TracedRef, offset: u32, handle: &mut impl FnMut(u64)) {
    match kind {
        // SAFETY: the caller's promise.
        TracedRef::Internal => waiting.found(view, unsafe { view.read(offset) }),
        // SAFETY: as above.
        TracedRef::Handle => match Outside::of(unsafe { view.read(offset) }) {
            Outside::Internal(word) => waiting.found(view, word),
            Outside::Handle(word) => handle(word),
        },
    }
}
