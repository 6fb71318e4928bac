//! Records of the store: a line of text kept as the target of a symbolic link.
//!
//! A link is read with one system call. It appears whole or not at all, so a killed writer leaves no half of one. No record is ever followed
//! as a link.

use std::fmt::Write as _;
use std::io;

use crate::fs::{self, AtFlags, BorrowedFd, Errno, is_ours, readlinkat, renameat, statat, symlinkat, unlinkat};
use crate::identity::FileIdentity;
use crate::key::{ContentHash, PackageSum};
use crate::temporary::MARK;

/// That a file with this identity has these bytes, and when that was last of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoRecord {
    /// Which file.
    pub identity: FileIdentity,
    /// Its hash.
    pub content: ContentHash,
    /// Days since 1970 of the last use.
    pub day: u64,
}

/// That an artifact file with this identity passed its checksum, and when it was last used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseRecord {
    /// Which file.
    pub identity: FileIdentity,
    /// Days since 1970 of the last use.
    pub day: u64,
}

/// Which module an artifact was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginRecord {
    /// Its hash.
    pub content: ContentHash,
    /// The name of its file, as it was given: for people.
    pub name: String,
}

/// How much a module has run on code that could be better, and what was tried to make better code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunRecord {
    /// Runs since the last try.
    pub runs: u64,
    /// Processor time of those runs in microseconds.
    pub ran_us: u64,
    /// How often a finisher began and did not get to the end.
    pub tries: u32,
    /// What the last one failed of, if it could say so.
    pub failure: String,
}

impl MemoRecord {
    /// The name of the record of a file.
    pub fn name(identity: &FileIdentity) -> String {
        format!("{:x}-{:x}", identity.device, identity.inode)
    }

    /// The text form.
    pub fn encode(&self) -> String {
        format!("{} {} {}", encode_identity(&self.identity), self.day, self.content)
    }

    /// Reads the text form; none if it is damaged.
    pub fn decode(text: &[u8]) -> Option<Self> {
        let (identity, rest) = decode_identity(text)?;
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let (day, content) = (std::str::from_utf8(&rest[..space]).ok()?, &rest[space + 1..]);
        Some(Self { identity, content: ContentHash::from_hex(content)?, day: day.parse().ok()? })
    }
}

impl UseRecord {
    /// The text form.
    pub fn encode(&self) -> String {
        format!("{} {}", encode_identity(&self.identity), self.day)
    }

    /// Reads the text form; none if it is damaged.
    pub fn decode(text: &[u8]) -> Option<Self> {
        let (identity, rest) = decode_identity(text)?;
        Some(Self { identity, day: std::str::from_utf8(rest).ok()?.parse().ok()? })
    }
}

/// What of a text goes into a record: a link's target has less than 4,096 bytes.
const TEXT_CHARS_MAX: usize = 900;

fn shortened(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(TEXT_CHARS_MAX).collect()
}

impl OriginRecord {
    /// The text form.
    pub fn encode(&self) -> String {
        format!("{} {}", self.content, shortened(&self.name))
    }

    /// Reads the text form; none if it is damaged.
    pub fn decode(text: &[u8]) -> Option<Self> {
        let (content, name) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        Some(Self { content: ContentHash::from_hex(content.as_bytes())?, name: name.to_owned() })
    }
}

impl RunRecord {
    /// The text form.
    pub fn encode(&self) -> String {
        format!("{} {} {} {}", self.runs, self.ran_us, self.tries, shortened(&self.failure))
    }

    /// Reads the text form; none if it is damaged.
    pub fn decode(text: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(text).ok()?.splitn(4, ' ');
        Some(Self {
            runs: parts.next()?.parse().ok()?,
            ran_us: parts.next()?.parse().ok()?,
            tries: parts.next()?.parse().ok()?,
            failure: parts.next()?.to_owned(),
        })
    }
}

/// What a reference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// By what it can be asked for without a change going unnoticed: the digest of a registry's manifest, or the sum of the bytes themselves.
    pub digest: PackageSum,
    /// The sum of the bytes that are run.
    pub content: PackageSum,
}

impl Pin {
    /// The text form, which ends with the reference: for people.
    pub(crate) fn encode(&self, reference: &str) -> String {
        format!("{} {} {}", self.digest, self.content, shortened(reference))
    }

    /// Reads the text form; none if it is damaged.
    pub(crate) fn decode(text: &[u8]) -> Option<Self> {
        let mut parts = text.splitn(3, |byte| *byte == b' ');
        let mut next = || PackageSum::from_hex(parts.next()?);
        Some(Self { digest: next()?, content: next()? })
    }
}

fn encode_identity(identity: &FileIdentity) -> String {
    let mut text = String::with_capacity(160);
    let FileIdentity { device, inode, size, modified_ns, changed_ns } = identity;
    write!(text, "{device:x} {inode:x} {size:x} {modified_ns} {changed_ns}").expect("strings grow");
    text
}

