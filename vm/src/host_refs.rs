//! References that guests hold: a table of values, behind handles that a collection finds again in frames, globals, tables and other values.
//!
//! Nothing moves, so a root may be a guess: a word that looks like a handle keeps what it would mean. Handles are made so that hardly any other
//! word does: a tag that no address and no small number has, the number of times that the place was used, the place.
//! No handle is ever made twice, so one that outlived its value means nothing, rather than another value.

use std::collections::HashMap;
use std::num::NonZeroUsize;

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

/// What the collection has to know of a value.
pub trait Trace {
    /// Says which handles the value holds, and other words.
    fn trace(&self, word: &mut impl FnMut(u64));

    /// How much of the host's memory the value takes, in some hundreds of bytes: at least one.
    fn weight(&self) -> usize;
}

/// Values by handle.
#[derive(Debug)]
pub struct HostRefs<T> {
    places: Vec<Place<T>>,
    /// Places that can be used again.
    free: Vec<u32>,
    /// Places by identity of their values: equal references have equal handles.
    known: HashMap<NonZeroUsize, u32>,
    /// What all references weigh, those that are new since the last collection, and how much that may be before the next.
    live: usize,
    fresh: usize,
    due: usize,
    /// For tests: as many collections as can be.
    always: bool,
    /// Places that are marked and whose values were not looked at, and what was found in the last one.
    grey: Vec<usize>,
    found: Vec<u64>,
    /// What marked values hold that is no handle.
    strays: Vec<u64>,
}

#[derive(Debug)]
struct Place<T> {
    held: Option<(Option<NonZeroUsize>, T)>,
    uses: u32,
    is_marked: bool,
}

impl<T> Default for HostRefs<T> {
    fn default() -> Self {
        let (places, free, known, grey, found, strays) = Default::default();
        Self { places, free, known, live: 0, fresh: 0, due: FRESH_MIN, always: false, grey, found, strays }
    }
}

impl<T: Trace> HostRefs<T> {
    /// The handle of a value: never zero. `identity` is the same for values that are the same reference.
    pub fn handle(&mut self, identity: NonZeroUsize, value: impl FnOnce() -> T) -> Result<u64, Full> {
        let index = match self.known.get(&identity) {
            Some(index) => *index,
            None => {
                let index = self.add(Some(identity), value())?;
                self.known.insert(identity, index);
                index
            }
        };
        Ok(self.places[index as usize].handle(index))
    }

    /// The handle of a value that is no other's reference.
    pub fn fresh_handle(&mut self, value: T) -> Result<u64, Full> {
        let index = self.add(None, value)?;
        Ok(self.places[index as usize].handle(index))
    }

