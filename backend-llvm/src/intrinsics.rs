//! The small vocabulary on top of inkwell's builder that the operator files are written in: types, constants, casts,
//! intrinsics, inline assembly, loads and stores with alias classes, and traps.

use std::collections::HashMap;

use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::builder::BuilderError;
use inkwell::context::Context;
use inkwell::intrinsics::Intrinsic;
use inkwell::types::{BasicMetadataTypeEnum, BasicType, BasicTypeEnum, FloatType, IntType, PointerType, VectorType};
use inkwell::values::{
    BasicMetadataValueEnum, BasicValue, BasicValueEnum, CallSiteValue, FunctionValue, InstructionOpcode,
    InstructionValue, IntValue, MetadataValue, PointerValue, ValueKind, VectorValue,
};
use inkwell::{AddressSpace, FloatPredicate, InlineAsmDialect, IntPredicate};
use wasmer_runtime_core::compiler::CompileError;
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::translate::ops::IntShape;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{GlobalIdx, MemoryIdx, Ty, Width};

use crate::codegen::{Codegen, V};

/// The section that trap sites are recorded in, see [`Codegen::trap_here`].
pub(crate) const TRAP_SECTION: &str = ".wasmtraps";
/// Bytes of an entry of [`TRAP_SECTION`]: place, wasm offset, trap code, 32 bits each.
pub(crate) const TRAP_ENTRY_BYTES: usize = 12;

/// An error that only a bug can cause.
pub(crate) fn internal(message: impl std::fmt::Display) -> CompileError {
    CompileError::Internal { by: "llvm", message: message.to_string() }
}

/// Turns the builder's errors, which only bugs cause, into ours.
pub(crate) trait Built<T> {
    fn built(self) -> Result<T>;
}

impl<T> Built<T> for std::result::Result<T, BuilderError> {
    fn built(self) -> Result<T> {
        self.map_err(internal)
    }
}

/// The types in use, made once per LLVM context.
#[derive(Clone, Copy)]
pub(crate) struct Types<'ctx> {
    pub(crate) i1: IntType<'ctx>,
    pub(crate) i8: IntType<'ctx>,
    pub(crate) i16: IntType<'ctx>,
    pub(crate) i32: IntType<'ctx>,
    pub(crate) i64: IntType<'ctx>,
    pub(crate) i128: IntType<'ctx>,
    pub(crate) f32: FloatType<'ctx>,
    pub(crate) f64: FloatType<'ctx>,
    pub(crate) ptr: PointerType<'ctx>,
    /// How a `v128` travels: the lanes are cast at each use.
    pub(crate) v128: VectorType<'ctx>,
}

impl<'ctx> Types<'ctx> {
    pub(crate) fn new(ctx: &'ctx Context) -> Self {
        Self {
            i1: ctx.bool_type(),
            i8: ctx.i8_type(),
            i16: ctx.i16_type(),
            i32: ctx.i32_type(),
            i64: ctx.i64_type(),
            i128: ctx.i128_type(),
            f32: ctx.f32_type(),
            f64: ctx.f64_type(),
            ptr: ctx.ptr_type(AddressSpace::default()),
            v128: ctx.i64_type().vec_type(2),
        }
    }

    /// The type that represents a value; a reference is a 64-bit integer.
    pub(crate) fn of(&self, ty: Ty) -> BasicTypeEnum<'ctx> {
        match ty {
            Ty::I32 => self.i32.into(),
            Ty::I64 | Ty::Ref => self.i64.into(),
            Ty::F32 => self.f32.into(),
            Ty::F64 => self.f64.into(),
            Ty::V128 => self.v128.into(),
        }
    }

    pub(crate) fn int(&self, width: Width) -> IntType<'ctx> {
        match width {
            Width::W32 => self.i32,
            Width::W64 => self.i64,
        }
    }

    pub(crate) fn int_bits(&self, bits: u32) -> IntType<'ctx> {
        match bits {
            8 => self.i8,
            16 => self.i16,
            32 => self.i32,
            64 => self.i64,
            _ => self.i128,
        }
    }

    pub(crate) fn float(&self, width: Width) -> FloatType<'ctx> {
        match width {
            Width::W32 => self.f32,
            Width::W64 => self.f64,
        }
    }

    /// The vector type with the lanes of `shape`.
    pub(crate) fn lanes(&self, shape: IntShape) -> VectorType<'ctx> {
        self.int_bits(shape.lane_bits()).vec_type(128 / shape.lane_bits())
    }

    pub(crate) fn float_lanes(&self, width: Width) -> VectorType<'ctx> {
        self.float(width).vec_type(128 / width.bits())
    }
}

