//! A code generator that generates nothing: it holds the translator to its contract and writes down the calls.

mod codegen;

use std::fmt::{Debug, Write};

use crate::libcall::HostCall;
use crate::translate::codegen::*;
use crate::translate::ops::*;
use crate::trap::TrapCode;
use crate::types::*;

/// A checker's operand: a number that tells values apart, or nothing.
pub(super) trait Operand: Copy + Debug {
    fn new(id: u32) -> Self;
    fn is(self, id: u32) -> bool;
}

impl Operand for u32 {
    fn new(id: u32) -> Self {
        id
    }

    fn is(self, id: u32) -> bool {
        self == id
    }
}

impl Operand for () {
    fn new(_: u32) -> Self {}

    fn is(self, _: u32) -> bool {
        true
    }
}

/// Keeps its own typed operand stack and control stack, and compares.
pub(super) struct Checker<V> {
    /// The calls, one a line.
    pub(super) log: String,
    stack: Vec<(u32, Ty)>,
    open: Vec<Open>,
    /// Positions of the open regions in `open`.
    regions: Vec<usize>,
    /// The values that were written of an exception, from the last on.
    written: u32,
    locals: Vec<Ty>,
    results: Vec<Ty>,
    next: u32,
    offset: u32,
    live: bool,
    finished: bool,
    operand: std::marker::PhantomData<V>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Block,
    Loop,
    If,
    Else,
    /// Before its landing.
    Try,
    /// Behind it.
    Landing,
}

/// An open frame.
struct Open {
    kind: Kind,
    label: Vec<Ty>,
    results: Vec<Ty>,
    params: Vec<(u32, Ty)>,
    height: usize,
    targeted: bool,
    /// Whether something in its region throws.
    throws: bool,
}

/// The frame's position on the control stack.
pub(super) struct Frame(usize);

impl<V: Operand> Checker<V> {
    pub(super) fn new() -> Self {
        Self {
            log: String::new(),
            stack: Vec::new(),
            open: Vec::new(),
            regions: Vec::new(),
            written: 0,
            locals: Vec::new(),
            results: Vec::new(),
            next: 0,
            offset: 0,
            live: true,
            finished: false,
            operand: std::marker::PhantomData,
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.log, "{text}").expect("strings do not fail");
    }

    /// Something is called in live code only (R3).
    fn assert_live(&self) {
        assert!(self.live && !self.finished, "called in dead code, behind\n{}", self.log);
    }

    /// Checks that `values` of these types are on top of the stack (R1).
    fn peek(&self, values: &[V], types: &[Ty]) -> String {
        assert_eq!(values.len(), types.len());
        assert!(self.stack.len() >= values.len(), "too few operands behind\n{}", self.log);
        let mut text = String::new();
        for ((value, ty), (id, top)) in values.iter().zip(types).zip(&self.stack[self.stack.len() - values.len()..]) {
            assert!(value.is(*id), "{value:?} is not v{id} behind\n{}", self.log);
            // References are integers of 64 bits, and the other way round (R6).
            let is_word = |ty| matches!(ty, Ty::I64 | Ty::Ref);
            assert!(ty == top || is_word(*ty) && is_word(*top), "{ty:?} is not {top:?} behind\n{}", self.log);
            write!(text, " v{id}").expect("strings do not fail");
        }
        text
    }

    fn pop(&mut self, values: &[V], types: &[Ty]) -> String {
        let text = self.peek(values, types);
        self.stack.truncate(self.stack.len() - values.len());
        text
    }

    fn fresh(&mut self, ty: Ty) -> u32 {
        let id = self.next;
        self.next += 1;
        self.stack.push((id, ty));
        id
    }

    /// An operator with operands and without a result.
    fn effect(&mut self, name: std::fmt::Arguments<'_>, operands: &[(V, Ty)]) {
        self.assert_live();
        let (values, types): (Vec<_>, Vec<_>) = operands.iter().copied().unzip();
        let operands = self.pop(&values, &types);
        self.line(format_args!("{name}{operands}"));
    }

