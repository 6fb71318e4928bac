//! Components that call the host and are called by it, on every backend: functions, resources, types with Rust names.

use crate::common::{ALLOCATOR, component, engines};
use wasmer_component::{AbiTrap, Borrow, Bytes, ComponentLinker, Own, Resource, ResourceType, Val, abi_trap};
use wasmer_runtime::{Error, Store};

#[derive(Default)]
struct Host {
    files: Vec<Vec<u8>>,
    dropped: Vec<u32>,
}

enum File {}

wasmer_component::enumeration! {
    /// Why not.
    enum ErrorCode {
        Access = "access",
        NoEntry = "no-entry",
    }
}

fn linker() -> ComponentLinker<Host> {
    let mut linker = ComponentLinker::<Host>::new();
    linker
        .instance("test:files/types@0.2.3")
        .resource("file", ResourceType::host::<File>(), |caller, rep| {
            caller.data_mut().dropped.push(rep);
            Ok(())
        })
        .unwrap()
        .func_wrap("open", |caller: &mut wasmer_runtime::Caller<'_, Host>, (name,): (String,)| {
            if name != "new" {
                return Ok(Err(ErrorCode::NoEntry));
            }
            let host = caller.data_mut();
            host.files.push(Vec::new());
            Ok(Ok(Own::<File>::new(host.files.len() as u32 - 1)))
        })
        .unwrap()
        .func_wrap("[method]file.write", |caller, (file, data): (Borrow<File>, Bytes)| {
            let (host, bytes) = data.with_data(caller)?;
            host.files[file.rep as usize].extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
    linker
}

/// Opens a file of a name, writes `hello`, and drops it. The result is the error's number, or -1.
fn writer(interface: &str, tail: &str) -> String {
    format!(
        r#"(component
        (import "{interface}" (instance $types
            (export "file" (type $file (sub resource)))
            (type $error-code' (enum "access" "no-entry"))
            (export "error-code" (type $error-code (eq $error-code')))
            (export "open" (func (param "name" string) (result (result (own $file) (error $error-code)))))
            (export "[method]file.write" (func (param "self" (borrow $file)) (param "data" (list u8))))))
        {ALLOCATOR}
        (alias export $types "file" (type $file))
        (core func $open (canon lower (func $types "open") (memory $memory)))
        (core func $write (canon lower (func $types "[method]file.write") (memory $memory)))
        (core func $drop (canon resource.drop $file))
        (core module $M
            (import "host" "memory" (memory 1))
            (import "host" "open" (func $open (param i32 i32 i32)))
            (import "host" "write" (func $write (param i32 i32 i32)))
            (import "host" "drop" (func $drop (param i32)))
            (data (i32.const 16) "hello")
            (func (export "run") (param i32 i32) (result i32)
                (local $file i32)
                (call $open (local.get 0) (local.get 1) (i32.const 8))
                (if (i32.load8_u (i32.const 8)) (then (return (i32.load8_u (i32.const 12)))))
                (local.set $file (i32.load (i32.const 12)))
                (call $write (local.get $file) (i32.const 16) (i32.const 5))
                (call $drop (local.get $file))
                {tail}
                (i32.const -1)))
        (core instance $m (instantiate $M (with "host" (instance
            (export "memory" (memory $memory)) (export "open" (func $open))
            (export "write" (func $write)) (export "drop" (func $drop))))))
        (func (export "run") (param "name" string) (result s32)
            (canon lift (core func $m "run") (memory $memory) (realloc $realloc))))"#
    )
}

#[test]
fn a_component_uses_resources_of_the_host() {
    for engine in engines() {
        // Another version that is compatible.
        let component = component(&engine, &writer("test:files/types@0.2.0", ""));
        let mut store = Store::new(&engine, Host::default());
        let instance = linker().instantiate(&mut store, &component).unwrap();
        let run = instance.typed_func::<(&str,), i32>(&mut store, "run").unwrap();
        assert_eq!(run.call(&mut store, ("old",)).unwrap(), ErrorCode::NoEntry as i32);
        for _ in 0..3 {
            assert_eq!(run.call(&mut store, ("new",)).unwrap(), -1);
        }
        assert_eq!(store.data().files, [b"hello", b"hello", b"hello"]);
        assert_eq!(store.data().dropped, [0, 1, 2]);
        let untyped = instance.func(&mut store, "run").unwrap();
        let result = untyped.call(&mut store, &[Val::String("old".to_owned())]).unwrap();
        assert_eq!(result, Some(Val::S32(1)));
    }
}

#[test]
fn handles_that_are_gone_are_refused_and_close_the_instance() {
    let cases = [
        ("(call $drop (local.get $file))", "unknown handle index 1"),
        ("(call $write (i32.const 7) (i32.const 16) (i32.const 5))", "unknown handle index 7"),
        ("(call $open (i32.const 0) (i32.const -1) (i32.const 8))", "string pointer/length out of bounds of memory"),
        ("(call $open (i32.const 16) (i32.const 5) (i32.const 9))", "unaligned pointer"),
        ("(call $open (i32.const 16) (i32.const 5) (i32.const -4))", "pointer out of bounds of memory"),
    ];
    for engine in engines() {
        for (tail, message) in cases {
            let component = component(&engine, &writer("test:files/types@0.2.3", tail));
            let mut store = Store::new(&engine, Host::default());
            let instance = linker().instantiate(&mut store, &component).unwrap();
            let run = instance.typed_func::<(&str,), i32>(&mut store, "run").unwrap();
            let error = run.call(&mut store, ("new",)).unwrap_err();
            assert_eq!(abi_trap(&error).unwrap().to_string(), message, "{tail}");
            let error = run.call(&mut store, ("new",)).unwrap_err();
            assert_eq!(abi_trap(&error), Some(&AbiTrap::CannotEnter));
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    let engine = engines().next().unwrap();
    let component = component(&engine, &writer("test:files/types@0.3.0", ""));
    let mut store = Store::new(&engine, Host::default());
    let error = linker().instantiate(&mut store, &component).unwrap_err().to_string();
    assert!(error.starts_with("unknown import: resource `file` of interface `test:files/types@0.3.0`"), "{error}");
    let missing = linker().missing(&component);
    let open = "unknown import: function `open` of interface `test:files/types@0.3.0` has not been defined\n\
        wit: open: func(name: string) -> result<file, error-code>";
    assert!(missing.iter().any(|line| line == open), "{missing:?}");

    let mut traps = linker();
    traps.define_unknown_imports_as_traps(&component).unwrap();
    let instance = traps.instantiate(&mut store, &component).unwrap();
    let run = instance.typed_func::<(&str,), i32>(&mut store, "run").unwrap();
    let error = run.call(&mut store, ("new",)).unwrap_err();
    assert!(format!("{error:#}").contains(open), "{error:#}");
}

#[test]
fn types_that_do_not_fit_are_named() {
    let engine = engines().next().unwrap();
    let component = component(&engine, &writer("test:files/types@0.2.3", ""));
    let mut store = Store::new(&engine, Host::default());
    let mut wrong = linker();
    wrong.allow_shadowing(true);
    wrong.instance("test:files/types@0.2.3").func_wrap("open", |_, (_,): (u32,)| Ok(())).unwrap();
    let Error::Link(error) = wrong.instantiate(&mut store, &component).unwrap_err() else { panic!() };
    let message = error.to_string();
    assert_eq!(
        message,
        "incompatible import type: function `open` of interface `test:files/types@0.2.3` has Rust type `(u32,) -> ()`, and the component wants\n\
        wit: open: func(name: string) -> result<file, error-code>"
    );
    let instance = linker().instantiate(&mut store, &component).unwrap();
    let Err(error) = instance.typed_func::<(u32,), i32>(&mut store, "run") else { panic!() };
    assert!(error.to_string().contains("wit: func(name: string) -> s32"), "{error}");
}

wasmer_component::record! {
    /// Of everything something.
    #[derive(Clone, Debug, PartialEq)]
    struct Everything {
        small: u8 = "small",
        wide: i64 = "wide",
        text: String = "text",
        list: Vec<(u16, Option<char>)> = "list",
        choice: Choice = "choice",
        rights: Rights = "rights",
        float: f32 = "float",
        result: Result<f64, ()> = "result",
        four: (u64, u64, u64, u64) = "four",
    }
}

wasmer_component::variant! {
    #[derive(Clone, Debug, PartialEq)]
    enum Choice {
        None = "none",
        Number(u64) = "number",
        Words(Vec<String>) = "words",
    }
}

wasmer_component::flags! {
    struct Rights {
        READ = "read",
        WRITE = "write",
        RUN = "run",
    }
}

/// Two components: the outer one calls the inner one, which calls the host; each call goes through memory of its own.
fn echo(inner: &str, outer: &str) -> String {
    let types = r#"
        (type $choice' (variant (case "none") (case "number" u64) (case "words" (list string))))
        (import "choice" (type $choice (eq $choice')))
        (type $rights' (flags "read" "write" "run"))
        (import "rights" (type $rights (eq $rights')))
        (type $everything' (record (field "small" u8) (field "wide" s64) (field "text" string)
            (field "list" (list (tuple u16 (option char)))) (field "choice" $choice) (field "rights" $rights)
            (field "float" f32) (field "result" (result f64))
            (field "four" (tuple u64 u64 u64 u64))))
        (import "everything" (type $everything (eq $everything')))
        (import "echo" (func $echo (param "value" $everything) (result $everything)))
    "#;
    let body = |encoding: &str| {
        format!(
            r#"{types}
            {ALLOCATOR}
            (core func $echo' (canon lower (func $echo) (memory $memory) (realloc $realloc) string-encoding={encoding}))
            (core module $M
                (import "host" "echo" (func $echo (param i32 i32)))
                (func (export "run") (param i32) (result i32)
                    (call $echo (local.get 0) (i32.const 512))
                    (i32.const 512)))
            (core instance $m (instantiate $M (with "host" (instance (export "echo" (func $echo'))))))
            (func (export "run") (param "value" $everything) (result $everything)
                (canon lift (core func $m "run") (memory $memory) (realloc $realloc) string-encoding={encoding}))"#
        )
    };
    format!(
        r#"(component
            {types}
            (component $Inner {})
            (instance $inner (instantiate $Inner
                (with "choice" (type $choice)) (with "rights" (type $rights)) (with "everything" (type $everything))
                (with "echo" (func $echo))))
            (component $Outer {})
            (instance $outer (instantiate $Outer
                (with "choice" (type $choice)) (with "rights" (type $rights)) (with "everything" (type $everything))
                (with "echo" (func $inner "run"))))
            (export "run" (func $outer "run")))"#,
        body(inner),
        body(outer)
    )
}

#[test]
fn values_come_back_as_they_went() {
    let values = [
        ("plain", Choice::None, Rights::empty(), Ok(1.5)),
        ("äöü", Choice::Number(u64::MAX), Rights::READ | Rights::RUN, Err(())),
        ("☃☺️öツ\u{10ffff}", Choice::Words(vec!["".into(), "ÿ".into(), "Ā".into()]), Rights::WRITE, Ok(-0.0)),
    ];
    const ENCODINGS: [&str; 3] = ["utf8", "utf16", "latin1+utf16"];
    for engine in engines() {
        for (inner, outer) in ENCODINGS.into_iter().flat_map(|a| ENCODINGS.map(|b| (a, b))) {
            let component = component(&engine, &echo(inner, outer));
            let mut linker = ComponentLinker::<Vec<Everything>>::new();
            linker
                .root()
                .func_wrap(
                    "echo",
                    |caller: &mut wasmer_runtime::Caller<'_, Vec<Everything>>, (value,): (Everything,)| {
                        caller.data_mut().push(value.clone());
                        Ok(value)
                    },
                )
                .unwrap();
            let mut store = Store::new(&engine, Vec::new());
            let instance = linker.instantiate(&mut store, &component).unwrap();
            let run = instance.typed_func::<(Everything,), Everything>(&mut store, "run").unwrap();
            for (text, choice, rights, result) in values.clone() {
                let value = Everything {
                    small: 200,
                    wide: i64::MIN,
                    text: text.to_owned(),
                    list: vec![(1, None), (0xffff, Some('☃'))],
                    choice,
                    rights,
                    float: 0.1,
                    result,
                    four: (1, 2, 3, u64::MAX),
                };
                assert_eq!(run.call(&mut store, (value.clone(),)).unwrap(), value, "{inner} {outer}");
                assert_eq!(store.data().last(), Some(&value));
            }
        }
    }
}

/// A component that defines a resource, whose representation is what it was made from.
const COUNTER: &str = r#"(component
    (core module $D
        (global $drops (export "drops") (mut i32) (i32.const 0))
        (func (export "drop") (param i32) (global.set $drops (i32.add (global.get $drops) (local.get 0))))
        (func (export "dropped") (result i32) (global.get $drops)))
    (core instance $d (instantiate $D))
    (type $counter' (resource (rep i32) (dtor (core func $d "drop"))))
    (export $counter "counter" (type $counter'))
    (core func $new (canon resource.new $counter'))
    (core module $M
        (import "host" "new" (func $new (param i32) (result i32)))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "get") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M (with "host" (instance (export "new" (func $new))))))
    (func (export "make") (param "value" u32) (result (own $counter)) (canon lift (core func $m "make")))
    (func (export "get") (param "counter" (borrow $counter)) (result u32) (canon lift (core func $m "get")))
    (func (export "dropped") (result u32) (canon lift (core func $d "dropped"))))"#;

#[test]
fn the_host_holds_resources_of_guests() {
    for engine in engines() {
        let component = component(&engine, COUNTER);
        let mut store = Store::new(&engine, ());
        let linker = ComponentLinker::new();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let [make, get, dropped] = ["make", "get", "dropped"].map(|name| instance.func(&mut store, name).unwrap());
        let Some(Val::Resource(Resource::Guest(counter))) = make.call(&mut store, &[Val::U32(7)]).unwrap() else {
            panic!()
        };
        let borrowed = Val::Resource(Resource::Guest(counter.clone()));
        for _ in 0..2 {
            assert_eq!(get.call(&mut store, std::slice::from_ref(&borrowed)).unwrap(), Some(Val::U32(7)));
        }
        counter.clone().drop(&mut store).unwrap();
        assert_eq!(dropped.call(&mut store, &[]).unwrap(), Some(Val::U32(7)));
        // A copy of what is gone means nothing, also when its place has another resource.
        make.call(&mut store, &[Val::U32(8)]).unwrap();
        assert_eq!(abi_trap(&counter.drop(&mut store).unwrap_err()), Some(&AbiTrap::UnknownHandle(0)));
        let error = get.call(&mut store, &[borrowed]).unwrap_err();
        assert_eq!(abi_trap(&error), Some(&AbiTrap::UnknownHandle(0)));
    }
}

/// What a function of the host is lent stays as long as its call lasts, whether the call notes it or nothing could take it away.
#[test]
fn what_is_lent_to_the_host_stays() {
    let text = r#"(component
        (import "host" (instance $host
            (export "file" (type $file (sub resource)))
            (export "open" (func (result (own $file))))
            (export "lend-and-give" (func (param "a" (borrow $file)) (param "b" (option (own $file)))))
            (export "give-and-lend" (func (param "a" (own $file)) (param "b" (borrow $file))))
            (export "name" (func (param "a" (borrow $file)) (result string)))))
        (alias export $host "file" (type $file))
        (core func $open (canon lower (func $host "open")))
        (core func $drop (canon resource.drop $file))
        (core module $A
            (import "host" "drop" (func $drop (param i32)))
            (memory (export "memory") 1)
            (global $file (export "file") (mut i32) (i32.const 0))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (if (global.get $file) (then (call $drop (global.get $file))))
                (i32.const 512)))
        (core instance $a (instantiate $A (with "host" (instance (export "drop" (func $drop))))))
        (core func $lend-and-give (canon lower (func $host "lend-and-give")))
        (core func $give-and-lend (canon lower (func $host "give-and-lend")))
        (core func $name (canon lower (func $host "name") (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
        (core module $M
            (import "host" "open" (func $open (result i32)))
            (import "host" "drop" (func $drop (param i32)))
            (import "host" "lend-and-give" (func $lend-and-give (param i32 i32 i32)))
            (import "host" "give-and-lend" (func $give-and-lend (param i32 i32)))
            (import "host" "name" (func $name (param i32 i32)))
            (import "a" "file" (global $kept (mut i32)))
            (func (export "run") (param $how i32) (local $file i32)
                (local.set $file (call $open))
                (if (i32.eq (local.get $how) (i32.const 0)) (then (call $lend-and-give (local.get $file) (i32.const 1) (local.get $file))))
                (if (i32.eq (local.get $how) (i32.const 1)) (then (call $give-and-lend (local.get $file) (local.get $file))))
                (if (i32.eq (local.get $how) (i32.const 2)) (then (global.set $kept (local.get $file))))
                (if (i32.eq (local.get $how) (i32.const 3)) (then (call $lend-and-give (local.get $file) (i32.const 1) (call $open))))
                (call $name (local.get $file) (i32.const 64))
                (call $drop (local.get $file))))
        (core instance $m (instantiate $M (with "a" (instance $a)) (with "host" (instance
            (export "open" (func $open)) (export "drop" (func $drop)) (export "name" (func $name))
            (export "lend-and-give" (func $lend-and-give)) (export "give-and-lend" (func $give-and-lend))))))
        (func (export "run") (param "how" u32) (canon lift (core func $m "run"))))"#;
    let mut linker = ComponentLinker::<Host>::new();
    linker
        .instance("host")
        .resource("file", ResourceType::host::<File>(), |caller, rep| {
            caller.data_mut().dropped.push(rep);
            Ok(())
        })
        .unwrap()
        .func_wrap("open", |caller: &mut wasmer_runtime::Caller<'_, Host>, ()| {
            caller.data_mut().files.push(Vec::new());
            Ok(Own::<File>::new(caller.data().files.len() as u32 - 1))
        })
        .unwrap()
        .func_wrap("lend-and-give", |_, (_, _): (Borrow<File>, Option<Own<File>>)| Ok(()))
        .unwrap()
        .func_wrap("give-and-lend", |_, (_, _): (Own<File>, Borrow<File>)| Ok(()))
        .unwrap()
        .func_wrap("name", |_, (file,): (Borrow<File>,)| Ok(format!("file {}", file.rep)))
        .unwrap();
    let cases = [
        (0, "cannot remove owned resource while borrowed"),
        (1, "unknown handle index 1"),
        (2, "cannot leave component instance"),
    ];
    for engine in engines() {
        let component = component(&engine, text);
        let mut store = Store::new(&engine, Host::default());
        for (how, message) in cases {
            let instance = linker.instantiate(&mut store, &component).unwrap();
            let run = instance.typed_func::<(u32,), ()>(&mut store, "run").unwrap();
            let error = run.call(&mut store, (how,)).unwrap_err();
            assert_eq!(abi_trap(&error).unwrap().to_string(), message);
        }
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance.typed_func::<(u32,), ()>(&mut store, "run").unwrap();
        for how in [3, 4, 3] {
            run.call(&mut store, (how,)).unwrap();
        }
        assert_eq!(store.data().dropped, [3, 5, 6]);
    }
}
