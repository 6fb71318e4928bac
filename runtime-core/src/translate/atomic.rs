//! Atomic accesses (threads proposal). All are sequentially consistent.

use wasmparser::MemArg;

use crate::libcall::{AtomicPlace, HostCall};
use crate::translate::codegen::{Access, FuncCodegen, Result};
use crate::translate::func::Visitor;
use crate::translate::ops::{AtomicRmw, AtomicWidth};
use crate::types::*;

/// What an atomic operator does in live code. See [`crate::translate::operators`].
#[rustfmt::skip]
macro_rules! atomic_operator {
    ($t:ident MemoryAtomicNotify $m:ident) => { $t.atomic_libcall(&$m, |place| HostCall::AtomicNotify { place }) };
    ($t:ident MemoryAtomicWait32 $m:ident) => { $t.atomic_libcall(&$m, |place| HostCall::AtomicWait32 { place }) };
    ($t:ident MemoryAtomicWait64 $m:ident) => { $t.atomic_libcall(&$m, |place| HostCall::AtomicWait64 { place }) };
    ($t:ident AtomicFence $ordering:ident) => { $t.codegen.atomic_fence() };
    ($t:ident I32AtomicLoad $m:ident) => { $t.atomic_load(AtomicWidth { bytes: 4, value: W32 }, &$m) };
    ($t:ident I64AtomicLoad $m:ident) => { $t.atomic_load(AtomicWidth { bytes: 8, value: W64 }, &$m) };
    ($t:ident I32AtomicLoad8U $m:ident) => { $t.atomic_load(AtomicWidth { bytes: 1, value: W32 }, &$m) };
    ($t:ident I32AtomicLoad16U $m:ident) => { $t.atomic_load(AtomicWidth { bytes: 2, value: W32 }, &$m) };
    ($t:ident I64AtomicLoad8U $m:ident) => { $t.atomic_load(AtomicWidth { bytes: 1, value: W64 }, &$m) };
    ($t:ident I64AtomicLoad16U $m:ident) => { $t.atomic_load(AtomicWidth { bytes: 2, value: W64 }, &$m) };
    ($t:ident I64AtomicLoad32U $m:ident) => { $t.atomic_load(AtomicWidth { bytes: 4, value: W64 }, &$m) };
    ($t:ident I32AtomicStore $m:ident) => { $t.atomic_store(AtomicWidth { bytes: 4, value: W32 }, &$m) };
    ($t:ident I64AtomicStore $m:ident) => { $t.atomic_store(AtomicWidth { bytes: 8, value: W64 }, &$m) };
    ($t:ident I32AtomicStore8 $m:ident) => { $t.atomic_store(AtomicWidth { bytes: 1, value: W32 }, &$m) };
    ($t:ident I32AtomicStore16 $m:ident) => { $t.atomic_store(AtomicWidth { bytes: 2, value: W32 }, &$m) };
    ($t:ident I64AtomicStore8 $m:ident) => { $t.atomic_store(AtomicWidth { bytes: 1, value: W64 }, &$m) };
    ($t:ident I64AtomicStore16 $m:ident) => { $t.atomic_store(AtomicWidth { bytes: 2, value: W64 }, &$m) };
    ($t:ident I64AtomicStore32 $m:ident) => { $t.atomic_store(AtomicWidth { bytes: 4, value: W64 }, &$m) };
    ($t:ident I32AtomicRmwAdd $m:ident) => { $t.atomic_rmw(AtomicRmw::Add, AtomicWidth { bytes: 4, value: W32 }, &$m) };
    ($t:ident I64AtomicRmwAdd $m:ident) => { $t.atomic_rmw(AtomicRmw::Add, AtomicWidth { bytes: 8, value: W64 }, &$m) };
    ($t:ident I32AtomicRmw8AddU $m:ident) => { $t.atomic_rmw(AtomicRmw::Add, AtomicWidth { bytes: 1, value: W32 }, &$m) };
    ($t:ident I32AtomicRmw16AddU $m:ident) => { $t.atomic_rmw(AtomicRmw::Add, AtomicWidth { bytes: 2, value: W32 }, &$m) };
    ($t:ident I64AtomicRmw8AddU $m:ident) => { $t.atomic_rmw(AtomicRmw::Add, AtomicWidth { bytes: 1, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw16AddU $m:ident) => { $t.atomic_rmw(AtomicRmw::Add, AtomicWidth { bytes: 2, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw32AddU $m:ident) => { $t.atomic_rmw(AtomicRmw::Add, AtomicWidth { bytes: 4, value: W64 }, &$m) };
    ($t:ident I32AtomicRmwSub $m:ident) => { $t.atomic_rmw(AtomicRmw::Sub, AtomicWidth { bytes: 4, value: W32 }, &$m) };
    ($t:ident I64AtomicRmwSub $m:ident) => { $t.atomic_rmw(AtomicRmw::Sub, AtomicWidth { bytes: 8, value: W64 }, &$m) };
    ($t:ident I32AtomicRmw8SubU $m:ident) => { $t.atomic_rmw(AtomicRmw::Sub, AtomicWidth { bytes: 1, value: W32 }, &$m) };
    ($t:ident I32AtomicRmw16SubU $m:ident) => { $t.atomic_rmw(AtomicRmw::Sub, AtomicWidth { bytes: 2, value: W32 }, &$m) };
    ($t:ident I64AtomicRmw8SubU $m:ident) => { $t.atomic_rmw(AtomicRmw::Sub, AtomicWidth { bytes: 1, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw16SubU $m:ident) => { $t.atomic_rmw(AtomicRmw::Sub, AtomicWidth { bytes: 2, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw32SubU $m:ident) => { $t.atomic_rmw(AtomicRmw::Sub, AtomicWidth { bytes: 4, value: W64 }, &$m) };
    ($t:ident I32AtomicRmwAnd $m:ident) => { $t.atomic_rmw(AtomicRmw::And, AtomicWidth { bytes: 4, value: W32 }, &$m) };
    ($t:ident I64AtomicRmwAnd $m:ident) => { $t.atomic_rmw(AtomicRmw::And, AtomicWidth { bytes: 8, value: W64 }, &$m) };
    ($t:ident I32AtomicRmw8AndU $m:ident) => { $t.atomic_rmw(AtomicRmw::And, AtomicWidth { bytes: 1, value: W32 }, &$m) };
    ($t:ident I32AtomicRmw16AndU $m:ident) => { $t.atomic_rmw(AtomicRmw::And, AtomicWidth { bytes: 2, value: W32 }, &$m) };
    ($t:ident I64AtomicRmw8AndU $m:ident) => { $t.atomic_rmw(AtomicRmw::And, AtomicWidth { bytes: 1, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw16AndU $m:ident) => { $t.atomic_rmw(AtomicRmw::And, AtomicWidth { bytes: 2, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw32AndU $m:ident) => { $t.atomic_rmw(AtomicRmw::And, AtomicWidth { bytes: 4, value: W64 }, &$m) };
    ($t:ident I32AtomicRmwOr $m:ident) => { $t.atomic_rmw(AtomicRmw::Or, AtomicWidth { bytes: 4, value: W32 }, &$m) };
    ($t:ident I64AtomicRmwOr $m:ident) => { $t.atomic_rmw(AtomicRmw::Or, AtomicWidth { bytes: 8, value: W64 }, &$m) };
    ($t:ident I32AtomicRmw8OrU $m:ident) => { $t.atomic_rmw(AtomicRmw::Or, AtomicWidth { bytes: 1, value: W32 }, &$m) };
    ($t:ident I32AtomicRmw16OrU $m:ident) => { $t.atomic_rmw(AtomicRmw::Or, AtomicWidth { bytes: 2, value: W32 }, &$m) };
    ($t:ident I64AtomicRmw8OrU $m:ident) => { $t.atomic_rmw(AtomicRmw::Or, AtomicWidth { bytes: 1, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw16OrU $m:ident) => { $t.atomic_rmw(AtomicRmw::Or, AtomicWidth { bytes: 2, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw32OrU $m:ident) => { $t.atomic_rmw(AtomicRmw::Or, AtomicWidth { bytes: 4, value: W64 }, &$m) };
    ($t:ident I32AtomicRmwXor $m:ident) => { $t.atomic_rmw(AtomicRmw::Xor, AtomicWidth { bytes: 4, value: W32 }, &$m) };
    ($t:ident I64AtomicRmwXor $m:ident) => { $t.atomic_rmw(AtomicRmw::Xor, AtomicWidth { bytes: 8, value: W64 }, &$m) };
    ($t:ident I32AtomicRmw8XorU $m:ident) => { $t.atomic_rmw(AtomicRmw::Xor, AtomicWidth { bytes: 1, value: W32 }, &$m) };
    ($t:ident I32AtomicRmw16XorU $m:ident) => { $t.atomic_rmw(AtomicRmw::Xor, AtomicWidth { bytes: 2, value: W32 }, &$m) };
    ($t:ident I64AtomicRmw8XorU $m:ident) => { $t.atomic_rmw(AtomicRmw::Xor, AtomicWidth { bytes: 1, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw16XorU $m:ident) => { $t.atomic_rmw(AtomicRmw::Xor, AtomicWidth { bytes: 2, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw32XorU $m:ident) => { $t.atomic_rmw(AtomicRmw::Xor, AtomicWidth { bytes: 4, value: W64 }, &$m) };
    ($t:ident I32AtomicRmwXchg $m:ident) => { $t.atomic_rmw(AtomicRmw::Xchg, AtomicWidth { bytes: 4, value: W32 }, &$m) };
    ($t:ident I64AtomicRmwXchg $m:ident) => { $t.atomic_rmw(AtomicRmw::Xchg, AtomicWidth { bytes: 8, value: W64 }, &$m) };
    ($t:ident I32AtomicRmw8XchgU $m:ident) => { $t.atomic_rmw(AtomicRmw::Xchg, AtomicWidth { bytes: 1, value: W32 }, &$m) };
    ($t:ident I32AtomicRmw16XchgU $m:ident) => { $t.atomic_rmw(AtomicRmw::Xchg, AtomicWidth { bytes: 2, value: W32 }, &$m) };
    ($t:ident I64AtomicRmw8XchgU $m:ident) => { $t.atomic_rmw(AtomicRmw::Xchg, AtomicWidth { bytes: 1, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw16XchgU $m:ident) => { $t.atomic_rmw(AtomicRmw::Xchg, AtomicWidth { bytes: 2, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw32XchgU $m:ident) => { $t.atomic_rmw(AtomicRmw::Xchg, AtomicWidth { bytes: 4, value: W64 }, &$m) };
    ($t:ident I32AtomicRmwCmpxchg $m:ident) => { $t.atomic_cmpxchg(AtomicWidth { bytes: 4, value: W32 }, &$m) };
    ($t:ident I64AtomicRmwCmpxchg $m:ident) => { $t.atomic_cmpxchg(AtomicWidth { bytes: 8, value: W64 }, &$m) };
    ($t:ident I32AtomicRmw8CmpxchgU $m:ident) => { $t.atomic_cmpxchg(AtomicWidth { bytes: 1, value: W32 }, &$m) };
    ($t:ident I32AtomicRmw16CmpxchgU $m:ident) => { $t.atomic_cmpxchg(AtomicWidth { bytes: 2, value: W32 }, &$m) };
    ($t:ident I64AtomicRmw8CmpxchgU $m:ident) => { $t.atomic_cmpxchg(AtomicWidth { bytes: 1, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw16CmpxchgU $m:ident) => { $t.atomic_cmpxchg(AtomicWidth { bytes: 2, value: W64 }, &$m) };
    ($t:ident I64AtomicRmw32CmpxchgU $m:ident) => { $t.atomic_cmpxchg(AtomicWidth { bytes: 4, value: W64 }, &$m) };
}

pub(super) use atomic_operator;

impl<C: FuncCodegen> Visitor<'_, C> {
    fn atomic_access(&self, memarg: &MemArg, width: AtomicWidth) -> Result<Access> {
        let access = self.access(memarg, width.bytes.into())?;
        Ok(Access { aligned_to: Some(width.bytes), ..access })
    }

    pub(super) fn atomic_load(&mut self, width: AtomicWidth, memarg: &MemArg) -> Result<()> {
        let access = self.atomic_access(memarg, width)?;
        self.unary(|c, index| c.atomic_load(&access, width, index))
    }

    pub(super) fn atomic_store(&mut self, width: AtomicWidth, memarg: &MemArg) -> Result<()> {
        let access = self.atomic_access(memarg, width)?;
        let value = self.pop();
        let index = self.pop();
        self.codegen.atomic_store(&access, width, index, value)
    }

    pub(super) fn atomic_rmw(&mut self, op: AtomicRmw, width: AtomicWidth, memarg: &MemArg) -> Result<()> {
        let access = self.atomic_access(memarg, width)?;
        self.binary(|c, index, value| c.atomic_rmw(&access, op, width, index, value))
    }

    pub(super) fn atomic_cmpxchg(&mut self, width: AtomicWidth, memarg: &MemArg) -> Result<()> {
        let access = self.atomic_access(memarg, width)?;
        self.ternary(|c, index, expected, replacement| c.atomic_cmpxchg(&access, width, index, expected, replacement))
    }

    /// Waits and notifications: the address is checked by the host, as is that only shared memories are waited for.
    pub(super) fn atomic_libcall(&mut self, memarg: &MemArg, call: impl FnOnce(AtomicPlace) -> HostCall) -> Result<()> {
        let index = self.memory_index(memarg)?;
        let memory = self.module.resolved.memories[index.index()];
        let call = call(AtomicPlace::new(index, memarg.offset));
        let params = call.libcall().params();
        let mut types = [Ty::I64; 3];
        let types = &mut types[..params.len()];
        types.copy_from_slice(params);
        types[0] = memory.width.int();
        self.libcall(call, types, false)
    }
}
