//! Steps on other machines: with other pages, emulated, only compiled for, interpreted, or as strangers to what is built here. They cost minutes more than the
//! others: some are taken at the end of a run that has the time, the rest on demand only.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::plan::{Plan, SUITES, Step, passed_some};
use crate::{dist, shell};

/// A step that a run takes in the end if it has the time.
pub(crate) struct Late {
    pub(crate) name: &'static str,
    pub(crate) step: Step,
    /// Minutes that it takes on two slow processors, where nothing of it has been built.
    pub(crate) minutes: u64,
}

pub(crate) const WHEN_THERE_IS_TIME: &[Late] = &[
    Late { name: "aarch64", step: aarch64, minutes: 8 },
    Late { name: "targets", step: targets, minutes: 2 },
    Late { name: "miri", step: miri, minutes: 3 },
];

/// Those that are taken on demand only.
pub(crate) const ON_DEMAND: &[(&str, Step)] = &[("coarse", coarse), ("dist", dist::stranger)];

/// Set for the virtual machine to live with pages of 64 KiB, see `vm/src/sys/linux/coarse.rs`.
const COARSE_PAGES_VARIABLE: &str = "WASMER_COARSE_PAGES";

/// The specification's suite on every backend that is built here, with pages of 64 KiB.
fn coarse(plan: &mut Plan) -> Result<String> {
    let mut cargo = plan.cargo_for_tests(&["test"]);
    cargo.env(COARSE_PAGES_VARIABLE, "1").args(["--test", SUITES[0], "--no-fail-fast", "--", "--quiet"]);
    passed_some(&shell::run(&mut cargo)?)
}

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// The linker for aarch64, and where its packages put libraries.
const LINKER: &str = "aarch64-linux-gnu-gcc";
const SYSROOT: &str = "/usr/aarch64-linux-gnu";
const EMULATOR: &str = "qemu-aarch64";
const LINKER_PACKAGES: &[&str] = &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"];
const EMULATOR_PACKAGES: &[&str] = &["qemu-user"];

/// Older emulators loop over the pages of a reservation: one of 4 GiB takes them a tenth of a second.
const EMULATOR_VERSION_MIN: u32 = 8;

/// What is left out there: how deep guests recurse is told of this machine's frames, and what an image looks like byte by byte of x86-64's code; what the
/// releases of the specification say, the registry's among them, is in `latest`; components are not built; the emulator knows no `process_vm_readv`, by which the
/// bounds of a coroutine's stack are found; and it tells of a fault at an unaligned address where the word begins that it is in.
const NOT_EMULATED: [&str; 7] = [
    "depth::",
    "image::",
    "wg-",
    "registry/",
    "component-model",
    "a_coroutines_stack_has_room",
    "traps_know_the_address",
];

/// Cranelift's encoder of x86-64 is built on every machine and never runs on this one.
const UNUSED_ENCODER: &str = "profile.dev.package.cranelift-assembler-x64.opt-level=0";

/// The virtual machine's tests, those of what stops code, and the specification's suite, compiled by Cranelift and run on aarch64.
fn aarch64(plan: &mut Plan) -> Result<String> {
    let emulator = match find_emulator().and_then(|emulator| shell::rust_library(AARCH64).map(|()| emulator)) {
        Ok(emulator) => emulator,
        Err(error) => return Ok(plan.without("aarch64", &error)),
    };
    let variable = |what: &str| format!("CARGO_TARGET_{}_{what}", AARCH64.to_uppercase().replace('-', "_"));
    let mut cargo = plan.bare_cargo();
    cargo.args(["test", "--locked", "--no-default-features", "--target", AARCH64]);
    cargo.args(["--config", "profile.dev.debug=false"]).args(["--config", UNUSED_ENCODER]);
    cargo.env(variable("LINKER"), LINKER).env(variable("RUNNER"), format!("{EMULATOR} -L {SYSROOT}"));
    cargo.args(["--package=wasmer-vm", "--package=wasmer-runtime", "--package=wasmer-spectests"]);
    cargo.arg("--features=wasmer-runtime/cranelift,wasmer-spectests/cranelift");
    cargo.args(["--lib", "--test=machine"]);
    // One thread: in the emulator, two that have code translated slow each other down many times.
    cargo.args(["--test=suite", "--no-fail-fast", "--", "--quiet", "--test-threads=1"]);
    cargo.args(NOT_EMULATED.map(|name| format!("--skip={name}")));
    Ok(format!("{} in {emulator}", passed_some(&shell::run(&mut cargo)?)?))
}

