//! `wasmer self-update`: replaces the installed programs by those of a release.
//!
//! The command only starts [`PROGRAM`], which stands beside it: so neither a network client nor an unpacker is part of what every start
//! of a guest loads. The helper takes a release from a folder or a server, compares the archive's checksum with the one of the
//! release's list, tries the new programs, and then renames them over the old ones. Whatever goes wrong before that leaves everything as it
//! was; what goes wrong while renaming is undone.
//!
//! It is also the program that fetches packages ([`crate::package`]): one network client is enough.

#[cfg(feature = "self-update")]
mod archive;
#[cfg(feature = "self-update")]
mod install;
#[cfg(feature = "self-update")]
mod release;
#[cfg(feature = "self-update")]
mod source;
#[cfg(feature = "self-update")]
pub(crate) mod trust;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::args::SelfUpdateArgs;
use crate::exit::ExitCode;

/// The helper's file name.
pub(crate) const PROGRAM: &str = "wasmer-update";

/// The helper, for something that this installation cannot do without.
pub(crate) fn program(purpose: &str) -> anyhow::Result<PathBuf> {
    let helper = std::env::current_exe().context("could not find this program")?.with_file_name(PROGRAM);
    if !helper.is_file() {
        bail!(
            "`{PROGRAM}` is not beside `wasmer`, so this installation cannot {purpose}\n\
             hint: install it anew by what installed it, for instance `cargo install --path cli`"
        );
    }
    Ok(helper)
}

/// Hands over to the helper.
pub(crate) fn self_update(args: &SelfUpdateArgs) -> anyhow::Result<ExitCode> {
    let helper = program("update itself")?;
    let mut command = Command::new(&helper);
    if let Some(from) = &args.from {
        command.arg("--from").arg(from);
    }
    command.args(args.check.then_some("--check")).args(args.force.then_some("--force"));
    // Only returns when it fails.
    Err(anyhow::Error::from(command.exec()).context(format!("could not start `{}`", helper.display())))
}

#[cfg(feature = "self-update")]
mod helper {
    use std::ffi::OsString;
    use std::path::Path;

    use anyhow::{Context, bail};

    use super::{archive, install, release, source};
    use crate::exit::ExitCode;
    use crate::package::{FETCH, fetch};
    use crate::{exit, output};

    /// Says where releases are, to whoever builds this program or uses it.
    const ADDRESS_VARIABLE: &str = "WASMER_UPDATE_URL";
    /// Where they are if whoever built this program said so.
    const DEFAULT_ADDRESS: Option<&str> = option_env!("WASMER_UPDATE_URL");

    /// What `wasmer self-update` asks for.
    #[derive(Default)]
    struct Options {
        from: Option<OsString>,
        check: bool,
        force: bool,
    }

    /// The helper: its words in, its exit status out.
    pub fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
        let mut words = words.peekable();
        if words.next_if(|word| word == FETCH).is_some() {
            return fetch::main(words);
        }
        match parse(words).and_then(|options| update(&options)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                output::error(&error);
                ExitCode::from(exit::FAILURE)
            }
        }
    }

    fn parse(mut words: impl Iterator<Item = OsString>) -> anyhow::Result<Options> {
        let mut options = Options::default();
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--from") => options.from = words.next(),
                Some("--check") => options.check = true,
                Some("--force") => options.force = true,
                _ => bail!("this program is started by `wasmer self-update`"),
            }
        }
        Ok(options)
    }

    fn update(options: &Options) -> anyhow::Result<()> {
        let variable = || std::env::var_os(ADDRESS_VARIABLE).filter(|address| !address.is_empty());
        let Some(from) = options.from.clone().or_else(variable).or(DEFAULT_ADDRESS.map(OsString::from)) else {
            bail!(
                "this build does not know where releases are\n\
                 hint: `--from`, or the variable {ADDRESS_VARIABLE}, names a folder or an address with a release"
            );
        };
        let own = std::env::current_exe().context("could not find this program")?;
        let folder = own.parent().context("this program is in no folder")?;
        let (source, archive) = source::Source::new(&from)?;
        let list = release::read(&source)?;
        let wanted = release::choose(&list, archive.as_deref(), folder.join("wasmer-llvm").exists())?;
        let here = release::Version::here();
        if wanted.version <= here && !options.force {
            let state = if wanted.version == here { "is up to date" } else { "is newer than the release" };
            output::data(format!("wasmer {here} {state}\n"))?;
            return Ok(());
        }
        if options.check {
            output::data(format!("wasmer {} is available; this is {here}\n", wanted.version))?;
            return Ok(());
        }
        replace(folder, &source, wanted)?;
        output::data(format!("wasmer {here} is now {}\n", wanted.version))?;
        Ok(())
    }

    fn replace(folder: &Path, source: &source::Source, wanted: &release::Archive) -> anyhow::Result<()> {
        let _lock = install::lock(folder)?;
        // In the same folder, hence on the same file system, so that the new programs only have to be renamed.
        let staging = tempfile::Builder::new()
            .prefix(".wasmer-update-")
            .tempdir_in(folder)
            .with_context(|| format!("could not write to `{}`", folder.display()))?;
        let packed = archive::fetch(source, wanted, staging.path())?;
        let programs = install::programs(folder);
        archive::unpack(&packed, &programs, staging.path())
            .with_context(|| format!("could not unpack `{}`", wanted.name))?;
        install::prepare(folder, staging.path(), &programs)?;
        install::try_out(staging.path(), &wanted.version)?;
        install::rename_all(folder, staging.path(), &programs)
    }
}

#[cfg(feature = "self-update")]
pub use helper::main;
