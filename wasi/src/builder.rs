//! Building a [`WasiCtx`]: grants, and the checks on them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::clocks::{HostClocks, SystemClocks};
use crate::ctx::{Interrupt, OutputBudget, WasiCtx};
use crate::directory::Directory;
use crate::host::HostErrno;
use crate::host::confined;
use crate::host::files::{self, Mode, OFlags, fstat};
use crate::host::process;
use crate::host::text::{OsStrExt, OsStringExt};
use crate::rights::Rights;
use crate::stdio::{Stdin, Stdout};
use crate::table::{Descriptor, FdTable, Object};
use crate::types::{FdFlags, identity_of};

/// Why a [`WasiCtx`] could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Arguments reach the guest as C strings.
    #[error("argument {index} contains a NUL byte")]
    ArgumentWithNul {
        /// Position in the argument list.
        index: usize,
    },
    /// Not a name that can stand before `=`.
    #[error("`{name}` is no valid name of an environment variable: it is empty or contains `=` or NUL")]
    EnvName {
        /// The name.
        name: String,
    },
    /// Values reach the guest as C strings.
    #[error("the value of the environment variable `{name}` contains a NUL byte")]
    EnvValue {
        /// Name of the variable.
        name: String,
    },
    /// Not a usable name for the guest.
    #[error("`{name}` is no valid guest path for a directory: it is empty or contains NUL")]
    GuestPath {
        /// The name.
        name: String,
    },
    /// Two directories with one name: the guest would only ever find one of them.
    #[error("the guest path `{name}` is given to two directories")]
    GuestPathTwice {
        /// The name.
        name: String,
    },
    /// The host refuses to open the directory.
    #[error("cannot open the directory `{}`", path.display())]
    OpenDir {
        /// Path on the host.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// A directory that describes processes, this one among them (procfs).
    #[error("cannot grant `{}`: it tells of this process, and lets its memory be changed", path.display())]
    ProcessDir {
        /// Path on the host.
        path: PathBuf,
    },
    /// A standard stream is not usable.
    #[error("cannot use the standard streams")]
    Stdio(#[source] io::Error),
    /// More than [`WasiCtxBuilder::open_files_max`].
    #[error("too many directories and sockets: more than the guest may have open")]
    TooMany,
}

/// A directory to grant, as written on a command line: `HOST[::GUEST][:ro]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirGrant {
    /// Path on the host.
    pub host: PathBuf,
    /// Name for the guest.
    pub guest: OsString,
    /// Whether every change is refused.
    pub read_only: bool,
}

impl DirGrant {
    /// Takes apart `HOST[::GUEST][:ro]`. Without `GUEST`, the guest sees the directory under the host's name for it.
    pub fn parse(text: impl AsRef<OsStr>) -> DirGrant {
        let mut rest = text.as_ref().as_bytes();
        let read_only = match rest.strip_suffix(b":ro") {
            // `X::ro` names the guest path `ro`.
            Some(before) if !before.ends_with(b":") => {
                rest = before;
                true
            }
            _ => false,
        };
        let (host, guest) = match rest.windows(2).position(|pair| pair == b"::") {
            Some(at) => (&rest[..at], &rest[at + 2..]),
            None => (rest, rest),
        };
        DirGrant { host: OsStr::from_bytes(host).into(), guest: OsStr::from_bytes(guest).into(), read_only }
    }
}

/// How many descriptors a guest may have unless said otherwise.
const OPEN_FILES_MAX: usize = 1024;

/// Collects what a guest gets. By default that is nothing: no arguments, no environment, null streams, no directory.
#[derive(Default)]
#[must_use]
pub struct WasiCtxBuilder {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Stdin,
    stdout: Stdout,
    stderr: Stdout,
    dirs: Vec<DirGrant>,
    listeners: Vec<TcpListener>,
    clocks: Option<Box<dyn HostClocks>>,
    interrupt: Option<Box<dyn Fn() -> bool + Send>>,
    open_files_max: Option<usize>,
    output_bytes_max: Option<u64>,
    ends_at_closed_pipe: bool,
}

