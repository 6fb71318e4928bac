//! A module that declares absurd amounts is refused without allocating for them.
//!
//! One test only: it counts what the whole process allocates.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::*;
use wasmer_runtime::*;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}

fn count(bytes: usize) {
    let now = NOW.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(now, Relaxed);
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What one refusal may allocate.
const BYTES_MAX: usize = 8 << 20;

/// 4,294,967,295 as LEB128.
const MAX: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A module of these sections.
fn sections(sections: &[(u8, &[&[u8]])]) -> Vec<u8> {
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    for (id, parts) in sections {
        let body = parts.concat();
        wasm.push(*id);
        wasm.extend(leb(body.len()));
        wasm.extend(body);
    }
    wasm
}

/// The type `() -> ()`, and one function of it.
const TYPE: (u8, &[&[u8]]) = (1, &[&[1, 0x60, 0, 0]]);
const FUNCTION: (u8, &[&[u8]]) = (3, &[&[1, 0]]);

/// A module whose only function has this body.
fn body(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = leb(body.len());
    sections(&[TYPE, FUNCTION, (10, &[&[1], &len, &body])])
}

/// Modules with one absurd number each.
fn absurd() -> Vec<(&'static str, Vec<u8>)> {
    let counted = |id: u8| sections(&[(id, &[&MAX])]);
    let many = |id: u8, item: &[u8]| sections(&[TYPE, (id, &[&MAX, &item.repeat(1000)])]);
    let groups = [&[200u8, 1][..], &[&MAX[..], &[0x7e]].concat().repeat(200)].concat();
    vec![
        ("types", counted(1)),
        ("imports", counted(2)),
        ("functions", counted(3)),
        ("functions, of which some follow", many(3, &[0])),
        ("tables", counted(4)),
        ("tables, of which some follow", many(4, &[0x70, 0, 1])),
        ("memories", counted(5)),
        ("globals", counted(6)),
        ("globals, of which some follow", many(6, &[0x7f, 0, 0x41, 0, 0x0b])),
        ("exports", counted(7)),
        ("element segments", counted(9)),
        ("bodies", sections(&[TYPE, FUNCTION, (10, &[&MAX])])),
        ("data segments", counted(11)),
        ("a data count", sections(&[(12, &[&MAX])])),
        ("a data count and segments", sections(&[(12, &[&MAX]), (11, &[&MAX, &[1, 0].repeat(1000)])])),
        ("parameters", sections(&[(1, &[&[1, 0x60], &MAX, &[0x7f; 100]])])),
        ("results", sections(&[(1, &[&[1, 0x60, 0], &MAX, &[0x7f; 100]])])),
        ("a recursion group", sections(&[(1, &[&[1, 0x4e], &MAX])])),
        ("locals", body(&[&[1], &MAX, &[0x7e, 0x0b]])),
        ("vector locals", body(&[&[1], &MAX, &[0x7b, 0x0b]])),
        ("groups of locals", body(&[&MAX, &[1, 0x7f].repeat(100)])),
        ("many groups of many locals", body(&[&groups, &[0x0b]])),
        ("targets of a br_table", body(&[&[0, 0x41, 0, 0x0e], &MAX, &[0; 50]])),
        ("types of a select", body(&[&[0, 0x00, 0x1c], &MAX, &[0x7f; 50]])),
        ("items of a segment", sections(&[(9, &[&[1, 1, 0], &MAX, &[0; 100]])])),
        ("bytes of a segment", sections(&[(11, &[&[1, 1], &MAX, &[0; 100]])])),
        ("bytes of a name", sections(&[(2, &[&[1], &MAX, b"name"])])),
        ("bytes of a custom section", [b"\0asm\x01\0\0\0\0".as_slice(), &MAX].concat()),
        ("bytes of a body", sections(&[TYPE, FUNCTION, (10, &[&[1], &MAX, &[0]])])),
        ("pages of a memory", sections(&[(5, &[&[1, 0], &MAX])])),
        ("pages of a 64-bit memory", sections(&[(5, &[&[1, 4], &[0xff; 8], &[0x7f]])])),
        ("elements of a table", sections(&[(4, &[&[1, 0x70, 0], &MAX])])),
        ("elements of a 64-bit table", sections(&[(4, &[&[1, 0x70, 4], &[0xff; 8], &[0x7f]])])),
        ("elements of an initialised table", wasm("(module (table 0xffffffff funcref (ref.func $f)) (func $f))")),
        ("an element far away", wasm("(module (table 0xffffffff funcref) (elem (i32.const 0xfffffff0) $f) (func $f))")),
    ]
}

#[test]
fn absurd_modules_are_refused_cheaply() {
    for (backend, engine) in engines_with(|config| config.threads(1)) {
        // What is made once.
        instantiate(&engine, "(module (func (export \"f\")))");
        let mut too_much = Vec::new();
        for (name, wasm) in absurd() {
            let before = NOW.load(Relaxed);
            PEAK.store(before, Relaxed);
            let mut store = Store::new(&engine, ());
            let result = Module::new(&engine, &wasm).and_then(|module| Linker::new().instantiate(&mut store, &module));
            let error = result.err().unwrap_or_else(|| panic!("{backend} accepts a module with absurdly many {name}"));
            let internal = matches!(error.as_compile(), Some(CompileError::Internal { .. }));
            assert!(!internal && !matches!(error, Error::Trap(_)), "{backend}, {name}: {error}");
            let peak = PEAK.load(Relaxed) - before;
            if peak > BYTES_MAX {
                too_much.push(format!("{name}: {peak} bytes"));
            }
        }
        assert!(too_much.is_empty(), "{backend}: {too_much:#?}");

        // A name section is a custom section: it cannot make a module invalid.
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        Module::new(&engine, &sections(&[(0, &[b"\x04name\x01\x06", &MAX, b"\0"])])).unwrap();
        let peak = PEAK.load(Relaxed) - before;
        assert!(peak < BYTES_MAX, "{backend}, names: {peak} bytes");

        // What is large and allowed costs little before it is used: 4 GiB of memory, of which one page is initialised.
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        let wat = r#"(module (memory 65536) (data (i32.const 0xfffffff0) "end") (func (export "get") (result i32) (i32.load8_u (i32.const 0xfffffff1))))"#;
        let (mut store, instance) = instantiate(&engine, wat);
        assert_eq!(func::<_, (), i32>(&mut store, instance, "get").call(&mut store, ()).unwrap(), i32::from(b'n'));
        let peak = PEAK.load(Relaxed) - before;
        assert!(peak < BYTES_MAX, "{backend}: {peak} bytes");
    }
}
