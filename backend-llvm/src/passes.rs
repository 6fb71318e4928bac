//! What happens to a filled LLVM module: preparation for wasm's semantics, the optimisation pipeline, code generation.
//!
//! **Preparation.** Wasm promises more than LLVM IR says, and this is where it is said, on IR that is in SSA form
//! but not yet optimised:
//! * Arithmetic on NaN. LLVM folds `x * 1`, `x - 0` and `demote(promote(x))` to `x` and may so hand on a signalling
//!   NaN, which wasm makes quiet. The constants (and the value between the conversions) are made opaque.
//! * Accesses that trap, and the order around them, see [`crate::exact`].
//! * Loops that count up to zero, see [`crate::loops`].
//!
//! And after the pipeline, where references to objects have to be found, see [`crate::roots`]. Long blocks are cut before and after it, see [`crate::cut`].
//!
//! **Pipeline.** It adapts to the partition ([`Partition`]):
//! * `default<O3>` with all vectorisers, for small modules.
//! * [`LEAN`] for modules of more than [`LEAN_MODULE_BYTES`]: each step of `default<O3>` that pays on code that was optimised when it became wasm,
//!   once; only small functions are inlined. Two thirds of the time.
//! * Nothing for trampolines, which have no branches: what the preparation does is enough.
//! * `default<O1>` where a function has more than [`LARGE_BODY_BYTES`] of wasm (about 100,000 operators): its time and memory stay linear.
//! * Beyond [`HUGE_BODY_BYTES`], code is generated without optimisation, too. Where a thousand values live at once, spilling them numbers the
//!   instructions around again for each: 200,000 accesses of globals took five times as long as 100,000.

use inkwell::OptimizationLevel;
use inkwell::attributes::AttributeLoc;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{FileType, TargetMachine};
use inkwell::values::{
    AnyValueEnum, AsValueRef, BasicValue, BasicValueEnum, BasicValueUse, FloatValue, FunctionValue,
    InstructionOpcode as Op, InstructionValue, Operand,
};
use wasmer_runtime_core::translate::codegen::Result;

use crate::codegen::{Codegen, V};
use crate::cut::Pieces;
use crate::intrinsics::internal;

/// The largest module, in bytes of wasm bodies, that gets the full pipeline.
const LEAN_MODULE_BYTES: usize = 512 << 10;
/// The largest body, in bytes of wasm, that gets the full pipeline.
const LARGE_BODY_BYTES: u64 = 256 << 10;

/// The largest body, in bytes of wasm, whose registers are allocated with care.
const HUGE_BODY_BYTES: u64 = 1 << 20;

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
/// Simplifies, so that equal addresses are the same value, and gives loops one way in.
const SIMPLIFY: &str =
    "function(simplifycfg,instcombine<no-verify-fixpoint>,early-cse,simplifycfg,adce,loop-simplify,lcssa)";

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

    /// How much effort is made to generate code.
    pub(crate) fn codegen_level(self) -> OptimizationLevel {
        match self {
            Self::Functions { largest, .. } if largest > HUGE_BODY_BYTES => OptimizationLevel::None,
            Self::Functions { .. } | Self::Trampoline => CODEGEN_LEVEL,
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
        let functions = self.module.get_functions().collect();
        self.keep_order(functions)?;
        self.cut_long_blocks(Pieces::OfPasses)?;
        if cfg!(debug_assertions) {
            self.module.verify().map_err(|message| internal(message.to_string_lossy()))?;
        }
        let Some(pipeline) = partition.pipeline() else { return Ok(()) };
        if pipeline == LEAN {
            let limit = self.ctx.create_string_attribute("function-inline-threshold", LEAN_INLINE_COST);
            for function in self.module.get_functions() {
                function.add_attribute(AttributeLoc::Function, limit);
            }
        }
        self.run(pipeline, machine)?;
        if self.info.uses_heap {
            for function in self.module.get_functions() {
                self.keep_references(function)?;
            }
        }
        self.cut_long_blocks(Pieces::OfCode)
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
}

/// A snapshot of a function's instructions, so that some can be added while it is walked.
fn instructions(function: FunctionValue<'_>) -> Vec<InstructionValue<'_>> {
    function.get_basic_block_iter().flat_map(|block| block.get_instructions()).collect()
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
