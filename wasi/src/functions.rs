//! The one table of all functions: names and wasm signatures, from which glue code derives its registrations.

use crate::ctx::WasiCtx;
use crate::error::{Termination, to_raw};
use crate::memory::GuestMemory;
use crate::types::Snapshot;

/// Type of a wasm parameter; WASI needs no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WasmType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// A function that a guest can import.
#[derive(Clone, Copy)]
pub struct WasiFunction {
    /// Name of the import.
    pub name: &'static str,
    /// Types of the wasm parameters.
    pub params: &'static [WasmType],
    /// Whether it returns an `i32`, the error code. Only `proc_exit` does not.
    pub has_result: bool,
    /// Calls it. The arguments are the raw parameters, each in the low bits of its 64; missing ones count as 0.
    ///
    /// Returns the error code for the guest, or why the guest must stop.
    pub call: fn(&mut WasiCtx, &GuestMemory<'_>, &[u64]) -> Result<u32, Termination>,
}

impl std::fmt::Debug for WasiFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasiFunction")
            .field("name", &self.name)
            .field("params", &self.params)
            .field("has_result", &self.has_result)
            .finish_non_exhaustive()
    }
}

/// All functions of a snapshot, sorted by name.
pub fn functions(snapshot: Snapshot) -> &'static [WasiFunction] {
    match snapshot {
        Snapshot::Preview1 => PREVIEW1,
        Snapshot::Unstable => UNSTABLE,
    }
}

