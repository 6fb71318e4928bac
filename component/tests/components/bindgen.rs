//! What `bindgen!` makes of worlds, with components that are made from the same WIT: values there and back on every backend, resources of both sides, names
//! that Rust does not have, functions that wait.

mod derives;
mod guest;
mod hostile;
mod resources;
mod values;
mod waits;

use wasmer_component::Component;
use wasmer_runtime::{Backend, Engine};

/// Does something with a component on every backend.
fn on_each_backend(bytes: &[u8], run: impl Fn(&Engine, &Component)) {
    let mut backends = 0;
    for backend in Backend::built() {
        let engine = Engine::new(backend.config().unwrap()).unwrap();
        run(&engine, &Component::new(&engine, bytes).unwrap());
        backends += 1;
    }
    assert!(backends > 0);
}
