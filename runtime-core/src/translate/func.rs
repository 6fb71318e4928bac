//! The one operator translator: validates a function body and drives a [`FuncCodegen`].
//!
//! Each operator is first validated, then — in live code — handed to the inherent method of [`State`] that has the
//! operator's name. Those methods are made from tables, one file per family: [`super::numeric`], [`super::simd`],
//! [`super::memory`], [`super::control`]; operators that are refused stand in [`super::refused`]. An operator that a new
//! wasmparser adds has no such method, and does not compile.

use wasmparser::{
    BinaryReader, FrameKind, FrameStack, FuncToValidate, FuncValidator, FuncValidatorAllocations, FunctionBody,
    ValidatorResources, VisitOperator, VisitSimdOperator,
};

use crate::compiler::CompileError;
use crate::module::ModuleInfo;
use crate::translate::codegen::{BlockSig, FuncCodegen, Result};
use crate::translate::control::ControlFrame;
use crate::translate::module::val_type;
use crate::types::*;
use crate::vm::layout::VMOffsets;

/// A function body to translate, and what its validation needs.
pub struct FuncInput<'a> {
    /// Which function.
    pub index: DefinedFuncIdx,
    /// Its body.
    pub body: FunctionBody<'a>,
    /// Validation resources of the module.
    pub validate: FuncToValidate<ValidatorResources>,
}

/// Reusable state of the translation; one per worker.
pub struct FuncTranslator<C: FuncCodegen> {
    allocations: FuncValidatorAllocations,
    buffers: Buffers<C>,
}

/// Vectors that are reused from function to function.
pub(super) struct Buffers<C: FuncCodegen> {
    /// The operand stack.
    pub(super) values: Vec<C::Value>,
    /// Control frames, those of dead code included.
    pub(super) control: Vec<ControlFrame<C::Value>>,
    /// The backend's halves of the frames that were opened in live code.
    pub(super) frames: Vec<C::Frame>,
    /// Results of calls and blocks on their way to the operand stack.
    pub(super) results: Vec<C::Value>,
    /// Targets of a `br_table`.
    pub(super) targets: Vec<u32>,
    locals: Vec<Ty>,
}

impl<C: FuncCodegen> Default for Buffers<C> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            control: Vec::new(),
            frames: Vec::new(),
            results: Vec::new(),
            targets: Vec::new(),
            locals: Vec::new(),
        }
    }
}

impl<C: FuncCodegen> Buffers<C> {
    fn clear(&mut self) {
        self.values.clear();
        self.control.clear();
        self.frames.clear();
        self.results.clear();
        self.targets.clear();
        self.locals.clear();
    }
}

impl<C: FuncCodegen> Default for FuncTranslator<C> {
    fn default() -> Self {
        Self { allocations: FuncValidatorAllocations::default(), buffers: Buffers::default() }
    }
}

impl<C: FuncCodegen> FuncTranslator<C> {
    /// An empty translator.
    pub fn new() -> Self {
        Self::default()
    }

    /// Validates `input` and translates it into calls of `codegen`, from `begin` to `finish`.
    pub fn translate(&mut self, module: &ModuleInfo, input: FuncInput<'_>, codegen: &mut C) -> Result<()> {
        self.buffers.clear();
        let features = input.validate.features;
        let mut state = State {
            module,
            offsets: module.offsets(),
            signature: module.func_type(module.functions[module.func_index(input.index).index()]).signature(),
            validator: input.validate.into_validator(std::mem::take(&mut self.allocations)),
            codegen,
            buffers: &mut self.buffers,
            live: true,
            offset: 0,
        };
        let mut reader = input.body.get_binary_reader();
        state.begin(&mut reader)?;
        reader.set_features(features);
        while !reader.eof() {
            state.offset = reader.original_position();
            reader.visit_operator(&mut Visitor(&mut state))??;
        }
        reader.finish_expression(&Visitor(&mut state))?;
        state.codegen.finish()?;
        self.allocations = state.validator.into_allocations();
        Ok(())
    }
}

/// The translation of one function.
pub(super) struct State<'s, C: FuncCodegen> {
    pub(super) module: &'s ModuleInfo,
    pub(super) offsets: VMOffsets,
    pub(super) signature: Signature,
    pub(super) validator: FuncValidator<ValidatorResources>,
    pub(super) codegen: &'s mut C,
    pub(super) buffers: &'s mut Buffers<C>,
    /// Whether the next operator can be reached.
    pub(super) live: bool,
    /// The operator's offset in the module's bytes.
    pub(super) offset: u64,
}

