//! Types of values, and of what modules import and export.

use std::mem::MaybeUninit;

use wasmer_runtime::{
    ExportInfo, ExternType, FuncType, GlobalType, HeapType, ImportInfo, Limits, MemoryType, RefType, TableType,
    ValType, Width,
};

use crate::vector::{Vector, vector_functions, write};

/// `wasm_valkind_t`, with those of `wasmer.h`.
pub(crate) mod kind {
    pub(crate) const I32: u8 = 0;
    pub(crate) const I64: u8 = 1;
    pub(crate) const F32: u8 = 2;
    pub(crate) const F64: u8 = 3;
    pub(crate) const V128: u8 = 4;
    pub(crate) const EXTERNREF: u8 = 128;
    pub(crate) const FUNCREF: u8 = 129;
    pub(crate) const EXNREF: u8 = 130;
    pub(crate) const OTHERREF: u8 = 131;
}

/// `wasm_externkind_t`, with that of `wasmer.h`.
pub(crate) mod extern_kind {
    pub(crate) const FUNC: u8 = 0;
    pub(crate) const GLOBAL: u8 = 1;
    pub(crate) const TABLE: u8 = 2;
    pub(crate) const MEMORY: u8 = 3;
    pub(crate) const TAG: u8 = 4;
}

/// The kind of a type: several types may have one.
pub(crate) fn kind_of(ty: ValType) -> u8 {
    match ty {
        ValType::I32 => kind::I32,
        ValType::I64 => kind::I64,
        ValType::F32 => kind::F32,
        ValType::F64 => kind::F64,
        ValType::V128 => kind::V128,
        ValType::Ref(reference) if reference.heap.is_func() => kind::FUNCREF,
        ValType::Ref(reference) if reference.heap.is_exn() => kind::EXNREF,
        ValType::Ref(RefType { heap: HeapType::Extern | HeapType::NoExtern, .. }) => kind::EXTERNREF,
        ValType::Ref(_) => kind::OTHERREF,
    }
}

/// The first type of a kind.
fn type_of(kind: u8) -> Option<ValType> {
    Some(match kind {
        kind::I32 => ValType::I32,
        kind::I64 => ValType::I64,
        kind::F32 => ValType::F32,
        kind::F64 => ValType::F64,
        kind::V128 => ValType::V128,
        kind::EXTERNREF => ValType::EXTERNREF,
        kind::FUNCREF => ValType::FUNCREF,
        kind::EXNREF => ValType::EXNREF,
        _ => return None,
    })
}

/// `wasm_valtype_t`: more than its kind, so that a type which came from a module goes back as it was.
#[derive(Clone)]
pub(crate) struct CValType(pub(crate) ValType);

/// `wasm_limits_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct CLimits {
    min: u32,
    max: u32,
}

impl CLimits {
    /// `wasm_limits_max_default`.
    const NO_MAX: u32 = u32::MAX;

    /// What C has no room for becomes the largest that it has.
    fn of(limits: &Limits) -> Self {
        let clamp = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        Self { min: clamp(limits.min), max: limits.max.map_or(Self::NO_MAX, clamp) }
    }

    fn limits(self) -> Limits {
        Limits { min: self.min.into(), max: Some(self.max.into()).filter(|_| self.max != Self::NO_MAX) }
    }
}

/// `wasm_externtype_t`, and under their own names the types of functions, globals, tables and memories.
#[derive(Clone)]
pub(crate) enum CExternType {
    Func {
        params: Types,
        results: Types,
    },
    Global {
        content: CValType,
        mutable: bool,
    },
    Table {
        element: CValType,
        limits: CLimits,
        ty: TableType,
    },
    Memory {
        limits: CLimits,
        ty: MemoryType,
    },
    /// Nothing that C could look into.
    Tag,
}

type Types = Vector<Option<Box<CValType>>>;

impl CExternType {
    pub(crate) fn new(ty: ExternType) -> Self {
        let list = |types: &[ValType]| Vector::from_vec(types.iter().map(|ty| Some(Box::new(CValType(*ty)))).collect());
        match ty {
            ExternType::Func(ty) => Self::Func { params: list(&ty.params), results: list(&ty.results) },
            ExternType::Global(ty) => Self::Global { content: CValType(ty.content), mutable: ty.mutable },
            ExternType::Table(ty) => {
                Self::Table { element: CValType(ValType::Ref(ty.element)), limits: CLimits::of(&ty.limits), ty }
            }
            ExternType::Memory(ty) => Self::Memory { limits: CLimits::of(&ty.limits), ty },
            ExternType::Tag(_) => Self::Tag,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Func { .. } => extern_kind::FUNC,
            Self::Global { .. } => extern_kind::GLOBAL,
            Self::Table { .. } => extern_kind::TABLE,
            Self::Memory { .. } => extern_kind::MEMORY,
            Self::Tag => extern_kind::TAG,
        }
    }

