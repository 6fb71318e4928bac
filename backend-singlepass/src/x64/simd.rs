//! Vectors: operators on whole vectors. Operators that are one instruction stand in tables.

use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::{Entry, Loc};
use crate::codegen::Codegen;
use crate::regs::Reg;
use crate::x64::asm::{Alu, Cc, Op, Rm, Shift};
use crate::x64::float::{ADD, DIV, MAX, MIN, MUL, SQRT, SUB, packed, rounding, signs};
use crate::x64::regs::*;

/// `66 0f opcode`
pub(crate) const fn p(opcode: u8) -> Op {
    Op::new(0x66, 1, opcode)
}

/// `66 0f 38 opcode`
pub(crate) const fn p38(opcode: u8) -> Op {
    Op::new(0x66, 2, opcode)
}

/// `66 0f 3a opcode`
pub(crate) const fn p3a(opcode: u8) -> Op {
    Op::new(0x66, 3, opcode)
}

pub(crate) const PAND: Op = p(0xdb);
pub(crate) const PANDN: Op = p(0xdf);
pub(crate) const POR: Op = p(0xeb);
pub(crate) const PXOR: Op = p(0xef);
pub(crate) const PSHUFD: Op = p(0x70);
pub(crate) const PSHUFB: Op = p38(0x00);
pub(crate) const PUNPCKLQDQ: Op = p(0x6c);
const PMADDUBSW: Op = p38(0x04);
const PMADDWD: Op = p(0xf5);
const PCMPEQD: Op = p(0x76);
const PADDD: Op = p(0xfe);
const PADDQ: Op = p(0xd4);
const PSUBQ: Op = p(0xfb);
const PMULUDQ: Op = p(0xf4);
const PTEST: Op = p38(0x17);

/// A 16-bit pattern in all lanes.
pub(crate) const fn words(word: u16) -> u128 {
    word as u128 * 0x0001_0001_0001_0001_0001_0001_0001_0001
}

/// A byte in all lanes.
pub(crate) const fn bytes(byte: u8) -> u128 {
    words(byte as u16 * 0x0101)
}

/// A 32-bit pattern in all lanes.
pub(crate) const fn dwords(dword: u32) -> u128 {
    dword as u128 * 0x0000_0001_0000_0001_0000_0001_0000_0001
}

/// A 64-bit pattern in both lanes.
pub(crate) const fn qwords(qword: u64) -> u128 {
    qword as u128 | (qword as u128) << 64
}

/// The instruction for each lane width.
fn by_shape(shape: IntShape, ops: [Op; 4]) -> Op {
    match shape {
        IntShape::I8x16 => ops[0],
        IntShape::I16x8 => ops[1],
        IntShape::I32x4 => ops[2],
        IntShape::I64x2 => ops[3],
    }
}

/// The instruction of an operator that is one: `op(lhs, rhs)`.
fn single(op: SimdBinary) -> Option<Op> {
    use IntShape::{I8x16, I16x8, I32x4};
    Some(match op {
        SimdBinary::And => PAND,
        SimdBinary::Or => POR,
        SimdBinary::Xor => PXOR,
        SimdBinary::Add(shape) => by_shape(shape, [p(0xfc), p(0xfd), PADDD, PADDQ]),
        SimdBinary::Sub(shape) => by_shape(shape, [p(0xf8), p(0xf9), p(0xfa), PSUBQ]),
        SimdBinary::AddSat { shape: I8x16, signed } => p(if signed { 0xec } else { 0xdc }),
        SimdBinary::AddSat { signed, .. } => p(if signed { 0xed } else { 0xdd }),
        SimdBinary::SubSat { shape: I8x16, signed } => p(if signed { 0xe8 } else { 0xd8 }),
        SimdBinary::SubSat { signed, .. } => p(if signed { 0xe9 } else { 0xd9 }),
        SimdBinary::Mul(I16x8) => p(0xd5),
        SimdBinary::Mul(I32x4) => p38(0x40),
        SimdBinary::Min { shape, signed } => minimum(shape, signed),
        SimdBinary::Max { shape, signed } => maximum(shape, signed),
        SimdBinary::AvgrU(I8x16) => p(0xe0),
        SimdBinary::AvgrU(_) => p(0xe3),
        SimdBinary::RelaxedQ15mulr => p38(0x0b),
        SimdBinary::Dot => PMADDWD,
        SimdBinary::Narrow { to: I8x16, signed } => p(if signed { 0x63 } else { 0x67 }),
        SimdBinary::Narrow { signed: true, .. } => p(0x6b),
        SimdBinary::Narrow { signed: false, .. } => p38(0x2b),
        SimdBinary::RelaxedSwizzle => PSHUFB,
        SimdBinary::AndNot
        | SimdBinary::Mul(_)
        | SimdBinary::Q15mulrSat
        | SimdBinary::RelaxedDot
        | SimdBinary::Extmul { .. }
        | SimdBinary::Swizzle => return None,
    })
}

fn minimum(shape: IntShape, signed: bool) -> Op {
    let ops = if signed { [p38(0x38), p(0xea), p38(0x39), PXOR] } else { [p(0xda), p38(0x3a), p38(0x3b), PXOR] };
    by_shape(shape, ops)
}

