//! Copying strings between two guests whose encodings differ: what fused adapters call.
//!
//! Each function works on the bytes of source and destination alone; what it is given was checked to be inside the two memories. Source and destination
//! do not overlap. A string may be as long as a memory, so it is handled in pieces, between which an interrupt is noticed: what was written until then
//! stays, in a component that can no longer be entered.

use std::iter;

use wasmer_api::Result;
use wasmer_component_translate::info::Transcode;

use crate::error::AbiTrap;
use crate::strings::{UTF16_TAG, units_of};

/// Bytes of the source in one piece: a few milliseconds at most.
pub(crate) const PIECE_BYTES: usize = 1 << 20;

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

/// How the work is cut.
pub(crate) struct Pieces<'a> {
    /// At most so many bytes of the source at a time: even, and no fewer than a character takes.
    pub(crate) bytes: usize,
    /// Asked before each piece but the first.
    pub(crate) go_on: &'a dyn Fn() -> Result<()>,
}

impl Pieces<'_> {
    /// The source in pieces, each of which ends where `end` says at the latest.
    fn of<'s>(&self, source: &'s [u8], end: fn(&[u8], usize) -> usize) -> impl Iterator<Item = Result<&'s [u8]>> {
        let (mut rest, mut is_first) = (source, true);
        iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            if !std::mem::take(&mut is_first)
                && let Err(error) = (self.go_on)()
            {
                rest = &[];
                return Some(Err(error));
            }
            let at = if rest.len() > self.bytes { end(rest, self.bytes) } else { rest.len() };
            let piece;
            (piece, rest) = rest.split_at(at);
            Some(Ok(piece))
        })
    }

    /// Whatever the bytes are.
    pub(crate) fn bytes<'s>(&self, source: &'s [u8]) -> impl Iterator<Item = Result<&'s [u8]>> {
        self.of(source, |_, at| at)
    }

    fn latin1(&self, source: &[u8]) -> impl Iterator<Item = Result<impl Iterator<Item = u8>>> {
        self.bytes(source).map(|piece| Ok(piece?.iter().copied()))
    }

    fn utf8<'s>(&self, source: &'s [u8]) -> impl Iterator<Item = Result<&'s str>> {
        // A character is in one piece. Where none begins for so long there is none, which the piece that ends there shows.
        let end = |source: &[u8], at| (at - 3..=at).rev().find(|at| source[*at] & 0xc0 != 0x80).unwrap_or(at);
        self.of(source, end).map(|piece| Ok(std::str::from_utf8(piece?).map_err(AbiTrap::from)?))
    }

    /// In UTF-16, not looked at.
    fn wide<'s>(&self, source: &'s [u8]) -> impl Iterator<Item = Result<&'s [u8]>> {
        self.of(source, |source, at| {
            let is_first_half = source[at - 1] & 0xfc == 0xd8;
            if is_first_half { at - 2 } else { at }
        })
    }

    fn utf16<'s>(&self, source: &'s [u8]) -> impl Iterator<Item = Result<&'s [u8]>> {
        self.wide(source).map(|piece| {
            let piece = piece?;
            decode(piece).try_for_each(|char| char.map(drop))?;
            Ok(piece)
        })
    }
}

/// Does it. What the adapter gets: nothing, how much was written, or how much was read and written.
pub(crate) fn transcode(request: &Request, pieces: &Pieces<'_>, from: &[u8], to: &mut [u8]) -> Result<[u32; 2]> {
    use Transcode::*;
    match request.op {
        CopyUtf8 => copy(pieces.utf8(from).map(|piece| piece.map(str::as_bytes)), to),
        CopyUtf16 => copy(pieces.utf16(from), to),
        CopyLatin1 => copy(pieces.bytes(from), to),
        Latin1ToUtf16 => {
            write_units(pieces.latin1(from).map(|piece| Ok(piece?.map(u16::from))), to)?;
            Ok([0; 2])
        }
        Latin1ToUtf8 => {
            let chars = pieces.latin1(from).map(|piece| Ok(piece?.map(|byte| Ok(char::from(byte)))));
            finished(request, fill_utf8(chars, |_| 1, to)?)
        }
        Utf16ToUtf8 => {
            let chars = pieces.wide(from).map(|piece| piece.map(decode));
            finished(request, fill_utf8(chars, char::len_utf16, to)?)
        }
        Utf8ToUtf16 => Ok([write_units(pieces.utf8(from).map(|piece| piece.map(str::encode_utf16)), to)?, 0]),
        Utf16ToCompactProbablyUtf16 => utf16_to_compact(pieces, from, to).map(|len| [len, 0]),
        Utf8ToLatin1 => {
            let chars = pieces.utf8(from).map(|piece| Ok(piece?.chars().map(u32::from)));
            fill_latin1(chars, |char| if char < 0x80 { 1 } else { 2 }, to)
        }
        Utf16ToLatin1 => {
            let units = pieces.utf16(from).map(|piece| Ok(units_of(piece?).map(u32::from)));
            fill_latin1(units, |_| 1, to)
        }
        Utf8ToCompactUtf16 => {
            let written = inflate(pieces, to, request.last)?;
            let rest = pieces.utf8(from).map(|piece| piece.map(str::encode_utf16));
            Ok([written + write_units(rest, &mut to[written as usize * 2..])?, 0])
        }
        Utf16ToCompactUtf16 => {
            let written = inflate(pieces, to, request.last)?;
            let rest = pieces.utf16(from).map(|piece| piece.map(units_of));
            Ok([written + write_units(rest, &mut to[written as usize * 2..])?, 0])
        }
    }
}

