//! Messages: data goes to standard output, everything else to standard error. Colour only on a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Prints an error and its causes.
pub(crate) fn error(error: &anyhow::Error) {
    let (on, off) = if colour() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    // Nothing can be said if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{on}error{off}: {error:#}");
}

/// Prints a warning.
pub(crate) fn warning(message: &str) {
    let (on, off) = if colour() { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
    let _ = writeln!(std::io::stderr(), "{on}warning{off}: {message}");
}

/// Prints a line of `--verbose`.
pub(crate) fn note(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// Prints how long a phase took: a line of `--verbose`.
pub(crate) fn phase(name: &str, time: Duration) {
    note(&format!("  {name:8} {:9.3} ms", time.as_secs_f64() * 1e3));
}

fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
