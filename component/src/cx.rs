//! Where values are lifted from and lowered to: one side of a call.

use std::mem::MaybeUninit;
use std::sync::Arc;

use wasmer_api::{Memory, RawValue, Result};
use wasmer_component_translate::ComponentInfo;
use wasmer_component_translate::info::{FuncIdx, FuncType, HandleIdx, InstanceIdx, Options, OptionsIdx, Type, Types};
use wasmer_component_translate::wit::Printer;

use crate::error::AbiTrap;
use crate::guest::Guest;
use crate::limits::LIFTED_BYTES_MAX;
use crate::state::{MemoryAt, Shared, State, StatePlace};

/// A function that is lifted or lowered, as far as its types and options decide: what a call need not find out.
#[derive(Clone, Copy)]
pub(crate) struct CallPlan {
    ty: FuncIdx,
    options: OptionsIdx,
    /// The part of the component whose border it is.
    pub(crate) instance: InstanceIdx,
    /// Whether a call of it is a scope: what is lent to it is noted, to be given back.
    pub(crate) has_borrow: bool,
    /// Whether the guest allocates for it: if not, none of its code runs while values are lowered.
    pub(crate) allocates: bool,
}

impl CallPlan {
    pub(crate) fn new(info: &ComponentInfo, ty: FuncIdx, options: OptionsIdx) -> Self {
        let has_borrow = info.types.func(ty).has_borrow;
        let Options { instance, realloc, .. } = info.options[options.index()];
        Self { ty, options, instance, has_borrow, allocates: realloc.is_some() }
    }

    /// The same for a function of the host that is no future. Until it returns nothing of the component runs that could drop or give away what it was lent, so
    /// only what the same call gives away needs a scope.
    pub(crate) fn at_once(info: &ComponentInfo, ty: FuncIdx, options: OptionsIdx) -> Self {
        let this = Self::new(info, ty, options);
        let has_own = || info.types.has_own(Type::Def(info.types.func(ty).params));
        Self { has_borrow: this.has_borrow && has_own(), ..this }
    }

    /// The function's type.
    pub(crate) fn func<'a>(&self, shared: &'a Shared) -> &'a FuncType {
        shared.info.types.func(self.ty)
    }

    /// The function's type in WIT.
    pub(crate) fn wit(&self, shared: &Shared) -> String {
        Printer::new(&shared.info).func(self.ty)
    }

    /// How it is lifted or lowered.
    pub(crate) fn options<'a>(&self, shared: &'a Shared) -> &'a Options {
        &shared.info.options[self.options.index()]
    }
}

/// One side of a call: the guest's memory, how it allocates, its handles. What lifts or lowers gets it.
pub struct Cx<'a> {
    pub(crate) store: &'a mut (dyn Guest + 'a),
    pub(crate) shared: &'a Arc<Shared>,
    /// The state of `shared`, which belongs to `store`.
    state_at: StatePlace,
    crossing: &'a CallPlan,
    /// Where the guest's memory is, once that was asked.
    view: Option<View>,
    lifted_bytes: usize,
    /// Whether the guest has something that cannot be taken back: handles, or a failure of its own.
    pub(crate) is_done: bool,
}

/// A memory as it is until code runs.
#[derive(Clone, Copy)]
pub(crate) struct View {
    memory: Memory,
    base: *mut u8,
    len: usize,
}

impl View {
    /// Bytes of a memory, if it is this one.
    ///
    /// # Safety
    /// No code of the guest has run since the view was made, and nobody writes to the memory during the lifetime.
    pub(crate) unsafe fn bytes<'b>(&self, memory: Memory, at: u32, len: u32) -> Option<&'b [u8]> {
        let (at, len) = (at as usize, len as usize);
        let is_inside = memory == self.memory && at + len <= self.len;
        // SAFETY: the bytes are inside the memory, which is as it was; the caller's promise.
        is_inside.then(|| unsafe { std::slice::from_raw_parts(self.base.add(at), len) })
    }
}

