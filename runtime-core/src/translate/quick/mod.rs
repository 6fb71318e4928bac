//! A quick look at bodies before anything of a module runs that is compiled lazily: nearly all are valid, and of nearly all that takes little to see.
//!
//! [`Quick::accepts`] knows the operators of numbers, locals, globals, memories and control that compilers of C and Rust emit, with values that are numbers. What else it meets, and
//! whatever it finds wrong, it leaves to wasmparser: so it says nothing about why a body is invalid, and nothing about bodies that it does not know.
//!
//! Nothing relies on its word for safety: a function is validated again by wasmparser, operator by operator, when it is compiled. What it wrongly accepted
//! would be the error of the function's first call, as with [`Validation::AtFirstCall`](crate::translate::bodies::Validation::AtFirstCall).

use wasmparser::WasmFeatures;

use crate::module::ModuleInfo;
use crate::types::*;

use reader::Reader;
use tables::{ACCESSES, NUMERIC, TRUNCATIONS};

pub(super) mod data;
mod reader;
mod tables;
#[cfg(test)]
pub(super) mod tests;

/// Types of numbers, as they are written in a module.
const I32: u8 = 0x7f;
const I64: u8 = 0x7e;
const F32: u8 = 0x7d;
const F64: u8 = 0x7c;
/// What an operator gets that cannot be reached.
const ANY: u8 = 0;

/// The operators need these. Where one of them is off, all is left to wasmparser.
const FEATURES: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES);

/// As many as wasmparser allows.
const LOCALS_MAX: usize = 50_000;

/// What blocks and functions take and give: ranges of [`Quick::values`].
#[derive(Clone, Copy, Debug, Default)]
struct BlockType {
    params: (u32, u32),
    results: (u32, u32),
}

/// What is known of a module for a look at its bodies. Shared by all threads.
pub(crate) struct Quick {
    /// Types of numbers: of single results, then of all signatures.
    values: Vec<u8>,
    /// By type; none of those that have to do with anything but numbers.
    types: Vec<Option<BlockType>>,
    /// By function: the type.
    functions: Vec<u32>,
    imported_functions: u32,
    /// By global: the type, or zero for one that is no number; and whether it may be written.
    globals: Vec<(u8, bool)>,
    /// By table: whether functions can be called through it, with an index of 32 bits.
    tables: Vec<bool>,
    /// Whether the first memory is there and has addresses of 32 bits.
    has_memory: bool,
}

/// Types that blocks have as their only result, at the start of [`Quick::values`].
const SINGLES: [u8; 4] = [I32, I64, F32, F64];

fn number(ty: ValType) -> Option<u8> {
    match ty {
        ValType::I32 => Some(I32),
        ValType::I64 => Some(I64),
        ValType::F32 => Some(F32),
        ValType::F64 => Some(F64),
        ValType::V128 | ValType::Ref(_) => None,
    }
}

impl Quick {
    /// What there is to know of a module. None where nothing would be accepted.
    pub(crate) fn new(info: &ModuleInfo, features: WasmFeatures) -> Option<Self> {
        if !features.contains(FEATURES) {
            return None;
        }
        let mut values = SINGLES.to_vec();
        let mut list = |types: &[ValType]| {
            let start = values.len() as u32;
            for ty in types {
                values.push(number(*ty)?);
            }
            Some((start, values.len() as u32))
        };
        let types = info.types.iter().map(|ty| match &ty.composite {
            CompositeType::Func(ty) => Some(BlockType { params: list(&ty.params)?, results: list(&ty.results)? }),
            CompositeType::Struct(_) | CompositeType::Array(_) => None,
        });
        let types = types.collect();
        let callable = |heap| matches!(heap, HeapType::Func | HeapType::Concrete(TypeKind::Func, _));
        Some(Self {
            values,
            types,
            functions: info.functions.iter().map(|ty| ty.0).collect(),
            imported_functions: info.imported_functions,
            globals: info.globals.iter().map(|ty| (number(ty.content).unwrap_or(0), ty.mutable)).collect(),
            tables: info.tables.iter().map(|ty| ty.index == Width::W32 && callable(ty.element.heap)).collect(),
            has_memory: info.memories.first().is_some_and(|ty| ty.index == Width::W32),
        })
    }

