//! Integer operators.

use wasmer_runtime_core::translate::ops::{IntBinary, IntUnary, WideOp};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::{Entry, Loc};
use crate::isa::x64::asm::*;
use crate::isa::x64::regs::*;
use crate::isa::x64::{Codegen, Pending};
use crate::masm::*;
use crate::regs::{Machine, Reg, RegSet};

/// The sum of the left operand and the right one, which is shifted to the left by so many bits: an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaled(u8);

/// A constant operand as an immediate.
#[inline]
pub(crate) fn immediate(entry: &Entry) -> Option<i32> {
    match entry.loc {
        Loc::Const(bits) if matches!(entry.ty, Ty::I32) => Some(bits as i32),
        Loc::Const(bits) if bits as i32 as i64 == bits as i64 => Some(bits as i32),
        _ => None,
    }
}

/// A constant operand's value.
pub(crate) fn constant(entry: &Entry) -> Option<u64> {
    match entry.loc {
        Loc::Const(bits) => Some(bits),
        _ => None,
    }
}

impl IntOps for X64 {
    /// An integer operator that cannot trap.
    fn int_binary(c: &mut Codegen, op: IntBinary, width: Width, lhs: Entry, rhs: Entry, hint: Option<Reg>) -> Reg {
        match op {
            IntBinary::Add => c.add(width, lhs, rhs, hint),
            IntBinary::Sub => match immediate(&rhs) {
                // A sum can be an address, into any register (see `add`).
                Some(imm) if imm != i32::MIN => {
                    let bits = if width == Width::W32 { u64::from(-imm as u32) } else { -i64::from(imm) as u64 };
                    c.add(width, lhs, Entry { loc: Loc::Const(bits), ..rhs }, hint)
                }
                _ => c.alu(Alu::Sub, width, lhs, rhs, hint),
            },
            IntBinary::And => c.alu(Alu::And, width, lhs, rhs, hint),
            IntBinary::Or => c.alu(Alu::Or, width, lhs, rhs, hint),
            IntBinary::Xor => c.alu(Alu::Xor, width, lhs, rhs, hint),
            IntBinary::Mul => c.multiply(width, lhs, rhs, hint),
            IntBinary::Shl => c.shift(Shift::Shl, width, lhs, rhs, hint),
            IntBinary::ShrS => c.shift(Shift::Sar, width, lhs, rhs, hint),
            IntBinary::ShrU => c.shift(Shift::Shr, width, lhs, rhs, hint),
            IntBinary::Rotl => c.shift(Shift::Rol, width, lhs, rhs, hint),
            IntBinary::Rotr => c.shift(Shift::Ror, width, lhs, rhs, hint),
            IntBinary::DivS | IntBinary::DivU | IntBinary::RemS | IntBinary::RemU => {
                unreachable!("divisions are never pending")
            }
        }
    }

    /// If the right operand of a sum is pending, and a few bits to the left, the sum is an address.
    fn fuse(c: &mut Codegen, op: IntBinary, width: Width) -> bool {
        if op != IntBinary::Add {
            return false;
        }
        let Pending::Int { op: IntBinary::Shl, width: of, lhs: rhs, rhs: count } = c.pending else { return false };
        // Addresses scale by 2, 4 or 8.
        let (Some(scale @ 1..=3), true) = (constant(&count), of == width) else { return false };
        if let Loc::Const(_) = c.al.stack[c.al.len() - 2].loc {
            return false;
        }
        c.pending = Pending::None;
        c.al.pop();
        let lhs = c.al.pop();
        c.push_pending(width.int(), Pending::Fused { op: Scaled(scale as u8), width, lhs, rhs });
        true
    }

