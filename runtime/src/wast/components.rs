//! Directives on components: values, traps of the canonical ABI, components that must be refused.

use wasmer_api::{Engine, Error, Store, Val as CoreVal};
use wasmer_component::{ComponentLinker, TranslateError, Val, abi_trap, validate};
use wasmer_runtime_core::translate::module::WasmFeatures;
use wast::component::WastVal;
use wast::{WastArg, WastInvoke, WastRet};

use super::{Miss, values};

pub(super) use wasmer_component::{Component, ComponentInstance, is_component};

/// What a call returned.
#[derive(Debug)]
pub(super) enum Results {
    /// Values of a module.
    Core(Vec<CoreVal>),
    /// The value of a component, if there is one.
    Component(Option<Val>),
}

pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, Error> {
    Component::new(engine, bytes)
}

/// An instance of a component that imports nothing.
pub(super) fn instantiate(component: &Component, store: &mut Store<()>) -> Result<ComponentInstance, Error> {
    ComponentLinker::new().instantiate(store, component)
}

pub(super) fn call(
    instance: &ComponentInstance,
    invoke: &WastInvoke<'_>,
    store: &mut Store<()>,
) -> Result<Result<Results, Error>, Miss> {
    let args = invoke.args.iter().map(argument).collect::<Result<Vec<_>, _>>()?;
    let func = instance.func(store, invoke.name).map_err(|error| error.to_string())?;
    Ok(func.call(store, &args).map(Results::Component))
}

/// The value of an argument.
fn argument(arg: &WastArg<'_>) -> Result<Val, Miss> {
    match arg {
        WastArg::Component(value) => val(value),
        _ => Err("the argument is one for a module".into()),
    }
}

fn val(value: &WastVal<'_>) -> Result<Val, Miss> {
    let boxed = |value: &Option<Box<WastVal<'_>>>| value.as_deref().map(|value| val(value).map(Box::new)).transpose();
    let list = |values: &[WastVal<'_>]| values.iter().map(val).collect::<Result<Vec<_>, _>>();
    Ok(match value {
        WastVal::Bool(value) => Val::Bool(*value),
        WastVal::U8(value) => Val::U8(*value),
        WastVal::S8(value) => Val::S8(*value),
        WastVal::U16(value) => Val::U16(*value),
        WastVal::S16(value) => Val::S16(*value),
        WastVal::U32(value) => Val::U32(*value),
        WastVal::S32(value) => Val::S32(*value),
        WastVal::U64(value) => Val::U64(*value),
        WastVal::S64(value) => Val::S64(*value),
        WastVal::F32(value) => Val::F32(f32::from_bits(value.bits)),
        WastVal::F64(value) => Val::F64(f64::from_bits(value.bits)),
        WastVal::Char(value) => Val::Char(*value),
        WastVal::String(value) => Val::String((*value).to_owned()),
        WastVal::List(values) => Val::List(list(values)?),
        WastVal::Tuple(values) => Val::Tuple(list(values)?),
        WastVal::Record(fields) => {
            let field = |(name, value): &(&str, WastVal<'_>)| Ok::<_, Miss>(((*name).to_owned(), val(value)?));
            Val::Record(fields.iter().map(field).collect::<Result<_, _>>()?)
        }
        WastVal::Variant(name, payload) => Val::Variant((*name).to_owned(), boxed(payload)?),
        WastVal::Enum(name) => Val::Enum((*name).to_owned()),
        WastVal::Option(payload) => Val::Option(boxed(payload)?),
        WastVal::Result(Ok(payload)) => Val::Result(Ok(boxed(payload)?)),
        WastVal::Result(Err(payload)) => Val::Result(Err(boxed(payload)?)),
        WastVal::Flags(names) => Val::Flags(names.iter().map(|name| (*name).to_owned()).collect()),
        WastVal::Map(_) => return Err("`map` types are not supported".into()),
    })
}

/// Compares results, of modules or of components.
pub(super) fn compare(found: &Results, expected: &[WastRet<'_>], store: &mut Store<()>) -> Result<(), Miss> {
    let found = match found {
        Results::Core(found) => return values::compare(found, expected, store),
        Results::Component(found) => found,
    };
    let expected = match expected {
        [] => None,
        [WastRet::Component(expected)] => Some(val(expected)?),
        _ => return Err("a component has at most one result".into()),
    };
    let same = match (found, &expected) {
        (None, None) => true,
        (Some(found), Some(expected)) => same(found, expected),
        _ => false,
    };
    if same { Ok(()) } else { Err(format!("the result is {found:?}, not {expected:?}").into()) }
}

/// Whether two values are the same, floats by their bits but for those of NaN, which the canonical ABI leaves open.
fn same(a: &Val, b: &Val) -> bool {
    let all = |a: &[Val], b: &[Val]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b));
    let payloads = |a: &Option<Box<Val>>, b: &Option<Box<Val>>| match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    };
    match (a, b) {
        (Val::F32(a), Val::F32(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        (Val::F64(a), Val::F64(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        (Val::List(a), Val::List(b)) | (Val::Tuple(a), Val::Tuple(b)) => all(a, b),
        (Val::Record(a), Val::Record(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
        }
        (Val::Variant(a, x), Val::Variant(b, y)) => a == b && payloads(x, y),
        (Val::Option(a), Val::Option(b))
        | (Val::Result(Ok(a)), Val::Result(Ok(b)))
        | (Val::Result(Err(a)), Val::Result(Err(b))) => payloads(a, b),
        (a, b) => a == b,
    }
}

/// Whether an error is the trap of the canonical ABI that a script expects. Some scripts have the words of another runtime before it.
pub(super) fn trapped(error: &Error, expected: &str) -> bool {
    let expected = expected.strip_prefix("wasm trap: ").unwrap_or(expected);
    abi_trap(error).is_some_and(|trap| trap.to_string().contains(expected))
}

/// A component must be refused because it is wrong, not because something is not supported.
pub(super) fn refused(bytes: &[u8], features: WasmFeatures) -> Result<(), Miss> {
    match validate(bytes, features) {
        Ok(()) => Err("the component was accepted".into()),
        Err(TranslateError::Invalid { .. }) => Ok(()),
        Err(error) => Err(format!("the component was refused for another reason: {error}").into()),
    }
}
