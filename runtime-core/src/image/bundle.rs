//! The artifact of a component: what is known of how its parts belong together, and the images of its core modules behind that, in one file.
//!
//! An image in a bundle is byte for byte what it would be in a file of its own. It starts at a page, so that it is mapped from where it stands. Nothing
//! here knows what the metadata say; whoever reads them checks them. The file is described byte by byte in `docs/internals/components.md`.

use std::ops::Range;

use super::header::checksum;
use super::{FORMAT_VERSION, ImageBytes, ImageError};
use crate::cpu::PAGE_LOG2;

const MAGIC: [u8; 8] = *b"\x7fwcmp\r\n\x1a";

const VERSION_AT: usize = 8;
const COUNT_AT: usize = 12;
const LENGTH_AT: usize = 16;
const KEY_AT: usize = 24;
const CHECKSUM_AT: usize = 56;
const METADATA_AT: usize = 64;
const TABLE_AT: usize = 80;
const ENTRY_BYTES: usize = 16;
const METADATA_ALIGN: usize = 16;

/// A component has so many core modules at most.
const IMAGES_MAX: u32 = 1 << 20;

/// The start of a bundle, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleHeader {
    /// The key that it was made under, as all of its images.
    pub key: [u8; 32],
    /// Length of the whole file in bytes.
    pub len: u64,
    /// Where the metadata stand.
    pub metadata: Range<usize>,
    /// Where each image stands.
    pub images: Vec<Range<u64>>,
}

/// Whether what starts with these bytes is a bundle.
pub fn is_bundle(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// Where the images start at the earliest, going by the first bytes of a bundle, of which nothing has been checked yet. None if they are too few to
/// tell.
pub fn head_end(start: &[u8]) -> Option<u64> {
    let fields = start.get(METADATA_AT..TABLE_AT)?;
    Some(number(fields, 0).saturating_add(number(fields, 8)))
}

impl BundleHeader {
    /// Reads and checks the start of a bundle of `len` bytes: `head` goes at least to the end of its metadata.
    pub fn read(head: &[u8], len: u64, key: Option<&[u8; 32]>) -> Result<Self, ImageError> {
        if !is_bundle(head) {
            return Err(ImageError::Magic);
        }
        let start: &[u8; TABLE_AT] = head.first_chunk().ok_or(ImageError::Damaged("its header is cut off"))?;
        let version = half(start, VERSION_AT);
        if version != FORMAT_VERSION {
            return Err(ImageError::Version { found: version });
        }
        let expected = number(start, LENGTH_AT);
        if expected != len {
            return Err(ImageError::Length { expected, found: len });
        }
        let head = head_end(start).and_then(|end| head.get(..usize::try_from(end).ok()?));
        let head = head.filter(|head| head.len() >= TABLE_AT).ok_or(ImageError::Damaged("its header is cut off"))?;
        if number(start, CHECKSUM_AT) != checksum_of(head) {
            return Err(ImageError::Damaged("the checksum of its header does not fit"));
        }
        let out_of_place = || ImageError::Damaged("its parts are out of place");
        let count = Some(half(start, COUNT_AT)).filter(|count| *count <= IMAGES_MAX).ok_or_else(out_of_place)?;
        let table_end = TABLE_AT + count as usize * ENTRY_BYTES;
        // The end is inside of the head, and no smaller than this.
        let metadata = number(start, METADATA_AT) as usize..head.len();
        if metadata.start < table_end || !metadata.start.is_multiple_of(METADATA_ALIGN) {
            return Err(out_of_place());
        }
        let mut images = Vec::with_capacity(count as usize);
        let mut end = head.len() as u64;
        for entry in head[TABLE_AT..table_end].chunks_exact(ENTRY_BYTES) {
            let image = number(entry, 0)..number(entry, 0).saturating_add(number(entry, 8));
            if image.start < end || image.end > len || image.is_empty() {
                return Err(out_of_place());
            }
            end = image.end;
            images.push(image);
        }
        let found: [u8; 32] = std::array::from_fn(|position| start[KEY_AT + position]);
        if key.is_some_and(|key| *key != found) {
            return Err(ImageError::Key);
        }
        Ok(Self { key: found, len, metadata, images })
    }
}

/// Of everything up to the end of the metadata, but for the checksum itself.
fn checksum_of(head: &[u8]) -> u64 {
    let parts = [checksum(&head[..CHECKSUM_AT]), checksum(&head[METADATA_AT..])];
    checksum(parts.map(u64::to_le_bytes).as_flattened())
}

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|position| bytes[at + position]))
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|position| bytes[at + position]))
}

