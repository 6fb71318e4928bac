//! Structured control: frames become blocks, whose parameters are the operands that branches carry.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, JumpTableData, Value, types};
use wasmer_runtime_core::compiler::{CompileError, CompileLimit};
use wasmer_runtime_core::layout::{VMCTX_STORE, VMSTORE_FUEL};
use wasmer_runtime_core::translate::codegen::{BlockSig, Meter, Result};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::Ty;

use crate::codegen::{Codegen, clif_trap, clif_type};
use crate::description::NAME;
use crate::region::Region;

/// The most targets of one Cranelift jump table.
const JUMP_TABLE_TARGETS_MAX: usize = 65_520;

/// The most entries of the table in which Cranelift keeps the value of each local in each block, 4 bytes each, and the most for each byte of a body.
const DEFINITIONS_MAX: usize = 1 << 28;
const DEFINITIONS_FREE: usize = 1 << 22;
const DEFINITIONS_PER_BYTE: usize = 1 << 10;

/// The most values of a function. Cranelift's register allocator takes half as many.
const VALUES_MAX: usize = 1 << 22;
/// The most values of a function whose locals are variables: merging locals at blocks makes more than the code is long. Real code has one for each
/// byte, before those that are not needed are dropped.
const VALUES_FREE: usize = 1 << 13;
const VALUES_PER_BYTE: usize = 4;
/// The most blocks of a function whose locals are variables. The values that a local has at the ends of blocks are merged one by one, and each merge may
/// move all those before.
const BLOCKS_MAX: usize = 1 << 16;

/// The most work that may go into dropping block parameters again: a loop's first block gets one for each local used in the loop, and each
/// that the loop does not change costs a walk over those behind it.
const DROPPING_MAX: u64 = 1 << 32;
const DROPPING_FREE: u64 = 1 << 20;
const DROPPING_PER_BYTE: u64 = 1 << 10;

/// The most work that may go into merging values of locals, in pairs of blocks that write the same one: the register allocator merges them one by one,
/// and each merge may move all those before. Large functions of compilers have up to 80 for each byte.
const MERGING_FREE: u64 = 1 << 21;
const MERGING_PER_BYTE: u64 = 1 << 7;

/// The most work that may go into finding registers for values of locals that live at the same time, in pairs of a write and a local that was written before:
/// the register allocator tries each value against those that are in its way, in straight code as well. The functions of large programs (Clang, GCC, CPython)
/// have up to half a million pairs, and large ones up to 4 for each byte.
const CROWDING_FREE: u64 = 1 << 20;
const CROWDING_PER_BYTE: u64 = 1 << 2;

/// The most work that may go into moving values out of loops: for each operand the optimiser asks of every loop around it whether the operand is from inside, and
/// that walks over the loops between. Real code is a few loops deep.
const HOISTING_FREE: u64 = 1 << 24;
const HOISTING_PER_BYTE: u64 = 1 << 10;

/// The most values of locals that jump tables may hand on, in pairs of an entry and a local that was written in the frame which it leaves: each entry is a way of
/// its own, with its own moves.
const SPREADING_FREE: u64 = 1 << 18;
const SPREADING_PER_BYTE: u64 = 1 << 3;

/// The backend half of a control frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: FrameKind,
    /// Whether anything jumps to the label.
    used: bool,
    /// How many branches bring operands to the label.
    bringing: u64,
    /// How many entries of jump tables lead to the label.
    entries: u64,
    /// Of the writes to locals, how many came before the frame.
    since: u64,
    /// How much was known of null before it.
    known: usize,
    /// The condition of an `if`.
    condition: Option<Value>,
}