/// Calls `$m` with one row per function: name, parameters with their wasm types, the method for
/// `wasi_snapshot_preview1`, the method for `wasi_unstable` (`-` if it has no such function), and the result.
macro_rules! for_each_wasi_function {
    ($m:ident) => {
        $m! {
            args_get(argv: i32, argv_buf: i32) = args_get, args_get -> errno;
            args_sizes_get(count: i32, size: i32) = args_sizes_get, args_sizes_get -> errno;
            clock_res_get(id: i32, out: i32) = clock_res_get, clock_res_get -> errno;
            clock_time_get(id: i32, precision: i64, out: i32) = clock_time_get, clock_time_get -> errno;
            environ_get(environ: i32, environ_buf: i32) = environ_get, environ_get -> errno;
            environ_sizes_get(count: i32, size: i32) = environ_sizes_get, environ_sizes_get -> errno;
            fd_advise(fd: i32, offset: i64, len: i64, advice: i32) = fd_advise, fd_advise -> errno;
            fd_allocate(fd: i32, offset: i64, len: i64) = fd_allocate, fd_allocate -> errno;
            fd_close(fd: i32) = fd_close, fd_close -> errno;
            fd_datasync(fd: i32) = fd_datasync, fd_datasync -> errno;
            fd_fdstat_get(fd: i32, out: i32) = fd_fdstat_get, fd_fdstat_get -> errno;
            fd_fdstat_set_flags(fd: i32, flags: i32) = fd_fdstat_set_flags, fd_fdstat_set_flags -> errno;
            fd_fdstat_set_rights(fd: i32, rights: i64, inheriting: i64) = fd_fdstat_set_rights, fd_fdstat_set_rights -> errno;
            fd_filestat_get(fd: i32, out: i32) = fd_filestat_get, fd_filestat_get_unstable -> errno;
            fd_filestat_set_size(fd: i32, size: i64) = fd_filestat_set_size, fd_filestat_set_size -> errno;
            fd_filestat_set_times(fd: i32, accessed: i64, modified: i64, flags: i32) = fd_filestat_set_times, fd_filestat_set_times -> errno;
            fd_pread(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nread: i32) = fd_pread, fd_pread -> errno;
            fd_prestat_dir_name(fd: i32, path: i32, path_len: i32) = fd_prestat_dir_name, fd_prestat_dir_name -> errno;
            fd_prestat_get(fd: i32, out: i32) = fd_prestat_get, fd_prestat_get -> errno;
            fd_pwrite(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nwritten: i32) = fd_pwrite, fd_pwrite -> errno;
            fd_read(fd: i32, iovs: i32, iovs_len: i32, nread: i32) = fd_read, fd_read -> errno;
            fd_readdir(fd: i32, buf: i32, buf_len: i32, cookie: i64, bufused: i32) = fd_readdir, fd_readdir -> errno;
            fd_renumber(from: i32, to: i32) = fd_renumber, fd_renumber -> errno;
            fd_seek(fd: i32, offset: i64, whence: i32, newoffset: i32) = fd_seek, fd_seek_unstable -> errno;
            fd_sync(fd: i32) = fd_sync, fd_sync -> errno;
            fd_tell(fd: i32, offset: i32) = fd_tell, fd_tell -> errno;
            fd_write(fd: i32, iovs: i32, iovs_len: i32, nwritten: i32) = fd_write, fd_write -> errno;
            path_create_directory(fd: i32, path: i32, path_len: i32) = path_create_directory, path_create_directory -> errno;
            path_filestat_get(fd: i32, lookup: i32, path: i32, path_len: i32, out: i32) = path_filestat_get, path_filestat_get_unstable -> errno;
            path_filestat_set_times(fd: i32, lookup: i32, path: i32, path_len: i32, accessed: i64, modified: i64, flags: i32) = path_filestat_set_times, path_filestat_set_times -> errno;
            path_link(old_fd: i32, old_lookup: i32, old_path: i32, old_path_len: i32, new_fd: i32, new_path: i32, new_path_len: i32) = path_link, path_link -> errno;
            path_open(dirfd: i32, lookup: i32, path: i32, path_len: i32, oflags: i32, rights: i64, inheriting: i64, fdflags: i32, fd_out: i32) = path_open, path_open -> errno;
            path_readlink(fd: i32, path: i32, path_len: i32, buf: i32, buf_len: i32, bufused: i32) = path_readlink, path_readlink -> errno;
            path_remove_directory(fd: i32, path: i32, path_len: i32) = path_remove_directory, path_remove_directory -> errno;
            path_rename(old_fd: i32, old_path: i32, old_path_len: i32, new_fd: i32, new_path: i32, new_path_len: i32) = path_rename, path_rename -> errno;
            path_symlink(target: i32, target_len: i32, fd: i32, path: i32, path_len: i32) = path_symlink, path_symlink -> errno;
            path_unlink_file(fd: i32, path: i32, path_len: i32) = path_unlink_file, path_unlink_file -> errno;
            poll_oneoff(subscriptions: i32, events: i32, count: i32, nevents: i32) = poll_oneoff, poll_oneoff_unstable -> errno;
            proc_exit(code: i32) = proc_exit, proc_exit -> never;
            proc_raise(signal: i32) = proc_raise, proc_raise -> errno;
            random_get(buf: i32, buf_len: i32) = random_get, random_get -> errno;
            sched_yield() = sched_yield, sched_yield -> errno;
            sock_accept(fd: i32, flags: i32, fd_out: i32) = sock_accept, - -> errno;
            sock_recv(fd: i32, ri_data: i32, ri_data_len: i32, ri_flags: i32, ro_datalen: i32, ro_flags: i32) = sock_recv, sock_recv -> errno;
            sock_send(fd: i32, si_data: i32, si_data_len: i32, si_flags: i32, so_datalen: i32) = sock_send, sock_send -> errno;
            sock_shutdown(fd: i32, how: i32) = sock_shutdown, sock_shutdown -> errno;
        }
    };
}

/// How a raw 64-bit value becomes a parameter of a method.
trait FromRaw {
    fn from_raw(raw: u64) -> Self;
}

impl FromRaw for u32 {
    fn from_raw(raw: u64) -> u32 {
        raw as u32
    }
}

impl FromRaw for u64 {
    fn from_raw(raw: u64) -> u64 {
        raw
    }
}

impl FromRaw for i64 {
    fn from_raw(raw: u64) -> i64 {
        raw as i64
    }
}

