//! Tests and casts of references (GC proposal): by null, by the tag of unboxed integers, by the type id that every object and function has.
//!
//! A type without subtypes is compared by its id. For any other, the record of the id in the table of displays says what its supertype at the
//! type's depth is.
//!
//! Null needs no branch where it is not of the type: the heap has zeros for its header, and there is no type 0 ([ADR 54]).
//!
//! [ADR 54]: ../../../docs/adr/0054-null-has-a-header-of-zeros.md

use wasmparser::{AbstractHeapType, UnpackedIndex, WasmModuleResources};

use crate::layout::{DISPLAY_DEPTHS, DISPLAY_SCALE, TYPE_ID_ABI_SHIFT, VMFUNCREF_TYPE_ID};
use crate::libcall::HostCall;
use crate::object::{HOST_CELL_TYPE_ID, OBJECT_HEADER, ObjectKind};
use crate::translate::codegen::{FuncCodegen, Region, Result};
use crate::translate::error::unsupported;
use crate::translate::func::Visitor;
use crate::translate::ops::*;
use crate::translate::scope::Scope;
use crate::trap::TrapCode;
use crate::types::*;

/// The canonical id in a type id.
const CANONICAL: u32 = (1 << TYPE_ID_ABI_SHIFT) - 1;

/// What distinguishes the references of a type from those of the source type that are neither null nor unboxed integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Nothing: all are of the type, or none is.
    Always(bool),
    /// They are unboxed integers: none of the others.
    I31,
    /// They are no cells of the host.
    NotHost,
    /// Their kind.
    Kind(ObjectKind),
    /// Their type, by the header of an object. `of_structs`: they are all structs.
    Object { ty: TypeIdx, of_structs: bool },
    /// Their type, by that of a function.
    Func(TypeIdx),
}

/// A test of a reference.
#[derive(Clone, Copy, Debug)]
struct Test {
    /// Whether there can be null, and if so, whether it is of the type.
    null: Option<bool>,
    /// Whether there can be unboxed integers that the mark says nothing of, and if so, whether they are of the type.
    i31: Option<bool>,
    mark: Mark,
}

/// Where a reference goes that is not as code behind a test wants it.
enum MismatchTarget<'s, F> {
    /// It traps.
    Trap,
    /// To the end of a scope.
    Scope(&'s mut Scope<F>),
    /// To the label of a frame, which takes so many operands, the reference last.
    Label { frame: usize, arity: usize },
}

impl Test {
    /// The test of a reference of a static type, if it is known.
    fn new(source: Option<wasmparser::RefType>, target: Mark, nullable: bool) -> Self {
        use AbstractHeapType::{Any, Eq, I31};
        let heap = source.map(|source| source.heap_type());
        let abstract_of = |heap| match heap {
            wasmparser::HeapType::Abstract { ty, .. } => Some(ty),
            wasmparser::HeapType::Concrete(_) | wasmparser::HeapType::Exact(_) => None,
        };
        let has_i31 = heap.is_none_or(|heap| matches!(abstract_of(heap), Some(Any | Eq | I31)));
        let has_host = heap.is_none_or(|heap| matches!(abstract_of(heap), Some(Any)));
        let only_i31 = heap.is_some_and(|heap| matches!(abstract_of(heap), Some(I31)));
        let mark = match target {
            Mark::NotHost if !has_host => Mark::Always(true),
            Mark::I31 if only_i31 => Mark::Always(true),
            Mark::I31 if !has_i31 => Mark::Always(false),
            mark => mark,
        };
        let i31 = match mark {
            Mark::Kind(_) | Mark::Object { .. } if has_i31 => Some(false),
            Mark::NotHost if has_i31 => Some(true),
            _ => None,
        };
        // Null is no unboxed integer, and its header is that of no type.
        let is_marked = match mark {
            Mark::I31 | Mark::Kind(_) | Mark::Object { .. } => !nullable,
            Mark::Always(_) | Mark::NotHost | Mark::Func(_) => false,
        };
        let null = source.is_none_or(|source| source.is_nullable()) && !is_marked;
        let null = null.then_some(nullable);
        Self { null, i31, mark }
    }
}