impl WasiCtxBuilder {
    /// A builder for a guest that gets nothing.
    pub fn new() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }

    /// Adds an argument. The first one is the name of the program.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable; the last value for a name counts.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let (name, value) = (name.as_ref().to_owned(), value.as_ref().to_owned());
        match self.env.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.env.push((name, value)),
        }
        self
    }

    /// Passes on all environment variables of this process.
    pub fn inherit_env(self) -> Self {
        std::env::vars_os().fold(self, |builder, (name, value)| builder.env(name, value))
    }

    /// Sets the standard input.
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Sets the standard output.
    pub fn stdout(mut self, stdout: Stdout) -> Self {
        self.stdout = stdout;
        self
    }

    /// Sets the standard error.
    pub fn stderr(mut self, stderr: Stdout) -> Self {
        self.stderr = stderr;
        self
    }

    /// Passes on the three standard streams of this process.
    pub fn inherit_stdio(self) -> Self {
        self.stdin(Stdin::Inherit).stdout(Stdout::Inherit).stderr(Stdout::Inherit)
    }

    /// Grants a directory of the host under a name for the guest.
    pub fn dir(self, host: impl AsRef<Path>, guest: impl AsRef<OsStr>) -> Self {
        self.dir_grant(DirGrant { host: host.as_ref().to_owned(), guest: guest.as_ref().to_owned(), read_only: false })
    }

    /// Grants a directory of the host for reading only.
    pub fn read_only_dir(self, host: impl AsRef<Path>, guest: impl AsRef<OsStr>) -> Self {
        self.dir_grant(DirGrant { host: host.as_ref().to_owned(), guest: guest.as_ref().to_owned(), read_only: true })
    }

    /// Grants a directory as described by [`DirGrant`].
    pub fn dir_grant(mut self, grant: DirGrant) -> Self {
        self.dirs.push(grant);
        self
    }

    /// Grants a listening socket. Sockets get the descriptor numbers after those of the directories, because guests
    /// look for directories from number 3 on, up to the first that is none.
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Replaces the clocks of the system.
    pub fn clocks(mut self, clocks: Box<dyn HostClocks>) -> Self {
        self.clocks = Some(clocks);
        self
    }

    /// See [`WasiCtx::set_interrupt_check`].
    pub fn interrupt_check(mut self, check: Box<dyn Fn() -> bool + Send>) -> Self {
        self.interrupt = Some(check);
        self
    }

    /// Sets how many descriptors the guest may have open at a time, among them the three standard streams and what it is granted; one more
    /// fails with [`Errno::Mfile`](crate::Errno::Mfile). Unless set, 1,024, but at most half of what this process may have
    /// (`RLIMIT_NOFILE`). Of several guests in a process, the limits together should leave it some.
    pub fn open_files_max(mut self, count: usize) -> Self {
        self.open_files_max = Some(count);
        self
    }

    /// Sets how many bytes the guest may write in all: to files (also what they grow by without being written), standard streams and sockets. What it
    /// makes in folders counts as 256 bytes and those of its name. What goes beyond fails with [`Errno::Nospc`](crate::Errno::Nospc). Unless set, any number.
    pub fn output_bytes_max(mut self, bytes: u64) -> Self {
        self.output_bytes_max = Some(bytes);
        self
    }

    /// Ends the guest with status 141 when it writes to a standard stream of the host that nobody reads any more, as `SIGPIPE` ends programs of the
    /// system that do not look at what writing returns. Unless called, it gets [`Errno::Pipe`](crate::Errno::Pipe) and goes on.
    pub fn end_at_closed_pipe(mut self) -> Self {
        self.ends_at_closed_pipe = true;
        self
    }

    /// What [`WasiCtxBuilder::open_files_max`] is unless set: as many as programs commonly expect, but never so many that the host itself can open nothing any
    /// more. Asks the system, which who makes many guests may do once.
    pub fn open_files_by_default() -> usize {
        usize::try_from(process::open_files_max() / 2).unwrap_or(usize::MAX).min(OPEN_FILES_MAX)
    }

    /// Checks everything, opens the directories, and makes the context.
    pub fn build(self) -> Result<WasiCtx, BuildError> {
        let args = checked_args(self.args)?;
        let env = checked_env(self.env)?;
        let mut table = FdTable::new(self.open_files_max.unwrap_or_else(Self::open_files_by_default));
        for stream in [
            self.stdin.into_descriptor(),
            self.stdout.into_descriptor(&io::stdout()),
            self.stderr.into_descriptor(&io::stderr()),
        ] {
            insert(&mut table, stream.map_err(BuildError::Stdio)?)?;
        }
        check_guest_paths(&self.dirs)?;
        for grant in self.dirs {
            insert(&mut table, preopened_dir(grant)?)?;
        }
        for listener in self.listeners {
            insert(&mut table, preopened_listener(listener))?;
        }
        let mut ctx = WasiCtx {
            args,
            env,
            table,
            clocks: self.clocks.unwrap_or_else(|| Box::new(SystemClocks)),
            interrupt: Interrupt::default(),
            output: OutputBudget {
                bytes_left: self.output_bytes_max.unwrap_or(u64::MAX),
                is_limited: self.output_bytes_max.is_some(),
                ends_at_closed_pipe: self.ends_at_closed_pipe,
            },
        };
        ctx.set_interrupt_check(self.interrupt);
        Ok(ctx)
    }
}

fn insert(table: &mut FdTable, descriptor: Descriptor) -> Result<(), BuildError> {
    table.insert(descriptor).map(drop).map_err(|_| BuildError::TooMany)
}

