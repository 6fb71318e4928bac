//! Functions in all their forms side by side, for pages and listings that show which line came from which operator.

use std::collections::BTreeSet;

use anyhow::Context;
use wasmer_runtime::cache::{ArtifactKey, ContentHash};
use wasmer_runtime::{Backend, Engine, FuncIdx, FunctionSummary, Image, IrRequest, IrStage, ModuleSummary};

use super::forms::{self, Functions, Line};
use super::{asm, engine, functions};
use crate::args::CompileArgs;
use crate::load::read_module_with_lines;
use crate::output;
use crate::progress::Progress;
use crate::source::Lines;

/// Functions of a module.
pub(super) struct View {
    /// Those that are shown, in the order of the module.
    pub(super) functions: Vec<FunctionSummary>,
    /// WebAssembly's own text.
    pub(super) wasm: Functions,
    pub(super) forms: Vec<Form>,
    /// The lines of sources that operators are from.
    pub(super) sources: Lines,
    /// What is left out, and how to see it, unless the user has chosen.
    pub(super) limit: Option<String>,
}

/// What one compiler makes of the functions.
pub(super) struct Form {
    pub(super) backend: Backend,
    /// The name of the intermediate form; none for machine code.
    pub(super) intermediate: Option<&'static str>,
    pub(super) functions: Functions,
}

impl View {
    /// Compiles the module of the arguments with these backends. Unless functions are named, bodies of at most so many bytes are shown.
    pub(super) fn new(
        args: &CompileArgs,
        backends: &[Backend],
        stage: IrStage,
        body_bytes_max: usize,
    ) -> anyhow::Result<Self> {
        let refused = || format!("could not compile `{}`", args.module.display());
        let wasm = read_module_with_lines(&args.module)?;
        let summary = ModuleSummary::of(&wasm, crate::features::features(&args.features)?).with_context(refused)?;
        let named = functions(&args.function, &summary)?;
        let shown = match &named {
            Some(indices) => indices.iter().map(|index| index.0).collect(),
            None => first(&summary.functions, body_bytes_max),
        };
        let defined = summary.defined_functions;
        let functions: Vec<_> = summary.functions.into_iter().filter(|one| shown.contains(&one.index)).collect();
        let request = IrRequest { stage, functions: Some(shown.into_iter().map(FuncIdx).collect()) };
        let mut forms = Vec::new();
        for backend in backends {
            forms.append(&mut compile(args, *backend, &wasm, &request).with_context(refused)?);
        }
        let text = forms::wasm(&wasm, &functions)?;
        for (index, lines) in forms.iter_mut().flat_map(|form| &mut form.functions) {
            settle(lines, text.get(index).map_or(&[], Vec::as_slice));
        }
        let sources = Lines::find(&wasm, text.values().flatten().filter_map(|line| line.place));
        let limit = (named.is_none() && functions.len() < defined).then(|| {
            format!(
                "{} of {defined} functions are shown: exported ones, then the first; `--function` names others",
                functions.len()
            )
        });
        if let Some(limit) = &limit {
            output::note(limit);
        }
        Ok(Self { functions, wasm: text, forms, sources, limit })
    }
}

/// The functions that are shown unless some are named: as many as there is room for, exported ones before others, and at least one.
fn first(functions: &[FunctionSummary], body_bytes_max: usize) -> BTreeSet<u32> {
    let (exported, others): (Vec<_>, Vec<_>) = functions.iter().partition(|function| !function.exports.is_empty());
    let mut left = body_bytes_max;
    let mut shown = BTreeSet::new();
    for function in exported.into_iter().chain(others) {
        if let Some(rest) = left.checked_sub(function.bytes) {
            left = rest;
            shown.insert(function.index);
        }
    }
    if shown.is_empty() {
        shown.extend(functions.first().map(|function| function.index));
    }
    shown
}

/// What a backend makes of the module.
fn compile(args: &CompileArgs, backend: Backend, wasm: &[u8], request: &IrRequest) -> anyhow::Result<Vec<Form>> {
    let engine = engine(args, backend, |config| config.every_place(true))?;
    let mut forms = Vec::new();
    if let Some(name) = engine.ir_name() {
        let functions = forms::intermediate(&engine.emit_ir(wasm, request)?);
        forms.push(Form { backend, intermediate: Some(name), functions });
    }
    let image = image(&engine, wasm)?;
    let line = |line: asm::CodeLine| Line {
        text: line.text,
        place: line.facts.as_ref().and_then(|facts| facts.place),
        remark: line.facts.and_then(|facts| facts.trap).map(|trap| trap.to_string()),
    };
    let code = asm::functions(&image, request).into_iter();
    let functions = code.map(|code| (code.index.0, code.lines.into_iter().map(line).collect())).collect();
    forms.push(Form { backend, intermediate: None, functions });
    Ok(forms)
}

/// The image that an engine makes of a module.
pub(super) fn image(engine: &Engine, wasm: &[u8]) -> anyhow::Result<Image> {
    let key = ArtifactKey::new(&ContentHash::of(wasm), &engine.key_material()?);
    let progress = Progress::new();
    let image = engine.compile(wasm, key.0, Some(&|done, total| progress.tick(done, total)));
    drop(progress);
    Ok(Image::from_bytes(image?.as_bytes())?)
}

/// Lets each line's place be that of a line of the text: the last one that does not stand behind it.
fn settle(lines: &mut [Line], text: &[Line]) {
    let places: BTreeSet<u32> = text.iter().filter_map(|line| line.place).collect();
    for line in lines {
        line.place = line.place.and_then(|place| places.range(..=place).next_back().copied());
    }
}
