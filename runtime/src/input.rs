//! Reading modules from files that may be anything: what cannot be a module is refused before it is in memory.

use std::fs::File;
use std::io::{self, Read};

use wasmer_system::huge_pages;

#[cfg(feature = "cache")]
pub(crate) mod parts;

/// A module in the binary format is smaller than 4 GiB: offsets in it have 32 bits, and the highest one stands for none.
pub const BINARY_BYTES_MAX: u64 = u32::MAX as u64 - 1;
/// Text is at most this long. What a parser makes of it is many times as large.
pub const TEXT_BYTES_MAX: u64 = 256 << 20;

/// First bytes of a binary module.
pub(crate) const MAGIC: &[u8] = b"\0asm";
/// How a file begins whose first line names the program that runs it, as in `#!/usr/bin/env wasmer`.
const INTERPRETER: &[u8] = b"#!";
/// So much is looked at before the rest is read.
const CHUNK: u64 = 64 << 10;

/// What servers answer in the place of a file.
const PAGE: &str = "a page of the web (HTML), not a WebAssembly module\nhint: it may be the answer of a server that did not have the module";

/// First bytes of what else is tried, and what there is to say about it.
const OTHER_KINDS: &[(&[u8], &str)] = &[
    (
        b"\x7fwart",
        "a precompiled artifact, not a module\nhint: `wasmer run --allow-precompiled` runs those that you trust, from files that end in `.wart`",
    ),
    (
        b"\x7fELF",
        "a program or library of this system, not a WebAssembly module\nhint: compilers make modules for the target `wasm32-wasip1`",
    ),
    (
        b"!<arch>\n",
        "a static library, not a WebAssembly module\nhint: link it to a program, for instance by `clang --target=wasm32-wasip1`",
    ),
    (b"\x1f\x8b", "compressed, by gzip\nhint: `gunzip` unpacks it"),
    (b"\x28\xb5\x2f\xfd", "compressed, by zstd\nhint: `unzstd` unpacks it"),
    (b"\xfd7zXZ\0", "compressed, by xz\nhint: `unxz` unpacks it"),
    (b"BZh", "compressed, by bzip2\nhint: `bunzip2` unpacks it"),
    (
        b"BC\xc0\xde",
        "bitcode of LLVM, not a WebAssembly module\nhint: without `-flto` or `-emit-llvm` a compiler makes a module of it",
    ),
    (
        b"\xef\xbb\xbf",
        "text that begins with a byte order mark, which WebAssembly's text format does not allow\nhint: save it as UTF-8 without one",
    ),
    (
        b"\xff\xfe",
        "text in UTF-16, where WebAssembly's text format is in UTF-8\nhint: save it as UTF-8 without a byte order mark",
    ),
    (
        b"\xfe\xff",
        "text in UTF-16, where WebAssembly's text format is in UTF-8\nhint: save it as UTF-8 without a byte order mark",
    ),
    (b"PK\x03\x04", "a zip archive\nhint: `unzip` unpacks it; a module is a file that ends in `.wasm`"),
    (b"<!doctype html", PAGE),
    (b"<!DOCTYPE html", PAGE),
    (b"<html", PAGE),
    (
        b"version https://git-lfs.",
        "what Git keeps in the place of a large file (Git LFS)\nhint: `git lfs pull` fetches the file itself",
    ),
    (
        b"\0webc",
        "a package (webc), not a WebAssembly module\nhint: files are run, not packages; unpack the module that is in it",
    ),
];

/// Reads a module in the binary or text format from a file.
///
/// # Errors
/// If the file cannot be read, is too large, or is neither of the two at first sight.
pub fn read_file(file: &File) -> io::Result<Vec<u8>> {
    read(file, len_of(file))
}

/// Reads text that is no module from a file.
///
/// # Errors
/// If the file cannot be read, is too large, or is no text.
pub fn read_text_file(mut file: &File) -> io::Result<String> {
    let len = len_of(file);
    let start = first(&mut file)?;
    if !may_be_text(&start) {
        return Err(refused("it is not text in UTF-8".to_owned()));
    }
    let bytes = rest(start, file, len)?;
    String::from_utf8(bytes).map_err(|error| refused(error.to_string()))
}

fn len_of(file: &File) -> Option<u64> {
    file.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len())
}

/// Reads a module in the binary or text format, whose size is `len` if that is known. A first line that begins with `#!` is left out; in text it
/// becomes a comment, so that lines keep their numbers.
///
/// # Errors
/// If it cannot be read, is too large, or is neither of the two at first sight.
pub fn read(mut input: impl Read, len: Option<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = first(&mut input)?;
    leave_out_interpreter(&mut bytes);
    rest_of_module(bytes, input, len)
}

