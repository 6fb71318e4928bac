//! Instructions with their operands: integers, moves, vectors with two or three operands, and those whose operands are fixed.

use wasmer_runtime_core::types::{Ty, Width};

use super::*;

/// Integers.
impl X64 {
    #[inline]
    pub(crate) fn alu(&mut self, alu: Alu, width: Width, dst: Reg, src: &Rm) {
        self.op(alu.reg_rm().width(width), dst.0, src);
    }

    /// `alu [mem], reg`
    #[inline]
    pub(crate) fn alu_to_mem(&mut self, alu: Alu, width: Width, dst: &Mem, src: Reg) {
        self.op(alu.rm_reg().width(width), src.0, &Rm::Mem(*dst));
    }

    #[inline]
    pub(crate) fn alu_imm(&mut self, alu: Alu, width: Width, dst: &Rm, imm: i32) {
        if imm as i8 as i32 == imm {
            self.op_imm8(ALU_IMM8.width(width), alu as u8, dst, imm as u8);
        } else {
            self.op_imm32(ALU_IMM32.width(width), alu as u8, dst, imm);
        }
    }

    #[inline]
    pub(crate) fn test(&mut self, width: Width, a: Reg, b: Reg) {
        self.op(TEST.width(width), b.0, &Rm::Reg(a));
    }

    pub(crate) fn test_imm(&mut self, width: Width, a: &Rm, imm: i32) {
        self.op_imm32(GROUP_3.width(width), TEST_IMM, a, imm);
    }

    /// `neg`, or a product or quotient of `rdx:rax`.
    pub(crate) fn group_3(&mut self, op: Group3, width: Width, rm: &Rm) {
        self.op(GROUP_3.width(width), op as u8, rm);
    }

    /// `cdq`, `cqo`: the sign of `rax` in all bits of `rdx`.
    pub(crate) fn spread_sign(&mut self, width: Width) {
        match width {
            Width::W32 => self.fixed(CDQ),
            Width::W64 => self.fixed(CQO),
        }
    }

    /// `imul dst, src, imm`
    pub(crate) fn imul_imm(&mut self, width: Width, dst: Reg, src: &Rm, imm: i32) {
        if imm as i8 as i32 == imm {
            self.op_imm8(IMUL_IMM8.width(width), dst.0, src, imm as u8);
        } else {
            self.op_imm32(IMUL_IMM32.width(width), dst.0, src, imm);
        }
    }

    pub(crate) fn mov_int(&mut self, width: Width, dst: Reg, src: Reg) {
        self.instruction(|w| w.reg(MOV.width(width), dst.0, src).end());
    }

    pub(crate) fn load_int(&mut self, width: Width, dst: Reg, src: &Mem) {
        let src = *src;
        self.instruction(|w| w.mem(MOV.width(width), dst.0, src).end());
    }

    pub(crate) fn store_int(&mut self, width: Width, dst: &Mem, src: Reg) {
        let dst = *dst;
        self.instruction(|w| w.mem(MOV_TO_RM.width(width), src.0, dst).end());
    }

    /// `mov dst, [rbp + at]`
    #[inline]
    pub(crate) fn load_int_frame(&mut self, width: Width, dst: Reg, at: i32) {
        self.instruction(|w| w.frame(MOV.width(width), dst.0, at));
    }

    /// `mov [rbp + at], src`
    #[inline]
    pub(crate) fn store_int_frame(&mut self, width: Width, at: i32, src: Reg) {
        self.instruction(|w| w.frame(MOV_TO_RM.width(width), src.0, at));
    }

    pub(crate) fn lea(&mut self, width: Width, dst: Reg, src: &Mem) {
        let src = *src;
        self.instruction(|w| w.mem(LEA.width(width), dst.0, src).end());
    }

    pub(crate) fn swap_ints(&mut self, a: Reg, b: Reg) {
        self.op(sized(XCHG, false, 8), a.0, &Rm::Reg(b));
    }

    pub(crate) fn shift_imm(&mut self, shift: Shift, width: Width, dst: Reg, count: u8) {
        self.op_imm8(SHIFT_IMM.width(width), shift as u8, &Rm::Reg(dst), count);
    }