fn maximum(shape: IntShape, signed: bool) -> Op {
    let ops = if signed { [p38(0x3c), p(0xee), p38(0x3d), PXOR] } else { [p(0xde), p38(0x3e), p38(0x3f), PXOR] };
    by_shape(shape, ops)
}

fn equal(shape: IntShape) -> Op {
    by_shape(shape, [p(0x74), p(0x75), PCMPEQD, p38(0x29)])
}

impl Codegen {
    // Helpers.

    /// A vector where an instruction can read it. Without AVX, memory would have to be aligned.
    pub(crate) fn v_rm(&mut self, entry: &mut Entry) -> Rm {
        match entry.loc {
            Loc::Vector(number) => Rm::Pool(number),
            _ if self.a.avx => self.in_rm(entry),
            _ => Rm::Reg(self.al.in_reg(&mut self.a, entry)),
        }
    }

    pub(crate) fn v_pool(&mut self, bits: u128) -> Rm {
        Rm::Pool(self.a.pool(bits))
    }

    fn v_push(&mut self, reg: Reg) -> Result<()> {
        self.push_reg(Ty::V128, reg);
        Ok(())
    }

    /// `op(lhs, rhs)` of operands that are given back.
    fn v_apply(&mut self, op: Op, mut lhs: Entry, mut rhs: Entry) -> Reg {
        let right = self.v_rm(&mut rhs);
        if self.a.avx {
            let left = self.al.in_reg(&mut self.a, &mut lhs);
            self.al.drop_entry(lhs);
            self.al.drop_entry(rhs);
            let dst = self.al.alloc(&mut self.a, Ty::V128);
            self.a.vex(op, dst, left, &right);
            return dst;
        }
        let dst = self.al.own(&mut self.a, &mut lhs);
        self.a.op(op, dst.code(), &right);
        self.al.drop_entry(rhs);
        dst
    }

    /// Inverts all bits.
    fn v_not(&mut self, reg: Reg) {
        self.a.v3(PCMPEQD, XMM_TEMP, XMM_TEMP, &Rm::Reg(XMM_TEMP));
        self.a.v3(PXOR, reg, reg, &Rm::Reg(XMM_TEMP));
    }

    /// `dst = src << imm`, or another shift of the group: `group` is the opcode, `ext` the extension.
    fn v_shift_imm(&mut self, group: u8, ext: u8, dst: Reg, src: Reg, imm: u8) {
        if self.a.avx {
            self.a.vex_imm8(p(group), Reg(ext), dst, &Rm::Reg(src), imm);
            return;
        }
        if dst != src {
            self.a.mov_float(dst, src);
        }
        self.a.op_imm8(p(group), ext, &Rm::Reg(dst), imm);
    }

    /// A copy of `src` in a register of its own.
    fn v_temp(&mut self) -> Reg {
        self.al.alloc(&mut self.a, Ty::V128)
    }

