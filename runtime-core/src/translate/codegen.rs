//! What a backend implements: the target of the one operator translator.
//!
//! The translator ([`crate::translate::func`]) validates, tracks reachability, resolves indices, decides bounds
//! checks, names traps, and calls these methods. The contract:
//!
//! * **R1** Operands are the top of the operand stack, in push order, and are consumed by the call. A backend that
//!   keeps its own operand stack uses `Value = ()` and pops.
//! * **R2** A result is pushed before the next call.
//! * **R3** Nothing is called in dead code, except [`FuncCodegen::else_`] and [`FuncCodegen::end`] of frames that were
//!   opened in live code. After a call that ends the flow (`br`, `br_table`, `return_`, `return_call`, `trap`) whatever the
//!   backend still has on its operand stack above the innermost frame's base is dead.
//! * **R4** [`Access`] states the bounds check; a backend never decides it.
//! * **R5** A trap carries its code and the wasm offset of the last [`FuncCodegen::set_offset`].
//! * **R6** A reference and an integer of 64 bits are one representation: either is given where the other is wanted.
//! * **R7** The output depends only on the job and the compiler's fingerprint.

use crate::error::CompileError;
use crate::layout::{DISPLAY_DEPTHS, TYPE_ID_BYTES, VMFUNCREF_VMCTX, VMOffsets};
use crate::libcall::HostCall;
#[cfg(doc)]
use crate::libcall::Libcall;
use crate::translate::ops::*;
use crate::trap::TrapCode;
use crate::types::*;

pub use crate::layout::{GlobalRef, Location, MemoryRef, Region, TableRef, TagRef};

/// What every method returns: errors are limits of the backend, never properties of a valid module's semantics.
pub type Result<T> = std::result::Result<T, CompileError>;

/// Whether and how an access is checked against the memory's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bounds {
    /// The guard region catches every address that a 32-bit index and the static offset can make: emit the access
    /// alone, marked as trapping with [`TrapCode::MemoryOutOfBounds`].
    Elided,
    /// Trap with [`TrapCode::MemoryOutOfBounds`] unless `index + end_offset` (no wrap-around) is at most the current length in bytes, by an instruction that
    /// says where, see [`Access::short_offset`].
    Explicit {
        /// Static offset plus bytes accessed.
        end_offset: u64,
    },
    /// The static offset alone leaves the address space: trap always.
    AlwaysTraps,
    /// Never faults: what it takes has been checked. Such accesses need no order but that of accesses of one region.
    Proven,
}

/// One memory access: address operand plus static offset, and its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The memory.
    pub memory: MemoryRef,
    /// Static offset in bytes. With [`Bounds::Elided`] below 2^31.
    pub offset: u64,
    /// The check.
    pub bounds: Bounds,
    /// For atomic accesses: trap with [`TrapCode::UnalignedAtomic`] unless index + offset is a multiple of this
    /// many bytes. Checked before the bounds.
    pub aligned_to: Option<u8>,
}

impl Access {
    /// The static offset, where an instruction that traps has room to say it beside the index and the memory. Larger ones need memories with 64-bit
    /// addresses, and are no code that anybody compiles.
    pub fn short_offset(&self) -> Option<u32> {
        self.offset.try_into().ok()
    }
}

/// Whom a call calls. Operand order on the stack: arguments, then the index or reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee<V> {
    /// A function of this module: a relocation, same vmctx.
    Direct(DefinedFuncIdx),
    /// An imported function.
    Import {
        /// Which import, for symbol names.
        index: FuncIdx,
        /// Offset of its wasm entry in the vmctx.
        entry: i32,
        /// Offset of the vmctx to pass.
        vmctx: i32,
    },
    /// The element of a table.
    Indirect {
        /// The table.
        table: TableRef,
        /// The index operand.
        index: V,
        /// What is checked, and where the call goes.
        checks: Checks,
    },
    /// A reference.
    Ref {
        /// The reference operand.
        reference: V,
        /// What is checked, and where the call goes.
        checks: Checks,
    },
}

