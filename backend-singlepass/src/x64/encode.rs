//! The encoding of instructions as bytes.
//!
//! An [`Op`] says prefix, opcode map, opcode and operand size; the encoder adds registers, addresses and immediates. The same `Op` is
//! encoded with or without VEX, so vector operators have one table for both. Parts that an instruction may lack are written always
//! and the position moves on only if it has them: what instructions look like is nothing that a processor could predict.

use wasmer_runtime_core::types::Width;

use crate::regs::Reg;
use crate::x64::regs::RSP;

/// An instruction, without operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Op(u32);

const W: u32 = 1 << 16;
const BYTE: u32 = 1 << 17;

/// The prefixes by number, a byte each.
const PREFIXES: u32 = 0xf2_f3_66_00;
/// The bytes in front of the opcode by opcode map, two each, and how many they are, four bits each.
const ESCAPES: u64 = 0x3a0f_380f_000f_0000;
const ESCAPE_LENS: u32 = 0x2210;

impl Op {
    /// `map`: 0 for one-byte opcodes, 1 for `0f`, 2 for `0f 38`, 3 for `0f 3a`. `prefix`: 0, or one of 66, f3, f2.
    pub(crate) const fn new(prefix: u8, map: u8, opcode: u8) -> Self {
        let prefix = match prefix {
            0 => 0,
            0x66 => 1,
            0xf3 => 2,
            _ => 3,
        };
        Self(opcode as u32 | (map as u32) << 8 | prefix << 12)
    }

    /// With 64-bit operands.
    pub(crate) const fn w(self) -> Self {
        Self(self.0 | W)
    }

    /// With operands of this width.
    pub(crate) const fn width(self, width: Width) -> Self {
        Self(self.0 | (width as u32) << 16)
    }

    /// With 8-bit registers.
    pub(crate) const fn byte(self) -> Self {
        Self(self.0 | BYTE)
    }

    const fn map(self) -> u32 {
        self.0 >> 8 & 15
    }

    const fn prefix(self) -> u32 {
        self.0 >> 12 & 15
    }

    const fn is_w(self) -> bool {
        self.0 & W != 0
    }
}

/// [`Op::width`] relies on it.
const _: () = assert!(Width::W32 as u32 == 0 && Width::W64 as u32 == 1);

/// A place in memory: `base + index << scale + disp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mem {
    pub(crate) disp: i32,
    pub(crate) base: Reg,
    /// [`RSP`] if there is none: that is how instructions say it.
    index: Reg,
    scale: u8,
}

impl Mem {
    pub(crate) const fn new(base: Reg, disp: i32) -> Self {
        Self { disp, base, index: RSP, scale: 0 }
    }

    pub(crate) const fn indexed(base: Reg, index: Reg, scale: u8, disp: i32) -> Self {
        Self { disp, base, index, scale }
    }

    /// The place so many bytes further.
    pub(crate) const fn plus(self, bytes: i32) -> Self {
        Self { disp: self.disp + bytes, ..self }
    }

    /// The same with another index, if it has this one.
    pub(crate) fn replace_index(&mut self, index: Reg, other: Reg) {
        if self.index == index {
            self.index = other;
        }
    }

    /// Whether the address depends on the register.
    pub(crate) fn uses(&self, reg: Reg) -> bool {
        self.base == reg || self.index == reg
    }

    /// The bits of the REX prefix for registers beyond the eighth.
    const fn extensions(self) -> u8 {
        (self.index.0 >> 3 & 1) << 1 | self.base.0 >> 3 & 1
    }
}

/// The operand of an instruction that can be a register or a place in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rm {
    Reg(Reg),
    Mem(Mem),
    /// A constant of the pool, by number.
    Pool(u32),
}

/// The longest instruction is 15 bytes; what is written in vain comes on top.
pub(crate) const INSTRUCTION_ROOM: usize = 24;

/// Where the bytes of an instruction go.
pub(crate) struct Writer(*mut u8);

impl Writer {
    /// Appends what `write` writes to `text`.
    #[inline(always)]
    pub(crate) fn append(text: &mut Vec<u8>, write: impl FnOnce(&mut Self)) {
        let len = text.len();
        if text.capacity() - len < INSTRUCTION_ROOM {
            grow(text);
        }
        // SAFETY: the vector has room for INSTRUCTION_ROOM bytes behind its length.
        let start = unsafe { text.as_mut_ptr().add(len) };
        let mut writer = Self(start);
        write(&mut writer);
        // SAFETY: both pointers are into the vector's allocation, and the bytes in between were just written.
        unsafe {
            let written = writer.0.offset_from_unsigned(start);
            debug_assert!(written <= INSTRUCTION_ROOM - 8);
            text.set_len(len + written);
        }
    }

    /// Writes eight bytes of which the lowest `len` count.
    #[inline(always)]
    pub(crate) fn put(&mut self, bytes: u64, len: usize) {
        // SAFETY: `append` has made room for INSTRUCTION_ROOM bytes, and no instruction has more than that minus 8.
        unsafe {
            self.0.cast::<[u8; 8]>().write(bytes.to_le_bytes());
            self.0 = self.0.add(len);
        }
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self, byte: u8) {
        // SAFETY: as above.
        unsafe {
            self.0.write(byte);
            self.0 = self.0.add(1);
        }
    }

