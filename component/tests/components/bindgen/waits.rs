//! Functions that are async in Rust: some of a world, and all of one with resources.

use std::future::Future;
use std::time::Duration;

use wasmer_component::{Component, ComponentLinker};
use wasmer_runtime::{Engine, Error, Result, Store};

use crate::bindgen::{guest, on_each_backend};

wasmer_component::bindgen!({
    path: "tests/components/bindgen/waits.wit",
    imports: {
        "test:waits/prices": async,
        "test:waits/prices@1.2.3#known": sync,
        "test:waits/journal.write": async | trappable,
        "tick": async,
    },
    exports: { default: async, "test:waits/shop#known": sync, "test:waits/shop.lines": trappable, "count": sync },
});

use test::waits::{journal, prices};

#[derive(Default)]
struct Host {
    lines: Vec<String>,
    ticks: u64,
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

impl prices::Host for Host {
    async fn ask(&mut self, item: String) -> Result<std::result::Result<u32, String>> {
        pause().await;
        match item.as_str() {
            "bomb" => Err(Error::host("not for sale")),
            "" => Ok(Err("nothing".to_owned())),
            _ => Ok(Ok(item.len() as u32)),
        }
    }

    fn known(&mut self, item: String) -> Result<bool> {
        Ok(item == "tea")
    }
}

impl journal::Host for Host {
    /// What returns a future need not be an `async fn`.
    fn write(&mut self, line: String) -> impl Future<Output = Result<()>> + Send {
        self.ticks += 1;
        async {
            pause().await;
            self.lines.push(line);
            Ok(())
        }
    }

    fn lines(&mut self) -> Result<Vec<String>> {
        Ok(self.lines.clone())
    }
}

impl WaitsImports for Host {
    async fn tick(&mut self) -> Result<u64> {
        pause().await;
        self.ticks += 1;
        Ok(self.ticks)
    }

    fn count(&mut self) -> Result<u32> {
        Ok(self.lines.len() as u32)
    }
}

fn linker() -> ComponentLinker<Host> {
    let mut linker = ComponentLinker::<Host>::new();
    Waits::add_to_linker(&mut linker, |host| host).unwrap();
    linker
}

fn on_each(run: impl Fn(&Engine, &Component)) {
    on_each_backend(&guest::forwarder(include_str!("waits.wit")), run);
}

#[test]
fn functions_that_wait_are_those_of_the_options() {
    on_each(|engine, component| {
        let mut store = Store::new(engine, Host::default());
        let world = block_on(Waits::instantiate_async(&mut store, component, &linker())).unwrap();
        let shop = &world.test_waits_shop;
        block_on(async {
            assert_eq!(shop.call_ask(&mut store, "tea").await.unwrap(), Ok(3));
            assert_eq!(shop.call_ask(&mut store, "").await.unwrap(), Err("nothing".to_owned()));
            let line = "first".to_owned();
            shop.call_write(&mut store, &line).await.unwrap();
            assert_eq!(world.call_tick(&mut store).await.unwrap(), 2);
        });
        assert!(shop.call_known(&mut store, "tea").unwrap() && !shop.call_known(&mut store, "coal").unwrap());
        assert_eq!(shop.call_lines(&mut store).unwrap(), ["first"]);
        assert_eq!(world.call_count(&mut store).unwrap(), 1);
        let error = block_on(shop.call_ask(&mut store, "bomb")).unwrap_err();
        assert!(format!("{error:#}").contains("not for sale"), "{error:#}");
    });
}

/// Calls that borrow their parameters go from thread to thread.
#[test]
fn calls_can_be_sent() {
    on_each(|engine, component| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        let pre = linker().instantiate_pre(component).unwrap();
        let request = |item: String| {
            let (engine, pre) = (engine.clone(), pre.clone());
            async move {
                let mut store = Store::new(&engine, Host::default());
                let instance = pre.instantiate_async(&mut store).await?;
                let world = Waits::new(&mut store, &instance)?;
                let price = world.test_waits_shop.call_ask(&mut store, &item).await?;
                Ok::<_, Error>((price, world.call_tick(&mut store).await?))
            }
        };
        runtime.block_on(async {
            let tasks: Vec<_> = (1..20).map(|length| (length, tokio::spawn(request("x".repeat(length))))).collect();
            for (length, task) in tasks {
                assert_eq!(task.await.unwrap().unwrap(), (Ok(length as u32), 1));
            }
        });
    });
}

