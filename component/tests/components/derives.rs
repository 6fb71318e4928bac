//! Types with derives cross the border of a component, on every backend, as those of the declarative macros do.

use wasmer_component::{Component, ComponentLinker, DeclaredFunc, Enumeration, Flags, Record, Signature, Variant};
use wasmer_runtime::{Backend, Engine, Store};

#[derive(Clone, Debug, PartialEq, Record)]
#[component(crate = wasmer_component)]
struct Everything {
    small: u8,
    #[component(name = "drawn-by")]
    author: String,
    list: Vec<(u16, Option<char>)>,
    choice: Choice,
    rights: Rights,
    colour: Colour,
    r#type: Result<f64, ()>,
    four_numbers: (u64, u64, u64, u64),
    float: f32,
}

#[derive(Clone, Debug, PartialEq, Variant)]
#[component(crate = wasmer_component)]
enum Choice {
    None,
    BigNumber(u64),
    #[component(name = "words")]
    Strings(Vec<String>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Flags)]
#[component(crate = wasmer_component)]
struct Rights {
    read: bool,
    write_all: bool,
    #[component(name = "run")]
    start: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Enumeration)]
#[component(crate = wasmer_component)]
enum Colour {
    Red,
    DarkBlue,
}

/// The record comes in memory, where it is returned from.
const ECHO: &str = r#"(component
    (type $choice' (variant (case "none") (case "big-number" u64) (case "words" (list string))))
    (export $choice "choice" (type $choice'))
    (type $rights' (flags "read" "write-all" "run"))
    (export $rights "rights" (type $rights'))
    (type $colour' (enum "red" "dark-blue"))
    (export $colour "colour" (type $colour'))
    (type $everything' (record (field "small" u8) (field "drawn-by" string) (field "list" (list (tuple u16 (option char))))
        (field "choice" $choice) (field "rights" $rights) (field "colour" $colour) (field "type" (result f64))
        (field "four-numbers" (tuple u64 u64 u64 u64)) (field "float" f32)))
    (export $everything "everything" (type $everything'))
    (core module $M
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 8))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (global.get $next))
            (global.set $next (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
            (local.get $at))
        (func (export "echo") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M))
    (func (export "echo") (param "value" $everything) (result $everything)
        (canon lift (core func $m "echo") (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))"#;

/// A function that takes a record which lives shorter than it.
enum Echo {}

impl Signature for Echo {
    type Params<'a> = (&'a Everything,);
    type Result = Everything;
}

#[test]
fn derived_types_cross_the_border() {
    let values = [
        (Choice::None, Rights::default(), Colour::Red, Ok(1.5)),
        (
            Choice::BigNumber(u64::MAX),
            Rights { read: true, start: true, ..Rights::default() },
            Colour::DarkBlue,
            Err(()),
        ),
        (
            Choice::Strings(vec!["".into(), "☃".into()]),
            Rights { write_all: true, ..Rights::default() },
            Colour::Red,
            Ok(-0.0),
        ),
    ];
    for backend in Backend::built() {
        let engine = Engine::new(backend.config().unwrap()).unwrap();
        let component = Component::new(&engine, &wat::parse_str(ECHO).unwrap()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = ComponentLinker::new().instantiate(&mut store, &component).unwrap();
        let echo = DeclaredFunc::<Echo>::new(&mut store, &instance, "echo").unwrap();
        // The record is a type of its own: what merely has as many fields is not it.
        assert!(instance.typed_func::<(Everything,), Rights>(&mut store, "echo").is_err());
        for (choice, rights, colour, r#type) in values.clone() {
            let value = Everything {
                small: 200,
                author: "äöü".to_owned(),
                list: vec![(1, None), (0xffff, Some('☃'))],
                choice,
                rights,
                colour,
                r#type,
                four_numbers: (1, 2, 3, u64::MAX),
                float: 0.1,
            };
            assert_eq!(echo.call(&mut store, (&value,)).unwrap(), value);
        }
    }
}
