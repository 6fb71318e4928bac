//! The types of a component, from the translating crate's tables to ours.

use std::collections::HashMap;

use wasmtime_environ as environ;
use wasmtime_environ::component::{
    CanonicalAbiInfo, ComponentTypes, InterfaceType, MAX_FLAT_PARAMS, TypeFuncIndex, TypeResourceTable,
};
use wasmtime_environ::{EntityRef, ModuleInternedTypeIndex, WasmValType};

use crate::check::members;
use crate::error::TranslateError;
use crate::info::*;

/// Converts types, each once.
pub(crate) struct TypeConverter<'a> {
    source: &'a ComponentTypes,
    types: Types,
    defs: HashMap<InterfaceType, DefIdx>,
    funcs: HashMap<TypeFuncIndex, FuncIdx>,
    sigs: HashMap<ModuleInternedTypeIndex, SigIdx>,
}

type Result<T> = std::result::Result<T, TranslateError>;

impl<'a> TypeConverter<'a> {
    pub(crate) fn new(source: &'a ComponentTypes, handles: usize) -> Self {
        let handles = (0..handles).map(|position| handle(source, position)).collect();
        let types = Types { defs: Vec::new(), funcs: Vec::new(), handles, sigs: Vec::new() };
        Self { source, types, defs: HashMap::new(), funcs: HashMap::new(), sigs: HashMap::new() }
    }

    pub(crate) fn finish(self) -> Types {
        self.types
    }

    /// A type. Our validator bounds how deep types are.
    pub(crate) fn ty(&mut self, ty: InterfaceType) -> Result<Type> {
        Ok(match ty {
            InterfaceType::Bool => Type::Bool,
            InterfaceType::S8 => Type::S8,
            InterfaceType::U8 => Type::U8,
            InterfaceType::S16 => Type::S16,
            InterfaceType::U16 => Type::U16,
            InterfaceType::S32 => Type::S32,
            InterfaceType::U32 => Type::U32,
            InterfaceType::S64 => Type::S64,
            InterfaceType::U64 => Type::U64,
            InterfaceType::Float32 => Type::F32,
            InterfaceType::Float64 => Type::F64,
            InterfaceType::Char => Type::Char,
            InterfaceType::String => Type::String,
            InterfaceType::Own(table) => Type::Own(HandleIdx(table.as_u32())),
            InterfaceType::Borrow(table) => Type::Borrow(HandleIdx(table.as_u32())),
            compound => Type::Def(self.def(compound)?),
        })
    }

    fn def(&mut self, ty: InterfaceType) -> Result<DefIdx> {
        if let Some(known) = self.defs.get(&ty) {
            return Ok(*known);
        }
        let kind = self.kind(ty)?;
        let CanonicalAbiInfo { size32, align32, .. } = *self.source.canonical_abi(&ty);
        let flat = self.source.canonical_abi(&ty).flat_count(MAX_FLAT_PARAMS);
        let has_borrow = members(&kind).iter().any(|ty| self.types.has_borrow(*ty));
        let flat = flat.map(|count| count as u8);
        let index = DefIdx(self.types.defs.len() as u32);
        self.types.defs.push(Def { kind, size: size32, align: align32, flat, has_borrow });
        self.defs.insert(ty, index);
        Ok(index)
    }

    fn kind(&mut self, ty: InterfaceType) -> Result<DefKind> {
        let source = self.source;
        Ok(match ty {
            InterfaceType::List(list) => DefKind::List(self.ty(source[list].element)?),
            InterfaceType::Record(record) => {
                let field = |field: &environ::component::RecordField| {
                    Ok(Field { name: field.name.clone(), ty: self.ty(field.ty)? })
                };
                DefKind::Record(source[record].fields.iter().map(field).collect::<Result<_>>()?)
            }
            InterfaceType::Tuple(tuple) => {
                DefKind::Tuple(source[tuple].types.iter().map(|ty| self.ty(*ty)).collect::<Result<_>>()?)
            }
            InterfaceType::Variant(variant) => {
                let case = |(name, ty): (&String, &Option<InterfaceType>)| {
                    Ok(Case { name: name.clone(), ty: self.optional(*ty)? })
                };
                DefKind::Variant(source[variant].cases.iter().map(case).collect::<Result<_>>()?)
            }
            InterfaceType::Enum(names) => DefKind::Enum(source[names].names.iter().cloned().collect()),
            InterfaceType::Flags(flags) => DefKind::Flags(source[flags].names.iter().cloned().collect()),
            InterfaceType::Option(option) => DefKind::Option(self.ty(source[option].ty)?),
            InterfaceType::Result(result) => {
                DefKind::Result(self.optional(source[result].ok)?, self.optional(source[result].err)?)
            }
            other => return Err(TranslateError::Bug(format!("the type {other:?} was not refused"))),
        })
    }

    pub(crate) fn optional(&mut self, ty: Option<InterfaceType>) -> Result<Option<Type>> {
        ty.map(|ty| self.ty(ty)).transpose()
    }

    /// A function type.
    pub(crate) fn func(&mut self, index: TypeFuncIndex) -> Result<FuncIdx> {
        if let Some(known) = self.funcs.get(&index) {
            return Ok(*known);
        }
        let source = &self.source[index];
        if source.async_ {
            return Err(TranslateError::Bug("an asynchronous function was not refused".to_owned()));
        }
        let params = self.def(InterfaceType::Tuple(source.params))?;
        let result = self.optional(self.source[source.results].types.first().copied())?;
        let Def { flat, has_borrow, .. } = *self.types.def(params);
        let ty = FuncType { names: source.param_names.clone(), params, result, flat_params: flat, has_borrow };
        let converted = FuncIdx(self.types.funcs.len() as u32);
        self.types.funcs.push(ty);
        self.funcs.insert(index, converted);
        Ok(converted)
    }

    /// A core signature.
    pub(crate) fn sig(&mut self, index: ModuleInternedTypeIndex) -> Result<SigIdx> {
        if let Some(known) = self.sigs.get(&index) {
            return Ok(*known);
        }
        let func = self.source.module_types()[index].unwrap_func();
        let list = |types: &[WasmValType]| types.iter().map(core_type).collect::<Result<Vec<_>>>();
        let sig = Sig { params: list(func.params())?, results: list(func.results())? };
        let converted = SigIdx(self.types.sigs.len() as u32);
        self.types.sigs.push(sig);
        self.sigs.insert(index, converted);
        Ok(converted)
    }
}

fn handle(source: &ComponentTypes, position: usize) -> Handle {
    match source[environ::component::TypeResourceTableIndex::new(position)] {
        TypeResourceTable::Concrete { ty, instance } => {
            Handle { resource: Some(ResourceIdx(ty.as_u32())), instance: InstanceIdx(instance.as_u32()) }
        }
        TypeResourceTable::Abstract(_) => Handle { resource: None, instance: InstanceIdx(0) },
    }
}

fn core_type(ty: &WasmValType) -> Result<CoreType> {
    Ok(match ty {
        WasmValType::I32 => CoreType::I32,
        WasmValType::I64 => CoreType::I64,
        WasmValType::F32 => CoreType::F32,
        WasmValType::F64 => CoreType::F64,
        other => return Err(TranslateError::Bug(format!("a built-in function has a parameter of type {other}"))),
    })
}
