//! References to the host's values live as long as a guest holds them, wherever it does, and not longer.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::common::*;
use wasmer_runtime::*;

/// A host value that is counted, with a number that guests know it by.
struct Counted(Arc<AtomicUsize>, i32);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Makes numbered values and knows how many there are.
#[derive(Clone, Default)]
struct Host {
    alive: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
}

impl Host {
    fn make(&self) -> (Option<ExternRef>, i32) {
        self.alive.fetch_add(1, Relaxed);
        let number = self.made.fetch_add(1, Relaxed) as i32 + 1;
        (Some(ExternRef::new(Counted(Arc::clone(&self.alive), number))), number)
    }

    fn alive(&self) -> usize {
        self.alive.load(Relaxed)
    }
}

fn number(reference: &Option<ExternRef>) -> i32 {
    reference.as_ref().map_or(0, |reference| reference.data().downcast_ref::<Counted>().unwrap().1)
}

#[test]
fn references_that_a_guest_drops_at_once_go_while_the_store_lives() {
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, r#"(module (func (export "take") (param externref)))"#);
        let host = Host::default();
        let take = instance.func(&mut store, "take").unwrap();
        let typed = func::<_, Option<ExternRef>, ()>(&mut store, instance, "take");
        for _ in 0..500_000 {
            take.call(&mut store, &[Val::ExternRef(host.make().0)], &mut []).unwrap();
            typed.call(&mut store, host.make().0).unwrap();
            assert!(host.alive() < 1000, "{backend}: {} of {} are kept", host.alive(), host.made.load(Relaxed));
        }
        store.gc();
        assert_eq!(host.alive(), 0, "{backend}");
    }
}

