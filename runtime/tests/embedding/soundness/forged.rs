//! Artifacts whose metadata lies, under checksums that fit. Code is trusted, and so is what says where code is; everything else that stands in an image is
//! checked when it is loaded: what a forged artifact is accepted for can be asked for everything, and nothing is read outside of it.
//!
//! The code of the modules does nothing that depends on their metadata, so a forged start function may run.

use wasmer_runtime_core::image::header::{Header, Section};

use crate::common::*;
use wasmer_runtime::*;

/// Something of everything that metadata can say.
const MODULES: [&str; 3] = [
    r#"(module $host (import "a" "f" (func $f (param i32 f64) (result i32))) (import "a" "t" (table 2 funcref))
        (import "a" "m" (memory 1 3)) (import "a" "g" (global $g externref)) (import "a" "h" (global $h i32)) (import "a" "e" (tag (param i32)))
        (memory 2) (memory i64 1 2) (data (memory 1) (i32.const 5) "data") (data (global.get $h) "applied") (data "passive")
        (data (memory 2) (i64.const 70) "wide") (tag $own (param i64 externref))
        (global (export "number") (mut i64) (i64.const 3)) (global (export "function") funcref (ref.func $f))
        (global (export "host") externref (global.get $g)) (global (export "sum") i32 (i32.add (global.get $h) (i32.const 4)))
        (global (export "vector") v128 (v128.const i64x2 1 2)) (global (export "float") (mut f64) (f64.const 1))
        (func $none) (func $other (param i64 f32) (result f64) f64.const 0)
        (export "f" (func $f)) (export "g" (func $other)) (export "n" (func $none)) (export "t" (table 0)) (export "e" (tag 0)) (export "own" (tag 1))
        (export "m" (memory 0)) (export "o" (memory 1)) (export "w" (memory 2)))"#,
    r#"(module $tables (table (export "image") 8 20 funcref) (table (export "value") 4 funcref (ref.func $one)) (table (export "wide") i64 3 externref)
        (table (export "typed") 3 (ref $t) (ref.func $one)) (elem (table 0) (i32.const 1) func $one $two) (elem (table 2) (i64.const 1) externref (ref.null extern))
        (type $t (func (result i32))) (func $one (type $t) i32.const 1) (func $two) (func $three (param funcref) (result funcref) local.get 0)
        (elem func $two $one) (elem funcref (ref.func $one) (ref.null func)) (elem declare func $three)
        (global (export "a") (ref $t) (ref.func $one)) (global (export "b") (mut funcref) (ref.null func)) (export "three" (func $three)))"#,
    r#"(module $objects (type $base (sub (struct (field i8) (field (mut anyref)))))
        (rec (type $pair (sub final $base (struct (field i8) (field (mut anyref)) (field (ref null $list)))))
            (type $list (array (mut (ref null $pair)))))
        (type $words (array i64))
        (global $list (export "list") (ref $list) (array.new_fixed $list 2 (ref.null $pair) (struct.new_default $pair)))
        (global (export "words") anyref (array.new $words (i64.const 7) (i32.const 5))) (global (export "small") anyref (ref.i31 (i32.const 1)))
        (global (export "pair") (ref $base) (struct.new $pair (i32.const 1) (ref.i31 (i32.const 2)) (global.get $list)))
        (global (export "host") externref (extern.convert_any (ref.i31 (i32.const 3))))
        (table (export "t") 3 (ref null $base)) (elem (table 0) (i32.const 1) (ref $base) (item (struct.new_default $pair)))
        (elem (ref $base) (item (struct.new_default $pair)) (item (struct.new_default $base))) (func (export "f") (result (ref $list)) global.get $list))"#,
];

/// What becomes of a word.
const WORDS: [fn(u32) -> u32; 7] = [
    |_| 0,
    |_| 1,
    |word| word.wrapping_add(1),
    |word| word.wrapping_sub(1),
    |_| i32::MAX as u32,
    |_| u32::MAX,
    |word| word ^ 0x0101_0100,
];

