//! Reading what may never come: a pipe that nobody writes to, a terminal.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::{exit, output};

/// Reads, and ends the process if that takes longer than the program may run. A regular file is there: it needs no watch.
pub(crate) fn within<R>(timeout: Option<Duration>, path: &Path, read: impl FnOnce() -> R) -> R {
    let Some(timeout) = timeout.filter(|_| is_stream(path)) else { return read() };
    let (is_read, reading) = channel::<()>();
    let name = path.display().to_string();
    std::thread::spawn(move || {
        if reading.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
            output::error(&anyhow::anyhow!("`{name}` could not be read within {timeout:?}"));
            std::process::exit(exit::TIMEOUT.into());
        }
    });
    let result = read();
    drop(is_read);
    result
}

/// Whether what has this name may be waited for.
pub(crate) fn is_stream(path: &Path) -> bool {
    path == Path::new("-") || path.metadata().is_ok_and(|metadata| !metadata.is_file())
}
