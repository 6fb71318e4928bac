//! The code generator's methods: each checks its operands and writes a line.

use super::*;

impl<V: Operand> FuncCodegen for Checker<V> {
    type Value = V;
    type Frame = Frame;

    fn begin(&mut self, signature: &Signature, locals: &[Ty]) -> Result<Frame> {
        assert_eq!(&locals[..signature.params.len()], &*signature.params);
        self.locals = locals.to_vec();
        self.results = signature.results.to_vec();
        self.line(format_args!("begin {:?} -> {:?} {locals:?}", signature.params, signature.results));
        let results = self.results.clone();
        self.open.push(Open {
            kind: Kind::Block,
            label: results.clone(),
            results,
            params: Vec::new(),
            height: 0,
            targeted: false,
            throws: false,
        });
        Ok(Frame(0))
    }

    fn set_offset(&mut self, offset: u32) {
        assert!(offset >= self.offset, "offsets ascend");
        self.offset = offset;
    }

    fn meter(&mut self, cost: u32, point: Meter) -> Result<()> {
        assert_ne!(cost, 0);
        self.effect(format_args!("meter {cost} {point:?}"), &[]);
        Ok(())
    }

    fn constant(&mut self, value: Const) -> Result<V> {
        self.value(format_args!("{value:?}"), &[], value.ty())
    }

    fn local_get(&mut self, local: LocalIdx) -> Result<V> {
        let ty = self.locals[local.index()];
        self.value(format_args!("local.get {}", local.0), &[], ty)
    }

    fn local_set(&mut self, local: LocalIdx, value: V) -> Result<()> {
        let ty = self.locals[local.index()];
        self.effect(format_args!("local.set {}", local.0), &[(value, ty)]);
        Ok(())
    }

    fn local_tee(&mut self, local: LocalIdx, value: V) -> Result<V> {
        let ty = self.locals[local.index()];
        self.value(format_args!("local.tee {}", local.0), &[(value, ty)], ty)
    }

    fn global_get(&mut self, global: &GlobalRef) -> Result<V> {
        self.value(format_args!("global.get {}", global.index.0), &[], global.ty)
    }

    fn global_set(&mut self, global: &GlobalRef, value: V) -> Result<()> {
        assert!(global.mutable);
        self.effect(format_args!("global.set {}", global.index.0), &[(value, global.ty)]);
        Ok(())
    }

    fn ref_is_null(&mut self, reference: V) -> Result<V> {
        self.value(format_args!("ref.is_null"), &[(reference, Ty::Ref)], Ty::I32)
    }

    fn ref_as_non_null(&mut self, reference: V, code: TrapCode) -> Result<V> {
        let code = Some(code).filter(|code| *code != TrapCode::NullReference);
        let code = code.map_or(String::new(), |code| format!(" {code:?}"));
        self.value(format_args!("ref.as_non_null{code}"), &[(reference, Ty::Ref)], Ty::Ref)
    }

    fn drop_value(&mut self, value: V) -> Result<()> {
        let ty = self.stack.last().expect("an operand").1;
        self.effect(format_args!("drop"), &[(value, ty)]);
        Ok(())
    }

    fn select(&mut self, ty: Ty, if_true: V, if_false: V, condition: V) -> Result<V> {
        self.value(format_args!("select {ty:?}"), &[(if_true, ty), (if_false, ty), (condition, Ty::I32)], ty)
    }

    fn int_unary(&mut self, op: IntUnary, width: Width, value: V) -> Result<V> {
        self.value(format_args!("{op:?} {width:?}"), &[(value, width.int())], width.int())
    }

    fn int_binary(&mut self, op: IntBinary, width: Width, lhs: V, rhs: V) -> Result<V> {
        let ty = width.int();
        self.value(format_args!("{op:?} {width:?}"), &[(lhs, ty), (rhs, ty)], ty)
    }

    fn int_compare(&mut self, op: IntCompare, width: Width, lhs: V, rhs: V) -> Result<V> {
        let ty = width.int();
        self.value(format_args!("{op:?} {width:?}"), &[(lhs, ty), (rhs, ty)], Ty::I32)
    }

    fn int_eqz(&mut self, width: Width, value: V) -> Result<V> {
        self.value(format_args!("Eqz {width:?}"), &[(value, width.int())], Ty::I32)
    }

