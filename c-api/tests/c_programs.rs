//! Programs in C that use every part of the interface, linked with the static and with the shared library.
#![cfg(any(feature = "cranelift", feature = "singlepass"))]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::*;

/// The functions of `main.c`, without the one that measures.
const SECTIONS: &[&str] =
    &["types", "calls", "traps", "references", "entities", "ownership", "modules", "settings", "wasi"];

/// One test, so that everything is compiled once.
#[test]
fn programs_in_c_work_with_both_libraries() {
    let Some(compiler) = compiler() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_modules(folder);
    let [library, shared] = libraries();
    install_shared(&shared, folder);
    let objects: Vec<_> = sources().iter().map(|source| compile(&compiler, source, folder)).collect();
    let programs = ["static", "shared"].map(|name| folder.join(name));
    link_static(&compiler, &objects, &library, &programs[0]);
    link_shared(&compiler, &objects, folder, &programs[1]);
    for program in &programs {
        for section in SECTIONS {
            run(Command::new(program).arg(folder).arg(section));
        }
    }

    // The example of the guide.
    let example = compile(&compiler, &package().join("examples/add.c"), folder);
    let program = folder.join("add");
    link_shared(&compiler, &[example], folder, &program);
    assert_eq!(run(Command::new(&program).arg(folder.join("add.wasm"))), "2 + 40 = 42\n");

    every_declared_function_is_there(&compiler, folder);
}

/// Takes the address of each function that the headers declare: what is missing is found by the linker.
fn every_declared_function_is_there(compiler: &std::ffi::OsString, folder: &Path) {
    let header = package().join("include/wasmer.h");
    let text = run(Command::new(compiler).args(["-E", "-P", "-DWASM_API_EXTERN=EXPORTED"]).arg(&header));
    let names: BTreeSet<&str> = text.split("EXPORTED ").skip(1).filter_map(declared).collect();
    // So many has the standard, and so many are ours.
    let (ours, standard): (Vec<&str>, Vec<&str>) = names.iter().copied().partition(|name| name.starts_with("wasmer_"));
    assert_eq!((standard.len(), ours.len()), (STANDARD, OURS), "{standard:?}\n{ours:?}");
    let mut source = "#include \"wasmer.h\"\nvoid* const all[] = {\n".to_owned();
    names.iter().for_each(|name| writeln!(source, "(void*){name},").unwrap());
    source.push_str("};\nint main(void) { return !all[0]; }\n");
    let path: PathBuf = folder.join("all.c");
    fs::write(&path, source).unwrap();
    let object = compile(compiler, &path, folder);
    link_shared(compiler, &[object], folder, &folder.join("all"));
    run(&mut Command::new(folder.join("all")));
}

/// Functions of `wasm.h`.
const STANDARD: usize = 280;
/// Functions of `wasmer.h`.
const OURS: usize = 43;

/// The name in a declaration: the word before the first parenthesis.
fn declared(declaration: &str) -> Option<&str> {
    let (head, _) = declaration.split_once('(')?;
    head.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').rfind(|word| !word.is_empty())
}
