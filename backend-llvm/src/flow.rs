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
            return Self { blocks: Vec::new(), dominators: Vec::new(), predecessors: Vec::new() };
        };
        let blocks = reverse_post_order(entry);
        let numbers: HashMap<_, _> = blocks.iter().enumerate().map(|(number, block)| (*block, number)).collect();
        let mut predecessors = vec![Vec::new(); blocks.len()];
        for (number, block) in blocks.iter().enumerate() {
            for successor in successors(*block) {
                predecessors[numbers[&successor]].push(number);
            }
        }
        Self { dominators: dominators(&predecessors), blocks, predecessors }
    }

    /// Which blocks each block immediately dominates.
    pub(crate) fn dominated(&self) -> Vec<Vec<usize>> {
        let mut dominated = vec![Vec::new(); self.blocks.len()];
        for (number, &dominator) in self.dominators.iter().enumerate().skip(1) {
            dominated[dominator].push(number);
        }
        dominated
    }

    /// A dominator has a smaller number than what it dominates, so the way up ends as soon as the numbers are below.
    fn dominates(&self, dominator: usize, mut block: usize) -> bool {
        while block > dominator {
            block = self.dominators[block];
        }
        block == dominator
    }

    /// The blocks of each loop, those of loops in it included.
    pub(crate) fn loops(&self) -> Vec<BTreeSet<usize>> {
        let mut loops = Vec::new();
        for header in 0..self.blocks.len() {
            let mut open: Vec<_> =
                self.predecessors[header].iter().copied().filter(|&latch| self.dominates(header, latch)).collect();
            if open.is_empty() {
                continue;
            }
            let mut blocks = BTreeSet::from([header]);
            while let Some(block) = open.pop() {
                if blocks.insert(block) {
                    open.extend(&self.predecessors[block]);
                }
            }
            loops.push(blocks);
        }
        loops
    }

    /// The innermost loops that have a preheader and one latch.
    pub(crate) fn innermost_loops(&self) -> Vec<InnermostLoop<'ctx>> {
        let latches = |header: usize| {
            let latches = self.predecessors[header].iter().copied();
            latches.filter(|&latch| self.dominates(header, latch)).collect::<Vec<_>>()
        };
        let all_latches: Vec<_> = (0..self.blocks.len()).map(latches).collect();
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
