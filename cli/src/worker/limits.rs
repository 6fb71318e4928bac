//! What a worker may use up: in proportion to its module, several times what LLVM needs for modules that compilers make.

use std::time::Duration;

/// Address space that every worker may have, and for each thread, and for each byte of the module. GCC's C++ compiler, 30 MB, takes 0.93 GB.
const BYTES_FREE: u64 = 4 << 30;
const BYTES_PER_THREAD: u64 = 256 << 20;
const BYTES_PER_BYTE: u64 = 512;

/// Processor time that every worker may take, and for each MiB of the module. GCC's C++ compiler takes 360 s, 12 s for each MiB.
const SECONDS_FREE: u64 = 60;
const SECONDS_PER_MIB: u64 = 60;

/// How long a worker may take to die of the first signal that its time is up.
const SECONDS_TO_DIE: u64 = 5;

/// What one worker may use up.
pub(crate) struct Limits {
    bytes: u64,
    /// None if the user has set a limit of time.
    seconds: Option<u64>,
    module_bytes: usize,
}

impl Limits {
    pub(crate) fn new(module_bytes: usize, threads: usize, of_time: bool) -> Self {
        let bytes = BYTES_FREE
            .saturating_add(BYTES_PER_THREAD.saturating_mul(threads as u64))
            .saturating_add(BYTES_PER_BYTE.saturating_mul(module_bytes as u64));
        let seconds = of_time.then_some(SECONDS_FREE + ((module_bytes as u64 * SECONDS_PER_MIB) >> 20));
        Self { bytes, seconds, module_bytes }
    }

    /// Puts the limits on a process: this one, or a child that nobody has waited for.
    pub(crate) fn set(&self, pid: u32) {
        let pid = pid as libc::pid_t;
        let set = |resource, soft, hard| {
            let mut limit = libc::rlimit { rlim_cur: u64::MAX, rlim_max: u64::MAX };
            // A worker that has ended already needs no limits, and this fails.
            // SAFETY: the pointers are to a limit that outlives the calls; the process is this one or our child, which nobody has waited for.
            unsafe { libc::prlimit(pid, resource, std::ptr::null(), &mut limit) };
            // The user may have set less.
            let limit = libc::rlimit { rlim_cur: limit.rlim_cur.min(soft), rlim_max: limit.rlim_max.min(hard) };
            // SAFETY: as above.
            unsafe { libc::prlimit(pid, resource, &limit, std::ptr::null_mut()) };
        };
        set(libc::RLIMIT_AS, self.bytes, self.bytes);
        if let Some(seconds) = self.seconds {
            set(libc::RLIMIT_CPU, seconds, seconds + SECONDS_TO_DIE);
        }
    }

    /// The limit that a worker ended at, from the signal and what it said.
    pub(super) fn explain(&self, signal: Option<i32>, message: &str) -> Option<String> {
        let size = self.module_bytes;
        let out_of_memory = ["out of memory", "memory allocation", "bad_alloc", "Cannot allocate memory"];
        match signal? {
            libc::SIGXCPU => {
                let time = Duration::from_secs(self.seconds?);
                Some(format!("took {time:?} of the processor, the most for a module of {size} bytes"))
            }
            libc::SIGABRT if out_of_memory.iter().any(|words| message.contains(words)) => {
                Some(format!("needed more than {} MiB, the most for a module of {size} bytes", self.bytes >> 20))
            }
            _ => None,
        }
    }
}
