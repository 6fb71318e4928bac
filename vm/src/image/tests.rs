//! Images by a compiler that makes no code worth running: format, determinism, damage, folding, size.

use std::borrow::Cow;
use std::fmt::Write;
use std::os::unix::fs::FileExt;

use wasmer_runtime_core::compile::{CompileOptions, compile_image};
use wasmer_runtime_core::compiler::*;
use wasmer_runtime_core::cpu::{ARCHITECTURE, CpuFeatures};
use wasmer_runtime_core::image::header::{HEADER_BYTES, Header, PAGE_ALIGN, Section};
use wasmer_runtime_core::image::{ImageBytes, ImageError};
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::module::default_features;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::image::Image;
use crate::memory::MemoryExtent;
use crate::sys::view::memory_file_of;

/// The code of a function is its body, preceded by a reference to the first function.
struct Fake;

// SAFETY: nothing runs its code.
unsafe impl Compiler for Fake {
    fn id(&self) -> BackendId {
        BackendId { name: "fake", version: Cow::Borrowed("1"), abi: Abi::new(1), untabled_fault: None }
    }

    fn fingerprint(&self, _: &mut KeyHasher) {}

    fn cpu_features(&self) -> CpuFeatures {
        CpuFeatures::V3
    }

    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(Self)
    }
}

// SAFETY: nothing runs its code.
unsafe impl Worker for Fake {
    fn functions(&mut self, batch: &mut Batch<'_>, output: &mut Output) -> Result<(), CompileError> {
        for function in &mut *batch.functions {
            let body = function.body.as_bytes();
            let wasm_offset = function.body.range().start as u32;
            define(output, Symbol::Function(function.index), body);
            let offset = output.text.len() as u32 - body.len() as u32;
            output.traps.push(TrapSite { offset, code: TrapCode::Unreachable });
            output.locations.push(CodeLocation { offset, wasm_offset });
        }
        Ok(())
    }

    fn trampoline(&mut self, _: &ModuleInfo, which: &Trampoline, output: &mut Output) -> Result<(), CompileError> {
        define(output, Symbol::Trampoline(*which), b"trampoline");
        Ok(())
    }
}

fn define(output: &mut Output, symbol: Symbol, bytes: &[u8]) {
    let offset = output.text.len() as u32;
    let target = Symbol::Function(DefinedFuncIdx(0));
    if let Symbol::Function(_) = symbol {
        output.relocs.push(Reloc { offset, kind: RelocKind::X64Pc32, target, addend: 0 });
        output.text.extend_from_slice(&[0; 4]);
    }
    output.text.extend_from_slice(bytes);
    output.definitions.push(Definition { symbol, offset, len: output.text.len() as u32 - offset });
}

fn compile_with(wasm: &[u8], threads: usize) -> ImageBytes {
    let options =
        CompileOptions { features: default_features(), threads, fuel: false, every_place: false, key: [9; 32] };
    compile_image(wasm, &Fake, &options, None).unwrap()
}

pub(super) fn compile(wat: &str) -> ImageBytes {
    compile_with(&wat::parse_str(wat).unwrap(), 1)
}

fn image(wat: &str) -> Image {
    Image::from_bytes(compile(wat).as_bytes()).unwrap()
}

/// A module of `count` functions of different sizes.
fn many_functions(count: usize) -> String {
    let mut wat = String::from("(module (type $t (func (param i32) (result i32)))\n");
    for index in 0..count {
        let adds = "(i32.add (i32.const 1000000))".repeat(index % 40);
        writeln!(wat, "(func $f{index} (export \"f{index}\") (type $t) (local.get 0) {adds})").unwrap();
    }
    wat + ")"
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let wasm = wat::parse_str(many_functions(3000)).unwrap();
    assert!(wasm.len() > 300_000, "several jobs: {} bytes", wasm.len());
    let alone = compile_with(&wasm, 1);
    for threads in [1, 2, 3, 8, 64] {
        assert!(compile_with(&wasm, threads) == alone, "{threads} threads");
    }
}

