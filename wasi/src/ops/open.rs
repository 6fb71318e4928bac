//! From a path to a descriptor.

use std::borrow::Cow;
use std::fs::File;
use std::io::IsTerminal;
use std::sync::Arc;

use crate::ctx::{Interrupt, WasiCtx};
use crate::directory::Directory;
use crate::errno::Errno;
use crate::error::{WasiError, WasiResult};
use crate::host::confined;
use crate::host::files::{self, Mode, OFlags};
use crate::resolve;
use crate::rights::Rights;
use crate::table::{Descriptor, HostFile, Object};
use crate::types::{FdFlags, FileType, OpenFlags, file_type_of, identity_of};

/// What to open, and how.
#[derive(Clone, Copy, Debug)]
pub struct OpenRequest<'p> {
    /// Not empty and without a NUL, as [`check_path`](crate::check_path) makes sure.
    pub path: &'p [u8],
    /// Whether a symbolic link at the end of the path is followed.
    pub follow: bool,
    /// Whether the file is made, and more.
    pub open: OpenFlags,
    /// How it is written.
    pub flags: FdFlags,
    /// What it is opened for.
    pub access: Access,
}

/// What a file is opened for. It is one of both at least: a file has to be open for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    read: bool,
    write: bool,
}

impl Access {
    /// For reading, unless it is for writing alone.
    pub fn new(read: bool, write: bool) -> Access {
        Access { read: read || !write, write }
    }
}

impl WasiCtx {
    /// Opens a file or directory below the directory `dir`, creating or truncating it if asked to.
    pub fn open(&mut self, dir: u32, request: &OpenRequest<'_>) -> WasiResult<u32> {
        let parent = self.table.get(dir)?;
        parent.dir()?;
        check_request(&self.interrupt, parent, request)?;
        // Before the file is created.
        self.table.check_room()?;
        let file = match self.open_existing(dir, request)? {
            Some(file) => file,
            None => self.make_name(request.path.len(), |ctx| ctx.open_in(dir, request))?,
        };
        let parent = self.table.get(dir)?;
        let opened = describe(file, parent.dir()?, parent.read_only, request)?;
        Ok(self.table.insert(opened)?)
    }

    fn open_in(&self, dir: u32, request: &OpenRequest<'_>) -> WasiResult<File> {
        let parent = self.table.get(dir)?;
        self.open_host(&parent.dir()?.file, parent.read_only, request)
    }

    /// Opens what need not be made; none if the file is to be made and that counts as output.
    fn open_existing(&self, dir: u32, request: &OpenRequest<'_>) -> WasiResult<Option<File>> {
        let makes = OpenFlags::CREAT;
        if !self.output.is_limited || !request.open.contains(makes) || self.table.get(dir)?.read_only {
            return self.open_in(dir, request).map(Some);
        }
        if request.open.contains(OpenFlags::EXCL) {
            return Ok(None);
        }
        // It is no folder that is asked for: see `check_request`.
        let open = if request.open.contains(OpenFlags::TRUNC) { OpenFlags::TRUNC } else { OpenFlags::default() };
        match self.open_in(dir, &OpenRequest { open, ..*request }) {
            Err(WasiError::Errno(Errno::Noent)) => Ok(None),
            // As the kernel answers when it may make a file.
            Ok(found) if file_type_of(&files::fstat(&found)?) == FileType::Directory => Err(Errno::Isdir.into()),
            result => result.map(Some),
        }
    }

    fn open_host(&self, dir: &File, read_only: bool, request: &OpenRequest<'_>) -> WasiResult<File> {
        let Access { read, write } = request.access;
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
        let mut path = Cow::from(request.path);
        if flags.contains(OFlags::DIRECTORY) && request.follow {
            // Says the same, but so that the fallback for kernels without `openat2` follows a link here.
            path.to_mut().push(b'/');
        }
        let options = confined::options(read, write, request.follow, flags);
        match resolve::open(&self.interrupt, dir, &path, &options) {
            Err(WasiError::Errno(Errno::Noent)) if must_exist => Err(Errno::Rofs.into()),
            Ok(_) if must_exist && request.open.contains(OpenFlags::EXCL) => Err(Errno::Exist.into()),
            result => result,
        }
    }
}

