//! From a guest's path to something the host can act on, without leaving the granted directory.
//!
//! cap-primitives opens paths such that no component, `..` or symbolic link leads out of the starting directory. For
//! operations that act on a name instead of an open file (create, remove, rename, link) this module opens the directory
//! that holds the name in that way, and what remains is one component that no system call below follows.
//!
//! That component never carries a slash. The kernel follows a symbolic link whose name is given with a trailing slash,
//! even where it otherwise would not, and from there it may lead anywhere. What the slash asks for ("this must be a
//! directory") is checked here instead.

use std::fs::File;

use crate::ctx::Interrupt;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host::confined::{self, OpenOptions};
use crate::host::fd::{AsFd, BorrowedFd};
use crate::host::files::{self, AtFlags, OFlags, Stat, statat};
use crate::memory::GuestMemory;
use crate::types::{FileType, file_type_of};

/// The longest path, as on Linux. Also bounds what the host allocates for a guest's path.
const PATH_BYTES_MAX: usize = 4096;

/// Reads a path argument. Names are bytes on the host, so the guest's bytes are taken as they are: whatever
/// `fd_readdir` returned can be opened. A NUL cannot be part of a name.
pub(crate) fn read_path(mem: &GuestMemory<'_>, ptr: u32, len: u32) -> Result<Vec<u8>, Errno> {
    let path = mem.read_vec(ptr, len, PATH_BYTES_MAX)?;
    check_path(&path)?;
    Ok(path)
}

/// Checks a guest's path for what operations take: it is neither too long nor empty, and has no NUL.
pub fn check_path(path: &[u8]) -> Result<(), Errno> {
    if path.len() > PATH_BYTES_MAX {
        return Err(Errno::Nametoolong);
    }
    if path.contains(&0) {
        return Err(Errno::Inval);
    }
    if path.is_empty() { Err(Errno::Noent) } else { Ok(()) }
}

/// What the last component of a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafName<'p> {
    /// A name to act on; no slash, neither `.` nor `..`.
    Name(&'p [u8]),
    /// `.`, `..`, or nothing but slashes: a directory that is known under another name.
    Dot,
}

/// A path taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Split<'p> {
    parent: &'p [u8],
    name: LeafName<'p>,
    slash: bool,
}

fn split(path: &[u8]) -> Split<'_> {
    let end = path.iter().rposition(|&byte| byte != b'/');
    let trimmed = &path[..end.map_or(0, |last| last + 1)];
    let slash = trimmed.len() < path.len();
    let start = trimmed.iter().rposition(|&byte| byte == b'/');
    let (parent, name) = trimmed.split_at(start.map_or(0, |last| last + 1));
    match name {
        b"" | b"." | b".." => Split {
            // The whole path: it must be resolved to know whether it leads out.
            parent: path,
            name: LeafName::Dot,
            slash,
        },
        _ => Split { parent, name: LeafName::Name(name), slash },
    }
}

/// A name in an open directory.
pub(crate) struct Leaf<'a> {
    parent: Parent<'a>,
    /// What the path ended in.
    pub(crate) name: LeafName<'a>,
    /// Whether the path ended in a slash, which only a directory may.
    pub(crate) slash: bool,
}

enum Parent<'a> {
    Start(&'a File),
    Opened(File),
}