#[test]
fn code_is_found_by_function_and_by_offset() {
    let wasm = wat::parse_str(many_functions(500)).unwrap();
    let image = Image::from_bytes(compile_with(&wasm, 2).as_bytes()).unwrap();
    image.verify().unwrap();
    assert_eq!((image.backend(), image.backend_version(), image.abi()), ("fake", "1", Abi::new(1)));
    let code = image.code_range();
    let first = image.function_entry(DefinedFuncIdx(0)).unwrap() as usize;
    for index in 0..500 {
        let function = DefinedFuncIdx(index);
        let entry = image.function_entry(function).unwrap() as usize;
        let offset = (entry - code.start) as u32;
        // The reference was resolved.
        let distance = i32::from_le_bytes(image.code()[offset as usize..][..4].try_into().unwrap());
        assert_eq!(entry.wrapping_add_signed(distance as isize), first);
        assert_eq!((image.function_at(offset), image.function_at(offset + 4)), (Some(function), Some(function)));
        assert_eq!((image.trap_at(offset), image.trap_at(offset + 4)), (None, Some(TrapCode::Unreachable)));
        let at = image.wasm_offset_at(offset + 4).unwrap() as usize;
        let body = &image.code()[offset as usize + 4..][..4];
        assert_eq!(body, &wasm[at..at + 4], "function {index}");
    }
    assert_eq!(image.function_name(FuncIdx(7)), Some("f7"));
    assert_eq!(image.function_name(FuncIdx(500)), None);
    assert_eq!(image.exports().count(), 500);
    assert!(image.export("f499").is_some() && image.export("f500").is_none());
    let ranges: Vec<_> = image.code_ranges().filter(|(function, _)| function.is_some()).collect();
    assert_eq!(ranges.len(), 500);
    assert!(ranges.windows(2).all(|pair| pair[0].1.end <= pair[1].1.start));
}

pub(super) const SMALL: &str = r#"(module $small (import "a" "f" (func (param i32))) (memory 2) (data (i32.const 5) "data")
    (table 3 funcref) (elem (i32.const 1) $g) (global (export "g") i64 (i64.const 7)) (func $g (export "run")))"#;

#[test]
fn truncated_and_extended_images_are_refused() {
    let bytes = compile(SMALL);
    let bytes = bytes.as_bytes();
    let header = Header::read(bytes, bytes.len() as u64, None).unwrap();
    let metadata = header.section(Section::Metadata).range().end;
    let lengths = (0..metadata).chain((metadata..bytes.len()).step_by(97)).chain([bytes.len() - 1]);
    for len in lengths {
        assert!(Image::from_bytes(&bytes[..len]).is_err(), "{len} bytes");
    }
    let longer = [bytes, &[0]].concat();
    assert!(matches!(Image::from_bytes(&longer), Err(ImageError::Length { .. })));
}

#[test]
fn every_flipped_bit_of_header_and_metadata_is_noticed() {
    let bytes = compile(SMALL);
    let bytes = bytes.as_bytes();
    let header = Header::read(bytes, bytes.len() as u64, None).unwrap();
    let metadata = header.section(Section::Metadata).range();
    let mut damaged = bytes.to_vec();
    for at in (0..HEADER_BYTES).chain(metadata) {
        for bit in 0..8 {
            damaged[at] ^= 1 << bit;
            assert!(Header::read(&damaged, damaged.len() as u64, None).is_err(), "bit {bit} of byte {at}");
            damaged[at] ^= 1 << bit;
        }
    }
    assert!(Header::read(&damaged, damaged.len() as u64, None).is_ok());
}

#[test]
fn damage_elsewhere_is_noticed_on_demand() {
    let bytes = compile(SMALL);
    let header = Header::read(bytes.as_bytes(), bytes.as_bytes().len() as u64, None).unwrap();
    for section in Section::ALL.iter().filter(|section| **section != Section::Metadata) {
        for at in header.section(*section).range().step_by(31) {
            let mut damaged = bytes.as_bytes().to_vec();
            damaged[at] ^= 0x10;
            let image = Image::from_bytes(&damaged).unwrap();
            assert!(matches!(image.verify(), Err(ImageError::Damaged(_))), "{section:?}, byte {at}");
        }
    }
}

