//! Compiling the programs in C, and the modules that they load.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Modules by name, in the text format.
const MODULES: &[(&str, &str)] = &[
    (
        "swap",
        "(module (import \"host\" \"f\" (func $f (param i32 i64 f32 f64) (result f64 f32 i64 i32)))
            (func (export \"run\") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
                (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3))))",
    ),
    (
        "pass",
        "(module (import \"host\" \"f\" (func $f (param i32) (result i32)))
            (func (export \"run\") (param i32) (result i32) (call $f (local.get 0))))",
    ),
    ("forward", "(module (import \"host\" \"f\" (func $f)) (func (export \"run\") (call $f)))"),
    (
        "traps",
        "(module (memory 1) (tag $t (export \"tag\"))
            (func (export \"unreachable\") unreachable)
            (func (export \"outside\") (drop (i32.load (i32.const 0x7fffffff))))
            (func (export \"divide\") (drop (i32.div_s (i32.const 1) (i32.const 0))))
            (func $recurse (export \"recurse\") (call $recurse))
            (func (export \"throw\") (throw $t)))",
    ),
    (
        "catch",
        "(module (import \"host\" \"f\" (func $f)) (import \"host\" \"t\" (tag $t))
            (func (export \"run\") (param i32) (result i32)
                (block $caught (try_table (catch $t $caught) (call $f)) (return (i32.const 0)))
                (i32.const 42)))",
    ),
    ("start", "(module (func $start unreachable) (start $start))"),
    (
        "references",
        "(module (import \"host\" \"f\" (func $f (param externref) (result externref)))
            (type $one (func (result i32)))
            (global $global (export \"global\") (mut externref) (ref.null extern))
            (table (export \"table\") 3 externref)
            (table $funcs 1 funcref)
            (memory (export \"memory\") 1)
            (func (export \"pass\") (param externref) (result externref)
                (global.set $global (local.get 0))
                (table.set 0 (i32.const 1) (call $f (global.get $global)))
                (global.set $global (ref.null extern))
                (local.set 0 (table.get 0 (i32.const 1)))
                (table.set 0 (i32.const 1) (ref.null extern))
                (local.get 0))
            (func (export \"call\") (param funcref) (result i32)
                (table.set $funcs (i32.const 0) (local.get 0))
                (call_indirect $funcs (type $one) (i32.const 0))))",
    ),
    (
        "entities",
        "(module (global (export \"constant\") i64 (i64.const 99)) (global (export \"vector\") v128 (v128.const i64x2 1 2))
            (memory (export \"memory\") 1 2))",
    ),
    (
        "load",
        "(module (import \"host\" \"m\" (memory 1))
            (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0))))",
    ),
    (
        "constant",
        "(module (memory 2) (data (i32.const 70000) \"data in the second page\")
            (func (export \"run\") (param i32) (result i32) (i32.add (local.get 0) (i32.const 42))))",
    ),
    (
        "endless",
        "(module (func (export \"spin\") (loop (br 0)))
            (func (export \"run\") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))",
    ),
    (
        "speed",
        "(module (import \"host\" \"f\" (func $f (param i32) (result i32)))
            (func (export \"add\") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func (export \"loop\") (param $count i32) (result i32) (local $value i32)
                (loop
                    (local.set $value (call $f (local.get $value)))
                    (br_if 0 (i32.lt_s (local.get $value) (local.get $count))))
                (local.get $value)))",
    ),
    (
        "vectors",
        "(module (func (export \"add\") (param v128 v128) (result v128) (i8x16.add (local.get 0) (local.get 1)))
            (func (export \"same\") (param externref) (result externref) (local.get 0)))",
    ),
    ("echo", ECHO),
    ("add", "(module (func (export \"add\") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"),
];

/// Writes its arguments, its environment and its input; its status is the number of its folders.
const ECHO: &str = "(module
    (import \"wasi_snapshot_preview1\" \"args_sizes_get\" (func $args_sizes (param i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"args_get\" (func $args (param i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"environ_sizes_get\" (func $environ_sizes (param i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"environ_get\" (func $environ (param i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"fd_read\" (func $read (param i32 i32 i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"fd_prestat_get\" (func $prestat (param i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
    (memory (export \"memory\") 1)
    (func $put (param $address i32) (param $length i32)
        (i32.store (i32.const 0) (local.get $address))
        (i32.store (i32.const 4) (local.get $length))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func (export \"_start\") (local $fd i32)
        (drop (call $args_sizes (i32.const 16) (i32.const 20)))
        (drop (call $args (i32.const 100) (i32.const 1000)))
        (call $put (i32.const 1000) (i32.load (i32.const 20)))
        (drop (call $environ_sizes (i32.const 16) (i32.const 20)))
        (drop (call $environ (i32.const 100) (i32.const 1000)))
        (call $put (i32.const 1000) (i32.load (i32.const 20)))
        (i32.store (i32.const 0) (i32.const 1000))
        (i32.store (i32.const 4) (i32.const 100))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $put (i32.const 1000) (i32.load (i32.const 8)))
        (local.set $fd (i32.const 3))
        (block $end
            (loop
                (br_if $end (call $prestat (local.get $fd) (i32.const 16)))
                (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
                (br 0)))
        (call $exit (i32.sub (local.get $fd) (i32.const 3)))))";

/// This package's folder.
pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Writes the modules into a folder.
pub(crate) fn write_modules(folder: &Path) {
    for (name, text) in MODULES {
        fs::write(folder.join(format!("{name}.wasm")), wat::parse_str(text).unwrap()).unwrap();
    }
}

/// The libraries, static and shared, that were built with this program.
pub(crate) fn libraries() -> [PathBuf; 2] {
    let program = std::env::current_exe().unwrap();
    let deps = program.parent().unwrap();
    ["a", "so"].map(|extension| {
        let name = format!("libwasmer_c_api.{extension}");
        let path = deps.join(&name);
        assert!(path.exists(), "`{}` was not built", path.display());
        path
    })
}

/// The compiler: `CC`, or `cc`. None, with a note, if there is none.
pub(crate) fn compiler() -> Option<OsString> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let works = Command::new(&compiler).arg("--version").output().is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("left out: there is no C compiler `{}`", compiler.display());
    }
    works.then_some(compiler)
}

/// Runs a command, which has to succeed, and returns what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Compiles a file to `FOLDER/NAME.o`.
pub(crate) fn compile(compiler: &OsString, source: &Path, folder: &Path) -> PathBuf {
    let object = folder.join(source.with_extension("o").file_name().unwrap());
    let mut command = Command::new(compiler);
    command.args([
        "-std=c11",
        "-D_DEFAULT_SOURCE",
        "-O2",
        "-g",
        "-Wall",
        "-Wextra",
        "-Wno-unused-function",
        "-Werror",
        "-c",
        "-I",
    ]);
    run(command.arg(package().join("include")).arg(source).arg("-o").arg(&object));
    object
}

/// What a program needs besides the static library.
const SYSTEM_LIBRARIES: &[&str] = &["-lpthread", "-ldl", "-lm", "-lrt", "-lutil", "-lgcc_s"];

/// Links objects with the static library, without what they do not use: of a compiler that another package of the workspace is built with, only
/// the code is in it, and not what that needs.
pub(crate) fn link_static(compiler: &OsString, objects: &[PathBuf], library: &Path, program: &Path) {
    let mut command = Command::new(compiler);
    command.args(objects).arg(library).args(SYSTEM_LIBRARIES).arg("-Wl,--gc-sections");
    run(command.arg("-o").arg(program));
}

/// Links objects with the shared library, which lies in `folder` under the names that it has where it is installed.
pub(crate) fn link_shared(compiler: &OsString, objects: &[PathBuf], folder: &Path, program: &Path) {
    let mut command = Command::new(compiler);
    command.args(objects).arg("-L").arg(folder).args(["-lwasmer", "-lpthread"]);
    run(command.arg(format!("-Wl,-rpath,{}", folder.display())).arg("-o").arg(program));
}

/// Puts the shared library into a folder, under its names.
pub(crate) fn install_shared(library: &Path, folder: &Path) {
    for name in ["libwasmer.so", "libwasmer.so.0"] {
        std::os::unix::fs::symlink(library, folder.join(name)).unwrap();
    }
}

/// The sources of the tests.
pub(crate) fn sources() -> Vec<PathBuf> {
    let folder = package().join("tests/c");
    let mut sources: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    sources.sort();
    sources
}
