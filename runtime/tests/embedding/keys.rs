//! What an artifact depends on is in its key: change any of it, get another key.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use wasmer_runtime::cache::{ArtifactKey, ContentHash};
use wasmer_runtime::*;

const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn key_of(module: &[u8], config: EngineConfig) -> ArtifactKey {
    let engine = Engine::new(config).unwrap();
    ArtifactKey::new(&ContentHash::of(module), &engine.key_material().unwrap())
}

fn key(config: EngineConfig) -> ArtifactKey {
    key_of(MODULE, config)
}

/// That no two of these keys are equal.
#[track_caller]
fn all_differ(keys: &[(String, ArtifactKey)]) {
    let mut seen = HashSet::new();
    for (name, key) in keys {
        assert!(seen.insert(*key), "`{name}` has the key of another");
    }
}

/// Nobody has to remember to change a number when what makes the code changes.
#[test]
fn keys_name_the_sources_of_what_makes_the_code() {
    for backend in Backend::built() {
        let engine = Engine::new(backend.config().unwrap()).unwrap();
        let settings = settings(&engine.key_material().unwrap());
        let named = |name: &str| settings.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let runtime = named("runtime sources").expect("the runtime's are there");
        let own = named(&format!("{backend}.sources")).expect("the backend's are there");
        assert_eq!(runtime, SOURCE_DIGEST.as_bytes());
        assert!(own.len() == runtime.len() && own != runtime, "{backend}");
    }
}

#[test]
fn conventions_have_numbers_of_their_own() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/internals/calls.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut seen = HashSet::new();
    for backend in Backend::built() {
        let abi = Engine::new(backend.config().unwrap()).unwrap().backend().unwrap().abi;
        assert!(seen.insert(abi), "{backend}");
        assert!(page.contains(&format!("| {backend} | {} |", abi.number())), "{backend}");
    }
}

/// A compiler that exists for its key only.
#[derive(Clone)]
struct Keyed {
    id: BackendId,
    settings: Vec<(String, Vec<u8>)>,
}

// SAFETY: it makes no images.
unsafe impl ImageCompiler for Keyed {
    fn id(&self) -> BackendId {
        self.id.clone()
    }

    fn fingerprint(&self, key: &mut KeyHasher) {
        for (name, value) in &self.settings {
            key.setting(name, value);
        }
    }

    fn compile(
        &self,
        _: &[u8],
        _: &CompileOptions,
        _: Option<Progress<'_>>,
    ) -> std::result::Result<ImageBytes, CompileError> {
        unreachable!("nothing is compiled here")
    }

    fn ir_name(&self) -> Option<&'static str> {
        None
    }

    fn emit_ir(&self, _: &[u8], _: &CompileOptions, _: &IrRequest) -> std::result::Result<String, CompileError> {
        unreachable!("nothing is shown here")
    }
}

impl Keyed {
    fn new(name: &'static str, version: &'static str) -> Self {
        let id = BackendId { name, version: Cow::Borrowed(version), abi: Abi::new(0), untabled_fault: None };
        Self { id, settings: Vec::new() }
    }

    fn key(&self) -> ArtifactKey {
        key(EngineConfig::with_image_compiler(Arc::new(self.clone())))
    }
}

/// The named settings in the material of a key.
fn settings(material: &KeyHasher) -> Vec<(String, Vec<u8>)> {
    let mut bytes = material.as_bytes();
    let mut part = || {
        let (len, rest) = bytes.split_first_chunk::<8>()?;
        let (part, rest) = rest.split_at(u64::from_le_bytes(*len) as usize);
        bytes = rest;
        Some(part.to_vec())
    };
    let mut settings = Vec::new();
    while let (Some(name), Some(value)) = (part(), part()) {
        settings.push((String::from_utf8(name).unwrap(), value));
    }
    settings
}

#[test]
fn every_byte_of_the_module_counts() {
    let Some(backend) = Backend::default_backend() else { return };
    let module: Vec<u8> = (0..300).map(|position| position as u8).collect();
    let mut keys = vec![("the module".to_owned(), key_of(&module, backend.config().unwrap()))];
    for position in 0..module.len() {
        let mut changed = module.clone();
        changed[position] ^= 1;
        keys.push((format!("byte {position}"), key_of(&changed, backend.config().unwrap())));
    }
    keys.push(("a byte less".to_owned(), key_of(&module[..299], backend.config().unwrap())));
    all_differ(&keys);
}

#[test]
fn the_same_settings_have_the_same_key() {
    for backend in Backend::built() {
        assert_eq!(key(backend.config().unwrap()), key(backend.config().unwrap()), "{backend}");
        // What changes no code changes no key.
        assert_eq!(key(backend.config().unwrap()), key(backend.config().unwrap().threads(1).stack_bytes(1 << 21)));
    }
}

#[test]
fn whether_code_uses_fuel_counts() {
    for backend in Backend::built() {
        let [without, with] = [false, true].map(|fuel| key(backend.config().unwrap().fuel(fuel)));
        assert_eq!(without, key(backend.config().unwrap()), "{backend}");
        assert_ne!(without, with, "{backend}");
    }
}

