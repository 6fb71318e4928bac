//! The code generator: state of one function, and the dispatch from the translator's calls to the operator families.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    AbiParam, AliasRegion, AliasRegionData, Block, BlockArg, Endianness, FuncRef, Function, InstBuilder, MemFlagsData,
    SigRef, Signature as ClifSignature, SourceLoc, TrapCode as ClifTrap, Type, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder, FunctionBuilderContext, Variable};
use rustc_hash::FxHashMap;
use wasmer_runtime_core::libcall::Libcall;
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::codegen::{
    Access, BlockSig, Callee, FuncCodegen, GlobalRef, Location, MemoryRef, Meter, Result,
};
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::control::Frame;
use crate::locals::Locals;
use crate::memory::Region;
use crate::target::Target;
use crate::{call, control, convert, float, int, locals, memory, simd};

/// The type in which vectors cross block, call and local boundaries; in between they have the type of their last operator.
pub(crate) const V128: Type = types::I8X16;

/// The representation of a type.
pub(crate) const fn clif_type(ty: Ty) -> Type {
    match ty {
        Ty::I32 => types::I32,
        Ty::I64 | Ty::Ref => types::I64,
        Ty::F32 => types::F32,
        Ty::F64 => types::F64,
        Ty::V128 => V128,
    }
}

/// The wasm call convention: Cranelift's `tail`, with the callee's vmctx first. Where code is metered, the store's fuel comes behind it, and is the
/// first result.
pub(crate) fn wasm_signature(module: &ModuleInfo, signature: &Signature) -> ClifSignature {
    let mut clif = ClifSignature::new(CallConv::Tail);
    clif.params.reserve(signature.params.len() + 2);
    clif.params.push(AbiParam::new(types::I64));
    if module.metered {
        clif.params.push(AbiParam::new(types::I64));
        clif.returns.push(AbiParam::new(types::I64));
    }
    clif.params.extend(signature.params.iter().map(|ty| AbiParam::new(clif_type(*ty))));
    clif.returns.extend(signature.results.iter().map(|ty| AbiParam::new(clif_type(*ty))));
    clif
}

/// Our trap codes travel through Cranelift as user codes of the same number.
pub(crate) const fn clif_trap(code: TrapCode) -> ClifTrap {
    ClifTrap::unwrap_user(code as u8)
}

/// Allocations that a worker reuses from function to function.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Constants of the vmctx that the current function uses, by offset.
    pub(crate) constants: FxHashMap<i32, Value>,
    /// Functions that the current one calls.
    pub(crate) functions: FxHashMap<DefinedFuncIdx, FuncRef>,
    /// Wasm call signatures that the current function uses.
    pub(crate) signatures: FxHashMap<Signature, SigRef>,
    /// Libcall signatures that the current function uses.
    pub(crate) libcalls: FxHashMap<Libcall, SigRef>,
    /// Arguments of the branch that is being emitted.
    pub(crate) block_args: Vec<BlockArg>,
    /// Arguments of the call that is being emitted.
    pub(crate) call_args: Vec<Value>,
    /// Whether the function has grown out of proportion by its locals, see [`control::check_size`].
    pub(crate) outgrown: bool,
}

impl Scratch {
    fn clear(&mut self) {
        self.constants.clear();
        self.functions.clear();
        self.signatures.clear();
        self.libcalls.clear();
        self.outgrown = false;
    }
}

/// Writes the IR of one function.
pub(crate) struct Codegen<'a> {
    pub(crate) builder: FunctionBuilder<'a>,
    pub(crate) module: &'a ModuleInfo,
    pub(crate) target: Target,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) vmctx: Value,
    entry: Block,
    pub(crate) function: FuncIdx,
    pub(crate) locals: Locals,
    pub(crate) locals_in_frame: bool,
    /// How many there are.
    pub(crate) locals_len: usize,
    /// Bytes of the body.
    pub(crate) body_bytes: usize,
    /// What is left of the store's fuel, if the module is metered.
    pub(crate) fuel: Option<Variable>,
    /// Work on block parameters that were not needed, see [`control::check_size`].
    pub(crate) dropping: u64,
}

impl<'a> Codegen<'a> {
    /// A code generator for `func`, which is empty.
    pub(crate) fn new(
        func: &'a mut Function,
        context: &'a mut FunctionBuilderContext,
        module: &'a ModuleInfo,
        target: Target,
        scratch: &'a mut Scratch,
    ) -> Self {
        scratch.clear();
        let builder = FunctionBuilder::new(func, context);
        Self {
            builder,
            module,
            target,
            scratch,
            vmctx: Value::from_u32(0),
            entry: Block::from_u32(0),
            function: FuncIdx(0),
            locals: Locals::Variables,
            locals_in_frame: false,
            locals_len: 0,
            body_bytes: 0,
            fuel: None,
            dropping: 0,
        }
    }

