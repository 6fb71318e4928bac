//! Vectors: operators on whole vectors. Operators that are one instruction stand in tables.

use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::{Entry, Loc};
use crate::isa::x64::Codegen;
use crate::isa::x64::asm::*;
use crate::isa::x64::float::signs;
use crate::isa::x64::regs::*;
use crate::masm::*;
use crate::regs::Reg;

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
pub(crate) fn by_shape(shape: IntShape, ops: [Op; 4]) -> Op {
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
        SimdBinary::Add(shape) => by_shape(shape, [PADDB, PADDW, PADDD, PADDQ]),
        SimdBinary::Sub(shape) => by_shape(shape, [PSUBB, PSUBW, PSUBD, PSUBQ]),
        SimdBinary::AddSat { shape: I8x16, signed } => {
            if signed {
                PADDSB
            } else {
                PADDUSB
            }
        }
        SimdBinary::AddSat { signed, .. } => {
            if signed {
                PADDSW
            } else {
                PADDUSW
            }
        }
        SimdBinary::SubSat { shape: I8x16, signed } => {
            if signed {
                PSUBSB
            } else {
                PSUBUSB
            }
        }
        SimdBinary::SubSat { signed, .. } => {
            if signed {
                PSUBSW
            } else {
                PSUBUSW
            }
        }
        SimdBinary::Mul(I16x8) => PMULLW,
        SimdBinary::Mul(I32x4) => PMULLD,
        SimdBinary::Min { shape, signed } => minimum(shape, signed),
        SimdBinary::Max { shape, signed } => maximum(shape, signed),
        SimdBinary::AvgrU(I8x16) => PAVGB,
        SimdBinary::AvgrU(_) => PAVGW,
        SimdBinary::RelaxedQ15mulr => PMULHRSW,
        SimdBinary::Dot => PMADDWD,
        SimdBinary::Narrow { to: I8x16, signed } => {
            if signed {
                PACKSSWB
            } else {
                PACKUSWB
            }
        }
        SimdBinary::Narrow { signed: true, .. } => PACKSSDW,
        SimdBinary::Narrow { signed: false, .. } => PACKUSDW,
        SimdBinary::RelaxedSwizzle => PSHUFB,
        SimdBinary::AndNot
        | SimdBinary::Mul(_)
        | SimdBinary::Q15mulrSat
        | SimdBinary::RelaxedDot
        | SimdBinary::Extmul { .. }
        | SimdBinary::Swizzle => return None,
    })
}

pub(crate) fn minimum(shape: IntShape, signed: bool) -> Op {
    let ops = if signed { [PMINSB, PMINSW, PMINSD, PXOR] } else { [PMINUB, PMINUW, PMINUD, PXOR] };
    by_shape(shape, ops)
}

pub(crate) fn maximum(shape: IntShape, signed: bool) -> Op {
    let ops = if signed { [PMAXSB, PMAXSW, PMAXSD, PXOR] } else { [PMAXUB, PMAXUW, PMAXUD, PXOR] };
    by_shape(shape, ops)
}

pub(crate) fn equal(shape: IntShape) -> Op {
    by_shape(shape, [PCMPEQB, PCMPEQW, PCMPEQD, PCMPEQQ])
}

