//! Damaged and malicious modules and artifacts end in an error or run safely: never in a panic, a crash or a hang.
//!
//! `WASMER_HOSTILE_MODULES` sets how many modules are damaged, `WASMER_HOSTILE_SEED` the first seed.

use wasmer_runtime::*;
use wasmer_testing::child::{is_child, supervise};
use wasmer_testing::engines::{engines, engines_with};
use wasmer_testing::exercise::*;
use wasmer_testing::generate::*;

const MUTATED_MODULES: u64 = 1000;
const MUTATED_IMAGES: u64 = 500;

#[test]
fn mutated_modules_do_no_harm() {
    if !is_child() {
        return supervise("hostile::mutated_modules_do_no_harm");
    }
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let (first, modules) = (number("WASMER_HOSTILE_SEED", 0), number("WASMER_HOSTILE_MODULES", MUTATED_MODULES));
    let (bases, watchdog) = (bases(), Watchdog::start());
    for (backend, engine) in engines_with(|config| config.threads(1)) {
        let (mut accepted, mut failures) = (0, Vec::new());
        for seed in first..first + modules {
            let mut random = Random::new(seed + 1);
            let base = random.below(bases.len());
            let wasm = mutate(&bases[base], &mut random);
            eprintln!("{backend} {seed} (base {base}, {} bytes)", wasm.len());
            match survive(&engine, &wasm, &watchdog) {
                Ok(valid) => accepted += u64::from(valid),
                Err(message) => failures.push(format!("{backend}, seed {seed}: {message}")),
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        assert!(accepted > modules / 20, "only {accepted} were valid: the test does not reach the compiler");
        assert!(accepted < modules * 9 / 10, "{accepted} were valid: the test damages nothing");
    }
}

#[test]
fn undamaged_modules_run() {
    let watchdog = Watchdog::start();
    for (backend, engine) in engines() {
        let mut calls = 0;
        for (position, wasm) in bases().iter().enumerate() {
            let error = match Module::new(&engine, wasm) {
                Ok(module) => {
                    calls += exercise(&engine, &module, &watchdog);
                    continue;
                }
                Err(error) => error,
            };
            let is_refused = matches!(
                error.as_compile(),
                Some(CompileError::Unsupported { .. } | CompileError::Disabled { .. } | CompileError::Invalid { .. })
            );
            assert!(is_refused && position >= 100, "{backend}, base {position}: {error}");
        }
        assert!(calls > 500, "{calls}");
    }
}

#[test]
fn mutated_images_do_no_harm() {
    if !is_child() {
        return supervise("hostile::mutated_images_do_no_harm");
    }
    let (bases, watchdog) = (bases(), Watchdog::start());
    for (backend, engine) in engines() {
        let mut seed = 0;
        let (mut refused, mut found) = (0, 0);
        while seed < MUTATED_IMAGES {
            let base = Random::new(seed + 77).below(bases.len());
            let Ok(image) = engine.compile(&bases[base], [3; 32], None) else {
                seed += 1;
                continue;
            };
            let image = image.as_bytes();
            let code = code_range(image);
            for _ in 0..20 {
                seed += 1;
                let mut random = Random::new(seed);
                let mut damaged = image.to_vec();
                eprintln!("{backend} {seed} (base {base}, {} bytes)", damaged.len());
                let place = match random.below(4) {
                    0 => {
                        damaged.truncate(random.below(image.len()));
                        assert!(Image::from_bytes(&damaged).is_err());
                        refused += 1;
                        continue;
                    }
                    1 if !code.is_empty() => code.start + random.below(code.len()),
                    2 => random.below(image.len().min(1500)),
                    _ => random.below(image.len()),
                };
                damaged[place] ^= 1 << random.below(8);
                match damaged_image(&engine, image, &damaged, &watchdog) {
                    Damage::Refused => refused += 1,
                    Damage::Found => found += 1,
                    Damage::Harmless => {}
                }
            }
        }
        assert!(refused > 100 && found > 100, "{refused} refused, {found} found");
    }
}

#[test]
fn images_of_other_keys_and_versions_are_refused() {
    let image = default_engine().unwrap().compile(&wat::parse_str(BASES[0]).unwrap(), [5; 32], None).unwrap();
    let stored = |key: &[u8; 32]| {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, image.as_bytes()).unwrap();
        // SAFETY: nobody else has the file.
        unsafe { Image::from_file(file, Some(key)) }
    };
    assert!(stored(&[5; 32]).is_ok());
    assert!(matches!(stored(&[6; 32]), Err(ImageError::Key)));
    assert!(matches!(Image::from_bytes(&[]), Err(ImageError::Magic)));
    assert!(matches!(Image::from_bytes(b"\0asm\x01\0\0\0"), Err(ImageError::Magic)));
    let mut other = image.as_bytes().to_vec();
    other[8] ^= 0x40;
    assert!(matches!(Image::from_bytes(&other), Err(ImageError::Version { .. })));
    let mut longer = image.as_bytes().to_vec();
    longer.push(0);
    assert!(matches!(Image::from_bytes(&longer), Err(ImageError::Length { .. })));
}
