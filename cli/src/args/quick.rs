//! Command lines of `wasmer run` whose meaning is plain without describing every option to clap, which costs as much as all else that a cached
//! start does in the command.
//!
//! Nothing is decided here: a word that is not understood at once, an option that is given twice, a value that is odd in any way leave the whole
//! line to clap, which accepts or explains it.

use std::ffi::{OsStr, OsString};

use clap::ValueEnum;

use super::{Optimize, Pull, RunArgs, TrustArg};
use crate::units::{parse_duration, parse_fuel, parse_number, parse_size};

/// The arguments of `run` in these words, which stand behind it.
pub(super) fn run(words: &[OsString]) -> Option<RunArgs> {
    let mut args = RunArgs::default();
    let mut given = Vec::new();
    let mut rest = words;
    loop {
        let (word, behind) = rest.split_first()?;
        if !word.as_encoded_bytes().starts_with(b"-") || word == "-" {
            args.program = rest.to_vec();
            return Some(args);
        }
        let name = match word.to_str()? {
            "-v" => "verbose",
            word => word.strip_prefix("--")?,
        };
        let (name, inline) = match name.split_once('=') {
            Some((name, value)) => (name, Some(OsStr::new(value))),
            None => (name, None),
        };
        rest = behind;
        if inline.is_none() && set_flag(&mut args, name) {
            continue;
        }
        let value = match inline {
            Some(value) => value,
            None => {
                let (value, behind) = rest.split_first()?;
                rest = behind;
                value
            }
        };
        if value.is_empty() || value.as_encoded_bytes().starts_with(b"-") {
            return None;
        }
        if add_value(&mut args, name, value).is_none() {
            set_value(&mut args, name, value)?;
            if given.contains(&name) {
                return None;
            }
            given.push(name);
        }
    }
}

/// Sets an option without a value, if it is one.
fn set_flag(args: &mut RunArgs, name: &str) -> bool {
    let flag = match name {
        "verbose" => &mut args.verbose,
        "env-all" => &mut args.grants.env_all,
        "disable-cache" => &mut args.cache.disable_cache,
        "allow-precompiled" => &mut args.allow_precompiled,
        "trap-unknown-imports" => &mut args.trap_unknown_imports,
        _ => return false,
    };
    // Twice is a mistake, which clap explains.
    !std::mem::replace(flag, true)
}

/// Adds the value of an option that may be repeated.
fn add_value(args: &mut RunArgs, name: &str, value: &OsStr) -> Option<()> {
    match name {
        "dir" => args.grants.dir.push(value.into()),
        "env" => args.grants.env.push(value.to_str()?.to_owned()),
        "env-file" => args.grants.env_file.push(value.into()),
        "net" => args.grants.net.push(value.to_str()?.to_owned()),
        "tcplisten" => args.tcplisten.push(value.to_str()?.to_owned()),
        "enable" => args.features.enable.push(value.to_str()?.to_owned()),
        "disable" => args.features.disable.push(value.to_str()?.to_owned()),
        _ => return None,
    }
    Some(())
}

/// Sets the value of an option that is given once.
fn set_value(args: &mut RunArgs, name: &str, value: &OsStr) -> Option<()> {
    let text = || value.to_str();
    let (tier, cache, limits) = (&mut args.tier, &mut args.cache, &mut args.limits);
    match name {
        "backend" => tier.backend = text()?.to_owned(),
        "optimize" => tier.optimize = Some(Optimize::from_str(text()?, false).ok()?),
        "cache-dir" => cache.cache_dir = Some(value.into()),
        "cache-trust" => cache.cache_trust = TrustArg::from_str(text()?, false).ok()?,
        "pull" => cache.pull = Pull::from_str(text()?, false).ok()?,
        "key" => cache.key = Some(value.into()),
        "invoke" => args.invoke = Some(text()?.to_owned()),
        "cwd" => args.grants.cwd = Some(value.into()),
        "argv0" => args.argv0 = Some(value.into()),
        "timeout" => args.timeout = Some(parse_duration(text()?).ok()?),
        "compile-timeout" => args.compile_timeout = Some(parse_duration(text()?).ok()?),
        "fuel" => args.fuel = Some(parse_fuel(text()?).ok()?),
        "stack-size" => args.stack_size = Some(parse_size(text()?).ok()?),
        "max-memory" => limits.max_memory = Some(parse_size(text()?).ok()?),
        "max-total-memory" => limits.max_total_memory = Some(parse_size(text()?).ok()?),
        "max-gc-heap" => limits.max_gc_heap = Some(parse_size(text()?).ok()?),
        "max-output" => limits.max_output = Some(parse_size(text()?).ok()?),
        "max-table-elements" => limits.max_table_elements = Some(parse_number(text()?).ok()?),
        "max-open-files" => limits.max_open_files = Some(parse_number(text()?).ok()?),
        _ => return None,
    }
    Some(())
}
