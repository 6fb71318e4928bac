//! What operators of numbers and memories take and give (specification, section 5.4), by opcode.

use super::{F32, F64, I32, I64};

/// An operator of numbers, whose operands have one type.
#[derive(Clone, Copy)]
pub(super) struct Numeric {
    pub(super) is_binary: bool,
    pub(super) operand: u8,
    pub(super) result: u8,
}

const fn unary(operand: u8, result: u8) -> Numeric {
    Numeric { is_binary: false, operand, result }
}

const fn binary(operand: u8, result: u8) -> Numeric {
    Numeric { is_binary: true, operand, result }
}

/// How many operators follow one another that are alike.
const RUNS: [(u8, Numeric); 32] = [
    // 0x45: tests and comparisons.
    (1, unary(I32, I32)),
    (10, binary(I32, I32)),
    (1, unary(I64, I32)),
    (10, binary(I64, I32)),
    (6, binary(F32, I32)),
    (6, binary(F64, I32)),
    // 0x67: arithmetic.
    (3, unary(I32, I32)),
    (15, binary(I32, I32)),
    (3, unary(I64, I64)),
    (15, binary(I64, I64)),
    (7, unary(F32, F32)),
    (7, binary(F32, F32)),
    (7, unary(F64, F64)),
    (7, binary(F64, F64)),
    // 0xa7: to `i32`.
    (1, unary(I64, I32)),
    (2, unary(F32, I32)),
    (2, unary(F64, I32)),
    // 0xac: to `i64`.
    (2, unary(I32, I64)),
    (2, unary(F32, I64)),
    (2, unary(F64, I64)),
    // 0xb2: to `f32`.
    (2, unary(I32, F32)),
    (2, unary(I64, F32)),
    (1, unary(F64, F32)),
    // 0xb7: to `f64`.
    (2, unary(I32, F64)),
    (2, unary(I64, F64)),
    (1, unary(F32, F64)),
    // 0xbc: reinterpreted.
    (1, unary(F32, I32)),
    (1, unary(F64, I64)),
    (1, unary(I32, F32)),
    (1, unary(I64, F64)),
    // 0xc0: sign-extended.
    (2, unary(I32, I32)),
    (3, unary(I64, I64)),
];

/// From 0x45 on.
pub(super) const NUMERIC: [Numeric; 0x80] = {
    let mut table = [unary(I32, I32); 0x80];
    let (mut run, mut at) = (0, 0);
    while run < RUNS.len() {
        let mut left = RUNS[run].0;
        while left > 0 {
            table[at] = RUNS[run].1;
            at += 1;
            left -= 1;
        }
        run += 1;
    }
    assert!(at == table.len());
    table
};

/// 0xfc 0 to 7: what floats are truncated to that may be too large.
pub(super) const TRUNCATIONS: [(u8, u8); 8] =
    [(F32, I32), (F32, I32), (F64, I32), (F64, I32), (F32, I64), (F32, I64), (F64, I64), (F64, I64)];

/// A load or store.
#[derive(Clone, Copy)]
pub(super) struct Access {
    pub(super) is_store: bool,
    pub(super) ty: u8,
    /// Logarithm of the alignment in bytes.
    pub(super) align_max: u32,
}

const fn load(ty: u8, align_max: u32) -> Access {
    Access { is_store: false, ty, align_max }
}

const fn store(ty: u8, align_max: u32) -> Access {
    Access { is_store: true, ty, align_max }
}

/// From 0x28 on.
pub(super) const ACCESSES: [Access; 23] = [
    load(I32, 2),
    load(I64, 3),
    load(F32, 2),
    load(F64, 3),
    load(I32, 0),
    load(I32, 0),
    load(I32, 1),
    load(I32, 1),
    load(I64, 0),
    load(I64, 0),
    load(I64, 1),
    load(I64, 1),
    load(I64, 2),
    load(I64, 2),
    store(I32, 2),
    store(I64, 3),
    store(F32, 2),
    store(F64, 3),
    store(I32, 0),
    store(I32, 1),
    store(I64, 0),
    store(I64, 1),
    store(I64, 2),
];
