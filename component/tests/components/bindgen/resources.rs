//! Resources of the host and of the guest.

use wasmer_component::{AbiTrap, Borrow, Component, ComponentLinker, GuestOwn, Own, abi_trap};
use wasmer_runtime::{Engine, Result, Store};

use super::{guest, on_each_backend};

wasmer_component::bindgen!({ path: "tests/components/bindgen/resources.wit" });

use exports::test::resources::counters::{Counter, Guest, Pair};
use test::resources::things::{self, Failure, Thing};

/// The host's things, by their numbers.
#[derive(Default)]
struct Host {
    things: Vec<Option<String>>,
}

impl Host {
    fn add(&mut self, name: String) -> Own<Thing> {
        self.things.push(Some(name));
        Own::new(self.things.len() as u32 - 1)
    }

    fn name(&self, rep: u32) -> Result<&String> {
        self.things[rep as usize].as_ref().ok_or_else(|| wasmer_runtime::Error::host("it is gone"))
    }
}

impl things::HostThing for Host {
    fn new(&mut self, name: String) -> Result<Own<Thing>> {
        Ok(self.add(name))
    }

    fn name(&mut self, self_: Borrow<Thing>) -> Result<String> {
        Host::name(self, self_.rep).cloned()
    }

    fn join(&mut self, a: Own<Thing>, b: Borrow<Thing>) -> Result<std::result::Result<Own<Thing>, Failure>> {
        let joined = format!("{}{}", Host::name(self, a.rep)?, Host::name(self, b.rep)?);
        self.things[a.rep as usize] = None;
        Ok(if joined.is_empty() { Err(Failure::Gone) } else { Ok(self.add(joined)) })
    }

    fn drop_(&mut self, self_: Borrow<Thing>) -> Result<()> {
        self.things[self_.rep as usize] = Some("dropped by a method".to_owned());
        Ok(())
    }

    fn new_(&mut self) -> Result<Own<Thing>> {
        Ok(self.add("new".to_owned()))
    }

    fn drop(&mut self, resource: Own<Thing>) -> Result<()> {
        self.things[resource.rep as usize] = None;
        Ok(())
    }
}

impl things::Host for Host {
    fn find(&mut self, name: String) -> Result<Option<Own<Thing>>> {
        let position = self.things.iter().position(|thing| thing.as_ref() == Some(&name));
        Ok(position.map(|rep| Own::new(rep as u32)))
    }
}

/// A counter's representation is the address of its number.
pub(crate) const IMPORTS: &str = r#"
    (import "[export]test:resources/counters@0.1.0" "[resource-new]counter" (func $new (param i32) (result i32)))
    (import "[export]test:resources/counters@0.1.0" "[resource-rep]counter" (func $rep (param i32) (result i32)))
    (import "[export]test:resources/counters@0.1.0" "[resource-drop]counter" (func $drop (param i32)))
    (import "test:resources/things@0.1.0" "[constructor]thing" (func $thing (param i32 i32) (result i32)))
    (import "test:resources/things@0.1.0" "[method]thing.name" (func $name (param i32 i32)))
    (import "test:resources/things@0.1.0" "[static]thing.join" (func $join (param i32 i32 i32)))
    (import "test:resources/things@0.1.0" "[resource-drop]thing" (func $drop-thing (param i32)))
"#;

