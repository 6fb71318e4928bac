//! A plugin that is a component: what it imports and exports stands in WIT, of which `bindgen!` makes types, traits and methods.
//!
//! `cargo run -p wasmer-runtime --features component --example component_plugin`

// ANCHOR: plugin
use wasmer_runtime::component::{self, Component, ComponentLinker};
use wasmer_runtime::{Result, Store};

component::bindgen!({
    // Or `path: "wit"`, a folder.
    inline: r"
        package example:plugin;

        /// What plugins tell the host.
        interface log {
            enum level { info, warning }
            write: func(level: level, text: string);
        }

        /// A program that greets.
        world plugin {
            import log;
            export greet: func(name: string) -> result<string, string>;
        }
    ",
});

use example::plugin::log::{self, Level};

/// What the host functions work on. The store owns it.
#[derive(Default)]
struct Host {
    lines: Vec<(Level, String)>,
}

impl log::Host for Host {
    fn write(&mut self, level: Level, text: String) -> Result<()> {
        self.lines.push((level, text));
        Ok(())
    }
}

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = wasmer_runtime::default_engine()?;
    // Usually a file that a compiler of components made; here the text format.
    let component = Component::new(&engine, &wat::parse_str(PLUGIN)?)?;

    let mut linker = ComponentLinker::<Host>::new();
    // Where in the store's data is what implements the imports: here all of it is.
    Plugin::add_to_linker(&mut linker, |host| host)?;

    let mut store = Store::new(&engine, Host::default());
    let plugin = Plugin::instantiate(&mut store, &component, &linker)?;
    // The outer `Result` is about the call, the inner one is WIT's.
    let greeting = plugin.call_greet(&mut store, "Ada")?;
    let refused = plugin.call_greet(&mut store, "")?;

    println!("the plugin said {greeting:?} and {refused:?}, and wrote {:?}", store.data().lines);
    assert_eq!((greeting, refused), (Ok("hello, Ada".to_owned()), Err("nobody is there".to_owned())));
    assert_eq!(store.data().lines, [(Level::Info, "Ada".to_owned()), (Level::Warning, String::new())]);
    Ok(())
}
// ANCHOR_END: plugin

/// What a compiler would make of a program for the world `plugin`.
const PLUGIN: &str = r#"(component
    (import "example:plugin/log" (instance $log
        (type $level' (enum "info" "warning"))
        (export "level" (type $level (eq $level')))
        (export "write" (func (param "level" $level) (param "text" string)))))
    (core module $Memory
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3)))))
    (core instance $memory (instantiate $Memory))
    (core func $write (canon lower (func $log "write") (memory (core memory $memory "memory"))))
    (core module $Main
        (import "memory" "memory" (memory 1))
        (import "log" "write" (func $write (param i32 i32 i32)))
        (data (i32.const 16) "nobody is there")
        (data (i32.const 64) "hello, ")
        ;; The result is at 0: its case, an address, a length.
        (func (export "greet") (param $name i32) (param $length i32) (result i32)
            (call $write (i32.eqz (local.get $length)) (local.get $name) (local.get $length))
            (i32.store (i32.const 0) (i32.eqz (local.get $length)))
            (if (local.get $length)
                (then
                    (memory.copy (i32.const 71) (local.get $name) (local.get $length))
                    (i32.store (i32.const 4) (i32.const 64))
                    (i32.store (i32.const 8) (i32.add (i32.const 7) (local.get $length))))
                (else
                    (i32.store (i32.const 4) (i32.const 16))
                    (i32.store (i32.const 8) (i32.const 15))))
            (i32.const 0)))
    (core instance $main (instantiate $Main
        (with "memory" (instance $memory))
        (with "log" (instance (export "write" (func $write))))))
    (func (export "greet") (param "name" string) (result (result string (error string)))
        (canon lift (core func $main "greet") (memory (core memory $memory "memory")) (realloc (core func $memory "realloc")))))"#;