/// Makes sure that there are a linker and an emulator, and says which emulator.
fn find_emulator() -> Result<String> {
    if !shell::succeeds(Command::new(LINKER).arg("--version")) {
        shell::install_debian_packages(LINKER_PACKAGES)
            .with_context(|| format!("`{LINKER}` is missing ({})", LINKER_PACKAGES.join(", ")))?;
    }
    let version = match emulator_version() {
        Ok(version) => version,
        Err(missing) => {
            let packages = EMULATOR_PACKAGES.join(", ");
            // What the release has is new enough from Debian 13 on.
            shell::install_debian_backports(EMULATOR_PACKAGES)
                .or_else(|_| shell::install_debian_packages(EMULATOR_PACKAGES))
                .with_context(|| format!("{missing:#}, and {packages} of Debian's backports cannot be installed"))?;
            emulator_version()?
        }
    };
    Ok(format!("{EMULATOR} {version}"))
}

/// The version of the emulator, which is new enough.
fn emulator_version() -> Result<u32> {
    let text = shell::read(Command::new(EMULATOR).arg("--version"))?;
    let version = version(&text).with_context(|| format!("`{EMULATOR} --version` names none"))?;
    if version < EMULATOR_VERSION_MIN {
        bail!("`{EMULATOR}` {version} is too old: {EMULATOR_VERSION_MIN} or newer is needed");
    }
    Ok(version)
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

/// The toolchain that has the interpreter, and what it needs of it.
const NIGHTLY: &str = "nightly";
const INTERPRETER: &[&str] = &["miri", "rust-src"];

/// What Miri is told: that tests may read files and clocks, that addresses which stand in memory of guests as numbers are no mistake, and that a reference
/// may lead to what lies beside its target, as the relative ones of images do.
const MIRI_FLAGS: &str = "-Zmiri-disable-isolation -Zmiri-permissive-provenance -Zmiri-tree-borrows";

/// Tests of the virtual machine that run no code and end within seconds when they are interpreted, by parts of their names; and what of these is left out,
/// because it does something thousands of times, or to every byte of a memory.
const INTERPRETED: &[&str] = &[
    "arch::",
    "budget::",
    "host_refs::tests::no_handle",
    "host_refs::tests::what_is_not",
    "image::tests::data_becomes",
    "image::tests::elements_become",
    "image::tests::truncated",
    "memory::",
    "memory_space::",
    "pieces::",
    "pool::",
    "table::",
    "types_registry::",
    "wait::",
    "--skip=any_depth",
    "--skip=contents_are_mapped",
    "--skip=keys_are_equal",
    "--skip=long_chains",
    "--skip=nothing_of_a_memory",
];

/// What the virtual machine does to memory, under an interpreter that finds what is undefined of it.
fn miri(plan: &mut Plan) -> Result<String> {
    let miri = |arguments: &[&str]| {
        let mut rustup = Command::new("rustup");
        rustup.current_dir(&plan.root).args(["run", NIGHTLY, "cargo", "miri"]).args(arguments);
        rustup
    };
    if !shell::succeeds(&mut miri(&["--version"])) {
        let added =
            shell::run(Command::new("rustup").args(["component", "add", "--toolchain", NIGHTLY]).args(INTERPRETER));
        if let Err(error) = added.with_context(|| format!("the toolchain `{NIGHTLY}` has no Miri")) {
            return Ok(plan.without("the virtual machine under Miri", &error));
        }
    }
    let mut test = miri(&["test", "--locked", "--package=wasmer-vm", "--lib", "--", "--quiet"]);
    passed_some(&shell::run(test.env("MIRIFLAGS", MIRI_FLAGS).args(INTERPRETED))?)
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