    fn fused(
        c: &mut Codegen,
        Scaled(scale): Scaled,
        width: Width,
        mut lhs: Entry,
        mut rhs: Entry,
        hint: Option<Reg>,
    ) -> Reg {
        let base = c.al.in_reg(&mut c.a, &mut lhs);
        let index = c.al.in_reg(&mut c.a, &mut rhs);
        c.al.drop_entry(lhs);
        c.al.drop_entry(rhs);
        let dst = c.result(width.int(), hint);
        c.a.lea(width, dst, &Mem::indexed(base, index, scale, 0));
        dst
    }
    fn int_divide(c: &mut Codegen, op: IntBinary, width: Width, mut lhs: Entry, mut rhs: Entry) -> Reg {
        if let Some(reg) = c.divide_by_power(op, width, &mut lhs, &rhs) {
            return reg;
        }
        let divisor = constant(&rhs);
        // The instruction has one fault for a zero divisor and for a quotient that does not fit, and the trap table one reason for an instruction. So code
        // looks for one of the two first, where both can happen.
        let signed = matches!(op, IntBinary::DivS | IntBinary::RemS);
        let src = c.beside_rax_rdx(lhs, &mut rhs);
        let is_minus_one = divisor.map(|bits| bits == if width == Width::W32 { u64::from(u32::MAX) } else { u64::MAX });
        let mut zero_remainder = None;
        if signed {
            if op == IntBinary::DivS && divisor.is_none_or(|bits| bits == 0) {
                // Only the overflow is left to the instruction.
                c.compare_zero(width, &src);
                c.trap_if(Cc::E, TrapCode::IntegerDivideByZero);
            }
            if op == IntBinary::RemS && is_minus_one != Some(false) {
                // MIN % -1 is 0, where the instruction faults.
                c.a.int_constant(RDX, 0);
                c.a.alu_imm(Alu::Cmp, width, &src, -1);
                zero_remainder = Some(c.a.jcc_short(Cc::E));
            }
            c.a.spread_sign(width);
        } else {
            c.a.int_constant(RDX, 0);
        }
        let code = if op == IntBinary::DivS { TrapCode::IntegerOverflow } else { TrapCode::IntegerDivideByZero };
        if divisor.is_none_or(|bits| bits == 0) || is_minus_one == Some(true) {
            c.traps(code);
        }
        c.a.group_3(if signed { Group3::Idiv } else { Group3::Div }, width, &src);
        if let Some(jump) = zero_remainder {
            c.a.land(jump);
        }
        c.al.drop_entry(rhs);
        let (result, other) = match op {
            IntBinary::DivS | IntBinary::DivU => (RAX, RDX),
            _ => (RDX, RAX),
        };
        c.al.release(other);
        result
    }
    fn int_unary(c: &mut Codegen, op: IntUnary, width: Width, mut value: Entry) -> Reg {
        let ty = width.int();
        let extend = match op {
            IntUnary::Extend8 => Some(MOVSX8.width(width)),
            IntUnary::Extend16 => Some(MOVSX16.width(width)),
            IntUnary::Extend32 => Some(MOVSXD),
            IntUnary::Clz if c.a.cpu.lzcnt => Some(LZCNT.width(width)),
            IntUnary::Ctz if c.a.cpu.bmi1 => Some(TZCNT.width(width)),
            IntUnary::Popcnt if c.a.cpu.popcnt => Some(POPCNT.width(width)),
            _ => None,
        };
        if let Some(op) = extend {
            let src = c.in_rm(&mut value);
            c.al.drop_entry(value);
            let dst = c.al.alloc(&mut c.a, ty);
            c.a.op(op, dst.0, &src);
            return dst;
        }
        match op {
            IntUnary::Clz => {
                // The highest one's position, or what makes the exclusive or the width.
                let dst = c.bit_scan(BSR, width, value, u64::from(width.bits()) * 2 - 1);
                c.a.alu_imm(Alu::Xor, width, &Rm::Reg(dst), width.bits() as i32 - 1);
                dst
            }
            IntUnary::Ctz => c.bit_scan(BSF, width, value, width.bits().into()),
            _ => c.count_ones(width, value),
        }
    }
    fn wide(c: &mut Codegen, op: WideOp) {
        match op {
            WideOp::Add128 => c.wide_sum(Alu::Add, Alu::Adc),
            WideOp::Sub128 => c.wide_sum(Alu::Sub, Alu::Sbb),
            WideOp::MulWideS => c.wide_product(Group3::Imul),
            WideOp::MulWideU => c.wide_product(Group3::Mul),
        }
    }
}

impl Codegen {
    /// The operand where an instruction can read it: in memory if it is there.
    #[inline]
    pub(crate) fn in_rm(&mut self, entry: &mut Entry) -> Rm {
        match entry.loc {
            Loc::Pending => Rm::Mem(self.folded_place().mem),
            Loc::Slot => Rm::Mem(Mem::frame(self.al.place(entry.end))),
            Loc::Local(local) if self.al.locals[local as usize].pin.is_none() => {
                Rm::Mem(Mem::frame(self.al.locals[local as usize].at))
            }
            _ => Rm::Reg(self.al.in_reg(&mut self.a, entry)),
        }
    }

