//! Programs that fork: each child runs guests as its parent does, and neither sees the other.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::*;
use wasmer_runtime::*;

const GUEST: &str = r#"(module $guest (memory (export "memory") 1 4) (table (export "table") 2 funcref) (elem (i32.const 0) $answer)
    (data (i32.const 16) "initial")
    (type $number (func (result i32)))
    (func $answer (type $number) i32.const 42)
    (func (export "answer") (result i32) (call_indirect (type $number) (i32.const 0)))
    (func (export "grow") (drop (memory.grow (i32.const 1))) (memory.fill (i32.const 0) (i32.const 1) (i32.const 131072)))
    (func (export "trap") (drop (i32.load (i32.const -4))))
    (func $down (export "down") call $down)
    (func (export "spin") (loop $again br $again)))"#;

/// Seconds after which a child counts as hanging.
const HANGING: u32 = 20;

/// Runs in a child of this process, and says how that ended: 0, or the signal. A child that hangs ends by `SIGALRM`.
fn forked(run: impl FnOnce()) -> libc::c_int {
    // SAFETY: the test is about what may be done in the child; it runs no destructors of its parent's.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            libc::alarm(HANGING);
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            libc::_exit(if result.is_ok() { 0 } else { 99 });
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        status
    }
}

fn interrupt_after(time: Duration, handle: InterruptHandle) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        thread::sleep(time);
        handle.interrupt();
    })
}

/// Everything that a guest can do, with a store that is there or a new one.
fn exercise(engine: &Engine, module: &Module, store: &mut Store<()>, instance: Instance) {
    assert_eq!(func::<_, (), i32>(store, instance, "answer").call(store, ()).unwrap(), 42);
    trap(&run(store, instance, "trap"), TrapCode::MemoryOutOfBounds);
    trap(&run(store, instance, "down"), TrapCode::StackOverflow);
    run(store, instance, "grow").unwrap();
    let timer = interrupt_after(Duration::from_millis(2), store.interrupt_handle());
    trap(&run(store, instance, "spin"), TrapCode::Interrupted);
    timer.join().unwrap();
    store.clear_interrupt();
    for _ in 0..3 {
        let mut store = Store::new(engine, ());
        let instance = Linker::new().instantiate(&mut store, module).unwrap();
        let memory = instance.memory(&mut store, "memory").unwrap();
        assert_eq!(memory.data(&store).unwrap()[16..24], *b"initial\0");
        run(&mut store, instance, "grow").unwrap();
    }
}

/// A server that forks its workers: the children of a process whose other threads load, run, drop and compile modules all the time.
#[test]
fn a_pre_fork_server_works() {
    if !is_child() {
        let output = in_child("a_pre_fork_server_works");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    for (backend, engine) in engines() {
        let rounds = if backend == Backend::Llvm { 20 } else { 60 };
        let image = engine.compile(&wasm(GUEST), [0; 32], None).unwrap();
        let (mut store, instance) = instantiate(&engine, GUEST);
        let load = || {
            // SAFETY: this engine just made the image.
            unsafe { Module::from_image(&engine, Image::from_bytes(image.as_bytes()).unwrap()) }.unwrap()
        };
        let module = load();
        exercise(&engine, &module, &mut store, instance);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let module = load();
                        let mut store = Store::new(&engine, ());
                        let mut linker = Linker::new();
                        linker.func_wrap("host", "unused", |_: i64, _: f32| 0i32).unwrap();
                        let instance = linker.instantiate(&mut store, &module).unwrap();
                        trap(&run(&mut store, instance, "trap"), TrapCode::MemoryOutOfBounds);
                        store.interrupt_handle().interrupt();
                    }
                });
            }
            let failed = (0..rounds).map(|_| {
                forked(|| {
                    exercise(&engine, &module, &mut store, instance);
                    // LLVM itself keeps locks that nobody may hold at a fork.
                    let fresh = if backend == Backend::Llvm { load() } else { common::module(&engine, GUEST) };
                    let mut store = Store::new(&engine, ());
                    let instance = Linker::new().instantiate(&mut store, &fresh).unwrap();
                    exercise(&engine, &fresh, &mut store, instance);
                })
            });
            let failed: Vec<_> = failed.filter(|status| *status != 0).collect();
            stop.store(true, Ordering::Relaxed);
            assert!(failed.is_empty(), "{backend}: how children ended: {failed:?}");
        });
        exercise(&engine, &module, &mut store, instance);
    }
}

