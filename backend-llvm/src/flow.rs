//! The control flow of a function: its blocks in reverse post-order and their dominators.

use std::collections::{BTreeSet, HashMap};

use inkwell::basic_block::BasicBlock;
use inkwell::values::{FunctionValue, Operand};

/// Blocks of the largest loop that is looked at.
const LOOP_BLOCKS_MAX: usize = 24;

/// Blocks that the entry reaches, by number in reverse post-order: the entry is 0, and a dominator comes before what it dominates.
pub(crate) struct Flow<'ctx> {
    pub(crate) blocks: Vec<BasicBlock<'ctx>>,
    /// The immediate dominator of each block; the entry's is itself.
    dominators: Vec<usize>,
    /// When a walk down the tree of dominators enters a block, and when it has left all that the block dominates.
    spans: Vec<(usize, usize)>,
    predecessors: Vec<Vec<usize>>,
}

/// A loop with one way in and one way back that contains no other loop.
pub(crate) struct InnermostLoop<'ctx> {
    /// The only block that leads in.
    pub(crate) preheader: BasicBlock<'ctx>,
    pub(crate) header: BasicBlock<'ctx>,
    /// The only block that leads back.
    pub(crate) latch: BasicBlock<'ctx>,
    /// All blocks, in reverse post-order.
    pub(crate) blocks: Vec<BasicBlock<'ctx>>,
    /// Those that every iteration goes through before it leads back.
    pub(crate) always: Vec<BasicBlock<'ctx>>,
}

impl<'ctx> Flow<'ctx> {
    /// The control flow of a function that has a body.
    pub(crate) fn new(function: FunctionValue<'ctx>) -> Self {
        let Some(entry) = function.get_first_basic_block() else {
            return Self { blocks: Vec::new(), dominators: Vec::new(), spans: Vec::new(), predecessors: Vec::new() };
        };
        let blocks = reverse_post_order(entry);
        let numbers: HashMap<_, _> = blocks.iter().enumerate().map(|(number, block)| (*block, number)).collect();
        let mut predecessors = vec![Vec::new(); blocks.len()];
        for (number, block) in blocks.iter().enumerate() {
            for successor in successors(*block) {
                predecessors[numbers[&successor]].push(number);
            }
        }
        Self::of(blocks, predecessors)
    }

    fn of(blocks: Vec<BasicBlock<'ctx>>, predecessors: Vec<Vec<usize>>) -> Self {
        let mut flow = Self { dominators: dominators(&predecessors), spans: Vec::new(), blocks, predecessors };
        flow.spans = spans(&flow.dominated());
        flow
    }

    /// Which blocks each block immediately dominates.
    pub(crate) fn dominated(&self) -> Vec<Vec<usize>> {
        let mut dominated = vec![Vec::new(); self.predecessors.len()];
        for (number, &dominator) in self.dominators.iter().enumerate().skip(1) {
            dominated[dominator].push(number);
        }
        dominated
    }

    fn dominates(&self, dominator: usize, block: usize) -> bool {
        let ((from, to), (at, _)) = (self.spans[dominator], self.spans[block]);
        (from..to).contains(&at)
    }

    /// The blocks that lead back to a block that dominates them.
    fn latches(&self, header: usize) -> Vec<usize> {
        let latches = self.predecessors[header].iter().copied();
        latches.filter(|&latch| self.dominates(header, latch)).collect()
    }

    /// For each block whether it is in a loop that has a marked block.
    pub(crate) fn in_loops_with(&self, is_marked: impl Fn(usize) -> bool) -> Vec<bool> {
        let count = self.predecessors.len();
        // The header of the innermost loop that a block is in; a header's is that of the loop around its own.
        let mut around: Vec<Option<usize>> = vec![None; count];
        let mut is_header = vec![false; count];
        // Inner loops come first. From then on they count as one block: `outermost` leads to the header of the last loop found, by ever shorter ways.
        let mut outermost: Vec<usize> = (0..count).collect();
        for header in (0..count).rev() {
            let mut open = self.latches(header);
            is_header[header] = !open.is_empty();
            while let Some(block) = open.pop() {
                let top = find(&mut outermost, block);
                if top != header {
                    outermost[top] = header;
                    around[top] = Some(header);
                    open.extend(&self.predecessors[top]);
                }
            }
        }
        // What is in a loop has a larger number than its header.
        let mut marked: Vec<_> = (0..count).map(&is_marked).collect();
        for block in (0..count).rev() {
            if let Some(header) = around[block] {
                marked[header] |= marked[block];
            }
        }
        let mut found = vec![false; count];
        for block in 0..count {
            found[block] = is_header[block] && marked[block] || around[block].is_some_and(|header| found[header]);
        }
        found
    }

