//! What no other tool checks: sizes of files and functions, headers, left-overs, paths of one machine, lints in every manifest.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use crate::circles;
use crate::source::{self, SourceFile};

/// A file of more lines is an error.
const FILE_LINES_MAX: usize = 1000;
/// A file of more lines is reported.
const FILE_LINES_RULE: usize = 600;
/// A function of more lines is an error.
const FUNCTION_LINES_MAX: usize = 100;
/// A function of more lines is reported.
const FUNCTION_LINES_RULE: usize = 70;

/// Words that promise something for later. Each is written in two parts so that this file does not find itself.
const LEFT_OVERS: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("d", "bg!("),
    concat!("#[ig", "nore]"),
    concat!("#[ig", "nore ="),
];

/// Folders that exist on one machine only. Guests and tests may speak of `/tmp`.
const MACHINE_FOLDERS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tmp/ba", "sh_jobs"),
];

/// Addresses of registries: a package has a name, the user's configuration says where it comes from.
const REGISTRY_HOSTS: &[&str] = &[
    concat!("static.crat", "es.io"),
    concat!("index.crat", "es.io"),
    concat!("pyp", "i.org"),
    concat!("pythonho", "sted.org"),
    concat!("deb.deb", "ian.org"),
    concat!("registry.np", "mjs"),
];

/// Where instructions have names: the single-pass compiler, but for the assembler of each machine, which gives them.
const CODE_EMITTER: &str = "backend-singlepass/src";
const ASSEMBLER: &str = "asm";

/// What an instruction looks like that has no name: opcodes, and bytes written to the text.
const RAW_ENCODINGS: &[&str] = &["Op::new(", ".bytes(&[", "text.push(", "text.extend", "text[", "text()["];

/// What names an operating system.
const SYSTEMS: &[&str] =
    &["libc::", "rustix", "cap_primitives", "std::os", "memmap2", "target_os", "cfg(unix)", "cfg(windows)"];

/// Which parts of a crate may name an operating system, and which a processor.
const WALLS: &[Wall] = &[
    Wall { within: "vm/src", doors: &["sys"], names: SYSTEMS, what: "an operating system" },
    Wall { within: "wasi/src", doors: &["host"], names: SYSTEMS, what: "an operating system" },
    Wall { within: "cache/src", doors: &["fs.rs"], names: SYSTEMS, what: "an operating system" },
    Wall {
        within: "vm/src",
        doors: &["arch", "context"],
        names: &["target_arch", "asm!(", "std::arch::", "core::arch::"],
        what: "a processor",
    },
];

/// What only some folders or files of a crate may name.
struct Wall {
    within: &'static str,
    doors: &'static [&'static str],
    names: &'static [&'static str],
    what: &'static str,
}

/// What was found, and the figures.
#[derive(Default)]
pub(crate) struct Report {
    errors: Vec<String>,
    warnings: Vec<String>,
    file_lines: Vec<usize>,
    function_lines: Vec<usize>,
    comment_lines: usize,
    files_per_crate: BTreeMap<String, usize>,
}

/// Checks the repository. The report comes back when there is no error in it; otherwise it is the error.
pub(crate) fn run(root: &Path) -> Result<Report> {
    let mut report = Report::default();
    let files = source::files(root)?;
    files.iter().for_each(|file| report.check(file));
    report.errors.extend(circles::check(&files));
    if report.errors.is_empty() { Ok(report) } else { bail!("the tree is not tidy\n{report}") }
}

impl Report {
    fn check(&mut self, file: &SourceFile) {
        // Lock files name registries, licences are not ours to word.
        if file.path.extension().is_some_and(|extension| extension == "lock") {
            return;
        }
        self.check_places(file);
        if file.is_rust() {
            self.check_rust(file);
        }
        if file.path.file_name().is_some_and(|name| name == "Cargo.toml") {
            self.check_manifest(file);
        }
    }

