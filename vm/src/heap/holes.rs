//! Where a block has room between its objects.

use super::space::{BLOCK_GROUPS, Block, GRANULE_BYTES, Group};

/// Granules of a block.
const GRANULES: u32 = 64 * BLOCK_GROUPS as u32;

/// A block's holes that were not looked at yet.
#[derive(Debug)]
pub(super) struct Holes {
    block: Block,
    /// Granules that no object has.
    free: [u64; BLOCK_GROUPS],
    /// The granule from which on to look.
    position: u32,
}

impl Default for Holes {
    fn default() -> Self {
        Self { block: Block(0), free: [0; BLOCK_GROUPS], position: GRANULES }
    }
}

impl Holes {
    /// The holes of a block, by where its objects start and end.
    ///
    /// Read as one number for the block, the ends one higher minus the starts have a bit for every granule in use: the subtraction borrows from
    /// behind an object's end down to its start.
    pub(super) fn of(block: Block, groups: &[Group], current: usize) -> Self {
        let mut free = [0; BLOCK_GROUPS];
        let (mut carry, mut borrow) = (0, false);
        for (free, group) in free.iter_mut().zip(groups) {
            let behind = group.ends << 1 | carry;
            carry = group.ends >> 63;
            let (used, first) = behind.overflowing_sub(group.starts[current]);
            let (used, second) = used.overflowing_sub(borrow.into());
            borrow = first | second;
            *free = !used;
        }
        Self { block, free, position: 0 }
    }

    /// The next hole, as offsets; none if there are no more.
    pub(super) fn next(&mut self) -> Option<(u32, u32)> {
        let start = self.find(self.position, 0).filter(|start| *start < GRANULES)?;
        let end = self.find(start, u64::MAX).unwrap_or(GRANULES);
        self.position = end;
        let offset = |granule| self.block.start() + granule * GRANULE_BYTES;
        Some((offset(start), offset(end)))
    }

    /// The first granule from `position` on whose bit differs from those of `same`.
    fn find(&self, position: u32, same: u64) -> Option<u32> {
        let mut word = (position / 64) as usize;
        let mut bits = (*self.free.get(word)? ^ same) >> (position % 64) << (position % 64);
        while bits == 0 {
            word += 1;
            bits = *self.free.get(word)? ^ same;
        }
        Some(word as u32 * 64 + bits.trailing_zeros())
    }

    /// Goes back, so that the hole that ends here is found again.
    pub(super) fn put_back(&mut self, start: u32) {
        self.position = (start - self.block.start()) / GRANULE_BYTES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Objects in a block: where each starts and how many granules it has, then how many follow that are free.
    fn check(objects: &[(u32, u32)]) {
        let mut groups = [Group::default(); BLOCK_GROUPS];
        let mut free = vec![true; GRANULES as usize];
        for &(start, len) in objects {
            groups[(start / 64) as usize].starts[1] |= 1 << (start % 64);
            let end = start + len - 1;
            groups[(end / 64) as usize].ends |= 1 << (end % 64);
            free[start as usize..=end as usize].fill(false);
        }
        let mut holes = Holes::of(Block(3), &groups, 1);
        let mut found = vec![false; GRANULES as usize];
        let mut last = 0;
        while let Some((start, end)) = holes.next() {
            assert!(start < end && (last == 0 || last < start));
            last = end;
            let [start, end] = [start, end].map(|offset| ((offset - Block(3).start()) / GRANULE_BYTES) as usize);
            found[start..end].fill(true);
        }
        assert_eq!(free, found, "{objects:?}");
    }

    #[test]
    fn holes_are_what_objects_leave() {
        check(&[]);
        check(&[(0, GRANULES)]);
        check(&[(0, 1), (1, 1), (4095, 1)]);
        check(&[(63, 1), (64, 64), (128, 1)]);
        check(&[(10, 500), (510, 3586)]);
        let mut random = 7u64;
        let mut next = |below: u32| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (random >> 33) as u32 % below
        };
        for round in 0..200 {
            let (mut at, mut objects) = (0, Vec::new());
            loop {
                at += next([1, 2, 3, 200][round % 4]);
                let len = 1 + next([1, 4, 70, 300][round / 4 % 4]);
                if at + len > GRANULES {
                    break;
                }
                objects.push((at, len));
                at += len;
            }
            check(&objects);
        }
    }
}