    /// Completes the IR after [`FuncCodegen::finish`].
    pub(crate) fn finalize(self, config: TargetFrontendConfig) {
        self.builder.finalize(config);
    }

    /// The builder of the next instruction.
    pub(crate) fn ins<'short>(&'short mut self) -> FuncInstBuilder<'short, 'a> {
        self.builder.ins()
    }

    /// The type of a value.
    pub(crate) fn value_type(&self, value: Value) -> Type {
        self.builder.func.dfg.value_type(value)
    }

    /// A vector as a vector of another lane type.
    pub(crate) fn cast(&mut self, ty: Type, value: Value) -> Value {
        if self.value_type(value) == ty {
            return value;
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.ins().bitcast(ty, flags, value)
    }

    /// The value in the type of its representation at boundaries: vectors become [`V128`].
    pub(crate) fn canonical(&mut self, value: Value) -> Value {
        if self.value_type(value).is_vector() { self.cast(V128, value) } else { value }
    }

    /// An index into a memory or table, zero-extended to 64 bits.
    pub(crate) fn index64(&mut self, width: Width, index: Value) -> Value {
        match width {
            Width::W32 => self.ins().uextend(types::I64, index),
            Width::W64 => index,
        }
    }

    fn region(&mut self, region: Region) -> AliasRegion {
        let user_id = region.number(self.module);
        let regions = &mut self.builder.func.dfg.alias_regions;
        if let Some(known) = regions.get(user_id) {
            return known;
        }
        regions.insert(AliasRegionData { user_id, description: region.description().into() })
    }

    /// Flags of an access that never faults.
    pub(crate) fn trusted(&mut self, region: Region) -> MemFlagsData {
        let region = self.region(region);
        MemFlagsData::trusted().with_alias_region(Some(region))
    }

    /// Flags of an access that traps with `code` when it faults, and may be unaligned.
    pub(crate) fn faulting(&mut self, region: Region, code: ClifTrap) -> MemFlagsData {
        let region = self.region(region);
        MemFlagsData::new()
            .with_trap_code(Some(code))
            .with_endianness(Endianness::Little)
            .with_alias_region(Some(region))
    }

    /// A pointer in the vmctx that is constant as long as the instance lives. There is one load of each, at the start of
    /// the function; Cranelift moves it to where it is needed.
    pub(crate) fn load_constant(&mut self, offset: i32) -> Value {
        if let Some(value) = self.scratch.constants.get(&offset) {
            return *value;
        }
        let flags = self.trusted(Region::Constant).with_readonly().with_can_move();
        let mut cursor = FuncCursor::new(self.builder.func).at_first_insertion_point(self.entry);
        let value = cursor.ins().load(types::I64, flags, self.vmctx, offset);
        self.scratch.constants.insert(offset, value);
        value
    }

    /// The base address and the displacement of something in or behind the vmctx.
    pub(crate) fn locate(&mut self, location: Location) -> (Value, i32) {
        match location {
            Location::Inline(offset) => (self.vmctx, offset),
            Location::Indirect(offset) => (self.load_constant(offset), 0),
        }
    }

    /// A condition for a branch or select: without the extension to `i32` if a comparison made it.
    pub(crate) fn condition(&self, value: Value) -> Value {
        let dfg = &self.builder.func.dfg;
        let Some(inst) = dfg.value_def(value).inst() else { return value };
        if dfg.insts[inst].opcode() != cranelift_codegen::ir::Opcode::Uextend {
            return value;
        }
        let narrow = dfg.inst_args(inst)[0];
        if dfg.value_type(narrow) == types::I8 { narrow } else { value }
    }

    fn constant_value(&mut self, value: Const) -> Value {
        match value {
            Const::I32(value) => self.ins().iconst(types::I32, i64::from(value as u32)),
            Const::I64(value) => self.ins().iconst(types::I64, value),
            Const::F32(bits) => self.ins().f32const(cranelift_codegen::ir::immediates::Ieee32::with_bits(bits)),
            Const::F64(bits) => self.ins().f64const(cranelift_codegen::ir::immediates::Ieee64::with_bits(bits)),
            Const::V128(bits) => {
                let constant = self.builder.func.dfg.constants.insert(bits.to_le_bytes().as_slice().into());
                self.ins().vconst(V128, constant)
            }
            Const::Null => self.ins().iconst(types::I64, 0),
        }
    }

    /// The zero of a type.
    pub(crate) fn zero(&mut self, ty: Ty) -> Value {
        self.constant_value(match ty {
            Ty::I32 => Const::I32(0),
            Ty::I64 => Const::I64(0),
            Ty::F32 => Const::F32(0),
            Ty::F64 => Const::F64(0),
            Ty::V128 => Const::V128(0),
            Ty::Ref => Const::Null,
        })
    }

    /// The position of the first wasm parameter among those of the entry block.
    pub(crate) fn first_param(&self) -> usize {
        1 + usize::from(self.module.metered)
    }

    fn global_place(&mut self, global: &GlobalRef) -> (Value, i32, MemFlagsData) {
        let (base, offset) = self.locate(global.location);
        let mut flags = self.trusted(Region::Global(global.index));
        if !global.mutable {
            flags = flags.with_readonly().with_can_move();
        }
        (base, offset, flags)
    }
}

