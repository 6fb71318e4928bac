//! The header of an image: what it is, whose it is, where its sections are.

use std::ops::Range;

use rkyv::rancor;
use twox_hash::XxHash3_64;

use crate::compiler::Abi;
use crate::cpu::{ARCHITECTURE, CpuFeatures, PAGE_LOG2};
use crate::image::ImageError;
use crate::image::metadata::ArchivedMetadata;
use crate::trap::TrapCode;

/// Version of the format. Part of every cache key: images of other versions are never looked at.
pub const FORMAT_VERSION: u32 = 10;

const MAGIC: [u8; 8] = *b"\x7fwart\r\n\x1a";

/// Bytes that the header takes; the metadata starts behind it.
pub const HEADER_BYTES: usize = 352;

/// Bytes of a page of the images that are made here.
pub const PAGE_ALIGN: usize = 1 << PAGE_LOG2;

/// The sizes of pages that an image may have: those of systems.
const PAGE_LOG2_RANGE: std::ops::RangeInclusive<u32> = 12..=16;

/// The largest of them in bytes.
pub const PAGE_BYTES_MAX: u64 = 1 << *PAGE_LOG2_RANGE.end();

const VERSION_AT: usize = 8;
const ABI_AT: usize = 12;
const LENGTH_AT: usize = 16;
const KEY_AT: usize = 24;
const CHECKSUM_AT: usize = 56;
const SECTIONS_AT: usize = 64;
const SECTION_BYTES: usize = 24;

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident, $align:tt;)*) => {
        /// A section, in the order of the file: what a start touches comes first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Section {
            $($(#[$doc])* $name,)*
        }

        impl Section {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Alignment of its start in the file, in bytes: that of pages, or less.
            pub const fn align(self, page_bytes: u64) -> u64 {
                match self { $(Self::$name => sections!(@ $align page_bytes),)* }
            }
        }
    };
    (@ page $page_bytes:ident) => { $page_bytes };
    (@ $align:literal $page_bytes:ident) => { $align };
}

sections! {
    /// [`crate::image::metadata::Metadata`], by rkyv.
    Metadata, 16;
    /// Arrays of 32-bit numbers, see [`crate::image::metadata::Lists`].
    Indices, 16;
    /// Machine code and its read-only data.
    Code, page;
    /// Initial contents of memories, in pages.
    Memory, page;
    /// Bytes of the data segments that are needed at run time.
    Data, 16;
    /// Start and function of every piece of code.
    Places, 16;
    /// [`crate::image::pairs`]: offset of an instruction, trap code.
    Traps, 16;
    /// [`crate::image::pairs`]: offset of code, offset in the module's bytes.
    Locations, 16;
    /// Function names.
    Names, 16;
    /// [`crate::image::handlers`]: calls that go on elsewhere when they throw.
    Handlers, 16;
    /// [`crate::image::pairs`]: offset of a function, registers that it saves for its caller.
    Saved, 16;
}

const SECTIONS: usize = Section::ALL.len();
const ARCHITECTURE_AT: usize = SECTIONS_AT + SECTIONS * SECTION_BYTES;
const FUEL_AT: usize = ARCHITECTURE_AT + 4;
const CPU_FEATURES_AT: usize = ARCHITECTURE_AT + 8;
const UNTABLED_FAULT_AT: usize = CPU_FEATURES_AT + 8;
const PAGE_LOG2_AT: usize = UNTABLED_FAULT_AT + 4;

const _: () = assert!(PAGE_LOG2_AT + 4 <= HEADER_BYTES && HEADER_BYTES.is_multiple_of(16));

/// Checksum of bytes: finds damage, not malice.
pub fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// Where a section is, and what its checksum is.
#[derive(Clone, Copy, Debug, Default)]
pub struct SectionEntry {
    /// Where it starts in the file, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// Of all sections but the metadata, which the header's checksum covers.
    pub checksum: u64,
}

impl SectionEntry {
    /// The bytes of the file that it takes.
    pub fn range(&self) -> Range<usize> {
        self.offset as usize..(self.offset + self.len) as usize
    }
}

