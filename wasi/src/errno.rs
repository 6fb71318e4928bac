//! The error codes of WASI, and how host errors become one of them.

use std::io;

use crate::host::HostErrno;

/// One row per code: name here, number in the witx `errno` type, its name in POSIX without the `E`, if the host has it, meaning.
macro_rules! errno_table {
    ($($name:ident = $code:literal, $host:tt, $text:literal;)*) => {
        /// A WASI error code (witx type `errno`, the same numbers in both snapshots).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Errno {
            $(#[doc = $text] $name = $code,)*
        }

        impl Errno {
            /// Every code, in numeric order.
            pub const ALL: &[Errno] = &[$(Errno::$name,)*];

            /// What the code means, in a few words.
            pub fn text(self) -> &'static str {
                match self { $(Errno::$name => $text,)* }
            }
        }

        /// Host code to WASI code. The first match wins: `EAGAIN` and `EWOULDBLOCK`, `ENOTSUP` and
        /// `EOPNOTSUPP` are one number on Linux and two elsewhere.
        const HOST_CODES: &[(HostErrno, Errno)] = &[
            $(errno_table!(@host $host $name),)*
            (HostErrno::WOULDBLOCK, Errno::Again),
            (HostErrno::OPNOTSUPP, Errno::Notsup),
        ];
    };
    (@host - $name:ident) => { (NO_HOST_CODE, Errno::$name) };
    (@host $host:ident $name:ident) => { (HostErrno::$host, Errno::$name) };
}

/// Stands in the table where the host has no such error; never looked up successfully, because a failed system call
/// does not report this value.
const NO_HOST_CODE: HostErrno = HostErrno::from_raw_os_error(4095);

errno_table! {
    Success = 0, -, "no error";
    TooBig = 1, TOOBIG, "argument list too long";
    Acces = 2, ACCESS, "permission denied";
    Addrinuse = 3, ADDRINUSE, "address in use";
    Addrnotavail = 4, ADDRNOTAVAIL, "address not available";
    Afnosupport = 5, AFNOSUPPORT, "address family not supported";
    Again = 6, AGAIN, "resource unavailable, or the operation would block";
    Already = 7, ALREADY, "connection already in progress";
    Badf = 8, BADF, "bad file descriptor";
    Badmsg = 9, BADMSG, "bad message";
    Busy = 10, BUSY, "device or resource busy";
    Canceled = 11, CANCELED, "operation canceled";
    Child = 12, CHILD, "no child processes";
    Connaborted = 13, CONNABORTED, "connection aborted";
    Connrefused = 14, CONNREFUSED, "connection refused";
    Connreset = 15, CONNRESET, "connection reset";
    Deadlk = 16, DEADLK, "resource deadlock would occur";
    Destaddrreq = 17, DESTADDRREQ, "destination address required";
    Dom = 18, DOM, "argument outside the domain of the function";
    Dquot = 19, DQUOT, "disk quota exceeded";
    Exist = 20, EXIST, "file exists";
    Fault = 21, FAULT, "bad address";
    Fbig = 22, FBIG, "file too large";
    Hostunreach = 23, HOSTUNREACH, "host is unreachable";
    Idrm = 24, IDRM, "identifier removed";
    Ilseq = 25, ILSEQ, "illegal byte sequence";
    Inprogress = 26, INPROGRESS, "operation in progress";
    Intr = 27, INTR, "interrupted function";
    Inval = 28, INVAL, "invalid argument";
    Io = 29, IO, "input/output error";
    Isconn = 30, ISCONN, "socket is connected";
    Isdir = 31, ISDIR, "is a directory";
    Loop = 32, LOOP, "too many levels of symbolic links";
    Mfile = 33, MFILE, "file descriptor table is full";
    Mlink = 34, MLINK, "too many links";
    Msgsize = 35, MSGSIZE, "message too large";
    Multihop = 36, MULTIHOP, "multihop attempted";
    Nametoolong = 37, NAMETOOLONG, "file name too long";
    Netdown = 38, NETDOWN, "network is down";
    Netreset = 39, NETRESET, "connection aborted by the network";
    Netunreach = 40, NETUNREACH, "network unreachable";
    Nfile = 41, NFILE, "too many open files in the system";
    Nobufs = 42, NOBUFS, "no buffer space available";
    Nodev = 43, NODEV, "no such device";
    Noent = 44, NOENT, "no such file or directory";
    Noexec = 45, NOEXEC, "executable format error";
    Nolck = 46, NOLCK, "no locks available";
    Nolink = 47, NOLINK, "link has been severed";
    Nomem = 48, NOMEM, "not enough space";
    Nomsg = 49, NOMSG, "no message of the desired type";
    Noprotoopt = 50, NOPROTOOPT, "protocol not available";
    Nospc = 51, NOSPC, "no space left on device";
    Nosys = 52, NOSYS, "function not supported";
    Notconn = 53, NOTCONN, "socket is not connected";
    Notdir = 54, NOTDIR, "not a directory";
    Notempty = 55, NOTEMPTY, "directory not empty";
    Notrecoverable = 56, NOTRECOVERABLE, "state not recoverable";
    Notsock = 57, NOTSOCK, "not a socket";
    Notsup = 58, NOTSUP, "not supported";
    Notty = 59, NOTTY, "inappropriate control operation";
    Nxio = 60, NXIO, "no such device or address";
    Overflow = 61, OVERFLOW, "value too large for its type";
    Ownerdead = 62, OWNERDEAD, "previous owner died";
    Perm = 63, PERM, "operation not permitted";
    Pipe = 64, PIPE, "broken pipe";
    Proto = 65, PROTO, "protocol error";
    Protonosupport = 66, PROTONOSUPPORT, "protocol not supported";
    Prototype = 67, PROTOTYPE, "wrong protocol type for the socket";
    Range = 68, RANGE, "result too large";
    Rofs = 69, ROFS, "read-only file system";
    Spipe = 70, SPIPE, "invalid seek";
    Srch = 71, SRCH, "no such process";
    Stale = 72, STALE, "stale file handle";
    Timedout = 73, TIMEDOUT, "connection timed out";
    Txtbsy = 74, TXTBSY, "text file busy";
    Xdev = 75, XDEV, "link across devices";
    Notcapable = 76, -, "capabilities insufficient";
}

