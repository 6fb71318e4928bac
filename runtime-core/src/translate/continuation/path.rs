//! Where in a function a loop is: the constructs around it, and what lies on the operand stack there.

use wasmparser::{
    BinaryReader, BlockType, FrameKind, FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator,
    ValidatorResources,
};

/// A construct that is open where the loop begins: the function's body, what is in it, and at last the loop itself.
#[derive(Clone, Debug)]
pub(super) struct Construct {
    /// What it is; an `if` whose second arm is open is [`FrameKind::Else`].
    pub(super) kind: FrameKind,
    pub(super) ty: BlockType,
    /// Its operator, in the module.
    pub(super) operator: (usize, usize),
    /// Where the code of it begins that is open: behind its operator, or behind its `else`.
    pub(super) body: usize,
    /// How many operands lie below its parameters.
    pub(super) height: usize,
}

/// What an operator does to the structure of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Opens a construct; has labels itself if it is a `try_table`.
    Open,
    Else,
    /// Ends one part of a legacy `try` and begins another.
    Catch,
    End,
    /// Ends a legacy `try`, and has a label.
    Delegate,
    /// Has labels.
    Branch,
}

/// An operator that has to do with structure, and where it is in the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Structural {
    pub(super) role: Role,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A function as it is where a loop begins.
pub(super) struct Path {
    /// From the function's body inwards.
    pub(super) constructs: Vec<Construct>,
    /// All operators of the function that have to do with structure.
    pub(super) structure: Vec<Structural>,
    /// Types of the operands, the loop's parameters last.
    pub(super) operands: Vec<wasmparser::ValType>,
}

impl Path {
    /// The path to the loop whose operator is at this offset of the module; none if there is none, it cannot be reached, or it is in the handler of a legacy
    /// `try`. The function was validated.
    pub(super) fn find(
        body: &FunctionBody<'_>,
        validate: FuncToValidate<ValidatorResources>,
        offset: usize,
    ) -> Option<Self> {
        let mut validator = validate.into_validator(FuncValidatorAllocations::default());
        validator.read_locals(&mut body.get_binary_reader()).ok()?;
        let mut reader = body.get_operators_reader().ok()?;
        let code = reader.original_position() as usize;
        let whole =
            Construct { kind: FrameKind::Block, ty: BlockType::Empty, operator: (code, code), body: code, height: 0 };
        let mut open = vec![whole];
        let mut structure = Vec::new();
        let mut found = None;
        while !reader.eof() {
            let (operator, start) = reader.read_with_offset().ok()?;
            let (start, end) = (start as usize, reader.original_position() as usize);
            if let Some(role) = role(&operator) {
                structure.push(Structural { role, start, end });
            }
            if found.is_some() {
                continue;
            }
            validator.op(start as u64, &operator).ok()?;
            follow(&mut open, &operator, (start, end))?;
            if start >= offset {
                if start > offset || !matches!(operator, Operator::Loop { .. }) {
                    return None;
                }
                for (construct, depth) in open.iter_mut().rev().zip(0..) {
                    let frame = validator.get_control_frame(depth)?;
                    if frame.unreachable || construct.kind == FrameKind::LegacyCatch {
                        return None;
                    }
                    construct.height = frame.height;
                }
                found = Some(std::mem::take(&mut open));
            }
        }
        let height = validator.operand_stack_height() as usize;
        let operands = (0..height).rev().map(|depth| validator.get_operand_type(depth).flatten());
        Some(Self { constructs: found?, structure, operands: operands.collect::<Option<_>>()? })
    }

    /// The operators that have to do with structure in a part of the function.
    pub(super) fn structure_of(&self, start: usize, end: usize) -> &[Structural] {
        let position = |offset| self.structure.partition_point(|operator| operator.start < offset);
        &self.structure[position(start)..position(end)]
    }
}

/// Opens and closes constructs as an operator does.
fn follow(open: &mut Vec<Construct>, operator: &Operator<'_>, place: (usize, usize)) -> Option<()> {
    let opened = |kind, ty| Construct { kind, ty, operator: place, body: place.1, height: 0 };
    match operator {
        Operator::Block { blockty } => open.push(opened(FrameKind::Block, *blockty)),
        Operator::Loop { blockty } => open.push(opened(FrameKind::Loop, *blockty)),
        Operator::If { blockty } => open.push(opened(FrameKind::If, *blockty)),
        Operator::TryTable { try_table } => open.push(opened(FrameKind::TryTable, try_table.ty)),
        Operator::Try { blockty } => open.push(opened(FrameKind::LegacyTry, *blockty)),
        Operator::Else | Operator::Catch { .. } | Operator::CatchAll => {
            let inner = open.last_mut()?;
            inner.kind = if matches!(operator, Operator::Else) { FrameKind::Else } else { FrameKind::LegacyCatch };
            inner.body = place.1;
        }
        Operator::End | Operator::Delegate { .. } => drop(open.pop()),
        _ => {}
    }
    Some(())
}

fn role(operator: &Operator<'_>) -> Option<Role> {
    Some(match operator {
        Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::If { .. }
        | Operator::TryTable { .. }
        | Operator::Try { .. } => Role::Open,
        Operator::Else => Role::Else,
        Operator::Catch { .. } | Operator::CatchAll => Role::Catch,
        Operator::End => Role::End,
        Operator::Delegate { .. } => Role::Delegate,
        Operator::Br { .. }
        | Operator::BrIf { .. }
        | Operator::BrTable { .. }
        | Operator::BrOnNull { .. }
        | Operator::BrOnNonNull { .. }
        | Operator::BrOnCast { .. }
        | Operator::BrOnCastFail { .. }
        | Operator::Rethrow { .. } => Role::Branch,
        _ => return None,
    })
}

/// Copies an operator that has labels. Those that lead out of the `nest` constructs around it lead out of one more, see [`super::rewrite`].
pub(super) fn copy_with_labels(operator: &[u8], nest: u32, to: &mut Vec<u8>) -> Option<()> {
    let mut reader = BinaryReader::new(operator, 0);
    let mut copied = 0;
    let mut label = |reader: &mut BinaryReader<'_>| -> Option<()> {
        to.extend_from_slice(&operator[copied..reader.current_position()]);
        let depth = reader.read_var_u32().ok()?;
        super::leb(to, depth + u32::from(depth >= nest));
        copied = reader.current_position();
        Some(())
    };
    match reader.read_u8().ok()? {
        // `rethrow`, `br`, `br_if`, `delegate`, `br_on_null`, `br_on_non_null`
        0x09 | 0x0c | 0x0d | 0x18 | 0xd5 | 0xd6 => label(&mut reader)?,
        // `br_table`
        0x0e => {
            for _ in 0..=reader.read_var_u32().ok()? {
                label(&mut reader)?;
            }
        }
        // `try_table`
        0x1f => {
            super::block_type(&mut reader)?;
            for _ in 0..reader.read_var_u32().ok()? {
                if reader.read_u8().ok()? < 2 {
                    reader.read_var_u32().ok()?;
                }
                label(&mut reader)?;
            }
        }
        // `br_on_cast`, `br_on_cast_fail`
        0xfb => {
            reader.read_var_u32().ok()?;
            reader.read_u8().ok()?;
            label(&mut reader)?;
        }
        _ => {}
    }
    to.extend_from_slice(&operator[copied..]);
    Some(())
}
