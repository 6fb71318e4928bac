//! A survey of a body before it is translated: which locals are used how often and where for the last time, and whether it makes tail calls.
//!
//! It validates nothing, and a backend may rely on it only for what stays right when it says more than there is: which locals get
//! registers, which need not be stored any more or zeroed, which convention a function has.
//!
//! Most operators are decoded eight bytes at a time, without a branch on what they are, by a table of their immediates; whatever the
//! table calls special is left to wasmparser's decoder, with a visitor that names every proposal and every immediate that wasmparser has.
//! So an operator that it gets is a compile error here or known, and only a body that is malformed ends a survey early: then all
//! locals count as used to the end and read before they are written.

use wasmparser::BinaryReader;

use crate::module::ModuleInfo;
use crate::translate::func::FuncInput;
use special::Special;

mod special;

/// What was found of a local.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Usage {
    /// Uses, those in loops counted more.
    pub weight: u64,
    /// Offset in the body of the last use.
    last: u32,
    flags: u32,
}

/// The local is written in a loop.
const WRITTEN_IN_LOOP: u32 = 1;
/// The local may be read before it is written.
const READ_FIRST: u32 = 2;

impl Usage {
    /// What is assumed when nothing is known.
    const UNKNOWN: Self = Self { weight: 1, last: u32::MAX, flags: WRITTEN_IN_LOOP | READ_FIRST };

    /// Notes a use at `offset`.
    #[inline(always)]
    fn note(&mut self, nest: &Nesting, offset: usize, is_write: bool) {
        let is_first = self.weight == 0;
        let is_certain = nest.branched & nest.open == 0;
        self.flags |= u32::from(is_write) & nest.in_loop;
        self.flags |= u32::from(is_first & !(is_write & is_certain)) << 1;
        self.weight += nest.weight;
        self.last = offset as u32;
    }
}

/// Use in a loop counts this many times (as a power of two) use outside.
const LOOP_SHIFT: u32 = 3;
/// Deeper loops count no more.
const LOOP_DEPTH_MAX: u32 = 6;

/// Kinds of immediates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    None,
    Leb,
    Leb2,
    Memory,
    Block,
    Loop,
    If,
    End,
    Table,
    Bytes4,
    Bytes8,
    Local,
    /// A branch whose only immediate is a depth.
    Branch,
    /// What [`Special`] looks at.
    Special,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Special; 256];
    let mut opcode = 0;
    while opcode < 256 {
        kinds[opcode] = match opcode {
            0x00 | 0x01 | 0x05 | 0x0f | 0x1a | 0x1b | 0x45..=0xc4 | 0xd1 | 0xd3 | 0xd4 => Kind::None,
            0x02 => Kind::Block,
            0x03 => Kind::Loop,
            0x04 => Kind::If,
            0x0b => Kind::End,
            0x0c | 0x0d | 0xd5 | 0xd6 => Kind::Branch,
            0x10 | 0x14 | 0x23..=0x26 | 0x3f..=0x42 | 0xd2 => Kind::Leb,
            0x0e => Kind::Table,
            0x11 => Kind::Leb2,
            0x20..=0x22 => Kind::Local,
            0x28..=0x3e => Kind::Memory,
            0x43 => Kind::Bytes4,
            0x44 => Kind::Bytes8,
            _ => Kind::Special,
        };
        opcode += 1;
    }
    kinds
};

/// Locals whose index takes one byte.
const NEAR: usize = 128;

/// The survey of a body; before one is read, nothing is known of any local. Its vectors are kept from function to function.
#[derive(Default)]
pub struct Survey {
    /// In front of the locals, where operators without a local go. At least [`NEAR`] locals.
    usages: Vec<Usage>,
    /// How many locals there are.
    locals: usize,
    /// Offset in the module of the first operator.
    start: u32,
    /// For each open block, whether it is a loop.
    blocks: Vec<bool>,
    tail_calls: bool,
    accesses_objects: bool,
}

/// As many as the validator allows, with room for parameters.
const LOCALS_MAX: u64 = 60_000;

impl Survey {
    /// Surveys a function of this module. What is wrong with it the translation will say.
    pub fn read(&mut self, module: &ModuleInfo, input: &FuncInput<'_>) {
        let ty = module.functions[module.func_index(input.index).index()];
        let params = module.resolved.signatures.get(ty.index()).map_or(0, |signature| signature.params.len());
        let mut reader = input.body.get_binary_reader();
        let mut locals = params as u64;
        let mut read_locals = || {
            for _ in 0..reader.read_var_u32()? {
                locals += u64::from(reader.read_var_u32()?);
                reader.read::<wasmparser::ValType>()?;
            }
            let len = reader.bytes_remaining();
            reader.read_bytes(len).map(|code| (code, len))
        };
        match read_locals() {
            Ok((code, len)) if locals <= LOCALS_MAX => {
                self.operators_of(code, locals as usize);
                self.start = (input.body.range().end - len as u64) as u32;
            }
            _ => {
                self.operators_of(&[], 0);
                self.tail_calls = true;
            }
        }
    }

