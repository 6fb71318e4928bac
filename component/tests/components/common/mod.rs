//! What the tests of this crate share.

use wasmer_component::Component;
use wasmer_runtime::{Backend, Engine};

pub(crate) fn engines() -> impl Iterator<Item = Engine> {
    Backend::built().map(|backend| Engine::new(backend.config().unwrap()).unwrap())
}

pub(crate) fn component(engine: &Engine, text: &str) -> Component {
    Component::new(engine, &wat::parse_str(text).unwrap()).unwrap()
}

/// A module with a memory and an allocator that never frees.
pub(crate) const ALLOCATOR: &str = r#"
    (core module $A
        (memory (export "memory") 2)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            (memory.copy (local.get $at) (local.get 0)
                (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
            (local.get $at)))
    (core instance $a (instantiate $A))
    (alias core export $a "memory" (core memory $memory))
    (alias core export $a "realloc" (core func $realloc))
"#;
