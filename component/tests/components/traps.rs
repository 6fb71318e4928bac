//! Every trap of the canonical ABI, by what a guest does wrong at its borders. After each the component cannot be entered.
//!
//! The cases follow the checks (`trap_if`) of the canonical ABI's definitions, from loading and storing to calls and handles.

use crate::common::{ALLOCATOR, component, engines};
use wasmer_component::{
    AbiTrap, Borrow, Component, ComponentFunc, ComponentLinker, Own, Resource, ResourceType, Val, abi_trap,
};
use wasmer_runtime::{Engine, Error, Store, StoreLimits};

enum File {}

/// What a host has that is used wrongly.
fn linker() -> ComponentLinker<()> {
    let mut linker = ComponentLinker::<()>::new();
    linker
        .root()
        .resource("file", ResourceType::host::<File>(), |_, _| Ok(()))
        .unwrap()
        .func_wrap("open", |_, ()| Ok(Own::<File>::new(7)))
        .unwrap()
        .func_wrap("both", |_, (_, _): (Borrow<File>, Own<File>)| Ok(()))
        .unwrap()
        .func_wrap("take", |_, (_,): (Own<File>,)| Ok(()))
        .unwrap()
        .func_wrap("look", |_, (_,): (Borrow<File>,)| Ok(()))
        .unwrap()
        .func_new("text", |_, _| Ok(Some(Val::String("text".into()))))
        .unwrap();
    linker
}

/// Calls `run` of a component; the trap that it ends with, as text.
fn trap_of(engine: &Engine, component: &Component, params: &[Val]) -> String {
    let mut store = Store::with_limits(engine, (), StoreLimits::new().host_funcs_max(u64::MAX));
    let instance = linker().instantiate(&mut store, component).unwrap();
    let run = instance.func(&mut store, "run").unwrap();
    let error = run.call(&mut store, params).unwrap_err();
    let trap = abi_trap(&error).unwrap_or_else(|| panic!("{error:#}")).to_string();
    let error = run.call(&mut store, params).unwrap_err();
    assert_eq!(abi_trap(&error), Some(&AbiTrap::CannotEnter), "after {trap}");
    trap
}

