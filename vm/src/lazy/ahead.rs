//! Functions that are compiled before they are called, by a thread of their own.
//!
//! Of the functions that others call directly which were called, most are called, too. So while the program runs, a thread compiles them, and what these call, beginning with those
//! that were met last. It puts them in their places as everybody does, so the program never notices that there was no code.
//!
//! The thread may do a multiple of what the program's own threads compile: it keeps up with a program that starts, and is done with one that has what it needs.
//!
//! What is here changes only with the lock of all changes, so a fork finds it whole.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use wasmer_runtime_core::compiler::{Output, Symbol};
use wasmer_runtime_core::lazy::LazyModule;
use wasmer_runtime_core::types::DefinedFuncIdx;

use super::{COMPILE_STACK_BYTES, Lazy, State, changes, forks};
use crate::host_stack::with_room;
use crate::image::Image;
use crate::mapping::Code;
use crate::sys::view::{buffer, will_write};

/// A thread is worth its start from so many functions on that were called; of a large module, always.
const CALLED_MIN: usize = 8;
/// Of smaller modules most is compiled before the thread has begun.
const BODY_BYTES_MIN: usize = 64 << 10;
/// So many bytes of bodies a large module has.
const LARGE_BYTES: usize = 1 << 20;
/// For each byte of a body that somebody had to wait for, the thread may compile so many, and so many before.
const AHEAD_PER_BYTE: usize = 6;
const AHEAD_BYTES: usize = 512 << 10;
/// The C library's allocator grows by a page in threads that are not the first, which takes two system calls and a page fault each time. So it gets so much
/// at once, for what is noted of so many functions: little enough that it keeps it.
const HEAP_BYTES: usize = 96 << 10;
const HEAP_FUNCTIONS: usize = 96;
/// When nothing was to do for so long, the thread ends.
const IDLE: Duration = Duration::from_millis(50);

/// What the thread and those that call functions have in common.
pub(super) struct Ahead {
    /// Whether it is worth it at all.
    is_on: bool,
    /// So many functions have to be there before there is a thread.
    called_min: usize,
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Functions that may be called next, the likeliest last.
    next: Vec<DefinedFuncIdx>,
    /// Bytes of bodies that the thread may still compile.
    credit: usize,
    /// In which process of those that forks made there is a thread.
    thread: Option<u32>,
    is_asleep: bool,
    /// Nothing shall be compiled any more.
    is_over: bool,
}

impl Queue {
    fn has_work(&self) -> bool {
        !self.next.is_empty() && self.credit > 0
    }
}

impl Ahead {
    pub(super) fn new(module: &LazyModule) -> Arc<Self> {
        let bytes = module.body_bytes();
        let is_on = module.is_first_tier() && module.threads() > 1 && bytes >= BODY_BYTES_MIN;
        let called_min = if bytes < LARGE_BYTES { CALLED_MIN } else { 0 };
        let queue = Queue { credit: AHEAD_BYTES, ..Queue::default() };
        Arc::new(Self { is_on, called_min, queue: Mutex::new(queue), wake: Condvar::new() })
    }

    /// For who has the lock of all changes: so it is never waited for.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let mut queue = self.queue();
        *queue = Queue { is_over: true, thread: queue.thread, ..Queue::default() };
        self.wake.notify_one();
    }

    /// Sleeps until there is something to do. Whether that is so: if not, the thread ends, and another one begins when there is.
    fn sleep(&self) -> bool {
        let mut changing = changes();
        let is_idle = {
            let mut queue = self.queue();
            queue.is_asleep = !queue.has_work() && !queue.is_over;
            queue.is_asleep
        };
        if is_idle {
            changing = self.wake.wait_timeout(changing, IDLE).unwrap_or_else(PoisonError::into_inner).0;
        }
        let goes_on = {
            let mut queue = self.queue();
            queue.is_asleep = false;
            queue.thread = queue.thread.filter(|_| queue.has_work());
            queue.thread.is_some()
        };
        drop(changing);
        goes_on
    }
}

