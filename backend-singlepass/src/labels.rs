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

/// 32 bits at `place` that get the label's position minus `base`.
#[derive(Clone, Copy)]
struct Fixup {
    place: u32,
    base: u32,
    next: u32,
}

/// The labels of a function. Vectors are kept from function to function.
#[derive(Default)]
pub(crate) struct Labels {
    entries: Vec<Entry>,
    fixups: Vec<Fixup>,
}

impl Labels {
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

    /// Makes the 32 bits at `place` the distance of the label from `base`, now or when the label is bound.
    pub(crate) fn refer(&mut self, text: &mut [u8], label: Label, place: usize, base: usize) {
        let entry = &mut self.entries[label.0 as usize];
        if entry.position != UNKNOWN {
            patch(text, place, entry.position.wrapping_sub(base as u32));
        } else {
            self.fixups.push(Fixup { place: place as u32, base: base as u32, next: entry.fixups });
            entry.fixups = self.fixups.len() as u32 - 1;
        }
    }

    /// The label is here. If it was elsewhere before, all that refers to it is patched again.
    pub(crate) fn bind(&mut self, text: &mut [u8], label: Label) {
        let entry = &mut self.entries[label.0 as usize];
        entry.position = text.len() as u32;
        let mut next = entry.fixups;
        while next != UNKNOWN {
            let fixup = self.fixups[next as usize];
            patch(text, fixup.place as usize, (text.len() as u32).wrapping_sub(fixup.base));
            next = fixup.next;
        }
    }

    /// Forgets the reference at `place`, which must be the label's last.
    pub(crate) fn forget_last(&mut self, label: Label, place: usize) {
        let entry = &mut self.entries[label.0 as usize];
        let fixup = self.fixups[entry.fixups as usize];
        debug_assert_eq!(fixup.place as usize, place);
        entry.fixups = fixup.next;
    }

    /// Whether anything refers to an unbound label.
    #[cfg(debug_assertions)]
    pub(crate) fn all_resolved(&self) -> bool {
        self.entries.iter().all(|entry| entry.fixups == UNKNOWN || entry.position != UNKNOWN)
    }
}

/// Writes 32 bits.
pub(crate) fn patch(text: &mut [u8], place: usize, value: u32) {
    text[place..place + 4].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_before_and_after_are_patched() {
        let mut labels = Labels::default();
        let mut text = vec![0; 12];
        let label = labels.create();
        labels.refer(&mut text, label, 0, 4);
        labels.refer(&mut text, label, 4, 0);
        labels.bind(&mut text, label);
        text.extend([0; 4]);
        labels.refer(&mut text, label, 12, 16);
        let words: Vec<_> = text.chunks(4).map(|word| i32::from_le_bytes(word.try_into().expect("4 bytes"))).collect();
        assert_eq!(words, [8, 12, 0, -4]);
    }
}