#[test]
fn damage_that_nobody_looked_for_gives_wrong_answers_and_no_panics() {
    let wasm = wat::parse_str(many_functions(100)).unwrap();
    let bytes = compile_with(&wasm, 1);
    let header = Header::read(bytes.as_bytes(), bytes.as_bytes().len() as u64, None).unwrap();
    for section in [Section::Places, Section::Traps, Section::Locations, Section::Names, Section::Data] {
        for at in header.section(section).range().step_by(7) {
            let mut damaged = bytes.as_bytes().to_vec();
            damaged[at] = !damaged[at];
            let image = Image::from_bytes(&damaged).unwrap();
            for offset in (0..image.code().len() as u32).step_by(501).chain([u32::MAX]) {
                let _ = (image.function_at(offset), image.trap_at(offset), image.wasm_offset_at(offset));
            }
            for function in (0..101).chain([u32::MAX]) {
                let _ = image.function_name(FuncIdx(function));
            }
            assert!(image.code_ranges().filter(|(function, _)| function.is_some()).count() <= 101);
        }
    }
}

/// The image with another header, whose checksum fits.
fn with_header(image: &[u8], change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = Header::read(image, image.len() as u64, None).unwrap();
    let mut changed = image.to_vec();
    change(&mut header);
    header.write(&mut changed);
    changed
}

#[test]
fn code_for_other_processors_is_refused() {
    let bytes = compile(SMALL);
    let check = |change: &dyn Fn(&mut Header)| {
        let image = Image::from_bytes(&with_header(bytes.as_bytes(), change)).unwrap();
        image.verify().unwrap();
        image.check_processor().map_err(|error| error.to_string())
    };
    let needs = |features: CpuFeatures| check(&move |header: &mut Header| header.cpu_features = features);
    for features in [CpuFeatures::NONE, CpuFeatures::host()] {
        needs(features).unwrap();
    }
    for bit in (0..64).filter(|bit| CpuFeatures::host().bits() >> bit & 1 == 0) {
        let missing = CpuFeatures::from_bits(1 << bit);
        let error = needs(CpuFeatures::from_bits(CpuFeatures::host().bits() | 1 << bit)).unwrap_err();
        assert!(error.contains(&format!("needs a processor with {missing}, which this one lacks")), "{error}");
        assert!(error.contains(&format!("--cpu {}`", CpuFeatures::host().level().name())), "{error}");
    }
    let other = if ARCHITECTURE == 62 { 183 } else { 62 };
    for architecture in [0, ARCHITECTURE + 1, other, u32::MAX] {
        let error = check(&move |header: &mut Header| header.architecture = architecture).unwrap_err();
        assert!(error.contains("another architecture"), "{error}");
    }
}

#[test]
fn sections_are_where_pages_can_be_mapped() {
    let bytes = compile(SMALL);
    let header = Header::read(bytes.as_bytes(), bytes.as_bytes().len() as u64, None).unwrap();
    for section in [Section::Code, Section::Memory] {
        assert!(header.section(section).offset.is_multiple_of(PAGE_ALIGN as u64));
    }
    assert!(header.section(Section::Memory).len.is_multiple_of(PAGE_ALIGN as u64));
    assert_eq!(header.len as usize, bytes.as_bytes().len());
}

/// The initial contents of a memory, as instances get them: where pages start and what is in them. The same in a file and in memory.
fn memory(wat: &str, index: u32) -> Vec<(u64, Vec<u8>)> {
    let bytes = compile(wat);
    // SAFETY: nobody else has the file.
    let stored = unsafe { Image::from_file(memory_file_of(bytes.as_bytes()).unwrap(), None) }.unwrap();
    let [stored, kept] = [stored, Image::from_bytes(bytes.as_bytes()).unwrap()].map(|image| {
        assert!(image.to_bytes().unwrap() == bytes.as_bytes());
        let file = image.memory_file().unwrap();
        let contents = |extent: MemoryExtent| {
            let mut contents = vec![0; extent.len as usize];
            file.read_exact_at(&mut contents, extent.file_offset).unwrap();
            (extent.guest_offset, contents)
        };
        image.memory_image(MemoryIdx(index)).map(contents).collect::<Vec<_>>()
    });
    assert!(stored == kept);
    kept
}

