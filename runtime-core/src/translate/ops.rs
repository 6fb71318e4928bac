//! Operator families: one enum per family instead of a method per operator and type.
//!
//! Names follow the specification's (section 4.3, numerics); a variant's documentation is the operator it stands for.
#![allow(missing_docs, reason = "the variants carry the specification's own names")]

use crate::types::{Ty, Width};

pub use crate::types::Const;

/// `iunop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntUnary {
    Clz,
    Ctz,
    Popcnt,
    /// Sign-extend the low 8 bits.
    Extend8,
    /// Sign-extend the low 16 bits.
    Extend16,
    /// Sign-extend the low 32 bits (64-bit only).
    Extend32,
}

/// `ibinop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntBinary {
    Add,
    Sub,
    Mul,
    /// Traps on zero and on overflow.
    DivS,
    /// Traps on zero.
    DivU,
    /// Traps on zero; `MIN % -1` is 0.
    RemS,
    /// Traps on zero.
    RemU,
    And,
    Or,
    Xor,
    Shl,
    ShrS,
    ShrU,
    Rotl,
    Rotr,
}

/// `irelop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntCompare {
    Eq,
    Ne,
    LtS,
    LtU,
    GtS,
    GtU,
    LeS,
    LeU,
    GeS,
    GeU,
}

/// `funop`, scalar or per lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FloatUnary {
    Abs,
    Neg,
    Ceil,
    Floor,
    Trunc,
    Nearest,
    Sqrt,
}

/// `fbinop`, scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FloatBinary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Copysign,
}

/// `frelop`, scalar or per lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FloatCompare {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
}

/// `cvtop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Convert {
    /// `i32.wrap_i64`.
    Wrap,
    /// `i64.extend_i32_s`.
    ExtendS,
    /// `i64.extend_i32_u`.
    ExtendU,
    /// `iNN.trunc_fMM_s/u`: traps outside the range and on NaN.
    Trunc { from: Width, to: Width, signed: bool },
    /// `iNN.trunc_sat_fMM_s/u`.
    TruncSat { from: Width, to: Width, signed: bool },
    /// `fNN.convert_iMM_s/u`.
    IntToFloat { from: Width, to: Width, signed: bool },
    /// `f64.promote_f32`.
    Promote,
    /// `f32.demote_f64`.
    Demote,
    /// `iNN.reinterpret_fNN`.
    ReinterpretFloat(Width),
    /// `fNN.reinterpret_iNN`.
    ReinterpretInt(Width),
}

impl Convert {
    /// The types of the operand and of the result.
    pub const fn types(self) -> (Ty, Ty) {
        match self {
            Self::Wrap => (Ty::I64, Ty::I32),
            Self::ExtendS | Self::ExtendU => (Ty::I32, Ty::I64),
            Self::Trunc { from, to, .. } | Self::TruncSat { from, to, .. } => (from.float(), to.int()),
            Self::IntToFloat { from, to, .. } => (from.int(), to.float()),
            Self::Promote => (Ty::F32, Ty::F64),
            Self::Demote => (Ty::F64, Ty::F32),
            Self::ReinterpretFloat(width) => (width.float(), width.int()),
            Self::ReinterpretInt(width) => (width.int(), width.float()),
        }
    }
}

/// `i64.add128` and friends (wide arithmetic): two 64-bit results, low half pushed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WideOp {
    /// `[lhs_low, lhs_high, rhs_low, rhs_high] -> [low, high]`.
    Add128,
    /// `[lhs_low, lhs_high, rhs_low, rhs_high] -> [low, high]`.
    Sub128,
    /// `[lhs, rhs] -> [low, high]`.
    MulWideS,
    /// `[lhs, rhs] -> [low, high]`.
    MulWideU,
}

