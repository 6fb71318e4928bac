//! Programs in images of containers: the one module in a layer, which is an archive.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use anyhow::{Context, bail};
use flate2::bufread::MultiGzDecoder;
use tar::{Archive as Tar, EntryType};

use super::PROGRAM_BYTES_MAX;
use super::manifest::Packing;
use super::sink::{MAGIC, Sink};

/// An archive is unpacked no further. A little of it can become much.
const UNPACKED_BYTES_MAX: u64 = PROGRAM_BYTES_MAX + (64 << 20);

/// Writes the program that is in a layer. What it is called, and where it would stand, does not matter.
pub(super) fn unpack(mut layer: &File, packing: Packing, program: &mut Sink<'_>) -> anyhow::Result<()> {
    layer.rewind()?;
    let packed = BufReader::new(layer);
    let unpacked: Box<dyn Read> = match packing {
        Packing::TarGz => Box::new(MultiGzDecoder::new(packed)),
        Packing::Tar | Packing::None => Box::new(packed),
    };
    let mut tar = Tar::new(unpacked.take(UNPACKED_BYTES_MAX));
    let mut found = 0;
    let is_broken = "its layer is not an archive, or damaged";
    // Names are not put together from several entries: they may be as long as the archive.
    for entry in tar.entries()?.raw(true) {
        let mut entry = entry.context(is_broken)?;
        let mut start = Vec::new();
        (&mut entry).take(MAGIC.len() as u64).read_to_end(&mut start).context(is_broken)?;
        if entry.header().entry_type() != EntryType::Regular || start != MAGIC {
            continue;
        }
        found += 1;
        if found > 1 {
            bail!("there are several programs in its layer, and which one is meant is not said");
        }
        io::copy(&mut start.as_slice().chain(entry), program).context("could not unpack its layer")?;
    }
    match found {
        0 => bail!("there is no program of WebAssembly in its layer"),
        _ => Ok(()),
    }
}
