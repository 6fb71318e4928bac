//! Random modules that throw: regions of both encodings, in each other, in loops and under operands, around calls and throws, with locals of all
//! classes that are written before, in and behind them. What handlers find goes into the exported global `h`.

use crate::generate::{Random, numbers};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ty {
    I32,
    I64,
    F32,
    F64,
    V128,
    /// A function of type `$k`, or null.
    Func,
    /// An exception, or null.
    Exn,
}

const TYPES: [Ty; 7] = [Ty::I32, Ty::I64, Ty::F32, Ty::F64, Ty::V128, Ty::Func, Ty::Exn];

impl Ty {
    fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::Func => "(ref null $k)",
            Self::Exn => "exnref",
        }
    }

    /// Adds a local to the exported hash.
    fn mix(self, local: usize) -> String {
        let get = format!("(local.get {local})");
        let word = match self {
            Self::I32 => format!("(i64.extend_i32_u {get})"),
            Self::I64 => get,
            Self::F32 => format!("(i64.extend_i32_u (i32.reinterpret_f32 {get}))"),
            Self::F64 => format!("(i64.reinterpret_f64 {get})"),
            Self::V128 => format!("(i64.sub (i64x2.extract_lane 0 {get}) (i64x2.extract_lane 1 {get}))"),
            Self::Func => format!("(call $which {get})"),
            Self::Exn => format!("(i64.extend_i32_u (ref.is_null {get}))"),
        };
        format!("(call $mix {word})\n")
    }
}

/// Parameters and results.
type Signature = (Vec<Ty>, Vec<Ty>);

/// What every module has besides [`numbers`].
const COMMON: &str = r#"(type $k (func (result i32)))
    (table funcref (elem $k0 $k1 $k2))
    (global $quiet (mut i32) (i32.const 0))
    (func $k0 (type $k) (if (global.get $quiet) (then (return (i32.const 10)))) (call $next))
    (func $k1 (type $k) (if (global.get $quiet) (then (return (i32.const 11)))) (throw $t1 (call $next)))
    (func $k2 (type $k) (if (global.get $quiet) (then (return (i32.const 12))))
        (if (i32.and (call $next) (i32.const 1)) (then (throw $t0))) (call $next))
    (func $which (param (ref null $k)) (result i64)
        (if (ref.is_null (local.get 0)) (then (return (i64.const 0))))
        (global.set $quiet (i32.const 1))
        (i64.extend_i32_u (call_ref $k (local.get 0)))
        (global.set $quiet (i32.const 0)))
"#;

/// Writes one module.
struct Writer {
    random: Random,
    /// Whether regions may be in the older encoding, too.
    with_legacy: bool,
    tags: Vec<Vec<Ty>>,
    functions: Vec<Signature>,
    /// The function at hand, which calls those behind it only.
    function: usize,
    locals: Vec<Ty>,
    /// Labels that branches may have, and the value that they carry.
    labels: Vec<(usize, Option<Ty>)>,
    /// Labels of `try`s whose handlers are open.
    handlers: Vec<usize>,
    named: usize,
    loops: usize,
}

/// How deep loops are in each other at most: each has a local.
const LOOPS_MAX: usize = 2;

/// Text of the module of a seed. Its exports do it once, and again and again.
pub fn throws(seed: u64) -> String {
    Writer::new(seed, true).module()
}

/// The same without the older encoding of exceptions, which other engines do not have together with the newer one.
pub fn throws_by_tables(seed: u64) -> String {
    Writer::new(seed, false).module()
}

fn list(word: &str, types: &[Ty]) -> String {
    types.iter().map(|ty| format!("({word} {})", ty.name())).collect()
}

