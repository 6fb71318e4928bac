//! Garbage collection: structs, arrays and unboxed integers (GC proposal), in terms of what code generators have anyway.
//!
//! An object is a place in a memory ([`Region::Objects`]), whose address is the reference itself. Every check is explicit, so its accesses never
//! fault. Casts are in [`crate::translate::cast`], layouts in [`crate::object`].

use crate::layout::{VMSTORE_HEAP_CURSOR, VMSTORE_HEAP_LIMIT};
use crate::libcall::HostCall;
use crate::object::*;
use crate::translate::codegen::{BlockSig, FuncCodegen, Meter, Region, Result};
use crate::translate::error::internal;
use crate::translate::func::Visitor;
use crate::translate::meter;
use crate::translate::ops::*;
use crate::trap::TrapCode;
use crate::types::*;

/// Larger objects are left to the host.
const INLINE_BYTES_MAX: u32 = 8 << 10;

/// What an operator does in live code.
#[rustfmt::skip]
macro_rules! gc_operator {
    ($t:ident RefEq) => { $t.compare(IntCompare::Eq, W64) };
    ($t:ident RefI31) => { $t.ref_i31() };
    ($t:ident I31GetS) => { $t.i31_get(IntBinary::ShrS) };
    ($t:ident I31GetU) => { $t.i31_get(IntBinary::ShrU) };
    ($t:ident StructNew $ty:ident) => { $t.struct_new(TypeIdx($ty)) };
    ($t:ident StructNewDefault $ty:ident) => { $t.struct_new_default(TypeIdx($ty)) };
    ($t:ident StructGet $ty:ident $field:ident) => { $t.struct_get(TypeIdx($ty), $field, false) };
    ($t:ident StructGetS $ty:ident $field:ident) => { $t.struct_get(TypeIdx($ty), $field, true) };
    ($t:ident StructGetU $ty:ident $field:ident) => { $t.struct_get(TypeIdx($ty), $field, false) };
    ($t:ident StructSet $ty:ident $field:ident) => { $t.struct_set(TypeIdx($ty), $field) };
    ($t:ident ArrayNew $ty:ident) => { $t.array_new(TypeIdx($ty)) };
    ($t:ident ArrayNewDefault $ty:ident) => { $t.libcall(HostCall::ArrayAlloc { ty: TypeIdx($ty) }, &[Ty::I32], false) };
    ($t:ident ArrayNewFixed $ty:ident $len:ident) => { $t.array_new_fixed(TypeIdx($ty), $len) };
    ($t:ident ArrayNewData $ty:ident $data:ident) => { $t.array_new_from(HostCall::ArrayNewData { ty: TypeIdx($ty), segment: DataIdx($data) }) };
    ($t:ident ArrayNewElem $ty:ident $elements:ident) => { $t.array_new_from(HostCall::ArrayNewElem { ty: TypeIdx($ty), segment: ElemIdx($elements) }) };
    ($t:ident ArrayGet $ty:ident) => { $t.array_get(TypeIdx($ty), false) };
    ($t:ident ArrayGetS $ty:ident) => { $t.array_get(TypeIdx($ty), true) };
    ($t:ident ArrayGetU $ty:ident) => { $t.array_get(TypeIdx($ty), false) };
    ($t:ident ArraySet $ty:ident) => { $t.array_set(TypeIdx($ty)) };
    ($t:ident ArrayLen) => { $t.array_len() };
    ($t:ident ArrayFill $ty:ident) => { $t.array_fill(TypeIdx($ty)) };
    ($t:ident ArrayCopy $to:ident $from:ident) => { $t.array_copy() };
    ($t:ident ArrayInitData $ty:ident $data:ident) => { $t.array_init(HostCall::ArrayInitData { segment: DataIdx($data) }) };
    ($t:ident ArrayInitElem $ty:ident $elements:ident) => { $t.array_init(HostCall::ArrayInitElem { segment: ElemIdx($elements) }) };
    ($t:ident RefTestNonNull $heap:ident) => { $t.ref_test($heap, false) };
    ($t:ident RefTestNullable $heap:ident) => { $t.ref_test($heap, true) };
    ($t:ident RefCastNonNull $heap:ident) => { $t.ref_cast($heap, false) };
    ($t:ident RefCastNullable $heap:ident) => { $t.ref_cast($heap, true) };
    ($t:ident BrOnCast $depth:ident $from:ident $to:ident) => { $t.br_on_cast($depth, $from, $to, true) };
    ($t:ident BrOnCastFail $depth:ident $from:ident $to:ident) => { $t.br_on_cast($depth, $from, $to, false) };
    ($t:ident AnyConvertExtern) => { $t.any_convert_extern() };
    ($t:ident ExternConvertAny) => { $t.extern_convert_any() };
}

