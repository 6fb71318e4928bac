//! Exact traps: what stands before an access that may trap has happened when it does, and nothing that stands behind it has.
//!
//! An access whose check is elided is an ordinary access for LLVM, which moves it over others that it does not touch, into the branch that needs its value
//! or out of the world. So such accesses are born volatile, and here, on simplified IR, it is decided which remain so:
//!
//! * An access that is **proven** in bounds cannot trap and becomes plain: at an address that stays below the least size of the memory, or where an
//!   access that is executed before in any case ([`Facts`]) reached as far. Memories never shrink. Among loads between which nothing happens, the one that reaches farthest
//!   comes first, so that the others are proven.
//! * Volatile accesses keep their order among each other, but not to plain stores. Between those and a volatile access stands a [`Barrier`].
//!
//! Accesses of shared memories remain volatile even if they are proven, so that a loop that waits for another thread reads again.

use std::collections::{HashMap, HashSet};

use inkwell::InlineAsmDialect;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::basic_block::BasicBlock;
use inkwell::types::{BasicTypeEnum, FunctionType};
use inkwell::values::{
    AnyValue, AsValueRef, BasicValue, CallSiteValue, FunctionValue, InstructionOpcode as Op, InstructionValue, Operand,
    PhiValue, PointerValue,
};
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::types::MemoryIdx;

use crate::codegen::{Codegen, V};
use crate::flow::Flow;
use crate::intrinsics::{Built, enum_attribute, internal};
use crate::passes::user_of;

/// `memory(read)`, as the attribute encodes it: two bits for each of LLVM's kinds of memory, of which 1 is "reads".
const READS_ALL_MEMORY: u64 = 0x555;
/// How many facts about one root are remembered.
const FACTS_MAX: usize = 8;
/// How many objects are looked at at once.
const OBJECTS_MAX: usize = 16;
/// How deep the operands of an index are looked into.
const DEPTH_MAX: u32 = 6;

/// Empty assembly of which LLVM knows that it reads all memory and may not return. So no store moves over it, and no access that
/// something later overwrites or repeats is left out before it; loads of memory that is known to be there may move over it.
struct Barrier<'ctx> {
    ty: FunctionType<'ctx>,
    asm: PointerValue<'ctx>,
    attributes: [Attribute; 3],
}

/// What a base pointer is known to begin.
#[derive(Clone, Copy)]
pub(crate) struct Region {
    pub(crate) memory: MemoryIdx,
    /// Bytes that it has at least.
    bytes_min: u64,
    pub(crate) is_shared: bool,
}

/// An address: `base + zext32(root + displacement) + offset`.
#[derive(Clone, Copy)]
pub(crate) struct Place<'ctx> {
    pub(crate) base: PointerValue<'ctx>,
    /// What is added to the base and the offset, before it is taken apart.
    index: Option<V<'ctx>>,
    /// The 32-bit number that is extended to the index.
    pub(crate) number: Option<V<'ctx>>,
    root: Option<V<'ctx>>,
    displacement: u32,
    pub(crate) offset: u64,
}

impl Place<'_> {
    fn key(&self) -> Key {
        (self.base.as_value_ref() as usize, self.root.map_or(0, |root| root.as_value_ref() as usize))
    }
}

/// A load and how far it reaches from the start of an object.
struct Reach<'ctx> {
    load: InstructionValue<'ctx>,
    offset: u64,
    end: u64,
}

/// Loads of one object between which nothing happens.
struct LoadsOfOne<'ctx> {
    object: PointerValue<'ctx>,
    first: InstructionValue<'ctx>,
    farthest: Reach<'ctx>,
}

/// Base and root.
type Key = (usize, usize);

/// What is known of the roots of addresses at one point: `[root + displacement, root + displacement + end)` is inside the memory.
#[derive(Default)]
struct Facts {
    known: HashMap<Key, Vec<(u32, u64)>>,
    /// What to take back when the walk leaves a block.
    added: Vec<Key>,
}