    /// Whether a body is valid for certain.
    pub(crate) fn accepts(&self, stacks: &mut Stacks, function: DefinedFuncIdx, body: &[u8]) -> bool {
        stacks.clear();
        Body { module: self, reader: Reader::new(body), stacks }.read(function).is_some()
    }

    fn list(&self, (start, end): (u32, u32)) -> &[u8] {
        &self.values[start as usize..end as usize]
    }

    fn type_of(&self, function: FuncIdx) -> Option<BlockType> {
        self.types.get(*self.functions.get(function.index())? as usize).copied()?
    }
}

/// What opened a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opener {
    Block,
    Loop,
    If,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    opener: Opener,
    signature: BlockType,
    /// How many operands there are below its own.
    floor: usize,
    /// Whether what follows in it cannot be reached, so that there is every operand that is asked for.
    is_dead: bool,
}

/// The vectors of a body, kept from body to body.
#[derive(Default)]
pub(crate) struct Stacks {
    locals: Vec<u8>,
    operands: Vec<u8>,
    frames: Vec<Frame>,
}

impl Stacks {
    fn clear(&mut self) {
        self.locals.clear();
        self.operands.clear();
        self.frames.clear();
    }
}

/// A body that is looked at. None is what is not accepted.
struct Body<'a> {
    module: &'a Quick,
    reader: Reader<'a>,
    stacks: &'a mut Stacks,
}

impl Body<'_> {
    fn read(&mut self, function: DefinedFuncIdx) -> Option<()> {
        let module = self.module;
        let signature = module.type_of(FuncIdx(module.imported_functions.checked_add(function.0)?))?;
        self.locals(module.list(signature.params))?;
        // A branch to it gives its results, as to a block.
        let signature = BlockType { params: (0, 0), ..signature };
        let mut top = Frame { opener: Opener::Block, signature, floor: 0, is_dead: false };
        while self.operator(&mut top)? {}
        self.reader.is_at_end().then_some(())
    }

    fn locals(&mut self, params: &[u8]) -> Option<()> {
        let locals = &mut self.stacks.locals;
        locals.extend_from_slice(params);
        for _ in 0..self.reader.u32()? {
            let count = self.reader.u32()? as usize;
            let ty = Some(self.reader.byte()?).filter(|ty| SINGLES.contains(ty))?;
            let len = locals.len().checked_add(count).filter(|len| *len <= LOCALS_MAX)?;
            locals.resize(len, ty);
        }
        Some(())
    }

    /// Looks at an operator; false is the end of the body.
    #[inline(always)]
    fn operator(&mut self, top: &mut Frame) -> Option<bool> {
        let opcode = self.reader.byte()?;
        match opcode {
            0x00 => self.dead(top),
            0x01 => {}
            0x02 => self.open(top, Opener::Block)?,
            0x03 => self.open(top, Opener::Loop)?,
            0x04 => {
                self.pop(top, I32)?;
                self.open(top, Opener::If)?;
            }
            0x05 => self.alternative(top)?,
            0x0b => return self.end(top),
            0x0c..=0x0f => self.branch(top, opcode)?,
            0x10 => {
                let callee = self.module.type_of(FuncIdx(self.reader.u32()?))?;
                self.apply(top, callee)?;
            }
            0x11 => self.call_indirect(top)?,
            0x1a => {
                self.pop_any(top)?;
            }
            0x1b => self.select(top)?,
            0x20 => {
                let ty = self.local()?;
                self.stacks.operands.push(ty);
            }
            0x21 => {
                let ty = self.local()?;
                self.pop(top, ty)?;
            }
            0x22 => {
                let ty = self.local()?;
                self.replace(top, ty, ty)?;
            }
            0x23 | 0x24 => self.global(top, opcode)?,
            0x28..=0x3e => self.access(top, opcode)?,
            0x3f | 0x40 => self.memory_size(top, opcode)?,
            0x41 => {
                self.reader.s32()?;
                self.stacks.operands.push(I32);
            }
            0x42 => {
                self.reader.s64()?;
                self.stacks.operands.push(I64);
            }
            0x43 => {
                self.reader.skip(4)?;
                self.stacks.operands.push(F32);
            }
            0x44 => {
                self.reader.skip(8)?;
                self.stacks.operands.push(F64);
            }
            0x45..=0xc4 => {
                let numeric = NUMERIC[usize::from(opcode) - 0x45];
                if numeric.is_binary {
                    self.pop(top, numeric.operand)?;
                }
                self.replace(top, numeric.operand, numeric.result)?;
            }
            0xfc => self.prefixed(top)?,
            _ => return None,
        }
        Some(true)
    }

    #[inline(always)]
    fn local(&mut self) -> Option<u8> {
        let local = self.reader.u32()?;
        self.stacks.locals.get(local as usize).copied()
    }

    /// Takes an operand of a type.
    #[inline(always)]
    fn pop(&mut self, top: &Frame, ty: u8) -> Option<()> {
        let operands = &mut self.stacks.operands;
        if operands.len() > top.floor {
            let operand = operands.pop()?;
            return (operand == ty || operand == ANY).then_some(());
        }
        top.is_dead.then_some(())
    }

    /// Takes an operand and puts another in its place.
    #[inline(always)]
    fn replace(&mut self, top: &Frame, ty: u8, by: u8) -> Option<()> {
        let operands = &mut self.stacks.operands;
        if operands.len() > top.floor
            && let Some(operand) = operands.last_mut()
            && *operand == ty
        {
            *operand = by;
            return Some(());
        }
        self.pop(top, ty)?;
        self.stacks.operands.push(by);
        Some(())
    }

    fn pop_any(&mut self, top: &Frame) -> Option<u8> {
        if self.stacks.operands.len() > top.floor {
            return self.stacks.operands.pop();
        }
        top.is_dead.then_some(ANY)
    }

    fn pop_list(&mut self, top: &Frame, list: (u32, u32)) -> Option<()> {
        self.module.list(list).iter().rev().try_for_each(|ty| self.pop(top, *ty))
    }

    fn push_list(&mut self, list: (u32, u32)) {
        self.stacks.operands.extend_from_slice(self.module.list(list));
    }

    fn apply(&mut self, top: &Frame, callee: BlockType) -> Option<()> {
        self.pop_list(top, callee.params)?;
        self.push_list(callee.results);
        Some(())
    }

    fn dead(&mut self, top: &mut Frame) {
        self.stacks.operands.truncate(top.floor);
        top.is_dead = true;
    }
}

