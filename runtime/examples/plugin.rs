//! A plugin with a host function and a memory limit: what most programs need that embed the runtime.
//!
//! `cargo run -p wasmer-runtime --example plugin`

use wasmer_runtime::{Caller, Error, Linker, Module, Store, StoreLimits};

/// Usually a file; here the text format, which the crate `wat` turns into the binary one.
const PLUGIN: &str = r#"
    (module
      (import "host" "log" (func $log (param i32 i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "hello from the plugin")
      (func (export "run") (result i32)
        (call $log (i32.const 0) (i32.const 21))
        ;; 1000 pages of 64 KiB are more than it may have: the result is -1.
        (memory.grow (i32.const 1000))))
"#;

/// What the host functions work on. The store owns it.
#[derive(Default)]
struct Host {
    lines: Vec<String>,
}

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = wasmer_runtime::default_engine()?;
    let module = Module::new(&engine, &wat::parse_str(PLUGIN)?)?;

    let mut linker = Linker::new();
    // Address and length are the guest's: `read` checks them.
    linker.func_wrap("host", "log", |mut caller: Caller<'_, Host>, address: u32, length: u32| {
        let memory = caller.memory().ok_or_else(|| Error::host("the plugin exports no memory"))?;
        let mut text = vec![0; length.min(1 << 16) as usize];
        memory.read(&caller, address as usize, &mut text)?;
        caller.data_mut().lines.push(String::from_utf8_lossy(&text).into_owned());
        Ok::<_, Error>(())
    })?;

    let limits = StoreLimits::new().memory_bytes_max(16 << 20);
    let mut store = Store::with_limits(&engine, Host::default(), limits);
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.typed_func::<(), i32>(&mut store, "run")?;
    let grown = run.call(&mut store, ())?;

    println!("the plugin said {:?}; memory.grow returned {grown}", store.data().lines);
    assert_eq!((store.data().lines.as_slice(), grown), (&["hello from the plugin".to_owned()][..], -1));
    Ok(())
}
