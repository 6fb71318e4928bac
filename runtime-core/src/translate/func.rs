//! The one operator translator: validates a function body and drives a [`FuncCodegen`].
//!
//! Every operator is visited once: the visiting method validates it, and if it is reachable, passes it on to its entry in
//! the tables of [`crate::translate::operators`], [`crate::translate::gc`], [`crate::translate::atomic`] and [`crate::translate::simd`].

use std::sync::Arc;

use wasmparser::{
    Catch, FrameKind, FrameStack, FuncValidator, FuncValidatorAllocations, ValType, ValidatorResources, VisitOperator,
    VisitSimdOperator,
};

use crate::error::CompileError;
use crate::libcall::HostCall;
use crate::module::ModuleInfo;
use crate::translate::atomic::atomic_operator;
use crate::translate::budget::{self, Account};
use crate::translate::codegen::{FuncCodegen, Meter};
use crate::translate::control::Control;
use crate::translate::convert;
use crate::translate::error::{internal, invalid, unsupported_operator};
use crate::translate::gc::{OperandTypes, gc_operator};
use crate::translate::in_place::{self, InPlace};
use crate::translate::meter::{self, cost};
use crate::translate::operators::{dead_operator, operator};
use crate::translate::ops::IntShape::{I8x16, I16x8, I32x4, I64x2};
use crate::translate::ops::*;
use crate::translate::simd::simd_operator;
use crate::trap::TrapCode;
use crate::types::Width::{W32, W64};
use crate::types::{DataIdx, DefinedFuncIdx, ElemIdx, FuncIdx, LocalIdx, Ty, TypeIdx};

/// A function body to translate, and what its validation needs.
pub struct FuncInput<'a> {
    /// Which function.
    pub index: DefinedFuncIdx,
    /// Its body.
    pub body: wasmparser::FunctionBody<'a>,
    /// Validation resources of the module.
    pub validate: wasmparser::FuncToValidate<ValidatorResources>,
    /// What it and the functions around it may ask for.
    pub account: Arc<Account>,
}

impl FuncInput<'_> {
    /// The same function, to be translated once more.
    pub fn again(&self) -> Self {
        let wasmparser::FuncToValidate { resources, index, ty, features } = &self.validate;
        let validate =
            wasmparser::FuncToValidate { resources: resources.clone(), index: *index, ty: *ty, features: *features };
        Self { index: self.index, body: self.body.clone(), validate, account: self.account.clone() }
    }
}

/// Reusable state of the translation; one per worker. `V` and `F` are the code generator's types of values and frames.
pub struct FuncTranslator<V, F> {
    stacks: Stacks<V, F>,
    allocations: FuncValidatorAllocations,
}

/// The vectors of a function's translation, kept from function to function.
pub(super) struct Stacks<V, F> {
    /// The operand stack. In dead code its contents mean nothing.
    pub(super) values: Vec<V>,
    /// The control frames opened in live code, the function's body first.
    pub(super) control: Vec<Control>,
    /// The backend halves of `control`.
    pub(super) frames: Vec<F>,
    /// Parameters of the open `if`s without `else` so far, outermost first.
    pub(super) if_params: Vec<V>,
    /// Results of a call or block on their way to the operand stack.
    pub(super) results: Vec<V>,
    /// Targets of a `br_table`.
    pub(super) targets: Vec<u32>,
    /// What `try_table`s whose end has not come yet catch, outermost first.
    pub(super) catches: Vec<Catch>,
    /// Positions in `control` of the frames whose regions are open.
    pub(super) regions: Vec<usize>,
    /// For each frame in `control` that no label means: how many below it labels do mean.
    pub(super) unlabelled: Vec<usize>,
    /// Representations of the locals.
    locals: Vec<Ty>,
    /// Those of the operands that an object is made of.
    pub(super) types: Vec<Ty>,
}

impl<V, F> Stacks<V, F> {
    const fn new() -> Self {
        Self {
            values: Vec::new(),
            control: Vec::new(),
            frames: Vec::new(),
            if_params: Vec::new(),
            results: Vec::new(),
            targets: Vec::new(),
            catches: Vec::new(),
            regions: Vec::new(),
            unlabelled: Vec::new(),
            locals: Vec::new(),
            types: Vec::new(),
        }
    }

    fn clear(&mut self) {
        self.values.clear();
        self.control.clear();
        self.frames.clear();
        self.if_params.clear();
        self.results.clear();
        self.targets.clear();
        self.catches.clear();
        self.regions.clear();
        self.unlabelled.clear();
        self.locals.clear();
    }
}

impl<V: Copy, F> FuncTranslator<V, F> {
    /// An empty translator.
    pub fn new() -> Self {
        Self { stacks: Stacks::new(), allocations: FuncValidatorAllocations::default() }
    }

