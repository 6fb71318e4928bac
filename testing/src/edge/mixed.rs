//! What later proposals have that traps, or is seen after a trap: objects, exceptions, tail calls, every operator of tables and atomics, blocks of memories
//! with wide addresses.

use super::{Ty, Writer};

/// How many things `peek` tells: fields of objects, elements of arrays.
pub const PEEKS: i32 = 28;

/// Types, tags and objects of a module, and functions on them. `$hx` is what tail calls by reference lead to, unless the element is null.
pub(super) const FIELDS: &str = r#"
    (rec (type $node (sub (struct (field $v (mut i32)) (field $next (mut (ref null $node))))))
        (type $leaf (sub final $node (struct (field $v (mut i32)) (field $next (mut (ref null $node))) (field $w (mut i64)) (field $b (mut i8))))))
    (type $ints (array (mut i32))) (type $bytes (array (mut i8)))
    (type $h (func (param i32 i32 i64) (result i64)))
    (tag $none) (tag $one (param i32)) (tag $two (param i64 i32))
    (global $gn (mut (ref null $node)) (struct.new $leaf (i32.const 3) (struct.new $node (i32.const 4) (ref.null $node)) (i64.const 5) (i32.const 6)))
    (global $ga (mut (ref null $ints)) (array.new $ints (i32.const 7) (i32.const 12)))
    (global $gb (mut (ref null $bytes)) (array.new $bytes (i32.const 8) (i32.const 12)))
    (table $th 4 (ref null $h)) (elem (table $th) (i32.const 0) (ref null $h) (ref.func $hx) (ref.func $hx)) (elem declare func $hx)
    (elem $nodes (ref null $node) (struct.new $node (i32.const 1) (ref.null $node)) (ref.null $node))
    (table $tn 2 6 (ref null $node))
    (func $hx (type $h)
        (global.set $g0 (i32.add (global.get $g0) (i32.const 10)))
        (struct.set $node $v (global.get $gn) (local.get 1))
        (if (i32.gt_u (local.get 1) (i32.const 40)) (then (throw $one (local.get 0))))
        (i32.store $m0 (local.get 0) (local.get 1))
        (i64.div_u (i64.const 1000) (local.get 2)))
    (func (export "peek") (param $i i32) (result i64)
        (if (i32.eqz (local.get $i)) (then (return (i64.extend_i32_u (struct.get $node $v (global.get $gn))))))
        (if (i32.eq (local.get $i) (i32.const 1))
            (then (return (i64.extend_i32_u (struct.get $node $v (struct.get $node $next (global.get $gn)))))))
        (if (i32.eq (local.get $i) (i32.const 2)) (then (return (struct.get $leaf $w (ref.cast (ref $leaf) (global.get $gn))))))
        (if (i32.eq (local.get $i) (i32.const 3))
            (then (return (i64.extend_i32_u (struct.get_s $leaf $b (ref.cast (ref $leaf) (global.get $gn)))))))
        (if (i32.lt_u (local.get $i) (i32.const 6))
            (then (return (i64.extend_i32_u (struct.get $node $v (table.get $tn (i32.sub (local.get $i) (i32.const 4))))))))
        (if (i32.lt_u (local.get $i) (i32.const 18))
            (then (return (i64.extend_i32_u (array.get $ints (global.get $ga) (i32.sub (local.get $i) (i32.const 6)))))))
        (i64.extend_i32_u (array.get_u $bytes (global.get $gb) (i32.sub (local.get $i) (i32.const 18)))))
"#;

/// Operators on a place in memory: name, type, bytes, whether a value is expected and whether one is written.
const ATOMICS: [(&str, Ty, u32, bool, bool); 11] = [
    ("i32.atomic.load", Ty::I32, 4, false, false),
    ("i64.atomic.load16_u", Ty::I64, 2, false, false),
    ("i64.atomic.load", Ty::I64, 8, false, false),
    ("i32.atomic.store", Ty::I32, 4, false, true),
    ("i64.atomic.store", Ty::I64, 8, false, true),
    ("i32.atomic.store16", Ty::I32, 2, false, true),
    ("i32.atomic.rmw.and", Ty::I32, 4, false, true),
    ("i64.atomic.rmw32.xchg_u", Ty::I64, 4, false, true),
    ("i32.atomic.rmw.cmpxchg", Ty::I32, 4, true, true),
    ("i32.atomic.rmw8.cmpxchg_u", Ty::I32, 1, true, true),
    ("i64.atomic.rmw.cmpxchg", Ty::I64, 8, true, true),
];

impl Writer {
    pub(super) fn mixed(&mut self, depth: usize) -> String {
        let mut text = match self.below(24) {
            0..=3 => self.object(depth),
            4..=6 => self.array(depth),
            7 | 8 => self.new_object(depth),
            9 => self.cast(),
            10..=12 => self.throw(depth),
            13..=15 => self.region(depth),
            16 | 17 => self.any_table(),
            18 | 19 => self.any_atomic(depth),
            20 | 21 => self.wide_blocks(),
            22 => self.tail_call(depth),
            _ => format!("(local.set $o {})", self.node()),
        };
        text.push('\n');
        text
    }

