//! What a host does wrong with values and types: it is told where, and what it may have meant; the instance is what it was. On every backend.

use crate::common::{ALLOCATOR, component, engines};
use wasmer_component::{
    AbiTrap, Component, ComponentInstance, ComponentLinker, ComponentTypeError, GuestOwn, GuestResource, Own, Resource,
    ResourceType, Val, abi_trap,
};
use wasmer_runtime::{Caller, Engine, Store};

/// A function of the component, `list`, takes a list of everything and gives its length; `name` takes a text and a number.
fn orders(engine: &Engine) -> Component {
    component(
        engine,
        &format!(
            r#"(component
            {ALLOCATOR}
            (type $ship' (flags "gift" "express"))
            (export $ship "ship" (type $ship'))
            (type $kind' (enum "tea" "coal"))
            (export $kind "kind" (type $kind'))
            (type $pay' (variant (case "later") (case "now" u64)))
            (export $pay "pay" (type $pay'))
            (type $order' (record (field "item" string) (field "count" u32) (field "note" (option string))
                (field "ship" $ship) (field "kind" $kind) (field "pay" $pay) (field "pair" (tuple u8 s8))
                (field "outcome" (result u8))))
            (export $order "order" (type $order'))
            (core module $M
                (func (export "list") (param i32 i32) (result i32) (local.get 1))
                (func (export "name") (param i32 i32 i32) (result i32) (i32.add (local.get 1) (local.get 2))))
            (core instance $m (instantiate $M))
            (func (export "list") (param "orders" (list $order)) (result u32)
                (canon lift (core func $m "list") (memory $memory) (realloc $realloc)))
            (func (export "name") (param "text" string) (param "more" u8) (result u32)
                (canon lift (core func $m "name") (memory $memory) (realloc $realloc))))"#
        ),
    )
}

fn order() -> Vec<(String, Val)> {
    let fields = [
        ("item", Val::String("tea".into())),
        ("count", Val::U32(1)),
        ("note", Val::Option(None)),
        ("ship", Val::Flags(vec!["gift".into()])),
        ("kind", Val::Enum("tea".into())),
        ("pay", Val::Variant("now".into(), Some(Box::new(Val::U64(7))))),
        ("pair", Val::Tuple(vec![Val::U8(1), Val::S8(2)])),
        ("outcome", Val::Result(Ok(Some(Box::new(Val::U8(1)))))),
    ];
    fields.map(|(name, val)| (name.to_owned(), val)).into()
}

/// An order with a field that is something else.
fn with(name: &str, val: Val) -> Vec<(String, Val)> {
    let mut order = order();
    order.iter_mut().find(|(other, _)| other == name).expect("a field").1 = val;
    order
}

#[test]
fn values_that_do_not_fit_are_named_with_their_place() {
    let without = || order().into_iter().filter(|(name, _)| name != "note").collect::<Vec<_>>();
    let long = Val::String("x".repeat(1000));
    let cases = [
        (without(), "`orders[1]`: Record([", ": the field `note` is missing"),
        (
            [without(), vec![("notes".into(), Val::Option(None))]].concat(),
            "`orders[1]`: ",
            "the field `note` is missing",
        ),
        ([order(), vec![("more".into(), Val::Bool(true))]].concat(), "`orders[1]`: ", ": there is no field `more`"),
        ([order(), vec![("item".into(), Val::Bool(true))]].concat(), "`orders[1]`: ", ": a field is there twice"),
        (order().into_iter().rev().collect(), "`orders[1]`: ", ": the fields are in another order"),
        (with("count", Val::U8(2)), "`orders[1].count`: U8(2) is not a value of type `u32`", ""),
        (with("item", Val::Char('t')), "`orders[1].item`: Char('t') is not a value of type `string`", ""),
        (with("note", long.clone()), "`orders[1].note`: String(\"xxx", "x… is not a value of type `option<string>`"),
        (with("note", Val::Option(Some(Box::new(Val::U8(1))))), "`orders[1].note`: U8(1) is not", "`string`"),
        (
            with("ship", Val::Flags(vec!["gift".into(), "slow".into()])),
            "`orders[1].ship`: ",
            ": there is no flag `slow`",
        ),
        (with("kind", Val::Enum("salt".into())), "`orders[1].kind`: ", ": there is no case `salt`"),
        (with("pay", Val::Variant("never".into(), None)), "`orders[1].pay`: ", ": there is no case `never`"),
        (with("pay", Val::Variant("now".into(), None)), "`orders[1].pay`: ", ": `now` has a value"),
        (
            with("pay", Val::Variant("later".into(), Some(Box::new(long)))),
            "`orders[1].pay`: ",
            ": `later` has no value",
        ),
        (
            with("pay", Val::Variant("now".into(), Some(Box::new(Val::S64(1))))),
            "`orders[1].pay.now`: S64(1) is not a value of type `u64`",
            "",
        ),
        (with("pair", Val::Tuple(vec![Val::U8(1)])), "`orders[1].pair`: ", ": it has 1 elements, not 2"),
        (with("pair", Val::Tuple(vec![Val::U8(1), Val::U8(2)])), "`orders[1].pair.1`: U8(2) is not", "type `s8`"),
        (
            with("outcome", Val::Result(Err(Some(Box::new(Val::U8(1)))))),
            "`orders[1].outcome`: ",
            ": `err` has no value",
        ),
        (with("outcome", Val::Result(Ok(None))), "`orders[1].outcome`: ", ": `ok` has a value"),
    ];
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let instance = ComponentLinker::new().instantiate(&mut store, &orders(&engine)).unwrap();
        let list = instance.func(&mut store, "list").unwrap();
        let right = || Val::Record(order());
        for (wrong, start, end) in &cases {
            let error = list.call(&mut store, &[Val::List(vec![right(), Val::Record(wrong.clone())])]).unwrap_err();
            let message = error.to_string();
            assert!(message.starts_with(start) && message.ends_with(end), "{message}");
            assert!(message.chars().count() < 400, "{message}");
            assert!(matches!(error.downcast_ref(), Some(ComponentTypeError::Value { .. })), "{error:?}");
            // The guest has allocated for some of it, which is all that is lost.
            assert_eq!(list.call(&mut store, &[Val::List(vec![right(), right()])]).unwrap(), Some(Val::U32(2)));
        }
        let name = instance.func(&mut store, "name").unwrap();
        let error = name.call(&mut store, &[Val::String("a".into()), Val::U32(256)]).unwrap_err();
        assert_eq!(error.to_string(), "`more`: U32(256) is not a value of type `u8`");
        let error = name.call(&mut store, &[Val::String("a".into())]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "1 arguments are given to a function that is `func(text: string, more: u8) -> u32`"
        );
        assert_eq!(name.call(&mut store, &[Val::String("a".into()), Val::U8(1)]).unwrap(), Some(Val::U32(2)));
    }
}

/// A component that defines a resource, lends it to itself, takes it, and calls the host.
const COUNTERS: &str = r#"(component
    (import "call" (func $call (param "value" u32) (result u32)))
    (core func $call' (canon lower (func $call)))
    (type $counter' (resource (rep i32)))
    (export $counter "counter" (type $counter'))
    (core func $new (canon resource.new $counter'))
    (core func $drop (canon resource.drop $counter'))
    (core module $M
        (import "host" "new" (func $new (param i32) (result i32)))
        (import "host" "drop" (func $drop (param i32)))
        (import "host" "call" (func $call (param i32) (result i32)))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "both") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "take") (param i32 i32) (result i32) (call $drop (local.get 0)) (local.get 1))
        (func (export "out") (param i32) (result i32) (call $call (local.get 0))))
    (core instance $m (instantiate $M (with "host" (instance
        (export "new" (func $new)) (export "drop" (func $drop)) (export "call" (func $call'))))))
    (func (export "make") (param "value" u32) (result (own $counter)) (canon lift (core func $m "make")))
    (func (export "both") (param "a" (borrow $counter)) (param "b" (borrow $counter)) (result u32)
        (canon lift (core func $m "both")))
    (func (export "take") (param "a" (own $counter)) (param "b" (borrow $counter)) (result u32)
        (canon lift (core func $m "take")))
    (func (export "out") (param "value" u32) (result u32) (canon lift (core func $m "out"))))"#;

/// Names the counters of the component.
enum Counter {}

/// What the host function does when it is called.
#[derive(Default)]
struct Host {
    instance: Option<ComponentInstance>,
    held: Option<GuestResource>,
    refused: u32,
}

fn counters(engine: &Engine) -> (Store<Host>, ComponentInstance) {
    let mut linker = ComponentLinker::<Host>::new();
    let enter = |caller: &mut Caller<'_, Host>, (value,): (u32,)| {
        if let Some(instance) = caller.data().instance.clone() {
            let make = instance.typed_func::<(u32,), GuestOwn<Counter>>(caller, "make")?;
            let error = make.call(caller, (1,)).unwrap_err();
            assert_eq!(abi_trap(&error), Some(&AbiTrap::CannotEnter));
            caller.data_mut().refused += 1;
        }
        if let Some(held) = caller.data().held.clone() {
            assert_eq!(abi_trap(&held.drop(caller).unwrap_err()), Some(&AbiTrap::CannotEnter));
            caller.data_mut().refused += 1;
        }
        Ok(value + 1)
    };
    linker.root().func_wrap("call", enter).unwrap();
    let mut store = Store::new(engine, Host::default());
    let instance = linker.instantiate(&mut store, &component(engine, COUNTERS)).unwrap();
    (store, instance)
}

#[test]
fn a_resource_that_is_gone_closes_nothing() {
    for engine in engines() {
        let (mut store, instance) = counters(&engine);
        let store = &mut store;
        let make = instance.typed_func::<(u32,), GuestOwn<Counter>>(store, "make").unwrap();
        let both = instance.typed_func::<(&GuestOwn<Counter>, &GuestOwn<Counter>), u32>(store, "both").unwrap();
        let take = instance.typed_func::<(GuestOwn<Counter>, &GuestOwn<Counter>), u32>(store, "take").unwrap();
        let (first, second) = (make.call(store, (10,)).unwrap(), make.call(store, (20,)).unwrap());
        let gone = make.call(store, (30,)).unwrap();
        gone.clone().drop(store).unwrap();
        let is_unknown = |error| matches!(abi_trap(&error), Some(AbiTrap::UnknownHandle(_)));
        for _ in 0..3 {
            assert!(is_unknown(both.call(store, (&first, &gone)).unwrap_err()));
            assert!(is_unknown(take.call(store, (gone.clone(), &first)).unwrap_err()));
            assert_eq!(both.call(store, (&first, &second)).unwrap(), 30);
        }
        // What was lent to the calls that did not begin is not lent any more.
        assert_eq!(take.call(store, (first.clone(), &second)).unwrap(), 20);
        // One resource is with the guest already when the other one is found to be gone.
        assert!(is_unknown(take.call(store, (second, &gone)).unwrap_err()));
        assert!(instance.is_closed(store).unwrap());
    }
}

#[test]
fn a_host_function_cannot_enter_who_called_it_and_loses_nothing() {
    for engine in engines() {
        let (mut store, instance) = counters(&engine);
        let store = &mut store;
        let make = instance.typed_func::<(u32,), GuestOwn<Counter>>(store, "make").unwrap();
        let out = instance.typed_func::<(u32,), u32>(store, "out").unwrap();
        let counter = make.call(store, (7,)).unwrap();
        store.data_mut().instance = Some(instance.clone());
        store.data_mut().held = Some(counter.resource().clone());
        assert_eq!(out.call(store, (1,)).unwrap(), 2);
        assert_eq!(store.data().refused, 2);
        let both = instance.typed_func::<(&GuestOwn<Counter>, &GuestOwn<Counter>), u32>(store, "both").unwrap();
        assert_eq!(both.call(store, (&counter, &counter)).unwrap(), 14);
        counter.drop(store).unwrap();
    }
}

#[test]
fn rust_types_that_do_not_fit_come_with_what_may_be_meant() {
    let engine = engines().next().unwrap();
    let (mut store, instance) = counters(&engine);
    let store = &mut store;
    macro_rules! refused {
        ($params:ty, $result:ty, $name:literal, $end:literal) => {
            let error = instance.typed_func::<$params, $result>(store, $name).err().unwrap().to_string();
            assert!(error.ends_with($end), "{error}");
        };
    }
    refused!(u32, u32, "out", "hint: parameters are a tuple, `(u32,)` where there is one");
    refused!((u32,), (u32,), "out", "hint: a result stands alone: `u32`, not `(u32,)`");
    refused!(
        (u32,),
        Own<Counter>,
        "make",
        "hint: a resource that the component defines is a `GuestOwn<R>`, and lent a reference to one"
    );
    refused!((u32,), i32, "out", "wit: func(value: u32) -> u32");
    refused!((Own<Counter>,), i32, "out", "wit: func(value: u32) -> u32");

    let component = component(&engine, COUNTERS);
    let mut linker = ComponentLinker::<Host>::new();
    linker.root().func_wrap("call", |_, (value,): (u32,)| Ok((value,))).unwrap();
    let error = linker.instantiate(store, &component).unwrap_err().to_string();
    assert!(error.ends_with("hint: a result stands alone: `u32`, not `(u32,)`"), "{error}");
}

#[test]
fn results_of_host_functions_that_do_not_fit_are_named() {
    let engine = engines().next().unwrap();
    let component = component(&engine, COUNTERS);
    let resource = Val::Resource(Resource::Host { ty: ResourceType::host::<Counter>(), rep: 1 });
    let cases = [
        (None, "a host function returned nothing, and is `func(value: u32) -> u32`"),
        (Some(Val::U8(1)), "`result`: U8(1) is not a value of type `u32`"),
        (Some(resource), " is not a value of type `u32`"),
    ];
    for (result, message) in cases {
        let mut linker = ComponentLinker::<()>::new();
        linker.root().func_new("call", move |_, _| Ok(result.clone())).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let out = instance.typed_func::<(u32,), u32>(&mut store, "out").unwrap();
        let error = format!("{:#}", out.call(&mut store, (1,)).unwrap_err());
        assert!(error.contains(message), "{error}");
        assert!(instance.is_closed(&mut store).unwrap());
    }
}
