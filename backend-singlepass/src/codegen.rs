//! The code generator: state of one function, and operands that are not computed yet.

use wasmer_runtime_core::compiler::{
    CodeLocation, CompileError, Definition, NO_WASM_OFFSET, Output, Reloc, Symbol, TrapSite,
};
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::alloc::{Alloc, Entry, Loc};
use crate::arch::{Asm, Cold, Place};
use crate::compiler::Extensions;
use crate::control::Tables;
use crate::moves::Move;
use crate::regs::{Reg, RegSet};
use crate::scan::Scan;

/// The topmost operand, when it is not computed yet: its consumer may have a better place for it, or need its flags only.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pending {
    None,
    /// An operator without traps.
    Int {
        op: IntBinary,
        width: Width,
        lhs: Entry,
        rhs: Entry,
    },
    /// The sum of the left operand and the right one, which is shifted to the left by `scale`.
    Scaled {
        width: Width,
        lhs: Entry,
        rhs: Entry,
        scale: u8,
    },
    /// A comparison; with `test` of the bitwise conjunction and zero.
    Compare {
        op: IntCompare,
        width: Width,
        lhs: Entry,
        rhs: Entry,
        test: bool,
    },
    FloatCompare {
        op: FloatCompare,
        width: Width,
        lhs: Entry,
        rhs: Entry,
        negated: bool,
    },
    FloatBinary {
        op: FloatBinary,
        width: Width,
        lhs: Entry,
        rhs: Entry,
    },
    /// A load; `offset` is where in the module, if it can trap.
    Load {
        op: Load,
        place: Place,
        offset: Option<u32>,
    },
}

/// A load that an instruction does itself: the operand of the pending operator whose place is [`Loc::Pending`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folded {
    place: Place,
    /// Where in the module, if it can trap.
    offset: Option<u32>,
}

impl Pending {
    /// The operand registers in use, but for those of a folded load.
    pub(crate) fn regs(&self) -> RegSet {
        let of = |entry: &Entry| match entry.loc {
            Loc::Reg(reg) => RegSet::of(&[reg]),
            _ => RegSet::EMPTY,
        };
        match self {
            Self::None => RegSet::EMPTY,
            Self::Int { lhs, rhs, .. }
            | Self::Scaled { lhs, rhs, .. }
            | Self::Compare { lhs, rhs, .. }
            | Self::FloatCompare { lhs, rhs, .. }
            | Self::FloatBinary { lhs, rhs, .. } => of(lhs).or(of(rhs)),
            Self::Load { place, .. } => place.held,
        }
    }

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// Compiles one function at a time. Its vectors are kept from function to function.
pub(crate) struct Codegen {
    pub(crate) a: Asm,
    pub(crate) al: Alloc,
    pub(crate) pending: Pending,
    pub(crate) folded: Option<Folded>,
    pub(crate) cpu: Extensions,
    /// Offset in the vmctx of memory 0's base, if there is a memory.
    pub(crate) has_memory: bool,
    /// Whether code pays for what it does.
    pub(crate) metered: bool,
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
    pub(crate) scan: Scan,
    /// How many loops are open.
    pub(crate) loops: u32,
    definitions: Vec<Definition>,
    relocs: Vec<Reloc>,
    traps: Vec<TrapSite>,
    locations: Vec<CodeLocation>,
}

/// The load of a whole integer.
pub(crate) const fn plain_int_load(width: Width) -> Load {
    match width {
        Width::W32 => Load::I32,
        Width::W64 => Load::I64,
    }
}

/// Functions start at multiples of this, so that their constants are aligned too.
const FUNCTION_ALIGN: usize = 16;

impl Codegen {
    pub(crate) fn new(cpu: Extensions) -> Self {
        Self {
            a: Asm::new(cpu.avx),
            al: Alloc::default(),
            pending: Pending::None,
            folded: None,
            cpu,
            has_memory: false,
            metered: false,
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
            scan: Scan::default(),
            loops: 0,
            definitions: Vec::new(),
            relocs: Vec::new(),
            traps: Vec::new(),
            locations: Vec::new(),
        }
    }

    /// Functions of this module follow.
    pub(crate) fn set_module(&mut self, module: &ModuleInfo) {
        let memory = module.resolved.memories.first();
        self.has_memory = memory.is_some();
        self.metered = module.metered;
        self.a.memory_base = memory.map_or(0, |memory| memory.base_offset);
    }