    fn check_places(&mut self, file: &SourceFile) {
        for (number, line) in lines(&file.text) {
            for folder in MACHINE_FOLDERS.iter().filter(|folder| has_path(line, folder)) {
                self.errors.push(format!("{}:{number}: `{folder}` is a folder of one machine", file.path.display()));
            }
            for host in REGISTRY_HOSTS.iter().filter(|host| line.contains(**host)) {
                self.errors.push(format!("{}:{number}: `{host}` is a registry; name the package", file.path.display()));
            }
        }
    }

    fn check_rust(&mut self, file: &SourceFile) {
        let path = file.path.display();
        if !file.text.starts_with("//!") {
            self.errors.push(format!("{path}:1: the file does not begin with `//!` and what it is about"));
        }
        for (number, line) in lines(&file.text) {
            for word in LEFT_OVERS.iter().filter(|word| line.contains(**word)) {
                self.errors.push(format!("{path}:{number}: `{word}` is a promise not kept"));
            }
            self.comment_lines += usize::from(line.trim_start().starts_with("//"));
        }
        self.check_failing_examples(file);
        if file.path.starts_with(CODE_EMITTER) && file.path.iter().all(|part| part != ASSEMBLER) {
            self.check_encodings(file);
        }
        self.check_walls(file);
        let count = file.text.lines().count();
        self.measure(count, FILE_LINES_RULE, FILE_LINES_MAX, &format!("{path}"));
        self.file_lines.push(count);
        for function in functions(&file.text) {
            let place = format!("{path}:{}: `{}`", function.line, function.name);
            self.measure(function.lines, FUNCTION_LINES_RULE, FUNCTION_LINES_MAX, &place);
            self.function_lines.push(function.lines);
        }
        let folder = file.path.iter().next().unwrap_or_default().to_string_lossy().into_owned();
        *self.files_per_crate.entry(folder).or_default() += 1;
    }

    /// An example that must not compile says nothing once it fails for another reason: a name that moved, a method that was added. So beside
    /// it stands one that compiles, and differs in one line.
    fn check_failing_examples(&mut self, file: &SourceFile) {
        let examples = examples(&file.text);
        let (failing, passing): (Vec<_>, Vec<_>) = examples.iter().partition(|example| example.fails);
        let is_twin = |one: &Example<'_>, other: &Example<'_>| {
            let differences = one.lines.iter().zip(&other.lines).filter(|(one, other)| one != other).count();
            one.lines.len() == other.lines.len() && differences == 1
        };
        for example in failing.iter().filter(|failing| !passing.iter().any(|passing| is_twin(failing, passing))) {
            self.errors.push(format!(
                "{}:{}: no example of this file compiles and differs from this one in one line only",
                file.path.display(),
                example.line
            ));
        }
    }

    fn check_encodings(&mut self, file: &SourceFile) {
        for (number, line) in lines(&file.text) {
            for raw in RAW_ENCODINGS.iter().filter(|raw| line.contains(**raw)) {
                self.errors.push(format!(
                    "{}:{number}: `{raw}` encodes an instruction; name it in the machine's `{ASSEMBLER}/`",
                    file.path.display()
                ));
            }
        }
    }

    /// Tests may name what they like.
    fn check_walls(&mut self, file: &SourceFile) {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with("tests.rs") {
            return;
        }
        let is_door = |wall: &Wall| wall.doors.iter().any(|door| file.path.iter().any(|part| part == *door));
        for wall in WALLS.iter().filter(|wall| file.path.starts_with(wall.within) && !is_door(wall)) {
            for (number, line) in lines(&file.text).take_while(|(_, line)| *line != "#[cfg(test)]") {
                for found in wall.names.iter().filter(|name| line.contains(**name)) {
                    self.errors.push(format!(
                        "{}:{number}: `{found}` names {}; that is for `{}/{}`",
                        file.path.display(),
                        wall.what,
                        wall.within,
                        wall.doors[0]
                    ));
                }
            }
        }
    }