    /// By `cl`.
    pub(crate) fn shift_cl(&mut self, shift: Shift, width: Width, dst: Reg) {
        self.op(SHIFT_CL.width(width), shift as u8, &Rm::Reg(dst));
    }

    /// `btc dst, bit`: inverts a bit of a 64-bit register.
    pub(crate) fn flip_bit(&mut self, dst: Reg, bit: u8) {
        self.op_imm8(GROUP_8.w(), BTC_IMM, &Rm::Reg(dst), bit);
    }

    pub(crate) fn setcc(&mut self, cc: Cc, dst: Reg) {
        self.op(ops::setcc(cc), 0, &Rm::Reg(dst));
    }

    pub(crate) fn movzx8(&mut self, dst: Reg, src: Reg) {
        self.op(MOVZX8, dst.0, &Rm::Reg(src));
    }

    pub(crate) fn cmov(&mut self, cc: Cc, width: Width, dst: Reg, src: &Rm) {
        self.op(ops::cmov(cc).width(width), dst.0, src);
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
        if bits <= u64::from(u32::MAX) {
            self.instruction(|w| w.opcode_reg(MOV_REG_IMM, dst).imm::<4>(bits as u32));
        } else if bits as i64 >= i64::from(i32::MIN) && (bits as i64) < 0 {
            self.op_imm32(MOV_RM_IMM.w(), 0, &Rm::Reg(dst), bits as i32);
        } else {
            self.instruction(|w| w.opcode_imm64(MOV_REG_IMM, dst, bits));
        }
    }

    /// Stores a constant of 4 or 8 bytes.
    pub(crate) fn store_imm(&mut self, width: Width, dst: &Mem, bits: u64) {
        if width == Width::W32 {
            self.op_imm32(MOV_RM_IMM, 0, &Rm::Mem(*dst), bits as i32);
        } else if bits as i32 as i64 == bits as i64 {
            self.op_imm32(MOV_RM_IMM.w(), 0, &Rm::Mem(*dst), bits as i32);
        } else {
            // Immediates have 32 bits. Two stores need no register, which might have to be made free.
            self.op_imm32(MOV_RM_IMM, 0, &Rm::Mem(*dst), bits as i32);
            self.op_imm32(MOV_RM_IMM, 0, &Rm::Mem(dst.plus(4)), (bits >> 32) as i32);
        }
    }

    /// Stores the low byte of a constant.
    pub(crate) fn store_imm8(&mut self, dst: &Mem, imm: u8) {
        self.op_imm8(MOV_RM_IMM8, 0, &Rm::Mem(*dst), imm);
    }

    /// Stores the low two bytes of a constant.
    pub(crate) fn store_imm16(&mut self, dst: &Mem, imm: u16) {
        self.op_imm::<2>(MOV_RM_IMM16, 0, &Rm::Mem(*dst), imm.into());
    }
}

/// Atomic accesses of so many bytes.
impl X64 {
    /// `xchg [mem], reg`, which is locked without being told.
    pub(crate) fn xchg_mem(&mut self, bytes: u8, mem: &Mem, reg: Reg) {
        self.op(sized(XCHG, false, bytes), reg.0, &Rm::Mem(*mem));
    }

    /// `lock xadd [mem], reg`
    pub(crate) fn lock_xadd(&mut self, bytes: u8, mem: &Mem, reg: Reg) {
        self.fixed(LOCK);
        self.op(sized(XADD, true, bytes), reg.0, &Rm::Mem(*mem));
    }

    /// `lock cmpxchg [mem], reg`, whose other operand is `rax`.
    pub(crate) fn lock_cmpxchg(&mut self, bytes: u8, mem: &Mem, reg: Reg) {
        self.fixed(LOCK);
        self.op(sized(CMPXCHG, true, bytes), reg.0, &Rm::Mem(*mem));
    }

    pub(crate) fn mfence(&mut self) {
        self.fixed(MFENCE);
    }
}

