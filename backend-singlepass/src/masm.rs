//! What code generation asks of a machine: the port, in families of operators.
//!
//! A machine is a type that implements [`Masm`], which is all of these traits: [`Machine`] (registers, and moves between them),
//! [`Assembler`] (its text, labels and constants), and a family a file in its folder of `isa`. The neutral files are generic over the machine
//! and monomorphised, so the port costs nothing; no number of a machine stands in them.
//!
//! # Contract
//!
//! * Operands come as [`Entry`]s, popped; a method gives each one back ([`Alloc::drop_entry`](crate::alloc::Alloc::drop_entry)), uses its
//!   register for the result, or both are one. Methods without an operand parameter pop what they need, and push their results.
//! * A returned register is an operand register that the caller owns, or the `hint`, where there is one: a register that the result is wanted
//!   in, which may be read as an operand and must not be written before the last read.
//! * 32-bit integers in registers have zeros in their upper half.
//! * Whatever traps by a fault is announced right before its instruction by [`Codegen::traps`], accesses of memory and calls by
//!   [`Codegen::mark`].
//! * Emitted code changes no register but operand registers that were allocated, [`Machine::FIXED`] ones whose state says so, and
//!   temporaries that the allocator does not know.

use std::fmt::Debug;
use std::ops::Not;

use wasmer_runtime_core::cpu::CpuFeatures;
use wasmer_runtime_core::libcall::HostCall;
use wasmer_runtime_core::translate::codegen::{Access, Callee, GlobalRef, MemoryRef, Meter, TagRef};
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Signature, Ty, Width};

use crate::alloc::Entry;
use crate::codegen::Codegen;
use crate::cold::{Outside, Resolve, Subtype};
use crate::labels::Label;
use crate::loops::{Ask, Asking};
use crate::memory::PlaceOf;
use crate::pending::PendingOf;
use crate::regs::{Machine, Reg, RegSet};

/// What is used of a processor.
pub(crate) trait Processor: Copy + Debug {
    /// The least that the compiler works with.
    const FLOOR: CpuFeatures;

    /// What is used of a processor with these features, which has the least.
    fn of(features: CpuFeatures) -> Self;

    /// What code may rely on, the least included: part of the fingerprint.
    fn features(self) -> CpuFeatures;
}

/// The machine's text, and what it refers to. Positions are offsets in the text.
pub(crate) trait Assembler: Machine {
    type Cpu: Processor;
    /// An address of memory, as one instruction takes it.
    type Address: Copy + Debug;
    /// A condition that the last instructions have left where a jump finds it; `!` negates it. Moves, loads and stores leave it alone.
    type Condition: Copy + Not<Output = Self::Condition>;
    /// An operator that only this machine has: what it made of two of wasm's, see [`IntOps::fuse`].
    type Fused: Copy + Debug;

    /// Functions start at multiples of this many bytes; constants behind them are aligned as well.
    const FUNCTION_ALIGN: usize;
    /// More text than this is an error: references within it do not reach further.
    const TEXT_BYTES_MAX: usize;
    /// The register of [`Machine::FIXED`] that is the vmctx of the running function.
    const VMCTX: Reg;
    /// The register of [`Machine::FIXED`] that is the base address of memory 0, or of the heap.
    const MEMORY: Reg;

    /// With an empty text.
    fn new(cpu: Self::Cpu) -> Self;
    /// What follows keeps the base address in a register that is at this offset of the vmctx.
    fn set_kept_base(&mut self, offset: i32);
    /// Exchanges the text.
    fn swap_text(&mut self, text: &mut Vec<u8>);
    /// The end of the text.
    fn position(&self) -> usize;
    /// Aligns the text for a function, and forgets the last one's labels and constants.
    fn start_function(&mut self);
    /// Ends the function that starts at `start`: its constants follow.
    fn end_function(&mut self, start: usize);
    /// The number of a constant in the pool.
    fn pool(&mut self, bits: u128) -> u32;
    /// The constant with this number.
    fn pooled(&self, number: u32) -> u128;

