//! What a call takes, from the host to wasm and back, in C beside Rust: `cargo bench -p wasmer-c-api`.

#[path = "../tests/support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod support;

use std::pin::pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use wasmer_runtime::{Backend, Caller, Engine, Extern, Func, FuncType, Instance, Module, Store, Val, ValType};

const CALLS: i32 = 1_000_000;
const ROUNDS: usize = 7;

fn main() {
    // Without it cargo only wants to know whether it runs.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    support::write_modules(folder.path());
    let wasm = std::fs::read(folder.path().join("speed.wasm")).unwrap();
    let engine = Engine::new(Backend::default_backend().unwrap().config().unwrap()).unwrap();
    let module = Module::new(&engine, &wasm).unwrap();

    let mut store = Store::new(&engine, ());
    let typed_host = Func::wrap(&mut store, |value: i32| value + 1).unwrap();
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    let add = |_: Caller<'_, ()>, params: &[Val], results: &mut [Val]| {
        results[0] = Val::I32(params[0].i32().unwrap() + 1);
        Ok(())
    };
    let untyped_host = Func::new(&mut store, ty, add).unwrap();
    let hosts = [typed_host, untyped_host];
    let instances = hosts.map(|host| Instance::new(&mut store, &module, &[Extern::from(host)]).unwrap());
    let typed = instances[0].typed_func::<i32, i32>(&mut store, "add").unwrap();
    let untyped = typed.func();

    // Each call waits for the result of the one before, in C as well.
    let into_typed = best(|| {
        let last = (0..CALLS).fold(0, |value, _| typed.call(&mut store, value).unwrap());
        assert_eq!(last, CALLS);
    });
    let into_untyped = best(|| {
        let mut results = [Val::I32(0)];
        for _ in 0..CALLS {
            let value = results[0].i32().unwrap();
            untyped.call(&mut store, &[Val::I32(value)], &mut results).unwrap();
        }
        assert_eq!(results[0].i32(), Some(CALLS));
    });
    let into_waiting = best(|| {
        let last = ready(async {
            let mut value = 0;
            for _ in 0..CALLS {
                value = typed.call_async(&mut store, value).await.unwrap();
            }
            value
        });
        assert_eq!(last, CALLS);
    });
    println!(
        "Rust to wasm {into_typed:.1} ns typed, {into_untyped:.1} ns untyped, {into_waiting:.1} ns where it could wait"
    );
    let [out_typed, out_untyped] = instances.map(|instance| {
        let run = instance.typed_func::<i32, i32>(&mut store, "loop").unwrap();
        best(|| _ = std::hint::black_box(run.call(&mut store, CALLS).unwrap()))
    });
    println!("wasm to Rust {out_typed:.1} ns typed, {out_untyped:.1} ns untyped");
    if let Some(compiler) = support::compiler() {
        let objects: Vec<_> =
            support::sources().iter().map(|source| support::compile(&compiler, source, folder.path())).collect();
        let program = folder.path().join("static");
        support::link_static(&compiler, &objects, &support::libraries()[0], &program);
        print!("{}", support::run(Command::new(&program).arg(folder.path()).arg("speed")));
    }
}

/// What a future ends with that does not wait.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// Nanoseconds of a call, in the best of the rounds.
fn best(mut round: impl FnMut()) -> f64 {
    let mut time = || {
        let start = Instant::now();
        round();
        start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    };
    (0..ROUNDS).map(|_| time()).fold(f64::INFINITY, f64::min)
}
