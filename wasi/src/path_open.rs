//! `path_open`: from a path to a descriptor, with no more rights than the directory passes on.

use std::borrow::Cow;
use std::fs::File;
use std::io::IsTerminal;

use rustix::fs::{Mode, OFlags};

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::{WasiError, WasiResult};
use crate::memory::GuestMemory;
use crate::resolve;
use crate::rights::Rights;
use crate::table::{Descriptor, Directory, HostFile, Object};
use crate::types::{FdFlags, FileType, LookupFlags, OpenFlags, file_type_of};

/// What the guest asks for.
struct Request {
    path: Vec<u8>,
    follow: bool,
    open: OpenFlags,
    flags: FdFlags,
    rights: Rights,
    inheriting: Rights,
}

impl WasiCtx {
    /// Opens a file or directory, creating or truncating it if asked to.
    #[allow(clippy::too_many_arguments, reason = "the WASI signature has that many")]
    pub fn path_open(
        &mut self,
        mem: &GuestMemory<'_>,
        dirfd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        oflags: u32,
        rights: u64,
        inheriting: u64,
        fdflags: u32,
        fd_out: u32,
    ) -> WasiResult {
        mem.check(fd_out, 4)?;
        let request = Request {
            path: resolve::read_path(mem, path, path_len)?,
            follow: LookupFlags::from_guest(lookup)?.contains(LookupFlags::SYMLINK_FOLLOW),
            open: OpenFlags::from_guest(oflags)?,
            flags: FdFlags::from_guest(fdflags)?,
            rights: Rights::from_bits(rights),
            inheriting: Rights::from_bits(inheriting),
        };
        let parent = self.table.get(dirfd)?;
        let dir = parent.dir()?;
        check_request(parent, &request)?;
        // Before the file is created.
        self.table.check_room()?;
        let file = self.open_host(&dir.file, parent.read_only, &request)?;
        let opened = describe(file, parent, &request)?;
        let fd = self.table.insert(opened)?;
        Ok(mem.write_u32(fd_out, fd)?)
    }

    fn open_host(&self, dir: &File, read_only: bool, request: &Request) -> WasiResult<File> {
        let write = request.rights.intersects(Rights::NEEDS_WRITE_ACCESS);
        // A file has to be open for something, even if the guest wants no right at all.
        let read = request.rights.contains(Rights::FD_READ) || !write;
        let mut flags = request.flags.to_host() | OFlags::NOCTTY;
        for (asked, host) in [
            (OpenFlags::CREAT, OFlags::CREATE),
            (OpenFlags::DIRECTORY, OFlags::DIRECTORY),
            (OpenFlags::EXCL, OFlags::EXCL),
            (OpenFlags::TRUNC, OFlags::TRUNC),
        ] {
            if request.open.contains(asked) {
                flags |= host;
            }
        }
        // In a read-only directory, "create it unless it is there" still opens what is there.
        let must_exist = read_only && flags.contains(OFlags::CREATE);
        if must_exist {
            flags -= OFlags::CREATE | OFlags::EXCL;
        }
        let mut path = Cow::from(&request.path);
        if flags.contains(OFlags::DIRECTORY) && request.follow {
            // Says the same, but so that the fallback for kernels without `openat2` follows a link here.
            path.to_mut().push(b'/');
        }
        let options = resolve::options(read, write, request.follow, flags);
        match resolve::open(&self.interrupt, dir, &path, &options) {
            Err(WasiError::Errno(Errno::Noent)) if must_exist => Err(Errno::Rofs.into()),
            Ok(_) if must_exist && request.open.contains(OpenFlags::EXCL) => Err(Errno::Exist.into()),
            result => result,
        }
    }
}

/// Checks the request against what the directory may do and passes on.
fn check_request(parent: &Descriptor, request: &Request) -> WasiResult {
    let open = request.open;
    let mut needed = Rights::PATH_OPEN;
    if open.contains(OpenFlags::CREAT) {
        needed = needed.union(Rights::PATH_CREATE_FILE);
    }
    // Truncating is writing, whatever rights the new descriptor is to have.
    if open.contains(OpenFlags::TRUNC) {
        needed = needed.union(Rights::PATH_FILESTAT_SET_SIZE);
    }
    parent.require(needed)?;
    let changes = open.contains(OpenFlags::TRUNC) || request.rights.intersects(Rights::NEEDS_WRITE_ACCESS);
    if parent.read_only && changes {
        return Err(Errno::Rofs.into());
    }
    // Rights that no file or directory has (of sockets, say) are dropped silently: some guests ask for all bits.
    let wanted = request.rights.intersection(Rights::INHERITED);
    let passed_on = request.inheriting.intersection(Rights::INHERITED);
    if !parent.inheriting.contains(wanted) || !parent.inheriting.contains(passed_on) {
        return Err(Errno::Notcapable.into());
    }
    let not_for_directories = OpenFlags::CREAT.union(OpenFlags::EXCL).union(OpenFlags::TRUNC);
    if open.contains(OpenFlags::DIRECTORY) && open.intersects(not_for_directories) {
        return Err(Errno::Inval.into());
    }
    Ok(())
}

/// Makes the descriptor, with the rights that make sense for what was opened.
fn describe(file: File, parent: &Descriptor, request: &Request) -> WasiResult<Descriptor> {
    let file_type = file_type_of(&rustix::fs::fstat(&file)?);
    let sensible = match file_type {
        FileType::Directory => Rights::DIRECTORY,
        FileType::CharacterDevice if file.is_terminal() => Rights::TERMINAL,
        _ => Rights::REGULAR_FILE,
    };
    let object = match file_type {
        FileType::Directory => Object::Dir(Directory { file: readable_dir(file)?, cursor: None }),
        _ => Object::File(HostFile { fd: file.into(), file_type, shared_flags: None }),
    };
    Ok(Descriptor {
        object,
        rights: request.rights.intersection(sensible),
        inheriting: request.inheriting.intersection(parent.inheriting),
        preopen: None,
        read_only: parent.read_only,
    })
}

/// The fallback for kernels without `openat2` may open a directory for looking up names only. It is to be listed, too.
fn readable_dir(file: File) -> WasiResult<File> {
    if !rustix::fs::fcntl_getfl(&file)?.contains(OFlags::PATH) {
        return Ok(file);
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(&file, ".", flags, Mode::empty())?.into())
}
