//! A glance at a body before it is compiled: which locals are used how often, and where for the last time.
//!
//! What it finds decides only which locals get registers, which need not be stored any more, and which need not be zeroed. It reads
//! nothing but opcodes and the lengths of immediates, validates nothing, and stops at what it does not know; then all locals count as
//! used to the end and read before they are written.

/// What was found of a local.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Usage {
    /// Uses, those in loops counted more.
    pub(crate) weight: u64,
    /// Offset in the body of the last use.
    pub(crate) last: u32,
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
    fn note(&mut self, nest: &Nest, offset: usize, is_write: bool) {
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
    End,
    Table,
    Bytes4,
    Bytes8,
    Types,
    Local,
    /// A branch whose only immediate is a depth.
    Branch,
    If,
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
            0x02 => Kind::Block,
            0x04 => Kind::If,
            0x03 => Kind::Loop,
            0x0b => Kind::End,
            0x0c | 0x0d | 0xd5 | 0xd6 => Kind::Branch,
            0x10 | 0x12 | 0x14 | 0x15 | 0x23..=0x26 | 0x3f..=0x42 | 0xd0 | 0xd2 => Kind::Leb,
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

/// Locals whose index takes one byte.
const NEAR: usize = 128;

/// The scanner, whose vectors are kept from function to function.
#[derive(Default)]
pub(crate) struct Scan {
    /// In front of the locals, where operators without a local go. At least [`NEAR`] locals.
    usages: Vec<Usage>,
    /// How many locals there are.
    locals: usize,
    /// Offset in the module of the first operator.
    pub(crate) start: u32,
    /// For each open block, whether it is a loop.
    blocks: Vec<bool>,
}

impl Scan {
    /// What was found of each local.
    pub(crate) fn locals(&self) -> &[Usage] {
        &self.usages[1..=self.locals]
    }

    fn of(&self, local: u32) -> Usage {
        self.locals().get(local as usize).copied().unwrap_or(Usage::UNKNOWN)
    }

    /// Whether a local is used at or behind an offset in the module.
    pub(crate) fn is_used_from(&self, local: u32, offset: u32) -> bool {
        self.of(local).last.saturating_add(self.start) >= offset
    }

    /// Whether a local is written in a loop.
    pub(crate) fn is_written_in_loop(&self, local: u32) -> bool {
        self.of(local).flags & WRITTEN_IN_LOOP != 0
    }

    /// Whether a local may be read before it is written.
    pub(crate) fn is_read_first(&self, local: u32) -> bool {
        self.of(local).flags & READ_FIRST != 0
    }

    /// Scans the operators of a body. Locals that are not found are not used, unless the scan ended early.
    pub(crate) fn scan(&mut self, code: &[u8], locals: usize) {
        self.locals = locals;
        self.usages.clear();
        self.usages.resize(1 + locals.max(NEAR), Usage::default());
        self.blocks.clear();
        let mut cursor = Cursor { code, at: 0 };
        if self.operators(&mut cursor).is_none() {
            for local in &mut self.usages {
                *local = Usage { weight: local.weight, ..Usage::UNKNOWN };
            }
        }
    }

    /// `None` if something was not understood.
    fn operators(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut nest = Nest { weight: 1, loops: 0, in_loop: 0, open: 0, branched: 0 };
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
                    self.usages.get_mut(index as usize + 1)?.note(nest, start, opcode != 0x20);
                }
                Kind::Branch => {
                    cursor.skip_leb()?;
                    nest.branched = 1;
                }
                kind @ (Kind::Block | Kind::Loop | Kind::If) => {
                    cursor.skip_block_type()?;
                    nest.branched |= u32::from(kind == Kind::If);
                    self.blocks.push(kind == Kind::Loop);
                    nest.change(u32::from(kind == Kind::Loop), 0, &self.blocks);
                }
                // The last one is the body's.
                Kind::End => {
                    let is_loop = self.blocks.pop() == Some(true);
                    nest.change(0, u32::from(is_loop), &self.blocks);
                }
                Kind::Table => {
                    nest.branched = 1;
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

/// Where among blocks an operator is.
struct Nest {
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

impl Nest {
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
        scan.locals().to_vec()
    }

    /// The same with and without the fast way, which needs eight bytes.
    fn scan_both(code: &[u8], locals: usize) -> Vec<Usage> {
        let short = scan(code, locals);
        let mut code = code.to_vec();
        code.extend([0x01; 16]);
        assert_eq!(scan(&code, locals), short);
        short
    }

    #[test]
    fn uses_in_loops_count_more() {
        // local.get 0, loop, local.get 1, local.set 1, end, i32.const 200, local.set 2, end
        let code = [0x20, 0, 0x03, 0x40, 0x20, 1, 0x21, 1, 0x0b, 0x41, 0xc8, 0x01, 0x21, 2, 0x0b];
        let expected = [(1, 0, READ_FIRST), (16, 6, READ_FIRST | WRITTEN_IN_LOOP), (1, 12, 0), (0, 0, 0)]
            .map(|(weight, last, flags)| Usage { weight, last, flags });
        assert_eq!(scan_both(&code, 4), expected);
    }

    #[test]
    fn locals_beyond_one_byte_are_found() {
        // local.get 300, local.tee 127, local.set 128
        let locals = scan_both(&[0x20, 0xac, 0x02, 0x22, 0x7f, 0x21, 0x80, 0x01], 301);
        let used: Vec<_> = (0..301).filter(|local| locals[*local].weight > 0).collect();
        assert_eq!(used, [127, 128, 300]);
        assert_eq!(locals[300].flags, READ_FIRST);
    }

    #[test]
    fn writes_come_first_only_where_nothing_passes_them_by() {
        let is_read_first = |code: &[u8]| scan_both(code, 1)[0].flags & READ_FIRST != 0;
        // local.set, local.get; in a block, behind whose end it is read; at the start of a loop.
        assert!(!is_read_first(&[0x21, 0, 0x20, 0]));
        assert!(!is_read_first(&[0x02, 0x40, 0x21, 0, 0x0b, 0x20, 0]));
        assert!(!is_read_first(&[0x03, 0x40, 0x21, 0, 0x20, 0, 0x0d, 0, 0x0b]));
        // Behind a block that is left early.
        assert!(!is_read_first(&[0x02, 0x40, 0x0d, 0, 0x0b, 0x21, 0, 0x20, 0]));
        // Behind a conditional branch in a block, in a conditional arm, behind a table in a block.
        assert!(is_read_first(&[0x02, 0x40, 0x0d, 0, 0x21, 0, 0x0b, 0x20, 0]));
        assert!(is_read_first(&[0x04, 0x40, 0x21, 0, 0x0b, 0x20, 0]));
        assert!(is_read_first(&[0x02, 0x40, 0x0e, 1, 0, 0, 0x21, 0, 0x0b, 0x20, 0]));
        // A read comes first.
        assert!(is_read_first(&[0x20, 0, 0x21, 0]));
    }

    #[test]
    fn what_is_unknown_ends_it() {
        let locals = scan(&[0x21, 0, 0xff, 0x20, 0], 2);
        assert_eq!(locals[0], Usage::UNKNOWN);
        assert_eq!(locals[1], Usage { weight: 0, ..Usage::UNKNOWN });
    }

    #[test]
    fn truncated_and_absurd_bodies_end_it() {
        let long = [0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80];
        assert_eq!(scan(&long, 1)[0].last, u32::MAX);
        let absurd: [&[u8]; 5] =
            [&[0x20], &[0x41, 0x80], &[0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, 0], &[0x20, 0x80, 0x09], &[0xfd, 12]];
        for code in absurd {
            assert_eq!(scan(code, 1).len(), 1);
        }
    }
}
