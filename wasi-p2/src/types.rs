//! The records, variants, enums and flags of WASI 0.2 as Rust types.

use wasmer_component::Own;

use crate::io::IoError;

const NS_PER_SECOND: u64 = 1_000_000_000;

wasmer_component::record! {
    /// `wasi:clocks/wall-clock.datetime`: a time since 1970.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Datetime {
        /// Whole seconds.
        pub seconds: u64 = "seconds",
        /// Less than a second.
        pub nanoseconds: u32 = "nanoseconds",
    }
}

impl Datetime {
    pub(crate) fn from_ns(ns: u64) -> Datetime {
        Datetime { seconds: ns / NS_PER_SECOND, nanoseconds: (ns % NS_PER_SECOND) as u32 }
    }
}

wasmer_component::variant! {
    /// `wasi:io/streams.stream-error`.
    #[derive(Debug)]
    pub(crate) enum StreamError {
        /// Why the operation before the stream was closed failed.
        LastOperationFailed(Own<IoError>) = "last-operation-failed",
        /// At its end, or failed before.
        Closed = "closed",
    }
}

wasmer_component::enumeration! {
    /// `wasi:filesystem/types.descriptor-type`.
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum DescriptorType {
        Unknown = "unknown",
        BlockDevice = "block-device",
        CharacterDevice = "character-device",
        Directory = "directory",
        Fifo = "fifo",
        SymbolicLink = "symbolic-link",
        RegularFile = "regular-file",
        Socket = "socket",
    }
}

wasmer_component::record! {
    /// `wasi:filesystem/types.descriptor-stat`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) struct DescriptorStat {
        pub r#type: DescriptorType = "type",
        pub link_count: u64 = "link-count",
        pub size: u64 = "size",
        pub data_access_timestamp: Option<Datetime> = "data-access-timestamp",
        pub data_modification_timestamp: Option<Datetime> = "data-modification-timestamp",
        pub status_change_timestamp: Option<Datetime> = "status-change-timestamp",
    }
}

wasmer_component::variant! {
    /// `wasi:filesystem/types.new-timestamp`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum NewTimestamp {
        NoChange = "no-change",
        Now = "now",
        Timestamp(Datetime) = "timestamp",
    }
}

wasmer_component::record! {
    /// `wasi:filesystem/types.directory-entry`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) struct DirectoryEntry {
        pub r#type: DescriptorType = "type",
        pub name: String = "name",
    }
}

wasmer_component::enumeration! {
    /// `wasi:filesystem/types.error-code`.
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum FsError {
        Access = "access",
        WouldBlock = "would-block",
        Already = "already",
        BadDescriptor = "bad-descriptor",
        Busy = "busy",
        Deadlock = "deadlock",
        Quota = "quota",
        Exist = "exist",
        FileTooLarge = "file-too-large",
        IllegalByteSequence = "illegal-byte-sequence",
        InProgress = "in-progress",
        Interrupted = "interrupted",
        Invalid = "invalid",
        Io = "io",
        IsDirectory = "is-directory",
        Loop = "loop",
        TooManyLinks = "too-many-links",
        MessageSize = "message-size",
        NameTooLong = "name-too-long",
        NoDevice = "no-device",
        NoEntry = "no-entry",
        NoLock = "no-lock",
        InsufficientMemory = "insufficient-memory",
        InsufficientSpace = "insufficient-space",
        NotDirectory = "not-directory",
        NotEmpty = "not-empty",
        NotRecoverable = "not-recoverable",
        Unsupported = "unsupported",
        NoTty = "no-tty",
        NoSuchDevice = "no-such-device",
        Overflow = "overflow",
        NotPermitted = "not-permitted",
        Pipe = "pipe",
        ReadOnly = "read-only",
        InvalidSeek = "invalid-seek",
        TextFileBusy = "text-file-busy",
        CrossDevice = "cross-device",
    }
}

wasmer_component::enumeration! {
    /// `wasi:filesystem/types.advice`.
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum Advice {
        Normal = "normal",
        Sequential = "sequential",
        Random = "random",
        WillNeed = "will-need",
        DontNeed = "dont-need",
        NoReuse = "no-reuse",
    }
}

wasmer_component::record! {
    /// `wasi:filesystem/types.metadata-hash-value`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) struct MetadataHashValue {
        pub lower: u64 = "lower",
        pub upper: u64 = "upper",
    }
}

