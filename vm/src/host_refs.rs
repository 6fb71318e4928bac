//! Host references that guests hold: a table of values, behind handles that a collection finds again in frames, globals and tables.
//!
//! Nothing moves, so a root may be a guess: a word that looks like a handle keeps what it would mean. Handles are made so that hardly any other
//! word does: a tag that no address and no small number has, the number of times that the place was used, the place.
//! No handle is ever made twice, so one that outlived its value means nothing, rather than another value.

use std::collections::HashMap;

/// Bits of a handle that name the place. Above them those that count its uses, then the tag.
const PLACE_BITS: u32 = 28;
const USES_BITS: u32 = 24;
/// The upper 12 bits of a handle: not those of an address, of a small number, or of a floating-point number that anybody calculates with.
const TAG: u64 = 0x5ef;
/// New references before the first collection, and between later ones when there is little to look at.
const FRESH_MIN: usize = 256;
/// How many words and places may be looked at for each new reference.
const LOOKS_PER_FRESH: usize = 8;

/// That there is no room for another reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Values by handle.
#[derive(Debug)]
pub struct HostRefs<T> {
    places: Vec<Place<T>>,
    /// Places that can be used again.
    free: Vec<u32>,
    /// Places by identity of their values: equal references have equal handles.
    known: HashMap<usize, u32>,
    /// References that are new since the last collection, and how many there may be before the next.
    fresh: usize,
    due: usize,
    /// For tests: as many collections as can be.
    always: bool,
}

#[derive(Debug)]
struct Place<T> {
    held: Option<(usize, T)>,
    uses: u32,
    is_marked: bool,
}

impl<T> Default for HostRefs<T> {
    fn default() -> Self {
        let (places, free, known) = Default::default();
        Self { places, free, known, fresh: 0, due: FRESH_MIN, always: false }
    }
}

impl<T> HostRefs<T> {
    /// The handle of a value: never zero. `identity` is the same for values that are the same reference.
    pub fn handle(&mut self, identity: usize, value: impl FnOnce() -> T) -> Result<u64, Full> {
        let index = match self.known.get(&identity) {
            Some(index) => *index,
            None => self.add(identity, value())?,
        };
        Ok(self.places[index as usize].handle(index))
    }

    fn add(&mut self, identity: usize, value: T) -> Result<u32, Full> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index =
                    u32::try_from(self.places.len()).ok().filter(|index| *index < 1 << PLACE_BITS).ok_or(Full)?;
                self.places.push(Place { held: None, uses: 0, is_marked: false });
                index
            }
        };
        self.fresh += 1;
        self.places[index as usize].held = Some((identity, value));
        self.known.insert(identity, index);
        Ok(index)
    }

    /// The position of the place that a word is the handle of.
    #[inline]
    fn position(&self, word: u64) -> Option<usize> {
        if word >> (PLACE_BITS + USES_BITS) != TAG {
            return None;
        }
        let index = (word & ((1 << PLACE_BITS) - 1)) as u32;
        let place = self.places.get(index as usize)?;
        (place.held.is_some() && place.handle(index) == word).then_some(index as usize)
    }

    /// The value behind a handle; none if there is no such handle any more.
    pub fn get(&self, handle: u64) -> Option<&T> {
        self.places[self.position(handle)?].held.as_ref().map(|(_, value)| value)
    }

    /// Whether it is time for a collection, at the next point where one may be.
    #[inline]
    pub fn is_due(&self) -> bool {
        self.fresh >= self.due
    }

    /// Makes a collection due always.
    pub fn always_due(&mut self) {
        (self.due, self.always) = (0, true);
    }

    /// Keeps the value that a word is the handle of, if it is one.
    #[inline]
    pub fn mark(&mut self, word: u64) {
        if let Some(position) = self.position(word) {
            self.places[position].is_marked = true;
        }
    }

    /// Forgets what is not marked and gives it away, to be dropped when nobody looks at anything any more. `words` were looked at; the next collection
    /// is due when there are so many new references that this was cheap for each.
    #[must_use]
    pub fn sweep(&mut self, words: usize) -> Vec<T> {
        let mut dead = Vec::new();
        for (index, place) in self.places.iter_mut().enumerate() {
            let is_marked = std::mem::take(&mut place.is_marked);
            if let Some((identity, value)) = place.held.take_if(|_| !is_marked) {
                place.uses += 1;
                self.known.remove(&identity);
                dead.push(value);
                // A place whose uses are used up stays empty.
                if place.uses < 1 << USES_BITS {
                    self.free.push(index as u32);
                }
            }
        }
        self.fresh = 0;
        if !self.always {
            let looks = words.saturating_add(self.places.len());
            self.due = FRESH_MIN.max(self.known.len()).max(looks / LOOKS_PER_FRESH);
        }
        dead
    }
}

impl<T> Place<T> {
    fn handle(&self, index: u32) -> u64 {
        TAG << (PLACE_BITS + USES_BITS) | u64::from(self.uses) << PLACE_BITS | u64::from(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_marked_goes_and_its_handle_means_nothing_more() {
        let mut refs = HostRefs::default();
        let [one, two] = [1, 2].map(|number| refs.handle(number, || number).unwrap());
        assert_eq!((refs.handle(1, || unreachable!()), refs.get(two)), (Ok(one), Some(&2)));
        refs.mark(two);
        for word in [0, 1, u64::MAX, one & 0xfff_ffff, one ^ 1 << PLACE_BITS, one ^ 1 << 63, one ^ 1 << 20] {
            refs.mark(word);
            assert_eq!(refs.get(word), None, "{word:#x}");
        }
        assert_eq!((refs.sweep(0), refs.get(one), refs.get(two)), (vec![1], None, Some(&2)));
        let three = refs.handle(3, || 3).unwrap();
        assert_eq!((three as u32 & 0xfff_ffff, refs.get(one), refs.get(three)), (0, None, Some(&3)));
        assert_ne!(three, one);
    }

    #[test]
    fn no_handle_is_made_twice() {
        let mut refs = HostRefs::default();
        let first = refs.handle(1, || 1).unwrap();
        refs.places[0].uses = (1 << USES_BITS) - 1;
        let last = refs.handle(1, || unreachable!()).unwrap();
        assert_eq!((first >> 52, last >> 52, refs.get(first)), (TAG, TAG, None));
        assert_eq!(refs.sweep(0), [1]);
        // The place is not used again: its next handle would be one that there was.
        let next = refs.handle(2, || 2).unwrap();
        assert_eq!((next & 0xfff_ffff, refs.get(first), refs.get(last), refs.get(next)), (1, None, None, Some(&2)));
    }

    #[test]
    fn collections_are_rare_when_much_lives_or_much_is_looked_at() {
        let mut refs = HostRefs::default();
        let handles: Vec<u64> = (1..1000).map(|number| refs.handle(number, || number).unwrap()).collect();
        assert!(refs.is_due());
        handles.iter().for_each(|handle| refs.mark(*handle));
        assert!(refs.sweep(0).is_empty() && !refs.is_due());
        (1000..2000).for_each(|number| _ = refs.handle(number, || number));
        assert!(refs.is_due());
        assert_eq!(refs.sweep((1 << 20) - refs.places.len()).len(), 1999);
        (0..(1 << 17) - 1).for_each(|number| _ = refs.handle(number, || number));
        assert!(!refs.is_due());
        refs.handle(usize::MAX, || 0).unwrap();
        assert!(refs.is_due());
    }
}
