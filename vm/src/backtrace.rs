//! Walking frame pointers on wasm stacks.

use crate::stack::StackBounds;

/// Frames that a backtrace holds at most: the innermost ones.
pub const FRAMES_MAX: usize = 100;

/// The program counters of the frames from (`pc`, `fp`) outwards.
///
/// Every frame of compiled code is `[fp] = caller's fp`, `[fp + 8] = return address`. The chain ends with the first frame that is not on the
/// stack: the entry stub's. Only addresses on the stack are read, whatever the chain says.
pub fn walk(pc: usize, mut fp: usize, stack: &StackBounds) -> Vec<usize> {
    let usable = stack.usable();
    let mut pcs = vec![pc];
    while pcs.len() < FRAMES_MAX && fp.is_multiple_of(8) && usable.contains(&fp) && usable.contains(&(fp + 15)) {
        // SAFETY: both words are on the stack, which is mapped, and whose frames do not change while it is suspended.
        let (caller, return_address) = unsafe { (*(fp as *const usize), *((fp + 8) as *const usize)) };
        pcs.push(return_address);
        if caller <= fp {
            break;
        }
        fp = caller;
    }
    pcs
}
