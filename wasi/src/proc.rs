//! `proc_*` and `sched_yield`.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::{WasiError, WasiResult};
use crate::host::process;
use crate::memory::GuestMemory;

/// What a signal does to a process that has not installed a handler; a guest cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DefaultAction {
    End,
    Ignore,
    Stop,
}

/// Signals by their number in WASI (witx `signal`), which is not the host's. Number 0 is "none".
const SIGNAL_ACTIONS: [DefaultAction; 31] = {
    use DefaultAction::{End, Ignore, Stop};
    [
        Ignore, // none
        End,    // hup
        End,    // int
        End,    // quit
        End,    // ill
        End,    // trap
        End,    // abrt
        End,    // bus
        End,    // fpe
        End,    // kill
        End,    // usr1
        End,    // segv
        End,    // usr2
        End,    // pipe
        End,    // alrm
        End,    // term
        Ignore, // chld
        Ignore, // cont
        Stop,   // stop
        Stop,   // tstp
        Stop,   // ttin
        Stop,   // ttou
        Ignore, // urg
        End,    // xcpu
        End,    // xfsz
        End,    // vtalrm
        End,    // prof
        Ignore, // winch
        End,    // poll
        End,    // pwr
        End,    // sys
    ]
};

/// Exit code of a process that a signal ended, as shells report it: this plus the number.
pub(crate) const EXIT_CODE_SIGNAL_BASE: i32 = 128;

impl WasiCtx {
    /// Ends the guest. Returns [`WasiError::Exit`], always.
    pub fn proc_exit(&mut self, _mem: &GuestMemory<'_>, code: u32) -> WasiResult {
        Err(WasiError::Exit(code as i32))
    }

    /// Sends a signal to the guest itself. The host process is not touched: a signal that would end a process ends the
    /// guest, one that would be ignored is, and stopping is not supported.
    pub fn proc_raise(&mut self, _mem: &GuestMemory<'_>, signal: u32) -> WasiResult {
        match SIGNAL_ACTIONS.get(signal as usize) {
            Some(DefaultAction::End) => Err(WasiError::Exit(EXIT_CODE_SIGNAL_BASE + signal as i32)),
            Some(DefaultAction::Ignore) => Ok(()),
            Some(DefaultAction::Stop) => Err(Errno::Notsup.into()),
            None => Err(Errno::Inval.into()),
        }
    }

    /// Lets other threads run.
    pub fn sched_yield(&mut self, _mem: &GuestMemory<'_>) -> WasiResult {
        process::sched_yield();
        self.interrupt.check()
    }
}