/// A call that cannot wait and reaches a function that does fails, and says which call could.
#[test]
fn what_waits_is_not_reached_by_a_call_that_cannot() {
    wasmer_component::bindgen!({ path: "tests/components/bindgen/waits.wit", imports: { default: async } });

    #[derive(Default)]
    struct Host;

    impl test::waits::prices::Host for Host {
        async fn ask(&mut self, _: String) -> Result<std::result::Result<u32, String>> {
            Ok(Ok(0))
        }

        async fn known(&mut self, _: String) -> Result<bool> {
            Ok(true)
        }
    }

    impl test::waits::journal::Host for Host {
        async fn write(&mut self, _: String) -> Result<()> {
            Ok(())
        }

        async fn lines(&mut self) -> Result<Vec<String>> {
            Ok(Vec::new())
        }
    }

    impl WaitsImports for Host {
        async fn tick(&mut self) -> Result<u64> {
            Ok(0)
        }

        async fn count(&mut self) -> Result<u32> {
            Ok(0)
        }
    }

    on_each(|engine, component| {
        let mut linker = ComponentLinker::<Host>::new();
        Waits::add_to_linker(&mut linker, |host| host).unwrap();
        let mut store = Store::new(engine, Host);
        let world = Waits::instantiate(&mut store, component, &linker).unwrap();
        let error = world.call_count(&mut store).unwrap_err();
        assert!(format!("{error:#}").contains("call_async"), "{error:#}");
    });
}

/// The world of `resources.rs`, all of whose functions wait.
mod resources {
    use wasmer_component::{Borrow, ComponentLinker, GuestOwn, Own};
    use wasmer_runtime::{Result, Store};

    use super::{block_on, pause};
    use crate::bindgen::resources::{BODY, IMPORTS};
    use crate::bindgen::{guest, on_each_backend};

    wasmer_component::bindgen!({ path: "tests/components/bindgen/resources.wit", async: true });

    use exports::test::resources::counters::{Counter, Pair};
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
    }

    impl things::HostThing for Host {
        async fn new(&mut self, name: String) -> Result<Own<Thing>> {
            pause().await;
            Ok(self.add(name))
        }

        async fn name(&mut self, self_: Borrow<Thing>) -> Result<String> {
            pause().await;
            Ok(self.things[self_.rep as usize].clone().unwrap())
        }

        async fn join(&mut self, a: Own<Thing>, b: Borrow<Thing>) -> Result<std::result::Result<Own<Thing>, Failure>> {
            let name = self.things[a.rep as usize].take().unwrap();
            pause().await;
            let other = self.things[b.rep as usize].as_ref().unwrap();
            let joined = format!("{name}{other}");
            Ok(Ok(self.add(joined)))
        }

        async fn drop_(&mut self, _: Borrow<Thing>) -> Result<()> {
            Ok(())
        }

        async fn new_(&mut self) -> Result<Own<Thing>> {
            Ok(self.add("new".to_owned()))
        }

        fn drop(&mut self, resource: Own<Thing>) -> Result<()> {
            self.things[resource.rep as usize] = None;
            Ok(())
        }
    }

    impl things::Host for Host {
        async fn find(&mut self, name: String) -> Result<Option<Own<Thing>>> {
            let position = self.things.iter().position(|thing| thing.as_ref() == Some(&name));
            Ok(position.map(|rep| Own::new(rep as u32)))
        }
    }

    #[test]
    fn functions_of_resources_wait() {
        let bytes = guest::component(include_str!("resources.wit"), IMPORTS, BODY);
        on_each_backend(&bytes, |engine, component| {
            let mut linker = ComponentLinker::<Host>::new();
            Resources::add_to_linker(&mut linker, |host| host).unwrap();
            let mut store = Store::new(engine, Host::default());
            let store = &mut store;
            block_on(async {
                let world = Resources::instantiate_async(store, component, &linker).await.unwrap();
                let guest = &world.test_resources_counters;
                let counter: GuestOwn<Counter> = guest.counter.call_new(store, 4).await.unwrap();
                assert_eq!(guest.counter.call_next(store, &counter).await.unwrap(), 5);
                let Pair { first, second } = guest.call_make_pair(store, 10, 20).await.unwrap();
                assert_eq!(guest.counter.call_sum(store, &counter, first).await.unwrap(), 15);
                second.drop_async(store).await.unwrap();
                counter.drop(store).unwrap();
                assert_eq!(guest.call_dropped(store).await.unwrap(), 35);
                let thing = store.data_mut().add("thing".to_owned());
                assert_eq!(guest.call_name_of(store, Borrow::new(thing.rep)).await.unwrap(), "thing");
                let kept = guest.call_keep(store, thing).await.unwrap();
                assert_eq!(store.data().things, [None, None, Some("thing!".to_owned())]);
                assert_eq!(guest.call_name_of(store, Borrow::new(kept.rep)).await.unwrap(), "thing!");
            });
        });
    }
}