    fn add(&mut self, identity: Option<NonZeroUsize>, value: T) -> Result<u32, Full> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index =
                    u32::try_from(self.places.len()).ok().filter(|index| *index < 1 << PLACE_BITS).ok_or(Full)?;
                self.places.push(Place { held: None, uses: 0, is_marked: false });
                index
            }
        };
        self.live += value.weight();
        self.fresh += value.weight();
        self.places[index as usize].held = Some((identity, value));
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

    /// Whether a collection is due always.
    pub fn is_always_due(&self) -> bool {
        self.always
    }

    /// Keeps the value that a word is the handle of, if it is one, and what that value holds: other words of it are [`HostRefs::take_strays`].
    #[inline]
    pub fn mark(&mut self, word: u64) {
        if let Some(position) = self.position(word) {
            self.mark_place(position);
            while let Some(position) = self.grey.pop() {
                self.mark_held(position);
            }
        }
    }

    fn mark_place(&mut self, position: usize) {
        if !std::mem::replace(&mut self.places[position].is_marked, true) {
            self.grey.push(position);
        }
    }

    /// Marks what a value holds.
    fn mark_held(&mut self, position: usize) {
        let mut found = std::mem::take(&mut self.found);
        if let Some((_, value)) = &self.places[position].held {
            value.trace(&mut |word| found.push(word));
        }
        for word in found.drain(..) {
            match self.position(word) {
                Some(position) => self.mark_place(position),
                None => self.strays.push(word),
            }
        }
        self.found = found;
    }

    /// What the values that were marked since hold besides handles.
    pub fn take_strays(&mut self) -> impl Iterator<Item = u64> + use<'_, T> {
        self.strays.drain(..)
    }

    /// Ends a collection that was left: forgets nothing.
    pub fn keep(&mut self) -> Vec<T> {
        self.places.iter_mut().for_each(|place| place.is_marked = false);
        self.strays.clear();
        Vec::new()
    }

    /// Forgets what is not marked and gives it away, to be dropped when nobody looks at anything any more. `words` were looked at; the next collection
    /// is due when there are so many new references that this was cheap for each.
    #[must_use]
    pub fn sweep(&mut self, words: usize) -> Vec<T> {
        let mut dead = Vec::new();
        self.strays.clear();
        for (index, place) in self.places.iter_mut().enumerate() {
            let is_marked = std::mem::take(&mut place.is_marked);
            if let Some((identity, value)) = place.held.take_if(|_| !is_marked) {
                place.uses += 1;
                if let Some(identity) = identity {
                    self.known.remove(&identity);
                }
                self.live -= value.weight();
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
            self.due = FRESH_MIN.max(self.live).max(looks / LOOKS_PER_FRESH);
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

    /// A number, and handles that it holds.
    #[derive(Debug, PartialEq)]
    struct Value(usize, Vec<u64>);

    impl Trace for Value {
        fn trace(&self, word: &mut impl FnMut(u64)) {
            self.1.iter().for_each(|handle| word(*handle));
        }

        fn weight(&self) -> usize {
            1
        }
    }

    impl HostRefs<Value> {
        fn number(&mut self, number: usize) -> u64 {
            self.handle(NonZeroUsize::new(number).unwrap(), || Value(number, Vec::new())).unwrap()
        }

        fn value(&self, handle: u64) -> Option<usize> {
            self.get(handle).map(|value| value.0)
        }

        fn dead(&mut self, words: usize) -> Vec<usize> {
            self.sweep(words).into_iter().map(|value| value.0).collect()
        }
    }

    #[test]
    fn what_a_kept_value_holds_is_kept() {
        let mut refs = HostRefs::default();
        let outer = refs.number(1);
        let inner = refs.fresh_handle(Value(2, vec![outer, 7])).unwrap();
        // Each holds the one before; the first holds the last.
        let chain = (3..10_000).fold(inner, |last, number| refs.fresh_handle(Value(number, vec![last, 0])).unwrap());
        let lost = refs.fresh_handle(Value(10_000, vec![chain])).unwrap();
        refs.mark(chain);
        assert_eq!((refs.dead(0), refs.value(outer), refs.value(chain)), (vec![10_000], Some(1), Some(9_999)));
        assert_eq!((refs.value(lost), refs.dead(0).len(), refs.live), (None, 9_999, 0));
        // A reference that nothing else is equal to.
        let [one, other] = [1, 1].map(|number| refs.fresh_handle(Value(number, Vec::new())).unwrap());
        assert_ne!(one, other);
    }

    #[test]
    fn what_is_not_marked_goes_and_its_handle_means_nothing_more() {
        let mut refs = HostRefs::default();
        let [one, two] = [1, 2].map(|number| refs.number(number));
        assert_eq!((refs.number(1), refs.value(two)), (one, Some(2)));
        refs.mark(two);
        for word in [0, 1, u64::MAX, one & 0xfff_ffff, one ^ 1 << PLACE_BITS, one ^ 1 << 63, one ^ 1 << 20] {
            refs.mark(word);
            assert_eq!(refs.get(word), None, "{word:#x}");
        }
        assert_eq!((refs.dead(0), refs.get(one), refs.value(two)), (vec![1], None, Some(2)));
        let three = refs.number(3);
        assert_eq!((three as u32 & 0xfff_ffff, refs.get(one), refs.value(three)), (0, None, Some(3)));
        assert_ne!(three, one);
    }

    #[test]
    fn no_handle_is_made_twice() {
        let mut refs = HostRefs::default();
        let first = refs.number(1);
        refs.places[0].uses = (1 << USES_BITS) - 1;
        let last = refs.number(1);
        assert_eq!((first >> 52, last >> 52, refs.get(first)), (TAG, TAG, None));
        assert_eq!(refs.dead(0), [1]);
        // The place is not used again: its next handle would be one that there was.
        let next = refs.number(2);
        assert_eq!((next & 0xfff_ffff, refs.get(first), refs.get(last), refs.value(next)), (1, None, None, Some(2)));
    }

    #[test]
    fn collections_are_rare_when_much_lives_or_much_is_looked_at() {
        let mut refs = HostRefs::default();
        let handles: Vec<u64> = (1..1000).map(|number| refs.number(number)).collect();
        assert!(refs.is_due());
        handles.iter().for_each(|handle| refs.mark(*handle));
        assert!(refs.dead(0).is_empty() && !refs.is_due());
        (1000..2000).for_each(|number| _ = refs.number(number));
        assert!(refs.is_due());
        assert_eq!(refs.sweep((1 << 20) - refs.places.len()).len(), 1999);
        (1..1 << 17).for_each(|number| _ = refs.number(number));
        assert!(!refs.is_due());
        refs.number(usize::MAX);
        assert!(refs.is_due());
    }
}
