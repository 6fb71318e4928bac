//! The small types of the witx definition: flags, file types, records, and their layouts in guest memory.

use crate::errno::Errno;
use crate::host::files::{self, OFlags, Stat};
use crate::memory::GuestMemory;

/// Which set of functions a module imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Snapshot {
    /// `wasi_snapshot_preview1`.
    Preview1,
    /// `wasi_unstable`, the snapshot before. Three things differ: the numbers of `whence`, the layout of `filestat`,
    /// and the layout of a clock subscription.
    Unstable,
}

impl Snapshot {
    /// Both, the newer one first.
    pub const ALL: [Snapshot; 2] = [Snapshot::Preview1, Snapshot::Unstable];

    /// The module name that guests import the functions from.
    pub const fn module_name(self) -> &'static str {
        match self {
            Snapshot::Preview1 => "wasi_snapshot_preview1",
            Snapshot::Unstable => "wasi_unstable",
        }
    }

    /// The snapshot that goes by this module name.
    pub fn from_module_name(name: &str) -> Option<Snapshot> {
        Snapshot::ALL.into_iter().find(|snapshot| snapshot.module_name() == name)
    }
}

/// What a descriptor refers to (witx `filetype`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FileType {
    #[default]
    Unknown,
    BlockDevice,
    CharacterDevice,
    Directory,
    RegularFile,
    SocketStream,
    SymbolicLink,
    /// A pipe.
    Fifo,
}

impl FileType {
    /// The number that the guest sees. There is none for a pipe; it is unknown. 5 is a datagram socket, which a guest never gets.
    pub(crate) const fn code(self) -> u8 {
        match self {
            FileType::Unknown | FileType::Fifo => 0,
            FileType::BlockDevice => 1,
            FileType::CharacterDevice => 2,
            FileType::Directory => 3,
            FileType::RegularFile => 4,
            FileType::SocketStream => 6,
            FileType::SymbolicLink => 7,
        }
    }
}

impl From<files::FileType> for FileType {
    fn from(host: files::FileType) -> FileType {
        use crate::host::files::FileType as Host;
        match host {
            Host::RegularFile => FileType::RegularFile,
            Host::Directory => FileType::Directory,
            Host::Symlink => FileType::SymbolicLink,
            Host::CharacterDevice => FileType::CharacterDevice,
            Host::BlockDevice => FileType::BlockDevice,
            // The host does not say which kind without another call; nearly all of them are streams.
            Host::Socket => FileType::SocketStream,
            Host::Fifo => FileType::Fifo,
            Host::Unknown => FileType::Unknown,
        }
    }
}

/// The type of the file that a `stat` call described.
pub(crate) fn file_type_of(stat: &Stat) -> FileType {
    files::FileType::from_raw_mode(stat.st_mode).into()
}

