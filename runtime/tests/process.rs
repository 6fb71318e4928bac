//! What the runtime does to the process around it: signals, mappings, threads.

mod common;

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use wasmer_runtime::*;

const TRAPPING: &str = r#"(module (memory 1) (func $work (export "work") (param i32) (result i32)
    (loop $again
        (i32.store (i32.and (local.get 0) (i32.const 0xfffc)) (local.get 0))
        (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    i32.const 42)
    (func $trap (export "trap") (drop (i32.load (i32.const -4)))))"#;

/// Reads an address that nothing is mapped at.
fn fault() {
    // SAFETY: none; that is what the test is about. The process ends here.
    unsafe { std::ptr::with_exposed_provenance::<u8>(8).read_volatile() };
}

fn trap_once() {
    for (_, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, TRAPPING);
        trap(&run(&mut store, instance, "trap"), TrapCode::MemoryOutOfBounds);
    }
}

extern "C" fn own_handler(_: libc::c_int) {
    // SAFETY: `_exit` may be called in a signal handler.
    unsafe { libc::_exit(42) };
}

#[test]
fn faults_outside_of_wasm_go_to_the_handler_before() {
    if is_child() {
        // SAFETY: installs a handler with the signature that its flags ask for.
        unsafe { libc::signal(libc::SIGSEGV, own_handler as *const () as usize) };
        trap_once();
        fault();
    }
    let output = in_child("faults_outside_of_wasm_go_to_the_handler_before");
    assert_eq!(output.status.code(), Some(42), "{output:?}");
}

#[test]
fn faults_in_host_functions_go_to_the_handler_before() {
    if is_child() {
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGSEGV, own_handler as *const () as usize) };
        let engine = engine();
        let mut linker = Linker::new();
        linker.func_wrap("host", "fault", fault).unwrap();
        let mut store = Store::new(&engine, ());
        let wat = r#"(module (import "host" "fault" (func $fault)) (func (export "run") call $fault))"#;
        let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        let _ = run(&mut store, instance, "run");
    }
    let output = in_child("faults_in_host_functions_go_to_the_handler_before");
    assert_eq!(output.status.code(), Some(42), "{output:?}");
}

#[test]
fn faults_without_a_handler_before_end_the_process() {
    if is_child() {
        // SAFETY: the default action; no core file of a test.
        unsafe {
            libc::signal(libc::SIGSEGV, libc::SIG_DFL);
            libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 });
        }
        trap_once();
        fault();
    }
    let output = in_child("faults_without_a_handler_before_end_the_process");
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
}

#[test]
fn the_interrupt_signal_goes_to_the_handler_before_when_no_wasm_runs() {
    if is_child() {
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGURG, own_handler as *const () as usize) };
        trap_once();
        // SAFETY: sends a signal to this thread.
        unsafe { libc::raise(libc::SIGURG) };
    }
    let output = in_child("the_interrupt_signal_goes_to_the_handler_before_when_no_wasm_runs");
    assert_eq!(output.status.code(), Some(42), "{output:?}");
}

#[test]
fn the_interrupt_signal_goes_to_the_handler_before_when_nobody_interrupts() {
    if is_child() {
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGURG, own_handler as *const () as usize) };
        let (mut store, instance) = instantiate(&engine(), r#"(module (func (export "run") (loop $again br $again)))"#);
        // SAFETY: asks for a number.
        let thread = unsafe { libc::gettid() };
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            // SAFETY: sends a signal to a thread of this process.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGURG) };
        });
        let _ = run(&mut store, instance, "run");
    }
    let output = in_child("the_interrupt_signal_goes_to_the_handler_before_when_nobody_interrupts");
    assert_eq!(output.status.code(), Some(42), "{output:?}");
}

/// Sends a fault's signal to this thread.
fn send_fault() {
    // SAFETY: sends a signal.
    unsafe { libc::raise(libc::SIGSEGV) };
}

/// How a process ends that has this handler for faults, runs wasm, and then does this.
fn end_after(test: &str, handler: usize, then: fn()) -> std::process::ExitStatus {
    if is_child() {
        // SAFETY: an action that is no function; no core file of a test.
        unsafe {
            libc::signal(libc::SIGSEGV, handler);
            libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 });
        }
        trap_once();
        then();
        std::process::exit(43);
    }
    in_child(test).status
}

#[test]
fn a_sent_fault_ends_the_process_by_default() {
    let status = end_after("a_sent_fault_ends_the_process_by_default", libc::SIG_DFL, send_fault);
    assert_eq!(status.signal(), Some(libc::SIGSEGV), "{status}");
}

#[test]
fn a_sent_fault_can_be_ignored() {
    let status = end_after("a_sent_fault_can_be_ignored", libc::SIG_IGN, send_fault);
    assert_eq!(status.code(), Some(43), "{status}");
}

#[test]
fn a_real_fault_cannot_be_ignored() {
    let status = end_after("a_real_fault_cannot_be_ignored", libc::SIG_IGN, fault);
    assert_eq!(status.signal(), Some(libc::SIGSEGV), "{status}");
}

fn maps() -> String {
    std::fs::read_to_string("/proc/self/maps").unwrap()
}

