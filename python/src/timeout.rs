//! Calls that may only take so long: one thread interrupts those whose time is over.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use wasmer_runtime::InterruptHandle;

/// After what time a guest is interrupted again that goes on: a signal that comes just before its thread blocks in a system call does not wake it.
const REPEAT: Duration = Duration::from_millis(20);

/// A call whose time runs.
pub(crate) struct Timer {
    number: u64,
}

struct Entry {
    number: u64,
    /// When to interrupt next.
    end: Instant,
    handle: InterruptHandle,
    is_over: bool,
}

struct Timers {
    entries: Vec<Entry>,
    next_number: u64,
    /// The process in which the thread runs: a child begins without it.
    process: Option<u32>,
}

static TIMERS: Mutex<Timers> = Mutex::new(Timers { entries: Vec::new(), next_number: 0, process: None });
/// That there is an earlier end than before.
static CHANGED: Condvar = Condvar::new();

fn timers() -> MutexGuard<'static, Timers> {
    TIMERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Timer {
    /// The time begins. What is longer than the clock can say has no end.
    pub(crate) fn start(after: Duration, handle: &InterruptHandle) -> Self {
        let mut timers = timers();
        let number = timers.next_number;
        timers.next_number += 1;
        let Some(end) = Instant::now().checked_add(after) else { return Self { number } };
        let is_next = timers.next_end().is_none_or(|next| end < next);
        timers.entries.push(Entry { number, end, handle: handle.clone(), is_over: false });
        let process = std::process::id();
        if timers.process != Some(process) {
            let started = thread::Builder::new().name("wasmer-timeouts".to_owned()).spawn(watch);
            timers.process = started.is_ok().then_some(process);
        } else if is_next {
            CHANGED.notify_one();
        }
        Self { number }
    }

    /// The call is back; whether its time was over.
    pub(crate) fn end(self) -> bool {
        let entry = self.remove();
        std::mem::forget(self);
        entry.is_some_and(|entry| entry.is_over)
    }

    fn remove(&self) -> Option<Entry> {
        let mut timers = timers();
        let position = timers.entries.iter().position(|entry| entry.number == self.number)?;
        Some(timers.entries.swap_remove(position))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Timers {
    fn next_end(&self) -> Option<Instant> {
        self.entries.iter().map(|entry| entry.end).min()
    }
}

fn watch() {
    let mut timers = timers();
    loop {
        let now = Instant::now();
        for entry in timers.entries.iter_mut().filter(|entry| entry.end <= now) {
            entry.is_over = true;
            entry.end = now + REPEAT;
            entry.handle.interrupt();
        }
        timers = match timers.next_end() {
            Some(end) => {
                let (timers, _) = CHANGED.wait_timeout(timers, end - now).unwrap_or_else(PoisonError::into_inner);
                timers
            }
            None => CHANGED.wait(timers).unwrap_or_else(PoisonError::into_inner),
        };
    }
}
