//! From Cranelift's compiled code to the runtime's [`Output`].

use std::collections::BTreeSet;

use cranelift_codegen::binemit::Reloc as CraneliftReloc;
use cranelift_codegen::ir::{ExternalName, Function, TrapCode as CraneliftTrap};
use cranelift_codegen::{
    Context, Final, FinalizedMachExceptionHandler, FinalizedMachReloc, FinalizedRelocTarget, MachBufferFinalized,
};
use wasmer_runtime_core::compiler::{
    CodeLocation, CompileError, CompileLimit, Definition, Handler, NO_WASM_OFFSET, Output, Reloc, RelocKind, Symbol,
    TrapSite,
};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::DefinedFuncIdx;

use crate::description::NAME;
use crate::memory::FAULT_IN_MEMORY;
use crate::outside;
use crate::place::{STEP_BYTES, place};

/// What stands between functions: a trap, should anything ever jump there (`int3` on x86-64, `udf` elsewhere).
const PADDING: u8 = if cfg!(target_arch = "x86_64") { 0xcc } else { 0 };

/// Of which code it is said what operator it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Places {
    /// What traps or calls: nothing else is ever looked up when a program runs.
    LookedUp,
    /// All.
    Every,
}

/// Appends the function that `context` compiled, whose code starts at `wasm_offset` of the module.
pub(crate) fn append(
    context: &Context,
    symbol: Symbol,
    wasm_offset: u32,
    places: Places,
    output: &mut Output,
) -> Result<(), CompileError> {
    let Some(code) = context.compiled_code() else {
        return Err(internal(symbol, "nothing was compiled"));
    };
    let buffer = &code.buffer;
    debug_assert!(buffer.alignment as usize <= Output::ALIGN);
    // Relative calls reach 2 GiB.
    if output.text.len() + Output::ALIGN + buffer.data().len() > i32::MAX as usize {
        return Err(CompileLimit::BRANCH_REACH.into());
    }
    let at = (output.text.len() as u32).next_multiple_of(buffer.alignment);
    // What Cranelift aligns at all, constants, it aligns to at most what functions start at, or to a whole line.
    let start = if buffer.alignment > STEP_BYTES { at } else { place(code, at) };
    output.text.resize(start as usize, PADDING);
    output.text.extend_from_slice(buffer.data());
    output.definitions.push(Definition { symbol, offset: start, len: buffer.total_size() });
    let mut said = BTreeSet::new();
    for reloc in buffer.relocs() {
        let Some(offset) = outside::offset(reloc, &context.func) else {
            output.relocs.push(relocation(reloc, symbol, &context.func, start)?);
            continue;
        };
        let call = outside::call(reloc);
        if !outside::say(&mut output.text[(start + call) as usize..], offset) {
            return Err(internal(symbol, "no call and trap for an access outside"));
        }
        said.insert(call);
    }
    for trap in buffer.traps().iter().filter(|trap| trap.code != FAULT_IN_MEMORY) {
        let code = trap_code(trap.code).ok_or_else(|| internal(symbol, "a trap without a known code"))?;
        let call = trap.offset.checked_sub(outside::CALL_BYTES).filter(|call| said.contains(call));
        output.traps.push(TrapSite { offset: start + call.unwrap_or(trap.offset), code });
    }
    handlers(symbol, buffer, start, &mut output.handlers)?;
    // The stack may overflow before the first operator.
    output.locations.push(CodeLocation { offset: start, wasm_offset });
    match places {
        Places::LookedUp => locations(buffer, start, &mut output.locations),
        Places::Every => output.locations.extend(every_location(buffer, start)),
    }
    Ok(())
}

fn internal(symbol: Symbol, message: &str) -> CompileError {
    CompileError::Internal { by: NAME, message: format!("{symbol:?}: {message}") }
}

