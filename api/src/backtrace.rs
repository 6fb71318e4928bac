//! From program counters to frames a user understands.

use wasmer_vm::{Failure, code_registry};

use crate::error::{Backtrace, Frame};

/// The frames of a failed call, innermost first. Return addresses belong to the call before them.
pub(crate) fn resolve(failure: &Failure) -> Backtrace {
    let is_return_address = |position| position > 0 || !failure.at_instruction;
    let mut frames = Vec::new();
    for (position, pc) in failure.pcs.iter().enumerate() {
        frames.extend(frame(*pc, is_return_address(position), !frames.is_empty()));
    }
    Backtrace { frames }
}

/// None for trampolines, and for a function that another frame, inside of this, goes on in the place of.
fn frame(pc: usize, is_return_address: bool, has_inner: bool) -> Option<Frame> {
    let pc = if is_return_address { pc.checked_sub(1)? } else { pc };
    let (image, offset) = code_registry::lookup(pc)?;
    if has_inner && is_return_address && image.asks_at(offset + 1) {
        return None;
    }
    let defined = image.function_at(offset)?;
    let function = image.func_index(defined);
    Some(Frame {
        module: image.module_name().map(str::to_owned),
        function: function.0,
        name: image.function_name(function).map(str::to_owned),
        wasm_offset: image.wasm_offset_at(offset),
        source: None,
    })
}
