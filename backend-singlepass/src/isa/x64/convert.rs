//! Conversions.

use wasmer_runtime_core::translate::ops::Convert;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Entry;
use crate::isa::x64::Codegen;
use crate::isa::x64::asm::*;
use crate::isa::x64::regs::*;
use crate::masm::*;
use crate::regs::Reg;

/// The bits of two to the power of `exponent`, or its negative.
const fn power_of_two(width: Width, exponent: u32, negative: bool) -> u64 {
    match width {
        Width::W32 => ((negative as u64) << 31) | ((exponent as u64 + 127) << 23),
        Width::W64 => ((negative as u64) << 63) | ((exponent as u64 + 1023) << 52),
    }
}

impl ConvertOps for X64 {
    fn convert(c: &mut Codegen, op: Convert, mut value: Entry) -> Reg {
        let (_, to) = op.types();
        match op {
            Convert::Wrap | Convert::ReinterpretFloat(_) | Convert::ReinterpretInt(_) => c.transfer(op, value),
            Convert::ExtendS => {
                let src = c.in_rm(&mut value);
                c.al.drop_entry(value);
                let dst = c.al.alloc(&mut c.a, to);
                c.a.op(MOVSXD, dst.0, &src);
                dst
            }
            // The upper half is zero.
            Convert::ExtendU => c.al.own(&mut c.a, &mut value),
            Convert::Promote | Convert::Demote => {
                let from = if op == Convert::Promote { Width::W32 } else { Width::W64 };
                let src = c.float_rm(&mut value);
                c.al.drop_entry(value);
                let dst = c.al.alloc(&mut c.a, to);
                let upper = if let Rm::Reg(src) = src { src } else { dst };
                if c.a.cpu.avx {
                    c.a.vex(Fp::Cvt.scalar(from), dst, upper, &src);
                } else {
                    c.a.op(Fp::Cvt.scalar(from), dst.code(), &src);
                }
                dst
            }
            Convert::IntToFloat { from, to, signed } => c.int_to_float(from, to, signed, value),
            Convert::Trunc { from, to, signed } => c.float_to_int(from, to, signed, false, value),
            Convert::TruncSat { from, to, signed } => c.float_to_int(from, to, signed, true, value),
        }
    }
}

impl Codegen {
    /// Conversions that change no bits.
    fn transfer(&mut self, op: Convert, mut value: Entry) -> Reg {
        let (_, to) = op.types();
        let src = self.in_rm(&mut value);
        self.al.drop_entry(value);
        let dst = self.al.alloc(&mut self.a, to);
        let Rm::Reg(src) = src else {
            let Rm::Mem(mem) = src else { unreachable!("operands are registers or in the frame") };
            self.a.load_value(to, dst, &mem);
            return dst;
        };
        match op {
            Convert::ReinterpretFloat(width) => self.a.v2(MOVD_TO_INT.width(width), src, &Rm::Reg(dst)),
            Convert::ReinterpretInt(width) => self.a.v2(MOVD.width(width), dst, &Rm::Reg(src)),
            _ => self.a.mov_int(Width::W32, dst, src),
        }
        dst
    }

    fn cvtsi2s(&mut self, to: Width, from: Width, dst: Reg, src: Reg) {
        let op = Fp::FromInt.scalar(to).width(from);
        // The instruction keeps the upper part: not to wait for it, it is zeroed first.
        self.a.zero_float(dst);
        self.a.v3(op, dst, dst, &Rm::Reg(src));
    }

    fn int_to_float(&mut self, from: Width, to: Width, signed: bool, mut value: Entry) -> Reg {
        if signed || from == Width::W32 {
            let src = self.al.in_reg(&mut self.a, &mut value);
            let dst = self.al.alloc(&mut self.a, to.float());
            // An unsigned 32-bit number is a positive 64-bit one.
            self.cvtsi2s(to, if signed { from } else { Width::W64 }, dst, src);
            self.al.drop_entry(value);
            return dst;
        }
        let src = self.al.own(&mut self.a, &mut value);
        let half = self.al.alloc(&mut self.a, Ty::I64);
        let dst = self.al.alloc(&mut self.a, to.float());
        self.a.test(Width::W64, src, src);
        let large = self.a.jcc_short(Cc::S);
        self.cvtsi2s(to, Width::W64, dst, src);
        let end = self.a.jmp_short();
        // Half the number, odd if any bit was lost, so that it rounds alike; then its double.
        self.a.land(large);
        self.a.mov_int(Width::W64, half, src);
        self.a.shift_imm(Shift::Shr, Width::W64, half, 1);
        self.a.alu_imm(Alu::And, Width::W32, &Rm::Reg(src), 1);
        self.a.alu(Alu::Or, Width::W64, half, &Rm::Reg(src));
        self.cvtsi2s(to, Width::W64, dst, half);
        self.a.v3(Fp::Add.scalar(to), dst, dst, &Rm::Reg(dst));
        self.a.land(end);
        self.al.release(half);
        self.al.release(src);
        dst
    }

    /// `cvttss2si` and `cvttsd2si`: the lowest number for what is out of range.
    fn cvtts2si(&mut self, from: Width, to: Width, dst: Reg, src: Reg) {
        self.a.v2(Fp::ToIntTruncated.scalar(from).width(to), dst, &Rm::Reg(src));
    }

    fn float_to_int(&mut self, from: Width, to: Width, signed: bool, saturate: bool, mut value: Entry) -> Reg {
        let src = self.al.in_reg(&mut self.a, &mut value);
        let dst = self.al.alloc(&mut self.a, to.int());
        match (signed, to) {
            (true, _) => self.float_to_signed(from, to, saturate, dst, src),
            (false, Width::W32) => self.float_to_u32(from, saturate, dst, src),
            (false, Width::W64) => self.float_to_u64(from, saturate, dst, src),
        }
        self.al.drop_entry(value);
        dst
    }

