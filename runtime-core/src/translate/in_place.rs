//! Short functions in the place of guessed calls by references (ADR 48).
//!
//! A method of a few operators costs less than a call of it, so these are translated where the call would be, with copies of the arguments for its
//! parameters. They have no effect that anybody could notice, but for the last of them. So where one would trap, the function is called after all: it
//! starts again, and traps itself, with a frame of its own for the backtrace.

use wasmparser::{BinaryReader, FuncToValidate, FuncValidatorAllocations, Operator, VisitOperator};

use crate::module::ShortCallee;
use crate::translate::codegen::{FuncCodegen, Result};
use crate::translate::error::invalid;
use crate::translate::func::{FuncInput, Visitor};
use crate::translate::meter;
use crate::translate::scope::Scope;
use crate::types::*;

/// Bytes of the longest body that stands in the place of a call.
const BODY_BYTES_MAX: usize = 32;

/// Bytes of operators in a function that may stand in the place of calls, so that its code stays in proportion to its length.
pub(super) const fn bytes_max(body: usize) -> usize {
    body + 16 * BODY_BYTES_MAX
}

/// What the operators of a function need that stand in the place of a call.
pub(super) struct InPlace<F> {
    /// Position of the first argument on the operand stack.
    args: usize,
    /// What to leave where one of them would trap.
    otherwise: Scope<F>,
}

/// The operators of a function, if they are valid and so few and plain that they may stand in the place of a call of it.
pub(super) fn plain_operators<'a>(function: &FuncInput<'a>) -> Option<&'a [u8]> {
    let body = function.body.as_bytes();
    // Neither locals nor much else.
    let operators = body.strip_prefix(&[0]).filter(|_| body.len() <= BODY_BYTES_MAX)?;
    let mut all = function.body.get_operators_reader().ok()?;
    while !all.is_end_then_eof() {
        let operator = all.read().ok()?;
        let is_last = all.is_end_then_eof();
        if !(is_plain(&operator) || is_last && matches!(operator, Operator::StructSet { .. })) {
            return None;
        }
    }
    let mut validator = function.again().validate.into_validator(FuncValidatorAllocations::default());
    validator.validate(&function.body).ok().map(|()| operators)
}

/// Whether an operator has no effect, and does not trap but by [`Visitor::trap_if`] or [`Visitor::check_not_null`].
#[rustfmt::skip]
fn is_plain(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        LocalGet { .. } | Drop | I32Const { .. } | I64Const { .. } | F32Const { .. } | F64Const { .. }
            | I32Eqz | I32Eq | I32Ne | I32LtS | I32LtU | I32GtS | I32GtU | I32LeS | I32LeU | I32GeS | I32GeU
            | I64Eqz | I64Eq | I64Ne | I64LtS | I64LtU | I64GtS | I64GtU | I64LeS | I64LeU | I64GeS | I64GeU
            | I32Add | I32Sub | I32Mul | I32And | I32Or | I32Xor | I32Shl | I32ShrS | I32ShrU
            | I64Add | I64Sub | I64Mul | I64And | I64Or | I64Xor | I64Shl | I64ShrS | I64ShrU
            | I32WrapI64 | I64ExtendI32S | I64ExtendI32U
            | F32Add | F32Sub | F32Mul | F32Neg | F64Add | F64Sub | F64Mul | F64Neg
            | RefNull { .. } | RefIsNull | RefEq | StructGet { .. } | StructGetS { .. } | StructGetU { .. } | ArrayLen
            | RefTestNonNull { .. } | RefTestNullable { .. } | RefCastNonNull { .. } | RefCastNullable { .. }
    )
}

impl<'t, C: FuncCodegen> Visitor<'t, C> {
    /// What is to stand in the place of a guessed call of a function, if it is short and there is room.
    pub(super) fn take_short_callee(&mut self, function: DefinedFuncIdx) -> Option<&'t ShortCallee> {
        let callee = self.module.short_callee(function).filter(|_| !C::INLINES)?;
        self.in_place_left = self.in_place_left.checked_sub(callee.operators.len())?;
        Some(callee)
    }

    /// Translates a function's operators where the operands of a call of it by reference are on top. They leave `done` with the results. Where code goes on
    /// behind them, it has to call the function.
    pub(super) fn put_in_place(
        &mut self,
        callee: &ShortCallee,
        signature: &Signature,
        done: &mut Scope<C::Frame>,
    ) -> Result<()> {
        let (params, results) = (signature.params.len(), signature.results.len());
        let args = self.top(params + 1);
        let otherwise = self.open_scope(&[], &[])?;
        self.in_place = Some(InPlace { args, otherwise });
        // What the call costs.
        self.charge(params + results)?;
        self.cost_of_moving(params + results);
        let ty = self.module.functions[callee.function.index()].0;
        let (resources, features) = (self.validator.resources().clone(), *self.validator.features());
        let validate = FuncToValidate { resources, index: callee.function.0, ty, features };
        let validator = validate.into_validator(FuncValidatorAllocations::default());
        let caller = std::mem::replace(&mut self.validator, validator);
        self.plain_operators(BinaryReader::new_features(&callee.operators, 0, features))?;
        self.validator = caller;
        // The return.
        self.cost += meter::PLAIN;
        self.leave(done)?;
        match self.in_place.take() {
            Some(in_place) => self.close_scope(in_place.otherwise),
            None => Ok(()),
        }
    }

    fn plain_operators(&mut self, mut reader: BinaryReader<'_>) -> Result<()> {
        loop {
            match reader.peek_operator(self).map_err(invalid)? {
                Operator::End => return Ok(()),
                Operator::LocalGet { local_index } => {
                    reader.read_u8().and_then(|_| reader.read_var_u32()).map_err(invalid)?;
                    self.parameter(local_index)?;
                }
                _ => reader.visit_operator(self).map_err(invalid)??,
            }
        }
    }

    fn parameter(&mut self, index: u32) -> Result<()> {
        self.validator.visitor(self.offset).visit_local_get(index).map_err(invalid)?;
        self.cost += meter::PLAIN;
        let args = self.in_place.as_ref().map_or(0, |in_place| in_place.args);
        self.pick(self.top(1) - (args + index as usize))
    }

    /// `[i32] -> []`: goes on with the call if a condition for a trap holds. False if there is no such call.
    pub(super) fn call_if(&mut self) -> Result<bool> {
        let Some(mut in_place) = self.in_place.take() else { return Ok(false) };
        // The call pays for everything.
        let cost = std::mem::take(&mut self.cost);
        self.leave_if(&mut in_place.otherwise)?;
        self.cost = cost;
        self.in_place = Some(in_place);
        Ok(true)
    }

    /// Whether what is translated stands in the place of a call.
    pub(super) fn is_in_place(&self) -> bool {
        self.in_place.is_some()
    }
}
