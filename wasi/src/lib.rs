//! WASI preview 1 for the wasmer runtime: files, clocks, random numbers, arguments and sockets for WebAssembly guests.
//!
//! A [`WasiCtx`] is what one guest can reach; [`WasiCtxBuilder`] makes one, and what is not put in is not there. Paths
//! are confined to the granted directories; everything is done synchronously by what `host/` offers of the system, and
//! bytes travel between the kernel and guest memory without a copy.
//!
//! What a guest can do are [operations](ops) on Rust types; the functions of preview 1 put pointers into guest memory on top of them, and
//! other crates may put another face there.
//!
//! The crate knows nothing of how guests are run. Each WASI function is a method that takes a [`GuestMemory`], and
//! [`functions()`] lists them with their wasm signatures for whoever registers them. They serve both
//! `wasi_snapshot_preview1` and the older `wasi_unstable`.
//!
//! ```
//! use wasmer_wasi::{GuestMemory, Snapshot, Stdout, OutputBuffer, WasiCtxBuilder, functions};
//!
//! let out = OutputBuffer::new();
//! let mut ctx = WasiCtxBuilder::new().stdout(Stdout::buffer(&out)).build()?;
//! let mut memory = vec![0; 65536];
//! let mem = GuestMemory::from_slice(&mut memory);
//! // One buffer at 0: 5 bytes at 16. The count goes to 8.
//! mem.write_u32(0, 16).unwrap();
//! mem.write_u32(4, 5).unwrap();
//! mem.write_bytes(16, b"hello").unwrap();
//! let all = functions(Snapshot::Preview1);
//! let fd_write = all.iter().find(|function| function.name == "fd_write").unwrap();
//! assert_eq!((fd_write.call)(&mut ctx, &mem, &[1, 0, 1, 8]), Ok(0));
//! assert_eq!(out.contents(), b"hello");
//! # Ok::<(), wasmer_wasi::BuildError>(())
//! ```

mod args_env;
mod builder;
mod clock;
mod clocks;
mod ctx;
mod directory;
mod errno;
mod error;
mod fd;
mod fd_readdir;
mod fd_stat;
mod functions;
mod host;
mod link;
mod memory;
pub mod ops;
mod path;
mod path_open;
mod poll;
mod proc;
mod random;
mod readiness;
mod resolve;
mod rights;
mod sock;
mod stdio;
mod table;
mod transfer;
mod types;

pub use builder::{BuildError, DirGrant, WasiCtxBuilder};
pub use clocks::{ClockId, HostClocks, SystemClocks};
pub use ctx::WasiCtx;
pub use errno::Errno;
pub use error::{Termination, WasiError, WasiResult};
pub use functions::{WasiFunction, WasmType, functions};
pub use host::io::Position;
pub use link::{ExitStatus, add_imports_to_linker, add_to_linker};
pub use memory::GuestMemory;
pub use resolve::check_path;
pub use rights::Rights;
pub use stdio::{OutputBuffer, SharedOutput, Stdin, Stdout};
pub use types::{FdFlags, FileStat, FileType, OpenFlags, Snapshot};
