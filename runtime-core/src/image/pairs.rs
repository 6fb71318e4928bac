//! Compact sorted tables from code offsets to numbers: traps and locations.
//!
//! About two bytes an entry, read in place without allocating, so that the signal handler can use them. Entries come in blocks of
//! [`BLOCK_ENTRIES`]; an index of fixed-size block heads is searched by bisection, then one block is decoded.
//!
//! Layout, all numbers little-endian: number of blocks (u32); per block the first key (u32) and the offset of its bytes behind the
//! index (u32); then the blocks. An entry of a block is the distance to the key before it, doubled, plus one if its value differs from the value before
//! it (LEB128), then in that case the signed difference of the values (zigzag LEB128). In each block the key starts at its first key and
//! the value at zero.

/// Entries of a block.
const BLOCK_ENTRIES: usize = 64;
const HEAD_BYTES: usize = 8;

/// Encodes entries as they come, with ascending keys.
#[derive(Default)]
pub(super) struct Encoder {
    heads: Vec<u8>,
    body: Vec<u8>,
    /// Entries in the last block.
    filled: usize,
    /// The last entry.
    key: u32,
    value: u32,
}

impl Encoder {
    pub(super) fn push(&mut self, key: u32, value: u32) {
        if self.filled.is_multiple_of(BLOCK_ENTRIES) {
            self.heads.extend_from_slice(&key.to_le_bytes());
            self.heads.extend_from_slice(&(self.body.len() as u32).to_le_bytes());
            (self.filled, self.key, self.value) = (0, key, 0);
        }
        let changed = value != self.value;
        write_varint(&mut self.body, u64::from(key.wrapping_sub(self.key)) << 1 | u64::from(changed));
        if changed {
            let difference = i64::from(value) - i64::from(self.value);
            write_varint(&mut self.body, (difference << 1 ^ difference >> 63) as u64);
        }
        (self.filled, self.key, self.value) = (self.filled + 1, key, value);
    }

    /// The table.
    pub(super) fn finish(self) -> Vec<u8> {
        let blocks = (self.heads.len() / HEAD_BYTES) as u32;
        [&blocks.to_le_bytes(), &self.heads[..], &self.body].concat()
    }
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// An encoded table. Bytes that no encoder made give wrong answers, nothing worse.
#[derive(Clone, Copy)]
pub struct Pairs<'a> {
    heads: &'a [u8],
    body: &'a [u8],
}

impl<'a> Pairs<'a> {
    /// The table in these bytes; an empty one if they are too short to be one.
    pub fn new(bytes: &'a [u8]) -> Self {
        let parts = bytes.split_first_chunk().and_then(|(blocks, rest)| {
            let heads = (u32::from_le_bytes(*blocks) as usize).checked_mul(HEAD_BYTES)?;
            rest.split_at_checked(heads)
        });
        let (heads, body) = parts.unwrap_or_default();
        Self { heads, body }
    }

    /// The value of exactly this key.
    pub fn get(self, key: u32) -> Option<u32> {
        self.floor(key).filter(|(found, _)| *found == key).map(|(_, value)| value)
    }

    /// The last entry whose key is at most `key`.
    pub fn floor(self, key: u32) -> Option<(u32, u32)> {
        self.block(self.block_of(key)?)?.take_while(|(found, _)| *found <= key).last()
    }

    /// All entries, in their order.
    pub fn iter(self) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        (0..self.heads.len() / HEAD_BYTES).filter_map(move |block| self.block(block)).flatten()
    }

    fn block(self, block: usize) -> Option<Block<'a>> {
        let (key, start) = self.head(block)?;
        let end = self.head(block + 1).map_or(self.body.len(), |(_, start)| start as usize);
        Some(Block { bytes: self.body.get(start as usize..end)?, key, value: 0 })
    }

    /// The last block whose first key is at most `key`.
    fn block_of(self, key: u32) -> Option<usize> {
        let (mut low, mut high) = (0, self.heads.len() / HEAD_BYTES);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.head(middle)?.0 <= key { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }

    fn head(self, block: usize) -> Option<(u32, u32)> {
        let bytes: &[u8; HEAD_BYTES] = self.heads.get(block * HEAD_BYTES..)?.first_chunk()?;
        let word = u64::from_le_bytes(*bytes);
        Some((word as u32, (word >> 32) as u32))
    }
}

/// What is left of a block's entries, and the last one.
struct Block<'a> {
    bytes: &'a [u8],
    key: u32,
    value: u32,
}

impl Iterator for Block<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let word = read_varint(&mut self.bytes)?;
        self.key = self.key.wrapping_add((word >> 1) as u32);
        if word & 1 != 0 {
            let difference = read_varint(&mut self.bytes)?;
            let difference = (difference >> 1) as i64 ^ -((difference & 1) as i64);
            self.value = self.value.wrapping_add(difference as u32);
        }
        Some((self.key, self.value))
    }
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(entries: impl Iterator<Item = (u32, u32)>) -> Vec<u8> {
        let mut encoder = Encoder::default();
        entries.for_each(|(key, value)| encoder.push(key, value));
        encoder.finish()
    }

    fn entries() -> Vec<(u32, u32)> {
        (0..1000u32).map(|i| (i * i + 5, if i % 3 == 0 { u32::MAX - i } else { i / 7 })).collect()
    }

    #[test]
    fn every_entry_is_found() {
        let entries = entries();
        let bytes = encode(entries.iter().copied());
        let table = Pairs::new(&bytes);
        for window in entries.windows(2) {
            let [(key, value), (next, _)] = window else { unreachable!() };
            assert_eq!(table.get(*key), Some(*value));
            assert_eq!(table.floor(next - 1), Some((*key, *value)));
            assert_eq!(table.get(next - 1).is_some(), next - 1 == *key);
        }
        assert_eq!(table.floor(4), None);
        assert_eq!(table.floor(u32::MAX), entries.last().copied());
        assert_eq!(table.iter().collect::<Vec<_>>(), entries);
    }

    #[test]
    fn an_empty_table_has_no_entries() {
        assert_eq!(Pairs::new(&encode(std::iter::empty())).floor(7), None);
        assert_eq!(Pairs::new(&[]).floor(7), None);
        assert_eq!(Pairs::new(&[]).iter().next(), None);
    }

    #[test]
    fn damage_does_no_harm() {
        let bytes = encode(entries().into_iter());
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0xff;
            let table = Pairs::new(&damaged);
            let _ = (table.get(1000), table.floor(u32::MAX), table.floor(0), table.iter().count());
            let _ = Pairs::new(&bytes[..position]).floor(500_000);
        }
    }

    #[test]
    fn a_typical_trap_table_is_small() {
        let bytes = encode((0..10_000).map(|i| (i * 23, 2)));
        assert!(bytes.len() < 12_000, "{} bytes", bytes.len());
    }
}
