//! Long block operations: the host does them in pieces and notices interrupts between them, whatever they move.
//!
//! Nothing here depends on time: the guest's thread holds the signal back, so an interrupt that comes while compiled code runs is first noticed
//! by the block operation itself, after its first piece. So no loop may ask for better code here, which notices interrupts too.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::common::*;
use wasmer_runtime::*;

/// More than one piece of a memory, in bytes, and of a table, in elements. See `vm/src/pieces.rs`.
const BYTES: i32 = 17 << 20;
const ELEMENTS: i32 = 140_000;

/// Seconds after which an operation counts as one that never ends.
const LOST: u64 = 120;

/// One operation in a function of its own, with two functions that say, as 0 or not, whether the piece that comes first and the one that comes
/// last are done.
struct Block {
    operation: &'static str,
    first: &'static str,
    last: &'static str,
}

const fn block(operation: &'static str, first: &'static str, last: &'static str) -> Block {
    Block { operation, first, last }
}

/// Numbers in `$…` are replaced, see [`text`].
const BLOCKS: &[(&str, Block)] = &[
    (
        "memory.fill",
        block(
            "(memory.fill $near (i32.const 5) (i32.const 7) (i32.const $BYTES))",
            "(i32.load8_u $near (i32.const 5))",
            "(i32.load8_u $near (i32.const $LAST_BYTE))",
        ),
    ),
    (
        "memory.fill of a 64-bit memory",
        block(
            "(memory.fill $wide (i64.const 5) (i32.const 7) (i64.const $BYTES))",
            "(i32.load8_u $wide (i64.const 5))",
            "(i32.load8_u $wide (i64.const $LAST_BYTE))",
        ),
    ),
    (
        "memory.copy to another memory",
        block(
            "(memory.copy $near $far (i32.const 5) (i32.const 5) (i32.const $BYTES))",
            "(i32.load8_u $near (i32.const 5))",
            "(i32.load8_u $near (i32.const $LAST_BYTE))",
        ),
    ),
    (
        "memory.copy downwards",
        block(
            "(memory.copy $far $far (i32.const 4) (i32.const 5) (i32.const $BYTES))",
            "(i32.load8_u $far (i32.const 4))",
            "(i32.load8_u $far (i32.const $BEFORE_LAST_BYTE))",
        ),
    ),
    (
        "memory.copy upwards",
        block(
            "(memory.copy $far $far (i32.const 6) (i32.const 5) (i32.const $BYTES))",
            "(i32.load8_u $far (i32.const $BEHIND_LAST_BYTE))",
            "(i32.load8_u $far (i32.const 6))",
        ),
    ),
    (
        "memory.init",
        block(
            "(memory.init $near $bytes (i32.const 5) (i32.const 0) (i32.const $BYTES))",
            "(i32.load8_u $near (i32.const 5))",
            "(i32.load8_u $near (i32.const $LAST_BYTE))",
        ),
    ),
    (
        "table.fill",
        block(
            "(table.fill $near (i32.const 5) (global.get $function) (i32.const $ELEMENTS))",
            "(i32.eqz (ref.is_null (table.get $near (i32.const 5))))",
            "(i32.eqz (ref.is_null (table.get $near (i32.const $LAST_ELEMENT))))",
        ),
    ),
    (
        "table.copy to another table",
        block(
            "(table.copy $near $far (i32.const 5) (i32.const 5) (i32.const $ELEMENTS))",
            "(i32.eqz (ref.is_null (table.get $near (i32.const 5))))",
            "(i32.eqz (ref.is_null (table.get $near (i32.const $LAST_ELEMENT))))",
        ),
    ),
    (
        "table.copy downwards",
        block(
            "(table.copy $far $far (i32.const 4) (i32.const 5) (i32.const $ELEMENTS))",
            "(i32.eqz (ref.is_null (table.get $far (i32.const 4))))",
            "(i32.eqz (ref.is_null (table.get $far (i32.const $BEFORE_LAST_ELEMENT))))",
        ),
    ),
    (
        "table.copy upwards",
        block(
            "(table.copy $far $far (i32.const 6) (i32.const 5) (i32.const $ELEMENTS))",
            "(i32.eqz (ref.is_null (table.get $far (i32.const $BEHIND_LAST_ELEMENT))))",
            "(i32.eqz (ref.is_null (table.get $far (i32.const 6))))",
        ),
    ),
    (
        "table.init",
        block(
            "(table.init $near $elements (i32.const 5) (i32.const 0) (i32.const $ELEMENTS))",
            "(i32.eqz (ref.is_null (table.get $near (i32.const 5))))",
            "(i32.eqz (ref.is_null (table.get $near (i32.const $LAST_ELEMENT))))",
        ),
    ),
    // What the last two do before they write is what takes long: their tables have initial values that nobody has asked for yet.
    (
        "table.fill of a table with an initial value",
        block(
            "(table.fill $initial (i32.const 5) (ref.null func) (i32.const 1))",
            "(i32.const 1)",
            "(ref.is_null (table.get $initial (i32.const 5)))",
        ),
    ),
    (
        "table.set of a table with an initial value",
        block(
            "(table.set $initial (i32.const 5) (ref.null func))",
            "(i32.const 1)",
            "(ref.is_null (table.get $initial (i32.const 5)))",
        ),
    ),
    (
        "table.grow",
        block(
            "(drop (table.grow $near (global.get $function) (i32.const $ELEMENTS)))",
            "(i32.const 1)",
            "(i32.ne (table.size $near) (i32.const $TABLE))",
        ),
    ),
];

