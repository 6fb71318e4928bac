//! The encoder: instructions of x86-64 as bytes, straight into the text.
//!
//! An [`Op`] says prefix, opcode map, opcode and operand size; the encoder adds registers, addresses and immediates. The same `Op` is
//! encoded with or without VEX, so vector operators have one table for both. Instructions with fixed registers, where speed does not
//! matter, are written with `dynasm!`, for which [`Asm`] is an assembler too.

use dynasmrt::{AssemblyOffset, DynasmApi};
use wasmer_runtime_core::types::{Ty, Width};

use crate::labels::{Label, Labels, patch};
use crate::regs::{Machine, Reg, RegSet};
use crate::x64::regs::*;

/// An instruction, without operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Op(u32);

const W: u32 = 1 << 16;
const BYTE: u32 = 1 << 17;

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
        match width {
            Width::W32 => self,
            Width::W64 => self.w(),
        }
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

/// A place in memory: `base + index << scale + disp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mem {
    pub(crate) base: Reg,
    pub(crate) index: Option<Reg>,
    pub(crate) scale: u8,
    pub(crate) disp: i32,
}

impl Mem {
    pub(crate) const fn new(base: Reg, disp: i32) -> Self {
        Self { base, index: None, scale: 0, disp }
    }

    pub(crate) const fn indexed(base: Reg, index: Reg, scale: u8, disp: i32) -> Self {
        Self { base, index: Some(index), scale, disp }
    }

    pub(crate) const fn frame(at: i32) -> Self {
        Self::new(RBP, at)
    }

    /// Whether the address depends on the register.
    pub(crate) fn uses(&self, reg: Reg) -> bool {
        self.base == reg || self.index == Some(reg)
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

/// Conditions, as in `jcc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cc {
    O = 0,
    NO = 1,
    B = 2,
    AE = 3,
    E = 4,
    NE = 5,
    BE = 6,
    A = 7,
    S = 8,
    NS = 9,
    P = 10,
    NP = 11,
    L = 12,
    GE = 13,
    LE = 14,
    G = 15,
}

impl Cc {
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::O => Self::NO,
            Self::NO => Self::O,
            Self::S => Self::NS,
            Self::NS => Self::S,
            Self::B => Self::AE,
            Self::AE => Self::B,
            Self::E => Self::NE,
            Self::NE => Self::E,
            Self::BE => Self::A,
            Self::A => Self::BE,
            Self::P => Self::NP,
            Self::NP => Self::P,
            Self::L => Self::GE,
            Self::GE => Self::L,
            Self::LE => Self::G,
            Self::G => Self::LE,
        }
    }

    /// The condition for exchanged operands.
    pub(crate) fn swap(self) -> Self {
        match self {
            Self::B => Self::A,
            Self::A => Self::B,
            Self::AE => Self::BE,
            Self::BE => Self::AE,
            Self::L => Self::G,
            Self::G => Self::L,
            Self::GE => Self::LE,
            Self::LE => Self::GE,
            same => same,
        }
    }
}

/// The arithmetic instructions of the first opcode rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Alu {
    Add = 0,
    Or = 1,
    Adc = 2,
    Sbb = 3,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// Shifts and rotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Shift {
    Rol = 0,
    Ror = 1,
    Shl = 4,
    Shr = 5,
    Sar = 7,
}

/// A reference to a constant of the pool.
#[derive(Clone, Copy)]
struct PoolRef {
    /// Where its 32 bits are.
    place: u32,
    /// Where the instruction ends.
    end: u32,
    constant: u32,
}

/// The longest instruction is 15 bytes.
const INSTRUCTION_ROOM: usize = 16;

/// Writes instructions.
#[derive(Default)]
pub(crate) struct Asm {
    /// The text of the output, this function last.
    pub(crate) text: Vec<u8>,
    pub(crate) labels: Labels,
    /// Constants of the function, 16 bytes each.
    pool: Vec<u128>,
    pool_refs: Vec<PoolRef>,
    /// Whether AVX is used.
    pub(crate) avx: bool,
    /// Offset in the vmctx of the base of memory 0.
    pub(crate) memory_base: i32,
}

/// Where the bytes of an instruction go.
struct Writer(*mut u8);

impl Writer {
    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        // SAFETY: `Asm::instruction` has made room for INSTRUCTION_ROOM bytes, and no instruction has more.
        unsafe {
            self.0.write(byte);
            self.0 = self.0.add(1);
        }
    }

    #[inline(always)]
    fn word(&mut self, word: u32) {
        // SAFETY: as above.
        unsafe {
            self.0.cast::<[u8; 4]>().write(word.to_le_bytes());
            self.0 = self.0.add(4);
        }
    }
}

