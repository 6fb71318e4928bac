//! `docs/image-format.md` says what is written.

use twox_hash::XxHash3_64;

use wasmer_runtime_core::cpu::{CpuFeature, CpuFeatures, Level};
use wasmer_runtime_core::image::header::{FORMAT_VERSION, HEADER_BYTES, Section};
use wasmer_runtime_core::image::metadata::ArchivedMetadata;

use crate::doc_tests::{fields, rows, size_of_field};
use crate::image::tests::{SMALL, compile};

const PAGE: &str = "image-format.md";

/// The rows of the header, and those of the metadata behind them.
fn tables() -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let mut rows = rows(PAGE);
    let metadata = rows.iter().rposition(|row| row[0] == "0").expect("the metadata's first field");
    let rest = rows.split_off(metadata);
    (rows, rest)
}

#[test]
fn the_header_is_documented() {
    let image = compile(SMALL);
    let image = image.as_bytes();
    let (rows, _) = tables();
    let mut end = 0;
    let mut next = |field: &str| {
        let row = rows.iter().find(|row| row[0] == end.to_string() && row[2].starts_with(field));
        let row = row.unwrap_or_else(|| panic!("no row `{field}` at {end}"));
        let [at, len] = [0, 1].map(|cell| row[cell].parse::<usize>().expect("a number"));
        end = at + len;
        &image[at..end]
    };
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    assert_eq!(next("magic: 7f 77 61 72 74 0d 0a 1a"), b"\x7fwart\r\n\x1a");
    assert_eq!(number(next("format version")), u64::from(FORMAT_VERSION));
    assert_eq!(number(next("calling convention of the code")), 1);
    assert_eq!(number(next("length of the file")), image.len() as u64);
    assert_eq!(next("the cache key"), [9; 32]);
    let checksum = number(next("checksum"));
    let sections = next(&format!("{} sections: offset (8), length (8), checksum (8", Section::ALL.len()));
    let sections: Vec<[u64; 3]> =
        sections.chunks(24).map(|entry| [0, 8, 16].map(|at| number(&entry[at..at + 8]))).collect();
    assert_eq!(number(next("architecture, as ELF numbers them: 62 x86-64")), 62);
    assert_eq!(number(next("1 if the code uses up fuel, or 0")), 0);
    assert_eq!(number(next("[features of the processor]")), CpuFeatures::V3.bits());
    assert_eq!(number(next("trap of a fault in a memory's address space")), 0);
    assert_eq!(number(next("size of a page")), 12);
    assert_eq!((end, rows.len()), (HEADER_BYTES, 12));

    let hash = XxHash3_64::oneshot;
    let range = |section: &[u64; 3]| section[0] as usize..(section[0] + section[1]) as usize;
    let parts = [hash(&image[..56]), hash(&image[64..HEADER_BYTES]), hash(&image[range(&sections[0])])];
    assert_eq!(checksum, hash(parts.map(u64::to_le_bytes).as_flattened()));
    for section in &sections[1..] {
        assert_eq!(section[2], hash(&image[range(section)]));
    }
}

#[test]
fn the_features_are_documented() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(PAGE);
    let text = std::fs::read_to_string(path).expect("the page is there").replace('\n', " ");
    let listed: Vec<_> =
        CpuFeature::ALL.iter().map(|feature| format!("{} `{}`", *feature as u8, feature.name())).collect();
    assert!(text.contains(&format!(" {}. ", listed.join(", "))));
    for (level, first, last) in [(Level::V2, 0, 5), (Level::V3, 6, 13), (Level::V4, 14, 18)] {
        assert_eq!(level.features().bits(), (2 << last) - 1);
        assert!(text.contains(&format!("{first} to {last} ")) && text.contains(level.name()));
    }
}

#[test]
fn the_version_and_the_sections_are_documented() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(PAGE);
    let text = std::fs::read_to_string(path).expect("the page is there");
    assert!(text.contains(&format!("now {FORMAT_VERSION})")), "the page is about another version");
    let mut at = 0;
    for section in Section::ALL {
        let row = format!("\n| {} | {} | ", format!("{section:?}").to_lowercase(), section.align(4096));
        at += text[at..].find(&row).unwrap_or_else(|| panic!("no row{row}or not in the order of the file"));
    }
}

#[test]
fn the_metadata_is_documented() {
    let mut expected = fields! {
        ArchivedMetadata: backend, backend_version, name, types, rec_groups, uses_heap, trampolines, imports, exports, export_types, exports_by_name, imported_functions,
            imported_tables, imported_memories, imported_globals, tables, memories, globals, tags, global_inits, table_inits, start, table_images,
            memory_images, elements, data, names, lists;
    };
    expected.sort_unstable();
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(at, size, name)| [at.to_string(), size.to_string(), name.replace("ArchivedMetadata.", "")])
        .collect();
    let found: Vec<_> = tables().1.into_iter().map(|row| row[..3].to_vec()).collect();
    assert_eq!(found, expected);
    let size = size_of::<ArchivedMetadata>();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(PAGE);
    let text = std::fs::read_to_string(path).expect("the page is there");
    assert!(text.contains(&format!("Its root, {size} bytes")), "the root has {size} bytes");
}