/// A scalar load: which bytes become which value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Load {
    I32,
    I64,
    F32,
    F64,
    V128,
    /// `iNN.load8_s/u`.
    Int8 {
        to: Width,
        signed: bool,
    },
    /// `iNN.load16_s/u`.
    Int16 {
        to: Width,
        signed: bool,
    },
    /// `i64.load32_s/u`.
    Int32 {
        signed: bool,
    },
}

impl Load {
    /// Bytes read.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Int8 { .. } => 1,
            Self::Int16 { .. } => 2,
            Self::I32 | Self::F32 | Self::Int32 { .. } => 4,
            Self::I64 | Self::F64 => 8,
            Self::V128 => 16,
        }
    }

    /// The type of the result.
    pub const fn ty(self) -> Ty {
        match self {
            Self::I32 => Ty::I32,
            Self::I64 | Self::Int32 { .. } => Ty::I64,
            Self::F32 => Ty::F32,
            Self::F64 => Ty::F64,
            Self::V128 => Ty::V128,
            Self::Int8 { to, .. } | Self::Int16 { to, .. } => to.int(),
        }
    }
}

/// A scalar store: which bytes of which value are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    I32,
    I64,
    F32,
    F64,
    V128,
    /// The low byte of an integer.
    Int8 {
        from: Width,
    },
    /// The low 16 bits of an integer.
    Int16 {
        from: Width,
    },
    /// The low 32 bits of an `i64`.
    Int32,
}

impl Store {
    /// Bytes written.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Int8 { .. } => 1,
            Self::Int16 { .. } => 2,
            Self::I32 | Self::F32 | Self::Int32 => 4,
            Self::I64 | Self::F64 => 8,
            Self::V128 => 16,
        }
    }

    /// The type of the operand.
    pub const fn ty(self) -> Ty {
        match self {
            Self::I32 => Ty::I32,
            Self::I64 | Self::Int32 => Ty::I64,
            Self::F32 => Ty::F32,
            Self::F64 => Ty::F64,
            Self::V128 => Ty::V128,
            Self::Int8 { from } | Self::Int16 { from } => from.int(),
        }
    }
}

/// The width of an atomic access; narrower ones are zero-extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AtomicWidth {
    /// Bytes accessed: 1, 2, 4 or 8.
    pub bytes: u8,
    /// The width of the value on the operand stack.
    pub value: Width,
}

/// `atomic.rmw`: returns the old value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtomicRmw {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Xchg,
}

/// The lanes of an integer vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntShape {
    I8x16,
    I16x8,
    I32x4,
    I64x2,
}

impl IntShape {
    /// Bits of a lane.
    pub const fn lane_bits(self) -> u32 {
        match self {
            Self::I8x16 => 8,
            Self::I16x8 => 16,
            Self::I32x4 => 32,
            Self::I64x2 => 64,
        }
    }
}

/// The lanes of any vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    Int(IntShape),
    /// `f32x4` or `f64x2`.
    Float(Width),
}

impl Shape {
    /// The scalar type that `splat`, `extract_lane` and `replace_lane` exchange.
    pub const fn scalar(self) -> Ty {
        match self {
            Self::Int(IntShape::I64x2) => Ty::I64,
            Self::Int(_) => Ty::I32,
            Self::Float(width) => width.float(),
        }
    }
}

/// `v128` operators with one vector operand and a vector result, integer lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimdUnary {
    /// `v128.not`.
    Not,
    /// `iNxM.abs`.
    Abs(IntShape),
    /// `iNxM.neg`.
    Neg(IntShape),
    /// `i8x16.popcnt`.
    Popcnt,
    /// `extend_low/high_s/u`; the shape is the result's.
    Extend { to: IntShape, high: bool, signed: bool },
    /// `extadd_pairwise_s/u`; the shape is the result's.
    ExtaddPairwise { to: IntShape, signed: bool },
}