pub(super) use gc_operator;

/// How many operands an operator looks at the types of.
const OPERANDS: usize = 5;

/// The static types of the topmost operands, the top first, before an operator consumed them.
pub(super) type OperandTypes = [Option<wasmparser::RefType>; OPERANDS];

/// How a field or element is read; `signed` matters if it is packed. An internal reference gets zeros in its upper half.
const fn load_of(storage: StorageType, signed: bool) -> Load {
    match storage {
        StorageType::I8 => Load::Int8 { to: Width::W32, signed },
        StorageType::I16 => Load::Int16 { to: Width::W32, signed },
        StorageType::Val(ValType::I32) => Load::I32,
        StorageType::Val(ValType::I64) => Load::I64,
        StorageType::Val(ValType::F32) => Load::F32,
        StorageType::Val(ValType::F64) => Load::F64,
        StorageType::Val(ValType::V128) => Load::V128,
        StorageType::Val(ValType::Ref(reference)) if reference.heap.is_internal() => Load::Int32 { signed: false },
        StorageType::Val(ValType::Ref(_)) => Load::I64,
    }
}

/// How a field or element is written.
const fn store_of(storage: StorageType) -> Store {
    match storage {
        StorageType::I8 => Store::Int8 { from: Width::W32 },
        StorageType::I16 => Store::Int16 { from: Width::W32 },
        StorageType::Val(ValType::I32) => Store::I32,
        StorageType::Val(ValType::I64) => Store::I64,
        StorageType::Val(ValType::F32) => Store::F32,
        StorageType::Val(ValType::F64) => Store::F64,
        StorageType::Val(ValType::V128) => Store::V128,
        StorageType::Val(ValType::Ref(reference)) if reference.heap.is_internal() => Store::Int32,
        StorageType::Val(ValType::Ref(_)) => Store::I64,
    }
}

