//! The pages of an image that initial memories are mapped from.

use std::fs::File;
use std::io;
use std::sync::{Arc, OnceLock};

use wasmer_runtime_core::image::InitialPages;
use wasmer_runtime_core::image::header::{SectionEntry, checksum};
use wasmer_runtime_core::once;

use crate::mapping::View;
use crate::sys::view::{memory_file, memory_file_of};

/// Initial memory of a module that is compiled lazily, for [`Image::lazy`](super::Image::lazy).
#[derive(Debug)]
pub struct LazyPages(pub(super) Pages);

impl LazyPages {
    /// Puts them where memories will be mapped from.
    pub(crate) fn new(pages: &InitialPages<'_>) -> io::Result<Self> {
        Pages::written(pages.bytes(), pages.parts()).map(Self)
    }
}

/// Where the pages stand.
#[derive(Debug)]
pub(super) enum Pages {
    /// In the image's file. The section's offset is in the file, not in the image, which may be a part of it.
    File { file: Arc<File>, section: SectionEntry },
    /// In memory. The first memory that is made of them puts them into a file, because only files can be mapped copy-on-write; a module
    /// without instances has none to give back.
    Memory { bytes: View, file: OnceLock<File> },
}

impl Pages {
    /// Those of an image that stands in no file.
    pub(super) fn copy(bytes: &[u8]) -> io::Result<Self> {
        Ok(Self::Memory { bytes: View::copy(bytes)?, file: OnceLock::new() })
    }

    /// So many bytes of pages, put together of parts that start where it is said, for memories that will be made at once: they are copied once. Where there can be no such
    /// file, the first memory says so.
    fn written<'a>(bytes: usize, parts: impl Iterator<Item = (usize, &'a [u8])> + Clone) -> io::Result<Self> {
        let section = SectionEntry { offset: 0, len: bytes as u64, checksum: 0 };
        if let Ok(file) = memory_file(bytes, parts.clone()) {
            return Ok(Self::File { file: Arc::new(file), section });
        }
        let mut pages = Vec::new();
        pages.try_reserve_exact(bytes).map_err(io::Error::other)?;
        for (start, part) in parts {
            pages.resize(start, 0);
            pages.extend_from_slice(part);
        }
        pages.resize(bytes, 0);
        Self::copy(&pages)
    }

    /// A file in which they stand.
    pub(super) fn file(&self) -> io::Result<&File> {
        match self {
            Self::File { file, .. } => Ok(file),
            Self::Memory { bytes, file } => match file.get() {
                Some(file) => Ok(file),
                None => {
                    let made = memory_file_of(bytes)?;
                    Ok(once::get_or_init(file, || made))
                }
            },
        }
    }

    /// Where they start in it.
    pub(super) fn file_offset(&self) -> u64 {
        match self {
            Self::File { section, .. } => section.offset,
            Self::Memory { .. } => 0,
        }
    }

    /// How many bytes they have.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File { section, .. } => section.len,
            Self::Memory { bytes, .. } => bytes.len() as u64,
        }
    }

    /// Their checksum.
    pub(super) fn checksum(&self) -> io::Result<u64> {
        self.with_bytes(checksum)
    }

    /// Copies them to the end of `bytes`.
    pub(super) fn append_to(&self, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.with_bytes(|pages| bytes.extend_from_slice(pages))
    }

    fn with_bytes<R>(&self, read: impl FnOnce(&[u8]) -> R) -> io::Result<R> {
        Ok(match self {
            Self::File { file, section } => {
                // SAFETY: nobody writes to an image's file, as was promised to `Image::from_file`.
                let view = unsafe { View::new(file, section.offset, section.len as usize)? };
                read(&view)
            }
            Self::Memory { bytes, .. } => read(bytes),
        })
    }
}
