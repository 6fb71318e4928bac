//! A guest without a module: calls functions by name, as wasm would, on a memory of its own.

#![allow(dead_code, reason = "every test file uses another part")]

use wasmer_wasi::{Errno, GuestMemory, Rights, Snapshot, Termination, WasiCtx, WasiCtxBuilder, functions};

/// Where results of calls go.
pub(crate) const OUT: u32 = 0;
/// Where strings go that `path` writes; two at a time.
const PATHS: [u32; 2] = [1024, 8192];
/// A free area for buffers.
pub(crate) const BUFFER: u32 = 16384;
const MEMORY_BYTES: usize = 1 << 20;

pub(crate) const OFLAGS_CREAT: u32 = 1;
pub(crate) const OFLAGS_DIRECTORY: u32 = 2;
pub(crate) const OFLAGS_EXCL: u32 = 4;
pub(crate) const OFLAGS_TRUNC: u32 = 8;

/// The first preopened directory.
pub(crate) const DIR: u32 = 3;

pub(crate) struct Guest {
    pub(crate) ctx: WasiCtx,
    pub(crate) memory: Vec<u8>,
    pub(crate) snapshot: Snapshot,
}

impl Guest {
    pub(crate) fn new(builder: WasiCtxBuilder) -> Guest {
        Guest { ctx: builder.build().unwrap(), memory: vec![0; MEMORY_BYTES], snapshot: Snapshot::Preview1 }
    }

    /// A guest with one directory, which is also returned.
    pub(crate) fn with_dir() -> (Guest, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let guest = Guest::new(WasiCtxBuilder::new().dir(dir.path(), "/"));
        (guest, dir)
    }