/// Element and data segments that are applied when an instance is made.
fn applied(image: &Image) -> (Vec<u32>, Vec<u32>) {
    let elements = image.elements_to_apply().map(|(rank, ..)| rank).collect::<Vec<_>>();
    let data = image.data_to_apply().map(|(rank, ..)| rank).collect::<Vec<_>>();
    let elements =
        (0..100).filter(|index| image.element_rank(ElemIdx(*index)).is_some_and(|rank| elements.contains(&rank)));
    let data = (0..100).filter(|index| image.data_rank(DataIdx(*index)).is_some_and(|rank| data.contains(&rank)));
    (elements.collect(), data.collect())
}

#[test]
fn data_becomes_pages() {
    let wat = r#"(module (memory 3)
        (data (i32.const 4094) "abcd") (data (i32.const 4095) "X") (data (i32.const 100000) "far") (data "passive"))"#;
    let pages = memory(wat, 0);
    assert_eq!(
        pages.iter().map(|(start, bytes)| (*start, bytes.len())).collect::<Vec<_>>(),
        [(0, 8192), (98304, 4096)]
    );
    assert_eq!(&pages[0].1[4093..4099], b"\0aXcd\0");
    assert_eq!(&pages[1].1[100_000 - 98_304..][..3], b"far");
    let image = image(wat);
    assert_eq!(applied(&image), (vec![], vec![]));
    assert_eq!([0, 1, 2, 3].map(|index| image.data_rank(DataIdx(index))), [None, None, None, Some(0)]);
    assert_eq!((image.data_len(), image.data_bytes(0)), (1, &b"passive"[..]), "what is folded is not kept twice");
}

#[test]
fn pages_near_each_other_are_one_mapping() {
    let wat = "(module (memory 10) (data (i32.const 0) \"a\") (data (i32.const 16384) \"b\") (data (i32.const 400000) \"c\"))";
    let pages = memory(wat, 0);
    assert_eq!(
        pages.iter().map(|(start, bytes)| (*start, bytes.len())).collect::<Vec<_>>(),
        [(0, 5 * 4096), (397_312, 4096)]
    );
    assert_eq!(pages[0].1.iter().filter(|byte| **byte != 0).count(), 2);
}

#[test]
fn long_runs_are_joined_over_longer_holes() {
    let run = "a".repeat(80 * 4096);
    let wat = format!(
        "(module (memory 10) (data (i32.const 0) \"{run}\") (data (i32.const {}) \"b\") (data (i32.const {}) \"c\"))",
        100 * 4096,
        (101 + 26) * 4096,
    );
    let pages = memory(&wat, 0);
    assert_eq!(
        pages.iter().map(|(start, bytes)| (*start, bytes.len())).collect::<Vec<_>>(),
        [(0, 101 * 4096), (127 * 4096, 4096)],
        "a hole of 20 pages after 80, and one of 26 after 101"
    );
}

#[test]
fn zeros_are_no_pages() {
    let zeros = "\\00".repeat(10_000);
    let wat = format!(
        "(module (memory 10) (data (i32.const 4096) \"{zeros}\") (data (i32.const 65000) \"x\") (data (i32.const 65000) \"\\00\"))"
    );
    let pages = memory(&wat, 0);
    assert_eq!(pages.iter().map(|(start, _)| *start).collect::<Vec<_>>(), [61440]);
    assert!(pages[0].1.iter().all(|byte| *byte == 0), "a later zero overwrites");
}

