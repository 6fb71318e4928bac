//! The command line: that its definition is sound, and what words on it mean.

use super::*;
use wasmer_testing::generate::Random;

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

/// What clap makes of words behind `run`, and what is made of them without it.
fn both(words: &[OsString]) -> (Option<String>, Option<String>) {
    let line = ["wasmer", "run"].map(OsString::from).into_iter().chain(words.iter().cloned());
    let whole = Cli::try_parse_from(line).ok().map(|cli| format!("{:?}", cli.command));
    (whole, quick::run(words).map(|run| format!("{:?}", Command::Run(Box::new(run)))))
}

#[test]
fn what_needs_no_parser_is_what_the_parser_says() {
    let options: Vec<String> = RunArgs::augment_args(clap::Command::new("run"))
        .get_arguments()
        .flat_map(|option| {
            let letter = option.get_short().map(|letter| format!("-{letter}"));
            option.get_long().map(|long| format!("--{long}")).into_iter().chain(letter)
        })
        .chain(["--", "-", "--verbos", "-x", "--help", "-V", "--=", "---"].map(str::to_owned))
        .collect();
    let values = [
        "a.wasm", "", "-", "-5", "7", "+7", "10s", "1e3", "64MiB", "1g", "x=y", ".::/a:ro", "*:80", "auto", "idle",
        "Now", "hash", "missing", "perfmap", "wasi", "simd", "run", "help", "--dir", "ä",
    ];
    let mut random = Random::new(0);
    let mut taken = 0;
    for _ in 0..3000 {
        let mut line: Vec<OsString> = Vec::new();
        for _ in 0..random.below(4) {
            let option = &options[random.below(options.len())];
            let value = values[random.below(values.len())];
            match random.below(4) {
                0 => line.push(option.into()),
                1 => line.push(format!("{option}={value}").into()),
                _ => line.extend([option.into(), value.into()]),
            }
        }
        line.extend((0..random.below(3)).map(|_| values[random.below(values.len())].into()));
        let (whole, quick) = both(&line);
        if quick.is_some() {
            assert_eq!(quick, whole, "{line:?}");
            taken += 1;
        }
    }
    assert!(taken > 300, "{taken}");
}

#[test]
fn usual_command_lines_need_no_parser() {
    for line in [
        "app.wasm",
        "app.wasm --verbose -- x",
        "-",
        "-v --dir . --dir=/tmp::/t:ro --env A=b --env C app.wasm",
        "--backend llvm --disable-cache --cache-dir d app.wasm",
        "--invoke add --fuel 1000 --timeout 10s --max-memory 64MiB app.wat 1 -2",
    ] {
        let (whole, quick) = both(&words(line));
        assert!(quick.is_some(), "{line}");
        assert_eq!(quick, whole, "{line}");
    }
    let odd = std::os::unix::ffi::OsStringExt::from_vec(vec![0xff]);
    let (whole, quick) = both(&[odd]);
    assert_eq!((quick.is_some(), quick), (true, whole));
}

/// Calls `check` for every option of every command that has a value, with the line that gives it one.
fn with_each_option(command: &clap::Command, line: &[&str], value: &str, check: &mut impl FnMut(&[&str], &str)) {
    for option in command.get_arguments().filter(|option| option.get_action().takes_values()) {
        let Some(long) = option.get_long() else { continue };
        let long = format!("--{long}");
        let line: Vec<&str> = line.iter().copied().chain([&*long, value]).collect();
        let message = Cli::try_parse_from(&line).err().map(|error| error.to_string()).unwrap_or_default();
        check(&line, &message);
    }
    for inner in command.get_subcommands() {
        let line: Vec<&str> = line.iter().copied().chain([inner.get_name()]).collect();
        with_each_option(inner, &line, value, check);
    }
}

#[test]
fn a_value_that_is_none_is_told_how_to_be_written() {
    let mut refused = 0;
    let mut check = |line: &[&str], message: &str| {
        if message.contains("invalid value") {
            refused += 1;
            let says = ["for instance", "is not a whole number from", "possible values", "known are"];
            assert!(says.iter().any(|part| message.contains(part)), "{line:?}: {message}");
        }
        assert!(!message.contains("unexpected argument '-1'") || !is_numeric(line), "{line:?}: {message}");
    };
    for value in ["?", "-1", "99999999999999999999"] {
        with_each_option(&Cli::command(), &["wasmer"], value, &mut check);
    }
    assert!(refused > 60, "{refused}");
}

/// Whether the value of the last option but one is a number, a size or a time.
fn is_numeric(line: &[&str]) -> bool {
    let names = ["--timeout", "--grace", "--fuel", "--pause", "--days", "--size", "--threads", "--runs", "--starts"];
    let [.., option, _] = line else { return false };
    names.contains(option) || option.starts_with("--max-") || option.ends_with("-size") || option.ends_with("-timeout")
}
