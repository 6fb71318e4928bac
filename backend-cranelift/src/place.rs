//! Where a function starts, so that its loops lie well in the lines of the instruction cache.
//!
//! Cranelift does not align loops. But a function may start in four ways within a line, and its loops move with it: a loop that lies
//! across the border of two lines where one would hold it, or whose first block does, can take twice as long. A function with a single
//! hot loop, as most functions whose speed matters have, so gets it where it should be, at no cost but some bytes between functions.

use cranelift_codegen::{CompiledCode, binemit::CodeOffset};

/// Bytes of a line of the instruction cache, and of the processor's store of decoded instructions.
const LINE_BYTES: CodeOffset = 64;

/// Functions start at multiples of this, as on every x86-64 system.
pub(crate) const STEP_BYTES: CodeOffset = 16;

/// Longer loops take several lines in any case: one more hardly counts.
const LOOP_BYTES_MAX: CodeOffset = 4 * LINE_BYTES;

/// A loop inside another one counts this much more, down to [`DEPTH_MAX`].
const WEIGHT_PER_DEPTH: u32 = 8;

const DEPTH_MAX: u32 = 6;

/// A loop's code, as offsets in the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Loop {
    start: CodeOffset,
    /// The end of its first block.
    first_end: CodeOffset,
    end: CodeOffset,
}

impl Loop {
    /// How many lines more than necessary the loop and its first block take in a function that starts `start` bytes into a line.
    fn excess(self, start: CodeOffset) -> u32 {
        let lines = |end: CodeOffset| {
            let len = end - self.start;
            let place = (start + self.start) % LINE_BYTES;
            (place + len).div_ceil(LINE_BYTES) - len.div_ceil(LINE_BYTES)
        };
        let whole = if self.end - self.start <= LOOP_BYTES_MAX { lines(self.end) } else { 0 };
        whole + lines(self.first_end)
    }
}

/// Where to put a function of which `at` is the first free place: a multiple of 16, less than 64 bytes further on.
pub(crate) fn place(code: &CompiledCode, at: CodeOffset) -> CodeOffset {
    let first = at.next_multiple_of(STEP_BYTES);
    let mut loops = loops(&code.bb_starts, &code.bb_edges, code.buffer.data().len() as CodeOffset);
    if loops.is_empty() {
        return first;
    }
    loops.sort_unstable_by_key(|it| (it.start, std::cmp::Reverse(it.end)));
    let mut costs = [0u64; (LINE_BYTES / STEP_BYTES) as usize];
    let mut open: Vec<CodeOffset> = Vec::new();
    for it in loops {
        while open.last().is_some_and(|end| *end <= it.start) {
            open.pop();
        }
        let weight = u64::from(WEIGHT_PER_DEPTH.pow((open.len() as u32).min(DEPTH_MAX)));
        for (step, cost) in costs.iter_mut().enumerate() {
            *cost += weight * u64::from(it.excess(first + step as CodeOffset * STEP_BYTES));
        }
        open.push(it.end);
    }
    let best = (0..costs.len()).min_by_key(|step| costs[*step]).unwrap_or(0);
    first + best as CodeOffset * STEP_BYTES
}

/// The loops of a function, from the starts of its blocks and the edges between them. Cranelift confuses some edges in functions that have
/// cold blocks; then a loop is missed or made up, which costs speed at worst.
fn loops(starts: &[CodeOffset], edges: &[(CodeOffset, CodeOffset)], len: CodeOffset) -> Vec<Loop> {
    let end_of = |block: CodeOffset| {
        let next = starts.partition_point(|start| *start <= block);
        starts.get(next).copied().unwrap_or(len)
    };
    let mut loops: Vec<Loop> = Vec::new();
    let mut back: Vec<_> = edges.iter().filter(|(from, to)| to <= from && *to < len).collect();
    back.sort_unstable_by_key(|(from, to)| (*to, *from));
    for &&(from, to) in &back {
        let end = end_of(from);
        match loops.last_mut().filter(|last| last.start == to) {
            Some(last) => last.end = last.end.max(end),
            None => loops.push(Loop { start: to, first_end: end_of(to), end }),
        }
    }
    loops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_edges_are_loops() {
        // 0 → 10 → 40 → 10, 40 → 20 → 20, 40 → 80.
        let starts = [0, 10, 20, 40, 80];
        let edges = [(0, 10), (10, 20), (20, 20), (20, 40), (40, 10), (40, 80)];
        let expected = [Loop { start: 10, first_end: 20, end: 80 }, Loop { start: 20, first_end: 40, end: 40 }];
        assert_eq!(loops(&starts, &edges, 100), expected);
        assert_eq!(loops(&starts, &[(0, 10)], 100), []);
    }

    #[test]
    fn a_loop_across_a_border_is_in_excess() {
        let it = Loop { start: 22, first_end: 58, end: 58 };
        assert_eq!([0, 16, 32, 48].map(|start| it.excess(start)), [0, 2, 2, 0]);
        // Only its first block counts of a long one.
        let long = Loop { end: 2000, ..it };
        assert_eq!([0, 16, 32, 48].map(|start| long.excess(start)), [0, 1, 1, 0]);
    }
}
