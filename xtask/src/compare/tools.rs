//! The programs that are started, where they are, and running them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Names under which the C compiler is looked for, the best first.
const C_COMPILERS: &[&str] = &["clang-22", "clang-21", "clang-20", "clang-19", "clang"];
/// The name by which commands call it.
pub(crate) const C_COMPILER: &str = "clang";

/// The tools that were found.
pub(crate) struct Tools {
    found: BTreeMap<String, PathBuf>,
    /// The folder for the caches of all tools, which are not those of the user.
    pub(crate) caches: PathBuf,
}

/// What one process took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// By the clock.
    pub(crate) seconds: f64,
    /// That processors spent on it, in the program and in the system.
    pub(crate) processor_seconds: f64,
    pub(crate) memory_bytes: u64,
}

impl Tools {
    pub(crate) fn new(caches: PathBuf) -> Self {
        Self { found: BTreeMap::new(), caches }
    }

    pub(crate) fn insert(&mut self, name: &str, path: PathBuf) {
        self.found.insert(name.to_owned(), path);
    }

    /// Where a tool is: as `WASMER_COMPARE_<NAME>` says, or on the search path.
    pub(crate) fn find(&mut self, name: &str) -> Option<PathBuf> {
        if let Some(path) = self.found.get(name) {
            return Some(path.clone());
        }
        let names = if name == C_COMPILER { C_COMPILERS } else { &[name] };
        let path = std::env::var_os(variable(name))
            .map(PathBuf::from)
            .or_else(|| names.iter().find_map(|name| on_path(name)))
            .filter(|path| path.is_file())?;
        self.insert(name, path.clone());
        Some(path)
    }

    /// Where a tool is that was found.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.found.get(name).cloned()
    }

    /// What a tool calls itself: the first line of its version.
    pub(crate) fn version(&self, name: &str) -> String {
        let Some(path) = self.found.get(name) else { return String::new() };
        let line = |argument: &str| {
            let output = Command::new(path).arg(argument).stdin(Stdio::null()).output().ok()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
        };
        line("--version").or_else(|| line("version")).unwrap_or_default()
    }

    /// A command of which the first word is a tool or a path.
    fn command(&self, words: &[String]) -> Result<Command> {
        let [tool, arguments @ ..] = words else { bail!("an empty command") };
        let mut command = Command::new(self.found.get(tool).map_or(Path::new(tool), PathBuf::as_path));
        command.args(arguments).stdin(Stdio::null());
        // Nobody's own settings or caches play a part.
        for name in ["XDG_CACHE_HOME", "WASMER_CACHE_DIR", "WASMER_DIR"] {
            command.env(name, self.caches.join(name.to_lowercase()));
        }
        Ok(command)
    }

    /// Runs a command to its end; what it took, and what it printed.
    pub(crate) fn run(&self, words: &[String]) -> Result<(Sample, Vec<u8>)> {
        let mut output = tempfile::tempfile().context("cannot make a temporary file")?;
        let mut errors = tempfile::tempfile().context("cannot make a temporary file")?;
        let mut command = self.command(words)?;
        command.stdout(Stdio::from(output.try_clone()?)).stderr(Stdio::from(errors.try_clone()?));
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start `{}`", words[0]))?;
        let (status, usage) = wait(&child)?;
        let sample = Sample {
            seconds: start.elapsed().as_secs_f64(),
            processor_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            // Linux counts in units of 1024 bytes.
            memory_bytes: usage.ru_maxrss as u64 * 1024,
        };
        if !status.success() {
            bail!("`{}` failed ({status})\n{}", words.join(" "), String::from_utf8_lossy(&content(&mut errors)?));
        }
        Ok((sample, content(&mut output)?))
    }
}

/// The variable of the environment that says where a tool is.
pub(crate) fn variable(tool: &str) -> String {
    format!("WASMER_COMPARE_{}", tool.to_uppercase().replace('-', "_"))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn content(file: &mut File) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Waits for a process; its status, and what it used.
fn wait(child: &Child) -> Result<(ExitStatus, libc::rusage)> {
    let mut status = 0;
    // SAFETY: zero is valid for every field.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places are valid; the child is ours, and nobody else waits for it.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) };
    if waited < 0 {
        return Err(std::io::Error::last_os_error()).context("cannot wait for a process");
    }
    Ok((ExitStatus::from_raw(status), usage))
}

fn seconds(time: libc::timeval) -> f64 {
    time.tv_sec as f64 + time.tv_usec as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn what_a_process_took_and_printed_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let tools = Tools::new(folder.path().to_owned());
        let (sample, printed) = tools.run(&shell("sleep 0.05; echo $WASMER_CACHE_DIR; echo x >&2")).unwrap();
        assert!(sample.seconds >= 0.05 && sample.memory_bytes > 100_000, "{sample:?}");
        assert!(sample.processor_seconds < sample.seconds, "it slept: {sample:?}");
        assert_eq!(printed, format!("{}/wasmer_cache_dir\n", folder.path().display()).into_bytes());
        let error = tools.run(&shell("echo broken >&2; exit 3")).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("broken"), "{error}");
        assert!(tools.run(&["/no/such/program".to_owned()]).is_err());
    }

    #[test]
    fn a_tool_is_found_on_the_path_and_has_a_variable() {
        let mut tools = Tools::new(PathBuf::new());
        assert!(tools.find("sh").is_some());
        assert!(tools.find("no-such-tool-anywhere").is_none());
        assert_eq!(variable("wamrc-llvm"), "WASMER_COMPARE_WAMRC_LLVM");
    }
}