    pub(crate) fn mem(&mut self) -> GuestMemory<'_> {
        GuestMemory::from_slice(&mut self.memory)
    }

    pub(crate) fn call_raw(&mut self, name: &str, args: &[u64]) -> Result<u32, Termination> {
        let function = functions(self.snapshot).iter().find(|function| function.name == name).unwrap();
        assert_eq!(function.params.len(), args.len(), "{name}");
        (function.call)(&mut self.ctx, &GuestMemory::from_slice(&mut self.memory), args)
    }

    pub(crate) fn call(&mut self, name: &str, args: &[u64]) -> Result<(), Errno> {
        match self.call_raw(name, args).unwrap() {
            0 => Ok(()),
            code => Err(Errno::ALL[code as usize]),
        }
    }

    /// Writes a string and returns its pointer and length.
    fn string(&mut self, slot: usize, text: &[u8]) -> [u64; 2] {
        let ptr = PATHS[slot];
        self.mem().write_bytes(ptr, text).unwrap();
        [u64::from(ptr), text.len() as u64]
    }

    /// Calls a function whose arguments are a descriptor and a path.
    pub(crate) fn path_call(&mut self, name: &str, fd: u32, path: impl AsRef<[u8]>) -> Result<(), Errno> {
        let [ptr, len] = self.string(0, path.as_ref());
        self.call(name, &[u64::from(fd), ptr, len])
    }

    pub(crate) fn open_with(
        &mut self,
        fd: u32,
        path: impl AsRef<[u8]>,
        lookup: u32,
        oflags: u32,
        rights: (Rights, Rights),
        fdflags: u32,
    ) -> Result<u32, Errno> {
        let [ptr, len] = self.string(0, path.as_ref());
        self.call(
            "path_open",
            &[
                fd.into(),
                lookup.into(),
                ptr,
                len,
                oflags.into(),
                rights.0.bits(),
                rights.1.bits(),
                fdflags.into(),
                OUT.into(),
            ],
        )?;
        Ok(self.mem().read_u32(OUT).unwrap())
    }

    /// Opens without following a link at the end.
    pub(crate) fn open(&mut self, path: impl AsRef<[u8]>, oflags: u32, rights: Rights) -> Result<u32, Errno> {
        self.open_with(DIR, path, 0, oflags, (rights, Rights::NONE), 0)
    }

    /// Opens a directory with all rights of one.
    pub(crate) fn open_dir(&mut self, path: impl AsRef<[u8]>, inheriting: Rights) -> Result<u32, Errno> {
        let rights = (Rights::DIRECTORY, inheriting);
        self.open_with(DIR, path, 1, OFLAGS_DIRECTORY, rights, 0)
    }

    pub(crate) fn two_paths(
        &mut self,
        name: &str,
        (old_fd, old): (u32, &str),
        (new_fd, new): (u32, &str),
    ) -> Result<(), Errno> {
        let [old_ptr, old_len] = self.string(0, old.as_bytes());
        let [new_ptr, new_len] = self.string(1, new.as_bytes());
        let (old_fd, new_fd) = (old_fd.into(), new_fd.into());
        match name {
            "path_link" => self.call(name, &[old_fd, 0, old_ptr, old_len, new_fd, new_ptr, new_len]),
            "path_rename" => self.call(name, &[old_fd, old_ptr, old_len, new_fd, new_ptr, new_len]),
            _ => panic!("{name} takes no two paths"),
        }
    }

    pub(crate) fn symlink(&mut self, target: &str, path: &str) -> Result<(), Errno> {
        let [target_ptr, target_len] = self.string(0, target.as_bytes());
        let [ptr, len] = self.string(1, path.as_bytes());
        self.call("path_symlink", &[target_ptr, target_len, DIR.into(), ptr, len])
    }

    /// Size of the file that a path leads to.
    pub(crate) fn stat_size(&mut self, fd: u32, lookup: u32, path: &str) -> Result<u64, Errno> {
        let [ptr, len] = self.string(0, path.as_bytes());
        let args = [fd.into(), lookup.into(), ptr, len, OUT.into()];
        self.call("path_filestat_get", &args)?;
        let at = match self.snapshot {
            Snapshot::Preview1 => 32,
            Snapshot::Unstable => 24,
        };
        Ok(self.mem().read_u64(OUT + at).unwrap())
    }

    pub(crate) fn set_path_times(&mut self, lookup: u32, path: &str, ns: u64) -> Result<(), Errno> {
        let [ptr, len] = self.string(0, path.as_bytes());
        let both = 1 | 4;
        let args = [DIR.into(), lookup.into(), ptr, len, ns, ns, both];
        self.call("path_filestat_set_times", &args)
    }

    pub(crate) fn readlink(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        let [ptr, len] = self.string(0, path.as_bytes());
        let args = [DIR.into(), ptr, len, BUFFER.into(), 256, OUT.into()];
        self.call("path_readlink", &args)?;
        let used = self.mem().read_u32(OUT).unwrap();
        Ok(self.bytes(BUFFER, used))
    }

    pub(crate) fn bytes(&mut self, ptr: u32, len: u32) -> Vec<u8> {
        self.mem().read_vec(ptr, len, usize::MAX).unwrap()
    }

    /// Writes an array of buffers at 512 and returns pointer and count.
    pub(crate) fn iovecs(&mut self, buffers: &[(u32, u32)]) -> [u64; 2] {
        let mem = self.mem();
        for (index, (ptr, len)) in buffers.iter().enumerate() {
            let at = 512 + index as u32 * 8;
            mem.write_u32(at, *ptr).unwrap();
            mem.write_u32(at + 4, *len).unwrap();
        }
        [512, buffers.len() as u64]
    }

    pub(crate) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        self.mem().write_bytes(BUFFER, bytes).unwrap();
        let [iovs, count] = self.iovecs(&[(BUFFER, bytes.len() as u32)]);
        self.call("fd_write", &[fd.into(), iovs, count, OUT.into()])?;
        Ok(self.mem().read_u32(OUT).unwrap())
    }

    pub(crate) fn read(&mut self, fd: u32, len: u32) -> Result<Vec<u8>, Errno> {
        let [iovs, count] = self.iovecs(&[(BUFFER, len)]);
        self.call("fd_read", &[fd.into(), iovs, count, OUT.into()])?;
        let count = self.mem().read_u32(OUT).unwrap();
        Ok(self.bytes(BUFFER, count))
    }

    pub(crate) fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Result<u64, Errno> {
        self.call("fd_seek", &[fd.into(), offset as u64, whence.into(), OUT.into()])?;
        Ok(self.mem().read_u64(OUT).unwrap())
    }
}
