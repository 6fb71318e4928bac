//! Code that is compiled when it is first called.
//!
//! The code of a lazy image starts with an *entry* for every function: a jump to where a *slot* says, which is the function's code once there is some, and
//! before that the way to [`arch::compile_entry`]. Behind the entries stand the trampolines, as in every image, then the room for the code of functions (`room`), in the order in which
//! they were compiled.
//!
//! In front of the code are the slots, and for each page of code behind the trampolines the last that it has a part of ([`FunctionCode`]), which knows the one before it: these are only ever
//! filled in, with one store, so nobody who reads them waits, not even a signal handler.

mod ahead;
pub(crate) mod heat;
mod loops;
mod room;

use std::collections::HashMap;
use std::fmt;
use std::hint;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use wasmer_runtime_core::compiler::{
    CodeLocation, CompileError, Definition, Handler, NO_WASM_OFFSET, Output, SavedRegisters, Symbol, TrapSite,
};
use wasmer_runtime_core::image::InitialPages;
use wasmer_runtime_core::lazy::{Entries, Host, LazyModule};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{DefinedFuncIdx, TypeIdx};

use crate::arch;
use crate::host_stack::with_room;
use crate::image::{Image, LazyPages};
use crate::mapping::Code;
use crate::sys::pages::{page_bytes, round_up};
use crate::tier::Switch;
use ahead::Ahead;
use heat::Heat;
use loops::{AskingLoops, Words};
use room::{Place, Room};

pub(crate) use loops::Entrance;

/// What a compiler may use of the host's stack in bytes.
const COMPILE_STACK_BYTES: usize = 1 << 20;

/// Code and its room: references reach as far.
const CODE_BYTES_MAX: usize = (1 << 31) - (64 << 20);

/// Machine code that a byte of a body may become: far more than it does where it is reserved, at least as much where the host has little address space.
const CODE_PER_BYTE: usize = 128;
const CODE_PER_BYTE_MIN: usize = 16;
/// Room for short bodies that make much code: what they may ask for beyond their length is bounded by the translation (`budget`).
const ROOM_BYTES: usize = 16 << 20;

/// How long a thread looks whether another one has compiled a function, before it sleeps or does so itself.
const PATIENCE: Duration = Duration::from_micros(20);
const PATIENCE_PER_BYTE: Duration = Duration::from_nanos(40);

/// So often a thread looks whether the lock of changes is free before it sleeps.
const LOOKS: usize = 1000;

/// A slot of each function, and that of the way to the compiler.
const SLOT_BYTES: usize = size_of::<usize>();

/// Bytes of the slots of so many functions.
fn slots_bytes(functions: usize) -> usize {
    ((functions + 1) * SLOT_BYTES).next_multiple_of(page_bytes())
}

/// Whoever runs what [`prepare`](wasmer_runtime_core::lazy::prepare) makes, which is here.
#[derive(Clone, Copy, Debug)]
pub struct Runner;

impl Host for Runner {
    type Pages = io::Result<LazyPages>;

    fn entries(&self, functions: usize) -> Entries {
        arch::compile_entries(functions, slots_bytes(functions))
    }

    fn pages(&self, pages: &InitialPages<'_>) -> Self::Pages {
        LazyPages::new(pages)
    }
}

/// Why there is no code for a function that was called.
#[derive(Debug)]
pub enum CompileFailure {
    /// It could not be compiled.
    Compile(CompileError),
    /// The host has no memory or address space left for code.
    Room(io::Error),
}

impl fmt::Display for CompileFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compile(error) => error.fmt(f),
            Self::Room(error) => write!(f, "no room for the code of a function that was called: {error}"),
        }
    }
}

impl std::error::Error for CompileFailure {}

/// What a function has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has called it, or it could not be compiled.
    Absent,
    /// A thread of this process, or, after a fork, of another one, compiles it.
    Compiling(u32),
    /// The same, but nobody has called it: whoever does may compile it himself.
    Ahead(u32),
    /// Its code is in its slot.
    Ready,
}

impl State {
    const fn number(self) -> u32 {
        match self {
            Self::Absent => 0,
            Self::Ready => 1,
            Self::Compiling(process) => 2 * process + 2,
            Self::Ahead(process) => 2 * process + 3,
        }
    }

    const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Absent,
            1 => Self::Ready,
            number if number % 2 == 0 => Self::Compiling(number / 2 - 1),
            number => Self::Ahead(number / 2 - 1),
        }
    }
}