/// Control.
impl Body<'_> {
    fn block_type(&mut self) -> Option<BlockType> {
        let first = self.reader.peek()?;
        if first == 0x40 {
            self.reader.skip(1)?;
            return Some(BlockType::default());
        }
        if let Some(single) = SINGLES.iter().position(|ty| *ty == first) {
            self.reader.skip(1)?;
            return Some(BlockType { params: (0, 0), results: (single as u32, single as u32 + 1) });
        }
        let index = u32::try_from(self.reader.s33()?).ok()?;
        self.module.types.get(index as usize).copied()?
    }

    fn open(&mut self, top: &mut Frame, opener: Opener) -> Option<()> {
        let signature = self.block_type()?;
        self.pop_list(top, signature.params)?;
        self.stacks.frames.push(*top);
        *top = Frame { opener, signature, floor: self.stacks.operands.len(), is_dead: false };
        self.push_list(signature.params);
        Some(())
    }

    /// The results of a frame, and nothing else.
    fn close(&mut self, top: &Frame) -> Option<()> {
        self.pop_list(top, top.signature.results)?;
        (self.stacks.operands.len() == top.floor).then_some(())
    }

    fn alternative(&mut self, top: &mut Frame) -> Option<()> {
        self.close(top)?;
        if top.opener != Opener::If {
            return None;
        }
        (top.opener, top.is_dead) = (Opener::Block, false);
        self.push_list(top.signature.params);
        Some(())
    }

    fn end(&mut self, top: &mut Frame) -> Option<bool> {
        self.close(top)?;
        let BlockType { params, results } = top.signature;
        if top.opener == Opener::If && self.module.list(params) != self.module.list(results) {
            return None;
        }
        let Some(outer) = self.stacks.frames.pop() else { return Some(false) };
        *top = outer;
        self.push_list(results);
        Some(true)
    }

    /// What a branch to a label gives.
    fn label(&self, top: &Frame, depth: u32) -> Option<(u32, u32)> {
        let frame = match depth.checked_sub(1) {
            None => top,
            Some(outer) => self.stacks.frames.iter().rev().nth(outer as usize)?,
        };
        Some(if frame.opener == Opener::Loop { frame.signature.params } else { frame.signature.results })
    }

    fn branch(&mut self, top: &mut Frame, opcode: u8) -> Option<()> {
        match opcode {
            0x0c => {
                let depth = self.reader.u32()?;
                let label = self.label(top, depth)?;
                self.pop_list(top, label)?;
            }
            0x0d => {
                self.pop(top, I32)?;
                let depth = self.reader.u32()?;
                let label = self.label(top, depth)?;
                self.pop_list(top, label)?;
                self.push_list(label);
                return Some(());
            }
            0x0e => self.branch_table(top)?,
            _ => {
                let results = self.stacks.frames.first().unwrap_or(top).signature.results;
                self.pop_list(top, results)?;
            }
        }
        self.dead(top);
        Some(())
    }

    /// Every label gets the same operands.
    fn branch_table(&mut self, top: &Frame) -> Option<()> {
        self.pop(top, I32)?;
        let mut arity = None;
        for _ in 0..=self.reader.u32()? {
            let depth = self.reader.u32()?;
            let label = self.label(top, depth)?;
            let types = self.module.list(label);
            if *arity.get_or_insert(types.len()) != types.len() {
                return None;
            }
            let own = &self.stacks.operands[top.floor..];
            let mut operands = own.iter().rev();
            let fits = |ty: &u8| operands.next().map_or(top.is_dead, |operand| operand == ty || *operand == ANY);
            if !types.iter().rev().all(fits) {
                return None;
            }
        }
        Some(())
    }

    fn call_indirect(&mut self, top: &Frame) -> Option<()> {
        let ty = self.reader.u32()?;
        let table = self.reader.u32()?;
        let callee = self.module.types.get(ty as usize).copied()??;
        if !*self.module.tables.get(table as usize)? {
            return None;
        }
        self.pop(top, I32)?;
        self.apply(top, callee)
    }
}