    /// A label that is nowhere yet.
    fn create_label(&mut self) -> Label;
    /// The label is here, also if it was elsewhere before.
    fn bind(&mut self, label: Label);
    /// Jumps.
    fn jmp(&mut self, label: Label);
    /// Removes the jump to the unbound `label` that is the last instruction, and binds `other`, which was bound behind it, anew.
    fn remove_jump(&mut self, label: Label, other: Label);
    /// An entry of a table that starts at `base`, see [`ControlOps::jump_through_table`].
    fn table_entry(&mut self, label: Label, base: usize);
    /// An instruction that faults, and is nothing else.
    fn trap(&mut self);
    /// The same, with operands that say where an access outside of a memory was.
    fn trap_outside(&mut self, said: Outside);
    /// Whether nothing refers to an unbound label.
    #[cfg(debug_assertions)]
    fn all_resolved(&self) -> bool;
}

/// `frame`: how functions begin and end.
pub(crate) trait FrameOps: Assembler {
    /// Starts a function: registers for its locals, the arguments where they belong, the other locals zeroed if anything may read that.
    fn prologue(c: &mut Codegen<Self>, signature: &Signature, locals: &[Ty]);
    /// The function has ended: what the prologue had to leave open is known.
    fn finish_frame(c: &mut Codegen<Self>);
    /// Where a label with a single operand has it.
    fn label_register(ty: Ty) -> Reg;
}

/// `call`: calls and globals.
pub(crate) trait CallOps: Assembler {
    /// Calls with the topmost operands (index or reference last); pushes the results.
    fn call(c: &mut Codegen<Self>, callee: Callee<()>, signature: &Signature);
    /// The same in place of the running function.
    fn return_call(c: &mut Codegen<Self>, callee: Callee<()>, signature: &Signature);
    /// Returns the topmost operands.
    fn return_(c: &mut Codegen<Self>);
    /// Calls through the libcall table, with the vmctx, the immediates and the topmost operands. Returns whether there is a result, which is
    /// pushed; an `i32` if `narrow`.
    fn libcall(c: &mut Codegen<Self>, call: HostCall, operands: usize, narrow: bool) -> bool;
    /// Pushes the value of a global.
    fn global_get(c: &mut Codegen<Self>, global: &GlobalRef);
    /// Writes a global.
    fn global_set(c: &mut Codegen<Self>, global: &GlobalRef, value: Entry);
}

/// `cold`: code behind the function.
pub(crate) trait ColdOps: Assembler {
    /// Makes a function reference callable by a libcall, into `result`. `saves` are the operands of [`Codegen::cold_saves`] that must survive, `pins`
    /// the registers that held their locals.
    fn resolve(c: &mut Codegen<Self>, call: Resolve, result: Reg, saves: (u32, u32), pins: RegSet, offset: u32);
    /// Jumps to `back` if a function reference is of a subtype in our convention; otherwise to `slow`, or on.
    fn go_on_with_subtype(c: &mut Codegen<Self>, subtype: Subtype, back: Label, slow: Label);
}

/// `trampoline`: between array call and wasm call.
pub(crate) trait TrampolineOps: Assembler {
    /// From C's convention to wasm's.
    fn array_to_wasm(c: &mut Codegen<Self>, signature: &Signature);
    /// From wasm's convention to C's.
    fn wasm_to_array(c: &mut Codegen<Self>, signature: &Signature);
}

/// `control`: conditions and jumps.
pub(crate) trait ControlOps: Assembler {
    /// Pops an `i32` whose being other than zero is the condition.
    fn pop_condition(c: &mut Codegen<Self>) -> Self::Condition;
    /// The condition that a reference is null; it stays an operand, in a register.
    fn test_null(c: &mut Codegen<Self>, reference: &mut Entry) -> Self::Condition;
    /// Traps if a reference is null; it stays an operand, in a register.
    fn trap_if_null(c: &mut Codegen<Self>, reference: &mut Entry, code: TrapCode);
    /// Jumps if the condition holds.
    fn jump_if(c: &mut Codegen<Self>, condition: Self::Condition, label: Label);
    /// Jumps by the table that follows, whose first entry is at the returned position: to entry `index`, or to entry `targets`, the last one, if `index` is
    /// greater, also where the processor speculates. Gives `index` back.
    fn jump_through_table(c: &mut Codegen<Self>, index: Reg, targets: u32) -> usize;
    /// Pops condition and two operands, pushes one of them.
    fn select(c: &mut Codegen<Self>, ty: Ty);
    /// Pays for what has run, see [`Meter`]. Operands stay pending unless they trap.
    fn meter(c: &mut Codegen<Self>, cost: u32, point: Meter);
}

