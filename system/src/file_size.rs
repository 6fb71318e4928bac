//! Writing beyond the process's limit of file sizes (`RLIMIT_FSIZE`) as an error.
//!
//! The kernel raises `SIGXFSZ` in the thread that does so, whose default action ends the process; only where the signal is ignored or
//! blocked does the call fail with `EFBIG`. A library must not ignore a signal for its process, so it is blocked in this thread, around
//! each call that may make a regular file (or one in memory) larger.

use std::mem::MaybeUninit;
use std::ptr;

/// Makes a call that writes to files, in which the limit of file sizes is the error `EFBIG`.
///
/// # Errors
///
/// Those of the call.
pub fn limit_as_error<T, E>(call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let blocked = Blocked::new();
    let result = call();
    if result.is_err() {
        blocked.take_pending();
    }
    result
}

/// `SIGXFSZ` is blocked in this thread as long as this lives.
struct Blocked {
    signal: libc::sigset_t,
    mask_before: libc::sigset_t,
}

impl Blocked {
    fn new() -> Self {
        let mut signal = MaybeUninit::uninit();
        let mut mask_before = MaybeUninit::uninit();
        // SAFETY: `sigemptyset` initialises the first set before the other calls read it, `pthread_sigmask` the second; neither fails with
        // a valid signal and operation.
        unsafe {
            libc::sigemptyset(signal.as_mut_ptr());
            libc::sigaddset(signal.as_mut_ptr(), libc::SIGXFSZ);
            libc::pthread_sigmask(libc::SIG_BLOCK, signal.as_ptr(), mask_before.as_mut_ptr());
            Self { signal: signal.assume_init(), mask_before: mask_before.assume_init() }
        }
    }

    /// Takes away the signal that the call may have raised, lest it is delivered once the mask is what it was.
    fn take_pending(&self) {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: both arguments live across the call, and what the signal says is not asked for.
        while unsafe { libc::sigtimedwait(&self.signal, ptr::null_mut(), &now) } == -1
            && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted
        {}
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
        Ok(())
    }
}
