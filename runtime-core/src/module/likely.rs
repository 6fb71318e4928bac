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

/// By type, the functions of it and of its subtypes that segments and initial values name: `ref.func` in bodies needs them there, unless an export
/// has them. None where there are more than few.
pub(crate) fn callees(info: &ModuleInfo) -> Vec<Vec<LikelyCallee>> {
    let mut callees = vec![Vec::new(); info.types.len()];
    let mut functions = referenced(info);
    functions.sort_unstable();
    functions.dedup();
    for index in functions {
        let (Some(function), Some(offset)) = (info.defined_func(index), info.reference_offset(index)) else { continue };
        let mut ty = Some(info.functions[index.index()]);
        while let Some(at) = ty {
            let of_type = &mut callees[at.index()];
            if of_type.len() <= CALLEES_MAX {
                of_type.push(LikelyCallee { function, offset });
            }
            ty = info.types[at.index()].supertype.map(TypeIdx);
        }
    }
    callees.iter_mut().filter(|of_type| of_type.len() > CALLEES_MAX).for_each(Vec::clear);
    callees
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
