//! A `.tar.gz` whose bytes depend on nothing but what is in it.

use std::io::Write;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// A file of an archive, or a symbolic link.
pub(super) struct Entry {
    path: String,
    bytes: Vec<u8>,
    mode: u32,
    target: Option<String>,
}

impl Entry {
    /// A file that can be run.
    pub(super) fn program(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into(), mode: 0o755, target: None }
    }

    /// A file to read.
    pub(super) fn file(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into(), mode: 0o644, target: None }
    }

    /// Another name for a file of the same folder.
    pub(super) fn link(path: impl Into<String>, target: impl Into<String>) -> Self {
        Self { path: path.into(), bytes: Vec::new(), mode: 0o777, target: Some(target.into()) }
    }
}

/// Packs the entries below a folder of this name, in the order of their paths, with one time (in seconds since 1970) for all.
pub(super) fn pack(folder: &str, entries: &[Entry], time: u64) -> Result<Vec<u8>> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|one, other| one.path.cmp(&other.path));
    // The header of gzip would hold a time and the system of its writer.
    let gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    let mut tar = Builder::new(gzip);
    for entry in sorted {
        let mut header = Header::new_ustar();
        header.set_mode(entry.mode);
        header.set_mtime(time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(entry.bytes.len() as u64);
        let path = format!("{folder}/{}", entry.path);
        let packed = match &entry.target {
            Some(target) => {
                header.set_entry_type(EntryType::Symlink);
                tar.append_link(&mut header, &path, target)
            }
            None => {
                header.set_entry_type(EntryType::Regular);
                tar.append_data(&mut header, &path, &entry.bytes[..])
            }
        };
        packed.with_context(|| format!("cannot pack `{path}`"))?;
    }
    let mut gzip = tar.into_inner()?;
    gzip.flush()?;
    Ok(gzip.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn entries() -> Vec<Entry> {
        vec![Entry::file("share/b", "text"), Entry::program("bin/a", vec![0; 100_000]), Entry::link("share/c", "b")]
    }

    #[test]
    fn the_same_files_give_the_same_bytes_in_any_order() {
        let one = pack("x", &entries(), 7).unwrap();
        let mut turned = entries();
        turned.reverse();
        assert!(one == pack("x", &turned, 7).unwrap());
        assert!(one != pack("x", &entries(), 8).unwrap());
        assert!(one.len() < 1000, "{}", one.len());
    }

    #[test]
    fn what_is_packed_can_be_read() {
        let packed = pack("x", &entries(), 7).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&packed[..]));
        let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
            let mut entry = entry.unwrap();
            let (path, mode) = (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap());
            let time = entry.header().mtime().unwrap();
            let target = entry.link_name().unwrap().map(|target| target.display().to_string());
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (path, mode, time, bytes.len(), target)
        };
        let found: Vec<_> = tar.entries().unwrap().map(read).collect();
        let expected = [
            ("x/bin/a".to_owned(), 0o755, 7, 100_000, None),
            ("x/share/b".to_owned(), 0o644, 7, 4, None),
            ("x/share/c".to_owned(), 0o777, 7, 0, Some("b".to_owned())),
        ];
        assert_eq!(found, expected);
    }
}
