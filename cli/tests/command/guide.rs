//! Every command that a page shows works and prints what is written there.
//!
//! In the pages, a fenced block whose head says `file=NAME` is a file that the commands find, and ` ```console ` blocks are commands
//! (`$ wasmer …`) and what they print, where a line `...` stands for any lines and `...` at the end of a line for any rest. A block whose head
//! says `needs=python` or `needs=llvm` is left out where that is missing. LLVM compiles Python for minutes of an unoptimised build: a block
//! that needs both is left out unless `WASMER_PROGRAMS_EVERY_BACKEND` is set.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Bench, Ran, files};
use crate::programs;

/// A fenced block: what stands behind the fence, and the lines inside.
struct Block<'a> {
    info: &'a str,
    lines: Vec<&'a str>,
}

impl Block<'_> {
    /// The value behind `key=` in the head.
    fn value(&self, key: &str) -> Option<&str> {
        self.info.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn is_console(&self) -> bool {
        self.info.split(' ').next() == Some("console")
    }

    fn needs(&self, what: &str) -> bool {
        self.value("needs").is_some_and(|needs| needs.split(',').any(|need| need == what))
    }
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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The pages in these files and folders: paths relative to the root, and texts.
fn pages(names: &[&str]) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    let mut paths: Vec<PathBuf> = names.iter().map(|name| root().join(name)).collect();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "md") {
            let name = path.strip_prefix(root()).expect("a path below the root").display().to_string();
            pages.push((name, fs::read_to_string(path).expect("pages are text")));
        }
    }
    pages
}

/// The words of a command; what stands in quotation marks is one.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in command.chars() {
        match (letter, quote) {
            (_, Some(mark)) if letter == mark => quote = None,
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
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

/// Runs the commands of a block and returns how many there are.
fn run(bench: &Bench, page: &str, block: &Block<'_>) -> usize {
    let mut commands = 0;
    for part in block.lines.chunk_by(|_, next| !next.starts_with("$ ")) {
        let command = part[0].strip_prefix("$ wasmer ").expect("a console block shows our command");
        let mut command = bench.command(words(command));
        if block.needs("python") {
            command.env("WASMER_CACHE_DIR", programs::cache());
        }
        let ran = Ran::of(command.output().expect("the command starts"));
        let printed = format!("{}{}", ran.out, ran.err);
        let printed: Vec<&str> = printed.lines().collect();
        assert!(matches(&part[1..], &printed), "{page}: `{}` printed\n{}", part[0], printed.join("\n"));
        let is_failure = part.get(1).is_some_and(|line| line.starts_with("error"));
        assert_eq!(ran.code == Some(0), !is_failure, "{page}: {}: {ran:?}", part[0]);
        commands += 1;
    }
    commands
}

/// A folder with the files of the pages, the examples, and Python if it is there.
fn bench(pages: &[(String, String)], python: Option<&Path>) -> Bench {
    let bench = Bench::new();
    for block in pages.iter().flat_map(|(_, page)| blocks(page)) {
        if let Some(name) = block.value("file") {
            bench.file(name, block.lines.join("\n"));
        }
    }
    std::os::unix::fs::symlink(root().join("examples"), bench.path("examples")).expect("a link to the examples");
    if let Some(python) = python {
        let folder = bench.path("target/programs");
        std::fs::create_dir_all(&folder).expect("a folder for Python");
        for link in [folder.join("python.wasm"), bench.path("python.wasm")] {
            std::os::unix::fs::symlink(python, link).expect("a link to Python");
        }
    }
    bench
}

const EVERYTHING: &[&str] = &["docs", "README.md", "ARCHITECTURE.md", "RATIONALE.md"];

#[test]
fn commands_of_the_pages_work() {
    let pages = pages(EVERYTHING);
    let bench = bench(&pages, None);
    let mut commands = 0;
    for (name, page) in &pages {
        for block in blocks(page).iter().filter(|block| block.is_console() && !block.needs("python")) {
            if !block.needs("llvm") || cfg!(feature = "llvm") {
                commands += run(&bench, name, block);
            }
        }
    }
    assert!(commands > 15, "{commands} commands were found");
}

#[test]
fn commands_that_run_python_work() {
    let Some(python) = programs::program("python") else { return };
    let pages = pages(EVERYTHING);
    let bench = bench(&pages, Some(&python));
    let is_long_run = std::env::var_os("WASMER_PROGRAMS_EVERY_BACKEND").is_some();
    let mut commands = 0;
    for (name, page) in &pages {
        for block in blocks(page).iter().filter(|block| block.is_console() && block.needs("python")) {
            if !block.needs("llvm") || (cfg!(feature = "llvm") && is_long_run) {
                commands += run(&bench, name, block);
            }
        }
    }
    assert!(commands > 1, "{commands} commands were found");
}

/// The help of a command and of those below it.
fn help(bench: &Bench, command: &[String], all: &mut String) {
    let Ran { out, .. } = bench.run(command.iter().map(String::as_str).chain(["--help"]));
    let list = out.split_once("Commands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let below = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    for name in below.filter(|name| !name.is_empty() && *name != "help") {
        let command: Vec<String> = command.iter().cloned().chain([name.to_owned()]).collect();
        help(bench, &command, all);
    }
    all.push_str(&out);
}

#[test]
fn options_that_pages_mention_exist() {
    let mut help_text = String::new();
    help(&Bench::new(), &[], &mut help_text);
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '-';
    let options = |text: &str| -> BTreeSet<String> {
        let words = text.split(|letter| !is_part(letter));
        words
            .filter(|word| word.starts_with("--") && word.len() > 3 && !word.starts_with("---"))
            .map(str::to_owned)
            .collect()
    };
    let known = options(&help_text);
    // Options of cargo and other programs, which stand in the pages too.
    let foreign = [
        "--locked",
        "--path",
        "--features",
        "--package",
        "--release",
        "--example",
        "--flag",
        "--no-default-features",
        "--bench",
        "--llvm",
        "--to",
        "--jit",
        "--cflags",
        "--libs",
        "--strip-components",
        "--args",
        "--step",
    ];
    let mut found = 0;
    for (name, page) in pages(&["docs/guide", "README.md"]) {
        for option in options(&page).iter().filter(|option| !foreign.contains(&option.as_str())) {
            assert!(known.contains(option), "{name} mentions `{option}`, which no command has");
            found += 1;
        }
    }
    assert!(found > 20, "{found} options were found");
}

#[test]
fn commands_are_taken_apart() {
    assert_eq!(words("run a.wasm -c \"print(1 + 2)\" '' x"), ["run", "a.wasm", "-c", "print(1 + 2)", "", "x"]);
}
