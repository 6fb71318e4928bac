//! Where the guest's standard input comes from, and where its output goes.

use std::io::{self, IsTerminal, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::host::HostErrno;
use crate::host::fd::{AsFd, OwnedFd};
use crate::host::files::{self, fstat};
use crate::rights::Rights;
use crate::table::{Descriptor, HostFile, Object};
use crate::types::{FdFlags, FileType, file_type_of};

/// The guest's standard input.
#[derive(Default)]
pub enum Stdin {
    /// At its end from the start.
    #[default]
    Null,
    /// The standard input of this process; at its end if that is closed.
    Inherit,
    /// A descriptor of the host: a file, a pipe, a terminal.
    Fd(OwnedFd),
    /// Anything that can be read. It should not block: the guest cannot be interrupted while it does.
    Reader(Box<dyn Read + Send>),
}

/// The guest's standard output or standard error.
#[derive(Default)]
pub enum Stdout {
    /// Takes everything and keeps nothing.
    #[default]
    Null,
    /// The stream of the same name of this process; takes everything if that is closed.
    Inherit,
    /// A stream of this process that was looked at before.
    Shared(SharedOutput),
    /// A descriptor of the host: a file, a pipe, a terminal.
    Fd(OwnedFd),
    /// Anything that can be written, for instance an [`OutputBuffer`].
    Writer(Box<dyn Write + Send>),
}

impl Stdin {
    /// Input from bytes in memory.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Stdin {
        Stdin::Reader(Box::new(io::Cursor::new(bytes.into())))
    }

    pub(crate) fn into_descriptor(self) -> io::Result<Descriptor> {
        match self {
            Stdin::Null => Ok(reader(Box::new(io::empty()))),
            Stdin::Inherit => match inherited(&io::stdin())? {
                Some(fd) => host_stream(Arc::new(fd), Rights::FD_READ),
                None => Stdin::Null.into_descriptor(),
            },
            Stdin::Fd(fd) => host_stream(Arc::new(fd), Rights::FD_READ),
            Stdin::Reader(source) => Ok(reader(source)),
        }
    }
}

impl Stdout {
    /// Output into a buffer that the caller keeps a handle of.
    pub fn buffer(buffer: &OutputBuffer) -> Stdout {
        Stdout::Writer(Box::new(buffer.clone()))
    }

    /// `stream` is the one that [`Stdout::Inherit`] means here.
    pub(crate) fn into_descriptor(self, stream: &dyn AsFd) -> io::Result<Descriptor> {
        match self {
            Stdout::Null => Ok(writer(Box::new(io::sink()))),
            Stdout::Inherit => Stdout::Shared(SharedOutput::of(stream)?).into_descriptor(stream),
            Stdout::Shared(SharedOutput(None)) => Stdout::Null.into_descriptor(stream),
            Stdout::Shared(SharedOutput(Some((fd, file_type, rights)))) => Ok(host_file(fd, file_type, rights)),
            Stdout::Fd(fd) => host_stream(Arc::new(fd), Rights::FD_WRITE),
            Stdout::Writer(sink) => Ok(writer(sink)),
        }
    }
}

/// Standard output or standard error of this process, looked at once for any number of guests: each has its own flags of it, and none asks the system. Cheap to
/// clone.
///
/// ```
/// use wasmer_wasi::{SharedOutput, Stdout, WasiCtxBuilder};
///
/// let output = SharedOutput::stdout()?;
/// for _ in 0..3 {
///     let guest = WasiCtxBuilder::new().stdout(Stdout::Shared(output.clone())).build();
///     assert!(guest.is_ok());
/// }
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedOutput(Option<(Arc<OwnedFd>, FileType, Rights)>);

impl SharedOutput {
    /// Standard output; takes everything if that is closed.
    ///
    /// # Errors
    /// If the system has no descriptor for it.
    pub fn stdout() -> io::Result<SharedOutput> {
        SharedOutput::of(&io::stdout())
    }

    /// Standard error; takes everything if that is closed.
    ///
    /// # Errors
    /// If the system has no descriptor for it.
    pub fn stderr() -> io::Result<SharedOutput> {
        SharedOutput::of(&io::stderr())
    }

