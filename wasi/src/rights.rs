//! Rights: what a guest is told a descriptor may be used for (witx type `rights`).
//!
//! They were taken out of WASI again, and no C library sets them with care, so they are told and not enforced
//! (`docs/adr/0017-rights-are-told-not-enforced.md`). Two mean something: whether a descriptor is open for reading, and whether for writing.

/// A set of rights.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rights(u64);

macro_rules! rights_table {
    ($($name:ident = $bit:literal;)*) => {
        impl Rights {
            $(
                #[doc = concat!("The right `", stringify!($name), "`.")]
                pub const $name: Rights = Rights(1 << $bit);
            )*

            const NAMES: &[(Rights, &str)] = &[$((Rights::$name, stringify!($name)),)*];
        }
    };
}

rights_table! {
    FD_DATASYNC = 0;
    FD_READ = 1;
    FD_SEEK = 2;
    FD_FDSTAT_SET_FLAGS = 3;
    FD_SYNC = 4;
    FD_TELL = 5;
    FD_WRITE = 6;
    FD_ADVISE = 7;
    FD_ALLOCATE = 8;
    PATH_CREATE_DIRECTORY = 9;
    PATH_CREATE_FILE = 10;
    PATH_LINK_SOURCE = 11;
    PATH_LINK_TARGET = 12;
    PATH_OPEN = 13;
    FD_READDIR = 14;
    PATH_READLINK = 15;
    PATH_RENAME_SOURCE = 16;
    PATH_RENAME_TARGET = 17;
    PATH_FILESTAT_GET = 18;
    PATH_FILESTAT_SET_SIZE = 19;
    PATH_FILESTAT_SET_TIMES = 20;
    FD_FILESTAT_GET = 21;
    FD_FILESTAT_SET_SIZE = 22;
    FD_FILESTAT_SET_TIMES = 23;
    PATH_SYMLINK = 24;
    PATH_REMOVE_DIRECTORY = 25;
    PATH_UNLINK_FILE = 26;
    POLL_FD_READWRITE = 27;
    SOCK_SHUTDOWN = 28;
    SOCK_ACCEPT = 29;
}

impl Rights {
    /// No right at all.
    pub const NONE: Rights = Rights(0);

    /// What makes sense for a regular file.
    pub const REGULAR_FILE: Rights = Rights::FD_DATASYNC
        .union(Rights::FD_READ)
        .union(Rights::FD_SEEK)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_SYNC)
        .union(Rights::FD_TELL)
        .union(Rights::FD_WRITE)
        .union(Rights::FD_ADVISE)
        .union(Rights::FD_ALLOCATE)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_SIZE)
        .union(Rights::FD_FILESTAT_SET_TIMES)
        .union(Rights::POLL_FD_READWRITE);

    /// What makes sense for a terminal. Without the rights to seek: C libraries take a character device that cannot
    /// seek for a terminal, and one that can for something else.
    pub const TERMINAL: Rights = Rights::FD_READ
        .union(Rights::FD_WRITE)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::POLL_FD_READWRITE);

    /// What makes sense for a directory. `FD_SYNC` is among them because databases flush directories; truncating by path is no function of
    /// preview 1.
    pub const DIRECTORY: Rights = Rights::FD_DATASYNC
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_SYNC)
        .union(Rights::FD_ADVISE)
        .union(Rights::PATH_CREATE_DIRECTORY)
        .union(Rights::PATH_CREATE_FILE)
        .union(Rights::PATH_LINK_SOURCE)
        .union(Rights::PATH_LINK_TARGET)
        .union(Rights::PATH_OPEN)
        .union(Rights::FD_READDIR)
        .union(Rights::PATH_READLINK)
        .union(Rights::PATH_RENAME_SOURCE)
        .union(Rights::PATH_RENAME_TARGET)
        .union(Rights::PATH_FILESTAT_GET)
        .union(Rights::PATH_FILESTAT_SET_TIMES)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_TIMES)
        .union(Rights::PATH_SYMLINK)
        .union(Rights::PATH_REMOVE_DIRECTORY)
        .union(Rights::PATH_UNLINK_FILE);

    /// Everything that can be reached through a directory; what a preopened directory passes on.
    pub const INHERITED: Rights = Rights::DIRECTORY.union(Rights::REGULAR_FILE);

    /// What makes sense for a connected socket.
    pub const STREAM_SOCKET: Rights = Rights::FD_READ
        .union(Rights::FD_WRITE)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::POLL_FD_READWRITE)
        .union(Rights::SOCK_SHUTDOWN);

    /// What makes sense for a socket that waits for connections.
    pub const LISTENING_SOCKET: Rights = Rights::FD_FDSTAT_SET_FLAGS
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::POLL_FD_READWRITE)
        .union(Rights::FD_READ)
        .union(Rights::SOCK_SHUTDOWN)
        .union(Rights::SOCK_ACCEPT);

    /// Rights that need the host file to be open for writing.
    pub(crate) const NEEDS_WRITE_ACCESS: Rights =
        Rights::FD_WRITE.union(Rights::FD_ALLOCATE).union(Rights::FD_FILESTAT_SET_SIZE);

    /// The set with these bits; unknown ones are dropped.
    pub fn from_bits(bits: u64) -> Rights {
        Rights(bits & ((1 << Rights::NAMES.len()) - 1))
    }

    /// The bits that the guest sees.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Both sets together.
    pub const fn union(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    /// What both sets have.
    pub const fn intersection(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }

    /// This set without the other.
    pub const fn without(self, other: Rights) -> Rights {
        Rights(self.0 & !other.0)
    }

    /// Whether `other` is a subset of this set.
    pub const fn contains(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the sets have anything in common.
    pub const fn intersects(self, other: Rights) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::fmt::Debug for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut set = f.debug_set();
        for (right, name) in Rights::NAMES {
            if self.contains(*right) {
                set.entry(&format_args!("{name}"));
            }
        }
        set.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_bits_are_dropped() {
        assert_eq!(Rights::from_bits(u64::MAX).bits(), (1 << 30) - 1);
        assert_eq!(Rights::from_bits(1 << 40), Rights::NONE);
    }

    #[test]
    fn a_directory_is_not_a_file() {
        let directory = Rights::DIRECTORY;
        assert!(!directory.intersects(Rights::NEEDS_WRITE_ACCESS));
        assert!(!directory.intersects(Rights::FD_SEEK.union(Rights::FD_TELL)));
        assert!(Rights::INHERITED.contains(Rights::REGULAR_FILE));
    }

    #[test]
    fn debug_names_the_rights() {
        let rights = Rights::FD_READ.union(Rights::SOCK_ACCEPT);
        assert_eq!(format!("{rights:?}"), "{FD_READ, SOCK_ACCEPT}");
    }
}
