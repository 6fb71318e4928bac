//! Libcalls about objects: allocation where code finds no room, and arrays as a whole.
//!
//! Those that make objects collect when it is time. They have no reference but what they were given, and nothing of the store is borrowed meanwhile.

use wasmer_runtime_core::object::*;
use wasmer_runtime_core::translate::meter;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::*;

use super::Caller;
use crate::heap::{AllocLimit, Outside};
use crate::objects::array_size;
use crate::pieces::{self, Order};
use crate::types_registry;

/// That a part of an array is not in it.
const OUT_OF_BOUNDS: TrapCode = TrapCode::ArrayOutOfBounds;

impl Caller {
    pub(super) fn heap_alloc(&mut self, ty: TypeIdx, bytes: u32) -> u64 {
        let header = self.header(ty);
        let mut make = || {
            let object = self.new_object(header, bytes)?;
            if ObjectKind::of(header) == Some(ObjectKind::Array) {
                // Until code writes how many of the elements it has.
                let room = (bytes - ARRAY_ELEMENTS) >> element_log2(header);
                // SAFETY: four bytes of the new object, which is as long as its length says.
                unsafe { self.store().object(object, ARRAY_LENGTH, 4).cast::<u32>().write(room) };
            }
            Ok(object)
        };
        let result = make();
        self.finish(result).into()
    }

    pub(super) fn array_alloc(&mut self, ty: TypeIdx, len: u32) -> u64 {
        let result = self.new_array(ty, len);
        self.finish(result).into()
    }

    pub(super) fn array_fill(&mut self, array: u64, start: u32, bits: u64, len: u32) {
        let array = array as u32;
        let mut fill = || {
            let element_log2 = self.element_log2(array);
            let target = self.store().array_elements(array, element_log2, start, len).ok_or(OUT_OF_BOUNDS)?;
            self.spend(true, meter::of_bytes(u64::from(len) << element_log2))?;
            // SAFETY: the elements are in the heap, each at a multiple of its size but vectors; nobody has references into it.
            unsafe { fill_elements(target, element_log2, bits, len as usize, self.go_on()) }
        };
        let result = fill();
        self.finish(result);
    }

    pub(super) fn array_copy(&mut self, to: u64, to_start: u32, from: u64, from_start: u32, len: u32) {
        let mut copy = || {
            let element_log2 = self.element_log2(to as u32);
            let target = self.store().array_elements(to as u32, element_log2, to_start, len).ok_or(OUT_OF_BOUNDS)?;
            let source =
                self.store().array_elements(from as u32, element_log2, from_start, len).ok_or(OUT_OF_BOUNDS)?;
            let bytes = u64::from(len) << element_log2;
            self.spend(true, meter::of_bytes(bytes))?;
            // SAFETY: both are in the heap, and nobody has references into it.
            unsafe { pieces::copy(target, source, bytes as usize, self.go_on()) }
        };
        let result = copy();
        self.finish(result);
    }

    pub(super) fn array_new_data(&mut self, ty: TypeIdx, segment: DataIdx, start: u32, len: u32) -> u64 {
        let mut make = || {
            // Nothing is made of what is not there.
            let element_log2 = element_log2(self.header(ty));
            self.data(segment, start, u64::from(len) << element_log2)?;
            let array = self.new_array(ty, len)?;
            self.init_data(segment, array, 0, start, len)?;
            Ok(array)
        };
        let result = make();
        self.finish(result).into()
    }

    pub(super) fn array_new_elem(&mut self, ty: TypeIdx, segment: ElemIdx, start: u32, len: u32) -> u64 {
        let mut make = || {
            self.instance().check_elements(segment, start.into(), len.into())?;
            let array = self.new_array(ty, len)?;
            self.init_elements(segment, array, 0, start, len)?;
            Ok(array)
        };
        let result = make();
        self.finish(result).into()
    }

    pub(super) fn array_init_data(&mut self, segment: DataIdx, array: u64, to: u32, from: u32, len: u32) {
        let result = self.init_data(segment, array as u32, to, from, len);
        self.finish(result);
    }

    pub(super) fn array_init_elem(&mut self, segment: ElemIdx, array: u64, to: u32, from: u32, len: u32) {
        let result = self.init_elements(segment, array as u32, to, from, len);
        self.finish(result);
    }

    pub(super) fn is_subtype(&mut self, ty: TypeIdx, type_id: u32) -> u32 {
        let supertype = self.instance().code().canonical[ty.index()];
        types_registry::is_subtype(canonical_of(type_id), supertype).into()
    }

    pub(super) fn any_convert_extern(&mut self, reference: u64) -> u64 {
        let result = self.internal(reference);
        self.finish(result).into()
    }
}

impl Caller {
    /// The header of objects of a type of the module.
    fn header(&self, ty: TypeIdx) -> u32 {
        self.instance().code().type_ids[ty.index()]
    }

    /// How large the elements of an array are.
    fn element_log2(&mut self, array: u32) -> u8 {
        element_log2(self.store().object_header(array))
    }

