//! What of a first tier runs, found out while it runs, and better code for just that.
//!
//! Now and then, at a *tick*, all functions of the first tier that have code get ready to say once that they are called: their slots lead to
//! [`arch::compile_entry`] as if they had none. So do loops, whose words are set. Whatever is called or turns until the next tick is noted, and goes on as
//! before. What was noted at several ticks is *hot*. That costs nothing between two ticks but one detour for each function that is called and for each that loops.
//!
//! A thread makes the ticks, and has another compiler compile what is hot, one function at a time, in an image that begins with entries only. What it has
//! compiled takes over all at once, as a whole better image does ([`crate::tier`]): instances of which nothing else changes go over at their next calls.
//!
//! Where nothing was noted at several ticks, everything is ready to say that it runs. So the thread makes no more of them, and sleeps until something does.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use wasmer_runtime_core::compiler::{CodeLocation, CompileError, Compiler, NO_WASM_OFFSET};
use wasmer_runtime_core::types::{DefinedFuncIdx, TypeIdx};

use super::{COMPILE_STACK_BYTES, Lazy, State, changes, slots_bytes, start_in};
use crate::arch;
use crate::host_stack::with_room;
use crate::image::Image;
use crate::mapping::Code;
use crate::module_code::ModuleCode;
use crate::tier::Switch;

/// Between two ticks, at first and at most: each look that finds nothing doubles it.
const TICK: Duration = Duration::from_millis(2);
const TICK_MAX: Duration = Duration::from_millis(100);
/// So many ticks are looked at together.
const TICKS: u32 = 8;
/// What was noted at so many of them is hot.
const HOT: u32 = 3;

/// A loop of a function, by its number.
type LoopAt = (DefinedFuncIdx, u32);

/// What has been noted, and what came of it. Changes with the lock of all changes.
pub(super) struct Heat {
    /// By function: at how many ticks it was called.
    calls: Box<[AtomicU32]>,
    /// At how many ticks loops turned.
    loops: Mutex<HashMap<LoopAt, u32>>,
    /// By function: whether calls of it lead to better code.
    gone: Box<[AtomicBool]>,
    rest: Arc<Rest>,
}

/// What keeps the thread from ticks that find nothing. Changes with the lock of all changes, and outlives what it is about.
#[derive(Default)]
struct Rest {
    /// Whether something has run since the last look.
    is_noted: AtomicBool,
    /// Whether the thread waits for that.
    is_asleep: AtomicBool,
    wake: Condvar,
}