impl Facts {
    fn prove(&self, place: &Place<'_>, end: u64) -> bool {
        let Some(facts) = self.known.get(&place.key()) else { return false };
        facts.iter().any(|&(displacement, known_end)| {
            // Inside the memory of at most 2^32 bytes, the 32-bit sum does not wrap around.
            let distance = u64::from(place.displacement.wrapping_sub(displacement));
            (distance == 0 || distance < known_end) && distance + end <= known_end
        })
    }

    fn add(&mut self, place: &Place<'_>, end: u64) {
        let facts = self.known.entry(place.key()).or_default();
        if facts.len() < FACTS_MAX {
            facts.push((place.displacement, end));
            self.added.push(place.key());
        }
    }

    fn forget(&mut self, until: usize) {
        for key in self.added.drain(until..) {
            if let Some(facts) = self.known.get_mut(&key) {
                facts.pop();
            }
        }
    }
}

impl<'ctx> Codegen<'ctx, '_> {
    /// Makes accesses plain that cannot trap, and keeps the order around those that can.
    pub(crate) fn keep_order(&mut self, functions: Vec<FunctionValue<'ctx>>) -> Result<()> {
        let barrier = self.barrier();
        let regions = self.regions();
        for function in functions {
            let mut harmless = HashSet::new();
            if function.get_basic_block_iter().flat_map(|block| block.get_instructions()).any(is_volatile) {
                for block in function.get_basic_block_iter() {
                    self.farthest_first(block)?;
                }
                harmless = self.prove(function, &regions)?;
                // After the proofs, so that only what they leave is checked before loops, and before the barriers, of which the copies need none.
                self.version_loops(function, &regions, &harmless)?;
            }
            for block in function.get_basic_block_iter() {
                self.separate(block, &barrier, &harmless)?;
            }
        }
        Ok(())
    }

    fn barrier(&self) -> Barrier<'ctx> {
        let ty = self.ctx.void_type().fn_type(&[], false);
        let dialect = Some(InlineAsmDialect::ATT);
        let asm = self.ctx.create_inline_asm(ty, String::new(), String::new(), true, false, dialect, false);
        let memory = Attribute::get_named_enum_kind_id("memory");
        let attributes = [
            enum_attribute(self.ctx, "nounwind"),
            self.ctx.create_enum_attribute(memory, READS_ALL_MEMORY),
            self.ctx.create_string_attribute("call-inline-cost", "0"),
        ];
        Barrier { ty, asm, attributes }
    }

    /// The memories by the offset of their base in the vmctx.
    fn regions(&self) -> HashMap<u64, Region> {
        let offsets = self.info.offsets();
        let regions = self.info.memories.iter().enumerate().map(|(index, ty)| {
            let memory = MemoryIdx(index as u32);
            let place = self.info.memory_ref(&offsets, memory);
            let bytes_min = ty.limits.min.saturating_mul(1 << place.page_size_log2);
            (place.base_offset as u64, Region { memory, bytes_min, is_shared: ty.shared })
        });
        regions.collect()
    }

    /// Lets the load that reaches farthest come first where nothing happens between loads of one object.
    fn farthest_first(&mut self, block: BasicBlock<'ctx>) -> Result<()> {
        let mut objects: Vec<LoadsOfOne<'ctx>> = Vec::new();
        let instructions: Vec<_> = block.get_instructions().collect();
        for instruction in instructions {
            if instruction.get_opcode() == Op::Load && is_volatile(instruction) {
                let Some((object, offset)) = pointer_of(instruction).map(without_constant) else { continue };
                let reach = Reach { load: instruction, offset, end: offset + bytes_of(instruction)? };
                match objects.iter_mut().find(|loads| loads.object == object) {
                    Some(loads) if reach.end > loads.farthest.end => loads.farthest = reach,
                    Some(_) => {}
                    None => objects.push(LoadsOfOne { object, first: instruction, farthest: reach }),
                }
                objects.truncate(OBJECTS_MAX);
            } else if is_volatile(instruction) || is_effect(instruction) || instruction.is_terminator() {
                objects.drain(..).try_for_each(|loads| self.move_first(loads))?;
            }
        }
        Ok(())
    }

    fn move_first(&mut self, loads: LoadsOfOne<'ctx>) -> Result<()> {
        let LoadsOfOne { object, first, farthest } = loads;
        if first == farthest.load {
            return Ok(());
        }
        self.b.position_before(&first);
        let pointer = self.at(object, farthest.offset as i64)?;
        farthest.load.remove_from_basic_block();
        self.b.insert_instruction(&farthest.load, None);
        if farthest.load.set_operand(0, pointer) { Ok(()) } else { Err(internal("a load without an address")) }
    }

    /// Takes the mark from accesses that are proven in bounds. Returns those that cannot trap, but keep it.
    fn prove(
        &mut self,
        function: FunctionValue<'ctx>,
        regions: &HashMap<u64, Region>,
    ) -> Result<HashSet<InstructionValue<'ctx>>> {
        let flow = Flow::new(function);
        let dominated = flow.dominated();
        let mut facts = Facts::default();
        let mut harmless = HashSet::new();
        // Down the tree of dominators: what an access has proven holds in all blocks that are only reached through it.
        let mut open = vec![(0, 0, 0)];
        while let Some((block, next, mark)) = open.last_mut() {
            if *next == 0 {
                *mark = facts.added.len();
                for instruction in flow.blocks[*block].get_instructions().filter(|at| is_volatile(*at)) {
                    self.prove_access(instruction, regions, &mut facts, &mut harmless)?;
                }
            }
            match dominated[*block].get(*next) {
                Some(&child) => {
                    *next += 1;
                    open.push((child, 0, 0));
                }
                None => {
                    facts.forget(*mark);
                    open.pop();
                }
            }
        }
        Ok(harmless)
    }

    fn prove_access(
        &mut self,
        access: InstructionValue<'ctx>,
        regions: &HashMap<u64, Region>,
        facts: &mut Facts,
        harmless: &mut HashSet<InstructionValue<'ctx>>,
    ) -> Result<()> {
        let Some(pointer) = pointer_of(access) else { return Ok(()) };
        let Some(place) = place(pointer) else { return Ok(()) };
        let end = place.offset + bytes_of(access)?;
        let region = region_of(place.base, regions);
        let is_below = match place.index {
            None => end <= region.bytes_min,
            Some(index) => upper_bound(index, 0).is_some_and(|most| most + end <= region.bytes_min),
        };
        if !is_below && !facts.prove(&place, end) {
            facts.add(&place, end);
            return Ok(());
        }
        match access.get_opcode() {
            Op::Load | Op::Store if !region.is_shared => access.set_volatile(false).map_err(internal)?,
            _ => {
                harmless.insert(access);
            }
        }
        Ok(())
    }

    /// Puts barriers between effects and accesses that may trap, and before calls, which may exhaust the stack. What comes before the block may be
    /// an effect; an access in it is separated from what comes behind it.
    fn separate(
        &mut self,
        block: BasicBlock<'ctx>,
        barrier: &Barrier<'ctx>,
        harmless: &HashSet<InstructionValue<'ctx>>,
    ) -> Result<()> {
        let (mut has_effect, mut has_access) = (true, false);
        let instructions: Vec<_> = block.get_instructions().collect();
        for instruction in instructions {
            let may_trap = is_volatile(instruction) && !harmless.contains(&instruction);
            let is_effect = !may_trap && is_effect(instruction);
            if (may_trap || is_call(instruction)) && has_effect
                || has_access && (is_effect || instruction.is_terminator())
            {
                self.b.position_before(&instruction);
                let call = self.b.build_indirect_call(barrier.ty, barrier.asm, &[], "").built()?;
                for attribute in barrier.attributes {
                    call.add_attribute(AttributeLoc::Function, attribute);
                }
                (has_effect, has_access) = (false, false);
            }
            if may_trap && instruction.get_opcode() == Op::Load {
                self.keep_out_of_masks(instruction)?;
            }
            has_access |= may_trap;
            has_effect |= is_effect;
        }
        Ok(())
    }

    /// Keeps a load from becoming the memory operand of a masked vector instruction: those do not fault where the mask is clear, although the
    /// load is volatile. The empty assembly costs the folding of the load into the instruction that needs it.
    fn keep_out_of_masks(&mut self, load: InstructionValue<'ctx>) -> Result<()> {
        let Ok(value) = V::try_from(load.as_any_value_enum()) else { return Err(internal("a load without a value")) };
        let Some(next) = load.get_next_instruction() else { return Ok(()) };
        if !goes_into_a_vector_register(load, value) {
            return Ok(());
        }
        self.b.position_before(&next);
        let hidden = self.opaque(value)?;
        let Some(assembly) = hidden.as_instruction_value() else { return Err(internal("assembly without a value")) };
        load.replace_all_uses_with(&assembly);
        if assembly.set_operand(0, value) { Ok(()) } else { Err(internal("assembly without an operand")) }
    }
}

