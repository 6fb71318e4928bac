//! Safe code cannot break what compiled code relies on, whatever it does with stores, handles and host functions.

mod forged;

use crate::common::*;
use wasmer_runtime::*;

#[test]
fn a_host_function_can_be_the_start_function() {
    let wat = r#"(module (import "host" "begin" (func $begin)) (start $begin))"#;
    for (_, engine) in engines() {
        let mut linker = Linker::new();
        // One that gets its values in slices, of which it has none.
        linker
            .func_new("host", "begin", FuncType::new([], []), |mut caller, params, results| {
                assert!(params.is_empty() && results.is_empty());
                *caller.data_mut() += 1;
                Ok(())
            })
            .unwrap();
        let mut store = Store::new(&engine, 0);
        linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        assert_eq!(*store.data(), 1);
    }
}

#[test]
fn access_to_stores_can_be_exchanged_but_not_stores() {
    let wat =
        r#"(module (import "host" "who" (func $who (result i32))) (func (export "run") (result i32) (call $who)))"#;
    for (_, engine) in engines() {
        let mut linker = Linker::new();
        linker.func_wrap("host", "who", |caller: Caller<'_, i32>| *caller.data()).unwrap();
        let module = module(&engine, wat);
        let [mut first, mut second] = [1, 2].map(|who| Store::new(&engine, who));
        let [in_first, in_second] = [&mut first, &mut second].map(|store| linker.instantiate(store, &module).unwrap());
        let (mut a, mut b) = (first.as_store_mut(), second.as_store_mut());
        std::mem::swap(&mut a, &mut b);
        assert_eq!(func::<_, (), i32>(&mut first, in_first, "run").call(&mut first, ()).unwrap(), 1);
        // Whole stores may be exchanged: what compiled code points to stays where it is.
        std::mem::swap(&mut first, &mut second);
        assert_eq!(func::<_, (), i32>(&mut first, in_second, "run").call(&mut first, ()).unwrap(), 2);
        assert_eq!(func::<_, (), i32>(&mut second, in_first, "run").call(&mut second, ()).unwrap(), 1);
    }
}

#[test]
fn handles_of_another_store_are_refused_everywhere() {
    let wat = r#"(module (memory (export "memory") 1) (table (export "table") 1 funcref)
        (global (export "global") (mut funcref) (ref.null func)) (func (export "take") (param funcref)))"#;
    for (_, engine) in engines() {
        let module = module(&engine, wat);
        let [mut own, mut other] = [(), ()].map(|()| Store::new(&engine, ()));
        let [here, there] = [&mut own, &mut other].map(|store| Linker::new().instantiate(store, &module).unwrap());
        let foreign = there.func(&mut other, "take").unwrap();
        let value = || Val::FuncRef(Some(foreign));
        let refused = |result: Result<()>| assert!(matches!(result, Err(Error::Type(_))), "{result:?}");
        let take = here.func(&mut own, "take").unwrap();
        refused(take.call(&mut own, &[value()], &mut []));
        refused(foreign.call(&mut own, &[Val::FuncRef(None)], &mut []));
        refused(take.typed::<Option<Func>, ()>(&own).unwrap().call(&mut own, Some(foreign)));
        let table = export(&mut own, here, "table").table().unwrap();
        refused(table.set(&mut own, 0, value()));
        refused(table.grow(&mut own, 1, value()).map(drop));
        let global = export(&mut own, here, "global").global().unwrap();
        refused(global.set(&mut own, value()));
        let memory = there.memory(&mut other, "memory").unwrap();
        refused(memory.data(&own).map(drop));
        refused(memory.grow(&mut own, 1).map(drop));
        // As an import, and as the result of a host function.
        let mut linker = Linker::new();
        linker.define("m", "take", foreign).unwrap();
        let importing = r#"(module (import "m" "take" (func (param funcref))))"#;
        refused(linker.instantiate(&mut own, &crate::common::module(&engine, importing)).map(drop));
        let give = Func::wrap(&mut own, move || Some(foreign)).unwrap();
        refused(give.call(&mut own, &[], &mut [Val::FuncRef(None)]));
    }
}

#[test]
fn a_host_function_may_change_everything_under_its_caller() {
    // It grows the memory and the table, replaces the table's element and instantiates more, all while the guest waits for it.
    let wat = r#"(module (import "host" "change" (func $change))
        (memory (export "memory") 1) (table (export "table") 1 funcref) (elem (i32.const 0) $one)
        (type $number (func (result i32)))
        (func $one (type $number) i32.const 1) (func (export "two") (type $number) i32.const 2)
        (func (export "run") (result i32 i32 i32)
            (i32.store8 (i32.const 65535) (i32.const 7))
            call $change
            (i32.add (i32.load8_u (i32.const 65535)) (i32.load8_u (i32.const 65536)))
            (call_indirect (type $number) (i32.const 0))
            (call_indirect (type $number) (i32.const 5000))))"#;
    for (_, engine) in engines() {
        let module = module(&engine, wat);
        let mut linker = Linker::new();
        let again = (module.clone(), linker.clone());
        linker
            .func_wrap("host", "change", move |mut caller: Caller<'_, u32>| -> Result<()> {
                let memory = caller.memory().expect("it exports one");
                memory.grow(&mut caller, 3)?;
                memory.write(&mut caller, 65_536, &[5])?;
                let two = caller.export("two").and_then(Extern::func).map(|two| Val::FuncRef(Some(two)));
                let two = two.expect("it exports one");
                let table = caller.export("table").and_then(Extern::table).expect("it exports one");
                table.grow(&mut caller, 10_000, two.clone())?;
                table.set(&mut caller, 0, two)?;
                let (module, mut linker) = (again.0.clone(), again.1.clone());
                linker.func_wrap("host", "change", || ())?;
                for _ in 0..20 {
                    linker.instantiate(&mut caller, &module)?;
                    *caller.data_mut() += 1;
                }
                Ok(())
            })
            .unwrap();
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = func::<_, (), (i32, i32, i32)>(&mut store, instance, "run");
        assert_eq!(run.call(&mut store, ()).unwrap(), (12, 2, 2));
        assert_eq!(*store.data(), 20);
    }
}

