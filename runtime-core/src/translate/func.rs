//! The one operator translator: validates a function body and drives a [`FuncCodegen`].

use crate::compiler::CompileError;
use crate::module::ModuleInfo;
use crate::translate::codegen::FuncCodegen;
use crate::types::*;

/// A function body to translate, and what its validation needs.
pub struct FuncInput<'a> {
    /// Which function.
    pub index: DefinedFuncIdx,
    /// Its body.
    pub body: wasmparser::FunctionBody<'a>,
    /// Validation resources of the module.
    pub validate: wasmparser::FuncToValidate<wasmparser::ValidatorResources>,
}

/// Reusable state of the translation; one per worker.
pub struct FuncTranslator<C: FuncCodegen> {
    values: Vec<C::Value>,
}

impl<C: FuncCodegen> FuncTranslator<C> {
    /// An empty translator.
    pub fn new() -> Self {
        Self { values: Vec::new() }
    }

    /// Validates `input` and translates it into calls of `codegen`, from `begin` to `finish`.
    pub fn translate(
        &mut self,
        _module: &ModuleInfo,
        _input: FuncInput<'_>,
        _codegen: &mut C,
    ) -> Result<(), CompileError> {
        self.values.clear();
        Err(CompileError::Limit("the translator is not written yet".into()))
    }
}

impl<C: FuncCodegen> Default for FuncTranslator<C> {
    fn default() -> Self {
        Self::new()
    }
}
