//! The assembler: instructions of x86-64 by name, straight into the text, and what labels and constants they refer to.
//!
//! Three parts: `encode` (how an instruction becomes bytes), `ops` (which opcode a name is), `instructions` (names with operands).
//! Nothing outside of this folder writes bytes.

mod encode;
mod instructions;
mod ops;

use encode::{Blank, End, append};
pub(crate) use encode::{Mem, Op, Rm};
pub(crate) use instructions::{FRAME_SIZE_BYTES, FRAME_START_BYTES};
pub(crate) use ops::*;
use wasmer_runtime_core::types::{Ty, Width};

use crate::cold::Outside;
use crate::isa::x64::control::Condition;
use crate::isa::x64::cpu::Extensions;
use crate::isa::x64::int::Scaled;
use crate::isa::x64::regs::*;
use crate::labels::{Label, Labels, Patch};
use crate::masm::Assembler;
use crate::regs::Reg;

/// Four bytes that are the distance of something from `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Distance {
    place: u32,
    base: u32,
}

impl Patch for Distance {
    #[inline]
    fn apply(self, text: &mut [u8], target: usize) {
        patch(text, self.place as usize, (target as u32).wrapping_sub(self.base));
    }
}

/// Writes four bytes.
fn patch(text: &mut [u8], place: usize, value: u32) {
    text[place..place + 4].copy_from_slice(&value.to_le_bytes());
}

/// A reference to a constant of the pool.
#[derive(Clone, Copy)]
struct PoolRef {
    /// Where its 32 bits are.
    place: u32,
    /// Where the instruction ends.
    end: u32,
    constant: u32,
}

/// The machine: writes instructions.
pub(crate) struct X64 {
    /// The text of the output, this function last.
    text: Vec<u8>,
    labels: Labels<Distance>,
    /// Constants of the function, 16 bytes each.
    pub(super) pool: Vec<u128>,
    pool_refs: Vec<PoolRef>,
    pub(crate) cpu: Extensions,
    /// Offset in the vmctx of what the register for a base address holds.
    pub(super) kept_base: i32,
    /// An instruction that ends at this position has left the zero flag for its result, in this register.
    zero_flag: Option<(usize, Reg, Width)>,
}

impl X64 {
    /// The last instruction has set the zero flag for its result.
    #[inline]
    pub(crate) fn note_zero_flag(&mut self, reg: Reg, width: Width) {
        self.zero_flag = Some((self.text.len(), reg, width));
    }

    /// Whether the zero flag tells if the register is zero.
    pub(crate) fn has_zero_flag(&self, reg: Reg, width: Width) -> bool {
        // Whatever is written after that instruction moves the end of the text.
        self.zero_flag == Some((self.text.len(), reg, width))
    }

    #[inline(always)]
    fn instruction(&mut self, write: impl FnOnce(Blank) -> End) {
        append(&mut self.text, write);
    }

    /// The last four bytes but `tail` are the distance to a constant.
    fn note_pool(&mut self, constant: u32, tail: usize) {
        let end = self.text.len();
        self.pool_refs.push(PoolRef { place: (end - tail - 4) as u32, end: end as u32, constant });
    }

    /// `op reg, rm`, where `reg` may also be an extension of the opcode.
    #[inline]
    pub(crate) fn op(&mut self, op: Op, reg: u8, rm: &Rm) {
        match *rm {
            Rm::Reg(rm) => self.op_reg(op, reg, rm),
            Rm::Mem(mem) => self.op_mem(op, reg, mem),
            Rm::Pool(constant) => {
                self.instruction(|w| w.pool(op, reg).end());
                self.note_pool(constant, 0);
            }
        }
    }

    fn op_reg(&mut self, op: Op, reg: u8, rm: Reg) {
        self.instruction(|w| w.reg(op, reg, rm).end());
    }

    fn op_mem(&mut self, op: Op, reg: u8, mem: Mem) {
        self.instruction(|w| w.mem(op, reg, mem).end());
    }

    /// `op reg, rm, imm8`
    #[inline]
    fn op_imm8(&mut self, op: Op, reg: u8, rm: &Rm, imm: u8) {
        self.op_imm::<1>(op, reg, rm, imm.into());
    }

