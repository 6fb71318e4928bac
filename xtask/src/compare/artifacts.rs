//! What peers run: modules, and what they make of them. Kept in `target/compare`, made anew when something is newer.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::peers::{Build, Peer, Places, expand};
use super::tools::{C_COMPILER, Tools};
use crate::programs::{self, Program, Workshop};

/// Makes and finds the artifacts.
pub(crate) struct Artifacts<'a> {
    pub(crate) root: &'a Path,
    /// Where they are kept.
    pub(crate) folder: PathBuf,
    pub(crate) tools: &'a Tools,
}

impl Artifacts<'_> {
    /// The values of the words in braces that every command may use.
    pub(crate) fn words(&self, peer: &Peer, wasm: &Path) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            ("{wasm}", text(wasm)),
            ("{artifact}", text(&self.artifact(peer, wasm))),
            ("{cache}", text(&self.tools.caches.join(peer.name))),
            ("{host_script}", text(&self.root.join("benches/node-wasi.mjs"))),
        ]
    }

    /// Where the artifact of a module is, or will be. Tools tell by the ending what it is.
    pub(crate) fn artifact(&self, peer: &Peer, wasm: &Path) -> PathBuf {
        let ending = match peer.build {
            Build::Command(words) if words.starts_with("ours") => "wart",
            Build::Command(words) if words.starts_with("wasmer ") => "wasmu",
            Build::Command(words) if words.starts_with("wamrc-llvm") => "aot",
            Build::Command(_) => "cwasm",
            Build::Nothing(_) | Build::Native(_) | Build::Wasm2c(_) => "out",
        };
        let name = wasm.with_extension(ending);
        self.folder.join(peer.name).join(name.file_name().unwrap_or_default())
    }

    /// Makes sure that the artifact is there and not older than the module or the tool.
    pub(crate) fn make(&self, peer: &Peer, program: &Program, wasm: &Path) -> Result<()> {
        let artifact = self.artifact(peer, wasm);
        let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let sources = [Some(wasm.to_owned()), self.tools.path(super::tool(peer))];
        let newest = sources.into_iter().flatten().filter_map(|path| modified(&path)).max();
        if modified(&artifact).is_some_and(|made| Some(made) >= newest) {
            return Ok(());
        }
        fs::create_dir_all(self.folder.join(peer.name))?;
        match peer.build {
            Build::Nothing(_) => Ok(()),
            Build::Command(template) => {
                let words = self.words(peer, wasm);
                let places = Places { words: &words, folder: None, arguments: &[], one_thread: false };
                let command = expand(peer, template, &places).context("this peer cannot compile it")?;
                self.tools.run(&command).map(drop)
            }
            Build::Native(flag) => self.native(program, flag, &artifact),
            Build::Wasm2c(flag) => self.wasm2c(wasm, flag, &artifact),
        }
    }

    /// Compiles the sources of a program for this machine.
    fn native(&self, program: &Program, flag: &str, artifact: &Path) -> Result<()> {
        let sources = Workshop::new(self.root, &programs::folder(self.root)).sources(program)?;
        let sources = sources.context("its sources are not in C")?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut command = vec!["env".to_owned(), "-C".to_owned(), text(&sources.folder), self.compiler()?];
        command.extend([flag, "-DNDEBUG", "-w"].map(str::to_owned));
        command.extend(sources.arguments.iter().map(|word| word.to_string_lossy().into_owned()));
        command.extend(["-lm", "-lpthread", "-ldl", "-o"].map(str::to_owned));
        command.push(text(artifact));
        self.tools.run(&command).map(drop)
    }

    /// Translates a module to C and compiles that, with a host that has what the programs of the comparison need.
    fn wasm2c(&self, wasm: &Path, flag: &str, artifact: &Path) -> Result<()> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let translated = folder.path().join("app.c");
        let words = ["wasm2c", &text(wasm), "-n", "app", "-o", &text(&translated)].map(str::to_owned);
        self.tools.run(&words)?;
        let run_time = Path::new("/usr/share/wabt/wasm2c");
        let mut command = vec![self.compiler()?, flag.to_owned(), "-w".to_owned()];
        command.extend([folder.path(), run_time].map(|folder| format!("-I{}", folder.display())));
        let host = self.root.join("xtask/programs/wasm2c_host.c");
        command.extend([&translated, &host, &run_time.join("wasm-rt-impl.c")].map(|path| text(path)));
        command.extend(["-lm".to_owned(), "-o".to_owned(), text(artifact)]);
        self.tools.run(&command).map(drop)
    }

    fn compiler(&self) -> Result<String> {
        let path = self.tools.path(C_COMPILER).context("there is no clang")?;
        Ok(path.to_string_lossy().into_owned())
    }
}
