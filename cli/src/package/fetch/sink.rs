//! Where bytes go that a stranger sends: counted, hashed, and looked at.

use std::fs::File;
use std::io::{self, Write};

use anyhow::bail;
use sha2::{Digest, Sha256};
use wasmer_runtime::cache::PackageSum;

/// How modules and components begin.
pub(super) const MAGIC: [u8; 4] = *b"\0asm";

/// A file that takes at most so many bytes.
pub(super) struct Sink<'a> {
    file: &'a mut File,
    hash: Sha256,
    bytes: u64,
    bytes_max: u64,
    first: Vec<u8>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(file: &'a mut File, bytes_max: u64) -> Self {
        Self { file, hash: Sha256::new(), bytes: 0, bytes_max, first: Vec::new() }
    }

    /// That the bytes are those that were announced by their sum.
    pub(super) fn expect(&self, sum: &PackageSum, bytes: u64) -> anyhow::Result<()> {
        if self.bytes != bytes {
            bail!("`sha256:{sum}` has {} bytes, not {bytes} as it was announced with; nothing was stored", self.bytes);
        }
        let found = PackageSum(self.hash.clone().finalize().into());
        if found != *sum {
            bail!(
                "the server sends something else than `sha256:{sum}`, with the digest `sha256:{found}`; nothing was stored"
            );
        }
        Ok(())
    }

    /// The sum of a program.
    pub(super) fn finish(self) -> anyhow::Result<PackageSum> {
        self.is_program()?;
        Ok(PackageSum(self.hash.finalize().into()))
    }

    /// That the bytes are those of a program, as far as their beginning tells.
    fn is_program(&self) -> anyhow::Result<()> {
        if self.first == MAGIC {
            return Ok(());
        }
        let hint = match self.first.first() {
            Some(b'<') => "\nhint: it looks like a web page; a link that says `raw` or `download` may lead to the file",
            _ => "",
        };
        bail!("it is neither a WebAssembly module nor a component in the binary format; nothing was stored{hint}")
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.bytes_max {
            return Err(io::Error::other(format!("it has more than {} bytes; nothing was stored", self.bytes_max)));
        }
        let missing = MAGIC.len() - self.first.len();
        self.first.extend(bytes.iter().take(missing));
        self.hash.update(bytes);
        self.file.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink(pieces: &[&[u8]], bytes_max: u64) -> (File, anyhow::Result<PackageSum>) {
        let mut file = tempfile::tempfile().unwrap();
        let mut sink = Sink::new(&mut file, bytes_max);
        let written = pieces.iter().try_for_each(|piece| sink.write_all(piece));
        let sum = written.map_err(anyhow::Error::from).and_then(|()| sink.finish());
        (file, sum)
    }

    #[test]
    fn bytes_are_counted_hashed_and_looked_at() {
        let sum = sink(&[b"\0a", b"", b"sm", b"\x01"], 5).1.unwrap();
        assert_eq!(sum.0[..], Sha256::digest(b"\0asm\x01")[..]);
        for (pieces, part) in [
            (&[&b"\0asm"[..], b"12"][..], "more than 5 bytes"),
            (&[b"<html>"], "more than 5 bytes"),
            (&[b"<ht"], "looks like a web page"),
            (&[b"\0as"], "neither"),
            (&[], "neither"),
        ] {
            let error = sink(pieces, 5).1.unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("nothing was stored"), "{error}");
        }
    }

    #[test]
    fn what_is_endless_ends() {
        let mut file = tempfile::tempfile().unwrap();
        let mut sink = Sink::new(&mut file, 100_000);
        let error = io::copy(&mut io::repeat(0), &mut sink).unwrap_err().to_string();
        assert!(error.contains("more than 100000 bytes"), "{error}");
        assert!(file.metadata().unwrap().len() <= 100_000);
    }
}
