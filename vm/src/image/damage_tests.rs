//! Damage to images that nobody looked for: metadata that lies under a checksum that fits, and sections that change while they are mapped.

use wasmer_runtime_core::image::ImageError;
use wasmer_runtime_core::image::header::{HEADER_BYTES, Header, Section};
use wasmer_runtime_core::module::ImportType;
use wasmer_runtime_core::types::*;

use super::tests::compile;
use crate::image::Image;
use crate::sys::view::memory_file_of;
use crate::types_registry::TypeIds;

/// Something of every kind.
const EVERYTHING: &str = r#"(module $all (import "a" "f" (func (param i32))) (import "a" "g" (global funcref)) (import "a" "t" (table 2 funcref))
    (import "a" "m" (memory 1)) (memory $own 2) (data (memory $own) (i32.const 5) "data") (data (i32.const 0) "applied") (data "passive")
    (table $own 3 funcref) (table $set 2 funcref (ref.func $h)) (elem (table $own) (i32.const 1) func $g)
    (elem (table 0) (i32.const 0) func $g) (elem func $g $h) (elem funcref (global.get 0) (ref.func $h))
    (global (export "n") (mut i64) (i64.add (i64.const 3) (i64.const 4))) (global (export "r") funcref (ref.func $g))
    (func $g (export "run") (result i32) i32.const 1) (func $h (param i64 f32)) (func $start) (start $start)
    (export "m" (memory 1)) (export "t" (table 1)) (export "f" (func 0))
    (type $base (sub (struct (field i8) (field (mut anyref)))))
    (rec (type $pair (sub final $base (struct (field i8) (field (mut anyref)) (field (ref null $list)))))
        (type $list (array (mut (ref null $pair)))))
    (global (ref $list) (array.new_fixed $list 1 (ref.null $pair))) (global anyref (ref.i31 (i32.const 1)))
    (elem (ref $base) (item (struct.new_default $pair))))"#;

/// Reads everything that an image can be asked for, as instances, backtraces and tools do.
fn read_everything(image: &Image) {
    let counts = image.counts();
    let _ = (image.key(), image.abi(), image.backend(), image.backend_version(), image.module_name(), image.start());
    for ty in (0..image.types_len()).map(TypeIdx::from_index) {
        let _ = (image.type_def(ty), image.array_to_wasm(ty), image.wasm_to_array(ty));
    }
    let types: Vec<_> = (0..image.types_len()).map(|index| image.type_def(TypeIdx::from_index(index))).collect();
    assert!(TypeIds::of_module(&types, image.rec_groups()).is_some_and(|ids| ids.len() == types.len()));
    for index in (0..image.functions_len() as u32).chain([u32::MAX]) {
        let ty = image.function_type_index(FuncIdx(index));
        assert!(ty.is_err() || ty.is_ok_and(|ty| ty.index() < image.types_len()));
        let _ = (image.function_name(FuncIdx(index)), image.escaping_position(FuncIdx(index)));
        let entry = image.function_entry(DefinedFuncIdx(index)).map(|entry| entry.addr());
        assert!(entry.is_err() || entry.is_ok_and(|entry| image.code_range().contains(&entry)));
    }
    let types = image.imports().map(|import| import.name.len()).sum::<usize>();
    let exports: Vec<_> = image.exports().map(|export| export.name.to_owned()).collect();
    let found = exports.iter().filter_map(|name| image.export(name)).count();
    assert!(types < 1 << 20 && found <= exports.len());
    for index in 0..counts.tables {
        let _ = (image.table_type(TableIdx(index)), image.has_table_image(TableIdx(index)));
        let _ = [0, 1, 2, u64::MAX].map(|element| image.table_image_get(TableIdx(index), element));
    }
    for index in imported_memories(image)..counts.memories {
        let _ = (image.memory_type(MemoryIdx(index)), image.memory_image(MemoryIdx(index)).count());
    }
    for index in 0..counts.globals {
        let _ = image.global_type(GlobalIdx(index));
    }
    for position in 0..(counts.globals - counts.imported_globals) as usize {
        let _ = image.global_init(position).count();
    }
    for position in 0..(counts.tables - counts.imported_tables) as usize {
        let _ = image.table_init(position).map(Iterator::count);
    }
    read_segments(image);
    for offset in (0..image.code().len() as u32).step_by(7).chain([u32::MAX]) {
        let _ = (image.function_at(offset), image.trap_at(offset), image.wasm_offset_at(offset));
    }
    assert!(image.code_ranges().all(|(_, range)| range.start <= range.end && range.end as usize <= image.code().len()));
    let _ = image.are_traps_damaged();
}

fn imported_memories(image: &Image) -> u32 {
    image.imports().filter(|import| matches!(import.ty, ImportType::Memory(_))).count() as u32
}

