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

/// How many times longer than its patience a process may be silent while it waits for something.
const SILENCE: u32 = 10;

/// Of which there are so many in a second wherever this system runs (`USER_HZ`).
const TICKS_A_SECOND: u64 = 100;

/// What a process has used of the processor; nothing if that cannot be found out.
fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, the second field, may have spaces and brackets in it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
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

    /// Waits for the end of the next input: until the process has used up so much of the processor without a word, or has been silent for
    /// [`SILENCE`] times as long by the clock. Beside other work it may have to wait for its turn.
    pub(super) fn next(&mut self, patience: Duration) -> Ended {
        let (mut begun, mut used) = (Instant::now(), processor_time(self.child.id()));
        loop {
            let line = match self.lines.recv_timeout(patience) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    let took = processor_time(self.child.id()).saturating_sub(used);
                    if took < patience && begun.elapsed() < patience * SILENCE {
                        continue;
                    }
                    return Ended::Hang;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let how = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                    return Ended::Died(format!("the process ended: {how}"));
                }
            };
            (begun, used) = (Instant::now(), processor_time(self.child.id()));
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn worker(folder: &Path, script: &str) -> Worker {
        let program = folder.join("worker");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Worker::start(&program, "text", 0).unwrap()
    }

    #[test]
    fn whoever_waits_for_a_turn_has_time_and_whoever_spins_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let patience = Duration::from_millis(100);
        let ended = worker(folder.path(), "echo begin 0; sleep 0.3; echo ok 0 fine; exec sleep 9").next(patience);
        assert!(matches!(ended, Ended::Verdict { seed: 0, .. }));
        let begun = Instant::now();
        assert!(matches!(worker(folder.path(), "exec sleep 99").next(patience), Ended::Hang));
        assert!(begun.elapsed() >= patience * SILENCE, "{:?}", begun.elapsed());
        let spinning = worker(folder.path(), "while :; do :; done").next(patience);
        assert!(matches!(spinning, Ended::Hang));
    }

    #[test]
    fn processor_time_is_that_of_the_process() {
        let begun = processor_time(std::process::id());
        let spun = Instant::now();
        while processor_time(std::process::id()) == begun {
            assert!(spun.elapsed() < Duration::from_secs(60));
        }
        assert_eq!(processor_time(u32::MAX), Duration::ZERO);
    }
}
