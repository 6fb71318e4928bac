//! The dispatch from the translator's calls to the operator families.

use wasmer_runtime_core::compiler::Symbol;
use wasmer_runtime_core::libcall::HostCall;
use wasmer_runtime_core::translate::codegen::{
    Access, BlockSig, Callee, FuncCodegen, GlobalRef, MemoryRef, Meter, Result, TagRef,
};
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::alloc::Loc;
use crate::codegen::Codegen;
use crate::control::Frame;
use crate::masm::Masm;
use crate::pending::Pending;

impl<M: Masm> FuncCodegen for Codegen<M> {
    type Value = ();
    type Frame = Frame;

    fn begin(&mut self, signature: &Signature, locals: &[Ty]) -> Result<Frame> {
        self.open(self.offset);
        M::prologue(self, signature, locals);
        self.results.extend_from_slice(&signature.results);
        self.live = true;
        Ok(self.body_frame())
    }

    #[inline]
    fn set_offset(&mut self, offset: u32) {
        self.check();
        self.enter_operator(offset);
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
                    self.a.mov(value.ty, pin, reg);
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
                self.a.store(value.ty, info.at, reg);
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
        M::global_get(self, global);
        Ok(())
    }

    fn global_set(&mut self, global: &GlobalRef, (): ()) -> Result<()> {
        let value = self.pop();
        M::global_set(self, global, value);
        Ok(())
    }

    fn ref_is_null(&mut self, (): ()) -> Result<()> {
        self.int_eqz(Width::W64, ())
    }

    fn ref_as_non_null(&mut self, (): (), code: TrapCode) -> Result<()> {
        let mut value = self.pop();
        M::trap_if_null(self, &mut value, code);
        self.push(value.ty, value.loc);
        Ok(())
    }

    fn drop_value(&mut self, (): ()) -> Result<()> {
        // A load that may trap happens even if its value is dropped.
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
        M::select(self, ty);
        Ok(())
    }

    fn int_unary(&mut self, op: IntUnary, width: Width, (): ()) -> Result<()> {
        let value = self.pop();
        let reg = M::int_unary(self, op, width, value);
        self.push_reg(width.int(), reg);
        Ok(())
    }