/// `exceptions`: the exception that is on its way, in the store's context.
pub(crate) trait ExceptionOps: Assembler {
    /// Code at a landing follows: metered code finds the fuel in the store.
    fn landing(c: &mut Codegen<Self>);
    /// The exception goes on to the caller; ends the flow.
    fn throw(c: &mut Codegen<Self>);
    /// Puts an exception with this tag on its way.
    fn set_caught_tag(c: &mut Codegen<Self>, tag: &TagRef);
    /// Writes a value of the exception that will be put on its way.
    fn set_caught_value(c: &mut Codegen<Self>, position: usize, value: Entry);
    /// Pushes the identities of the exception's tag and of this one, to be compared.
    fn push_tags(c: &mut Codegen<Self>, tag: &TagRef);
    /// Pushes a value of the exception.
    fn caught_value(c: &mut Codegen<Self>, position: usize, ty: Ty);
}

/// `loops`: loops that ask for better code.
pub(crate) trait LoopOps: Assembler {
    /// Jumps if the function's word is not zero. Operands are flushed.
    fn look(c: &mut Codegen<Self>, asking: Asking, label: Label);
    /// Asks, with the vmctx and all pins in their registers, and goes back with all of these as they were, or on with the function's results in the
    /// store context's room.
    fn ask(c: &mut Codegen<Self>, ask: Ask);
    /// Returns what is in that room.
    fn return_from_elsewhere(c: &mut Codegen<Self>);
}

/// `compare`: comparisons that no jump waits for.
pub(crate) trait CompareOps: Assembler {
    /// The result of a pending comparison as an `i32`.
    fn compare(c: &mut Codegen<Self>, pending: PendingOf<Self>, hint: Option<Reg>) -> Reg;
}

/// `int`: integers.
pub(crate) trait IntOps: Assembler {
    /// An operator that cannot trap. An operand at [`Loc::Pending`](crate::alloc::Loc::Pending) is the folded load.
    fn int_binary(c: &mut Codegen<Self>, op: IntBinary, width: Width, lhs: Entry, rhs: Entry, hint: Option<Reg>)
    -> Reg;
    /// If the machine has an instruction for the pending operator and `op`, which comes next: makes that the pending operand, and returns true.
    fn fuse(c: &mut Codegen<Self>, op: IntBinary, width: Width) -> bool;
    /// Computes what was fused.
    fn fused(c: &mut Codegen<Self>, op: Self::Fused, width: Width, lhs: Entry, rhs: Entry, hint: Option<Reg>) -> Reg;
    /// An operator that traps: on zero, and where the result does not fit.
    fn int_divide(c: &mut Codegen<Self>, op: IntBinary, width: Width, lhs: Entry, rhs: Entry) -> Reg;
    fn int_unary(c: &mut Codegen<Self>, op: IntUnary, width: Width, value: Entry) -> Reg;
    /// Pops two or four operands, pushes two.
    fn wide(c: &mut Codegen<Self>, op: WideOp);
}

/// `float`: floating point numbers.
pub(crate) trait FloatOps: Assembler {
    fn float_unary(c: &mut Codegen<Self>, op: FloatUnary, width: Width, value: Entry) -> Reg;
    /// The operand `rhs` of a sum, difference, product or quotient may be the folded load.
    fn float_binary(
        c: &mut Codegen<Self>,
        op: FloatBinary,
        width: Width,
        lhs: Entry,
        rhs: Entry,
        hint: Option<Reg>,
    ) -> Reg;
}

/// `convert`: conversions between numbers.
pub(crate) trait ConvertOps: Assembler {
    fn convert(c: &mut Codegen<Self>, op: Convert, value: Entry) -> Reg;
}