impl FuncCodegen for Codegen<'_> {
    type Value = Value;
    type Frame = Frame;

    fn begin(&mut self, signature: &Signature, locals: &[Ty]) -> Result<Frame> {
        self.builder.func.signature = wasm_signature(self.module, signature);
        let entry = self.builder.create_block();
        self.builder.append_block_params_for_function_params(entry);
        self.builder.switch_to_block(entry);
        self.builder.seal_block(entry);
        self.builder.ensure_inserted_block();
        self.entry = entry;
        self.vmctx = self.builder.block_params(entry)[0];
        self.locals_len = locals.len();
        locals::declare(self, entry, signature.params.len(), locals);
        if self.module.metered {
            let (variable, fuel) = (self.builder.declare_var(types::I64), self.builder.block_params(entry)[1]);
            self.builder.def_var(variable, fuel);
            self.fuel = Some(variable);
        }
        Ok(control::body(self, &signature.results))
    }

    fn set_offset(&mut self, offset: u32) {
        self.builder.set_srcloc(SourceLoc::new(offset));
    }

    fn constant(&mut self, value: Const) -> Result<Value> {
        Ok(self.constant_value(value))
    }

    fn local_get(&mut self, local: LocalIdx) -> Result<Value> {
        let value = locals::get(self, local);
        control::check_size(self)?;
        Ok(value)
    }

    fn local_set(&mut self, local: LocalIdx, value: Value) -> Result<()> {
        let value = self.canonical(value);
        locals::set(self, local, value);
        Ok(())
    }

    fn local_tee(&mut self, local: LocalIdx, value: Value) -> Result<Value> {
        self.local_set(local, value)?;
        Ok(value)
    }

    fn global_get(&mut self, global: &GlobalRef) -> Result<Value> {
        let (base, offset, flags) = self.global_place(global);
        Ok(self.ins().load(clif_type(global.ty), flags, base, offset))
    }

    fn global_set(&mut self, global: &GlobalRef, value: Value) -> Result<()> {
        let (base, offset, flags) = self.global_place(global);
        // One type per place, so that a later `global.get` finds the stored value.
        let value = self.canonical(value);
        self.ins().store(flags, value, base, offset);
        Ok(())
    }

    fn ref_is_null(&mut self, reference: Value) -> Result<Value> {
        Ok(int::eqz(self, reference))
    }

    fn ref_as_non_null(&mut self, reference: Value) -> Result<Value> {
        self.ins().trapz(reference, clif_trap(TrapCode::NullReference));
        Ok(reference)
    }

    fn drop_value(&mut self, _value: Value) -> Result<()> {
        Ok(())
    }

    fn select(&mut self, _ty: Ty, if_true: Value, if_false: Value, condition: Value) -> Result<Value> {
        let condition = self.condition(condition);
        let if_true = self.canonical(if_true);
        let if_false = self.canonical(if_false);
        Ok(self.ins().select(condition, if_true, if_false))
    }

    fn int_unary(&mut self, op: IntUnary, width: Width, value: Value) -> Result<Value> {
        Ok(int::unary(self, op, width, value))
    }

    fn int_binary(&mut self, op: IntBinary, _width: Width, lhs: Value, rhs: Value) -> Result<Value> {
        Ok(int::binary(self, op, lhs, rhs))
    }

    fn int_compare(&mut self, op: IntCompare, _width: Width, lhs: Value, rhs: Value) -> Result<Value> {
        Ok(int::compare(self, op, lhs, rhs))
    }

    fn int_eqz(&mut self, _width: Width, value: Value) -> Result<Value> {
        Ok(int::eqz(self, value))
    }

    fn wide(&mut self, op: WideOp, operands: &[Value]) -> Result<(Value, Value)> {
        Ok(int::wide(self, op, operands))
    }

    fn float_unary(&mut self, op: FloatUnary, _width: Width, value: Value) -> Result<Value> {
        Ok(float::unary(self, op, value))
    }

    fn float_binary(&mut self, op: FloatBinary, _width: Width, lhs: Value, rhs: Value) -> Result<Value> {
        Ok(float::binary(self, op, lhs, rhs))
    }

    fn float_compare(&mut self, op: FloatCompare, _width: Width, lhs: Value, rhs: Value) -> Result<Value> {
        Ok(float::compare(self, op, lhs, rhs))
    }

    fn convert(&mut self, op: Convert, value: Value) -> Result<Value> {
        Ok(convert::convert(self, op, value))
    }

    fn load(&mut self, access: &Access, op: Load, index: Value) -> Result<Value> {
        Ok(memory::load(self, access, op, index))
    }

    fn store(&mut self, access: &Access, op: Store, index: Value, value: Value) -> Result<()> {
        memory::store(self, access, op, index, value);
        Ok(())
    }

    fn memory_size(&mut self, memory: &MemoryRef) -> Result<Value> {
        Ok(memory::size(self, memory))
    }

    fn atomic_load(&mut self, access: &Access, width: AtomicWidth, index: Value) -> Result<Value> {
        Ok(memory::atomic_load(self, access, width, index))
    }

    fn atomic_store(&mut self, access: &Access, width: AtomicWidth, index: Value, value: Value) -> Result<()> {
        memory::atomic_store(self, access, width, index, value);
        Ok(())
    }

    fn atomic_rmw(
        &mut self,
        access: &Access,
        op: AtomicRmw,
        width: AtomicWidth,
        index: Value,
        value: Value,
    ) -> Result<Value> {
        Ok(memory::atomic_rmw(self, access, op, width, index, value))
    }

    fn atomic_cmpxchg(
        &mut self,
        access: &Access,
        width: AtomicWidth,
        index: Value,
        expected: Value,
        replacement: Value,
    ) -> Result<Value> {
        Ok(memory::atomic_cmpxchg(self, access, width, index, expected, replacement))
    }

    fn atomic_fence(&mut self) -> Result<()> {
        self.ins().fence();
        Ok(())
    }

    fn call(
        &mut self,
        callee: Callee<Value>,
        signature: &Signature,
        args: &[Value],
        results: &mut Vec<Value>,
    ) -> Result<()> {
        call::call(self, callee, signature, args, results);
        control::check_size(self)
    }

    fn return_call(&mut self, callee: Callee<Value>, signature: &Signature, args: &[Value]) -> Result<()> {
        call::return_call(self, callee, signature, args);
        Ok(())
    }

    fn libcall(
        &mut self,
        call: Libcall,
        immediates: &[u64],
        operand_types: &[Ty],
        operands: &[Value],
        narrow: bool,
    ) -> Result<Option<Value>> {
        let result = call::libcall(self, call, immediates, operand_types, operands);
        if call.is_metered() {
            control::load_fuel(self);
        }
        Ok(match result {
            Some(wide) if narrow => Some(self.ins().ireduce(types::I32, wide)),
            result => result,
        })
    }

    fn meter(&mut self, cost: u32, point: Meter) -> Result<()> {
        control::meter(self, cost, point);
        Ok(())
    }

    fn trap(&mut self, code: TrapCode) -> Result<()> {
        self.ins().trap(clif_trap(code));
        Ok(())
    }

    fn block(&mut self, sig: BlockSig<'_>, _params: &[Value]) -> Result<Frame> {
        Ok(control::block(self, sig))
    }

    fn loop_(&mut self, sig: BlockSig<'_>, params: &mut [Value]) -> Result<Frame> {
        Ok(control::loop_(self, sig, params))
    }

    fn if_(&mut self, sig: BlockSig<'_>, _params: &[Value], condition: Value) -> Result<Frame> {
        Ok(control::if_(self, sig, condition))
    }

    fn else_(&mut self, frame: &mut Frame, fallthrough: Option<&[Value]>, _params: &mut [Value]) -> Result<()> {
        control::else_(self, frame, fallthrough);
        Ok(())
    }

    fn end(
        &mut self,
        frame: Frame,
        fallthrough: Option<&[Value]>,
        branched: bool,
        results: &mut Vec<Value>,
    ) -> Result<()> {
        control::end(self, frame, fallthrough, branched, results);
        control::check_size(self)
    }

    fn br(&mut self, frame: &mut Frame, args: &[Value]) -> Result<()> {
        control::br(self, frame, args);
        Ok(())
    }

    fn br_if(&mut self, frame: &mut Frame, args: &[Value], condition: Value) -> Result<()> {
        control::br_if(self, frame, args, condition);
        control::check_size(self)
    }

    fn br_on_null(&mut self, frame: &mut Frame, args: &[Value], reference: Value) -> Result<Value> {
        control::br_if_not(self, frame, args, reference);
        control::check_size(self)?;
        Ok(reference)
    }

    fn br_on_non_null(&mut self, frame: &mut Frame, args: &[Value]) -> Result<()> {
        let reference = *args.last().expect("the reference is the last of the operands");
        control::br_if(self, frame, args, reference);
        control::check_size(self)
    }

    fn br_table(
        &mut self,
        frames: &mut [Frame],
        targets: &[u32],
        default: u32,
        args: &[Value],
        index: Value,
    ) -> Result<()> {
        control::br_table(self, frames, targets, default, args, index);
        control::check_size(self)
    }

    fn return_(&mut self, values: &[Value]) -> Result<()> {
        control::return_(self, values);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    fn simd_unary(&mut self, op: SimdUnary, value: Value) -> Result<Value> {
        Ok(simd::unary(self, op, value))
    }

    fn simd_binary(&mut self, op: SimdBinary, lhs: Value, rhs: Value) -> Result<Value> {
        Ok(simd::binary(self, op, lhs, rhs))
    }

    fn simd_ternary(&mut self, op: SimdTernary, a: Value, b: Value, c: Value) -> Result<Value> {
        Ok(simd::ternary(self, op, a, b, c))
    }

    fn simd_shift(&mut self, op: SimdShift, shape: IntShape, value: Value, count: Value) -> Result<Value> {
        Ok(simd::shift(self, op, shape, value, count))
    }

    fn simd_int_compare(&mut self, op: IntCompare, shape: IntShape, lhs: Value, rhs: Value) -> Result<Value> {
        Ok(simd::int_compare(self, op, shape, lhs, rhs))
    }

    fn simd_float_unary(&mut self, op: FloatUnary, width: Width, value: Value) -> Result<Value> {
        Ok(simd::float_unary(self, op, width, value))
    }

    fn simd_float_binary(&mut self, op: SimdFloatBinary, width: Width, lhs: Value, rhs: Value) -> Result<Value> {
        Ok(simd::float_binary(self, op, width, lhs, rhs))
    }

    fn simd_float_compare(&mut self, op: FloatCompare, width: Width, lhs: Value, rhs: Value) -> Result<Value> {
        Ok(simd::float_compare(self, op, width, lhs, rhs))
    }

    fn simd_test(&mut self, op: SimdTest, value: Value) -> Result<Value> {
        Ok(simd::test(self, op, value))
    }

    fn simd_convert(&mut self, op: SimdConvert, value: Value) -> Result<Value> {
        Ok(simd::convert(self, op, value))
    }

    fn simd_splat(&mut self, shape: Shape, value: Value) -> Result<Value> {
        Ok(simd::splat(self, shape, value))
    }

    fn simd_extract_lane(&mut self, shape: Shape, lane: u8, signed: bool, value: Value) -> Result<Value> {
        Ok(simd::extract_lane(self, shape, lane, signed, value))
    }

    fn simd_replace_lane(&mut self, shape: Shape, lane: u8, vector: Value, value: Value) -> Result<Value> {
        Ok(simd::replace_lane(self, shape, lane, vector, value))
    }

    fn simd_shuffle(&mut self, lanes: [u8; 16], lhs: Value, rhs: Value) -> Result<Value> {
        Ok(simd::shuffle(self, lanes, lhs, rhs))
    }

    fn simd_load(&mut self, access: &Access, op: SimdLoad, index: Value) -> Result<Value> {
        Ok(simd::load(self, access, op, index))
    }

    fn simd_load_lane(&mut self, access: &Access, bytes: u8, lane: u8, index: Value, vector: Value) -> Result<Value> {
        Ok(simd::load_lane(self, access, bytes, lane, index, vector))
    }

    fn simd_store_lane(&mut self, access: &Access, bytes: u8, lane: u8, index: Value, vector: Value) -> Result<()> {
        simd::store_lane(self, access, bytes, lane, index, vector);
        Ok(())
    }
}
