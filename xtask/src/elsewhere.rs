//! Steps on other machines: with other pages, emulated, only compiled for, interpreted, or as strangers to what is built here. They cost minutes more than the
//! others and are only taken on demand.

use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::test::{Plan, SUITES, Step, passed_some};
use crate::{dist, shell};

/// Their names and what they do.
pub(crate) const STEPS: &[(&str, Step)] =
    &[("coarse", coarse), ("aarch64", aarch64), ("targets", targets), ("miri", miri), ("dist", dist::stranger)];

/// Set for the virtual machine to live with pages of 64 KiB, see `vm/src/sys/linux/coarse.rs`.
const COARSE_PAGES_VARIABLE: &str = "WASMER_COARSE_PAGES";

/// The specification's suite on every backend that is built here, with pages of 64 KiB.
fn coarse(plan: &mut Plan) -> Result<String> {
    let mut cargo = plan.cargo(&["test"]);
    cargo.env(COARSE_PAGES_VARIABLE, "1").args(["--test", SUITES[0], "--no-fail-fast", "--", "--quiet"]);
    passed_some(&shell::run(&mut cargo)?)
}

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// The linker for aarch64, and where its packages put libraries.
const LINKER: &str = "aarch64-linux-gnu-gcc";
const SYSROOT: &str = "/usr/aarch64-linux-gnu";
const EMULATOR: &str = "qemu-aarch64";
const DEBIAN_PACKAGES: &[&str] = &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"];

/// Older emulators loop over the pages of a reservation: one of 4 GiB takes them a tenth of a second.
const EMULATOR_VERSION_MIN: u32 = 8;

/// The virtual machine's tests, those of what stops code, and the specification's suite, compiled by Cranelift and run on aarch64.
fn aarch64(plan: &mut Plan) -> Result<String> {
    let emulator = match find_emulator().and_then(|emulator| shell::rust_library(AARCH64).map(|()| emulator)) {
        Ok(emulator) => emulator,
        Err(error) => return Ok(plan.without("aarch64", &error)),
    };
    let variable = |what: &str| format!("CARGO_TARGET_{}_{what}", AARCH64.to_uppercase().replace('-', "_"));
    let mut cargo = plan.bare_cargo();
    cargo.args(["test", "--locked", "--no-default-features", "--target", AARCH64]);
    cargo.args(["--config", "profile.dev.debug=false"]);
    cargo.env(variable("LINKER"), LINKER).env(variable("RUNNER"), format!("{EMULATOR} -L {SYSROOT}"));
    cargo.args(["--package=wasmer-vm", "--package=wasmer-runtime", "--package=wasmer-spectests"]);
    cargo.arg("--features=wasmer-runtime/cranelift,wasmer-spectests/cranelift");
    cargo.args(["--lib", "--test=traps", "--test=interrupts", "--test=exceptions", "--test=collection"]);
    // One thread: in the emulator, two that have code translated slow each other down many times. What an image looks like byte by byte is told of
    // x86-64's, and what the releases of the specification say is in `latest`.
    cargo.args(["--test=suite", "--no-fail-fast", "--", "--quiet", "--test-threads=1", "--skip=image::", "--skip=wg-"]);
    Ok(format!("{} in {emulator}", passed_some(&shell::run(&mut cargo)?)?))
}

/// Makes sure that there are a linker and an emulator, and says which emulator.
fn find_emulator() -> Result<String> {
    let is_there = |program: &str| shell::succeeds(Command::new(program).arg("--version"));
    if !is_there(LINKER) || !is_there(EMULATOR) {
        shell::install_debian_packages(DEBIAN_PACKAGES)
            .with_context(|| format!("`{LINKER}` or `{EMULATOR}` is missing ({})", DEBIAN_PACKAGES.join(", ")))?;
    }
    let text = shell::read(Command::new(EMULATOR).arg("--version"))?;
    let version = version(&text).with_context(|| format!("`{EMULATOR} --version` names none"))?;
    if version < EMULATOR_VERSION_MIN {
        bail!(
            "`{EMULATOR}` {version} is too old: {EMULATOR_VERSION_MIN} or newer is needed (Debian 12: qemu-user of backports)"
        );
    }
    Ok(format!("{EMULATOR} {version}"))
}

/// The first number of the first line.
fn version(text: &str) -> Option<u32> {
    let word = text.lines().next()?.split(' ').find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    word.split('.').next()?.parse().ok()
}

/// What compiles on every machine: compilers, and what they share with those who run code.
const COMPILE_SIDE: &[&str] =
    &["--package=wasmer-runtime-core", "--package=wasmer-backend-cranelift", "--package=wasmer-backend-singlepass"];

/// The compile side has no operating system and no processor of its own.
fn targets(plan: &mut Plan) -> Result<String> {
    let mut checked = Vec::new();
    for target in [AARCH64, WINDOWS] {
        match shell::rust_library(target) {
            Ok(()) => {
                shell::run(plan.bare_cargo().args(["check", "--locked", "--target", target]).args(COMPILE_SIDE))?;
                checked.push(target);
            }
            Err(error) => drop(plan.without(target, &error)),
        }
    }
    Ok(checked.join(", "))
}

/// Tests of the virtual machine that neither run code nor map gigabytes, and end within minutes when they are interpreted.
const INTERPRETED: &[&str] = &["budget::", "table::", "wait::", "a_refusal"];

/// What the virtual machine does to memory, under an interpreter that finds what is undefined of it.
fn miri(plan: &mut Plan) -> Result<String> {
    let miri = |arguments: &[&str]| {
        let mut rustup = Command::new("rustup");
        rustup.current_dir(&plan.root).args(["run", "nightly", "cargo", "miri"]).args(arguments);
        rustup
    };
    if !shell::succeeds(&mut miri(&["--version"])) {
        let error = anyhow!("it is missing (`rustup component add miri rust-src --toolchain nightly`)");
        return Ok(plan.without("the virtual machine under Miri", &error));
    }
    let mut test = miri(&["test", "--locked", "--package=wasmer-vm", "--lib", "--", "--quiet"]);
    test.env("MIRIFLAGS", "-Zmiri-disable-isolation -Zmiri-permissive-provenance");
    passed_some(&shell::run(test.args(INTERPRETED))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulators_say_their_version() {
        assert_eq!(version("qemu-aarch64 version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright"), Some(10));
        assert_eq!(version("qemu-aarch64"), None);
    }
}