    /// The translator will call `FuncCodegen::begin` for this function, which starts at `wasm_offset` of the module.
    pub(crate) fn start_function(&mut self, index: DefinedFuncIdx, wasm_offset: u32) {
        self.index = index;
        self.offset = wasm_offset;
        self.live = false;
    }

    /// Lets `compile` write to the end of `output`. After an error the output holds nothing of what failed.
    pub(crate) fn append_to(
        &mut self,
        output: &mut Output,
        compile: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let before = output.text.len();
        let Output { text, definitions, relocs, traps, locations } = output;
        std::mem::swap(&mut self.a.text, text);
        std::mem::swap(&mut self.definitions, definitions);
        std::mem::swap(&mut self.relocs, relocs);
        std::mem::swap(&mut self.traps, traps);
        std::mem::swap(&mut self.locations, locations);
        let result = compile(self);
        std::mem::swap(&mut self.a.text, text);
        std::mem::swap(&mut self.definitions, definitions);
        std::mem::swap(&mut self.relocs, relocs);
        std::mem::swap(&mut self.traps, traps);
        std::mem::swap(&mut self.locations, locations);
        if result.is_err() {
            text.truncate(before);
            let before = before as u32;
            definitions.retain(|definition| definition.offset < before);
            relocs.retain(|reloc| reloc.offset < before);
            traps.retain(|trap| trap.offset < before);
            locations.retain(|location| location.offset < before);
        }
        result
    }

    /// Aligns the text and forgets the last function. What follows starts at `wasm_offset` of the module.
    pub(crate) fn open(&mut self, wasm_offset: u32) {
        self.a.align(FUNCTION_ALIGN);
        self.start = self.a.position();
        self.a.clear();
        self.pending = Pending::None;
        self.folded = None;
        self.results.clear();
        self.types.clear();
        self.cold.clear();
        self.cold_saves.clear();
        self.tables.clear();
        self.loops = 0;
        self.last_location = wasm_offset;
        self.locations.push(CodeLocation { offset: self.start as u32, wasm_offset });
    }

    /// The text since [`Codegen::open`] is this.
    pub(crate) fn close(&mut self, symbol: Symbol) -> Result<()> {
        self.a.place_pool(self.start);
        let end = self.a.text.len();
        if end > i32::MAX as usize {
            return Err(CompileError::Limit("more than 2 GiB of machine code".into()));
        }
        self.definitions.push(Definition { symbol, offset: self.start as u32, len: (end - self.start) as u32 });
        Ok(())
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
            self.locations.push(CodeLocation { offset: self.a.text.len() as u32, wasm_offset });
        }
    }

    /// The instruction that follows traps by a fault.
    #[inline]
    pub(crate) fn traps_at(&mut self, code: TrapCode, wasm_offset: u32) {
        self.mark_at(wasm_offset);
        self.traps.push(TrapSite { offset: self.a.text.len() as u32, code });
    }

    /// The instruction that follows traps by a fault.
    #[inline]
    pub(crate) fn traps(&mut self, code: TrapCode) {
        self.traps_at(code, self.offset);
    }

    pub(crate) fn reloc(&mut self, reloc: Reloc) {
        self.relocs.push(reloc);
    }

    // Operands.

