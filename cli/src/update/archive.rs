//! Fetching an archive and taking the programs out of it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};
use tar::{Archive as Tar, EntryType};

use super::release::Archive;
use super::source::Source;

/// An archive that is longer is none of ours.
const ARCHIVE_BYTES_MAX: u64 = 1 << 30;
/// So is a program.
const PROGRAM_BYTES_MAX: u64 = 1 << 30;

/// Fetches an archive to a file and compares its checksum.
pub(super) fn fetch(source: &Source, archive: &Archive, folder: &Path) -> anyhow::Result<File> {
    let failed = || format!("could not fetch `{}` of {source}", archive.name);
    let mut reader = source.open(&archive.name)?.take(ARCHIVE_BYTES_MAX + 1);
    let path = folder.join("archive");
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    let (mut hash, mut buffer, mut bytes) = (Sha256::new(), vec![0; 64 << 10], 0);
    loop {
        let count = reader.read(&mut buffer).with_context(failed)?;
        if count == 0 {
            break;
        }
        bytes += count as u64;
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count]).with_context(failed)?;
    }
    if bytes > ARCHIVE_BYTES_MAX {
        bail!("`{}` of {source} is too long to be a release", archive.name);
    }
    if hash.finalize()[..] != archive.sha256 {
        bail!(
            "`{}` of {source} has another checksum than its list says: it is damaged, incomplete or not the real one; \
             nothing was changed",
            archive.name
        );
    }
    file.rewind()?;
    Ok(file)
}

/// Writes those programs of an archive to a folder that are asked for; all of them must be there.
pub(super) fn unpack(archive: &File, programs: &[&'static str], folder: &Path) -> anyhow::Result<()> {
    let mut missing = programs.to_vec();
    let mut tar = Tar::new(GzDecoder::new(BufReader::new(archive)));
    for entry in tar.entries()? {
        let entry = entry?;
        let path = entry.path()?.into_owned();
        // `wasmer-…/bin/PROGRAM`; whatever else there is stays packed.
        let parts: Vec<_> = path.iter().collect();
        let [_, bin, name] = *parts else { continue };
        let Some(position) = missing.iter().position(|program| bin == "bin" && name == *program) else { continue };
        if entry.header().entry_type() != EntryType::Regular || entry.size() > PROGRAM_BYTES_MAX {
            bail!("`{}` in it is no program", path.display());
        }
        write(entry, &folder.join(missing.swap_remove(position)))?;
    }
    match missing[..] {
        [] => Ok(()),
        _ => bail!("there is no `{}` in it", missing.join("` and no `")),
    }
}

fn write(mut entry: impl Read, path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(path)?;
    io::copy(&mut entry, &mut file)?;
    file.sync_all()
}
