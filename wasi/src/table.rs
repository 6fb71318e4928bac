//! The descriptor table, and what a descriptor can stand for.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::errno::Errno;
use crate::fd_readdir::DirCursor;
use crate::rights::Rights;
use crate::types::{FdFlags, FileType};

/// One open descriptor of the guest.
pub(crate) struct Descriptor {
    pub(crate) object: Object,
    pub(crate) rights: Rights,
    pub(crate) inheriting: Rights,
    /// Name under which the guest finds this directory at start.
    pub(crate) preopen: Option<Vec<u8>>,
    /// Opened in a read-only directory. Rights say what kind of operation the guest asked for; this says that the
    /// answer to any change is [`Errno::Rofs`], as on a file system mounted read-only.
    pub(crate) read_only: bool,
}

/// What a descriptor stands for.
pub(crate) enum Object {
    /// A regular file, device or pipe of the host.
    File(HostFile),
    /// A directory of the host.
    Dir(Directory),
    /// A connected socket.
    Stream(OwnedFd),
    /// A socket that waits for connections.
    Listener(OwnedFd),
    /// A source of bytes in this process; always ready.
    Reader(Box<dyn Read + Send>),
    /// A sink of bytes in this process; always ready.
    Writer(Box<dyn Write + Send>),
}

/// A file of the host that is not a directory.
pub(crate) struct HostFile {
    pub(crate) fd: OwnedFd,
    pub(crate) file_type: FileType,
    /// `Some` for standard input, output and error of the host: other processes share the open file, so its flags must
    /// not change. The guest's flags are kept here and emulated.
    pub(crate) shared_flags: Option<FdFlags>,
}

/// A directory of the host. `File`, because that is what cap-primitives resolves paths from.
pub(crate) struct Directory {
    pub(crate) file: File,
    pub(crate) cursor: Option<Box<DirCursor>>,
}

impl Descriptor {
    /// The host's descriptor, if there is one behind this.
    pub(crate) fn host_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.object {
            Object::File(file) => Some(file.fd.as_fd()),
            Object::Dir(dir) => Some(dir.file.as_fd()),
            Object::Stream(fd) | Object::Listener(fd) => Some(fd.as_fd()),
            Object::Reader(_) | Object::Writer(_) => None,
        }
    }

    pub(crate) fn file_type(&self) -> FileType {
        match &self.object {
            Object::File(file) => file.file_type,
            Object::Dir(_) => FileType::Directory,
            Object::Stream(_) | Object::Listener(_) => FileType::SocketStream,
            Object::Reader(_) | Object::Writer(_) => FileType::Unknown,
        }
    }

    /// Fails with [`Errno::Notcapable`] unless the descriptor has all of `rights`.
    pub(crate) fn require(&self, rights: Rights) -> Result<(), Errno> {
        if self.rights.contains(rights) { Ok(()) } else { Err(Errno::Notcapable) }
    }

    /// Like [`Descriptor::require`], for an operation that changes something in the file system.
    pub(crate) fn require_change(&self, rights: Rights) -> Result<(), Errno> {
        if self.read_only {
            return Err(Errno::Rofs);
        }
        self.require(rights)
    }

    /// The directory behind this descriptor, for looking up a path.
    pub(crate) fn dir(&self) -> Result<&Directory, Errno> {
        match &self.object {
            Object::Dir(dir) => Ok(dir),
            _ => Err(Errno::Notdir),
        }
    }
}

/// The most descriptors a guest can have. The host's own limit is usually lower.
const DESCRIPTORS_MAX: usize = 1 << 16;

/// The guest's descriptors by number.
#[derive(Default)]
pub(crate) struct FdTable {
    slots: Vec<Option<Descriptor>>,
    /// No free slot is below this.
    first_free_hint: usize,
}

impl FdTable {
    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// Fails with [`Errno::Mfile`] when no further descriptor fits; to be asked before anything is created.
    pub(crate) fn check_room(&self) -> Result<(), Errno> {
        if self.lowest_free() < DESCRIPTORS_MAX { Ok(()) } else { Err(Errno::Mfile) }
    }

    fn lowest_free(&self) -> usize {
        (self.first_free_hint..self.slots.len())
            .find(|&index| self.slots[index].is_none())
            .unwrap_or(self.slots.len().max(self.first_free_hint))
    }

    /// Adds a descriptor under the lowest free number, as POSIX does and some guests expect.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        self.check_room()?;
        let index = self.lowest_free();
        if index == self.slots.len() {
            self.slots.push(Some(descriptor));
        } else {
            self.slots[index] = Some(descriptor);
        }
        self.first_free_hint = index + 1;
        Ok(index as u32)
    }

    pub(crate) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let descriptor = self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::Badf)?;
        self.first_free_hint = self.first_free_hint.min(fd as usize);
        Ok(descriptor)
    }

    /// Moves `from` over `to` and closes what was there. Both must be open; the same number twice changes nothing.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let moved = self.remove(from)?;
            self.slots[to as usize] = Some(moved);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null() -> Descriptor {
        Descriptor {
            object: Object::Reader(Box::new(std::io::empty())),
            rights: Rights::FD_READ,
            inheriting: Rights::NONE,
            preopen: None,
            read_only: false,
        }
    }

    #[test]
    fn the_lowest_number_is_used_again() {
        let mut table = FdTable::default();
        for want in 0..4 {
            assert_eq!(table.insert(null()), Ok(want));
        }
        table.remove(2).unwrap();
        table.remove(1).unwrap();
        assert_eq!(table.insert(null()), Ok(1));
        assert_eq!(table.insert(null()), Ok(2));
        assert_eq!(table.insert(null()), Ok(4));
        assert_eq!(table.remove(9).err(), Some(Errno::Badf));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut table = FdTable::default();
        for _ in 0..DESCRIPTORS_MAX {
            table.insert(null()).unwrap();
        }
        assert_eq!(table.insert(null()), Err(Errno::Mfile));
        table.remove(77).unwrap();
        assert_eq!(table.insert(null()), Ok(77));
    }

    #[test]
    fn renumber_needs_two_open_descriptors() {
        let mut table = FdTable::default();
        let a = table.insert(null()).unwrap();
        let b = table.insert(null()).unwrap();
        assert_eq!(table.renumber(a, a), Ok(()));
        assert!(table.get(a).is_ok());
        assert_eq!(table.renumber(a, 77), Err(Errno::Badf));
        assert!(table.get(a).is_ok());
        assert_eq!(table.renumber(a, b), Ok(()));
        assert_eq!(table.get(a).err(), Some(Errno::Badf));
        assert_eq!(table.renumber(a, a), Err(Errno::Badf));
        assert_eq!(table.insert(null()), Ok(a));
    }
}