fn checked_args(args: Vec<OsString>) -> Result<Vec<Vec<u8>>, BuildError> {
    let args: Vec<_> = args.into_iter().map(OsString::into_vec).collect();
    match args.iter().position(|arg| arg.contains(&0)) {
        Some(index) => Err(BuildError::ArgumentWithNul { index }),
        None => Ok(args),
    }
}

fn checked_env(env: Vec<(OsString, OsString)>) -> Result<Vec<Vec<u8>>, BuildError> {
    let join = |(name, value): (OsString, OsString)| {
        let readable = || name.to_string_lossy().into_owned();
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes.contains(&b'=') || bytes.contains(&0) {
            return Err(BuildError::EnvName { name: readable() });
        }
        if value.as_bytes().contains(&0) {
            return Err(BuildError::EnvValue { name: readable() });
        }
        Ok([bytes, b"=", value.as_bytes()].concat())
    };
    env.into_iter().map(join).collect()
}

fn check_guest_paths(dirs: &[DirGrant]) -> Result<(), BuildError> {
    for (index, grant) in dirs.iter().enumerate() {
        let name = || grant.guest.to_string_lossy().into_owned();
        if grant.guest.is_empty() || grant.guest.as_bytes().contains(&0) {
            return Err(BuildError::GuestPath { name: name() });
        }
        if dirs[..index].iter().any(|other| other.guest == grant.guest) {
            return Err(BuildError::GuestPathTwice { name: name() });
        }
    }
    Ok(())
}

fn preopened_dir(grant: DirGrant) -> Result<Descriptor, BuildError> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let file = files::open(&grant.host, flags | OFlags::RDONLY, Mode::empty())
        // A directory that may be searched but not listed is still good for opening known names.
        .or_else(|error| match error {
            HostErrno::ACCESS => files::open(&grant.host, flags | OFlags::PATH, Mode::empty()),
            other => Err(other),
        })
        .and_then(|file| Ok((fstat(&file)?, confined::is_of_processes(&file)?, file)));
    let (stat, of_processes, file) =
        file.map_err(|error| BuildError::OpenDir { path: grant.host.clone(), source: error.into() })?;
    if of_processes {
        return Err(BuildError::ProcessDir { path: grant.host });
    }
    let identity = identity_of(&stat);
    Ok(Descriptor {
        object: Object::Dir(Directory { file: file.into(), is_root: true, identity, cursor: None }),
        rights: Rights::DIRECTORY,
        inheriting: Rights::INHERITED,
        preopen: Some(grant.guest.into_vec()),
        read_only: grant.read_only,
    })
}

fn preopened_listener(listener: TcpListener) -> Descriptor {
    Descriptor {
        object: Object::Listener(listener.into(), FdFlags::default()),
        rights: Rights::LISTENING_SOCKET,
        inheriting: Rights::STREAM_SOCKET,
        preopen: None,
        read_only: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(host: &str, guest: &str, read_only: bool) -> DirGrant {
        DirGrant { host: host.into(), guest: guest.into(), read_only }
    }

    #[test]
    fn dir_grants_are_taken_apart() {
        assert_eq!(DirGrant::parse("."), grant(".", ".", false));
        assert_eq!(DirGrant::parse("/a/b:ro"), grant("/a/b", "/a/b", true));
        assert_eq!(DirGrant::parse("/a::/b"), grant("/a", "/b", false));
        assert_eq!(DirGrant::parse("/a::/b:ro"), grant("/a", "/b", true));
        assert_eq!(DirGrant::parse("/a::ro"), grant("/a", "ro", false));
        assert_eq!(DirGrant::parse("c:x"), grant("c:x", "c:x", false));
    }

    #[test]
    fn bad_strings_are_refused() {
        let build = |builder: WasiCtxBuilder| builder.build().map(drop).unwrap_err().to_string();
        let new = WasiCtxBuilder::new;
        assert_eq!(build(new().args(["a", "b\0"])), "argument 1 contains a NUL byte");
        assert!(build(new().env("A=B", "")).contains("`A=B`"));
        assert!(build(new().env("", "x")).contains("``"));
        assert!(build(new().env("A", "x\0")).contains("`A`"));
        assert!(build(new().dir(".", "")).contains("guest path"));
        assert!(build(new().dir(".", "/").dir(".", "/")).contains("two directories"));
        assert!(build(new().dir("/nonexistent-dir", "/")).contains("/nonexistent-dir"));
    }

    #[test]
    fn the_last_value_of_a_variable_counts() {
        let ctx = WasiCtxBuilder::new().env("A", "1").env("B", "2").env("A", "3").build().unwrap();
        assert_eq!(ctx.env, [b"A=3".to_vec(), b"B=2".to_vec()]);
    }
}
