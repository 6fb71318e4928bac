//! The book in `docs/`, and the other pages: that every page is listed, that links, anchors and included parts exist, that code which
//! stands in another file, too, is the same there, and that mdBook makes a book of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::{shell, source, wheels};

/// Where the pages of the book are.
const BOOK: &str = "docs";
/// The page that lists the others.
const SUMMARY: &str = "docs/SUMMARY.md";
/// Where decisions are, which all have the same parts.
const DECISIONS: &str = "docs/adr";
const DECISION_PARTS: [&str; 4] = ["**Context.**", "**Decision.**", "**Alternatives.**", "**Consequences.**"];

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only check; do not make the book.
    #[arg(long)]
    check: bool,
}

/// The command: checks, and makes the book in `target/book`.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    println!("{}", check(root)?);
    if !options.check {
        println!("{}", build(root, &mdbook(root)?)?.join("index.html").display());
    }
    Ok(())
}

/// What was checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pages: usize,
    links: usize,
    includes: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pages, links, includes } = self;
        write!(f, "{pages} pages, {links} links, {includes} included parts")
    }
}

/// The program that makes books.
pub(crate) fn mdbook(root: &Path) -> Result<PathBuf> {
    wheels::program(root, wheels::BOOK, "mdbook")
}

/// Makes the book and returns its folder.
pub(crate) fn build(root: &Path, mdbook: &Path) -> Result<PathBuf> {
    let folder = root.join("target/book");
    let said = shell::run(Command::new(mdbook).arg("build").arg(root.join(BOOK)).arg("--dest-dir").arg(&folder))?;
    // It goes on without what it does not find.
    if let Some(line) = said.lines().find(|line| line.contains("ERROR") || line.contains("WARN")) {
        bail!("mdBook says: {line}");
    }
    Ok(folder)
}

/// Checks all pages of the repository.
pub(crate) fn check(root: &Path) -> Result<Report> {
    let files = source::files(root)?;
    let files = files.into_iter().map(|file| (file.path, file.text)).collect();
    let (report, errors) = examine(&files, &|path| root.join(path).exists());
    if errors.is_empty() { Ok(report) } else { bail!("{}", errors.join("\n")) }
}

type Files = BTreeMap<PathBuf, String>;

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The report and what is wrong. `exists` knows files that are no text, and folders.
fn examine(files: &Files, exists: &dyn Fn(&Path) -> bool) -> (Report, Vec<String>) {
    let (mut report, mut errors) = (Report::default(), Vec::new());
    let mut listed = BTreeSet::new();
    for (path, text) in files.iter().filter(|(path, _)| is_page(path)) {
        report.pages += 1;
        for (line, part) in parts(text) {
            let place = format!("{}:{line}", path.display());
            let wrong = match part {
                Part::Link(target) => {
                    report.links += 1;
                    let place = resolve(path, target.split('#').next().unwrap_or_default());
                    if path == Path::new(SUMMARY) {
                        listed.extend(place);
                    }
                    check_link(files, exists, path, target)
                }
                Part::Include(target) => {
                    report.includes += 1;
                    check_include(files, path, target)
                }
            };
            errors.extend(wrong.map(|wrong| format!("{place}: {wrong}")));
        }
        if path.starts_with(DECISIONS) {
            let missing = DECISION_PARTS.iter().filter(|part| !text.lines().any(|line| line.starts_with(*part)));
            errors.extend(missing.map(|part| format!("{}: there is no paragraph `{part}`", path.display())));
        }
        for quote in quotes(text) {
            report.includes += 1;
            let wrong = check_quote(files, path, &quote);
            errors.extend(wrong.map(|wrong| format!("{}:{}: {wrong}", path.display(), quote.line)));
        }
    }
    for path in files.keys().filter(|path| is_page(path) && path.starts_with(BOOK) && **path != Path::new(SUMMARY)) {
        if !listed.contains(path) {
            errors.push(format!("{SUMMARY}: `{}` is not listed", path.display()));
        }
    }
    (report, errors)
}