    /// The function type, if it is one, and whole.
    pub(crate) fn func(&self) -> Option<FuncType> {
        let Self::Func { params, results } = self else { return None };
        let list = |types: &Types| types.as_slice().iter().map(|ty| Some(ty.as_ref()?.0)).collect::<Option<Vec<_>>>();
        Some(FuncType::new(list(params)?, list(results)?))
    }

    pub(crate) fn global(&self) -> Option<GlobalType> {
        match self {
            Self::Global { content, mutable } => Some(GlobalType { content: content.0, mutable: *mutable }),
            _ => None,
        }
    }

    pub(crate) fn table(&self) -> Option<TableType> {
        match self {
            Self::Table { ty, .. } => Some(*ty),
            _ => None,
        }
    }

    pub(crate) fn memory(&self) -> Option<MemoryType> {
        match self {
            Self::Memory { ty, .. } => Some(*ty),
            _ => None,
        }
    }
}

/// `wasm_importtype_t`.
#[derive(Clone)]
pub(crate) struct CImportType {
    module: Vector<u8>,
    name: Vector<u8>,
    ty: Box<CExternType>,
}

impl CImportType {
    pub(crate) fn new(import: ImportInfo) -> Self {
        let name = |text: &str| Vector::copied(text.as_bytes());
        let ty = Box::new(CExternType::new(import.ty));
        Self { module: name(&import.module), name: name(&import.name), ty }
    }
}

/// `wasm_exporttype_t`.
#[derive(Clone)]
pub(crate) struct CExportType {
    name: Vector<u8>,
    ty: Box<CExternType>,
}

impl CExportType {
    pub(crate) fn new(export: ExportInfo) -> Self {
        Self { name: Vector::copied(export.name.as_bytes()), ty: Box::new(CExternType::new(export.ty)) }
    }
}

