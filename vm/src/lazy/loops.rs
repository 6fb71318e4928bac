//! Loops of a first tier that go on in better code while they run.
//!
//! Code of a first tier asks at the beginning of loops, if its function's *word* is not zero. There is something to go on in when a *continuation* of the
//! function has been compiled for that loop ([`LazyModule::continuation`](wasmer_runtime_core::lazy::LazyModule::continuation)): the first time that a loop asks, a thread begins with it. Meanwhile the word is
//! zero, so that the loop runs as fast as before. One continuation is compiled at a time; when it is there all loops ask again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use wasmer_runtime_core::compiler::{CompileError, Compiler};
use wasmer_runtime_core::loops::{LoopPlace, LoopValue, Loops};
use wasmer_runtime_core::types::{DefinedFuncIdx, Ty};
use wasmer_runtime_core::vmcontext::{ArrayCall, RawValue};

use super::{COMPILE_STACK_BYTES, FunctionCode, Lazy, forks};
use crate::arch::{self, AskFrame};
use crate::host_stack::with_room;
use crate::image::Image;
use crate::mapping::Code;
use crate::module_code::ModuleCode;
use crate::tier::{Better, Switch};

/// What loops look at, see [`VMOffsets::loops`](wasmer_runtime_core::layout::VMOffsets::loops).
pub(super) struct Words(Box<[AtomicU64]>);

impl Words {
    pub(super) fn new(functions: usize) -> Self {
        let words: Box<[_]> = (0..=functions).map(|_| AtomicU64::new(0)).collect();
        words[0].store(arch::ask_at_loop as *const () as u64, Ordering::Relaxed);
        Self(words)
    }

    pub(super) fn as_ptr(&self) -> *const AtomicU64 {
        self.0.as_ptr()
    }

    /// Has the loops of all functions ask.
    pub(super) fn ask(&self) {
        self.0[1..].iter().for_each(|word| word.store(1, Ordering::Relaxed));
    }

    /// Has the loops of a function ask no more.
    pub(super) fn stop(&self, function: DefinedFuncIdx) {
        // Before what follows looks whether somebody compiles, who has all loops ask again.
        self.0[1 + function.index()].store(0, Ordering::SeqCst);
    }
}

/// The loops of a function that ask.
#[derive(Debug)]
pub(super) struct AskingLoops {
    locals: Box<[LoopValue]>,
    constants: Box<[u128]>,
    heads: Box<[Head]>,
}

/// A loop that asks.
#[derive(Debug)]
struct Head {
    wasm_offset: u32,
    operands: Box<[LoopValue]>,
    return_address: u32,
    /// What it goes on in; nothing for ever if that could not be made.
    continuation: OnceLock<Option<Entrance>>,
}

/// How a continuation is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entrance {
    pub(crate) array_call: ArrayCall,
    pub(crate) wasm_call: *const u8,
}

// SAFETY: both are addresses of code.
unsafe impl Send for Entrance {}
// SAFETY: as above.
unsafe impl Sync for Entrance {}

impl AskingLoops {
    pub(super) fn new(loops: &mut Loops) -> Option<Box<Self>> {
        if loops.heads.is_empty() {
            return None;
        }
        let heads = loops.heads.drain(..).map(|head| Head {
            wasm_offset: head.wasm_offset,
            operands: head.operands.into_boxed_slice(),
            return_address: head.return_address,
            continuation: OnceLock::new(),
        });
        Some(Box::new(Self {
            locals: loops.locals[..].into(),
            constants: loops.constants[..].into(),
            heads: heads.collect(),
        }))
    }

    /// The values at the head of a loop, locals first.
    ///
    /// # Safety
    /// The frame is that of the function, which asks there.
    unsafe fn values(&self, head: &Head, frame: &AskFrame) -> impl Iterator<Item = RawValue> {
        let read = |value: &LoopValue| match value.place {
            LoopPlace::Register(number) => frame.register(number),
            LoopPlace::Constant(position) => self.constants[position as usize],
            LoopPlace::Frame(distance) => {
                let place = frame.fp().wrapping_add_signed(distance as isize);
                // SAFETY: the function has its values there, each with so many bytes.
                unsafe {
                    match value.ty.bytes() {
                        4 => (place as *const u32).read().into(),
                        8 => (place as *const u64).read().into(),
                        _ => (place as *const u128).read_unaligned(),
                    }
                }
            }
        };
        let bits = |value: &LoopValue| match value.ty {
            Ty::I32 | Ty::F32 => read(value) & u128::from(u32::MAX),
            Ty::I64 | Ty::F64 | Ty::Ref => read(value) & u128::from(u64::MAX),
            Ty::V128 => read(value),
        };
        let values: Vec<_> = self.locals.iter().chain(&head.operands).map(bits).collect();
        values.into_iter().map(|v128| RawValue { v128 })
    }
}

impl Lazy {
    /// What loops look at.
    pub(crate) fn loop_words(&self) -> *const AtomicU64 {
        self.words.as_ptr()
    }

    /// Has the loops of the function no longer ask that has called from this offset.
    pub(crate) fn stop_asking(&self, return_address: u32) {
        if let Some(piece) = self.data.find(return_address - 1) {
            self.words.stop(piece.function);
        }
    }

    /// What a loop goes on in that has asked from a return address, if that is there.
    pub(crate) fn continuation(
        &self,
        image: &Arc<Image>,
        better: &Better,
        return_address: u32,
        number: u32,
    ) -> Option<Entrance> {
        let piece = self.data.find(return_address - 1)?;
        let head = piece.head(number)?;
        let function = piece.function;
        if let Some(made) = head.continuation.get() {
            if made.is_none() {
                self.words.stop(function);
            }
            return *made;
        }
        let Some(compiler) = &better.compiler else {
            self.words.stop(function);
            return None;
        };
        if better.is_certain() {
            let made = self.make(image.mapped(), better, &**compiler, piece, head);
            return *head.continuation.get_or_init(|| made);
        }
        if better.is_gradual() {
            self.note_loop(return_address, number);
            return None;
        }
        self.words.stop(function);
        self.compile_elsewhere(image, better, compiler, (function, number));
        None
    }