/// Device and inode of the file that a `stat` call described.
pub(crate) fn identity_of(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// A set of 16-bit or 32-bit flags: known bits, and failure for others where the definition leaves no room.
macro_rules! flags {
    ($(#[$doc:meta])* $vis:vis $name:ident: $repr:ty { $($flag:ident = $bits:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis struct $name($repr);

        #[allow(dead_code, reason = "the table is complete, the code need not use every row")]
        impl $name {
            $(#[allow(missing_docs, reason = "named as in the definition")] $vis const $flag: $name = $name($bits);)*

            /// The flags of a guest argument; unknown bits are an error.
            pub(crate) fn from_guest(bits: u32) -> Result<$name, Errno> {
                let known: $repr = 0 $(| $bits)*;
                match <$repr>::try_from(bits) {
                    Ok(bits) if bits & !known == 0 => Ok($name(bits)),
                    _ => Err(Errno::Inval),
                }
            }

            pub(crate) const fn bits(self) -> $repr {
                self.0
            }

            /// Whether all flags of the other are set.
            $vis const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            pub(crate) const fn intersects(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }

            /// The flags of both.
            $vis const fn union(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }
        }
    };
}

flags! {
    /// Flags of an open descriptor (witx `fdflags`).
    pub FdFlags: u16 {
        APPEND = 1;
        DSYNC = 2;
        NONBLOCK = 4;
        RSYNC = 8;
        SYNC = 16;
    }
}

flags! {
    /// How `path_open` opens (witx `oflags`).
    pub OpenFlags: u16 {
        CREAT = 1;
        DIRECTORY = 2;
        EXCL = 4;
        TRUNC = 8;
    }
}

flags! {
    /// How the last component of a path is looked up (witx `lookupflags`).
    pub(crate) LookupFlags: u32 {
        SYMLINK_FOLLOW = 1;
    }
}

flags! {
    /// Which timestamps to set, and to what (witx `fstflags`).
    pub(crate) TimeFlags: u16 {
        ATIM = 1;
        ATIM_NOW = 2;
        MTIM = 4;
        MTIM_NOW = 8;
    }
}

impl FdFlags {
    /// The host's flags for `open`. Linux gives `O_RSYNC` the meaning of `O_SYNC`.
    pub(crate) fn to_host(self) -> OFlags {
        let mut host = OFlags::empty();
        for (flag, bits) in [
            (FdFlags::APPEND, OFlags::APPEND),
            (FdFlags::DSYNC, files::DSYNC),
            (FdFlags::NONBLOCK, OFlags::NONBLOCK),
            (FdFlags::RSYNC, OFlags::SYNC),
            (FdFlags::SYNC, OFlags::SYNC),
        ] {
            if self.contains(flag) {
                host |= bits;
            }
        }
        host
    }

    /// What the host says about an open file. `O_SYNC` contains the bit of `O_DSYNC`, so the stronger is asked first.
    pub(crate) fn from_host(host: OFlags) -> FdFlags {
        let mut flags = FdFlags::default();
        if host.contains(OFlags::APPEND) {
            flags = flags.union(FdFlags::APPEND);
        }
        if host.contains(OFlags::NONBLOCK) {
            flags = flags.union(FdFlags::NONBLOCK);
        }
        if host.contains(OFlags::SYNC) {
            flags = flags.union(FdFlags::SYNC);
        } else if host.contains(files::DSYNC) {
            flags = flags.union(FdFlags::DSYNC);
        }
        flags
    }
}

/// Attributes of a file (witx `filestat`).
#[derive(Clone, Copy, Debug, Default)]
pub struct FileStat {
    /// Number of the device.
    pub dev: u64,
    /// Number of the file on its device.
    pub ino: u64,
    /// What it is.
    pub file_type: FileType,
    /// How many names it has.
    pub links: u64,
    /// In bytes.
    pub size: u64,
    /// Last read, in nanoseconds since 1970.
    pub accessed_ns: u64,
    /// Last change of the content.
    pub modified_ns: u64,
    /// Last change of content or attributes.
    pub changed_ns: u64,
}

impl From<&Stat> for FileStat {
    fn from(stat: &Stat) -> FileStat {
        FileStat {
            dev: stat.st_dev,
            ino: stat.st_ino,
            file_type: file_type_of(stat),
            // The width of `st_nlink` depends on the architecture.
            #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
            links: stat.st_nlink as u64,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            accessed_ns: timestamp_ns(stat.st_atime, stat.st_atime_nsec),
            modified_ns: timestamp_ns(stat.st_mtime, stat.st_mtime_nsec),
            changed_ns: timestamp_ns(stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

impl FileStat {
    /// Attributes of something that is not a file of the host.
    pub(crate) fn of_type(file_type: FileType) -> FileStat {
        FileStat { file_type, links: 1, ..FileStat::default() }
    }

    /// Size of the record in guest memory.
    pub(crate) const fn size_bytes(snapshot: Snapshot) -> u32 {
        match snapshot {
            Snapshot::Preview1 => 64,
            Snapshot::Unstable => 56,
        }
    }

    /// Writes the record. The older snapshot has a 32-bit link count, which moves all that follows.
    pub(crate) fn write(&self, mem: &GuestMemory<'_>, ptr: u32, snapshot: Snapshot) -> Result<(), Errno> {
        let mut record = [0; 64];
        record[0..8].copy_from_slice(&self.dev.to_le_bytes());
        record[8..16].copy_from_slice(&self.ino.to_le_bytes());
        record[16] = self.file_type.code();
        let tail = match snapshot {
            Snapshot::Preview1 => {
                record[24..32].copy_from_slice(&self.links.to_le_bytes());
                32
            }
            Snapshot::Unstable => {
                let links = u32::try_from(self.links).unwrap_or(u32::MAX);
                record[20..24].copy_from_slice(&links.to_le_bytes());
                24
            }
        };
        let fields = [self.size, self.accessed_ns, self.modified_ns, self.changed_ns];
        for (index, field) in fields.iter().enumerate() {
            let at = tail + index * 8;
            record[at..at + 8].copy_from_slice(&field.to_le_bytes());
        }
        mem.write_bytes(ptr, &record[..Self::size_bytes(snapshot) as usize])
    }
}

pub(crate) const NS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds since 1970. WASI cannot express times before; those become 0, and those beyond 2554 the maximum.
#[allow(clippy::useless_conversion, reason = "the host's types depend on the architecture")]
fn timestamp_ns(seconds: impl TryInto<u64>, nanoseconds: impl TryInto<u64>) -> u64 {
    let Ok(seconds) = seconds.try_into() else {
        return 0;
    };
    seconds.saturating_mul(NS_PER_SECOND).saturating_add(nanoseconds.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_names_round_trip() {
        for snapshot in Snapshot::ALL {
            assert_eq!(Snapshot::from_module_name(snapshot.module_name()), Some(snapshot));
        }
        assert_eq!(Snapshot::from_module_name("env"), None);
    }

    #[test]
    fn unknown_flags_are_refused() {
        assert_eq!(FdFlags::from_guest(31).unwrap().bits(), 31);
        assert_eq!(FdFlags::from_guest(32), Err(Errno::Inval));
        assert_eq!(FdFlags::from_guest(0x1_0000), Err(Errno::Inval));
        assert_eq!(LookupFlags::from_guest(2), Err(Errno::Inval));
    }

    #[test]
    fn fd_flags_round_trip_through_the_host() {
        for bits in [0, 1, 2, 4, 5, 16, 21] {
            let flags = FdFlags::from_guest(bits).unwrap();
            assert_eq!(FdFlags::from_host(flags.to_host()), flags);
        }
        let rsync = FdFlags::RSYNC.to_host();
        assert_eq!(FdFlags::from_host(rsync), FdFlags::SYNC);
    }

    #[test]
    fn extreme_timestamps_saturate() {
        assert_eq!(timestamp_ns(-1_i64, 5_i64), 0);
        assert_eq!(timestamp_ns(i64::MAX, 0_i64), u64::MAX);
        assert_eq!(timestamp_ns(2_i64, 5_i64), 2_000_000_005);
    }

    #[test]
    fn file_stat_layouts() {
        let stat = FileStat {
            dev: 1,
            ino: 2,
            file_type: FileType::RegularFile,
            links: 3,
            size: 5,
            accessed_ns: 6,
            modified_ns: 7,
            changed_ns: 8,
        };
        let mut bytes = vec![0xff; 64];
        let mem = GuestMemory::from_slice(&mut bytes);
        stat.write(&mem, 0, Snapshot::Preview1).unwrap();
        assert_eq!(mem.read_u8(16), Ok(4));
        for (index, want) in [1, 2, 4, 3, 5, 6, 7, 8].into_iter().enumerate() {
            assert_eq!(mem.read_u64(index as u32 * 8), Ok(want));
        }
        mem.write_bytes(0, &[0xff; 64]).unwrap();
        stat.write(&mem, 0, Snapshot::Unstable).unwrap();
        assert_eq!(mem.read_u32(20), Ok(3));
        for (index, want) in [5, 6, 7, 8].into_iter().enumerate() {
            assert_eq!(mem.read_u64(24 + index as u32 * 8), Ok(want));
        }
        assert_eq!(mem.read_u64(56), Ok(u64::MAX));
    }
}
