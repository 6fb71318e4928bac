//! Which canonical ids are free: runs of consecutive ones, joined when they come back.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Ids up to a limit.
#[derive(Debug)]
pub(super) struct IdSpace {
    /// The first id that was never given away.
    end: u32,
    limit: u32,
    /// Runs of free ids before that: their ends by their starts.
    free: BTreeMap<u32, u32>,
    /// The same by length.
    by_len: BTreeSet<(u32, u32)>,
}

impl IdSpace {
    pub(super) fn new(ids: Range<u32>) -> Self {
        Self { end: ids.start, limit: ids.end, free: BTreeMap::new(), by_len: BTreeSet::new() }
    }

    /// Takes so many consecutive ids, at least one: from the shortest run that has them.
    pub(super) fn take(&mut self, len: u32) -> Option<u32> {
        if let Some(&(found, start)) = self.by_len.range((len, 0)..).next() {
            self.remove(start..start + found);
            self.insert(start + len..start + found);
            return Some(start);
        }
        let start = self.end;
        self.end = start.checked_add(len).filter(|end| *end <= self.limit)?;
        Some(start)
    }

    pub(super) fn give_back(&mut self, ids: Range<u32>) {
        let before = self.free.range(..ids.start).next_back().map(|(start, end)| *start..*end);
        let before = before.filter(|run| run.end == ids.start);
        let after = self.free.get(&ids.end).map(|end| ids.end..*end);
        let joined = before.as_ref().map_or(ids.start, |run| run.start)..after.as_ref().map_or(ids.end, |run| run.end);
        before.into_iter().chain(after).for_each(|run| self.remove(run));
        self.insert(joined);
    }

    fn remove(&mut self, run: Range<u32>) {
        self.free.remove(&run.start);
        self.by_len.remove(&(run.end - run.start, run.start));
    }

    fn insert(&mut self, run: Range<u32>) {
        if !run.is_empty() {
            self.by_len.insert((run.end - run.start, run.start));
            self.free.insert(run.start, run.end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_used_again_and_join() {
        let mut ids = IdSpace::new(1..11);
        assert_eq!([3, 2, 5].map(|len| ids.take(len)), [Some(1), Some(4), Some(6)]);
        assert_eq!(ids.take(1), None);
        ids.give_back(1..4);
        ids.give_back(6..11);
        assert_eq!(ids.take(2), Some(1), "from the shortest run");
        assert_eq!(ids.take(6), None);
        ids.give_back(4..6);
        assert_eq!((ids.take(8), ids.take(1)), (Some(3), None), "runs beside each other are one");
        ids.give_back(1..3);
        ids.give_back(3..11);
        assert_eq!((ids.free.len(), ids.by_len.len(), ids.take(10)), (1, 1, Some(1)));
    }
}
