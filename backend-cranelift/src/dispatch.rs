//! From the translator's calls to the operator families.

use cranelift_codegen::ir::{InstBuilder, SourceLoc, Value, types};
use wasmer_runtime_core::libcall::HostCall;
use wasmer_runtime_core::translate::codegen::{
    Access, BlockSig, Callee, FuncCodegen, GlobalRef, MemoryRef, Meter, Result, TagRef,
};
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::codegen::{Codegen, clif_trap, clif_type, wasm_signature};
use crate::control::Frame;
use crate::{call, control, convert, exceptions, float, int, libcall, locals, memory, simd};

impl FuncCodegen for Codegen<'_> {
    type Value = Value;
    type Frame = Frame;

    fn begin(&mut self, signature: &Signature, locals: &[Ty]) -> Result<Frame> {
        self.builder.func.signature = wasm_signature(self.module, signature);
        let entry = self.builder.create_block();
        self.builder.append_block_params_for_function_params(entry);
        self.builder.switch_to_block(entry);
        self.builder.seal_block(entry);
        // Constants are loaded at the start of this block later on, which needs a place in the layout for that.
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

    fn ref_as_non_null(&mut self, reference: Value, code: TrapCode) -> Result<Value> {
        if !self.is_not_null(reference) {
            self.ins().trapz(reference, clif_trap(code));
            self.note_not_null(reference);
        }
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
        call: HostCall,
        operand_types: &[Ty],
        operands: &[Value],
        narrow: bool,
    ) -> Result<Option<Value>> {
        let result = libcall::libcall(self, call, operand_types, operands);
        // The host has taken from the store's fuel, so the value in the register is old.
        if call.libcall().is_metered() {
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

    fn trap_if(&mut self, code: TrapCode, condition: Value) -> Result<()> {
        let condition = self.condition(condition);
        let null = self.compared_with_null(condition).filter(|(_, is_null)| *is_null);
        if !null.is_some_and(|(value, _)| self.is_not_null(value)) {
            self.ins().trapnz(condition, clif_trap(code));
            self.note_condition(condition, false);
        }
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
        self.note_not_null(reference);
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

    fn try_(&mut self, sig: BlockSig<'_>, _params: &[Value]) -> Result<Frame> {
        Ok(exceptions::try_(self, sig))
    }

    fn landing(&mut self, frame: &mut Frame, fallthrough: Option<&[Value]>) -> Result<bool> {
        let is_used = exceptions::landing(self, frame, fallthrough);
        control::check_size(self)?;
        Ok(is_used)
    }

    fn throw_on(&mut self, frame: Option<&mut Frame>) -> Result<()> {
        exceptions::throw_on(self, frame);
        Ok(())
    }

    fn set_caught_tag(&mut self, tag: &TagRef) -> Result<()> {
        exceptions::set_tag(self, tag);
        Ok(())
    }

    fn set_caught_value(&mut self, index: u32, _ty: Ty, value: Value) -> Result<()> {
        exceptions::set_value(self, index, value);
        Ok(())
    }

    fn caught_tag_is(&mut self, tag: &TagRef) -> Result<Value> {
        Ok(exceptions::tag_is(self, tag))
    }

    fn caught_value(&mut self, index: u32, ty: Ty) -> Result<Value> {
        Ok(exceptions::value(self, index, ty))
    }

    fn pick(&mut self, _above: usize, value: Value) -> Result<Value> {
        Ok(value)
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
