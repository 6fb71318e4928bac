//! Vectors: lanes, shuffles, and accesses of memory.

use wasmer_runtime_core::translate::codegen::Access;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Loc;
use crate::isa::x64::Codegen;
use crate::isa::x64::asm::*;
use crate::isa::x64::regs::*;
use crate::masm::*;
use crate::regs::Reg;

const fn lane_bytes(shape: IntShape) -> u8 {
    (shape.lane_bits() / 8) as u8
}

impl LaneOps for X64 {
    fn simd_splat(c: &mut Codegen, shape: Shape) {
        let mut value = c.pop();
        let src = c.al.in_reg(&mut c.a, &mut value);
        c.al.drop_entry(value);
        let dst = c.al.alloc(&mut c.a, Ty::V128);
        match shape {
            Shape::Int(shape) => c.v_splat_int(lane_bytes(shape), dst, src),
            Shape::Float(Width::W32) => c.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), 0),
            Shape::Float(Width::W64) => c.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), 0x44),
        }
        c.push_reg(Ty::V128, dst);
    }

    fn simd_extract_lane(c: &mut Codegen, shape: Shape, lane: u8, signed: bool) {
        let mut value = c.pop();
        let src = c.al.in_reg(&mut c.a, &mut value);
        c.al.drop_entry(value);
        let dst = c.al.alloc(&mut c.a, shape.scalar());
        match shape {
            // A scalar is the lowest lane of its register, and nobody looks at the others.
            Shape::Float(_) if lane == 0 => {
                if dst != src {
                    c.a.mov_float(dst, src);
                }
            }
            Shape::Float(Width::W32) => c.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), lane),
            Shape::Float(Width::W64) => c.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), 0xee),
            Shape::Int(shape) => {
                let bytes = lane_bytes(shape);
                // Lane 0 needs no immediate.
                if lane == 0 && bytes >= 4 {
                    c.a.v2(if bytes == 8 { MOVD_TO_INT.w() } else { MOVD_TO_INT }, src, &Rm::Reg(dst));
                } else {
                    c.a.v2_imm8(extract_lane(bytes), src, &Rm::Reg(dst), lane);
                }
                // The instructions that read a lane extend it with zeros.
                if signed && bytes == 1 {
                    c.a.op(MOVSX8, dst.0, &Rm::Reg(dst));
                } else if signed && bytes == 2 {
                    c.a.op(MOVSX16, dst.0, &Rm::Reg(dst));
                }
            }
        }
        c.push_reg(shape.scalar(), dst);
    }

    fn simd_replace_lane(c: &mut Codegen, shape: Shape, lane: u8) {
        let mut value = c.pop();
        let mut vector = c.al.pop();
        let src = Rm::Reg(c.al.in_reg(&mut c.a, &mut value));
        let dst = c.al.own(&mut c.a, &mut vector);
        match shape {
            Shape::Int(shape) => c.a.v3_imm8(insert_lane(lane_bytes(shape)), dst, dst, &src, lane),
            // The immediate has the lane that is written in bits 4 and 5.
            Shape::Float(Width::W32) => c.a.v3_imm8(INSERTPS, dst, dst, &src, lane << 4),
            // Two lanes: the lower one is replaced by a move, the upper one by putting the two lower ones one above the other.
            Shape::Float(Width::W64) if lane == 0 => c.a.v3(MOVSD, dst, dst, &src),
            Shape::Float(Width::W64) => c.a.v3(PUNPCKLQDQ, dst, dst, &src),
        }
        c.al.drop_entry(value);
        c.push_reg(Ty::V128, dst);
    }

    fn simd_shuffle(c: &mut Codegen, lanes: [u8; 16]) {
        let mut rhs = c.pop();
        let mut lhs = c.al.pop();
        // What compilers write for a shuffle of one vector: it needs one instruction, and the other operand is not even loaded.
        let is_left = lanes.iter().all(|lane| *lane < 16);
        let is_right = lanes.iter().all(|lane| *lane >= 16);
        if is_left || is_right {
            let (mut one, other) = if is_left { (lhs, rhs) } else { (rhs, lhs) };
            c.al.drop_entry(other);
            let src = c.al.in_reg(&mut c.a, &mut one);
            c.al.drop_entry(one);
            let dst = c.al.alloc(&mut c.a, Ty::V128);
            let lanes = lanes.map(|lane| lane & 15);
            if let Some(imm) = dword_shuffle(&lanes) {
                c.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), imm);
            } else {
                let mask = c.v_pool(u128::from_le_bytes(lanes));
                c.a.v3(PSHUFB, dst, src, &mask);
            }
            c.push_reg(Ty::V128, dst);
            return;
        }
        // Lanes of the other operand have the top bit, which makes them zero.
        let left = lanes.map(|lane| if lane < 16 { lane } else { 0x80 });
        let right = lanes.map(|lane| if lane < 16 { 0x80 } else { lane - 16 });
        let left_mask = c.v_pool(u128::from_le_bytes(left));
        let right_mask = c.v_pool(u128::from_le_bytes(right));
        let src = c.al.in_reg(&mut c.a, &mut rhs);
        c.a.v3(PSHUFB, XMM_TEMP, src, &right_mask);
        c.al.drop_entry(rhs);
        let dst = c.al.own(&mut c.a, &mut lhs);
        c.a.v3(PSHUFB, dst, dst, &left_mask);
        c.a.v3(POR, dst, dst, &Rm::Reg(XMM_TEMP));
        c.push_reg(Ty::V128, dst);
    }
    fn simd_load(c: &mut Codegen, access: &Access, op: SimdLoad) {
        let index = c.pop();
        // Nothing is left of an access that is outside for certain but its trap, and a value that nobody will see.
        let Some(place) = c.place(access, index) else {
            c.push_anything(Ty::V128);
            return;
        };
        let dst = c.al.alloc(&mut c.a, Ty::V128);
        let mem = Rm::Mem(place.mem);
        match op {
            SimdLoad::Extend { to, signed } => {
                c.mark();
                c.a.v2(extend_lanes(to, signed), dst, &mem);
            }
            SimdLoad::Zero { bytes } => {
                c.mark();
                c.a.load_float(if bytes == 4 { Ty::F32 } else { Ty::F64 }, dst, &mem);
            }
            SimdLoad::Splat { bytes } if bytes >= 4 => {
                c.mark();
                c.a.load_float(if bytes == 4 { Ty::F32 } else { Ty::F64 }, dst, &mem);
                c.v_broadcast(bytes, dst);
            }
            // Narrower lanes go through a general register, which a load clears beyond them.
            SimdLoad::Splat { bytes } => {
                let scalar = c.al.alloc(&mut c.a, Ty::I32);
                c.mark();
                c.a.op(if bytes == 1 { MOVZX8_MEM } else { MOVZX16 }, scalar.0, &mem);
                c.v_splat_int(bytes, dst, scalar);
                c.al.release(scalar);
            }
        }
        c.release_place(place);
        c.push_reg(Ty::V128, dst);
    }

    fn simd_load_lane(c: &mut Codegen, access: &Access, bytes: u8, lane: u8) {
        let mut vector = c.pop();
        let index = c.al.pop();
        let Some(place) = c.place(access, index) else {
            c.al.drop_entry(vector);
            c.push_anything(Ty::V128);
            return;
        };
        let src = c.al.own(&mut c.a, &mut vector);
        c.mark();
        c.a.v3_imm8(insert_lane(bytes), src, src, &Rm::Mem(place.mem), lane);
        c.release_place(place);
        c.push_reg(Ty::V128, src);
    }

    fn simd_store_lane(c: &mut Codegen, access: &Access, bytes: u8, lane: u8) {
        let mut vector = c.pop();
        let index = c.al.pop();
        let Some(place) = c.place(access, index) else {
            c.al.drop_entry(vector);
            return;
        };
        let src = c.al.in_reg(&mut c.a, &mut vector);
        c.mark();
        // The lowest lane is stored as a scalar, which is shorter and faster than to extract it.
        match (bytes, lane) {
            (4, 0) => c.a.store_float(Ty::F32, &place.mem, src),
            (8, 0) => c.a.store_float(Ty::F64, &place.mem, src),
            _ => c.a.v2_imm8(extract_lane(bytes), src, &Rm::Mem(place.mem), lane),
        }
        c.al.drop_entry(vector);
        c.release_place(place);
    }
}