impl Errno {
    /// The number that the guest sees.
    pub const fn code(self) -> u16 {
        self as u16
    }
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl From<HostErrno> for Errno {
    fn from(host: HostErrno) -> Errno {
        HOST_CODES.iter().find(|(code, _)| *code == host).map_or(Errno::Io, |(_, errno)| *errno)
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        if let Some(host) = HostErrno::from_io_error(&error) {
            return host.into();
        }
        match error.kind() {
            // cap-primitives reports a path that leads out of its directory with this kind and without a host code.
            io::ErrorKind::PermissionDenied => Errno::Notcapable,
            io::ErrorKind::NotFound => Errno::Noent,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::Interrupted => Errno::Intr,
            io::ErrorKind::BrokenPipe => Errno::Pipe,
            io::ErrorKind::StorageFull | io::ErrorKind::WriteZero => Errno::Nospc,
            io::ErrorKind::OutOfMemory => Errno::Nomem,
            io::ErrorKind::Unsupported => Errno::Notsup,
            _ => Errno::Io,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_dense_and_ordered() {
        for (index, errno) in Errno::ALL.iter().enumerate() {
            assert_eq!(usize::from(errno.code()), index);
        }
        assert_eq!(Errno::ALL.len(), 77);
    }

    #[test]
    fn host_codes_map_to_their_namesakes() {
        assert_eq!(Errno::from(HostErrno::NOENT), Errno::Noent);
        assert_eq!(Errno::from(HostErrno::OPNOTSUPP), Errno::Notsup);
        assert_eq!(Errno::from(HostErrno::WOULDBLOCK), Errno::Again);
        assert_eq!(Errno::from(HostErrno::from_raw_os_error(4000)), Errno::Io);
    }

    #[test]
    fn io_errors_keep_the_host_code() {
        let error = io::Error::from_raw_os_error(HostErrno::LOOP.raw_os_error());
        assert_eq!(Errno::from(error), Errno::Loop);
        let escape = io::Error::new(io::ErrorKind::PermissionDenied, "outside");
        assert_eq!(Errno::from(escape), Errno::Notcapable);
    }
}
