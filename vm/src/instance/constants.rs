//! Constant expressions (specification, section 3.4.13) at run time.

use wasmer_runtime_core::module::ConstOp;
use wasmer_runtime_core::object::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::RawValue;

use super::Instance;
use crate::heap::{AllocLimit, Outside};
use crate::image::Damage;
use crate::objects::array_size;
use crate::pieces::{Order, PIECE_ELEMENTS, in_pieces, try_in_pieces};

/// Operands. Validation guarantees their number and types; an artifact that lies about their number is damaged, and one that lies
/// about types gets values that mean nothing.
#[derive(Default)]
struct Stack(Vec<RawValue>);

impl Stack {
    fn pop(&mut self) -> Result<RawValue, Damage> {
        self.0.pop().ok_or(Damage)
    }

    fn pop_i32(&mut self) -> Result<i32, Damage> {
        // SAFETY: any bits are a valid integer.
        self.pop().map(|value| unsafe { value.i32 })
    }

    /// The last `len` operands, in order.
    fn pop_list(&mut self, len: usize) -> Result<Vec<RawValue>, Damage> {
        let start = self.0.len().checked_sub(len).ok_or(Damage)?;
        Ok(self.0.split_off(start))
    }

    fn arithmetic(
        &mut self,
        width: Width,
        op32: fn(i32, i32) -> i32,
        op64: fn(i64, i64) -> i64,
    ) -> Result<RawValue, Damage> {
        let (rhs, lhs) = (self.pop()?, self.pop()?);
        let mut value = RawValue::ZERO;
        // SAFETY: any bits are valid integers.
        unsafe {
            match width {
                Width::W32 => value.i32 = op32(lhs.i32, rhs.i32),
                Width::W64 => value.i64 = op64(lhs.i64, rhs.i64),
            }
        }
        Ok(value)
    }
}

impl Instance {
    /// The value of a constant expression. Globals before it are set.
    pub(super) fn evaluate(&self, expr: impl Iterator<Item = ConstOp>) -> Result<RawValue, TrapCode> {
        let mut stack = Stack::default();
        for op in expr {
            let value = match op {
                ConstOp::Const(constant) => RawValue::from(constant),
                // SAFETY: the global's place holds a value.
                ConstOp::GlobalGet(index) => unsafe { self.global(index).read() },
                ConstOp::RefFunc(index) => {
                    let mut value = RawValue::ZERO;
                    value.funcref = self.func_ref(index)?.as_ptr();
                    value
                }
                ConstOp::Add(width) => stack.arithmetic(width, i32::wrapping_add, i64::wrapping_add)?,
                ConstOp::Sub(width) => stack.arithmetic(width, i32::wrapping_sub, i64::wrapping_sub)?,
                ConstOp::Mul(width) => stack.arithmetic(width, i32::wrapping_mul, i64::wrapping_mul)?,
                ConstOp::RefI31 => internal(i31(stack.pop_i32()? as u32)),
                ConstOp::StructNew(ty) => {
                    let fields = &self.struct_layout(ty)?.fields;
                    self.new_struct(ty, &stack.pop_list(fields.len())?)?
                }
                ConstOp::StructNewDefault(ty) => self.new_struct(ty, &[])?,
                ConstOp::ArrayNew(ty) => {
                    let len = stack.pop_i32()? as u32;
                    let value = stack.pop()?;
                    self.new_array(ty, len, |_| Some(value))?
                }
                ConstOp::ArrayNewDefault(ty) => self.new_array(ty, stack.pop_i32()? as u32, |_| None)?,
                ConstOp::ArrayNewFixed(ty, len) => {
                    let values = stack.pop_list(len as usize)?;
                    self.new_array(ty, len, |position| values.get(position).copied())?
                }
                ConstOp::AnyConvertExtern => self.internalise(stack.pop()?)?,
                ConstOp::ExternConvertAny => self.externalise(stack.pop()?),
            };
            stack.0.push(value);
        }
        Ok(stack.pop()?)
    }

    /// A new object of a type of the module. Nothing is collected meanwhile: nobody knows yet of those that were made before.
    fn new_object(&self, header: u32, bytes: u32) -> Result<u32, TrapCode> {
        // SAFETY: the store outlives the instance, and nobody holds a reference to it while constants are evaluated.
        let store = unsafe { &mut *self.store.as_ptr() };
        store.try_object(header, bytes, AllocLimit::UntilLimit)?.ok_or(TrapCode::GcHeapExhausted)
    }

    /// The address of bytes of an object that was just made.
    fn place(&self, object: u32, at: u32, bytes: u32) -> *mut u8 {
        // SAFETY: as in `new_object`.
        unsafe { self.store.as_ref() }.object(object, at, bytes)
    }

    fn struct_layout(&self, ty: TypeIdx) -> Result<&StructLayout, Damage> {
        match self.code.objects.get(ty.index()) {
            Some(ObjectLayout::Struct(layout)) => Ok(layout),
            _ => Err(Damage),
        }
    }

