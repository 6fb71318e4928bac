//! The instructions by name: the only place that knows opcodes (Intel SDM, volume 2; names as there).
//!
//! An [`Op`] has no operands yet. Where a constant is the opcode for one operand size, [`Op::width`] gives the others. Instructions
//! with fixed operands, and those that need more than an opcode, are methods of [`X64`](super::X64).

use wasmer_runtime_core::translate::ops::IntShape;
use wasmer_runtime_core::types::{Ty, Width};

use super::encode::Op;

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

/// The arithmetic instructions of the first opcode rows. The number is the row, and the extension of `ALU_IMM8` and `ALU_IMM32`.
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

impl Alu {
    /// `alu reg, rm`
    pub(super) const fn reg_rm(self) -> Op {
        one((self as u8) << 3 | 3)
    }

    /// `alu rm, reg`
    pub(super) const fn rm_reg(self) -> Op {
        one((self as u8) << 3 | 1)
    }
}

/// Shifts and rotations. The number is the extension of [`SHIFT_IMM`] and [`SHIFT_CL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Shift {
    Rol = 0,
    Ror = 1,
    Shl = 4,
    Shr = 5,
    Sar = 7,
}

impl Shift {
    /// `shlx`, `sarx` and `shrx` of BMI2: `dst, rm, count`.
    pub(crate) const fn with_three_operands(self) -> Option<Op> {
        match self {
            Self::Shl => Some(Op::new(0x66, 2, 0xf7)),
            Self::Sar => Some(Op::new(0xf3, 2, 0xf7)),
            Self::Shr => Some(Op::new(0xf2, 2, 0xf7)),
            Self::Rol | Self::Ror => None,
        }
    }
}

/// Instructions with one operand, which may use `rdx:rax` as well. The number is the extension of [`GROUP_3`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Group3 {
    Neg = 3,
    Mul = 4,
    Imul = 5,
    Div = 6,
    Idiv = 7,
}

/// Jumps and calls through a register or memory. The number is the extension of [`GROUP_5`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Group5 {
    Call = 2,
    Jmp = 4,
}

/// An instruction of the one-byte map.
const fn one(opcode: u8) -> Op {
    Op::new(0, 0, opcode)
}

/// `0f opcode`
const fn two(opcode: u8) -> Op {
    Op::new(0, 1, opcode)
}

/// `66 0f opcode`
const fn p(opcode: u8) -> Op {
    Op::new(0x66, 1, opcode)
}

/// `66 0f 38 opcode`
const fn p38(opcode: u8) -> Op {
    Op::new(0x66, 2, opcode)
}

/// `66 0f 3a opcode`
const fn p3a(opcode: u8) -> Op {
    Op::new(0x66, 3, opcode)
}

/// The form of an instruction for an operand of so many bytes, from the one for a byte: the next opcode has the others.
pub(super) const fn sized(op: u8, is_two_byte: bool, bytes: u8) -> Op {
    let map = is_two_byte as u8;
    match bytes {
        1 => Op::new(0, map, op).byte(),
        2 => Op::new(0x66, map, op + 1),
        4 => Op::new(0, map, op + 1),
        _ => Op::new(0, map, op + 1).w(),
    }
}

// Moves between integer registers and memory.

/// `mov reg, rm`
pub(super) const MOV: Op = one(0x8b);
/// `mov rm, reg`
pub(super) const MOV_TO_RM: Op = one(0x89);
pub(crate) const MOV_TO_RM8: Op = one(0x88).byte();
pub(crate) const MOV_TO_RM16: Op = Op::new(0x66, 0, 0x89);
/// `mov reg, imm`: the register is part of the opcode.
pub(super) const MOV_REG_IMM: Op = one(0xb8);
/// `mov rm, imm`: `/0`.
pub(super) const MOV_RM_IMM: Op = one(0xc7);
pub(super) const MOV_RM_IMM8: Op = one(0xc6);
pub(super) const MOV_RM_IMM16: Op = Op::new(0x66, 0, 0xc7);
pub(super) const LEA: Op = one(0x8d);
/// `xchg rm, reg`, locked if the operand is in memory; and what follows it, by bytes.
pub(super) const XCHG: u8 = 0x86;
/// Zero extension of a byte in a register: which needs a prefix if that is one of the upper ones.
pub(crate) const MOVZX8: Op = two(0xb6).byte();
/// An instruction that the processor refuses, with operands.
pub(crate) const UD1: Op = two(0xb9);
/// Zero extension of a byte in memory.
pub(crate) const MOVZX8_MEM: Op = two(0xb6);
pub(crate) const MOVZX16: Op = two(0xb7);
pub(crate) const MOVSX8: Op = two(0xbe).byte();
pub(crate) const MOVSX8_MEM: Op = two(0xbe);
pub(crate) const MOVSX16: Op = two(0xbf);
/// `movsxd`, from 32 to 64 bits.
pub(crate) const MOVSXD: Op = one(0x63).w();

