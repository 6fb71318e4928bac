//! The encoding of instructions as bytes.
//!
//! An [`Op`] says prefix, opcode map, opcode and operand size; the encoder adds registers, addresses and immediates. The same `Op` is
//! encoded with or without VEX, so vector operators have one table for both. Parts that an instruction may lack are written always
//! and the position moves on only if it has them: what instructions look like is nothing that a processor could predict.
//! Bytes go straight behind the text's end; [`append`] makes the room, and types see to it that there is one instruction per room.

use wasmer_runtime_core::types::Width;

use crate::isa::x64::regs::RSP;
use crate::regs::Reg;

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
    pub(super) const fn new(prefix: u8, map: u8, opcode: u8) -> Self {
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
    pub(super) const fn byte(self) -> Self {
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

/// What one instruction writes at most, counting what is written in vain: the longest form, which begins at most 7 bytes behind
/// the start with eight bytes for a displacement and ends with eight for an immediate, needs 23.
pub(super) const INSTRUCTION_ROOM: usize = 24;

/// Appends one instruction to `text`.
#[inline(always)]
pub(super) fn append(text: &mut Vec<u8>, write: impl FnOnce(Blank) -> End) {
    let len = text.len();
    if text.capacity() - len < INSTRUCTION_ROOM {
        grow(text);
    }
    // SAFETY: the vector has room for INSTRUCTION_ROOM bytes behind its length.
    let start = unsafe { text.as_mut_ptr().add(len) };
    let End(end) = write(Blank(Cursor(start)));
    // SAFETY: an `End` is made of a `Blank` only, and the only one that exists here points to `start`; what lies in between was written.
    unsafe {
        let written = end.offset_from_unsigned(start);
        debug_assert!(written <= INSTRUCTION_ROOM - 8);
        text.set_len(len + written);
    }
}

#[cold]
#[inline(never)]
fn grow(text: &mut Vec<u8>) {
    text.reserve(text.capacity().max(4096));
}

/// Room for one instruction, nothing of which is written yet. Each method writes one form of it, and none can be called twice: that is
/// why [`INSTRUCTION_ROOM`] holds.
pub(super) struct Blank(Cursor);

/// An instruction that an immediate may follow.
pub(super) struct Form(Cursor);

/// The end of an instruction.
pub(super) struct End(*mut u8);

impl Form {
    /// Nothing follows.
    #[inline(always)]
    pub(super) fn end(self) -> End {
        End(self.0.0)
    }

    /// An immediate of `LEN` bytes follows.
    #[inline(always)]
    pub(super) fn imm<const LEN: usize>(mut self, value: u32) -> End {
        const { assert!(LEN <= 4) };
        // SAFETY: a form has at most 11 bytes and leaves room for eight more.
        unsafe { self.0.put(value.into(), LEN) };
        End(self.0.0)
    }
}

impl Blank {
    /// An opcode whose operands are part of it.
    #[inline(always)]
    pub(super) fn opcode<const LEN: usize>(mut self, opcode: [u8; LEN]) -> Form {
        const { assert!(LEN <= 4) };
        let mut bytes = [0; 8];
        bytes[..LEN].copy_from_slice(&opcode);
        // SAFETY: nothing was written, so there is room for eight bytes.
        unsafe { self.0.put(u64::from_le_bytes(bytes), LEN) };
        Form(self.0)
    }

    /// `op reg, imm64`, where the lowest bits of the opcode are the register.
    #[inline(always)]
    pub(super) fn opcode_imm64(mut self, op: Op, reg: Reg, imm: u64) -> End {
        // SAFETY: two bytes and eight are less than INSTRUCTION_ROOM.
        unsafe {
            self.0.put(u64::from(0x48 | reg.0 >> 3) | u64::from(op.0 as u8 | reg.0 & 7) << 8, 2);
            self.0.put(imm, 8);
        }
        End(self.0.0)
    }

    /// `op reg`, where the lowest bits of the opcode are the register.
    #[inline(always)]
    pub(super) fn opcode_reg(mut self, op: Op, reg: Reg) -> Form {
        // SAFETY: at most two bytes.
        unsafe {
            if reg.0 & 8 != 0 {
                self.0.byte(0x41);
            }
            self.0.byte(op.0 as u8 | reg.0 & 7);
        }
        Form(self.0)
    }

    /// `op reg, rm` between registers.
    #[inline(always)]
    pub(super) fn reg(mut self, op: Op, reg: u8, rm: Reg) -> Form {
        // SAFETY: nothing was written, and a head has at most five bytes.
        unsafe {
            self.0.head(op, (reg >> 3 & 1) << 2 | rm.0 >> 3 & 1, needs_rex(op, reg | rm.0));
            self.0.byte(0xc0 | (reg & 7) << 3 | rm.0 & 7);
        }
        Form(self.0)
    }

    /// `op reg, [mem]`
    #[inline(always)]
    pub(super) fn mem(mut self, op: Op, reg: u8, mem: Mem) -> Form {
        // SAFETY: nothing was written, and a head has at most five bytes, in front of an address.
        unsafe {
            self.0.head(op, (reg >> 3 & 1) << 2 | mem.extensions(), needs_rex(op, reg));
            self.0.address(reg, mem);
        }
        Form(self.0)
    }

    /// `op reg, [rbp + at]`: by far the most frequent address.
    #[inline(always)]
    pub(super) fn frame(mut self, op: Op, reg: u8, at: i32) -> End {
        let (mode, len) = if at as i8 as i32 == at { (0x45, 2) } else { (0x85, 5) };
        // SAFETY: nothing was written, and a head has at most five bytes.
        unsafe {
            self.0.head(op, (reg >> 3 & 1) << 2, false);
            self.0.put(u64::from(mode | (reg & 7) << 3) | u64::from(at as u32) << 8, len);
        }
        End(self.0.0)
    }

    /// `op reg, [rip + 0]`: the distance is filled in later.
    #[inline(always)]
    pub(super) fn pool(mut self, op: Op, reg: u8) -> Form {
        // SAFETY: nothing was written, and a head has at most five bytes.
        unsafe {
            self.0.head(op, (reg >> 3 & 1) << 2, needs_rex(op, reg));
            self.0.byte((reg & 7) << 3 | 5);
            self.0.word(0);
        }
        Form(self.0)
    }

    /// `op reg, second, rm` with a VEX prefix.
    #[inline(always)]
    pub(super) fn vex(mut self, op: Op, reg: u8, second: u8, rm: &Rm) -> Form {
        let extensions = (reg >> 3 & 1) << 2
            | match *rm {
                Rm::Reg(rm) => rm.0 >> 3 & 1,
                Rm::Mem(mem) => mem.extensions(),
                Rm::Pool(_) => 0,
            };
        let tail = !(second << 3) & 0x78 | op.prefix() as u8;
        // SAFETY: nothing was written, and prefix and opcode are at most four bytes, in front of an address.
        unsafe {
            if extensions & 3 == 0 && op.map() == 1 && !op.is_w() {
                self.0.byte(0xc5);
                self.0.byte((!extensions & 4) << 5 | tail);
            } else {
                self.0.byte(0xc4);
                self.0.byte((!extensions & 7) << 5 | op.map() as u8);
                self.0.byte((op.is_w() as u8) << 7 | tail);
            }
            self.0.byte(op.0 as u8);
            match *rm {
                Rm::Reg(rm) => self.0.byte(0xc0 | (reg & 7) << 3 | rm.0 & 7),
                Rm::Mem(mem) => self.0.address(reg, mem),
                Rm::Pool(_) => {
                    self.0.byte((reg & 7) << 3 | 5);
                    self.0.word(0);
                }
            }
        }
        Form(self.0)
    }
}

/// An 8-bit register from number 4 on needs a REX prefix: without, the numbers 4 to 7 are ah, ch, dh, bh.
#[inline(always)]
const fn needs_rex(op: Op, regs: u8) -> bool {
    op.0 & BYTE != 0 && regs & 12 != 0
}

/// Where the next byte goes. The methods write without looking: whoever calls them has room for what they say.
struct Cursor(*mut u8);

impl Cursor {
    /// Writes eight bytes of which the lowest `len` count.
    ///
    /// # Safety
    /// There is room for eight bytes.
    #[inline(always)]
    unsafe fn put(&mut self, bytes: u64, len: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            self.0.cast::<[u8; 8]>().write(bytes.to_le_bytes());
            self.0 = self.0.add(len);
        }
    }

    /// # Safety
    /// There is room for the byte.
    #[inline(always)]
    unsafe fn byte(&mut self, byte: u8) {
        // SAFETY: the caller's promise.
        unsafe {
            self.0.write(byte);
            self.0 = self.0.add(1);
        }
    }

    /// # Safety
    /// There is room for the four bytes.
    #[inline(always)]
    unsafe fn word(&mut self, word: u32) {
        // SAFETY: the caller's promise.
        unsafe {
            self.0.cast::<[u8; 4]>().write(word.to_le_bytes());
            self.0 = self.0.add(4);
        }
    }

    /// Everything up to the opcode, at most five bytes. `force`: with REX prefix in any case.
    ///
    /// # Safety
    /// There is room for eight bytes.
    #[inline(always)]
    unsafe fn head(&mut self, op: Op, extensions: u8, force: bool) {
        let prefix = op.prefix();
        let rex = extensions | (op.0 >> 13) as u8 & 8;
        let map = op.map();
        // Put together in a register.
        let escape_bits = (ESCAPE_LENS >> (map * 4) & 15) * 8;
        let mut bytes = u64::from(op.0 as u8) << escape_bits | (ESCAPES >> (map * 16) & 0xffff);
        let mut len = 1 + escape_bits as usize / 8;
        let has_rex = rex != 0 || force;
        bytes = (bytes << (u32::from(has_rex) * 8)) | (u64::from(0x40 | rex) * u64::from(has_rex));
        len += usize::from(has_rex);
        let has_prefix = prefix != 0;
        bytes = bytes << (u32::from(has_prefix) * 8) | u64::from(PREFIXES >> (prefix * 8) & 0xff);
        len += usize::from(has_prefix);
        // SAFETY: the caller's promise.
        unsafe { self.put(bytes, len) };
    }

    /// The ModRM byte and what follows it, at most six bytes.
    ///
    /// # Safety
    /// There is room for ten bytes.
    #[inline(always)]
    unsafe fn address(&mut self, reg: u8, Mem { disp, base, index, scale }: Mem) {
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
        // SAFETY: the caller's promise.
        unsafe {
            self.put(u64::from(mode | reg | rm) | u64::from(sib) << 8, 1 + usize::from(has_sib));
            self.put(u64::from(disp as u32), disp_len);
        }
    }
}