#[test]
fn references_that_the_host_gives_go_while_the_guest_runs() {
    let wat = r#"(module (import "host" "make" (func $make (result externref i32)))
        (table $t 10 externref)
        (func (export "run") (param $n i32)
            (loop $again
                (call $make) drop (call $set)
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
        (func $set (param externref) (table.set $t (i32.const 0) (local.get 0))))"#;
    for (backend, engine) in engines() {
        let host = Host::default();
        let mut linker = Linker::new();
        let maker = host.clone();
        linker.func_wrap("host", "make", move || maker.make()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        func::<_, i32, ()>(&mut store, instance, "run").call(&mut store, 100_000).unwrap();
        assert!(host.alive() < 1000, "{backend}: {} of 100000 are kept", host.alive());
        store.gc();
        assert_eq!(host.alive(), 1, "{backend}: the last is in the table");
    }
}

#[test]
fn references_that_only_the_host_moves_go_while_the_store_lives() {
    let wat = r#"(module (global (export "g") (mut externref) (ref.null extern)) (table (export "t") 1 externref))"#;
    let (mut store, instance) = instantiate(&engine(), wat);
    let host = Host::default();
    let global = export(&mut store, instance, "g").global().unwrap();
    let table = export(&mut store, instance, "t").table().unwrap();
    let own = {
        let ty = GlobalType { content: ValType::EXTERNREF, mutable: true };
        Global::new(&mut store, ty, Val::ExternRef(host.make().0)).unwrap()
    };
    for round in 0..10_000 {
        for global in [global, own] {
            global.set(&mut store, Val::ExternRef(host.make().0)).unwrap();
        }
        table.set(&mut store, 0, Val::ExternRef(host.make().0)).unwrap();
        if round % 1000 == 0 {
            table.grow(&mut store, 1, Val::ExternRef(host.make().0)).unwrap();
            let ty = TableType { element: RefType::EXTERNREF, limits: Limits { min: 3, max: None }, index: Width::W32 };
            Table::new(&mut store, ty, Val::ExternRef(host.make().0)).unwrap();
        }
        assert!(host.alive() < 1000, "{} are kept", host.alive());
    }
    store.gc();
    assert_eq!(host.alive(), 23, "in two globals, eleven elements and ten tables");
    let reference = table.get(&mut store, 10).unwrap().unwrap();
    assert!(matches!(reference, Val::ExternRef(reference) if number(&reference) > 27_000));
}

#[test]
fn many_references_in_one_call_are_all_found() {
    const COUNT: usize = 40;
    let list = |item: &dyn Fn(usize) -> String| (0..COUNT).map(item).collect::<Vec<_>>().join(" ");
    let types = list(&|_| "externref".to_owned());
    let wat = format!(
        r#"(module (import "host" "collect" (func $collect))
        (type $many (func (param {types}) (result {types})))
        (table funcref (elem $last))
        (func $last (type $many) (call $collect) {down})
        (func $middle (type $many) (call $collect) (return_call $last {up}))
        (func (export "run") (type $many)
            (call $collect) (call $middle {down}) (call $collect) (call_indirect (type $many) (i32.const 0)) (call $collect)))"#,
        up = list(&|index| format!("(local.get {index})")),
        down = list(&|index| format!("(local.get {})", COUNT - 1 - index)),
    );
    for (backend, engine) in engines() {
        let host = Host::default();
        let mut linker = Linker::<()>::new();
        linker.func_wrap("host", "collect", |mut caller: Caller<'_, ()>| caller.gc()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module(&engine, &wat)).unwrap();
        let run = instance.func(&mut store, "run").unwrap();
        for _ in 0..3 {
            // Nobody but the guest has them.
            let params: Vec<_> = (0..COUNT).map(|_| Val::ExternRef(host.make().0)).collect();
            let numbers = |values: &[Val]| -> Vec<i32> {
                let number = |value: &Val| matches!(value, Val::ExternRef(value) if number(value) > 0);
                assert!(values.iter().all(number));
                values
                    .iter()
                    .map(|value| if let Val::ExternRef(value) = value { self::number(value) } else { 0 })
                    .collect()
            };
            let mut expected = numbers(&params);
            let mut results = vec![Val::I32(0); COUNT];
            run.call(&mut store, &params, &mut results).unwrap();
            // It is turned around three times.
            expected.reverse();
            assert_eq!(numbers(&results), expected, "{backend}");
        }
        store.gc();
        assert_eq!(host.alive(), 0, "{backend}");
    }
}

#[test]
fn a_failed_call_holds_nothing() {
    let wat = r#"(module
        (import "host" "raw" (func $raw (param externref i32) (result externref)))
        (func (export "run") (param externref i32)
            (call $raw (local.get 0) (local.get 1)) (local.set 0)
            (if (i32.eqz (local.get 1)) (then unreachable))
            (loop (br 0))))"#;
    for (backend, engine) in engines() {
        let host = Host::default();
        let mut linker = Linker::<()>::new();
        let ty = FuncType::new([ValType::EXTERNREF, ValType::I32], [ValType::EXTERNREF]);
        // SAFETY: the second parameter is an `i32`; the result is the first parameter, or null.
        let defined = unsafe {
            linker.func_raw("host", "raw", ty, |mut caller, values| {
                let given = values[0].reference;
                values[0].reference = 0;
                caller.gc();
                match values[1].i32 {
                    1 => return Err(Error::host("refused")),
                    2 => panic!("as it should"),
                    _ => values[0].reference = given,
                }
                Ok(())
            })
        };
        defined.unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        let run = func::<_, (Option<ExternRef>, i32), ()>(&mut store, instance, "run");
        for how in 0..4 {
            let handle = store.interrupt_handle();
            let timer = (how == 3).then(|| {
                std::thread::spawn(move || {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    handle.interrupt();
                })
            });
            let call = std::panic::AssertUnwindSafe(|| run.call(&mut store, (host.make().0, how)));
            let result = std::panic::catch_unwind(call);
            assert_eq!(result.is_err(), how == 2, "{backend}: {result:?}");
            assert!(result.is_err() || result.unwrap().is_err(), "{backend}");
            timer.into_iter().for_each(|timer| timer.join().unwrap());
            store.clear_interrupt();
            store.gc();
            assert_eq!(host.alive(), 0, "{backend}, {how}");
        }
    }
}

/// Does something when it is dropped.
struct Last<F: FnMut()>(F);

impl<F: FnMut()> Drop for Last<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn what_a_value_does_when_it_is_dropped_harms_nobody() {
    let wat = r#"(module
        (import "host" "collect" (func $collect (param externref)))
        (global $kept (mut externref) (ref.null extern))
        (func (export "take") (param externref) (local.set 0 (ref.null extern)) (call $collect (global.get $kept)))
        (func (export "keep") (param externref) (global.set $kept (local.get 0))))"#;
    for (backend, engine) in engines() {
        let host = Host::default();
        let mut linker = Linker::<()>::new();
        let collect = |mut caller: Caller<'_, ()>, kept: Option<ExternRef>| {
            caller.gc();
            assert_eq!(number(&kept), 1);
        };
        linker.func_wrap("host", "collect", collect).unwrap();
        let code = module(&engine, wat);
        let instantiate = || {
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &code).unwrap();
            let [keep, take] =
                ["keep", "take"].map(|name| func::<_, Option<ExternRef>, ()>(&mut store, instance, name));
            (store, keep, take)
        };
        let (mut store, keep, take) = instantiate();
        keep.call(&mut store, host.make().0).unwrap();
        // It runs a guest of another store, on the same stack, which collects too.
        let other = std::sync::Mutex::new(instantiate());
        let ran = Arc::new(AtomicUsize::new(0));
        let (count, other_host) = (Arc::clone(&ran), Host::default());
        let run_other = move || {
            let (store, keep, take) = &mut *other.lock().unwrap();
            keep.call(store, other_host.make().0).unwrap();
            take.call(store, other_host.make().0).unwrap();
            count.fetch_add(1, Relaxed);
        };
        take.call(&mut store, Some(ExternRef::new(Last(run_other)))).unwrap();
        store.gc();
        assert_eq!(ran.load(Relaxed), 1, "{backend}");
        // Each panics; all others are dropped nevertheless, and the store goes on.
        let rest: Vec<_> = (0..3).map(|_| host.make().0).collect();
        let mut table = rest.into_iter().chain([Some(ExternRef::new(Last(|| panic!("as it should"))))]);
        let forget = func_of_many(&mut store, &engine);
        forget
            .call(
                &mut store,
                (table.next().unwrap(), table.next().unwrap(), table.next().unwrap(), table.next().unwrap()),
            )
            .unwrap();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.gc()));
        assert!(result.is_err(), "{backend}");
        assert_eq!(host.alive(), 1, "{backend}");
        // The same below a guest: the panic goes on behind the call.
        let call = || take.call(&mut store, Some(ExternRef::new(Last(|| panic!("as it should")))));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
        let later = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.gc()));
        assert!(result.is_err() != later.is_err(), "{backend}: a collection drops it once");
        take.call(&mut store, None).unwrap();
        assert_eq!(host.alive(), 1, "{backend}");
        drop(store);
        assert_eq!(host.alive(), 0, "{backend}");
    }
}

