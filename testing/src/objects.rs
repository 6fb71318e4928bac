//! Random modules that make objects: graphs of structs and arrays of all kinds of fields, which are changed, cast, copied and walked, in loops and under
//! calls, so that collections come everywhere. What they find goes into the exported global `h`.

use crate::generate::{Random, numbers};

/// What every module has: types, and a hash of what can be reached from an object.
const COMMON: &str = r#"
    (rec (type $node (sub (struct (field $v (mut i32)) (field $l (mut (ref null $node))) (field $r (mut eqref)))))
        (type $leaf (sub $node (struct (field $v (mut i32)) (field $l (mut (ref null $node))) (field $r (mut eqref))
            (field $b (mut i8)) (field $w (mut i64)) (field $x (mut v128)) (field $s (mut i16)) (field $o (mut externref)) (field $k (mut (ref null $call))))))
        (type $last (sub final $leaf (struct (field $v (mut i32)) (field $l (mut (ref null $node))) (field $r (mut eqref))
            (field $b (mut i8)) (field $w (mut i64)) (field $x (mut v128)) (field $s (mut i16)) (field $o (mut externref)) (field $k (mut (ref null $call)))
            (field $a (mut anyref)))))
        (type $call (sub (func (param (ref null $node)) (result (ref null $node))))))
    (type $ints (array (mut i32))) (type $bytes (array (mut i8))) (type $nodes (array (mut (ref null $node)))) (type $longs (array (mut i64)))
    (type $doubles (array (mut f64))) (type $vectors (array (mut v128))) (type $outside (array (mut externref)))
    (global $steps (mut i32) (i32.const 5000)) (global $kept (mut (ref null $node)) (ref.null $node))
    (table $t 4 (ref null $node)) (elem declare func $mirror) (data $d "some bytes of a segment")
    (func $mirror (type $call) (if (ref.is_null (local.get 0)) (then (return (local.get 0))))
        (struct.new $node (struct.get $node $v (local.get 0)) (struct.get $node $l (local.get 0)) (local.get 0)))
    (func $reach (param $n (ref null $node)) (param $depth i32)
        (if (i32.or (ref.is_null (local.get $n)) (i32.eqz (local.get $depth))) (then (call $mix (i64.const 1)) (return)))
        (if (i32.eqz (global.get $steps)) (then (return)))
        (global.set $steps (i32.sub (global.get $steps) (i32.const 1)))
        (call $mix (i64.extend_i32_u (struct.get $node $v (local.get $n))))
        (call $reach (struct.get $node $l (local.get $n)) (i32.sub (local.get $depth) (i32.const 1)))
        (call $value (struct.get $node $r (local.get $n)) (i32.sub (local.get $depth) (i32.const 1)))
        (drop (block $no (result (ref null $node))
            (call $leaf (br_on_cast_fail $no (ref null $node) (ref $leaf) (local.get $n))) (ref.null $node))))
    (func $leaf (param (ref $leaf))
        (call $mix (i64.add (struct.get $leaf $w (local.get 0)) (i64.extend_i32_s (struct.get_s $leaf $b (local.get 0)))))
        (call $mix (i64.sub (i64x2.extract_lane 1 (struct.get $leaf $x (local.get 0))) (i64.extend_i32_u (struct.get_u $leaf $s (local.get 0)))))
        (call $mix (i64.extend_i32_u (ref.test (ref i31) (any.convert_extern (struct.get $leaf $o (local.get 0)))))))
    (func $value (param $e eqref) (param $depth i32) (local $i i32)
        (call $mix (i64.extend_i32_u (i32.add (ref.test (ref struct) (local.get $e)) (i32.shl (ref.test (ref null array) (local.get $e)) (i32.const 1)))))
        (if (ref.test (ref i31) (local.get $e)) (then (call $mix (i64.extend_i32_s (i31.get_s (ref.cast (ref i31) (local.get $e)))))))
        (if (ref.test (ref $node) (local.get $e)) (then (call $reach (ref.cast (ref null $node) (local.get $e)) (local.get $depth)) (return)))
        (if (i32.eqz (ref.test (ref array) (local.get $e))) (then (return)))
        (call $mix (i64.extend_i32_u (array.len (ref.cast (ref array) (local.get $e)))))
        (loop $again
            (if (i32.ge_u (local.get $i) (array.len (ref.cast (ref array) (local.get $e)))) (then (return)))
            (call $element (local.get $e) (local.get $i) (local.get $depth))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $again)))
    (func $element (param $e eqref) (param $i i32) (param $depth i32)
        (if (ref.test (ref $ints) (local.get $e)) (then (call $mix (i64.extend_i32_u (array.get $ints (ref.cast (ref $ints) (local.get $e)) (local.get $i))))))
        (if (ref.test (ref $bytes) (local.get $e)) (then (call $mix (i64.extend_i32_u (array.get_u $bytes (ref.cast (ref $bytes) (local.get $e)) (local.get $i))))))
        (if (ref.test (ref $longs) (local.get $e)) (then (call $mix (array.get $longs (ref.cast (ref $longs) (local.get $e)) (local.get $i)))))
        (if (ref.test (ref $doubles) (local.get $e)) (then (call $mix (i64.reinterpret_f64 (array.get $doubles (ref.cast (ref $doubles) (local.get $e)) (local.get $i))))))
        (if (ref.test (ref $vectors) (local.get $e)) (then (call $mix (i64x2.extract_lane 0 (array.get $vectors (ref.cast (ref $vectors) (local.get $e)) (local.get $i))))))
        (if (ref.test (ref $outside) (local.get $e)) (then (call $mix (i64.extend_i32_u (ref.is_null (array.get $outside (ref.cast (ref $outside) (local.get $e)) (local.get $i)))))))
        (if (i32.and (ref.test (ref $nodes) (local.get $e)) (i32.ne (local.get $depth) (i32.const 0)))
            (then (call $reach (array.get $nodes (ref.cast (ref $nodes) (local.get $e)) (local.get $i)) (i32.sub (local.get $depth) (i32.const 1))))))