impl Asm {
    pub(crate) fn new(avx: bool) -> Self {
        Self { avx, ..Self::default() }
    }

    /// Forgets the last function's labels and constants.
    pub(crate) fn clear(&mut self) {
        self.labels.clear();
        self.pool.clear();
        self.pool_refs.clear();
    }

    pub(crate) fn position(&self) -> usize {
        self.text.len()
    }

    #[inline(always)]
    fn instruction(&mut self, write: impl FnOnce(&mut Writer)) {
        let len = self.text.len();
        if self.text.capacity() - len < INSTRUCTION_ROOM {
            self.text.reserve(self.text.capacity().max(4096));
        }
        // SAFETY: the vector has room for INSTRUCTION_ROOM bytes behind its length.
        let start = unsafe { self.text.as_mut_ptr().add(len) };
        let mut writer = Writer(start);
        write(&mut writer);
        // SAFETY: both pointers are into the vector's allocation, and the bytes in between were just written.
        unsafe {
            let written = writer.0.offset_from_unsigned(start);
            debug_assert!(written <= INSTRUCTION_ROOM);
            self.text.set_len(len + written);
        }
    }

    /// `tail` is how many bytes of immediate follow.
    #[inline(always)]
    fn note_pool(&mut self, rm: &Rm, tail: u32) {
        if let Rm::Pool(constant) = *rm {
            let end = self.text.len() as u32 + tail;
            self.pool_refs.push(PoolRef { place: self.text.len() as u32 - 4, end, constant });
        }
    }

    /// The ModRM byte and what follows it.
    #[inline(always)]
    fn operands(w: &mut Writer, reg: u8, rm: &Rm) {
        let reg = (reg & 7) << 3;
        match *rm {
            Rm::Reg(rm) => w.byte(0xc0 | reg | rm.0 & 7),
            Rm::Mem(Mem { base, index, scale, disp }) => {
                let low = base.0 & 7;
                // rbp and r13 as a base always have a displacement.
                let mode = if disp == 0 && low != 5 {
                    0
                } else if disp as i8 as i32 == disp {
                    0x40
                } else {
                    0x80
                };
                match index {
                    None if low != 4 => w.byte(mode | reg | low),
                    None => {
                        w.byte(mode | reg | 4);
                        w.byte(0x24);
                    }
                    Some(index) => {
                        debug_assert_ne!(index, RSP);
                        w.byte(mode | reg | 4);
                        w.byte(scale << 6 | (index.0 & 7) << 3 | low);
                    }
                }
                match mode {
                    0 => {}
                    0x40 => w.byte(disp as u8),
                    _ => w.word(disp as u32),
                }
            }
            Rm::Pool(_) => {
                w.byte(reg | 5);
                w.word(0);
            }
        }
    }

    /// The bits of the REX prefix for registers beyond the eighth.
    #[inline(always)]
    fn extensions(reg: u8, rm: &Rm) -> u8 {
        let r = (reg >> 3 & 1) << 2;
        match *rm {
            Rm::Reg(rm) => r | rm.0 >> 3 & 1,
            Rm::Mem(Mem { base, index, .. }) => {
                let x = index.map_or(0, |index| index.0 >> 3 & 1);
                r | x << 1 | base.0 >> 3 & 1
            }
            Rm::Pool(_) => r,
        }
    }

    #[inline(always)]
    fn legacy(w: &mut Writer, op: Op, reg: u8, rm: &Rm) {
        match op.prefix() {
            0 => {}
            1 => w.byte(0x66),
            2 => w.byte(0xf3),
            _ => w.byte(0xf2),
        }
        let mut rex = Self::extensions(reg, rm);
        if op.0 & (W | BYTE) != 0 {
            if op.is_w() {
                rex |= 0x48;
            }
            // Without a REX prefix, numbers 4 to 7 would be ah, ch, dh, bh.
            if op.0 & BYTE != 0 && (reg & 15 >= 4 || matches!(rm, Rm::Reg(rm) if rm.code() >= 4)) {
                rex |= 0x40;
            }
        }
        if rex != 0 {
            w.byte(0x40 | rex);
        }
        match op.map() {
            0 => {}
            1 => w.byte(0x0f),
            2 => {
                w.byte(0x0f);
                w.byte(0x38);
            }
            _ => {
                w.byte(0x0f);
                w.byte(0x3a);
            }
        }
        w.byte(op.0 as u8);
        Self::operands(w, reg, rm);
    }

