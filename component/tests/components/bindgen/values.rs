//! Values of every kind of type.

use wasmer_component::{Component, ComponentLinker};
use wasmer_runtime::{Engine, Result, Store};

use super::{guest, on_each_backend};

const WIT: &str = include_str!("values.wit");

wasmer_component::bindgen!({ path: "tests/components/bindgen/values.wit" });

use test::values::types::{Big, Colour, Everything, Failure, Point, Rights, Shape};

/// What the host was given last.
#[derive(Default)]
struct Host {
    calls: u32,
    text: String,
}

impl test::values::sink::Host for Host {
    fn echo(&mut self, value: Everything) -> Result<Everything> {
        self.calls += 1;
        Ok(value)
    }

    fn shapes(&mut self, shapes: Vec<Shape>, fail: bool) -> Result<std::result::Result<Vec<Shape>, Failure>> {
        self.calls += 1;
        Ok(if fail { Err(Failure::Other(format!("{} shapes", shapes.len()))) } else { Ok(shapes) })
    }

    fn scalars(&mut self, a: i8, b: u16, c: f32, d: char, e: bool, f: u64) -> Result<(u64, bool, char, f32, u16, i8)> {
        Ok((f, e, d, c, b, a))
    }

    fn optional(
        &mut self,
        text: Option<String>,
        pair: (String, Option<Vec<u8>>),
        outcome: std::result::Result<String, ()>,
    ) -> Result<Option<(String, Option<Vec<u8>>)>> {
        let text = text.into_iter().chain(outcome.ok()).collect::<Vec<_>>().join("+");
        Ok((!text.is_empty()).then_some((text + &pair.0, pair.1)))
    }

    fn set(&mut self, rights: Rights, colour: Colour, point: Point) -> Result<Rights> {
        self.text = format!("{rights:?} {colour:?} {point:?}");
        Ok(rights | Rights::RUN_ALL)
    }

    fn echo_big(&mut self, value: Big) -> Result<Big> {
        Ok(value)
    }
}

impl ValuesImports for Host {
    fn log(&mut self, text: String) -> Result<()> {
        self.text = text;
        Ok(())
    }
}

/// Numbers that look like chance, always the same ones.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 20
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.next() % 4).map(|_| item(self)).collect()
    }

    fn text(&mut self) -> String {
        self.list(|chance| ['a', 'ä', '☃', '\u{10ffff}'][(chance.next() % 4) as usize]).into_iter().collect()
    }

    fn optional<T>(&mut self, item: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.next().is_multiple_of(2).then(|| item(self))
    }

    fn point(&mut self) -> Point {
        Point { x: self.next() as i32, y: self.next() as i32 }
    }

    fn shape(&mut self) -> Shape {
        match self.next() % 4 {
            0 => Shape::Nothing,
            1 => Shape::Dot(self.point()),
            2 => Shape::Line(self.list(Self::point)),
            _ => Shape::Label((self.text(), self.next() as f64)),
        }
    }

    fn everything(&mut self) -> Everything {
        Everything {
            flag: self.next().is_multiple_of(2),
            signed: (self.next() as i8, self.next() as i16, self.next() as i32, self.next() as i64),
            unsigned: (self.next() as u8, self.next() as u16, self.next() as u32, self.next()),
            floats: (self.next() as f32, self.next() as f64),
            letter: char::from_u32((self.next() % 0xd800) as u32).unwrap(),
            text: self.text(),
            points: self.list(Self::point),
            nested: self.list(|chance| chance.list(Self::text)),
            maybe: self.optional(|chance| chance.optional(Self::shape)),
            outcome: if self.next().is_multiple_of(2) { Ok(self.text()) } else { Err(Failure::Busy) },
            colour: [Colour::Red, Colour::DarkBlue][(self.next() % 2) as usize],
            rights: [Rights::empty(), Rights::READ, Rights::READ | Rights::RUN_ALL][(self.next() % 3) as usize],
        }
    }
}

/// An instance of the forwarder, whose imports a new host implements.
fn instantiated(engine: &Engine, component: &Component) -> (Store<Host>, Values) {
    let mut linker = ComponentLinker::<Host>::new();
    Values::add_to_linker(&mut linker, |host| host).unwrap();
    let mut store = Store::new(engine, Host::default());
    let values = Values::instantiate(&mut store, component, &linker).unwrap();
    (store, values)
}

#[test]
fn values_come_back_as_they_went() {
    on_each_backend(&guest::forwarder(WIT), |engine, component| {
        let (mut store, values) = instantiated(engine, component);
        let source = &values.test_values_source;
        let mut chance = Chance(1);
        for call in 1..=50 {
            let value = chance.everything();
            assert_eq!(source.call_echo(&mut store, &value).unwrap(), value);
            let shapes = chance.list(Chance::shape);
            assert_eq!(source.call_shapes(&mut store, &shapes, false).unwrap(), Ok(shapes.clone()));
            let failure = Failure::Other(format!("{} shapes", shapes.len()));
            assert_eq!(source.call_shapes(&mut store, &shapes, true).unwrap(), Err(failure));
            assert_eq!(store.data().calls, call * 3);
        }
    });
}