    fn wide(&mut self, op: WideOp, operands: &[V]) -> Result<(V, V)> {
        self.assert_live();
        let operands = self.pop(operands, &[Ty::I64; 4][..operands.len()]);
        let (low, high) = (self.fresh(Ty::I64), self.fresh(Ty::I64));
        self.line(format_args!("v{low} v{high} = {op:?}{operands}"));
        Ok((V::new(low), V::new(high)))
    }

    fn float_unary(&mut self, op: FloatUnary, width: Width, value: V) -> Result<V> {
        self.value(format_args!("{op:?} f{width:?}"), &[(value, width.float())], width.float())
    }

    fn float_binary(&mut self, op: FloatBinary, width: Width, lhs: V, rhs: V) -> Result<V> {
        let ty = width.float();
        self.value(format_args!("{op:?} f{width:?}"), &[(lhs, ty), (rhs, ty)], ty)
    }

    fn float_compare(&mut self, op: FloatCompare, width: Width, lhs: V, rhs: V) -> Result<V> {
        let ty = width.float();
        self.value(format_args!("{op:?} f{width:?}"), &[(lhs, ty), (rhs, ty)], Ty::I32)
    }

    fn convert(&mut self, op: Convert, value: V) -> Result<V> {
        let (from, to) = op.types();
        self.value(format_args!("{op:?}"), &[(value, from)], to)
    }

    fn load(&mut self, access: &Access, op: Load, index: V) -> Result<V> {
        self.value(format_args!("load {op:?} {}", place(access)), &[at(access, index)], op.ty())
    }

    fn store(&mut self, access: &Access, op: Store, index: V, value: V) -> Result<()> {
        self.effect(format_args!("store {op:?} {}", place(access)), &[at(access, index), (value, op.ty())]);
        Ok(())
    }

    fn memory_size(&mut self, memory: &MemoryRef) -> Result<V> {
        self.value(format_args!("memory.size {}", region(memory)), &[], memory.width.int())
    }

    fn atomic_load(&mut self, access: &Access, width: AtomicWidth, index: V) -> Result<V> {
        self.value(format_args!("atomic.load {}", place(access)), &[at(access, index)], width.value.int())
    }

    fn atomic_store(&mut self, access: &Access, width: AtomicWidth, index: V, value: V) -> Result<()> {
        let operands = [at(access, index), (value, width.value.int())];
        self.effect(format_args!("atomic.store {}", place(access)), &operands);
        Ok(())
    }

    fn atomic_rmw(&mut self, access: &Access, op: AtomicRmw, width: AtomicWidth, index: V, value: V) -> Result<V> {
        let operands = [at(access, index), (value, width.value.int())];
        self.value(format_args!("atomic {op:?} {}", place(access)), &operands, width.value.int())
    }

    fn atomic_cmpxchg(
        &mut self,
        access: &Access,
        width: AtomicWidth,
        index: V,
        expected: V,
        replacement: V,
    ) -> Result<V> {
        let ty = width.value.int();
        let operands = [at(access, index), (expected, ty), (replacement, ty)];
        self.value(format_args!("atomic cmpxchg {}", place(access)), &operands, ty)
    }

    fn atomic_fence(&mut self) -> Result<()> {
        self.effect(format_args!("fence"), &[]);
        Ok(())
    }

    fn call(&mut self, callee: Callee<V>, signature: &Signature, args: &[V], results: &mut Vec<V>) -> Result<()> {
        assert!(results.is_empty());
        let text = self.call("call", &callee, signature, args);
        if let Some(&region) = self.regions.last() {
            self.open[region].throws = true;
        }
        let ids: Vec<_> = signature.results.iter().map(|&ty| self.fresh(ty)).collect();
        self.line(format_args!("{ids:?} = {text}"));
        results.extend(ids.into_iter().map(V::new));
        Ok(())
    }

    fn return_call(&mut self, callee: Callee<V>, signature: &Signature, args: &[V]) -> Result<()> {
        assert_eq!(&*signature.results, &*self.results);
        let text = self.call("return_call", &callee, signature, args);
        self.line(format_args!("{text}"));
        self.live = false;
        Ok(())
    }

