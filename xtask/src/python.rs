//! The Python package: the wheel, and its tests with pytest in an environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::plan::Plan;
use crate::{shell, wheels};

/// The oldest Python that loads the wheel: the buffer protocol is part of the stable interface since then.
const PYTHON_MIN: (u32, u32) = (3, 11);

/// A Python with what builds the wheel and tests it.
struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// The one in `target/python`, made if it is not there.
    fn obtain(root: &Path) -> Result<Self> {
        let environment = Self { folder: root.join("target/python/venv") };
        let python = wheels::python(root)?;
        check_version(&python)?;
        if !shell::succeeds(environment.python().arg("--version")) {
            shell::run(Command::new(&python).args(["-m", "venv", "--clear"]).arg(&environment.folder))?;
        }
        // Pip sees for itself that nothing is missing, and asks nobody then.
        let mut pip = environment.pip();
        pip.args(["--require-hashes", "-r"]).arg(root.join("python/requirements.txt"));
        shell::run(&mut pip).context("cannot fetch what tests the Python package")?;
        Ok(environment)
    }

    fn python(&self) -> Command {
        Command::new(self.folder.join("bin/python"))
    }

    fn pip(&self) -> Command {
        let mut pip = self.python();
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
        pip
    }

    /// A command that makes a wheel of the package in this folder.
    fn maturin(&self, root: &Path, wheels: &Path) -> Command {
        let mut maturin = Command::new(self.folder.join("bin/maturin"));
        maturin.current_dir(root.join("python")).env("CARGO", shell::cargo().get_program());
        maturin.args(["build", "--locked", "--out"]).arg(wheels);
        maturin
    }
}

fn check_version(python: &Path) -> Result<()> {
    let ask = "import sys; print(*sys.version_info[:2])";
    let text = shell::read(Command::new(python).args(["-c", ask]))?;
    let numbers: Vec<u32> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [major, minor] if (major, minor) >= PYTHON_MIN => Ok(()),
        _ => bail!("the Python of this machine is older than {}.{}: {}", PYTHON_MIN.0, PYTHON_MIN.1, text.trim()),
    }
}

/// What nothing else is built from in the same way, as far as it takes long to optimise. The rest of what the workspace's tests have built is used here, too.
const NOT_SHARED: &[&str] = &["gimli", "rkyv", "wasm-encoder", "wasmparser", "wast"];

/// Builds a wheel with the fastest of the compilers alone, without optimisation, and tests it.
pub(crate) fn test(plan: &mut Plan) -> Result<String> {
    let environment = match Environment::obtain(&plan.root) {
        Ok(environment) => environment,
        Err(error) => return plan.left_out_or_failed("the Python package", &error),
    };
    let folder = tempfile::tempdir()?;
    let mut maturin = environment.maturin(&plan.root, folder.path());
    let plain = NOT_SHARED.iter().map(|package| format!("--config=profile.dev.package.{package}.opt-level=0"));
    maturin.arg("--config=profile.dev.opt-level=0").args(plain);
    shell::run(maturin.args([
        "--profile=dev",
        "--no-default-features",
        "--features=singlepass",
        "--compatibility=linux",
    ]))?;
    shell::run(environment.pip().args(["--no-deps", "--force-reinstall"]).arg(wheel(folder.path())?))?;
    let mut pytest = environment.python();
    // Only what is installed is tested.
    pytest.current_dir(plan.root.join("python")).args(["-P", "-m", "pytest", "--quiet"]);
    let output = shell::run(&mut pytest)?;
    Ok(output.lines().last().unwrap_or_default().to_owned())
}

/// Builds the wheel of a release, with these variables for cargo.
pub(crate) fn release(root: &Path, output: &Path, variables: &[(&str, &str)]) -> Result<()> {
    let mut maturin = Environment::obtain(root)?.maturin(root, output);
    shell::run(maturin.arg("--release").envs(variables.iter().copied())).map(drop)
}

/// The one wheel in a folder.
fn wheel(folder: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let mut wheels =
        entries.into_iter().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "whl"));
    wheels.next().with_context(|| format!("there is no wheel in `{}`", folder.display()))
}