/// Calls, frames, and what else has its operands fixed.
impl X64 {
    fn fixed<const LEN: usize>(&mut self, opcode: [u8; LEN]) {
        self.instruction(|w| w.opcode(opcode).end());
    }

    /// A call or jump to the address in a register or in memory.
    pub(crate) fn group_5(&mut self, op: Group5, rm: &Rm) {
        self.op(GROUP_5, op as u8, rm);
    }

    /// A call whose target is filled in later. Returns where its four bytes are.
    pub(crate) fn call_symbol(&mut self) -> usize {
        self.instruction(|w| w.opcode(CALL).imm::<4>(0));
        self.text.len() - 4
    }

    /// A jump whose target is filled in later. Returns where its four bytes are.
    pub(crate) fn jmp_symbol(&mut self) -> usize {
        self.instruction(|w| w.opcode(JMP).imm::<4>(0));
        self.text.len() - 4
    }

    pub(crate) fn ret(&mut self) {
        self.fixed(RET);
    }

    /// Stores `rax` to `rcx` words from the address in `rdi` on.
    pub(crate) fn rep_stosq(&mut self) {
        self.fixed(REP_STOSQ);
    }

    /// `test [mem], reg`
    pub(crate) fn test_mem(&mut self, width: Width, mem: &Mem, reg: Reg) {
        self.op(TEST.width(width), reg.0, &Rm::Mem(*mem));
    }

    /// `lea dst, [rip + distance]`; [`X64::land_near`] says to where.
    pub(crate) fn lea_ahead(&mut self, dst: Reg) -> usize {
        self.instruction(|w| w.pool(LEA.w(), dst.0).end());
        self.text.len()
    }

    /// `push rbp; mov rbp, rsp`: [`FRAME_START_BYTES`] bytes.
    pub(crate) fn start_frame(&mut self) {
        self.fixed(PUSH_RBP);
        self.op(MOV_TO_RM.w(), RSP.0, &Rm::Reg(RBP));
    }

    /// `sub rsp, bytes`, in the long form: [`FRAME_SIZE_BYTES`] bytes, which [`X64::set_frame_size`] and [`X64::jump_for_frame_size`] patch.
    pub(crate) fn size_frame(&mut self, bytes: i32) {
        self.op_imm32(ALU_IMM32.w(), Alu::Sub as u8, &Rm::Reg(RSP), bytes);
    }

    /// Fills the size into the [`X64::size_frame`] at this position.
    pub(crate) fn set_frame_size(&mut self, at: usize, bytes: u32) {
        patch(&mut self.text, at + FRAME_SIZE_BYTES - 4, bytes);
    }

    /// Replaces the [`X64::size_frame`] at this position by a jump to here.
    pub(crate) fn jump_for_frame_size(&mut self, at: usize) {
        let here = self.text.len();
        let end = at + JMP.len() + 4;
        self.text[at..at + JMP.len()].copy_from_slice(&JMP);
        patch(&mut self.text, end - 4, (here - end) as u32);
        self.text[end..at + FRAME_SIZE_BYTES].copy_from_slice(&NOP_2);
    }

    /// A conditional jump back over less than 128 bytes.
    pub(crate) fn jcc_back(&mut self, cc: Cc, target: usize) {
        let from = self.jcc_short(cc);
        self.text[from - 1] = target.wrapping_sub(from) as u8;
    }

    /// A jump to a position before.
    pub(crate) fn jmp_back(&mut self, target: usize) {
        let place = self.jmp_symbol();
        let end = self.text.len();
        patch(&mut self.text, place, target.wrapping_sub(end) as u32);
    }

    /// `leave`: `mov rsp, rbp; pop rbp`.
    pub(crate) fn leave(&mut self) {
        self.fixed(LEAVE);
    }
}

/// Bytes of [`X64::start_frame`].
pub(crate) const FRAME_START_BYTES: usize = 4;
/// Bytes of [`X64::size_frame`].
pub(crate) const FRAME_SIZE_BYTES: usize = 7;

