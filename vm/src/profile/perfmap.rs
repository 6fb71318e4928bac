//! The map of `perf`: lines of `START SIZE NAME`, numbers in hexadecimal.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::pieces;
use crate::image::Image;
use crate::sys::view::create_private;

/// The file of this process, once there is one.
static MAP: Mutex<Option<File>> = Mutex::new(None);

/// The lock, for the thread that forks.
pub(super) fn lock() -> Box<dyn std::any::Any> {
    Box::new(map())
}

/// The file is another process's.
pub(super) fn forget() {
    *map() = None;
}

fn map() -> MutexGuard<'static, Option<File>> {
    MAP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Appends the image's functions.
pub(super) fn record(image: &Image, path: &Path) -> io::Result<()> {
    let mut map = map();
    let file = match map.take() {
        Some(file) => map.insert(file),
        None => map.insert(create(path)?),
    };
    let base = image.code_range().start;
    let mut out = BufWriter::new(file);
    for (name, range) in pieces(image) {
        writeln!(out, "{:x} {:x} {name}", base + range.start, range.len())?;
    }
    out.flush()
}

/// A new file of the user's own. One that is there stems from another process that had this number, or is somebody's trap: its folder
/// is everybody's.
pub(super) fn create(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create_private(path)
}
