//! The parallel-move resolver: many registers get their values at once, whatever overlaps.
//!
//! Moves between registers are ordered so that nothing is overwritten before it is read; cycles are broken by exchanges. What comes
//! from memory or constants follows, since it reads no register. Debug builds check each result by simulating it.

use wasmer_runtime_core::types::Ty;

use crate::regs::{Machine, REG_COUNT, Reg, RegSet};

/// Where a moved value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Reg(Reg),
    /// The frame, at this offset.
    Frame(i32),
    Const(u64),
    /// A vector in the pool of constants.
    Vector(u32),
}

/// A move to a register. No two moves of a set have the same destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) ty: Ty,
    pub(crate) dst: Reg,
    pub(crate) src: Source,
}

/// One instruction of a resolved set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Move(Reg, Reg),
    Swap(Reg, Reg),
}

const NONE: u8 = 0xff;

/// The order of the moves between registers.
struct Plan {
    steps: [Step; REG_COUNT],
    len: usize,
}

impl Plan {
    fn push(&mut self, step: Step) {
        self.steps[self.len] = step;
        self.len += 1;
    }

    fn new(moves: &[Move]) -> Self {
        let mut plan = Self { steps: [Step::Move(Reg(0), Reg(0)); REG_COUNT], len: 0 };
        let mut sources = [NONE; REG_COUNT];
        let mut readers = [0u8; REG_COUNT];
        let mut left = RegSet::EMPTY;
        for m in moves {
            if let Source::Reg(src) = m.src
                && src != m.dst
            {
                debug_assert_eq!(sources[m.dst.index()], NONE, "two moves to {:?}", m.dst);
                sources[m.dst.index()] = src.0;
                readers[src.index()] += 1;
                left = left.with(m.dst);
            }
        }
        for m in moves {
            // A destination that nothing reads any more, then what it has just read for the last time, and so on.
            let mut dst = m.dst.index();
            while sources[dst] != NONE && readers[dst] == 0 {
                let src = std::mem::replace(&mut sources[dst], NONE);
                plan.push(Step::Move(Reg(dst as u8), Reg(src)));
                left = left.without(Reg(dst as u8));
                dst = src as usize;
                readers[dst] -= 1;
            }
        }
        // What is left are cycles, in which each register has one reader.
        while let Some(Reg(first)) = left.first() {
            let mut current = first;
            while sources[current as usize] != NONE {
                let src = std::mem::replace(&mut sources[current as usize], NONE);
                left = left.without(Reg(current));
                if src != first {
                    plan.push(Step::Swap(Reg(current), Reg(src)));
                }
                current = src;
            }
        }
        plan
    }

    /// Simulates the steps and compares with what the moves ask for.
    fn check(&self, moves: &[Move]) {
        let mut holds: [u8; REG_COUNT] = std::array::from_fn(|reg| reg as u8);
        for step in &self.steps[..self.len] {
            match *step {
                Step::Move(dst, src) => holds[dst.index()] = holds[src.index()],
                Step::Swap(a, b) => holds.swap(a.index(), b.index()),
            }
        }
        for m in moves {
            if let Source::Reg(src) = m.src {
                assert_eq!(holds[m.dst.index()], src.0, "{moves:?} resolved to {:?}", &self.steps[..self.len]);
            }
        }
    }
}

/// Emits the moves.
pub(crate) fn resolve(machine: &mut impl Machine, moves: &[Move]) {
    if moves.iter().any(|m| matches!(m.src, Source::Reg(src) if src != m.dst)) {
        let plan = Plan::new(moves);
        if cfg!(debug_assertions) {
            plan.check(moves);
        }
        let ty_of = |reg: Reg| moves.iter().find(|m| m.dst == reg).map_or(Ty::I64, |m| m.ty);
        for step in &plan.steps[..plan.len] {
            match *step {
                Step::Move(dst, src) => machine.mov(ty_of(dst), dst, src),
                Step::Swap(a, b) => machine.swap(a, b),
            }
        }
    }
    // Only now: what is loaded here may go to a register that one of those moves has read.
    for m in moves {
        match m.src {
            Source::Reg(_) => {}
            Source::Frame(at) => machine.load(m.ty, m.dst, at),
            Source::Const(bits) => machine.constant(m.ty, m.dst, bits),
            Source::Vector(number) => machine.vector(m.dst, number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves(pairs: &[(u8, u8)]) -> Vec<Move> {
        pairs.iter().map(|&(dst, src)| Move { ty: Ty::I64, dst: Reg(dst), src: Source::Reg(Reg(src)) }).collect()
    }

    #[test]
    fn every_function_on_five_registers_is_resolved() {
        // Every map of five registers to five registers, and every subset of destinations.
        for code in 0..5u32.pow(5) {
            for subset in 0..32u32 {
                let pairs: Vec<_> = (0..5u8)
                    .filter(|dst| subset >> dst & 1 != 0)
                    .map(|dst| (dst, (code / 5u32.pow(dst.into()) % 5) as u8))
                    .collect();
                let moves = moves(&pairs);
                Plan::new(&moves).check(&moves);
            }
        }
    }

    #[test]
    fn chains_need_no_swaps() {
        let moves = moves(&[(0, 1), (1, 2), (2, 3)]);
        let plan = Plan::new(&moves);
        assert!(plan.steps[..plan.len].iter().all(|step| matches!(step, Step::Move(..))));
        assert_eq!(plan.len, 3);
    }

    #[test]
    #[should_panic(expected = "resolved to")]
    fn the_checker_finds_lost_values() {
        let moves = moves(&[(0, 1), (1, 0)]);
        let mut plan = Plan { steps: [Step::Move(Reg(0), Reg(0)); REG_COUNT], len: 0 };
        plan.push(Step::Move(Reg(0), Reg(1)));
        plan.push(Step::Move(Reg(1), Reg(0)));
        plan.check(&moves);
    }
}