impl VectorOps for X64 {
    fn simd_unary(c: &mut Codegen, op: SimdUnary) {
        let mut value = c.pop();
        let src = c.al.in_reg(&mut c.a, &mut value);
        let dst = c.v_temp();
        match op {
            SimdUnary::Not => {
                // All ones, whatever was in it.
                c.a.v3(PCMPEQD, dst, dst, &Rm::Reg(dst));
                c.a.v3(PXOR, dst, dst, &Rm::Reg(src));
            }
            SimdUnary::Abs(IntShape::I64x2) => {
                // There is no arithmetic shift of 64-bit lanes before AVX-512: the upper halves, twice each, have the signs.
                c.a.v2_imm8(PSHUFD, XMM_TEMP, &Rm::Reg(src), 0xf5);
                c.a.shift_lanes(LaneShift::PSRAD, XMM_TEMP, XMM_TEMP, 31);
                c.a.v3(PXOR, dst, src, &Rm::Reg(XMM_TEMP));
                c.a.v3(PSUBQ, dst, dst, &Rm::Reg(XMM_TEMP));
            }
            SimdUnary::Abs(shape) => {
                let op = by_shape(shape, [PABSB, PABSW, PABSD, PXOR]);
                c.a.v2(op, dst, &Rm::Reg(src));
            }
            SimdUnary::Neg(shape) => {
                c.a.v3(PXOR, dst, dst, &Rm::Reg(dst));
                let op = by_shape(shape, [PSUBB, PSUBW, PSUBD, PSUBQ]);
                c.a.v3(op, dst, dst, &Rm::Reg(src));
            }
            SimdUnary::Popcnt => c.v_popcnt(dst, src),
            SimdUnary::Extend { to, high, signed } => c.v_extend(to, high, signed, dst, src),
            SimdUnary::ExtaddPairwise { to, signed } => c.v_extadd(to, signed, dst, src),
        }
        c.al.drop_entry(value);
        c.v_push(dst)
    }
    fn simd_binary(c: &mut Codegen, op: SimdBinary) {
        let mut rhs = c.pop();
        let mut lhs = c.al.pop();
        if let Some(op) = single(op) {
            let dst = c.v_apply(op, lhs, rhs);
            return c.v_push(dst);
        }
        match op {
            SimdBinary::AndNot => {
                let dst = c.v_apply(PANDN, rhs, lhs);
                return c.v_push(dst);
            }
            // The instruction takes the first operand as unsigned.
            SimdBinary::RelaxedDot => {
                let dst = c.v_apply(PMADDUBSW, rhs, lhs);
                return c.v_push(dst);
            }
            SimdBinary::Q15mulrSat => {
                let dst = c.v_apply(PMULHRSW, lhs, rhs);
                // Only MIN * MIN gives MIN, and is to give MAX.
                let lowest = c.v_pool(words(0x8000));
                c.a.v3(PCMPEQW, XMM_TEMP, dst, &lowest);
                c.a.v3(PXOR, dst, dst, &Rm::Reg(XMM_TEMP));
                return c.v_push(dst);
            }
            SimdBinary::Swizzle => {
                // Beyond 15, the top bit is set, which makes the lane zero.
                let indices = c.al.in_reg(&mut c.a, &mut rhs);
                let excess = c.v_pool(bytes(0x70));
                c.a.v3(PADDUSB, XMM_TEMP, indices, &excess);
                c.al.drop_entry(rhs);
                let dst = c.al.own(&mut c.a, &mut lhs);
                c.a.v3(PSHUFB, dst, dst, &Rm::Reg(XMM_TEMP));
                return c.v_push(dst);
            }
            _ => {}
        }
        let left = c.al.in_reg(&mut c.a, &mut lhs);
        let right = c.al.in_reg(&mut c.a, &mut rhs);
        let dst = c.v_temp();
        match op {
            SimdBinary::Extmul { to, high, signed } => c.v_extmul(to, high, signed, dst, left, right),
            _ => c.v_mul64(dst, left, right),
        }
        c.al.drop_entry(lhs);
        c.al.drop_entry(rhs);
        c.v_push(dst)
    }
    fn simd_ternary(c: &mut Codegen, op: SimdTernary) {
        let mut last = c.pop();
        let mut middle = c.al.pop();
        let mut first = c.al.pop();
        let third = c.al.in_reg(&mut c.a, &mut last);
        let second = c.al.in_reg(&mut c.a, &mut middle);
        let dst = c.al.own(&mut c.a, &mut first);
        match op {
            SimdTernary::Bitselect => c.v_bitselect(dst, second, third),
            SimdTernary::RelaxedLaneselect(shape) => c.v_laneselect(shape, dst, second, third),
            SimdTernary::RelaxedMadd(width) => c.v_madd(width, false, dst, second, third),
            SimdTernary::RelaxedNmadd(width) => c.v_madd(width, true, dst, second, third),
            SimdTernary::RelaxedDotAdd => {
                c.a.v3(PMADDUBSW, XMM_TEMP, second, &Rm::Reg(dst));
                let ones = c.v_pool(words(1));
                c.a.v3(PMADDWD, XMM_TEMP, XMM_TEMP, &ones);
                c.a.v3(PADDD, dst, XMM_TEMP, &Rm::Reg(third));
            }
        }
        c.al.drop_entry(middle);
        c.al.drop_entry(last);
        c.v_push(dst)
    }
}

impl Codegen {
    // Helpers.

    /// A vector where an instruction can read it. Without AVX, memory would have to be aligned.
    pub(crate) fn v_rm(&mut self, entry: &mut Entry) -> Rm {
        match entry.loc {
            Loc::Vector(number) => Rm::Pool(number),
            _ if self.a.cpu.avx => self.in_rm(entry),
            _ => Rm::Reg(self.al.in_reg(&mut self.a, entry)),
        }
    }

    pub(crate) fn v_pool(&mut self, bits: u128) -> Rm {
        Rm::Pool(self.a.pool(bits))
    }

    pub(super) fn v_push(&mut self, reg: Reg) {
        self.push_reg(Ty::V128, reg);
    }

    /// `op(lhs, rhs)` of operands that are given back.
    pub(super) fn v_apply(&mut self, op: Op, mut lhs: Entry, mut rhs: Entry) -> Reg {
        let right = self.v_rm(&mut rhs);
        if self.a.cpu.avx {
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
    pub(super) fn v_not(&mut self, reg: Reg) {
        self.a.v3(PCMPEQD, XMM_TEMP, XMM_TEMP, &Rm::Reg(XMM_TEMP));
        self.a.v3(PXOR, reg, reg, &Rm::Reg(XMM_TEMP));
    }

    /// A register for a vector, whose contents are undefined.
    pub(super) fn v_temp(&mut self) -> Reg {
        self.al.alloc(&mut self.a, Ty::V128)
    }

    /// Extends the lower or upper half of the lanes to twice their width.
    pub(super) fn v_extend(&mut self, to: IntShape, high: bool, signed: bool, dst: Reg, src: Reg) {
        let mut src = src;
        if high {
            self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), 0xee);
            src = dst;
        }
        self.a.v2(extend_lanes(to, signed), dst, &Rm::Reg(src));
    }

