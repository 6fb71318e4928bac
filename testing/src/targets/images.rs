//! Damage to compiled images: flipped bits, truncations, and sections of one image in the place of another's.

use std::sync::OnceLock;

use wasmer_runtime::Image;

use super::Verdict;
use super::modules::{engines, watchdog};
use crate::exercise::{Damage, damaged_image};
use crate::generate::{BASES, Random};

/// Bytes of one change: a kind, a place (32 bits, little endian) and what is changed there.
const CHANGE_BYTES: usize = 6;

/// Places in the header and the metadata are hit more often than their share.
const FRONT_BYTES: usize = 1500;

/// Images to damage, each with the position of its engine.
fn images() -> &'static [(usize, Vec<u8>)] {
    static IMAGES: OnceLock<Vec<(usize, Vec<u8>)>> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let mut images = Vec::new();
        for wat in BASES {
            let wasm = wat::parse_str(wat).expect("valid text");
            for (position, (_, engine)) in engines().iter().enumerate() {
                let image = engine.compile(&wasm, [0; 32], None).expect("a valid module");
                images.push((position, image.as_bytes().to_vec()));
            }
        }
        images
    })
}

/// The first byte says which image; every six others are a change.
pub(super) fn input(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed + 1);
    let changes = 1 + random.below(3);
    random.bytes(1 + changes * CHANGE_BYTES)[..1 + changes * CHANGE_BYTES].to_vec()
}

pub(super) fn judge(damage: &[u8]) -> Verdict {
    let [which, changes @ ..] = damage else { return Ok("no damage") };
    let which = usize::from(*which) % images().len();
    let (engine, image) = &images()[which];
    let mut damaged = image.clone();
    for change in changes.chunks_exact(CHANGE_BYTES) {
        let [kind, a, b, c, d, bits] = *change else { unreachable!("chunks of that size") };
        let place = u32::from_le_bytes([a, b, c, d]) as usize;
        match kind % 8 {
            0 => {
                damaged.truncate(place % image.len());
                return match Image::from_bytes(&damaged) {
                    Err(_) => Ok("refused"),
                    Ok(_) => Err(format!("{} of {} bytes were taken for an image", damaged.len(), image.len())),
                };
            }
            1 => graft(&mut damaged, &images()[usize::from(bits) % images().len()].1, place),
            2..5 => damaged[place % image.len().min(FRONT_BYTES)] ^= bits,
            _ => damaged[place % image.len()] ^= bits,
        }
    }
    if damaged == *image {
        return Ok("no damage");
    }
    Ok(match damaged_image(&engines()[*engine].1, image, &damaged, watchdog()) {
        Damage::Refused => "refused",
        Damage::Found => "found",
        Damage::Harmless => "harmless",
    })
}

/// A page of another image in the place of this one's. Not the first: a header that is whole, of an image as long, is found with what it describes.
fn graft(image: &mut [u8], other: &[u8], place: usize) {
    const PAGE: usize = 4096;
    let len = image.len().min(other.len());
    let at = (place % len / PAGE * PAGE).max(PAGE);
    let end = (at + PAGE).min(len);
    image[at..end].copy_from_slice(&other[at..end]);
}
