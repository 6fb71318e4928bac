//! The start of an image, in the process's own memory: what was checked there stays as it is, whatever becomes of the file.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::fs::FileExt;

use wasmer_runtime_core::image::header::{Header, Section};

/// Bytes that are read at first: header, metadata and indices of most programs that do not have thousands of functions.
const FIRST_BYTES: u64 = 4096;

/// Indices that end before are read with the metadata; mapping them would take longer.
const READ_BYTES_MAX: u64 = 16 << 10;

/// Longer metadata cannot be: its parts refer to each other by signed distances of 32 bits.
const METADATA_BYTES_MAX: u64 = 1 << 31;

/// Bytes of an image from its start on. As aligned as metadata has to be.
#[derive(Debug)]
pub(super) struct Head {
    words: Vec<u64>,
    len: usize,
}

impl Head {
    fn zeroed(len: u64) -> io::Result<Self> {
        let bytes = usize::try_from(len).map_err(io::Error::other)?;
        let mut words = Vec::new();
        words.try_reserve_exact(bytes.div_ceil(size_of::<u64>())).map_err(io::Error::other)?;
        words.resize(bytes.div_ceil(size_of::<u64>()), 0);
        Ok(Self { words, len: bytes })
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: so many bytes were allocated, and any bytes are valid numbers.
        unsafe { std::slice::from_raw_parts_mut(self.words.as_mut_ptr().cast(), self.len) }
    }

    /// A copy of bytes.
    pub(super) fn copy(bytes: &[u8]) -> io::Result<Self> {
        let mut head = Self::zeroed(bytes.len() as u64)?;
        head.bytes_mut().copy_from_slice(bytes);
        Ok(head)
    }

    /// Reads header and metadata of a file of `len` bytes, and the indices behind them if they are short. Nothing of it has been checked.
    pub(super) fn read(file: &File, len: u64) -> io::Result<Self> {
        let mut head = Self::zeroed(len.min(FIRST_BYTES))?;
        file.read_exact_at(head.bytes_mut(), 0)?;
        let ends = [Section::Indices, Section::Metadata].map(|section| Header::end_of(&head, section));
        let [Some(indices), Some(metadata)] = ends else { return Ok(head) };
        let wanted = if indices <= READ_BYTES_MAX { indices } else { metadata };
        if wanted <= head.len() as u64 || wanted > len || wanted > METADATA_BYTES_MAX {
            // What is missing is found when the header is read.
            return Ok(head);
        }
        let mut longer = Self::zeroed(wanted)?;
        file.read_exact_at(longer.bytes_mut(), 0)?;
        Ok(longer)
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: as for `bytes_mut`.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.len) }
    }
}
