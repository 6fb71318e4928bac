//! What a step is doing, for someone who watches: how long it has taken, and the last line that its program has printed. Only on a terminal.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::FileExt;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the line is written anew.
const PERIOD: Duration = Duration::from_millis(200);
/// Where it begins on the screen: behind the name of the step.
const COLUMN: usize = 14;
/// What is shown of a line; a terminal has 80 columns.
const CHARS_MAX: usize = 54;
/// What is read of what a program has printed.
const TAIL_BYTES: u64 = 400;

/// Whether what runs is shown.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// From now on what runs is shown, if someone watches.
pub(crate) fn show() {
    IS_SHOWN.store(io::stdout().is_terminal(), Ordering::Relaxed);
}

/// Whether what runs is shown.
pub(crate) fn is_shown() -> bool {
    IS_SHOWN.load(Ordering::Relaxed)
}

/// Waits for a program that prints to this file.
pub(crate) fn wait(child: &mut Child, output: &File) -> io::Result<ExitStatus> {
    if !is_shown() {
        return child.wait();
    }
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            write(format_args!(""));
            return Ok(status);
        }
        write(format_args!("{:5.0} s  {}", start.elapsed().as_secs_f64(), last_line(output)));
        std::thread::sleep(PERIOD);
    }
}

/// Writes behind the name of the step, in the place of what stands there.
fn write(text: std::fmt::Arguments<'_>) {
    let mut out = io::stdout();
    // Who does not see it misses nothing.
    let _ = write!(out, "\x1b[{COLUMN}G\x1b[K{text}").and_then(|()| out.flush());
}

/// The last line in a file that says something, as far as there is room for it.
fn last_line(file: &File) -> String {
    let len = file.metadata().map_or(0, |metadata| metadata.len());
    let start = len.saturating_sub(TAIL_BYTES);
    let mut bytes = vec![0; (len - start) as usize];
    // The file is written to meanwhile, elsewhere than this reads.
    let read = file.read_at(&mut bytes, start).unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|letter| !letter.is_control()).take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_short_and_harmless() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(last_line(&file), "");
        write!(file, "{}\n   Compiling a\x1b[2J v1\n\n", "x".repeat(9000)).unwrap();
        assert_eq!(last_line(&file), "Compiling a[2J v1");
        writeln!(file, "{}", "y".repeat(90)).unwrap();
        assert_eq!(last_line(&file), "y".repeat(CHARS_MAX));
    }
}
