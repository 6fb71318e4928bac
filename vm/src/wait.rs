//! `memory.atomic.wait` and `notify` (threads proposal): threads that sleep on addresses of shared memories.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The order of the loads that compare: the proposal's only one.
pub(crate) const ORDER: Ordering = Ordering::SeqCst;

/// Results of a wait.
const WOKEN: u32 = 0;
const NOT_EQUAL: u32 = 1;
const TIMED_OUT: u32 = 2;

/// How long a waiter sleeps before it looks whether its store was interrupted.
const INTERRUPT_CHECK: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Waiter {
    woken: AtomicBool,
    condition: Condvar,
}

/// Waiters by address. Equal addresses of one memory in several stores are equal here, because its base is the same.
static WAITERS: LazyLock<Mutex<HashMap<usize, VecDeque<Arc<Waiter>>>>> = LazyLock::new(Mutex::default);

/// The lock, for the thread that forks.
pub(crate) fn lock() -> Box<dyn std::any::Any> {
    Box::new(waiters())
}

/// The waiters of another process, of which this one is a copy, do not sleep here.
pub(crate) fn forget_waiters() {
    waiters().clear();
}

fn waiters() -> MutexGuard<'static, HashMap<usize, VecDeque<Arc<Waiter>>>> {
    WAITERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sleeps until notified, or for `timeout` nanoseconds if that is not negative, if `is_expected` holds. An interrupt ends it as a timeout would; the guest
/// then traps on its way back.
pub(crate) fn wait(
    address: usize,
    is_expected: impl Fn() -> bool,
    timeout: i64,
    is_interrupted: impl Fn() -> bool,
) -> u32 {
    let deadline = u64::try_from(timeout).ok().and_then(|ns| Instant::now().checked_add(Duration::from_nanos(ns)));
    let mut waiters = waiters();
    // Compared under the lock that notifiers take, so that no notification between comparison and sleep is lost.
    if !is_expected() {
        return NOT_EQUAL;
    }
    let waiter = Arc::new(Waiter::default());
    waiters.entry(address).or_default().push_back(Arc::clone(&waiter));
    loop {
        if waiter.woken.load(Ordering::Relaxed) {
            return WOKEN;
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) || is_interrupted() {
            if let Some(queue) = waiters.get_mut(&address) {
                queue.retain(|other| !Arc::ptr_eq(other, &waiter));
                if queue.is_empty() {
                    waiters.remove(&address);
                }
            }
            return TIMED_OUT;
        }
        let nap = left.map_or(INTERRUPT_CHECK, |left| left.min(INTERRUPT_CHECK));
        waiters = waiter.condition.wait_timeout(waiters, nap).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Wakes up to `count` waiters, those that have slept longest first, and returns how many.
pub(crate) fn notify(address: usize, count: u32) -> u32 {
    let mut waiters = waiters();
    let Some(queue) = waiters.get_mut(&address) else { return 0 };
    let woken = queue.len().min(count as usize);
    for waiter in queue.drain(..woken) {
        waiter.woken.store(true, Ordering::Relaxed);
        waiter.condition.notify_one();
    }
    if queue.is_empty() {
        waiters.remove(&address);
    }
    woken as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleepers_are_woken_and_time_out() {
        let word = 0u32;
        let address = &raw const word as usize;
        assert_eq!(wait(address, || false, -1, || false), NOT_EQUAL);
        assert_eq!(wait(address, || true, 1_000_000, || false), TIMED_OUT);
        assert_eq!(wait(address, || true, -1, || true), TIMED_OUT);
        assert_eq!(notify(address, 1), 0);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| wait(address, || true, -1, || false));
            while notify(address, 1) == 0 {
                std::thread::yield_now();
            }
            assert_eq!(waiter.join().unwrap(), WOKEN);
        });
    }
}