// Arithmetic of integers.

pub(super) const ALU_IMM8: Op = one(0x83);
pub(super) const ALU_IMM32: Op = one(0x81);
/// `test rm, reg`
pub(super) const TEST: Op = one(0x85);
/// `test rm, imm32`: `/0` of [`GROUP_3`].
pub(super) const GROUP_3: Op = one(0xf7);
pub(super) const TEST_IMM: u8 = 0;
pub(super) const GROUP_5: Op = one(0xff);
pub(super) const SHIFT_IMM: Op = one(0xc1);
pub(super) const SHIFT_CL: Op = one(0xd3);
pub(crate) const IMUL: Op = two(0xaf);
/// `imul reg, rm, imm`
pub(super) const IMUL_IMM8: Op = one(0x6b);
pub(super) const IMUL_IMM32: Op = one(0x69);
/// `rorx dst, rm, imm8` of BMI2.
pub(crate) const RORX: Op = Op::new(0xf2, 3, 0xf0);
pub(crate) const BSF: Op = two(0xbc);
pub(crate) const BSR: Op = two(0xbd);
pub(crate) const TZCNT: Op = Op::new(0xf3, 1, 0xbc);
pub(crate) const LZCNT: Op = Op::new(0xf3, 1, 0xbd);
pub(crate) const POPCNT: Op = Op::new(0xf3, 1, 0xb8);
/// `btc rm, imm8`: `/7`.
pub(super) const GROUP_8: Op = two(0xba);
pub(super) const BTC_IMM: u8 = 7;
/// By bytes, with `lock`.
pub(super) const XADD: u8 = 0xc0;
pub(super) const CMPXCHG: u8 = 0xb0;

/// `setcc rm8`
pub(super) const fn setcc(cc: Cc) -> Op {
    two(0x90 | cc as u8).byte()
}

pub(super) const fn cmov(cc: Cc) -> Op {
    two(0x40 | cc as u8)
}

// Instructions whose operands are fixed, and jumps.

pub(super) const CALL: [u8; 1] = [0xe8];
pub(super) const JMP: [u8; 1] = [0xe9];
pub(super) const JMP_SHORT: [u8; 1] = [0xeb];
pub(super) const RET: [u8; 1] = [0xc3];
pub(super) const LEAVE: [u8; 1] = [0xc9];
pub(super) const PUSH_RBP: [u8; 1] = [0x55];
/// Of two bytes.
pub(super) const NOP_2: [u8; 2] = [0x66, 0x90];
pub(super) const UD2: [u8; 2] = [0x0f, 0x0b];
/// What stands between functions: a trap, should anything ever jump there.
pub(super) const INT3: u8 = 0xcc;
pub(super) const CDQ: [u8; 1] = [0x99];
pub(super) const CQO: [u8; 2] = [0x48, 0x99];
pub(super) const REP_STOSQ: [u8; 3] = [0xf3, 0x48, 0xab];
/// Stands before an instruction with memory.
pub(super) const LOCK: [u8; 1] = [0xf0];
pub(super) const MFENCE: [u8; 3] = [0x0f, 0xae, 0xf0];

/// With a distance of one byte.
pub(super) const fn jcc_short(cc: Cc) -> [u8; 1] {
    [0x70 | cc as u8]
}

/// With a distance of four bytes.
pub(super) const fn jcc_near(cc: Cc) -> [u8; 2] {
    [0x0f, 0x80 | cc as u8]
}

// Floating point: scalar and packed.

/// The opcodes that scalar and packed instructions share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fp {
    Ucomis = 0x2e,
    Sqrt = 0x51,
    Add = 0x58,
    Mul = 0x59,
    /// To the other width.
    Cvt = 0x5a,
    Sub = 0x5c,
    Min = 0x5d,
    Div = 0x5e,
    Max = 0x5f,
    /// With a predicate as an immediate.
    Cmp = 0xc2,
    /// `cvtsi2ss`, `cvtsi2sd`; [`Op::width`] is the integer's.
    FromInt = 0x2a,
    /// `cvttss2si`, `cvttsd2si`; [`Op::width`] is the integer's.
    ToIntTruncated = 0x2c,
    MovMask = 0x50,
}

impl Fp {
    /// The scalar instruction, such as `addss` and `addsd`.
    pub(crate) const fn scalar(self, width: Width) -> Op {
        match width {
            Width::W32 => Op::new(0xf3, 1, self as u8),
            Width::W64 => Op::new(0xf2, 1, self as u8),
        }
    }

