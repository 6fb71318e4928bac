//! Modules of a crate that need each other in a circle. Some crates have none, and keep it so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::source::SourceFile;

/// Where there are none.
const WITHOUT: &[&str] = &[
    "backend-cranelift/src",
    "cache/src",
    "component-translate/src",
    "runtime/src",
    "system/src",
    "testing/src",
    "wasi/src",
];

type Modules = BTreeMap<String, BTreeSet<String>>;

/// What is wrong with the crates that have no circles.
pub(crate) fn check(files: &[SourceFile]) -> Vec<String> {
    let circle =
        |folder: &&str| Some(format!("{folder}: modules need each other: {}", circle(&modules(files, folder))?));
    WITHOUT.iter().filter_map(circle).collect()
}

/// The modules of a folder, each with those that it or one inside it names.
fn modules(files: &[SourceFile], folder: &str) -> Modules {
    let mut modules = Modules::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let Ok(inside) = file.path.strip_prefix(folder) else { continue };
        let Some(name) = inside.iter().next().and_then(|first| Path::new(first).file_stem()?.to_str()) else {
            continue;
        };
        let is_test = inside.file_stem().is_some_and(|name| name == "tests");
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
    fn circles_are_found_and_nothing_else() {
        assert_eq!(found("use crate::other::Thing;", "use crate::one::Thing;").len(), 1);
        assert_eq!(found("use crate::{fs, other};", "fn f() { crate::one::f() }").len(), 1);
        let file = |name: &str, text: &str| SourceFile { path: name.into(), text: text.into() };
        let files = [file("cache/src/one/part.rs", "use crate::other;"), file("cache/src/other.rs", "use crate::one;")];
        assert_eq!(check(&files).len(), 1, "folders are modules");
        for (one, other) in [
            ("use crate::other;", ""),
            ("use crate::other;", "// See crate::one.\n"),
            ("use crate::other;", "#[cfg(test)]\nmod tests { use crate::one; }"),
        ] {
            assert_eq!(found(one, other), Vec::<String>::new(), "{one} {other}");
        }
    }
}