type Four = (Option<ExternRef>, Option<ExternRef>, Option<ExternRef>, Option<ExternRef>);

/// A function that takes four references and forgets them.
fn func_of_many(store: &mut Store<()>, engine: &Engine) -> TypedFunc<Four, ()> {
    let wat = r#"(module (func (export "forget") (param externref externref externref externref)))"#;
    let instance = Linker::new().instantiate(store, &module(engine, wat)).unwrap();
    func(store, instance, "forget")
}

#[test]
fn stores_move_between_threads_with_what_they_hold() {
    let engines = engines();
    std::thread::scope(|scope| {
        for seed in 0..2 {
            for (_, engine) in &engines {
                scope.spawn(move || run_programs([engine, engine], 100 + seed, true));
            }
        }
    });
    let wat = r#"(module (global $kept (mut externref) (ref.null extern))
        (func (export "swap") (param externref) (result externref)
            (global.get $kept) (global.set $kept (local.get 0))))"#;
    let (mut store, instance) = instantiate(&engine(), wat);
    store.gc_always();
    let host = Host::default();
    let swap = func::<_, Option<ExternRef>, Option<ExternRef>>(&mut store, instance, "swap");
    for expected in 0..10 {
        std::thread::scope(|scope| {
            let moved = || assert_eq!(number(&swap.call(&mut store, host.make().0).unwrap()), expected);
            scope.spawn(moved).join().unwrap();
        });
        store.gc();
        assert_eq!(host.alive(), 1);
    }
}