    #[inline]
    fn int_binary(&mut self, op: IntBinary, width: Width, (): (), (): ()) -> Result<()> {
        if M::fuse(self, op, width) {
            return Ok(());
        }
        let rhs = match op {
            IntBinary::Add | IntBinary::Sub | IntBinary::Or | IntBinary::Xor | IntBinary::Mul => self.pop_right(width),
            _ => self.pop(),
        };
        let lhs = self.al.pop();
        match op {
            // These may trap, so they are computed at once.
            IntBinary::DivS | IntBinary::DivU | IntBinary::RemS | IntBinary::RemU => {
                let reg = M::int_divide(self, op, width, lhs, rhs);
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
        M::wide(self, op);
        Ok(((), ()))
    }

    fn float_unary(&mut self, op: FloatUnary, width: Width, (): ()) -> Result<()> {
        let value = self.pop();
        let reg = M::float_unary(self, op, width, value);
        self.push_reg(width.float(), reg);
        Ok(())
    }

    fn float_binary(&mut self, op: FloatBinary, width: Width, (): (), (): ()) -> Result<()> {
        // The right operand of these four may be in memory.
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
        let reg = M::convert(self, op, value);
        self.push_reg(op.types().1, reg);
        Ok(())
    }

    fn load(&mut self, access: &Access, op: Load, (): ()) -> Result<()> {
        self.load_on_top(access, op);
        Ok(())
    }

    fn store(&mut self, access: &Access, op: Store, (): (), (): ()) -> Result<()> {
        let value = self.pop();
        let index = self.al.pop();
        M::memory_store(self, access, op, index, value);
        Ok(())
    }

    fn memory_size(&mut self, memory: &MemoryRef) -> Result<()> {
        self.settle();
        M::memory_size(self, memory);
        Ok(())
    }

    fn atomic_load(&mut self, access: &Access, width: AtomicWidth, (): ()) -> Result<()> {
        let index = self.pop();
        M::atomic_load(self, access, width, index);
        Ok(())
    }

    fn atomic_store(&mut self, access: &Access, width: AtomicWidth, (): (), (): ()) -> Result<()> {
        let value = self.pop();
        let index = self.al.pop();
        M::atomic_store(self, access, width, index, value);
        Ok(())
    }

    fn atomic_rmw(&mut self, access: &Access, op: AtomicRmw, width: AtomicWidth, (): (), (): ()) -> Result<()> {
        let value = self.pop();
        let index = self.al.pop();
        M::atomic_rmw(self, access, op, width, index, value);
        Ok(())
    }

    fn atomic_cmpxchg(&mut self, access: &Access, width: AtomicWidth, (): (), (): (), (): ()) -> Result<()> {
        let replacement = self.pop();
        let expected = self.al.pop();
        let index = self.al.pop();
        M::atomic_cmpxchg(self, access, width, index, expected, replacement);
        Ok(())
    }

    fn atomic_fence(&mut self) -> Result<()> {
        self.settle();
        M::atomic_fence(self);
        Ok(())
    }

    fn call(&mut self, callee: Callee<()>, signature: &Signature, _args: &[()], results: &mut Vec<()>) -> Result<()> {
        self.settle();
        M::call(self, callee, signature);
        results.resize(signature.results.len(), ());
        Ok(())
    }

    fn return_call(&mut self, callee: Callee<()>, signature: &Signature, _args: &[()]) -> Result<()> {
        self.settle();
        M::return_call(self, callee, signature);
        self.live = false;
        Ok(())
    }

    fn libcall(&mut self, call: HostCall, operand_types: &[Ty], _operands: &[()], narrow: bool) -> Result<Option<()>> {
        self.settle();
        Ok(M::libcall(self, call, operand_types.len(), narrow).then_some(()))
    }

    fn meter(&mut self, cost: u32, point: Meter) -> Result<()> {
        M::meter(self, cost, point);
        Ok(())
    }

    fn trap(&mut self, code: TrapCode) -> Result<()> {
        self.settle();
        self.trap_now(code);
        self.live = false;
        Ok(())
    }

    fn trap_if(&mut self, code: TrapCode, (): ()) -> Result<()> {
        let condition = M::pop_condition(self);
        self.trap_on(condition, code);
        Ok(())
    }

    fn block(&mut self, sig: BlockSig<'_>, _params: &[()]) -> Result<Frame> {
        self.settle();
        Ok(self.open_block(sig))
    }

    fn scope(&mut self, sig: BlockSig<'_>, _params: &[()]) -> Result<Frame> {
        self.settle();
        Ok(self.open_scope(sig))
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
        M::return_(self);
        self.live = false;
        Ok(())
    }

    fn try_(&mut self, sig: BlockSig<'_>, _params: &[()]) -> Result<Frame> {
        self.settle();
        Ok(self.open_region(sig))
    }

    fn landing(&mut self, frame: &mut Frame, fallthrough: Option<&[()]>) -> Result<bool> {
        self.live = self.land(frame, fallthrough.is_some());
        Ok(self.live)
    }

    fn throw_on(&mut self, frame: Option<&mut Frame>) -> Result<()> {
        self.settle();
        match frame {
            Some(frame) => self.jump_to_landing(frame),
            None => M::throw(self),
        }
        self.live = false;
        Ok(())
    }

    fn set_caught_tag(&mut self, tag: &TagRef) -> Result<()> {
        self.settle();
        M::set_caught_tag(self, tag);
        Ok(())
    }

    fn set_caught_value(&mut self, index: u32, _ty: Ty, (): ()) -> Result<()> {
        let value = self.pop();
        M::set_caught_value(self, index as usize, value);
        Ok(())
    }

    fn caught_tag_is(&mut self, tag: &TagRef) -> Result<()> {
        self.settle();
        M::push_tags(self, tag);
        self.int_compare(IntCompare::Eq, Width::W64, (), ())
    }

    fn caught_value(&mut self, index: u32, ty: Ty) -> Result<()> {
        self.settle();
        M::caught_value(self, index as usize, ty);
        Ok(())
    }

    fn pick(&mut self, above: usize, (): ()) -> Result<()> {
        self.settle();
        self.copy_operand(above);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.finish_cold();
        M::finish_frame(self);
        self.finish_regions();
        #[cfg(debug_assertions)]
        assert!(self.a.all_resolved(), "a branch goes nowhere");
        self.close(Symbol::Function(self.index))
    }

    fn simd_unary(&mut self, op: SimdUnary, (): ()) -> Result<()> {
        M::simd_unary(self, op);
        Ok(())
    }

    fn simd_binary(&mut self, op: SimdBinary, (): (), (): ()) -> Result<()> {
        M::simd_binary(self, op);
        Ok(())
    }

    fn simd_ternary(&mut self, op: SimdTernary, (): (), (): (), (): ()) -> Result<()> {
        M::simd_ternary(self, op);
        Ok(())
    }

    fn simd_shift(&mut self, op: SimdShift, shape: IntShape, (): (), (): ()) -> Result<()> {
        M::simd_shift(self, op, shape);
        Ok(())
    }

    fn simd_int_compare(&mut self, op: IntCompare, shape: IntShape, (): (), (): ()) -> Result<()> {
        M::simd_int_compare(self, op, shape);
        Ok(())
    }

    fn simd_float_unary(&mut self, op: FloatUnary, width: Width, (): ()) -> Result<()> {
        M::simd_float_unary(self, op, width);
        Ok(())
    }

    fn simd_float_binary(&mut self, op: SimdFloatBinary, width: Width, (): (), (): ()) -> Result<()> {
        M::simd_float_binary(self, op, width);
        Ok(())
    }

    fn simd_float_compare(&mut self, op: FloatCompare, width: Width, (): (), (): ()) -> Result<()> {
        M::simd_float_compare(self, op, width);
        Ok(())
    }

    fn simd_test(&mut self, op: SimdTest, (): ()) -> Result<()> {
        M::simd_test(self, op);
        Ok(())
    }

    fn simd_convert(&mut self, op: SimdConvert, (): ()) -> Result<()> {
        M::simd_convert(self, op);
        Ok(())
    }

    fn simd_splat(&mut self, shape: Shape, (): ()) -> Result<()> {
        M::simd_splat(self, shape);
        Ok(())
    }

    fn simd_extract_lane(&mut self, shape: Shape, lane: u8, signed: bool, (): ()) -> Result<()> {
        M::simd_extract_lane(self, shape, lane, signed);
        Ok(())
    }

    fn simd_replace_lane(&mut self, shape: Shape, lane: u8, (): (), (): ()) -> Result<()> {
        M::simd_replace_lane(self, shape, lane);
        Ok(())
    }

    fn simd_shuffle(&mut self, lanes: [u8; 16], (): (), (): ()) -> Result<()> {
        M::simd_shuffle(self, lanes);
        Ok(())
    }

    fn simd_load(&mut self, access: &Access, op: SimdLoad, (): ()) -> Result<()> {
        M::simd_load(self, access, op);
        Ok(())
    }

    fn simd_load_lane(&mut self, access: &Access, bytes: u8, lane: u8, (): (), (): ()) -> Result<()> {
        M::simd_load_lane(self, access, bytes, lane);
        Ok(())
    }

    fn simd_store_lane(&mut self, access: &Access, bytes: u8, lane: u8, (): (), (): ()) -> Result<()> {
        M::simd_store_lane(self, access, bytes, lane);
        Ok(())
    }
}
