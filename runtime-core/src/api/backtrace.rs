//! From program counters to frames a user understands.

use crate::api::error::{Backtrace, Frame};
use crate::vm::code_registry;

/// The frames behind program counters, innermost first. The first is the instruction that stopped; the others are
/// return addresses, which belong to the call before them.
pub(crate) fn resolve(pcs: &[usize]) -> Backtrace {
    let frames = pcs.iter().enumerate().filter_map(|(position, pc)| frame(*pc, position > 0)).collect();
    Backtrace { frames }
}

/// None for trampolines.
fn frame(pc: usize, is_return_address: bool) -> Option<Frame> {
    let pc = if is_return_address { pc.checked_sub(1)? } else { pc };
    let (code, offset) = code_registry::lookup(pc)?;
    let (function, name) = code.function_at(offset)?;
    Some(Frame { module: code.module_name(), function: function.0, name, wasm_offset: code.wasm_offset_at(offset) })
}