    #[inline(always)]
    pub(crate) fn word(&mut self, word: u32) {
        // SAFETY: as above.
        unsafe {
            self.0.cast::<[u8; 4]>().write(word.to_le_bytes());
            self.0 = self.0.add(4);
        }
    }

    /// Everything up to the opcode. `force`: with REX prefix in any case.
    #[inline(always)]
    fn head(&mut self, op: Op, extensions: u8, force: bool) {
        let prefix = op.prefix();
        let rex = extensions | (op.0 >> 13) as u8 & 8;
        let map = op.map();
        // At most five bytes, put together in a register.
        let escape_bits = (ESCAPE_LENS >> (map * 4) & 15) * 8;
        let mut bytes = u64::from(op.0 as u8) << escape_bits | (ESCAPES >> (map * 16) & 0xffff);
        let mut len = 1 + escape_bits as usize / 8;
        let has_rex = rex != 0 || force;
        bytes = (bytes << (u32::from(has_rex) * 8)) | (u64::from(0x40 | rex) * u64::from(has_rex));
        len += usize::from(has_rex);
        let has_prefix = prefix != 0;
        bytes = bytes << (u32::from(has_prefix) * 8) | u64::from(PREFIXES >> (prefix * 8) & 0xff);
        len += usize::from(has_prefix);
        self.put(bytes, len);
    }

    /// An 8-bit register from number 4 on needs a REX prefix: without, the numbers 4 to 7 are ah, ch, dh, bh.
    #[inline(always)]
    const fn needs_rex(op: Op, regs: u8) -> bool {
        op.0 & BYTE != 0 && regs & 12 != 0
    }

    /// `op reg, rm` between registers.
    #[inline(always)]
    pub(crate) fn reg(&mut self, op: Op, reg: u8, rm: Reg) {
        self.head(op, (reg >> 3 & 1) << 2 | rm.0 >> 3 & 1, Self::needs_rex(op, reg | rm.0));
        self.byte(0xc0 | (reg & 7) << 3 | rm.0 & 7);
    }

    /// `op reg, [mem]`
    #[inline(always)]
    pub(crate) fn mem(&mut self, op: Op, reg: u8, mem: Mem) {
        self.head(op, (reg >> 3 & 1) << 2 | mem.extensions(), Self::needs_rex(op, reg));
        self.address(reg, mem);
    }

    /// `op reg, [rbp + at]`: by far the most frequent address.
    #[inline(always)]
    pub(crate) fn frame(&mut self, op: Op, reg: u8, at: i32) {
        self.head(op, (reg >> 3 & 1) << 2, false);
        let (mode, len) = if at as i8 as i32 == at { (0x45, 2) } else { (0x85, 5) };
        self.put(u64::from(mode | (reg & 7) << 3) | u64::from(at as u32) << 8, len);
    }

    /// `op reg, [rip + 0]`: the distance is filled in later.
    #[inline(always)]
    pub(crate) fn pool(&mut self, op: Op, reg: u8) {
        self.head(op, (reg >> 3 & 1) << 2, Self::needs_rex(op, reg));
        self.byte((reg & 7) << 3 | 5);
        self.word(0);
    }

    /// The ModRM byte and what follows it.
    #[inline(always)]
    fn address(&mut self, reg: u8, Mem { disp, base, index, scale }: Mem) {
        let low = base.0 & 7;
        // rbp and r13 as a base always have a displacement.
        let (mode, disp_len) = if disp as i8 as i32 != disp {
            (0x80, 4)
        } else if disp != 0 || low == 5 {
            (0x40, 1)
        } else {
            (0, 0)
        };
        let reg = (reg & 7) << 3;
        let has_sib = index.0 != RSP.0 || low == RSP.0;
        let rm = if has_sib { 4 } else { low };
        let sib = scale << 6 | (index.0 & 7) << 3 | low;
        self.put(u64::from(mode | reg | rm) | u64::from(sib) << 8, 1 + usize::from(has_sib));
        self.put(u64::from(disp as u32), disp_len);
    }

    /// `op reg, second, rm` with a VEX prefix.
    #[inline(always)]
    pub(crate) fn vex(&mut self, op: Op, reg: u8, second: u8, rm: &Rm) {
        let extensions = (reg >> 3 & 1) << 2
            | match *rm {
                Rm::Reg(rm) => rm.0 >> 3 & 1,
                Rm::Mem(mem) => mem.extensions(),
                Rm::Pool(_) => 0,
            };
        let tail = !(second << 3) & 0x78 | op.prefix() as u8;
        if extensions & 3 == 0 && op.map() == 1 && !op.is_w() {
            self.byte(0xc5);
            self.byte((!extensions & 4) << 5 | tail);
        } else {
            self.byte(0xc4);
            self.byte((!extensions & 7) << 5 | op.map() as u8);
            self.byte((op.is_w() as u8) << 7 | tail);
        }
        self.byte(op.0 as u8);
        match *rm {
            Rm::Reg(rm) => self.byte(0xc0 | (reg & 7) << 3 | rm.0 & 7),
            Rm::Mem(mem) => self.address(reg, mem),
            Rm::Pool(_) => {
                self.byte((reg & 7) << 3 | 5);
                self.word(0);
            }
        }
    }
}

#[cold]
#[inline(never)]
fn grow(text: &mut Vec<u8>) {
    text.reserve(text.capacity().max(4096));
}
