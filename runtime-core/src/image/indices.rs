//! Arrays of 32-bit numbers in an image: too many to be checked when it is mapped, so each is checked when it is read.

use rkyv::{Archive, Serialize};

/// Stands for no function or no offset.
pub const NONE: u32 = u32::MAX;

/// A part of the section of indices.
#[derive(Clone, Copy, Debug, Default, Archive, Serialize)]
pub struct List {
    /// Position of the first number in the section.
    pub start: u32,
    /// How many there are.
    pub len: u32,
}

/// Collects lists.
#[derive(Debug, Default)]
pub(super) struct IndicesBuilder(Vec<u8>);

impl IndicesBuilder {
    pub(super) fn list(&mut self, numbers: impl IntoIterator<Item = u32>) -> List {
        let start = (self.0.len() / 4) as u32;
        for number in numbers {
            self.0.extend_from_slice(&number.to_le_bytes());
        }
        List { start, len: (self.0.len() / 4) as u32 - start }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// A list in a mapped image.
#[derive(Clone, Copy)]
pub struct Numbers<'a>(&'a [[u8; 4]]);

impl<'a> Numbers<'a> {
    /// A list of the section; empty if it leaves the section.
    pub fn new(section: &'a [u8], list: &ArchivedList) -> Self {
        let (words, _) = section.as_chunks::<4>();
        let (start, len) = (list.start.to_native() as usize, list.len.to_native() as usize);
        Self(start.checked_add(len).and_then(|end| words.get(start..end)).unwrap_or_default())
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers there are.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// A number; none where there is no such position, or [`NONE`] is there.
    pub fn get(self, position: usize) -> Option<u32> {
        self.0.get(position).map(|word| u32::from_le_bytes(*word)).filter(|number| *number != NONE)
    }

    /// The position of a number in an ascending list.
    pub fn position(self, number: u32) -> Option<usize> {
        self.0.binary_search_by_key(&number, |word| u32::from_le_bytes(*word)).ok()
    }
}
