//! What happens to a filled LLVM module: preparation for wasm's semantics, the optimisation pipeline, code generation.
//!
//! **Preparation.** Wasm promises more than LLVM IR says, and this is where it is said, on IR that is in SSA form
//! but not yet optimised:
//! * Arithmetic on NaN. LLVM folds `x * 1`, `x - 0` and `demote(promote(x))` to `x` and may so hand on a signalling
//!   NaN, which wasm makes quiet. The constants (and the value between the conversions) are made opaque.
//! * Loads that trap. Guest loads are born volatile. After a first simplification those that are used become plain
//!   loads, free to be moved, merged and vectorised; the others stay and trap. Likewise, a result or an argument that
//!   only keeps a load alive in another function is kept in place.
//! * Loops that count up to zero, see [`crate::loops`].
//!
//! **Pipeline.** It adapts to the partition ([`Partition`]):
//! * `default<O3>` with all vectorisers, for small modules.
//! * [`LEAN`] for modules of more than [`LEAN_MODULE_BYTES`]: each step of `default<O3>` that pays on code that was optimised when it became wasm,
//!   once; only small functions are inlined. Two thirds of the time.
//! * Nothing for trampolines, which have no branches: what the preparation does is enough.
//! * `default<O1>` where a function has more than [`LARGE_BODY_BYTES`] of wasm (about 100,000 operators): its time and memory stay linear.

use inkwell::OptimizationLevel;
use inkwell::attributes::AttributeLoc;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{FileType, TargetMachine};
use inkwell::values::{
    AnyValueEnum, AsValueRef, BasicValue, BasicValueEnum, BasicValueUse, CallSiteValue, FloatValue, FunctionValue,
    InstructionOpcode as Op, InstructionValue, LLVMTailCallKind, Operand,
};
use wasmer_runtime_core::translate::codegen::Result;

use crate::codegen::{Codegen, V};
use crate::description::{LARGE_BODY_BYTES, LEAN_MODULE_BYTES};
use crate::intrinsics::{Built, internal};

/// The code generator's effort.
pub(crate) const CODEGEN_LEVEL: OptimizationLevel = OptimizationLevel::Aggressive;

const FULL: &str = "default<O3>";
const LARGE: &str = "default<O1>";
const LEAN: &str = "cgscc(inline),function<eager-inv>(loop-mssa(loop-rotate,licm<allowspeculation>),\
    loop(loop-idiom,indvars,loop-deletion,loop-unroll-full),gvn,sccp,bdce,jump-threading,correlated-propagation,\
    instcombine<max-iterations=1;no-verify-fixpoint>,dse,loop-mssa(licm<allowspeculation>),adce,\
    simplifycfg<hoist-common-insts;sink-common-insts;speculate-unpredictables>,\
    loop-simplify,lcssa,loop-vectorize,loop-load-elim,slp-vectorizer,vector-combine,\
    instcombine<max-iterations=1;no-verify-fixpoint>,loop-unroll<O3>,loop-mssa(licm<allowspeculation>),div-rem-pairs,simplifycfg)";
/// The cost up to which [`LEAN`] inlines a function: `default<O3>` goes up to 250, which doubles the machine code of a large module.
const LEAN_INLINE_COST: &str = "40";
/// Into SSA form, without any simplification.
const TO_SSA: &str = "function(sroa)";
/// Finds values that nothing needs.
const SIMPLIFY: &str = "function(simplifycfg,instcombine<no-verify-fixpoint>,early-cse,simplifycfg,adce)";

/// What the pipeline adapts to: sizes in bytes of wasm.
#[derive(Clone, Copy)]
pub(crate) enum Partition {
    /// Functions.
    Functions {
        /// Of all functions of the module.
        module: usize,
        /// Of the largest function of the partition.
        largest: u64,
    },
    /// A trampoline.
    Trampoline,
}

impl Partition {
    fn pipeline(self) -> Option<&'static str> {
        match self {
            Self::Trampoline => None,
            Self::Functions { largest, .. } if largest > LARGE_BODY_BYTES => Some(LARGE),
            Self::Functions { module, .. } if module > LEAN_MODULE_BYTES => Some(LEAN),
            Self::Functions { .. } => Some(FULL),
        }
    }
}