fn relocation(reloc: &FinalizedMachReloc, symbol: Symbol, func: &Function, start: u32) -> Result<Reloc, CompileError> {
    let target = match &reloc.target {
        FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
            Symbol::Function(DefinedFuncIdx(func.params.user_named_funcs()[*name].index))
        }
        // Everything that machine instructions do not do goes through our own libcall table.
        target => {
            let target = target.display(Some(&func.params));
            return Err(internal(symbol, &format!("a reference to `{target}`, which nothing provides")));
        }
    };
    let kind = match reloc.kind {
        CraneliftReloc::X86PCRel4 | CraneliftReloc::X86CallPCRel4 => RelocKind::X64Pc32,
        CraneliftReloc::Arm64Call => RelocKind::Aarch64Call26,
        kind => return Err(internal(symbol, &format!("a relocation of kind `{kind}`"))),
    };
    let addend = i32::try_from(reloc.addend).map_err(|_| internal(symbol, "a relocation with a huge addend"))?;
    Ok(Reloc { offset: start + reloc.offset, kind, target, addend })
}

/// Writes the calls that go on elsewhere when they throw: all that there are catch everything.
fn handlers(
    symbol: Symbol,
    buffer: &MachBufferFinalized<Final>,
    start: u32,
    handlers: &mut Vec<Handler>,
) -> Result<(), CompileError> {
    for call in buffer.call_sites() {
        match (call.exception_handlers, call.frame_offset) {
            ([], _) => {}
            ([FinalizedMachExceptionHandler::Default(landing)], Some(frame_bytes)) => {
                handlers.push(Handler { return_address: start + call.ret_addr, landing: start + landing, frame_bytes })
            }
            _ => return Err(internal(symbol, "a call with another handler than it was given")),
        }
    }
    Ok(())
}

/// Our code for Cranelift's: user codes carry our numbers, the reserved ones come from instructions that Cranelift
/// guards itself.
fn trap_code(code: CraneliftTrap) -> Option<TrapCode> {
    match code {
        CraneliftTrap::STACK_OVERFLOW => Some(TrapCode::StackOverflow),
        CraneliftTrap::INTEGER_OVERFLOW => Some(TrapCode::IntegerOverflow),
        CraneliftTrap::INTEGER_DIVISION_BY_ZERO => Some(TrapCode::IntegerDivideByZero),
        CraneliftTrap::BAD_CONVERSION_TO_INTEGER => Some(TrapCode::InvalidConversionToInteger),
        code => TrapCode::from_number(code.as_raw().get()),
    }
}

/// The locations of all code; what is between the ranges is nobody's.
fn every_location(buffer: &MachBufferFinalized<Final>, start: u32) -> impl Iterator<Item = CodeLocation> + '_ {
    let location = move |offset: u32, wasm_offset| CodeLocation { offset: start + offset, wasm_offset };
    buffer.get_srclocs_sorted().iter().flat_map(move |range| {
        let wasm_offset = if range.loc.is_default() { NO_WASM_OFFSET } else { range.loc.bits() };
        [location(range.start, wasm_offset), location(range.end, NO_WASM_OFFSET)]
    })
}

/// Writes the locations of the operators that trap or call: nothing else is ever looked up.
fn locations(buffer: &MachBufferFinalized<Final>, start: u32, locations: &mut Vec<CodeLocation>) {
    let mut ranges = buffer.get_srclocs_sorted().iter().peekable();
    let mut traps = buffer.traps().iter().map(|trap| trap.offset).peekable();
    // A return address belongs to the instruction behind the call; the byte before is the call's.
    let mut calls = buffer.call_sites().map(|call| call.ret_addr - 1).peekable();
    let mut last = None;
    loop {
        let point = match (traps.peek().copied(), calls.peek().copied()) {
            (None, None) => break,
            (Some(trap), call) if call.is_none_or(|call| trap <= call) => {
                traps.next();
                trap
            }
            (_, Some(call)) => {
                calls.next();
                call
            }
            (Some(_), None) => unreachable!("the first guard covers a missing call"),
        };
        while ranges.next_if(|range| range.end <= point).is_some() {}
        // From the operator's first byte on: where a call ends is known, but not where it starts, and there the stack may overflow.
        let (offset, wasm_offset) = match ranges.peek() {
            Some(range) if range.start <= point && !range.loc.is_default() => (range.start, range.loc.bits()),
            _ => (point, NO_WASM_OFFSET),
        };
        if last != Some(wasm_offset) {
            locations.push(CodeLocation { offset: start + offset, wasm_offset });
            last = Some(wasm_offset);
        }
    }
}
