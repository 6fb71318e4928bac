//! Limits of stores: of one memory or table, of everything together; what is refused, how, and that the store goes on.

mod common;

use common::*;
use wasmer_runtime::*;

fn limit<R>(result: Result<R>) -> (Limit, u64, u64) {
    match result {
        Err(Error::Limit(error)) => (error.what, error.asked, error.limit),
        Err(other) => panic!("`{other}` is no limit"),
        Ok(_) => panic!("no limit forbade it"),
    }
}

const PAGE: u64 = 1 << 16;

#[test]
fn a_module_beyond_a_limit_is_refused_with_its_reason() {
    let limits = StoreLimits::new()
        .memory_bytes_max(4 * PAGE)
        .table_elements_max(1000)
        .total_memory_bytes_max(6 * PAGE)
        .total_table_elements_max(1500)
        .memories_max(3)
        .tables_max(4)
        .instances_max(2);
    let cases = [
        ("(module (memory 5))", (Limit::MemoryBytes, 5 * PAGE, 4 * PAGE)),
        ("(module (memory i64 0x1000000000000))", (Limit::MemoryBytes, u64::MAX, 4 * PAGE)),
        ("(module (memory 3) (memory 4))", (Limit::TotalMemoryBytes, 7 * PAGE, 6 * PAGE)),
        ("(module (memory 1) (memory 0) (memory 0) (memory 0))", (Limit::Memories, 4, 3)),
        ("(module (table 1001 funcref))", (Limit::TableElements, 1001, 1000)),
        ("(module (table i64 0xffffffffffffffff externref))", (Limit::TableElements, u64::MAX, 1000)),
        ("(module (table 800 funcref) (table 800 externref))", (Limit::TotalTableElements, 1600, 1500)),
        (
            "(module (table 0 funcref) (table 0 funcref) (table 0 funcref) (table 0 funcref) (table 0 funcref))",
            (Limit::Tables, 5, 4),
        ),
    ];
    for (backend, engine) in engines() {
        let mut store = Store::with_limits(&engine, (), limits);
        let linker = Linker::new();
        for (wat, expected) in cases {
            let result = linker.instantiate(&mut store, &module(&engine, wat));
            assert_eq!(limit(result), expected, "{backend}: {wat}");
        }
        // What was refused cost nothing.
        let all = module(&engine, "(module (memory 4) (memory 2) (table 1000 funcref) (table 500 externref))");
        linker.instantiate(&mut store, &all).unwrap();
        let memory = module(&engine, "(module (memory 1))");
        assert_eq!(limit(linker.instantiate(&mut store, &memory)), (Limit::TotalMemoryBytes, 7 * PAGE, 6 * PAGE));
        linker.instantiate(&mut store, &module(&engine, "(module)")).unwrap();
        assert_eq!(limit(linker.instantiate(&mut store, &module(&engine, "(module)"))), (Limit::Instances, 3, 2));
    }
}