    /// `op reg, rm`, where `reg` may also be an extension of the opcode.
    #[inline]
    pub(crate) fn op(&mut self, op: Op, reg: u8, rm: &Rm) {
        self.instruction(|w| Self::legacy(w, op, reg, rm));
        self.note_pool(rm, 0);
    }

    /// `op reg, rm, imm8`
    #[inline]
    pub(crate) fn op_imm8(&mut self, op: Op, reg: u8, rm: &Rm, imm: u8) {
        self.instruction(|w| Self::legacy(w, op, reg, rm));
        self.note_pool(rm, 1);
        self.instruction(|w| w.byte(imm));
    }

    /// `op reg, rm, imm32`
    #[inline]
    pub(crate) fn op_imm32(&mut self, op: Op, reg: u8, rm: &Rm, imm: i32) {
        self.instruction(|w| Self::legacy(w, op, reg, rm));
        self.note_pool(rm, 4);
        self.instruction(|w| w.word(imm as u32));
    }

    fn vex_bytes(w: &mut Writer, op: Op, reg: u8, second: u8, rm: &Rm) {
        let extensions = Self::extensions(reg, rm);
        let tail = !(second << 3) & 0x78 | op.prefix() as u8;
        if extensions & 3 == 0 && op.map() == 1 && !op.is_w() {
            w.byte(0xc5);
            w.byte((!extensions & 4) << 5 | tail);
        } else {
            w.byte(0xc4);
            w.byte((!extensions & 7) << 5 | op.map() as u8);
            w.byte((op.is_w() as u8) << 7 | tail);
        }
        w.byte(op.0 as u8);
        Self::operands(w, reg, rm);
    }

    /// `op reg, second, rm` with a VEX prefix; 128-bit vectors or scalars.
    pub(crate) fn vex(&mut self, op: Op, reg: Reg, second: Reg, rm: &Rm) {
        self.instruction(|w| Self::vex_bytes(w, op, reg.code(), second.code(), rm));
        self.note_pool(rm, 0);
    }

    /// `op reg, second, rm, imm8` with a VEX prefix.
    pub(crate) fn vex_imm8(&mut self, op: Op, reg: Reg, second: Reg, rm: &Rm, imm: u8) {
        self.instruction(|w| Self::vex_bytes(w, op, reg.code(), second.code(), rm));
        self.note_pool(rm, 1);
        self.instruction(|w| w.byte(imm));
    }

    // Integer instructions.

    #[inline]
    pub(crate) fn alu(&mut self, alu: Alu, width: Width, dst: Reg, src: &Rm) {
        self.op(Op::new(0, 0, (alu as u8) << 3 | 3).width(width), dst.0, src);
    }

    /// `alu [mem], reg`
    #[inline]
    pub(crate) fn alu_to_mem(&mut self, alu: Alu, width: Width, dst: &Mem, src: Reg) {
        self.op(Op::new(0, 0, (alu as u8) << 3 | 1).width(width), src.0, &Rm::Mem(*dst));
    }

    #[inline]
    pub(crate) fn alu_imm(&mut self, alu: Alu, width: Width, dst: &Rm, imm: i32) {
        if imm as i8 as i32 == imm {
            self.op_imm8(Op::new(0, 0, 0x83).width(width), alu as u8, dst, imm as u8);
        } else {
            self.op_imm32(Op::new(0, 0, 0x81).width(width), alu as u8, dst, imm);
        }
    }

    #[inline]
    pub(crate) fn test(&mut self, width: Width, a: Reg, b: Reg) {
        self.op(Op::new(0, 0, 0x85).width(width), b.0, &Rm::Reg(a));
    }

    pub(crate) fn test_imm(&mut self, width: Width, a: &Rm, imm: i32) {
        self.op_imm32(Op::new(0, 0, 0xf7).width(width), 0, a, imm);
    }

    #[inline]
    pub(crate) fn mov_int(&mut self, width: Width, dst: Reg, src: Reg) {
        self.op(Op::new(0, 0, 0x8b).width(width), dst.0, &Rm::Reg(src));
    }

    #[inline]
    pub(crate) fn load_int(&mut self, width: Width, dst: Reg, src: &Mem) {
        self.op(Op::new(0, 0, 0x8b).width(width), dst.0, &Rm::Mem(*src));
    }