impl<'ctx> Codegen<'ctx, '_> {
    /// Turns the module into an object file.
    pub(crate) fn compile(&mut self, machine: &TargetMachine, partition: Partition) -> Result<MemoryBuffer<'static>> {
        self.optimize(machine, partition)?;
        machine
            .write_to_memory_buffer(&self.module, FileType::Object)
            .map_err(|message| internal(message.to_string_lossy()))
    }

    /// Prepares and optimises the module.
    pub(crate) fn optimize(&mut self, machine: &TargetMachine, partition: Partition) -> Result<()> {
        self.close();
        if cfg!(debug_assertions) {
            self.module.verify().map_err(|message| internal(message.to_string_lossy()))?;
        }
        self.run(TO_SSA, machine)?;
        for function in self.module.get_functions() {
            self.keep_nans_arithmetic(function)?;
            self.count_from_zero(function)?;
        }
        self.run(SIMPLIFY, machine)?;
        for function in self.module.get_functions() {
            self.keep_traps(function)?;
        }
        let Some(pipeline) = partition.pipeline() else { return Ok(()) };
        if pipeline == LEAN {
            let limit = self.ctx.create_string_attribute("function-inline-threshold", LEAN_INLINE_COST);
            for function in self.module.get_functions() {
                function.add_attribute(AttributeLoc::Function, limit);
            }
        }
        self.run(pipeline, machine)
    }

    fn run(&self, passes: &str, machine: &TargetMachine) -> Result<()> {
        let options = PassBuilderOptions::create();
        options.set_loop_interleaving(true);
        options.set_loop_vectorization(true);
        options.set_loop_slp_vectorization(true);
        options.set_loop_unrolling(true);
        self.module.run_passes(passes, machine, options).map_err(|message| internal(message.to_string_lossy()))
    }

    /// Hides what would let LLVM replace an arithmetic operation by its operand.
    fn keep_nans_arithmetic(&mut self, function: FunctionValue<'ctx>) -> Result<()> {
        for instruction in instructions(function) {
            let identities: &[(u32, f64)] = match instruction.get_opcode() {
                Op::FAdd => &[(0, -0.0), (1, -0.0)],
                Op::FSub => &[(0, -0.0), (1, 0.0)],
                Op::FMul => &[(0, 1.0), (1, 1.0), (0, -1.0), (1, -1.0)],
                Op::FDiv => &[(1, 1.0), (1, -1.0)],
                Op::FPTrunc => {
                    self.separate_conversions(instruction)?;
                    continue;
                }
                _ => continue,
            };
            for position in 0..2 {
                let Some(Operand::Value(operand)) = instruction.get_operand(position) else { continue };
                let hidden = identities.iter().any(|&(at, value)| at == position && is_constant(operand, value));
                if hidden {
                    self.hide_operand(instruction, position, operand)?;
                }
            }
        }
        Ok(())
    }

    fn separate_conversions(&mut self, demotion: InstructionValue<'ctx>) -> Result<()> {
        let Some(Operand::Value(operand)) = demotion.get_operand(0) else { return Ok(()) };
        match operand.as_instruction_value() {
            Some(source) if source.get_opcode() == Op::FPExt => self.hide_operand(demotion, 0, operand),
            _ => Ok(()),
        }
    }

    fn hide_operand(&mut self, instruction: InstructionValue<'ctx>, position: u32, operand: V<'ctx>) -> Result<()> {
        self.b.position_before(&instruction);
        let hidden = self.opaque(operand)?;
        if instruction.set_operand(position, hidden) { Ok(()) } else { Err(internal("an operand without a place")) }
    }

    /// Makes guest loads plain, but for those whose only effect is to trap.
    fn keep_traps(&mut self, function: FunctionValue<'ctx>) -> Result<()> {
        for instruction in instructions(function) {
            match instruction.get_opcode() {
                Op::Load if instruction.get_first_use().is_some() => {
                    instruction.set_volatile(false).map_err(internal)?;
                }
                Op::Call => self.keep_traps_of_call(instruction)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A load may be needed only for a result that the caller ignores, or for an argument that the callee ignores: once
    /// the call is inlined, or found free of effects, it would be gone.
    fn keep_traps_of_call(&mut self, instruction: InstructionValue<'ctx>) -> Result<()> {
        let Ok(call) = CallSiteValue::try_from(instruction) else { return Ok(()) };
        let Some(callee) = call.get_called_fn_value() else { return Ok(()) };
        if callee.get_first_basic_block().is_none() {
            return Ok(());
        }
        for position in 0..callee.count_params() {
            let ignored = callee.get_nth_param(position).is_some_and(|param| first_use(param).is_none());
            let Some(Operand::Value(argument)) = instruction.get_operand(position) else { continue };
            if ignored && argument.as_instruction_value().is_some() {
                self.b.position_before(&instruction);
                self.keep_alive(argument)?;
            }
        }
        let Some(result) = call.try_as_basic_value().basic() else { return Ok(()) };
        let Some(next) = instruction.get_next_instruction() else { return Ok(()) };
        // Nothing may stand between a tail call and its return, which uses the result anyway.
        if call.get_tail_call_kind() == LLVMTailCallKind::LLVMTailCallKindMustTail {
            return Ok(());
        }
        self.b.position_before(&next);
        match result {
            V::StructValue(all) => self.keep_fields(instruction, all),
            _ if instruction.get_first_use().is_none() => self.keep_alive(result),
            _ => Ok(()),
        }
    }

    fn keep_fields(&mut self, call: InstructionValue<'ctx>, all: inkwell::values::StructValue<'ctx>) -> Result<()> {
        let mut used = vec![false; all.get_type().count_fields() as usize];
        let mut next = call.get_first_use();
        while let Some(place) = next {
            match user_of(place) {
                Some(user) if user.get_opcode() == Op::ExtractValue => {
                    for index in user.get_indices() {
                        used[index as usize] = true;
                    }
                }
                _ => return Ok(()),
            }
            next = place.get_next_use();
        }
        for (position, used) in used.into_iter().enumerate() {
            if !used {
                let field = self.b.build_extract_value(all, position as u32, "").built()?;
                self.keep_alive(field)?;
            }
        }
        Ok(())
    }
}

/// A snapshot of a function's instructions, so that some can be added while it is walked.
fn instructions(function: FunctionValue<'_>) -> Vec<InstructionValue<'_>> {
    function.get_basic_block_iter().flat_map(|block| block.get_instructions()).collect()
}

fn first_use<'ctx>(value: V<'ctx>) -> Option<BasicValueUse<'ctx>> {
    match value {
        V::ArrayValue(value) => value.get_first_use(),
        V::IntValue(value) => value.get_first_use(),
        V::FloatValue(value) => value.get_first_use(),
        V::PointerValue(value) => value.get_first_use(),
        V::StructValue(value) => value.get_first_use(),
        V::VectorValue(value) => value.get_first_use(),
        V::ScalableVectorValue(value) => value.get_first_use(),
    }
}

/// The instruction that uses a value.
pub(crate) fn user_of(place: BasicValueUse<'_>) -> Option<InstructionValue<'_>> {
    match place.get_user() {
        AnyValueEnum::InstructionValue(user) => Some(user),
        user => V::try_from(user).ok()?.as_instruction_value(),
    }
}

/// Whether a value is a number, and not a constant expression like a reinterpreted integer: LLVM reads the number without looking.
fn is_float_literal(value: FloatValue<'_>) -> bool {
    // SAFETY: the value is alive; the function asks for its kind.
    !unsafe { inkwell::llvm_sys::core::LLVMIsAConstantFP(value.as_value_ref()) }.is_null()
}

/// Whether a value is this constant, or has a lane that is. Zeros differ by their signs.
fn is_constant(value: BasicValueEnum<'_>, constant: f64) -> bool {
    match value {
        V::FloatValue(value) if is_float_literal(value) => {
            value.get_constant().is_some_and(|(value, _)| value.to_bits() == constant.to_bits())
        }
        // An expression that LLVM may still fold to anything.
        V::FloatValue(value) => value.is_const(),
        V::VectorValue(vector) if vector.is_constant_data_vector() => {
            (0..vector.get_type().get_size()).any(|lane| is_constant(vector.get_element_as_constant(lane), constant))
        }
        V::VectorValue(vector) if vector.is_null() => constant.to_bits() == 0,
        // Lanes of a kind that cannot be looked into.
        V::VectorValue(vector) => vector.is_const(),
        _ => false,
    }
}