impl<'a> Cx<'a> {
    /// # Safety
    /// `state_at` is the place of the state of `shared`, and in `store`.
    #[inline]
    pub(crate) unsafe fn new(
        store: &'a mut (dyn Guest + 'a),
        shared: &'a Arc<Shared>,
        state_at: StatePlace,
        crossing: &'a CallPlan,
    ) -> Self {
        Self { store, shared, state_at, crossing, view: None, lifted_bytes: 0, is_done: false }
    }

    /// The state of the instance.
    #[inline]
    pub(crate) fn state(&mut self) -> &mut State {
        // SAFETY: this has the store, which is the state's, and the instance.
        unsafe { self.state_at.get() }
    }

    /// The same with a view of the memory, where no code has run since it was made.
    #[inline]
    pub(crate) fn with_view(mut self, view: Option<View>) -> Self {
        self.view = view;
        self
    }

    /// The view of the memory, if there was a look at it.
    #[inline]
    pub(crate) fn into_view(self) -> Option<View> {
        self.view
    }

    /// The types of the component.
    pub(crate) fn types(&self) -> &'a Types {
        &self.shared.info.types
    }

    /// The options of the function.
    #[inline]
    pub(crate) fn options(&self) -> &'a Options {
        self.crossing.options(self.shared)
    }

    /// The guest's memory.
    #[inline]
    pub(crate) fn memory(&mut self) -> Result<Memory> {
        self.view().map(|view| view.memory)
    }

    #[inline]
    fn look(&mut self) -> Result<View> {
        // Validation asks for a memory where one is needed.
        let index = self.options().memory.ok_or(AbiTrap::OutOfBounds)?;
        let found = self.state().memories[index.index()];
        let MemoryAt { memory, place } = found.ok_or(AbiTrap::OutOfBounds)?;
        let (base, len) = match place {
            // SAFETY: the memory is of the state's store, which is borrowed here.
            Some(place) => unsafe { place.raw_parts() },
            None => self.store.memory(memory)?,
        };
        Ok(*self.view.insert(View { memory, base, len }))
    }

    #[inline]
    fn view(&mut self) -> Result<View> {
        match self.view {
            Some(view) => Ok(view),
            None => self.look(),
        }
    }

    /// Where bytes of the guest's memory are.
    #[inline]
    fn place(&mut self, at: u32, len: usize) -> Result<*mut u8> {
        let view = self.view()?;
        let fits = (at as usize).checked_add(len).is_some_and(|end| end <= view.len);
        if fits { Ok(view.base.wrapping_add(at as usize)) } else { Err(AbiTrap::OutOfBounds.into()) }
    }

    /// Bytes of the guest's memory.
    #[inline]
    pub(crate) fn bytes(&mut self, at: u32, len: usize) -> Result<&[u8]> {
        let base = self.place(at, len)?;
        // SAFETY: the bytes are inside the memory, which stays as it is while no code runs: this has the store exclusively, and looks again after it has called
        // the guest. No other thread writes to it.
        Ok(unsafe { std::slice::from_raw_parts(base, len) })
    }

    /// Bytes of the guest's memory, to be written.
    #[inline]
    pub(crate) fn bytes_mut(&mut self, at: u32, len: usize) -> Result<&mut [u8]> {
        let base = self.place(at, len)?;
        // SAFETY: see `bytes`.
        Ok(unsafe { std::slice::from_raw_parts_mut(base, len) })
    }

    #[inline]
    pub(crate) fn load<const N: usize>(&mut self, at: u32) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(at, N)?);
        Ok(array)
    }

    #[inline]
    pub(crate) fn store<const N: usize>(&mut self, at: u32, bytes: [u8; N]) -> Result<()> {
        self.bytes_mut(at, N)?.copy_from_slice(&bytes);
        Ok(())
    }

    /// Whether a value is where it may be.
    #[inline]
    pub(crate) fn check_place(&mut self, at: u32, size: u32, align: u32) -> Result<()> {
        if !at.is_multiple_of(align) {
            return Err(AbiTrap::Unaligned.into());
        }
        self.place(at, size as usize).map(drop)
    }

    /// Whether a list is where it may be.
    #[inline]
    pub(crate) fn check_list(&mut self, at: u32, len: u32, size: u32, align: u32) -> Result<()> {
        if !at.is_multiple_of(align) {
            return Err(AbiTrap::Unaligned.into());
        }
        let end = u64::from(len) * u64::from(size) + u64::from(at);
        if end > self.view()?.len as u64 { Err(AbiTrap::ListOutOfBounds.into()) } else { Ok(()) }
    }

    /// Notes that the host is about to allocate for what it lifts.
    #[inline]
    pub(crate) fn lifting(&mut self, len: usize, each_bytes: usize) -> Result<()> {
        self.lifted_bytes = len.saturating_mul(each_bytes).saturating_add(self.lifted_bytes);
        if self.lifted_bytes > LIFTED_BYTES_MAX { Err(AbiTrap::TooMuch.into()) } else { Ok(()) }
    }

    /// Has the guest allocate, and checks what it says.
    pub(crate) fn realloc(&mut self, old: u32, old_bytes: u32, align: u32, bytes: u32) -> Result<u32> {
        let index = self.options().realloc.ok_or(AbiTrap::ReallocOutOfBounds)?;
        let realloc = self.state().reallocs[index.index()].ok_or(AbiTrap::ReallocOutOfBounds)?;
        let mut values = [RawValue::ZERO; 4];
        for (value, argument) in values.iter_mut().zip([old, old_bytes, align, bytes]) {
            value.i32 = argument.cast_signed();
        }
        self.view = None;
        // Until it is known that the guest did what it was asked for.
        let was_done = std::mem::replace(&mut self.is_done, true);
        // SAFETY: an instance is only made of what has four parameters and one result, all of them numbers, and these are as many.
        let address = unsafe {
            self.store.call(realloc, &mut values)?;
            values[0].i32.cast_unsigned()
        };
        if !address.is_multiple_of(align) {
            return Err(AbiTrap::ReallocUnaligned.into());
        }
        if u64::from(address) + u64::from(bytes) > self.view()?.len as u64 {
            return Err(AbiTrap::ReallocOutOfBounds.into());
        }
        self.is_done = was_done;
        Ok(address)
    }

    /// Room for a list in the guest.
    pub(crate) fn allocate_list(&mut self, len: usize, size: u32, align: u32) -> Result<u32> {
        let bytes = u64::from(size).checked_mul(len as u64).and_then(|bytes| u32::try_from(bytes).ok());
        let bytes = bytes.ok_or(AbiTrap::ReallocOutOfBounds)?;
        self.realloc(0, 0, align, bytes)
    }

    /// Takes a resource from the guest.
    #[inline]
    pub(crate) fn lift_own(&mut self, handle: HandleIdx, index: u32) -> Result<u32> {
        let id = self.shared.resource(handle)?.1.id;
        let instance = self.crossing.instance;
        let state = self.state();
        Ok(state.tables[instance.index()].remove_own(index, id)?)
    }

    /// Uses a resource of the guest as long as the call lasts.
    #[inline]
    pub(crate) fn lift_borrow(&mut self, handle: HandleIdx, index: u32) -> Result<u32> {
        let id = self.shared.resource(handle)?.1.id;
        let CallPlan { instance, has_borrow, .. } = *self.crossing;
        let state = self.state();
        Ok(match has_borrow {
            true => state.lend(instance, index, id)?,
            false => state.tables[instance.index()].rep(index, id)?,
        })
    }

    /// Gives a resource to the guest.
    #[inline]
    pub(crate) fn lower_own(&mut self, handle: HandleIdx, rep: u32) -> Result<u32> {
        let id = self.shared.resource(handle)?.1.id;
        let instance = self.crossing.instance;
        self.is_done = true;
        let state = self.state();
        Ok(state.tables[instance.index()].insert_own(id, rep)?)
    }

    /// Lends a resource to the guest as long as the call lasts. Who defines it gets what it knows it by.
    pub(crate) fn lower_borrow(&mut self, handle: HandleIdx, rep: u32) -> Result<u32> {
        let (_, info) = self.shared.resource(handle)?;
        let (id, instance) = (info.id, self.crossing.instance);
        if info.owner == Some(instance) {
            return Ok(rep);
        }
        self.is_done = true;
        Ok(self.state().borrow(instance, rep, id)?)
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

    #[inline]
    fn take(&mut self) -> Result<&RawValue> {
        let value = self.values.get(self.position).ok_or(AbiTrap::OutOfBounds)?;
        self.position += 1;
        Ok(value)
    }

    /// The next value's lower half.
    #[inline]
    pub fn u32(&mut self) -> Result<u32> {
        // SAFETY: whoever wrote the value wrote at least its low four bytes, whatever its type.
        self.take().map(|value| unsafe { value.i32 }.cast_unsigned())
    }

    /// The next value.
    #[inline]
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

/// Core values that are lowered, to places for as many as the type has.
pub struct FlatOut<'a> {
    values: &'a mut [RawValue],
    len: usize,
}