/// Whether a loaded value is a floating-point number or a vector, or becomes a part of one.
fn goes_into_a_vector_register<'ctx>(load: InstructionValue<'ctx>, value: V<'ctx>) -> bool {
    if !value.is_int_value() {
        return !value.is_pointer_value() && load.get_first_use().is_some();
    }
    let mut next = load.get_first_use();
    while let Some(place) = next {
        if user_of(place).is_some_and(|user| matches!(user.get_opcode(), Op::InsertElement | Op::BitCast)) {
            return true;
        }
        next = place.get_next_use();
    }
    false
}

pub(crate) fn is_volatile(instruction: InstructionValue<'_>) -> bool {
    instruction.get_volatile() == Ok(true)
}

/// Whether an instruction other than a volatile access does something that can be observed.
pub(crate) fn is_effect(instruction: InstructionValue<'_>) -> bool {
    match instruction.get_opcode() {
        Op::Store | Op::AtomicRMW | Op::AtomicCmpXchg | Op::Fence => true,
        Op::Load => is_volatile(instruction),
        Op::Call | Op::Invoke => {
            is_call(instruction) || intrinsic_of(instruction).is_some_and(|name| name.starts_with("llvm.mem"))
        }
        _ => false,
    }
}

/// Whether an instruction calls a function, of the guest or of the host.
pub(crate) fn is_call(instruction: InstructionValue<'_>) -> bool {
    match instruction.get_opcode() {
        Op::Call => !is_assembly(instruction) && intrinsic_of(instruction).is_none(),
        Op::Invoke => true,
        _ => false,
    }
}

