//! A release as a stranger meets it: made without optimisation, unpacked where nothing else is, and used as the pages say.
//!
//! The programs and libraries in it are those of a release but for the compiler's settings. It takes minutes, so it is a step on demand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Options, Profile};
use crate::plan::Plan;
use crate::shell;

const DEBIAN_PACKAGES: &[&str] = &["cmake", "gcc", "pkg-config", "python3", "python3-venv"];

/// A module whose function `add` adds two numbers, and what the example of the guide for C prints of it.
const ADD: &[u8] = b"\0asm\x01\0\0\0\x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\x03\x02\x01\0\x07\x07\x01\x03add\0\0\
    \x0a\x09\x01\x07\0\x20\0\x20\x01\x6a\x0b";
const SUM: &str = "2 + 40 = 42\n";

/// A project that is linked with both libraries.
const CMAKE: &str = "cmake_minimum_required(VERSION 3.10)
project(stranger C)
find_package(wasmer REQUIRED)
foreach(kind wasmer static)
  add_executable(with-${kind} add.c)
  target_link_libraries(with-${kind} wasmer::${kind})
endforeach()
";

/// Makes a release and uses it.
pub(crate) fn test(plan: &mut Plan) -> Result<String> {
    if let Err(error) = shell::install_debian_packages(DEBIAN_PACKAGES) {
        return Ok(plan.without("what a stranger does with a release", &error));
    }
    let release = plan.root.join("target/dist-trial");
    if release.exists() {
        fs::remove_dir_all(&release)?;
    }
    let options = Options { output: Some(release.clone()), llvm: false, programs: None };
    super::make(&plan.root, &options, Profile::Trial)?;
    let folder = tempfile::tempdir()?;
    let stranger = Stranger { root: &plan.root, release, folder: folder.path() };
    stranger.checks_sums()?;
    stranger.unpacks_and_installs()?;
    stranger.links_programs_in_c()?;
    stranger.runs_python()?;
    Ok("unpacked, installed, linked by pkg-config and CMake, imported by Python".to_owned())
}

struct Stranger<'a> {
    root: &'a Path,
    release: PathBuf,
    /// Where everything is unpacked.
    folder: &'a Path,
}

impl Stranger<'_> {
    /// A program that finds nothing of this machine's user.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder).env_clear().env("HOME", self.folder).env("PATH", "/usr/bin:/bin");
        command
    }

    fn checks_sums(&self) -> Result<()> {
        let mut check = self.command("sha256sum");
        shell::run(check.args(["--check", "--strict", super::LIST]).current_dir(&self.release)).map(drop)
    }

    /// Unpacks the archive whose name begins like this below a prefix.
    fn unpack(&self, start: &str, prefix: &str) -> Result<PathBuf> {
        let archive = self.released(|name| name.starts_with(start) && name.ends_with(".tar.gz"))?;
        let prefix = self.folder.join(prefix);
        fs::create_dir_all(&prefix)?;
        let mut tar = self.command("tar");
        shell::run(tar.arg("-xzf").arg(archive).args(["--strip-components=1", "-C"]).arg(&prefix))?;
        Ok(prefix)
    }

    /// The file of the release with such a name.
    fn released(&self, is_it: impl Fn(&str) -> bool) -> Result<PathBuf> {
        let entries = fs::read_dir(&self.release)?.collect::<std::io::Result<Vec<_>>>()?;
        let mut names = entries.into_iter().filter(|entry| is_it(&entry.file_name().to_string_lossy()));
        Ok(names.next().context("the release lacks a file")?.path())
    }

    fn unpacks_and_installs(&self) -> Result<()> {
        let unpacked = self.unpack("wasmer-", "unpacked")?;
        let installed = self.folder.join("installed");
        let mut install = self.command("sh");
        install.arg(self.release.join("install.sh")).arg("--from").arg(&self.release).arg("--to").arg(&installed);
        shell::run(&mut install)?;
        for prefix in [unpacked, installed] {
            let wasmer = prefix.join("bin/wasmer");
            let printed = shell::read(self.command(wasmer).arg("run").arg(self.root.join("examples/hello.wat")))?;
            ensure!(printed == "hello, world\n", "`{}` printed {printed:?}", prefix.display());
            ensure!(prefix.join("share/man/man1/wasmer.1").exists(), "`{}` has no manual", prefix.display());
        }
        Ok(())
    }

    fn links_programs_in_c(&self) -> Result<()> {
        let prefix = self.unpack("libwasmer-", "library")?;
        let libraries = prefix.join("lib");
        fs::copy(self.root.join("c-api/examples/add.c"), self.folder.join("add.c"))?;
        fs::write(self.folder.join("add.wasm"), ADD)?;
        fs::write(self.folder.join("CMakeLists.txt"), CMAKE)?;
        let config = |what: &[&str]| {
            let mut command = self.command("pkg-config");
            shell::read(command.env("PKG_CONFIG_PATH", libraries.join("pkgconfig")).args(what).arg("wasmer"))
        };
        let words = |text: String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let shared = words(config(&["--cflags", "--libs"])?);
        shell::run(self.command("cc").arg("add.c").args(shared).args(["-o", "shared"]))?;
        let needed = words(config(&["--static", "--libs-only-l"])?).into_iter().filter(|word| word != "-lwasmer");
        let mut cc = self.command("cc");
        cc.arg("add.c").args(words(config(&["--cflags"])?)).arg(libraries.join("libwasmer.a")).args(needed);
        shell::run(cc.args(["-o", "static"]))?;
        let mut cmake = self.command("cmake");
        shell::run(cmake.args(["-S", ".", "-B", "build"]).arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())))?;
        shell::run(self.command("cmake").args(["--build", "build"]))?;
        for program in ["shared", "static", "build/with-wasmer", "build/with-static"] {
            let mut run = self.command(self.folder.join(program));
            if program == "shared" {
                run.env("LD_LIBRARY_PATH", &libraries);
            }
            let printed = shell::read(run.arg("add.wasm"))?;
            ensure!(printed == SUM, "`{program}` printed {printed:?}");
        }
        Ok(())
    }

    /// The programs of the guide, with what is in the wheel and nothing else.
    fn runs_python(&self) -> Result<()> {
        let wheel = self.released(|name| name.ends_with(".whl"))?;
        shell::run(self.command("python3").args(["-m", "venv", "venv"]))?;
        let python = self.folder.join("venv/bin/python");
        let mut pip = self.command(&python);
        shell::run(pip.args(["-m", "pip", "install", "--quiet", "--no-index"]).arg(wheel))?;
        let page = fs::read_to_string(self.root.join("docs/guide/python.md"))?;
        let programs: Vec<_> = page.split("```python\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        ensure!(!programs.is_empty(), "the guide has no program in Python");
        for (number, program) in programs.into_iter().enumerate() {
            let name = format!("guide-{number}.py");
            fs::write(self.folder.join(&name), program)?;
            shell::read(self.command(&python).arg(&name).arg(self.root.join("examples/hello.wat")))?;
        }
        Ok(())
    }
}