#[test]
fn functions_of_the_host_are_bounded() {
    let engine = engine();
    let owned = std::sync::Arc::new(());
    let wrap = |store: &mut Store<()>| {
        let owned = std::sync::Arc::clone(&owned);
        Func::wrap(store, move || std::sync::Arc::strong_count(&owned) as i32)
    };
    let mut store = Store::with_limits(&engine, (), StoreLimits::new().host_funcs_max(3));
    let first = wrap(&mut store).unwrap();
    // A linker's function becomes one of the store's once, and those that it makes for instances belong to them.
    let mut linker = Linker::new();
    linker.func_wrap("m", "f", || 5).unwrap();
    let code = module(&engine, r#"(module (import "m" "f" (func (result i32))) (export "f" (func 0)))"#);
    for _ in 0..5 {
        linker.get(&mut store, "m", "f").unwrap().unwrap();
        linker.instantiate(&mut store, &code).unwrap();
    }
    let ty = FuncType::new([], []);
    Func::new(&mut store, ty.clone(), |_, _, _| Ok(())).unwrap();
    assert_eq!(limit(Func::new(&mut store, ty, |_, _, _| Ok(()))), (Limit::HostFuncs, 4, 3));
    let error = wrap(&mut store).unwrap_err();
    assert_eq!(error.to_string(), "4 functions of the host are beyond the limit of 3 (`host_funcs_max`)");
    let other = Linker::new().func_wrap("m", "f", || 6).unwrap().get(&mut store, "m", "f");
    assert_eq!(limit(other), (Limit::HostFuncs, 4, 3));
    // What was refused is gone, what is there still works.
    assert_eq!(first.typed::<(), i32>(&store).unwrap().call(&mut store, ()).unwrap(), 2);
    linker.instantiate(&mut store, &code).unwrap();
    drop(store);
    assert_eq!(std::sync::Arc::strong_count(&owned), 1);

    // By default there is a bound, too, and bytes bound them as they do everything else.
    for limits in [StoreLimits::new(), StoreLimits::new().host_funcs_max(u64::MAX).total_bytes_max(1 << 20)] {
        let mut store = Store::with_limits(&engine, (), limits);
        let made = (0..100_000).take_while(|_| Func::wrap(&mut store, || ()).is_ok()).count();
        assert!((1000..=10_000).contains(&made), "{made}");
    }
}

const GROWING: &str = r#"(module (memory 1) (memory 1) (table 10 externref) (table i64 10 funcref)
    (func (export "memory0") (param i32) (result i32) (memory.grow 0 (local.get 0)))
    (func (export "memory1") (param i32) (result i32) (memory.grow 1 (local.get 0)))
    (func (export "table0") (param i32) (result i32) (table.grow 0 (ref.null extern) (local.get 0)))
    (func (export "table1") (param i64) (result i64) (table.grow 1 (ref.null func) (local.get 0)))
    (func (export "sizes") (result i32 i32 i32 i64) (memory.size 0) (memory.size 1) (table.size 0) (table.size 1)))"#;

#[test]
fn a_guest_that_grows_beyond_a_total_gets_minus_one() {
    for (backend, engine) in engines() {
        let limits = StoreLimits::new().total_memory_bytes_max(5 * PAGE).total_table_elements_max(50);
        let mut store = Store::with_limits(&engine, (), limits);
        let instance = Linker::new().instantiate(&mut store, &module(&engine, GROWING)).unwrap();
        let mut grow =
            |name: &str, delta| func::<_, i32, i32>(&mut store, instance, name).call(&mut store, delta).unwrap();
        assert_eq!(
            [grow("memory0", 2), grow("memory1", 2), grow("memory1", 1), grow("memory0", 1)],
            [1, -1, 1, -1],
            "{backend}"
        );
        assert_eq!([grow("memory0", -1), grow("memory0", 0), grow("memory1", 0)], [-1, 3, 2], "{backend}");
        assert_eq!([grow("table0", 20), grow("table0", 11), grow("table0", -1)], [10, -1, -1], "{backend}");
        let table1 = func::<_, i64, i64>(&mut store, instance, "table1");
        let grown = [11, 10, 1, -1, i64::MAX].map(|delta| table1.call(&mut store, delta).unwrap());
        assert_eq!(grown, [-1, 10, -1, -1, -1], "{backend}");
        let sizes = func::<_, (), (i32, i32, i32, i64)>(&mut store, instance, "sizes");
        assert_eq!(sizes.call(&mut store, ()).unwrap(), (3, 2, 30, 20), "{backend}");
        // The host's own are in the same budget.
        let ty =
            MemoryType { limits: Limits { min: 1, max: None }, index: Width::W32, shared: false, page_size_log2: 16 };
        assert_eq!(limit(Memory::new(&mut store, ty)).0, Limit::TotalMemoryBytes);
        let ty = TableType { element: RefType::EXTERNREF, limits: Limits { min: 1, max: None }, index: Width::W32 };
        assert_eq!(limit(Table::new(&mut store, ty, Val::ExternRef(None))).0, Limit::TotalTableElements);
    }
}

