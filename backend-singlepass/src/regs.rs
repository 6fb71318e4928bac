//! Registers and sets of them, numbered alike on every machine: integer registers from 0, floating point and vector registers
//! from [`CLASS_MAX`].

use wasmer_runtime_core::types::Ty;

/// No machine has more registers of a class.
const CLASS_MAX: u8 = 32;

/// The length of tables by register.
pub(crate) const REG_COUNT: usize = 2 * CLASS_MAX as usize;

/// A register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reg(pub(crate) u8);

impl Reg {
    /// A floating point and vector register, by its number.
    pub(crate) const fn float(number: u8) -> Self {
        Self(CLASS_MAX + number)
    }

    /// The number in its class, as instructions encode it.
    pub(crate) const fn code(self) -> u8 {
        self.0 & (CLASS_MAX - 1)
    }

    /// Whether it is a floating point and vector register.
    pub(crate) const fn is_float(self) -> bool {
        self.0 >= CLASS_MAX
    }

    /// The position in tables by register.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RegSet(u64);

impl RegSet {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const ALL: Self = Self(u64::MAX);

    pub(crate) const fn of(regs: &[Reg]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < regs.len() {
            bits |= 1 << regs[at].0;
            at += 1;
        }
        Self(bits)
    }

    #[inline]
    pub(crate) const fn has(self, reg: Reg) -> bool {
        self.0 >> reg.0 & 1 != 0
    }

    #[inline]
    pub(crate) const fn with(self, reg: Reg) -> Self {
        Self(self.0 | 1 << reg.0)
    }

    #[inline]
    pub(crate) const fn without(self, reg: Reg) -> Self {
        Self(self.0 & !(1 << reg.0))
    }

    #[inline]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[inline]
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    pub(crate) const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The lowest register.
    #[inline]
    pub(crate) const fn first(self) -> Option<Reg> {
        if self.0 == 0 { None } else { Some(Reg(self.0.trailing_zeros() as u8)) }
    }
}

impl Iterator for RegSet {
    type Item = Reg;

    #[inline]
    fn next(&mut self) -> Option<Reg> {
        let reg = self.first()?;
        self.0 &= self.0 - 1;
        Some(reg)
    }
}

/// What the allocator asks of a machine, and tells it to do. None of these instructions changes the flags, but for
/// [`Machine::constant`]. Places in memory are offsets from the frame pointer.
pub(crate) trait Machine: Sized {
    /// Integer registers for operands.
    const INT_SCRATCH: RegSet;
    /// Floating point registers for operands.
    const FLOAT_SCRATCH: RegSet;
    /// Registers with values that can be fetched anew at any time: their places in memory always hold.
    const FIXED: RegSet;

    /// Moves between registers of one class.
    fn mov(&mut self, ty: Ty, dst: Reg, src: Reg);
    /// Exchanges registers of one class.
    fn swap(&mut self, a: Reg, b: Reg);
    /// Loads from the frame.
    fn load(&mut self, ty: Ty, dst: Reg, at: i32);
    /// Stores to the frame.
    fn store(&mut self, ty: Ty, at: i32, src: Reg);
    /// Copies within the frame.
    fn copy(&mut self, ty: Ty, to: i32, from: i32);
    /// Loads a constant; may change the flags. `bits` of an `I32` are zero-extended.
    fn constant(&mut self, ty: Ty, dst: Reg, bits: u64);
    /// Stores a constant to the frame.
    fn store_constant(&mut self, ty: Ty, at: i32, bits: u64);
    /// Loads a vector of the pool of constants.
    fn vector(&mut self, dst: Reg, number: u32);
    /// Stores a vector of the pool of constants to the frame.
    fn store_vector(&mut self, at: i32, number: u32);
    /// Fetches the value of a register of [`Machine::FIXED`]; `valid` are those that hold theirs, and gets the ones
    /// that do afterwards.
    fn reload(&mut self, reg: Reg, valid: &mut RegSet);
}

/// The operand registers of a type's class.
pub(crate) const fn scratch<M: Machine>(ty: Ty) -> RegSet {
    if ty.is_int_class() { M::INT_SCRATCH } else { M::FLOAT_SCRATCH }
}
