//! The command's side of the compile worker: starts it, listens to it, and makes an error of whatever else than an image comes of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use wasmer_runtime::backend::llvm_description;
use wasmer_runtime::{
    BackendId, CompileError, CompileOptions, Cpu, ImageBytes, ImageCompiler, IrRequest, KeyHasher, Progress,
};

use super::limits::Limits;
use super::protocol::{Failure, Line, SCRATCH, fingerprint, ir_words, to_hex};

/// How often it is checked whether a silent worker is still there.
const POLL: Duration = Duration::from_millis(20);
/// How long what a worker has written may take to arrive once it has ended.
const GRACE: Duration = Duration::from_millis(500);
/// What is read of a worker's messages.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;
/// What is shown of them.
const SHOWN_CHARS_MAX: usize = 400;

/// Compiles with the worker, one process for each module.
pub(crate) struct WorkerProcess {
    cpu: Cpu,
    timeout: Option<Duration>,
}

impl WorkerProcess {
    /// A worker that makes code for this processor and may take so long for a module.
    pub(crate) fn new(cpu: Cpu, timeout: Option<Duration>) -> Self {
        Self { cpu, timeout }
    }
}

// SAFETY: the image is of this program's own worker, was read whole, and carries the key that was asked for.
unsafe impl ImageCompiler for WorkerProcess {
    fn id(&self) -> BackendId {
        llvm_description::id()
    }

    fn fingerprint(&self, key: &mut KeyHasher) {
        llvm_description::fingerprint(key, self.cpu);
    }

    fn compile(
        &self,
        wasm: &[u8],
        options: &CompileOptions,
        progress: Option<Progress<'_>>,
    ) -> Result<ImageBytes, CompileError> {
        let words = [("--key", to_hex(&options.key)), ("--threads", options.threads.to_string())];
        let job = Job { wasm, options, result: "artifact" };
        self.work(&job, &words, progress, |mut output| {
            let mut bytes = Vec::new();
            output.read_to_end(&mut bytes).map_err(|error| failed("wrote nothing that can be read", error))?;
            ImageBytes::verified(bytes, &options.key)
                .map_err(|error| CompileError::Worker(format!("made an unusable artifact: {error}")))
        })
    }

    fn ir_name(&self) -> Option<&'static str> {
        Some(llvm_description::IR_NAME)
    }

    fn emit_ir(&self, wasm: &[u8], options: &CompileOptions, request: &IrRequest) -> Result<String, CompileError> {
        let job = Job { wasm, options, result: "text" };
        self.work(&job, &ir_words(request), None, |mut output| {
            let mut text = String::new();
            output.read_to_string(&mut text).map_err(|error| failed("wrote nothing that can be read", error))?;
            Ok(text)
        })
    }
}

impl WorkerProcess {
    /// Has a worker read the module and write something in its place, which `read` makes something of.
    fn work<R>(
        &self,
        job: &Job<'_>,
        words: &[(&str, String)],
        progress: Option<Progress<'_>>,
        read: impl FnOnce(File) -> Result<R, CompileError>,
    ) -> Result<R, CompileError> {
        let program = super::find().ok_or_else(missing)?;
        // A file without a name: however this process and the worker end, nothing is left of it.
        let scratch = tempfile::tempfile().and_then(|mut file| file.write_all(job.wasm).map(|()| file));
        let mut scratch = scratch.map_err(|error| failed("could not be given the module", error))?;
        let stdin = scratch.try_clone().map_err(|error| failed("could not be given the module", error))?;
        let limits = Limits::new(job.wasm.len(), job.options.threads, self.timeout.is_none());
        let started = Instant::now();
        let mut child = Command::new(&program)
            .args(["--module", SCRATCH, "--output", SCRATCH])
            .args(words.iter().flat_map(|(name, value)| [*name, value]))
            .args(["--features", &job.options.features.bits().to_string()])
            .args(["--cpu", &self.cpu.to_string()])
            .args(["--fingerprint", &fingerprint(self.cpu)])
            .args(job.options.fuel.then_some(["--fuel", "1"]).into_iter().flatten())
            .args(job.options.every_place.then_some(["--every-place", "1"]).into_iter().flatten())
            // Its allocator keeps what LLVM frees: the next batch needs as much, and the process ends soon.
            .env("MIMALLOC_PURGE_DELAY", "-1")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&format!("`{}` could not be started", program.display()), error))?;
        limits.set(child.id());
        let mut watch = Watch::new(&mut child, progress);
        let ended = watch.until_end(&mut child, self.timeout.map(|timeout| (started + timeout, timeout)));
        if !matches!(ended, Ok(status) if status.success()) {
            // It may be gone already, and its parts of the work are of no use.
            let _ = child.kill();
            let _ = child.wait();
        }
        watch.outcome(ended, &limits)?;
        let unread = scratch.rewind().and_then(|()| {
            let mut start = Vec::new();
            (&mut scratch).take(4).read_to_end(&mut start)?;
            scratch.rewind()?;
            Ok(start.is_empty() || job.wasm.starts_with(&start))
        });
        match unread {
            Ok(false) => read(scratch),
            Ok(true) => Err(CompileError::Worker(format!("made no {}", job.result))),
            Err(error) => Err(failed("wrote nothing that can be read", error)),
        }
    }
}