/// What a load or store touches: different classes never overlap (type-based alias metadata).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AliasClass {
    /// A linear memory that the module defines.
    Memory(MemoryIdx),
    /// Any imported memory: two imports can be the same one.
    ImportedMemories,
    /// A global that the module defines.
    Global(GlobalIdx),
    /// Any imported global: two imports can be the same one.
    ImportedGlobals,
    /// `VMTable`s.
    Tables,
    /// Elements of tables.
    Elements,
    /// What never changes: the fixed part of the vmctx, entries of imports, function references.
    Constant,
    /// `VMMemory::len`.
    MemoryLength,
    /// Buffers of results and of array calls, on the stack; the store's room for values on their way.
    Buffer,
    /// The exception on its way, without its values.
    Caught,
    /// The store's fuel.
    Fuel,
    /// Fields and elements of objects in the heap.
    Objects,
    /// Type ids of objects, and lengths of arrays.
    Headers,
    /// Where code allocates.
    Cursor,
    /// The process's table of displays.
    Displays,
    /// Type ids of functions.
    FuncRefs,
    /// The addresses of references to functions.
    References,
}

/// Metadata nodes, attributes and declarations that are made at most once per LLVM module.
#[derive(Default)]
pub(crate) struct Caches<'ctx> {
    alias: HashMap<AliasClass, MetadataValue<'ctx>>,
    /// A few dozen at most, so a list.
    intrinsics: Vec<(&'static str, Vec<BasicTypeEnum<'ctx>>, FunctionValue<'ctx>)>,
}