impl Writer {
    fn new(seed: u64, with_legacy: bool) -> Self {
        Self {
            random: Random::new(seed),
            with_legacy,
            tags: Vec::new(),
            functions: Vec::new(),
            function: 0,
            locals: Vec::new(),
            labels: Vec::new(),
            handlers: Vec::new(),
            named: 0,
            loops: 0,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.below(end)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn types(&mut self, most: usize) -> Vec<Ty> {
        (0..self.below(most + 1)).map(|_| TYPES[self.below(TYPES.len())]).collect()
    }

    fn module(&mut self) -> String {
        let many = if self.chance(20) { 60 } else { 12 };
        self.tags = vec![Vec::new(), vec![Ty::I32], self.types(4), self.types(many)];
        for _ in 0..2 + self.below(4) {
            let most = if self.chance(20) { 20 } else { 5 };
            let params = self.types(most);
            let results = if self.chance(60) { self.types(1) } else { self.types(6) };
            self.functions.push((params, results));
        }
        let mut text = "(module\n".to_owned();
        for (index, params) in self.tags.iter().enumerate() {
            text += &format!("(tag $t{index} {})\n", list("param", params));
        }
        text += COMMON;
        text += &numbers(4000);
        for function in 0..self.functions.len() {
            text += &self.function(function);
        }
        let arguments: String = self.functions[0].0.clone().into_iter().map(|ty| self.constant(ty)).collect();
        let drops = "(drop)".repeat(self.functions[0].1.len());
        text += &format!("(func $once (export \"once\") (call $f0 {arguments}) {drops})\n");
        text + "(func (export \"run\") (local i32)
            (loop $l (block $b (try_table (catch_all $b) (call $once)))
                (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 20))))))"
    }

    fn function(&mut self, function: usize) -> String {
        let (params, results) = self.functions[function].clone();
        self.function = function;
        // Counters of loops come behind the parameters.
        self.locals.clone_from(&params);
        self.locals.extend([Ty::I32; LOOPS_MAX]);
        let most = [2, 8, 30][self.below(3)];
        let more = self.types(most);
        self.locals.extend(more);
        let locals = list("local", &self.locals[params.len()..]);
        let (params_text, results_text) = (list("param", &params), list("result", &results));
        let mut text = format!("(func $f{function} {params_text} {results_text} {locals}\n(drop (call $next))\n");
        text += &self.statements(4, 6);
        text += &self.mix_all();
        for ty in results {
            text += &self.value(ty, 2);
        }
        text + ")\n"
    }

    /// Whether a local is a counter.
    fn is_counter(&self, local: usize) -> bool {
        let params = self.functions[self.function].0.len();
        (params..params + LOOPS_MAX).contains(&local)
    }

    /// A local of a type, if there is one; not a counter to be written.
    fn local(&mut self, ty: Ty, is_written: bool) -> Option<usize> {
        let fits = |local: &usize| self.locals[*local] == ty && !(is_written && self.is_counter(*local));
        let locals: Vec<_> = (0..self.locals.len()).filter(fits).collect();
        (!locals.is_empty()).then(|| locals[self.below(locals.len())])
    }

    fn mix_all(&self) -> String {
        self.locals.iter().enumerate().map(|(local, ty)| ty.mix(local)).collect()
    }

    fn constant(&mut self, ty: Ty) -> String {
        let number = self.below(1000);
        match ty {
            Ty::Func if number < 200 => "(ref.null $k)".into(),
            Ty::Func => format!("(ref.func $k{})", number % 3),
            Ty::Exn => "(ref.null exn)".into(),
            Ty::V128 => format!("(v128.const i32x4 {number} 1 2 {})", number * 5),
            ty => format!("({}.const {number})", ty.name()),
        }
    }

    fn simple(&mut self, ty: Ty) -> String {
        match self.local(ty, false) {
            Some(local) if self.chance(80) => format!("(local.get {local})"),
            _ => self.constant(ty),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        match self.below(3) {
            0 => self.value(Ty::I32, depth),
            _ => format!("(i32.and (call $next) (i32.const {}))", [1, 1, 3, 7][self.below(4)]),
        }
    }

    fn value(&mut self, ty: Ty, depth: usize) -> String {
        if depth == 0 {
            return self.simple(ty);
        }
        let depth = depth - 1;
        match self.below(12) {
            0 | 1 => self.region(Some(ty), depth),
            2 => self.call_for(ty, depth),
            3 => match self.local(ty, true) {
                Some(local) => format!("(local.tee {local} {})", self.value(ty, depth)),
                None => self.constant(ty),
            },
            4 => {
                let (a, b) = (self.value(ty, depth), self.value(ty, depth));
                format!("(select (result {}) {a} {b} {})", ty.name(), self.condition(depth))
            }
            5 | 6 => self.operator(ty, depth),
            _ => self.simple(ty),
        }
    }

    fn operator(&mut self, ty: Ty, depth: usize) -> String {
        let (a, b) = (self.value(ty, depth), self.value(ty, depth));
        match ty {
            Ty::I32 => match self.below(4) {
                0 => format!("(call_indirect (type $k) (i32.rem_u {a} (i32.const 3)))"),
                op => format!("({} {a} {b})", ["i32.add", "i32.xor", "i32.lt_s"][op - 1]),
            },
            Ty::I64 => format!("({} {a} {b})", ["i64.add", "i64.xor"][self.below(2)]),
            // No arithmetic: which NaN comes of it is nobody's promise.
            Ty::F32 => format!("(f32.convert_i32_u {})", self.value(Ty::I32, depth)),
            Ty::F64 => format!("(f64.convert_i32_u {})", self.value(Ty::I32, depth)),
            Ty::V128 => format!("({} {a} {b})", ["i32x4.add", "v128.xor"][self.below(2)]),
            Ty::Func | Ty::Exn => a,
        }
    }

    fn arguments(&mut self, types: &[Ty], depth: usize) -> String {
        // Deep arguments only where there are few.
        let depth = if types.len() > 4 { depth.min(1) } else { depth };
        types.iter().map(|ty| self.value(*ty, depth)).collect()
    }

    /// A call of a function behind this one that returns a value of this type.
    fn call_for(&mut self, ty: Ty, depth: usize) -> String {
        for callee in self.function + 1..self.functions.len() {
            let (params, results) = self.functions[callee].clone();
            if results == [ty] && self.chance(60) {
                return format!("(call $f{callee} {})", self.arguments(&params, depth));
            }
        }
        self.simple(ty)
    }

    fn statements(&mut self, depth: usize, most: usize) -> String {
        (0..1 + self.below(most)).map(|_| self.statement(depth)).collect()
    }

    fn statement(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.assignment(0);
        }
        let depth = depth - 1;
        let mut text = match self.below(24) {
            0..=5 => self.assignment(depth),
            6..=8 => self.region(None, depth),
            9 => self.loop_(depth),
            10 => format!(
                "(if {} (then {}) (else {}))",
                self.condition(depth),
                self.statements(depth, 2),
                self.statements(depth, 2)
            ),
            11 | 12 => self.sometimes(depth, Self::throw),
            13 => self.sometimes(depth, Self::branch),
            14 => self.sometimes(depth, Self::rethrow),
            15 => self.sometimes(depth, Self::throw_ref),
            16 => self.sometimes(depth, Self::tail_call),
            17..=19 => self.call(depth),
            20 => self.mix_all(),
            21 => format!("(drop {})", self.value(Ty::I32, depth)),
            22 => format!("(block {})", self.throw(depth)),
            _ => format!("(drop (call_indirect (type $k) (i32.rem_u {} (i32.const 3))))", self.value(Ty::I32, depth)),
        };
        text.push('\n');
        text
    }

    /// Something that ends the flow, behind a condition.
    fn sometimes(&mut self, depth: usize, end: fn(&mut Self, usize) -> String) -> String {
        format!("(if {} (then {}))", self.condition(depth), end(self, depth))
    }

    fn assignment(&mut self, depth: usize) -> String {
        let ty = TYPES[self.below(TYPES.len())];
        match self.local(ty, true) {
            Some(local) => format!("(local.set {local} {})\n", self.value(ty, depth)),
            None => format!("(drop {})\n", self.value(ty, depth)),
        }
    }

    fn throw(&mut self, depth: usize) -> String {
        let tag = self.below(self.tags.len());
        let params = self.tags[tag].clone();
        format!("(throw $t{tag} {})", self.arguments(&params, depth))
    }

    fn branch(&mut self, depth: usize) -> String {
        if self.labels.is_empty() {
            return self.throw(depth);
        }
        let label = self.below(self.labels.len());
        let (label, ty) = self.labels[label];
        let value = ty.map_or(String::new(), |ty| self.value(ty, depth));
        format!("(br $l{label} {value})")
    }

    fn rethrow(&mut self, depth: usize) -> String {
        if self.handlers.is_empty() {
            return self.throw(depth);
        }
        let handler = self.below(self.handlers.len());
        format!("(rethrow $l{})", self.handlers[handler])
    }

    fn throw_ref(&mut self, depth: usize) -> String {
        let Some(local) = self.local(Ty::Exn, false) else { return self.throw(depth) };
        // Null would be the end of it all.
        format!("(if (ref.is_null (local.get {local})) (then {})) (throw_ref (local.get {local}))", self.throw(depth))
    }

    fn tail_call(&mut self, depth: usize) -> String {
        let results = self.functions[self.function].1.clone();
        let callee = (self.function + 1..self.functions.len()).find(|callee| self.functions[*callee].1 == results);
        let Some(callee) = callee else { return self.throw(depth) };
        let params = self.functions[callee].0.clone();
        format!("(return_call $f{callee} {})", self.arguments(&params, depth))
    }

    fn call(&mut self, depth: usize) -> String {
        let behind = self.functions.len() - self.function - 1;
        if behind == 0 {
            return self.assignment(depth);
        }
        let callee = self.function + 1 + self.below(behind);
        let (params, results) = self.functions[callee].clone();
        format!("(call $f{callee} {}) {}", self.arguments(&params, depth), self.consume(&results))
    }

    /// Takes operands from the stack, mostly to locals.
    fn consume(&mut self, types: &[Ty]) -> String {
        let mut text = String::new();
        for ty in types.iter().rev() {
            text += &match self.local(*ty, true) {
                Some(local) if self.chance(70) => format!("(local.set {local})"),
                _ => "(drop)".to_owned(),
            };
        }
        text
    }

    fn loop_(&mut self, depth: usize) -> String {
        if self.loops == LOOPS_MAX {
            return self.assignment(depth);
        }
        let counter = self.functions[self.function].0.len() + self.loops;
        let label = self.name();
        self.loops += 1;
        let body = self.statements(depth, 4);
        self.loops -= 1;
        format!(
            "(local.set {counter} (i32.const {})) (loop $l{label} {body} (br_if $l{label} (local.tee {counter} (i32.sub (local.get {counter}) (i32.const 1)))))",
            2 + self.below(4)
        )
    }

    fn name(&mut self) -> usize {
        self.named += 1;
        self.named
    }

    /// A block of statements, and the value of a type.
    fn body(&mut self, ty: Option<Ty>, depth: usize) -> String {
        let statements = self.statements(depth, 3);
        // What handlers find must have changed at some time.
        let value = ty.map_or(String::new(), |ty| self.value(ty, depth));
        statements + &value
    }

    /// A region with its handlers, which has a value or none.
    fn region(&mut self, ty: Option<Ty>, depth: usize) -> String {
        match self.below(5) {
            0 | 1 if self.with_legacy => self.try_(ty, depth),
            _ => self.try_table(ty, depth),
        }
    }

    fn handler(&mut self, ty: Option<Ty>, depth: usize) -> String {
        let mut text = if self.chance(70) { self.mix_all() } else { String::new() };
        text += &self.body(ty, depth.min(2));
        text
    }

    fn try_table(&mut self, ty: Option<Ty>, depth: usize) -> String {
        let out = self.name();
        let result = ty.map_or(String::new(), |ty| format!("(result {})", ty.name()));
        let (mut opened, mut clauses, mut closed) = (String::new(), String::new(), String::new());
        self.labels.push((out, ty));
        for _ in 0..self.below(4) {
            let label = self.name();
            let (tag, with_ref) = (self.below(self.tags.len() + 1), self.chance(40));
            let mut types = self.tags.get(tag).cloned().unwrap_or_default();
            let of_tag = if tag < self.tags.len() { format!(" $t{tag}") } else { "_all".into() };
            let suffix = if with_ref { "_ref" } else { "" };
            types.extend(with_ref.then_some(Ty::Exn));
            // The first clause has the innermost block.
            opened = format!("(block $l{label} {}\n", list("result", &types)) + &opened;
            let catch =
                if tag < self.tags.len() { format!("catch{suffix}{of_tag}") } else { format!("catch{of_tag}{suffix}") };
            clauses += &format!("({catch} $l{label})");
            let consumed = self.consume(&types);
            let handled = self.handler(ty, depth);
            closed += &format!(") {consumed} {handled} (br $l{out})\n");
        }
        let with_param = self.chance(20);
        let (before, param, taken) = if with_param {
            (self.value(Ty::I64, depth), "(param i64)", self.consume(&[Ty::I64]))
        } else {
            (String::new(), "", String::new())
        };
        let label = self.name();
        self.labels.push((label, ty));
        let body = self.body(ty, depth);
        self.labels.truncate(self.labels.len() - 2);
        format!(
            "(block $l{out} {result}\n{opened} {before} (try_table $l{label} {param} {result} {clauses} {taken} {body}) (br $l{out})\n{closed})\n"
        )
    }

    fn try_(&mut self, ty: Option<Ty>, depth: usize) -> String {
        let label = self.name();
        let result = ty.map_or(String::new(), |ty| format!("(result {})", ty.name()));
        self.labels.push((label, ty));
        let body = self.body(ty, depth);
        // The text format has no folded form of it.
        let mut text = format!("(block {result} try $l{label} {result} {body}\n");
        if self.chance(25) {
            self.labels.pop();
            // To what is around, or to the caller.
            let outside = self.labels.len() + 1;
            let target = self.below(outside);
            let target = self.labels.get(target).map_or("0".to_owned(), |(label, _)| format!("$l{label}"));
            return text + &format!("delegate {target})\n");
        }
        self.handlers.push(label);
        for _ in 0..self.below(3) {
            let tag = self.below(self.tags.len());
            let types = self.tags[tag].clone();
            let consumed = self.consume(&types);
            text += &format!("catch $t{tag} {consumed} {}\n", self.handler(ty, depth));
        }
        if self.chance(60) {
            text += &format!("catch_all {}\n", self.handler(ty, depth));
        }
        self.handlers.pop();
        self.labels.pop();
        text + "end)\n"
    }
}
