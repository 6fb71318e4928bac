//! `wasi:filesystem`: descriptors, and the directories that are there from the start.

use std::hash::{DefaultHasher, Hash, Hasher};

use wasmer_component::{Borrow, Own};
use wasmer_wasi::ops::{self, Access, Description, DirEntries, NewTime, OpenRequest};
use wasmer_wasi::{Errno, FdFlags, FileStat, FileType, OpenFlags, Position, WasiResult, check_path};

use crate::ctx::WasiP2;
use crate::failure::{Outcome, for_guest, or_trap, trap};
use crate::io::IoError;
use crate::streams::{InputStream, OutputStream, Owner};
use crate::types::{
    Advice, Datetime, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, FsError, MetadataHashValue,
    NewTimestamp, OpenFlags as GuestOpenFlags, PathFlags,
};

/// A file or directory. It is closed when its handle and all streams of it are gone.
pub(crate) struct Descriptor {
    fd: u32,
    /// Whether it is a directory that is there from the start, which dropping a handle does not close.
    is_preopen: bool,
}

/// A directory that is being listed.
pub(crate) struct DirectoryEntryStream {
    fd: u32,
    entries: DirEntries,
}

/// The most that one call reads, for which room is made before.
const READ_MAX: u64 = 1 << 20;

/// What functions of descriptors return.
type FsResult<T> = Outcome<Result<T, FsError>>;

fn fs<T>(result: WasiResult<T>) -> FsResult<T> {
    Ok(for_guest(result)?.map_err(FsError::from))
}

impl WasiP2 {
    fn fd(&self, descriptor: Borrow<Descriptor>) -> Outcome<u32> {
        self.descriptors.get(descriptor).map(|descriptor| descriptor.fd)
    }

    /// Does something with the descriptor's number and a path, once that is one.
    fn with_path<T>(
        &mut self,
        descriptor: Borrow<Descriptor>,
        path: &str,
        run: impl FnOnce(&mut wasmer_wasi::WasiCtx, u32, &[u8]) -> WasiResult<T>,
    ) -> FsResult<T> {
        let fd = self.fd(descriptor)?;
        if let Err(errno) = check_path(path.as_bytes()) {
            return Ok(Err(errno.into()));
        }
        fs(run(&mut self.ctx, fd, path.as_bytes()))
    }

    pub(crate) fn get_directories(&mut self) -> Outcome<Vec<(Own<Descriptor>, String)>> {
        let preopens: Vec<_> = self.ctx.preopened_dirs().map(|(fd, name)| (fd, name.to_owned())).collect();
        let handle = |(fd, name)| {
            let name = String::from_utf8(name).map_err(|error| {
                let readable = String::from_utf8_lossy(error.as_bytes()).into_owned();
                trap(format!("the name of a directory is not Unicode, as strings of components are: `{readable}`"))
            })?;
            Ok((self.descriptors.insert(Descriptor { fd, is_preopen: true })?, name))
        };
        preopens.into_iter().map(handle).collect()
    }

    // Streams.

    fn describe(&self, descriptor: Borrow<Descriptor>) -> FsResult<(u32, Description)> {
        let fd = self.fd(descriptor)?;
        Ok(fs(self.ctx.describe(fd))?.map(|description| (fd, description)))
    }