/// Code in anonymous memory, which only modules that stand in no file have.
fn code_mappings() -> usize {
    let is_code = |line: &&str| line.contains(" r-xp ") && !line.contains(['/', '[']);
    maps().lines().filter(is_code).count()
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_dropped_module_leaves_nothing_behind() {
    if is_child() {
        // Where better code takes over, a module has two mappings.
        let lazy = lazy_engine(Validation::Before).map(|engine| (Backend::Singlepass, engine));
        for (backend, engine) in compilers_with(|config| config).into_iter().chain(lazy) {
            // What is made once and kept.
            instantiate(&engine, TRAPPING);
            let (mappings, files, lines) = (code_mappings(), open_files(), maps().lines().count());
            assert_eq!(mappings, 0, "{}", maps());
            let module = module(&engine, TRAPPING);
            assert_eq!(code_mappings(), 1, "{}", maps());
            let mut store = Store::new(&engine, ());
            let instance = Linker::new().instantiate(&mut store, &module).unwrap();
            drop(module);
            // The instance keeps its code.
            trap(&run(&mut store, instance, "trap"), TrapCode::MemoryOutOfBounds);
            assert_eq!(code_mappings(), 1);
            drop(store);
            assert_eq!((code_mappings(), open_files()), (0, files), "{}", maps());
            let rounds = if backend == Backend::Llvm { 10 } else { 100 };
            for _ in 0..rounds {
                instantiate(&engine, TRAPPING);
            }
            assert_eq!((code_mappings(), open_files()), (0, files));
            // The allocator and the threads that compile may have mapped something for good.
            assert!(maps().lines().count() <= lines + 30, "mappings remain:\n{}", maps());
        }
        return;
    }
    let output = in_child("a_dropped_module_leaves_nothing_behind");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn no_page_is_ever_writable_and_executable() {
    let done = Arc::new(AtomicBool::new(false));
    let watcher = thread::spawn({
        let done = Arc::clone(&done);
        move || {
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) || looks == 0 {
                let maps = maps();
                let both = maps.lines().find(|line| {
                    let protection = line.split(' ').nth(1).unwrap();
                    protection.contains('w') && protection.contains('x')
                });
                assert_eq!(both, None);
                looks += 1;
            }
            looks
        }
    });
    for round in 0..20 {
        for (_, engine) in engines() {
            let mut wat = String::from("(module (memory 1) (data (i32.const 5) \"text\") (table 4 4 funcref)");
            for function in 0..50 {
                wat.push_str(&format!(
                    "(func (export \"f{function}\") (param i32) (result i32)
                        (i32.store (i32.const {function}) (local.get 0))
                        (i32.mul (local.get 0) (i32.const {round}{function})))"
                ));
            }
            wat.push(')');
            let image = engine.compile(&wasm(&wat), [0; 32], None).unwrap();
            let image = Image::from_bytes(image.as_bytes()).unwrap();
            // SAFETY: this engine just made the image.
            let module = unsafe { Module::from_image(&engine, image) }.unwrap();
            let mut store = Store::new(&engine, ());
            let instance = Linker::new().instantiate(&mut store, &module).unwrap();
            func::<_, i32, i32>(&mut store, instance, "f7").call(&mut store, 3).unwrap();
            trap_once();
        }
    }
    done.store(true, Ordering::Relaxed);
    assert!(watcher.join().unwrap() > 0);
}

#[test]
fn two_modules_compile_at_once() {
    within(60, || {
        let engine = engine();
        let (started, is_started) = mpsc::channel();
        let (finish, may_finish) = mpsc::channel::<()>();
        let may_finish = std::sync::Mutex::new(may_finish);
        let slow = thread::spawn({
            let engine = engine.clone();
            move || {
                // In the middle of its compilation this one waits for the other's end.
                let progress = move |_: usize, _: usize| {
                    let _ = started.send(());
                    let _ = may_finish.lock().unwrap().recv();
                };
                Module::with_progress(&engine, &wasm(TRAPPING), Some(&progress)).unwrap()
            }
        });
        is_started.recv().unwrap();
        let (mut store, instance) = instantiate(&engine, TRAPPING);
        assert_eq!(func::<_, i32, i32>(&mut store, instance, "work").call(&mut store, 5).unwrap(), 42);
        drop(finish);
        slow.join().unwrap();
    });
}

#[test]
fn what_may_cross_threads_may() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Engine>();
    shared::<Module>();
    shared::<Linker<()>>();
    shared::<InterruptHandle>();
    shared::<SharedMemory>();
    shared::<Func>();
    shared::<Instance>();
    shared::<Memory>();
    shared::<Table>();
    shared::<Global>();
    shared::<ExternRef>();
    shared::<Error>();
    sent::<Store<()>>();
    sent::<Store<std::cell::Cell<u32>>>();
}

