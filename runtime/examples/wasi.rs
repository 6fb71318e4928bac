//! A WASI program inside another program: what it prints is caught, its exit status is a value.
//!
//! `cargo run -p wasmer-runtime --example wasi`

use wasmer_runtime::wasi::{ExitStatus, OutputBuffer, Stdout, WasiCtx, WasiCtxBuilder, add_to_linker};
use wasmer_runtime::{Linker, Module, Store};

const PROGRAM: &str = r#"
    (module
      (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 16) "hello, world\n")
      (func (export "_start")
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 13))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $proc_exit (i32.const 7))))
"#;

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = wasmer_runtime::default_engine()?;
    let module = Module::new(&engine, &wat::parse_str(PROGRAM)?)?;

    // ANCHOR: wasi
    let output = OutputBuffer::new();
    // Nothing is there that is not granted; `.dir("data", "/data")` would grant a folder.
    let context = WasiCtxBuilder::new().arg("program").env("LANG", "C").stdout(Stdout::buffer(&output)).build()?;
    let mut store = Store::new(&engine, context);
    let mut linker = Linker::new();
    add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.typed_func::<(), ()>(&mut store, "_start")?;
    // Programs that end themselves come back as a failure that carries their status.
    let status = match start.call(&mut store, ()) {
        Ok(()) => 0,
        Err(error) => match error.downcast_host() {
            Some(ExitStatus(status)) => *status,
            None => return Err(error.into()),
        },
    };
    // ANCHOR_END: wasi

    println!("status {status}, and it printed {:?}", String::from_utf8_lossy(&output.contents()));
    assert_eq!((status, output.contents().as_slice()), (7, &b"hello, world\n"[..]));
    Ok(())
}
