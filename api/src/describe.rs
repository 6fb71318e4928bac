//! Types in messages: written out, where the types themselves name others by the numbers that those have in this process.

use std::fmt;

use wasmer_runtime_core::types::*;
use wasmer_vm::types_registry;

/// How deep types in types are written out: what is written grows with each level, and nobody reads that.
const DEPTH_MAX: usize = 2;
/// How many fields of a struct are written out.
const FIELDS_MAX: usize = 16;

/// A type in an error, and how it reads. The text is made at once: other types in it stand there by numbers that mean something only as long as a module,
/// function or object has them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Described<T> {
    /// The type; concrete references in it are canonical ids.
    pub ty: T,
    text: String,
}

impl Described<FuncType> {
    pub(crate) fn func(ty: &FuncType) -> Self {
        Self { ty: ty.clone(), text: func(ty) }
    }
}

impl Described<ValType> {
    pub(crate) fn val(ty: ValType) -> Self {
        Self { ty, text: val(ty) }
    }
}

impl<T> fmt::Display for Described<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A function type whose references are canonical ids that somebody owns.
pub(crate) fn func(ty: &FuncType) -> String {
    func_in(ty, 0)
}

/// A value type, likewise.
pub(crate) fn val(ty: ValType) -> String {
    val_in(ty, 0)
}

fn func_in(ty: &FuncType, depth: usize) -> String {
    let list = |types: &[ValType]| types.iter().map(|ty| val_in(*ty, depth)).collect::<Vec<_>>().join(" ");
    format!("[{}] -> [{}]", list(&ty.params), list(&ty.results))
}

fn val_in(ty: ValType, depth: usize) -> String {
    let ValType::Ref(RefType { nullable, heap: HeapType::Concrete(_, id) }) = ty else { return ty.to_string() };
    let null = if nullable { "null " } else { "" };
    if depth == DEPTH_MAX {
        return format!("(ref {null}…)");
    }
    format!("(ref {null}{})", def_in(&types_registry::lookup(CanonicalId(id)), depth + 1))
}

fn def_in(ty: &TypeDef, depth: usize) -> String {
    let composite = match &ty.composite {
        CompositeType::Func(ty) => format!("(func {})", func_in(ty, depth)),
        CompositeType::Struct(ty) => {
            let rest = if ty.fields.len() > FIELDS_MAX { " …" } else { "" };
            let fields = ty.fields.iter().take(FIELDS_MAX).map(|ty| format!(" (field {})", field_in(ty, depth)));
            format!("(struct{}{rest})", fields.collect::<String>())
        }
        CompositeType::Array(ty) => format!("(array {})", field_in(&ty.element, depth)),
    };
    if ty.is_final { composite } else { format!("(sub {composite})") }
}

fn field_in(ty: &FieldType, depth: usize) -> String {
    let storage = match ty.storage {
        StorageType::Val(ty) => val_in(ty, depth),
        packed => packed.to_string(),
    };
    if ty.mutable { format!("(mut {storage})") } else { storage }
}

fn limits(limits: &Limits) -> String {
    match limits.max {
        Some(max) => format!("{}..={max}", limits.min),
        None => format!("{}..", limits.min),
    }
}

pub(crate) fn table(ty: &TableType) -> String {
    let wide = if ty.index == Width::W64 { "64-bit " } else { "" };
    format!("{wide}table of {} {} elements", limits(&ty.limits), val(ValType::Ref(ty.element)))
}

/// The size of a page is only worth a word where it is the difference.
pub(crate) fn memory(ty: &MemoryType, with_page: bool) -> String {
    let shared = if ty.shared { "shared " } else { "" };
    let page = match (with_page, ty.page_size_log2) {
        (false, _) => String::new(),
        (true, 0) => " of 1 byte".to_owned(),
        (true, log2) => format!(" of {} bytes", 1_u64 << log2),
    };
    format!("{shared}{}-bit memory of {} pages{page}", ty.index.bits(), limits(&ty.limits))
}

pub(crate) fn global(ty: &GlobalType) -> String {
    format!("{}global {}", if ty.mutable { "mutable " } else { "" }, val(ty.content))
}