    /// Looks the number of ones of both nibbles up.
    fn v_popcnt(&mut self, dst: Reg, src: Reg) {
        let nibbles = self.v_pool(bytes(0x0f));
        let counts = self.v_pool(0x0403_0302_0302_0201_0302_0201_0201_0100);
        let high = self.v_temp();
        let table = self.v_temp();
        self.a.shift_lanes(LaneShift::PSRLW, high, src, 4);
        self.a.v3(PAND, high, high, &nibbles);
        self.a.v3(PAND, dst, src, &nibbles);
        self.a.load_float(Ty::V128, table, &counts);
        self.a.v3(PSHUFB, XMM_TEMP, table, &Rm::Reg(dst));
        self.a.v3(PSHUFB, table, table, &Rm::Reg(high));
        self.a.v3(PADDB, dst, table, &Rm::Reg(XMM_TEMP));
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

    fn v_extmul(&mut self, to: IntShape, high: bool, signed: bool, dst: Reg, left: Reg, right: Reg) {
        if to == IntShape::I64x2 {
            // The instructions multiply the even lanes, so each of the two is put there.
            let lanes = if high { 0xfa } else { 0x50 };
            self.a.v2_imm8(PSHUFD, XMM_TEMP, &Rm::Reg(left), lanes);
            self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(right), lanes);
            let op = if signed { PMULDQ } else { PMULUDQ };
            self.a.v3(op, dst, dst, &Rm::Reg(XMM_TEMP));
            return;
        }
        self.v_extend(to, high, signed, XMM_TEMP, left);
        self.v_extend(to, high, signed, dst, right);
        let op = if to == IntShape::I16x8 { PMULLW } else { PMULLD };
        self.a.v3(op, dst, dst, &Rm::Reg(XMM_TEMP));
    }

    /// Low times low, plus both products of a high and a low half, shifted.
    fn v_mul64(&mut self, dst: Reg, left: Reg, right: Reg) {
        self.a.shift_lanes(LaneShift::PSRLQ, dst, left, 32);
        self.a.v3(PMULUDQ, dst, dst, &Rm::Reg(right));
        self.a.shift_lanes(LaneShift::PSRLQ, XMM_TEMP, right, 32);
        self.a.v3(PMULUDQ, XMM_TEMP, XMM_TEMP, &Rm::Reg(left));
        self.a.v3(PADDQ, dst, dst, &Rm::Reg(XMM_TEMP));
        self.a.shift_lanes(LaneShift::PSLLQ, dst, dst, 32);
        self.a.v3(PMULUDQ, XMM_TEMP, left, &Rm::Reg(right));
        self.a.v3(PADDQ, dst, dst, &Rm::Reg(XMM_TEMP));
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
        if self.a.cpu.avx {
            let op = by_shape(shape, [VPBLENDVB, PXOR, VBLENDVPS, VBLENDVPD]);
            self.a.vex_imm8(op, dst, other, &Rm::Reg(dst), mask.code() << 4);
            return;
        }
        // The form without AVX wants the mask in a certain register. All bits of the lanes do as well.
        let full = self.v_temp();
        match shape {
            IntShape::I8x16 => {
                self.a.zero_float(full);
                self.a.v3(PCMPGTB, full, full, &Rm::Reg(mask));
            }
            IntShape::I32x4 => self.a.shift_lanes(LaneShift::PSRAD, full, mask, 31),
            _ => {
                self.a.v2_imm8(PSHUFD, full, &Rm::Reg(mask), 0xf5);
                self.a.shift_lanes(LaneShift::PSRAD, full, full, 31);
            }
        }
        self.v_bitselect(dst, other, full);
        self.al.release(full);
    }

    /// `dst = dst * b + c` or `-dst * b + c`, with one rounding if the processor can.
    fn v_madd(&mut self, width: Width, negative: bool, dst: Reg, b: Reg, c: Reg) {
        if self.a.cpu.fma && self.a.cpu.avx {
            let op = if negative { FNMADD213 } else { FMADD213 }.width(width);
            self.a.vex(op, dst, b, &Rm::Reg(c));
            return;
        }
        if negative {
            let mask = self.v_pool(signs(width));
            self.a.v3(PXOR, dst, dst, &mask);
        }
        self.a.v3(Fp::Mul.packed(width), dst, dst, &Rm::Reg(b));
        self.a.v3(Fp::Add.packed(width), dst, dst, &Rm::Reg(c));
    }
}