impl<C: FuncCodegen> Visitor<'_, C> {
    /// Notes the types of the operands that the operator at hand is about to consume.
    pub(super) fn look_at_operands(&mut self) {
        self.operands = std::array::from_fn(|depth| match self.validator.get_operand_type(depth) {
            Some(Some(wasmparser::ValType::Ref(ty))) => Some(ty),
            _ => None,
        });
    }

    fn may_be_null(&self, depth: usize) -> bool {
        self.operands[depth].is_none_or(|ty| ty.is_nullable())
    }

    /// Traps if the operand that `above` others stand on is null, as far as its type does not say that it is not. No operand but that of this
    /// operator has been consumed.
    pub(super) fn check_not_null(&mut self, above: usize, code: TrapCode) -> Result<()> {
        if !self.may_be_null(above) {
            return Ok(());
        }
        if above == 0 && !self.is_in_place() {
            return self.unary(|c, reference| c.ref_as_non_null(reference, code));
        }
        self.pick(above)?;
        self.unary(C::ref_is_null)?;
        self.trap_if(code)
    }

    pub(super) fn ref_i31(&mut self) -> Result<()> {
        self.int_with(IntBinary::Shl, 1)?;
        self.int_with(IntBinary::Or, 1)?;
        self.convert(Convert::ExtendU)
    }

    pub(super) fn i31_get(&mut self, shift: IntBinary) -> Result<()> {
        self.check_not_null(0, TrapCode::NullI31)?;
        self.convert(Convert::Wrap)?;
        self.int_with(shift, 1)
    }

    // Allocation.

    /// Pushes a new object of a size that is a multiple of [`OBJECT_ALIGN`], all zeros but for its header and, if it is an array, its length.
    fn allocate(&mut self, ty: TypeIdx, bytes: u32, len: Option<u32>) -> Result<()> {
        self.cost += meter::of_bytes(bytes.into()) as u32;
        if bytes > INLINE_BYTES_MAX {
            return self.allocate_slowly(ty, bytes, len);
        }
        let mut done = self.open_scope(&[], &[Ty::Ref])?;
        let mut full = self.open_scope(&[], &[])?;
        self.push_word(Region::Cursor, VMSTORE_HEAP_CURSOR as u32)?;
        self.pick(0)?;
        self.int_with(IntBinary::Add, bytes)?;
        self.pick(0)?;
        self.push_word(Region::Cursor, VMSTORE_HEAP_LIMIT as u32)?;
        self.compare(IntCompare::GtU, Width::W32)?;
        self.leave_if(&mut full)?;
        // The object is whole before the cursor says that there is one.
        self.pick(1)?;
        self.convert(Convert::ExtendU)?;
        self.push_word(Region::TypeIds, ty.0 * 4)?;
        self.store_to(Region::Headers, Store::I32, OBJECT_HEADER)?;
        if let Some(len) = len {
            self.pick(1)?;
            self.convert(Convert::ExtendU)?;
            self.push_i32(len)?;
            self.store_to(Region::Headers, Store::I32, ARRAY_LENGTH)?;
        }
        self.push_i64(0)?;
        self.pick(1)?;
        self.store_to(Region::Cursor, Store::I32, VMSTORE_HEAP_CURSOR as u32)?;
        self.drop_operands(1)?;
        self.convert(Convert::ExtendU)?;
        self.leave(&mut done)?;
        self.close_scope(full)?;
        self.allocate_slowly(ty, bytes, len)?;
        self.close_scope(done)
    }

    fn allocate_slowly(&mut self, ty: TypeIdx, bytes: u32, len: Option<u32>) -> Result<()> {
        self.libcall(HostCall::HeapAlloc { ty, bytes }, &[], false)?;
        let Some(len) = len else { return Ok(()) };
        self.pick(0)?;
        self.push_i32(len)?;
        self.store_to(Region::Headers, Store::I32, ARRAY_LENGTH)
    }

    /// Makes an object of the topmost operands, its fields or elements: where each goes, and what it is.
    fn make_object(
        &mut self,
        (ty, bytes, len): (TypeIdx, u32, Option<u32>),
        places: impl ExactSizeIterator<Item = FieldLayout> + Clone,
    ) -> Result<()> {
        let count = places.len();
        if count == 0 {
            return self.allocate(ty, bytes, len);
        }
        self.charge(count)?;
        self.cost_of_moving(count);
        let mut types = std::mem::take(&mut self.stacks.types);
        types.clear();
        types.extend(places.clone().map(|place| place.storage.unpacked().ty()));
        let mut scope = self.open_scope(&types, &[Ty::Ref])?;
        self.stacks.types = types;
        self.allocate(ty, bytes, len)?;
        for (position, place) in places.enumerate() {
            self.pick(0)?;
            self.pick(count - position + 1)?;
            self.store_to(Region::Objects, store_of(place.storage), place.offset)?;
        }
        self.leave(&mut scope)?;
        self.close_scope(scope)
    }

    // Structs.

    fn struct_layout(&self, ty: TypeIdx) -> Result<&'_ StructLayout> {
        self.module.struct_layout(ty).ok_or_else(|| internal("a struct of no struct type"))
    }

    fn field(&self, ty: TypeIdx, field: u32) -> Result<FieldLayout> {
        Ok(self.struct_layout(ty)?.fields[field as usize])
    }

    pub(super) fn struct_new(&mut self, ty: TypeIdx) -> Result<()> {
        let module = self.module;
        let layout = module.struct_layout(ty).ok_or_else(|| internal("a struct of no struct type"))?;
        self.make_object((ty, layout.size, None), layout.fields.iter().copied())
    }

    pub(super) fn struct_new_default(&mut self, ty: TypeIdx) -> Result<()> {
        let bytes = self.struct_layout(ty)?.size;
        self.allocate(ty, bytes, None)
    }

    pub(super) fn struct_get(&mut self, ty: TypeIdx, field: u32, signed: bool) -> Result<()> {
        let FieldLayout { offset, storage } = self.field(ty, field)?;
        self.check_not_null(0, TrapCode::NullStructure)?;
        self.load_from(Region::Objects, load_of(storage, signed), offset)
    }

    pub(super) fn struct_set(&mut self, ty: TypeIdx, field: u32) -> Result<()> {
        let FieldLayout { offset, storage } = self.field(ty, field)?;
        self.check_not_null(1, TrapCode::NullStructure)?;
        self.store_to(Region::Objects, store_of(storage), offset)
    }

    // Arrays.

    fn array_layout(&self, ty: TypeIdx) -> Result<ArrayLayout> {
        self.module.array_layout(ty).ok_or_else(|| internal("an array of no array type"))
    }

    /// `[array] -> [i32]`, of one that is not null.
    fn length(&mut self) -> Result<()> {
        self.load_from(Region::Headers, Load::I32, ARRAY_LENGTH)
    }

    pub(super) fn array_len(&mut self) -> Result<()> {
        self.check_not_null(0, TrapCode::NullArray)?;
        self.length()
    }

    /// Checks an array and an index, which `above` others stand on.
    fn check_element(&mut self, above: usize) -> Result<()> {
        self.check_not_null(above + 1, TrapCode::NullArray)?;
        self.pick(above)?;
        self.pick(above + 2)?;
        self.length()?;
        self.compare(IntCompare::GeU, Width::W32)?;
        self.trap_if(TrapCode::ArrayOutOfBounds)
    }

    /// `[array i32] -> [address]`, without the offset of elements. An index that a processor only guesses to be inside stays within 4 GiB of the array.
    fn element_address(&mut self, layout: ArrayLayout) -> Result<()> {
        if layout.element_log2 > 0 {
            self.int_with(IntBinary::Shl, layout.element_log2.into())?;
        }
        self.convert(Convert::ExtendU)?;
        self.int(IntBinary::Add, Width::W64)
    }

    pub(super) fn array_get(&mut self, ty: TypeIdx, signed: bool) -> Result<()> {
        let layout = self.array_layout(ty)?;
        self.check_element(0)?;
        self.element_address(layout)?;
        self.load_from(Region::Objects, load_of(layout.storage, signed), ARRAY_ELEMENTS)
    }

    pub(super) fn array_set(&mut self, ty: TypeIdx) -> Result<()> {
        let layout = self.array_layout(ty)?;
        self.check_element(1)?;
        self.pick(2)?;
        self.pick(2)?;
        self.element_address(layout)?;
        self.pick(1)?;
        self.store_to(Region::Objects, store_of(layout.storage), ARRAY_ELEMENTS)?;
        self.drop_operands(3)
    }

    pub(super) fn array_new_fixed(&mut self, ty: TypeIdx, len: u32) -> Result<()> {
        let layout = self.array_layout(ty)?;
        let ArrayLayout { element_log2, storage } = layout;
        let bytes = u32::try_from(layout.size(len)).map_err(|_| internal("more operands than there can be"))?;
        let place = |position| FieldLayout { offset: ARRAY_ELEMENTS + (position << element_log2), storage };
        // Of `u32`s, whose ranges know no exact length on every machine.
        self.make_object((ty, bytes, Some(len)), (0..len as usize).map(|position| place(position as u32)))
    }

    pub(super) fn array_new_from(&mut self, call: HostCall) -> Result<()> {
        self.libcall(call, &[Ty::I32, Ty::I32], false)
    }

    /// `[t i32] -> [array]`
    pub(super) fn array_new(&mut self, ty: TypeIdx) -> Result<()> {
        let layout = self.array_layout(ty)?;
        let value = layout.storage.unpacked().ty();
        let mut scope = self.open_scope(&[value, Ty::I32], &[Ty::Ref])?;
        self.libcall(HostCall::ArrayAlloc { ty }, &[Ty::I32], false)?;
        // All of it.
        self.pick(0)?;
        self.push_i32(0)?;
        self.pick(3)?;
        self.pick(2)?;
        self.length()?;
        self.fill(layout)?;
        self.leave(&mut scope)?;
        self.close_scope(scope)
    }

    pub(super) fn array_fill(&mut self, ty: TypeIdx) -> Result<()> {
        let layout = self.array_layout(ty)?;
        self.check_not_null(3, TrapCode::NullArray)?;
        self.fill(layout)
    }

    /// `[array i32 t i32] -> []`, of one that is not null.
    fn fill(&mut self, layout: ArrayLayout) -> Result<()> {
        let ty = layout.storage.unpacked().ty();
        let bits = match ty {
            Ty::I32 | Ty::I64 | Ty::Ref => {
                return self.libcall(HostCall::ArrayFill {}, &[Ty::Ref, Ty::I32, ty, Ty::I32], false);
            }
            Ty::F32 => Width::W32,
            Ty::F64 => Width::W64,
            Ty::V128 => return self.fill_vectors(layout),
        };
        self.pick(3)?;
        self.pick(3)?;
        self.pick(3)?;
        self.convert(Convert::ReinterpretFloat(bits))?;
        self.pick(3)?;
        self.libcall(HostCall::ArrayFill {}, &[Ty::Ref, Ty::I32, bits.int(), Ty::I32], false)?;
        self.drop_operands(4)
    }

    /// The same with a value that no libcall takes: in a loop.
    fn fill_vectors(&mut self, layout: ArrayLayout) -> Result<()> {
        // Start and length together are within the length.
        self.pick(2)?;
        self.convert(Convert::ExtendU)?;
        self.pick(1)?;
        self.convert(Convert::ExtendU)?;
        self.int(IntBinary::Add, Width::W64)?;
        self.pick(4)?;
        self.length()?;
        self.convert(Convert::ExtendU)?;
        self.compare(IntCompare::GtU, Width::W64)?;
        self.trap_if(TrapCode::ArrayOutOfBounds)?;
        // The address of the next element, and the end.
        self.pick(3)?;
        self.pick(3)?;
        self.element_address(layout)?;
        self.pick(0)?;
        self.pick(2)?;
        self.element_address(layout)?;
        let mut scope = self.open_scope(&[Ty::I64, Ty::I64], &[])?;
        self.pay(Meter::Count)?;
        let header = self.top(2);
        let sig = BlockSig { params: &[Ty::I64, Ty::I64], results: &[] };
        let mut again = self.codegen.loop_(sig, &mut self.stacks.values[header..])?;
        self.pick(1)?;
        self.pick(1)?;
        self.compare(IntCompare::GeU, Width::W64)?;
        self.leave_if(&mut scope)?;
        self.pick(1)?;
        self.pick(4)?;
        self.store_to(Region::Objects, Store::V128, ARRAY_ELEMENTS)?;
        self.pick(1)?;
        self.push_i64(1 << layout.element_log2)?;
        self.int(IntBinary::Add, Width::W64)?;
        self.pick(1)?;
        self.cost += meter::PLAIN;
        self.pay(Meter::Check)?;
        let args = self.top(2);
        self.codegen.br(&mut again, &self.stacks.values[args..])?;
        self.reachable = false;
        self.codegen.end(again, None, false, &mut self.stacks.results)?;
        self.close_scope(scope)?;
        self.drop_operands(4)
    }

    pub(super) fn array_copy(&mut self) -> Result<()> {
        self.check_not_null(4, TrapCode::NullArray)?;
        self.check_not_null(2, TrapCode::NullArray)?;
        self.libcall(HostCall::ArrayCopy {}, &[Ty::Ref, Ty::I32, Ty::Ref, Ty::I32, Ty::I32], false)
    }

    pub(super) fn array_init(&mut self, call: HostCall) -> Result<()> {
        self.check_not_null(3, TrapCode::NullArray)?;
        self.libcall(call, &[Ty::Ref, Ty::I32, Ty::I32, Ty::I32], false)
    }

    // Conversions between the host's references and internal ones.

    /// Internal references that went outside come back as they are: no handle is that small.
    pub(super) fn any_convert_extern(&mut self) -> Result<()> {
        let mut same = self.open_scope(&[Ty::Ref], &[Ty::Ref])?;
        self.pick(0)?;
        self.push_i64(32)?;
        self.int(IntBinary::ShrU, Width::W64)?;
        self.unary(|c, value| c.int_eqz(Width::W64, value))?;
        self.leave_if(&mut same)?;
        self.libcall(HostCall::AnyConvertExtern {}, &[Ty::Ref], false)?;
        self.close_scope(same)
    }

    /// What is no cell of the host goes outside as it is.
    pub(super) fn extern_convert_any(&mut self) -> Result<()> {
        let any = |heap| matches!(heap, wasmparser::HeapType::Abstract { ty: wasmparser::AbstractHeapType::Any, .. });
        if !self.operands[0].is_none_or(|ty| any(ty.heap_type())) {
            return Ok(());
        }
        let mut same = self.open_scope(&[Ty::Ref], &[Ty::Ref])?;
        if self.may_be_null(0) {
            self.pick(0)?;
            self.unary(C::ref_is_null)?;
            self.leave_if(&mut same)?;
        }
        self.push_is_i31()?;
        self.leave_if(&mut same)?;
        self.pick(0)?;
        self.load_from(Region::Headers, Load::I32, OBJECT_HEADER)?;
        self.compare_with(IntCompare::Ne, HOST_CELL_TYPE_ID)?;
        self.leave_if(&mut same)?;
        self.load_from(Region::Objects, Load::I64, HOST_CELL_HANDLE)?;
        self.close_scope(same)
    }

    /// Pushes whether the topmost operand, an internal reference, is an unboxed integer.
    pub(super) fn push_is_i31(&mut self) -> Result<()> {
        self.pick(0)?;
        self.convert(Convert::Wrap)?;
        self.int_with(IntBinary::And, 1)
    }
}