fn copy<'s>(pieces: impl Iterator<Item = Result<&'s [u8]>>, to: &mut [u8]) -> Result<[u32; 2]> {
    let mut at = 0;
    for piece in pieces {
        let piece = piece?;
        to[at..at + piece.len()].copy_from_slice(piece);
        at += piece.len();
    }
    Ok([0; 2])
}

/// The characters of a string in UTF-16.
fn decode(bytes: &[u8]) -> impl Iterator<Item = std::result::Result<char, AbiTrap>> {
    char::decode_utf16(units_of(bytes)).map(|char| char.map_err(|_| AbiTrap::Utf16))
}

/// Writes as many units as there are and as there is room for.
fn write_units<I: Iterator<Item = u16>>(pieces: impl Iterator<Item = Result<I>>, to: &mut [u8]) -> Result<u32> {
    let mut written = 0;
    for units in pieces {
        for (place, unit) in to[written * 2..].chunks_exact_mut(2).zip(units?) {
            place.copy_from_slice(&unit.to_le_bytes());
            written += 1;
        }
    }
    Ok(written as u32)
}

/// Writes characters as long as there is room: units read, bytes written.
fn fill_utf8<I: Iterator<Item = std::result::Result<char, AbiTrap>>>(
    pieces: impl Iterator<Item = Result<I>>,
    units: impl Fn(char) -> usize,
    to: &mut [u8],
) -> Result<[u32; 2]> {
    let (mut read, mut written) = (0, 0);
    for chars in pieces {
        for char in chars? {
            let char = char?;
            let Some(place) = to.get_mut(written..written + char.len_utf8()) else {
                return Ok([read as u32, written as u32]);
            };
            char.encode_utf8(place);
            written += char.len_utf8();
            read += units(char);
        }
    }
    Ok([read as u32, written as u32])
}

/// The second attempt has room for everything.
fn finished(request: &Request, done: [u32; 2]) -> Result<[u32; 2]> {
    let is_last = request.last == 0;
    if is_last && done[0] != request.from_len { Err(AbiTrap::StringTooLong.into()) } else { Ok(done) }
}

fn utf16_to_compact(pieces: &Pieces<'_>, from: &[u8], to: &mut [u8]) -> Result<u32> {
    let mut is_latin1 = true;
    for piece in pieces.utf16(from) {
        is_latin1 &= units_of(piece?).all(|unit| unit <= 0xff);
    }
    let len = (from.len() / 2) as u32;
    if is_latin1 {
        fill_latin1(pieces.wide(from).map(|piece| Ok(units_of(piece?).map(u32::from))), |_| 1, to)?;
        return Ok(len);
    }
    copy(pieces.wide(from), to)?;
    Ok(len | UTF16_TAG)
}

/// Writes characters up to the first that is not Latin-1: units read, bytes written. What follows is looked at as well, for it must be right: the adapter
/// does not look at it if everything fits.
fn fill_latin1<I: Iterator<Item = u32>>(
    pieces: impl Iterator<Item = Result<I>>,
    units: impl Fn(u32) -> u32,
    to: &mut [u8],
) -> Result<[u32; 2]> {
    let (mut read, mut written, mut fits) = (0, 0, true);
    for chars in pieces {
        let chars = chars?;
        if !fits {
            continue;
        }
        for char in chars {
            let Ok(byte) = u8::try_from(char) else {
                fits = false;
                break;
            };
            to[written] = byte;
            read += units(char);
            written += 1;
        }
    }
    Ok([read, written as u32])
}