/// What a call by reference checks, and where it goes: the facts, of which backends have the instructions (ADR 31). In this order:
///
/// 1. The operand leads somewhere: an index is below the table's length, a reference is not null. Otherwise the call traps with `nowhere`; for a reference
///    by a fault of the next load, if the backend likes that better.
/// 2. The reference is one that this code can call: the element of a table is not null, and the id at `type_id` is as `expected`. Otherwise, which is cold, the
///    libcall `slow` makes one of the operand.
/// 3. The call goes to the address at `entry` of the reference, with the vmctx at `vmctx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// The trap of an operand that leads nowhere.
    pub nowhere: TrapCode,
    /// Where a reference has its type id, 32 bits.
    pub type_id: i32,
    /// What that is compared with.
    pub expected: Expected,
    /// What makes a reference of the operand that can be called, or traps.
    pub slow: HostCall,
    /// Where a reference has the address to call.
    pub entry: i32,
    /// Where a reference has the vmctx to pass.
    pub vmctx: i32,
}

/// What a type id has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The same as one of the module's.
    Id {
        /// Offset in the vmctx of the address of the module's ids.
        ids: i32,
        /// Offset of the id there.
        offset: i32,
        /// Where else it is found, if others fit as well.
        display: Option<Display>,
    },
    /// Of any type, in this backend's convention: its number in the bits from [`crate::layout::TYPE_ID_ABI_SHIFT`] on.
    Convention,
}

/// How an id is found that has the expected one among its supertypes, and is of the same convention: its canonical id is a position in the table of
/// displays, whose records are [`DISPLAY_BYTES`](crate::layout::DISPLAY_BYTES) long. There is a record for every id that a function reference has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Display {
    /// Offset in the vmctx of the address of the table.
    pub table: i32,
    /// Where in a record the canonical id stands that has to be the expected one's.
    pub place: i32,
}

impl Checks {
    /// Those of `call_indirect`. Of a type that is not final, `depth` is how many supertypes it has.
    pub fn indirect(offsets: &VMOffsets, table: TableIdx, ty: TypeIdx, depth: Option<u32>) -> Self {
        let depth = depth.filter(|depth| *depth < DISPLAY_DEPTHS);
        let display = depth.map(|depth| Display { table: offsets.displays(), place: depth as i32 * TYPE_ID_BYTES });
        let expected = Expected::Id { ids: offsets.type_ids(), offset: ty.0 as i32 * TYPE_ID_BYTES, display };
        Self::of(offsets, TrapCode::UndefinedElement, expected, HostCall::CallIndirectSlow { table, ty })
    }

    /// Those of `call_ref`.
    pub fn reference(offsets: &VMOffsets, ty: TypeIdx) -> Self {
        Self::of(offsets, TrapCode::NullFunctionReference, Expected::Convention, HostCall::CallRefSlow { ty })
    }

    fn of(offsets: &VMOffsets, nowhere: TrapCode, expected: Expected, slow: HostCall) -> Self {
        let (type_id, entry) = (offsets.func_ref_type_id(), offsets.func_ref_call());
        Self { nowhere, type_id, expected, slow, entry, vmctx: VMFUNCREF_VMCTX }
    }
}

/// What code does with the costs that it pays, see [`FuncCodegen::meter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meter {
    /// Counts them.
    Count,
    /// Counts them, says so to the store, and goes on only if there was enough. Everything before has happened, nothing behind it has.
    Check,
}

/// Parameter and result representations of a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockSig<'a> {
    /// What the block takes from the operand stack.
    pub params: &'a [Ty],
    /// What it leaves.
    pub results: &'a [Ty],
}

/// A code generator for one function at a time. Statically dispatched.
///
/// `frames` arguments are the backend halves of the open control frames that were entered in live code; index 0 is the function
/// body. Branch depths are already turned into indices of that slice.
pub trait FuncCodegen: Sized {
    /// An operand. `()` for a backend that keeps its own operand stack.
    type Value: Copy + std::fmt::Debug;
    /// The backend half of a control frame.
    type Frame;
    /// Whether it puts functions in the place of calls itself, and better than the translator can.
    const INLINES: bool = false;

