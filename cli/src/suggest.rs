//! "Did you mean": the known name that is most like a mistyped one, and what other runtimes have other names for.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Names that are less alike than this are not mentioned, unless they are one slip apart.
const LIKENESS_MIN: f64 = 0.8;
/// Shorter words are one slip from too many others.
const SLIP_CHARS_MIN: usize = 3;
/// Longer names are nobody's slip, and comparing them takes long.
const NAME_BYTES_MAX: usize = 200;

/// The known name that is most like `word`, if one is like it at all.
pub(crate) fn similar<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > NAME_BYTES_MAX {
        return None;
    }
    let names = known.into_iter().filter(|name| name.len() <= NAME_BYTES_MAX);
    let likeness = names.map(|name| (strsim::jaro_winkler(word, name), name));
    let (likeness, name) = likeness.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    let is_slip = || word.chars().count() >= SLIP_CHARS_MIN && strsim::osa_distance(word, name) == 1;
    (likeness >= LIKENESS_MIN || is_slip()).then_some(name)
}

/// The rest of an error message about a name that is not known: the one that may have been meant, or other help.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    match similar(word, known) {
        Some(name) => format!("\nhint: did you mean `{}`?", crate::output::printable(name)),
        None => format!("\nhint: {otherwise}"),
    }
}

/// Options of other runtimes, and what has their place here.
const OTHER_OPTIONS: &[(&[&str], &str)] = &[
    (
        &["--mapdir", "--map-dir", "--volume", "--preopen", "--mount"],
        "`--dir HOST::GUEST` lets the program use a folder",
    ),
    (&["-i", "-e", "--entrypoint"], "`--invoke NAME` calls a function"),
    (&["--cranelift", "--llvm", "--singlepass", "--compiler"], "`--backend NAME` chooses the compiler"),
    (
        &["-W", "--wasm", "--wasm-features", "--enable-all"],
        "`--enable FEATURE` allows what `wasmer backends` lists as off",
    ),
    (&["-S", "--wasi"], "what a program may use has options of its own, such as `--dir`, `--env` and `--net`"),
    (&["-O", "-C", "--opt-level", "--codegen"], "`--backend llvm` makes the fastest code"),
    (&["--env-vars", "--forward-host-env"], "`--env NAME` and `--env-all` give variables"),
    (&["--target", "--triple"], "artifacts are for processors like this one, among which `--cpu` chooses"),
    (
        &["--enable-verifier", "--debug-info", "-g"],
        "`wasmer compile --emit` and `wasmer run --debugger` show what code is made",
    ),
];

/// Commands of other runtimes, and those that do the same here.
const OTHER_COMMANDS: &[(&[&str], &str)] = &[
    (&["exec", "start"], "run"),
    (&["build", "precompile", "aot", "create-exe"], "compile"),
    (&["objdump", "disas", "disassemble"], "compile --emit asm"),
    (&["explore"], "compile --emit html"),
    (&["settings", "config", "features"], "backends"),
    (&["info", "show", "describe"], "inspect"),
    (&["check", "lint"], "validate"),
    (&["install", "add", "fetch", "download"], "pull"),
    (&["update", "upgrade"], "self-update"),
    (&["version"], "--version"),
];

fn among(table: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    table.iter().find(|(words, _)| words.contains(&word)).map(|(_, meant)| *meant)
}

/// Says what was meant where clap does not recognise a command or an option, or misses a module that an option has taken. `is_option` knows the names of all
/// options, without dashes.
pub(crate) fn in_error(
    mut error: clap::Error,
    arguments: &[OsString],
    commands: &[&'static str],
    is_option: impl Fn(&str) -> bool,
) -> clap::Error {
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) {
        let other = || among(OTHER_COMMANDS, word);
        let is_answered = error.get(ContextKind::SuggestedSubcommand).is_some();
        let similar = || similar(word, commands.iter().copied()).filter(|_| !is_answered);
        if let Some(name) = other().or_else(similar) {
            error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![name.to_owned()]));
        }
    }
    let tip = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => {
            one_dash(arguments, is_option).or_else(|| among(OTHER_OPTIONS, option).map(str::to_owned))
        }
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(_))) => taken(arguments),
        (ErrorKind::InvalidSubcommand, _) => arguments.get(1).and_then(without_ending),
        _ => None,
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Which option is written with one dash, which makes several of its letters.
fn one_dash(arguments: &[OsString], is_option: impl Fn(&str) -> bool) -> Option<String> {
    let words = arguments.iter().skip(1).filter_map(|word| word.to_str()?.strip_prefix('-')?.split('=').next());
    let mut names = words.filter(|name| name.len() > 1 && !name.starts_with('-') && is_option(name));
    names.next().map(|name| format!("`--{name}` has two dashes"))
}

/// Which module was left without its ending.
fn without_ending(word: &OsString) -> Option<String> {
    let files = ["wasm", "wat"].map(|ending| Path::new(word).with_added_extension(ending));
    files.iter().find(|file| file.is_file()).map(|file| format!("`wasmer {}` runs that file", file.display()))
}

/// Which module an option has taken for its value.
fn taken(arguments: &[OsString]) -> Option<String> {
    let pairs = arguments.iter().zip(arguments.iter().skip(1));
    let is_module = |word: &OsString| Path::new(word).extension().is_some_and(|end| end == "wasm" || end == "wat");
    let mut taken = pairs.filter(|(option, word)| is_module(word) && option.to_string_lossy().starts_with('-'));
    taken.next().map(|(option, word)| format!("`{}` takes `{}` for its value", option.display(), word.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["cranelift", "singlepass", "llvm"];
        for (word, meant) in
            [("carnelift", "cranelift"), ("single-pass", "singlepass"), ("lvm", "llvm"), ("lllvm", "llvm")]
        {
            assert_eq!(similar(word, known), Some(meant), "{word}");
        }
        assert_eq!(similar("rnu", ["run", "bench"]), Some("run"));
        for word in ["gcc", "", "x", &"cranelift".repeat(100)] {
            assert_eq!(similar(word, known), None, "{word}");
        }
        assert_eq!(similar("x", []), None);
    }
}
