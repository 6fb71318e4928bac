//! A short part of every attack, and the machinery of long runs.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use wasmer_testing::child::{is_child, supervise};
use wasmer_testing::soak::Plan;
use wasmer_testing::targets::{TARGETS, find};

/// Runs the everyday inputs of an attack. Verdicts other than `common` must be given, too, so that the attack is known to reach something.
fn attack(test: &str, name: &str, common: &str) {
    if !is_child() {
        return supervise(&format!("attacks::{test}"));
    }
    let target = find(name).unwrap();
    let mut others = 0;
    for seed in 0..target.everyday {
        eprintln!("{name} {seed}");
        match (target.judge)(&(target.input)(seed)) {
            Ok(word) => others += u64::from(word != common),
            Err(message) => panic!("{name}, input {seed}: {message}"),
        }
    }
    assert!(others > target.everyday / 50, "{others} of {} were more than `{common}`", target.everyday);
    assert!(others < target.everyday, "none was `{common}`");
}

#[test]
fn damaged_text_does_no_harm() {
    attack("damaged_text_does_no_harm", "text", "refused");
}

#[test]
fn damaged_components_do_no_harm() {
    attack("damaged_components_do_no_harm", "components", "refused");
}

#[test]
fn hostile_calls_stay_inside() {
    attack("hostile_calls_stay_inside", "wasi", "called");
}

#[test]
fn damaged_images_are_found() {
    attack("damaged_images_are_found", "images", "refused");
}

#[test]
fn a_damaged_store_does_no_harm() {
    attack("a_damaged_store_does_no_harm", "cache", "served");
}

#[test]
fn every_attack_takes_any_bytes() {
    if !is_child() {
        return supervise("attacks::every_attack_takes_any_bytes");
    }
    for target in TARGETS.iter().filter(|target| !target.needs_command) {
        for bytes in [&b""[..], b"\0", b"\0asm\x01\0\0\0", &[0xff; 300]] {
            assert!((target.judge)(bytes).is_ok(), "{}: {bytes:?}", target.name);
        }
        assert!((0..target.everyday).any(|seed| (target.input)(seed) != (target.input)(seed + 1)), "{}", target.name);
    }
}

#[test]
fn what_a_fuzzer_begins_with_shows_no_fault() {
    if !is_child() {
        return supervise("attacks::what_a_fuzzer_begins_with_shows_no_fault");
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for target in TARGETS.iter().filter(|target| !target.needs_command) {
        let files: Vec<_> =
            std::fs::read_dir(corpus.join(target.name)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty(), "{}", target.name);
        for file in files {
            eprintln!("{}", file.display());
            let verdict = (target.judge)(&std::fs::read(&file).unwrap());
            assert!(verdict.is_ok(), "{}: {verdict:?}", file.display());
        }
    }
}

/// The program of long runs on these attacks, with its state in this folder.
fn plan(folder: &Path, names: &[&str]) -> Plan {
    Plan {
        program: env!("CARGO_BIN_EXE_soak").into(),
        folder: folder.to_owned(),
        targets: names.iter().map(|name| find(name).unwrap()).collect(),
        time: Duration::from_secs(2),
        jobs: 2,
    }
}

#[test]
fn long_runs_go_on_where_they_ended() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), &["text", "wasi"]);
    let first = plan.run().unwrap();
    let second = plan.run().unwrap();
    for (before, after) in first.iter().zip(&second) {
        assert!(before.findings.is_empty() && after.findings.is_empty(), "{after:?}");
        assert!(before.next > 0 && after.next > before.next, "{before:?} {after:?}");
        assert_eq!(after.verdicts.values().sum::<u64>(), after.next);
    }
    assert_eq!(second.iter().map(|state| &*state.target).collect::<Vec<_>>(), ["text", "wasi"]);
}

#[test]
fn the_program_says_what_it_can_do() {
    let soak = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_soak")).args(arguments).output().unwrap();
    let list = String::from_utf8(soak(&["--list"]).stdout).unwrap();
    assert_eq!(list.lines().count(), TARGETS.len(), "{list}");
    let unknown = soak(&["nothing"]);
    assert_eq!(unknown.status.code(), Some(2));
    let message = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(message.contains("no attack `nothing`") && message.contains("modules"), "{message}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let judged = soak(&["--judge", file.path().to_str().unwrap(), "text"]);
    assert!(judged.status.success(), "{judged:?}");
}

/// In the place of the program of long runs: its third input ends it by a signal, and so does every input with the byte of `x` twice.
const BROKEN: &str = r#"#!/bin/sh
if [ "$1" = --judge ]; then
    [ "$(tr -cd x < "$2" | wc -c)" -ge 2 ] && kill -SEGV $$
    exit 0
fi
seed=$2
while [ "$seed" != 2 ]; do echo "begin $seed"; echo "ok $seed fine"; seed=$((seed + 1)); done
kill -SEGV $$
"#;

#[test]
fn what_ends_the_process_is_found_and_made_shorter() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("broken");
    std::fs::write(&program, BROKEN).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let plan = Plan { program, time: Duration::from_millis(100), ..plan(folder.path(), &["text"]) };
    let states = plan.run().unwrap();
    let [finding] = &states[0].findings[..] else { panic!("{states:?}") };
    assert_eq!((finding.seed, states[0].next), (2, 3), "{states:?}");
    assert!(finding.message.contains("signal: 11"), "{}", finding.message);
    let input = std::fs::read(&finding.input).unwrap();
    assert_eq!(input, (find("text").unwrap().input)(2));
    let shortest = std::fs::read(finding.input.with_extension("min")).unwrap();
    // Only if the input had the byte twice could anything be left out.
    let count = input.iter().filter(|byte| **byte == b'x').count();
    assert_eq!(shortest, if count < 2 { input } else { b"xx".to_vec() });
}

/// Names of functions of all Rust files below a folder.
fn functions_below(folder: &Path, found: &mut std::collections::BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            functions_below(&path, found);
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.split("\nfn ").chain(text.split("\n    fn ")).skip(1);
            found.extend(names.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
        }
    }
}

#[test]
fn the_page_of_attacks_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/internals/attacks.md")).unwrap();
    let (attacks, faults) = page.split_once("## Faults that other runtimes had").unwrap();
    let listed: Vec<_> = attacks.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(listed, TARGETS.iter().map(|target| target.name).collect::<Vec<_>>());
    let mut functions = std::collections::BTreeSet::new();
    functions_below(root, &mut functions);
    let rows = faults.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let tests: Vec<_> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
    assert!(tests.len() > 15, "{tests:?}");
    let missing: Vec<_> = tests.iter().filter(|test| !functions.contains(**test)).collect();
    assert!(missing.is_empty(), "no tests of these names: {missing:?}");
}