/// The name of the intrinsic that a call is of.
fn intrinsic_of(call: InstructionValue<'_>) -> Option<String> {
    let function = CallSiteValue::try_from(call).ok()?.get_called_fn_value()?;
    let name = function.get_name().to_str().ok()?;
    name.starts_with("llvm.").then(|| name.to_owned())
}

/// Whether a call is one of assembly: ours computes, or traps and is a barrier itself.
fn is_assembly(call: InstructionValue<'_>) -> bool {
    use inkwell::llvm_sys::core::{LLVMGetCalledValue, LLVMIsAInlineAsm};
    // SAFETY: the call is alive; the functions ask for what it calls.
    unsafe { !LLVMIsAInlineAsm(LLVMGetCalledValue(call.as_value_ref())).is_null() }
}

/// The address of an access.
pub(crate) fn pointer_of(access: InstructionValue<'_>) -> Option<PointerValue<'_>> {
    let position = u32::from(access.get_opcode() == Op::Store);
    match access.get_operand(position)?.value()? {
        V::PointerValue(pointer) => Some(pointer),
        _ => None,
    }
}

/// How many bytes an access moves.
pub(crate) fn bytes_of(access: InstructionValue<'_>) -> Result<u64> {
    let bits = match access.get_opcode() {
        Op::Load | Op::AtomicRMW => bits_of(access.get_type().try_into().map_err(|()| internal("a load of nothing"))?),
        Op::Store => access.get_operand(0).and_then(Operand::value).map_or(0, |value| bits_of(value.get_type())),
        _ => access.get_operand(1).and_then(Operand::value).map_or(0, |value| bits_of(value.get_type())),
    };
    if bits == 0 { Err(internal("an access of unknown size")) } else { Ok(bits.div_ceil(8)) }
}

fn bits_of(ty: BasicTypeEnum<'_>) -> u64 {
    use BasicTypeEnum as B;
    match ty {
        B::IntType(ty) => u64::from(ty.get_bit_width()),
        B::FloatType(ty) => u64::from(ty.get_bit_width()),
        B::PointerType(_) => 64,
        B::VectorType(ty) => u64::from(ty.get_size()) * bits_of(ty.get_element_type()),
        B::ArrayType(_) | B::StructType(_) | B::ScalableVectorType(_) => 0,
    }
}

/// Pointer and index of a `getelementptr` over bytes.
fn sum(pointer: PointerValue<'_>) -> Option<(PointerValue<'_>, V<'_>)> {
    let instruction = pointer.as_instruction()?;
    if instruction.get_opcode() != Op::GetElementPtr || instruction.get_num_operands() != 2 {
        return None;
    }
    let scale = bits_of(instruction.get_gep_source_element_type().ok()?);
    match (instruction.get_operand(0)?.value()?, instruction.get_operand(1)?.value()?) {
        (V::PointerValue(base), index) if scale == 8 => Some((base, index)),
        _ => None,
    }
}

/// A small constant that is not negative.
fn constant(value: V<'_>) -> Option<u64> {
    match value {
        V::IntValue(value) => value.get_zero_extended_constant().filter(|value| *value < 1 << 40),
        _ => None,
    }
}

/// A pointer as another one and what is added to it.
fn without_constant(mut pointer: PointerValue<'_>) -> (PointerValue<'_>, u64) {
    let mut offset = 0;
    while let Some((base, index)) = sum(pointer)
        && let Some(more) = constant(index)
    {
        offset += more;
        pointer = base;
    }
    (pointer, offset)
}

/// An instruction's operands, if it is a certain one.
fn operands(value: V<'_>, wanted: impl Fn(InstructionValue<'_>) -> bool) -> Option<(V<'_>, V<'_>)> {
    let instruction = value.as_instruction_value().filter(|instruction| wanted(*instruction))?;
    Some((instruction.get_operand(0)?.value()?, instruction.get_operand(1)?.value()?))
}

