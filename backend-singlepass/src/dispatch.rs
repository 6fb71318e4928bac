//! The dispatch from the translator's calls to the operator families.

use wasmer_runtime_core::compiler::Symbol;
use wasmer_runtime_core::libcall::Libcall;
use wasmer_runtime_core::translate::codegen::{
    Access, BlockSig, Callee, FuncCodegen, GlobalRef, MemoryRef, Meter, Result,
};
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::alloc::Loc;
use crate::arch::plain_load;
use crate::codegen::{Codegen, Pending};
use crate::control::Frame;
use crate::regs::Machine;

impl FuncCodegen for Codegen {
    type Value = ();
    type Frame = Frame;

    fn begin(&mut self, signature: &Signature, locals: &[Ty]) -> Result<Frame> {
        self.open(self.offset);
        self.prologue(signature, locals);
        self.results.extend_from_slice(&signature.results);
        self.live = true;
        Ok(self.body_frame())
    }

    #[inline]
    fn set_offset(&mut self, offset: u32) {
        self.check();
        self.offset = offset;
    }

    #[inline]
    fn constant(&mut self, value: Const) -> Result<()> {
        self.settle();
        let loc = self.constant_loc(value);
        self.push(value.ty(), loc);
        Ok(())
    }

    #[inline]
    fn local_get(&mut self, local: LocalIdx) -> Result<()> {
        self.settle();
        let ty = self.al.locals[local.index()].ty;
        self.push(ty, Loc::Local(local.0));
        Ok(())
    }

    fn local_set(&mut self, local: LocalIdx, (): ()) -> Result<()> {
        let value = self.al.pop();
        self.al.detach(&mut self.a, local.0);
        let pending = std::mem::replace(&mut self.pending, Pending::None);
        let info = self.al.locals[local.index()];
        match (info.pin, pending.is_none()) {
            (Some(pin), true) => {
                self.al.load_into(&mut self.a, value, pin);
                self.al.drop_entry(value);
                self.al.written(pin);
            }
            (Some(pin), false) => {
                let reg = self.compute(pending, Some(pin));
                if reg != pin {
                    Machine::mov(&mut self.a, value.ty, pin, reg);
                    self.al.release(reg);
                }
                self.al.written(pin);
            }
            (None, true) => {
                self.al.store_operand(&mut self.a, value, info.at);
                self.al.drop_entry(value);
            }
            (None, false) => {
                let reg = self.compute(pending, None);
                Machine::store(&mut self.a, value.ty, info.at, reg);
                self.al.release(reg);
            }
        }
        Ok(())
    }

    fn local_tee(&mut self, local: LocalIdx, (): ()) -> Result<()> {
        let info = self.al.locals[local.index()];
        if info.pin.is_none() {
            // The value stays in its register, which is nearer than the local's place.
            let value = self.pop();
            self.al.detach(&mut self.a, local.0);
            self.al.store_operand(&mut self.a, value, info.at);
            self.push(value.ty, value.loc);
            return Ok(());
        }
        self.local_set(local, ())?;
        self.push(info.ty, Loc::Local(local.0));
        Ok(())
    }

    fn global_get(&mut self, global: &GlobalRef) -> Result<()> {
        self.settle();
        self.global_get_now(global);
        Ok(())
    }

    fn global_set(&mut self, global: &GlobalRef, (): ()) -> Result<()> {
        let value = self.pop();
        self.global_set_now(global, value);
        Ok(())
    }

    fn ref_is_null(&mut self, (): ()) -> Result<()> {
        self.int_eqz(Width::W64, ())
    }

    fn ref_as_non_null(&mut self, (): ()) -> Result<()> {
        let mut value = self.pop();
        self.al.own(&mut self.a, &mut value);
        self.trap_if_null(&mut value, TrapCode::NullReference);
        self.push(value.ty, value.loc);
        Ok(())
    }