#[test]
fn a_large_table_does_not_make_references_slow() {
    let wat = r#"(module (table (export "t") 5000000 externref) (func (export "take") (param externref)))"#;
    let (mut store, instance) = instantiate(&engine(), wat);
    let host = Host::default();
    let take = func::<_, Option<ExternRef>, ()>(&mut store, instance, "take");
    let started = std::time::Instant::now();
    (0..200_000).for_each(|_| take.call(&mut store, host.make().0).unwrap());
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

/// Numbers that a seed determines.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

const FUNCTIONS: usize = 4;
const LOCALS: usize = 7;
const PLACES: usize = 4;

/// Something that moves references, and their numbers in the same way, between local variables and what they can be in.
fn operation(random: &mut Random) -> String {
    let (a, b, place, other) =
        (random.below(LOCALS), random.below(LOCALS), random.below(PLACES), random.below(FUNCTIONS));
    let number = format!("(i32.const {})", place * 4);
    let check = |a: usize| format!("(call $check (local.get $r{a}) (local.get $n{a}))");
    let argument = format!("(local.get $r{a}) (local.get $n{a})");
    let result = format!("(local.set $n{b}) (local.set $r{b})");
    match random.below(15) {
        0 | 1 => format!("(call $make) {result}"),
        2 => format!("(global.set $g{place} (local.get $r{a})) (global.set $h{place} (local.get $n{a}))"),
        3 => format!("(local.set $r{b} (global.get $g{place})) (local.set $n{b} (global.get $h{place})) {}", check(b)),
        4 => format!("(table.set $t (i32.const {place}) (local.get $r{a})) (i32.store {number} (local.get $n{a}))"),
        5 => format!(
            "(local.set $r{b} (table.get $t (i32.const {place}))) (local.set $n{b} (i32.load {number})) {}",
            check(b)
        ),
        6 => format!("(call $f{other} {argument}) {result}"),
        7 => format!("(call $peer{other} {argument}) {result}"),
        8 => format!("(call_indirect $functions (type $f) {argument} (i32.const {other})) {result}"),
        9 => format!("(call $reenter (i32.const {other}))"),
        10 => format!("(table.fill $t (i32.const {place}) (local.get $r{a}) (i32.const 1)) (i32.store {number} (local.get $n{a}))"),
        11 => format!("(table.copy (i32.const {place}) (i32.const {}) (i32.const 1)) (i32.store {number} (i32.load (i32.const {})))", other, other * 4),
        12 => format!("(local.set $r{b} (select (result externref) (local.get $r{a}) (local.get $r{other}) (local.get $n{place})))
            (local.set $n{b} (select (local.get $n{a}) (local.get $n{other}) (local.get $n{place})))"),
        13 => format!("(local.set $r{b} (local.get $r{a})) (local.set $n{b} (local.get $n{a}))"),
        _ => check(a),
    }
}

/// A module whose functions do that at random until `$left` is zero.
fn program(random: &mut Random) -> String {
    let mut wat = String::from(
        r#"(module (type $f (func (param externref i32) (result externref i32)))
        (import "host" "make" (func $make (result externref i32)))
        (import "host" "check" (func $check (param externref i32)))
        (import "host" "reenter" (func $reenter (param i32)))
        (memory 1) (table $t 4 externref) (table $functions funcref (elem $f0 $peer1 $f2 $f3))
        (global $left (export "left") (mut i32) (i32.const 0))"#,
    );
    for index in 0..FUNCTIONS {
        wat.insert_str(
            wat.find("(memory").unwrap(),
            &format!("(import \"peer\" \"f{index}\" (func $peer{index} (type $f)))"),
        );
    }
    for place in 0..PLACES {
        write!(wat, "(global $g{place} (mut externref) (ref.null extern)) (global $h{place} (mut i32) (i32.const 0))")
            .unwrap();
    }
    for function in 0..FUNCTIONS {
        write!(
            wat,
            "(func $f{function} (export \"f{function}\") (param $r0 externref) (param $n0 i32) (result externref i32)"
        )
        .unwrap();
        (1..LOCALS).for_each(|local| write!(wat, "(local $r{local} externref) (local $n{local} i32)").unwrap());
        wat.push_str("(if (i32.eqz (global.get $left)) (then (return (local.get $r0) (local.get $n0)))) (global.set $left (i32.sub (global.get $left) (i32.const 1)))\n");
        // The second half is a loop, so that references are carried around it.
        (0..6).for_each(|_| writeln!(wat, "{}", operation(random)).unwrap());
        wat.push_str("(loop $again\n");
        (0..6).for_each(|_| writeln!(wat, "{}", operation(random)).unwrap());
        wat.push_str(
            "(if (i32.and (global.get $left) (i32.const 1))
            (then (global.set $left (i32.sub (global.get $left) (i32.const 1))) (br $again))))\n",
        );
        (0..LOCALS)
            .for_each(|local| writeln!(wat, "(call $check (local.get $r{local}) (local.get $n{local}))").unwrap());
        let (local, other) = (random.below(LOCALS), random.below(FUNCTIONS));
        let callee = ["call $f", "return_call $f", "return_call $peer"][random.below(3)];
        writeln!(wat, "({callee}{other} (local.get $r{local}) (local.get $n{local})))").unwrap();
    }
    wat.push_str("(func (export \"clear\") (table.fill $t (i32.const 0) (ref.null extern) (i32.const 4)) (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))");
    (0..PLACES).for_each(|place| {
        write!(wat, "(global.set $g{place} (ref.null extern)) (global.set $h{place} (i32.const 0))").unwrap()
    });
    wat.push_str("))");
    wat
}

