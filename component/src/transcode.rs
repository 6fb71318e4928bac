//! Copying strings between two guests whose encodings differ: what fused adapters call.
//!
//! Each function works on the bytes of source and destination alone; what it is given was checked to be inside the two memories. Source and destination
//! do not overlap.

use wasmer_component_translate::info::Transcode;

use crate::error::AbiTrap;
use crate::strings::{UTF16_TAG, units_of};

type Result<T> = std::result::Result<T, AbiTrap>;

/// What an adapter asks for, in units of the two encodings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) op: Transcode,
    pub(crate) from: u32,
    pub(crate) from_len: u32,
    pub(crate) to: u32,
    /// Only where the operation says how much room there is.
    pub(crate) to_len: u32,
    /// Units that an earlier attempt wrote; or, where the destination may be too small, whether it is the last attempt.
    pub(crate) last: u32,
}

impl Request {
    /// How many bytes of the source are read.
    pub(crate) fn source_bytes(&self) -> u64 {
        u64::from(self.from_len) * if self.reads_utf16() { 2 } else { 1 }
    }

    fn reads_utf16(&self) -> bool {
        use Transcode::*;
        match self.op {
            CopyUtf16 | Utf16ToCompactProbablyUtf16 | Utf16ToCompactUtf16 | Utf16ToLatin1 | Utf16ToUtf8 => true,
            CopyUtf8 | CopyLatin1 | Latin1ToUtf16 | Latin1ToUtf8 | Utf8ToCompactUtf16 | Utf8ToLatin1 | Utf8ToUtf16 => {
                false
            }
        }
    }

    /// How many bytes of the destination may be written.
    pub(crate) fn target_bytes(&self) -> u64 {
        use Transcode::*;
        let (units, width) = match self.op {
            CopyUtf8 | CopyLatin1 | Utf8ToLatin1 | Utf16ToLatin1 => (self.from_len, 1),
            CopyUtf16 | Latin1ToUtf16 | Utf8ToUtf16 | Utf16ToCompactProbablyUtf16 => (self.from_len, 2),
            Latin1ToUtf8 | Utf16ToUtf8 => (self.to_len, 1),
            Utf8ToCompactUtf16 | Utf16ToCompactUtf16 => (self.to_len, 2),
        };
        u64::from(units) * width
    }
}

/// Does it. What the adapter gets: nothing, how much was written, or how much was read and written.
pub(crate) fn transcode(request: &Request, from: &[u8], to: &mut [u8]) -> Result<[u32; 2]> {
    use Transcode::*;
    match request.op {
        CopyUtf8 => copy_utf8(from, to).map(|()| [0; 2]),
        CopyUtf16 => copy_utf16(from, to).map(|()| [0; 2]),
        CopyLatin1 => {
            to.copy_from_slice(from);
            Ok([0; 2])
        }
        Latin1ToUtf16 => {
            write_units(from.iter().map(|byte| u16::from(*byte)), to);
            Ok([0; 2])
        }
        Latin1ToUtf8 => {
            let done = fill_utf8(from.iter().map(|byte| Ok(char::from(*byte))), |_| 1, to)?;
            finished(request, done)
        }
        Utf16ToUtf8 => {
            let done = fill_utf8(decode(from), char::len_utf16, to)?;
            finished(request, done)
        }
        Utf8ToUtf16 => Ok([write_units(std::str::from_utf8(from)?.encode_utf16(), to), 0]),
        Utf16ToCompactProbablyUtf16 => utf16_to_compact(from, to).map(|len| [len, 0]),
        Utf8ToLatin1 => utf8_to_latin1(from, to),
        Utf16ToLatin1 => utf16_to_latin1(from, to),
        Utf8ToCompactUtf16 => {
            let written = inflate(to, request.last)?;
            let rest = std::str::from_utf8(from)?.encode_utf16();
            Ok([written + write_units(rest, &mut to[written as usize * 2..]), 0])
        }
        Utf16ToCompactUtf16 => {
            let written = inflate(to, request.last)?;
            check_utf16(from)?;
            Ok([written + write_units(units_of(from), &mut to[written as usize * 2..]), 0])
        }
    }
}

fn copy_utf8(from: &[u8], to: &mut [u8]) -> Result<()> {
    std::str::from_utf8(from)?;
    to.copy_from_slice(from);
    Ok(())
}

