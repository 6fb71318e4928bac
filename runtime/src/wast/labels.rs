//! Names of labels become numbers before the parser's library looks them up: it goes through all enclosing blocks for each, so that deep
//! nests full of branches would take time in proportion to the square of their length. Here it takes one step for each name.
//!
//! A name that means nothing is left, and refused by the library with a message.

use std::collections::HashMap;

use wast::Wat;
use wast::core::*;
use wast::token::{Id, Index};

/// Replaces the names of labels in a module.
pub(super) fn number(wat: &mut Wat<'_>) {
    // Modules in components are left to the library.
    let Wat::Module(Module { kind: ModuleKind::Text(fields), .. }) = wat else { return };
    fields.iter_mut().flat_map(expressions).for_each(number_in);
}

/// All code of a field: constant expressions may hold blocks, too, before they are refused.
fn expressions<'a, 'b>(field: &'b mut ModuleField<'a>) -> Vec<&'b mut Expression<'a>> {
    match field {
        ModuleField::Func(Func { kind: FuncKind::Inline { expression, .. }, .. }) => vec![expression],
        ModuleField::Global(Global { kind: GlobalKind::Inline(expression), .. }) => vec![expression],
        ModuleField::Data(Data { kind: DataKind::Active { offset, .. }, .. }) => vec![offset],
        ModuleField::Table(table) => match &mut table.kind {
            TableKind::Normal { init_expr, .. } => init_expr.iter_mut().collect(),
            TableKind::Inline { payload, .. } => items(payload),
            TableKind::Import { .. } => Vec::new(),
        },
        ModuleField::Elem(segment) => {
            let mut all = items(&mut segment.payload);
            if let ElemKind::Active { offset, .. } = &mut segment.kind {
                all.push(offset);
            }
            all
        }
        _ => Vec::new(),
    }
}

fn items<'a, 'b>(payload: &'b mut ElemPayload<'a>) -> Vec<&'b mut Expression<'a>> {
    match payload {
        ElemPayload::Indices(_) => Vec::new(),
        ElemPayload::Exprs { exprs, .. } => exprs.iter_mut().collect(),
    }
}

/// The blocks around an instruction.
#[derive(Default)]
struct Blocks<'a> {
    /// From the outermost to the innermost.
    labels: Vec<Option<Id<'a>>>,
    /// The positions of the blocks of each name.
    positions: HashMap<Id<'a>, Vec<usize>>,
}

impl<'a> Blocks<'a> {
    fn enter(&mut self, label: Option<Id<'a>>) {
        if let Some(label) = label {
            self.positions.entry(label).or_default().push(self.labels.len());
        }
        self.labels.push(label);
    }

    fn leave(&mut self) {
        if let Some(label) = self.labels.pop().flatten() {
            self.positions.entry(label).or_default().pop();
        }
    }

    fn number(&self, index: &mut Index<'a>) {
        let Index::Id(id) = *index else { return };
        if let Some(position) = self.positions.get(&id).and_then(|positions| positions.last()) {
            *index = Index::Num((self.labels.len() - 1 - position) as u32, id.span());
        }
    }
}

fn number_in(expression: &mut Expression<'_>) {
    let mut blocks = Blocks::default();
    for instruction in &mut expression.instrs {
        number_one(&mut blocks, instruction);
    }
}

fn number_one<'a>(blocks: &mut Blocks<'a>, instruction: &mut Instruction<'a>) {
    use Instruction as I;
    match instruction {
        I::block(block) | I::if_(block) | I::loop_(block) | I::try_(block) => blocks.enter(block.label),
        I::try_table(table) => {
            // What is caught goes on around the block.
            table.catches.iter_mut().for_each(|catch| blocks.number(&mut catch.label));
            blocks.enter(table.block.label);
        }
        I::end(_) => blocks.leave(),
        I::delegate(label) => {
            blocks.leave();
            blocks.number(label);
        }
        I::br(label) | I::br_if(label) | I::br_on_null(label) | I::br_on_non_null(label) | I::rethrow(label) => {
            blocks.number(label);
        }
        I::br_on_cast(cast) => blocks.number(&mut cast.label),
        I::br_on_cast_fail(cast) => blocks.number(&mut cast.label),
        I::br_table(table) => {
            table.labels.iter_mut().for_each(|label| blocks.number(label));
            blocks.number(&mut table.default);
        }
        I::resume(resume) => number_handlers(blocks, &mut resume.table),
        I::resume_throw(resume) => number_handlers(blocks, &mut resume.table),
        I::resume_throw_ref(resume) => number_handlers(blocks, &mut resume.table),
        _ => {}
    }
}

fn number_handlers<'a>(blocks: &Blocks<'a>, table: &mut ResumeTable<'a>) {
    for handler in &mut table.handlers {
        if let Handle::OnLabel { label, .. } = handler {
            blocks.number(label);
        }
    }
}
