//! A process that nobody waits for and that nobody shall notice.

use std::fs;
use std::path::Path;

use crate::worker::limits::Limits;

/// Time after which a finisher ends, however little of the processor it got.
const SECONDS_MAX: u32 = 3600;
/// Of the machine's memory it gets at most one part of so many.
const MEMORY_SHARE: libc::c_long = 2;
/// `ioprio_set`: this process, the class of whoever reads when nobody else does.
const IOPRIO_WHO_PROCESS: libc::c_int = 1;
const IOPRIO_IDLE: libc::c_int = 3 << 13;
/// Where the system describes its batteries.
const POWER_SUPPLIES: &str = "/sys/class/power_supply";

/// Leaves the terminal, whose signals are not for this process, and closes the files that whoever started it had open: a pipe whose reader would
/// wait for us, a lock that would be held.
///
/// # Safety
/// Nothing of this process's own has been opened yet.
pub(super) unsafe fn leave() {
    // SAFETY: only changes the session, and closes descriptors, which by the caller's word nobody uses.
    unsafe {
        libc::setsid();
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
    }
}

/// Takes of the processor, the disk and the memory only what nobody else wants. What can be had of that is had: none of it is needed for the
/// result.
pub(super) fn step_back() {
    // SAFETY: calls that change attributes of this process and take no pointer but that of the parameters, which live across the call.
    unsafe {
        // Whoever started the command may have ignored them; they are what ends this process.
        libc::signal(libc::SIGTERM, libc::SIG_DFL);
        libc::signal(libc::SIGALRM, libc::SIG_DFL);
        libc::alarm(SECONDS_MAX);
        libc::setpriority(libc::PRIO_PROCESS, 0, 19);
        libc::sched_setscheduler(0, libc::SCHED_IDLE, &libc::sched_param { sched_priority: 0 });
        libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
    }
    // Where the system shares the processor among sessions first, the priority inside this one says nothing.
    let _ = fs::write("/proc/self/autogroup", "19");
    // The first to go when memory runs out.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
}

/// Bounds what this process, and the worker that it starts, may use for a module of that size.
pub(super) fn limit(module_bytes: usize) {
    Limits::new(module_bytes, 1, true).set(std::process::id());
    // SAFETY: they only ask; the limit, on what this process makes of memory, lives across the calls. It is inherited, and never raised.
    unsafe {
        let memory_bytes = libc::sysconf(libc::_SC_PHYS_PAGES).saturating_mul(libc::sysconf(libc::_SC_PAGESIZE));
        let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
        libc::getrlimit(libc::RLIMIT_DATA, &mut limit);
        let half = u64::try_from(memory_bytes / MEMORY_SHARE).unwrap_or(u64::MAX);
        limit.rlim_cur = limit.rlim_cur.min(half);
        libc::setrlimit(libc::RLIMIT_DATA, &limit);
    }
}

/// Whether the machine runs on a battery.
pub(super) fn is_on_battery() -> bool {
    discharges(Path::new(POWER_SUPPLIES))
}

fn discharges(supplies: &Path) -> bool {
    let supplies = fs::read_dir(supplies).into_iter().flatten().flatten();
    supplies.into_iter().any(|supply| {
        let says =
            |name: &str, value| fs::read_to_string(supply.path().join(name)).is_ok_and(|text| text.trim() == value);
        // A mouse has a battery, too.
        says("type", "Battery") && says("status", "Discharging") && !says("scope", "Device")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_battery_that_discharges_is_noticed() {
        let table = [
            (&[][..], false),
            (&[("type", "Mains\n")], false),
            (&[("type", "Battery\n"), ("status", "Discharging\n")], true),
            (&[("type", "Battery\n"), ("status", "Charging\n")], false),
            (&[("type", "Battery\n"), ("status", "Full\n")], false),
            (&[("type", "Battery\n"), ("status", "Discharging\n"), ("scope", "Device\n")], false),
        ];
        for (files, expected) in table {
            let folder = tempfile::tempdir().unwrap();
            let supply = folder.path().join("BAT0");
            fs::create_dir(&supply).unwrap();
            for (name, text) in files {
                fs::write(supply.join(name), text).unwrap();
            }
            assert_eq!(discharges(folder.path()), expected, "{files:?}");
        }
        assert!(!discharges(Path::new("/nowhere")));
    }
}
