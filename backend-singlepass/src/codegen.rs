//! The code generator: state of one function, and operands that are not computed yet.

use wasmer_runtime_core::compiler::{
    CodeLocation, CompileLimit, Definition, Handler, NO_WASM_OFFSET, Output, Reloc, Symbol, TrapSite,
};
use wasmer_runtime_core::layout::{VMCounts, VMOffsets};
use wasmer_runtime_core::loops::Loops;
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::translate::func::FuncInput;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::translate::survey::Survey;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::alloc::{Alloc, Entry, Loc};
use crate::cold::Cold;
use crate::control::Tables;
use crate::exceptions::Regions;
use crate::loops::{self, Asking};
use crate::masm::{Assembler, Masm};
use crate::moves::Move;
use crate::pending::{Folded, Pending, PendingOf};
use crate::regs::{Reg, RegSet};

/// Compiles one function at a time. Its vectors are kept from function to function.
pub(crate) struct Codegen<M: Assembler> {
    pub(crate) a: M,
    pub(crate) al: Alloc,
    pub(crate) pending: PendingOf<M>,
    pub(crate) folded: Option<Folded<M::Address>>,
    /// Offset in the vmctx of the base address that the function keeps in a register, if it needs any.
    pub(crate) kept_base: Option<i32>,
    /// Whether code pays for what it does.
    pub(crate) metered: bool,
    /// Whether the store context stays in a register of its own: in functions of metered modules whose locals leave that register free.
    pub(crate) keeps_store: bool,
    /// Whether all code gets its place in the module, not just what traps or calls.
    every_place: bool,
    /// Where the module's code finds what depends on its convention.
    pub(crate) offsets: VMOffsets,
    /// What loops need to ask for better code, if they do.
    pub(crate) asking: Option<Asking>,
    /// Whether the current operator can be reached.
    pub(crate) live: bool,
    /// Offset of the current operator in the module.
    pub(crate) offset: u32,
    /// The offset that [`Codegen::mark`] has written last.
    last_location: u32,
    /// Where the function starts in the text.
    pub(crate) start: usize,
    pub(crate) index: DefinedFuncIdx,
    /// Representations of the results.
    pub(crate) results: Vec<Ty>,
    /// Parameters and results of the open frames.
    pub(crate) types: Vec<Ty>,
    /// Code that is rarely reached, to be written behind the rest.
    pub(crate) cold: Vec<Cold>,
    /// Registers that cold code must preserve, see [`Cold`].
    pub(crate) cold_saves: Vec<Entry>,
    pub(crate) moves: Vec<Move>,
    pub(crate) tables: Tables,
    pub(crate) regions: Regions,
    pub(crate) survey: Survey,
    /// How many loops are open.
    pub(crate) loops: u32,
    /// What is made. Its text is the assembler's.
    output: Output,
}

impl<M: Masm> Codegen<M> {
    pub(crate) fn new(cpu: M::Cpu) -> Self {
        Self {
            a: M::new(cpu),
            al: Alloc::default(),
            pending: Pending::None,
            folded: None,
            kept_base: None,
            metered: false,
            keeps_store: false,
            every_place: false,
            offsets: VMOffsets::new(VMCounts::default()),
            asking: None,
            live: false,
            offset: 0,
            last_location: NO_WASM_OFFSET,
            start: 0,
            index: DefinedFuncIdx(0),
            results: Vec::new(),
            types: Vec::new(),
            cold: Vec::new(),
            cold_saves: Vec::new(),
            moves: Vec::new(),
            tables: Tables::default(),
            regions: Regions::default(),
            survey: Survey::default(),
            loops: 0,
            output: Output::default(),
        }
    }

    /// Functions of this module follow.
    pub(crate) fn set_module(&mut self, module: &ModuleInfo) {
        self.metered = module.metered;
        self.every_place = module.every_place;
        self.offsets = module.resolved.offsets;
    }

    /// The translator will call `FuncCodegen::begin` for this function of the module.
    pub(crate) fn start_function(&mut self, module: &ModuleInfo, input: &FuncInput<'_>) {
        self.survey.read(module, input);
        self.keep_base(module);
        let (index, wasm_offset) = (input.index, input.body.range().start as u32);
        self.index = index;
        self.asking = self.asking();
        self.offset = wasm_offset;
        self.live = false;
    }

    /// What accesses objects keeps the heap's base address, everything else that of memory 0.
    fn keep_base(&mut self, module: &ModuleInfo) {
        let heap = (self.survey.accesses_objects() && self.offsets.counts().heap).then(|| self.offsets.heap());
        let memory = || module.resolved.memories.first().map(|memory| memory.base_offset);
        self.kept_base = heap.or_else(memory);
        self.a.set_kept_base(self.kept_base.unwrap_or(0));
    }

    /// In first tiers loops of an output's only function ask, unless code pays for what it does: what a loop goes on in would pay for its way there.
    fn asking(&self) -> Option<Asking> {
        let asks = self.offsets.counts().first_tier && !self.metered && self.output.definitions.is_empty();
        let word = loops::word_of(self.index.index()).filter(|_| asks)?;
        Some(Asking { field: self.offsets.loops(), word })
    }

    /// What is said of the function's loops that ask.
    pub(crate) fn loops_asking(&mut self) -> &mut Loops {
        &mut self.output.loops
    }

