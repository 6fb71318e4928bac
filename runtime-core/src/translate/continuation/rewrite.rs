//! A function's bytes as those of its continuation at a loop.
//!
//! The constructs around the loop are opened again, from the function's body inwards, and the loop is entered; what follows stands there as it stood.
//! What stood before on the way was done already. Where no loop is around it, nothing comes there again, so it is left out, and an `if` is a
//! block of its arm. Inside of a loop that is around, it is done when that loop turns, but not when the continuation is entered:
//!
//! ```text
//! loop
//!   block
//!     local.get $entering   br_if 0
//!     …                     what stands before the inner construct: its branches lead out of one construct more
//!     local.set …           the operands that it leaves
//!   end
//!   local.get …             these, or, on entering, those of the parameters
//!   …                       the inner construct
//! ```
//!
//! The locals keep their numbers. Behind them are the operands that lie on the stack at the loop's head, then what the way needs.

use wasmparser::{BlockType, FrameKind};

use crate::loops::LOOP_VALUES_MAX;
use crate::module::ModuleInfo;
use crate::translate::convert::{self, At};
use crate::translate::func::FuncInput;
use crate::types::{TypeDef, TypeKind, ValType};

use super::encode::{block_type, func_type, heap_type, leb, signed, val_type};
use super::path::{Construct, Path, Role, Structural, copy_with_labels};
use super::{BinaryReader, Function};

/// The continuation of a function from the loop on whose operator is at `offset`.
pub(super) fn rewrite(wasm: &[u8], info: &ModuleInfo, input: FuncInput<'_>, offset: usize) -> Option<Function> {
    let ty = info.func_type(info.functions[info.func_index(input.index).index()]);
    let kinds: Vec<TypeKind> = info.types.iter().map(TypeDef::kind).collect();
    let at = At { offset: 0, gc: true, kinds: &kinds };
    let mut values = ty.params.to_vec();
    for group in input.body.get_locals_reader().ok()? {
        let (count, ty) = group.ok()?;
        if values.len() + count as usize > LOOP_VALUES_MAX {
            return None;
        }
        values.extend(std::iter::repeat_n(convert::val_type(ty, at).ok()?, count as usize));
    }
    let locals = values.len();
    let path = Path::find(&input.body, input.validate, offset)?;
    for ty in &path.operands {
        values.push(convert::val_type(*ty, at).ok()?);
    }
    let types = vec![func_type(&values, &ty.results)];
    let (params, first) = (values.len() as u32, locals as u32);
    let mut rewriter = Rewriter {
        wasm,
        info,
        at,
        path: &path,
        first,
        params,
        offset,
        code: Vec::new(),
        places: Vec::new(),
        made: Vec::new(),
        set: Vec::new(),
        types,
    };
    rewriter.way()?;
    rewriter.rest(offset)?;
    Some(rewriter.finish())
}

struct Rewriter<'a> {
    wasm: &'a [u8],
    info: &'a ModuleInfo,
    /// What types of the module are converted with.
    at: At<'a>,
    path: &'a Path,
    /// The local of the first operand on the stack.
    first: u32,
    /// How many parameters there are.
    params: u32,
    /// Where the loop is, and so everything that is from nowhere.
    offset: usize,
    code: Vec<u8>,
    /// Offsets in the code and in the module, see [`Function::places`].
    places: Vec<(u32, u32)>,
    /// Types of the locals that are not parameters.
    made: Vec<ValType>,
    /// Those of them that are 1 at first; the others are zero.
    set: Vec<u32>,
    /// See [`Function::types`].
    types: Vec<Vec<u8>>,
}

const LOCAL_GET: u8 = 0x20;
const LOCAL_SET: u8 = 0x21;
const END: u8 = 0x0b;

