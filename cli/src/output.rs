//! Where text goes: data to standard output, everything else to standard error. Colour only on a terminal.

use std::borrow::Cow;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

/// Standard output does not take what there is to write.
#[derive(Debug)]
struct Unwritable(io::Error);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not write to standard output: {}", self.0)
    }
}

impl std::error::Error for Unwritable {}

/// Writes data to standard output, all of it or an error.
pub(crate) fn data(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    // Rust's own handle takes a standard output that is closed for one where everything has been written.
    let out = io::stdout().as_fd().try_clone_to_owned();
    out.and_then(|out| File::from(out).write_all(text.as_ref())).map_err(|error| Unwritable(error).into())
}

/// Prints a complaint that ends its own lines.
pub(crate) fn complaint(text: &str) {
    // Nothing can be said if standard error is closed.
    let _ = write!(io::stderr(), "{}", harmless(text));
}

/// Writes a file that the user named, so that it appears whole or not at all; `-` is standard output. What is there and is no file, for
/// instance a device, is written to.
pub(crate) fn to(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if path == Path::new("-") {
        return data(bytes);
    }
    let write = || -> io::Result<()> {
        // Through a link the file behind it is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.exists() && !path.is_file() {
            return OpenOptions::new().write(true).open(&path)?.write_all(bytes);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Of the mode that other programs' files get.
        let create = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
        let mut file = tempfile::Builder::new().make_in(folder, create)?;
        file.write_all(bytes)?;
        file.persist(&path)?;
        Ok(())
    };
    write().with_context(|| format!("could not write `{}`", path.display()))
}

/// Whether an error only says that whoever reads our output has seen enough.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Unwritable>().is_some_and(|Unwritable(error)| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Text of a module or another stranger, without what a terminal would take for a command.
pub(crate) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Prints an error and its causes.
pub(crate) fn error(error: &anyhow::Error) {
    error_with(error, "");
}

/// Prints an error and its causes, and what else there is to say.
pub(crate) fn error_with(error: &anyhow::Error, hint: &str) {
    let (on, off) = if colour() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    // Nothing can be said if standard error is closed.
    let _ = writeln!(io::stderr(), "{on}error{off}: {}", harmless(&format!("{error:#}{hint}")));
}

/// Prints a warning.
pub(crate) fn warning(message: &str) {
    let (on, off) = if colour() { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
    let _ = writeln!(io::stderr(), "{on}warning{off}: {}", harmless(message));
}

/// Prints a line of `--verbose`.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless(message));
}

/// A message may quote names of a module: of what is not printable only the ends of lines stay.
pub(crate) fn harmless(message: &str) -> Cow<'_, str> {
    let is_harmful = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if message.contains(is_harmful) { message.replace(is_harmful, "\u{fffd}").into() } else { message.into() }
}

/// Prints how long a phase took: a line of `--verbose`.
pub(crate) fn phase(name: &str, time: Duration) {
    note(&format!("  {name:8} {:9.3} ms", time.as_secs_f64() * 1e3));
}

fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_commands() {
        assert_eq!(printable("a\x1b[2J\nb"), "a\u{fffd}[2J\u{fffd}b");
        assert_eq!(harmless("two\n\tlines \x1b]0;x\x07"), "two\n\tlines \u{fffd}]0;x\u{fffd}");
        assert!(matches!(harmless("plain\n"), Cow::Borrowed(_)));
    }
}