/// What a page refers to.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Link(&'a str),
    /// `{{#include FILE}}` or `{{#include FILE:ANCHOR}}`.
    Include(&'a str),
}

/// The references of a page, with their lines. What stands in code refers to nothing, but for inclusions.
fn parts(text: &str) -> Vec<(usize, Part<'_>)> {
    let mut found = Vec::new();
    for (number, is_code, line) in lines(text) {
        let includes = line.split("{{#include ").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0));
        found.extend(includes.map(|target| (number, Part::Include(target.trim()))));
        if is_code {
            continue;
        }
        // Of what backquotes separate, every other piece is code.
        let mut is_text = false;
        for piece in line.split('`') {
            is_text = !is_text;
            // The text of a link may be code, so its end is what counts.
            if is_text {
                let targets = piece.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
                found.extend(targets.map(|target| (number, Part::Link(target))));
            }
        }
    }
    found
}

/// Code of another file that a page repeats, so that whoever reads the page as it is finds it there.
struct Quote<'a> {
    line: usize,
    /// `FILE` or `FILE:ANCHOR`, from `<!-- code of FILE:ANCHOR -->` before the code.
    target: &'a str,
    code: Vec<&'a str>,
}

/// The quotes of a page. Where no code follows it is empty, and hence wrong.
fn quotes(text: &str) -> Vec<Quote<'_>> {
    let lines: Vec<_> = lines(text).collect();
    let mut quotes = Vec::new();
    for (index, (line, is_code, text)) in lines.iter().enumerate() {
        let target = text.strip_prefix("<!-- code of ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(target) = target.filter(|_| !is_code) else { continue };
        let block = lines[index + 1..].iter().take_while(|(_, is_code, _)| *is_code).map(|(_, _, line)| *line);
        let code = block.skip(1).take_while(|line| !line.trim_start().starts_with("```")).collect();
        quotes.push(Quote { line: *line, target, code });
    }
    quotes
}

/// Lines with their numbers, and whether they are code.
fn lines(text: &str) -> impl Iterator<Item = (usize, bool, &str)> {
    let mut is_code = false;
    text.lines().enumerate().map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (index + 1, is_code || is_fence, line)
    })
}

/// A path relative to the folder of a page, as one relative to the root. None if it leads out.
fn resolve(page: &Path, target: &str) -> Option<PathBuf> {
    if target.is_empty() {
        return Some(page.to_owned());
    }
    let mut path = page.parent()?.to_owned();
    for component in Path::new(target).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => path = path.parent()?.to_owned(),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

fn check_link(files: &Files, exists: &dyn Fn(&Path) -> bool, page: &Path, target: &str) -> Option<String> {
    if target.starts_with("http://") || target.starts_with("https://") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let Some(path) = resolve(page, file) else { return Some(format!("`{target}` leads out of the repository")) };
    if page.starts_with(BOOK) && !path.starts_with(BOOK) {
        return Some(format!("`{target}` leads out of the book"));
    }
    if !files.contains_key(&path) && !exists(&path) {
        return Some(format!("`{target}` does not exist"));
    }
    let text = files.get(&path).filter(|_| !anchor.is_empty())?;
    let has_anchor = headings(text).any(|heading| slug(heading) == anchor);
    (!has_anchor).then(|| format!("`{}` has no heading `#{anchor}`", path.display()))
}

fn headings(text: &str) -> impl Iterator<Item = &str> {
    let lines = lines(text).filter(|(_, is_code, line)| !is_code && line.starts_with('#'));
    lines.map(|(_, _, line)| line.trim_start_matches('#').trim())
}

/// The name under which mdBook and code hosts make a heading known.
fn slug(heading: &str) -> String {
    let letters = heading.chars().filter(|letter| letter.is_alphanumeric() || " _-".contains(*letter));
    letters.flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

fn check_include(files: &Files, page: &Path, target: &str) -> Option<String> {
    part_of(files, page, target).err()
}

fn check_quote(files: &Files, page: &Path, quote: &Quote<'_>) -> Option<String> {
    match part_of(files, page, quote.target) {
        Ok(part) if unindented(&part) != unindented(&quote.code) => {
            Some(format!("the code differs from `{}`, which it repeats", quote.target))
        }
        other => other.err(),
    }
}

/// The lines of a file, or those between the marks of an anchor in it.
fn part_of<'a>(files: &'a Files, page: &Path, target: &str) -> Result<Vec<&'a str>, String> {
    let (file, anchor) = target.split_once(':').unwrap_or((target, ""));
    let text = resolve(page, file).and_then(|path| files.get(&path));
    let text = text.ok_or_else(|| format!("the included file `{file}` does not exist"))?;
    let lines: Vec<_> = text.lines().collect();
    if anchor.is_empty() {
        return Ok(lines);
    }
    let find = |mark: &str| lines.iter().position(|line| line.trim_end().ends_with(&format!("{mark}: {anchor}")));
    let range = find("ANCHOR").zip(find("ANCHOR_END")).filter(|(start, end)| start < end);
    let (start, end) = range.ok_or_else(|| format!("`{file}` has no part `{anchor}`"))?;
    Ok(lines[start + 1..end].to_vec())
}

