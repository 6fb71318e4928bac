//! Reading a module's file without what running the module never needs: half of a program can be debug information.
//!
//! What is read is read once, into memory: it is what is hashed, validated and compiled, whatever becomes of the file. The rest is hashed as the file has it, so the hash
//! stands for a whole module as it may have been, and what was made of the parts is what would have been made of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::{iter, thread};

use wasmer_cache::{ContentHash, ContentHasher};
use wasmer_system::huge_pages;

use super::{BINARY_BYTES_MAX, CHUNK, first, leave_out_interpreter, len_of, read_file, rest_of_module};

/// How a module begins. Components, whose sections are others, are read whole.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// The number of custom sections.
const CUSTOM: u8 = 0;
/// What is debug information by its name.
const DEBUG: &[u8] = b".debug_";
/// Bytes of a section's header that have to be known to leave out the rest: number, size, and the name with its length.
const HEADER_BYTES: usize = 64;
/// At least so many bytes are left out at once: to seek takes time, too.
const LEFT_OUT_MIN: usize = 64 << 10;
/// Contents of sections that have at least so many bytes are read by two threads, when it is known which there are.
const SHARED_MIN: usize = 1 << 20;
/// They are read in pieces of so many bytes: huge pages, where the system has some.
const PIECE_BYTES: usize = 2 << 20;

/// A module's bytes, with zeros in the place of what was left out.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) bytes: Arc<Vec<u8>>,
    /// Ascending, as long as there is a file that it can be read from.
    left_out: Vec<Range<usize>>,
}

impl Parts {
    /// Reads a module in the binary or text format from a file, as [`read_file`], without debug information.
    pub(crate) fn read(mut file: &File) -> io::Result<Self> {
        let len = len_of(file);
        let mut bytes = first(&mut file)?;
        let is_whole = (bytes.len() as u64) < CHUNK;
        match len.filter(|len| !is_whole && bytes.starts_with(MODULE) && *len <= BINARY_BYTES_MAX) {
            Some(len) => match Reading::begin(&bytes, len as usize)?.sections(file)? {
                Some(parts) => Ok(parts),
                None => {
                    file.rewind()?;
                    Ok(Self { bytes: Arc::new(read_file(file)?), left_out: Vec::new() })
                }
            },
            None => {
                leave_out_interpreter(&mut bytes);
                Ok(Self { bytes: Arc::new(rest_of_module(bytes, file, len)?), left_out: Vec::new() })
            }
        }
    }