    /// A register that may be written, with the value of `lhs` in it: `hint` unless `rhs` needs that.
    /// `lhs` is given back, or is the register.
    #[inline]
    pub(crate) fn destination(&mut self, lhs: &mut Entry, rhs: Option<&Rm>, hint: Option<Reg>) -> Reg {
        if let Some(hint) = hint {
            let source = self.al.source(*lhs);
            if source == crate::moves::Source::Reg(hint) {
                return hint;
            }
            let is_needed = match rhs {
                Some(Rm::Reg(reg)) => *reg == hint,
                Some(Rm::Mem(mem)) => mem.uses(hint),
                Some(Rm::Pool(_)) | None => false,
            };
            if !is_needed {
                self.al.load_into(&mut self.a, *lhs, hint);
                self.al.drop_entry(*lhs);
                return hint;
            }
        }
        self.al.own(&mut self.a, lhs)
    }

    /// For commutative operators: constants to the right, registers of their own to the left.
    fn order(&self, lhs: &mut Entry, rhs: &mut Entry, hint: Option<Reg>) {
        if rhs.loc == Loc::Pending {
            return;
        }
        let is_own = |entry: &Entry| matches!(entry.loc, Loc::Reg(_));
        let is_hint =
            |entry: &Entry| hint.is_some_and(|hint| self.al.source(*entry) == crate::moves::Source::Reg(hint));
        if constant(rhs).is_none()
            && !is_hint(lhs)
            && (constant(lhs).is_some() || is_hint(rhs) || !is_own(lhs) && is_own(rhs))
        {
            std::mem::swap(lhs, rhs);
        }
    }

    fn alu(&mut self, alu: Alu, width: Width, mut lhs: Entry, mut rhs: Entry, hint: Option<Reg>) -> Reg {
        if alu != Alu::Sub {
            self.order(&mut lhs, &mut rhs, hint);
        }
        if let Some(imm) = immediate(&rhs) {
            let dst = self.destination(&mut lhs, None, hint);
            self.a.alu_imm(alu, width, &Rm::Reg(dst), imm);
            self.a.note_zero_flag(dst, width);
            return dst;
        }
        let src = self.in_rm(&mut rhs);
        let dst = self.destination(&mut lhs, Some(&src), hint);
        self.mark_folded();
        self.a.alu(alu, width, dst, &src);
        self.a.note_zero_flag(dst, width);
        self.release_folded();
        self.al.drop_entry(rhs);
        dst
    }

    fn add(&mut self, width: Width, mut lhs: Entry, mut rhs: Entry, hint: Option<Reg>) -> Reg {
        self.order(&mut lhs, &mut rhs, hint);
        // A sum of registers that must stay, or goes elsewhere, is an address.
        if let Loc::Local(local) = lhs.loc
            && self.al.locals[local as usize].pin.is_some()
        {
            let left = self.al.fetch(&mut self.a, local);
            if hint != Some(left) {
                if let Some(imm) = immediate(&rhs) {
                    let dst = self.result(width.int(), hint);
                    self.a.lea(width, dst, &Mem::new(left, imm));
                    return dst;
                }
                if let Rm::Reg(right) = self.in_rm(&mut rhs) {
                    self.al.drop_entry(rhs);
                    let dst = self.result(width.int(), hint);
                    self.a.lea(width, dst, &Mem::indexed(left, right, 0, 0));
                    return dst;
                }
            }
        }
        self.alu(Alu::Add, width, lhs, rhs, hint)
    }

    fn multiply(&mut self, width: Width, mut lhs: Entry, mut rhs: Entry, hint: Option<Reg>) -> Reg {
        self.order(&mut lhs, &mut rhs, hint);
        if let Some(bits) = constant(&rhs)
            && bits.is_power_of_two()
        {
            let count = Entry { loc: Loc::Const(bits.trailing_zeros().into()), ..rhs };
            return self.shift(Shift::Shl, width, lhs, count, hint);
        }
        if let Some(imm) = immediate(&rhs) {
            let src = self.in_rm(&mut lhs);
            self.al.drop_entry(lhs);
            let dst = self.result(width.int(), hint);
            self.a.imul_imm(width, dst, &src, imm);
            return dst;
        }
        let src = self.in_rm(&mut rhs);
        let dst = self.destination(&mut lhs, Some(&src), hint);
        self.mark_folded();
        self.a.op(IMUL.width(width), dst.0, &src);
        self.release_folded();
        self.al.drop_entry(rhs);
        dst
    }

