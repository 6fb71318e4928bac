//! The dump of `perf inject --jit`, by `tools/perf/Documentation/jitdump-specification.txt` of the Linux kernel, version 1.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmer_runtime_core::cpu::ARCHITECTURE;

use super::{perfmap, pieces};
use crate::image::Image;
use crate::mapping::Code;
use crate::sys::thread::{ThreadId, profiler_clock_ns};

/// `JiTD`, in the order of the writer's bytes: by it readers know that order.
const MAGIC: u32 = 0x4a69_5444;
const VERSION: u32 = 1;
const HEADER_BYTES: u32 = 40;
/// The record that a piece of code was loaded.
const CODE_LOAD: u32 = 0;
/// Of such a record, without the name and the code.
const CODE_LOAD_BYTES: usize = 56;
/// How much of the dump is mapped.
const MARK_BYTES: usize = 4096;

/// The dump of this process, once there is one.
static DUMP: Mutex<Option<Dump>> = Mutex::new(None);

struct Dump {
    file: File,
    /// Mapping a page as executable makes `perf record` note the file, by which `perf inject` finds it.
    _mark: Code,
    /// Number of the next piece of code.
    next: u64,
}

/// The lock, for the thread that forks.
pub(super) fn lock() -> Box<dyn std::any::Any> {
    Box::new(dump())
}

/// The file is another process's.
pub(super) fn forget() {
    *dump() = None;
}

fn dump() -> MutexGuard<'static, Option<Dump>> {
    DUMP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Appends the image's functions.
pub(super) fn record(image: &Image, path: &Path) -> io::Result<()> {
    let mut dump = dump();
    match dump.take() {
        Some(ours) => dump.insert(ours).append(image),
        None => dump.insert(Dump::new(path)?).append(image),
    }
}

impl Dump {
    fn new(path: &Path) -> io::Result<Self> {
        let mut file = perfmap::create(path)?;
        let mut header = Vec::with_capacity(HEADER_BYTES as usize);
        for field in [MAGIC, VERSION, HEADER_BYTES, ARCHITECTURE, 0, std::process::id()] {
            header.extend(field.to_ne_bytes());
        }
        header.extend(profiler_clock_ns().to_ne_bytes());
        header.extend(0u64.to_ne_bytes());
        file.write_all(&header)?;
        // SAFETY: nobody reads it, and the file only grows.
        let mark = unsafe { Code::new(&file, 0, MARK_BYTES)? };
        if mark.is_copied() {
            return Err(io::Error::other(
                "files in this folder may not be mapped as code, so `perf` would not notice the dump",
            ));
        }
        Ok(Self { file, _mark: mark, next: 0 })
    }

    fn append(&mut self, image: &Image) -> io::Result<()> {
        let (process, thread) = (std::process::id(), ThreadId::current().number());
        let base = image.code_range().start as u64;
        let mut out = BufWriter::new(&self.file);
        for (name, range) in pieces(image) {
            let code = &image.code()[range.clone()];
            let bytes = CODE_LOAD_BYTES + name.len() + 1 + code.len();
            for field in [CODE_LOAD, u32::try_from(bytes).map_err(io::Error::other)?] {
                out.write_all(&field.to_ne_bytes())?;
            }
            out.write_all(&profiler_clock_ns().to_ne_bytes())?;
            for field in [process, thread] {
                out.write_all(&field.to_ne_bytes())?;
            }
            let address = base + range.start as u64;
            for field in [address, address, code.len() as u64, self.next] {
                out.write_all(&field.to_ne_bytes())?;
            }
            out.write_all(name.as_bytes())?;
            out.write_all(&[0])?;
            out.write_all(code)?;
            self.next += 1;
        }
        out.flush()
    }
}
