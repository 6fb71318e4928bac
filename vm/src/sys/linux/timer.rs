//! A timer of a thread's own processor time, whose ticks stop the thread as interrupts do.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::time::Duration;

use super::thread::INTERRUPT_SIGNAL;

/// Tells its ticks apart from other signals, by its address.
static MARK: u8 = 0;

thread_local! {
    /// This thread's timer, or null. Statically initialised and without a destructor: a handler reads it.
    static TIMER: Cell<*mut c_void> = const { Cell::new(null_mut()) };
    /// Deletes the timer when the thread ends.
    static OWNER: Owner = const { Owner };
}

struct Owner;

impl Drop for Owner {
    fn drop(&mut self) {
        let timer = TIMER.replace(null_mut());
        if !timer.is_null() {
            // SAFETY: the timer is this thread's.
            unsafe { libc::timer_delete(timer) };
        }
    }
}

/// Has this thread's timer tick whenever the thread has computed for so long. False if the system has no more timers.
pub(crate) fn start(tick: Duration) -> bool {
    if TIMER.get().is_null() {
        let Some(timer) = create() else { return false };
        TIMER.set(timer);
        // At the end of the thread there is nobody left to delete it: the system does.
        let _ = OWNER.try_with(|_| ());
    }
    set(tick)
}

/// Stops this thread's timer, which there is. May be called in a handler.
pub(crate) fn stop() -> bool {
    set(Duration::ZERO)
}

fn create() -> Option<*mut c_void> {
    let mut timer = MaybeUninit::uninit();
    // SAFETY: zero is valid for every field of the event; the kernel writes the timer if it succeeds.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = INTERRUPT_SIGNAL;
        event.sigev_value.sival_ptr = (&raw const MARK).cast_mut().cast();
        event.sigev_notify_thread_id = libc::gettid();
        (libc::timer_create(libc::CLOCK_THREAD_CPUTIME_ID, &mut event, timer.as_mut_ptr()) == 0)
            .then(|| timer.assume_init())
    }
}

fn set(tick: Duration) -> bool {
    let time = libc::timespec { tv_sec: tick.as_secs() as i64, tv_nsec: i64::from(tick.subsec_nanos()) };
    let spec = libc::itimerspec { it_interval: time, it_value: time };
    // SAFETY: the timer is this thread's.
    unsafe { libc::timer_settime(TIMER.get(), 0, &spec, null_mut()) == 0 }
}

/// Forgets the timer, which is the parent's, in a process that was forked.
pub(crate) fn forget() {
    TIMER.set(null_mut());
}

/// Whether a signal is a tick.
///
/// # Safety
/// The kernel has passed it to a handler.
pub(super) unsafe fn is_tick(info: *mut libc::siginfo_t) -> bool {
    const SI_TIMER: c_int = -2;
    // SAFETY: the caller's promise; a timer's signal has a value.
    unsafe { (*info).si_code == SI_TIMER && (*info).si_value().sival_ptr.cast_const() == (&raw const MARK).cast() }
}