    fn drop_value(&mut self, (): ()) -> Result<()> {
        if matches!(self.pending, Pending::Load { offset: Some(_), .. }) || self.folded.is_some() {
            self.settle();
        }
        let pending = std::mem::replace(&mut self.pending, Pending::None);
        for reg in pending.regs() {
            self.al.release(reg);
        }
        let value = self.al.pop();
        self.al.drop_entry(value);
        Ok(())
    }

    fn select(&mut self, ty: Ty, (): (), (): (), (): ()) -> Result<()> {
        self.select_now(ty);
        Ok(())
    }

    fn int_unary(&mut self, op: IntUnary, width: Width, (): ()) -> Result<()> {
        let value = self.pop();
        let reg = self.int_unary_now(op, width, value);
        self.push_reg(width.int(), reg);
        Ok(())
    }

    #[inline]
    fn int_binary(&mut self, op: IntBinary, width: Width, (): (), (): ()) -> Result<()> {
        if op == IntBinary::Add && self.add_scaled(width) {
            return Ok(());
        }
        let rhs = match op {
            IntBinary::Add | IntBinary::Sub | IntBinary::Or | IntBinary::Xor | IntBinary::Mul => self.pop_right(width),
            _ => self.pop(),
        };
        let lhs = self.al.pop();
        match op {
            IntBinary::DivS | IntBinary::DivU | IntBinary::RemS | IntBinary::RemU => {
                let reg = self.divide(op, width, lhs, rhs);
                self.push_reg(width.int(), reg);
            }
            _ => self.push_pending(width.int(), Pending::Int { op, width, lhs, rhs }),
        }
        Ok(())
    }

    #[inline]
    fn int_compare(&mut self, op: IntCompare, width: Width, (): (), (): ()) -> Result<()> {
        let rhs = self.pop_right(width);
        let lhs = self.al.pop();
        self.push_pending(Ty::I32, Pending::Compare { op, width, lhs, rhs, test: false });
        Ok(())
    }

    fn int_eqz(&mut self, width: Width, (): ()) -> Result<()> {
        self.eqz(width);
        Ok(())
    }

    fn wide(&mut self, op: WideOp, _operands: &[()]) -> Result<((), ())> {
        self.wide_now(op);
        Ok(((), ()))
    }

    fn float_unary(&mut self, op: FloatUnary, width: Width, (): ()) -> Result<()> {
        let value = self.pop();
        let reg = self.float_unary_now(op, width, value);
        self.push_reg(width.float(), reg);
        Ok(())
    }

    fn float_binary(&mut self, op: FloatBinary, width: Width, (): (), (): ()) -> Result<()> {
        let load = if width == Width::W32 { Load::F32 } else { Load::F64 };
        let rhs = match op {
            FloatBinary::Add | FloatBinary::Sub | FloatBinary::Mul | FloatBinary::Div => self.pop_load(load),
            _ => None,
        };
        let rhs = rhs.unwrap_or_else(|| self.pop());
        let lhs = self.al.pop();
        self.push_pending(width.float(), Pending::FloatBinary { op, width, lhs, rhs });
        Ok(())
    }

    fn float_compare(&mut self, op: FloatCompare, width: Width, (): (), (): ()) -> Result<()> {
        let rhs = self.pop();
        let lhs = self.al.pop();
        self.push_pending(Ty::I32, Pending::FloatCompare { op, width, lhs, rhs, negated: false });
        Ok(())
    }

    fn convert(&mut self, op: Convert, (): ()) -> Result<()> {
        if op == Convert::ExtendU && self.extend_pending() {
            return Ok(());
        }
        let value = self.pop();
        let reg = self.convert_now(op, value);
        self.push_reg(op.types().1, reg);
        Ok(())
    }

    fn load(&mut self, access: &Access, op: Load, (): ()) -> Result<()> {
        let index = self.pop();
        match self.place(access, index) {
            Some(place) => {
                self.push_pending(op.ty(), Pending::Load { op, place, offset: Some(self.offset) });
            }
            None => self.push_anything(op.ty()),
        }
        Ok(())
    }

