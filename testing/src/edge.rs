//! Random modules that do things around traps: stores of all widths, globals, tables, blocks and calls, in loops and branches, around accesses at
//! the edge of memory and around everything else that traps.

use crate::generate::Random;

mod mixed;

pub use mixed::PEEKS;

/// A module and what to do with it.
pub struct Edge {
    /// Text of a module whose exports the other one imports as `env`.
    pub env: String,
    /// Text of the module itself.
    pub main: String,
    /// Arguments of the calls of `run`.
    pub calls: Vec<(i32, i32, i64)>,
}

/// Which operators a module may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operators {
    /// Those that the interpreter has, too.
    Common,
    /// Vectors, atomics and pages of one byte as well.
    All,
    /// All these, with objects, exceptions and tail calls among them.
    Mixed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ty {
    I32,
    I64,
    F32,
    F64,
    V128,
}

impl Ty {
    /// The local variable of this type.
    fn local(self) -> &'static str {
        match self {
            Self::I32 => "$x",
            Self::I64 => "$y",
            Self::F32 => "$f",
            Self::F64 => "$d",
            Self::V128 => "$v",
        }
    }
}

/// Accesses: operator, type of the value, bytes.
const STORES: [(&str, Ty, u32); 9] = [
    ("i32.store", Ty::I32, 4),
    ("i32.store8", Ty::I32, 1),
    ("i32.store16", Ty::I32, 2),
    ("i64.store", Ty::I64, 8),
    ("i64.store8", Ty::I64, 1),
    ("i64.store16", Ty::I64, 2),
    ("i64.store32", Ty::I64, 4),
    ("f32.store", Ty::F32, 4),
    ("f64.store", Ty::F64, 8),
];
const LOADS: [(&str, Ty, u32); 14] = [
    ("i32.load", Ty::I32, 4),
    ("i32.load8_u", Ty::I32, 1),
    ("i32.load8_s", Ty::I32, 1),
    ("i32.load16_u", Ty::I32, 2),
    ("i32.load16_s", Ty::I32, 2),
    ("i64.load", Ty::I64, 8),
    ("i64.load8_u", Ty::I64, 1),
    ("i64.load8_s", Ty::I64, 1),
    ("i64.load16_u", Ty::I64, 2),
    ("i64.load16_s", Ty::I64, 2),
    ("i64.load32_u", Ty::I64, 4),
    ("i64.load32_s", Ty::I64, 4),
    ("f32.load", Ty::F32, 4),
    ("f64.load", Ty::F64, 8),
];
const VECTOR_LOADS: [(&str, u32); 8] = [
    ("v128.load", 16),
    ("v128.load8x8_s", 8),
    ("v128.load32x2_u", 8),
    ("v128.load8_splat", 1),
    ("v128.load64_splat", 8),
    ("v128.load32_zero", 4),
    ("v128.load64_zero", 8),
    ("v128.load16x4_u", 8),
];
const LANES: [(&str, u32); 4] = [("8", 1), ("16", 2), ("32", 4), ("64", 8)];
const ATOMICS: [(&str, u32); 6] = [
    ("i32.atomic.rmw.add", 4),
    ("i32.atomic.rmw8.or_u", 1),
    ("i32.atomic.rmw.xchg", 4),
    ("i64.atomic.rmw.sub", 8),
    ("i64.atomic.rmw16.xor_u", 2),
    ("i64.atomic.rmw.add", 8),
];
/// Bytes of a page, at whose end nearly all of this takes place.
const PAGE: i64 = 65_536;

struct Memory {
    name: &'static str,
    /// Whether its addresses have 64 bits.
    is_wide: bool,
}

/// Writes one module.
struct Writer {
    random: Random,
    operators: Operators,
    memories: Vec<Memory>,
    /// Functions that the one at hand may call: `$h0` and so on. None calls itself, so that every call ends.
    helpers: usize,
    loops: usize,
    labels: usize,
}

