//! `wasmer compile --emit`: what the compilers make of functions, for reading.

mod asm;

use anyhow::{Context, bail};
use wasmer_runtime::cache::{ArtifactKey, ContentHash};
use wasmer_runtime::{Backend, Engine, FuncIdx, Image, IrRequest, IrStage, ModuleSummary};

use crate::args::{BackendArgs, CompileArgs, EmitArg};
use crate::exit::ExitCode;
use crate::load::{config, read_module};
use crate::progress::Progress;
use crate::{load, output, suggest};

/// Writes functions to the output file, or to standard output.
pub(crate) fn emit(args: &CompileArgs, what: EmitArg) -> anyhow::Result<ExitCode> {
    let backend = BackendArgs { backend: backend(args, what)?.name().to_owned() };
    let mut config = config(&backend, &args.features, args.cpu, args.compile_timeout)?.fuel(args.fuel);
    if let Some(threads) = args.threads {
        config = config.threads(threads);
    }
    let engine = Engine::new(config)?;
    let stage = if args.unoptimized { IrStage::Translated } else { IrStage::Optimized };
    check(&engine, what, stage)?;
    let wasm = read_module(&args.module)?;
    let refused = || format!("could not compile `{}`", args.module.display());
    let summary = ModuleSummary::of(&wasm, engine.features()).with_context(refused)?;
    let request = IrRequest { stage, functions: functions(&args.function, &summary)? };
    let text = match what {
        EmitArg::Asm => {
            let key = ArtifactKey::new(&ContentHash::of(&wasm), &engine.key_material()?);
            let progress = Progress::new();
            let image = engine.compile(&wasm, key.0, Some(&|done, total| progress.tick(done, total)));
            drop(progress);
            asm::listing(&Image::from_bytes(image.with_context(refused)?.as_bytes())?, &request)
        }
        EmitArg::Clif | EmitArg::LlvmIr => engine.emit_ir(&wasm, &request).with_context(refused)?,
    };
    match &args.output {
        Some(path) => output::to(path, text.as_bytes())?,
        None => output::data(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The backend that the user names, or else the one that has what is asked for.
fn backend(args: &CompileArgs, what: EmitArg) -> anyhow::Result<Backend> {
    match what {
        EmitArg::Clif if args.backend.backend == load::AUTO => Ok(Backend::Cranelift),
        EmitArg::LlvmIr if args.backend.backend == load::AUTO => Ok(Backend::Llvm),
        _ => load::backend(&args.backend),
    }
}

/// What would not work, and what would.
fn check(engine: &Engine, what: EmitArg, stage: IrStage) -> anyhow::Result<()> {
    let name = engine.backend().map_or("", |backend| backend.name);
    let (form, other) = match what {
        EmitArg::Asm if stage == IrStage::Translated => {
            bail!(
                "machine code has no unoptimized form\nhint: `--unoptimized` goes with `--emit clif` and `--emit llvm-ir`"
            )
        }
        EmitArg::Asm if std::env::consts::ARCH != "x86_64" => {
            bail!("machine code can only be shown for x86_64, not for {}", std::env::consts::ARCH)
        }
        EmitArg::Asm => return Ok(()),
        EmitArg::Clif => ("clif", Backend::Cranelift),
        EmitArg::LlvmIr => ("llvm-ir", Backend::Llvm),
    };
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
