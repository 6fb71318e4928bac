//! Code that is compiled when it is first called.
//!
//! The code of a lazy image starts with an *entry* for every function: a jump to where a *slot* says, which is the function's code once there is some, and
//! before that the way to [`arch::compile_entry`]. Behind the entries stand the trampolines, as in every image, then the code of functions in the order in which
//! they were first called, each in pages of its own: pages are written, then made executable, and never written again.
//!
//! In front of the code are the slots, and for each page of code behind the trampolines what it is a part of ([`Piece`]): both are only ever filled in, with one store,
//! so nobody who reads them waits, not even a signal handler.

mod loops;

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use wasmer_runtime_core::compiler::{
    CodeLocation, CompileError, CompileLimit, Definition, Handler, NO_WASM_OFFSET, Output, SavedRegisters, Symbol,
    TrapSite,
};
use wasmer_runtime_core::image::InitialPages;
use wasmer_runtime_core::lazy::{Entries, Host, LazyModule};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::DefinedFuncIdx;

use crate::arch;
use crate::host_stack::with_room;
use crate::image::LazyPages;
use crate::mapping::Code;
use crate::sys::pages::{page_bytes, round_up};
use crate::tier::Switch;
use loops::{AskingLoops, Words};

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

/// So much of the room is made writable at once, beyond what a function needs: a multiple of every system's pages.
const AHEAD_BYTES: usize = 64 << 10;

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
    /// Its code is in its slot.
    Ready,
}

impl State {
    const fn number(self) -> u32 {
        match self {
            Self::Absent => 0,
            Self::Ready => 1,
            Self::Compiling(process) => process + 2,
        }
    }

    const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Absent,
            1 => Self::Ready,
            process => Self::Compiling(process - 2),
        }
    }
}

/// Held while states change and code is written: never for long. One for all modules, so that a fork can wait for it.
static CHANGES: Mutex<()> = Mutex::new(());
/// Told that a function was compiled, or could not be.
static COMPILED: Condvar = Condvar::new();
/// How many forks lead to this process: what threads of others had begun nobody ends here.
static FORKS: AtomicU32 = AtomicU32::new(0);

fn changes() -> MutexGuard<'static, ()> {
    CHANGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock, for the thread that forks.
pub(crate) fn lock() -> Box<dyn std::any::Any> {
    Box::new(changes())
}

/// This process is the child of a fork.
pub(crate) fn renew() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// What is known of the code of a function, with offsets from its start.
#[derive(Debug)]
struct Piece {
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
    /// Where the next function goes in the code; changed with the lock.
    end: AtomicUsize,
    /// Where the pages end that are writable already; changed with the lock.
    writable_end: AtomicUsize,
    /// How many functions have code.
    ready: AtomicUsize,
    /// Where the room ends.
    room_end: usize,
}

/// What stands in front of the code, which lives as long as the [`Lazy`] that has this.
struct Data {
    pieces: *const AtomicPtr<Piece>,
    slots: *const AtomicUsize,
    /// Offset in the code of the page that the first piece may be in.
    room_start: usize,
    pages: usize,
}

// SAFETY: what the pointers point to are atomics.
unsafe impl Send for Data {}
// SAFETY: as above.
unsafe impl Sync for Data {}

impl Data {
    /// What a page of the room is a part of.
    fn piece(&self, page: usize) -> Option<&AtomicPtr<Piece>> {
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

    fn find(&self, offset: u32) -> Option<&Piece> {
        let piece = self.piece(self.page_of(offset as usize)?)?.load(Ordering::Acquire);
        // SAFETY: a piece is written before its address, and freed with all of this.
        unsafe { piece.as_ref() }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let mut before = std::ptr::null_mut();
        for page in 0..self.pages {
            let Some(piece) = self.piece(page).map(|piece| piece.load(Ordering::Acquire)) else { return };
            if piece.is_null() {
                // Rooms are filled from their start.
                return;
            }
            if piece != before {
                before = piece;
                // SAFETY: the box of a piece that nobody can ask for any more; its pages are one behind the other.
                drop(unsafe { Box::from_raw(piece) });
            }
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
                let room_end = start + data.pages * page_bytes();
                let (end, writable_end) = (AtomicUsize::new(start), AtomicUsize::new(start));
                let (ready, switch) = (AtomicUsize::new(0), OnceLock::new());
                let (words, continuing) = (Words::new(module.functions_len()), AtomicU32::new(0));
                let continued = AtomicUsize::new(0);
                (
                    code,
                    Self {
                        module,
                        states,
                        starts,
                        switch,
                        data,
                        words,
                        continuing,
                        continued,
                        end,
                        writable_end,
                        ready,
                        room_end,
                    },
                )
            })
    }

