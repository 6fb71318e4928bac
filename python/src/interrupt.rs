//! Ctrl-C while a guest runs.
//!
//! Python's handler of SIGINT notes the signal, and the interpreter acts on it between two of its own instructions: not while the main thread is in a guest.
//! So our handler stands before Python's and interrupts the guest that the main thread runs; when the call is back, the interpreter raises `KeyboardInterrupt`.
//!
//! Python puts its own handler back whenever a program calls `signal.signal`, and asking the system which one is installed takes longer than a call. So the first
//! call after a pause asks, and a thread that it wakes goes on every few milliseconds as long as there are calls, and sleeps when there are none. In between a
//! new handler of Python's may have noted a signal that stops no guest; the next one does. A handler that ignores the signal, or the system's, which ends the
//! process, stays as it is.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::thread::{self, Thread};
use std::time::Duration;

use libc::{SIGINT, SIGURG, c_int, siginfo_t};

use wasmer_runtime::InterruptHandle;

/// What stops the guest that the main thread runs now; null if it runs none.
static RUNNING: AtomicPtr<InterruptHandle> = AtomicPtr::new(ptr::null_mut());
/// Whether a signal has stopped a guest since somebody asked.
static IS_HIT: AtomicBool = AtomicBool::new(false);

/// The part of a call in which the main thread is in a guest, or in no guest. On other threads it does nothing.
pub(crate) struct Watched {
    before: Option<*mut InterruptHandle>,
}

impl Watched {
    /// A guest runs, until this ends or is dropped: earlier than the handle.
    pub(crate) fn guest(handle: &InterruptHandle) -> Self {
        let watched = Self::set(ptr::from_ref(handle).cast_mut());
        if watched.before.is_some() {
            wake();
        }
        watched
    }

    /// No guest runs: Python does.
    pub(crate) fn nobody() -> Self {
        Self::set(ptr::null_mut())
    }

    fn set(handle: *mut InterruptHandle) -> Self {
        Self { before: is_main_thread().then(|| RUNNING.swap(handle, Ordering::SeqCst)) }
    }

    /// Whether a signal came.
    pub(crate) fn end(self) -> bool {
        let is_here = self.before.is_some();
        drop(self);
        is_here && IS_HIT.load(Ordering::Relaxed) && IS_HIT.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            RUNNING.store(before, Ordering::SeqCst);
        }
    }
}

/// Whether this is the thread on which Python runs handlers.
fn is_main_thread() -> bool {
    thread_local! {
        // SAFETY: both only ask.
        static IS_MAIN: bool = unsafe { libc::gettid() == libc::getpid() };
    }
    IS_MAIN.with(|is_main| *is_main)
}

/// How long calls go unobserved at most, and how long the thread stays awake after one.
const PERIOD: Duration = Duration::from_millis(20);

/// Whether the thread sleeps until it is woken, or does not exist.
static IS_ASLEEP: AtomicBool = AtomicBool::new(true);
/// The thread, once there was a call; it does not exist in a process that was forked.
static THREAD: Mutex<Option<Thread>> = Mutex::new(None);

/// Puts the handler in its place, if nobody has for a while, and has the thread keep it there.
fn wake() {
    if !IS_ASLEEP.load(Ordering::SeqCst) {
        return;
    }
    forget_in_children();
    // Only in a process that was forked meanwhile nobody gives the lock back.
    let Ok(mut thread) = THREAD.try_lock() else { return };
    IS_ASLEEP.store(false, Ordering::SeqCst);
    stand_before();
    match &*thread {
        Some(thread) => thread.unpark(),
        // Without it only Ctrl-C waits until the guest has ended.
        None => {
            *thread = thread::Builder::new()
                .name("wasmer-sigint".to_owned())
                .spawn(watch)
                .ok()
                .map(|handle| handle.thread().clone())
        }
    }
}

fn watch() {
    loop {
        thread::sleep(PERIOD);
        stand_before();
        if !RUNNING.load(Ordering::SeqCst).is_null() {
            continue;
        }
        IS_ASLEEP.store(true, Ordering::SeqCst);
        // A call that began before saw us awake.
        if !RUNNING.load(Ordering::SeqCst).is_null() {
            IS_ASLEEP.store(false, Ordering::SeqCst);
        }
        while IS_ASLEEP.load(Ordering::SeqCst) {
            thread::park();
        }
    }
}

/// A child of this process begins without the thread.
fn forget_in_children() {
    extern "C" fn in_child() {
        IS_ASLEEP.store(true, Ordering::SeqCst);
        if let Ok(mut thread) = THREAD.try_lock() {
            *thread = None;
        }
    }
    static ONCE: Once = Once::new();
    // SAFETY: the function stays; it only writes to what is ours.
    ONCE.call_once(|| _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) });
}

/// The handler that ours stands before, and its flags.
static NEXT: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);
static NEXT_FLAGS: AtomicI32 = AtomicI32::new(0);
/// Whether ours runs, on any thread: so that it is not called again by one that stands behind it and before it.
static IS_ENTERED: AtomicBool = AtomicBool::new(false);

/// Puts our handler before the one that is installed.
fn stand_before() {
    let mut current = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the call only writes the action, all of whose bits are allowed to be zero.
    let mut action = unsafe {
        libc::sigaction(SIGINT, ptr::null(), current.as_mut_ptr());
        current.assume_init()
    };
    let ours = on_signal as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
    if [ours, libc::SIG_DFL, libc::SIG_IGN].contains(&action.sa_sigaction) {
        return;
    }
    NEXT_FLAGS.store(action.sa_flags, Ordering::SeqCst);
    NEXT.store(action.sa_sigaction, Ordering::SeqCst);
    action.sa_sigaction = ours;
    // A guest's stack may be nearly full.
    action.sa_flags |= libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler may be called at any time. The signal by which guests are stopped waits until it has returned: it acts on the code that it finds below.
    unsafe {
        libc::sigaddset(&mut action.sa_mask, SIGURG);
        libc::sigaction(SIGINT, &action, ptr::null_mut());
    }
}

extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    if IS_ENTERED.swap(true, Ordering::SeqCst) {
        return;
    }
    // SAFETY: it is this thread's, and what was interrupted may still want to read it.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: both only ask, which a handler may.
    if unsafe { libc::gettid() == libc::getpid() } {
        // SAFETY: the main thread, which is this one, wrote the pointer, and takes it away before the handle goes. Atomic writes and signals are all that follows.
        if let Some(handle) = unsafe { RUNNING.load(Ordering::SeqCst).as_ref() } {
            IS_HIT.store(true, Ordering::Relaxed);
            handle.interrupt();
        }
    }
    let (next, flags) = (NEXT.load(Ordering::SeqCst), NEXT_FLAGS.load(Ordering::SeqCst));
    if flags & libc::SA_SIGINFO != 0 {
        // SAFETY: this was the installed handler, of the kind that the flags say.
        let next: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = unsafe { std::mem::transmute(next) };
        next(signal, info, context);
    } else {
        // SAFETY: likewise.
        let next: extern "C" fn(c_int) = unsafe { std::mem::transmute(next) };
        next(signal);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    IS_ENTERED.store(false, Ordering::SeqCst);
}
