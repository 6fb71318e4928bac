//! Instances.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use wasmer_runtime::{Error, Extern, Instance, LinkError, TypeError};

use crate::config::c_str;
use crate::fault::{attempt, null};
use crate::func::trap_or_none;
use crate::module::module_of;
use crate::object::{Entity, Object, Reference};
use crate::store::CStore;
use crate::vector::{Vector, write};

/// A vector of what can be imported.
pub(crate) type Externs = Vector<Option<Box<Reference>>>;

fn new_instance(
    store: Option<&CStore>,
    module: Option<&Reference>,
    imports: Option<&Externs>,
) -> Result<Box<Reference>, Error> {
    let (cell, module) = (&store.ok_or_else(|| null("the store"))?.cell, module_of(module)?);
    let imports = imports.map_or(&[][..], Vector::as_slice).iter().enumerate().map(|(position, import)| {
        let entity = import.as_ref().and_then(|import| import.as_extern());
        entity.ok_or_else(|| LinkError::other(format!("import {position} is null, or nothing that can be imported")))
    });
    let imports = imports.collect::<Result<Vec<Extern>, LinkError>>()?;
    let instance = cell.with(|mut store| Instance::new(&mut store, module, &imports))?;
    Ok(Reference::of_entity(cell, Entity::Instance(instance)))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_instance_new(
    store: Option<&CStore>,
    module: Option<&Reference>,
    imports: Option<&Externs>,
    trap: Option<&mut MaybeUninit<Option<Box<Reference>>>>,
) -> Option<Box<Reference>> {
    let (instance, why) = match trap_or_none(|| new_instance(store, module, imports)) {
        Ok(instance) => (Some(instance), None),
        Err(why) => (None, Some(why)),
    };
    // Also where it is null, so that C never reads what was there before.
    write(trap, why);
    instance
}

fn instance_of(reference: Option<&Reference>) -> Result<(&Reference, Instance), Error> {
    let reference = reference.ok_or_else(|| null("the instance"))?;
    match reference.object {
        Object::Entity(Entity::Instance(instance)) => Ok((reference, instance)),
        _ => Err(TypeError::other("the reference refers to no instance").into()),
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasm_instance_exports(instance: Option<&Reference>, out: Option<&mut MaybeUninit<Externs>>) {
    let exports = attempt(|| {
        let (reference, instance) = instance_of(instance)?;
        let store = reference.store()?;
        let exports = store.with(|mut store| instance.exports(&mut store))?;
        Ok(exports.into_iter().map(|(_, entity)| Some(Reference::of_extern(store, entity))).collect())
    });
    write(out, Vector::from_vec(exports.unwrap_or_default()));
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_instance_export(instance: Option<&Reference>, name: *const c_char) -> Option<Box<Reference>> {
    attempt(|| {
        let (reference, instance) = instance_of(instance)?;
        let name = c_str(name).ok_or_else(|| null("the name"))?.to_string_lossy();
        let store = reference.store()?;
        let found = store.with(|mut store| Ok(instance.export(&mut store, &name)))?;
        let entity = found.ok_or_else(|| LinkError::other(format!("the instance has no export `{name}`")))?;
        Ok(Reference::of_extern(store, entity))
    })
}