    fn with_room(text: &[u8], module: &LazyModule, room_bytes: usize) -> io::Result<(Code, Data)> {
        let (functions, pages) = (module.functions_len(), room_bytes / page_bytes());
        let pieces_bytes = (pages * size_of::<AtomicPtr<Piece>>()).next_multiple_of(page_bytes());
        let code = Code::with_room(text, pieces_bytes + slots_bytes(functions), room_bytes)?;
        // SAFETY: the slots are inside of the data, behind the pieces.
        let slots: *const AtomicUsize = unsafe { code.data().add(pieces_bytes) }.cast();
        let room_start = round_up(text.len()).ok_or(io::ErrorKind::OutOfMemory)?;
        let data = Data { pieces: code.data().cast(), slots, room_start, pages };
        let start = code.as_ptr() as usize;
        // SAFETY: these are the slots.
        unsafe {
            for function in 0..functions {
                let entry = module.entry(DefinedFuncIdx::from_index(function)) as usize;
                data.slot(function).store(start + entry + arch::COMPILE_ENTRY_COLD, Ordering::Relaxed);
            }
            data.slot(functions).store(arch::compile_entry as *const () as usize, Ordering::Relaxed);
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
    pub(crate) fn compile(&self, code: &Code, function: DefinedFuncIdx) -> Result<*const u8, CompileFailure> {
        let Some(state) = self.states.get(function.index()) else {
            return Err(CompileFailure::Room(io::ErrorKind::NotFound.into()));
        };
        if self.begin(state) {
            let publish = |output: &mut Output| self.publish(code, function, output);
            let compiled = with_room(COMPILE_STACK_BYTES, || self.module.compile(function, publish));
            let published = compiled.map_err(CompileFailure::Compile).flatten();
            let after = if published.is_ok() { State::Ready } else { State::Absent };
            let changing = changes();
            state.store(after.number(), Ordering::Release);
            drop(changing);
            COMPILED.notify_all();
            published?;
        }
        let start = self.starts[function.index()].load(Ordering::Acquire);
        Ok((code.addresses().start + start as usize) as *const u8)
    }

    /// Whether calls of a function lead to its code here.
    pub(crate) fn stays(&self, function: DefinedFuncIdx) -> bool {
        self.switch.get().is_none_or(|switch| self.module.is_short_leaf(function, switch.leaf_bytes_min()))
    }

    /// Has calls of functions lead to where instances go over to better code, as if they had none here: they find that there is some.
    pub(crate) fn lead_to_better_code(&self, code: &Code, switch: Switch) {
        let _changing = changes();
        let _ = self.switch.set(switch);
        let functions = (0..self.module.functions_len()).map(DefinedFuncIdx::from_index);
        for function in functions.filter(|function| !self.stays(*function)) {
            let cold = self.module.entry(function) as usize + arch::COMPILE_ENTRY_COLD;
            // SAFETY: every function has a slot.
            unsafe { self.data.slot(function.index()) }.store(code.addresses().start + cold, Ordering::Release);
        }
        self.words.ask();
    }

    /// Whether this thread has to compile the function with this state; if not, it is compiled.
    fn begin(&self, state: &AtomicU32) -> bool {
        let mut changing = changes();
        let here = State::Compiling(FORKS.load(Ordering::Relaxed));
        loop {
            match State::from_number(state.load(Ordering::Acquire)) {
                State::Ready => return false,
                now if now == here => changing = COMPILED.wait(changing).unwrap_or_else(PoisonError::into_inner),
                State::Absent | State::Compiling(_) => {
                    state.store(here.number(), Ordering::Relaxed);
                    return true;
                }
            }
        }
    }

    /// Puts the code of a function in its place, makes it executable, and says so.
    fn publish(&self, code: &Code, function: DefinedFuncIdx, output: &mut Output) -> Result<(), CompileFailure> {
        let _changing = changes();
        let place = self.reserve(code, output.text.len())?;
        self.module.relocate(output, place.start as u32).map_err(CompileFailure::Compile)?;
        self.put(code, &place, function, false, output)?;
        let is_start = |definition: &&Definition| definition.symbol == Symbol::Function(function);
        let definition = output.definitions.iter().find(is_start);
        let start = place.start + definition.map_or(0, |definition| definition.offset as usize);
        self.starts[function.index()].store(start as u32, Ordering::Release);
        if self.stays(function) {
            // SAFETY: every function has a slot.
            unsafe { self.data.slot(function.index()) }.store(code.as_ptr() as usize + start, Ordering::Release);
        }
        self.ready.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The place of the next code in the room, writable. Called with the lock.
    fn reserve(&self, code: &Code, bytes: usize) -> Result<Range<usize>, CompileFailure> {
        let base = self.end.load(Ordering::Relaxed);
        let end = round_up(bytes.max(1)).and_then(|bytes| base.checked_add(bytes));
        let end = end.filter(|end| *end <= self.room_end).ok_or_else(|| {
            let bytes_max = (self.room_end - self.data.room_start) as u64;
            CompileFailure::Compile(CompileLimit::CodeBytes { bytes_max }.into())
        })?;
        let writable_end = self.writable_end.load(Ordering::Relaxed);
        if end > writable_end {
            let ahead = end.saturating_add(AHEAD_BYTES).min(self.room_end);
            code.commit(writable_end..ahead).map_err(CompileFailure::Room)?;
            self.writable_end.store(ahead, Ordering::Relaxed);
        }
        Ok(base..end)
    }

    /// Puts code in the place that was just reserved, executable, and notes what is known of it. Called with the same lock.
    fn put(
        &self,
        code: &Code,
        place: &Range<usize>,
        function: DefinedFuncIdx,
        is_better: bool,
        output: &mut Output,
    ) -> Result<(), CompileFailure> {
        // SAFETY: the room from there on is free, and whoever writes to it has the lock.
        unsafe { code.write(place.start, &output.text) }.map_err(CompileFailure::Room)?;
        self.end.store(place.end, Ordering::Relaxed);
        let Output { traps, locations, handlers, saved_registers, loops, .. } = output;
        let piece = Piece {
            function,
            base: place.start as u32,
            traps: traps[..].into(),
            locations: locations[..].into(),
            handlers: handlers[..].into(),
            saved_registers: saved_registers[..].into(),
            loops: AskingLoops::new(loops),
            is_better,
        };
        let piece = Box::into_raw(Box::new(piece));
        let pages = self.data.page_of(place.start)..self.data.page_of(place.end);
        if let (Some(first), Some(last)) = (pages.start, pages.end) {
            (first..last)
                .filter_map(|page| self.data.piece(page))
                .for_each(|page| page.store(piece, Ordering::Release));
        }
        Ok(())
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
        let saved = |piece: &Piece| {
            floor(&piece.saved_registers, offset - piece.base, |saved| saved.offset).map_or(0, |saved| saved.mask)
        };
        self.data.find(offset).map_or(0, saved)
    }

    /// None for what calls the code that a loop goes on in, whose frame is the function's in its place.
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

/// The last of ascending entries whose key is at most `key`.
fn floor<T>(entries: &[T], key: u32, of: impl Fn(&T) -> u32) -> Option<&T> {
    entries.partition_point(|entry| of(entry) <= key).checked_sub(1).map(|position| &entries[position])
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazy").field("module", &self.module).field("end", &self.end).finish_non_exhaustive()
    }
}