/// Values of any type, and vectors.
impl X64 {
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
        if self.cpu.avx {
            // The field of the second source is all ones then, which is what register 0 is written as.
            self.vex(op, dst, xmm(0), src);
        } else {
            self.op(op, dst.code(), src);
        }
    }

    /// `dst = op(src, imm)`
    pub(crate) fn v2_imm8(&mut self, op: Op, dst: Reg, src: &Rm, imm: u8) {
        if self.cpu.avx {
            self.vex_imm8(op, dst, xmm(0), src, imm);
        } else {
            self.op_imm8(op, dst.code(), src, imm);
        }
    }

    /// `dst = op(lhs, rhs)`, with two or three operands, as the processor has them.
    pub(crate) fn v3(&mut self, op: Op, dst: Reg, lhs: Reg, rhs: &Rm) {
        if self.cpu.avx {
            self.vex(op, dst, lhs, rhs);
        } else {
            let rhs = self.two_operands(dst, lhs, rhs);
            self.op(op, dst.code(), &rhs);
        }
    }

    /// The same with an immediate.
    pub(crate) fn v3_imm8(&mut self, op: Op, dst: Reg, lhs: Reg, rhs: &Rm, imm: u8) {
        if self.cpu.avx {
            self.vex_imm8(op, dst, lhs, rhs, imm);
        } else {
            let rhs = self.two_operands(dst, lhs, rhs);
            self.op_imm8(op, dst.code(), &rhs, imm);
        }
    }

    /// Gets `lhs` into `dst`; returns where `rhs` is afterwards.
    fn two_operands(&mut self, dst: Reg, lhs: Reg, rhs: &Rm) -> Rm {
        if dst == lhs {
            return *rhs;
        }
        if *rhs == Rm::Reg(dst) {
            self.mov_float(XMM_TEMP, dst);
            self.mov_float(dst, lhs);
            return Rm::Reg(XMM_TEMP);
        }
        self.mov_float(dst, lhs);
        *rhs
    }

    /// A scalar instruction that takes the upper part of its result from another register: with AVX any that is at hand.
    pub(crate) fn scalar_unary(&mut self, op: Op, imm: Option<u8>, dst: Reg, src: &Rm) {
        let upper = match *src {
            Rm::Reg(src) => src,
            _ => dst,
        };
        match (self.cpu.avx, imm) {
            (true, None) => self.vex(op, dst, upper, src),
            (true, Some(imm)) => self.vex_imm8(op, dst, upper, src, imm),
            (false, None) => self.op(op, dst.code(), src),
            (false, Some(imm)) => self.op_imm8(op, dst.code(), src, imm),
        }
    }

    /// `dst = src << imm`, or another shift of all lanes.
    pub(crate) fn shift_lanes(&mut self, shift: LaneShift, dst: Reg, src: Reg, imm: u8) {
        if self.cpu.avx {
            self.vex_imm8(shift.op, Reg(shift.extension), dst, &Rm::Reg(src), imm);
            return;
        }
        if dst != src {
            self.mov_float(dst, src);
        }
        self.op_imm8(shift.op, shift.extension, &Rm::Reg(dst), imm);
    }

    pub(crate) fn ucomis(&mut self, width: Width, a: Reg, b: &Rm) {
        self.v2(Fp::Ucomis.packed(width), a, b);
    }

    pub(crate) fn mov_float(&mut self, dst: Reg, src: Reg) {
        self.v2(MOVAPS, dst, &Rm::Reg(src));
    }

    /// Processors know an exclusive or of a register with itself to depend on nothing.
    pub(crate) fn zero_float(&mut self, dst: Reg) {
        if self.cpu.avx {
            self.vex(XORPS, dst, dst, &Rm::Reg(dst));
        } else {
            self.op(XORPS, dst.code(), &Rm::Reg(dst));
        }
    }

    pub(crate) fn load_float(&mut self, ty: Ty, dst: Reg, src: &Rm) {
        self.v2(ops::load_float(ty), dst, src);
    }

    pub(crate) fn store_float(&mut self, ty: Ty, dst: &Mem, src: Reg) {
        self.v2(ops::store_float(ty), src, &Rm::Mem(*dst));
    }
}
