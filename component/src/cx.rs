//! Where values are lifted from and lowered to: one side of a call.

use std::sync::Arc;

use smallvec::SmallVec;

use wasmer_api::{AsStoreMut, Func, Memory, RawValue, Result};
use wasmer_component_translate::info::{Encoding, HandleIdx, InstanceIdx, Options, OptionsIdx, Types};

use crate::error::AbiTrap;
use crate::guest::Guest;
use crate::limits::LIFTED_BYTES_MAX;
use crate::state::Shared;

/// One side of a call: the guest's memory, how it allocates, its handles. What lifts or lowers gets it.
pub struct Cx<'a> {
    pub(crate) store: &'a mut (dyn Guest + 'a),
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) abi: Abi,
    lifted_bytes: usize,
}

/// The options of a lifted or lowered function, resolved.
#[derive(Clone, Copy)]
pub(crate) struct Abi {
    pub(crate) instance: InstanceIdx,
    pub(crate) encoding: Encoding,
    pub(crate) memory: Option<Memory>,
    pub(crate) realloc: Option<Func>,
    pub(crate) post_return: Option<Func>,
}

impl Abi {
    pub(crate) fn new(shared: &Shared, store: &mut impl AsStoreMut, index: OptionsIdx) -> Result<Self> {
        let Options { instance, encoding, memory, realloc, post_return } = shared.info.options[index.index()];
        let state = shared.state(store)?;
        Ok(Self {
            instance,
            encoding,
            memory: memory.and_then(|index| state.memories[index.index()]),
            realloc: realloc.and_then(|index| state.reallocs[index.index()]),
            post_return: post_return.and_then(|index| state.post_returns[index.index()]),
        })
    }
}

impl<'a> Cx<'a> {
    pub(crate) fn new(store: &'a mut (dyn Guest + 'a), shared: &'a Arc<Shared>, abi: Abi) -> Self {
        Self { store, shared, abi, lifted_bytes: 0 }
    }

    /// The types of the component.
    pub(crate) fn types(&self) -> &'a Types {
        &self.shared.info.types
    }

    fn memory(&self) -> Result<Memory> {
        // Validation asks for a memory where one is needed.
        self.abi.memory.ok_or_else(|| AbiTrap::OutOfBounds.into())
    }

    /// Bytes of the guest's memory.
    pub(crate) fn bytes(&self, at: u32, len: usize) -> Result<&[u8]> {
        let bytes = self.store.bytes(self.memory()?)?.get(at as usize..).and_then(|rest| rest.get(..len));
        bytes.ok_or_else(|| AbiTrap::OutOfBounds.into())
    }

    /// Bytes of the guest's memory, to be written.
    pub(crate) fn bytes_mut(&mut self, at: u32, len: usize) -> Result<&mut [u8]> {
        let memory = self.memory()?;
        let bytes = self.store.bytes_mut(memory)?.get_mut(at as usize..).and_then(|rest| rest.get_mut(..len));
        bytes.ok_or_else(|| AbiTrap::OutOfBounds.into())
    }

    pub(crate) fn load<const N: usize>(&self, at: u32) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(at, N)?);
        Ok(array)
    }

    pub(crate) fn store<const N: usize>(&mut self, at: u32, bytes: [u8; N]) -> Result<()> {
        self.bytes_mut(at, N)?.copy_from_slice(&bytes);
        Ok(())
    }

    /// Whether a value is where it may be.
    pub(crate) fn check_place(&self, at: u32, size: u32, align: u32) -> Result<()> {
        if !at.is_multiple_of(align) {
            return Err(AbiTrap::Unaligned.into());
        }
        self.bytes(at, size as usize).map(drop)
    }

    /// Whether a list is where it may be.
    pub(crate) fn check_list(&self, at: u32, len: u32, size: u32, align: u32) -> Result<()> {
        if !at.is_multiple_of(align) {
            return Err(AbiTrap::Unaligned.into());
        }
        let memory_bytes = self.store.memory_bytes(self.memory()?)?;
        let end = u64::from(len) * u64::from(size) + u64::from(at);
        if end > memory_bytes { Err(AbiTrap::ListOutOfBounds.into()) } else { Ok(()) }
    }

    /// Notes that the host is about to allocate for what it lifts.
    pub(crate) fn lifting(&mut self, len: usize, each_bytes: usize) -> Result<()> {
        self.lifted_bytes = len.saturating_mul(each_bytes).saturating_add(self.lifted_bytes);
        if self.lifted_bytes > LIFTED_BYTES_MAX { Err(AbiTrap::TooMuch.into()) } else { Ok(()) }
    }

    /// Has the guest allocate, and checks what it says.
    pub(crate) fn realloc(&mut self, old: u32, old_bytes: u32, align: u32, bytes: u32) -> Result<u32> {
        let Some(realloc) = self.abi.realloc else { return Err(AbiTrap::ReallocOutOfBounds.into()) };
        let mut values = [RawValue::ZERO; 4];
        for (value, argument) in values.iter_mut().zip([old, old_bytes, align, bytes]) {
            value.i32 = argument.cast_signed();
        }
        // SAFETY: validation gives `realloc` four parameters and one result, all of type `i32`.
        let address = unsafe {
            self.store.call(realloc, &mut values)?;
            values[0].i32.cast_unsigned()
        };
        if !address.is_multiple_of(align) {
            return Err(AbiTrap::ReallocUnaligned.into());
        }
        let memory_bytes = self.store.memory_bytes(self.memory()?)?;
        if u64::from(address) + u64::from(bytes) > memory_bytes {
            return Err(AbiTrap::ReallocOutOfBounds.into());
        }
        Ok(address)
    }

    /// Room for a list in the guest.
    pub(crate) fn allocate_list(&mut self, len: usize, size: u32, align: u32) -> Result<u32> {
        let bytes = u64::from(size).checked_mul(len as u64).and_then(|bytes| u32::try_from(bytes).ok());
        let bytes = bytes.ok_or(AbiTrap::ReallocOutOfBounds)?;
        self.realloc(0, 0, align, bytes)
    }

    /// Takes a resource from the guest.
    pub(crate) fn lift_own(&mut self, handle: HandleIdx, index: u32) -> Result<u32> {
        let id = self.shared.resource(handle)?.1.id;
        let instance = self.abi.instance;
        let state = self.shared.state_of(self.store)?;
        Ok(state.tables[instance.index()].remove_own(index, id)?)
    }

    /// Uses a resource of the guest as long as the call lasts.
    pub(crate) fn lift_borrow(&mut self, handle: HandleIdx, index: u32) -> Result<u32> {
        let id = self.shared.resource(handle)?.1.id;
        let instance = self.abi.instance;
        Ok(self.shared.state_of(self.store)?.lend(instance, index, id)?)
    }

    /// Gives a resource to the guest.
    pub(crate) fn lower_own(&mut self, handle: HandleIdx, rep: u32) -> Result<u32> {
        let id = self.shared.resource(handle)?.1.id;
        let instance = self.abi.instance;
        let state = self.shared.state_of(self.store)?;
        Ok(state.tables[instance.index()].insert_own(id, rep)?)
    }

    /// Lends a resource to the guest as long as the call lasts. Who defines it gets what it knows it by.
    pub(crate) fn lower_borrow(&mut self, handle: HandleIdx, rep: u32) -> Result<u32> {
        let (_, info) = self.shared.resource(handle)?;
        let (id, instance) = (info.id, self.abi.instance);
        if info.owner == Some(instance) {
            return Ok(rep);
        }
        Ok(self.shared.state_of(self.store)?.borrow(instance, rep, id)?)
    }
}