/// Held while states change and code is written: never for long. One for all modules, so that a fork can wait for it.
static CHANGES: Mutex<()> = Mutex::new(());
/// Told that a function was compiled, or could not be.
static COMPILED: Condvar = Condvar::new();
/// How many threads wait for that; changed with the lock.
static WAITING: AtomicUsize = AtomicUsize::new(0);
/// How many forks lead to this process: what threads of others had begun nobody ends here.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Whoever has the lock has it for a moment, and would have to wake a thread that sleeps: so it is looked for a while whether it is free.
fn changes() -> MutexGuard<'static, ()> {
    for _ in 0..LOOKS {
        match CHANGES.try_lock() {
            Ok(changing) => return changing,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => hint::spin_loop(),
        }
    }
    CHANGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which of the processes that forks made this is.
fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// The lock, for the thread that forks.
pub(crate) fn lock() -> Box<dyn std::any::Any> {
    Box::new(changes())
}

/// This process is the child of a fork.
pub(crate) fn renew() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    WAITING.store(0, Ordering::Relaxed);
}

/// What is known of the code of a function, with offsets from its start.
#[derive(Debug)]
struct FunctionCode {
    function: DefinedFuncIdx,
    /// Where it starts in the code.
    base: u32,
    traps: Box<[TrapSite]>,
    locations: Box<[CodeLocation]>,
    handlers: Box<[Handler]>,
    saved_registers: Box<[SavedRegisters]>,
    /// Its loops that ask for better code.
    loops: Option<Box<AskingLoops>>,
    /// Whether it is better code that one of the loops goes on in.
    is_better: bool,
    /// What stands before it in the room; null if nothing does.
    before: AtomicPtr<FunctionCode>,
}

impl FunctionCode {
    /// What is known of an output that has no place yet.
    fn new(function: DefinedFuncIdx, is_better: bool, output: &mut Output) -> Self {
        let Output { traps, locations, handlers, saved_registers, loops, .. } = output;
        Self {
            function,
            base: 0,
            traps: traps[..].into(),
            locations: locations[..].into(),
            handlers: handlers[..].into(),
            saved_registers: saved_registers[..].into(),
            loops: AskingLoops::new(loops),
            is_better,
            before: AtomicPtr::default(),
        }
    }
}

/// The part of an image that comes into being while it runs.
pub(crate) struct Lazy {
    module: LazyModule,
    /// By function: a [`State`].
    states: Box<[AtomicU32]>,
    /// By function: where its code starts; zero if it has none.
    starts: Box<[AtomicU32]>,
    /// How calls lead to better code, if there is some.
    switch: OnceLock<Switch>,
    data: Data,
    /// What loops look at.
    words: Words,
    /// Zero, or the number of the process, from 1 on, of which a thread compiles what a loop goes on in.
    continuing: AtomicU32,
    /// How many times a loop has been gone on in.
    continued: AtomicUsize,
    room: Room,
    ahead: Arc<Ahead>,
    /// What runs, once that is noted.
    heat: OnceLock<Heat>,
    /// Offsets in the code of trampolines that the image does not have.
    more_trampolines: OnceLock<HashMap<TypeIdx, u32>>,
    /// How many functions have code.
    ready: AtomicUsize,
}

/// What stands in front of the code, which lives as long as the [`Lazy`] that has this.
struct Data {
    pieces: *const AtomicPtr<FunctionCode>,
    slots: *const AtomicUsize,
    /// Offset in the code of the page that the first piece may be in.
    room_start: usize,
    pages: usize,
    /// The last piece of all; null if there is none. Changed with the lock.
    last: AtomicPtr<FunctionCode>,
}

// SAFETY: what the pointers point to are atomics.
unsafe impl Send for Data {}
// SAFETY: as above.
unsafe impl Sync for Data {}

impl Data {
    /// What a page of the room is a part of.
    fn piece(&self, page: usize) -> Option<&AtomicPtr<FunctionCode>> {
        // SAFETY: there are so many.
        (page < self.pages).then(|| unsafe { &*self.pieces.add(page) })
    }

    /// The slot at a position. There is one for each function, and one more.
    ///
    /// # Safety
    /// The position is one of these.
    unsafe fn slot(&self, position: usize) -> &AtomicUsize {
        // SAFETY: the caller's promise.
        unsafe { &*self.slots.add(position) }
    }

    fn page_of(&self, offset: usize) -> Option<usize> {
        Some(offset.checked_sub(self.room_start)? / page_bytes())
    }

