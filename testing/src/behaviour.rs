//! What a module does, in a form that can be compared: which differential tests compare.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmer_runtime::*;

use crate::generate::Random;

/// Calls of each exported function, with different arguments.
const CALLS: usize = 2;

/// A value that can be compared: bits, or whether a reference is null.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The bits of a number, in the low ones.
    Number(u128),
    /// Of a reference only whether it is null.
    Reference(bool),
}

/// How a call or an instantiation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It returned these.
    Values(Vec<Value>),
    /// It trapped.
    Trap(TrapCode),
    /// It threw an exception with these.
    Exception(Vec<Value>),
    /// Out of stack, where that happens is nobody's promise, or a mistake of the interpreter's own: the comparison ends there.
    Exhausted,
}

/// What a module did.
#[derive(Debug, Default, PartialEq)]
pub struct Behaviour {
    start: Outcome,
    calls: Vec<(String, Outcome)>,
    /// What is left of its fuel after each of them, if it uses any.
    fuel: Vec<u64>,
    globals: Vec<(String, Value)>,
    memories: Vec<(String, usize, u64)>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self::Values(Vec::new())
    }
}

impl Behaviour {
    /// The interpreter has one trap for all accesses beyond a table.
    fn coarsen(&mut self) {
        for outcome in self.calls.iter_mut().map(|(_, outcome)| outcome).chain([&mut self.start]) {
            if *outcome == Outcome::Trap(TrapCode::UndefinedElement) {
                *outcome = Outcome::Trap(TrapCode::TableOutOfBounds);
            }
        }
    }

    /// How many calls ended in a certain way.
    pub fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.calls.iter().filter(|(_, outcome)| which(outcome)).count()
    }

    fn is_exhausted(&self) -> bool {
        self.start == Outcome::Exhausted || self.calls.iter().any(|(_, outcome)| *outcome == Outcome::Exhausted)
    }
}

/// The seeds of the environment, or so many from 0 on.
///
/// # Panics
/// If what stands there is no number.
pub fn seeds(count: u64) -> std::ops::Range<u64> {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let first = number("WASMER_DIFFERENTIAL_SEED", 0);
    first..first + number("WASMER_DIFFERENTIAL_MODULES", count)
}

/// The same argument for everybody.
pub(crate) fn argument(ty: ValType, random: &mut Random) -> Val {
    let interesting =
        [0, 1, u64::MAX, 0x8000_0000, 0x7fff_ffff, 1 << 63, 0x7ff8_0000_0000_0000, 0x3ff0_0000_0000_0000, 100, 65_536];
    let bits = if random.below(2) == 0 { interesting[random.below(interesting.len())] } else { random.next() };
    match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32((bits as u32 as f32).to_bits()),
        ValType::F64 => Val::F64((bits as f64).to_bits()),
        ValType::V128 => Val::V128(u128::from(bits) << 64 | u128::from(random.next())),
        ValType::Ref(_) => Val::default_for(ty).expect("exported functions take nullable references"),
    }
}

fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

fn value(val: &Val) -> Value {
    match val {
        Val::I32(value) => Value::Number(*value as u32 as u128),
        Val::I64(value) => Value::Number(*value as u64 as u128),
        Val::F32(bits) => Value::Number(u128::from(*bits)),
        Val::F64(bits) => Value::Number(u128::from(*bits)),
        Val::V128(bits) => Value::Number(*bits),
        Val::FuncRef(value) => Value::Reference(value.is_none()),
        Val::ExternRef(value) => Value::Reference(value.is_none()),
        Val::ExnRef(value) => Value::Reference(value.is_none()),
        Val::AnyRef(value) => Value::Reference(value.is_none()),
    }
}

fn outcome(result: Result<Vec<Value>>) -> Outcome {
    match result {
        Ok(values) => Outcome::Values(values),
        Err(Error::Trap(trap)) if trap.code == TrapCode::StackOverflow => Outcome::Exhausted,
        Err(Error::Trap(trap)) => Outcome::Trap(trap.code),
        Err(Error::Exception(exception)) => Outcome::Exception(exception.values.iter().map(value).collect()),
        Err(other) => panic!("neither result nor trap: {other}"),
    }
}