/// Checks the request against itself, and against what may be done in the directory.
fn check_request(interrupt: &Interrupt, parent: &Descriptor, request: &OpenRequest<'_>) -> WasiResult {
    let open = request.open;
    let not_for_directories = OpenFlags::CREAT.union(OpenFlags::EXCL).union(OpenFlags::TRUNC);
    if open.contains(OpenFlags::DIRECTORY) && open.intersects(not_for_directories) {
        return Err(Errno::Inval.into());
    }
    // Truncating is writing, whatever the file is opened for.
    if parent.read_only && (open.contains(OpenFlags::TRUNC) || request.access.write) {
        return Err(why_not_written(interrupt, parent, request));
    }
    Ok(())
}

/// The error of opening for writing what is there for reading only: that it is so, unless the file could not be opened anyway.
fn why_not_written(interrupt: &Interrupt, parent: &Descriptor, request: &OpenRequest<'_>) -> WasiError {
    let found = parent.dir().map_err(WasiError::from).and_then(|dir| {
        let file = resolve::open_path_only(interrupt, &dir.file, request.path, request.follow)?;
        Ok(file_type_of(&files::fstat(&file)?))
    });
    match found {
        Err(WasiError::Errno(Errno::Noent)) if request.open.contains(OpenFlags::CREAT) => Errno::Rofs.into(),
        Err(error) => error,
        Ok(_) if request.open.contains(OpenFlags::CREAT.union(OpenFlags::EXCL)) => Errno::Exist.into(),
        Ok(FileType::Directory) => Errno::Isdir.into(),
        Ok(_) if request.open.contains(OpenFlags::DIRECTORY) => Errno::Notdir.into(),
        Ok(FileType::SymbolicLink) => Errno::Loop.into(),
        Ok(_) => Errno::Rofs.into(),
    }
}

/// Makes the descriptor, with the rights that make sense for what was opened.
fn describe(file: File, parent: &Directory, read_only: bool, request: &OpenRequest<'_>) -> WasiResult<Descriptor> {
    let stat = files::fstat(&file)?;
    let file_type = file_type_of(&stat);
    if file_type == FileType::Directory {
        let identity = identity_of(&stat);
        // The directory itself, opened again, has no more above it than before.
        let is_root = parent.is_root && identity == parent.identity;
        let dir = Directory { file: readable_dir(file)?, is_root, identity, cursor: None };
        return Ok(Descriptor {
            object: Object::Dir(dir),
            rights: Rights::DIRECTORY,
            inheriting: Rights::INHERITED,
            preopen: None,
            read_only,
        });
    }
    let mut rights = match file_type {
        FileType::CharacterDevice if file.is_terminal() => Rights::TERMINAL,
        _ => Rights::REGULAR_FILE,
    };
    let Access { read, write } = request.access;
    if !read {
        rights = rights.without(Rights::FD_READ);
    }
    if !write {
        rights = rights.without(Rights::NEEDS_WRITE_ACCESS);
    }
    let object = Object::File(HostFile { fd: Arc::new(file.into()), file_type, shared_flags: None });
    Ok(Descriptor { object, rights, inheriting: Rights::NONE, preopen: None, read_only })
}

/// The fallback for kernels without `openat2` may open a directory for looking up names only. It is to be listed, too.
fn readable_dir(file: File) -> WasiResult<File> {
    if !files::fcntl_getfl(&file)?.contains(OFlags::PATH) {
        return Ok(file);
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(files::openat(&file, ".", flags, Mode::empty())?.into())
}