    /// The innermost loops that have a preheader and one latch.
    pub(crate) fn innermost_loops(&self) -> Vec<InnermostLoop<'ctx>> {
        let all_latches: Vec<_> = (0..self.blocks.len()).map(|header| self.latches(header)).collect();
        let loops = all_latches.iter().enumerate().filter_map(|(header, latches)| match latches[..] {
            [latch] => self.innermost_loop(header, latch, &all_latches),
            _ => None,
        });
        loops.collect()
    }

    fn innermost_loop(&self, header: usize, latch: usize, latches: &[Vec<usize>]) -> Option<InnermostLoop<'ctx>> {
        let mut blocks = BTreeSet::from([header]);
        let mut open = vec![latch];
        while let Some(block) = open.pop() {
            if blocks.insert(block) {
                if !latches[block].is_empty() || blocks.len() > LOOP_BLOCKS_MAX {
                    return None;
                }
                open.extend(&self.predecessors[block]);
            }
        }
        let mut outside = self.predecessors[header].iter().filter(|block| !blocks.contains(block));
        let (&preheader, None) = (outside.next()?, outside.next()) else { return None };
        let block = |number: usize| self.blocks[number];
        Some(InnermostLoop {
            preheader: block(preheader),
            header: block(header),
            latch: block(latch),
            // What dominates the only way back is in every iteration that has a next one.
            always: blocks.iter().filter(|&&at| self.dominates(at, latch)).map(|&at| block(at)).collect(),
            blocks: blocks.into_iter().map(block).collect(),
        })
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
            // From the last to the first: where many branches leave a long chain of blocks, each is one step away from the one before.
            let known = predecessors[block].iter().rev().copied().filter(|&before| dominators[before] != NONE);
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

/// The root of a block in a forest, whose ways are made shorter.
fn find(parents: &mut [usize], mut block: usize) -> usize {
    while parents[block] != block {
        parents[block] = parents[parents[block]];
        block = parents[block];
    }
    block
}

/// When a walk down a tree enters each node, and when it leaves its last descendant.
fn spans(children: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut spans = vec![(0, 0); children.len()];
    let mut clock = 1;
    let mut open = vec![(0, 0)];
    while let Some((node, next)) = open.last_mut() {
        match children[*node].get(*next) {
            Some(&child) => {
                *next += 1;
                spans[child].0 = clock;
                clock += 1;
                open.push((child, 0));
            }
            None => {
                spans[*node].1 = clock;
                open.pop();
            }
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The predecessors of a random graph's nodes, numbered in reverse post-order.
    fn graph(seed: u64, nodes: usize) -> Vec<Vec<usize>> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |end: usize| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) as usize % end
        };
        let edges: Vec<Vec<usize>> =
            (0..nodes).map(|node| vec![(node + 1).min(nodes - 1), below(nodes), below(node + 1)]).collect();
        let (mut order, mut seen) = (Vec::new(), vec![false; nodes]);
        fn walk(node: usize, edges: &[Vec<usize>], seen: &mut [bool], order: &mut Vec<usize>) {
            if !std::mem::replace(&mut seen[node], true) {
                edges[node].iter().for_each(|next| walk(*next, edges, seen, order));
                order.push(node);
            }
        }
        walk(0, &edges, &mut seen, &mut order);
        order.reverse();
        let number = |node: usize| order.iter().position(|at| *at == node);
        let mut predecessors = vec![Vec::new(); order.len()];
        for (from, node) in order.iter().enumerate() {
            for next in &edges[*node] {
                predecessors[number(*next).unwrap()].push(from);
            }
        }
        predecessors
    }

    /// What the entry reaches without a node.
    fn reached_without(removed: usize, predecessors: &[Vec<usize>]) -> Vec<bool> {
        let mut reached = vec![false; predecessors.len()];
        reached[0] = removed != 0;
        for _ in 0..predecessors.len() {
            for node in 0..predecessors.len() {
                reached[node] |= node != removed && predecessors[node].iter().any(|before| reached[*before]);
            }
        }
        reached
    }

    #[test]
    fn dominators_and_loops_are_as_defined() {
        let (mut inside, mut outside) = (0, 0);
        for seed in 0..200 {
            let predecessors = graph(seed, 2 + seed as usize % 24);
            let count = predecessors.len();
            let flow = Flow::of(Vec::new(), predecessors.clone());
            let without: Vec<_> = (0..count).map(|node| reached_without(node, &predecessors)).collect();
            let marked = |node: usize| node as u64 % 5 == seed % 5;
            let mut expected = vec![false; count];
            for (header, reached) in without.iter().enumerate() {
                for (node, is_reached) in reached.iter().enumerate() {
                    assert_eq!(flow.dominates(header, node), !is_reached, "{seed}: {header} over {node}");
                }
                let mut open = flow.latches(header);
                let mut body = BTreeSet::new();
                if !open.is_empty() {
                    body.insert(header);
                }
                while let Some(node) = open.pop() {
                    if body.insert(node) {
                        open.extend(&predecessors[node]);
                    }
                }
                if body.iter().any(|node| marked(*node)) {
                    body.into_iter().for_each(|node| expected[node] = true);
                }
            }
            assert_eq!(flow.in_loops_with(marked), expected, "{seed}");
            inside += expected.iter().filter(|is_inside| **is_inside).count();
            outside += expected.iter().filter(|is_inside| !**is_inside).count();
        }
        assert!(inside > 100 && outside > 100, "{inside} in loops, {outside} outside");
    }
}