    /// The packed instruction, such as `addps` and `addpd`. `ucomis` is encoded as if it were one.
    pub(crate) const fn packed(self, width: Width) -> Op {
        match width {
            Width::W32 => two(self as u8),
            Width::W64 => p(self as u8),
        }
    }
}

pub(crate) const ANDPS: Op = two(0x54);
pub(crate) const ORPS: Op = two(0x56);
pub(crate) const XORPS: Op = two(0x57);
pub(super) const MOVAPS: Op = two(0x28);
pub(crate) const MOVSD: Op = Op::new(0xf2, 1, 0x10);
/// `movd`, `movq` from an integer register; [`Op::width`] is its.
pub(crate) const MOVD: Op = p(0x6e);
/// `movd`, `movq` to an integer register.
pub(crate) const MOVD_TO_INT: Op = p(0x7e);
pub(crate) const SHUFPS: Op = two(0xc6);
pub(crate) const INSERTPS: Op = p3a(0x21);
pub(crate) const CVTDQ2PS: Op = two(0x5b);
pub(crate) const CVTDQ2PD: Op = Op::new(0xf3, 1, 0xe6);
pub(crate) const CVTTPS2DQ: Op = Op::new(0xf3, 1, 0x5b);
pub(crate) const CVTTPD2DQ: Op = p(0xe6);
/// `vfmadd213ps`, `vfmadd213pd` by [`Op::width`].
pub(crate) const FMADD213: Op = p38(0xa8);
/// `vfnmadd213ps`, `vfnmadd213pd`.
pub(crate) const FNMADD213: Op = p38(0xac);

/// `roundss`, `roundsd`
pub(crate) const fn round_scalar(width: Width) -> Op {
    p3a(if matches!(width, Width::W32) { 0x0a } else { 0x0b })
}

/// `roundps`, `roundpd`
pub(crate) const fn round_packed(width: Width) -> Op {
    p3a(if matches!(width, Width::W32) { 0x08 } else { 0x09 })
}

/// `movss`, `movsd` or `movups` from memory.
pub(super) const fn load_float(ty: Ty) -> Op {
    float_move(ty, 0x10)
}

/// `movss`, `movsd` or `movups` to memory.
pub(super) const fn store_float(ty: Ty) -> Op {
    float_move(ty, 0x11)
}

const fn float_move(ty: Ty, opcode: u8) -> Op {
    match ty {
        Ty::F32 => Op::new(0xf3, 1, opcode),
        Ty::F64 => Op::new(0xf2, 1, opcode),
        _ => two(opcode),
    }
}

// Vectors of integers.

