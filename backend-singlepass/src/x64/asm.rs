//! The assembler: instructions of x86-64 by name, straight into the text, and what labels and constants they refer to.
//!
//! Instructions with fixed registers, where speed does not matter, are written with `dynasm!`, for which [`Asm`] is an assembler too.

use dynasmrt::{AssemblyOffset, DynasmApi};
use wasmer_runtime_core::types::{Ty, Width};

use crate::labels::{Label, Labels, patch};
use crate::regs::Reg;
use crate::x64::encode::Writer;
pub(crate) use crate::x64::encode::{Mem, Op, Rm};
use crate::x64::regs::*;

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

/// Writes instructions.
#[derive(Default)]
pub(crate) struct Asm {
    /// The text of the output, this function last.
    pub(crate) text: Vec<u8>,
    pub(crate) labels: Labels,
    /// Constants of the function, 16 bytes each.
    pub(super) pool: Vec<u128>,
    pool_refs: Vec<PoolRef>,
    /// Whether AVX is used.
    pub(crate) avx: bool,
    /// Offset in the vmctx of the base of memory 0.
    pub(crate) memory_base: i32,
    /// An instruction that ends at this position has left the zero flag for its result, in this register.
    zero_flag: Option<(usize, Reg, Width)>,
}

impl Asm {
    pub(crate) fn new(avx: bool) -> Self {
        Self { avx, ..Self::default() }
    }

    /// The last instruction has set the zero flag for its result.
    #[inline]
    pub(crate) fn note_zero_flag(&mut self, reg: Reg, width: Width) {
        self.zero_flag = Some((self.text.len(), reg, width));
    }

    /// Whether the zero flag tells if the register is zero.
    pub(crate) fn has_zero_flag(&self, reg: Reg, width: Width) -> bool {
        self.zero_flag == Some((self.text.len(), reg, width))
    }

    /// Forgets the last function's labels and constants.
    pub(crate) fn clear(&mut self) {
        self.zero_flag = None;
        self.labels.clear();
        self.pool.clear();
        self.pool_refs.clear();
    }

    pub(crate) fn position(&self) -> usize {
        self.text.len()
    }

    #[inline(always)]
    pub(super) fn instruction(&mut self, write: impl FnOnce(&mut Writer)) {
        Writer::append(&mut self.text, write);
    }

    /// The last four bytes but `tail` are the distance to a constant.
    fn note_pool(&mut self, constant: u32, tail: usize) {
        let end = self.text.len();
        self.pool_refs.push(PoolRef { place: (end - tail - 4) as u32, end: end as u32, constant });
    }

    /// `op reg, rm`, where `reg` may also be an extension of the opcode.
    #[inline]
    pub(crate) fn op(&mut self, op: Op, reg: u8, rm: &Rm) {
        match *rm {
            Rm::Reg(rm) => self.op_reg(op, reg, rm),
            Rm::Mem(mem) => self.op_mem(op, reg, mem),
            Rm::Pool(constant) => {
                self.instruction(|w| w.pool(op, reg));
                self.note_pool(constant, 0);
            }
        }
    }

    fn op_reg(&mut self, op: Op, reg: u8, rm: Reg) {
        self.instruction(|w| w.reg(op, reg, rm));
    }

    fn op_mem(&mut self, op: Op, reg: u8, mem: Mem) {
        self.instruction(|w| w.mem(op, reg, mem));
    }

    /// `op reg, rm, imm8`
    pub(crate) fn op_imm8(&mut self, op: Op, reg: u8, rm: &Rm, imm: u8) {
        self.op_imm::<1>(op, reg, rm, imm.into());
    }

    /// `op reg, rm, imm16`
    pub(crate) fn op_imm16(&mut self, op: Op, reg: u8, rm: &Rm, imm: u16) {
        self.op_imm::<2>(op, reg, rm, imm.into());
    }

    /// `op reg, rm, imm32`
    pub(crate) fn op_imm32(&mut self, op: Op, reg: u8, rm: &Rm, imm: i32) {
        self.op_imm::<4>(op, reg, rm, imm as u32);
    }

    #[inline]
    fn op_imm<const LEN: usize>(&mut self, op: Op, reg: u8, rm: &Rm, imm: u32) {
        self.instruction(|w| {
            match *rm {
                Rm::Reg(rm) => w.reg(op, reg, rm),
                Rm::Mem(mem) => w.mem(op, reg, mem),
                Rm::Pool(_) => w.pool(op, reg),
            }
            w.put(imm.into(), LEN);
        });
        if let Rm::Pool(constant) = *rm {
            self.note_pool(constant, LEN);
        }
    }

    /// `op reg, second, rm` with a VEX prefix; 128-bit vectors or scalars.
    pub(crate) fn vex(&mut self, op: Op, reg: Reg, second: Reg, rm: &Rm) {
        self.instruction(|w| w.vex(op, reg.code(), second.code(), rm));
        if let Rm::Pool(constant) = *rm {
            self.note_pool(constant, 0);
        }
    }

    /// `op reg, second, rm, imm8` with a VEX prefix.
    pub(crate) fn vex_imm8(&mut self, op: Op, reg: Reg, second: Reg, rm: &Rm, imm: u8) {
        self.instruction(|w| {
            w.vex(op, reg.code(), second.code(), rm);
            w.byte(imm);
        });
        if let Rm::Pool(constant) = *rm {
            self.note_pool(constant, 1);
        }
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

    pub(crate) fn mov_int(&mut self, width: Width, dst: Reg, src: Reg) {
        self.instruction(|w| w.reg(Op::new(0, 0, 0x8b).width(width), dst.0, src));
    }

    pub(crate) fn load_int(&mut self, width: Width, dst: Reg, src: &Mem) {
        let src = *src;
        self.instruction(|w| w.mem(Op::new(0, 0, 0x8b).width(width), dst.0, src));
    }

    pub(crate) fn store_int(&mut self, width: Width, dst: &Mem, src: Reg) {
        let dst = *dst;
        self.instruction(|w| w.mem(Op::new(0, 0, 0x89).width(width), src.0, dst));
    }

    pub(crate) fn lea(&mut self, width: Width, dst: Reg, src: &Mem) {
        let src = *src;
        self.instruction(|w| w.mem(Op::new(0, 0, 0x8d).width(width), dst.0, src));
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
            self.op_imm32(op, 0, &Rm::Mem(dst.plus(4)), (bits >> 32) as i32);
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
        self.zero_flag = None;
        self.labels.bind(&mut self.text, label);
    }

    /// Removes the jump to `label` that is the last instruction, and binds `other`, which was bound behind it, anew.
    pub(crate) fn remove_jump(&mut self, label: Label, other: Label) {
        let end = self.text.len();
        self.labels.forget_last(label, end - 4);
        self.text.truncate(end - 5);
        self.zero_flag = None;
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
        self.zero_flag = None;
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
        self.zero_flag = None;
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

pub(super) const fn int_width(ty: Ty) -> Width {
    if matches!(ty, Ty::I32 | Ty::F32) { Width::W32 } else { Width::W64 }
}

impl Mem {
    pub(crate) const fn frame(at: i32) -> Self {
        Self::new(RBP, at)
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
