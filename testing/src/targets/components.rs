//! Components that were damaged: bytes, whole sections, types and constants. What is still one is taken apart, compiled, instantiated and called.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use wasmer_runtime::component::info::{DefKind, ExportKind, ImportKind, Type};
use wasmer_runtime::component::{
    Component, ComponentInfo, ComponentInstance, ComponentLinker, Resource, ResourceType, TranslateError, Val,
    translate, validate, wit,
};
use wasmer_runtime::{CompileError, Engine, Error, Module, Store};

use super::Verdict;
use super::modules::{engines, watchdog};
use crate::exercise::limits;
use crate::generate::{Random, mutate};

/// Where components stand in text: tests and pages.
const SOURCES: &[&str] = &[
    include_str!("../../../cli/tests/command/components.rs"),
    include_str!("../../../component-translate/tests/translate.rs"),
    include_str!("../../../component/tests/components/host.rs"),
    include_str!("../../../docs/guide/components.md"),
    include_str!("../../../docs/guide/run.md"),
    include_str!("seeds.wat"),
];

/// So much of the host's memory is more than anything here may take, in KiB: lifted values have a limit, and so have memories.
const PEAK_KIB_MAX: u64 = 3 << 20;
/// So many exports of a component are called.
const CALLS_MAX: usize = 8;
/// So many parts a value may have that is made for a parameter.
const PARTS_MAX: usize = 10_000;

/// A component as text and as bytes.
struct Base {
    text: String,
    bytes: Vec<u8>,
}

fn bases() -> &'static [Base] {
    static BASES: OnceLock<Vec<Base>> = OnceLock::new();
    BASES.get_or_init(|| {
        let texts: BTreeSet<_> = SOURCES.iter().flat_map(|source| texts(source)).collect();
        // What is a template is no text yet.
        let bases = texts.into_iter().filter_map(|text| Some((text, wat::parse_str(text).ok()?)));
        let bases = bases.filter(|(_, bytes)| bytes.len() > HEADER_BYTES);
        bases.map(|(text, bytes)| Base { text: text.to_owned(), bytes }).collect()
    })
}

/// Everything in a source that begins as a component, as far as its parentheses go.
fn texts(source: &str) -> impl Iterator<Item = &str> {
    source.match_indices("(component").filter_map(|(start, _)| {
        let mut depth = 0_usize;
        let end = source[start..].char_indices().find(|(_, char)| {
            match char {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })?;
        Some(&source[start..=start + end.0])
    })
}

pub(super) fn input(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed + 1);
    let base = &bases()[random.below(bases().len())];
    match random.below(8) {
        0..3 => {
            let text = (0..=random.below(3)).fold(base.text.clone(), |text, _| other_word(&text, &mut random));
            wat::parse_str(text).unwrap_or_else(|_| mutate(&base.bytes, &mut random))
        }
        3 | 4 => other_sections(&base.bytes, &mut random),
        _ => (0..=random.below(2)).fold(base.bytes.clone(), |bytes, _| mutate(&bytes, &mut random)),
    }
}

/// Words that can stand for one another, or nearly.
const WORDS: &[&[&str]] = &[
    &[
        "bool",
        "u8",
        "s8",
        "u16",
        "s16",
        "u32",
        "s32",
        "u64",
        "s64",
        "f32",
        "f64",
        "char",
        "string",
        "(list u8)",
        "(list string)",
        "(list (list u64))",
        "(option u64)",
        "(tuple u8 u64)",
        "(result u8 (error string))",
    ],
    &["own", "borrow"],
    &["utf8", "utf16", "latin1+utf16"],
    &["i32.load", "i32.load8_u", "i32.load16_u"],
    &["i32.store", "i32.store8", "i32.store16"],
    &["i32.add", "i32.sub", "i32.mul", "i32.and", "i32.xor"],
    &["(local.get 0)", "(local.get 1)", "(i32.const 0)", "(i32.const -1)", "(i32.const 0x10000)", "(unreachable)"],
    &["(i32.const 16)", "(i32.const 3)", "(i32.const 65535)", "(i32.const 0x7fffffff)", "(i32.const 0x80000001)"],
    &["realloc", "memory", "post-return"],
];

/// The text with another word in one place.
fn other_word(text: &str, random: &mut Random) -> String {
    let is_inside =
        |at: usize| text.as_bytes().get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
    let group = WORDS[random.below(WORDS.len())];
    let mut places: Vec<(usize, usize)> = Vec::new();
    for word in group {
        let found = text.match_indices(word).map(|(at, _)| (at, at + word.len()));
        places.extend(found.filter(|(from, to)| !is_inside(from.wrapping_sub(1)) && !is_inside(*to)));
    }
    let Some((from, to)) = places.get(random.below(places.len())) else { return text.to_owned() };
    [&text[..*from], group[random.below(group.len())], &text[*to..]].concat()
}

