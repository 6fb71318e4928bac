//! Reading and writing a file through WASI, beside the same natively.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wasmer_benches::{engine, text};
use wasmer_runtime::wasi::{WasiCtx, WasiCtxBuilder, add_to_linker};
use wasmer_runtime::{Backend, Instance, Linker, Module, Store};

/// Bytes of one call.
const BLOCK_BYTES: usize = 64 << 10;
const BLOCKS: usize = 1024;

/// `write` makes the file anew, `read` reads it to its end; both return what they have moved, and -1 when something fails. The list of
/// buffers is at 0, results at 16 and 24, the name at 32, the block at 64 KiB.
const PROGRAM: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 0) "\00\00\01\00\00\00\01\00")
    (data (i32.const 32) "file")
    (func $opened (param $flags i32) (param $rights i64) (result i32)
        (if (call $open (i32.const 3) (i32.const 0) (i32.const 32) (i32.const 4) (local.get $flags) (local.get $rights) (i64.const 0)
                (i32.const 0) (i32.const 16))
            (then (return (i32.const -1))))
        (i32.load (i32.const 16)))
    (func (export "write") (param $blocks i32) (result i64) (local $fd i32) (local $sum i64)
        (local.set $fd (call $opened (i32.const 9) (i64.const 64)))
        (loop
            (if (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 24)) (then (return (i64.const -1))))
            (local.set $sum (i64.add (local.get $sum) (i64.load32_u (i32.const 24))))
            (br_if 0 (local.tee $blocks (i32.sub (local.get $blocks) (i32.const 1)))))
        (drop (call $close (local.get $fd)))
        (local.get $sum))
    (func (export "read") (result i64) (local $fd i32) (local $sum i64)
        (local.set $fd (call $opened (i32.const 0) (i64.const 2)))
        (loop
            (if (call $read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 24)) (then (return (i64.const -1))))
            (local.set $sum (i64.add (local.get $sum) (i64.load32_u (i32.const 24))))
            (br_if 0 (i32.load (i32.const 24))))
        (drop (call $close (local.get $fd)))
        (local.get $sum)))"#;

/// The program, with that folder as its only one.
fn guest(folder: &Path) -> (Store<WasiCtx>, Instance) {
    let engine = engine(Backend::default_backend().expect("a backend is built in"));
    let module = Module::new(&engine, &text(PROGRAM)).expect("the module compiles");
    let mut linker = Linker::new();
    add_to_linker(&mut linker, |context: &mut WasiCtx| context).expect("the names are new");
    let context = WasiCtxBuilder::new().dir(folder, "/").build().expect("the folder is there");
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate(&mut store, &module).expect("WASI has what it imports");
    (store, instance)
}

fn write_natively(path: &Path) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    let block = vec![0u8; BLOCK_BYTES];
    (0..BLOCKS).try_for_each(|_| file.write_all(&block))
}

fn read_natively(path: &Path) -> std::io::Result<usize> {
    let mut file = File::open(path)?;
    let mut block = vec![0u8; BLOCK_BYTES];
    let mut sum = 0;
    loop {
        match file.read(&mut block)? {
            0 => return Ok(sum),
            bytes => sum += bytes,
        }
    }
}

fn files(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("file");
    let (mut store, instance) = guest(folder.path());
    let write = instance.typed_func::<i32, i64>(&mut store, "write").expect("it has this type");
    let read = instance.typed_func::<(), i64>(&mut store, "read").expect("it has this type");
    let bytes = (BLOCKS * BLOCK_BYTES) as i64;
    let mut group = criterion.benchmark_group("wasi");
    group.sample_size(20).measurement_time(Duration::from_secs(4)).throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("write/native", |bencher| bencher.iter(|| write_natively(&path).expect("there is room")));
    group.bench_function("write/guest", |bencher| {
        bencher.iter(|| assert_eq!(write.call(&mut store, BLOCKS as i32).expect("it returns"), bytes));
    });
    group.bench_function("read/native", |bencher| {
        bencher.iter(|| assert_eq!(read_natively(&path).expect("the file is there") as i64, bytes));
    });
    group.bench_function("read/guest", |bencher| {
        bencher.iter(|| assert_eq!(read.call(&mut store, ()).expect("it returns"), bytes));
    });
    group.finish();
}

criterion_group!(benches, files);
criterion_main!(benches);