/// Core values that are lifted, from the first.
pub struct Flat<'a> {
    values: &'a [RawValue],
    position: usize,
}

impl<'a> Flat<'a> {
    pub(crate) fn new(values: &'a [RawValue]) -> Self {
        Self { values, position: 0 }
    }

    fn take(&mut self) -> Result<&RawValue> {
        let value = self.values.get(self.position).ok_or(AbiTrap::OutOfBounds)?;
        self.position += 1;
        Ok(value)
    }

    /// The next value's lower half.
    pub fn u32(&mut self) -> Result<u32> {
        // SAFETY: whoever wrote the value wrote at least its low four bytes, whatever its type.
        self.take().map(|value| unsafe { value.i32 }.cast_unsigned())
    }

    /// The next value.
    pub fn u64(&mut self) -> Result<u64> {
        // SAFETY: the value is of a 64-bit type, as the type says that is lifted.
        self.take().map(|value| unsafe { value.i64 }.cast_unsigned())
    }

    /// How many were lifted.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Goes on behind a payload, however much of its room it took.
    pub fn go_to(&mut self, position: usize) {
        self.position = position;
    }
}

/// Core values that are lowered.
#[derive(Default)]
pub struct FlatOut(pub(crate) SmallVec<[RawValue; 16]>);

impl FlatOut {
    /// An integer, a float's bits or a pointer. The upper half is zero where it is not needed, so that the value is right as a wider one, too.
    pub fn push(&mut self, bits: u64) {
        let mut value = RawValue::ZERO;
        value.i64 = bits.cast_signed();
        self.0.push(value);
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Fills the room of a payload.
    pub fn pad_to(&mut self, len: usize) {
        self.0.resize(len, RawValue::ZERO);
    }
}