#[test]
fn parameters_of_exports_are_borrowed() {
    on_each_backend(&guest::forwarder(WIT), |engine, component| {
        let (mut store, values) = instantiated(engine, component);
        let source = &values.test_values_source;
        let scalars = source.call_scalars(&mut store, -1, 0xffff, 0.5, '☃', true, u64::MAX).unwrap();
        assert_eq!(scalars, (u64::MAX, true, '☃', 0.5, 0xffff, -1));
        let text = "of a call".to_owned();
        let result = source.call_optional(&mut store, Some(&text), (&text, Some(&[1, 2])), Ok(&text)).unwrap();
        assert_eq!(result, Some(("of a call+of a callof a call".to_owned(), Some(vec![1, 2]))));
        assert_eq!(source.call_optional(&mut store, None, ("", None), Err(())).unwrap(), None);
        let rights = source.call_set(&mut store, Rights::READ, Colour::DarkBlue, Point { x: 1, y: -1 }).unwrap();
        assert_eq!((rights.bits(), rights.contains(Rights::READ)), (5, true));
        assert_eq!(store.data().text, "Rights { bits: 1 } DarkBlue Point { x: 1, y: -1 }");
        let big = Big { a: (1, 2, 3, 4, 5, 6, 7, 8), b: (9, 10, 11, 12, 13, 14, 15, 16), last: "last".to_owned() };
        assert_eq!(source.call_echo_big(&mut store, &big).unwrap(), big);
        values.call_log(&mut store, "of the world").unwrap();
        assert_eq!(store.data().text, "of the world");
    });
}

/// A part of the data may be what implements the imports, and an interface may be told of alone.
#[test]
fn interfaces_are_added_one_by_one() {
    on_each_backend(&guest::forwarder(WIT), |engine, component| {
        let mut linker = ComponentLinker::<(u8, Host)>::new();
        test::values::sink::add_to_linker(&mut linker, |data| &mut data.1).unwrap();
        let mut store = Store::new(engine, (0, Host::default()));
        let error = Values::instantiate(&mut store, component, &linker).err().unwrap();
        assert!(error.to_string().contains("`log`"), "{error}");
        assert!(test::values::sink::add_to_linker(&mut linker, |data| &mut data.1).is_err());
    });
}

/// The same world, whose interfaces are there already.
mod again {
    wasmer_component::bindgen!({
        path: "tests/components/bindgen/values.wit",
        world: "values",
        with: {
            "test:values/types": super::test::values::types,
            "test:values/sink": super::test::values::sink,
        },
    });
}

impl again::ValuesImports for Host {
    fn log(&mut self, text: String) -> Result<()> {
        self.text = format!("again: {text}");
        Ok(())
    }
}

#[test]
fn interfaces_may_be_elsewhere() {
    on_each_backend(&guest::forwarder(WIT), |engine, component| {
        let mut linker = ComponentLinker::<Host>::new();
        test::values::sink::add_to_linker(&mut linker, |host| host).unwrap();
        again::Values::add_to_linker(&mut linker, |host| host).unwrap();
        let mut store = Store::new(engine, Host::default());
        let values = again::Values::instantiate(&mut store, component, &linker).unwrap();
        let value = Chance(2).everything();
        assert_eq!(values.test_values_source.call_echo(&mut store, &value).unwrap(), value);
        values.call_log(&mut store, "text").unwrap();
        assert_eq!(store.data().text, "again: text");
    });
}

/// The component has another world than the Rust.
#[test]
fn exports_of_other_types_are_refused() {
    let wit = "package test:values; world other { import log: func(text: u32); export log: func(text: u32); }";
    on_each_backend(&guest::forwarder(wit), |engine, component| {
        let mut linker = ComponentLinker::<()>::new();
        linker.root().func_wrap("log", |_, (_,): (u32,)| Ok(())).unwrap();
        let mut store = Store::new(engine, ());
        let error = Values::instantiate(&mut store, component, &linker).err().unwrap().to_string();
        assert!(error.contains("no function `test:values/source#echo`"), "{error}");
        let mut linker = ComponentLinker::<Host>::new();
        Values::add_to_linker(&mut linker, |host| host).unwrap();
        let mut store = Store::new(engine, Host::default());
        let error = Values::instantiate(&mut store, component, &linker).err().unwrap().to_string();
        assert!(error.contains("has Rust type `(String,) -> ()`") && error.contains("log: func(text: u32)"), "{error}");
    });
}