    /// A node, or null.
    fn node(&mut self) -> String {
        match self.below(8) {
            0..=2 => "(local.get $o)".into(),
            3 | 4 => "(global.get $gn)".into(),
            5 => "(struct.get $node $next (global.get $gn))".into(),
            6 => format!("(table.get $tn (i32.and {} (i32.const 3)))", self.simple(Ty::I32)),
            _ => "(ref.null $node)".into(),
        }
    }

    fn object(&mut self, depth: usize) -> String {
        let node = self.node();
        match self.below(6) {
            0 | 1 => format!("(struct.set $node $v {node} {})", self.value(Ty::I32, depth - 1)),
            2 => format!("(local.set $x (struct.get $node $v {node}))"),
            3 => format!("(drop (struct.get $node $v {node}))"),
            4 => format!("(struct.set $node $next {node} {})", self.node()),
            _ => format!("(struct.set $leaf $w (ref.cast (ref null $leaf) {node}) {})", self.value(Ty::I64, depth - 1)),
        }
    }

    /// An index of an array, mostly inside of it.
    fn element(&mut self) -> String {
        match self.below(4) {
            0 if self.loops > 0 => format!("(local.get $i{})", self.loops - 1),
            1 => "(local.get $n)".into(),
            _ => format!("(i32.and {} (i32.const 15))", self.simple(Ty::I32)),
        }
    }

    fn array(&mut self, depth: usize) -> String {
        let (at, other) = (self.element(), self.element());
        let value = self.value(Ty::I32, depth - 1);
        let len = self.below(8);
        match self.below(10) {
            0 | 1 => format!("(array.set $ints (global.get $ga) {at} {value})"),
            2 => format!("(array.set $bytes (global.get $gb) {at} {value})"),
            3 => format!("(local.set $x (array.get $ints (global.get $ga) {at}))"),
            4 => format!("(drop (array.get_s $bytes (global.get $gb) {at}))"),
            5 => format!("(array.fill $ints (global.get $ga) {at} {value} (i32.const {len}))"),
            6 => format!("(array.copy $bytes $bytes (global.get $gb) {at} (global.get $gb) {other} (i32.const {len}))"),
            7 => format!("(array.init_data $bytes $data (global.get $gb) {at} (i32.const 3) (i32.const {len}))"),
            8 => "(local.set $x (array.len (global.get $ga)))".into(),
            _ => format!("(array.copy $ints $ints (global.get $ga) {at} (global.get $ga) {other} (i32.const {len}))"),
        }
    }

    fn new_object(&mut self, depth: usize) -> String {
        let (v, next) = (self.value(Ty::I32, depth - 1), self.node());
        match self.below(7) {
            0 | 1 => format!("(global.set $gn (struct.new $leaf {v} {next} {} (i32.const -1)))", self.simple(Ty::I64)),
            2 => format!("(global.set $gn (struct.new $node {v} {next}))"),
            3 => format!("(global.set $gn {next})"),
            4 => format!("(local.set $o (struct.new $node {v} {next}))"),
            5 => format!("(global.set $ga (array.new $ints {v} (i32.and {} (i32.const 31))))", self.simple(Ty::I32)),
            _ => format!("(global.set $gb (array.new_data $bytes $data (i32.const 2) (i32.const {})))", self.below(30)),
        }
    }

    fn cast(&mut self) -> String {
        let node = self.node();
        match self.below(5) {
            0 => format!("(drop (ref.cast (ref $leaf) {node}))"),
            1 => format!("(local.set $o (ref.cast (ref null $leaf) {node}))"),
            2 => format!("(drop (ref.as_non_null {node}))"),
            3 => format!("(local.set $x (ref.test (ref $leaf) {node}))"),
            _ => format!("(global.set $gn (ref.cast (ref $node) {node}))"),
        }
    }

    fn throw(&mut self, depth: usize) -> String {
        let throw = match self.below(4) {
            0 => "(throw $none)".to_owned(),
            1 | 2 => format!("(throw $one {})", self.value(Ty::I32, depth - 1)),
            _ => format!("(throw $two {} {})", self.simple(Ty::I64), self.value(Ty::I32, depth - 1)),
        };
        match self.below(3) {
            0 => format!("(if (i32.gt_u {} (i32.const 30)) (then {throw}))", self.simple(Ty::I32)),
            1 => format!("(if {} (then {throw}))", self.value(Ty::I32, depth - 1)),
            _ => format!("(if (i32.and {} (i32.const 1)) (then {throw}))", self.simple(Ty::I32)),
        }
    }

