//! `wasmer run --trace-calls`: calls between a program and its host, a line for each on standard error.

use wasmer_runtime::wasi::{Errno, Snapshot, WasiCtx};
use wasmer_runtime::{CallEvent, Linker, Val, wast};

use crate::args::{RunArgs, TraceArg};
use crate::output;

/// Traces what the program calls. The line comes when the call is over, so that what the call itself prints stands before it.
pub(crate) fn imports(linker: &mut Linker<WasiCtx>, which: TraceArg) {
    linker.observe(move |module, name, event| {
        let is_wasi = Snapshot::from_module_name(module).is_some();
        if which == TraceArg::Wasi && !is_wasi {
            return;
        }
        thread_local! {
            static ARGUMENTS: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
        }
        // A host function that calls the guest is called by it again meanwhile: so they are a stack.
        let began = |arguments: &[Val]| ARGUMENTS.with_borrow_mut(|all| all.push(list(arguments)));
        let ended = || ARGUMENTS.with_borrow_mut(Vec::pop).unwrap_or_default();
        match event {
            CallEvent::Call(arguments) => began(arguments),
            CallEvent::Return(results) => {
                let meaning = if is_wasi { meaning(results) } else { String::new() };
                say(&format!("{module}.{name}({}) {}{meaning}", ended(), returned(results)));
            }
            CallEvent::End => say(&format!("{module}.{name}({}) ends the program", ended())),
        }
    });
}

/// Traces what the program is called by, if that is asked for.
pub(crate) struct Exports {
    is_on: bool,
}

impl Exports {
    pub(crate) fn of(args: &RunArgs) -> Self {
        Self { is_on: args.trace_calls == Some(TraceArg::All) }
    }

    /// A call of an export, which says what it returned besides.
    pub(crate) fn call<R>(
        &self,
        name: &str,
        arguments: &[Val],
        call: impl FnOnce() -> anyhow::Result<(R, Vec<Val>)>,
    ) -> anyhow::Result<R> {
        if self.is_on {
            say(&format!("{name}({})", list(arguments)));
        }
        let outcome = call();
        if self.is_on {
            match &outcome {
                Ok((_, results)) => say(&format!("{name} {}", returned(results))),
                Err(_) => say(&format!("{name} was ended")),
            }
        }
        Ok(outcome?.0)
    }
}

fn say(line: &str) {
    output::note(&format!("[call] {line}"));
}

/// Values as the command takes and prints them.
fn list(values: &[Val]) -> String {
    values.iter().map(wast::text).collect::<Vec<_>>().join(", ")
}

fn returned(results: &[Val]) -> String {
    if results.is_empty() { "returned".to_owned() } else { format!("-> {}", list(results)) }
}

/// What an error code says.
fn meaning(results: &[Val]) -> String {
    let code = results.first().and_then(Val::i32);
    let known = code.and_then(|code| Errno::ALL.iter().find(|errno| **errno as i32 == code));
    known.map(|errno| format!(" ({})", errno.text())).unwrap_or_default()
}
