//! What modules do here, and in another engine ([`crate::peer`]).

use anyhow::{Result, bail};
use wasmer_runtime::*;

use crate::behaviour::argument;
use crate::generate::Random;
use crate::peer::{Answer, Argument, Call, End, Kind, Peer, Request, base64, hash};

/// Calls of each exported function, with different arguments.
const CALLS: usize = 2;

/// What JavaScript may know of a type, if anything.
fn kind(ty: ValType) -> Option<Kind> {
    match ty {
        ValType::I32 => Some(Kind::I32),
        ValType::I64 => Some(Kind::I64),
        ValType::F32 => Some(Kind::F32),
        ValType::F64 => Some(Kind::F64),
        ValType::V128 => None,
        ValType::Ref(RefType { heap: HeapType::Exn | HeapType::NoExn, .. }) => None,
        ValType::Ref(_) => Some(Kind::Ref),
    }
}

fn kinds(types: &[ValType]) -> Option<Vec<Kind>> {
    types.iter().map(|ty| kind(*ty)).collect()
}

/// The same words as in `peer.mjs`.
fn text(val: &Val) -> String {
    let nan = || "nan".to_owned();
    match val {
        Val::I32(value) => (*value as u32).to_string(),
        Val::I64(value) => (*value as u64).to_string(),
        Val::F32(bits) if f32::from_bits(*bits).is_nan() => nan(),
        Val::F64(bits) if f64::from_bits(*bits).is_nan() => nan(),
        Val::F32(bits) => bits.to_string(),
        Val::F64(bits) => bits.to_string(),
        Val::V128(bits) => bits.to_string(),
        Val::FuncRef(value) => null_or_some(value.is_none()),
        Val::ExternRef(value) => null_or_some(value.is_none()),
        Val::ExnRef(value) => null_or_some(value.is_none()),
        Val::AnyRef(value) => null_or_some(value.is_none()),
    }
}

fn null_or_some(is_null: bool) -> String {
    if is_null { "null" } else { "some" }.to_owned()
}

/// Numbers as their bits.
fn argument_of(kind: Kind, val: &Val) -> Argument {
    (kind, text(val))
}

/// What is asked of a module: calls of all functions that JavaScript can call, then all globals and memories.
fn request(module: &Module, wasm: &[u8], seed: u64) -> (Request, Vec<Vec<Val>>) {
    let mut random = Random::new(seed);
    let mut exports: Vec<_> = module.exports().collect();
    exports.sort_by(|a, b| a.name.cmp(&b.name));
    let mut request = Request { module: base64(wasm), calls: Vec::new(), globals: Vec::new(), memories: Vec::new() };
    let mut arguments = Vec::new();
    for ExportInfo { name, ty } in exports {
        match ty {
            ExternType::Func(ty) => {
                let Some((params, results)) = kinds(&ty.params).zip(kinds(&ty.results)) else { continue };
                // Nobody but a guest has values of other types.
                if ty.params.iter().any(|ty| Val::default_for(*ty).is_none()) {
                    continue;
                }
                for _ in 0..CALLS {
                    let values: Vec<_> = ty.params.iter().map(|ty| argument(*ty, &mut random)).collect();
                    let given = params.iter().zip(&values).map(|(kind, val)| argument_of(*kind, val)).collect();
                    request.calls.push(Call { export: name.clone(), arguments: given, results: results.clone() });
                    arguments.push(values);
                }
            }
            ExternType::Global(ty) => request.globals.extend(kind(ty.content).map(|kind| (name, kind))),
            ExternType::Memory(ty) if !ty.shared => request.memories.push(name),
            ExternType::Memory(_) | ExternType::Table(_) | ExternType::Tag(_) => {}
        }
    }
    (request, arguments)
}

fn word(error: &Error) -> String {
    let word = match error {
        Error::Trap(trap) => match trap.code {
            // When a store or a stack is full is nobody's promise.
            TrapCode::StackOverflow | TrapCode::AllocationTooLarge | TrapCode::GcHeapExhausted => "exhausted",
            _ => "trap",
        },
        Error::Exception(_) => "exception",
        other => return other.to_string(),
    };
    word.to_owned()
}

/// What a module does here.
fn ours(engine: &Engine, wasm: &[u8], seed: u64, request: &Request, arguments: &[Vec<Val>]) -> Result<Answer> {
    let module = Module::new(engine, wasm)?;
    let mut store = Store::new(engine, ());
    if seed.is_multiple_of(2) {
        store.gc_always();
    }
    let instance = match Linker::new().instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => return Ok(Answer { start: Some(word(&error)), ..Answer::default() }),
    };
    let mut answer = Answer::default();
    for (call, arguments) in request.calls.iter().zip(arguments) {
        let func = instance.export(&mut store, &call.export).and_then(Extern::func);
        let mut results = vec![Val::I32(0); call.results.len()];
        let ended = func.map(|func| func.call(&mut store, arguments, &mut results));
        answer.calls.push(match ended {
            Some(Ok(())) => End::Values(results.iter().map(text).collect()),
            Some(Err(error)) => End::Word(word(&error)),
            None => bail!("`{}` is no function", call.export),
        });
    }
    for (name, _) in &request.globals {
        if let Some(Extern::Global(global)) = instance.export(&mut store, name) {
            answer.globals.push(text(&global.get(&store)?));
        }
    }
    for name in &request.memories {
        if let Some(Extern::Memory(memory)) = instance.export(&mut store, name) {
            let bytes = memory.data(&store)?;
            answer.memories.push((bytes.len() as u64, hash(bytes)));
        }
    }
    Ok(answer)
}

/// How the modules fared that were compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compared {
    /// Modules of which all engines said the same.
    pub agreed: usize,
    /// Those that ran out of something.
    pub exhausted: usize,
    /// Those that the other engine refuses to compile.
    pub refused: usize,
}

/// Runs a module on these engines and in the other one.
///
/// # Errors
/// If they do different things, or the other engine does not answer.
pub fn compare(
    engines: &[(Backend, Engine)],
    peer: &mut Peer,
    wasm: &[u8],
    seed: u64,
    compared: &mut Compared,
) -> Result<()> {
    let Some((_, first)) = engines.first() else { bail!("there is no backend") };
    let (request, arguments) = request(&Module::new(first, wasm)?, wasm, seed);
    let theirs = peer.ask(&request)?;
    if theirs.start.as_ref().is_some_and(|start| start.starts_with("CompileError")) {
        compared.refused += 1;
        return Ok(());
    }
    for (backend, engine) in engines {
        let ours = ours(engine, wasm, seed, &request, &arguments)?;
        if ours.is_exhausted() || theirs.is_exhausted() {
            compared.exhausted += 1;
            return Ok(());
        }
        if ours != theirs {
            bail!("{backend}: {ours:?}\nthe other engine: {theirs:?}");
        }
    }
    compared.agreed += 1;
    Ok(())
}