    /// Start of the function. `locals` are the representations of all locals, parameters first; those that are not
    /// parameters start as zero or null. Returns the frame of the body, whose label types are the function's results.
    fn begin(&mut self, signature: &Signature, locals: &[Ty]) -> Result<Self::Frame>;
    /// The wasm offset (in the module) of the operator that follows.
    fn set_offset(&mut self, offset: u32);

    // Constants, locals, globals, references.
    /// A constant.
    fn constant(&mut self, value: Const) -> Result<Self::Value>;
    /// `local.get`.
    fn local_get(&mut self, local: LocalIdx) -> Result<Self::Value>;
    /// `local.set`.
    fn local_set(&mut self, local: LocalIdx, value: Self::Value) -> Result<()>;
    /// `local.tee`: the result is the value.
    fn local_tee(&mut self, local: LocalIdx, value: Self::Value) -> Result<Self::Value>;
    /// `global.get`.
    fn global_get(&mut self, global: &GlobalRef) -> Result<Self::Value>;
    /// `global.set`.
    fn global_set(&mut self, global: &GlobalRef, value: Self::Value) -> Result<()>;
    /// `ref.is_null`: an `i32`.
    fn ref_is_null(&mut self, reference: Self::Value) -> Result<Self::Value>;
    /// `ref.as_non_null`: traps with `code` if it is null.
    fn ref_as_non_null(&mut self, reference: Self::Value, code: TrapCode) -> Result<Self::Value>;
    /// `drop`.
    fn drop_value(&mut self, value: Self::Value) -> Result<()>;
    /// `select`: `if_true` when `condition` is not zero.
    fn select(
        &mut self,
        ty: Ty,
        if_true: Self::Value,
        if_false: Self::Value,
        condition: Self::Value,
    ) -> Result<Self::Value>;

    // Scalar numerics (specification, section 4.3).
    /// Integer operator with one operand.
    fn int_unary(&mut self, op: IntUnary, width: Width, value: Self::Value) -> Result<Self::Value>;
    /// Integer operator with two operands.
    fn int_binary(&mut self, op: IntBinary, width: Width, lhs: Self::Value, rhs: Self::Value) -> Result<Self::Value>;
    /// Integer comparison: an `i32`.
    fn int_compare(&mut self, op: IntCompare, width: Width, lhs: Self::Value, rhs: Self::Value) -> Result<Self::Value>;
    /// `eqz`: an `i32`.
    fn int_eqz(&mut self, width: Width, value: Self::Value) -> Result<Self::Value>;
    /// Wide arithmetic; `operands` has four entries for additions and two for multiplications. Low half first.
    fn wide(&mut self, op: WideOp, operands: &[Self::Value]) -> Result<(Self::Value, Self::Value)>;
    /// Floating point operator with one operand.
    fn float_unary(&mut self, op: FloatUnary, width: Width, value: Self::Value) -> Result<Self::Value>;
    /// Floating point operator with two operands.
    fn float_binary(
        &mut self,
        op: FloatBinary,
        width: Width,
        lhs: Self::Value,
        rhs: Self::Value,
    ) -> Result<Self::Value>;
    /// Floating point comparison: an `i32`.
    fn float_compare(
        &mut self,
        op: FloatCompare,
        width: Width,
        lhs: Self::Value,
        rhs: Self::Value,
    ) -> Result<Self::Value>;
    /// Conversion.
    fn convert(&mut self, op: Convert, value: Self::Value) -> Result<Self::Value>;

    // Memory. The address operand is of the memory's width.
    /// A load.
    fn load(&mut self, access: &Access, op: Load, index: Self::Value) -> Result<Self::Value>;
    /// A store.
    fn store(&mut self, access: &Access, op: Store, index: Self::Value, value: Self::Value) -> Result<()>;
    /// `memory.size`, in pages, of the memory's width.
    fn memory_size(&mut self, memory: &MemoryRef) -> Result<Self::Value>;
    /// `atomic.load`, sequentially consistent.
    fn atomic_load(&mut self, access: &Access, width: AtomicWidth, index: Self::Value) -> Result<Self::Value>;
    /// `atomic.store`, sequentially consistent.
    fn atomic_store(
        &mut self,
        access: &Access,
        width: AtomicWidth,
        index: Self::Value,
        value: Self::Value,
    ) -> Result<()>;
    /// `atomic.rmw`: the old value.
    fn atomic_rmw(
        &mut self,
        access: &Access,
        op: AtomicRmw,
        width: AtomicWidth,
        index: Self::Value,
        value: Self::Value,
    ) -> Result<Self::Value>;
    /// `atomic.rmw.cmpxchg`: the old value. Only the bits of `expected` and `replacement` that the access has room for count: both are wrapped
    /// to its width (threads proposal, `exec-atomic.rmwn.cmpxchg`).
    fn atomic_cmpxchg(
        &mut self,
        access: &Access,
        width: AtomicWidth,
        index: Self::Value,
        expected: Self::Value,
        replacement: Self::Value,
    ) -> Result<Self::Value>;
    /// `atomic.fence`.
    fn atomic_fence(&mut self) -> Result<()>;