/// Values and memory.
impl Body<'_> {
    fn select(&mut self, top: &Frame) -> Option<()> {
        self.pop(top, I32)?;
        let (second, first) = (self.pop_any(top)?, self.pop_any(top)?);
        if first != second && first != ANY && second != ANY {
            return None;
        }
        self.stacks.operands.push(if first == ANY { second } else { first });
        Some(())
    }

    fn global(&mut self, top: &Frame, opcode: u8) -> Option<()> {
        let index = self.reader.u32()?;
        let (ty, mutable) = self.module.globals.get(index as usize).copied().filter(|(ty, _)| *ty != 0)?;
        if opcode == 0x23 {
            self.stacks.operands.push(ty);
            return Some(());
        }
        mutable.then_some(())?;
        self.pop(top, ty)
    }

    #[inline(always)]
    fn access(&mut self, top: &Frame, opcode: u8) -> Option<()> {
        let access = ACCESSES[usize::from(opcode) - 0x28];
        // A second memory would have a bit among those of the alignment.
        let align = self.reader.u32()?;
        self.reader.u32()?;
        if !self.module.has_memory || align > access.align_max {
            return None;
        }
        if access.is_store {
            self.pop(top, access.ty)?;
            return self.pop(top, I32);
        }
        self.replace(top, I32, access.ty)
    }

    fn memory_size(&mut self, top: &Frame, opcode: u8) -> Option<()> {
        self.first_memory()?;
        if opcode == 0x3f {
            self.stacks.operands.push(I32);
            return Some(());
        }
        self.replace(top, I32, I32)
    }

    fn first_memory(&mut self) -> Option<()> {
        (self.reader.byte()? == 0 && self.module.has_memory).then_some(())
    }

    fn prefixed(&mut self, top: &Frame) -> Option<()> {
        match self.reader.byte()? {
            opcode @ 0..=7 => {
                let (operand, result) = TRUNCATIONS[usize::from(opcode)];
                self.replace(top, operand, result)
            }
            // `memory.copy`, `memory.fill`.
            opcode @ (10 | 11) => {
                self.first_memory()?;
                if opcode == 10 {
                    self.first_memory()?;
                }
                [I32; 3].into_iter().try_for_each(|ty| self.pop(top, ty))
            }
            _ => None,
        }
    }
}