/// Begins every component.
const HEADER_BYTES: usize = 8;
/// The number of the section that a component inside a component is.
const COMPONENT_SECTION: u8 = 4;

/// Sections repeated, left out, exchanged, taken from another component, and the whole in itself.
fn other_sections(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let header = bytes[..HEADER_BYTES].to_vec();
    let mut sections = sections(bytes);
    let at = random.below(sections.len());
    let other = random.below(sections.len());
    match random.below(6) {
        0 => {
            let repeated = vec![sections[at]; 1 + random.below(100)];
            sections.splice(other..other, repeated);
        }
        1 => {
            sections.remove(at);
        }
        2 => sections.swap(at, other),
        3 | 4 => {
            let strange = self::sections(&bases()[random.below(bases().len())].bytes);
            let from = random.below(strange.len());
            let to = strange.len().min(from + 1 + random.below(4));
            sections.splice(at..at, strange[from..to].iter().copied());
        }
        _ => {
            let mut nested = bytes.to_vec();
            let depth_max = [10, 120, 2000][random.below(3)];
            for _ in 0..=random.below(depth_max) {
                let mut outer = header.clone();
                outer.push(COMPONENT_SECTION);
                push_number(&mut outer, nested.len());
                outer.append(&mut nested);
                nested = outer;
            }
            return nested;
        }
    }
    [header, sections.concat()].concat()
}