    /// Statements in a region, and what handlers do.
    fn region(&mut self, depth: usize) -> String {
        self.labels += 1;
        let label = self.labels;
        let body = self.statements(depth - 1, 3);
        let handler = self.statements(depth - 1, 2);
        match self.below(4) {
            0 => format!("(block $c{label} (try_table (catch_all $c{label}) {body})) {handler}"),
            1 => format!(
                "(block $d{label} (local.set $x (block $c{label} (result i32) (try_table (catch $one $c{label}) {body}) (br $d{label}))) {handler})"
            ),
            2 => format!(
                "(block $d{label} (block $c{label} (result i64 i32) (try_table (catch $none $d{label}) (catch $two $c{label}) {body}) (br $d{label}))
                (local.set $x) (local.set $y) {handler})"
            ),
            // What was caught goes on after all.
            _ => format!(
                "(block $d{label} (block $c{label} (result exnref) (try_table (catch_all_ref $c{label}) {body}) (br $d{label})) {handler} (throw_ref))"
            ),
        }
    }

    /// An index of a table's element, which may be beyond it.
    fn place_in_table(&mut self) -> String {
        match self.below(3) {
            0 => "(local.get $n)".into(),
            _ => format!("(i32.and {} (i32.const 7))", self.simple(Ty::I32)),
        }
    }

    fn any_table(&mut self) -> String {
        let (at, other, len) = (self.place_in_table(), self.place_in_table(), self.below(5));
        match self.below(10) {
            0 => format!("(table.set $t {at} (ref.func $k1))"),
            1 => format!("(drop (table.get $t {at}))"),
            2 => format!("(table.copy $t $t {at} {other} (i32.const {len}))"),
            3 => format!("(table.fill $t {at} (ref.null func) (i32.const {len}))"),
            4 => format!("(table.init $t $elem {at} (i32.const {len}) (i32.const {}))", self.below(4)),
            5 => format!("(table.set $tn {at} {})", self.node()),
            6 => format!("(table.init $tn $nodes {at} (i32.const 0) (i32.const {len}))"),
            7 => format!("(local.set $x (table.grow $tn {} (i32.const {len})))", self.node()),
            8 if self.chance(30) => self.pick(&["(elem.drop $elem)", "(data.drop $data)", "(elem.drop $nodes)"]).into(),
            _ => format!("(local.set $x (call_indirect $t (type $k) (i32.const {len}) {at}))"),
        }
    }

    fn any_atomic(&mut self, depth: usize) -> String {
        let position = self.below(self.memories.len());
        let (name, is_wide) = (self.memories[position].name, self.memories[position].is_wide);
        let (op, ty, bytes, expects, writes) = self.pick(&ATOMICS);
        let index = match self.below(6) {
            0 => self.index(bytes),
            _ => format!("(i32.and {} (i32.const -{bytes}))", self.index(bytes)),
        };
        let index = if is_wide { format!("(i64.extend_i32_u {index})") } else { index };
        match self.below(16) {
            0 => return "(atomic.fence)".into(),
            1 => return format!("(local.set $x (memory.atomic.notify {name} {index} (i32.const 1)))"),
            // No memory is shared, so this traps.
            2 => return format!("(local.set $x (memory.atomic.wait32 {name} {index} (i32.const 0) (i64.const 0)))"),
            _ => {}
        }
        let mut values = String::new();
        for _ in 0..usize::from(expects) + usize::from(writes) {
            values += &self.value(ty, depth - 1);
        }
        let offset = self.pick(&[0, 0, 0, 0, 0, 0, 1, bytes]);
        let access = format!("({op} {name} offset={offset} {index} {values})");
        match (op.contains("store"), self.chance(50)) {
            (true, _) => access,
            (false, true) => format!("(drop {access})"),
            (false, false) => format!("(local.set {} {access})", ty.local()),
        }
    }

    /// Block operations on and between all memories.
    fn wide_blocks(&mut self) -> String {
        let mut memory = || {
            let position = self.below(self.memories.len());
            let (name, is_wide) = (self.memories[position].name, self.memories[position].is_wide);
            let index = self.index(4);
            (name, is_wide, if is_wide { format!("(i64.extend_i32_u {index})") } else { index })
        };
        let ((to, to_wide, at), (from, from_wide, source)) = (memory(), memory());
        let len = self.below(70);
        let length = |is_wide: bool| format!("({}.const {len})", if is_wide { "i64" } else { "i32" });
        match self.below(4) {
            0 => format!("(memory.fill {to} {at} {} {})", self.simple(Ty::I32), length(to_wide)),
            1 => format!("(memory.init {to} $data {at} (i32.const 1) (i32.const {}))", len % 30),
            _ => format!("(memory.copy {to} {from} {at} {source} {})", length(to_wide && from_wide)),
        }
    }

    fn tail_call(&mut self, depth: usize) -> String {
        let (at, n) = (self.index(4), self.value(Ty::I32, depth - 1));
        let arguments = format!("{at} {n} {}", self.simple(Ty::I64));
        let call = match self.below(3) {
            0 if self.helpers > 0 => format!("(return_call $h{} {arguments})", self.below(self.helpers)),
            1 => format!("(return_call_ref $h {arguments} (table.get $th (i32.and (local.get $n) (i32.const 3))))"),
            _ => format!("(return_call_indirect $th (type $h) {arguments} (i32.and (local.get $n) (i32.const 3)))"),
        };
        format!("(if (i32.and {} (i32.const 1)) (then {call}))", self.simple(Ty::I32))
    }
}