#[test]
fn everything_together_is_bounded() {
    for (backend, engine) in engines() {
        let module = module(&engine, GROWING);
        let mut store = Store::with_limits(&engine, (), StoreLimits::new().total_bytes_max(10 * PAGE));
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        let table0 = func::<_, i32, i32>(&mut store, instance, "table0");
        assert_eq!(table0.call(&mut store, 9 * PAGE as i32 / 8).unwrap(), -1, "{backend}");
        assert_eq!(table0.call(&mut store, 6 * PAGE as i32 / 8).unwrap(), 10, "{backend}");
        let memory0 = func::<_, i32, i32>(&mut store, instance, "memory0");
        assert_eq!([2, 1].map(|delta| memory0.call(&mut store, delta).unwrap()), [-1, 1], "{backend}");
        // An instance has a price, whatever it has; so have a host's globals.
        let empty = wasmer_runtime::Module::new(&engine, &wasm("(module)")).unwrap();
        let linker = Linker::new();
        let refused = (0..10_000).find_map(|_| linker.instantiate(&mut store, &empty).err());
        assert_eq!(limit(Err::<(), _>(refused.unwrap())).0, Limit::TotalBytes, "{backend}");
        let ty = GlobalType { content: ValType::I32, mutable: true };
        let refused = (0..10_000).find_map(|_| Global::new(&mut store, ty, Val::I32(0)).err());
        assert_eq!(limit(Err::<(), _>(refused.unwrap())).0, Limit::TotalBytes, "{backend}");
        assert_eq!(memory0.call(&mut store, 0).unwrap(), 2, "{backend}");
    }
}

#[test]
fn each_store_pays_for_the_growth_that_it_causes() {
    let wat = r#"(module (import "" "memory" (memory 1 100 shared))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let engine = engine();
    let module = module(&engine, wat);
    let ty =
        MemoryType { limits: Limits { min: 1, max: Some(100) }, index: Width::W32, shared: true, page_size_log2: 16 };
    let mut stores =
        [5, 3].map(|pages| Store::with_limits(&engine, (), StoreLimits::new().total_memory_bytes_max(pages * PAGE)));
    let memory = Memory::new(&mut stores[0], ty).unwrap();
    let shared = memory.to_shared(&stores[0]).unwrap().unwrap();
    let grows = stores.each_mut().map(|store| {
        let memory = Memory::from_shared(store, &shared);
        let instance = Instance::new(store, &module, &[memory.into()]).unwrap();
        func::<_, i32, i32>(store, instance, "grow")
    });
    let mut grow = |store: usize, delta| grows[store].call(&mut stores[store], delta).unwrap();
    // The first has made a page already.
    assert_eq!([grow(0, 4), grow(0, 1), grow(1, 4), grow(1, 3), grow(1, 1)], [1, -1, -1, 5, -1]);
}

/// 100 tables of 10 million elements with an initial value are 8 GB: as much as the module, 1 KB, only says.
fn initialised_tables(count: usize, elements: u64) -> String {
    let tables = format!("(table {elements} funcref (ref.func $f))").repeat(count);
    format!(
        r#"(module (type $t (func (result i32))) {tables} (func $f (type $t) (i32.const 7)) (export "f" (func $f))
            (func (export "call") (param i32) (result i32) (call_indirect (type $t) (local.get 0)))
            (func (export "null") (param i32) (result i32)
                (table.set (local.get 0) (ref.null func)) (ref.is_null (table.get (local.get 0)))))"#
    )
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() << 12
}