    /// A struct of these values, or of zeros and nulls.
    fn new_struct(&self, ty: TypeIdx, values: &[RawValue]) -> Result<RawValue, TrapCode> {
        let layout = self.struct_layout(ty)?;
        let object = self.new_object(self.code.type_ids[ty.index()], layout.size)?;
        for (field, value) in layout.fields.iter().zip(values) {
            let log2 = field.storage.bytes_log2();
            // SAFETY: the field is a part of the object.
            unsafe { write(self.place(object, field.offset, 1 << log2), log2, value) };
        }
        Ok(internal(object))
    }

    /// An array of the values of each position: zero or null where there is none.
    fn new_array(
        &self,
        ty: TypeIdx,
        len: u32,
        value: impl Fn(usize) -> Option<RawValue>,
    ) -> Result<RawValue, TrapCode> {
        let Some(ObjectLayout::Array(layout)) = self.code.objects.get(ty.index()) else { return Err(Damage.into()) };
        let log2 = layout.element_log2;
        let object = self.new_object(self.code.type_ids[ty.index()], array_size(log2, len)?)?;
        // SAFETY: the length is a part of the object.
        unsafe { self.place(object, ARRAY_LENGTH, 4).cast::<u32>().write(len) };
        let elements = self.place(object, ARRAY_ELEMENTS, len << log2);
        in_pieces(len as usize, PIECE_ELEMENTS, Order::Forward, self.go_on(), |piece| {
            let values = piece.map_while(|position| Some((position, value(position)?)));
            // SAFETY: the element is a part of the object.
            values.for_each(|(position, value)| unsafe { write(elements.add(position << log2), log2, &value) });
        })?;
        Ok(internal(object))
    }

    /// `any.convert_extern`
    fn internalise(&self, value: RawValue) -> Result<RawValue, TrapCode> {
        // SAFETY: the value is a reference, whose bits are these.
        let Outside::Handle(handle) = Outside::of(unsafe { value.reference }) else { return Ok(value) };
        let cell = self.new_object(HOST_CELL_TYPE_ID, HOST_CELL_BYTES)?;
        // SAFETY: the handle is a part of the object.
        unsafe { self.place(cell, HOST_CELL_HANDLE, 8).cast::<u64>().write(handle) };
        Ok(internal(cell))
    }

    /// `extern.convert_any`
    fn externalise(&self, mut value: RawValue) -> RawValue {
        // SAFETY: the value is an internal reference, whose bits are these.
        let object = unsafe { value.reference } as u32;
        let is_object = object != 0 && object & 1 == 0;
        // SAFETY: as in `new_object`.
        if let Some(handle) = is_object.then(|| unsafe { self.store.as_ref() }.host_cell(object)).flatten() {
            value.reference = handle;
        }
        value
    }

    /// Makes what segments hold that are used later: an object is the same each time.
    pub(super) fn make_elements(&mut self) -> Result<(), TrapCode> {
        if !self.offsets.counts().heap {
            return Ok(());
        }
        let image = &self.code.image;
        let mut all = Vec::new();
        for rank in 0..image.elements_len() {
            let go_on = self.go_on();
            let mut made = Vec::new();
            let len = if image.elements_make_objects(rank) { image.element_items_len(rank) } else { 0 };
            try_in_pieces(len, PIECE_ELEMENTS, Order::Forward, go_on, |piece| {
                for position in piece {
                    // SAFETY: elements are references, whose bits are these.
                    made.push(unsafe { self.evaluate(image.element_item(rank, position))?.reference });
                }
                Ok(())
            })?;
            all.push(made.into_boxed_slice());
        }
        self.made_elements = all.into();
        Ok(())
    }

    /// An element of the segment of a rank, which has it.
    pub(super) fn element_of(&self, rank: usize, position: usize) -> Result<u64, TrapCode> {
        if let Some(made) = self.made_elements.get(rank).and_then(|made| made.get(position)) {
            return Ok(*made);
        }
        // Most segments are lists of functions, and some programs start with thousands of them.
        if let Some(function) = self.code.image.element_function(rank, position) {
            return Ok(self.func_ref(function)?.as_ptr() as u64);
        }
        // SAFETY: elements are references, whose bits are these.
        Ok(unsafe { self.evaluate(self.code.image.element_item(rank, position))?.reference })
    }

    /// What segments hold that were made for them.
    pub(super) fn element_roots(&self, root: &mut impl FnMut(u64)) {
        let segments = self.made_elements.iter().zip(&self.dropped_elements).filter(|(_, dropped)| !dropped.get());
        segments.for_each(|(made, _)| made.iter().for_each(|word| root(*word)));
    }
}

/// An internal reference as a value.
fn internal(reference: u32) -> RawValue {
    let mut value = RawValue::ZERO;
    value.reference = reference.into();
    value
}

/// Writes a value to a field or element of 2^`log2` bytes.
///
/// # Safety
/// They are the caller's, and the value has as many bytes at least, or is an `i32`.
unsafe fn write(place: *mut u8, log2: u8, value: &RawValue) {
    // SAFETY: the caller's promise; values are little-endian, so that their low bytes come first.
    unsafe {
        match log2 {
            0 => place.write(value.i32 as u8),
            1 => place.cast::<u16>().write_unaligned(value.i32 as u16),
            2 => place.cast::<i32>().write_unaligned(value.i32),
            3 => place.cast::<i64>().write_unaligned(value.i64),
            _ => place.cast::<u128>().write_unaligned(value.v128),
        }
    }
}