fn push_number(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The sections of a component that is well-formed, each with its head.
fn sections(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = &bytes[HEADER_BYTES..];
    let mut sections = Vec::new();
    while !rest.is_empty() {
        let (mut len, mut head) = (0, 1);
        for shift in (0..).step_by(7) {
            let byte = rest[head];
            len |= usize::from(byte & 0x7f) << shift;
            head += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (section, after) = rest.split_at(head + len);
        sections.push(section);
        rest = after;
    }
    sections
}

pub(super) fn judge(bytes: &[u8]) -> Verdict {
    // Singlepass, where it is built: what is attacked is before and behind the compiler.
    let engine = engines().last().map(|(_, engine)| engine).ok_or("there is no backend")?;
    watchdog().rest();
    let verdict = catch_unwind(AssertUnwindSafe(|| attempt(engine, bytes)));
    watchdog().stop();
    let peak = peak_kib();
    if peak > PEAK_KIB_MAX {
        return Err(format!("{peak} KiB of memory were taken"));
    }
    verdict.unwrap_or_else(|_| Err("panicked".to_owned()))
}

fn attempt(engine: &Engine, bytes: &[u8]) -> Verdict {
    let is_valid = match validate(bytes, engine.features()) {
        Ok(()) => true,
        Err(TranslateError::Bug(message)) => return Err(message),
        Err(_) => false,
    };
    let translation = match translate(bytes, engine.features()) {
        Ok(translation) => translation,
        Err(TranslateError::Bug(message)) => return Err(message),
        Err(_) => return Ok("refused"),
    };
    if !translation.info.is_consistent() {
        return Err("what is known of a component contradicts itself".to_owned());
    }
    let _ = wit(&translation.info);
    let mut modules = Vec::new();
    for wasm in &translation.modules {
        match Module::new(engine, wasm) {
            Ok(module) => modules.push(module),
            Err(error) => {
                return match error.as_compile() {
                    Some(CompileError::Internal { .. }) => Err(error.to_string()),
                    Some(CompileError::Invalid { .. }) if is_valid => {
                        Err(format!("a module of a valid component is not valid: {error}"))
                    }
                    _ => Ok("not compiled"),
                };
            }
        }
    }
    let component = Component::from_parts(engine, translation.info, modules).map_err(|error| error.to_string())?;
    Ok(run(engine, &component))
}

/// Calls exports, each in a new instance.
fn run(engine: &Engine, component: &Component) -> &'static str {
    let info = component.info();
    let Some(linker) = linker(info) else { return "not linked" };
    if instance(engine, component, &linker).is_none() {
        return "not instantiated";
    }
    let mut verdict = "instantiated";
    let funcs = info.exports.iter().filter_map(|export| match export.kind {
        ExportKind::Func { ty, .. } => Some((export.path.join("#"), info.types.func(ty))),
        _ => None,
    });
    for (name, ty) in funcs.take(CALLS_MAX) {
        let mut parts = PARTS_MAX;
        let params: Option<Vec<_>> = info.types.params(ty).iter().map(|ty| value(info, *ty, &mut parts)).collect();
        let (Some(params), Some((mut store, instance))) = (params, instance(engine, component, &linker)) else {
            continue;
        };
        let Ok(func) = instance.func(&mut store, &name) else { continue };
        // Twice, for what an instance is afterwards.
        for _ in 0..2 {
            match func.call(&mut store, &params) {
                Ok(result) => drop(result.map(|val| val.to_string())),
                Err(error) => drop(format!("{error:#}")),
            }
        }
        verdict = "called";
    }
    verdict
}

fn instance(
    engine: &Engine,
    component: &Component,
    linker: &ComponentLinker<()>,
) -> Option<(Store<()>, ComponentInstance)> {
    let mut store = Store::with_limits(engine, (), limits().instances_max(1000));
    watchdog().guard(store.interrupt_handle());
    let instance = linker.instantiate(&mut store, component).ok()?;
    Some((store, instance))
}

/// Something for every import: functions that return the same each time, and resources without an end.
fn linker(info: &ComponentInfo) -> Option<ComponentLinker<()>> {
    let mut linker = ComponentLinker::new();
    linker.allow_shadowing(true);
    for (import, number) in info.imports.iter().zip(0..) {
        let (interface, name) = match &*import.path {
            [name] => ("", name),
            [interface, name] => (&**interface, name),
            _ => return None,
        };
        let mut names = linker.instance(interface);
        let defined = match import.kind {
            ImportKind::Resource => names.resource(name, ResourceType::numbered(number), |_, _| Ok(())),
            ImportKind::Func(ty) => {
                let mut parts = PARTS_MAX;
                let val = info.types.func(ty).result.map(|ty| value(info, ty, &mut parts));
                names.func_new(name, move |_, _| match &val {
                    None => Ok(None),
                    Some(Some(val)) => Ok(Some(val.clone())),
                    Some(None) => Err(Error::host("nothing can be returned")),
                })
            }
        };
        defined.ok()?;
    }
    Some(linker)
}

/// A value of a type, if the host can make one of so many parts.
fn value(info: &ComponentInfo, ty: Type, parts: &mut usize) -> Option<Val> {
    *parts = parts.checked_sub(1)?;
    let def = match ty {
        Type::Bool => return Some(Val::Bool(true)),
        Type::S8 => return Some(Val::S8(-1)),
        Type::U8 => return Some(Val::U8(200)),
        Type::S16 => return Some(Val::S16(-1)),
        Type::U16 => return Some(Val::U16(60_000)),
        Type::S32 => return Some(Val::S32(-1)),
        Type::U32 => return Some(Val::U32(7)),
        Type::S64 => return Some(Val::S64(-1)),
        Type::U64 => return Some(Val::U64(u64::MAX)),
        Type::F32 => return Some(Val::F32(f32::NAN)),
        Type::F64 => return Some(Val::F64(-0.0)),
        Type::Char => return Some(Val::Char('☃')),
        Type::String => return Some(Val::String("tëxt ☃".to_owned())),
        Type::Own(handle) | Type::Borrow(handle) => {
            let resource = info.types.handles[handle.index()].resource?;
            let import = info.imported_resources.get(resource.index())?;
            return Some(Val::Resource(Resource::Host { ty: ResourceType::numbered(import.0), rep: 3 }));
        }
        Type::Def(index) => info.types.def(index),
    };
    Some(match &def.kind {
        DefKind::List(element) => Val::List(vec![value(info, *element, parts)?]),
        DefKind::Record(fields) => {
            let fields = fields.iter().map(|field| Some((field.name.clone(), value(info, field.ty, parts)?)));
            Val::Record(fields.collect::<Option<_>>()?)
        }
        DefKind::Tuple(types) => Val::Tuple(types.iter().map(|ty| value(info, *ty, parts)).collect::<Option<_>>()?),
        DefKind::Variant(cases) => {
            let case = cases.last()?;
            Val::Variant(case.name.clone(), payload(info, case.ty, parts)?)
        }
        DefKind::Enum(names) => Val::Enum(names.last()?.clone()),
        DefKind::Flags(names) => Val::Flags(names.clone()),
        DefKind::Option(ty) => Val::Option(payload(info, Some(*ty), parts)?),
        DefKind::Result(_, err) => Val::Result(Err(payload(info, *err, parts)?)),
    })
}

fn payload(info: &ComponentInfo, ty: Option<Type>, parts: &mut usize) -> Option<Option<Box<Val>>> {
    match ty {
        Some(ty) => Some(Some(Box::new(value(info, ty, parts)?))),
        None => Some(None),
    }
}

/// The most memory that the process has had, in KiB; zero where the system does not say.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