wasmer_component::enumeration! {
    /// `wasi:sockets/network.error-code`.
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum NetError {
        Unknown = "unknown",
        AccessDenied = "access-denied",
        NotSupported = "not-supported",
        InvalidArgument = "invalid-argument",
        OutOfMemory = "out-of-memory",
        Timeout = "timeout",
        ConcurrencyConflict = "concurrency-conflict",
        NotInProgress = "not-in-progress",
        WouldBlock = "would-block",
        InvalidState = "invalid-state",
        NewSocketLimit = "new-socket-limit",
        AddressNotBindable = "address-not-bindable",
        AddressInUse = "address-in-use",
        RemoteUnreachable = "remote-unreachable",
        ConnectionRefused = "connection-refused",
        ConnectionReset = "connection-reset",
        ConnectionAborted = "connection-aborted",
        DatagramTooLarge = "datagram-too-large",
        NameUnresolvable = "name-unresolvable",
        TemporaryResolverFailure = "temporary-resolver-failure",
        PermanentResolverFailure = "permanent-resolver-failure",
    }
}

wasmer_component::enumeration! {
    /// `wasi:sockets/network.ip-address-family`.
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum IpAddressFamily {
        Ipv4 = "ipv4",
        Ipv6 = "ipv6",
    }
}

/// `wasi:sockets/network.ipv4-address`.
pub(crate) type Ipv4Address = (u8, u8, u8, u8);

/// `wasi:sockets/network.ipv6-address`.
pub(crate) type Ipv6Address = (u16, u16, u16, u16, u16, u16, u16, u16);

wasmer_component::variant! {
    /// `wasi:sockets/network.ip-address`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum IpAddress {
        Ipv4(Ipv4Address) = "ipv4",
        Ipv6(Ipv6Address) = "ipv6",
    }
}

wasmer_component::record! {
    /// `wasi:sockets/network.ipv4-socket-address`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) struct Ipv4SocketAddress {
        pub port: u16 = "port",
        pub address: Ipv4Address = "address",
    }
}

wasmer_component::record! {
    /// `wasi:sockets/network.ipv6-socket-address`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) struct Ipv6SocketAddress {
        pub port: u16 = "port",
        pub flow_info: u32 = "flow-info",
        pub address: Ipv6Address = "address",
        pub scope_id: u32 = "scope-id",
    }
}

wasmer_component::variant! {
    /// `wasi:sockets/network.ip-socket-address`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum IpSocketAddress {
        Ipv4(Ipv4SocketAddress) = "ipv4",
        Ipv6(Ipv6SocketAddress) = "ipv6",
    }
}

wasmer_component::enumeration! {
    /// `wasi:sockets/tcp.shutdown-type`.
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum ShutdownType {
        Receive = "receive",
        Send = "send",
        Both = "both",
    }
}

wasmer_component::record! {
    /// `wasi:sockets/udp.incoming-datagram`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) struct IncomingDatagram {
        pub data: Vec<u8> = "data",
        pub remote_address: IpSocketAddress = "remote-address",
    }
}

wasmer_component::record! {
    /// `wasi:sockets/udp.outgoing-datagram`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) struct OutgoingDatagram {
        pub data: Vec<u8> = "data",
        pub remote_address: Option<IpSocketAddress> = "remote-address",
    }
}

wasmer_component::flags! {
    /// `wasi:filesystem/types.descriptor-flags`.
    pub(crate) struct DescriptorFlags {
        READ = "read",
        WRITE = "write",
        FILE_INTEGRITY_SYNC = "file-integrity-sync",
        DATA_INTEGRITY_SYNC = "data-integrity-sync",
        REQUESTED_WRITE_SYNC = "requested-write-sync",
        MUTATE_DIRECTORY = "mutate-directory",
    }
}

wasmer_component::flags! {
    /// `wasi:filesystem/types.path-flags`.
    pub(crate) struct PathFlags {
        SYMLINK_FOLLOW = "symlink-follow",
    }
}

wasmer_component::flags! {
    /// `wasi:filesystem/types.open-flags`.
    pub(crate) struct OpenFlags {
        CREATE = "create",
        DIRECTORY = "directory",
        EXCLUSIVE = "exclusive",
        TRUNCATE = "truncate",
    }
}