    fn find(&self, offset: u32) -> Option<&FunctionCode> {
        let mut piece = self.piece(self.page_of(offset as usize)?)?.load(Ordering::Acquire);
        loop {
            // SAFETY: a piece is written before its address, and freed with all of this.
            let found = unsafe { piece.as_ref() }?;
            if found.base <= offset {
                return Some(found);
            }
            piece = found.before.load(Ordering::Acquire);
        }
    }

    /// Notes what a part of the room is, behind all that was noted before. For who has the lock of all changes.
    fn note(&self, offsets: Range<usize>, piece: FunctionCode) {
        let before = self.last.load(Ordering::Relaxed);
        let piece = Box::into_raw(Box::new(FunctionCode {
            base: offsets.start as u32,
            before: AtomicPtr::new(before),
            ..piece
        }));
        self.last.store(piece, Ordering::Release);
        let pages = self.page_of(offsets.start).zip(self.page_of(offsets.end - 1));
        let pages = pages.into_iter().flat_map(|(first, last)| first..=last);
        pages.filter_map(|page| self.piece(page)).for_each(|page| page.store(piece, Ordering::Release));
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let mut piece = *self.last.get_mut();
        while !piece.is_null() {
            // SAFETY: the box of a piece that nobody can ask for any more; each is before one other.
            piece = *unsafe { Box::from_raw(piece) }.before.get_mut();
        }
    }
}

impl Lazy {
    /// Maps the code of a prepared image, with room for what is to come.
    pub(crate) fn new(code: &[u8], module: LazyModule) -> io::Result<(Code, Self)> {
        let room = |per_byte: usize| {
            let bytes = module.body_bytes().saturating_mul(per_byte).saturating_add(ROOM_BYTES);
            let bytes = bytes.saturating_add(module.functions_len() * page_bytes());
            bytes.min(CODE_BYTES_MAX.saturating_sub(code.len())).next_multiple_of(page_bytes())
        };
        Self::with_room(code, &module, room(CODE_PER_BYTE))
            .or_else(|_| Self::with_room(code, &module, room(CODE_PER_BYTE_MIN)))
            .map(|(code, data)| {
                let zeros = || (0..module.functions_len()).map(|_| AtomicU32::new(0)).collect();
                let (states, starts, start) = (zeros(), zeros(), data.room_start);
                let room = Room::new(&code, start..start + data.pages * page_bytes());
                let loops = if module.is_first_tier() { module.functions_len() } else { 0 };
                let lazy = Self {
                    states,
                    starts,
                    switch: OnceLock::new(),
                    data,
                    words: Words::new(loops),
                    continuing: AtomicU32::new(0),
                    continued: AtomicUsize::new(0),
                    room,
                    ahead: Ahead::new(&module),
                    heat: OnceLock::new(),
                    more_trampolines: OnceLock::new(),
                    ready: AtomicUsize::new(0),
                    module,
                };
                (code, lazy)
            })
    }

    fn with_room(text: &[u8], module: &LazyModule, room_bytes: usize) -> io::Result<(Code, Data)> {
        let (functions, pages) = (module.functions_len(), room_bytes / page_bytes());
        let pieces_bytes = (pages * size_of::<AtomicPtr<FunctionCode>>()).next_multiple_of(page_bytes());
        let code = Code::with_room(text, pieces_bytes + slots_bytes(functions), room_bytes)?;
        // SAFETY: the slots are inside of the data, behind the pieces.
        let slots: *const AtomicUsize = unsafe { code.data().add(pieces_bytes) }.cast();
        let room_start = round_up(text.len()).ok_or(io::ErrorKind::OutOfMemory)?;
        let last = AtomicPtr::default();
        let data = Data { pieces: code.data().cast(), slots, room_start, pages, last };
        let start = code.as_ptr() as usize;
        let compile_entry = if module.is_first_tier() { arch::compile_entry } else { arch::return_entry };
        // SAFETY: these are the slots.
        unsafe {
            for function in 0..functions {
                let entry = module.entry(DefinedFuncIdx::from_index(function)) as usize;
                data.slot(function).store(start + entry + arch::COMPILE_ENTRY_COLD, Ordering::Relaxed);
            }
            data.slot(functions).store(compile_entry as *const () as usize, Ordering::Relaxed);
        }
        Ok((code, data))
    }

