//! Running the command in a folder of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A scratch folder with a cache inside.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("there is room for a folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, contents).expect("the scratch folder can be written");
        path
    }

    /// The command with this cache and nothing of the caller's. It starts nothing that goes on behind the test's back.
    pub(crate) fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wasmer"));
        command.args(arguments).env_clear().env("WASMER_CACHE_DIR", self.cache()).env("WASMER_BACKGROUND", "off");
        command.current_dir(self.folder.path());
        command
    }

    /// Runs the command.
    pub(crate) fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
        Ran::of(self.command(arguments).output().expect("the command starts"))
    }

    /// The artifacts in the cache.
    pub(crate) fn artifacts(&self) -> Vec<PathBuf> {
        files(&self.cache().join("artifacts"))
    }
}

/// The files of a folder, if there is one.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    files.sort();
    files
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
            err: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
        }
    }

    /// That the program ran and printed this.
    #[track_caller]
    pub(crate) fn printed(&self, text: &str) -> &Self {
        assert_eq!((self.code, self.out.as_str()), (Some(0), text), "{self:?}");
        self
    }

    /// The lines that were printed by a run that succeeded.
    #[track_caller]
    pub(crate) fn printed_lines(&self) -> Vec<String> {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out.lines().map(str::to_owned).collect()
    }

    /// That nothing was said besides.
    #[track_caller]
    pub(crate) fn silent(&self) -> &Self {
        assert_eq!(self.err, "");
        self
    }

    /// That the command failed with this status and a message that contains all of this.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, parts: &[&str]) -> &Self {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        self.said(parts)
    }

    /// That the messages contain all of this.
    #[track_caller]
    pub(crate) fn said(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is missing in:\n{}", self.err);
        }
        self
    }
}

/// A program that prints `text`.
pub(crate) fn printer(text: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 16) "{text}")
            (func (export "_start")
                (i32.store (i32.const 0) (i32.const 16))
                (i32.store (i32.const 4) (i32.const {len}))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
        len = text.len(),
    )
}

/// [`printer`], with many functions more, so that compiling takes a while.
pub(crate) fn large_printer(text: &str, functions: usize) -> String {
    let module = printer(text);
    let mut module = module.strip_suffix(')').expect("a module ends with a parenthesis").to_owned();
    for index in 0..functions {
        module.push_str(&format!(
            "(func (param i64) (result i64) (local i64)
                (loop (local.set 1 (i64.mul (i64.add (local.get 1) (local.get 0)) (i64.const {index})))
                    (br_if 0 (i64.lt_u (local.get 1) (i64.const 1000))))
                (local.get 1))"
        ));
    }
    module.push(')');
    module
}