#[test]
fn initial_values_of_tables_take_memory_when_they_are_used() {
    for (backend, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let error = Linker::new().instantiate(&mut store, &module(&engine, &initialised_tables(100, 10_000_000)));
        assert_eq!(limit(error), (Limit::TotalTableElements, 1_000_000_000, 100_000_000), "{backend}");

        let module = module(&engine, &initialised_tables(9, 10_000_000));
        let before = resident_bytes();
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        let call = func::<_, i32, i32>(&mut store, instance, "call");
        let (last, end) = (9_999_999, 10_000_000);
        assert_eq!([0, last].map(|index| call.call(&mut store, index).unwrap()), [7, 7], "{backend}");
        trap(&call.call(&mut store, end), TrapCode::UndefinedElement);
        let taken = resident_bytes().saturating_sub(before);
        assert!(taken < 32 << 20, "{backend}: {taken} bytes for elements that nobody has used");
        let null = func::<_, i32, i32>(&mut store, instance, "null");
        assert_eq!(null.call(&mut store, 5).unwrap(), 1, "{backend}");
        trap(&call.call(&mut store, 5), TrapCode::UninitializedElement);
        assert_eq!(call.call(&mut store, 6).unwrap(), 7, "{backend}");
    }
}

#[test]
fn elements_that_are_never_null_are_filled_in_too() {
    let wat = r#"(module (type $t (func (result i32))) (func $f (type $t) (i32.const 7)) (elem declare func $f)
        (table $t 20 (ref $t) (ref.func $f))
        (func (export "get") (param i32) (result i32) (call_ref $t (table.get (local.get 0))))
        (func (export "call") (param i32) (result i32) (call_indirect (type $t) (local.get 0)))
        (func (export "tail") (param i32) (result i32) (return_call_indirect (type $t) (local.get 0)))
        (func (export "copy") (param i32) (result i32)
            (table.copy (i32.const 0) (local.get 0) (i32.const 1)) (call_indirect (type $t) (i32.const 0))))"#;
    for (backend, engine) in engines() {
        for name in ["get", "call", "tail", "copy"] {
            let (mut store, instance) = instantiate(&engine, wat);
            let function = func::<_, i32, i32>(&mut store, instance, name);
            assert_eq!([3, 3, 19].map(|index| function.call(&mut store, index).unwrap()), [7; 3], "{backend}, {name}");
        }
    }
}

#[test]
fn an_interrupt_ends_what_comes_before_the_guest() {
    let engine = engine();
    let segments = "(data (offset (global.get $at)) \"x\")".repeat(10);
    let wat = format!(r#"(module (import "" "at" (global $at i32)) (memory 1) (table 1 funcref) {segments})"#);
    let module = module(&engine, &wat);
    let mut store = Store::new(&engine, ());
    let at = Global::new(&mut store, GlobalType { content: ValType::I32, mutable: false }, Val::I32(0)).unwrap();
    store.interrupt_handle().interrupt();
    trap(&Instance::new(&mut store, &module, &[at.into()]), TrapCode::Interrupted);
    store.clear_interrupt();
    Instance::new(&mut store, &module, &[at.into()]).unwrap();
}

#[test]
fn large_tables_are_allowed_by_default() {
    let wat = r#"(module (table 1 externref)
        (func (export "grow") (param i32) (result i32) (table.grow (ref.null extern) (local.get 0))))"#;
    let (mut store, instance) = instantiate(&engine(), wat);
    let grow = func::<_, i32, i32>(&mut store, instance, "grow");
    assert_eq!([20_000_000, 80_000_000].map(|delta| grow.call(&mut store, delta).unwrap()), [1, -1]);
}