    /// How many functions have been compiled.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Ordering::Relaxed)
    }

    /// The module that it compiles functions of.
    pub(crate) fn module(&self) -> &LazyModule {
        &self.module
    }

    /// The code of a function, compiled now unless somebody has compiled it. Of several threads one compiles, and the others wait.
    pub(crate) fn compile(&self, image: &Arc<Image>, function: DefinedFuncIdx) -> Result<*const u8, CompileFailure> {
        let code = image.mapped();
        let Some(state) = self.states.get(function.index()) else {
            return Err(CompileFailure::Room(io::ErrorKind::NotFound.into()));
        };
        if self.begin(function, state) {
            let put = |output: &mut Output| {
                self.follow(image, function, output);
                self.put(code, function, output)
            };
            let compiled = with_room(COMPILE_STACK_BYTES, || self.module.compile(function, put));
            let start = compiled.map_err(CompileFailure::Compile).flatten();
            self.end(code, function, start.as_ref().ok().copied());
            start?;
        } else {
            self.note_call(code, function);
        }
        let start = self.starts[function.index()].load(Ordering::Acquire);
        Ok((code.addresses().start + start as usize) as *const u8)
    }

    /// Whether calls of a function lead to its code here.
    pub(crate) fn stays(&self, function: DefinedFuncIdx) -> bool {
        if let Some(heat) = self.heat.get() {
            return !heat.is_gone(function);
        }
        self.switch.get().is_none_or(|switch| self.module.is_short_leaf(function, switch.leaf_bytes_min()))
    }

    /// Has calls of functions lead to where instances go over to better code, as if they had none here: they find that there is some.
    pub(crate) fn lead_to_better_code(&self, code: &Code, switch: Switch) {
        let _changing = changes();
        let _ = self.switch.set(switch);
        self.end_ahead();
        let functions = (0..self.module.functions_len()).map(DefinedFuncIdx::from_index);
        let stays = |function: &_| self.module.is_short_leaf(*function, switch.leaf_bytes_min());
        for function in functions.filter(|function| !stays(function)) {
            if let Some(heat) = self.heat.get() {
                heat.let_go(function);
            }
            // SAFETY: every function has a slot.
            unsafe { self.data.slot(function.index()) }.store(self.cold(code, function), Ordering::Release);
        }
        self.words.ask();
    }

    fn state(&self, function: DefinedFuncIdx) -> Option<State> {
        Some(State::from_number(self.states.get(function.index())?.load(Ordering::Acquire)))
    }

    /// Whether this thread has to compile the function with this state; if not, it is compiled.
    fn begin(&self, function: DefinedFuncIdx, state: &AtomicU32) -> bool {
        // What it was when it was first seen so, and when to do something about it.
        let mut patience: Option<(u32, Instant)> = None;
        let mut changing = changes();
        loop {
            let number = state.load(Ordering::Acquire);
            match State::from_number(number) {
                State::Ready => return false,
                State::Compiling(process) | State::Ahead(process) if process == forks() => {}
                State::Absent | State::Compiling(_) | State::Ahead(_) => break,
            }
            // To sleep and to be woken takes longer than most functions.
            let (_, until) = match patience.filter(|(seen, _)| *seen == number) {
                Some(patience) => patience,
                None => *patience.insert((number, Instant::now() + self.patience(function))),
            };
            if Instant::now() < until {
                drop(changing);
                while state.load(Ordering::Acquire) == number && Instant::now() < until {
                    hint::spin_loop();
                }
                changing = changes();
            } else if let State::Ahead(_) = State::from_number(number) {
                break;
            } else {
                WAITING.fetch_add(1, Ordering::Relaxed);
                changing = COMPILED.wait(changing).unwrap_or_else(PoisonError::into_inner);
                WAITING.fetch_sub(1, Ordering::Relaxed);
            }
        }
        state.store(State::Compiling(forks()).number(), Ordering::Relaxed);
        true
    }

    /// Somewhat longer than a function takes to be compiled.
    fn patience(&self, function: DefinedFuncIdx) -> Duration {
        PATIENCE + PATIENCE_PER_BYTE * self.module.body_len(function) as u32
    }

    /// Puts the code of a function in its place, to be executed. Where it starts.
    fn put(&self, code: &Code, function: DefinedFuncIdx, output: &mut Output) -> Result<usize, CompileFailure> {
        let place = self.take_place(code, function, false, output)?;
        let base = place.offsets().start;
        let start = base + start_in(output, function);
        // What is never replaced is called directly.
        let known = |callee| if callee == function { Some(start as u32) } else { self.start(callee) };
        let known = |callee| if self.module.is_first_tier() { None } else { known(callee) };
        self.module.relocate(output, base as u32, &known).map_err(CompileFailure::Compile)?;
        place.write(code, &output.text)?;
        Ok(start)
    }

    /// Where the code of a function starts, if it has some.
    fn start(&self, function: DefinedFuncIdx) -> Option<u32> {
        Some(self.starts.get(function.index())?.load(Ordering::Acquire)).filter(|start| *start != 0)
    }

    /// A place for code, with what is known of the code noted.
    fn take_place(
        &self,
        code: &Code,
        function: DefinedFuncIdx,
        is_better: bool,
        output: &mut Output,
    ) -> Result<Place, CompileFailure> {
        let piece = FunctionCode::new(function, is_better, output);
        let _changing = changes();
        let place = self.room.reserve(code, output.text.len())?;
        self.data.note(place.offsets(), piece);
        Ok(place)
    }

    /// A function has its code, which starts at an offset, or it could not be compiled.
    fn end(&self, code: &Code, function: DefinedFuncIdx, start: Option<usize>) {
        let _changing = changes();
        self.note_run();
        let Some(start) = start else { return self.set(function, State::Absent) };
        self.starts[function.index()].store(start as u32, Ordering::Release);
        if self.stays(function) {
            // SAFETY: every function has a slot.
            unsafe { self.data.slot(function.index()) }.store(code.as_ptr() as usize + start, Ordering::Release);
        }
        self.ready.fetch_add(1, Ordering::Relaxed);
        self.set(function, State::Ready);
    }

    /// For who has the lock.
    fn set(&self, function: DefinedFuncIdx, state: State) {
        self.states[function.index()].store(state.number(), Ordering::Release);
        if WAITING.load(Ordering::Relaxed) > 0 {
            COMPILED.notify_all();
        }
    }
}