/// What every type has: `delete`, `copy`, and vectors.
macro_rules! type_functions {
    ($name:literal, $ty:ty) => {
        const _: () = {
            #[unsafe(export_name = concat!("wasm_", $name, "_delete"))]
            extern "C" fn delete(ty: Option<Box<$ty>>) {
                drop(ty);
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_copy"))]
            extern "C" fn copy(ty: Option<&$ty>) -> Option<Box<$ty>> {
                ty.cloned().map(Box::new)
            }
        };
        vector_functions!($name, Option<Box<$ty>>);
    };
}

type_functions!("valtype", CValType);
type_functions!("functype", CExternType);
type_functions!("globaltype", CExternType);
type_functions!("tabletype", CExternType);
type_functions!("memorytype", CExternType);
type_functions!("externtype", CExternType);
type_functions!("importtype", CImportType);
type_functions!("exporttype", CExportType);

/// Whether the type that a pointer leads to, if to any, is of this kind.
fn is_of_kind(ty: *const CExternType, kind: u8) -> bool {
    // SAFETY: pointers to types are null or valid.
    unsafe { ty.as_ref() }.is_some_and(|ty| ty.kind() == kind)
}

/// The casts between `wasm_externtype_t` and one of its four kinds.
macro_rules! extern_type_casts {
    ($name:literal, $kind:expr) => {
        const _: () = {
            #[unsafe(export_name = concat!("wasm_", $name, "_as_externtype"))]
            extern "C" fn up(ty: *mut CExternType) -> *mut CExternType {
                ty
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_as_externtype_const"))]
            extern "C" fn up_const(ty: *const CExternType) -> *const CExternType {
                ty
            }

            #[unsafe(export_name = concat!("wasm_externtype_as_", $name))]
            extern "C" fn down(ty: *mut CExternType) -> *mut CExternType {
                if is_of_kind(ty, $kind) { ty } else { std::ptr::null_mut() }
            }

            #[unsafe(export_name = concat!("wasm_externtype_as_", $name, "_const"))]
            extern "C" fn down_const(ty: *const CExternType) -> *const CExternType {
                if is_of_kind(ty, $kind) { ty } else { std::ptr::null() }
            }
        };
    };
}

extern_type_casts!("functype", extern_kind::FUNC);
extern_type_casts!("globaltype", extern_kind::GLOBAL);
extern_type_casts!("tabletype", extern_kind::TABLE);
extern_type_casts!("memorytype", extern_kind::MEMORY);

#[unsafe(no_mangle)]
extern "C" fn wasm_valtype_new(kind: u8) -> Option<Box<CValType>> {
    type_of(kind).map(|ty| Box::new(CValType(ty)))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_valtype_kind(ty: Option<&CValType>) -> u8 {
    ty.map_or(kind::OTHERREF, |ty| kind_of(ty.0))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_functype_new(params: Option<&mut Types>, results: Option<&mut Types>) -> Option<Box<CExternType>> {
    let [params, results] = [params, results].map(|types| types.map_or(Vector::EMPTY, Vector::take));
    let is_whole = |types: &Types| types.as_slice().iter().all(Option::is_some);
    (is_whole(&params) && is_whole(&results)).then(|| Box::new(CExternType::Func { params, results }))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_functype_params(ty: Option<&CExternType>) -> Option<&Types> {
    match ty? {
        CExternType::Func { params, .. } => Some(params),
        _ => None,
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasm_functype_results(ty: Option<&CExternType>) -> Option<&Types> {
    match ty? {
        CExternType::Func { results, .. } => Some(results),
        _ => None,
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasm_globaltype_new(content: Option<Box<CValType>>, mutability: u8) -> Option<Box<CExternType>> {
    let content = *content?;
    (mutability <= 1).then(|| Box::new(CExternType::Global { content, mutable: mutability == 1 }))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_globaltype_content(ty: Option<&CExternType>) -> Option<&CValType> {
    match ty? {
        CExternType::Global { content, .. } => Some(content),
        _ => None,
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasm_globaltype_mutability(ty: Option<&CExternType>) -> u8 {
    u8::from(matches!(ty, Some(CExternType::Global { mutable: true, .. })))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_tabletype_new(element: Option<Box<CValType>>, limits: Option<&CLimits>) -> Option<Box<CExternType>> {
    let ValType::Ref(element) = element?.0 else { return None };
    let ty = TableType { element, limits: limits?.limits(), index: Width::W32 };
    Some(Box::new(CExternType::new(ExternType::Table(ty))))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_tabletype_element(ty: Option<&CExternType>) -> Option<&CValType> {
    match ty? {
        CExternType::Table { element, .. } => Some(element),
        _ => None,
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasm_tabletype_limits(ty: Option<&CExternType>) -> Option<&CLimits> {
    match ty? {
        CExternType::Table { limits, .. } => Some(limits),
        _ => None,
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasm_memorytype_new(limits: Option<&CLimits>) -> Option<Box<CExternType>> {
    let ty = MemoryType { limits: limits?.limits(), index: Width::W32, shared: false, page_size_log2: 16 };
    Some(Box::new(CExternType::new(ExternType::Memory(ty))))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_memorytype_limits(ty: Option<&CExternType>) -> Option<&CLimits> {
    match ty? {
        CExternType::Memory { limits, .. } => Some(limits),
        _ => None,
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasm_externtype_kind(ty: Option<&CExternType>) -> u8 {
    ty.map_or(u8::MAX, CExternType::kind)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_importtype_new(
    module: Option<&mut Vector<u8>>,
    name: Option<&mut Vector<u8>>,
    ty: Option<Box<CExternType>>,
) -> Option<Box<CImportType>> {
    let [module, name] = [module, name].map(|name| name.map(Vector::take));
    Some(Box::new(CImportType { module: module?, name: name?, ty: ty? }))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_importtype_module(ty: Option<&CImportType>) -> Option<&Vector<u8>> {
    Some(&ty?.module)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_importtype_name(ty: Option<&CImportType>) -> Option<&Vector<u8>> {
    Some(&ty?.name)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_importtype_type(ty: Option<&CImportType>) -> Option<&CExternType> {
    Some(&ty?.ty)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_exporttype_new(
    name: Option<&mut Vector<u8>>,
    ty: Option<Box<CExternType>>,
) -> Option<Box<CExportType>> {
    let name = name.map(Vector::take);
    Some(Box::new(CExportType { name: name?, ty: ty? }))
}

#[unsafe(no_mangle)]
extern "C" fn wasm_exporttype_name(ty: Option<&CExportType>) -> Option<&Vector<u8>> {
    Some(&ty?.name)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_exporttype_type(ty: Option<&CExportType>) -> Option<&CExternType> {
    Some(&ty?.ty)
}

/// Fills a vector with boxes.
pub(crate) fn write_boxes<T>(out: Option<&mut MaybeUninit<Vector<Option<Box<T>>>>>, elements: impl Iterator<Item = T>) {
    write(out, Vector::from_vec(elements.map(|element| Some(Box::new(element))).collect()));
}