/// What a limiter was asked, and what of it did not come to be.
#[derive(Default)]
struct Log {
    asked: Vec<(&'static str, u64, u64)>,
    failed: usize,
    memory_max: u64,
}

struct Limiter(std::sync::Arc<std::sync::Mutex<Log>>);

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, growth: Growth) -> bool {
        assert!(growth.desired != 13 * PAGE, "thirteen");
        let mut log = self.0.lock().unwrap();
        log.asked.push(("memory", growth.current, growth.desired));
        growth.desired <= log.memory_max
    }

    fn memory_growth_failed(&mut self, _: Growth) {
        self.0.lock().unwrap().failed += 1;
    }

    fn table_growing(&mut self, growth: Growth) -> bool {
        self.0.lock().unwrap().asked.push(("table", growth.current, growth.desired));
        growth.desired <= 10
    }

    fn instance_making(&mut self) -> bool {
        let mut log = self.0.lock().unwrap();
        log.asked.push(("instance", 0, 1));
        log.asked.len() < 100
    }

    fn instance_failed(&mut self) {
        self.0.lock().unwrap().failed += 1;
    }
}

#[test]
fn a_limiter_is_asked_for_everything() {
    let wat = r#"(module (memory (export "memory") 2 5) (table (export "table") 3 funcref)
        (func (export "memory.grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "table.grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))"#;
    for (backend, engine) in engines() {
        let log = std::sync::Arc::new(std::sync::Mutex::new(Log { memory_max: 20 * PAGE, ..Log::default() }));
        let take = || std::mem::take(&mut log.lock().unwrap().asked);
        let mut store = Store::new(&engine, ());
        store.set_limiter(Limiter(std::sync::Arc::clone(&log)));
        let code = module(&engine, wat);
        let instance = Linker::new().instantiate(&mut store, &code).unwrap();
        assert_eq!(take(), [("instance", 0, 1), ("memory", 0, 2 * PAGE), ("table", 0, 3)], "{backend}");
        let memory = func::<_, i32, i32>(&mut store, instance, "memory.grow");
        let table = func::<_, i32, i32>(&mut store, instance, "table.grow");
        assert_eq!([1, 7, 2].map(|pages| memory.call(&mut store, pages).unwrap()), [2, -1, 3]);
        assert_eq!(
            take(),
            [("memory", 2 * PAGE, 3 * PAGE), ("memory", 3 * PAGE, 10 * PAGE), ("memory", 3 * PAGE, 5 * PAGE)]
        );
        // The type forbids what the limiter allowed.
        assert_eq!(std::mem::take(&mut log.lock().unwrap().failed), 1);
        assert_eq!([4, 4].map(|elements| table.call(&mut store, elements).unwrap()), [3, -1]);
        assert_eq!(take(), [("table", 3, 7), ("table", 7, 11)]);
        // A panic goes on behind the call, as a host function's does.
        let grow = std::panic::AssertUnwindSafe(|| memory.call(&mut store, 8));
        assert_eq!(std::panic::catch_unwind(grow).unwrap_err().downcast_ref(), Some(&"thirteen"));
        // The host is refused with an error.
        log.lock().unwrap().memory_max = PAGE;
        let error = Linker::new().instantiate(&mut store, &code).unwrap_err();
        assert_eq!(error.to_string(), "131072 bytes in one memory are refused by the store's limiter");
        assert!(error.as_limit().is_some_and(|error| error.by_limiter));
        assert_eq!(std::mem::take(&mut log.lock().unwrap().failed), 1);
        let ty =
            MemoryType { limits: Limits { min: 2, max: None }, index: Width::W32, shared: false, page_size_log2: 16 };
        assert_eq!(limit(Memory::new(&mut store, ty)), (Limit::MemoryBytes, 2 * PAGE, 0));
        let small = Memory::new(&mut store, MemoryType { limits: Limits { min: 1, max: None }, ..ty }).unwrap();
        assert_eq!(limit(small.grow(&mut store, 1)), (Limit::MemoryBytes, 2 * PAGE, PAGE));
        let ty = TableType { element: RefType::FUNCREF, limits: Limits { min: 11, max: None }, index: Width::W32 };
        assert_eq!(limit(Table::new(&mut store, ty, Val::FuncRef(None))), (Limit::TableElements, 11, 0));
        drop(store);
        assert_eq!(std::sync::Arc::strong_count(&log), 1);
    }
}
