//! The interface between the runtime and a compiler.
//!
//! A [`Compiler`] hands out one [`Worker`] per thread; a worker turns [`Batch`]es of validated function bodies into machine
//! code in an [`Output`]. Output is position-independent up to its relocations, which are resolved when the image is
//! linked (`image::link`), and deterministic: same input, same bytes, whatever the thread count.

use std::borrow::Cow;

use crate::cpu::CpuFeatures;
use crate::loops::Loops;
use crate::module::ModuleInfo;
use crate::translate::func::FuncInput;
use crate::trap::TrapCode;
use crate::types::*;

pub use crate::error::{CompileError, CompileLimit};

/// Who compiled: part of every cache key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BackendId {
    /// For example `cranelift`.
    pub name: &'static str,
    /// Version of the code generator and of our use of it.
    pub version: Cow<'static, str>,
    /// The private wasm-call convention of its code.
    pub abi: Abi,
    /// What a fault in the address space of a memory means at an instruction without an entry in the trap table, if not a mistake of the
    /// compiler. Accesses whose bounds check is elided are most of a module's traps: a compiler that does nothing else that could fault there
    /// says so here, and lists none of them.
    pub untabled_fault: Option<TrapCode>,
}

/// A private calling convention: a number that a backend has for itself, see `docs/internals/calls.md`. The upper bits of type ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Abi(u8);

impl Abi {
    /// No wasm entry at all: a host function.
    pub const HOST: Self = Self(15);

    /// The convention with this number.
    ///
    /// # Panics
    /// Unless the number is below that of [`Abi::HOST`].
    pub const fn new(number: u8) -> Self {
        assert!(number < Self::HOST.0, "a convention has four bits, and 15 is the host's");
        Self(number)
    }