#[test]
fn a_fork_in_a_host_function_goes_on_twice() {
    for (_, engine) in engines() {
        let mut linker = Linker::new();
        // The child goes on in the guest, which spins there until it is interrupted.
        linker
            .func_wrap("host", "fork", |mut caller: Caller<'_, Option<InterruptHandle>>| {
                // SAFETY: see `forked`.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    // SAFETY: ends the process if it hangs.
                    unsafe { libc::alarm(HANGING) };
                    interrupt_after(Duration::from_millis(20), caller.data_mut().take().unwrap());
                }
                child
            })
            .unwrap();
        let wat = r#"(module (import "host" "fork" (func $fork (result i32)))
            (func (export "run") (result i32) (local i32)
                (if (i32.eqz (local.tee 0 (call $fork))) (then (loop $again br $again)))
                local.get 0))"#;
        let mut store = Store::new(&engine, None);
        *store.data_mut() = Some(store.interrupt_handle());
        let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        let result = func::<_, (), i32>(&mut store, instance, "run").call(&mut store, ());
        let Ok(child) = result else {
            let is_interrupted = result.is_err_and(|error| error.as_trap().unwrap().code == TrapCode::Interrupted);
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(if is_interrupted { 3 } else { 4 }) }
        };
        let mut status = 0;
        // SAFETY: waits for our own child.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(libc::WEXITSTATUS(status), 3, "{status}");
    }
}

#[test]
fn what_a_child_writes_does_not_reach_its_parent() {
    let wat = r#"(module (import "m" "shared" (memory $shared 1 2 shared)) (memory $own (export "own") 1) (data (memory $own) (i32.const 0) "own")
        (global $global (export "global") (mut i32) (i32.const 1)) (table $table (export "table") 1 funcref) (elem declare func $write)
        (func $write (export "write")
            (i32.store $shared (i32.const 8) (i32.const 2))
            (i32.store $own (i32.const 0) (i32.const 2))
            (i32.store $own (i32.const 4096) (i32.const 2))
            (drop (memory.grow $shared (i32.const 1)))
            (table.set $table (i32.const 0) (ref.func $write))
            (global.set $global (i32.const 2))))"#;
    let engine = engine();
    let mut store = Store::new(&engine, ());
    let limits = Limits { min: 1, max: Some(2) };
    let shared = MemoryType { limits, index: Width::W32, shared: true, page_size_log2: 16 };
    let shared = Memory::new(&mut store, shared).unwrap();
    let mut linker = Linker::new();
    linker.define("m", "shared", shared).unwrap();
    let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
    assert_eq!(forked(|| run(&mut store, instance, "write").unwrap()), 0);
    let own = instance.memory(&mut store, "own").unwrap();
    let own = own.data(&store).unwrap();
    assert_eq!((&own[..4], own[4096]), (&b"own\0"[..], 0));
    assert_eq!(shared.len_bytes(&store).unwrap(), 1 << 16);
    // SAFETY: nobody writes to the memory now.
    assert_eq!(unsafe { shared.raw_parts(&store).unwrap().0.add(8).read() }, 0);
    assert_eq!(export(&mut store, instance, "global").global().unwrap().get(&store).unwrap().i32(), Some(1));
    let element = export(&mut store, instance, "table").table().unwrap().get(&mut store, 0).unwrap();
    assert!(matches!(element, Some(Val::FuncRef(None))));
}

