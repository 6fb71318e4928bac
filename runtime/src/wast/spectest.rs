//! The host module `spectest` that the official scripts import.

use wasmer_api::{Global, Linker, Memory, Result, Store, Table, Val};
use wasmer_runtime_core::types::{GlobalType, Limits, MemoryType, RefType, TableType, ValType, Width};

const MODULE: &str = "spectest";

/// Defines the module. Printing functions print nothing.
pub(super) fn define(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<()> {
    linker
        .func_wrap(MODULE, "print", || {})?
        .func_wrap(MODULE, "print_i32", |_: i32| {})?
        .func_wrap(MODULE, "print_i64", |_: i64| {})?
        .func_wrap(MODULE, "print_f32", |_: f32| {})?
        .func_wrap(MODULE, "print_f64", |_: f64| {})?
        .func_wrap(MODULE, "print_i32_f32", |_: i32, _: f32| {})?
        .func_wrap(MODULE, "print_f64_f64", |_: f64, _: f64| {})?;
    let globals = [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::from(666.6_f32)),
        ("global_f64", ValType::F64, Val::from(666.6_f64)),
    ];
    for (name, content, value) in globals {
        let global = Global::new(store, GlobalType { content, mutable: false }, value)?;
        linker.define(MODULE, name, global)?;
    }
    for (name, index) in [("table", Width::W32), ("table64", Width::W64)] {
        let limits = Limits { min: 10, max: Some(20) };
        let table = Table::new(store, TableType { element: RefType::FUNCREF, limits, index }, Val::FuncRef(None))?;
        linker.define(MODULE, name, table)?;
    }
    for (name, shared) in [("memory", false), ("shared_memory", true)] {
        let limits = Limits { min: 1, max: Some(2) };
        let memory = Memory::new(store, MemoryType { limits, index: Width::W32, shared, page_size_log2: 16 })?;
        linker.define(MODULE, name, memory)?;
    }
    Ok(())
}