    // Calls.
    /// A call; pushes its results onto `results` in order.
    fn call(
        &mut self,
        callee: Callee<Self::Value>,
        signature: &Signature,
        args: &[Self::Value],
        results: &mut Vec<Self::Value>,
    ) -> Result<()>;
    /// A tail call: the frame of this function is gone before the callee runs.
    fn return_call(&mut self, callee: Callee<Self::Value>, signature: &Signature, args: &[Self::Value]) -> Result<()>;
    /// A libcall. `operand_types` are the operands' own types: an `i32` for an `I64` parameter is zero-extended.
    /// A result is of the libcall's type; where `narrow` is set an `I64` result is wrapped to an `i32`.
    fn libcall(
        &mut self,
        call: HostCall,
        operand_types: &[Ty],
        operands: &[Self::Value],
        narrow: bool,
    ) -> Result<Option<Self::Value>>;

    // Metering.
    /// Takes `cost`, which is not zero, from the store's fuel (a signed number of 64 bits, at [`crate::layout::VMSTORE_FUEL`] of the `VMStoreContext`
    /// that every vmctx points to). Only called in modules that are metered. The operand stack stays as it is.
    ///
    /// Code may have the fuel in a register, but for trampolines to and from the host, and every libcall that
    /// [`Libcall::is_metered`], which find and leave it in the store. [`Meter::Count`] need not do more than subtract in the register. [`Meter::Check`] stores what is left, then traps
    /// [`TrapCode::OutOfFuel`] if it is below zero. The store happens where it stands: no access, trap or call moves over it, and the other
    /// ones are not stored before, so that the count is the same wherever code stops.
    ///
    /// Whatever else has to be done again and again while code runs (giving way to others, counting what runs often) belongs to the checks too:
    /// they are on every way around a loop and before every call.
    fn meter(&mut self, cost: u32, point: Meter) -> Result<()>;

