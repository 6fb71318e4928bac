//! Every command of the guide and of the README works and prints what is written there.
//!
//! In the pages, ` ```wat file=NAME ` blocks are files that the commands find, and ` ```console ` blocks are commands (`$ wasmer …`) and what they
//! print, where a line `...` stands for any lines and `...` at the end of a line for any rest.

use std::fs;
use std::path::Path;

use crate::common::{Bench, Ran};

/// A fenced block: what stands behind the fence, and the lines inside.
struct Block<'a> {
    info: &'a str,
    lines: Vec<&'a str>,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            blocks.push(Block { info, lines: lines.by_ref().take_while(|line| *line != "```").collect() });
        }
    }
    blocks
}

fn guide() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide");
    crate::common::files(&folder)
        .into_iter()
        .map(|path| {
            let name = path.file_name().expect("files have names").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("pages are text"))
        })
        .collect()
}

/// Whether what was printed is what the page says.
fn matches(expected: &[&str], printed: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((&"...", rest)) => (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..])),
        Some((line, rest)) => printed.split_first().is_some_and(|(first, others)| {
            let same = match line.strip_suffix("...") {
                Some(start) => first.starts_with(start),
                None => first == line,
            };
            same && matches(rest, others)
        }),
    }
}

#[test]
fn commands_of_the_guide_work() {
    let bench = Bench::new();
    let pages = guide();
    for block in pages.iter().flat_map(|(_, page)| blocks(page)) {
        if let Some(name) = block.info.strip_prefix("wat file=") {
            bench.file(name, block.lines.join("\n"));
        }
    }
    let mut commands = 0;
    for (name, page) in &pages {
        for block in blocks(page).into_iter().filter(|block| block.info == "console") {
            for part in block.lines.chunk_by(|_, next| !next.starts_with("$ ")) {
                let command = part[0].strip_prefix("$ wasmer ").expect("a console block shows our command");
                let ran = bench.run(command.split(' '));
                let printed = format!("{}{}", ran.out, ran.err);
                let printed: Vec<&str> = printed.lines().collect();
                assert!(matches(&part[1..], &printed), "{name}: `{}` printed\n{}", part[0], printed.join("\n"));
                let is_failure = part.get(1).is_some_and(|line| line.starts_with("error"));
                assert_eq!(ran.code == Some(0), !is_failure, "{name}: {}: {ran:?}", part[0]);
                commands += 1;
            }
        }
    }
    assert!(commands > 15, "{commands} commands were found");
}

#[test]
fn options_that_pages_mention_exist() {
    let bench = Bench::new();
    let help: String =
        ["run", "compile", "cache verify", "cache prune", "wast", "inspect", "validate", "bench", "man", "self-update"]
            .iter()
            .map(|command| {
                let Ran { out, .. } = bench.run(command.split(' ').chain(["--help"]));
                out
            })
            .collect();
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).expect("there is one");
    // Options of cargo, which stand in the pages too.
    let foreign = ["--path", "--features", "--release", "--example", "--flag", "--llvm", "--to", "--jit"];
    let mut found = 0;
    for (name, page) in guide().into_iter().chain([("README.md".to_owned(), readme)]) {
        let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '-';
        for word in page.split(|letter| !is_part(letter)).filter(|word| word.starts_with("--") && word.len() > 3) {
            if !word.starts_with("---") && !foreign.contains(&word) {
                assert!(help.contains(word), "{name} mentions `{word}`, which no command has");
                found += 1;
            }
        }
    }
    assert!(found > 20, "{found} options were found");
}
