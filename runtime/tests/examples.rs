//! Every example runs; each asserts what it prints.

#[path = "../examples/asynchronous.rs"]
mod asynchronous;
#[path = "../examples/caching.rs"]
mod caching;
#[path = "../examples/choose_backend.rs"]
mod choose_backend;
#[cfg(feature = "component")]
#[path = "../examples/component_async.rs"]
mod component_async;
#[cfg(feature = "component")]
#[path = "../examples/component_plugin.rs"]
mod component_plugin;
#[path = "../examples/hello.rs"]
mod hello;
#[path = "../examples/host_functions.rs"]
mod host_functions;
#[path = "../examples/interrupt.rs"]
mod interrupt;
#[path = "../examples/limits.rs"]
mod limits;
#[path = "../examples/memory_exchange.rs"]
mod memory_exchange;
#[path = "../examples/metering.rs"]
mod metering;
#[path = "../examples/plugin.rs"]
mod plugin;
#[path = "../examples/shared_budget.rs"]
mod shared_budget;
#[path = "../examples/wasi.rs"]
mod wasi;

#[test]
fn the_example_hello_runs() {
    hello::main().unwrap();
}

#[test]
fn the_example_host_functions_runs() {
    host_functions::main().unwrap();
}

#[test]
fn the_example_memory_exchange_runs() {
    memory_exchange::main().unwrap();
}

#[test]
fn the_example_choose_backend_runs() {
    choose_backend::main().unwrap();
}

#[test]
fn the_example_caching_runs() {
    caching::main().unwrap();
}

#[test]
fn the_example_asynchronous_runs() {
    asynchronous::main().unwrap();
}

#[test]
fn the_example_limits_runs() {
    limits::main().unwrap();
}

#[test]
fn the_example_interrupt_runs() {
    interrupt::main().unwrap();
}

#[test]
fn the_example_metering_runs() {
    metering::main().unwrap();
}

#[test]
fn the_example_plugin_runs() {
    plugin::main().unwrap();
}

#[test]
fn the_example_shared_budget_runs() {
    shared_budget::main().unwrap();
}

#[test]
fn the_example_wasi_runs() {
    wasi::main().unwrap();
}

#[cfg(feature = "component")]
#[test]
fn the_example_component_plugin_runs() {
    component_plugin::main().unwrap();
}

#[cfg(feature = "component")]
#[test]
fn the_example_component_async_runs() {
    component_async::main().unwrap();
}
