//! `wasmer compile --emit`: what the compilers make of functions, for reading.

mod asm;
mod forms;
mod html;
mod mixed;
mod view;

use anyhow::{Context, bail};
use wasmer_runtime::{Backend, Engine, EngineConfig, FuncIdx, IrRequest, IrStage, ModuleSummary};

use crate::args::{BackendArgs, CompileArgs, EmitArg};
use crate::exit::ExitCode;
use crate::load::{config, read_module};
use crate::{load, output, suggest, worker};
use view::View;

/// Writes functions to the output file, or to standard output.
pub(crate) fn emit(args: &CompileArgs, what: EmitArg) -> anyhow::Result<ExitCode> {
    let stage = if args.unoptimized { IrStage::Translated } else { IrStage::Optimized };
    check(what, stage)?;
    let text = match what {
        EmitArg::Html => html::page(&View::new(args, &backends(args)?, stage, html::BODY_BYTES_MAX)?, &args.module),
        EmitArg::Mixed => mixed::listing(&View::new(args, &[load::backend(&args.backend)?], stage, usize::MAX)?),
        EmitArg::Asm | EmitArg::Clif | EmitArg::LlvmIr => plain(args, what, stage)?,
    };
    match &args.output {
        Some(path) => output::to(path, text.as_bytes())?,
        None => output::data(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Functions in one form.
fn plain(args: &CompileArgs, what: EmitArg, stage: IrStage) -> anyhow::Result<String> {
    let engine = engine(args, backend(args, what)?, |config| config)?;
    match what {
        EmitArg::Clif => check_form(&engine, "clif", Backend::Cranelift)?,
        EmitArg::LlvmIr => check_form(&engine, "llvm-ir", Backend::Llvm)?,
        EmitArg::Asm | EmitArg::Mixed | EmitArg::Html => {}
    }
    let wasm = read_module(&args.module)?;
    let refused = || format!("could not compile `{}`", args.module.display());
    let summary = ModuleSummary::of(&wasm, engine.features()).with_context(refused)?;
    let request = IrRequest { stage, functions: functions(&args.function, &summary)? };
    if what == EmitArg::Asm {
        return Ok(asm::listing(&view::image(&engine, &wasm).with_context(refused)?, &request));
    }
    engine.emit_ir(&wasm, &request).with_context(refused)
}

/// The engine of the arguments with this backend.
fn engine(
    args: &CompileArgs,
    backend: Backend,
    setting: impl FnOnce(EngineConfig) -> EngineConfig,
) -> anyhow::Result<Engine> {
    let backend = BackendArgs { backend: backend.name().to_owned() };
    let mut config = config(&backend, &args.features, args.cpu, args.compile_timeout)?.fuel(args.fuel);
    if let Some(threads) = args.threads {
        config = config.threads(threads as usize);
    }
    Ok(Engine::new(setting(config))?)
}

/// The backend that the user names, or else all that there are: a page has room for them.
fn backends(args: &CompileArgs) -> anyhow::Result<Vec<Backend>> {
    if args.backend.backend == load::AUTO {
        return Ok(Backend::ALL.into_iter().filter(|backend| worker::is_available(*backend)).collect());
    }
    Ok(vec![load::backend(&args.backend)?])
}

/// The backend that the user names, or else the one that has what is asked for.
fn backend(args: &CompileArgs, what: EmitArg) -> anyhow::Result<Backend> {
    match what {
        EmitArg::Clif if args.backend.backend == load::AUTO => Ok(Backend::Cranelift),
        EmitArg::LlvmIr if args.backend.backend == load::AUTO => Ok(Backend::Llvm),
        _ => load::backend(&args.backend),
    }
}

/// What cannot be shown, whichever the backend.
fn check(what: EmitArg, stage: IrStage) -> anyhow::Result<()> {
    let is_code = matches!(what, EmitArg::Asm | EmitArg::Mixed);
    if is_code && stage == IrStage::Translated {
        bail!(
            "machine code has no unoptimized form\nhint: `--unoptimized` goes with `--emit clif`, `llvm-ir` and `html`"
        );
    }
    if (is_code || matches!(what, EmitArg::Html)) && std::env::consts::ARCH != "x86_64" {
        bail!("machine code can only be shown for x86_64, not for {}", std::env::consts::ARCH);
    }
    Ok(())
}

/// That a backend has the intermediate form that is asked for.
fn check_form(engine: &Engine, form: &str, other: Backend) -> anyhow::Result<()> {
    let name = engine.backend().map_or("", |backend| backend.name);
    if engine.ir_name() != Some(form) {
        bail!(
            "the backend `{name}` has no `{form}`\n\
             hint: `--emit {form}` goes with `--backend {other}`, `--emit asm` with every backend"
        );
    }
    Ok(())
}

/// The functions that the user names by their names, exports or indices; none if all are wanted.
fn functions(words: &[String], module: &ModuleSummary) -> anyhow::Result<Option<Vec<FuncIdx>>> {
    if words.is_empty() {
        return Ok(None);
    }
    let mut chosen = Vec::new();
    for word in words {
        let names = |function: &wasmer_runtime::FunctionSummary| {
            function.name.as_ref() == Some(word) || function.exports.contains(word)
        };
        let before = chosen.len();
        chosen
            .extend(module.functions.iter().filter(|function| names(function)).map(|function| FuncIdx(function.index)));
        if chosen.len() > before {
            continue;
        }
        match word.parse::<u32>() {
            Ok(index) if module.functions.iter().any(|function| function.index == index) => chosen.push(FuncIdx(index)),
            Ok(index) if (index as usize) < module.imported_functions => {
                bail!("function {index} is imported: it has no code here")
            }
            Ok(index) => bail!("there is no function {index}; the last one is {}", last(module)),
            Err(_) => bail!(
                "there is no function `{word}`{}",
                suggest::hint(word, known_names(module), "`wasmer inspect` shows exports and large functions")
            ),
        }
    }
    Ok(Some(chosen))
}

fn last(module: &ModuleSummary) -> usize {
    (module.imported_functions + module.defined_functions).saturating_sub(1)
}

fn known_names(module: &ModuleSummary) -> impl Iterator<Item = &str> {
    module.functions.iter().flat_map(|function| function.name.iter().chain(&function.exports)).map(String::as_str)
}