/// What a module does here.
fn ours(engine: &Engine, wasm: &[u8], seed: u64) -> Behaviour {
    let module = Module::new(engine, wasm).unwrap();
    let mut store = Store::new(engine, ());
    if seed.is_multiple_of(2) {
        store.gc_always();
    }
    let mut behaviour = Behaviour::default();
    if engine.uses_fuel() {
        // Sometimes more than a module uses, mostly less.
        let mut random = Random::new(!seed);
        let most = [1 << 40, 40_000, 4000, 400][random.below(4)];
        store.set_fuel(random.next() % most).unwrap();
    }
    let instance = match Linker::new().instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            behaviour.start = outcome(Err(error));
            return behaviour;
        }
    };
    let mut random = Random::new(seed);
    let mut exports = instance.exports(&mut store).unwrap();
    exports.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, entity) in &exports {
        let Some(func) = entity.func() else { continue };
        let ty = func.ty(&store).unwrap();
        // Nobody but a guest has values of other types.
        if ty.params.iter().any(|ty| Val::default_for(*ty).is_none()) {
            continue;
        }
        for _ in 0..CALLS {
            let params: Vec<_> = ty.params.iter().map(|ty| argument(*ty, &mut random)).collect();
            let mut results = vec![Val::I32(0); ty.results.len()];
            let result = func.call(&mut store, &params, &mut results).map(|()| results.iter().map(value).collect());
            behaviour.calls.push((name.clone(), outcome(result)));
            behaviour.fuel.extend(store.fuel().ok());
        }
    }
    for (name, entity) in exports {
        match entity {
            Extern::Global(global) => behaviour.globals.push((name, value(&global.get(&store).unwrap()))),
            Extern::Memory(memory) if !memory.ty(&store).unwrap().shared => {
                let bytes = memory.data(&store).unwrap();
                behaviour.memories.push((name, bytes.len(), fingerprint(bytes)));
            }
            _ => {}
        }
    }
    behaviour
}

fn wasmi_value(val: &wasmi::Val) -> Value {
    match val {
        wasmi::Val::I32(value) => Value::Number(*value as u32 as u128),
        wasmi::Val::I64(value) => Value::Number(*value as u64 as u128),
        wasmi::Val::F32(value) => Value::Number(value.to_bits().into()),
        wasmi::Val::F64(value) => Value::Number(value.to_bits().into()),
        wasmi::Val::FuncRef(value) => Value::Reference(value.is_null()),
        wasmi::Val::ExternRef(value) => Value::Reference(value.is_null()),
        wasmi::Val::V128(_) => unreachable!("modules for the interpreter have no vectors"),
    }
}

fn wasmi_outcome(result: Result<Vec<Value>, wasmi::Error>) -> Outcome {
    use wasmi::TrapCode as Theirs;
    let error = match result {
        Ok(values) => return Outcome::Values(values),
        Err(error) => error,
    };
    // An active segment that does not fit is an error of its own.
    if error.as_trap_code().is_none() && error.to_string().starts_with("out of bounds table access") {
        return Outcome::Trap(TrapCode::TableOutOfBounds);
    }
    match error.as_trap_code() {
        Some(Theirs::StackOverflow) => Outcome::Exhausted,
        _ => Outcome::Trap(trap_of(&error)),
    }
}

/// The trap that an error of the interpreter is.
///
/// # Panics
/// If it is none that a guest of ours can make.
pub fn trap_of(error: &wasmi::Error) -> TrapCode {
    use wasmi::TrapCode as Theirs;
    match error.as_trap_code() {
        Some(Theirs::UnreachableCodeReached) => TrapCode::Unreachable,
        Some(Theirs::MemoryOutOfBounds) => TrapCode::MemoryOutOfBounds,
        Some(Theirs::TableOutOfBounds) => TrapCode::TableOutOfBounds,
        Some(Theirs::IndirectCallToNull) => TrapCode::UninitializedElement,
        Some(Theirs::IntegerDivisionByZero) => TrapCode::IntegerDivideByZero,
        Some(Theirs::IntegerOverflow) => TrapCode::IntegerOverflow,
        Some(Theirs::BadConversionToInteger) => TrapCode::InvalidConversionToInteger,
        Some(Theirs::BadSignature) => TrapCode::IndirectCallTypeMismatch,
        other => panic!("the interpreter says {other:?}: {error}"),
    }
}

/// What a module does in the interpreter.
pub fn theirs(wasm: &[u8], seed: u64) -> Behaviour {
    let mut config = wasmi::Config::default();
    config
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_wide_arithmetic(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true);
    let engine = wasmi::Engine::new(&config);
    let module = wasmi::Module::new(&engine, wasm).unwrap();
    let mut store = wasmi::Store::new(&engine, ());
    let mut behaviour = Behaviour::default();
    let instance = match wasmi::Linker::<()>::new(&engine).instantiate_and_start(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            behaviour.start = wasmi_outcome(Err(error));
            return behaviour;
        }
    };
    let mut random = Random::new(seed);
    let mut names: Vec<_> = module.exports().map(|export| export.name().to_owned()).collect();
    names.sort();
    for name in &names {
        let Some(func) = instance.get_func(&store, name) else { continue };
        let ty = func.ty(&store);
        for _ in 0..CALLS {
            let params: Vec<_> = ty.params().iter().map(|ty| wasmi_argument(*ty, &mut random)).collect();
            let mut results = vec![wasmi::Val::I32(0); ty.results().len()];
            // Some valid modules, as number 200,023,943 of the attack `differential`, are too much for its compiler: that panics.
            let called = catch_unwind(AssertUnwindSafe(|| func.call(&mut store, &params, &mut results)));
            let Ok(result) = called else {
                behaviour.calls.push((name.clone(), Outcome::Exhausted));
                return behaviour;
            };
            let result = result.map(|()| results.iter().map(wasmi_value).collect());
            behaviour.calls.push((name.clone(), wasmi_outcome(result)));
        }
    }
    for name in names {
        if let Some(global) = instance.get_global(&store, &name) {
            behaviour.globals.push((name, wasmi_value(&global.get(&store))));
        } else if let Some(memory) = instance.get_memory(&store, &name) {
            let bytes = memory.data(&store);
            behaviour.memories.push((name, bytes.len(), fingerprint(bytes)));
        }
    }
    behaviour
}