    /// Compiles the continuation at a loop, unless that was tried before.
    pub(super) fn continue_at(&self, first: &ModuleCode, better: &Better, at: (DefinedFuncIdx, u32)) {
        if let Some(compiler) = &better.compiler {
            self.compile_here(first.image.mapped(), better, &**compiler, at);
        }
    }

    /// Whether that was tried.
    pub(super) fn is_continued_at(&self, (function, number): (DefinedFuncIdx, u32)) -> bool {
        let piece = self.data.find(self.starts[function.index()].load(Ordering::Acquire));
        piece.and_then(|piece| piece.head(number)).is_none_or(|head| head.continuation.get().is_some())
    }

    /// Whether a loop asks by the call that returns to an offset. What it goes on in is called there.
    pub(crate) fn asks_at(&self, return_address: u32) -> bool {
        let asks = |piece: &FunctionCode| {
            let loops = piece.loops.as_deref()?;
            Some(loops.heads.iter().any(|head| piece.base + head.return_address == return_address))
        };
        self.data.find(return_address - 1).and_then(asks).unwrap_or_default()
    }

    /// How many times a loop has gone on in better code.
    pub(crate) fn continued(&self) -> usize {
        self.continued.load(Ordering::Relaxed)
    }

    /// The values with which a loop goes on that has asked.
    ///
    /// # Safety
    /// The frame is that of the function that has asked.
    pub(crate) unsafe fn values_at(
        &self,
        return_address: u32,
        number: u32,
        frame: &AskFrame,
    ) -> Option<impl Iterator<Item = RawValue>> {
        let piece = self.data.find(return_address - 1)?;
        let (loops, head) = (piece.loops.as_deref()?, piece.head(number)?);
        self.continued.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        Some(unsafe { loops.values(head, frame) })
    }

    /// Has a thread compile a continuation, unless one is at it. Afterwards all loops ask again.
    fn compile_elsewhere(
        &self,
        image: &Arc<Image>,
        better: &Better,
        compiler: &Arc<dyn Compiler>,
        at: (DefinedFuncIdx, u32),
    ) {
        let here = forks() + 1;
        let busy = self.continuing.load(Ordering::SeqCst);
        // What a thread of the process compiles that this one is a copy of never ends here.
        if busy == here || self.continuing.compare_exchange(busy, here, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return;
        }
        let better = Better::new(Arc::clone(&better.code), None, Switch::Worthwhile);
        let (image, compiler) = (Arc::clone(image), Arc::clone(compiler));
        let compile = move || {
            let Some(lazy) = image.lazy_part() else { return };
            lazy.compile_here(image.mapped(), &better, &*compiler, at);
            lazy.continuing.store(0, Ordering::SeqCst);
            lazy.words.ask();
        };
        if thread::Builder::new().name("wasmer-continue".to_owned()).spawn(compile).is_err() {
            // Loops stay where they are.
            self.continuing.store(0, Ordering::Relaxed);
        }
    }

    fn compile_here(
        &self,
        code: &Code,
        better: &Better,
        compiler: &dyn Compiler,
        (function, number): (DefinedFuncIdx, u32),
    ) {
        let piece = self.data.find(self.starts[function.index()].load(Ordering::Acquire));
        if let Some((piece, head)) = piece.and_then(|piece| Some((piece, piece.head(number)?))) {
            head.continuation.get_or_init(|| self.make(code, better, compiler, piece, head));
        }
    }

    /// Compiles a continuation and puts it in its place. What cannot be compiled is not gone on in.
    fn make(
        &self,
        code: &Code,
        better: &Better,
        compiler: &dyn Compiler,
        piece: &FunctionCode,
        head: &Head,
    ) -> Option<Entrance> {
        if compiler.id().abi != better.code.abi() || !better.can_have(&self.module, piece.function) {
            return None;
        }
        let better = &*better.code;
        // Better code with a room has what it goes on in.
        let (room, code) = match better.image.lazy_part() {
            Some(room) => (room, better.image.mapped()),
            None => (self, code),
        };
        let made =
            with_room(COMPILE_STACK_BYTES, || self.module.continuation(piece.function, head.wasm_offset, compiler));
        debug_assert!(
            !matches!(made, Err(CompileError::Invalid { .. })),
            "what was made is not valid: {:?}",
            made.as_ref().err()
        );
        let mut continuation = made.ok()??;
        let (wasm_call, array_call) = continuation.starts()?;
        let start = code.addresses().start;
        let function = |index| {
            let known = better.image.lazy_part().and_then(|lazy| lazy.start(index)).map(i64::from);
            known.or_else(|| Some(better.image.function_entry(index).ok()? as i64 - start as i64))
        };
        let place = room.take_place(code, piece.function, true, &mut continuation.output).ok()?;
        let base = place.offsets().start;
        continuation.relocate(base as u32, &function).ok()?;
        place.write(code, &continuation.output.text).ok()?;
        let address = |offset: u32| (start + base + offset as usize) as *const u8;
        // SAFETY: the trampoline has the convention of array call.
        let array_call = unsafe { std::mem::transmute::<*const u8, ArrayCall>(address(array_call)) };
        Some(Entrance { array_call, wasm_call: address(wasm_call) })
    }
}

impl FunctionCode {
    fn head(&self, number: u32) -> Option<&Head> {
        self.loops.as_deref()?.heads.get(number as usize)
    }
}
