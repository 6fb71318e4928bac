//! The shortest embedding: compile a module, instantiate it, call a function.
//!
//! `cargo run -p wasmer-runtime --example hello`

use wasmer_runtime::{Linker, Module, Store};

const PLUGIN: &str = r#"
    (module
      (func (export "add") (param i32 i32) (result i32)
        local.get 0
        local.get 1
        i32.add))
"#;

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = wasmer_runtime::default_engine()?;
    let module = Module::new(&engine, &wat::parse_str(PLUGIN)?)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new().instantiate(&mut store, &module)?;
    // The types are checked here, once; calls after that are cheap.
    let add = instance.typed_func::<(i32, i32), i32>(&mut store, "add")?;
    let sum = add.call(&mut store, (19, 23))?;
    println!("19 + 23 = {sum}");
    assert_eq!(sum, 42);
    Ok(())
}