/// Writes a bundle, image by image.
#[derive(Debug)]
pub struct BundleWriter {
    bytes: Vec<u8>,
    head_bytes: usize,
    /// How many images stand in it.
    images: usize,
    count: usize,
}

impl BundleWriter {
    /// A bundle for `count` images that were made under `key`.
    pub fn new(key: &[u8; 32], metadata: &[u8], count: usize) -> Self {
        let metadata_at = (TABLE_AT + count * ENTRY_BYTES).next_multiple_of(METADATA_ALIGN);
        let mut bytes = vec![0; metadata_at];
        bytes.extend_from_slice(metadata);
        let mut writer = Self { head_bytes: bytes.len(), bytes, images: 0, count };
        writer.put(0, &MAGIC);
        writer.put(VERSION_AT, &FORMAT_VERSION.to_le_bytes());
        writer.put(COUNT_AT, &(count as u32).to_le_bytes());
        writer.put(KEY_AT, key);
        writer.put(METADATA_AT, &(metadata_at as u64).to_le_bytes());
        writer.put(METADATA_AT + 8, &(metadata.len() as u64).to_le_bytes());
        writer
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The next image.
    ///
    /// # Panics
    /// If there are as many already as was said.
    pub fn push(&mut self, image: &ImageBytes) {
        assert!(self.images < self.count, "a bundle has as many images as was said");
        let offset = self.bytes.len().next_multiple_of(1 << PAGE_LOG2);
        self.bytes.resize(offset, 0);
        self.bytes.extend_from_slice(image.as_bytes());
        let at = TABLE_AT + self.images * ENTRY_BYTES;
        self.put(at, &(offset as u64).to_le_bytes());
        self.put(at + 8, &(image.as_bytes().len() as u64).to_le_bytes());
        self.images += 1;
    }

    /// The bytes of the file.
    ///
    /// # Panics
    /// If there are not as many images as was said.
    pub fn finish(mut self) -> Vec<u8> {
        assert_eq!(self.images, self.count, "a bundle has as many images as was said");
        self.put(LENGTH_AT, &(self.bytes.len() as u64).to_le_bytes());
        let checksum = checksum_of(&self.bytes[..self.head_bytes]);
        self.put(CHECKSUM_AT, &checksum.to_le_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn bundle() -> Vec<u8> {
        let mut writer = BundleWriter::new(&KEY, b"what is known of it", 2);
        for image in [&b"one image"[..], b"another"] {
            writer.push(&ImageBytes(image.to_vec()));
        }
        writer.finish()
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = bundle();
        let header = BundleHeader::read(&bytes, bytes.len() as u64, Some(&KEY)).unwrap();
        assert_eq!(&bytes[header.metadata.clone()], b"what is known of it");
        let images = header.images.iter().map(|image| &bytes[image.start as usize..image.end as usize]);
        assert_eq!(images.collect::<Vec<_>>(), [&b"one image"[..], b"another"]);
        assert!(header.images.iter().all(|image| image.start.is_multiple_of(1 << PAGE_LOG2)));
        assert_eq!(head_end(&bytes), Some(header.metadata.end as u64));
        // The start is enough.
        assert_eq!(BundleHeader::read(&bytes[..header.metadata.end], bytes.len() as u64, None).unwrap(), header);
        assert!(matches!(BundleHeader::read(&bytes, bytes.len() as u64, Some(&[8; 32])), Err(ImageError::Key)));
    }

    #[test]
    fn what_was_damaged_is_refused() {
        let bytes = bundle();
        let len = bytes.len() as u64;
        let head = BundleHeader::read(&bytes, len, None).unwrap().metadata.end;
        for cut in 0..head {
            assert!(BundleHeader::read(&bytes[..cut], len, None).is_err(), "{cut}");
            assert!(BundleHeader::read(&bytes[..cut], cut as u64, None).is_err(), "{cut}");
            for change in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[cut] ^= change;
                assert!(BundleHeader::read(&damaged, len, None).is_err(), "{cut}");
                // Whoever mends the checksum gets no further than to other bytes of the file.
                let end = head_end(&damaged).and_then(|end| usize::try_from(end).ok());
                let Some(end) = end.filter(|end| (TABLE_AT..=damaged.len()).contains(end)) else { continue };
                let checksum = checksum_of(&damaged[..end]);
                damaged[CHECKSUM_AT..CHECKSUM_AT + 8].copy_from_slice(&checksum.to_le_bytes());
                if let Ok(header) = BundleHeader::read(&damaged, len, None) {
                    assert!(header.metadata.end <= damaged.len());
                    assert!(header.images.iter().all(|image| image.end <= len));
                }
            }
        }
    }
}