    /// An operator with operands and one result.
    fn value(&mut self, name: std::fmt::Arguments<'_>, operands: &[(V, Ty)], result: Ty) -> Result<V> {
        self.assert_live();
        let (values, types): (Vec<_>, Vec<_>) = operands.iter().copied().unzip();
        let operands = self.pop(&values, &types);
        let id = self.fresh(result);
        self.line(format_args!("v{id} = {name}{operands}"));
        Ok(V::new(id))
    }

    fn open(&mut self, kind: Kind, sig: BlockSig<'_>, params: &[V]) -> Frame {
        self.assert_live();
        let text = self.peek(params, sig.params);
        self.line(format_args!("{kind:?} {:?} -> {:?}{text}", sig.params, sig.results));
        let height = self.stack.len() - params.len();
        let label = if kind == Kind::Loop { sig.params } else { sig.results };
        self.open.push(Open {
            kind,
            label: label.to_vec(),
            results: sig.results.to_vec(),
            params: self.stack[height..].to_vec(),
            height,
            targeted: false,
            throws: false,
        });
        Frame(self.open.len() - 1)
    }

    /// Checks a branch's operands against the target's label types and marks the target.
    fn target(&mut self, frame: &Frame, args: &[V]) -> String {
        self.assert_live();
        let label = self.open[frame.0].label.clone();
        self.open[frame.0].targeted = true;
        self.peek(args, &label)
    }

    /// Checks what falls to the end of the innermost frame and leaves the stack at the frame's height.
    fn fall(&mut self, fallthrough: Option<&[V]>) -> Vec<(u32, Ty)> {
        assert_eq!(fallthrough.is_some(), self.live, "behind\n{}", self.log);
        let open = self.open.last().expect("a frame is open");
        let (height, results) = (open.height, open.results.clone());
        if let Some(values) = fallthrough {
            self.peek(values, &results);
            assert_eq!(self.stack.len(), height + results.len(), "behind\n{}", self.log);
        }
        let values = self.stack[height.min(self.stack.len())..].to_vec();
        self.stack.truncate(height);
        values
    }

    fn call(&mut self, name: &str, callee: &Callee<V>, signature: &Signature, args: &[V]) -> String {
        self.assert_live();
        let callee = match *callee {
            Callee::Direct(index) => format!("func{}", index.0),
            Callee::Import { index, .. } => format!("import{}", index.0),
            Callee::Indirect { table, index, checks } => {
                let index = self.pop(&[index], &[table.width.int()]);
                let HostCall::CallIndirectSlow { ty, .. } = checks.slow else { panic!("{checks:?}") };
                format!("table{}[{}] type{}", table.index.0, index.trim_start(), ty.0)
            }
            Callee::Ref { reference, checks } => {
                let reference = self.pop(&[reference], &[Ty::Ref]);
                let HostCall::CallRefSlow { ty } = checks.slow else { panic!("{checks:?}") };
                format!("ref{reference} type{}", ty.0)
            }
        };
        let args = self.pop(args, &signature.params);
        format!("{name} {callee}{args}")
    }
}

/// The number of a linear memory.
fn region(memory: &MemoryRef) -> u32 {
    match memory.region {
        Region::Memory(index) => index.0,
        region => panic!("{region:?} is no linear memory"),
    }
}

fn place(access: &Access) -> String {
    let mut text = match access.memory.region {
        Region::Memory(index) => format!("mem{}+{}", index.0, access.offset),
        region => format!("{region:?}+{}", access.offset),
    };
    match access.bounds {
        Bounds::Elided => {}
        Bounds::Proven => assert!(!matches!(access.memory.region, Region::Memory(_))),
        Bounds::Explicit { end_offset } => write!(text, " check {end_offset}").expect("strings do not fail"),
        Bounds::AlwaysTraps => text.push_str(" always traps"),
    }
    if let Some(bytes) = access.aligned_to {
        write!(text, " aligned {bytes}").expect("strings do not fail");
    }
    text
}

fn at<V>(access: &Access, index: V) -> (V, Ty) {
    (index, access.memory.width.int())
}