pub(crate) const BODY: &str = r#"
    (data (i32.const 512) "!zero")
    (global $dropped (mut i32) (i32.const 0))
    (func $make (param $start i32) (result i32)
        (local $at i32)
        (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 4)))
        (i32.store (local.get $at) (local.get $start))
        (call $new (local.get $at)))
    (func (export "test:resources/counters@0.1.0#[constructor]counter") (param i32) (result i32) (call $make (local.get 0)))
    (func (export "test:resources/counters@0.1.0#[method]counter.next") (param i32) (result i32)
        (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (i32.const 1)))
        (i32.load (local.get 0)))
    (func (export "test:resources/counters@0.1.0#[static]counter.sum") (param i32 i32) (result i32)
        (i32.add (i32.load (local.get 0)) (i32.load (call $rep (local.get 1))))
        (call $drop (local.get 1)))
    (func (export "test:resources/counters@0.1.0#[dtor]counter") (param i32)
        (global.set $dropped (i32.add (global.get $dropped) (i32.load (local.get 0)))))
    (func (export "test:resources/counters@0.1.0#make-pair") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (call $make (local.get 0)))
        (i32.store (i32.const 20) (call $make (local.get 1)))
        (i32.const 16))
    ;; The thing comes back joined to a new one.
    (func (export "test:resources/counters@0.1.0#keep") (param i32) (result i32)
        (local $other i32)
        (local.set $other (call $thing (i32.const 512) (i32.const 1)))
        (call $join (local.get 0) (local.get $other) (i32.const 32))
        (call $drop-thing (local.get $other))
        (if (i32.load8_u (i32.const 32)) (then (unreachable)))
        (i32.load (i32.const 36)))
    (func (export "test:resources/counters@0.1.0#name-of") (param i32) (result i32)
        (call $name (local.get 0) (i32.const 64))
        (call $drop-thing (local.get 0))
        (i32.const 64))
    (func (export "test:resources/counters@0.1.0#try-make") (param i32) (result i32)
        (if (local.get 0)
            (then
                (i32.store8 (i32.const 80) (i32.const 0))
                (i32.store (i32.const 84) (call $make (local.get 0))))
            (else
                (i32.store8 (i32.const 80) (i32.const 1))
                (i32.store (i32.const 84) (i32.const 513))
                (i32.store (i32.const 88) (i32.const 4))))
        (i32.const 80))
    (func (export "test:resources/counters@0.1.0#dropped") (result i32) (global.get $dropped))
"#;

fn on_each(run: impl Fn(&mut Store<Host>, &Guest)) {
    let bytes = guest::component(include_str!("resources.wit"), IMPORTS, BODY);
    on_each_backend(&bytes, |engine: &Engine, component: &Component| {
        let mut linker = ComponentLinker::<Host>::new();
        Resources::add_to_linker(&mut linker, |host| host).unwrap();
        let mut store = Store::new(engine, Host::default());
        let resources = Resources::instantiate(&mut store, component, &linker).unwrap();
        run(&mut store, &resources.test_resources_counters);
    });
}

#[test]
fn the_guest_has_resources() {
    on_each(|store, guest| {
        let counter: GuestOwn<Counter> = guest.counter.call_new(store, 4).unwrap();
        assert_eq!(guest.counter.call_next(store, &counter).unwrap(), 5);
        assert_eq!(guest.counter.call_next(store, &counter).unwrap(), 6);
        let Pair { first, second } = guest.call_make_pair(store, 10, 20).unwrap();
        assert_eq!(guest.counter.call_sum(store, &counter, first.clone()).unwrap(), 16);
        assert_eq!(guest.call_dropped(store).unwrap(), 10);
        second.drop(store).unwrap();
        counter.drop(store).unwrap();
        assert_eq!(guest.call_dropped(store).unwrap(), 36);
        assert_eq!(guest.call_try_make(store, 0).unwrap(), Err("zero".to_owned()));
        let made = guest.call_try_make(store, 3).unwrap().unwrap();
        assert_eq!(guest.counter.call_next(store, &made).unwrap(), 4);
        // What was given away is gone, also where its place has another one.
        assert_eq!(abi_trap(&guest.counter.call_next(store, &first).unwrap_err()), Some(&AbiTrap::UnknownHandle(1)));
    });
}

#[test]
fn the_host_has_resources() {
    on_each(|store, guest| {
        let thing = store.data_mut().add("thing".to_owned());
        assert_eq!(guest.call_name_of(store, Borrow::new(thing.rep)).unwrap(), "thing");
        let kept = guest.call_keep(store, thing).unwrap();
        assert_eq!(store.data().things, [None, None, Some("thing!".to_owned())]);
        assert_eq!(guest.call_name_of(store, Borrow::new(kept.rep)).unwrap(), "thing!");
    });
}
