//! Reading modules from files that may be anything: what cannot be a module is refused before it is in memory.

use std::fs::File;
use std::io::{self, Read};

/// A module in the binary format is smaller than 4 GiB: offsets in it have 32 bits, and the highest one stands for none.
pub const BINARY_BYTES_MAX: u64 = u32::MAX as u64 - 1;
/// Text is at most this long. What a parser makes of it is many times as large.
pub const TEXT_BYTES_MAX: u64 = 256 << 20;

/// First bytes of a binary module.
const MAGIC: &[u8] = b"\0asm";
/// So much is looked at before the rest is read.
const CHUNK: u64 = 64 << 10;

/// Reads a module in the binary or text format from a file.
///
/// # Errors
/// If the file cannot be read, is too large, or is neither of the two at first sight.
pub fn read_file(file: &File) -> io::Result<Vec<u8>> {
    let len = file.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len());
    read(file, len)
}

/// Reads a module in the binary or text format, whose size is `len` if that is known.
///
/// # Errors
/// If it cannot be read, is too large, or is neither of the two at first sight.
pub fn read(mut input: impl Read, len: Option<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.by_ref().take(CHUNK).read_to_end(&mut bytes)?;
    let is_binary = bytes.starts_with(MAGIC);
    if !is_binary && !may_be_text(&bytes) {
        return Err(refused("it is neither a WebAssembly module nor its text format".to_owned()));
    }
    let (what, max) = if is_binary { ("a module", BINARY_BYTES_MAX) } else { ("a module's text", TEXT_BYTES_MAX) };
    let too_large = |size: String| Err(refused(format!("it has {size} bytes, {what} has at most {max}")));
    if let Some(len) = len.filter(|len| *len > max) {
        return too_large(len.to_string());
    }
    bytes.reserve(len.map_or(0, |len| (len as usize).saturating_sub(bytes.len())));
    while bytes.len() as u64 <= max {
        // Text in pieces, so that an endless row of zeros is not waited for.
        let most = if is_binary { max + 1 - bytes.len() as u64 } else { CHUNK };
        let before = bytes.len();
        if input.by_ref().take(most).read_to_end(&mut bytes)? == 0 {
            return Ok(bytes);
        }
        if !is_binary && bytes[before..].contains(&0) {
            return Err(refused("it is neither a WebAssembly module nor its text format".to_owned()));
        }
    }
    too_large("more".to_owned())
}

/// Whether the beginning of a file could be text: UTF-8, of which the last letter may be cut, without zeros.
fn may_be_text(bytes: &[u8]) -> bool {
    let is_utf8 = std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_utf8 && !bytes.contains(&0)
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(input: impl Read, len: Option<u64>) -> String {
        read(input, len).expect_err("refused").to_string()
    }

    #[test]
    fn modules_and_text_are_read_whole() {
        for len in [0, 1, 8, CHUNK as usize - 1, CHUNK as usize, CHUNK as usize + 1, 3 * CHUNK as usize] {
            let mut binary = b"\0asm\x01\0\0\0".to_vec();
            binary.resize(len.max(8), 0);
            let text = "(;é;)".repeat(len / 6 + 1).into_bytes();
            for bytes in [binary, text] {
                assert!(read(&*bytes, Some(bytes.len() as u64)).unwrap() == bytes);
                assert!(read(&*bytes, None).unwrap() == bytes);
                // A file that grows or shrinks meanwhile.
                assert!(read(&*bytes, Some(3)).unwrap() == bytes && read(&*bytes, Some(1 << 20)).unwrap() == bytes);
            }
        }
        assert!(read(io::empty(), None).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_module_is_not_read() {
        struct Counted<R>(R, usize);
        impl<R: Read> Read for Counted<R> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let count = self.0.read(into)?;
                self.1 += count;
                Ok(count)
            }
        }
        let neither = "it is neither a WebAssembly module nor its text format";
        for start in [&b""[..], b"\x7fELF\x02", b"\xff\xfe", b"text\0", &b"(module ".repeat(10_000)] {
            let mut endless = Counted(start.chain(io::repeat(0)), 0);
            assert_eq!(error(&mut endless, None), neither);
            assert!(endless.1 <= start.len() + 2 * CHUNK as usize, "{}", endless.1);
        }
        let mut counted = Counted(b"\0asm\x01\0\0\0".chain(io::repeat(0)), 0);
        assert_eq!(error(&mut counted, Some(6 << 30)), "it has 6442450944 bytes, a module has at most 4294967294");
        assert!(counted.1 <= CHUNK as usize);
        let mut counted = Counted(io::repeat(b' '), 0);
        assert_eq!(
            error(&mut counted, Some(1 << 30)),
            "it has 1073741824 bytes, a module's text has at most 268435456"
        );
        assert!(counted.1 <= CHUNK as usize);
        assert_eq!(error(io::repeat(b' '), None), "it has more bytes, a module's text has at most 268435456");
    }
}