/// A header's fields.
#[derive(Clone, Debug)]
pub struct Header {
    /// The convention of the code.
    pub abi: Abi,
    /// See [`BackendId::untabled_fault`](crate::compiler::BackendId::untabled_fault).
    pub untabled_fault: Option<TrapCode>,
    /// As [`ARCHITECTURE`].
    pub architecture: u32,
    /// As [`PAGE_LOG2`].
    pub page_log2: u32,
    /// All that the code may use of a processor.
    pub cpu_features: CpuFeatures,
    /// Whether the code uses up fuel.
    pub fuel: bool,
    /// The key that the image was made under.
    pub key: [u8; 32],
    /// Length of the whole file in bytes.
    pub len: u64,
    /// By [`Section`].
    pub sections: [SectionEntry; SECTIONS],
}

impl Header {
    /// Of code for this program's architecture.
    pub fn new(abi: Abi, cpu_features: CpuFeatures, key: [u8; 32]) -> Self {
        let sections = [SectionEntry::default(); SECTIONS];
        Self {
            abi,
            untabled_fault: None,
            architecture: ARCHITECTURE,
            page_log2: PAGE_LOG2,
            fuel: false,
            cpu_features,
            key,
            len: 0,
            sections,
        }
    }

    /// Bytes of a page: where code and memories start is a multiple of it, and extents of memories are counted in it.
    pub fn page_bytes(&self) -> u64 {
        1 << self.page_log2
    }

    /// Where a section is.
    pub fn section(&self, section: Section) -> &SectionEntry {
        &self.sections[section as usize]
    }

    /// Writes the header to the start of an image, last of all: it contains a checksum of the metadata.
    pub fn write(&self, image: &mut [u8]) {
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC);
        put(VERSION_AT, &FORMAT_VERSION.to_le_bytes());
        put(ABI_AT, &self.abi.number().to_le_bytes());
        put(LENGTH_AT, &self.len.to_le_bytes());
        put(KEY_AT, &self.key);
        put(ARCHITECTURE_AT, &self.architecture.to_le_bytes());
        put(CPU_FEATURES_AT, &self.cpu_features.bits().to_le_bytes());
        put(PAGE_LOG2_AT, &self.page_log2.to_le_bytes());
        put(FUEL_AT, &u32::from(self.fuel).to_le_bytes());
        put(UNTABLED_FAULT_AT, &self.untabled_fault.map_or(0, |code| code as u32).to_le_bytes());
        for (index, entry) in self.sections.iter().enumerate() {
            let at = SECTIONS_AT + index * SECTION_BYTES;
            put(at, &entry.offset.to_le_bytes());
            put(at + 8, &entry.len.to_le_bytes());
            put(at + 16, &entry.checksum.to_le_bytes());
        }
        let checksum = self.checksum(image);
        image[CHECKSUM_AT..CHECKSUM_AT + 8].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Of the header, without its checksum, and the metadata.
    fn checksum(&self, image: &[u8]) -> u64 {
        let parts = [
            checksum(&image[..CHECKSUM_AT]),
            checksum(&image[SECTIONS_AT..HEADER_BYTES]),
            checksum(&image[self.section(Section::Metadata).range()]),
        ];
        checksum(parts.map(u64::to_le_bytes).as_flattened())
    }

    /// Where a section of an image ends, going by the start of the image, of which nothing has been checked yet. None if the start is too short
    /// to tell.
    pub fn end_of(start: &[u8], section: Section) -> Option<u64> {
        let entry = start.get(..HEADER_BYTES)?;
        let [offset, len] = [0, 8].map(|field| read_u64(entry, SECTIONS_AT + section as usize * SECTION_BYTES + field));
        Some(offset.saturating_add(len))
    }