    /// A new object, after a collection if it is time for one.
    fn new_object(&mut self, header: u32, bytes: u32) -> Result<u32, TrapCode> {
        if let Some(object) = self.store().try_object(header, bytes, AllocLimit::UntilDue)? {
            return Ok(object);
        }
        self.collect();
        self.store().check_interrupt()?;
        self.store().try_object(header, bytes, AllocLimit::UntilLimit)?.ok_or(TrapCode::GcHeapExhausted)
    }

    fn new_array(&mut self, ty: TypeIdx, len: u32) -> Result<u32, TrapCode> {
        let header = self.header(ty);
        let bytes = array_size(element_log2(header), len)?;
        self.spend(true, meter::of_bytes(bytes.into()))?;
        let array = self.new_object(header, bytes)?;
        // SAFETY: four bytes of the new object, which is as long as its length says.
        unsafe { self.store().object(array, ARRAY_LENGTH, 4).cast::<u32>().write(len) };
        Ok(array)
    }

    /// Bytes of a data segment.
    fn data(&self, segment: DataIdx, start: u32, len: u64) -> Result<&[u8], TrapCode> {
        let bytes = self.instance().data(segment);
        let end = u64::from(start).checked_add(len).filter(|end| *end <= bytes.len() as u64);
        end.map(|end| &bytes[start as usize..end as usize]).ok_or(TrapCode::MemoryOutOfBounds)
    }

    fn init_data(&mut self, segment: DataIdx, array: u32, to: u32, from: u32, len: u32) -> Result<(), TrapCode> {
        let element_log2 = self.element_log2(array);
        let target = self.store().array_elements(array, element_log2, to, len).ok_or(OUT_OF_BOUNDS)?;
        let bytes = u64::from(len) << element_log2;
        self.data(segment, from, bytes)?;
        self.spend(true, meter::of_bytes(bytes))?;
        let source = self.data(segment, from, bytes)?;
        // SAFETY: the target is in the heap, and a segment is not.
        unsafe { pieces::copy(target, source.as_ptr(), source.len(), self.go_on()) }
    }

    fn init_elements(&mut self, segment: ElemIdx, array: u32, to: u32, from: u32, len: u32) -> Result<(), TrapCode> {
        let element_log2 = self.element_log2(array);
        let target = self.store().array_elements(array, element_log2, to, len).ok_or(OUT_OF_BOUNDS)?;
        self.instance().check_elements(segment, from.into(), len.into())?;
        self.spend(true, len.into())?;
        let go_on = self.go_on();
        let instance = self.instance();
        pieces::try_in_pieces(len as usize, pieces::PIECE_ELEMENTS, Order::Forward, go_on, |piece| {
            for position in piece {
                let value = instance.element(segment, from as usize + position)?;
                // SAFETY: the element is in the array; references take 4 bytes or 8.
                unsafe {
                    match element_log2 {
                        2 => target.cast::<u32>().add(position).write(value as u32),
                        _ => target.cast::<u64>().add(position).write(value),
                    }
                }
            }
            Ok(())
        })
    }

    /// What a reference from outside is inside: what it was there before, or a host cell.
    fn internal(&mut self, reference: u64) -> Result<u32, TrapCode> {
        let handle = match Outside::of(reference) {
            Outside::Internal(reference) => return Ok(reference),
            Outside::Handle(handle) => handle,
        };
        self.store().refs.operand = handle;
        let cell = self.new_object(HOST_CELL_TYPE_ID, HOST_CELL_BYTES);
        self.store().refs.operand = 0;
        let cell = cell?;
        // SAFETY: eight bytes of the new object.
        unsafe { self.store().object(cell, HOST_CELL_HANDLE, 8).cast::<u64>().write(handle) };
        Ok(cell)
    }
}

/// How large the elements of arrays with a header are.
fn element_log2(header: u32) -> u8 {
    // SAFETY: the type is one of the caller's module, or of an object of its store: somebody owns it.
    match unsafe { types_registry::trace(canonical_of(header)) } {
        Some(TypeTrace::Array { element_log2, .. }) => *element_log2,
        // Validated code names arrays only.
        _ => 0,
    }
}

/// Writes an element `len` times.
///
/// # Safety
/// There is room for so many elements, which nobody else uses.
unsafe fn fill_elements(
    target: *mut u8,
    element_log2: u8,
    bits: u64,
    len: usize,
    go_on: impl pieces::InterruptCheck,
) -> Result<(), TrapCode> {
    pieces::in_pieces(len, pieces::PIECE_BYTES >> element_log2, Order::Forward, go_on, |piece| {
        // SAFETY: the piece is part of the room; elements of up to 8 bytes are aligned.
        unsafe {
            match element_log2 {
                0 => target.add(piece.start).write_bytes(bits as u8, piece.len()),
                1 => fill(target.cast::<u16>().add(piece.start), bits as u16, piece.len()),
                2 => fill(target.cast::<u32>().add(piece.start), bits as u32, piece.len()),
                _ => fill(target.cast::<u64>().add(piece.start), bits, piece.len()),
            }
        }
    })
}

/// # Safety
/// There is room for `len` values, which nobody else uses.
unsafe fn fill<T: Copy>(target: *mut T, value: T, len: usize) {
    // SAFETY: the caller's promise; any bits are integers.
    unsafe { std::slice::from_raw_parts_mut(target.cast::<std::mem::MaybeUninit<T>>(), len) }
        .fill(std::mem::MaybeUninit::new(value));
}
