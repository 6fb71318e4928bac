//! The start of an image, in the process's own memory: what was checked there stays as it is, whatever becomes of the file.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

use wasmer_runtime_core::image::bundle;
use wasmer_runtime_core::image::header::{Header, Section};

use crate::sys::view::{buffer, read_at};

/// Bytes that are read at first: header, metadata and indices of most programs that do not have thousands of functions.
const FIRST_BYTES: u64 = 4096;

/// Indices that end before are read with the metadata; mapping them would take longer.
const READ_BYTES_MAX: u64 = 16 << 10;

/// Longer metadata cannot be: its parts refer to each other by signed distances of 32 bits.
const METADATA_BYTES_MAX: u64 = 1 << 31;

/// Alignment that metadata needs.
const ALIGN: usize = align_of::<u64>();

/// Bytes of an image from its start on.
#[derive(Debug)]
pub(super) struct Head {
    /// Never moved: what stands in it is aligned.
    bytes: Vec<u8>,
    /// Where it begins, at the first aligned address.
    start: usize,
}

impl Head {
    fn with_room(len: usize) -> io::Result<Self> {
        let mut bytes = buffer(len + ALIGN)?;
        let address = bytes.as_ptr().addr();
        let start = address.next_multiple_of(ALIGN) - address;
        bytes.resize(start, 0);
        Ok(Self { bytes, start })
    }

    /// A copy of bytes.
    pub(super) fn copy(bytes: &[u8]) -> io::Result<Self> {
        let mut head = Self::with_room(bytes.len())?;
        head.bytes.extend_from_slice(bytes);
        Ok(head)
    }

    /// The first `len` bytes of a part of a file.
    fn read_bytes(file: &File, part: &Range<u64>, len: u64) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let mut head = Self::with_room(len)?;
        while head.len() < len {
            let offset = part.start + head.len() as u64;
            if read_at(file, &mut head.bytes, offset)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        head.bytes.truncate(head.start + len);
        Ok(head)
    }

    /// The first bytes of a part of a file.
    pub(super) fn begin(file: &File, part: &Range<u64>) -> io::Result<Self> {
        Self::read_bytes(file, part, (part.end - part.start).min(FIRST_BYTES))
    }

    /// Header and metadata of an image that starts so, and the indices behind them if they are short. Nothing of it has been checked.
    pub(super) fn of_image(self, file: &File, part: &Range<u64>) -> io::Result<Self> {
        let ends = [Section::Indices, Section::Metadata].map(|section| Header::end_of(&self, section));
        let [Some(indices), Some(metadata)] = ends else { return Ok(self) };
        self.up_to(file, part, if indices <= READ_BYTES_MAX { indices } else { metadata })
    }

    /// The start of a bundle that starts so, up to its images. Nothing of it has been checked.
    pub(super) fn of_bundle(self, file: &File, part: &Range<u64>) -> io::Result<Self> {
        match bundle::head_end(&self) {
            Some(end) => self.up_to(file, part, end),
            None => Ok(self),
        }
    }

    fn up_to(self, file: &File, part: &Range<u64>, wanted: u64) -> io::Result<Self> {
        if wanted <= self.len() as u64 || wanted > part.end - part.start || wanted > METADATA_BYTES_MAX {
            // What is missing is found when the header is read.
            return Ok(self);
        }
        Self::read_bytes(file, part, wanted)
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