    fn of(stream: &dyn AsFd) -> io::Result<SharedOutput> {
        let Some(fd) = inherited(stream)? else { return Ok(SharedOutput(None)) };
        let (file_type, rights) = examined(&fd, Rights::FD_WRITE)?;
        Ok(SharedOutput(Some((Arc::new(fd), file_type, rights))))
    }
}

/// A standard stream of this process, unless it is closed. Numbered 3 or higher, so that it never takes the place of one.
fn inherited(stream: &dyn AsFd) -> io::Result<Option<OwnedFd>> {
    match files::fcntl_dupfd_cloexec(stream, 3) {
        Ok(fd) => Ok(Some(fd)),
        Err(HostErrno::BADF) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Rights of a stream besides the one to read or write.
const STREAM: Rights = Rights::FD_FDSTAT_SET_FLAGS.union(Rights::FD_FILESTAT_GET).union(Rights::POLL_FD_READWRITE);

fn reader(source: Box<dyn Read + Send>) -> Descriptor {
    stream(Object::Reader(source), STREAM.union(Rights::FD_READ))
}

fn writer(sink: Box<dyn Write + Send>) -> Descriptor {
    stream(Object::Writer(sink), STREAM.union(Rights::FD_WRITE))
}

fn host_stream(fd: Arc<OwnedFd>, direction: Rights) -> io::Result<Descriptor> {
    let (file_type, rights) = examined(&fd, direction)?;
    Ok(host_file(fd, file_type, rights))
}

fn host_file(fd: Arc<OwnedFd>, file_type: FileType, rights: Rights) -> Descriptor {
    stream(Object::File(HostFile { fd, file_type, shared_flags: Some(FdFlags::default()) }), rights)
}

/// What stands behind a stream, and what a guest may do with it.
fn examined(fd: &OwnedFd, direction: Rights) -> io::Result<(FileType, Rights)> {
    let file_type = file_type_of(&fstat(fd)?);
    let mut rights = STREAM.union(direction);
    let positioned = match file_type {
        FileType::RegularFile | FileType::BlockDevice => true,
        // A device that is no terminal keeps the right to seek; see `Rights::TERMINAL`.
        FileType::CharacterDevice => !fd.is_terminal(),
        _ => false,
    };
    if positioned {
        rights = rights
            .union(Rights::FD_SEEK)
            .union(Rights::FD_TELL)
            .union(Rights::FD_ADVISE)
            .union(Rights::FD_SYNC)
            .union(Rights::FD_DATASYNC);
    }
    Ok((file_type, rights))
}

fn stream(object: Object, rights: Rights) -> Descriptor {
    Descriptor { object, rights, inheriting: Rights::NONE, preopen: None, read_only: false }
}

/// A growing buffer that a guest writes to and the host reads; clones share the content.
#[derive(Clone, Debug, Default)]
pub struct OutputBuffer {
    content: Arc<Mutex<Vec<u8>>>,
    bytes_max: Option<usize>,
}

impl OutputBuffer {
    /// An empty buffer without a limit. For an untrusted guest, use [`OutputBuffer::with_limit`].
    pub fn new() -> OutputBuffer {
        OutputBuffer::default()
    }

    /// An empty buffer that refuses ("no space") what goes beyond `bytes_max`.
    pub fn with_limit(bytes_max: usize) -> OutputBuffer {
        OutputBuffer { bytes_max: Some(bytes_max), ..OutputBuffer::default() }
    }

    /// A copy of what has been written so far.
    pub fn contents(&self) -> Vec<u8> {
        self.lock().clone()
    }

    /// Takes out what has been written so far.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        // A panic elsewhere cannot leave a byte vector in a bad state.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for OutputBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut content = self.lock();
        let room = match self.bytes_max {
            Some(max) => max.saturating_sub(content.len()),
            None => usize::MAX,
        };
        let len = bytes.len().min(room);
        if len == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        content.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_buffer_refuses_the_rest() {
        let mut buffer = OutputBuffer::with_limit(5);
        assert_eq!(buffer.write(b"abc").unwrap(), 3);
        assert_eq!(buffer.write(b"def").unwrap(), 2);
        assert!(buffer.write(b"g").is_err());
        assert_eq!(buffer.contents(), b"abcde");
        assert_eq!(buffer.take(), b"abcde");
        assert_eq!(buffer.contents(), b"");
    }
}
