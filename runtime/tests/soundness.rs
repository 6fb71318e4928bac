//! Safe code cannot break what compiled code relies on, whatever it does with stores, handles and host functions.

mod common;

use common::*;
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
        refused(linker.instantiate(&mut own, &common::module(&engine, importing)).map(drop));
        let give = Func::wrap(&mut own, move || Some(foreign));
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
