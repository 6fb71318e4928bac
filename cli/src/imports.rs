//! What a module imports that nobody provides: all of it, with what is known of who would.

use std::collections::BTreeMap;

use wasmer_runtime::{ExternType, Linker, Module};

use crate::entry::quoted;

/// So many names of an interface are listed.
const NAMES_MAX: usize = 8;
/// So many interfaces are.
const INTERFACES_MAX: usize = 8;

/// Who provides an interface, and what there is to do instead: by the interface's name, and one of the names in it.
struct Maker {
    interface: fn(&str) -> bool,
    name: fn(&str) -> bool,
    hint: &'static str,
}

/// The first that fits an interface says what helps.
const MAKERS: &[Maker] = &[
    Maker {
        interface: |interface| {
            interface.starts_with("__wbindgen")
                || interface.ends_with("_bg.js")
                || matches!(interface, "wbg" | "__wbg_star0")
        },
        name: any,
        hint: "the module is for JavaScript, by wasm-bindgen; build the crate for `wasm32-wasip1` and without wasm-bindgen to run it here",
    },
    Maker {
        interface: |interface| matches!(interface, "go" | "gojs"),
        name: any,
        hint: "the module is for JavaScript, by Go; build it with `GOOS=wasip1 GOARCH=wasm` (TinyGo: `-target=wasip1`) to run it here",
    },
    Maker {
        interface: |interface| interface == "js_code",
        name: any,
        hint: "the module is for JavaScript, by Kotlin; built for `wasmWasi` instead of `wasmJs` it runs here",
    },
    Maker {
        interface: |interface| interface == "dart2wasm",
        name: any,
        hint: "the module is for JavaScript, by Dart, which makes no others",
    },
    Maker {
        interface: |interface| interface.starts_with("teavm"),
        name: any,
        hint: "the module is for JavaScript, by TeaVM; its target `WEBASSEMBLY_WASI` makes one that runs here",
    },
    Maker { interface: |interface| matches!(interface, "napi" | "emnapi"), name: any, hint: NODE_API },
    Maker { interface: is_env, name: |name| name.starts_with("napi_"), hint: NODE_API },
    Maker {
        interface: |interface| interface == "canonical_abi",
        name: any,
        hint: "the module was made with the first wit-bindgen, before there were components: it wants a program in JavaScript around it",
    },
    Maker {
        interface: |interface| interface.ends_with(".js") || interface.ends_with(".mjs"),
        name: any,
        hint: "the module is for JavaScript, of which it wants a file; a build for `wasm32-wasip1` runs here",
    },
    Maker {
        interface: |interface| interface.starts_with("wasm:"),
        name: any,
        hint: "the module uses built-in functions of JavaScript engines; a build for WASI runs here",
    },
    Maker {
        interface: |interface| interface.starts_with("wasix_"),
        name: any,
        hint: "the module needs WASIX, which is not WASI; build it for `wasm32-wasip1` (with wasi-sdk, not wasix-libc) to run it here",
    },
    Maker {
        interface: |interface| interface.starts_with("extism:"),
        name: any,
        hint: "the module is a plugin for Extism, whose library runs it",
    },
    Maker {
        interface: |interface| interface.contains(':'),
        name: any,
        hint: "the module is the core of a component: run the component that it belongs to, or build it for `wasm32-wasip1`",
    },
    Maker {
        interface: |interface| interface == "wasi",
        name: |name| name == "thread-spawn",
        hint: "the module starts threads; build it for `wasm32-wasip1`, not for `wasm32-wasip1-threads` (clang: without `-pthread`)",
    },
    Maker {
        interface: |interface| interface == "wasi" || interface.starts_with("wasi_"),
        name: any,
        hint: "this part of WASI is not provided: WASI preview 1 is, as `wasi_snapshot_preview1` and `wasi_unstable`",
    },
    Maker {
        interface: |interface| interface == "spectest",
        name: any,
        hint: "the module is from the specification's tests, whose scripts `wasmer wast` runs",
    },
    Maker { interface: |interface| interface.starts_with("GOT."), name: any, hint: DYNAMIC },
    Maker {
        interface: is_env,
        name: |name| {
            let beginnings = ["emscripten_", "_emscripten_", "invoke_", "__syscall_", "_embind_", "_emval_"];
            beginnings.iter().any(|beginning| name.starts_with(beginning))
        },
        hint: "the module is for JavaScript, by Emscripten; `-sSTANDALONE_WASM` (and, with exceptions, `-fwasm-exceptions`) makes one that \
            runs here",
    },
    // What Emscripten makes of the names when it optimises.
    Maker {
        interface: |interface| interface == "a",
        name: |name| name.len() <= 2,
        hint: "the module is for JavaScript, by Emscripten as its short names say; `-sSTANDALONE_WASM` makes one that runs here",
    },
    Maker {
        interface: is_env,
        name: |name| matches!(name, "__linear_memory" | "__stack_pointer_relocatable"),
        hint: "the module is an object file; link it, for instance by `clang` without `-c`",
    },
    Maker { interface: is_env, name: |name| matches!(name, "__memory_base" | "__table_base"), hint: DYNAMIC },
    Maker {
        interface: is_env,
        name: |name| name.starts_with("proxy_"),
        hint: "the module is a plugin for proxies (proxy-wasm), which run it",
    },
    Maker {
        interface: is_env,
        name: |name| matches!(name, "abort" | "seed" | "trace"),
        hint: "the module is AssemblyScript's; built with `--use abort=` and the shim of WASI it runs here",
    },
    Maker {
        interface: is_env,
        name: |name| name == "memory",
        hint: "the module wants its memory from its host; linked without `--import-memory` it has one of its own",
    },
    Maker {
        interface: is_env,
        name: any,
        hint: "the linker of C, C++ and Rust makes imports of `env` out of functions that it does not find (`--allow-undefined`); link what defines \
            them, for instance `-lm` or an emulation of wasi-libc such as `-lwasi-emulated-signal`",
    },
];