    /// Extends the lower or upper half of the lanes to twice their width.
    fn v_extend(&mut self, to: IntShape, high: bool, signed: bool, dst: Reg, src: Reg) {
        let opcode = match to {
            IntShape::I8x16 | IntShape::I16x8 => 0x20,
            IntShape::I32x4 => 0x23,
            IntShape::I64x2 => 0x25,
        };
        let op = p38(if signed { opcode } else { opcode + 0x10 });
        let mut src = src;
        if high {
            self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), 0xee);
            src = dst;
        }
        self.a.v2(op, dst, &Rm::Reg(src));
    }

    // Operators with one operand.

    pub(crate) fn v_unary(&mut self, op: SimdUnary) -> Result<()> {
        let mut value = self.pop();
        let src = self.al.in_reg(&mut self.a, &mut value);
        let dst = self.v_temp();
        match op {
            SimdUnary::Not => {
                self.a.v3(PCMPEQD, dst, dst, &Rm::Reg(dst));
                self.a.v3(PXOR, dst, dst, &Rm::Reg(src));
            }
            SimdUnary::Abs(IntShape::I64x2) => {
                self.a.v2_imm8(PSHUFD, XMM_TEMP, &Rm::Reg(src), 0xf5);
                self.v_shift_imm(0x72, 4, XMM_TEMP, XMM_TEMP, 31);
                self.a.v3(PXOR, dst, src, &Rm::Reg(XMM_TEMP));
                self.a.v3(PSUBQ, dst, dst, &Rm::Reg(XMM_TEMP));
            }
            SimdUnary::Abs(shape) => {
                let op = by_shape(shape, [p38(0x1c), p38(0x1d), p38(0x1e), PXOR]);
                self.a.v2(op, dst, &Rm::Reg(src));
            }
            SimdUnary::Neg(shape) => {
                self.a.v3(PXOR, dst, dst, &Rm::Reg(dst));
                let op = by_shape(shape, [p(0xf8), p(0xf9), p(0xfa), PSUBQ]);
                self.a.v3(op, dst, dst, &Rm::Reg(src));
            }
            SimdUnary::Popcnt => self.v_popcnt(dst, src),
            SimdUnary::Extend { to, high, signed } => self.v_extend(to, high, signed, dst, src),
            SimdUnary::ExtaddPairwise { to, signed } => self.v_extadd(to, signed, dst, src),
        }
        self.al.drop_entry(value);
        self.v_push(dst)
    }

    /// Looks the number of ones of both nibbles up.
    fn v_popcnt(&mut self, dst: Reg, src: Reg) {
        let nibbles = self.v_pool(bytes(0x0f));
        let counts = self.v_pool(0x0403_0302_0302_0201_0302_0201_0201_0100);
        let high = self.v_temp();
        let table = self.v_temp();
        self.v_shift_imm(0x71, 2, high, src, 4);
        self.a.v3(PAND, high, high, &nibbles);
        self.a.v3(PAND, dst, src, &nibbles);
        self.a.load_float(Ty::V128, table, &counts);
        self.a.v3(PSHUFB, XMM_TEMP, table, &Rm::Reg(dst));
        self.a.v3(PSHUFB, table, table, &Rm::Reg(high));
        self.a.v3(p(0xfc), dst, table, &Rm::Reg(XMM_TEMP));
        self.al.release(high);
        self.al.release(table);
    }

    /// Products with ones, neighbours added. For unsigned 16-bit lanes the signs are shifted, which adds up to 2^16.
    fn v_extadd(&mut self, to: IntShape, signed: bool, dst: Reg, src: Reg) {
        match (to, signed) {
            (IntShape::I16x8, true) => {
                let ones = self.v_pool(bytes(1));
                self.a.load_float(Ty::V128, dst, &ones);
                self.a.v3(PMADDUBSW, dst, dst, &Rm::Reg(src));
            }
            (IntShape::I16x8, false) => {
                let ones = self.v_pool(bytes(1));
                self.a.v3(PMADDUBSW, dst, src, &ones);
            }
            (_, true) => {
                let ones = self.v_pool(words(1));
                self.a.v3(PMADDWD, dst, src, &ones);
            }
            (_, false) => {
                let signs = self.v_pool(words(0x8000));
                let ones = self.v_pool(words(1));
                let excess = self.v_pool(dwords(0x1_0000));
                self.a.v3(PXOR, dst, src, &signs);
                self.a.v3(PMADDWD, dst, dst, &ones);
                self.a.v3(PADDD, dst, dst, &excess);
            }
        }
    }

    // Operators with two operands.

    pub(crate) fn v_binary(&mut self, op: SimdBinary) -> Result<()> {
        let mut rhs = self.pop();
        let mut lhs = self.al.pop();
        if let Some(op) = single(op) {
            let dst = self.v_apply(op, lhs, rhs);
            return self.v_push(dst);
        }
        match op {
            SimdBinary::AndNot => {
                let dst = self.v_apply(PANDN, rhs, lhs);
                return self.v_push(dst);
            }
            // The instruction takes the first operand as unsigned.
            SimdBinary::RelaxedDot => {
                let dst = self.v_apply(PMADDUBSW, rhs, lhs);
                return self.v_push(dst);
            }
            SimdBinary::Q15mulrSat => {
                let dst = self.v_apply(p38(0x0b), lhs, rhs);
                // Only MIN * MIN gives MIN, and is to give MAX.
                let lowest = self.v_pool(words(0x8000));
                self.a.v3(p(0x75), XMM_TEMP, dst, &lowest);
                self.a.v3(PXOR, dst, dst, &Rm::Reg(XMM_TEMP));
                return self.v_push(dst);
            }
            SimdBinary::Swizzle => {
                // Beyond 15, the top bit is set, which makes the lane zero.
                let indices = self.al.in_reg(&mut self.a, &mut rhs);
                let excess = self.v_pool(bytes(0x70));
                self.a.v3(p(0xdc), XMM_TEMP, indices, &excess);
                self.al.drop_entry(rhs);
                let dst = self.al.own(&mut self.a, &mut lhs);
                self.a.v3(PSHUFB, dst, dst, &Rm::Reg(XMM_TEMP));
                return self.v_push(dst);
            }
            _ => {}
        }
        let left = self.al.in_reg(&mut self.a, &mut lhs);
        let right = self.al.in_reg(&mut self.a, &mut rhs);
        let dst = self.v_temp();
        match op {
            SimdBinary::Extmul { to, high, signed } => self.v_extmul(to, high, signed, dst, left, right),
            _ => self.v_mul64(dst, left, right),
        }
        self.al.drop_entry(lhs);
        self.al.drop_entry(rhs);
        self.v_push(dst)
    }

    fn v_extmul(&mut self, to: IntShape, high: bool, signed: bool, dst: Reg, left: Reg, right: Reg) {
        if to == IntShape::I64x2 {
            let lanes = if high { 0xfa } else { 0x50 };
            self.a.v2_imm8(PSHUFD, XMM_TEMP, &Rm::Reg(left), lanes);
            self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(right), lanes);
            let op = if signed { p38(0x28) } else { PMULUDQ };
            self.a.v3(op, dst, dst, &Rm::Reg(XMM_TEMP));
            return;
        }
        self.v_extend(to, high, signed, XMM_TEMP, left);
        self.v_extend(to, high, signed, dst, right);
        let op = if to == IntShape::I16x8 { p(0xd5) } else { p38(0x40) };
        self.a.v3(op, dst, dst, &Rm::Reg(XMM_TEMP));
    }

    /// Low times low, plus both products of a high and a low half, shifted.
    fn v_mul64(&mut self, dst: Reg, left: Reg, right: Reg) {
        self.v_shift_imm(0x73, 2, dst, left, 32);
        self.a.v3(PMULUDQ, dst, dst, &Rm::Reg(right));
        self.v_shift_imm(0x73, 2, XMM_TEMP, right, 32);
        self.a.v3(PMULUDQ, XMM_TEMP, XMM_TEMP, &Rm::Reg(left));
        self.a.v3(PADDQ, dst, dst, &Rm::Reg(XMM_TEMP));
        self.v_shift_imm(0x73, 6, dst, dst, 32);
        self.a.v3(PMULUDQ, XMM_TEMP, left, &Rm::Reg(right));
        self.a.v3(PADDQ, dst, dst, &Rm::Reg(XMM_TEMP));
    }

    // Operators with three operands.

    pub(crate) fn v_ternary(&mut self, op: SimdTernary) -> Result<()> {
        let mut c = self.pop();
        let mut b = self.al.pop();
        let mut a = self.al.pop();
        let third = self.al.in_reg(&mut self.a, &mut c);
        let second = self.al.in_reg(&mut self.a, &mut b);
        let dst = self.al.own(&mut self.a, &mut a);
        match op {
            SimdTernary::Bitselect => self.v_bitselect(dst, second, third),
            SimdTernary::RelaxedLaneselect(shape) => self.v_laneselect(shape, dst, second, third),
            SimdTernary::RelaxedMadd(width) => self.v_madd(width, false, dst, second, third),
            SimdTernary::RelaxedNmadd(width) => self.v_madd(width, true, dst, second, third),
            SimdTernary::RelaxedDotAdd => {
                self.a.v3(PMADDUBSW, XMM_TEMP, second, &Rm::Reg(dst));
                let ones = self.v_pool(words(1));
                self.a.v3(PMADDWD, XMM_TEMP, XMM_TEMP, &ones);
                self.a.v3(PADDD, dst, XMM_TEMP, &Rm::Reg(third));
            }
        }
        self.al.drop_entry(b);
        self.al.drop_entry(c);
        self.v_push(dst)
    }

    /// Bits of `dst` where the mask has ones, of `other` where it has zeros.
    fn v_bitselect(&mut self, dst: Reg, other: Reg, mask: Reg) {
        self.a.v3(PXOR, dst, dst, &Rm::Reg(other));
        self.a.v3(PAND, dst, dst, &Rm::Reg(mask));
        self.a.v3(PXOR, dst, dst, &Rm::Reg(other));
    }

    /// Lanes by the top bit of the mask's, where x86 has an instruction for it; other lanes by their bits.
    fn v_laneselect(&mut self, shape: IntShape, dst: Reg, other: Reg, mask: Reg) {
        if shape == IntShape::I16x8 {
            return self.v_bitselect(dst, other, mask);
        }
        if self.a.avx {
            let op = by_shape(shape, [p3a(0x4c), PXOR, p3a(0x4a), p3a(0x4b)]);
            self.a.vex_imm8(op, dst, other, &Rm::Reg(dst), mask.code() << 4);
            return;
        }
        // The form without AVX wants the mask in a certain register. All bits of the lanes do as well.
        let full = self.v_temp();
        match shape {
            IntShape::I8x16 => {
                self.a.zero_float(full);
                self.a.v3(p(0x64), full, full, &Rm::Reg(mask));
            }
            IntShape::I32x4 => self.v_shift_imm(0x72, 4, full, mask, 31),
            _ => {
                self.a.v2_imm8(PSHUFD, full, &Rm::Reg(mask), 0xf5);
                self.v_shift_imm(0x72, 4, full, full, 31);
            }
        }
        self.v_bitselect(dst, other, full);
        self.al.release(full);
    }

    /// `dst = dst * b + c` or `-dst * b + c`, with one rounding if the processor can.
    fn v_madd(&mut self, width: Width, negative: bool, dst: Reg, b: Reg, c: Reg) {
        if self.cpu.fma && self.a.avx {
            let op = p38(if negative { 0xac } else { 0xa8 }).width(width);
            self.a.vex(op, dst, b, &Rm::Reg(c));
            return;
        }
        if negative {
            let mask = self.v_pool(signs(width));
            self.a.v3(PXOR, dst, dst, &mask);
        }
        self.a.v3(packed(width, MUL), dst, dst, &Rm::Reg(b));
        self.a.v3(packed(width, ADD), dst, dst, &Rm::Reg(c));
    }

    // Shifts.

    pub(crate) fn v_shift(&mut self, op: SimdShift, shape: IntShape) -> Result<()> {
        let mut count = self.pop();
        let mut value = self.al.pop();
        let mask = shape.lane_bits() - 1;
        if let Loc::Const(bits) = count.loc {
            let dst = self.al.own(&mut self.a, &mut value);
            self.v_shift_constant(op, shape, dst, bits as u8 & mask as u8);
            return self.v_push(dst);
        }
        let count_reg = self.al.own(&mut self.a, &mut count);
        self.a.alu_imm(Alu::And, Width::W32, &Rm::Reg(count_reg), mask as i32);
        if shape == IntShape::I8x16 && op != SimdShift::Shl {
            self.a.alu_imm(Alu::Add, Width::W32, &Rm::Reg(count_reg), 8);
        }
        let dst = self.al.own(&mut self.a, &mut value);
        self.a.v2(p(0x6e), XMM_TEMP, &Rm::Reg(count_reg));
        self.al.release(count_reg);
        match (shape, op) {
            (IntShape::I8x16, _) => self.v_shift_bytes(op, dst),
            (IntShape::I64x2, SimdShift::ShrS) => {
                let sign = self.v_temp();
                let pool = self.v_pool(qwords(1 << 63));
                self.a.load_float(Ty::V128, sign, &pool);
                self.a.v3(p(0xd3), sign, sign, &Rm::Reg(XMM_TEMP));
                self.a.v3(p(0xd3), dst, dst, &Rm::Reg(XMM_TEMP));
                self.a.v3(PXOR, dst, dst, &Rm::Reg(sign));
                self.a.v3(PSUBQ, dst, dst, &Rm::Reg(sign));
                self.al.release(sign);
            }
            _ => {
                let row = match op {
                    SimdShift::Shl => 0xf0,
                    SimdShift::ShrS => 0xe0,
                    SimdShift::ShrU => 0xd0,
                };
                let op = by_shape(shape, [PXOR, p(row + 1), p(row + 2), p(row + 3)]);
                self.a.v3(op, dst, dst, &Rm::Reg(XMM_TEMP));
            }
        }
        self.v_push(dst)
    }

    /// Bytes as words, by the count in the temporary register (plus 8 to the right, where they are the words' upper halves).
    fn v_shift_bytes(&mut self, op: SimdShift, dst: Reg) {
        let high = self.v_temp();
        if op == SimdShift::Shl {
            self.v_extend(IntShape::I16x8, true, false, high, dst);
            self.v_extend(IntShape::I16x8, false, false, dst, dst);
            self.a.v3(p(0xf1), high, high, &Rm::Reg(XMM_TEMP));
            self.a.v3(p(0xf1), dst, dst, &Rm::Reg(XMM_TEMP));
            let low_bytes = self.v_pool(words(0xff));
            self.a.v3(PAND, high, high, &low_bytes);
            self.a.v3(PAND, dst, dst, &low_bytes);
            self.a.v3(p(0x67), dst, dst, &Rm::Reg(high));
        } else {
            let signed = op == SimdShift::ShrS;
            let shift = p(if signed { 0xe1 } else { 0xd1 });
            self.a.v3(p(0x68), high, dst, &Rm::Reg(dst));
            self.a.v3(p(0x60), dst, dst, &Rm::Reg(dst));
            self.a.v3(shift, high, high, &Rm::Reg(XMM_TEMP));
            self.a.v3(shift, dst, dst, &Rm::Reg(XMM_TEMP));
            self.a.v3(p(if signed { 0x63 } else { 0x67 }), dst, dst, &Rm::Reg(high));
        }
        self.al.release(high);
    }

    fn v_shift_constant(&mut self, op: SimdShift, shape: IntShape, dst: Reg, count: u8) {
        if count == 0 {
            return;
        }
        let ext = match op {
            SimdShift::Shl => 6,
            SimdShift::ShrU => 2,
            SimdShift::ShrS => 4,
        };
        match (shape, op) {
            (IntShape::I8x16, SimdShift::ShrS) => {
                let high = self.v_temp();
                self.a.v3(p(0x68), high, dst, &Rm::Reg(dst));
                self.a.v3(p(0x60), dst, dst, &Rm::Reg(dst));
                self.v_shift_imm(0x71, 4, high, high, count + 8);
                self.v_shift_imm(0x71, 4, dst, dst, count + 8);
                self.a.v3(p(0x63), dst, dst, &Rm::Reg(high));
                self.al.release(high);
            }
            (IntShape::I8x16, _) => {
                self.v_shift_imm(0x71, ext, dst, dst, count);
                let kept = if op == SimdShift::Shl { 0xff << count } else { 0xff >> count };
                let kept = self.v_pool(bytes(kept));
                self.a.v3(PAND, dst, dst, &kept);
            }
            (IntShape::I64x2, SimdShift::ShrS) => {
                self.v_shift_imm(0x73, 2, dst, dst, count);
                let sign = self.v_pool(qwords(1 << (63 - count)));
                self.a.v3(PXOR, dst, dst, &sign);
                self.a.v3(PSUBQ, dst, dst, &sign);
            }
            _ => {
                let group = match shape {
                    IntShape::I8x16 | IntShape::I16x8 => 0x71,
                    IntShape::I32x4 => 0x72,
                    IntShape::I64x2 => 0x73,
                };
                self.v_shift_imm(group, ext, dst, dst, count);
            }
        }
    }

    // Comparisons and tests.

    pub(crate) fn v_int_compare(&mut self, op: IntCompare, shape: IntShape) -> Result<()> {
        let mut rhs = self.pop();
        let mut lhs = self.al.pop();
        if matches!(op, IntCompare::LtS | IntCompare::LtU | IntCompare::LeS | IntCompare::LeU) {
            std::mem::swap(&mut lhs, &mut rhs);
        }
        let left = self.al.in_reg(&mut self.a, &mut lhs);
        let right = self.al.in_reg(&mut self.a, &mut rhs);
        let dst = self.v_temp();
        match op {
            IntCompare::Eq => self.a.v3(equal(shape), dst, left, &Rm::Reg(right)),
            IntCompare::Ne => {
                self.a.v3(equal(shape), dst, left, &Rm::Reg(right));
                self.v_not(dst);
            }
            IntCompare::GtS | IntCompare::LtS => self.v_greater(shape, dst, left, right),
            IntCompare::GeS | IntCompare::LeS if shape == IntShape::I64x2 => {
                self.v_greater(shape, dst, right, left);
                self.v_not(dst);
            }
            // At least as large: the smaller one is the other.
            IntCompare::GeS | IntCompare::LeS | IntCompare::GeU | IntCompare::LeU => {
                let signed = matches!(op, IntCompare::GeS | IntCompare::LeS);
                self.a.v3(minimum(shape, signed), dst, left, &Rm::Reg(right));
                self.a.v3(equal(shape), dst, dst, &Rm::Reg(right));
            }
            // Greater: the larger one is not the other.
            IntCompare::GtU | IntCompare::LtU => {
                self.a.v3(maximum(shape, false), dst, left, &Rm::Reg(right));
                self.a.v3(equal(shape), dst, dst, &Rm::Reg(right));
                self.v_not(dst);
            }
        }
        self.al.drop_entry(lhs);
        self.al.drop_entry(rhs);
        self.v_push(dst)
    }

    /// `left > right`, signed; `dst` is another register.
    fn v_greater(&mut self, shape: IntShape, dst: Reg, left: Reg, right: Reg) {
        if shape != IntShape::I64x2 || self.a.avx {
            let op = by_shape(shape, [p(0x64), p(0x65), p(0x66), p38(0x37)]);
            self.a.v3(op, dst, left, &Rm::Reg(right));
            return;
        }
        // SSE4.1 compares 32 bits: the upper halves, or, if they are equal, the borrow of the lower ones.
        self.a.v3(PSUBQ, dst, right, &Rm::Reg(left));
        self.a.v3(PCMPEQD, XMM_TEMP, right, &Rm::Reg(left));
        self.a.v3(PAND, dst, dst, &Rm::Reg(XMM_TEMP));
        self.a.v3(p(0x66), XMM_TEMP, left, &Rm::Reg(right));
        self.a.v3(POR, dst, dst, &Rm::Reg(XMM_TEMP));
        self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(dst), 0xf5);
    }

    pub(crate) fn v_test(&mut self, op: SimdTest) -> Result<()> {
        let mut value = self.pop();
        let src = self.al.in_reg(&mut self.a, &mut value);
        let dst = self.al.alloc(&mut self.a, Ty::I32);
        match op {
            SimdTest::AnyTrue => {
                self.a.v2(PTEST, src, &Rm::Reg(src));
                self.a.setcc(Cc::NE, dst);
                self.a.movzx8(dst, dst);
            }
            SimdTest::AllTrue(shape) => {
                self.a.zero_float(XMM_TEMP);
                self.a.v3(equal(shape), XMM_TEMP, XMM_TEMP, &Rm::Reg(src));
                self.a.v2(PTEST, XMM_TEMP, &Rm::Reg(XMM_TEMP));
                self.a.setcc(Cc::E, dst);
                self.a.movzx8(dst, dst);
            }
            SimdTest::Bitmask(shape) => {
                let op = by_shape(shape, [p(0xd7), p(0xd7), Op::new(0, 1, 0x50), p(0x50)]);
                let mut from = src;
                if shape == IntShape::I16x8 {
                    self.a.zero_float(XMM_TEMP);
                    self.a.v3(p(0x63), XMM_TEMP, XMM_TEMP, &Rm::Reg(src));
                    from = XMM_TEMP;
                }
                self.a.v2(op, dst, &Rm::Reg(from));
                if shape == IntShape::I16x8 {
                    self.a.shift_imm(Shift::Shr, Width::W32, dst, 8);
                }
            }
        }
        self.al.drop_entry(value);
        self.push_reg(Ty::I32, dst);
        Ok(())
    }

    // Floating point lanes.

    pub(crate) fn v_float_unary(&mut self, op: FloatUnary, width: Width) -> Result<()> {
        let mut value = self.pop();
        let src = self.al.in_reg(&mut self.a, &mut value);
        self.al.drop_entry(value);
        let dst = self.v_temp();
        match op {
            FloatUnary::Abs => {
                let mask = self.v_pool(!signs(width));
                self.a.v3(PAND, dst, src, &mask);
            }
            FloatUnary::Neg => {
                let mask = self.v_pool(signs(width));
                self.a.v3(PXOR, dst, src, &mask);
            }
            FloatUnary::Sqrt => self.a.v2(packed(width, SQRT), dst, &Rm::Reg(src)),
            FloatUnary::Ceil | FloatUnary::Floor | FloatUnary::Trunc | FloatUnary::Nearest => {
                let round = p3a(if width == Width::W32 { 0x08 } else { 0x09 });
                self.a.v2_imm8(round, dst, &Rm::Reg(src), rounding(op));
            }
        }
        self.v_push(dst)
    }

    pub(crate) fn v_float_binary(&mut self, op: SimdFloatBinary, width: Width) -> Result<()> {
        let rhs = self.pop();
        let lhs = self.al.pop();
        let dst = match op {
            SimdFloatBinary::Add => self.v_apply(packed(width, ADD), lhs, rhs),
            SimdFloatBinary::Sub => self.v_apply(packed(width, SUB), lhs, rhs),
            SimdFloatBinary::Mul => self.v_apply(packed(width, MUL), lhs, rhs),
            SimdFloatBinary::Div => self.v_apply(packed(width, DIV), lhs, rhs),
            // The instructions return their second operand unless the first is less or greater.
            SimdFloatBinary::Pmin | SimdFloatBinary::RelaxedMin => self.v_apply(packed(width, MIN), rhs, lhs),
            SimdFloatBinary::Pmax | SimdFloatBinary::RelaxedMax => self.v_apply(packed(width, MAX), rhs, lhs),
            SimdFloatBinary::Min => self.v_extremum(width, true, lhs, rhs),
            SimdFloatBinary::Max => self.v_extremum(width, false, lhs, rhs),
        };
        self.v_push(dst)
    }

    /// The instruction in both orders: they differ in zeros of different signs, and where something is not a number.
    fn v_extremum(&mut self, width: Width, is_min: bool, mut lhs: Entry, mut rhs: Entry) -> Reg {
        let left = self.al.in_reg(&mut self.a, &mut lhs);
        let right = self.al.in_reg(&mut self.a, &mut rhs);
        let dst = self.v_temp();
        let t = XMM_TEMP;
        let op = packed(width, if is_min { MIN } else { MAX });
        self.a.v3(op, t, left, &Rm::Reg(right));
        self.a.v3(op, dst, right, &Rm::Reg(left));
        if is_min {
            // Either sign, and all ones of what is not a number.
            self.a.v3(POR, t, t, &Rm::Reg(dst));
            self.a.v3_imm8(packed(width, 0xc2), dst, dst, &Rm::Reg(t), 3);
            self.a.v3(POR, t, t, &Rm::Reg(dst));
        } else {
            // Where they differ, subtracting keeps the positive zero and what is not a number, quieted.
            self.a.v3(PXOR, dst, dst, &Rm::Reg(t));
            self.a.v3(POR, t, t, &Rm::Reg(dst));
            self.a.v3(packed(width, SUB), t, t, &Rm::Reg(dst));
            self.a.v3_imm8(packed(width, 0xc2), dst, dst, &Rm::Reg(t), 3);
        }
        // Of what is not a number, only the sign, exponent and top of the fraction stay.
        match width {
            Width::W32 => self.v_shift_imm(0x72, 2, dst, dst, 10),
            Width::W64 => self.v_shift_imm(0x73, 2, dst, dst, 13),
        }
        self.a.v3(PANDN, dst, dst, &Rm::Reg(t));
        self.al.drop_entry(lhs);
        self.al.drop_entry(rhs);
        dst
    }

    pub(crate) fn v_float_compare(&mut self, op: FloatCompare, width: Width) -> Result<()> {
        let mut rhs = self.pop();
        let mut lhs = self.al.pop();
        let predicate = match op {
            FloatCompare::Eq => 0,
            FloatCompare::Lt | FloatCompare::Gt => 1,
            FloatCompare::Le | FloatCompare::Ge => 2,
            FloatCompare::Ne => 4,
        };
        if matches!(op, FloatCompare::Gt | FloatCompare::Ge) {
            std::mem::swap(&mut lhs, &mut rhs);
        }
        let left = self.al.in_reg(&mut self.a, &mut lhs);
        let right = self.al.in_reg(&mut self.a, &mut rhs);
        let dst = self.v_temp();
        self.a.v3_imm8(packed(width, 0xc2), dst, left, &Rm::Reg(right), predicate);
        self.al.drop_entry(lhs);
        self.al.drop_entry(rhs);
        self.v_push(dst)
    }

    // Conversions.

    pub(crate) fn v_convert(&mut self, op: SimdConvert) -> Result<()> {
        let mut value = self.pop();
        let src = self.al.in_reg(&mut self.a, &mut value);
        let dst = self.v_temp();
        let from = Rm::Reg(src);
        match op {
            SimdConvert::ConvertI32x4 { signed: true } => self.a.v2(Op::new(0, 1, 0x5b), dst, &from),
            SimdConvert::ConvertI32x4 { signed: false } => self.v_convert_u32(dst, src),
            SimdConvert::ConvertLowI32x4 { signed: true } => self.a.v2(Op::new(0xf3, 1, 0xe6), dst, &from),
            SimdConvert::ConvertLowI32x4 { signed: false } => {
                // The low half of a fraction of numbers from 2^52.
                let exponent = self.v_pool(dwords(0x4330_0000));
                let offset = self.v_pool(qwords(0x4330_0000_0000_0000));
                self.a.v3(p(0x62), dst, src, &exponent);
                self.a.v3(packed(Width::W64, SUB), dst, dst, &offset);
            }
            SimdConvert::DemoteF64x2Zero => self.a.v2(p(0x5a), dst, &from),
            SimdConvert::PromoteLowF32x4 => self.a.v2(Op::new(0, 1, 0x5a), dst, &from),
            SimdConvert::RelaxedTruncF32x4 { signed: true } => self.a.v2(Op::new(0xf3, 1, 0x5b), dst, &from),
            SimdConvert::RelaxedTruncF64x2Zero { signed: true } => self.a.v2(p(0xe6), dst, &from),
            SimdConvert::TruncSatF32x4 { signed: true } => self.v_trunc_f32_s(dst, src),
            SimdConvert::TruncSatF32x4 { signed: false } | SimdConvert::RelaxedTruncF32x4 { signed: false } => {
                self.v_trunc_f32_u(dst, src);
            }
            SimdConvert::TruncSatF64x2Zero { signed: true } => {
                // Not a number: the limit becomes zero, and the minimum the limit.
                let limit = self.v_pool(qwords(2_147_483_647.0f64.to_bits()));
                self.a.v3_imm8(packed(Width::W64, 0xc2), XMM_TEMP, src, &from, 0);
                self.a.v3(PAND, XMM_TEMP, XMM_TEMP, &limit);
                self.a.v3(packed(Width::W64, MIN), dst, src, &Rm::Reg(XMM_TEMP));
                self.a.v2(p(0xe6), dst, &Rm::Reg(dst));
            }
            SimdConvert::TruncSatF64x2Zero { signed: false } | SimdConvert::RelaxedTruncF64x2Zero { signed: false } => {
                self.v_trunc_f64_u(dst, src)
            }
        }
        self.al.drop_entry(value);
        self.v_push(dst)
    }

    /// Both 16-bit halves are exact, and so is everything but the last addition.
    fn v_convert_u32(&mut self, dst: Reg, src: Reg) {
        let low = XMM_TEMP;
        let half = self.v_pool(dwords(0xffff));
        self.a.v3(PAND, low, src, &half);
        self.a.v3(p(0xfa), dst, src, &Rm::Reg(low));
        self.v_shift_imm(0x72, 2, dst, dst, 1);
        self.a.v2(Op::new(0, 1, 0x5b), low, &Rm::Reg(low));
        self.a.v2(Op::new(0, 1, 0x5b), dst, &Rm::Reg(dst));
        self.a.v3(packed(Width::W32, ADD), dst, dst, &Rm::Reg(dst));
        self.a.v3(packed(Width::W32, ADD), dst, dst, &Rm::Reg(low));
    }

    /// Zero for what is not a number; the lowest number for what was positive becomes the highest.
    fn v_trunc_f32_s(&mut self, dst: Reg, src: Reg) {
        let t = XMM_TEMP;
        self.a.v3_imm8(packed(Width::W32, 0xc2), t, src, &Rm::Reg(src), 0);
        self.a.v3(PAND, dst, src, &Rm::Reg(t));
        self.a.v3(PXOR, t, t, &Rm::Reg(dst));
        self.a.v2(Op::new(0xf3, 1, 0x5b), dst, &Rm::Reg(dst));
        self.a.v3(PAND, t, t, &Rm::Reg(dst));
        self.v_shift_imm(0x72, 4, t, t, 31);
        self.a.v3(PXOR, dst, dst, &Rm::Reg(t));
    }

    /// What is below 2^31, plus what is beyond, each as signed numbers.
    fn v_trunc_f32_u(&mut self, dst: Reg, src: Reg) {
        let t = XMM_TEMP;
        let beyond = self.v_temp();
        self.a.zero_float(t);
        self.a.v3(packed(Width::W32, MAX), dst, src, &Rm::Reg(t));
        let limit = self.v_pool(dwords(0x4f00_0000));
        self.a.load_float(Ty::V128, t, &limit);
        self.a.v3(packed(Width::W32, SUB), beyond, dst, &Rm::Reg(t));
        self.a.v2(Op::new(0xf3, 1, 0x5b), dst, &Rm::Reg(dst));
        self.a.v3_imm8(packed(Width::W32, 0xc2), t, t, &Rm::Reg(beyond), 2);
        self.a.v2(Op::new(0xf3, 1, 0x5b), beyond, &Rm::Reg(beyond));
        self.a.v3(PXOR, beyond, beyond, &Rm::Reg(t));
        self.a.zero_float(t);
        self.a.v3(p38(0x3d), beyond, beyond, &Rm::Reg(t));
        self.a.v3(PADDD, dst, dst, &Rm::Reg(beyond));
        self.al.release(beyond);
    }

    /// Within the range, the low halves of the fractions after adding 2^52.
    fn v_trunc_f64_u(&mut self, dst: Reg, src: Reg) {
        self.a.zero_float(XMM_TEMP);
        self.a.v3(packed(Width::W64, MAX), dst, src, &Rm::Reg(XMM_TEMP));
        let limit = self.v_pool(qwords(4_294_967_295.0f64.to_bits()));
        let offset = self.v_pool(qwords(0x4330_0000_0000_0000));
        self.a.v3(packed(Width::W64, MIN), dst, dst, &limit);
        self.a.v2_imm8(p3a(0x09), dst, &Rm::Reg(dst), 11);
        self.a.v3(packed(Width::W64, ADD), dst, dst, &offset);
        self.a.v3_imm8(Op::new(0, 1, 0xc6), dst, dst, &Rm::Reg(XMM_TEMP), 0x88);
    }
}
