//! The control flow of a function: its blocks in reverse post-order and their dominators.

use std::collections::HashMap;

use inkwell::basic_block::BasicBlock;
use inkwell::values::{FunctionValue, Operand};

/// Blocks that the entry reaches, by number in reverse post-order: the entry is 0, and a dominator comes before what it dominates.
pub(crate) struct Flow<'ctx> {
    pub(crate) blocks: Vec<BasicBlock<'ctx>>,
    /// The immediate dominator of each block; the entry's is itself.
    dominators: Vec<usize>,
}

impl<'ctx> Flow<'ctx> {
    /// The control flow of a function that has a body.
    pub(crate) fn new(function: FunctionValue<'ctx>) -> Self {
        let Some(entry) = function.get_first_basic_block() else {
            return Self { blocks: Vec::new(), dominators: Vec::new() };
        };
        let blocks = reverse_post_order(entry);
        let numbers: HashMap<_, _> = blocks.iter().enumerate().map(|(number, block)| (*block, number)).collect();
        let mut predecessors = vec![Vec::new(); blocks.len()];
        for (number, block) in blocks.iter().enumerate() {
            for successor in successors(*block) {
                predecessors[numbers[&successor]].push(number);
            }
        }
        Self { dominators: dominators(&predecessors), blocks }
    }

    /// Which blocks each block immediately dominates.
    pub(crate) fn dominated(&self) -> Vec<Vec<usize>> {
        let mut dominated = vec![Vec::new(); self.blocks.len()];
        for (number, &dominator) in self.dominators.iter().enumerate().skip(1) {
            dominated[dominator].push(number);
        }
        dominated
    }
}

/// Where a block's terminator goes.
pub(crate) fn successors(block: BasicBlock<'_>) -> Vec<BasicBlock<'_>> {
    let Some(terminator) = block.get_terminator() else { return Vec::new() };
    let blocks = terminator.get_operands().filter_map(|operand| match operand {
        Some(Operand::Block(block)) => Some(block),
        _ => None,
    });
    blocks.collect()
}

fn reverse_post_order(entry: BasicBlock<'_>) -> Vec<BasicBlock<'_>> {
    let mut seen = std::collections::HashSet::from([entry]);
    let mut order = Vec::new();
    let mut open = vec![(entry, successors(entry))];
    while let Some((block, left)) = open.last_mut() {
        match left.pop() {
            Some(next) if seen.insert(next) => open.push((next, successors(next))),
            Some(_) => {}
            None => {
                order.push(*block);
                open.pop();
            }
        }
    }
    order.reverse();
    order
}

/// Immediate dominators (Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm").
fn dominators(predecessors: &[Vec<usize>]) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let mut dominators = vec![NONE; predecessors.len()];
    dominators[0] = 0;
    let mut has_changed = true;
    while has_changed {
        has_changed = false;
        for block in 1..predecessors.len() {
            let known = predecessors[block].iter().copied().filter(|&before| dominators[before] != NONE);
            let common = known.reduce(|mut a, mut b| {
                while a != b {
                    let later = if a > b { &mut a } else { &mut b };
                    *later = dominators[*later];
                }
                a
            });
            if let Some(common) = common
                && dominators[block] != common
            {
                dominators[block] = common;
                has_changed = true;
            }
        }
    }
    dominators
}