    fn libcall(&mut self, call: HostCall, operand_types: &[Ty], operands: &[V], narrow: bool) -> Result<Option<V>> {
        let libcall = call.libcall();
        for (&given, &param) in operand_types.iter().zip(libcall.params()) {
            assert!(
                given == param || matches!((given, param), (Ty::I32 | Ty::Ref, Ty::I64)),
                "{call:?}: {given:?} for {param:?}"
            );
        }
        let operands: Vec<_> = operands.iter().copied().zip(operand_types.iter().copied()).collect();
        assert_eq!(operands.len(), libcall.params().len());
        let name = format!("{}{:?}", libcall.symbol(), &*call.immediates());
        match libcall.result() {
            Some(ty) => {
                let ty = if narrow { Ty::I32 } else { ty };
                self.value(format_args!("{name}"), &operands, ty).map(Some)
            }
            None => {
                self.effect(format_args!("{name}"), &operands);
                Ok(None)
            }
        }
    }

    fn trap(&mut self, code: TrapCode) -> Result<()> {
        self.effect(format_args!("trap {code:?}"), &[]);
        self.live = false;
        Ok(())
    }

    fn trap_if(&mut self, code: TrapCode, condition: V) -> Result<()> {
        self.effect(format_args!("trap {code:?} if"), &[(condition, Ty::I32)]);
        Ok(())
    }

    fn block(&mut self, sig: BlockSig<'_>, params: &[V]) -> Result<Frame> {
        Ok(self.open(Kind::Block, sig, params))
    }

    fn loop_(&mut self, sig: BlockSig<'_>, params: &mut [V]) -> Result<Frame> {
        let frame = self.open(Kind::Loop, sig, params);
        // The values at the header are new ones.
        self.stack.truncate(self.stack.len() - params.len());
        for (param, &ty) in params.iter_mut().zip(sig.params) {
            *param = V::new(self.fresh(ty));
        }
        Ok(frame)
    }

    fn if_(&mut self, sig: BlockSig<'_>, params: &[V], condition: V) -> Result<Frame> {
        self.effect(format_args!("condition"), &[(condition, Ty::I32)]);
        Ok(self.open(Kind::If, sig, params))
    }

    fn else_(&mut self, frame: &mut Frame, fallthrough: Option<&[V]>, params: &mut [V]) -> Result<()> {
        assert_eq!(frame.0, self.open.len() - 1);
        self.fall(fallthrough);
        let was_live = self.live;
        let open = self.open.last_mut().expect("a frame is open");
        assert_eq!(open.kind, Kind::If);
        open.kind = Kind::Else;
        open.targeted |= was_live;
        let saved = std::mem::take(&mut open.params);
        assert_eq!(saved.len(), params.len());
        // A backend may replace them: the translator has to go on with what it gets back.
        for (param, (id, ty)) in params.iter_mut().zip(saved) {
            assert!(param.is(id), "behind\n{}", self.log);
            *param = V::new(self.fresh(ty));
        }
        self.live = true;
        self.line(format_args!("else"));
        Ok(())
    }

    fn end(&mut self, frame: Frame, fallthrough: Option<&[V]>, branched: bool, results: &mut Vec<V>) -> Result<()> {
        assert!(results.is_empty());
        assert_eq!(frame.0, self.open.len() - 1);
        let fallen = self.fall(fallthrough);
        let open = self.open.pop().expect("a frame is open");
        assert_ne!(open.kind, Kind::If, "`else_` comes before `end`");
        assert_ne!(open.kind, Kind::Try, "`landing` comes before `end`");
        assert_eq!(branched, open.targeted && open.kind != Kind::Loop, "behind\n{}", self.log);
        let mut text = String::new();
        if branched {
            for &ty in &open.results {
                let id = self.fresh(ty);
                write!(text, " v{id}").expect("strings do not fail");
                results.push(V::new(id));
            }
        } else if self.live {
            for (id, ty) in fallen {
                self.stack.push((id, ty));
                write!(text, " v{id}").expect("strings do not fail");
                results.push(V::new(id));
            }
        }
        self.live |= branched;
        let state = if self.live { "" } else { " dead" };
        self.line(format_args!("end{text}{state}"));
        Ok(())
    }

    fn br(&mut self, frame: &mut Frame, args: &[V]) -> Result<()> {
        let args = self.target(frame, args);
        self.line(format_args!("br {}{args}", frame.0));
        self.live = false;
        Ok(())
    }