/// A component whose function returns `result`; its core function, with 64 KiB of memory, is `body`.
fn returning(result: &str, options: &str, body: &str) -> String {
    format!(
        r#"(component
            (core module $M
                (memory (export "memory") 1)
                (data (i32.const 0) "\ff\fe\00\d8\00\00")
                (data (i32.const 32) "\07")
                (func $at (param i32 i32) (result i32)
                    (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
                (func (export "run") (result i32) {body}))
            (core instance $m (instantiate $M))
            (func (export "run") (result {result})
                (canon lift (core func $m "run") (memory (core memory $m "memory")) {options})))"#
    )
}

#[test]
fn results_are_looked_at_before_they_are_believed() {
    let utf16 = "string-encoding=utf16";
    let compact = "string-encoding=latin1+utf16";
    let cases = [
        // Lists and strings of 4 GiB, and such that only their end is outside.
        ("string", "", "(call $at (i32.const 0) (i32.const -1))", "string pointer/length out of bounds of memory"),
        ("string", "", "(call $at (i32.const 65535) (i32.const 2))", "string pointer/length out of bounds of memory"),
        ("string", "", "(call $at (i32.const -1) (i32.const 1))", "string pointer/length out of bounds of memory"),
        ("string", utf16, "(call $at (i32.const 0) (i32.const -1))", "string pointer/length out of bounds of memory"),
        ("string", compact, "(call $at (i32.const 0) (i32.const -1))", "string pointer/length out of bounds of memory"),
        ("(list u8)", "", "(call $at (i32.const 0) (i32.const -1))", "list pointer/length out of bounds of memory"),
        ("(list u64)", "", "(call $at (i32.const 8) (i32.const -1))", "list pointer/length out of bounds of memory"),
        // The length in bytes is zero in 32 bits.
        (
            "(list u64)",
            "",
            "(call $at (i32.const 8) (i32.const 0x20000000))",
            "list pointer/length out of bounds of memory",
        ),
        ("(list u64)", "", "(call $at (i32.const 65536) (i32.const 1))", "list pointer/length out of bounds of memory"),
        (
            "(list string)",
            "",
            "(call $at (i32.const 0) (i32.const 1))",
            "string pointer/length out of bounds of memory",
        ),
        // Where results and what is in them stand.
        ("(list u64)", "", "(call $at (i32.const 4) (i32.const 1))", "unaligned pointer"),
        ("(list u8)", "", "(i32.const 2)", "unaligned pointer"),
        ("(list u8)", "", "(i32.const 65532)", "pointer out of bounds of memory"),
        ("(list u8)", "", "(i32.const -4)", "pointer out of bounds of memory"),
        ("string", utf16, "(call $at (i32.const 1) (i32.const 1))", "unaligned pointer"),
        ("string", compact, "(call $at (i32.const 1) (i32.const 1))", "unaligned pointer"),
        // What strings are made of.
        ("string", "", "(call $at (i32.const 0) (i32.const 1))", "invalid utf-8 sequence of 1 bytes from index 0"),
        ("string", utf16, "(call $at (i32.const 2) (i32.const 1))", "invalid utf-16: unpaired surrogate"),
        ("string", compact, "(call $at (i32.const 2) (i32.const 0x80000001))", "invalid utf-16: unpaired surrogate"),
        // Numbers that are no character and no case.
        ("char", "", "(i32.const 0xd800)", "invalid `char` bit pattern"),
        ("char", "", "(i32.const 0x110000)", "invalid `char` bit pattern"),
        (
            "(list char)",
            "",
            "(i32.store (i32.const 24) (i32.const 0xdfff)) (call $at (i32.const 24) (i32.const 1))",
            "invalid `char` bit pattern",
        ),
        ("(option u8)", "", "(i32.const 32)", "invalid variant discriminant"),
        ("(result u8 (error u64))", "", "(i32.const 32)", "invalid variant discriminant"),
        ("(result)", "", "(i32.const 2)", "invalid variant discriminant"),
        ("(list (option u8))", "", "(call $at (i32.const 32) (i32.const 1))", "invalid variant discriminant"),
    ];
    for engine in engines() {
        for (result, options, body, message) in cases {
            let trap = trap_of(&engine, &component(&engine, &returning(result, options, body)), &[]);
            assert_eq!(trap, message, "{result} {options} {body}");
        }
    }
}

/// A component whose function takes `param`, and whose functions `realloc` and `post` have these bodies.
fn taking(param: &str, realloc: &str, post: &str) -> String {
    format!(
        r#"(component
            (import "file" (type $file (sub resource)))
            (import "open" (func $open (result (own $file))))
            (core func $open' (canon lower (func $open)))
            (core func $drop (canon resource.drop $file))
            (core module $M
                (import "host" "open" (func $open (result i32)))
                (import "host" "drop" (func $drop (param i32)))
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "post") {post})
                (func (export "run") (param i32 i32)))
            (core instance $m (instantiate $M (with "host" (instance
                (export "open" (func $open')) (export "drop" (func $drop))))))
            (func (export "run") (param "value" {param}) (canon lift (core func $m "run")
                (memory (core memory $m "memory")) (realloc (core func $m "realloc"))
                (post-return (core func $m "post")))))"#
    )
}

#[test]
fn what_a_guest_allocates_is_looked_at() {
    let text = Val::String("four".into());
    let list = Val::List(vec![Val::U64(1), Val::U64(2)]);
    let cases = [
        ("string", &text, "(i32.const -1)", "", "realloc return: beyond end of memory"),
        ("string", &text, "(i32.const 65533)", "", "realloc return: beyond end of memory"),
        ("(list u64)", &list, "(i32.const 65528)", "", "realloc return: beyond end of memory"),
        ("(list u64)", &list, "(i32.const 4)", "", "realloc return: result not aligned"),
        // Neither of them may call out.
        ("string", &text, "(call $open)", "", "cannot leave component instance"),
        ("string", &text, "(call $drop (i32.const 1)) (i32.const 8)", "", "cannot leave component instance"),
        ("string", &text, "(i32.const 8)", "(drop (call $open))", "cannot leave component instance"),
        ("string", &text, "(i32.const 8)", "(call $drop (i32.const 1))", "cannot leave component instance"),
    ];
    for engine in engines() {
        for (param, value, realloc, post, message) in cases {
            let trap =
                trap_of(&engine, &component(&engine, &taking(param, realloc, post)), std::slice::from_ref(value));
            assert_eq!(trap, message, "{param} {realloc} {post}");
        }
    }
}

/// A component that has resources of the host and two types of its own; `run` gets a file that is lent to it.
fn handling(body: &str) -> String {
    format!(
        r#"(component
            (import "file" (type $file (sub resource)))
            (import "open" (func $open (result (own $file))))
            (import "both" (func $both (param "lent" (borrow $file)) (param "given" (own $file))))
            (import "take" (func $take (param "given" (own $file))))
            (import "look" (func $look (param "lent" (borrow $file))))
            (type $a (resource (rep i32)))
            (type $b (resource (rep i32)))
            (core func $open (canon lower (func $open)))
            (core func $both (canon lower (func $both)))
            (core func $take (canon lower (func $take)))
            (core func $look (canon lower (func $look)))
            (core func $drop (canon resource.drop $file))
            (core func $new-a (canon resource.new $a))
            (core func $rep-b (canon resource.rep $b))
            (core func $drop-b (canon resource.drop $b))
            (core module $M
                (import "host" "open" (func $open (result i32)))
                (import "host" "both" (func $both (param i32 i32)))
                (import "host" "take" (func $take (param i32)))
                (import "host" "look" (func $look (param i32)))
                (import "host" "drop" (func $drop (param i32)))
                (import "host" "new-a" (func $new-a (param i32) (result i32)))
                (import "host" "rep-b" (func $rep-b (param i32) (result i32)))
                (import "host" "drop-b" (func $drop-b (param i32)))
                (func (export "run") (param $lent i32) {body}))
            (core instance $m (instantiate $M (with "host" (instance
                (export "open" (func $open)) (export "both" (func $both)) (export "take" (func $take))
                (export "look" (func $look)) (export "drop" (func $drop)) (export "new-a" (func $new-a))
                (export "rep-b" (func $rep-b)) (export "drop-b" (func $drop-b))))))
            (func (export "run") (param "lent" (borrow $file)) (canon lift (core func $m "run"))))"#
    )
}

#[test]
fn handles_that_are_forged_spent_or_kept_are_refused() {
    let wrong = "handle index 2 used with the wrong type, expected guest-defined resource but found a different guest-defined resource";
    let cases = [
        ("(call $look (i32.const 0))", "unknown handle index 0"),
        ("(call $look (i32.const 99))", "unknown handle index 99"),
        ("(call $take (i32.const -1))", "unknown handle index 4294967295"),
        ("(call $drop (i32.const 3))", "unknown handle index 3"),
        // Dropped, given away, and then used once more.
        (
            "(local $f i32) (local.set $f (call $open)) (call $drop (local.get $f)) (call $drop (local.get $f))",
            "unknown handle index 2",
        ),
        (
            "(local $f i32) (local.set $f (call $open)) (call $take (local.get $f)) (call $look (local.get $f))",
            "unknown handle index 2",
        ),
        ("(call $drop (local.get $lent)) (call $look (local.get $lent))", "unknown handle index 1"),
        // Of another type.
        ("(drop (call $rep-b (call $new-a (i32.const 5))))", wrong),
        ("(call $drop-b (call $new-a (i32.const 5)))", wrong),
        (
            "(call $look (call $new-a (i32.const 5)))",
            "handle index 2 used with the wrong type, expected host-defined resource but found guest-defined resource",
        ),
        // What is lent is not one's own, and one's own that is lent stays where it is.
        ("(call $take (local.get $lent))", "handle index 1 is borrowed, where one that owns is needed"),
        (
            "(local $f i32) (local.set $f (call $open)) (call $both (local.get $f) (local.get $f))",
            "cannot remove owned resource while borrowed",
        ),
        ("", "borrow handles still remain at the end of the call"),
        // Kept without end.
        ("(loop (drop (call $open)) (br 0))", "the component has more than 1048576 handles"),
    ];
    let lent = Val::Resource(Resource::Host { ty: ResourceType::host::<File>(), rep: 1 });
    for (round, engine) in engines().enumerate() {
        for (body, message) in cases {
            // A million calls once are enough.
            if round > 0 && body.contains("loop") {
                continue;
            }
            let trap = trap_of(&engine, &component(&engine, &handling(body)), std::slice::from_ref(&lent));
            assert_eq!(trap, message, "{body}");
        }
    }
}

/// Two components: what the inner one returns goes to the outer one through an adapter.
fn adapted(result: &str, encodings: [&str; 2], body: &str) -> String {
    let [inner, outer] = encodings;
    format!(
        r#"(component
            (component $Inner
                (core module $M
                    (memory (export "memory") 1)
                    (data (i32.const 0) "\ff\fe\00\d8\00\00")
                    (func $at (param i32 i32) (result i32)
                        (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
                    (func (export "run") (result i32) {body}))
                (core instance $m (instantiate $M))
                (func (export "run") (result {result}) (canon lift (core func $m "run")
                    (memory (core memory $m "memory")) string-encoding={inner})))
            (instance $inner (instantiate $Inner))
            (component $Outer
                (import "run" (func $run (result {result})))
                {ALLOCATOR}
                (core func $run' (canon lower (func $run) (memory $memory) (realloc $realloc) string-encoding={outer}))
                (core module $M
                    (import "inner" "run" (func $run (param i32)))
                    (func (export "run") (call $run (i32.const 512))))
                (core instance $m (instantiate $M (with "inner" (instance (export "run" (func $run'))))))
                (func (export "run") (canon lift (core func $m "run"))))
            (instance $outer (instantiate $Outer (with "run" (func $inner "run"))))
            (export "run" (func $outer "run")))"#
    )
}

#[test]
fn what_goes_from_component_to_component_is_looked_at() {
    const UTF8: [&str; 2] = ["utf8", "utf8"];
    let cases = [
        ("string", UTF8, "(call $at (i32.const 0) (i32.const 0x7fffffff))", "string content out-of-bounds"),
        ("string", UTF8, "(call $at (i32.const 0) (i32.const -1))", "string content out-of-bounds"),
        ("string", ["utf8", "utf16"], "(call $at (i32.const 0) (i32.const -1))", "string content out-of-bounds"),
        (
            "string",
            ["utf16", "utf8"],
            "(call $at (i32.const 0) (i32.const 0x7fffffff))",
            "string content out-of-bounds",
        ),
        ("string", UTF8, "(call $at (i32.const 65535) (i32.const 2))", "string content out-of-bounds"),
        ("string", UTF8, "(call $at (i32.const 0) (i32.const 1))", "invalid utf-8 sequence of 1 bytes from index 0"),
        ("string", ["utf16", "utf8"], "(call $at (i32.const 2) (i32.const 1))", "invalid utf-16: unpaired surrogate"),
        ("string", ["utf16", "latin1+utf16"], "(call $at (i32.const 1) (i32.const 1))", "unaligned pointer"),
        ("(list u64)", UTF8, "(call $at (i32.const 0) (i32.const 0x20000000))", "list content out-of-bounds"),
        ("(list u64)", UTF8, "(call $at (i32.const 0) (i32.const -1))", "list content out-of-bounds"),
        ("(list u64)", UTF8, "(call $at (i32.const 4) (i32.const 1))", "unaligned pointer"),
        (
            "(list char)",
            UTF8,
            "(i32.store (i32.const 24) (i32.const 0xd800)) (call $at (i32.const 24) (i32.const 1))",
            "invalid `char` bit pattern",
        ),
        (
            "(list (option u8))",
            UTF8,
            "(i32.store8 (i32.const 24) (i32.const 2)) (call $at (i32.const 24) (i32.const 1))",
            "invalid variant discriminant",
        ),
    ];
    for engine in engines() {
        for (result, encodings, body, message) in cases {
            let trap = trap_of(&engine, &component(&engine, &adapted(result, encodings, body)), &[]);
            assert_eq!(trap, message, "{result} {encodings:?} {body}");
        }
    }
}

#[test]
fn a_component_is_not_entered_while_it_is_in_a_call() {
    let text = r#"(component
        (import "again" (func $again))
        (core func $again' (canon lower (func $again)))
        (core module $M
            (import "host" "again" (func $again))
            (func (export "run") (call $again)))
        (core instance $m (instantiate $M (with "host" (instance (export "again" (func $again'))))))
        (func (export "run") (canon lift (core func $m "run"))))"#;
    let mut linker = ComponentLinker::<Option<ComponentFunc>>::new();
    linker
        .root()
        .func_wrap("again", |caller, ()| {
            let run = caller.data().clone().ok_or(AbiTrap::CannotLeave)?;
            run.call(caller, &[]).map(drop)
        })
        .unwrap();
    for engine in engines() {
        let component = component(&engine, text);
        let mut store = Store::new(&engine, None);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance.func(&mut store, "run").unwrap();
        *store.data_mut() = Some(run.clone());
        assert_eq!(abi_trap(&run.call(&mut store, &[]).unwrap_err()), Some(&AbiTrap::CannotEnter));
        assert!(instance.is_closed(&mut store).unwrap());
    }
}

#[test]
fn what_is_lifted_has_an_end() {
    // 64 MiB of zeros are as many values of the host, each of which is larger.
    let text = returning("(list u8)", "", "(call $at (i32.const 0) (i32.const 0x4000000))")
        .replace(r#"(memory (export "memory") 1)"#, r#"(memory (export "memory") 1024)"#);
    let engine = engines().next().unwrap();
    let component = component(&engine, &text);
    let trap = trap_of(&engine, &component, &[]);
    assert_eq!(trap, "the values of one call take more than 1073741824 bytes of the host's memory");
    // As bytes they are what they are.
    let mut store = Store::new(&engine, ());
    let instance = linker().instantiate(&mut store, &component).unwrap();
    let run = instance.typed_func::<(), Vec<u8>>(&mut store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap().len(), 64 << 20);
}

#[test]
fn types_and_components_nest_only_so_deep() {
    let engine = engines().next().unwrap();
    // By name, because the text's reader nests, too.
    let nested = |depth: usize| {
        let types: String = (1..depth).map(|level| format!("(type $t{level} (list $t{}))", level - 1)).collect();
        let text = returning(&format!("$t{}", depth - 1), "", "(call $at (i32.const 0) (i32.const 0))");
        text.replacen("(component", &format!("(component (type $t0 (list u8)) {types}"), 1)
    };
    let refused = |text: &str| {
        let error = Component::new(&engine, &wat::parse_str(text).unwrap()).unwrap_err();
        assert!(matches!(error, Error::Compile(_) | Error::Malformed(_)), "{error:?}");
        error.to_string()
    };
    let deepest = component(&engine, &nested(90));
    let mut store = Store::new(&engine, ());
    let instance = linker().instantiate(&mut store, &deepest).unwrap();
    let run = instance.func(&mut store, "run").unwrap();
    assert_eq!(run.call(&mut store, &[]).unwrap(), Some(Val::List(vec![])));
    assert!(run.wit().contains(&"list<".repeat(90)));
    let message = refused(&nested(110));
    assert!(message.contains("nesting"), "{message}");

    let mut bytes = wat::parse_str("(component)").unwrap();
    let header = bytes.clone();
    for _ in 0..5_000 {
        let mut outer = header.clone();
        outer.push(4);
        let mut len = bytes.len();
        while len >= 0x80 {
            outer.push(len as u8 | 0x80);
            len >>= 7;
        }
        outer.push(len as u8);
        outer.append(&mut bytes);
        bytes = outer;
    }
    let error = Component::new(&engine, &bytes).unwrap_err();
    assert!(matches!(error, Error::Compile(_) | Error::Malformed(_) | Error::Resource(_)), "{error:?}");
}
