//! Whether constant expressions leave a value of the kind that whoever reads it expects: a number where a reference is read would be an address.
//!
//! References are told apart by kind, not by type: which of its own functions or objects a module gets is between it and its code.

use rkyv::boxed::ArchivedBox;

use super::Known;
use crate::image::metadata::native;
use crate::module::{ArchivedConstOp, ConstOp};
use crate::types::*;

/// A value, as far as its bits depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Number(Ty),
    /// The null reference of any kind.
    Null,
    Reference {
        kind: RefKind,
        nullable: bool,
    },
}

impl From<ValType> for Shape {
    fn from(ty: ValType) -> Self {
        match ty {
            ValType::Ref(RefType { nullable, heap }) => Self::Reference { kind: heap.ref_kind(), nullable },
            number => Self::Number(number.ty()),
        }
    }
}

impl Shape {
    /// A reference to something.
    const fn of(kind: RefKind) -> Self {
        Self::Reference { kind, nullable: false }
    }

    fn fits(self, wanted: Self) -> bool {
        match (self, wanted) {
            (Self::Null, Self::Reference { nullable, .. }) => nullable,
            (Self::Reference { kind, nullable }, Self::Reference { kind: wanted, nullable: may_be_null }) => {
                kind == wanted && (may_be_null || !nullable)
            }
            _ => self == wanted,
        }
    }
}

/// The operands of an expression so far.
struct Operands<'a> {
    known: &'a Known<'a>,
    stack: Vec<Shape>,
}

impl Operands<'_> {
    fn pop(&mut self, wanted: Shape) -> Option<()> {
        self.stack.pop()?.fits(wanted).then_some(())
    }

    fn push(&mut self, shape: Shape) -> Option<()> {
        self.stack.push(shape);
        Some(())
    }

    /// The fields of a struct, or the element of an array.
    fn fields(&self, ty: TypeIdx, kind: TypeKind) -> Option<Vec<Shape>> {
        let ty = self.known.types.get(ty.index()).filter(|ty| ty.kind() == kind && self.known.uses_heap)?;
        Some(native::<TypeDef>(ty).values().map(Shape::from).collect())
    }

    /// An object of which nothing is given: zeros and nulls.
    fn push_default(&mut self, fields: &[Shape]) -> Option<()> {
        let is_defaultable = |shape: &Shape| !matches!(shape, Shape::Reference { nullable: false, .. });
        fields.iter().all(is_defaultable).then_some(())?;
        self.push(Shape::of(RefKind::Internal))
    }

    /// One operator. None if it names what is not there, or its operands are of other kinds.
    fn apply(&mut self, op: ConstOp, globals: usize) -> Option<()> {
        match op {
            ConstOp::Const(Const::Null) => self.push(Shape::Null),
            ConstOp::Const(number) => self.push(Shape::Number(number.ty())),
            ConstOp::GlobalGet(index) => {
                let ty = self.known.globals.get(..globals)?.get(index.index())?;
                self.push(native::<ValType>(&ty.content).into())
            }
            ConstOp::RefFunc(index) => {
                (index.index() < self.known.functions.len()).then_some(())?;
                self.push(Shape::of(RefKind::Func))
            }
            ConstOp::Add(width) | ConstOp::Sub(width) | ConstOp::Mul(width) => {
                let number = Shape::Number(width.int());
                self.pop(number)?;
                self.pop(number)?;
                self.push(number)
            }
            ConstOp::StructNew(ty) => {
                let fields = self.fields(ty, TypeKind::Struct)?;
                fields.into_iter().rev().try_for_each(|field| self.pop(field))?;
                self.push(Shape::of(RefKind::Internal))
            }
            ConstOp::StructNewDefault(ty) => {
                let fields = self.fields(ty, TypeKind::Struct)?;
                self.push_default(&fields)
            }
            ConstOp::ArrayNew(ty) => {
                self.pop(Shape::Number(Ty::I32))?;
                let element = self.fields(ty, TypeKind::Array)?;
                self.pop(*element.first()?)?;
                self.push(Shape::of(RefKind::Internal))
            }
            ConstOp::ArrayNewDefault(ty) => {
                self.pop(Shape::Number(Ty::I32))?;
                let element = self.fields(ty, TypeKind::Array)?;
                self.push_default(&element)
            }
            ConstOp::ArrayNewFixed(ty, len) => {
                let element = *self.fields(ty, TypeKind::Array)?.first()?;
                let start = self.stack.len().checked_sub(len as usize)?;
                self.stack.drain(start..).all(|shape| shape.fits(element)).then_some(())?;
                self.push(Shape::of(RefKind::Internal))
            }
            ConstOp::RefI31 => {
                self.pop(Shape::Number(Ty::I32))?;
                self.known.uses_heap.then_some(())?;
                self.push(Shape::of(RefKind::Internal))
            }
            ConstOp::AnyConvertExtern => self.convert(RefKind::Extern, RefKind::Internal),
            ConstOp::ExternConvertAny => self.convert(RefKind::Internal, RefKind::Extern),
        }
    }

    /// The same reference, as one of another kind.
    fn convert(&mut self, from: RefKind, to: RefKind) -> Option<()> {
        self.known.uses_heap.then_some(())?;
        let nullable = match self.stack.pop()? {
            Shape::Null => true,
            Shape::Reference { kind, nullable } if kind == from => nullable,
            Shape::Reference { .. } | Shape::Number(_) => return None,
        };
        self.push(Shape::Reference { kind: to, nullable })
    }
}

impl Known<'_> {
    /// What an expression leaves that may name the first `globals` globals. None if it does not leave one value, or names what is not there.
    fn shape(&self, ops: &[ArchivedConstOp], globals: usize) -> Option<Shape> {
        let mut operands = Operands { known: self, stack: Vec::new() };
        ops.iter().try_for_each(|op| operands.apply(native(op), globals))?;
        let [shape] = operands.stack[..] else { return None };
        Some(shape)
    }

    /// Whether an expression, which may name the first `globals` globals, leaves a value of a type.
    pub(super) fn leaves(&self, ops: &[ArchivedConstOp], ty: ValType, globals: usize) -> bool {
        self.shape(ops, globals).is_some_and(|shape| shape.fits(ty.into()))
    }

    /// Whether expressions leave references of one kind: that of `ty`, if it is known where they go.
    pub(super) fn are_elements(&self, items: &[ArchivedBox<[ArchivedConstOp]>], ty: Option<RefType>) -> bool {
        let globals = self.globals.len();
        if let Some(ty) = ty {
            return items.iter().all(|ops| self.leaves(ops, ValType::Ref(ty), globals));
        }
        let mut common = None;
        items.iter().all(|ops| match self.shape(ops, globals) {
            Some(Shape::Null) => true,
            Some(Shape::Reference { kind, .. }) => *common.get_or_insert(kind) == kind,
            Some(Shape::Number(_)) | None => false,
        })
    }
}
