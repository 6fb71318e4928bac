//! The process that runs inputs, and how the one that watches it speaks to it.
//!
//! The worker writes one line before an input and one after it: `begin SEED`, then `ok SEED WORD` or `fault SEED MESSAGE`.

use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::targets::{Target, Verdict};

/// Runs inputs from the number `first` on, for ever: what a worker process does.
///
/// # Errors
/// If its reports cannot be written, because nobody reads them any more.
pub fn work(target: &Target, first: u64) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for seed in first.. {
        writeln!(out, "begin {seed}")?;
        out.flush()?;
        match judge(target, &(target.input)(seed)) {
            Ok(word) => writeln!(out, "ok {seed} {word}")?,
            Err(message) => writeln!(out, "fault {seed} {}", message.replace('\n', " "))?,
        }
    }
    Ok(())
}

/// Runs the input in a file, once.
///
/// # Errors
/// If the file cannot be read.
pub fn judge_file(target: &Target, path: &Path) -> Result<Verdict> {
    let input = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(judge(target, &input))
}

/// A panic is a fault like any other.
fn judge(target: &Target, input: &[u8]) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| (target.judge)(input))).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without a message")))
    })
}

/// Whether an input shows a fault: a bad verdict, a crash, or a hang.
pub(super) fn fails(program: &Path, target: &str, input: &Path, patience: Duration) -> bool {
    let mut command = Command::new(program);
    command.args(["--judge"]).arg(input).arg(target).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return !status.success(),
            Ok(None) if begun.elapsed() < patience => thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => {
                end(&mut child);
                return true;
            }
        }
    }
}

/// What a worker tells, or what became of it.
pub(super) enum Ended {
    /// An input did no harm.
    Verdict { seed: u64, word: String },
    /// An input did.
    Fault { seed: u64, message: String },
    /// Nothing was heard for too long.
    Hang,
    /// The process ended, which none does by itself.
    Died(String),
}

/// A process that runs inputs. It ends with this value.
pub(super) struct Worker {
    child: Child,
    lines: Receiver<String>,
}

impl Worker {
    pub(super) fn start(program: &Path, target: &str, first: u64) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["--work-from", &first.to_string(), target]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start `{}`", program.display()))?;
        let out = child.stdout.take().context("a worker without standard output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(std::result::Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// Waits for the end of the next input.
    pub(super) fn next(&mut self, patience: Duration) -> Ended {
        loop {
            let line = match self.lines.recv_timeout(patience) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => return Ended::Hang,
                Err(RecvTimeoutError::Disconnected) => {
                    let how = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                    return Ended::Died(format!("the process ended: {how}"));
                }
            };
            let mut words = line.splitn(3, ' ');
            let (kind, seed, rest) = (words.next(), words.next().and_then(|word| word.parse().ok()), words.next());
            match (kind, seed, rest) {
                (Some("ok"), Some(seed), Some(word)) => return Ended::Verdict { seed, word: word.to_owned() },
                (Some("fault"), Some(seed), Some(message)) => {
                    return Ended::Fault { seed, message: message.to_owned() };
                }
                // The beginning of an input, or what a library printed.
                _ => {}
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Failures mean that it has ended already.
fn end(child: &mut Child) {
    child.kill().ok();
    child.wait().ok();
}