    /// What was found of each local.
    #[inline]
    pub fn locals(&self) -> &[Usage] {
        self.usages.get(1..=self.locals).unwrap_or_default()
    }

    #[inline]
    fn of(&self, local: u32) -> Usage {
        self.locals().get(local as usize).copied().unwrap_or(Usage::UNKNOWN)
    }

    /// Whether a local is used at all.
    pub fn is_used(&self, local: u32) -> bool {
        let Usage { weight, last, .. } = self.of(local);
        weight > 0 || last == u32::MAX
    }

    /// Whether a local is used at or behind an offset in the module.
    #[inline]
    pub fn is_used_from(&self, local: u32, offset: u32) -> bool {
        self.of(local).last.saturating_add(self.start) >= offset
    }

    /// Whether a local is written in a loop.
    #[inline]
    pub fn is_written_in_loop(&self, local: u32) -> bool {
        self.of(local).flags & WRITTEN_IN_LOOP != 0
    }

    /// Whether a local may be read before it is written.
    #[inline]
    pub fn is_read_first(&self, local: u32) -> bool {
        self.of(local).flags & READ_FIRST != 0
    }

    /// Whether the body makes tail calls, also where nothing can reach them.
    pub fn makes_tail_calls(&self) -> bool {
        self.tail_calls
    }

    /// Whether operators of objects were found in the body, also where nothing can reach them.
    pub fn accesses_objects(&self) -> bool {
        self.accesses_objects
    }

    /// Surveys the operators of a body. Locals that are not found are not used, unless the survey ended early.
    fn operators_of(&mut self, code: &[u8], locals: usize) {
        self.locals = locals;
        self.usages.clear();
        self.usages.resize(1 + locals.max(NEAR), Usage::default());
        self.blocks.clear();
        self.tail_calls = false;
        self.accesses_objects = false;
        let mut cursor = Cursor { code, at: 0 };
        if self.operators(&mut cursor).is_none() {
            self.tail_calls = true;
            for local in &mut self.usages {
                *local = Usage { weight: local.weight, ..Usage::UNKNOWN };
            }
        }
    }

    /// `None` if something was not understood.
    fn operators(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut nest = Nesting::default();
        loop {
            let near = self.usages.first_chunk_mut::<{ NEAR + 1 }>()?;
            let Some(word) = cursor.word() else { return self.slow_operators(cursor, &mut nest, usize::MAX) };
            let shape = SHAPES[word as u8 as usize];
            // The last byte of each immediate has no continuation bit. The opcode's last byte is the opcode.
            let mut stops = !word & 0x8080_8080_8080_8080 | 0x80;
            stops &= stops.wrapping_sub(u64::from(shape & 1));
            stops &= stops.wrapping_sub(u64::from(shape >> 1 & 1));
            let index = (word >> 8) as u8;
            let is_unusual = shape & (SHAPE_MEMORY & index >> 1 | SHAPE_LOCAL & index >> 3 | SHAPE_SPECIAL);
            if is_unusual != 0 || stops == 0 {
                self.slow_operators(cursor, &mut nest, 1)?;
                continue;
            }
            nest.branched |= u32::from((shape / SHAPE_BRANCH) & 1);
            let is_local = 0u8.wrapping_sub(shape >> 4 & 1);
            let local = &mut near[usize::from(((index & 0x7f) + 1) & is_local)];
            local.note(&nest, cursor.at, shape & SHAPE_WRITE != 0);
            cursor.at += (stops.trailing_zeros() as usize + 1) / 8;
        }
    }

    /// At most `count` operators, one by one.
    fn slow_operators(&mut self, cursor: &mut Cursor<'_>, nest: &mut Nesting, mut count: usize) -> Option<()> {
        while cursor.at < cursor.code.len() && count > 0 {
            count -= 1;
            let start = cursor.at;
            let opcode = cursor.byte()?;
            match KINDS[opcode as usize] {
                Kind::None => {}
                Kind::Leb => cursor.skip_leb()?,
                Kind::Leb2 => {
                    cursor.skip_leb()?;
                    cursor.skip_leb()?;
                }
                Kind::Memory => cursor.skip_memory()?,
                Kind::Local => {
                    let index = cursor.leb()?;
                    self.note(nest, index, start, opcode != 0x20)?;
                }
                Kind::Branch => {
                    cursor.skip_leb()?;
                    nest.branched = 1;
                }
                kind @ (Kind::Block | Kind::Loop | Kind::If) => {
                    if !cursor.skip_short_block_type()? {
                        cursor.at = start;
                        self.special(cursor, nest)?;
                        continue;
                    }
                    nest.branched |= u32::from(kind == Kind::If);
                    self.open(nest, kind == Kind::Loop);
                }
                Kind::End => self.close(nest),
                Kind::Table => {
                    nest.branched = 1;
                    for _ in 0..=cursor.leb()? {
                        cursor.skip_leb()?;
                    }
                }
                Kind::Bytes4 => cursor.at += 4,
                Kind::Bytes8 => cursor.at += 8,
                Kind::Special => {
                    cursor.at = start;
                    self.special(cursor, nest)?;
                }
            }
        }
        Some(())
    }