pub(crate) const PAND: Op = p(0xdb);
pub(crate) const PANDN: Op = p(0xdf);
pub(crate) const POR: Op = p(0xeb);
pub(crate) const PXOR: Op = p(0xef);
pub(crate) const PTEST: Op = p38(0x17);
pub(crate) const PADDB: Op = p(0xfc);
pub(crate) const PADDW: Op = p(0xfd);
pub(crate) const PADDD: Op = p(0xfe);
pub(crate) const PADDQ: Op = p(0xd4);
pub(crate) const PADDSB: Op = p(0xec);
pub(crate) const PADDSW: Op = p(0xed);
pub(crate) const PADDUSB: Op = p(0xdc);
pub(crate) const PADDUSW: Op = p(0xdd);
pub(crate) const PSUBB: Op = p(0xf8);
pub(crate) const PSUBW: Op = p(0xf9);
pub(crate) const PSUBD: Op = p(0xfa);
pub(crate) const PSUBQ: Op = p(0xfb);
pub(crate) const PSUBSB: Op = p(0xe8);
pub(crate) const PSUBSW: Op = p(0xe9);
pub(crate) const PSUBUSB: Op = p(0xd8);
pub(crate) const PSUBUSW: Op = p(0xd9);
pub(crate) const PMULLW: Op = p(0xd5);
pub(crate) const PMULLD: Op = p38(0x40);
pub(crate) const PMULDQ: Op = p38(0x28);
pub(crate) const PMULUDQ: Op = p(0xf4);
pub(crate) const PMULHRSW: Op = p38(0x0b);
pub(crate) const PMADDWD: Op = p(0xf5);
pub(crate) const PMADDUBSW: Op = p38(0x04);
pub(crate) const PAVGB: Op = p(0xe0);
pub(crate) const PAVGW: Op = p(0xe3);
pub(crate) const PABSB: Op = p38(0x1c);
pub(crate) const PABSW: Op = p38(0x1d);
pub(crate) const PABSD: Op = p38(0x1e);
pub(crate) const PMINSB: Op = p38(0x38);
pub(crate) const PMINSW: Op = p(0xea);
pub(crate) const PMINSD: Op = p38(0x39);
pub(crate) const PMINUB: Op = p(0xda);
pub(crate) const PMINUW: Op = p38(0x3a);
pub(crate) const PMINUD: Op = p38(0x3b);
pub(crate) const PMAXSB: Op = p38(0x3c);
pub(crate) const PMAXSW: Op = p(0xee);
pub(crate) const PMAXSD: Op = p38(0x3d);
pub(crate) const PMAXUB: Op = p(0xde);
pub(crate) const PMAXUW: Op = p38(0x3e);
pub(crate) const PMAXUD: Op = p38(0x3f);
pub(crate) const PCMPEQB: Op = p(0x74);
pub(crate) const PCMPEQW: Op = p(0x75);
pub(crate) const PCMPEQD: Op = p(0x76);
pub(crate) const PCMPEQQ: Op = p38(0x29);
pub(crate) const PCMPGTB: Op = p(0x64);
pub(crate) const PCMPGTW: Op = p(0x65);
pub(crate) const PCMPGTD: Op = p(0x66);
pub(crate) const PCMPGTQ: Op = p38(0x37);
pub(crate) const PACKSSWB: Op = p(0x63);
pub(crate) const PACKSSDW: Op = p(0x6b);
pub(crate) const PACKUSWB: Op = p(0x67);
pub(crate) const PACKUSDW: Op = p38(0x2b);
pub(crate) const PUNPCKLBW: Op = p(0x60);
pub(crate) const PUNPCKHBW: Op = p(0x68);
pub(crate) const PUNPCKLDQ: Op = p(0x62);
pub(crate) const PUNPCKLQDQ: Op = p(0x6c);
pub(crate) const PSHUFB: Op = p38(0x00);
pub(crate) const PSHUFD: Op = p(0x70);
pub(crate) const PSHUFLW: Op = Op::new(0xf2, 1, 0x70);
pub(crate) const PMOVMSKB: Op = p(0xd7);
/// Of AVX: with the mask in a register.
pub(crate) const VPBLENDVB: Op = p3a(0x4c);
pub(crate) const VBLENDVPS: Op = p3a(0x4a);
pub(crate) const VBLENDVPD: Op = p3a(0x4b);
pub(crate) const PSLLW: Op = p(0xf1);
pub(crate) const PSLLD: Op = p(0xf2);
pub(crate) const PSLLQ: Op = p(0xf3);
pub(crate) const PSRAW: Op = p(0xe1);
pub(crate) const PSRAD: Op = p(0xe2);
pub(crate) const PSRLW: Op = p(0xd1);
pub(crate) const PSRLD: Op = p(0xd2);
pub(crate) const PSRLQ: Op = p(0xd3);

/// A shift of all lanes by an immediate: the opcode of the lanes' width, and its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneShift {
    pub(super) op: Op,
    pub(super) extension: u8,
}

impl LaneShift {
    pub(crate) const PSRLW: Self = Self { op: p(0x71), extension: 2 };
    pub(crate) const PSRAW: Self = Self { op: p(0x71), extension: 4 };
    pub(crate) const PSLLW: Self = Self { op: p(0x71), extension: 6 };
    pub(crate) const PSRLD: Self = Self { op: p(0x72), extension: 2 };
    pub(crate) const PSRAD: Self = Self { op: p(0x72), extension: 4 };
    pub(crate) const PSLLD: Self = Self { op: p(0x72), extension: 6 };
    pub(crate) const PSRLQ: Self = Self { op: p(0x73), extension: 2 };
    pub(crate) const PSLLQ: Self = Self { op: p(0x73), extension: 6 };
}

/// `pmovsx`, `pmovzx`: lanes of half the width to lanes of this one.
pub(crate) const fn extend_lanes(to: IntShape, signed: bool) -> Op {
    match (to, signed) {
        (IntShape::I8x16 | IntShape::I16x8, true) => p38(0x20),
        (IntShape::I32x4, true) => p38(0x23),
        (IntShape::I64x2, true) => p38(0x25),
        (IntShape::I8x16 | IntShape::I16x8, false) => p38(0x30),
        (IntShape::I32x4, false) => p38(0x33),
        (IntShape::I64x2, false) => p38(0x35),
    }
}

/// `pinsr` from an integer register or memory, by bytes of a lane.
pub(crate) const fn insert_lane(bytes: u8) -> Op {
    match bytes {
        1 => p3a(0x20),
        2 => p(0xc4),
        4 => p3a(0x22),
        _ => p3a(0x22).w(),
    }
}

/// `pextr` to an integer register or memory.
pub(crate) const fn extract_lane(bytes: u8) -> Op {
    match bytes {
        1 => p3a(0x14),
        2 => p3a(0x15),
        4 => p3a(0x16),
        _ => p3a(0x16).w(),
    }
}