"#;

/// Locals of nodes, and those of other objects.
const NODES: usize = 4;
const OTHERS: usize = 4;
/// Arrays: name, and what an element is made of.
const ARRAYS: [(&str, &str); 7] = [
    ("ints", "(call $next)"),
    ("bytes", "(call $next)"),
    ("longs", "(i64.extend_i32_u (call $next))"),
    ("doubles", "(f64.convert_i32_u (call $next))"),
    ("vectors", "(i32x4.splat (call $next))"),
    ("nodes", ""),
    ("outside", "(extern.convert_any (ref.i31 (call $next)))"),
];

/// Text of the module of a seed. Its exports do it once, and again and again.
pub fn objects(seed: u64) -> String {
    let mut writer = Writer { random: Random::new(seed), functions: 0, loops: 0 };
    writer.module()
}

struct Writer {
    random: Random,
    /// The function at hand calls those below.
    functions: usize,
    loops: usize,
}

impl Writer {
    fn below(&mut self, end: usize) -> usize {
        self.random.below(end)
    }

    fn module(&mut self) -> String {
        let mut text = format!("(module {COMMON}{}\n", numbers(3000));
        for _ in 0..2 + self.below(3) {
            text += &self.function();
            self.functions += 1;
        }
        let last = self.functions - 1;
        text += &format!(
            "(func $once (export \"once\") (call $reach (call $f{last} (global.get $kept) (ref.i31 (call $next))) (i32.const 6)))
            (func (export \"run\") (local i32)
                (loop $l (call $once) (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 5))))))"
        );
        text
    }

    /// Locals: nodes from 0 on, the first of them a parameter, the others behind; then a counter for each loop.
    fn function(&mut self) -> String {
        let body = self.statements(3);
        let index = self.functions;
        format!(
            "(func $f{index} (param $n0 (ref null $node)) (param $e0 eqref) (result (ref null $node)) {} {} (local $c0 i32) (local $c1 i32)\n{body}\n(local.get $n0))\n",
            (1..NODES).map(|n| format!("(local $n{n} (ref null $node))")).collect::<String>(),
            (1..OTHERS).map(|n| format!("(local $e{n} eqref)")).collect::<String>(),
        )
    }

    fn statements(&mut self, depth: usize) -> String {
        (0..3 + self.below(6)).map(|_| self.statement(depth) + "\n").collect()
    }

    fn node_local(&mut self) -> String {
        format!("$n{}", self.below(NODES))
    }

    fn other_local(&mut self) -> String {
        format!("$e{}", self.below(OTHERS))
    }

    /// A node, or null.
    fn node(&mut self, depth: usize) -> String {
        if depth == 0 {
            return format!("(local.get {})", self.node_local());
        }
        let depth = depth - 1;
        match self.below(10) {
            0..=2 => format!("(local.get {})", self.node_local()),
            3 | 4 => {
                format!("(struct.new $node (call $next) {} {})", self.node(depth), self.other(depth))
            }
            5 => self.leaf("leaf", "", depth),
            6 => {
                let last = self.other(depth);
                self.leaf("last", &last, depth)
            }
            7 => "(struct.new_default $last)".to_owned(),
            // Only functions before this one: no call can go round.
            8 if self.functions > 0 => {
                let callee = self.below(self.functions);
                format!("(call $f{callee} {} {})", self.node(depth), self.other(depth))
            }
            8 => "(global.get $kept)".to_owned(),
            _ => format!("(call $mirror {})", self.node(depth)),
        }
    }

    /// An object with a field of every kind that storage has, so that each is read back after collections.
    fn leaf(&mut self, ty: &str, more: &str, depth: usize) -> String {
        format!(
            "(struct.new ${ty} (call $next) {} {} (call $next) (i64.extend_i32_u (call $next)) (i32x4.splat (call $next)) (call $next)
                (extern.convert_any {}) (ref.func $mirror) {more})",
            self.node(depth),
            self.other(depth),
            self.other(depth)
        )
    }

    /// Anything comparable, or null.
    fn other(&mut self, depth: usize) -> String {
        if depth == 0 {
            return format!("(local.get {})", self.other_local());
        }
        match self.below(8) {
            0 | 1 => format!("(local.get {})", self.other_local()),
            2 => "(ref.i31 (call $next))".to_owned(),
            3 => self.node(depth - 1),
            _ => self.array(depth - 1),
        }
    }

    fn element(&mut self, array: usize, depth: usize) -> String {
        if ARRAYS[array].1.is_empty() { self.node(depth) } else { ARRAYS[array].1.to_owned() }
    }

    fn array(&mut self, depth: usize) -> String {
        let array = self.below(ARRAYS.len());
        let (name, len) = (ARRAYS[array].0, self.below(12));
        match self.below(5) {
            0 => format!("(array.new_default ${name} (i32.const {len}))"),
            1 => format!("(array.new ${name} {} (i32.const {len}))", self.element(array, depth)),
            2 => format!("(array.new_data $bytes $d (i32.const {}) (i32.const {len}))", self.below(12)),
            // So large that it does not fit behind the others.
            3 if self.below(8) == 0 => {
                format!("(array.new_default ${name} (i32.const {}))", 10_000 + self.below(10_000))
            }
            _ => {
                let elements: String = (0..len).map(|_| self.element(array, 0)).collect();
                format!("(array.new_fixed ${name} {len} {elements})")
            }
        }
    }

    fn statement(&mut self, depth: usize) -> String {
        if depth == 0 {
            return format!("(local.set {} {})", self.node_local(), self.node(1));
        }
        let inner = depth - 1;
        let (n, e) = (self.node_local(), self.other_local());
        match self.below(16) {
            0..=2 => format!("(local.set {n} {})", self.node(2)),
            3 | 4 => format!("(local.set {e} {})", self.other(2)),
            5 => format!("(if (i32.eqz (ref.is_null (local.get {n}))) (then (struct.set $node $l (local.get {n}) {})))", self.node(1)),
            6 => format!("(if (i32.eqz (ref.is_null (local.get {n}))) (then (struct.set $node $r (local.get {n}) {})))", self.other(2)),
            7 => format!(
                "(block $b{inner} (result (ref null $node)) (struct.set $leaf $o
                    (br_on_cast_fail $b{inner} (ref null $node) (ref $leaf) (local.get {n})) (extern.convert_any {})) (ref.null $node)) (local.set {n})",
                self.other(1)
            ),
            8 | 9 => self.change_array(&e),
            // Two loops in each other at most, each with some turns: a module ends in milliseconds.
            10 if self.loops < 2 => {
                let counter = self.loops;
                self.loops += 1;
                let body = self.statements(inner);
                self.loops -= 1;
                format!(
                    "(local.set $c{counter} (i32.const {})) (loop $l{counter} {body}
                        (br_if $l{counter} (local.tee $c{counter} (i32.sub (local.get $c{counter}) (i32.const 1)))))",
                    2 + self.below(5)
                )
            }
            11 => format!("(call $reach (local.get {n}) (i32.const 3))"),
            12 => format!("(global.set $kept {})", self.node(1)),
            13 => format!("(table.set $t (i32.const {}) {}) (local.set {n} (table.get $t (i32.const {})))", self.below(4), self.node(1), self.below(4)),
            14 => format!("(if (ref.eq (local.get {n}) (local.get {e})) (then (call $mix (i64.const 5))))"),
            _ => format!("(if (i32.and (call $next) (i32.const 1)) (then {}) (else {}))", self.statements(inner), self.statement(inner)),
        }
    }

    /// Writes to an array, if a local has one of a kind.
    fn change_array(&mut self, e: &str) -> String {
        let array = self.below(ARRAYS.len());
        let name = ARRAYS[array].0;
        let cast = format!("(ref.cast (ref ${name}) (local.get {e}))");
        let len = format!("(array.len {cast})");
        let change = match self.below(4) {
            0 => format!("(array.fill ${name} {cast} (i32.const 0) {} {len})", self.element(array, 0)),
            1 => format!(
                "(array.copy ${name} ${name} {cast} (i32.const 0) {cast} (i32.div_u {len} (i32.const 2)) (i32.div_u {len} (i32.const 2)))"
            ),
            _ => format!(
                "(if {len} (then (array.set ${name} {cast} (i32.rem_u (call $next) {len}) {})))",
                self.element(array, 1)
            ),
        };
        format!("(if (ref.test (ref ${name}) (local.get {e})) (then {change}))")
    }
}
