//! `wasmer completions`: scripts for shells, and what those scripts ask for at every press of the key.
//!
//! The scripts of bash, zsh and fish know nothing of options. They hand over the words up to the cursor (`wasmer completions --words …`) and are told, in the
//! first line, whether files or folders can stand there, and in the others what else can.

use std::ffi::OsString;

use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::Shell;
use wasmer_runtime::{Backend, FEATURES, default_features};

use crate::args::{Cli, CompletionsArgs};
use crate::exit::ExitCode;
use crate::load::AUTO;
use crate::output::{self, printable};

/// What stands before the words that a script asks about.
pub(crate) const ASKING: [&str; 2] = ["completions", "--words"];

/// Prints a completion script.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    match args.shell {
        Shell::Bash => output::data(include_str!("complete/wasmer.bash"))?,
        Shell::Zsh => output::data(include_str!("complete/wasmer.zsh"))?,
        Shell::Fish => output::data(include_str!("complete/wasmer.fish"))?,
        other => {
            let mut script = Vec::new();
            clap_complete::generate(other, &mut Cli::command(), "wasmer", &mut script);
            output::data(script)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers a script: what the last of these words can become.
pub(crate) fn answer(words: &[OsString]) -> anyhow::Result<ExitCode> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let Answer { places, candidates } = Answer::to(&words);
    let mut text = format!("{}\n", places.name());
    for Candidate { word, meaning } in candidates {
        let meaning = if meaning.is_empty() { String::new() } else { format!("\t{meaning}") };
        text.push_str(&format!("{}{}\n", printable(&word), meaning.replace('\n', " ")));
    }
    output::data(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Which paths can stand somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Places {
    #[default]
    None,
    Files,
    Folders,
}

impl Places {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Files => "files",
            Self::Folders => "folders",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    word: String,
    meaning: String,
}

impl Candidate {
    fn new(word: impl Into<String>, meaning: Option<impl ToString>) -> Self {
        Self { word: word.into(), meaning: meaning.map_or_else(String::new, |meaning| meaning.to_string()) }
    }

    fn bare(word: impl Into<String>) -> Self {
        Self::new(word, None::<String>)
    }
}

/// What a word can become.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    places: Places,
    candidates: Vec<Candidate>,
}

impl Answer {
    /// What the last of these words can become.
    fn to(words: &[&str]) -> Self {
        let Some((last, whole)) = words.split_last() else { return Self::default() };
        let mut root = Cli::command();
        root.build();
        let mut position = Position::start(&root);
        for word in whole {
            position.pass(word);
        }
        position.answer(last)
    }
}

/// Where in a command line the cursor is.
struct Position<'a> {
    root: &'a Command,
    command: &'a Command,
    /// The option whose value comes next.
    pending: Option<&'a Arg>,
    /// How many words that belong to no option there were since the command.
    positionals: usize,
    /// Whether no options come any more.
    is_after_dashes: bool,
    /// Whether all that follows is for the program that is run.
    is_guests: bool,
}

impl<'a> Position<'a> {
    fn start(root: &'a Command) -> Self {
        let (pending, positionals) = (None, 0);
        Self { root, command: root, pending, positionals, is_after_dashes: false, is_guests: false }
    }

    /// Goes on behind a word.
    fn pass(&mut self, word: &str) {
        // bash takes `--option=VALUE` for three words.
        if self.is_guests || self.pending.is_some() && word == "=" || self.pending.take().is_some() {
            return;
        }
        if self.is_after_dashes || !word.starts_with('-') || word == "-" {
            return self.pass_positional(word);
        }
        // The command `run` is left out as a rule.
        if self.is_root() {
            self.enter("run");
        }
        match word {
            "--" => self.is_after_dashes = true,
            _ => self.pending = self.option(word).filter(|option| takes_value(option) && !word.contains('=')),
        }
    }

    fn pass_positional(&mut self, word: &str) {
        if !self.is_after_dashes && self.command.has_subcommands() && self.enter(word) {
            return;
        }
        if self.is_root() {
            self.enter("run");
        }
        self.is_guests = self.command.get_positionals().any(Arg::is_trailing_var_arg_set);
        self.positionals += 1;
    }

    /// Whether there is a command of this name, which is the one from here on.
    fn enter(&mut self, name: &str) -> bool {
        let Some(command) = self.command.find_subcommand(name) else { return false };
        *self = Self { command, ..Self::start(self.root) };
        true
    }

    fn is_root(&self) -> bool {
        std::ptr::eq(self.command, self.root)
    }