    fn br_if(&mut self, frame: &mut Frame, args: &[V], condition: V) -> Result<()> {
        let condition = self.pop(&[condition], &[Ty::I32]);
        let args = self.target(frame, args);
        self.line(format_args!("br_if {}{args} when{condition}", frame.0));
        Ok(())
    }

    fn br_on_null(&mut self, frame: &mut Frame, args: &[V], reference: V) -> Result<V> {
        self.pop(&[reference], &[Ty::Ref]);
        let args = self.target(frame, args);
        let id = self.fresh(Ty::Ref);
        self.line(format_args!("v{id} = br_on_null {}{args}", frame.0));
        Ok(V::new(id))
    }

    fn br_on_non_null(&mut self, frame: &mut Frame, args: &[V]) -> Result<()> {
        let args = self.target(frame, args);
        self.stack.pop();
        self.line(format_args!("br_on_non_null {}{args}", frame.0));
        Ok(())
    }

    fn br_table(&mut self, frames: &mut [Frame], targets: &[u32], default: u32, args: &[V], index: V) -> Result<()> {
        assert_eq!(frames.len(), self.open.len());
        let index = self.pop(&[index], &[Ty::I32]);
        let mut text = String::new();
        for &target in targets.iter().chain([&default]) {
            text = self.target(&frames[target as usize], args);
        }
        self.line(format_args!("br_table {targets:?} {default}{text} by{index}"));
        self.live = false;
        Ok(())
    }

    fn try_(&mut self, sig: BlockSig<'_>, params: &[V]) -> Result<Frame> {
        self.regions.push(self.open.len());
        Ok(self.open(Kind::Try, sig, params))
    }

    fn landing(&mut self, frame: &mut Frame, fallthrough: Option<&[V]>) -> Result<bool> {
        assert_eq!((Some(frame.0), frame.0), (self.regions.pop(), self.open.len() - 1), "behind\n{}", self.log);
        self.fall(fallthrough);
        let was_live = self.live;
        let open = self.open.last_mut().expect("a frame is open");
        assert_eq!(open.kind, Kind::Try);
        open.kind = Kind::Landing;
        open.targeted |= was_live;
        self.live = open.throws;
        let state = if self.live { "" } else { " dead" };
        self.line(format_args!("landing{state}"));
        Ok(self.live)
    }

    fn throw_on(&mut self, frame: Option<&mut Frame>) -> Result<()> {
        self.assert_live();
        match frame {
            Some(frame) => {
                assert!(self.regions.contains(&frame.0), "behind\n{}", self.log);
                self.open[frame.0].throws = true;
                self.line(format_args!("throw_on {}", frame.0));
            }
            None => self.line(format_args!("throw_on")),
        }
        self.live = false;
        Ok(())
    }

    fn set_caught_tag(&mut self, tag: &TagRef) -> Result<()> {
        assert_eq!(std::mem::take(&mut self.written), 0, "behind\n{}", self.log);
        self.effect(format_args!("throws tag {}", tag.index.0), &[]);
        Ok(())
    }

    fn set_caught_value(&mut self, index: u32, ty: Ty, value: V) -> Result<()> {
        assert!(self.written == 0 || self.written == index + 1, "behind\n{}", self.log);
        self.written = index;
        self.effect(format_args!("throws {index}"), &[(value, ty)]);
        Ok(())
    }

    fn caught_tag_is(&mut self, tag: &TagRef) -> Result<V> {
        self.value(format_args!("caught tag {}", tag.index.0), &[], Ty::I32)
    }

    fn caught_value(&mut self, index: u32, ty: Ty) -> Result<V> {
        self.value(format_args!("caught {index}"), &[], ty)
    }

    fn pick(&mut self, above: usize, value: V) -> Result<V> {
        let (id, ty) = self.stack[self.stack.len() - 1 - above];
        assert!(value.is(id), "behind\n{}", self.log);
        self.value(format_args!("pick v{id}"), &[], ty)
    }

    fn return_(&mut self, values: &[V]) -> Result<()> {
        self.assert_live();
        let results = self.results.clone();
        let values = self.peek(values, &results);
        self.line(format_args!("return{values}"));
        self.live = false;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        assert!(!self.live && !self.finished && self.open.is_empty(), "behind\n{}", self.log);
        self.finished = true;
        Ok(())
    }