macro_rules! define_tables {
    ($(
        $name:ident($($param:ident: $ty:ident),*) = $preview1:ident, $unstable:tt -> $result:ident;
    )*) => {
        const PREVIEW1: &[WasiFunction] = &[
            $(define_tables!(@row $name($($param: $ty),*) $preview1 $result),)*
        ];

        const UNSTABLE: &[WasiFunction] = &{
            const ROWS: &[Option<WasiFunction>] = &[
                $(define_tables!(@option $name($($param: $ty),*) $unstable $result),)*
            ];
            // One function is missing here; the other rows follow in the same order.
            let mut table = [PREVIEW1[0]; PREVIEW1.len() - 1];
            let (mut from, mut to) = (0, 0);
            while from < ROWS.len() {
                if let Some(function) = ROWS[from] {
                    table[to] = function;
                    to += 1;
                }
                from += 1;
            }
            assert!(to == table.len(), "exactly one function is new in preview 1");
            table
        };
    };
    (@option $name:ident($($param:ident: $ty:ident),*) - $result:ident) => { None };
    (@option $name:ident($($param:ident: $ty:ident),*) $method:ident $result:ident) => {
        Some(define_tables!(@row $name($($param: $ty),*) $method $result))
    };
    (@row $name:ident($($param:ident: $ty:ident),*) $method:ident $result:ident) => {
        WasiFunction {
            name: stringify!($name),
            params: &[$(define_tables!(@type $ty)),*],
            has_result: define_tables!(@result $result),
            call: {
                #[allow(unused_mut, unused_variables, reason = "a function without parameters")]
                fn call(ctx: &mut WasiCtx, mem: &GuestMemory<'_>, args: &[u64]) -> Result<u32, Termination> {
                    let mut args = args.iter().copied();
                    $(let $param = FromRaw::from_raw(args.next().unwrap_or(0));)*
                    let result = ctx.$method(mem $(, $param)*);
                    tracing::trace!(target: "wasi", function = stringify!($name), ?result);
                    to_raw(result)
                }
                call
            },
        }
    };
    (@type i32) => { WasmType::I32 };
    (@type i64) => { WasmType::I64 };
    (@result errno) => { true };
    (@result never) => { false };
}

for_each_wasi_function!(define_tables);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WasiCtxBuilder;

    fn find(snapshot: Snapshot, name: &str) -> WasiFunction {
        *functions(snapshot).iter().find(|function| function.name == name).unwrap()
    }

    #[test]
    fn the_tables_are_complete_and_sorted() {
        let preview1 = functions(Snapshot::Preview1);
        assert_eq!(preview1.len(), 46);
        assert!(preview1.is_sorted_by(|a, b| a.name < b.name));
        let unstable = functions(Snapshot::Unstable);
        assert_eq!(unstable.len(), 45);
        assert!(unstable.is_sorted_by(|a, b| a.name < b.name));
        assert!(unstable.iter().all(|function| function.name != "sock_accept"));
        let without_result = preview1.iter().filter(|function| !function.has_result);
        assert_eq!(without_result.map(|f| f.name).collect::<Vec<_>>(), ["proc_exit"]);
    }

    #[test]
    fn signatures_are_those_of_the_definition() {
        use WasmType::{I32, I64};
        let params = |name| find(Snapshot::Preview1, name).params;
        assert_eq!(params("fd_seek"), [I32, I64, I32, I32]);
        assert_eq!(params("path_open"), [I32, I32, I32, I32, I32, I64, I64, I32, I32]);
        assert_eq!(params("sched_yield"), []);
    }

    #[test]
    fn calls_go_through() {
        let mut ctx = WasiCtxBuilder::new().arg("prog").build().unwrap();
        let mut bytes = vec![0; 64];
        let mem = GuestMemory::from_slice(&mut bytes);
        let call = |ctx: &mut _, name, args: &[u64]| (find(Snapshot::Preview1, name).call)(ctx, &mem, args);
        assert_eq!(call(&mut ctx, "args_sizes_get", &[0, 4]), Ok(0));
        assert_eq!(mem.read_u32(0), Ok(1));
        assert_eq!(mem.read_u32(4), Ok(5));
        assert_eq!(call(&mut ctx, "fd_close", &[99]), Ok(8));
        assert_eq!(call(&mut ctx, "proc_exit", &[7]), Err(Termination::Exit(7)));
        // The upper half of a 32-bit argument is not part of it.
        assert_eq!(call(&mut ctx, "fd_close", &[1 << 40]), Ok(0));
    }
}
