//! What one instance of a module wrote, no later one sees: memories are used again.

use crate::common::*;
use wasmer_runtime::*;

/// Data in the middle of a memory of three pages, and ways to spoil all of it.
const WASM: &str = r#"(module
    (memory (export "memory") 3 100)
    (data (i32.const 65530) "initial contents")
    (func (export "spoil")
        (drop (memory.grow (i32.const 5)))
        (memory.fill (i32.const 0) (i32.const 0xee) (i32.mul (memory.size) (i32.const 65536))))
    (func (export "read") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;

fn expected() -> Vec<u8> {
    let mut bytes = vec![0; 3 << 16];
    bytes[65530..65546].copy_from_slice(b"initial contents");
    bytes
}

fn check_and_spoil(engine: &Engine, module: &Module, limits: StoreLimits) {
    let mut store = Store::with_limits(engine, (), limits);
    let instance = Linker::new().instantiate(&mut store, module).unwrap();
    let memory = instance.memory(&mut store, "memory").unwrap();
    assert!(memory.data(&store).unwrap() == expected(), "not the initial contents");
    let read = func::<_, i32, i32>(&mut store, instance, "read");
    assert_eq!(read.call(&mut store, 65530).unwrap(), i32::from(b'i'));
    let Err(Error::Trap(trap)) = read.call(&mut store, 3 << 16) else { panic!("beyond the end") };
    assert_eq!(trap.code, TrapCode::MemoryOutOfBounds);
    run(&mut store, instance, "spoil").unwrap();
    assert!(memory.data(&store).unwrap().iter().all(|byte| *byte == 0xee));
}

#[test]
fn later_instances_start_with_the_initial_contents() {
    for (_, engine) in engines() {
        let module = module(&engine, WASM);
        for round in 0..5 {
            // The limit is the store's, whichever memory it gets.
            let pages = if round % 2 == 0 { 8 } else { 4 };
            let limits = StoreLimits::new().memory_bytes_max(pages << 16);
            check_and_spoil(&engine, &module, limits);
        }
    }
}

#[test]
fn instances_of_several_threads_do_not_meet() {
    let engine = engine();
    let module = module(&engine, WASM);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| check_and_spoil(&engine, &module, StoreLimits::default())));
        }
    });
}

#[test]
fn memories_outlive_their_module() {
    let engine = engine();
    let module = module(&engine, WASM);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    drop(module);
    run(&mut store, instance, "spoil").unwrap();
    let memory = instance.memory(&mut store, "memory").unwrap();
    assert_eq!(memory.data(&store).unwrap().len(), 8 << 16);
}
