//! Stacks that no thread and no call has: mapped once, used again.

use std::io;
use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::stack::WasmStack;

/// How many stacks are kept: each takes two of the 65,530 mappings that a process may have.
const KEEPS: usize = 1024;
/// How many of them keep the memory that guests have used.
const KEEPS_PAGES: usize = 16;

/// The lock is only tried for: in a process that was forked while another thread had it, nobody gives it back.
static POOL: Mutex<Vec<WasmStack>> = Mutex::new(Vec::new());

fn pool() -> Option<MutexGuard<'static, Vec<WasmStack>>> {
    match POOL.try_lock() {
        Ok(pool) => Some(pool),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// A stack of at least so many bytes, in whole pages.
pub(crate) fn take(bytes: usize) -> io::Result<WasmStack> {
    let fits = |stack: &WasmStack| stack.bounds().usable().len() >= bytes;
    let kept = pool().and_then(|mut pool| pool.iter().rposition(fits).map(|position| pool.swap_remove(position)));
    kept.map_or_else(|| WasmStack::new(bytes), Ok)
}

/// Keeps a stack on which there is nothing, or unmaps it.
pub(crate) fn give(stack: WasmStack) {
    let Some(kept) = pool().map(|pool| pool.len()) else { return };
    if kept >= KEEPS_PAGES && stack.drop_pages().is_err() {
        return;
    }
    if let Some(mut pool) = pool().filter(|pool| pool.len() < KEEPS) {
        pool.push(stack);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_used_again_and_those_beyond_the_first_are_clean() {
        let stack = |bytes| take(bytes).unwrap();
        let bytes = 4096 * 37;
        let mut stacks: Vec<_> = (0..KEEPS_PAGES + 2).map(|_| stack(bytes)).collect();
        let places: Vec<_> = stacks.iter().map(|stack| stack.bounds().high).collect();
        for high in &places {
            // SAFETY: the stack is taken, and nobody else uses it.
            unsafe { *((high - 8) as *mut u64) = 7 };
        }
        stacks.drain(..).for_each(give);
        let again: Vec<_> = (0..KEEPS_PAGES + 2).map(|_| stack(bytes)).collect();
        // Other tests may give and take stacks meanwhile.
        let known = again.iter().map(|stack| stack.bounds().high).filter(|high| places.contains(high));
        // SAFETY: as above.
        let words = known.map(|high| unsafe { *((high - 8) as *const u64) });
        let words: Vec<_> = words.collect();
        assert!(words.contains(&7) && words.contains(&0), "{words:?}");
        assert!(stack(1 << 20).bounds().usable().len() >= 1 << 20);
    }
}