/// For looking at code, which is the same as without.
#[test]
fn whether_all_code_has_its_place_counts() {
    let wasm = wat::parse_str(
        r#"(module (memory 1) (func (export "f") (param i32) (result i32) (local i32)
            (loop (local.set 1 (i32.xor (local.get 1) (i32.load (i32.mul (local.get 0) (i32.const 5)))))
                (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 4)))))
            (i32.rotl (local.get 1) (i32.const 3))))"#,
    );
    let wasm = wasm.unwrap();
    for backend in Backend::built() {
        let config = |every_place| backend.config().unwrap().every_place(every_place);
        assert_eq!(key(config(false)), key(backend.config().unwrap()), "{backend}");
        assert_ne!(key(config(false)), key(config(true)), "{backend}");
        let [few, all] = [false, true].map(|every_place| {
            let image = Engine::new(config(every_place)).unwrap().compile(&wasm, [0; 32], None).unwrap();
            Image::from_bytes(image.as_bytes()).unwrap()
        });
        assert!(few.code() == all.code(), "{backend}");
        assert!(all.wasm_offsets().count() > few.wasm_offsets().count(), "{backend}");
    }
}

#[test]
fn backends_and_their_versions_count() {
    let mut keys: Vec<_> =
        Backend::built().map(|backend| (backend.to_string(), key(backend.config().unwrap()))).collect();
    for (name, version) in [("cranelift", "1"), ("cranelift", "2"), ("singlepass", "1"), ("singlepass", "2")] {
        keys.push((format!("{name} {version}"), Keyed::new(name, version).key()));
    }
    all_differ(&keys);
}

#[test]
fn every_feature_of_webassembly_counts() {
    let Some(backend) = Backend::default_backend() else { return };
    let usual = default_features();
    let mut keys = vec![("usual".to_owned(), key(backend.config().unwrap()))];
    for (name, feature) in WasmFeatures::all().iter_names() {
        // Some names stand for several features together.
        if feature.bits().is_power_of_two() {
            keys.push((name.to_owned(), key(backend.config().unwrap().features(usual ^ feature))));
        }
    }
    assert!(keys.len() > 10);
    all_differ(&keys);
}

#[test]
fn every_setting_that_goes_into_a_key_counts() {
    for backend in Backend::built() {
        let material = Engine::new(backend.config().unwrap()).unwrap().key_material().unwrap();
        let settings = settings(&material);
        for name in ["image format", "architecture", "system", "backend", "backend version", "wasm features"] {
            assert!(settings.iter().any(|(known, value)| known == name && !value.is_empty()), "{backend}: {name}");
        }
        let with = |settings: &[(String, Vec<u8>)]| {
            let mut key = KeyHasher::default();
            settings.iter().for_each(|(name, value)| key.setting(name, value));
            ArtifactKey::new(&ContentHash::of(MODULE), &key)
        };
        let unchanged = with(&settings);
        assert_eq!(unchanged, ArtifactKey::new(&ContentHash::of(MODULE), &material));
        let mut keys = vec![("unchanged".to_owned(), unchanged)];
        for position in 0..settings.len() {
            let mut changed = settings.clone();
            changed[position].1.push(b'!');
            keys.push((settings[position].0.clone(), with(&changed)));
            changed.remove(position);
            keys.push((format!("without {}", settings[position].0), with(&changed)));
        }
        all_differ(&keys);
    }
}

#[cfg(feature = "cranelift")]
#[test]
fn every_setting_of_cranelift_counts() {
    use wasmer_backend_cranelift::{Cranelift, OptLevel, Regalloc};

    let named = |name: &str| Cranelift::builder().cpu(name.parse().unwrap());
    let builders = [
        ("usual", Cranelift::builder()),
        ("opt_level=none", Cranelift::builder().opt_level(OptLevel::None)),
        ("opt_level=speed_and_size", Cranelift::builder().opt_level(OptLevel::SpeedAndSize)),
        ("regalloc=single_pass", Cranelift::builder().regalloc(Regalloc::SinglePass)),
        ("canonical_nans", Cranelift::builder().canonical_nans(true)),
        ("x86-64-v2", named("x86-64-v2")),
        ("x86-64-v3", named("x86-64-v3")),
    ];
    let usual = Cranelift::new().unwrap().cpu_features();
    let compilers = builders.map(|(name, builder)| (name, builder.build().unwrap()));
    // This machine may have just what a level has.
    let differ = compilers
        .into_iter()
        .filter(|(name, compiler)| name.parse::<Cpu>().is_err() || compiler.cpu_features() != usual);
    let keys: Vec<_> = differ.map(|(name, compiler)| (name.to_owned(), key(EngineConfig::new(compiler)))).collect();
    assert!(keys.len() >= 6);
    all_differ(&keys);
    let verified = Cranelift::builder().verify(true).build().unwrap();
    assert_eq!(key(EngineConfig::new(verified)), keys[0].1, "verification changes no code");
}

#[cfg(feature = "singlepass")]
#[test]
fn every_feature_of_the_processor_counts_for_singlepass() {
    use wasmer_backend_singlepass::Singlepass;

    let cpus = ["", "+popcnt", "+lzcnt", "+bmi1", "+avx", "+avx+bmi2", "+avx+fma", "+popcnt+lzcnt+bmi1+bmi2+avx+fma"];
    all_differ(&cpus.map(|more| {
        let cpu = format!("x86-64+ssse3+sse4.1{more}");
        let compiler = Singlepass::for_cpu(cpu.parse().unwrap()).unwrap();
        (cpu, key(EngineConfig::new(compiler)))
    }));
}