    /// `op reg, rm, imm32`
    #[inline]
    fn op_imm32(&mut self, op: Op, reg: u8, rm: &Rm, imm: i32) {
        self.op_imm::<4>(op, reg, rm, imm as u32);
    }

    #[inline]
    fn op_imm<const LEN: usize>(&mut self, op: Op, reg: u8, rm: &Rm, imm: u32) {
        self.instruction(|w| {
            let form = match *rm {
                Rm::Reg(rm) => w.reg(op, reg, rm),
                Rm::Mem(mem) => w.mem(op, reg, mem),
                Rm::Pool(_) => w.pool(op, reg),
            };
            form.imm::<LEN>(imm)
        });
        if let Rm::Pool(constant) = *rm {
            self.note_pool(constant, LEN);
        }
    }

    /// `op reg, second, rm` with a VEX prefix; 128-bit vectors or scalars.
    pub(crate) fn vex(&mut self, op: Op, reg: Reg, second: Reg, rm: &Rm) {
        self.instruction(|w| w.vex(op, reg.code(), second.code(), rm).end());
        if let Rm::Pool(constant) = *rm {
            self.note_pool(constant, 0);
        }
    }

    /// `op reg, second, rm, imm8` with a VEX prefix.
    pub(crate) fn vex_imm8(&mut self, op: Op, reg: Reg, second: Reg, rm: &Rm, imm: u8) {
        self.instruction(|w| w.vex(op, reg.code(), second.code(), rm).imm::<1>(imm.into()));
        if let Rm::Pool(constant) = *rm {
            self.note_pool(constant, 1);
        }
    }

    // Control.

    pub(crate) fn jcc(&mut self, cc: Cc, label: Label) {
        // The distance to a label ahead is not known yet, so only jumps back can be short.
        if let Some(target) = self.labels.position(label) {
            let distance = i64::from(target) - (self.text.len() as i64 + 2);
            if distance >= -128 {
                self.instruction(|w| w.opcode(ops::jcc_short(cc)).imm::<1>(distance as u32));
                return;
            }
        }
        self.instruction(|w| w.opcode(ops::jcc_near(cc)).imm::<4>(0));
        self.refer(label);
    }

    /// The last four bytes are the distance to a label.
    fn refer(&mut self, label: Label) {
        let end = self.text.len();
        self.labels.refer(&mut self.text, label, Distance { place: end as u32 - 4, base: end as u32 });
    }

    /// A jump over less than 128 bytes; [`X64::land`] says where to.
    pub(crate) fn jcc_short(&mut self, cc: Cc) -> usize {
        self.instruction(|w| w.opcode(ops::jcc_short(cc)).imm::<1>(0));
        self.text.len()
    }

    pub(crate) fn jmp_short(&mut self) -> usize {
        self.instruction(|w| w.opcode(JMP_SHORT).imm::<1>(0));
        self.text.len()
    }

    /// The target of a short jump.
    pub(crate) fn land(&mut self, from: usize) {
        self.zero_flag = None;
        let distance = self.text.len() - from;
        assert!(distance < 128, "a short jump over {distance} bytes");
        self.text[from - 1] = distance as u8;
    }

    /// A conditional jump over anything; [`X64::land_near`] says where to.
    pub(crate) fn jcc_near(&mut self, cc: Cc) -> usize {
        self.instruction(|w| w.opcode(ops::jcc_near(cc)).imm::<4>(0));
        self.text.len()
    }

    pub(crate) fn land_near(&mut self, from: usize) {
        self.zero_flag = None;
        let distance = (self.text.len() - from) as u32;
        patch(&mut self.text, from - 4, distance);
    }
}

/// Bytes that instructions and tables refer to each other within: distances have four.
const DISTANCE_MAX: usize = i32::MAX as usize;

impl Assembler for X64 {
    type Cpu = Extensions;
    type Address = Mem;
    type Condition = Condition;
    type Fused = Scaled;