    fn option(&self, word: &str) -> Option<&'a Arg> {
        let mut options = self.command.get_arguments();
        match word.strip_prefix("--") {
            Some(long) => {
                let name = long.split('=').next();
                options.find(|option| option.get_long() == name)
            }
            // Of several letters the last one can have a value.
            None => {
                let letter = word.chars().last();
                options.find(|option| option.get_short() == letter)
            }
        }
    }

    fn answer(mut self, last: &str) -> Answer {
        if self.is_guests {
            return Answer { places: Places::Files, candidates: Vec::new() };
        }
        if let Some(option) = self.pending {
            return self.values(option, if last == "=" { "" } else { last });
        }
        if last.starts_with('-') && last != "-" && !self.is_after_dashes {
            let mut options = Vec::new();
            if self.is_root() {
                options.extend(self.options(last));
                self.enter("run");
            }
            return match last.split_once('=') {
                Some((name, value)) => {
                    self.option(name).map_or_else(Answer::default, |option| self.values(option, value))
                }
                None => {
                    options.extend(self.options(last));
                    options.dedup_by(|one, other| one.word == other.word);
                    Answer { places: Places::None, candidates: options }
                }
            };
        }
        if self.command.has_subcommands() && !self.is_after_dashes {
            // The first word may be a module, too.
            let places = if self.is_root() { Places::Files } else { Places::None };
            return Answer { places, candidates: self.commands(last) };
        }
        let mut positionals = self.command.get_positionals();
        positionals.nth(self.positionals).map_or_else(Answer::default, |argument| self.values(argument, last))
    }

    /// The long options that begin like `last`.
    fn options(&self, last: &str) -> Vec<Candidate> {
        let visible = self.command.get_arguments().filter(|option| !option.is_hide_set());
        let named = visible.filter_map(|option| Some((format!("--{}", option.get_long()?), option)));
        let fitting = named.filter(|(name, _)| name.starts_with(last));
        fitting.map(|(name, option)| Candidate::new(name, option.get_help())).collect()
    }

    fn commands(&self, last: &str) -> Vec<Candidate> {
        let visible = self.command.get_subcommands().filter(|command| !command.is_hide_set());
        let fitting = visible.filter(|command| command.get_name().starts_with(last));
        fitting.map(|command| Candidate::new(command.get_name(), command.get_about())).collect()
    }

    /// The values of an option or argument that begin like `last`.
    fn values(&self, argument: &Arg, last: &str) -> Answer {
        let places = match argument.get_value_hint() {
            ValueHint::AnyPath | ValueHint::FilePath | ValueHint::ExecutablePath => Places::Files,
            ValueHint::DirPath => Places::Folders,
            _ => Places::None,
        };
        let mut candidates = self.known_values(argument);
        candidates.retain(|candidate| candidate.word.starts_with(last));
        Answer { places, candidates }
    }

    fn known_values(&self, argument: &Arg) -> Vec<Candidate> {
        let features = |is_on| {
            let is_it = move |(_, feature): &&(_, _)| default_features().contains(*feature) == is_on;
            FEATURES.iter().filter(is_it).map(|(name, _)| Candidate::bare(*name)).collect()
        };
        match argument.get_id().as_str() {
            "backend" => Backend::built().map(Backend::name).chain([AUTO]).map(Candidate::bare).collect(),
            "enable" => features(false),
            "disable" => features(true),
            "cpu" => ["native", "x86-64-v2", "x86-64-v3", "x86-64-v4"].map(Candidate::bare).into(),
            "env" => std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).map(Candidate::bare).collect(),
            "command" => Position::start(self.root).commands(""),
            _ => {
                let values = argument.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
                values.map(|value| Candidate::new(value.get_name(), value.get_help())).collect()
            }
        }
    }
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> (Places, Vec<String>) {
        let words: Vec<_> = line.split(' ').collect();
        let Answer { places, candidates } = Answer::to(&words);
        (places, candidates.into_iter().map(|candidate| candidate.word).collect())
    }

    #[test]
    fn what_can_stand_somewhere_is_said() {
        let nothing: &[&str] = &[];
        let cases = [
            ("va", Places::Files, &["validate"][..]),
            ("cache st", Places::None, &["stats", "status"]),
            ("cache --cache-dir x st", Places::None, &["stats", "status"]),
            ("cache prune --si", Places::None, &["--size"]),
            ("run --max-mem", Places::None, &["--max-memory"]),
            // The command `run` is left out.
            ("--max-mem", Places::None, &["--max-memory"]),
            ("--vers", Places::None, &["--version"]),
            ("--dir . --max-mem", Places::None, &["--max-memory"]),
            ("app.wasm --max-mem", Places::Files, nothing),
            ("--dir ", Places::Folders, nothing),
            ("run --dir=sr", Places::Folders, nothing),
            ("run --env-file ", Places::Files, nothing),
            ("run --timeout ", Places::None, nothing),
            ("run --backend sing", Places::None, &["singlepass"]),
            ("run --backend=sing", Places::None, &["singlepass"]),
            // As bash cuts it.
            ("run --backend = sing", Places::None, &["singlepass"]),
            ("run --backend = singlepass app", Places::Files, nothing),
            ("run --pull ne", Places::None, &["never"]),
            ("pull --cache-dir ", Places::Folders, nothing),
            ("pull x", Places::None, nothing),
            ("pu", Places::Files, &["pull"]),
            ("run --optimize n", Places::None, &["never", "now"]),
            ("run --profile perf", Places::None, &["perfmap"]),
            ("run --verbose app", Places::Files, nothing),
            ("run -v app", Places::Files, nothing),
            ("run -- --max-mem", Places::Files, nothing),
            ("run app.wasm --dir x", Places::Files, nothing),
            ("bench --backend cran", Places::None, &["cranelift"]),
            ("compile -o ", Places::Files, nothing),
            ("compile --cpu x86-64-v3", Places::None, &["x86-64-v3"]),
            ("compile --emit a", Places::None, &["asm"]),
            ("validate a.wasm b", Places::None, nothing),
            ("validate --disable sim", Places::None, &["simd"]),
            ("completions f", Places::None, &["fish"]),
            ("man comp", Places::None, &["compile", "completions"]),
            ("help insp", Places::None, &["inspect"]),
            ("absent --x", Places::Files, nothing),
            ("run --absent --verb", Places::None, &["--verbose"]),
            ("run --timings --back", Places::Files, nothing),
        ];
        for (line, places, expected) in cases {
            let (found_places, mut found) = names(line);
            found.sort();
            assert_eq!((found_places, found), (places, expected.iter().map(ToString::to_string).collect()), "{line}");
        }
        assert!(!names("").1.iter().any(|name| name == "finish"));
        assert_eq!(Answer::to(&[]), Answer::default());
    }
}