    fn store(&mut self, access: &Access, op: Store, (): (), (): ()) -> Result<()> {
        let value = self.pop();
        let index = self.al.pop();
        self.store_now(access, op, index, value);
        Ok(())
    }

    fn memory_size(&mut self, memory: &MemoryRef) -> Result<()> {
        self.settle();
        self.memory_size_now(memory);
        Ok(())
    }

    fn atomic_load(&mut self, access: &Access, width: AtomicWidth, (): ()) -> Result<()> {
        // Every aligned load is sequentially consistent where stores are locked.
        self.load(access, plain_load(width), ())
    }

    fn atomic_store(&mut self, access: &Access, width: AtomicWidth, (): (), (): ()) -> Result<()> {
        let value = self.pop();
        let index = self.al.pop();
        self.atomic_store_now(access, width, index, value);
        Ok(())
    }

    fn atomic_rmw(&mut self, access: &Access, op: AtomicRmw, width: AtomicWidth, (): (), (): ()) -> Result<()> {
        let value = self.pop();
        let index = self.al.pop();
        self.atomic_rmw_now(access, op, width, index, value);
        Ok(())
    }

    fn atomic_cmpxchg(&mut self, access: &Access, width: AtomicWidth, (): (), (): (), (): ()) -> Result<()> {
        let replacement = self.pop();
        let expected = self.al.pop();
        let index = self.al.pop();
        self.atomic_cmpxchg_now(access, width, index, expected, replacement);
        Ok(())
    }

    fn atomic_fence(&mut self) -> Result<()> {
        self.settle();
        self.fence();
        Ok(())
    }

    fn call(&mut self, callee: Callee<()>, signature: &Signature, _args: &[()], results: &mut Vec<()>) -> Result<()> {
        self.settle();
        self.call_now(callee, signature);
        results.resize(signature.results.len(), ());
        Ok(())
    }

    fn return_call(&mut self, callee: Callee<()>, signature: &Signature, _args: &[()]) -> Result<()> {
        self.settle();
        self.return_call_now(callee, signature);
        self.live = false;
        Ok(())
    }

    fn libcall(
        &mut self,
        call: Libcall,
        immediates: &[u64],
        operand_types: &[Ty],
        _operands: &[()],
        narrow: bool,
    ) -> Result<Option<()>> {
        self.settle();
        Ok(self.libcall_now(call, immediates, operand_types.len(), narrow).then_some(()))
    }

    fn meter(&mut self, cost: u32, point: Meter) -> Result<()> {
        self.meter_now(cost, point);
        Ok(())
    }

    fn trap(&mut self, code: TrapCode) -> Result<()> {
        self.settle();
        self.trap_now(code);
        self.live = false;
        Ok(())
    }

    fn block(&mut self, sig: BlockSig<'_>, _params: &[()]) -> Result<Frame> {
        self.settle();
        Ok(self.open_block(sig))
    }

    fn loop_(&mut self, sig: BlockSig<'_>, _params: &mut [()]) -> Result<Frame> {
        self.settle();
        Ok(self.open_loop(sig))
    }

    fn if_(&mut self, sig: BlockSig<'_>, _params: &[()], (): ()) -> Result<Frame> {
        Ok(self.open_if(sig))
    }

    fn else_(&mut self, frame: &mut Frame, fallthrough: Option<&[()]>, _params: &mut [()]) -> Result<()> {
        self.open_else(frame, fallthrough.is_some());
        self.live = true;
        Ok(())
    }

    fn end(&mut self, frame: Frame, fallthrough: Option<&[()]>, branched: bool, results: &mut Vec<()>) -> Result<()> {
        let count = frame.result_count();
        self.live = self.close_block(frame, fallthrough.is_some(), branched);
        if self.live {
            results.resize(count, ());
        }
        Ok(())
    }