    fn simd_unary(&mut self, op: SimdUnary, value: V) -> Result<V> {
        self.value(format_args!("{op:?}"), &[(value, Ty::V128)], Ty::V128)
    }

    fn simd_binary(&mut self, op: SimdBinary, lhs: V, rhs: V) -> Result<V> {
        self.value(format_args!("{op:?}"), &[(lhs, Ty::V128), (rhs, Ty::V128)], Ty::V128)
    }

    fn simd_ternary(&mut self, op: SimdTernary, a: V, b: V, c: V) -> Result<V> {
        self.value(format_args!("{op:?}"), &[(a, Ty::V128), (b, Ty::V128), (c, Ty::V128)], Ty::V128)
    }

    fn simd_shift(&mut self, op: SimdShift, shape: IntShape, value: V, count: V) -> Result<V> {
        self.value(format_args!("{op:?} {shape:?}"), &[(value, Ty::V128), (count, Ty::I32)], Ty::V128)
    }

    fn simd_int_compare(&mut self, op: IntCompare, shape: IntShape, lhs: V, rhs: V) -> Result<V> {
        self.value(format_args!("{op:?} {shape:?}"), &[(lhs, Ty::V128), (rhs, Ty::V128)], Ty::V128)
    }

    fn simd_float_unary(&mut self, op: FloatUnary, width: Width, value: V) -> Result<V> {
        self.value(format_args!("simd {op:?} {width:?}"), &[(value, Ty::V128)], Ty::V128)
    }

    fn simd_float_binary(&mut self, op: SimdFloatBinary, width: Width, lhs: V, rhs: V) -> Result<V> {
        self.value(format_args!("simd {op:?} {width:?}"), &[(lhs, Ty::V128), (rhs, Ty::V128)], Ty::V128)
    }

    fn simd_float_compare(&mut self, op: FloatCompare, width: Width, lhs: V, rhs: V) -> Result<V> {
        self.value(format_args!("simd {op:?} {width:?}"), &[(lhs, Ty::V128), (rhs, Ty::V128)], Ty::V128)
    }

    fn simd_test(&mut self, op: SimdTest, value: V) -> Result<V> {
        self.value(format_args!("{op:?}"), &[(value, Ty::V128)], Ty::I32)
    }

    fn simd_convert(&mut self, op: SimdConvert, value: V) -> Result<V> {
        self.value(format_args!("{op:?}"), &[(value, Ty::V128)], Ty::V128)
    }

    fn simd_splat(&mut self, shape: Shape, value: V) -> Result<V> {
        self.value(format_args!("splat {shape:?}"), &[(value, shape.scalar())], Ty::V128)
    }

    fn simd_extract_lane(&mut self, shape: Shape, lane: u8, signed: bool, value: V) -> Result<V> {
        let name = format!("extract {shape:?} {lane} {}", if signed { "s" } else { "u" });
        self.value(format_args!("{name}"), &[(value, Ty::V128)], shape.scalar())
    }

    fn simd_replace_lane(&mut self, shape: Shape, lane: u8, vector: V, value: V) -> Result<V> {
        let operands = [(vector, Ty::V128), (value, shape.scalar())];
        self.value(format_args!("replace {shape:?} {lane}"), &operands, Ty::V128)
    }

    fn simd_shuffle(&mut self, lanes: [u8; 16], lhs: V, rhs: V) -> Result<V> {
        self.value(format_args!("shuffle {lanes:?}"), &[(lhs, Ty::V128), (rhs, Ty::V128)], Ty::V128)
    }

    fn simd_load(&mut self, access: &Access, op: SimdLoad, index: V) -> Result<V> {
        self.value(format_args!("load {op:?} {}", place(access)), &[at(access, index)], Ty::V128)
    }

    fn simd_load_lane(&mut self, access: &Access, bytes: u8, lane: u8, index: V, vector: V) -> Result<V> {
        let name = format!("load_lane {bytes} {lane} {}", place(access));
        self.value(format_args!("{name}"), &[at(access, index), (vector, Ty::V128)], Ty::V128)
    }

    fn simd_store_lane(&mut self, access: &Access, bytes: u8, lane: u8, index: V, vector: V) -> Result<()> {
        let name = format!("store_lane {bytes} {lane} {}", place(access));
        self.effect(format_args!("{name}"), &[at(access, index), (vector, Ty::V128)]);
        Ok(())
    }
}
