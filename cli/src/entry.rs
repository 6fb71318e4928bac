//! Where a module is entered: what it exports decides, before anything of it runs.

use std::ffi::OsString;

use anyhow::{Context, bail};
use wasmer_runtime::{ExternType, FuncType, Module, Val, wast};

use crate::args::RunArgs;
use crate::output::printable;
use crate::suggest;

/// The export that starts a command.
const START: &str = "_start";
/// The export that initialises a library, before any other of its functions is called.
pub(crate) const INITIALIZE: &str = "_initialize";
/// The export that is a program's entry if it has no [`START`]: toolchains that make libraries which are run export it.
const DEFAULT: &str = "";

/// What is called.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Whether [`INITIALIZE`] is called first.
    pub(crate) initialize: bool,
    pub(crate) call: Call,
}

/// What is called then.
#[derive(Debug)]
pub(crate) enum Call {
    /// Nothing: the module ran what it wanted to run at its start.
    Nothing,
    /// A program's entry, of type `[] -> []`.
    Program(&'static str),
    /// A function, whose results are printed.
    Function { name: String, params: Vec<Val> },
}

impl Entry {
    /// The entry that the command line asks for, or else the one that the module has.
    pub(crate) fn of(args: &RunArgs, module: &Module) -> anyhow::Result<Self> {
        let place = args.module().display().to_string();
        let has = |name| program(module, &place, name);
        match &args.invoke {
            Some(name) => {
                let initialize = name != START && name != INITIALIZE && has(INITIALIZE)?;
                let ty = function(module, &place, name)?;
                let entry = [START, DEFAULT].into_iter().find(|entry| entry == name);
                let call = match entry {
                    Some(entry) if ty.params.is_empty() && ty.results.is_empty() => Call::Program(entry),
                    _ => Call::Function { params: params(name, &ty, args.args())?, name: name.clone() },
                };
                Ok(Self { initialize, call })
            }
            None if has(START)? => Ok(Self { initialize: false, call: Call::Program(START) }),
            None => {
                let initialize = has(INITIALIZE)?;
                if has(DEFAULT)? {
                    return Ok(Self { initialize, call: Call::Program(DEFAULT) });
                }
                if module.has_start() {
                    return Ok(Self { initialize, call: Call::Nothing });
                }
                let what = if initialize {
                    format!("is a library, not a program: it exports `{INITIALIZE}`, but neither")
                } else {
                    "is not a program: it exports neither".to_owned()
                };
                bail!(
                    "`{place}` {what} {} nor {}\n\
                     hint: `--invoke NAME` calls an exported function, `wasmer inspect` shows which there are",
                    quoted(START),
                    quoted(DEFAULT),
                )
            }
        }
    }

    /// Whether the words after the module are the program's arguments, rather than a function's.
    pub(crate) fn takes_words(&self) -> bool {
        !matches!(self.call, Call::Function { .. })
    }
}

/// A name as messages quote it.
pub(crate) fn quoted(name: &str) -> String {
    if name.is_empty() { "`\"\"`".to_owned() } else { format!("`{}`", printable(name)) }
}

/// Whether the module has an entry of this name, which must be of an entry's type.
fn program(module: &Module, place: &str, name: &str) -> anyhow::Result<bool> {
    match module.export(name) {
        None => Ok(false),
        Some(ExternType::Func(ty)) if ty.params.is_empty() && ty.results.is_empty() => Ok(true),
        Some(ExternType::Func(ty)) => bail!(
            "`{place}` is not a program: {name} has type {ty}, a program needs [] -> []\n\
             hint: `--invoke {option}` calls it with arguments",
            name = quoted(name),
            option = if name.is_empty() { "\"\"" } else { name },
        ),
        Some(other) => bail!("`{place}` is not a program: {} is {}, not a function", quoted(name), other.kind()),
    }
}

/// The type of an exported function.
fn function(module: &Module, place: &str, name: &str) -> anyhow::Result<FuncType> {
    match module.export(name) {
        Some(ExternType::Func(ty)) => Ok(ty),
        Some(other) => bail!("the export {} of `{place}` is {}, not a function", quoted(name), other.kind()),
        None => {
            let known: Vec<_> = module.exports().filter(|export| matches!(export.ty, ExternType::Func(_))).collect();
            let known = known.iter().map(|export| export.name.as_str()).filter(|name| !name.is_empty());
            let hint = suggest::hint(name, known, "`wasmer inspect` shows which there are");
            bail!("`{place}` exports no function {}{hint}", quoted(name))
        }
    }
}

/// The words after the module as a function's parameters.
fn params(name: &str, ty: &FuncType, words: &[OsString]) -> anyhow::Result<Vec<Val>> {
    if words.len() != ty.params.len() {
        let (takes, given) = (ty.params.len(), words.len());
        let arguments = if takes == 1 { "argument" } else { "arguments" };
        bail!("{} has type {ty}: it takes {takes} {arguments}, not {given}", quoted(name));
    }
    let parse = |(word, ty): (&OsString, &_)| {
        let text = word.to_str().with_context(|| format!("the argument {word:?} is not UTF-8"))?;
        wast::value(text, *ty).map_err(anyhow::Error::msg)
    };
    words.iter().zip(&ty.params).map(parse).collect()
}