    fn br(&mut self, frame: &mut Frame, _args: &[()]) -> Result<()> {
        self.settle();
        self.branch(frame);
        self.live = false;
        Ok(())
    }

    fn br_if(&mut self, frame: &mut Frame, _args: &[()], (): ()) -> Result<()> {
        self.branch_if(frame);
        Ok(())
    }

    fn br_on_null(&mut self, frame: &mut Frame, _args: &[()], (): ()) -> Result<()> {
        self.branch_on_null(frame);
        Ok(())
    }

    fn br_on_non_null(&mut self, frame: &mut Frame, _args: &[()]) -> Result<()> {
        self.branch_on_non_null(frame);
        Ok(())
    }

    fn br_table(&mut self, frames: &mut [Frame], targets: &[u32], default: u32, _args: &[()], (): ()) -> Result<()> {
        self.branch_table(frames, targets, default);
        self.live = false;
        Ok(())
    }

    fn return_(&mut self, _values: &[()]) -> Result<()> {
        self.settle();
        self.return_now();
        self.live = false;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.finish_cold();
        self.finish_frame();
        #[cfg(debug_assertions)]
        assert!(self.a.labels.all_resolved(), "a branch goes nowhere");
        self.close(Symbol::Function(self.index))
    }

    fn simd_unary(&mut self, op: SimdUnary, (): ()) -> Result<()> {
        self.v_unary(op)
    }

    fn simd_binary(&mut self, op: SimdBinary, (): (), (): ()) -> Result<()> {
        self.v_binary(op)
    }

    fn simd_ternary(&mut self, op: SimdTernary, (): (), (): (), (): ()) -> Result<()> {
        self.v_ternary(op)
    }

    fn simd_shift(&mut self, op: SimdShift, shape: IntShape, (): (), (): ()) -> Result<()> {
        self.v_shift(op, shape)
    }

    fn simd_int_compare(&mut self, op: IntCompare, shape: IntShape, (): (), (): ()) -> Result<()> {
        self.v_int_compare(op, shape)
    }

    fn simd_float_unary(&mut self, op: FloatUnary, width: Width, (): ()) -> Result<()> {
        self.v_float_unary(op, width)
    }

    fn simd_float_binary(&mut self, op: SimdFloatBinary, width: Width, (): (), (): ()) -> Result<()> {
        self.v_float_binary(op, width)
    }

    fn simd_float_compare(&mut self, op: FloatCompare, width: Width, (): (), (): ()) -> Result<()> {
        self.v_float_compare(op, width)
    }

    fn simd_test(&mut self, op: SimdTest, (): ()) -> Result<()> {
        self.v_test(op)
    }

    fn simd_convert(&mut self, op: SimdConvert, (): ()) -> Result<()> {
        self.v_convert(op)
    }

    fn simd_splat(&mut self, shape: Shape, (): ()) -> Result<()> {
        self.v_splat(shape)
    }

    fn simd_extract_lane(&mut self, shape: Shape, lane: u8, signed: bool, (): ()) -> Result<()> {
        self.v_extract_lane(shape, lane, signed)
    }

    fn simd_replace_lane(&mut self, shape: Shape, lane: u8, (): (), (): ()) -> Result<()> {
        self.v_replace_lane(shape, lane)
    }

    fn simd_shuffle(&mut self, lanes: [u8; 16], (): (), (): ()) -> Result<()> {
        self.v_shuffle(lanes)
    }

    fn simd_load(&mut self, access: &Access, op: SimdLoad, (): ()) -> Result<()> {
        self.v_load(access, op)
    }

    fn simd_load_lane(&mut self, access: &Access, bytes: u8, lane: u8, (): (), (): ()) -> Result<()> {
        self.v_load_lane(access, bytes, lane)
    }

    fn simd_store_lane(&mut self, access: &Access, bytes: u8, lane: u8, (): (), (): ()) -> Result<()> {
        self.v_store_lane(access, bytes, lane)
    }
}