/// A thread that sleeps on an address is not in the child, and takes no notification from those that sleep there.
#[test]
fn the_parents_sleepers_do_not_sleep_in_the_child() {
    let wat = r#"(module (import "m" "shared" (memory 1 1 shared))
        (func (export "wait") (result i32) (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1)))
        (func (export "notify") (result i32) (memory.atomic.notify (i32.const 8) (i32.const 1))))"#;
    let engine = engine();
    let module = Arc::new(module(&engine, wat));
    let limits = Limits { min: 1, max: Some(1) };
    let ty = MemoryType { limits, index: Width::W32, shared: true, page_size_log2: 16 };
    let mut store = Store::new(&engine, ());
    let shared = Memory::new(&mut store, ty).unwrap().to_shared(&store).unwrap().unwrap();
    let start = {
        let (engine, module, shared) = (engine.clone(), Arc::clone(&module), shared.clone());
        move || {
            let mut store = Store::new(&engine, ());
            let mut linker = Linker::new();
            let memory = Memory::from_shared(&mut store, &shared);
            linker.define("m", "shared", memory).unwrap();
            let instance = linker.instantiate(&mut store, &module).unwrap();
            (store, instance)
        }
    };
    let sleep = || {
        let start = start.clone();
        let (sender, receiver) = std::sync::mpsc::channel();
        let sleeper = thread::spawn(move || {
            let (mut store, instance) = start();
            sender.send(store.interrupt_handle()).unwrap();
            func::<_, (), i32>(&mut store, instance, "wait").call(&mut store, ())
        });
        let handle = receiver.recv().unwrap();
        thread::sleep(Duration::from_millis(50));
        (sleeper, handle)
    };
    let (sleeper, handle) = sleep();
    let status = forked(|| {
        let (sleeper, _) = sleep();
        let (mut store, instance) = start();
        let notify = func::<_, (), i32>(&mut store, instance, "notify");
        while notify.call(&mut store, ()).unwrap() == 0 {
            thread::yield_now();
        }
        assert_eq!(sleeper.join().unwrap().unwrap(), 0);
        assert_eq!(notify.call(&mut store, ()).unwrap(), 0);
    });
    assert_eq!(status, 0);
    handle.interrupt();
    trap(&sleeper.join().unwrap(), TrapCode::Interrupted);
}

/// A thread of the parent compiles functions ahead, which there is not in the child: that compiles for itself what the thread had begun, and puts it
/// where the parent's code never is.
#[test]
fn children_compile_what_was_begun_ahead() {
    const LEN: usize = 200;
    let Some(engine) = lazy_engine_with(|config| config.threads(2)) else { return };
    let wasm = wasm(&fan(LEN));
    for round in 0..20 {
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        let call = |store: &mut Store<()>, index: usize, argument: i32| {
            let result = func::<_, i32, i32>(store, instance, &format!("f{index}")).call(store, argument);
            assert_eq!(result.unwrap(), index as i32 + argument);
        };
        (0..8 + round * 5).for_each(|index| call(&mut store, index, 0));
        let child = || {
            (0..LEN).rev().for_each(|index| call(&mut store, index, 1));
            (0..LEN).for_each(|index| call(&mut store, index, 2));
        };
        assert_eq!(forked(child), 0);
        (0..LEN).for_each(|index| call(&mut store, index, 2));
        assert_eq!(module.functions_compiled(), Some(2 * LEN));
    }
}

/// Where no file may be as long as the room for code, code has pages of its own.
#[test]
fn functions_are_compiled_where_files_are_limited() {
    let Some(engine) = lazy_engine_with(|config| config.threads(2)) else { return };
    let wasm = wasm(&fan(50));
    let child = || {
        let limit = libc::rlimit { rlim_cur: 1 << 16, rlim_max: 1 << 16 };
        // SAFETY: the limit is only read.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        for index in 0..50 {
            let call = func::<_, i32, i32>(&mut store, instance, &format!("f{index}"));
            assert_eq!(call.call(&mut store, 1).unwrap(), index + 1);
        }
        assert_eq!(module.functions_compiled(), Some(100));
    };
    assert_eq!(forked(child), 0);
}

/// A child has what had gone over to better code at the fork, and no thread that goes on with that.
#[test]
fn children_have_what_has_gone_over() {
    const LEN: usize = 60;
    let Some(engine) = lazy_engine_with(|config| config.threads(2)) else { return };
    let Some(better) = Backend::built().find(|backend| *backend == Backend::Cranelift) else { return };
    let better = Engine::new(better.config().unwrap()).unwrap();
    let wasm = wasm(&fan(LEN));
    for round in 0..10 {
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        let call = |store: &mut Store<()>, index: usize, argument: i32| {
            let result = func::<_, i32, i32>(store, instance, &format!("f{index}")).call(store, argument);
            assert_eq!(result.unwrap(), index as i32 + argument);
        };
        module.improve_gradually(&better).unwrap();
        // The thread is at another point each time.
        while module.functions_improved() < Some(round * 5) {
            (0..LEN / 2).for_each(|index| call(&mut store, index, 1));
        }
        let child = || {
            for argument in 0..3 {
                (0..LEN).rev().for_each(|index| call(&mut store, index, argument));
            }
        };
        assert_eq!(forked(child), 0);
        (0..LEN).for_each(|index| call(&mut store, index, 2));
    }
}
