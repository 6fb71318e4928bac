//! Mapping the artifact of a component, and whatever an artifact file is.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use wasmer_runtime_core::image::ImageError;
use wasmer_runtime_core::image::bundle::{BundleHeader, is_bundle};

use super::Image;
use super::head::Head;

/// The artifact of a component: the images of its core modules, mapped from one file.
#[derive(Debug)]
pub struct Bundle {
    header: BundleHeader,
    /// The start of the file, in the process's own memory: what was checked there stays as it is.
    head: Head,
    images: Vec<Image>,
}

/// What is in an artifact file: the first bytes say so.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub enum Artifact {
    /// The image of a module.
    Module(Image),
    /// The images of a component.
    Component(Bundle),
}

impl Artifact {
    /// Maps an artifact. With a `key`, it has to be the artifact of that key. What is checked and what is not [`Image::from_file`] says, of each image.
    ///
    /// # Safety
    /// As for [`Image::from_file`].
    pub unsafe fn from_file(file: File, key: Option<&[u8; 32]>) -> Result<Self, ImageError> {
        let part = 0..file.metadata()?.len();
        let head = Head::begin(&file, &part)?;
        let file = Arc::new(file);
        // SAFETY: the caller's promise.
        unsafe {
            if is_bundle(&head) {
                Bundle::from_head(&file, &part, head, key).map(Self::Component)
            } else {
                Image::from_part(&file, part, head, key).map(Self::Module)
            }
        }
    }

    /// Maps a copy of bytes that stand in no file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImageError> {
        if is_bundle(bytes) {
            Bundle::from_bytes(bytes).map(Self::Component)
        } else {
            Image::from_bytes(bytes).map(Self::Module)
        }
    }

    /// As [`Image::verify`], of all images.
    pub fn verify(&self) -> Result<(), ImageError> {
        self.images().iter().try_for_each(Image::verify)
    }

    /// As [`Image::check_processor`], of all images.
    pub fn check_processor(&self) -> Result<(), ImageError> {
        self.images().iter().try_for_each(Image::check_processor)
    }

    /// The images: of a module there is one, and a component may have none.
    pub fn images(&self) -> &[Image] {
        match self {
            Self::Module(image) => std::slice::from_ref(image),
            Self::Component(bundle) => &bundle.images,
        }
    }
}

impl Bundle {
    /// # Safety
    /// As for [`Image::from_file`].
    unsafe fn from_head(
        file: &Arc<File>,
        part: &Range<u64>,
        head: Head,
        key: Option<&[u8; 32]>,
    ) -> Result<Self, ImageError> {
        let head = head.of_bundle(file, part)?;
        let header = BundleHeader::read(&head, part.end - part.start, key)?;
        let map = |image: &Range<u64>| {
            let head = Head::begin(file, image)?;
            // SAFETY: the caller's promise.
            unsafe { Image::from_part(file, image.clone(), head, Some(&header.key)) }
        };
        let images = header.images.iter().map(map).collect::<Result<_, _>>()?;
        Ok(Self { header, head, images })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, ImageError> {
        let header = BundleHeader::read(bytes, bytes.len() as u64, None)?;
        let head = Head::copy(&bytes[..header.metadata.end])?;
        let map = |image: &Range<u64>| Image::from_bytes(&bytes[image.start as usize..image.end as usize]);
        let images = header.images.iter().map(map).collect::<Result<_, _>>()?;
        Ok(Self { header, head, images })
    }

    /// What is known of the component besides its modules. Its checksum was compared, and nothing else.
    pub fn metadata(&self) -> &[u8] {
        &self.head[self.header.metadata.clone()]
    }

    /// Length of the whole file in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.header.len
    }

    /// The images of the core modules, in the order of the component's.
    pub fn into_images(self) -> Vec<Image> {
        self.images
    }
}
