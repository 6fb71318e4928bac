//! Artifact images: one position-independent file with everything that a module needs to run.
//!
//! Compiling always produces the bytes of an image ([`ImageBytes`]), running always maps one (`wasmer_vm::image`); a fresh module and a
//! cached one are the same thing. The format is described byte by byte in `docs/image-format.md`.

mod build;
pub mod bundle;
mod check;
mod fold;
pub mod handlers;
pub mod header;
pub mod indices;
mod link;
pub mod metadata;
pub mod pairs;

pub(crate) use build::{Made, build, build_apart};
pub use fold::InitialPages;
pub use header::FORMAT_VERSION;
pub(crate) use link::{link, relocate};

use header::{Header, Section, checksum};

use crate::cpu::CpuFeatures;

/// The bytes of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageBytes(Vec<u8>);

impl ImageBytes {
    /// The bytes, as they go to a file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same, to keep.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Takes bytes that another process made. They must be a whole image, undamaged, and carry `key`.
    pub fn verified(bytes: Vec<u8>, key: &[u8; 32]) -> Result<Self, ImageError> {
        let header = Header::read(&bytes, bytes.len() as u64, Some(key))?;
        header.metadata(&bytes, &bytes[header.section(Section::Indices).range()])?;
        header.verify(|section| Ok(checksum(&bytes[header.section(section).range()])))?;
        Ok(Self(bytes))
    }
}

/// Why a file is not an image that can be used.
///
/// ```
/// use wasmer_runtime_core::image::{ImageBytes, ImageError};
///
/// let error = ImageBytes::verified(vec![0; 4096], &[0; 32]).err().unwrap();
/// assert!(matches!(error, ImageError::Magic));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// It could not be read or mapped.
    #[error("could not map the artifact: {0}")]
    Io(std::io::Error),
    /// It does not start like an image.
    #[error("not a compiled artifact of this program")]
    Magic,
    /// It was made by another version.
    #[error("the artifact has format version {found}, not {FORMAT_VERSION}: compile the module again")]
    Version {
        /// The version that it names.
        found: u32,
    },
    /// It is another module's, or was made with other settings.
    #[error("the artifact is another one than its name says")]
    Key,
    /// Its code is for machines of another kind.
    #[error("the artifact is for another architecture: compile the module again on this one")]
    Architecture,
    /// Its code needs what this machine's processor lacks.
    #[error(
        "the artifact needs a processor with {missing}, which this one lacks\n\
         hint: compile the module on this machine, or for older ones with `wasmer compile --cpu {}`",
        CpuFeatures::host().level().name()
    )]
    Processor {
        /// What it lacks.
        missing: CpuFeatures,
    },
    /// It was cut off, or extended.
    #[error("the artifact is {found} bytes long and says {expected}")]
    Length {
        /// What its header says.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// Its bytes were changed.
    #[error("the artifact is damaged: {0}")]
    Damaged(&'static str),
}

/// By hand, because the message names the cause: as a source, too, it would be printed twice.
impl From<std::io::Error> for ImageError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
