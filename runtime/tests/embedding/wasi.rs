//! WASI functions as imports of real modules: of both snapshots, and with the memory of whoever calls.

use crate::common::*;
use wasmer_runtime::wasi::{ExitStatus, OutputBuffer, Stdout, WasiCtx, WasiCtxBuilder, add_imports_to_linker};
use wasmer_runtime::*;

/// Writes a text to standard output and exits with the number of bytes that were written.
fn program(snapshot: &str, memory: &str, text: &str) -> String {
    format!(
        r#"(module
            (import "{snapshot}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "{snapshot}" "proc_exit" (func $exit (param i32)))
            (memory {memory} 1) (data (i32.const 8) "{text}")
            (func (export "_start")
                (i32.store (i32.const 0) (i32.const 8))
                (i32.store (i32.const 4) (i32.const {}))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))
                (call $exit (i32.load (i32.const 100)))))"#,
        text.len()
    )
}

fn store(engine: &Engine) -> (Store<WasiCtx>, OutputBuffer) {
    let out = OutputBuffer::new();
    let ctx = WasiCtxBuilder::new().stdout(Stdout::buffer(&out)).build().unwrap();
    (Store::new(engine, ctx), out)
}

fn start(store: &mut Store<WasiCtx>, wat: &str) -> Result<()> {
    let module = module(store.engine(), wat);
    let mut linker = Linker::new();
    add_imports_to_linker(&mut linker, &module, |ctx: &mut WasiCtx| ctx)?;
    let instance = linker.instantiate(store, &module)?;
    run(store, instance, "_start")
}

fn exit_status(result: Result<()>) -> i32 {
    let error = result.expect_err("`proc_exit` does not return");
    error.downcast_host::<ExitStatus>().unwrap_or_else(|| panic!("{error}")).0
}

#[test]
fn both_snapshots_are_served() {
    for (_, engine) in engines() {
        for snapshot in ["wasi_snapshot_preview1", "wasi_unstable"] {
            let (mut store, out) = store(&engine);
            assert_eq!(
                exit_status(start(&mut store, &program(snapshot, r#"(export "memory")"#, snapshot))),
                snapshot.len() as i32
            );
            assert_eq!(out.contents(), snapshot.as_bytes());
        }
    }
}

#[test]
fn each_instance_is_served_in_its_own_memory() {
    for (_, engine) in engines() {
        let (mut store, out) = store(&engine);
        for text in ["one", "three", "seventeen"] {
            let wat = program("wasi_snapshot_preview1", r#"(export "memory")"#, text);
            assert_eq!(exit_status(start(&mut store, &wat)), text.len() as i32);
        }
        assert_eq!(out.contents(), b"onethreeseventeen");
    }
}

#[test]
fn a_caller_without_a_memory_is_an_error() {
    for (_, engine) in engines() {
        let (mut store, _) = store(&engine);
        for memory in ["", r#"(export "other")"#] {
            let result = start(&mut store, &program("wasi_snapshot_preview1", memory, "text"));
            let message = format!("{:#}", result.unwrap_err());
            assert!(message.contains("`fd_write`") && message.contains("no memory"), "{message}");
        }
    }
}
