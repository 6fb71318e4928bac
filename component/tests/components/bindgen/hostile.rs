//! Names that Rust does not have, or has for something else.

use wasmer_component::ComponentLinker;
use wasmer_runtime::Store;

use super::{guest, on_each_backend};

const WIT: &str = include_str!("hostile.wit");

wasmer_component::bindgen!({
    path: "tests/components/bindgen/hostile.wit",
    imports: { "self:super/host#await": async },
    exports: { "self:super/host@1.2.3.await": async },
});

mod imports {
    pub(super) use super::self_::super_::host::*;
}

mod exports_ {
    pub(super) use super::exports::self_::super_::host::*;
}

struct State;

impl imports::Host for State {
    fn impl_(
        &mut self,
        part: imports::Host_,
        rep: imports::Vec,
        definer: imports::Type,
        store: imports::U,
        self_: imports::Option,
    ) -> wasmer_runtime::Result<Result<imports::Vec, imports::Result>> {
        assert_eq!(part, imports::Host_::Guest(imports::Guest_::Option));
        assert_eq!((rep, store), (imports::Vec::None, 7));
        Ok(match self_.contains(imports::Option::SIZE | imports::Option::BITS) {
            true => Ok(imports::Vec::Some(definer)),
            false => Err(imports::Result::Self_),
        })
    }

    fn new(&mut self, string: String, instance: Vec<imports::FooBar>) -> wasmer_runtime::Result<Vec<imports::Bar>> {
        assert_eq!(string, "new");
        Ok(instance.iter().map(|_| imports::Bar { y: imports::Option::MASK }).collect())
    }

    fn drop(&mut self, type_a: u16, in_: u16) -> wasmer_runtime::Result<Option<u16>> {
        Ok(type_a.checked_sub(in_))
    }

    fn match_(&mut self) -> wasmer_runtime::Result<imports::Cx> {
        Ok(imports::Cx { vec: imports::Vec::U(1), at: vec![2, 3], ty: None })
    }

    async fn await_(&mut self, async_: imports::Fn) -> wasmer_runtime::Result<imports::Send> {
        tokio::task::yield_now().await;
        Ok(async_.copy)
    }
}

impl mod_::Host for State {
    fn loop_(&mut self, fn_: mod_::Move) -> wasmer_runtime::Result<mod_::Move> {
        Ok(mod_::Move { dyn_: fn_.dyn_ + 1 })
    }
}

impl OkImports for State {
    fn some(&mut self, result: Vec<String>) -> wasmer_runtime::Result<Option<String>> {
        Ok(result.into_iter().next())
    }

    fn call_some(&mut self) -> wasmer_runtime::Result<()> {
        Ok(())
    }
}

#[test]
fn names_that_rust_has_otherwise_work() {
    on_each_backend(&guest::forwarder(WIT), |engine, component| {
        let mut linker = ComponentLinker::<State>::new();
        self::Ok::add_to_linker(&mut linker, |state| state).unwrap();
        let mut store = Store::new(engine, State);
        let world = self::Ok::instantiate(&mut store, component, &linker).unwrap();
        let host = &world.self_super_host;
        let ty = exports_::Type { type_: 1, self_: true, foo_bar: 2, crate_: "4".to_owned() };
        let part = exports_::Host_::Guest(exports_::Guest_::Option);
        let none = exports_::Vec::None;
        let set = exports_::Option::SIZE | exports_::Option::BITS;
        let some = host.call_impl(&mut store, &part, &none, &ty, 7, set).unwrap();
        assert_eq!(some, Ok(exports_::Vec::Some(ty.clone())));
        let failed = host.call_impl(&mut store, &part, &none, &ty, 7, exports_::Option::SIZE).unwrap();
        assert_eq!(failed, Err(exports_::Result::Self_));
        let bars = host.call_new(&mut store, "new", &[exports_::FooBar { x: 1 }]).unwrap();
        assert_eq!(bars, [exports_::Bar { y: exports_::Option::MASK }]);
        assert_eq!(host.call_drop(&mut store, 3, 1).unwrap(), Some(2));
        assert_eq!(host.call_match(&mut store).unwrap().at, [2, 3]);
        let pair = exports_::Fn { copy: exports_::Send::Sync, async_: exports_::Send::Copy };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let copy = runtime.block_on(host.call_await(&mut store, pair)).unwrap();
        assert_eq!(copy, exports_::Send::Sync);
        let strings = ["first".to_owned()];
        assert_eq!(world.call_some(&mut store, &strings).unwrap(), Some("first".to_owned()));
        world.call_call_some(&mut store).unwrap();
        assert_eq!(world.mod_.call_loop(&mut store, exports::mod_::Move { dyn_: 1 }).unwrap().dyn_, 2);
    });
}