fn wasmi_argument(ty: wasmi::ValType, random: &mut Random) -> wasmi::Val {
    let ours = match ty {
        wasmi::ValType::I32 => ValType::I32,
        wasmi::ValType::I64 => ValType::I64,
        wasmi::ValType::F32 => ValType::F32,
        wasmi::ValType::F64 => ValType::F64,
        wasmi::ValType::V128 => ValType::V128,
        wasmi::ValType::FuncRef => ValType::FUNCREF,
        wasmi::ValType::ExternRef => ValType::EXTERNREF,
    };
    match argument(ours, random) {
        Val::I32(value) => wasmi::Val::I32(value),
        Val::I64(value) => wasmi::Val::I64(value),
        Val::F32(bits) => wasmi::Val::F32(wasmi::F32::from_bits(bits)),
        Val::F64(bits) => wasmi::Val::F64(wasmi::F64::from_bits(bits)),
        _ => wasmi::Val::default_for_ty(ty),
    }
}

/// The first thing that two behaviours do not have in common.
fn difference(a: &Behaviour, b: &Behaviour) -> String {
    fn first<T: std::fmt::Debug + PartialEq>(a: &[T], b: &[T]) -> Option<String> {
        let position = (0..a.len().max(b.len())).find(|position| a.get(*position) != b.get(*position))?;
        Some(format!("{position}: {:?} | {:?}", a.get(position), b.get(position)))
    }
    let start = (a.start != b.start).then(|| format!("start: {:?} | {:?}", a.start, b.start));
    start
        .or_else(|| first(&a.calls, &b.calls))
        .or_else(|| first(&a.fuel, &b.fuel).map(|fuel| format!("fuel after call {fuel}")))
        .or_else(|| first(&a.globals, &b.globals))
        .or_else(|| first(&a.memories, &b.memories))
        .unwrap_or_default()
}

/// Something else that runs modules.
pub type Reference = fn(&[u8], u64) -> Behaviour;

/// Runs a module everywhere. Returns what the first way does (`reference`, if there is one) and how another one differs from it.
pub fn compare_one(
    ways: &[(String, Engine)],
    reference: Option<Reference>,
    wasm: &[u8],
    seed: u64,
) -> (Behaviour, Option<String>) {
    let mut all: Vec<_> = reference.iter().map(|run| ("wasmi", run(wasm, seed))).collect();
    all.extend(ways.iter().map(|(name, engine)| (name.as_str(), ours(engine, wasm, seed))));
    if reference.is_some() {
        all.iter_mut().for_each(|(_, behaviour)| behaviour.coarsen());
    }
    let (first_name, first) = all.remove(0);
    if first.is_exhausted() || all.iter().any(|(_, behaviour)| behaviour.is_exhausted()) {
        return (first, None);
    }
    let differs = |(name, behaviour): &(&str, Behaviour)| {
        (*behaviour != first).then(|| format!("{first_name} | {name}: {}", difference(&first, behaviour)))
    };
    let found = all.iter().find_map(differs);
    (first, found)
}

/// How the calls of some modules ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// With values.
    pub returned: usize,
    /// With traps.
    pub trapped: usize,
    /// With exceptions that nothing caught.
    pub threw: usize,
}

/// Runs the modules of the environment's seeds, or so many, everywhere.
///
/// # Panics
/// If any of them does different things. Those are saved in the folder `WASMER_DIFFERENTIAL_SAVE`.
pub fn compare_all(
    ways: &[(String, Engine)],
    reference: Option<Reference>,
    modules: u64,
    module: impl Fn(u64) -> Vec<u8>,
) -> Ends {
    let (mut ends, mut differences) = (Ends::default(), Vec::new());
    for seed in seeds(modules) {
        let wasm = module(seed);
        let (first, found) = compare_one(ways, reference, &wasm, seed);
        ends.returned += first.count(|outcome| matches!(outcome, Outcome::Values(_)));
        ends.trapped += first.count(|outcome| matches!(outcome, Outcome::Trap(_)));
        ends.threw += first.count(|outcome| matches!(outcome, Outcome::Exception(_)));
        if let Some(found) = found {
            if let Ok(folder) = std::env::var("WASMER_DIFFERENTIAL_SAVE") {
                std::fs::write(format!("{folder}/{seed}.wasm"), &wasm).expect("the module can be saved");
            }
            differences.push(format!("seed {seed}: {found}"));
        }
    }
    differences.truncate(10);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    ends
}
