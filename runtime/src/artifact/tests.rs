//! Artifacts of components that somebody changed: what does not fit is refused, and what is taken for sound does no harm.

use wasmer_api::{Error, Store};
use wasmer_component::{ComponentLinker, Val};
use wasmer_runtime_core::image::ImageBytes;
use wasmer_runtime_core::image::bundle::BundleHeader;

use super::*;

/// Something of everything that is known of a component: imports, a resource, functions with strings, types with layouts.
const COMPONENT: &str = r#"(component
    (import "test:a/b@1.2.0" (instance $host
        (export "r" (type $r (sub resource)))
        (export "take" (func (param "a" (list string)) (param "b" (borrow $r)) (result (option u64))))))
    (core module $Memory
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
    (core instance $memory (instantiate $Memory))
    (alias export $host "r" (type $r))
    (core func $take (canon lower (func $host "take") (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
    (core func $drop (canon resource.drop $r))
    (core module $M
        (import "host" "take" (func $take (param i32 i32 i32 i32)))
        (import "host" "drop" (func $drop (param i32)))
        (import "memory" "memory" (memory 1))
        (func (export "add") (param i32 i64) (result i32) (i32.add (local.get 0) (i32.wrap_i64 (local.get 1))))
        (func (export "call") (call $take (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64)))
        (func (export "same") (param i32 i32) (result i32)
            (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0))
        (func (export "done") (param i32)))
    (core instance $m (instantiate $M (with "memory" (instance $memory))
        (with "host" (instance (export "take" (func $take)) (export "drop" (func $drop))))))
    (func (export "add") (param "a" u8) (param "b" s64) (result u32) (canon lift (core func $m "add")))
    (func (export "call") (canon lift (core func $m "call")))
    (func $same (param "text" string) (result string) (canon lift (core func $m "same") (post-return (core func $m "done"))
        (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
    (instance $i (export "same" (func $same)))
    (export "test:a/strings@1.0.0" (instance $i)))"#;

const KEY: [u8; 32] = [3; 32];

fn engine() -> Engine {
    crate::default_engine().expect("a backend")
}

fn artifact(engine: &Engine) -> Vec<u8> {
    compile(engine, &wat::parse_str(COMPONENT).unwrap(), KEY, None).unwrap()
}

/// What is made of bytes, as the cache does it.
fn load(bytes: &[u8]) -> Result<Parts, ImageError> {
    let artifact = Artifact::from_bytes(bytes)?;
    artifact.verify()?;
    Parts::of(artifact)
}

/// Instantiates a component and calls what it exports.
fn run(engine: &Engine, parts: Parts) -> Result<Vec<Option<Val>>> {
    // SAFETY: the code is what the engine made.
    let Program::Component(component) = (unsafe { parts.program(engine) })? else { panic!("it is a module") };
    assert!(component.wit().starts_with("world"));
    let mut linker = ComponentLinker::<()>::new();
    linker.define_unknown_imports_as_traps(&component)?;
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &component)?;
    let calls: [(&str, &[Val]); 3] = [
        ("add", &[Val::U8(40), Val::S64(2)]),
        ("test:a/strings@1.0.0#same", &[Val::String("text".into())]),
        ("call", &[]),
    ];
    let mut results = Vec::new();
    for (name, params) in calls {
        results.push(instance.func(&mut store, name)?.call(&mut store, params)?);
    }
    Ok(results)
}

#[test]
fn an_artifact_is_a_component() {
    let engine = engine();
    let bytes = artifact(&engine);
    let parts = load(&bytes).unwrap();
    assert_eq!(parts.images().len(), parts.component_info().unwrap().modules as usize);
    let error = run(&engine, parts).unwrap_err();
    // The guest passes a handle that it does not have.
    assert!(matches!(&error, Error::Host(_)) && format!("{error:#}").contains("unknown handle index 1"), "{error:#}");
}

#[test]
fn what_was_cut_off_or_changed_is_refused() {
    let engine = engine();
    let bytes = artifact(&engine);
    let header = BundleHeader::read(&bytes, bytes.len() as u64, None).unwrap();
    // What is between images is there for their alignment, and so is what is between the sections of one.
    let is_content = |position: usize| position < header.metadata.end || bytes[position] != 0;
    let stride = |position: &usize| *position < header.metadata.end || position.is_multiple_of(13);
    for position in (0..bytes.len()).filter(stride) {
        assert!(load(&bytes[..position]).is_err(), "cut off at {position}");
        if is_content(position) {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x10;
            assert!(load(&damaged).is_err(), "changed at {position}");
        }
    }
}

/// The checksum of what is known of the component is mended each time, so that what it says is all that can be wrong with it.
#[test]
fn what_is_taken_for_sound_does_no_harm() {
    let engine = engine();
    let bytes = artifact(&engine);
    let header = BundleHeader::read(&bytes, bytes.len() as u64, None).unwrap();
    let metadata = &bytes[header.metadata.clone()];
    let images = header.images.iter().map(|image| bytes[image.start as usize..image.end as usize].to_vec());
    let images = images.map(|image| ImageBytes::verified(image, &KEY).unwrap()).collect::<Vec<_>>();
    let (mut refused, mut ran, mut failed) = (0, 0, 0);
    for position in 0..metadata.len() {
        for change in [|byte: u8| byte ^ 1, |byte: u8| byte.wrapping_add(9)] {
            let mut damaged = metadata.to_vec();
            damaged[position] = change(damaged[position]);
            let mut writer = BundleWriter::new(&KEY, &damaged, images.len());
            images.iter().for_each(|image| writer.push(image));
            match Artifact::from_bytes(&writer.finish()).and_then(Parts::of).map(|parts| run(&engine, parts)) {
                Err(_) => refused += 1,
                Ok(Ok(_)) => ran += 1,
                Ok(Err(_)) => failed += 1,
            }
        }
    }
    assert!(refused > 1000 && failed > 10, "{refused} refused, {ran} ran, {failed} failed");
}
