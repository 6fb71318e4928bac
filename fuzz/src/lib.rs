//! What the fuzz targets do with a fuzzer's bytes. Generators, watchdog and comparison are those of the tests in `runtime/tests`.

#[path = "../../runtime/tests/common/behaviour.rs"]
mod behaviour;
#[path = "../../runtime/tests/common/exercise.rs"]
mod exercise;
#[path = "../../runtime/tests/common/generate.rs"]
mod generate;

use std::sync::OnceLock;

use wasmer_runtime::{Backend, Engine, EngineConfig};

use behaviour::{Reference, compare_one, theirs};
use exercise::{Watchdog, damaged_image, survive};
use generate::{BASES, interpreter_config, smith_config, smith_from};

/// An engine for each backend. Each compiles on the fuzzer's own thread.
fn engines() -> &'static [(String, Engine)] {
    static ENGINES: OnceLock<Vec<(String, Engine)>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let config = |backend: Backend| -> EngineConfig { backend.config().expect("a compiler for this machine") };
        let engine =
            |backend: Backend| (backend.to_string(), Engine::new(config(backend).threads(1)).expect("good settings"));
        Backend::built().map(engine).collect()
    })
}

/// Bytes that may be a module: refused, or run safely. Panics otherwise.
pub fn modules(wasm: &[u8]) {
    let watchdog = Watchdog::new();
    for (backend, engine) in engines() {
        if let Err(message) = survive(engine, wasm, &watchdog) {
            panic!("{backend}: {message}");
        }
    }
}

/// Damage to an image: the first byte says to which one, every five others are a place (32 bits) and what is changed there. Panics if
/// damage that matters is not found.
pub fn images(damage: &[u8]) {
    static IMAGES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let images = IMAGES.get_or_init(|| {
        let modules = BASES.map(|wat| wat::parse_str(wat).expect("valid text"));
        let compile = |(_, engine): &(_, Engine), wasm: &[u8]| {
            engine.compile(wasm, [0; 32], None).expect("a valid module").as_bytes().to_vec()
        };
        modules.iter().flat_map(|wasm| engines().iter().map(move |engine| compile(engine, wasm))).collect()
    });
    let [which, changes @ ..] = damage else { return };
    let which = usize::from(*which) % images.len();
    let (image, (_, engine)) = (&images[which], &engines()[which % engines().len()]);
    let mut damaged = image.clone();
    for change in changes.chunks_exact(5) {
        let [a, b, c, d, bits] = *change else { unreachable!("chunks of five") };
        let place = u32::from_le_bytes([a, b, c, d]) as usize % damaged.len();
        damaged[place] ^= bits;
    }
    if damaged != *image {
        damaged_image(engine, image, &damaged, &Watchdog::new());
    }
}

/// Bytes that decide on a valid module: it does the same on every backend and, where `wasmi` can run it, there. Panics otherwise.
pub fn differential(bytes: &[u8]) {
    let [first, bytes @ ..] = bytes else { return };
    let reference = (first % 2 == 0).then_some(theirs as Reference);
    let config = if reference.is_some() { interpreter_config() } else { smith_config() };
    let Some(wasm) = smith_from(bytes, &config) else { return };
    let (_, difference) = compare_one(engines(), reference, &wasm, u64::from(*first));
    assert_eq!(difference, None);
}

#[cfg(test)]
mod tests {
    use super::*;
    use generate::Random;

    #[test]
    fn targets_accept_what_a_fuzzer_may_give_them() {
        for seed in 0..10 {
            let bytes = Random::new(seed).bytes(2000);
            modules(&bytes);
            images(&bytes);
            differential(&bytes);
        }
        for target in [modules, images, differential] {
            target(&[]);
            target(&[0]);
        }
        modules(&wat::parse_str(BASES[0]).unwrap());
    }
}
