//! Globals, tables and memories.

use std::mem::MaybeUninit;
use std::ptr;

use wasmer_runtime::{
    Error, ExternType, Global, GlobalType, Limits, Memory, MemoryType, Table, TableType, TypeError, Val, ValType,
};

use crate::fault::{attempt, null};
use crate::object::{Entity, Object, Reference};
use crate::store::CStore;
use crate::types::CExternType;
use crate::value::CVal;
use crate::vector::write;

/// Pages of a memory with addresses of 32 bits.
const PAGES_MAX: u64 = 1 << 16;

/// Takes apart a reference to one kind of entity.
macro_rules! entity_of {
    ($name:ident, $kind:ident, $what:literal) => {
        fn $name(reference: Option<&Reference>) -> Result<(&Reference, $kind), Error> {
            match reference {
                Some(reference) => match reference.object {
                    Object::Entity(Entity::$kind(entity)) => Ok((reference, entity)),
                    _ => Err(TypeError::other(concat!("the reference refers to no ", $what)).into()),
                },
                None => Err(null(concat!("the ", $what))),
            }
        }
    };
}

entity_of!(global_of, Global, "global");
entity_of!(table_of, Table, "table");
entity_of!(memory_of, Memory, "memory");

fn check_limits(limits: &Limits, most: u64) -> Result<(), Error> {
    let max = limits.max.unwrap_or(most);
    if limits.min > most || max > most {
        return Err(TypeError::other(format!("limits beyond {most}")).into());
    }
    if limits.min > max {
        return Err(TypeError::other(format!("a minimum of {} is more than the maximum of {max}", limits.min)).into());
    }
    Ok(())
}

