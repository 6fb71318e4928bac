//! C++ with exceptions, in modules that are linked when they run.
//!
//! The package `ziglang` compiles it, but has no library for it that knows exceptions: that is compiled from the sources in the package.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::build::Workshop;
use crate::{shell, wheels};

const FLAGS: &[&str] = &["-target", "wasm32-wasi", "-O2", "-g0", "-fwasm-exceptions", "-mexception-handling", "-mllvm"];

/// How exceptions are written. Programs whose name ends with `-legacy` have the older encoding, which compilers choose unless they are told otherwise.
fn encoding(program: &Path) -> &'static str {
    let is_legacy = program.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("-legacy"));
    if is_legacy { "-wasm-use-legacy-eh=true" } else { "-wasm-use-legacy-eh=false" }
}

/// What the library's sources want to know.
const LIBRARY_FLAGS: &[&str] = &[
    "-DNDEBUG",
    "-D_LIBCXXABI_BUILDING_LIBRARY",
    "-D_LIBCPP_BUILDING_LIBRARY",
    "-DLIBCXX_BUILDING_LIBCXXABI",
    "-D_LIBCXXABI_HAS_NO_THREADS",
    "-DLIBCXXABI_NON_DEMANGLING_TERMINATE",
    "-fdeclspec",
];

/// Folders of headers, in the package's library.
const INCLUDES: &[&str] = &["libcxxabi/include", "libcxxabi/src", "libcxx/src", "libunwind/include"];

/// The library: what throws and catches, and the exceptions of the standard.
const LIBRARY: &[&str] = &[
    "libcxx/src/stdexcept.cpp",
    "libcxx/src/verbose_abort.cpp",
    "libcxxabi/src/abort_message.cpp",
    "libcxxabi/src/cxa_aux_runtime.cpp",
    "libcxxabi/src/cxa_default_handlers.cpp",
    "libcxxabi/src/cxa_exception.cpp",
    "libcxxabi/src/cxa_exception_storage.cpp",
    "libcxxabi/src/cxa_guard.cpp",
    "libcxxabi/src/cxa_handlers.cpp",
    "libcxxabi/src/cxa_personality.cpp",
    "libcxxabi/src/cxa_vector.cpp",
    "libcxxabi/src/cxa_virtual.cpp",
    "libcxxabi/src/fallback_malloc.cpp",
    "libcxxabi/src/private_typeinfo.cpp",
    "libcxxabi/src/stdlib_exception.cpp",
    "libcxxabi/src/stdlib_new_delete.cpp",
    "libcxxabi/src/stdlib_stdexcept.cpp",
    "libcxxabi/src/stdlib_typeinfo.cpp",
    "libunwind/src/Unwind-wasm.c",
];

/// The tag of exceptions of C++, which every library of C++ defines.
const TAG: &str = "\t.globl __cpp_exception\n\t.tagtype __cpp_exception i32\n__cpp_exception:\n";

/// What the main module exports: its entry, and what the other one takes of it.
const EXPORTS: &[&str] = &[
    "run",
    "malloc",
    "cleaned",
    "__stack_pointer",
    "__cpp_exception",
    "__cxa_allocate_exception",
    "__cxa_begin_catch",
    "__cxa_end_catch",
    "__cxa_rethrow",
    "__cxa_throw",
    "__wasm_lpad_context",
    "_Unwind_CallPersonality",
    "_ZN4CodeD1Ev",
    "_ZSt9terminatev",
    "_ZTI4Code",
    "_ZTIi",
    "_ZTV4Code",
];

impl Workshop {
    /// Compiles a source of ours in C++: a module with the library in it, or, if its name ends with `-side`, one that is linked to such a module later.
    pub(super) fn compile_own_cpp(&self, source: &Path, path: &Path) -> Result<()> {
        let is_side = source.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("-side"));
        if is_side { self.link_side(source, path) } else { self.link_main(source, path) }
    }

    fn link_side(&self, source: &Path, path: &Path) -> Result<()> {
        let object = path.with_extension("o");
        shell::run(
            self.cpp("c++", path)?.args(["-fPIC", "-fvisibility=default", "-c"]).arg(source).arg("-o").arg(&object),
        )?;
        let mut linker = self.zig()?;
        linker.args(["wasm-ld", "-shared", "--experimental-pic", "--strip-all", "--export=side"]);
        linker.arg("--unresolved-symbols=import-dynamic").arg(&object).arg("-o").arg(path);
        shell::run(&mut linker)?;
        Ok(fs::remove_file(object)?)
    }

    fn link_main(&self, source: &Path, path: &Path) -> Result<()> {
        let folder = path.with_extension("objects");
        fs::create_dir_all(&folder)?;
        let mut objects = vec![folder.join("main.o"), folder.join("tag.o")];
        shell::run(self.cpp("c++", path)?.arg("-c").arg(source).arg("-o").arg(&objects[0]))?;
        let tag = folder.join("tag.s");
        fs::write(&tag, TAG)?;
        shell::run(self.cpp("cc", path)?.arg("-c").arg(tag).arg("-o").arg(&objects[1]))?;
        let library = wheels::obtain(self.root(), "ziglang")?.join("ziglang/lib");
        for name in LIBRARY {
            let source = library.join(name);
            let object = folder.join(source.file_name().context("a source has a name")?).with_extension("o");
            let is_c = source.extension().is_some_and(|extension| extension == "c");
            let mut compiler = self.cpp(if is_c { "cc" } else { "c++" }, path)?;
            if !is_c {
                compiler.arg("-std=c++23");
            }
            compiler.args(LIBRARY_FLAGS).args(INCLUDES.iter().flat_map(|name| ["-I".into(), library.join(name)]));
            shell::run(compiler.arg("-c").arg(source).arg("-o").arg(&object))?;
            objects.push(object);
        }
        self.link(&objects, path)?;
        Ok(fs::remove_dir_all(folder)?)
    }

    fn link(&self, objects: &[PathBuf], path: &Path) -> Result<()> {
        let mut linker = self.cpp("cc", path)?;
        linker.args(["-mexec-model=reactor", "-Wl,--strip-all", "-Wl,--export-table", "-Wl,--growable-table"]);
        linker.args(EXPORTS.iter().map(|name| OsString::from(format!("-Wl,--export={name}"))));
        shell::run(linker.args(objects).arg("-o").arg(path)).map(drop)
    }

    /// The compiler for what becomes a part of a program.
    fn cpp(&self, driver: &str, program: &Path) -> Result<Command> {
        let mut zig = self.zig()?;
        zig.arg(driver).args(FLAGS).arg(encoding(program));
        Ok(zig)
    }
}
