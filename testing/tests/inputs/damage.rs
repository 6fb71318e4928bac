//! Artifacts that change after they were checked, under the mapping: every word that the runtime reads of them later.
//!
//! What is found out is an error or a trap of whoever needed it. Code is left alone, and so are numbers that name other code: that is as good as code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use wasmer_runtime::*;
use wasmer_testing::child::{is_child, supervise};
use wasmer_testing::engines::engines_with;

/// Uses whatever is read from the image when it is needed.
const WAT: &str = r#"(module $damaged
    (type $none (func)) (type $one (func (result i32)))
    (import "host" "call" (func $call (param i32) (result i32)))
    (memory 1 1) (data $passive "some bytes") (data (i32.const 8) "initial")
    (table $t 8 funcref) (elem (i32.const 1) func $seven $call $none)
    (table $u 4 funcref) (elem $later func $seven $none) (elem $expressions funcref (ref.func $seven) (ref.null func))
    (global $g funcref (ref.func $seven))
    (func $seven (result i32) i32.const 7)
    (func $none)
    (func (export "indirect") (param i32) (result i32) (call_indirect $t (type $one) (local.get 0)))
    (func (export "table") (result i32) (ref.is_null (table.get $t (i32.const 3))))
    (func (export "init") (result i32)
        (table.init $u $later (i32.const 0) (i32.const 0) (i32.const 2))
        (table.init $u $expressions (i32.const 2) (i32.const 0) (i32.const 2))
        (ref.is_null (table.get $u (i32.const 0))))
    (func (export "ref") (result i32) (ref.is_null (ref.func $none)))
    (func (export "global") (result i32) (ref.is_null (global.get $g)))
    (func (export "bytes") (result i32) (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 10)) (i32.load (i32.const 8)))
    (func (export "host") (result i32) (call $call (i32.const 1)))
    (func (export "unreachable") unreachable)
    (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func (export "load") (param i32) (result i32) (i32.load offset=65533 (local.get 0)))
    (func $overflow (export "overflow") (result i32) (i32.add (i32.const 1) (call $overflow))))"#;

/// Functions of the module that it defines; one more is imported.
const DEFINED: usize = 13;
/// Functions that nobody calls: with so many, the indices are too long to be read when the image is loaded.
const MORE: usize = 4000;

/// Positions of sections in an image (`docs/image-format.md`).
const INDICES: usize = 1;
const DATA_TO_NAMES: Range<usize> = 4..9;
const TRAPS: usize = 6;

/// Their stacks are so short that an overflow takes no time.
fn engines() -> Vec<(Backend, Engine)> {
    engines_with(|config| config.stack_bytes(128 << 10))
}

/// An image in a file, which can be changed while it is in use.
struct Stored<'a> {
    engine: &'a Engine,
    bytes: Vec<u8>,
    file: File,
    /// Functions that nobody calls.
    more: usize,
}

impl<'a> Stored<'a> {
    fn new(engine: &'a Engine, more: usize) -> Self {
        let wat = format!("{} {})", WAT.strip_suffix(')').unwrap(), "(func)".repeat(more));
        let image = engine.compile(&wat::parse_str(wat).unwrap(), [0; 32], None).unwrap();
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(image.as_bytes(), 0).unwrap();
        Self { engine, bytes: image.as_bytes().to_vec(), file, more }
    }

    fn section(&self, position: usize) -> Range<usize> {
        let field = |at: usize| u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap()) as usize;
        let (offset, len) = (field(64 + position * 24), field(72 + position * 24));
        offset..offset + len
    }

    /// Places of the numbers in the section of indices that something asks for, and whether they name code: offsets and types of functions are first.
    fn numbers(&self) -> impl Iterator<Item = (usize, bool)> {
        let (starts, types) = (0, DEFINED + self.more);
        let others = types + 1 + DEFINED + self.more;
        let range = self.section(INDICES);
        let end = range.len() / 4;
        let code = (starts..starts + DEFINED).chain(types..types + 1 + DEFINED).map(|number| (number, true));
        code.chain((others..end).map(|number| (number, false)))
            .map(move |(number, code)| (range.start + number * 4, code))
    }

    fn load(&self) -> Result<Module> {
        // SAFETY: the engine made it; what is changed is neither code nor a number that names another piece of code.
        unsafe { Module::from_image(self.engine, Image::from_file(self.file.try_clone().unwrap(), None)?) }
    }

    /// What becomes of a module whose image gets these bytes at this place, before it is loaded, before it is instantiated and before it runs.
    fn damaged(&self, at: usize, bytes: &[u8], seen: &mut Seen) {
        for stage in 0..3 {
            let damage = |now: usize| {
                if now == stage {
                    self.file.write_all_at(bytes, at as u64).unwrap();
                }
            };
            damage(0);
            let result = self.load().and_then(|module| {
                damage(1);
                run(&module, || damage(2), seen)
            });
            seen.note(result);
            self.file.write_all_at(&self.bytes[at..at + bytes.len()], at as u64).unwrap();
        }
    }
}