impl Codegen {
    /// A vector of an integer that is in an integer register.
    fn v_splat_int(&mut self, bytes: u8, dst: Reg, src: Reg) {
        self.a.v2(if bytes == 8 { MOVD.w() } else { MOVD }, dst, &Rm::Reg(src));
        self.v_broadcast(bytes, dst);
    }

    /// The lowest lane to all lanes.
    fn v_broadcast(&mut self, bytes: u8, dst: Reg) {
        match bytes {
            1 => {
                // Every byte is taken from position zero.
                self.a.zero_float(XMM_TEMP);
                self.a.v3(PSHUFB, dst, dst, &Rm::Reg(XMM_TEMP));
            }
            2 => {
                self.a.v2_imm8(PSHUFLW, dst, &Rm::Reg(dst), 0);
                self.a.v3(PUNPCKLQDQ, dst, dst, &Rm::Reg(dst));
            }
            4 => self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(dst), 0),
            _ => self.a.v3(PUNPCKLQDQ, dst, dst, &Rm::Reg(dst)),
        }
    }
}

/// The immediate of a shuffle that moves whole 32-bit lanes.
fn dword_shuffle(lanes: &[u8; 16]) -> Option<u8> {
    let mut imm = 0;
    for (position, lane) in lanes.chunks(4).enumerate() {
        let first = lane[0];
        if first % 4 != 0 || lane != [first, first + 1, first + 2, first + 3] {
            return None;
        }
        imm |= (first / 4) << (position * 2);
    }
    Some(imm)
}

/// The stack never holds a vector as an ordinary constant.
const _: () = assert!(size_of::<Loc>() <= 16);
