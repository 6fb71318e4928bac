//! What the tests of the embedding interface share.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod executor;

use std::process::{Command, Output};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wasmer_runtime::{
    Backend, Engine, EngineConfig, Error, Extern, Frame, Instance, Linker, Module, Result, Store, Trap, TrapCode,
    TypedFunc, Validation, WasmTyList,
};

/// An engine for each backend that this build contains.
pub(crate) fn engines() -> Vec<(Backend, Engine)> {
    engines_with(|config| config)
}

/// The same, with other settings, and once more for Singlepass compiling functions when they are called, with Cranelift's code taking over from it at random.
pub(crate) fn engines_with(change: impl Fn(EngineConfig) -> EngineConfig) -> Vec<(Backend, Engine)> {
    let mut engines = compilers_with(&change);
    let lazy = Backend::built().filter(|backend| *backend == Backend::Singlepass);
    engines.extend(lazy.map(|backend| {
        let config = change(backend.config().unwrap().lazy(Validation::Before));
        let better = Backend::built().find(|better| *better == Backend::Cranelift);
        let config = match better {
            Some(better) => config.switching(Engine::new(change(better.config().unwrap())).unwrap(), 17),
            None => config,
        };
        (backend, Engine::new(config).unwrap())
    }));
    engines
}

/// An engine for each backend, for what is only compiled.
pub(crate) fn compilers_with(change: impl Fn(EngineConfig) -> EngineConfig) -> Vec<(Backend, Engine)> {
    let engines = Backend::built().map(|backend| (backend, Engine::new(change(backend.config().unwrap())).unwrap()));
    engines.collect()
}

/// An engine that compiles functions when they are called, if this build has such a compiler.
pub(crate) fn lazy_engine(validation: Validation) -> Option<Engine> {
    lazy_engine_with(|config| config.lazy(validation))
}

/// The same, with bodies validated before unless other settings say something else.
pub(crate) fn lazy_engine_with(change: impl Fn(EngineConfig) -> EngineConfig) -> Option<Engine> {
    let backend = Backend::built().find(|backend| *backend == Backend::Singlepass)?;
    Some(Engine::new(change(backend.config().unwrap().lazy(Validation::Before))).unwrap())
}

/// So many functions `f0`, `f1`, … that return their number or, if their argument is not zero, call `g0`, `g1`, …, which add it. There is so much of them, with what
/// nobody calls, that a thread compiles ahead.
pub(crate) fn fan(len: usize) -> String {
    let pair = |index: usize| {
        format!(
            "(func (export \"f{index}\") (param i32) (result i32)
                (if (result i32) (local.get 0) (then (call $g{index} (local.get 0))) (else (i32.const {index}))))
            (func $g{index} (param i32) (result i32) (i32.add (local.get 0) (i32.const {index})))\n"
        )
    };
    let never_called = "(drop (i64.const 0x7000000000000000))".repeat(6000);
    format!("(module {} (func {never_called}))", (0..len).map(pair).collect::<String>())
}

/// The engine of the default backend.
pub(crate) fn engine() -> Engine {
    wasmer_runtime::default_engine().unwrap()
}

/// Text to binary.
pub(crate) fn wasm(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

/// Compiles text.
pub(crate) fn module(engine: &Engine, wat: &str) -> Module {
    Module::new(engine, &wasm(wat)).unwrap()
}

/// A store with one instance of a module that imports nothing.
pub(crate) fn instantiate(engine: &Engine, wat: &str) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let instance = Linker::new().instantiate(&mut store, &module(engine, wat)).unwrap();
    (store, instance)
}

/// An exported function whose type is known.
pub(crate) fn func<T: 'static, P: WasmTyList, R: WasmTyList>(
    store: &mut Store<T>,
    instance: Instance,
    name: &str,
) -> TypedFunc<P, R> {
    instance.typed_func(store, name).unwrap()
}

/// Calls an exported function without parameters and results.
pub(crate) fn run<T: 'static>(store: &mut Store<T>, instance: Instance, name: &str) -> Result<()> {
    instance.typed_func::<(), ()>(store, name).unwrap().call(store, ())
}

/// An export.
pub(crate) fn export<T: 'static>(store: &mut Store<T>, instance: Instance, name: &str) -> Extern {
    instance.export(store, name).unwrap_or_else(|| panic!("no export `{name}`"))
}

/// The trap that a failed call must have ended with.
pub(crate) fn trap<R>(result: &Result<R>, code: TrapCode) -> &Trap {
    match result {
        Ok(_) => panic!("the call returned, but had to trap as `{code}`"),
        Err(Error::Trap(trap)) => {
            assert_eq!(trap.code, code, "{trap}");
            trap
        }
        Err(other) => panic!("`{other}` is not the trap `{code}`"),
    }
}

/// Offsets of the operators of a defined function whose debug text starts with `name`.
pub(crate) fn operator_offsets(wasm: &[u8], defined: usize, name: &str) -> Vec<u32> {
    let mut bodies = wasmparser::Parser::new(0).parse_all(wasm).filter_map(|payload| match payload.unwrap() {
        wasmparser::Payload::CodeSectionEntry(body) => Some(body),
        _ => None,
    });
    let operators = bodies.nth(defined).unwrap().get_operators_reader().unwrap().into_iter_with_offsets();
    let found = operators.filter_map(|item| {
        let (operator, offset) = item.unwrap();
        format!("{operator:?}").starts_with(name).then_some(offset as u32)
    });
    found.collect()
}

/// Names and wasm offsets of frames.
pub(crate) fn places(frames: &[Frame]) -> Vec<(String, u32)> {
    let place = |frame: &Frame| {
        let name = frame.name.clone().unwrap_or_else(|| format!("func[{}]", frame.function));
        (name, frame.wasm_offset.unwrap_or(u32::MAX))
    };
    frames.iter().map(place).collect()
}

/// Runs on a thread of its own; panics if that takes longer than `seconds`.
pub(crate) fn within<R: Send + 'static>(seconds: u64, run: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || sender.send(run()));
    match receiver.recv_timeout(Duration::from_secs(seconds)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("still running after {seconds} seconds"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match worker.join() {
            Err(payload) => std::panic::resume_unwind(payload),
            Ok(_) => unreachable!("the result was sent before"),
        },
    }
}

const CHILD: &str = "WASMER_TEST_CHILD";

/// Whether this process was started by [`in_child`].
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs one test of this binary again, alone in a process of its own, where [`is_child`] holds.
pub(crate) fn in_child(test: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    let output = command.output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("running 0 tests"), "no test is called `{test}`");
    output
}

/// Keeps the signal of interrupts from this thread, or lets it through again: meanwhile only what looks for them notices interrupts.
pub(crate) fn hold_interrupts(held: bool) {
    let how = if held { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    let mut signals = std::mem::MaybeUninit::uninit();
    // SAFETY: the set is initialised by the first call.
    let result = unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGURG);
        libc::pthread_sigmask(how, signals.as_ptr(), std::ptr::null_mut())
    };
    assert_eq!(result, 0);
}