fn new_global(store: &CStore, ty: GlobalType, value: &CVal) -> Result<Box<Reference>, Error> {
    let value = value.to_val(ty.content)?;
    let global = store.cell.with(|mut store| Global::new(&mut store, ty, value))?;
    Ok(Reference::of_entity(&store.cell, Entity::Global(global)))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_global_new(
    store: Option<&CStore>,
    ty: Option<&CExternType>,
    value: Option<&CVal>,
) -> Option<Box<Reference>> {
    attempt(|| {
        let ty = ty.and_then(CExternType::global).ok_or_else(|| null("the type"))?;
        new_global(store.ok_or_else(|| null("the store"))?, ty, value.ok_or_else(|| null("the value"))?)
    })
}

fn type_of_global(global: Option<&Reference>) -> Result<GlobalType, Error> {
    let (reference, global) = global_of(global)?;
    reference.store()?.with(|store| global.ty(&store))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_global_type(global: Option<&Reference>) -> Option<Box<CExternType>> {
    attempt(|| Ok(Box::new(CExternType::new(ExternType::Global(type_of_global(global)?)))))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_global_get(global: Option<&Reference>, out: Option<&mut MaybeUninit<CVal>>) {
    let value = attempt(|| {
        let (reference, global) = global_of(global)?;
        let store = reference.store()?;
        CVal::of_val(store.with(|store| global.get(&store))?, store)
    });
    write(out, value.unwrap_or_else(|| CVal::zero(ValType::EXTERNREF)));
}

#[unsafe(no_mangle)]
extern "C" fn wasm_global_set(global: Option<&Reference>, value: Option<&CVal>) {
    let _ = attempt(|| {
        let value = value.ok_or_else(|| null("the value"))?.to_val(type_of_global(global)?.content)?;
        let (reference, global) = global_of(global)?;
        reference.store()?.with(|mut store| global.set(&mut store, value))
    });
}

/// What a table has for a reference, or for null.
fn element(reference: Option<&Reference>, ty: &TableType) -> Result<Val, Error> {
    CVal::with_reference(reference, |value| value.to_val(ValType::Ref(ty.element)))
}

fn type_of_table(table: Option<&Reference>) -> Result<TableType, Error> {
    let (reference, table) = table_of(table)?;
    reference.store()?.with(|store| table.ty(&store))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_table_new(
    store: Option<&CStore>,
    ty: Option<&CExternType>,
    init: Option<&Reference>,
) -> Option<Box<Reference>> {
    attempt(|| {
        let ty = ty.and_then(CExternType::table).ok_or_else(|| null("the type"))?;
        check_limits(&ty.limits, u32::MAX.into())?;
        let init = element(init, &ty)?;
        let cell = &store.ok_or_else(|| null("the store"))?.cell;
        let table = cell.with(|mut store| Table::new(&mut store, ty, init))?;
        Ok(Reference::of_entity(cell, Entity::Table(table)))
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasm_table_type(table: Option<&Reference>) -> Option<Box<CExternType>> {
    attempt(|| Ok(Box::new(CExternType::new(ExternType::Table(type_of_table(table)?)))))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_table_get(table: Option<&Reference>, index: u32) -> Option<Box<Reference>> {
    let element = attempt(|| {
        let (reference, table) = table_of(table)?;
        let store = reference.store()?;
        let element = store.with(|mut store| table.get(&mut store, index.into()))?;
        element.map(|element| CVal::of_val(element, store)).transpose()
    });
    element.flatten()?.into_reference()
}

#[unsafe(no_mangle)]
extern "C" fn wasm_table_set(table: Option<&Reference>, index: u32, value: Option<&Reference>) -> bool {
    let done = attempt(|| {
        let value = element(value, &type_of_table(table)?)?;
        let (reference, table) = table_of(table)?;
        reference.store()?.with(|mut store| table.set(&mut store, index.into(), value))
    });
    done.is_some()
}

#[unsafe(no_mangle)]
extern "C" fn wasm_table_size(table: Option<&Reference>) -> u32 {
    let size = attempt(|| {
        let (reference, table) = table_of(table)?;
        reference.store()?.with(|store| table.len(&store))
    });
    size.map_or(0, |size| u32::try_from(size).unwrap_or(u32::MAX))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_table_grow(table: Option<&Reference>, delta: u32, init: Option<&Reference>) -> bool {
    let grown = attempt(|| {
        let init = element(init, &type_of_table(table)?)?;
        let (reference, table) = table_of(table)?;
        reference.store()?.with(|mut store| table.grow(&mut store, delta.into(), init))
    });
    grown.is_some()
}

#[unsafe(no_mangle)]
extern "C" fn wasm_memory_new(store: Option<&CStore>, ty: Option<&CExternType>) -> Option<Box<Reference>> {
    attempt(|| {
        let ty = ty.and_then(CExternType::memory).ok_or_else(|| null("the type"))?;
        if ty.index == wasmer_runtime::Width::W32 && ty.page_size_log2 == 16 {
            check_limits(&ty.limits, PAGES_MAX)?;
        }
        let cell = &store.ok_or_else(|| null("the store"))?.cell;
        let memory = cell.with(|mut store| Memory::new(&mut store, ty))?;
        Ok(Reference::of_entity(cell, Entity::Memory(memory)))
    })
}

fn type_of_memory(memory: Option<&Reference>) -> Result<MemoryType, Error> {
    let (reference, memory) = memory_of(memory)?;
    reference.store()?.with(|store| memory.ty(&store))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_memory_type(memory: Option<&Reference>) -> Option<Box<CExternType>> {
    attempt(|| Ok(Box::new(CExternType::new(ExternType::Memory(type_of_memory(memory)?)))))
}

/// Where the bytes of a memory are, and how many.
fn bytes_of(memory: Option<&Reference>) -> Option<(*mut u8, usize)> {
    attempt(|| {
        let (reference, memory) = memory_of(memory)?;
        reference.store()?.with(|store| memory.raw_parts(&store))
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasm_memory_data(memory: Option<&Reference>) -> *mut u8 {
    bytes_of(memory).map_or(ptr::null_mut(), |(data, _)| data)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_memory_data_size(memory: Option<&Reference>) -> usize {
    bytes_of(memory).map_or(0, |(_, size)| size)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_memory_size(memory: Option<&Reference>) -> u32 {
    let pages = attempt(|| Ok(type_of_memory(memory)?.limits.min));
    pages.map_or(0, |pages| u32::try_from(pages).unwrap_or(u32::MAX))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_memory_grow(memory: Option<&Reference>, delta: u32) -> bool {
    let grown = attempt(|| {
        let (reference, memory) = memory_of(memory)?;
        reference.store()?.with(|mut store| memory.grow(&mut store, delta.into()))
    });
    grown.is_some()
}