pub(crate) fn is_sum(instruction: InstructionValue<'_>) -> bool {
    match instruction.get_opcode() {
        Op::Add => true,
        Op::Or => instruction.get_disjoint_flag() == Ok(true),
        _ => false,
    }
}

/// Takes an address apart.
pub(crate) fn place(pointer: PointerValue<'_>) -> Option<Place<'_>> {
    let (mut base, mut offset) = without_constant(pointer);
    let mut index = None;
    if let Some((rest, variable)) = sum(base) {
        let (rest, more) = without_constant(rest);
        (base, index) = (rest, Some(variable));
        offset += more;
    }
    if sum(base).is_some() {
        return None;
    }
    let Some(mut variable) = index else {
        return Some(Place { base, index, number: None, root: None, displacement: 0, offset });
    };
    // The sum of a zero-extended number and a small constant does not wrap around.
    while let Some((rest, more)) = operands(variable, is_sum)
        && let Some(more) = constant(more)
        && zero_extended(rest).is_some()
    {
        offset += more;
        variable = rest;
    }
    let index = Some(variable);
    let number = zero_extended(variable);
    let Some(mut root) = number else {
        return Some(Place { base, index, number: None, root: index, displacement: 0, offset });
    };
    let mut displacement = 0_u32;
    while let Some((rest, more)) = operands(root, is_sum)
        && let Some(more) = match more {
            V::IntValue(more) => more.get_zero_extended_constant(),
            _ => None,
        }
    {
        displacement = displacement.wrapping_add(more as u32);
        root = rest;
    }
    Some(Place { base, index, number, root: Some(root), displacement, offset })
}

/// The 32-bit number that a value is the zero-extension of.
fn zero_extended(value: V<'_>) -> Option<V<'_>> {
    let instruction = value.as_instruction_value().filter(|instruction| instruction.get_opcode() == Op::ZExt)?;
    let narrow = instruction.get_operand(0)?.value()?;
    matches!(narrow, V::IntValue(int) if int.get_type().get_bit_width() == 32).then_some(narrow)
}

/// What an index is at most, by its form.
fn upper_bound(value: V<'_>, depth: u32) -> Option<u64> {
    let V::IntValue(int) = value else { return None };
    let bits = int.get_type().get_bit_width();
    let most = if bits < 64 { Some((1 << bits) - 1) } else { None };
    if let Some(value) = int.get_zero_extended_constant() {
        return Some(value);
    }
    let instruction = value.as_instruction_value().filter(|_| depth < DEPTH_MAX);
    let bound = instruction.and_then(|instruction| {
        let operand = |position| instruction.get_operand(position).and_then(Operand::value);
        let part = |position| upper_bound(operand(position)?, depth + 1);
        let number = |position| match operand(position)? {
            V::IntValue(int) => int.get_zero_extended_constant(),
            _ => None,
        };
        match instruction.get_opcode() {
            Op::ZExt => part(0),
            Op::And => match (part(0), part(1)) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
            Op::Add => part(0)?.checked_add(part(1)?),
            Op::Or => part(0)?.checked_add(part(1)?),
            Op::Mul => part(0)?.checked_mul(part(1)?),
            Op::Shl => part(0)?.checked_mul(1_u64.checked_shl(number(1)? as u32)?),
            Op::LShr => part(0)?.checked_shr(number(1)? as u32),
            Op::Select => Some(part(1)?.max(part(2)?)),
            _ => None,
        }
    });
    // A sum or a product that does not fit wraps around to anything.
    match (bound, most) {
        (Some(bound), Some(most)) => Some(bound.min(most)),
        (bound, most) => bound.or(most),
    }
}

/// What is known of what a base pointer begins.
pub(crate) fn region_of(base: PointerValue<'_>, regions: &HashMap<u64, Region>) -> Region {
    let unknown = Region { memory: MemoryIdx(0), bytes_min: 0, is_shared: true };
    vmctx_offset(base, 0).and_then(|offset| regions.get(&offset).copied()).unwrap_or(unknown)
}

/// Where in the vmctx a pointer was loaded from. It may have been handed out of loops, of which there may be two versions.
fn vmctx_offset(base: PointerValue<'_>, depth: u32) -> Option<u64> {
    let instruction = base.as_instruction().filter(|_| depth < DEPTH_MAX)?;
    if instruction.get_opcode() == Op::Load {
        return pointer_of(instruction).map(|pointer| without_constant(pointer).1);
    }
    let phi = PhiValue::try_from(instruction).ok()?;
    let mut offsets = phi.get_incomings().map(|(value, _)| match value {
        V::PointerValue(pointer) => vmctx_offset(pointer, depth + 1),
        _ => None,
    });
    let first = offsets.next()??;
    offsets.all(|offset| offset == Some(first)).then_some(first)
}
