//! Accesses of linear memories: their checks, and what is known of an address.

use wasmer_runtime_core::translate::codegen::{Access, Bounds};
use wasmer_runtime_core::translate::ops::{AtomicWidth, Load};
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Entry;
use crate::codegen::Codegen;
use crate::masm::{Assembler, Masm};
use crate::pending::Pending;
use crate::regs::RegSet;

/// A checked address, and the operand registers that it uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<A> {
    pub(crate) mem: A,
    pub(crate) held: RegSet,
}

/// The address of an access on a machine.
pub(crate) type PlaceOf<M> = Place<<M as Assembler>::Address>;

/// The load that an atomic one is.
pub(crate) const fn plain_load(width: AtomicWidth) -> Load {
    match (width.bytes, width.value) {
        (1, to) => Load::Int8 { to, signed: false },
        (2, to) => Load::Int16 { to, signed: false },
        (4, Width::W64) => Load::Int32 { signed: false },
        (4, Width::W32) => Load::I32,
        _ => Load::I64,
    }
}

/// The load of a whole value.
pub(crate) const fn whole_load(ty: Ty) -> Load {
    match ty {
        Ty::I32 => Load::I32,
        Ty::I64 | Ty::Ref => Load::I64,
        Ty::F32 => Load::F32,
        Ty::F64 => Load::F64,
        Ty::V128 => Load::V128,
    }
}

impl<M: Masm> Codegen<M> {
    pub(crate) fn release_place(&mut self, place: PlaceOf<M>) {
        for reg in place.held {
            self.al.release(reg);
        }
    }

    /// Checks an access and computes its address, unless it always traps.
    pub(crate) fn place(&mut self, access: &Access, mut index: Entry) -> Option<PlaceOf<M>> {
        if let Some(bytes) = access.aligned_to {
            M::check_alignment(self, &mut index, access.offset, bytes);
        }
        match access.bounds {
            Bounds::Elided | Bounds::Proven => Some(M::unchecked(self, access, index, 0)),
            Bounds::Explicit { end_offset } => Some(M::checked(self, access, end_offset, index)),
            Bounds::AlwaysTraps => {
                M::always_outside(self, access, index);
                None
            }
        }
    }

    /// Pushes what stands at an address, once it is needed.
    pub(crate) fn load_later(&mut self, access: &Access, op: Load, index: Entry) {
        let place = self.place(access, index);
        self.push_load(access, op, place);
    }

    /// The same where the address is on top.
    pub(crate) fn load_on_top(&mut self, access: &Access, op: Load) {
        let scaled = if access.bounds == Bounds::Proven { self.pop_scaled() } else { None };
        let place = match scaled {
            Some((index, scale)) => Some(M::unchecked(self, access, index, scale)),
            None => {
                let index = self.pop();
                self.place(access, index)
            }
        };
        self.push_load(access, op, place);
    }

    fn push_load(&mut self, access: &Access, op: Load, place: Option<PlaceOf<M>>) {
        match place {
            Some(place) => {
                // A load that cannot trap needs no place in the module, and may be left out.
                let offset = if access.bounds == Bounds::Proven { None } else { Some(self.offset) };
                self.push_pending(op.ty(), Pending::Load { op, place, offset });
            }
            None => self.push_anything(op.ty()),
        }
    }
}