#[test]
fn only_what_is_certain_is_folded() {
    // Segment by segment: what is applied at instantiation is the first uncertain one and all after it.
    let cases = [
        (r#"(memory 1) (data (i32.const 65535) "ok") (data (i32.const 0) "a")"#, vec![], vec![0, 1]),
        (r#"(memory 1) (data (i32.const 0) "a") (data (i32.const 65536) "")"#, vec![], vec![]),
        (r#"(memory 1) (data (i32.const 0) "a") (data (i32.const 65537) "")"#, vec![], vec![1]),
        (r#"(import "m" "m" (memory 1)) (data (i32.const 0) "a")"#, vec![], vec![0]),
        (
            r#"(import "m" "m" (memory 1)) (memory $n 1) (data (memory $n) (i32.const 0) "a") (data (i32.const 0) "b")"#,
            vec![],
            vec![1],
        ),
        (
            r#"(import "m" "g" (global i32)) (memory 1) (data (global.get 0) "a") (data (i32.const 9) "b")"#,
            vec![],
            vec![0, 1],
        ),
        (r#"(memory 1) (data (i32.const -1) "a")"#, vec![], vec![0]),
        (r#"(memory i64 1) (data (i64.const -1) "a")"#, vec![], vec![0]),
        (r#"(memory i64 1) (data (i64.const 65535) "a")"#, vec![], vec![]),
        // An element segment that may trap comes before all data.
        (
            r#"(memory 1) (table 1 funcref) (func $f) (elem (i32.const 1) $f) (data (i32.const 0) "a")"#,
            vec![0],
            vec![0],
        ),
        (
            r#"(table 4 funcref) (func $f) (elem (i32.const 3) $f) (elem (i32.const 4) $f) (elem (i32.const 0) $f)"#,
            vec![1, 2],
            vec![],
        ),
        (r#"(table 4 externref) (elem (i32.const 0) externref (ref.null extern))"#, vec![], vec![]),
        (
            r#"(import "m" "g" (global funcref)) (table 4 funcref) (elem (i32.const 0) funcref (global.get 0))"#,
            vec![0],
            vec![],
        ),
        (r#"(table 4 funcref (ref.func $f)) (func $f) (elem (i32.const 0) $f)"#, vec![0], vec![]),
        (r#"(import "m" "t" (table 4 funcref)) (func $f) (elem (i32.const 0) $f)"#, vec![0], vec![]),
    ];
    for (text, elements, data) in cases {
        assert_eq!(applied(&image(&format!("(module {text})"))), (elements, data), "{text}");
    }
}

#[test]
fn elements_become_a_table_image() {
    let image = image(
        r#"(module (import "m" "f" (func $imported)) (import "m" "t" (table $t 1 funcref)) (table $a 10 funcref) (table $b 5 funcref)
            (func $f) (func $g)
            (elem (table $a) (i32.const 2) func $f $g $imported) (elem (table $a) (i32.const 3) funcref (ref.null func))
            (elem declare func $g) (elem funcref (ref.func $f)))"#,
    );
    let elements = |table: u32| {
        (0..6).map(|element| image.table_image_get(TableIdx(table), element).map(|f| f.0)).collect::<Vec<_>>()
    };
    assert_eq!(elements(1), [None, None, Some(1), None, Some(0), None]);
    assert!(
        image.has_table_image(TableIdx(1))
            && !image.has_table_image(TableIdx(2))
            && !image.has_table_image(TableIdx(0))
    );
    assert_eq!([0, 1, 2, 3].map(|index| image.element_rank(ElemIdx(index))), [None, None, None, Some(0)]);
    assert_eq!((image.elements_len(), image.element_items_len(0)), (1, 1));
}

#[test]
fn little_input_makes_no_large_image() {
    // One byte each in a thousand places, one element at the end of a large table.
    let mut wat =
        String::from("(module (memory 60000) (table 9000000 funcref) (func $f) (elem (i32.const 8999999) $f)\n");
    for place in 0..5000u64 {
        writeln!(wat, "(data (i32.const {}) \"x\")", place * 700_000 % (60_000 << 16)).unwrap();
    }
    let image = compile(&(wat + ")"));
    assert!(image.as_bytes().len() < 64 << 20, "{} bytes", image.as_bytes().len());
    let image = compile("(module (table 9000000 funcref) (func $f) (elem (i32.const 8999999) $f))");
    assert!(image.as_bytes().len() < 16 << 10, "{} bytes", image.as_bytes().len());
}

/// A module with one byte at the start of each of these pages of a memory.
fn bytes_at(pages: impl Iterator<Item = u64>, last: u64) -> Vec<u8> {
    let mut wat = format!("(module (memory i64 {})\n", (last + 1).div_ceil(16));
    for page in pages {
        writeln!(wat, "(data (i64.const {}) \"x\")", page * PAGE_ALIGN as u64).unwrap();
    }
    wat::parse_str(wat + ")").unwrap()
}

#[test]
fn holes_count_as_pages() {
    // Each byte is as far from the one before as a run of all pages so far would be joined over.
    for part in [2, 3, 4, 5, 8, 16] {
        for last in [1 << 12, 1 << 18, 1 << 28, 1 << 40] {
            let pages = std::iter::successors(Some(0u64), |page| Some(page + 1 + 8.max((page + 1) / part)));
            let wasm = bytes_at(pages.take_while(|page| *page <= last), last);
            let image = compile_with(&wasm, 1);
            assert!(image.as_bytes().len() < 5 << 20, "1/{part} to {last}: {} bytes", image.as_bytes().len());
            Image::from_bytes(image.as_bytes()).unwrap().verify().unwrap();
        }
    }
}

#[test]
fn an_image_has_few_runs_however_its_bytes_are_scattered() {
    for distance in [1, 2, 8, 9, 10, 40, 1000] {
        // Forwards, backwards, and both ends first.
        let count = 3000;
        let orders: [fn(u64, u64) -> u64; 3] = [
            |place, _| place,
            |place, count| count - 1 - place,
            |place, count| if place % 2 == 0 { place } else { count - place },
        ];
        for order in orders {
            let pages = (0..count).map(|place| order(place, count) * distance);
            let wasm = bytes_at(pages, count * distance);
            let bytes = compile_with(&wasm, 1);
            let image = Image::from_bytes(bytes.as_bytes()).unwrap();
            let runs = image.memory_image(MemoryIdx(0)).count();
            assert!((1..=512).contains(&runs), "{runs} runs at distance {distance}");
            let pages: u64 = image.memory_image(MemoryIdx(0)).map(|extent| extent.len / PAGE_ALIGN as u64).sum();
            assert!(pages <= 1024 + 4, "{pages} pages at distance {distance}");
            assert!(image.data_to_apply().count() > 0, "what does not fit is applied");
        }
    }
    // Within one segment: long enough for any holes, and still few runs.
    let scattered = format!("x{}", "\\00".repeat(10 * PAGE_ALIGN - 1)).repeat(600);
    let image = image(&format!("(module (memory 400) (data (i32.const 0) \"{scattered}\"))"));
    let runs = image.memory_image(MemoryIdx(0)).count();
    assert!(runs <= 512 && image.data_to_apply().count() == 1, "{runs} runs");
}

#[test]
fn table_images_are_bounded_together() {
    for (tables, listed, length) in
        [(1, 1, 65_536), (100, 1, 65_536), (100, 100_000, 400_000), (100, 100_000, 9_000_000)]
    {
        let mut wat = String::from("(module (func $f)\n");
        for _ in 0..tables {
            writeln!(wat, "(table {length} funcref)").unwrap();
        }
        writeln!(wat, "(elem func {})", "$f ".repeat(listed)).unwrap();
        for table in 0..tables {
            writeln!(wat, "(elem (table {table}) (i32.const {}) func $f)", length - 1).unwrap();
        }
        let bytes = compile(&(wat + ")"));
        let len = bytes.as_bytes().len();
        assert!(
            len < 65_536 * 4 + 5 * listed * 4 + 50_000,
            "{tables} tables of {length}, {listed} listed: {len} bytes"
        );
        let image = Image::from_bytes(bytes.as_bytes()).unwrap();
        let first = (length <= 400_000).then_some(FuncIdx(0));
        assert_eq!(image.table_image_get(TableIdx(0), length - 1), first);
        assert_eq!(image.elements_to_apply().count() > 0, tables > 1);
    }
}

#[test]
fn images_are_small() {
    let empty = compile("(module)").as_bytes().len();
    assert!(empty <= 8192, "{empty} bytes");
    let wasm = wat::parse_str(many_functions(10_000)).unwrap();
    let image = compile_with(&wasm, 2);
    let header = Header::read(image.as_bytes(), image.as_bytes().len() as u64, None).unwrap();
    let code = header.section(Section::Code).len as usize;
    let rest = image.as_bytes().len() - code;
    // Types, exports with their names, function names, places, traps and locations.
    assert!(rest < 10_000 * 90, "{} bytes a function beside its code", rest / 10_000);
    for section in [Section::Traps, Section::Locations] {
        let bytes = header.section(section).len;
        assert!(bytes <= 10_000 * 4, "{section:?}: {bytes} bytes for 10,000 entries");
    }
}