    pub(crate) fn read_via_stream(
        &mut self,
        descriptor: Borrow<Descriptor>,
        offset: u64,
    ) -> FsResult<Own<InputStream>> {
        let (fd, description) = match self.describe(descriptor)? {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        if description.file_type == FileType::Directory {
            return Ok(Err(FsError::IsDirectory));
        }
        if !description.reads {
            return Ok(Err(FsError::BadDescriptor));
        }
        let at = place(&description, Position::At(offset));
        self.descriptors.retain(descriptor)?;
        self.inputs.insert(InputStream::new(fd, Owner::File(descriptor), at)).map(Ok)
    }

    pub(crate) fn write_via_stream(
        &mut self,
        descriptor: Borrow<Descriptor>,
        offset: u64,
    ) -> FsResult<Own<OutputStream>> {
        self.output_stream(descriptor, Position::At(offset))
    }

    pub(crate) fn append_via_stream(&mut self, descriptor: Borrow<Descriptor>) -> FsResult<Own<OutputStream>> {
        self.output_stream(descriptor, Position::End)
    }

    fn output_stream(&mut self, descriptor: Borrow<Descriptor>, at: Position) -> FsResult<Own<OutputStream>> {
        let (fd, description) = match self.describe(descriptor)? {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        if description.file_type == FileType::Directory || !description.writes {
            return Ok(Err(FsError::BadDescriptor));
        }
        let at = place(&description, at);
        self.descriptors.retain(descriptor)?;
        self.outputs.insert(OutputStream::new(fd, Owner::File(descriptor), at)).map(Ok)
    }

    // Open files.

    pub(crate) fn advise(
        &mut self,
        descriptor: Borrow<Descriptor>,
        offset: u64,
        len: u64,
        advice: Advice,
    ) -> FsResult<()> {
        // Both lists are in the order of the definition.
        let advice = ops::Advice::ALL[advice as usize];
        fs(self.ctx.advise(self.fd(descriptor)?, offset, len, advice))
    }

    pub(crate) fn sync_data(&mut self, descriptor: Borrow<Descriptor>) -> FsResult<()> {
        fs(self.ctx.sync_data(self.fd(descriptor)?))
    }

    pub(crate) fn sync(&mut self, descriptor: Borrow<Descriptor>) -> FsResult<()> {
        fs(self.ctx.sync(self.fd(descriptor)?))
    }

    pub(crate) fn get_flags(&mut self, descriptor: Borrow<Descriptor>) -> FsResult<DescriptorFlags> {
        Ok(self.describe(descriptor)?.map(|(_, description)| flags_of(&description)))
    }

    pub(crate) fn get_type(&mut self, descriptor: Borrow<Descriptor>) -> FsResult<DescriptorType> {
        Ok(self.describe(descriptor)?.map(|(_, description)| description.file_type.into()))
    }

    pub(crate) fn set_size(&mut self, descriptor: Borrow<Descriptor>, size: u64) -> FsResult<()> {
        let fd = self.fd(descriptor)?;
        fs(self.ctx.set_size(fd, size))
    }

    pub(crate) fn set_times(
        &mut self,
        descriptor: Borrow<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        fs(self.ctx.set_times(self.fd(descriptor)?, accessed.into(), modified.into()))
    }

    pub(crate) fn read_file(
        &mut self,
        descriptor: Borrow<Descriptor>,
        len: u64,
        offset: u64,
    ) -> FsResult<(Vec<u8>, bool)> {
        let fd = self.fd(descriptor)?;
        let read = self.ctx.read_vec(fd, len.min(READ_MAX) as usize, Position::At(offset));
        Ok(fs(read)?.map(|bytes| {
            // Fewer bytes than asked for are no end: the host may have read less for reasons of its own.
            let is_end = bytes.is_empty() && len > 0;
            (bytes, is_end)
        }))
    }

    pub(crate) fn write_file(&mut self, descriptor: Borrow<Descriptor>, bytes: &[u8], offset: u64) -> FsResult<u64> {
        let fd = self.fd(descriptor)?;
        Ok(fs(self.ctx.write(fd, bytes, Position::At(offset)))?.map(|count| count as u64))
    }

    pub(crate) fn stat(&mut self, descriptor: Borrow<Descriptor>) -> FsResult<DescriptorStat> {
        Ok(fs(self.ctx.stat(self.fd(descriptor)?))?.map(DescriptorStat::from))
    }

    pub(crate) fn is_same_object(&mut self, a: Borrow<Descriptor>, b: Borrow<Descriptor>) -> Outcome<bool> {
        let (a, b) = (for_guest(self.ctx.stat(self.fd(a)?))?, for_guest(self.ctx.stat(self.fd(b)?))?);
        Ok(matches!((a, b), (Ok(a), Ok(b)) if (a.dev, a.ino) == (b.dev, b.ino)))
    }

    pub(crate) fn metadata_hash(&mut self, descriptor: Borrow<Descriptor>) -> FsResult<MetadataHashValue> {
        Ok(fs(self.ctx.stat(self.fd(descriptor)?))?.map(|stat| hash_of(&stat)))
    }

    // Directories.

    pub(crate) fn read_directory(&mut self, descriptor: Borrow<Descriptor>) -> FsResult<Own<DirectoryEntryStream>> {
        let fd = self.fd(descriptor)?;
        match fs(self.ctx.open_listing(fd))? {
            Ok(fd) => self.listings.insert(DirectoryEntryStream { fd, entries: DirEntries::default() }).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    pub(crate) fn read_directory_entry(
        &mut self,
        listing: Borrow<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        let listing = self.listings.get_mut(listing)?;
        Ok(match fs(self.ctx.next_entry(listing.fd, &mut listing.entries))? {
            Ok(Some(entry)) => match String::from_utf8(entry.name) {
                Ok(name) => Ok(Some(DirectoryEntry { r#type: entry.file_type.into(), name })),
                Err(_) => Err(FsError::IllegalByteSequence),
            },
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        })
    }

    pub(crate) fn drop_listing(&mut self, listing: Own<DirectoryEntryStream>) -> Outcome<()> {
        match self.listings.release(Borrow::new(listing.rep))? {
            Some(listing) => self.close(listing.fd),
            None => Ok(()),
        }
    }

    pub(crate) fn create_directory_at(&mut self, descriptor: Borrow<Descriptor>, path: String) -> FsResult<()> {
        self.with_path(descriptor, &path, |ctx, fd, path| ctx.create_directory(fd, path))
    }

    pub(crate) fn remove_directory_at(&mut self, descriptor: Borrow<Descriptor>, path: String) -> FsResult<()> {
        self.with_path(descriptor, &path, |ctx, fd, path| ctx.remove_directory(fd, path))
    }

    pub(crate) fn unlink_file_at(&mut self, descriptor: Borrow<Descriptor>, path: String) -> FsResult<()> {
        self.with_path(descriptor, &path, |ctx, fd, path| ctx.unlink_file(fd, path))
    }

    fn file_stat_at(&mut self, descriptor: Borrow<Descriptor>, how: PathFlags, path: &str) -> FsResult<FileStat> {
        let follow = how.contains(PathFlags::SYMLINK_FOLLOW);
        self.with_path(descriptor, path, |ctx, fd, path| ctx.stat_at(fd, path, follow))
    }

    pub(crate) fn stat_at(
        &mut self,
        descriptor: Borrow<Descriptor>,
        how: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        Ok(self.file_stat_at(descriptor, how, &path)?.map(DescriptorStat::from))
    }

    pub(crate) fn metadata_hash_at(
        &mut self,
        descriptor: Borrow<Descriptor>,
        how: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        Ok(self.file_stat_at(descriptor, how, &path)?.map(|stat| hash_of(&stat)))
    }

    pub(crate) fn set_times_at(
        &mut self,
        descriptor: Borrow<Descriptor>,
        how: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let follow = how.contains(PathFlags::SYMLINK_FOLLOW);
        let (accessed, modified) = (accessed.into(), modified.into());
        self.with_path(descriptor, &path, |ctx, fd, path| ctx.set_times_at(fd, path, follow, accessed, modified))
    }

    pub(crate) fn link_at(
        &mut self,
        descriptor: Borrow<Descriptor>,
        how: PathFlags,
        old_path: String,
        new_descriptor: Borrow<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        if how.contains(PathFlags::SYMLINK_FOLLOW) {
            // As in preview 1: a symbolic link is linked itself, never what it leads to.
            return Ok(Err(FsError::Invalid));
        }
        self.with_paths((descriptor, &old_path), (new_descriptor, &new_path), |ctx, old, new| ctx.make_link(old, new))
    }

    pub(crate) fn rename_at(
        &mut self,
        descriptor: Borrow<Descriptor>,
        old_path: String,
        new_descriptor: Borrow<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        self.with_paths((descriptor, &old_path), (new_descriptor, &new_path), |ctx, old, new| ctx.rename(old, new))
    }

    fn with_paths(
        &mut self,
        (old, old_path): (Borrow<Descriptor>, &str),
        (new, new_path): (Borrow<Descriptor>, &str),
        run: impl FnOnce(&mut wasmer_wasi::WasiCtx, (u32, &[u8]), (u32, &[u8])) -> WasiResult,
    ) -> FsResult<()> {
        let old = self.fd(old)?;
        if let Err(errno) = check_path(old_path.as_bytes()) {
            return Ok(Err(errno.into()));
        }
        self.with_path(new, new_path, |ctx, new, new_path| run(ctx, (old, old_path.as_bytes()), (new, new_path)))
    }

    pub(crate) fn symlink_at(&mut self, descriptor: Borrow<Descriptor>, target: String, path: String) -> FsResult<()> {
        if let Err(errno) = check_path(target.as_bytes()) {
            return Ok(Err(errno.into()));
        }
        self.with_path(descriptor, &path, |ctx, fd, path| ctx.make_symlink(target.as_bytes(), fd, path))
    }

    pub(crate) fn readlink_at(&mut self, descriptor: Borrow<Descriptor>, path: String) -> FsResult<String> {
        let target = self.with_path(descriptor, &path, |ctx, fd, path| ctx.read_link(fd, path, <[u8]>::to_vec))?;
        Ok(target.and_then(|target| String::from_utf8(target).map_err(|_| FsError::IllegalByteSequence)))
    }

    /// A directory that is opened can be changed if the one that it is opened in can: guests leave `mutate-directory` away where they mean
    /// to change something.
    pub(crate) fn open_at(
        &mut self,
        descriptor: Borrow<Descriptor>,
        how: PathFlags,
        path: String,
        open: GuestOpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Own<Descriptor>> {
        let (_, parent) = match self.describe(descriptor)? {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        // Nothing below could be changed anyway; who asks for it in so many words is told at once.
        if parent.read_only && flags.contains(DescriptorFlags::MUTATE_DIRECTORY) {
            return Ok(Err(FsError::ReadOnly));
        }
        let opened = self.with_path(descriptor, &path, |ctx, fd, path| {
            let request = OpenRequest {
                path,
                follow: how.contains(PathFlags::SYMLINK_FOLLOW),
                open: open_flags(open),
                flags: fd_flags(flags),
                access: Access::new(flags.contains(DescriptorFlags::READ), flags.contains(DescriptorFlags::WRITE)),
            };
            ctx.open(fd, &request)
        })?;
        match opened {
            Ok(fd) => self.descriptors.insert(Descriptor { fd, is_preopen: false }).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    pub(crate) fn filesystem_error_code(&mut self, error: Borrow<IoError>) -> Outcome<Option<FsError>> {
        Ok(match self.errors.get(error)? {
            IoError::File(errno) => Some((*errno).into()),
            IoError::Network(_) | IoError::Host(_) => None,
        })
    }

    pub(crate) fn drop_descriptor(&mut self, descriptor: Own<Descriptor>) -> Outcome<()> {
        self.release_descriptor(Borrow::new(descriptor.rep))
    }

    pub(crate) fn release_descriptor(&mut self, descriptor: Borrow<Descriptor>) -> Outcome<()> {
        match self.descriptors.release(descriptor)? {
            // A program can ask for the directories again, and gets new handles of the same descriptors.
            Some(Descriptor { fd, is_preopen: false }) => self.close(fd),
            Some(_) | None => Ok(()),
        }
    }

    /// Closes what only the host's side knows the number of.
    pub(crate) fn close(&mut self, fd: u32) -> Outcome<()> {
        or_trap(for_guest(self.ctx.close(fd))?, "cannot close a file")
    }
}

/// Where a stream begins: what has no positions is read and written where it is.
fn place(description: &Description, at: Position) -> Position {
    if description.has_positions { at } else { Position::Current }
}

fn flags_of(description: &Description) -> DescriptorFlags {
    let mut flags = DescriptorFlags::empty();
    let is_dir = description.file_type == FileType::Directory;
    for (is_set, flag) in [
        (description.reads, DescriptorFlags::READ),
        (description.writes, DescriptorFlags::WRITE),
        (description.flags.contains(FdFlags::SYNC), DescriptorFlags::FILE_INTEGRITY_SYNC),
        (description.flags.contains(FdFlags::DSYNC), DescriptorFlags::DATA_INTEGRITY_SYNC),
        (description.flags.contains(FdFlags::RSYNC), DescriptorFlags::REQUESTED_WRITE_SYNC),
        (is_dir && !description.read_only, DescriptorFlags::MUTATE_DIRECTORY),
    ] {
        if is_set {
            flags = flags | flag;
        }
    }
    flags
}

fn fd_flags(flags: DescriptorFlags) -> FdFlags {
    [
        (DescriptorFlags::FILE_INTEGRITY_SYNC, FdFlags::SYNC),
        (DescriptorFlags::DATA_INTEGRITY_SYNC, FdFlags::DSYNC),
        (DescriptorFlags::REQUESTED_WRITE_SYNC, FdFlags::RSYNC),
    ]
    .into_iter()
    .filter(|(asked, _)| flags.contains(*asked))
    .fold(FdFlags::default(), |all, (_, flag)| all.union(flag))
}

fn open_flags(open: GuestOpenFlags) -> OpenFlags {
    [
        (GuestOpenFlags::CREATE, OpenFlags::CREAT),
        (GuestOpenFlags::DIRECTORY, OpenFlags::DIRECTORY),
        (GuestOpenFlags::EXCLUSIVE, OpenFlags::EXCL),
        (GuestOpenFlags::TRUNCATE, OpenFlags::TRUNC),
    ]
    .into_iter()
    .filter(|(asked, _)| open.contains(*asked))
    .fold(OpenFlags::default(), |all, (_, flag)| all.union(flag))
}

/// Device and number of a file without telling them: the same for all its names, and as long as it exists.
fn hash_of(stat: &FileStat) -> MetadataHashValue {
    let mut hasher = DefaultHasher::new();
    (stat.dev, stat.ino).hash(&mut hasher);
    let lower = hasher.finish();
    // Not from the same state: the halves are not to be computed from each other.
    hasher.write_u8(1);
    MetadataHashValue { lower, upper: hasher.finish() }
}

impl From<NewTimestamp> for NewTime {
    fn from(time: NewTimestamp) -> NewTime {
        match time {
            NewTimestamp::NoChange => NewTime::Keep,
            NewTimestamp::Now => NewTime::Now,
            NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }) => NewTime::At { seconds, nanoseconds },
        }
    }
}

impl From<FileType> for DescriptorType {
    fn from(file_type: FileType) -> DescriptorType {
        match file_type {
            FileType::Unknown => DescriptorType::Unknown,
            FileType::BlockDevice => DescriptorType::BlockDevice,
            FileType::CharacterDevice => DescriptorType::CharacterDevice,
            FileType::Directory => DescriptorType::Directory,
            FileType::RegularFile => DescriptorType::RegularFile,
            FileType::SocketStream => DescriptorType::Socket,
            FileType::SymbolicLink => DescriptorType::SymbolicLink,
            FileType::Fifo => DescriptorType::Fifo,
        }
    }
}

impl From<FileStat> for DescriptorStat {
    fn from(stat: FileStat) -> DescriptorStat {
        let time = |ns| Some(Datetime::from_ns(ns));
        DescriptorStat {
            r#type: stat.file_type.into(),
            link_count: stat.links,
            size: stat.size,
            data_access_timestamp: time(stat.accessed_ns),
            data_modification_timestamp: time(stat.modified_ns),
            status_change_timestamp: time(stat.changed_ns),
        }
    }
}

impl From<Errno> for FsError {
    fn from(errno: Errno) -> FsError {
        match errno {
            Errno::Acces => FsError::Access,
            Errno::Again => FsError::WouldBlock,
            Errno::Already => FsError::Already,
            Errno::Badf => FsError::BadDescriptor,
            Errno::Busy => FsError::Busy,
            Errno::Deadlk => FsError::Deadlock,
            Errno::Dquot => FsError::Quota,
            Errno::Exist => FsError::Exist,
            Errno::Fbig => FsError::FileTooLarge,
            Errno::Ilseq => FsError::IllegalByteSequence,
            Errno::Inprogress => FsError::InProgress,
            Errno::Intr => FsError::Interrupted,
            Errno::Inval => FsError::Invalid,
            Errno::Isdir => FsError::IsDirectory,
            Errno::Loop => FsError::Loop,
            Errno::Mlink => FsError::TooManyLinks,
            Errno::Msgsize => FsError::MessageSize,
            Errno::Nametoolong => FsError::NameTooLong,
            Errno::Nodev => FsError::NoDevice,
            Errno::Noent => FsError::NoEntry,
            Errno::Nolck => FsError::NoLock,
            // There is no code for a full table of descriptors.
            Errno::Nomem | Errno::Nobufs | Errno::Mfile | Errno::Nfile => FsError::InsufficientMemory,
            Errno::Nospc => FsError::InsufficientSpace,
            Errno::Notdir => FsError::NotDirectory,
            Errno::Notempty => FsError::NotEmpty,
            Errno::Notrecoverable => FsError::NotRecoverable,
            Errno::Notsup | Errno::Nosys => FsError::Unsupported,
            Errno::Notty => FsError::NoTty,
            Errno::Nxio => FsError::NoSuchDevice,
            Errno::Overflow => FsError::Overflow,
            Errno::Perm | Errno::Notcapable => FsError::NotPermitted,
            Errno::Pipe => FsError::Pipe,
            Errno::Rofs => FsError::ReadOnly,
            Errno::Spipe => FsError::InvalidSeek,
            Errno::Txtbsy => FsError::TextFileBusy,
            Errno::Xdev => FsError::CrossDevice,
            // What happens to no file, and what has no code of its own.
            _ => FsError::Io,
        }
    }
}
