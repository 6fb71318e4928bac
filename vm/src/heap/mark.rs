//! Marking: finding every object that can be reached.
//!
//! Objects wait in a short ring between being found and being looked at, so that their memory is on its way to the processor meanwhile. What does
//! not fit waits on a stack that is short for the heap; what does not fit there either is found again by going through the objects that are marked.

use wasmer_runtime_core::object::{ARRAY_ELEMENTS, TracedRef};
use wasmer_runtime_core::trap::TrapCode;

use super::object::{Outside, Shape, Shapes, elements, size_of_object};
use super::space::{BLOCK_GROUPS, FIRST, GRANULE_BYTES, Space, bit_of};
use crate::pieces::GoOn;

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
    ring: [u32; RING],
    head: usize,
    tail: usize,
    stack: Vec<u32>,
    pub(super) stack_max: usize,
    /// Arrays of which only a part was looked at: the next element.
    spans: Vec<(u32, u32)>,
    /// That something found had no room.
    has_lost: bool,
    /// Which of the starts are being written.
    which: usize,
    until_question: u32,
    /// Bytes of the objects found.
    pub(super) live_bytes: u64,
    /// How many there are.
    pub(super) objects: usize,
}

impl Marker {
    /// Nothing is found yet; marks go to the starts number `which`.
    pub(super) fn new(which: usize, blocks: u32) -> Self {
        Self {
            ring: [0; RING],
            head: 0,
            tail: 0,
            stack: Vec::new(),
            stack_max: STACK_MIN + blocks as usize * STACK_PER_BLOCK,
            spans: Vec::new(),
            has_lost: false,
            which,
            until_question: OBJECTS_PER_QUESTION,
            live_bytes: 0,
            objects: 0,
        }
    }

    /// A reference, or any other word that is none: null, integers of 31 bits.
    #[inline]
    pub(super) fn found(&mut self, space: &mut Space, reference: u32) {
        let is_object = reference.is_multiple_of(GRANULE_BYTES) && reference.wrapping_sub(FIRST) < space.end() - FIRST;
        if !is_object {
            return;
        }
        space.prefetch(reference);
        if self.tail - self.head == RING {
            let oldest = self.ring[self.head % RING];
            self.head += 1;
            self.push(oldest);
        }
        self.ring[self.tail % RING] = reference;
        self.tail += 1;
    }

    fn push(&mut self, reference: u32) {
        if self.stack.len() < self.stack_max {
            self.stack.push(reference);
        } else {
            self.has_lost = true;
        }
    }

    /// Whether there is little room for more.
    pub(super) fn is_full(&self) -> bool {
        self.stack.len() > self.stack_max / 2
    }

    /// Looks at everything that was found. `handle` is told of other references in objects.
    pub(super) fn drain(
        &mut self,
        space: &mut Space,
        shapes: &impl Shapes,
        handle: &mut impl FnMut(u64),
        go_on: impl GoOn,
    ) -> Result<(), TrapCode> {
        loop {
            self.drain_found(space, shapes, handle, &go_on)?;
            if !std::mem::take(&mut self.has_lost) {
                return Ok(());
            }
            self.find_lost(space, shapes, handle, &go_on)?;
        }
    }

    fn drain_found(
        &mut self,
        space: &mut Space,
        shapes: &impl Shapes,
        handle: &mut impl FnMut(u64),
        go_on: impl GoOn,
    ) -> Result<(), TrapCode> {
        loop {
            let in_ring = self.tail - self.head;
            if in_ring >= AHEAD || (in_ring > 0 && self.stack.is_empty()) {
                let object = self.ring[self.head % RING];
                self.head += 1;
                if self.mark(space, object) {
                    self.look_at(space, shapes, object, handle);
                    self.until_question -= 1;
                    if self.until_question == 0 {
                        self.until_question = OBJECTS_PER_QUESTION;
                        go_on()?;
                    }
                }
            } else if let Some(object) = self.stack.pop() {
                self.found(space, object);
            } else if let Some((array, next)) = self.spans.pop() {
                go_on()?;
                self.look_at_elements(space, shapes, array, next, handle);
            } else {
                return Ok(());
            }
        }
    }

