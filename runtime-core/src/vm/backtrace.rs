//! Walking frame pointers on wasm stacks.

use crate::vm::stack::StackBounds;

/// Frames that a backtrace holds at most: the innermost ones.
pub const FRAMES_MAX: usize = 100;

/// Appends the program counters of the frames from (`pc`, `fp`) outwards.
///
/// Every frame of compiled code and of the stubs is `[fp] = caller's fp`, `[fp + 8] = return address`; the chain ends
/// with a zero. Only addresses on the stack are read, whatever the chain says.
pub fn walk(pc: usize, mut fp: usize, stack: &StackBounds, pcs: &mut Vec<usize>) {
    let usable = stack.usable();
    pcs.push(pc);
    while pcs.len() < FRAMES_MAX && fp.is_multiple_of(8) && usable.contains(&fp) && usable.contains(&(fp + 15)) {
        // SAFETY: both words are on the stack, which is mapped, and whose frames do not change while it is suspended.
        let (caller, return_address) = unsafe { (*(fp as *const usize), *((fp + 8) as *const usize)) };
        pcs.push(return_address);
        if caller <= fp {
            break;
        }
        fp = caller;
    }
}