/// Makes units of the bytes that an earlier attempt wrote, from the last on, for they take twice the room.
fn inflate(pieces: &Pieces<'_>, to: &mut [u8], bytes: u32) -> Result<u32> {
    if to.len() / 2 < bytes as usize {
        return Err(AbiTrap::StringTooLong.into());
    }
    let mut end = bytes as usize;
    while end > 0 {
        if end < bytes as usize {
            (pieces.go_on)()?;
        }
        let start = end.saturating_sub(pieces.bytes);
        for position in (start..end).rev() {
            let byte = to[position];
            to[2 * position..2 * position + 2].copy_from_slice(&u16::from(byte).to_le_bytes());
        }
        end = start;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use wasmer_runtime_core::trap::TrapCode;

    use super::*;
    use crate::error::abi_trap;

    const STRINGS: [&str; 8] = [
        "",
        "a",
        "abc",
        "äöü",
        "a\u{ff}\u{100}b",
        "☃☺️öツ",
        "x\u{10ffff}y\u{1f600}",
        "\u{1f600}\u{10000}abcdefä\u{10ffff}☃\u{10ffff}\u{1f600}",
    ];
    const OPS: [Transcode; 12] = [
        Transcode::CopyUtf8,
        Transcode::CopyUtf16,
        Transcode::CopyLatin1,
        Transcode::Latin1ToUtf16,
        Transcode::Latin1ToUtf8,
        Transcode::Utf16ToCompactProbablyUtf16,
        Transcode::Utf16ToCompactUtf16,
        Transcode::Utf16ToLatin1,
        Transcode::Utf16ToUtf8,
        Transcode::Utf8ToCompactUtf16,
        Transcode::Utf8ToLatin1,
        Transcode::Utf8ToUtf16,
    ];

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

    fn run(op: Transcode, from: &[u8], to_len: u32, last: u32) -> std::result::Result<([u32; 2], Vec<u8>), AbiTrap> {
        let request = request(op, from, to_len, last);
        assert_eq!(request.source_bytes(), from.len() as u64);
        attempt(&request, from, &vec![0; request.target_bytes() as usize])
    }

    /// In pieces of any size the same.
    fn attempt(request: &Request, from: &[u8], to: &[u8]) -> std::result::Result<([u32; 2], Vec<u8>), AbiTrap> {
        let run = |bytes| {
            let mut to = to.to_vec();
            let done = transcode(request, &Pieces { bytes, go_on: &|| Ok(()) }, from, &mut to);
            done.map(|done| (done, to)).map_err(|error| abi_trap(&error).expect("a trap of the canonical ABI").clone())
        };
        let whole = run(PIECE_BYTES);
        for bytes in [4, 6, 8, 10] {
            match (run(bytes), &whole) {
                // Says where in the piece.
                (Err(AbiTrap::Utf8(_)), Err(AbiTrap::Utf8(_))) => {}
                (other, whole) => assert_eq!(other, *whole, "{} in pieces of {bytes}", request.op),
            }
        }
        whole
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
                let ([units, _], to) = attempt(&request, rest, &to).unwrap();
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

    /// Whoever has a string of gigabytes copied is stopped between two pieces, whatever has to be done to it.
    #[test]
    fn an_interrupt_is_noticed_between_pieces() {
        let from = [b'a', 0].repeat(500);
        for op in OPS {
            for last in [0, 400] {
                let request = request(op, &from, 2000, last);
                let mut to = vec![0; request.target_bytes() as usize];
                let asked = Cell::new(0);
                let mut attempt = |stop_at| {
                    let go_on = || {
                        asked.set(asked.get() + 1);
                        if asked.get() == stop_at { Err(TrapCode::Interrupted.into()) } else { Ok(()) }
                    };
                    asked.set(0);
                    transcode(&request, &Pieces { bytes: 100, go_on: &go_on }, &from, &mut to)
                };
                attempt(u32::MAX).unwrap();
                let (pieces, inflated) = (from.len() as u32 / 100, last / 100);
                let all = asked.get();
                assert!(all >= pieces - 1, "{op}: {all}");
                if matches!(op, Transcode::Utf8ToCompactUtf16 | Transcode::Utf16ToCompactUtf16) && last > 0 {
                    assert_eq!(all, pieces - 1 + inflated - 1, "{op}");
                }
                for stop_at in 1..=all {
                    let error = attempt(stop_at).unwrap_err();
                    assert_eq!(error.as_trap().map(|trap| trap.code), Some(TrapCode::Interrupted), "{op}");
                    assert_eq!(asked.get(), stop_at, "{op} goes on");
                }
            }
        }
    }
}