    /// Marks the start of an object. False if it was marked before.
    #[inline]
    fn mark(&mut self, space: &mut Space, object: u32) -> bool {
        let (group, bit) = bit_of(object);
        let starts = &mut space.groups()[group].starts[self.which];
        let is_new = *starts & bit == 0;
        *starts |= bit;
        is_new
    }

    #[inline]
    fn look_at(&mut self, space: &mut Space, shapes: &impl Shapes, object: u32, handle: &mut impl FnMut(u64)) {
        let size = size_of_object(space, shapes, object);
        self.live_bytes += u64::from(size);
        self.objects += 1;
        let (group, bit) = bit_of(object + size - GRANULE_BYTES);
        space.groups()[group].ends |= bit;
        self.look_into(space, shapes, object, handle);
    }

    /// Finds what an object refers to.
    #[inline]
    fn look_into(&mut self, space: &mut Space, shapes: &impl Shapes, object: u32, handle: &mut impl FnMut(u64)) {
        match shapes.shape(space.word(object)) {
            Shape::Struct { refs, .. } => {
                for &(offset, kind) in refs {
                    self.look_at_field(space, kind, object + offset, handle);
                }
            }
            Shape::Array { element: Some(_), .. } => self.look_at_elements(space, shapes, object, 0, handle),
            Shape::Array { element: None, .. } => {}
        }
    }

    #[inline]
    fn look_at_field(&mut self, space: &mut Space, kind: TracedRef, offset: u32, handle: &mut impl FnMut(u64)) {
        match kind {
            TracedRef::Internal => {
                let reference = space.word(offset);
                self.found(space, reference);
            }
            TracedRef::Handle => match Outside::of(space.double_word(offset)) {
                Outside::Internal(reference) => self.found(space, reference),
                Outside::Handle(word) => handle(word),
            },
        }
    }

    /// Elements from a number on; what is more than a chunk later.
    fn look_at_elements(
        &mut self,
        space: &mut Space,
        shapes: &impl Shapes,
        array: u32,
        from: u32,
        handle: &mut impl FnMut(u64),
    ) {
        let Shape::Array { element_log2, element: Some(kind) } = shapes.shape(space.word(array)) else { return };
        let len = elements(space, element_log2, array);
        // What refers to much does not lose it for that.
        let room = self.stack_max.saturating_sub(self.stack.len()).clamp(RING, CHUNK);
        let end = len.min(from.saturating_add(room as u32));
        if end < len {
            self.spans.push((array, end));
        }
        for index in from..end {
            self.look_at_field(space, kind, array + ARRAY_ELEMENTS + (index << element_log2), handle);
        }
    }

    /// Looks once more into every object that is marked, because what one of them refers to was lost.
    #[cold]
    fn find_lost(
        &mut self,
        space: &mut Space,
        shapes: &impl Shapes,
        handle: &mut impl FnMut(u64),
        go_on: impl GoOn,
    ) -> Result<(), TrapCode> {
        for group in 0..space.blocks() as usize * BLOCK_GROUPS {
            if group.is_multiple_of(BLOCK_GROUPS) {
                go_on()?;
            }
            let mut starts = space.groups()[group].starts[self.which];
            while starts != 0 {
                let granule = group as u32 * 64 + starts.trailing_zeros();
                starts &= starts - 1;
                self.look_into(space, shapes, FIRST + granule * GRANULE_BYTES, handle);
                // Half of the stack is left for what these refer to in turn.
                if self.is_full() {
                    self.drain_found(space, shapes, handle, &go_on)?;
                }
            }
        }
        Ok(())
    }
}