    /// The hash of the whole file. None if what was left out is not there any more.
    pub(crate) fn hash(&self, file: &File) -> io::Result<Option<ContentHash>> {
        if self.left_out.is_empty() {
            return Ok(Some(ContentHash::of(&self.bytes)));
        }
        let mut hasher = ContentHasher::default();
        let mut buffer = vec![0; CHUNK as usize];
        let mut at = 0;
        for range in &self.left_out {
            hasher.update(&self.bytes[at..range.start]);
            at = range.start;
            (&mut &*file).seek(SeekFrom::Start(at as u64))?;
            while at < range.end {
                let most = buffer.len().min(range.end - at);
                match (&mut &*file).read(&mut buffer[..most]) {
                    Ok(0) => return Ok(None),
                    Ok(read) => {
                        hasher.update(&buffer[..read]);
                        at += read;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        hasher.update(&self.bytes[at..]);
        Ok(Some(hasher.finish()))
    }
}

/// A module's file that is being read, of a known length.
struct Reading {
    bytes: Vec<u8>,
    left_out: Vec<Range<usize>>,
    /// What is left for the end, ascending.
    later: Vec<Range<usize>>,
    /// What there is to read next; all before was read, left out, or left for the end.
    at: usize,
}

impl Reading {
    fn begin(first: &[u8], len: usize) -> io::Result<Self> {
        let mut bytes = huge_pages::zeros(len.max(first.len()))?;
        bytes[..first.len()].copy_from_slice(first);
        Ok(Self { bytes, left_out: Vec::new(), later: Vec::new(), at: first.len() })
    }

    /// None if the file is shortened meanwhile, so that what was read may never have been one module.
    fn sections(mut self, mut file: &File) -> io::Result<Option<Parts>> {
        let len = self.bytes.len();
        let mut section = MODULE.len();
        while section < len {
            if section.saturating_sub(self.at) >= SHARED_MIN {
                self.later.push(self.at..section);
                self.at = section;
                file.seek(SeekFrom::Start(section as u64))?;
            }
            if !self.fill(file, section.saturating_add(HEADER_BYTES).min(len))? {
                return self.end(file);
            }
            // Whatever is wrong with sections, who reads modules says: so that gets all from there on.
            let header = Header::read(&self.bytes[section..self.at]);
            let Some((is_debug, end)) = header.and_then(|header| header.at(section, len)) else { break };
            if is_debug && end.saturating_sub(self.at) >= LEFT_OUT_MIN {
                self.left_out.push(self.at..end);
                self.at = end;
                file.seek(SeekFrom::Start(end as u64))?;
            }
            section = end;
        }
        if self.fill(file, len)? {
            // A file that has grown meanwhile.
            file.take((BINARY_BYTES_MAX + 1).saturating_sub(len as u64)).read_to_end(&mut self.bytes)?;
        }
        self.end(file)
    }

    /// Reads what was left for the end.
    fn end(mut self, file: &File) -> io::Result<Option<Parts>> {
        match read_both(file, &mut self.bytes, &self.later) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(Some(Parts { bytes: Arc::new(self.bytes), left_out: self.left_out })),
        }
    }

    /// Reads up to `end`, if that is not done. False if the file ends before.
    fn fill(&mut self, mut file: &File, end: usize) -> io::Result<bool> {
        while self.at < end {
            match file.read(&mut self.bytes[self.at..end]) {
                Ok(0) => {
                    self.bytes.truncate(self.at);
                    return Ok(false);
                }
                Ok(read) => self.at += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// Reads ranges of a file to where they are in it, on two threads: it takes one as long as all else that is done to a module before it runs, because the system gives
/// the pages meanwhile.
fn read_both(file: &File, bytes: &mut [u8], ranges: &[Range<usize>]) -> io::Result<()> {
    let pieces = pieces(bytes, ranges);
    let is_shared = pieces.len() > 1;
    let pieces = Mutex::new(pieces.into_iter());
    let next = || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
    let read = || iter::from_fn(next).try_for_each(|(at, piece)| file.read_exact_at(piece, at as u64));
    thread::scope(|scope| {
        // A machine that has no more threads does with this one.
        let reading = || thread::Builder::new().name("wasmer-read".to_owned()).spawn_scoped(scope, read).ok();
        let other = is_shared.then(reading).flatten();
        let result = read();
        let others = other.map_or(Ok(()), |thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        result.and(others)
    })
}

/// Ascending ranges of bytes in pieces, and where these start. No two are in one huge page: the system would give each thread one, and take one back.
fn pieces<'a>(mut bytes: &'a mut [u8], ranges: &[Range<usize>]) -> Vec<(usize, &'a mut [u8])> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    for range in ranges {
        let (here, rest) = bytes.split_at_mut(range.end - at);
        let (mut start, mut here) = (range.start, &mut here[range.start - at..]);
        while !here.is_empty() {
            let len = PIECE_BYTES - here.as_ptr() as usize % PIECE_BYTES;
            let (piece, later) = here.split_at_mut(len.min(here.len()));
            let end = start + piece.len();
            pieces.push((start, piece));
            (start, here) = (end, later);
        }
        (bytes, at) = (rest, range.end);
    }
    pieces
}

/// The header of a section (specification, section 5.5.2).
struct Header {
    /// Bytes before the contents.
    bytes: usize,
    contents: usize,
    is_debug: bool,
}

impl Header {
    /// None if it is not well-formed. Of a custom section, the name belongs to the contents.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.get(1..)?;
        let contents = length(&mut rest)?;
        let header_bytes = bytes.len() - rest.len();
        let name = length(&mut rest).and_then(|len| rest.get(..len));
        let is_debug = bytes[0] == CUSTOM && name.is_some_and(|name| name.starts_with(DEBUG));
        Some(Self { bytes: header_bytes, contents, is_debug })
    }

    /// Whether a section that starts there is debug information, and where it ends; none if that is behind the file's end.
    fn at(&self, start: usize, len: usize) -> Option<(bool, usize)> {
        let end = start.checked_add(self.bytes)?.checked_add(self.contents)?;
        (end <= len).then_some((self.is_debug, end))
    }
}

/// A number of 32 bits (specification, section 5.2.2), taken from the start of `bytes`.
fn length(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return u32::try_from(value).ok().map(|value| value as usize);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn leb(mut value: usize, bytes: &mut Vec<u8>) {
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
    }

    /// A custom section with contents that are no zeros.
    fn custom(name: &str, contents: usize) -> Vec<u8> {
        let mut section = vec![CUSTOM];
        leb(1 + name.len() + contents, &mut section);
        section.push(name.len() as u8);
        section.extend_from_slice(name.as_bytes());
        section.extend((0..contents).map(|at| at as u8 | 1));
        section
    }

    fn module(sections: &[Vec<u8>]) -> Vec<u8> {
        [MODULE.to_vec(), sections.concat()].concat()
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    /// What is read of a file is as it is there, or zero where that was left out. Returns how many bytes were.
    fn left_out(bytes: &[u8]) -> usize {
        let file = file(bytes);
        let parts = Parts::read(&file).unwrap();
        assert_eq!(parts.bytes.len(), bytes.len());
        let mut expected = bytes.to_vec();
        parts.left_out.iter().for_each(|range| expected[range.clone()].fill(0));
        assert!(*parts.bytes == expected);
        assert_eq!(parts.hash(&file).unwrap(), Some(ContentHash::of(bytes)));
        parts.left_out.iter().map(Range::len).sum()
    }

    #[test]
    fn debug_information_is_left_out_and_hashed() {
        let (large, small) = (300 << 10, 100);
        let debug = || custom(".debug_info", large);
        let code = custom("code", large);
        let counts = [
            (vec![code.clone(), custom("name", large)], 0),
            (vec![code.clone(), debug(), custom("name", small), custom(".debug_str", large)], 2),
            (vec![code.clone(), debug(), debug(), code.clone(), debug()], 3),
            (vec![code.clone(), custom(".debug_line", small), code.clone(), custom(".debug", large)], 0),
            // What was read at first stays.
            (vec![debug(), code.clone()], 1),
            // Of a name that is longer than what is looked at, nothing is known.
            (vec![code.clone(), custom(&".debug_".repeat(18), large)], 0),
        ];
        for (sections, count) in counts {
            let bytes = left_out(&module(&sections));
            assert!(bytes <= count * large && bytes + count * (CHUNK as usize) >= count * large, "{bytes}");
        }
        assert_eq!(left_out(&module(&[debug()])[..CHUNK as usize - 1]), 0);
        assert_eq!(left_out(&[b"\0asm\x0d\0\x01\0", &debug()[..]].concat()), 0);
    }

    #[test]
    fn sections_that_lie_are_read() {
        let large = 200 << 10;
        let whole = module(&[custom("code", large), custom(".debug_info", large)]);
        for cut in [1, large / 2, large - 1, large] {
            assert_eq!(left_out(&whole[..whole.len() - cut]), 0, "{cut}");
        }
        // Sizes that are too long, too large, or no numbers; names that are longer than their section.
        for start in [
            &[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0][..],
            &[0, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0x80; 9],
            &[0, 3, 9],
        ] {
            let lie = [MODULE, start, b".debug_info", &vec![7; large]].concat();
            assert_eq!(left_out(&lie), 0, "{start:?}");
        }
    }

    #[test]
    fn files_that_change_meanwhile_are_what_was_read() {
        let large = 200 << 10;
        let bytes = module(&[custom("code", large), custom(".debug_info", large), custom("name", large)]);
        let first = &bytes[..CHUNK as usize];
        let read = |len: usize, bytes: &[u8]| {
            let file = file(bytes);
            (&file).seek(SeekFrom::Start(CHUNK)).unwrap();
            Reading::begin(first, len).unwrap().sections(&file).unwrap().expect("nothing was left for the end")
        };
        // It has grown, or was shortened in what is needed, and in what is not.
        assert!(read(bytes.len() - 1, &bytes).bytes.len() == bytes.len());
        for end in [CHUNK as usize, large, 3 * large, bytes.len() - 1] {
            let parts = read(bytes.len(), &bytes[..end]);
            assert!(parts.bytes.len() <= 2 * large + 200 || parts.bytes.len() == end, "{end}");
        }
        let mut shortened = file(&bytes);
        let parts = Parts::read(&shortened).unwrap();
        shortened.set_len(large as u64 + 100).unwrap();
        assert_eq!(parts.hash(&shortened).unwrap(), None);
        shortened.rewind().unwrap();
        assert_eq!(Parts::read(&shortened).unwrap().bytes.len(), large + 100);
    }

    #[test]
    fn large_sections_are_read_by_two() {
        let large = 5 * SHARED_MIN / 2;
        let sections = [custom("code", large), custom(".debug_info", large), custom("data", large), custom("name", 7)];
        let bytes = module(&sections);
        assert!(left_out(&bytes) > large / 2);
        assert_eq!(left_out(&module(&[custom("code", large)])), 0);
        // Shortened in what was left for the end, after the sections were looked at: it is seen, and what there is then is read.
        let file = file(&bytes);
        let mut short = vec![0; bytes.len()];
        file.set_len(bytes.len() as u64 - 100).unwrap();
        let error = read_both(&file, &mut short, &[CHUNK as usize..large, large + 10..bytes.len()]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let parts = Parts::read(&file).unwrap();
        assert_eq!(parts.bytes.len(), bytes.len() - 100);
    }

    #[test]
    fn what_is_left_out_takes_no_time() {
        let size = 3 << 30;
        let mut header = vec![CUSTOM];
        leb(size, &mut header);
        header.extend(b"\x0b.debug_info");
        let bytes = module(&[custom("code", CHUNK as usize), header]);
        let file = file(&bytes);
        let end = bytes.len() as u64 - 12 + size as u64;
        file.set_len(end).unwrap();
        let parts = Parts::read(&file).unwrap();
        assert_eq!(parts.bytes.len() as u64, end);
        assert!(parts.left_out[0].len() > size - CHUNK as usize && parts.bytes.starts_with(&bytes));
    }
}