/// Lines without the indentation that all of them have.
fn unindented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let indentation = |line: &&str| line.len() - line.trim_start().len();
    let common = lines.iter().filter(|line| !line.trim().is_empty()).map(indentation).min().unwrap_or(0);
    lines.iter().map(|line| line.get(common..).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
        examine(&files, &|path| path == Path::new("runtime")).1
    }

    #[test]
    fn a_sound_book_has_no_errors() {
        let files = [
            ("README.md", "[guide](docs/guide/run.md#one-two), [code](runtime), [out](https://example.org)"),
            ("docs/SUMMARY.md", "- [Run](guide/run.md)\n- [Why](why.md)"),
            (
                "docs/guide/run.md",
                "# Run\n## One, `two`!\n[up](../why.md) [here](#one-two) `[no](link)`\n```\n[no](x)\n```",
            ),
            (
                "docs/why.md",
                "{{#include ../a.rs}}\n<!-- code of ../a.rs:part -->\n```rust\nif x {\n\n    y\n}\n```\ntext",
            ),
            ("a.rs", "z\n  // ANCHOR: part\n  if x {\n\n      y\n  }\n  // ANCHOR_END: part\n"),
        ];
        assert_eq!(errors(&files), [""; 0]);
    }

    #[test]
    fn what_is_missing_is_found() {
        let files = [
            ("docs/SUMMARY.md", "[a](a.md) [1](adr/0001-a.md)"),
            ("docs/adr/0001-a.md", "**Context.** It.\n\n**Decision.**\n\n* That.\n\n## Consequences\n"),
            (
                "docs/a.md",
                "[x](b.md)\n[`y`](c.md#no) [z](../README.md) [w](../../x)\n{{#include gone.rs}} {{#include c.md:part}}",
            ),
            (
                "docs/c.md",
                "# Yes\n<!-- code of ../a.rs -->\n```rust\nold\n```\n<!-- code of b.rs -->\n<!-- code of ../a.rs -->",
            ),
            ("a.rs", "new\n"),
            ("README.md", ""),
        ];
        let found = errors(&files);
        let expected = [
            "docs/a.md:1: `b.md` does not exist",
            "docs/a.md:2: `docs/c.md` has no heading `#no`",
            "docs/a.md:2: `../README.md` leads out of the book",
            "docs/a.md:2: `../../x` leads out of the repository",
            "docs/a.md:3: the included file `gone.rs` does not exist",
            "docs/a.md:3: `c.md` has no part `part`",
            "docs/adr/0001-a.md: there is no paragraph `**Alternatives.**`",
            "docs/adr/0001-a.md: there is no paragraph `**Consequences.**`",
            "docs/c.md:2: the code differs from `../a.rs`, which it repeats",
            "docs/c.md:6: the included file `b.rs` does not exist",
            "docs/c.md:7: the code differs from `../a.rs`, which it repeats",
            "docs/SUMMARY.md: `docs/c.md` is not listed",
        ];
        assert_eq!(found, expected);
    }
}
