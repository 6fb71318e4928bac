//! What a first tier says of its loops: where a function that runs has its values, so that another function can go on with them.
//!
//! The code at the head of such a loop asks whether there is something to go on in. The frame is then as it is each time that code comes there, so
//! one record is enough for each loop: where the locals are, which is the same at all loops of a function, and where the operands are that lie on the stack.

use crate::types::Ty;

/// Loops of functions with more values ask nothing.
pub const LOOP_VALUES_MAX: usize = 500;
/// Of a function with more loops, the others ask nothing.
pub const LOOPS_MAX: usize = 256;

/// The loops of a function that ask.
#[derive(Clone, Debug, Default)]
pub struct Loops {
    /// The locals, at each of the loops.
    pub locals: Vec<LoopValue>,
    /// The loops, by their numbers.
    pub heads: Vec<LoopHead>,
    /// What [`LoopPlace::Constant`] means.
    pub constants: Vec<u128>,
}

/// A loop that asks.
#[derive(Clone, Debug)]
pub struct LoopHead {
    /// Offset of its operator in the module's bytes.
    pub wasm_offset: u32,
    /// The operands on the stack, its own parameters last.
    pub operands: Vec<LoopValue>,
    /// Where its call returns to by which it asks, as an offset in the code.
    pub return_address: u32,
}

/// A value at the head of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopValue {
    /// Its representation.
    pub ty: Ty,
    /// Where it is.
    pub place: LoopPlace,
}

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopPlace {
    /// In a register, as the processor numbers them: general ones from 0, those of vectors from 16 on.
    Register(u8),
    /// In the frame, so far from where the frame pointer points.
    Frame(i32),
    /// At this position of [`Loops::constants`].
    Constant(u32),
}

impl Loops {
    /// Makes it empty; its allocations stay.
    pub fn clear(&mut self) {
        self.locals.clear();
        self.heads.clear();
        self.constants.clear();
    }
}