    /// Reads and checks the header of an image of `len` bytes, which starts with `image`: header and metadata at least.
    pub fn read(image: &[u8], len: u64, key: Option<&[u8; 32]>) -> Result<Self, ImageError> {
        if image.get(..MAGIC.len()) != Some(&MAGIC) {
            return Err(ImageError::Magic);
        }
        if image.len() < HEADER_BYTES {
            return Err(ImageError::Damaged("its header is cut off"));
        }
        let version = read_u32(image, VERSION_AT);
        if version != FORMAT_VERSION {
            return Err(ImageError::Version { found: version });
        }
        let expected = read_u64(image, LENGTH_AT);
        if expected != len {
            return Err(ImageError::Length { expected, found: len });
        }
        let abi =
            Abi::from_number(read_u32(image, ABI_AT)).ok_or(ImageError::Damaged("it names no calling convention"))?;
        let cpu_features = CpuFeatures::from_bits(read_u64(image, CPU_FEATURES_AT));
        let mut header = Self::new(abi, cpu_features, image[KEY_AT..KEY_AT + 32].try_into().expect("32 bytes"));
        header.architecture = read_u32(image, ARCHITECTURE_AT);
        header.fuel = match read_u32(image, FUEL_AT) {
            0 => false,
            1 => true,
            _ => return Err(ImageError::Damaged("it does not say whether its code uses fuel")),
        };
        header.untabled_fault = match read_u32(image, UNTABLED_FAULT_AT) {
            0 => None,
            number => {
                let code = u8::try_from(number).ok().and_then(TrapCode::from_number);
                Some(code.ok_or(ImageError::Damaged("it does not say what faults mean"))?)
            }
        };
        header.page_log2 = read_u32(image, PAGE_LOG2_AT);
        if !PAGE_LOG2_RANGE.contains(&header.page_log2) {
            return Err(ImageError::Damaged("it has pages of no system"));
        }
        header.len = len;
        let page_bytes = header.page_bytes();
        let mut end = HEADER_BYTES as u64;
        for (section, entry) in Section::ALL.iter().zip(&mut header.sections) {
            let at = SECTIONS_AT + *section as usize * SECTION_BYTES;
            let [offset, bytes, checksum] = [0, 8, 16].map(|field| read_u64(image, at + field));
            *entry = SectionEntry { offset, len: bytes, checksum };
            if offset < end || !offset.is_multiple_of(section.align(page_bytes)) {
                return Err(ImageError::Damaged("its sections are out of place"));
            }
            end = offset
                .checked_add(bytes)
                .filter(|end| *end <= len)
                .ok_or(ImageError::Damaged("a section leaves it"))?;
        }
        let is_whole = header.section(Section::Metadata).range().end <= image.len();
        if !is_whole || read_u64(image, CHECKSUM_AT) != header.checksum(image) {
            return Err(ImageError::Damaged("the checksum of its header does not fit"));
        }
        if key.is_some_and(|key| *key != header.key) {
            return Err(ImageError::Key);
        }
        Ok(header)
    }

    /// The metadata of an image, which starts with `head`, and whose section of indices is `indices`. It is well formed, and what it names is
    /// there.
    pub fn metadata<'a>(&self, head: &'a [u8], indices: &[u8]) -> Result<&'a ArchivedMetadata, ImageError> {
        let bytes = &head[self.section(Section::Metadata).range()];
        let metadata = rkyv::access::<ArchivedMetadata, rancor::Error>(bytes)
            .map_err(|_| ImageError::Damaged("its metadata is malformed"))?;
        if metadata.is_consistent(self, indices) {
            Ok(metadata)
        } else {
            Err(ImageError::Damaged("its metadata contradicts itself"))
        }
    }

    /// Compares the checksums of all sections with those that are found, but for the metadata's: it is a part of the header's.
    pub fn verify(&self, mut found: impl FnMut(Section) -> Result<u64, ImageError>) -> Result<(), ImageError> {
        for section in Section::ALL.iter().filter(|section| **section != Section::Metadata) {
            if found(*section)? != self.section(*section).checksum {
                return Err(ImageError::Damaged("a checksum does not fit"));
            }
        }
        Ok(())
    }
}

fn read_u32(image: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(image[at..at + 4].try_into().expect("4 bytes"))
}

fn read_u64(image: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(image[at..at + 8].try_into().expect("8 bytes"))
}
