//! Where a module's machine code is in this process, for debuggers and the like.

use std::ops::Range;

use wasmer_vm::profile::pieces;

use crate::module::Module;

/// A piece of a module's machine code: a function's, or a trampoline between conventions.
///
/// ```
/// # use wasmer_api::{Engine, EngineConfig, Module};
/// fn functions(module: &Module) -> Vec<String> {
///     let describe = |piece: &wasmer_api::CodePiece| format!("{:#x} {}", piece.addresses.start, piece.name);
///     module.code_pieces().iter().map(describe).collect()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodePiece {
    /// The function's name in the name section, or else `wasm[N]` for the function with index N; `wasm[trampoline]`.
    pub name: String,
    /// Where it is; valid as long as the module or an instance of it lives.
    pub addresses: Range<usize>,
    /// Addresses in it, ascending, and the offset in the module's bytes of the operator that the code from there on belongs to.
    pub operators: Vec<(usize, u32)>,
}

impl Module {
    /// The pieces of the module's machine code, ascending. Of a module that is compiled lazily, without what its calls add.
    pub fn code_pieces(&self) -> Vec<CodePiece> {
        let image = self.image();
        let start = image.code_range().start;
        let mut operators =
            image.wasm_offsets().map(|(offset, wasm_offset)| (start + offset as usize, wasm_offset)).peekable();
        let mut piece = |(name, range): (std::borrow::Cow<'_, str>, Range<usize>)| {
            let addresses = start + range.start..start + range.end;
            while operators.next_if(|(address, _)| *address < addresses.start).is_some() {}
            let mut own = Vec::new();
            while let Some(operator) = operators.next_if(|(address, _)| *address < addresses.end) {
                own.push(operator);
            }
            CodePiece { name: name.into_owned(), addresses, operators: own }
        };
        pieces(image).map(&mut piece).collect()
    }
}