#[test]
fn many_threads_run_their_own_stores() {
    for (_, engine) in engines() {
        let module = module(&engine, TRAPPING);
        thread::scope(|scope| {
            for seed in 0..16 {
                let (engine, module) = (&engine, &module);
                scope.spawn(move || {
                    for round in 1..20 {
                        let mut store = Store::new(engine, seed);
                        let instance = Linker::new().instantiate(&mut store, module).unwrap();
                        let work = func::<_, i32, i32>(&mut store, instance, "work");
                        assert_eq!(work.call(&mut store, 100 * round + seed).unwrap(), 42);
                        trap(&run(&mut store, instance, "trap"), TrapCode::MemoryOutOfBounds);
                    }
                });
            }
        });
    }
}

#[test]
fn stores_move_between_threads() {
    for (_, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, TRAPPING);
        for round in 1..20 {
            store = thread::spawn(move || {
                let work = func::<_, i32, i32>(&mut store, instance, "work");
                assert_eq!(work.call(&mut store, round).unwrap(), 42);
                trap(&run(&mut store, instance, "trap"), TrapCode::MemoryOutOfBounds);
                store
            })
            .join()
            .unwrap();
        }
        // And its guest is interrupted on the thread where it is now.
        let handle = store.interrupt_handle();
        let moved = thread::spawn(move || func::<_, i32, i32>(&mut store, instance, "work").call(&mut store, 0));
        thread::sleep(Duration::from_millis(5));
        handle.interrupt();
        assert!(matches!(moved.join().unwrap(), Ok(42) | Err(Error::Trap(_))));
    }
}

#[test]
fn stores_of_different_stack_sizes_share_threads() {
    let sizes = [64 << 10, 1 << 20, 256 << 10, 2 << 20];
    let engines: Vec<_> = sizes.into_iter().map(|bytes| engines_with(|config| config.stack_bytes(bytes))).collect();
    for engine in engines.iter().flatten().chain(engines.iter().rev().flatten()) {
        let (mut store, instance) = instantiate(
            &engine.1,
            r#"(module (func $down (export "down") (param i32) (call $down2)) (func $down2 (call $down3)) (func $down3 (call $down2)) (func (export "run") (call $down (i32.const 1))))"#,
        );
        trap(&run(&mut store, instance, "run"), TrapCode::StackOverflow);
    }
}

#[test]
fn an_ending_thread_may_still_run_wasm() {
    struct Last(Store<()>, Instance);

    impl Drop for Last {
        fn drop(&mut self) {
            // The thread's stack for wasm may be gone already: that is an error, not a crash.
            match func::<_, i32, i32>(&mut self.0, self.1, "work").call(&mut self.0, 3) {
                Ok(value) => assert_eq!(value, 42),
                Err(error) => assert!(format!("{error:#}").contains("ending"), "{error:#}"),
            }
            let result = run(&mut self.0, self.1, "trap");
            assert!(matches!(result, Err(Error::Trap(_) | Error::Host(_))));
        }
    }

    thread_local! {
        static EARLY: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
        static LATE: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
    }

    for (_, engine) in engines() {
        let module = module(&engine, TRAPPING);
        let keep = move || {
            let last = || {
                let mut store = Store::new(&engine, ());
                let instance = Linker::new().instantiate(&mut store, &module).unwrap();
                Last(store, instance)
            };
            EARLY.set(Some(last()));
            let mut now = last();
            trap(&run(&mut now.0, now.1, "trap"), TrapCode::MemoryOutOfBounds);
            LATE.set(Some(now));
        };
        thread::spawn(keep).join().unwrap();
    }
}

/// Blocks every signal on this thread, as servers do that take them on a thread of their own.
fn block_all_signals() {
    // SAFETY: the set is initialised before it is used.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut()), 0);
    }
}

#[test]
fn guests_trap_and_end_on_threads_that_block_signals() {
    let wat = r#"(module (memory 1) (func (export "unreachable") unreachable) (func (export "bounds") (drop (i32.load (i32.const -4))))
        (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0)))) (func $down (export "down") call $down)
        (func (export "spin") (loop $again br $again)))"#;
    for (_, engine) in engines() {
        let module = module(&engine, wat);
        let check = move || {
            let mut store = Store::new(&engine, ());
            let instance = Linker::new().instantiate(&mut store, &module).unwrap();
            trap(&run(&mut store, instance, "unreachable"), TrapCode::Unreachable);
            trap(&run(&mut store, instance, "bounds"), TrapCode::MemoryOutOfBounds);
            trap(&run(&mut store, instance, "divide"), TrapCode::IntegerDivideByZero);
            trap(&run(&mut store, instance, "down"), TrapCode::StackOverflow);
            let handle = store.interrupt_handle();
            let timer = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                handle.interrupt();
            });
            trap(&run(&mut store, instance, "spin"), TrapCode::Interrupted);
            timer.join().unwrap();
        };
        within(20, move || {
            block_all_signals();
            check();
            // The next store is not impressed by what happened since.
            block_all_signals();
            check();
            // SAFETY: asks for the mask.
            unsafe {
                let mut mask = std::mem::zeroed();
                libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
                let blocked = |signal| libc::sigismember(&mask, signal) == 1;
                assert!(blocked(libc::SIGTERM) && blocked(libc::SIGUSR1), "other signals stay as they were");
                assert!(!blocked(libc::SIGSEGV) && !blocked(libc::SIGURG));
            }
        });
    }
}
