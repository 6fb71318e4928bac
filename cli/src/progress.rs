//! How far something long is: a line on standard error, if that is a terminal.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Compiles shorter than this show nothing.
const DELAY: Duration = Duration::from_millis(500);
/// Time between two drawings.
const PERIOD: Duration = Duration::from_millis(100);
/// Characters of the bar.
const WIDTH: usize = 30;
/// Moves to the start of the line and clears it.
const CLEAR: &str = "\r\x1b[2K";

/// A bar that appears after [`DELAY`] and is gone on drop. Several threads may tell it how far they are.
pub(crate) struct Progress {
    started: Instant,
    /// When it was last drawn, or would have been on a terminal.
    drawn: Mutex<Option<Instant>>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), drawn: Mutex::new(None) }
    }

    /// `done` of `total` functions are compiled.
    pub(crate) fn tick(&self, done: usize, total: usize) {
        if self.started.elapsed() < DELAY {
            return;
        }
        // Whoever comes while another thread draws has nothing newer to say.
        let Ok(mut drawn) = self.drawn.try_lock() else { return };
        if drawn.is_none_or(|drawn| drawn.elapsed() >= PERIOD) {
            *drawn = Some(Instant::now());
            show(&bar(done, total));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.get_mut().is_ok_and(|drawn| drawn.is_some()) {
            show("");
        }
    }
}

/// What is being done, in a line that is gone on drop.
pub(crate) struct Status;

impl Status {
    pub(crate) fn say(&self, what: &str) {
        show(what);
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        show("");
    }
}

/// Puts a line in the place of the one before it.
fn show(line: &str) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        // Nothing is lost if it cannot be shown.
        let _ = write!(terminal, "{CLEAR}{line}");
    }
}

fn bar(done: usize, total: usize) -> String {
    let filled = (done * WIDTH).checked_div(total).unwrap_or(WIDTH).min(WIDTH);
    format!("compiling [{}{}] {done}/{total} functions", "#".repeat(filled), "-".repeat(WIDTH - filled))
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0, 10), "compiling [------------------------------] 0/10 functions");
        assert_eq!(bar(5, 10), "compiling [###############---------------] 5/10 functions");
        assert_eq!(bar(10, 10), "compiling [##############################] 10/10 functions");
        assert_eq!(bar(0, 0), "compiling [##############################] 0/0 functions");
    }
}