    /// Validates `input` and translates it into calls of `codegen`, from `begin` to `finish`.
    ///
    /// `module` is the one that the input came with. After an error, what `codegen` has emitted is incomplete.
    pub fn translate<C: FuncCodegen<Value = V, Frame = F>>(
        &mut self,
        module: &ModuleInfo,
        input: FuncInput<'_>,
        codegen: &mut C,
    ) -> Result<(), CompileError> {
        if module.resolved.signatures.len() != module.types.len() {
            return Err(internal("the module was not resolved"));
        }
        let function = module.func_index(input.index);
        let type_index = module.functions[function.index()];
        let mut stacks = std::mem::replace(&mut self.stacks, Stacks::new());
        stacks.clear();
        let mut visitor = Visitor {
            module,
            codegen,
            validator: input.validate.into_validator(std::mem::take(&mut self.allocations)),
            stacks,
            offset: 0,
            operands: OperandTypes::default(),
            reachable: true,
            dead_depth: 0,
            function,
            traffic: 0,
            traffic_max: input.account.left(),
            cost: 0,
            at_returns: meter::at_returns(input.body.as_bytes().len()),
            in_place: None,
            in_place_left: in_place::bytes_max(input.body.as_bytes().len()),
        };
        visitor.body(&input.body, type_index)?;
        if !input.account.take(visitor.traffic) {
            return Err(budget::exceeded(module, function));
        }
        self.stacks = visitor.stacks;
        self.allocations = visitor.validator.into_allocations();
        Ok(())
    }
}

impl<V: Copy, F> Default for FuncTranslator<V, F> {
    fn default() -> Self {
        Self::new()
    }
}

/// The translation of one function.
pub(super) struct Visitor<'t, C: FuncCodegen> {
    pub(super) module: &'t ModuleInfo,
    pub(super) codegen: &'t mut C,
    pub(super) validator: FuncValidator<ValidatorResources>,
    pub(super) stacks: Stacks<C::Value, C::Frame>,
    /// Offset of the operator being visited.
    pub(super) offset: u64,
    /// The operands of the operator being visited, if it is one of garbage collection or of typed references.
    pub(super) operands: OperandTypes,
    /// Whether the operator being visited can be reached.
    pub(super) reachable: bool,
    /// How many control frames are open that were opened in dead code.
    pub(super) dead_depth: u32,
    pub(super) function: FuncIdx,
    /// What it has asked for so far: parameters, results, locals, operands that blocks, branches and calls move.
    pub(super) traffic: usize,
    /// How much that may be.
    pub(super) traffic_max: usize,
    /// What was translated and not paid for, see [`meter`].
    pub(super) cost: u32,
    /// What returns are to the meter.
    pub(super) at_returns: Meter,
    /// Where operators of another function stand in the place of a call.
    pub(super) in_place: Option<InPlace<C::Frame>>,
    /// Bytes of operators that may still be put in the place of calls.
    pub(super) in_place_left: usize,
}

impl<C: FuncCodegen> Visitor<'_, C> {
    fn body(&mut self, body: &wasmparser::FunctionBody<'_>, ty: TypeIdx) -> Result<(), CompileError> {
        let signature = &self.module.resolved.signatures[ty.index()];
        let mut reader = body.get_binary_reader();
        reader.set_features(*self.validator.features());
        self.charge(signature.params.len() + signature.results.len())?;
        self.stacks.locals.extend_from_slice(&signature.params);
        for _ in 0..reader.read_var_u32().map_err(invalid)? {
            let offset = reader.original_position();
            let count = reader.read_var_u32().map_err(invalid)?;
            let ty = reader.read::<ValType>().map_err(invalid)?;
            // Refuses to go beyond 50,000 locals.
            self.validator.define_locals(offset, count, ty).map_err(invalid)?;
            self.charge(count as usize)?;
            self.stacks.locals.extend(std::iter::repeat_n(convert::ty(ty), count as usize));
        }
        self.codegen.set_offset(reader.original_position() as u32);
        let frame = self.codegen.begin(signature, &self.stacks.locals)?;
        self.cost_of_moving(self.stacks.locals.len() - signature.params.len());
        self.stacks.frames.push(frame);
        self.stacks.control.push(Control::body(ty));
        while !reader.eof() {
            self.offset = reader.original_position();
            // Looks before it moves the result, which is large and nearly always nothing.
            match reader.visit_operator(self) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(error),
                Err(error) => return Err(invalid(error)),
            }
        }
        reader.finish_expression(self).map_err(invalid)?;
        self.codegen.finish()
    }
}