impl Rewriter<'_> {
    /// A new local.
    fn local(&mut self, ty: ValType) -> Option<u32> {
        // A reference that is never null has no value to begin with.
        if matches!(ty, ValType::Ref(reference) if !reference.nullable) {
            return None;
        }
        self.made.push(ty);
        Some(self.params + self.made.len() as u32 - 1)
    }

    fn locals_of(&mut self, types: &[ValType]) -> Option<Vec<u32>> {
        types.iter().map(|ty| self.local(*ty)).collect()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.places.push((self.code.len() as u32, self.offset as u32));
        self.code.extend_from_slice(bytes);
    }

    fn access(&mut self, operator: u8, local: u32) {
        self.write(&[operator]);
        leb(&mut self.code, local);
    }

    fn get_all(&mut self, locals: impl IntoIterator<Item = u32>) {
        locals.into_iter().for_each(|local| self.access(LOCAL_GET, local));
    }

    /// Pops operands into locals, the last one first.
    fn set_all(&mut self, locals: impl DoubleEndedIterator<Item = u32>) {
        locals.rev().for_each(|local| self.access(LOCAL_SET, local));
    }

    fn copy(&mut self, start: usize, end: usize) -> Option<()> {
        self.places.push((self.code.len() as u32, start as u32));
        self.code.extend_from_slice(self.wasm.get(start..end)?);
        Some(())
    }

    /// Copies code that stands in one construct more than it stood in.
    fn copy_deeper(&mut self, start: usize, end: usize) -> Option<()> {
        let (path, mut nest, mut copied) = (self.path, 0u32, start);
        for &Structural { role, start, end } in path.structure_of(start, end) {
            if matches!(role, Role::Open | Role::Branch | Role::Delegate) {
                self.copy(copied, start)?;
                self.places.push((self.code.len() as u32, start as u32));
                // The label of `delegate` is one outside of its `try`.
                let nest = nest.checked_sub(u32::from(role == Role::Delegate))?;
                copy_with_labels(self.wasm.get(start..end)?, nest, &mut self.code)?;
                copied = end;
            }
            match role {
                Role::Open => nest += 1,
                Role::End | Role::Delegate => nest = nest.checked_sub(1)?,
                Role::Else | Role::Catch | Role::Branch => {}
            }
        }
        self.copy(copied, end)
    }

    fn signature(&self, ty: BlockType) -> Option<(Vec<ValType>, Vec<ValType>)> {
        match ty {
            BlockType::Empty => Some((Vec::new(), Vec::new())),
            BlockType::Type(ty) => Some((Vec::new(), vec![convert::val_type(ty, self.at).ok()?])),
            BlockType::FuncType(index) => {
                let ty = self.info.types.get(index as usize)?.func()?;
                Some((ty.params.to_vec(), ty.results.to_vec()))
            }
        }
    }

    /// The operands between the heights of two constructs, as locals.
    fn operands(&self, outer: &Construct, inner: &Construct) -> std::ops::Range<u32> {
        self.first + outer.height as u32..self.first + inner.height as u32
    }

    /// Opens the constructs from the function's body to the loop, the loop included.
    fn way(&mut self) -> Option<()> {
        let constructs = &self.path.constructs;
        let target = constructs.len().checked_sub(1)?;
        // The local that is 1 until the loop is entered, once a loop is around.
        let mut entering = None;
        for (outer, inner) in constructs.iter().zip(&constructs[1..]) {
            let is_target = std::ptr::eq(inner, &constructs[target]);
            let (params, results) = self.signature(inner.ty)?;
            let Some(entering) = entering else {
                self.get_all(self.operands(outer, inner));
                if is_target {
                    self.get_all(self.first + inner.height as u32..self.params);
                    return self.copy(inner.operator.0, inner.operator.1);
                }
                if inner.kind == FrameKind::Loop {
                    let local = self.local(ValType::I32)?;
                    self.set.push(local);
                    entering = Some(local);
                    params.iter().try_for_each(|ty| self.anything(*ty))?;
                    self.copy(inner.operator.0, inner.operator.1)?;
                } else {
                    self.open_once(inner, &params, &results)?;
                }
                continue;
            };
            let taken = if is_target {
                (self.first + inner.height as u32..self.params).collect()
            } else {
                self.locals_of(&params)?
            };
            let condition = match inner.kind {
                FrameKind::If | FrameKind::Else => Some(self.local(ValType::I32)?),
                _ => None,
            };
            if let (Some(condition), FrameKind::If) = (condition, inner.kind) {
                self.set.push(condition);
            }
            let left: Vec<u32> = self.operands(outer, inner).chain(taken.iter().copied()).chain(condition).collect();
            self.before_again(outer, inner, entering, &left)?;
            if is_target {
                // i32.const 0
                self.write(&[0x41, 0]);
                self.access(LOCAL_SET, entering);
            }
            self.get_all(left);
            // Both arms of an `if`, up to where the way goes on.
            let end = if inner.kind == FrameKind::Else { inner.body } else { inner.operator.1 };
            self.copy(inner.operator.0, end)?;
        }
        Some(())
    }

    /// What stands in a construct before the next one inwards, inside of a loop: skipped on entering. Its operands go to the locals `left`.
    fn before_again(&mut self, outer: &Construct, inner: &Construct, entering: u32, left: &[u32]) -> Option<()> {
        let (params, _) = self.signature(outer.ty)?;
        if params.is_empty() && outer.body == inner.operator.0 {
            // Nothing, as in the nest of blocks that a switch is: looks at each of them would be most of what a turn does.
            return Some(());
        }
        let params = self.locals_of(&params)?;
        self.set_all(params.iter().copied());
        // block
        self.write(&[0x02, 0x40]);
        self.access(LOCAL_GET, entering);
        // br_if 0
        self.write(&[0x0d, 0]);
        self.get_all(params);
        self.copy_deeper(outer.body, inner.operator.0)?;
        self.set_all(left.iter().copied());
        self.write(&[END]);
        Some(())
    }

    /// A construct that is entered once only: without its parameters, which were used up.
    fn open_once(&mut self, construct: &Construct, params: &[ValType], results: &[ValType]) -> Option<()> {
        let operator = self.wasm.get(construct.operator.0..construct.operator.1)?;
        let is_if = matches!(construct.kind, FrameKind::If | FrameKind::Else);
        if params.is_empty() && !is_if {
            return self.copy(construct.operator.0, construct.operator.1);
        }
        let mut reader = BinaryReader::new(operator, 0);
        let opcode = reader.read_u8().ok()?;
        block_type(&mut reader)?;
        // An `if` is a block of its arm.
        self.write(&[if is_if { 0x02 } else { opcode }]);
        match results {
            [] => self.code.push(0x40),
            [ty] => val_type(&mut self.code, *ty),
            _ => {
                let index = (self.info.types.len() + self.types.len()) as u32;
                self.types.push(func_type(&[], results));
                signed(&mut self.code, index);
            }
        }
        self.code.extend_from_slice(&operator[reader.current_position()..]);
        Some(())
    }

    /// A value that nobody looks at.
    fn anything(&mut self, ty: ValType) -> Option<()> {
        match ty {
            ValType::I32 => self.write(&[0x41, 0]),
            ValType::I64 => self.write(&[0x42, 0]),
            ValType::F32 => self.write(&[0x43, 0, 0, 0, 0]),
            ValType::F64 => self.write(&[0x44, 0, 0, 0, 0, 0, 0, 0, 0]),
            ValType::V128 => {
                self.write(&[0xfd, 12]);
                self.code.extend_from_slice(&[0; 16]);
            }
            ValType::Ref(reference) if reference.nullable => {
                self.write(&[0xd0]);
                heap_type(&mut self.code, reference.heap);
            }
            ValType::Ref(_) => return None,
        }
        Some(())
    }

    /// What follows the loop's operator, to the function's end. Second arms of what is entered once in its first arm are left out.
    fn rest(&mut self, offset: usize) -> Option<()> {
        let path = self.path;
        let around = path.constructs.iter().position(|construct| construct.kind == FrameKind::Loop)?;
        let mut open: Vec<bool> = Vec::with_capacity(path.constructs.len());
        let is_once = |(position, construct): (usize, &Construct)| position < around && construct.kind == FrameKind::If;
        open.extend(path.constructs.iter().enumerate().map(is_once));
        let start = path.structure.partition_point(|operator| operator.start <= offset);
        let mut copied = path.constructs.last()?.body;
        // While something is left out: how many constructs were open around it.
        let mut left_out = None;
        for &Structural { role, start, end } in &path.structure[start..] {
            match role {
                Role::Open => open.push(false),
                Role::Else if left_out.is_none() && *open.last()? => {
                    self.copy(copied, start)?;
                    left_out = Some(open.len());
                }
                Role::End | Role::Delegate => {
                    if left_out == Some(open.len()) {
                        left_out = None;
                        copied = start;
                    }
                    open.pop()?;
                    if open.is_empty() {
                        return self.copy(copied, end);
                    }
                }
                Role::Else | Role::Catch | Role::Branch => {}
            }
        }
        None
    }

    fn finish(self) -> Function {
        let mut body = Vec::new();
        leb(&mut body, self.made.len() as u32);
        for ty in &self.made {
            body.push(1);
            val_type(&mut body, *ty);
        }
        for local in self.set {
            body.extend_from_slice(&[0x41, 1, LOCAL_SET]);
            leb(&mut body, local);
        }
        let start = body.len() as u32;
        body.extend_from_slice(&self.code);
        let places = self.places.into_iter().map(|(at, from)| (at + start, from)).collect();
        Function { body, types: self.types, places }
    }
}
