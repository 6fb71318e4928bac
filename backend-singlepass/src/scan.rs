//! A glance at a body before it is compiled: which locals are used how often, and where for the last time.
//!
//! What it finds decides only which locals get registers and which need not be stored any more. It reads nothing but opcodes and the
//! lengths of immediates, validates nothing, and stops at what it does not know; then all locals count as used to the end.

/// What was found of a local.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Uses, those in loops counted more.
    pub(crate) weight: u32,
    /// Offset in the body of the last use.
    pub(crate) last: u32,
    /// Whether it is written in a loop.
    pub(crate) written_in_loop: bool,
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
    End,
    Table,
    Bytes4,
    Bytes8,
    Types,
    Local,
    Misc,
    Vector,
    Atomic,
    Unknown,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Unknown; 256];
    let mut opcode = 0;
    while opcode < 256 {
        kinds[opcode] = match opcode {
            0x00 | 0x01 | 0x05 | 0x0f | 0x1a | 0x1b | 0x45..=0xc4 | 0xd1 | 0xd4 => Kind::None,
            0x02 | 0x04 => Kind::Block,
            0x03 => Kind::Loop,
            0x0b => Kind::End,
            0x0c | 0x0d | 0x10 | 0x12 | 0x14 | 0x15 | 0x23..=0x26 | 0x3f..=0x42 | 0xd0 | 0xd2 | 0xd5 | 0xd6 => {
                Kind::Leb
            }
            0x0e => Kind::Table,
            0x11 | 0x13 => Kind::Leb2,
            0x1c => Kind::Types,
            0x20..=0x22 => Kind::Local,
            0x28..=0x3e => Kind::Memory,
            0x43 => Kind::Bytes4,
            0x44 => Kind::Bytes8,
            0xfc => Kind::Misc,
            0xfd => Kind::Vector,
            0xfe => Kind::Atomic,
            _ => Kind::Unknown,
        };
        opcode += 1;
    }
    kinds
};

/// The scanner, whose vectors are kept from function to function.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) locals: Vec<Usage>,
    /// Offset in the module of the first operator.
    pub(crate) start: u32,
    /// For each open block, whether it is a loop.
    blocks: Vec<bool>,
}

impl Scan {
    /// Whether a local is used at or behind an offset in the module.
    pub(crate) fn is_used_from(&self, local: u32, offset: u32) -> bool {
        match self.locals.get(local as usize) {
            Some(usage) => usage.last.saturating_add(self.start) >= offset,
            None => true,
        }
    }

    /// Whether a local is written in a loop.
    pub(crate) fn is_written_in_loop(&self, local: u32) -> bool {
        self.locals.get(local as usize).is_none_or(|usage| usage.written_in_loop)
    }

    /// Scans the operators of a body. Locals that are not found are not used, unless the scan ended early.
    pub(crate) fn scan(&mut self, code: &[u8], locals: usize) {
        self.locals.clear();
        self.locals.resize(locals, Usage::default());
        self.blocks.clear();
        let mut cursor = Cursor { code, at: 0 };
        if self.operators(&mut cursor).is_none() {
            for local in &mut self.locals {
                local.last = u32::MAX;
                local.written_in_loop = true;
            }
        }
    }

    /// `None` if something was not understood.
    fn operators(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut nest = Nest { weight: 1, loops: 0 };
        // Where operators without a local go.
        let nowhere = self.locals.len();
        self.locals.push(Usage::default());
        let result = loop {
            let Some(word) = cursor.word() else { break self.slow_operators(cursor, &mut nest, usize::MAX) };
            let shape = SHAPES[word as u8 as usize];
            // The last byte of each immediate, and the opcode, have no continuation bit.
            let stops = !word & 0x8080_8080_8080_8000;
            let stop = match shape & SHAPE_LEBS {
                0 => 0x80,
                1 => stops,
                _ => stops & stops.wrapping_sub(1),
            };
            let index = (word >> 8) as u8;
            let is_unusual = shape & SHAPE_MEMORY != 0 && index & 0x40 != 0
                || shape & SHAPE_LOCAL != 0 && usize::from(index) >= nowhere.min(0x80);
            if shape & SHAPE_SPECIAL != 0 || stop == 0 || is_unusual {
                match self.slow_operators(cursor, &mut nest, 1) {
                    Some(()) => continue,
                    None => break None,
                }
            }
            let local = if shape & SHAPE_LOCAL != 0 { index.into() } else { nowhere };
            let local = &mut self.locals[local];
            local.weight = local.weight.saturating_add(nest.weight);
            local.last = cursor.at as u32;
            local.written_in_loop |= shape & SHAPE_WRITE != 0 && nest.loops > 0;
            cursor.at += (stop.trailing_zeros() as usize + 1) / 8;
        };
        self.locals.truncate(nowhere);
        result
    }