const NODE_API: &str = "the module is an add-on for Node.js (Node-API), which loads it";

const DYNAMIC: &str = "the module is a dynamic library; linked without `-shared` and `-pie` it is a program";

fn any(_: &str) -> bool {
    true
}

fn is_env(interface: &str) -> bool {
    interface == "env"
}

/// What is said of every other interface.
const UNKNOWN: &str = "a program finds WASI preview 1 here and nothing else; `wasmer inspect` lists its imports";

/// What is said if only functions are missing.
const TRAP: &str = "`--trap-unknown-imports` runs it as far as it calls none of them";

/// The error that there is if the module imports what the linker does not define.
pub(crate) fn missing<T: 'static>(linker: &Linker<T>, module: &Module) -> Option<anyhow::Error> {
    let mut unknown = Unknown::default();
    for import in module.imports().filter(|import| !linker.contains(&import.module, &import.name)) {
        unknown.count += 1;
        unknown.has_others |= !matches!(import.ty, ExternType::Func(_));
        unknown.interfaces.entry(import.module).or_default().push((import.name, import.ty));
    }
    (unknown.count > 0).then(|| anyhow::Error::msg(unknown.message()))
}

/// Imports that nobody provides.
#[derive(Default)]
struct Unknown {
    interfaces: BTreeMap<String, Vec<(String, ExternType)>>,
    count: usize,
    /// Whether something else than a function is among them.
    has_others: bool,
}

impl Unknown {
    fn message(&self) -> String {
        let mut text = match self.interfaces.first_key_value() {
            Some((interface, names)) if self.count == 1 => {
                let name = quoted(&format!("{interface}.{}", names[0].0));
                format!("unknown import: {name} has not been defined")
            }
            _ => format!("{} unknown imports have not been defined{}", self.count, self.list()),
        };
        let hints = self.hints();
        let is_one = hints.len() == 1;
        for (hint, interface) in hints {
            let of = if is_one { String::new() } else { format!("{}: ", quoted(interface)) };
            text.push_str(&format!("\nhint: {of}{hint}"));
        }
        if !self.has_others {
            text.push_str(&format!("\nhint: {TRAP}"));
        }
        text
    }

    fn list(&self) -> String {
        let mut text = String::new();
        for (interface, names) in self.interfaces.iter().take(INTERFACES_MAX) {
            let shown: Vec<_> = names.iter().take(NAMES_MAX).map(|(name, ty)| described(name, ty)).collect();
            let more = names.len().saturating_sub(NAMES_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            text.push_str(&format!("\n  of {}: {}{more}", quoted(interface), shown.join(", ")));
        }
        if self.interfaces.len() > INTERFACES_MAX {
            text.push_str(&format!("\n  and of {} more", self.interfaces.len() - INTERFACES_MAX));
        }
        text
    }

    /// What helps, each with the first interface that it is about.
    fn hints(&self) -> Vec<(&'static str, &str)> {
        let mut hints: Vec<(&'static str, &str)> = Vec::new();
        for (interface, names) in self.interfaces.iter().take(INTERFACES_MAX) {
            let fits =
                |maker: &&Maker| (maker.interface)(interface) && names.iter().any(|(name, _)| (maker.name)(name));
            let hint = MAKERS.iter().find(fits).map_or(UNKNOWN, |maker| maker.hint);
            if hints.iter().all(|(known, _)| *known != hint) {
                hints.push((hint, interface));
            }
        }
        hints
    }
}

/// A function by its name alone, everything else with what it is.
fn described(name: &str, ty: &ExternType) -> String {
    match ty {
        ExternType::Func(_) => quoted(name),
        other => format!("{} ({})", quoted(name), other.kind()),
    }
}