impl<'ctx> Codegen<'ctx, '_> {
    // Values.
    pub(crate) fn const_i32(&self, value: i32) -> IntValue<'ctx> {
        self.t.i32.const_int(value as u32 as u64, false)
    }

    pub(crate) fn const_i64(&self, value: u64) -> IntValue<'ctx> {
        self.t.i64.const_int(value, false)
    }

    /// An integer constant of the type of `like`, repeated in every lane if that is a vector.
    pub(crate) fn const_like(&self, like: BasicValueEnum<'ctx>, value: u64) -> BasicValueEnum<'ctx> {
        match like.get_type() {
            BasicTypeEnum::VectorType(ty) => {
                let lane = ty.get_element_type().into_int_type().const_int(value, false);
                VectorType::const_vector(&vec![lane; ty.get_size() as usize]).into()
            }
            ty => ty.into_int_type().const_int(value, false).into(),
        }
    }

    /// A floating point constant of the type of `like`, repeated in every lane if that is a vector.
    pub(crate) fn const_float_like(&self, like: BasicValueEnum<'ctx>, value: f64) -> BasicValueEnum<'ctx> {
        match like.get_type() {
            BasicTypeEnum::VectorType(ty) => {
                let lane = ty.get_element_type().into_float_type().const_float(value);
                VectorType::const_vector(&vec![lane; ty.get_size() as usize]).into()
            }
            ty => ty.into_float_type().const_float(value).into(),
        }
    }

    // Instructions over scalars and vectors alike.
    pub(crate) fn bin(
        &self,
        op: InstructionOpcode,
        lhs: impl BasicValue<'ctx>,
        rhs: impl BasicValue<'ctx>,
    ) -> Result<BasicValueEnum<'ctx>> {
        self.b.build_binop(op, lhs.as_basic_value_enum(), rhs.as_basic_value_enum(), "").built()
    }

    pub(crate) fn cast(
        &self,
        op: InstructionOpcode,
        value: impl BasicValue<'ctx>,
        to: impl BasicType<'ctx>,
    ) -> Result<BasicValueEnum<'ctx>> {
        self.b.build_cast(op, value, to, "").built()
    }

    pub(crate) fn bitcast(
        &self,
        value: impl BasicValue<'ctx>,
        to: impl BasicType<'ctx>,
    ) -> Result<BasicValueEnum<'ctx>> {
        self.cast(InstructionOpcode::BitCast, value, to)
    }

    /// The constant lanes of `ty` with the bits of a constant `v128`, if it is one. The builder, which knows nothing of
    /// byte order, would leave an expression that hides them.
    pub(crate) fn constant_lanes(&self, value: V<'ctx>, ty: VectorType<'ctx>) -> Result<Option<V<'ctx>>> {
        let BasicValueEnum::VectorValue(vector) = value else { return Ok(None) };
        if vector.get_type() != self.t.v128 || !vector.is_const() {
            return Ok(None);
        }
        let half = |lane| match vector.is_constant_data_vector() {
            true => vector.get_element_as_constant(lane).into_int_value().get_zero_extended_constant(),
            false => vector.is_null().then_some(0),
        };
        let (Some(low), Some(high)) = (half(0), half(1)) else { return Ok(None) };
        let bits = low as u128 | (high as u128) << 64;
        let count = ty.get_size();
        let width = 128 / count;
        let lane = |lane: u32| {
            let mask = u64::MAX >> (64 - width);
            self.t.int_bits(width).const_int((bits >> (lane * width)) as u64 & mask, false)
        };
        if let BasicTypeEnum::FloatType(float) = ty.get_element_type() {
            let mut lanes = Vec::with_capacity(count as usize);
            for position in 0..count {
                lanes.push(self.bitcast(lane(position), float)?.into_float_value());
            }
            return Ok(Some(VectorType::const_vector(&lanes).into()));
        }
        let lanes: Vec<_> = (0..count).map(lane).collect();
        Ok(Some(VectorType::const_vector(&lanes).into()))
    }

    /// Integer comparison; a boolean or a vector of booleans.
    pub(crate) fn icmp(
        &self,
        predicate: IntPredicate,
        lhs: BasicValueEnum<'ctx>,
        rhs: BasicValueEnum<'ctx>,
    ) -> Result<BasicValueEnum<'ctx>> {
        Ok(match (lhs, rhs) {
            (BasicValueEnum::VectorValue(lhs), BasicValueEnum::VectorValue(rhs)) => {
                self.b.build_int_compare(predicate, lhs, rhs, "").built()?.into()
            }
            _ => self.b.build_int_compare(predicate, lhs.into_int_value(), rhs.into_int_value(), "").built()?.into(),
        })
    }

    /// Floating point comparison; a boolean or a vector of booleans.
    pub(crate) fn fcmp(
        &self,
        predicate: FloatPredicate,
        lhs: BasicValueEnum<'ctx>,
        rhs: BasicValueEnum<'ctx>,
    ) -> Result<BasicValueEnum<'ctx>> {
        Ok(match (lhs, rhs) {
            (BasicValueEnum::VectorValue(lhs), BasicValueEnum::VectorValue(rhs)) => {
                self.b.build_float_compare(predicate, lhs, rhs, "").built()?.into()
            }
            _ => self
                .b
                .build_float_compare(predicate, lhs.into_float_value(), rhs.into_float_value(), "")
                .built()?
                .into(),
        })
    }

    pub(crate) fn select_value(
        &self,
        condition: BasicValueEnum<'ctx>,
        if_true: BasicValueEnum<'ctx>,
        if_false: BasicValueEnum<'ctx>,
    ) -> Result<BasicValueEnum<'ctx>> {
        match condition {
            BasicValueEnum::VectorValue(lanes) => self.b.build_select(lanes, if_true, if_false, "").built(),
            _ => self.b.build_select(condition.into_int_value(), if_true, if_false, "").built(),
        }
    }

    /// `value != 0` as a boolean.
    pub(crate) fn is_true(&self, value: BasicValueEnum<'ctx>) -> Result<IntValue<'ctx>> {
        Ok(self.icmp(IntPredicate::NE, value, self.const_like(value, 0))?.into_int_value())
    }

    /// A boolean as an `i32`.
    pub(crate) fn flag(&self, value: BasicValueEnum<'ctx>) -> Result<BasicValueEnum<'ctx>> {
        self.cast(InstructionOpcode::ZExt, value, self.t.i32)
    }

    pub(crate) fn shuffle(
        &self,
        lhs: BasicValueEnum<'ctx>,
        rhs: BasicValueEnum<'ctx>,
        lanes: impl IntoIterator<Item = u32>,
    ) -> Result<BasicValueEnum<'ctx>> {
        let mask: Vec<_> = lanes.into_iter().map(|lane| self.t.i32.const_int(lane as u64, false)).collect();
        let mask: VectorValue<'ctx> = VectorType::const_vector(&mask);
        Ok(self.b.build_shuffle_vector(lhs.into_vector_value(), rhs.into_vector_value(), mask, "").built()?.into())
    }

    // Calls of intrinsics and assembly.
    /// Calls an intrinsic that has a result; `overload` are the types that its name is completed with.
    pub(crate) fn intrinsic(
        &mut self,
        name: &'static str,
        overload: &[BasicTypeEnum<'ctx>],
        args: &[BasicMetadataValueEnum<'ctx>],
    ) -> Result<BasicValueEnum<'ctx>> {
        let known =
            self.caches.intrinsics.iter().find(|(known, types, _)| *known == name && types.as_slice() == overload);
        let function = match known {
            Some(&(_, _, function)) => function,
            None => {
                let intrinsic = Intrinsic::find(name).ok_or_else(|| internal(format!("no intrinsic `{name}`")))?;
                let function = intrinsic
                    .get_declaration(&self.module, overload)
                    .ok_or_else(|| internal(format!("no such overload of `{name}`")))?;
                self.caches.intrinsics.push((name, overload.to_vec(), function));
                function
            }
        };
        value_of(self.b.build_direct_call(function, args, "").built()?)
    }

    /// An intrinsic over values of one type, which is also its overload.
    pub(crate) fn intrinsic_like(
        &mut self,
        name: &'static str,
        args: &[BasicValueEnum<'ctx>],
    ) -> Result<BasicValueEnum<'ctx>> {
        let args_meta: Vec<_> = args.iter().map(|&arg| arg.into()).collect();
        self.intrinsic(name, &[args[0].get_type()], &args_meta)
    }

    /// Hides from LLVM that a value is a constant: as the result of assembly, which is empty and leaves it in its register.
    pub(crate) fn opaque(&self, value: BasicValueEnum<'ctx>) -> Result<BasicValueEnum<'ctx>> {
        let ty = value.get_type().fn_type(&[value.get_type().into()], false);
        let asm = self.ctx.create_inline_asm(
            ty,
            String::new(),
            // A general register for integers, a vector register for everything else.
            if value.is_int_value() { "=r,0" } else { "=x,0" }.into(),
            false,
            false,
            Some(InlineAsmDialect::ATT),
            false,
        );
        let call = self.b.build_indirect_call(ty, asm, &[value.into()], "").built()?;
        call.add_attribute(AttributeLoc::Function, self.nounwind);
        value_of(call)
    }

    // Memory that is not guest memory.
    /// `base + offset`. Nothing is claimed about where the result points (no `inbounds`).
    pub(crate) fn at(&self, base: PointerValue<'ctx>, offset: impl Into<Offset<'ctx>>) -> Result<PointerValue<'ctx>> {
        let offset = match offset.into() {
            Offset::Static(0) => return Ok(base),
            Offset::Static(offset) => self.t.i64.const_int(offset as u64, true),
            Offset::Dynamic(offset) => offset,
        };
        // SAFETY: a `getelementptr` over bytes without `inbounds` is plain address arithmetic.
        unsafe { self.b.build_gep(self.t.i8, base, &[offset], "") }.built()
    }

    /// A load with an alias class; `align` in bytes.
    pub(crate) fn load_from(
        &mut self,
        ty: impl BasicType<'ctx>,
        address: PointerValue<'ctx>,
        class: AliasClass,
        align: u32,
    ) -> Result<BasicValueEnum<'ctx>> {
        let value = self.b.build_load(ty, address, "").built()?;
        let instruction = instruction_of(value)?;
        instruction.set_alignment(align).map_err(internal)?;
        self.tag(instruction, class)?;
        Ok(value)
    }

    /// A load of something that no one changes while code of this instance runs.
    pub(crate) fn load_constant(
        &mut self,
        ty: impl BasicType<'ctx>,
        base: PointerValue<'ctx>,
        offset: i32,
        align: u32,
    ) -> Result<BasicValueEnum<'ctx>> {
        let address = self.at(base, offset as i64)?;
        let value = self.load_from(ty, address, AliasClass::Constant, align)?;
        self.invariant(value)?;
        Ok(value)
    }

    pub(crate) fn load_constant_ptr(&mut self, base: PointerValue<'ctx>, offset: i32) -> Result<PointerValue<'ctx>> {
        Ok(self.load_constant(self.t.ptr, base, offset, 8)?.into_pointer_value())
    }

    /// Marks a load as one of memory that does not change.
    pub(crate) fn invariant(&self, value: BasicValueEnum<'ctx>) -> Result<()> {
        instruction_of(value)?.set_metadata(self.empty_node, self.kinds.invariant_load).map_err(internal)
    }

    pub(crate) fn store_to(
        &mut self,
        address: PointerValue<'ctx>,
        value: BasicValueEnum<'ctx>,
        class: AliasClass,
        align: u32,
    ) -> Result<InstructionValue<'ctx>> {
        let instruction = self.b.build_store(address, value).built()?;
        instruction.set_alignment(align).map_err(internal)?;
        self.tag(instruction, class)?;
        Ok(instruction)
    }

    /// Attaches the alias class to an access.
    pub(crate) fn tag(&mut self, instruction: InstructionValue<'ctx>, class: AliasClass) -> Result<()> {
        let node = self.alias_node(class);
        instruction.set_metadata(node, self.kinds.tbaa).map_err(internal)
    }

    /// The access tag of a class: base type, access type, offset. Every class is a scalar type right below the one root, and LLVM takes accesses of two types for
    /// disjoint if neither is above the other.
    pub(crate) fn alias_node(&mut self, class: AliasClass) -> MetadataValue<'ctx> {
        if let Some(&node) = self.caches.alias.get(&class) {
            return node;
        }
        let zero: BasicMetadataValueEnum<'ctx> = self.const_i64(0).into();
        let root = self.ctx.metadata_node(&[self.ctx.metadata_string("wasm").into()]);
        let name = self.ctx.metadata_string(&format!("{class:?}"));
        let ty = self.ctx.metadata_node(&[name.into(), root.into(), zero]);
        let node = self.ctx.metadata_node(&[ty.into(), ty.into(), zero]);
        self.caches.alias.insert(class, node);
        node
    }

    // Traps.
    /// Ends the block with a trap: `ud2`, whose place, trap code and wasm offset go to a section of their own.
    ///
    /// The numbers are operands of the assembly, so that LLVM never merges traps that differ; it may copy them. The assembly says that it uses memory
    /// (`~{memory}`): the host sees the memory after a trap, so stores before it are not dead.
    pub(crate) fn trap_here(&mut self, code: TrapCode) -> Result<()> {
        self.trap_by("ud2", "i,i,~{memory}", code, &[])
    }

    /// The same by an instruction with operands, which are `$2` and so on.
    pub(crate) fn trap_by(
        &mut self,
        instruction: &str,
        constraints: &str,
        code: TrapCode,
        operands: &[V<'ctx>],
    ) -> Result<()> {
        let numbers = [self.offset, code as u32].map(|number| self.t.i32.const_int(number.into(), false).into());
        let operands = [&numbers, operands].concat();
        let types: Vec<_> = operands.iter().map(|operand: &V<'ctx>| operand.get_type().into()).collect();
        let ty = self.ctx.void_type().fn_type(&types, false);
        // `:c` prints a number without the `$` of an immediate. The place is relative to its entry, so the section needs no absolute address.
        let text = format!(
            "1: {instruction}\n\t.pushsection {TRAP_SECTION},\"\",@progbits\n\t.long 1b - .\n\t.long ${{0:c}}\n\t.long ${{1:c}}\n\t.popsection"
        );
        let asm =
            self.ctx.create_inline_asm(ty, text, constraints.into(), true, false, Some(InlineAsmDialect::ATT), false);
        let operands: Vec<_> = operands.into_iter().map(Into::into).collect();
        let call = self.b.build_indirect_call(ty, asm, &operands, "").built()?;
        for attribute in [self.nounwind, self.noreturn, self.cold] {
            call.add_attribute(AttributeLoc::Function, attribute);
        }
        self.b.build_unreachable().built()?;
        Ok(())
    }

    /// Traps if `condition` holds; code generation goes on behind the check.
    pub(crate) fn trap_if(&mut self, condition: IntValue<'ctx>, code: TrapCode) -> Result<()> {
        self.trap_by_if(condition, |cg| cg.trap_here(code))
    }

    /// The same by what `trap_here` writes.
    pub(crate) fn trap_by_if(
        &mut self,
        condition: IntValue<'ctx>,
        trap_here: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let trap = self.new_block();
        let next = self.new_block();
        self.b.build_conditional_branch(condition, trap, next).built()?;
        self.b.position_at_end(trap);
        trap_here(self)?;
        self.b.position_at_end(next);
        Ok(())
    }

    /// Marks a conditional branch as almost always going one way.
    pub(crate) fn expect(&self, branch: InstructionValue<'ctx>, taken: bool) -> Result<()> {
        // The odds that LLVM itself takes for `llvm.expect`.
        let (yes, no) = if taken { (2000, 1) } else { (1, 2000) };
        let weights = self.ctx.metadata_node(&[
            self.ctx.metadata_string("branch_weights").into(),
            self.const_i32(yes).into(),
            self.const_i32(no).into(),
        ]);
        branch.set_metadata(weights, self.kinds.prof).map_err(internal)
    }
}

/// A displacement of [`Codegen::at`].
pub(crate) enum Offset<'ctx> {
    /// Known now.
    Static(i64),
    /// A 64-bit value.
    Dynamic(IntValue<'ctx>),
}

impl From<i64> for Offset<'_> {
    fn from(offset: i64) -> Self {
        Self::Static(offset)
    }
}