type Moves = TypedFunc<(Option<ExternRef>, i32), (Option<ExternRef>, i32)>;

/// What host functions reach: the guests' functions, and how deep they are.
struct Data {
    host: Host,
    functions: Vec<Func>,
    depth: usize,
}

fn linker(host: &Host) -> Linker<Data> {
    let mut linker = Linker::new();
    let maker = host.clone();
    linker.func_wrap("host", "make", move || maker.make()).unwrap();
    let check = |reference: Option<ExternRef>, expected: i32| assert_eq!(number(&reference), expected);
    linker.func_wrap("host", "check", check).unwrap();
    // Only frames hold what the guest has while this one runs.
    let reenter = |mut caller: Caller<'_, Data>, which: i32| {
        if caller.data().depth > 8 || caller.data().functions.is_empty() {
            return Ok(());
        }
        caller.data_mut().depth += 1;
        let func = caller.data().functions[which as usize % caller.data().functions.len()];
        let (reference, expected) = caller.data().host.make();
        let mut results = [Val::I32(0), Val::I32(0)];
        func.call(&mut caller, &[Val::ExternRef(reference), Val::I32(expected)], &mut results)?;
        let [Val::ExternRef(reference), Val::I32(expected)] = &results else { panic!("{results:?}") };
        assert_eq!(number(reference), *expected);
        caller.data_mut().depth -= 1;
        Ok::<_, Error>(())
    };
    linker.func_wrap("host", "reenter", reenter).unwrap();
    linker
}

/// Runs random programs of two modules, each of its own backend, and checks each reference whenever it is looked at.
fn run_programs(engines: [&Engine; 2], seed: u64, always: bool) {
    let random = &mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let host = Host::default();
    let mut store = Store::new(engines[0], Data { host: host.clone(), functions: Vec::new(), depth: 0 });
    if always {
        store.gc_always();
    }
    let mut first = linker(&host);
    for index in 0..FUNCTIONS {
        let ty = FuncType::new([ValType::EXTERNREF, ValType::I32], [ValType::EXTERNREF, ValType::I32]);
        let name = format!("f{index}");
        let same = |_: Caller<'_, Data>, params: &[Val], results: &mut [Val]| {
            results.clone_from_slice(params);
            Ok(())
        };
        if index % 2 == 0 {
            first.func_new("peer", &name, ty, same).unwrap();
        } else {
            // SAFETY: the results are the parameters.
            unsafe { first.func_raw("peer", &name, ty, |_, _| Ok(())) }.unwrap();
        }
    }
    let one = first.instantiate(&mut store, &module(engines[0], &program(random))).unwrap();
    let mut second = linker(&host);
    second.instance(&mut store, "peer", one).unwrap();
    let two = second.instantiate(&mut store, &module(engines[1], &program(random))).unwrap();
    let functions = [one, two].into_iter().flat_map(|instance| (0..FUNCTIONS).map(move |index| (instance, index)));
    let functions: Vec<Moves> =
        functions.map(|(instance, index)| func(&mut store, instance, &format!("f{index}"))).collect();
    store.data_mut().functions = functions.iter().map(|function| function.func()).collect();
    for round in 0..20 {
        for instance in [one, two] {
            export(&mut store, instance, "left").global().unwrap().set(&mut store, Val::I32(60)).unwrap();
        }
        store.data_mut().depth = 0;
        let (reference, expected) = functions[round % functions.len()].call(&mut store, host.make()).unwrap();
        assert_eq!(number(&reference), expected);
    }
    for instance in [one, two] {
        run(&mut store, instance, "clear").unwrap();
    }
    store.gc();
    assert_eq!(host.alive(), 0, "of {} references, no guest holds one", host.made.load(Relaxed));
}

#[test]
fn no_reference_is_lost_that_a_guest_can_reach() {
    let engines: Vec<_> = engines().into_iter().map(|(_, engine)| engine).collect();
    for seed in 0..8 {
        for one in &engines {
            engines.iter().for_each(|two| run_programs([one, two], seed + 1, seed % 4 != 3));
        }
    }
}