fn copy_utf16(from: &[u8], to: &mut [u8]) -> Result<()> {
    check_utf16(from)?;
    to.copy_from_slice(from);
    Ok(())
}

/// The characters of a string in UTF-16.
fn decode(bytes: &[u8]) -> impl Iterator<Item = Result<char>> {
    char::decode_utf16(units_of(bytes)).map(|char| char.map_err(|_| AbiTrap::Utf16))
}

fn check_utf16(bytes: &[u8]) -> Result<()> {
    decode(bytes).try_for_each(|char| char.map(drop))
}

/// Writes as many units as there are and as there is room for.
fn write_units(units: impl Iterator<Item = u16>, to: &mut [u8]) -> u32 {
    let mut written = 0;
    for (place, unit) in to.chunks_exact_mut(2).zip(units) {
        place.copy_from_slice(&unit.to_le_bytes());
        written += 1;
    }
    written
}

/// Writes characters as long as there is room: units read, bytes written.
fn fill_utf8(
    chars: impl Iterator<Item = Result<char>>,
    units: impl Fn(char) -> usize,
    to: &mut [u8],
) -> Result<[u32; 2]> {
    let (mut read, mut written) = (0, 0);
    for char in chars {
        let char = char?;
        let Some(place) = to.get_mut(written..written + char.len_utf8()) else { break };
        char.encode_utf8(place);
        written += char.len_utf8();
        read += units(char);
    }
    Ok([read as u32, written as u32])
}

/// The second attempt has room for everything.
fn finished(request: &Request, done: [u32; 2]) -> Result<[u32; 2]> {
    let is_last = request.last == 0;
    if is_last && done[0] != request.from_len { Err(AbiTrap::StringTooLong) } else { Ok(done) }
}

fn utf16_to_compact(from: &[u8], to: &mut [u8]) -> Result<u32> {
    check_utf16(from)?;
    let len = (from.len() / 2) as u32;
    if units_of(from).all(|unit| unit <= 0xff) {
        for (place, unit) in to.iter_mut().zip(units_of(from)) {
            *place = unit as u8;
        }
        return Ok(len);
    }
    to.copy_from_slice(from);
    Ok(len | UTF16_TAG)
}

fn utf8_to_latin1(from: &[u8], to: &mut [u8]) -> Result<[u32; 2]> {
    let string = std::str::from_utf8(from)?;
    let (mut read, mut written) = (0, 0);
    for (char, place) in string.chars().zip(to) {
        let Ok(byte) = u8::try_from(char) else { break };
        *place = byte;
        read += char.len_utf8() as u32;
        written += 1;
    }
    Ok([read, written])
}

fn utf16_to_latin1(from: &[u8], to: &mut [u8]) -> Result<[u32; 2]> {
    // What follows must be right as well: the adapter does not look at it if everything fits.
    check_utf16(from)?;
    let mut written = 0;
    for (unit, place) in units_of(from).zip(to) {
        let Ok(byte) = u8::try_from(unit) else { break };
        *place = byte;
        written += 1;
    }
    Ok([written, written])
}