/// A module whose `run` does the operation: at once, or (`held`) after another thread has changed a word of the shared memory.
fn text(block: &Block) -> String {
    let Block { operation, first, last } = block;
    let segment = |name: &str, text: &dyn Fn() -> String| if operation.contains(name) { text() } else { String::new() };
    let data = segment("$bytes", &|| format!("(data $bytes \"{}\")", "7".repeat(BYTES as usize)));
    let elements = segment("$elements", &|| format!("(elem $elements func {})", "$f ".repeat(ELEMENTS as usize)));
    let text = format!(
        r#"(module $m
            (import "host" "hold" (func $hold))
            (memory $near $PAGES) (memory $far $PAGES) (memory $wide i64 $PAGES) (memory $flag (export "flag") 1 1 shared)
            (table $near $TABLE funcref) (table $far $TABLE funcref) (table $initial $TABLE funcref (ref.func $f))
            {data} {elements}
            (global $function funcref (ref.func $f))
            (elem declare func $f)
            (func $f)
            (func (export "prepare")
                (i32.store8 $far (i32.const 5) (i32.const 7))
                (i32.store8 $far (i32.const $LAST_BYTE) (i32.const 7))
                (table.set $far (i32.const 5) (ref.func $f))
                (table.set $far (i32.const $LAST_ELEMENT) (ref.func $f)))
            (func (export "held")
                call $hold
                (i32.atomic.store $flag (i32.const 0) (i32.const 1))
                (loop $again (br_if $again (i32.ne (i32.atomic.load $flag (i32.const 0)) (i32.const 2))))
                {operation})
            (func (export "run") {operation})
            (func (export "first") (result i32) {first})
            (func (export "last") (result i32) {last}))"#
    );
    let numbers = [
        ("$BEFORE_LAST_BYTE", 3 + BYTES),
        ("$BEHIND_LAST_BYTE", 5 + BYTES),
        ("$LAST_BYTE", 4 + BYTES),
        ("$BYTES", BYTES),
        ("$BEFORE_LAST_ELEMENT", 3 + ELEMENTS),
        ("$BEHIND_LAST_ELEMENT", 5 + ELEMENTS),
        ("$LAST_ELEMENT", 4 + ELEMENTS),
        ("$ELEMENTS", ELEMENTS),
        ("$TABLE", ELEMENTS + 10),
        ("$PAGES", BYTES / 65536 + 1),
    ];
    numbers.iter().fold(text, |text, (name, number)| text.replace(name, &number.to_string()))
}

fn check(backend: Backend, engine: &Engine, name: &str, block: &Block) {
    let mut linker = Linker::new();
    linker.func_wrap("host", "hold", || hold_interrupts(true)).unwrap();
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &module(engine, &text(block))).unwrap();
    run(&mut store, instance, "prepare").unwrap();
    let (address, _) = export(&mut store, instance, "flag").memory().unwrap().raw_parts(&store).unwrap();
    // SAFETY: the memory begins with this word, stays where it is and lives as long as the store, which outlives the thread below.
    let flag: &'static AtomicU32 = unsafe { AtomicU32::from_ptr(address.cast()) };
    let handle = store.interrupt_handle();
    let interrupter = thread::spawn(move || {
        while flag.load(Ordering::SeqCst) != 1 {
            thread::yield_now();
        }
        handle.interrupt();
        flag.store(2, Ordering::SeqCst);
    });
    let result = run(&mut store, instance, "held");
    hold_interrupts(false);
    interrupter.join().unwrap();
    let frames = &trap(&result, TrapCode::Interrupted).backtrace.frames;
    assert!(!frames.is_empty(), "{backend}, {name}");
    store.clear_interrupt();
    let state = |store: &mut Store<()>| {
        ["first", "last"].map(|which| func::<_, (), i32>(store, instance, which).call(store, ()).unwrap() != 0)
    };
    assert_eq!(state(&mut store), [true, false], "{backend}, {name}: it was left between its pieces");
    // Again and undisturbed it is done whole. What overlaps itself has changed what it moves.
    run(&mut store, instance, "prepare").unwrap();
    run(&mut store, instance, "run").unwrap();
    assert_eq!(state(&mut store), [true, true], "{backend}, {name}");
}

#[test]
fn long_blocks_are_left_between_their_pieces() {
    let lazy = lazy_engine(Validation::Before).map(|engine| (Backend::Singlepass, engine));
    for (backend, engine) in compilers_with(|config| config).into_iter().chain(lazy) {
        for (name, block) in BLOCKS {
            let engine = engine.clone();
            within(LOST, move || check(backend, &engine, name, block));
        }
    }
}
