//! The descriptor table, and what a descriptor can stand for.

use crate::host::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io::{Read, Write};
use std::sync::Arc;

use crate::directory::Directory;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host::files::{self, OFlags};
use crate::readiness::Direction;
use crate::rights::Rights;
use crate::types::{FdFlags, FileType};

/// Numbers below are those of the standard streams.
const STANDARD_STREAMS: u32 = 3;

/// One open descriptor of the guest.
pub(crate) struct Descriptor {
    pub(crate) object: Object,
    /// What the guest is told. Only two of them mean anything here: whether the descriptor is open for reading and for writing.
    pub(crate) rights: Rights,
    /// What the guest is told about what it can open through this.
    pub(crate) inheriting: Rights,
    /// Name under which the guest finds this directory at start.
    pub(crate) preopen: Option<Vec<u8>>,
    /// Opened in a read-only directory: the answer to any change is [`Errno::Rofs`], as on a file system mounted read-only.
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
    /// A socket that waits for connections. Other processes may wait at it, too, so its flags are emulated as those of
    /// [`HostFile::shared_flags`].
    Listener(OwnedFd, FdFlags),
    /// A source of bytes in this process; always ready.
    Reader(Box<dyn Read + Send>),
    /// A sink of bytes in this process; always ready.
    Writer(Box<dyn Write + Send>),
}

/// A file of the host that is not a directory.
pub(crate) struct HostFile {
    /// A standard stream may be that of several guests.
    pub(crate) fd: Arc<OwnedFd>,
    pub(crate) file_type: FileType,
    /// `Some` for standard input, output and error of the host: other processes share the open file, so its flags must
    /// not change. The guest's flags are kept here and emulated.
    pub(crate) shared_flags: Option<FdFlags>,
}

impl Descriptor {
    /// The host's descriptor, if there is one behind this.
    pub(crate) fn host_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.object {
            Object::File(file) => Some(file.fd.as_fd()),
            Object::Dir(dir) => Some(dir.file.as_fd()),
            Object::Stream(fd) | Object::Listener(fd, _) => Some(fd.as_fd()),
            Object::Reader(_) | Object::Writer(_) => None,
        }
    }

    /// The flags that the guest sees. Those of a directory are of no interest; the host sets some of its own.
    pub(crate) fn flags(&self) -> WasiResult<FdFlags> {
        match &self.object {
            Object::File(HostFile { fd, shared_flags: Some(shared), .. }) => shared_flags(*shared, fd.as_fd()),
            Object::Listener(fd, shared) => shared_flags(*shared, fd.as_fd()),
            Object::File(HostFile { fd, shared_flags: None, .. }) => Ok(FdFlags::from_host(files::fcntl_getfl(fd)?)),
            Object::Stream(fd) => Ok(FdFlags::from_host(files::fcntl_getfl(fd)?)),
            Object::Dir(_) | Object::Reader(_) | Object::Writer(_) => Ok(FdFlags::default()),
        }
    }

    pub(crate) fn file_type(&self) -> FileType {
        match &self.object {
            Object::File(file) => file.file_type,
            Object::Dir(_) => FileType::Directory,
            Object::Stream(_) | Object::Listener(..) => FileType::SocketStream,
            Object::Reader(_) | Object::Writer(_) => FileType::Unknown,
        }
    }

    /// Fails unless bytes can be transferred in this direction, with what POSIX says of `read` and `write`.
    pub(crate) fn require_open_for(&self, direction: Direction) -> Result<(), Errno> {
        match (&self.object, direction) {
            (Object::Dir(_), Direction::Read) => Err(Errno::Isdir),
            (Object::Listener(..), _) => Err(Errno::Notconn),
            _ if self.rights.contains(direction.right()) => Ok(()),
            _ => Err(Errno::Badf),
        }
    }

    /// The host's file, for an operation that changes it otherwise than by writing. What stands behind a standard stream is not the
    /// guest's: only what it writes goes there.
    pub(crate) fn file_to_change(&self) -> Result<BorrowedFd<'_>, Errno> {
        if self.read_only {
            return Err(Errno::Rofs);
        }
        match &self.object {
            Object::File(file) if file.shared_flags.is_none() => Ok(file.fd.as_fd()),
            Object::Dir(dir) => Ok(dir.file.as_fd()),
            Object::File(_) | Object::Stream(_) | Object::Listener(..) | Object::Reader(_) | Object::Writer(_) => {
                Err(Errno::Badf)
            }
        }
    }

    /// The directory behind this descriptor, for looking up a path.
    pub(crate) fn dir(&self) -> Result<&Directory, Errno> {
        match &self.object {
            Object::Dir(dir) => Ok(dir),
            _ => Err(Errno::Notdir),
        }
    }
}

/// The flags of what others share: those of the host, but whether it blocks is the guest's choice.
pub(crate) fn shared_flags(shared: FdFlags, fd: BorrowedFd<'_>) -> WasiResult<FdFlags> {
    let host = files::fcntl_getfl(fd)? - OFlags::NONBLOCK;
    Ok(FdFlags::from_host(host).union(shared))
}

/// The guest's descriptors by number.
pub(crate) struct FdTable {
    slots: Vec<Option<Descriptor>>,
    /// No free slot is below this.
    first_free_hint: usize,
    /// How many slots there may be.
    descriptors_max: usize,
}

impl FdTable {
    /// An empty table for at most so many descriptors.
    pub(crate) fn new(descriptors_max: usize) -> FdTable {
        FdTable { slots: Vec::new(), first_free_hint: 0, descriptors_max }
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// Every open descriptor with its number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Descriptor)> {
        (0..).zip(&self.slots).filter_map(|(fd, slot)| Some((fd, slot.as_ref()?)))
    }

    /// Fails with [`Errno::Mfile`] when no further descriptor fits; to be asked before anything is created.
    pub(crate) fn check_room(&self) -> Result<(), Errno> {
        if self.lowest_free() < self.descriptors_max { Ok(()) } else { Err(Errno::Mfile) }
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

    /// Moves `from` over `to` and closes what was there. Both must be open, but for a standard stream: Yosys moves its output away and other
    /// descriptors into its place. The same number twice changes nothing.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        if to >= STANDARD_STREAMS || to as usize >= self.slots.len() {
            self.get(to)?;
        }
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

    const MAX: usize = 100;

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
        let mut table = FdTable::new(MAX);
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
        let mut table = FdTable::new(MAX);
        for _ in 0..MAX {
            table.insert(null()).unwrap();
        }
        assert_eq!(table.insert(null()), Err(Errno::Mfile));
        table.remove(77).unwrap();
        assert_eq!(table.insert(null()), Ok(77));
    }

    #[test]
    fn descriptors_are_moved_over_open_ones_and_standard_streams() {
        let mut table = FdTable::new(MAX);
        let [a, b, c, d] = [(); 4].map(|()| table.insert(null()).unwrap());
        assert_eq!(table.renumber(d, d), Ok(()));
        for closed in [d + 1, MAX as u32 - 1, MAX as u32, u32::MAX] {
            assert_eq!(table.renumber(d, closed), Err(Errno::Badf));
        }
        assert_eq!(table.renumber(b, d), Ok(()));
        assert_eq!(table.renumber(b, d), Err(Errno::Badf));
        assert_eq!(table.renumber(d, b), Ok(()), "the number of a standard stream");
        assert_eq!(table.renumber(c, d), Err(Errno::Badf), "a closed number");
        for open in [a, b, c] {
            assert!(table.get(open).is_ok(), "{open}");
        }
        assert_eq!(table.insert(null()), Ok(d), "the lowest number");
    }
}
