//! Vectors: lanes, shuffles, and accesses of memory.

use wasmer_runtime_core::translate::codegen::{Access, Result};
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Loc;
use crate::codegen::Codegen;
use crate::isa::x64::asm::*;
use crate::isa::x64::regs::*;
use crate::regs::Reg;

const fn lane_bytes(shape: IntShape) -> u8 {
    (shape.lane_bits() / 8) as u8
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

    pub(crate) fn v_splat(&mut self, shape: Shape) -> Result<()> {
        let mut value = self.pop();
        let src = self.al.in_reg(&mut self.a, &mut value);
        self.al.drop_entry(value);
        let dst = self.al.alloc(&mut self.a, Ty::V128);
        match shape {
            Shape::Int(shape) => self.v_splat_int(lane_bytes(shape), dst, src),
            Shape::Float(Width::W32) => self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), 0),
            Shape::Float(Width::W64) => self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), 0x44),
        }
        self.push_reg(Ty::V128, dst);
        Ok(())
    }

    pub(crate) fn v_extract_lane(&mut self, shape: Shape, lane: u8, signed: bool) -> Result<()> {
        let mut value = self.pop();
        let src = self.al.in_reg(&mut self.a, &mut value);
        self.al.drop_entry(value);
        let dst = self.al.alloc(&mut self.a, shape.scalar());
        match shape {
            Shape::Float(_) if lane == 0 => {
                if dst != src {
                    self.a.mov_float(dst, src);
                }
            }
            Shape::Float(Width::W32) => self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), lane),
            Shape::Float(Width::W64) => self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), 0xee),
            Shape::Int(shape) => {
                let bytes = lane_bytes(shape);
                if lane == 0 && bytes >= 4 {
                    self.a.v2(if bytes == 8 { MOVD_TO_INT.w() } else { MOVD_TO_INT }, src, &Rm::Reg(dst));
                } else {
                    self.a.v2_imm8(extract_lane(bytes), src, &Rm::Reg(dst), lane);
                }
                if signed && bytes == 1 {
                    self.a.op(MOVSX8, dst.0, &Rm::Reg(dst));
                } else if signed && bytes == 2 {
                    self.a.op(MOVSX16, dst.0, &Rm::Reg(dst));
                }
            }
        }
        self.push_reg(shape.scalar(), dst);
        Ok(())
    }

    pub(crate) fn v_replace_lane(&mut self, shape: Shape, lane: u8) -> Result<()> {
        let mut value = self.pop();
        let mut vector = self.al.pop();
        let src = Rm::Reg(self.al.in_reg(&mut self.a, &mut value));
        let dst = self.al.own(&mut self.a, &mut vector);
        match shape {
            Shape::Int(shape) => self.a.v3_imm8(insert_lane(lane_bytes(shape)), dst, dst, &src, lane),
            Shape::Float(Width::W32) => self.a.v3_imm8(INSERTPS, dst, dst, &src, lane << 4),
            Shape::Float(Width::W64) if lane == 0 => self.a.v3(MOVSD, dst, dst, &src),
            Shape::Float(Width::W64) => self.a.v3(PUNPCKLQDQ, dst, dst, &src),
        }
        self.al.drop_entry(value);
        self.push_reg(Ty::V128, dst);
        Ok(())
    }

    pub(crate) fn v_shuffle(&mut self, lanes: [u8; 16]) -> Result<()> {
        let mut rhs = self.pop();
        let mut lhs = self.al.pop();
        let is_left = lanes.iter().all(|lane| *lane < 16);
        let is_right = lanes.iter().all(|lane| *lane >= 16);
        if is_left || is_right {
            let (mut one, other) = if is_left { (lhs, rhs) } else { (rhs, lhs) };
            self.al.drop_entry(other);
            let src = self.al.in_reg(&mut self.a, &mut one);
            self.al.drop_entry(one);
            let dst = self.al.alloc(&mut self.a, Ty::V128);
            let lanes = lanes.map(|lane| lane & 15);
            if let Some(imm) = dword_shuffle(&lanes) {
                self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(src), imm);
            } else {
                let mask = self.v_pool(u128::from_le_bytes(lanes));
                self.a.v3(PSHUFB, dst, src, &mask);
            }
            self.push_reg(Ty::V128, dst);
            return Ok(());
        }
        // Lanes of the other operand have the top bit, which makes them zero.
        let left = lanes.map(|lane| if lane < 16 { lane } else { 0x80 });
        let right = lanes.map(|lane| if lane < 16 { 0x80 } else { lane - 16 });
        let left_mask = self.v_pool(u128::from_le_bytes(left));
        let right_mask = self.v_pool(u128::from_le_bytes(right));
        let src = self.al.in_reg(&mut self.a, &mut rhs);
        self.a.v3(PSHUFB, XMM_TEMP, src, &right_mask);
        self.al.drop_entry(rhs);
        let dst = self.al.own(&mut self.a, &mut lhs);
        self.a.v3(PSHUFB, dst, dst, &left_mask);
        self.a.v3(POR, dst, dst, &Rm::Reg(XMM_TEMP));
        self.push_reg(Ty::V128, dst);
        Ok(())
    }

    // Memory.

    pub(crate) fn v_load(&mut self, access: &Access, op: SimdLoad) -> Result<()> {
        let index = self.pop();
        let Some(place) = self.place(access, index) else {
            self.push_anything(Ty::V128);
            return Ok(());
        };
        let dst = self.al.alloc(&mut self.a, Ty::V128);
        let mem = Rm::Mem(place.mem);
        match op {
            SimdLoad::Extend { to, signed } => {
                self.accesses(&place);
                self.a.v2(extend_lanes(to, signed), dst, &mem);
            }
            SimdLoad::Zero { bytes } => {
                self.accesses(&place);
                self.a.load_float(if bytes == 4 { Ty::F32 } else { Ty::F64 }, dst, &mem);
            }
            SimdLoad::Splat { bytes } if bytes >= 4 => {
                self.accesses(&place);
                self.a.load_float(if bytes == 4 { Ty::F32 } else { Ty::F64 }, dst, &mem);
                self.v_broadcast(bytes, dst);
            }
            SimdLoad::Splat { bytes } => {
                let scalar = self.al.alloc(&mut self.a, Ty::I32);
                self.accesses(&place);
                self.a.op(if bytes == 1 { MOVZX8_MEM } else { MOVZX16 }, scalar.0, &mem);
                self.v_splat_int(bytes, dst, scalar);
                self.al.release(scalar);
            }
        }
        self.release_place(place);
        self.push_reg(Ty::V128, dst);
        Ok(())
    }

    pub(crate) fn v_load_lane(&mut self, access: &Access, bytes: u8, lane: u8) -> Result<()> {
        let mut vector = self.pop();
        let index = self.al.pop();
        let Some(place) = self.place(access, index) else {
            self.al.drop_entry(vector);
            self.push_anything(Ty::V128);
            return Ok(());
        };
        let src = self.al.own(&mut self.a, &mut vector);
        self.accesses(&place);
        self.a.v3_imm8(insert_lane(bytes), src, src, &Rm::Mem(place.mem), lane);
        self.release_place(place);
        self.push_reg(Ty::V128, src);
        Ok(())
    }

    pub(crate) fn v_store_lane(&mut self, access: &Access, bytes: u8, lane: u8) -> Result<()> {
        let mut vector = self.pop();
        let index = self.al.pop();
        let Some(place) = self.place(access, index) else {
            self.al.drop_entry(vector);
            return Ok(());
        };
        let src = self.al.in_reg(&mut self.a, &mut vector);
        self.accesses(&place);
        match (bytes, lane) {
            (4, 0) => self.a.store_float(Ty::F32, &place.mem, src),
            (8, 0) => self.a.store_float(Ty::F64, &place.mem, src),
            _ => self.a.v2_imm8(extract_lane(bytes), src, &Rm::Mem(place.mem), lane),
        }
        self.al.drop_entry(vector);
        self.release_place(place);
        Ok(())
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
