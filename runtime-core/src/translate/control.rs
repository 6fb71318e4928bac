//! Control operators, calls, locals and references: `block` to `return`, `call*`, `local.*`, `global.*`, `select`.

use wasmparser::{BlockType, BrTable, HeapType, ValType};

use crate::libcall::Libcall;
use crate::translate::codegen::{Callee, FuncCodegen, Result};
use crate::translate::func::{BlockTypes, State};
use crate::translate::ops::Const;
use crate::trap::TrapCode;
use crate::types::*;

/// The translator's half of a control frame.
pub(super) struct ControlFrame<V> {
    kind: Kind<V>,
    types: BlockTypes,
    /// Height of the operand stack below the frame's parameters.
    height: usize,
    /// Whether a branch targets the frame's end.
    branched: bool,
}

/// What a frame is.
enum Kind<V> {
    /// The body of the function or a `block`.
    Block,
    /// A `loop`: branches go to its start.
    Loop,
    /// The first arm of an `if`, with the parameters for the second.
    If { params: Box<[V]> },
    /// The second arm.
    Else,
    /// A frame opened in dead code: it only counts.
    Dead,
}

impl<V> ControlFrame<V> {
    /// The frame of a function's body.
    pub(super) fn body(signature: &Signature) -> Self {
        let types = BlockTypes { params: Box::default(), results: signature.results.clone() };
        Self { kind: Kind::Block, types, height: 0, branched: false }
    }

    /// What a branch to the frame takes from the operand stack.
    fn label(&self) -> &[Ty] {
        match self.kind {
            Kind::Loop => &self.types.params,
            _ => &self.types.results,
        }
    }
}

