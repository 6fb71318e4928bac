//! Modules to measure with.

use std::path::Path;

use wasmer_runtime::{Backend, Engine};

/// A module, and what to call it in reports.
pub struct Subject {
    /// Its name.
    pub name: &'static str,
    /// Its bytes.
    pub wasm: Vec<u8>,
}

/// A small module (one function), a middle one (2,000 functions made here), and CPython, if `cargo xtask programs` has fetched it.
pub fn subjects() -> Vec<Subject> {
    let mut subjects = vec![
        Subject { name: "small", wasm: text("(module (func (export \"f\") (result i32) (i32.const 42)))") },
        Subject { name: "middle", wasm: text(&functions(2000)) },
    ];
    match python() {
        Some(wasm) => subjects.push(Subject { name: "python", wasm }),
        None => eprintln!("left out: the large module; `cargo xtask programs` fetches it"),
    }
    subjects
}

/// CPython as WebAssembly, if it is there.
pub fn python() -> Option<Vec<u8>> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/programs/python.wasm")).ok()
}

/// The binary form of a module's text.
///
/// # Panics
/// If the text is wrong.
pub fn text(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).expect("the texts here are right")
}

/// A module of many functions with a loop each.
fn functions(count: usize) -> String {
    let mut module = String::from("(module ");
    for index in 0..count {
        module.push_str(&format!(
            "(func (param i64) (result i64) (local i64)
                (loop (local.set 1 (i64.mul (i64.add (local.get 1) (local.get 0)) (i64.const {index})))
                    (br_if 0 (i64.lt_u (local.get 1) (i64.const 1000))))
                (local.get 1))"
        ));
    }
    module.push(')');
    module
}

/// A module with a memory of which `bytes` are data.
pub fn with_data(bytes: usize) -> Vec<u8> {
    // Not zero, so that every page is in the image.
    let data = "a".repeat(bytes);
    text(&format!("(module (memory (export \"memory\") {}) (data (i32.const 0) \"{data}\"))", bytes.div_ceil(65536)))
}

/// An engine with default settings.
///
/// # Panics
/// If the backend does not work on this machine.
pub fn engine(backend: Backend) -> Engine {
    Engine::new(backend.config().expect("a built backend works here")).expect("default settings")
}
