//! From the translator's calls to the operator families.

use inkwell::IntPredicate;
use wasmer_runtime_core::libcall::HostCall;
use wasmer_runtime_core::translate::codegen::*;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::codegen::{Codegen, V, global_align};
use crate::control::Frame;
use crate::intrinsics::Built;

/// Forwards methods of the trait to methods of other names, which stand in the file of their family.
macro_rules! forward {
    ($($name:ident => $to:ident ($($arg:ident: $ty:ty),*) $(-> $result:ty)?;)*) => {
        $(fn $name(&mut self, $($arg: $ty),*) $(-> $result)? { self.$to($($arg),*) })*
    };
}

impl<'ctx> FuncCodegen for Codegen<'ctx, '_> {
    type Value = V<'ctx>;
    type Frame = Frame<'ctx>;
    const INLINES: bool = true;

    fn constant(&mut self, value: Const) -> Result<V<'ctx>> {
        self.const_value(value)
    }

    fn local_get(&mut self, local: LocalIdx) -> Result<V<'ctx>> {
        let (slot, ty) = self.local(local)?;
        self.b.build_load(ty, slot, "").built()
    }

    fn local_set(&mut self, local: LocalIdx, value: V<'ctx>) -> Result<()> {
        let (slot, _) = self.local(local)?;
        self.b.build_store(slot, value).built()?;
        self.merges()?.write(local.index());
        Ok(())
    }

    // The value itself and no load: nothing has to find out that they are the same.
    fn local_tee(&mut self, local: LocalIdx, value: V<'ctx>) -> Result<V<'ctx>> {
        self.local_set(local, value)?;
        Ok(value)
    }

    fn global_set(&mut self, global: &GlobalRef, value: V<'ctx>) -> Result<()> {
        let (place, class) = self.global_place(global)?;
        self.store_to(place, value, class, global_align(global.ty)).map(drop)
    }

    fn ref_is_null(&mut self, reference: V<'ctx>) -> Result<V<'ctx>> {
        let null = self.icmp(IntPredicate::EQ, reference, self.const_like(reference, 0))?;
        self.flag(null)
    }

    fn ref_as_non_null(&mut self, reference: V<'ctx>, code: TrapCode) -> Result<V<'ctx>> {
        let null = self.icmp(IntPredicate::EQ, reference, self.const_like(reference, 0))?;
        self.trap_if(null.into_int_value(), code)?;
        Ok(reference)
    }

    fn drop_value(&mut self, _value: V<'ctx>) -> Result<()> {
        Ok(())
    }

    fn select(&mut self, _ty: Ty, if_true: V<'ctx>, if_false: V<'ctx>, condition: V<'ctx>) -> Result<V<'ctx>> {
        let condition = self.is_true(condition)?;
        self.select_value(condition.into(), if_true, if_false)
    }

    fn trap(&mut self, code: TrapCode) -> Result<()> {
        self.trap_here(code)
    }

    fn trap_if(&mut self, code: TrapCode, condition: V<'ctx>) -> Result<()> {
        let condition = self.is_true(condition)?;
        self.trap_if(condition, code)
    }

    fn if_(&mut self, sig: BlockSig<'_>, _params: &[V<'ctx>], condition: V<'ctx>) -> Result<Frame<'ctx>> {
        self.open_if(sig, condition)
    }

    fn block(&mut self, sig: BlockSig<'_>, _params: &[V<'ctx>]) -> Result<Frame<'ctx>> {
        self.open_block(sig)
    }

    fn else_(
        &mut self,
        frame: &mut Frame<'ctx>,
        fallthrough: Option<&[V<'ctx>]>,
        _params: &mut [V<'ctx>],
    ) -> Result<()> {
        self.switch_arm(frame, fallthrough)
    }

    fn end(
        &mut self,
        frame: Frame<'ctx>,
        fallthrough: Option<&[V<'ctx>]>,
        _branched: bool,
        results: &mut Vec<V<'ctx>>,
    ) -> Result<()> {
        self.close_frame(frame, fallthrough, results)
    }

    fn try_(&mut self, sig: BlockSig<'_>, _params: &[V<'ctx>]) -> Result<Frame<'ctx>> {
        self.open_region(sig)
    }

    fn set_caught_value(&mut self, index: u32, _ty: Ty, value: V<'ctx>) -> Result<()> {
        self.emit_set_caught_value(index, value)
    }

    fn pick(&mut self, _above: usize, value: V<'ctx>) -> Result<V<'ctx>> {
        Ok(value)
    }

    forward! {
        begin => begin_body(signature: &Signature, locals: &[Ty]) -> Result<Frame<'ctx>>;
        set_offset => set_wasm_offset(offset: u32);
        finish => finish_body() -> Result<()>;
        global_get => get_global(global: &GlobalRef) -> Result<V<'ctx>>;

        int_unary => emit_int_unary(op: IntUnary, width: Width, value: V<'ctx>) -> Result<V<'ctx>>;
        int_binary => emit_int_binary(op: IntBinary, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        int_compare => emit_int_compare(op: IntCompare, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        int_eqz => emit_int_eqz(width: Width, value: V<'ctx>) -> Result<V<'ctx>>;
        wide => emit_wide(op: WideOp, operands: &[V<'ctx>]) -> Result<(V<'ctx>, V<'ctx>)>;
        float_unary => emit_float_unary(op: FloatUnary, width: Width, value: V<'ctx>) -> Result<V<'ctx>>;
        float_binary => emit_float_binary(op: FloatBinary, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        float_compare => emit_float_compare(op: FloatCompare, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        convert => emit_convert(op: Convert, value: V<'ctx>) -> Result<V<'ctx>>;

        load => emit_load(access: &Access, op: Load, index: V<'ctx>) -> Result<V<'ctx>>;
        store => emit_store(access: &Access, op: Store, index: V<'ctx>, value: V<'ctx>) -> Result<()>;
        memory_size => emit_memory_size(memory: &MemoryRef) -> Result<V<'ctx>>;
        atomic_load => emit_atomic_load(access: &Access, width: AtomicWidth, index: V<'ctx>) -> Result<V<'ctx>>;
        atomic_store => emit_atomic_store(access: &Access, width: AtomicWidth, index: V<'ctx>, value: V<'ctx>) -> Result<()>;
        atomic_rmw => emit_atomic_rmw(access: &Access, op: AtomicRmw, width: AtomicWidth, index: V<'ctx>, value: V<'ctx>) -> Result<V<'ctx>>;
        atomic_cmpxchg => emit_atomic_cmpxchg(access: &Access, width: AtomicWidth, index: V<'ctx>, expected: V<'ctx>, replacement: V<'ctx>) -> Result<V<'ctx>>;
        atomic_fence => emit_atomic_fence() -> Result<()>;

        call => emit_call(callee: Callee<V<'ctx>>, signature: &Signature, args: &[V<'ctx>], results: &mut Vec<V<'ctx>>) -> Result<()>;
        return_call => emit_return_call(callee: Callee<V<'ctx>>, signature: &Signature, args: &[V<'ctx>]) -> Result<()>;
        libcall => emit_libcall(call: HostCall, operand_types: &[Ty], operands: &[V<'ctx>], narrow: bool) -> Result<Option<V<'ctx>>>;

        meter => emit_meter(cost: u32, point: Meter) -> Result<()>;
        loop_ => open_loop(sig: BlockSig<'_>, params: &mut [V<'ctx>]) -> Result<Frame<'ctx>>;
        br => emit_br(frame: &mut Frame<'ctx>, args: &[V<'ctx>]) -> Result<()>;
        br_if => emit_br_if(frame: &mut Frame<'ctx>, args: &[V<'ctx>], condition: V<'ctx>) -> Result<()>;
        br_on_null => emit_br_on_null(frame: &mut Frame<'ctx>, args: &[V<'ctx>], reference: V<'ctx>) -> Result<V<'ctx>>;
        br_on_non_null => emit_br_on_non_null(frame: &mut Frame<'ctx>, args: &[V<'ctx>]) -> Result<()>;
        br_table => emit_br_table(frames: &mut [Frame<'ctx>], targets: &[u32], default: u32, args: &[V<'ctx>], index: V<'ctx>) -> Result<()>;
        return_ => emit_return(values: &[V<'ctx>]) -> Result<()>;

        landing => land(frame: &mut Frame<'ctx>, fallthrough: Option<&[V<'ctx>]>) -> Result<bool>;
        throw_on => emit_throw_on(frame: Option<&mut Frame<'ctx>>) -> Result<()>;
        set_caught_tag => emit_set_caught_tag(tag: &TagRef) -> Result<()>;
        caught_tag_is => emit_caught_tag_is(tag: &TagRef) -> Result<V<'ctx>>;
        caught_value => emit_caught_value(index: u32, ty: Ty) -> Result<V<'ctx>>;

        simd_unary => emit_simd_unary(op: SimdUnary, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_binary => emit_simd_binary(op: SimdBinary, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        simd_ternary => emit_simd_ternary(op: SimdTernary, a: V<'ctx>, b: V<'ctx>, c: V<'ctx>) -> Result<V<'ctx>>;
        simd_shift => emit_simd_shift(op: SimdShift, shape: IntShape, value: V<'ctx>, count: V<'ctx>) -> Result<V<'ctx>>;
        simd_int_compare => emit_simd_int_compare(op: IntCompare, shape: IntShape, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        simd_float_unary => emit_simd_float_unary(op: FloatUnary, width: Width, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_float_binary => emit_simd_float_binary(op: SimdFloatBinary, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        simd_float_compare => emit_simd_float_compare(op: FloatCompare, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        simd_test => emit_simd_test(op: SimdTest, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_convert => emit_simd_convert(op: SimdConvert, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_splat => emit_simd_splat(shape: Shape, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_extract_lane => emit_simd_extract_lane(shape: Shape, lane: u8, signed: bool, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_replace_lane => emit_simd_replace_lane(shape: Shape, lane: u8, vector: V<'ctx>, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_shuffle => emit_simd_shuffle(lanes: [u8; 16], lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        simd_load => emit_simd_load(access: &Access, op: SimdLoad, index: V<'ctx>) -> Result<V<'ctx>>;
        simd_load_lane => emit_simd_load_lane(access: &Access, bytes: u8, lane: u8, index: V<'ctx>, vector: V<'ctx>) -> Result<V<'ctx>>;
        simd_store_lane => emit_simd_store_lane(access: &Access, bytes: u8, lane: u8, index: V<'ctx>, vector: V<'ctx>) -> Result<()>;
    }
}
