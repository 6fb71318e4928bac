//! What a module imports that nobody provides: all of it, with what is known of who would.

use std::collections::BTreeMap;

use wasmer_runtime::{Linker, Module};

use crate::entry::quoted;

/// So many names of an interface are listed.
const NAMES_MAX: usize = 8;
/// So many interfaces are.
const INTERFACES_MAX: usize = 8;

/// Who provides an interface, and what there is to do instead: by the interface's name, or by the beginning of one of the names in it.
struct Maker {
    interface: fn(&str) -> bool,
    name: fn(&str) -> bool,
    hint: &'static str,
}

const MAKERS: &[Maker] = &[
    Maker {
        interface: |interface| interface.starts_with("__wbindgen") || interface == "wbg",
        name: |_| true,
        hint: "the module is for JavaScript, by wasm-bindgen; build the crate for `wasm32-wasip1` and without wasm-bindgen to run it here",
    },
    Maker {
        interface: |interface| matches!(interface, "go" | "gojs"),
        name: |_| true,
        hint: "the module is for JavaScript, by Go; build it with `GOOS=wasip1 GOARCH=wasm` to run it here",
    },
    Maker {
        interface: |interface| interface.starts_with("wasix_"),
        name: |_| true,
        hint: "the module needs WASIX, which is not WASI; build it for `wasm32-wasip1`",
    },
    Maker {
        interface: |interface| interface.contains(':'),
        name: |_| true,
        hint: "the module is the core of a component or needs WASI preview 2; build it for `wasm32-wasip1`",
    },
    Maker {
        interface: |interface| interface.starts_with("wasi_"),
        name: |_| true,
        hint: "this part of WASI is not provided: WASI preview 1 is, as `wasi_snapshot_preview1` and `wasi_unstable`",
    },
    Maker {
        interface: |interface| interface == "env",
        name: |name| name.starts_with("emscripten_") || name.starts_with("invoke_") || name.starts_with("__syscall_"),
        hint: "the module is for JavaScript, by Emscripten; `-sSTANDALONE_WASM` makes one that runs here",
    },
    Maker {
        interface: |interface| interface == "env",
        name: |name| matches!(name, "abort" | "seed" | "trace"),
        hint: "the module is AssemblyScript's; built with `--use abort=` and the shim of WASI it runs here",
    },
];

/// What is said of everything else.
const UNKNOWN: &str = "a program finds WASI preview 1 here and nothing else; `wasmer inspect` lists its imports";

/// The error that there is if the module imports what the linker does not define.
pub(crate) fn missing<T: 'static>(linker: &Linker<T>, module: &Module) -> Option<anyhow::Error> {
    let mut unknown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for import in module.imports().filter(|import| !linker.contains(&import.module, &import.name)) {
        unknown.entry(import.module).or_default().push(import.name);
    }
    (!unknown.is_empty()).then(|| anyhow::Error::msg(message(&unknown)))
}

fn message(unknown: &BTreeMap<String, Vec<String>>) -> String {
    let is_by = |maker: &&Maker| {
        unknown
            .iter()
            .any(|(interface, names)| (maker.interface)(interface) && names.iter().any(|name| (maker.name)(name)))
    };
    let hint = MAKERS.iter().find(is_by).map_or(UNKNOWN, |maker| maker.hint);
    let count: usize = unknown.values().map(Vec::len).sum();
    if let (1, Some((interface, names))) = (count, unknown.first_key_value()) {
        let name = quoted(&format!("{interface}.{}", names[0]));
        return format!("unknown import: {name} has not been defined\nhint: {hint}");
    }
    let mut text = format!("{count} unknown imports have not been defined");
    for (interface, names) in unknown.iter().take(INTERFACES_MAX) {
        let shown: Vec<_> = names.iter().take(NAMES_MAX).map(|name| quoted(name)).collect();
        let more = names.len().saturating_sub(NAMES_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        text.push_str(&format!("\n  of {}: {}{more}", quoted(interface), shown.join(", ")));
    }
    if unknown.len() > INTERFACES_MAX {
        text.push_str(&format!("\n  and of {} more", unknown.len() - INTERFACES_MAX));
    }
    format!("{text}\nhint: {hint}")
}
