//! How often values of locals come together and how deep loops are in each other, counted while a function is translated.
//!
//! Where several ways lead to a place, SSA form has a phi for each local that was written on one of them, with a value for each way. Four hundred blocks in each
//! other over two hundred locals are seven kilobytes of code and a hundred thousand such values, and what LLVM does afterwards takes more than linear time in
//! them. A function where they are out of proportion to its length is not optimised: its locals stay in the frame, where each use is one load or store.
//!
//! What is done for each loop looks at all that is inside, so four hundred loops in each other are gone through four hundred times.

use wasmer_runtime_core::translate::codegen::Result;

use crate::codegen::Codegen;
use crate::intrinsics::internal;

/// A frame that is open.
struct Open {
    /// Of the writes so far, those before the frame.
    since: u32,
    /// Locals written in the frame, less those that were counted for a frame inside of it.
    written: i64,
    is_loop: bool,
}

/// The count of a function.
#[derive(Default)]
pub(crate) struct Merges {
    /// Pairs of a way and a local.
    pairs: u64,
    writes: u32,
    /// For each local its last write, counted from 1.
    last: Vec<u32>,
    open: Vec<Open>,
    /// How many of the open frames are loops.
    loops_open: u64,
    /// Pairs of a loop and one around it.
    loops_in_loops: u64,
}

/// How many pairs a function may have in any case, and how many for each byte of its body. Real functions have up to 0.7 beside the first.
const PAIRS_FREE: u64 = 1 << 14;
const PAIRS_PER_BYTE: u64 = 3;

/// The same of pairs of loops. The functions of CPython, QuickJS and SQLite have at most 489.
const LOOPS_FREE: u64 = 1 << 12;
const LOOPS_PER_BYTE: u64 = 1;

impl Merges {
    pub(crate) fn new(locals: usize) -> Self {
        Self { last: vec![0; locals], ..Self::default() }
    }

    pub(crate) fn is_out_of_proportion(&self, body_bytes: usize) -> bool {
        let limit = |free: u64, per_byte: u64| free.saturating_add(per_byte.saturating_mul(body_bytes as u64));
        self.pairs > limit(PAIRS_FREE, PAIRS_PER_BYTE) || self.loops_in_loops > limit(LOOPS_FREE, LOOPS_PER_BYTE)
    }

    pub(crate) fn open_frame(&mut self, is_loop: bool) {
        if is_loop {
            self.loops_in_loops += self.loops_open;
            self.loops_open += 1;
        }
        self.open.push(Open { since: self.writes, written: 0, is_loop });
    }

    /// The innermost frame ends, where so many ways come together. No frame is open at the end of the body, behind which no local lives.
    pub(crate) fn close_frame(&mut self, ways: u64) {
        let Some(Open { written, is_loop, .. }) = self.open.pop() else { return };
        self.loops_open -= u64::from(is_loop);
        self.add(written, ways);
        if let Some(around) = self.open.last_mut() {
            around.written += written;
        }
    }

    /// So many ways come together at the landing of the innermost frame.
    pub(crate) fn land(&mut self, ways: u64) {
        let written = self.open.last().map_or(0, |open| open.written);
        self.add(written, ways);
    }

    fn add(&mut self, written: i64, ways: u64) {
        if ways > 1 {
            self.pairs = self.pairs.saturating_add(written.unsigned_abs().saturating_mul(ways));
        }
    }

    /// A local is written: it counts for each open frame that began since it was last.
    pub(crate) fn write(&mut self, local: usize) {
        let Some(last) = self.last.get_mut(local) else { return };
        let before = std::mem::replace(last, self.writes + 1);
        self.writes += 1;
        let known = self.open.partition_point(|open| open.since < before);
        if known == self.open.len() {
            return;
        }
        if let Some(innermost) = self.open.last_mut() {
            innermost.written += 1;
        }
        if let Some(outside) = known.checked_sub(1) {
            self.open[outside].written -= 1;
        }
    }
}

impl Codegen<'_, '_> {
    /// The count of the function at hand.
    pub(crate) fn merges(&mut self) -> Result<&mut Merges> {
        self.current.as_mut().map(|current| &mut current.merges).ok_or_else(|| internal("no function is open"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_local_counts_once_for_each_frame() {
        let mut merges = Merges::new(3);
        merges.write(0);
        merges.open_frame(false);
        merges.write(0);
        merges.write(1);
        merges.open_frame(false);
        merges.write(1);
        merges.write(2);
        merges.write(2);
        // Locals 1 and 2.
        merges.land(10);
        merges.close_frame(100);
        merges.write(2);
        assert_eq!(merges.pairs, 2 * 110);
        // All three.
        merges.close_frame(1000);
        assert_eq!(merges.pairs, 220 + 3000);
        merges.open_frame(false);
        merges.write(1);
        merges.close_frame(1);
        assert_eq!(merges.pairs, 3220, "nothing comes together where one way leads");
        merges.close_frame(5);
        assert_eq!(merges.pairs, 3220, "locals end with the body");
    }

    #[test]
    fn each_loop_counts_once_for_each_around_it() {
        let mut merges = Merges::new(0);
        let mut nest = |depth: u64| {
            (0..depth).for_each(|at| merges.open_frame(at % 2 == 0));
            (0..depth).for_each(|_| merges.close_frame(2));
            merges.loops_in_loops
        };
        assert_eq!([nest(8), nest(8)], [6, 12]);
        assert!(!merges.is_out_of_proportion(0));
        (0..200).for_each(|_| merges.open_frame(true));
        assert!(merges.is_out_of_proportion(10_000) && !merges.is_out_of_proportion(100_000));
    }

    #[test]
    fn many_frames_take_linear_time() {
        let mut merges = Merges::new(200);
        for at in 0..100_000 {
            merges.open_frame(false);
            merges.write(at % 200);
        }
        for _ in 0..100_000 {
            merges.close_frame(2);
        }
        // All but the innermost 200 frames contain all locals.
        assert_eq!(merges.pairs, 2 * (200 * (100_000 - 200) + 200 * 201 / 2));
    }
}