impl<C: FuncCodegen> FrameStack for Visitor<'_, C> {
    #[inline]
    fn current_frame(&self) -> Option<FrameKind> {
        self.validator.get_control_frame(0).map(|frame| frame.kind)
    }
}

/// Defines the visiting methods: one arm per proposal, so that neither a new operator nor a new proposal of wasmparser goes
/// unnoticed. Operators of supported proposals must have an entry in a table; the others are refused by name.
macro_rules! visit {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        $(visit! { @$proposal $op [$($($arg: $argty),*)?] $visit })*
    };
    (@mvp $($rest:tt)*) => { visit! { operator: $($rest)* } };
    (@sign_extension $($rest:tt)*) => { visit! { operator: $($rest)* } };
    (@saturating_float_to_int $($rest:tt)*) => { visit! { operator: $($rest)* } };
    (@bulk_memory $($rest:tt)*) => { visit! { operator: $($rest)* } };
    (@reference_types $($rest:tt)*) => { visit! { operator: $($rest)* } };
    (@tail_call $($rest:tt)*) => { visit! { operator: $($rest)* } };
    (@function_references $($rest:tt)*) => { visit! { seen operator: $($rest)* } };
    (@wide_arithmetic $($rest:tt)*) => { visit! { operator: $($rest)* } };
    (@threads $($rest:tt)*) => { visit! { atomic_operator: $($rest)* } };
    (@simd $($rest:tt)*) => { visit! { simd_operator: $($rest)* } };
    (@relaxed_simd $($rest:tt)*) => { visit! { simd_operator: $($rest)* } };
    (@exceptions $($rest:tt)*) => { visit! { operator: $($rest)* } };
    (@legacy_exceptions $($rest:tt)*) => { visit! { operator: $($rest)* } };
    (@gc $($rest:tt)*) => { visit! { seen gc_operator: $($rest)* } };
    (@custom_descriptors $($rest:tt)*) => { visit! { refuse $($rest)* } };
    (@stack_switching $($rest:tt)*) => { visit! { refuse $($rest)* } };
    (@memory_control $($rest:tt)*) => { visit! { refuse $($rest)* } };
    (@shared_everything_threads $($rest:tt)*) => { visit! { refuse $($rest)* } };
    (@acquire_release_atomics $($rest:tt)*) => { visit! { refuse $($rest)* } };
    (simd_operator: $op:ident [$($arg:ident: $argty:ty),*] $visit:ident) => {
        fn $visit(&mut self $(, $arg: $argty)*) -> Self::Output {
            self.validator.simd_visitor(self.offset).$visit($($arg),*).map_err(invalid)?;
            if self.reachable {
                self.codegen.set_offset(self.offset as u32);
                self.cost += cost!(simd_operator $op);
                simd_operator!(self $op $($arg)*)
            } else {
                Ok(())
            }
        }
    };
    (seen $table:ident: $op:ident [$($arg:ident: $argty:ty),*] $visit:ident) => {
        fn $visit(&mut self $(, $arg: $argty)*) -> Self::Output {
            if self.reachable {
                self.look_at_operands();
            }
            self.validator.visitor(self.offset).$visit($($arg),*).map_err(invalid)?;
            if self.reachable {
                self.codegen.set_offset(self.offset as u32);
                self.cost += cost!($table $op);
                $table!(self $op $($arg)*)
            } else {
                Ok(())
            }
        }
    };
    ($table:ident: $op:ident [$($arg:ident: $argty:ty),*] $visit:ident) => {
        fn $visit(&mut self $(, $arg: $argty)*) -> Self::Output {
            self.validator.visitor(self.offset).$visit($($arg.clone()),*).map_err(invalid)?;
            if self.reachable {
                self.codegen.set_offset(self.offset as u32);
                self.cost += cost!($table $op);
                $table!(self $op $($arg)*)
            } else {
                dead_operator!(self $op $($arg)*)
            }
        }
    };
    (refuse $op:ident [$($arg:ident: $argty:ty),*] $visit:ident) => {
        #[cold]
        fn $visit(&mut self $(, $arg: $argty)*) -> Self::Output {
            self.validator.visitor(self.offset).$visit($($arg),*).map_err(invalid)?;
            Err(unsupported_operator(stringify!($visit), self.offset))
        }
    };
}

#[allow(clippy::clone_on_copy, reason = "most immediates are `Copy`, the tables of branch targets are not")]
impl<'a, C: FuncCodegen> VisitOperator<'a> for Visitor<'_, C> {
    type Output = Result<(), CompileError>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Self::Output>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(visit);
}

impl<'a, C: FuncCodegen> VisitSimdOperator<'a> for Visitor<'_, C> {
    wasmparser::for_each_visit_simd_operator!(visit);
}
