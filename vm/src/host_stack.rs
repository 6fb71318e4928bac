//! The host's stacks: how much room is left on the one of this thread.

use std::cell::Cell;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::here;
use crate::sys::thread::own_stack;

/// The addresses of this thread's own stack, if the system knows them. Found out once for each thread.
#[inline]
pub(crate) fn own() -> Option<Range<usize>> {
    thread_local! {
        static OWN: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
    }
    #[cold]
    fn find_out() -> (usize, usize) {
        let own = own_stack().map_or((0, 0), |stack| (stack.start, stack.end));
        here::set(&OWN, Some(own));
        own
    }
    let (low, high) = here::get(&OWN).unwrap_or_else(find_out);
    (low < high).then_some(low..high)
}

/// Whether this thread has so many bytes left. Not on a stack that is not its own, for instance a coroutine's.
fn has_room(bytes: usize) -> bool {
    let here = 0u8;
    let here = &raw const here as usize;
    own().is_some_and(|stack| stack.contains(&here) && here - stack.start >= bytes)
}

/// Does what needs as much of the host's stack as `bytes`: here if there is room, otherwise on a thread of its own, which has that and more. If there can be
/// no more threads it is tried here.
pub fn with_room<R: Send>(bytes: usize, run: impl FnOnce() -> R + Send) -> R {
    if has_room(bytes) {
        return run();
    }
    let todo = Mutex::new(Some(run));
    let take = || todo.lock().unwrap_or_else(PoisonError::into_inner).take();
    let elsewhere = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(2 * bytes);
        let thread = thread.spawn_scoped(scope, || take().map(|run| run())).ok()?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    elsewhere.unwrap_or_else(|| {
        let run = take().expect("a thread that could not be made took nothing");
        run()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_own_stack_is_known() {
        let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(|| {
            let here = 0u8;
            assert!(own().unwrap().contains(&(&raw const here as usize)));
            assert!(has_room(64 << 10) && !has_room(256 << 10));
            let place = || {
                let here = 0u8;
                (std::thread::current().id(), has_room(1 << 20), &raw const here as usize)
            };
            let (id, ..) = place();
            assert_eq!(with_room(64 << 10, place).0, id);
            let (other, has_room, _) = with_room(1 << 20, place);
            assert!(other != id && has_room);
            let panics = std::panic::catch_unwind(|| with_room(1 << 20, || panic!("it goes on here")));
            assert_eq!(panics.unwrap_err().downcast_ref(), Some(&"it goes on here"));
        });
        thread.unwrap().join().unwrap();
    }
}