/// `memory`: accesses of linear memories.
pub(crate) trait MemoryOps: Assembler {
    /// Traps unless the sum of index and offset is a multiple of so many bytes, a power of two.
    fn check_alignment(c: &mut Codegen<Self>, index: &mut Entry, offset: u64, bytes: u8);
    /// The address of an access that stays within reservation and guard, where the index is shifted to the left by `scale`, at most 3.
    fn unchecked(c: &mut Codegen<Self>, access: &Access, index: Entry, scale: u8) -> PlaceOf<Self>;
    /// The address of an access that ends `end_offset` behind the index; traps beyond the memory's end, and is null there when the processor only
    /// guesses.
    fn checked(c: &mut Codegen<Self>, access: &Access, end_offset: u64, index: Entry) -> PlaceOf<Self>;
    /// Traps for an access that is outside wherever the index is, which it takes.
    fn always_outside(c: &mut Codegen<Self>, access: &Access, index: Entry);
    /// A pending load. `offset` is where in the module, if it can trap.
    fn memory_load(
        c: &mut Codegen<Self>,
        op: Load,
        place: PlaceOf<Self>,
        offset: Option<u32>,
        hint: Option<Reg>,
    ) -> Reg;
    fn memory_store(c: &mut Codegen<Self>, access: &Access, op: Store, index: Entry, value: Entry);
    /// Pushes the number of pages.
    fn memory_size(c: &mut Codegen<Self>, memory: &MemoryRef);
}

/// `atomic`: sequentially consistent accesses of linear memories. Operators with a result push it.
pub(crate) trait AtomicOps: Assembler {
    fn atomic_load(c: &mut Codegen<Self>, access: &Access, width: AtomicWidth, index: Entry);
    fn atomic_store(c: &mut Codegen<Self>, access: &Access, width: AtomicWidth, index: Entry, value: Entry);
    fn atomic_rmw(
        c: &mut Codegen<Self>,
        access: &Access,
        op: AtomicRmw,
        width: AtomicWidth,
        index: Entry,
        value: Entry,
    );
    fn atomic_cmpxchg(
        c: &mut Codegen<Self>,
        access: &Access,
        width: AtomicWidth,
        index: Entry,
        expected: Entry,
        replacement: Entry,
    );
    fn atomic_fence(c: &mut Codegen<Self>);
}

/// `simd`: operators on whole vectors. Like the next three, they pop their operands and push their result.
pub(crate) trait VectorOps: Assembler {
    fn simd_unary(c: &mut Codegen<Self>, op: SimdUnary);
    fn simd_binary(c: &mut Codegen<Self>, op: SimdBinary);
    fn simd_ternary(c: &mut Codegen<Self>, op: SimdTernary);
}

/// `simd_int`: lanes of integers.
pub(crate) trait VectorIntOps: Assembler {
    fn simd_shift(c: &mut Codegen<Self>, op: SimdShift, shape: IntShape);
    fn simd_int_compare(c: &mut Codegen<Self>, op: IntCompare, shape: IntShape);
    fn simd_test(c: &mut Codegen<Self>, op: SimdTest);
}

/// `simd_float`: lanes of floating point numbers.
pub(crate) trait VectorFloatOps: Assembler {
    fn simd_float_unary(c: &mut Codegen<Self>, op: FloatUnary, width: Width);
    fn simd_float_binary(c: &mut Codegen<Self>, op: SimdFloatBinary, width: Width);
    fn simd_float_compare(c: &mut Codegen<Self>, op: FloatCompare, width: Width);
    fn simd_convert(c: &mut Codegen<Self>, op: SimdConvert);
}

/// `lanes`: single lanes, shuffles, and accesses of memory.
pub(crate) trait LaneOps: Assembler {
    fn simd_splat(c: &mut Codegen<Self>, shape: Shape);
    fn simd_extract_lane(c: &mut Codegen<Self>, shape: Shape, lane: u8, signed: bool);
    fn simd_replace_lane(c: &mut Codegen<Self>, shape: Shape, lane: u8);
    fn simd_shuffle(c: &mut Codegen<Self>, lanes: [u8; 16]);
    fn simd_load(c: &mut Codegen<Self>, access: &Access, op: SimdLoad);
    fn simd_load_lane(c: &mut Codegen<Self>, access: &Access, bytes: u8, lane: u8);
    fn simd_store_lane(c: &mut Codegen<Self>, access: &Access, bytes: u8, lane: u8);
}

macro_rules! all {
    ($first:ident $($family:ident)*) => {
        /// Everything.
        pub(crate) trait Masm: $first $(+ $family)* {}

        impl<M: $first $(+ $family)*> Masm for M {}
    };
}

all! {
    FrameOps CallOps ColdOps TrampolineOps ControlOps ExceptionOps LoopOps CompareOps IntOps FloatOps ConvertOps MemoryOps AtomicOps
    VectorOps VectorIntOps VectorFloatOps LaneOps
}