    /// Constants are aligned to as much.
    const FUNCTION_ALIGN: usize = 16;
    const TEXT_BYTES_MAX: usize = DISTANCE_MAX;
    const VMCTX: Reg = VMCTX;
    const MEMORY: Reg = MEMORY;

    fn new(cpu: Extensions) -> Self {
        Self {
            text: Vec::new(),
            labels: Labels::default(),
            pool: Vec::new(),
            pool_refs: Vec::new(),
            cpu,
            kept_base: 0,
            zero_flag: None,
        }
    }

    fn set_kept_base(&mut self, offset: i32) {
        self.kept_base = offset;
    }

    fn swap_text(&mut self, text: &mut Vec<u8>) {
        std::mem::swap(&mut self.text, text);
    }

    fn position(&self) -> usize {
        self.text.len()
    }

    fn start_function(&mut self) {
        self.text.resize(self.text.len().next_multiple_of(Self::FUNCTION_ALIGN), INT3);
        self.zero_flag = None;
        self.labels.clear();
        self.pool.clear();
        self.pool_refs.clear();
    }

    fn end_function(&mut self, start: usize) {
        if self.pool_refs.is_empty() {
            return;
        }
        // Without AVX, an operand of 16 bytes in memory has to be aligned.
        let len = (self.text.len() - start).next_multiple_of(16);
        self.text.resize(start + len, 0);
        let base = self.text.len() as u32;
        for constant in &self.pool {
            self.text.extend_from_slice(&constant.to_le_bytes());
        }
        for reference in &self.pool_refs {
            let distance = (base + reference.constant * 16).wrapping_sub(reference.end);
            patch(&mut self.text, reference.place as usize, distance);
        }
    }

    fn pool(&mut self, bits: u128) -> u32 {
        // Only the last ones are compared, so that a function of nothing but constants takes linear time.
        let recent = self.pool.len().saturating_sub(16);
        if let Some(at) = self.pool[recent..].iter().position(|known| *known == bits) {
            return (recent + at) as u32;
        }
        self.pool.push(bits);
        self.pool.len() as u32 - 1
    }

    fn pooled(&self, number: u32) -> u128 {
        self.pool[number as usize]
    }

    fn create_label(&mut self) -> Label {
        self.labels.create()
    }

    fn bind(&mut self, label: Label) {
        self.zero_flag = None;
        self.labels.bind(&mut self.text, label);
    }

    fn jmp(&mut self, label: Label) {
        if let Some(target) = self.labels.position(label) {
            let distance = i64::from(target) - (self.text.len() as i64 + 2);
            if distance >= -128 {
                self.instruction(|w| w.opcode(JMP_SHORT).imm::<1>(distance as u32));
                return;
            }
        }
        self.instruction(|w| w.opcode(JMP).imm::<4>(0));
        self.refer(label);
    }

    fn remove_jump(&mut self, label: Label, other: Label) {
        let end = self.text.len();
        let forgotten = self.labels.forget_last(label);
        debug_assert_eq!(forgotten, Distance { place: end as u32 - 4, base: end as u32 });
        self.text.truncate(end - 4 - JMP.len());
        self.zero_flag = None;
        self.labels.bind(&mut self.text, other);
    }

    fn table_entry(&mut self, label: Label, base: usize) {
        self.text.extend_from_slice(&[0; 4]);
        let end = self.text.len();
        self.labels.refer(&mut self.text, label, Distance { place: end as u32 - 4, base: base as u32 });
    }

    fn trap(&mut self) {
        self.instruction(|w| w.opcode(UD2).end());
    }

    fn trap_outside(&mut self, said: Outside) {
        match said.offset {
            Some(offset) => {
                self.op_mem(UD1, said.definition.0, Mem::new(said.index, offset.cast_signed()));
            }
            None => self.trap(),
        }
    }

    #[cfg(debug_assertions)]
    fn all_resolved(&self) -> bool {
        self.labels.all_resolved()
    }
}

pub(super) const fn int_width(ty: Ty) -> Width {
    if matches!(ty, Ty::I32 | Ty::F32) { Width::W32 } else { Width::W64 }
}

impl Mem {
    pub(crate) const fn frame(at: i32) -> Self {
        Self::new(RBP, at)
    }
}