    /// At most `count` operators, one by one.
    fn slow_operators(&mut self, cursor: &mut Cursor<'_>, nest: &mut Nest, mut count: usize) -> Option<()> {
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
                    let locals = self.locals.len() - 1;
                    let local = self.locals[..locals].get_mut(index as usize)?;
                    local.weight = local.weight.saturating_add(nest.weight);
                    local.last = start as u32;
                    local.written_in_loop |= opcode != 0x20 && nest.loops > 0;
                }
                kind @ (Kind::Block | Kind::Loop) => {
                    cursor.skip_block_type()?;
                    self.blocks.push(kind == Kind::Loop);
                    nest.change(u32::from(kind == Kind::Loop), 0);
                }
                // The last one is the body's.
                Kind::End => nest.change(0, u32::from(self.blocks.pop() == Some(true))),
                Kind::Table => {
                    for _ in 0..=cursor.leb()? {
                        cursor.skip_leb()?;
                    }
                }
                Kind::Bytes4 => cursor.at += 4,
                Kind::Bytes8 => cursor.at += 8,
                Kind::Types => {
                    // One type of one byte, or something that is too new.
                    if cursor.leb()? != 1 || cursor.byte()? < 0x6f {
                        return None;
                    }
                }
                Kind::Misc => cursor.skip_misc()?,
                Kind::Vector => cursor.skip_vector()?,
                Kind::Atomic => cursor.skip_atomic()?,
                Kind::Unknown => return None,
            }
        }
        Some(())
    }
}

/// How deep in loops an operator is.
struct Nest {
    weight: u32,
    loops: u32,
}

impl Nest {
    fn change(&mut self, opened: u32, closed: u32) {
        self.loops = self.loops + opened - closed;
        self.weight = 1 << (LOOP_SHIFT * LOOP_DEPTH_MAX.min(self.loops));
    }
}

/// How many LEB128 immediates an operator has.
const SHAPE_LEBS: u8 = 3;
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
            Kind::None => 0,
            Kind::Leb => 1,
            Kind::Leb2 => 2,
            Kind::Memory => SHAPE_MEMORY | 2,
            Kind::Local if opcode == 0x20 => SHAPE_LOCAL | 1,
            Kind::Local => SHAPE_LOCAL | SHAPE_WRITE | 1,
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

    fn skip_block_type(&mut self) -> Option<()> {
        match self.byte()? {
            // References to types follow a byte of their own.
            0x63 | 0x64 => self.skip_leb(),
            0x80.. => self.skip_leb(),
            _ => Some(()),
        }
    }

    fn skip_misc(&mut self) -> Option<()> {
        match self.leb()? {
            0..=7 | 19..=22 => Some(()),
            9 | 11 | 13 | 15..=17 => self.skip_leb(),
            8 | 10 | 12 | 14 => {
                self.skip_leb()?;
                self.skip_leb()
            }
            _ => None,
        }
    }

    fn skip_vector(&mut self) -> Option<()> {
        match self.leb()? {
            0..=11 | 92 | 93 => self.skip_memory()?,
            12 | 13 => self.at += 16,
            21..=34 => self.at += 1,
            84..=91 => {
                self.skip_memory()?;
                self.at += 1;
            }
            _ => {}
        }
        Some(())
    }

    fn skip_atomic(&mut self) -> Option<()> {
        match self.leb()? {
            3 => self.skip_leb(),
            _ => self.skip_memory(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(code: &[u8], locals: usize) -> Vec<Usage> {
        let mut scan = Scan::default();
        scan.scan(code, locals);
        scan.locals
    }

    #[test]
    fn uses_in_loops_count_more() {
        // local.get 0, loop, local.get 1, local.set 1, end, i32.const 200, local.set 2, end
        let mut code = vec![0x20, 0, 0x03, 0x40, 0x20, 1, 0x21, 1, 0x0b, 0x41, 0xc8, 0x01, 0x21, 2, 0x0b];
        let short = scan(&code, 4);
        // The same where the fast way is taken.
        code.extend([0x01; 16]);
        let locals = scan(&code, 4);
        assert_eq!(locals, short);
        let expected = [(1, 0, false), (16, 6, true), (1, 12, false), (0, 0, false)]
            .map(|(weight, last, written_in_loop)| Usage { weight, last, written_in_loop });
        assert_eq!(locals, expected);
    }

    #[test]
    fn what_is_unknown_ends_it() {
        let locals = scan(&[0x20, 0, 0xff, 0x20, 0], 2);
        assert_eq!(locals[0], Usage { weight: 1, last: u32::MAX, written_in_loop: true });
        assert_eq!(locals[1], Usage { weight: 0, last: u32::MAX, written_in_loop: true });
    }

    #[test]
    fn truncated_and_absurd_bodies_end_it() {
        let long = [0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80];
        assert_eq!(scan(&long, 1)[0].last, u32::MAX);
        for code in [&[0x20][..], &[0x41, 0x80], &[0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, 0], &[0x20, 9], &[0xfd, 12]] {
            let locals = scan(code, 1);
            assert_eq!(locals.len(), 1);
        }
    }
}