impl<C: FuncCodegen> State<'_, C> {
    pub(super) fn visit_nop(&mut self) -> Result<()> {
        Ok(())
    }

    pub(super) fn visit_unreachable(&mut self) -> Result<()> {
        self.codegen.trap(TrapCode::Unreachable)?;
        self.dead()
    }

    /// What follows cannot be reached.
    fn dead(&mut self) -> Result<()> {
        self.live = false;
        let height = self.buffers.control.last().map_or(0, |frame| frame.height);
        self.buffers.values.truncate(height);
        Ok(())
    }

    pub(super) fn visit_block(&mut self, ty: BlockType) -> Result<()> {
        if !self.live {
            return self.open_dead();
        }
        let types = BlockTypes::new(self.module, ty)?;
        let height = self.height_below(types.params.len());
        let frame = self.codegen.block(types.sig(), &self.buffers.values[height..])?;
        self.open(frame, Kind::Block, types, height)
    }

    pub(super) fn visit_loop(&mut self, ty: BlockType) -> Result<()> {
        if !self.live {
            return self.open_dead();
        }
        let types = BlockTypes::new(self.module, ty)?;
        let height = self.height_below(types.params.len());
        let frame = self.codegen.loop_(types.sig(), &mut self.buffers.values[height..])?;
        self.open(frame, Kind::Loop, types, height)
    }

    pub(super) fn visit_if(&mut self, ty: BlockType) -> Result<()> {
        if !self.live {
            return self.open_dead();
        }
        let types = BlockTypes::new(self.module, ty)?;
        let condition = self.pop();
        let height = self.height_below(types.params.len());
        let params = &self.buffers.values[height..];
        let frame = self.codegen.if_(types.sig(), params, condition)?;
        let params = params.into();
        self.open(frame, Kind::If { params }, types, height)
    }

    fn open(&mut self, frame: C::Frame, kind: Kind<C::Value>, types: BlockTypes, height: usize) -> Result<()> {
        self.buffers.frames.push(frame);
        self.buffers.control.push(ControlFrame { kind, types, height, branched: false });
        Ok(())
    }

    fn open_dead(&mut self) -> Result<()> {
        let types = BlockTypes { params: Box::default(), results: Box::default() };
        let height = self.buffers.values.len();
        self.buffers.control.push(ControlFrame { kind: Kind::Dead, types, height, branched: false });
        Ok(())
    }

    pub(super) fn visit_else(&mut self) -> Result<()> {
        let control = self.buffers.control.last_mut().expect("`else` has a frame");
        let Kind::If { params } = std::mem::replace(&mut control.kind, Kind::Else) else {
            // The `if` was dead, and so is its `else`.
            control.kind = Kind::Dead;
            return Ok(());
        };
        self.else_arm(params)
    }

    /// Ends the first arm of the innermost `if` and starts the second with the same parameters.
    fn else_arm(&mut self, mut params: Box<[C::Value]>) -> Result<()> {
        let control = self.buffers.control.last_mut().expect("`else` has a frame");
        let height = control.height;
        let frame = self.buffers.frames.last_mut().expect("a live `if` has the backend's frame");
        let fallthrough = self.live.then(|| &self.buffers.values[height..]);
        // The end can now be reached from the first arm.
        control.branched |= self.live;
        self.codegen.else_(frame, fallthrough, &mut params)?;
        self.buffers.values.truncate(height);
        self.buffers.values.extend_from_slice(&params);
        self.live = true;
        Ok(())
    }

    pub(super) fn visit_end(&mut self) -> Result<()> {
        if let Some(control) = self.buffers.control.last_mut()
            && let Kind::If { params } = &mut control.kind
        {
            let params = std::mem::take(params);
            control.kind = Kind::Else;
            // An `if` without `else` passes its parameters on as results.
            self.codegen.set_offset(self.offset as u32);
            self.else_arm(params)?;
        }
        let control = self.buffers.control.pop().expect("`end` has a frame");
        if matches!(control.kind, Kind::Dead) {
            return Ok(());
        }
        self.codegen.set_offset(self.offset as u32);
        let frame = self.buffers.frames.pop().expect("a live frame has the backend's half");
        self.buffers.results.clear();
        let fallthrough = self.live.then(|| &self.buffers.values[control.height..]);
        self.codegen.end(frame, fallthrough, control.branched, &mut self.buffers.results)?;
        self.buffers.values.truncate(control.height);
        if self.live || control.branched {
            self.live = true;
            self.buffers.values.extend_from_slice(&self.buffers.results);
        }
        if self.buffers.control.is_empty() && self.live {
            self.codegen.return_(&self.buffers.values)?;
            self.live = false;
        }
        Ok(())
    }

    /// The control frame at a branch depth, and the position of its backend half.
    fn target(&mut self, depth: u32) -> (&mut ControlFrame<C::Value>, usize) {
        // Frames of dead code are innermost, so a live branch crosses none: both stacks have the same height.
        let position = self.buffers.control.len() - 1 - depth as usize;
        (&mut self.buffers.control[position], position)
    }

    /// Marks the target as reached and returns its backend half's position and its arity.
    fn branch(&mut self, depth: u32) -> (usize, usize) {
        let (control, position) = self.target(depth);
        if !matches!(control.kind, Kind::Loop) {
            control.branched = true;
        }
        (position, control.label().len())
    }

    pub(super) fn visit_br(&mut self, depth: u32) -> Result<()> {
        let (position, arity) = self.branch(depth);
        let height = self.height_below(arity);
        self.codegen.br(&mut self.buffers.frames[position], &self.buffers.values[height..])?;
        self.dead()
    }

    pub(super) fn visit_br_if(&mut self, depth: u32) -> Result<()> {
        let condition = self.pop();
        let (position, arity) = self.branch(depth);
        let height = self.height_below(arity);
        self.codegen.br_if(&mut self.buffers.frames[position], &self.buffers.values[height..], condition)
    }

    pub(super) fn visit_br_on_null(&mut self, depth: u32) -> Result<()> {
        let reference = self.pop();
        let (position, arity) = self.branch(depth);
        let height = self.height_below(arity);
        let frame = &mut self.buffers.frames[position];
        let reference = self.codegen.br_on_null(frame, &self.buffers.values[height..], reference)?;
        self.push(reference);
        Ok(())
    }

    pub(super) fn visit_br_on_non_null(&mut self, depth: u32) -> Result<()> {
        let (position, arity) = self.branch(depth);
        let height = self.height_below(arity);
        self.codegen.br_on_non_null(&mut self.buffers.frames[position], &self.buffers.values[height..])?;
        self.pop();
        Ok(())
    }

    pub(super) fn visit_br_table(&mut self, table: BrTable<'_>) -> Result<()> {
        let index = self.pop();
        let mut targets = std::mem::take(&mut self.buffers.targets);
        targets.clear();
        for depth in table.targets() {
            targets.push(self.branch(depth?).0 as u32);
        }
        let (default, arity) = self.branch(table.default());
        let height = self.height_below(arity);
        let args = &self.buffers.values[height..];
        self.codegen.br_table(&mut self.buffers.frames, &targets, default as u32, args, index)?;
        self.buffers.targets = targets;
        self.dead()
    }

    pub(super) fn visit_return(&mut self) -> Result<()> {
        let height = self.height_below(self.signature.results.len());
        self.codegen.return_(&self.buffers.values[height..])?;
        self.dead()
    }

    // Calls.

    fn direct_callee(&self, function: u32) -> (Callee<C::Value>, TypeIdx) {
        let index = FuncIdx(function);
        let callee = match self.module.defined_func(index) {
            Some(defined) => Callee::Direct(defined),
            None => Callee::Import { index, offset: self.offsets.imported_function(index) },
        };
        (callee, self.module.functions[index.index()])
    }

    fn indirect_callee(&mut self, type_index: u32, table: u32) -> Callee<C::Value> {
        let index = self.pop();
        let table = self.module.table_ref(&self.offsets, TableIdx(table));
        Callee::Indirect { table, type_index: TypeIdx(type_index), index }
    }

    fn ref_callee(&mut self, type_index: u32) -> Callee<C::Value> {
        Callee::Ref { type_index: TypeIdx(type_index), reference: self.pop() }
    }

    fn call(&mut self, callee: Callee<C::Value>, type_index: u32) -> Result<()> {
        let signature = self.type_signature(type_index);
        let height = self.height_below(signature.params.len());
        self.buffers.results.clear();
        self.codegen.call(callee, &signature, &self.buffers.values[height..], &mut self.buffers.results)?;
        self.buffers.values.truncate(height);
        self.buffers.values.extend_from_slice(&self.buffers.results);
        Ok(())
    }

    fn return_call(&mut self, callee: Callee<C::Value>, type_index: u32) -> Result<()> {
        let signature = self.type_signature(type_index);
        let height = self.height_below(signature.params.len());
        self.codegen.return_call(callee, &signature, &self.buffers.values[height..])?;
        self.dead()
    }

    pub(super) fn visit_call(&mut self, function: u32) -> Result<()> {
        let (callee, ty) = self.direct_callee(function);
        self.call(callee, ty.0)
    }

    pub(super) fn visit_call_indirect(&mut self, type_index: u32, table: u32) -> Result<()> {
        let callee = self.indirect_callee(type_index, table);
        self.call(callee, type_index)
    }

    pub(super) fn visit_call_ref(&mut self, type_index: u32) -> Result<()> {
        let callee = self.ref_callee(type_index);
        self.call(callee, type_index)
    }

    pub(super) fn visit_return_call(&mut self, function: u32) -> Result<()> {
        let (callee, ty) = self.direct_callee(function);
        self.return_call(callee, ty.0)
    }

    pub(super) fn visit_return_call_indirect(&mut self, type_index: u32, table: u32) -> Result<()> {
        let callee = self.indirect_callee(type_index, table);
        self.return_call(callee, type_index)
    }

    pub(super) fn visit_return_call_ref(&mut self, type_index: u32) -> Result<()> {
        let callee = self.ref_callee(type_index);
        self.return_call(callee, type_index)
    }

    // Locals, globals, parametric operators, references.

    pub(super) fn visit_local_get(&mut self, local: u32) -> Result<()> {
        let value = self.codegen.local_get(LocalIdx(local))?;
        self.push(value);
        Ok(())
    }

    pub(super) fn visit_local_set(&mut self, local: u32) -> Result<()> {
        let value = self.pop();
        self.codegen.local_set(LocalIdx(local), value)
    }

    pub(super) fn visit_local_tee(&mut self, local: u32) -> Result<()> {
        let value = self.pop();
        let value = self.codegen.local_tee(LocalIdx(local), value)?;
        self.push(value);
        Ok(())
    }

    pub(super) fn visit_global_get(&mut self, global: u32) -> Result<()> {
        let global = self.module.global_ref(&self.offsets, GlobalIdx(global));
        let value = self.codegen.global_get(&global)?;
        self.push(value);
        Ok(())
    }

    pub(super) fn visit_global_set(&mut self, global: u32) -> Result<()> {
        let global = self.module.global_ref(&self.offsets, GlobalIdx(global));
        let value = self.pop();
        self.codegen.global_set(&global, value)
    }

    pub(super) fn visit_drop(&mut self) -> Result<()> {
        let value = self.pop();
        self.codegen.drop_value(value)
    }

    pub(super) fn visit_select(&mut self) -> Result<()> {
        let condition = self.pop();
        let if_false = self.pop();
        let if_true = self.pop();
        let value = self.codegen.select(self.result_ty(), if_true, if_false, condition)?;
        self.push(value);
        Ok(())
    }

    pub(super) fn visit_typed_select(&mut self, _ty: ValType) -> Result<()> {
        self.visit_select()
    }

    /// The validator accepts exactly one type so far.
    pub(super) fn visit_typed_select_multi(&mut self, types: Vec<ValType>) -> Result<()> {
        if types.len() == 1 { self.visit_select() } else { self.refuse("select with several results") }
    }

    pub(super) fn visit_ref_null(&mut self, _ty: HeapType) -> Result<()> {
        self.constant(Const::Null)
    }

    pub(super) fn visit_ref_is_null(&mut self) -> Result<()> {
        let reference = self.pop();
        let value = self.codegen.ref_is_null(reference)?;
        self.push(value);
        Ok(())
    }

    pub(super) fn visit_ref_as_non_null(&mut self) -> Result<()> {
        let reference = self.pop();
        let value = self.codegen.ref_as_non_null(reference)?;
        self.push(value);
        Ok(())
    }

    pub(super) fn visit_ref_func(&mut self, function: u32) -> Result<()> {
        self.libcall(Libcall::RefFunc, &[u64::from(function)], &[], false)
    }

    pub(super) fn constant(&mut self, value: Const) -> Result<()> {
        let value = self.codegen.constant(value)?;
        self.push(value);
        Ok(())
    }

    /// A libcall whose operands, of the types `operands`, are on the operand stack.
    pub(super) fn libcall(&mut self, call: Libcall, immediates: &[u64], operands: &[Ty], narrow: bool) -> Result<()> {
        let height = self.height_below(operands.len());
        let result = self.codegen.libcall(call, immediates, operands, &self.buffers.values[height..], narrow)?;
        self.buffers.values.truncate(height);
        self.buffers.values.extend(result);
        Ok(())
    }
}