fn read_segments(image: &Image) {
    assert!(image.made_elements_len() < 1 << 20);
    for rank in 0..image.elements_len() {
        for position in 0..image.element_items_len(rank).min(100) {
            let _ = image.element_item(rank, position).count();
        }
    }
    for rank in 0..image.data_len() {
        let _ = image.data_bytes(rank).len();
    }
    for index in (0..6).chain([u32::MAX]) {
        let _ = (image.element_rank(ElemIdx(index)), image.data_rank(DataIdx(index)));
    }
    let _ = image.elements_to_apply().map(|(rank, _, offset)| rank + offset.count()).sum::<usize>();
    let _ = image.data_to_apply().map(|(rank, _, offset)| rank + offset.count()).sum::<usize>();
}

/// What becomes of a byte.
const CHANGES: [fn(u8) -> u8; 6] =
    [|_| 0, |byte| byte ^ 1, |byte| byte.wrapping_add(5), |byte| !byte, |_| 0x7f, |_| 0xff];

#[test]
fn metadata_that_names_what_is_not_there_is_refused() {
    let bytes = compile(EVERYTHING);
    let bytes = bytes.as_bytes();
    read_everything(&Image::from_bytes(bytes).unwrap());
    let header = Header::read(bytes, bytes.len() as u64, None).unwrap();
    let (mut refused, mut taken, mut misplaced) = (0, 0, 0);
    for at in header.section(Section::Metadata).range() {
        for change in CHANGES {
            let mut damaged = bytes.to_vec();
            damaged[at] = change(damaged[at]);
            header.write(&mut damaged);
            match Image::from_bytes(&damaged) {
                Err(ImageError::Damaged(_)) => refused += 1,
                Err(error) => panic!("byte {at}: {error}"),
                Ok(image) => {
                    read_everything(&image);
                    taken += 1;
                    misplaced += usize::from(image.verify().is_err());
                }
            }
        }
    }
    assert!(refused > 1000 && taken > 1000, "{refused} refused, {taken} taken");
    // Entries in the middle of code, which are looked at where somebody has to vouch for an image.
    assert!((20..taken / 2).contains(&misplaced), "{misplaced} of {taken}");
}

#[test]
fn sections_in_the_place_of_others_do_no_harm() {
    let bytes = compile(EVERYTHING);
    let header = Header::read(bytes.as_bytes(), bytes.as_bytes().len() as u64, None).unwrap();
    let tail = [Section::Indices, Section::Data, Section::Places, Section::Traps, Section::Locations, Section::Names];
    for first in tail {
        for second in Section::ALL {
            let mut damaged = bytes.as_bytes().to_vec();
            let from = header.section(*second).range();
            let to = header.section(first).range();
            let len = from.len().min(to.len());
            damaged.copy_within(from.start..from.start + len, to.start);
            header.write(&mut damaged);
            match Image::from_bytes(&damaged) {
                Err(error) => assert!(matches!(error, ImageError::Damaged(_)), "{first:?} from {second:?}: {error}"),
                Ok(image) => read_everything(&image),
            }
        }
    }
}

#[test]
fn what_changes_under_the_mapping_gives_wrong_answers_and_no_panics() {
    use std::os::unix::fs::FileExt;
    // Long enough that the indices are mapped, and once so short that they are not.
    let many: String = (0..6000).map(|index| format!("(func $x{index} (export \"x{index}\"))")).collect();
    for wat in [EVERYTHING.to_owned(), EVERYTHING.replace("(start $start)", &format!("(start $start) {many}"))] {
        let bytes = compile(&wat);
        let bytes = bytes.as_bytes();
        let header = Header::read(bytes, bytes.len() as u64, None).unwrap();
        let file = memory_file_of(bytes).unwrap();
        // SAFETY: none of the code runs, and the file is not shortened.
        let image = unsafe { Image::from_file(file.try_clone().unwrap(), None) }.unwrap();
        let (exports, functions) = (image.exports().count(), image.functions_len());
        let sections = Section::ALL.iter().filter(|section| !matches!(section, Section::Code | Section::Memory));
        for range in sections.map(|section| header.section(*section).range()).chain(std::iter::once(0..HEADER_BYTES)) {
            for fill in [0u8, 0x7f, 0xff, 0x55] {
                file.write_all_at(&vec![fill; range.len()], range.start as u64).unwrap();
                read_everything(&image);
                // Header and metadata are the process's own.
                assert_eq!((image.exports().count(), image.functions_len()), (exports, functions));
                file.write_all_at(&bytes[range.clone()], range.start as u64).unwrap();
            }
            for at in range.step_by(if wat.len() > 10_000 { 4001 } else { 3 }) {
                file.write_all_at(&[!bytes[at]], at as u64).unwrap();
                read_everything(&image);
                file.write_all_at(&bytes[at..=at], at as u64).unwrap();
            }
        }
        image.verify().unwrap();
    }
}