    #[inline]
    pub(crate) fn store_int(&mut self, width: Width, dst: &Mem, src: Reg) {
        self.op(Op::new(0, 0, 0x89).width(width), src.0, &Rm::Mem(*dst));
    }

    pub(crate) fn lea(&mut self, width: Width, dst: Reg, src: &Mem) {
        self.op(Op::new(0, 0, 0x8d).width(width), dst.0, &Rm::Mem(*src));
    }

    pub(crate) fn shift_imm(&mut self, shift: Shift, width: Width, dst: Reg, count: u8) {
        self.op_imm8(Op::new(0, 0, 0xc1).width(width), shift as u8, &Rm::Reg(dst), count);
    }

    /// By `cl`.
    pub(crate) fn shift_cl(&mut self, shift: Shift, width: Width, dst: Reg) {
        self.op(Op::new(0, 0, 0xd3).width(width), shift as u8, &Rm::Reg(dst));
    }

    pub(crate) fn setcc(&mut self, cc: Cc, dst: Reg) {
        self.op(Op::new(0, 1, 0x90 | cc as u8).byte(), 0, &Rm::Reg(dst));
    }

    pub(crate) fn movzx8(&mut self, dst: Reg, src: Reg) {
        self.op(Op::new(0, 1, 0xb6).byte(), dst.0, &Rm::Reg(src));
    }

    pub(crate) fn cmov(&mut self, cc: Cc, width: Width, dst: Reg, src: &Rm) {
        self.op(Op::new(0, 1, 0x40 | cc as u8).width(width), dst.0, src);
    }

    /// An integer constant; leaves the flags alone unless it is zero.
    pub(crate) fn int_constant(&mut self, dst: Reg, bits: u64) {
        if bits == 0 {
            self.alu(Alu::Xor, Width::W32, dst, &Rm::Reg(dst));
        } else {
            self.int_constant_keeping_flags(dst, bits);
        }
    }

    pub(crate) fn int_constant_keeping_flags(&mut self, dst: Reg, bits: u64) {
        let rex = dst.0 >> 3;
        let opcode = 0xb8 | dst.0 & 7;
        if bits <= u64::from(u32::MAX) {
            self.instruction(|w| {
                if rex != 0 {
                    w.byte(0x41);
                }
                w.byte(opcode);
                w.word(bits as u32);
            });
        } else if bits as i64 >= i64::from(i32::MIN) && (bits as i64) < 0 {
            self.op_imm32(Op::new(0, 0, 0xc7).w(), 0, &Rm::Reg(dst), bits as i32);
        } else {
            self.instruction(|w| {
                w.byte(0x48 | rex);
                w.byte(opcode);
                w.word(bits as u32);
                w.word((bits >> 32) as u32);
            });
        }
    }

    /// Stores a constant of 4 or 8 bytes.
    pub(crate) fn store_imm(&mut self, width: Width, dst: &Mem, bits: u64) {
        let op = Op::new(0, 0, 0xc7);
        if width == Width::W32 {
            self.op_imm32(op, 0, &Rm::Mem(*dst), bits as i32);
        } else if bits as i32 as i64 == bits as i64 {
            self.op_imm32(op.w(), 0, &Rm::Mem(*dst), bits as i32);
        } else {
            self.op_imm32(op, 0, &Rm::Mem(*dst), bits as i32);
            self.op_imm32(op, 0, &Rm::Mem(Mem { disp: dst.disp + 4, ..*dst }), (bits >> 32) as i32);
        }
    }

    // Control.

    pub(crate) fn jmp(&mut self, label: Label) {
        if let Some(target) = self.labels.position(label) {
            let distance = i64::from(target) - (self.text.len() as i64 + 2);
            if distance >= -128 {
                self.instruction(|w| {
                    w.byte(0xeb);
                    w.byte(distance as u8);
                });
                return;
            }
        }
        self.instruction(|w| {
            w.byte(0xe9);
            w.word(0);
        });
        self.refer(label);
    }

    pub(crate) fn jcc(&mut self, cc: Cc, label: Label) {
        if let Some(target) = self.labels.position(label) {
            let distance = i64::from(target) - (self.text.len() as i64 + 2);
            if distance >= -128 {
                self.instruction(|w| {
                    w.byte(0x70 | cc as u8);
                    w.byte(distance as u8);
                });
                return;
            }
        }
        self.instruction(|w| {
            w.byte(0x0f);
            w.byte(0x80 | cc as u8);
            w.word(0);
        });
        self.refer(label);
    }