impl Rest {
    /// Something runs. For who has the lock.
    fn note(&self) {
        self.is_noted.store(true, Ordering::Relaxed);
        // To wake is a system call, also if nobody sleeps.
        if self.is_asleep.swap(false, Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    /// Sleeps until something has run since the last look.
    fn sleep(&self) {
        let mut changing = changes();
        while !self.is_noted.load(Ordering::Relaxed) {
            self.is_asleep.store(true, Ordering::Relaxed);
            changing = self.wake.wait(changing).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Heat {
    fn new(functions: usize) -> Self {
        Self {
            calls: (0..functions).map(|_| AtomicU32::new(0)).collect(),
            loops: Mutex::default(),
            gone: (0..functions).map(|_| AtomicBool::new(false)).collect(),
            rest: Arc::default(),
        }
    }

    /// Has calls of a function lead to better code.
    pub(super) fn let_go(&self, function: DefinedFuncIdx) {
        self.gone[function.index()].store(true, Ordering::Release);
    }

    pub(super) fn is_gone(&self, function: DefinedFuncIdx) -> bool {
        self.gone[function.index()].load(Ordering::Acquire)
    }
}

/// What came of a look at what was noted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Something has gone over.
    Found,
    Nothing,
    /// Nothing was noted, so that everything is ready to say that it runs.
    Silence,
}

/// What is hot.
#[derive(Default)]
struct Hot {
    /// Whether nothing was noted at all.
    is_silent: bool,
    functions: Vec<DefinedFuncIdx>,
    /// Loops of functions that are not called meanwhile, so that nothing else has them go over.
    loops: Vec<LoopAt>,
}

/// Notes.
impl Lazy {
    /// Notes from now on what is called, and what turns, unless all leads to better code.
    fn note_heat(&self) -> Option<&Heat> {
        let _changing = changes();
        let is_new = self.switch.get().is_none();
        is_new.then(|| self.heat.get_or_init(|| Heat::new(self.module.functions_len())))
    }

    /// Something runs; or the code leads elsewhere from now on, or is gone, which the thread has to see. For who has the lock.
    pub(super) fn note_run(&self) {
        if let Some(heat) = self.heat.get() {
            heat.rest.note();
        }
    }

    /// A function was called that has code and has said so.
    pub(super) fn note_call(&self, code: &Code, function: DefinedFuncIdx) {
        let Some(heat) = self.heat.get() else { return };
        let _changing = changes();
        heat.rest.note();
        heat.calls[function.index()].fetch_add(1, Ordering::Relaxed);
        if self.stays(function) {
            let start = code.addresses().start + self.starts[function.index()].load(Ordering::Acquire) as usize;
            // SAFETY: every function has a slot.
            unsafe { self.data.slot(function.index()) }.store(start, Ordering::Release);
        }
    }

    /// A loop has asked for better code that there is not: it asks no more until the next tick.
    pub(crate) fn note_loop(&self, return_address: u32, number: u32) {
        let Some(piece) = self.data.find(return_address - 1) else { return };
        self.words.stop(piece.function);
        if let Some(heat) = self.heat.get() {
            let _changing = changes();
            heat.rest.note();
            let mut loops = heat.loops.lock().unwrap_or_else(PoisonError::into_inner);
            *loops.entry((piece.function, number)).or_default() += 1;
        }
    }

    /// Has all functions and loops that are here say once that they run.
    fn tick(&self, code: &Code, heat: &Heat) {
        let _changing = changes();
        for (index, gone) in heat.gone.iter().enumerate() {
            let function = DefinedFuncIdx::from_index(index);
            if !gone.load(Ordering::Relaxed) && self.state(function) == Some(State::Ready) {
                // SAFETY: every function has a slot.
                unsafe { self.data.slot(index) }.store(self.cold(code, function), Ordering::Release);
            }
        }
        self.words.ask();
    }

    /// Where the entry of a function goes on without code.
    pub(super) fn cold(&self, code: &Code, function: DefinedFuncIdx) -> usize {
        code.addresses().start + self.module.entry(function) as usize + arch::COMPILE_ENTRY_COLD
    }

    /// What has been noted at enough ticks, the hottest first. The notes begin anew.
    fn hot(&self, heat: &Heat) -> Hot {
        let _changing = changes();
        let is_silent = !heat.rest.is_noted.swap(false, Ordering::Relaxed);
        let calls: Vec<_> = heat.calls.iter().map(|calls| calls.swap(0, Ordering::Relaxed)).collect();
        let loops = mem::take(&mut *heat.loops.lock().unwrap_or_else(PoisonError::into_inner));
        let mut functions: Vec<_> = (0..calls.len()).filter(|index| calls[*index] >= HOT).collect();
        functions.sort_by_key(|index| Reverse(calls[*index]));
        let is_left = |((function, _), times): &(LoopAt, u32)| *times >= HOT && calls[function.index()] < HOT;
        let mut loops: Vec<_> = loops.into_iter().filter(is_left).collect();
        loops.sort_by_key(|((function, number), times)| (Reverse(*times), function.0, *number));
        Hot {
            is_silent,
            functions: functions.into_iter().map(DefinedFuncIdx::from_index).collect(),
            loops: loops.into_iter().map(|(at, _)| at).collect(),
        }
    }

    /// Has calls of functions lead to better code, and loops ask for it.
    fn lead_over(&self, code: &Code, heat: &Heat, functions: impl Iterator<Item = DefinedFuncIdx>) {
        let leaf_bytes_min = Switch::Worthwhile.leaf_bytes_min();
        let functions: Vec<_> = functions.filter(|index| !self.module.is_short_leaf(*index, leaf_bytes_min)).collect();
        let _changing = changes();
        for function in functions {
            heat.let_go(function);
            // SAFETY: every function has a slot.
            unsafe { self.data.slot(function.index()) }.store(self.cold(code, function), Ordering::Release);
        }
        self.words.ask();
    }
}

/// Better code that is made one by one.
impl Lazy {
    /// Whether a function has code.
    pub(crate) fn has(&self, function: DefinedFuncIdx) -> bool {
        self.state(function) == Some(State::Ready)
    }

    /// Compiles functions that nobody else does, and puts them in their places when all of them are known, so that they call each other directly. Those that
    /// there is code of now.
    fn compile_together(&self, code: &Code, functions: impl Iterator<Item = DefinedFuncIdx>) -> Vec<DefinedFuncIdx> {
        let (mut outputs, mut placed, mut starts) = (Vec::new(), Vec::new(), HashMap::new());
        for function in functions.filter(|function| self.begin(*function, &self.states[function.index()])) {
            match with_room(COMPILE_STACK_BYTES, || self.module.compile(function, mem::take)) {
                Ok(output) => outputs.push((function, output)),
                Err(_) => self.end(code, function, None),
            }
        }
        for (function, mut output) in outputs {
            match self.take_place(code, function, false, &mut output) {
                Ok(place) => {
                    starts.insert(function, (place.offsets().start + start_in(&output, function)) as u32);
                    placed.push((function, output, place));
                }
                Err(_) => self.end(code, function, None),
            }
        }
        let known = |callee| starts.get(&callee).copied().or_else(|| self.start(callee));
        let written = placed.iter_mut().all(|(_, output, place)| {
            let base = place.offsets().start as u32;
            self.module.relocate(output, base, &known).is_ok() && place.write(code, &output.text).is_ok()
        });
        // Each may call any of the others.
        let functions: Vec<_> = placed.into_iter().map(|(function, ..)| function).collect();
        functions.iter().for_each(|function| {
            self.end(code, *function, starts.get(function).map(|start| *start as usize).filter(|_| written));
        });
        if written { functions } else { Vec::new() }
    }

    /// Has every call of a function go on in other code of the same convention, which takes over from this.
    pub(crate) fn lead_to(&self, entry: impl Fn(DefinedFuncIdx) -> Option<*const u8>) {
        let _changing = changes();
        for index in 0..self.module.functions_len() {
            let function = DefinedFuncIdx::from_index(index);
            if let Some(entry) = entry(function) {
                // SAFETY: every function has a slot.
                unsafe { self.data.slot(index) }.store(entry as usize, Ordering::Release);
            }
        }
    }

    /// The trampoline into functions of a type that better code calls and nothing else.
    pub(crate) fn array_to_wasm(&self, code: &Code, ty: TypeIdx) -> Option<*const u8> {
        let start = self.more_trampolines.get()?.get(&ty)?;
        Some((code.addresses().start + *start as usize) as *const u8)
    }

    /// Puts trampolines in their place that only better code needs.
    fn make_trampolines(&self, code: &Code) -> Option<()> {
        if self.more_trampolines.get().is_some() {
            return Some(());
        }
        let (mut output, mut starts) =
            with_room(COMPILE_STACK_BYTES, || self.module.more_trampolines()).inspect_err(complain).ok()?;
        if !starts.is_empty() {
            // They are no function's.
            if output.locations.first().is_none_or(|location| location.offset > 0) {
                output.locations.insert(0, CodeLocation { offset: 0, wasm_offset: NO_WASM_OFFSET });
            }
            let place = self.take_place(code, DefinedFuncIdx(0), false, &mut output).ok()?;
            let base = place.offsets().start as u32;
            self.module.relocate(&mut output, base, &|_| None).inspect_err(complain).ok()?;
            place.write(code, &output.text).ok()?;
            starts.values_mut().for_each(|start| *start += base);
        }
        let _ = self.more_trampolines.set(starts);
        Some(())
    }
}

/// Nothing that is compiled here was refused before: what goes wrong is a mistake of ours, and a program that stays in its tier.
fn complain(error: &CompileError) {
    debug_assert!(matches!(error, CompileError::Limit(_)), "{error}");
}

/// Code of another compiler of the module, without functions, which it compiles one by one. None if that cannot be.
pub(crate) fn begin(first: &Image, compiler: &Arc<dyn Compiler>) -> Option<Arc<ModuleCode>> {
    let lazy = first.lazy_part()?;
    lazy.make_trampolines(first.mapped())?;
    let entries = |functions| arch::compile_entries(functions, slots_bytes(functions));
    let prepare = || lazy.module.for_better_code(Arc::clone(compiler), entries);
    let (bytes, module) = with_room(COMPILE_STACK_BYTES, prepare).inspect_err(complain).ok()?;
    Some(Arc::new(ModuleCode::new(Image::of_better_code(&bytes, module).ok()?)?))
}

/// Starts the thread. Whether there is one: a machine that has no more threads does without.
pub(crate) fn spawn(code: &Arc<ModuleCode>, compiler: Arc<dyn Compiler>) -> bool {
    let code = Arc::downgrade(code);
    thread::Builder::new().name("wasmer-improve".to_owned()).spawn(move || run(&code, &compiler)).is_ok()
}

/// What the thread does. It ends when nobody else has the module.
fn run(code: &Weak<ModuleCode>, compiler: &Arc<dyn Compiler>) -> Option<()> {
    let (better, rest) = {
        let code = code.upgrade()?;
        let rest = Arc::clone(&code.image.lazy_part()?.note_heat()?.rest);
        (begin(&code.image, compiler)?, rest)
    };
    let (mut wait, mut tried) = (TICK, HashSet::new());
    loop {
        for _ in 0..TICKS {
            let first = code.upgrade()?;
            let lazy = first.image.lazy_part()?;
            lazy.tick(first.image.mapped(), lazy.heat.get()?);
            drop(first);
            thread::sleep(wait);
        }
        let first = code.upgrade()?;
        // Better code of all of the module may have come from elsewhere.
        if first.better().is_some_and(|other| !Arc::ptr_eq(&other.code, &better)) {
            return None;
        }
        let look = improve(&first, &better, compiler, &mut tried)?;
        drop(first);
        wait = if look == Look::Found { TICK } else { (wait * 2).min(TICK_MAX) };
        if look == Look::Silence {
            rest.sleep();
        }
    }
}

/// Compiles what is hot, unless it was tried before, and has it take over.
fn improve(
    first: &Arc<ModuleCode>,
    better: &Arc<ModuleCode>,
    compiler: &Arc<dyn Compiler>,
    tried: &mut HashSet<DefinedFuncIdx>,
) -> Option<Look> {
    let lazy = first.image.lazy_part()?;
    let (heat, code) = (lazy.heat.get()?, first.image.mapped());
    let Hot { is_silent, mut functions, mut loops } = lazy.hot(heat);
    let is_used = || Arc::strong_count(first) > 1;
    functions.retain(|function| tried.insert(*function) && !lazy.module.makes_tail_calls(*function));
    let room = better.image.lazy_part()?;
    let functions = room.compile_together(better.image.mapped(), functions.into_iter().take_while(|_| is_used()));
    loops.retain(|at| !lazy.is_continued_at(*at) && !lazy.module.makes_tail_calls(at.0));
    if functions.is_empty() && loops.is_empty() {
        return Some(if is_silent { Look::Silence } else { Look::Nothing });
    }
    // From here on nothing else takes over, and what is made stays.
    let known = first.improve_in_part(better, compiler)?;
    loops.into_iter().filter(|_| is_used()).for_each(|at| lazy.continue_at(first, known, at));
    // All at once: code that calls between the two tiers is slower than either.
    lazy.lead_over(code, heat, functions.into_iter());
    Some(Look::Found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_ends_when_something_is_noted() {
        let rest = Arc::new(Rest::default());
        // What was noted before is not waited for.
        rest.note();
        rest.sleep();
        assert!(rest.is_noted.swap(false, Ordering::Relaxed));
        let resting = Arc::clone(&rest);
        let thread = thread::spawn(move || resting.sleep());
        while !rest.is_asleep.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        {
            let _changing = changes();
            rest.note();
        }
        thread.join().unwrap();
        assert!(!rest.is_asleep.load(Ordering::Relaxed));
    }
}
