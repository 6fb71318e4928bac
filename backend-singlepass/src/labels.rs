//! Labels and the places that refer to them, without a heap allocation or a hash per label.

/// A position in the text that may not be known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(u32);

const UNKNOWN: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Entry {
    /// Where the label is, or [`UNKNOWN`].
    position: u32,
    /// The last place that waits for it, or [`UNKNOWN`].
    fixups: u32,
}

/// A place in the text that depends on where a label is, and what to do there: a property of the machine.
pub(crate) trait Patch: Copy {
    /// Makes the place refer to this position in the text.
    fn apply(self, text: &mut [u8], target: usize);
}

#[derive(Clone, Copy)]
struct Fixup<P> {
    patch: P,
    next: u32,
}

/// The labels of a function. Vectors are kept from function to function.
pub(crate) struct Labels<P> {
    entries: Vec<Entry>,
    fixups: Vec<Fixup<P>>,
}

impl<P> Default for Labels<P> {
    fn default() -> Self {
        Self { entries: Vec::new(), fixups: Vec::new() }
    }
}

impl<P: Patch> Labels<P> {
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.fixups.clear();
    }

    pub(crate) fn create(&mut self) -> Label {
        self.entries.push(Entry { position: UNKNOWN, fixups: UNKNOWN });
        Label(self.entries.len() as u32 - 1)
    }

    /// The position, if it is known.
    pub(crate) fn position(&self, label: Label) -> Option<u32> {
        Some(self.entries[label.0 as usize].position).filter(|position| *position != UNKNOWN)
    }

    /// Applies the patch now, or when the label is bound.
    pub(crate) fn refer(&mut self, text: &mut [u8], label: Label, patch: P) {
        let entry = &mut self.entries[label.0 as usize];
        if entry.position != UNKNOWN {
            patch.apply(text, entry.position as usize);
        } else {
            self.fixups.push(Fixup { patch, next: entry.fixups });
            entry.fixups = self.fixups.len() as u32 - 1;
        }
    }

    /// The label is here, at the end of the text. If it was elsewhere before, all that refers to it is patched again.
    pub(crate) fn bind(&mut self, text: &mut [u8], label: Label) {
        let entry = &mut self.entries[label.0 as usize];
        entry.position = text.len() as u32;
        let mut next = entry.fixups;
        while next != UNKNOWN {
            let fixup = self.fixups[next as usize];
            fixup.patch.apply(text, text.len());
            next = fixup.next;
        }
    }

    /// Forgets the last reference to an unbound label, and returns it.
    pub(crate) fn forget_last(&mut self, label: Label) -> P {
        let entry = &mut self.entries[label.0 as usize];
        let fixup = self.fixups[entry.fixups as usize];
        entry.fixups = fixup.next;
        fixup.patch
    }

    /// Whether anything refers to an unbound label.
    #[cfg(debug_assertions)]
    pub(crate) fn all_resolved(&self) -> bool {
        self.entries.iter().all(|entry| entry.fixups == UNKNOWN || entry.position != UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The byte at a place becomes the distance from it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Distance(usize);

    impl Patch for Distance {
        fn apply(self, text: &mut [u8], target: usize) {
            *text.get_mut(self.0).expect("within the text") = target.wrapping_sub(self.0) as u8;
        }
    }

    #[test]
    fn references_before_and_after_are_patched() {
        let mut labels = Labels::default();
        let mut text = [0; 4];
        let label = labels.create();
        labels.refer(&mut text, label, Distance(0));
        labels.refer(&mut text, label, Distance(1));
        labels.bind(text.split_at_mut(3).0, label);
        assert_eq!(labels.position(label), Some(3));
        labels.refer(&mut text, label, Distance(3));
        assert_eq!(text, [3, 2, 0, 0]);
    }

    #[test]
    fn what_is_forgotten_is_not_patched() {
        let mut labels = Labels::default();
        let mut text = [0; 3];
        let label = labels.create();
        labels.refer(&mut text, label, Distance(0));
        labels.refer(&mut text, label, Distance(1));
        assert_eq!(labels.forget_last(label), Distance(1));
        labels.bind(&mut text, label);
        assert_eq!(text, [3, 0, 0]);
    }
}