    fn shift(&mut self, shift: Shift, width: Width, mut lhs: Entry, mut rhs: Entry, hint: Option<Reg>) -> Reg {
        if let Some(count) = constant(&rhs) {
            let mask = (width.bits() - 1) as u8;
            let count = count as u8 & mask;
            if matches!(shift, Shift::Rol | Shift::Ror) && self.a.cpu.bmi2 && !matches!(lhs.loc, Loc::Reg(_)) {
                // rorx goes from anywhere to anywhere.
                let count = if shift == Shift::Rol { count.wrapping_neg() & mask } else { count };
                let src = self.in_rm(&mut lhs);
                self.al.drop_entry(lhs);
                let dst = self.result(width.int(), hint);
                self.a.vex_imm8(RORX.width(width), dst, xmm(0), &src, count);
                return dst;
            }
            let dst = self.destination(&mut lhs, None, hint);
            if count != 0 {
                self.a.shift_imm(shift, width, dst, count);
            }
            return dst;
        }
        if let Some(op) = shift.with_three_operands().filter(|_| self.a.cpu.bmi2) {
            let count = self.al.in_reg(&mut self.a, &mut rhs);
            let src = self.in_rm(&mut lhs);
            self.al.drop_entry(lhs);
            self.al.drop_entry(rhs);
            let dst = self.result(width.int(), hint);
            self.a.vex(op.width(width), dst, count, &src);
            return dst;
        }
        self.count_to_rcx(&mut lhs, rhs);
        let dst = self.destination(&mut lhs, None, hint);
        self.a.shift_cl(shift, width, dst);
        self.al.release(RCX);
        dst
    }

    /// Moves an operand out of a register that is needed for something else, to one that is not in `avoid`.
    fn vacate(&mut self, entry: &mut Entry, avoid: &[Reg]) {
        let Loc::Reg(reg) = entry.loc else { return };
        if avoid.contains(&reg) {
            let set = X64::INT_SCRATCH.minus(RegSet::of(avoid));
            let other = self.al.alloc_in(&mut self.a, set);
            self.a.mov_int(Width::W64, other, reg);
            self.al.release(reg);
            entry.loc = Loc::Reg(other);
        }
    }

    fn count_to_rcx(&mut self, lhs: &mut Entry, count: Entry) {
        if count.loc == Loc::Reg(RCX) {
            return;
        }
        self.vacate(lhs, &[RCX]);
        self.al.take(&mut self.a, RCX);
        self.al.load_into(&mut self.a, count, RCX);
        self.al.drop_entry(count);
    }

    fn compare_zero(&mut self, width: Width, value: &Rm) {
        match *value {
            Rm::Reg(reg) => self.a.test(width, reg, reg),
            _ => self.a.alu_imm(Alu::Cmp, width, value, 0),
        }
    }

    /// Unsigned division by a power of two, if it is one.
    fn divide_by_power(&mut self, op: IntBinary, width: Width, lhs: &mut Entry, rhs: &Entry) -> Option<Reg> {
        let divisor = constant(rhs).filter(|divisor| divisor.is_power_of_two())?;
        match op {
            IntBinary::DivU => {
                let dst = self.al.own(&mut self.a, lhs);
                if divisor > 1 {
                    self.a.shift_imm(Shift::Shr, width, dst, divisor.trailing_zeros() as u8);
                }
                Some(dst)
            }
            // Larger masks are no immediates.
            IntBinary::RemU if divisor <= 1 << 31 => {
                let dst = self.al.own(&mut self.a, lhs);
                self.a.alu_imm(Alu::And, width, &Rm::Reg(dst), (divisor - 1) as i32);
                Some(dst)
            }
            _ => None,
        }
    }

    /// `bsf` or `bsr`, with a value for zero.
    fn bit_scan(&mut self, op: Op, width: Width, mut value: Entry, for_zero: u64) -> Reg {
        let src = self.in_rm(&mut value);
        let dst = self.al.alloc(&mut self.a, Ty::I64);
        // The instruction leaves the destination undefined for zero, and sets the zero flag.
        let other = self.al.alloc(&mut self.a, Ty::I64);
        self.a.int_constant(other, for_zero);
        self.a.op(op.width(width), dst.0, &src);
        self.a.cmov(Cc::E, width, dst, &Rm::Reg(other));
        self.al.release(other);
        self.al.drop_entry(value);
        dst
    }

