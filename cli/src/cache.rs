//! `wasmer cache`.

use crate::exit::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use wasmer_runtime::artifact::Parts;
use wasmer_runtime::cache::{ArtifactKey, Cache, CacheConfig, Finisher, Prune};
use wasmer_runtime::{Artifact, Backend};

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
    let artifact = unsafe { Artifact::from_file(file, Some(&key.0)) }.ok()?;
    artifact.images().first().map(|image| output::printable(image.backend()))
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
    say(format_args!("fetched programs: {}", stats.packages))?;
    say(format_args!("their bytes: {}", stats.package_bytes))?;
    Ok(())
}

fn verify(cache: &Cache) -> anyhow::Result<ExitCode> {
    let report = cache.verify(|key, file| {
        // SAFETY: the cache replaces files by renaming.
        let artifact = unsafe { Artifact::from_file(file, Some(&key.0)) };
        let sound = artifact.and_then(|artifact| {
            artifact.verify()?;
            Parts::of(artifact).map(drop)
        });
        sound.map_err(|error| error.to_string())
    })?;
    for (key, reason) in &report.damaged {
        say(format_args!("{key}: removed: {reason}"))?;
    }
    say(format_args!("{} sound, {} damaged", report.sound, report.damaged.len()))?;
    Ok(ExitCode::from(if report.damaged.is_empty() { exit::SUCCESS } else { exit::FAILURE }))
}

fn say(line: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    output::data(format!("{line}\n"))
}
