//! From program counters to frames a user understands.

use wasmer_vm::{Failure, code_registry};

use crate::error::{Backtrace, Frame};

/// The frames of a failed call, innermost first. Return addresses belong to the call before them.
pub(crate) fn resolve(failure: &Failure) -> Backtrace {
    let is_return_address = |position| position > 0 || !failure.at_instruction;
    let pcs = failure.pcs.iter().enumerate();
    let frames = pcs.filter_map(|(position, pc)| frame(*pc, is_return_address(position))).collect();
    Backtrace { frames }
}

/// None for trampolines.
fn frame(pc: usize, is_return_address: bool) -> Option<Frame> {
    let pc = if is_return_address { pc.checked_sub(1)? } else { pc };
    let (image, offset) = code_registry::lookup(pc)?;
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
