//! What can be imported and exported.

use wasmer_runtime::ExternType;

use crate::fault::{attempt, null};
use crate::object::{Entity, Kind, Object, Reference};
use crate::types::{CExternType, extern_kind};
use crate::vector::vector_functions;

vector_functions!("extern", Option<Box<Reference>>);

#[unsafe(no_mangle)]
extern "C" fn wasm_extern_kind(entity: Option<&Reference>) -> u8 {
    match entity.map(|entity| entity.object.kind()) {
        Some(Kind::Func) => extern_kind::FUNC,
        Some(Kind::Global) => extern_kind::GLOBAL,
        Some(Kind::Table) => extern_kind::TABLE,
        Some(Kind::Memory) => extern_kind::MEMORY,
        Some(Kind::Tag) => extern_kind::TAG,
        Some(Kind::Instance | Kind::Module | Kind::Trap | Kind::Foreign) | None => u8::MAX,
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasm_extern_type(entity: Option<&Reference>) -> Option<Box<CExternType>> {
    attempt(|| {
        let reference = entity.ok_or_else(|| null("the reference"))?;
        let Object::Entity(entity) = reference.object else { return Err(null("what the reference refers to")) };
        let ty = reference.store()?.with(|store| {
            Ok(match entity {
                Entity::Func(func) => ExternType::Func(func.ty(&store)?),
                Entity::Global(global) => ExternType::Global(global.ty(&store)?),
                Entity::Table(table) => ExternType::Table(table.ty(&store)?),
                Entity::Memory(memory) => ExternType::Memory(memory.ty(&store)?),
                Entity::Tag(tag) => ExternType::Tag(tag.ty(&store)?),
                Entity::Instance(_) => return Err(null("the type of an instance")),
            })
        })?;
        Ok(Box::new(CExternType::new(ty)))
    })
}