    /// One operator by wasmparser's decoder.
    fn special(&mut self, cursor: &mut Cursor<'_>, nest: &mut Nesting) -> Option<()> {
        let mut reader = BinaryReader::new(cursor.code.get(cursor.at..)?, 0);
        reader.visit_operator(&mut Special { survey: self, nest, at: cursor.at }).ok()??;
        cursor.at += reader.current_position();
        Some(())
    }

    fn open(&mut self, nest: &mut Nesting, is_loop: bool) {
        self.blocks.push(is_loop);
        nest.change(u32::from(is_loop), 0, &self.blocks);
    }

    /// The last block is the body.
    fn close(&mut self, nest: &mut Nesting) {
        let is_loop = self.blocks.pop() == Some(true);
        nest.change(0, u32::from(is_loop), &self.blocks);
    }

    fn note(&mut self, nest: &Nesting, local: u32, at: usize, is_write: bool) -> Option<()> {
        self.usages.get_mut(local as usize + 1)?.note(nest, at, is_write);
        Some(())
    }
}

/// Where among blocks an operator is.
struct Nesting {
    /// What a use counts here.
    weight: u64,
    /// How many loops are open.
    loops: u32,
    /// Whether that is any: 0 or 1.
    in_loop: u32,
    /// Whether any block is open: 0 or 1.
    open: u32,
    /// Whether there was a branch or an `if` before: 0 or 1. Until then, and wherever no block is open, an operator is reached only by way of
    /// all that stand before it.
    branched: u32,
}

impl Default for Nesting {
    fn default() -> Self {
        Self { weight: 1, loops: 0, in_loop: 0, open: 0, branched: 0 }
    }
}

impl Nesting {
    fn change(&mut self, opened: u32, closed: u32, blocks: &[bool]) {
        self.loops = self.loops + opened - closed;
        self.in_loop = u32::from(self.loops > 0);
        self.open = u32::from(!blocks.is_empty());
        self.weight = 1 << (LOOP_SHIFT * LOOP_DEPTH_MAX.min(self.loops));
    }
}

/// How many LEB128 immediates an operator has: as many ones.
const SHAPE_LEBS: [u8; 3] = [0, 1, 3];
/// It branches.
const SHAPE_BRANCH: u8 = 4;
/// The first is the index of a local.
const SHAPE_LOCAL: u8 = 0x10;
/// And the local is written.
const SHAPE_WRITE: u8 = 0x40;
/// The first says whether there is another.
const SHAPE_MEMORY: u8 = 0x20;
/// It is not as simple as that.
const SHAPE_SPECIAL: u8 = 0x80;

/// [`KINDS`] for the many operators that are decoded without a branch on what they are.
const SHAPES: [u8; 256] = {
    let mut shapes = [SHAPE_SPECIAL; 256];
    let mut opcode = 0;
    while opcode < 256 {
        shapes[opcode] = match KINDS[opcode] {
            Kind::None => SHAPE_LEBS[0],
            Kind::Leb => SHAPE_LEBS[1],
            Kind::Branch => SHAPE_LEBS[1] | SHAPE_BRANCH,
            Kind::Leb2 => SHAPE_LEBS[2],
            Kind::Memory => SHAPE_LEBS[2] | SHAPE_MEMORY,
            Kind::Local if opcode == 0x20 => SHAPE_LEBS[1] | SHAPE_LOCAL,
            Kind::Local => SHAPE_LEBS[1] | SHAPE_LOCAL | SHAPE_WRITE,
            _ => SHAPE_SPECIAL,
        };
        opcode += 1;
    }
    shapes
};

struct Cursor<'a> {
    code: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// The next eight bytes, unless the end is nearer.
    #[inline]
    fn word(&self) -> Option<u64> {
        let bytes = self.code.get(self.at..self.at + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.code.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn leb(&mut self) -> Option<u32> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(first.into());
        }
        let mut value = u32::from(first & 0x7f);
        for shift in 1..5 {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << (shift * 7);
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    #[inline]
    fn skip_leb(&mut self) -> Option<()> {
        while self.byte()? >= 0x80 {}
        Some(())
    }

    #[inline]
    fn skip_memory(&mut self) -> Option<()> {
        let flags = self.leb()?;
        if flags & 0x40 != 0 {
            self.skip_leb()?;
        }
        self.skip_leb()
    }

    /// Skips a block type of one byte, which most are. References and types with large indices have more.
    #[inline]
    fn skip_short_block_type(&mut self) -> Option<bool> {
        Some(!matches!(self.byte()?, 0x62..=0x65 | 0x80..))
    }
}

#[cfg(test)]
mod tests;