/// How often each outcome was seen, in words.
#[derive(Default)]
struct Seen(BTreeMap<String, u64>);

impl Seen {
    fn note(&mut self, result: Result<()>) {
        let word = match result {
            Ok(()) => "ran".to_owned(),
            Err(Error::Trap(trap)) => format!("{:?}", trap.code),
            Err(error) if matches!(error.as_image(), Some(ImageError::Damaged(_))) => "refused".to_owned(),
            // Imports and exports have types that do not fit what is read later.
            Err(error) => panic!("{error}"),
        };
        *self.0.entry(word).or_default() += 1;
    }

    fn count(&self, word: &str) -> u64 {
        self.0.get(word).copied().unwrap_or_default()
    }
}

fn run(module: &Module, before_calls: impl FnOnce(), seen: &mut Seen) -> Result<()> {
    let mut store = Store::new(module.engine(), ());
    let call = Func::wrap(&mut store, |value: i32| value + 1)?;
    let instance = Instance::new(&mut store, module, &[call.into()])?;
    before_calls();
    for export in module.exports() {
        let ExternType::Func(ty) = export.ty else { continue };
        for argument in 0..if ty.params.is_empty() { 1 } else { 5 } {
            let arguments = if ty.params.is_empty() { vec![] } else { vec![Val::I32(argument)] };
            let mut results = vec![Val::I32(0); ty.results.len()];
            let func = match instance.exports(&mut store) {
                Ok(exports) => exports.into_iter().find(|(name, _)| *name == export.name).unwrap().1.func().unwrap(),
                Err(error) => {
                    seen.note(Err(error));
                    continue;
                }
            };
            let result = func.call(&mut store, &arguments, &mut results);
            if let Err(error) = &result {
                let _ = format!("{error} {}", error.backtrace().cloned().unwrap_or_default());
            }
            seen.note(result);
        }
    }
    Ok(())
}

#[test]
fn artifacts_may_change_after_they_were_checked() {
    if !is_child() {
        return supervise("damage::artifacts_may_change_after_they_were_checked");
    }
    // The same of the runtime reads indices that are mapped, whoever made the code.
    let mapped = std::iter::once(MORE).chain(std::iter::repeat(0));
    for ((backend, engine), more) in engines().into_iter().zip(mapped) {
        for more in BTreeSet::from([0, more]) {
            let stored = Stored::new(&engine, more);
            let mut whole = Seen::default();
            run(&stored.load().unwrap(), || (), &mut whole).unwrap();
            assert_eq!((whole.count("DamagedArtifact"), whole.count("refused")), (0, 0));
            assert!(whole.count("Unreachable") == 1 && whole.count("StackOverflow") == 1, "{:?}", whole.0);
            eprintln!("{backend}, {more} functions more");
            damage_numbers(&stored);
            damage_tables(&stored);
        }
    }
}

fn damage_numbers(stored: &Stored<'_>) {
    let mut seen = Seen::default();
    for (at, names_code) in stored.numbers() {
        let harmless: &[u32] = if names_code { &[] } else { &[0, 1, 2, 5] };
        for value in [u32::MAX, i32::MAX as u32, 1 << 30].iter().chain(harmless) {
            eprintln!("{value:#x} at {at}");
            stored.damaged(at, &value.to_le_bytes(), &mut seen);
        }
    }
    assert!(seen.count("DamagedArtifact") > 20 && seen.count("refused") > 100, "{:?}", seen.0);
}

fn damage_tables(stored: &Stored<'_>) {
    let mut seen = Seen::default();
    for section in DATA_TO_NAMES {
        let range = stored.section(section);
        eprintln!("section {section}, {range:?}");
        for at in range.clone().step_by(1 + range.len() / 100) {
            stored.damaged(at, &[!stored.bytes[at]], &mut seen);
        }
        for fill in [0, 0xff] {
            stored.damaged(range.start, &vec![fill; range.len()], &mut seen);
        }
    }
    let mut traps = Seen::default();
    stored.damaged(stored.section(TRAPS).start, &vec![0; stored.section(TRAPS).len()], &mut traps);
    assert!(traps.count("Unreachable") == 0 && traps.count("DamagedArtifact") >= 3, "{:?}", traps.0);
}

#[test]
fn what_was_checked_stays_as_it_is() {
    let (_, engine) = engines().swap_remove(0);
    let stored = Stored::new(&engine, 0);
    let module = stored.load().unwrap();
    let mut whole = Seen::default();
    run(&module, || (), &mut whole).unwrap();
    let metadata = stored.section(0);
    stored.file.write_all_at(&vec![0xa5; metadata.end], 0).unwrap();
    let mut seen = Seen::default();
    run(&module, || (), &mut seen).unwrap();
    assert_eq!(seen.0, whole.0);
}
