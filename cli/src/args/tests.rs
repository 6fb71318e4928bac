//! The command line: that its definition is sound, and what words on it mean.

use super::*;
use clap::CommandFactory;

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_is_known_as_a_first_word_and_has_examples() {
    for command in Cli::command().get_subcommands() {
        assert!(FIRST_WORDS.contains(&command.get_name()), "{}", command.get_name());
        assert!(
            command.get_after_help().is_some_and(|help| help.to_string().contains("Examples:")),
            "{}",
            command.get_name()
        );
    }
}

#[test]
fn run_is_the_default_command() {
    assert_eq!(with_default_command(words("wasmer app.wasm -x")), words("wasmer run app.wasm -x"));
    assert_eq!(with_default_command(words("wasmer --dir . app.wasm")), words("wasmer run --dir . app.wasm"));
    assert_eq!(with_default_command(words("wasmer cache dir")), words("wasmer cache dir"));
    assert_eq!(with_default_command(words("wasmer complie")), words("wasmer complie"));
}

fn run(line: &str) -> RunArgs {
    let arguments = with_default_command(words(line));
    let whole = Cli::try_parse_from(arguments.clone()).unwrap().command;
    let command = parse(arguments).unwrap();
    assert_eq!(format!("{command:?}"), format!("{whole:?}"), "`run` alone is parsed as among all commands");
    match command {
        Command::Run(run) => *run,
        other => panic!("not `run`: {other:?}"),
    }
}

#[test]
fn everything_after_the_module_is_the_guests() {
    let guest = run("wasmer run --verbose app.wasm --verbose --dir x -- -y");
    assert!(guest.verbose && guest.grants.dir.is_empty());
    assert_eq!(guest.module(), Path::new("app.wasm"));
    assert_eq!(guest.args(), words("--verbose --dir x -- -y"));
    for option in ["--version", "--help", "-V", "-h", "--cache-dir", "-c"] {
        assert_eq!(run(&format!("wasmer app.wasm {option}")).args(), words(option));
    }
    assert_eq!(run("wasmer run app.wasm -- --dir x").args(), words("--dir x"));
    assert_eq!(run("wasmer run -- app.wasm --dir x").args(), words("--dir x"));
    assert_eq!(run("wasmer run --dir y - a").module(), Path::new("-"));
    assert!(run("wasmer run app.wasm").args().is_empty());
}

#[test]
fn an_unknown_option_before_the_module_is_an_error() {
    for line in ["wasmer run --verbos app.wasm", "wasmer run", "wasmer run --help", "wasmer run -V x"] {
        let error = parse(words(line)).unwrap_err().to_string();
        assert_eq!(error, Cli::try_parse_from(words(line)).unwrap_err().to_string(), "{line}");
    }
}