/// What a worker is started for.
struct Job<'a> {
    wasm: &'a [u8],
    options: &'a CompileOptions,
    /// What it writes.
    result: &'static str,
}

fn failed(what: &str, error: io::Error) -> CompileError {
    CompileError::Worker(format!("{what}: {error}"))
}

fn missing() -> CompileError {
    CompileError::Worker(
        "`wasmer-llvm` is neither beside `wasmer` nor where WASMER_LLVM says\n\
         hint: `cargo install --path cli --features llvm` installs both"
            .to_owned(),
    )
}

/// What a worker has said so far.
struct Watch<'a> {
    lines: Receiver<String>,
    message: Receiver<String>,
    progress: Option<Progress<'a>>,
    /// The functions that are being compiled: first and last.
    active: BTreeMap<u32, u32>,
}

impl<'a> Watch<'a> {
    fn new(child: &mut Child, progress: Option<Progress<'a>>) -> Self {
        Self {
            lines: read_lines(child.stdout.take()),
            message: read_message(child.stderr.take()),
            progress,
            active: BTreeMap::new(),
        }
    }

    /// Follows the worker to its end, or to the end of our patience, which is an error.
    fn until_end(
        &mut self,
        child: &mut Child,
        deadline: Option<(Instant, Duration)>,
    ) -> Result<ExitStatus, CompileError> {
        let mut listening = true;
        loop {
            if let Some((at, limit)) = deadline
                && Instant::now() >= at
            {
                return Err(CompileError::Worker(format!("took longer than {limit:?}{}", self.place())));
            }
            if listening {
                match self.lines.recv_timeout(POLL) {
                    Ok(line) => {
                        self.line(&line)?;
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => listening = false,
                    Err(RecvTimeoutError::Timeout) => {}
                }
            } else {
                // Its output is closed, so its end is near.
                thread::sleep(Duration::from_millis(1));
            }
            let status =
                child.try_wait().map_err(|error| CompileError::Worker(format!("cannot be watched: {error}")))?;
            if let Some(status) = status {
                while let Ok(line) = self.lines.try_recv() {
                    self.line(&line)?;
                }
                return Ok(status);
            }
        }
    }

    fn line(&mut self, line: &str) -> Result<(), CompileError> {
        match line.parse() {
            Ok(Line::Progress(done, total)) => {
                if let Some(progress) = self.progress {
                    progress(done, total);
                }
            }
            Ok(Line::Start(first, last)) => {
                self.active.insert(first, last);
            }
            Ok(Line::End(first)) => {
                self.active.remove(&first);
            }
            Err(()) => {
                return Err(CompileError::Worker(format!("said what is no part of the protocol: {:?}", shorten(line))));
            }
        }
        Ok(())
    }

    /// The functions that were being compiled.
    fn place(&self) -> String {
        let ranges = self.active.iter().map(|(first, last)| {
            if first == last { format!("function {first}") } else { format!("functions {first} to {last}") }
        });
        let ranges: Vec<_> = ranges.collect();
        if ranges.is_empty() { String::new() } else { format!(" while compiling {}", ranges.join(", ")) }
    }

    /// What a worker's end means.
    fn outcome(&self, ended: Result<ExitStatus, CompileError>, limits: &Limits) -> Result<(), CompileError> {
        let status = ended?;
        if status.success() {
            return Ok(());
        }
        let message = self.message.recv_timeout(GRACE).unwrap_or_default();
        if let Some(failure) = message.lines().rev().find_map(|line| serde_json::from_str::<Failure>(line).ok()) {
            return Err(failure.into());
        }
        if let Some(limit) = limits.explain(status.signal(), &message) {
            return Err(CompileError::Worker(format!(
                "{limit}{}\n\
                 hint: `--backend cranelift` and `--backend singlepass` compile it in less; `--compile-timeout` allows more time",
                self.place()
            )));
        }
        let how = match (status.signal(), status.code()) {
            (Some(signal), _) => format!("was ended by {}", signal_name(signal)),
            (None, code) => format!("failed with status {}", code.unwrap_or_default()),
        };
        let said = message.trim();
        let said = if said.is_empty() { String::new() } else { format!(": {}", shorten(said)) };
        Err(CompileError::Worker(format!("{how}{}{said}", self.place())))
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name})")
}

fn shorten(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

/// Reads on a thread of its own, which nobody waits for: something else may hold the pipe open after the worker's end.
fn read_lines(stdout: Option<ChildStdout>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let Some(stdout) = stdout else { return receiver };
    thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut bytes = Vec::new();
        // A line that never ends must not fill the memory.
        while let Ok(1..) = (&mut reader).take(MESSAGE_BYTES_MAX).read_until(b'\n', &mut bytes) {
            let line = String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned();
            bytes.clear();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// All that a worker says on standard error, in the end.
fn read_message(stderr: Option<ChildStderr>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let Some(mut stderr) = stderr else { return receiver };
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What cannot be read was not said; the rest is read so that the worker does not wait for us.
        let _ = (&mut stderr).take(MESSAGE_BYTES_MAX).read_to_end(&mut bytes);
        let _ = io::copy(&mut stderr, &mut io::sink());
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}
