//! Programs that are not files: what they mean is found in the store, or fetched.
//!
//! The command itself knows no network. What is not stored is fetched by [`update::PROGRAM`], the only program here with a network client, which ends
//! before the program is looked at. What was fetched once is a file of the store, and started like any other.

#[cfg(feature = "self-update")]
pub(crate) mod fetch;
pub(crate) mod key;
pub(crate) mod reference;

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use clap::ValueEnum;
use wasmer_runtime::cache::{CacheConfig, Packages, Pin};

use crate::args::{CacheOptions, PullArgs};
use crate::exit::ExitCode;
use crate::{output, update};
use key::Key;
use reference::{Place, Reference, SHA256};

/// When a network is asked for what a reference means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pull {
    /// Every time, unless it is named by a digest or checksum.
    Always,
    /// If it is not stored.
    #[default]
    Missing,
    /// Never: what is not stored is an error.
    Never,
}

/// The first word of what [`update::PROGRAM`] is asked for.
pub(crate) const FETCH: &str = "fetch";
/// Behind it if what is stored does not count.
pub(crate) const AGAIN: &str = "--again";

/// Behind these and before a key if it must be signed.
pub(crate) const SIGNED_BY: &str = "--signed-by";

/// The file that a word on the command line names: itself, or that of a reference in the user's own store.
pub(crate) fn file(word: &Path) -> anyhow::Result<Cow<'_, Path>> {
    let Some(reference) = reference(word)? else { return Ok(Cow::Borrowed(word)) };
    Ok(Store::open(None)?.file(&reference, Pull::default())?.into())
}

/// The same, as options say; none if the word names a file.
pub(crate) fn file_of(word: &Path, options: &CacheOptions) -> anyhow::Result<Option<PathBuf>> {
    let Some(reference) = signed(word, options.key.as_deref())? else { return Ok(None) };
    Ok(Some(Store::open(options.cache_dir.as_deref())?.file(&reference, options.pull)?))
}

/// What a program is told to be called by, and what files are called that are made of it.
pub(crate) fn name(word: &Path) -> Cow<'_, Path> {
    match reference(word) {
        Ok(Some(reference)) => PathBuf::from(reference.program_name()).into(),
        Ok(None) | Err(_) => word.into(),
    }
}

/// An error about a file, which the user calls something else if it is the store's.
pub(crate) fn named(error: anyhow::Error, word: &Path, file: &Path) -> anyhow::Error {
    if word == file { error } else { error.context(format!("`{}`", word.display())) }
}

/// `wasmer pull`: fetches, and prints the digest.
pub(crate) fn pull(args: &PullArgs) -> anyhow::Result<ExitCode> {
    let Some(reference) = signed(Path::new(&args.reference), args.key.as_deref())? else {
        bail!(
            "`{}` is neither an `oci://` reference nor an `https://` address, so there is nothing to fetch",
            args.reference
        );
    };
    let store = Store::open(args.cache_dir.as_deref())?;
    store.fetch(&reference, true)?;
    let pin = store.packages.pinned(&reference.key()).context("what was fetched has been removed again")?;
    output::data(format!("{SHA256}{}\n", pin.digest))?;
    Ok(ExitCode::SUCCESS)
}

fn reference(word: &Path) -> anyhow::Result<Option<Reference>> {
    word.to_str().and_then(Reference::parse).transpose()
}

/// The reference that a word is, to what the key in a file must have signed.
fn signed(word: &Path, key: Option<&Path>) -> anyhow::Result<Option<Reference>> {
    let reference = reference(word)?;
    let Some(key) = key else { return Ok(reference) };
    let Some(reference) = reference.filter(|reference| matches!(reference.place, Place::Registry { .. })) else {
        bail!("`{}` is not of a registry, and only what is has signatures, which `--key` wants", word.display());
    };
    Ok(Some(Reference { signer: Some(Key::read(key)?), ..reference }))
}

struct Store {
    dir: PathBuf,
    packages: Packages,
}

impl Store {
    fn open(dir: Option<&Path>) -> anyhow::Result<Self> {
        let dir = match dir {
            Some(dir) => dir.to_owned(),
            None => CacheConfig::default_dir()?,
        };
        Ok(Self { packages: Packages::open(&dir)?, dir })
    }

    fn file(&self, reference: &Reference, pull: Pull) -> anyhow::Result<PathBuf> {
        let is_wanted = pull != Pull::Always || reference.sum.is_some();
        if let Some((_, path)) = stored(&self.packages, reference).filter(|_| is_wanted) {
            return Ok(path);
        }
        if pull == Pull::Never {
            let (signed, with) = match &reference.signer {
                Some(_) => (" as signed by this key", "--key FILE "),
                None => ("", ""),
            };
            bail!(
                "`{reference}` is not stored here{signed}, and `--pull never` does not fetch it\nhint: `wasmer pull {with}{reference}` does"
            );
        }
        self.fetch(reference, pull == Pull::Always)?;
        let stored = stored(&self.packages, reference);
        Ok(stored.with_context(|| format!("`{reference}` was fetched and has been removed again"))?.1)
    }

    /// Has a reference fetched; `again` if what is stored does not count.
    fn fetch(&self, reference: &Reference, again: bool) -> anyhow::Result<()> {
        let mut command = Command::new(update::program("fetch a program")?);
        command.arg(FETCH).args(again.then_some(AGAIN));
        if let Some(signer) = &reference.signer {
            command.arg(SIGNED_BY).arg(signer.to_string());
        }
        command.arg(&self.dir).arg(reference.to_string());
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = started.with_context(|| format!("could not start `{}`", update::PROGRAM))?;
        let mut said = String::new();
        if let Some(mut out) = child.stdout.take() {
            out.read_to_string(&mut said)?;
        }
        let status = child.wait()?;
        match said.as_str() {
            "" if status.success() => Ok(()),
            "" => bail!("could not fetch `{reference}`: `{}` ended with {status}", update::PROGRAM),
            // What went wrong, in the user's words.
            said => bail!("{}", said.trim_end()),
        }
    }
}

/// What a reference means as far as the store knows, and the file, if it is there.
fn stored(packages: &Packages, reference: &Reference) -> Option<(Pin, PathBuf)> {
    let pin = match (&reference.place, &reference.sum) {
        (Place::Web(_), Some(sum)) => Pin { digest: *sum, content: *sum },
        _ => packages.pinned(&reference.key())?,
    };
    Some((pin, packages.find(&pin.content)?))
}