    fn measure(&mut self, lines: usize, rule: usize, max: usize, place: &str) {
        match lines {
            _ if lines > max => self.errors.push(format!("{place}: {lines} lines, at most {max} are allowed")),
            _ if lines > rule => self.warnings.push(format!("{place}: {lines} lines, {rule} are the rule")),
            _ => {}
        }
    }

    fn check_manifest(&mut self, file: &SourceFile) {
        let path = file.path.display();
        let manifest: toml::Table = match file.text.parse() {
            Ok(manifest) => manifest,
            Err(error) => return self.errors.push(format!("{path}: {error}")),
        };
        let lints = manifest.get("lints");
        let inherits = lints.and_then(|lints| lints.get("workspace")?.as_bool()) == Some(true);
        // A package that is a workspace of its own has nowhere to inherit from.
        let has_own = manifest.contains_key("workspace") && lints.is_some();
        if manifest.contains_key("package") && !inherits && !has_own {
            self.errors.push(format!("{path}: `[lints] workspace = true` is missing"));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        for error in &self.errors {
            writeln!(f, "error: {error}")?;
        }
        let lines: usize = self.file_lines.iter().sum();
        let comments = self.comment_lines * 100 / lines.max(1);
        let (files, functions) = (Distribution::of(&self.file_lines), Distribution::of(&self.function_lines));
        writeln!(
            f,
            "{lines} lines of Rust, {comments} % of them comments; lines of a file: {files}; of a function: {functions}"
        )?;
        let folders: Vec<_> = self.files_per_crate.iter().map(|(folder, files)| format!("{folder} {files}")).collect();
        write!(f, "files: {}", folders.join(", "))
    }
}

/// A piece of code in documentation.
struct Example<'a> {
    /// Where it begins, from 1.
    line: usize,
    /// Whether it must not compile.
    fails: bool,
    lines: Vec<&'a str>,
}

/// The pieces of code in the documentation of items.
fn examples(text: &str) -> Vec<Example<'_>> {
    let mut examples = Vec::new();
    let mut open: Option<Example<'_>> = None;
    for (number, line) in lines(text) {
        let Some(line) = line.trim_start().strip_prefix("///") else {
            open = None;
            continue;
        };
        let line = line.trim();
        match (line.strip_prefix("```"), open.take()) {
            (Some(kind), None) => {
                open = Some(Example { line: number, fails: kind.contains("compile_fail"), lines: Vec::new() });
            }
            (Some(_), Some(example)) => examples.push(example),
            (None, Some(mut example)) => {
                example.lines.push(line);
                open = Some(example);
            }
            (None, None) => {}
        }
    }
    examples
}

/// Median, 99th percentile and maximum.
struct Distribution {
    count: usize,
    median: usize,
    most: usize,
    max: usize,
}

impl Distribution {
    fn of(values: &[usize]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let at = |percent: usize| sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0);
        Self { count: sorted.len(), median: at(50), most: at(99), max: at(100) }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, median, most, max } = self;
        write!(f, "median {median}, 99 % up to {most}, at most {max} ({count} of them)")
    }
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// Whether a path that begins with this folder stands in the line. A longer path that ends with its name does not count.
fn has_path(line: &str, folder: &str) -> bool {
    let continues = |character: char| character.is_ascii_alphanumeric() || "._-}*".contains(character);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(continues))
}

/// A function in formatted source.
#[derive(Debug, PartialEq, Eq)]
struct Function<'a> {
    name: &'a str,
    line: usize,
    lines: usize,
}

/// The functions with a body of their own lines. The source is formatted, so a function ends at the next line that has its own
/// indentation and begins with a closing brace; no parser is needed for that.
fn functions(text: &str) -> Vec<Function<'_>> {
    let all: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in all.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let own = |line: &str| line.len() - line.trim_start().len() == indent && !line.trim().is_empty();
        if line.ends_with([';', '}']) {
            continue;
        }
        // At the function's own indentation stand the rest of its head (`) -> T {`, `where`), then its end; or `;` when it is
        // only declared.
        let ends = |line: &str| own(line) && (line.ends_with(';') || line.trim_start().starts_with('}'));
        let end = all[start + 1..].iter().position(|line| ends(line)).filter(|at| !all[start + 1 + at].ends_with(';'));
        if let Some(length) = end {
            found.push(Function { name, line: start + 1, lines: length + 2 });
        }
    }
    found
}

