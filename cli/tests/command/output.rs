//! Output that cannot be written is an error of whatever writes it, and a reader who has seen enough is none.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::Stdio;

use crate::common::{Bench, Ran};

/// Every way to make the command print something to standard output.
const PRINTS: &[&[&str]] = &[
    &["--version"],
    &["--help"],
    &["-h"],
    &["help"],
    &["help", "run"],
    &["run", "--help"],
    &["run", "--version"],
    &["run", "--invoke", "f", "f.wat"],
    &["compile", "--help"],
    &["compile", "--emit", "asm", "f.wat"],
    &["compile", "--emit", "clif", "f.wat"],
    &["compile", "--emit", "html", "f.wat"],
    &["pull", "--help"],
    &["validate", "--help"],
    &["inspect", "f.wat"],
    &["inspect", "--json", "f.wat"],
    &["wast", "f.wast"],
    &["wast", "wrong.wast"],
    &["bench", "--runs", "1", "--backend", "cranelift", "p.wat"],
    &["bench", "--runs", "1", "--backend", "cranelift", "--json", "p.wat"],
    &["serve", "--help"],
    &["cache", "dir"],
    &["cache", "list"],
    &["cache", "stats"],
    &["cache", "verify"],
    &["cache", "prune"],
    &["cache", "clean"],
    &["backends"],
    &["completions", "bash"],
    &["completions", "zsh"],
    &["completions", "fish"],
    &["man"],
    &["man", "run"],
    &["self-update", "--help"],
];

fn bench() -> Bench {
    let bench = Bench::new();
    bench.file("f.wat", "(module (func (export \"f\") (result i32) (i32.const 5)))");
    bench.file("p.wat", "(module (func (export \"_start\")))");
    bench.file("f.wast", "(assert_return (invoke \"f\"))");
    bench.file("wrong.wast", "(module");
    // Something to list.
    bench.run(["run", "p.wat"]).printed("");
    bench
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let bench = bench();
    for words in PRINTS {
        // Whatever it does, it prints.
        assert_ne!(bench.run(*words).out, "", "{words:?}");
        if words[0] == "cache" {
            bench.run(["run", "p.wat"]).printed("");
        }
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = Ran::of(bench.command(*words).stdout(full).output().unwrap());
        assert_eq!(ran.code, Some(1), "{words:?}: {ran:?}");
        ran.said(&["could not write to standard output: No space left on device"]);
    }
}

/// `| head -1`.
#[test]
fn a_reader_who_has_seen_enough_ends_the_command_quietly() {
    let bench = bench();
    for words in PRINTS {
        // Gone before anything is written.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = bench.command(*words).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""), "{words:?}");
    }
}

/// All commands are in the list, or print nothing.
#[test]
fn no_command_is_forgotten() {
    let bench = Bench::new();
    let help = bench.run(["--help"]).out;
    let commands = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let mut count = 0;
    for name in commands.lines().filter_map(|line| line.split_whitespace().next()) {
        assert!(PRINTS.iter().any(|words| words[0] == name), "{name}");
        count += 1;
    }
    assert!(count > 10, "{commands}");
}