/// What a method with a handle of another store must do: say so, and not panic.
fn refuses<R: std::fmt::Debug>(what: &str, result: Result<R>) {
    match result {
        Err(Error::Type(error)) => assert!(matches!(*error, TypeError::Store { .. }), "{what}: {error}"),
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn every_method_refuses_handles_of_another_store() {
    let wat = r#"(module (memory (export "memory") 1 1 shared) (table (export "table") 1 funcref)
        (global (export "global") (mut i32) (i32.const 0)) (func (export "func")))"#;
    for (_, engine) in engines() {
        let module = module(&engine, wat);
        let [mut own, mut other] = [(), ()].map(|()| Store::new(&engine, ()));
        let instance = Linker::new().instantiate(&mut other, &module).unwrap();
        let linker = Linker::new();
        // As many as there are instances in the other store, so that its positions are valid here.
        linker.instantiate(&mut own, &module).unwrap();

        refuses("Instance::module", instance.module(&own).map(drop));
        refuses("Instance::exports", instance.exports(&mut own));
        refuses("Instance::typed_func", instance.typed_func::<(), ()>(&mut own, "func").map(drop));
        refuses("Instance::typed_func", instance.typed_func::<(), ()>(&mut own, "nothing").map(drop));
        refuses("Linker::instance", Linker::new().instance(&mut own, "m", instance).map(drop));
        assert!(instance.export(&mut own, "func").is_none());
        assert!(instance.func(&mut own, "func").is_none());
        assert!(instance.memory(&mut own, "memory").is_none());

        let func = instance.func(&mut other, "func").unwrap();
        let typed = func.typed::<(), ()>(&other).unwrap();
        refuses("Func::ty", func.ty(&own));
        refuses("Func::call", func.call(&mut own, &[], &mut []));
        refuses("Func::call", func.call(&mut own, &[Val::I32(0)], &mut []));
        refuses("Func::typed", func.typed::<(), ()>(&own).map(drop));
        refuses("Func::typed", func.typed::<i32, i32>(&own).map(drop));
        refuses("TypedFunc::call", typed.call(&mut own, ()));

        let memory = instance.memory(&mut other, "memory").unwrap();
        refuses("Memory::ty", memory.ty(&own));
        refuses("Memory::len_bytes", memory.len_bytes(&own));
        refuses("Memory::grow", memory.grow(&mut own, 0));
        refuses("Memory::data", memory.data(&own).map(drop));
        refuses("Memory::data_mut", memory.data_mut(&mut own).map(drop));
        refuses("Memory::read", memory.read(&own, 0, &mut [0]));
        refuses("Memory::write", memory.write(&mut own, 0, &[0]));
        refuses("Memory::raw_parts", memory.raw_parts(&own));
        refuses("Memory::to_shared", memory.to_shared(&own).map(drop));

        let table = export(&mut other, instance, "table").table().unwrap();
        refuses("Table::ty", table.ty(&own));
        refuses("Table::len", table.len(&own));
        refuses("Table::get", table.get(&mut own, 0));
        refuses("Table::set", table.set(&mut own, 0, Val::FuncRef(None)));
        refuses("Table::grow", table.grow(&mut own, 0, Val::FuncRef(None)));

        let global = export(&mut other, instance, "global").global().unwrap();
        refuses("Global::ty", global.ty(&own));
        refuses("Global::get", global.get(&own));
        refuses("Global::set", global.set(&mut own, Val::I32(0)));

        for (entity, ty) in [
            (Extern::from(func), "(func)"),
            (memory.into(), "(memory 1 1 shared)"),
            (table.into(), "(table 1 funcref)"),
            (global.into(), "(global (mut i32))"),
        ] {
            let importing = crate::common::module(&engine, &format!(r#"(module (import "m" "e" {ty}))"#));
            refuses("Instance::new", Instance::new(&mut own, &importing, &[entity]));
            let mut linker = Linker::new();
            linker.define("m", "e", entity).unwrap();
            refuses("Linker::instantiate", linker.instantiate(&mut own, &importing));
        }
    }
}

#[test]
fn what_the_types_of_entities_cannot_mean_is_refused() {
    let mut store = Store::new(&engine(), ());
    for page_size_log2 in [1, 15, 17, 63, 64, 65, 128, u8::MAX] {
        let limits = Limits { min: 1, max: Some(2) };
        let ty = MemoryType { limits, index: Width::W32, shared: false, page_size_log2 };
        assert!(matches!(Memory::new(&mut store, ty), Err(Error::Type(_))), "{page_size_log2}");
    }
    for (min, max) in [(u64::MAX, None), (1 << 48, None), (2, Some(1)), (u64::MAX, Some(u64::MAX))] {
        for index in [Width::W32, Width::W64] {
            let limits = Limits { min, max };
            let memory = MemoryType { limits, index, shared: false, page_size_log2: 16 };
            assert!(matches!(Memory::new(&mut store, memory), Err(Error::Resource(_))), "{memory:?}");
            let table = TableType { element: RefType::FUNCREF, limits, index };
            let refused = Table::new(&mut store, table, Val::FuncRef(None)).unwrap_err();
            let expected = if min == 2 { matches!(refused, Error::Resource(_)) } else { refused.as_limit().is_some() };
            assert!(expected, "{table:?}: {refused:?}");
        }
    }
}