/// Makes units of the bytes that an earlier attempt wrote, from the last on, for they take twice the room.
fn inflate(to: &mut [u8], bytes: u32) -> Result<u32> {
    if to.len() / 2 < bytes as usize {
        return Err(AbiTrap::StringTooLong);
    }
    for position in (0..bytes as usize).rev() {
        let byte = to[position];
        to[2 * position..2 * position + 2].copy_from_slice(&u16::from(byte).to_le_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRINGS: [&str; 7] = ["", "a", "abc", "äöü", "a\u{ff}\u{100}b", "☃☺️öツ", "x\u{10ffff}y\u{1f600}"];

    fn utf16(string: &str) -> Vec<u8> {
        string.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn request(op: Transcode, from: &[u8], to_len: u32, last: u32) -> Request {
        let mut request = Request { op, from: 0, from_len: from.len() as u32, to: 0, to_len, last };
        if request.reads_utf16() {
            request.from_len /= 2;
        }
        request
    }

    fn run(op: Transcode, from: &[u8], to_len: u32, last: u32) -> Result<([u32; 2], Vec<u8>)> {
        let request = request(op, from, to_len, last);
        assert_eq!(request.source_bytes(), from.len() as u64);
        let mut to = vec![0; request.target_bytes() as usize];
        transcode(&request, from, &mut to).map(|done| (done, to))
    }

    #[test]
    fn strings_are_the_same_on_both_sides() {
        for string in STRINGS {
            let (utf8, wide) = (string.as_bytes(), utf16(string));
            assert_eq!(run(Transcode::CopyUtf8, utf8, 0, 0).unwrap().1, utf8);
            assert_eq!(run(Transcode::CopyUtf16, &wide, 0, 0).unwrap().1, wide);
            let ([units, _], to) = run(Transcode::Utf8ToUtf16, utf8, 0, 0).unwrap();
            assert_eq!(to[..units as usize * 2], wide);
            let ([read, written], to) = run(Transcode::Utf16ToUtf8, &wide, utf8.len() as u32, 0).unwrap();
            assert_eq!((read as usize * 2, written as usize, &*to), (wide.len(), utf8.len(), utf8));
        }
    }

    /// What adapters do: as far as it is Latin-1, then the rest.
    #[test]
    fn compact_strings_are_made_in_two_steps() {
        for string in STRINGS {
            let (utf8, wide) = (string.as_bytes(), utf16(string));
            for (first, second, from, width) in [
                (Transcode::Utf8ToLatin1, Transcode::Utf8ToCompactUtf16, utf8, 1),
                (Transcode::Utf16ToLatin1, Transcode::Utf16ToCompactUtf16, &*wide, 2),
            ] {
                let ([read, written], mut to) = run(first, from, 0, 0).unwrap();
                let fits = string.chars().all(|char| char <= '\u{ff}');
                assert_eq!(read as usize * width == from.len(), fits, "{string}");
                if fits {
                    assert!(to[..written as usize].iter().map(|byte| char::from(*byte)).eq(string.chars()));
                    continue;
                }
                let rest = &from[read as usize * width..];
                let request = request(second, rest, (from.len() / width) as u32, written);
                to.resize(request.target_bytes() as usize, 0);
                let [units, _] = transcode(&request, rest, &mut to).unwrap();
                assert_eq!(to[..units as usize * 2], wide, "{string}");
            }
            let ([len, _], to) = run(Transcode::Utf16ToCompactProbablyUtf16, &wide, 0, 0).unwrap();
            if len & UTF16_TAG == 0 {
                assert!(to[..len as usize].iter().map(|byte| char::from(*byte)).eq(string.chars()));
            } else {
                assert_eq!(to, wide);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_left_for_the_second_attempt() {
        let wide = utf16("aä\u{1f600}b");
        for room in 0..8 {
            let ([read, written], to) = run(Transcode::Utf16ToUtf8, &wide, room, 1).unwrap();
            let rest = run(Transcode::Utf16ToUtf8, &wide[read as usize * 2..], 8, 0).unwrap();
            let both = [&to[..written as usize], &rest.1[..rest.0[1] as usize]].concat();
            assert_eq!(both, "aä\u{1f600}b".as_bytes());
            assert_eq!(run(Transcode::Utf16ToUtf8, &wide, room, 0), Err(AbiTrap::StringTooLong));
        }
        let ([read, written], _) = run(Transcode::Latin1ToUtf8, b"a\xe4b", 2, 1).unwrap();
        assert_eq!([read, written], [1, 1]);
    }

    #[test]
    fn broken_strings_trap() {
        for op in [Transcode::CopyUtf8, Transcode::Utf8ToUtf16, Transcode::Utf8ToLatin1] {
            for bytes in [&b"\xff"[..], b"a\xc3", b"\xed\xa0\x80"] {
                assert!(matches!(run(op, bytes, 0, 0), Err(AbiTrap::Utf8(_))), "{op}");
            }
        }
        let surrogate = [0x61, 0, 0, 0xd8, 0x62, 0];
        for op in [Transcode::CopyUtf16, Transcode::Utf16ToLatin1, Transcode::Utf16ToCompactProbablyUtf16] {
            assert_eq!(run(op, &surrogate, 0, 0), Err(AbiTrap::Utf16), "{op}");
        }
        assert_eq!(run(Transcode::Utf16ToUtf8, &surrogate, 9, 0), Err(AbiTrap::Utf16));
        assert_eq!(run(Transcode::Utf16ToCompactUtf16, &surrogate, 3, 0), Err(AbiTrap::Utf16));
        assert_eq!(run(Transcode::Utf8ToCompactUtf16, b"", 3, 4), Err(AbiTrap::StringTooLong));
    }
}