fn first(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(CHUNK).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads on behind the first bytes, if they can be those of a module.
fn rest_of_module(bytes: Vec<u8>, input: impl Read, len: Option<u64>) -> io::Result<Vec<u8>> {
    if let Some((_, kind)) = OTHER_KINDS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(refused(format!("it is {kind}")));
    }
    rest(bytes, input, len)
}

/// Reads on behind the first bytes, if they can be those of a binary module or text.
fn rest(mut bytes: Vec<u8>, mut input: impl Read, len: Option<u64>) -> io::Result<Vec<u8>> {
    let is_binary = bytes.starts_with(MAGIC);
    if !is_binary && !may_be_text(&bytes) {
        return Err(refused("it is neither a WebAssembly module nor its text format".to_owned()));
    }
    let (what, max) = if is_binary { ("a module", BINARY_BYTES_MAX) } else { ("a module's text", TEXT_BYTES_MAX) };
    let too_large = |size: String| Err(refused(format!("it has {size} bytes, {what} has at most {max}")));
    if let Some(len) = len.filter(|len| *len > max) {
        return too_large(len.to_string());
    }
    if let Some(len) = len.map(|len| len as usize).filter(|len| *len > bytes.len()) {
        // One more, so that the end is found without asking for more room.
        let mut whole = huge_pages::buffer(len + 1).map_err(io::Error::other)?;
        whole.append(&mut bytes);
        bytes = whole;
    }
    while bytes.len() as u64 <= max {
        // Text in pieces, so that an endless row of zeros is not waited for.
        let most = if is_binary { max + 1 - bytes.len() as u64 } else { CHUNK };
        let before = bytes.len();
        if input.by_ref().take(most).read_to_end(&mut bytes)? == 0 {
            return Ok(bytes);
        }
        if !is_binary && bytes[before..].iter().all(|byte| *byte == 0) {
            return Err(refused("it is neither a WebAssembly module nor its text format".to_owned()));
        }
    }
    too_large("more".to_owned())
}

fn leave_out_interpreter(bytes: &mut Vec<u8>) {
    let Some(line) = bytes.strip_prefix(INTERPRETER) else { return };
    match line.iter().position(|byte| *byte == b'\n') {
        Some(end) if line[end + 1..].starts_with(MAGIC) => drop(bytes.drain(..INTERPRETER.len() + end + 1)),
        _ => bytes[..INTERPRETER.len()].copy_from_slice(b";;"),
    }
}

/// Whether the beginning of a file could be text: UTF-8, of which the last letter may be cut. Comments may have every letter, so there can be a zero,
/// but no text begins with one.
fn may_be_text(bytes: &[u8]) -> bool {
    let is_utf8 = std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_utf8 && !bytes.starts_with(&[0])
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
        // The specification's suite has a comment with every letter of ASCII.
        assert_eq!(read(&b"(;\0\x01;)"[..], None).unwrap(), b"(;\0\x01;)");
    }

    #[test]
    fn the_line_that_names_an_interpreter_is_left_out() {
        let binary = b"\0asm\x01\0\0\0".to_vec();
        let of = |contents: &[u8]| read(contents, Some(contents.len() as u64)).unwrap();
        assert_eq!(of(&[b"#!/usr/bin/env wasmer\n", &*binary].concat()), binary);
        assert_eq!(of(&[b"#!\n", &*binary].concat()), binary);
        assert_eq!(of(b"#!/usr/bin/env wasmer\n(module)"), b";;/usr/bin/env wasmer\n(module)");
        assert_eq!(of(b"#!"), b";;");
        assert_eq!(of(b"# !"), b"# !");
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
        for start in [&b""[..], b"\x7fE\x02", b"\xff\xfd", b"text\0", &b"(module ".repeat(10_000)] {
            let mut endless = Counted(start.chain(io::repeat(0)), 0);
            assert_eq!(error(&mut endless, None), neither);
            assert!(endless.1 <= start.len() + 2 * CHUNK as usize, "{}", endless.1);
        }
        for (magic, kind) in OTHER_KINDS {
            let mut endless = Counted(magic.chain(io::repeat(b' ')), 0);
            assert_eq!(error(&mut endless, None), format!("it is {kind}"));
            assert!(endless.1 <= CHUNK as usize, "{}", endless.1);
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