    /// The last four bytes are the distance to a label.
    fn refer(&mut self, label: Label) {
        let end = self.text.len();
        self.labels.refer(&mut self.text, label, end - 4, end);
    }

    /// A table entry: the distance of a label from `base`.
    pub(crate) fn table_entry(&mut self, label: Label, base: usize) {
        self.instruction(|w| w.word(0));
        let end = self.text.len();
        self.labels.refer(&mut self.text, label, end - 4, base);
    }

    pub(crate) fn bind(&mut self, label: Label) {
        self.labels.bind(&mut self.text, label);
    }

    /// Removes the jump to `label` that is the last instruction, and binds `other`, which was bound behind it, anew.
    pub(crate) fn remove_jump(&mut self, label: Label, other: Label) {
        let end = self.text.len();
        self.labels.forget_last(label, end - 4);
        self.text.truncate(end - 5);
        self.labels.bind(&mut self.text, other);
    }

    /// A jump over less than 128 bytes; [`Asm::land`] says where to.
    pub(crate) fn jcc_short(&mut self, cc: Cc) -> usize {
        self.instruction(|w| {
            w.byte(0x70 | cc as u8);
            w.byte(0);
        });
        self.text.len()
    }

    pub(crate) fn jmp_short(&mut self) -> usize {
        self.instruction(|w| {
            w.byte(0xeb);
            w.byte(0);
        });
        self.text.len()
    }

    /// The target of a short jump.
    pub(crate) fn land(&mut self, from: usize) {
        let distance = self.text.len() - from;
        assert!(distance < 128, "a short jump over {distance} bytes");
        self.text[from - 1] = distance as u8;
    }

    /// A conditional jump over anything; [`Asm::land_near`] says where to.
    pub(crate) fn jcc_near(&mut self, cc: Cc) -> usize {
        self.instruction(|w| {
            w.byte(0x0f);
            w.byte(0x80 | cc as u8);
            w.word(0);
        });
        self.text.len()
    }

    pub(crate) fn land_near(&mut self, from: usize) {
        let distance = (self.text.len() - from) as u32;
        patch(&mut self.text, from - 4, distance);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    // Constants in memory.

    /// The number of a constant in the pool. Recent ones are found again.
    pub(crate) fn pool(&mut self, bits: u128) -> u32 {
        let recent = self.pool.len().saturating_sub(16);
        if let Some(at) = self.pool[recent..].iter().position(|known| *known == bits) {
            return (recent + at) as u32;
        }
        self.pool.push(bits);
        self.pool.len() as u32 - 1
    }

    /// Places the constants that are referred to behind the code.
    pub(crate) fn place_pool(&mut self, start: usize) {
        if self.pool_refs.is_empty() {
            return;
        }
        let len = (self.text.len() - start).next_multiple_of(16);
        self.text.resize(start + len, 0);
        let base = self.text.len() as u32;
        for constant in &self.pool {
            self.text.extend_from_slice(&constant.to_le_bytes());
        }
        for reference in &self.pool_refs {
            let distance = (base + reference.constant * 16).wrapping_sub(reference.end);
            patch(&mut self.text, reference.place as usize, distance);
        }
    }
}

impl Extend<u8> for Asm {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        self.text.extend(bytes);
    }
}

impl<'a> Extend<&'a u8> for Asm {
    fn extend<T: IntoIterator<Item = &'a u8>>(&mut self, bytes: T) {
        self.text.extend(bytes);
    }
}

impl DynasmApi for Asm {
    fn offset(&self) -> AssemblyOffset {
        AssemblyOffset(self.text.len())
    }

    fn push(&mut self, byte: u8) {
        self.text.push(byte);
    }

    fn align(&mut self, alignment: usize, with: u8) {
        self.text.resize(self.text.len().next_multiple_of(alignment), with);
    }
}

const fn int_width(ty: Ty) -> Width {
    if matches!(ty, Ty::I32 | Ty::F32) { Width::W32 } else { Width::W64 }
}

impl Machine for Asm {
    const INT_SCRATCH: RegSet = RegSet::of(&[RAX, RCX, RDX, RSI, RDI]);
    const FLOAT_SCRATCH: RegSet = RegSet::of(&[xmm(0), xmm(1), xmm(2), xmm(3), xmm(4), xmm(5), xmm(6)]);
    const FIXED: RegSet = RegSet::of(&[VMCTX, MEMORY]);

    fn mov(&mut self, ty: Ty, dst: Reg, src: Reg) {
        if ty.is_int_class() {
            self.mov_int(int_width(ty), dst, src);
        } else {
            self.mov_float(dst, src);
        }
    }