fn decode_identity(text: &[u8]) -> Option<(FileIdentity, &[u8])> {
    let mut parts = text.splitn(6, |byte| *byte == b' ');
    let mut next = || std::str::from_utf8(parts.next()?).ok();
    let identity = FileIdentity {
        device: u64::from_str_radix(next()?, 16).ok()?,
        inode: u64::from_str_radix(next()?, 16).ok()?,
        size: u64::from_str_radix(next()?, 16).ok()?,
        modified_ns: next()?.parse().ok()?,
        changed_ns: next()?.parse().ok()?,
    };
    Some((identity, parts.next()?))
}

/// Reads a record; none if there is none of ours: the folder may have been open to others once.
pub fn read(folder: BorrowedFd<'_>, name: impl fs::Arg + Copy) -> Option<Vec<u8>> {
    let target = readlinkat(folder, name, Vec::with_capacity(256)).ok()?;
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    if !is_ours(&stat) {
        return None;
    }
    Some(target.into_bytes())
}

/// How often a record is written that others write at the same time.
const ATTEMPTS: usize = 8;

/// Writes a record, replacing an earlier one. In between there is none for a moment, which is safe: what is not recorded is hashed or verified
/// again.
pub fn write(folder: BorrowedFd<'_>, name: &str, text: &str) -> io::Result<()> {
    for _ in 0..ATTEMPTS {
        match symlinkat(text, folder, name) {
            Err(Errno::EXIST) => match unlinkat(folder, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            },
            result => return Ok(result?),
        }
    }
    // Others keep writing it, and theirs says the same.
    Ok(())
}

/// Writes a record in one step, so that there is always the earlier one or this. Whoever writes the same name at the same time writes the same, or is kept
/// waiting by the caller.
pub(crate) fn replace(folder: BorrowedFd<'_>, name: &str, text: &str) -> io::Result<()> {
    let beside = format!("{}{name}", char::from(MARK));
    write(folder, &beside, text)?;
    match renameat(folder, &beside, folder, name) {
        // Another writer has given it its name.
        Err(Errno::NOENT) => Ok(()),
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: FileIdentity =
        FileIdentity { device: 0xfe00, inode: 77, size: 3, modified_ns: -5, changed_ns: 1_700_000_000_000_000_001 };

    #[test]
    fn records_round_trip() {
        let memo = MemoRecord { identity: IDENTITY, content: ContentHash::of(b"abc"), day: 20_000 };
        assert_eq!(MemoRecord::decode(memo.encode().as_bytes()), Some(memo));
        let used = UseRecord { identity: IDENTITY, day: 20_000 };
        assert_eq!(UseRecord::decode(used.encode().as_bytes()), Some(used));
        let origin = OriginRecord { content: ContentHash::of(b"abc"), name: "a file.wasm".to_owned() };
        assert_eq!(OriginRecord::decode(origin.encode().as_bytes()), Some(origin));
        let pin = Pin { digest: PackageSum([1; 32]), content: PackageSum([2; 32]) };
        assert_eq!(Pin::decode(pin.encode("oci://host/name:tag").as_bytes()), Some(pin));
        assert_eq!(Pin::decode(&pin.encode("").as_bytes()[..100]), None);
        for failure in ["", "the worker was ended by signal 9"] {
            let runs = RunRecord { runs: 3, ran_us: 1_500_000, tries: 1, failure: failure.to_owned() };
            assert_eq!(RunRecord::decode(runs.encode().as_bytes()), Some(runs));
        }
    }

    #[test]
    fn texts_of_strangers_fit_a_record() {
        let name = "\u{1b}[2J\0\n".to_owned() + &"\u{10348}".repeat(5000);
        let text = OriginRecord { content: ContentHash::of(b"abc"), name }.encode();
        assert!(text.len() < 4096 && !text.contains(char::is_control));
        assert!(OriginRecord::decode(text.as_bytes()).is_some_and(|origin| origin.name.starts_with("[2J\u{10348}")));
    }

    #[test]
    fn damaged_records_are_none() {
        let text = MemoRecord { identity: IDENTITY, content: ContentHash::of(b"abc"), day: 20_000 }.encode();
        for len in 0..text.len() {
            assert_eq!(MemoRecord::decode(&text.as_bytes()[..len]), None, "{len}");
        }
        assert_eq!(UseRecord::decode(b"1 2 3 4 5 x"), None);
        for text in [&b""[..], b"1", b"1 2 3", b"1 2 x f", b"-1 2 3 f", b"1 2 3 \xff", b"1 99999999999999999999 3 f"] {
            assert_eq!(RunRecord::decode(text), None);
        }
        for text in [&b""[..], b"ab name", b"\xff"] {
            assert_eq!(OriginRecord::decode(text), None);
        }
    }
}
