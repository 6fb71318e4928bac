//! What `wasmer-update fetch` does: looks up what a reference means, fetches it, compares its sum and stores it.
//!
//! Whoever sends something is not trusted with anything but having a network: nothing gets a name in the store before its sum is the one that was
//! asked for, nothing is larger than its limit, nothing takes longer than [`client`] allows.

mod client;
mod image;
mod login;
mod manifest;
mod registry;
mod signature;
mod sink;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use wasmer_runtime::cache::{PackageSum, Packages, Pin};

use super::key::Key;
use super::reference::{Place, Reference, Url};
use super::{AGAIN, SIGNED_BY, stored};
use crate::exit::{self, ExitCode};
use crate::output;
use client::Client;
use sink::Sink;

/// Larger programs are not fetched.
const PROGRAM_BYTES_MAX: u64 = 1 << 30;

/// The words behind `fetch` in, the exit status out. What went wrong is the data that this program prints: whoever started it tells the user.
pub(crate) fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    // Whoever waits for it may be killed.
    // SAFETY: only sets an attribute of this process.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    match run(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is there to be told if this fails.
            let _ = output::data(format!("{error:#}\n"));
            ExitCode::from(exit::FAILURE)
        }
    }
}

fn run(words: impl Iterator<Item = OsString>) -> anyhow::Result<()> {
    let mut words = words.peekable();
    let again = words.next_if(|word| word == AGAIN).is_some();
    let signer = match words.next_if(|word| word == SIGNED_BY) {
        Some(_) => Some(Key::parse(&words.next().unwrap_or_default().to_string_lossy())?),
        None => None,
    };
    let (Some(dir), Some(word), None) = (words.next(), words.next(), words.next()) else {
        bail!("this program is started by `wasmer`");
    };
    let reference = Reference::parse(&word.to_string_lossy()).context("this is no reference")??;
    let reference = Reference { signer, ..reference };
    let dir = PathBuf::from(dir);
    let packages = Packages::open(&dir)?;
    packages
        .alone(&reference.key(), || fetch(&Destination { dir: &dir, packages: &packages }, &reference, again))?
        .with_context(|| format!("could not fetch `{reference}`"))
}

/// Where things go.
struct Destination<'a> {
    dir: &'a Path,
    packages: &'a Packages,
}

fn fetch(destination: &Destination<'_>, reference: &Reference, again: bool) -> anyhow::Result<()> {
    // Another process may have been quicker. A digest or sum always means the same.
    let known = stored(destination.packages, reference).filter(|_| !again || reference.sum.is_some());
    let pin = match known {
        Some((pin, path)) if is_sound(&path, &pin.content)? => pin,
        _ => {
            let client = Client::new()?;
            match &reference.place {
                Place::Web(url) => from_web(&client, destination, reference, url)?,
                Place::Registry { registry, name, tag } => {
                    registry::fetch(&client, destination, reference, registry, name, tag.as_deref())?
                }
            }
        }
    };
    note(destination, reference, &pin)?;
    // What is signed is there for everybody.
    if reference.signer.is_some() {
        note(destination, &Reference { signer: None, ..reference.clone() }, &pin)
    } else {
        Ok(())
    }
}

/// Notes what a reference means.
fn note(destination: &Destination<'_>, reference: &Reference, pin: &Pin) -> anyhow::Result<()> {
    destination.packages.pin(&reference.key(), pin)?;
    if matches!(reference.place, Place::Registry { .. }) {
        destination.packages.pin(&pinned(reference, &pin.digest).key(), pin)?;
    }
    Ok(())
}

/// A reference by what cannot change.
fn pinned(reference: &Reference, sum: &PackageSum) -> Reference {
    let place = match &reference.place {
        Place::Registry { registry, name, .. } => {
            Place::Registry { registry: registry.clone(), name: name.clone(), tag: None }
        }
        web @ Place::Web(_) => web.clone(),
    };
    Reference { place, sum: Some(*sum), signer: reference.signer.clone() }
}

/// Whether a stored file is what its name says: disks forget.
fn is_sound(path: &Path, content: &PackageSum) -> anyhow::Result<bool> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash).with_context(|| format!("could not read `{}`", path.display()))?;
    Ok(hash.finalize()[..] == content.0)
}

/// Fetches from an address. Its owner can change what is there, so only what has the sum that the user wrote, now or once, is stored.
fn from_web(client: &Client, destination: &Destination<'_>, reference: &Reference, url: &Url) -> anyhow::Result<Pin> {
    let before = destination.packages.pinned(&reference.key()).map(|pin| pin.content);
    let answer = client.get(url, "application/wasm, */*;q=0.5", None)?;
    if answer.status() != 200 {
        bail!("the server answers `{}`", answer.status_text());
    }
    if let Some(bytes) = answer.len().filter(|bytes| *bytes > PROGRAM_BYTES_MAX) {
        bail!("it has {bytes} bytes, and a program at most {PROGRAM_BYTES_MAX}");
    }
    let mut package = destination.packages.begin()?;
    let mut sink = Sink::new(package.file(), PROGRAM_BYTES_MAX);
    answer.copy_to(&mut sink)?;
    let content = sink.finish()?;
    let pinned = pinned(reference, &content);
    match (&reference.sum, &before) {
        (Some(wanted), _) if *wanted != content => bail!(
            "what the server sends has another checksum, `sha256={content}`: it was changed, is damaged, or is not what you were told of; \
             nothing was stored"
        ),
        (None, Some(before)) if *before != content => bail!(
            "it was changed: its checksum was `sha256={before}` and is `sha256={content}` now; nothing was stored\n\
             hint: if that is expected, write `{pinned}`"
        ),
        (None, None) => bail!(
            "it needs a checksum, because whoever owns the address can change what is there; nothing was stored\n\
             hint: if you trust what is there now, write `{pinned}`; from then on the address alone will do"
        ),
        _ => {}
    }
    destination.packages.add(package, &content)?;
    Ok(Pin { digest: content, content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_pinned_by_what_cannot_change() {
        let digits = "01".repeat(32);
        for (word, expected) in [
            ("oci://one/a:b", format!("oci://one/a@sha256:{digits}")),
            ("https://h/a?b", format!("https://h/a?b#sha256={digits}")),
        ] {
            let reference = Reference::parse(word).unwrap().unwrap();
            let pinned = pinned(&reference, &PackageSum([1; 32]));
            assert_eq!(pinned.to_string(), expected);
            assert_eq!(Reference::parse(&expected).unwrap().unwrap(), pinned);
        }
    }
}