/// Something for an import, if that can be made.
fn import(store: &mut Store<()>, ty: ExternType) -> Option<Extern> {
    Some(match ty {
        ExternType::Func(ty) => Func::new(store, ty, |_, _, _| Ok(())).ok()?.into(),
        ExternType::Memory(ty) => Memory::new(store, ty).ok()?.into(),
        ExternType::Table(ty) => Table::new(store, ty, Val::default_for(ValType::Ref(ty.element))?).ok()?.into(),
        ExternType::Global(ty) => Global::new(store, ty, Val::default_for(ty.content)?).ok()?.into(),
        ExternType::Tag(ty) => Tag::new(store, ty).ok()?.into(),
    })
}

/// Loads an artifact, and asks for everything but calls.
fn use_all(engine: &Engine, bytes: &[u8]) -> Result<()> {
    let image = Image::from_bytes(bytes)?;
    image.verify()?;
    // SAFETY: the code is as the engine made it, and none of it runs that depends on the rest.
    let module = unsafe { Module::from_image(engine, image)? };
    let limits = StoreLimits::new().memory_bytes_max(64 << 20).table_elements_max(10_000).total_bytes_max(256 << 20);
    let mut store = Store::with_limits(engine, (), limits);
    let _ = (module.name(), module.has_start(), module.exports().count());
    let imports: Option<Vec<_>> = module.imports().map(|info| import(&mut store, info.ty)).collect();
    let Some(imports) = imports else { return Ok(()) };
    let instance = Instance::new(&mut store, &module, &imports)?;
    let ask = |store: &mut Store<()>, value: &Val| match value {
        Val::FuncRef(Some(func)) => func.ty(store).map(|ty| format!("{ty}")),
        value => Ok(format!("{value:?}")),
    };
    for (_, extern_) in instance.exports(&mut store)? {
        match extern_ {
            Extern::Func(func) => drop(func.ty(&store)?),
            Extern::Tag(tag) => drop(tag.ty(&store)?),
            Extern::Global(global) => {
                let value = global.get(&store)?;
                ask(&mut store, &value)?;
            }
            Extern::Memory(memory) => {
                let (ty, bytes) = (memory.ty(&store)?, memory.data(&store)?);
                let ends = [bytes.first(), bytes.get(5), bytes.last()];
                assert!(bytes.len() as u64 >= ty.limits.min << ty.page_size_log2, "{ends:?}");
            }
            Extern::Table(table) => {
                table.ty(&store)?;
                for index in 0..table.len(&store)?.min(40) {
                    if let Some(value) = table.get(&mut store, index)? {
                        ask(&mut store, &value)?;
                    }
                }
            }
        }
    }
    store.gc();
    Ok(())
}

#[test]
fn forged_metadata_is_refused_or_harmless() {
    let (mut refused, mut failed, mut taken) = (0, 0, 0);
    for ((_, engine), wat) in compilers_with(|config| config.threads(1)).iter().cycle().zip(MODULES) {
        let image = engine.compile(&wasm(wat), [0; 32], None).unwrap();
        let bytes = image.as_bytes();
        use_all(engine, bytes).unwrap();
        let header = Header::read(bytes, bytes.len() as u64, None).unwrap();
        let range = header.section(Section::Metadata).range();
        for at in range.clone().step_by(4).filter(|at| at + 4 <= range.end) {
            let word = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            for change in WORDS.map(|change| change(word)).into_iter().filter(|change| *change != word) {
                let mut forged = bytes.to_vec();
                forged[at..at + 4].copy_from_slice(&change.to_le_bytes());
                header.write(&mut forged);
                eprintln!("{word:#x} at {at} becomes {change:#x}");
                match use_all(engine, &forged) {
                    Ok(()) => taken += 1,
                    Err(error) if matches!(error.as_image(), Some(ImageError::Damaged(_))) => refused += 1,
                    // A limit, a type that is not the import's, an initial value that traps.
                    Err(_) => failed += 1,
                }
            }
        }
    }
    eprintln!("{refused} refused, {failed} failed, {taken} taken");
    assert!(refused > 1000 && taken > 1000, "{refused} refused, {failed} failed, {taken} taken");
}