impl Lazy {
    /// Nothing shall be compiled ahead any more, because there is better code, or nobody left who calls. For who has the lock of all changes.
    pub(super) fn end_ahead(&self) {
        self.ahead.end();
        self.note_run();
    }

    /// A function was compiled because it was called: what it calls may come next.
    pub(super) fn follow(&self, image: &Arc<Image>, function: DefinedFuncIdx, output: &Output) {
        if !self.ahead.is_on {
            return;
        }
        let _changing = changes();
        let mut queue = self.ahead.queue();
        if queue.is_over {
            return;
        }
        queue.credit += AHEAD_PER_BYTE * self.module.body_len(function);
        self.note_callees(&mut queue, output);
        if !queue.has_work() || self.ready() < self.ahead.called_min {
            return;
        }
        if queue.thread != Some(forks()) {
            let (ahead, image) = (Arc::clone(&self.ahead), Arc::downgrade(image));
            let thread = thread::Builder::new().name("wasmer-ahead".to_owned()).spawn(move || run(&ahead, &image));
            // A machine that has no more threads does without.
            queue.thread = thread.is_ok().then(forks);
            queue.is_asleep = false;
        } else if mem::take(&mut queue.is_asleep) {
            self.ahead.wake.notify_one();
        }
    }

    /// The first callee of a function is the likeliest.
    fn note_callees(&self, queue: &mut Queue, output: &Output) {
        let callees = output.relocs.iter().rev().filter_map(|reloc| match reloc.target {
            Symbol::Function(function) => Some(function),
            Symbol::Trampoline(_) | Symbol::Local(_) => None,
        });
        queue.next.extend(callees.filter(|function| self.is_absent(*function)));
    }

    /// Whether nobody has compiled a function, or does so in this process.
    fn is_absent(&self, function: DefinedFuncIdx) -> bool {
        match self.state(function) {
            Some(State::Absent) => true,
            Some(State::Compiling(process) | State::Ahead(process)) => process != forks(),
            Some(State::Ready) | None => false,
        }
    }

    /// The next function for the thread.
    fn next_ahead(&self) -> Option<DefinedFuncIdx> {
        let _changing = changes();
        let mut queue = self.ahead.queue();
        while queue.has_work() {
            let function = queue.next.pop()?;
            if self.is_absent(function) {
                queue.credit = queue.credit.saturating_sub(self.module.body_len(function));
                self.set(function, State::Ahead(forks()));
                return Some(function);
            }
        }
        None
    }

    /// Compiles a function, unless somebody who calls it does so meanwhile. Why it cannot be compiled is told to who calls it.
    fn compile_ahead(&self, code: &Code, function: DefinedFuncIdx) {
        let put = |output: &mut Output| {
            if !self.change(function, State::Ahead(forks()), State::Compiling(forks())) {
                return;
            }
            let start = self.put(code, function, output).ok();
            self.end(code, function, start);
            let _changing = changes();
            self.note_callees(&mut self.ahead.queue(), output);
        };
        if with_room(COMPILE_STACK_BYTES, || self.module.compile(function, put)).is_err() {
            self.change(function, State::Ahead(forks()), State::Absent);
        }
    }

    /// Changes the state of a function if it is what somebody believes. Whether it was.
    fn change(&self, function: DefinedFuncIdx, from: State, to: State) -> bool {
        let _changing = changes();
        let is_so = self.state(function) == Some(from);
        if is_so {
            self.set(function, to);
        }
        is_so
    }
}

/// What the thread does. It ends when nobody else has the image.
fn run(ahead: &Ahead, image: &Weak<Image>) {
    will_write();
    let mut compiled = 0_usize;
    loop {
        let Some(image) = image.upgrade() else { return };
        let Some(lazy) = image.lazy_part() else { return };
        while Arc::strong_count(&image) > 1 {
            let Some(function) = lazy.next_ahead() else { break };
            if compiled.is_multiple_of(HEAP_FUNCTIONS) {
                // Without it, there is another error soon, or none.
                let _ = buffer(HEAP_BYTES);
            }
            compiled += 1;
            lazy.compile_ahead(image.mapped(), function);
        }
        drop(image);
        if !ahead.sleep() {
            return;
        }
    }
}
