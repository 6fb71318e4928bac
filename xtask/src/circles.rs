//! Modules of a crate that need each other in a circle. Most crates have none, and keep it so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::source::SourceFile;

/// The crates that have some: why they may is in `docs/adr/0046-circles-are-broken-where-a-wall-is-missing.md`. No other one may have any.
const WITH: &[&str] =
    &["api", "backend-llvm", "backend-singlepass", "c-api", "cli", "component", "python", "vm", "wasi-http", "wasi-p2"];

type Modules = BTreeMap<String, BTreeSet<String>>;

/// What is wrong: circles where there are none yet, and crates without them that are said to have some.
pub(crate) fn check(files: &[SourceFile]) -> Vec<String> {
    let source = |file: &SourceFile| Some(file.path.to_str()?.split_once("/src/")?.0.to_owned());
    let crates: BTreeSet<_> = files.iter().filter(|file| file.is_rust()).filter_map(source).collect();
    let wrong = |name: &String| {
        let circle = circle(&modules(files, &format!("{name}/src")));
        match (circle, WITH.contains(&name.as_str())) {
            (Some(circle), false) => Some(format!("{name}: modules need each other: {circle}")),
            (None, true) => Some(format!(
                "{name}: there are no circles any more: it has to go from the list of those that have some"
            )),
            _ => None,
        }
    };
    crates.iter().filter_map(wrong).collect()
}

/// The modules of a folder, each with those that it or one inside it names.
fn modules(files: &[SourceFile], folder: &str) -> Modules {
    let mut modules = Modules::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let Ok(inside) = file.path.strip_prefix(folder) else { continue };
        let Some(name) = inside.iter().next().and_then(|first| Path::new(first).file_stem()?.to_str()) else {
            continue;
        };
        let is_test = inside.with_extension("").iter().any(|part| part == "tests");
        if name != "lib" && name != "bin" && !is_test {
            modules.entry(name.to_owned()).or_default().extend(named_in(&file.text));
        }
    }
    let names: BTreeSet<_> = modules.keys().cloned().collect();
    for (name, needed) in &mut modules {
        needed.retain(|other| other != name && names.contains(other));
    }
    modules
}

/// What follows `crate::` in code, tests left out.
fn named_in(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    let lines: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = lines.concat();
    let places = code.split("crate::").skip(1);
    let names = places.flat_map(|place| match place.strip_prefix('{').and_then(|group| group.split_once('}')) {
        Some((group, _)) => group.split(',').collect(),
        None => vec![place],
    });
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    names.map(|name| name.trim().split(|letter| !is_letter(letter)).next().unwrap_or_default().to_owned()).collect()
}

/// A module that needs itself, over others.
fn circle(modules: &Modules) -> Option<String> {
    modules.keys().find_map(|start| {
        let mut reached = BTreeSet::new();
        let mut open: Vec<_> = modules[start].iter().collect();
        while let Some(module) = open.pop() {
            if reached.insert(module) {
                open.extend(&modules[module]);
            }
        }
        let back: Vec<_> = reached.iter().filter(|other| modules[**other].contains(start)).collect();
        reached.contains(start).then(|| format!("`{start}` needs what needs it: {back:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(one: &str, other: &str) -> Vec<String> {
        let file =
            |name: &str, text: &str| SourceFile { path: format!("cache/src/{name}.rs").into(), text: text.into() };
        check(&[file("one", one), file("other", other), file("lib", "use crate::one;")])
    }

    #[test]
    fn a_crate_that_has_no_circles_any_more_keeps_it_so() {
        let file = |name: &str, text: &str| SourceFile { path: format!("vm/src/{name}.rs").into(), text: text.into() };
        let [one, other] = ["use crate::other;", "use crate::one;"];
        assert_eq!(check(&[file("one", one), file("other", other)]), Vec::<String>::new());
        assert_eq!(check(&[file("one", one), file("other", "")]).len(), 1);
    }

    #[test]
    fn circles_are_found_and_nothing_else() {
        assert_eq!(found("use crate::other::Thing;", "use crate::one::Thing;").len(), 1);
        assert_eq!(found("use crate::{fs, other};", "fn f() { crate::one::f() }").len(), 1);
        let file = |name: &str, text: &str| SourceFile { path: name.into(), text: text.into() };
        let files = [file("cache/src/one/part.rs", "use crate::other;"), file("cache/src/other.rs", "use crate::one;")];
        assert_eq!(check(&files).len(), 1, "folders are modules");
        let tests =
            [file("cache/src/one/tests/part.rs", "use crate::other;"), file("cache/src/other.rs", "use crate::one;")];
        assert_eq!(check(&tests), Vec::<String>::new(), "tests need what they test");
        for (one, other) in [
            ("use crate::other;", ""),
            ("use crate::other;", "// See crate::one.\n"),
            ("use crate::other;", "#[cfg(test)]\nmod tests { use crate::one; }"),
        ] {
            assert_eq!(found(one, other), Vec::<String>::new(), "{one} {other}");
        }
    }
}