impl<'ctx> From<IntValue<'ctx>> for Offset<'ctx> {
    fn from(offset: IntValue<'ctx>) -> Self {
        Self::Dynamic(offset)
    }
}

/// Metadata kinds by number.
#[derive(Clone, Copy)]
pub(crate) struct Kinds {
    pub(crate) tbaa: u32,
    pub(crate) invariant_load: u32,
    pub(crate) prof: u32,
}

impl Kinds {
    pub(crate) fn new(ctx: &Context) -> Self {
        Self {
            tbaa: ctx.get_kind_id("tbaa"),
            invariant_load: ctx.get_kind_id("invariant.load"),
            prof: ctx.get_kind_id("prof"),
        }
    }
}

/// An attribute without a value.
pub(crate) fn enum_attribute(ctx: &Context, name: &str) -> Attribute {
    ctx.create_enum_attribute(Attribute::get_named_enum_kind_id(name), 0)
}

/// The result of a call that has one.
pub(crate) fn value_of(call: CallSiteValue<'_>) -> Result<BasicValueEnum<'_>> {
    match call.try_as_basic_value() {
        ValueKind::Basic(value) => Ok(value),
        ValueKind::Instruction(_) => Err(internal("a call without a result")),
    }
}

/// The instruction that a value is the result of.
pub(crate) fn instruction_of(value: BasicValueEnum<'_>) -> Result<InstructionValue<'_>> {
    value.as_instruction_value().ok_or_else(|| internal("not an instruction"))
}

/// Parameter types as function types want them.
pub(crate) fn params<'ctx>(types: impl IntoIterator<Item = BasicTypeEnum<'ctx>>) -> Vec<BasicMetadataTypeEnum<'ctx>> {
    types.into_iter().map(Into::into).collect()
}