/// The module of a seed.
pub fn edge(seed: u64, operators: Operators) -> Edge {
    let mut writer =
        Writer { random: Random::new(seed), operators, memories: Vec::new(), helpers: 0, loops: 0, labels: 0 };
    let (env, fields) = writer.fields();
    let mut main = format!("(module {fields}\n");
    let helpers = writer.random.below(3);
    for helper in 0..helpers {
        writer.helpers = helper;
        let statements = 1 + writer.random.below(5);
        main += &writer.function(&format!("$h{helper}"), "", statements);
    }
    writer.helpers = helpers;
    let statements = 2 + writer.random.below(9);
    main += &writer.function("$run", "(export \"run\")", statements);
    main.push(')');
    let calls = (0..3).map(|_| writer.arguments()).collect();
    Edge { env, main, calls }
}

impl Writer {
    fn below(&mut self, end: usize) -> usize {
        self.random.below(end)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Arguments of a call: a place, mostly near an edge, a number, a word.
    fn arguments(&mut self) -> (i32, i32, i64) {
        // Most mistakes show within some accesses of the widest kind before or behind the end.
        let near = self.below(96) as i64;
        let at = match self.below(8) {
            0..=3 => PAGE - near,
            4 => PAGE - 4 * near,
            5 => near,
            6 => PAGE + near - 8,
            _ => self.pick(&[-near, 2 * PAGE - near, 1 << 31, 0, near * 600]),
        };
        let n = match self.below(4) {
            0 => self.pick(&[0, 1, -1, i32::MIN]),
            _ => self.below(64) as i32,
        };
        let word = match self.below(3) {
            0 => self.pick(&[0, -1, i64::MIN, 1]),
            _ => self.random.next() as i64,
        };
        (at as i32, n, word)
    }

    /// Memories, globals, table and data of both modules.
    fn fields(&mut self) -> (String, String) {
        let mut env = "(module (global (export \"g\") (mut i32) (i32.const 5))\n".to_owned();
        let mut main = "(import \"env\" \"g\" (global $ge (mut i32)))\n".to_owned();
        let mut own = String::new();
        let count = 1 + self.below(5) / 3;
        for (position, name) in ["$m0", "$m1"].into_iter().take(count).enumerate() {
            let is_wide = position == 1 && self.chance(50);
            let index = if is_wide { "i64 " } else { "" };
            let ty = match self.below(4) {
                0 if self.operators != Operators::Common => format!("{index}65530 65540 (pagesize 1)"),
                0 | 1 => format!("{index}1 2"),
                2 => format!("{index}1 1"),
                _ => format!("{index}1"),
            };
            // What is imported is reached through a pointer, which compilers treat in another way.
            if self.chance(25) {
                env += &format!("(memory (export \"m{position}\") {ty})\n");
                main += &format!("(import \"env\" \"m{position}\" (memory {name} {ty}))\n");
                own += &format!("(export \"m{position}\" (memory {name}))\n");
            } else {
                own += &format!("(memory {name} (export \"m{position}\") {ty})\n");
            }
            self.memories.push(Memory { name, is_wide });
        }
        env += "(table (export \"t\") 4 8 funcref))";
        if self.chance(30) {
            main += "(import \"env\" \"t\" (table $t 4 8 funcref)) (export \"t\" (table $t))\n";
        } else {
            own += "(table $t (export \"t\") 4 8 funcref)\n";
        }
        own += "(type $k (func (param i32) (result i32)))
            (global $g0 (export \"g0\") (mut i32) (i32.const 1))
            (global $g1 (export \"g1\") (mut i64) (i64.const 2))
            (global $g2 (export \"g2\") (mut f64) (f64.const 3))
            (export \"ge\" (global $ge))
            (data $data \"some bytes for memory.init\")
            (elem (table $t) (i32.const 0) func $k0 $k1)
            (elem $elem func $k1 $k0 $k1)
            (func $k0 (type $k) (global.set $g0 (i32.add (global.get $g0) (local.get 0))) (local.get 0))
            (func $k1 (type $k)
                (global.set $g1 (i64.add (global.get $g1) (i64.const 1)))
                (i32.store8 $m0 (local.get 0) (i32.const 77))
                (i32.div_u (i32.const 1000) (local.get 0)))
            (func (export \"probe\") (param i32) (result i32) (call_indirect $t (type $k) (i32.const 9) (local.get 0)))\n";
        if self.operators == Operators::Mixed {
            own += mixed::FIELDS;
        }
        (env, main + &own)
    }

    fn function(&mut self, name: &str, export: &str, statements: usize) -> String {
        let vector = if self.operators != Operators::Common { "(local $v v128)" } else { "" };
        let object = if self.operators == Operators::Mixed { "(local $o (ref null $node))" } else { "" };
        let mut text = format!(
            "(func {name} {export} (param $at i32) (param $n i32) (param $w i64) (result i64)
            (local $x i32) (local $y i64) (local $f f32) (local $d f64) (local $p i32) (local $i0 i32) (local $i1 i32) {vector} {object}
            (local.set $p (i32.add (local.get $at) (i32.const {})))\n",
            self.below(3) * 4
        );
        if self.operators == Operators::Mixed {
            text += "(local.set $o (global.get $gn))\n";
        }
        for _ in 0..statements {
            text += &self.statement(3);
        }
        text += "(i64.add (local.get $y) (i64.extend_i32_u (local.get $x))))\n";
        text
    }

    fn statement(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.store(0);
        }
        if self.operators == Operators::Mixed && self.chance(40) {
            return self.mixed(depth);
        }
        let mut text = match self.below(26) {
            0..=4 => self.store(depth),
            5..=7 => self.load_to_local(depth),
            8 => format!("(drop {})", self.load(None).0),
            9..=11 => self.global_set(depth),
            12 => self.table(),
            13 => self.block_operation(),
            14 => self.call(depth),
            15 => self.trapping(depth),
            16 | 17 => self.branch(depth),
            18..=21 => self.loop_(depth),
            22 => self.selection(depth),
            23 => self.fields_of_one(),
            24 if self.operators != Operators::Common => self.atomic(depth),
            _ => format!("(local.set $p {})", self.value(Ty::I32, depth - 1)),
        };
        text.push('\n');
        text
    }

    fn statements(&mut self, depth: usize, most: usize) -> String {
        (0..1 + self.below(most)).map(|_| self.statement(depth)).collect()
    }

    /// `memory offset=… address` of an access.
    fn place(&mut self, bytes: u32) -> String {
        let position = self.below(self.memories.len());
        let index = self.index(bytes);
        // Offsets that lead out alone, that wrap a 32-bit sum, and that do not matter.
        let offset = match self.below(20) {
            0..=9 => 0,
            10..=15 => self.below(64),
            16 => 65_528 + self.below(16),
            17 => self.pick(&[65_535, 65_536, 1 << 31, 0xffff_fff0]),
            _ => self.below(8) * bytes as usize,
        };
        let Memory { name, is_wide } = self.memories[position];
        let index = match is_wide {
            true if self.chance(10) => "(local.get $w)".to_owned(),
            true => format!("(i64.extend_i32_u {index})"),
            false => index,
        };
        format!("{name} offset={offset} {index}")
    }

    /// A 32-bit address.
    fn index(&mut self, bytes: u32) -> String {
        let counter =
            if self.loops > 0 { format!("(local.get $i{})", self.loops - 1) } else { "(local.get $n)".into() };
        match self.below(16) {
            0..=4 => "(local.get $at)".into(),
            5 | 6 => "(local.get $p)".into(),
            7..=10 => format!("(i32.add (local.get $at) (i32.mul {counter} (i32.const {bytes})))"),
            11 => format!("(i32.sub (local.get $at) (i32.mul {counter} (i32.const {bytes})))"),
            12 => format!("(i32.add (local.get $at) (i32.const {}))", self.below(48) as i32 - 16),
            13 => format!("(i32.const {})", self.pick(&[0, 8, 65_532, 65_535, 65_536, -1, 1024])),
            14 => format!("(i32.and {} (i32.const {}))", self.simple(Ty::I32), self.pick(&[255, 65_535, 65_528])),
            _ => format!("(i32.add (local.get $at) (i32.shl {counter} (i32.const {})))", self.below(4)),
        }
    }

    fn store(&mut self, depth: usize) -> String {
        if self.operators != Operators::Common && self.chance(20) {
            let value = self.value(Ty::V128, depth.min(1));
            if self.chance(50) {
                return format!("(v128.store {} {value})", self.place(16));
            }
            let (bits, bytes) = self.pick(&LANES);
            let lane = self.below(16 / bytes as usize);
            let place = self.place(bytes);
            let (memarg, index) = place.split_at(place.find('(').expect("a place ends in an address"));
            return format!("(v128.store{bits}_lane {memarg} {lane} {index} {value})");
        }
        let (op, ty, bytes) = self.pick(&STORES);
        let place = self.place(bytes);
        format!("({op} {place} {})", self.value(ty, depth.min(2)))
    }

    /// A load and its type.
    fn load(&mut self, wanted: Option<Ty>) -> (String, Ty) {
        let is_vector = match wanted {
            Some(ty) => ty == Ty::V128,
            None => self.operators != Operators::Common && self.chance(20),
        };
        if is_vector {
            let (op, bytes) = self.pick(&VECTOR_LOADS);
            return (format!("({op} {})", self.place(bytes)), Ty::V128);
        }
        loop {
            let (op, ty, bytes) = self.pick(&LOADS);
            if wanted.is_none_or(|wanted| wanted == ty) {
                return (format!("({op} {})", self.place(bytes)), ty);
            }
        }
    }

    fn load_to_local(&mut self, depth: usize) -> String {
        let (load, ty) = self.load(None);
        let value = match ty {
            Ty::I32 if self.chance(50) => format!("(i32.add {load} {})", self.value(ty, depth - 1)),
            Ty::I64 if self.chance(50) => format!("(i64.xor {load} {})", self.value(ty, depth - 1)),
            _ => load,
        };
        format!("(local.set {} {value})", ty.local())
    }

    fn simple(&mut self, ty: Ty) -> String {
        match ty {
            Ty::I32 => match self.below(6) {
                0 => format!("(i32.const {})", self.below(100)),
                1 => "(local.get $n)".into(),
                2 => "(global.get $g0)".into(),
                3 => "(global.get $ge)".into(),
                4 if self.loops > 0 => format!("(local.get $i{})", self.loops - 1),
                _ => "(local.get $x)".into(),
            },
            Ty::I64 => self.pick(&["(i64.const 7)", "(local.get $w)", "(local.get $y)", "(global.get $g1)"]).into(),
            Ty::F32 => self.pick(&["(f32.const 1.5)", "(local.get $f)"]).into(),
            Ty::F64 => self.pick(&["(f64.const 2.5)", "(local.get $d)", "(global.get $g2)"]).into(),
            Ty::V128 => self.pick(&["(v128.const i32x4 1 2 3 4)", "(local.get $v)"]).into(),
        }
    }

    fn value(&mut self, ty: Ty, depth: usize) -> String {
        if depth == 0 || self.chance(30) {
            return self.simple(ty);
        }
        if self.chance(35) {
            return self.load(Some(ty)).0;
        }
        let (a, b) = (self.value(ty, depth - 1), self.value(ty, depth - 1));
        match ty {
            Ty::I32 => match self.below(8) {
                0 => format!("(i32.div_s {a} {b})"),
                1 => format!("(i32.rem_u {a} {b})"),
                2 => format!("(select {a} {b} {})", self.simple(Ty::I32)),
                3 => format!("(memory.size {})", self.memories[0].name),
                op => format!("({} {a} {b})", ["i32.add", "i32.xor", "i32.mul", "i32.lt_u"][op - 4]),
            },
            Ty::I64 => match self.below(6) {
                0 => format!("(i64.rem_s {a} {b})"),
                1 => format!("(select {a} {b} {})", self.simple(Ty::I32)),
                2 => format!("(i64.extend_i32_s {})", self.value(Ty::I32, depth - 1)),
                op => format!("({} {a} {b})", ["i64.add", "i64.xor", "i64.mul"][op - 3]),
            },
            // No arithmetic: which NaN comes of it is nobody's promise.
            Ty::F32 => match self.below(2) {
                0 => format!("(select {a} {b} {})", self.simple(Ty::I32)),
                _ => format!("(f32.convert_i32_s {})", self.value(Ty::I32, depth - 1)),
            },
            Ty::F64 => match self.below(2) {
                0 => format!("(select {a} {b} {})", self.simple(Ty::I32)),
                _ => format!("(f64.add (f64.const 0.5) (f64.convert_i32_s {}))", self.value(Ty::I32, depth - 1)),
            },
            Ty::V128 => match self.below(3) {
                0 => format!("(select {a} {b} {})", self.simple(Ty::I32)),
                op => format!("({} {a} {b})", ["i32x4.add", "v128.xor"][op - 1]),
            },
        }
    }

    fn global_set(&mut self, depth: usize) -> String {
        match self.below(6) {
            0 | 1 => "(global.set $g0 (i32.add (global.get $g0) (i32.const 1)))".into(),
            2 => format!("(global.set $g0 {})", self.value(Ty::I32, depth - 1)),
            3 => format!("(global.set $ge {})", self.value(Ty::I32, depth - 1)),
            4 => format!("(global.set $g1 {})", self.value(Ty::I64, depth - 1)),
            _ => format!("(global.set $g2 {})", self.value(Ty::F64, depth - 1)),
        }
    }

    fn table(&mut self) -> String {
        let at = format!("(i32.and {} (i32.const 7))", self.simple(Ty::I32));
        match self.below(6) {
            0 | 1 => format!("(table.set $t {at} (ref.func {}))", self.pick(&["$k0", "$k1"])),
            2 => format!("(table.set $t {at} (ref.null func))"),
            3 => format!("(table.fill $t {at} (ref.func $k1) (i32.const {}))", self.below(5)),
            4 => format!("(table.init $t $elem {at} (i32.const 0) (i32.const {}))", self.below(5)),
            _ => format!("(local.set $x (table.grow $t (ref.func $k0) (i32.const {})))", self.below(3)),
        }
    }

    fn block_operation(&mut self) -> String {
        let narrow: Vec<_> = self.memories.iter().filter(|memory| !memory.is_wide).map(|memory| memory.name).collect();
        let (to, from) = (self.pick(&narrow), self.pick(&narrow));
        let (a, b) = (self.index(4), self.index(4));
        let len = match self.below(3) {
            0 => "(i32.and (local.get $n) (i32.const 63))".into(),
            _ => format!("(i32.const {})", self.below(40)),
        };
        match self.below(7) {
            0..=2 => format!("(memory.fill {to} {a} {} {len})", self.simple(Ty::I32)),
            3 | 4 => format!("(memory.copy {to} {from} {a} {b} {len})"),
            5 => format!("(memory.init {to} $data {a} (i32.const 2) {len})"),
            _ => format!("(local.set $x (memory.grow {to} (i32.const {})))", self.below(2)),
        }
    }

    fn call(&mut self, depth: usize) -> String {
        let argument = self.value(Ty::I32, depth - 1);
        if self.helpers == 0 || self.chance(35) {
            let element = format!("(i32.and {} (i32.const 7))", self.simple(Ty::I32));
            return format!("(local.set $x (call_indirect $t (type $k) {argument} {element}))");
        }
        let helper = self.below(self.helpers);
        let at = self.index(4);
        let call = format!("(call $h{helper} {at} {argument} {})", self.simple(Ty::I64));
        if self.chance(40) { format!("(drop {call})") } else { format!("(local.set $y {call})") }
    }

    /// What traps without an access.
    fn trapping(&mut self, depth: usize) -> String {
        match self.below(6) {
            0 => format!("(local.set $x (i32.div_s {} {}))", self.value(Ty::I32, depth - 1), self.simple(Ty::I32)),
            1 => format!("(drop (i64.rem_u {} {}))", self.value(Ty::I64, depth - 1), self.simple(Ty::I64)),
            2 => format!("(local.set $x (i32.trunc_f64_s {}))", self.value(Ty::F64, depth - 1)),
            3 => format!("(drop (i64.trunc_f32_u {}))", self.value(Ty::F32, depth - 1)),
            4 => format!("(if (i32.gt_u {} (i32.const 20)) (then (unreachable)))", self.simple(Ty::I32)),
            _ => "(drop (call_indirect $t (type $k) (i32.const 3) (local.get $n)))".into(),
        }
    }

    fn branch(&mut self, depth: usize) -> String {
        let condition = match self.below(3) {
            0 => format!("(i32.and {} (i32.const 1))", self.simple(Ty::I32)),
            1 => format!("(i32.gt_u {} (i32.const 30))", self.simple(Ty::I32)),
            _ => self.value(Ty::I32, depth - 1),
        };
        match self.below(5) {
            0 | 1 => format!("(if {condition} (then {}))", self.statements(depth - 1, 2)),
            2 => {
                let first = self.statements(depth - 1, 2);
                format!("(if {condition} (then {first}) (else {}))", self.statements(depth - 1, 2))
            }
            3 => {
                self.labels += 1;
                let label = self.labels;
                let first = self.statements(depth - 1, 2);
                format!("(block $b{label} {first} (br_if $b{label} {condition}) {})", self.statements(depth - 1, 2))
            }
            _ => format!("(if {condition} (then (return {})))", self.value(Ty::I64, depth - 1)),
        }
    }

    fn loop_(&mut self, depth: usize) -> String {
        if self.loops == 2 {
            return self.store(depth);
        }
        self.labels += 1;
        let (counter, label) = (self.loops, self.labels);
        self.loops += 1;
        let most = 1 + self.below(3);
        let body = self.statements(depth - 1, most);
        self.loops -= 1;
        let bound = match self.below(3) {
            0 => format!("(i32.const {})", 1 + self.below(40)),
            _ => "(i32.add (i32.and (local.get $n) (i32.const 31)) (i32.const 1))".into(),
        };
        let i = format!("$i{counter}");
        let step = |by: i32| format!("(local.tee {i} (i32.add (local.get {i}) (i32.const {by})))");
        match self.below(5) {
            0 | 1 => format!(
                "(local.set {i} (i32.const 0)) (loop $l{label} {body} (br_if $l{label} (i32.lt_u {} {bound})))",
                step(1)
            ),
            2 => format!("(local.set {i} {bound}) (loop $l{label} {body} (br_if $l{label} {}))", step(-1)),
            3 => format!(
                "(local.set {i} (i32.sub (i32.const 0) {bound})) (loop $l{label} {body} (br_if $l{label} {}))",
                step(1)
            ),
            _ => format!(
                "(local.set {i} (i32.const 0)) (block $e{label} (loop $l{label} (br_if $e{label} (i32.ge_s (local.get {i}) {bound})) {body} (drop {}) (br $l{label})))",
                step(2)
            ),
        }
    }

    /// Loads of which a branch or a `select` takes one.
    fn selection(&mut self, depth: usize) -> String {
        let (load, ty) = self.load(None);
        let (other, condition) = (self.value(ty, depth - 1), self.simple(Ty::I32));
        let local = ty.local();
        match self.below(3) {
            0 => format!("(local.set {local} (select {load} {other} {condition}))"),
            1 => format!("(local.set {local} (select {other} {load} {condition}))"),
            _ => {
                let effect = self.statement(depth - 1);
                format!("(local.set {local} {load}) {effect} (if {condition} (then (local.set {local} {other})))")
            }
        }
    }

    /// Several accesses to one object.
    fn fields_of_one(&mut self) -> String {
        let base = self.pick(&["(local.get $at)", "(local.get $p)"]);
        let mut text = String::new();
        for field in 0..2 + self.below(5) {
            let offset = match self.chance(80) {
                true => field * 4,
                false => self.below(40),
            };
            text += &match self.below(3) {
                0 => format!("(local.set $x (i32.add (local.get $x) (i32.load $m0 offset={offset} {base})))"),
                1 => format!("(i32.store $m0 offset={offset} {base} (i32.const {field}))"),
                _ => format!("(i32.store $m0 offset={offset} {base} (local.get $x))"),
            };
        }
        text
    }

    fn atomic(&mut self, depth: usize) -> String {
        let (op, bytes) = self.pick(&ATOMICS);
        let ty = if op.starts_with("i32") { Ty::I32 } else { Ty::I64 };
        let position = self.below(self.memories.len());
        let Memory { name, is_wide } = self.memories[position];
        let index = match self.chance(90) {
            true => format!("(i32.and (local.get $at) (i32.const -{bytes}))"),
            false => "(local.get $at)".into(),
        };
        let index = if is_wide { format!("(i64.extend_i32_u {index})") } else { index };
        let value = self.value(ty, depth - 1);
        if self.chance(50) {
            return format!("(drop ({op} {name} {index} {value}))");
        }
        format!("(local.set {} ({op} {name} {index} {value}))", ty.local())
    }
}