impl Drop for Lazy {
    fn drop(&mut self) {
        let _changing = changes();
        self.end_ahead();
    }
}

/// What is known of code; nothing here waits or allocates.
impl Lazy {
    /// Whether an offset is in the room for functions.
    pub(crate) fn has_room_at(&self, offset: u32) -> bool {
        offset as usize >= self.data.room_start
    }

    pub(crate) fn trap_at(&self, offset: u32) -> Option<TrapCode> {
        let piece = self.data.find(offset)?;
        let traps = &piece.traps;
        let position = traps.binary_search_by_key(&(offset - piece.base), |trap| trap.offset).ok()?;
        Some(traps[position].code)
    }

    pub(crate) fn wasm_offset_at(&self, offset: u32) -> Option<u32> {
        let piece = self.data.find(offset)?;
        let locations = &piece.locations;
        let location = floor(locations, offset - piece.base, |location| location.offset)?;
        Some(location.wasm_offset).filter(|offset| *offset != NO_WASM_OFFSET)
    }

    pub(crate) fn handler_at(&self, return_address: u32) -> Option<Handler> {
        // The call is the last thing that is certain to be in the function.
        let piece = self.data.find(return_address.checked_sub(1)?)?;
        let handlers = &piece.handlers;
        let at = return_address - piece.base;
        let handler = handlers[handlers.binary_search_by_key(&at, |handler| handler.return_address).ok()?];
        Some(Handler { return_address, landing: piece.base + handler.landing, ..handler })
    }

    pub(crate) fn saved_registers_at(&self, offset: u32) -> u8 {
        let saved = |piece: &FunctionCode| {
            floor(&piece.saved_registers, offset - piece.base, |saved| saved.offset).map_or(0, |saved| saved.mask)
        };
        self.data.find(offset).map_or(0, saved)
    }

    /// None for trampolines.
    pub(crate) fn function_at(&self, offset: u32) -> Option<DefinedFuncIdx> {
        let piece = self.data.find(offset)?;
        let location = floor(&piece.locations, offset - piece.base, |location| location.offset);
        let is_beside = location.is_some_and(|location| location.wasm_offset == NO_WASM_OFFSET);
        Some(piece.function).filter(|_| !is_beside)
    }

    /// Whether what is at an offset is better code.
    pub(crate) fn is_better_at(&self, offset: u32) -> bool {
        self.data.find(offset).is_some_and(|piece| piece.is_better)
    }
}

/// Where a function starts in the output that has it.
fn start_in(output: &Output, function: DefinedFuncIdx) -> usize {
    let is_start = |definition: &&Definition| definition.symbol == Symbol::Function(function);
    output.definitions.iter().find(is_start).map_or(0, |definition| definition.offset as usize)
}

/// The last of ascending entries whose key is at most `key`.
fn floor<T>(entries: &[T], key: u32, of: impl Fn(&T) -> u32) -> Option<&T> {
    entries.partition_point(|entry| of(entry) <= key).checked_sub(1).map(|position| &entries[position])
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazy").field("module", &self.module).finish_non_exhaustive()
    }
}