impl<C: FuncCodegen> State<'_, C> {
    /// Reads the locals and opens the frame of the body.
    fn begin(&mut self, reader: &mut BinaryReader<'_>) -> Result<()> {
        self.buffers.locals.extend_from_slice(&self.signature.params);
        for _ in 0..reader.read_var_u32()? {
            let offset = reader.original_position();
            let count: u32 = reader.read()?;
            let ty = reader.read()?;
            // Refuses more than the limit of locals before any room is made for them.
            self.validator.define_locals(offset, count, ty)?;
            let ty = val_type(&ty)?.ty();
            self.buffers.locals.extend(std::iter::repeat_n(ty, count as usize));
        }
        self.codegen.set_offset(reader.original_position() as u32);
        let frame = self.codegen.begin(&self.signature, &self.buffers.locals)?;
        self.buffers.frames.push(frame);
        self.buffers.control.push(ControlFrame::body(&self.signature));
        Ok(())
    }

    pub(super) fn pop(&mut self) -> C::Value {
        self.buffers.values.pop().expect("validated operators find their operands")
    }

    pub(super) fn push(&mut self, value: C::Value) {
        self.buffers.values.push(value);
    }

    /// The operand stack's height below its `count` topmost operands.
    pub(super) fn height_below(&self, count: usize) -> usize {
        self.buffers.values.len() - count
    }

    /// The type on top of the validator's stack, which is the result of the operator that was just validated.
    pub(super) fn result_ty(&self) -> Ty {
        match self.validator.get_operand_type(0) {
            Some(Some(wasmparser::ValType::I64)) => Ty::I64,
            Some(Some(wasmparser::ValType::F32)) => Ty::F32,
            Some(Some(wasmparser::ValType::F64)) => Ty::F64,
            Some(Some(wasmparser::ValType::V128)) => Ty::V128,
            Some(Some(wasmparser::ValType::Ref(_))) => Ty::Ref,
            // In live code the type is known; what is left is `i32`.
            Some(Some(wasmparser::ValType::I32) | None) | None => Ty::I32,
        }
    }

    /// The representation of a function type.
    pub(super) fn type_signature(&self, index: u32) -> Signature {
        self.module.func_type(TypeIdx(index)).signature()
    }

    /// That an operator is valid and still refused.
    pub(super) fn refuse(&self, operator: &str) -> Result<()> {
        Err(CompileError::Unsupported {
            what: format!("the operator `{operator}`"),
            by: "the translator",
            offset: self.offset,
        })
    }
}

/// Representations of a block type.
pub(super) struct BlockTypes {
    pub(super) params: Box<[Ty]>,
    pub(super) results: Box<[Ty]>,
}

impl BlockTypes {
    pub(super) fn new(module: &ModuleInfo, ty: wasmparser::BlockType) -> Result<Self> {
        Ok(match ty {
            // An empty boxed slice does not allocate.
            wasmparser::BlockType::Empty => Self { params: Box::default(), results: Box::default() },
            wasmparser::BlockType::Type(ty) => {
                Self { params: Box::default(), results: Box::new([val_type(&ty)?.ty()]) }
            }
            wasmparser::BlockType::FuncType(index) => {
                let Signature { params, results } = module.func_type(TypeIdx(index)).signature();
                Self { params, results }
            }
        })
    }

    pub(super) fn sig(&self) -> BlockSig<'_> {
        BlockSig { params: &self.params, results: &self.results }
    }
}

/// What wasmparser's reader calls.
struct Visitor<'v, 's, C: FuncCodegen>(&'v mut State<'s, C>);

impl<C: FuncCodegen> FrameStack for Visitor<'_, '_, C> {
    fn current_frame(&self) -> Option<FrameKind> {
        Some(self.0.validator.get_control_frame(0)?.kind)
    }
}

/// Control operators are followed in dead code too, because they open and close frames.
macro_rules! if_reachable {
    ($live:expr, visit_block, $call:expr) => {
        $call
    };
    ($live:expr, visit_loop, $call:expr) => {
        $call
    };
    ($live:expr, visit_if, $call:expr) => {
        $call
    };
    ($live:expr, visit_else, $call:expr) => {
        $call
    };
    ($live:expr, visit_end, $call:expr) => {
        $call
    };
    ($live:expr, $visit:ident, $call:expr) => {
        if $live { $call } else { Ok(()) }
    };
}

macro_rules! validate_then_translate {
    ($visitor:ident $(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        $(
            #[inline]
            fn $visit(&mut self $($(, $arg: $argty)*)?) -> Self::Output {
                let state = &mut *self.0;
                state.validator.$visitor(state.offset).$visit($($($arg.clone()),*)?)?;
                if_reachable!(state.live, $visit, {
                    state.codegen.set_offset(state.offset as u32);
                    state.$visit($($($arg),*)?)
                })
            }
        )*
    };
}

macro_rules! scalar_operators {
    ($($all:tt)*) => { validate_then_translate! { visitor $($all)* } };
}

macro_rules! simd_operators {
    ($($all:tt)*) => { validate_then_translate! { simd_visitor $($all)* } };
}

#[allow(clippy::clone_on_copy, reason = "some arguments are not `Copy`, and the macro does not know which")]
impl<'a, C: FuncCodegen> VisitOperator<'a> for Visitor<'_, '_, C> {
    type Output = Result<()>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Self::Output>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(scalar_operators);
}

#[allow(clippy::clone_on_copy, reason = "some arguments are not `Copy`, and the macro does not know which")]
impl<'a, C: FuncCodegen> VisitSimdOperator<'a> for Visitor<'_, '_, C> {
    wasmparser::for_each_visit_simd_operator!(simd_operators);
}