impl<'a> Leaf<'a> {
    /// Opens the directory that holds the last component of `path`.
    pub(crate) fn resolve(interrupt: &Interrupt, start: &'a File, path: &'a [u8]) -> WasiResult<Leaf<'a>> {
        let Split { parent, name, slash } = split(path);
        let parent = if parent.is_empty() {
            Parent::Start(start)
        } else {
            let opened = interrupt.retry_io(|| confined::open_dir(start, parent))?;
            Parent::Opened(not_of_processes(opened)?)
        };
        Ok(Leaf { parent, name, slash })
    }

    /// The directory.
    pub(crate) fn dir(&self) -> BorrowedFd<'_> {
        match &self.parent {
            Parent::Start(file) => file.as_fd(),
            Parent::Opened(file) => file.as_fd(),
        }
    }

    /// The name, or `dot` as the error if the path ended in `.` or `..`.
    pub(crate) fn name_or(&self, dot: Errno) -> Result<&'a [u8], Errno> {
        match self.name {
            LeafName::Name(name) => Ok(name),
            LeafName::Dot => Err(dot),
        }
    }

    /// The type of what has the name now, without following a symbolic link.
    pub(crate) fn file_type(&self, name: &[u8]) -> Result<FileType, Errno> {
        Ok(file_type_of(&statat(self.dir(), name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// If the path ended in a slash, fails unless the name is one of a directory.
    pub(crate) fn check_slash(&self, name: &[u8]) -> Result<(), Errno> {
        if self.slash && self.file_type(name)? != FileType::Directory {
            return Err(Errno::Notdir);
        }
        Ok(())
    }
}

/// The attributes of what a path leads to.
pub(crate) fn stat(interrupt: &Interrupt, start: &File, path: &[u8], follow: bool) -> WasiResult<Stat> {
    // One component and no link to follow: one call instead of three.
    if let Split { parent: b"", name: LeafName::Name(name), slash: false } = split(path) {
        let stat = statat(start, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if !follow || file_type_of(&stat) != FileType::SymbolicLink {
            return Ok(stat);
        }
    }
    Ok(files::fstat(open_path_only(interrupt, start, path, follow)?)?)
}

/// Opens a path for nothing but asking about it: no permission on the file is needed, and no device or pipe notices.
pub(crate) fn open_path_only(interrupt: &Interrupt, start: &File, path: &[u8], follow: bool) -> WasiResult<File> {
    let options = confined::options(true, false, follow, OFlags::PATH);
    open(interrupt, start, path, &options)
}

/// Opens a path inside `start`.
pub(crate) fn open(interrupt: &Interrupt, start: &File, path: &[u8], options: &OpenOptions) -> WasiResult<File> {
    not_of_processes(interrupt.retry_io(|| confined::open(start, path, options))?)
}

/// Passes on what lies on no file system of processes. There are the host process's environment and memory (`/proc/self/environ`,
/// `/proc/self/mem`), which no folder is granted for, not even `/`.
fn not_of_processes(file: File) -> WasiResult<File> {
    if confined::is_of_processes(&file)? { Err(Errno::Acces.into()) } else { Ok(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> (&str, &str, bool) {
        let split = split(path.as_bytes());
        let name = match split.name {
            LeafName::Name(name) => std::str::from_utf8(name).unwrap(),
            LeafName::Dot => "",
        };
        (std::str::from_utf8(split.parent).unwrap(), name, split.slash)
    }

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(parts("a"), ("", "a", false));
        assert_eq!(parts("a/"), ("", "a", true));
        assert_eq!(parts("a//b///"), ("a//", "b", true));
        assert_eq!(parts("/a"), ("/", "a", false));
        assert_eq!(parts("a/../b"), ("a/../", "b", false));
        assert_eq!(parts(".hidden"), ("", ".hidden", false));
    }

    #[test]
    fn dots_are_no_names() {
        assert_eq!(parts("."), (".", "", false));
        assert_eq!(parts("a/.."), ("a/..", "", false));
        assert_eq!(parts("a/./"), ("a/./", "", true));
        assert_eq!(parts("//"), ("//", "", true));
    }

    #[test]
    fn paths_are_read_with_care() {
        let mut bytes = vec![b'x'; 8192];
        bytes[1] = 0;
        let mem = GuestMemory::from_slice(&mut bytes);
        assert_eq!(read_path(&mem, 0, 1), Ok(b"x".to_vec()));
        assert_eq!(read_path(&mem, 0, 2), Err(Errno::Inval));
        assert_eq!(read_path(&mem, 0, 0), Err(Errno::Noent));
        assert_eq!(read_path(&mem, 2, 4097), Err(Errno::Nametoolong));
        assert_eq!(read_path(&mem, 2, u32::MAX), Err(Errno::Fault));
    }
}
