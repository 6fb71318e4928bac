//! Writing beyond the process's limit of file sizes (`RLIMIT_FSIZE`) as an error.
//!
//! The kernel raises `SIGXFSZ` in the thread that does so, whose default action ends the process; only where the signal is ignored or
//! blocked does the call fail with `EFBIG`. A library must not ignore a signal for its process, so it is blocked in this thread, around
//! each call that may make a regular file (or one in memory) larger.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;

thread_local! {
    /// Whether the signal is blocked in this thread until it ends.
    static IS_BLOCKED: Cell<bool> = const { Cell::new(false) };
}

/// Makes a call that writes to files, in which the limit of file sizes is the error `EFBIG`.
///
/// # Errors
///
/// Those of the call.
pub fn limit_as_error<T, E>(call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let before = (!IS_BLOCKED.get()).then(Blocked::new);
    let result = call();
    if result.is_err() {
        take_pending();
    }
    drop(before);
    result
}

/// Has the signal blocked in this thread until it ends, so that [`limit_as_error`] takes no system calls here. For threads that run nothing but this project's code.
pub fn block_in_this_thread() {
    std::mem::forget(Blocked::new());
    IS_BLOCKED.set(true);
}

/// `SIGXFSZ` alone.
fn signal() -> libc::sigset_t {
    let mut signal = MaybeUninit::uninit();
    // SAFETY: the first call initialises the set, and neither fails with a valid signal.
    unsafe {
        libc::sigemptyset(signal.as_mut_ptr());
        libc::sigaddset(signal.as_mut_ptr(), libc::SIGXFSZ);
        signal.assume_init()
    }
}

/// Takes away the signal that a call may have raised while it was blocked, lest it is delivered once the mask is what it was.
fn take_pending() {
    let (signal, now) = (signal(), libc::timespec { tv_sec: 0, tv_nsec: 0 });
    // SAFETY: both arguments live across the call, and what the signal says is not asked for.
    while unsafe { libc::sigtimedwait(&signal, ptr::null_mut(), &now) } == -1
        && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted
    {}
}

/// `SIGXFSZ` is blocked in this thread as long as this lives.
struct Blocked {
    mask_before: libc::sigset_t,
}

impl Blocked {
    fn new() -> Self {
        let mut mask_before = MaybeUninit::uninit();
        // SAFETY: the call initialises the mask; it does not fail with a valid operation.
        unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &signal(), mask_before.as_mut_ptr());
            Self { mask_before: mask_before.assume_init() }
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the mask is the one that `new` got.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask_before, ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use std::io::{self, Write};

    /// In a process of its own, because the limit holds for all threads.
    #[test]
    fn the_limit_is_an_error() {
        // SAFETY: the child uses nothing that another thread may hold but the allocator, which the C library keeps usable, and leaves.
        match unsafe { libc::fork() } {
            0 => {
                let status = match std::panic::catch_unwind(write_too_much) {
                    Ok(Ok(())) => 0,
                    Ok(Err(_)) | Err(_) => 1,
                };
                // SAFETY: ends the child without running what belongs to the parent.
                unsafe { libc::_exit(status) }
            }
            child => {
                let mut status = 0;
                // SAFETY: `status` is a place for the result.
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                assert_eq!(status, 0, "a wait status: 25 means ended by SIGXFSZ");
            }
        }
    }

    fn write_too_much() -> io::Result<()> {
        let before = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(10), ..before })?;
        let mut file = tempfile::tempfile()?;
        limit_as_error(|| file.write_all(&[0; 10]))?;
        for _ in 0..2 {
            let error = limit_as_error(|| file.write(&[0])).expect_err("nothing more fits");
            assert_eq!(error.raw_os_error(), Some(libc::EFBIG));
            let error = limit_as_error(|| file.set_len(11)).expect_err("nor does it so");
            assert_eq!(error.raw_os_error(), Some(libc::EFBIG));
        }
        // What does not raise the signal leaves the mask alone as well.
        let mut mask = MaybeUninit::uninit();
        // SAFETY: only asks for the mask, which is initialised then.
        let blocked = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), mask.as_mut_ptr());
            libc::sigismember(mask.as_ptr(), libc::SIGXFSZ)
        };
        assert_eq!(blocked, 0);
        block_in_this_thread();
        for _ in 0..2 {
            let error = limit_as_error(|| file.write(&[0])).expect_err("nothing more fits");
            assert_eq!(error.raw_os_error(), Some(libc::EFBIG));
        }
        let mut pending = MaybeUninit::uninit();
        // SAFETY: only asks which signals wait, which is initialised then.
        let is_pending = unsafe {
            libc::sigpending(pending.as_mut_ptr());
            libc::sigismember(pending.as_ptr(), libc::SIGXFSZ)
        };
        assert_eq!(is_pending, 0);
        Ok(())
    }
}
