//! Threads: their numbers, interrupts, barriers, and their own stacks.

use std::io;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use wasmer_runtime_core::once;

use crate::sys::PROBE_BYTES;

/// The signal that interrupts running code. Its default action is to do nothing.
pub(super) const INTERRUPT_SIGNAL: libc::c_int = libc::SIGURG;

/// The system's number of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadId(i32);

impl ThreadId {
    /// No thread.
    pub(crate) const NONE: Self = Self(0);

    /// This one.
    pub(crate) fn current() -> Self {
        Self(rustix::thread::gettid().as_raw_nonzero().get())
    }

    /// As profilers name it.
    pub(crate) fn number(self) -> u32 {
        self.0.cast_unsigned()
    }

    /// Interrupts the thread: the handler of [`super::fault`] runs on it soon, unless the thread has ended.
    pub(crate) fn interrupt(self) {
        // SAFETY: signals a thread of this process. If it has ended meanwhile, the call fails; if the number was given to another thread, that
        // one ignores the signal.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), self.0, INTERRUPT_SIGNAL) };
    }
}

/// A [`ThreadId`] that several threads use.
#[derive(Debug)]
pub(crate) struct AtomicThreadId(AtomicI32);

impl AtomicThreadId {
    pub(crate) const fn new(thread: ThreadId) -> Self {
        Self(AtomicI32::new(thread.0))
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> ThreadId {
        ThreadId(self.0.load(order))
    }

    #[inline]
    pub(crate) fn store(&self, thread: ThreadId, order: Ordering) {
        self.0.store(thread.0, order);
    }
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: the call takes numbers only.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// A barrier in every running thread of the process. False if the kernel has none.
pub(crate) fn barrier() -> bool {
    static IS_REGISTERED: OnceLock<bool> = OnceLock::new();
    *once::get_or_init(&IS_REGISTERED, || membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
        && membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

/// Has every thread of the process fetch instructions anew.
pub(crate) fn sync_instructions() -> io::Result<()> {
    static IS_REGISTERED: OnceLock<bool> = OnceLock::new();
    let register = || membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
    if *once::get_or_init(&IS_REGISTERED, register) && membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) {
        return Ok(());
    }
    let message = "the kernel cannot make new code known to all threads (`membarrier` with `SYNC_CORE`, Linux 4.16)";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

/// Below the top of the stack that a process begins with, at least so much is nobody else's, whatever its limit says.
const FIRST_STACK_BYTES_MAX: usize = 64 << 20;

/// The name of the program, which is the last thing on that stack, ends so far below the top at most.
const FIRST_STACK_TOP_BYTES: usize = 8192;

/// The addresses of this thread's own stack, if the system knows them.
pub(crate) fn own_stack() -> Option<Range<usize>> {
    first_stack().or_else(stack_of_library)
}

/// The stack that the process began with, if this thread runs on it. The C library finds it in the list of all mappings, which takes longer than all else that a
/// thread needs to enter a guest.
fn first_stack() -> Option<Range<usize>> {
    let here = 0u8;
    let here = &raw const here as usize;
    // SAFETY: the call takes a number only.
    let name = unsafe { libc::getauxval(libc::AT_EXECFN) } as usize;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Stack).current?;
    let bytes = usize::try_from(limit).ok().filter(|bytes| *bytes <= FIRST_STACK_BYTES_MAX)?;
    // Its end is known as a place above it, so that there is not less than this says. The stack of another thread is elsewhere, also where that thread has
    // become the first one, by a fork.
    let stack = name.checked_sub(bytes)? + FIRST_STACK_TOP_BYTES..name;
    stack.contains(&here).then_some(stack)
}

/// As the C library knows it.
fn stack_of_library() -> Option<Range<usize>> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut bytes) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call if it succeeds, and only then used and destroyed.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let result = libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut bytes);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        (result == 0).then(|| low as usize..low as usize + bytes)
    }
}

/// Whether the `PROBES` pieces of [`PROBE_BYTES`] below an address can be read. Yes where the system must not be asked.
pub(crate) fn can_read_below<const PROBES: usize>(address: usize) -> bool {
    let mut bytes = [0u8; PROBES];
    let places: [libc::iovec; PROBES] = std::array::from_fn(|probe| {
        let place = address.saturating_sub((probe + 1) * PROBE_BYTES);
        libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(place), iov_len: 1 }
    });
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: PROBES };
    // SAFETY: the kernel reads a byte of each place, if it can be read, and writes as many to the buffer.
    let read =
        unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, places.as_ptr(), PROBES as libc::c_ulong, 0) };
    let is_refused = || io::Error::last_os_error().raw_os_error() != Some(libc::EFAULT);
    read == PROBES as isize || read < 0 && is_refused()
}

/// Has functions called around every fork: before it, after it in this process, and in the child. False if there is no memory for that.
///
/// # Safety
/// The functions may be called around a fork, on the thread that forks.
pub(crate) unsafe fn at_fork(before: extern "C" fn(), after: extern "C" fn(), in_child: extern "C" fn()) -> bool {
    // SAFETY: the caller's promise.
    unsafe { libc::pthread_atfork(Some(before), Some(after), Some(in_child)) == 0 }
}

/// Nanoseconds of the clock that `perf record -k mono` uses.
pub(crate) fn profiler_clock_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stack_ends_behind_the_programs_name() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.ends_with("[stack]")).unwrap();
        let (_, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let end = usize::from_str_radix(end, 16).unwrap();
        // SAFETY: the call takes a number only.
        let name = unsafe { libc::getauxval(libc::AT_EXECFN) } as usize;
        assert!(name < end && end - name <= FIRST_STACK_TOP_BYTES, "{name:x} {line}");
    }

    #[test]
    fn other_threads_have_other_stacks() {
        std::thread::spawn(|| {
            let here = 0u8;
            assert_eq!(first_stack(), None);
            assert!(own_stack().unwrap().contains(&(&raw const here as usize)));
        })
        .join()
        .unwrap();
    }
}
