//! What is said of an access out of bounds that looks like an overflow of the module's own stack.

use std::path::Path;

use wasmer_runtime::wasi::WasiCtx;
use wasmer_runtime::{Instance, ModuleSummary, Store, Trap, TrapCode, Val, default_features};

use crate::load::read_again;

/// The hint, if there is evidence for it. `module` is read again for it, which nobody waits for but one whose program has ended.
pub(crate) fn hint(module: &Path, instance: Instance, store: &Store<WasiCtx>, trap: &Trap) -> Option<String> {
    if trap.code != TrapCode::MemoryOutOfBounds
        || trap.memory_fault.is_some_and(|fault| fault.memory.is_some_and(|memory| memory != 0))
    {
        return None;
    }
    let summary = ModuleSummary::of(&read_again(module).ok()?, default_features()).ok()?;
    let stack = summary.stack_pointer?;
    let value = match instance.global(store, stack.global)?.get(store).ok()? {
        Val::I32(value) => u64::from(value as u32),
        Val::I64(value) => value as u64,
        _ => return None,
    };
    let declared = summary.memories.first()?;
    let memory_bytes = match trap.memory_fault {
        Some(fault) => fault.memory_bytes,
        None => declared.limits.min << declared.page_size_log2,
    };
    let address = trap.memory_fault.map(|fault| u64::try_from(fault.address).unwrap_or(u64::MAX));
    if !stack.may_have_overflowed(value, address, memory_bytes) {
        return None;
    }
    let name = if stack.is_named { " (`__stack_pointer`)" } else { "" };
    let size = stack.bytes.map(|bytes| format!("; it has {bytes} bytes")).unwrap_or_default();
    let wanted = stack.start.saturating_mul(2).checked_next_multiple_of(1 << 16)?;
    Some(format!(
        "hint: the module's own stack may have overflowed: global {}{name} is {value:#x}{size}\n\
         hint: a larger one is made when the module is built, for instance by `-Wl,-z,stack-size={wanted}`",
        stack.global
    ))
}