    fn swap(&mut self, a: Reg, b: Reg) {
        if a.is_float() {
            self.mov_float(XMM_TEMP, a);
            self.mov_float(a, b);
            self.mov_float(b, XMM_TEMP);
        } else {
            self.op(Op::new(0, 0, 0x87).w(), a.0, &Rm::Reg(b));
        }
    }

    fn load(&mut self, ty: Ty, dst: Reg, at: i32) {
        self.load_value(ty, dst, &Mem::frame(at));
    }

    fn store(&mut self, ty: Ty, at: i32, src: Reg) {
        self.store_value(ty, &Mem::frame(at), src);
    }

    fn copy(&mut self, ty: Ty, to: i32, from: i32) {
        let ty = match ty {
            Ty::I32 => Ty::F32,
            Ty::I64 | Ty::Ref => Ty::F64,
            other => other,
        };
        self.load(ty, XMM_TEMP, from);
        self.store(ty, to, XMM_TEMP);
    }

    fn constant(&mut self, ty: Ty, dst: Reg, bits: u64) {
        if ty.is_int_class() {
            self.int_constant(dst, bits);
        } else if bits == 0 {
            self.zero_float(dst);
        } else {
            let number = self.pool(bits.into());
            self.load_float(ty, dst, &Rm::Pool(number));
        }
    }

    fn store_constant(&mut self, ty: Ty, at: i32, bits: u64) {
        self.store_imm(int_width(ty), &Mem::frame(at), bits);
    }

    fn vector(&mut self, dst: Reg, number: u32) {
        if self.pool[number as usize] == 0 {
            self.zero_float(dst);
        } else {
            self.load_float(Ty::V128, dst, &Rm::Pool(number));
        }
    }

    fn store_vector(&mut self, at: i32, number: u32) {
        self.vector(XMM_TEMP, number);
        self.store(Ty::V128, at, XMM_TEMP);
    }

    fn reload(&mut self, reg: Reg, valid: &mut RegSet) {
        if !valid.has(VMCTX) {
            self.load_int(Width::W64, VMCTX, &Mem::frame(VMCTX_PLACE));
            *valid = valid.with(VMCTX);
        }
        if reg == MEMORY {
            self.load_int(Width::W64, MEMORY, &Mem::new(VMCTX, self.memory_base));
            *valid = valid.with(MEMORY);
        }
    }
}

impl Asm {
    pub(crate) fn load_value(&mut self, ty: Ty, dst: Reg, src: &Mem) {
        if ty.is_int_class() {
            self.load_int(int_width(ty), dst, src);
        } else {
            self.load_float(ty, dst, &Rm::Mem(*src));
        }
    }

    pub(crate) fn store_value(&mut self, ty: Ty, dst: &Mem, src: Reg) {
        if ty.is_int_class() {
            self.store_int(int_width(ty), dst, src);
        } else {
            self.store_float(ty, dst, src);
        }
    }

    /// A vector instruction with two operands: `op dst, src`. Its VEX form has no second source.
    pub(crate) fn v2(&mut self, op: Op, dst: Reg, src: &Rm) {
        if self.avx {
            self.vex(op, dst, xmm(0), src);
        } else {
            self.op(op, dst.code(), src);
        }
    }

    pub(crate) fn mov_float(&mut self, dst: Reg, src: Reg) {
        self.v2(Op::new(0, 1, 0x28), dst, &Rm::Reg(src));
    }

    pub(crate) fn zero_float(&mut self, dst: Reg) {
        let op = Op::new(0, 1, 0x57);
        if self.avx {
            self.vex(op, dst, dst, &Rm::Reg(dst));
        } else {
            self.op(op, dst.code(), &Rm::Reg(dst));
        }
    }

    pub(crate) fn load_float(&mut self, ty: Ty, dst: Reg, src: &Rm) {
        self.v2(float_move(ty, 0x10), dst, src);
    }

    pub(crate) fn store_float(&mut self, ty: Ty, dst: &Mem, src: Reg) {
        self.v2(float_move(ty, 0x11), src, &Rm::Mem(*dst));
    }
}

/// `movss`, `movsd` or `movups`.
const fn float_move(ty: Ty, opcode: u8) -> Op {
    match ty {
        Ty::F32 => Op::new(0xf3, 1, opcode),
        Ty::F64 => Op::new(0xf2, 1, opcode),
        _ => Op::new(0, 1, opcode),
    }
}
