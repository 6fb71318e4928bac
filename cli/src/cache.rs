//! `wasmer cache`.

use crate::exit::ExitCode;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

use wasmer_runtime::cache::{ArtifactKey, Cache, CacheConfig, Finisher, Prune};
use wasmer_runtime::cached_component::is_sound_record;
use wasmer_runtime::{Backend, Image};

use crate::args::{CacheArgs, CacheCommand, TrustArg};
use crate::exit;
use crate::load::open_cache;
use crate::output;
use crate::tier::policy::Policy;

/// Looks after the cache.
pub(crate) fn cache(args: &CacheArgs) -> anyhow::Result<ExitCode> {
    if matches!(args.command, CacheCommand::Dir) {
        let dir = match &args.cache_dir {
            Some(dir) => dir.clone(),
            None => CacheConfig::default_dir()?,
        };
        say(format_args!("{}", dir.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let cache = open_cache(args.cache_dir.as_deref(), TrustArg::Stat)?;
    match args.command {
        CacheCommand::Dir => {}
        CacheCommand::List => list(&cache)?,
        CacheCommand::Status { stop: false } => status(&cache)?,
        CacheCommand::Status { stop: true } => stop(&cache)?,
        CacheCommand::Stats => stats(&cache)?,
        CacheCommand::Verify => return verify(&cache),
        CacheCommand::Prune { days, size } => {
            let freed = cache.prune(Prune { unused_days: days, budget_bytes: size })?;
            say(format_args!("{freed} bytes freed"))?;
        }
        CacheCommand::Clean => say(format_args!("{} bytes freed", cache.clean()?))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(cache: &Cache) -> anyhow::Result<()> {
    let today = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 86_400;
    for entry in cache.entries()? {
        let age =
            if entry.day == 0 { "never used".to_owned() } else { format!("{} days", today.saturating_sub(entry.day)) };
        let origin = cache.origin(&entry.key).map_or_else(|| "-".to_owned(), |origin| output::printable(&origin.name));
        let backend = backend(cache, &entry.key).unwrap_or_else(|| "-".to_owned());
        let tier = tier(&backend);
        say(format_args!("{}\t{}\t{age}\t{tier}\t{backend}\t{origin}", entry.key, entry.bytes))?;
    }
    Ok(())
}

/// The compiler that made an artifact; none if the file does not say.
fn backend(cache: &Cache, key: &ArtifactKey) -> Option<String> {
    let (file, _) = cache.open_artifact(key).ok()?;
    // SAFETY: the cache replaces files by renaming.
    let image = unsafe { Image::from_file(file, Some(&key.0)) }.ok()?;
    Some(output::printable(image.backend()))
}

/// How good a compiler's code is: the backends stand in this order.
fn tier(backend: &str) -> String {
    match Backend::ALL.iter().position(|known| known.name() == backend) {
        Some(position) => format!("tier {}", position + 1),
        None => "-".to_owned(),
    }
}

fn status(cache: &Cache) -> anyhow::Result<()> {
    say(format_args!("background: {}", Policy::of(None).describe()))?;
    match cache.finisher()? {
        Some(finisher) => say(format_args!("finisher: {}", describe(&finisher)))?,
        None => say(format_args!("finisher: none at work"))?,
    }
    Ok(())
}

fn stop(cache: &Cache) -> anyhow::Result<()> {
    match cache.stop_finisher()? {
        Some(finisher) => say(format_args!("stopped: {}", describe(&finisher))),
        None => say(format_args!("finisher: none at work")),
    }
}

fn describe(finisher: &Finisher) -> String {
    let Some(pid) = finisher.pid else { return "starting".to_owned() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let Finisher { backend, name, since_s, .. } = finisher;
    let text = format!("{backend} compiles `{name}` since {} s (process {pid})", now.saturating_sub(*since_s));
    output::printable(&text)
}

fn stats(cache: &Cache) -> anyhow::Result<()> {
    let stats = cache.stats()?;
    say(format_args!("folder: {}", output::printable(&cache.dir().display().to_string())))?;
    say(format_args!("artifacts: {}", stats.artifacts))?;
    say(format_args!("bytes: {}", stats.bytes))?;
    say(format_args!("budget in bytes: {}", stats.budget_bytes))?;
    say(format_args!("modules known by identity: {}", stats.memos))?;
    Ok(())
}

fn verify(cache: &Cache) -> anyhow::Result<ExitCode> {
    let report = cache.verify(|key, file| {
        match record(&file) {
            Some(true) => return Ok(()),
            Some(false) => return Err("the record of a component is damaged".to_owned()),
            None => {}
        }
        // SAFETY: the cache replaces files by renaming.
        unsafe { Image::from_file(file, Some(&key.0)) }
            .and_then(|image| image.verify())
            .map_err(|error| error.to_string())
    })?;
    for (key, reason) in &report.damaged {
        say(format_args!("{key}: removed: {reason}"))?;
    }
    say(format_args!("{} sound, {} damaged", report.sound, report.damaged.len()))?;
    Ok(ExitCode::from(if report.damaged.is_empty() { exit::SUCCESS } else { exit::FAILURE }))
}

/// Whether a file is a component's record, and a sound one.
fn record(file: &File) -> Option<bool> {
    let mut bytes = Vec::new();
    let mut start = [0; 16];
    // Records are small, and images are not read for it.
    file.read_exact_at(&mut start, 0).ok().filter(|()| start.starts_with(b"wasmer"))?;
    let mut file = file;
    file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).ok()?;
    is_sound_record(&bytes)
}

fn say(line: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    output::data(format!("{line}\n"))
}