/// The same world, of which nothing waits but the end of the host's resources.
mod drops {
    use wasmer_component::{Borrow, ComponentLinker, Own};
    use wasmer_runtime::{Error, Result, Store};

    use super::{block_on, pause};
    use crate::bindgen::resources::{BODY, IMPORTS};
    use crate::bindgen::{guest, on_each_backend};

    wasmer_component::bindgen!({
        path: "tests/components/bindgen/resources.wit",
        imports: { "test:resources/things#[drop]thing": async },
        exports: { "test:resources/counters#keep": async },
    });

    use test::resources::things::{self, Failure, Thing};

    /// How many things there were, and those that have ended.
    #[derive(Default)]
    struct Host {
        count: u32,
        dropped: Vec<u32>,
    }

    impl Host {
        fn add(&mut self) -> Own<Thing> {
            self.count += 1;
            Own::new(self.count - 1)
        }
    }

    impl things::HostThing for Host {
        fn new(&mut self, _: String) -> Result<Own<Thing>> {
            Ok(self.add())
        }

        fn name(&mut self, self_: Borrow<Thing>) -> Result<String> {
            Ok(self_.rep.to_string())
        }

        fn join(&mut self, _: Own<Thing>, _: Borrow<Thing>) -> Result<std::result::Result<Own<Thing>, Failure>> {
            Ok(Ok(self.add()))
        }

        fn drop_(&mut self, _: Borrow<Thing>) -> Result<()> {
            Ok(())
        }

        fn new_(&mut self) -> Result<Own<Thing>> {
            Ok(self.add())
        }

        async fn drop(&mut self, resource: Own<Thing>) -> Result<()> {
            pause().await;
            if resource.rep == 4 {
                return Err(Error::host("it cannot end"));
            }
            self.dropped.push(resource.rep);
            Ok(())
        }
    }

    impl things::Host for Host {
        fn find(&mut self, _: String) -> Result<Option<Own<Thing>>> {
            Ok(None)
        }
    }

    #[test]
    fn the_end_of_a_resource_waits() {
        let bytes = guest::component(include_str!("resources.wit"), IMPORTS, BODY);
        on_each_backend(&bytes, |engine, component| {
            let mut linker = ComponentLinker::<Host>::new();
            Resources::add_to_linker(&mut linker, |host| host).unwrap();
            let mut store = Store::new(engine, Host::default());
            let store = &mut store;
            let world = Resources::instantiate(store, component, &linker).unwrap();
            let guest = &world.test_resources_counters;
            // The guest makes 1, joins both to 2, and drops 1.
            let thing = store.data_mut().add();
            let kept = block_on(guest.call_keep(store, thing)).unwrap();
            assert_eq!((kept.rep, &*store.data().dropped), (2, &[1][..]));
            // What fails ends the guest, as of any function.
            let thing = store.data_mut().add();
            let error = block_on(guest.call_keep(store, thing)).unwrap_err();
            assert!(format!("{error:#}").contains("it cannot end"), "{error:#}");
            assert_eq!(store.data().dropped, [1]);

            // A call that cannot wait says which could; here it gives a lent handle back.
            let mut store = Store::new(engine, Host::default());
            let world = Resources::instantiate(&mut store, component, &linker).unwrap();
            let thing = store.data_mut().add();
            let error = world.test_resources_counters.call_name_of(&mut store, Borrow::new(thing.rep)).unwrap_err();
            assert!(format!("{error:#}").contains("call_async"), "{error:#}");
        });
    }
}