/// The name of the function whose head begins in this line.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_qualifier = |word: &str| {
        matches!(
            word,
            "pub" | "const" | "async" | "unsafe" | "extern" | "default" | "\"C\"" | "\"sysv64\"" | "super)" | "in"
        ) || word.starts_with("pub(")
            || word.starts_with("crate::")
    };
    let name = after.split(['(', '<']).next()?;
    let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    (before.split_whitespace().all(is_qualifier) && is_name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> Report {
        let mut report = Report::default();
        report.check(&SourceFile { path: path.into(), text: text.into() });
        report
    }

    fn errors(path: &str, text: &str) -> Vec<String> {
        check(path, text).errors
    }

    #[test]
    fn a_header_is_needed() {
        assert_eq!(errors("a/src/lib.rs", "//! About.\n"), Vec::<String>::new());
        assert_eq!(errors("a/src/lib.rs", "use std::fs;\n").len(), 1);
    }

    #[test]
    fn left_overs_are_found_with_their_line() {
        for word in LEFT_OVERS {
            let found = errors("a.rs", &format!("//! About.\n\nfn f() {{ {word}) }}\n"));
            assert_eq!(found.len(), 1, "{word}: {found:?}");
            assert!(found[0].starts_with("a.rs:3: "), "{found:?}");
        }
    }

    #[test]
    fn systems_and_processors_are_named_in_their_folders_only() {
        for wall in WALLS {
            for name in wall.names {
                let text = format!("//! About.\n\nuse {name}x;\n");
                let outside = format!("{}/memory.rs", wall.within);
                let found = errors(&outside, &text);
                assert_eq!(found.len(), 1, "{name}: {found:?}");
                assert!(found[0].starts_with(&format!("{outside}:3: ")), "{found:?}");
                let own = match wall.doors[0] {
                    file if file.ends_with(".rs") => format!("{}/{file}", wall.within),
                    folder => format!("{}/{folder}/x.rs", wall.within),
                };
                let in_tests = format!("//! About.\n\n#[cfg(test)]\nmod tests {{ use {name}x; }}\n");
                for (elsewhere, text) in [
                    (own.as_str(), &text),
                    ("api/src/x.rs", &text),
                    ("vm/src/tests.rs", &text),
                    ("vm/src/x.rs", &in_tests),
                ] {
                    assert_eq!(errors(elsewhere, text), Vec::<String>::new(), "{elsewhere}");
                }
            }
        }
    }

    #[test]
    fn instructions_without_names_are_found() {
        for raw in RAW_ENCODINGS {
            let text = format!("//! About.\n\nfn f() {{ self.{raw} }}\n");
            let found = errors("backend-singlepass/src/isa/x64/int.rs", &text);
            assert_eq!(found.len(), 1, "{raw}: {found:?}");
            assert!(found[0].starts_with("backend-singlepass/src/isa/x64/int.rs:3: "), "{found:?}");
            for elsewhere in ["backend-singlepass/src/isa/x64/asm/ops.rs", "runtime-core/src/lib.rs"] {
                assert_eq!(errors(elsewhere, &text), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn long_files_and_functions_are_found() {
        let file = |lines: usize| format!("//! About.\n{}", "// x\n".repeat(lines - 1));
        let rule = check("a.rs", &file(FILE_LINES_RULE));
        assert!(rule.errors.is_empty() && rule.warnings.is_empty());
        let warned = check("a.rs", &file(FILE_LINES_MAX));
        assert!(warned.errors.is_empty() && warned.warnings.len() == 1);
        assert_eq!(errors("a.rs", &file(FILE_LINES_MAX + 1)).len(), 1);

        let function = |lines: usize| format!("//! About.\nfn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
        let warned = check("a.rs", &function(FUNCTION_LINES_MAX));
        assert!(warned.errors.is_empty() && warned.warnings.len() == 1);
        assert!(check("a.rs", &function(FUNCTION_LINES_RULE)).warnings.is_empty());
        let found = errors("a.rs", &function(FUNCTION_LINES_MAX + 1));
        assert_eq!(found, ["a.rs:2: `f`: 101 lines, at most 100 are allowed"]);
    }

    #[test]
    fn functions_are_measured_by_their_indentation() {
        let text = "\
fn one() {}
impl X {
    pub(crate) const unsafe fn two<T>(
        argument: T,
    ) -> usize
    where
        T: Copy,
    {
        if x {
            y
        }
    }
    fn only_declared(&self);
    fn declared_at_length(
        &self,
    ) -> usize;
    fn four() {
        x
    }
}
type F = fn (u8) -> u8;
unsafe extern \"C\" fn three() {
    let f = |x| {
        x
    };
}
";
        let found: Vec<_> = functions(text).into_iter().map(|found| (found.name, found.line, found.lines)).collect();
        assert_eq!(found, [("two", 3, 10), ("four", 17, 3), ("three", 22, 5)]);
    }

    #[test]
    fn paths_of_machines_and_registries_are_found_in_any_file() {
        let folder = MACHINE_FOLDERS[0];
        assert_eq!(errors("README.md", &format!("see {folder}x")).len(), 1);
        assert_eq!(errors("README.md", &format!("in some{folder}x")), Vec::<String>::new());
        assert_eq!(errors("README.md", &format!("in <root>/..{folder}x")), Vec::<String>::new());
        assert_eq!(errors("x.sh", &format!("fetch {}/x", REGISTRY_HOSTS[0])).len(), 1);
        assert_eq!(errors("Cargo.lock", &format!("from {}/x", REGISTRY_HOSTS[0])), Vec::<String>::new());
    }

    #[test]
    fn manifests_inherit_the_lints() {
        assert_eq!(errors("a/Cargo.toml", "[package]\nname = 'a'\n[lints]\nworkspace = true\n"), Vec::<String>::new());
        assert_eq!(errors("a/Cargo.toml", "[package]\nname = 'a'\n").len(), 1);
        assert_eq!(errors("Cargo.toml", "[workspace]\nmembers = []\n"), Vec::<String>::new());
        let own = "[workspace]\n[package]\nname = 'a'\n";
        assert_eq!(errors("a/Cargo.toml", own).len(), 1);
        assert_eq!(
            errors("a/Cargo.toml", &format!("{own}[lints.rust]\nmissing_docs = 'warn'\n")),
            Vec::<String>::new()
        );
        assert_eq!(errors("Cargo.toml", "[workspace\n").len(), 1);
    }

    #[test]
    fn examples_that_fail_have_a_twin() {
        let fails = |code: &str| format!("/// ```compile_fail\n/// use a::B;\n/// {code}\n/// ```\nfn f() {{}}\n");
        let passes = fails("good()").replace("compile_fail", "");
        let file = |parts: &[&str]| errors("a/src/b.rs", &format!("//! About.\n{}", parts.concat()));
        assert_eq!(file(&[&passes, &fails("bad()")]), Vec::<String>::new());
        assert_eq!(file(&[&fails("bad()")]).len(), 1);
        assert_eq!(file(&[&passes, &fails("good()")]).len(), 1, "the same cannot compile and not compile");
        assert_eq!(file(&[&passes, &fails("bad()").replace("a::B", "a::C")]).len(), 1, "two lines differ");
    }

    #[test]
    fn figures() {
        let figures = Distribution::of(&(1..=101).collect::<Vec<_>>());
        assert_eq!((figures.count, figures.median, figures.most, figures.max), (101, 51, 100, 101));
        assert_eq!(Distribution::of(&[]).max, 0);
    }
}