    /// The convention with this number; none if no backend can have it.
    pub const fn from_number(number: u32) -> Option<Self> {
        if number < Self::HOST.0 as u32 { Some(Self(number as u8)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    /// The type id of a function of this convention and canonical type.
    pub const fn type_id(self, canonical: CanonicalId) -> u32 {
        canonical.0 | self.number() << crate::layout::TYPE_ID_ABI_SHIFT
    }
}

/// Collects everything that can change a compiler's output.
#[derive(Clone, Debug, Default)]
pub struct KeyHasher {
    bytes: Vec<u8>,
}

impl KeyHasher {
    /// Adds a named setting; names and values are length-prefixed, so different settings never collide.
    pub fn setting(&mut self, name: &str, value: impl AsRef<[u8]>) {
        for part in [name.as_bytes(), value.as_ref()] {
            self.bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.bytes.extend_from_slice(part);
        }
    }

    /// What was added, for hashing.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Turns validated WebAssembly functions into machine code. Shared by all threads.
///
/// # Safety
/// What its workers write is run. The code does what the functions and trampolines mean and nothing else; keeps the convention that
/// [`Compiler::id`] names, the layout of [`crate::layout`] and the traps of [`TrapSite`]; and is for this machine's processor.
///
/// ```
/// # use wasmer_runtime_core::{compiler::*, cpu::CpuFeatures};
/// struct Mine;
/// unsafe impl Compiler for Mine {
///     fn id(&self) -> BackendId { panic!() }
///     fn fingerprint(&self, _: &mut KeyHasher) {}
///     fn cpu_features(&self) -> CpuFeatures { CpuFeatures::NONE }
///     fn worker(&self) -> Box<dyn Worker + '_> { panic!() }
/// }
/// ```
///
/// ```compile_fail
/// # use wasmer_runtime_core::{compiler::*, cpu::CpuFeatures};
/// struct Mine;
/// impl Compiler for Mine {
///     fn id(&self) -> BackendId { panic!() }
///     fn fingerprint(&self, _: &mut KeyHasher) {}
///     fn cpu_features(&self) -> CpuFeatures { CpuFeatures::NONE }
///     fn worker(&self) -> Box<dyn Worker + '_> { panic!() }
/// }
/// ```
pub unsafe trait Compiler: Send + Sync {
    /// Name, version and convention.
    fn id(&self) -> BackendId;
    /// Every setting that can change the bytes, CPU features included.
    fn fingerprint(&self, key: &mut KeyHasher);
    /// All that the code may use of a processor: artifacts say so, and run nowhere else.
    fn cpu_features(&self) -> CpuFeatures;
    /// How many bytes of function bodies the next batch takes at least, if so many are left; with 1 every function is one.
    fn batch_bytes(&self, _left: usize) -> usize {
        1
    }
    /// Per-thread state.
    fn worker(&self) -> Box<dyn Worker + '_>;
    /// A worker that is kept for functions that are compiled when they are first called, if they may be. What that asks of the convention, on x86-64: at the entry
    /// of a function `r14` is its vmctx, and its arguments are in `rbx`, `r8` to `r13`, the low 128 bits of `xmm7` to `xmm14`, and the store's context, nowhere
    /// else. And a function's code depends on nothing but the function and its module, not on others of its batch.
    fn lazy_worker(&self) -> Option<Box<dyn Worker + Send>> {
        None
    }
    /// The name of the intermediate form that [`Worker::emit_ir`] writes, if the compiler has one.
    fn ir_name(&self) -> Option<&'static str> {
        None
    }
}

/// One thread's compiler. Reuses its allocations from function to function.
///
/// # Safety
/// As for [`Compiler`].
///
/// ```
/// # use wasmer_runtime_core::{compiler::*, module::ModuleInfo};
/// struct Mine;
/// unsafe impl Worker for Mine {
///     fn functions(&mut self, _: &mut Batch<'_>, _: &mut Output) -> Result<(), CompileError> { Ok(()) }
///     fn trampoline(&mut self, _: &ModuleInfo, _: &Trampoline, _: &mut Output) -> Result<(), CompileError> { Ok(()) }
/// }
/// ```
///
/// ```compile_fail
/// # use wasmer_runtime_core::{compiler::*, module::ModuleInfo};
/// struct Mine;
/// impl Worker for Mine {
///     fn functions(&mut self, _: &mut Batch<'_>, _: &mut Output) -> Result<(), CompileError> { Ok(()) }
///     fn trampoline(&mut self, _: &ModuleInfo, _: &Trampoline, _: &mut Output) -> Result<(), CompileError> { Ok(()) }
/// }
/// ```
pub unsafe trait Worker {
    /// Compiles the functions of a batch, in order, appending to `output`.
    fn functions(&mut self, batch: &mut Batch<'_>, output: &mut Output) -> Result<(), CompileError>;
    /// Compiles a trampoline, appending to `output`.
    fn trampoline(
        &mut self,
        module: &ModuleInfo,
        trampoline: &Trampoline,
        output: &mut Output,
    ) -> Result<(), CompileError>;
    /// Appends the functions of a batch that the request asks for to `text`, in the intermediate form that [`Compiler::ir_name`] names.
    /// The other ones are there because they may change what becomes of these.
    fn emit_ir(&mut self, batch: &mut Batch<'_>, request: &IrRequest, text: &mut String) -> Result<(), CompileError> {
        let _ = (batch, request, text);
        Err(CompileLimit::NoIntermediateForm.into())
    }
}

/// What is to be shown of a compiler's intermediate form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IrRequest {
    /// How far it has come.
    pub stage: IrStage,
    /// The functions, by their place in the index space; all unless given.
    pub functions: Option<Vec<FuncIdx>>,
}

/// How far a compiler's intermediate form has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IrStage {
    /// As it was translated from WebAssembly.
    Translated,
    /// As machine code is made from it.
    Optimized,
}

impl IrRequest {
    /// Whether it asks for this function.
    pub fn wants(&self, function: FuncIdx) -> bool {
        self.functions.as_ref().is_none_or(|functions| functions.contains(&function))
    }
}

/// Functions to compile together.
pub struct Batch<'a> {
    /// Everything about the module but its code.
    pub module: &'a ModuleInfo,
    /// The functions, in index order. A worker validates each while translating it.
    pub functions: &'a mut dyn Iterator<Item = FuncInput<'a>>,
}

/// A trampoline between array call and wasm call: one per function type and direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trampoline {
    /// Convention: array call (`extern "C" fn(callee: *const VMFuncRef, values: *mut RawValue) -> bool`). Loads the arguments from `values`, calls
    /// the callee's wasm entry with the callee's vmctx, stores the results to `values`, returns true. It is entered on a
    /// wasm stack, by the entry stub or by another backend's trampoline, and preserves what C says a callee preserves. A frame pointer is kept.
    ArrayToWasm(TypeIdx),
    /// Convention: wasm call, with a `VMImportContext` as its vmctx. Stores the arguments to a buffer of `max(params, results)` 16-byte values,
    /// loads the callee from [`crate::layout::VMIMPORT_CALLEE`], calls its array-call entry, and loads the results. The returned
    /// bool is always true here: a callee that fails leaves through the exit stub instead of returning. A frame pointer is kept.
    WasmToArray(TypeIdx),
}