    /// Traps with the reason why a number could not be converted, at which `src` is not a number, or beyond the range.
    fn trap_conversion(&mut self, from: Width, src: Reg) {
        self.a.ucomis(from, src, &Rm::Reg(src));
        self.trap_if(Cc::P, TrapCode::InvalidConversionToInteger);
        self.trap_now(TrapCode::IntegerOverflow);
    }

    fn float_to_signed(&mut self, from: Width, to: Width, saturate: bool, dst: Reg, src: Reg) {
        self.cvtts2si(from, to, dst, src);
        // Only the lowest number minus one overflows.
        self.a.alu_imm(Alu::Cmp, to, &Rm::Reg(dst), 1);
        let end = self.a.jcc_near(Cc::NO);
        if saturate {
            self.a.zero_float(XMM_TEMP);
            self.a.ucomis(from, src, &Rm::Reg(XMM_TEMP));
            // Unordered is also below.
            let not_a_number = self.a.jcc_short(Cc::P);
            let negative = self.a.jcc_short(Cc::B);
            self.a.int_constant(dst, if to == Width::W32 { i32::MAX as u64 } else { i64::MAX as u64 });
            let positive = self.a.jmp_short();
            self.a.land(not_a_number);
            self.a.int_constant(dst, 0);
            self.a.land(positive);
            self.a.land(negative);
        } else {
            self.a.ucomis(from, src, &Rm::Reg(src));
            self.trap_if(Cc::P, TrapCode::InvalidConversionToInteger);
            // The lowest number is right for what truncates to it.
            let lowest = match (from, to) {
                (Width::W64, Width::W32) => (-2_147_483_649.0f64).to_bits(),
                _ => power_of_two(from, to.bits() - 1, true),
            };
            // Only an `f64` can lie between the lowest `i32` and the integer below it, and is truncated to the lowest.
            let is_exclusive = (from, to) == (Width::W64, Width::W32);
            let lowest = self.a.pool(lowest.into());
            self.a.ucomis(from, src, &Rm::Pool(lowest));
            self.trap_if(if is_exclusive { Cc::BE } else { Cc::B }, TrapCode::IntegerOverflow);
            self.a.zero_float(XMM_TEMP);
            self.a.ucomis(from, src, &Rm::Reg(XMM_TEMP));
            self.trap_if(Cc::A, TrapCode::IntegerOverflow);
        }
        self.a.land_near(end);
    }

    fn float_to_u32(&mut self, from: Width, saturate: bool, dst: Reg, src: Reg) {
        self.cvtts2si(from, Width::W64, dst, src);
        // Converted to 64 bits, a result that fits has zeros in the upper half. Negative and too large numbers have not, nor has NaN: the instruction
        // returns `1 << 63` for what is out of its range.
        let high = self.al.alloc(&mut self.a, Ty::I64);
        self.a.mov_int(Width::W64, high, dst);
        self.a.shift_imm(Shift::Shr, Width::W64, high, 32);
        self.al.release(high);
        let end = self.a.jcc_near(Cc::E);
        if saturate {
            self.saturate_unsigned(from, Width::W32, dst, src);
        } else {
            self.trap_conversion(from, src);
        }
        self.a.land_near(end);
    }

    /// All ones for positive numbers, zero for others and what is not a number.
    fn saturate_unsigned(&mut self, from: Width, to: Width, dst: Reg, src: Reg) {
        self.a.zero_float(XMM_TEMP);
        self.a.int_constant(dst, 0);
        self.a.ucomis(from, src, &Rm::Reg(XMM_TEMP));
        let end = self.a.jcc_short(Cc::BE);
        self.a.int_constant(dst, if to == Width::W32 { u64::from(u32::MAX) } else { u64::MAX });
        self.a.land(end);
    }

    fn float_to_u64(&mut self, from: Width, saturate: bool, dst: Reg, src: Reg) {
        let limit = self.a.pool(power_of_two(from, 63, false).into());
        self.a.ucomis(from, src, &Rm::Pool(limit));
        // NaN compares as below, and goes with the negative numbers.
        let large = self.a.jcc_near(Cc::AE);
        self.cvtts2si(from, Width::W64, dst, src);
        self.a.test(Width::W64, dst, dst);
        let end = self.a.jcc_near(Cc::NS);
        if saturate {
            self.a.int_constant(dst, 0);
        } else {
            self.trap_conversion(from, src);
        }
        let end_of_small = saturate.then(|| self.a.jmp_short());
        // Less the limit, as a signed number; then its sign bit is set.
        self.a.land_near(large);
        self.a.v3(Fp::Sub.scalar(from), XMM_TEMP, src, &Rm::Pool(limit));
        self.cvtts2si(from, Width::W64, dst, XMM_TEMP);
        self.a.test(Width::W64, dst, dst);
        if saturate {
            let fits = self.a.jcc_short(Cc::NS);
            self.a.int_constant(dst, u64::MAX);
            let end_of_large = self.a.jmp_short();
            self.a.land(fits);
            self.a.flip_bit(dst, 63);
            self.a.land(end_of_large);
        } else {
            self.trap_if(Cc::S, TrapCode::IntegerOverflow);
            self.a.flip_bit(dst, 63);
        }
        if let Some(end_of_small) = end_of_small {
            self.a.land(end_of_small);
        }
        self.a.land_near(end);
    }
}