impl<C: FuncCodegen> Visitor<'_, C> {
    /// What marks references of a heap type among those that the topmost operand can be.
    fn mark(&self, heap: wasmparser::HeapType) -> Result<Mark> {
        use AbstractHeapType as A;
        Ok(match heap {
            wasmparser::HeapType::Abstract { shared: false, ty } => match ty {
                A::Any | A::Func | A::Extern | A::Exn => Mark::Always(true),
                A::None | A::NoFunc | A::NoExtern | A::NoExn => Mark::Always(false),
                A::Eq => Mark::NotHost,
                A::I31 => Mark::I31,
                A::Struct => Mark::Kind(ObjectKind::Struct),
                A::Array => Mark::Kind(ObjectKind::Array),
                A::Cont | A::NoCont => return Err(self.unknown(heap)),
            },
            wasmparser::HeapType::Concrete(UnpackedIndex::Module(index)) => {
                let index = TypeIdx(index);
                match self.module.types[index.index()].kind() {
                    TypeKind::Func => Mark::Func(index),
                    TypeKind::Struct | TypeKind::Array => {
                        let of_structs = self.operands[0].is_some_and(|ty| self.are_structs(ty));
                        Mark::Object { ty: index, of_structs }
                    }
                }
            }
            wasmparser::HeapType::Abstract { .. }
            | wasmparser::HeapType::Concrete(_)
            | wasmparser::HeapType::Exact(_) => return Err(self.unknown(heap)),
        })
    }

    /// Whether references of a static type are all structs, or null.
    fn are_structs(&self, ty: wasmparser::RefType) -> bool {
        use wasmparser::{RefType, ValType};
        self.validator.resources().is_subtype(ValType::Ref(ty), ValType::Ref(RefType::STRUCTREF))
    }

    #[cold]
    fn unknown(&self, heap: wasmparser::HeapType) -> crate::error::CompileError {
        unsupported(format!("heap type `{heap:?}`"), self.offset)
    }

    /// `[ref] -> [i32]`
    pub(super) fn ref_test(&mut self, heap: wasmparser::HeapType, nullable: bool) -> Result<()> {
        let test = Test::new(self.operands[0], self.mark(heap)?, nullable);
        if let Test { null: None, i31: None, mark } = test {
            return self.is_marked(mark);
        }
        let mut done = self.open_scope(&[Ty::Ref], &[Ty::I32])?;
        let mut other = self.open_scope(&[], &[])?;
        self.check(test, true, MismatchTarget::Scope(&mut other))?;
        self.push_i32(1)?;
        self.leave(&mut done)?;
        self.close_scope(other)?;
        if self.reachable {
            self.push_i32(0)?;
            self.leave(&mut done)?;
        }
        self.close_scope(done)
    }

    /// `[ref] -> [ref]`
    pub(super) fn ref_cast(&mut self, heap: wasmparser::HeapType, nullable: bool) -> Result<()> {
        let test = Test::new(self.operands[0], self.mark(heap)?, nullable);
        self.check(test, true, MismatchTarget::Trap)
    }

    /// `br_on_cast`, or `br_on_cast_fail` if what is not of the type branches.
    pub(super) fn br_on_cast(
        &mut self,
        depth: u32,
        from: wasmparser::RefType,
        to: wasmparser::RefType,
        branches: bool,
    ) -> Result<()> {
        let test = Test::new(Some(from), self.mark(to.heap_type())?, to.is_nullable());
        // No branch is emitted where the static types say that there is none.
        let frame = self.frame_of(depth);
        let arity = self.label_arity(frame)?;
        self.check(test, !branches, MismatchTarget::Label { frame, arity })
    }

    /// Sends the topmost operand elsewhere unless it passes the test, or if it does (`wanted` is false): it stays where it is for the code
    /// that follows.
    fn check(&mut self, test: Test, wanted: bool, mut elsewhere: MismatchTarget<'_, C::Frame>) -> Result<()> {
        let Test { null, i31, mark } = test;
        let is_early = [null, i31].contains(&Some(wanted));
        let mut here = if is_early { Some(self.open_scope(&[], &[])?) } else { None };
        if let Some(passes) = null {
            self.pick(0)?;
            self.unary(C::ref_is_null)?;
            self.decide(passes == wanted, here.as_mut(), &mut elsewhere)?;
        }
        if let Some(passes) = i31 {
            self.push_is_i31()?;
            self.decide(passes == wanted, here.as_mut(), &mut elsewhere)?;
        }
        if mark != Mark::Always(wanted) {
            self.pick(0)?;
            self.is_marked(mark)?;
            if wanted {
                self.unary(|c, condition| c.int_eqz(Width::W32, condition))?;
            }
            self.decide(false, None, &mut elsewhere)?;
        }
        match here {
            Some(here) => self.close_scope(here),
            None => Ok(()),
        }
    }

    /// `[i32] -> []`: if it is not zero, all checks are done: the reference stays, or it goes elsewhere.
    fn decide(
        &mut self,
        stays: bool,
        here: Option<&mut Scope<C::Frame>>,
        elsewhere: &mut MismatchTarget<'_, C::Frame>,
    ) -> Result<()> {
        match (here, elsewhere) {
            (Some(here), _) if stays => self.leave_if(here),
            (_, MismatchTarget::Trap) => self.trap_if(TrapCode::CastFailure),
            (_, MismatchTarget::Scope(scope)) => self.leave_if(scope),
            (_, MismatchTarget::Label { frame, arity }) => {
                self.mark_target(*frame);
                self.pay(self.branch_meter(*frame))?;
                let condition = self.pop();
                let args = self.top(*arity);
                self.codegen.br_if(&mut self.stacks.frames[*frame], &self.stacks.values[args..], condition)
            }
        }
    }

    /// `[ref] -> [i32]`: whether a reference that is no null, and no unboxed integer unless those are what is marked, is of the type.
    fn is_marked(&mut self, mark: Mark) -> Result<()> {
        match mark {
            Mark::Always(passes) => {
                self.drop_operands(1)?;
                self.push_i32(passes.into())
            }
            Mark::I31 => {
                self.convert(Convert::Wrap)?;
                self.int_with(IntBinary::And, 1)
            }
            Mark::NotHost => {
                self.header()?;
                self.compare_with(IntCompare::Ne, HOST_CELL_TYPE_ID)
            }
            Mark::Kind(kind) => {
                self.header()?;
                self.int_with(IntBinary::Sub, kind.type_id(CanonicalId(1)))?;
                self.compare_with(IntCompare::LtU, CANONICAL)
            }
            Mark::Object { ty, of_structs } => {
                if self.module.types[ty.index()].is_final {
                    self.header()?;
                    self.push_word(Region::TypeIds, ty.0 * 4)?;
                    return self.compare(IntCompare::Eq, Width::W32);
                }
                // The header of a struct is the canonical id.
                if of_structs {
                    self.load_from(Region::Headers, Load::Int32 { signed: false }, OBJECT_HEADER)?;
                } else {
                    self.header()?;
                    self.int_with(IntBinary::And, CANONICAL)?;
                    self.convert(Convert::ExtendU)?;
                }
                self.has_supertype(ty, self.module.types[ty.index()].kind() == TypeKind::Struct)
            }
            Mark::Func(ty) => {
                self.load_from(Region::FuncRefs, Load::I32, VMFUNCREF_TYPE_ID as u32)?;
                self.int_with(IntBinary::And, CANONICAL)?;
                if self.module.types[ty.index()].is_final {
                    self.push_canonical(ty)?;
                    return self.compare(IntCompare::Eq, Width::W32);
                }
                self.convert(Convert::ExtendU)?;
                self.has_supertype(ty, false)
            }
        }
    }

    /// `[object] -> [i32]`
    fn header(&mut self) -> Result<()> {
        self.load_from(Region::Headers, Load::I32, OBJECT_HEADER)
    }

    fn push_canonical(&mut self, ty: TypeIdx) -> Result<()> {
        self.push_word(Region::TypeIds, ty.0 * 4)?;
        self.int_with(IntBinary::And, CANONICAL)
    }

    /// `[i64] -> [i32]`: whether the type of a canonical id is another one, whose type id may be canonical, too, or has it among its supertypes.
    fn has_supertype(&mut self, ty: TypeIdx, is_canonical: bool) -> Result<()> {
        let depth = self.depth_of(ty);
        if depth >= DISPLAY_DEPTHS {
            self.convert(Convert::Wrap)?;
            return self.libcall(HostCall::IsSubtype { ty }, &[Ty::I32], false);
        }
        self.push_i64(DISPLAY_SCALE.into())?;
        self.int(IntBinary::Shl, Width::W64)?;
        self.load_from(Region::Displays, Load::I32, depth * 4)?;
        if is_canonical {
            self.push_word(Region::TypeIds, ty.0 * 4)?;
        } else {
            self.push_canonical(ty)?;
        }
        self.compare(IntCompare::Eq, Width::W32)
    }

    /// How many supertypes a type has.
    pub(super) fn depth_of(&self, mut ty: TypeIdx) -> u32 {
        let mut depth = 0;
        // The validator allows 63.
        while let Some(supertype) = self.module.types[ty.index()].supertype {
            ty = TypeIdx(supertype);
            depth += 1;
        }
        depth
    }
}
