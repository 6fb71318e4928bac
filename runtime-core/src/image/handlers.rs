//! The table of calls that go on elsewhere when they throw: read in place, while an exception looks for its handler.
//!
//! Entries of three 32-bit little-endian numbers, by ascending return address: return address, landing, frame bytes, as in
//! [`Handler`], with offsets in the code.

use crate::compiler::Handler;

const ENTRY_BYTES: usize = 12;

/// Appends an entry.
pub(super) fn append(bytes: &mut Vec<u8>, base: u32, handler: &Handler) {
    for number in [base + handler.return_address, base + handler.landing, handler.frame_bytes] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
}

/// The handler of the call that returns to this offset. Bytes that [`append`] did not make give wrong answers, nothing worse.
pub fn find(section: &[u8], return_address: u32) -> Option<Handler> {
    let (entries, _) = section.as_chunks::<ENTRY_BYTES>();
    let number = |entry: &[u8; ENTRY_BYTES], position: usize| {
        let (words, _) = entry.as_chunks::<4>();
        u32::from_le_bytes(words[position])
    };
    let position = entries.binary_search_by_key(&return_address, |entry| number(entry, 0)).ok()?;
    let entry = &entries[position];
    Some(Handler { return_address, landing: number(entry, 1), frame_bytes: number(entry, 2) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_their_return_address_alone() {
        let handlers: Vec<_> = (0..100)
            .map(|index| Handler { return_address: index * index + 5, landing: index, frame_bytes: index * 16 })
            .collect();
        let mut bytes = Vec::new();
        handlers.iter().for_each(|handler| append(&mut bytes, 1000, handler));
        for handler in &handlers {
            let return_address = handler.return_address + 1000;
            let expected = Handler { return_address, landing: handler.landing + 1000, ..*handler };
            assert_eq!(find(&bytes, return_address), Some(expected));
        }
        for absent in [0, 1004, 1007, u32::MAX] {
            assert_eq!(find(&bytes, absent), None);
        }
        for len in 0..bytes.len() {
            let _ = find(&bytes[..len], 1005);
        }
    }
}