    // Control.
    /// Trap always (`unreachable`); ends the flow.
    fn trap(&mut self, code: TrapCode) -> Result<()>;
    /// Trap if `condition`, an `i32`, is not zero.
    fn trap_if(&mut self, code: TrapCode, condition: Self::Value) -> Result<()>;
    /// `block`. Its parameters stay where they are.
    fn block(&mut self, sig: BlockSig<'_>, params: &[Self::Value]) -> Result<Self::Frame>;
    /// A `block` that one operator opens and closes: no local is written in it.
    fn scope(&mut self, sig: BlockSig<'_>, params: &[Self::Value]) -> Result<Self::Frame> {
        self.block(sig, params)
    }
    /// `loop`. `params` are replaced by the values at the loop header.
    fn loop_(&mut self, sig: BlockSig<'_>, params: &mut [Self::Value]) -> Result<Self::Frame>;
    /// `if`: the condition was on top of the parameters. `params` stay where they are for the first arm.
    fn if_(&mut self, sig: BlockSig<'_>, params: &[Self::Value], condition: Self::Value) -> Result<Self::Frame>;
    /// `else` (also called before the `end` of an `if` without one). `fallthrough` are the first arm's results if its
    /// end is reachable. `params` are the values that `if_` was given; afterwards they are on the operand stack again.
    fn else_(
        &mut self,
        frame: &mut Self::Frame,
        fallthrough: Option<&[Self::Value]>,
        params: &mut [Self::Value],
    ) -> Result<()>;
    /// `end`. `fallthrough` are the results if the end is reachable by falling through; `branched` says whether
    /// a branch targets it, or the first arm of an `if` fell through to it in [`FuncCodegen::else_`]. If either, `results`
    /// get the frame's results; if neither, the code that follows is dead. For a loop, `branched` is always false
    /// (branches go to its header).
    ///
    /// Frame 0 is a block like any other: branches to it carry the function's results to its end. The translator calls `end`
    /// for it, then, if the end is reachable either way, [`FuncCodegen::return_`] with `results`, then [`FuncCodegen::finish`].
    fn end(
        &mut self,
        frame: Self::Frame,
        fallthrough: Option<&[Self::Value]>,
        branched: bool,
        results: &mut Vec<Self::Value>,
    ) -> Result<()>;
    /// `br`; ends the flow. The operands are the target's label types.
    fn br(&mut self, frame: &mut Self::Frame, args: &[Self::Value]) -> Result<()>;
    /// `br_if`: `args` stay on the operand stack when it is not taken.
    fn br_if(&mut self, frame: &mut Self::Frame, args: &[Self::Value], condition: Self::Value) -> Result<()>;
    /// `br_on_null`: when null, branch with `args`; otherwise `args` and the reference stay.
    fn br_on_null(
        &mut self,
        frame: &mut Self::Frame,
        args: &[Self::Value],
        reference: Self::Value,
    ) -> Result<Self::Value>;
    /// `br_on_non_null`: when not null, branch with `args`, whose last is the reference; otherwise `args` without it stay.
    fn br_on_non_null(&mut self, frame: &mut Self::Frame, args: &[Self::Value]) -> Result<()>;
    /// `br_table`: `targets` and `default` are indices into `frames`; ends the flow. The index was on top of `args`.
    fn br_table(
        &mut self,
        frames: &mut [Self::Frame],
        targets: &[u32],
        default: u32,
        args: &[Self::Value],
        index: Self::Value,
    ) -> Result<()>;
    // Exceptions (specification, section 4.4.8). One is on its way at a time, and known to the store's context: its tag, its values and, once it was
    // asked for, a reference to it (from [`crate::layout::VMSTORE_CAUGHT_TAG`] on). What a handler catches is compared by code, at its *landing*.
    /// Start of a `try_table` or `try`: a block in which calls that throw go on at the frame's landing, until that comes. A direct
    /// throw in it is a [`FuncCodegen::throw_on`] to the frame.
    ///
    /// What is the innermost open region is for the code generator to remember. Trampolines, tail calls and libcalls throw nothing into the function that
    /// makes them.
    fn try_(&mut self, sig: BlockSig<'_>, params: &[Self::Value]) -> Result<Self::Frame>;
    /// End of the region of a frame of [`FuncCodegen::try_`]. `fallthrough` are its results if its end is reachable, which go to the frame's end as
    /// those of a first arm in [`FuncCodegen::else_`] do. What follows is the landing: the operand stack is as below the frame's parameters,
    /// locals are as where the call was made, nothing else of the code before is known, and metered code finds the fuel in the store. False if nothing
    /// in the region throws: then what follows is dead.
    fn landing(&mut self, frame: &mut Self::Frame, fallthrough: Option<&[Self::Value]>) -> Result<bool>;
    /// The exception that is on its way goes on: to the landing of `frame`, which is an open region of this function, or to this function's
    /// caller by [`Libcall::Throw`]; ends the flow. What is on the operand stack is dead.
    fn throw_on(&mut self, frame: Option<&mut Self::Frame>) -> Result<()>;
    /// Puts a new exception on its way: its tag, its values where [`FuncCodegen::set_caught_value`] writes them, no reference yet.
    fn set_caught_tag(&mut self, tag: &TagRef) -> Result<()>;
    /// Writes a value of the exception that [`FuncCodegen::set_caught_tag`] will put on its way, to its place in
    /// [`crate::layout::VMSTORE_VALUES`]. Nothing comes in between but others of these.
    fn set_caught_value(&mut self, index: u32, ty: Ty, value: Self::Value) -> Result<()>;
    /// Whether the exception that is on its way has this tag: an `i32`. Between a landing and this come others of these, and branches, only.
    fn caught_tag_is(&mut self, tag: &TagRef) -> Result<Self::Value>;
    /// A value of the exception that is on its way, of the type that its tag says. As for [`FuncCodegen::caught_tag_is`].
    fn caught_value(&mut self, index: u32, ty: Ty) -> Result<Self::Value>;
    /// Copies the operand that `above` others stand on: `value` is the operand.
    fn pick(&mut self, above: usize, value: Self::Value) -> Result<Self::Value>;
    /// `return`, also of the values that fall off the end; ends the flow.
    fn return_(&mut self, values: &[Self::Value]) -> Result<()>;
    /// End of the function: everything was emitted.
    fn finish(&mut self) -> Result<()>;

    // Vectors (specification, sections 4.3.5 and 4.4.3).
    /// Vector operator with one operand.
    fn simd_unary(&mut self, op: SimdUnary, value: Self::Value) -> Result<Self::Value>;
    /// Vector operator with two operands.
    fn simd_binary(&mut self, op: SimdBinary, lhs: Self::Value, rhs: Self::Value) -> Result<Self::Value>;
    /// Vector operator with three operands.
    fn simd_ternary(&mut self, op: SimdTernary, a: Self::Value, b: Self::Value, c: Self::Value) -> Result<Self::Value>;
    /// Lane-wise shift by an `i32`.
    fn simd_shift(
        &mut self,
        op: SimdShift,
        shape: IntShape,
        value: Self::Value,
        count: Self::Value,
    ) -> Result<Self::Value>;
    /// Lane-wise integer comparison.
    fn simd_int_compare(
        &mut self,
        op: IntCompare,
        shape: IntShape,
        lhs: Self::Value,
        rhs: Self::Value,
    ) -> Result<Self::Value>;
    /// Lane-wise floating point operator with one operand.
    fn simd_float_unary(&mut self, op: FloatUnary, width: Width, value: Self::Value) -> Result<Self::Value>;
    /// Lane-wise floating point operator with two operands.
    fn simd_float_binary(
        &mut self,
        op: SimdFloatBinary,
        width: Width,
        lhs: Self::Value,
        rhs: Self::Value,
    ) -> Result<Self::Value>;
    /// Lane-wise floating point comparison.
    fn simd_float_compare(
        &mut self,
        op: FloatCompare,
        width: Width,
        lhs: Self::Value,
        rhs: Self::Value,
    ) -> Result<Self::Value>;
    /// Reduction to an `i32`.
    fn simd_test(&mut self, op: SimdTest, value: Self::Value) -> Result<Self::Value>;
    /// Lane-wise conversion.
    fn simd_convert(&mut self, op: SimdConvert, value: Self::Value) -> Result<Self::Value>;
    /// `splat`.
    fn simd_splat(&mut self, shape: Shape, value: Self::Value) -> Result<Self::Value>;
    /// `extract_lane`; `signed` matters for 8 and 16-bit lanes.
    fn simd_extract_lane(&mut self, shape: Shape, lane: u8, signed: bool, value: Self::Value) -> Result<Self::Value>;
    /// `replace_lane`.
    fn simd_replace_lane(
        &mut self,
        shape: Shape,
        lane: u8,
        vector: Self::Value,
        value: Self::Value,
    ) -> Result<Self::Value>;
    /// `i8x16.shuffle`.
    fn simd_shuffle(&mut self, lanes: [u8; 16], lhs: Self::Value, rhs: Self::Value) -> Result<Self::Value>;
    /// Extending, splatting and zero-filling loads.
    fn simd_load(&mut self, access: &Access, op: SimdLoad, index: Self::Value) -> Result<Self::Value>;
    /// `v128.loadN_lane`.
    fn simd_load_lane(
        &mut self,
        access: &Access,
        bytes: u8,
        lane: u8,
        index: Self::Value,
        vector: Self::Value,
    ) -> Result<Self::Value>;
    /// `v128.storeN_lane`.
    fn simd_store_lane(
        &mut self,
        access: &Access,
        bytes: u8,
        lane: u8,
        index: Self::Value,
        vector: Self::Value,
    ) -> Result<()>;
}
