//! Where calls by references are likely to go: to the functions of their type that the module makes references of, if there are few.

use super::*;

/// How many functions of a type are few.
const CALLEES_MAX: usize = 2;

/// How many parameters and results a call has at most that is copied for each of them.
pub(crate) const VALUES_MAX: usize = 16;

/// A function of the module that references of a type can lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LikelyCallee {
    /// Which function.
    pub function: DefinedFuncIdx,
    /// Where [`Region::References`] has the reference to it.
    pub offset: u32,
}

/// The operators of a function that calls are likely to go to and that are translated where such a call would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortCallee {
    /// Which function.
    pub function: FuncIdx,
    /// They are valid, and the last one is the end.
    pub operators: Box<[u8]>,
}

/// By type, the functions of it and of its subtypes that segments and initial values name: `ref.func` in bodies needs them there, unless an export
/// has them. None where there are more than few.
pub(crate) fn callees(info: &ModuleInfo) -> Vec<Vec<LikelyCallee>> {
    let callee = |index: &FuncIdx| {
        Some(LikelyCallee { function: info.defined_func(*index)?, offset: info.reference_offset(*index)? })
    };
    few(info).iter().map(|functions| functions.iter().filter_map(callee).collect()).collect()
}

/// The defined functions among these that have a type of which there are few, in ascending order.
pub(crate) fn functions(info: &ModuleInfo) -> Vec<FuncIdx> {
    let mut functions = few(info).concat();
    functions.sort_unstable();
    functions.dedup();
    functions
}

/// By type, the defined functions of it and of its subtypes that are referred to, where they are few.
fn few(info: &ModuleInfo) -> Vec<Vec<FuncIdx>> {
    let mut few = vec![Vec::new(); info.types.len()];
    let mut functions = referenced(info);
    functions.sort_unstable();
    functions.dedup();
    for index in functions {
        if info.defined_func(index).is_none() {
            continue;
        }
        let mut ty = Some(info.functions[index.index()]);
        while let Some(at) = ty {
            let of_type = &mut few[at.index()];
            if of_type.len() <= CALLEES_MAX {
                of_type.push(index);
            }
            ty = info.types[at.index()].supertype.map(TypeIdx);
        }
    }
    few.iter_mut().filter(|of_type| of_type.len() > CALLEES_MAX).for_each(Vec::clear);
    few
}

/// The functions in segments and initial values, some of them repeatedly.
fn referenced(info: &ModuleInfo) -> Vec<FuncIdx> {
    let mut functions = Vec::new();
    let mut constants: Vec<_> = info.global_inits.iter().chain(info.table_inits.iter().flatten()).collect();
    for segment in &info.elements {
        match &segment.items {
            ElementItems::Functions(items) => functions.extend(items),
            ElementItems::Expressions(items) => constants.extend(items),
        }
    }
    functions.extend(constants.iter().flat_map(|constant| &constant.0).filter_map(|op| match op {
        ConstOp::RefFunc(function) => Some(*function),
        _ => None,
    }));
    functions
}