    /// Lets `compile` write to the end of `output`. After an error the output holds nothing of what failed.
    pub(crate) fn append_to(
        &mut self,
        output: &mut Output,
        compile: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let before = output.text.len();
        std::mem::swap(&mut self.output, output);
        self.a.swap_text(&mut self.output.text);
        let result = compile(self);
        self.a.swap_text(&mut self.output.text);
        std::mem::swap(&mut self.output, output);
        if result.is_err() {
            let Output { text, definitions, relocs, traps, locations, handlers, saved_registers: _, loops } = output;
            text.truncate(before);
            let before = before as u32;
            definitions.retain(|definition| definition.offset < before);
            relocs.retain(|reloc| reloc.offset < before);
            traps.retain(|trap| trap.offset < before);
            locations.retain(|location| location.offset < before);
            // A handler is known by its return address, which is the end of the text before if a call was its last instruction.
            handlers.retain(|handler| handler.return_address <= before);
            loops.clear();
        }
        result
    }

    /// Aligns the text and forgets the last function. What follows starts at `wasm_offset` of the module.
    pub(crate) fn open(&mut self, wasm_offset: u32) {
        self.a.start_function();
        self.start = self.a.position();
        self.pending = Pending::None;
        self.folded = None;
        self.results.clear();
        self.types.clear();
        self.cold.clear();
        self.cold_saves.clear();
        self.tables.clear();
        self.regions.clear();
        self.loops = 0;
        self.last_location = wasm_offset;
        self.output.locations.push(CodeLocation { offset: self.start as u32, wasm_offset });
    }

    /// The text since [`Codegen::open`] is this.
    pub(crate) fn close(&mut self, symbol: Symbol) -> Result<()> {
        self.a.end_function(self.start);
        let end = self.a.position();
        if end > M::TEXT_BYTES_MAX {
            return Err(CompileLimit::CodeBytes { bytes_max: M::TEXT_BYTES_MAX as u64 }.into());
        }
        self.output.definitions.push(Definition { symbol, offset: self.start as u32, len: (end - self.start) as u32 });
        Ok(())
    }

    /// What follows is of the operator at this offset.
    #[inline]
    pub(crate) fn enter_operator(&mut self, wasm_offset: u32) {
        self.offset = wasm_offset;
        if self.every_place {
            self.mark();
        }
    }

    /// What follows can trap or be a return address: it belongs to the current operator.
    #[inline]
    pub(crate) fn mark(&mut self) {
        self.mark_at(self.offset);
    }

    /// What follows belongs to the operator at this offset.
    #[inline]
    pub(crate) fn mark_at(&mut self, wasm_offset: u32) {
        if self.last_location != wasm_offset {
            self.last_location = wasm_offset;
            self.output.locations.push(CodeLocation { offset: self.a.position() as u32, wasm_offset });
        }
    }

    /// The instruction that follows traps by a fault.
    #[inline]
    pub(crate) fn traps_at(&mut self, code: TrapCode, wasm_offset: u32) {
        self.mark_at(wasm_offset);
        self.output.traps.push(TrapSite { offset: self.a.position() as u32, code });
    }

    /// The instruction that follows traps by a fault.
    #[inline]
    pub(crate) fn traps(&mut self, code: TrapCode) {
        self.traps_at(code, self.offset);
    }

    pub(crate) fn reloc(&mut self, reloc: Reloc) {
        self.output.relocs.push(reloc);
    }

    pub(crate) fn handler(&mut self, handler: Handler) {
        self.output.handlers.push(handler);
    }

    // Operands.

    /// Pops an operand; it is computed.
    #[inline]
    pub(crate) fn pop(&mut self) -> Entry {
        self.settle();
        self.al.pop()
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, ty: Ty, loc: Loc) {
        self.al.push(&mut self.a, ty, loc);
    }

    #[inline]
    pub(crate) fn push_reg(&mut self, ty: Ty, reg: Reg) {
        self.push(ty, Loc::Reg(reg));
    }

    #[inline]
    pub(crate) fn push_pending(&mut self, ty: Ty, pending: PendingOf<M>) {
        self.push(ty, Loc::Pending);
        self.pending = pending;
    }

    /// A register for a result of type `ty`: the one wished for, if any.
    pub(crate) fn result(&mut self, ty: Ty, hint: Option<Reg>) -> Reg {
        match hint {
            Some(reg) => reg,
            None => self.al.alloc(&mut self.a, ty),
        }
    }

    /// The vmctx is in its register.
    #[inline]
    pub(crate) fn need_vmctx(&mut self) {
        if !self.al.state.regs.has(M::VMCTX) {
            self.a.reload(M::VMCTX, &mut self.al.state.regs);
        }
    }

    /// Checks the invariants of the operand stack and the registers.
    #[inline]
    pub(crate) fn check(&self) {
        if cfg!(debug_assertions) && self.live {
            let folded = self.folded.map_or(RegSet::EMPTY, |folded| folded.place.held);
            self.al.check::<M>(self.pending.regs().or(folded));
            assert_eq!(
                self.pending.is_none(),
                self.al.stack.last().is_none_or(|top| top.loc != Loc::Pending),
                "the topmost operand is pending, or nothing is"
            );
        }
    }

    pub(crate) fn constant_loc(&mut self, value: Const) -> Loc {
        match value {
            Const::I32(value) => Loc::Const(u64::from(value as u32)),
            Const::I64(value) => Loc::Const(value as u64),
            Const::F32(bits) => Loc::Const(bits.into()),
            Const::F64(bits) => Loc::Const(bits),
            Const::V128(bits) => Loc::Vector(self.a.pool(bits)),
            Const::Null => Loc::Const(0),
        }
    }
}