/// `v128` operators with two vector operands and a vector result, integer lanes or bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimdBinary {
    And,
    /// `lhs & !rhs`.
    AndNot,
    Or,
    Xor,
    Add(IntShape),
    AddSat {
        shape: IntShape,
        signed: bool,
    },
    Sub(IntShape),
    SubSat {
        shape: IntShape,
        signed: bool,
    },
    Mul(IntShape),
    Min {
        shape: IntShape,
        signed: bool,
    },
    Max {
        shape: IntShape,
        signed: bool,
    },
    /// `avgr_u`.
    AvgrU(IntShape),
    /// `i16x8.q15mulr_sat_s`.
    Q15mulrSat,
    /// `i16x8.relaxed_q15mulr_s`.
    RelaxedQ15mulr,
    /// `i32x4.dot_i16x8_s`.
    Dot,
    /// `i16x8.relaxed_dot_i8x16_i7x16_s`.
    RelaxedDot,
    /// `narrow_s/u`; the shape is the result's.
    Narrow {
        to: IntShape,
        signed: bool,
    },
    /// `extmul_low/high_s/u`; the shape is the result's.
    Extmul {
        to: IntShape,
        high: bool,
        signed: bool,
    },
    /// `i8x16.swizzle`.
    Swizzle,
    /// `i8x16.relaxed_swizzle`.
    RelaxedSwizzle,
}

/// `v128` operators with three vector operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimdTernary {
    /// `v128.bitselect`.
    Bitselect,
    /// `iNxM.relaxed_laneselect`.
    RelaxedLaneselect(IntShape),
    /// `fNxM.relaxed_madd`: `a * b + c`.
    RelaxedMadd(Width),
    /// `fNxM.relaxed_nmadd`: `-(a * b) + c`.
    RelaxedNmadd(Width),
    /// `i32x4.relaxed_dot_i8x16_i7x16_add_s`.
    RelaxedDotAdd,
}

/// `ishiftop`: the count is an `i32`, taken modulo the lane width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimdShift {
    Shl,
    ShrS,
    ShrU,
}

/// Floating point vector operators with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimdFloatBinary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    /// `rhs < lhs ? rhs : lhs`.
    Pmin,
    /// `lhs < rhs ? rhs : lhs`.
    Pmax,
    RelaxedMin,
    RelaxedMax,
}

/// `v128` tests with an `i32` result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimdTest {
    /// `v128.any_true`.
    AnyTrue,
    /// `iNxM.all_true`.
    AllTrue(IntShape),
    /// `iNxM.bitmask`.
    Bitmask(IntShape),
}

/// `vcvtop` between vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimdConvert {
    /// `i32x4.trunc_sat_f32x4_s/u`.
    TruncSatF32x4 { signed: bool },
    /// `i32x4.trunc_sat_f64x2_s/u_zero`.
    TruncSatF64x2Zero { signed: bool },
    /// `i32x4.relaxed_trunc_f32x4_s/u`.
    RelaxedTruncF32x4 { signed: bool },
    /// `i32x4.relaxed_trunc_f64x2_s/u_zero`.
    RelaxedTruncF64x2Zero { signed: bool },
    /// `f32x4.convert_i32x4_s/u`.
    ConvertI32x4 { signed: bool },
    /// `f64x2.convert_low_i32x4_s/u`.
    ConvertLowI32x4 { signed: bool },
    /// `f32x4.demote_f64x2_zero`.
    DemoteF64x2Zero,
    /// `f64x2.promote_low_f32x4`.
    PromoteLowF32x4,
}

/// `v128` loads that do more than move 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimdLoad {
    /// `v128.loadMxN_s/u`: 8 bytes, each lane extended to twice its width; the shape is the result's.
    Extend { to: IntShape, signed: bool },
    /// `v128.loadN_splat`.
    Splat { bytes: u8 },
    /// `v128.loadN_zero`.
    Zero { bytes: u8 },
}

impl SimdLoad {
    /// Bytes read.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Extend { .. } => 8,
            Self::Splat { bytes } | Self::Zero { bytes } => bytes as u32,
        }
    }
}