    /// Computes the topmost operand if it is pending.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if !self.pending.is_none() {
            self.settle_pending();
        }
    }

    fn settle_pending(&mut self) {
        let pending = std::mem::replace(&mut self.pending, Pending::None);
        let reg = self.compute(pending, None);
        let top = self.al.stack.last_mut().expect("the pending operand");
        top.loc = Loc::Reg(reg);
    }

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
    pub(crate) fn push_pending(&mut self, ty: Ty, pending: Pending) {
        self.push(ty, Loc::Pending);
        self.pending = pending;
    }

    /// Computes a pending operand, into `hint` if that is no trouble, otherwise into an operand register.
    pub(crate) fn compute(&mut self, pending: Pending, hint: Option<Reg>) -> Reg {
        match pending {
            Pending::None => unreachable!("something is pending"),
            Pending::Int { op, width, lhs, rhs } => self.int_binary_now(op, width, lhs, rhs, hint),
            Pending::Scaled { width, lhs, rhs, scale } => self.scaled_now(width, lhs, rhs, scale, hint),
            Pending::Compare { .. } | Pending::FloatCompare { .. } => self.compare_now(pending, hint),
            Pending::FloatBinary { op, width, lhs, rhs } => self.float_binary_now(op, width, lhs, rhs, hint),
            Pending::Load { op, place, offset } => self.load_now(op, place, offset, hint),
        }
    }

    /// A register for a result of type `ty`: the one wished for, if any.
    pub(crate) fn result(&mut self, ty: Ty, hint: Option<Reg>) -> Reg {
        match hint {
            Some(reg) => reg,
            None => self.al.alloc(&mut self.a, ty),
        }
    }

    /// Makes a pending `i32` an `i64`: the upper half of what it will be computed to is zero. Returns whether that is so.
    pub(crate) fn extend_pending(&mut self) -> bool {
        let is_int = match self.pending {
            Pending::None | Pending::FloatBinary { .. } => false,
            Pending::Int { .. } | Pending::Scaled { .. } | Pending::Compare { .. } | Pending::FloatCompare { .. } => {
                true
            }
            Pending::Load { op, .. } => op.ty() == Ty::I32,
        };
        if is_int {
            self.al.stack.last_mut().expect("the pending operand").ty = Ty::I64;
        }
        is_int
    }

    // Loads that instructions do themselves.

    /// Pops the topmost operand as one that is still to be loaded, if it is a pending load of `op`.
    pub(crate) fn pop_load(&mut self, op: Load) -> Option<Entry> {
        match self.pending {
            Pending::Load { op: pending, place, offset } if pending == op => {
                self.pending = Pending::None;
                self.folded = Some(Folded { place, offset });
                Some(self.al.pop())
            }
            _ => None,
        }
    }

    /// Pops the right operand of an integer operator, whose left one stands below it: still to be loaded, if that is a place
    /// for an instruction's operand.
    #[inline]
    pub(crate) fn pop_right(&mut self, width: Width) -> Entry {
        if let Pending::Load { .. } = self.pending
            && !matches!(self.al.stack[self.al.len() - 2].loc, Loc::Const(_))
            && let Some(entry) = self.pop_load(plain_int_load(width))
        {
            return entry;
        }
        self.pop()
    }

    /// Does the load that is pending, alone or as an operand, if it can trap: what comes next must find that it has happened.
    pub(crate) fn load_pending(&mut self) {
        if let Pending::Load { offset: Some(_), .. } = self.pending {
            self.settle_pending();
        }
        let Some(Folded { place, offset }) = self.folded.take() else { return };
        let op = match self.pending {
            Pending::Int { width, .. } | Pending::Compare { width, .. } => plain_int_load(width),
            Pending::FloatBinary { width: Width::W32, .. } => Load::F32,
            Pending::FloatBinary { width: Width::W64, .. } => Load::F64,
            _ => unreachable!("no other operator folds a load"),
        };
        let reg = self.load_now(op, place, offset, None);
        match &mut self.pending {
            Pending::Int { lhs, rhs, .. }
            | Pending::Compare { lhs, rhs, .. }
            | Pending::FloatBinary { lhs, rhs, .. } => {
                let operand = if lhs.loc == Loc::Pending { lhs } else { rhs };
                operand.loc = Loc::Reg(reg);
            }
            _ => unreachable!("as above"),
        }
    }

    /// The place of the folded load.
    pub(crate) fn folded_place(&self) -> Place {
        self.folded.expect("an operand is still to be loaded").place
    }

    /// The instruction that follows does the folded load, if there is one.
    #[inline]
    pub(crate) fn mark_folded(&mut self) {
        if let Some(Folded { offset: Some(offset), place }) = self.folded {
            self.accesses_at(&place, offset);
        }
    }

    /// The folded load has happened.
    #[inline]
    pub(crate) fn release_folded(&mut self) {
        if let Some(folded) = self.folded.take() {
            self.release_place(folded.place);
        }
    }

    /// Checks the invariants of the operand stack and the registers.
    #[inline]
    pub(crate) fn check(&self) {
        if cfg!(debug_assertions) && self.live {
            let folded = self.folded.map_or(RegSet::EMPTY, |folded| folded.place.held);
            self.al.check::<Asm>(self.pending.regs().or(folded));
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