    /// Sums of ones in pairs, nibbles, bytes, then all bytes by a multiplication.
    fn count_ones(&mut self, width: Width, mut value: Entry) -> Reg {
        let ty = width.int();
        let x = self.al.own(&mut self.a, &mut value);
        let t = self.al.alloc(&mut self.a, ty);
        let mask = self.al.alloc(&mut self.a, ty);
        let repeat = |byte: u64| {
            let bits = byte * 0x0101_0101_0101_0101;
            if width == Width::W32 { bits & u64::from(u32::MAX) } else { bits }
        };
        self.a.mov_int(width, t, x);
        self.a.shift_imm(Shift::Shr, width, t, 1);
        self.a.int_constant(mask, repeat(0x55));
        self.a.alu(Alu::And, width, t, &Rm::Reg(mask));
        self.a.alu(Alu::Sub, width, x, &Rm::Reg(t));
        self.a.int_constant(mask, repeat(0x33));
        self.a.mov_int(width, t, x);
        self.a.alu(Alu::And, width, x, &Rm::Reg(mask));
        self.a.shift_imm(Shift::Shr, width, t, 2);
        self.a.alu(Alu::And, width, t, &Rm::Reg(mask));
        self.a.alu(Alu::Add, width, x, &Rm::Reg(t));
        self.a.mov_int(width, t, x);
        self.a.shift_imm(Shift::Shr, width, t, 4);
        self.a.alu(Alu::Add, width, x, &Rm::Reg(t));
        self.a.int_constant(mask, repeat(0x0f));
        self.a.alu(Alu::And, width, x, &Rm::Reg(mask));
        self.a.int_constant(mask, repeat(0x01));
        self.a.op(IMUL.width(width), x.0, &Rm::Reg(mask));
        self.a.shift_imm(Shift::Shr, width, x, (width.bits() - 8) as u8);
        self.al.release(t);
        self.al.release(mask);
        x
    }

    fn wide_sum(&mut self, low: Alu, high: Alu) {
        let mut rhs_high = self.pop();
        let mut rhs_low = self.al.pop();
        let mut lhs_high = self.al.pop();
        let mut lhs_low = self.al.pop();
        // Loading constants changes the flags, so everything comes before the carry.
        let low_dst = self.al.own(&mut self.a, &mut lhs_low);
        let high_dst = self.al.own(&mut self.a, &mut lhs_high);
        let low_src = self.in_rm(&mut rhs_low);
        let high_src = self.in_rm(&mut rhs_high);
        self.a.alu(low, Width::W64, low_dst, &low_src);
        self.a.alu(high, Width::W64, high_dst, &high_src);
        self.al.drop_entry(rhs_low);
        self.al.drop_entry(rhs_high);
        self.push_reg(Ty::I64, low_dst);
        self.push_reg(Ty::I64, high_dst);
    }

    /// Operands of the instructions that multiply or divide `rdx:rax`: `lhs` in `rax`, `rdx` free, and the place of `rhs`, which is neither
    /// of them nor a constant.
    fn beside_rax_rdx(&mut self, lhs: Entry, rhs: &mut Entry) -> Rm {
        self.vacate(rhs, &[RAX, RDX]);
        if constant(rhs).is_some() {
            let reg = self.al.alloc_in(&mut self.a, X64::INT_SCRATCH.minus(RegSet::of(&[RAX, RDX])));
            self.al.load_into(&mut self.a, *rhs, reg);
            rhs.loc = Loc::Reg(reg);
        }
        if lhs.loc != Loc::Reg(RAX) {
            self.al.take(&mut self.a, RAX);
            self.al.load_into(&mut self.a, lhs, RAX);
            self.al.drop_entry(lhs);
        }
        self.al.take(&mut self.a, RDX);
        self.in_rm(rhs)
    }

    fn wide_product(&mut self, op: Group3) {
        let mut rhs = self.pop();
        let lhs = self.al.pop();
        let src = self.beside_rax_rdx(lhs, &mut rhs);
        self.a.group_3(op, Width::W64, &src);
        self.al.drop_entry(rhs);
        self.push_reg(Ty::I64, RAX);
        self.push_reg(Ty::I64, RDX);
    }
}
