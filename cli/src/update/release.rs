//! What a release offers: the list of its archives with their checksums, `SHA256SUMS`.

use std::fmt;
use std::io::Read;
use std::str::FromStr;

use anyhow::{Context, bail};

use super::source::Source;

/// The list, as `sha256sum` writes it.
const LIST: &str = "SHA256SUMS";
const LIST_BYTES_MAX: u64 = 64 << 10;

/// A version, `MAJOR.MINOR.PATCH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u64; 3]);

impl Version {
    /// This program's.
    pub(super) fn here() -> Self {
        env!("CARGO_PKG_VERSION").parse().unwrap_or(Self([0; 3]))
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<u64> = text.split('.').map(|part| part.parse().map_err(drop)).collect::<Result<_, _>>()?;
        parts.try_into().map(Self).map_err(drop)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// An archive of the list: `wasmer-VERSION-MACHINE-SYSTEM.tar.gz`, or `…-llvm.tar.gz` with LLVM's compile worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Archive {
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) has_llvm: bool,
    pub(super) sha256: [u8; 32],
}

/// Reads the list.
pub(super) fn read(source: &Source) -> anyhow::Result<Vec<Archive>> {
    let mut text = String::new();
    let list = source.open(LIST)?.take(LIST_BYTES_MAX + 1).read_to_string(&mut text);
    list.with_context(|| format!("could not read `{LIST}` of {source}"))?;
    if text.len() as u64 > LIST_BYTES_MAX {
        bail!("`{LIST}` of {source} is too long to be a list of checksums");
    }
    Ok(archives(&text))
}

/// The archives of the list for this machine; lines about other files are no concern of ours.
fn archives(list: &str) -> Vec<Archive> {
    list.lines().filter_map(archive).collect()
}

fn archive(line: &str) -> Option<Archive> {
    let (sum, name) = line.split_once(' ')?;
    // The second character says how the file was read, which makes no difference here.
    let name = name.strip_prefix([' ', '*'])?;
    let mut sha256 = [0; 32];
    if sum.len() != 64 || !sum.is_ascii() || name.contains('/') {
        return None;
    }
    for (byte, digits) in sha256.iter_mut().zip(sum.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    let stem = name.strip_prefix("wasmer-")?.strip_suffix(".tar.gz")?;
    let (stem, has_llvm) = match stem.strip_suffix("-llvm") {
        Some(stem) => (stem, true),
        None => (stem, false),
    };
    let version = stem.strip_suffix(&format!("-{}-{}", std::env::consts::ARCH, std::env::consts::OS))?;
    Some(Archive { name: name.to_owned(), version: version.parse().ok()?, has_llvm, sha256 })
}

/// The archive to install: the named one, or the newest with what is installed now.
pub(super) fn choose<'a>(list: &'a [Archive], named: Option<&str>, needs_llvm: bool) -> anyhow::Result<&'a Archive> {
    let machine = format!("{} {}", std::env::consts::ARCH, std::env::consts::OS);
    if let Some(name) = named {
        let found = list.iter().find(|archive| archive.name == name);
        let found = found.with_context(|| format!("`{LIST}` has no line for `{name}` as an archive for {machine}"))?;
        if needs_llvm && !found.has_llvm {
            bail!(
                "`{name}` does not contain `wasmer-llvm`, which is installed here and has to be of the same version\n\
                 hint: take an archive whose name ends with `-llvm.tar.gz`, or remove `wasmer-llvm`"
            );
        }
        return Ok(found);
    }
    let newest = list.iter().filter(|archive| archive.has_llvm == needs_llvm).max_by_key(|archive| archive.version);
    newest.with_context(|| {
        let with = if needs_llvm { " with `wasmer-llvm`" } else { "" };
        format!("the release has no archive for {machine}{with}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str) -> String {
        format!("{}  {name}\n", "0a".repeat(32))
    }

    fn name(version: &str, end: &str) -> String {
        format!("wasmer-{version}-{}-{}{end}.tar.gz", std::env::consts::ARCH, std::env::consts::OS)
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let version = |text: &str| text.parse::<Version>();
        assert!(version("0.10.0").unwrap() > version("0.9.12").unwrap());
        assert_eq!(version("1.2.3").unwrap().to_string(), "1.2.3");
        for wrong in ["", "1", "1.2", "1.2.3.4", "1.2.x", "-1.2.3"] {
            assert_eq!(version(wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn the_newest_archive_of_this_machine_is_chosen() {
        let list: String = [
            name("0.9.0", ""),
            name("0.10.0", ""),
            name("0.11.0", "-llvm"),
            "wasmer-9.0.0-pdp11-linux.tar.gz".to_owned(),
            "install.sh".to_owned(),
        ]
        .iter()
        .map(|name| line(name))
        .collect();
        let list = archives(&format!("garbage\n{list}"));
        assert_eq!(list.len(), 3);
        assert_eq!(list[0].sha256, [10; 32]);
        assert_eq!(choose(&list, None, false).unwrap().version.to_string(), "0.10.0");
        assert_eq!(choose(&list, None, true).unwrap().version.to_string(), "0.11.0");
        assert_eq!(choose(&list, Some(&name("0.9.0", "")), false).unwrap().version.to_string(), "0.9.0");
        assert!(choose(&list, Some(&name("0.9.0", "")), true).unwrap_err().to_string().contains("wasmer-llvm"));
        assert!(choose(&list, Some("wasmer-1.0.0-x.tar.gz"), false).is_err());
        assert!(choose(&list[..2], None, true).is_err());
    }

    #[test]
    fn sums_that_are_none_are_no_archives() {
        let good = name("1.0.0", "");
        assert_eq!(archives(&line(&good)).len(), 1);
        for sum in ["", "0a", &"0".repeat(63), &"0".repeat(65), &"zz".repeat(32), &"é".repeat(32)] {
            assert_eq!(archives(&format!("{sum}  {good}\n")), [], "{sum}");
        }
        assert_eq!(archives(&line(&format!("../{good}"))), []);
    }
}