impl Frame {
    pub(crate) fn new(cg: &Codegen<'_>, kind: FrameKind) -> Self {
        let (since, known) = (cg.local_writes, cg.known());
        Self { kind, used: false, bringing: 0, entries: 0, since, known, condition: None }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum FrameKind {
    /// The function body: plain branches return, others go to the block behind the end.
    Body { end: Block },
    /// Branches go to the block behind the end.
    Block { end: Block },
    /// Branches go to the header; the end is reached by falling through only.
    Loop { header: Block },
    /// The first arm of an `if`.
    If { otherwise: Block, end: Block },
    /// A region with its place among the open ones' landings.
    Try { end: Block, landing: usize },
}

/// The block that a branch to `frame` goes to.
fn label(frame: &mut Frame) -> Block {
    frame.used = true;
    match frame.kind {
        FrameKind::Body { end } | FrameKind::Block { end } | FrameKind::If { end, .. } | FrameKind::Try { end, .. } => {
            end
        }
        FrameKind::Loop { header } => header,
    }
}

/// Counts a branch that brings so many operands: at the label they are merged with those of all branches before, as values of locals are.
fn note_operands(cg: &mut Codegen<'_>, frame: &mut Frame, operands: usize) {
    if operands > 0 {
        // So `n` branches count as n².
        cg.merging = cg.merging.saturating_add((2 * frame.bringing + 1).saturating_mul(operands as u64));
        frame.bringing += 1;
    }
}

/// Counts the values since the last loop began or ended, each by the square of the number of loops around it.
fn note_depth(cg: &mut Codegen<'_>) {
    let values = cg.builder.func.dfg.num_values() as u64;
    let added = values - std::mem::replace(&mut cg.values_noted, values);
    cg.hoisting = cg.hoisting.saturating_add(added.saturating_mul(cg.loops_open.pow(2)));
}

/// A block with parameters of these types.
pub(crate) fn block_with(cg: &mut Codegen<'_>, params: &[Ty]) -> Block {
    let block = cg.builder.create_block();
    for ty in params {
        cg.builder.append_block_param(block, clif_type(*ty));
    }
    block
}

/// Calls `emit` with values in the form of block arguments.
fn with_block_args<R>(
    cg: &mut Codegen<'_>,
    values: &[Value],
    emit: impl FnOnce(&mut Codegen<'_>, &[BlockArg]) -> R,
) -> R {
    let mut args = std::mem::take(&mut cg.scratch.block_args);
    args.clear();
    for &value in values {
        args.push(BlockArg::Value(cg.canonical(value)));
    }
    let result = emit(cg, &args);
    cg.scratch.block_args = args;
    result
}

fn jump(cg: &mut Codegen<'_>, block: Block, values: &[Value]) {
    with_block_args(cg, values, |cg, args| {
        cg.ins().jump(block, args);
    });
}

/// Goes on in `block`, to which all jumps are known.
pub(crate) fn continue_in(cg: &mut Codegen<'_>, block: Block) {
    cg.builder.switch_to_block(block);
    cg.builder.seal_block(block);
}

pub(crate) fn block(cg: &mut Codegen<'_>, sig: BlockSig<'_>) -> Frame {
    let end = block_with(cg, sig.results);
    Frame::new(cg, FrameKind::Block { end })
}

/// The frame of the function body.
pub(crate) fn body(cg: &mut Codegen<'_>, results: &[Ty]) -> Frame {
    let end = block_with(cg, results);
    Frame::new(cg, FrameKind::Body { end })
}

pub(crate) fn loop_(cg: &mut Codegen<'_>, sig: BlockSig<'_>, params: &mut [Value]) -> Frame {
    note_depth(cg);
    cg.loops_open += 1;
    let header = block_with(cg, sig.params);
    jump(cg, header, params);
    // The header is sealed at the end of the loop: until then branches back may come.
    cg.builder.switch_to_block(header);
    params.copy_from_slice(cg.builder.block_params(header));
    Frame::new(cg, FrameKind::Loop { header })
}

pub(crate) fn if_(cg: &mut Codegen<'_>, sig: BlockSig<'_>, condition: Value) -> Frame {
    let condition = cg.condition(condition);
    let then = cg.builder.create_block();
    let otherwise = cg.builder.create_block();
    let end = block_with(cg, sig.results);
    cg.ins().brif(condition, then, [], otherwise, []);
    cg.builder.seal_block(otherwise);
    continue_in(cg, then);
    let frame = Frame { condition: Some(condition), ..Frame::new(cg, FrameKind::If { otherwise, end }) };
    cg.note_condition(condition, true);
    frame
}

pub(crate) fn else_(cg: &mut Codegen<'_>, frame: &mut Frame, fallthrough: Option<&[Value]>) {
    let FrameKind::If { otherwise, end } = frame.kind else {
        unreachable!("the validator lets `else` follow `if` only");
    };
    fall_through(cg, frame, end, fallthrough);
    cg.builder.switch_to_block(otherwise);
    if let Some(condition) = frame.condition {
        cg.note_condition(condition, false);
    }
}

/// The first part of a frame ends: its results, if it is reachable, go to the frame's end. Branches go there from now on.
pub(crate) fn fall_through(cg: &mut Codegen<'_>, frame: &mut Frame, end: Block, fallthrough: Option<&[Value]>) {
    if let Some(results) = fallthrough {
        frame.used = true;
        jump(cg, end, results);
    }
    frame.kind = FrameKind::Block { end };
    cg.forget(frame.known);
}

/// `branched` can be true of a label that nothing jumps to, because branches to the function body return. What follows is dead then, and
/// so is the block that it is put in.
pub(crate) fn end(
    cg: &mut Codegen<'_>,
    frame: Frame,
    fallthrough: Option<&[Value]>,
    branched: bool,
    results: &mut Vec<Value>,
) {
    cg.forget(frame.known);
    if !matches!(frame.kind, FrameKind::Body { .. }) {
        let written = (cg.local_writes - frame.since).min(cg.locals_written);
        cg.spreading = cg.spreading.saturating_add(frame.entries.saturating_mul(written));
    }
    let end = match frame.kind {
        FrameKind::Loop { header } => {
            note_depth(cg);
            cg.loops_open -= 1;
            let params = cg.builder.func.dfg.num_block_params(header) as u64;
            cg.dropping = cg.dropping.saturating_add(params * params);
            if check_size(cg).is_err() {
                // Refused by `check_size`, so what is missing in the block is never looked at.
                return;
            }
            cg.builder.seal_block(header);
            results.extend(fallthrough.into_iter().flatten());
            return;
        }
        FrameKind::Body { end } | FrameKind::Block { end } | FrameKind::If { end, .. } | FrameKind::Try { end, .. } => {
            end
        }
    };
    match fallthrough {
        Some(values) if !frame.used => {
            // Nothing else comes here: no block is needed.
            results.extend(values);
            return;
        }
        Some(values) => jump(cg, end, values),
        None if !frame.used && !branched => return,
        None => {}
    }
    continue_in(cg, end);
    results.extend(cg.builder.block_params(end));
}

pub(crate) fn br(cg: &mut Codegen<'_>, frame: &mut Frame, args: &[Value]) {
    if let FrameKind::Body { .. } = frame.kind {
        // A jump to the end's block would be one more, and that block often has nothing else.
        return return_(cg, args);
    }
    note_operands(cg, frame, args.len());
    let target = label(frame);
    jump(cg, target, args);
}

/// Branches when `condition` is not zero.
pub(crate) fn br_if(cg: &mut Codegen<'_>, frame: &mut Frame, args: &[Value], condition: Value) {
    let condition = cg.condition(condition);
    note_operands(cg, frame, args.len());
    let target = label(frame);
    let next = cg.builder.create_block();
    with_block_args(cg, args, |cg, args| {
        cg.ins().brif(condition, target, args, next, []);
    });
    continue_in(cg, next);
    cg.note_condition(condition, false);
}

/// Branches when `condition` is zero.
pub(crate) fn br_if_not(cg: &mut Codegen<'_>, frame: &mut Frame, args: &[Value], condition: Value) {
    note_operands(cg, frame, args.len());
    let target = label(frame);
    let next = cg.builder.create_block();
    with_block_args(cg, args, |cg, args| {
        cg.ins().brif(condition, next, [], target, args);
    });
    continue_in(cg, next);
}

pub(crate) fn br_table(
    cg: &mut Codegen<'_>,
    frames: &mut [Frame],
    targets: &[u32],
    default: u32,
    args: &[Value],
    mut index: Value,
) {
    let mut stubs = Stubs::default();
    let mut chunks = targets.chunks(JUMP_TABLE_TARGETS_MAX).peekable();
    loop {
        let chunk = chunks.next().unwrap_or_default();
        let is_last = chunks.peek().is_none();
        // The default of a table that is not the last is the next one.
        let (beyond, after) = if is_last {
            (stubs.block(cg, frames, default, args.len()), None)
        } else {
            let after = cg.builder.create_block();
            (after, Some(after))
        };
        let mut entries = Vec::with_capacity(chunk.len());
        for &target in chunk {
            let block = stubs.block(cg, frames, target, args.len());
            entries.push(cg.builder.func.dfg.block_call(block, &[]));
        }
        let beyond = cg.builder.func.dfg.block_call(beyond, &[]);
        let table = cg.builder.create_jump_table(JumpTableData::new(beyond, &entries));
        cg.ins().br_table(index, table);
        let Some(after) = after else { break };
        continue_in(cg, after);
        // Smaller indices have branched, so this does not wrap around.
        index = cg.ins().iadd_imm_s(index, -(chunk.len() as i64));
    }
    stubs.finish(cg, args);
}

/// Blocks between a table and targets with operands: one for each target, so that entries carry no arguments.
#[derive(Default)]
struct Stubs(Vec<(Block, Block)>);

impl Stubs {
    /// The block that a table entry for the frame at `position` goes to.
    fn block(&mut self, cg: &mut Codegen<'_>, frames: &mut [Frame], position: u32, operands: usize) -> Block {
        let frame = &mut frames[position as usize];
        let target = label(frame);
        frame.entries += 1;
        if operands == 0 {
            return target;
        }
        if let Some((_, stub)) = self.0.iter().find(|(known, _)| *known == target) {
            return *stub;
        }
        note_operands(cg, frame, operands);
        let stub = cg.builder.create_block();
        self.0.push((target, stub));
        stub
    }

    /// Fills the blocks, after the last table.
    fn finish(self, cg: &mut Codegen<'_>, args: &[Value]) {
        for (target, stub) in self.0 {
            continue_in(cg, stub);
            jump(cg, target, args);
        }
    }
}

pub(crate) fn return_(cg: &mut Codegen<'_>, values: &[Value]) {
    let mut args = std::mem::take(&mut cg.scratch.call_args);
    args.clear();
    args.extend(cg.fuel.map(|variable| cg.builder.use_var(variable)));
    for &value in values {
        args.push(cg.canonical(value));
    }
    cg.ins().return_(&args);
    cg.scratch.call_args = args;
}

/// Takes the fuel over from whoever had it before, in a module that is metered.
pub(crate) fn load_fuel(cg: &mut Codegen<'_>) {
    let Some(variable) = cg.fuel else { return };
    let store = cg.load_constant(VMCTX_STORE);
    let flags = cg.trusted(Region::Fuel);
    let fuel = cg.ins().load(types::I64, flags, store, VMSTORE_FUEL);
    cg.builder.def_var(variable, fuel);
}

/// Pays for what has run. Cranelift keeps stores in their order, and traps behind what stands before them.
pub(crate) fn meter(cg: &mut Codegen<'_>, cost: u32, point: Meter) {
    let Some(variable) = cg.fuel else { return };
    let fuel = cg.builder.use_var(variable);
    let left = cg.ins().iadd_imm_s(fuel, -i64::from(cost));
    cg.builder.def_var(variable, left);
    match point {
        Meter::Count => {}
        Meter::Check => {
            let store = cg.load_constant(VMCTX_STORE);
            let flags = cg.trusted(Region::Fuel);
            cg.ins().store(flags, left, store, VMSTORE_FUEL);
            let is_out = cg.ins().icmp_imm_s(IntCC::SignedLessThan, left, 0);
            cg.ins().trapnz(is_out, clif_trap(TrapCode::OutOfFuel));
            // Through a pair, which costs nothing, because the next subtraction would be made one with this: then what was left before it
            // would be kept in a register of its own.
            let pair = cg.ins().iconcat(left, left);
            let (left, _) = cg.ins().isplit(pair);
            cg.builder.def_var(variable, left);
        }
    }
}

/// Refuses a function that has grown out of proportion: after every operator that makes a block or merges locals. It is translated again, with
/// its locals in the frame, if they are why.
pub(crate) fn check_size(cg: &mut Codegen<'_>) -> Result<()> {
    let dfg = &cg.builder.func.dfg;
    let (values, blocks, bytes) = (dfg.num_values(), dfg.num_blocks(), cg.body_bytes);
    if cg.locals_in_frame {
        return if values <= VALUES_MAX { Ok(()) } else { Err(too_large(cg)) };
    }
    let fits = values <= VALUES_MAX.min(VALUES_FREE + VALUES_PER_BYTE * bytes)
        && blocks <= BLOCKS_MAX
        && blocks.saturating_mul(cg.locals_len) <= DEFINITIONS_MAX.min(DEFINITIONS_FREE + DEFINITIONS_PER_BYTE * bytes)
        && cg.dropping <= DROPPING_MAX.min(DROPPING_FREE + DROPPING_PER_BYTE * bytes as u64)
        && cg.merging <= MERGING_FREE + MERGING_PER_BYTE * bytes as u64
        && cg.crowding <= CROWDING_FREE + CROWDING_PER_BYTE * bytes as u64
        && cg.hoisting <= HOISTING_FREE + HOISTING_PER_BYTE * bytes as u64
        && cg.spreading <= SPREADING_FREE + SPREADING_PER_BYTE * bytes as u64;
    if fits { Ok(()) } else { Err(outgrown(cg)) }
}

#[cold]
fn outgrown(cg: &mut Codegen<'_>) -> CompileError {
    cg.scratch.outgrown = true;
    too_large(cg)
}

#[cold]
fn too_large(cg: &Codegen<'_>) -> CompileError {
    let dfg = &cg.builder.func.dfg;
    let (locals, blocks, values) = (cg.locals_len, dfg.num_blocks(), dfg.num_values());
    let function = cg.module.describe(cg.function);
    CompileLimit::Function { function, locals, blocks, values, by: NAME }.into()
}
