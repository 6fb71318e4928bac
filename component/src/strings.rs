//! Strings in the three encodings of the canonical ABI.

use wasmer_api::Result;
use wasmer_component_translate::info::Encoding;

use crate::cx::Cx;
use crate::error::AbiTrap;

/// The bit of a length that says that the string is in UTF-16.
pub(crate) const UTF16_TAG: u32 = 1 << 31;

impl Cx<'_> {
    /// A string of the guest.
    pub(crate) fn lift_string(&mut self, at: u32, len: u32) -> Result<String> {
        let (is_utf16, units) = match self.options().encoding {
            Encoding::Utf8 => return self.lift_utf8(at, len),
            Encoding::Utf16 => (true, len),
            Encoding::CompactUtf16 => (len & UTF16_TAG != 0, len & !UTF16_TAG),
        };
        if !at.is_multiple_of(2) {
            return Err(AbiTrap::Unaligned.into());
        }
        let bytes = units as usize * if is_utf16 { 2 } else { 1 };
        // In UTF-8, a unit of UTF-16 is at most three bytes, a byte of Latin-1 two.
        self.string_bytes(at, bytes)?;
        self.lifting(units as usize, 3)?;
        let bytes = self.string_bytes(at, bytes)?;
        if !is_utf16 {
            return Ok(bytes.iter().map(|byte| char::from(*byte)).collect());
        }
        let units = units_of(bytes);
        char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| AbiTrap::Utf16.into())
    }

    fn lift_utf8(&mut self, at: u32, len: u32) -> Result<String> {
        self.string_bytes(at, len as usize)?;
        self.lifting(len as usize, 1)?;
        let bytes = self.string_bytes(at, len as usize)?;
        Ok(std::str::from_utf8(bytes).map_err(AbiTrap::from)?.to_owned())
    }

    fn string_bytes(&mut self, at: u32, len: usize) -> Result<&[u8]> {
        self.bytes(at, len).map_err(|_| AbiTrap::StringOutOfBounds.into())
    }

    /// Copies a string to the guest: its address and its length there.
    pub(crate) fn lower_string(&mut self, string: &str) -> Result<(u32, u32)> {
        match self.options().encoding {
            Encoding::Utf8 => {
                let at = self.allocate_list(string.len(), 1, 1)?;
                self.bytes_mut(at, string.len())?.copy_from_slice(string.as_bytes());
                Ok((at, string.len() as u32))
            }
            Encoding::Utf16 => self.lower_utf16(string),
            Encoding::CompactUtf16 => {
                if string.chars().any(|char| char > '\u{ff}') {
                    let (at, len) = self.lower_utf16(string)?;
                    return Ok((at, len | UTF16_TAG));
                }
                let len = string.chars().count();
                let at = self.realloc(0, 0, 2, to_length(len)?)?;
                for (place, char) in self.bytes_mut(at, len)?.iter_mut().zip(string.chars()) {
                    *place = char as u8;
                }
                Ok((at, len as u32))
            }
        }
    }

    fn lower_utf16(&mut self, string: &str) -> Result<(u32, u32)> {
        let len = string.encode_utf16().count();
        let at = self.realloc(0, 0, 2, to_length(len * 2)?)?;
        for (place, unit) in self.bytes_mut(at, len * 2)?.chunks_exact_mut(2).zip(string.encode_utf16()) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
        Ok((at, len as u32))
    }
}

/// A length that a tag can be added to.
fn to_length(bytes: usize) -> Result<u32, AbiTrap> {
    u32::try_from(bytes).ok().filter(|bytes| *bytes < UTF16_TAG).ok_or(AbiTrap::StringTooLong)
}

/// The units of a string in UTF-16.
pub(crate) fn units_of(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_room_for_a_tag() {
        assert_eq!(to_length(0x7fff_ffff), Ok(0x7fff_ffff));
        for bytes in [0x8000_0000, 0xffff_ffff, 0x1_0000_0000] {
            assert_eq!(to_length(bytes), Err(AbiTrap::StringTooLong));
        }
    }
}