/// What a symbol of an output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Symbol {
    /// A function of the module.
    Function(DefinedFuncIdx),
    /// A trampoline.
    Trampoline(Trampoline),
    /// Read-only data or code private to this output, numbered by the worker.
    Local(u32),
}

/// A piece of text and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// What it is.
    pub symbol: Symbol,
    /// Where it starts in [`Output::text`].
    pub offset: u32,
    /// Its length in bytes.
    pub len: u32,
}

/// How a relocation changes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelocKind {
    /// 32 bits at the place: target + addend − place.
    X64Pc32,
    /// The 26-bit word offset of an aarch64 `b` or `bl`: target + addend − place.
    Aarch64Call26,
}

/// A reference from the text to a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloc {
    /// The place, in [`Output::text`].
    pub offset: u32,
    /// How the place is written.
    pub kind: RelocKind,
    /// What it refers to; may be in another output of the same module, unless local.
    pub target: Symbol,
    /// Added to the target's address.
    pub addend: i32,
}

/// An instruction that can trap by a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapSite {
    /// Its offset in [`Output::text`].
    pub offset: u32,
    /// Why.
    pub code: TrapCode,
}

/// Where a range of text comes from: it reaches to the next entry's offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeLocation {
    /// Offset in [`Output::text`].
    pub offset: u32,
    /// Offset of the operator in the module's bytes. `NO_WASM_OFFSET` for code without one (prologues, trampolines).
    pub wasm_offset: u32,
}

/// A [`CodeLocation`] that stands for no operator.
pub const NO_WASM_OFFSET: u32 = u32::MAX;

/// A call that goes on elsewhere when it throws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Offset in [`Output::text`] of the instruction behind the call.
    pub return_address: u32,
    /// Offset in [`Output::text`] of the landing.
    pub landing: u32,
    /// What the frame pointer is above the stack pointer that the landing expects, in bytes; zero for the one that the call returns with.
    pub frame_bytes: u32,
}

/// The registers that a function saves for its caller ([`PRESERVED_REGISTERS`](crate::vmcontext::PRESERVED_REGISTERS)), by bit: the first of them stands in the word
/// below the frame pointer, the next below that. They hold in the whole function, prologue and epilogue excepted.
///
/// Only code at a landing whose convention lets calls preserve registers needs to know this, of all functions of its convention and of its trampolines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedRegisters {
    /// Offset in [`Output::text`] of the function.
    pub offset: u32,
    /// The registers.
    pub mask: u8,
}

/// What a worker makes of batches. All vectors are in ascending order of their offsets.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Machine code and read-only data; its alignment requirement is [`Output::ALIGN`].
    pub text: Vec<u8>,
    /// Functions, trampolines, data.
    pub definitions: Vec<Definition>,
    /// Unresolved references.
    pub relocs: Vec<Reloc>,
    /// Faulting instructions.
    pub traps: Vec<TrapSite>,
    /// Only return addresses of calls and trapping instructions need to be found in it.
    pub locations: Vec<CodeLocation>,
    /// Calls in regions.
    pub handlers: Vec<Handler>,
    /// For every function from which it differs from the one before, in the order of the text; none are saved before the first.
    pub saved_registers: Vec<SavedRegisters>,
    /// The loops of the output's only function that ask for better code: of a first tier.
    pub loops: Loops,
}

impl Output {
    /// Alignment of an output's text when outputs are put together, in bytes.
    pub const ALIGN: usize = 64;

    /// Makes it empty; its allocations stay.
    pub fn clear(&mut self) {
        let Self { text, definitions, relocs, traps, locations, handlers, saved_registers, loops } = self;
        text.clear();
        definitions.clear();
        relocs.clear();
        traps.clear();
        locations.clear();
        handlers.clear();
        saved_registers.clear();
        loops.clear();
    }
}