impl<'a> FlatOut<'a> {
    pub(crate) fn new(values: &'a mut [RawValue]) -> Self {
        Self { values, len: 0 }
    }

    /// An integer, a float's bits or a pointer. The upper half is zero where it is not needed, so that the value is right as a wider one, too.
    #[inline]
    pub fn push(&mut self, bits: u64) {
        self.values[self.len].i64 = bits.cast_signed();
        self.len += 1;
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Fills the room of a payload.
    pub fn pad_to(&mut self, len: usize) {
        while self.len < len {
            self.push(0);
        }
    }
}

/// The most core values that parameters are passed as.
pub(crate) const FLAT_PARAMS_MAX: usize = 16;

/// Room for the core values of a call. Not a type of its own: what wraps uninitialised memory is zeroed as a whole by the compiler.
pub(crate) type Values = MaybeUninit<[RawValue; FLAT_PARAMS_MAX]>;

/// So many values, all zero; at least one, for the result.
#[inline(always)]
pub(crate) fn zeroed(values: &mut Values, count: usize) -> &mut [RawValue] {
    let values: *mut RawValue = values.as_mut_ptr().cast();
    let count = count.clamp(1, FLAT_PARAMS_MAX);
    for position in 0..count {
        // SAFETY: there is room for as many.
        unsafe { values.add(position).write(RawValue { i64: 0 }) };
    }
    // SAFETY: these were just written.
    unsafe { std::slice::from_raw_parts_mut(values, count) }
}
